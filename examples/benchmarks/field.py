"""Benchmark of the defaults in the field: real signals of several kinds, and synthetic ones, under one protocol.

Each set is split by unit (person, machine, day). ``k`` units are labeled, all other units of training are given with
``y = -1``. Every method has the default parameters on every set. Results are stored in a JSON file; a stored run is not
repeated, so an interrupted benchmark continues.

Run from the root of the project::

    python examples/benchmarks/field.py --data FOLDER
    python examples/benchmarks/field.py --data FOLDER --reduced
    python examples/benchmarks/field.py --data FOLDER --validate --methods forest
    python examples/benchmarks/field.py --table

``--validate`` scores the unlabeled units of training, whose labels the fit never saw, in place of the test units:
choose defaults by it. ``--reduced`` runs one short draw of each set. ``--jobs 4`` makes four fits at a time,
``--scheduler tcp://...`` makes them on a cluster of dask. ``--write-page`` writes ``docs/field.md``.
"""

from __future__ import annotations

import argparse
import time
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from field_data import SETS, Arrays, find_missing, split_units
from field_figures import measure
from field_page import REDUCED_STEPS, write_field_page, write_pictures
from joblib import delayed
from runs import (
    add_job_options,
    describe_machine,
    has_run,
    make_segmenter,
    open_scheduler,
    parse_params,
    read_results,
    run_jobs,
    split_params,
)

import sslts
from sslts.decoding import Argmax

RESULTS = Path(__file__).parent / "results" / "field.json"
_last: dict[str, Any] = {}
DECODERS = {"argmax": "Argmax()", "default": "the default"}


@cache
def load(name: str, folder: Path | None) -> Arrays:
    """Return the recordings of a set."""
    return SETS[name].load(folder)


def count_labeled(size: str, n_labeled: int) -> int | None:
    """Return the number of labeled units: few, twice as many, or all (None)."""
    return {"few": n_labeled, "twice": 2 * n_labeled, "all": None}[size]


def name_model(key: dict[str, Any]) -> str:
    """Return the file name of a kept model."""
    return "-".join(str(key[name]) for name in ("set", "method", "split", "labeled", "steps")) + ".sslts"


def fit(key: dict[str, Any], arrays: Arrays, split: Any, keep: Path | None) -> tuple[Any, float]:
    """Return the fitted segmenter and the seconds of the fit; a model that was kept is loaded.

    The last model is kept in memory: the decoders of one fit follow each other.
    """
    name = {field: value for field, value in key.items() if field not in ("decoder", "subset")}
    if _last.get("name") != name or _last["arrays"] is not arrays:
        model, seconds = _fit(key, arrays, split, keep)
        _last.update(name=name, arrays=arrays, model=model, seconds=seconds)
    return _last["model"], _last["seconds"]


def _fit(key: dict[str, Any], arrays: Arrays, split: Any, keep: Path | None) -> tuple[Any, float]:
    kind = SETS[key["set"]]
    path = keep / name_model(key) if keep and not key["params"] else None
    if path and path.exists():
        segmenter = sslts.load(path)
        return segmenter, float(path.with_suffix(".seconds").read_text())
    train = np.flatnonzero(np.isin(arrays.unit, np.concatenate([split.labeled, split.unlabeled])))
    known = np.isin(arrays.unit, split.labeled)
    segmenter = make_segmenter(key["method"], key["steps"], key["split"], background=kind.background, verbose=0)
    segmenter.set_params(**parse_params(key["params"]))
    y = [arrays.y[i] if known[i] else np.full(len(arrays.y[i]), -1) for i in train]
    begun = time.perf_counter()
    segmenter.fit([arrays.X[i] for i in train], y)
    seconds = time.perf_counter() - begun
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        segmenter.save(path)
        path.with_suffix(".seconds").write_text(str(seconds))
    return segmenter, seconds


def run(key: dict[str, Any], folder: Path | None, keep: Path | None) -> dict[str, Any]:
    """Fit, predict the recordings of a subset, and return the row of results."""
    kind, arrays = SETS[key["set"]], load(key["set"], folder)
    split = split_units(arrays.unit, key["split"], count_labeled(key["labeled"], kind.n_labeled), kind)
    segmenter, seconds = fit(key, arrays, split, keep)
    segmenter.set_params(decoder=Argmax() if key["decoder"] == "argmax" else type(segmenter)().decoder)
    scored = np.flatnonzero(np.isin(arrays.unit, split.test if key["subset"] == "test" else split.unlabeled))
    X, truth = [arrays.X[i] for i in scored], [arrays.y[i] for i in scored]
    begun = time.perf_counter()
    predicted = segmenter.predict(X)
    predict_seconds = time.perf_counter() - begun
    return {
        **key,
        "n_labeled": len(split.labeled),
        "n_unlabeled": len(split.unlabeled),
        "missing": find_missing(arrays, split.labeled),
        **measure(truth, predicted, kind.background),
        "fit_seconds": seconds,
        "predict_seconds": predict_seconds,
        "predict_samples": int(sum(map(len, truth))),
        **describe_machine(),
    }


