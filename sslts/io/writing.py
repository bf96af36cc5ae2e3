"""The function `write_annotations`: segments for annotation tools and other programs."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._files import check_place, replace_file
from sslts._notices import shorten
from sslts.annotations import Annotations
from sslts.io._audacity import format_track
from sslts.io._files import find_suffix, require
from sslts.io._label_studio import format_tasks
from sslts.io._labels import TABLE_FORMATS, UNITS, Unit
from sslts.io._places import list_names
from sslts.io._wfdb_annotations import SUFFIXES as WFDB_SUFFIXES
from sslts.io._wfdb_annotations import format_wfdb
from sslts.recordings import Recordings, adopt, as_recordings, check_kind

_FORMATS = ("csv", "tsv", "parquet", "excel", "label_studio", "audacity", "wfdb")
_BY_SUFFIX = {
    **{suffix: name for name, suffix in TABLE_FORMATS.items()},
    ".pq": "parquet",
    ".json": "label_studio",
    ".txt": "audacity",
    **dict.fromkeys(WFDB_SUFFIXES, "wfdb"),
}
_EMPTY = pd.DataFrame({"recording": [], "start": [], "end": [], "label": [], "score": np.array([], dtype=float)})
_BOUNDS = {"samples": ("start", "end"), "seconds": ("start_time", "end_time"), "clock": ("start_clock", "end_clock")}


def write_annotations(
    table: pd.DataFrame | Annotations | None,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    recordings: Any = None,
    unit: Unit | None = None,
    sampling_rate: float | None = None,
    unlabeled: str = "unlabeled",
    model_version: str = "sslts",
    stretches: pd.DataFrame | None = None,
) -> None:
    r"""Write segments for an annotation tool or another program; an existing file is replaced.

    A table with a column ``score``, such as that of `predict_segments`, becomes predictions in Label Studio; a table
    without scores, and `Annotations`, become submitted annotations. Label Studio gets the signals too if ``recordings``
    are passed: in tasks of at most 100,000 points, with null for gaps.

    Parameters
    ----------
    table : pandas.DataFrame, Annotations or None
        Segments: ``recording``, ``start`` and ``end`` in samples, ``label``, and perhaps ``score``. With
        `Annotations`, stretches that were not looked at become segments with the label ``unlabeled``. None: there is no
        segment yet, as in tasks for the first labels.
    path : path
        The file. For several recordings in Audacity's or WFDB's format, a folder that gets a file for each recording.
    format : {"csv", "tsv", "parquet", "excel", "label_studio", "audacity", "wfdb"} or None, default=None
        None takes it from the suffix: ``.json`` is Label Studio, ``.txt`` is Audacity, ``.atr`` is WFDB.
    recordings : array-like, default=None
        The recordings that the segments are about. Recordings without segments get an empty track or task.
    unit : {"samples", "seconds", "clock"} or None, default=None
        Unit of tables and of Label Studio, which has no clock. None: samples in tables, and in Label Studio seconds if
        the sampling rate is known.
    sampling_rate : float or None, default=None
        Samples per second; None takes the rate of the recordings.
    unlabeled : str, default="unlabeled"
        The label of stretches that were not looked at.
    model_version : str, default="sslts"
        The name of the model that Label Studio shows beside predictions.
    stretches : pandas.DataFrame, default=None
        ``recording, start, end``, such as the table of `sslts.labeling.suggest_stretches`: Label Studio gets a task for
        each row, in this order, in place of one for each recording. Needs ``recordings``. None: all recordings.

    Raises
    ------
    ValueError
        If a column is missing, the format is unknown, or a sampling rate is needed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from sslts.io import write_annotations
    >>> table = pd.DataFrame({"recording": ["monday"], "start": [50], "end": [125], "label": ["step"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "monday.txt"
    ...     write_annotations(table, path, sampling_rate=100)
    ...     path.read_text()
    '0.500000\t1.250000\tstep\n'
    """
    chosen = _choose_format(Path(path), format)
    if table is None:
        if recordings is None:
            raise ValueError("table is None; pass recordings, so that they become tasks or tracks without segments.")
        table = _EMPTY
    if unit is not None and unit not in UNITS:
        raise ValueError(f"unit={shorten(unit)}; give 'samples', 'seconds' or 'clock'.")
    if stretches is not None and (chosen != "label_studio" or recordings is None):
        raise ValueError("stretches makes tasks of Label Studio; pass recordings, and format='label_studio'.")
    content = _collect(table, recordings, sampling_rate, unlabeled, whole=chosen in TABLE_FORMATS)
    if chosen in TABLE_FORMATS:
        _write_table(content, path, chosen, unit or "samples")
    elif chosen == "label_studio":
        _write_tasks(content, path, unit, model_version, _number_stretches(stretches, content))
    else:
        _write_each(content, Path(path), chosen)


def _choose_format(path: Path, format: str | None) -> str:
    suffix = find_suffix(path)
    chosen = _BY_SUFFIX.get(suffix) if format is None else format
    if chosen not in _FORMATS:
        given = f"format={shorten(format)}" if format else f"the suffix {suffix!r} of path"
        raise ValueError(f"{given} is unknown; give format, one of {', '.join(_FORMATS)}.")
    return chosen


@dataclass(frozen=True, eq=False)
class _Content:
    """What is written: segments with names and words, the names of all recordings, and what is known of them."""

    table: pd.DataFrame
    names: list[str]
    recordings: Recordings | None
    lengths: list[int | None]
    sampling_rate: float | None
    predicted: bool
    looked_at: set[str] | None

    def get_rate(self) -> float:
        """Return the samples per second; raise if they are unknown."""
        if self.sampling_rate is None:
            raise ValueError("this format is in seconds, and the sampling rate is unknown; pass sampling_rate.")
        return self.sampling_rate


def _collect(table: Any, recordings: Any, rate: float | None, unlabeled: str, *, whole: bool) -> _Content:
    """Return what is to be written.

    With ``whole``, recordings that were looked at and hold no segment get a row of background, so that the rows alone
    say what was looked at.
    """
    seen = None if recordings is None else as_recordings(recordings, name="recordings")
    names = None if seen is None else list_names(seen)
    lengths: list[int | None] = [] if seen is None else [int(n) for n in seen.lengths]
    looked_at = None
    if isinstance(table, Annotations):
        names = list(map(str, table.names)) if table.names is not None else names or list(map(str, range(len(table))))
        lengths = [int(n) for n in table.runs.lengths]
        keys = table.looked_at["recording"]
        looked_at = {names[int(key)] for key in keys} if table.names is None else set(map(str, keys))
        table = _tabulate(table, unlabeled, whole)
    rows = _check_table(table)
    keys = rows["recording"]
    if names is None:
        names = list(dict.fromkeys(map(str, keys)))
    elif not all(isinstance(key, str) for key in keys):
        rows = rows.assign(recording=[key if isinstance(key, str) else names[int(key)] for key in keys])
    rows = rows.assign(recording=rows["recording"].astype(str))
    _check_names(rows["recording"], names)
    own = None if seen is None else seen.sampling_rate
    return _Content(
        rows, names, seen, lengths or [None] * len(names), rate or own, "score" in rows.columns, looked_at
    )  # fmt: skip


def _tabulate(annotations: Annotations, unlabeled: str, whole: bool) -> pd.DataFrame:
    """Return the segments of annotations, and the stretches that were not looked at, as one table."""
    table, seen = annotations.table, annotations.looked_at
    names = annotations.names
    keys = list(range(len(annotations))) if names is None else list(names)
    stretches: dict[Any, list[tuple[int, int]]] = {key: [] for key in keys}
    for key, start, end in seen[["recording", "start", "end"]].itertuples(index=False):
        stretches[key].append((start, end))
    gone, background = _name_unlabeled(annotations, unlabeled), _name_background(annotations)
    segmented = set(table["recording"])
    rows: list[tuple[Any, int, int, Any]] = []
    for key, length in zip(keys, annotations.runs.lengths.tolist(), strict=True):
        cuts = [0, *(at for stretch in stretches[key] for at in stretch), length]
        rows += [(key, a, b, gone) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if a < b]
        if whole and key not in segmented and annotations.background is not None:
            rows += [(key, a, b, background) for a, b in stretches[key]]
    others = pd.DataFrame(rows, columns=["recording", "start", "end", "label"])
    kept = [part for part in (table, others) if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else table


def _name_unlabeled(annotations: Annotations, unlabeled: str) -> Any:
    return -1 if annotations.class_names is None else unlabeled


def _name_background(annotations: Annotations) -> Any:
    background = annotations.background
    return background if annotations.class_names is None else annotations.class_names.get(background or 0, "background")


def _check_table(table: Any) -> pd.DataFrame:
    check_kind(table, "table")
    found = adopt(table)
    if not isinstance(found, pd.DataFrame):
        raise TypeError(f"table is a {type(table).__name__}; pass a table of segments, or Annotations.")
    missing = [column for column in ("recording", "start", "end", "label") if column not in found.columns]
    if missing:
        raise ValueError(f"table has no column {missing[0]!r}; pass recording, start, end and label.")
    return found.reset_index(drop=True)


def _check_names(given: pd.Series, names: list[str]) -> None:
    unknown = np.flatnonzero(~given.isin(names).to_numpy())
    if unknown.size:
        row = int(unknown[0])
        raise ValueError(
            f"table row {row}: there is no recording {given.iloc[row]!r}; the names are {shorten(names)}. Pass the "
            "recordings that the table is about."
        )


def _write_table(content: _Content, path: Any, format: str, unit: Unit) -> None:
    table = content.table
    if unit != "samples":
        first, second = _BOUNDS[unit]
        table = table.drop(
            columns=[c for c in table.columns if c in sum(_BOUNDS.values(), ()) and c not in ("start", "end")]
        )
        bounds = {name: _convert(content, table, column, unit) for name, column in ((first, "start"), (second, "end"))}
        others = [c for c in table.columns if c not in ("recording", "start", "end", "length", "duration")]
        table = pd.DataFrame({"recording": table["recording"], **bounds, **{c: table[c] for c in others}})
    replace_file(check_place(path), _format_table(table, format))


def _convert(content: _Content, table: pd.DataFrame, column: str, unit: Unit) -> Any:
    """Return the starts or ends in seconds, or as clock times."""
    rate = content.get_rate()
    seconds = table[column].to_numpy(np.float64) / rate
    if unit == "seconds":
        return seconds
    starts = None if content.recordings is None else content.recordings.starts
    if starts is None:
        raise ValueError("unit='clock' needs the clocks of the recordings; pass recordings that were read with times.")
    by_name = {name: start for name, start in zip(content.names, starts, strict=True) if start is not None}
    unknown = [name for name in table["recording"] if name not in by_name]
    if unknown:
        raise ValueError(f"unit='clock': the recording {unknown[0]!r} has no clock; pass unit='seconds'.")
    parts = zip(table["recording"], seconds, strict=True)
    return [(by_name[name] + pd.Timedelta(round(s * 1e9), unit="ns")).isoformat() for name, s in parts]


def _format_table(table: pd.DataFrame, format: str) -> bytes:
    buffer = io.BytesIO()
    if format == "parquet":
        require("pyarrow", "parquet", "writing Parquet")
        mixed = len(set(map(type, table["label"]))) > 1
        table.assign(label=table["label"].astype(str) if mixed else table["label"]).to_parquet(buffer, index=False)
    elif format == "excel":
        require("openpyxl", "excel", "writing Excel")
        aware = [c for c in table if isinstance(table[c].dtype, pd.DatetimeTZDtype)]  # Excel has no time zones
        table.assign(**{str(c): table[c].astype(str) for c in aware}).to_excel(buffer, index=False)
    else:
        table.to_csv(buffer, index=False, sep="\t" if format == "tsv" else ",")
    return buffer.getvalue()


def _number_stretches(stretches: pd.DataFrame | None, content: _Content) -> list[tuple[int, int, int]] | None:
    """Return stretches by the number of their recording."""
    if stretches is None:
        return None
    known = {name: i for i, name in enumerate(content.names)}
    missing = [column for column in ("recording", "start", "end") if column not in stretches]
    if missing:
        raise ValueError(f"stretches has no column {missing[0]!r}; pass recording, start and end.")
    rows = []
    for k, (key, start, end) in enumerate(stretches[["recording", "start", "end"]].itertuples(index=False, name=None)):
        i = known.get(key, -1) if isinstance(key, str) else int(key)
        length = content.lengths[i] if 0 <= i < len(known) else None
        if length is None or not 0 <= start < end <= length:
            raise ValueError(
                f"stretches row {k} (recording {key!r}, [{start}, {end})) lies in no recording; pass the recordings "
                "for which the stretches were suggested."
            )
        rows.append((i, int(start), int(end)))
    return rows


def _write_tasks(
    content: _Content,
    path: Any,
    unit: Unit | None,
    model_version: str,
    stretches: list[tuple[int, int, int]] | None,
) -> None:
    if unit == "clock":
        raise ValueError("unit='clock': Label Studio takes numbers on the time axis; pass unit='seconds' or 'samples'.")
    rate = None if unit == "samples" else content.get_rate() if unit == "seconds" else content.sampling_rate
    place = check_place(path)
    tasks = format_tasks(
        content.table,
        content.names,
        content.lengths,
        None if content.recordings is None else _make_reader(content.recordings),
        rate=rate,
        predicted=content.predicted,
        looked_at=content.looked_at,
        model_version=model_version,
        stretches=stretches,
    )
    replace_file(place, tasks)


def _make_reader(recordings: Recordings) -> Callable[[int, int, int], dict[str, np.ndarray]]:
    """Return a function that reads a stretch of a recording by its channels."""
    names = recordings.channel_names or [f"channel_{k}" for k in range(recordings.n_channels)]

    def read(i: int, start: int, stop: int) -> dict[str, np.ndarray]:
        values = recordings.read(i, start, stop, missing=True, exact=True)
        return {str(name): x for name, x in zip(names, values, strict=True)}

    return read


def _write_each(content: _Content, path: Path, format: str) -> None:
    """Write one file for each recording; ``path`` is the file of a single recording, else a folder."""
    suffix = ".txt" if format == "audacity" else ".atr"
    single = bool(path.suffix) and not path.is_dir()
    named = list(dict.fromkeys(content.table["recording"]))
    names = named if single and len(named) == 1 else content.names
    if single and len(names) != 1:
        raise ValueError(
            f"path={str(path)!r} is one file, and the table has {len(names)} recordings; pass a folder, and "
            f"format={format!r}."
        )
    if not single:
        path.mkdir(exist_ok=True)
    for name in names:
        own = content.table[content.table["recording"] == name].sort_values(["start", "end"])
        text = (
            format_track(own, content.get_rate()) if format == "audacity" else format_wfdb(own, content.sampling_rate)
        )
        target = path if single else _find_target(path, name, suffix)
        replace_file(check_place(target), text)


def _find_target(folder: Path, name: str, suffix: str) -> Path:
    """Return the file of a recording in a folder; raise if its name leads out of the folder."""
    target = folder / f"{name}{suffix}"
    if not target.resolve().is_relative_to(folder.resolve()) or name.endswith("/"):
        raise ValueError(f"the name {name!r} leads out of {str(folder)!r}; rename the recording.")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
