"""Benchmark on real electrocardiograms: PhysioNet's LUDB, 200 patients of 12 leads, waves P, QRS and T.

Each lead is a recording. A split puts 120 patients into training, 40 into validation, 40 into test. The first
``--patients`` of the 120 are labeled, the others are labeled -1. Results are stored in a JSON file; a stored run is not
repeated, so an interrupted benchmark continues.

Run from the root of the project::

    python examples/benchmarks/ludb.py --data PATH/ludb-1.0.1 --splits 0 1 2 --patients 7 12
    python examples/benchmarks/ludb.py --data PATH/ludb-1.0.1 --patients 120 --methods supervised
    python examples/benchmarks/ludb.py --data PATH/ludb-1.0.1 --protocol masked --splits 0 --patients 7
    python examples/benchmarks/ludb.py --data PATH/ludb-1.0.1 --compare --splits 0
    python examples/benchmarks/ludb.py --table

``--write-page`` writes the tables of the stored results to ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import joblib
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
from sslts.datasets import load_ludb

SAMPLING_RATE = 250
N_TRAIN = 120
N_COMPARED = 7
RESULTS = Path(__file__).parent / "results" / "ludb.json"
EARLIER = RESULTS.with_name("ludb_0_1.json")  # runs with the defaults of version 0.1.0
# Every method and threshold of the package, with the paper's value if it states one.
COMPARED: list[tuple[str, dict[str, str]]] = [
    ("supervised", {}),
    ("fixmatch", {}),
    ("fixmatch", {"threshold": "0.95"}),
    ("fixmatch", {"ema_decay": "0"}),
    ("fixmatch", {"threshold": "thresholds.FixedThreshold(0.8, alignment='labeled')"}),
    ("fixmatch", {"threshold": "thresholds.FixedThreshold(0.8, alignment='labeled', alignment_limit=2)"}),
    ("fixmatch", {"threshold": "thresholds.CurriculumThreshold()"}),
    ("fixmatch", {"threshold": "thresholds.CurriculumThreshold(expected='labeled')"}),
    ("fixmatch", {"threshold": "thresholds.SelfAdaptiveThreshold()"}),
    ("fixmatch", {"threshold": "thresholds.SelfAdaptiveThreshold(expected='labeled')"}),
    ("fixmatch", {"threshold": "thresholds.SoftThreshold()"}),
    ("fixmatch", {"threshold": "thresholds.RelativeThreshold()"}),
    ("fixmatch", {"strong": "[augment.RandAugment(), augment.RandAugment()]"}),
    ("mean_teacher", {}),
    ("mean_teacher", {"consistency": "segmenters.BoundaryConsistency()"}),
    ("pseudo_label", {}),
    ("self_training", {}),
    ("self_training", {"shares": "(0.2, 0.4, 0.6, 0.8, 1.0)"}),
    ("self_training", {"shares": "(0.5, 1.0)", "rank": "'agreement'"}),
]
KEY = ("method", "protocol", "split", "patients", "steps", "seed", "subset", "params")


def split_patients(split: int) -> dict[str, np.ndarray]:
    """Return the patients (1 to 200) of training, in the order of labeling, of validation and of test."""
    order = np.random.default_rng(1000 + split).permutation(200) + 1
    return {"train": order[:N_TRAIN], "validation": order[N_TRAIN:160], "test": order[160:]}


def evaluate(truth: np.ndarray, predicted: np.ndarray, patients: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Return all figures of one run; boundary errors are in milliseconds."""
    boundaries = metrics.boundary_error(truth, predicted, sampling_rate=SAMPLING_RATE) * 1000
    counts = metrics.count_error(truth, predicted)
    return {
        "mean_iou": metrics.mean_iou(truth, predicted),
        "mean_iou_interval": bootstrap_mean_iou(truth, predicted, patients),
        "class_iou": {names[k]: v for k, v in metrics.class_iou(truth, predicted).items()},
        "segment_f1": {names[k]: v for k, v in metrics.segment_f1(truth, predicted, average=None).items()},
        "boundary_ms": {names[k]: row.to_dict() for k, row in boundaries.iterrows()},
        "count_bias": counts.bias,
        "count_mae": counts.mae,
        "count_exact": counts.exact,
    }


