"""The Lobachevsky University Electrocardiography Database (LUDB), read from PhysioNet's own WFDB files."""

from collections.abc import Sequence
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sslts.datasets._download import fetch_ludb

_CLASS_NAMES = ("background", "P", "QRS", "T")
_CLASS_OF_PEAK = {"p": 1, "N": 2, "t": 3}
_PROTOCOLS = ("masked", "semisegecg")


class LUDB(NamedTuple):
    """What `load_ludb` returns; it unpacks as ``X, y, groups, class_names``.

    Attributes
    ----------
    X : ndarray of shape (n_recordings, n_samples), float32
        The signals in millivolt, one lead of one patient per row: all leads of the first patient, then the next.
    y : ndarray of shape (n_recordings, n_samples), int64
        The class of each sample, -1 where it is unknown.
    groups : ndarray of shape (n_recordings,), int64
        The patient that each row belongs to (the number of the database's record). Split by it, never by row.
    class_names : tuple of str
        The name of each class: ``("background", "P", "QRS", "T")``.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.datasets import LUDB
    >>> X, y, groups, names = LUDB(np.zeros((1, 4)), np.zeros((1, 4), int), np.array([1]), ("background", "P"))
    >>> names[1]
    'P'
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    class_names: tuple[str, ...]


def load_ludb(
    path: str | PathLike[str] | None = None,
    *,
    leads: str | Sequence[str] = "all",
    sampling_rate: float = 250,
    protocol: str = "masked",
    bandpass: tuple[float, float] | None = (0.67, 40.0),
    records: Sequence[int] | None = None,
) -> LUDB:
    """Load the electrocardiograms of LUDB with the P waves, QRS complexes and T waves that cardiologists marked.

    200 patients, 12 leads each, 10 s at 500 Hz; each lead was annotated on its own, and each is one recording here.
    Only the middle of a recording is annotated: what lies before the first and after the last marked wave is unknown.

    The database is the work of A. I. Kalyakulina, I. I. Yusipov, V. A. Moskalenko, A. V. Nikolskiy, K. A. Kosonogov,
    G. V. Osipov, N. Yu. Zolotykh and M. V. Ivanchenko [1]_ [2]_, published by PhysioNet [3]_ under the Open Data
    Commons Attribution License v1.0: who uses it names its authors.

    Parameters
    ----------
    path : str or path-like, default=None
        PhysioNet's folder of LUDB 1.0.1, or the folder ``data`` in it. Without it, the files are downloaded once
        into the user's cache (about 2,800 small files; the environment variable ``SSLTS_DATA_DIR`` names another
        place) and checked against PhysioNet's SHA-256 sums.
    leads : "all" or sequence of str, default="all"
        The leads to load, in this order, such as ``["i", "ii", "v5"]``; ``"all"`` takes those in the header's order.
    sampling_rate : float, default=250
        Samples per second of what is returned. The signal is resampled by a polyphase filter, the labels by nearest
        neighbour.
    protocol : {"masked", "semisegecg"}, default="masked"
        What becomes of the stretches that nobody annotated. ``"masked"`` labels them -1: unknown, which is the
        truth. ``"semisegecg"`` labels them background and, outside the annotated span, holds the signal at the
        span's edge value; it makes for easy background, and for numbers comparable with published ones [4]_.
    bandpass : (float, float) or None, default=(0.67, 40.0)
        Corner frequencies in hertz of the band-pass applied after resampling (Butterworth, order 5, zero phase).
        None leaves the signal as it is.
    records : sequence of int, default=None
        The numbers of the records (patients) to load, in this order; all of them without it.

    Returns
    -------
    LUDB
        A named tuple ``(X, y, groups, class_names)``: signals in millivolt ``(n, T)`` float32, labels ``(n, T)``
        int64, patients ``(n,)`` int64, and the names of the classes. ``n`` is records times leads.

    Raises
    ------
    ValueError
        If an argument is out of its range, or names a record or lead that the folder lacks.
    FileNotFoundError
        If `path` holds no WFDB records, or an annotation file is missing.
    ImportError
        If wfdb, or pooch for the download, isn't installed: ``pip install "sslts[datasets]"``.
    OSError
        If the download fails.

    Notes
    -----
    A wave runs from its onset to its offset, both included. Where a QRS complex has no onset mark before its peak
    (121 in 26 leads) it starts at the peak. Between the clean waves on either side of garbled marks (five leads) the
    truth is unknown.

    References
    ----------
    .. [1] A. I. Kalyakulina et al., "LUDB: A New Open-Access Validation Tool for Electrocardiogram Delineation
       Algorithms", IEEE Access 8, 186181-186190, 2020. doi:10.1109/ACCESS.2020.3029211
    .. [2] A. Kalyakulina et al., "Lobachevsky University Electrocardiography Database" (version 1.0.1), PhysioNet,
       2021. doi:10.13026/eegm-h675
    .. [3] A. L. Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation 101 (23), e215-e220, 2000.
    .. [4] "SemiSegECG", CIKM 2025.

    Examples
    --------
    >>> from sslts.datasets import load_ludb
    >>> X, y, groups, class_names = load_ludb("ludb-1.0.1", leads=["ii"])  # doctest: +SKIP
    >>> X.shape, class_names  # doctest: +SKIP
    ((200, 2500), ('background', 'P', 'QRS', 'T'))
    """
    if protocol not in _PROTOCOLS:
        raise ValueError(f"protocol must be one of {_PROTOCOLS}, got {protocol!r}")
    _check_rates(sampling_rate, bandpass)
    if isinstance(leads, str) and leads != "all":
        raise ValueError(f'leads must be "all" or a sequence of names such as [{leads!r}], got {leads!r}')
    wfdb = _import_wfdb()
    folder = _data_folder(fetch_ludb(records, leads) if path is None else Path(path))
    numbers = _record_numbers(folder, records)

    X, y = [], []
    for number in numbers:
        x, labels = _read_record(wfdb, folder / str(number), leads)
        x, labels = _resample(x, labels, Fraction(float(sampling_rate)).limit_denominator(1000) / 500)
        if bandpass is not None:
            x = _filter(x, bandpass, sampling_rate)
        if protocol == "semisegecg":
            x, labels = _hold_outside(x, labels)
        X.append(x.astype(np.float32))
        y.append(labels)
    lengths = {x.shape[-1] for x in X}
    if len(lengths) > 1:
        raise ValueError(f"the records in {folder} differ in length ({sorted(lengths)}): this isn't LUDB")
    return LUDB(np.concatenate(X), np.concatenate(y), np.repeat(numbers, [len(x) for x in X]), _CLASS_NAMES)


def _read_record(wfdb: Any, stem: Path, leads: str | Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read one record as it lies on disk: signals ``(leads, T)`` in millivolt, and their labels."""
    record = wfdb.rdrecord(str(stem))
    if record.fs != 500:
        raise ValueError(f"record {stem.name} has {record.fs} samples per second, LUDB has 500: {stem}.hea isn't its")
    names = list(record.sig_name) if isinstance(leads, str) else [str(lead).lower() for lead in leads]
    missing = [name for name in names if name not in record.sig_name]
    if missing or not names:
        raise ValueError(f"leads={leads!r}: record {stem.name} has the leads {record.sig_name}, not {missing}")
    x = record.p_signal.T[[record.sig_name.index(name) for name in names]]
    labels = np.empty(x.shape, dtype=np.int64)
    for row, name in enumerate(names):
        if not stem.with_name(f"{stem.name}.{name}").is_file():
            raise FileNotFoundError(f"the annotation of record {stem.name}, lead {name} is missing: {stem}.{name}")
        marks = wfdb.rdann(str(stem), name)
        labels[row] = _label(marks.symbol, marks.sample, x.shape[1])
    return x, labels


