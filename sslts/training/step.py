"""The inputs and the output of a criterion: `Batch`, `Step` and `Losses`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sslts.augment import Tracks
from sslts.objectives import labeled_cross_entropy


@dataclass(frozen=True)
class Batch:
    """The windows of one training step: labeled windows, and unlabeled windows (possibly zero).

    Parameters
    ----------
    labeled, unlabeled : Tracks
        Windows (B, C, T) with targets and validity (B, T). The targets of unlabeled windows are -1, or a guide's
        labels as probabilities (B, K, T). The labeled windows have weights and soft labels if `fit` was given some.
    others : mapping of str to Tracks, default={}
        Labeled windows of additional pools of recordings, by the name of the pool.
    guided : bool, default=False
        Whether the targets of unlabeled windows are the labels of a guide.

    Examples
    --------
    >>> windows = Tracks(torch.zeros(4, 1, 8), torch.zeros(4, 8).long(), torch.ones(4, 8).bool())
    >>> len(Batch(windows, windows.hide_labels()))  # labeled windows
    4
    """

    labeled: Tracks
    unlabeled: Tracks
    others: Mapping[str, Tracks] = field(default_factory=dict)
    guided: bool = False

    def __len__(self) -> int:
        return len(self.labeled.x)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the labeled signals and their labels, the two parts of a batch that skorch's callbacks expect."""
        yield self.labeled.x
        yield self.labeled.target

    def map_tensors(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Return a batch with ``change`` applied to each tensor, for example a move to a device."""
        others = {name: tracks.map_tensors(change) for name, tracks in self.others.items()}
        return Batch(self.labeled.map_tensors(change), self.unlabeled.map_tensors(change), others, self.guided)


# The columns of a history that a criterion can't set by a name of its own.
_COLUMNS = frozenset(
    {"step", "lr", "loss", "labeled_loss", "unlabeled_loss", "mask_rate", "shares", "seconds", "batches"}
    | {"train_loss", "valid_loss"}
)


def _keep(tracks: Tracks) -> Tracks:
    return tracks


def _refuse_apart(x: Tensor) -> Tensor:
    raise ValueError(f"this step can't ask apart for {len(x)} windows; build it with Step(apart=...).")


def _measure_loss(logits: Tensor, labeled: Tracks | Tensor) -> Tensor:
    if isinstance(labeled, Tracks):
        return labeled.measure_loss(labeled_cross_entropy, logits)
    return labeled_cross_entropy(logits, labeled)


@dataclass(frozen=True)
class Step:
    """The tools that a criterion can use in one training step.

    Parameters
    ----------
    student : callable
        ``student(x, ...)`` returns the student's logits (B, K, T) for each batch of signals, from one joint pass.
    teacher : callable
        ``teacher(x)`` returns the probabilities (B, K, T) of the averaged network, without gradient.
    generator : torch.Generator
        Generator of the views' random numbers.
    progress : float
        Share of training that is done, from 0 to 1.
    weak, strong : callable
        ``weak(tracks)`` and ``strong(tracks)`` return a view of the windows. In a `SemiSupervisedSegmenter` they apply
        its views; by default they return the windows unchanged.
    labeled_loss : callable
        ``labeled_loss(logits, labeled)`` returns the loss of labeled windows, with their weights and soft labels if
        they have any; it also takes the labels (B, T) alone. In a `SemiSupervisedSegmenter` it is the estimator's loss
        with its class weights; by default it is the mean cross-entropy.
    apart : callable
        ``apart(x)`` returns the student's logits (B, K, T) for signals of another domain: BatchNorm normalizes them by
        their own statistics, and does not remember these for predictions.

    Examples
    --------
    A step for the test of a criterion:

    >>> from torch import nn
    >>> network = nn.Conv1d(1, 2, 3, padding=1)
    >>> def student(*views):
    ...     return network(torch.cat(views)).split([len(view) for view in views])
    >>> step = Step(student, lambda x: network(x).detach().softmax(1), torch.Generator(), progress=0.5)
    >>> [tuple(logits.shape) for logits in step.student(torch.zeros(3, 1, 8), torch.zeros(5, 1, 8))]
    [(3, 2, 8), (5, 2, 8)]
    """

    student: Callable[..., tuple[Tensor, ...]]
    teacher: Callable[[Tensor], Tensor]
    generator: torch.Generator
    progress: float
    weak: Callable[[Tracks], Tracks] = _keep
    strong: Callable[[Tracks], Tracks] = _keep
    labeled_loss: Callable[[Tensor, Tracks | Tensor], Tensor] = _measure_loss
    apart: Callable[[Tensor], Tensor] = _refuse_apart


@dataclass(frozen=True)
class Losses:
    """The result of a criterion: the loss to minimize, its parts, and statistics of the pseudo-labels.

    A part that a method does not compute is None.

    Parameters
    ----------
    loss, labeled_loss : Tensor
        Scalars: the total loss, and its labeled part.
    unlabeled_loss, mask_rate : Tensor or None
        Scalars: the unlabeled part, and the share of valid unlabeled samples with an accepted pseudo-label.
    shares : Tensor or None, shape (K,)
        Share of each class among the accepted pseudo-labels.
    others : mapping of str to Tensor, default={}
        Additional scalars for the history, by the name of their column.

    Examples
    --------
    >>> loss = torch.tensor(0.7)
    >>> Losses(loss, labeled_loss=loss).mask_rate is None
    True
    """

    loss: Tensor
    labeled_loss: Tensor
    unlabeled_loss: Tensor | None = None
    mask_rate: Tensor | None = None
    shares: Tensor | None = None
    others: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if taken := _COLUMNS & set(self.others):
            raise ValueError(f"others has {sorted(taken)[0]!r}, which every history has; choose another name.")

    def list_scalars(self) -> dict[str, Tensor]:
        """Return the scalars that are not None, by the names of their columns."""
        own = {name: getattr(self, name) for name in ("loss", "labeled_loss", "unlabeled_loss", "mask_rate")}
        return {name: value for name, value in {**own, **self.others}.items() if value is not None}

    def check(self, who: str, n_classes: int) -> None:
        """Raise ValueError if a part has a shape that the training can't use.

        Parameters
        ----------
        who : str
            Name of the criterion, for messages.
        n_classes : int
            Number of classes.

        Examples
        --------
        >>> loss = torch.zeros(3, requires_grad=True)
        >>> Losses(loss, loss.mean()).check("MyLoss", n_classes=2)
        Traceback (most recent call last):
        ...
        ValueError: MyLoss returned a tensor of shape (3,) as loss; return a scalar, such as its mean.
        """
        for name, value in self.list_scalars().items():
            if not isinstance(value, Tensor):
                raise ValueError(f"{who} returned a {type(value).__name__} as {name}; return a tensor.")
            if value.ndim:
                raise ValueError(
                    f"{who} returned a tensor of shape {tuple(value.shape)} as {name}; return a scalar, such as its "
                    "mean."
                )
        if self.shares is not None and tuple(self.shares.shape) != (n_classes,):
            raise ValueError(f"{who} returned shares of shape {tuple(self.shares.shape)}; return one per class.")
        if not self.loss.requires_grad:
            raise ValueError(f"{who} returned a loss without gradient; compute it from step.student.")
