"""The weights of SoftMatch (Chen et al. 2023): a confidence further below the mean confidence gets a lower weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sslts.thresholds._shares import average_values
from sslts.thresholds.module import _MOMENTUM, ThresholdModule, _Labeled
from sslts.thresholds.threshold import Threshold


class _SoftModule(ThresholdModule):
    mean: Tensor
    variance: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(1 / n_classes))
        self.register_buffer("variance", torch.tensor(1.0))

    def observe(self, proba: Tensor, valid: Tensor, labeled: _Labeled | None = None) -> None:  # noqa: ARG002
        confidence, count = proba.amax(1).float(), valid.sum()
        mean = average_values(confidence, valid)
        variance = ((confidence - mean).square() * valid).sum() / (count - 1).clamp(min=1)  # unbiased
        pace = (1 - _MOMENTUM) * (count > 1).to(confidence.dtype)  # independent of torch's default type
        self.mean.lerp_(mean, pace)
        self.variance.lerp_(variance, pace)

    def forward(self, proba: Tensor) -> Tensor:
        below = (proba.amax(1) - self.mean).clamp(max=0)
        return torch.exp(-below.square() / (2 * self.variance.clamp(min=1e-8) / 4))


@dataclass(frozen=True)
class SoftThreshold(Threshold):
    """Threshold with soft weights: a Gaussian of the distance of the confidence below its running mean.

    The weight is ``exp(-min(p - mu, 0)^2 / (2 sigma^2 / 4))``, with the running mean ``mu`` and variance ``sigma^2`` of
    the confidence ``p`` (Chen et al. 2023, "SoftMatch", eqs. 5-7). The factor 4 is two standard deviations squared, as
    in the code of the paper.

    Parameters
    ----------
    alignment, alignment_limit
        See `Threshold`. The paper uses "uniform". Only the weights are aligned; pseudo-labels come from the
        probabilities without alignment.

    Examples
    --------
    >>> import torch
    >>> module = SoftThreshold().build(n_classes=2)
    >>> module(torch.tensor([[[0.9], [0.1]]])).tolist()  # above the running mean, which starts at 1 / n_classes
    [[1.0]]
    """

    _aligns_labels: ClassVar[bool] = False

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:  # noqa: ARG002
        return _SoftModule(n_classes)
