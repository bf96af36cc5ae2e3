"""One fit on several processes: each rank sends its rows of a batch through the network.

All ranks draw the same batch and the same views, and compute the same loss from the logits of all rows. Thresholds,
losses and random generators therefore need no communication; the gradient of a rank's own rows is exact, and gradients
of weights add up over ranks.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from sslts._ranks import count_ranks, gather_values
from sslts.networks import Ensemble

# What is dropped depends on the row, so each rank draws for all rows and keeps its own.
_DRAWS = {Tensor.bernoulli_, F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout}


def _run_pass(module: nn.Module, x: Tensor, *, shares: bool = True) -> Tensor:
    """Return the output of a module for all rows of ``x``; with ``shares``, each rank runs its own rows."""
    n_ranks, n = count_ranks(), len(x)
    if n_ranks == 1 or not shares:
        return module(x)
    if n < n_ranks:
        raise ValueError(f"{n_ranks} ranks can't share {n} windows; raise batch_size or mu, or start fewer processes.")
    rank = dist.get_rank()
    rows = slice(n * rank // n_ranks, n * (rank + 1) // n_ranks)
    own = _Take.apply(x, rows)
    with _JointLayers(n, rows):
        answer = module(own).float()
    return _Gather.apply(answer, n, rows)


def _fill(own: Tensor, n: int, rows: slice) -> Tensor:
    """Return the rows of all ranks. A sum with zeros is exact, and ranks may have unequal numbers of rows."""
    full = own.new_zeros((n, *own.shape[1:]))
    full[rows] = own
    dist.all_reduce(full)
    return full


class _Take(torch.autograd.Function):
    """The rows of this rank; the gradient of ``x``, as adversarial views need it, has the rows of all ranks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: slice) -> Tensor:
        ctx.n, ctx.rows = len(x), rows
        return x[rows]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _fill(gradient, ctx.n, ctx.rows), None


class _Gather(torch.autograd.Function):
    """The rows of all ranks. Each rank computes the whole loss, so the gradient of its rows needs no sum."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, n: int, rows: slice) -> Tensor:
        ctx.rows = rows
        return _fill(own, n, rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient[ctx.rows], None, None


class _JointLayers(TorchFunctionMode):
    """A context in which the layers of any network that mix rows, or draw for them, act for the rows of all ranks."""

    def __init__(self, n: int, rows: slice) -> None:
        super().__init__()
        self.n, self.rows = n, rows

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm and kwargs["training"]:  # torch itself names what follows the statistics
            return _JointNorm.apply(*args, *(kwargs[name] for name in ("weight", "bias", "momentum", "eps")))
        if func in _DRAWS and args[0].shape[:1] == (self.rows.stop - self.rows.start,):
            around = [*[0, 0] * (args[0].ndim - 1), self.rows.start, self.n - self.rows.stop]
            drawn = func(F.pad(args[0], around), *args[1:], **kwargs)[self.rows]
            return args[0].copy_(drawn) if func is Tensor.bernoulli_ else drawn
        return func(*args, **kwargs)


class _JointNorm(torch.autograd.Function):
    """The batch norm of the rows of all ranks, by statistics on which the rows of all ranks depend."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *given: Any) -> Tensor:
        running_mean, running_var, weight, bias, momentum, ctx.eps = given
        zeros, size = x.new_zeros(x.shape[1], dtype=torch.float32), x.numel() // x.shape[1]
        own = torch.cat([*torch.batch_norm_update_stats(x, zeros, zeros + 1, 0.0), zeros[:1] + size])[None]
        n_ranks, rank = dist.get_world_size(), dist.get_rank()
        means, variances, sizes = _fill(own, n_ranks, slice(rank, rank + 1)).split([len(zeros), len(zeros), 1], 1)
        n = sizes.sum()
        mean = (sizes * means).sum(0) / n
        var = (sizes * (variances + (means - mean) ** 2)).sum(0) / n
        if running_mean is not None:
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(var * n / (n - 1), momentum)
        ctx.save_for_backward(x, zeros + 1 if weight is None else weight, mean, var, n)
        return F.batch_norm(x, mean, var, weight, bias, False, 0.0, ctx.eps)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, mean, var, n = ctx.saved_tensors
        # As if the statistics were constants; then their part, with sums over all ranks.
        own, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([for_weight, for_bias])
        dist.all_reduce(sums)
        scale = (var + ctx.eps).rsqrt()
        factors = -weight * scale / n * torch.stack([sums[0] * scale, sums[1] - sums[0] * scale * mean])
        slope, shift = factors.to(x.dtype).view(2, -1, *[1] * (x.ndim - 2))
        own += torch.addcmul(shift, x, slope)
        wanted = ctx.needs_input_grad
        return own, None, None, for_weight if wanted[3] else None, for_bias if wanted[4] else None, None, None


def _sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the gradients of all ranks, in one message."""
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if count_ranks() > 1 and found:
        flat = torch.cat([gradient.flatten() for gradient in found])
        dist.all_reduce(flat)
        parts = flat.split([gradient.numel() for gradient in found])
        torch._foreach_copy_(found, [part.view(old.shape) for part, old in zip(parts, found, strict=True)])


def _check_ranks(net: Any, dataset: Any) -> None:
    """Raise on all ranks if they do not train the same net on the same batches, or if they can't share its passes."""
    if count_ranks() == 1:
        return
    if net.compile or any(isinstance(layer, Ensemble) for layer in net.module_.modules()):
        raise ValueError("ranks can't share a compiled network or an Ensemble; pass compile=False and members=1.")
    target = dataset.draw(net.step_).labeled.target
    facts = (net.seed, net.step_, net.max_steps, zlib.crc32(target.cpu().numpy().tobytes()))
    if len(set(gather_values(facts))) > 1:
        raise ValueError(
            "the ranks of torch's process group fit different things. Pass the same recordings, labels, parameters and "
            "checkpoint on each rank; before separate fits, call torch.distributed.destroy_process_group()."
        )
