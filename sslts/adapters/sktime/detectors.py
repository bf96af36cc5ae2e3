"""One sktime detector per estimator."""

from __future__ import annotations

from sslts.adapters.sktime.detector import SegmenterDetector
from sslts.segmenters import (
    FixMatchSegmenter,
    MeanTeacherSegmenter,
    PseudoLabelSegmenter,
    SelfTrainingSegmenter,
    SupervisedSegmenter,
    WindowFeatureSegmenter,
)


class FixMatchDetector(SegmenterDetector, segmenter=FixMatchSegmenter):
    """FixMatch: the network learns, on a strong view, the predictions of a teacher on a weak view.

    See `sslts.FixMatchSegmenter` for the parameters.

    ``X`` is a Series of sktime (``pd.Series``, ``pd.DataFrame`` or ``np.ndarray`` of time by channel) or a Panel.

    ``y`` in ``fit`` is a table of events: left-closed intervals of positions in ``ilocs`` and integers in ``labels``.
    Time steps without an event and events labeled -1 are unlabeled; label the background like any other class. For a
    Panel, the first level of the table's index names the instance of each event. A list with one table per instance
    and labels of time steps on the index of ``X`` are accepted too.

    ``predict`` and ``predict_segments`` return a table of events that covers every time step of each series,
    ``predict_points`` the start of each segment, and ``predict_scores`` the mean probability of each segment's label.
    ``transform`` returns the label of each time step on the index of ``X``, and ``transform_scores`` the probability of
    each class at each time step. For a Panel, the index of the tables is (instance, number of the event).

    Attributes
    ----------
    segmenter_ : FixMatchSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)
        The classes.

    Examples
    --------
    >>> import pandas as pd
    >>> from sslts.adapters.sktime import FixMatchDetector
    >>> from sslts.datasets import make_recordings
    >>> X, _ = make_recordings(1, n_samples=400, random_state=0)
    >>> series = pd.Series(X[0], index=pd.period_range("2026-01-01", periods=400, freq="h"))
    >>> intervals = pd.IntervalIndex.from_tuples([(0, 20), (20, 45), (60, 90)], closed="left")
    >>> events = pd.DataFrame({"ilocs": intervals, "labels": [0, 1, 0]})  # 45 to 59, 90 to 399: unlabeled
    >>> detector = FixMatchDetector(max_steps=2, random_state=0).fit(series, events)
    >>> detector.predict(series).columns.tolist()
    ['ilocs', 'labels']
    >>> bool(detector.transform(series).index.equals(series.index))
    True
    """


class SupervisedDetector(SegmenterDetector, segmenter=SupervisedSegmenter):
    """Supervised baseline: training on the labeled time steps only.

    See `sslts.SupervisedSegmenter` for the parameters, and `FixMatchDetector` for input and output.

    Attributes
    ----------
    segmenter_ : SupervisedSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)
        The classes.

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
    """Pseudo-labels that are updated at each training step, with an increasing weight.

    See `sslts.PseudoLabelSegmenter` for the parameters, and `FixMatchDetector` for input and output.

    Attributes
    ----------
    segmenter_ : PseudoLabelSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)
        The classes.

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
    """Self-training: rounds of fitting and of adding confident predictions to the labels.

    See `sslts.SelfTrainingSegmenter` for the parameters, and `FixMatchDetector` for input and output.

    Attributes
    ----------
    segmenter_ : SelfTrainingSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)
        The classes.

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
    """Mean teacher: consistency with a teacher that is an average of the network.

    See `sslts.MeanTeacherSegmenter` for the parameters, and `FixMatchDetector` for input and output.

    Attributes
    ----------
    segmenter_ : MeanTeacherSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)
        The classes.

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


class WindowFeatureDetector(SegmenterDetector, segmenter=WindowFeatureSegmenter):
    """A classifier of window statistics: no network, fitted in seconds.

    See `sslts.WindowFeatureSegmenter` for the parameters, and `FixMatchDetector` for input and output.

    Attributes
    ----------
    segmenter_ : WindowFeatureSegmenter
        The fitted estimator.
    classes_ : ndarray of int, shape (K,)
        The classes.

    Examples
    --------
    >>> from sslts.adapters.sktime import WindowFeatureDetector, labels_to_events
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(1, n_samples=400, random_state=0)
    >>> detector = WindowFeatureDetector(random_state=0)
    >>> events = detector.fit(X[0], labels_to_events(y)).predict(X[0])
    >>> list(events.columns)
    ['ilocs', 'labels']
    """
