"""The options that say how files of signals are read, and the reading itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np

from sslts import io
from sslts.annotations import Annotations
from sslts.preprocessing import FillGaps
from sslts.recordings import Recordings

_SIGNALS = (
    click.option("--time", metavar="COLUMN", help="Column of times in tables; found by its usual names if left out."),
    click.option("--no-time", is_flag=True, help="Take no column as times; give --sampling-rate."),
    click.option("--time-format", metavar="FORMAT", help="Format of dates, such as '%d.%m.%Y %H:%M'; ISO if left out."),
    click.option("--timezone", metavar="ZONE", help="Time zone of clocks without one, such as Europe/Berlin."),
    click.option("--channels", metavar="NAMES", help="Channels to read, separated by commas; all if left out."),
    click.option("--sampling-rate", type=float, metavar="HZ", help="Samples per second, if the files do not say it."),
    click.option("--resample", is_flag=True, help="Resample files of another rate; refused otherwise."),
    click.option("--max-gap", metavar="LENGTH", help="Longest pause in a recording, such as 10s; a longer one cuts."),
    click.option("--apart", is_flag=True, help="Keep files apart whose clocks follow one another; joined otherwise."),
    click.option("--separator", help="Separator of text tables; found if left out."),
    click.option("--decimal", default=".", show_default=True, help="Decimal mark of text tables."),
    click.option("--encoding", default="utf-8", show_default=True, help="Encoding of text tables."),
    click.option("--key", help="Sheet of Excel files, array of NPZ, HDF5 and zarr."),
    click.option(
        "--skip-broken", is_flag=True, help="Leave files out that can't be read, and name them; an error otherwise."
    ),
)
_LABELS = (
    click.option("--column", "columns", multiple=True, metavar="ROLE=NAME", help=(
        "Column of a table of annotations, such as start=from; roles are recording, start, end, label. May be repeated."
    )),
    click.option("--recording", metavar="NAME", help="The recording of annotations that name none."),
    click.option("--epoch", type=float, metavar="SECONDS", help="Annotations are one label for each so many seconds."),
    click.option("--tier", metavar="NAME", help="Tier of TextGrid files."),
)  # fmt: skip
_NEAR = 0.02  # relative; rates of clocks differ a little
_SHARED = ("timezone", "time_format", "decimal", "encoding")  # of signals and annotations


class FillFound(FillGaps):
    """Fill gaps by straight lines where a recording in memory has some; return other recordings as they are."""

    def fit_transform(self, X: Recordings, y: Any = None) -> Recordings:
        """Return the recordings without gaps."""
        filled: Recordings = super().fit_transform(X, y) if _has_gaps(X) else X
        return filled


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return the command with the options that `read_files` takes."""
    for option in reversed(_SIGNALS):
        command = option(command)
    return command


def label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return the command with the options that `read_labeled` takes."""
    for option in reversed(_LABELS):
        command = option(command)
    return reading_options(command)


def name_options(
    *,
    channels: str | None = None,
    no_time: bool = False,
    time: str | None = None,
    apart: bool = False,  # noqa: ARG001
    **options: Any,
) -> dict[str, Any]:
    """Return the options of a command as arguments of `read_recordings`, for each file by itself."""
    named = None if channels is None else [name.strip() for name in channels.split(",")]
    return {"time": False if no_time else time, "channels": named, **options}


def read_files(
    patterns: Sequence[str], *, apart: bool = False, skip_broken: bool = False, **options: Any
) -> Recordings:
    """Return the recordings of files; gaps inside a recording are filled by straight lines."""
    on_error: Any = "warn" if skip_broken else "raise"
    recordings = io.read_recordings(list(patterns), join=not apart, on_error=on_error, **name_options(**options))
    return FillFound().fit_transform(recordings)


def read_labeled(
    patterns: Sequence[str],
    annotations: Sequence[str],
    *,
    columns: Sequence[str],
    recording: str | None,
    epoch: float | None,
    tier: str | None,
    **reading: Any,
) -> tuple[Recordings, Annotations | None]:
    """Return the recordings of files, and the annotations of them; None if there is no file of annotations."""
    recordings = read_files(patterns, **reading)
    if not annotations:
        return recordings, None
    found = io.read_annotations(
        list(annotations),
        recordings,
        columns=_read_columns(columns),
        recording=recording,
        epoch=epoch,
        tier=tier,
        on_error="warn" if reading["skip_broken"] else "raise",
        **{name: reading[name] for name in _SHARED},
    )
    return recordings, found


def _read_columns(given: Sequence[str]) -> dict[str, str | None]:
    """Return the columns that are given as texts such as ``start=from``; nothing after ``=`` is no column."""
    broken = [text for text in given if "=" not in text]
    if broken:
        raise click.UsageError(f"--column {broken[0]}: write the role and the name, such as --column start=from.")
    pairs = (text.split("=", 1) for text in given)
    return {role.strip(): name or None for role, name in pairs}


def _has_gaps(recordings: Recordings) -> bool:
    """Return whether a recording in memory has a missing value."""
    return any(not recordings.is_lazy(i) and not np.isfinite(recordings.get(i)).all() for i in range(len(recordings)))


def check_rate(recordings: Recordings, segmenter: Any) -> None:
    """Raise if the files have another rate than those on which a segmenter was fitted."""
    rate, own = recordings.sampling_rate, getattr(segmenter, "sampling_rate", None)
    if rate is not None and own is not None and abs(rate / own - 1) > _NEAR:
        raise ValueError(
            f"the files have {rate:g} samples per second, and the model was fitted with {own:g}; add --sampling-rate "
            f"{own:g} --resample."
        )


def describe_recordings(recordings: Recordings) -> str:
    """Return how many recordings there are, and how long they are."""
    n, samples = len(recordings), int(recordings.lengths.sum())
    rate = recordings.sampling_rate
    length = f"{samples:,} samples" if rate is None else f"{samples / rate / 3600:,.2f} h"
    return f"{n:,} recording{'s' * (n != 1)}, {length}"
