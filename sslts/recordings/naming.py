"""Names, rate and clock of recordings: given by the user, or found in the container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.recordings._clocks import check_sampling_rate, describe_different_rates
from sslts.recordings.recordings import Recordings


def name_recordings(
    recordings: Recordings,
    names: Sequence[str] | None,
    channel_names: Sequence[Any] | None,
    sampling_rate: float | None,
    starts: Sequence[Any] | None,
) -> Recordings:
    """Return the recordings with names, channel names, sampling rate and clock times; see `Recordings.from_arrays`.

    Examples
    --------
    >>> from sslts.recordings import as_recordings
    >>> name_recordings(as_recordings(np.zeros((2, 5))), ["a", "b"], None, 10.0, None).names
    ('a', 'b')
    """
    n = len(recordings)
    if names is None:
        names = recordings.names or find_names(recordings)
    if channel_names is None:
        channel_names = recordings.channel_names
    elif len(channel_names) != recordings.n_channels:
        raise ValueError(
            f"channel_names has {len(channel_names)} names, X has {recordings.n_channels} channels; give one for each."
        )
    if sampling_rate is not None:
        check_sampling_rate(sampling_rate)
    clocks = [None] * n if recordings.times is None else list(recordings.times)
    known = [None if starts is None else _read_start(start, i) for i, start in enumerate(_check(starts, "starts", n))]
    found = [start if start is not None else _find_start(clock) for start, clock in zip(known, clocks, strict=True)]
    _check_zones(found, names)
    return replace(
        recordings,
        names=None if names is None else _check_names(names, n),
        channel_names=None if channel_names is None else tuple(channel_names),
        sampling_rate=sampling_rate or recordings.sampling_rate or _find_rate(clocks),
        starts=tuple(found) if any(start is not None for start in found) else recordings.starts,
    )


def _check(values: Sequence[Any] | None, argument: str, n: int) -> Sequence[Any]:
    """Return one value per recording; raise ValueError if there are more or fewer."""
    if values is None:
        return [None] * n
    if len(values) != n:
        raise ValueError(f"{argument} has {len(values)} entries, X has {n} recordings; give one for each.")
    return values


def _check_names(names: Sequence[Any], n: int) -> tuple[str, ...]:
    """Return the names; raise ValueError if one is no text or occurs twice."""
    if isinstance(names, str):
        raise ValueError(f"names={shorten(names)}; give a list with a name for each recording.")
    first: dict[str, int] = {}
    for i, name in enumerate(_check(names, "names", n)):
        if not isinstance(name, str) or not name:
            raise ValueError(f"names[{i}] is {shorten(name)}; give a text that is not empty.")
        if first.setdefault(name, i) != i:
            raise ValueError(f"names[{i}] is {name!r}, as is names[{first[name]}]; give each recording its own name.")
    return tuple(first)


def find_names(recordings: Recordings) -> list[str] | None:
    """Return the names in a pandas index of text, if they differ; None for an index of numbers.

    Examples
    --------
    >>> from sslts.recordings import as_recordings
    >>> [find_names(as_recordings(pd.DataFrame(np.zeros((2, 5)), index=index))) for index in (["a", "b"], [7, 8])]
    [['a', 'b'], None]
    """
    instances = recordings.instances
    if instances is None or instances.nlevels > 1 or not all(isinstance(name, str) and name for name in instances):
        return None
    return instances.tolist() if instances.is_unique else None


def _read_start(start: Any, i: int) -> pd.Timestamp | None:
    if isinstance(start, Real) and not np.isnan(float(start)):  # pandas would count nanoseconds since 1970
        raise ValueError(f"starts[{i}] is {shorten(start)}; give a date with a time, or None.")
    try:
        found = pd.Timestamp(start)
    except (TypeError, ValueError) as error:
        raise ValueError(f"starts[{i}] is {shorten(start)}; give a date with a time, or None.") from error
    return None if found is pd.NaT else found


def _check_zones(starts: Sequence[pd.Timestamp | None], names: Sequence[Any] | None) -> None:
    """Raise ValueError if some recordings begin at times with a time zone, and others at times without one."""
    known = [(i, start) for i, start in enumerate(starts) if start is not None]
    zones = [start.tzinfo is not None for _, start in known]
    if any(zones) and not all(zones):
        (i, aware), (j, naive) = known[zones.index(True)], known[zones.index(False)]
        which, other = (k if names is None else repr(names[k]) for k in (i, j))
        raise ValueError(
            f"recording {which} begins at {aware}, with a time zone, recording {other} at {naive}, without one; give "
            f"all recordings a time zone, such as pd.Timestamp(start).tz_localize({str(aware.tzinfo)!r}), or none."
        )


def _find_start(clock: pd.Index | None) -> pd.Timestamp | None:
    if isinstance(clock, pd.PeriodIndex):
        clock = clock.to_timestamp()
    return clock[0] if isinstance(clock, pd.DatetimeIndex) and len(clock) and clock[0] is not pd.NaT else None


def _find_rate(clocks: Sequence[pd.Index | None]) -> float | None:
    """Return the samples per second of clocks, if they agree; None if there is no clock.

    Raise ValueError if two clocks clearly differ.
    """
    if (found := describe_different_rates(clocks)) is not None:
        raise ValueError(
            f"{found}: recordings have one sampling rate. Resample them first, such as "
            "recording.resample('100ms').mean(), or pass the rate that all of them have as sampling_rate."
        )
    steps = []
    for i, clock in enumerate(clocks):
        if i and clock is clocks[i - 1]:
            continue
        if not isinstance(clock, (pd.DatetimeIndex, pd.TimedeltaIndex)) or len(clock) < 2:
            return None
        steps.append(float(np.median(np.diff(clock.to_numpy()) / np.timedelta64(1, "s"))))
    if not steps or min(steps) <= 0 or max(steps) > 1.001 * min(steps):
        return None
    return 1 / float(np.median(steps))
