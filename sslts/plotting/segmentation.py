"""Plot of one recording with its true and predicted labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sslts._text import clean_text
from sslts._wrapping import find_attribute
from sslts.annotations import (
    Annotations,
    as_labels,
    check_labels,
    check_names,
    list_labels,
    name_classes,
    number_columns,
    number_like,
    predict_annotations,
)
from sslts.decoding import predict_both
from sslts.plotting._style import (
    PLAIN,
    add_legend,
    check_names_of,
    choose_columns,
    choose_names,
    color_classes,
    number_words,
    split_axes,
    thin_curve,
    thin_runs,
)
from sslts.recordings import Recordings, as_recordings, check_sampling_rate, read_array

_LONGEST_CHANNEL = 24  # characters
_MAX_RATIO = 10  # between the ranges of two channels: on a common scale, the smaller channel would look flat


class SegmentationDisplay:
    """One recording: its channels, bands of true and predicted labels, and the probability of each class.

    Each pixel column of a long recording shows the column's minimum, maximum and one of its labels.

    Make a display with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    x : ndarray of shape (C, T)
        The signal.
    y_true, y_pred : ndarray of int of shape (T,), default=None
        True and predicted labels; unlabeled stretches (-1) are hatched.
    proba : ndarray of shape (T, K), default=None
        Probabilities, one column per class in the order of `classes`.
    classes : sequence of int, default=None
        All classes. None: the classes that occur, and 0 to K - 1 if there are probabilities.
    background : int or None, default=0
        The background class, drawn in gray.
    sampling_rate : float or None, default=None
        Samples per second, to show time in seconds. None: time is in samples.
    start : int, default=0
        Position of the first sample in its recording.
    names : dict of int to str, default=None
        Names of the classes, for display.
    channel_names : sequence of length C, default=None
        Names of the channels, for display. None: channels are numbered.
    true_starts, pred_starts : array-like of int, default=()
        Samples of `y_true` and of `y_pred` at which a segment begins directly after a segment of its class; a tick
        marks them.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The axes of the signal.
    axes_ : list of Axes
        All axes, from top to bottom.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.plotting import SegmentationDisplay
    >>> display = SegmentationDisplay.from_predictions(np.sin(np.arange(9)), y_true=[0, 0, 1, 1, 1, 0, -1, -1, -1])
    >>> len(display.axes_)
    2
    """

    def __init__(
        self,
        x: np.ndarray,
        *,
        y_true: np.ndarray | None = None,
        y_pred: np.ndarray | None = None,
        proba: np.ndarray | None = None,
        classes: Any = None,
        background: int | None = 0,
        sampling_rate: float | None = None,
        start: int = 0,
        names: dict[int, str] | None = None,
        channel_names: Sequence[Any] | None = None,
        true_starts: ArrayLike = (),
        pred_starts: ArrayLike = (),
    ) -> None:
        self.x = x
        self.y_true = y_true
        self.y_pred = y_pred
        self.proba = proba
        self.classes = classes
        self.background = background
        self.sampling_rate = sampling_rate
        self.start = start
        self.names = names
        self.channel_names = channel_names
        self.true_starts = true_starts
        self.pred_starts = pred_starts

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        X: Any,
        y: Any = None,
        *,
        recording: int = 0,
        start: int = 0,
        stop: int | None = None,
        names: dict[int, str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot one recording with the predictions of a fitted segmenter.

        Parameters
        ----------
        segmenter : fitted segmenter
        X : array-like
            Recordings. Data frames name the channels.
        y : array-like, default=None
            True labels.
        recording : int, default=0
            Position of the recording in `X`; negative numbers count from the end.
        start, stop : int, default=0, None
            The stretch to show, in samples, as in a slice: negative numbers count from the end. The segmenter sees
            the whole recording.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        SegmentationDisplay

        Raises
        ------
        ValueError
            If the recording does not exist, the stretch is empty, or a key of `names` is not a class.
        """
        recordings = as_recordings(X)
        n = len(recordings)
        if not -n <= recording < n:
            raise ValueError(f"recording={recording!r} is not in X; give a number from 0 to {n - 1}.")
        y = None if y is None else number_like(y, segmenter)
        if names is not None:
            known = None if y is None else _read_labels_of_recording(y, recording % n, recordings)
            check_names_of(segmenter, [known] if isinstance(known, np.ndarray) else known, names)
        shown = recordings.list_items([recording % n])
        labels, probas = predict_both(segmenter, shown)
        found: Any = labels[0]
        if find_attribute(segmenter, "occurrences_") is not None:
            found = predict_annotations(segmenter, shown, Annotations.from_labels(labels))
            found = number_like(found, segmenter)
        return cls.from_predictions(
            recordings.get(recording % n),
            y_true=None if y is None else _read_labels_of_recording(y, recording % n, recordings),
            y_pred=found,
            proba=probas[0],
            classes=segmenter.classes_,
            background=find_attribute(segmenter, "background", 0),
            sampling_rate=find_attribute(segmenter, "sampling_rate"),
            start=start,
            stop=stop,
            names=choose_names(segmenter, names),
            channel_names=_choose_channel_names(recordings, segmenter),
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        x: Any,
        *,
        y_true: Any = None,
        y_pred: Any = None,
        proba: Any = None,
        classes: Any = None,
        background: int | None = 0,
        sampling_rate: float | None = None,
        start: int = 0,
        stop: int | None = None,
        names: dict[int, str] | None = None,
        channel_names: Sequence[Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot one recording with given labels and probabilities.

        Parameters
        ----------
        x : array-like of shape (T,) or (C, T), pandas.DataFrame, or Recordings of one recording
            The signal. Recordings may name the channels, and so does a data frame with a channel in each column, or in
            each row.
        y_true, y_pred, proba, classes, background, sampling_rate, names, channel_names
            See `SegmentationDisplay`. Labels may be the `Annotations` of one recording: a tick marks where segments of
            one class touch.
        start, stop : int, default=0, None
            The stretch to show, in samples, as in a slice: negative numbers count from the end.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        SegmentationDisplay

        Raises
        ------
        ValueError
            If labels and signal differ in length, the stretch is empty, a key of `names` is not a class, or there is
            not one name for each channel.
        """
        touching = {}
        y_true, y_pred, classes, shown = _number_words(y_true, y_pred, proba, classes, names)
        for name, value in (("true_starts", y_true), ("pred_starts", y_pred)):
            touching[name] = value.list_touching() if isinstance(value, Annotations) else np.empty(0, dtype=np.int64)
        y_true, y_pred = (one.list_labels()[0] if isinstance(one, Annotations) else one for one in (y_true, y_pred))
        _check_names_of_labels(names, classes, y_true)
        given = {"y_true": y_true, "y_pred": y_pred, "proba": proba}
        if isinstance(x, Recordings):
            x, channel_names = _read_single(x), x.channel_names if channel_names is None else channel_names
        if isinstance(x, pd.DataFrame):
            x, found = _read_frame(x, next((len(value) for value in given.values() if value is not None), None))
            channel_names = found if channel_names is None else channel_names
        x = np.atleast_2d(read_array(x, "x"))
        n = x.shape[1]
        for name, value in given.items():
            if value is not None and len(value) != n:
                raise ValueError(f"{name} has {len(value)} samples, x has {n}; give one entry per sample.")
        part = slice(start, n if stop is None else stop)
        first = part.indices(n)[0]
        n_shown = x[:, part].shape[1]
        if not n_shown:
            raise ValueError(
                f"start={start!r}, stop={stop!r} select no sample of {n}; give start < stop within the recording."
            )
        display = cls(
            x[:, part],
            y_true=None if y_true is None else check_labels(y_true, argument="y_true")[0][part],
            y_pred=None if y_pred is None else check_labels(y_pred, argument="y_pred")[0][part],
            proba=None if proba is None else read_array(proba, "proba")[part],
            classes=classes,
            background=background,
            sampling_rate=sampling_rate,
            start=first,
            names=shown,
            channel_names=channel_names,
            **{name: at[(at > first) & (at < first + n_shown)] - first for name, at in touching.items()},
        )
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        SegmentationDisplay
        """
        names = name_classes(self.names, self._find_classes())
        channels = self._name_channels()
        bands = [(name, y) for name, y in (("true", self.y_true), ("predicted", self.y_pred)) if y is not None]
        n_channels = len(self.x)
        heights = [max(1.6, 0.55 * n_channels)]
        heights += [0.32 * len(bands)] if bands else []
        heights += [1.2] if self.proba is not None else []
        self.figure_, self.axes_ = split_axes(ax, heights)
        self.ax_ = self.axes_[0]
        self._draw_signal(self.ax_, channels)
        if bands:
            self._draw_bands(self.axes_[1], bands, names)
        if self.proba is not None:
            self._draw_probabilities(self.axes_[-1])
        rate = check_sampling_rate(self.sampling_rate)
        self.ax_.set_xlim(self.start / rate, (self.start + self.x.shape[1]) / rate)
        self.axes_[-1].set_xlabel("samples" if self.sampling_rate is None else "seconds")
        return self

    def _find_classes(self) -> np.ndarray:
        """Return `classes`, and then classes that only the labels have."""
        given = np.empty(0, dtype=np.int64) if self.classes is None else np.asarray(self.classes)
        found = [np.unique(y) for y in (self.y_true, self.y_pred) if y is not None]
        if self.classes is None and self.proba is not None:
            found.append(np.arange(self.proba.shape[1]))
        classes = np.setdiff1d(np.concatenate(found), given) if found else np.empty(0, dtype=np.int64)
        return np.concatenate([given, classes[classes >= 0]])

    def _name_channels(self) -> list[str]:
        given = range(len(self.x)) if self.channel_names is None else self.channel_names
        if len(given) != len(self.x):
            raise ValueError(f"channel_names has {len(given)} names, x has {len(self.x)} channels; give one for each.")
        return [clean_text(name, _LONGEST_CHANNEL) for name in given]

    def _draw_signal(self, ax: Any, channels: list[str]) -> None:
        rate = check_sampling_rate(self.sampling_rate)
        finite = [channel[np.isfinite(channel)] for channel in self.x]
        spreads = np.array([np.ptp(np.percentile(x, [0.5, 99.5])) if x.size else 0.0 for x in finite])
        rescale = spreads.max() > _MAX_RATIO * spreads[spreads > 0].min(initial=np.inf)  # units differ
        scales = np.where(spreads > 0, spreads, 1.0) if rescale else np.ones(len(spreads))
        step = 1.1 if rescale else 1.1 * spreads.max() or 1.0
        levels = []
        for c, channel in enumerate(self.x):
            at, values = thin_curve(np.where(np.isfinite(channel), channel, np.nan))
            level = -c * step if len(self.x) > 1 else 0.0
            center = float(np.median(finite[c])) if len(self.x) > 1 and finite[c].size else 0.0
            ax.plot((at + self.start) / rate, (values - center) / scales[c] + level, color="#333333", lw=0.7)
            levels.append(level)
        if len(self.x) > 1:
            ax.set_yticks(levels, channels, **PLAIN)
            ax.set_ylabel("channel, each scaled" if rescale else "channel")
        elif self.channel_names is not None and isinstance(self.channel_names[0], str):
            ax.set_ylabel(channels[0], **PLAIN)
        ax.spines[["top", "right"]].set_visible(False)

    def _draw_bands(self, ax: Any, bands: list[tuple[str, np.ndarray]], names: dict[int, str]) -> None:
        from matplotlib.patches import Patch

        rate = check_sampling_rate(self.sampling_rate)
        colors = color_classes(self._find_classes(), self.background)
        hatched = False
        starts_of = {"true": self.true_starts, "predicted": self.pred_starts}
        for row, (side, y) in enumerate(bands):
            at = (np.asarray(starts_of[side], dtype=np.int64) + self.start) / rate
            if at.size:
                ax.vlines(at, -row - 0.4, -row + 0.4, color="white", lw=1, zorder=3)
            starts, ends, values = thin_runs(y)
            for k in np.unique(values):
                mine = values == k
                spans = np.stack([starts[mine] + self.start, (ends - starts)[mine]], axis=1) / rate
                if k < 0:
                    hatched = True
                    ax.broken_barh(spans, (-row - 0.4, 0.8), facecolor="white", edgecolor="#999999", hatch="////", lw=0)
                else:
                    ax.broken_barh(spans, (-row - 0.4, 0.8), facecolor=colors.get(int(k), "black"), lw=0)
        ax.set_yticks([-row for row in range(len(bands))], [name for name, _ in bands])
        ax.set_ylim(-len(bands) + 0.45, 0.55)
        ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
        ax.tick_params(length=0)
        handles = [Patch(color=color, label=names[k]) for k, color in colors.items()]
        if hatched:
            label = "-1" if "unlabeled" in names.values() else "unlabeled"
            handles.append(Patch(facecolor="white", edgecolor="#999999", hatch="////", label=label))
        labels = [str(handle.get_label()) for handle in handles]
        options = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
        add_legend(self.ax_, handles, labels, ncols=choose_columns(labels, 8, width=120), **options)

    def _draw_probabilities(self, ax: Any) -> None:
        rate = check_sampling_rate(self.sampling_rate)
        proba = np.asarray(self.proba)
        n_columns = proba.shape[1]
        classes = np.arange(n_columns) if self.classes is None else np.asarray(self.classes)[:n_columns]
        colors = color_classes(self._find_classes(), self.background)
        for k, column in zip(classes, proba.T, strict=True):
            if k == self.background:
                continue
            at, values = thin_curve(column)
            ax.plot((at + self.start) / rate, values, color=colors[int(k)], lw=1)
        ax.set_ylim(-0.04, 1.04)
        ax.set_ylabel("probability")
        ax.spines[["top", "right"]].set_visible(False)


def _check_names_of_labels(names: Any, classes: Any, y_true: Any) -> None:
    """Raise ValueError if a key of ``names`` is neither in ``classes`` nor in ``y_true``."""
    known = classes
    if classes is not None and y_true is not None:
        known = np.union1d(np.asarray(classes), np.asarray(y_true))
        known = known[known >= 0]
    check_names(names, known)


def _choose_channel_names(recordings: Recordings, segmenter: Any) -> Any:
    """Return the names that the recordings have, or else the names of the channels of the fit."""
    return recordings.channel_names or find_attribute(segmenter, "channel_names_")


def _read_single(x: Recordings) -> np.ndarray:
    """Return the signal of the only recording."""
    if len(x) != 1:
        raise ValueError(f"x has {len(x)} recordings; pass one, such as x[[0]].")
    return np.asarray(x.get(0))


def _read_frame(x: pd.DataFrame, length: int | None) -> tuple[np.ndarray, list[Any]]:
    """Return the signal (C, T) and the names of its channels from a data frame of either orientation.

    ``length`` is the number of samples; None: the longer axis is time.
    """
    if max(x.shape) == len(x) if length is None else len(x) == length:
        return x.to_numpy().T, list(x.columns)
    return x.to_numpy(), list(x.index)


def _number_words(
    y_true: Any, y_pred: Any, proba: Any, classes: Any, names: dict[int, str] | None
) -> tuple[Any, Any, Any, dict[int, str] | None]:
    """Return truth, prediction and the classes of the probabilities as numbers, and the names to show."""
    given = {"y_true": y_true, "y_pred": y_pred}
    if proba is not None:
        for name, labels in given.items():
            number_columns(labels, classes, name=name, of="proba")  # raises if labels are words and classes are not
    if classes is not None and all(isinstance(k, str) for k in classes):
        given["classes"] = list(classes)
    (y_true, y_pred, *columns), shown = number_words(given, names)
    return y_true, y_pred, columns[0] if columns else classes, shown


def _read_labels_of_recording(y: Any, i: int, recordings: Recordings) -> Any:
    """Return the labels of recording ``i``, without reading the labels of other recordings."""
    if isinstance(y, Annotations):
        return y[i]
    return as_labels([list_labels(y, recordings)[i]], recordings.select([i]))[0]
