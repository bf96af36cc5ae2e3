"""The page of the field benchmark: tables from the stored results, and pictures from kept models."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from field_data import SETS, Arrays, split_units
from field_figures import measure
from runs import write_page

import sslts

PAGE = Path(__file__).parents[2] / "docs" / "field.md"
IMAGES = PAGE.parent / "images"
METHODS = {"forest": "window features", "supervised": "labels alone", "fixmatch": "FixMatch"}
REDUCED_STEPS = 300  # of a network in a reduced benchmark
# The networks' defaults in the first runs; a cell without a later run shows them, with a mark.
EARLIER = {"normalization": "'recording'", "network": "networks.UNet(front_end=False)"}
MARK = "†"
SIZES = {"few": "few labels", "twice": "twice as many"}
FIGURES = ("mean_iou", "segment_f1", "count_error")
MORE = ("mean_iou", "segment_f1", "precision", "recall", "exact", "count_error", "length_error")
COLORS = ("#d9d9d9", "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2")


def write_field_page(results: list[dict[str, Any]]) -> None:
    """Replace the tables of ``docs/field.md`` by those of the stored results on test units."""
    for name, table in make_tables(results).items():
        write_page(name, table, PAGE)


def make_tables(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return the tables of the page by name, as Markdown; runs with other parameters than defaults are left out.

    Real sets are shown with the usual number of steps, synthetic kinds with the few steps of the reduced benchmark.
    """
    rows = [row for row in results if row["subset"] == "test" and row["params"] in ({}, EARLIER)]
    everything = pd.DataFrame(rows).assign(is_earlier=[row["params"] == EARLIER for row in rows])
    frame = _prefer_later(everything)
    steps, is_real = frame["steps"], frame["set"].map(lambda name: SETS[name].real)
    full = frame[(steps == 0) | (steps == np.where(is_real, steps.max(), REDUCED_STEPS))]
    usual = full[full["decoder"] == "default"]
    long = frame[~is_real & ~frame["is_earlier"] & ((steps == 0) | (steps == steps.max()))]
    long = _keep_common(long[(long["decoder"] == "default") & (long["labeled"] == "few")])
    return {
        "field": make_main_table(usual),
        "field-synthetic": make_main_table(usual, real=False),
        "field-synthetic-long": make_main_table(long, real=False),
        "field-changes": make_change_table(everything[everything["decoder"] == "default"]),
        "field-decoders": make_decoder_table(full),
        "field-details": make_detail_table(usual),
    }


