"""Whom to believe: from the teacher's probabilities to a weight for each sample.

A threshold is a recipe; ``build(n_classes)`` returns the module that holds its statistics, if it has any. The module is
asked in steps, because views move time in between: ``observe`` sees the teacher's probabilities as they were made,
``align`` may change them, ``forward`` weighs them as the strong view has moved them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslts.recipes import Bounds, Recipe

__all__ = [
    "CurriculumThreshold",
    "FixedThreshold",
    "RelativeThreshold",
    "SelfAdaptiveThreshold",
    "SoftThreshold",
    "Threshold",
    "ThresholdModule",
    "as_threshold",
    "build_threshold",
]

MOMENTUM = 0.99  # of all running statistics; a step sees many samples
Labeled = tuple[Tensor, Tensor]


class ThresholdModule(nn.Module, ABC):
    """What `Threshold.build` returns.

    ``needs_labeled`` says whether ``observe`` wants the teacher's answer to labelled windows too.

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
    def observe(self, proba: Tensor, valid: Tensor, labeled: Labeled | None = None) -> None:
        """Update running statistics, without a question to the host: a GPU would have to be waited for.

        Parameters
        ----------
        proba : Tensor, shape (B, K, T)
            The teacher's probabilities of unlabelled windows.
        valid : Tensor of bool, shape (B, T)
        labeled : (Tensor, Tensor of bool) or None, shapes (B', K, T') and (B', T')
            Its probabilities of labelled windows, and which of the samples are labelled; given if ``needs_labeled``.
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


@dataclass(frozen=True)
class Threshold(Recipe, ABC):
    """Base class of thresholds.

    Parameters
    ----------
    alignment : {"uniform", "labeled"} or None
        Distribution alignment (Berthelot et al. 2020, ReMixMatch): the teacher's probabilities are multiplied by what
        the classes' shares should be over what they are on a running average. "labeled" takes the shares of the
        labelled samples.
    alignment_limit : float
        What a class' probability is multiplied or divided by at most, 1 or more; for shares that are not quite those
        of the unlabelled recordings.

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
            Shares of the classes among labelled samples; needed for ``alignment="labeled"``.

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
        return _AlignedModule(inner, expected, self.alignment_limit, labels=self._aligns_labels, follows=follows)

    @abstractmethod
    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:
        """Return the module without alignment."""

    def __call__(self, n_classes: int) -> ThresholdModule:
        """Build the module; a recipe is callable."""
        return self.build(n_classes)


def expect_shares(name: str, value: str, n_classes: int, prior: Tensor | None, *, optional: bool = False) -> Tensor:
    """Return the shares (K,) that the classes are expected to have.

    Parameters
    ----------
    name : str
        Of the parameter that asks, for the error.
    value : {"uniform", "labeled"}
    n_classes : int
    prior : Tensor or None, shape (n_classes,)
        Shares among the labelled samples, for "labeled".
    optional : bool
        Whether the parameter may be None too, for the error.

    Raises
    ------
    ValueError
        If ``value`` is neither, or "labeled" without a prior.

    Examples
    --------
    >>> expect_shares("alignment", "uniform", 2, None)
    tensor([0.5000, 0.5000])
    """
    if value not in ("uniform", "labeled"):
        raise ValueError(f"{name}={value!r} must be 'uniform', 'labeled'{' or None' if optional else ''}.")
    if value == "uniform":
        return torch.full((n_classes,), 1 / n_classes, dtype=torch.float32)
    if prior is None:
        raise ValueError(f"{name}='labeled' needs the classes' shares: build(n_classes, prior=shares).")
    return prior.float()


def average_samples(proba: Tensor, valid: Tensor) -> Tensor:
    """Return the mean (K,) of probabilities (B, K, T) over valid samples.

    Examples
    --------
    >>> import torch
    >>> from sslts.thresholds import average_samples
    >>> proba = torch.tensor([[[0.75, 0.25, 0.0], [0.25, 0.75, 1.0]]])
    >>> average_samples(proba, torch.tensor([[True, True, False]])).tolist()
    [0.5, 0.5]
    """
    return (proba * valid[:, None]).sum((0, 2)).float() / valid.sum().clamp(min=1)