def _label(symbols: Sequence[str], samples: Sequence[int], n_samples: int) -> np.ndarray:
    """Turn the marks of one lead into a label per sample, -1 where the truth is unknown.

    Between two waves that follow each other cleanly lies background. Between two that have garbled marks between
    them, as outside of the first and the last wave, nothing is known.
    """
    labels = np.full(n_samples, -1, dtype=np.int64)
    known_from = None
    for label, first, last, garbled_before in _waves(symbols, samples):
        if known_from is not None and not garbled_before:
            labels[known_from:first] = 0
        labels[first : last + 1] = label
        known_from = last + 1
    return labels


def _waves(symbols: Sequence[str], samples: Sequence[int]) -> list[tuple[int, int, int, bool]]:
    """Parse the marks of one lead: ``(label, first, last, garbled marks before it)`` of each clean wave.

    A wave is ``( peak )``. A QRS complex may also be ``N )`` or ``N ( )``: it then starts at its peak.
    """
    waves = []
    at, garbled = 0, False
    while at < len(symbols):
        n_marks = _marks_of_wave(symbols[at : at + 3])
        if n_marks:
            marks = range(at, at + n_marks)
            peak = next(symbols[mark] for mark in marks if symbols[mark] in _CLASS_OF_PEAK)
            waves.append((_CLASS_OF_PEAK[peak], int(samples[at]), int(samples[marks[-1]]), garbled))
        garbled = not n_marks
        at += n_marks or 1
    return waves


