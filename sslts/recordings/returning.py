"""The way back: transformed signals in the kind of container that the user passed, with its index and its names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sslts.recordings._foreign import Dimensions, adopt, find_dimensions, find_library, is_data_array
from sslts.recordings.recordings import Recordings


def return_signals(arrays: Sequence[np.ndarray], recordings: Recordings, like: Any) -> Any:
    """Return one array per recording in the kind of container of `like`, with its index, names and clock.

    Parameters
    ----------
    arrays : sequence of ndarray
        ``(T_i,)`` or ``(C, T_i)``, as the sources of `recordings`; ``(C, T_i)`` for a Panel.
    recordings : Recordings
        The recordings of `like`.
    like : array-like
        The container that the user passed.

    Returns
    -------
    Recordings, DataFrame, Series, DataArray, ndarray or list
        Arrays of other libraries, such as tensors and zarr arrays, become NumPy arrays.

    Examples
    --------
    >>> from sslts.recordings import as_recordings, return_signals
    >>> like = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], index=["a", "b"])
    >>> return_signals(np.zeros((2, 2)), as_recordings(like), like).index.tolist()
    ['a', 'b']
    """
    if isinstance(like, Recordings):
        return replace(like, sources=[x.reshape(np.shape(s)) for x, s in zip(arrays, like.sources, strict=True)])
    if isinstance(like, pd.DataFrame):
        return _return_frame(arrays, recordings, like)
    if isinstance(like, pd.Series):
        return _fill_series([_return_item(x, item) for x, item in zip(arrays, like, strict=True)], like)
    if is_data_array(like):
        dimensions = find_dimensions(like, recordings.name, recordings=True)
        return _return_data_array(np.stack(arrays), like, None if dimensions is None else dimensions.order)
    if find_library(like):
        return _return_foreign(arrays, recordings, like)
    if isinstance(like, (list, tuple)) or (isinstance(like, np.ndarray) and like.dtype == object and like.ndim == 1):
        if all(isinstance(item, (list, tuple)) for item in like) and recordings.has_equal_lengths():
            return np.stack(arrays)
        return [_return_item(x, item) for x, item in zip(arrays, like, strict=True)]
    return recordings.pack(arrays)


def return_channels(arrays: Sequence[np.ndarray], names: Sequence[str], recordings: Recordings, like: Any) -> Any:
    """Return new channels (F, T_i) of each recording in the kind of container of `like`, with its index and clock.

    Parameters
    ----------
    arrays : sequence of ndarray, shape (F, T_i)
    names : sequence of str
        Names of the new channels: columns of a table with one row per sample.
    recordings : Recordings
        The recordings of `like`.
    like : array-like
        The container that the user passed.

    Returns
    -------
    Recordings, DataFrame, Series, ndarray or list
        A table with one row per recording has no place for several channels: it becomes an array (n, F, T). Columns
        become tables.

    Examples
    --------
    >>> from sslts.recordings import as_recordings, return_channels
    >>> like = [pd.Series([1.0, 2.0], index=["a", "b"])]
    >>> return_channels([np.zeros((2, 2))], ["x", "y"], as_recordings(like), like)[0]
         x    y
    a  0.0  0.0
    b  0.0  0.0
    """
    columns = list(names)
    if isinstance(like, Recordings):
        return replace(like, sources=list(arrays), n_channels=len(columns), channel_names=tuple(columns), missing=())
    if isinstance(like, pd.DataFrame) and isinstance(like.index, pd.MultiIndex):
        order = np.argsort(like.index.get_level_values(0).factorize(use_na_sentinel=False)[0], kind="stable")
        values = np.empty((len(like), len(columns)), dtype=np.result_type(*arrays))
        values[order] = np.concatenate(arrays, axis=1).T
        return pd.DataFrame(values, like.index, columns)
    if isinstance(like, pd.DataFrame) and recordings.container != "array":
        clocks = [getattr(cell, "index", None) for cell in like.iloc[:, 0]]
        cells = {
            name: _fill_series([pd.Series(x[f], clock) for x, clock in zip(arrays, clocks, strict=True)], like)
            for f, name in enumerate(columns)
        }
        return pd.DataFrame(cells, columns=columns)
    if isinstance(like, pd.Series):
        return _fill_series([_return_table_of(x, item, columns) for x, item in zip(arrays, like, strict=True)], like)
    if isinstance(like, (list, tuple)) or (isinstance(like, np.ndarray) and like.dtype == object and like.ndim == 1):
        if all(isinstance(item, (list, tuple)) for item in like) and recordings.has_equal_lengths():
            return np.stack(arrays)
        return [_return_table_of(x, item, columns) for x, item in zip(arrays, like, strict=True)]
    if is_data_array(like):
        dimensions = find_dimensions(like, recordings.name, recordings=True)
        return np.stack(arrays) if dimensions is None else _make_channels(np.stack(arrays), columns, like, dimensions)
    return recordings.pack(arrays)


def _return_table_of(x: np.ndarray, item: Any, columns: list[str]) -> Any:
    """Return the channels of a recording as a table if `item` is a table or a column, else as an array."""
    if isinstance(item, (pd.Series, pd.DataFrame)):
        return pd.DataFrame(x.T, item.index, columns)
    if is_data_array(item):
        dimensions = find_dimensions(item, "X", recordings=False)
        return x if dimensions is None else _make_channels(x, columns, item, dimensions)
    if find_library(item) == "polars":
        table = item if hasattr(item, "iter_columns") else item.to_frame()
        return type(table)(dict(zip(columns, x, strict=True)))
    if find_library(item) == "pyarrow":
        import pyarrow

        kind = type(item) if hasattr(item, "column_names") else pyarrow.Table
        return kind.from_pandas(pd.DataFrame(x.T, columns=columns), preserve_index=False)
    return x


def _make_channels(values: np.ndarray, columns: list[str], like: Any, dimensions: Dimensions) -> Any:
    """Return new channels (F, T) or (n, F, T) as a ``DataArray`` with the coordinates of `like` that still hold."""
    name = "channel" if dimensions.channel is None else dimensions.channel
    order = dimensions._replace(channel=name).order
    gone = [key for key, coordinate in like.coords.items() if dimensions.channel in coordinate.dims]
    kept = {key: coordinate for key, coordinate in like.coords.items() if key not in gone}
    return type(like)(values, {**kept, name: columns}, order, name=like.name, attrs=like.attrs)


def _return_frame(arrays: Sequence[np.ndarray], recordings: Recordings, like: pd.DataFrame) -> pd.DataFrame:
    if isinstance(like.index, pd.MultiIndex):  # the recordings are in the order of the instances, the rows may not be
        order = np.argsort(like.index.get_level_values(0).factorize(use_na_sentinel=False)[0], kind="stable")
        values = np.empty(like.shape, dtype=np.result_type(*arrays))
        values[order] = np.concatenate(arrays, axis=1).T
        return pd.DataFrame(values, like.index, like.columns)
    if recordings.container == "array":
        return pd.DataFrame(np.stack(arrays), like.index, like.columns)
    cells = {
        column: _fill_series([_return_item(x[c], cell) for x, cell in zip(arrays, like.iloc[:, c], strict=True)], like)
        for c, column in enumerate(like.columns)
    }
    return pd.DataFrame(cells, columns=like.columns)


def _fill_series(items: list[Any], like: pd.Series | pd.DataFrame) -> pd.Series:
    """Return a Series of objects on the index of `like`."""
    cells = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        cells[i] = item
    return pd.Series(cells, like.index, name=getattr(like, "name", None), dtype=object)


def _return_item(x: np.ndarray, item: Any) -> Any:
    """Return one recording in the kind of container of `item`."""
    if isinstance(item, pd.Series):
        return pd.Series(x.reshape(-1), item.index, name=item.name)
    if isinstance(item, pd.DataFrame):
        return pd.DataFrame(np.atleast_2d(x).T, item.index, item.columns)
    if is_data_array(item):
        dimensions = find_dimensions(item, "X", recordings=False)
        return _return_data_array(x, item, None if dimensions is None else dimensions.order)
    return _return_table(np.atleast_2d(x), item) if find_library(item) else x


def _return_data_array(values: np.ndarray, like: Any, order: tuple[Any, ...] | None) -> Any:
    if order is None:
        return like.copy(data=values)
    return like.transpose(*order).copy(data=values).transpose(*like.dims)


def _return_foreign(arrays: Sequence[np.ndarray], recordings: Recordings, like: Any) -> Any:
    """Return recordings as a table of polars or Arrow with a row for each, or a column of lists."""
    given = adopt(like)
    if isinstance(given, pd.DataFrame) and recordings.container == "array":
        return _return_table(np.stack(arrays).T, like)
    if isinstance(given, pd.DataFrame):  # an array in each cell
        cells = {column: [x[c] for x in arrays] for c, column in enumerate(given.columns)}
        if find_library(like) == "polars":
            return type(like)(cells)
        return type(like).from_pydict(cells)
    rows = [np.asarray(x).reshape(-1) for x in arrays]
    if find_library(like) == "polars":
        return type(like)(like.name, rows)
    import pyarrow

    column = pyarrow.array(rows)
    return pyarrow.chunked_array([column]) if isinstance(like, pyarrow.ChunkedArray) else column


def _return_table(columns: np.ndarray, like: Any) -> Any:
    """Return columns of numbers as a table or column of polars or Arrow."""
    if find_library(like) == "polars":
        if hasattr(like, "iter_columns"):
            return type(like)(dict(zip(like.columns, columns, strict=True)))
        return type(like)(like.name, columns[0])
    import pyarrow

    if hasattr(like, "column_names"):
        frame = pd.DataFrame(columns.T, like.to_pandas().index, like.to_pandas().columns)
        return type(like).from_pandas(frame)
    array = pyarrow.array(columns[0])
    return pyarrow.chunked_array([array]) if isinstance(like, pyarrow.ChunkedArray) else array
