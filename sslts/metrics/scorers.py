"""Scorers: metrics in the form that scikit-learn's searches take."""

import inspect
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from sslts._wrapping import find_attribute
from sslts.annotations import Annotations, follow_index, number_like, predict_annotations
from sslts.metrics._tallies import Tally, tallied
from sslts.metrics.confidence import expected_calibration_error
from sslts.metrics.detections import event_scores
from sslts.metrics.events import covering, edit_score, event_f1, segment_f1
from sslts.metrics.measures import _tally_counts, boundary_error, count_error, duration_error
from sslts.metrics.samples import frame_f1, mean_iou


@dataclass(frozen=True, repr=False)
class SegmentationScorer:
    """A scorer made from a metric, ``scorer(estimator, X, y) -> float``, for scikit-learn's ``scoring=``.

    A greater score is better. Pass one scorer or a dictionary of scorers to `GridSearchCV`, `cross_val_score` and
    similar functions. The background class is the ``background`` of the estimator, of a pipeline's last step, of a
    search's best estimator or of a wrapped estimator; 0 if there is no such attribute. Detectors of
    `sslts.adapters.sktime` are scored by their labels of time steps. Scorers are immutable and equal by value; a scorer
    can be pickled if `function` can.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred) -> float``. Parameters named `background` and `classes` are passed if it has them.
    sign : {1, -1}, default=1
        The score is ``sign * function(...)``: give -1 for errors, where less is better.
    name : str, default=None
        Name of the scorer when shown. None: the name of `function`.
    response : {"predict", "predict_proba"}, default="predict"
        Method of the estimator whose result is passed as `y_pred`.

    Raises
    ------
    ValueError
        If `sign` is neither 1 nor -1, or `response` is unknown.

    Examples
    --------
    >>> from sslts.metrics import SegmentationScorer, frame_f1
    >>> class Threshold:
    ...     background = 0
    ...     def predict(self, X):
    ...         return [[int(value > 1) for value in row] for row in X]
    >>> scorer = SegmentationScorer(frame_f1)
    >>> scorer
    SegmentationScorer(frame_f1)
    >>> scorer(Threshold(), [[0.2, 1.4, 2.0]], [[0, 1, 1]])
    1.0
    """

    function: Callable[..., Any]
    _: KW_ONLY
    sign: int = 1
    name: str | None = None
    response: str = "predict"

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ValueError(f"sign={self.sign!r}; give 1 (greater is better) or -1 (less is better).")
        if self.response not in ("predict", "predict_proba"):
            raise ValueError(f"response={self.response!r}; give 'predict' or 'predict_proba'.")

    @property
    def __name__(self) -> str:  # scikit-learn's displays show it
        return self.name or str(getattr(self.function, "__name__", repr(self.function)))

    def __repr__(self) -> str:
        return f"SegmentationScorer({self.__name__}{', sign=-1' if self.sign < 0 else ''})"

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Return the score of the estimator's predictions for `X` against the true labels `y` (-1 = unlabeled)."""
        accepted = inspect.signature(self.function).parameters
        options = {"background": find_attribute(estimator, "background", 0)} if "background" in accepted else {}
        if self.response == "predict_proba" and "classes" in accepted:
            options["classes"] = estimator.classes_
        # A detector predicts events, so it converts truth and prediction to labels of time steps itself.
        convert = getattr(getattr(estimator, "best_estimator_", estimator), "pair_response", None)
        if convert:
            pair = convert(X, y, self.response)
        elif isinstance(y, Annotations) and self.response == "predict":
            pair = y, predict_annotations(estimator, X, y)
        else:
            found = getattr(estimator, self.response)(X)
            if self.response == "predict":
                found = number_like(found, estimator, "y_pred")
            pair = number_like(follow_index(y, X), estimator), found
        return self.sign * float(self.function(*pair, **options))


def make_event_f1_scorer(
    onset_tolerance: float, offset_tolerance: float | None = None, *, sampling_rate: float | None = None
) -> SegmentationScorer:
    """Return a scorer of `event_f1` with the given tolerances.

    Parameters
    ----------
    onset_tolerance : float
        Largest distance between the starts of a pair, in samples, 0 or more.
    offset_tolerance : float or None, default=None
        Largest distance between the ends of a pair, in samples, 0 or more. None: ends do not matter.
    sampling_rate : float or None, default=None
        Samples per second; tolerances are then in seconds. None: in samples.

    Returns
    -------
    SegmentationScorer

    Examples
    --------
    >>> from sslts.metrics import make_event_f1_scorer
    >>> make_event_f1_scorer(5)
    SegmentationScorer(event_f1(onset_tolerance=5, offset_tolerance=None))
    """
    rate = "" if sampling_rate is None else f", sampling_rate={sampling_rate!r}"
    name = f"event_f1(onset_tolerance={onset_tolerance!r}, offset_tolerance={offset_tolerance!r}{rate})"
    return SegmentationScorer(_EventF1(onset_tolerance, offset_tolerance, sampling_rate), name=name)


