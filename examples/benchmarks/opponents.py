"""Programs that sslts is compared with: hand-written training loops and a bare forward pass."""

from __future__ import annotations

import copy
import itertools
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from augment import change_recording
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from sslts.augment import RandAugment, Rescale, Tracks
from sslts.segmenters.fixmatch import _RAMP

THRESHOLD, DECAY, CLIP = 0.8, 0.99, 5.0
CLOCK = time.perf_counter


def make_optimizer(module: nn.Module, steps: int, **options: Any) -> tuple[Any, Any]:
    """Return the optimizer and the learning-rate schedule of a fit."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3, weight_decay=0.05, **options)
    share = max(min(0.1, 200 / steps), 1 / steps)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=2e-3, total_steps=steps + 1, pct_start=share
    )


def run_bare_loop(
    module: nn.Module, x: Tensor, y: Tensor, n_labeled: int, *, steps: int, batch: int, window: int, bfloat16: bool
) -> float:
    """Return the seconds of a FixMatch training in plain torch, with the views and the network of sslts.

    The network, the recordings and their labels are on one device.
    """
    device = x.device
    teacher = copy.deepcopy(module).eval().requires_grad_(False)
    optimizer, schedule = make_optimizer(module, steps, fused=True)
    weak, strong, generator = Rescale(), RandAugment(), torch.Generator(device).manual_seed(0)
    offset = torch.arange(window, device=device)
    valid = torch.ones(batch, window, dtype=torch.bool, device=device)
    averaged = [*teacher.parameters(), *(b for b in teacher.buffers() if b.is_floating_point())]
    current = [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]

    def cut(n: int) -> Tracks:
        row = torch.randint(n, (batch, 1), generator=generator, device=device)
        most = max(x.shape[-1] - window, 0) + 1
        at = torch.randint(most, (batch, 1), generator=generator, device=device) + offset
        return Tracks(x[row, at][:, None], y[row, at], valid)

    await_device(device)
    begin = CLOCK()
    module.train()
    for step in range(steps):
        progress = step / steps
        labeled = strong(weak(cut(n_labeled), generator), generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            if progress < _RAMP[0]:
                loss = F.cross_entropy(module(labeled.x).float(), labeled.target, ignore_index=-1)
            else:
                view = weak(cut(len(x)), generator)
                with torch.no_grad():
                    proba = teacher(view.x).float().softmax(1)
                view = strong(view.replace(target=proba), generator)
                logits = module(torch.cat([labeled.x, view.x])).float()
                confidence, label = view.target.max(1)
                loss = F.cross_entropy(logits[:batch], labeled.target, ignore_index=-1)
                each = F.cross_entropy(logits[batch:], label, reduction="none")
                kept = (confidence >= THRESHOLD) & view.valid
                loss = loss + min((progress - _RAMP[0]) / 0.4, 1) * (each * kept).sum() / view.valid.sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        torch._foreach_lerp_(averaged, current, 1 - min(DECAY, (1 + step) / (10 + step)))
    await_device(device)
    return CLOCK() - begin


def await_device(device: torch.device) -> None:
    """Wait until a GPU has done everything; nothing on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _Items(Dataset):
    """Windows of recordings, one at a time, augmented in NumPy."""

    def __init__(self, x: np.ndarray, y: np.ndarray, window: int, *, labeled: bool) -> None:
        self.x, self.y, self.window, self.labeled = x, y, window, labeled
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return 10**9  # items are drawn at random, without end

    def __getitem__(self, _: int) -> tuple[np.ndarray, np.ndarray]:
        i, window = self.rng.integers(len(self.x)), self.window
        rate = np.exp(self.rng.uniform(np.log(0.8), np.log(1.25)))
        source = (np.arange(window) - window / 2) * rate + self.rng.uniform(0.4, 0.6) * self.x.shape[1]
        inside = (source >= 0) & (source <= self.x.shape[1] - 1)
        x = (np.interp(source, np.arange(self.x.shape[1]), self.x[i]) * inside).astype(np.float32)[None]
        nearest = np.clip(np.rint(source).astype(int), 0, self.x.shape[1] - 1)
        y = np.where(inside, self.y[i, nearest], -1)
        changed, moved, _ = change_recording(x, y, inside, self.rng)
        return (changed, moved) if self.labeled else (x, changed)


