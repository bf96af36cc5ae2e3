"""Pictures in ``docs/images`` and tables in ``docs/study.md``, made from the stored results of the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from runs import write_page
from study_conditions import FOREIGN, JITTER, SHARES, TWO_SPLITS, WRONG
from study_tables import NAMES, STARTS, TABLES, UNITS, Results, list_settings

from sslts.plotting import LabelEfficiencyDisplay

DOCS = Path(__file__).parents[2] / "docs"
PAGE, IMAGES = DOCS / "study.md", DOCS / "images"
COLORS = {"supervised": "#1f77b4", "fixmatch": "#d62728", "init": "#2ca02c", "pooled": "#9467bd"}
COLORS["nothing"] = COLORS["fixmatch"]
BOTH = ("supervised", "fixmatch")
ALL_SPLITS = ("efficiency", "needs", "pilot")  # tables and pictures of part 1


def write_study(results: list[dict[str, Any]], page: Path = PAGE, images: Path = IMAGES) -> None:
    """Write the pictures and the tables."""
    found = Results(results)
    two = found.narrow(TWO_SPLITS)
    for name, table in make_tables(results).items():
        write_page(f"study {name}", table, page)
    write_page("study runs", describe_runs(results), page)
    with mpl.rc_context({"backend": "Agg", "figure.dpi": 100, "savefig.dpi": 140, "font.size": 11.5}):
        for name, draw in FIGURES.items():
            figure = draw(found if name in ALL_SPLITS else two)
            figure.savefig(images / f"study_{name}.png")
            plt.close(figure)


def make_tables(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return the tables by name, as Markdown."""
    found = Results(results)
    two = found.narrow(TWO_SPLITS)
    return {name: tabulate(found if name in ALL_SPLITS else two) for name, tabulate in TABLES.items()}


def describe_runs(results: list[dict[str, Any]]) -> str:
    """Return a sentence about the number of fits, their times, the versions and the machine."""
    seconds = pd.Series([run["cpu_seconds"] for run in results])
    splits = sorted({run["split"] for run in results})
    versions = ", ".join(f"{name} {number}" for name, number in results[0]["versions"].items())
    return (
        f"{len(results)} fits on splits {', '.join(map(str, splits))}. CPU time of a fit: median {seconds.median():.0f}"
        f" seconds, at most {seconds.max():.0f}; in total {seconds.sum() / 3600:.1f} hours. {versions}; "
        f"{results[0]['machine']}."
    )


