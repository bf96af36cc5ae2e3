"""What the pictures share: a colour for each class, a figure or a part of one, curves and bands thinned."""

from __future__ import annotations

from typing import Any

import numpy as np

from sslts._runs import find_runs

POINTS = 4000  # of a curve, about twice as many as a wide picture has columns
BACKGROUND = "#d9d9d9"
PALETTE = (
    *("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf", "#8c564b", "#e377c2", "#bcbd22"),
    *("#393b79", "#ad494a", "#637939", "#8c6d31", "#7b4173"),
)


def color_classes(classes: np.ndarray, background: int | None) -> dict[int, str]:
    """Return a colour for each class; grey for the background.

    Examples
    --------
    >>> color_classes(np.array([0, 3]), 0)
    {0: '#d9d9d9', 3: '#1f77b4'}
    """
    shown = [int(k) for k in classes if k != background and k >= 0]
    colors = {k: PALETTE[i % len(PALETTE)] for i, k in enumerate(shown)}
    return {int(k): colors.get(int(k), BACKGROUND) for k in classes if k >= 0}


def thin_curve(x: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values to draw: all, or the least and the greatest of each stretch, so that no peak is lost.

    Examples
    --------
    >>> at, values = thin_curve(np.r_[np.zeros(500), 9.0, np.zeros(499)], points=20)
    >>> len(values), float(values.max()), int(at[values.argmax()])
    (20, 9.0, 500)
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
    at = np.where(at == n, np.repeat(edges, 2), at)  # a stretch of nan
    return at, x[at]


def thin_runs(labels: np.ndarray, columns: int = POINTS // 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts, ends and values of the runs to draw: all, or if there are more than columns, one for each.

    A column has the label of one of its samples, drawn at random: so all labels are seen as often as they occur. The
    most frequent one would hide short segments everywhere, that of the middle beats with segments at equal distances.

    Examples
    --------
    >>> starts, ends, values = thin_runs(np.array([1, 1, 1, 1, 2, 0, 2, 0, 3, 3, 3, 3]), columns=3)
    >>> starts.tolist(), ends.tolist(), values.tolist()
    ([0, 4, 8], [4, 8, 12], [1, 2, 3])
    """
    starts, ends, values = find_runs(labels)
    if len(starts) <= columns:
        return starts, ends, values
    edges = np.linspace(0, len(labels), columns + 1).astype(np.int64)
    drawn = np.random.default_rng(0).integers(edges[:-1], edges[1:])
    first, last, values = find_runs(labels[drawn])
    return edges[first], edges[last], values


def split_axes(ax: Any, heights: list[float], *, width: float = 10.0, sharex: bool = True) -> tuple[Any, list[Any]]:
    """Return a figure and axes one above the other, in a new figure or in the place of an axes.

    Raises
    ------
    ValueError
        If the axes has no place in a grid.

    Examples
    --------
    >>> figure, axes = split_axes(None, [2.0, 1.0])
    >>> len(axes), float(figure.get_size_inches()[1])
    (2, 3.4)
    """
    import matplotlib.pyplot as plt
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    if ax is None:
        figure, column = plt.subplots(
            len(heights),
            1,
            figsize=(width, sum(heights) + 0.4),
            sharex=sharex,
            height_ratios=heights,
            layout="constrained",
            squeeze=False,
        )
        return figure, list(column[:, 0])
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("ax has no place in a grid, so it can't be divided; make it with plt.subplots, or pass None.")
    figure = ax.figure
    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(len(heights), 1, subplot_spec=place, height_ratios=heights)
    axes: list[Any] = []
    for row in range(len(heights)):
        axes.append(figure.add_subplot(grid[row], sharex=axes[0] if axes and sharex else None))
    if sharex:
        for upper in axes[:-1]:
            upper.tick_params(labelbottom=False)
    return figure, axes


def make_axes(ax: Any, width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and its axes: new ones, or those of the axes that is given.

    Examples
    --------
    >>> figure, ax = make_axes(None, 4, 3)
    >>> make_axes(ax, 8, 6) == (figure, ax)
    True
    """
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax.figure, ax
    return plt.subplots(figsize=(width, height), layout="constrained")
