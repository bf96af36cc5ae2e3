"""The gap in score between few labels and all labels, and the share of it that unlabeled recordings close."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sslts.model_selection.scores import _draw_means, check_confidence, choose_scores

_N_DRAWS = 2000


def gap_closed(curve: pd.DataFrame, *, baseline: str, confidence: float = 0.95, random_state: Any = 0) -> pd.DataFrame:
    """Return the share of the gap between few and all labels that each estimator closes.

    The share is ``(score - baseline) / (ceiling - baseline)`` at each number of labels, from means over the splits. The
    ceiling is the baseline's score at its largest number of labels. 1 means that few labels do as well as all labels.

    Parameters
    ----------
    curve : DataFrame
        Result of `label_efficiency_curve`.
    baseline : str
        Name of the estimator that learns only from labels.
    confidence : float, default=0.95
        Level of the interval over splits, between 0 and 1.
    random_state : int or numpy.random.Generator, default=0
        Seed of the interval.

    Returns
    -------
    pandas.DataFrame
        Columns ``estimator, labels, gain, gap, low, high``: the gain in score over the baseline, the share of the gap
        that is closed, and its interval. Share and interval are NaN if there is no gap; the interval is NaN with one
        split; a bound is NaN if too many resamples of the splits have no gap. An estimator has a row for each number
        of labels below the ceiling that it shares with the baseline, over their common splits.

    Raises
    ------
    ValueError
        If the curve lacks the baseline or a score.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.model_selection import gap_closed
    >>> rows = [("labels alone", n, s, score) for n, score in ((2, 0.6), (50, 0.9)) for s in (0, 1)]
    >>> rows += [("FixMatch", 2, s, 0.75) for s in (0, 1)]
    >>> curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
    >>> gap_closed(curve, baseline="labels alone")[["labels", "gain", "gap"]].round(2).to_numpy().tolist()
    [[2.0, 0.15, 0.5]]
    """
    check_confidence(confidence)
    base = choose_scores(curve, baseline)
    tables = []
    for name in dict.fromkeys(curve["estimator"]):
        if name == baseline:
            continue
        own = choose_scores(curve, name)
        splits = base.index.intersection(own.index)
        labels = own.columns.intersection(base.columns[:-1])
        if not len(splits) or not len(labels):
            continue
        ceiling = base.loc[splits].iloc[:, [-1]].to_numpy()
        both = np.stack([own.loc[splits, labels].to_numpy(), base.loc[splits, labels].to_numpy()])
        gain, gap = both[0] - both[1], ceiling - both[1]
        tables.append(
            pd.DataFrame(
                {
                    "estimator": name,
                    "labels": labels.to_numpy(),
                    "gain": gain.mean(axis=0),
                    "gap": _divide(gain.mean(axis=0), gap.mean(axis=0)),
                    **_bound_ratio(gain, gap, confidence, random_state),
                }
            )
        )
    columns = ["estimator", "labels", "gain", "gap", "low", "high"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _bound_ratio(gain: np.ndarray, gap: np.ndarray, confidence: float, random_state: Any) -> dict[str, np.ndarray]:
    """Return the bounds ``low`` and ``high`` of the ratio of mean gain to mean gap; NaN where unknown."""
    if len(gain) < 2:
        return {"low": np.full(gain.shape[1], np.nan), "high": np.full(gain.shape[1], np.nan)}
    drawn = _draw_means(np.hstack([gain, gap]), _N_DRAWS, np.random.default_rng(random_state))
    ratio = _divide(drawn[:, : gain.shape[1]], drawn[:, gain.shape[1] :])
    tail = 50 * (1 - confidence)
    known = gap.mean(axis=0) > 0
    bounds = {}
    for name, percent, unbounded in (("low", tail, -np.inf), ("high", 100 - tail, np.inf)):
        with np.errstate(invalid="ignore"):  # a draw without a gap may have any ratio
            found = np.percentile(np.where(np.isnan(ratio), unbounded, ratio), percent, axis=0)
        bounds[name] = np.where(known & np.isfinite(found), found, np.nan)
    return bounds


def _divide(gain: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Return the ratio of gain to gap; NaN without a gap."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap > 0, gain / gap, np.nan)
