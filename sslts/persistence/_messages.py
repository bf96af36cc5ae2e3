"""Words for messages: names of files, and errors on one line."""

from __future__ import annotations

import os
import re
from typing import Any, BinaryIO, TypeAlias, TypeGuard

from sslts._files import escape

Place: TypeAlias = "str | os.PathLike[str] | BinaryIO"
# What Python, NumPy and torch raise for a value that they can not work with.
DAMAGES = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, LookupError, MemoryError, RuntimeError, TypeError),
    ValueError,
)


def shorten(text: str, length: int) -> str:
    """Return a text of at most ``length`` characters, with three dots in place of its middle.

    Examples
    --------
    >>> shorten("a file from a stranger", 15)
    'a file...ranger'
    """
    return text if len(text) <= length else f"{text[: length // 2 - 1]}...{text[-(length - length // 2 - 2) :]}"


def summarize(error: BaseException) -> str:
    r"""Return type and message of an error on one line, without the stack trace that torch adds.

    Examples
    --------
    >>> summarize(RuntimeError("too large\nException raised from unpack (most recent call first):\nframe #0"))
    'RuntimeError: too large'
    """
    text = shorten(" ".join(re.split(r"\s*Exception raised from ", str(error))[0].split()), 300)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def name_place(place: Any) -> str:
    """Return the path, or the name of a file object, for messages.

    Examples
    --------
    >>> import io
    >>> name_place("model.sslts"), name_place(io.BytesIO())
    ('model.sslts', 'the BytesIO object')
    """
    name = place if is_path(place) else getattr(place, "name", None)
    return escape(os.fsdecode(name)) if is_path(name) else f"the {type(place).__name__} object"


def is_path(place: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether an object is a path, of text or of bytes."""
    return isinstance(place, (str, bytes, os.PathLike))
