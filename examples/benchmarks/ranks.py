"""Benchmark of one fit on two processes: a wide network and long windows.

Compared are one process with two threads, two processes with one thread each, and one process with one thread, in turn,
because the machine may have other work: threads that wait for one another suffer most from it. The figures are medians
over the rounds, of seconds of a step by the clock, and of CPU seconds of a step in all processes. The start of the
processes and the first step do not count.

Run from the root of the project::

    python examples/benchmarks/ranks.py
    python examples/benchmarks/ranks.py --width 16 --window 2496 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import warnings
from statistics import median
from typing import Any

import torch
from skorch.callbacks import Callback

from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet


class _Watch(Callback):
    """Record the clock and the CPU seconds at the end of each step."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.stamps: list[tuple[float, float]] = []

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.stamps.append((time.perf_counter(), time.process_time()))


def fit(options: argparse.Namespace) -> None:
    """Fit as one of the processes, and print seconds and CPU seconds of a step."""
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
    warnings.simplefilter("ignore")
    X, y = make_recordings(8, n_samples=2 * options.window, random_state=0)
    y[4:] = -1
    watch = _Watch()
    FixMatchSegmenter(
        network=UNet(width=options.width, stem_stride=4),
        window_length=options.window,
        normalization="recording",
        precision=options.precision,
        batch_size=8,
        guide=None,
        max_steps=options.steps + 1,
        callbacks=[watch],
        random_state=0,
    ).fit(X, y)
    (begin, used), (end, spent) = watch.stamps[0], watch.stamps[-1]
    print(json.dumps([(end - begin) / options.steps, (spent - used) / options.steps]))


def measure(n_ranks: int, n_threads: int) -> tuple[float, float]:
    """Return seconds of a step of the slowest process, and CPU seconds of all processes."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(n_ranks)}
    processes = []
    for rank in range(n_ranks):
        place = {**shared, "RANK": str(rank)} if n_ranks > 1 else {}
        environment = {**os.environ, **place, "OMP_NUM_THREADS": str(n_threads)}
        command = [sys.executable, *sys.argv, "--fit"]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    steps = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    return max(wall for wall, _ in steps), sum(cpu for _, cpu in steps)


def main() -> None:
    """Measure in turn, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--window", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--fit", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        fit(options)
        return
    found: dict[tuple[int, int], list[tuple[float, float]]] = {(1, 2): [], (2, 1): [], (1, 1): []}
    for _ in range(options.rounds):
        for (n_ranks, n_threads), rounds in found.items():
            rounds.append(measure(n_ranks, n_threads))
            print(f"{n_ranks} x {n_threads}: {rounds[-1][0]:.2f} s a step, {rounds[-1][1]:.2f} CPU s", flush=True)
    for (n_ranks, n_threads), rounds in found.items():
        wall, cpu = (median(values) for values in zip(*rounds, strict=True))
        print(f"{n_ranks} x {n_threads} (processes x threads): median {wall:.3f} s a step, {cpu:.3f} CPU s")


if __name__ == "__main__":
    main()
