"""Paths and patterns, names of recordings, a progress bar, and files that cannot be read."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

from sslts._notices import shorten, warn
from sslts._text import clean_text

OnError = Literal["raise", "warn"]
T = TypeVar("T")

_PACKED = {".gz", ".bz2", ".zip", ".xz", ".zst"}
_SHOWN = 10  # files that a message names
_MANY = 20  # files from which on a progress bar is shown


def require(module: str, extra: str, what: str) -> Any:
    """Import a library; if it is missing, raise ImportError that names the command which installs it.

    ``extra`` is the extra of this package that holds the library.

    Examples
    --------
    >>> require("math", "none", "numbers").floor(2.5)
    2
    """
    try:
        return import_module(module)
    except ImportError as error:
        name = module.split(".")[0]
        raise ImportError(f"{what} needs {name}; install it with: pip install {name} (extra {extra!r})") from error


def find_suffix(path: Path) -> str:
    """Return the suffix of a file in lower case, without that of a compression.

    Examples
    --------
    >>> find_suffix(Path("monday.CSV.gz"))
    '.csv'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def find_stem(path: Path) -> str:
    """Return the name of a file without its suffix, and without the suffix of a compression."""
    inner = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    return inner.stem if find_suffix(inner) else inner.name


def list_files(given: Any, suffixes: Iterable[str], argument: str) -> list[Path]:
    """Return the files of a path, a folder, a pattern, or a list of them, in natural order.

    Parameters
    ----------
    given : path, or sequence of paths
        A folder stands for the files in it that have one of the suffixes.
    suffixes : iterable of str
        Suffixes of files that are taken from a folder.
    argument : str
        Name of the argument in error messages.

    Raises
    ------
    FileNotFoundError
        If a path or a pattern names no file.
    """
    items = [given] if isinstance(given, (str, os.PathLike)) else list(given)
    if not items:
        raise ValueError(f"{argument} is an empty list; give a path, a folder or a pattern such as 'data/*.csv'.")
    known = set(suffixes)
    found = [path for item in items for path in _expand(item, known, argument)]
    return list(dict.fromkeys(found))


def _expand(item: Any, suffixes: set[str], argument: str) -> list[Path]:
    if not isinstance(item, (str, os.PathLike)):
        raise TypeError(f"{argument} holds a {type(item).__name__}; give paths as text or pathlib.Path.")
    path = Path(os.path.expanduser(item))
    if path.is_dir() and find_suffix(path) not in suffixes:
        inside = sorted(
            (p for p in path.iterdir() if _is_visible(p) and find_suffix(p) in suffixes), key=_sort_naturally
        )
        if not inside:
            raise FileNotFoundError(
                f"{argument}: the folder {clean_text(path)} holds no file that can be read; give a "
                f"pattern such as '{clean_text(path / '*.csv')}'."
            )
        return inside
    if path.exists() or path.with_name(f"{path.name}.hea").exists():  # a record of WFDB is named without a suffix
        return [path]
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)), key=_sort_naturally)
    matches = [match for match in matches if match.is_file() or find_suffix(match) in suffixes]
    if not matches:
        raise FileNotFoundError(f"{argument}: there is no file {clean_text(item)}; check the path or the pattern.")
    return matches


def _is_visible(path: Path) -> bool:
    return not path.name.startswith((".", "~$"))


def _sort_naturally(path: Path) -> list[Any]:
    """Return a key by which "file 2" precedes "file 10"."""
    parts = re.split(r"(\d+)", str(path))
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def name_files(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, or its path below the common folder where stems are not unique.

    Examples
    --------
    >>> name_files([Path("a/monday.csv"), Path("b/tuesday.csv")])
    ['monday', 'tuesday']
    >>> name_files([Path("x/a/monday.csv"), Path("x/b/monday.csv")])
    ['a/monday', 'b/monday']
    """
    stems = [find_stem(path) for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    folders = [os.path.abspath(path.parent) for path in paths]
    common = os.path.commonpath(folders)
    names = [
        Path(os.path.relpath(folder, common), stem).as_posix() for folder, stem in zip(folders, stems, strict=True)
    ]
    if len(set(names)) == len(names):
        return names
    return [str(Path(os.path.relpath(f, common), p.name).as_posix()) for f, p in zip(folders, paths, strict=True)]


@dataclass
class Failures:
    """Files that could not be read, and why; they are named together at the end."""

    on_error: OnError
    errors: dict[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "warn"):
            raise ValueError(f"on_error={shorten(self.on_error)}; give 'raise' or 'warn'.")

    def add(self, path: Any, error: Exception) -> None:
        """Note that a file could not be read; the first error of a file counts."""
        self.errors.setdefault(str(path), error)

    def report(self, n_read: int) -> None:
        """Raise, or warn, with the names of all files that could not be read.

        If nothing could be read, raise in any case.
        """
        if not self.errors:
            return
        lines = [f"  {_describe(path, error)}" for path, error in list(self.errors.items())[:_SHOWN]]
        more = len(self.errors) - len(lines)
        lines += [f"  and {more} more"] * bool(more)
        text = f"{len(self.errors)} of {len(self.errors) + n_read} files could not be read:\n" + "\n".join(lines)
        if self.on_error == "warn" and n_read:
            warn(text)
            return
        first = next(iter(self.errors.values()))
        if (len(self.errors) == 1 and n_read == 0) or isinstance(first, ImportError):
            raise _choose_type(first)(_describe(*next(iter(self.errors.items()))).strip()) from first
        raise ValueError(f"{text}\nPass on_error='warn' to leave them out.") from first


def _choose_type(error: Exception) -> type[Exception]:
    """Return the type of the error that the user sees: errors of libraries may need other arguments than a text."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError
    return next((kind for kind in (ImportError, OSError, TypeError) if isinstance(error, kind)), ValueError)


def _describe(path: str, error: Exception) -> str:
    """Return the error of a file on one line, which begins with the name of the file."""
    message = clean_text(error)
    name = clean_text(path)
    return message if message.startswith((name, clean_text(Path(path).name))) else f"{name}: {message}"


def read_each(
    paths: Sequence[Path], read: Callable[[int], T], failures: Failures, progress: bool | None, what: str
) -> list[T]:
    """Return what ``read`` makes of each file, without the files that fail; a bar shows the progress.

    Parameters
    ----------
    paths : sequence of Path
    read : callable
        It is called with the position of a file.
    failures : Failures
        Notes the files that fail.
    progress : bool or None
        Whether to show a bar; None shows it for many files, in a terminal.
    what : str
        The word before the bar.
    """
    from tqdm.auto import tqdm  # installed with skorch

    hidden = (len(paths) < _MANY or None) if progress is None else not progress
    results = []
    for i in tqdm(range(len(paths)), desc=what, unit="file", disable=hidden, leave=False):
        try:
            results.append(read(i))
        except MemoryError:
            raise
        except Exception as error:  # libraries raise errors of many types for a broken file
            failures.add(paths[i], error)
    return results
