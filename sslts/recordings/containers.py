"""Readers for the containers that users pass as ``X``, such as arrays, lists and pandas tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts._notices import shorten, warn
from sslts._runs import find_runs
from sslts.recordings._clocks import warn_of_gaps, warn_of_uneven_times
from sslts.recordings._foreign import (
    adopt,
    arrange,
    check_kind,
    check_order,
    find_coordinate,
    find_dimensions,
    find_library,
    is_clock,
    is_data_array,
    is_foreign,
)
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
        ``(n, T)`` or ``(n, C, T)`` array (NumPy, memory-mapped, zarr, xarray); list or object array of ``(T_i,)`` or
        ``(C, T_i)``; sktime Panel (``pd-multiindex``, ``df-list``, ``nested_univ``). The dimensions of xarray are read
        by their names. Tables of polars and Arrow are read as those of pandas.
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
        if not len(X):
            raise ValueError(f"{name} holds no recording (0 sample(s)); pass at least one.")
        return X
    X = unpack(X, name)
    _check_kind(X, name)
    X = adopt(X)
    if isinstance(X, pd.DataFrame) and not X.shape[1]:
        raise ValueError(f"{name} is a table of shape {X.shape}, without columns (0 feature(s)); pass the signals.")
    if len(getattr(X, "shape", ())) == 1 and is_lazy(X) and _find_dtype(X).kind == "O":
        X = read_array(X, name)  # an array in each cell, such as HDF5's variable lengths
    for is_kind, read in _KINDS.items():
        if is_kind(X):
            return read(X, name)
    _check_not_flat(X, name)
    recordings = _from_array(X if not isinstance(X, np.ndarray) and is_lazy(X) else _check_dense(X, name), name)
    if isinstance(X, pd.DataFrame):
        recordings = replace(recordings, instances=X.index, times=[X.columns] * len(X))
        _warn_of_swapped_axes(X, recordings)
        warn_of_uneven_times([X.columns], name)
        return recordings
    _warn_of_swapped_axes(X, recordings)
    return recordings


def _check_kind(X: Any, name: str) -> None:
    """Raise TypeError with a fix for containers whose parts have names, but no order, or that are not read yet."""
    if isinstance(X, dict) and not hasattr(X, "shape"):  # some sparse matrices are dictionaries
        raise TypeError(
            f"{name} is a dictionary; expected an array (n, T) or (n, C, T), a list of arrays, or a Panel: pass "
            f"list({name}.values()), with the labels in the same order."
        )
    check_kind(X, name)


def _from_data_array(X: Any, name: str) -> Recordings:
    """Return the recordings of a ``DataArray``, whose dimensions are read by their names."""
    _check_not_flat(X, name)
    dimensions = find_dimensions(X, name, recordings=True)
    values = arrange(X, dimensions)
    recordings = _from_array(_check_dense(values, name) if isinstance(values, np.ndarray) else values, name)
    if dimensions is None:
        return recordings
    _warn_of_swapped_axes(values, recordings)
    times = find_coordinate(X, dimensions.time)
    warn_of_uneven_times([times], name)
    channels = find_coordinate(X, dimensions.channel)
    return replace(
        recordings,
        instances=find_coordinate(X, dimensions.recording),
        times=None if times is None else [times] * len(recordings),
        channel_names=None if channels is None else tuple(channels.tolist()),
    )


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
    if n_channels >= _FEW_COLUMNS * length:
        warn(
            f"{recordings.name} has shape {tuple(X.shape)}: each recording is taken as {n_channels} channels of "
            f"{length} sample{'s' * (length > 1)}.{recordings.hint_axes(n_channels) or ' Time is the last axis.'}"
        )
    timed = is_clock(getattr(X, "index", None))
    flat = len(recordings.sources[0].shape) == 1
    if timed or (flat and length < _FEW_COLUMNS and n >= _FEW_COLUMNS * length):
        name = recordings.name
        what = "is a DataFrame with an index of times" if timed else f"has shape {(n, length)}"
        single = f"[{name}]" if isinstance(X, pd.DataFrame) else f"{name}.T" if length == 1 else f"[{name}.T]"
        warn(
            f"{name} {what}: its {n} rows are taken as {n} recordings of {length} sample{'s' * (length > 1)}. If the "
            f"rows are the samples of one recording, pass {single}, with its labels in a list too."
        )


def _warn_of_swapped_recordings(recordings: Recordings) -> None:
    """Warn if the recordings of a list have far more channels than samples."""
    n_channels, longest = recordings.n_channels, int(recordings.lengths.max())
    if n_channels < _FEW_COLUMNS * longest:
        return
    what = f"{n_channels} channels of {longest} sample{'s' * (longest > 1)}"
    if recordings.container == "panel":
        fix = " Time runs down the rows of a table: pass table.T for each recording."
    else:
        fix = recordings.hint_axes(n_channels) or " Time is the last axis."
    warn(f"{recordings.name}: recording 0 is taken as {what}.{fix}")


def _is_panel_frame(X: Any) -> bool:
    if not isinstance(X, pd.DataFrame):
        return False
    return isinstance(X.index, pd.MultiIndex) or (X.size > 0 and isinstance(X.iloc[0, 0], (pd.Series, np.ndarray)))


def _is_object_series(X: Any) -> bool:
    return isinstance(X, pd.Series) and X.dtype == object


def _is_list(X: Any) -> bool:
    return isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)


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

    if index.nlevels != 2:
        raise ValueError(
            f"{name} has an index of {index.nlevels} levels, expected (instance, time). Join the outer levels: "
            f"{name}.index = pd.MultiIndex.from_arrays([{name}.index.droplevel(-1).map(str), "
            f"{name}.index.get_level_values(-1)]), and the same for the labels."
        )
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
    clocks = [times[cut] for cut in cuts]
    if times.dtype.kind not in "iu":  # `warn_of_gaps` looks at integers
        warn_of_uneven_times(clocks, name)
    return replace(
        recordings,
        container="panel",
        index=index,
        channel_names=columns,
        times=clocks,
        instances=index.droplevel(-1).unique(),
    )


def _stack_cells(cells: np.ndarray, i: int, name: str) -> np.ndarray:
    lengths = [np.size(cell) for cell in cells]
    if len(set(lengths)) > 1:
        raise ValueError(f"{name}: recording {i} has channels of {lengths} samples; give all channels the same length.")
    return np.stack([read_array(cell, f"{name}: recording {i}").reshape(-1) for cell in cells])


def _from_object_series(X: pd.Series, name: str) -> Recordings:
    return replace(_from_list(list(X), name), instances=X.index)


def _from_list(X: Any, name: str) -> Recordings:
    items = list(X)
    if not items:
        raise ValueError(f"{name} holds no recording (0 sample(s)); pass at least one.")
    if any(map(is_foreign, items)):
        for i, item in enumerate(items):
            check_kind(item, f"{name}[{i}]")
        items = [adopt(item) for item in items]
    container: _Container = "panel" if isinstance(items[0], pd.DataFrame) else "list"
    described = [_describe_item(item, f"{name}: recording {i}") for i, item in enumerate(items)]
    names = described[0].names
    for i, item in enumerate(described):
        if names is not None and item.names is not None:
            _check_channel_names(item.names, names, f"{name}: recording {i}", "recording 0 has")
    sources = [_as_source(item.source, i, name) for i, item in enumerate(described)]
    channels = [1 if len(source.shape) == 1 else int(source.shape[0]) for source in sources]
    for i, count in enumerate(channels):
        if count != channels[0]:
            same = len({source.shape[-1] for source in sources}) == 1
            raise ValueError(
                f"{name}: recording {i} has {count} channels, recording 0 has {channels[0]}; "
                "give every recording the same channels."
                + (" Time is the last axis: if it is the first, pass recording.T for each recording." if same else "")
            )
    lengths = np.array([source.shape[-1] for source in sources], dtype=np.int64)
    times = [item.times for item in described]
    known = times if any(index is not None for index in times) else None
    warn_of_uneven_times(times, name)
    recordings = Recordings(sources, lengths, channels[0], container, name=name, channel_names=names, times=known)
    _warn_of_swapped_recordings(recordings)
    return recordings


class _Item(NamedTuple):
    """One recording of a list, with time last; names of its channels, and its clock."""

    source: Any
    names: tuple[Any, ...] | None = None
    times: pd.Index | None = None


def _describe_item(item: Any, place: str) -> _Item:
    if isinstance(item, pd.DataFrame):  # sktime's df-list has shape (T, C)
        values = item.to_numpy()
        if values.dtype == object:
            _check_columns(item, place)
        return _Item(values.T, tuple(item.columns), item.index)
    if isinstance(item, pd.Series):
        return _Item(item, None, item.index)
    if is_data_array(item):
        dimensions = find_dimensions(item, place, recordings=False)
        if dimensions is None:
            return _Item(arrange(item, None))
        channels = find_coordinate(item, dimensions.channel)
        names = None if channels is None else tuple(channels.tolist())
        return _Item(arrange(item, dimensions), names, find_coordinate(item, dimensions.time))
    return _Item(item)


def _check_columns(table: pd.DataFrame, place: str) -> None:
    """Raise TypeError if a table has a column of dates beside its signals, or of text."""
    clocks = [column for column, dtype in table.dtypes.items() if getattr(dtype, "kind", "") in "mM"]
    if clocks and len(clocks) < table.shape[1]:
        raise TypeError(
            f"{place} has the column {clocks[0]!r} of times; expected real numbers. Make it the index: "
            f"table.set_index({clocks[0]!r}), of a pandas table."
        )
    for k, column in enumerate(table.columns):
        texts = [isinstance(value, str) for value in table.iloc[:, k]] if table.dtypes.iloc[k].kind == "O" else []
        if any(texts):
            row = texts.index(True)
            raise TypeError(
                f"{place} has the text {shorten(table.iloc[row, k])} in row {table.index[row]} of the column "
                f"{column!r}; the argument must be free of strings and other objects: real numbers only. Correct the "
                "value, or drop the column."
            )


def _check_channel_names(names: tuple[Any, ...] | None, wanted: tuple[Any, ...] | None, who: str, other: str) -> None:
    """Raise ValueError if channels have other names than ``wanted``, or the same names in another order.

    Names are not compared for a single channel, or if some names are not text, as the columns of an unnamed table.
    ``who`` and ``other`` begin the two halves of the message, such as "X" and "recording 0 has".
    """
    if names is None or wanted is None or names == wanted or len(names) != len(wanted):
        return
    what = f"{who} has the channels {_list_names(names)}, {other} {_list_names(wanted)}"
    if set(names) == set(wanted):
        raise ValueError(f"{what}; pass them in the same order, for example frame[{_list_names(wanted)}].")
    if len(names) > 1 and all(isinstance(channel, str) for channel in (*names, *wanted)):
        raise ValueError(
            f"{what}; channels are matched by position: pass the same channels, or rename them, for example "
            f"frame.set_axis({_list_names(wanted)}, axis=1)."
        )


def _list_names(names: tuple[Any, ...]) -> str:
    return str(list(names)) if len(names) <= 12 else shorten(list(names))


def _as_source(item: Any, i: int, name: str) -> Any:
    item = unpack(item, f"{name}: recording {i}")
    if not is_lazy(item):
        item = as_real(item, f"{name}: recording {i}")
    if len(item.shape) not in (1, 2):
        raise ValueError(f"{name}: recording {i} has shape {tuple(item.shape)}; expected (T,) or (C, T).")
    if 0 in item.shape:
        raise ValueError(f"{name}: recording {i} has length zero (shape {tuple(item.shape)}); drop it.")
    if not is_real(dtype := _find_dtype(item)):
        raise ValueError(f"{name}: recording {i} has dtype {dtype}; expected real numbers.")
    return item


# For each kind of container, the question whether an object is one, and its reader. Any other object is read as an
# array, or refused.
_KINDS: dict[Callable[[Any], bool], Callable[[Any, str], Recordings]] = {
    is_data_array: _from_data_array,
    _is_panel_frame: _from_panel_frame,
    _is_object_series: _from_object_series,
    _is_list: _from_list,
}


def select_rows(X: Any, rows: np.ndarray, name: str = "X") -> Any:
    """Return the recordings or labels at the given positions; a lazy array, such as a zarr array, gives lazy rows.

    Raises
    ------
    ValueError
        If the first dimension of a ``DataArray`` is not that of the recordings.

    Examples
    --------
    >>> select_rows([[1, 2], [3]], np.array([1]))
    [[3]]
    """
    from sklearn.utils import _safe_indexing  # tables and metrics need no scikit-learn

    check_order(X, name)
    if find_library(X) == "pyarrow":
        return X.take(rows.tolist())
    if isinstance(X, (np.ndarray, Recordings)) or hasattr(X, "list_labels") or not is_lazy(X):
        return _safe_indexing(X, rows)
    if len(X.shape) == 1:  # a value for each recording
        return read_array(X, name)[rows]
    lazy = Rows(X)
    return [lazy[i] for i in rows]
