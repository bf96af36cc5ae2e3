"""Writing of files, completely or not at all."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from sslts._text import clean_text

try:
    import fcntl
except ImportError:  # Windows, where a file that a process holds open can't be removed
    fcntl = None  # type: ignore[assignment]

LONGEST_NAME = 230  # bytes; file systems allow 255, and a suffix is added


def escape(text: str) -> str:
    """Return ``text`` with escapes in place of control characters, line breaks and other characters without a picture.

    A file from a stranger may hold sequences that a terminal would carry out.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def check_place(path: str | os.PathLike[str]) -> Path:
    """Resolve ``path``, following links, and raise if no file can be written there. Call it before long work.

    Raise FileNotFoundError if the folder does not exist, IsADirectoryError if ``path`` is or names a folder, and
    OSError if it is a device or a pipe.
    """
    given = os.fsdecode(path)
    if os.path.basename(given) in ("", os.curdir, os.pardir):  # `realpath` would turn "folder/" into "folder"
        raise IsADirectoryError(f"{given!r} names a folder; give the path of a file in it.")
    place = Path(os.path.realpath(given))
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


def replace_file(path: Path, *parts: bytes | memoryview, tidy: bool = True) -> None:
    """Write ``parts``, one after another, to a file that `check_place` returned, completely or not at all.

    An existing file keeps its permissions, and its owner and group where the process may set them; the new file never
    has more permissions than that. With ``tidy``, temporary files of killed processes are removed first, which reads
    the whole folder. Raise OSError if the file can't be written; an existing file is then unchanged.
    """
    if tidy:
        remove_leftovers(path)
    before = path.stat() if path.exists() else None
    temporary = None
    try:
        while True:
            temporary = path.with_name(f".{shorten_name(path.name)}.{secrets.token_hex(4)}.tmp")
            mode = 0o666 if before is None else before.st_mode & 0o600  # the umask applies to the mode of a new file
            with open(temporary, "xb", opener=functools.partial(os.open, mode=mode)) as file:
                if not _lock(file.fileno(), temporary):
                    continue  # another process took it for a leftover
                file.writelines(parts)
                file.flush()
                if before is not None:
                    _keep_rights(file.fileno(), temporary, before)
                os.fsync(file.fileno())
                if fcntl is not None:  # while the lock holds
                    os.replace(temporary, path)
            if fcntl is None:
                os.replace(temporary, path)
            break
    except BaseException:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise
    if os.name == "posix":  # the new name reaches the disk only when the folder is synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lock(descriptor: int, path: Path) -> bool:
    """Lock a new file until it is closed, also by the death of the process; return whether it still is at ``path``."""
    if fcntl is None:
        return True
    with contextlib.suppress(OSError):  # a file system without locks: nothing is removed there
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _keep_rights(descriptor: int, path: Path, before: os.stat_result) -> None:
    """Give a new file the owner, the group and the permissions of the file that it replaces."""
    mode = stat.S_IMODE(before.st_mode)
    if not hasattr(os, "fchown"):
        path.chmod(mode)
        return
    for owner, group in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
        with contextlib.suppress(OSError):  # only root may give a file away
            os.fchown(descriptor, owner, group)
            break
    if os.fstat(descriptor).st_gid != before.st_gid:  # another group gets the rights of all others
        mode = mode & ~0o2070 | (mode & 0o007) << 3
    with contextlib.suppress(OSError):  # a file system without permissions
        os.fchmod(descriptor, mode)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files of killed processes that were writing ``path``; ``path`` itself is kept.

    A temporary file that a living process is writing has a lock and is kept.
    """
    place = Path(os.path.realpath(os.fsdecode(path)))
    _remove_matches(place.parent, re.escape(shorten_name(place.name)))


def remove_all_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed processes that were writing any file of a folder."""
    _remove_matches(folder, ".+")


def _remove_matches(folder: Path, name: str) -> None:
    """Remove the unlocked temporary files of the files whose name matches a regular expression."""
    pattern = re.compile(rf"\.{name}\.[0-9a-f]{{8}}\.tmp", re.DOTALL)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_unlocked(entry.path)


def _remove_unlocked(path: str) -> None:
    """Remove a file; raise OSError if a process has a lock on it."""
    if fcntl is None:
        os.unlink(path)
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)  # NFS locks no file that is only read
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)
