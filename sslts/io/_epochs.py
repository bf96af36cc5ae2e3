"""Annotations with one label for each epoch of fixed length, such as sleep stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sslts._notices import shorten
from sslts.io._labels import LabelOptions, Labels, make_labels
from sslts.io._tables import SUFFIXES, read_frame

_NAMES = ("label", "stage", "event", "class", "annotation", "state", "category")


def read_epochs(path: Path, options: LabelOptions) -> Labels:
    """Return the labels of epochs; equal labels that follow one another are one segment.

    The samples after the last epoch are unlabeled.
    """
    assert options.epoch is not None
    if not options.epoch > 0:
        raise ValueError(f"epoch={shorten(options.epoch)}; give the seconds of an epoch, above 0.")
    labels, n_headers = _read_labels(path, options)
    rows: list[tuple[Any, ...]] = []
    for k, label in enumerate(labels):
        begin, end = k * options.epoch, (k + 1) * options.epoch
        if rows and rows[-1][3] == label:
            rows[-1] = (*rows[-1][:2], end, label, k)
        else:
            rows.append((None, begin, end, label, k))
    nothing = pd.DataFrame({"recording": [], "start": [], "end": []})  # beside the segments
    return replace(make_labels(path, rows, "seconds", nothing, n_headers), slack=options.epoch)


def _read_labels(path: Path, options: LabelOptions) -> tuple[list[Any], int | None]:
    """Return one label for each epoch, and the lines before the first."""
    if path.suffix.lower() in SUFFIXES:
        frame, n_headers = read_frame(path, options.table)
        return frame[_find_column(frame, options, path)].tolist(), n_headers
    lines = path.read_text(encoding=options.table.encoding).splitlines()
    labels = [line.strip() for line in lines]
    while labels and not labels[-1]:
        labels.pop()
    if not labels:
        raise ValueError(f"{path} is empty: it has no label; remove the file.")
    return labels, 0


def _find_column(frame: pd.DataFrame, options: LabelOptions, path: Path) -> Any:
    told = (options.columns or {}).get("label")
    lower = {str(column).strip().lower(): column for column in frame.columns}
    found = told if told is not None else next((lower[name] for name in _NAMES if name in lower), None)
    if found is None and frame.shape[1] == 1:
        found = frame.columns[0]
    if found is None or found not in frame.columns:
        raise ValueError(
            f"{path} has no column of labels; it has {shorten(list(frame.columns))}. Pass columns={{'label': its "
            "name}}."
        )
    return found
