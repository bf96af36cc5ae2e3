"""The teacher: the average of a network's weights over training."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

_STATISTICS = ("running_mean", "running_var")  # buffers of torch's normalization layers


class AveragedModule(nn.Module):
    """An exponential moving average of a module's weights and BatchNorm statistics, always in evaluation mode.

    Other buffers are copied from the student, because an average of them makes no sense (a mask of minus infinity, for
    example). The decay warms up as ``(1 + t) / (10 + t)`` and the first update copies the student, so that random
    weights are soon forgotten.

    Parameters
    ----------
    module : torch.nn.Module
        Start of the average; the module is copied.
    decay : float
        Weight of the average in each update, from 0 to below 1; the student has weight ``1 - decay``.
    warm_up : bool, default=True
        Whether the decay warms up. False uses the full decay from the first update on, for a module that is already
        trained.

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
        """Return the output of the averaged network."""
        return self.module(x)

    def fold_norms(self) -> nn.Module:
        """Return an equivalent, faster network: the result of the network's ``fold_norms``, else the network itself.

        The result is kept until the weights change. Changes through ``weight.data`` are not noticed, because torch does
        not count them.

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
        # Tensors made in torch's inference mode have no version counter.
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
        """Update the average with the current weights of the student.

        Parameters
        ----------
        student : torch.nn.Module
            Module with the same weights as the average.
        step : int or None, default=None
            Number of earlier updates. None reads ``n_averaged``, which has to wait for a GPU.
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
        """Return the tensors of average and student: averaged pairs, then copied pairs; cached for the training."""
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
