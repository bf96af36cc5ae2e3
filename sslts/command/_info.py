"""The subcommand that describes a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sslts._files import escape
from sslts.persistence import read_card


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write JSON for other programs.")
def info(model: Path, as_json: bool) -> None:
    """Describe MODEL: its classes, channels, training and versions. The model itself is not built.

    \b
    Example:
      sslts info cycles.sslts
    """
    card = read_card(model)
    if as_json:
        click.echo(json.dumps(card, indent=2, default=str))
        return
    for line in _list_lines(card):
        click.echo(line)


def _list_lines(card: dict[str, Any], indent: str = "") -> list[str]:
    """Return the entries of a card as lines of text."""
    lines: list[str] = []
    for name, value in card.items():
        if isinstance(value, dict):
            lines += [f"{indent}{escape(str(name))}:", *_list_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{escape(str(name))}: {escape(str(value))}")
    return lines