def make_axes(n: int) -> tuple[Any, list[Any]]:
    """Return a figure as wide as the page, with up to two panels in a row."""
    rows, columns = -(-n // 2), min(n, 2)
    figure, axes = plt.subplots(rows, columns, figsize=(8, 3.6 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_ylabel("mean IoU (%)")
    for ax in list(axes.flat)[n:]:
        ax.remove()
    return figure, list(axes.flat)[:n]


def draw_line(ax: Any, scores: dict[Any, pd.Series], label: str, color: str, *, shift: float = 0.0) -> None:
    """Draw means over splits as a line, splits as dots and their range as a bar, at positions 0, 1, 2, ..."""
    at = [i for i, score in enumerate(scores.values()) if score.notna().any()]
    shown = [100 * list(scores.values())[i].dropna() for i in at]
    if not at:
        return
    places = np.array(at) + shift
    ax.plot(places, [score.mean() for score in shown], color=color, marker="o", ms=4, label=label)
    ax.vlines(places, [score.min() for score in shown], [score.max() for score in shown], color=color, alpha=0.5, lw=2)
    for place, score in zip(places, shown, strict=True):
        ax.plot([place] * len(score), score, ".", color=color, ms=4, alpha=0.6)
    ax.set_xticks(range(len(scores)), [str(key) for key in scores])


def draw_efficiency(results: Results) -> Any:
    """Return the figure of part 1."""
    curve = results.curve()
    display = LabelEfficiencyDisplay(curve, baseline=NAMES["supervised"]).plot()
    display.ax_.set_ylabel("mean IoU (%)")
    display.axes_[-1].set_xlabel("labeled patients")
    return display.figure_


def draw_ratios(results: Results) -> Any:
    """Return the figure of part 2."""
    figure, (left, right) = make_axes(2)
    draw_line(
        left, {n: results.score(unlabeled=n) for n in (0, 10, 30, 60)} | {113: results.score()}, "FixMatch", "#d62728"
    )
    draw_line(
        right,
        {1: results.score()} | {int(mu): results.score(params={"mu": mu}) for mu in (2.0, 4.0, 7.0)},
        "FixMatch",
        "#d62728",
    )
    for ax, label in (
        (left, "unlabeled patients,\nwith 7 labeled patients"),
        (right, "mu: unlabeled windows\nfor each labeled window"),
    ):
        _draw_baseline(ax, results.score(method="supervised"))
        ax.set_xlabel(label)
    return figure


def _draw_baseline(ax: Any, score: pd.Series, label: str = "labels alone", *, legend: bool = True) -> None:
    if score.notna().any():
        ax.axhline(100 * score.mean(), color=COLORS["supervised"], ls="--", lw=1.2, label=label)
        ax.axhspan(100 * score.min(), 100 * score.max(), color=COLORS["supervised"], alpha=0.08)
    if legend:
        ax.legend(frameon=False, fontsize="small")


def draw_units(results: Results) -> Any:
    """Return the figure of part 3."""
    figure, (ax,) = make_axes(1)
    for method, shift in zip(BOTH, (-0.05, 0.05), strict=True):
        scores = {unit: results.score(method=method, unit=unit) for unit in UNITS}
        draw_line(ax, scores, NAMES[method], COLORS[method], shift=shift)
    for line in ax.lines:
        line.set_linestyle("none")
    ax.set_xticks(range(len(UNITS)), [words.replace(", ", ",\n") for words in UNITS.values()], fontsize="small")
    ax.legend(frameon=False)
    return figure


def draw_limits(results: Results) -> Any:
    """Return the figure of part 4."""
    figure, axes = make_axes(4)
    panels: list[tuple[str, str, tuple[float, ...]]] = [
        ("foreign", "share of foreign recordings\namong the unlabeled", (0.0, *FOREIGN)),
        ("wrong", "share of labeled waves\nwith a wrong class", (0.0, *WRONG)),
        ("jitter", "boundaries off by (ms)", (0.0, *JITTER)),
        ("share", "share of the time that\nthe pattern fills (synthetic)", SHARES),
    ]
    for ax, (name, label, values) in zip(axes, panels, strict=True):
        for method in BOTH:
            fixed = {"data": "rare"} if name == "share" else {}
            scores = {
                f"{v:g}" if name == "jitter" else f"{v:.3g}": results.score(
                    method=method, **fixed, **({} if name == "foreign" and method == "supervised" else {name: v})
                )
                for v in values
            }
            draw_line(ax, scores, NAMES[method], COLORS[method])
        ax.set_xlabel(label)
    axes[0].legend(frameon=False, fontsize="small")
    return figure


def draw_customers(results: Results) -> Any:
    """Return the figure of part 5."""
    figure, axes = make_axes(2)
    for ax, data, title in zip(
        axes, ("leads", "sensor"), ("LUDB: other leads", "synthetic: another sensor"), strict=True
    ):
        for start, words in STARTS.items():
            scores = {n: results.score(data=data, labeled=n, start=start) for n in (0, 1, 2, 7)}
            draw_line(ax, scores, words, COLORS[start])
        as_it_is = results.score(method="supervised", data=data, labeled=0, start="as it is")
        _draw_baseline(ax, as_it_is, "unchanged old model", legend=data == "sensor")
        ax.set_xticks(range(4), ["0", "1", "2", "7"])
        ax.set_xlabel(
            "labeled recordings\nof the new customer" if data == "sensor" else "labeled patients\nof the new customer"
        )
        ax.set_title(title, loc="left", fontsize="medium")
    return figure


def draw_calibration(results: Results) -> Any:
    """Return the figure of part 6: reliability, pseudo-labels over the training, gains of settings."""
    figure, (left, middle, right) = make_axes(3)
    for method in BOTH:
        curves = [np.array(run["test"]["reliability"]) for run in results.find(method=method).values()]
        for i, curve in enumerate(curves):
            shown = curve[curve[:, 2] > 50]
            left.plot(
                shown[:, 0],
                shown[:, 1],
                color=COLORS[method],
                alpha=0.8,
                marker=".",
                label=None if i else NAMES[method],
            )
    left.plot([0.3, 1], [0.3, 1], color="#999999", lw=0.8)
    left.set(xlabel="confidence (7 patients, test)", ylabel="share that is right")
    left.legend(frameon=False, fontsize="small")
    for where, color in (("inside", "#2ca02c"), ("boundary", "#ff7f0e")):
        for what, style in (("right", "-"), ("believed", ":")):
            for i, run in enumerate(results.find().values()):
                rows = pd.DataFrame(run["watch"])
                middle.plot(
                    rows["step"],
                    100 * rows[f"{what}_{where}"],
                    style,
                    color=color,
                    label=None if i else f"{what}, {where}",
                )
    middle.set(xlabel="step (7 patients,\nhidden training patients)", ylabel="%")
    middle.legend(frameon=False, fontsize="small")
    _draw_map(right, list_settings(results))
    return figure


def _draw_map(ax: Any, table: pd.DataFrame) -> None:
    """Draw the gain on validation patients for each setting."""
    limit = max(float(np.nanmax(np.abs(table.to_numpy()))), 0.5) if table.notna().any(axis=None) else 1.0
    ax.imshow(table.to_numpy(), cmap="RdYlGn", vmin=-limit, vmax=limit, aspect="auto")
    for i, j in np.ndindex(table.shape):
        value = table.to_numpy()[i, j]
        text = "not run" if np.isnan(value) else f"{value:+.1f}"
        ax.text(j, i, text, ha="center", va="center", color="white" if abs(value) > 0.7 * limit else "black")
    ax.set_xticks(range(table.shape[1]), [f"{v:g}" for v in table.columns])
    ax.set_yticks(range(table.shape[0]), [f"{v:g}" for v in table.index])
    ax.set(xlabel="lambda_u", ylabel="threshold", title="gain over labels alone\n(validation)")
    ax.title.set_fontsize("medium")


FIGURES = {
    "efficiency": draw_efficiency,
    "ratios": draw_ratios,
    "units": draw_units,
    "limits": draw_limits,
    "customers": draw_customers,
    "calibration": draw_calibration,
}
