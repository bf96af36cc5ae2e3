"""Text of users in pictures, pages and terminals, without characters that act on what shows it."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # parts of words in Persian and Hindi, and of emoji


def clean_text(text: Any, longest: int | None = None) -> str:
    r"""Return text on one line that fonts, XML, HTML and terminals can show.

    White space becomes one space. Other control characters, surrogates, unassigned characters and marks of direction
    become an escape such as ``\x1b``. A text wider than ``longest`` characters loses its middle.

    Examples
    --------
    >>> clean_text("a\nb\x1b[31m\ud800")
    'a b\\x1b[31m\\ud800'
    >>> clean_text("the left ventricle", longest=9)
    'the …icle'
    """
    shown = _escape(re.sub(r"[^\S\xa0]+", " ", _get_text(text)).strip())
    return shown if longest is None else _shorten(shown, longest)


def clean_lines(text: Any) -> str:
    r"""Return text of several lines as `clean_text` does, with its line breaks and indents.

    Examples
    --------
    >>> clean_lines("a\n  b\x00")
    'a\n  b\\x00'
    """
    return "\n".join(map(_escape, _get_text(text).split("\n")))


def spells_number(text: str) -> bool:
    """Return whether a text is a number, as `float` reads it.

    Examples
    --------
    >>> spells_number("-1.5e3"), spells_number("nan"), spells_number("1,5")
    (True, True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def _get_text(value: Any) -> str:
    return str.__str__(value) if isinstance(value, str) else str(value)  # a member of an Enum of texts has another str


def _escape(text: str) -> str:
    return text if text.isprintable() else "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character.isprintable() or character in _JOINERS or unicodedata.category(character) in ("Zs", "Co"):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _shorten(text: str, longest: int) -> str:
    """Return a text without its middle if it is wider than ``longest``; a Chinese character has a width of 2."""
    if sum(map(_measure_width, text[: longest + 1])) <= longest:
        return text
    return f"{_take(text, longest - 1 - longest // 2)}…{_take(text[::-1], longest // 2)[::-1]}"


def _take(text: str, width: int) -> str:
    """Return the characters at the beginning of a text that fit into a width."""
    taken = 0
    while taken < len(text) and (width := width - _measure_width(text[taken])) >= 0:
        taken += 1
    return text[:taken]


def _measure_width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
