"""Warnings that name the line which called this package."""

from __future__ import annotations

import sys
import warnings


def warn(message: str) -> None:
    """Warn, and name the innermost line outside this package: that is what its author can change.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn("one class only")
    >>> str(caught[0].message)
    'one class only'
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "sslts":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
