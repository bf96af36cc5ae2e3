"""Segments that an estimator finds, as annotations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from sslts._wrapping import find_attribute, find_owner
from sslts.annotations.annotations import Annotations
from sslts.recordings import Recordings


def follow_words(y: Any, estimator: Any) -> Any:
    """Return annotations with the class numbers that a fitted estimator gives to their words; other ``y`` unchanged.

    Examples
    --------
    >>> follow_words([0, 1], None)
    [0, 1]
    """
    return y.renumber(find_attribute(estimator, "class_names_")) if isinstance(y, Annotations) else y


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
    words = find_attribute(estimator, "class_names_")
    while not hasattr(estimator, "predict_segments"):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps") and find_owner(estimator, "predict_segments") is not None:
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        else:
            return estimator.predict(X)
    background = find_attribute(estimator, "background", 0)
    found = estimator.predict_segments(X)
    if like.names is None and isinstance(X, Recordings) and X.names is not None:
        found = found.assign(recording=pd.Index(X.names).get_indexer(found["recording"]))
    if like.class_names is None and words is not None:
        like = replace(like, class_names=words)
    return like.replace_segments(found, background=background)
