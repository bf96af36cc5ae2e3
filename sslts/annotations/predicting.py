"""Segments that an estimator finds, as annotations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from sslts._wrapping import find_attribute, find_owner
from sslts.annotations.annotations import Annotations
from sslts.annotations.rows import number_recordings
from sslts.annotations.wording import read_words
from sslts.recordings import Recordings


def number_like(y: Any, estimator: Any, name: str = "y") -> Any:
    """Return labels or predictions that are words as the class numbers of a fitted estimator; others unchanged.

    Nothing changes if the estimator was fitted on numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = WindowFeatureSegmenter(random_state=0).fit(X, np.where(y, "walk", "background"))
    >>> number_like(["walk", None], segmenter)
    [1, -1]
    """
    words = find_attribute(estimator, "class_names_")
    return y if words is None else read_words(y, words, name=name)[0]


def predict_like(estimator: Any, X: Any, y: Any) -> Any:
    """Return what an estimator predicts in the form of the truth ``y``: annotations, or else labels per sample.

    Examples
    --------
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> predict_like(WindowFeatureSegmenter(random_state=0).fit(X, y), X, y).shape
    (4, 400)
    """
    return predict_annotations(estimator, X, y) if isinstance(y, Annotations) else estimator.predict(X)


def predict_annotations(estimator: Any, X: Any, like: Annotations) -> Any:
    """Return the segments that an estimator finds as annotations, in which segments that touch stay apart.

    Parameters
    ----------
    estimator : fitted segmenter
        A segmenter, or a search or pipeline around a segmenter.
    X : array-like
        The recordings.
    like : Annotations
        Annotations of the same recordings.

    Returns
    -------
    Annotations, or the labels of ``predict`` if the estimator has no ``predict_segments``

    Examples
    --------
    >>> from sslts import Annotations, WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> annotations = Annotations.from_labels(y)
    >>> segmenter = WindowFeatureSegmenter(random_state=0).fit(X, annotations)
    >>> len(predict_annotations(segmenter, X, annotations))
    4
    """
    segmenter, seen = _unwrap(estimator, X)
    if not hasattr(segmenter, "predict_segments"):
        return segmenter.predict(seen)
    found, words = segmenter.predict_segments(seen), find_attribute(segmenter, "class_names_")
    if like.names is None and isinstance(seen, Recordings) and seen.names is not None:
        found = number_recordings(found, seen.names)
    if like.class_names is None and words is not None:
        like = replace(like, class_names=words)
    return like.replace_segments(found, background=find_attribute(segmenter, "background", 0))


def predict_table(estimator: Any, X: Any) -> pd.DataFrame:
    """Return the table of segments that a segmenter finds, or a search or pipeline around a segmenter.

    Raises
    ------
    TypeError
        If the estimator has no ``predict_segments``.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.preprocessing import RecordingStandardizer
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> fitted = make_pipeline(RecordingStandardizer(), WindowFeatureSegmenter(random_state=0)).fit(X, y)
    >>> predict_table(fitted, X).columns.tolist()
    ['recording', 'start', 'end', 'length', 'label', 'score']
    """
    segmenter, seen = _unwrap(estimator, X)
    if not hasattr(segmenter, "predict_segments"):
        raise TypeError(f"{type(estimator).__name__} has no predict_segments; pass a fitted segmenter.")
    table: pd.DataFrame = segmenter.predict_segments(seen)
    return table


def _unwrap(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the segmenter in a search or pipeline, and the recordings that it sees; else what was passed."""
    while not hasattr(estimator, "predict_segments"):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps") and find_owner(estimator, "predict_segments") is not None:
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        else:
            break
    return estimator, X
