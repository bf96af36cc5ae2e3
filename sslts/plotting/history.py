"""Plot of a training history."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute, find_fitted
from sslts.annotations import follow_index, name_classes, number_like, spread_labels
from sslts.plotting._style import (
    PLAIN,
    add_legend,
    check_names_of,
    choose_columns,
    choose_names,
    color_classes,
    split_axes,
)


class TrainingHistoryDisplay:
    """Losses, and the share, classes and accuracy of the accepted pseudo-labels.

    Parameters
    ----------
    history : pandas.DataFrame
        The ``history_`` of a fitted segmenter.
    accuracy : pandas.Series, default=None
        For each class, the share of accepted pseudo-labels that are correct; see `from_estimator`.
    background : int or None, default=0
        The background class, drawn in gray.
    names : dict of int to str, default=None
        Names of the classes, for display.

    Attributes
    ----------
    figure_ : Figure
    ax_ : Axes
        The axes of the losses.
    axes_ : list of Axes
        All axes, from top to bottom.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.plotting import TrainingHistoryDisplay
    >>> X, y = make_recordings(6, n_samples=400, random_state=0)
    >>> few = y.copy()
    >>> few[2:] = -1
    >>> segmenter = FixMatchSegmenter(max_steps=4, random_state=0).fit(X, few)
    >>> len(TrainingHistoryDisplay.from_estimator(segmenter, X[2:], y[2:]).axes_)
    4
    """

    def __init__(
        self,
        history: pd.DataFrame,
        *,
        accuracy: pd.Series | None = None,
        background: int | None = 0,
        names: dict[int, str] | None = None,
    ) -> None:
        self.history = history
        self.accuracy = accuracy
        self.background = background
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        segmenter: Any,
        X: Any = None,
        y_hidden: Any = None,
        *,
        names: dict[int, str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the training history of a fitted segmenter.

        Parameters
        ----------
        segmenter : fitted segmenter
        X : array-like, default=None
            Recordings that were unlabeled in training.
        y_hidden : array-like, default=None
            True labels of `X`, if they are known. The plot then shows how many of the pseudo-labels accepted at the
            end of the training are correct. The threshold is used in its final state of the training. A method without
            a threshold accepts every pseudo-label.
        names : dict of int to str, default=None
            Names of the classes, for display.
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        TrainingHistoryDisplay

        Raises
        ------
        ValueError
            If the segmenter is not trained in steps, such as a `WindowFeatureSegmenter`.
        """
        trained = find_fitted(segmenter)  # the history of self-training lists rounds, not steps
        if not hasattr(trained, "history_"):
            raise ValueError(
                f"segmenter: {type(trained).__name__} is not trained in steps, so it has no training history; pass a "
                "segmenter that trains a network."
            )
        check_names_of(segmenter, None, names)
        accuracy = None
        if X is not None and y_hidden is not None:
            accuracy = _measure_accuracy(segmenter, trained.net_, X, y_hidden)
        background = find_attribute(segmenter, "background", 0)
        return cls(
            trained.history_, accuracy=accuracy, background=background, names=choose_names(segmenter, names)
        ).plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : Axes, default=None
            The axes to draw in; it is split. None makes a new figure.

        Returns
        -------
        TrainingHistoryDisplay
        """
        table = self.history
        shares = [name for name in table.columns if name.startswith("share_")]
        classes = [int(name.removeprefix("share_")) for name in shares]
        names = name_classes(self.names, classes if self.accuracy is None else {*classes, *self.accuracy.index})
        has_mask_rate = "mask_rate" in table and bool(table["mask_rate"].notna().any())
        over_time = [
            "losses",
            *(["mask_rate"] if has_mask_rate else []),
            *(["shares"] if has_mask_rate and shares else []),
        ]
        heights = [2.2, *[1.2] * (len(over_time) - 1), *([1.2] if self.accuracy is not None else [])]
        self.figure_, self.axes_ = split_axes(ax, heights, width=7.0, sharex=False)
        self.ax_ = self.axes_[0]
        self._draw_losses(self.ax_, table)
        if "mask_rate" in over_time:
            self.axes_[1].plot(table["step"], table["mask_rate"], color="#333333")
            self.axes_[1].set_ylim(0, 1.02)
            self.axes_[1].set_ylabel("mask rate")
        if "shares" in over_time:
            self._draw_shares(self.axes_[2], table, dict(zip(shares, classes, strict=True)), names)
        self.axes_[len(over_time) - 1].set_xlabel("step")
        for lower in self.axes_[1 : len(over_time)]:
            lower.sharex(self.ax_)
        if self.accuracy is not None:
            self._draw_accuracy(self.axes_[-1], names)
        for each in self.axes_:
            each.spines[["top", "right"]].set_visible(False)
        return self

    def _draw_losses(self, ax: Any, table: pd.DataFrame) -> None:
        lines = []
        for name, color in (("loss", "#333333"), ("labeled_loss", "#1f77b4"), ("unlabeled_loss", "#d62728")):
            if name in table and (table[name] > 0).any():
                lines += ax.plot(table["step"], table[name].where(table[name] > 0), color=color, label=name)
        ax.set_yscale("log")
        ax.set_ylabel("loss")
        add_legend(ax, lines, [line.get_label() for line in lines])

    def _draw_shares(self, ax: Any, table: pd.DataFrame, shares: dict[str, int], names: dict[int, str]) -> None:
        colors = color_classes(np.array(list(shares.values())), self.background)
        if not (table[list(shares)] > 0).any(axis=None):
            return
        lines = []
        for column, k in shares.items():
            lines += ax.plot(table["step"], table[column].where(table[column] > 0), color=colors[k], label=names[k])
        labels = [names[k] for k in shares.values()]
        ax.set_yscale("log")
        ax.set_ylabel("share")
        columns = choose_columns(labels, 6, width=70)
        add_legend(ax, lines, labels, ncols=columns, title="class of pseudo-labels", title_fontsize="small")

    def _draw_accuracy(self, ax: Any, names: dict[int, str]) -> None:
        accuracy = pd.Series(self.accuracy)
        colors = color_classes(accuracy.index.to_numpy(), self.background)
        rows = range(len(accuracy))
        ax.barh(rows, accuracy.fillna(0), color=list(colors.values()))
        ax.set_yticks(rows, [names[k] for k in accuracy.index], **PLAIN)
        for row, value in enumerate(accuracy):
            text = "no pseudo-labels" if np.isnan(value) else f"{value:.1%}"
            ax.text(0.01, row, text, va="center", fontsize="small")
        ax.set_xlim(0, 1)
        ax.set_xlabel("accuracy of accepted pseudo-labels at the end of training")
        ax.set_ylabel("class")


def _measure_accuracy(segmenter: Any, net: Any, X: Any, y_hidden: Any) -> pd.Series:
    """Return, for each class, the share of pseudo-labels accepted by the net's threshold that are correct."""
    probas = list(segmenter.predict_proba(X))
    hidden = number_like(follow_index(y_hidden, X, name="y_hidden"), segmenter, "y_hidden")
    truth = spread_labels(hidden, list(map(len, probas)), argument="y_hidden")
    rows = []
    for labels, proba in zip(truth, probas, strict=True):
        index, accepted = _make_pseudo_labels(net, proba)
        known = accepted & (labels >= 0)
        rows.append(np.stack([segmenter.classes_[index[known]], labels[known]]))
    predicted, true = np.concatenate(rows, axis=1)
    return pd.Series(predicted == true).groupby(predicted).mean().reindex(segmenter.classes_)


def _make_pseudo_labels(net: Any, proba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the class index of each sample's pseudo-label and whether it is accepted, from probabilities (T, K)."""
    import torch

    from sslts.objectives import pick_class

    threshold: Any = getattr(net.criterion_, "threshold", None)
    if not hasattr(threshold, "align"):
        return proba.argmax(1), np.ones(len(proba), dtype=bool)
    with torch.no_grad():
        aligned = threshold.align(torch.from_numpy(proba.T[None].copy()).to(net.device))
        return pick_class(aligned)[0].cpu().numpy(), threshold(aligned)[0].cpu().numpy() > 0