def _keep_common(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the draws of each set that all methods have."""
    n = frame.groupby(["set", "split"])["method"].transform("nunique")
    return frame[n == len(METHODS)]


def _keep_shared(part: pd.DataFrame) -> pd.DataFrame:
    """Return the draws of a row that all of its methods have: means over different draws can't be compared."""
    n = part.groupby("split")["method"].transform("nunique")
    return part[n == part["method"].nunique()]


def _prefer_later(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs without the earlier ones of a set, method and number of labels that has as many later draws.

    Fewer later draws are left out instead: means over different draws can't be compared.
    """
    keys = ["set", "method", "labeled", "steps"]
    draws = frame.pivot_table("split", keys, "is_earlier", aggfunc="nunique", fill_value=0)
    draws = draws.reindex(columns=[False, True], fill_value=0)
    later = (draws[False] >= draws[True]).rename("later")
    return frame[frame.join(later, on=keys)["later"] != frame["is_earlier"]]


def _show(part: pd.DataFrame, figures: Sequence[str] = FIGURES) -> str:
    """Return the means over the rows, in percent, as a cell of a table."""
    if part.empty:
        return ""
    return " / ".join(f"{100 * value:.1f}" for value in part[list(figures)].mean())


def _show_marked(part: pd.DataFrame, figures: Sequence[str] = FIGURES) -> str:
    """Return the same, with a mark if the runs had the earlier defaults."""
    return _show(part, figures) + (f" {MARK}" if part["is_earlier"].any() else "")


def _show_total(pairs: Sequence[Sequence[pd.Series]], figures: Sequence[str]) -> str:
    """Return the means of both columns of a table, each over all rows, as two cells."""
    return " | ".join(_show(pd.DataFrame([pair[i] for pair in pairs]), figures) for i in range(2))


def make_change_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table of the networks with earlier and with present defaults, on the draws that both have."""
    lines = ["| signal | method | draws | earlier | now |", "|---|---|---|---|---|"]
    few, means = frame[(frame["labeled"] == "few") & (frame["steps"] == frame["steps"].max())], []
    for name in [name for name, kind in SETS.items() if kind.real]:
        for method in ("supervised", "fixmatch"):
            mine = few[(few["set"] == name) & (few["method"] == method)]
            earlier, now = (mine[mine["is_earlier"] == is_earlier] for is_earlier in (True, False))
            common = sorted(set(earlier["split"]) & set(now["split"]))
            if common:
                both = [part[part["split"].isin(common)] for part in (earlier, now)]
                means.append([part[list(FIGURES)].mean() for part in both])
                lines.append(f"| {name} | {METHODS[method]} | {len(common)} | {' | '.join(map(_show, both))} |")
    if means:
        lines.append(f"| **mean** | | | {_show_total(means, FIGURES)} |")
    return "\n".join(lines)


def make_main_table(frame: pd.DataFrame, *, real: bool = True) -> str:
    """Return a Markdown table with a row for each set and number of labeled units: means over the draws."""
    lines = [
        f"| signal | labeled | draws | {' | '.join(METHODS.values())} | all labels |",
        "|" + "---|" * (len(METHODS) + 4),
    ]
    for name, kind in SETS.items():
        mine = frame[frame["set"] == name]
        if kind.real != real or mine.empty:
            continue
        for size in SIZES:
            part = _keep_shared(mine[mine["labeled"] == size])
            cells = [_show_marked(part[part["method"] == method]) for method in METHODS]
            if not any(cells):
                continue
            every = mine[(mine["labeled"] == "all") & (mine["method"] == "supervised")]
            ceiling = _show_marked(every) if size == "few" else ""
            n, rest = int(part["n_labeled"].iloc[0]), int(part["n_unlabeled"].iloc[0])
            draws = part.groupby("method")["split"].nunique().max()
            lines.append(
                f"| {name}: {kind.words} | {n} of {n + rest} {kind.units} | {draws} | {' | '.join(cells)} | {ceiling} |"
            )
    missing = _list_missing(frame[frame["set"].isin([name for name, kind in SETS.items() if kind.real == real])])
    return "\n".join(lines) + missing


def _list_missing(frame: pd.DataFrame) -> str:
    """Return a sentence that names the classes that no labeled unit of a draw holds."""
    found = {
        f"{row.set}, draw {row.split} ({SIZES[row.labeled]}): {', '.join(row.missing)}"
        for row in frame.itertuples()
        if row.missing and row.labeled in SIZES
    }
    return f"\n\nClasses that no labeled unit holds: {'; '.join(sorted(found))}." if found else ""


def make_decoder_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table of both decoders for each set and method with few labels, and their means over sets."""
    lines = ["| signal | method | `Argmax()` | `DurationViterbi()`, the default |", "|---|---|---|---|"]
    few, figures = frame[frame["labeled"] == "few"], ("mean_iou", "segment_f1", "exact", "count_error")
    means = []
    for name in SETS:
        for method, words in METHODS.items():
            part = few[(few["set"] == name) & (few["method"] == method)]
            both = [part[part["decoder"] == decoder] for decoder in ("argmax", "default")]
            if any(one.empty for one in both):
                continue
            means.append([one[list(figures)].mean() for one in both])
            lines.append(f"| {name} | {words} | {' | '.join(_show_marked(one, figures) for one in both)} |")
    if means:
        lines.append(f"| **mean** | | {_show_total(means, figures)} |")
    return "\n".join(lines)


def make_detail_table(frame: pd.DataFrame) -> str:
    """Return a Markdown table with all figures of each set, method and number of labeled units."""
    lines = [
        "| signal | labeled | method | mean IoU of each draw | F1 | precision | recall | exact counts | count error "
        "| length error | fit (s) | predict (µs a sample) |",
        "|" + "---|" * 12,
    ]
    for name in SETS:
        for size in (*SIZES, "all"):
            for method, words in METHODS.items():
                part = frame[(frame["set"] == name) & (frame["labeled"] == size) & (frame["method"] == method)]
                if part.empty:
                    continue
                draws = ", ".join(f"{100 * value:.1f}" for value in part.sort_values("split")["mean_iou"])
                figures = " | ".join(f"{100 * part[figure].mean():.1f}" for figure in MORE[1:])
                seconds = part["fit_seconds"].mean()  # of runs on a quiet machine
                speed = 1e6 * part["predict_seconds"].sum() / part["predict_samples"].sum()
                lines.append(
                    f"| {name} | {SIZES.get(size, 'all')} | {words} | {draws} | {figures} "
                    f"| {'' if np.isnan(seconds) else f'{seconds:.0f}'} | {speed:.1f} |"
                )
    return "\n".join(lines)


def write_pictures(names: Sequence[str], folder: Path | None, keep: Path | None) -> None:
    """Draw a typical and a bad test recording of each set, with what every method finds in it.

    The models of the first draw are read from the folder of kept models; a method without a model is left out.
    """
    if keep is None:
        raise ValueError("Pictures are drawn with kept models; name their folder with --keep FOLDER.")
    for name in names:
        kind, arrays = SETS[name], SETS[name].load(folder)
        test = np.flatnonzero(np.isin(arrays.unit, split_units(arrays.unit, 0, kind.n_labeled, kind).test))
        test = test[[(arrays.y[i] >= 0).any() for i in test]]
        models = {
            words: sslts.load(path)
            for method, words in METHODS.items()
            for path in sorted(keep.glob(f"{name}-{method}-0-few-*.sslts"))
        }
        if models:
            found = {
                words: model.set_params(decoder=type(model)().decoder).predict([arrays.X[i] for i in test])
                for words, model in models.items()
            }
            _draw(name, arrays, test, found)


def _draw(name: str, arrays: Arrays, test: np.ndarray, found: dict[str, list[np.ndarray]]) -> None:
    """Write the picture of a set: the recordings with the median and a low score of the last method."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    background = SETS[name].background
    last = list(found.values())[-1]
    score: Callable[[int], float] = lambda j: measure([arrays.y[test[j]]], [last[j]], background)["segment_f1"]  # noqa: E731
    scores = np.array([score(j) for j in range(len(test))])
    order = np.argsort(np.where(np.isnan(scores), np.inf, scores))[: int(np.isfinite(scores).sum())]
    chosen = {"typical": order[len(order) // 2], "bad": order[len(order) // 20]}
    figure, axes = plt.subplots(2, 2, figsize=(8, 4.2), height_ratios=(2, 1.5), layout="constrained", sharex="col")
    for column, (word, j) in enumerate(chosen.items()):
        signal = np.atleast_2d(arrays.X[test[j]])
        scaled = (signal - signal.mean(1, keepdims=True)) / (signal.std(1, keepdims=True) + 1e-12)
        axes[0, column].plot(scaled[:3].T + 5 * np.arange(min(len(signal), 3)), linewidth=0.6, color="black")
        axes[0, column].set(title=f"{word} recording, segment F1 {scores[j]:.2f}", yticks=[])
        bands = {"labels": arrays.y[test[j]], **{words: labels[j] for words, labels in found.items()}}
        for row, labels in enumerate(bands.values()):
            edges = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]])
            for start, stop in itertools.pairwise(edges):
                color = "white" if labels[start] < 0 else COLORS[int(labels[start]) % len(COLORS)]
                axes[1, column].broken_barh([(start, stop - start)], (-row - 0.4, 0.8), color=color)
        axes[1, column].set(yticks=-np.arange(len(bands)), yticklabels=list(bands), xlabel="samples")
    figure.legend(
        handles=[Patch(color=COLORS[k % len(COLORS)], label=words) for k, words in enumerate(arrays.classes)],
        loc="outside lower center",
        ncols=min(len(arrays.classes), 8),
    )
    figure.savefig(IMAGES / f"field_{name}.png", dpi=140)
    plt.close(figure)
