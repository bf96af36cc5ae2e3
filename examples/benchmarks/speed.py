"""Benchmark of speed and memory: ratios to hand-written torch programs.

Compared programs run in one process, in turn (A B A B), on a fixed number of threads. A ratio is the median over the
rounds of the ratio within a round. The recordings are synthetic and have 2,500 samples, windows have 2,496, a batch has
16 labeled and 16 unlabeled windows, and the network is ``UNet(stem_stride=4)``. (The network for electrocardiograms has
half this stride.)

``import``
    seconds of ``import sslts`` compared with an empty program
``step``
    a step of ``fit`` against a bare torch loop and against per-item pipelines
``predict``
    ``predict_proba`` and ``predict`` against the bare forward pass in its best batch, on a long recording; and
    ``predict`` on short recordings of different lengths against recordings of equal length
``recordings``
    a step of ``fit`` on 10 to 100,000 recordings, and on recordings of 10^4 to 10^7 samples that are read by windows
``memory``
    resident memory and time of ``predict_segments`` on a recording that is made while it is read
``precision``
    float32 against bfloat16
``profile``
    the times of the parts of a step, and the limits of the machine

Run from the root of the project, on an idle machine::

    python examples/benchmarks/speed.py
    python examples/benchmarks/speed.py --parts step predict
    python examples/benchmarks/speed.py --write-page
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import opponents
import torch
from opponents import PlainUNet, alternate, run_bare_forward, run_bare_loop, run_per_item_pipeline
from profile_step import measure_limits, measure_step
from runs import read_results, write_page, write_results
from skorch.callbacks import Callback

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.segmenters import base
from sslts.training import choose_precision

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = Path(__file__).parent / "results" / "speed.json", ROOT / "docs" / "speed.md"
NETWORK, WINDOW, BATCH = UNet(stem_stride=4), 2496, 16
SMALL, SMALL_WINDOW = UNet(width=8, depth=2, stem_stride=4), 256


class Watch(Callback):
    """Record the start of the training and the end of each step."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.stamps = [opponents.CLOCK()]

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.stamps.append(opponents.CLOCK())

    def on_train_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.stamps.append(opponents.CLOCK())


