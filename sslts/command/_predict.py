"""The subcommand that finds segments in files."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import click
import pandas as pd

from sslts._files import check_place
from sslts.command._reading import FillFound, check_rate, describe_recordings, name_options, read_files, reading_options
from sslts.command._tables import check_suffix, write_table
from sslts.io import list_recordings, write_annotations
from sslts.persistence import load
from sslts.prediction import SegmentedFiles, segment_files
from sslts.recordings import Recordings
from sslts.segments import summarize

_SHOWN = 5  # files that failed


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write; with --workers or --scheduler, the folder.",
)
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
@click.option(
    "--workers", type=click.IntRange(1), help="Predict in so many processes; OUTPUT is a folder of Parquet files."
)
@click.option("--scheduler", metavar="ADDRESS", help="The same on a cluster of dask, such as tcp://10.0.0.5:8786.")
@click.option("--replace", is_flag=True, help="Make the parts of a folder anew that belong to another run.")
@click.option("--retry", is_flag=True, help="Try files again that failed when their part was made.")
@reading_options
def predict(
    model: Path,
    files: tuple[str, ...],
    output: Path,
    kind: str | None,
    per: str | None,
    workers: int | None,
    scheduler: str | None,
    replace: bool,
    retry: bool,
    **reading: Any,
) -> None:
    """Find the segments in FILES with MODEL, and write them as a table or for an annotation tool.

    The table has a row for each segment: recording (the file's name), start, end, length (samples), label, score, and
    times in seconds and on the clock where they are known. With --per, it has a row for each period and class: the
    recorded time, count, lengths and the count per hour.

    With --workers or --scheduler, it is a folder with Parquet files for many FILES: segments/ as above, and recordings/
    with a row for each recording, also for a file that failed, with its error. A stopped run continues where it was.
    Each file is read by itself, and named by its path.

    \b
    Example:
      sslts predict cycles.sslts 'new/*.csv' -o found.csv
      sslts predict cycles.sslts 'new/*.csv' --format label-studio -o tasks.json
      sslts predict cycles.sslts 'new/*.csv' --per 1h -o counts.csv
      sslts predict cycles.sslts 'new/*.csv' --workers 8 -o found
    """
    if workers is not None or scheduler is not None:
        _check_combination(workers, scheduler, kind, per)
        _predict_parts(model, files, output, workers, scheduler, replace, retry, **reading)
        return
    if replace or retry:
        raise click.UsageError("--replace and --retry are for folders; add --workers or --scheduler.")
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


def _check_combination(workers: int | None, scheduler: str | None, kind: str | None, per: str | None) -> None:
    """Raise if an option does not go with a folder of Parquet files."""
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers are processes of this machine, --scheduler has its own; give one of them.")
    if kind is not None or per is not None:
        given = f"--format {kind}" if per is None else f"--per {per}"
        raise click.UsageError(f"--workers and --scheduler write Parquet files; leave {given} out.")


def _predict_parts(
    model: Path,
    files: tuple[str, ...],
    folder: Path,
    workers: int | None,
    scheduler: str | None,
    replace: bool,
    retry: bool,
    **reading: Any,
) -> None:
    """Write a folder of Parquet files; exit with 1 if files failed, unless they may be left out."""
    broken_ok = reading.pop("skip_broken")
    options: dict[str, Any] = {"reading": name_options(**reading), "transformer": FillFound()}
    options |= {"replace": replace, "retry": retry}
    paths = list_recordings(list(files))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* files failed; read_errors")
        found = _segment(model, paths, folder, workers, scheduler, options)
    click.echo(f"{found}.")
    if found.failed:
        errors = found.read_errors().head(_SHOWN)
        lines = [f"  {file}: {error}" for file, error in errors.itertuples(index=False)]
        click.echo("\n".join(["Files that failed, with all of them in recordings/:", *lines]), err=True)
    if found.failed and not broken_ok:
        raise SystemExit(1)


def _segment(
    model: Path, paths: list[str], folder: Path, workers: int | None, scheduler: str | None, options: dict[str, Any]
) -> SegmentedFiles:
    """Segment files in processes of this machine, or on a cluster of dask."""
    if scheduler is None:
        return segment_files(model, paths, folder, workers=workers, **options)
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("--scheduler needs dask; install it with: pip install 'sslts[cluster]'") from error
    with Client(scheduler) as client:
        return segment_files(model, paths, folder, executor=client.get_executor(), **options)


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
