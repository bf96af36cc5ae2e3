"""Statistics of windows around each sample, at several scales: the features of `WindowFeatureSegmenter`.

Every statistic of a window of 2n samples is made from the statistics of its two halves. The order of these additions
depends on the window alone. So a feature has the same bits wherever a reading starts or stops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from sslts.annotations import SignalSummary
from sslts.recipes import Recipe

__all__ = ["WindowStatistics", "average_windows"]

_SINGLE = np.float32
_LARGEST_SCALE = 1024  # samples; the largest scale that is derived from labels
_SEGMENTS = 8  # the largest scale, in segments of typical length
_DEFAULT_SCALES = (1, 2, 4, 8, 16, 32, 64)
At = slice | np.ndarray


class _Window(NamedTuple):
    """Mean, variance, mean step, minimum and maximum of windows of `size` samples, by their first sample (C, t)."""

    size: int
    mean: np.ndarray
    variance: np.ndarray
    step: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def join(self, other: _Window) -> _Window:
        """Return the statistics of windows of this size followed by windows of the `other` size.

        Means and variances are combined as in Chan, Golub & LeVeque 1979.
        """
        kept = min(self.mean.shape[-1], other.mean.shape[-1] - self.size)
        mean, variance, step, low, high = (values[..., :kept] for values in self[1:])
        mean2, variance2, step2, low2, high2 = (values[..., self.size : self.size + kept] for values in other[1:])
        size = self.size + other.size
        late = _SINGLE(other.size / size)
        early = _SINGLE(1) - late
        moved = mean2 - mean
        return _Window(
            size,
            mean + moved * late,
            variance * early + variance2 * late + moved * moved * (early * late),
            step * early + step2 * late,
            np.minimum(low, low2),
            np.maximum(high, high2),
        )


@dataclass(frozen=True)
class WindowStatistics(Recipe):
    """Statistics of the windows before, after and around each sample, at several scales.

    For each channel: the value, the step to the next sample, and at each scale the level before and after the sample,
    slope, curvature and distance from the level, standard deviation, range and roughness (mean absolute step) before,
    after and around the sample, and the height above the minimum. Some of them are also given relative to the standard
    deviation or the range, so that they do not depend on the size of a pattern. For several channels also the root mean
    square of levels and spreads over the channels, and each channel's share of the spread.

    A sample at distance `reach` or more never influences a feature. At the ends of a signal, the first and last value
    are repeated.

    Parameters
    ----------
    scales : tuple of int, default=(1, 2, 4, 8, 16, 32, 64)
        Samples of the windows on each side of a sample, each 1 or more, in increasing order.

    Examples
    --------
    >>> statistics = WindowStatistics(scales=(1, 4))
    >>> x = np.repeat([0.0, 1.0], 10)[None]
    >>> features = statistics(x)
    >>> features.shape, statistics.reach
    ((46, 20), 5)
    >>> features[statistics.list_names(1).index("slope 4"), 7:13].tolist()
    [0.5, 0.75, 1.0, 1.0, 0.75, 0.5]
    """

    scales: Sequence[int] = _DEFAULT_SCALES

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scales", _read_scales(self.scales))

    @classmethod
    def for_signal(cls, summary: SignalSummary) -> Self:
        """Return statistics at scales from one sample to a few segments, twice as large each."""
        return cls(scales=_choose_scales(summary))

    @property
    def reach(self) -> int:
        """Number of samples on each side that influence a feature."""
        return self.scales[-1] + 1

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the features (F, T), float32, of a signal (C, T)."""
        return self.compute(x).T

    def compute(self, x: np.ndarray, at: At = slice(None)) -> np.ndarray:
        """Return the features (t, F), float32, of the samples `at` (a slice, or positions) of a signal (C, T)."""
        x = np.atleast_2d(x).astype(np.float32, copy=False)
        n_channels, length = x.shape
        n_rows = len(range(*at.indices(length))) if isinstance(at, slice) else len(at)
        names = self._list_kinds(n_channels)
        out = np.empty((len(names), n_rows), dtype=np.float32)
        row = 0
        with np.errstate(all="ignore"):  # products of small values may underflow
            for values in self._iterate(x, at):
                out[row : row + len(values)] = values
                row += len(values)
        return np.ascontiguousarray(out.T)

    def list_names(self, channels: int | Sequence[Any]) -> list[str]:
        """Return the names of the features; `channels` is their number or their names.

        A name is the kind of the statistic and its scale, after the name of the channel if there are several channels.
        """
        named = channels if not isinstance(channels, int) else [f"channel {c}" for c in range(channels)]
        single = len(named) == 1
        return [kind if single or c is None else f"{named[c]}, {kind}" for kind, c in self._list_kinds(len(named))]

    def _list_kinds(self, n_channels: int) -> list[tuple[str, int | None]]:
        """Return the kind and the channel of each feature; features of all channels together have no channel."""
        kinds: list[tuple[str, int | None]] = [(kind, c) for kind in _OF_SAMPLE for c in range(n_channels)]
        for scale in self.scales:
            kinds += [(f"{kind} {scale}", c) for kind in _OF_SCALE for c in range(n_channels)]
            if n_channels > 1:
                kinds += [(f"{kind} {scale}", None) for kind in _OF_ALL]
                kinds += [(f"share of spread {scale}", c) for c in range(n_channels)]
        return kinds

    def _iterate(self, x: np.ndarray, at: At) -> Iterator[np.ndarray]:
        """Yield features of one kind at a time, (C, t) each, in the order of `_list_kinds`."""
        n_channels, length = x.shape
        widest = self.scales[-1]
        padded = np.pad(x, ((0, 0), (widest, widest + 1)), mode="edge")

        def take(values: np.ndarray, offset: int) -> np.ndarray:
            return values[:, widest + offset : widest + offset + length][:, at]

        here = take(padded, 0)
        yield here
        yield take(padded, 1) - take(padded, -1)
        level = here
        for window in _measure_windows(padded, self.scales):
            n = window.size
            mean, spread, step, low, high = (
                (take(values, -n), take(values, 1))
                for values in (window.mean, window.variance, window.step, window.low, window.high)
            )
            step = take(window.step, -n), take(window.step, 0)
            before, level = level, (mean[0] + mean[1]) * _SINGLE(0.5)
            slope = mean[1] - mean[0]
            around = np.sqrt((spread[0] + spread[1]) * _SINGLE(0.5) + slope * slope * _SINGLE(0.25))
            sides = np.sqrt(spread[0]), np.sqrt(spread[1])
            rough = (step[0] + step[1]) * _SINGLE(0.5)
            least = np.minimum(np.minimum(*low), here)
            most = np.maximum(np.maximum(*high), here)
            curvature, distance = level - before, here - level
            extent, height = most - least, here - least
            yield from (mean[0], mean[1], slope, curvature, distance)
            yield from (sides[0], sides[1], around, _divide(sides[1] - sides[0], sides[1] + sides[0]))
            yield from (high[0] - low[0], high[1] - low[1], extent, height, most - here)
            yield from (step[0], step[1], rough)
            yield from (_divide(values, around) for values in (slope, curvature, distance, rough))
            yield _divide(height, extent)
            if n_channels > 1:
                energy = _mean_over_channels(around * around)
                total = np.sqrt(energy)
                yield total
                yield np.sqrt(_mean_over_channels(level * level))
                yield _mean_over_channels(rough)
                yield _divide(around, total)


