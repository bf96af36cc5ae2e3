"""The pairs of customers: an earlier one with labels, and a new one with few labels, another sensor, person or machine.

In each draw, the earlier customer's recordings are all labeled. Units of the new customer (patients, people, arms,
recordings) are split into training, validation and test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from field_data import SETS
from ludb import split_patients
from scipy.signal import butter, resample_poly, sosfiltfilt
from study_data import change_sensor

from sslts.datasets import load_ludb, make_recordings

N_OLD = 60  # earlier patients, or synthetic recordings
RATE = 100  # samples per second of the electrocardiograms


class Pool(NamedTuple):
    """Recordings and their labels."""

    X: list[np.ndarray]
    y: list[np.ndarray]


class Pair(NamedTuple):
    """The recordings of two customers; ``unit`` names the unit of each training recording of the new customer."""

    old: Pool
    new: Pool
    unit: np.ndarray
    validation: Pool
    test: Pool

    def label(self, n: int) -> list[np.ndarray]:
        """Return the labels of the first ``n`` units of the new customer, -1 elsewhere."""
        first = list(dict.fromkeys(self.unit.tolist()))[:n]
        known = np.isin(self.unit, first)
        return [y if seen else np.full_like(y, -1) for y, seen in zip(self.new.y, known, strict=True)]


@dataclass(frozen=True)
class Customers:
    """A kind of pair: what it is, how a draw is made, and parameters of the segmenter that differ."""

    words: str
    make: Callable[[Path | None, int], Pair]
    units: str
    is_real: bool = False


def choose(X: Sequence[Any], y: Sequence[Any], rows: Sequence[int]) -> Pool:
    """Return some of the recordings."""
    return Pool([np.asarray(X[i], dtype=np.float32) for i in rows], [np.asarray(y[i]) for i in rows])


@cache
def load_leads(folder: Path | None, rate: int = RATE) -> Any:
    """Return the leads II, V2 and V5 of LUDB."""
    path = None if folder is None else folder / "ludb-1.0.1"
    return load_ludb(path, leads=("ii", "v2", "v5"), sampling_rate=rate)


def make_ludb(
    folder: Path | None, draw: int, wanted: Sequence[int], change: Callable[[np.ndarray], np.ndarray] | None = None
) -> Pair:
    """Return lead II of 60 patients, and leads ``wanted`` (0: II, 1: V2, 2: V5) of the other patients."""
    X, y, patient, _ = load_leads(folder)
    lead, patients = np.arange(len(X)) % 3, split_patients(draw)
    parts = {"new": patients["train"][N_OLD:], "validation": patients["validation"], "test": patients["test"]}
    rows = {
        name: [i for one in chosen for i in np.flatnonzero(patient == one) if lead[i] in wanted]
        for name, chosen in parts.items()
    }
    first = [i for one in patients["train"][:N_OLD] for i in np.flatnonzero((patient == one) & (lead == 0))]
    seen = X if change is None else change(X)
    pools = {name: choose(seen, y, chosen) for name, chosen in rows.items()}
    return Pair(choose(X, y, first), pools["new"], patient[rows["new"]], pools["validation"], pools["test"])


def change_device(X: np.ndarray) -> np.ndarray:
    """Return electrocardiograms of another device: fewer samples, a narrow band, drift of the baseline, and noise."""
    rng = np.random.default_rng(5)
    fast = resample_poly(X, 5, 2, axis=-1)  # 250 Hz, as a device records
    band = sosfiltfilt(butter(2, [1.5, 15], "bandpass", fs=250, output="sos"), fast, axis=-1)
    slow = resample_poly(band, 2, 5, axis=-1)[:, : X.shape[-1]]
    time = np.arange(X.shape[-1]) / RATE
    drift = 0.15 * np.sin(2 * np.pi * 0.3 * time + rng.uniform(0, 2 * np.pi, (len(X), 1)))
    return (slow / slow.std(1, keepdims=True) + drift + rng.normal(0, 0.1, X.shape)).astype(np.float32)


def make_synthetic(change: Callable[[np.ndarray, np.random.Generator], np.ndarray], noise: float) -> Any:
    """Return a function that makes synthetic recordings, those of the new customer seen by another sensor."""

    def make(folder: Path | None, draw: int) -> Pair:  # noqa: ARG001
        def draw_pool(n: int, seed: int, *, is_new: bool) -> Pool:
            level = noise if is_new else 0.1
            X, y = make_recordings(n, n_samples=2000, n_classes=3, noise=level, random_state=seed)
            return choose(change(X, np.random.default_rng(seed)) if is_new else X, y, range(n))

        old = draw_pool(N_OLD, draw, is_new=False)
        new, validation, test = (
            draw_pool(n, draw + offset, is_new=True) for n, offset in ((60, 1000), (40, 1100), (40, 1200))
        )
        return Pair(old, new, np.arange(60), validation, test)

    return make


def smooth_with_hum(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the recordings of a slower sensor, with hum and other gains."""
    kernel = np.hanning(9)[1:-1] / np.hanning(9).sum()
    slow = np.apply_along_axis(np.convolve, 1, X, kernel, mode="same")
    hum = 0.3 * np.sin(2 * np.pi * 0.11 * np.arange(X.shape[1]) + rng.uniform(0, 2 * np.pi, (len(X), 1)))
    return (rng.uniform(2, 8, (len(X), 1)) * (slow + hum)).astype(np.float32)


