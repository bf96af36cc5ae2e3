"""Plot of the score against the effort of labeling."""

from __future__ import annotations

from typing import Any, Self

import pandas as pd

from sslts._text import clean_text
from sslts.labeling import EVERYTHING, simulate_labeling
from sslts.model_selection import check_confidence, summarize_scores
from sslts.plotting._style import PALETTE, add_legend, draw_curve, make_axes

_LONGEST_NAME = 50
EFFORTS = {
    "clicks": "clicks of an annotator who draws",
    "corrections": "clicks of an annotator who corrects",
    "segments": "labeled segments",
    "samples": "labeled samples",
    "seconds": "labeled seconds",
    "stretches": "labeled stretches",
}


class LabelingDisplay:
    """Scores against the effort of labeling, one line for each strategy, and the level of all labels.

    Parameters
    ----------
    table : pandas.DataFrame
        The table of `sslts.labeling.simulate_labeling`.
    effort : {"clicks", "corrections", "segments", "samples", "seconds", "stretches"}, default="clicks"
        The horizontal axis: the mean over draws after each round.
    confidence : float, default=0.95
        Confidence level of the intervals (Student's t, over draws). One draw has no intervals.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
    ceiling_ : float or None
        Mean score of all labels, drawn as a dashed line; None if the table has no such row.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.plotting import LabelingDisplay
    >>> rows = [("random", d, r, 40.0 * r, 0.9 - 0.3 / r + d / 100) for d in (0, 1) for r in (1, 2, 3)]
    >>> rows.append(("all labels", 0, 0, 900.0, 0.95))
    >>> table = pd.DataFrame(rows, columns=["strategy", "draw", "round", "clicks", "score"])
    >>> LabelingDisplay(table).plot().ceiling_
    0.95
    """

    def __init__(self, table: pd.DataFrame, *, effort: str = "clicks", confidence: float = 0.95) -> None:
        self.table = table
        self.effort = effort
        self.confidence = confidence

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        X: Any,
        y: Any,
        strategy: Any = None,
        *,
        rounds: int,
        budget: Any,
        test: tuple[Any, Any] | None = None,
        length: int | None = None,
        groups: Any = None,
        draws: int = 1,
        random_state: int | None = None,
        effort: str = "clicks",
        confidence: float = 0.95,
        ax: Any = None,
    ) -> Self:
        """Simulate the labeling of recordings, and plot what it bought.

        Parameters
        ----------
        segmenter, X, y, strategy, rounds, budget, test, length, groups, draws, random_state
            See `sslts.labeling.simulate_labeling`.
        effort, confidence
            See the class.
        ax : Axes, default=None
            The axes to draw in. None makes a new figure.

        Returns
        -------
        LabelingDisplay
        """
        table = simulate_labeling(
            segmenter,
            X,
            y,
            strategy,
            rounds=rounds,
            budget=budget,
            test=test,
            length=length,
            groups=groups,
            draws=draws,
            random_state=random_state,
        )
        return cls(table, effort=effort, confidence=confidence).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in. None makes a new figure.

        Returns
        -------
        LabelingDisplay

        Raises
        ------
        ValueError
            If the table is empty or is not one of `simulate_labeling`, or `effort` is unknown.
        """
        check_confidence(self.confidence)
        if self.effort not in EFFORTS:
            raise ValueError(f"effort={self.effort!r}; give one of {', '.join(map(repr, EFFORTS))}.")
        missing = [name for name in ("strategy", "draw", "round", self.effort, "score") if name not in self.table]
        if missing or not len(self.table):
            problem = f"has no column {missing[0]!r}" if missing else "is empty"
            raise ValueError(f"table {problem}; pass the table of sslts.labeling.simulate_labeling.")
        self.figure_, self.ax_ = make_axes(ax, 7.0, 3.8)
        played = self.table[self.table["strategy"] != EVERYTHING]
        full = self.table[self.table["strategy"] == EVERYTHING]["score"]
        self.ceiling_ = float(full.mean()) if len(full) else None
        lines, labels = [], []
        for k, (name, rows) in enumerate(played.groupby("strategy", sort=False)):
            lines.append(self._draw(rows, PALETTE[k % len(PALETTE)]))
            labels.append(clean_text(name, _LONGEST_NAME))
        if self.ceiling_ is not None:
            lines.append(self.ax_.axhline(self.ceiling_, color="#333333", lw=1, ls="--"))
            labels.append(EVERYTHING)
        add_legend(self.ax_, lines, labels, loc="lower right")
        if played[self.effort].clip(lower=1).max() >= 10 * played[self.effort].clip(lower=1).min():
            from matplotlib.ticker import NullFormatter

            self.ax_.set_xscale("log")
            self.ax_.xaxis.set_minor_formatter(NullFormatter())  # labels of a part of a decade would overlap
        self.ax_.set_xlabel(EFFORTS[self.effort])
        self.ax_.set_ylabel("score")
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self

    def _draw(self, rows: pd.DataFrame, color: str) -> Any:
        """Draw the line of a strategy, and return it."""
        scores = rows.pivot_table(index="draw", columns="round", values="score")
        table = summarize_scores(scores.dropna(), self.confidence)
        spent = rows.groupby("round")[self.effort].mean().reindex(scores.columns).clip(lower=1).to_numpy()
        return draw_curve(self.ax_, table.assign(labels=spent), "score", color)
