"""Check networks and callbacks before training starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from sslts.recipes import check_no_class

MAX_REACH = 20_000  # samples; a larger receptive field is not checked


def check_instance(network: Any) -> None:
    """Raise if ``network`` is a recipe class or a module instance. A module *class* can be a valid network."""
    check_no_class(network, "network")
    if isinstance(network, nn.Module):
        raise ValueError(
            f"network is a module instance, {type(network).__name__}; pass a function that builds the module, such as "
            f"`lambda n_channels, n_classes: {type(network).__name__}(...)`."
        )


def check_callbacks(callbacks: Sequence[Any]) -> list[Callback | type[Callback]]:
    """Return the callbacks without their names, skipping ``(name, None)``; raise if one is not a skorch callback."""
    found = []
    for i, given in enumerate(callbacks):
        callback = given[1] if isinstance(given, tuple) else given
        if isinstance(given, tuple) and callback is None:
            continue
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks[{i}]={callback!r} is not a skorch callback; pass instances of skorch.callbacks.Callback."
            )
        found.append(callback)
    return found


def read_size(module: nn.Module, name: str) -> int:
    """Return the attribute ``name`` of a module, or 1 if it is absent or not a positive integer."""
    # The stride of a plain torch convolution is a tuple.
    size = getattr(module, name, 1)
    return size if isinstance(size, int) and size > 0 else 1


def check_shapes(module: nn.Module, x: Tensor, n_classes: int, network: Any) -> None:
    """Raise if a module does not map signals (1, C, T) to logits (1, K, T), for an even and an odd length.

    ``network`` is the function that built the module, for the message.
    """
    for size in (x.shape[-1], max(x.shape[-1] - 1, 1)):
        wanted = (1, n_classes, size)
        try:
            answer = module(x[..., :size])
        except Exception as error:  # a custom module may raise any type of error
            shape = (*x.shape[:2], size)
            raise ValueError(f"network={network!r} cannot read signals of shape {shape}: {error}") from error
        if not isinstance(answer, Tensor) or tuple(answer.shape) != wanted:
            got = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(
                f"network={network!r} turned signals of shape {(*x.shape[:2], size)} into {got}; expected logits "
                f"of shape {wanted}, for a signal of any length."
            )


def check_receptive_field(module: nn.Module, x: Tensor, network: Any) -> None:
    """Raise if the output of a module depends on samples beyond its ``receptive_field``.

    The module is in evaluation mode. The signal ``x`` (1, C, T) is repeated until it is long enough. ``network`` is the
    function that built the module, for the message.
    """
    stride, reach = (getattr(module, name, None) for name in ("stride", "receptive_field"))
    if not isinstance(stride, int) or not isinstance(reach, int) or reach > MAX_REACH:
        return
    size = -(-(2 * reach + 4 * stride + x.shape[-1]) // stride) * stride
    x = x.repeat(1, 1, -(-size // x.shape[-1]))[..., :size]
    first = torch.cat([10 - x[..., :stride], x[..., stride:]], -1)
    last = torch.cat([x[..., :-stride], 10 - x[..., -stride:]], -1)
    answer = module(x)
    forwards, backwards = (
        ((answer - module(changed)).abs().amax((0, 1)) > 1e-4).nonzero() for changed in (first, last)
    )
    after = int(forwards.max()) - stride + 1 if len(forwards) else 0
    before = size - stride - int(backwards.min()) if len(backwards) else 0
    farthest = max(after, before)
    if farthest > reach:
        raise ValueError(
            f"network={network!r} has receptive_field={reach}, but its output changes with samples {farthest} away; "
            "long recordings would be stitched wrongly. Set receptive_field to the number of samples on each side that "
            "influence an output."
        )
