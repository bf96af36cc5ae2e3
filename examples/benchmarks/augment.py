"""Benchmark of the views: samples per second on one core, against the same operations in NumPy, recording by recording.

sslts applies the default strong view, ``RandAugment()``, to a whole batch. NumPy does what a data loader's worker would
do: for each recording, warp time with probability 1/2, change the values in three of eight ways, then mix recordings.
The NumPy side draws and computes only what a recording needs, in float32, each operation vectorized over time. Both
sides also move labels and validity. They alternate, ten batches each, in one process on one thread. A figure is the
median CPU time.

Run from the root of the project::

    taskset -c 0 python examples/benchmarks/augment.py
    python examples/benchmarks/augment.py --write-page
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from runs import add_results, has_run, read_results, write_page

from sslts.augment import RandAugment, Tracks

RESULTS = Path(__file__).parent / "results" / "augment.json"
LENGTHS, BATCHES = (64, 128, 256, 1000, 2500, 10_000), (16, 64, 256)
VIEW = RandAugment()
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]  # signal (C, T), labels (T,), validity (T,)


def draw_curve(x: np.ndarray, size: float, rng: np.random.Generator, n_knots: int = 12) -> np.ndarray:
    knots = size * rng.standard_normal((len(x), n_knots))
    at = np.linspace(0, n_knots - 1, x.shape[1])
    return np.stack([np.interp(at, np.arange(n_knots), row) for row in knots]).astype(np.float32)


def draw_stretch(length: int, share: float, rng: np.random.Generator) -> slice:
    start = rng.random() * (1 - share) * length
    return slice(math.ceil(start), math.ceil(start + share * length))


def jitter(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return x + np.float32(0.5 * strength) * rng.standard_normal(x.shape, dtype=np.float32)


def scale(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return x * np.exp(math.log(2) * strength * rng.uniform(-1, 1, (len(x), 1))).astype(np.float32)


def warp_magnitude(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return x * np.exp(draw_curve(x, 0.5 * strength, rng))


def drift(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    return x + draw_curve(x, strength, rng)


def add_sine(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    length = x.shape[1]
    cycles = math.exp(rng.uniform(0, math.log(max(length / 4, 2))))
    t = np.arange(length, dtype=np.float32) * np.float32(2 * math.pi * cycles / length)
    return x + np.float32(0.5 * strength) * np.sin(t + np.float32(rng.uniform(0, 2 * math.pi)))


def add_noise_on_a_stretch(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    x, where = x.copy(), draw_stretch(x.shape[1], 0.2 * rng.random(), rng)
    part = x[:, where]
    part += np.float32(strength) * rng.standard_normal(part.shape, dtype=np.float32)
    return x


def cut_out(x: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    x = x.copy()
    x[:, draw_stretch(x.shape[1], 0.05 * strength, rng)] = 0
    return x


def smooth(x: np.ndarray, strength: float, rng: np.random.Generator, width: int = 5) -> np.ndarray:  # noqa: ARG001
    half, total, t = width // 2, x.copy(), np.arange(x.shape[1], dtype=np.float32)
    for k in range(1, half + 1):
        total[:, k:] += x[:, :-k]
        total[:, :-k] += x[:, k:]
    count = np.minimum(t, half) + np.minimum(t[::-1], half) + 1
    return x + np.float32(strength) * (total / count - x)


CHANGES = (jitter, scale, warp_magnitude, drift, add_sine, add_noise_on_a_stretch, cut_out, smooth)


def warp_time(x: np.ndarray, y: np.ndarray, valid: np.ndarray, rng: np.random.Generator, n_knots: int = 16) -> Arrays:
    length, reach = x.shape[1], 0.5 * math.log(2)
    knots = rng.uniform(-reach, reach, n_knots)
    source = np.exp(np.interp(np.linspace(0, n_knots - 1, length), np.arange(n_knots), knots)).cumsum()
    fixed = rng.integers(length)
    source += fixed - source[fixed]
    nearest = np.clip(np.floor(source + 0.5).astype(np.int64), 0, length - 1)
    valid = valid[nearest] & (source >= 0) & (source <= length - 1)
    t = np.arange(length)
    moved = np.stack([np.interp(source, t, channel) for channel in x]).astype(np.float32) * valid
    return moved, np.where(valid, y[nearest], -1), valid


def change_recording(x: np.ndarray, y: np.ndarray, valid: np.ndarray, rng: np.random.Generator) -> Arrays:
    if rng.random() < 0.5:
        x, y, valid = warp_time(x, y, valid, rng)
    seen = x[:, valid]
    mean, std = seen.mean(1, keepdims=True), seen.std(1, keepdims=True)
    std[std == 0] = 1
    x = (x - mean) / std
    for k in sorted(rng.permutation(len(CHANGES))[:3]):
        x = CHANGES[k](x, 0.5 * rng.random(), rng)
    return (x * std + mean) * valid, y, valid


def augment_batch(X: np.ndarray, Y: np.ndarray, V: np.ndarray, rng: np.random.Generator) -> Arrays:
    """Return the strong view of signals (B, C, T), labels and validity (B, T), made recording by recording."""
    seen = [change_recording(x, y, v, rng) for x, y, v in zip(X, Y, V, strict=True)]
    X, Y, V = (np.stack(part) for part in zip(*seen, strict=True))
    mixed = X.copy(), Y.copy(), V.copy()
    for i in np.flatnonzero(rng.random(len(X)) < 0.5):
        where = draw_stretch(X.shape[-1], rng.uniform(0.1, 0.5), rng)
        for new, old in zip(mixed, (X, Y, V), strict=True):
            new[i, ..., where] = old[i - 1, ..., where]
    return mixed


def make_batch(n_windows: int, length: int, n_channels: int = 1) -> Tracks:
    """Return random windows for the benchmark."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n_windows, n_channels, length, generator=generator)
    target = torch.randint(0, 4, (n_windows, length), generator=generator)
    return Tracks(x, target, torch.ones(n_windows, length).bool())


