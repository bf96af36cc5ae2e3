"""Base class of the modules that thresholds build; they weigh pseudo-labels and hold running statistics."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

_MOMENTUM = 0.99  # for all running statistics; a step sees many samples
_Labeled = tuple[Tensor, Tensor]


class ThresholdModule(nn.Module, ABC):
    """Base class of the modules that `Threshold.build` returns.

    ``needs_labeled`` is True if ``observe`` also needs the teacher's probabilities of labeled windows.

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
        """Update the running statistics.

        Implementations read no tensor value on the host, because the host would wait for the GPU.

        Parameters
        ----------
        proba : Tensor, shape (B, K, T)
            The teacher's probabilities of unlabeled windows.
        valid : Tensor of bool, shape (B, T)
        labeled : (Tensor, Tensor of bool) or None, shapes (B', K, T') and (B', T')
            The teacher's probabilities of labeled windows, and a mask of the labeled samples; given if
            ``needs_labeled``.
        """

    def align(self, proba: Tensor) -> Tensor:
        """Return the probabilities after distribution alignment; without alignment, return them unchanged."""
        return proba

    @abstractmethod
    def forward(self, proba: Tensor) -> Tensor:
        """Return the weight in [0, 1] of each sample, (B, T), from probabilities (B, K, T)."""

    def penalize(self, logits: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG002
        """Return an extra loss on the student's logits (B, K, T) with weights (B, T); zero for most thresholds."""
        return logits.new_zeros(())
