"""How long segments last, in truth and as predicted."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.annotations import check_names, follow_index, pool_labels
from sslts.metrics import find_segments
from sslts.plotting._style import color_classes, split_axes
from sslts.segments import labels_to_segments


class DurationDisplay:
    """A histogram of lengths for each class.

    Parameters
    ----------
    predicted : pandas.DataFrame
        Segments, with ``label`` and ``length`` or, in seconds, ``duration``.
    true : pandas.DataFrame, default=None
        The same of the true segments.
    classes : sequence of int, default=None
        The classes to show; None: those that occur.
    names : dict of int to str, default=None
        What to call them.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The uppermost.
    axes_ : list of Axes
        One for each class.

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
        """Draw the lengths of what a fitted segmenter finds.

        Parameters
        ----------
        segmenter : fitted segmenter
        X : array-like
            Recordings.
        y : array-like, default=None
            True labels; where they are -1, predictions are left out, and segments that touch it: nobody knows how long
            they are.
        names : dict of int to str, default=None
            What to call the classes.
        ax : Axes, default=None
            Where to draw; it is divided.

        Returns
        -------
        DurationDisplay
        """
        return cls.from_predictions(
            follow_index(y, X),
            segmenter.predict(X),
            background=find_attribute(segmenter, "background", 0),
            sampling_rate=find_attribute(segmenter, "sampling_rate"),
            names=names,
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
        """Draw the lengths of segments of labels.

        Parameters
        ----------
        y_true : array of shape (n, T), list of (T_i,), or None
            True labels (-1 = unlabeled). Segments that touch -1 are left out, true and predicted: nobody knows how
            long they are.
        y_pred : array of shape (n, T) or list of (T_i,)
            Predicted labels.
        background : int or None, default=0
            The class that is not a segment.
        sampling_rate : float or None, default=None
            Samples per second; lengths are in seconds then.
        names : dict of int to str, default=None
            What to call the classes.
        ax : Axes, default=None
            Where to draw; it is divided.

        Returns
        -------
        DurationDisplay
        """
        options: dict[str, Any] = {"background": background, "sampling_rate": sampling_rate}
        if y_true is None:
            return cls(labels_to_segments(y_pred, **options), names=names).plot(ax=ax)
        *sides, offsets = pool_labels(y_true, y_pred)
        true, predicted = (_list_whole(side, offsets, **options) for side in sides)
        return cls(predicted, true=true, names=names).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; it is divided. None makes a figure.

        Returns
        -------
        DurationDisplay
        """
        tables = [table for table in (self.predicted, self.true) if table is not None]
        found = np.unique(np.concatenate([table["label"].to_numpy() for table in tables]))
        classes = found if self.classes is None else np.asarray(self.classes)
        unit = "duration" if "duration" in self.predicted else "length"
        check_names(self.names)
        self.figure_, self.axes_ = split_axes(ax, [1.5] * max(len(classes), 1), width=6.5, sharex=False)
        self.ax_ = self.axes_[0]
        colors = color_classes(classes, None)
        for each, k in zip(self.axes_, classes, strict=False):
            values = [table.loc[table["label"] == k, unit].to_numpy() for table in tables]
            edges = _choose_edges(np.concatenate(values))
            each.hist(values[0], bins=edges, color=colors[int(k)], alpha=0.55, label=f"predicted ({len(values[0])})")
            if self.true is not None:
                each.hist(
                    values[1], bins=edges, histtype="step", color="black", lw=1.2, label=f"true ({len(values[1])})"
                )
            each.set_title((self.names or {}).get(int(k), f"class {k}"), loc="left", fontsize="medium")
            each.legend(frameon=False, fontsize="small")
            each.set_ylabel("segments")
            each.spines[["top", "right"]].set_visible(False)
        self.axes_[-1].set_xlabel("duration (s)" if unit == "duration" else "length (samples)")
        return self


def _list_whole(
    labels: np.ndarray, offsets: np.ndarray, background: int | None, sampling_rate: float | None
) -> pd.DataFrame:
    """Return the segments in recordings that lie end to end, without those that an unlabeled sample cuts."""
    table = labels_to_segments(np.split(labels, offsets[1:-1]), background=background, sampling_rate=sampling_rate)
    return table[~find_segments(labels, offsets, background).cut]


def _choose_edges(values: np.ndarray) -> np.ndarray:
    """Return edges of at most 40 bins; whole numbers get bins around them."""
    if not values.size:
        return np.linspace(0, 1, 11)
    low, high = values.min(), values.max()
    if np.issubdtype(values.dtype, np.integer):
        width = max(1, -(-(high - low + 1) // 40))
        return np.arange(low, high + width + 1, width) - 0.5
    return np.linspace(low, high if high > low else low + 1, 31)
