"""Whether this process is a forked child, in which torch must not use several threads."""

from __future__ import annotations

import os
import sys


class _Origin:
    """Where this process comes from. A fork copies the memory of a process but none of its threads."""

    forked_with_torch = False


def is_forked() -> bool:
    """Return whether this process was forked from a process that had imported torch.

    The threads of torch do not exist in such a process, and a computation on several threads would wait for them
    without end.

    Examples
    --------
    >>> is_forked()
    False
    """
    return _Origin.forked_with_torch


def _notice_fork() -> None:
    _Origin.forked_with_torch = _Origin.forked_with_torch or "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_notice_fork)
