"""The subcommand that finds segments in files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import pandas as pd

from sslts._files import check_place
from sslts.command._reading import check_rate, describe_recordings, read_files, reading_options
from sslts.command._tables import check_suffix, write_table
from sslts.io import write_annotations
from sslts.persistence import load
from sslts.recordings import Recordings
from sslts.segments import summarize


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "label-studio", "audacity", "wfdb"]),
    help="Format of the output; taken from its suffix if left out (.csv, .tsv, .parquet, .xlsx, .json, .txt, .atr).",
)
@click.option(
    "--per",
    metavar="PERIOD",
    help="Write counts and lengths per period of the clock, such as 1h, or per so many seconds of each recording.",
)
@reading_options
def predict(
    model: Path, files: tuple[str, ...], output: Path, kind: str | None, per: str | None, **reading: Any
) -> None:
    r"""Find the segments in FILES with MODEL, and write them as a table or for an annotation tool.

    The table has a row for each segment: recording (the file's name), start, end, length (samples), label, score, and
    times in seconds and on the clock where they are known. With --per, it has a row for each period and class: the
    recorded time, count, lengths and the count per hour.

    \b
    Example:
      sslts predict cycles.sslts 'new/*.csv' -o found.csv
      sslts predict cycles.sslts 'new/*.csv' --format label-studio -o tasks.json
      sslts predict cycles.sslts 'new/*.csv' --per 1h -o counts.csv
    """
    if per is not None and kind not in (None, "table"):
        raise click.UsageError(f"--per writes a table of counts, so it can't be combined with --format {kind}.")
    if per is not None:
        check_suffix(output)
    if kind not in ("audacity", "wfdb") and output.suffix not in (".txt", ".atr"):  # these may be folders
        check_place(output)
    segmenter = load(model).set_params(verbose=int(sys.stderr.isatty()))
    recordings = read_files(files, **reading)
    check_rate(recordings, segmenter)
    if per is not None:
        _check_clock(recordings, per)
    found = segmenter.predict_segments(recordings)
    if per is None:
        chosen = None if kind is None else kind.replace("-", "_")
        write_annotations(found, output, format=chosen, recordings=recordings)
    else:
        write_table(count_per(found, recordings, per, segmenter), output)
    counted = found["label"].value_counts(sort=False)
    words = ", ".join(f"{label}: {n:,}" for label, n in counted.items()) or "no segment"
    click.echo(f"{describe_recordings(recordings)}; {words}. Written to {output}.")


def _check_clock(recordings: Recordings, per: str) -> None:
    """Raise if a period goes by the clock, and a recording has none."""
    starts = recordings.starts or (None,) * len(recordings)
    if _read_seconds(per) is not None or None not in starts:
        return
    names = recordings.names or range(len(recordings))
    name = names[starts.index(None)]
    raise click.UsageError(
        f"--per {per} goes by the clock, and {name} has none. Name the column of dates with --time COLUMN, or give "
        "seconds since the start of each recording, such as --per 3600."
    )


def _read_seconds(per: str) -> float | None:
    """Return a period that is a number; None for a text such as 1h."""
    try:
        return float(per)
    except ValueError:
        return None


def count_per(found: pd.DataFrame, recordings: Recordings, period: str, segmenter: Any) -> pd.DataFrame:
    """Return counts, lengths and rates of the segments per class and period of the clock, or of each recording."""
    words = getattr(segmenter, "class_names_", None) or {}
    counted = [k for k in segmenter.classes_.tolist() if k != segmenter.background]
    labels = [words.get(k, k) for k in counted]
    seconds = _read_seconds(period)
    if seconds is None:
        return summarize(found, recordings, period=period, by=("period", "label"), labels=labels)
    if recordings.sampling_rate is None:
        raise click.UsageError(f"--per {period} is in seconds, and the files have no rate; give --sampling-rate.")
    by = ("recording", "period", "label")
    return summarize(found, recordings, period=seconds, by=by, labels=labels)
