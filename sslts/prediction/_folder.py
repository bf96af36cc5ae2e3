"""The folder of a run: its file ``run.json``, which says what the parts belong to, and the model."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sslts._files import check_place, remove_all_leftovers, replace_file
from sslts._text import clean_text
from sslts.prediction._batches import MODEL, digest_bytes
from sslts.prediction._parts import RECORDINGS, SEGMENTS, list_parts, remove_parts

_FORMAT = "sslts segments of files, version 1"
_FIX = "Nothing was written; pass another folder, or replace=True to make its parts anew."


@dataclass(frozen=True)
class Run:
    """What the parts of a folder belong to.

    Parameters
    ----------
    model : str
        Fingerprint of the model file.
    options : dict
        What else changes a part, as text by the name of the argument.
    batch_size : int
    n_inputs : int
    inputs : str
        Digest of the names of the inputs.
    """

    model: str
    options: dict[str, str]
    batch_size: int
    n_inputs: int
    inputs: str

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return -(-self.n_inputs // self.batch_size)

    @property
    def digest(self) -> str:
        """Digest of what changes a part, without the inputs."""
        return hashlib.sha256(json.dumps([self.model, self.options, self.batch_size]).encode()).hexdigest()

    def pack(self) -> bytes:
        """Return the content of the file."""
        return (json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n").encode()


def digest_names(names: Sequence[str]) -> str:
    """Return the digest of the names of inputs, in their order."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def read_run(folder: Path) -> Run | None:
    """Return what the parts of a folder belong to; None if the folder holds no run yet.

    Raise ValueError if the file is of another kind, and NotADirectoryError if ``folder`` is a file.
    """
    path = folder / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != _FORMAT:
            raise ValueError("of another format")
        return Run(**content)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise NotADirectoryError(f"folder={clean_text(folder)!r} is a file; pass another path.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"folder={clean_text(folder)!r}: run.json is no description of segments of files ({clean_text(error)}); "
            "pass another folder."
        ) from error


def enter_folder(folder: Path, run: Run, names: Sequence[str], model: bytes, *, replaced: bool) -> None:
    """Make a folder that of a run, and write the model; raise ValueError if its parts belong to another run.

    A run with the same model and options may have more files at the end of its list than the run of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (replaced or _claim(folder, run)):
        found = read_run(folder)
        assert found is not None
        _check_run(folder, found, run, names)
        replaced = found != run
    if replaced:
        replace_file(check_place(folder / "run.json"), run.pack())
        remove_parts(folder, run.n_parts)
    tidy_folder(folder)
    path = folder / MODEL
    if not path.exists() or digest_bytes(path.read_bytes()) != run.model:
        replace_file(check_place(path), model)


def _claim(folder: Path, run: Run) -> bool:
    """Write the file of a run, unless there is one; of several runs that begin at once, one succeeds."""
    path, own = folder / "run.json", folder / f"run.json.{secrets.token_hex(4)}"
    if path.exists():
        return False
    if list_parts(folder, SEGMENTS) or list_parts(folder, RECORDINGS):
        raise ValueError(f"folder={clean_text(folder)!r} holds parts, and its run.json is missing. {_FIX}")
    try:
        own.write_bytes(run.pack())
        os.link(own, path)  # fails if the file is there, and never shows half a file
    except FileExistsError:
        return False
    finally:
        own.unlink(missing_ok=True)
    return True


def _check_run(folder: Path, found: Run, run: Run, names: Sequence[str]) -> None:
    """Raise ValueError if the parts in a folder belong to a run with another model, other options or other files."""
    pairs: dict[str, tuple[Any, Any]] = {"model": (found.model, run.model)}
    pairs |= {name: (found.options.get(name), value) for name, value in run.options.items()}
    pairs["batch_size"] = found.batch_size, run.batch_size
    for name, (there, here) in pairs.items():
        if there != here:
            raise ValueError(
                f"folder={clean_text(folder)!r} belongs to another run: its {name} is {there}, not {here}. {_FIX}"
            )
    if found.n_inputs > run.n_inputs or digest_names(names[: found.n_inputs]) != found.inputs:
        raise ValueError(
            f"folder={clean_text(folder)!r} belongs to a run over {found.n_inputs:,} other files; a list may only get "
            f"longer at its end. {_FIX}"
        )


def tidy_folder(folder: Path) -> None:
    """Remove the temporary files of killed workers."""
    for place in (folder, *folder.glob(f"{SEGMENTS}/*/"), *folder.glob(f"{RECORDINGS}/*/")):
        remove_all_leftovers(place)
