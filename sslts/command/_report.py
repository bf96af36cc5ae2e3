"""The subcommand that writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sslts._files import check_place
from sslts.command._reading import check_rate, label_options, read_labeled
from sslts.persistence import load


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("files", nargs=-1, required=True)
@click.option("-a", "--annotations", multiple=True, help="File of annotations, to judge the model; may be repeated.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The HTML file to write.")
@click.option("--title", help="Heading of the page.")
@label_options
def report(
    model: Path, files: tuple[str, ...], annotations: tuple[str, ...], output: Path, title: str | None, **reading: Any
) -> None:
    """Write a page on what MODEL finds in FILES: with annotations, how right it is.

    \b
    Example:
      sslts report cycles.sslts 'test/*.csv' --annotations test.csv -o test.html
      sslts report cycles.sslts 'new/*.csv' -o run.html
    """
    from sslts.report import write_production_report, write_report

    check_place(output)
    segmenter = load(model)
    recordings, labels = read_labeled(files, annotations, **reading)
    check_rate(recordings, segmenter)
    options: dict[str, Any] = {} if title is None else {"title": title}
    if labels is not None:
        write_report(segmenter, recordings, labels, output, **options)
    else:
        write_production_report(segmenter, recordings, output, **options)
    click.echo(f"Written to {output}.")