def make_data(n: int = 40, length: int = 2500) -> tuple[np.ndarray, np.ndarray]:
    """Return standardized float32 recordings, and labels of the first fifth of them."""
    X, y = make_recordings(n, n_samples=length, segment_length=24, random_state=0)
    y[n // 5 :] = -1
    X = (X - X.mean(-1, keepdims=True)) / X.std(-1, keepdims=True)
    return X.astype(np.float32), y


def time_fit(X: Any, y: Any, steps: int, **params: Any) -> float:
    """Return the seconds of the steps of a fit."""
    stamps = watch_fit(X, y, steps, **params)
    return stamps[-1] - stamps[0]


def watch_fit(X: Any, y: Any, steps: int, **params: Any) -> list[float]:
    """Return the times of a fit: start of the training, end of each step, end of the training."""
    watch = Watch()
    options = {"network": NETWORK, "window_length": WINDOW, "batch_size": BATCH, "normalization": None, **params}
    FixMatchSegmenter(max_steps=steps, callbacks=[watch], random_state=0, **options).fit(X, y)
    return watch.stamps


def fit_network(precision: str = "auto", steps: int = 5) -> Any:
    """Return a segmenter after a few steps of training."""
    X, y = make_data()
    options = {"network": NETWORK, "window_length": WINDOW, "normalization": None, "precision": precision}
    return SupervisedSegmenter(max_steps=steps, random_state=0, **options).fit(X, y)


def compare(spent: dict[str, list[float]], base: str) -> dict[str, float]:
    """Return the median over rounds of the ratio of each run's seconds to the seconds of ``base``."""
    return {
        name: round(median(a / b for a, b in zip(times, spent[base], strict=True)), 3)
        for name, times in spent.items()
        if name != base
    }


def run_import(options: argparse.Namespace) -> dict[str, Any]:
    """Time ``import sslts`` and ``from sslts import FixMatchSegmenter`` in new processes."""

    def start(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return time.perf_counter() - begin

    codes = {"nothing": "pass", "sslts": "import sslts", "estimator": "from sslts import FixMatchSegmenter"}
    spent = alternate({name: lambda code=code: start(code) for name, code in codes.items()}, options.rounds)
    seconds = {name: round(median(times), 3) for name, times in spent.items()}
    return {"seconds": seconds, "import_sslts": round(seconds["sslts"] - seconds["nothing"], 3), "wanted": 0.5}


def run_step(options: argparse.Namespace) -> dict[str, Any]:
    """Time steps of ``fit`` against a bare loop and against two per-item pipelines."""
    settings = {"default": (NETWORK, WINDOW, options.steps), "small": (SMALL, SMALL_WINDOW, 4 * options.steps)}
    return {name: _compare_steps(*setting, options) for name, setting in settings.items()}


def _compare_steps(network: UNet, window: int, steps: int, options: argparse.Namespace) -> dict[str, Any]:
    X, y = make_data()
    n_labeled, n_classes, bfloat16 = len(X) // 5, int(y.max()) + 1, bfloat16_pays()
    x, labels = torch.from_numpy(X), torch.from_numpy(y)
    common = {"steps": steps, "batch": BATCH, "window": window}
    workers = 2 if options.threads > 1 else 0

    def bare() -> float:
        return run_bare_loop(network(1, n_classes), x, labels, n_labeled, bfloat16=bfloat16, **common)

    def per_item(module: torch.nn.Module) -> float:
        return run_per_item_pipeline(module, X, y, n_labeled, workers=workers, **common)

    plain = {"width": network.width, "depth": network.depth, "stem": network.stem_stride or 1}
    runs = {
        "fit": lambda: time_fit(X, y, steps, network=network, window_length=window),
        "bare loop": bare,
        "per item, same network": lambda: per_item(network(1, n_classes)),
        "per item, nn.Conv1d": lambda: per_item(PlainUNet(n_classes, **plain)),
    }
    spent = alternate(runs, options.rounds)
    ratios = {
        name: round(median(b / a for a, b in zip(spent["fit"], times, strict=True)), 2) for name, times in spent.items()
    }
    return {
        "network": repr(network),
        "window": window,
        "milliseconds": {name: round(1000 * median(times) / steps, 2) for name, times in spent.items()},
        "fit_to_bare_loop": compare(spent, "bare loop")["fit"],
        "per_item_to_fit": {name: ratio for name, ratio in ratios.items() if name.startswith("per item")},
        "workers": workers,
        "wanted": {"fit_to_bare_loop": 1.05, "per_item_to_fit": 5},
    }


def run_predict(options: argparse.Namespace) -> dict[str, Any]:
    """Time predictions of a long recording against the bare forward pass in the best of several batches."""
    segmenter = fit_network()
    module, bfloat16 = segmenter.net_.teacher_.module.eval(), segmenter.precision_ == "bfloat16"
    n = options.samples // 10
    x = np.random.default_rng(0).normal(size=(1, n)).astype(np.float32)
    flat = torch.from_numpy(x)

    def forward(b: int, t: int) -> float:
        windows = flat[0, : n // (b * t) * (b * t)].reshape(-1, b, 1, t)
        return run_bare_forward(module, windows, bfloat16=bfloat16) * n / windows.numel()

    batches = [(1, 1 << 17), (1, 1 << 15), (4, 1 << 13), (16, 1 << 13), (32, WINDOW)]
    tried = {batch: min(forward(*batch) for _ in range(2)) for batch in batches}
    best = min(tried, key=lambda batch: tried[batch])

    def predict(X: Any, method: str = "predict") -> float:
        begin = opponents.CLOCK()
        getattr(segmenter, method)(X)
        return opponents.CLOCK() - begin

    methods = ("predict_proba", "predict", "predict_segments")
    runs = {name: lambda name=name: predict(x, name) for name in methods}
    spent = alternate({"bare forward": lambda: forward(*best), **runs}, options.rounds)
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(500, 2500)).astype(np.float32)
    ragged = [rng.normal(size=length).astype(np.float32) for length in rng.integers(2000, 3001, len(alike))]
    short = alternate({"alike": lambda: predict(alike), "ragged": lambda: predict(ragged)}, options.rounds)
    return {
        "samples": n,
        "best_batch": list(best),
        "million_samples_per_second": {name: round(n / median(t) / 1e6, 3) for name, t in spent.items()},
        "to_bare_forward": compare(spent, "bare forward"),
        "ragged_to_alike": compare(short, "alike")["ragged"],
        "wanted": 1.15,
    }


class Generated:
    """A recording that is generated during reading: a repeated short recording with a drifting offset."""

    def __init__(self, length: int) -> None:
        self.shape, self.dtype = (length,), np.dtype("float32")
        self.once = make_data(5)[0][0]

    def __getitem__(self, key: slice) -> np.ndarray:
        t = np.arange(*key.indices(self.shape[0]))
        return self.once[t % len(self.once)] + 0.1 * np.sin(t / 1e5, dtype=np.float32)


def run_recordings(options: argparse.Namespace) -> dict[str, Any]:
    """Time steps of ``fit`` on more and on longer recordings, relative to the fewest and the shortest."""
    x, y = make_data(10)
    numbers = {
        n: (np.resize(x, (n, 2500)), np.r_[y[:2], np.full((n - 2, 2500), -1, dtype=np.int8)]) for n in (10, 1000)
    }
    numbers[100_000] = (np.resize(x, (100_000, 2500)), [*y[:2], *[-1] * 99_998])
    steps = options.steps
    spent = alternate({str(n): lambda d=data: time_fit(*d, steps) for n, data in numbers.items()}, options.rounds)
    del numbers
    labels = [*y[:2], *[-1] * 8]
    longer = {f"10^{k}": [*x[:2], *[Generated(10**k) for _ in range(8)]] for k in (4, 5, 6, 7)}
    read = alternate({name: lambda X=X: time_fit(X, labels, steps) for name, X in longer.items()}, options.rounds)
    return {
        "to_10_recordings": compare(spent, "10"),
        "to_10^4_samples": compare(read, "10^4"),
        "read_to_held": round(median(a / b for a, b in zip(read["10^4"], spent["10"], strict=True)), 3),
        "milliseconds": round(1000 * median(spent["10"]) / steps, 1),
    }


CHILD = """
import json, resource, sys, time
sys.path.insert(0, "examples/benchmarks")

def measure_peak():
    try:
        lines = open("/proc/self/status").read().splitlines()  # this process alone, unlike getrusage after a fork
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

import torch
torch.set_num_threads({threads})
from speed import Generated, fit_network
segmenter = fit_network(steps=100)
fitted, begin = measure_peak(), time.perf_counter()
table = segmenter.predict_segments([Generated({samples})])
seconds = time.perf_counter() - begin
print(json.dumps({{"fitted": fitted, "peak": measure_peak(), "seconds": seconds, "segments": len(table)}}))
"""


def measure_interpreter() -> int:
    """Return the memory of a bare interpreter in bytes, or 0 if it is unknown."""
    code = "import pathlib; print(pathlib.Path('/proc/self/statm').read_text().split()[1])"
    if not Path("/proc/self/statm").exists():
        return 0
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(out.stdout) * os.sysconf("SC_PAGE_SIZE")


def run_memory(options: argparse.Namespace) -> dict[str, Any]:
    """Measure peak memory and seconds of predictions in new processes, for a tenth of the samples and for all."""
    rows, interpreter = [], measure_interpreter()
    for samples in (options.samples // 10, options.samples):
        code = CHILD.format(samples=samples, threads=options.threads)
        out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
        rows.append({"samples": samples, **json.loads(out.stdout.splitlines()[-1])})
        rows[-1]["megabytes"] = round((rows[-1]["peak"] - interpreter) / 1e6)
        print(rows[-1], flush=True)
    small, large = rows
    growth = (large["peak"] - small["peak"]) / (large["samples"] - small["samples"])
    speed = [row["samples"] / row["seconds"] for row in rows]
    return {
        "interpreter": interpreter,
        "rows": rows,
        "time_per_sample_large_to_small": round(speed[0] / speed[1], 3),
        "bytes_per_further_sample": round(growth, 3),
        "extrapolated_to_10^9": {
            "megabytes": round(large["megabytes"] + growth * (1e9 - large["samples"]) / 1e6),
            "minutes": round(1e9 / speed[1] / 60, 1),
        },
        "wanted": {"megabytes": 1000, "time_per_sample_large_to_small": 1.1},
    }


def run_precision(options: argparse.Namespace) -> dict[str, Any]:
    """Time steps and predictions in both precisions."""
    X, y = make_data()
    kinds = ("float32", "bfloat16")
    steps = alternate(
        {kind: lambda kind=kind: time_fit(X, y, options.steps, precision=kind) for kind in kinds}, options.rounds
    )
    segmenters = {kind: fit_network(kind) for kind in kinds}
    x = np.random.default_rng(0).normal(size=(1, options.samples // 50)).astype(np.float32)

    def predict(segmenter: Any) -> float:
        begin = opponents.CLOCK()
        segmenter.predict_proba(x)
        return opponents.CLOCK() - begin

    passes = alternate({kind: lambda s=s: predict(s) for kind, s in segmenters.items()}, options.rounds)
    return {
        "step_float32_to_bfloat16": compare(steps, "bfloat16")["float32"],
        "predict_float32_to_bfloat16": compare(passes, "bfloat16")["float32"],
        "auto": "bfloat16" if bfloat16_pays() else "float32",
    }


def run_profile(options: argparse.Namespace) -> dict[str, Any]:
    """Time each part of a step by itself, a whole step of ``fit``, and the machine's matrix products."""
    X, y = make_data()
    rounds = 3 * options.rounds
    parts = measure_step(X, y, NETWORK, WINDOW, BATCH, rounds=rounds, bfloat16=bfloat16_pays())
    stamps = watch_fit(X, y, 2 * options.steps)[:-1]
    step = round(1000 * float(np.median(np.diff(stamps)[len(stamps) // 4 :])), 2)  # steps with pseudo-labels
    rest = round(step - sum(parts.values()), 2)
    return {
        "milliseconds": {**parts, "skorch, logging and the rest of Python": rest, "step of fit": step},
        "limits": measure_limits(NETWORK, WINDOW, rounds),
    }


def bfloat16_pays() -> bool:
    """Return whether ``precision="auto"`` means bfloat16 on this machine."""
    return choose_precision("auto", torch.device("cpu")) == "bfloat16"


PARTS = {
    "import": run_import,
    "step": run_step,
    "predict": run_predict,
    "recordings": run_recordings,
    "memory": run_memory,
    "precision": run_precision,
    "profile": run_profile,
}


def make_tables(results: list[dict[str, Any]]) -> str:
    """Return the targets, the measured figures and the profile of a step, as Markdown tables."""
    found = {result["part"]: result for result in results}
    step, small, predict = found["step"]["default"], found["step"]["small"], found["predict"]
    memory, grown = found["memory"], found["recordings"]
    rows = [
        ("`import sslts` (s)", "below 0.5", found["import"]["import_sslts"]),
        ("step of `fit` / bare torch loop", "at most 1.05", step["fit_to_bare_loop"]),
        ("step of `fit` / bare torch loop, small network and windows", "", small["fit_to_bare_loop"]),
        *((f"{name} / step of `fit`", "at least 5", ratio) for name, ratio in step["per_item_to_fit"].items()),
        *(
            (f"{name} / step of `fit`, small network and windows", "", ratio)
            for name, ratio in small["per_item_to_fit"].items()
        ),
        *(
            (f"`{name}` / bare forward pass", "at most 1.15" if name == "predict" else "", ratio)
            for name, ratio in predict["to_bare_forward"].items()
        ),
        ("`predict` of 500 recordings, different lengths / equal lengths", "", predict["ragged_to_alike"]),
        *((f"step on {n} recordings / on 10", "1", ratio) for n, ratio in grown["to_10_recordings"].items()),
        *((f"step on recordings of {n} samples / of 10^4", "1", r) for n, r in grown["to_10^4_samples"].items()),
        (f"memory for {memory['rows'][1]['samples']:.0e} samples (MB)", "below 1000", memory["rows"][1]["megabytes"]),
        ("time per sample, all samples / a tenth of them", "1", memory["time_per_sample_large_to_small"]),
        ("memory for 10^9 samples, extrapolated (MB)", "", memory["extrapolated_to_10^9"]["megabytes"]),
        ("step, float32 / bfloat16", "", found["precision"]["step_float32_to_bfloat16"]),
        ("prediction, float32 / bfloat16", "", found["precision"]["predict_float32_to_bfloat16"]),
    ]
    lines = ["| figure | target | measured |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    profile = found["profile"]["milliseconds"]
    whole = profile["step of fit"]
    lines += ["", "| part of a step | ms | share |", "|---|---|---|"]
    lines += [f"| {name} | {t} | {t / whole:.0%} |" for name, t in profile.items()]
    limits = found["profile"]["limits"]
    lines += ["", "| 10^9 operations per second | float32 | bfloat16 |", "|---|---|---|"]
    for name in ("matrix_products", "forward_passes"):
        row = limits[f"gigaflops_of_{name}"]
        lines.append(f"| {name.replace('_', ' ')} | {row['float32']} | {row['bfloat16']} |")
    last = results[-1]
    threads = {n: [r["part"] for r in results if r["threads"] == n] for n in sorted({r["threads"] for r in results})}
    named = "; ".join(f"{n} threads: {', '.join(parts)}" for n, parts in threads.items())
    lines += ["", f"{last['machine']}, {last['date']}; clock: {last['clock']}; {named}."]
    return "\n".join(lines)


def describe_machine() -> str:
    """Return the properties of the machine that determine the figures: cores, widest vectors and tiles."""
    tiles = " with AMX" if torch.cpu._is_amx_tile_supported() else ""
    return f"{platform.machine()} {os.cpu_count()} cores {torch.backends.cpu.get_cpu_capability()}{tiles}"


def main() -> None:
    """Run the requested parts; new figures of a part replace its stored figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=20, help="steps of each timed fit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=10**8, help="samples of the longest recording")
    parser.add_argument("--clock", choices=("wall", "process"), default="wall", help="process: CPU time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        write_page("speed", make_tables(read_results(options.results)), PAGE)
        return
    torch.set_num_threads(options.threads)
    # A fit logs 60 times: a fit of 1,200 steps logs every 20 steps. The fits here have 20 to 80 steps, and log once.
    base._HISTORY_ROWS = 1
    opponents.CLOCK = time.perf_counter if options.clock == "wall" else time.process_time
    described = {
        "threads": options.threads,
        "clock": options.clock,
        "rounds": options.rounds,
        "versions": {name: version(name) for name in ("sslts", "torch", "skorch", "numpy")},
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    for part in options.parts:
        begin = time.perf_counter()
        figures = PARTS[part](options)
        figures = {"part": part, **figures, "seconds": round(time.perf_counter() - begin), **described}
        print(json.dumps(figures, indent=1), flush=True)
        others = [result for result in read_results(options.results) if result["part"] != part]
        write_results(options.results, [*others, figures])


if __name__ == "__main__":
    main()
