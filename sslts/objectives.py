"""Terms of training losses: pure functions of tensors.

Shapes: logits and probabilities ``(B, K, T)``, labels, weights and validity ``(B, T)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "average_weighted",
    "check_ramp",
    "describe_pseudo_labels",
    "find_boundaries",
    "labeled_cross_entropy",
    "pick_class",
    "pseudo_label_cross_entropy",
    "rise",
    "rise_smoothly",
    "squared_difference",
    "weigh_labels",
]

_UNLABELED = -1


def pick_class(proba: Tensor) -> Tensor:
    """Return the most probable class (B, T) of probabilities (B, K, T); the first class in a tie.

    On CPUs, ``max`` is eight times faster than ``argmax`` over an axis that is not the last.

    Parameters
    ----------
    proba : Tensor, shape (B, K, T)

    Examples
    --------
    >>> import torch
    >>> pick_class(torch.tensor([[[0.9, 0.5], [0.1, 0.5]]])).tolist()
    [[0, 0]]
    """
    return proba.max(1).indices


def labeled_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    class_weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    soft_labels: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy over labeled samples; zero if no sample is labeled.

    Parameters
    ----------
    logits : Tensor, shape (B, K, T)
    labels : Tensor of int64, shape (B, T)
        Class indices, ``-1`` where unlabeled or not valid.
    class_weight : Tensor or None, shape (K,)
        Weight of the samples of each class; the sum of losses is divided by the sum of weights.
    sample_weight : Tensor or None, shape (B, T)
        Weight of each labeled sample, 0 or more; it multiplies the weight of the class.
    soft_labels : Tensor or None, shape (B, K, T)
        Probabilities of the classes, which replace the labels of the labeled samples.

    Examples
    --------
    >>> import torch
    >>> logits, labels = torch.tensor([[[9.0, 9.0, 9.0], [0.0, 0.0, 0.0]]]), torch.tensor([[0, 1, -1]])
    >>> round(labeled_cross_entropy(logits, labels).item(), 2)
    4.5
    >>> round(labeled_cross_entropy(logits, labels, sample_weight=torch.tensor([[3.0, 1.0, 1.0]])).item(), 2)
    2.25
    >>> round(labeled_cross_entropy(torch.zeros(1, 2, 3), labels, soft_labels=torch.full((1, 2, 3), 0.5)).item(), 4)
    0.6931
    """
    weight = weigh_labels(labels, class_weight, sample_weight, soft_labels).sum()
    if soft_labels is not None:
        cost = -(_weigh_classes(soft_labels, class_weight) * logits.log_softmax(1)).sum(1)
        loss = (cost * weigh_labels(labels, sample_weight=sample_weight)).sum()
    elif sample_weight is not None:
        cost = F.cross_entropy(logits, labels, weight=class_weight, ignore_index=_UNLABELED, reduction="none")
        loss = (cost * sample_weight).sum()
    else:
        loss = F.cross_entropy(logits, labels, weight=class_weight, ignore_index=_UNLABELED, reduction="sum")
    return loss / weight.to(loss.dtype).clamp(min=1e-12)


def weigh_labels(
    labels: Tensor,
    class_weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    soft_labels: Tensor | None = None,
) -> Tensor:
    """Return the weight (B, T) of each sample in a labeled loss, 0 where unlabeled.

    It is the weight of the sample times the weight of its class; with soft labels, times the mean weight of its
    classes. Without weights it is a mask, bool.

    Parameters
    ----------
    labels, class_weight, sample_weight, soft_labels
        See `labeled_cross_entropy`.

    Examples
    --------
    >>> import torch
    >>> labels, class_weight = torch.tensor([[0, 1, -1]]), torch.tensor([1.0, 2.0])
    >>> weigh_labels(labels, class_weight, sample_weight=torch.tensor([[1.0, 3.0, 5.0]])).tolist()
    [[1.0, 6.0, 0.0]]
    """
    known = labels != _UNLABELED
    if class_weight is None:
        weight = known
    elif soft_labels is None:
        weight = class_weight[labels.clamp(min=0)] * known
    else:
        weight = _weigh_classes(soft_labels, class_weight).sum(1) * known
    return weight if sample_weight is None else weight * sample_weight


def _weigh_classes(proba: Tensor, class_weight: Tensor | None) -> Tensor:
    """Return probabilities (B, K, T) times the weights (K,) of the classes, or unchanged without weights."""
    return proba if class_weight is None else proba * class_weight[:, None]


def pseudo_label_cross_entropy(logits: Tensor, proba: Tensor, weight: Tensor, valid: Tensor) -> Tensor:
    """Return the weighted mean cross-entropy with the teacher's hard labels over all valid samples.

    Sohn et al. 2020, eq. (4), with time steps as samples: the sum is divided by the number of valid samples, including
    samples of weight zero.

    Parameters
    ----------
    logits : Tensor, shape (B, K, T)
        Output of the student for the strong view.
    proba : Tensor, shape (B, K, T)
        Output of the teacher for the weak view, moved along with the strong view; without gradient.
    weight : Tensor, shape (B, T)
        Weight of each pseudo-label, in [0, 1].
    valid : Tensor of bool, shape (B, T)

    Raises
    ------
    ValueError
        If ``weight`` has another shape than ``valid``.

    Examples
    --------
    >>> import torch
    >>> proba = torch.tensor([[[0.99, 0.6], [0.01, 0.4]]])
    >>> loss = pseudo_label_cross_entropy(
    ...     torch.zeros(1, 2, 2), proba, weight=torch.tensor([[1.0, 0.0]]), valid=torch.ones(1, 2).bool()
    ... )
    >>> round(loss.item(), 4)  # log 2 at one of two samples
    0.3466
    """
    if weight.shape != valid.shape:
        raise ValueError(
            f"threshold gave weights of shape {tuple(weight.shape)} for probabilities {tuple(proba.shape)}; give one "
            f"weight per sample, {tuple(valid.shape)}."
        )
    loss = F.cross_entropy(logits, pick_class(proba), reduction="none")
    return (loss * weight * valid).sum() / valid.sum().clamp(min=1)


