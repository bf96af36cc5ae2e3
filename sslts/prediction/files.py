"""The function `segment_files`: the segments of many files, as a table in parts, made by any executor."""

from __future__ import annotations

import dataclasses
import io
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import cpu_count

from sslts._fingerprints import describe_estimator
from sslts._notices import shorten, warn
from sslts._text import clean_text
from sslts.io import list_recordings
from sslts.persistence import Savable, load
from sslts.prediction._batches import Batch, Work, digest_bytes
from sslts.prediction._executing import run_here, run_in_processes, run_on
from sslts.prediction._folder import Run, digest_names, enter_folder, read_run, tidy_folder
from sslts.prediction._parts import RECORDINGS, SEGMENTS, Outcome, import_arrow, read_parts
from sslts.recordings import Recordings, as_recordings

_LARGEST = 256  # files of a part, unless the caller chooses
_PARTS = 64  # parts of a run over few files
_PENDING = 2000  # batches that an executor holds; paths are short
_PENDING_ARRAYS = 32  # batches of recordings in memory
_READING = (
    *("time", "channels", "sampling_rate", "max_gap", "resample", "timezone", "time_format", "separator", "decimal"),
    *("encoding", "key"),
)


@dataclass(frozen=True)
class SegmentedFiles:
    """The folder that `segment_files` wrote, and what it holds.

    Parameters
    ----------
    folder : pathlib.Path
    parts, skipped : int
        Number of parts, and of those that were complete before.
    files, recordings, failed, segments : int
        Number of files, of recordings in them, of files that failed, and of segments.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sslts.prediction import SegmentedFiles
    >>> print(SegmentedFiles(Path("found"), parts=2, files=100, recordings=99, failed=1, segments=1234))
    1,234 segments in 99 recordings of 100 files, 1 file failed; 2 parts in found, 0 of them from before
    """

    folder: Path
    parts: int = 0
    skipped: int = 0
    files: int = 0
    recordings: int = 0
    failed: int = 0
    segments: int = 0

    def __str__(self) -> str:
        failed = f", {self.failed:,} file{'s' * (self.failed != 1)} failed" if self.failed else ""
        return (
            f"{self.segments:,} segments in {self.recordings:,} recordings of {self.files:,} files{failed}; "
            f"{self.parts:,} parts in {clean_text(self.folder)}, {self.skipped:,} of them from before"
        )

    def add(self, outcome: Outcome) -> SegmentedFiles:
        """Return the counts with those of one more part."""
        names = ("files", "recordings", "failed", "segments", "skipped")
        more = {name: getattr(self, name) + getattr(outcome, name) for name in names}
        return dataclasses.replace(self, parts=self.parts + 1, **more)

    def read_segments(self) -> pd.DataFrame:
        """Return all segments in the folder; see `segment_files` for the columns."""
        return read_parts(self.folder, SEGMENTS)

    def read_recordings(self) -> pd.DataFrame:
        """Return all recordings in the folder, also those without a segment; see `segment_files` for the columns."""
        return read_parts(self.folder, RECORDINGS)

    def read_errors(self) -> pd.DataFrame:
        """Return the files that could not be read or segmented, with the columns ``file, error``."""
        listed = self.read_recordings()
        return listed.loc[listed["error"].notna(), ["file", "error"]].reset_index(drop=True)


