"""Warnings that name the line which called this package."""

from __future__ import annotations

import sys
import warnings

# What calls this package for somebody: a pipeline, a detector's base class, a pool of processes, a copy of a recipe.
_BETWEEN = {"sslts", "sklearn", "sktime", "skorch", "joblib", "dataclasses"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and name the innermost line outside this package and those that it stands in: its author can change it.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn("one class only")
    >>> str(caught[0].message)
    'one class only'
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and (frame.f_globals.get("__name__") or "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
