"""Label tracks of Audacity: lines of start, end and text between tabs, in seconds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sslts.io._labels import LabelOptions, Labels, look_at_whole, make_labels


def read_track(path: Path, _options: LabelOptions) -> Labels:
    """Return the labels of a track; an empty track says that the recording has no segment."""
    rows = []
    for k, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines()):
        if not line.strip() or line.startswith("\\"):  # a line with a backslash holds frequencies
            continue
        parts = line.split("\t")
        try:
            start, end = float(parts[0]), float(parts[1])
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"{path}, row {k} (line {k + 1}): {line[:60]!r} is no label of Audacity; write start, end and text "
                "between tabs, in seconds."
            ) from error
        rows.append((None, start, end, parts[2].strip() if len(parts) > 2 else "", k))
    return make_labels(path, rows, "seconds", look_at_whole(), 0)


def format_track(table: pd.DataFrame, rate: float) -> bytes:
    r"""Return the segments of one recording as a label track.

    Examples
    --------
    >>> format_track(pd.DataFrame({"start": [50], "end": [125], "label": ["step"]}), 100.0)
    b'0.500000\t1.250000\tstep\n'
    """
    digits = 6 if rate < 1e5 else 9
    lines = [
        f"{start / rate:.{digits}f}\t{end / rate:.{digits}f}\t{' '.join(str(label).split())}\n"
        for start, end, label in zip(table["start"], table["end"], table["label"], strict=True)
    ]
    return "".join(lines).encode()
