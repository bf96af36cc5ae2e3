"""What users pass in, as recordings: one reader for every container of ``X``, one list of label arrays for every ``y``.

All shapes, dtypes, ``-1`` conventions and errors about input live here. Time is the last axis everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sslts.segments import check_integers
from sslts.values import REAL_KINDS, as_real, describe_unfit, fill_masked, fits_float32, measure_range

Container = Literal["array", "list", "panel"]


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
    ids : sequence or None
        Instance identifiers of a Panel container.

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
    ids: Sequence[Any] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def read(self, i: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``."""
        with np.errstate(over="ignore"):  # what is beyond float32's range was named by check_finite
            part = np.asarray(self.sources[i][..., start:stop]).astype(np.float32)
        return part.reshape(self.n_channels, -1)

    def check_finite(self, name: str = "X", *, missing: bool = False) -> None:
        """Raise ValueError that names the first recording that float32 can't hold, and what is wrong with it.

        Parameters
        ----------
        name : str
            What the error calls the argument.
        missing : bool
            Whether NaN and infinite values are allowed.
        """
        for first, low, high in self._measure_ranges():
            fits = fits_float32(low, high)
            if not fits.all():
                for i in first + np.flatnonzero(~fits.all(-1)):
                    self._refuse(int(i), name, missing)

    def _measure_ranges(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield ``(first, low, high)``: the range (n, C) of the recordings from ``first`` on; integers always fit."""
        if isinstance(self.sources, _Rows):
            if np.dtype(self.sources.array.dtype).kind != "f":
                return
            rows = _CHUNK // max(int(self.lengths[0]) * self.n_channels, 1)
            if rows > 1:
                for first in range(0, len(self), rows):
                    block = np.asarray(self.sources.array[first : first + rows])
                    yield first, *measure_range(block.reshape(len(block), self.n_channels, -1))
                return
        for i, length in enumerate(self.lengths):
            ranges = [
                measure_range(np.asarray(self.sources[i][..., start : start + _CHUNK]).reshape(1, self.n_channels, -1))
                for start in range(0, length, _CHUNK)
            ]
            low, high = (np.stack(bounds) for bounds in zip(*ranges, strict=True))
            yield i, low.min(0), high.max(0)

    def _refuse(self, i: int, name: str, missing: bool) -> None:
        values = np.asarray(self.sources[i][..., :], dtype=np.float64).reshape(self.n_channels, -1)
        if missing:
            values = np.where(np.isfinite(values), values, 0.0)
            if fits_float32(*measure_range(values)).all():
                return
        raise ValueError(f"{name}: recording {i} {describe_unfit(values)}")

    def has_equal_lengths(self) -> bool:
        """Return whether all recordings have the same length."""
        return bool((self.lengths == self.lengths[0]).all())

    def pack(self, arrays: Sequence[np.ndarray]) -> Any:
        """Return one result per recording in the form of the container that the user passed."""
        if self.container == "array" or (self.container == "panel" and self.has_equal_lengths()):
            return np.stack(arrays)
        return list(arrays)


_CHUNK = 1 << 22


class _Rows(Sequence[Any]):
    """Recordings of an ``(n, ...)`` array-like that is sliced only when read (memory-map, zarr)."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, i: Any) -> Any:
        if i >= len(self):
            raise IndexError(i)
        return _Row(self.array, i)


class _Row:
    def __init__(self, array: Any, i: int) -> None:
        self.array, self.i, self.shape = array, i, array.shape[1:]

    def __getitem__(self, key: Any) -> Any:
        return self.array[(self.i, *([slice(None)] * (len(self.array.shape) - 2)), key[-1])]


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
    if isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1):
        return _from_list(list(X), name)
    if not isinstance(X, np.ndarray) and hasattr(X, "shape") and hasattr(X, "chunks"):  # zarr and its kind
        return _from_array(X, name)
    return _from_array(_check_dense(X, name), name)


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
    if isinstance(X, np.ndarray) and X.dtype.kind not in "c" + REAL_KINDS:
        X = as_real(X, name)
    X = check_array(X, dtype=None, allow_nd=True, ensure_all_finite=False)
    return np.asarray(as_real(X, name))


def _from_array(X: Any, name: str) -> Recordings:
    if len(X.shape) not in (2, 3):
        raise ValueError(f"{name} has shape {tuple(X.shape)}; expected (n, T) or (n, C, T).")
    if 0 in X.shape:
        raise ValueError(f"{name} has shape {tuple(X.shape)}: it holds no sample. Pass at least one recording.")
    lengths = np.full(X.shape[0], X.shape[-1], dtype=np.int64)
    return Recordings(_Rows(X), lengths, 1 if len(X.shape) == 2 else int(X.shape[1]), "array")


