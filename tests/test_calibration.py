import warnings

import numpy as np
import pytest

from sslts.calibration import calibrate_counts
from sslts.segments import labels_to_segments, summarize


class Detector:
    """Says where and how sure; X holds (probability of class 4) per sample."""

    classes_ = np.array([0, 4])
    background = 0

    def predict(self, X):
        return [np.where(x > 0.5, 4, 0) for x in X]

    def predict_proba(self, X):
        return [np.stack([1 - x, x], axis=1) for x in X]

    def predict_segments(self, X):
        return labels_to_segments(self.predict(X), proba=self.predict_proba(X), classes=self.classes_)


def make(n, seed, missed=0.1):
    """Recordings of 30 places: at each a detection with a score, real as often as the score's square says."""
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


def test_scores_that_are_too_sure_are_corrected():
    X, y = make(200, 0)
    curve = calibrate_counts(Detector(), X, y)[4]
    probability = curve.weigh([0.6, 0.9])[0] / (1 + curve.missed)
    assert probability == pytest.approx([0.36, 0.81], abs=0.08)
    assert curve.missed == pytest.approx(0.1, abs=0.03)
    assert len(curve.residuals) == 200


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_interval_covers_what_it_says(level):
    calibration = calibrate_counts(Detector(), *make(200, 0))
    X, y = make(400, 1)
    table = summarize(Detector().predict_segments(X), [300] * 400, labels=[4], calibration=calibration, level=level)
    true = summarize(labels_to_segments(y), [300] * 400, labels=[4])["count"]
    covered = ((table["count_low"] <= true) & (true <= table["count_high"])).mean()
    assert level - 0.07 < covered < level + 0.09
    assert abs((table["expected_count"] - true).mean()) < 0.3 < abs((table["count"] - true).mean())


def test_unlabelled_recordings_and_stretches_do_not_matter():
    X, y = make(40, 0)
    hidden = [*y, np.full(300, -1)]
    assert calibrate_counts(Detector(), [*X, np.full(300, 0.9)], hidden) == calibrate_counts(Detector(), X, y)


def test_a_class_that_is_never_predicted_is_always_missed():
    _X, y = make(12, 0)
    with pytest.warns(UserWarning, match="fewer than half .* were found .class 4, 0 of "):
        curve = calibrate_counts(Detector(), [np.zeros(300)] * 12, y)[4]
    assert curve.missed > 0
    assert curve.find_reach(0.9) > 5


@pytest.mark.parametrize(("found", "warns"), [(0, True), (4, True), (5, False), (10, False)])
def test_a_class_of_which_less_than_half_is_found_is_named(found, warns):
    y = np.zeros(100, dtype=int)
    y[np.arange(0, 100, 10)] = 4
    x = np.where((y == 4) & (np.arange(100) < 10 * found), 0.9, 0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calibrate_counts(Detector(), [x, x], [y, y])
    assert [f"class 4, {2 * found} of 20" in str(one.message) for one in caught] == [True] * warns


def test_nothing_labelled_is_refused():
    with pytest.raises(ValueError, match="every label is -1"):
        calibrate_counts(Detector(), [np.zeros(9)], [np.full(9, -1)])
