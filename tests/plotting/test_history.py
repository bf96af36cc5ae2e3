import numpy as np
import pandas as pd
import pytest
import torch
from small import TINY

from sslts import FixMatchSegmenter, MeanTeacherSegmenter
from sslts.plotting import TrainingHistoryDisplay
from sslts.thresholds import CurriculumThreshold, FixedThreshold, RelativeThreshold


class TestTrainingHistoryDisplay:
    def test_pseudo_labels_are_compared_with_known_labels(self, fitted, draw):
        segmenter, X, y = fitted
        display = draw(TrainingHistoryDisplay.from_estimator(segmenter, X, y))
        assert display.axes_[-1].get_xlabel() == "accuracy of accepted pseudo-labels at the end of training"
        sure = segmenter.predict_proba(X).max(-1) >= segmenter.threshold
        said = segmenter.predict(X)
        for k, share in display.accuracy.items():
            mine = sure & (said == k)
            assert share == pytest.approx((y[mine] == k).mean()) if mine.any() else np.isnan(share)

    @pytest.mark.parametrize(
        "threshold",
        [
            RelativeThreshold(0.9),
            CurriculumThreshold(0.95, expected="labeled"),
            FixedThreshold(0.4, alignment="uniform"),
            FixedThreshold(0.4),
        ],
    )
    def test_the_final_threshold_selects_the_pseudo_labels(self, partly, fast, threshold):
        X, few, y = partly
        segmenter = FixMatchSegmenter(**fast, threshold=threshold).fit(X, few)
        module = segmenter.net_.criterion_.threshold
        proba = module.align(torch.from_numpy(segmenter.predict_proba(X).transpose(0, 2, 1)))
        said, believed = proba.argmax(1).numpy(), module(proba).numpy() > 0
        wanted = [(y == said)[believed & (said == k)].mean() for k in range(3) if (believed & (said == k)).any()]
        assert wanted
        found = TrainingHistoryDisplay.from_estimator(segmenter, X, y).accuracy
        np.testing.assert_allclose(found.dropna(), wanted)

    def test_a_method_without_a_threshold_accepts_all_pseudo_labels(self, partly):
        X, few, y = partly
        segmenter = MeanTeacherSegmenter(max_steps=2, batch_size=2, network=TINY, random_state=0).fit(X, few)
        said = segmenter.predict(X)
        wanted = [(y == said)[said == k].mean() for k in np.unique(said)]
        found = TrainingHistoryDisplay.from_estimator(segmenter, X, y).accuracy
        np.testing.assert_allclose(found.dropna(), wanted)

    def test_a_supervised_history_shows_losses_only(self, draw):
        history = pd.DataFrame(
            {"step": [1, 2], "loss": [1.0, 0.5], "labeled_loss": [1.0, 0.5], "mask_rate": [np.nan, np.nan]}
        )
        assert len(draw(TrainingHistoryDisplay(history).plot()).axes_) == 1
