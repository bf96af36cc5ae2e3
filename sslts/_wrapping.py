"""Access to segmenters inside other estimators, such as pipelines, searches and meta-estimators."""

from __future__ import annotations

import copy
from typing import Any

_INNER_ATTRIBUTES = ("best_estimator_", "segmenter_", "estimator_", "estimator")


def find_owner(estimator: Any, name: str) -> Any:
    """Return the outermost estimator that has the attribute ``name``: ``estimator`` or one that it wraps; else None.

    A pipeline wraps its last step, and a search wraps its best estimator.
    """
    while estimator is not None and not hasattr(estimator, name):
        steps = getattr(estimator, "steps", None)
        inner = (getattr(estimator, attribute, None) for attribute in _INNER_ATTRIBUTES)
        estimator = steps[-1][1] if steps else next((wrapped for wrapped in inner if wrapped is not None), None)
    return estimator


def find_attribute(estimator: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of the estimator or of an estimator that it wraps; ``default`` if no estimator has it."""
    owner = find_owner(estimator, name)
    return default if owner is None else getattr(owner, name)


def find_rate(fitted: Any) -> float | None:
    """Return the samples per second of a fitted segmenter: its parameter, else the rate of the fit's recordings."""
    rate: float | None = fitted.sampling_rate or getattr(fitted, "sampling_rate_", None)
    return rate


def check_completed(estimator: Any) -> None:
    """Raise KeyboardInterrupt if Ctrl-C interrupted the training of a fitted estimator.

    An interrupted fit returns normally, with the model trained so far. Code that fits several estimators in turn must
    stop after an interrupted fit, because it would treat that model as fully trained.
    """
    if getattr(find_attribute(estimator, "net_"), "interrupted_", False):
        raise KeyboardInterrupt


def find_fitted(estimator: Any, argument: str = "segmenter") -> Any:
    """Return the fitted segmenter in an estimator: the one that has the trained network or classifier.

    Raise scikit-learn's NotFittedError, whose message names ``argument``, if the estimator has no fitted segmenter.
    """
    owner = find_owner(estimator, "normalization_")
    if owner is None:
        from sklearn.exceptions import NotFittedError

        kind = type(estimator).__name__
        raise NotFittedError(f"{argument}: there is no fitted segmenter in this {kind}; fit it first.")
    return owner


def forget_start(model: Any) -> Any:
    """Return a fitted model without the model that it started from, so that no chain of models grows.

    The model itself is returned if it started from no other. Else a copy shares its weights; the model is unchanged.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> first = SupervisedSegmenter(max_steps=10)
    >>> second = SupervisedSegmenter(max_steps=20, init=first)
    >>> forget_start(first) is first, forget_start(second)
    (True, SupervisedSegmenter(max_steps=20))
    """
    changes: dict[str, Any] = {}
    if getattr(model, "init", None) is not None:
        changes["init"] = None
    held = getattr(model, "__dict__", {})
    for name in (*_INNER_ATTRIBUTES, "segmenter"):  # a fitted estimator, or the parameter from which it was cloned
        if held.get(name) is not None and (inner := forget_start(held[name])) is not held[name]:
            changes[name] = inner
    if isinstance(steps := held.get("steps"), list) and steps and isinstance(steps[-1], tuple):
        name, last = steps[-1]
        if (inner := forget_start(last)) is not last:
            changes["steps"] = [*steps[:-1], (name, inner)]
    if not changes:
        return model
    copied = copy.copy(model)
    copied.__dict__.update(changes)
    return copied
