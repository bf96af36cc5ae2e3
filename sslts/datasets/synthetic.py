"""Synthetic recordings with known labels: recurring patterns among look-alikes, drift and noise."""

import math
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

_GROUP = 6  # mean number of patterns in a group
_LOOKALIKES = 4  # kinds: reversed, half, rectified, foreign; see `_draw_waveforms`


class _Events(NamedTuple):
    """The events in all recordings; each array has one entry per pattern or look-alike."""

    recording: np.ndarray
    start: np.ndarray  # may be negative: before the first sample
    length: np.ndarray
    shape: np.ndarray  # class of the pattern, or of the pattern that the look-alike imitates
    lookalike: np.ndarray  # -1: a pattern; otherwise the kind of look-alike


def make_recordings(
    n_recordings: int = 100,
    *,
    n_samples: int | tuple[int, int] = 2000,
    n_channels: int = 1,
    n_classes: int = 2,
    segment_length: int = 40,
    share: float = 0.2,
    gap: int | None = None,
    noise: float = 0.2,
    variability: float = 1.0,
    random_state: Any = None,
) -> tuple[Any, Any]:
    """Make sensor recordings with recurring patterns, and the label of each sample.

    Each class has one pattern: a burst of ``class + 2`` alternating lobes that become faster. The length of a pattern
    (0.6 to 1.6 times `segment_length`), its amplitude and its warping in time vary between occurrences, and vary more
    between recordings, as between customers or patients: every recording has its own tempo, shape, gain, offset, drift,
    noise level, noise color and mix of look-alikes. A look-alike has the length and envelope of a pattern, but it is
    reversed in time, half a pattern, rectified, or a shape that occurs in this recording only. Look-alikes belong to
    the background. A few labeled recordings therefore represent the other recordings poorly. The classes are the same
    for every `random_state`.

    Parameters
    ----------
    n_recordings : int, default=100
        Number of recordings.
    n_samples : int or (int, int), default=2000
        Samples in each recording. For a pair ``(low, high)``, the number is drawn for each recording, bounds included,
        and lists are returned.
    n_channels : int, default=1
        Number of channels. All channels carry the same events and the same drift; each channel has its own gains and
        noise.
    n_classes : int, default=2
        Number of classes, including the background (0).
    segment_length : int, default=40
        Typical length of a pattern in samples, at least ``2.5 * (n_classes + 1)``: shorter patterns could not show
        their lobes.
    share : float, default=0.2
        Expected share of samples that patterns cover, in (0, 0.6]. The actual share varies more if there are fewer
        patterns.
    gap : int or None, default=None
        Samples between occurrences that follow each other, 0 or more: patterns then come in groups of one class, about
        six in a row, with pauses between the groups. With 0 they touch, which labels per sample can't show, so `y` is
        `sslts.Annotations`. None: pauses of random length between all occurrences.
    noise : float, default=0.2
        Typical standard deviation of the noise, relative to patterns of amplitude 1.
    variability : float, default=1.0
        How much recordings differ from one another, in [0, 1]. With 0 they differ only in their noise and in the times
        of their events.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None, default=None
        Seed or generator. The same integer gives identical arrays. NumPy's global state is neither read nor changed.

    Returns
    -------
    X : ndarray of shape (n_recordings, n_samples) or (n_recordings, n_channels, n_samples), or list, float32
        The signals. One channel has no channel axis. If `n_samples` is a pair, a list of ``(T_i,)`` or
        ``(n_channels, T_i)`` arrays.
    y : ndarray of shape (n_recordings, n_samples) or list of (T_i,), int64, or Annotations
        Class of each sample; with `gap`, every occurrence as a segment.

    Raises
    ------
    ValueError
        If an argument is out of range, or the patterns do not fit into the recordings.

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(20, n_samples=500, random_state=0)
    >>> X.shape, X.dtype, y.shape, y.dtype
    ((20, 500), dtype('float32'), (20, 500), dtype('int64'))
    >>> X, y = make_recordings(3, n_samples=(300, 500), n_channels=2, random_state=0)
    >>> all(x.shape == (2, len(labels)) for x, labels in zip(X, y))
    True

    Occurrences that touch:

    >>> X, y = make_recordings(20, n_samples=500, gap=0, random_state=0)
    >>> y
    Annotations(34 segments in 20 of 20 recordings, 19 of them touch the one before)
    """
    lengths = _check_arguments(
        n_recordings, n_samples, n_channels, n_classes, segment_length, share, noise, variability
    )
    if gap is not None:
        _check_integer("gap", gap, 0)
    rng = _make_generator(random_state)
    longest = int(lengths[1])
    events = _draw_events(rng, n_recordings, longest, n_classes, segment_length, share, variability, gap)
    content, y = _place_events(events, _draw_waveforms(rng, events, n_recordings, variability), n_recordings, longest)
    X = _record_channels(rng, content, n_channels, segment_length, noise, variability)
    if n_channels == 1:
        X = X[:, 0]
    if not isinstance(n_samples, tuple):
        return X, y if gap is None else _annotate(events, np.full(n_recordings, n_samples))
    stops = rng.integers(lengths[0], lengths[1] + 1, size=n_recordings)
    ragged = [(x[..., :stop].copy(), labels[:stop].copy()) for x, labels, stop in zip(X, y, stops, strict=True)]
    signals = [x for x, _ in ragged]
    return signals, [labels for _, labels in ragged] if gap is None else _annotate(events, stops)


