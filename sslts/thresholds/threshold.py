"""Base class of thresholds, with distribution alignment as an option."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sslts.recipes import Recipe, bounded
from sslts.thresholds._alignment import AlignedModule
from sslts.thresholds._shares import expect_shares
from sslts.thresholds.module import ThresholdModule


@dataclass(frozen=True)
class Threshold(Recipe, ABC):
    """Base class of thresholds.

    Parameters
    ----------
    alignment : {"uniform", "labeled"} or None
        Distribution alignment (Berthelot et al. 2020, ReMixMatch): the teacher's probabilities are multiplied by the
        target share of each class over its running average share. "labeled" uses the class shares of the labeled
        samples as target.
    alignment_limit : float
        Largest factor by which the probability of a class is multiplied or divided, 1 or more. Lower it if the target
        shares may differ from the shares in the unlabeled recordings.

    Examples
    --------
    >>> from sslts.thresholds import FixedThreshold, Threshold
    >>> isinstance(FixedThreshold(0.9, alignment="uniform"), Threshold)
    True
    """

    _: KW_ONLY
    alignment: Literal["uniform", "labeled"] | None = None
    alignment_limit: float = bounded(math.inf, 1)

    _aligns_labels: ClassVar[bool] = True

    def build(self, n_classes: int, prior: Tensor | None = None) -> ThresholdModule:
        """Return the module that weighs probabilities of ``n_classes`` classes.

        Parameters
        ----------
        n_classes : int
        prior : Tensor or None, shape (n_classes,)
            Class shares of the labeled samples; needed for ``alignment="labeled"``.

        Raises
        ------
        ValueError
            If ``alignment`` is unknown, or is "labeled" and ``prior`` is missing.
        """
        if self.alignment is None:
            return self._build(n_classes, prior)
        expected = expect_shares("alignment", self.alignment, n_classes, prior, optional=True)
        inner = self._build(n_classes, prior)
        follows = self.alignment == "labeled" and inner.needs_labeled
        return AlignedModule(inner, expected, self.alignment_limit, labels=self._aligns_labels, follows=follows)

    @abstractmethod
    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:
        """Return the module without alignment."""

    def __call__(self, n_classes: int) -> ThresholdModule:
        """Return the module of `build`, because every recipe is callable."""
        return self.build(n_classes)
