"""Random numbers and masks for views, drawn on the device of the batch."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def draw_uniform(low: float, high: float, shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Return uniform numbers in ``[low, high)`` on the device of ``like``."""
    return torch.empty(shape, dtype=torch.float32, device=like.device).uniform_(low, high, generator=generator)


def draw_mask(p: float, shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    """Return a mask whose entries are true with probability ``p``, on the device of ``like``."""
    return torch.rand(shape, dtype=torch.float32, generator=generator, device=like.device) < p


def find_valid_span(valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first valid sample (B, 1) of each row, and the length (B, 1) up to the last valid sample, float32."""
    size = valid.shape[-1]
    if valid.device.type == "cpu" and bool(valid.all()):  # on an accelerator, this test would wait for the device
        first = torch.zeros(len(valid), 1, dtype=torch.float32)
        return first, first + size
    place = torch.arange(size, dtype=torch.float32, device=valid.device)
    first = torch.where(valid, place, size).amin(1, keepdim=True)
    last = torch.where(valid, place, -1).amax(1, keepdim=True)
    return first, (last - first + 1).clamp(min=1)


def draw_stretch(length: int, share: Tensor, generator: Generator) -> Tensor:
    """Return a mask (B, ``length``) of one random stretch in each row; it covers ``share`` (B,) of the row."""
    half = share[:, None] * (length / 2)
    luck = torch.rand(half.shape, dtype=torch.float32, generator=generator, device=share.device)
    middle = torch.lerp(half, length - half, luck)
    distance = torch.arange(length, dtype=torch.float32, device=share.device) - middle
    return (distance >= -half) & (distance < half)  # half-open, so that a share of 1 covers the whole row
