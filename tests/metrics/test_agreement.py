"""How well two annotators agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.metrics import annotator_agreement, event_f1, mean_iou

FIRST = np.array([[0, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]])
SECOND = np.array([[0, 0, 1, 1, 1, 1, 0, 0, 2, 2, 2, 0], [0, 0, 0, 1, 1, 1, 0, 0, 2, 2, 0, 0]])
labels = st.lists(st.lists(st.integers(-1, 2), min_size=10, max_size=10), min_size=2, max_size=2)


def test_annotators_who_agree_have_the_best_figures():
    figures = annotator_agreement(FIRST, FIRST, onset_tolerance=0)
    best = {"kappa": 1, "mean_iou": 1, "segment_f1": 1, "event_f1": 1, "count_mae": 0, "onset_mae": 0, "offset_mae": 0}
    assert figures.to_dict() == best


def test_the_figures_are_those_of_the_metrics():
    figures = annotator_agreement(FIRST, SECOND, onset_tolerance=0)
    assert figures["mean_iou"] == mean_iou(FIRST, SECOND)
    assert figures["event_f1"] == event_f1(FIRST, SECOND, onset_tolerance=0)
    assert figures["count_mae"] == 0.25  # one segment of one class in one of two recordings
    assert figures["onset_mae"] == 0.25  # mean of 0.5 and 0
    right = (FIRST == SECOND).mean()
    by_chance = sum((k == FIRST).mean() * (k == SECOND).mean() for k in range(3))
    assert figures["kappa"] == pytest.approx((right - by_chance) / (1 - by_chance))


def test_tolerances_and_errors_are_in_seconds_with_a_sampling_rate():
    figures = annotator_agreement(FIRST, SECOND, onset_tolerance=0.1, sampling_rate=10)
    assert figures["event_f1"] > annotator_agreement(FIRST, SECOND, onset_tolerance=0)["event_f1"]
    assert figures["onset_mae"] == pytest.approx(0.025)
    wide = annotator_agreement(FIRST, SECOND, onset_tolerance=0, relative_tolerance=0.25)
    assert wide["event_f1"] == figures["event_f1"]


@settings(max_examples=60)
@given(labels, labels)
@pytest.mark.filterwarnings("ignore:.*nan or empty", "ignore:.*no segment is matched")
def test_the_annotators_may_change_places(first, second):
    first, second = np.array(first), np.array(second)
    if not ((first >= 0) & (second >= 0)).any():
        return
    given_figures, swapped = (
        annotator_agreement(*pair, onset_tolerance=2) for pair in ((first, second), (second, first))
    )
    np.testing.assert_allclose(given_figures, swapped, atol=1e-12)


def test_samples_that_one_did_not_label_are_left_out():
    partly = SECOND.copy()
    partly[0, 7:] = -1
    expected = annotator_agreement([FIRST[0, :7], FIRST[1]], [SECOND[0, :7], SECOND[1]])
    for pair in ((FIRST, partly), (partly, FIRST)):
        np.testing.assert_allclose(annotator_agreement(*pair), expected)


def test_one_class_throughout_has_no_kappa():
    nothing = np.zeros((1, 9), dtype=int)
    with pytest.warns(UserWarning, match="no segment is matched"):
        figures = annotator_agreement(nothing, nothing)
    assert np.isnan(figures["kappa"])
    assert figures["mean_iou"] == 1


def test_nothing_in_common_warns():
    with pytest.warns(UserWarning, match="labeled by both annotators"):
        figures = annotator_agreement([[0, -1]], [[-1, 1]])
    assert figures.isna().all()


def test_a_wrong_argument_is_named():
    with pytest.raises(ValueError, match="y_second"):
        annotator_agreement(FIRST, SECOND[:, :9])
    with pytest.raises(ValueError, match="y_first"):
        annotator_agreement(FIRST + 0.5, SECOND)
