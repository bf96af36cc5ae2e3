"""What is looked at before a training: whether a network is one, and does what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from skorch.callbacks import Callback
from torch import Tensor, nn

from sslts.recipes import check_no_class

MAX_REACH = 20_000  # samples; whether the answer depends on what lies further away is not looked at


def check_instance(network: Any) -> None:
    """Refuse a recipe's class, and a module: the class of a module is a network.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> check_instance(UNet)
    Traceback (most recent call last):
    ValueError: network=UNet is a class; pass an instance, UNet().
    """
    check_no_class(network, "network")
    if isinstance(network, nn.Module):
        raise ValueError(
            f"network is a module, {type(network).__name__}; pass what makes one for a number of channels and of "
            f"classes, as `lambda n_channels, n_classes: {type(network).__name__}(...)`."
        )


def check_callbacks(callbacks: Sequence[Any]) -> list[Callback | type[Callback]]:
    """Return callbacks without their names; refuse what is none. A pair of a name and None is one that is left out.

    Examples
    --------
    >>> check_callbacks([3])
    Traceback (most recent call last):
    ...
    ValueError: callbacks[0]=3 is no callback of skorch; pass instances of skorch.callbacks.Callback.
    """
    found = []
    for i, given in enumerate(callbacks):
        callback = given[1] if isinstance(given, tuple) else given
        if isinstance(given, tuple) and callback is None:
            continue
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks[{i}]={callback!r} is no callback of skorch; pass instances of skorch.callbacks.Callback."
            )
        found.append(callback)
    return found


def read_size(module: nn.Module, name: str) -> int:
    """Return a size in samples that a module may offer, else 1; a bare convolution's stride is a tuple.

    Examples
    --------
    >>> read_size(nn.Conv1d(1, 1, 3), "stride")
    1
    """
    size = getattr(module, name, 1)
    return size if isinstance(size, int) and size > 0 else 1


def check_shapes(module: nn.Module, x: Tensor, n_classes: int, network: Any) -> None:
    """Refuse a module that does not map signals (1, C, T) to scores (1, K, T), for two lengths, one of them odd.

    ``network`` is what built it, for the message.

    Examples
    --------
    >>> check_shapes(nn.Conv1d(1, 2, 2), torch.zeros(1, 1, 9), 2, "Shrinks")
    Traceback (most recent call last):
    ...
    ValueError: network='Shrinks' turned signals of shape (1, 1, 9) into (1, 2, 8); expected class scores ...
    """
    for size in (x.shape[-1], max(x.shape[-1] - 1, 1)):
        wanted = (1, n_classes, size)
        try:
            answer = module(x[..., :size])
        except Exception as error:  # of whatever kind: a module's own checks have theirs
            shape = (*x.shape[:2], size)
            raise ValueError(f"network={network!r} cannot read signals of shape {shape}: {error}") from error
        if not isinstance(answer, Tensor) or tuple(answer.shape) != wanted:
            got = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(
                f"network={network!r} turned signals of shape {(*x.shape[:2], size)} into {got}; expected class scores "
                f"of shape {wanted}, for any length."
            )


def check_reach(module: nn.Module, x: Tensor, network: Any) -> None:
    """Refuse a module whose answer changes with what lies beyond the ``receptive_field`` that it names.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation.
    x : Tensor, shape (1, C, T)
        Signals, which are repeated as often as is needed.
    network : object
        What built the module, for the message.

    Examples
    --------
    >>> module = nn.Conv1d(1, 2, 9, padding=4)
    >>> module.stride, module.receptive_field = 1, 3
    >>> check_reach(module, torch.ones(1, 1, 50), "Far")
    Traceback (most recent call last):
    ...
    ValueError: network='Far' names receptive_field=3, and its output changes with samples 4 away; ...
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
            f"network={network!r} names receptive_field={reach}, and its output changes with samples {farthest} away; "
            "long recordings would be stitched wrongly. Name how many samples to either side can influence an output."
        )
