"""Lengths and transitions of labeled segments."""

import pickle

import numpy as np
import pytest

from sslts.annotations import measure_segments


def test_lengths_of_complete_and_of_cut_segments():
    found = measure_segments([[1, 1, 0, 0, 0, 1, 1, 0, -1, 1], [0, 1, 0]])
    assert found.classes == (0, 1)
    assert found.lengths == ((3,), (2, 1))
    assert found.cut == ((1, 1, 1), (2, 1))


def test_transitions_never_cross_unlabeled_samples_or_recordings():
    found = measure_segments([[0, 3, 0, -1, 3], [3, 0]], classes=[0, 3])
    assert found.transitions == ((0, 1), (2, 0))


def test_a_class_that_does_not_occur_has_no_length():
    found = measure_segments([[0, 0]], classes=[0, 4])
    assert (found.lengths, found.cut) == (((), ()), ((2,), ()))


@pytest.mark.parametrize(("background", "index"), [(0, 0), (7, 1), (None, None), (3, None)])
def test_the_background_is_found(background, index):
    assert measure_segments([[0, 7]], background=background).background_index == index


def test_statistics_are_equal_by_value_and_can_be_pickled():
    found = measure_segments(np.array([[0, 1, 1]]))
    assert pickle.loads(pickle.dumps(found)) == found == measure_segments([[0, 1, 1]])


@pytest.mark.parametrize("stranger", [1, 3])
def test_a_label_that_is_not_in_classes_is_refused(stranger):
    with pytest.raises(ValueError, match=rf"labels has label {stranger}, which is not in classes=\[0, 2\]"):
        measure_segments([[0, stranger, 0, -1, 2]], classes=[0, 2])


@pytest.mark.parametrize("classes", [[2, 0], [0, 0, 2]])
def test_classes_that_are_not_sorted_are_refused(classes):
    with pytest.raises(ValueError, match="give them sorted, each once"):
        measure_segments([[0, 2]], classes=classes)


def test_data_without_labels_are_refused():
    with pytest.raises(ValueError, match="every label is -1"):
        measure_segments([[-1, -1]])


def test_unlabeled_neighbors_are_counted_and_ends_of_recordings_are_not():
    statistics = measure_segments([[0, 1, -1, 2, 0], [-1, 1, 1], [2, -1, 2, -1]])
    assert statistics.classes == (0, 1, 2)
    assert statistics.hidden_before == (0, 1, 2)
    assert statistics.hidden_after == (0, 1, 2)
    full = measure_segments([[0, 1, 2, 0]])
    assert full.hidden_before == full.hidden_after == (0, 0, 0)
