"""The functions `read_annotations` and `read_segments`: files of annotations as `Annotations` and as a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.annotations import Annotations
from sslts.io import _edf, _tables, _wfdb_annotations
from sslts.io._annotation_tables import read_label_table
from sslts.io._audacity import read_track
from sslts.io._edf_annotations import read_edf_annotations
from sslts.io._epochs import read_epochs
from sslts.io._files import Failures, OnError, find_suffix, list_files, read_each
from sslts.io._label_studio import read_tasks
from sslts.io._labels import TABLE_FORMATS, LabelOptions, Labels, Unit
from sslts.io._places import Placer, check_apart, is_one
from sslts.io._praat import read_textgrid
from sslts.io._signals import SignalOptions
from sslts.io._wfdb_annotations import read_wfdb_annotations
from sslts.recordings import as_recordings

_FORMATS: dict[str, Callable[[Path, LabelOptions], Labels]] = {
    "table": read_label_table,
    "audacity": read_track,
    "praat": read_textgrid,
    "wfdb": read_wfdb_annotations,
    "edf": read_edf_annotations,
    "epochs": read_epochs,
}
_SUFFIXES = {
    **dict.fromkeys(_tables.SUFFIXES, "table"),
    ".json": "label_studio",
    ".txt": "audacity",
    ".textgrid": "praat",
    **dict.fromkeys(_wfdb_annotations.SUFFIXES, "wfdb"),
    **dict.fromkeys(_edf.SUFFIXES, "edf"),
}
_EXTRAS = ("score", "origin", "lead_time")


def read_annotations(
    path: Any,
    recordings: Any,
    *,
    looked_at: Any = None,
    format: str | None = None,
    unit: Unit | None = None,
    columns: Mapping[str, str | None] | None = None,
    recording: str | None = None,
    sampling_rate: float | None = None,
    timezone: Any = None,
    time_format: str | None = None,
    epoch: float | None = None,
    tier: str | None = None,
    unlabeled: str = "unlabeled",
    clip: bool = False,
    background: int | None = 0,
    class_names: Mapping[int, str] | None = None,
    separator: str | None = None,
    decimal: str = ".",
    encoding: str = "utf-8",
    key: Any = None,
    on_error: OnError = "raise",
    progress: bool | None = None,
) -> Annotations:
    r"""Read files of annotations for recordings.

    Formats are tables (CSV, TSV, Parquet, Excel; a row for each segment), Label Studio (JSON), label tracks of Audacity
    (``.txt``), TextGrid files of Praat, annotations of WFDB, EDF+ and BDF+, and one label for each epoch.

    Parameters
    ----------
    path : path or sequence of paths
        A file, a folder, a pattern, or a list of them. A file that names no recordings belongs to the recording of its
        own name, or to the only recording.
    recordings : array-like
        The recordings that the labels are about, as `read_recordings` returns them, or in any container that `fit`
        takes. A recording is found by its name, also with a folder or a suffix.
    looked_at : sequence of recordings, pandas.DataFrame, or None, default=None
        What was looked at, as in `Annotations.from_table`: recordings as a whole, or stretches with the columns
        ``recording, start, end`` in samples. None takes what the files say: the recordings that a table names,
        recordings with a track, tasks with a submitted annotation, the epochs.
    format : {"table", "label_studio", "audacity", "praat", "wfdb", "edf", "epochs"} or None, default=None
        Format of the files; None takes it from the suffix. ``"csv"`` and the like are tables too.
    unit : {"samples", "seconds", "clock"} or None, default=None
        Unit of start and end in tables. None takes dates as clock times, whole numbers as samples, other numbers as
        seconds; the name of a column, such as ``start_time`` or ``start_s``, may say seconds.
    columns : dict or None, default=None
        Columns of a table, such as ``{"recording": "file", "start": "from", "end": "to", "label": "event"}``. Columns
        with usual names need not be given. None as a value means that there is no such column.
    recording : str or None, default=None
        The recording of files that name none.
    sampling_rate : float or None, default=None
        Samples per second; None takes the rate of the recordings.
    timezone : str, tzinfo or None, default=None
        Time zone of clock times without one.
    time_format : str or None, default=None
        Format of clock times as in ``strptime``; None reads ISO dates.
    epoch : float or None, default=None
        Seconds of an epoch, such as 30, for files with a label for each epoch. The samples after the last epoch are
        unlabeled.
    tier : str or None, default=None
        The tier of a TextGrid; None if it has one tier of intervals.
    unlabeled : str, default="unlabeled"
        The label of regions in which nothing is known; their samples become -1.
    clip : bool, default=False
        Whether to cut segments that go beyond their recording; otherwise they are refused.
    background : int or None, default=0
        The class of samples that were looked at and lie in no segment; None: they are unlabeled.
    class_names : dict of int to str, or None, default=None
        The word of each class; None numbers the words in their order from 1.
    separator, decimal, encoding, key, on_error, progress
        As in `read_recordings`.

    Returns
    -------
    Annotations

    Raises
    ------
    ValueError
        If a row does not fit its recording, or files cannot be read; the message names file, row and fix.
    FileNotFoundError
        If a path or pattern names no file.
    ImportError
        If the library for a format is missing; the message names the extra to install.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sslts import Recordings
    >>> from sslts.io import read_annotations
    >>> recordings = Recordings.from_arrays(np.zeros((2, 500)), names=["monday", "tuesday"], sampling_rate=100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_text("file,start_s,end_s,event\nmonday.csv,0.5,1.25,step\n")
    ...     annotations = read_annotations(path, recordings)
    >>> annotations.table
      recording  start  end label
    0    monday     50  125  step
    """
    text = SignalOptions(time_format=time_format, separator=separator, decimal=decimal, encoding=encoding, key=key)
    options = LabelOptions(
        unit=unit,
        columns=columns,
        recording=recording,
        epoch=epoch,
        tier=tier,
        timezone=timezone,
        unlabeled=unlabeled,
        clip=clip,
        table=text,
    )
    placer = _make_placer(recordings, sampling_rate)
    found = _read(path, placer, options, format, on_error, progress)
    stretches = found.looked_at if looked_at is None else _read_looked_at(looked_at, placer)
    seen = pd.DataFrame(_subtract(stretches, found.unlabeled), columns=["recording", "start", "end"])
    table = _name_recordings(found.table[["recording", "start", "end", "label"]], placer)
    seen = _name_recordings(seen, placer)
    return Annotations.from_table(table, placer.recordings, seen, background=background, class_names=class_names)


def read_segments(
    path: Any,
    recordings: Any,
    *,
    format: str | None = None,
    unit: Unit | None = None,
    columns: Mapping[str, str | None] | None = None,
    recording: str | None = None,
    sampling_rate: float | None = None,
    timezone: Any = None,
    time_format: str | None = None,
    unlabeled: str = "unlabeled",
    clip: bool = False,
    on_error: OnError = "raise",
    progress: bool | None = None,
) -> pd.DataFrame:
    r"""Read the segments in files of annotations as a table, with what `Annotations` does not hold.

    Parameters
    ----------
    path, recordings, format, unit, columns, recording, sampling_rate, timezone, time_format, unlabeled, clip
        As in `read_annotations`.
    on_error, progress
        As in `read_recordings`.

    Returns
    -------
    pandas.DataFrame
        ``recording, start, end, label`` in samples, and as far as the file holds them ``score``, ``origin`` (of a
        region of Label Studio: ``"manual"``, ``"prediction"``, ``"prediction-changed"``) and ``lead_time`` (seconds
        that its task took).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sslts import Recordings
    >>> from sslts.io import read_segments
    >>> recordings = Recordings.from_arrays(np.zeros((1, 500)), names=["monday"], sampling_rate=100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_text("start,end,label,score\n50,125,step,0.75\n")
    ...     read_segments(path, recordings)
      recording  start  end label  score
    0    monday     50  125  step   0.75
    """
    text = SignalOptions(time_format=time_format)
    options = LabelOptions(
        unit=unit,
        columns=columns,
        recording=recording,
        timezone=timezone,
        unlabeled=unlabeled,
        clip=clip,
        table=text,
    )
    placer = _make_placer(recordings, sampling_rate)
    table = _name_recordings(_read(path, placer, options, format, on_error, progress).table, placer)
    extras = [column for column in _EXTRAS if column in table and table[column].notna().any()]
    return table[["recording", "start", "end", "label", *extras]]


def _make_placer(recordings: Any, sampling_rate: float | None) -> Placer:
    seen = as_recordings(recordings, name="recordings")
    own = seen.sampling_rate
    if sampling_rate is not None and own is not None and abs(sampling_rate / own - 1) > 1e-9:
        raise ValueError(f"sampling_rate={sampling_rate:g}, and the recordings have {own:g}; leave sampling_rate out.")
    return Placer(seen, own if sampling_rate is None else float(sampling_rate))


def _name_recordings(table: pd.DataFrame, placer: Placer) -> pd.DataFrame:
    """Return a table with the names of recordings in place of their positions, if they have names."""
    seen = placer.recordings
    names = seen.names if seen.names is not None else seen.instances
    return table if names is None else table.assign(recording=[names[i] for i in table["recording"]])


@dataclass(frozen=True, eq=False)
class _Found:
    """Segments, and stretches (m, 3) of recording, start and end: those looked at, and those left unlabeled."""

    table: pd.DataFrame
    looked_at: np.ndarray
    unlabeled: np.ndarray


def _read(
    path: Any, placer: Placer, options: LabelOptions, format: str | None, on_error: OnError, progress: bool | None
) -> _Found:
    """Return the segments of all files, placed on the recordings."""
    failures = Failures(on_error)
    paths = list_files(path, _SUFFIXES, "path")

    def read(i: int) -> tuple[Labels, pd.DataFrame, np.ndarray]:
        labels = _read_file(paths[i], placer, options, format)
        table = placer.place(labels, options)
        return labels, table, placer.find_stretches(labels, table, options)

    read_files = read_each(paths, read, failures, progress, "read labels")
    failures.report(len(read_files))
    sources = [labels for labels, _, _ in read_files]
    tables = [table.assign(source=i, place=np.arange(len(table))) for i, (_, table, _) in enumerate(read_files)]
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0].reset_index(drop=True)
    table = table.assign(label=_read_words(table, sources))
    check_apart(sources, table, placer.names)
    gone = np.array([label == -1 or str(label).lower() == options.unlabeled.lower() for label in table["label"]], bool)
    unlabeled = table.loc[gone, ["recording", "start", "end"]].to_numpy(dtype=np.int64)
    kept = table[~gone].sort_values(["recording", "start"], kind="stable", ignore_index=True)
    return _Found(kept, np.concatenate([stretches for _, _, stretches in read_files]), unlabeled)


def _read_file(path: Path, placer: Placer, options: LabelOptions, format: str | None) -> Labels:
    """Return the labels in a file, in the format that the user says, or that its suffix says."""
    known = sorted({*_FORMATS, "label_studio"})
    format = "table" if format in TABLE_FORMATS else format
    if format is not None and format not in known:
        raise ValueError(f"format={shorten(format)}; give one of {', '.join(known)}.")
    chosen = format or ("epochs" if options.epoch is not None else _SUFFIXES.get(find_suffix(path)))
    if chosen is None and os.path.exists(path.with_suffix(".hea")):
        chosen = "wfdb"
    if chosen is None:
        raise ValueError(f"{path}: the suffix {path.suffix!r} is unknown; pass format, one of {', '.join(known)}.")
    if chosen == "epochs" and options.epoch is None:
        raise ValueError("format='epochs' needs epoch, the seconds of an epoch; pass epoch=30.")
    return read_tasks(path, options, placer) if chosen == "label_studio" else _FORMATS[chosen](path, options)


def _read_words(table: pd.DataFrame, sources: Sequence[Labels]) -> list[Any]:
    """Return the labels: integers if all are whole numbers, else words."""
    labels = table["label"].tolist()
    for k, label in enumerate(labels):
        if label is None or label != label or str(label).strip() == "":
            where = sources[table["source"].iloc[k]].name_row(int(table["place"].iloc[k]))
            raise ValueError(f"{where}: the label is missing; write one, or remove the row.")
    numbers = pd.to_numeric(pd.Series(labels, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    if len(labels) and np.isfinite(numbers).all() and (numbers == np.round(numbers)).all():
        return [int(number) for number in numbers]
    return [str(label).strip() for label in labels]


def _read_looked_at(looked_at: Any, placer: Placer) -> np.ndarray:
    """Return stretches (m, 3) of recordings that the user names."""
    table = looked_at
    if not isinstance(looked_at, pd.DataFrame):
        if isinstance(looked_at, str):
            raise ValueError(f"looked_at={shorten(looked_at)}; give a list of recordings, or a table of stretches.")
        table = pd.DataFrame({"recording": pd.Series(list(looked_at), dtype=object), "start": 0, "end": -1})
    rows = []
    for name, start, end in table[["recording", "start", "end"]].itertuples(index=False):
        number = not isinstance(name, str) and placer.recordings.names is None
        known = number and 0 <= int(name) < len(placer.names)
        found = [placer.get_whole(int(name))] if known else placer.find(name)
        if not is_one(found):
            raise ValueError(f"looked_at names {name!r}; give one of the recordings {shorten(placer.names)}.")
        rows += [place.intersect(int(start), int(end)) for place in found]
    return np.array([row for row in rows if row[1] < row[2]], dtype=np.int64).reshape(-1, 3)


def _subtract(stretches: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Return the stretches (m, 3) without the samples of others.

    Examples
    --------
    >>> _subtract(np.array([[0, 0, 10]]), np.array([[0, 2, 4], [0, 8, 10]]))
    array([[0, 0, 2],
           [0, 4, 8]])
    """
    kept = []
    for recording, start, end in stretches.tolist():
        at = start
        for _, first, last in sorted(gone[gone[:, 0] == recording].tolist()):
            if first > at:
                kept.append((recording, at, min(first, end)))
            at = max(at, last)
            if at >= end:
                break
        if at < end:
            kept.append((recording, at, end))
    return np.array([row for row in kept if row[1] < row[2]], dtype=np.int64).reshape(-1, 3)
