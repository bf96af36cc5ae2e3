"""Readers for the containers that users pass as ``X``, such as arrays, lists and pandas tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts._runs import find_runs
from sslts.recordings._clocks import warn_of_gaps, warn_of_uneven_times
from sslts.recordings._values import as_real, fill_masked, is_real, read_array, unpack
from sslts.recordings.recordings import Recordings, _Container
from sslts.recordings.sources import Rows, _find_dtype, is_lazy

# A table with fewer columns, and at least 8 times as many rows, is probably one recording with time along the rows.
_FEW_COLUMNS = 8


def as_recordings(X: Any, *, name: str = "X") -> Recordings:
    """Return any accepted container of ``X`` as `Recordings`.

    Parameters
    ----------
    X : array-like
        ``(n, T)`` or ``(n, C, T)`` array (NumPy, memory-mapped, zarr); list or object array of ``(T_i,)`` or
        ``(C, T_i)``; sktime Panel (``pd-multiindex``, ``df-list``, ``nested_univ``).
    name : str
        Name of the argument in error messages.

    Returns
    -------
    Recordings
        Views of the data; samples are copied only when they are read.

    Raises
    ------
    ValueError, TypeError
        If the container, its shape or its dtype is not accepted; the message names the recording.

    Examples
    --------
    >>> import numpy as np
    >>> len(as_recordings(np.zeros((4, 100))))
    4
    """
    if isinstance(X, Recordings):
        return X
    X = unpack(X, name)
    if isinstance(X, pd.DataFrame) and (isinstance(X.index, pd.MultiIndex) or _is_nested(X)):
        return _from_panel_frame(X, name)
    if isinstance(X, pd.Series) and X.dtype == object:
        return replace(_from_list(list(X), name), instances=X.index)
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1):
        return _from_list(list(X), name)
    _check_not_flat(X, name)
    recordings = _from_array(X if not isinstance(X, np.ndarray) and is_lazy(X) else _check_dense(X, name), name)
    _warn_of_swapped_axes(X, recordings)
    return replace(recordings, instances=X.index) if isinstance(X, pd.DataFrame) else recordings


def _check_not_flat(X: Any, name: str) -> None:
    """Raise ValueError if ``X`` has one dimension.

    scikit-learn's own message proposes ``reshape(-1, 1)``, which would give recordings of one sample.
    """
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) == 1:
        raise ValueError(
            f"{name} has shape {shape}; expected (n, T) or (n, C, T). Reshape your data: for one recording, pass "
            f"[{name}] (for an array, also {name}[None]), with its labels in the same form."
        )


def _warn_of_swapped_axes(X: Any, recordings: Recordings) -> None:
    """Warn if time seems not to be the last axis, judging by the index or the shape of ``X``."""
    n, length = len(recordings), int(recordings.lengths[0])
    n_channels = recordings.n_channels
    if length < _FEW_COLUMNS and n_channels >= _FEW_COLUMNS * length:
        warn(
            f"{recordings.name} has shape {tuple(X.shape)}: each recording is taken as {n_channels} channels of "
            f"{length} sample{'s' * (length > 1)}.{recordings.hint_axes(n_channels) or ' Time is the last axis.'}"
        )
    timed = isinstance(getattr(X, "index", None), (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))
    flat = len(recordings.sources[0].shape) == 1
    if timed or (flat and length < _FEW_COLUMNS and n >= _FEW_COLUMNS * length):
        name = recordings.name
        what = "is a DataFrame with an index of times" if timed else f"has shape {(n, length)}"
        single = f"[{name}]" if isinstance(X, pd.DataFrame) else f"[{name}.T]"
        warn(
            f"{name} {what}: its {n} rows are taken as {n} recordings of {length} sample{'s' * (length > 1)}. If the "
            f"rows are the samples of one recording, pass {single}, with its labels in a list too."
        )


def _is_nested(X: pd.DataFrame) -> bool:
    return X.size > 0 and isinstance(X.iloc[0, 0], (pd.Series, np.ndarray))


def _check_dense(X: Any, name: str) -> np.ndarray:
    from sklearn.utils import check_array

    if not hasattr(X, "shape") and not hasattr(X, "__array__"):
        raise TypeError(
            f"{name} is a {type(X).__name__}; expected an array (n, T) or (n, C, T), a list of arrays, or a Panel."
        )
    if np.ma.isMaskedArray(X) or (isinstance(X, np.ndarray) and hasattr(X, "unmasked")):
        X = fill_masked(X)
    elif isinstance(X, pd.DataFrame) and object in X.dtypes.to_numpy():
        X = X.to_numpy()
    if hasattr(X, "detach") or (isinstance(X, np.ndarray) and X.dtype.kind != "c" and not is_real(X.dtype)):
        X = as_real(X, name)
    X = check_array(X, dtype=None, allow_nd=True, ensure_all_finite=False)
    return np.asarray(as_real(X, name))


def _from_array(X: Any, name: str) -> Recordings:
    if len(X.shape) not in (2, 3):
        raise ValueError(f"{name} has shape {tuple(X.shape)}; expected (n, T) or (n, C, T).")
    if 0 in X.shape:
        raise ValueError(f"{name} has shape {tuple(X.shape)}: it holds no sample. Pass at least one recording.")
    if not is_real(dtype := _find_dtype(Rows(X)[0])):
        raise ValueError(f"{name} has dtype {dtype}; expected real numbers.")
    lengths = np.full(X.shape[0], X.shape[-1], dtype=np.int64)
    return Recordings(Rows(X), lengths, 1 if len(X.shape) == 2 else int(X.shape[1]), "array", name=name)


def _from_panel_frame(X: pd.DataFrame, name: str) -> Recordings:
    if isinstance(X.index, pd.MultiIndex):
        return _from_multiindex(X, X.index, name)
    if isinstance(X.iloc[0, 0], np.ndarray):  # sktime accepts only Series in cells
        rows = enumerate(X.to_numpy())
        frames = [pd.DataFrame(_stack_cells(row, i, name).T, columns=X.columns) for i, row in rows]
    else:
        from sktime.datatypes import convert_to

        frames = convert_to(X, to_type="df-list", as_scitype="Panel")
    return replace(_from_list(frames, name), instances=X.index)


def _from_multiindex(X: pd.DataFrame, index: pd.MultiIndex, name: str) -> Recordings:
    """Return the recordings of a table on the index (instance, time).

    The table is cut once for all instances; sktime's converter would look up each instance, which is slow.
    """
    from sktime.datatypes import check_raise

    warn_of_gaps(index, name)
    check_raise(X, "pd-multiindex", "Panel", var_name=name)
    instance = np.asarray(index.get_level_values(0).factorize(use_na_sentinel=False)[0])
    if (np.diff(instance) < 0).any():
        order = np.argsort(instance, kind="stable")
        X, index, instance = X.iloc[order], index[order], instance[order]
    starts, ends, _ = find_runs(instance)
    cuts = [slice(*cut) for cut in zip(starts.tolist(), ends.tolist(), strict=True)]
    values, times = X.to_numpy().T, index.get_level_values(-1)
    recordings = _from_list([values[:, cut] for cut in cuts], name)
    columns = tuple(X.columns)
    return replace(
        recordings,
        container="panel",
        index=index,
        channel_names=columns,
        times=[times[cut] for cut in cuts],
        instances=index.droplevel(-1).unique(),
    )


def _stack_cells(cells: np.ndarray, i: int, name: str) -> np.ndarray:
    lengths = [np.size(cell) for cell in cells]
    if len(set(lengths)) > 1:
        raise ValueError(f"{name}: recording {i} has channels of {lengths} samples; give all channels the same length.")
    return np.stack([read_array(cell, f"{name}: recording {i}").reshape(-1) for cell in cells])


def _from_list(items: list[Any], name: str) -> Recordings:
    if not items:
        raise ValueError(f"{name} holds no recording (0 sample(s)); pass at least one.")
    container: _Container = "panel" if isinstance(items[0], pd.DataFrame) else "list"
    names = tuple(items[0].columns) if container == "panel" else None
    for i, item in enumerate(items):
        if names is not None and isinstance(item, pd.DataFrame):
            _check_channel_names(tuple(item.columns), names, f"{name}: recording {i}", "recording 0 has")
    sources = [_as_source(item, i, name) for i, item in enumerate(items)]
    channels = [1 if len(source.shape) == 1 else int(source.shape[0]) for source in sources]
    for i, count in enumerate(channels):
        if count != channels[0]:
            raise ValueError(
                f"{name}: recording {i} has {count} channels, recording 0 has {channels[0]}; "
                "give every recording the same channels."
            )
    lengths = np.array([source.shape[-1] for source in sources], dtype=np.int64)
    times = [item.index if isinstance(item, (pd.Series, pd.DataFrame)) else None for item in items]
    known = times if any(index is not None for index in times) else None
    warn_of_uneven_times(times, name)
    return Recordings(sources, lengths, channels[0], container, name=name, channel_names=names, times=known)


def _check_channel_names(names: tuple[Any, ...] | None, wanted: tuple[Any, ...] | None, who: str, other: str) -> None:
    """Raise ValueError if channels have other names than ``wanted``, or the same names in another order.

    Names are not compared for a single channel, or if some names are not text, as the columns of an unnamed table.
    ``who`` and ``other`` begin the two halves of the message, such as "X" and "recording 0 has".
    """
    if names is None or wanted is None or names == wanted or len(names) != len(wanted):
        return
    what = f"{who} has the channels {list(names)}, {other} {list(wanted)}"
    if set(names) == set(wanted):
        raise ValueError(f"{what}; pass them in the same order, for example frame[{list(wanted)}].")
    if len(names) > 1 and all(isinstance(channel, str) for channel in (*names, *wanted)):
        raise ValueError(
            f"{what}; channels are matched by position: pass the same channels, or rename them, for example "
            f"frame.set_axis({list(wanted)}, axis=1)."
        )


def _as_source(item: Any, i: int, name: str) -> Any:
    item = unpack(item, f"{name}: recording {i}")
    if isinstance(item, pd.DataFrame):  # sktime's df-list has shape (T, C)
        item = item.to_numpy().T
    if not is_lazy(item):
        item = as_real(item, f"{name}: recording {i}")
    if len(item.shape) not in (1, 2):
        raise ValueError(f"{name}: recording {i} has shape {tuple(item.shape)}; expected (T,) or (C, T).")
    if 0 in item.shape:
        raise ValueError(f"{name}: recording {i} has length zero (shape {tuple(item.shape)}); drop it.")
    if not is_real(dtype := _find_dtype(item)):
        raise ValueError(f"{name}: recording {i} has dtype {dtype}; expected real numbers.")
    return item
