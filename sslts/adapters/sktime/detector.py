"""A detector of sktime around any segmenter: one series or a Panel, events in and events out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils import Tags
from sktime.detection.base import BaseDetector

from sslts._notices import warn
from sslts._wrapping import find_attribute
from sslts.adapters.sktime.events import _read_labels, _split_instances, labels_to_events
from sslts.adapters.sktime.pipeline import SegmenterPipeline, _adapt_transformer
from sslts.annotations import as_labels
from sslts.decoding import predict_both
from sslts.metrics import mean_iou
from sslts.networks import UNet
from sslts.recipes import Recipe
from sslts.recordings import Channels, as_recordings, read_signals
from sslts.segmenters import SupervisedSegmenter
from sslts.segments import labels_to_segments


def _take_parameters(segmenter: type) -> Callable[..., None]:
    """Return an ``__init__`` with the signature of the segmenter's own, which only stores what it is given."""
    store: Callable[..., None] = segmenter.__init__  # type: ignore[misc]

    @functools.wraps(store)
    def __init__(self: SegmenterDetector, *args: Any, **params: Any) -> None:
        store(self, *args, **params)
        BaseDetector.__init__(self)

    __init__.__signature__ = inspect.signature(store)  # type: ignore[attr-defined]
    return __init__


class SegmenterDetector(BaseDetector):
    """Base of the detectors: all but the segmenter that a subclass names.

    ``class MyDetector(SegmenterDetector, segmenter=MySegmenter)`` makes a detector of an estimator of one's own, with
    that estimator's parameters.

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
        "learning_type": "supervised",  # sktime's own check knows no "semi_supervised"
        "capability:multivariate": True,
        "capability:missing_values": False,
        "capability:update": False,
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex"],
    }

    def __init_subclass__(cls, segmenter: type | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if segmenter is not None:
            cls._segmenter_class = segmenter
            cls.__init__ = _take_parameters(segmenter)  # type: ignore[method-assign]
            has_seed = "random_state" in inspect.signature(segmenter).parameters
            kind = "derandomized" if has_seed else "stochastic"
            cls._tags = {"capability:random_state": has_seed, "property:randomness": kind}

    def _make_segmenter(self) -> Any:
        names = inspect.signature(type(self).__init__).parameters
        return self._segmenter_class(**{name: getattr(self, name) for name in names if name != "self"})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep``, those of nested parameter objects too, as the segmenter does."""
        return self._make_segmenter().get_params(deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, nested ones too, as the segmenter does; the detector is unfitted then."""
        changed = self._make_segmenter().set_params(**params)
        for name, value in changed.get_params(deep=False).items():
            setattr(self, name, value)
        return self.reset()

    def clone(self) -> Self:
        """Return an unfitted detector with the same parameters; the model in ``init`` stays fitted."""
        cloned = super().clone()
        if hasattr(self, "init"):
            cloned.init = self.init
        return cloned

    def __rmul__(self, other: Any) -> Any:
        """Return the pipeline of a transformer of sktime or scikit-learn and this detector: ``transformer * self``."""
        step = _adapt_transformer(other)
        return NotImplemented if step is None else SegmenterPipeline(steps=[step, self])

    def __sklearn_clone__(self) -> Self:
        return self.clone()

    def __sklearn_tags__(self) -> Tags:
        return self._make_segmenter().__sklearn_tags__()

    def _fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        self._X = self._y = None  # sktime keeps the training data for updates; there are none
        self.channels_ = None
        if y is None:
            self.segmenter_ = _Untaught(getattr(self._make_segmenter(), "background", None) or 0)
            warn(f"y is None: nothing can be learnt, every sample will be predicted as {self.segmenter_.classes_[0]}.")
        else:
            self.segmenter_ = self._take_segmenter().fit(self._read(X), _read_labels(y, X.index))
            self.channels_ = Channels(X.shape[1], _name_channels(X), type(self).__name__)
        self.classes_ = self.segmenter_.classes_
        return self

    def _take_segmenter(self) -> Any:
        """Return what is fitted: a new segmenter or, with ``warm_start``, that of the fit before."""
        fresh = self._make_segmenter()
        fitted: Any = getattr(self, "segmenter_", None)
        if getattr(self, "warm_start", False) and isinstance(fitted, self._segmenter_class):
            return fitted.set_params(**fresh.get_params(deep=False))
        return fresh

    def update(self, X: Any, y: Any = None) -> Self:
        """Refuse: fit on all recordings, with ``warm_start=True`` or ``init`` to go on from a fitted model.

        ``warm_start`` goes on where `fit` is called again. `set_params` forgets the fit, as everywhere in sktime, and a
        pipeline fits a clone: there, pass the ``segmenter_`` of that fit as ``init``.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no update; fit on old and new recordings together, with init= a fitted "
            "segmenter (`segmenter_`) to start from its weights."
        )

    def _read(self, X: pd.DataFrame) -> list[np.ndarray]:
        """Return the recordings (C, T_i) of a series or a Panel; other channels are refused, clocks looked at."""
        fitted = self.channels_
        if fitted is not None and _name_channels(X) is None:
            fitted = replace(fitted, names=None)
        rate = find_attribute(self._make_segmenter(), "sampling_rate")
        recordings = read_signals(_split_instances(X), fitted=fitted, sampling_rate=rate)
        return [recordings.get(i) for i in range(len(recordings))]

    def _label(self, X: pd.DataFrame) -> list[np.ndarray]:
        return list(self.segmenter_.predict(self._read(X)))

    def _predict(self, X: pd.DataFrame) -> pd.DataFrame:
        return labels_to_events(self._label(X), X.index)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the label of each time step.

        Parameters
        ----------
        X : sktime Series or Panel

        Returns
        -------
        DataFrame
            Column ``labels``, on the index of ``X``.
        """
        self.check_is_fitted()
        inner = self._check_X(X)
        return pd.DataFrame({"labels": np.concatenate(self._label(inner))}, index=inner.index)

    def fit_transform(self, X: Any, y: Any = None) -> pd.DataFrame:
        """Fit, and return the label of each time step of the same recordings."""
        return self.fit(X, y).transform(X)

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return the segments, as `predict` does."""
        return self.predict(X)

    def predict_points(self, X: Any) -> pd.DataFrame:
        """Return where segments start.

        Parameters
        ----------
        X : sktime Series or Panel

        Returns
        -------
        DataFrame
            Columns ``ilocs``, the first time step of each segment, and ``labels``, the segment's label.
        """
        events = self.predict(X)
        left = pd.IntervalIndex(events["ilocs"].array).left.to_numpy(dtype=np.int64)
        return pd.DataFrame({"ilocs": left, "labels": events["labels"]}, index=events.index)

    def _transform_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        proba = list(self.segmenter_.predict_proba(self._read(X)))
        return pd.DataFrame(np.concatenate(proba), index=X.index, columns=self.classes_)

    def _predict_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        container = self._read(X)
        labels, proba = predict_both(self.segmenter_, container)
        table = labels_to_segments(labels, background=None, proba=proba, classes=self.classes_)
        return pd.DataFrame({"scores": table["score"].to_numpy()}, index=labels_to_events(labels, X.index).index)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, on labeled time steps only.

        Parameters
        ----------
        X : sktime Series or Panel
        y : events or labels, as in ``fit``

        Returns
        -------
        float
        """
        return mean_iou(*self.pair_response(X, y, "predict"))

    def pair_response(self, X: Any, y: Any, response: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the truth and the segmenter's response, of each instance: what the scorers of `sslts.metrics` ask.

        Parameters
        ----------
        X : sktime Series or Panel
        y : events or labels, as in ``fit``
        response : {"predict", "predict_proba"}

        Returns
        -------
        truth, response : list of ndarray
            Labels (T_i,) of time steps, and labels or probabilities (T_i, K).
        """
        self.check_is_fitted()
        inner = self._check_X(X)
        container = self._read(inner)
        truth = as_labels(_read_labels(y, inner.index), as_recordings(container))
        return truth, list(getattr(self.segmenter_, response)(container))

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return parameters with which sktime tests the detector."""
        defaults = inspect.signature(cls).parameters
        small: dict[str, Any] = {"network": UNet(width=4, depth=1), "max_steps": 2, "batch_size": 2, "random_state": 0}
        if "network" not in defaults:
            return [{"segmenter": SupervisedSegmenter(**small), "n_rounds": 1}, {"n_rounds": 2}]
        # The suite wants plain types as defaults; ours are immutable objects, so they are named here.
        recipes = {name: p.default for name, p in defaults.items() if isinstance(p.default, Recipe)}
        return [{**recipes, **small}, {**small, "normalization": None, "background": None}]


class _Untaught:
    """What is predicted by a detector that was given no label: the background, everywhere."""

    def __init__(self, background: int) -> None:
        self.classes_ = np.array([background])

    def predict(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.full(x.shape[-1], self.classes_[0]) for x in X]

    def predict_proba(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.ones((x.shape[-1], 1), dtype=np.float32) for x in X]


def _name_channels(X: pd.DataFrame) -> tuple[Any, ...] | None:
    """Return the names of the columns; None if they are those that sktime gives to what comes without."""
    names = tuple(X.columns)
    return None if names == tuple(f"var_{i}" for i in range(len(names))) else names
