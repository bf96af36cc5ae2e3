"""Writing of results into new arrays, or into arrays that the user passes, such as memory-maps and zarr arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sslts.recordings.recordings import Recordings


class Output:
    """The results of all recordings, written one stretch at a time, in the kind of container that the user passed.

    Parameters
    ----------
    recordings : Recordings
    tail : tuple of int
        Shape of the result for one sample.
    dtype : dtype
        Dtype of the results.
    out : array-like, list of array-like, or None
        Arrays to write into: one ``(n, T, *tail)`` for equally long recordings, or one ``(T_i, *tail)`` per recording.
        None: new arrays are allocated.
    holds : tuple of int
        Minimum and maximum that arrays of integers in ``out`` must be able to hold.

    Raises
    ------
    ValueError
        If an array in ``out`` has the wrong shape, can't hold the results, or is not writable.

    Examples
    --------
    >>> from sslts.recordings import as_recordings
    >>> output = Output(as_recordings([[1.0, 2.0, 3.0]]), (), np.int64)
    >>> output.write(0, 1, np.array([7, 8]))
    >>> output.result[0][1:].tolist()
    [7, 8]
    """

    def __init__(
        self,
        recordings: Recordings,
        tail: tuple[int, ...],
        dtype: Any,
        out: Any = None,
        holds: tuple[int, int] = (0, 0),
    ) -> None:
        self.done = np.zeros(len(recordings), dtype=np.int64)
        self.lengths, self.given = recordings.lengths, out is not None
        shapes = [(int(length), *tail) for length in recordings.lengths]
        if out is None:
            self.result = (
                np.empty((len(shapes), *shapes[0]), dtype)
                if recordings.packs_to_array()
                else [np.empty(shape, dtype) for shape in shapes]
            )
            return
        self.result = out
        if isinstance(out, (list, tuple)):
            if len(out) != len(recordings):
                raise ValueError(
                    f"out has {len(out)} arrays, X has {len(recordings)} recordings; pass one array per recording."
                )
            _check_distinct(out)
            for i, (array, shape) in enumerate(zip(out, shapes, strict=True)):
                _check_target(array, f"out[{i}]", shape, np.dtype(dtype), holds)
        elif recordings.has_equal_lengths():
            _check_target(out, "out", (len(shapes), *shapes[0]), np.dtype(dtype), holds)
        else:
            raise ValueError(
                "out is one array, but the recordings differ in length; pass a list with one array per recording."
            )

    def write(self, i: int, start: int, values: np.ndarray) -> None:
        """Write the results ``values`` of recording ``i``, beginning at sample ``start``."""
        if not len(values):  # a decoder may return no label yet
            return
        stop = start + len(values)
        try:
            if isinstance(self.result, (list, tuple)):
                self.result[i][start:stop] = values
            else:
                self.result[i, start:stop] = values
        except Exception as error:
            raise OSError(f"out: samples {start} to {stop} of recording {i} could not be written: {error}") from error
        self.done[i] = stop

    @contextlib.contextmanager
    def keep(self) -> Iterator[None]:
        """Flush memory-maps at the end of the block; after an error, add a note on the results already in ``out``."""
        try:
            yield
        except BaseException as error:
            if self.given:
                error.add_note(f"out holds {self._describe_progress()}.")
            raise
        finally:
            for array in self.result if isinstance(self.result, (list, tuple)) else [self.result]:
                if isinstance(array, np.memmap):
                    array.flush()

    def _describe_progress(self) -> str:
        whole = self.done == self.lengths
        text = f"the results of {int(whole.sum())} of {len(self.done)} recordings"
        begun = np.flatnonzero((self.done > 0) & ~whole)
        return text + "".join(f", and of samples 0 to {self.done[i]} of recording {i}" for i in begun)


def _check_distinct(out: Sequence[Any]) -> None:
    """Raise ValueError if two arrays begin at the same place in memory: each would overwrite the results before it."""
    seen: dict[Any, int] = {}
    for i, array in enumerate(out):
        place = array.ctypes.data if isinstance(array, np.ndarray) and array.size else id(array)
        if place in seen:
            raise ValueError(f"out[{i}] is the same array as out[{seen[place]}]; pass one array per recording.")
        seen[place] = i


def _check_target(array: Any, name: str, shape: tuple[int, ...], dtype: np.dtype, holds: tuple[int, int]) -> None:
    if not hasattr(array, "shape") or not hasattr(array, "dtype") or not hasattr(array, "__setitem__"):
        raise ValueError(f"{name} is a {type(array).__name__}; pass an array that can be written to.")
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; the result has {shape}.")
    try:
        own = np.dtype(array.dtype)
    except TypeError:
        raise ValueError(f"{name} is a {type(array).__name__}; pass an array with a NumPy dtype.") from None
    fits = own.kind == dtype.kind
    if own.kind in "iu" and dtype.kind in "iu":
        fits = np.iinfo(own).min <= holds[0] and holds[1] <= np.iinfo(own).max
    if not fits:
        raise ValueError(f"{name} has dtype {own}, which can't hold the result; use {dtype}.")
    flags = getattr(array, "flags", None)
    if getattr(array, "read_only", False) or (flags is not None and not getattr(flags, "writeable", True)):
        raise ValueError(f"{name} is not writable; open it for writing (mode='r+' for a memory-map or zarr array).")
