"""The scores of a curve: checked, by split and number of labels, and how sure their mean over splits is."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

_NEEDED = ("estimator", "labels", "split", "score")


def choose_scores(curve: Any, estimator: str | None = None) -> pd.DataFrame:
    """Return the scores of one estimator: a row for each split, a column for each number of labels.

    Raises
    ------
    ValueError
        If the table is no curve, does not have the estimator, has several and none is named, or has several numbers of
        unlabeled recordings or scores for one fit, or lacks scores.

    Examples
    --------
    >>> splits, scores = [0, 0, 1, 1], [0.5, 0.7, 0.6, 0.9]
    >>> curve = pd.DataFrame({"estimator": "mine", "labels": [5, 10, 5, 10], "split": splits, "score": scores})
    >>> choose_scores(curve)
    labels   5    10
    split
    0       0.5  0.7
    1       0.6  0.9
    """
    missing = [name for name in _NEEDED if name not in getattr(curve, "columns", ())]
    if missing:
        raise ValueError(f"curve has no column {missing[0]!r}; pass what label_efficiency_curve returns.")
    names = list(dict.fromkeys(curve["estimator"]))
    if not names:
        raise ValueError("curve is empty.")
    if estimator is None and len(names) != 1:
        raise ValueError(f"curve has the estimators {names}; name one, as estimator={names[0]!r}.")
    name = names[0] if estimator is None else estimator
    if name not in names:
        raise ValueError(f"estimator={name!r} is not in the curve, which has {names}.")
    mine = curve[curve["estimator"] == name]
    if mine.duplicated(["labels", "split"]).any():
        raise ValueError(
            f"curve has several scores of {name!r} for one number of labels and one split; choose one number of "
            "unlabeled recordings, as curve[curve['unlabeled'] == 100]."
        )
    scores = mine.pivot_table(index="split", columns="labels", values="score", dropna=False)
    if not np.isfinite(scores.to_numpy(dtype=float)).all():
        raise ValueError(
            f"curve lacks scores of {name!r}, or they are nan: every split needs every number of labels. Finish the "
            "curve, or leave out the splits that are not done."
        )
    return scores


def check_confidence(confidence: Any) -> float:
    """Return the level of an interval, between 0 and 1.

    Raises
    ------
    ValueError
        If it is no such number.

    Examples
    --------
    >>> check_confidence(0.95)
    0.95
    >>> check_confidence(95)
    Traceback (most recent call last):
    ...
    ValueError: confidence must be between 0 and 1, got 95
    """
    if not isinstance(confidence, Real) or not 0 < float(confidence) < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
    return float(confidence)


def summarize_scores(scores: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return mean and Student's interval over the splits: ``labels, score, low, high``; nan with one split.

    Examples
    --------
    >>> scores = pd.DataFrame([[0.5, 0.7], [0.7, 0.9]], columns=pd.Index([1, 2], name="labels"))
    >>> summarize_scores(scores, 0.5).round(2).to_numpy().tolist()
    [[1.0, 0.6, 0.5, 0.7], [2.0, 0.8, 0.7, 0.9]]
    """
    n, mean = len(scores), scores.mean()
    half = np.full(len(mean), np.nan)
    if n > 1:
        half = stats.t.ppf((1 + confidence) / 2, n - 1) * scores.std(ddof=1).to_numpy() / np.sqrt(n)
    table = {"labels": scores.columns.to_numpy(), "score": mean.to_numpy(), "low": mean - half, "high": mean + half}
    return pd.DataFrame(table).reset_index(drop=True)


def _draw_means(scores: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw what the mean over very many splits may be, shape (n_draws, L), from scores (S, L) of S splits.

    At each number of labels the draws follow Student's distribution with S - 1 degrees of freedom, as its interval
    does; whole splits are weighed, so that the numbers of labels vary together as they did.

    Raises
    ------
    ValueError
        If there is one split.

    Examples
    --------
    >>> scores = np.array([[0.5, 0.7], [0.6, 0.8], [0.7, 0.9]])
    >>> drawn = _draw_means(scores, 1000, np.random.default_rng(0))
    >>> drawn.shape, np.median(drawn, axis=0).round(2).tolist()
    ((1000, 2), [0.6, 0.8])
    >>> np.ptp(drawn[:, 1] - drawn[:, 0]).round(6).item()  # the gain was the same in each split
    0.0
    """
    n = len(scores)
    mean = scores.mean(axis=0)
    if n < 2:
        raise ValueError("curve has one split: how sure the scores are can't be told. Run two, better three or more.")
    spread = rng.standard_normal((n_draws, n)) @ (scores - mean) / np.sqrt(n * (n - 1))
    return mean + spread * np.sqrt((n - 1) / rng.chisquare(n - 1, (n_draws, 1)))
