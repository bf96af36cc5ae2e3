"""How the score grows with the number of labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from sslts.model_selection import check_confidence, choose_scores, gap_closed, label_efficiency_curve, summarize_scores
from sslts.plotting._style import PALETTE, split_axes


class LabelEfficiencyDisplay:
    """Scores over the number of labels, with intervals over splits; below, how much of the gap is closed.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `label_efficiency_curve`, with one number of unlabeled recordings for each fit.
    baseline : str, default=None
        The estimator that learns from labels alone. Its score at its most labels is the ceiling, a dashed line; the
        lower axes shows the share of the gap between baseline and ceiling that the others close. None: neither.
    confidence : float, default=0.95
        Of the intervals (Student's, over splits). With one split there are none.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The scores.
    axes_ : list of Axes
        The scores and, with a baseline and other estimators, the gap closed.
    ceiling_ : float or None
        The baseline's score at its most labels.
    gap_ : pandas.DataFrame or None
        What `gap_closed` returns.

    See Also
    --------
    sslts.model_selection.labels_needed : The number of labels that a score needs.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.plotting import LabelEfficiencyDisplay
    >>> rows = [("labels alone", n, s, 0.9 - 0.3 / n) for n in (1, 4, 16) for s in (0, 1)]
    >>> rows += [("FixMatch", n, s, 0.9 - 0.2 / n) for n in (1, 4) for s in (0, 1)]
    >>> curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
    >>> display = LabelEfficiencyDisplay(curve, baseline="labels alone").plot()
    >>> round(display.ceiling_, 3), len(display.axes_)
    (0.881, 2)
    """

    def __init__(self, curve: pd.DataFrame, *, baseline: str | None = None, confidence: float = 0.95) -> None:
        self.curve = curve
        self.baseline = baseline
        self.confidence = confidence

    @classmethod
    def from_estimator(
        cls,
        estimators: Any,
        X: Any,
        y: Any,
        *,
        n_labeled: Sequence[int],
        n_unlabeled: int | None = None,
        groups: Sequence[Any] | None = None,
        cv: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        random_state: int | None = None,
        file: str | os.PathLike[str] | None = None,
        baseline: str | None = None,
        confidence: float = 0.95,
        ax: Any = None,
    ) -> Self:
        """Fit on few labels and on more, and draw the scores.

        Parameters
        ----------
        estimators : dict of str to estimator, or estimator
            What is compared.
        X : array-like
            Recordings.
        y : array-like of int
            Labels; ``-1`` is unlabeled.
        n_labeled, n_unlabeled, groups, cv, scoring, n_jobs, random_state, file
            As `label_efficiency_curve` takes them.
        baseline : str, default=None
            The estimator that learns from labels alone.
        confidence : float, default=0.95
            Of the intervals.
        ax : Axes, default=None
            Where to draw; it is divided.

        Returns
        -------
        LabelEfficiencyDisplay
        """
        curve = label_efficiency_curve(
            estimators,
            X,
            y,
            n_labeled=n_labeled,
            n_unlabeled=n_unlabeled,
            groups=groups,
            cv=cv,
            scoring=scoring,
            n_jobs=n_jobs,
            random_state=random_state,
            file=file,
        )
        return cls(curve, baseline=baseline, confidence=confidence).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; it is divided if there is a gap to show. None makes a figure.

        Returns
        -------
        LabelEfficiencyDisplay

        Raises
        ------
        ValueError
            If the curve lacks the baseline, or scores.
        """
        check_confidence(self.confidence)
        names = list(dict.fromkeys(self.curve["estimator"]))
        if not names:
            raise ValueError("curve is empty.")
        tables = {name: summarize_scores(choose_scores(self.curve, name), self.confidence) for name in names}
        self.ceiling_ = None if self.baseline is None else float(self._get(tables, self.baseline)["score"].iloc[-1])
        others = [name for name in names if name != self.baseline]
        self.gap_ = None
        if self.baseline is not None and others:
            self.gap_ = gap_closed(self.curve, baseline=self.baseline, confidence=self.confidence)
        shows_gap = self.gap_ is not None and len(self.gap_) > 0
        self.figure_, self.axes_ = split_axes(ax, [3.2, 1.7] if shows_gap else [3.2], width=7.0)
        self.ax_ = self.axes_[0]
        colors = dict(zip(names, PALETTE * (len(names) // len(PALETTE) + 1), strict=False))
        for place, (name, table) in enumerate(tables.items()):
            table = table.assign(labels=_dodge(table["labels"], place, len(tables)))
            _draw_curve(self.axes_[0], table, "score", colors[name], name)
        if self.ceiling_ is not None:
            most = int(tables[self.baseline]["labels"].iloc[-1])
            self.ax_.axhline(self.ceiling_, color="#333333", lw=1, ls="--", label=f"{self.baseline}, {most} labeled")
        self.ax_.set_ylabel("score")
        means = pd.concat([table["score"] for table in tables.values()])
        room = 0.6 * float(means.max() - means.min()) or 0.1  # few splits have intervals that would hide the curves
        low, high = self.ax_.get_ylim()
        self.ax_.set_ylim(max(low, means.min() - room), min(high, means.max() + room))
        self.ax_.legend(frameon=False, fontsize="small")
        if shows_gap:
            self._draw_gap(self.axes_[1], colors)
        self._dress(sorted({int(n) for table in tables.values() for n in table["labels"]}))
        return self

    def _get(self, tables: dict[str, pd.DataFrame], name: str) -> pd.DataFrame:
        if name not in tables:
            raise ValueError(f"baseline={name!r} is not in the curve, which has {list(tables)}.")
        return tables[name]

    def _draw_gap(self, ax: Any, colors: dict[str, str]) -> None:
        assert self.gap_ is not None
        for place, (name, rows) in enumerate(self.gap_.groupby("estimator", sort=False)):
            shown = rows.assign(labels=_dodge(rows["labels"], place, self.gap_["estimator"].nunique()))
            _draw_curve(ax, shown, "gap", colors[str(name)], str(name))
        ax.axhline(0, color="#333333", lw=0.8)
        ax.set_ylim(*np.clip(ax.get_ylim(), -1.0, 1.5))
        ax.set_ylabel("gap closed")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")

    def _dress(self, labels: list[int]) -> None:
        for each in self.axes_:
            each.set_xscale("log")
            each.set_xticks(labels, [str(n) for n in labels])
            each.minorticks_off()
            each.spines[["top", "right"]].set_visible(False)
        self.axes_[-1].set_xlabel("labeled")


def _dodge(labels: pd.Series, place: int, n: int) -> pd.Series:
    """Return positions a little apart, so that the intervals of several estimators don't hide one another."""
    return labels * 1.03 ** (place - (n - 1) / 2)


def _draw_curve(ax: Any, table: pd.DataFrame, column: str, color: str, name: str) -> None:
    """Draw a line, and an interval at each number of labels, where there is one."""
    ax.plot(table["labels"], table[column], color=color, marker="o", ms=4, lw=1.5, label=name)
    ax.vlines(table["labels"], table["low"], table["high"], color=color, lw=1.2, alpha=0.6)
