"""Benchmark of the defaults on synthetic signals of several kinds.

Each kind has 100 synthetic recordings for training, two of them labeled, and 60 for the test. Nothing is tuned to a
kind. Results are stored in a JSON file; a stored run is not repeated.

Run from the root of the project::

    python examples/benchmarks/kinds.py
    python examples/benchmarks/kinds.py --kinds states --params strong__warp=None

``--write-page`` writes the table of the stored results to ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from runs import (
    METHODS,
    add_results,
    describe_fit,
    has_run,
    make_segmenter,
    parse_params,
    read_results,
    split_params,
    write_page,
)

import sslts
from sslts import metrics
from sslts.datasets import make_recordings

RESULTS = Path(__file__).parent / "results" / "kinds.json"
N_TRAIN, N_TEST, N_LABELED = 100, 60, 2
DEFAULTS = "the defaults"
EARLIER_STRONG = "augment.RandAugment(warp=augment.TimeWarp(p=0.5, n_knots=16))"


def make_states(n_recordings: int, random_state: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return ragged recordings of four long states that differ in frequency, like vibrations or brain waves.

    Each recording has its own tempo; class 0 is a state like the others.
    """
    rng = np.random.default_rng(random_state)
    X, y = [], []
    for _ in range(n_recordings):
        n_samples, tempo = int(rng.integers(2500, 6000)), np.exp(rng.normal(0, 0.08))
        state = int(rng.integers(4))
        pieces, labels = [], []
        while sum(map(len, labels)) < n_samples:
            state = (state + int(rng.integers(1, 4))) % 4
            length = int(rng.integers(150, 700))
            frequency = (0.02, 0.045, 0.09, 0.16)[state] * tempo * np.exp(rng.normal(0, 0.08))
            wander = np.exp(0.01 * np.cumsum(rng.normal(size=length)) / np.sqrt(length))
            phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.cumsum(frequency * wander)
            pieces.append(np.exp(rng.normal(0, 0.25)) * np.sin(phase))
            labels.append(np.full(length, state))
        signal = np.concatenate(pieces)[:n_samples] + rng.normal(0, 0.4, n_samples)
        X.append(signal.astype(np.float32))
        y.append(np.concatenate(labels)[:n_samples])
    return X, y


