"""Writing of files, completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from sslts._text import clean_text

LONGEST_NAME = 230  # bytes; file systems allow 255, and a suffix is added


def check_place(path: str | os.PathLike[str]) -> Path:
    """Resolve ``path``, following links, and raise if no file can be written there. Call it before long work.

    Raise FileNotFoundError if the folder does not exist, IsADirectoryError if ``path`` is a folder, and OSError if it
    is a device or a pipe.
    """
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(
            f"{clean_text(place.parent)} is not a folder, so {clean_text(place.name)} can't be written there; create "
            "the folder first."
        )
    if place.is_dir():
        raise IsADirectoryError(f"{clean_text(place)} is a folder; give the path of a file in it.")
    if place.exists() and not place.is_file():
        raise OSError(f"{clean_text(place)} is not a regular file and would be replaced by one; give another path.")
    return place


def shorten_name(name: str) -> str:
    """Return the name of a file, or a hash of 64 characters if the name is too long for a suffix."""
    encoded = os.fsencode(name)
    return name if len(encoded) < LONGEST_NAME else hashlib.sha256(encoded).hexdigest()


def replace_file(path: Path, *parts: bytes | memoryview) -> None:
    """Write ``parts``, one after another, to a file that `check_place` returned, completely or not at all.

    An existing file keeps its permissions. Raise OSError if the file can't be written; an existing file is then
    unchanged.
    """
    temporary = path.with_name(f".{shorten_name(path.name)}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # keep its permissions
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if os.name == "posix":  # the new name reaches the disk only when the folder is synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
