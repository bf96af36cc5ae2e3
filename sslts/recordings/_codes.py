"""Codes: numbers such as 999999 that a logger writes where it has no value.

A code is far from all other values of its channel. `pick_suspects` looks at the range and some samples of many
recordings at once, and `find_code` at all values of the few that remain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

N_SAMPLES = 128  # samples of each channel that are looked at first
_FAR = 100  # standard deviations of the other values between a code and the nearest other value
_SHORTEST = 20  # samples; of fewer values no spread is known
_MOST = 4  # codes on each side of the other values


class Code(NamedTuple):
    """A code in one channel of a recording, its first sample and the number of its samples."""

    value: float
    channel: int
    first: int
    samples: int
    distance: float  # from the nearest other value, in standard deviations of the other values

    def describe(self, name: str, place: str, n_channels: int) -> str:
        """Return the warning; ``place`` names the recording."""
        channel = f"channel {self.channel} of {place}" if n_channels > 1 else place
        again = f" and {self.samples - 1} more" if self.samples > 1 else ""
        value = f"{self.value:.0f}" if self.value == round(self.value) and abs(self.value) < 1e15 else f"{self.value!r}"
        return (
            f"{name}: {channel} has the value {value} at sample {self.first}{again}, {self.distance:.0f} standard "
            'deviations from all its other values, which it makes look flat. If it means "no value", fill it with '
            f"sslts.preprocessing.FillGaps(missing={value}) first."
        )


def pick_samples(values: np.ndarray) -> np.ndarray:
    """Return at most `N_SAMPLES` evenly spaced samples of an array (..., T)."""
    return values[..., :: max(-(-values.shape[-1] // N_SAMPLES), 1)]


def pick_suspects(low: np.ndarray, high: np.ndarray, samples: np.ndarray, length: Any) -> np.ndarray:
    """Return whether channels may hold a code, judging by minimum and maximum (...) and samples (..., m).

    The range of a suspect is large for the spread of the samples near their median, and few distinct values lie between
    them and the extremes. NaN stands for no sample. ``length`` is the number of samples of the recordings.
    """
    low, high = low.astype(np.float64)[..., None], high.astype(np.float64)[..., None]
    wide = ((high > low) & (np.asarray(length)[..., None] >= _SHORTEST))[..., 0]
    if not wide.any():
        return wide
    inner = samples.astype(np.float64)
    inner = np.sort(np.where((inner == low) | (inner == high), np.nan, inner), axis=-1)  # NaN is last
    median = np.take_along_axis(inner, np.isfinite(inner).sum(-1, keepdims=True) // 2, axis=-1)
    with np.errstate(all="ignore"):  # infinite values are refused elsewhere; NaN makes a suspect
        moved = np.abs(inner - median)
        near = moved <= (high - low) / 10
        between = ((moved > (high - low) / 10)[..., 1:] & (np.diff(inner, axis=-1) > 0)).sum(-1)
        n = near.sum(-1)
        center = np.where(near, inner, 0).sum(-1) / n
        squares = np.where(near, inner - center[..., None], 0) ** 2
        return wide & (between <= 2 * _MOST) & ~((high - low)[..., 0] <= _FAR / 2 * np.sqrt(squares.sum(-1) / n))


def find_code(x: np.ndarray, first: int = 0) -> Code | None:
    """Return the farthest code in a signal (C, t) that begins at sample ``first``, or None.

    Examples
    --------
    >>> x = np.sin(np.arange(100.0))
    >>> x[70:72] = 999999
    >>> find_code(x[None])._replace(distance=0)
    Code(value=999999.0, channel=0, first=70, samples=2, distance=0)
    """
    x = x.astype(np.int8) if x.dtype.kind == "b" else x
    low, high = x.min(-1), x.max(-1)
    for channel in np.flatnonzero(pick_suspects(low, high, pick_samples(x), x.shape[-1])):
        found = _search_channel(x[channel], int(channel), first)
        if found is not None:
            return found
    return None


@dataclass
class CodeWatch:
    """A look for a code in a stream: at the samples that are held, whenever a chunk widens their range.

    Examples
    --------
    >>> watch = CodeWatch()
    >>> x = np.sin(np.arange(100.0))[None]
    >>> watch.look(x, 0)
    >>> watch.look(np.append(x, [[999999.0]], axis=1), 0).first
    100
    """

    low: Any = None
    high: Any = None
    found: bool = False

    def look(self, x: np.ndarray, first: int) -> Code | None:
        """Return a code, once, in the held samples (C, t) of a stream, the first at sample ``first``."""
        if self.found or x.shape[-1] < N_SAMPLES // 2:
            return None
        low, high = x.min(-1), x.max(-1)
        if self.low is not None and (low >= self.low).all() and (high <= self.high).all():
            return None
        self.low = low if self.low is None else np.minimum(low, self.low)
        self.high = high if self.high is None else np.maximum(high, self.high)
        code = find_code(x, first)
        self.found = code is not None
        return code


def _search_channel(x: np.ndarray, channel: int, first: int) -> Code | None:
    """Return the farthest code in one channel (t,).

    The few greatest and least distinct values that are far from the center are tried as codes, as many as possible:
    the gap between them and the other values must be many standard deviations of the other values.
    """
    low, high = x.min(), x.max()
    inside = x[(x != low) & (x != high)]
    if len(inside) and (float(high) - float(low)) <= _FAR * _measure_spread(inside):
        return None
    inner = np.sort(pick_samples(inside if len(inside) else x))
    center, m = float(inner[len(inner) // 2]), len(inner)
    spread = min(float(inner[3 * m // 4]) - float(inner[m // 4]), float(inner.std()))
    far = x[np.abs(x - center) > _FAR / 2 * spread]
    above, below = _peel(far[far > center], np.max, np.less), _peel(far[far < center], np.min, np.greater)
    where = {value: x == value for value in (*above, *below)}
    base = x[~np.any(list(where.values()), axis=0)].astype(np.float64) if where else x
    if not where or not len(base):
        return None
    counts = {value: int(found.sum()) for value, found in where.items()}
    moments = len(base), float(base.mean()), float(base.var())
    highs, lows = [*above, float(base.max())], [*below, float(base.min())]
    for n_highs, n_lows in sorted(np.ndindex(len(highs), len(lows)), key=sum, reverse=True):
        gaps = [highs[n_highs - 1] - highs[n_highs]] * (n_highs > 0) + [lows[n_lows] - lows[n_lows - 1]] * (n_lows > 0)
        spread = _add_values(*moments, {value: counts[value] for value in (*highs[n_highs:-1], *lows[n_lows:-1])})
        if gaps and min(gaps) > _FAR * spread > 0:
            value = max((*highs[:n_highs], *lows[:n_lows]), key=lambda code: abs(code - center))
            return Code(value, channel, first + int(where[value].argmax()), counts[value], min(gaps) / spread)
    return None


def _measure_spread(x: np.ndarray) -> float:
    """Return the standard deviation without the least and the greatest value, in little time."""
    moved = x[(x != x.min()) & (x != x.max())].astype(np.float64)
    if not len(moved):
        return 0.0
    moved -= moved[0]
    return math.sqrt(max(moved @ moved / len(moved) - moved.mean() ** 2, 0.0))


def _peel(values: np.ndarray, extreme: Callable[..., Any], inside: Callable[..., Any]) -> list[float]:
    """Return the few most extreme distinct values, the most extreme first."""
    found: list[float] = []
    while len(values) and len(found) < _MOST:
        found.append(float(extreme(values)))
        values = values[inside(values, found[-1])]
    return found


def _add_values(n: int, mean: float, variance: float, more: Mapping[float, int]) -> float:
    """Return the standard deviation of values with these moments and of further values, given with their counts."""
    total, center = n, mean
    for value, count in more.items():
        total, moved = total + count, value - center
        center += moved * count / total
        variance = variance * (1 - count / total) + moved**2 * (count / total) * (1 - count / total)
    return math.sqrt(variance)
