"""What users pass as ``X``, as recordings: one reader for every container.

All shapes, dtypes and errors about signals live here. Time is the last axis everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sslts.clocks import warn_of_gaps, warn_of_uneven_times
from sslts.notices import warn
from sslts.segments import find_runs
from sslts.sources import READ_SAMPLES, Rows, find_dtype, is_lazy, read_source
from sslts.values import (
    LARGEST,
    LARGEST_PLAIN,
    REAL_KINDS,
    as_float,
    as_real,
    describe_unfit,
    fill_masked,
    fits_float32,
    measure_range,
)

Container = Literal["array", "list", "panel"]
FEW_COLUMNS = 8  # with fewer, and so many times more rows, a table looks like one recording, written down over time


@dataclass(frozen=True, eq=False)
class Recordings:
    """A collection of recordings that are read by stretches.

    Parameters
    ----------
    sources : sequence of array-like
        One per recording, of shape ``(T_i,)`` or ``(C, T_i)``; sliced only when read.
    lengths : ndarray of int64, shape (n,)
        Samples of each recording.
    n_channels : int
        Channels, the same in every recording.
    container : {"array", "list", "panel"}
        What the user passed, which decides what a prediction is returned as.
    index : pandas.MultiIndex or None
        That of a ``pd-multiindex``, instance and time, on which labels may be given.
    name : str
        What errors call the argument.
    channel_names : tuple or None
        The columns of a Panel.
    times : sequence of pandas.Index or None, or None
        The index of each recording of a list, None of one that has none, on which labels may be given. None: no
        recording has one.
    instances : pandas.Index or None
        The names of the recordings, of containers of pandas that have names for them.

    Examples
    --------
    >>> import numpy as np
    >>> recordings = as_recordings([np.arange(5.0), np.arange(3.0)])
    >>> recordings.lengths.tolist(), recordings.n_channels
    ([5, 3], 1)
    >>> recordings.read(0, 1, 3)
    array([[1., 2.]], dtype=float32)
    """

    sources: Sequence[Any]
    lengths: np.ndarray
    n_channels: int
    container: Container
    index: pd.MultiIndex | None = None
    name: str = "X"
    channel_names: tuple[Any, ...] | None = None
    times: Sequence[pd.Index | None] | None = None
    instances: pd.Index | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def is_lazy(self, i: int) -> bool:
        """Return whether recording ``i`` is read from elsewhere than memory, stretch by stretch."""
        return is_lazy(self.sources[i])

    def read(
        self,
        i: int,
        start: int = 0,
        stop: int | None = None,
        *,
        missing: bool = False,
        exact: bool = False,
        plain: bool = False,
    ) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``.

        With ``exact``, float64 if float32 can't hold what the source can: a signal with a large offset is to be told
        from that offset before it is rounded.

        Raises
        ------
        OSError
            If what the recording is read from is gone or broken.
        ValueError
            If values that are not in memory, so that `check_finite` has not seen them, are NaN, infinite or too large;
            ``missing`` and ``plain`` are as there.
        """
        length = int(self.lengths[i])
        stop = length if stop is None else min(stop, length)
        source = self.sources[i]
        try:
            given = read_source(source, start, stop)
        except Exception as error:  # of whatever kind: files, archives and networks have their own
            raise OSError(
                f"{self.name}: recording {i} could not be read at samples {start} to {stop}: {error}. Look whether its "
                "file is still there and whole."
            ) from error
        with np.errstate(over="ignore"):  # what is beyond float32's range is named by check_finite, or below
            part = (as_float(given) if exact else given.astype(np.float32)).reshape(self.n_channels, -1)
        if is_lazy(source):
            fits = np.abs(part) <= (LARGEST_PLAIN if plain else LARGEST)  # which NaN does not
            if not (fits | ~np.isfinite(given.reshape(part.shape)) if missing else fits).all():
                values = given.astype(np.float64).reshape(part.shape)
                unfit = describe_unfit(np.nan_to_num(values, posinf=0, neginf=0) if missing else values)
                raise ValueError(f"{self.name}: recording {i}, at samples {start} to {stop}, {unfit}")
        return part

    def get(self, i: int) -> np.ndarray:
        """Return recording ``i`` as it was given, in its own type: ``(T_i,)`` or ``(C, T_i)``."""
        return read_source(self.sources[i], 0, int(self.lengths[i]))

    def select(self, kept: Sequence[int]) -> Recordings:
        """Return some of the recordings, in this order, without the common index of a ``pd-multiindex``."""
        times = None if self.times is None else [self.times[i] for i in kept]
        sources = [self.sources[i] for i in kept]
        return replace(self, sources=sources, lengths=self.lengths[list(kept)], index=None, times=times, instances=None)

    def read_through(self, i: int) -> Iterator[np.ndarray]:
        """Yield recording ``i``, exactly, in stretches that fit into memory, however long it is."""
        for start in range(0, int(self.lengths[i]), READ_SAMPLES):
            yield self.read(i, start, start + READ_SAMPLES, exact=True)

    def check_finite(self, *, missing: bool = False, plain: bool = False) -> None:
        """Raise ValueError that names the first recording that float32 can't hold, and what is wrong with it.

        Recordings that are not in memory are not read for this: `read` looks at what it reads of them.

        Parameters
        ----------
        missing : bool
            Whether NaN and infinite values are allowed.
        plain : bool
            Whether the network will see the values as they are, so that their squares have to fit as well.
        """
        for first, low, high in self._measure_ranges():
            fits = fits_float32(low, high, largest=LARGEST_PLAIN) if plain else fits_float32(low, high)
            if not fits.all():
                for i in first + np.flatnonzero(~fits.all(-1)):
                    self._refuse(int(i), missing)

    def _measure_ranges(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield ``(first, low, high)``: the range (n, C) of the recordings from ``first`` on, but of small integers."""
        if isinstance(self.sources, Rows):
            if self.is_lazy(0):
                return
            dtype = self.sources.array.dtype
            if dtype.kind != "f" and dtype.itemsize < 8:
                return
            rows = READ_SAMPLES // max(int(self.lengths[0]) * self.n_channels, 1)
            if rows > 1:
                for first in range(0, len(self), rows):
                    block = np.asarray(self.sources.array[first : first + rows])
                    yield first, *measure_range(block.reshape(len(block), self.n_channels, -1))
                return
        for i, length in enumerate(self.lengths):
            if self.is_lazy(i):
                continue
            values = np.asarray(self.sources[i][..., :]).reshape(1, self.n_channels, -1)
            ranges = [
                measure_range(values[..., start : start + READ_SAMPLES]) for start in range(0, length, READ_SAMPLES)
            ]
            low, high = (np.stack(bounds) for bounds in zip(*ranges, strict=True))
            yield i, low.min(0), high.max(0)

    def _refuse(self, i: int, missing: bool) -> None:
        values = np.asarray(self.sources[i][..., :], dtype=np.float64).reshape(self.n_channels, -1)
        if missing:
            values = np.where(np.isfinite(values), values, 0.0)
            if fits_float32(*measure_range(values)).all():
                return
        raise ValueError(f"{self.name}: recording {i} {describe_unfit(values)}")

    def check_channels(self, wanted: int, who: str) -> None:
        """Raise ValueError if there are others than the ``wanted`` channels, with which ``who`` was fitted."""
        if self.n_channels != wanted:
            turned = (self.lengths == wanted).all()
            raise ValueError(
                f"{self.name} has {self.n_channels} channels, {who} was fitted with {wanted}; pass recordings of the "
                f"same channels in the same order.{self.hint_axes(self.n_channels) if turned else ''}"
            )

    def hint_axes(self, length: int) -> str:
        """Say how to turn recordings round if their axis of channels is as long as time should be, else nothing."""
        if length != self.n_channels or length == 1:
            return ""
        turned = f"{self.name}.transpose(0, 2, 1)" if self.container == "array" else "recording.T of each"
        return f" Its other axis has {length}: time is the last axis, pass {turned}."

    def has_equal_lengths(self) -> bool:
        """Return whether all recordings have the same length."""
        return bool((self.lengths == self.lengths[0]).all())

    def packs_to_array(self) -> bool:
        """Return whether one result per recording is returned as one array."""
        return self.container == "array" or (self.container == "panel" and self.has_equal_lengths())

    def pack(self, arrays: Sequence[np.ndarray]) -> Any:
        """Return one result per recording in the form of the container that the user passed."""
        return np.stack(arrays) if self.packs_to_array() else list(arrays)


def as_recordings(X: Any, *, name: str = "X") -> Recordings:
    """Read any accepted container of ``X``.

    Parameters
    ----------
    X : array-like
        ``(n, T)`` or ``(n, C, T)`` array (NumPy, memory-mapped, zarr); list or object array of ``(T_i,)`` or
        ``(C, T_i)``; sktime Panel (``pd-multiindex``, ``df-list``, ``nested_univ``).
    name : str
        What errors call the argument.

    Returns
    -------
    Recordings
        Views of the data; nothing is copied until it is read.

    Raises
    ------
    ValueError, TypeError
        If the container, its shape or its type is none of the above; the message names the recording.

    Examples
    --------
    >>> import numpy as np
    >>> len(as_recordings(np.zeros((4, 100))))
    4
    """
    if isinstance(X, Recordings):
        return X
    if isinstance(X, pd.DataFrame) and (isinstance(X.index, pd.MultiIndex) or _is_nested(X)):
        return _from_panel_frame(X, name)
    if isinstance(X, pd.Series) and X.dtype == object:
        return replace(_from_list(list(X), name), instances=X.index)
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1):
        return _from_list(list(X), name)
    _check_not_flat(X, name)
    recordings = _from_array(X if not isinstance(X, np.ndarray) and is_lazy(X) else _check_dense(X, name), name)
    _warn_of_rows(X, recordings)
    return replace(recordings, instances=X.index) if isinstance(X, pd.DataFrame) else recordings


def _check_not_flat(X: Any, name: str) -> None:
    """Refuse one dimension before scikit-learn does: a column, as it proposes, would be recordings of one sample."""
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) == 1:
        raise ValueError(
            f"{name} has shape {shape}; expected (n, T) or (n, C, T). Reshape your data: one recording is [{name}], or "
            f"{name}[None] of an array, and its labels alike."
        )


def _warn_of_rows(X: Any, recordings: Recordings) -> None:
    """Warn if the rows of a table seem to be the samples of one recording, by its index or by its shape."""
    n, length = len(recordings), int(recordings.lengths[0])
    n_channels = recordings.n_channels
    if length < FEW_COLUMNS and n_channels >= FEW_COLUMNS * length:
        warn(
            f"{recordings.name} has shape {tuple(X.shape)}: each recording is taken as {n_channels} channels of "
            f"{length} sample{'s' * (length > 1)}.{recordings.hint_axes(n_channels) or ' Time is the last axis.'}"
        )
    timed = isinstance(getattr(X, "index", None), (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))
    flat = len(recordings.sources[0].shape) == 1
    if timed or (flat and length < FEW_COLUMNS and n >= FEW_COLUMNS * length):
        name = recordings.name
        what = " is a DataFrame on an index of times, and" if timed else f" has shape {(n, length)}, and"
        one = f"[{name}]" if isinstance(X, pd.DataFrame) else f"[{name}.T]"
        warn(
            f"{name}{what} its {n} rows are taken as {n} recordings of {length} sample{'s' * (length > 1)}. If they "
            f"are the samples of one recording, pass {one}, and labels alike."
        )


def _is_nested(X: pd.DataFrame) -> bool:
    return X.size > 0 and isinstance(X.iloc[0, 0], (pd.Series, np.ndarray))


def _check_dense(X: Any, name: str) -> np.ndarray:
    from sklearn.utils import check_array

    if not hasattr(X, "shape") and not hasattr(X, "__array__"):
        raise TypeError(
            f"{name} is a {type(X).__name__}; expected an array (n, T) or (n, C, T), a list of arrays, or a Panel."
        )
    if np.ma.isMaskedArray(X):
        X = fill_masked(X)
    elif isinstance(X, pd.DataFrame) and object in X.dtypes.to_numpy():
        X = X.to_numpy()
    if hasattr(X, "detach") or (isinstance(X, np.ndarray) and X.dtype.kind not in "c" + REAL_KINDS):
        X = as_real(X, name)
    X = check_array(X, dtype=None, allow_nd=True, ensure_all_finite=False)
    return np.asarray(as_real(X, name))


def _from_array(X: Any, name: str) -> Recordings:
    if len(X.shape) not in (2, 3):
        raise ValueError(f"{name} has shape {tuple(X.shape)}; expected (n, T) or (n, C, T).")
    if 0 in X.shape:
        raise ValueError(f"{name} has shape {tuple(X.shape)}: it holds no sample. Pass at least one recording.")
    if (dtype := find_dtype(Rows(X)[0])).kind not in REAL_KINDS:
        raise ValueError(f"{name} has dtype {dtype}; expected real numbers.")
    lengths = np.full(X.shape[0], X.shape[-1], dtype=np.int64)
    return Recordings(Rows(X), lengths, 1 if len(X.shape) == 2 else int(X.shape[1]), "array", name=name)


def _from_panel_frame(X: pd.DataFrame, name: str) -> Recordings:
    if isinstance(X.index, pd.MultiIndex):
        return _from_multiindex(X, X.index, name)
    if isinstance(X.iloc[0, 0], np.ndarray):  # sktime knows cells of Series alone
        rows = enumerate(X.to_numpy())
        frames = [pd.DataFrame(_stack_cells(row, i, name).T, columns=X.columns) for i, row in rows]
    else:
        from sktime.datatypes import convert_to

        frames = convert_to(X, to_type="df-list", as_scitype="Panel")
    return replace(_from_list(frames, name), instances=X.index)


def _from_multiindex(X: pd.DataFrame, index: pd.MultiIndex, name: str) -> Recordings:
    """Cut a table by its instances, all at once: sktime's converter looks each of them up."""
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
        raise ValueError(f"{name}: recording {i} has channels of {lengths} samples; give each channel equally many.")
    return np.stack([np.asarray(cell).reshape(-1) for cell in cells])


def _from_list(items: list[Any], name: str) -> Recordings:
    if not items:
        raise ValueError(f"{name} holds no recording (0 sample(s)); pass at least one.")
    container: Container = "panel" if isinstance(items[0], pd.DataFrame) else "list"
    names = tuple(items[0].columns) if container == "panel" else None
    for i, item in enumerate(items):
        if names is not None and isinstance(item, pd.DataFrame):
            check_channel_names(tuple(item.columns), names, f"{name}: recording {i}", "recording 0")
    sources = [_as_source(item, i, name) for i, item in enumerate(items)]
    channels = [1 if len(source.shape) == 1 else int(source.shape[0]) for source in sources]
    for i, count in enumerate(channels):
        if count != channels[0]:
            raise ValueError(
                f"{name}: recording {i} has {count} channels, recording 0 has {channels[0]}; "
                "every recording needs the same channels."
            )
    lengths = np.array([source.shape[-1] for source in sources], dtype=np.int64)
    times = [item.index if isinstance(item, (pd.Series, pd.DataFrame)) else None for item in items]
    known = times if any(index is not None for index in times) else None
    warn_of_uneven_times(times, name)
    return Recordings(sources, lengths, channels[0], container, name=name, channel_names=names, times=known)


def check_channel_names(names: tuple[Any, ...] | None, wanted: tuple[Any, ...] | None, who: str, other: str) -> None:
    """Raise ValueError if channels are named as others are, or not as they are; they are taken by position.

    One channel may have any name, and so may channels that are not all named by text, as those of a plain array.

    Examples
    --------
    >>> check_channel_names(("a", "b"), ("a", "b"), "X", "what the segmenter was fitted on")
    """
    if names is None or wanted is None or names == wanted or len(names) != len(wanted):
        return
    what = f"{who} has the channels {list(names)}, {other} {list(wanted)}"
    if set(names) == set(wanted):
        raise ValueError(f"{what}; pass them in the same order, as frame[{list(wanted)}].")
    if len(names) > 1 and all(isinstance(channel, str) for channel in (*names, *wanted)):
        raise ValueError(
            f"{what}; channels are taken by position: pass the same ones, or rename them, as "
            f"frame.set_axis({list(wanted)}, axis=1)."
        )


def _as_source(item: Any, i: int, name: str) -> Any:
    if isinstance(item, pd.DataFrame):  # sktime's df-list: time by channel
        item = item.to_numpy().T
    if not is_lazy(item):
        item = as_real(item, f"{name}: recording {i}")
    if len(item.shape) not in (1, 2):
        raise ValueError(f"{name}: recording {i} has shape {tuple(item.shape)}; expected (T,) or (C, T).")
    if 0 in item.shape:
        raise ValueError(f"{name}: recording {i} has length zero (shape {tuple(item.shape)}); drop it.")
    if (dtype := find_dtype(item)).kind not in REAL_KINDS:
        raise ValueError(f"{name}: recording {i} has dtype {dtype}; expected real numbers.")
    return item
