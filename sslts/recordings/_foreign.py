"""Reading of polars, Arrow and xarray objects as pandas and NumPy objects. The libraries are never imported here."""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_LIBRARIES = ("polars", "pyarrow", "xarray")
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
def _find_library_of_type(kind: Any) -> str:
    names = (base.__module__.partition(".")[0] for base in kind.__mro__)
    return next((name for name in names if name in _LIBRARIES), "")


def find_library(item: Any) -> str:
    """Return "polars", "pyarrow" or "xarray" if the object belongs to the library, else an empty text.

    Examples
    --------
    >>> find_library(np.zeros(3))
    ''
    """
    kind: Any = type(item)
    return _find_library_of_type(kind)


def adopt(item: Any) -> Any:
    """Return a polars or Arrow object as a pandas table or a NumPy array; other objects unchanged.

    Parameters
    ----------
    item : object
        Tables become data frames, with the names of their columns; columns become arrays, with NaN for missing values.

    Examples
    --------
    >>> from sslts.recordings import adopt
    >>> adopt([1, 2])
    [1, 2]
    """
    library = find_library(item)
    if library == "polars" and hasattr(item, "collect_schema") and hasattr(item, "iter_columns"):
        return pd.DataFrame({column.name: column.to_numpy() for column in item.iter_columns()})
    if library == "pyarrow" and hasattr(item, "to_pandas") and hasattr(item, "column_names"):
        return item.to_pandas()
    if (library == "polars" and hasattr(item, "to_frame")) or (library == "pyarrow" and hasattr(item, "null_count")):
        return np.asarray(item)
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


def find_order(labels: Any, name: str = "y") -> tuple[Hashable, ...]:
    """Return the dimensions of a ``DataArray`` of the labels of several recordings, time last."""
    dimensions = find_dimensions(labels, name, recordings=True, channels=False)
    return tuple(labels.dims) if dimensions is None else dimensions.order


def adopt_labels(labels: Any, name: str = "y", *, single: bool = False) -> Any:
    """Return polars, Arrow and xarray labels as pandas or NumPy objects, time last; other labels unchanged.

    An object with a method ``list_labels`` is replaced by what the method returns: one array per recording.
    Coordinates of a ``DataArray`` become the index of the result, so that labels can be aligned by it.

    Parameters
    ----------
    labels : object
        Labels of all recordings, or of one.
    name : str, default="y"
        Name of the labels in error messages.
    single : bool, default=False
        Whether the labels belong to one recording.

    Raises
    ------
    ValueError
        If the dimensions of a ``DataArray`` are ambiguous, or the labels are a dictionary.

    Examples
    --------
    >>> from sslts.recordings import adopt_labels
    >>> adopt_labels([[0, 1]])
    [[0, 1]]
    """
    if hasattr(labels, "list_labels"):
        return labels.list_labels()
    if isinstance(labels, dict) and not hasattr(labels, "shape"):
        raise ValueError(f"{name} is a dictionary; pass a list in the order of the recordings: list({name}.values()).")
    if not single and isinstance(labels, (list, tuple)):
        return (
            labels if not any(map(find_library, labels)) else [adopt_labels(one, name, single=True) for one in labels]
        )
    if not is_data_array(labels):
        return adopt(labels)
    dimensions = find_dimensions(labels, name, recordings=not single, channels=False)
    values = arrange(labels, dimensions)
    if dimensions is None or not isinstance(values, np.ndarray):
        if labels.ndim == 1 and not single and isinstance(values, np.ndarray):
            index = find_coordinate(labels, labels.dims[0])
            return values if index is None else pd.Series(values, index)
        return values
    rows, times = find_coordinate(labels, dimensions.recording), find_coordinate(labels, dimensions.time)
    if rows is None and times is None:
        return values
    return pd.Series(values, times) if values.ndim == 1 else pd.DataFrame(values, rows, times)
