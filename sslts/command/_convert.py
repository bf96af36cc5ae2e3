"""The subcommand that converts annotations from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sslts.command._reading import label_options, read_labeled
from sslts.io import write_annotations

_FORMATS = ("table", "label-studio", "audacity", "wfdb")


@click.command()
@click.argument("source")
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The file or folder to write.")
@click.option("--to", "--format", "to", type=click.Choice(_FORMATS), help="Format of the output.")
@click.option("--unit", type=click.Choice(["samples", "seconds", "clock"]), help="Unit of start and end in the output.")
@label_options
def convert(
    source: str, files: tuple[str, ...], output: Path, to: str | None, unit: str | None, **reading: Any
) -> None:
    """Convert the annotations in SOURCE, which are about FILES, to another format.

    \b
    Example:
      sslts convert export.json 'data/*.csv' -o labels.csv
      sslts convert labels.csv 'data/*.wav' --to audacity -o tracks
    """
    recordings, found = read_labeled(files, [source], **reading)
    chosen = None if to is None else to.replace("-", "_")
    write_annotations(found, output, format=chosen, recordings=recordings, unit=unit)  # type: ignore[arg-type]
    click.echo(f"{found!r}. Written to {output}.")
