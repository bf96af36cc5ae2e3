from functools import partial, wraps

import numpy as np
import pandas as pd
import pytest

from sslts.annotations import pool_labels
from sslts.metrics import (
    Tally,
    bootstrap_difference,
    bootstrap_interval,
    count_scorer,
    event_f1,
    frame_f1,
    mean_iou,
    segment_f1,
    tallied,
)
from sslts.metrics.bootstrap import _number_groups


def share_right(y_true, y_pred):
    return float(np.mean(np.concatenate(y_true) == np.concatenate(y_pred)))


@pytest.fixture
def recordings():
    """Return 40 recordings; the prediction is right in 30 of them."""
    truth = np.ones((40, 5), dtype=int)
    return truth, np.where(np.arange(40)[:, None] < 30, truth, 0)


class TestInterval:
    def test_it_is_near_the_normal_interval_of_many_recordings(self, recordings):
        found = bootstrap_interval(share_right, *recordings, n_resamples=3000)
        half = 1.96 * np.sqrt(0.75 * 0.25 / 40)
        assert found.estimate == 0.75
        assert found.low == pytest.approx(0.75 - half, abs=0.03)
        assert found.high == pytest.approx(0.75 + half, abs=0.03)

    def test_whole_groups_are_drawn(self, recordings):
        alone = bootstrap_interval(share_right, *recordings)
        together = bootstrap_interval(share_right, *recordings, groups=np.arange(40) // 10)
        assert together.high - together.low > 1.5 * (alone.high - alone.low)
        single = bootstrap_interval(share_right, *recordings, groups=[str(i) for i in range(40)])
        assert single.high - single.low == pytest.approx(alone.high - alone.low, abs=0.05)

    @pytest.mark.parametrize("missing", [None, pd.NA, np.nan])
    def test_recordings_with_a_missing_group_form_one_group(self, recordings, missing):
        known = ["a", "b", "c", "d"]
        groups = pd.Series([known[i // 10] for i in range(40)], dtype=object)
        wanted = bootstrap_interval(share_right, *recordings, groups=groups)
        assert bootstrap_interval(share_right, *recordings, groups=groups.replace("d", missing)) == wanted

    @pytest.mark.parametrize("names", [[3, 1, 2], ["b", "B", "a"], [0.5, np.nan, -1.0], [True, False, True]])
    def test_groups_are_numbered_in_sorted_order(self, names):
        groups = np.array(names)[np.random.default_rng(0).integers(3, size=40)]
        np.testing.assert_array_equal(_number_groups(groups), np.unique(groups, return_inverse=True)[1])

    @pytest.mark.parametrize("groups", [False, True])
    def test_recordings_without_labels_do_not_matter(self, recordings, groups):
        truth, predicted = ([*some[20:]] for some in recordings)
        more = [*truth, *[np.full(5, -1)] * 30], [*predicted, *[np.zeros(5, dtype=int)] * 30]
        named = [None, None] if not groups else [np.arange(20) // 4, np.r_[np.arange(20) // 4, np.arange(30) + 9]]
        wanted = bootstrap_interval(mean_iou, truth, predicted, groups=named[0])
        assert bootstrap_interval(mean_iou, *more, groups=named[1]) == wanted

    def test_few_recordings_seldom_show_a_false_difference(self):
        """Two equally good predictions at a level of 0.9: plain percentiles are wrong in a fifth of the cases."""
        rng = np.random.default_rng(0)
        wrong = 0
        for _ in range(300):
            truth = np.ones((8, 20), dtype=int)
            pair = [(rng.random((8, 20)) < rng.uniform(0.3, 0.9, (8, 1))).astype(int) for _ in range(2)]
            found = bootstrap_difference(share_right, truth, *pair, level=0.9, n_resamples=200)
            wrong += not found.low <= 0 <= found.high
        assert wrong / 300 < 0.14

    def test_a_higher_level_is_wider(self, recordings):
        narrow, wide = (bootstrap_interval(share_right, *recordings, level=level) for level in (0.5, 0.99))
        assert wide.low < narrow.low < narrow.high < wide.high

    def test_the_same_seed_gives_the_same_interval(self, recordings):
        same = [bootstrap_interval(mean_iou, *recordings, n_resamples=20, random_state=3) for _ in range(2)]
        assert same[0] == same[1]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"groups": [0] * 40}, "at least two groups with labels, y_true has 1; label more groups"),
            ({"groups": [0, 1]}, "groups has 2 entries, y_true has 40 recordings; give one group for each"),
            ({"level": 1}, "level=1; give a share"),
            ({"n_resamples": 0}, "n_resamples=0"),
        ],
    )
    def test_bad_input_is_refused(self, recordings, options, message):
        with pytest.raises(ValueError, match=message):
            bootstrap_interval(share_right, *recordings, **options)


class TestDifference:
    def test_both_predictions_are_scored_on_the_same_resamples(self, recordings):
        truth, predicted = recordings
        worse = np.where(np.arange(40)[:, None] < 26, truth, 0)
        found = bootstrap_difference(share_right, truth, predicted, worse)
        assert found.estimate == pytest.approx(0.1)
        assert 0 < found.low < 0.1 < found.high < 0.22

    def test_a_prediction_does_not_differ_from_itself(self, recordings):
        assert bootstrap_difference(share_right, *recordings, recordings[1]) == (0, 0, 0)

    def test_a_baseline_of_other_recordings_is_refused(self, recordings):
        with pytest.raises(ValueError, match="y_true has 40 recordings, y_baseline has 3"):
            bootstrap_difference(share_right, *recordings, recordings[1][:3])


def draw_recordings(seed):
    """Return ragged labels with unlabeled recordings, unlabeled stretches and rare classes; two predictions; groups."""
    rng = np.random.default_rng(seed)
    truth, *predictions = [], [], []
    for i in range(rng.integers(2, 9)):
        n_runs = rng.integers(1, 7)
        lengths = rng.integers(1, 6, n_runs)
        truth.append(np.repeat(rng.choice([-1, 0, 2, 3, 7 if i == 0 else 0], n_runs), lengths))
        for prediction in predictions:
            noise = rng.random(lengths.sum()) < 0.2
            prediction.append(np.where(noise, rng.choice([0, 2, 5], lengths.sum()), truth[-1].clip(min=0)))
    truth[-1] = np.full(truth[-1].size, rng.choice([-1, 0]))
    return truth, *predictions, rng.integers(3, size=len(truth)) if len(truth) > 5 else None


@pytest.mark.filterwarnings("ignore:y_true is all -1", "ignore:All-NaN slice")
@pytest.mark.parametrize(
    "metric",
    [
        mean_iou,
        frame_f1,
        partial(frame_f1, background=None, average="micro"),
        segment_f1,
        partial(segment_f1, background=2, iou=0.3, average="micro", zero_division=0.0),
        partial(event_f1, onset_tolerance=1),
        partial(event_f1, onset_tolerance=2, offset_tolerance=1, background=None, zero_division=np.nan),
        count_scorer.function,
        partial(count_scorer.function, background=3),
    ],
    ids=lambda metric: str(getattr(metric, "func", metric).__name__),
)
def test_tallied_metrics_score_resamples_like_other_metrics(metric):
    for seed in range(14):
        truth, predicted, baseline, groups = draw_recordings(seed)
        options = {"groups": groups, "n_resamples": 20, "random_state": seed}
        if groups is not None and np.unique(groups).size < 2:
            continue
        found = bootstrap_interval(metric, truth, predicted, **options)
        wanted = bootstrap_interval(lambda t, p: metric(t, p), truth, predicted, **options)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        gain = bootstrap_difference(metric, truth, predicted, baseline, **options)
        wanted = bootstrap_difference(lambda t, p: metric(t, p), truth, predicted, baseline, **options)
        np.testing.assert_allclose(gain, wanted, rtol=1e-12, atol=1e-15)


def test_a_tallied_metric_reads_the_samples_once(recordings, monkeypatch):
    calls = []
    monkeypatch.setattr("sslts.metrics.samples.pool_labels", lambda *pair: calls.append(pair) or pool_labels(*pair))
    bootstrap_interval(mean_iou, *recordings, n_resamples=50)
    assert len(calls) == 1


def set_another_tally(metric):
    def decorate(function):
        function.tally = metric
        return function

    return decorate


class TestCustomMetric:
    """A metric brings its own tally; the bootstrap only asks the metric for it."""

    @pytest.fixture
    def calls(self):
        return []

    @pytest.fixture
    def sensitivity(self, calls):
        def tally_sensitivity(y_true, y_pred, *, label):
            calls.append("tally")
            found = [[np.sum((t == label) & (p == label))] for t, p in zip(y_true, y_pred, strict=True)]
            n_true = [[np.sum(t == label)] for t in y_true]
            labeled = np.array([(t >= 0).any() for t in y_true])
            return Tally(
                np.array([found, n_true]), np.array([label]), labeled, lambda sums, *_: float(sums[0, 0] / sums[1, 0])
            )

        @tallied(tally_sensitivity)
        def sensitivity(y_true, y_pred, *, label=1):
            calls.append("metric")
            return tally_sensitivity(y_true, y_pred, label=label).score()

        return sensitivity

    @pytest.mark.parametrize("options", [{}, {"label": 1}])
    def test_it_is_tallied_once(self, recordings, sensitivity, calls, options):
        metric = partial(sensitivity, **options) if options else sensitivity
        found = bootstrap_interval(metric, *recordings, n_resamples=50)
        assert calls == ["tally"]
        assert found == bootstrap_interval(lambda t, p: sensitivity(t, p), *recordings, n_resamples=50)
        assert found.estimate == 0.75
        assert calls.count("metric") == 51

    def test_a_difference_tallies_each_prediction_once(self, recordings, sensitivity, calls):
        assert bootstrap_difference(sensitivity, *recordings, recordings[0], n_resamples=50).estimate == -0.25
        assert calls == ["tally", "tally"]

    def test_the_metric_itself_is_unchanged(self, recordings, sensitivity, calls):
        assert sensitivity(*recordings) == 0.75
        assert calls == ["metric", "tally"]

    @pytest.mark.parametrize("decorate", [wraps, set_another_tally])
    def test_a_wrapper_of_the_metric_is_not_tallied(self, recordings, sensitivity, decorate):
        """`functools.wraps` copies the attributes of a metric, and other code may use the same attribute name."""

        @decorate(sensitivity)
        def miss_rate(y_true, y_pred):
            return 1 - sensitivity(y_true, y_pred)

        assert bootstrap_interval(miss_rate, *recordings, n_resamples=5).estimate == 0.25


def test_options_of_a_tallied_metric_are_checked(recordings):
    with pytest.raises(ValueError, match="average='mean'"):
        bootstrap_interval(partial(segment_f1, average="mean"), *recordings)
    with pytest.raises(TypeError, match="onset_tolerance"):
        bootstrap_interval(event_f1, *recordings)