def describe_pseudo_labels(proba: Tensor, weight: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mask rate (mean weight of valid samples), and the share (K,) of each class in the total weight.

    Parameters
    ----------
    proba : Tensor, shape (B, K, T)
        Probabilities of the teacher.
    weight : Tensor, shape (B, T)
        Weight of each pseudo-label, in [0, 1].
    valid : Tensor of bool, shape (B, T)

    Examples
    --------
    >>> import torch
    >>> proba = torch.tensor([[[0.99, 0.6], [0.01, 0.4]]])
    >>> rate, shares = describe_pseudo_labels(proba, torch.tensor([[1.0, 0.0]]), torch.ones(1, 2).bool())
    >>> rate.item(), shares.tolist()
    (0.5, [1.0, 0.0])
    """
    believed = weight * valid
    total = believed.sum()
    count = believed.new_zeros(proba.shape[1]).index_add_(0, pick_class(proba).flatten(), believed.flatten())
    return total / valid.sum().clamp(min=1), count / total.clamp(min=1e-12)


def rise(progress: float, start: float, stop: float) -> float:
    """Return 0 before ``start``, 1 from ``stop`` on, and a linear ramp between them (Lee 2013, eq. 16).

    Parameters
    ----------
    progress : float
        Share of the training that is done, from 0 to 1.
    start, stop : float
        Begin and end of the ramp, as shares of the training.

    Examples
    --------
    >>> [rise(t, 0.25, 0.75) for t in (0.1, 0.5, 0.9)]
    [0.0, 0.5, 1.0]
    """
    return min(max((progress - start) / (stop - start), 0.0), 1.0)


def check_ramp(ramp: Sequence[float]) -> tuple[float, float]:
    """Return a ramp as two floats, its begin and its end as shares of the training.

    Parameters
    ----------
    ramp : sequence of float

    Raises
    ------
    ValueError
        If ``ramp`` is not two numbers from 0 to 1, the first below the second.

    Examples
    --------
    >>> check_ramp([0.1, 0.6])
    (0.1, 0.6)
    """
    if len(ramp) != 2 or not 0 <= ramp[0] < ramp[1] <= 1:
        raise ValueError(f"ramp={ramp!r} must be two shares of the training, the first below the second, 0 to 1.")
    return float(ramp[0]), float(ramp[1])


def rise_smoothly(progress: float, stop: float) -> float:
    """Return the weight ``exp(-5 (1 - t)^2)``, where ``t`` rises from 0 to 1 at ``stop``.

    Source: Laine & Aila 2017; Tarvainen & Valpola 2017.

    Parameters
    ----------
    progress : float
        Share of the training that is done, from 0 to 1.
    stop : float
        End of the rise, as a share of the training; 0 returns 1 at once.

    Examples
    --------
    >>> [round(rise_smoothly(t, 0.4), 3) for t in (0.0, 0.2, 0.4, 0.9)]
    [0.007, 0.287, 1.0, 1.0]
    """
    rest = 1 - min(progress / stop, 1.0) if stop > 0 else 0.0
    return math.exp(-5 * rest**2)


def squared_difference(logits: Tensor, proba: Tensor) -> Tensor:
    """Return the squared difference (B, T) between the probabilities of student and teacher, averaged over classes.

    This is the consistency cost of Tarvainen & Valpola 2017.

    Parameters
    ----------
    logits : Tensor, shape (B, K, T)
        Output of the student.
    proba : Tensor, shape (B, K, T)
        Probabilities of the teacher.

    Examples
    --------
    >>> import torch
    >>> squared_difference(torch.zeros(1, 2, 1), torch.tensor([[[1.0], [0.0]]])).tolist()
    [[0.25]]
    """
    return (logits.softmax(1) - proba).square().mean(1)


def average_weighted(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean of values (B, T), divided by the sum of weights; zero if all weights are zero.

    Parameters
    ----------
    values, weight : Tensor, shape (B, T)

    Examples
    --------
    >>> import torch
    >>> average_weighted(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 1.0]])).item()
    2.0
    """
    return (values * weight).sum() / weight.sum().clamp(min=1e-12)


def find_boundaries(proba: Tensor, width: int, valid: Tensor) -> Tensor:
    """Return a mask (B, T) of the ``width`` samples on each side of a change of the most probable class.

    The border between signal and padding is not a change.

    Parameters
    ----------
    proba : Tensor, shape (B, K, T)
    width : int
        Number of samples on each side.
    valid : Tensor of bool, shape (B, T)

    Examples
    --------
    >>> import torch
    >>> proba = torch.tensor([[[0.9, 0.9, 0.9, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]]])
    >>> find_boundaries(proba, 1, torch.ones(1, 6).bool()).int().tolist()
    [[0, 0, 1, 1, 0, 0]]
    """
    label = pick_class(proba)
    change = torch.zeros(label.shape, device=label.device)
    differs = (label[:, 1:] != label[:, :-1]) & valid[:, 1:] & valid[:, :-1]
    change[:, 1:] = differs.float()  # marks the first sample of the new class
    return F.max_pool1d(F.pad(change[:, None], (width - 1, width)), 2 * width, stride=1)[:, 0] > 0
