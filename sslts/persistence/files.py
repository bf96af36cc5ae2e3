"""Bytes on disk: a safetensors file with a JSON header and a checksum, complete or absent.

The metadata of the file has one entry, ``sslts``: JSON with the first key ``sha256``. This is the checksum of the whole
file, computed with zeros in place of the checksum.

A reader trusts nothing: it reads the length of the header, then the header, then compares the sizes in the header with
the size of the file, then computes the checksum, and then reads the tensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from sslts._files import check_place, escape, replace_file
from sslts.persistence._messages import DAMAGES, Place, is_path, name_place, shorten, summarize
from sslts.persistence._upgrades import UPGRADES

FORMAT = max(UPGRADES) + 1
_LARGEST_HEADER = 100_000_000  # bytes; what safetensors itself accepts
_BLOCK = 1 << 20  # bytes
_BLANK = "0" * 64
_NEAR = 256  # the checksum is within the first bytes
_MARK = b'"sslts":"{\\"sha256\\":\\"'
_KINDS = {"model": "a model from save", "checkpoint": "a checkpoint of a fit", "rounds": "a checkpoint of rounds"}
_LONGEST_MESSAGE = 3000  # characters


class PersistenceError(ValueError):
    """Error for a file that is damaged, has another kind or format, or names objects that were not passed.

    Control characters and line breaks, which may come from the file, are escaped in the message.

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

    def __init__(self, message: str = "") -> None:
        super().__init__(shorten(escape(message), _LONGEST_MESSAGE))


class _NotRegularError(PersistenceError, OSError):
    """Error for a pipe, a device or a socket, which `open` might wait for or never see the end of."""


class _FolderError(_NotRegularError, IsADirectoryError):
    """Error for a folder."""


def _check_binary(file: Any, method: str, mode: str) -> None:
    """Raise TypeError if an object is neither a path nor a binary file object."""
    if not hasattr(file, method):
        raise TypeError(f"path is a {type(file).__name__}; pass a path or a binary file object.")
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{name_place(file)} is open for text; open it with mode={mode!r}.")