_OF_SAMPLE = ("value", "step")
_OF_SCALE = (
    *("level before", "level after", "slope", "curvature", "distance from level"),
    *("spread before", "spread after", "spread", "balance of spread"),
    *("range before", "range after", "range", "height above minimum", "depth below maximum"),
    *("roughness before", "roughness after", "roughness"),
    *("relative slope", "relative curvature", "relative distance from level", "relative roughness", "relative height"),
)
_OF_ALL = ("spread of all channels", "level of all channels", "roughness of all channels")


def average_windows(values: np.ndarray, half: int) -> np.ndarray:
    """Return the mean of the samples up to `half` samples away, (K, T); the ends are repeated.

    Examples
    --------
    >>> average_windows(np.array([[0.0, 0.0, 3.0, 0.0]], dtype=np.float32), half=1).tolist()
    [[0.0, 1.0, 1.0, 1.0]]
    """
    if half < 1:
        return values
    padded = np.pad(values.astype(np.float32, copy=False), ((0, 0), (half, half)), mode="edge")
    size = 2 * half + 1
    mean, n, total, done = padded, 1, None, 0
    while n <= size:
        if size & n:
            if total is None:
                total = mean
            else:
                late = mean[:, done:]
                kept = late.shape[-1]
                total = total[:, :kept] + (late - total[:, :kept]) * _SINGLE(n / (done + n))
            done += n
        mean = mean[:, :-n] + (mean[:, n:] - mean[:, :-n]) * _SINGLE(0.5) if mean.shape[-1] > n else mean[:, :0]
        n *= 2
    assert total is not None
    return total[:, : values.shape[-1]]


def _measure_windows(x: np.ndarray, sizes: Sequence[int]) -> Iterator[_Window]:
    """Yield the windows of each size, the smallest size first; a size that is no power of two is joined of some."""
    step = np.abs(np.diff(x, axis=1, append=x[:, -1:]))
    powers = [_Window(1, x, np.zeros_like(x), step, x, x)]
    for size in sizes:
        while 2 * powers[-1].size <= size:
            powers.append(powers[-1].join(powers[-1]))
        joined: _Window | None = None
        for power in reversed(powers):
            if size & power.size:
                joined = power if joined is None else joined.join(power)
        assert joined is not None
        yield joined


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return the quotient, 0 where the divisor is 0."""
    return np.divide(values, by, out=np.zeros(np.broadcast(values, by).shape, dtype=np.float32), where=by > 0)


def _mean_over_channels(values: np.ndarray) -> np.ndarray:
    """Return the mean over the channels, (1, t), added in the order of the channels."""
    total = values[0].copy()
    for channel in values[1:]:
        total += channel
    return (total * _SINGLE(1 / len(values)))[None]


def _choose_scales(summary: SignalSummary) -> tuple[int, ...]:
    """Return scales from one sample to several segments of typical length, twice as large each."""
    longest = min(max(_SEGMENTS * summary.segment_length, 1), _LARGEST_SCALE, max(summary.recording_length, 1))
    return tuple(1 << k for k in range(int(np.log2(longest)) + 1))


def _read_scales(scales: Any) -> tuple[int, ...]:
    """Return scales as a tuple of int; raise ValueError if they are not whole, positive and increasing."""
    values = np.asarray(scales)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu" or (values < 1).any():
        raise ValueError(f"scales={scales!r}; give whole numbers of samples, 1 or more, such as (1, 4, 16).")
    if (values[1:] <= values[:-1]).any():
        raise ValueError(f"scales={scales!r}; give them in increasing order, each once.")
    return tuple(int(value) for value in values)
