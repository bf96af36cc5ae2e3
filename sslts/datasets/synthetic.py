"""Synthetic recordings with a known truth: a recurring pattern among look-alikes, drift and noise."""

import math
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

_LOOKALIKES = 4  # reversed, half, rectified, foreign: see `_waveforms`


class _Events(NamedTuple):
    """Everything that happens in the recordings, one entry per pattern or look-alike."""

    recording: np.ndarray
    start: np.ndarray  # may lie before the recording's first sample
    length: np.ndarray
    shape: np.ndarray  # the class whose pattern it is, or whose look-alike
    lookalike: np.ndarray  # -1: the pattern itself; else which kind of look-alike


def make_recordings(
    n_recordings: int = 100,
    *,
    n_samples: int | tuple[int, int] = 2000,
    n_channels: int = 1,
    n_classes: int = 2,
    segment_length: int = 40,
    share: float = 0.2,
    noise: float = 0.2,
    variability: float = 1.0,
    random_state: Any = None,
) -> tuple[Any, Any]:
    """Make recordings of a sensor in which patterns recur, and the label of each of their samples.

    Each class has one pattern: a burst of ``class + 2`` alternating lobes, slow at first and then faster. Its length
    (0.6 to 1.6 times `segment_length`), its amplitude and its warping in time differ between occurrences, and more
    between recordings, as those of customers or patients do: every recording has its own tempo, shape, gain, offset,
    drift, level and colour of noise, and its own mix of look-alikes. A look-alike has the length and envelope of a
    pattern, but it is reversed in time, half a pattern, rectified, or a shape that recurs in this recording alone; it
    belongs to the background. So a few labeled recordings show little of what the others hold. The classes mean the
    same for every `random_state`.

    Parameters
    ----------
    n_recordings : int, default=100
        Number of recordings.
    n_samples : int or (int, int), default=2000
        Samples in each recording. A pair ``(low, high)`` draws each recording's own number between them, both
        included, and gives lists.
    n_channels : int, default=1
        Number of channels. They carry the same events and the same drift, each with its own gains, and noise of
        their own.
    n_classes : int, default=2
        Number of classes, the background (0) included.
    segment_length : int, default=40
        Typical length of a pattern in samples, at least ``2.5 * (n_classes + 1)``: shorter ones could not show their
        lobes.
    share : float, default=0.2
        Share of the time that patterns cover, in (0, 0.6], in expectation. The sample's own share varies the more, the
        fewer patterns there are.
    noise : float, default=0.2
        Typical standard deviation of the noise, where a pattern has amplitude 1.
    variability : float, default=1.0
        How much recordings differ from one another, in [0, 1]. With 0 they differ by the noise and by the moments at
        which things happen.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Where the randomness comes from. The same integer gives identical arrays. NumPy's global state is neither read
        nor changed.

    Returns
    -------
    X : ndarray of shape (n_recordings, n_samples) or (n_recordings, n_channels, n_samples), or list, float32
        The signals; without an axis for the channel where there is one channel. A list of ``(T_i,)`` or
        ``(n_channels, T_i)`` arrays where `n_samples` is a pair.
    y : ndarray of shape (n_recordings, n_samples) or list of (T_i,), int64
        The class of each sample.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the patterns don't fit into the recordings.

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(20, n_samples=500, random_state=0)
    >>> X.shape, X.dtype, y.shape, y.dtype
    ((20, 500), dtype('float32'), (20, 500), dtype('int64'))
    >>> X, y = make_recordings(3, n_samples=(300, 500), n_channels=2, random_state=0)
    >>> all(x.shape == (2, len(labels)) for x, labels in zip(X, y))
    True
    """
    lengths = _check(n_recordings, n_samples, n_channels, n_classes, segment_length, share, noise, variability)
    rng = _generator(random_state)
    longest = int(lengths[1])
    events = _events(rng, n_recordings, longest, n_classes, segment_length, share, variability)
    content, y = _render(events, _waveforms(rng, events, n_recordings, variability), n_recordings, longest)
    X = _measure(rng, content, n_channels, segment_length, noise, variability)
    if n_channels == 1:
        X = X[:, 0]
    if not isinstance(n_samples, tuple):
        return X, y
    stops = rng.integers(lengths[0], lengths[1] + 1, size=n_recordings)
    ragged = [(x[..., :stop].copy(), labels[:stop].copy()) for x, labels, stop in zip(X, y, stops, strict=True)]
    return [x for x, _ in ragged], [labels for _, labels in ragged]


