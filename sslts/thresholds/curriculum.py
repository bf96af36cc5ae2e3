"""FlexMatch's threshold (Zhang et al. 2021): lower for classes that are learnt less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

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
        top, label = proba.max(1)  # several times faster than argmax over this axis
        confident = ((top >= self.tau) & valid).float()
        self.share.lerp_(count_classes(label, confident, len(self.share), valid.sum()), 1 - _MOMENTUM)

    def forward(self, proba: Tensor) -> Tensor:
        # The samples that are in no class yet count as one more, so that all thresholds start low (paper, eq. 11).
        found = compare_shares(self.share, self.expected)
        learnt = found / torch.maximum(found.max(), 1 - self.share.sum()).clamp(min=1e-12)
        confidence, label = proba.max(1)
        return (confidence >= self.tau * (learnt / (2 - learnt))[label]).to(proba.dtype)


@dataclass(frozen=True)
class CurriculumThreshold(Threshold):
    """Lower the threshold of a class that is seldom believed: ``tau * b / (2 - b)``.

    ``b`` is the class' share of confident pseudo-labels over the largest share (Zhang et al. 2021, "FlexMatch",
    eqs. 5-11). The paper keeps the last label of every item; for dense labels the shares are running averages over
    samples.

    Parameters
    ----------
    tau : float
        Threshold of the class that is learnt best.
    expected : {"uniform", "labeled"}
        Shares of classes that are learnt alike. Equal ones are the paper's, whose classes are equally frequent; where
        they are not, everything of the rare ones is believed. "labeled" takes the shares of the labeled samples.
    alignment, alignment_limit
        See `Threshold`.

    Examples
    --------
    >>> import torch
    >>> module = CurriculumThreshold(0.9).build(n_classes=2)
    >>> module(torch.tensor([[[0.6], [0.4]]])).tolist()  # nothing is learnt yet
    [[1.0]]
    """

    tau: float = 0.95
    expected: Literal["uniform", "labeled"] = "uniform"

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:
        return _CurriculumModule(self.tau, expect_shares("expected", self.expected, n_classes, prior))
