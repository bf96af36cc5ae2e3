"""The threshold of FixMatch (Sohn et al. 2020), and functions that read the parameter ``threshold``."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import cast

from torch import Tensor

from sslts.recipes import bounded
from sslts.thresholds.module import ThresholdModule
from sslts.thresholds.threshold import Threshold


class _FixedModule(ThresholdModule):
    def __init__(self, tau: float) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, proba: Tensor) -> Tensor:
        return (proba.amax(1) >= self.tau).to(proba.dtype)


@dataclass(frozen=True)
class FixedThreshold(Threshold):
    """Threshold that accepts a pseudo-label if its probability is at least ``tau`` (Sohn et al. 2020, eq. 4).

    Parameters
    ----------
    tau : float
        From 0 to 1; 0.95 in the paper.
    alignment, alignment_limit
        See `Threshold`.

    Examples
    --------
    >>> import torch
    >>> weigh = FixedThreshold(0.9).build(n_classes=2)
    >>> weigh(torch.tensor([[[0.95, 0.6], [0.05, 0.4]]])).tolist()
    [[1.0, 0.0]]
    """

    tau: float = bounded(0.95, most=1)

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:  # noqa: ARG002
        return _FixedModule(self.tau)


def as_threshold(threshold: float | Threshold) -> Threshold:
    """Return a threshold object; a number becomes a `FixedThreshold`.

    Parameters
    ----------
    threshold : float or Threshold

    Examples
    --------
    >>> as_threshold(0.8)
    FixedThreshold(alignment=None, alignment_limit=inf, tau=0.8)
    """
    return FixedThreshold(float(threshold)) if isinstance(threshold, Real) else cast(Threshold, threshold)


def build_threshold(threshold: float | Threshold, shares: Tensor) -> ThresholdModule:
    """Return the module of a threshold.

    Parameters
    ----------
    threshold : float or Threshold
        A number becomes a `FixedThreshold`.
    shares : Tensor, shape (K,)
        Class shares of the labeled samples.

    Raises
    ------
    ValueError
        If ``build`` of a custom threshold does not return a `ThresholdModule`.

    Examples
    --------
    >>> import torch
    >>> build_threshold(0.8, torch.tensor([0.7, 0.3]))(torch.tensor([[[0.9], [0.1]]])).tolist()
    [[1.0]]
    """
    module = as_threshold(threshold).build(len(shares), shares)
    if not isinstance(module, ThresholdModule):
        raise ValueError(
            f"threshold={threshold!r} built a {type(module).__name__}; its `build` must return a "
            "sslts.thresholds.ThresholdModule."
        )
    return module.float()
