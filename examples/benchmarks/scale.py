"""Benchmark of many recordings on many workers: how much of the workers' time is work, and where it bends.

Compared runs are measured in turn (A B A B), because the machine may have other work. Each ratio is given by the clock
and by CPU seconds of all processes that belong to a run; the second one does not depend on other work. Results are
stored in a JSON file; a stored part is not repeated.

``workers``
    ten-second recordings of 1 kHz in files: `segment_files` on one and two workers of dask, against as many plain
    processes, each a loop that reads, predicts and writes one table
``batches``
    tiny recordings: CPU seconds of client, scheduler and workers by the number of files in a part, against a plain loop
``overhead``
    the same with ten-second recordings
``many``
    one run over very many tiny recordings: parts per second, memory of the client and of the scheduler

Run from the root of the project::

    python examples/benchmarks/scale.py
    python examples/benchmarks/scale.py --parts many --recordings 1000000
    python examples/benchmarks/scale.py --write-page

``--write-page`` writes tables, and the cost of 10^6 recordings and of a year of 1,000 machines, to ``docs/scale.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from runs import add_results, describe_machine, has_run, read_results, write_page
from sklearn.ensemble import ExtraTreesClassifier

import sslts
from sslts.datasets import make_recordings
from sslts.io import read_recordings
from sslts.prediction import segment_files

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
RESULTS = Path(__file__).parent / "results" / "scale.json"
LENGTH, RATE = 10_000, 1_000  # ten seconds
TINY = 32  # samples of a tiny recording
STACK = 100  # tiny recordings in a file of the long run
SIZES = (1, 4, 16, 64, 256)
HOURS_OF_A_YEAR = 365 * 24


class Cost(NamedTuple):
    """What a run took: seconds by the clock, and CPU seconds of all its processes."""

    wall: float
    cpu: float


# --- models and files -------------------------------------------------------------------------------------------------


def save_network(path: Path, steps: int = 30) -> None:
    """Save a network of the default size; the number of its steps does not change the time of a prediction."""
    X, y = make_recordings(8, n_samples=2_000, random_state=0)
    sslts.SupervisedSegmenter(max_steps=steps, sampling_rate=RATE, random_state=0).fit(X, y).save(path)


def save_forest(path: Path) -> None:
    """Save a small classifier of window features, whose predictions cost next to nothing."""
    X, y = make_recordings(8, n_samples=TINY, segment_length=8, random_state=0)
    forest = sslts.WindowFeatureSegmenter(ExtraTreesClassifier(2, max_depth=3), scales=(1, 4), random_state=0)
    forest.fit(X, y).save(path)


def write_files(folder: Path, n: int, length: int, stack: int = 1) -> list[str]:
    """Write ``n`` files of one recording, or of ``stack`` recordings each, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    X, _ = make_recordings(max(stack, 20), n_samples=length, segment_length=max(length // 4, 8), random_state=1)
    X = X.astype(np.float32)
    paths = []
    for i in range(n):
        values = X[i % len(X)] if stack == 1 else X[:stack, None]
        paths.append(str(folder / f"{i:07d}.npy"))
        np.save(paths[-1], values + np.float32(1e-3 * (i % 7)))
    return paths


# --- what is compared -------------------------------------------------------------------------------------------------


def run_plain_loop(model: str, paths: list[str], folder: str, together: int = 64) -> float:
    """Read, predict and write without parts, checks or a scheduler; return the CPU seconds."""
    torch.set_num_threads(1)
    segmenter = _load(model)
    begun = time.process_time()
    for start in range(0, len(paths), together):
        recordings = read_recordings(paths[start : start + together], join=False, progress=False)
        table = segmenter.predict_segments(recordings)
        table.to_parquet(Path(folder) / f"{os.getpid()}-{start}.parquet")
    return time.process_time() - begun


_models: dict[str, Any] = {}


def _load(model: str) -> Any:
    if model not in _models:
        _models[model] = sslts.load(model).set_params(verbose=0)
    return _models[model]


def measure_plain(pool: Executor, n: int, model: Path, paths: list[str], folder: Path) -> Cost:
    """Return the cost of ``n`` plain processes that share the files."""
    folder.mkdir()
    begun = time.perf_counter()
    futures = [pool.submit(run_plain_loop, str(model), paths[k::n], str(folder)) for k in range(n)]
    cpu = sum(future.result() for future in futures)
    return Cost(time.perf_counter() - begun, cpu)


def measure_workers(client: Any, n: int, model: Path, paths: list[str], folder: Path, batch_size: int) -> Cost:
    """Return the cost of ``n`` workers; the client and the scheduler, which is in its process, count as well."""
    addresses = sorted(client.scheduler_info(n_workers=-1)["workers"])[:n]
    before = _read_cpu(client)
    begun = time.perf_counter()
    executor = client.get_executor(workers=addresses)
    found = segment_files(model, paths, folder, executor=executor, batch_size=batch_size, progress=False)
    wall = time.perf_counter() - begun
    assert found.skipped == found.failed == 0
    return Cost(wall, _read_cpu(client) - before)


def _read_cpu(client: Any) -> float:
    """Return the CPU seconds of the workers and of this process so far."""
    return sum(client.run(time.process_time).values()) + time.process_time()


@contextlib.contextmanager
def open_both(n: int = 2) -> Iterator[tuple[Any, Executor]]:
    """Open a client with ``n`` workers of one thread, and a pool of as many plain processes."""
    from distributed import Client, LocalCluster

    os.environ["OMP_NUM_THREADS"] = "1"  # of the plain processes, as of the workers
    spawn = multiprocessing.get_context("spawn")
    options: dict[str, Any] = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client, ProcessPoolExecutor(n, spawn) as pool:
        client.wait_for_workers(n)
        yield client, pool


# --- the parts --------------------------------------------------------------------------------------------------------


def measure_efficiency(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Compare one and two workers with plain processes, in turn."""
    save_network(place / "net.sslts")
    paths = write_files(place / "in", options.files, LENGTH)
    rounds: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with open_both() as (client, pool):
        for number in range(-1, options.rounds):  # the first round loads models and is not counted
            for n in (1, 2):
                some = paths[: n * len(paths) // 2] if number >= 0 else paths[:8]
                plain = measure_plain(pool, n, place / "net.sslts", some, place / f"plain{n}{number}")
                size = 32 if number >= 0 else 1
                ours = measure_workers(client, n, place / "net.sslts", some, place / f"ours{n}{number}", size)
                if number >= 0:
                    rounds[n].append(
                        {"plain_wall": plain.wall, "wall": ours.wall, "plain_cpu": plain.cpu, "cpu": ours.cpu}
                    )
                    print(n, rounds[n][-1], flush=True)
    listed = list((place / "ours20").rglob("*.parquet"))
    written = sum(path.stat().st_size for path in listed)
    return {
        "files": options.files,
        "samples": LENGTH,
        "bytes_read": Path(paths[0]).stat().st_size,
        "bytes_written": written / options.files,
        "by_workers": {
            str(n): {
                "rounds": rows,
                "efficiency": median(row["plain_wall"] / row["wall"] for row in rows),
                "cpu_efficiency": median(row["plain_cpu"] / row["cpu"] for row in rows),
                "cpu_per_file": median(row["cpu"] for row in rows) / (n * options.files // 2),
            }
            for n, rows in rounds.items()
        },
    }


def measure_batches(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Compare CPU seconds by the number of tiny files in a part with those of a plain loop."""
    save_forest(place / "model.sslts")
    paths = write_files(place / "in", options.tiny, TINY)
    return {"tiny": options.tiny, "rows": compare_sizes(place, paths, SIZES)}


def measure_overhead(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Compare CPU seconds by the number of ten-second files in a part with those of a plain loop."""
    save_network(place / "model.sslts")
    paths = write_files(place / "in", options.files, LENGTH)
    return {"files": options.files, "rows": compare_sizes(place, paths, SIZES[2:])}


def compare_sizes(place: Path, paths: list[str], sizes: Sequence[int]) -> list[dict[str, float]]:
    """Return the cost of a file by the number of files in a part, on two workers and in two plain processes."""
    rows = []
    model = place / "model.sslts"
    with open_both() as (client, pool):
        measure_plain(pool, 2, model, paths[:64], place / "warm plain")
        measure_workers(client, 2, model, paths[:64], place / "warm", 4)
        for size in sizes:
            some = paths[: min(len(paths), 400 * size)]
            plain = measure_plain(pool, 2, model, some, place / f"plain {size}")
            ours = measure_workers(client, 2, model, some, place / f"ours {size}", size)
            rows.append(
                {
                    "batch_size": size,
                    "files": len(some),
                    "plain_cpu": plain.cpu / len(some),
                    "cpu": ours.cpu / len(some),
                    "cpu_per_part": (ours.cpu - plain.cpu) / -(-len(some) // size),
                    "parts_per_second": -(-len(some) // size) / ours.wall,
                }
            )
            print(rows[-1], flush=True)
    return rows


def measure_many(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run over very many tiny recordings, and watch the memory of this process, which holds client and scheduler."""
    save_forest(place / "forest.sslts")
    n_files = options.recordings // STACK
    paths = write_files(place / "in", n_files, TINY, STACK)
    with open_both() as (client, _):
        segment_files(
            place / "forest.sslts",
            paths[:100],
            place / "warm",
            executor=client.get_executor(),
            batch_size=2,
            progress=False,
        )
        watch = Watch(lambda: len(list((place / "found" / "recordings").glob("*/*.parquet"))))
        before, cpu = read_memory(), _read_cpu(client)
        begun = time.perf_counter()
        with watch:
            found = segment_files(
                *(place / "forest.sslts", paths, place / "found"),
                executor=client.get_executor(),
                batch_size=options.batch_size,
                progress=False,
            )
        wall = time.perf_counter() - begun
        cpu = _read_cpu(client) - cpu
        begun = time.perf_counter()
        again = segment_files(
            place / "forest.sslts", paths, place / "found", executor=client.get_executor(), progress=False
        )
    assert again.skipped == again.parts == found.parts
    return {
        "recordings": found.recordings,
        "segments": found.segments,
        "parts": found.parts,
        "batch_size": options.batch_size,
        "seconds": wall,
        "cpu": cpu,
        "seconds_of_a_finished_run": time.perf_counter() - begun,
        "memory_before": before,
        "memory": watch.rows,
        "bytes": sum(path.stat().st_size for path in (place / "found").rglob("*.parquet")),
    }


class Watch:
    """A thread that notes seconds, progress and the memory of this process, about twenty times."""

    def __init__(self, count: Callable[[], int], every: float = 2.0) -> None:
        self.count, self.every, self.rows = count, every, list[list[float]]()
        self.stopped, self.begun = threading.Event(), time.perf_counter()

    def __enter__(self) -> Watch:
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.stopped.wait(self.every):
            self.rows.append([round(time.perf_counter() - self.begun, 1), self.count(), round(read_memory(), 1)])
            if len(self.rows) == 40:
                self.rows, self.every = self.rows[1::2], 2 * self.every

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()


def read_memory() -> float:
    """Return the resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


PARTS = {
    "workers": measure_efficiency,
    "batches": measure_batches,
    "overhead": measure_overhead,
    "many": measure_many,
}


# --- the page ---------------------------------------------------------------------------------------------------------


def compute_cost(recordings: float, row: dict[str, Any], batch_size: int = 256) -> dict[str, float]:
    """Return core-hours, bytes and parts of so many ten-second recordings."""
    each = row["by_workers"]["2"]["cpu_per_file"]
    return {
        "core_hours": recordings * each / 3600,
        "read": recordings * row["bytes_read"],
        "written": recordings * row["bytes_written"],
        "parts": recordings / batch_size,
    }


def format_page(results: list[dict[str, Any]]) -> str:
    """Return the tables of the stored results."""
    by_part = {row["part"]: row for row in results}
    sections = []
    if "workers" in by_part:
        sections += [_format_workers(by_part["workers"]), _format_costs(by_part["workers"])]
    if "batches" in by_part:
        sections.append(_format_batches(by_part["batches"], "Tiny files in a part"))
    if "overhead" in by_part:
        sections.append(_format_batches(by_part["overhead"], "Files of ten seconds in a part"))
    if "many" in by_part:
        sections.append(_format_many(by_part["many"]))
    return "\n\n".join(sections)


def _format_workers(row: dict[str, Any]) -> str:
    lines = [
        "### One and two workers\n",
        "| workers | efficiency by the clock | by CPU seconds | CPU seconds a recording |",
        "|---|---|---|---|",
    ]
    for n, one in row["by_workers"].items():
        walls = [r["plain_wall"] / r["wall"] for r in one["rounds"]]
        lines.append(
            f"| {n} | {one['efficiency']:.2f} ({min(walls):.2f} to {max(walls):.2f}) | {one['cpu_efficiency']:.2f} "
            f"| {one['cpu_per_file']:.3f} |"
        )
    return "\n".join(lines)


def _format_costs(row: dict[str, Any]) -> str:
    year = 1_000 * HOURS_OF_A_YEAR * 360  # ten-second recordings
    lines = [
        "### What it costs\n",
        "| | recordings of ten seconds | core-hours | read | written | parts of 256 |",
        "|---|---|---|---|---|---|",
    ]
    for name, n in (("a million recordings", 1e6), ("a year of 1,000 machines at 1 kHz", float(year))):
        cost = compute_cost(n, row)
        lines.append(
            f"| {name} | {n:,.0f} | {cost['core_hours']:,.0f} | {cost['read'] / 1e9:,.0f} GB "
            f"| {cost['written'] / 1e9:,.1f} GB | {cost['parts']:,.0f} |"
        )
    return "\n".join(lines)


def _format_batches(row: dict[str, Any], title: str) -> str:
    lines = [
        f"### {title}\n",
        "| files in a part | CPU ms a file | plain loop | ratio | CPU ms of a part beyond it | parts a second |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['batch_size']} | {1e3 * r['cpu']:.2f} | {1e3 * r['plain_cpu']:.2f} "
        f"| {r['cpu'] / r['plain_cpu']:.2f} | {1e3 * r['cpu_per_part']:.0f} | {r['parts_per_second']:.1f} |"
        for r in row["rows"]
    ]
    return "\n".join(lines)


def _format_many(row: dict[str, Any]) -> str:
    lines = [
        "### Very many recordings\n",
        f"{row['recordings']:,} recordings of {TINY} samples in {row['parts']:,} parts: {row['seconds']:.0f} s by the "
        f"clock, {row['cpu']:.0f} CPU seconds. A second run, which skips all parts, took "
        f"{row['seconds_of_a_finished_run']:.0f} s.\n",
        "| seconds | parts | MB of client and scheduler, in one process |",
        "|---|---|---|",
        f"| 0 | 0 | {row['memory_before']:.0f} |",
    ]
    kept = row["memory"][:: max(len(row["memory"]) // 8, 1)]
    lines += [f"| {seconds:.0f} | {parts:,} | {memory:.0f} |" for seconds, parts, memory in kept]
    return "\n".join(lines)


def main() -> None:
    """Measure the requested parts that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--files", type=int, default=128, help="ten-second recordings")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tiny", type=int, default=6_400, help="tiny recordings in files of their own")
    parser.add_argument("--recordings", type=int, default=1_000_000, help="tiny recordings of the long run")
    parser.add_argument(
        "--batch-size", type=int, default=10, help=f"files of {STACK} recordings in a part of the long run"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        write_page("scale", format_page(read_results(options.results)), PAGE)
        return
    torch.set_num_threads(1)
    for part in options.parts:
        if has_run(options.results, {"part": part}):
            continue
        place = Path(tempfile.mkdtemp(prefix="scale-"))
        try:
            row = PARTS[part](place, options)
        finally:
            shutil.rmtree(place)
        add_results(options.results, [{"part": part, **row, **describe_machine()}])


if __name__ == "__main__":
    main()