def write_file(path: Place, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a file that is complete or absent, whatever happens; an existing file is kept until the end.

    Parameters
    ----------
    path : path-like, or binary file object
        A file object gets all bytes at its position, and stays open.
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
    >>> import pathlib, tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.sslts"
    ...     write_file(path, {"kind": "model"}, {"weight": torch.ones(2)})
    ...     header, tensors = read_file(path)
    ...     print(os.listdir(folder))
    ['model.sslts']
    >>> header["kind"], tensors
    ('model', {'weight': tensor([1., 1.])})
    """
    if is_path(path):
        place = check_place(path)
    else:
        _check_binary(path, "write", "wb")
    text = json.dumps({"sha256": _BLANK, "format": FORMAT, **header}, allow_nan=False, separators=(",", ":"))
    data = memoryview(safetensors.torch.save(tensors, {"sslts": text}))
    start = bytes(data[:_NEAR]).index(_MARK) + len(_MARK)
    checksum = hashlib.sha256(data).hexdigest().encode()
    parts = data[:start], checksum, data[start + 64 :]
    if is_path(path):
        replace_file(place, *parts)
    else:
        _write_bytes(path, b"".join(parts))


def _write_bytes(file: Any, data: bytes) -> None:
    """Write all bytes to a file object."""
    rest = data
    while (written := file.write(rest)) is not None and written < len(rest):  # a raw file may take a part
        if written <= 0:
            raise OSError(f"{name_place(file)} took {len(data) - len(rest)} of {len(data)} bytes.")
        rest = rest[written:]
    with contextlib.suppress(AttributeError, io.UnsupportedOperation):
        file.flush()


def read_file(path: Place, kind: str | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file, after checking the whole file.

    Parameters
    ----------
    path : path-like, or binary file object
        A file object is read from its position to the end of the model, and stays open.
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
        If the file is damaged, has another kind or format, or is a folder, a pipe or a device.
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> import pathlib, tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.sslts"
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
    with _open(path) as source:
        try:
            header, data = _read_checked(source)
        except MemoryError as error:
            raise PersistenceError(f"{source.name} needs more memory than this machine has.") from error
    if kind is not None and header.get("kind") != kind:
        raise PersistenceError(f"{source.name} is a {header.get('kind')!r} file of sslts, not {_KINDS[kind]}.")
    try:
        for earlier in range(header["format"], FORMAT):
            header = UPGRADES[earlier](header)
        return header, safetensors.torch.load(data)
    except (safetensors.SafetensorError, *DAMAGES) as error:
        raise PersistenceError(f"{source.name} is damaged: {summarize(error)}.") from error


class _Source:
    """The bytes of a file. ``size`` is None if it is not known, as for a file object."""

    def __init__(self, file: Any, name: str, size: int | None) -> None:
        self.file, self.name, self.size = file, name, size

    def iterate(self, size: int) -> Iterator[bytes]:
        """Yield blocks with ``size`` bytes together; raise EOFError if the file ends before."""
        while size:
            block = self.file.read(min(size, _BLOCK))
            if isinstance(block, str):
                raise TypeError(f"{self.name} is open for text; open it with mode='rb'.")
            if not block:
                raise EOFError
            if len(block) > size:
                raise TypeError(f"{self.name}: read({size}) gave {len(block)} bytes.")
            size -= len(block)
            yield block

    def read(self, size: int) -> bytes:
        return b"".join(self.iterate(size))


@contextlib.contextmanager
def _open(place: Place) -> Iterator[_Source]:
    """Open a path, which must be a regular file, or use a file object."""
    if not is_path(place):
        _check_binary(place, "read", "rb")
        yield _Source(place, name_place(place), None)
        return
    path, name = os.fsdecode(place), name_place(place)
    _check_regular(os.stat(path).st_mode, name)  # before `open`, which waits for the other end of a pipe
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        _check_regular(found.st_mode, name)
        yield _Source(file, name, found.st_size)


def _check_regular(mode: int, name: str) -> None:
    """Raise PersistenceError if a path is not a regular file."""
    if stat.S_ISDIR(mode):
        raise _FolderError(f"{name} is a folder; give the path of a file in it.")
    if not stat.S_ISREG(mode):
        raise _NotRegularError(f"{name} is not a regular file; give the path of a file, or an open file object.")


def _read_checked(source: _Source) -> tuple[dict[str, Any], bytes]:
    """Return the header of a file, and all bytes, after all checks that need no tensors."""
    name = source.name
    try:
        start = source.read(8)
        size = int.from_bytes(start, "little")
        if not 2 <= size <= min(_LARGEST_HEADER, _LARGEST_HEADER if source.size is None else source.size - 8):
            raise EOFError
        start += source.read(size)
    except EOFError:
        here = "; the file object is read from its position: call seek(0)" if source.size is None else ""
        raise PersistenceError(f"{name} is not a file of sslts: its header is longer than the file{here}.") from None
    header, size = _read_header(name, start[8:])
    if source.size is not None and len(start) + size != source.size:
        raise PersistenceError(
            f"{name} is damaged: it has {source.size} bytes, its header describes {len(start) + size}. Copy or save it "
            "again."
        )
    place = start.find(_MARK, 0, _NEAR) + len(_MARK)
    found = hashlib.sha256(start[:place] + _BLANK.encode() + start[place + 64 :])
    checksum = header.pop("sha256")
    try:
        if source.size is None:
            body = source.read(size)
            found.update(body)
        else:  # read twice, so that a large file of another kind is never in memory
            for block in source.iterate(size):
                found.update(block)
        if start[place : place + 64].decode("latin-1") != checksum or found.hexdigest() != checksum:
            raise PersistenceError(
                f"{name} is damaged: its checksum does not match its content. Copy or save it again."
            )
        if source.size is not None:
            source.file.seek(len(start))
            body = source.read(size)
    except EOFError:
        raise PersistenceError(f"{name} is damaged: it ends before its last tensor. Copy or save it again.") from None
    return header, start + body


def _read_header(name: str, data: bytes) -> tuple[dict[str, Any], int]:
    """Return the JSON header and the number of bytes of all tensors, after the checks that need only the header."""
    try:
        table = json.loads(data, parse_constant=_refuse_constant)
        metadata = table.pop("__metadata__", {})
        header = json.loads(metadata["sslts"], parse_constant=_refuse_constant)
        written_in, checksum = header["format"], header["sha256"]
        size = _count_bytes(table)
    except DAMAGES as error:
        raise PersistenceError(
            f"{name} is not a file of sslts, or is damaged: its header can't be read ({type(error).__name__})."
        ) from error
    if not (type(written_in) is int and min(UPGRADES) <= written_in <= FORMAT):
        written_by = f"sslts {shorten(str(header.get('sslts', 'of an unknown version')), 60)}"
        raise PersistenceError(
            f"{name} has format {shorten(repr(written_in), 60)}, written by {written_by}; this version reads formats "
            f"{min(UPGRADES)} to {FORMAT}. Install the version that wrote it, or save it again with that version."
        )
    if not isinstance(checksum, str) or len(checksum) != 64:
        raise PersistenceError(f"{name} is damaged: it has no checksum.")
    return header, size


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _count_bytes(table: dict[str, Any]) -> int:
    """Return the number of bytes of all tensors in the table of a safetensors file."""
    end = 0
    for first, last in sorted(entry["data_offsets"] for entry in table.values()):
        if type(first) is not int or type(last) is not int or first != end or last < first:
            raise ValueError("the tensors leave gaps or overlap")
        end = last
    return end
