"""What a fit understood: one line about its data and method, and warnings about its pseudo-labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts._text import clean_text
from sslts.annotations import LabelRuns, share_classes
from sslts.recordings import Recordings
from sslts.segmenters._problem import Problem

FEWEST_STEPS = 100  # after fewer steps of a fit, its pseudo-labels say nothing about the method
_LAST_ROWS = 0.4  # share of the history
_VANISHED = 0.01  # of the share of a class among the labels
_HARDLY_ANY = 0.05  # share of samples with a pseudo-label, which are too few to compare shares
_SHOWN = 8  # classes
_LONGEST_WORD = 32  # characters


def print_understanding(
    recordings: Recordings,
    labels: LabelRuns,
    *method: str,
    background: int | None,
    class_names: Mapping[int, str] | None,
    sampling_rate: float | None,
) -> None:
    """Print one line about the recordings and labels of a fit, followed by the ``method``: windows, network, device."""
    data = describe_data(
        recordings, labels, background=background, class_names=class_names, sampling_rate=sampling_rate
    )
    print("; ".join([data, ", ".join(method)]), flush=True)  # noqa: T201


def describe_data(
    recordings: Recordings,
    labels: LabelRuns,
    *,
    background: int | None = 0,
    class_names: Mapping[int, str] | None = None,
    sampling_rate: float | None = None,
) -> str:
    """Return the numbers of recordings, hours and labels, and the classes with their segments.

    Examples
    --------
    >>> from sslts.recordings import as_recordings
    >>> labels = LabelRuns.from_labels([np.array([0, 1, 1, 0, 1]), np.full(5, -1)])
    >>> describe_data(as_recordings(np.zeros((2, 3, 5))), labels, class_names={0: "background", 1: "step"})
    '2 recordings of 3 channels, 10 samples, 1 labeled (50.0% of the samples): background, step (2 segments)'
    """
    found = labels.describe()
    rate = sampling_rate or recordings.sampling_rate
    n, c = found["recordings"], recordings.n_channels
    return (
        f"{count(n, 'recording')} of {count(c, 'channel')}, {_describe_length(found['samples'], rate)}, "
        f"{found['labeled_recordings']:,} labeled ({_describe_share(found['labeled_samples'] / found['samples'])} of "
        f"the samples): {_describe_classes(labels, background, class_names or {})}"
    )


def count(n: int, noun: str) -> str:
    """Return a number and its noun.

    Examples
    --------
    >>> count(1, "segment"), count(1200, "segment")
    ('1 segment', '1,200 segments')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _describe_length(samples: int, rate: float | None) -> str:
    """Return a duration in hours, minutes or seconds; in samples without a sampling rate."""
    if rate is None:
        return count(samples, "sample")
    seconds = samples / rate
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.3g} s"


def _describe_share(share: float) -> str:
    """Return a share in percent; neither 0 nor 100 % unless it is exact."""
    if 0 < share < 0.001:
        return "<0.1%"
    return ">99.9%" if 0.999 < share < 1 else f"{share:.1%}"


def _describe_classes(labels: LabelRuns, background: int | None, words: Mapping[int, str]) -> str:
    """Return the classes, the background first, the others with the number of their segments."""
    classes, counts = np.unique(labels.value[labels.value >= 0], return_counts=True)
    order = np.argsort(classes != background, kind="stable")
    shown = []
    for k, n in zip(classes[order].tolist(), counts[order].tolist(), strict=True):
        name = _name_class(k, background, words)
        shown.append(name if k == background else f"{name} ({count(n, 'segment')})")
    rest = len(shown) - _SHOWN
    return ", ".join(shown if rest <= 1 else [*shown[:_SHOWN], f"{rest} more classes"])


def name_all(classes: np.ndarray, background: int | None, words: Mapping[int, str] | None) -> list[str]:
    """Return the words of classes, or their numbers.

    Examples
    --------
    >>> name_all(np.array([0, 1, 2]), 0, {2: "step"})
    ['background', 'class 1', 'step']
    """
    return [_name_class(k, background, words or {}) for k in classes.tolist()]


def _name_class(k: int, background: int | None, words: Mapping[int, str]) -> str:
    """Return the word of a class; without a word, its number, or "background"."""
    if k in words:
        return clean_text(words[k], _LONGEST_WORD)
    return "background" if k == background else f"class {k}"


def take_end(history: pd.DataFrame) -> pd.DataFrame:
    """Return the last rows of a history, of which there is at least one."""
    return history.iloc[-max(round(_LAST_ROWS * len(history)), 1) :]


def warn_of_vanished_classes(who: str, end: pd.DataFrame, problem: Problem, fix: str) -> None:
    """Warn if a class has labels but hardly any pseudo-label in the rows ``end`` of a history.

    Nothing is said where hardly any sample has a pseudo-label at all.
    """
    columns = [f"share_{k}" for k in problem.classes]
    if not set(columns) <= set(end.columns) or end["mask_rate"].mean() < _HARDLY_ANY:
        return
    labels = problem.taught.encode(problem.classes)
    warn_of_shares(
        who,
        end[columns].mean().to_numpy(),
        share_classes(labels, len(columns), problem.details.weights),
        name_all(problem.classes, problem.background, problem.class_names),
        fix,
    )


def warn_of_shares(who: str, found: np.ndarray, labeled: np.ndarray, names: Sequence[str], fix: str) -> None:
    """Warn of the first class whose share among the pseudo-labels is below a hundredth of that among the labels."""
    gone = np.flatnonzero(found < _VANISHED * labeled)  # NaN without a pseudo-label is not below
    if not len(gone):
        return
    j, others = gone[0], [names[i] for i in gone[1:_SHOWN]]
    more = f" The same holds for {', '.join(others)}." if others else ""
    warn(
        f"{who}: {names[j]} vanished from the pseudo-labels: it is {labeled[j]:.2%} of the labeled samples, but "
        f"{found[j]:.2%} of the pseudo-labels at the end of the training.{more} So the unlabeled recordings teach "
        f"that it does not occur. Unless they really lack it, label more segments of it, or {fix}."
    )


def count_weights(module: Any) -> str:
    """Return the number of weights of a torch module, in words."""
    return count(sum(weight.numel() for weight in module.parameters()), "weight")


def name_object(value: Any) -> str:
    """Return the name of a function or class, or of the class of an instance."""
    return clean_text(getattr(value, "__name__", None) or type(value).__name__, _LONGEST_WORD)
