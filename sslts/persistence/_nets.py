"""The state of a net: weights, statistics and training history."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sslts.networks import Network
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
    net.step_ = state["step"]
    net.history[:] = [{"batches": [{}], **row} for row in state["history"]]  # skorch's callbacks read the last batch


def _unwrap(module: nn.Module) -> nn.Module:
    """Return the original module of a compiled module, else the module itself."""
    return getattr(module, "_orig_mod", module)


def check_sizes(network: Network, n_channels: int, n_classes: int, weights: dict[str, Tensor]) -> None:
    """Raise PersistenceError if the weights do not have the sizes of a network of this package.

    The check allocates no memory for the weights. Custom networks are not checked.

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
    with torch.device("meta"):
        wanted = network(n_channels, n_classes).state_dict()
    if {k: v.shape for k, v in wanted.items()} != {k: v.shape for k, v in weights.items()}:
        raise PersistenceError(f"the weights in the file do not fit {network!r}.")


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
