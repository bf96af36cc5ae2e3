"""How the command shows errors and warnings: as text, without a traceback."""

from __future__ import annotations

import warnings
from typing import Any

import click

_SHOWN = (ValueError, TypeError, OSError, ImportError, FloatingPointError)


class Group(click.Group):
    """A group whose subcommands show the errors of this package as one message, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            try:
                return super().invoke(ctx)
            except _SHOWN as error:
                raise click.ClickException(str(error)) from error


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Write a warning to the standard error; warnings about code are not for the user of a command."""
    if not issubclass(category, DeprecationWarning | FutureWarning):
        click.echo(f"Warning: {message}", err=True)
