"""Descriptions of stretches of signals by a few numbers, without a model: size, shape and spectrum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.decomposition import PCA

from sslts._runs import group_by_length
from sslts.recordings import Recordings

_BANDS = 8  # of the spectrum, equally wide on a logarithmic axis
_PIECES = 8  # pieces of a stretch whose spreads are compared
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LARGEST = 4.0  # robust deviations: one odd number does not outweigh the others
_MOST_DIMENSIONS = 16
_SAMPLES_TOGETHER = 1 << 20
_TINY = 1e-12


def describe_stretches(recordings: Recordings, recording: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return a description of each stretch, (m, F): size, spread over time, quantiles and spectrum of each channel.

    Parameters
    ----------
    recordings : Recordings
        The signals.
    recording, start, end : ndarray of int, shape (m,)
        The stretches, in samples.

    Returns
    -------
    ndarray of float64, shape (m, F)
        NaN-free; not scaled, see `scale_descriptions`.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.labeling import describe_stretches
    >>> from sslts.recordings import as_recordings
    >>> x = as_recordings(np.sin(np.arange(400.0))[None])
    >>> describe_stretches(x, np.array([0, 0]), np.array([0, 100]), np.array([100, 300])).shape
    (2, 18)
    """
    found = np.empty((len(recording), recordings.n_channels * _count_numbers()))
    for rows, x in _read_together(recordings, recording, start, end):
        found[rows] = _describe(x).reshape(len(rows), -1)
    return found


def scale_descriptions(descriptions: np.ndarray) -> np.ndarray:
    """Return descriptions, (m, D), in which distances compare stretches: robustly scaled, then few components.

    Each number is centered and scaled by its median and quartiles, and cut at 4 of these deviations, so that no single
    number and no odd stretch rules the distances.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.labeling import scale_descriptions
    >>> scale_descriptions(np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [900.0, 5.0]])).round(1).tolist()
    [[-1.0], [-1.0], [-1.0], [3.0]]
    """
    low, middle, high = np.percentile(descriptions, [25, 50, 75], axis=0)
    scale = np.where(high > low, high - low, descriptions.std(axis=0)) / 1.35
    kept = scale > _TINY * (1 + np.abs(middle))
    if not kept.any() or len(descriptions) < 2:
        return np.zeros((len(descriptions), 1))
    scaled = np.clip((descriptions[:, kept] - middle[kept]) / scale[kept], -_LARGEST, _LARGEST)
    n_components = min(_MOST_DIMENSIONS, *scaled.shape)
    return PCA(n_components, svd_solver="full").fit_transform(scaled)


def _read_together(
    recordings: Recordings, recording: np.ndarray, start: np.ndarray, end: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield stretches of equal length as one array (B, C, L), with their positions (B,)."""
    most = _SAMPLES_TOGETHER // recordings.n_channels
    for _, rows in group_by_length(end - start, np.arange(len(start)), most):
        read = [recordings.read(int(recording[k]), int(start[k]), int(end[k]), missing=True) for k in rows]
        yield np.array(rows), np.nan_to_num(np.stack(read), nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)


def _count_numbers() -> int:
    return 5 + len(_QUANTILES) + _BANDS


def _describe(x: np.ndarray) -> np.ndarray:
    """Return the numbers of each channel, (B, C, F), of stretches (B, C, L)."""
    length = x.shape[-1]
    center = np.median(x, axis=-1, keepdims=True)
    spread = np.sqrt(np.square(x - center).mean(-1, keepdims=True))
    shape = (x - center) / np.maximum(spread, _TINY)
    steps = np.abs(np.diff(x, axis=-1, append=x[..., -1:])).mean(-1)
    pieces = np.stack([part.std(-1) for part in np.array_split(x, min(_PIECES, length), axis=-1)], -1)
    uneven = np.log(pieces / np.maximum(spread, _TINY) + 0.01)
    numbers = [
        _compress(center[..., 0]),
        np.log(spread[..., 0] + _TINY),
        np.log(steps / np.maximum(spread[..., 0], _TINY) + 1e-3),
        np.log(np.abs(shape).max(-1) + 1e-3),
        uneven.std(-1),
        *np.quantile(shape, _QUANTILES, axis=-1),
        *np.moveaxis(_measure_spectrum(shape), -1, 0),
    ]
    return np.stack(numbers, -1)


def _compress(values: np.ndarray) -> np.ndarray:
    """Return levels on an axis on which large ones are near to each other."""
    return np.arcsinh(values)


def _measure_spectrum(x: np.ndarray) -> np.ndarray:
    """Return the logarithm of the share of the power in each band, (B, C, bands)."""
    length = x.shape[-1]
    power = np.square(np.abs(np.fft.rfft(x * np.hanning(length + 2)[1:-1], axis=-1)))[..., 1:]
    n = power.shape[-1]
    if not n:
        return np.zeros((*x.shape[:-1], _BANDS))
    edges = np.geomspace(1, n + 1, _BANDS + 1).round().astype(int) - 1
    total = np.concatenate([np.zeros((*power.shape[:-1], 1)), np.cumsum(power, axis=-1)], -1)
    bands = total[..., np.maximum(edges[1:], edges[:-1] + 1).clip(max=n)] - total[..., edges[:-1].clip(max=n - 1)]
    return np.log(bands / np.maximum(total[..., -1:], _TINY) + 1e-3)
