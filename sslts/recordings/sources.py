"""The sources of recordings: arrays in memory, or lazy arrays (files, zarr) that are read one stretch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts.recordings._values import read_array

_READ_SAMPLES = 1 << 22  # samples in memory at a time in a pass over a recording


def cut_stretches(length: int, width: int = 1) -> Iterator[tuple[int, int]]:
    """Yield the start and stop of each stretch in which a long array is read.

    Parameters
    ----------
    length : int
        Number of entries along the axis that is cut.
    width : int
        Number of values in each entry; more values give shorter stretches, which fit into memory.

    Examples
    --------
    >>> list(cut_stretches(5, width=1 << 21))
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(_READ_SAMPLES // width, 1)
    return ((start, min(start + step, length)) for start in range(0, length, step))


def is_lazy(source: Any) -> bool:
    """Return whether an array is lazy: its values are read or computed when it is sliced, as in zarr or a memory-map.

    Any object with ``shape`` and slicing is lazy, unless it is known to be in memory: NumPy arrays that map no file,
    pandas objects, Arrow tables, sparse matrices, and arrays with ``__dlpack__`` such as torch tensors.

    Examples
    --------
    >>> is_lazy(np.zeros(3))
    False
    """
    if isinstance(source, (_Row, Rows, _PickedChannels)):
        return is_lazy(source.array)
    if isinstance(source, np.ndarray):
        return _maps_a_file(source)
    if (
        isinstance(source, (np.generic, pd.DataFrame, pd.Series))
        or hasattr(source, "toarray")
        or hasattr(source, "__dlpack__")
        or is_table(source)
    ):
        return False
    return hasattr(source, "shape") and hasattr(source, "__getitem__")


def is_table(source: Any) -> bool:
    """Return whether the source is an Arrow table or column, such as polars and pyarrow have.

    Examples
    --------
    >>> is_table(np.zeros((2, 3)))
    False
    """
    if hasattr(source, "dims"):  # an array of xarray hands out Arrow streams, but may lie in a file
        return False
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def _maps_a_file(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def _find_dtype(source: Any) -> np.dtype:
    """Return the dtype of a source, from its first sample if it has no attribute ``dtype``."""
    if not hasattr(source, "dtype"):
        return np.asarray(read_source(source, 0, 1)).dtype
    return np.dtype(source.dtype)


def read_source(source: Any, start: int, stop: int) -> np.ndarray:
    """Return samples ``start:stop`` of one recording, time last, in the source's own dtype; masked values become NaN.

    Raises
    ------
    OSError
        If the source no longer exists, or has changed its shape.

    Examples
    --------
    >>> read_source(np.arange(6).reshape(2, 3), 1, 3)
    array([[1, 2],
           [4, 5]])
    """
    wanted = (*source.shape[:-1], stop - start)
    part = read_array(source[start:stop] if len(wanted) == 1 else source[:, start:stop], "it")
    if part.shape != wanted:
        raise OSError(
            f"the source returned shape {part.shape} instead of {wanted}, so the source has changed since it was passed"
        )
    array = source.array if isinstance(source, _Row) else source
    if type(array).__module__.startswith("zarr.") and _may_be_missing(part, array.fill_value):
        _check_zarr_exists(array)
    return part


def _may_be_missing(part: np.ndarray, fill_value: Any) -> bool:
    """Return whether some values equal the fill value, which zarr silently returns for missing chunks."""
    if fill_value is None:
        return True
    return bool((part == fill_value).any() or (fill_value != fill_value and np.isnan(part).any()))


def _check_zarr_exists(array: Any) -> None:
    """Raise OSError if the zarr array was deleted from its store."""
    import zarr

    try:
        zarr.open_array(array.store, path=array.path, mode="r")
    except Exception as error:
        raise OSError(f"the zarr array is gone from {array.store}") from error


class Rows(Sequence[Any]):
    """The recordings of one ``(n, ...)`` array, which is sliced only when a recording is read.

    Examples
    --------
    >>> rows = Rows(np.arange(6).reshape(2, 3))
    >>> len(rows), rows[1].shape, read_source(rows[1], 1, 3).tolist()
    (2, (3,), [4, 5])
    """

    def __init__(self, array: Any) -> None:
        self.array = array

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return _Row(self.array, int(i))


class _Row:
    """One recording of an ``(n, ...)`` array."""

    def __init__(self, array: Any, i: int) -> None:
        self.array, self.i = array, i
        self.shape = tuple(array.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return _find_dtype(self.array) if hasattr(self.array, "dtype") else np.asarray(self[:1]).dtype

    def __getitem__(self, key: Any) -> Any:
        key = key if isinstance(key, tuple) else (key,)
        full = (slice(None),) * (len(self.shape) - len(key))
        return self.array[(self.i, *key[:-1], *full, key[-1])]


class _PickedChannels:
    """Some channels of one recording, in an order of choice; the recording is sliced only when it is read.

    Parameters
    ----------
    array : array-like of shape (C, T)
    picked : sequence of int
        Positions of the channels.

    Examples
    --------
    >>> picked = _PickedChannels(np.arange(6).reshape(3, 2), [2, 0])
    >>> picked.shape, picked[:, 1:].tolist()
    ((2, 2), [[5], [1]])
    """

    def __init__(self, array: Any, picked: Sequence[int]) -> None:
        self.array, self.picked = array, list(picked)
        self.shape = (len(self.picked), int(array.shape[1]))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the recording."""
        return _find_dtype(self.array)

    def __getitem__(self, key: Any) -> Any:
        channels, time = key if isinstance(key, tuple) else (key, slice(None))
        start, stop, step = time.indices(self.shape[1])
        return read_source(self.array, start, max(start, stop))[self.picked][channels][..., :: step or 1]
