"""The state of a net: what its weights, its statistics and its record of the training are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sslts.networks import Network
from sslts.persistence.files import PersistenceError
from sslts.recipes import is_shipped
from sslts.training import SegmentationNet


def get_net_state(net: SegmentationNet) -> dict[str, Any]:
    """Return everything of a net that a prediction or a report asks for, by name."""
    modules = {"student": net.module_, "teacher": net.teacher_, "criterion": net.criterion_}
    return {
        "weights": {name: _unwrap(module).state_dict() for name, module in modules.items()},
        "seed": net.seed,
        "step": net.step_,
        "history": [{k: v for k, v in row.items() if k != "batches"} for row in net.history if "step" in row],
    }


def set_net_state(net: SegmentationNet, state: dict[str, Any]) -> None:
    """Give an initialised net the state that another one had.

    Raises
    ------
    RuntimeError
        If the weights are those of another network.
    """
    for name, module in {"student": net.module_, "teacher": net.teacher_, "criterion": net.criterion_}.items():
        _unwrap(module).load_state_dict(state["weights"][name])
    net.step_ = state["step"]
    net.history[:] = [{"batches": [], **row} for row in state["history"]]


def _unwrap(module: nn.Module) -> nn.Module:
    """Return the module that torch compiled, or the module itself."""
    return getattr(module, "_orig_mod", module)


def check_sizes(network: Network, n_channels: int, n_classes: int, weights: dict[str, Tensor]) -> None:
    """Raise PersistenceError if a network that ships would not have weights of these sizes; before it takes memory."""
    if not is_shipped(network):
        return
    with torch.device("meta"):
        wanted = network(n_channels, n_classes).state_dict()
    if {k: v.shape for k, v in wanted.items()} != {k: v.shape for k, v in weights.items()}:
        raise PersistenceError(f"the weights in the file are not those of {network!r}.")


def check_device(device: str) -> None:
    """Raise PersistenceError if this machine has no such device."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise PersistenceError(
            f"the model is for device={device!r}, which is not here ({str(error).splitlines()[0]}); pass device='cpu'."
        ) from error
