"""How well a fit labels held-out samples, and when it is clearly better than another fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sslts.metrics import mean_iou
from sslts.segmenters._predicting import PredictsRecordings
from sslts.segmenters._problem import Problem

CLEARLY_BETTER = 0.05  # of a mean IoU
_LEAST_PROBABILITY = 0.01  # of the true class


class Score(NamedTuple):
    """Mean IoU and log loss on labels that a fit did not see; NaN if unknown.

    ``agreement`` is the mean IoU of the labels that two fits, to different recordings, give to unlabeled samples. A few
    labeled recordings may be alike by chance; many unlabeled ones show whether what was learned from them is general.

    Examples
    --------
    >>> Score(0.7, 0.3).beats(Score(0.6, 0.4)), Score(0.7, 0.5).beats(Score(0.6, 0.4)), Score(0.7, 0.3).beats(UNKNOWN)
    (True, False, False)
    >>> Score(0.6, 0.3, agreement=0.8).level
    0.7
    """

    mean_iou: float
    log_loss: float
    agreement: float = np.nan

    @classmethod
    def measure(cls, truth: Sequence[np.ndarray], predicted: Sequence[np.ndarray], probability: np.ndarray) -> Score:
        """Return the score of predicted labels, and of the probabilities (n,) that the true classes have."""
        loss = -np.log(np.maximum(probability, _LEAST_PROBABILITY)).mean() if len(probability) else np.nan
        return cls(mean_iou(truth, predicted), float(loss))

    @property
    def level(self) -> float:
        """The mean of mean IoU and agreement, or the mean IoU if the agreement is unknown."""
        return self.mean_iou if np.isnan(self.agreement) else (self.mean_iou + self.agreement) / 2

    def beats(self, other: Score) -> bool:
        """Return whether the mean IoU is clearly higher, and the log loss is lower."""
        return bool(self.mean_iou - other.mean_iou > CLEARLY_BETTER and self.log_loss < other.log_loss)


UNKNOWN = Score(np.nan, np.nan)


def score_held_out(segmenter: PredictsRecordings, hidden: Problem) -> Score:
    """Return the score of a fitted segmenter on the labels of a problem; a class that it does not know has no loss."""
    probas, decode = list(segmenter.predict_proba(hidden.recordings)), segmenter.decoder_
    truth = hidden.labels.to_labels()
    label = np.concatenate(truth)
    known = np.isin(label, segmenter.classes_)
    row = np.concatenate(probas)[known]
    right = row[np.arange(len(row)), np.searchsorted(segmenter.classes_, label[known])]
    return Score.measure(truth, [segmenter.classes_[decode(proba)] for proba in probas], right)
