"""Annotations in EDF+ and BDF+ files."""

from __future__ import annotations

from pathlib import Path

from sslts._notices import warn
from sslts.io._edf import open_edf
from sslts.io._labels import LabelOptions, Labels, look_at_whole, make_labels


def read_edf_annotations(path: Path, _options: LabelOptions) -> Labels:
    """Return the annotations that have a duration; annotations of an instant are left out with a warning."""
    rows, instants = [], 0
    for k, item in enumerate(open_edf(path).annotations):
        if not item.duration:
            instants += 1
            continue
        rows.append((None, float(item.onset), float(item.onset + item.duration), item.text.strip(), k))
    if instants:
        warn(f"{path}: {instants} annotations without a duration are left out; a segment needs a start and an end.")
    return make_labels(path, rows, "seconds", look_at_whole())
