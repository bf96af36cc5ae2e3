"""Helpers that the displays share: class colors, figures and axes, plain text, thinning of curves and label bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import pandas as pd

from sslts._runs import find_runs
from sslts._wrapping import find_attribute
from sslts.annotations import check_names, find_words, number_alike, read_labels

PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # options of text that users wrote
POINTS = 4000  # points per curve, about two per pixel column of a wide figure
BACKGROUND = "#d9d9d9"
PALETTE = (
    *("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf", "#8c564b", "#e377c2", "#bcbd22"),
    *("#393b79", "#ad494a", "#637939", "#8c6d31", "#7b4173"),
)


_detached: ContextVar[bool] = ContextVar("detached", default=False)


@contextmanager
def detached_figures() -> Iterator[None]:
    """Make displays draw in figures that pyplot does not manage, within a ``with`` block.

    For servers, threads and batch jobs: such a figure has no window and need not be closed. Save it by
    ``display.figure_.savefig``. Matplotlib's backend and settings stay as they are, here and everywhere in sslts.

    Examples
    --------
    >>> import io
    >>> from sslts.plotting import CountDisplay, detached_figures
    >>> with detached_figures():
    ...     display = CountDisplay.from_predictions([[0, 1, 0, 1]], [[0, 1, 1, 1]])
    >>> display.figure_.savefig(io.BytesIO())
    """
    token = _detached.set(True)
    try:
        yield
    finally:
        _detached.reset(token)


def _make_figure(width: float, height: float) -> Any:
    """Return a new figure: one of pyplot, which ``plt.show()`` shows, unless within `detached_figures`."""
    options: dict[str, Any] = {"figsize": (width, height), "layout": "constrained"}
    if _detached.get():
        from matplotlib.figure import Figure

        return Figure(**options)
    import matplotlib.pyplot as plt

    return plt.figure(**options)


def add_legend(ax: Any, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> Any:
    """Return a new legend with labels as they are written, or None if it would be empty.

    Matplotlib alone would leave out "_a", and read "$a$" as mathematics.
    """
    if not handles:
        return None
    legend = ax.legend(handles, ["x"] * len(handles), frameon=False, fontsize="small", **options)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=label, **PLAIN)
    return legend


def choose_columns(labels: Sequence[str], most: int, width: int) -> int:
    """Return the number of columns of a legend that is ``width`` characters wide, at least 1."""
    widest = max(map(len, labels), default=0) + 6  # a patch is as wide as 6 characters
    return max(min(len(labels), most, width // widest), 1)


def check_names_of(segmenter: Any, y: Any, names: Any) -> None:
    """Raise ValueError if ``names`` are not those of classes that the segmenter knows or that occur in ``y``."""
    known = getattr(segmenter, "classes_", None)
    if names is None or known is None:
        return check_names(names)
    found = [] if y is None else [np.unique(labels) for labels in read_labels(y)]
    classes = np.unique(np.concatenate([np.asarray(known, dtype=np.int64), *found]))
    return check_names(names, classes[classes >= 0])


def choose_names(segmenter: Any, names: dict[int, str] | None) -> dict[int, str] | None:
    """Return the given names, or else the words that a fitted segmenter learned; None if its classes are numbers."""
    words = find_attribute(segmenter, "class_names_")
    if names is not None or words is None:
        return names
    return {k: word for k, word in words.items() if k in find_attribute(segmenter, "classes_")}


def number_words(given: dict[str, Any], names: dict[int, str] | None) -> tuple[list[Any], dict[int, str] | None]:
    """Return labels of the same recordings as numbers, None for None, and names: the given ones, or the words.

    Examples
    --------
    >>> number_words({"y_true": [["walk", "walk"]], "y_pred": None}, None)
    ([[array([1, 1])], None], {1: 'walk'})
    """
    there = {name: labels for name, labels in given.items() if labels is not None}
    found, words = number_alike(there)
    numbers = dict(zip(there, found, strict=True))
    if names is None and words is not None:
        used = {word for labels in there.values() for word in find_words(labels) or ()}
        names = {k: word for k, word in words.items() if word in used}
    return [numbers.get(name) for name in given], names


def color_classes(classes: np.ndarray, background: int | None) -> dict[int, str]:
    """Return a color for each class, and gray for the background; -1 gets no color."""
    shown = [int(k) for k in classes if k != background and k >= 0]
    colors = {k: PALETTE[i % len(PALETTE)] for i, k in enumerate(shown)}
    return {int(k): colors.get(int(k), BACKGROUND) for k in classes if k >= 0}


def thin_curve(x: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values of at most ``points`` samples of a curve, without losing a peak.

    A short curve is returned whole. A longer curve is cut into stretches; each stretch keeps its minimum and maximum.
    """
    n = len(x)
    if n <= points:
        return np.arange(n), x
    edges = np.linspace(0, n, points // 2 + 1).astype(np.int64)[:-1]
    order = np.arange(n)
    least, greatest = np.minimum.reduceat(x, edges), np.maximum.reduceat(x, edges)
    stretch = np.searchsorted(edges, order, side="right") - 1
    first = [np.full(len(edges), n) for _ in range(2)]
    for at, extreme in zip(first, (least, greatest), strict=True):
        hit = np.flatnonzero(x == extreme[stretch])
        np.minimum.at(at, stretch[hit], hit)
    at = np.sort(np.stack(first, axis=1), axis=1).ravel()
    at = np.where(at == n, np.repeat(edges, 2), at)  # a stretch of NaN only has no minimum
    return at, x[at]


def thin_runs(labels: np.ndarray, columns: int = POINTS // 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, ends and labels of at most ``columns`` runs to draw.

    If the labels have more runs, each column shows the label of one of its samples, drawn at random: each label then
    covers its true share of the band. The most frequent label of a column would hide short segments, and the label of
    its middle sample would alias with regularly spaced segments.
    """
    starts, ends, values = find_runs(labels)
    if len(starts) <= columns:
        return starts, ends, values
    edges = np.linspace(0, len(labels), columns + 1).astype(np.int64)
    drawn = np.random.default_rng(0).integers(edges[:-1], edges[1:])
    first, last, values = find_runs(labels[drawn])
    return edges[first], edges[last], values


def split_axes(ax: Any, heights: list[float], *, width: float = 10.0, sharex: bool = True) -> tuple[Any, list[Any]]:
    """Return a figure and one axes per height, from top to bottom.

    Without ``ax`` the axes fill a new figure, otherwise the grid cell of ``ax``. Raise ValueError if ``ax`` lies in no
    grid.
    """
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    if ax is None:
        figure = _make_figure(width, sum(heights) + 0.4)
        column = figure.subplots(len(heights), 1, sharex=sharex, height_ratios=heights, squeeze=False)
        return figure, list(column[:, 0])
    cell = ax.get_subplotspec()
    if cell is None:
        raise ValueError("ax is not in a grid, so it can't be split; pass an axes made by plt.subplots, or None.")
    figure = ax.figure
    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(len(heights), 1, subplot_spec=cell, height_ratios=heights)
    axes: list[Any] = []
    for row in range(len(heights)):
        axes.append(figure.add_subplot(grid[row], sharex=axes[0] if axes and sharex else None))
    if sharex:
        for upper in axes[:-1]:
            upper.tick_params(labelbottom=False)
    return figure, axes


def make_axes(ax: Any, width: float, height: float) -> tuple[Any, Any]:
    """Return ``ax`` and its figure; without ``ax``, a new figure and axes of this size."""
    if ax is not None:
        return ax.figure, ax
    figure = _make_figure(width, height)
    return figure, figure.subplots()


def draw_curve(ax: Any, table: pd.DataFrame, column: str, color: str) -> Any:
    """Draw a curve over ``labels`` with an interval ``low, high`` at each point, and return it; NaN is invisible."""
    (line,) = ax.plot(table["labels"], table[column], color=color, marker="o", ms=4, lw=1.5)
    ax.vlines(table["labels"], table["low"], table["high"], color=color, lw=1.2, alpha=0.6)
    return line
