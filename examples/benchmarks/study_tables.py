"""Tables of the study's results, as Markdown; a mean over splits comes with the lowest and the highest split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from study_conditions import (
    FOREIGN,
    JITTER,
    LAMBDAS,
    N_TRAIN,
    PATIENTS,
    SHARES,
    THRESHOLDS,
    WRONG,
    Condition,
)

from sslts.model_selection import LabelsNeeded, labels_needed, suggest_budget

NAMES = {
    "supervised": "labels alone",
    "fixmatch": "FixMatch",
    "pseudo_label": "Pseudo-Label",
    "self_training": "self-training",
}
UNITS = {
    "patient": "7 patients, all three leads",
    "lead": "21 patients, one lead each",
    "window": "windows of a second, of all patients",
    "segment": "single waves and pauses, of all patients",
}
STARTS = {"nothing": "from random weights", "init": "from the old model", "pooled": "with the old labels"}
PILOT = 7


class Results:
    """The stored runs, found by their condition."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.runs = results

    def find(self, **where: Any) -> dict[int, dict[str, Any]]:
        """Return the runs of a condition by split; fields that are not named have their defaults."""
        key = Condition(where.pop("method", "fixmatch"), 0, **where).key()
        del key["split"]
        return {run["split"]: run for run in self.runs if all(run[name] == value for name, value in key.items())}

    def narrow(self, splits: tuple[int, ...]) -> Results:
        """Return the runs on some of the splits."""
        return Results([run for run in self.runs if run["split"] in splits])

    def score(self, subset: str = "test", figure: str = "mean_iou", **where: Any) -> pd.Series:
        """Return a figure by split."""
        return pd.Series({split: run[subset][figure] for split, run in sorted(self.find(**where).items())}, dtype=float)

    def watch(self, name: str, **where: Any) -> pd.Series:
        """Return the last figure of the pseudo-labels, by split."""
        found = {s: run["watch"][-1][name] for s, run in sorted(self.find(**where).items()) if run["watch"]}
        return pd.Series(found, dtype=float)

    def curve(self, methods: tuple[str, ...] = ("supervised", "fixmatch")) -> pd.DataFrame:
        """Return the label-efficiency curve, as `label_efficiency_curve` does, for numbers of labels on all splits."""
        rows = [
            (NAMES[method], n, N_TRAIN - n, split, 100 * score)
            for method in methods
            for n in PATIENTS
            for split, score in self.score(method=method, labeled=n).items()
        ]
        frame = pd.DataFrame(rows, columns=["estimator", "labels", "unlabeled", "split", "score"])
        splits = frame.pivot_table(index="labels", columns="estimator", values="split", aggfunc="nunique", fill_value=0)
        whole = splits.index[(splits == frame["split"].nunique()).all(axis=1)]
        return frame[frame["labels"].isin(whole)]


def write_mean(values: pd.Series, factor: float = 100, digits: int = 1, sign: bool = False) -> str:
    """Return the mean over splits, with the range if there are several."""
    values = values.dropna() * factor
    if values.empty:
        return ""
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    mean = form.format(values.mean())
    return mean if len(values) < 2 else f"{mean} ({form.format(values.min())} to {form.format(values.max())})"


