"""Random numbers, masks and stretches that views draw, on the device of their tensors."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def draw_uniform(low: float, high: float, shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Return uniform numbers in ``[low, high)`` on the device of ``like``.

    Examples
    --------
    >>> import torch
    >>> drawn = draw_uniform(-1, 3, (1000, 10), torch.zeros(1), torch.Generator().manual_seed(0))
    >>> [round(value.item(), 1) for value in (drawn.min(), drawn.mean(), drawn.max())]
    [-1.0, 1.0, 3.0]
    """
    return torch.empty(shape, dtype=torch.float32, device=like.device).uniform_(low, high, generator=generator)


def draw_chance(p: float, shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Return a mask that is true with probability ``p``, on the device of ``like``.

    Examples
    --------
    >>> import torch
    >>> generator = torch.Generator().manual_seed(0)
    >>> masks = [draw_chance(p, (1000, 10), torch.zeros(1), generator) for p in (0, 0.3, 1)]
    >>> [round(mask.float().mean().item(), 1) for mask in masks]
    [0.0, 0.3, 1.0]
    """
    return torch.rand(shape, dtype=torch.float32, generator=generator, device=like.device) < p


def find_span(valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first valid sample (B, 1) of each row, and the number of samples from there to the last, float32.

    Examples
    --------
    >>> import torch
    >>> first, length = find_span(torch.tensor([[False, True, False, True, False]]))
    >>> first.tolist(), length.tolist()
    ([[1.0]], [[3.0]])
    """
    size = valid.shape[-1]
    if valid.device.type == "cpu" and bool(valid.all()):  # an accelerator would have to be waited for
        first = torch.zeros(len(valid), 1, dtype=torch.float32)
        return first, first + size
    place = torch.arange(size, dtype=torch.float32, device=valid.device)
    first = torch.where(valid, place, size).amin(1, keepdim=True)
    last = torch.where(valid, place, -1).amax(1, keepdim=True)
    return first, (last - first + 1).clamp(min=1)


def draw_stretch(length: int, share: Tensor, generator: Generator) -> Tensor:
    """Return a mask ``(B, T)`` of one random stretch for each row, ``share`` (B,) of the length long.

    Examples
    --------
    >>> import torch
    >>> inside = draw_stretch(100, torch.tensor([0.1, 0.5]), torch.Generator().manual_seed(0))
    >>> inside.sum(1).tolist()
    [10, 50]
    >>> [(row.nonzero().max() - row.nonzero().min() + 1).item() for row in inside]  # in one piece
    [10, 50]
    """
    half = share[:, None] * (length / 2)
    luck = torch.rand(half.shape, dtype=torch.float32, generator=generator, device=share.device)
    middle = torch.lerp(half, length - half, luck)
    distance = torch.arange(length, dtype=torch.float32, device=share.device) - middle
    return (distance >= -half) & (distance < half)  # half-open, so that a share of 1 is the whole
