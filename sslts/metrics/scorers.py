"""Scorers: metrics in the form that scikit-learn's searches take."""

import inspect
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from sslts._wrapping import find_attribute
from sslts.annotations import follow_index
from sslts.metrics._tallies import Tally, tallied
from sslts.metrics.confidence import expected_calibration_error
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
        pair = convert(X, y, self.response) if convert else (follow_index(y, X), getattr(estimator, self.response)(X))
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
