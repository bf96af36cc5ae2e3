"""Warnings that show the line of the user's code which called this package, and short values for messages."""

from __future__ import annotations

import reprlib
import sys
import warnings
from typing import Any

# Packages whose code may lie between the user's code and this package, as in a pipeline or a pool of processes.
_SKIPPED_PACKAGES = {"sslts", "sklearn", "sktime", "skorch", "joblib", "dataclasses"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, showing the innermost line outside this package and the packages that may call it: the user's own code."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and (frame.f_globals.get("__name__") or "").partition(".")[0] in _SKIPPED_PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def shorten(value: Any) -> str:
    """Return a short text of a value for a message: arrays, tables and long containers are never printed whole.

    Examples
    --------
    >>> shorten(0.5), shorten(list(range(1000)))
    ('0.5', '[0, 1, 2, 3, ...]')
    """
    shape = getattr(value, "shape", None)
    if shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = 4
_SHORT.maxdict = _SHORT.maxlevel = 2
_SHORT.maxstring, _SHORT.maxother = 60, 80
