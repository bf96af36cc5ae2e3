"""The options that say how files of signals are read, and the reading itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np

from sslts import io
from sslts.preprocessing import FillGaps
from sslts.recordings import Recordings

_OPTIONS = (
    click.option("--time", metavar="COLUMN", help="Column of times in tables; found by its usual names if left out."),
    click.option("--channels", metavar="NAMES", help="Channels to read, separated by commas; all if left out."),
    click.option("--sampling-rate", type=float, metavar="HZ", help="Samples per second, if the files do not say it."),
    click.option("--max-gap", metavar="LENGTH", help="Longest pause in a recording, such as 10s; a longer one cuts."),
    click.option("--timezone", metavar="ZONE", help="Time zone of clocks without one, such as Europe/Berlin."),
    click.option("--resample", is_flag=True, help="Resample files of another rate; refused otherwise."),
    click.option(
        "--skip-broken", is_flag=True, help="Leave files out that can't be read, and name them; an error otherwise."
    ),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return the command with the options that `read_files` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_files(
    patterns: Sequence[str],
    *,
    time: str | None,
    channels: str | None,
    sampling_rate: float | None,
    max_gap: str | None,
    timezone: str | None,
    resample: bool,
    skip_broken: bool,
) -> Recordings:
    """Return the recordings of files; gaps inside a recording are filled by straight lines."""
    recordings = io.read_recordings(
        list(patterns),
        time=time,
        channels=None if channels is None else [name.strip() for name in channels.split(",")],
        sampling_rate=sampling_rate,
        max_gap=max_gap,
        timezone=timezone,
        resample=resample,
        on_error="warn" if skip_broken else "raise",
    )
    if not _has_gaps(recordings):
        return recordings
    filled: Recordings = FillGaps().fit_transform(recordings)
    return filled


def _has_gaps(recordings: Recordings) -> bool:
    """Return whether a recording in memory has a missing value."""
    return any(not recordings.is_lazy(i) and not np.isfinite(recordings.get(i)).all() for i in range(len(recordings)))


def describe_recordings(recordings: Recordings) -> str:
    """Return how many recordings there are, and how long they are."""
    n, samples = len(recordings), int(recordings.lengths.sum())
    rate = recordings.sampling_rate
    length = f"{samples:,} samples" if rate is None else f"{samples / rate / 3600:,.2f} h"
    return f"{n:,} recording{'s' * (n != 1)}, {length}"