def segment_files(
    model: Any,
    paths: Any,
    folder: str | os.PathLike[str],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    batch_size: int | None = None,
    share: tuple[int, int] | None = None,
    reading: Mapping[str, Any] | None = None,
    transformer: Any = None,
    objects: Any = None,
    device: str | None = None,
    replace: bool = False,
    retry: bool = False,
    progress: bool | None = None,
) -> SegmentedFiles:
    """Find the segments in many files, and write them as Parquet files, in parts.

    Each part holds the segments of a batch of files. A part is complete or absent, so a run that was stopped continues
    where it was: finished parts are skipped. The parts do not depend on the executor or on the number of workers: each
    computes on one thread, and the files are the same, byte for byte, on machines of one kind.

    Parameters
    ----------
    model : path, or fitted segmenter
        A file that ``segmenter.save`` wrote, or the segmenter. The folder gets a copy, which the workers read once.
    paths : path, pattern, sequence of paths, or recordings
        A folder or a pattern such as ``"data/*.csv"`` stands for its files; a sequence is taken as it is, so a path
        without a file is a file that failed. Workers read the files. Recordings, and arrays as in ``predict``, are sent
        to the workers: hand over paths if there are many.
    folder : path
        Made if it does not exist. All workers must see it, and the files, under the same path.
    executor : concurrent.futures.Executor or None, default=None
        Where batches are finished, such as ``client.get_executor()`` of dask. None: processes of this machine.
    workers : int or None, default=None
        Number of processes if `executor` is None. None: one for each core; 1: this process.
    batch_size : int or None, default=None
        Number of files in a part. None: that of the folder, or enough for 64 parts, at most 256.
    share : (int, int) or None, default=None
        ``(k, n)``: only the parts k, k + n, k + 2n and so on, as for job k of an array of n jobs. None: all.
    reading : dict or None, default=None
        Arguments of `read_recordings`, such as ``{"channels": ["hip"], "sampling_rate": 50}``. Each file is read by
        itself: files whose clocks follow one another are not joined.
    transformer : transformer or None, default=None
        Cloned, fitted on the recordings of each file and applied to them, such as ``FillGaps()``.
    objects, device
        See `sslts.load`.
    replace : bool, default=False
        Whether the parts of a folder that belong to another model, other options or other files are made anew; False
        raises an error.
    retry : bool, default=False
        Whether finished parts with files that failed are made anew, as after a failure of the network. A file that was
        changed since is tried again in any case.
    progress : bool or None, default=None
        Whether to show a bar; None shows it in a terminal.

    Returns
    -------
    SegmentedFiles
        The counts of this run, or of its share. Its methods read the tables.

    Warns
    -----
    UserWarning
        If files failed: they could not be read, have other channels or another rate, or hold invalid values.

    Raises
    ------
    ValueError
        If the folder belongs to another run, or an argument is invalid. Nothing is written.
    PersistenceError
        If the model can't be loaded.
    OSError
        If a part can't be written, as on a full disk, or the model or the folder can't be opened.
    ImportError
        If pyarrow, or the library of a format, is missing.
    RuntimeError
        If workers were killed over a part again and again; all other parts are finished.

    Notes
    -----
    The folder holds ``segments/`` and ``recordings/``, each with subfolders of at most a thousand parts, which
    ``pandas.read_parquet(folder / "segments")`` reads as one table, ``model.sslts``, and ``run.json``, which says what
    the parts belong to.

    ``segments`` has one row for each segment: ``recording`` (the path of the file as it was passed, with ``#2`` and so
    on if it holds several), ``start, end, length`` (samples), ``label`` (text), ``score``, ``start_time, end_time,
    duration`` (seconds), ``start_clock, end_clock`` (in UTC where ``time_zone`` names a zone), ``n_samples`` of the
    recording, and ``model``, the fingerprint of the model. What is unknown is null.

    ``recordings`` has one row for each recording, or for a file that failed: ``recording, file, n_samples,
    sampling_rate, start_clock, time_zone, segments`` (their number), ``error``, ``input`` and ``model``.

    ``input`` is the fingerprint of a file: its size and its time of change, of all files of a folder such as zarr, of
    header and data of a WFDB record; of arrays, the digest of their values. A part is made anew if the fingerprint of
    one of its files changed. A file whose content changes while size and time stay is not noticed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.prediction import segment_files
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> segmenter = WindowFeatureSegmenter(random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for i, x in enumerate(X):
    ...         np.save(Path(place, f"night {i}.npy"), x)
    ...     found = segment_files(segmenter, f"{place}/*.npy", Path(place, "found"), workers=1, batch_size=4)
    ...     again = segment_files(segmenter, f"{place}/*.npy", Path(place, "found"), workers=1)
    ...     table = found.read_segments()
    >>> found.parts, found.recordings, found.segments == len(table), again.skipped
    (2, 8, True, 2)
    """
    import_arrow()
    inputs, names = _list_inputs(paths, reading)
    place = Path(os.path.abspath(os.path.expanduser(os.fsdecode(folder))))
    content = _read_content(model, objects, device)
    options = {"reading": repr(_check_reading(reading)), "transformer": _describe_transformer(transformer)}
    before = read_run(place)
    size = _choose_size(batch_size, None if replace else before, len(names))
    run = Run(digest_bytes(content), options, size, len(names), digest_names(names))
    first, step = _check_share(share)
    numbers = range(first, run.n_parts, step)
    n_workers = min(_count_workers(workers), max(len(numbers), 1))
    enter_folder(place, run, names, content, replaced=replace)
    work = Work(
        *(str(place), run.model, run.digest, os.getcwd(), dict(reading or {}), transformer, objects, device, retry),
        token=secrets.token_hex(8),
    )

    def list_batches() -> Iterator[Batch]:
        for number in numbers:
            yield Batch(number, _cut(inputs, number * size, (number + 1) * size))

    pending = _PENDING_ARRAYS if isinstance(inputs, Recordings) else _PENDING
    outcomes: Iterable[Outcome]
    if executor is not None:
        outcomes = run_on(executor, work, list_batches(), pending)
    else:
        one = n_workers == 1
        outcomes = run_here(work, list_batches()) if one else run_in_processes(work, list_batches, n_workers)
    return _gather(outcomes, place, min(len(names), len(numbers) * size), progress)


