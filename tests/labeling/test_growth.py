"""Points grow to the segments that the probabilities show; every point keeps its class, and nothing else appears."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts import Annotations, WindowFeatureSegmenter
from sslts.labeling import grow_points


class Known:
    """A segmenter that gives the probability 0.9 to the labels of one recording."""

    def __init__(self, labels, background=0, n_classes=3):
        self.labels, self.background, self.classes_ = np.asarray(labels), background, np.arange(n_classes)

    def predict_proba(self, X):
        proba = np.full((len(self.labels), len(self.classes_)), 0.1 / (len(self.classes_) - 1))
        proba[np.arange(len(self.labels)), self.labels] = 0.9
        return [proba] * len(X)


def grow(labels, *points, background=0, **options):
    table = pd.DataFrame([(0, *point) for point in points], columns=["recording", "position", "label"])
    X = np.zeros((1, len(labels)))
    return grow_points(Known(labels, background), table, X, **options)


def test_points_grow_to_the_segments():
    labels = np.repeat([0, 1, 0, 2, 1, 0], [10, 7, 5, 8, 6, 4])
    grown = grow(labels, (12, 1), (25, 2), (31, 1))
    assert grown.list_labels()[0].tolist() == labels.tolist()


def test_what_nobody_clicked_is_background():
    labels = np.repeat([0, 1, 0, 2, 0], [10, 7, 5, 8, 4])
    assert grow(labels, (12, 1)).list_labels()[0].tolist() == np.repeat([0, 1, 0], [10, 7, 17]).tolist()


def test_two_points_in_one_run_are_two_occurrences():
    grown = grow(np.repeat([0, 1, 0], [5, 20, 5]), (8, 1), (20, 1))
    assert len(grown.table) == 2
    assert grown.table["end"].iloc[1] == 25


def test_segments_end_with_what_was_looked_at():
    looked_at = pd.DataFrame({"recording": [0], "start": [6], "end": [12]})
    grown = grow(np.repeat([0, 1, 0], [5, 20, 5]), (8, 1), looked_at=looked_at)
    assert grown.table[["start", "end"]].values.tolist() == [[6, 12]]
    assert grown.looked_at[["start", "end"]].values.tolist() == [[6, 12]]


def test_without_background_states_meet():
    labels = np.repeat([0, 1, 2, 0], [10, 7, 5, 8])
    grown = grow(labels, (3, 0), (12, 1), (20, 2), (25, 0), background=None)
    assert grown.list_labels()[0].tolist() == labels.tolist()


@given(
    labels=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=12),
    data=st.data(),
)
@settings(max_examples=50, deadline=None)
def test_every_point_lies_in_a_segment_of_its_class(labels, data):
    labels = np.repeat(*zip(*labels, strict=True))
    at = data.draw(st.lists(st.integers(0, len(labels) - 1), min_size=1, max_size=6, unique=True))
    classes = data.draw(st.lists(st.integers(1, 2), min_size=len(at), max_size=len(at)))
    table = grow(labels, *zip(at, classes, strict=True)).table
    assert len(table) == len(at)
    for position, k in zip(at, classes, strict=True):
        row = table[(table["start"] <= position) & (position < table["end"])]
        assert row["label"].tolist() == [k]


def test_words_and_one_click_are_enough():
    """Labels by points and growth are nearly those by intervals."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(0, 0.2, (6, 600)), np.zeros((6, 600), dtype=int)
    for i in range(6):
        for start in range(int(rng.integers(10, 40)), 560, 60):
            y[i, start : start + int(rng.integers(15, 35))] = 1
    X += y
    table = Annotations.from_labels(y[:3]).table
    points = table.assign(position=(table["start"] + table["end"]) // 2, label="step")
    few = Annotations.from_points(points, X, length=25)
    segmenter = WindowFeatureSegmenter(random_state=0).fit(X, few)
    grown = grow_points(segmenter, points, X)
    assert grown.class_names == {0: "background", 1: "step"}
    again = WindowFeatureSegmenter(random_state=0).fit(X, grown)
    assert again.score(X[3:], np.array(["background", "step"])[y[3:]]) > 0.9


def test_an_unknown_class_is_named():
    with pytest.raises(ValueError, match=r"points have the class 5, which the segmenter does not know: \[0, 1, 2\]"):
        grow([0, 1, 0], (1, 5))
