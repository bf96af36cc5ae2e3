"""Scores of a label-efficiency curve by split and number of labels, and intervals of their mean over splits."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

_REQUIRED_COLUMNS = ("estimator", "labels", "split", "score")


def choose_scores(curve: Any, estimator: str | None = None) -> pd.DataFrame:
    """Return the scores of one estimator: a row for each split, a column for each number of labels.

    Parameters
    ----------
    curve : DataFrame
        Result of `label_efficiency_curve`.
    estimator : str, default=None
        Name of the estimator; None is allowed if the curve has one estimator.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If the table is not a curve, lacks the estimator or a score, has several estimators and `estimator` is None, or
        has several scores for one split and number of labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.model_selection import choose_scores
    >>> splits, scores = [0, 0, 1, 1], [0.5, 0.7, 0.6, 0.9]
    >>> curve = pd.DataFrame({"estimator": "mine", "labels": [5, 10, 5, 10], "split": splits, "score": scores})
    >>> choose_scores(curve)
    labels   5    10
    split
    0       0.5  0.7
    1       0.6  0.9
    """
    missing = [name for name in _REQUIRED_COLUMNS if name not in getattr(curve, "columns", ())]
    if missing:
        raise ValueError(f"curve has no column {missing[0]!r}; pass the result of label_efficiency_curve.")
    names = list(dict.fromkeys(curve["estimator"]))
    if not names:
        raise ValueError("curve is empty; pass the result of label_efficiency_curve.")
    if estimator is None and len(names) != 1:
        raise ValueError(f"curve has the estimators {names}; choose one, such as estimator={names[0]!r}.")
    name = names[0] if estimator is None else estimator
    if name not in names:
        raise ValueError(f"estimator={name!r} is not in the curve; give one of {names}.")
    own = curve[curve["estimator"] == name]
    if own.duplicated(["labels", "split"]).any():
        raise ValueError(
            f"curve has several scores of {name!r} for one number of labels and one split; choose one number of "
            "unlabeled recordings, such as curve[curve['unlabeled'] == 100]."
        )
    scores = own.pivot_table(index="split", columns="labels", values="score", dropna=False)
    if not np.isfinite(scores.to_numpy(dtype=float)).all():
        raise ValueError(
            f"curve lacks scores of {name!r}, or has NaN: every split needs every number of labels. Finish the curve, "
            "or leave out the unfinished splits."
        )
    return scores


def check_confidence(confidence: Any) -> float:
    """Return the level of an interval as a float; raise if it is not between 0 and 1.

    Parameters
    ----------
    confidence : float
        Level of the interval.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `confidence` is not a number between 0 and 1.

    Examples
    --------
    >>> from sslts.model_selection import check_confidence
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
    """Return the mean score over splits and its Student's t interval, for each number of labels.

    Parameters
    ----------
    scores : DataFrame
        Result of `choose_scores`.
    confidence : float, default=0.95
        Level of the interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns ``labels, score, low, high``; the interval is NaN with one split.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.model_selection import summarize_scores
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
    """Return random draws (n_draws, L) of the true mean score, given the scores (S, L) of S splits.

    At each number of labels the draws follow Student's t distribution with S - 1 degrees of freedom, like the interval
    of `summarize_scores`. Splits get random weights, so scores at different numbers of labels stay correlated.
    """
    n = len(scores)
    mean = scores.mean(axis=0)
    if n < 2:
        raise ValueError("curve has one split: an interval needs two or more, better three or more. Give a larger cv.")
    spread = rng.standard_normal((n_draws, n)) @ (scores - mean) / np.sqrt(n * (n - 1))
    return mean + spread * np.sqrt((n - 1) / rng.chisquare(n - 1, (n_draws, 1)))