def _gather(outcomes: Iterable[Outcome], folder: Path, total: int, progress: bool | None) -> SegmentedFiles:
    """Return the counts of all parts, with a bar while they are made, and warn of files that failed."""
    from tqdm.auto import tqdm  # installed with skorch

    found = SegmentedFiles(folder)
    with tqdm(total=total, desc="segment", unit="file", disable=None if progress is None else not progress) as bar:
        for outcome in outcomes:
            found = found.add(outcome)
            bar.update(outcome.files)
    tidy_folder(folder)
    if found.failed:
        warn(
            f"{found.failed:,} of {found.files:,} files failed; read_errors() of the result, or the rows of "
            f"{clean_text(folder / RECORDINGS)} with an error, say why. Pass retry=True to try them again."
        )
    return found


def _list_inputs(given: Any, reading: Mapping[str, Any] | None) -> tuple[list[str] | Recordings, list[str]]:
    """Return paths, each once, or recordings with names; and the names."""
    if isinstance(given, (str, os.PathLike)):
        paths = list_recordings(given)
        return paths, paths
    if isinstance(given, (list, tuple)) and all(isinstance(one, (str, os.PathLike)) for one in given):
        if not given:
            raise ValueError("paths is an empty list; give a path, a folder or a pattern such as 'data/*.csv'.")
        paths = list(dict.fromkeys(os.fsdecode(one) for one in given))
        return paths, paths
    if reading:
        raise ValueError("reading says how files are read, and paths holds recordings; leave it out.")
    recordings = as_recordings(given, name="paths")
    names = [str(i) for i in range(len(recordings))] if recordings.names is None else [*map(str, recordings.names)]
    return _name(recordings, names), names


def _name(recordings: Recordings, names: list[str]) -> Recordings:
    return dataclasses.replace(recordings, names=tuple(names), index=None, instances=None)


def _cut(inputs: list[str] | Recordings, start: int, stop: int) -> tuple[str, ...] | Recordings:
    """Return the inputs of a batch."""
    if isinstance(inputs, Recordings):
        kept = range(start, min(stop, len(inputs)))
        return dataclasses.replace(inputs.select(kept), sources=[_detach(inputs, i) for i in kept])
    return tuple(inputs[start:stop])


def _detach(recordings: Recordings, i: int) -> Any:
    """Return a source that is pickled by itself: rows and memory-maps would take their whole array along."""
    source = recordings.sources[i]
    by_itself = recordings.container != "array" and not isinstance(source, np.ndarray)
    return source if by_itself and recordings.is_lazy(i) else recordings.get(i)


def _read_content(model: Any, objects: Any, device: str | None) -> bytes:
    """Return the bytes of a model file that can be loaded."""
    if isinstance(model, (str, os.PathLike)):
        load(model, objects=objects, device=device)  # raises here, not in each worker
        return Path(model).read_bytes()
    if not isinstance(model, Savable):
        raise TypeError(
            f"model is a {type(model).__name__}; pass a fitted segmenter or the path of its file. The steps before it "
            "in a pipeline go into transformer."
        )
    buffer = io.BytesIO()
    model.save(buffer)
    return buffer.getvalue()


def _check_reading(reading: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments of the reader, sorted; raise ValueError if one is unknown."""
    unknown = [name for name in reading or {} if name not in _READING]
    if unknown:
        raise ValueError(f"reading has the argument {shorten(unknown[0])}; known are {', '.join(_READING)}.")
    return {name: value for name, value in sorted((reading or {}).items()) if value is not None}


def _describe_transformer(transformer: Any) -> str:
    if transformer is None:
        return "None"
    if not hasattr(transformer, "fit_transform") or isinstance(transformer, type):
        raise TypeError(f"transformer={shorten(transformer)}; pass a transformer, such as FillGaps().")
    return describe_estimator(transformer)


def _choose_size(batch_size: int | None, found: Run | None, n: int) -> int:
    """Return the number of files in a part."""
    if batch_size is None:
        return found.batch_size if found is not None else min(max(-(-n // _PARTS), 1), _LARGEST)
    return _check_count(batch_size, "batch_size")


def _count_workers(workers: int | None) -> int:
    return cpu_count() if workers is None else _check_count(workers, "workers")


def _check_count(value: Any, name: str) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}={shorten(value)}; give a whole number, 1 or more.")
    return int(value)


def _check_share(share: Any) -> tuple[int, int]:
    """Return the first part and the step to the next; raise ValueError if the share is none."""
    if share is None:
        return 0, 1
    k, n = share if isinstance(share, (tuple, list)) and len(share) == 2 else (None, None)
    if not (isinstance(k, Integral) and isinstance(n, Integral) and 0 <= int(k) < int(n)):
        raise ValueError(f"share={shorten(share)}; give (k, n), job k of n jobs, numbered from 0.")
    return int(k), int(n)
