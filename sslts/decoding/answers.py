"""Labels and probabilities of a segmenter from one pass of its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sslts._wrapping import find_attribute, find_owner
from sslts.annotations import number_like, read_statistics
from sslts.decoding.decoder import Decoder, decode_recordings, prepare_decoder


def predict_both(segmenter: Any, X: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the labels (T_i,) and the probabilities (T_i, K) of recordings, equal to `predict` and `predict_proba`.

    Parameters
    ----------
    segmenter : fitted segmenter
        A segmenter, or a pipeline, search or other estimator that wraps a segmenter. If it has no decoder, both methods
        are called.
    X : array-like
        Recordings.

    Returns
    -------
    labels, probas : list of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=1, random_state=0).fit(X, y)
    >>> labels, probas = predict_both(segmenter, X)
    >>> np.array_equal(labels, segmenter.predict(X)), probas[0].shape
    (True, (400, 2))
    """
    probas = list(segmenter.predict_proba(X))
    if any(find_owner(segmenter, name) is None for name in ("decoder", "statistics_")):
        return list(number_like(segmenter.predict(X), segmenter)), probas
    return decode_as(segmenter, find_attribute(segmenter, "decoder"), probas), probas


def decode_as(segmenter: Any, decoder: Decoder, probas: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the labels that a segmenter would predict with another decoder.

    Parameters
    ----------
    segmenter : fitted segmenter
    decoder : Decoder
    probas : sequence of ndarray of shape (T_i, K)
        The probabilities that the segmenter predicts for each recording.

    Returns
    -------
    list of ndarray of shape (T_i,)

    Examples
    --------
    >>> import numpy as np
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.decoding import Argmax
    >>> segmenter = SupervisedSegmenter(max_steps=1, random_state=0).fit(*make_recordings(4, n_samples=400))
    >>> [found.tolist() for found in decode_as(segmenter, Argmax(), [np.eye(2)])]
    [[0, 1]]
    """
    prepared = prepare_decoder(decoder, read_statistics(segmenter))
    return [segmenter.classes_[found] for _, _, found in decode_recordings(prepared, enumerate(probas))]
