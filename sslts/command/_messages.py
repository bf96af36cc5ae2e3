"""How the command shows errors and warnings: as text, without a traceback, with options in place of arguments."""

from __future__ import annotations

import re
import warnings
from typing import Any

import click

_SHOWN = (ValueError, TypeError, OSError, ImportError, FloatingPointError)
_OPTIONS = {
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            "time", "channels", "sampling_rate", "max_gap", "timezone", "time_format", "separator", "decimal",
            "encoding", "key", "recording", "epoch", "tier", "unit", "format", "device", "title",
        )
    },
    "max_steps": "--steps",
    "period": "--per",
    "random_state": "--seed",
}  # fmt: skip
_NAMES = "|".join(_OPTIONS)
_VALUE = r"'[^']*'|\[[^\]]*\]|[\w.+-]+|\{\}"
_PHRASES = (  # arguments whose options have another form
    (r"on_error='warn'", "--skip-broken"),
    (r"join=False", "--apart"),
    (r"resample=True", "--resample"),
    (r"time=False", "--no-time"),
    (r"reading=\{'sampling_rate': ([\d.e+]+), 'resample': True\}", r"--sampling-rate \1 and --resample"),
    (r"replace=True", "--replace"),
    (r"retry=True", "--retry"),
    (r"folder='", "-o '"),
    (r"columns=\{'(\w+|\{\})': None\}", r"--column \1="),
    (r"columns=\{'(\w+|\{\})': [^}]*\}+", r"--column \1=NAME"),
    (r"channels=\[\.\.\.\]", "--channels"),
    (r", or unit='samples'", ""),
    (r"and sampling_rate\b", "and --sampling-rate"),
    (r",? and select them later", ""),
    (r"round them, or pass unit='seconds'", "round them, or name the columns start_s and end_s"),
    (r"pass format, one of", "give a file in one of the formats"),
    (r"pass it to read_recordings", "pass --sampling-rate"),
    (r" to read_(recordings|annotations)\b", ""),
    (r"^paths_or_pattern: ", ""),
    (r"^path: ", "--annotations: "),
    (r"^n=(\d+), but", r"-n \1, but"),
    (r"pass a smaller length", "give a smaller --length"),
)


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
                raise click.ClickException(translate(str(error))) from error


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Write a warning to the standard error; warnings about code are not for the user of a command."""
    if not issubclass(category, DeprecationWarning | FutureWarning):
        click.echo(f"Warning: {translate(str(message))}", err=True)


def translate(message: str) -> str:
    """Return a message of the functions with the options of the command in place of arguments.

    Examples
    --------
    >>> translate("the recordings have no time zone; pass timezone to read_recordings.")
    'the recordings have no time zone; pass --timezone.'
    >>> translate("pass sampling_rate=10 and resample=True, or channels=['hip', 'wrist'].")
    'pass --sampling-rate 10 and --resample, or --channels hip,wrist.'
    """
    for argument, option in _PHRASES:
        message = re.sub(argument, option, message)
    message = re.sub(rf"(?<!--column )(?<![\w-])({_NAMES})=({_VALUE})", _translate_value, message)
    return re.sub(rf"\b([Pp]ass|[Gg]ive|leave out) ({_NAMES})\b", _translate_name, message)


def _translate_value(match: re.Match[str]) -> str:
    value = re.sub(r"[\[\]'\"]", "", match[2]).replace(", ", ",").rstrip(".")
    end = "." if match[2].endswith(".") and not match[2].endswith("...") else ""
    value = f'"{value}"' if " " in value or not value else value
    return f"{_OPTIONS[match[1]]} {value.replace('label_studio', 'label-studio')}{end}"


def _translate_name(match: re.Match[str]) -> str:
    return f"{match[1]} {_OPTIONS[match[2]]}"
