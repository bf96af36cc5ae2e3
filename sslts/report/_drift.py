"""Drift: how recordings differ from the training set of a segmenter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sslts.report._health import share_labels
from sslts.report._profiles import Profile

_FENCE = 2  # distances between the quartiles: 1 in 1,000 of normal values lies further outside
_LEAST_WIDTHS = {"confidence": 0.05, "spread": np.log(2), "level": 1.0, "rate": 0.5}
_RATIO, _LEAST_SHARE = 2.0, 0.02  # of two shares of the time, and their least difference
_LEAST_LENGTHS = 5  # segments whose lengths show what is usual

RULE = (
    "A recording is called unusual if a value lies further outside the quartiles of the training recordings than twice "
    "their distance, and at least: 0.05 of confidence, a factor of two in spread, one spread of level, half of "
    "the usual number of segments."
)


def compare_classes(
    profile: Profile, statistics: Any, names: dict[int, str], background: int | None, rate: float | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return shares and lengths of the classes beside those of the labels of the fit, and sentences on unusual ones."""
    scale, unit = (1 / rate, "s") if rate else (1.0, "samples")
    shares = share_labels(statistics)
    total = max(int(profile.recordings.lengths.sum()), 1)
    rows, unusual = {}, []
    for k, whole, cut in zip(statistics.classes, statistics.lengths, statistics.cut, strict=True):
        if k == background:
            continue
        found = profile.segments.loc[profile.segments["label"] == k, "length"].to_numpy(dtype=np.float64)
        share, usual = found.sum() / total, np.array(whole or cut, dtype=np.float64)
        words = list(_describe_class(names[k], share, shares[k], found * scale, usual * scale, unit))
        unusual += words
        rows[names[k]] = {
            "share of the labels": shares[k],
            "share of the time": share,
            f"median length in the labels ({unit})": _find_median(usual) * scale,
            f"median length ({unit})": _find_median(found) * scale,
            "verdict": "! unusual" if words else "✓ usual",
        }
    return pd.DataFrame(rows).T, unusual


def _describe_class(
    name: str, share: float, labeled: float, found: np.ndarray, usual: np.ndarray, unit: str
) -> Iterator[str]:
    """Yield sentences that say what is unusual in a class."""
    if not found.size:
        if labeled > 0:
            yield f"{name} does not occur; it holds {labeled:.1%} of the labels of the fit."
        return
    ratio = share / labeled if labeled else np.inf
    if abs(share - labeled) > _LEAST_SHARE and not 1 / _RATIO <= ratio <= _RATIO:
        yield f"{name} holds {share:.1%} of the time, and {labeled:.1%} of the labels of the fit."
    if not usual.size:
        return
    middle = np.median(usual)
    low, high = np.quantile(usual, [0.1, 0.9]) if usual.size >= _LEAST_LENGTHS else (middle / 2, middle * 2)
    if not low <= np.median(found) <= high:
        yield (
            f"{name} lasts {np.median(found):.3g} {unit} in the median; in the labels of the fit, {low:.3g} to "
            f"{high:.3g} {unit} is usual."
        )


def _find_median(lengths: np.ndarray) -> float:
    return float(np.median(lengths)) if lengths.size else np.nan


def compare_recordings(profile: Profile, reference: Profile, names: dict[int, str]) -> dict[int, list[str]]:
    """Return what is unusual in each unusual recording, by its position, compared with the training recordings."""
    unusual: dict[int, list[str]] = {}
    for i, words in sorted(_list_unusual(profile, reference, names), key=lambda pair: pair[0]):
        unusual.setdefault(i, []).append(words)
    return unusual


def _list_unusual(profile: Profile, reference: Profile, names: dict[int, str]) -> Iterator[tuple[int, str]]:
    low, _ = _find_fences(reference.confidence, "confidence")
    for i in _find_rows(profile.confidence < low):
        median = np.median(reference.confidence)
        yield i, f"confidence {profile.confidence[i]:.2f} against {median:.2f} in the training"
    for c, channel in enumerate(_name_channels(profile)):
        yield from _compare_signals(profile, reference, c, channel)
    for k, name in names.items():
        count, length = profile.count(k), profile.recordings.lengths
        usual = reference.count(k) / np.maximum(reference.recordings.lengths, 1)
        middle = float(np.median(usual))
        low, high = _find_fences(usual, "rate", unit=middle)
        for i in _find_rows((count < low * length - 1) | (count > high * length + 1)):
            yield i, f"{count[i]:,} segments of {name} where the training lets expect {middle * length[i]:.3g}"


def _compare_signals(profile: Profile, reference: Profile, c: int, channel: str) -> Iterator[tuple[int, str]]:
    """Yield the recordings whose level or spread is unusual in a channel."""
    usual = float(np.nanmedian(reference.spread[:, c])) if np.isfinite(reference.spread[:, c]).any() else np.nan
    least = np.finfo(np.float64).tiny
    own, training = (np.log(np.maximum(side.spread[:, c], least)) for side in (profile, reference))
    low, high = _find_fences(training, "spread")
    for i in _find_rows((own < low) | (own > high)):
        yield i, f"the signal{channel} has a spread of {profile.spread[i, c]:.3g} against {usual:.3g} in the training"
    low, high = _find_fences(reference.level[:, c], "level", unit=usual)
    for i in _find_rows((profile.level[:, c] < low) | (profile.level[:, c] > high)):
        middle = np.nanmedian(reference.level[:, c])
        yield i, f"the signal{channel} has a level of {profile.level[i, c]:.3g} against {middle:.3g} in the training"
    for i in _find_rows(~np.isfinite(profile.level[:, c])):
        yield i, f"the signal{channel} has no value"


def _find_fences(values: np.ndarray, kind: str, unit: float = 1.0) -> tuple[float, float]:
    """Return the ends of the usual range of a value, given the training's values; NaN if these have none."""
    values = values[np.isfinite(values)]
    if not values.size:
        return np.nan, np.nan
    low, high = np.percentile(values, [25, 75])
    width = max(_FENCE * (high - low), _LEAST_WIDTHS[kind] * unit)
    return float(low - width), float(high + width)


def _find_rows(chosen: np.ndarray) -> list[int]:
    return np.flatnonzero(chosen).tolist()


def _name_channels(profile: Profile) -> list[str]:
    """Return what is said after "the signal": nothing for a single channel."""
    n = profile.recordings.n_channels
    names = profile.recordings.channel_names or range(n)
    return [""] if n == 1 else [f" of channel {name}" for name in names]
