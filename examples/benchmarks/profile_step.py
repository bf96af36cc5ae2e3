"""Times of the parts of a FixMatch step, and the limits of the machine."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import opponents
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sslts.annotations import LabelRuns
from sslts.augment import RandAugment, Rescale
from sslts.recordings import NormalizedRecordings, as_recordings
from sslts.training import AveragedModule, WindowDataset
from sslts.training.net import _MAX_GRADIENT_NORM


def time_parts(parts: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each part, called in turn."""

    def clock(run: Callable[[], Any]) -> float:
        begin = opponents.CLOCK()
        run()
        return opponents.CLOCK() - begin

    spent = opponents.alternate({name: lambda run=run: clock(run) for name, run in parts.items()}, rounds)
    return {name: round(1000 * median(times), 2) for name, times in spent.items()}


def measure_step(
    X: np.ndarray, y: np.ndarray, network: Any, window: int, batch: int, *, rounds: int, bfloat16: bool
) -> dict[str, float]:
    """Return the milliseconds of drawing, views, teacher, student, and optimizer with clipping and averaging."""
    n_classes = int(y.max()) + 1
    dataset = WindowDataset(
        NormalizedRecordings(as_recordings(X), None, window),
        LabelRuns.from_labels(y),
        window_length=window,
        batch_size=batch,
        n_unlabeled=batch,
        n_classes=n_classes,
        device=torch.device("cpu"),
        seed=0,
    )
    drawn, generator = dataset.draw(0), torch.Generator().manual_seed(0)
    weak, strong, module = Rescale(), RandAugment(), network(1, n_classes)
    teacher = AveragedModule(module, 0.99)
    optimizer, _ = opponents.make_optimizer(module, 100, fused=True)
    proba = torch.full((batch, n_classes, window), 1 / n_classes)
    both = torch.cat([drawn.labeled.x, drawn.unlabeled.x])
    target = torch.cat([drawn.labeled.target, drawn.labeled.target])

    def cast() -> Any:
        return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def view() -> None:
        strong(weak(drawn.labeled, generator), generator)
        strong(weak(drawn.unlabeled, generator).replace(target=proba), generator)

    @torch.no_grad()
    def teach() -> None:
        with cast():
            logits = teacher(drawn.unlabeled.x)
        logits.float().softmax(1)

    def learn() -> None:
        optimizer.zero_grad()
        with cast():
            logits = module.train()(both)
        F.cross_entropy(logits.float(), target, ignore_index=-1).backward()

    def update() -> None:
        nn.utils.clip_grad_norm_(module.parameters(), _MAX_GRADIENT_NORM)
        optimizer.step()
        teacher.update_parameters(module)

    parts = {
        "drawing windows": lambda: dataset.draw(1),
        "views": view,
        "teacher": teach,
        "student, forwards and backwards": learn,
        "optimizer, clipping, averaging": update,
    }
    return time_parts(parts, rounds)


def measure_limits(network: Any, window: int, rounds: int, *, batch: int = 32, size: int = 2048) -> dict[str, Any]:
    """Return the operations of a window, and the operations per second of products and passes in both types."""
    module, x = network(1, 4).eval(), torch.randn(batch, 1, window)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(x[:1])
    flops = counter.get_total_flops()
    matrices = {kind: torch.randn(size, size).to(kind) for kind in (torch.float32, torch.bfloat16)}

    def forward(kind: torch.dtype) -> None:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            module(x)

    products = time_parts({str(kind)[6:]: lambda m=m: m @ m for kind, m in matrices.items()}, rounds)
    passes = time_parts({str(kind)[6:]: lambda kind=kind: forward(kind) for kind in matrices}, rounds)
    return {
        "megaflops_of_a_window": round(flops / 1e6, 1),
        "gigaflops_of_matrix_products": {kind: round(2 * size**3 / t / 1e6, 1) for kind, t in products.items()},
        "gigaflops_of_forward_passes": {kind: round(batch * flops / t / 1e6, 1) for kind, t in passes.items()},
    }