def make_people(name: str, sizes: tuple[int, int, int, int]) -> Callable[[Path | None, int], Pair]:
    """Return a function that splits the people of a set: earlier, new, validation and test."""

    def make(folder: Path | None, draw: int) -> Pair:
        arrays = SETS[name].load(folder)
        order = np.random.default_rng(2000 + draw).permutation(np.unique(arrays.unit))
        parts = np.split(order, np.cumsum(sizes))[:4]
        rows = [[i for one in part for i in np.flatnonzero(arrays.unit == one)] for part in parts]
        old, new, validation, test = (choose(arrays.X, arrays.y, chosen) for chosen in rows)
        return Pair(old, new, arrays.unit[rows[1]], validation, test)

    return make


def make_machines(folder: Path | None, draw: int) -> Pair:
    """Return the strokes of two actuators, and of a third one, whose recordings are split."""
    arrays = SETS["actuator"].load(folder)
    rng = np.random.default_rng(3000 + draw)
    order = rng.permutation(np.unique(arrays.unit))
    mine = rng.permutation(np.flatnonzero(arrays.unit == order[-1]))
    old = choose(arrays.X, arrays.y, np.flatnonzero(np.isin(arrays.unit, order[:2])).tolist())
    new, validation, test = (choose(arrays.X, arrays.y, part.tolist()) for part in (mine[:-4], mine[-4:-2], mine[-2:]))
    return Pair(old, new, np.arange(len(new.X)), validation, test)


PAIRS = {
    "leads": Customers("electrocardiograms: lead II, then V2 and V5", lambda f, d: make_ludb(f, d, (1, 2)), "patients"),
    "device": Customers(
        "electrocardiograms: another device, narrow band",
        lambda f, d: make_ludb(f, d, (0,), change_device),
        "patients",
    ),
    "same": Customers(
        "electrocardiograms: other patients, the same lead", lambda f, d: make_ludb(f, d, (0,)), "patients"
    ),
    "sensor": Customers(
        "synthetic: a sensor upside down, slower, with hum", make_synthetic(change_sensor, 0.3), "recordings"
    ),
    "hum": Customers("synthetic: a slower sensor with hum", make_synthetic(smooth_with_hum, 0.2), "recordings"),
    "tug": Customers(
        "movements: other people, the phone carried anew", make_people("tug", (6, 8, 4, 5)), "people", True
    ),
    "actuator": Customers("strokes: another machine", make_machines, "recordings", True),
    "myo": Customers("muscles: other arms", make_people("myo", (10, 10, 6, 9)), "people", True),
}
