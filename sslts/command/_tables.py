"""The tables that subcommands write, in the format of the file's suffix."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pandas as pd

from sslts._files import check_place, replace_file

_SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx")


def check_suffix(path: Path, *others: str) -> None:
    """Raise if neither a table nor a file of another kind has the suffix of the output."""
    if path.suffix not in (*_SUFFIXES, *others):
        *some, last = *others, *_SUFFIXES
        raise click.UsageError(f"-o {path}: the suffix is {path.suffix!r}; give {', '.join(some)} or {last}.")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table; the file is complete or absent."""
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        table.to_parquet(buffer, index=False)
    elif path.suffix == ".xlsx":
        naive = {str(name): table[name].dt.tz_localize(None) for name in table.select_dtypes("datetimetz")}
        table.assign(**naive).to_excel(buffer, index=False)  # Excel has no time zones
    else:
        table.to_csv(buffer, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    replace_file(check_place(path), buffer.getvalue())
