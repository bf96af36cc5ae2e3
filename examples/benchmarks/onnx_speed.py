"""Benchmark of exported networks: onnxruntime against torch, on one thread, in turn (A B A B).

The network is that of ``speed.py``. ``torch`` and ``onnxruntime`` are bare passes of the folded network with softmax,
``predict_segments`` and ``OnnxSegmenter`` are whole: normalization, pieces, network, decoder, table. A ratio is the
median over rounds. Run from the root of the project::

    python examples/benchmarks/onnx_speed.py
    python examples/benchmarks/onnx_speed.py --write-page
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import torch
from opponents import alternate
from runs import read_results, write_page, write_results
from speed import NETWORK, PAGE, WINDOW, describe_machine, make_data

from sslts import SupervisedSegmenter
from sslts.onnx_runner import OnnxSegmenter

RESULTS = Path(__file__).parent / "results" / "onnx.json"
SHAPES = {"one recording of 131,072 samples": (1, 1 << 17), "16 recordings of 2,496 samples": (16, WINDOW)}
SAMPLES = 250_000  # of the recording that is segmented whole


def fit_segmenter() -> Any:
    """Return a fitted segmenter with the network of the benchmarks."""
    X, y = make_data()
    return SupervisedSegmenter(
        network=NETWORK, window_length=WINDOW, normalization="recording", precision="float32", max_steps=20,
        random_state=0,
    ).fit(X, y)  # fmt: skip


def run(clock: Any, rounds: int) -> dict[str, Any]:
    """Return the seconds and the ratios of all runs."""
    segmenter = fit_segmenter()
    half = copy.deepcopy(segmenter)
    half.net_.precision = "bfloat16"
    with tempfile.TemporaryDirectory() as folder:
        segmenter.export_onnx(Path(folder) / "model.onnx")
        model = OnnxSegmenter(Path(folder) / "model.onnx", threads=1)
        size = (Path(folder) / "model.onnx").stat().st_size
    passes = {}
    for name, shape in SHAPES.items():
        x = np.random.default_rng(0).normal(size=(shape[0], 1, shape[1])).astype(np.float32)
        passes[name] = compare(
            {
                "torch": lambda x=x: segmenter.net_.answer(torch.from_numpy(x)),
                "torch, bfloat16": lambda x=x: half.net_.answer(torch.from_numpy(x)),
                "onnxruntime": lambda x=x: model._session.run(None, {"signal": x}),
            },
            clock,
            rounds,
        )
    long = np.resize(make_data()[0].reshape(-1), SAMPLES)
    whole = compare(
        {
            "torch": lambda: segmenter.predict_segments(long[None]),
            "torch, bfloat16": lambda: half.predict_segments(long[None]),
            "onnxruntime": lambda: model.predict_segments(long),
        },
        clock,
        rounds,
    )
    passes[f"segments of a recording of {SAMPLES:,} samples"] = whole
    return {"runs": passes, "bytes": size, "network": repr(NETWORK)}


def compare(runs: dict[str, Any], clock: Any, rounds: int) -> dict[str, Any]:
    """Return the median seconds of each run, and the median ratio to torch."""

    def spend(call: Any) -> float:
        begin = clock()
        call()
        return clock() - begin

    spent = alternate({name: lambda call=call: spend(call) for name, call in runs.items()}, rounds)
    return {
        name: {
            "seconds": round(median(times), 4),
            "to_torch": round(median(a / b for a, b in zip(times, spent["torch"], strict=True)), 2),
        }
        for name, times in spent.items()
    }


def make_table(results: list[dict[str, Any]]) -> str:
    """Return the table of the page."""
    (found,) = results
    lines = ["| time, of torch's in float32 | onnxruntime | torch, bfloat16 |", "|---|---|---|"]
    lines += [
        f"| {name} | {runs['onnxruntime']['to_torch']} | {runs['torch, bfloat16']['to_torch']} |"
        for name, runs in found["runs"].items()
    ]
    versions = f"onnxruntime {found['onnxruntime']}, torch {found['torch']}"
    lines += [
        "",
        f"One thread, {found['clock']} time, {found['rounds']} rounds; {versions}; "
        f"{found['machine']}, {found['date']}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark, or write its stored figures to the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clock", choices=("wall", "process"), default="process", help="process: CPU time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if not options.write_page:
        torch.set_num_threads(1)
        found = run(time.perf_counter if options.clock == "wall" else time.process_time, options.rounds)
        about = {"machine": describe_machine(), "date": time.strftime("%Y-%m-%d", time.gmtime())}
        versions = {"onnxruntime": onnxruntime.__version__, "torch": torch.__version__}
        write_results(
            options.results, [{**found, "clock": options.clock, "rounds": options.rounds, **versions, **about}]
        )
        print(make_table(read_results(options.results)))
        return
    write_page("onnx", make_table(read_results(options.results)), PAGE)


if __name__ == "__main__":
    main()