def _average(values: Tensor, valid: Tensor) -> Tensor:
    """Return the mean of values (B, T) over valid samples; zero where there is none."""
    return average_samples(values[:, None], valid)[0]


class _AlignedModule(ThresholdModule):
    """Alignment of the weights, and of what the pseudo-labels are taken from if it ``labels``.

    If it ``follows``, the classes' shares are to be those of the teacher's answers to labelled samples.
    """

    share: Tensor
    prior: Tensor
    labels, follows = True, False  # of the class too, for nets that were pickled without them

    def __init__(self, inner: ThresholdModule, prior: Tensor, limit: float, *, labels: bool, follows: bool) -> None:
        super().__init__()
        self.inner, self.needs_labeled, self.limit = inner, inner.needs_labeled, limit
        self.labels, self.follows = labels, follows
        self.register_buffer("prior", prior.clone())
        self.register_buffer("share", prior.clone())

    def observe(self, proba: Tensor, valid: Tensor, labeled: Labeled | None = None) -> None:
        self.share.lerp_(average_samples(proba, valid), 1 - MOMENTUM)
        if self.follows and labeled is not None:
            answer, known = labeled
            self.prior.lerp_(average_samples(answer, known), (1 - MOMENTUM) * known.any())
        self.inner.observe(self._align(proba), valid, labeled)

    def align(self, proba: Tensor) -> Tensor:
        return self._align(proba) if self.labels else proba

    def _align(self, proba: Tensor) -> Tensor:
        factor = (self.prior / self.share.clamp(min=1e-6)).clamp(1 / self.limit, self.limit)
        aligned = proba * factor[:, None]
        return aligned / aligned.sum(1, keepdim=True).clamp(min=1e-12)

    def forward(self, proba: Tensor) -> Tensor:
        return self.inner(proba if self.labels else self._align(proba))

    def penalize(self, logits: Tensor, weight: Tensor) -> Tensor:
        return self.inner.penalize(logits, weight)


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
    alignment, alignment_limit
        See `Threshold`.

    Examples
    --------
    >>> import torch
    >>> weigh = FixedThreshold(0.9).build(n_classes=2)
    >>> weigh(torch.tensor([[[0.95, 0.6], [0.05, 0.4]]])).tolist()
    [[1.0, 0.0]]
    """

    tau: float = 0.95

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:  # noqa: ARG002
        return _FixedModule(self.tau)


class _CurriculumModule(ThresholdModule):
    expected: Tensor
    share: Tensor

    def __init__(self, tau: float, expected: Tensor) -> None:
        super().__init__()
        self.tau = tau
        self.register_buffer("expected", expected)
        self.register_buffer("share", torch.zeros_like(expected))

    def observe(self, proba: Tensor, valid: Tensor, labeled: Labeled | None = None) -> None:  # noqa: ARG002
        top, label = proba.max(1)  # several times faster than argmax over this axis
        confident = F.one_hot(label, len(self.share)).movedim(2, 1) * (top >= self.tau)[:, None]
        self.share.lerp_(average_samples(confident, valid), 1 - MOMENTUM)

    def forward(self, proba: Tensor) -> Tensor:
        # The samples that are in no class yet count as one more, so that all thresholds start low (paper, eq. 11).
        found = _compare_shares(self.share, self.expected)
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
        they are not, everything of the rare ones is believed. "labeled" takes the shares of the labelled samples.
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


class _SelfAdaptiveModule(ThresholdModule):
    expected: Tensor
    confidence: Tensor
    share: Tensor
    histogram: Tensor

    def __init__(self, expected: Tensor, fairness: float) -> None:
        super().__init__()
        self.fairness = fairness
        self.register_buffer("expected", expected)
        self.register_buffer("confidence", torch.tensor(1 / len(expected)))
        self.register_buffer("share", expected.clone())
        self.register_buffer("histogram", expected.clone())

    def observe(self, proba: Tensor, valid: Tensor, labeled: Labeled | None = None) -> None:  # noqa: ARG002
        confidence, label = proba.max(1)
        self.confidence.lerp_(_average(confidence, valid), 1 - MOMENTUM)
        self.share.lerp_(average_samples(proba, valid), 1 - MOMENTUM)
        self.histogram.lerp_(_count_classes(label, valid.float(), len(self.share)), 1 - MOMENTUM)

    def forward(self, proba: Tensor) -> Tensor:
        confidence, label = proba.max(1)
        found = _compare_shares(self.share, self.expected)
        tau = self.confidence * found / found.max()  # eq. 8
        return (confidence >= tau[label]).to(proba.dtype)

    def penalize(self, logits: Tensor, weight: Tensor) -> Tensor:
        if not self.fairness:
            return logits.new_zeros(())
        proba = logits.softmax(1)
        mean = (proba * weight[:, None]).sum((0, 2)) / weight.sum().clamp(min=1)
        expected = _normalize(self.share / self.histogram.clamp(min=1e-6))
        count = _count_classes(proba.max(1).indices, weight, len(mean))
        occurs = count > 0  # of a class that does not, as of all where nothing is believed, nothing can be said
        found = _normalize(torch.where(occurs, mean / count.clamp(min=1e-6), 0))
        return self.fairness * (expected * torch.where(occurs, found, 1).clamp(min=1e-12).log()).sum()


def _compare_shares(share: Tensor, expected: Tensor) -> Tensor:
    """Return the shares (K,) over what is expected, so that equal expectations leave them as they are."""
    return share / (len(share) * expected).clamp(min=1e-6)


def _count_classes(label: Tensor, weight: Tensor, n_classes: int) -> Tensor:
    count = weight.new_zeros(n_classes).index_add_(0, label.flatten(), weight.flatten())
    return count / weight.sum().clamp(min=1)


def _normalize(x: Tensor) -> Tensor:
    return x / x.sum().clamp(min=1e-12)


@dataclass(frozen=True)
class SelfAdaptiveThreshold(Threshold):
    """Follow the teacher's confidence: its running mean, scaled for each class by that class' running probability.

    Source: Wang et al. 2023, "FreeMatch", eqs. 5-8; the fairness term is eqs. 9-11.

    Parameters
    ----------
    fairness : float
        Weight of the fairness term beside the labelled loss, whatever that of the unlabelled one; 0.05 in the paper
        for most datasets, 0 leaves it out.
    expected : {"uniform", "labeled"}
        Shares of classes that are learnt alike; see `CurriculumThreshold`.
    alignment, alignment_limit
        See `Threshold`.

    Examples
    --------
    >>> import torch
    >>> module = SelfAdaptiveThreshold().build(n_classes=2)
    >>> module(torch.tensor([[[0.6], [0.4]]])).tolist()  # it starts at 1 / n_classes
    [[1.0]]
    """

    fairness: float = 0.0
    expected: Literal["uniform", "labeled"] = "uniform"

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:
        return _SelfAdaptiveModule(expect_shares("expected", self.expected, n_classes, prior), self.fairness)


class _SoftModule(ThresholdModule):
    mean: Tensor
    variance: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(1 / n_classes))
        self.register_buffer("variance", torch.tensor(1.0))

    def observe(self, proba: Tensor, valid: Tensor, labeled: Labeled | None = None) -> None:  # noqa: ARG002
        confidence, count = proba.amax(1).float(), valid.sum()
        mean = _average(confidence, valid)
        variance = ((confidence - mean).square() * valid).sum() / (count - 1).clamp(min=1)  # unbiased
        pace = (1 - MOMENTUM) * (count > 1)
        self.mean.lerp_(mean, pace)
        self.variance.lerp_(variance, pace)

    def forward(self, proba: Tensor) -> Tensor:
        below = (proba.amax(1) - self.mean).clamp(max=0)
        return torch.exp(-below.square() / (2 * self.variance.clamp(min=1e-8) / 4))


@dataclass(frozen=True)
class SoftThreshold(Threshold):
    """Weigh a sample by how far its confidence lies below the running mean, on a Gaussian of their running spread.

    ``exp(-min(p - mu, 0)^2 / (2 sigma^2 / 4))`` (Chen et al. 2023, "SoftMatch", eqs. 5-7, with two standard deviations
    as in the paper's code).

    Parameters
    ----------
    alignment, alignment_limit
        See `Threshold`; "uniform" in the paper, and of the weights alone: pseudo-labels stay the teacher's.

    Examples
    --------
    >>> import torch
    >>> module = SoftThreshold().build(n_classes=2)
    >>> module(torch.tensor([[[0.9], [0.1]]])).tolist()  # above the mean, which starts at 1 / n_classes
    [[1.0]]
    """

    _aligns_labels: ClassVar[bool] = False

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:  # noqa: ARG002
        return _SoftModule(n_classes)


class _RelativeModule(ThresholdModule):
    confidence: Tensor
    needs_labeled = True

    def __init__(self, tau: float) -> None:
        super().__init__()
        self.tau = tau
        self.register_buffer("confidence", torch.tensor(1.0))

    def observe(self, proba: Tensor, valid: Tensor, labeled: Labeled | None = None) -> None:  # noqa: ARG002
        if labeled is not None:
            answer, known = labeled
            self.confidence.copy_(torch.where(known.any(), _average(answer.amax(1), known), self.confidence))

    def forward(self, proba: Tensor) -> Tensor:
        return (proba.amax(1) >= self.tau * self.confidence).to(proba.dtype)


@dataclass(frozen=True)
class RelativeThreshold(Threshold):
    """Believe a sample from ``tau`` times the mean confidence on the labelled samples of the same batch.

    Source: Berthelot et al. 2022, "AdaMatch", section 3.2. The teacher sees the labelled windows' weak view too.

    Parameters
    ----------
    tau : float
    alignment, alignment_limit
        See `Threshold`; "labeled" in the paper, and not to the shares of the labels but to those of the teacher's
        answers to labelled samples, a running average.

    Examples
    --------
    >>> import torch
    >>> module = RelativeThreshold(0.9).build(n_classes=2)
    >>> proba, valid = torch.tensor([[[0.8], [0.2]]]), torch.ones(1, 1).bool()
    >>> module.observe(proba, valid, labeled=(torch.tensor([[[0.85], [0.15]]]), valid))
    >>> module(proba).tolist()  # 0.8 >= 0.9 * 0.85
    [[1.0]]
    """

    tau: float = 0.9

    def _build(self, n_classes: int, prior: Tensor | None) -> ThresholdModule:  # noqa: ARG002
        return _RelativeModule(self.tau)


def as_threshold(threshold: float | Threshold) -> Threshold:
    """Return a threshold object; a number means `FixedThreshold`.

    Examples
    --------
    >>> as_threshold(0.8)
    FixedThreshold(alignment=None, alignment_limit=inf, tau=0.8)
    """
    return FixedThreshold(float(threshold)) if isinstance(threshold, Real) else cast(Threshold, threshold)


def build_threshold(threshold: float | Threshold, shares: Tensor) -> ThresholdModule:
    """Return the module of a threshold, for classes that have these shares among labelled samples.

    Raises
    ------
    ValueError
        If a threshold of one's own builds something else.

    Examples
    --------
    >>> build_threshold(0.8, torch.tensor([0.7, 0.3]))(torch.tensor([[[0.9], [0.1]]])).tolist()
    [[1.0]]
    """
    module = as_threshold(threshold).build(len(shares), shares)
    if not isinstance(module, ThresholdModule):
        raise ValueError(
            f"threshold={threshold!r} built a {type(module).__name__}; its `build` has to return a "
            "sslts.thresholds.ThresholdModule."
        )
    return module.float()
