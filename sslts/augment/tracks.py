"""A batch of signals with labels, and the base class of augmenters."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from sslts.annotations import as_labels
from sslts.recipes import Recipe
from sslts.recordings import Recordings, as_recordings


@dataclass(frozen=True, eq=False)
class Tracks:
    """A batch of signals with the target and the validity of each sample.

    Parameters
    ----------
    x : Tensor, float32, shape (B, C, T)
        Signals.
    target : Tensor
        Labels, int64 of shape ``(B, T)`` with ``-1`` for unlabeled; or probabilities, float of shape ``(B, K, T)``.
    valid : Tensor, bool, shape (B, T)
        False where a sample is padding, or comes from outside the recording.
    weight : Tensor or None, float, shape (B, T)
        Weights of the labeled samples; None if all have the same weight. They move with the labels.
    soft : Tensor or None, float, shape (B, K, T)
        Soft labels: the probabilities of the classes at the labeled samples, whose most probable class is the target;
        None if the targets are certain. They move with the labels.

    Examples
    --------
    >>> import torch
    >>> tracks = Tracks(torch.rand(2, 1, 3), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    >>> tracks.hide_labels().target.unique().tolist()
    [-1]
    """

    x: Tensor
    target: Tensor
    valid: Tensor
    weight: Tensor | None = None
    soft: Tensor | None = None

    def replace(self, **changes: Any) -> Tracks:
        """Return a copy with changed tensors."""
        return dataclasses.replace(self, **changes)

    def map_tensors(self, change: Callable[[Tensor], Tensor]) -> Tracks:
        """Return a copy with ``change`` applied to each tensor, such as a move to a device.

        Examples
        --------
        >>> tracks = Tracks(torch.rand(3, 1, 4), torch.zeros(3, 4).long(), torch.ones(3, 4).bool())
        >>> tracks.map_tensors(lambda tensor: tensor[:2]).target.shape
        torch.Size([2, 4])
        """
        details = (None if one is None else change(one) for one in (self.weight, self.soft))
        return Tracks(change(self.x), change(self.target), change(self.valid), *details)

    def hide_labels(self) -> Tracks:
        """Return a copy without labels: every target is -1."""
        return self.replace(target=torch.full_like(self.valid, -1, dtype=torch.int64), weight=None, soft=None)

    def measure_loss(
        self, labeled_loss: Callable[..., Tensor], logits: Tensor, class_weight: Tensor | None = None
    ) -> Tensor:
        """Return the labeled loss of logits (B, K, T) for these windows.

        The loss gets ``sample_weight`` and ``soft_labels`` if the windows have them.

        Parameters
        ----------
        labeled_loss : callable
            ``(logits, labels, class_weight) -> scalar``; see `sslts.losses`.
        logits : Tensor, shape (B, K, T)
        class_weight : Tensor or None, shape (K,)

        Examples
        --------
        >>> from sslts.losses import CrossEntropy
        >>> tracks = Tracks(torch.zeros(1, 1, 2), torch.tensor([[0, 1]]), torch.ones(1, 2).bool())
        >>> logits = torch.tensor([[[9.0, 9.0], [0.0, 0.0]]])
        >>> round(tracks.measure_loss(CrossEntropy(), logits).item(), 2)  # the second sample is wrong
        4.5
        >>> round(tracks.replace(weight=torch.tensor([[3.0, 1.0]])).measure_loss(CrossEntropy(), logits).item(), 2)
        2.25
        """
        given = {"sample_weight": self.weight, "soft_labels": self.soft}
        details = {name: value for name, value in given.items() if value is not None}
        return labeled_loss(logits, self.target, class_weight, **details)

    def make_certain(self, n_classes: int) -> Tracks:
        """Return a copy whose targets (B, T) are probabilities (B, K, T) of 0 and 1; a target of -1 is not valid.

        Examples
        --------
        >>> tracks = Tracks(torch.zeros(1, 1, 3), torch.tensor([[1, 0, -1]]), torch.ones(1, 3).bool()).make_certain(2)
        >>> tracks.target.tolist(), tracks.valid.tolist()
        ([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]], [[True, True, False]])
        """
        classes = torch.arange(n_classes, device=self.target.device)[:, None]
        return self.replace(
            target=(self.target[:, None] == classes).to(self.x.dtype), valid=self.valid & (self.target >= 0)
        )

    def where(self, chosen: Tensor, other: Tracks) -> Tracks:
        """Return these tracks where ``chosen``, (B,) or (B, T), is true, and ``other`` elsewhere.

        Examples
        --------
        >>> a = Tracks(torch.ones(2, 1, 1), torch.ones(2, 1).long(), torch.ones(2, 1).bool())
        >>> b = Tracks(torch.zeros(2, 1, 1), torch.zeros(2, 1).long(), torch.ones(2, 1).bool())
        >>> a.where(torch.tensor([True, False]), b).target.tolist()
        [[1], [0]]
        """
        row = chosen if chosen.ndim == 2 else chosen[:, None]
        wide = row[:, None]
        return Tracks(
            torch.where(wide, self.x, other.x),
            torch.where(row if self.target.ndim == 2 else wide, self.target, other.target),
            torch.where(row, self.valid, other.valid),
            None if self.weight is None or other.weight is None else torch.where(row, self.weight, other.weight),
            None if self.soft is None or other.soft is None else torch.where(wide, self.soft, other.soft),
        )

    def change_rows(self, chosen: Tensor, change: Callable[[Tracks], Tracks]) -> Tracks:
        """Return a copy in which ``change`` is applied to the ``chosen`` (B,) recordings only.

        On a CPU, ``change`` gets only the chosen recordings. On an accelerator it gets all recordings, because the host
        would have to wait for the number of chosen recordings.

        Examples
        --------
        >>> tracks = Tracks(torch.ones(2, 1, 1), torch.ones(2, 1).long(), torch.ones(2, 1).bool())
        >>> tracks.change_rows(torch.tensor([True, False]), Tracks.hide_labels).target.tolist()
        [[-1], [1]]
        """
        if chosen.device.type != "cpu":
            return change(self).where(chosen, self)
        rows = chosen.nonzero()[:, 0]
        if len(rows) in (0, len(chosen)):
            return change(self) if len(rows) else self
        part = change(self.map_tensors(lambda tensor: tensor.index_select(0, rows)))

        def put(old: Tensor | None, new: Tensor | None) -> Any:
            return None if old is None or new is None else old.index_copy(0, rows, new)

        names = (field.name for field in dataclasses.fields(self))
        return Tracks(**{name: put(getattr(self, name), getattr(part, name)) for name in names})

    def resample(self, source: Tensor) -> Tracks:
        """Return tracks whose signal, target and validity are read at the positions ``source``.

        Signals and probabilities are interpolated linearly. A label comes from the nearest sample (a half rounds up),
        with its weight and its soft label.
        An output sample is valid if its position lies inside the recording and both neighbors are valid.

        Parameters
        ----------
        source : Tensor, float, shape (B, T_out)
            The input position of each output sample, in samples.

        Examples
        --------
        >>> import torch
        >>> tracks = Tracks(torch.tensor([[[0.0, 10.0, 20.0]]]), torch.tensor([[0, 3, 3]]), torch.ones(1, 3).bool())
        >>> moved = tracks.resample(torch.tensor([[0.5, 1.5, 2.5]]))
        >>> moved.x.tolist(), moved.target.tolist(), moved.valid.tolist()
        ([[[5.0, 15.0, 0.0]]], [[3, 3, -1]], [[True, True, False]])
        """
        last = self.x.shape[-1] - 1
        source = source.to(torch.promote_types(source.dtype, torch.float32))  # positions may be integers
        position = source.clamp(0, last)
        left, right = position.long(), position.ceil().long()  # long() is the floor, as positions are not negative
        fraction = position.frac()
        nearest = (position + 0.5).clamp_(max=last).long()
        valid = self.valid.gather(1, left) & self.valid.gather(1, right) & (position == source)
        if self.target.ndim == 2:
            target = torch.where(valid, self.target.gather(1, nearest), -1)
        else:
            target = _interpolate(self.target, left, right, fraction)
        x = _interpolate(self.x, left, right, fraction) * valid.to(self.x.dtype)[:, None]
        weight = None if self.weight is None else self.weight.gather(1, nearest)
        soft = None if self.soft is None else self.soft.gather(2, nearest[:, None].expand(-1, self.soft.shape[1], -1))
        return Tracks(x, target, valid, weight, soft)


def _interpolate(x: Tensor, left: Tensor, right: Tensor, fraction: Tensor) -> Tensor:
    shape = (*x.shape[:2], left.shape[-1])
    low = x.gather(2, left[:, None].expand(shape))
    high = x.gather(2, right[:, None].expand(shape))
    return torch.lerp(low, high, fraction[:, None].to(x.dtype))


class Augmenter(Recipe, ABC):
    """Base class of views of a batch; subclasses are frozen dataclasses without state.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.augment import Reverse
    >>> X, y = Reverse(p=1.0).transform(np.arange(4.0)[None], np.array([[0, 0, 0, 1]]), random_state=0)
    >>> X.tolist(), y.tolist()
    ([[3.0, 2.0, 1.0, 0.0]], [[1, 0, 0, 0]])
    """

    @abstractmethod
    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:
        """Return a random view of ``tracks``, drawn with ``generator``."""

    def transform(self, X: Any, y: Any = None, random_state: Any = None) -> Any:
        """Return an augmented copy of recordings, for use with any other library.

        Recordings of the same length are augmented, and mixed, as one batch.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that ``fit`` of a segmenter takes. They are rounded to float32, so subtract a
            large offset first.
        y : array-like of int or None
            Labels of the recordings, ``-1`` for unlabeled; they move with time.
        random_state : int, RandomState, Generator or None
            Seed.

        Returns
        -------
        X : ndarray of float32, shape (n, C, T), or list of (C, T_i)
            Zero where a view reaches outside a recording. If ``X`` has no channel axis: (n, T), or list of (T_i,).
        y : ndarray of int64, shape (n, T), or list of (T_i,)
            Only if given; ``-1`` where a view reaches outside a recording.

        Examples
        --------
        >>> import numpy as np
        >>> from sslts.augment import Reverse
        >>> X, y = Reverse(p=1.0).transform(np.array([[1.0, 2.0, 3.0]]), np.array([[0, 0, 1]]))
        >>> X.tolist(), y.tolist()
        ([[3.0, 2.0, 1.0]], [[1, 0, 0]])
        """
        recordings = as_recordings(X)
        labels = None if y is None else as_labels(y, recordings)
        generator = torch.Generator()
        if isinstance(random_state, np.random.RandomState):
            random_state = random_state.randint(2**31 - 1)
        elif isinstance(random_state, np.random.Generator):
            random_state = random_state.integers(2**31 - 1)
        generator.manual_seed(generator.seed() if random_state is None else int(random_state))
        x: list[Any] = [None] * len(recordings)
        moved = list(x)
        for length in np.unique(recordings.lengths):  # one batch for each length, so that no recording is padded
            rows = np.flatnonzero(recordings.lengths == length)
            view = self(_read_tracks(recordings, labels, rows), generator)
            for i, signal, target in zip(rows, view.x.numpy(), view.target.numpy(), strict=True):
                x[i], moved[i] = signal, target
        if np.ndim(recordings.sources[0][..., :1]) == 1:  # X has no channel axis
            x = [row[0] for row in x]
        return recordings.pack(x) if labels is None else (recordings.pack(x), recordings.pack(moved))


def _read_tracks(recordings: Recordings, labels: list[np.ndarray] | None, rows: np.ndarray) -> Tracks:
    """Return the recordings ``rows``, all of the same length, as one batch."""
    x = torch.from_numpy(np.stack([recordings.read(int(i)) for i in rows]))
    valid = torch.ones(len(x), x.shape[-1], dtype=torch.bool)
    target = torch.full(valid.shape, -1) if labels is None else torch.from_numpy(np.stack([labels[i] for i in rows]))
    return Tracks(x, target, valid)
