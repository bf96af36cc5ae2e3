"""Helpers of the benchmarks: segmenters by the name of their method, and JSON files of results."""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from joblib import Parallel, parallel_config

import sslts
from sslts import augment, networks, segmenters, thresholds

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
METHODS = {
    "supervised": sslts.SupervisedSegmenter,
    "fixmatch": sslts.FixMatchSegmenter,
    "mean_teacher": sslts.MeanTeacherSegmenter,
    "pseudo_label": sslts.PseudoLabelSegmenter,
    "self_training": sslts.SelfTrainingSegmenter,
    "forest": sslts.WindowFeatureSegmenter,
}


def make_segmenter(method: str, steps: int, seed: int, **params: Any) -> Any:
    """Return a segmenter with default parameters; self-training spends the steps in each of its fits.

    A forest takes no steps.
    """
    params = {"random_state": seed, "verbose": 1, **params}
    if method == "forest":
        return sslts.WindowFeatureSegmenter(**params)
    params = {"max_steps": steps, **params}
    if method == "self_training":
        return sslts.SelfTrainingSegmenter(sslts.SupervisedSegmenter(**params), verbose=1)
    return METHODS[method](**params)


def describe_fit(segmenter: Any) -> dict[str, Any]:
    """Return the settings, the history, the versions and the machine of a fit."""
    fitted = getattr(segmenter, "segmenter_", segmenter)
    return {
        "threads": torch.get_num_threads(),
        "precision": fitted.precision_,
        "window_length": fitted.window_length_,
        "network": repr(fitted.network_),
        "history": shorten(segmenter.history_),
        **describe_machine(),
    }


def describe_machine() -> dict[str, Any]:
    """Return the versions, the machine and the date of a run."""
    return {
        "versions": {name: version(name) for name in ("sslts", "torch", "skorch", "scikit-learn", "numpy")},
        "machine": f"{platform.machine()} {os.cpu_count()} cores {torch.backends.cpu.get_cpu_capability()}",
        "date": datetime.now(UTC).date().isoformat(),
    }


def shorten(history: pd.DataFrame) -> dict[str, list[Any]]:
    """Return about twelve rows of a history, by column, with None for missing values."""
    rows = history.iloc[:: max(len(history) // 12, 1)].round(5)
    return rows.astype(object).where(rows.notna(), None).to_dict("list")


def split_params(items: list[str]) -> dict[str, str]:
    """Return the values of ``NAME=VALUE`` items of the command line, by name."""
    return dict(item.split("=", 1) for item in items)


def parse_params(params: dict[str, str]) -> dict[str, Any]:
    """Return the values of texts: literals, or objects of sslts such as ``augment.Rescale(0.8, 1.25)``."""
    return {name: parse(text) for name, text in params.items()}


def parse(text: str) -> Any:
    """Return the value of a text: a literal, or an object of sslts such as ``augment.Rescale(0.8, 1.25)``."""
    try:
        return ast.literal_eval(text)
    except ValueError:
        names = {"augment": augment, "networks": networks, "segmenters": segmenters, "thresholds": thresholds}
        return eval(text, names)


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the stored runs."""
    return json.loads(path.read_text()) if path.exists() else []


def write_results(path: Path, results: list[dict[str, Any]]) -> None:
    """Write all runs; an interruption leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(path)


def has_run(path: Path, key: dict[str, Any]) -> bool:
    """Return whether the file has a run with this key."""
    return any(all(result.get(name) == value for name, value in key.items()) for result in read_results(path))


def add_results(path: Path, results: list[dict[str, Any]]) -> None:
    """Add runs to the file."""
    write_results(path, [*read_results(path), *results])


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how many fits run at a time, and where."""
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="fits at a time, each in its own process")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="scheduler of dask for the fits, whose workers have this folder in PYTHONPATH and one thread each",
    )


@contextmanager
def open_scheduler(address: str | None) -> Iterator[None]:
    """Run the jobs inside on the cluster of a scheduler; None: in processes of this machine."""
    if address is None:
        yield
        return
    from distributed import Client

    with Client(address), parallel_config(backend="dask"):
        yield


def run_jobs(calls: Iterable[Any], path: Path, jobs: int | None = 1) -> Iterator[dict[str, Any]]:
    """Run calls of joblib's `delayed` that return runs; store the runs of each call when it is finished."""
    for rows in Parallel(n_jobs=jobs, return_as="generator_unordered")(calls):
        add_results(path, rows)
        yield from rows


def write_page(name: str, tables: str, page: Path = PAGE) -> None:
    """Replace the part of the page between ``<!-- name: begin -->`` and ``<!-- name: end -->``."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}")
