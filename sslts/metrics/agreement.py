"""Agreement of two annotators, which is the most that a segmenter can be asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sslts.annotations import pair_labels, pool_labels
from sslts.metrics._tallies import warn_empty
from sslts.metrics.events import event_f1, segment_f1
from sslts.metrics.measures import boundary_error, count_error
from sslts.metrics.samples import mean_iou


def annotator_agreement(
    y_first: Any,
    y_second: Any,
    *,
    onset_tolerance: float | None = None,
    offset_tolerance: float | None = None,
    relative_tolerance: float = 0.0,
    iou: float = 0.5,
    background: int | None = 0,
    sampling_rate: float | None = None,
) -> pd.Series:
    """Return how well two annotators agree on the same recordings.

    Two people never mark the same boundaries. A segmenter that agrees with one of them as well as the other does is as
    good as these labels can show.

    Parameters
    ----------
    y_first, y_second : array of shape (n, T) or (T,), or list of (T_i,)
        Labels of two annotators. Samples that are unlabeled (-1) for either are left out.
    onset_tolerance, offset_tolerance, relative_tolerance : float
        Tolerances of `event_f1`. With `onset_tolerance` None, there is no ``event_f1``.
    iou : float, default=0.5
        Least intersection over union of two segments that are the same occurrence, above 0 and at most 1.
    background : int or None, default=0
        The class that is not a segment; None if every class is a segment.
    sampling_rate : float or None, default=None
        Samples per second; tolerances and boundary errors are then in seconds.

    Returns
    -------
    pandas.Series
        ``kappa`` (Cohen's kappa of the samples: 1 is full agreement, 0 that of chance; NaN if both have one and the
        same class throughout), ``mean_iou``, ``segment_f1``, ``event_f1`` (with `onset_tolerance`), ``count_mae``
        (segments per recording and class), ``onset_mae`` and ``offset_mae`` (between matched segments, mean over
        classes). All are the same if the annotators change places. NaN, with a warning, if no sample is labeled by
        both.

    Raises
    ------
    ValueError
        If the labels differ in shape or are not labels, or another argument is out of range.

    References
    ----------
    Cohen 1960, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20(1).

    Examples
    --------
    >>> from sslts.metrics import annotator_agreement
    >>> first = [[0, 0, 1, 1, 1, 0, 0, 2, 2, 0]]
    >>> second = [[0, 0, 0, 1, 1, 1, 0, 2, 2, -1]]
    >>> annotator_agreement(first, second).round(2).to_dict()
    {'kappa': 0.65, 'mean_iou': 0.7, 'segment_f1': 1.0, 'count_mae': 0.0, 'onset_mae': 1.0, 'offset_mae': 1.0}
    """
    from sklearn.metrics import cohen_kappa_score

    pair = pair_labels(y_first, y_second, name="y_second", truth="y_first", unlabeled=True)
    known = [(one >= 0) & (other >= 0) for one, other in zip(*pair, strict=True)]
    if not any(map(np.any, known)):
        warn_empty("no sample is labeled by both annotators")
    first, last = ([np.where(both, one, -1) for both, one in zip(known, labels, strict=True)] for labels in pair)
    second = [np.maximum(labels, 0) for labels in last]  # a prediction has no -1; it is not judged there
    flat, other, _ = pool_labels(first, second)
    flat, other = flat[flat >= 0], other[flat >= 0]
    options: dict[str, Any] = {"background": background}
    figures = {
        "kappa": cohen_kappa_score(flat, other) if np.union1d(flat, other).size > 1 else np.nan,
        "mean_iou": mean_iou(first, second),
        "segment_f1": segment_f1(first, second, iou=iou, **options),
    }
    if onset_tolerance is not None:
        figures["event_f1"] = event_f1(
            first,
            second,
            onset_tolerance=onset_tolerance,
            offset_tolerance=offset_tolerance,
            relative_tolerance=relative_tolerance,
            sampling_rate=sampling_rate,
            **options,
        )
    figures["count_mae"] = count_error(first, second, **options).mae
    # A segment that is cut by an unlabeled stretch is not measured if it is the truth, so each is the truth once.
    sides = ((first, second), (last, [np.maximum(labels, 0) for labels in first]))
    errors = pd.concat([boundary_error(*side, iou=iou, sampling_rate=sampling_rate, **options) for side in sides])
    means = errors.groupby(level="label")[["onset_mae", "offset_mae"]].mean().mean()
    return pd.Series({**figures, **means}, dtype=np.float64)
