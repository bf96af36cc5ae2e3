"""The group of subcommands."""

from __future__ import annotations

import click

from sslts import __version__
from sslts.command._convert import convert
from sslts.command._fit import fit
from sslts.command._info import info
from sslts.command._messages import Group
from sslts.command._predict import predict
from sslts.command._report import report
from sslts.command._suggest import suggest

_EXAMPLE = """\b
Example:
  sslts fit 'data/*.csv' --annotations labels.csv -o cycles.sslts
  sslts predict cycles.sslts 'new/*.csv' -o found.csv
  sslts predict cycles.sslts 'new/*.csv' --per 1h -o counts.csv
"""


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EXAMPLE
)
@click.version_option(__version__, prog_name="sslts")
def main() -> None:
    """Find a recurring pattern in signals: fit on few labeled recordings, then count in many."""


for command in (fit, predict, suggest, report, info, convert):
    main.add_command(command)
