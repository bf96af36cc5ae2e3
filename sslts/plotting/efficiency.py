"""Plot of the score against the number of labeled recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._text import clean_text
from sslts.model_selection import check_confidence, choose_scores, gap_closed, label_efficiency_curve, summarize_scores
from sslts.plotting._style import PALETTE, add_legend, draw_curve, split_axes

_LONGEST_NAME = 50


class LabelEfficiencyDisplay:
    """Scores against the number of labeled recordings, and the share of the gap to the ceiling that is closed.

    Parameters
    ----------
    curve : pandas.DataFrame
        The table of `sslts.model_selection.label_efficiency_curve`, with one number of unlabeled recordings per fit.
    baseline : str, default=None
        Name of the estimator that is trained on labeled recordings only. Its score with the most labels is the
        ceiling, drawn as a dashed line. The lower axes shows which share of the gap between baseline and ceiling the
        other estimators close. None: neither is drawn.
    confidence : float, default=0.95
        Confidence level of the intervals (Student's t, over splits). One split has no intervals.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The axes of the scores.
    axes_ : list of Axes
        The axes of the scores and, with a baseline and other estimators, of the gap closed.
    ceiling_ : float or None
        The baseline's score with the most labels.
    gap_ : pandas.DataFrame or None
        The table of `sslts.model_selection.gap_closed`.

    See Also
    --------
    sslts.model_selection.labels_needed : Number of labels needed to reach a score.

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
        """Fit estimators with increasing numbers of labeled recordings, and plot their scores.

        Parameters
        ----------
        estimators : dict of str to estimator, or estimator
            The estimators to compare.
        X : array-like
            Recordings.
        y : array-like of int
            Labels; ``-1`` is unlabeled.
        n_labeled, n_unlabeled, groups, cv, scoring, n_jobs, random_state, file
            See `sslts.model_selection.label_efficiency_curve`.
        baseline : str, default=None
            Name of the estimator that is trained on labeled recordings only.
        confidence : float, default=0.95
            Confidence level of the intervals.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

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
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in; it is split if there is a gap to show. None makes a new figure.

        Returns
        -------
        LabelEfficiencyDisplay

        Raises
        ------
        ValueError
            If the curve is empty or does not contain the baseline.
        """
        check_confidence(self.confidence)
        names = list(dict.fromkeys(self.curve["estimator"]))
        if not names:
            raise ValueError("curve is empty; pass a table from label_efficiency_curve.")
        tables = {name: summarize_scores(choose_scores(self.curve, name), self.confidence) for name in names}
        self.ceiling_ = None if self.baseline is None else float(self._get_baseline(tables)["score"].iloc[-1])
        others = [name for name in names if name != self.baseline]
        self.gap_ = None
        if self.baseline is not None and others:
            self.gap_ = gap_closed(self.curve, baseline=self.baseline, confidence=self.confidence)
        shows_gap = self.gap_ is not None and len(self.gap_) > 0
        self.figure_, self.axes_ = split_axes(ax, [3.2, 1.7] if shows_gap else [3.2], width=7.0)
        self.ax_ = self.axes_[0]
        colors = dict(zip(names, PALETTE * (len(names) // len(PALETTE) + 1), strict=False))
        lines = []
        for i, (name, table) in enumerate(tables.items()):
            table = table.assign(labels=_shift_positions(table["labels"], i, len(tables)))
            lines.append(draw_curve(self.axes_[0], table, "score", colors[name]))
        labels = [clean_text(name, _LONGEST_NAME) for name in tables]
        if self.ceiling_ is not None:
            most = int(tables[self.baseline]["labels"].iloc[-1])
            lines.append(self.ax_.axhline(self.ceiling_, color="#333333", lw=1, ls="--"))
            labels.append(f"{clean_text(self.baseline, _LONGEST_NAME)}, {most} labeled")
        self.ax_.set_ylabel("score")
        means = pd.concat([table["score"] for table in tables.values()])
        room = 0.6 * float(means.max() - means.min()) or 0.1  # wide intervals of few splits would flatten the curves
        low, high = self.ax_.get_ylim()
        self.ax_.set_ylim(max(low, means.min() - room), min(high, means.max() + room))
        for line, label in zip(lines, labels, strict=True):
            line.set_label(label)
        add_legend(self.ax_, lines, labels)
        if shows_gap:
            self._draw_gap(self.axes_[1], colors)
        self._format_axes(sorted({int(n) for table in tables.values() for n in table["labels"]}))
        return self

    def _get_baseline(self, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
        if self.baseline not in tables:
            raise ValueError(f"baseline={self.baseline!r} is not in the curve; pass one of {list(tables)}.")
        return tables[self.baseline]

    def _draw_gap(self, ax: Any, colors: dict[Any, str]) -> None:
        assert self.gap_ is not None
        for i, (name, rows) in enumerate(self.gap_.groupby("estimator", sort=False)):
            shown = rows.assign(labels=_shift_positions(rows["labels"], i, self.gap_["estimator"].nunique()))
            draw_curve(ax, shown, "gap", colors[name])
        ax.axhline(0, color="#333333", lw=0.8)
        ax.set_ylim(*np.clip(ax.get_ylim(), -1.0, 1.5))
        ax.set_ylabel("gap closed")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")

    def _format_axes(self, labels: list[int]) -> None:
        for each in self.axes_:
            each.set_xscale("log")
            each.set_xticks(labels, [str(n) for n in labels])
            each.minorticks_off()
            each.spines[["top", "right"]].set_visible(False)
        self.axes_[-1].set_xlabel("labeled recordings")


def _shift_positions(labels: pd.Series, i: int, n: int) -> pd.Series:
    """Return positions shifted for estimator ``i`` of ``n``, so that the intervals of estimators do not overlap."""
    return labels * 1.03 ** (i - (n - 1) / 2)
