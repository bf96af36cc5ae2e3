"""The state of a net: weights, statistics and training history."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from sslts.networks import Network
from sslts.persistence._messages import DAMAGES, summarize
from sslts.persistence._values import is_count
from sslts.persistence.files import PersistenceError
from sslts.recipes import is_shipped
from sslts.training import SegmentationNet, explain_absence


def get_net_state(net: SegmentationNet) -> dict[str, Any]:
    """Return the state of a net that predictions and reports need, by name.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> state = get_net_state(SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y).net_)
    >>> list(state["weights"]), state["step"], [row["step"] for row in state["history"]]
    (['student', 'teacher', 'criterion'], 2, [1, 2])
    """
    modules = {"student": net.module_, "teacher": net.teacher_, "criterion": net.criterion_}
    return {
        "weights": {name: _unwrap(module).state_dict() for name, module in modules.items()},
        "seed": net.seed,
        "step": net.step_,
        "history": [{k: v for k, v in row.items() if k != "batches"} for row in net.history if "step" in row],
    }


def set_net_state(net: SegmentationNet, state: dict[str, Any]) -> None:
    """Set the state of an initialized net to a state of `get_net_state`.

    Raises
    ------
    RuntimeError
        If the weights belong to another network.
    PersistenceError
        If a weight is not finite, or the history does not lead to the step.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> one, other = (SupervisedSegmenter(max_steps=2, random_state=seed).fit(X, y) for seed in (0, 1))
    >>> set_net_state(other.net_, get_net_state(one.net_))
    >>> bool((other.predict_proba(X) == one.predict_proba(X)).all())
    True
    """
    for name, module in {"student": net.module_, "teacher": net.teacher_, "criterion": net.criterion_}.items():
        _unwrap(module).load_state_dict(state["weights"][name])
    for module in (net.module_, net.teacher_):
        if spoiled := find_spoiled(_unwrap(module)):
            raise PersistenceError(f"{spoiled} in the file is not finite.")
    _check_progress(state["step"], state["history"], int(net.teacher_.n_averaged))
    net.step_ = int(state["step"])
    net.history[:] = [{"batches": [{}], **row} for row in state["history"]]  # skorch's callbacks read the last batch


def _check_progress(step: Any, history: Any, n_averaged: int) -> None:
    """Raise PersistenceError if the step, the history and the number of averaged weights contradict each other."""
    steps = [row["step"] for row in history]
    if not all(map(is_count, [step, *steps])):
        raise PersistenceError("the step, or the history, in the file is not a whole number.")
    if abs(step - n_averaged) > 1:  # an interruption can come between the two
        raise PersistenceError(f"the file is at step {step}, but its weights are the average of {n_averaged} steps.")
    if any(later <= earlier for earlier, later in pairwise([0, *steps])) or (steps and steps[-1] > step):
        raise PersistenceError(f"the history in the file does not lead to its step {step}.")


def find_spoiled(module: nn.Module) -> str | None:
    """Return the name of a weight that is not finite, or of a running statistic that is NaN; None without any.

    Other buffers, such as a mask of minus infinity, may hold any value.

    Examples
    --------
    >>> layer = nn.Linear(1, 1)
    >>> before = find_spoiled(layer)
    >>> _ = layer.bias.data.fill_(torch.nan)
    >>> before, find_spoiled(layer)
    (None, 'bias')
    """
    for name, weight in module.named_parameters():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            return name
    for name, value in module.named_buffers():
        if name.rpartition(".")[2] in ("running_mean", "running_var") and torch.isnan(value).any():
            return name
    return None


def _unwrap(module: nn.Module) -> nn.Module:
    """Return the original module of a compiled module, else the module itself."""
    return getattr(module, "_orig_mod", module)


def check_sizes(network: Network, n_channels: int, n_classes: int, weights: dict[str, Tensor]) -> None:
    """Raise PersistenceError if the weights do not have the sizes of a network of this package.

    The check allocates no memory for the weights. The number of weights is compared before any layer is made, because a
    file can ask for more layers than can be made. Custom networks are not checked.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> network = UNet(width=4, depth=1)
    >>> weights = network.build(1, 2, torch.Generator()).state_dict()
    >>> check_sizes(network, 1, 2, weights)
    >>> check_sizes(network, 1, 3, weights)
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: the weights in the file do not fit UNet(width=4, ...
    """
    if not is_shipped(network):
        return
    count = getattr(network, "count_tensors", None)
    wanted: dict[str, Any] | None = None
    if count is None or count() == len(weights):
        try:
            with torch.device("meta"):
                wanted = _describe(network(n_channels, n_classes).state_dict())
        except DAMAGES as error:
            raise PersistenceError(f"{network!r} in the file can't be built ({summarize(error)}).") from error
    if wanted != _describe(weights):
        raise PersistenceError(f"the weights in the file do not fit {network!r}.")


def _describe(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: (value.shape, value.dtype) for name, value in weights.items()}


def check_device(device: str) -> None:
    """Raise PersistenceError if this machine does not have the device.

    Examples
    --------
    >>> check_device("cpu")
    >>> check_device("abacus")
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: the model needs device='abacus', which is not available ...
    """
    absence = explain_absence(device)
    if absence:
        raise PersistenceError(
            f"the model needs device={device!r}, which is not available ({absence}); pass device='cpu'."
        )
