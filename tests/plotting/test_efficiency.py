import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from small import TINY

from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.plotting import LabelEfficiencyDisplay


class TestLabelEfficiencyDisplay:
    def make_curve(self, n_splits=3):
        rows = [("labels alone", n, s, 0.9 - 0.4 / n + 0.01 * s) for n in (1, 4, 16) for s in range(n_splits)]
        rows += [("FixMatch", n, s, 0.9 - 0.2 / n + 0.01 * s) for n in (1, 4, 16) for s in range(n_splits)]
        return pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])

    def test_the_ceiling_is_the_score_of_the_baseline_with_the_most_labels(self, draw):
        display = draw(LabelEfficiencyDisplay(self.make_curve(), baseline="labels alone").plot())
        assert display.ceiling_ == pytest.approx(0.9 - 0.4 / 16 + 0.01)
        dashed = [line for line in display.ax_.lines if line.get_linestyle() == "--"]
        assert [line.get_ydata()[0] for line in dashed] == [display.ceiling_]

    def test_the_gap_is_drawn_below_the_scores_without_the_ceiling(self, draw):
        display = draw(LabelEfficiencyDisplay(self.make_curve(), baseline="labels alone").plot())
        assert len(display.axes_) == 2
        curve = display.axes_[1].lines[0]
        assert len(curve.get_xdata()) == 2
        np.testing.assert_allclose(curve.get_ydata(), display.gap_["gap"])
        assert 0.5 < display.gap_["gap"][0] < 0.6

    def test_intervals_follow_students_t(self, draw):
        display = draw(LabelEfficiencyDisplay(self.make_curve(), confidence=0.9).plot())
        bar = display.ax_.collections[0].get_segments()[0]
        assert np.diff(bar[:, 1])[0] == pytest.approx(2 * 2.92 * 0.01 / np.sqrt(3), rel=1e-3)

    def test_without_a_baseline_there_is_no_gap(self, draw):
        display = draw(LabelEfficiencyDisplay(self.make_curve()).plot())
        assert (len(display.axes_), display.ceiling_, display.gap_) == (1, None, None)

    def test_an_estimator_without_label_counts_of_the_baseline_has_no_gap(self, draw):
        curve = self.make_curve()
        curve.loc[curve["estimator"] == "FixMatch", "labels"] += 1
        display = draw(LabelEfficiencyDisplay(curve, baseline="labels alone").plot())
        assert (len(display.axes_), len(display.gap_)) == (1, 0)
        assert display.ceiling_ is not None

    @pytest.mark.parametrize("baseline", [None, "labels alone"])
    def test_an_empty_curve_is_refused(self, baseline):
        with pytest.raises(ValueError, match="curve is empty"):
            LabelEfficiencyDisplay(self.make_curve().head(0), baseline=baseline).plot()

    def test_one_split_has_a_curve_without_intervals(self, draw):
        display = draw(LabelEfficiencyDisplay(self.make_curve(1), baseline="labels alone").plot())
        assert np.isfinite(display.ax_.lines[0].get_ydata()).all()

    def test_a_given_axes_is_split(self):
        figure, (left, _) = plt.subplots(1, 2)
        assert LabelEfficiencyDisplay(self.make_curve(), baseline="labels alone").plot(left).figure_ is figure

    def test_from_estimators(self, draw):
        X, y = make_recordings(6, n_samples=300, random_state=0)
        estimators = {
            name: FixMatchSegmenter(max_steps=2, batch_size=2, network=TINY, lambda_u=w)
            for name, w in (("a", 0.0), ("b", 1.0))
        }
        options = {"n_labeled": [1, 2], "cv": 2, "random_state": 0, "baseline": "a"}
        display = draw(LabelEfficiencyDisplay.from_estimator(estimators, X, y, **options))
        assert len(display.curve) == 8
        assert display.gap_["estimator"].tolist() == ["b"]

    @pytest.mark.parametrize(
        ("options", "words"), [({"baseline": "c"}, "not in the curve"), ({"confidence": 2}, "0 and 1")]
    )
    def test_bad_input(self, options, words):
        with pytest.raises(ValueError, match=words):
            LabelEfficiencyDisplay(self.make_curve(), **options).plot()
