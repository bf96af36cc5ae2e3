"""Benchmark of decoders on real electrocardiograms: counts, lengths and boundaries.

FixMatch is fitted once for each split of LUDB, on 7 labeled patients, protocol ``masked``. A decoder is chosen on the
validation patients; all figures are of the test patients. Counts are calibrated on the validation patients too, to
measure how often the stated interval of 90 % contains the true count of a test recording.

Run from the root of the project::

    python examples/benchmarks/decoders.py --data PATH/ludb-1.0.1
    python examples/benchmarks/decoders.py --write-page

``--models FOLDER`` loads segmenters that ``field.py --keep FOLDER`` has fitted, instead of fitting them again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ludb import SAMPLING_RATE, split_patients
from runs import add_results, has_run, make_segmenter, read_results, write_page

import sslts
from sslts import metrics
from sslts.calibration import calibrate_counts
from sslts.datasets import load_ludb
from sslts.decoding import Argmax, DurationViterbi
from sslts.model_selection import tune_decoder
from sslts.segments import labels_to_segments, summarize

RESULTS = Path(__file__).parent / "results" / "decoders.json"
WAVES = ("P", "QRS", "T")
PATIENTS, LEVEL = 7, 0.9


def fit(key: dict[str, Any], data: Any, models: Path | None) -> Any:
    """Return the fitted segmenter of a split, loaded if it was kept."""
    kept = models and models / f"ludb-fixmatch-{key['split']}-few-{key['steps']}.sslts"
    if kept and kept.exists():
        return sslts.load(kept)
    X, y, groups, _ = data
    patients = split_patients(key["split"])
    train = np.isin(groups, patients["train"])
    labeled = np.isin(groups, patients["train"][:PATIENTS])
    segmenter = make_segmenter("fixmatch", key["steps"], key["split"], sampling_rate=SAMPLING_RATE)
    return segmenter.fit(X[train], np.where(labeled[:, None], y, -1)[train])


def run(key: dict[str, Any], data: Any, models: Path | None) -> list[dict[str, Any]]:
    """Fit, choose a decoder on validation patients, evaluate on test patients; return a row for each decoder."""
    X, y, groups, names = data
    segmenter = fit(key, data, models)
    patients = split_patients(key["split"])
    validation, test = (np.isin(groups, patients[subset]) for subset in ("validation", "test"))
    tuned = tune_decoder(segmenter, X[validation], y[validation], "count")
    rows = []
    for name, decoder in (("Argmax()", Argmax()), ("DurationViterbi()", DurationViterbi()), ("tuned", tuned)):
        segmenter.set_params(decoder=decoder)
        calibration = calibrate_counts(segmenter, X[validation], y[validation])
        covered = measure_coverage(segmenter, calibration, X[test], y[test])
        figures = evaluate(y[test], segmenter.predict(X[test]), names)
        rows.append({**key, "decoder": name, "repr": describe(decoder), **figures, "coverage": covered})
    return rows


def describe(decoder: Any) -> str:
    """Return the text of a decoder without the statistics of the labels."""
    return repr(decoder.replace(statistics=None) if hasattr(decoder, "statistics") else decoder)


def evaluate(truth: np.ndarray, predicted: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the mean IoU and the figures of each wave; boundaries and durations are in milliseconds."""
    boundaries = metrics.boundary_error(truth, predicted, sampling_rate=SAMPLING_RATE) * 1000
    waves = {}
    for k, name in enumerate(names):
        if k == 0:
            continue
        alone = [np.where((labels == k) | (labels < 0), labels, 0) for labels in (truth, predicted)]
        counts, durations = metrics.count_error(*alone), metrics.duration_error(*alone, sampling_rate=SAMPLING_RATE)
        waves[name] = {
            "count_mae": counts.mae,
            "count_exact": counts.exact,
            "onset_ms": boundaries.loc[k, "onset_mae"],
            "offset_ms": boundaries.loc[k, "offset_mae"],
            "duration_ms": durations.mae * 1000,
        }
    return {"mean_iou": metrics.mean_iou(truth, predicted), "waves": waves}


