"""The subcommand that fits a segmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sslts._files import check_place
from sslts.command._reading import label_options, read_labeled

_METHODS = ("fixmatch", "supervised", "mean-teacher", "pseudo-label", "window-features")


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-a", "--annotations", required=True, multiple=True, help="File of annotations; may be given repeatedly.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The model file to write.")
@click.option(
    "--method", type=click.Choice(_METHODS), default="fixmatch", show_default=True, help="How the segmenter learns."
)
@click.option("--steps", type=click.IntRange(1), help="Training steps of a network; its default if left out.")
@click.option(
    "--init",
    type=click.Path(exists=True, path_type=Path),
    help="Model of an earlier customer that a network starts from.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same model.")
@click.option("--device", default="auto", show_default=True, help="Where a network trains: auto, cpu, cuda.")
@label_options
def fit(
    files: tuple[str, ...],
    annotations: tuple[str, ...],
    output: Path,
    method: str,
    steps: int | None,
    init: Path | None,
    seed: int,
    device: str,
    **reading: Any,
) -> None:
    """Fit a segmenter on FILES, of which the annotations label some.

    FILES are files, folders or patterns in quotes. Recordings that the annotations do not name are used unlabeled.

    \b
    Example:
      sslts fit 'data/*.csv' --time time --annotations labels.csv -o cycles.sslts
    """
    check_place(output)
    recordings, labels = read_labeled(files, annotations, **reading)
    segmenter = _make_segmenter(method, steps, init, seed, device, recordings.sampling_rate)
    segmenter.fit(recordings, labels).set_params(verbose=0).save(output)
    click.echo(f"{output}: {type(segmenter).__name__}, classes {_list_classes(segmenter)}")


def _make_segmenter(
    method: str, steps: int | None, init: Path | None, seed: int, device: str, sampling_rate: float | None
) -> Any:
    """Return the segmenter of a method."""
    from sslts import segmenters

    shared: dict[str, Any] = {"sampling_rate": sampling_rate, "random_state": seed, "verbose": 1}
    if method == "window-features":
        for name, value in {"steps": steps, "init": init}.items():
            if value is not None:
                raise click.UsageError(f"--{name} is for networks; --method window-features takes no {name}.")
        return segmenters.WindowFeatureSegmenter(**shared)
    kinds = {
        "fixmatch": segmenters.FixMatchSegmenter,
        "supervised": segmenters.SupervisedSegmenter,
        "mean-teacher": segmenters.MeanTeacherSegmenter,
        "pseudo-label": segmenters.PseudoLabelSegmenter,
    }
    given: dict[str, Any] = {} if steps is None else {"max_steps": steps}
    return kinds[method](**shared, **given, device=device, init=None if init is None else str(init))


def _list_classes(segmenter: Any) -> str:
    words = getattr(segmenter, "class_names_", None) or {}
    return ", ".join(str(words.get(k, k)) for k in segmenter.classes_.tolist())
