"""Check before training that a criterion computes a usable loss, and counts weights and soft labels."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from sslts.losses import LabeledLoss
from sslts.recipes import is_shipped
from sslts.training import Batch

_ARGUMENTS = {"weight": "sample_weight", "soft": "soft_labels"}  # fields of `Tracks`, and parameters of labeled losses
_SHAPES = {"weight": "the weights (B, T) of the samples", "soft": "the probabilities (B, K, T) of the classes"}


def check_labeled_loss(labeled_loss: LabeledLoss, batch: Batch, n_classes: int, class_weight: Tensor | None) -> None:
    """Raise ValueError if a labeled loss of the user fails on logits and labels, or returns no scalar."""
    if is_shipped(labeled_loss):
        return
    labels = batch.labeled.target
    for name in _list_details(batch):
        if not _takes(labeled_loss, _ARGUMENTS[name]):
            raise ValueError(
                f"labeled_loss={labeled_loss!r} has no parameter {_ARGUMENTS[name]}, so it can't count what was passed "
                f"to fit; add {_ARGUMENTS[name]}=None to it, {_SHAPES[name]}, or use a loss of sslts.losses."
            )
    logits = torch.zeros(len(labels), n_classes, labels.shape[-1], device=labels.device, requires_grad=True)
    how = "it is called as labeled_loss(logits, labels, class_weight); labels of -1 are unlabeled and must not count"
    try:
        loss = batch.labeled.measure_loss(copy.deepcopy(labeled_loss), logits, class_weight)
    except Exception as error:
        raise ValueError(f"labeled_loss={labeled_loss!r} fails with {type(error).__name__}: {error}; {how}.") from error
    if not isinstance(loss, Tensor) or loss.ndim:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise ValueError(f"labeled_loss={labeled_loss!r} returned {what}; return a tensor without axes. {how}.")


def watch_details(batch: Batch) -> Batch:
    """Return the batch with weights and soft labels that require a gradient, so that their use leaves a trace."""
    watched: dict[str, Any] = {
        name: getattr(batch.labeled, name).detach().clone().requires_grad_() for name in _list_details(batch)
    }
    return replace(batch, labeled=batch.labeled.replace(**watched)) if watched else batch


def check_details_count(loss: Tensor, batch: Batch, who: str) -> None:
    """Raise ValueError if a loss does not depend on the weights or the soft labels of a batch of `watch_details`."""
    for name in _list_details(batch):
        (gradient,) = torch.autograd.grad(loss, getattr(batch.labeled, name), retain_graph=True, allow_unused=True)
        if gradient is None:
            raise ValueError(
                f"{who} does not use the {_ARGUMENTS[name]} of the labeled windows, so it would have no effect; "
                "compute the labeled loss by step.labeled_loss(logits, labeled), or by "
                "labeled.measure_loss(labeled_loss, logits), where labeled is a view of batch.labeled; or pass no "
                f"{_ARGUMENTS[name]} to fit."
            )


def _list_details(batch: Batch) -> list[str]:
    return [name for name in _ARGUMENTS if getattr(batch.labeled, name) is not None]


def _takes(labeled_loss: LabeledLoss, name: str) -> bool:
    """Return whether a labeled loss has a parameter of this name, or takes any."""
    function = labeled_loss.forward if isinstance(labeled_loss, nn.Module) else labeled_loss
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # no signature, such as that of compiled code
        return False
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
