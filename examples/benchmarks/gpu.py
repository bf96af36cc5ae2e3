"""Benchmark on a GPU: speed, synchronization, batches and accuracy of CUDA in float32 and bfloat16.

The parts run in this order, and each is stored as soon as it is done. A part that would begin after ``--limit`` seconds
is left out, so that the whole takes less than ten minutes:

``step``
    milliseconds of a step of ``fit``, and its ratio to a bare torch loop on the same device, in turn (A B A B)
``waiting``
    how often a step of ``fit`` waits for the GPU, and in which lines: ``torch.cuda.set_sync_debug_mode``. One wait is
    expected, for the loss, which must be finite before the weights change
``predict``
    samples per second of ``predict_proba`` and ``predict``, and their ratio to the bare forward pass
``batch``
    the largest batch with which a fit takes steps, by doubling, and labeled windows per second at each size
``accuracy``
    mean IoU on LUDB (split 0, test patients) of fits on the GPU and on the CPU with several seeds, and how many labels
    of one model differ between the devices

Run from the root of the project::

    python examples/benchmarks/gpu.py --data PATH/ludb-1.0.1
    python examples/benchmarks/gpu.py --device cpu --steps 3 --parts step predict  # to try the script without a GPU
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import opponents
import torch
from ludb import N_COMPARED, SAMPLING_RATE, split_patients
from opponents import alternate, await_device, run_bare_forward, run_bare_loop
from runs import describe_machine, write_results
from speed import BATCH, NETWORK, WINDOW, make_data, time_fit

import sslts
from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.datasets import load_ludb
from sslts.metrics import mean_iou
from sslts.segmenters import base

RESULTS = Path(__file__).parent / "results" / "gpu.json"
PRECISIONS = ("float32", "bfloat16")
MOST_DOUBLINGS = {"cuda": 12, "cpu": 2}


def make_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters of a timed fit: on the device, and without a guide, which is fitted before the steps."""
    return {"device": str(options.device), "guide": None}


