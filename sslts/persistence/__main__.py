"""Print the model cards of files: ``python -m sslts.persistence model.sslts``."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from sslts._files import escape
from sslts.persistence._card import format_card, read_card
from sslts.persistence.files import PersistenceError


def main(arguments: list[str] | None = None) -> int:
    """Print the model card of each file. Return 1 if a file can't be read, else 0.

    Examples
    --------
    >>> import pathlib, tempfile, sslts
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.sslts"
    ...     sslts.SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y).save(path)
    ...     main([str(path)])  # doctest: +ELLIPSIS
    file ...
    0
    """
    parser = argparse.ArgumentParser("python -m sslts.persistence", description="Print the model cards of sslts files.")
    parser.add_argument("file", nargs="+", help="a file from segmenter.save, or a checkpoint")
    failed = False
    for path in parser.parse_args(arguments).file:
        try:
            _print(format_card(read_card(path)), sys.stdout)
        except (PersistenceError, OSError) as error:
            _print(escape(f"error: {error}"), sys.stderr)
            failed = True
    return int(failed)


def _print(text: str, stream: TextIO) -> None:
    """Print text, with escapes in place of what the stream can't show."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


if __name__ == "__main__":
    sys.exit(main())
