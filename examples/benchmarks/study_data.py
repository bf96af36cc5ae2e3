"""Recordings of the study's conditions: training with few labels and with all, validation, test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ludb import split_patients
from study_conditions import N_TRAIN, Condition

from sslts._runs import find_runs
from sslts.datasets import make_recordings
from sslts.model_selection import mask_labels

SAMPLING_RATE = 100
LEADS = ("ii", "v2", "v5")
OLD_PATIENTS = 60  # patients of the earlier customer


@dataclass(frozen=True)
class Task:
    """Recordings and labels; ``hidden`` is the truth of the training recordings, for judging pseudo-labels."""

    X: np.ndarray
    y: np.ndarray
    hidden: np.ndarray
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def make_task(condition: Condition, ludb: Any) -> Task:
    """Return the recordings of a condition."""
    if condition.data == "rare":
        return make_rare(condition)
    if condition.data in ("leads", "sensor"):
        old, new = make_leads(condition, ludb) if condition.data == "leads" else make_sensor(condition)
        return pool_customers(old, new) if condition.start == "pooled" else new
    return make_ludb(condition, ludb)


def make_ludb(condition: Condition, ludb: Any) -> Task:
    """Return the electrocardiograms of a condition, with its labels."""
    X, y, groups, _ = ludb
    patients = split_patients(condition.split)
    order = patients["train"]
    unlabeled = N_TRAIN - condition.labeled if condition.unlabeled is None else condition.unlabeled
    used = order[: condition.labeled + unlabeled]
    train = np.concatenate([np.flatnonzero(groups == patient) for patient in used])
    whose = groups[train]
    x, hidden = X[train].copy(), y[train]
    few = choose_labels(condition, hidden, whose, order[: condition.labeled])
    rng = np.random.default_rng(100 + condition.split)
    few = shift_boundaries(confuse_waves(few, condition.wrong, rng), condition.jitter, rng)
    if condition.foreign:
        hidden = replace_recordings(x, few, hidden, condition)
    held_out = [(X[rows], y[rows]) for rows in (np.isin(groups, patients[name]) for name in ("validation", "test"))]
    return Task(x, few, hidden, *held_out)


def choose_labels(condition: Condition, y: np.ndarray, groups: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return labels in the unit of the condition, as many samples as the whole recordings of the first patients."""
    whole = np.where(np.isin(groups, first)[:, None], y, -1)
    if condition.unit == "patient":
        return whole
    rng = np.random.default_rng(200 + condition.split)
    if condition.unit == "lead":  # one random lead per patient, for the same number of recordings
        row_of = [rng.choice(np.flatnonzero(groups == patient)) for patient in dict.fromkeys(groups.tolist())]
        kept = row_of[: condition.labeled * len(LEADS)]
        return np.where(np.isin(np.arange(len(y)), kept)[:, None], y, -1)
    share = (whole >= 0).sum() / (y >= 0).sum()
    options = {"window_length": SAMPLING_RATE} if condition.unit == "window" else {}
    return mask_labels(y, fraction=share, unit=condition.unit, random_state=200 + condition.split, **options)


