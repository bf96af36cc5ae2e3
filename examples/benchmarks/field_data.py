"""The signals of the field benchmark: real sets of several kinds, and synthetic kinds, behind one loader.

A real set is a file ``NAME/NAME.npz`` in one folder: the signals of all recordings, laid end to end, with their labels,
lengths, units and names. ``load_arrays`` describes the layout. LUDB is read from PhysioNet's own files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kinds import KINDS

from sslts.datasets import load_ludb

N_SYNTHETIC = 150  # recordings of a synthetic kind; a third of them is for the test


class Arrays(NamedTuple):
    """Recordings with labels, and the person, machine or day of each recording.

    ``second`` holds the labels of a second annotator, or None.
    """

    X: list[np.ndarray]
    y: list[np.ndarray]
    unit: np.ndarray
    classes: tuple[str, ...]
    second: list[np.ndarray] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of signal: what it is, how it is loaded, and how many units are labeled."""

    words: str
    load: Callable[[Path | None], Arrays]
    units: str
    n_labeled: int
    n_test: int | None = None  # None: a third of the units
    n_train: int | None = None  # None: all units that are not in the test
    background: int | None = 0
    real: bool = True


def load_arrays(path: str | Path) -> Arrays:
    """Read a set from its npz file.

    Parameters
    ----------
    path : path-like
        File with the arrays ``signals (samples, channels)`` (integers, or floats), ``scale`` (a factor per channel),
        ``labels (samples,)`` (-1 where unknown), ``lengths (recordings,)``, ``unit (recordings,)`` and ``classes``
        (names; the first class is the background). ``second (samples,)`` may hold a second annotator's labels.

    Returns
    -------
    Arrays
        The signals have shape (C, T_i) and are float32.

    Raises
    ------
    ValueError
        If an array is missing, or the lengths do not add up.
    """
    with np.load(path) as data:
        missing = [name for name in ("signals", "scale", "labels", "lengths", "unit", "classes") if name not in data]
        if missing:
            raise ValueError(f"{path} lacks the arrays {missing}; see load_arrays for the layout.")
        lengths, labels, unit = data["lengths"], data["labels"].astype(np.int64), data["unit"]
        signals = (data["signals"] * data["scale"]).astype(np.float32)
        second = data["second"].astype(np.int64) if "second" in data else None
        classes = tuple(str(name) for name in data["classes"])
    if not len(signals) == len(labels) == lengths.sum() or len(unit) != len(lengths):
        raise ValueError(
            f"{path} has {len(signals)} samples, {len(labels)} labels, lengths that add up to {lengths.sum()}, "
            f"{len(lengths)} lengths and {len(unit)} units; these must agree."
        )
    cuts = np.cumsum(lengths)[:-1]
    return Arrays(
        [np.ascontiguousarray(part.T) for part in np.split(signals, cuts)],
        np.split(labels, cuts),
        unit,
        classes,
        None if second is None else np.split(second, cuts),
    )


def _read(name: str) -> Callable[[Path | None], Arrays]:
    """Return a function that loads a set from the folder of all sets."""

    def load(folder: Path | None) -> Arrays:
        if folder is None:
            raise ValueError(f"The set {name!r} is read from a folder; name it with --data FOLDER.")
        return load_arrays(folder / name / f"{name}.npz")

    return load


def _load_ludb(folder: Path | None) -> Arrays:
    """Return the leads of LUDB as recordings; stretches that nobody annotated are -1."""
    X, y, groups, names = load_ludb(None if folder is None else folder / "ludb-1.0.1", protocol="masked")
    return Arrays(list(X), list(y), groups, names)