def make_uneven(n_recordings: int, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Return recordings in which the pattern fills 2 % of the time, but 30 % in the first two of a training set."""
    X, y = make_recordings(n_recordings, share=0.02, random_state=random_state)
    if n_recordings == N_TRAIN:
        X[:N_LABELED], y[:N_LABELED] = make_recordings(N_LABELED, share=0.3, random_state=random_state + 500)
    return X, y


def make_kind(**params: Any) -> Callable[[int, int], tuple[Any, Any]]:
    """Return a function that makes recordings from their number and a seed."""
    return lambda n, seed: make_recordings(n, random_state=seed, **params)


KINDS: dict[str, tuple[str, Callable[[int, int], tuple[Any, Any]]]] = {
    "short": ("patterns of 8 samples, ragged recordings", make_kind(segment_length=8, n_samples=(600, 2000))),
    "long": ("patterns of 300 samples, ragged recordings", make_kind(segment_length=300, n_samples=(6000, 12000))),
    "rare": ("the pattern fills 1 % of the time", make_kind(share=0.01, n_samples=12000)),
    "uneven": ("the labeled recordings hold 15 times as much of the pattern as the others", make_uneven),
    "five": ("five classes of patterns", make_kind(n_classes=6, segment_length=60, n_samples=4000)),
    "channels": ("three channels", make_kind(n_channels=3)),
    "noise": ("noise as strong as the pattern", make_kind(noise=0.6)),
    "states": ("four states that differ in frequency, ragged recordings", make_states),
}


def run(key: dict[str, Any]) -> dict[str, Any]:
    """Fit once, and return the figures on the test recordings."""
    make = KINDS[key["kind"]][1]
    X, y = make(N_TRAIN, key["seed"])
    X_test, y_test = make(N_TEST, key["seed"] + 1000)
    classes = np.unique(np.concatenate(list(y)))
    complete = [i for i, labels in enumerate(y) if len(np.unique(labels)) == len(classes)]
    few = [labels if i in complete[:N_LABELED] else np.full(len(labels), -1) for i, labels in enumerate(y)]
    background = None if key["kind"] == "states" else 0
    segmenter = make_segmenter(key["method"], key["steps"], key["seed"], background=background)
    segmenter.set_params(**parse_params(key["params"]))
    begun = time.perf_counter()
    segmenter.fit(X, few)
    seconds = time.perf_counter() - begun
    predicted = segmenter.predict(X_test)
    counts = metrics.count_error(y_test, predicted, background=background)
    return {
        **key,
        "mean_iou": metrics.mean_iou(y_test, predicted),
        "segment_f1": metrics.segment_f1(y_test, predicted, background=background),
        "count_mae": counts.mae,
        "count_bias": counts.bias,
        "fit_seconds": seconds,
        **describe_fit(segmenter),
    }


def make_table(results: list[dict[str, Any]]) -> str:
    """Return a Markdown table of means over seeds, with a row for each kind and setting of FixMatch.

    Labels alone have the same setting, or the defaults if only FixMatch has the parameter.
    """
    columns = ["kind", "method", "seed", "mean_iou", "segment_f1", "setting"]
    frame = pd.DataFrame([{**r, "setting": _name_setting(r["params"])} for r in results], columns=columns)
    lines = [
        "| kind | setting | seeds | mean IoU, labels alone | mean IoU, FixMatch | IoU gain of each seed "
        "| segment F1, labels alone | segment F1, FixMatch | F1 gain of each seed |",
        "|" + "---|" * 9,
    ]
    for kind, (words, _) in KINDS.items():
        mine = frame[frame["kind"] == kind]
        alone = mine[mine["method"] == "supervised"].set_index(["setting", "seed"])
        for setting, part in mine[mine["method"] == "fixmatch"].groupby("setting"):
            baseline = setting if setting in alone.index else DEFAULTS
            if baseline not in alone.index:
                continue
            both = part.set_index("seed").join(alone.loc[baseline], how="inner", rsuffix="_alone")
            cells = [_compare(both["mean_iou_alone"] * 100, both["mean_iou"] * 100, 1)]
            cells.append(_compare(both["segment_f1_alone"], both["segment_f1"], 3))
            lines.append(f"| {words} | {setting} | {len(both)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _name_setting(params: dict[str, str]) -> str:
    if params.get("strong") == EARLIER_STRONG:  # the stem of the earlier network differs from kind to kind
        return "the earlier defaults"
    return ", ".join(f"`{name}={value}`" for name, value in params.items()) or DEFAULTS


def _compare(alone: pd.Series, fixmatch: pd.Series, digits: int) -> str:
    """Return the means of both methods and the gain of each seed, as cells of a table."""
    gains = ", ".join(f"{gain:+.{digits}f}" for gain in fixmatch - alone)
    return f"{alone.mean():.{digits}f} | {fixmatch.mean():.{digits}f} | {gains}"


def main() -> None:
    """Run the requested fits that have no result yet."""
    steps = sslts.FixMatchSegmenter().max_steps
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["supervised", "fixmatch"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=steps, help=f"default: max_steps of the estimators, {steps}")
    parser.add_argument("--params", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the segmenter")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        write_page("kinds", make_table(read_results(options.results)))
        return
    for kind in options.kinds:
        for seed in options.seeds:
            for method in options.methods:
                key = {
                    "kind": kind,
                    "method": method,
                    "steps": options.steps,
                    "seed": seed,
                    "params": split_params(options.params),
                }
                if not has_run(options.results, key):
                    result = run(key)
                    add_results(options.results, [result])
                    print(
                        f"{kind:<10}{method:<14}seed {seed}  mean IoU {100 * result['mean_iou']:.1f}  "
                        f"F1 {result['segment_f1']:.3f}  {result['fit_seconds']:.0f} s  {options.params or ''}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
