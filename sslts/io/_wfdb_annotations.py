"""Annotations of PhysioNet's WFDB format, by the library wfdb: waves between brackets, and rhythms."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts.io._files import require
from sslts.io._labels import LabelOptions, Labels, look_at_whole, make_labels

SUFFIXES = (".atr", ".ann", ".ari", ".ecg", ".qrs", ".apn", ".st", ".seg")


def read_wfdb_annotations(path: Path, _options: LabelOptions) -> Labels:
    """Return the segments of an annotation file.

    A segment lies between the marks ``(`` and ``)``, both included; its label is the note of the opening mark, or the
    symbol between the marks. A rhythm, a note such as ``(AFIB``, lasts until the next rhythm.
    """
    wfdb = require("wfdb", "wfdb", "reading WFDB annotations")
    marks = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
    notes = [str(note).strip("\x00 ") for note in marks.aux_note or [""] * len(marks.sample)]
    looked_at = look_at_whole()
    if "(" in marks.symbol or not len(marks.sample):
        return make_labels(path, _read_brackets(marks, notes, path), "samples", looked_at)
    rhythms = [k for k, note in enumerate(notes) if marks.symbol[k] == "+" and note.startswith("(")]
    if not rhythms:
        raise ValueError(
            f"{path} holds instants, such as beats, and no segments; write the marks ( and ) around each segment, or a "
            "table with start and end."
        )
    ends = [*(int(marks.sample[k]) for k in rhythms[1:]), -1]
    rows = [(None, int(marks.sample[k]), end, notes[k].lstrip("("), k) for k, end in zip(rhythms, ends, strict=True)]
    first = int(marks.sample[rhythms[0]])
    return make_labels(path, rows, "samples", looked_at.assign(start=first))


def _read_brackets(marks: Any, notes: list[str], path: Path) -> list[tuple[Any, ...]]:
    """Return the segments between brackets; raise if a bracket has no partner."""
    rows: list[tuple[Any, ...]] = []
    opened: int | None = None
    label = ""
    for k, symbol in enumerate(marks.symbol):
        if symbol == "(":
            _check_bracket(opened is None, path, k, marks)
            opened, label = k, notes[k]
        elif symbol == ")":
            _check_bracket(opened is not None, path, k, marks)
            rows.append((None, int(marks.sample[opened]), int(marks.sample[k]) + 1, label, opened))
            opened = None
        elif opened is not None and not label:
            label = notes[k] or symbol
    _check_bracket(opened is None, path, len(marks.symbol) - 1, marks)
    return rows


def _check_bracket(fits: bool, path: Path, k: int, marks: Any) -> None:
    if not fits:
        raise ValueError(
            f"{path}, row {k} (sample {int(marks.sample[k])}): a bracket has no partner; correct the marks."
        )


def format_wfdb(table: pd.DataFrame, rate: float | None) -> bytes:
    """Return the segments of one recording as an annotation file: brackets, the opening one with the label as note."""
    wfdb = require("wfdb", "wfdb", "writing WFDB annotations")
    if table.empty:
        return b"\x00\x00"
    samples = np.stack([table["start"], table["end"] - 1], axis=1).astype(np.int64).reshape(-1)
    notes = [part for label in table["label"] for part in (str(label), "")]
    with tempfile.TemporaryDirectory() as folder:
        wfdb.wrann("record", "seg", samples, ["(", ")"] * len(table), aux_note=notes, fs=rate, write_dir=folder)
        return Path(folder, "record.seg").read_bytes()
