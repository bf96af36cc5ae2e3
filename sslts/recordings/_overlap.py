"""Search for arrays that share bytes: in memory, in one file that is mapped twice, or in one stored array.

Results that are written into an array must not overwrite samples that are still to be read, or other results.
"""

from __future__ import annotations

import bisect
import heapq
import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts.recordings.sources import Rows, _Row

_MAPS = Path("/proc/self/maps")  # Linux lists the files that are mapped into memory
_BASE = 1 << 44  # where the first byte of a file lies in the space of this file; far from a null pointer
_MAX_WORK = 100_000  # for the exact comparison of two interleaved arrays; takes milliseconds
_PRIVATE = "c"  # mode of a memory-map whose changes do not reach the file
MEMORY = "memory"


class _Place(NamedTuple):
    """Bytes of an array: a view in the address space of the memory or of a file, or a whole stored array (None)."""

    space: Hashable
    view: np.ndarray | None
    inner: Any = None  # a container whose bytes lie within `view`; it is read only if `view` overlaps another array


class Overlap(NamedTuple):
    """Two arrays that share bytes: the place of the results, the place of the other array, and what they share.

    The other array is one of the results if `with_result`, else a source.
    """

    result: int
    other: int
    with_result: bool
    shared: Hashable
    same: bool  # whether both have the same bytes


def find_overlap(results: Sequence[Any], sources: Sequence[Any]) -> Overlap | None:
    """Return the first overlap of an array of results with another array of results, or with a source.

    Examples
    --------
    >>> x = np.zeros(10)
    >>> find_overlap([x[:5]], [x[5:]])
    >>> find_overlap([x[:5]], [x[4:]])[:4]
    (0, 0, False, 'memory')
    """
    maps = _FileMaps()
    arrays = [sources.array] if isinstance(sources, Rows) else sources
    found: dict[Hashable, list[tuple[int, int, bool, int, _Place]]] = {}
    for is_result, group in ((True, results), (False, arrays)):
        for i, array in enumerate(group):
            for place in _list_places(array, maps, written=is_result):
                low, high = (0, 1) if place.view is None else np.lib.array_utils.byte_bounds(place.view)
                found.setdefault(place.space, []).append((low, high, is_result, i, place))
    for space, entries in found.items():
        for first, second in _pair_intervals(entries):
            result, other = (first, second) if first[2] else (second, first)
            if _share_bytes(result[4], other[4]):
                i, j = (result[3], other[3]) if not other[2] else sorted((result[3], other[3]), reverse=True)
                return Overlap(i, j, other[2], space, result[:2] == other[:2])
    return None


def overlaps_itself(array: Any) -> bool:
    """Return whether several elements of a NumPy array may lie at one place, as in a broadcast array.

    Examples
    --------
    >>> overlaps_itself(np.zeros((3, 4))[::-1, ::2].T), overlaps_itself(np.broadcast_to(np.zeros(4), (3, 4)))
    (False, True)
    """
    if not isinstance(array, np.ndarray) or not array.size:
        return False
    reach = array.itemsize
    for stride, size in sorted((abs(stride), size) for stride, size in zip(array.strides, array.shape, strict=True)):
        if size > 1 and stride < reach:
            return True
        reach += stride * (size - 1)
    return False


