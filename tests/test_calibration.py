import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import BaseEstimator
from small import LUDB, TINY, needs_ludb

from sslts import SupervisedSegmenter
from sslts.calibration import _fit_curve, calibrate_counts
from sslts.datasets import load_ludb, make_recordings
from sslts.model_selection import LabeledShuffleSplit
from sslts.segments import CountCalibration, labels_to_segments, summarize
from sslts.segments.counts import _LEAST_VARIANCE


class Detector:
    """A stand-in for a fitted segmenter; X holds the probability of class 4 at each sample."""

    classes_ = np.array([0, 4])
    background = 0

    def predict(self, X):
        return [np.where(x > 0.5, 4, 0) for x in X]

    def predict_proba(self, X):
        return [np.stack([1 - x, x], axis=1) for x in X]

    def predict_segments(self, X):
        return labels_to_segments(self.predict(X), proba=self.predict_proba(X), classes=self.classes_)


def make(n, seed, missed=0.1):
    """Return recordings with up to 30 detections each; a detection is real with the probability score**2."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(n):
        x, labels = np.zeros(300), np.zeros(300, dtype=int)
        for start in range(0, 300, 10):
            score = rng.uniform(0.55, 0.99)
            if rng.random() < 0.5:
                x[start : start + 5] = score
                if rng.random() < score**2:
                    labels[start : start + 5] = 4
                    if rng.random() < missed and start < 290:
                        labels[start + 6 : start + 9] = 4
        X.append(x)
        y.append(labels)
    return X, y


def test_overconfident_scores_are_corrected():
    X, y = make(200, 0)
    curve = calibrate_counts(Detector(), X, y)[4]
    probability = curve.weigh([0.6, 0.9])[0] / (1 + curve.missed)
    assert probability == pytest.approx([0.36, 0.81], abs=0.08)
    assert curve.missed == pytest.approx(0.1, abs=0.03)
    assert len(curve.residuals) == 200


@pytest.mark.parametrize(("n", "kind"), [(12, "mixed"), (200, "mixed"), (12, "separable"), (12, "real"), (1, "real")])
@pytest.mark.filterwarnings("error")
def test_the_curve_has_the_greatest_likelihood(n, kind):
    rng = np.random.default_rng(n)
    score = rng.uniform(0.5, 0.99, n)
    real = {"mixed": rng.random(n) < score**2, "separable": score > 0.7, "real": np.full(n, True)}[kind]
    odds = np.log(score / (1 - score))
    target = np.where(real, (real.sum() + 1) / (real.sum() + 2), 1 / ((~real).sum() + 2))

    def loss(curve):
        z = curve[0] * odds + curve[1]
        return (np.logaddexp(0, z) - target * z).sum()

    found, best = np.array(_fit_curve(score, real)), minimize(loss, [1.0, 0.0], tol=1e-10)
    assert loss(found) == pytest.approx(best.fun, rel=1e-9)
    if n > 1:
        np.testing.assert_allclose(found, best.x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_interval_has_the_stated_coverage(level):
    calibration = calibrate_counts(Detector(), *make(200, 0))
    X, y = make(400, 1)
    table = summarize(Detector().predict_segments(X), [300] * 400, labels=[4], calibration=calibration, level=level)
    true = summarize(labels_to_segments(y), [300] * 400, labels=[4])["count"]
    covered = ((table["count_low"] <= true) & (true <= table["count_high"])).mean()
    assert level - 0.07 < covered < level + 0.09
    assert abs((table["expected_count"] - true).mean()) < 0.3 < abs((table["count"] - true).mean())


@pytest.mark.parametrize("size", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_the_interval_of_many_recordings_has_the_stated_coverage(size):
    covered, widths = [], []
    for seed in range(14):
        calibration = calibrate_counts(Detector(), *make(50, seed))
        X, y = make(size, 1000 + seed)
        options = {"labels": [4], "by": ("label",), "calibration": calibration}
        found = summarize(Detector().predict_segments(X), [300] * size, **options)
        true = summarize(labels_to_segments(y), [300] * size, labels=[4], by=("label",))["count"]
        covered.append((found["count_low"] <= true) & (true <= found["count_high"]))
        widths.append((found["count_high"] - found["count_low"]) / true)
    assert np.mean(covered) >= 0.8  # 14 draws of an interval of 90 %
    assert np.mean(widths) < 0.3


@pytest.mark.parametrize(
    ("n", "level", "warns"), [(10, 0.9, False), (9, 0.9, False), (10, 0.95, True), (19, 0.95, False)]
)
def test_a_level_that_too_few_recordings_support_gives_one_warning(n, level, warns):
    calibration = calibrate_counts(Detector(), *make(n, 0))
    segments = Detector().predict_segments(make(5, 1)[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        summarize(segments, [300] * 5, period=100, calibration=calibration, level=level)
    told = [str(one.message) for one in caught]
    assert len(told) == warns
    assert all(
        "level=0.95 is more than a calibration on 10 labeled recordings supports, at most 0.909" in one for one in told
    )
    assert all("at least 19 recordings" in one for one in told)
    assert all(one.filename == __file__ for one in caught)


def test_without_residuals_any_level_is_supported():
    segments = Detector().predict_segments(make(5, 1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summarize(segments, [300] * 5, calibration={4: CountCalibration()}, level=0.999)


def test_unlabeled_recordings_and_stretches_do_not_matter():
    X, y = make(40, 0)
    hidden = [*y, np.full(300, -1)]
    assert calibrate_counts(Detector(), [*X, np.full(300, 0.9)], hidden) == calibrate_counts(Detector(), X, y)


def test_a_class_that_is_never_predicted_is_always_missed():
    _X, y = make(12, 0)
    with pytest.warns(UserWarning, match="fewer than half .* were found .class 4, 0 of "):
        curve = calibrate_counts(Detector(), [np.zeros(300)] * 12, y)[4]
    assert curve.missed > 0
    assert curve.count_deviations(0.9) > 5


@pytest.mark.parametrize(("found", "warns"), [(0, True), (4, True), (5, False), (10, False)])
def test_a_class_with_fewer_than_half_found_is_named(found, warns):
    y = np.zeros(100, dtype=int)
    y[np.arange(0, 100, 10)] = 4
    x = np.where((y == 4) & (np.arange(100) < 10 * found), 0.9, 0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calibrate_counts(Detector(), [x, x], [y, y])
    assert [f"class 4, {2 * found} of 20" in str(one.message) for one in caught] == [True] * warns


def test_labels_that_are_all_unlabeled_are_refused():
    with pytest.raises(ValueError, match="every label is -1"):
        calibrate_counts(Detector(), [np.zeros(9)], [np.full(9, -1)])


def test_a_class_without_a_true_segment_is_named_and_not_calibrated():
    class Another(Detector):
        classes_ = np.array([0, 4, 7])

        def predict_proba(self, X):
            return [np.stack([1 - x, x, 0 * x], axis=1) for x in X]

    with pytest.warns(UserWarning, match="no labeled recording holds a segment of class 7"):
        assert calibrate_counts(Another(), *make(20, 0))[7] == CountCalibration()


def test_the_interval_of_few_recordings_has_the_stated_coverage():
    """Nine recordings support a level of 0.9; residuals of the recordings that a curve was fitted to are too small."""
    covered = []
    for seed in range(24):
        X, y = make(9, 2 * seed)
        X_new, y_new = make(20, 2 * seed + 1)
        detector = Detector()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            calibration = calibrate_counts(detector, X, y)
            table = summarize(
                detector.predict_segments(X_new), [300] * 20, labels=[4], calibration=calibration, level=0.9
            )
        true = np.bincount(labels_to_segments(y_new)["recording"], minlength=20)
        covered.append(((table["count_low"] <= true) & (true <= table["count_high"])).mean())
    assert np.mean(covered) >= 0.9


def test_residuals_are_cross_validated():
    X, y = make(8, 0)
    whole = calibrate_counts(Detector(), X, y)[4]
    for i in range(8):
        rest = [k for k in range(8) if k != i]
        curve = calibrate_counts(Detector(), [X[k] for k in rest], [y[k] for k in rest])[4]
        score = labels_to_segments([np.where(X[i] > 0.5, 4, 0)], proba=[np.stack([1 - X[i], X[i]], 1)], classes=[0, 4])
        expected, variance = (part.sum() for part in curve.weigh(score["score"]))
        true = len(labels_to_segments([y[i]]))
        assert whole.residuals[i] == pytest.approx(abs(true - expected) / np.sqrt(variance + _LEAST_VARIANCE), rel=1e-4)


def test_ranks_are_not_rounded_up():
    assert CountCalibration(residuals=tuple(range(1, 25))).count_deviations(0.56) == 14


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{}, {"n_classes": 3, "noise": 0.5}])
def test_the_intervals_of_a_network_have_the_stated_coverage(kind):
    X, y = make_recordings(260, n_samples=600, random_state=0, **kind)
    segmenter = SupervisedSegmenter(max_steps=300, random_state=0).fit(X[:4], y[:4])
    calibration = calibrate_counts(segmenter, X[4:64], y[4:64])
    found, true = segmenter.predict_segments(X[64:]), labels_to_segments(y[64:])
    labels = segmenter.classes_[1:].tolist()
    covered = {}
    for name, options in (("recording", {}), ("half", {"period": 300}), ("all", {"by": ("label",)})):
        table = summarize(found, [600] * 196, labels=labels, calibration=calibration, **options)
        counts = summarize(true, [600] * 196, labels=labels, **options)["count"]
        covered[name] = ((table["count_low"] <= counts) & (counts <= table["count_high"])).mean()
    assert covered["recording"] >= 0.85
    assert covered["half"] >= 0.85
    assert covered["all"] == 1.0  # of one or two sums


def cut_to_labels(x, labels):
    """Return the labeled span of a recording, and its labels."""
    known = np.flatnonzero(labels >= 0)
    return x[known[0] : known[-1] + 1], labels[known[0] : known[-1] + 1]


@pytest.mark.slow
@needs_ludb
def test_the_intervals_of_heart_beats_have_the_stated_coverage():
    ludb = load_ludb(LUDB, leads=["ii"])
    order = np.random.default_rng(0).permutation(len(ludb.X))
    X, y = zip(*(cut_to_labels(ludb.X[i], ludb.y[i]) for i in order), strict=True)
    segmenter = SupervisedSegmenter(max_steps=300, random_state=0).fit(X[:10], y[:10])
    calibration = calibrate_counts(segmenter, X[10:100], y[10:100])
    found, true = segmenter.predict_segments(X[100:]), labels_to_segments(y[100:])
    labels, lengths = segmenter.classes_[1:].tolist(), list(map(len, X[100:]))
    for options, least in (({}, 0.85), ({"period": 1250}, 0.85), ({"by": ("label",)}, 0.6)):
        table = summarize(found, lengths, labels=labels, calibration=calibration, **options)
        counts = summarize(true, lengths, labels=labels, **options)["count"]
        covered = (table["count_low"] <= counts) & (counts <= table["count_high"])
        assert covered.mean() >= least  # of three sums over all recordings, two


class Learner(Detector, BaseEstimator):
    """A detector that remembers the sums of the recordings whose labels it was fitted to."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 4])
        self.seen = {round(float(x.sum()), 6) for x, labels in zip(X, y, strict=True) if np.max(labels) >= 0}
        return self

    def predict_proba(self, X):
        assert not self.seen & {round(float(x.sum()), 6) for x in X}
        return super().predict_proba(X)


