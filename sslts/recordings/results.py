"""Writing of results into new arrays, or into arrays that the user passes, such as memory-maps and zarr arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from sslts.recordings._overlap import MEMORY, find_overlap, overlaps_itself
from sslts.recordings.recordings import Recordings
from sslts.recordings.sources import Rows


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
        If an array in ``out`` has the wrong shape, can't hold the results, or is not writable, or if it shares bytes
        with the recordings or with another array in ``out``: in memory, in one file, or in one stored array.

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
            for i, (array, shape) in enumerate(zip(out, shapes, strict=True)):
                _check_target(array, f"out[{i}]", shape, np.dtype(dtype), holds)
        elif recordings.has_equal_lengths():
            _check_target(out, "out", (len(shapes), *shapes[0]), np.dtype(dtype), holds)
        else:
            raise ValueError(
                "out is one array, but the recordings differ in length; pass a list with one array per recording."
            )
        _check_apart(out, recordings)

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


def _check_apart(out: Any, recordings: Recordings) -> None:
    """Raise ValueError if results would overwrite samples that are still to be read, or other results."""
    single = not isinstance(out, (list, tuple))
    arrays = [out] if single else out
    names = ["out"] if single else [f"out[{i}]" for i in range(len(out))]
    for array, name in zip(arrays, names, strict=True):
        if overlaps_itself(array):
            raise ValueError(f"{name} has several elements at one place in memory; pass an array from np.empty.")
    found = find_overlap(arrays, recordings.sources)
    if found is None:
        return
    name = names[found.result]
    if found.with_result:
        if found.same:
            raise ValueError(f"{name} is the same array as {names[found.other]}; pass one array per recording.")
        other, fix = names[found.other], "pass arrays that do not overlap"
    else:
        of_one = "" if isinstance(recordings.sources, Rows) else f": recording {found.other}"
        other = f"{recordings.name}{of_one}"
        fix = (
            f"its samples would be overwritten before they are read. Pass another array, or a copy of {recordings.name}"
        )
    where = "memory with" if found.shared == MEMORY else "a part of a file or store with"
    raise ValueError(f"{name} shares {where} {other}; {fix}.")


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