def _pair_intervals(entries: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the pairs of overlapping intervals of which at least one belongs to a result."""
    unique = {
        (low, high, is_result, i if is_result else -1, _describe(place.view)): (low, high, is_result, i, place)
        for low, high, is_result, i, place in reversed(entries)
    }
    open_: dict[bool, list[Any]] = {True: [], False: []}
    for number, entry in enumerate(sorted(unique.values(), key=lambda entry: (entry[0], not entry[2], entry[3]))):
        for heap in open_.values():
            while heap and heap[0][0] <= entry[0]:
                heapq.heappop(heap)
        for _, _, other in (*open_[True], *(open_[False] if entry[2] else ())):
            yield entry, other
        heapq.heappush(open_[entry[2]], (entry[1], number, entry))


def _describe(view: np.ndarray | None) -> Hashable:
    return None if view is None else (view.shape, view.strides, view.itemsize)


def _share_bytes(first: _Place, second: _Place) -> bool:
    if first.view is None or second.view is None:
        return True
    a, b = (place.view if place.inner is None else _read_inner(place) for place in (first, second))
    try:
        return np.shares_memory(a, b, max_work=_MAX_WORK)  # type: ignore[arg-type]  # any number is allowed
    except np.exceptions.TooHardError:
        return True


def _read_inner(place: _Place) -> np.ndarray:
    """Return the bytes of a container in memory; all that lies behind it if it copies what it returns."""
    assert place.view is not None
    try:
        inner = np.asarray(place.inner[(slice(None),) * len(place.inner.shape)])
    except Exception:  # containers raise errors of many types
        return place.view
    return inner if np.may_share_memory(inner, place.view) else place.view


def _list_places(array: Any, maps: _FileMaps, *, written: bool) -> Iterator[_Place]:
    """Yield the places of an array: of the results if `written`, else of a source."""
    if isinstance(array, (_Row, Rows)):
        array = array.array
    if isinstance(array, (pd.Series, pd.DataFrame)):
        array = array.to_numpy()
    if isinstance(array, np.ndarray):
        yield from _list_places_of_view(np.asarray(array), maps, written=written)
        return
    yield _Place(("object", id(array)), None)
    room = type(array).__module__.partition(".")[0]
    if room == "zarr":
        yield _Place(("stored array", _name_zarr(array)), None)
    elif room == "h5py":
        yield _Place(("stored array", f"{os.path.realpath(array.file.filename)} {hash(array.id)}"), None)
    else:
        for inner in _list_inner(array):
            yield from _list_places(inner, maps, written=written)
        root = _find_root(_read_nothing(array))
        if root is not None and root.nbytes:
            for place in _list_places_of_view(root, maps, written=written):
                yield place._replace(inner=array if place.space == MEMORY else None)


def _list_places_of_view(view: np.ndarray, maps: _FileMaps, *, written: bool) -> Iterator[_Place]:
    if not view.size or view.dtype.hasobject:
        return
    yield _Place(MEMORY, view)
    root = _find_root(view)
    if root is not None and root.flags.owndata:
        return  # ordinary memory, no file
    low = int(np.lib.array_utils.byte_bounds(view)[0])
    known = maps.locate(view, low)
    if known is not None and not (written and known[2]):
        file, at, _ = known
        yield _Place(file, _move(view, _BASE + at + view.__array_interface__["data"][0] - low))


def _find_root(array: np.ndarray | None) -> np.ndarray | None:
    """Return the array that an array is a view of."""
    while array is not None and isinstance(array.base, np.ndarray):
        array = array.base
    return array


class _Moved:
    """The interface of an array at another address, to compare places; nothing is read there."""

    def __init__(self, view: np.ndarray, address: int) -> None:
        self.__array_interface__ = {
            "version": 3,
            "shape": view.shape,
            "strides": view.strides,
            "typestr": view.dtype.str,
            "data": (address, True),
        }


def _move(view: np.ndarray, address: int) -> np.ndarray:
    return np.asarray(_Moved(view, address))


class _FileMaps:
    """The files that are mapped into memory, read when they are first needed."""

    def __init__(self) -> None:
        self.regions: list[tuple[int, int, int, str, bool]] | None = None

    def locate(self, view: np.ndarray, address: int) -> tuple[Hashable, int, bool] | None:
        """Return the file behind an address, the position in this file, and whether changes stay in memory."""
        if self.regions is None:
            self.regions = list(_read_maps())
        if not self.regions:
            return _locate_memmap(view, address)
        low, high, offset, file, private = self.regions[bisect.bisect(self.regions, address, key=lambda r: r[0]) - 1]
        return (("file", file), offset + address - low, private) if low <= address < high else None


def _read_maps() -> Iterator[tuple[int, int, int, str, bool]]:
    """Yield start, end, position in the file, file, and whether changes stay in memory, of each mapped region."""
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        region, rights, offset, device, inode, *_ = line.split(maxsplit=5)
        if inode != "0":
            low, high = (int(bound, 16) for bound in region.split("-"))
            yield low, high, int(offset, 16), f"{device} {inode}", rights[3] == "p"


def _locate_memmap(view: np.ndarray, address: int) -> tuple[Hashable, int, bool] | None:
    """Return the same as `_FileMaps.locate` from the attributes of a ``numpy.memmap``."""
    found = None
    base: Any = view
    while isinstance(base, np.ndarray):
        found = base if isinstance(base, np.memmap) else found
        base = base.base
    if found is None or not isinstance(found.filename, (str, os.PathLike)):
        return None
    start = found.__array_interface__["data"][0]
    return ("file", os.path.realpath(found.filename)), found.offset + address - start, found.mode == _PRIVATE


def _name_zarr(array: Any) -> str:
    """Return where a zarr array is stored."""
    store = array.store
    while hasattr(store, "_store"):  # a wrapper around another store
        store = store._store
    root = getattr(store, "root", None)
    return os.path.realpath(os.path.join(root, array.path)) if root is not None else f"{store}/{array.path}"


def _list_inner(array: Any) -> Iterable[Any]:
    """Return the arrays that a container of another library or a custom container holds."""
    graph = getattr(array, "dask", None)
    held: list[Any] = list(graph.values()) if graph is not None else list(getattr(array, "__dict__", {}).values())
    held = [getattr(one, "value", one) for one in held]
    return [one for one in held if isinstance(one, np.ndarray) or type(one).__module__.startswith(("zarr.", "h5py."))]


def _read_nothing(array: Any) -> np.ndarray | None:
    """Return no sample of a container: a view of its memory, if it is in memory."""
    try:
        return np.asarray(array[(*(slice(None),) * (len(array.shape) - 1), slice(0, 0))])
    except Exception:  # containers raise errors of many types
        return None
