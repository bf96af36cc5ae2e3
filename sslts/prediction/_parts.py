"""The parts of a table of segments on disk: their schemas, where they lie, and whether a part is complete."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sslts._files import check_place, replace_file

SEGMENTS, RECORDINGS = "segments", "recordings"
_KEY = b"sslts"  # of the metadata of a part

_TYPES = {
    SEGMENTS: {
        **{"recording": "string", "start": "int64", "end": "int64", "length": "int64", "label": "string"},
        **{"score": "double", "start_time": "double", "end_time": "double", "duration": "double"},
        **{"start_clock": "timestamp[ns]", "end_clock": "timestamp[ns]", "time_zone": "string"},
        **{"n_samples": "int64", "model": "string"},
    },
    RECORDINGS: {
        **{"recording": "string", "file": "string", "n_samples": "int64", "sampling_rate": "double"},
        **{"start_clock": "timestamp[ns]", "time_zone": "string", "segments": "int64", "error": "string"},
        **{"input": "string", "model": "string"},
    },
}


def import_arrow(module: str = "pyarrow") -> Any:
    """Import pyarrow; if it is missing, raise ImportError that names the extra of this package."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow; install it with: pip install 'sslts[parquet]'") from error


def get_schema(kind: str) -> Any:
    """Return the schema of a table, ``"segments"`` or ``"recordings"``."""
    arrow = import_arrow()
    types = {"double": arrow.float64(), "timestamp[ns]": arrow.timestamp("ns")}
    return arrow.schema([(name, types.get(kind_, kind_)) for name, kind_ in _TYPES[kind].items()])


class Outcome(NamedTuple):
    """What became of a part: the counts of its files, recordings, files that failed, and segments."""

    number: int
    files: int
    recordings: int
    failed: int
    segments: int
    skipped: bool = False


@dataclass(frozen=True)
class Part:
    """The two files of a part: the table of segments, and the table of recordings, which is written last."""

    folder: str
    number: int

    def get_path(self, kind: str) -> Path:
        """Return where the part of a table lies; a folder holds a thousand parts."""
        return Path(self.folder, kind, f"{self.number // 1000:04d}", f"part-{self.number:07d}.parquet")

    def read_outcome(self, mark: str) -> Outcome | None:
        """Return the outcome of a complete part with this mark; None if a file is missing, cut short or of another."""
        parquet = import_arrow("pyarrow.parquet")
        found = []
        for kind in (RECORDINGS, SEGMENTS):
            try:
                footer = parquet.read_metadata(self.get_path(kind))
                found.append(json.loads(footer.metadata[_KEY]))
            except (OSError, ValueError, KeyError, TypeError):  # errors of pyarrow are ValueErrors
                return None
            if found[-1].pop("mark", None) != mark or found[-1].pop("rows", None) != footer.num_rows:
                return None
        return Outcome(**found[0], skipped=True) if found[0] == found[1] else None

    def write(self, tables: dict[str, pd.DataFrame], outcome: Outcome, mark: str) -> None:
        """Write both files; each is complete or absent, and the part counts as complete with the second one."""
        for kind in (SEGMENTS, RECORDINGS):
            facts = {**outcome._asdict(), "mark": mark, "rows": len(tables[kind])}
            del facts["skipped"]
            path = self.get_path(kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(check_place(path), pack_table(tables[kind], kind, facts), tidy=False)


def pack_table(table: pd.DataFrame, kind: str, facts: dict[str, Any]) -> memoryview:
    """Return the bytes of a Parquet file with facts in its metadata."""
    arrow, parquet = import_arrow(), import_arrow("pyarrow.parquet")
    schema = get_schema(kind)
    columns = [
        arrow.array(table[field.name], type=field.type, from_pandas=True)
        if field.name in table
        else arrow.nulls(len(table), field.type)
        for field in schema
    ]
    packed = arrow.table(columns, schema=schema.with_metadata({_KEY: json.dumps(facts).encode()}))
    buffer = io.BytesIO()
    parquet.write_table(packed, buffer, compression="zstd")
    return buffer.getbuffer()


def read_parts(folder: Path, kind: str) -> pd.DataFrame:
    """Return the rows of all parts of a table, in the order of the parts."""
    parquet, arrow = import_arrow("pyarrow.parquet"), import_arrow()
    schema = get_schema(kind)
    tables = [parquet.read_table(path, partitioning=None).cast(schema) for path in list_parts(folder, kind)]
    return arrow.concat_tables([schema.empty_table(), *tables]).to_pandas()


def list_parts(folder: Path, kind: str) -> list[Path]:
    """Return the files of the parts of a table, in order."""
    return sorted(Path(folder, kind).glob("*/part-*.parquet"))


def remove_parts(folder: Path, first: int) -> None:
    """Remove the parts from number ``first`` on."""
    for kind in (RECORDINGS, SEGMENTS):
        for path in list_parts(folder, kind):
            if int(path.stem.rpartition("-")[2]) >= first:
                path.unlink(missing_ok=True)
