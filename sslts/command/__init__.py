"""The command ``sslts``: fit on files, find segments in files, report, describe a model, convert annotations.

Each subcommand is a thin wrapper over public functions, in a file of its own. ``_reading.py`` holds the options that
say how files of signals are read, ``_messages.py`` how errors and warnings are shown.
"""

from sslts.command.main import main

__all__ = ["main"]