def _events(
    rng: np.random.Generator,
    n_recordings: int,
    n_samples: int,
    n_classes: int,
    segment_length: int,
    share: float,
    variability: float,
) -> _Events:
    """Lay patterns, look-alikes and pauses one after another; the pauses are such that patterns cover `share`."""
    column = (n_recordings, 1)
    length = segment_length * (1 + variability * rng.uniform(-0.25, 1 / 3, column))
    own_share = share * (1 + variability * (1 - share) * rng.uniform(-0.25, 0.25, column))
    lookalikes = (1 - share) * (0.4 + variability * rng.uniform(-0.2, 0.2, column))
    kinds = rng.dirichlet(np.full(_LOOKALIKES, 1 / (0.05 + variability)), n_recordings)
    pause = length * ((1 - lookalikes) / own_share - 1)

    # Start some cycles early: what the first sample meets is then as random as what any other one meets.
    cycle = length + pause
    n_events = int(np.ceil(1.5 * (n_samples / cycle.min() + 3))) + 10
    table = (n_recordings, n_events)
    lengths = np.rint(length * rng.uniform(0.8, 1.2, table)).astype(np.int64)
    shortest = np.minimum(2.0, pause)
    pauses = np.rint(shortest + (pause - shortest) * rng.gamma(4, 1 / 4, table)).astype(np.int64).clip(min=1)
    begin = np.rint(-cycle * rng.uniform(2, 3, column)).astype(np.int64)
    starts = begin + np.cumsum(lengths + pauses, axis=1) - lengths

    shape = rng.integers(1, n_classes, table)
    kind = (rng.uniform(size=(*table, 1)) > np.cumsum(kinds, axis=1)[:, None, :-1]).sum(axis=-1)
    lookalike = np.where(rng.uniform(size=table) < lookalikes, kind, -1)
    recording = np.broadcast_to(np.arange(n_recordings)[:, None], table)
    inside = (starts < n_samples) & (starts + lengths > 0)
    return _Events(recording[inside], starts[inside], lengths[inside], shape[inside], lookalike[inside])


def _waveforms(rng: np.random.Generator, events: _Events, n_recordings: int, variability: float) -> np.ndarray:
    """Draw the signal of each event, ``(n_events, longest)``, zero behind its end.

    A pattern is ``envelope * sin(pi * lobes * u ** chirp)`` over its time ``u`` in [0, 1], with overtones.
    """

    def own(low: float, high: float, within: float = 0.0) -> np.ndarray:
        # A parameter that each recording has, and that wavers by `within` from one occurrence to the next.
        middle = (low + high) / 2
        per_recording = middle + variability * (rng.uniform(low, high, n_recordings) - middle)
        value = per_recording[events.recording] + within * rng.uniform(-1, 1, len(events.recording))
        return value[:, None]

    longest = int(events.length.max(initial=1))
    u = (np.arange(longest) + 0.5) / events.length[:, None]
    inside = u < 1
    u = np.where(inside, u, 0.0)
    kind = events.lookalike[:, None]
    u = np.where(kind == 0, 1 - u, u) * np.where(inside, 1, 0)
    lobes = np.where(kind == 1, 1.6, events.shape[:, None] + 2)

    phase = np.pi * lobes * u ** own(1.3, 2.1, within=0.1)
    wave = np.sin(phase) + own(-0.6, 0.6, within=0.05) * np.sin(2 * phase)
    wave = np.sign(wave) * np.abs(wave) ** own(0.5, 1.5)
    wave = np.where(kind == 2, np.abs(wave), wave)
    wave = np.where(kind == 3, _foreign(rng, n_recordings, u, events.recording), wave)
    tilt = 1 + own(-0.6, 0.6, within=0.1) * np.cos(np.pi * u)
    edge = np.minimum(1, np.minimum(u, 1 - u) / own(0.03, 0.25))
    amplitude = np.exp(0.2 * rng.standard_normal((len(u), 1)))
    return np.where(inside, amplitude * edge * tilt * (wave + own(-0.8, 0.8, within=0.05)), 0.0)


