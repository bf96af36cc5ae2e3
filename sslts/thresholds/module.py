"""What a threshold builds: it weighs samples, and holds the running statistics for that."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

_MOMENTUM = 0.99  # of all running statistics; a step sees many samples
_Labeled = tuple[Tensor, Tensor]


class ThresholdModule(nn.Module, ABC):
    """What `Threshold.build` returns.

    ``needs_labeled`` says whether ``observe`` wants the teacher's answer to labeled windows too.

    Examples
    --------
    >>> import torch
    >>> from sslts.thresholds import FixedThreshold
    >>> module = FixedThreshold(0.8).build(n_classes=2)
    >>> module(torch.tensor([[[0.9, 0.6], [0.1, 0.4]]])).tolist()
    [[1.0, 0.0]]
    """

    needs_labeled = False

    @torch.no_grad()
    def observe(self, proba: Tensor, valid: Tensor, labeled: _Labeled | None = None) -> None:
        """Update running statistics, without a question to the host: a GPU would have to be waited for.

        Parameters
        ----------
        proba : Tensor, shape (B, K, T)
            The teacher's probabilities of unlabeled windows.
        valid : Tensor of bool, shape (B, T)
        labeled : (Tensor, Tensor of bool) or None, shapes (B', K, T') and (B', T')
            Its probabilities of labeled windows, and which of the samples are labeled; given if ``needs_labeled``.
        """

    def align(self, proba: Tensor) -> Tensor:
        """Return probabilities whose classes are as frequent as they should be; as they are, without alignment."""
        return proba

    @abstractmethod
    def forward(self, proba: Tensor) -> Tensor:
        """Return the weight in [0, 1] of each sample, (B, T), from probabilities (B, K, T)."""

    def penalize(self, logits: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        """Return a loss of its own on the student's answers (B, K, T), believed by ``weight`` (B, T); zero for most."""
        return logits.new_zeros(())
