"""Base class that turns any segmenter into an sktime detector for a series or a Panel."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.utils import Tags
from sktime.detection.base import BaseDetector

from sslts._notices import warn
from sslts._wrapping import find_attribute, forget_start
from sslts.adapters.sktime.events import _read_labels, _split_instances, labels_to_events
from sslts.adapters.sktime.pipeline import SegmenterPipeline, _adapt_transformer
from sslts.annotations import as_labels, number_like
from sslts.decoding import predict_both
from sslts.metrics import mean_iou
from sslts.networks import UNet
from sslts.recipes import Recipe
from sslts.recordings import Channels, as_recordings, read_signals
from sslts.segmenters import SupervisedSegmenter
from sslts.segments import labels_to_segments


def _copy_constructor(segmenter: type) -> Callable[..., None]:
    """Return an ``__init__`` with the segmenter's signature that stores the parameters."""
    store: Callable[..., None] = segmenter.__init__  # type: ignore[misc]

    @functools.wraps(store)
    def __init__(self: SegmenterDetector, *args: Any, **params: Any) -> None:
        store(self, *args, **params)
        BaseDetector.__init__(self)

    __init__.__signature__ = inspect.signature(store)  # type: ignore[attr-defined]
    return __init__


class SegmenterDetector(BaseDetector):
    """Base class of the detectors; a subclass names its segmenter.

    ``class MyDetector(SegmenterDetector, segmenter=MySegmenter)`` makes a detector from a custom estimator and has the
    estimator's parameters.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> class AboveSegmenter(BaseEstimator):
    ...     def __init__(self, level=0.0):
    ...         self.level = level
    ...     def fit(self, X, y):
    ...         self.classes_ = np.array([0, 1])
    ...         return self
    ...     def predict(self, X):
    ...         return [(x[0] > self.level).astype(int) for x in X]
    >>> class AboveDetector(SegmenterDetector, segmenter=AboveSegmenter):
    ...     pass
    >>> series = np.array([0.0, 2.0, 3.0, 1.0])
    >>> AboveDetector(level=1.5).fit(series, pd.Series([0, 1, 1, 0])).transform(series)["labels"].tolist()
    [0, 1, 1, 0]
    """

    _segmenter_class: ClassVar[type[Any]]

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "The sslts developers",
        "maintainers": "The sslts developers",
        "task": "segmentation",
        "learning_type": "supervised",  # sktime's checks reject "semi_supervised"
        "capability:multivariate": True,
        "capability:missing_values": False,
        "capability:update": False,
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex"],
    }

    def __init_subclass__(cls, segmenter: type | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if segmenter is not None:
            cls._segmenter_class = segmenter
            cls.__init__ = _copy_constructor(segmenter)  # type: ignore[method-assign]
            has_seed = "random_state" in inspect.signature(segmenter).parameters
            kind = "derandomized" if has_seed else "stochastic"
            cls._tags = {"capability:random_state": has_seed, "property:randomness": kind}

    def _make_segmenter(self) -> Any:
        names = inspect.signature(type(self).__init__).parameters
        return self._segmenter_class(**{name: getattr(self, name) for name in names if name != "self"})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep``, also the parameters of nested objects, as the segmenter does."""
        return self._make_segmenter().get_params(deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including nested parameters, and reset the detector to an unfitted state."""
        changed = self._make_segmenter().set_params(**params)
        for name, value in changed.get_params(deep=False).items():
            setattr(self, name, value)
        return self.reset()

    def clone(self) -> Self:
        """Return an unfitted detector with the same parameters; a model in ``init`` stays fitted."""
        cloned = super().clone()
        if hasattr(self, "init"):
            cloned.init = self.init
        return cloned

    def __rmul__(self, other: Any) -> Any:
        """Return the pipeline ``transformer * self`` of an sktime or scikit-learn transformer and this detector."""
        step = _adapt_transformer(other)
        return NotImplemented if step is None else SegmenterPipeline(steps=[step, self])

    def __sklearn_clone__(self) -> Self:
        return self.clone()

    def __sklearn_tags__(self) -> Tags:
        return self._make_segmenter().__sklearn_tags__()

    def _fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        self._X = self._y = None  # sktime keeps the training data for `update`, which is not supported
        self.channels_ = None
        if y is None:
            self.segmenter_ = _BackgroundPredictor(getattr(self._make_segmenter(), "background", None) or 0)
            warn(
                f"y is None: every time step will be predicted as {self.segmenter_.classes_[0]}; pass labels to train."
            )
        else:
            self.segmenter_ = self._choose_segmenter().fit(self._read_recordings(X), _read_labels(y, X.index))
            if (init := getattr(self, "init", None)) is not None:
                self.__dict__["init"] = forget_start(init)
            self.channels_ = Channels(X.shape[1], _get_channel_names(X), type(self).__name__)
        self.classes_ = self.segmenter_.classes_
        return self

    def _choose_segmenter(self) -> Any:
        """Return the segmenter to fit: a new segmenter or, with ``warm_start``, the previously fitted segmenter."""
        fresh = self._make_segmenter()
        fitted: Any = getattr(self, "segmenter_", None)
        if getattr(self, "warm_start", False) and isinstance(fitted, self._segmenter_class):
            return fitted.set_params(**fresh.get_params(deep=False))
        return fresh

    def update(self, X: Any, y: Any = None) -> Self:
        """Raise NotImplementedError; call `fit` on all recordings instead.

        To continue from a fitted model, set ``warm_start=True`` and call `fit` again. `set_params` resets the detector,
        as in all of sktime, and a pipeline fits a clone; in both cases pass the fitted ``segmenter_`` as ``init``.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not support update; fit on old and new recordings together. To start from "
            "fitted weights, pass init= the fitted `segmenter_`."
        )

    def _read_recordings(self, X: pd.DataFrame) -> list[np.ndarray]:
        """Return the recordings (C, T_i) of a series or a Panel, after checks of channels and sampling rate."""
        fitted = self.channels_
        if fitted is not None and _get_channel_names(X) is None:
            fitted = replace(fitted, names=None)
        rate = find_attribute(self._make_segmenter(), "sampling_rate")
        recordings = read_signals(_split_instances(X), fitted=fitted, sampling_rate=rate)
        return [recordings.get(i) for i in range(len(recordings))]

    def _predict_labels(self, X: pd.DataFrame) -> list[np.ndarray]:
        return list(number_like(self.segmenter_.predict(self._read_recordings(X)), self.segmenter_))

    def _predict(self, X: pd.DataFrame) -> pd.DataFrame:
        return labels_to_events(self._predict_labels(X), X.index)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the label of each time step.

        Parameters
        ----------
        X : sktime Series or Panel
            The recordings.

        Returns
        -------
        DataFrame
            Column ``labels`` on the index of ``X``.
        """
        self.check_is_fitted()
        inner = self._check_X(X)
        return pd.DataFrame({"labels": np.concatenate(self._predict_labels(inner))}, index=inner.index)

    def fit_transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Fit the detector, and return the label of each time step of the same recordings."""
        return self.fit(X, y).transform(X)

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return the segments, as `predict` does."""
        return self.predict(X)

    def predict_points(self, X: Any) -> pd.DataFrame:
        """Return the start of each segment.

        Parameters
        ----------
        X : sktime Series or Panel
            The recordings.

        Returns
        -------
        DataFrame
            Columns ``ilocs``, the position of the first time step of each segment, and ``labels``, its label.
        """
        events = self.predict(X)
        left = pd.IntervalIndex(events["ilocs"].array).left.to_numpy(dtype=np.int64)
        return pd.DataFrame({"ilocs": left, "labels": events["labels"]}, index=events.index)

    def _transform_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        proba = list(self.segmenter_.predict_proba(self._read_recordings(X)))
        return pd.DataFrame(np.concatenate(proba), index=X.index, columns=self.classes_)

    def _predict_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        container = self._read_recordings(X)
        labels, proba = predict_both(self.segmenter_, container)
        table = labels_to_segments(labels, background=None, proba=proba, classes=self.classes_)
        return pd.DataFrame({"scores": table["score"].to_numpy()}, index=labels_to_events(labels, X.index).index)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the present classes, on labeled time steps only.

        Parameters
        ----------
        X : sktime Series or Panel
            The recordings.
        y : events or labels, as in ``fit``
            The true labels.

        Returns
        -------
        float
            The mean IoU.
        """
        return mean_iou(*self.pair_response(X, y, "predict"))

    def pair_response(self, X: Any, y: Any, response: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return true labels and the segmenter's response for each instance; the scorers of `sslts.metrics` call it.

        Parameters
        ----------
        X : sktime Series or Panel
            The recordings.
        y : events or labels, as in ``fit``
            The true labels.
        response : {"predict", "predict_proba"}
            The method of the segmenter to call.

        Returns
        -------
        truth, response : list of ndarray
            True labels (T_i,), and predicted labels (T_i,) or probabilities (T_i, K).
        """
        self.check_is_fitted()
        inner = self._check_X(X)
        container = self._read_recordings(inner)
        truth = as_labels(_read_labels(y, inner.index), as_recordings(container))
        found = getattr(self.segmenter_, response)(container)
        return truth, list(number_like(found, self.segmenter_) if response == "predict" else found)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return the parameters that sktime's tests use."""
        defaults = inspect.signature(cls).parameters
        small: dict[str, Any] = {"network": UNet(width=4, depth=1), "max_steps": 2, "batch_size": 2, "random_state": 0}
        if "classifier" in defaults:
            recipes = {name: p.default for name, p in defaults.items() if isinstance(p.default, Recipe)}
            few = {"classifier": ExtraTreesClassifier(5), "random_state": 0}
            return [{**recipes, **few}, {**few, "normalization": None, "background": None}]
        if "network" not in defaults:
            return [{"segmenter": SupervisedSegmenter(**small), "n_rounds": 1}, {"n_rounds": 2}]
        # sktime's tests reject objects as defaults, so the (immutable) recipes are passed explicitly.
        recipes = {name: p.default for name, p in defaults.items() if isinstance(p.default, Recipe)}
        return [{**recipes, **small}, {**small, "normalization": None, "background": None}]


class _BackgroundPredictor:
    """Segmenter of a detector fitted without labels: it predicts the background everywhere."""

    def __init__(self, background: int) -> None:
        self.classes_ = np.array([background])

    def predict(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.full(x.shape[-1], self.classes_[0]) for x in X]

    def predict_proba(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.ones((x.shape[-1], 1), dtype=np.float32) for x in X]


def _get_channel_names(X: pd.DataFrame) -> tuple[Any, ...] | None:
    """Return the column names, or None if they are sktime's default names ``var_0``, ``var_1``, ..."""
    names = tuple(X.columns)
    return None if names == tuple(f"var_{i}" for i in range(len(names))) else names
