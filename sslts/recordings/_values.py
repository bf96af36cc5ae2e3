"""Checks that values are real numbers. Objects are judged by their type; none of their methods is called."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

_REAL_KINDS = "fiub"
_IN_MEMORY = ("__dlpack__", "__arrow_c_stream__", "__arrow_c_array__")  # attributes of tensors, tables and columns
# Exact types only: a subclass may run its own code.
_INTEGER_TYPES = frozenset({int} | {scalar for scalar in np.sctypeDict.values() if np.dtype(scalar).kind in "iu"})
_MISSING_TYPES = frozenset({type(None), type(pd.NA), type(np.ma.masked)})
_NUMBER_TYPES = frozenset(
    {float, int, bool, Decimal}
    | _MISSING_TYPES
    | {scalar for scalar in np.sctypeDict.values() if np.dtype(scalar).kind in _REAL_KINDS}
)
# Limit without normalization: the sum of squares over a batch must still fit into float32.
LARGEST_PLAIN = 1e12
LARGEST, _SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)


def is_real(dtype: Any) -> bool:
    """Return whether a dtype holds real numbers.

    Examples
    --------
    >>> is_real(np.dtype("int8")), is_real(np.dtype("complex64"))
    (True, False)
    """
    return np.dtype(dtype).kind in _REAL_KINDS


def as_real(item: Any, place: str, *, depth: int = 2) -> Any:
    """Return one array-like of real numbers, without reading it if it is lazy (a file or a zarr array).

    Parameters
    ----------
    item : array-like, nested list of numbers, or pandas.Series
        Masked and missing values become NaN.
    place : str
        Name of `item` in error messages.
    depth : int
        Maximum number of nested lists below the outer list.

    Returns
    -------
    array-like
        Has ``shape``, slicing, and a NumPy dtype of real numbers.

    Raises
    ------
    TypeError
        If `item` is, or holds, an object that is not a number.
    ValueError
        If the dtype is not real, or rows of a nested list differ in length.

    Examples
    --------
    >>> as_real([1, 2, None], "X: recording 0")
    array([ 1.,  2., nan])
    """
    item = unpack(item, place)
    if isinstance(item, (pd.Series, pd.DataFrame)):
        item = item.to_numpy()
    elif isinstance(item, (list, tuple)):
        item = _read_list(item, place, depth)
    elif type(item) in _NUMBER_TYPES:
        item = np.asarray(item)
    elif not all(hasattr(item, name) for name in ("shape", "dtype", "__getitem__")):
        raise TypeError(f"{place} is a {type(item).__name__}; expected an array of numbers.")
    if not _has_numpy_dtype(item):  # such as a tensor or a polars column
        item = _to_numpy(item, place)
    if isinstance(item, np.ndarray) and type(item) is not np.memmap:
        item = fill_masked(item)
    if item.dtype == object:
        return read_objects(np.asarray(item), place)
    if not is_real(item.dtype):
        raise ValueError(f"{place} has dtype {item.dtype}; expected real numbers.")
    return item


def _read_list(items: list[Any] | tuple[Any, ...], place: str, depth: int) -> np.ndarray:
    types = set(map(type, items))
    if types <= _NUMBER_TYPES:
        return np.array(items, dtype=object) if types & _MISSING_TYPES else np.asarray(items)
    if depth == 0:
        raise ValueError(f"{place} is not an array of numbers: its lists are nested too deep.")
    rows = [read_array(as_real(row, place, depth=depth - 1), place) for row in items]
    if len({row.shape for row in rows}) > 1:
        raise ValueError(
            f"{place} is not an array of numbers: its rows have the shapes {[row.shape for row in rows][:4]}."
        )
    return np.stack(rows)


def _has_numpy_dtype(item: Any) -> bool:
    try:
        np.dtype(item.dtype)
    except TypeError:
        return False
    return True


def _to_numpy(item: Any, place: str) -> np.ndarray:
    try:
        if hasattr(item, "get_mask") and hasattr(item, "get_data"):  # torch's masked tensors: True where valid
            return fill_masked(np.ma.array(_to_numpy(item.get_data(), place), mask=~_to_numpy(item.get_mask(), place)))
        return fill_masked(np.asanyarray(item.detach() if hasattr(item, "detach") else item))  # it may require grad
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{place} can't be read as an array: {error}") from error


def unpack(item: Any, place: str) -> Any:
    """Return an argument whose shape can be looked at: a nested tensor becomes a list of tensors.

    Parameters
    ----------
    item : Any
        An argument, or one recording of it.
    place : str
        Name of `item` in error messages.

    Raises
    ------
    OSError
        If `item` is a data set of a file that was closed.

    Examples
    --------
    >>> unpack([1, 2], "X")
    [1, 2]
    """
    if getattr(item, "is_nested", False) is True and hasattr(item, "unbind"):
        return [part.detach() for part in item.unbind()]
    try:
        getattr(item, "shape", None)
    except Exception as error:  # each library of files raises its own error
        raise OSError(f"{place} can't be read: {error}. Check that its file is still open.") from error
    return item


def read_array(item: Any, place: str) -> np.ndarray:
    """Return an array-like in memory, whatever it holds; masked values become NaN.

    Parameters
    ----------
    item : array-like
        An array, a tensor, a lazy array (a data set of a file), or nested lists.
    place : str
        Name of `item` in error messages.

    Raises
    ------
    OSError
        If `item` is lazy and can't be read.
    ValueError
        If `item` can't be converted to an array.

    Examples
    --------
    >>> read_array(np.ma.array([1, 2], mask=[False, True]), "X")
    array([ 1., nan])
    """
    if isinstance(item, (list, tuple)):
        return np.asarray(as_real(item, place))
    item = unpack(item, place)
    if not hasattr(item, "dtype") or not hasattr(item, "__getitem__"):
        return np.asarray(item)
    if isinstance(item, (np.ndarray, np.generic)):
        return fill_masked(np.asanyarray(item))
    in_memory = isinstance(item, pd.Series) or any(map(partial(hasattr, item), _IN_MEMORY))
    try:  # slicing, not np.asarray: variables of netCDF4 and dask arrays hand out masked arrays only so
        item = item if in_memory or not getattr(item, "shape", ()) else item[:]
        item = item.compute() if hasattr(item, "compute") else item
    except Exception as error:  # each library of files raises its own error
        raise OSError(f"{place} can't be read: {error}. Check that its file is still open.") from error
    return _to_numpy(item, place)


def as_float(values: np.ndarray) -> np.ndarray:
    """Return real numbers as float32, or as float64 if float32 can't hold every value of their dtype exactly."""
    return values.astype(np.float32 if np.can_cast(values.dtype, np.float32) else np.float64)


