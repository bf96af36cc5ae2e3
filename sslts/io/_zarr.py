"""Signals in zarr stores, by the library zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sslts.io._files import require
from sslts.io._signals import Signal, SignalOptions
from sslts.io._trees import Node, read_tree

SUFFIXES = (".zarr",)


def read_zarr_signals(path: Path, name: str, options: SignalOptions) -> list[Signal]:
    """Return the recordings in a zarr store."""
    zarr = require("zarr", "zarr", "reading zarr")
    root = zarr.open(str(path), mode="r")
    if hasattr(root, "shape"):
        return read_tree(Node("", {"": root}, {}, {}), path, name, options, _load)
    return read_tree(_describe(root, ""), path, name, options, _load)


def _describe(group: Any, place: str) -> Node:
    groups = {key: _describe(item, f"{place}/{key}") for key, item in sorted(group.groups(), key=_get_name)}
    return Node(place, dict(sorted(group.arrays(), key=_get_name)), groups, dict(group.attrs))


def _get_name(item: tuple[str, Any]) -> str:
    return item[0]  # folders are listed in any order


def _load(path: Path, keys: list[str], where: tuple[Any, ...]) -> list[np.ndarray]:
    zarr = require("zarr", "zarr", "reading zarr")
    root = zarr.open(str(path), mode="r")
    return [np.asarray((root[key.strip("/")] if key.strip("/") else root)[where]) for key in keys]