def measure(n_windows: int, length: int, seconds: float) -> dict[str, Any]:
    """Return the seconds per batch of both sides, measured in turn, and the machine."""
    tracks = make_batch(n_windows, length)
    arrays = tracks.x.numpy(), tracks.target.numpy(), tracks.valid.numpy()
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    sides = {"sslts": lambda: VIEW(tracks, generator), "numpy": lambda: augment_batch(*arrays, rng)}
    spent: dict[str, list[float]] = {side: [] for side in sides}
    stop = time.thread_time() + seconds
    while time.thread_time() < stop or len(spent["numpy"]) < 30:
        for side, run in sides.items():
            for _ in range(10):
                start = time.thread_time()
                run()
                spent[side].append(time.thread_time() - start)
    found = {side: float(np.median(times[10:])) for side, times in spent.items()}
    return {
        "windows": n_windows,
        "length": length,
        "seconds_sslts": found["sslts"],
        "seconds_numpy": found["numpy"],
        "ratio": round(found["numpy"] / found["sslts"], 2),
        "repetitions": len(spent["numpy"]) - 10,
        "versions": {name: version(name) for name in ("sslts", "torch", "numpy")},
        "machine": f"{platform.machine()} {os.cpu_count()} cores {torch.backends.cpu.get_cpu_capability()}, one thread",
        "date": datetime.now(UTC).date().isoformat(),
    }


def make_table(results: list[dict[str, Any]]) -> str:
    """Return a Markdown table with a row for each length and number of windows: samples per second and their ratio."""
    lines = [
        "| samples in a window | windows | sslts (10^6 samples/s) | NumPy (10^6 samples/s) | ratio |",
        "|---|---|---|---|---|",
    ]
    table = pd.DataFrame(results).sort_values(["length", "windows"])
    for row in table.itertuples():
        speeds = (row.windows * row.length / seconds / 1e6 for seconds in (row.seconds_sslts, row.seconds_numpy))
        lines.append(f"| {row.length} | {row.windows} | {' | '.join(f'{s:.1f}' for s in speeds)} | {row.ratio:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the requested figures that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", nargs="+", type=int, default=LENGTHS)
    parser.add_argument("--windows", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--seconds", type=float, default=4, help="measuring time of each figure")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        write_page("augment", make_table(read_results(options.results)))
        return
    torch.set_num_threads(1)
    torch.empty(2**22)  # makes the allocator keep memory, as the activations of a training do
    for length in options.lengths:
        for n_windows in options.windows:
            if not has_run(options.results, {"windows": n_windows, "length": length}):
                add_results(options.results, [measure(n_windows, length, options.seconds)])
                print(make_table(read_results(options.results)[-1:]).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
