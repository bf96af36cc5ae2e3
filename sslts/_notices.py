"""Warnings that show the line of the user's code which called this package."""

from __future__ import annotations

import sys
import warnings

# Packages whose code may lie between the user's code and this package, as in a pipeline or a pool of processes.
_SKIPPED_PACKAGES = {"sslts", "sklearn", "sktime", "skorch", "joblib", "dataclasses"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, showing the innermost line outside this package and the packages that may call it: the user's own code."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and (frame.f_globals.get("__name__") or "").partition(".")[0] in _SKIPPED_PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
