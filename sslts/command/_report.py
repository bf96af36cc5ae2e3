"""The subcommand that writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sslts._files import check_place
from sslts.command._reading import read_files, reading_options
from sslts.io import read_annotations
from sslts.persistence import load


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("files", nargs=-1, required=True)
@click.option("-a", "--annotations", multiple=True, help="File of annotations, to judge the model; may be repeated.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The HTML file to write.")
@click.option("--title", help="Heading of the page.")
@reading_options
def report(
    model: Path, files: tuple[str, ...], annotations: tuple[str, ...], output: Path, title: str | None, **reading: Any
) -> None:
    r"""Write a page on what MODEL finds in FILES: with annotations, how right it is.

    \b
    Example:
      sslts report cycles.sslts 'test/*.csv' --annotations test.csv -o test.html
      sslts report cycles.sslts 'new/*.csv' -o run.html
    """
    from sslts.report import write_production_report, write_report

    check_place(output)
    segmenter = load(model)
    recordings = read_files(files, **reading)
    options: dict[str, Any] = {} if title is None else {"title": title}
    if annotations:
        write_report(segmenter, recordings, read_annotations(list(annotations), recordings), output, **options)
    else:
        write_production_report(segmenter, recordings, output, **options)
    click.echo(f"Written to {output}.")
