"""The Lobachevsky University Electrocardiography Database (LUDB), read from PhysioNet's WFDB files."""

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
    """Named tuple ``(X, y, groups, class_names)`` of the LUDB recordings.

    Attributes
    ----------
    X : ndarray of shape (n_recordings, n_samples), float32
        Signals in millivolt. Each row is one lead of one patient; the leads of a patient are consecutive rows.
    y : ndarray of shape (n_recordings, n_samples), int64
        Class of each sample; -1 where the class is unknown.
    groups : ndarray of shape (n_recordings,), int64
        Patient of each row (the number of the LUDB record). Split the data by patient, never by row.
    class_names : tuple of str
        Names of the classes: ``("background", "P", "QRS", "T")``.

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
    """Load the electrocardiograms of LUDB with the P waves, QRS complexes and T waves marked by cardiologists.

    LUDB has 200 patients with 12 leads each, 10 s at 500 Hz. Each lead was annotated separately and is one recording
    here. Only the middle of a recording is annotated: samples before the first and after the last marked wave are
    unlabeled.

    The database is the work of A. I. Kalyakulina, I. I. Yusipov, V. A. Moskalenko, A. V. Nikolskiy, K. A. Kosonogov,
    G. V. Osipov, N. Yu. Zolotykh and M. V. Ivanchenko [1]_ [2]_, published by PhysioNet [3]_ under the Open Data
    Commons Attribution License v1.0: name the authors if you use the database.

    Parameters
    ----------
    path : str or path-like, default=None
        PhysioNet's folder of LUDB 1.0.1, or the folder ``data`` in it. None: the files are downloaded once into the
        user's cache (about 2,800 small files; the environment variable ``SSLTS_DATA_DIR`` names another folder) and
        checked against PhysioNet's SHA-256 sums.
    leads : "all" or sequence of str, default="all"
        The leads to load, in this order, such as ``["i", "ii", "v5"]``. ``"all"``: all leads, in the order of the
        file.
    sampling_rate : float, default=250
        Samples per second of the returned recordings. Signals are resampled by a polyphase filter, labels by nearest
        neighbor.
    protocol : {"masked", "semisegecg"}, default="masked"
        How stretches without annotation are labeled. ``"masked"``: -1, unlabeled. ``"semisegecg"``: background, and
        outside the annotated span the signal is replaced by its value at the edge of the span. This makes the
        background easy, but scores comparable with published scores [4]_.
    bandpass : (float, float) or None, default=(0.67, 40.0)
        Corner frequencies in hertz of the band-pass filter applied after resampling (Butterworth, order 5, zero
        phase). None: no filter.
    records : sequence of int, default=None
        The numbers of the records (patients) to load, in this order. None: all records.

    Returns
    -------
    LUDB
        A named tuple ``(X, y, groups, class_names)``: signals in millivolt ``(n, T)`` float32, labels ``(n, T)``
        int64, patients ``(n,)`` int64, and class names. ``n`` is the number of records times the number of leads.

    Raises
    ------
    ValueError
        If an argument is out of range, or the folder lacks a record or lead.
    FileNotFoundError
        If `path` contains no WFDB records, or an annotation file is missing.
    ImportError
        If wfdb, or pooch for a download, is not installed: ``pip install wfdb pooch``.
    OSError
        If the download fails.

    Notes
    -----
    A wave includes its onset and its offset. A QRS complex without an onset mark (121 in 26 leads) starts at its peak.
    Around garbled marks (in five leads), samples between the nearest clean waves are unlabeled.

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
        raise ValueError(f"protocol={protocol!r}; give one of {_PROTOCOLS}.")
    _check_rates(sampling_rate, bandpass)
    if isinstance(leads, str) and leads != "all":
        raise ValueError(f'leads={leads!r}; give "all" or a list of names such as [{leads!r}].')
    wfdb = _import_wfdb()
    folder = _find_data_folder(fetch_ludb(records, leads) if path is None else Path(path))
    numbers = _list_records(folder, records)

    X, y = [], []
    for number in numbers:
        x, labels = _read_record(wfdb, folder / str(number), leads)
        x, labels = _resample(x, labels, Fraction(float(sampling_rate)).limit_denominator(1000) / 500)
        if bandpass is not None:
            x = _bandpass(x, bandpass, sampling_rate)
        if protocol == "semisegecg":
            x, labels = _hold_unannotated(x, labels)
        X.append(x.astype(np.float32))
        y.append(labels)
    lengths = {x.shape[-1] for x in X}
    if len(lengths) > 1:
        raise ValueError(
            f"path: the records in {folder} differ in length ({sorted(lengths)}); pass the folder of LUDB 1.0.1."
        )
    return LUDB(np.concatenate(X), np.concatenate(y), np.repeat(numbers, [len(x) for x in X]), _CLASS_NAMES)


