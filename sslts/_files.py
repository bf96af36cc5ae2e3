"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

LONGEST_NAME = 230  # bytes, of the 255 that file systems allow


def check_place(path: str | os.PathLike[str]) -> Path:
    """Return where a file will be, links followed; what takes long asks before it begins.

    Raises
    ------
    OSError
        If its folder is missing (`FileNotFoundError`), or it is a folder itself (`IsADirectoryError`), or a device or a
        pipe.

    Examples
    --------
    >>> check_place("report.html").name
    'report.html'
    """
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(
            f"{place.parent} is no folder, so {place.name} can't be written there; create it first."
        )
    if place.is_dir():
        raise IsADirectoryError(f"{place} is a folder; name a file in it.")
    if place.exists() and not place.is_file():
        raise OSError(f"{place} is no regular file, and would be replaced by one; name another.")
    return place


def shorten_name(name: str) -> str:
    """Return the name of a file, or another one in its place if nothing could be added to it.

    Examples
    --------
    >>> shorten_name("report.html"), len(shorten_name(250 * "r"))
    ('report.html', 64)
    """
    encoded = os.fsencode(name)
    return name if len(encoded) < LONGEST_NAME else hashlib.sha256(encoded).hexdigest()


def replace_file(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file completely or not at all; one that is there keeps its permissions.

    Parameters
    ----------
    path : Path
        What `check_place` returned.
    *parts : bytes
        What it will hold.

    Raises
    ------
    OSError
        If it can't be written; what was there before stays.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace_file(check_place(f"{folder}/notes"), b"one ", b"two")
    ...     print(os.listdir(folder), (Path(folder) / "notes").read_text())
    ['notes'] one two
    """
    temporary = path.with_name(f".{shorten_name(path.name)}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # who may read it stays as it was
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if os.name == "posix":  # the new name itself reaches the disk with the folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
