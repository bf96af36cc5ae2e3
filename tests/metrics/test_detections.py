"""Events that were found, missed and invented, per class, recording and group."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.metrics import event_f1, event_scores, make_event_scorer, segment_f1

TRUTH = np.array([[0, 1, 1, 1, 0, 0, 1, 1, 0, 0], [0, 2, 2, 2, 2, 0, 0, 0, 0, 0]])
FOUND = np.array([[0, 1, 1, 1, 0, 0, 0, 0, 2, 2], [0, 0, 2, 2, 2, 0, 1, 1, 0, 0]])
NUMBERS = ["true", "predicted", "hits", "misses", "false_alarms"]
labels = st.lists(st.lists(st.integers(-1, 2), min_size=12, max_size=12), min_size=1, max_size=4)


def test_found_missed_and_invented_events_are_counted_per_class():
    table = event_scores(TRUTH, FOUND).set_index("label")
    assert table.loc[1, NUMBERS].tolist() == [2, 2, 1, 1, 1]
    assert table.loc[2, NUMBERS].tolist() == [1, 2, 1, 0, 1]
    assert table.loc[1, ["precision", "recall", "f1", "error"]].tolist() == [0.5, 0.5, 0.5, 1.0]
    assert list(table.index) == [1, 2]


def test_rows_are_recordings_groups_or_all():
    assert event_scores(TRUTH, FOUND, by=("recording",))["hits"].tolist() == [1, 1]
    assert event_scores(TRUTH, FOUND, by=())[NUMBERS].to_numpy().tolist() == [[3, 4, 2, 1, 2]]
    table = event_scores(TRUTH, FOUND, by=("group", "label"), groups=["anna", "ben"])
    assert table["group"].tolist() == ["anna", "anna", "ben", "ben"]
    assert table["true"].tolist() == [2, 0, 0, 1]
    one = event_scores(TRUTH, FOUND, by=("group",), groups=["anna", "anna"])
    assert one["true"].tolist() == [3]
    unknown = event_scores(TRUTH, FOUND, by=("group",), groups=["anna", None])
    assert unknown["true"].tolist() == [2, 1]


def test_rates_per_hour_count_the_labeled_time_once():
    truth = TRUTH.copy()
    truth[0, 8:] = -1  # the false alarm there is not judged
    table = event_scores(truth, FOUND, by=(), sampling_rate=0.01)
    assert table["hours"].item() == pytest.approx(18 * 100 / 3600)
    assert table["false_alarms"].item() == 1
    assert table["false_alarms_per_hour"].item() == pytest.approx(1 / (18 * 100 / 3600))
    each = event_scores(truth, FOUND, sampling_rate=0.01)
    assert each["hours"].tolist() == [table["hours"].item()] * 2
    assert "hours" not in event_scores(truth, FOUND)


def test_an_event_may_be_found_by_its_start():
    late = np.roll(TRUTH, 2, axis=1)
    assert event_scores(TRUTH, late, onset_tolerance=1, by=())["hits"].item() == 0
    assert event_scores(TRUTH, late, onset_tolerance=2, by=())["hits"].item() == 3
    assert event_scores(TRUTH, late, onset_tolerance=20, by=(), sampling_rate=0.1)["hits"].item() == 3


def test_a_tolerance_may_be_a_share_of_the_length():
    truth = [[1] * 100 + [0] * 100 + [1] * 10 + [0] * 20]
    found = [[0] * 20 + [1] * 70 + [0] * 112 + [1] * 5 + [0] * 23]
    options = {"onset_tolerance": 0, "by": ()}
    assert event_scores(truth, found, relative_tolerance=0.1, **options)["hits"].item() == 0
    assert event_scores(truth, found, relative_tolerance=0.2, **options)["hits"].item() == 2
    both = {**options, "offset_tolerance": 0}
    assert event_scores(truth, found, relative_tolerance=0.2, **both)["hits"].item() == 1
    assert event_scores(truth, found, relative_tolerance=0.3, **both)["hits"].item() == 2
    assert event_f1(truth, found, onset_tolerance=0, relative_tolerance=0.2) == 1.0
    assert event_f1(truth, found, onset_tolerance=2, relative_tolerance=0.1) == 0.5


@settings(max_examples=40)
@given(labels, labels)
def test_the_table_agrees_with_the_metrics(truth, found):
    truth, found = truth[: len(found)], [[max(k, 0) for k in row] for row in found[: len(truth)]]
    if np.max(truth) < 0:
        return
    pd.testing.assert_series_equal(
        event_scores(truth, found).set_index("label")["f1"], segment_f1(truth, found, average=None), check_dtype=False
    )
    near = {"onset_tolerance": 1, "offset_tolerance": 2}
    table = event_scores(truth, found, **near).set_index("label")
    pd.testing.assert_series_equal(table["f1"], event_f1(truth, found, average=None, **near), check_dtype=False)
    for by in [(), ("recording",), ("recording", "label")]:  # pooled rows have the same events
        assert event_scores(truth, found, by=by, **near)[NUMBERS].sum().tolist() == table[NUMBERS].sum().tolist()


@settings(max_examples=50)
@given(labels)
def test_the_truth_finds_itself(truth):
    if np.max(truth) < 0:
        return
    table = event_scores(truth, [[max(k, 0) for k in row] for row in truth])
    assert (table["hits"] == table["true"]).all()
    assert (table[["precision", "recall", "f1"]] == 1).all(axis=None)
    assert (table["error"] == 0).all()


def test_recordings_without_an_event_have_a_row_with_their_time():
    nothing = np.zeros((2, 3600), dtype=int)
    table = event_scores(nothing, nothing, by=("recording",), sampling_rate=1)
    assert table[["false_alarms_per_hour", "hours"]].to_numpy().tolist() == [[0, 1], [0, 1]]
    assert table["precision"].isna().all()
    assert event_scores(nothing, nothing).empty


def test_a_truth_without_labels_warns():
    unlabeled = np.full((2, 9), -1)
    with pytest.warns(UserWarning, match="y_true is all -1"):
        assert event_scores(unlabeled, np.ones((2, 9), dtype=int), by=()).empty


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "label"}, "by='label'"),
        ({"by": ("unit",)}, "'recording', 'group', 'label'"),
        ({"by": ("group",)}, "needs groups"),
        ({"by": ("group",), "groups": [1]}, "groups has 1 entries, but there are 2 recordings"),
        ({"offset_tolerance": 3}, "onset_tolerance is None"),
        ({"relative_tolerance": 0.3}, "onset_tolerance is None"),
        ({"onset_tolerance": -1}, "onset_tolerance=-1"),
        ({"onset_tolerance": 1, "relative_tolerance": -0.1}, "relative_tolerance=-0.1"),
        ({"iou": 0}, "iou=0"),
        ({"sampling_rate": 0}, "sampling_rate"),
    ],
)
def test_a_wrong_argument_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        event_scores(TRUTH, FOUND, **options)


class Always:
    background = 0

    def __init__(self, found):
        self.found = found

    def predict(self, X):
        return self.found


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("precision", 0.5), ("recall", 0.75), ("f1", (1 / 2 + 2 / 3) / 2), ("misses_per_hour", -1 / (20 / 3600))],
)
def test_a_scorer_is_the_mean_over_classes(measure, expected):
    scorer = make_event_scorer(measure, sampling_rate=1)
    assert scorer(Always(FOUND), TRUTH, TRUTH) == pytest.approx(expected)


def test_a_class_that_is_never_predicted_has_precision_0():
    assert make_event_scorer("precision")(Always(TRUTH * (TRUTH == 1)), TRUTH, TRUTH) == 0.5


def test_a_scorer_without_an_event_is_1_and_without_a_label_nan():
    nothing = np.zeros((2, 9), dtype=int)
    assert make_event_scorer("recall")(Always(nothing), nothing, nothing) == 1.0
    with pytest.warns(UserWarning, match="y_true is all -1"):
        assert np.isnan(make_event_scorer("recall")(Always(nothing), nothing, nothing - 1))


def test_scorers_are_equal_by_value_and_shown_with_their_options():
    assert make_event_scorer("recall", 5) == make_event_scorer("recall", 5) != make_event_scorer("recall", 6)
    shown = repr(make_event_scorer("false_alarms_per_hour", 0.1, sampling_rate=50))
    assert shown == "SegmentationScorer(false_alarms_per_hour(onset_tolerance=0.1, sampling_rate=50), sign=-1)"
    assert repr(make_event_scorer("f1")) == "SegmentationScorer(f1(iou=0.5))"


@pytest.mark.parametrize(
    ("measure", "words"), [("accuracy", "measure='accuracy'"), ("misses_per_hour", "needs sampling_rate")]
)
def test_a_wrong_measure_is_refused(measure, words):
    with pytest.raises(ValueError, match=words):
        make_event_scorer(measure)