def _marks_of_wave(symbols: Sequence[str]) -> int:
    """How many of the next three marks make a clean wave: 0 where they make none."""
    text = "".join(symbols)
    if text in ("(p)", "(N)", "(t)", "N()"):
        return 3
    return 2 if text.startswith("N)") else 0


def _resample(x: np.ndarray, labels: np.ndarray, ratio: Fraction) -> tuple[np.ndarray, np.ndarray]:
    """Resample signals ``(leads, T)`` by `ratio`, and their labels by nearest neighbour."""
    if ratio == 1:
        return x, labels
    from scipy import signal  # here, since it takes a second to import

    x = signal.resample_poly(x, ratio.numerator, ratio.denominator, axis=-1)
    nearest = np.rint(np.arange(x.shape[-1]) / float(ratio)).astype(np.int64)
    return x, labels[:, np.minimum(nearest, labels.shape[-1] - 1)]


def _filter(x: np.ndarray, bandpass: tuple[float, float], sampling_rate: float) -> np.ndarray:
    """Band-pass signals ``(leads, T)`` without moving anything in time."""
    from scipy import signal

    sos = signal.butter(5, bandpass, btype="bandpass", fs=sampling_rate, output="sos")
    return signal.sosfiltfilt(sos, x, axis=-1)


def _hold_outside(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hold the signals at the edges of their annotated spans; what is unknown becomes background."""
    held = x.copy()
    for row, known in zip(held, labels != -1, strict=True):
        span = np.flatnonzero(known)
        if len(span):
            row[: span[0]] = row[span[0]]
            row[span[-1] :] = row[span[-1]]
    return held, np.where(labels == -1, 0, labels)


def _data_folder(path: Path) -> Path:
    for folder in (path / "data", path):
        if any(folder.glob("*.hea")):
            return folder
    raise FileNotFoundError(
        f"path={str(path)!r} holds no WFDB records (*.hea), and neither does a folder 'data' in it; "
        "pass the folder of LUDB as PhysioNet lays it out"
    )


def _record_numbers(folder: Path, records: Sequence[int] | None) -> np.ndarray:
    there = {int(header.stem) for header in folder.glob("*.hea") if header.stem.isdecimal()}
    if records is None:
        return np.array(sorted(there), dtype=np.int64)
    missing = [record for record in records if record not in there]
    if missing or not len(records):
        raise ValueError(f"records={list(records)!r}: {folder} has {len(there)} records, {missing} not among them")
    return np.array(records, dtype=np.int64)


def _check_rates(sampling_rate: float, bandpass: tuple[float, float] | None) -> None:
    if not 1 <= sampling_rate <= 10_000:
        raise ValueError(f"sampling_rate must be between 1 and 10000 samples per second, got {sampling_rate!r}")
    if bandpass is not None and not (np.shape(bandpass) == (2,) and 0 < bandpass[0] < bandpass[1] < sampling_rate / 2):
        raise ValueError(
            f"bandpass must be None or (low, high) hertz with 0 < low < high < sampling_rate / 2 = "
            f"{sampling_rate / 2:g}, got {bandpass!r}"
        )


def _import_wfdb() -> Any:
    try:
        import wfdb
    except ImportError as error:
        raise ImportError('load_ludb reads WFDB files with wfdb: pip install "sslts[datasets]"') from error
    return wfdb