def _read_record(wfdb: Any, stem: Path, leads: str | Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the signals ``(leads, T)`` of one record in millivolt, at 500 Hz, and their labels."""
    record = wfdb.rdrecord(str(stem))
    if record.fs != 500:
        raise ValueError(
            f"path: record {stem.name} has {record.fs} samples per second, LUDB has 500; restore LUDB's {stem}.hea."
        )
    names = list(record.sig_name) if isinstance(leads, str) else [str(lead).lower() for lead in leads]
    missing = [name for name in names if name not in record.sig_name]
    if missing or not names:
        raise ValueError(f"leads={leads!r}: record {stem.name} lacks {missing}; choose from {record.sig_name}.")
    x = record.p_signal.T[[record.sig_name.index(name) for name in names]]
    labels = np.empty(x.shape, dtype=np.int64)
    for row, name in enumerate(names):
        if not stem.with_name(f"{stem.name}.{name}").is_file():
            raise FileNotFoundError(
                f"The annotation of record {stem.name}, lead {name} is missing; put PhysioNet's file at {stem}.{name}."
            )
        marks = wfdb.rdann(str(stem), name)
        labels[row] = _label_samples(marks.symbol, marks.sample, x.shape[1])
    return x, labels


def _label_samples(symbols: Sequence[str], samples: Sequence[int], n_samples: int) -> np.ndarray:
    """Return one label per sample from the marks of one lead.

    Samples between two clean waves are background. Samples before the first wave, after the last wave, and between two
    waves with garbled marks between them are unlabeled (-1).
    """
    labels = np.full(n_samples, -1, dtype=np.int64)
    known_from = None
    for label, first, last, garbled_before in _parse_waves(symbols, samples):
        if known_from is not None and not garbled_before:
            labels[known_from:first] = 0
        labels[first : last + 1] = label
        known_from = last + 1
    return labels


def _parse_waves(symbols: Sequence[str], samples: Sequence[int]) -> list[tuple[int, int, int, bool]]:
    """Return ``(label, first, last, follows_garbled_marks)`` for each clean wave in the marks of one lead.

    A clean wave is ``( peak )``. A QRS complex may also be ``N )`` or ``N ( )`` and then starts at its peak.
    """
    waves = []
    at, garbled = 0, False
    while at < len(symbols):
        n_marks = _count_marks(symbols[at : at + 3])
        if n_marks:
            marks = range(at, at + n_marks)
            peak = next(symbols[mark] for mark in marks if symbols[mark] in _CLASS_OF_PEAK)
            waves.append((_CLASS_OF_PEAK[peak], int(samples[at]), int(samples[marks[-1]]), garbled))
        garbled = not n_marks
        at += n_marks or 1
    return waves


def _count_marks(symbols: Sequence[str]) -> int:
    """Return how many of the next three marks form a clean wave, or 0."""
    text = "".join(symbols)
    if text in ("(p)", "(N)", "(t)", "N()"):
        return 3
    return 2 if text.startswith("N)") else 0


def _resample(x: np.ndarray, labels: np.ndarray, ratio: Fraction) -> tuple[np.ndarray, np.ndarray]:
    """Return signals ``(leads, T)`` resampled by ``ratio``, and their labels by nearest neighbor."""
    if ratio == 1:
        return x, labels
    from scipy import signal  # imported here because the import takes a second

    x = signal.resample_poly(x, ratio.numerator, ratio.denominator, axis=-1)
    nearest = np.rint(np.arange(x.shape[-1]) / float(ratio)).astype(np.int64)
    return x, labels[:, np.minimum(nearest, labels.shape[-1] - 1)]


def _bandpass(x: np.ndarray, bandpass: tuple[float, float], sampling_rate: float) -> np.ndarray:
    """Return signals ``(leads, T)`` filtered by a band-pass with zero phase."""
    from scipy import signal

    sos = signal.butter(5, bandpass, btype="bandpass", fs=sampling_rate, output="sos")
    return signal.sosfiltfilt(sos, x, axis=-1)


def _hold_unannotated(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return signals held constant outside their annotated spans, and labels with -1 replaced by background."""
    held = x.copy()
    for row, known in zip(held, labels != -1, strict=True):
        span = np.flatnonzero(known)
        if len(span):
            row[: span[0]] = row[span[0]]
            row[span[-1] :] = row[span[-1]]
    return held, np.where(labels == -1, 0, labels)


def _find_data_folder(path: Path) -> Path:
    """Return ``path`` or the folder ``data`` in it, whichever contains WFDB records."""
    for folder in (path / "data", path):
        if any(folder.glob("*.hea")):
            return folder
    raise FileNotFoundError(
        f"path={str(path)!r} contains no WFDB records (*.hea), nor does a folder 'data' in it; pass PhysioNet's folder "
        "of LUDB 1.0.1."
    )


def _list_records(folder: Path, records: Sequence[int] | None) -> np.ndarray:
    """Return the numbers of the selected records, in order."""
    present = {int(header.stem) for header in folder.glob("*.hea") if header.stem.isdecimal()}
    if records is None:
        return np.array(sorted(present), dtype=np.int64)
    missing = [record for record in records if record not in present]
    if missing or not len(records):
        raise ValueError(
            f"records={list(records)!r}: {missing} not among the {len(present)} records in {folder}; pass numbers of "
            "these records."
        )
    return np.array(records, dtype=np.int64)


def _check_rates(sampling_rate: float, bandpass: tuple[float, float] | None) -> None:
    if not 1 <= sampling_rate <= 10_000:
        raise ValueError(f"sampling_rate={sampling_rate!r}; give 1 to 10000 samples per second.")
    if bandpass is not None and not (np.shape(bandpass) == (2,) and 0 < bandpass[0] < bandpass[1] < sampling_rate / 2):
        raise ValueError(
            f"bandpass={bandpass!r}; give None or (low, high) in hertz with 0 < low < high < sampling_rate / 2 = "
            f"{sampling_rate / 2:g}."
        )


def _import_wfdb() -> Any:
    try:
        import wfdb
    except ImportError as error:
        raise ImportError("load_ludb needs wfdb: run pip install wfdb.") from error
    return wfdb
