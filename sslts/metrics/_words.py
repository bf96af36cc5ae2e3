"""Words in truth and prediction: one number for each word before a metric, and words in its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from sslts.annotations import name_labels, number_alike

_Metric = TypeVar("_Metric", bound=Callable[..., Any])


def takes_words(metric: _Metric) -> _Metric:
    """Return a metric of (y_true, y_pred) that also takes labels that are words, and names the classes of its result.

    Examples
    --------
    >>> from sslts.metrics import class_iou
    >>> class_iou([["walk", "background"]], [["walk", "walk"]]).to_dict()
    {'background': 0.0, 'walk': 0.5}
    """

    @wraps(metric)
    def measure(y_true: Any, y_pred: Any, *args: Any, **options: Any) -> Any:
        (true, pred), words = number_alike({"y_true": y_true, "y_pred": y_pred})
        if words is None:
            return metric(y_true, y_pred, *args, **options)
        return name_result(metric(true, pred, *args, **options), words)

    return cast("_Metric", measure)


def name_result(found: Any, words: Mapping[int, str]) -> Any:
    """Return the result of a metric with words in place of numbers, in the index or the column ``label``.

    Examples
    --------
    >>> name_result(pd.Series([1.0], pd.Index([2], name="label")), {2: "walk"}).to_dict()
    {'walk': 1.0}
    """
    if isinstance(found, tuple):  # a confusion matrix and its classes
        matrix, classes = found
        return matrix, np.array(name_labels(classes, words), dtype=object)
    if isinstance(found, pd.DataFrame) and "label" in found:
        return found.assign(label=name_labels(found["label"].to_numpy(), words))
    if isinstance(found, (pd.Series, pd.DataFrame)) and found.index.name == "label":
        return found.set_axis(pd.Index(name_labels(found.index.to_numpy(), words), dtype=object, name="label"))
    return found