def make_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table without the rows that have no results."""
    rows = [row for row in rows if any(row[1:])]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tabulate_efficiency(results: Results) -> str:
    """Return the table of part 1: scores by the number of labeled patients."""
    rows = []
    for n in PATIENTS:
        scores = {method: results.score(method=method, labeled=n) for method in NAMES}
        gain = scores["fixmatch"] - scores["supervised"]
        cells = [write_mean(score) for score in scores.values()]
        rows.append([str(n), *cells, write_mean(gain, sign=True), str(gain.count() or "")])
    head = ["labeled patients", *NAMES.values(), "gain of FixMatch", "splits"]
    return make_table(head, rows)


def tabulate_needs(results: Results) -> str:
    """Return the table of part 1: labels needed for a score near the score of all labels, on the same split."""
    curve = results.curve()
    ceiling = curve[(curve["estimator"] == NAMES["supervised"]) & (curve["labels"] == N_TRAIN)]
    if ceiling.empty or curve["split"].nunique() < 2:
        return "Unknown: two splits are needed."
    below = curve.assign(score=curve["score"] - curve["split"].map(ceiling.set_index("split")["score"]))
    rows = []
    for points in (10, 5, 3, 2, 1):
        found = [labels_needed(below, -points, estimator=NAMES[method]) for method in ("supervised", "fixmatch")]
        rows.append([f"{points} points", *map(write_need, found)])
    return make_table(
        ["distance to all labels", *(f"{NAMES[method]}: patients" for method in ("supervised", "fixmatch"))], rows
    )


def write_need(need: LabelsNeeded) -> str:
    """Return a number of labels and its interval."""
    low, high = (f"{n:.0f}" if np.isfinite(n) else f"more than {N_TRAIN}" for n in (need.low, need.high))
    best = f"{need.labels:.0f}" if np.isfinite(need.labels) else f"more than {N_TRAIN}"
    return f"{best} ({low} to {high})"


def tabulate_pilot(results: Results) -> str:
    """Return the table of part 1: forecasts from a pilot of few labels, and the measured scores."""
    rows = []
    for method in ("supervised", "fixmatch"):
        curve = results.curve((method,))
        pilot = curve[curve["labels"] <= PILOT]
        if pilot["labels"].nunique() < 3 or pilot["split"].nunique() < 2:
            continue
        for step in (8, 23, 53):
            told = suggest_budget(pilot, step=step, n_steps=1, best=100).iloc[1]
            came = curve.loc[curve["labels"] == told["labels"], "score"]
            said = f"{told['score']:.1f} ({told['low']:.1f} to {told['high']:.1f})"
            rows.append([NAMES[method], f"{int(told['labels'])}", said, write_mean(came, factor=1)])
    return make_table(["method", "patients", f"forecast from at most {PILOT}", "measured"], rows)


def tabulate_ratios(results: Results) -> str:
    """Return the table of part 2."""
    alone = results.score(method="supervised")
    rows = [["labels alone", write_mean(alone), "", ""]]
    for n in (0, 10, 30, 60, None):
        score = results.score(unlabeled=n)
        rows.append(_compare(f"{N_TRAIN - 7 if n is None else n} unlabeled patients", score, alone))
    for mu in (2.0, 4.0, 7.0):
        rows.append(
            _compare(f"{N_TRAIN - 7} unlabeled patients, `mu={mu:.0f}`", results.score(params={"mu": mu}), alone)
        )
    return make_table(["with 7 labeled patients", "mean IoU", "gain over labels alone", "splits"], rows)


def _compare(name: str, score: pd.Series, alone: pd.Series) -> list[str]:
    return [name, write_mean(score), write_mean(score - alone, sign=True), str(score.count() or "")]


def tabulate_units(results: Results) -> str:
    """Return the table of part 3."""
    rows = []
    for unit, words in UNITS.items():
        both = [results.score(method=method, unit=unit) for method in ("supervised", "fixmatch")]
        rows.append(
            [words, *map(write_mean, both), write_mean(both[1] - both[0], sign=True), str(both[1].count() or "")]
        )
    return make_table(["labeled units", "labels alone", "FixMatch", "gain", "splits"], rows)


def list_limits() -> list[tuple[str, dict[str, Any]]]:
    """Return each difficulty with its condition."""
    return [
        ("none", {}),
        *[(f"{share:.0%} of the unlabeled recordings are foreign", {"foreign": share}) for share in FOREIGN],
        *[(f"{share:.0%} of the labeled waves are wrong", {"wrong": share}) for share in WRONG],
        *[(f"boundaries off by {sd:.0f} ms (standard deviation)", {"jitter": sd}) for sd in JITTER],
        *[(f"synthetic: pattern {share:.1%} of the time", {"data": "rare", "share": share}) for share in SHARES],
    ]


def tabulate_limits(results: Results) -> str:
    """Return the table of part 4: scores, and the last mask rate and background share of the training."""
    rows = []
    for words, where in list_limits():
        alone_where = {name: value for name, value in where.items() if name != "foreign"}
        alone, both = results.score(method="supervised", **alone_where), results.score(**where)
        runs = results.find(**where)
        signs = [pd.Series([run["mask_rate"] for run in runs.values()], dtype=float)]
        signs.append(pd.Series([run["shares"]["0"] for run in runs.values()], dtype=float))
        right = results.watch("right_all", **where)
        cells = [write_mean(alone), write_mean(both), write_mean(both - alone, sign=True)]
        rows.append([words, *cells, *(write_mean(values, digits=0) for values in (*signs, right))])
    head = ["difficulty", "labels alone", "FixMatch", "gain", "mask rate", "background among believed"]
    return make_table([*head, "right among believed"], [row for row in rows if row[2]])


def tabulate_customers(results: Results) -> str:
    """Return the table of part 5."""
    rows = []
    for data, words in (("leads", "LUDB: lead II, then V2 and V5"), ("sensor", "synthetic: another sensor")):
        as_it_is = results.score(method="supervised", data=data, labeled=0, start="as it is")
        for n in (0, 1, 2, 7):
            cells = [write_mean(results.score(data=data, labeled=n, start=start)) for start in STARTS]
            rows.append([f"{words}; {n} new labeled", write_mean(as_it_is) if n == 0 else "", *cells])
    return make_table(["customers", "unchanged old model", *STARTS.values()], rows)


def tabulate_calibration(results: Results) -> str:
    """Return the table of part 6: calibration on test patients, and last pseudo-labels of hidden patients."""
    rows = []
    for n in PATIENTS:
        errors = [
            write_mean(results.score(figure="calibration_error", method=method, labeled=n))
            for method in ("supervised", "fixmatch")
        ]
        seen = [
            write_mean(results.watch(f"{what}_{where}", labeled=n), digits=0)
            for where in ("inside", "boundary")
            for what in ("believed", "right")
        ]
        rows.append([str(n), *errors, *seen])
    head = [
        "labeled patients",
        "calibration error: labels alone",
        "calibration error: FixMatch",
        "inside: believed",
        "inside: right among believed",
        "at a boundary: believed",
        "at a boundary: right among believed",
    ]
    return make_table(head, rows)


def list_settings(results: Results) -> pd.DataFrame:
    """Return the gain over labels alone on validation patients, by threshold and weight (part 6)."""
    alone = results.score("validation", method="supervised")
    table = pd.DataFrame(index=list(THRESHOLDS), columns=list(LAMBDAS), dtype=float)
    for threshold in THRESHOLDS:
        for weight in LAMBDAS:
            default = (threshold, weight) == (0.8, 1.0)
            params = {} if default else {"threshold": threshold, "lambda_u": weight}
            table.loc[threshold, weight] = 100 * (results.score("validation", params=params) - alone).mean()
    return table


TABLES: dict[str, Callable[[Results], str]] = {
    "efficiency": tabulate_efficiency,
    "needs": tabulate_needs,
    "pilot": tabulate_pilot,
    "ratios": tabulate_ratios,
    "units": tabulate_units,
    "limits": tabulate_limits,
    "customers": tabulate_customers,
    "calibration": tabulate_calibration,
}
