"""Predict probabilities, labels and segments of recordings of any length with a fitted predictor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils import Tags
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from sslts import metrics
from sslts.annotations import Occurrences, SegmentStatistics, as_labels, number_like, read_statistics, write_words
from sslts.decoding import Decoder, OccurrenceDecoder, prepare_decoder
from sslts.prediction import Decoded, Part, Predictor, decode_parts, predict_parts
from sslts.recordings import (
    Channels,
    Normalization,
    NormalizedRecordings,
    Output,
    Recordings,
    choose_normalization,
    read_signals,
)
from sslts.segments import Closed, GrowingSegments, make_table, name_segments


class PredictsRecordings:
    """Mixin that adds predictions to estimators with a fitted predictor, such as a net.

    Long recordings go through the predictor in pieces, and only one piece is held in memory; see `sslts.prediction`.
    """

    _learned: ClassVar[str]  # the attribute that the predictor is made from

    decoder: Decoder
    normalization_: str | None
    background: int | None
    sampling_rate: float | None
    verbose: int
    classes_: np.ndarray
    n_channels_: int
    channel_names_: tuple[Any, ...] | None
    n_features_in_: int
    window_length_: int
    statistics_: SegmentStatistics

    @abstractmethod
    def _get_predictor(self) -> Predictor:
        """Return the fitted predictor."""

    def predict(self, X: Any, out: Any = None) -> Any:
        """Return the label of each sample, as decided by the decoder.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes, of any length.
        out : array-like, list of array-like, or None
            Integer arrays to write to, such as memory-maps or zarr arrays: one array of shape ``(n, T)``, or one array
            of shape ``(T_i,)`` per recording. None makes new arrays. ``out`` holds numbers also if the segmenter was
            fitted on words; ``class_names_`` has their words.

        Returns
        -------
        ndarray of int, shape (n, T), or list of ndarray of shape (T_i,)
            An array if ``X`` is an array, a list if ``X`` is a list; for a Panel container, an array if all lengths are
            equal. Of words, as objects, if the segmenter was fitted on words. ``out`` if it was passed.

        Raises
        ------
        ValueError, TypeError
            If ``X`` or ``out`` does not fit the model, or ``out`` shares memory, a file or a stored array with ``X``.
            Nothing is written in this case.
        sklearn.exceptions.NotFittedError
            If the segmenter is not fitted.
        FloatingPointError
            If a probability is NaN.
        OSError
            If reading or writing fails. The values that ``out`` already holds are correct; a note on the error
            describes them.
        """
        labels = self._predict(self._read(X), out)
        return labels if out is not None else write_words(labels, getattr(self, "class_names_", None), self.classes_)

    def _predict(self, recordings: Recordings, out: Any = None) -> Any:
        holds = int(self.classes_[0]), int(self.classes_[-1])
        output = Output(recordings, (), np.int64, out, holds)
        with output.keep():
            for found in self._iterate_labels(recordings):
                output.write(found.part.recording, found.start, self._name_labels(found.labels))
        return output.result

    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Return the probability of each class at each sample.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes, of any length.
        out : array-like, list of array-like, or None
            Float arrays to write to, such as memory-maps or zarr arrays: one array of shape ``(n, T, K)``, or one
            array of shape ``(T_i, K)`` per recording. None makes new arrays.

        Returns
        -------
        ndarray of float32, shape (n, T, K), or list of ndarray of shape (T_i, K)
            The classes are in the order of ``classes_``, and their probabilities sum to 1. ``out`` if it was passed.

        Raises
        ------
        ValueError, TypeError, NotFittedError, FloatingPointError, OSError
            As in `predict`.
        """
        recordings = self._read(X)
        output = Output(recordings, (len(self.classes_),), np.float32, out)
        with output.keep():
            for part in self._iterate_parts(recordings):
                output.write(part.recording, part.start, self._merge(part.proba))
        return output.result

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return a table of all segments: start, end, class and mean probability.

        The probabilities and labels of a long recording are never held in memory as a whole.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes, of any length.

        Returns
        -------
        DataFrame
            Columns ``recording, start, end, length, label, score``: half-open intervals ``[start, end)`` in samples;
            ``score`` is the mean probability of the label inside the segment. With ``sampling_rate`` also
            ``start_time, end_time, duration`` in seconds. The ``background`` class makes no segments. If ``X`` is
            `sslts.Recordings`, ``recording`` holds names, and ``start_clock, end_clock`` the time on the clock, where
            they are known; ``label`` holds words if the segmenter was fitted on words.

        Raises
        ------
        ValueError, TypeError, NotFittedError, FloatingPointError, OSError
            As in `predict`.
        """
        recordings = self._read(X)
        found = []
        growing: dict[int, GrowingSegments] = {}
        for part, _, labels in self._iterate_labels(recordings):
            if part.recording not in growing:
                growing[part.recording] = GrowingSegments(len(self.classes_), self._occurrences)
            closed = growing[part.recording].push(self._merge(part.proba), labels, end=part.last)
            found.append((part.recording, self._drop_background(closed)))
            if part.last:
                del growing[part.recording]
        recording = np.repeat(np.array([i for i, _ in found]), [len(closed.class_index) for _, closed in found])
        order = np.argsort(recording, kind="stable")
        k, start, end, score = (np.concatenate(column)[order] for column in zip(*(c for _, c in found), strict=True))
        rate = self.sampling_rate or recordings.sampling_rate
        table = make_table(recording[order], start, end, self.classes_[k], score, rate)
        return name_segments(table, replace(recordings, sampling_rate=rate), getattr(self, "class_names_", None))

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, computed on labeled samples only.

        Parameters
        ----------
        X : array-like
            Recordings.
        y : array-like
            True labels, words if the segmenter was fitted on words; samples labeled ``-1`` are ignored.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError, NotFittedError, FloatingPointError, OSError
            As in `predict`, or if ``y`` does not fit ``X``.
        """
        recordings = self._read(X)
        truth = as_labels(number_like(y, self), recordings)
        return metrics.mean_iou(truth, list(self._predict(recordings)), background=self.background)

    def _read(self, X: Any) -> Recordings:
        check_is_fitted(self, self._learned)
        recordings = read_signals(
            X,
            fitted=Channels(self.n_channels_, self.channel_names_, type(self).__name__),
            sampling_rate=self.sampling_rate,
            plain=self._normalization.plain,
        )
        if recordings.container == "array" and getattr(X, "shape", ())[1:2] == (self.n_features_in_,):
            _check_feature_names(self, X, reset=False)  # recordings of another length have other column names
        return recordings

    @property
    def _normalization(self) -> Normalization:
        return choose_normalization(self.normalization_, self.window_length_, getattr(self, "moments_", None))

    def _normalize(self, recordings: Recordings) -> NormalizedRecordings:
        return NormalizedRecordings(recordings, self._normalization)

    def _drop_background(self, closed: Closed) -> Closed:
        if self.background is None:
            return closed
        return Closed(*(column[self.classes_[closed.class_index] != self.background] for column in closed))

    def _iterate_parts(self, recordings: Recordings) -> Iterator[Part]:
        parts = predict_parts(self._get_predictor(), self._normalize(recordings))
        if not self.verbose:
            yield from parts
            return
        from tqdm.auto import tqdm  # installed with skorch

        with tqdm(
            total=int(recordings.lengths.sum()), desc=f"{type(self).__name__}: predict", unit="sample", unit_scale=True
        ) as bar:
            for part in parts:
                yield part
                bar.update(len(part.proba))

    @property
    def decoder_(self) -> Decoder:
        """``decoder`` with what it learned from the labeled segments."""
        check_is_fitted(self, self._learned)
        return prepare_decoder(self.decoder, read_statistics(self))

    @property
    def _occurrences(self) -> Occurrences | None:
        """How occurrences that touch are told apart; None if none touched in the labels."""
        return getattr(self, "occurrences_", None)

    @property
    def _code_decoder(self) -> Decoder | OccurrenceDecoder:
        """The decoder of the predictor's probabilities: `decoder_`, or one that also splits occurrences that touch."""
        decoder, occurrences = self.decoder_, self._occurrences
        return decoder if occurrences is None else OccurrenceDecoder(decoder, occurrences)

    def _merge(self, proba: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes from those of the predictor."""
        return proba if self._occurrences is None else self._occurrences.merge(proba)

    def _name_labels(self, codes: np.ndarray) -> np.ndarray:
        """Return the classes of codes."""
        return self.classes_[codes if self._occurrences is None else self._occurrences.owner[codes]]

    def _iterate_labels(self, recordings: Recordings) -> Iterator[Decoded]:
        return decode_parts(self._code_decoder, self._iterate_parts(recordings))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
