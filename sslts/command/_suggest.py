"""The subcommand that says what to label next."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click
import pandas as pd

from sslts._files import check_place
from sslts.command._reading import check_rate, describe_recordings, label_options, read_labeled
from sslts.command._tables import check_suffix, write_table
from sslts.io import write_annotations
from sslts.labeling import (
    CoveringStretches,
    RandomStretches,
    RepresentativeStretches,
    UncertainStretches,
    suggest_stretches,
)
from sslts.persistence import load
from sslts.recordings import Recordings

_STRATEGIES = {
    "uncertain": UncertainStretches(),
    "covering": CoveringStretches(),
    "representative": RepresentativeStretches(),
    "random": RandomStretches(),
}


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.argument("files", nargs=-1)
@click.option("--no-model", is_flag=True, help="There is no model yet: the first argument is a file of signals.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option("-n", "number", type=click.IntRange(1), default=20, show_default=True, help="Number of stretches.")
@click.option(
    "--length",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help="Length of a stretch; several segments if left out.",
)
@click.option(
    "-a", "--annotations", multiple=True, help="File of the labels so far, which are left out; may be given repeatedly."
)
@click.option("--strategy", type=click.Choice([*_STRATEGIES]), help="How to choose; see the guide.")
@click.option("--groups", metavar="PATTERN", help="Files whose names agree in this pattern are a group.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same stretches.")
@label_options
def suggest(
    model: Path | None,
    files: tuple[str, ...],
    no_model: bool,
    output: Path,
    number: int,
    length: float | None,
    annotations: tuple[str, ...],
    strategy: str | None,
    groups: str | None,
    seed: int,
    **reading: Any,
) -> None:
    """Suggest the stretches of FILES whose labels would help MODEL most.

    An output that ends in .json holds tasks for Label Studio, with what MODEL finds in them to be corrected; other
    outputs hold a table: recording, start, end, score, reason. Import the tasks, correct and submit them, export the
    project as JSON, and fit again with all files of annotations: only what was shown and submitted counts as labeled.

    \b
    Example:
      sslts suggest cycles.sslts 'data/*.csv' -a labels.csv -n 20 -o tasks.json
      sslts suggest --no-model 'data/*.csv' -n 10 -o tasks.json
      sslts fit 'data/*.csv' -a labels.csv -a export.json -o cycles2.sslts
    """
    if model is None or (not no_model and not files):
        raise click.UsageError("give a MODEL and FILES, or --no-model and FILES.")
    check_suffix(output, ".json")
    check_place(output)
    segmenter = None if no_model else load(model).set_params(verbose=int(sys.stderr.isatty()))
    patterns = (str(model), *files) if no_model else files
    recordings, labels = read_labeled(patterns, annotations, **reading)
    if segmenter is not None:
        check_rate(recordings, segmenter)
    table = suggest_stretches(
        segmenter,
        recordings,
        labels,
        n=number,
        length=_count_samples(length, recordings),
        groups=_group(groups, recordings),
        strategy=None if strategy is None else _STRATEGIES[strategy],
        random_state=seed,
    )
    _write(table, output, recordings, segmenter)
    click.echo(f"{describe_recordings(recordings)}; {len(table)} stretches to label. Written to {output}.")


def _count_samples(length: float | None, recordings: Recordings) -> int | None:
    """Return the length of a stretch in samples."""
    if length is None:
        return None
    if recordings.sampling_rate is None:
        raise click.UsageError(f"--length {length:g} is in seconds, and the files have no rate; give --sampling-rate.")
    longest = int(recordings.lengths.max())
    if length * recordings.sampling_rate > longest:
        seconds = longest / recordings.sampling_rate
        raise click.UsageError(f"--length {length:g}: the longest recording has {seconds:g} s; give at most that.")
    return max(round(length * recordings.sampling_rate), 1)


def _group(pattern: str | None, recordings: Recordings) -> list[str] | None:
    """Return the group of each recording: what a pattern finds in its name."""
    if pattern is None:
        return None
    names = pd.Series([str(name) for name in recordings.names or range(len(recordings))])
    try:
        found = names.str.extract(f"({pattern})")[0]
    except re.error as error:
        example = r"give a regular expression such as 'patient\d+'"
        raise click.UsageError(f"--groups {pattern}: {error}; {example}.") from error
    if found.isna().any():
        raise click.UsageError(f"--groups {pattern} is not in the name {names[found.isna()].iloc[0]!r}.")
    return found.tolist()


def _write(table: pd.DataFrame, output: Path, recordings: Recordings, segmenter: Any) -> None:
    """Write suggestions as a table, or as tasks with what the model finds in them."""
    if output.suffix != ".json":
        write_table(table, output)
        return
    names = list(recordings.names or range(len(recordings)))
    which = sorted({names.index(name) for name in table["recording"]})
    found = None if segmenter is None else segmenter.predict_segments(recordings.select(which))
    write_annotations(found, output, format="label_studio", recordings=recordings, stretches=table)
