"""Plot of predicted against true segment counts."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.annotations import (
    check_names,
    follow_index,
    name_classes,
    number_like,
    pair_annotations,
    pool_labels,
    predict_like,
    return_labels,
)
from sslts.plotting._style import add_legend, check_names_of, choose_names, color_classes, make_axes, number_words
from sslts.segments import count_segments, labels_to_segments


class CountDisplay:
    """Predicted against true segment counts, one disc per pair of counts.

    The area of a disc shows how many recordings have this pair of counts.

    Parameters
    ----------
    true, predicted : pandas.DataFrame
        Segment counts: one row per recording, one column per class.
    names : dict of int to str, default=None
        Names of the classes, for display.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes

    Examples
    --------
    >>> from sslts.plotting import CountDisplay
    >>> display = CountDisplay.from_predictions([[0, 1, 0, 1], [0, 1, 1, 0]], [[0, 1, 1, 1], [0, 1, 1, 0]])
    >>> display.ax_.get_xlabel()
    'true count'
    """

    def __init__(self, true: pd.DataFrame, predicted: pd.DataFrame, *, names: dict[int, str] | None = None) -> None:
        self.true = true
        self.predicted = predicted
        self.names = names

    @classmethod
    def from_estimator(
        cls, segmenter: Any, X: Any, y: Any, *, names: dict[int, str] | None = None, ax: Any = None
    ) -> Self:
        """Plot the segment counts that a fitted segmenter predicts.

        Parameters
        ----------
        segmenter : fitted segmenter
        X : array-like
            Recordings.
        y : array-like
            True labels. Recordings without a labeled sample and predictions in unlabeled stretches are left out.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in. None makes a new figure.

        Returns
        -------
        CountDisplay
        """
        background = find_attribute(segmenter, "background", 0)
        truth = number_like(follow_index(y, X), segmenter)
        found = number_like(predict_like(segmenter, X, y), segmenter, "y_pred")
        check_names_of(segmenter, truth, names)
        return cls.from_predictions(truth, found, background=background, names=choose_names(segmenter, names), ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        background: int | None = 0,
        names: dict[int, str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the segment counts of true and predicted labels.

        Parameters
        ----------
        y_true, y_pred : array of shape (n, T), list of (T_i,), or Annotations
            True labels (-1 = unlabeled) and predicted labels. Segments that touch are counted apart in `Annotations`.
        background : int or None, default=0
            The background class, which forms no segments. None: every class forms segments.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in. None makes a new figure.

        Returns
        -------
        CountDisplay
        """
        check_names(names)
        (y_true, y_pred), names = number_words({"y_true": y_true, "y_pred": y_pred}, names)
        true, pred, offsets = pool_labels(y_true, y_pred)
        pair = pair_annotations(y_true, y_pred)
        sides = [np.split(flat, offsets[1:-1]) for flat in (true, pred)]
        labeled = np.flatnonzero([(labels >= 0).any() for labels in sides[0]])
        given = [return_labels(side, like) for side, like in zip(sides, pair, strict=True)]
        tables = [labels_to_segments(side, background=background) for side in given]
        found = np.unique(np.concatenate([table["label"].to_numpy() for table in tables])).tolist()
        counts = [count_segments(table, n_recordings=len(offsets) - 1, labels=found) for table in tables]
        counts = [table.iloc[labeled].reset_index(drop=True) for table in counts]
        return cls(*counts, names=names).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in. None makes a new figure.

        Returns
        -------
        CountDisplay
        """
        classes = self.true.columns.to_numpy()
        names = name_classes(self.names, classes)
        self.figure_, self.ax_ = make_axes(ax, 5.2, 5.0)
        colors = color_classes(classes, None)
        highest = int(max(self.true.to_numpy().max(initial=1), self.predicted.to_numpy().max(initial=1)))
        self.ax_.plot([0, highest], [0, highest], color="#aaaaaa", lw=1, zorder=0)
        discs, labels = [], []
        for i, k in enumerate(classes):
            pairs = pd.DataFrame({"true": self.true[k], "predicted": self.predicted[k]})
            sizes = pairs.groupby(["true", "predicted"]).size().reset_index(name="n")
            exact = (pairs["true"] == pairs["predicted"]).mean()
            # Draw the classes side by side, else their discs hide each other.
            shift = 0.18 * (i - (len(classes) - 1) / 2) / max(len(classes) / 3, 1)
            labels.append(f"{names[int(k)]}: {exact:.0%} exact")
            each = self.ax_.scatter(
                sizes["true"] + shift,
                sizes["predicted"],
                s=260 * sizes["n"] / sizes["n"].max() + 8,
                color=colors[int(k)],
                alpha=0.65,
                lw=0,
                label=labels[-1],
            )
            discs.append(each)
        for axis in (self.ax_.xaxis, self.ax_.yaxis):
            axis.get_major_locator().set_params(integer=True)
        self.ax_.set_xlabel("true count")
        self.ax_.set_ylabel("predicted count")
        legend = add_legend(self.ax_, discs, labels, loc="upper left")
        for handle in legend.legend_handles if legend else ():
            handle.set_sizes([40])
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self
