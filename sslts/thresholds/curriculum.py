"""The threshold of FlexMatch (Zhang et al. 2021): lower for classes that are learned less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sslts.recipes import bounded
from sslts.thresholds._shares import compare_shares, count_classes, expect_shares
from sslts.thresholds.module import _MOMENTUM, ThresholdModule, _Labeled
from sslts.thresholds.threshold import Threshold


class _CurriculumModule(ThresholdModule):
    expected: Tensor
    share: Tensor

    def __init__(self, tau: float, expected: Tensor) -> None:
        super().__init__()
        self.tau = tau
        self.register_buffer("expected", expected)
        self.register_buffer("share", torch.zeros_like(expected))

    def observe(self, proba: Tensor, valid: Tensor, labeled: _Labeled | None = None) -> None:  # noqa: ARG002
        top, label = proba.max(1)  # max is several times faster than argmax over this axis
        confident = ((top >= self.tau) & valid).float()
        self.share.lerp_(count_classes(label, confident, len(self.share), valid.sum()), 1 - _MOMENTUM)

    def forward(self, proba: Tensor) -> Tensor:
        # Samples without a confident class count as one more class, so that all thresholds start low (paper, eq. 11).
        found = compare_shares(self.share, self.expected)
        learned = found / torch.maximum(found.max(), 1 - self.share.sum()).clamp(min=1e-12)
        confidence, label = proba.max(1)
        return (confidence >= self.tau * (learned / (2 - learned))[label]).to(proba.dtype)


@dataclass(frozen=True)
class CurriculumThreshold(Threshold):
    """Threshold that is lower for classes with few confident pseudo-labels: ``tau * b / (2 - b)``.

    ``b`` is the share of confident pseudo-labels of a class over the largest share (Zhang et al. 2021, "FlexMatch",
    eqs. 5-11). The paper stores the last label of every sample; here the shares are running averages over time steps.

    Parameters
    ----------
    tau : float
        Threshold of the class that is learned best, from 0 to 1.
    expected : {"uniform", "labeled"}
        Class shares to expect if all classes are learned equally well. The paper uses "uniform", because its classes
        are equally frequent; with rare classes, "uniform" accepts every pseudo-label of a rare class. "labeled" uses
        the class shares of the labeled samples.
    alignment, alignment_limit
        See `Threshold`.

    Examples
    --------
    >>> import torch
    >>> module = CurriculumThreshold(0.9).build(n_classes=2)
    >>> module(torch.tensor([[[0.6], [0.4]]])).tolist()  # before training
    [[1.0]]
    """

    tau: float = bounded(0.95, most=1)
    expected: Literal["uniform", "labeled"] = "uniform"

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:
        return _CurriculumModule(self.tau, expect_shares("expected", self.expected, n_classes, prior))
