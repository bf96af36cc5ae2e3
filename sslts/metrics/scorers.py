"""Metrics as scikit-learn's searches want them."""

import inspect
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

from sslts._wrapping import find_attribute
from sslts.annotations import follow_index
from sslts.metrics.confidence import expected_calibration_error
from sslts.metrics.events import covering, edit_score, event_f1, segment_f1
from sslts.metrics.measures import boundary_error, count_error, duration_error
from sslts.metrics.samples import frame_f1, mean_iou


@dataclass(frozen=True, repr=False)
class SegmentationScorer:
    """A metric as scikit-learn's searches want it: ``scorer(estimator, X, y)``, greater is better.

    Made for ``scoring=`` of `GridSearchCV`, `cross_val_score` and their kind, alone or in a dictionary. The class that
    is not a segment is read from the estimator's ``background``: its own, or that of a pipeline's last step, a
    search's best estimator or the estimator it wraps; 0 where none says. The detectors of `sslts.adapters.sktime` are
    scored too, by the labels of time steps. Scorers are immutable, equal by value, and pickle if `function` does.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_pred) -> float``. If it has a parameter `background` or `classes`, that is given by name.
    sign : {1, -1}, default=1
        -1 for errors, where less is better: the score is ``sign * function(...)``.
    name : str, default=None
        What the scorer is called when shown. None: the name of `function`.
    response : {"predict", "predict_proba"}, default="predict"
        What of the estimator `function` is given.

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
    def __name__(self) -> str:  # what scikit-learn's displays call the score
        return self.name or str(getattr(self.function, "__name__", repr(self.function)))

    def __repr__(self) -> str:
        return f"SegmentationScorer({self.__name__}{', sign=-1' if self.sign < 0 else ''})"

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score what `estimator` predicts for `X` against the truth `y` (labels, -1 = unlabeled)."""
        known = inspect.signature(self.function).parameters
        options = {"background": find_attribute(estimator, "background", 0)} if "background" in known else {}
        if self.response == "predict_proba" and "classes" in known:
            options["classes"] = estimator.classes_
        # A detector, be it the best of a search, predicts events; it gives labels of time steps for both sides.
        compare = getattr(getattr(estimator, "best_estimator_", estimator), "pair_response", None)
        pair = compare(X, y, self.response) if compare else (follow_index(y, X), getattr(estimator, self.response)(X))
        return self.sign * float(self.function(*pair, **options))


def make_event_f1_scorer(onset_tolerance: float, offset_tolerance: float | None = None) -> SegmentationScorer:
    """Return a scorer of `event_f1`, which has no tolerance of its own.

    Parameters
    ----------
    onset_tolerance : float
        In samples.
    offset_tolerance : float or None, default=None
        In samples; None: ends do not matter.

    Returns
    -------
    SegmentationScorer

    Examples
    --------
    >>> from sslts.metrics import make_event_f1_scorer
    >>> make_event_f1_scorer(5)
    SegmentationScorer(event_f1(onset_tolerance=5, offset_tolerance=None))
    """
    name = f"event_f1(onset_tolerance={onset_tolerance!r}, offset_tolerance={offset_tolerance!r})"
    return SegmentationScorer(_EventF1(onset_tolerance, offset_tolerance), name=name)


@dataclass(frozen=True)
class _EventF1:
    """`event_f1` with tolerances; unlike a partial function, equal by value."""

    onset_tolerance: float
    offset_tolerance: float | None

    def __call__(self, y_true: Any, y_pred: Any, *, background: int | None = 0) -> Any:
        return event_f1(
            y_true,
            y_pred,
            onset_tolerance=self.onset_tolerance,
            offset_tolerance=self.offset_tolerance,
            background=background,
        )


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
