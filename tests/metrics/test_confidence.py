import numpy as np
import pytest

from sslts.metrics import expected_calibration_error, reliability_curve


@pytest.fixture
def calibrated():
    """Return ragged recordings whose labels are drawn from their probabilities."""
    rng = np.random.default_rng(0)
    proba = [rng.dirichlet([1, 1, 1], n) for n in (4000, 1000, 3000)]
    truth = [np.array([rng.choice([0, 2, 5], p=p) for p in one]) for one in proba]
    return truth, proba


class TestReliabilityCurve:
    def test_calibrated_probabilities_are_on_the_diagonal(self, calibrated):
        for label in (None, 0, 5):
            curve = reliability_curve(*calibrated, classes=[0, 2, 5], label=label).dropna()
            assert curve["count"].sum() == 8000
            assert (curve["accuracy"] - curve["confidence"]).abs().max() < 0.06

    def test_bins_hold_probabilities_between_their_ends(self):
        proba = np.array([[1.0, 0.0], [0.5, 0.5], [0.35, 0.65], [0.0, 1.0]])
        curve = reliability_curve([0, 0, 0, 1], proba, label=1, n_bins=4)
        assert curve["count"].tolist() == [1, 1, 1, 1]  # closed on the right
        assert curve["accuracy"].tolist() == [0, 0, 0, 1]
        assert curve["confidence"].tolist() == [0, 0.5, 0.65, 1]
        sparse = reliability_curve([0, 1], [[0.9, 0.1], [0.2, 0.8]], label=1, n_bins=4)
        assert sparse["count"].tolist() == [1, 0, 0, 1]
        assert sparse["accuracy"].isna().tolist() == [False, True, True, False]

    def test_a_probability_on_an_edge_is_in_the_bin_below_despite_rounding(self):
        proba = np.array([[0.71, 0.29], [0.43, 0.57], [0.42, 0.58]])
        curve = reliability_curve([0, 1, 1], proba, label=1, n_bins=100)
        assert curve.index[curve["count"] > 0].tolist() == [28, 56, 57]
        assert expected_calibration_error([[1, 0]], [[[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]]], n_bins=2) == 0.3

    @pytest.mark.parametrize("label", [None, 2])
    def test_probabilities_of_single_precision_are_binned_as_they_are(self, calibrated, label):
        truth, proba = calibrated
        single = [one.astype(np.float32) for one in proba]
        double = [one.astype(np.float64) for one in single]
        curves = [reliability_curve(truth, one, classes=[0, 2, 5], label=label) for one in (single, double)]
        assert curves[0].equals(curves[1])

    def test_unlabeled_samples_do_not_matter(self, calibrated):
        truth, proba = calibrated
        hidden = [np.where(np.arange(len(t)) % 2, t, -1) for t in truth]
        halves = [t[1::2] for t in truth], [p[1::2] for p in proba]
        options = {"classes": [0, 2, 5]}
        assert reliability_curve(hidden, proba, **options).equals(reliability_curve(*halves, **options))

    @pytest.mark.parametrize(
        ("args", "options", "message"),
        [
            (([0, 1], np.ones((3, 2))), {}, r"y_true\[0\] has 2 samples, y_proba\[0\] has 3"),
            (([[0, 1]], [np.ones((2, 2))] * 2), {}, "y_true has 1 recordings, y_proba has 2"),
            (([0, 1], np.ones((2, 2))), {"classes": [0, 1, 2]}, "give 2 distinct classes"),
            (([0, 1], np.ones((2, 2))), {"classes": [1, 1]}, "give 2 distinct classes, one per column of y_proba"),
            (
                ([0, 1], [[0.5, 0.5], [np.nan, 0.5]]),
                {},
                r"y_proba\[0\] holds NaN .* at 1 labeled .* at sample 1; fix them",
            ),
            (([[0], [1]], [[[0.5, 0.5]], [[np.inf, 0]]]), {}, r"y_proba\[1\] holds NaN or infinite values"),
            (([[0], [1]], [np.ones((1, 2)), np.ones((1, 3))]), {}, r"y_proba\[1\] has shape \(1, 3\)"),
            (([0, 1], np.ones((2, 2))), {"label": 7}, "label=7 has no column in y_proba"),
            (([0, 1], np.ones((2, 2))), {"n_bins": 0}, "n_bins=0"),
        ],
    )
    def test_bad_input_is_refused(self, args, options, message):
        with pytest.raises(ValueError, match=message):
            reliability_curve(*args, **options)


class TestExpectedCalibrationError:
    def test_probabilities_of_unlabeled_samples_do_not_matter(self):
        assert expected_calibration_error([0, -1], [[1.0, 0.0], [np.nan, np.nan]]) == 0

    def test_missing_probabilities_are_refused(self):
        with pytest.raises(ValueError, match=r"y_proba\[0\] holds NaN"):
            expected_calibration_error([0, 1], [[0.9, 0.1], [np.nan, np.nan]])

    def test_calibrated_probabilities_have_a_small_error(self, calibrated):
        truth, proba = calibrated
        assert expected_calibration_error(truth, proba, classes=[0, 2, 5]) < 0.02
        sure = [p**4 / (p**4).sum(1, keepdims=True) for p in proba]
        assert expected_calibration_error(truth, sure, classes=[0, 2, 5]) > 0.1

    def test_it_equals_the_definition(self):
        rng = np.random.default_rng(1)
        proba, truth = rng.dirichlet([1, 1], 300), rng.integers(0, 2, 300)
        confidence, right = proba.max(1), proba.argmax(1) == truth
        wanted = 0.0
        for low in np.arange(15) / 15:
            mine = (confidence >= low) & (confidence < low + 1 / 15)
            if mine.any():
                wanted += mine.mean() * abs(confidence[mine].mean() - right[mine].mean())
        assert expected_calibration_error(truth, proba) == pytest.approx(wanted)

    def test_nothing_labeled_is_nan_with_a_warning(self):
        with pytest.warns(UserWarning, match="y_true is all -1"):
            assert np.isnan(expected_calibration_error([-1, -1], np.ones((2, 2)) / 2))


def test_tables_without_classes_are_refused():
    with pytest.raises(ValueError, match=r"y_proba\[0\] has shape \(2,\)"):
        expected_calibration_error([[0, 1], [1, 0, 1]], [np.ones(2), np.ones(3)])
