"""The value that each reader of annotations returns, and what the user says about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from sslts._notices import shorten
from sslts.io._signals import SignalOptions, name_row

Unit = Literal["samples", "seconds", "clock"]
UNITS = ("samples", "seconds", "clock")
TABLE_FORMATS = {"csv": ".csv", "tsv": ".tsv", "parquet": ".parquet", "excel": ".xlsx"}


@dataclass(frozen=True)
class LabelOptions:
    """What the user says about files of annotations; `read_annotations` documents each of them."""

    unit: Unit | None = None
    columns: Mapping[str, str | None] | None = None
    recording: str | None = None
    epoch: float | None = None
    tier: str | None = None
    timezone: Any = None
    unlabeled: str = "unlabeled"
    clip: bool = False
    table: SignalOptions = field(default_factory=SignalOptions)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.columns or ()) - {"recording", "start", "end", "label"})
        if unknown:
            raise ValueError(f"columns has {unknown[0]!r}; its keys are 'recording', 'start', 'end' and 'label'.")
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(f"unit={shorten(self.unit)}; give 'samples', 'seconds' or 'clock'.")


@dataclass(frozen=True, eq=False)
class Labels:
    """Segments as they stand in a file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    table : pandas.DataFrame
        ``recording`` (name, as the file says, or None), ``start``, ``end`` (exclusive), ``label``, ``row`` (the row in
        the file, from 0), and further columns.
    unit : {"samples", "seconds", "clock"}
        Unit of start and end.
    looked_at : pandas.DataFrame or None
        Stretches that were looked at, in samples: ``recording``, ``start``, ``end`` (-1 is the end of the recording).
        None: the recordings that the table names, as a whole.
    n_headers : int or None
        Lines before the first row, so that messages name lines; None if rows are no lines.
    slack : float
        By how much segments may go beyond the end of their recording, in the unit; they are cut there.
    """

    path: Path
    table: pd.DataFrame
    unit: Unit
    looked_at: pd.DataFrame | None = None
    n_headers: int | None = None
    slack: float = 0.0

    def name_row(self, position: int) -> str:
        """Return the file and the row of an entry of the table, for a message."""
        return f"{self.path}, {name_row(int(self.table['row'].iloc[position]), self.n_headers)}"


def look_at_whole() -> pd.DataFrame:
    """Return the table of stretches that says that the recording of a file was looked at as a whole."""
    return pd.DataFrame({"recording": pd.Series([None], dtype=object), "start": [0], "end": [-1]})


def make_labels(
    path: Path, rows: list[tuple[Any, ...]], unit: Unit, looked_at: pd.DataFrame | None, n_headers: int | None = None
) -> Labels:
    """Return labels from rows of recording, start, end, label and row."""
    table = pd.DataFrame(rows, columns=["recording", "start", "end", "label", "row"])
    return Labels(path, table, unit, looked_at, n_headers)
