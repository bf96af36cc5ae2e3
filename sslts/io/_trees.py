"""Signals in trees of arrays: what HDF5 files and zarr stores have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sslts._notices import shorten
from sslts.io._arrays import check_array, number_rows
from sslts.io._clocks import add_times, find_times
from sslts.io._signals import LazyArray, Signal, SignalOptions

_RATES = ("sampling_rate", "fs", "sampling_frequency", "sfreq", "rate")
_NAMES = ("channel_names", "channels", "ch_names")


@dataclass(frozen=True)
class Node:
    """A group of a tree: its path in the file, its arrays and groups by name, and its attributes."""

    place: str
    arrays: dict[str, Any]
    groups: dict[str, Node]
    attributes: dict[str, Any]


class TreeArray(LazyArray):
    """One recording in a tree: rows of one array, or one array for each channel.

    ``load(path, keys, row, start, stop)`` reads a stretch of each array with one of the keys.
    """

    def __init__(
        self, path: Path, shape: tuple[int, int], dtype: Any, load: Callable[..., Any], keys: list[str], rows: Any
    ) -> None:
        super().__init__(path, shape, dtype)
        self.load, self.keys, self.rows = load, keys, rows

    def _read(self, start: int, stop: int) -> np.ndarray:
        parts = self.load(self.path, self.keys, (*self.rows, slice(start, stop)))
        values = parts[0] if len(self.keys) == 1 else np.stack(parts)
        return np.atleast_2d(values)


def read_tree(root: Node, path: Path, name: str, options: SignalOptions, load: Callable[..., Any]) -> list[Signal]:
    """Return the recordings of a tree.

    An array ``(T,)`` or ``(C, T)`` is a recording, ``(n, C, T)`` are n recordings. Several arrays of one length are the
    channels of one recording. Groups are recordings, if no array lies beside them.
    """
    if options.key is not None:
        return _read_key(root, path, name, options, load)
    if root.arrays:
        return _read_arrays(root, path, name, options, load)
    if not root.groups:
        raise ValueError(f"{path} is empty: it holds no array; remove it.")
    return [
        signal
        for key, group in root.groups.items()
        for signal in read_tree(group, path, f"{name}/{key}" if len(root.groups) > 1 else name, options, load)
    ]


def _read_key(root: Node, path: Path, name: str, options: SignalOptions, load: Callable[..., Any]) -> list[Signal]:
    node, parts = root, [part for part in str(options.key).split("/") if part]
    for depth, part in enumerate(parts):
        if part in node.arrays and depth == len(parts) - 1:
            one = Node(node.place, {part: node.arrays[part]}, {}, node.attributes)
            return _read_arrays(one, path, name, options, load)
        if part not in node.groups:
            there = shorten([*node.arrays, *node.groups])
            raise ValueError(f"{path} has no array or group {options.key!r}; at {node.place or '/'} it has {there}.")
        node = node.groups[part]
    from dataclasses import replace

    return read_tree(node, path, name, replace(options, key=None), load)


def _read_arrays(node: Node, path: Path, name: str, options: SignalOptions, load: Callable[..., Any]) -> list[Signal]:
    arrays = {key: array for key, array in node.arrays.items() if key.lower() not in (*_RATES, *_NAMES)}
    time = find_times(arrays, options, path) if len(arrays) > 1 else None
    rest = {key: array for key, array in arrays.items() if key != time}
    signals = _read_rest(Node(node.place, rest, {}, node.attributes), path, name, options, load)
    if time is None or options.time is False:
        return signals
    times = load(path, [f"{node.place}/{time}"], (slice(None),))[0]
    return [add_times(signal, times, time, options) for signal in signals]


def _read_rest(node: Node, path: Path, name: str, options: SignalOptions, load: Callable[..., Any]) -> list[Signal]:
    """Return the recordings in the arrays of a group, without that of times."""
    arrays = node.arrays
    if len(arrays) == 1:
        return _read_one(node, *next(iter(arrays.items())), path, name, options, load)
    if options.channels is not None:
        missing = [channel for channel in options.channels if channel not in arrays]
        if missing:
            raise ValueError(f"{path} has no array {missing[0]!r}; it has {shorten(list(arrays))}. Pass channels.")
        arrays = {channel: arrays[channel] for channel in options.channels}
    shapes = {key: tuple(array.shape) for key, array in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"{path} holds arrays of several shapes, {shorten(shapes)}; pass key with the name of one.")
    for key, array in arrays.items():
        check_array(path, key, array.shape, array.dtype)
    dtype = np.result_type(*(array.dtype for array in arrays.values()))
    keys = [f"{node.place}/{key}" for key in arrays]
    shape = (len(keys), next(iter(shapes.values()))[0])
    values = TreeArray(path, shape, dtype, load, keys, ())
    return [Signal(name, path, values, tuple(arrays), _find_rate(node.attributes))]


def _read_one(
    node: Node, key: str, array: Any, path: Path, name: str, options: SignalOptions, load: Callable[..., Any]
) -> list[Signal]:
    check_array(path, key, array.shape, array.dtype)
    attributes = {**node.attributes, **dict(array.attrs)}
    rate, names = _find_rate(attributes), _find_names(attributes)
    shape = tuple(array.shape[-2:]) if len(array.shape) > 1 else (1, *array.shape)
    wanted = slice(None)
    if options.channels is not None:
        if names is None:
            raise ValueError(f"{path}: the channels of {key} have no names; leave out channels and select them later.")
        raise ValueError(f"{path}: {key} holds all channels in one array; leave out channels and select them later.")
    signals = []
    for numbered, row in number_rows(name, array.shape):
        rows = () if len(array.shape) == 1 else (wanted,) if row is None else (row, wanted)
        values = TreeArray(path, (int(shape[0]), int(shape[1])), array.dtype, load, [f"{node.place}/{key}"], rows)
        signals.append(Signal(numbered, path, values, names, rate))
    return signals


def _find_rate(attributes: dict[str, Any]) -> float | None:
    return next((float(attributes[key]) for key in _RATES if key in attributes), None)


def _find_names(attributes: dict[str, Any]) -> tuple[str, ...] | None:
    for key in _NAMES:
        if key in attributes:
            return tuple(part.decode() if isinstance(part, bytes) else str(part) for part in attributes[key])
    return None
