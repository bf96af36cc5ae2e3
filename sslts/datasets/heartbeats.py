"""Synthetic electrocardiograms with known P, QRS and T waves."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from sslts.datasets.synthetic import _make_generator

_WAVES = (1, 2, 3)  # P, QRS, T
_MISSING_P = 0.1  # share of the beats without a P wave


class _Patient(NamedTuple):
    """How the waves of one patient look: seconds, and millivolts for the heights."""

    period: float
    height: dict[int, float]
    width: dict[int, float]
    place: dict[int, float]  # of a wave's center after that of the QRS complex


def make_heartbeats(
    n_recordings: int = 100, *, seconds: float = 15, sampling_rate: float = 100, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make electrocardiograms of patients, and the wave at each sample.

    Every recording is a patient with a heart rate between 50 and 100 per minute and heights, lengths and distances of
    the waves. In a tenth of the beats the P wave is missing, and some patients have inverted T waves. Breathing and
    noise are added. The waves are bell-shaped: a person finds them by eye, and real recordings are harder
    (`load_ludb`).

    Parameters
    ----------
    n_recordings : int, default=100
        Number of recordings, 1 or more.
    seconds : float, default=15
        Length of a recording, 2 or more.
    sampling_rate : float, default=100
        Samples per second, 50 or more: a P wave takes 0.08 s.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed or generator. The same integer gives identical arrays. NumPy's global state is neither read nor changed.

    Returns
    -------
    X : ndarray of shape (n_recordings, seconds * sampling_rate), float32
        The signals in millivolts.
    y : ndarray of the same shape, int64
        0 between waves, 1 in a P wave, 2 in a QRS complex, 3 in a T wave.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from sslts.datasets import make_heartbeats
    >>> from sslts.segments import labels_to_segments
    >>> X, y = make_heartbeats(5, random_state=0)
    >>> X.shape, y.shape
    ((5, 1500), (5, 1500))
    >>> waves = labels_to_segments(y)
    >>> waves[waves["recording"] == 0]["label"].value_counts().sort_index().to_dict()
    {1: 14, 2: 15, 3: 15}
    """
    _check(n_recordings, seconds, sampling_rate)
    rng = _make_generator(random_state)
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    signals, labels = zip(*(_make_recording(rng, time, seconds) for _ in range(n_recordings)), strict=True)
    return np.stack(signals), np.stack(labels)


def _make_recording(rng: np.random.Generator, time: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal of one patient and the wave at each sample."""
    patient = _draw_patient(rng)
    x = 0.3 * np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * time) + rng.normal(0, rng.uniform(0.02, 0.08), len(time))
    y = np.zeros(len(time), dtype=np.int64)
    beat = rng.uniform(0, patient.period)
    while beat < seconds:
        for wave in _WAVES:
            if wave == 1 and rng.random() <= _MISSING_P:
                continue
            u = (time - beat - patient.place[wave]) / (patient.width[wave] * rng.uniform(0.9, 1.1))
            x += patient.height[wave] * np.exp(-0.5 * (5 * u) ** 2) * (1 if wave != 2 else 1 - 60 * u**2 * (u > 0))
            y[np.abs(u) <= 0.5] = wave
        beat += patient.period * rng.normal(1, 0.05)
    return x.astype(np.float32), y


def _draw_patient(rng: np.random.Generator) -> _Patient:
    return _Patient(
        rng.uniform(0.6, 1.2),
        {1: rng.uniform(0.08, 0.3), 2: rng.uniform(0.6, 1.5), 3: rng.uniform(0.1, 0.5) * rng.choice([1, 1, 1, -1])},
        {1: rng.uniform(0.08, 0.11), 2: rng.uniform(0.07, 0.13), 3: rng.uniform(0.14, 0.22)},
        {1: -rng.uniform(0.13, 0.18), 2: 0.0, 3: rng.uniform(0.24, 0.32)},
    )


def _check(n_recordings: Any, seconds: Any, sampling_rate: Any) -> None:
    if not isinstance(n_recordings, Integral) or isinstance(n_recordings, bool) or n_recordings < 1:
        raise ValueError(f"n_recordings={n_recordings!r}; give an integer >= 1.")
    for name, value, least in (("seconds", seconds, 2), ("sampling_rate", sampling_rate, 50)):
        if not isinstance(value, Real) or not least <= float(value) < np.inf:
            raise ValueError(f"{name}={value!r}; give a finite number >= {least}.")
