"""Reading of labels in containers of other libraries, and of text, as pandas and NumPy objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.recordings._foreign import (
    adopt,
    arrange,
    check_kind,
    find_coordinate,
    find_dimensions,
    is_data_array,
    is_foreign,
)
from sslts.recordings._values import read_array, unpack
from sslts.recordings.sources import cut_stretches, is_lazy

_PLAIN = frozenset({int, float, bool, str, list, tuple, type(None), np.int64, pd.Series})


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
    check_kind(labels, name)
    if hasattr(labels, "list_labels"):
        return labels.list_labels()
    if isinstance(labels, dict) and not hasattr(labels, "shape"):
        raise ValueError(f"{name} is a dictionary; pass a list in the order of the recordings: list({name}.values()).")
    labels = unpack(labels, name)
    if not single and isinstance(labels, (list, tuple)):
        if not any(_needs_adoption(one, name, i) for i, one in enumerate(labels)):
            return labels
        return [adopt_labels(one, f"{name}[{i}]", single=True) for i, one in enumerate(labels)]
    if is_data_array(labels):
        return _adopt_data_array(labels, name, single)
    labels = adopt(labels)
    if single and isinstance(labels, pd.DataFrame) and labels.shape[1] == 1:
        return labels.iloc[:, 0]
    if isinstance(labels, pd.Index) and not isinstance(labels, pd.MultiIndex):
        return labels.to_numpy()
    return _read_text(labels, name) if _holds_text(labels) else labels


def _needs_adoption(item: Any, name: str, i: int) -> bool:
    """Return whether the labels of recording ``i`` are neither numbers of NumPy nor a list nor a Series."""
    kind: Any = type(item)
    if kind in _PLAIN:
        return False
    if kind is np.ndarray:
        return item.dtype.kind in "ST"
    return is_foreign(item) or isinstance(item, (pd.DataFrame, pd.Index)) or _holds_text(unpack(item, f"{name}[{i}]"))


def _adopt_data_array(labels: Any, name: str, single: bool) -> Any:
    """Return the labels of a ``DataArray``, time last, on its coordinates."""
    dimensions = find_dimensions(labels, name, recordings=not single, channels=False)
    values = arrange(labels, dimensions)
    values = _read_text(values, name) if _holds_text(values) else values
    if dimensions is None:
        if labels.ndim == 1 and not single and isinstance(values, np.ndarray):
            index = find_coordinate(labels, labels.dims[0])
            return values if index is None else pd.Series(values, index)
        return values
    rows, times = find_coordinate(labels, dimensions.recording), find_coordinate(labels, dimensions.time)
    if rows is None and times is None:
        return values
    values = read_array(values, name)  # a lazy array could not be put in the order of the recordings
    return pd.Series(values, times) if values.ndim == 1 else pd.DataFrame(values, rows, times)


def _holds_text(labels: Any) -> bool:
    """Return whether labels are text, or any objects, that NumPy holds as bytes or that lie in a file."""
    if not isinstance(labels, np.ndarray) and not is_lazy(labels):
        return False
    kind = getattr(getattr(labels, "dtype", None), "kind", "")
    return bool(kind) and kind in ("OSUT" if is_lazy(labels) else "ST")


def _read_text(labels: Any, name: str) -> Any:
    """Return text in memory as an array of objects, with one object for all equal texts, or a list of arrays."""
    shape = tuple(labels.shape)
    found = np.empty(shape, dtype=object)
    for start, stop in cut_stretches(shape[0] if shape else 0, width=max(int(np.prod(shape[1:])), 1)):
        part = read_array(labels[start:stop], name).astype(object)
        if part.size and isinstance(part.flat[0], np.ndarray):  # an array for each recording
            found[start:stop] = part
            continue
        codes, texts = pd.factorize(part.ravel())
        different = np.empty(len(texts) + 1, dtype=object)  # the code of a missing value is -1
        different[:-1] = [decode(text, name) for text in texts]
        found[start:stop] = different[codes].reshape(part.shape)
    return found


def decode(text: Any, name: str = "y") -> Any:
    """Return bytes as text; other objects unchanged. HDF5 and NumPy's ``S`` hold text as bytes.

    Raises
    ------
    ValueError
        If the bytes are no text in UTF-8.

    Examples
    --------
    >>> from sslts.recordings import decode
    >>> decode(b"walk"), decode(1)
    ('walk', 1)
    """
    if not isinstance(text, bytes):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} holds {shorten(text)}, which is no text in UTF-8; decode it: np.char.decode({name}, 'latin-1')."
        ) from error
