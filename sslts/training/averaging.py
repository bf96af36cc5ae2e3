"""The teacher: the average of a network over its training."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

_STATISTICS = ("running_mean", "running_var")  # as torch names those of its norms


class AveragedModule(nn.Module):
    """An exponential moving average of weights and BatchNorm statistics, always in evaluation mode.

    Other buffers are copied: a mask of minus infinity has no average, and of a position or a scale none is meant.

    The decay warms up as ``(1 + t) / (10 + t)``, and the first update copies: random weights are soon forgotten.

    Parameters
    ----------
    module : torch.nn.Module
        What it begins as.
    decay : float
    warm_up : bool, default=True
        False keeps the decay as it is from the first update on: of a module that has learnt something, the average is
        then worth more than what the next few steps make of it.

    Examples
    --------
    >>> averaged = AveragedModule(nn.Linear(1, 1), decay=0.5)
    >>> student = nn.Linear(1, 1)
    >>> averaged.update_parameters(student)
    >>> torch.equal(averaged.module.weight, student.weight)
    True
    """

    n_averaged: Tensor
    _folded: tuple[Any, ...] | None = None

    def __init__(self, module: nn.Module, decay: float, *, warm_up: bool = True) -> None:
        super().__init__()
        self.module = copy.deepcopy(module)
        self.register_buffer("n_averaged", torch.tensor(0))
        self.decay, self.warm_up = decay, warm_up
        self._pairs: tuple[Any, ...] | None = None
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return what the averaged network says."""
        return self.module(x)

    def fold_norms(self) -> nn.Module:
        """Return what says the same in fewer operations: the network's own ``fold_norms()``, or itself if it has none.

        It is made once for these weights. A change of theirs is seen, unless it is made behind torch's back
        (``weight.data``).

        Examples
        --------
        >>> from sslts.networks import UNet
        >>> averaged = AveragedModule(UNet(width=4, depth=1)(1, 2), decay=0.5)
        >>> folded = averaged.fold_norms()
        >>> averaged.fold_norms() is folded
        True
        >>> averaged.update_parameters(averaged.module)
        >>> averaged.fold_norms() is folded
        False
        """
        fold = getattr(self.module, "fold_norms", None)
        if fold is None:
            return self.module
        # Tensors that were made in torch's inference mode count no versions.
        now = [
            (t.data_ptr(), 0 if t.is_inference() else t._version)
            for t in chain(self.module.parameters(), self.module.buffers())
        ]
        if self._folded is None or self._folded[0] != now:
            self._folded = now, fold()
        module: nn.Module = self._folded[1]
        return module

    def train(self, mode: bool = True) -> AveragedModule:  # noqa: ARG002, D102
        return super().train(False)

    @torch.no_grad()
    def update_parameters(self, student: nn.Module, step: int | None = None) -> None:
        """Let the average follow.

        Parameters
        ----------
        student : torch.nn.Module
        step : int or None
            How many updates there were. None asks ``n_averaged``, for which a GPU has to be waited for.
        """
        step = int(self.n_averaged) if step is None else step
        averaged, current, others, copied = self._pair(student)
        if step == 0 and self.warm_up:
            torch._foreach_copy_(averaged, current)
        else:
            decay = min(self.decay, (1 + step) / (10 + step)) if self.warm_up else self.decay
            torch._foreach_lerp_(averaged, current, 1 - decay)
        if others:
            torch._foreach_copy_(others, copied)
        self.n_averaged += 1

    def _pair(self, student: nn.Module) -> tuple[list[Tensor], ...]:
        """Return own and the student's tensors, averaged ones and others; they stay the same for a whole training."""
        if self._pairs is None or self._pairs[0] is not student:
            mine, yours = (
                [(name, t.detach()) for name, t in chain(module.named_parameters(), module.named_buffers())]
                for module in (self.module, student)
            )
            weights = {name for name, _ in self.module.named_parameters()}
            means = [
                t.is_floating_point() and (name in weights or name.rpartition(".")[2] in _STATISTICS)
                for name, t in mine
            ]
            lists = [[t for (_, t), is_mean in zip(own, means, strict=True) if is_mean is kind]
                     for kind in (True, False) for own in (mine, yours)]  # fmt: skip
            self._pairs = (student, *lists)
        return self._pairs[1:]

    def _apply(self, *args: Any, **kwargs: Any) -> AveragedModule:
        self._pairs = None  # moving to a device makes new tensors
        return super()._apply(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pairs": None, "_folded": None}