def run_per_item_pipeline(
    module: nn.Module,
    x: np.ndarray,
    y: np.ndarray,
    n_labeled: int,
    *,
    steps: int,
    batch: int,
    window: int,
    workers: int,
) -> float:
    """Return the seconds of a FixMatch training as published code does it: items, a loader, a pass for each view."""
    teacher = copy.deepcopy(module).eval().requires_grad_(False)
    optimizer, schedule = make_optimizer(module, steps)
    loaders = [
        iter(DataLoader(items, batch, num_workers=workers, sampler=itertools.repeat(0, 10**9)))  # type: ignore[arg-type]
        for items in (_Items(x[:n_labeled], y[:n_labeled], window, labeled=True), _Items(x, y, window, labeled=False))
    ]
    for loader in loaders:
        next(loader)  # starts the workers
    begin = CLOCK()
    module.train()
    for step in range(steps):
        signal, target = next(loaders[0])
        loss = F.cross_entropy(module(signal), target, ignore_index=-1)
        if step / steps >= _RAMP[0]:
            weak, strong = next(loaders[1])
            with torch.no_grad():
                confidence, label = teacher(weak).softmax(1).max(1)
            each = F.cross_entropy(module(strong), label, reduction="none")
            loss = loss + (each * (confidence >= THRESHOLD)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for average, current in zip(teacher.parameters(), module.parameters(), strict=True):
                average.mul_(DECAY).add_(current, alpha=1 - DECAY)
    return CLOCK() - begin


class PlainUNet(nn.Module):
    """A network with the layers and sizes of `sslts.networks.UNet`, written with ``nn.Conv1d``."""

    def __init__(self, n_classes: int, *, width: int = 16, depth: int = 5, size: int = 5, stem: int = 2) -> None:
        super().__init__()
        self.stem_stride, self.stride = stem, stem * 2**depth
        widths = [min(width * 2**level, 8 * width) for level in range(depth + 1)]
        self.stem = nn.Sequential(
            nn.Conv1d(1, width, size + stem - 1, stem, (size - 1) // 2, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 2, 2, bias=False), nn.BatchNorm1d(b), nn.ReLU())
            for a, b in itertools.pairwise(widths)
        )
        self.encoder = nn.ModuleList(_PlainBlock(w, w, size) for w in widths)
        self.decoder = nn.ModuleList(
            _PlainBlock(widths[i] + widths[i + 1], widths[i], size) for i in reversed(range(depth))
        )
        self.head = nn.Conv1d(width, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[-1]
        skips = [self.encoder[0](self.stem(F.pad(x, (0, -length % self.stride))))]
        for down, block in zip(self.down, self.encoder[1:], strict=True):
            skips.append(block(down(skips[-1])))
        y = skips.pop()
        for block in self.decoder:
            y = block(torch.cat([skips.pop(), F.interpolate(y, scale_factor=2)], 1))
        return F.interpolate(self.head(y), scale_factor=self.stem_stride, mode="linear")[..., :length]


class _PlainBlock(nn.Module):
    def __init__(self, inside: int, outside: int, size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inside, outside, size, padding=size // 2, bias=False)
        self.conv2 = nn.Conv1d(outside, outside, size, padding=size // 2, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm1d(outside), nn.BatchNorm1d(outside)
        self.shortcut = nn.Identity() if inside == outside else nn.Conv1d(inside, outside, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


@torch.no_grad()
def run_bare_forward(module: nn.Module, x: Tensor, *, bfloat16: bool) -> float:
    """Return the seconds of a pass of windows (N, B, C, T) through a network, batch by batch."""
    await_device(x.device)
    begin = CLOCK()
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
        for batch in x:
            module(batch)
    await_device(x.device)
    return CLOCK() - begin


def alternate(runs: dict[str, Any], repetitions: int) -> dict[str, list[float]]:
    """Return the seconds that each run reports, called in turn (A B A B), without the first round."""
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repetitions + 1):
        for name, run in runs.items():
            spent[name].append(run())
    return {name: times[1:] for name, times in spent.items()}
