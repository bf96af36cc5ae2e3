"""Rules that hold for every display."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import FixMatchSegmenter
from sslts.calibration import calibrate_counts
from sslts.decoding import Argmax
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import compare_decoders
from sslts.plotting import (
    CountDisplay,
    DurationDisplay,
    ReliabilityDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
)
from sslts.preprocessing import RecordingStandardizer


@pytest.mark.parametrize("display", [CountDisplay, DurationDisplay])
def test_names_of_unknown_classes_are_refused(display):
    y = np.array([[0, 1, 1, 0, 1]])
    with pytest.raises(ValueError, match="names has the key 'cycle', which is not an integer"):
        display.from_predictions(y, y, names={"cycle": 1})


class TestAcceptedInput:
    """Displays accept the containers, forms of labels and wrappers of segmenters that estimators accept."""

    @staticmethod
    def containers(X, y):
        index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[1])])
        times = pd.date_range("2026-01-01", periods=X.shape[1], freq="20ms")
        return {
            "list": (list(X), list(y)),
            "frame": (pd.DataFrame(X), pd.DataFrame(y)),
            "df-list": ([pd.DataFrame({"x": x}) for x in X], y),
            "nested_univ": (pd.DataFrame({"x": [pd.Series(x) for x in X]}), y),
            "pd-multiindex": (pd.DataFrame({"x": X.ravel()}, index), pd.Series(y.ravel(), index)[::-1]),
            "named": (pd.DataFrame(X, list("fedcba")), pd.DataFrame(y, list("fedcba")).sort_index()),
            "series": ([pd.Series(x, times) for x in X], [pd.Series(one, times)[::-1] for one in y]),
        }

    @pytest.mark.parametrize("kind", ["list", "frame", "named", "df-list", "nested_univ", "pd-multiindex", "series"])
    def test_containers(self, fitted, kind):
        segmenter, X, y = fitted
        given, labels = self.containers(X, y)[kind]
        wanted, found = (CountDisplay.from_estimator(segmenter, *pair) for pair in ((X, y), (given, labels)))
        pd.testing.assert_frame_equal(found.true, wanted.true)
        pd.testing.assert_frame_equal(found.predicted, wanted.predicted)
        np.testing.assert_array_equal(
            SegmentationDisplay.from_estimator(segmenter, given, labels, recording=2).y_true, y[2]
        )
        assert len(DurationDisplay.from_estimator(segmenter, given, labels).true) > 0
        error = ReliabilityDisplay.from_estimator(segmenter, given, labels).error
        assert error == ReliabilityDisplay.from_estimator(segmenter, X, y).error
        for judge in (mean_iou_scorer, calibrate_counts, lambda *of: compare_decoders(*of, [Argmax()])["score"][0]):
            assert judge(segmenter, given, labels) == judge(segmenter, X, y)

    @pytest.mark.parametrize("labels", [[0, 1, 2, -1, 0, 1], np.array([[0], [1], [2], [-1], [0], [1]])])
    def test_one_label_per_recording(self, fitted, labels):
        segmenter, X, _ = fitted
        assert CountDisplay.from_estimator(segmenter, X, labels).true.to_numpy().sum() == 3
        assert DurationDisplay.from_estimator(segmenter, X, labels).true["length"].tolist() == [400] * 3
        assert set(SegmentationDisplay.from_estimator(segmenter, X, labels, recording=1).y_true) == {1}

    def test_wrappers(self, fitted):
        _, X, y = fitted
        segmenter = FixMatchSegmenter(max_steps=2, network=TINY, random_state=0, sampling_rate=50, background=None)
        wrapped = make_pipeline(RecordingStandardizer(), segmenter).fit(X, y)
        display = SegmentationDisplay.from_estimator(wrapped, X, y)
        assert (display.background, display.sampling_rate) == (None, 50)
        assert 0 in CountDisplay.from_estimator(wrapped, X, y).true.columns
        assert "duration" in DurationDisplay.from_estimator(wrapped, X, y).true
        assert len(TrainingHistoryDisplay.from_estimator(wrapped, X, y).history) == 2
