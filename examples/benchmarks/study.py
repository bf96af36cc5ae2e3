"""Study of label efficiency behind ``docs/study.md``, on three leads of LUDB and on synthetic recordings.

Its conclusions are about ratios and shapes: a fit is small (100 Hz, a narrow network, 400 steps) and takes about ten
seconds on one thread. Nothing is chosen on test patients. Results are stored in a JSON file; a stored run is not
repeated, so an interrupted study continues.

Run from the root of the project::

    python examples/benchmarks/study.py --data PATH/ludb-1.0.1
    python examples/benchmarks/study.py --data PATH/ludb-1.0.1 --parts 1 4
    python examples/benchmarks/study.py --write-page

The parts: 1 label efficiency, 2 number of unlabeled recordings, 3 choice of labels, 4 limits and failures, 5 the next
customer, 6 calibration and settings. ``--write-page`` writes pictures and tables of the stored results to
``docs/study.md``.
"""

from __future__ import annotations

import argparse
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from runs import add_results, describe_fit, has_run, make_segmenter, read_results
from skorch.callbacks import Callback
from study_conditions import Condition, list_conditions
from study_data import LEADS, SAMPLING_RATE, Task, make_leads, make_sensor, make_task

from sslts import metrics
from sslts._runs import find_runs
from sslts.augment import RandAugment, Rescale, TimeWarp
from sslts.datasets import load_ludb
from sslts.networks import UNet
from sslts.recordings import NormalizedRecordings, as_recordings

RESULTS = Path(__file__).parent / "results" / "study.json"
STEPS = 400
PARAMS: dict[str, Any] = {
    "network": UNet(width=16, depth=3, kernel_size=5, stem_stride=2, front_end=False),
    "weak": Rescale(0.8, 1.25),
    "strong": RandAugment(n=3, magnitude=5.0, warp=TimeWarp(p=0.5, n_knots=64)),
    "normalization": "recording",
    "window_length": 512,
    "batch_size": 8,
    "lr": 4e-3,
    "weight_decay": 0.05,
    "ema_decay": 0.99,
    "precision": "float32",
}
OWN_PARAMS: dict[str, dict[str, Any]] = {
    "supervised": {},
    "fixmatch": {"threshold": 0.8, "lambda_u": 1.0, "mu": 1.0},
    "pseudo_label": {"threshold": None, "alpha": 3.0, "ramp": (0.1, 0.6), "mu": 1.0},
    "self_training": {},
}
NEAR = 3  # samples (30 ms) on either side of a boundary
LOOKS = 8  # evaluations of the pseudo-labels during a training