def confuse_waves(y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return labels in which a share of the labeled waves has the class of another wave."""
    y = y.copy()
    if not share:
        return y
    for labels in y:
        starts, ends, values = find_runs(labels)
        for start, end, value in zip(starts, ends, values, strict=True):
            if value > 0 and rng.random() < share:
                labels[start:end] = rng.choice([k for k in (1, 2, 3) if k != value])
    return y


def shift_boundaries(y: np.ndarray, milliseconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return labels with shifted boundaries between labeled stretches; no boundary passes its neighbors."""
    y = y.copy()
    if not milliseconds:
        return y
    for labels in y:
        starts, ends, values = find_runs(labels)
        moved = starts + np.rint(rng.normal(0, milliseconds / 1000 * SAMPLING_RATE, len(starts))).astype(int)
        for i in range(1, len(starts)):
            if values[i] < 0 or values[i - 1] < 0:
                moved[i] = starts[i]
            moved[i] = min(max(moved[i], moved[i - 1] + 1 if i > 1 else 1), ends[i] - 1)
        moved[:1] = 0
        for start, end, value in zip(moved, [*moved[1:], len(labels)], values, strict=True):
            labels[start:end] = value
    return y


def replace_recordings(x: np.ndarray, few: np.ndarray, hidden: np.ndarray, condition: Condition) -> np.ndarray:
    """Replace a share of the unlabeled ``x`` by foreign recordings; return the truth, -1 in foreign recordings."""
    free = np.flatnonzero((few < 0).all(1))
    rng = np.random.default_rng(300 + condition.split)
    gone = rng.choice(free, round(condition.foreign * len(free)), replace=False)
    x[gone], _ = make_recordings(len(gone), n_samples=x.shape[1], random_state=condition.split)
    return np.where(np.isin(np.arange(len(x)), gone)[:, None], -1, hidden)


def make_rare(condition: Condition) -> Task:
    """Return synthetic recordings in which the pattern fills a share of the time; labeled recordings contain it."""
    seed = condition.split
    X, y = make_recordings(60, n_samples=6000, share=condition.share, random_state=seed)
    few = np.full_like(y, -1)
    few_rows = np.flatnonzero((y > 0).any(1))[: condition.labeled]
    few[few_rows] = y[few_rows]
    held_out = [make_recordings(60, n_samples=6000, share=condition.share, random_state=seed + s) for s in (100, 200)]
    return Task(X, few, y, *held_out)


def make_leads(condition: Condition, ludb: Any) -> tuple[Task, Task]:
    """Return recordings of the earlier customer (lead II) and of the new customer (leads V2 and V5, other patients)."""
    X, y, groups, _ = ludb
    patients = split_patients(condition.split)
    order = patients["train"]
    lead = np.arange(len(X)) % len(LEADS)

    def choose(chosen: np.ndarray, of_new: bool) -> np.ndarray:
        rows = np.concatenate([np.flatnonzero(groups == patient) for patient in chosen])
        return rows[(lead[rows] > 0) == of_new]

    tasks = []
    for chosen, of_new, labeled in (
        (order[:OLD_PATIENTS], False, order),
        (order[OLD_PATIENTS:], True, order[OLD_PATIENTS:]),
    ):
        rows = choose(chosen, of_new)
        first = labeled[: condition.labeled] if of_new else labeled
        few = np.where(np.isin(groups[rows], first)[:, None], y[rows], -1)
        held_out = [(X[r], y[r]) for r in (choose(patients[name], of_new) for name in ("validation", "test"))]
        tasks.append(Task(X[rows], few, y[rows], *held_out))
    return tasks[0], tasks[1]


def make_sensor(condition: Condition) -> tuple[Task, Task]:
    """Return synthetic recordings of one sensor, and of another sensor: noisier, smoother and upside down."""
    tasks = []
    for of_new in (False, True):
        parts = []
        for offset, n in ((0, OLD_PATIENTS), (100, 40), (200, 40)):
            seed = condition.split + offset + 1000 * of_new
            X, y = make_recordings(n, n_samples=2000, n_classes=3, noise=0.3 if of_new else 0.1, random_state=seed)
            parts.append((change_sensor(X, np.random.default_rng(seed)) if of_new else X, y))
        (X, y), *held_out = parts
        few = np.where((np.arange(len(y)) < condition.labeled)[:, None] | (not of_new), y, -1)
        tasks.append(Task(X, few, y, *held_out))
    return tasks[0], tasks[1]


def change_sensor(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the recordings of another sensor: smoothed, with hum, upside down and with other gains."""
    time = np.arange(X.shape[1])
    smooth = np.apply_along_axis(np.convolve, 1, X, np.hanning(9)[1:-1] / np.hanning(9).sum(), mode="same")
    hum = 0.2 * np.sin(2 * np.pi * 0.21 * time + rng.uniform(0, 2 * np.pi, (len(X), 1)))
    return (-rng.uniform(2, 8, (len(X), 1)) * (smooth + hum)).astype(np.float32)


def pool_customers(old: Task, new: Task) -> Task:
    """Return the new customer's task with the earlier customer's recordings and labels added."""
    together = [np.concatenate([getattr(old, name), getattr(new, name)]) for name in ("X", "y", "hidden")]
    return Task(*together, new.validation, new.test)