@dataclass(frozen=True)
class _EventF1:
    """`event_f1` with tolerances; equal by value, unlike a partial function."""

    onset_tolerance: float
    offset_tolerance: float | None
    sampling_rate: float | None = None

    def __call__(self, y_true: Any, y_pred: Any, *, background: int | None = 0) -> Any:
        return event_f1(
            y_true,
            y_pred,
            onset_tolerance=self.onset_tolerance,
            offset_tolerance=self.offset_tolerance,
            sampling_rate=self.sampling_rate,
            background=background,
        )


_SIGNS = {"precision": 1, "recall": 1, "f1": 1, "misses_per_hour": -1, "false_alarms_per_hour": -1}


def make_event_scorer(
    measure: str,
    onset_tolerance: float | None = None,
    offset_tolerance: float | None = None,
    *,
    relative_tolerance: float = 0.0,
    iou: float = 0.5,
    sampling_rate: float | None = None,
) -> SegmentationScorer:
    """Return a scorer of a measure of `event_scores`: the mean over the classes in truth or prediction.

    Parameters
    ----------
    measure : {"precision", "recall", "f1", "misses_per_hour", "false_alarms_per_hour"}
        Column of `event_scores`. The rates per hour need `sampling_rate`; their scores are negative, because fewer are
        better.
    onset_tolerance, offset_tolerance : float or None, default=None
        Largest distances between the starts and the ends of a pair, in samples. With `onset_tolerance` None, an event
        is found by its overlap, see `iou`.
    relative_tolerance : float, default=0.0
        Share of the length of a true event by which its start, and its end if ends matter, may be off.
    iou : float, default=0.5
        Least intersection over union of a pair, if `onset_tolerance` is None.
    sampling_rate : float or None, default=None
        Samples per second; tolerances are then in seconds.

    Returns
    -------
    SegmentationScorer
        Precision, recall and F1 are 0 for a class that is never predicted, or that does not occur in the truth, and 1
        if there is no event in truth and prediction.

    Raises
    ------
    ValueError
        If `measure` is unknown, or is a rate and `sampling_rate` is None.

    Examples
    --------
    >>> from sslts.metrics import make_event_scorer
    >>> make_event_scorer("recall", 5)
    SegmentationScorer(recall(onset_tolerance=5))
    """
    if measure not in _SIGNS:
        raise ValueError(f"measure={measure!r}; give one of {sorted(_SIGNS)}.")
    if measure.endswith("_per_hour") and sampling_rate is None:
        raise ValueError(f"measure={measure!r} needs sampling_rate: samples per second.")
    scores = _EventMeasure(measure, onset_tolerance, offset_tolerance, relative_tolerance, iou, sampling_rate)
    return SegmentationScorer(scores, sign=_SIGNS[measure], name=str(scores))


@dataclass(frozen=True)
class _EventMeasure:
    """The mean over classes of a column of `event_scores`; equal by value, unlike a partial function."""

    measure: str
    onset_tolerance: float | None
    offset_tolerance: float | None
    relative_tolerance: float
    iou: float
    sampling_rate: float | None

    def __str__(self) -> str:
        shown = [f for f in fields(self)[1:] if getattr(self, f.name) not in (None, 0.0)]
        shown = [f for f in shown if f.name != "iou" or self.onset_tolerance is None]
        return f"{self.measure}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def __call__(self, y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
        options = {f.name: getattr(self, f.name) for f in fields(self)[1:]}
        score = partial(event_scores, y_true, y_pred, background=background, **options)
        each = score(by=()) if self.measure.endswith("_per_hour") else score(by=("label",))
        if each.empty:  # there is no event, or no labeled sample
            return np.nan if score(by=()).empty else 1.0
        return float(each[self.measure].fillna(0.0).mean())


def _tally_count_mae(y_true: Any, y_pred: Any, *, background: int | None) -> Tally:
    """Return the tally of the ``mae`` of `count_error`."""
    tally = _tally_counts(y_true, y_pred, background=background)
    return replace(tally, finish=lambda *sums: tally.finish(*sums).mae)


@tallied(_tally_count_mae)
def _count_mae(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    return count_error(y_true, y_pred, background=background).mae


def _duration_mae(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    return duration_error(y_true, y_pred, background=background).mae


def _boundary_mae(y_true: Any, y_pred: Any, *, background: int | None = 0) -> float:
    table = boundary_error(y_true, y_pred, background=background)
    return float(table[["onset_mae", "offset_mae"]].mean().mean())


mean_iou_scorer = SegmentationScorer(mean_iou)
frame_f1_scorer = SegmentationScorer(frame_f1)
segment_f1_scorer = SegmentationScorer(segment_f1)
edit_scorer = SegmentationScorer(edit_score)
covering_scorer = SegmentationScorer(covering)
count_scorer = SegmentationScorer(_count_mae, sign=-1, name="count_error.mae")
duration_scorer = SegmentationScorer(_duration_mae, sign=-1, name="duration_error.mae")
boundary_scorer = SegmentationScorer(_boundary_mae, sign=-1, name="boundary_error.mae")
calibration_scorer = SegmentationScorer(expected_calibration_error, sign=-1, response="predict_proba")
