"""Plot of counts over the time of the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._text import clean_text
from sslts._wrapping import find_attribute
from sslts.annotations import check_names, name_classes, predict_table
from sslts.plotting._style import PALETTE, PLAIN, check_names_of, choose_names, color_classes, split_axes
from sslts.recordings import Recordings
from sslts.segments import summarize

_LIGHTEST = 0.2  # opacity of a bar of a period of which hardly anything was recorded
_LONGEST_NAME = 48  # characters
_RECORDED = "#8c8c8c"


class CountsOverTimeDisplay:
    """Counts per hour over the time of the clock, one axes per class, above the recorded time.

    The height of a bar is the count over the recorded time, so that an hour with ten recorded minutes compares with a
    full one. The less of a period was recorded, the lighter is its bar. A period without a recording is empty; a
    recorded period without a segment has a line at zero. Times are those of the time zone of the table; on a day on
    which summer time begins or ends, an hour of the clock is missing or comes twice.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per period and class, with the columns ``period`` (time at which the period begins), ``label``,
        ``count`` and ``time`` (recorded seconds), as `sslts.segments.summarize` returns with ``period="1h"``. Rows of
        several recordings are added up.
    period : str, pandas.Timedelta or pandas offset, default="1h"
        Length of the periods in the table.
    names : dict of int to str, default=None
        Names of the classes, for display.

    Attributes
    ----------
    rates : pandas.DataFrame
        One row per period and class: ``period``, ``end``, ``label``, ``count``, ``time`` and ``rate_per_hour``.
    figure_ : Figure
    ax_ : Axes
        The top axes.
    axes_ : list of Axes
        One axes per class, from top to bottom, and the axes of the recorded time.

    Examples
    --------
    >>> import pandas as pd
    >>> import sslts
    >>> from sslts.datasets import make_recordings
    >>> from sslts.plotting import CountsOverTimeDisplay
    >>> X, y = make_recordings(6, n_samples=3600, random_state=0)
    >>> starts = pd.date_range("2026-03-28 22:30", periods=6, freq="1h", tz="Europe/Berlin")
    >>> recordings = sslts.Recordings.from_arrays(X, sampling_rate=1, starts=starts)
    >>> segments = sslts.Annotations.from_labels(y).table
    >>> display = CountsOverTimeDisplay.from_segments(segments, recordings, names={1: "cycle"})
    >>> display.rates["period"].dt.strftime("%H:%M").tolist()
    ['22:00', '23:00', '00:00', '01:00', '03:00', '04:00', '05:00']
    """

    def __init__(self, table: pd.DataFrame, *, period: Any = "1h", names: dict[int, str] | None = None) -> None:
        check_names(names)
        self.table = table
        self.period = period
        self.names = names
        self.rates = _measure_rates(table, period)

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        recordings: Recordings,
        *,
        period: Any = "1h",
        names: dict[int, str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the counts of the segments that a fitted segmenter finds.

        Parameters
        ----------
        segmenter : fitted segmenter
            Or a search or pipeline around a fitted segmenter.
        recordings : Recordings
            Recordings that know when they began.
        period : str, pandas.Timedelta or pandas offset, default="1h"
            Length of the periods of the clock, such as "1h" or "1D".
        names : dict of int to str, default=None
            Names of the classes, for display. None: the words that the segmenter learned.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        CountsOverTimeDisplay
        """
        check_names_of(segmenter, None, names)
        background, words = find_attribute(segmenter, "background", 0), choose_names(segmenter, None) or {}
        segments = predict_table(segmenter, recordings)
        given = {words.get(k, k): k for k in find_attribute(segmenter, "classes_").tolist() if k != background}
        rate = getattr(recordings, "sampling_rate", None) or find_attribute(segmenter, "sampling_rate")
        table = summarize(
            segments, recordings, period=period, by=("period", "label"), labels=list(given), sampling_rate=rate
        )
        table["label"] = [given[label] for label in table["label"]]
        return cls(table, period=period, names=choose_names(segmenter, names)).plot(ax=ax)

    @classmethod
    def from_segments(
        cls,
        segments: pd.DataFrame,
        recordings: Recordings,
        *,
        period: Any = "1h",
        labels: Sequence[Any] | None = None,
        names: dict[int, str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the counts of the segments in a table.

        Parameters
        ----------
        segments : pandas.DataFrame
            Table of segments, from ``predict_segments`` or from `sslts.segments.labels_to_segments`.
        recordings : Recordings
            The recordings of the table, which know their sampling rate and when they began.
        period : str, pandas.Timedelta or pandas offset, default="1h"
            Length of the periods of the clock, such as "1h" or "1D".
        labels : sequence of int or str, default=None
            Labels to count, also those without a segment. None: the labels in `segments`.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        CountsOverTimeDisplay
        """
        table = summarize(segments, recordings, period=period, by=("period", "label"), labels=labels)
        return cls(table, period=period, names=names).plot(ax=ax)

    @classmethod
    def from_summary(
        cls, table: pd.DataFrame, *, period: Any = "1h", names: dict[int, str] | None = None, ax: Any = None
    ) -> Self:
        """Plot the counts of a summary.

        Parameters
        ----------
        table : pandas.DataFrame
            The result of `sslts.segments.summarize` with the same `period`.
        period : str, pandas.Timedelta or pandas offset, default="1h"
            Length of the periods in the table.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        CountsOverTimeDisplay
        """
        return cls(table, period=period, names=names).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        CountsOverTimeDisplay
        """
        labels = sorted(self.rates["label"].unique(), key=lambda label: (isinstance(label, str), label))
        names, colors = _name_labels(labels, self.names), _color_labels(labels)
        self.figure_, self.axes_ = split_axes(ax, [*[1.7] * len(labels), 0.8], width=10)
        self.ax_ = self.axes_[0]
        recorded = self.rates.groupby("period")[["end", "time"]].max().reset_index()
        longest = recorded["time"].max()
        for each, label in zip(self.axes_, labels, strict=False):
            rows = self.rates[self.rates["label"] == label]
            opacity = _LIGHTEST + (1 - _LIGHTEST) * (rows["time"] / longest).to_numpy()
            _draw_bars(each, rows, rows["rate_per_hour"].to_numpy(), colors[label], opacity)
            each.set_title(names[label], loc="left", fontsize="medium", **PLAIN)
            each.set_ylabel("per hour")
        unit, size = ("h", 3600) if longest >= 3600 else ("min", 60) if longest >= 60 else ("s", 1)
        _draw_bars(self.axes_[-1], recorded, recorded["time"].to_numpy() / size, _RECORDED, np.ones(len(recorded)))
        self.axes_[-1].set_ylabel(f"recorded\n({unit})")
        _set_clock(self.axes_, self.rates)
        return self


def _measure_rates(table: pd.DataFrame, period: Any) -> pd.DataFrame:
    """Return the count, recorded time and rate of each period and label, and the end of each period.

    Raises
    ------
    ValueError
        If the table has no row, no clock times, or shorter periods.
    """
    _check_table(table, period)
    rates = table[table["time"] > 0].groupby(["period", "label"])[["count", "time"]].sum().reset_index()
    begins = pd.DatetimeIndex(rates["period"].unique())
    ends = pd.DatetimeIndex([pd.date_range(begin, periods=2, freq=period)[-1] for begin in begins])
    short = np.flatnonzero(ends[:-1] > begins[1:])
    if len(short):
        raise ValueError(
            f"table has the periods {begins[short[0]]} and {begins[short[0] + 1]}, which are shorter than "
            f"period={period!r}; pass the period that summarize got."
        )
    rates["end"] = ends[begins.get_indexer(pd.DatetimeIndex(rates["period"]))]
    rates["rate_per_hour"] = 3600 * rates["count"] / rates["time"]
    return rates[["period", "end", "label", "count", "time", "rate_per_hour"]]


def _check_table(table: pd.DataFrame, period: Any) -> None:
    """Raise ValueError if a table holds no counts by the clock."""
    missing = [name for name in ("period", "label", "count", "time") if name not in table]
    if missing:
        raise ValueError(
            f"table has no column {missing[0]!r}; pass the result of summarize(..., period={period!r}, "
            "by=('period', 'label'))."
        )
    if not (table["time"] > 0).any():
        raise ValueError("table has no row with a recorded time; name the classes to count, such as labels=[1].")
    if not pd.api.types.is_datetime64_any_dtype(table["period"]):
        raise ValueError(
            f"table has {table['period'].iloc[0]!r} as a period, which is no time of the clock; summarize recordings "
            "that know their starts, with a period such as '1h'."
        )


def _name_labels(labels: Sequence[Any], names: Mapping[int, str] | None) -> dict[Any, str]:
    """Return the name of each label: a word, a given name, or the number of a class."""
    numbers = [label for label in labels if not isinstance(label, str)]
    words = {label: clean_text(label, _LONGEST_NAME) for label in labels if isinstance(label, str)}
    return {**name_classes(names, numbers, "class {}"), **words}


def _color_labels(labels: Sequence[Any]) -> dict[Any, str]:
    """Return the color of each label: classes have the colors of the other displays."""
    if any(isinstance(label, str) for label in labels):
        return {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(labels)}
    return color_classes(np.asarray(labels), None)


def _draw_bars(ax: Any, rows: pd.DataFrame, heights: np.ndarray, color: str, opacity: np.ndarray) -> None:
    """Draw a bar for each period, with a line at its top that also shows a height of 0."""
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.colors import to_rgb
    from matplotlib.dates import date2num

    left, right = (date2num(pd.DatetimeIndex(rows[name])) for name in ("period", "end"))
    zero = np.zeros(len(rows))
    corners = [(left, zero), (left, heights), (right, heights), (right, zero)]
    boxes = np.stack([np.column_stack(corner) for corner in corners], axis=1)
    paint = np.column_stack([np.tile(to_rgb(color), (len(rows), 1)), opacity])
    ax.add_collection(PolyCollection(list(boxes), facecolors=paint * [1, 1, 1, 0.6], linewidths=0, antialiaseds=False))
    tops = LineCollection(list(boxes[:, 1:3]), colors=paint, linewidths=2, capstyle="butt", zorder=3)
    tops.set_alpha(np.maximum(opacity, 0.5))
    ax.add_collection(tops)
    highest = float(heights.max()) or 1.0
    ax.set_ylim(-0.04 * highest, 1.12 * highest)  # a line at 0 is not hidden by the axis
    ax.spines[["top", "right"]].set_visible(False)


def _set_clock(axes: Sequence[Any], rates: pd.DataFrame) -> None:
    """Show the times of the clock below the last axes, in the time zone of the table."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    zone = rates["period"].dt.tz
    low, high = date2num(rates["period"].min()), date2num(rates["end"].max())
    axes[0].set_xlim(low - 0.01 * (high - low), high + 0.01 * (high - low))
    locator = AutoDateLocator(tz=zone)
    for ax in axes:
        ax.xaxis.set_major_locator(locator if ax is axes[-1] else AutoDateLocator(tz=zone))
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))
    axes[-1].set_xlabel("time" if zone is None else f"time ({zone})")
