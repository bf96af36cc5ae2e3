"""Words as labels: the number of each word, and the word of each number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten

BACKGROUND = "background"


def choose_words(table: Any, class_names: Mapping[int, str] | None) -> dict[int, str] | None:
    """Return the word of each class of a table of segments: the given ones, or its words in their order from 1 on.

    The result is None if the labels are numbers and no names are given. "background" is class 0.

    Examples
    --------
    >>> choose_words(pd.DataFrame({"label": ["walk", "turn", "walk"]}), None)
    {0: 'background', 1: 'turn', 2: 'walk'}
    """
    if class_names is not None:
        return check_class_names(class_names)
    words = _find_words(table)
    return None if words is None else number_new_words(words, None)


def extend_words(table: Any, class_names: Mapping[int, str] | None) -> dict[int, str] | None:
    """Return the given words, and further numbers for words of a table that are not among them.

    Examples
    --------
    >>> extend_words(pd.DataFrame({"label": ["run", "walk"]}), {0: "background", 1: "walk"})
    {0: 'background', 1: 'walk', 2: 'run'}
    """
    if class_names is None:
        return choose_words(table, None)
    return number_new_words(_find_words(table) or (), class_names)


def number_new_words(words: Iterable[str], class_names: Mapping[int, str] | None) -> dict[int, str]:
    """Return the given words with their numbers, and further numbers for words that are not among them.

    Examples
    --------
    >>> number_new_words(["background", "turn"], None), number_new_words(["run", "walk"], {3: "walk"})
    ({0: 'background', 1: 'turn'}, {3: 'walk', 4: 'run'})
    """
    known = {0: BACKGROUND} if class_names is None else dict(class_names)
    new = [word for word in words if word not in known.values()]
    return known | dict(enumerate(new, start=max(known) + 1))


def check_class_names(class_names: Any) -> dict[int, str]:
    """Return the words of classes; raise ValueError if they are no dictionary of numbers and different words.

    Examples
    --------
    >>> check_class_names({1: "walk"})
    {1: 'walk'}
    """
    if not isinstance(class_names, Mapping) or not class_names:
        raise ValueError(f'class_names={shorten(class_names)}; give {{class: "word"}}.')
    for k, word in class_names.items():
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 0:
            raise ValueError(f"class_names has the class {k!r}; classes are whole numbers of 0 or more.")
        if not isinstance(word, str) or not word:
            raise ValueError(f"class_names has {word!r} for class {k}; give a text that is not empty.")
    if len(set(class_names.values())) < len(class_names):
        raise ValueError(f"class_names={shorten(dict(class_names))} has one word for two classes; give each its own.")
    return {int(k): word for k, word in class_names.items()}


def number_words(table: Any, class_names: Mapping[int, str] | None) -> Any:
    """Return a table of segments with numbers in place of words.

    Raises
    ------
    ValueError
        If a label is neither a number nor one of the words; the message names the row.

    Examples
    --------
    >>> number_words(pd.DataFrame({"label": ["walk", 1]}), {1: "walk"})["label"].tolist()
    [1, 1]
    """
    if class_names is None or not isinstance(table, pd.DataFrame) or "label" not in table:
        return table
    numbers = {word: k for k, word in class_names.items()}
    labels = table["label"].tolist()
    unknown = [row for row, label in enumerate(labels) if isinstance(label, str) and label not in numbers]
    if unknown:
        raise ValueError(
            f"table row {table.index[unknown[0]]}: label is {labels[unknown[0]]!r}; the words are "
            f"{shorten(list(numbers))}. Correct it, or add it to class_names."
        )
    return table.assign(label=[numbers.get(label, label) if isinstance(label, str) else label for label in labels])


def name_labels(values: np.ndarray, class_names: Mapping[int, str] | None) -> Any:
    """Return the words of class numbers; the numbers themselves without words.

    Examples
    --------
    >>> name_labels(np.array([1, 3]), {1: "walk"})
    ['walk', 3]
    """
    return values if class_names is None else [class_names.get(k, k) for k in values.tolist()]


def _find_words(table: Any) -> list[str] | None:
    """Return the different words in the column ``label``, sorted; None if its labels are numbers."""
    if not isinstance(table, pd.DataFrame) or "label" not in table:
        return None
    labels = table["label"]
    if pd.api.types.is_numeric_dtype(labels) or not len(labels):
        return None
    words = sorted({label for label in labels.tolist() if isinstance(label, str)})
    return words or None
