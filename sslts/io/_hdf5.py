"""Signals in HDF5 files, by the library h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sslts.io._files import require
from sslts.io._signals import Signal, SignalOptions
from sslts.io._trees import Node, read_tree

SUFFIXES = (".h5", ".hdf5", ".hdf")


def read_hdf5_signals(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recordings in an HDF5 file."""
    h5py = require("h5py", "hdf5", "reading HDF5")
    with h5py.File(path, "r") as file:
        return read_tree(_describe(file, h5py), path, name, options, _load)


def _describe(group: Any, h5py: Any) -> Node:
    arrays = {key: item for key, item in group.items() if isinstance(item, h5py.Dataset)}
    groups = {key: _describe(item, h5py) for key, item in group.items() if isinstance(item, h5py.Group)}
    return Node(group.name.rstrip("/"), arrays, groups, dict(group.attrs))


def _load(path: Path, keys: list[str], where: tuple[Any, ...]) -> list[np.ndarray]:
    h5py = require("h5py", "hdf5", "reading HDF5")
    with h5py.File(path, "r") as file:
        return [file[key][where] for key in keys]