def _annotate(events: _Events, lengths: np.ndarray) -> Any:
    """Return the patterns among the events, cut to recordings of these lengths, as annotations."""
    import pandas as pd

    from sslts.annotations import Annotations

    end = np.minimum(events.start + events.length, lengths[events.recording])
    start = np.maximum(events.start, 0)
    kept = (events.lookalike < 0) & (start < end)
    columns = {"recording": events.recording, "start": start, "end": end, "label": events.shape}
    table = pd.DataFrame({name: column[kept] for name, column in columns.items()})
    nothing = Annotations.from_labels([np.zeros(length, dtype=np.int64) for length in lengths])
    return nothing.replace_segments(table)


def _draw_events(
    rng: np.random.Generator,
    n_recordings: int,
    n_samples: int,
    n_classes: int,
    segment_length: int,
    share: float,
    variability: float,
    gap: int | None,
) -> _Events:
    """Return a random sequence of patterns, look-alikes and pauses in which patterns cover the expected ``share``."""
    column = (n_recordings, 1)
    length = segment_length * (1 + variability * rng.uniform(-0.25, 1 / 3, column))
    own_share = share * (1 + variability * (1 - share) * rng.uniform(-0.25, 0.25, column))
    lookalikes = (1 - share) * (0.4 + variability * rng.uniform(-0.2, 0.2, column))
    kinds = rng.dirichlet(np.full(_LOOKALIKES, 1 / (0.05 + variability)), n_recordings)
    if gap is not None:
        lookalikes = lookalikes / _GROUP
    pause = length * ((1 - lookalikes) / own_share - 1)

    # Start some cycles early, so that the first sample has the same distribution as any other sample.
    cycle = length + pause
    n_events = int(np.ceil(1.5 * (n_samples / cycle.min() + 3))) + 10
    table = (n_recordings, n_events)
    lengths = np.rint(length * rng.uniform(0.8, 1.2, table)).astype(np.int64)
    shortest = np.minimum(2.0, pause)
    pauses = np.rint(shortest + (pause - shortest) * rng.gamma(4, 1 / 4, table)).astype(np.int64).clip(min=1)
    begin = np.rint(-cycle * rng.uniform(2, 3, column)).astype(np.int64)

    shape = rng.integers(1, n_classes, table)
    kind = (rng.uniform(size=(*table, 1)) > np.cumsum(kinds, axis=1)[:, None, :-1]).sum(axis=-1)
    lookalike = np.where(rng.uniform(size=table) < lookalikes, kind, -1)
    if gap is not None:
        pauses, shape = _join_groups(rng, pauses, shape, lookalike, gap)
    starts = begin + np.cumsum(lengths + pauses, axis=1) - lengths
    recording = np.broadcast_to(np.arange(n_recordings)[:, None], table)
    inside = (starts < n_samples) & (starts + lengths > 0)
    return _Events(recording[inside], starts[inside], lengths[inside], shape[inside], lookalike[inside])


