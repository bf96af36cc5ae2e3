"""Bytes on disk: a safetensors file with a JSON header and a checksum, complete or absent.

The metadata of the file has one entry, ``sslts``: JSON with the first key ``sha256``. This is the checksum of the whole
file, computed with zeros in place of the checksum.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from sslts._files import check_place, replace_file, shorten_name
from sslts.persistence._upgrades import UPGRADES

FORMAT = max(UPGRADES) + 1
_LARGEST_HEADER = 100_000_000  # bytes; the limit of safetensors itself
_BLANK = "0" * 64
_NEAR = 256  # the checksum is within the first bytes
_MARK = b'"sslts":"{\\"sha256\\":\\"'
_KINDS = {"model": "a model from save", "checkpoint": "a checkpoint of a fit", "rounds": "a checkpoint of rounds"}


class PersistenceError(ValueError):
    """Error for a file that is damaged, has another kind or format, or names objects that were not passed.

    Examples
    --------
    >>> import pathlib, tempfile, sslts
    >>> from sslts.persistence import PersistenceError
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.sslts"
    ...     _ = path.write_bytes(b"no model")
    ...     try:
    ...         sslts.load(path)
    ...     except PersistenceError as error:
    ...         print(str(error).partition("model.sslts ")[2])
    is not a file of sslts: its header is longer than the file.
    """


def write_file(path: str | os.PathLike[str], header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a file that is complete or absent, whatever happens; an existing file is kept until the end.

    Parameters
    ----------
    path : path-like
    header : dict
        JSON values. ``kind`` is the kind of the file.
    tensors : dict of str to Tensor
        Contiguous tensors on the CPU that share no memory.

    Raises
    ------
    OSError
        If the folder does not exist or can't be written, or if the disk is full.

    Examples
    --------
    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder) / "model.sslts", {"kind": "model"}, {"weight": torch.ones(2)})
    ...     header, tensors = read_file(Path(folder) / "model.sslts")
    ...     print(os.listdir(folder))
    ['model.sslts']
    >>> header["kind"], tensors
    ('model', {'weight': tensor([1., 1.])})
    """
    path = check_place(path)
    text = json.dumps({"sha256": _BLANK, "format": FORMAT, **header}, allow_nan=False, separators=(",", ":"))
    data = memoryview(safetensors.torch.save(tensors, {"sslts": text}))
    start = bytes(data[:_NEAR]).index(_MARK) + len(_MARK)
    checksum = hashlib.sha256(data).hexdigest().encode()
    replace_file(path, data[:start], checksum, data[start + 64 :])


def _remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files of killed processes that were writing ``path``; ``path`` itself is kept."""
    path = Path(os.path.realpath(path))
    for leftover in path.parent.glob(f".{glob.escape(shorten_name(path.name))}.{'[0-9a-f]' * 8}.tmp"):
        leftover.unlink(missing_ok=True)


def read_file(path: str | os.PathLike[str], kind: str | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file, after checking the whole file.

    Parameters
    ----------
    path : path-like
    kind : str or None
        Required kind of the file; None accepts any kind.

    Returns
    -------
    header : dict
        JSON values.
    tensors : dict of str to Tensor

    Raises
    ------
    PersistenceError
        If the file is damaged, or has another kind or format.
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.sslts"
    ...     write_file(path, {"kind": "model"}, {"weight": torch.zeros(2)})
    ...     print(read_file(path, "model")[1])
    ...     _ = path.write_bytes(path.read_bytes()[:-1] + b"!")
    ...     try:
    ...         read_file(path, "model")
    ...     except PersistenceError as error:
    ...         print(str(error).partition("model.sslts ")[2])
    {'weight': tensor([0., 0.])}
    is damaged: its checksum does not match its content. Copy or save it again.
    """
    data = Path(path).read_bytes()
    header = _read_header(path, data)
    start = data.find(_MARK, 0, _NEAR) + len(_MARK)
    found = hashlib.sha256(memoryview(data)[:start])
    found.update(_BLANK.encode())
    found.update(memoryview(data)[start + 64 :])
    checksum = header.pop("sha256")
    if data[start : start + 64].decode("latin-1") != checksum or found.hexdigest() != checksum:
        raise PersistenceError(f"{path} is damaged: its checksum does not match its content. Copy or save it again.")
    if kind is not None and header.get("kind") != kind:
        raise PersistenceError(f"{path} is a {header.get('kind')!r} file of sslts, not {_KINDS[kind]}.")
    try:
        for earlier in range(header["format"], FORMAT):
            header = UPGRADES[earlier](header)
        return header, safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PersistenceError(f"{path} is damaged: {error}.") from error


def _read_header(path: str | os.PathLike[str], data: bytes) -> dict[str, Any]:
    """Return the JSON header, after the checks that need only the header."""
    size = int.from_bytes(data[:8], "little")
    if size > _LARGEST_HEADER or len(data) < 8 + size or size < 2:
        raise PersistenceError(f"{path} is not a file of sslts: its header is longer than the file.")
    try:
        metadata = json.loads(data[8 : 8 + size]).get("__metadata__", {})
        header = json.loads(metadata["sslts"])
        written_in, checksum = header["format"], header["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PersistenceError(
            f"{path} is not a file of sslts, or is damaged: its header can't be read ({type(error).__name__})."
        ) from error
    if not (type(written_in) is int and min(UPGRADES) <= written_in <= FORMAT):
        written_by = f"sslts {header.get('sslts', 'of an unknown version')}"
        raise PersistenceError(
            f"{path} has format {written_in!r}, written by {written_by}; this version reads formats {min(UPGRADES)} to "
            f"{FORMAT}. Install the version that wrote it, or save it again with that version."
        )
    if not isinstance(checksum, str) or len(checksum) != 64:
        raise PersistenceError(f"{path} is damaged: it has no checksum.")
    return header
