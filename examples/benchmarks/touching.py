"""Benchmark of occurrences that touch: how many are found, beside the same occurrences with gaps between them.

Cycles without a pause, in groups with pauses, of one to three classes, with lengths that differ by a factor of two; and
heart beats of LUDB, from one QRS complex to the next, whose counterpart with gaps are the QRS complexes alone. A few
recordings are labeled, all others are not. Results are stored in a JSON file; a stored run is not repeated.

Run from the root of the project::

    python examples/benchmarks/touching.py
    python examples/benchmarks/touching.py --ludb FOLDER
    python examples/benchmarks/touching.py --table
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from runs import PAGE, add_results, describe_machine, has_run, make_segmenter, read_results, write_page

from sslts import Annotations
from sslts.datasets import load_ludb, make_recordings
from sslts.metrics import segment_f1

RESULTS = Path(__file__).parent / "results" / "touching.json"
N_TRAIN, N_TEST, N_LABELED, N_SAMPLES = 60, 30, 5, 2000
STEPS = 300
_EDGE = 40  # samples of a cycle of typical length


@dataclass(frozen=True)
class Kind:
    """How cycles follow each other."""

    what: str
    n_classes: int = 1
    spread: float = 2**0.5  # the longest cycle of a recording over its typical cycle
    pauses: bool = False


KINDS = {
    "regular": Kind("without a pause, of nearly equal length", spread=1.1),
    "irregular": Kind("without a pause, lengths differ by a factor of two"),
    "pauses": Kind("in groups of 2 to 12 with pauses, lengths differ by a factor of two", pauses=True),
    "three": Kind("three classes in random order, in groups with pauses", n_classes=3, pauses=True),
}
OTHERS = {"synthetic": "`make_recordings(gap=0)`, with drift and look-alikes", "beats": "heart beats of LUDB, lead II"}


def draw_wave(rng: np.random.Generator, k: int, length: int, warp: float) -> np.ndarray:
    """Return one cycle of class ``k``: k lobes under an envelope."""
    u = ((np.arange(length) + 0.5) / length) ** warp
    return np.sin(np.pi * u) * (np.sin(np.pi * k * u) + 0.3 * np.cos(2 * np.pi * u)) * np.exp(rng.normal(0, 0.15))


def make_cycles(kind: Kind, n: int, gap: int, seed: int) -> tuple[list[np.ndarray], pd.DataFrame]:
    """Return recordings of cycles with ``gap`` samples between them, and the table of the cycles."""
    rng = np.random.default_rng(seed)
    X, rows = [], []
    for i in range(n):
        tempo, gain, warp = np.exp(rng.uniform(-0.35, 0.35)), np.exp(rng.normal(0, 0.3)), rng.uniform(0.7, 1.4)
        x, start = np.zeros(N_SAMPLES + 2 * _EDGE * 4), int(rng.integers(0, 2 * _EDGE))
        left = int(rng.integers(2, 13))
        while start < N_SAMPLES + _EDGE * 4:
            length = max(int(_EDGE * tempo * np.exp(rng.uniform(-1, 1) * np.log(kind.spread))), 8)
            k = int(rng.integers(1, kind.n_classes + 1))
            x[start : start + length] = (
                gain * draw_wave(rng, k, length, warp * np.exp(rng.normal(0, 0.08)))[: len(x) - start]
            )
            rows.append((i, start, start + length, k))
            start, left = start + length + gap, left - 1
            if kind.pauses and left == 0:
                start, left = start + int(rng.integers(30, 150)), int(rng.integers(2, 13))
        x += np.cumsum(rng.normal(0, 0.01, len(x))) + rng.normal(0, 0.2 * gain, len(x)) + rng.normal()
        X.append(x[2 * _EDGE : 2 * _EDGE + N_SAMPLES].astype(np.float32))
    table = pd.DataFrame(rows, columns=["recording", "start", "end", "label"])
    table["start"], table["end"] = (np.clip(table[name] - 2 * _EDGE, 0, N_SAMPLES) for name in ("start", "end"))
    return X, table[table["end"] > table["start"]].reset_index(drop=True)


def read_beats(folder: Path, gap: bool) -> tuple[list[np.ndarray], Annotations, np.ndarray]:
    """Return the heart beats of LUDB: from the start of a QRS complex to the next, or the complexes alone.

    The labeled stretch begins and ends in the middle of a beat: at its start, a beat that is found a sample late would
    leave a sliver of the one before, and count twice.
    """
    ludb = load_ludb(folder, leads=["ii"])
    rows, looked_at = [], []
    for i, labels in enumerate(ludb.y):
        found = Annotations.from_labels([labels]).table
        start, end = (found.loc[found["label"] == 2, name].to_numpy() for name in ("start", "end"))
        first, last = int(start[:2].mean()), int(start[-2:].mean())
        begin, stop = (start[1:-1], end[1:-1]) if gap else (np.r_[first, start[1:-1]], np.r_[start[1:-1], last])
        rows += [(i, a, b, 1) for a, b in zip(begin, stop, strict=True) if a < b]
        looked_at.append((i, first, last))
    columns = ["recording", "start", "end", "label"]
    annotations = Annotations.from_table(
        pd.DataFrame(rows, columns=columns), ludb.X, pd.DataFrame(looked_at, columns=columns[:3])
    )
    return list(ludb.X), annotations, np.arange(len(ludb.X))


def load(name: str, gap: bool, split: int, folder: Path | None) -> tuple[list[np.ndarray], Annotations]:
    """Return the recordings of a kind: those of the training, and then those of the test."""
    n = N_TRAIN + N_TEST
    if name == "beats":
        assert folder is not None, "pass --ludb"
        X, annotations, which = read_beats(folder, gap)
        order = np.random.default_rng(split).permutation(which)[:n]
        return [X[i] for i in order], annotations[order]
    if name == "synthetic":
        X, y = make_recordings(n, n_samples=N_SAMPLES, gap=20 if gap else 0, share=0.4, random_state=split)
        return list(X), y
    X, table = make_cycles(KINDS[name], n, 20 if gap else 0, split)
    return X, Annotations.from_table(table, X)


def run(key: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Fit, find the segments of the test, and return the row of results."""
    X, annotations = load(key["kind"], key["gap"], key["split"], folder)
    train, test = np.arange(N_TRAIN), np.arange(N_TRAIN, len(X))
    known = annotations[train]
    few = Annotations.from_table(known.table[known.table["recording"] < N_LABELED], X[:N_TRAIN], cut(known.looked_at))
    begun = time.perf_counter()
    segmenter = make_segmenter(key["method"], key["steps"], key["split"], verbose=0).fit(X[:N_TRAIN], few)
    seconds = time.perf_counter() - begun
    truth = annotations[test]
    found = truth.replace_segments(segmenter.predict_segments(X[N_TRAIN:]))
    return {
        **key,
        "n_segments": len(truth.table),
        "segment_f1": float(segment_f1(truth, found)),
        "count_error": measure_counts(truth, found),
        "fit_seconds": seconds,
        **describe_machine(),
    }


