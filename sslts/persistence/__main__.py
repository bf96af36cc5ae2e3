"""Print the cards of files: ``python -m sslts.persistence model.sslts``."""

from __future__ import annotations

import argparse
import sys

from sslts.persistence.card import format_card, read_card
from sslts.persistence.files import PersistenceError


def main(arguments: list[str] | None = None) -> int:
    """Print the card of each file; return 1 if one of them can't be read, else 0."""
    parser = argparse.ArgumentParser("python -m sslts.persistence", description="Print what is in a file of sslts.")
    parser.add_argument("file", nargs="+", help="what segmenter.save wrote, or a checkpoint")
    failed = False
    for path in parser.parse_args(arguments).file:
        try:
            print(format_card(read_card(path)))  # noqa: T201
        except (PersistenceError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
