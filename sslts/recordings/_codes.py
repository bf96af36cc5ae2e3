"""Codes: numbers such as 999999 that a logger writes where it has no value.

A code is far from all other values of its channel. `pick_suspects` looks at the range and some samples of many
recordings at once, and `find_code` at all values of the few that remain.
"""

from __future__ import annotations

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
    """Return whether channels may hold a code: their range is large for the spread of their samples.

    Minimum and maximum are (...), samples (..., m); NaN stands for no sample. ``length`` is the number of samples of
    the recordings. The spread is the smaller one of quartiles and standard deviation.
    """
    low, high = low.astype(np.float64), high.astype(np.float64)
    wide = (high > low) & (length >= _SHORTEST)
    if not wide.any():
        return wide
    inner = np.sort(samples, axis=-1).astype(np.float64)
    nothing = np.isnan(inner)
    m = (~nothing).sum(-1, keepdims=True)
    lower, upper = (np.take_along_axis(inner, k * m // 4, axis=-1)[..., 0] for k in (1, 3))
    quartiles = upper - lower
    extreme = (inner == low[..., None]) | (inner == high[..., None]) | nothing
    with np.errstate(all="ignore"):  # infinite values are refused elsewhere
        known = np.maximum((~extreme).sum(-1), 1)
        center = np.where(extreme, 0, inner).sum(-1) / known
        spread = np.sqrt(np.where(extreme, 0, (inner - center[..., None]) ** 2).sum(-1) / known)
        quartiles = np.where(quartiles > 0, quartiles, spread)
        narrow = _FAR / 2 * np.minimum(spread, quartiles)
        return wide & ~(high - low <= narrow)


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

    The values that are far from the center in quartiles are sorted; codes are the last few distinct values beyond the
    largest gap, if this gap is many standard deviations of all values that are no codes.
    """
    some = pick_samples(x)
    inner = some[(some != x.min()) & (some != x.max())]
    inner = inner if len(inner) else some
    center = float(np.median(inner))
    spread = min(float(np.subtract(*np.percentile(inner, [75, 25]))), float(inner.std()))
    far = np.abs(x - center) > _FAR / 2 * spread
    near = x[~far]
    if not len(near):
        return None
    sides: list[tuple[float, list[float]]] = []  # gap and the values beyond it
    for side, edge, values in (
        (1, float(near.max()), x[far & (x > center)]),
        (-1, float(near.min()), x[far & (x < center)]),
    ):
        steps = np.unique(np.append(side * values.astype(np.float64), side * edge))[-_MOST - 1 :]
        if len(steps) > 1:
            at = int(np.diff(steps).argmax()) + 1
            sides.append((float(steps[at] - steps[at - 1]), (side * steps[at:]).tolist()))
    sides.sort(reverse=True)
    for chosen in (sides, sides[:1], sides[1:]):
        codes = [code for _, values in chosen for code in values]
        others = x[~np.isin(x, codes)].astype(np.float64)
        spread = float(others.std()) if len(others) > 1 else 0.0
        if codes and min(gap for gap, _ in chosen) > _FAR * spread > 0:
            value = max(codes, key=lambda code: abs(code - center))
            where = np.flatnonzero(x == value)
            return Code(value, channel, first + int(where[0]), len(where), chosen[0][0] / spread)
    return None
