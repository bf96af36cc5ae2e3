"""What a worker does: it reads a batch of files, finds their segments, and writes them as a part."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sslts._fingerprints import fingerprint
from sslts._text import clean_text
from sslts.io import read_recordings
from sslts.persistence import load
from sslts.prediction._parts import RECORDINGS, SEGMENTS, Outcome, Part
from sslts.recordings import Recordings

MODEL = "model.sslts"  # in the folder of a run
_TOGETHER = 1 << 22  # values of all recordings that are predicted together, unless one recording has more
_Tables = tuple[pd.DataFrame, pd.DataFrame]  # of segments, and of recordings
_NEAR = 0.02  # relative; rates of clocks differ a little
_LOADED = threading.local()  # the model of each thread: a fitted net is not for two threads at once


class Input(NamedTuple):
    """A file of a batch, or one recording: its position, name and fingerprint; its recordings, or why there are none.

    The names of the recordings are apart, because tables are made by numbers.
    """

    position: int
    name: str
    fingerprint: str
    recordings: Recordings | None
    error: str | None = None


class Batch(NamedTuple):
    """The inputs of a part: paths, or recordings."""

    number: int
    inputs: tuple[str, ...] | Recordings


@dataclass(frozen=True)
class Work:
    """What all batches of a run share; it is sent with each batch, and the model stays in the folder.

    Parameters
    ----------
    folder : str
        The folder of the run, which also holds the model.
    model : str
        Fingerprint of the model file.
    run : str
        Digest of the model and of all options that change a part.
    home : str
        The folder that relative paths begin at.
    reading : dict
        Arguments of `read_recordings`.
    transformer : transformer or None
        Cloned and applied to the recordings of each file.
    objects, device
        See `load`.
    retry : bool
        Whether parts with files that failed are made anew.
    token : str
        Differs between runs, so that an executor does not answer with what it remembers of an earlier run.
    """

    folder: str
    model: str
    run: str
    home: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    transformer: Any = None
    objects: Any = None
    device: str | None = None
    retry: bool = False
    token: str = ""


def finish_batch(work: Work, batch: Batch) -> Outcome:
    """Write the part of a batch, unless it is complete, and return its outcome.

    Errors of a file become a row. Raise OSError if the part can't be written or the folder can't be seen from here,
    ImportError if the library of a format is missing, and PersistenceError if the model can't be loaded.
    """
    part = Part(work.folder, batch.number)
    names, prints = _identify(work, batch.inputs)
    mark = _digest(work.run, *names, *prints)
    outcome = part.read_outcome(mark)
    if outcome is not None and not (work.retry and outcome.failed):
        return outcome
    with _one_thread():
        segmenter = read_model(work)
        groups = _group(_read_each(work, batch.inputs, names, prints))
        pairs = [pair for group in groups for pair in _segment_group(segmenter, group)]
    segments, recordings = (_join(tables).assign(model=work.model) for tables in zip(*pairs, strict=True))
    failed = int(recordings["error"].notna().sum())
    outcome = Outcome(batch.number, len(names), len(recordings) - failed, failed, len(segments))
    part.write({SEGMENTS: segments, RECORDINGS: recordings}, outcome, mark)
    return outcome


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread, as many workers do beside each other; the same bits everywhere."""
    before = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def digest_bytes(data: bytes) -> str:
    """Return the fingerprint of a model file: 12 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()[:12]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def read_model(work: Work) -> Any:
    """Return the model of a run; it is loaded once in each thread of each process."""
    key = work.folder, work.model, work.device
    if getattr(_LOADED, "key", None) != key:
        path = Path(work.folder, MODEL)
        data = path.read_bytes()
        if digest_bytes(data) != work.model:
            raise ValueError(f"{clean_text(path)} has been replaced by another model; run again, in another folder.")
        _LOADED.segmenter = load(io.BytesIO(data), objects=work.objects, device=work.device).set_params(verbose=0)
        _LOADED.key = key
    return _LOADED.segmenter


def _identify(work: Work, inputs: Any) -> tuple[list[str], list[str]]:
    """Return the names and the fingerprints of the inputs."""
    if not isinstance(inputs, Recordings):
        return list(inputs), [identify_file(os.path.join(work.home, path)) for path in inputs]
    facts = inputs.channel_names, inputs.sampling_rate
    starts = inputs.starts or (None,) * len(inputs)
    prints = [fingerprint(inputs.get(i), repr((*facts, starts[i]))) for i in range(len(inputs))]
    return list(inputs.names or ()), prints


def identify_file(path: str) -> str:
    """Return sizes and times of change of a file, of all files in a folder, or of the two files of a WFDB record."""
    suffix = Path(path).suffix.lower()
    if os.path.isdir(path):
        inside = sorted(os.path.join(root, name) for root, _, names in os.walk(path) for name in names)
        return _digest(*(f"{os.path.relpath(one, path)} {_measure(one)}" for one in inside))[:12]
    if suffix in ("", ".hea"):
        stem = path.removesuffix(".hea")
        return " ".join(_measure(one) for one in (path, f"{stem}.hea", f"{stem}.dat"))
    return _measure(path)


def _measure(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return "missing"
    return f"{found.st_size}-{found.st_mtime_ns}"


def _read_each(work: Work, inputs: Any, names: Sequence[str], prints: Sequence[str]) -> Iterator[Input]:
    """Yield each input with its recordings, or with the error of reading it."""
    for i, (name, own) in enumerate(zip(names, prints, strict=True)):
        try:
            if isinstance(inputs, Recordings):
                found = inputs.select([i])
            else:
                path = os.path.join(work.home, name)
                found = _rename(read_recordings([path], progress=False, **work.reading), name)
            if work.transformer is not None:
                found = clone(work.transformer).fit_transform(found)
            yield Input(i, name, own, found)
        except ImportError:  # no fault of the file
            raise
        except Exception as error:  # libraries raise errors of many types for a broken file
            yield Input(i, name, own, None, _describe_error(error))


def _describe_error(error: Exception) -> str:
    return f"{type(error).__name__}: {clean_text(error)}"


def _rename(recordings: Recordings, path: str) -> Recordings:
    """Return the recordings of a file with its path in place of its name, which is its stem; ``name#2`` is kept."""
    names = recordings.names or ()
    stem = Path(path).name
    while not all(name.startswith(stem) for name in names):
        stem = stem.rpartition(".")[0]
    return replace(recordings, names=tuple(path + name.removeprefix(stem) for name in names))


