"""Plot of the lengths of true and predicted segments."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.annotations import (
    check_names,
    find_touching,
    follow_index,
    name_classes,
    number_like,
    pool_labels,
    predict_like,
)
from sslts.metrics import find_segments
from sslts.plotting._style import PLAIN, check_names_of, choose_names, color_classes, number_words, split_axes
from sslts.segments import labels_to_segments, make_table


class DurationDisplay:
    """Histograms of segment lengths, one per class.

    Parameters
    ----------
    predicted : pandas.DataFrame
        Predicted segments with the columns ``label`` and ``length`` (samples) or ``duration`` (seconds).
    true : pandas.DataFrame, default=None
        True segments with the same columns.
    classes : sequence of int, default=None
        The classes to show. None: all classes that occur.
    names : dict of int to str, default=None
        Names of the classes, for display.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The top axes.
    axes_ : list of Axes
        One axes per class, from top to bottom.

    Examples
    --------
    >>> from sslts.plotting import DurationDisplay
    >>> display = DurationDisplay.from_predictions([[0, 1, 1, 0, 2, 2, 2, 0]], [[0, 1, 1, 0, 0, 2, 2, 0]])
    >>> len(display.axes_)
    2
    """

    def __init__(
        self,
        predicted: pd.DataFrame,
        *,
        true: pd.DataFrame | None = None,
        classes: Any = None,
        names: dict[int, str] | None = None,
    ) -> None:
        self.predicted = predicted
        self.true = true
        self.classes = classes
        self.names = names

    @classmethod
    def from_estimator(
        cls, segmenter: Any, X: Any, y: Any = None, *, names: dict[int, str] | None = None, ax: Any = None
    ) -> Self:
        """Plot the lengths of the segments that a fitted segmenter predicts.

        Parameters
        ----------
        segmenter : fitted segmenter
        X : array-like
            Recordings.
        y : array-like, default=None
            True labels; -1 is unlabeled. Predictions in unlabeled stretches are left out, and so are segments that
            touch an unlabeled sample, because their true length is unknown.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        DurationDisplay
        """
        truth = number_like(follow_index(y, X), segmenter)
        check_names_of(segmenter, truth, names)
        return cls.from_predictions(
            truth,
            number_like(predict_like(segmenter, X, y), segmenter, "y_pred"),
            background=find_attribute(segmenter, "background", 0),
            sampling_rate=find_attribute(segmenter, "sampling_rate"),
            names=choose_names(segmenter, names),
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        background: int | None = 0,
        sampling_rate: float | None = None,
        names: dict[int, str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the segment lengths of true and predicted labels.

        Parameters
        ----------
        y_true : array of shape (n, T), list of (T_i,), or None
            True labels (-1 = unlabeled). True and predicted segments that touch an unlabeled sample are left out,
            because their true length is unknown. None: only predictions are shown.
        y_pred : array of shape (n, T) or list of (T_i,)
            Predicted labels.
        background : int or None, default=0
            The background class, which forms no segments. None: every class forms segments.
        sampling_rate : float or None, default=None
            Samples per second, to show lengths in seconds. None: lengths are in samples.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        DurationDisplay
        """
        check_names(names)
        options: dict[str, Any] = {"background": background, "sampling_rate": sampling_rate}
        (y_true, y_pred), names = number_words({"y_true": y_true, "y_pred": y_pred}, names)
        if y_true is None:
            return cls(labels_to_segments(y_pred, **options), names=names).plot(ax=ax)
        *sides, offsets = pool_labels(y_true, y_pred)
        each = zip(sides, find_touching(y_true, y_pred), strict=True)
        true, predicted = (_list_uncut_segments(side, offsets, breaks, **options) for side, breaks in each)
        return cls(predicted, true=true, names=names).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        DurationDisplay
        """
        tables = [table for table in (self.predicted, self.true) if table is not None]
        found = np.unique(np.concatenate([table["label"].to_numpy() for table in tables]))
        classes = found if self.classes is None else np.asarray(self.classes)
        unit = "duration" if "duration" in self.predicted else "length"
        names = name_classes(self.names, classes, "class {}")
        self.figure_, self.axes_ = split_axes(ax, [1.5] * max(len(classes), 1), width=6.5, sharex=False)
        self.ax_ = self.axes_[0]
        colors = color_classes(classes, None)
        for each, k in zip(self.axes_, classes, strict=False):
            values = [table.loc[table["label"] == k, unit].to_numpy() for table in tables]
            edges = _choose_bin_edges(np.concatenate(values))
            each.hist(values[0], bins=edges, color=colors[int(k)], alpha=0.55, label=f"predicted ({len(values[0])})")
            if self.true is not None:
                each.hist(
                    values[1], bins=edges, histtype="step", color="black", lw=1.2, label=f"true ({len(values[1])})"
                )
            each.set_title(names[int(k)], loc="left", fontsize="medium", **PLAIN)
            each.legend(frameon=False, fontsize="small")
            each.set_ylabel("segments")
            each.spines[["top", "right"]].set_visible(False)
        self.axes_[-1].set_xlabel("duration (s)" if unit == "duration" else "length (samples)")
        return self


def _list_uncut_segments(
    labels: np.ndarray, offsets: np.ndarray, breaks: np.ndarray, background: int | None, sampling_rate: float | None
) -> pd.DataFrame:
    """Return the segments of concatenated recordings, without segments that touch an unlabeled sample.

    ``breaks`` are positions at which a segment begins directly after a segment of its class.
    """
    found = find_segments(labels, offsets, background, breaks)
    start, end = found.start - offsets[found.recording], found.end - offsets[found.recording]
    score = np.full(len(start), np.nan)
    return make_table(found.recording, start, end, found.label, score, sampling_rate)[~found.cut]


def _choose_bin_edges(values: np.ndarray) -> np.ndarray:
    """Return the edges of at most 40 bins; bins of integers are centered on the integers."""
    if not values.size:
        return np.linspace(0, 1, 11)
    low, high = values.min(), values.max()
    if np.issubdtype(values.dtype, np.integer):
        width = max(1, -(-(high - low + 1) // 40))
        return np.arange(low, high + width + 1, width) - 0.5
    return np.linspace(low, high if high > low else low + 1, 31)
