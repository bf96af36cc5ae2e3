"""Download of PhysioNet's files into the user's cache, with SHA-256 checks."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from logging import WARNING
from pathlib import Path
from typing import Any

_LUDB_URL = "https://physionet.org/files/ludb/1.0.1/"
_LUDB_PAGE = "https://physionet.org/content/ludb/1.0.1/"
_SUMS = "SHA256SUMS.txt"
# The checksum of the list of checksums; the list holds the checksums of all other files.
_SUM_OF_SUMS = "sha256:cccef1f3529519db8f26a333c97a6872a7d0e3e5c64a1448b76b161fd87fb75f"
_N_THREADS = 8


def fetch_ludb(records: Sequence[int] | None = None, leads: str | Sequence[str] = "all") -> Path:
    """Download the files of LUDB 1.0.1 that the cache lacks, and return the folder.

    ``records`` and ``leads`` select files as in `load_ludb`; the file with the signals of a record always holds all
    leads. The folder has PhysioNet's layout, and each selected file matches its checksum. Raise ImportError without
    pooch, OSError if a file can't be downloaded or does not match its checksum, and ValueError if a record or lead does
    not exist.
    """
    pooch = _import_pooch()
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(WARNING)  # pooch logs one line per file, and there are thousands of files
    try:
        folder = Path(os.environ.get("SSLTS_DATA_DIR") or pooch.os_cache("sslts")) / "ludb-1.0.1"
        cache = pooch.create(path=folder, base_url=_LUDB_URL, registry={_SUMS: _SUM_OF_SUMS}, retry_if_failed=2)
        sums = Path(_fetch(cache, _SUMS)).read_text(encoding="utf-8")
        cache.registry.update({name: f"sha256:{digest}" for digest, name in map(str.split, sums.splitlines())})
        _fetch_all(cache, _list_wanted_files(list(cache.registry), records, leads))
        return Path(cache.abspath)
    finally:
        logger.setLevel(level)


def _list_wanted_files(names: list[str], records: Sequence[int] | None, leads: str | Sequence[str]) -> list[str]:
    """Return the names of the files that hold these records and leads."""
    files = [(name, *name.removeprefix("data/").split(".")) for name in names if name.startswith("data/")]
    numbers = {record for _, record, _ in files} if records is None else {str(record) for record in records}
    endings = {ending for *_, ending in files}
    if not isinstance(leads, str):
        endings = {"hea", "dat"} | {str(lead).lower() for lead in leads}
    unknown = sorted(numbers - {record for _, record, _ in files}) + sorted(endings - {end for *_, end in files})
    if unknown:
        raise ValueError(
            f"records={records!r}, leads={leads!r}: LUDB has no records or leads {unknown}; pass numbers from 1 to "
            "200 and names such as 'ii' or 'v5'."
        )
    return [name for name, record, ending in files if record in numbers and ending in endings]


def _fetch_all(cache: Any, names: list[str]) -> None:
    """Download the missing files in several threads, with a progress bar if a file is missing."""
    from tqdm.auto import tqdm  # a dependency of skorch

    folder = Path(cache.abspath)
    for parent in {(folder / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)  # made before the threads start, else they race to make it
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
    """Return the path of a file in the cache, downloaded if it is missing or damaged."""
    try:
        return cache.fetch(name)
    # A wrong checksum raises ValueError in pooch; network errors of requests are OSErrors.
    except (OSError, ValueError) as error:
        raise OSError(
            f"Could not download {cache.get_url(name)} into {cache.abspath}: {error}\n"
            f"Download LUDB from {_LUDB_PAGE}, unpack it, and pass its folder: load_ludb(path=...)."
        ) from error


def _import_pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "Downloading LUDB needs pooch: run pip install pooch, or pass path= the folder of LUDB."
        ) from error
    return pooch