def _group(inputs: Iterator[Input]) -> Iterator[list[Input]]:
    """Yield consecutive inputs that are segmented together: alike, and not too large."""
    group: list[Input] = []
    size = 0
    for one in inputs:
        values = 0 if one.recordings is None else int(one.recordings.lengths.sum()) * one.recordings.n_channels
        if group and (size + values > _TOGETHER or _describe(one) != _describe(group[0])):
            yield group
            group, size = [], 0
        group.append(one)
        size += values
    if group:
        yield group


def _describe(one: Input) -> Any:
    """Return what inputs must share to be segmented together; None if one can't be read."""
    found = one.recordings
    return found and (found.n_channels, found.channel_names, found.sampling_rate, found.missing)


def _segment_group(segmenter: Any, group: Sequence[Input]) -> list[_Tables]:
    """Return the tables of inputs; if one of them fails, segment each by itself."""
    if group[0].recordings is None:
        return [(_join([]), _list_failed(group))]
    try:
        return [_segment(segmenter, group, [one.recordings for one in group if one.recordings is not None])]
    except ImportError:
        raise
    except Exception as error:  # networks and sources on disk raise errors of many types
        if len(group) == 1:
            return [(_join([]), _list_failed([group[0]._replace(error=_describe_error(error))]))]
        return [pair for one in group for pair in _segment_group(segmenter, [one])]


def _list_failed(group: Sequence[Input]) -> pd.DataFrame:
    """Return the rows of inputs that could not be read or segmented."""
    rows = [(one.name, one.name, one.error, one.fingerprint) for one in group]
    return pd.DataFrame(rows, columns=["recording", "file", "error", "input"])


def _segment(segmenter: Any, group: Sequence[Input], read: Sequence[Recordings]) -> _Tables:
    """Return the table of the segments of inputs, and the table of their recordings."""
    recordings = _join_recordings(read)
    _check_rate(recordings.sampling_rate, segmenter)
    names = np.array([name for one in read for name in one.names or ()], dtype=object)
    found = segmenter.predict_segments(recordings)
    at = found["recording"].to_numpy()
    starts = recordings.starts or (None,) * len(recordings)
    zones = np.array([None if start is None or start.tz is None else str(start.tz) for start in starts], dtype=object)
    segments = found.assign(
        recording=names[at],
        label=found["label"].map(str),
        n_samples=recordings.lengths[at],
        time_zone=zones[at],
        **{name: _drop_zone(found[name]) for name in ("start_clock", "end_clock") if name in found},
    )
    file_of = [one for one, some in zip(group, read, strict=True) for _ in range(len(some))]
    listed = {
        "recording": names,
        "file": [one.name for one in file_of],
        "n_samples": recordings.lengths,
        "sampling_rate": recordings.sampling_rate,
        "start_clock": _drop_zone(pd.Series(starts, dtype=object)),
        "time_zone": zones,
        "segments": np.bincount(at, minlength=len(recordings)),
        "error": None,
        "input": [one.fingerprint for one in file_of],
    }
    return segments, pd.DataFrame(listed)


def _join_recordings(read: Sequence[Recordings]) -> Recordings:
    """Return the recordings of several inputs as one collection, numbered."""
    starts = [start for one in read for start in one.starts or (None,) * len(one)]
    return replace(
        read[0].select([]),  # without what belongs to a container
        sources=[source for one in read for source in one.sources],
        lengths=np.concatenate([one.lengths for one in read]),
        container="list",
        starts=tuple(starts) if any(start is not None for start in starts) else None,
        names=None,
        times=None,
        files=None,
    )


def _check_rate(rate: float | None, segmenter: Any) -> None:
    """Raise ValueError if recordings have another rate than those on which a segmenter was fitted."""
    own = getattr(segmenter, "sampling_rate", None)
    if rate is not None and own is not None and abs(rate / own - 1) > _NEAR:
        raise ValueError(
            f"the file has {rate:g} samples per second, and the model was fitted with {own:g}; pass "
            f"reading={{'sampling_rate': {own:g}, 'resample': True}}."
        )


def _drop_zone(clocks: pd.Series) -> pd.Series:
    """Return clock times with a zone in UTC, and those without as they are."""
    return pd.to_datetime(clocks, utc=True).dt.tz_localize(None).astype("datetime64[ns]")


def _join(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of tables, of which some may be empty or lack a column."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
