"""Checked reading of states: arrays by name, which come from a file that may be damaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

LAST_SAMPLE = 1 << 60  # largest position in a stream; sums of positions stay in int64
_FIX = "pass everything that get_state returned, unchanged"


def read_numbers(
    state: Mapping[str, Any],
    name: str,
    shape: tuple[int | None, ...],
    *,
    low: float = -np.inf,
    high: float = np.inf,
    whole: bool = False,
    infinite: bool = False,
) -> np.ndarray:
    """Return a copy of a part of a state, as an array of the shape ``shape``; None is any length.

    Integers are returned as int64, and only if ``whole``; other numbers keep their dtype of floats. ``infinite`` also
    allows ``-inf``, as in logarithms of probabilities.

    Raises
    ------
    KeyError
        If the part is missing.
    ValueError
        If the part has another shape or dtype, or a number that is NaN or not from ``low`` to ``high``.

    Examples
    --------
    >>> read_numbers({"done": np.array(7)}, "done", (), low=0, whole=True)
    array(7)
    >>> read_numbers({"x": [0.5, np.nan]}, "x", (None,))
    Traceback (most recent call last):
    ...
    ValueError: state has nan in x; pass everything that get_state returned, unchanged.
    """
    given = state[name]
    try:
        values = np.array(given)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"state has no array as {name}: {error}; {_FIX}.") from error
    if values.dtype.kind not in ("iu" if whole and values.size else "fiu"):
        wanted = "whole numbers" if whole else "numbers"
        raise ValueError(f"state has {name} of dtype {values.dtype}, which should hold {wanted}; {_FIX}.")
    values = values.reshape(()) if shape == () and values.size == 1 else values
    fits = len(values.shape) == len(shape) and all(w in (None, n) for n, w in zip(values.shape, shape, strict=True))
    if not fits:
        wanted = ", ".join("t" if size is None else str(size) for size in shape)
        raise ValueError(f"state has {name} of shape {values.shape}, which should be ({wanted}); {_FIX}.")
    wrong = ~((values >= low) & (values <= high)) & ~(infinite & (values == -np.inf))
    wrong |= ~np.isfinite(values) & ~(infinite & (values == -np.inf))
    if wrong.any():
        raise ValueError(f"state has {values[wrong][0]} in {name}; {_FIX}.")
    return values.astype(np.int64) if whole else values.astype(np.result_type(values, np.float32), copy=False)


def read_whole(state: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """Return a part of a state that is one whole number from ``low`` to ``high``; see `read_numbers`."""
    return int(read_numbers(state, name, (), low=low, high=high, whole=True))


def read_optional(state: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """Return a part of a state that holds one whole number or none; see `read_numbers`."""
    values = read_numbers(state, name, (None,), low=low, high=high, whole=True)
    if len(values) > 1:
        raise ValueError(f"state has {len(values)} numbers as {name}, at most one is known; {_FIX}.")
    return int(values[0]) if len(values) else None
