"""Each estimator as a detector."""

from __future__ import annotations

from sslts.adapters.sktime.detector import SegmenterDetector
from sslts.segmenters import (
    FixMatchSegmenter,
    MeanTeacherSegmenter,
    PseudoLabelSegmenter,
    SelfTrainingSegmenter,
    SupervisedSegmenter,
)


class FixMatchDetector(SegmenterDetector, segmenter=FixMatchSegmenter):
    """FixMatch: a teacher labels a weak view, the network learns it on a strong view.

    The parameters are those of `sslts.FixMatchSegmenter`.

    ``X`` is a Series of sktime (``pd.Series``, ``pd.DataFrame``, ``np.ndarray`` of time by channel) or a Panel. ``y``
    in ``fit`` is a table of events: left-closed intervals of positions in ``ilocs``, whole numbers in ``labels``. What
    no event covers is unlabeled, and so is an event labeled -1; the background is labeled as any other class. For a
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
    >>> events = pd.DataFrame({"ilocs": intervals, "labels": [0, 1, 0]})  # 45 to 59, 90 to 399: unlabeled
    >>> detector = FixMatchDetector(max_steps=2, random_state=0).fit(series, events)
    >>> detector.predict(series).columns.tolist()
    ['ilocs', 'labels']
    >>> bool(detector.transform(series).index.equals(series.index))
    True
    """


class SupervisedDetector(SegmenterDetector, segmenter=SupervisedSegmenter):
    """The labeled time steps alone teach: the baseline.

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