def _foreign(rng: np.random.Generator, n_recordings: int, u: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """A shape of each recording's own, the sum of a few waves, over the time ``u`` of its events."""
    height, phase = rng.standard_normal((n_recordings, 4)), rng.uniform(0, 2 * np.pi, (n_recordings, 4))
    height /= np.sqrt((height**2).sum(axis=1, keepdims=True))
    wave = np.zeros_like(u)
    for half_cycles in range(1, 5):
        own = recording, half_cycles - 1
        wave += height[own][:, None] * np.sin(np.pi * half_cycles * u + phase[own][:, None])
    return 1.4 * wave


def _render(events: _Events, waveforms: np.ndarray, n_recordings: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Put the events into their recordings: the signal and its labels, both ``(n_recordings, n_samples)``."""
    content = np.zeros((n_recordings, n_samples))
    y = np.zeros((n_recordings, n_samples), dtype=np.int64)
    step = np.arange(waveforms.shape[1])
    when = events.start[:, None] + step
    event, column = np.nonzero((step < events.length[:, None]) & (when >= 0) & (when < n_samples))
    place = events.recording[event], when[event, column]
    content[place] = waveforms[event, column]
    y[place] = np.where(events.lookalike < 0, events.shape, 0)[event]
    return content, y


def _measure(
    rng: np.random.Generator,
    content: np.ndarray,
    n_channels: int,
    segment_length: int,
    noise: float,
    variability: float,
) -> np.ndarray:
    """Record the content through sensors: gain, offset, drift and noise, ``(n_recordings, n_channels, n_samples)``."""
    n_recordings, n_samples = content.shape
    each = (n_recordings, n_channels, 1)
    level = noise * np.exp(variability * rng.uniform(-0.7, 0.7, (n_recordings, 1, 1)))
    X = content[:, None, :] * np.exp(variability * rng.uniform(-0.4, 0.4, each))
    X += _drift(rng, n_recordings, n_samples, segment_length)[:, None, :] * rng.uniform(0.5, 1.5, each)
    X += level * _noise(rng, each[:2], n_samples, segment_length, variability)
    X += variability * 2 * rng.standard_normal(each)
    X *= np.exp(0.7 * variability * rng.standard_normal((n_recordings, 1, 1)))
    return X.astype(np.float32)


def _drift(rng: np.random.Generator, n_recordings: int, n_samples: int, segment_length: int) -> np.ndarray:
    """A wandering baseline: three slow waves, each slower than eight patterns."""
    drift = np.zeros((n_recordings, n_samples))
    for _ in range(3):
        period = segment_length * np.exp(rng.uniform(np.log(8), np.log(60), (n_recordings, 1)))
        phase = rng.uniform(0, 2 * np.pi, (n_recordings, 1))
        height = rng.uniform(0, 0.8, (n_recordings, 1))
        drift += height * np.sin(2 * np.pi * np.arange(n_samples) / period + phase)
    return drift


def _noise(
    rng: np.random.Generator, shape: tuple[int, int], n_samples: int, segment_length: int, variability: float
) -> np.ndarray:
    """Noise of unit variance, half of its power white, half coloured as ``1 / f ** colour`` of the recording's own."""
    colour = 1 + variability * rng.uniform(-1, 1, (shape[0], 1, 1))
    # In cycles per pattern, and flat below a quarter of one: what is slower is drift.
    frequency = np.fft.rfftfreq(n_samples, d=1 / segment_length) + 0.25
    power = frequency**-colour
    filtered = np.fft.irfft(
        np.fft.rfft(rng.standard_normal((*shape, n_samples))) * np.sqrt(power / power.mean(axis=-1, keepdims=True)),
        n=n_samples,
    )
    return np.sqrt(0.5) * (filtered + rng.standard_normal((*shape, n_samples)))


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, Integral) and int(random_state) >= 0:
        return np.random.default_rng(int(random_state))
    raise ValueError(
        f"random_state must be None, an integer >= 0, a numpy Generator or a RandomState, got {random_state!r}"
    )


def _check(
    n_recordings: int,
    n_samples: int | tuple[int, int],
    n_channels: int,
    n_classes: int,
    segment_length: int,
    share: float,
    noise: float,
    variability: float,
) -> tuple[int, int]:
    """Validate the arguments of `make_recordings`; the shortest and the longest recording."""
    _integer("n_recordings", n_recordings, 1)
    _integer("n_channels", n_channels, 1)
    _integer("n_classes", n_classes, 2)
    shortest = math.ceil(2.5 * (n_classes + 1))
    _integer("segment_length", segment_length, shortest, f" (2.5 * (n_classes + 1)) for n_classes={n_classes}")
    _real("share", share, np.nextafter(0, 1), 0.6, "in (0, 0.6]")
    _real("noise", noise, 0, np.finfo(float).max, ">= 0")
    _real("variability", variability, 0, 1, "in [0, 1]")
    pair = n_samples if isinstance(n_samples, tuple) else (n_samples, n_samples)
    if len(pair) != 2:
        raise ValueError(f"n_samples must be an integer or a pair (low, high), got {n_samples!r}")
    for bound in pair:
        _integer("n_samples", bound, 1)
    if pair[0] > pair[1]:
        raise ValueError(f"n_samples=(low, high) must have low <= high, got {n_samples!r}")
    if pair[0] < 1.6 * segment_length:
        raise ValueError(
            f"patterns of up to 1.6 * segment_length = {1.6 * segment_length:g} samples don't fit into recordings of "
            f"n_samples={n_samples!r}; make segment_length smaller or n_samples larger"
        )
    return int(pair[0]), int(pair[1])


def _integer(name: str, value: Any, least: int, why: str = "") -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}{why}, got {value!r}")


def _real(name: str, value: Any, least: float, most: float, wanted: str) -> None:
    if not isinstance(value, Real) or not least <= float(value) <= most:
        raise ValueError(f"{name} must be a number {wanted}, got {value!r}")