def make_touching(n_recordings: int, random_state: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return recordings of machine strokes: forward and back follow each other at once, with pauses in between.

    A group of strokes has no background between its strokes, so its segments of different classes touch.
    """
    rng = np.random.default_rng(random_state)
    X, y = [], []
    for _ in range(n_recordings):
        n_samples, tempo, gain = int(rng.integers(1500, 3000)), np.exp(rng.normal(0, 0.2)), np.exp(rng.normal(0, 0.3))
        pieces, labels = [], []
        while sum(map(len, labels)) < n_samples:
            pause = int(rng.integers(20, 200))
            pieces.append(np.zeros(pause))
            labels.append(np.zeros(pause, dtype=np.int64))
            for stroke in range(2 * int(rng.integers(1, 6))):
                length = max(int(40 * tempo * np.exp(rng.normal(0, 0.1))), 8)
                t = np.linspace(0, np.pi, length)
                shape = np.sin(t) + (0.4 * np.sin(3 * t) if stroke % 2 else -0.3 * np.sin(2 * t))
                pieces.append(gain * np.exp(rng.normal(0, 0.15)) * shape)
                labels.append(np.full(length, 1 + stroke % 2))
        noise = np.cumsum(rng.normal(0, 0.03, n_samples)) + rng.normal(0, 0.25, n_samples)
        X.append((np.concatenate(pieces)[:n_samples] + noise).astype(np.float32))
        y.append(np.concatenate(labels)[:n_samples])
    return X, y


def _make(make: Callable[[int, int], tuple[Any, Any]]) -> Callable[[Path | None], Arrays]:
    """Return a function that makes the recordings of a synthetic kind; each recording is a unit."""

    def load(folder: Path | None) -> Arrays:  # noqa: ARG001
        X, y = make(N_SYNTHETIC, 0)
        classes = ("background", *(f"class {k}" for k in range(1, 1 + int(max(labels.max() for labels in y)))))
        return Arrays(list(X), list(y), np.arange(N_SYNTHETIC), classes)

    return load


SETS: dict[str, Kind] = {
    "tug": Kind("phone in a pocket: standing up, walking, turning, sitting down", _read("tug"), "people", 2),
    "water": Kind("water flow of a flat: tap, shower, washing machine", _read("water"), "days", 12),
    "myo": Kind("electromyogram of the forearm: seven gestures", _read("myo"), "people", 2),
    "actuator": Kind("pressures and accelerations of an actuator: two strokes", _read("actuator"), "machines", 1),
    "ludb": Kind("electrocardiogram: P, QRS and T waves", _load_ludb, "patients", 7, n_test=40, n_train=120),
}
SYNTHETIC = ("short", "long", "rare", "five", "channels", "noise", "states")
SETS |= {
    name: Kind(
        f"synthetic: {KINDS[name][0]}",
        _make(KINDS[name][1]),
        "recordings",
        2,
        background=None if name == "states" else 0,
        real=False,
    )
    for name in SYNTHETIC
}
SETS["touching"] = Kind(
    "synthetic: strokes forward and back that touch", _make(make_touching), "recordings", 2, real=False
)


class Split(NamedTuple):
    """The units of a draw: labeled, unlabeled and test units."""

    labeled: np.ndarray
    unlabeled: np.ndarray
    test: np.ndarray


def split_units(unit: np.ndarray, split: int, n_labeled: int | None, kind: Kind) -> Split:
    """Return the units of a draw; with ``n_labeled=None``, every unit of training is labeled.

    LUDB keeps the split of its own benchmark: 120 patients for training, the last 40 for the test.
    """
    order = np.random.default_rng(1000 + split).permutation(np.unique(unit))
    n_test = kind.n_test if kind.n_test is not None else max(round(len(order) / 3), 1)
    if kind.n_train is None:
        test, train = order[:n_test], order[n_test:]
    else:
        train, test = order[: kind.n_train], order[-n_test:]
    n = len(train) if n_labeled is None else n_labeled
    if not 1 <= n <= len(train):
        raise ValueError(f"{n} labeled units are wanted, but only {len(train)} units are for training; label fewer.")
    return check_split(Split(train[:n], train[n:], test))


def check_split(split: Split) -> Split:
    """Return the split; raise ValueError if a unit of the test is also in training."""
    seen = np.intersect1d(split.test, np.concatenate([split.labeled, split.unlabeled]))
    if len(seen):
        raise ValueError(
            f"The units {seen.tolist()} are in the test and in training; a unit must be in one of them, so that the "
            "test shows new units."
        )
    return split


def find_missing(arrays: Arrays, labeled: np.ndarray) -> list[str]:
    """Return the names of the classes that occur in the set, but in no labeled unit."""
    mine = np.isin(arrays.unit, labeled)
    there = np.unique(np.concatenate(arrays.y))
    known = np.unique(np.concatenate([labels for labels, is_mine in zip(arrays.y, mine, strict=True) if is_mine]))
    return [arrays.classes[k] for k in np.setdiff1d(there, known) if k >= 0]
