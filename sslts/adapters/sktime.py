"""The estimators as detectors of sktime: one series or a Panel, events in and events out.

Imported only when asked for: ``from sslts.adapters.sktime import FixMatchDetector``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils import Tags
from sktime.detection.base import BaseDetector
from sktime.detection.compose import DetectorPipeline
from sktime.transformations.adapt import TabularToSeriesAdaptor
from sktime.transformations.base import BaseTransformer
from sktime.utils.sklearn import is_sklearn_transformer

from sslts.adapters.events import events_to_labels, iterate_instances, labels_to_events, read_labels
from sslts.annotations import as_labels
from sslts.decoding.predicting import predict_both
from sslts.metrics import mean_iou
from sslts.networks import UNet
from sslts.notices import warn
from sslts.recipes import Recipe
from sslts.recordings import as_recordings
from sslts.segmenters import (
    FixMatchSegmenter,
    MeanTeacherSegmenter,
    PseudoLabelSegmenter,
    SelfTrainingSegmenter,
    SupervisedSegmenter,
)
from sslts.segments import labels_to_segments
from sslts.wrapping import find_attribute

__all__ = [
    "FixMatchDetector",
    "MeanTeacherDetector",
    "PseudoLabelDetector",
    "SegmenterDetector",
    "SegmenterPipeline",
    "SelfTrainingDetector",
    "SupervisedDetector",
    "events_to_labels",
    "labels_to_events",
]


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
        if is_sklearn_transformer(other):
            other = TabularToSeriesAdaptor(other)
        return SegmenterPipeline(steps=[other, self]) if isinstance(other, BaseTransformer) else NotImplemented

    def __sklearn_clone__(self) -> Self:
        return self.clone()

    def __sklearn_tags__(self) -> Tags:
        return self._make_segmenter().__sklearn_tags__()

    def _fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        self._X = self._y = None  # sktime keeps the training data for updates; there are none
        if y is None:
            self.segmenter_ = _Untaught(getattr(self._make_segmenter(), "background", None) or 0)
            warn(f"y is None: nothing can be learnt, every sample will be predicted as {self.segmenter_.classes_[0]}.")
        else:
            self.segmenter_ = self._take_segmenter().fit(_as_container(X), read_labels(y, X.index))
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

    def _label(self, X: pd.DataFrame) -> list[np.ndarray]:
        return list(self.segmenter_.predict(_as_container(X)))

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
        proba = list(self.segmenter_.predict_proba(_as_container(X)))
        return pd.DataFrame(np.concatenate(proba), index=X.index, columns=self.classes_)

    def _predict_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        container = _as_container(X)
        labels, proba = predict_both(self.segmenter_, container)
        table = labels_to_segments(labels, background=None, proba=proba, classes=self.classes_)
        return pd.DataFrame({"scores": table["score"].to_numpy()}, index=labels_to_events(labels, X.index).index)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, on labelled time steps only.

        Parameters
        ----------
        X : sktime Series or Panel
        y : events or labels, as in ``fit``

        Returns
        -------
        float
        """
        return mean_iou(*self._compare(X, y, "predict"))

    def _compare(self, X: Any, y: Any, response: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the truth and the segmenter's response, of each instance: what the scorers of `sslts.metrics` ask."""
        self.check_is_fitted()
        inner = self._check_X(X)
        container = _as_container(inner)
        truth = as_labels(read_labels(y, inner.index), as_recordings(container))
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


class SegmenterPipeline(DetectorPipeline):
    """Transformers of sktime before a detector of this module; what ``transformer * detector`` makes.

    sktime's own ``DetectorPipeline`` hands ``y`` to the transformers too, and those that look at it do not know tables
    of intervals; this one keeps it for the detector. Panels, scores, and the index of ``X`` come through as well.

    Parameters
    ----------
    steps : list of transformers and one detector at the end, or of ``(name, estimator)``

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
        """Return the pipeline with a transformer before it."""
        longer = super().__rmul__(other)
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
                    f"{name} turned {n_samples} time steps into {len(X)}; events are positions in X, so take a "
                    "transformer that keeps every time step. (Instances of unlike lengths are padded by sktime for one "
                    "that works on single series: transform these one by one before.)"
                )
        name, detector = self.steps_[-1]
        self.steps_[-1] = (name, detector.clone().fit(X, y))
        return self

    def _ask(self, method: str, X: Any, *args: Any) -> Any:
        self.check_is_fitted()
        return getattr(self.estimator_, method)(self._transform(self._check_X(X)), *args)

    def transform(self, X: Any) -> pd.DataFrame:
        """Return the label of each time step, on the index of ``X``."""
        return self._ask("transform", X)

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return the segments, as the detector does."""
        return self._ask("predict_segments", X)

    def predict_points(self, X: Any) -> pd.DataFrame:
        """Return where segments start, as the detector does."""
        return self._ask("predict_points", X)

    def predict_scores(self, X: Any) -> pd.DataFrame:
        """Return the mean probability of the label in each segment."""
        return self._ask("predict_scores", X)

    def transform_scores(self, X: Any) -> pd.DataFrame:
        """Return the probability of each class at each time step."""
        return self._ask("transform_scores", X)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, on labelled time steps only."""
        return self._ask("score", X, y)

    def _compare(self, X: Any, y: Any, response: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        return self._ask("_compare", X, y, response)

    @property
    def background(self) -> int | None:
        """The detector's class that is not a segment."""
        return find_attribute(self.estimator_, "background", 0)

    @property
    def classes_(self) -> np.ndarray:
        """The detector's classes."""
        return self.estimator_.classes_


class _Untaught:
    """What is predicted by a detector that was given no label: the background, everywhere."""

    def __init__(self, background: int) -> None:
        self.classes_ = np.array([background])

    def predict(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.full(x.shape[-1], self.classes_[0]) for x in X]

    def predict_proba(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.ones((x.shape[-1], 1), dtype=np.float32) for x in X]


def _as_container(X: pd.DataFrame) -> list[np.ndarray]:
    """Return the recordings (C, T_i) of a Series or a Panel, in order of appearance; views of the frame's values."""
    values = X.to_numpy().T
    return [values[:, start:stop] for _, start, stop in iterate_instances(X.index)]


class FixMatchDetector(SegmenterDetector, segmenter=FixMatchSegmenter):
    """FixMatch: a teacher labels a weak view, the network learns it on a strong view.

    The parameters are those of `sslts.FixMatchSegmenter`.

    ``X`` is a Series of sktime (``pd.Series``, ``pd.DataFrame``, ``np.ndarray`` of time by channel) or a Panel. ``y``
    in ``fit`` is a table of events: left-closed intervals of positions in ``ilocs``, whole numbers in ``labels``. What
    no event covers is unlabelled, and so is an event labelled -1; the background is labelled as any other class. For a
    Panel, the first level of the table's index says which instance an event belongs to; a list with one table for each
    instance is accepted too, and so are labels of time steps, on the index of ``X``.

    ``predict`` returns such a table that covers each series from its first to its last time step, ``predict_segments``
    the same, ``predict_points`` where segments start, ``transform`` the label of each time step on the index of ``X``,
    ``predict_scores`` the mean probability of the label in each segment, ``transform_scores`` the probability of each
    class at each time step. For a Panel, the tables' index is (instance, number of the event).

    Attributes
    ----------
    segmenter_ : FixMatchSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.adapters.sktime import FixMatchDetector
    >>> from sslts.datasets import make_recordings
    >>> X, _ = make_recordings(1, n_samples=400, random_state=0)
    >>> series = pd.Series(X[0], index=pd.period_range("2026-01-01", periods=400, freq="h"))
    >>> intervals = pd.IntervalIndex.from_tuples([(0, 20), (20, 45), (60, 90)], closed="left")
    >>> events = pd.DataFrame({"ilocs": intervals, "labels": [0, 1, 0]})  # 45 to 59, 90 to 399: unlabelled
    >>> detector = FixMatchDetector(max_steps=2, random_state=0).fit(series, events)
    >>> detector.predict(series).columns.tolist()
    ['ilocs', 'labels']
    >>> bool(detector.transform(series).index.equals(series.index))
    True
    """


class SupervisedDetector(SegmenterDetector, segmenter=SupervisedSegmenter):
    """The labelled time steps alone teach: the baseline.

    The parameters are those of `sslts.SupervisedSegmenter`. How series, Panels, events and scores look is said in
    `FixMatchDetector`.

    Attributes
    ----------
    segmenter_ : SupervisedSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)

    Examples
    --------
    >>> from sslts.adapters.sktime import SupervisedDetector, labels_to_events
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(1, n_samples=400, random_state=0)
    >>> detector = SupervisedDetector(max_steps=2, random_state=0)
    >>> events = detector.fit(X[0], labels_to_events(y)).predict(X[0])
    >>> list(events.columns)
    ['ilocs', 'labels']
    """


class PseudoLabelDetector(SegmenterDetector, segmenter=PseudoLabelSegmenter):
    """Pseudo-labels made anew at each step, with a weight that rises.

    The parameters are those of `sslts.PseudoLabelSegmenter`. How series, Panels, events and scores look is said in
    `FixMatchDetector`.

    Attributes
    ----------
    segmenter_ : PseudoLabelSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)

    Examples
    --------
    >>> from sslts.adapters.sktime import PseudoLabelDetector, labels_to_events
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(1, n_samples=400, random_state=0)
    >>> detector = PseudoLabelDetector(max_steps=2, random_state=0)
    >>> events = detector.fit(X[0], labels_to_events(y)).predict(X[0])
    >>> list(events.columns)
    ['ilocs', 'labels']
    """


class SelfTrainingDetector(SegmenterDetector, segmenter=SelfTrainingSegmenter):
    """Fit, label what is confident, fit again, in rounds.

    The parameters are those of `sslts.SelfTrainingSegmenter`. How series, Panels, events and scores look is said in
    `FixMatchDetector`.

    Attributes
    ----------
    segmenter_ : SelfTrainingSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.adapters.sktime import SelfTrainingDetector, labels_to_events
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(1, n_samples=400, random_state=0)
    >>> detector = SelfTrainingDetector(segmenter=SupervisedSegmenter(max_steps=2, random_state=0))
    >>> events = detector.fit(X[0], labels_to_events(y)).predict(X[0])
    >>> list(events.columns)
    ['ilocs', 'labels']
    """


class MeanTeacherDetector(SegmenterDetector, segmenter=MeanTeacherSegmenter):
    """Consistency with an averaged teacher.

    The parameters are those of `sslts.MeanTeacherSegmenter`. How series, Panels, events and scores look is said in
    `FixMatchDetector`.

    Attributes
    ----------
    segmenter_ : MeanTeacherSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)

    Examples
    --------
    >>> from sslts.adapters.sktime import MeanTeacherDetector, labels_to_events
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(1, n_samples=400, random_state=0)
    >>> detector = MeanTeacherDetector(max_steps=2, random_state=0)
    >>> events = detector.fit(X[0], labels_to_events(y)).predict(X[0])
    >>> list(events.columns)
    ['ilocs', 'labels']
    """
