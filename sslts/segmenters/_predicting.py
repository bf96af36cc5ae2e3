"""What a fitted network says about recordings of any length: probabilities, labels, segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from sslts import metrics
from sslts.annotations import SegmentStatistics, as_labels, read_statistics
from sslts.decoding import Decoder, prepare_decoder
from sslts.prediction import Decoded, Part, decode_parts, predict_parts
from sslts.recordings import (
    Channels,
    Normalization,
    NormalizedRecordings,
    Output,
    Recordings,
    choose_normalization,
    read_signals,
)
from sslts.segments import Closed, GrowingSegments, make_table
from sslts.training import SegmentationNet


class PredictsRecordings:
    """Mixin of estimators that have a fitted net, ``net_``.

    Long recordings go through the network in pieces, and no more of them than a piece is held; see `sslts.prediction`.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y)
    >>> isinstance(segmenter, PredictsRecordings)
    True
    >>> segmenter.predict(X).shape, segmenter.predict_proba([X[0], X[1, :150]])[1].shape
    ((4, 400), (150, 2))
    """

    decoder: Decoder
    normalization_: str | None
    background: int | None
    sampling_rate: float | None
    verbose: int
    net_: SegmentationNet
    classes_: np.ndarray
    n_channels_: int
    channel_names_: tuple[Any, ...] | None
    n_features_in_: int
    window_length_: int
    statistics_: SegmentStatistics

    def predict(self, X: Any, out: Any = None) -> Any:
        """Return the label of each sample, as the decoder decides.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes, of any length.
        out : array-like, list of array-like, or None
            Arrays of integers, such as memory-maps or zarr arrays, that are written to instead of new ones: one of
            shape ``(n, T)``, or one ``(T_i,)`` for each recording.

        Returns
        -------
        ndarray of int, shape (n, T), or list of ndarray of shape (T_i,)
            An array for an array, a list for a list; for a Panel container an array if the lengths are equal. ``out``
            if it was given.

        Raises
        ------
        ValueError, TypeError
            If ``X`` or ``out`` does not fit. Nothing is written then.
        sklearn.exceptions.NotFittedError
            If `fit` was not called.
        FloatingPointError
            If the network answers NaN.
        OSError
            If reading or writing fails. What ``out`` holds by then is right, and is named in a note to the error.
        """
        return self._predict(self._read(X), out)

    def _predict(self, recordings: Recordings, out: Any = None) -> Any:
        holds = int(self.classes_[0]), int(self.classes_[-1])
        output = Output(recordings, (), np.int64, out, holds)
        with output.keep():
            for found in self._iterate_labels(recordings):
                output.write(found.part.recording, found.start, self.classes_[found.labels])
        return output.result

    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Return the probability of each class at each sample, from the averaged weights.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes, of any length.
        out : array-like, list of array-like, or None
            Arrays of floats, such as memory-maps or zarr arrays, that are written to instead of new ones: one of shape
            ``(n, T, K)``, or one ``(T_i, K)`` for each recording.

        Returns
        -------
        ndarray of float32, shape (n, T, K), or list of ndarray of shape (T_i, K)
            In the order of ``classes_``; sums to 1 over K. ``out`` if it was given.

        Raises
        ------
        ValueError, TypeError, NotFittedError, FloatingPointError, OSError
            As `predict` does.
        """
        recordings = self._read(X)
        output = Output(recordings, (len(self.classes_),), np.float32, out)
        with output.keep():
            for part in self._iterate_parts(recordings):
                output.write(part.recording, part.start, part.proba)
        return output.result

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return every occurrence: where it starts and ends, of which class, how sure.

        Neither probabilities nor labels of a long recording are held as a whole.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes, of any length.

        Returns
        -------
        DataFrame
            Columns ``recording, start, end, length, label, score``: half-open ``[start, end)`` in samples, ``score``
            the mean probability of the label inside. With ``sampling_rate`` also ``start_time, end_time, duration`` in
            seconds. The ``background`` class is not a segment.

        Raises
        ------
        ValueError, TypeError, NotFittedError, FloatingPointError, OSError
            As `predict` does.
        """
        recordings = self._read(X)
        found = []
        growing: dict[int, GrowingSegments] = {}
        for part, _, labels in self._iterate_labels(recordings):
            segments = growing.setdefault(part.recording, GrowingSegments(len(self.classes_)))
            closed = segments.push(part.proba, labels, end=part.last)
            found.append((part.recording, self._drop_background(closed)))
            if part.last:
                del growing[part.recording]
        recording = np.repeat(np.array([i for i, _ in found]), [len(closed.class_index) for _, closed in found])
        order = np.argsort(recording, kind="stable")
        k, start, end, score = (np.concatenate(column)[order] for column in zip(*(c for _, c in found), strict=True))
        return make_table(recording[order], start, end, self.classes_[k], score, self.sampling_rate)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, on labeled samples only.

        Parameters
        ----------
        X : array-like
            Recordings.
        y : array-like of int
            True labels; ``-1`` counts nowhere.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError, NotFittedError, FloatingPointError, OSError
            As `predict` does, or if ``y`` does not fit ``X``.
        """
        recordings = self._read(X)
        truth = as_labels(y, recordings)
        return metrics.mean_iou(truth, list(self._predict(recordings)), background=self.background)

    def _read(self, X: Any) -> Recordings:
        check_is_fitted(self, "net_")
        recordings = read_signals(
            X,
            fitted=Channels(self.n_channels_, self.channel_names_, type(self).__name__),
            sampling_rate=self.sampling_rate,
            plain=self._normalization.plain,
        )
        if recordings.container == "array" and getattr(X, "shape", ())[1:2] == (self.n_features_in_,):
            _check_feature_names(self, X, reset=False)  # recordings of another length have other names
        return recordings

    @property
    def _normalization(self) -> Normalization:
        return choose_normalization(self.normalization_, self.window_length_)

    def _normalize(self, recordings: Recordings) -> NormalizedRecordings:
        return NormalizedRecordings(recordings, self._normalization)

    def _drop_background(self, closed: Closed) -> Closed:
        if self.background is None:
            return closed
        return Closed(*(column[self.classes_[closed.class_index] != self.background] for column in closed))

    def _iterate_parts(self, recordings: Recordings) -> Iterator[Part]:
        parts = predict_parts(self.net_, self._normalize(recordings))
        if not self.verbose:
            yield from parts
            return
        from tqdm.auto import tqdm  # skorch brings it

        with tqdm(total=int(recordings.lengths.sum()), desc="predict", unit="sample", unit_scale=True) as bar:
            for part in parts:
                yield part
                bar.update(len(part.proba))

    def _iterate_labels(self, recordings: Recordings) -> Iterator[Decoded]:
        decoder = prepare_decoder(self.decoder, read_statistics(self))
        return decode_parts(decoder, self._iterate_parts(recordings))