def _join_groups(
    rng: np.random.Generator, pauses: np.ndarray, shape: np.ndarray, lookalike: np.ndarray, gap: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pauses before events, and their classes, with patterns in groups of one class.

    The pauses inside a group are put before the group, so that patterns cover the same share as without groups.
    """
    follows = rng.uniform(size=pauses.shape) >= 1 / _GROUP
    follows[:, 1:] &= (lookalike[:, 1:] < 0) & (lookalike[:, :-1] < 0)
    follows[:, 0] = False
    group = np.cumsum(~follows, axis=1) - 1
    total = np.zeros(pauses.shape, dtype=np.int64)
    row = np.arange(len(pauses))[:, None]
    np.add.at(total, (row, group), pauses - gap)
    leading = np.take_along_axis(total, group, axis=1) + gap
    first = np.maximum.accumulate(np.where(follows, 0, np.arange(pauses.shape[1])), axis=1)
    return np.where(follows, gap, np.maximum(leading, 2)), np.take_along_axis(shape, first, axis=1)


def _draw_waveforms(rng: np.random.Generator, events: _Events, n_recordings: int, variability: float) -> np.ndarray:
    """Return the random signal of each event, ``(n_events, longest)``, zero after the end of the event.

    A pattern is ``envelope * sin(pi * lobes * u ** chirp)`` with overtones, over the event's time ``u`` in [0, 1].
    """

    def draw(low: float, high: float, within: float = 0.0) -> np.ndarray:
        # A parameter drawn for each recording; it varies by `within` between the events of a recording.
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

    phase = np.pi * lobes * u ** draw(1.3, 2.1, within=0.1)
    wave = np.sin(phase) + draw(-0.6, 0.6, within=0.05) * np.sin(2 * phase)
    wave = np.sign(wave) * np.abs(wave) ** draw(0.5, 1.5)
    wave = np.where(kind == 2, np.abs(wave), wave)
    wave = np.where(kind == 3, _draw_foreign_shapes(rng, n_recordings, u, events.recording), wave)
    tilt = 1 + draw(-0.6, 0.6, within=0.1) * np.cos(np.pi * u)
    edge = np.minimum(1, np.minimum(u, 1 - u) / draw(0.03, 0.25))
    amplitude = np.exp(0.2 * rng.standard_normal((len(u), 1)))
    return np.where(inside, amplitude * edge * tilt * (wave + draw(-0.8, 0.8, within=0.05)), 0.0)


def _draw_foreign_shapes(
    rng: np.random.Generator, n_recordings: int, u: np.ndarray, recording: np.ndarray
) -> np.ndarray:
    """Return, over the time ``u`` of each event, a shape specific to its recording: a sum of four sine waves."""
    height, phase = rng.standard_normal((n_recordings, 4)), rng.uniform(0, 2 * np.pi, (n_recordings, 4))
    height /= np.sqrt((height**2).sum(axis=1, keepdims=True))
    wave = np.zeros_like(u)
    for half_cycles in range(1, 5):
        entry = recording, half_cycles - 1
        wave += height[entry][:, None] * np.sin(np.pi * half_cycles * u + phase[entry][:, None])
    return 1.4 * wave


def _place_events(
    events: _Events, waveforms: np.ndarray, n_recordings: int, n_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal and the labels of all recordings, both ``(n_recordings, n_samples)``, from their events."""
    content = np.zeros((n_recordings, n_samples))
    y = np.zeros((n_recordings, n_samples), dtype=np.int64)
    step = np.arange(waveforms.shape[1])
    when = events.start[:, None] + step
    event, column = np.nonzero((step < events.length[:, None]) & (when >= 0) & (when < n_samples))
    place = events.recording[event], when[event, column]
    content[place] = waveforms[event, column]
    y[place] = np.where(events.lookalike < 0, events.shape, 0)[event]
    return content, y


def _record_channels(
    rng: np.random.Generator,
    content: np.ndarray,
    n_channels: int,
    segment_length: int,
    noise: float,
    variability: float,
) -> np.ndarray:
    """Return ``(n_recordings, n_channels, n_samples)``: the content with gain, offset, drift and noise per channel."""
    n_recordings, n_samples = content.shape
    each = (n_recordings, n_channels, 1)
    level = noise * np.exp(variability * rng.uniform(-0.7, 0.7, (n_recordings, 1, 1)))
    X = content[:, None, :] * np.exp(variability * rng.uniform(-0.4, 0.4, each))
    X += _draw_drift(rng, n_recordings, n_samples, segment_length)[:, None, :] * rng.uniform(0.5, 1.5, each)
    X += level * _draw_noise(rng, each[:2], n_samples, segment_length, variability)
    X += variability * 2 * rng.standard_normal(each)
    X *= np.exp(0.7 * variability * rng.standard_normal((n_recordings, 1, 1)))
    return X.astype(np.float32)


def _draw_drift(rng: np.random.Generator, n_recordings: int, n_samples: int, segment_length: int) -> np.ndarray:
    """Return baseline drift: the sum of three sine waves with periods of at least eight patterns."""
    drift = np.zeros((n_recordings, n_samples))
    for _ in range(3):
        period = segment_length * np.exp(rng.uniform(np.log(8), np.log(60), (n_recordings, 1)))
        phase = rng.uniform(0, 2 * np.pi, (n_recordings, 1))
        height = rng.uniform(0, 0.8, (n_recordings, 1))
        drift += height * np.sin(2 * np.pi * np.arange(n_samples) / period + phase)
    return drift


def _draw_noise(
    rng: np.random.Generator, shape: tuple[int, int], n_samples: int, segment_length: int, variability: float
) -> np.ndarray:
    """Return noise of unit variance: half of its power is white, half colored as ``1 / f ** color`` per recording."""
    color = 1 + variability * rng.uniform(-1, 1, (shape[0], 1, 1))
    # In cycles per pattern; the power is flat below a quarter cycle, because slower changes are drift.
    frequency = np.fft.rfftfreq(n_samples, d=1 / segment_length) + 0.25
    power = frequency**-color
    filtered = np.fft.irfft(
        np.fft.rfft(rng.standard_normal((*shape, n_samples))) * np.sqrt(power / power.mean(axis=-1, keepdims=True)),
        n=n_samples,
    )
    return np.sqrt(0.5) * (filtered + rng.standard_normal((*shape, n_samples)))


def _make_generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, Integral) and int(random_state) >= 0:
        return np.random.default_rng(int(random_state))
    raise ValueError(f"random_state={random_state!r}; give None, an integer >= 0, a numpy Generator or a RandomState.")


