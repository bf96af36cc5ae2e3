"""A neutral state of torch: the settings around a call neither change its results nor break it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import torch

from sslts._forks import is_forked

_AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


class _GlobalState:
    """The lock on torch's global states, which all threads share; whether a thread has changed the default type."""

    lock = threading.RLock()
    retyped = False

    @classmethod
    def renew(cls) -> None:
        """Make a new lock: in a forked child, no thread is left that could release the old lock."""
        cls.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_GlobalState.renew)


@contextlib.contextmanager
def neutral_torch(*, gradients: bool = False) -> Iterator[None]:
    """Return a context in which torch is as it is after its import, whatever state the caller has set.

    It leaves inference mode, autocast and a default device, and sets whether gradients are computed. These states
    belong to the current thread. In a forked child, torch computes on one thread from then on, because the threads of
    its parent do not exist there.

    Parameters
    ----------
    gradients : bool, default=False
        Whether gradients are computed in the context.

    Examples
    --------
    >>> with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu", torch.bfloat16):
    ...     with neutral_torch(gradients=True):
    ...         weight = torch.ones(2, requires_grad=True)
    ...         (3 * weight).sum().backward()
    >>> weight.grad
    tensor([3., 3.])
    """
    if is_forked() and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        for device in _AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.set_grad_enabled(gradients))
        yield


@contextlib.contextmanager
def float32_default() -> Iterator[None]:
    """Return a context in which torch's default type is float32. One thread at a time enters it.

    All threads share the default type. So only short blocks that need it should enter: the construction of modules,
    and code from outside this package.

    Examples
    --------
    >>> torch.set_default_dtype(torch.float64)
    >>> with float32_default():
    ...     torch.ones(1).dtype
    torch.float32
    >>> torch.get_default_dtype()
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    with _GlobalState.lock:
        before = torch.get_default_dtype()
        if before == torch.float32:
            yield
            return
        _GlobalState.retyped = True
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
            _GlobalState.retyped = False


def _is_retyped() -> bool:
    """Return whether torch's default type is not float32, or another thread has set it to float32 for a while."""
    return _GlobalState.retyped or torch.get_default_dtype() != torch.float32