def _from_panel_frame(X: pd.DataFrame, name: str) -> Recordings:
    from sktime.datatypes import convert_to

    frames = convert_to(X, to_type="df-list", as_scitype="Panel")
    recordings = _from_list(list(frames), name)
    ids = list(X.index.get_level_values(0).unique()) if isinstance(X.index, pd.MultiIndex) else None
    return Recordings(recordings.sources, recordings.lengths, recordings.n_channels, "panel", ids)


def _from_list(items: list[Any], name: str) -> Recordings:
    if not items:
        raise ValueError(f"{name} holds no recording (0 sample(s)); pass at least one.")
    container: Container = "panel" if isinstance(items[0], pd.DataFrame) else "list"
    sources = [_as_source(item, i, name) for i, item in enumerate(items)]
    channels = [1 if len(source.shape) == 1 else int(source.shape[0]) for source in sources]
    for i, count in enumerate(channels):
        if count != channels[0]:
            raise ValueError(
                f"{name}: recording {i} has {count} channels, recording 0 has {channels[0]}; "
                "every recording needs the same channels."
            )
    lengths = np.array([source.shape[-1] for source in sources], dtype=np.int64)
    return Recordings(sources, lengths, channels[0], container)


def _as_source(item: Any, i: int, name: str) -> Any:
    if isinstance(item, pd.DataFrame):  # sktime's df-list: time by channel
        item = item.to_numpy().T
    item = as_real(item, f"{name}: recording {i}")
    if len(item.shape) not in (1, 2):
        raise ValueError(f"{name}: recording {i} has shape {tuple(item.shape)}; expected (T,) or (C, T).")
    if 0 in item.shape:
        raise ValueError(f"{name}: recording {i} has length zero (shape {tuple(item.shape)}); drop it.")
    return item


def as_labels(y: Any, recordings: Recordings, *, name: str = "y") -> list[np.ndarray]:
    """Read any accepted container of ``y`` as one int64 array per recording.

    Parameters
    ----------
    y : array-like
        ``(n, T)``; list or object array of ``(T_i,)``; ``(n,)`` or ``(n, 1)``, one label for the whole recording;
        or a Series on the index of a ``pd-multiindex`` ``X``. ``-1`` means unlabelled, classes are integers >= 0.
    recordings : Recordings
        What ``y`` labels.
    name : str
        What errors call the argument.

    Returns
    -------
    list of ndarray of int64, shape (T_i,)

    Raises
    ------
    ValueError
        If labels are missing, not whole numbers, below -1, or of another length than their recording.

    Examples
    --------
    >>> import numpy as np
    >>> [labels.tolist() for labels in as_labels([1, -1], as_recordings(np.zeros((2, 3))))]
    [[1, 1, 1], [-1, -1, -1]]
    """
    if _is_dense(y, recordings):
        return list(y.astype(np.int64, copy=False))
    items = list(_iterate_labels(y, recordings))
    if len(items) != len(recordings):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(recordings)} recordings, "
            f"{name} has {len(items)}; pass one entry of {name} per recording."
        )
    return [
        _as_label_array(item, i, int(length), name)
        for i, (item, length) in enumerate(zip(items, recordings.lengths, strict=True))
    ]


def _is_dense(y: Any, recordings: Recordings) -> bool:
    """Return whether ``y`` is one array of labels without defect, so that nobody need look at each row."""
    return (
        type(y) is np.ndarray
        and y.dtype.kind in "bi"
        and recordings.has_equal_lengths()
        and y.shape == (len(recordings), recordings.lengths[0])
        and y.min() >= -1
    )


def _iterate_labels(y: Any, recordings: Recordings) -> Iterator[Any]:
    if isinstance(y, (pd.Series, pd.DataFrame)) and isinstance(y.index, pd.MultiIndex):
        column = y.iloc[:, 0] if isinstance(y, pd.DataFrame) else y
        by_instance = dict(list(column.groupby(level=0, sort=False)))
        missing = [i for i in recordings.ids or [] if i not in by_instance]
        if missing:
            raise ValueError(f"y has no labels for instance {missing[0]!r} of X; mark unlabelled samples with -1.")
        ids = recordings.ids if recordings.ids is not None else list(by_instance)
        return (by_instance[i].to_numpy() for i in ids)
    if isinstance(y, (pd.Series, pd.DataFrame)):
        y = y.to_numpy()
    if not isinstance(y, (list, tuple)) and np.ndim(y) == 0:
        raise ValueError(f"y is a single value ({y!r}); expected labels for every recording.")
    return iter(y)


def _as_label_array(item: Any, i: int, length: int, name: str) -> np.ndarray:
    labels = check_integers(item, f"{name}[{i}] (recording {i})", squeeze=True)
    if labels.shape == (1,):
        labels = np.full(length, labels[0])
    if labels.shape != (length,):
        raise ValueError(
            f"{name}: recording {i} has labels of shape {labels.shape}, its signal has {length} samples; "
            "give one label per sample, or one for the whole recording."
        )
    return labels