def run_step(options: argparse.Namespace) -> dict[str, Any]:
    """Time steps of ``fit`` and of a bare loop on the device, in both precisions."""
    X, y = make_data()
    x, labels = torch.from_numpy(X).to(options.device), torch.from_numpy(y).to(options.device)
    fixed = {"n_labeled": len(X) // 5, "steps": options.steps, "batch": BATCH, "window": WINDOW}

    def run_bare(precision: str) -> float:
        module = NETWORK(1, int(y.max()) + 1).to(options.device)
        return run_bare_loop(module, x, labels, **fixed, bfloat16=precision == "bfloat16")

    found = {}
    for precision in PRECISIONS:
        runs = {
            "fit": lambda p=precision: time_fit(X, y, options.steps, **make_options(options), precision=p),
            "bare loop": lambda p=precision: run_bare(p),
        }
        spent = alternate(runs, options.rounds)
        ratios = [ours / bare for ours, bare in zip(spent["fit"], spent["bare loop"], strict=True)]
        found[precision] = {
            "milliseconds": {name: round(1000 * median(times) / options.steps, 2) for name, times in spent.items()},
            "fit_to_bare_loop": round(median(ratios), 3),
        }
    return found


def run_waiting(options: argparse.Namespace) -> dict[str, Any]:
    """Count how often a step waits for the GPU: the difference of two fits, so that their start does not count."""
    if options.device.type != "cuda":
        return {"skipped": "only CUDA counts how often the processor waits for it"}
    X, y = make_data()
    few, many = (_count_waits(X, y, steps, options) for steps in (options.steps, 2 * options.steps))
    more = many - few
    return {
        "waits_per_step": round(sum(more.values()) / options.steps, 3),
        "lines": {place: round(n / options.steps, 3) for place, n in more.most_common()},
        "wanted": 1,
    }


def _count_waits(X: np.ndarray, y: np.ndarray, steps: int, options: argparse.Namespace) -> Counter[str]:
    """Return the number of waits of a fit by their file and line."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            time_fit(X, y, steps, **make_options(options))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [one for one in caught if "synchroniz" in str(one.message)]
    return Counter(f"{Path(one.filename).name}:{one.lineno}" for one in waits)


def run_predict(options: argparse.Namespace) -> dict[str, Any]:
    """Time predictions of a long recording against the bare forward pass, in both precisions."""
    X, y = make_data()
    n = options.samples // (4 * WINDOW) * 4 * WINDOW
    long = np.random.default_rng(0).normal(size=(1, n)).astype(np.float32)
    windows = torch.from_numpy(long).reshape(-1, 4, 1, WINDOW).to(options.device)
    found = {}
    for precision in PRECISIONS:
        segmenter = SupervisedSegmenter(
            network=NETWORK, window_length=WINDOW, normalization=None, precision=precision, max_steps=options.steps,
            device=str(options.device), random_state=0,
        ).fit(X, y)  # fmt: skip
        module = segmenter.net_.teacher_.module.eval()

        def predict(method: str, segmenter: Any = segmenter) -> float:
            await_device(options.device)
            begin = opponents.CLOCK()
            getattr(segmenter, method)(long)
            return opponents.CLOCK() - begin

        runs = {name: lambda name=name: predict(name) for name in ("predict_proba", "predict")}
        is_half = precision == "bfloat16"
        runs["bare forward"] = lambda m=module, half=is_half: run_bare_forward(m, windows, bfloat16=half)
        spent = alternate(runs, options.rounds)
        found[precision] = {
            "million_samples_per_second": {name: round(n / median(times) / 1e6, 3) for name, times in spent.items()},
            "to_bare_forward": {
                name: round(median(a / b for a, b in zip(times, spent["bare forward"], strict=True)), 3)
                for name, times in spent.items()
                if name != "bare forward"
            },
        }
    return {"samples": n, **found}


def run_batch(options: argparse.Namespace) -> dict[str, Any]:
    """Double the batch until the memory is full."""
    X, y = make_data()
    rates, size = {}, BATCH
    for _ in range(MOST_DOUBLINGS[options.device.type] + 1):
        if time.perf_counter() > options.end:
            break
        try:
            seconds = time_fit(X, y, options.steps, **make_options(options), batch_size=size)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        rates[str(size)] = round(options.steps * size / seconds, 1)
        size *= 2
    full = torch.cuda.max_memory_allocated() if options.device.type == "cuda" else None
    return {"largest": max(map(int, rates), default=0), "windows_per_second": rates, "peak_bytes": full}


def run_accuracy(options: argparse.Namespace) -> dict[str, Any]:
    """Compare fits on the device with fits on the CPU, and one model's labels on both."""
    if options.data is None:
        return {"skipped": "no --data"}
    X, y, groups, _ = load_ludb(options.data, sampling_rate=SAMPLING_RATE, protocol="semisegecg", leads=options.leads)
    patients = split_patients(0)
    train, test = np.isin(groups, patients["train"]), np.isin(groups, patients["test"])
    masked = np.where(np.isin(groups, patients["train"][:N_COMPARED])[:, None], y, -1)
    scores: dict[str, list[float]] = {}
    differing: dict[str, float] = {}
    for seed in range(options.seeds):
        for device, precision in [("cpu", "float32"), *((str(options.device), one) for one in PRECISIONS)]:
            segmenter = FixMatchSegmenter(
                max_steps=options.fit_steps, device=device, precision=precision, guide=None, normalization="recording",
                sampling_rate=SAMPLING_RATE, random_state=seed,
            ).fit(X[train], masked[train])  # fmt: skip
            predicted = segmenter.predict(X[test])
            scores.setdefault(f"{device} {precision}", []).append(round(float(mean_iou(y[test], predicted)), 4))
            if seed == 0:
                moved = move_to_cpu(segmenter).predict(X[test])
                differing[f"{device} {precision}"] = round(float((moved != predicted).mean()), 6)
    return {"mean_iou": scores, "to_cpu": compare_scores(scores), "labels_that_differ_on_the_cpu": differing}


def move_to_cpu(segmenter: Any) -> Any:
    """Return a segmenter with the same weights that predicts on the CPU."""
    buffer = io.BytesIO()
    segmenter.save(buffer)
    buffer.seek(0)
    return sslts.load(buffer, device="cpu")


def compare_scores(scores: dict[str, list[float]]) -> dict[str, Any]:
    """Return the difference of each kind of fit to fits on the CPU, and its standard error over seeds."""
    found = {}
    for name, values in scores.items():
        differences = [a - b for a, b in zip(values, scores["cpu float32"], strict=True)]
        error = round(stdev(differences) / len(differences) ** 0.5, 4) if len(differences) > 1 else None
        found[name] = {"difference": round(mean(differences), 4), "standard_error": error}
    return found


PARTS = {
    "step": run_step,
    "waiting": run_waiting,
    "predict": run_predict,
    "batch": run_batch,
    "accuracy": run_accuracy,
}


def describe_device(device: torch.device) -> dict[str, Any]:
    """Return the name and the memory of the device, with versions and date."""
    if device.type != "cuda":
        return {"device": device.type, **describe_machine()}
    properties = torch.cuda.get_device_properties(device)
    return {
        "device": properties.name,
        "memory": properties.total_memory,
        "cuda": torch.version.cuda,
        **describe_machine(),
    }


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line; exit if the device does not exist."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data", type=Path, help="folder of LUDB 1.0.1, for the accuracy")
    parser.add_argument("--leads", nargs="+", default="all", help="leads of LUDB")
    parser.add_argument("--steps", type=int, default=50, help="steps of each timed fit")
    parser.add_argument("--fit-steps", type=int, default=400, help="steps of each fit whose accuracy is compared")
    parser.add_argument("--seeds", type=int, default=2, help="fits of each kind whose accuracy is compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=10**7, help="samples of the predicted recording")
    parser.add_argument("--limit", type=float, default=420, help="seconds after which no part begins")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    if options.device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu.py: torch finds no CUDA device here. To try the script without one, pass --device cpu --steps 3.")
    if options.device.type not in MOST_DOUBLINGS:
        sys.exit(f"gpu.py: --device {options.device} is not measured; pass cuda or cpu.")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Run the requested parts, and store each when it is done."""
    options = read_options(arguments)
    base._HISTORY_ROWS = 1  # as in speed.py: a short fit logs once
    begin = time.perf_counter()
    options.end = begin + options.limit
    results: list[dict[str, Any]] = []
    for part in options.parts:
        if time.perf_counter() > options.end:
            print(f"{part}: left out after {options.limit:g} seconds", flush=True)
            continue
        started = time.perf_counter()
        found = PARTS[part](options)
        seconds = round(time.perf_counter() - started, 1)
        results.append({"part": part, **found, "seconds": seconds, **describe_device(options.device)})
        write_results(options.results, results)
        print(part, found, f"{seconds} s", flush=True)


if __name__ == "__main__":
    main()