def bootstrap_mean_iou(
    truth: np.ndarray, predicted: np.ndarray, patients: np.ndarray, n_draws: int = 1000
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean IoU, resampling patients."""
    tables = []
    for patient in np.unique(patients):
        mine = patients == patient
        known = truth[mine] >= 0
        tables.append(np.bincount(truth[mine][known] * 4 + predicted[mine][known], minlength=16).reshape(4, 4))
    stacked = np.stack(tables)
    drawn = np.random.default_rng(0).integers(len(tables), size=(n_draws, len(tables)))
    table = stacked[drawn].sum(1)
    hit = np.diagonal(table, axis1=1, axis2=2)
    iou = (hit / (table.sum(1) + table.sum(2) - hit)).mean(1)
    low, high = np.percentile(iou, [2.5, 97.5])
    return float(low), float(high)


def run(key: dict[str, Any], subsets: list[str], data: Any, keep: Path | None = None) -> list[dict[str, Any]]:
    """Fit once, evaluate on each subset of patients, and return a row for each subset."""
    X, y, groups, names = data
    patients = split_patients(key["split"])
    train = np.isin(groups, patients["train"])
    labeled = np.isin(groups, patients["train"][: key["patients"]])
    masked = np.where(labeled[:, None], y, -1)
    segmenter = make_segmenter(key["method"], key["steps"], key["seed"], sampling_rate=SAMPLING_RATE)
    segmenter.set_params(**parse_params(key["params"]))
    begun, begun_cpu = time.perf_counter(), time.process_time()
    segmenter.fit(X[train], masked[train])
    seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        joblib.dump(segmenter, keep / "{method}-{protocol}-{patients}-{split}-{seed}.joblib".format(**key))
    rows = []
    for subset in subsets:
        held_out = np.isin(groups, patients[subset])
        figures = evaluate(y[held_out], segmenter.predict(X[held_out]), groups[held_out], names)
        rows.append(
            {**key, "subset": subset, **figures, "fit_seconds": seconds, "cpu_seconds": cpu, **describe_fit(segmenter)}
        )
    return rows


def print_table(results: list[dict[str, Any]]) -> None:
    """Print a row for each run."""
    print(
        f"{'method':<12}{'protocol':<12}{'patients':>8}{'split':>6}{'steps':>6}  mIoU  [95 %]         seconds  params"
    )
    for r in sorted(results, key=lambda r: [str(r[name]) for name in KEY]):
        low, high = r["mean_iou_interval"]
        print(
            f"{r['method']:<12}{r['protocol']:<12}{r['patients']:>8}{r['split']:>6}{r['steps']:>6}  "
            f"{100 * r['mean_iou']:.2f} [{100 * low:.1f}, {100 * high:.1f}]  {r['fit_seconds']:>7.0f}  "
            f"{r['params'] or ''}"
        )


def make_tables(results: list[dict[str, Any]]) -> str:
    """Return the tables of the page in docs, as Markdown, for test patients."""
    frame = pd.DataFrame([{**r, "setting": json.dumps(r["params"])} for r in results if r["subset"] == "test"])
    pair = frame[frame["method"].isin(["supervised", "fixmatch"])]
    parts = []
    alone = pair[(pair["method"] == "supervised") & (pair["setting"] == "{}")]
    for setting, same in sorted(pair.groupby("setting"), key=lambda group: group[0] != "{}"):  # the defaults come first
        if setting != "{}" and set(same["patients"]) == {N_COMPARED}:
            continue  # the comparison below lists it
        if not (same["method"] == "supervised").any():  # labels alone lack the parameter
            shown = alone["protocol"].isin(same["protocol"]) & alone["patients"].isin([*same["patients"], N_TRAIN])
            same = pd.concat([same, alone[shown]])
        for protocol, part in same.groupby("protocol", sort=False):
            named = ", ".join(f"`{name}={value}`" for name, value in json.loads(setting).items())
            title = f"### Protocol `{protocol}`, {f'with {named}' if named else 'defaults'}"
            parts.append(f"{title}\n\n{make_accuracy_table(part)}\n\n{make_wave_table(part)}")
    compared = frame[(frame["patients"] == N_COMPARED) & (frame["protocol"] == "semisegecg")]
    if not compared.index.isin(pair.index[pair["setting"] == "{}"]).all():  # the first table has no other rows
        title = f"### Every method and threshold, {N_COMPARED} labeled patients, protocol `semisegecg`"
        parts.append(f"{title}\n\n{make_method_table(compared)}")
    return "\n\n".join(parts)


def make_method_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table with a row for each method and setting, sorted by the score of split 0."""
    splits = sorted(frame["split"].unique())
    lines = [
        "| method | setting | "
        + " | ".join(f"split {s}" for s in splits)
        + " | segment F1 P, QRS, T (split 0) | count error (split 0) | fit (s) | CPU time (s) |",
        "|" + "---|" * (len(splits) + 6),
    ]
    rows = []
    for (method, setting), part in frame.groupby(["method", "setting"]):
        scores = part.set_index("split")["mean_iou"] * 100
        cells = " | ".join(f"{scores[s]:.2f}" if s in scores else "" for s in splits)
        named = ", ".join(f"`{name}={value}`" for name, value in json.loads(setting).items()) or "default"
        first = part.sort_values("split").iloc[0]
        f1 = ", ".join(f"{first['segment_f1'][wave]:.3f}" for wave in ("P", "QRS", "T"))
        cpu = part["cpu_seconds"].mean() if "cpu_seconds" in part else np.nan
        times = f"{part['fit_seconds'].mean():.0f} | " + (f"{cpu:.0f}" if np.isfinite(cpu) else "")
        rows.append(
            (scores.get(0, 0.0), f"| {method} | {named} | {cells} | {f1} | {first['count_mae']:.2f} | {times} |")
        )
    return "\n".join([*lines, *(row for _, row in sorted(rows, reverse=True))])


def make_accuracy_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table of mean IoU by split, their mean, the gain over the baseline and the gap closed."""
    scores = 100 * frame.pivot_table(values="mean_iou", index=["patients", "method"], columns="split")
    splits, nothing = list(scores.columns), pd.Series(np.nan, index=scores.columns)
    baselines = {patients: row for (patients, method), row in scores.iterrows() if method == "supervised"}
    ceiling = baselines.get(N_TRAIN, nothing)
    lines = [
        "| labeled patients | method | " + " | ".join(f"split {s}" for s in splits) + " | mean | gain | gap closed |",
        "|" + "---|" * (len(splits) + 5),
    ]
    for (patients, method), row in scores.iterrows():
        base = baselines.get(patients, nothing)
        gain = row - base
        known = method != "supervised" and not gain.isna().any()
        closed = gain.mean() / (ceiling - base).mean() if known and patients < N_TRAIN else np.nan
        gains = ", ".join(f"{g:+.2f}" for g in gain) if known else ""
        share = f"{closed:.0%}" if known and np.isfinite(closed) else ""
        cells = " | ".join("" if np.isnan(value) else f"{value:.2f}" for value in row)
        lines.append(f"| {patients} | {method} | {cells} | **{row.mean():.2f}** | {gains} | {share} |")
    return "\n".join(lines)


def make_wave_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table of the figures of each wave, as means over the splits."""
    lines = [
        "| labeled patients | method | segment F1 P, QRS, T | onset error P, QRS, T (ms) "
        "| offset error P, QRS, T (ms) | count error | exact counts | fit (s) |",
        "|" + "---|" * 8,
    ]
    waves = ("P", "QRS", "T")
    for (patients, method), part in frame.groupby(["patients", "method"]):
        f1 = ", ".join(f"{np.mean([r[w] for r in part['segment_f1']]):.3f}" for w in waves)
        onset, offset = (
            ", ".join(f"{np.mean([r[w][name] for r in part['boundary_ms']]):.1f}" for w in waves)
            for name in ("onset_mae", "offset_mae")
        )
        lines.append(
            f"| {patients} | {method} | {f1} | {onset} | {offset} | {part['count_mae'].mean():.2f} "
            f"| {part['count_exact'].mean():.0%} | {part['fit_seconds'].mean():.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the requested fits that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of LUDB; without it, the database is downloaded")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["supervised", "fixmatch"])
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--patients", nargs="+", type=int, default=[7])
    parser.add_argument("--protocol", choices=["masked", "semisegecg"], default="semisegecg")
    steps = sslts.FixMatchSegmenter().max_steps
    parser.add_argument("--steps", type=int, default=steps, help=f"default: max_steps of the estimators, {steps}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--subsets", nargs="+", choices=["test", "validation"], default=["test"], help="choose on validation only"
    )
    parser.add_argument("--params", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the segmenter")
    parser.add_argument("--compare", action="store_true", help="every method and threshold, instead of --methods")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="folder for the fitted segmenters, with joblib")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the stored results, and stop")
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        write_page("tables", make_tables(read_results(options.results)))
        write_page("earlier", make_tables(read_results(EARLIER)))
        return
    if options.table:
        print_table(read_results(options.results))
        return
    data = load_ludb(options.data, sampling_rate=SAMPLING_RATE, protocol=options.protocol)
    settings = COMPARED if options.compare else [(name, split_params(options.params)) for name in options.methods]
    for patients in options.patients:
        for split in options.splits:
            for method, params in settings:
                key = {
                    "method": method,
                    "protocol": options.protocol,
                    "split": split,
                    "patients": patients,
                    "steps": options.steps,
                    "seed": options.seed,
                    "params": params,
                }
                missing = [s for s in options.subsets if not has_run(options.results, {**key, "subset": s})]
                if missing:
                    rows = run(key, missing, data, options.keep)
                    add_results(options.results, rows)
                    print_table(rows)


if __name__ == "__main__":
    main()