class PseudoLabelWatch(Callback):
    """Compare the teacher's confident labels during the training with the hidden truth."""

    def __init__(self, task: Task, threshold: float) -> None:
        free = np.flatnonzero((task.y < 0).all(1) & (task.hidden >= 0).any(1))[:64]
        self.x = np.zeros((len(free), 1, task.X.shape[1]), np.float32)
        if len(free):
            seen = NormalizedRecordings(as_recordings(task.X[free]), "recording", PARAMS["window_length"])
            self.x = np.stack([seen.read(i) for i in range(len(free))])
        self.truth, self.threshold, self.rows = task.hidden[free], threshold, []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        every = max(net.max_epochs // LOOKS, 1)
        if len(self.x) and (len(net.history) % every == 0 or len(net.history) == net.max_epochs):
            import torch

            proba = net.ask_teacher(torch.from_numpy(self.x)).movedim(1, 2).numpy()
            self.rows.append({"step": net.step_, **judge_pseudo_labels(self.truth, proba, self.threshold)})


def judge_pseudo_labels(truth: np.ndarray, proba: np.ndarray, threshold: float) -> dict[str, float | None]:
    """Return the share of confident samples and their accuracy: near a boundary, inside, and in total."""
    near = np.stack([find_near_boundaries(labels) for labels in truth])
    known, sure, right = truth >= 0, proba.max(-1) >= threshold, proba.argmax(-1) == truth
    figures: dict[str, float | None] = {}
    for name, where in (("all", known), ("boundary", known & near), ("inside", known & ~near)):
        believed = where & sure
        figures[f"believed_{name}"] = float(believed.sum() / where.sum())
        figures[f"right_{name}"] = float(right[believed].mean()) if believed.any() else None
    return figures


def find_near_boundaries(labels: np.ndarray) -> np.ndarray:
    """Return a mask of the samples within `NEAR` samples of a change of class."""
    starts, _, values = find_runs(labels)
    near = np.zeros(len(labels), dtype=bool)
    for start, before, after in zip(starts[1:], values[:-1], values[1:], strict=True):
        if before >= 0 and after >= 0:
            near[max(start - NEAR, 0) : start + NEAR] = True
    return near


def prepare(condition: Condition) -> Any:
    """Return the segmenter of a condition; self-training spends the steps in each of its two fits."""
    params = {**PARAMS, **OWN_PARAMS[condition.method], **condition.params}
    return make_segmenter(condition.method, STEPS, condition.split, **params, verbose=0)


@cache
def fit_earlier(data: str, split: int, keep: Ludb) -> tuple[Any, float]:
    """Return the earlier customer's model, fitted on all its labels, and the seconds of the fit."""
    condition = Condition("supervised", split, data=data)
    old, _ = make_leads(condition, keep.data) if data == "leads" else make_sensor(condition)
    begun = time.process_time()
    return prepare(condition).fit(old.X, old.y), time.process_time() - begun


class Ludb:
    """The LUDB recordings, hashable by identity for the cache."""

    def __init__(self, data: Any) -> None:
        self.data = data


def run(condition: Condition, ludb: Ludb) -> dict[str, Any]:
    """Fit once, and return the figures on validation and test recordings."""
    task = make_task(condition, ludb.data)
    watch = None
    if condition.start == "as it is":
        segmenter, seconds = fit_earlier(condition.data, condition.split, ludb)
    else:
        segmenter = prepare(condition)
        if condition.start == "init":
            segmenter.set_params(init=fit_earlier(condition.data, condition.split, ludb)[0])
        if condition.method == "fixmatch":
            watch = PseudoLabelWatch(task, segmenter.threshold)
            segmenter.set_params(callbacks=[watch])
        begun = time.process_time()
        segmenter.fit(task.X, task.y)
        seconds = time.process_time() - begun
    test = evaluate(segmenter, *task.test)
    test["reliability"] = list_reliability(segmenter, *task.test)
    return {
        **condition.key(),
        "steps": STEPS,
        "validation": evaluate(segmenter, *task.validation),
        "test": test,
        "labeled_samples": int((task.y >= 0).sum()),
        "watch": watch.rows if watch else None,
        "cpu_seconds": seconds,
        **summarize_fit(segmenter),
    }


def summarize_fit(segmenter: Any) -> dict[str, Any]:
    """Return the settings of a fit, and the mask rate and the classes' shares of its last interval."""
    facts = describe_fit(segmenter)
    history = facts.pop("history")
    return {
        **facts,
        "mask_rate": (history.get("mask_rate") or [None])[-1],
        "shares": {name[6:]: values[-1] for name, values in history.items() if name.startswith("share_")},
    }


def evaluate(segmenter: Any, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the figures of one model on held-out recordings."""
    proba = np.asarray(segmenter.predict_proba(X))
    predicted = segmenter.classes_[proba.argmax(-1)]
    counts = metrics.count_error(y, predicted)
    return {
        "mean_iou": metrics.mean_iou(y, predicted),
        "class_iou": {str(k): v for k, v in metrics.class_iou(y, predicted).items()},
        "segment_f1": metrics.segment_f1(y, predicted),
        "count_mae": counts.mae,
        "count_exact": counts.exact,
        "calibration_error": metrics.expected_calibration_error(y, proba, classes=segmenter.classes_),
    }


def list_reliability(segmenter: Any, X: np.ndarray, y: np.ndarray) -> list[list[float]]:
    """Return confidence, accuracy and number of samples of each bin that is not empty."""
    curve = metrics.reliability_curve(y, segmenter.predict_proba(X), classes=segmenter.classes_)
    curve = curve[curve["count"] > 0][["confidence", "accuracy", "count"]]
    return [[round(float(c), 4), round(float(a), 4), int(n)] for c, a, n in curve.to_numpy()]


def main() -> None:
    """Run the requested fits that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of LUDB 1.0.1; without it, the database is downloaded")
    parser.add_argument("--parts", nargs="+", type=int, choices=range(1, 7), default=list(range(1, 7)))
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--list", action="store_true", help="print the number of runs and of missing runs, and stop")
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        from study_page import write_study

        write_study(read_results(options.results))
        return
    wanted = [c for c in list_conditions(options.parts) if c.split in options.splits]
    missing = [c for c in wanted if not has_run(options.results, {**c.key(), "steps": STEPS})]
    print(f"{len(wanted)} runs, {len(missing)} missing", flush=True)
    if options.list or not missing:
        return
    ludb = Ludb(load_ludb(options.data, leads=LEADS, sampling_rate=SAMPLING_RATE))
    for condition in missing:
        result = run(condition, ludb)
        add_results(options.results, [result])
        print(f"{100 * result['test']['mean_iou']:.1f}  {result['cpu_seconds']:.0f} s  {condition}", flush=True)


if __name__ == "__main__":
    main()