def fill_masked(values: np.ndarray) -> np.ndarray:
    """Return a plain array with NaN in place of masked values; integers become float64 if a value is masked.

    Besides NumPy's masked arrays, sub-classes with the attributes ``mask`` and ``unmasked`` are masked, as in astropy.
    """
    if type(values) is np.ndarray:
        return values
    masked = np.ma.isMaskedArray(values) or (hasattr(values, "mask") and hasattr(values, "unmasked"))
    mask = getattr(values, "mask", False) if masked else False
    plain = np.asarray(values.data if np.ma.isMaskedArray(values) else values.view(np.ndarray))
    if not np.any(mask):
        return plain
    plain = plain.astype(plain.dtype if plain.dtype.kind in "fcO" else np.float64)
    plain[np.broadcast_to(np.asarray(mask), plain.shape)] = np.nan
    return plain


def read_objects(values: np.ndarray, place: str) -> np.ndarray:
    """Return an object array of numbers as float64; None and pandas' NA become NaN.

    Raise TypeError if an object is not a number, and ValueError if a number is too large for float64. No method of the
    objects is called before their types are checked.
    """
    flat = values.ravel()
    foreign = set(map(type, flat)) - _NUMBER_TYPES
    if foreign:
        at = next(i for i, value in enumerate(flat) if type(value) in foreign)
        position = tuple(int(k) for k in np.unravel_index(at, values.shape))
        raise TypeError(
            f"{place} holds a {type(flat[at]).__name__} at {position}; the argument must be free of strings and other "
            "objects: real numbers only."
        )
    missing = np.array([type(value) in _MISSING_TYPES for value in flat], dtype=bool)
    if set(map(type, flat)) <= _INTEGER_TYPES and any(abs(int(value)) > 2**53 for value in flat):
        with contextlib.suppress(OverflowError):  # float64 would round them
            return np.array([int(value) for value in flat], dtype=np.int64).reshape(values.shape)
    out = np.full(len(flat), np.nan)
    try:
        out[~missing] = flat[~missing].astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"{place} holds a number that is too large for float64: {error}") from error
    return out.reshape(values.shape)


def measure_range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum and the maximum over the last axis; NaN if any value is NaN."""
    with np.errstate(invalid="ignore"):
        return values.min(-1), values.max(-1)


def fits_float32(low: np.ndarray, high: np.ndarray, *, largest: float = LARGEST) -> np.ndarray:
    """Return elementwise whether float32 can hold signals whose values range from ``low`` to ``high``.

    A signal does not fit if a value is not finite or larger than ``largest``, or if all values are smaller than
    float32's smallest normal number and would be rounded away. A signal of zeros fits.
    """
    peak = np.maximum(np.abs(low.astype(np.float64)), np.abs(high.astype(np.float64)))
    return (peak <= largest) & ~((peak > 0) & (peak < _SMALLEST))


def find_padding(values: np.ndarray) -> tuple[int, int] | None:
    """Return the stretch ``(start, end)`` with values if a recording (C, T) is padded with NaN; else None.

    It is padded if some samples at its ends, and no others, are NaN in all channels.

    Examples
    --------
    >>> from sslts.recordings import find_padding
    >>> find_padding(np.array([[1.0, 2.0, np.nan]]))
    (0, 2)
    """
    known = ~np.isnan(values).all(axis=0)
    if known.all() or not known.any():
        return None
    start, end = int(known.argmax()), len(known) - int(known[::-1].argmax())
    return (start, end) if np.isfinite(values[:, start:end]).all() else None


def describe_unfit(values: np.ndarray) -> str:
    """Return the end of an error message for values (C, T) that float32 can't hold: the problem and the fix."""
    nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    if nan or infinite:
        return (
            f"has {nan} NaN and {infinite} infinite values. Fill them with sslts.preprocessing.FillGaps (and "
            "set the labels of long gaps to -1), or cut these stretches out."
        )
    peak = np.abs(values).max(-1)
    if (peak <= LARGEST).all() and (peak > LARGEST_PLAIN).any():
        return (
            f"has values up to {float(peak.max()):.3g}; with normalization=None, the largest allowed value is "
            f"{LARGEST_PLAIN:.3g}. Pass normalization='recording', or multiply the recordings by a constant."
        )
    return (
        f"has values of {float(peak.max()) if (peak > LARGEST).any() else float(peak[(peak > 0)].min()):.3g}, out of "
        f"the range of float32 ({_SMALLEST:.3g} to {LARGEST:.3g}). Multiply the recordings by a constant."
    )