def _check_arguments(
    n_recordings: int,
    n_samples: int | tuple[int, int],
    n_channels: int,
    n_classes: int,
    segment_length: int,
    share: float,
    noise: float,
    variability: float,
) -> tuple[int, int]:
    """Raise ValueError for a wrong argument; return the shortest and the longest length of a recording."""
    _check_integer("n_recordings", n_recordings, 1)
    _check_integer("n_channels", n_channels, 1)
    _check_integer("n_classes", n_classes, 2)
    shortest = math.ceil(2.5 * (n_classes + 1))
    _check_integer("segment_length", segment_length, shortest, f" (2.5 * (n_classes + 1)) for n_classes={n_classes}")
    _check_real("share", share, math.ulp(0.0), 0.6, "in (0, 0.6]")
    _check_real("noise", noise, 0, np.finfo(float).max, ">= 0")
    _check_real("variability", variability, 0, 1, "in [0, 1]")
    pair = n_samples if isinstance(n_samples, tuple) else (n_samples, n_samples)
    if len(pair) != 2:
        raise ValueError(f"n_samples={n_samples!r}; give an integer or a pair (low, high).")
    for bound in pair:
        _check_integer("n_samples", bound, 1)
    if pair[0] > pair[1]:
        raise ValueError(f"n_samples={n_samples!r}; give (low, high) with low <= high.")
    if pair[0] < 1.6 * segment_length:
        raise ValueError(
            f"n_samples={n_samples!r} is shorter than the longest patterns, 1.6 * segment_length = "
            f"{1.6 * segment_length:g} samples; give a smaller segment_length or a larger n_samples."
        )
    return int(pair[0]), int(pair[1])


def _check_integer(name: str, value: Any, least: int, why: str = "") -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r}; give an integer >= {least}{why}.")


def _check_real(name: str, value: Any, least: float, most: float, wanted: str) -> None:
    if not isinstance(value, Real) or not least <= float(value) <= most:
        raise ValueError(f"{name}={value!r}; give a number {wanted}.")
