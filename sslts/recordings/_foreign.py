"""Reading of objects of other libraries as pandas and NumPy objects. The libraries are never imported here.

`adopt` reads tables and columns of polars and Arrow, `find_dimensions` tells the dimensions of xarray. `check_kind`
refuses what can't be read, and says what to pass instead.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_LIBRARIES = ("polars", "pyarrow", "xarray")
_OTHERS = ("dask", "dask_expr", "h5py", "zarr")  # arrays are read as they are, other objects are refused
_ALL = _LIBRARIES + _OTHERS
_TIME = re.compile(r"t|(.*[ _])?(times?|date_?times?|time_?stamps?|time_?steps?)([ _(\[].*)?")
_POSITION = re.compile(r"samples?|ticks?|frames?|steps?|points?|index|dates?|seconds?|s|ms")  # time, if nothing else is
_CHANNEL = re.compile(
    r"(ch|chan|channel|sensor|lead|feature|variable|component|electrode|ax[ie]s|dimension|band|derivation)s?"
    r"([ _(\[].*)?|axes"
)
_RECORDING = re.compile(
    r"(rec|recording|record|trial|epoch|instance|case|subject|patient|file|unit|segment|run|session|example|batch|"
    r"machine|id|n)s?([ _(\[].*)?|series"
)


@lru_cache(maxsize=256)
def _find_library_of_type(kind: Any, libraries: tuple[str, ...] = _LIBRARIES) -> str:
    names = (base.__module__.partition(".")[0] for base in kind.__mro__)
    return next((name for name in names if name in libraries), "")


def find_library(item: Any) -> str:
    """Return "polars", "pyarrow" or "xarray" if the object belongs to the library, else an empty text.

    Examples
    --------
    >>> find_library(np.zeros(3))
    ''
    """
    kind: Any = type(item)
    return _find_library_of_type(kind)


def check_kind(item: Any, name: str) -> None:
    """Raise TypeError or ValueError for an object of a library whose values have no order, or are not read yet.

    Parameters
    ----------
    item : object
        Recordings, labels, a table, or one of several.
    name : str
        Name of the object in error messages.

    Raises
    ------
    TypeError
        If the object is no array or table, such as a group of a file; the message says what to pass instead.
    ValueError
        If the object is an array of unknown length.

    Examples
    --------
    >>> from sslts.recordings import check_kind
    >>> check_kind(np.zeros(3), "X")
    """
    kind: Any = type(item)
    library = _find_library_of_type(kind, _ALL)
    if not library:
        return
    if library.startswith("dask") and hasattr(kind, "chunks"):
        if any(length != length for length in item.shape):
            raise ValueError(f"{name} has an unknown length; pass {name}.compute_chunk_sizes().")
        return
    if library == "xarray" and not (hasattr(kind, "dims") and hasattr(kind, "variable")):
        fix = (
            f'one of its variables, or {name}.to_dataarray("channel")' if hasattr(kind, "data_vars") else "a DataArray"
        )
    elif library.startswith("dask"):
        fix = f"{name}.compute()"
    elif library in ("h5py", "zarr") and not hasattr(kind, "shape"):
        fix = f"one of its arrays, or a list of them, such as [{name}[key] for key in {name}], all in one order"
    elif library == "polars" and hasattr(kind, "collect"):
        fix = f"{name}.collect()"
    elif library == "pyarrow" and (hasattr(kind, "read_all") or hasattr(kind, "to_table")):
        fix = f"{name}.{'read_all' if hasattr(kind, 'read_all') else 'to_table'}()"
    else:
        return
    kind_name = f"dask {kind.__name__}" if library.startswith("dask") else kind.__name__  # not that of pandas
    raise TypeError(f"{name} is a {kind_name}; expected an array or a table: pass {fix}.")


def is_foreign(item: Any) -> bool:
    """Return whether an object belongs to a library that is named here.

    Examples
    --------
    >>> is_foreign(np.zeros(3))
    False
    """
    kind: Any = type(item)
    return bool(_find_library_of_type(kind, _ALL))


def adopt(item: Any) -> Any:
    """Return a polars or Arrow object as a pandas table or a NumPy array; other objects unchanged.

    Parameters
    ----------
    item : object
        Tables become data frames, with the names of their columns; columns become arrays, with NaN for missing values.
        Columns of lists become arrays of arrays, of whichever library.

    Examples
    --------
    >>> from sslts.recordings import adopt
    >>> adopt([1, 2])
    [1, 2]
    """
    library = find_library(item)
    if library == "polars" and hasattr(item, "collect_schema") and hasattr(item, "iter_columns"):
        columns = {column.name: column.to_numpy() for column in item.iter_columns()}
        return pd.DataFrame({name: list(values) if values.ndim > 1 else values for name, values in columns.items()})
    if library == "pyarrow" and hasattr(item, "to_pandas") and hasattr(item, "column_names"):
        return item.to_pandas()
    if library == "pyarrow" and hasattr(item, "as_py") and hasattr(item, "values"):  # a row of a column of lists
        return np.asarray(item.values)
    if (library == "polars" and hasattr(item, "to_frame")) or (library == "pyarrow" and hasattr(item, "null_count")):
        return np.asarray(item)
    if isinstance(item, pd.Series) and getattr(item.dtype, "type", None) is list:  # Arrow's lists in pandas
        return item.astype(object)
    return item


class Dimensions(NamedTuple):
    """The dimensions of a ``DataArray`` by their meaning; None for a missing dimension."""

    recording: Hashable | None
    channel: Hashable | None
    time: Hashable

    @property
    def order(self) -> tuple[Hashable, ...]:
        """The dimensions in the order of this package: recordings, channels, time."""
        return tuple(name for name in self if name is not None)


def find_dimensions(array: Any, place: str, *, recordings: bool, channels: bool = True) -> Dimensions | None:
    """Return which dimension of a ``DataArray`` is time, and which are channels and recordings.

    Names decide first, then coordinates of dates or durations, and the position only if no name says anything. Return
    None if the number of dimensions fits nothing.

    Parameters
    ----------
    array : xarray.DataArray
    place : str
        Name of the array in error messages.
    recordings : bool
        Whether the array holds several recordings.
    channels : bool
        Whether a recording may have several channels.

    Raises
    ------
    ValueError
        If the names leave the meaning of the dimensions open, or contradict the argument.
    """
    dims = tuple(array.dims)
    if len(dims) not in (range(2, 3 + channels) if recordings else range(1, 2 + channels)):
        return None
    time = _choose_time(array, dims, place)
    rest = [name for name in dims if name != time]
    if not recordings:
        if rest and _matches(_RECORDING, rest[0]):
            raise ValueError(
                f"{place} has the dimensions {dims}, so it holds several recordings; pass it without a list."
            )
        return Dimensions(None, rest[0] if rest else None, time)
    if len(rest) == 1:
        if channels and _matches(_CHANNEL, rest[0]):
            raise ValueError(
                f"{place} has the dimensions {dims}, so it is one recording with channels; pass [{place}], with its "
                "labels in a list too."
            )
        return Dimensions(rest[0], None, time)
    named = [name for name in rest if _matches(_CHANNEL, name)]
    others = [name for name in rest if _matches(_RECORDING, name)]
    if len(named) == 1:
        channel = named[0]
    elif len(others) == 1:
        channel = next(name for name in rest if name != others[0])
    elif time == dims[-1]:
        channel = rest[1]
    else:
        raise _refuse(place, dims, "channels")
    return Dimensions(next(name for name in rest if name != channel), channel, time)


def _choose_time(array: Any, dims: tuple[Hashable, ...], place: str) -> Hashable:
    """Return the dimension of time; raise ValueError if it is open."""
    if len(dims) == 1:
        return dims[0]
    named = [name for name in dims if _matches(_TIME, name)]
    clocks = [name for name in dims if is_clock(find_coordinate(array, name))]
    if len(named) == 1 and not (named[0] != dims[-1] and _matches(_POSITION, dims[-1])):
        return named[0]
    if named:
        if len(clocks) == 1 and clocks[0] in named and len(named) > 1:
            return clocks[0]
        raise _refuse(place, dims, "time")
    if len(clocks) == 1:
        return clocks[0]
    free = [name for name in dims if not _matches(_CHANNEL, name) and not _matches(_RECORDING, name)]
    positions = [name for name in free if _matches(_POSITION, name)]
    if len(free) == 1 or len(positions) == 1:
        return free[0] if len(free) == 1 else positions[0]
    if dims[-1] in free:
        return dims[-1]
    raise _refuse(place, dims, "time")


def _refuse(place: str, dims: tuple[Hashable, ...], what: str) -> ValueError:
    return ValueError(
        f"{place} has the dimensions {dims}, which leaves open where {what} is; rename the dimensions, such as "
        f'{place}.rename({{{dims[0]!r}: "recording", {dims[-1]!r}: "time"}}).'
    )


def _matches(pattern: re.Pattern[str], name: Hashable) -> bool:
    return pattern.fullmatch(str(name).strip().lower()) is not None


def is_clock(index: pd.Index | None) -> bool:
    """Return whether an index holds dates, durations or periods.

    Examples
    --------
    >>> is_clock(pd.RangeIndex(3)), is_clock(pd.period_range("2026", periods=3, freq="s"))
    (False, True)
    """
    return isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))


def find_coordinate(array: Any, dim: Hashable | None) -> pd.Index | None:
    """Return the coordinate of a dimension of a ``DataArray``: its index, or another coordinate of times along it."""
    if dim is None:
        return None
    index = array.indexes.get(dim)
    if index is not None:
        return None if isinstance(index, pd.MultiIndex) else index
    for name, coordinate in array.coords.items():
        if coordinate.dims == (dim,) and (coordinate.dtype.kind in "mM" or _matches(_TIME, name)):
            return pd.Index(coordinate.values)
    return None


def arrange(array: Any, dimensions: Dimensions | None) -> Any:
    """Return a ``DataArray`` with time last: as a NumPy array if it is in memory, else lazy."""
    array = array if dimensions is None else array.transpose(*dimensions.order)
    return array.values if getattr(array.variable, "_in_memory", False) else array


def is_data_array(item: Any) -> bool:
    """Return whether this is an ``xarray.DataArray``.

    Examples
    --------
    >>> from sslts.recordings import is_data_array
    >>> is_data_array([0.0])
    False
    """
    return find_library(item) == "xarray" and hasattr(item, "dims") and hasattr(item, "variable")


def check_order(item: Any, name: str) -> None:
    """Raise ValueError if recordings can't be selected by position: a ``DataArray`` whose first dimension is another.

    Examples
    --------
    >>> from sslts.recordings import check_order
    >>> check_order(np.zeros((2, 3)), "X")
    """
    if not is_data_array(item) or item.ndim < 2:
        return
    dimensions = find_dimensions(item, name, recordings=True, channels=item.ndim > 2)
    if dimensions is not None and dimensions.recording != item.dims[0]:
        order = ", ".join(map(repr, dimensions.order))
        raise ValueError(
            f"{name} has the dimensions {item.dims}, but recordings are selected along the first; pass "
            f"{name}.transpose({order})."
        )


def find_order(labels: Any, name: str = "y") -> tuple[Hashable, ...]:
    """Return the dimensions of a ``DataArray`` of the labels of several recordings, time last."""
    dimensions = find_dimensions(labels, name, recordings=True, channels=False)
    return tuple(labels.dims) if dimensions is None else dimensions.order
