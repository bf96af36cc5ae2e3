"""Resampling of recordings to another rate."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from sslts.io._signals import Signal
from sslts.recordings import FilePart

_LARGEST = 10_000  # of the ratio of two rates


def resample_signal(signal: Signal, rate: float) -> Signal:
    """Return a signal in memory with another number of samples per second; NaN stays NaN.

    Examples
    --------
    >>> from pathlib import Path
    >>> signal = Signal("a", Path("a.wav"), np.ones((1, 40)), sampling_rate=4.0)
    >>> resample_signal(signal, 2.0).values.shape
    (1, 20)
    """
    if signal.sampling_rate is None or signal.sampling_rate == rate:
        return signal
    from scipy.signal import resample_poly

    ratio = Fraction(rate / signal.sampling_rate).limit_denominator(_LARGEST)
    values = np.asarray(signal.values[:, :], dtype=np.float64)
    gone = ~np.isfinite(values)
    filled = np.stack([_fill(x, missing) for x, missing in zip(values, gone, strict=True)])
    moved = resample_poly(filled, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    if gone.any():
        nearest = np.minimum(np.round(np.arange(moved.shape[1]) / float(ratio)).astype(int), values.shape[1] - 1)
        moved[gone[:, nearest]] = np.nan
    parts = tuple(_scale(part, float(ratio)) for part in signal.parts)
    return replace(signal, values=moved, sampling_rate=rate, parts=parts)


def _scale(part: FilePart, ratio: float) -> FilePart:
    return FilePart(part.file, *(round(samples * ratio) for samples in part[1:]))


def _fill(x: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return a channel with straight lines across its gaps."""
    if not missing.any() or missing.all():
        return np.where(missing, 0.0, x)
    at = np.arange(len(x))
    return np.interp(at, at[~missing], x[~missing])
