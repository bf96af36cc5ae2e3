"""The recipe of a threshold: what it is, and alignment as an option of each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from sslts.recipes import Bounds, Recipe
from sslts.thresholds._alignment import AlignedModule
from sslts.thresholds._shares import expect_shares
from sslts.thresholds.module import ThresholdModule


@dataclass(frozen=True)
class Threshold(Recipe, ABC):
    """Base class of thresholds.

    Parameters
    ----------
    alignment : {"uniform", "labeled"} or None
        Distribution alignment (Berthelot et al. 2020, ReMixMatch): the teacher's probabilities are multiplied by what
        the classes' shares should be over what they are on a running average. "labeled" takes the shares of the
        labeled samples.
    alignment_limit : float
        What a class' probability is multiplied or divided by at most, 1 or more; for shares that are not quite those
        of the unlabeled recordings.

    Examples
    --------
    >>> from sslts.thresholds import FixedThreshold, Threshold
    >>> isinstance(FixedThreshold(0.9, alignment="uniform"), Threshold)
    True
    """

    alignment: Literal["uniform", "labeled"] | None = field(default=None, kw_only=True)
    alignment_limit: float = field(default=math.inf, kw_only=True)

    _aligns_labels: ClassVar[bool] = True
    _bounds: ClassVar[Mapping[str, Bounds]] = {
        "tau": Bounds(most=1),
        "fairness": Bounds(),
        "alignment_limit": Bounds(1),
    }

    def build(self, n_classes: int, prior: Tensor | None = None) -> ThresholdModule:
        """Return the module that weighs probabilities of ``n_classes`` classes.

        Parameters
        ----------
        n_classes : int
        prior : Tensor or None, shape (n_classes,)
            Shares of the classes among labeled samples; needed for ``alignment="labeled"``.

        Raises
        ------
        ValueError
            If ``alignment`` is unknown, or asks for a prior that is not given.
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
        """Build the module; a recipe is callable."""
        return self.build(n_classes)
