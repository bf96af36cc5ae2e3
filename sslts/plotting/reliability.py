"""Plot of how well probabilities are calibrated."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._text import clean_text
from sslts.annotations import follow_index, number_like
from sslts.metrics import average_gap, bin_confidence, read_confidence
from sslts.plotting._style import add_legend, split_axes


class ReliabilityDisplay:
    """Reliability diagram: accuracy of the most probable class against its probability, and samples per bin.

    Parameters
    ----------
    curve : pandas.DataFrame
        The table of `sslts.metrics.reliability_curve`.
    error : float, default=nan
        Expected calibration error, shown in the legend.
    name : str, default=None
        Name of the curve in the legend.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The axes of the curve.
    axes_ : list of Axes
        The axes of the curve and of the samples per bin.

    Examples
    --------
    >>> from sslts.plotting import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions([[0, 1]], [[[0.9, 0.1], [0.2, 0.8]]])
    >>> display.ax_.get_ylabel()
    'accuracy'
    """

    def __init__(self, curve: pd.DataFrame, *, error: float = np.nan, name: str | None = None) -> None:
        self.curve = curve
        self.error = error
        self.name = name

    @classmethod
    def from_estimator(
        cls, segmenter: Any, X: Any, y: Any, *, n_bins: int = 10, name: str | None = None, ax: Any = None
    ) -> Self:
        """Plot the reliability of a fitted segmenter's probabilities.

        Parameters
        ----------
        segmenter : fitted segmenter
        X : array-like
            Recordings that the segmenter was not fitted on.
        y : array-like
            True labels; unlabeled samples (-1) are left out.
        n_bins : int, default=10
            Number of equally wide bins between 0 and 1.
        name : str, default=None
            Name of the curve in the legend.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        ReliabilityDisplay
        """
        proba = segmenter.predict_proba(X)
        return cls.from_predictions(
            number_like(follow_index(y, X), segmenter),
            proba,
            classes=segmenter.classes_,
            n_bins=n_bins,
            name=name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        *,
        classes: Any = None,
        n_bins: int = 10,
        name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the reliability of probabilities.

        Parameters
        ----------
        y_true : array of shape (n, T) or list of (T_i,)
            True labels (-1 = unlabeled).
        y_proba : array of shape (n, T, K) or list of (T_i, K)
            Probability of each class at each sample.
        classes : sequence of int, default=None
            Class of each column. None: 0 to K - 1.
        n_bins : int, default=10
            Number of equally wide bins between 0 and 1.
        name : str, default=None
            Name of the curve in the legend.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        ReliabilityDisplay
        """
        samples = read_confidence(y_true, y_proba, classes)
        return cls(bin_confidence(*samples, n_bins), error=average_gap(*samples), name=name).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        ReliabilityDisplay
        """
        self.figure_, self.axes_ = split_axes(ax, [3.6, 1.0], width=4.8)
        self.ax_, below = self.axes_
        known = self.curve.dropna()
        labels = ["perfectly calibrated", f"{clean_text(self.name or 'segmenter', 40)} (ECE {self.error:.3f})"]
        lines = [
            *self.ax_.plot([0, 1], [0, 1], color="#aaaaaa", lw=1, label=labels[0]),
            *self.ax_.plot(
                known["confidence"], known["accuracy"], marker="o", color="#1f77b4", label=labels[1], clip_on=False
            ),
        ]
        self.ax_.set_ylabel("accuracy")
        self.ax_.set_ylim(-0.02, 1.02)
        add_legend(self.ax_, lines, labels, loc="upper left")
        below.bar(
            self.curve["low"],
            self.curve["count"],
            self.curve["high"] - self.curve["low"],
            align="edge",
            color="#9ecae1",
        )
        below.set_ylabel("samples")
        below.set_xlabel("probability of the most probable class")
        below.set_xlim(0, 1)
        for each in self.axes_:
            each.spines[["top", "right"]].set_visible(False)
        return self
