"""The loss on held-out labeled recordings during training, and the callbacks that monitor it."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator, Sequence
from numbers import Real
from types import CodeType
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor

from sslts.annotations import LabelDetails, LabelRuns
from sslts.augment import Tracks
from sslts.losses import LabeledLoss
from sslts.objectives import weigh_labels
from sslts.prediction import predict_parts
from sslts.recordings import NormalizedRecordings
from sslts.training import SegmentationNet, neutral_torch, seed_torch

COLUMN = "valid_loss"
_TINY = torch.finfo(torch.float32).tiny  # smallest probability whose logarithm is finite


class ValidationLoss(Callback):
    """Callback that records the labeled loss of the averaged network on other recordings, as ``valid_loss``.

    The loss is the mean over stretches that go through the network in one piece, weighted by their labeled samples
    and the weights of these.
    ``valid_loss_best`` tells whether the loss is the lowest so far, as skorch's callbacks expect.

    Parameters
    ----------
    loss : callable
        ``(logits, labels, class_weight) -> scalar``.
    class_weight : Tensor of shape (K,), or None
    """

    def __init__(self, loss: LabeledLoss, class_weight: Tensor | None) -> None:
        self.loss, self.class_weight = loss, class_weight
        self.recordings: NormalizedRecordings | None = None
        self.labels: LabelRuns | None = None
        self.details = LabelDetails()

    def watch(
        self,
        recordings: NormalizedRecordings,
        labels: LabelRuns,
        details: LabelDetails = LabelDetails(),  # noqa: B008
    ) -> None:
        """Set the recordings, their labels as class indices, and the weights and soft labels of these."""
        self.recordings, self.labels, self.details = recordings, labels, details

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        loss = self.measure(net)
        before = [row[COLUMN] for row in net.history[:-1] if COLUMN in row]
        net.history.record(COLUMN, loss)
        net.history.record(f"{COLUMN}_best", loss < min([math.inf, *before]))

    def measure(self, net: SegmentationNet) -> float:
        """Return the loss; NaN if every labeled sample has a class of weight zero."""
        assert self.recordings is not None
        total, weights = 0.0, 0.0
        device = torch.device(net.device)
        class_weight = None if self.class_weight is None else self.class_weight.to(device)
        # Foreign code may draw random numbers; a seed of its own keeps the training the same.
        isolated = seed_torch(net.seed, device) if net.foreign else contextlib.nullcontext()
        with neutral_torch(), isolated:
            for part in predict_parts(net, self.recordings):
                at = np.array([part.recording]), np.array([part.start])
                proba = torch.as_tensor(part.proba.T[None].copy(), device=device)
                known = self._make_tracks(proba, *at)
                weight = _sum_weights(known, class_weight)
                if weight:
                    loss = known.measure_loss(self.loss, proba.clamp(min=_TINY).log(), class_weight)
                    total, weights = total + weight * float(loss), weights + weight
        return total / weights if weights else math.nan

    def _make_tracks(self, proba: Tensor, recording: np.ndarray, start: np.ndarray) -> Tracks:
        """Return probabilities (1, K, T) of a stretch with its labels and their details."""
        assert self.labels is not None
        length, device = proba.shape[-1], proba.device
        labels = torch.from_numpy(self.labels.cut(recording, start, length)).to(device)
        details = self.details.cut(recording, start, length)
        sent = {name: torch.from_numpy(values).to(device) for name, values in details.items()}
        return Tracks(proba, labels, labels >= 0, **sent)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.recordings, self.labels, self.details = None, None, LabelDetails()

    def __getstate__(self) -> dict[str, Any]:  # a fitted model holds no recordings
        return {**self.__dict__, "recordings": None, "labels": None, "details": LabelDetails()}


def _sum_weights(tracks: Tracks, class_weight: Tensor | None) -> float:
    """Return the sum of the weights of the labeled samples."""
    known = tracks.target >= 0
    if class_weight is not None and tracks.weight is None and tracks.soft is None:
        return float(class_weight[tracks.target[known]].sum())
    return float(weigh_labels(tracks.target, class_weight, tracks.weight, tracks.soft).sum())


def read_share(validation: Any) -> float | None:
    """Return the share of the recordings to hold out, or None if ``validation`` is a pair or None.

    Raises
    ------
    ValueError
        If ``validation`` is something else.

    Examples
    --------
    >>> read_share(0.25), read_share(([[1.0]], [[0]])), read_share(None)
    (0.25, None, None)
    """
    if validation is None or (isinstance(validation, (tuple, list)) and len(validation) == 2):
        return None
    if isinstance(validation, Real) and not isinstance(validation, bool) and 0 < float(validation) < 1:
        return float(validation)
    shown = repr(validation) if isinstance(validation, Real | str) else f"a {type(validation).__name__}"
    raise ValueError(
        f"validation is {shown}; pass a pair (X_val, y_val) of held-out recordings and their labels, or the share of "
        "the labeled recordings to hold out, above 0 and below 1."
    )


def check_monitors(callbacks: Sequence[Any], *, validated: bool) -> None:
    """Raise ValueError if a callback monitors a validation value that the fit does not record.

    Parameters
    ----------
    callbacks : sequence of skorch callbacks
        Instances or classes, without names.
    validated : bool
        Whether the fit records ``valid_loss``.
    """
    known = {COLUMN, f"{COLUMN}_best"} if validated else set()
    for i, callback in enumerate(callbacks):
        monitor = _find_monitor(callback)
        if not isinstance(monitor, str) or not monitor.startswith("valid_") or monitor in known:
            continue
        if any(_records(other, monitor.removesuffix("_best")) for j, other in enumerate(callbacks) if j != i):
            continue
        kind = (callback if isinstance(callback, type) else type(callback)).__name__
        if monitor.removesuffix("_best") == COLUMN:
            fix = "call fit(X, y, validation=(X_val, y_val)) or fit(X, y, validation=0.2), or monitor 'train_loss'"
        else:
            fix = f"monitor {COLUMN!r} and call fit with validation=, or add a callback that records {monitor!r}"
        raise ValueError(f"callbacks: {kind} monitors {monitor!r}, which this fit does not record. To fix it, {fix}.")


def _find_monitor(callback: Any) -> Any:
    """Return what a callback monitors: its attribute, or the default of its class."""
    if not isinstance(callback, type):
        return getattr(callback, "monitor", None)
    found = inspect.signature(callback).parameters.get("monitor")
    return None if found is None else found.default


def _records(callback: Any, name: str) -> bool:
    """Return whether a callback may record a value: it has the name as a parameter or attribute, or in its code."""
    if not isinstance(callback, type):
        own = {key: value for key, value in vars(callback).items() if key != "monitor"}
        if any(isinstance(value, str) and value == name for value in own.values()):
            return True
    kind = callback if isinstance(callback, type) else type(callback)
    methods = [value for cls in kind.__mro__ if not _is_skorchs(cls) for value in vars(cls).values()]
    codes = (getattr(inspect.unwrap(method), "__code__", None) for method in methods if callable(method))
    return any(name == constant for code in codes if code for constant in _list_texts(code))


def _is_skorchs(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in ("skorch", "builtins")


def _list_texts(code: CodeType) -> Iterator[str]:
    """Yield the texts that a function holds as constants, also in its inner functions."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _list_texts(constant)
        elif isinstance(constant, str):
            yield constant
