"""The page of the benchmark of the next customer: tables and a picture of the stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from customers import SIMPLE, WAYS
from customers_data import PAIRS
from runs import write_page

PAGE = Path(__file__).parents[2] / "docs" / "customers.md"
IMAGE = PAGE.parent / "images" / "customers.png"
WORDS = {
    "old": "the old model as it is",
    "new": "from nothing",
    "init": "from the old weights",
    "pooled": "labels of both together",
    "source": "one call with `source=`",
}
COLORS = {"old": "#7f7f7f", "new": "#1f77b4", "init": "#2ca02c", "pooled": "#ff7f0e", "source": "#d62728"}
TOLERANCE, GAIN = 0.5, 3.0  # points of mean IoU that are wanted: below the best way, above the mean of the ways
FEW = (1, 2)  # labeled units at which a gain is wanted


def write_customers(results: list[dict[str, Any]]) -> None:
    """Replace the tables and the picture of ``docs/customers.md`` by those of the stored results on test units."""
    frame = pd.DataFrame([row for row in results if row["subset"] == "test"])
    table = tabulate(frame, "mean_iou")
    scores = average(table)
    write_page("customers", make_table(scores, table), PAGE)
    write_page("customers-goals", describe_goals(scores), PAGE)
    write_page("customers-choices", make_choice_table(frame), PAGE)
    write_page("customers-counts", make_count_table(frame), PAGE)
    draw_scores(scores).savefig(IMAGE, dpi=140)


def tabulate(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the figures of each way, by pair, number of labeled units and draw; only draws that all ways have."""
    table = frame.pivot_table(index=["pair", "labeled", "draw"], columns="way", values=column).reindex(columns=WAYS)
    is_open = [[way in ("old", "pooled", "source") or labeled > 0 for way in WAYS] for _, labeled, _ in table.index]
    return table[(table.notna() | ~np.array(is_open)).all(axis=1)]


def average(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over draws in percent, by pair and number of labeled units."""
    means = 100 * table.groupby(["pair", "labeled"]).mean()
    return means.reindex([key for pair in PAIRS for key in means.index if key[0] == pair])


def make_table(scores: pd.DataFrame, table: pd.DataFrame) -> str:
    """Return the mean IoU of each way, with the call in bold where it is not behind the best simple way."""
    draws = table.groupby(["pair", "labeled"]).size()
    lines = [
        "| customers | labeled | draws | " + " | ".join(WORDS[way] for way in WAYS) + " |",
        "|---|---|---|" + "---|" * len(WAYS),
    ]
    for (pair, labeled), row in scores.iterrows():
        best = row[list(SIMPLE)].max()
        cells = ["" if np.isnan(row[way]) else f"{row[way]:.1f}" for way in WAYS]
        if row["source"] >= best - TOLERANCE:
            cells[-1] = f"**{cells[-1]}**"
        units = name_units(PAIRS[pair].units, labeled)
        lines.append(f"| {PAIRS[pair].words} | {labeled} {units} | {draws[pair, labeled]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def name_units(units: str, n: int) -> str:
    """Return the name of ``n`` units, from the name of many."""
    if n != 1:
        return units
    return "person" if units == "people" else units.removesuffix("s")


def describe_goals(scores: pd.DataFrame) -> str:
    """Return how often the call is not behind the best simple way, and by how much it is above their mean."""
    behind = scores[list(SIMPLE)].max(axis=1) - scores["source"]
    kept = int((behind <= TOLERANCE).sum())
    few = scores[scores.index.get_level_values("labeled").isin(FEW)]
    above = few["source"] - few[list(SIMPLE)].mean(axis=1)
    worst = behind.idxmax()
    return (
        f"In {kept} of {len(scores)} cells, the call is at most {TOLERANCE} points behind the best simple way. The "
        f"largest distance is {behind.max():.1f} points ({PAIRS[worst[0]].words}, {worst[1]} labeled). With one or two "
        f"labeled units, it is {above.mean():.1f} points above the mean of the simple ways (from {above.min():.1f} to "
        f"{above.max():.1f}); in {int((above >= GAIN).sum())} of {len(few)} cells by {GAIN:.0f} points or more."
    )


def make_choice_table(frame: pd.DataFrame) -> str:
    """Return how often each candidate was chosen, by the number of labeled units."""
    own = frame[frame["way"] == "source"]
    chosen = own["transfer"].map(lambda facts: facts["chosen"])
    table = pd.crosstab(chosen, own["labeled"]).sort_index()
    titles = " | ".join(f"{n} labeled" for n in table.columns)
    lines = [f"| chosen | {titles} |", "|---|" + "---|" * table.shape[1]]
    lines += [f"| `{name}` | {' | '.join(map(str, row))} |" for name, row in table.iterrows()]
    return "\n".join(lines)


def make_count_table(frame: pd.DataFrame) -> str:
    """Return segment F1, recordings with an exact count and seconds of CPU time of each way, means of all cells."""
    fields = {"segment_f1": 100, "count_exact": 100, "count_mae": 1, "cpu_seconds": 1}
    labeled = frame[frame["labeled"] > 0]
    table = labeled.groupby("way")[list(fields)].mean().reindex(WAYS) * list(fields.values())
    lines = [
        "| way | segment F1 | exact counts, % of recordings | count error per recording | CPU seconds of a fit |",
        "|---|---|---|---|---|",
    ]
    for way, row in table.iterrows():
        f1, exact, error, seconds = row
        lines.append(f"| {WORDS[way]} | {f1:.1f} | {exact:.1f} | {error:.2f} | {seconds:.0f} |")
    return "\n".join(lines)


def draw_scores(scores: pd.DataFrame) -> Any:
    """Return a figure with a panel for each pair: mean IoU by the number of labeled units."""
    pairs = list(dict.fromkeys(scores.index.get_level_values("pair")))
    n_columns = 2
    n_rows = -(-len(pairs) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(8, 2.7 * n_rows), layout="constrained", squeeze=False)
    for ax in axes.ravel()[len(pairs) :]:
        ax.axis("off")
    for ax, pair in zip(axes.ravel(), pairs, strict=False):
        own = scores.loc[pair]
        for way in WAYS:
            wide = 2.4 if way == "source" else 1.2
            label = WORDS[way].replace("`", "")
            ax.plot(range(len(own)), own[way], marker="o", color=COLORS[way], linewidth=wide, label=label)
        ax.set_xticks(range(len(own)), [str(n) for n in own.index])
        ax.set_title(PAIRS[pair].words.replace(": ", ":\n"), loc="left", fontsize=10)
        ax.set_xlabel(f"labeled {PAIRS[pair].units}")
        ax.set_ylabel("mean IoU, %")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
