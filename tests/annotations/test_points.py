"""Annotations from points: labeled near a point, unlabeled where the occurrence may end, background beyond."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts import Annotations, Recordings

X = np.zeros((3, 60))


def make(*points, **options):
    table = pd.DataFrame(list(points), columns=["recording", "position", "label"])
    return Annotations.from_points(table, X, **{"length": 8, **options})


def test_a_point_has_a_core_and_a_rim():
    labels = make((0, 30, 2), core=0.5, reach=1).list_labels()
    assert labels[0].tolist() == np.repeat([0, -1, 2, -1, 0], [22, 6, 5, 6, 21]).tolist()
    assert (labels[1] == -1).all()


def test_near_points_share_the_samples_between_them():
    annotations = make((0, 30, 1), (0, 32, 1), core=1)
    assert annotations.table[["start", "end"]].values.tolist() == [[26, 31], [31, 37]]
    assert annotations.n_touching == 1


def test_points_at_the_ends_of_a_recording():
    table = make((0, 0, 1), (0, 59, 1), core=1).table
    assert table[["start", "end"]].values.tolist() == [[0, 5], [55, 60]]


def test_each_class_has_its_length():
    table = make((0, 10, 1), (0, 40, 2), length={1: 4, 2: 16}, core=0.5).table
    assert (table["end"] - table["start"]).tolist() == [3, 9]


def test_only_what_was_looked_at_is_background():
    seen = pd.DataFrame({"recording": [0, 1], "start": [20, 0], "end": [50, 10]})
    labels = make((0, 30, 1), looked_at=seen).list_labels()
    assert (labels[0][:20] == -1).all()
    assert labels[0][20] == 0
    assert (labels[1][:10] == 0).all()
    assert (labels[2] == -1).all()


def test_names_and_words():
    named = Recordings.from_arrays(X, names=["a", "b", "c"])
    table = pd.DataFrame({"recording": ["b"], "position": [30], "label": ["step"]})
    annotations = Annotations.from_points(table, named, length={"step": 8})
    assert annotations.table[["recording", "label"]].values.tolist() == [["b", "step"]]


@given(
    points=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 59)), min_size=1, max_size=20),
    length=st.floats(1, 40),
    core=st.floats(0, 1),
)
def test_every_point_is_labeled_and_no_background_is_near(points, length, core):
    classes = {point: 1 + k % 2 for k, point in enumerate(sorted(points))}
    rows = [(*point, k) for point, k in classes.items()]
    labels = make(*rows, length=length, core=core, reach=1).list_labels()
    for (i, position), k in classes.items():
        assert labels[i][position] == k
        near = slice(max(position - int(length), 0), position + int(length) + 1)
        assert (labels[i][near] != 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0 of the label 1; give a number of samples above 0"),
        ({"length": {2: 5}}, "length has no entry for the label 1; give the usual length of each class"),
        ({"core": -1}, "core=-1; give a share of the length of an occurrence, 0.0 or more"),
        ({"core": 0.5, "reach": 0.1}, "reach=0.1; give a share of the length of an occurrence, 0.25 or more"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        make((0, 30, 1), **options)


def test_wrong_points():
    with pytest.raises(ValueError, match="points has no column 'position'"):
        Annotations.from_points(pd.DataFrame({"recording": [0], "label": [1]}), X, length=5)
    with pytest.raises(ValueError, match="lies outside its recording of 60 samples"):
        make((0, 60, 1))
    with pytest.raises(ValueError, match="overlaps row"):
        make((0, 30, 1), (0, 30, 2))