class TestCrossFitting:
    def test_each_labeled_recording_is_labeled_by_a_fit_without_its_labels(self):
        X, y = make(30, 0)
        y[20:] = [np.full(300, -1)] * 10
        found = calibrate_counts(Learner().fit(X, y), X, y, cv=5)
        held_out = calibrate_counts(Detector(), X[:20], y[:20])
        assert found[4].slope == pytest.approx(held_out[4].slope)
        assert len(found[4].residuals) == 20
        assert sorted(found[4].residuals) == pytest.approx(sorted(held_out[4].residuals))

    def test_groups_stay_together(self):
        X, y = make(20, 0)
        seen = []

        class Spy(Learner):
            def fit(self, X, y):
                seen.append(len(X))
                return super().fit(X, y)

        calibrate_counts(Spy().fit(X, y), X, y, cv=4, groups=np.arange(20) // 5)
        assert seen[1:] == [15] * 4

    def test_a_splitter_may_be_passed(self):
        X, y = make(20, 0)
        split = LabeledShuffleSplit(1, test_size=8, random_state=0)
        assert len(calibrate_counts(Learner().fit(X, y), X, y, cv=split)[4].residuals) == 8

    def test_a_network_is_calibrated_on_its_own_training(self):
        X, y = make_recordings(8, n_samples=300, random_state=0)
        y[4:] = -1
        segmenter = SupervisedSegmenter(max_steps=2, network=TINY, random_state=0).fit(X, y)
        before = segmenter.predict_proba(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # two steps find nothing
            assert len(calibrate_counts(segmenter, X, y, cv=2)[1].residuals) == 4
        np.testing.assert_array_equal(segmenter.predict_proba(X), before)

    def test_errors_name_the_argument(self):
        X, y = make(3, 0)
        with pytest.raises(ValueError, match="groups needs cv"):
            calibrate_counts(Detector(), X, y, groups=[1, 2, 3])
        with pytest.raises(ValueError, match="n_splits=5, but there are 3 labeled"):
            calibrate_counts(Learner().fit(X, y), X, y, cv=5)
