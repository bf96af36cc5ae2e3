"""Reading of labels that are words: the numbers of dense ``y`` of text, in the container that the user passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sslts._text import spells_number
from sslts.annotations._words import number_new_words
from sslts.recordings import adopt_labels, decode, is_lazy, read_array, unpack

_UNLABELED_TEXT = "-1"  # what NumPy makes of -1 beside words
_MISSING_TEXTS = ("", "nan", "NaN", "None", "<NA>", "NaT")  # what NumPy and files make of a missing value
_PLAIN = (bool, int, float, np.bool_, np.integer, np.floating, type(None), type(pd.NA), type(pd.NaT))
_NO_WORD = -2
_Describe = Callable[[int], tuple[str, str]]  # the place of a label, as "y[0] (recording 0)" and "sample 3"
_Change = Callable[[np.ndarray, _Describe], np.ndarray]


def read_words(
    y: Any, class_names: Mapping[int, str] | None = None, *, name: str = "y", wanted: bool = False
) -> tuple[Any, dict[int, str] | None]:
    """Return labels with numbers in place of words, and the word of each number; labels without words as they are.

    Words are numbered from 1 on in sorted order, and "background" is 0. A sample is unlabeled if its label is None,
    NaN, NA, -1 or the text "-1", which NumPy makes of -1 in an array of text.

    Parameters
    ----------
    y : array-like or Annotations
        Labels in any accepted container, not aligned yet.
    class_names : mapping of int to str, or None
        Numbers of known words; other words get further numbers. None numbers the words of `y`.
    name : str
        Name of the labels in error messages.
    wanted : bool
        Whether `y` must hold words: numbers other than -1 are then refused even if there is no word.

    Returns
    -------
    labels : array-like or Annotations
        `y` itself if it holds no words; else numbers in the same container.
    class_names : dict of int to str, or None
        None if `y` holds no words.

    Raises
    ------
    ValueError
        If words stand beside numbers, numbers as text, or empty texts; the message names recording and sample.

    Examples
    --------
    >>> read_words(np.array([["walk", "background", "turn"], ["-1", "walk", "walk"]]))
    (array([[ 2,  0,  1],
           [-1,  2,  2]]), {0: 'background', 1: 'turn', 2: 'walk'})
    >>> read_words(["walk", None], {0: "background", 7: "walk"})
    ([7, -1], {0: 'background', 7: 'walk'})
    >>> read_words([[0, 1]])
    ([[0, 1]], None)
    """
    if hasattr(type(y), "renumber"):
        if wanted and y.class_names is None and y.classes.any():
            raise ValueError(f"{name} has classes that are numbers, but other labels are words; give it class_names.")
        y = y.renumber(class_names)
        return y, y.class_names
    given, y = y, adopt_labels(unpack(y, name), name)
    words = find_words(y)
    if words is None and not wanted:
        return given, None
    names = number_new_words(words or [], class_names)
    number = {word: k for k, word in names.items()}
    example = f", such as {words[0]!r}" if words else ""

    def change(values: np.ndarray, describe: _Describe) -> np.ndarray:
        codes, found = pd.factorize(values)  # the code of a missing value is -1
        numbers = np.array([*(_read_label(label, number) for label in found), -1], dtype=np.int64)
        if (numbers == _NO_WORD).any():
            at = int(np.argmax(numbers[codes] == _NO_WORD))
            raise ValueError(_describe_wrong(found[codes[at]], *describe(at), example))
        return numbers[codes]

    return _change_labels(y, change, name), names


def find_words(y: Any, name: str = "y") -> list[str] | None:
    """Return the different words among labels, sorted; None if there are none, or if each text spells a number.

    ``name`` is the name of the labels in error messages.

    Examples
    --------
    >>> find_words([["walk", "background"], -1]), find_words([0, 1]), find_words([["0", "1"]])
    (['background', 'walk'], None, None)
    """
    if hasattr(type(y), "class_names"):
        return None if y.class_names is None else sorted(y.class_names.values())
    found = set[str]()
    for values in _iterate_values(adopt_labels(unpack(y, name), name)):
        found.update(label for label in pd.unique(values) if issubclass(type(label), str))
    words = sorted(str(word) for word in found if _is_word(word))
    return words or None


def write_words(labels: Any, class_names: Mapping[int, str] | None, classes: np.ndarray) -> Any:
    """Return predicted labels with words in place of numbers, if each class has a word; else the labels themselves.

    Parameters
    ----------
    labels : ndarray of int, or list of ndarray
    class_names : mapping of int to str, or None
    classes : ndarray of int, shape (K,)
        The sorted classes, in which each label occurs.

    Examples
    --------
    >>> write_words(np.array([[0, 2]]), {0: "background", 2: "walk"}, np.array([0, 2]))
    array([['background', 'walk']], dtype=object)
    """
    if class_names is None or not all(k in class_names for k in classes.tolist()):
        return labels
    words = _make_objects([class_names[k] for k in classes.tolist()])
    if isinstance(labels, np.ndarray):
        return words[np.searchsorted(classes, labels)]
    return [words[np.searchsorted(classes, one)] for one in labels]


def spell_labels(labels: Any, class_names: Mapping[int, str]) -> Any:
    """Return numbers in any container as words, and -1 where unlabeled: the inverse of `read_words`.

    Examples
    --------
    >>> spell_labels([np.array([1, -1])], {0: "background", 1: "walk"})
    [array(['walk', -1], dtype=object)]
    """
    words = _make_objects([*(class_names.get(k, k) for k in range(max(class_names) + 1)), -1])
    return _change_labels(labels, lambda values, _: words[values.astype(np.int64)], "y")


def _is_word(text: str) -> bool:
    return text not in _MISSING_TEXTS and not spells_number(text)


def _read_label(label: Any, number: Mapping[str, int]) -> int:
    """Return the number of a word, -1 for an unlabeled sample, or `_NO_WORD`."""
    if issubclass(type(label), str):
        return number[label] if label in number and _is_word(label) else -1 if label == _UNLABELED_TEXT else _NO_WORD
    return -1 if label == -1 else _NO_WORD


def _describe_wrong(label: Any, place: str, at: str, example: str) -> str:
    fix = 'give a word to every sample: "background" for background, None or -1 for unlabeled.'
    if not issubclass(type(label), str):
        return f"{place} holds the number {label} at {at}, but other labels are words{example}; {fix}"
    if label not in _MISSING_TEXTS and spells_number(label):
        return f"{place} holds {str(label)!r} at {at}, a number as text, but other labels are words{example}; {fix}"
    return f"{place} holds the text {str(label)!r} at {at}; give a word, or None or -1 if the sample is unlabeled."


# --- containers -------------------------------------------------------------------------------------------------------


def _change_labels(y: Any, change: _Change, name: str) -> Any:
    """Return labels of all recordings in the same container, with single labels replaced."""
    if isinstance(y, (pd.Series, pd.DataFrame)) and not _holds_items(y):
        return _change_table(y, change, name)
    if isinstance(y, pd.Series):
        return pd.Series(_change_items(y.tolist(), change, name), y.index, name=y.name)
    if isinstance(y, (list, tuple)):
        if all(map(_is_single, y)):
            return change(_make_objects(y), lambda at: (f"{name}[{at}] (recording {at})", "sample 0")).tolist()
        return _change_items(list(y), change, name)
    if _holds_items(y):
        return _make_objects(_change_items(list(y), change, name))
    return _change_array(y, change, name) if isinstance(y, np.ndarray) else _change_item(y, change, name)


def _change_table(y: Any, change: _Change, name: str) -> Any:
    """Return a Series or a data frame with numbers in place of words."""
    values = np.asarray(y, dtype=object)
    if isinstance(y.index, pd.MultiIndex):
        numbers = change(values.ravel(), lambda at: (f"{name} of recording {y.index[at][0]!r}", f"{y.index[at][-1]}"))
        numbers = numbers.reshape(values.shape)
    else:
        numbers = _change_array(values, change, name)
    return pd.Series(numbers, y.index, name=y.name) if values.ndim == 1 else pd.DataFrame(numbers, y.index, y.columns)


def _change_array(values: np.ndarray, change: _Change, name: str) -> np.ndarray:
    """Return the numbers of an array of single labels; with several axes, the first one counts recordings."""
    if values.ndim < 2:
        return change(values.ravel(), lambda at: (name, f"position {at}")).reshape(values.shape)
    rows = [_change_item(row, change, f"{name}[{i}] (recording {i})") for i, row in enumerate(values)]
    return np.stack(rows) if rows else np.empty(values.shape, dtype=np.int64)


def _change_items(items: list[Any], change: _Change, name: str) -> list[Any]:
    return [_change_item(item, change, f"{name}[{i}] (recording {i})") for i, item in enumerate(items)]


def _change_item(item: Any, change: _Change, place: str) -> Any:
    """Return the numbers of the labels of one recording: a number for a single label, else an array or a Series."""
    lazy = is_lazy(item) or hasattr(item, "detach")
    values = _as_values(read_array(item, place) if lazy else item)
    if values is None:  # not labels, as the reader of numbers will say
        return item
    numbers = change(values.ravel(), lambda at: (place, f"sample {at}")).reshape(values.shape)
    if isinstance(item, (pd.Series, pd.DataFrame)):
        return type(item)(numbers, item.index)
    return numbers if numbers.ndim else numbers.item()


def _iterate_values(y: Any) -> Iterator[np.ndarray]:
    """Yield the texts and objects among the labels in arrays of one dimension, where there may be words."""
    if isinstance(y, np.ndarray) and y.ndim > 1 and y.dtype.kind == "U":
        items = list(y)  # so that the texts of one recording at a time become objects
    else:
        items = list(y) if isinstance(y, (list, tuple)) or _holds_items(y) else [y]
    yield _make_objects([item for item in items if issubclass(type(item), (str, bytes))])
    for item in items:
        values = None if _is_single(item) else _as_values(item)
        if values is not None and values.dtype.kind in "OU":
            yield values.ravel()


def _holds_items(y: Any) -> bool:
    """Return whether an array or a Series of objects holds more than single labels, such as arrays."""
    if not isinstance(y, (np.ndarray, pd.Series)) or y.dtype != object or y.ndim != 1:
        return False
    return not all(map(_is_single, y))


def _is_single(item: Any) -> bool:
    """Return whether this is a number, a text or a missing value."""
    return issubclass(type(item), (str, bytes, *_PLAIN))


def _as_values(item: Any) -> np.ndarray | None:
    """Return labels as an array of numbers, texts or plain objects; None for other types, whose code is not run."""
    kind = type(item)
    if _is_single(item):
        return _make_objects([item]).reshape(())
    if issubclass(kind, (pd.Series, pd.DataFrame, pd.api.extensions.ExtensionArray)):
        item = np.asarray(item) if _is_number(getattr(item, "dtype", None)) else np.asarray(item, dtype=object)
    elif issubclass(kind, (list, tuple)):
        if any(issubclass(type(one), (list, tuple, np.ndarray)) for one in item):
            item = _join_rows(item)
        else:
            item = _make_objects(item)
    if issubclass(kind, np.ma.MaskedArray) and item.dtype.kind in "OU":
        item, hidden = np.array(item.data, dtype=object), np.ma.getmaskarray(item)
        item[hidden] = None
    if not issubclass(type(item), np.ndarray) or item.dtype.kind not in "biufOU":
        return None
    if item.dtype == object:
        kinds = set(map(type, item.flat))
        if not all(issubclass(kind, (str, bytes, *_PLAIN)) for kind in kinds):
            return None
        if any(issubclass(kind, bytes) for kind in kinds):
            return _make_objects(item.ravel()).reshape(item.shape)
    return np.asarray(item)


def _join_rows(rows: Any) -> Any:
    """Return nested lists of single labels as an array of objects, if they are equally long."""
    try:
        return np.array(rows, dtype=object)
    except ValueError:
        return None


def _is_number(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _make_objects(items: Any) -> np.ndarray:
    """Return an array of objects, one for each item; bytes become text."""
    found = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        found[i] = decode(item)
    return found
