"""What an estimator wraps (pipelines, searches, meta-estimators around a fitted segmenter), and what tells it apart."""

from __future__ import annotations

from typing import Any

_INNER = ("best_estimator_", "segmenter_", "estimator_", "estimator")


def find_owner(estimator: Any, name: str) -> Any:
    """Return the estimator that has an attribute: this one, or what it wraps, from the outside in; None if none has.

    A pipeline wraps its last step, a search its best estimator.

    Parameters
    ----------
    estimator : estimator
    name : str
        Of the attribute.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sslts import FixMatchSegmenter
    >>> from sslts.preprocessing import RecordingStandardizer
    >>> pipeline = make_pipeline(RecordingStandardizer(), FixMatchSegmenter(background=3))
    >>> find_owner(pipeline, "background").background, find_owner(pipeline, "no_such_name")
    (3, None)
    """
    while estimator is not None and not hasattr(estimator, name):
        steps = getattr(estimator, "steps", None)
        inner = (getattr(estimator, attribute, None) for attribute in _INNER)
        estimator = steps[-1][1] if steps else next((one for one in inner if one is not None), None)
    return estimator


def find_attribute(estimator: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of the estimator, or of what it wraps; ``default`` if none has it.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter, SelfTrainingSegmenter
    >>> find_attribute(SelfTrainingSegmenter(FixMatchSegmenter(background=3)), "background", 0)
    3
    """
    owner = find_owner(estimator, name)
    return default if owner is None else getattr(owner, name)


def check_completed(estimator: Any) -> None:
    """Raise KeyboardInterrupt if the network in a fitted estimator was trained only until Ctrl-C.

    A fit that is interrupted returns, with the model of the steps so far. Who fits several one after another has to
    stop there: what follows would take that model for a whole one.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter
    >>> check_completed(FixMatchSegmenter())
    """
    if getattr(find_attribute(estimator, "net_"), "interrupted_", False):
        raise KeyboardInterrupt


def find_fitted(estimator: Any, argument: str = "segmenter") -> Any:
    """Return the fitted segmenter in an estimator: the one whose network was trained.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If there is none; the message names ``argument``.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter
    >>> find_fitted(FixMatchSegmenter(), "init")
    Traceback (most recent call last):
    ...
    sklearn.exceptions.NotFittedError: init: there is no fitted segmenter in this FixMatchSegmenter; fit it first.
    """
    owner = find_owner(estimator, "network_")
    if owner is None:
        from sklearn.exceptions import NotFittedError

        kind = type(estimator).__name__
        raise NotFittedError(f"{argument}: there is no fitted segmenter in this {kind}; fit it first.")
    return owner