def run_keys(keys: list[dict[str, Any]], folder: Path | None, keep: Path | None) -> list[dict[str, Any]]:
    """Return the rows of keys that share a fit."""
    return [run(key, folder, keep) for key in keys]


def group_by_fit(keys: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the keys in groups that differ in the decoder alone."""
    return [list(group) for _, group in groupby(keys, lambda key: {**key, "decoder": None})]


def measure_agreement(name: str, folder: Path | None, split: int) -> dict[str, float] | None:
    """Return the figures of a second annotator against the first on the test units; None if there is no second."""
    kind, arrays = SETS[name], load(name, folder)
    if arrays.second is None:
        return None
    test = np.flatnonzero(np.isin(arrays.unit, split_units(arrays.unit, split, kind.n_labeled, kind).test))
    return measure([arrays.y[i] for i in test], [arrays.second[i] for i in test], kind.background)


def plan(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the keys of all requested runs."""
    keys = []
    for size in options.labeled:
        for split in options.splits:
            for name in options.sets:
                for method in options.methods:
                    if size == "all" and method in ("fixmatch", "mean_teacher", "pseudo_label", "self_training"):
                        continue  # with every label, labels alone are the ceiling
                    for decoder in options.decoders:
                        key = {
                            "set": name,
                            "method": method,
                            "split": split,
                            "labeled": size,
                            "subset": "validation" if options.validate else "test",
                            "steps": 0 if method == "forest" else options.steps,
                            "params": split_params(options.params),
                            "decoder": decoder,
                        }
                        keys.append(key)
    return [key for key in keys if not (key["labeled"] == "all" and key["subset"] == "validation")]


def describe(row: dict[str, Any]) -> str:
    """Return a row of results as a line of text."""
    figures = " ".join(f"{100 * row[name]:5.1f}" for name in ("mean_iou", "segment_f1", "exact", "count_error"))
    missing = f"  no label of: {', '.join(row['missing'])}" if row["missing"] else ""
    return (
        f"{row['set']:<10}{row['method']:<12}{row['labeled']:<6} split {row['split']} {row['decoder']:<8} {figures} "
        f"{row['fit_seconds']:5.0f} s{missing}"
    )


def main() -> None:
    """Run the requested fits that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the real sets and of LUDB")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=["supervised", "fixmatch", "forest"])
    parser.add_argument("--labeled", nargs="+", choices=("few", "twice", "all"), default=["few", "twice", "all"])
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--decoders", nargs="+", choices=DECODERS, default=list(DECODERS))
    parser.add_argument("--steps", type=int, default=sslts.FixMatchSegmenter().max_steps)
    parser.add_argument("--params", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the segmenter")
    parser.add_argument("--validate", action="store_true", help="score unlabeled units of training, not the test")
    parser.add_argument("--reduced", action="store_true", help=f"one draw, few labels, {REDUCED_STEPS} steps")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep and reuse fitted models in this folder")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the stored results, and stop")
    parser.add_argument("--write-page", action="store_true", help="write docs/field.md, and stop")
    parser.add_argument("--write-pictures", action="store_true", help="draw recordings with the kept models, and stop")
    add_job_options(parser)
    options = parser.parse_args()
    if options.reduced:
        options.splits, options.labeled, options.steps = [0], ["few"], REDUCED_STEPS
    if options.write_page:
        write_field_page(read_results(options.results))
        return
    if options.write_pictures:
        write_pictures(options.sets, options.data, options.keep)
        return
    if options.table:
        for row in read_results(options.results):
            print(describe(row))
        return
    missing = [key for key in plan(options) if not has_run(options.results, key)]
    calls = (delayed(run_keys)(keys, options.data, options.keep) for keys in group_by_fit(missing))
    with open_scheduler(options.scheduler):
        for row in run_jobs(calls, options.results, None if options.scheduler else options.jobs):
            print(describe(row), flush=True)


if __name__ == "__main__":
    main()
