"""Rules that hold for every display."""

import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
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
    LabelEfficiencyDisplay,
    ReliabilityDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
    detached_figures,
)
from sslts.preprocessing import RecordingStandardizer


@pytest.mark.parametrize("display", [CountDisplay, DurationDisplay])
def test_names_of_unknown_classes_are_refused(display):
    y = np.array([[0, 1, 1, 0, 1]])
    with pytest.raises(ValueError, match="names has the key 'cycle', which is not an integer"):
        display.from_predictions(y, y, names={"cycle": 1})


NAMES = ["$5 and $6", "$\\foo$", "_wave", "<b>"]


class TestNames:
    """Names are shown as they are written, without mathematics, and none is left out."""

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("usetex", [False, True])
    def test_classes(self, name, usetex, draw):
        y = np.array([[0, 1, 1, 0, 2, 2, 0, -1]])
        with mpl.rc_context({"text.usetex": usetex}), detached_figures():
            count = CountDisplay.from_predictions(y, abs(y), names={1: name})
            length = DurationDisplay.from_predictions(y, abs(y), names={1: name})
            signal = SegmentationDisplay.from_predictions(np.sin(y[0]), y_true=y[0], names={1: name})
        texts = [
            count.ax_.get_legend().get_texts()[0],
            length.axes_[0]._left_title,
            signal.ax_.get_legend().get_texts()[1],
        ]
        assert [text.get_text() for text in texts] == [f"{name}: 100% exact", name, name]
        assert not any(text.get_parse_math() or text.get_usetex() for text in texts)
        if not usetex:
            for display in (count, length, signal):
                draw(display)

    @pytest.mark.parametrize("name", NAMES)
    def test_curves(self, name, draw):
        rows = [(who, n, s, 0.9 - 0.3 / n) for who in (name, "FixMatch") for n in (1, 4) for s in (0, 1)]
        curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
        display = draw(LabelEfficiencyDisplay(curve, baseline=name).plot())
        shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert shown == [name, "FixMatch", f"{name}, 4 labeled"]
        reliability = draw(ReliabilityDisplay.from_predictions([[0, 1]], [[[0.9, 0.1], [0.2, 0.8]]], name=name))
        assert reliability.ax_.get_legend().get_texts()[1].get_text().startswith(f"{name} (ECE")

    def test_estimators_that_are_named_by_numbers(self, draw):
        rows = [(who, n, s, 0.9 - 0.3 / n) for who in (1, 2) for n in (1, 4) for s in (0, 1)]
        curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
        assert len(draw(LabelEfficiencyDisplay(curve, baseline=1).plot()).axes_) == 2

    @pytest.mark.parametrize("name", NAMES)
    def test_training(self, fitted, name, draw):
        segmenter, X, y = fitted
        display = draw(TrainingHistoryDisplay.from_estimator(segmenter, X, y, names={1: name}))
        assert display.axes_[-1].get_yticklabels()[1].get_text() == name

    def test_classes_that_only_the_labels_have_may_be_named(self, fitted):
        segmenter, X, y = fitted
        labels = np.where(np.arange(400) < 50, 9, y)
        for display in (CountDisplay, DurationDisplay, SegmentationDisplay):
            display.from_estimator(segmenter, X, labels, names={9: "rare"})
            with pytest.raises(ValueError, match="names has the key 8, which is not one of the classes"):
                display.from_estimator(segmenter, X, labels, names={8: "rare"})


def test_detached_figures_are_not_those_of_pyplot(fitted):
    with detached_figures():
        display = CountDisplay.from_estimator(*fitted)
    assert not plt.get_fignums()
    assert display.figure_.canvas.manager is None
    assert CountDisplay.from_estimator(*fitted).figure_.number in plt.get_fignums()


@pytest.mark.slow  # a process of its own
def test_displays_leave_the_backend(tmp_path):
    code = """
import matplotlib
matplotlib.use("svg")
from sslts.plotting import CountDisplay
CountDisplay.from_predictions([[0, 1]], [[0, 1]])
print(matplotlib.get_backend())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "svg"


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