def cut(looked_at: pd.DataFrame) -> pd.DataFrame:
    """Return what was looked at in the labeled recordings."""
    return looked_at[looked_at["recording"] < N_LABELED]


def measure_counts(truth: Annotations, found: Annotations) -> float:
    """Return the sum of the count errors of all recordings and classes, over the number of true segments."""
    from sslts.metrics import count_error

    error = count_error(truth, found)
    return error.mae * len(truth) * len(np.setdiff1d(truth.classes, [0])) / len(truth.table)


def write_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of the page: means over the draws, in percent."""
    table = pd.DataFrame(rows)
    means = table.groupby(["kind", "method", "gap"])[["segment_f1", "count_error"]].mean() * 100
    draws = table.groupby(["kind", "method", "gap"]).size()
    lines = [
        "| cycles | method | draws | segment F1, touching | count error | segment F1, with gaps | count error |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, what in [*((name, one.what) for name, one in KINDS.items()), *OTHERS.items()]:
        for method in ("forest", "supervised", "fixmatch"):
            sides = [
                means.loc[kind, method, gap] if (kind, method, gap) in means.index else None for gap in (False, True)
            ]
            if sides[0] is None:
                continue
            shown = [f"{side[name]:.1f}" if side is not None else "" for side in sides for name in means.columns]
            n = draws[kind, method, False]
            lines.append(f"| {what} | {NAMES[method]} | {n} | {' | '.join(shown)} |")
    return "\n".join(lines)


NAMES = {"forest": "window features", "supervised": "labels alone", "fixmatch": "FixMatch"}


def main() -> None:
    """Run the requested fits that have no result yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ludb", type=Path, metavar="FOLDER", help="folder of LUDB 1.0.1, for the heart beats")
    parser.add_argument("--kinds", nargs="+", default=[*KINDS, "synthetic", "beats"])
    parser.add_argument("--methods", nargs="+", default=["forest", "supervised", "fixmatch"])
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table, and stop")
    parser.add_argument("--write-page", action="store_true", help="write the table into docs/benchmarks.md, and stop")
    options = parser.parse_args()
    if options.table:
        print(write_table(read_results(options.results)))
        return
    if options.write_page:
        write_page("touching", write_table(read_results(options.results)), PAGE)
        return
    for split in options.splits:
        for kind in options.kinds:
            if kind == "beats" and options.ludb is None:
                continue
            for gap in (False, True):
                for method in options.methods:
                    key = {"kind": kind, "method": method, "gap": gap, "split": split}
                    key["steps"] = 0 if method == "forest" else options.steps
                    if not has_run(options.results, key):
                        row = run(key, options.ludb)
                        add_results(options.results, [row])
                        f1, error = 100 * row["segment_f1"], 100 * row["count_error"]
                        print(f"{kind:<10}{method:<11}{'gaps' if gap else 'touching':<9}{split} {f1:5.1f} {error:5.1f}")


if __name__ == "__main__":
    main()
