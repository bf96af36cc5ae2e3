"""Fetch PhysioNet's files into the user's cache, each checked against its SHA-256 sum."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from logging import WARNING
from pathlib import Path
from typing import Any

_LUDB_URL = "https://physionet.org/files/ludb/1.0.1/"
_LUDB_PAGE = "https://physionet.org/content/ludb/1.0.1/"
_SUMS = "SHA256SUMS.txt"
# The one sum that is trusted: it vouches for the list that vouches for every other file.
_SUM_OF_SUMS = "sha256:cccef1f3529519db8f26a333c97a6872a7d0e3e5c64a1448b76b161fd87fb75f"
_N_THREADS = 8


def fetch_ludb(records: Sequence[int] | None = None, leads: str | Sequence[str] = "all") -> Path:
    """Download LUDB 1.0.1 from PhysioNet, or what of it the cache lacks.

    Parameters
    ----------
    records : sequence of int, default=None
        The records wanted; all of them without it.
    leads : "all" or sequence of str, default="all"
        The leads whose annotations are wanted. A record's signals come in one file with all leads.

    Returns
    -------
    pathlib.Path
        The folder, laid out as PhysioNet's. Every wanted file in it matches its checksum.

    Raises
    ------
    ImportError
        If pooch isn't installed.
    OSError
        If a file can't be had, or isn't what its checksum says.
    ValueError
        If a record or a lead doesn't exist.

    Examples
    --------
    >>> fetch_ludb(records=[1, 2], leads=["ii"])  # doctest: +SKIP
    PosixPath('/home/me/.cache/sslts/ludb-1.0.1')
    """
    pooch = _import_pooch()
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(WARNING)  # else it writes a line for each of thousands of files
    try:
        folder = Path(os.environ.get("SSLTS_DATA_DIR") or pooch.os_cache("sslts")) / "ludb-1.0.1"
        cache = pooch.create(path=folder, base_url=_LUDB_URL, registry={_SUMS: _SUM_OF_SUMS}, retry_if_failed=2)
        sums = Path(_fetch(cache, _SUMS)).read_text(encoding="utf-8")
        cache.registry.update({name: f"sha256:{digest}" for digest, name in map(str.split, sums.splitlines())})
        _fetch_all(cache, _wanted(list(cache.registry), records, leads))
        return Path(cache.abspath)
    finally:
        logger.setLevel(level)


def _wanted(names: list[str], records: Sequence[int] | None, leads: str | Sequence[str]) -> list[str]:
    """Which files of the database's the asked-for records and leads need."""
    files = [(name, *name.removeprefix("data/").split(".")) for name in names if name.startswith("data/")]
    numbers = {record for _, record, _ in files} if records is None else {str(record) for record in records}
    endings = {ending for *_, ending in files}
    if not isinstance(leads, str):
        endings = {"hea", "dat"} | {str(lead).lower() for lead in leads}
    unknown = sorted(numbers - {record for _, record, _ in files}) + sorted(endings - {end for *_, end in files})
    if unknown:
        raise ValueError(f"LUDB has no records or leads {unknown}: asked for records={records!r}, leads={leads!r}")
    return [name for name, record, ending in files if record in numbers and ending in endings]


def _fetch_all(cache: Any, names: list[str]) -> None:
    """Fetch the files in a few threads; a bar shows how far it is, unless all are there already."""
    from tqdm.auto import tqdm  # skorch brings it

    folder = Path(cache.abspath)
    for parent in {(folder / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)  # here, so that the threads don't race for it
    complete = all((folder / name).is_file() for name in names)
    executor = ThreadPoolExecutor(_N_THREADS)
    try:
        with tqdm(total=len(names), desc="LUDB", unit="file", disable=complete) as bar:
            for done in as_completed([executor.submit(_fetch, cache, name) for name in names]):
                done.result()
                bar.update()
    finally:
        executor.shutdown(cancel_futures=True)


def _fetch(cache: Any, name: str) -> str:
    try:
        return cache.fetch(name)
    # pooch raises ValueError for a checksum that doesn't match, requests' errors are OSErrors
    except (OSError, ValueError) as error:
        raise OSError(
            f"could not download {cache.get_url(name)} into {cache.abspath}: {error}\n"
            f"Download LUDB yourself from {_LUDB_PAGE}, unpack it, and pass its folder: load_ludb(path=...)"
        ) from error


def _import_pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            'downloading LUDB takes pooch: pip install "sslts[datasets]", or pass the path of its folder'
        ) from error
    return pooch
