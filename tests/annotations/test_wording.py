"""Words become the same numbers in every container, and come back as the same words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts import Annotations
from sslts.annotations import find_words, number_alike, read_labels, read_words, spell_labels, write_words

WORDS = np.array([["walk", "background", "turn"], [None, "walk", "walk"]], dtype=object)
NUMBERS = [[2, 0, 1], [-1, 2, 2]]
NAMES = {0: "background", 1: "turn", 2: "walk"}
INDEX = pd.MultiIndex.from_product([["b", "a"], range(3)])


def hold(rows):
    found = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        found[i] = row
    return found


CONTAINERS = {
    "objects": WORDS,
    "text": np.where(WORDS == None, "-1", WORDS).astype(str),  # noqa: E711
    "lists": WORDS.tolist(),
    "tuples": tuple(map(tuple, WORDS)),
    "a list of arrays": list(WORDS),
    "an array of arrays": hold(WORDS),
    "an array (n, 1, T)": WORDS[:, None],
    "a list of categories": [pd.Series(row, dtype="category") for row in WORDS],
    "a list of pandas' text": [pd.array(row, dtype="string") for row in WORDS],
    "a Series of arrays": pd.Series(list(WORDS), index=["x", "y"]),
    "a data frame": pd.DataFrame(WORDS),
    "a Series of text on the index of a Panel": pd.Series(WORDS.ravel(), INDEX, dtype="string"),
    "categories on the index of a Panel": pd.Series(WORDS.ravel(), INDEX, dtype="category"),
    "a column on the index of a Panel": pd.DataFrame({"y": WORDS.ravel()}, INDEX),
    "masked text": np.ma.masked_equal(np.where(WORDS == None, "?", WORDS).astype(str), "?"),  # noqa: E711
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_each_container_gives_the_same_numbers(kind):
    words = CONTAINERS[kind]
    numbers, names = read_words(words)
    assert names == NAMES
    assert [labels.tolist() for labels in read_labels(numbers)] == NUMBERS
    assert [labels.tolist() for labels in read_labels(words)] == NUMBERS
    assert type(numbers) is (np.ndarray if kind == "masked text" else list if kind == "tuples" else type(words))


@pytest.mark.parametrize(
    "y", [np.array([[0, 1]]), [[0, 1]], [np.array([0.0, -1.0])], pd.Series([0, 1]), [0, None], [["0", "1"]], [object()]]
)
def test_labels_without_words_are_returned_as_they_are(y):
    assert read_words(y) == (y, None) if isinstance(y, list) else read_words(y)[0] is y
    assert find_words(y) is None


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([["walk", "walk"], ["walk", 3]], r"y\[1\] \(recording 1\) holds the number 3 at sample 1, .* such as 'walk'"),
        ([["walk", True]], "holds the number True at sample 1"),
        ([["walk", "2.5"]], "holds '2.5' at sample 1, a number as text"),
        ([["walk"], np.array([-1, 7])], r"y\[1\] \(recording 1\) holds the number 7 at sample 1"),
        (["walk", 3], r"y\[1\] \(recording 1\) holds the number 3 at sample 0"),
        (np.array(["walk", np.nan]), "y holds the text 'nan' at position 1; give a word, or None or -1"),
        ([["walk", ""]], "holds the text '' at sample 1"),
        (pd.Series(["walk", 3], INDEX[1:3]), "y of recording 'b' holds the number 3 at 2"),
    ],
)
def test_defects_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        read_words(y)


@given(
    st.lists(
        st.lists(st.sampled_from(["background", "a", "b", "c d", None, -1]), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_words_come_back(y):
    numbers, names = read_words([np.array(row, dtype=object) for row in y])
    if names is None:
        return
    wanted = [[-1 if word is None else word for word in row] for row in y]
    assert [row.tolist() for row in spell_labels(numbers, names)] == wanted
    assert all(names[k] < names[k + 1] for k in range(1, len(names) - 1))


def test_known_words_keep_their_numbers():
    assert read_words([["run", "walk"]], {0: "background", 7: "walk"})[0][0].tolist() == [8, 7]


def test_predictions_are_words_only_if_each_class_has_one():
    labels = [np.array([0, 1])]
    assert write_words(labels, {0: "background", 1: "walk"}, np.array([0, 1]))[0].tolist() == ["background", "walk"]
    assert write_words(labels, {1: "walk"}, np.array([0, 1])) is labels
    assert write_words(labels, None, np.array([0, 1])) is labels


class TestNumberAlike:
    def test_one_word_has_one_number(self):
        (true, pred), names = number_alike({"y_true": [["walk", "walk"]], "y_pred": [["turn", "walk"]]})
        assert (true[0].tolist(), pred[0].tolist(), names) == ([2, 2], [1, 2], NAMES)

    def test_annotations_give_the_numbers(self):
        annotations = Annotations.from_labels([["walk", "background"]])
        (true, pred), _ = number_alike({"y_true": annotations, "y_pred": [["turn", "walk"]]})
        assert (true.list_labels()[0].tolist(), pred[0].tolist()) == ([1, 0], [2, 1])

    @pytest.mark.parametrize("other", [[[0, 1]], Annotations.from_labels([[0, 1]])])
    def test_words_and_numbers_are_refused(self, other):
        with pytest.raises(ValueError, match=r"y_pred.* number.*, but other labels are words"):
            number_alike({"y_true": [["walk", "walk"]], "y_pred": other})


def test_annotations_from_words():
    annotations = Annotations.from_labels(WORDS)
    assert annotations.class_names == NAMES
    assert annotations.table["label"].tolist() == ["walk", "turn", "walk"]
    assert [labels.tolist() for labels in annotations.to_labels()] == NUMBERS
