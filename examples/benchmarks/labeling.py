"""Benchmark of labeling: what labels buy, by the way in which the stretches to label are chosen.

In each round, stretches of the training recordings are labeled, and a segmenter is fitted on all labels so far. Each
strategy starts from nothing. Units (persons, machines, days, patients) are split as in the benchmark of the field; a
unit is a group. Every draw has other units for training and test. Results are stored in JSON files; a stored fit is not
repeated.

Run from the root of the project::

    python examples/benchmarks/labeling.py --data FOLDER
    python examples/benchmarks/labeling.py --data FOLDER --validate
    python examples/benchmarks/labeling.py --table
    python examples/benchmarks/labeling.py --write-page

``--validate`` labels two thirds of the units of training and scores the others, and leaves the test units alone: choose
by it. The electrocardiograms have the leads II, V2 and V5 only.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from field_data import SETS, Arrays, split_units
from runs import add_results, describe_machine, has_run, make_segmenter, read_results, write_page
from scipy import stats
from sklearn.ensemble import ExtraTreesClassifier

from sslts import Annotations, WindowFeatureSegmenter
from sslts.annotations import measure_runs, summarize_signal
from sslts.datasets import load_ludb
from sslts.labeling import (
    EVERYTHING,
    CoveringStretches,
    RandomStretches,
    RepresentativeStretches,
    Strategy,
    UncertainStretches,
    grow_points,
    simulate_labeling,
    suggest_stretches,
)
from sslts.plotting import LabelingDisplay

LABELING_PAGE = Path(__file__).parents[2] / "docs" / "labeling.md"
RESULTS = Path(__file__).parent / "results" / "labeling.json"
STEPS = 300
LEADS = ["ii", "v2", "v5"]
CLICKS = ("intervals", "points", "grown")  # stretches at random, labeled by two clicks an occurrence or by one
RESTARTS = ("anew", "continued", "continued, a third of the steps")
SHARE = 0.98  # of the score of all labels
STRATEGIES: dict[str, Strategy] = {
    "recordings": RandomStretches(recordings=True),
    "random": RandomStretches(),
    "representative": RepresentativeStretches(),
    "uncertain": UncertainStretches(),
    "covering": CoveringStretches(),
}
NAMES = {
    "recordings": "whole recordings at random",
    "random": "stretches at random",
    "representative": "representative stretches",
    "uncertain": "uncertain and far stretches",
    "covering": "covering stretches",
}


class Plan(NamedTuple):
    """The stretches of each round, the whole recordings of each round, and the segmenter."""

    budget: tuple[int, ...]
    recordings: tuple[int, ...]
    method: str = "forest"


PLANS = {
    "tug": Plan((4, 4, 8, 16, 32), (1, 1, 2, 4, 8)),
    "water": Plan((4, 4, 8, 16, 32), (2, 2, 4, 8, 16)),
    "actuator": Plan((4, 4, 8, 16, 32), (1, 1, 2, 4, 8)),
    "myo": Plan((4, 4, 8, 16, 32), (1, 1, 2, 4, 8)),
    "ludb": Plan((10, 10, 20, 40, 80), (2, 2, 4, 8, 16)),
    "states": Plan((4, 4, 8, 16, 32), (2, 2, 4, 8, 16)),
    "touching": Plan((4, 4, 8, 16, 32), (1, 1, 2, 4, 8)),
}


def load(name: str, folder: Path | None) -> Arrays:
    """Return the recordings of a set, with three leads of the electrocardiograms."""
    if name != "ludb":
        return SETS[name].load(folder)
    X, y, groups, names = load_ludb(None if folder is None else folder / "ludb-1.0.1", protocol="masked", leads=LEADS)
    return Arrays(list(X), list(y), groups, names)


def choose_units(name: str, arrays: Arrays, draw: int, subset: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the recordings to label and those to score."""
    kind = SETS[name]
    split = split_units(arrays.unit, draw, 1, kind)
    train, scored = np.concatenate([split.labeled, split.unlabeled]), split.test
    if subset == "validation":
        n = max(len(train) // 3, 1)
        train, scored = train[n:], train[:n]
    return np.flatnonzero(np.isin(arrays.unit, train)), np.flatnonzero(np.isin(arrays.unit, scored))


def make_model(method: str, seed: int, background: int | None) -> Any:
    """Return the segmenter of the loop: a small forest of window features, or a network with a short training."""
    if method == "forest":
        trees = ExtraTreesClassifier(20, min_samples_leaf=5, max_features="sqrt")
        return WindowFeatureSegmenter(classifier=trees, max_samples=10_000, background=background, random_state=seed)
    return make_segmenter(method, STEPS, seed, background=background, verbose=0)


def choose_length(y: list[np.ndarray], background: int | None) -> int:
    """Return the length of a stretch: ten segments of typical length."""
    runs = Annotations.from_labels(y, background=background).runs
    statistics = measure_runs(runs, background=background)
    return round(10 * summarize_signal(statistics, runs.lengths, n_channels=1).segment_length)


class Draw(NamedTuple):
    """The recordings to label and their units, the recordings to score, and the length of a stretch."""

    X: list[np.ndarray]
    y: list[np.ndarray]
    unit: np.ndarray
    test: tuple[list[np.ndarray], list[np.ndarray]]
    length: int


def prepare(key: dict[str, Any], folder: Path | None) -> Draw:
    """Return the recordings of one set in one draw."""
    arrays = load(key["set"], folder)
    train, scored = choose_units(key["set"], arrays, key["draw"], key["subset"])
    X, y = [arrays.X[i] for i in train], [arrays.y[i] for i in train]
    length = min(choose_length(y, SETS[key["set"]].background), int(np.median([len(labels) for labels in y])))
    return Draw(X, y, arrays.unit[train], ([arrays.X[i] for i in scored], [arrays.y[i] for i in scored]), length)


def run(key: dict[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    """Simulate the labeling of one set in one draw by one strategy, and return a row for each round."""
    plan, background = PLANS[key["set"]], SETS[key["set"]].background
    draw = prepare(key, folder)
    whole = key["strategy"] == "recordings"
    budget = plan.recordings if whole else plan.budget
    table = simulate_labeling(
        make_model(plan.method, key["draw"], background),
        draw.X,
        draw.y,
        STRATEGIES.get(key["strategy"], RandomStretches()),
        test=draw.test,
        rounds=1 if key["strategy"] == "all" else len(budget),
        budget=1 if key["strategy"] == "all" else budget,
        length=draw.length,
        groups=draw.unit,
        ceiling=key["strategy"] == "all",
        random_state=key["draw"],
    )
    table = table[(table["round"] == 0) == (key["strategy"] == "all")]
    columns = ["round", "stretches", "samples", "segments", "clicks", "corrections", "score", "fit_seconds"]
    return describe([{**key, **row, "length": draw.length} for row in table[columns].to_dict("records")])


def describe(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of one run, the first one with the versions and the machine."""
    return [{**row, **(describe_machine() if k == 0 else {})} for k, row in enumerate(rows)]


def draw_stretches(draw: Draw, n: int, seed: int) -> pd.DataFrame:
    """Return at most `n` random stretches whose labels are known."""
    known = np.array([(labels >= 0).sum() for labels in draw.y])
    most = int(np.where(2 * known >= draw.length, np.maximum(np.round(known / draw.length), 1), 0).sum())
    unknown = [np.where(labels < 0, 0, -1) for labels in draw.y]
    options = {"length": draw.length, "groups": draw.unit, "strategy": RandomStretches(), "random_state": seed}
    return suggest_stretches(None, draw.X, unknown, n=min(n, most), **options)


def run_clicks(key: dict[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    """Label stretches at random by intervals, or twice as many by points, and return a row for each number of clicks.

    An interval takes two clicks, a point one. Points lie in the middle half of an occurrence. "grown" fits on the
    points first, lets this model grow them to segments, and fits again.
    """
    plan, background = PLANS[key["set"]], SETS[key["set"]].background
    draw = prepare(key, folder)
    X, truth = draw.X, Annotations.from_labels(draw.y, background=background)
    statistics = measure_runs(truth.runs, background=background)
    typical = {k: float(np.median(own)) for k, own in zip(statistics.classes, statistics.lengths, strict=True) if own}
    rng = np.random.default_rng(key["draw"])
    twice = 1 if key["strategy"] == "intervals" else 2
    order = draw_stretches(draw, twice * sum(plan.budget), key["draw"])
    rows = []
    for number, total in enumerate(np.cumsum(plan.budget), start=1):
        stretches = order.iloc[: twice * total]
        inside = cut_segments(truth, stretches)
        if twice == 2:
            share = rng.uniform(0.25, 0.75, len(inside))
            position = inside["start"] + (share * (inside["end"] - inside["start"])).astype(int)
            points = inside.assign(position=position)
            labels = Annotations.from_points(points, X, length=typical, looked_at=stretches, background=background)
        else:
            labels = Annotations.from_table(inside, X, stretches, background=background)
        model = make_model(plan.method, key["draw"], background).fit(X, labels.list_labels())
        if key["strategy"] == "grown":
            grown = grow_points(model, points, X, looked_at=stretches)
            model = make_model(plan.method, key["draw"], background).fit(X, grown.list_labels())
        score = model.score(*draw.test)
        clicks = len(inside) * (1 if twice == 2 else 2)
        rows.append({**key, "round": number, "stretches": len(stretches), "clicks": clicks, "score": score})
    return describe([{**row, "length": draw.length} for row in rows])


def run_restart(key: dict[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    """Fit a network on some stretches and then on twice as many: anew, or from the first network."""
    background = SETS[key["set"]].background
    draw = prepare(key, folder)
    X, truth = draw.X, Annotations.from_labels(draw.y, background=background)
    n = sum(PLANS[key["set"]].budget[:3])
    order = draw_stretches(draw, n, key["draw"])
    few = truth.keep_stretches(order.iloc[: n // 2]).list_labels()
    first = make_model("supervised", key["draw"], background).fit(X, few)
    model = make_model("supervised", key["draw"], background)
    if key["strategy"] != "anew":
        model.set_params(init=first)
    if key["strategy"] == "continued, a third of the steps":
        model.set_params(max_steps=STEPS // 3)
    begun = time.perf_counter()
    model.fit(X, truth.keep_stretches(order).list_labels())
    seconds = time.perf_counter() - begun
    score = model.score(*draw.test)
    return [{**key, "score": score, "fit_seconds": seconds, "length": draw.length, **describe_machine()}]


def write_restarts(table: pd.DataFrame) -> str:
    """Return the scores of networks that are fitted anew on more labels, or from the network before."""
    lines = [f"| signal | draws | {' | '.join(RESTARTS)} |", "|---|---|---|---|---|"]
    for name in [one for one in PLANS if one in set(table["set"])]:
        own = [table[(table["set"] == name) & (table["strategy"] == one)]["score"] for one in RESTARTS]
        if all(map(len, own)):
            cells = " | ".join(f"{100 * scores.mean():.1f}" for scores in own)
            lines.append(f"| {name} | {len(own[0])} | {cells} |")
    return "\n".join(lines)


def cut_segments(truth: Annotations, stretches: pd.DataFrame) -> pd.DataFrame:
    """Return the true segments inside stretches, cut at their ends."""
    table, parts = truth.table, []
    for i, start, end in stretches[["recording", "start", "end"]].itertuples(index=False, name=None):
        own = table[(table["recording"] == i) & (table["start"] < end) & (table["end"] > start)]
        parts.append(own.assign(start=own["start"].clip(lower=start), end=own["end"].clip(upper=end)))
    return pd.concat(parts, ignore_index=True)


def find_effort(rows: pd.DataFrame, level: float, effort: str = "clicks") -> float:
    """Return the effort at which the mean score over draws first reaches a level; infinite if it never does.

    Between two rounds, the score grows linearly with the logarithm of the effort.
    """
    means = rows.groupby("round")[["score", effort]].mean()
    score, spent = means["score"].cummax().to_numpy(), np.log(means[effort].to_numpy())
    k = int(np.searchsorted(score, level))
    if k in (0, len(score)):
        return float(np.exp(spent[0])) if k == 0 else float("inf")
    share = (level - score[k - 1]) / (score[k] - score[k - 1])
    return float(np.exp(spent[k - 1] + share * (spent[k] - spent[k - 1])))


def compare(own: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float]:
    """Return the mean difference of two strategies over rounds, and the half width of its 95 % interval over draws."""
    each = [rows.pivot_table(index="draw", columns="round", values="score") for rows in (own, other)]
    difference = (each[0] - each[1]).mean(axis=1).dropna()
    half = stats.t.ppf(0.975, len(difference) - 1) * difference.std() / np.sqrt(len(difference))
    return 100 * float(difference.mean()), 100 * float(half)


def compare_efforts(own: pd.DataFrame, other: pd.DataFrame) -> float:
    """Return the share of the clicks of the other strategy that reaches its scores after rounds 2 to 5, a mean.

    A score that is not reached counts as twice the clicks of the other strategy.
    """
    means = other.groupby("round")[["score", "clicks"]].mean()
    shares = []
    for level, clicks in zip(means["score"].cummax()[1:], means["clicks"][1:], strict=True):
        shares.append(min(find_effort(own, level) / clicks, 2.0))
    return float(np.exp(np.mean(np.log(shares))))


def write_scores(table: pd.DataFrame) -> str:
    """Return the scores of each strategy by round, and the effort that reaches 98 % of the score of all labels."""
    lines = [
        "| signal | stretches | score after each round | labeled segments | 98 % of all labels | against random |",
        "|---|---|---|---|---|---|",
    ]
    ratios: dict[str, list[float]] = {}
    for name in [one for one in PLANS if one in set(table["set"])]:
        own = table[table["set"] == name]
        full = own[own["strategy"] == "all"]
        random = own[own["strategy"] == "random"]
        level, segments = SHARE * full["score"].mean(), full["segments"].mean()
        n = full["draw"].nunique()
        head = f"{name}: {100 * full['score'].mean():.1f} with all {segments:,.0f} segments, {n} draws"
        for strategy, words in NAMES.items():
            played = own[own["strategy"] == strategy]
            if not len(played):
                continue
            scores = " ".join(f"{100 * score:.1f}" for score in played.groupby("round")["score"].mean())
            spent = " ".join(f"{count:.0f}" for count in played.groupby("round")["segments"].mean())
            share = find_effort(played, level, "segments") / segments
            reached = f"at {100 * share:.1f} % of the segments" if np.isfinite(share) else "not reached"
            against = ""
            if strategy not in ("random", "recordings"):
                difference, half = compare(played, random)
                ratio = compare_efforts(played, random)
                ratios.setdefault(words, []).append(ratio)
                against = f"{difference:+.1f} ± {half:.1f} points, {100 * ratio:.0f} % of the clicks"
            lines.append(f"| {head} | {words} | {scores} | {spent} | {reached} | {against} |")
            head = ""
    for words, each in ratios.items():
        mean = 100 * np.exp(np.mean(np.log(each)))
        lines.append(f"| **mean over {len(each)} sets** | {words} |  |  |  | {mean:.0f} % of the clicks |")
    return "\n".join(lines)


def write_corrections(table: pd.DataFrame) -> str:
    """Return the clicks of the last round by hand, and those that correct the segments of the round before."""
    lines = ["| signal | clicks by hand | clicks that correct | share |", "|---|---|---|---|"]
    own = table[table["strategy"] == "random"]
    for name in [one for one in PLANS if one in set(own["set"])]:
        means = own[own["set"] == name].groupby("round")[["clicks", "corrections"]].mean()
        last = means.iloc[-1] - means.iloc[-2]
        share = 100 * last["corrections"] / last["clicks"]
        lines.append(f"| {name} | {last['clicks']:.0f} | {last['corrections']:.0f} | {share:.0f} % |")
    return "\n".join(lines)


def write_points(table: pd.DataFrame) -> str:
    """Return the scores of labels by intervals and by points at equal clicks."""
    lines = [
        "| signal | clicks | intervals | points | points, grown | grown less intervals |",
        "|---|---|---|---|---|---|",
    ]
    for name in [one for one in PLANS if one in set(table["set"])]:
        own = {one: table[(table["set"] == name) & (table["strategy"] == one)] for one in CLICKS}
        if not all(map(len, own.values())):
            continue
        scores = [" ".join(f"{100 * s:.1f}" for s in rows.groupby("round")["score"].mean()) for rows in own.values()]
        clicks = " ".join(f"{n:.0f}" for n in own["intervals"].groupby("round")["clicks"].mean())
        difference, half = compare(own["grown"], own["intervals"])
        lines.append(f"| {name} | {clicks} | {' | '.join(scores)} | {difference:+.1f} ± {half:.1f} |")
    return "\n".join(lines)


def draw_curves(table: pd.DataFrame, path: Path) -> None:
    """Draw the score of each strategy over the clicks, one axes for each set."""
    names = [one for one in PLANS if one in set(table["set"])]
    plt.rcParams["font.size"] = 11.5  # legible at the width of the page
    figure, axes = plt.subplots(-(-len(names) // 2), 2, figsize=(8, 2.9 * -(-len(names) // 2)), layout="constrained")
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for name, ax in zip(names, axes.flat, strict=False):
        own = table[(table["set"] == name) & table["strategy"].isin([*NAMES, "all"])]
        words = {**NAMES, "all": EVERYTHING}
        LabelingDisplay(own.assign(strategy=own["strategy"].map(words))).plot(ax=ax)
        kind = SETS[name].words.split(":")[0] if SETS[name].real else f"synthetic: {name}"
        ax.set_title(kind, loc="left", fontsize=11)
    legend = axes.flat[0].get_legend()
    words = [text.get_text() for text in legend.get_texts()]
    figure.legend(legend.legend_handles, words, loc="outside lower center", ncols=2, frameon=False)
    for ax in axes.flat[: len(names)]:
        ax.get_legend().remove()
    figure.savefig(path, dpi=140)
    plt.close(figure)


def main() -> None:
    """Run the requested simulations that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the real sets and of LUDB")
    parser.add_argument("--sets", nargs="+", choices=PLANS, default=list(PLANS))
    parser.add_argument("--strategies", nargs="+", default=["all", *STRATEGIES, *CLICKS])
    parser.add_argument("--draws", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--validate", action="store_true", help="score units of training, not the test")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the tables, and stop")
    parser.add_argument("--write-page", action="store_true", help="write docs/labeling.md, and stop")
    options = parser.parse_args()
    if options.table or options.write_page:
        table = pd.DataFrame(read_results(options.results))
        parts = {"scores": write_scores, "corrections": write_corrections, "points": write_points}
        parts["restarts"] = write_restarts
        for subset, own in table.groupby("subset"):
            for name, write in parts.items():
                if options.table:
                    print(f"{subset}\n{write(own)}\n")
                elif subset == "test":
                    write_page(f"labeling-{name}", write(own), LABELING_PAGE)
        if options.write_page:
            draw_curves(table[table["subset"] == "test"], LABELING_PAGE.parent / "images" / "labeling_curves.png")
        return
    for draw in options.draws:
        for name in options.sets:
            for strategy in options.strategies:
                subset = "validation" if options.validate else "test"
                key = {"set": name, "strategy": strategy, "draw": draw, "subset": subset}
                if not has_run(options.results, key):
                    play = run_clicks if strategy in CLICKS else run_restart if strategy in RESTARTS else run
                    rows = play(key, options.data)
                    add_results(options.results, rows)
                    scores = " ".join(f"{100 * row['score']:.1f}" for row in rows)
                    seconds = sum(row.get("fit_seconds", 0) for row in rows)
                    print(f"{name:<10}{strategy:<16}{draw} {scores}  {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