def measure_coverage(segmenter: Any, calibration: Any, X: np.ndarray, y: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the share of true counts inside the stated interval, and its mean width, for each wave."""
    predicted = np.where(y < 0, -1, segmenter.predict(X))
    tables = []
    for labels, options in ((predicted, {"proba": segmenter.predict_proba(X), "classes": segmenter.classes_}), (y, {})):
        segments = labels_to_segments(labels, **options)
        known = calibration if options else None
        tables.append(summarize(segments, [y.shape[1]] * len(y), labels=[1, 2, 3], calibration=known, level=LEVEL))
    stated, true = tables
    inside = (stated["count_low"] <= true["count"]) & (true["count"] <= stated["count_high"])
    width = stated["count_high"] - stated["count_low"]
    return {
        name: {
            "covered": float(inside[stated["label"] == k].mean()),
            "width": float(width[stated["label"] == k].mean()),
        }
        for k, name in enumerate(WAVES, start=1)
    }


def make_table(results: list[dict[str, Any]]) -> str:
    """Return a table of the decoders, as Markdown; means over the splits."""
    lines = [
        "| decoder | splits | mean IoU | count error P, QRS, T | exact counts P, QRS, T | onset, offset error (ms) "
        "| duration error P, QRS, T (ms) | 90 % interval covers P, QRS, T |",
        "|" + "---|" * 8,
    ]
    frame = pd.DataFrame(results)
    for name in ("Argmax()", "DurationViterbi()", "tuned"):
        part = frame[frame["decoder"] == name]

        def mean(figure: str, form: str, part: pd.DataFrame = part) -> list[str]:
            return [form.format(np.mean([row[wave][figure] for row in part["waves"]])) for wave in WAVES]

        ends = [np.mean([[row[w][end] for w in WAVES] for row in part["waves"]]) for end in ("onset_ms", "offset_ms")]
        covered = [f"{np.mean([row[wave]['covered'] for row in part['coverage']]):.0%}" for wave in WAVES]
        cells = [
            f"`{name}`" if "(" in name else name,
            ", ".join(str(s) for s in sorted(part["split"])),
            f"{100 * part['mean_iou'].mean():.2f}",
            ", ".join(mean("count_mae", "{:.3f}")),
            ", ".join(mean("count_exact", "{:.0%}")),
            ", ".join(f"{end:.1f}" for end in ends),
            ", ".join(mean("duration_ms", "{:.1f}")),
            ", ".join(covered),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + make_split_table(frame)


def make_split_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table of the mean IoU and the waves' count errors of each split."""
    lines = ["| split | decoder | mean IoU | count error P, QRS, T |", "|" + "---|" * 4]
    for split, part in frame.groupby("split"):
        for row in part.itertuples():
            counts = ", ".join(f"{row.waves[wave]['count_mae']:.3f}" for wave in WAVES)
            lines.append(f"| {split} | {row.decoder} | {100 * row.mean_iou:.2f} | {counts} |")
    return "\n".join(lines)


def main() -> None:
    """Run the requested fits that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of LUDB; without it, the database is downloaded")
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=sslts.FixMatchSegmenter().max_steps)
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="folder of field.py --keep")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        write_page("decoders", make_table(read_results(options.results)))
        return
    data = load_ludb(options.data, sampling_rate=SAMPLING_RATE, protocol="masked")
    for split in options.splits:
        key = {"split": split, "patients": PATIENTS, "steps": options.steps, "seed": split}
        if not has_run(options.results, key):
            rows = run(key, data, options.models)
            add_results(options.results, rows)
            print(make_split_table(pd.DataFrame(rows)), flush=True)


if __name__ == "__main__":
    main()
