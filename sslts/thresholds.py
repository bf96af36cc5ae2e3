"""Whom to believe: from the teacher's probabilities to a weight for each sample.

A threshold is a recipe; ``build(n_classes)`` returns the module that holds its statistics, if it has any. The module is
asked in two steps, because views move time in between: ``observe`` sees the teacher's probabilities as they were made,
``forward`` weighs them as the strong view has moved them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sslts.recipes import Recipe


class ThresholdModule(nn.Module, ABC):
    """What `Threshold.build` returns."""

    @torch.no_grad()
    def observe(self, proba: Tensor, valid: Tensor) -> None:
        """Update running statistics from the teacher's probabilities (B, K, T) where ``valid`` (B, T)."""

    @abstractmethod
    def forward(self, proba: Tensor) -> Tensor:
        """Return the weight in [0, 1] of each sample, (B, T), from probabilities (B, K, T)."""


class Threshold(Recipe, ABC):
    """Base class of thresholds."""

    @abstractmethod
    def build(self, n_classes: int) -> ThresholdModule:
        """Return the module that weighs probabilities of ``n_classes`` classes."""

    def __call__(self, n_classes: int) -> ThresholdModule:
        """Build the module; a recipe is callable."""
        return self.build(n_classes)


class _FixedModule(ThresholdModule):
    def __init__(self, tau: float) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, proba: Tensor) -> Tensor:
        return (proba.amax(1) >= self.tau).to(proba.dtype)


@dataclass(frozen=True)
class FixedThreshold(Threshold):
    """Believe a sample where the largest probability is at least ``tau`` (Sohn et al. 2020, eq. 4).

    Parameters
    ----------
    tau : float
        In [0, 1]; 0.95 in the paper.

    Examples
    --------
    >>> import torch
    >>> weigh = FixedThreshold(0.9).build(n_classes=2)
    >>> weigh(torch.tensor([[[0.95, 0.6], [0.05, 0.4]]])).tolist()
    [[1.0, 0.0]]
    """

    tau: float = 0.95

    def build(self, n_classes: int) -> ThresholdModule:  # noqa: ARG002, D102
        return _FixedModule(self.tau)


def as_threshold(threshold: float | Threshold) -> Threshold:
    """Return a threshold object; a number means `FixedThreshold`.

    Examples
    --------
    >>> as_threshold(0.8)
    FixedThreshold(tau=0.8)
    """
    return threshold if isinstance(threshold, Threshold) else FixedThreshold(float(threshold))
