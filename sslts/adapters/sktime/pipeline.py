"""Pipelines of transformers and a detector, and the transformers of `sslts.preprocessing` as sktime transformers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sktime.detection.compose import DetectorPipeline
from sktime.transformations.adapt import TabularToSeriesAdaptor
from sktime.transformations.base import BaseTransformer
from sktime.utils.sklearn import is_sklearn_transformer

from sslts._wrapping import find_attribute
from sslts.adapters.sktime.events import _split_instances
from sslts.preprocessing import FillGaps, LengthKeeping, RecordingStandardizer


def _adapt_transformer(transformer: Any) -> BaseTransformer | None:
    """Return a transformer as an sktime transformer, or None if the object is not a transformer.

    A transformer of scikit-learn gets time steps as rows; a transformer of `sslts.preprocessing` gets whole recordings.
    """
    if _is_recording_transformer(transformer):
        return RecordingTransformer(transformer)
    if is_sklearn_transformer(transformer):
        return TabularToSeriesAdaptor(transformer)
    return transformer if isinstance(transformer, BaseTransformer) else None


def _is_recording_transformer(transformer: Any) -> bool:
    """Return whether this is a `LengthKeeping` transformer, or a scikit-learn pipeline of such transformers."""
    if isinstance(transformer, Pipeline):
        return all(step in (None, "passthrough") or _is_recording_transformer(step) for _, step in transformer.steps)
    return isinstance(transformer, LengthKeeping)


class RecordingTransformer(BaseTransformer):
    """A transformer of `sslts.preprocessing` as an sktime transformer.

    Parameters
    ----------
    transformer : LengthKeeping or Pipeline
        A `RecordingStandardizer`, `FillGaps`, `ButterworthFilter` or custom transformer, or a scikit-learn pipeline of
        such transformers.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.adapters.sktime import RecordingTransformer
    >>> from sslts.preprocessing import RecordingStandardizer
    >>> series = pd.DataFrame({"a": [1.0, 3.0], "b": [0.0, 8.0]})
    >>> RecordingTransformer(RecordingStandardizer()).fit_transform(series)["b"].tolist()
    [-1.0, 1.0]
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "The sslts developers",
        "maintainers": "The sslts developers",
        "scitype:transform-input": "Series",
        "scitype:transform-output": "Series",
        "scitype:instancewise": True,
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex"],
        "y_inner_mtype": "None",
        "capability:multivariate": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "fit_is_empty": False,
    }

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer
        super().__init__()

    def _fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: ARG002
        self.transformer_ = clone(self.transformer).fit(_split_instances(X))
        return self

    def _transform(self, X: pd.DataFrame, y: Any = None) -> pd.DataFrame:  # noqa: ARG002
        parts = [np.asarray(frame) for frame in self.transformer_.transform(_split_instances(X))]
        return pd.DataFrame(np.concatenate(parts), index=X.index, columns=X.columns)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return the parameters that sktime's tests use."""
        return [{"transformer": RecordingStandardizer()}, {"transformer": FillGaps()}]


class SegmenterPipeline(DetectorPipeline):
    """Pipeline of sktime transformers and a detector of this module, as made by ``transformer * detector``.

    sktime's ``DetectorPipeline`` also passes ``y`` to the transformers, and some transformers can't read tables of
    events. This pipeline passes ``y`` to the detector only, and supports Panels, scores and the index of ``X``.

    Parameters
    ----------
    steps : list of estimators, or list of (str, estimator)
        The transformers in order, then the detector.

    Examples
    --------
    >>> from sktime.transformations.detrend import Detrender
    >>> from sslts.adapters.sktime import FixMatchDetector, labels_to_events
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(1, n_samples=400, random_state=0)
    >>> pipeline = Detrender() * FixMatchDetector(max_steps=2, random_state=0)
    >>> pipeline.fit(X[0], labels_to_events(y)).transform(X[0]).shape
    (400, 1)
    """

    _tags: ClassVar[dict[str, Any]] = {
        "capability:multivariate": True,
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex"],
    }

    def __rmul__(self, other: Any) -> Any:
        """Return the pipeline ``transformer * self``."""
        step = _adapt_transformer(other)
        longer = NotImplemented if step is None else super().__rmul__(step)
        return longer if longer is NotImplemented else SegmenterPipeline(steps=longer.steps)

    def __sklearn_tags__(self) -> Tags:
        return self.estimator_.__sklearn_tags__()

    def _fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        self._X = self._y = None
        self.skip_trafos_ = False
        n_samples = len(X)
        for i, name, transformer in self._iter_transformers():
            fitted = transformer.clone()
            X = fitted.fit_transform(X)
            self.steps_[i] = (name, fitted)
            if len(X) != n_samples:
                raise ValueError(
                    f"{name} turned {n_samples} time steps into {len(X)}; events are positions in X, so use a "
                    "transformer that keeps every time step. (For a transformer of single series, sktime pads "
                    "instances of unequal lengths: transform each instance before the pipeline.)"
                )
        name, detector = self.steps_[-1]
        self.steps_[-1] = (name, detector.clone().fit(X, y))
        return self

    def _call_detector(self, method: str, X: Any, *args: Any) -> Any:
        """Return the result of a method of the detector on the transformed recordings."""
        self.check_is_fitted()
        return getattr(self.estimator_, method)(self._transform(self._check_X(X)), *args)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the label of each time step, on the index of ``X``."""
        return self._call_detector("transform", X)

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return a table of segments, as the detector does."""
        return self._call_detector("predict_segments", X)

    def predict_points(self, X: Any) -> pd.DataFrame:
        """Return the start of each segment, as the detector does."""
        return self._call_detector("predict_points", X)

    def predict_scores(self, X: Any) -> pd.DataFrame:
        """Return the mean probability of each segment's label."""
        return self._call_detector("predict_scores", X)

    def transform_scores(self, X: Any) -> pd.DataFrame:
        """Return the probability of each class at each time step."""
        return self._call_detector("transform_scores", X)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the present classes, on labeled time steps only."""
        return self._call_detector("score", X, y)

    def pair_response(self, X: Any, y: Any, response: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return true labels and the segmenter's response for each instance, as the detector does."""
        return self._call_detector("pair_response", X, y, response)

    @property
    def background(self) -> int | None:
        """Background class of the detector."""
        return find_attribute(self.estimator_, "background", 0)

    @property
    def classes_(self) -> np.ndarray:
        """Classes of the detector."""
        return self.estimator_.classes_
