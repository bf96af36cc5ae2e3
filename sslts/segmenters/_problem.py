"""Read, check and measure recordings and labels before an estimator changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from sklearn.utils.validation import _get_feature_names

from sslts._notices import warn
from sslts.annotations import (
    LabelDetails,
    LabelRuns,
    Occurrences,
    Pool,
    SegmentStatistics,
    SignalSummary,
    choose_taught,
    find_classes,
    measure_occurrences,
    measure_runs,
    read_known_pool,
    read_source,
    read_weighed_labels,
    read_words,
    require_labels,
    share_classes,
    summarize_signal,
    warn_of_columns,
    warn_of_lost_background,
    warn_of_zeros,
    weigh_classes,
)
from sslts.recordings import Recordings, read_signals

_DRAWS = 20  # attempts to hold recordings out without losing a class


@dataclass(frozen=True)
class Problem:
    """The recordings and labels of a fit, and the values measured from them.

    Parameters
    ----------
    recordings : Recordings
    labels : LabelRuns
        Classes, ``-1`` where unlabeled.
    classes : ndarray of int, shape (K,)
    statistics : SegmentStatistics
    summary : SignalSummary
    n_features : int
        Value of ``n_features_in_``.
    feature_names : ndarray of str or None
        Value of ``feature_names_in_``, if ``X`` is a table with named columns.
    background : int or None
        The class that is not a segment.
    class_names : mapping of int to str, or None
        The word of each class, if the labels are words.
    occurrences : Occurrences or None
        The codes that tell occurrences that touch apart; None if no labeled occurrences touch.
    pools : mapping of str to Pool, default={}
        Additional pools of labeled recordings.
    validation : Pool or None
        Labeled recordings that do not take part in the training.
    normalization : {"recording", "training", "local"} or None
        The normalization of the fit, "auto" resolved.
    moments : (location, scale) or None
        Location and scale of the channels, (C,) each, for ``normalization="training"``.
    trust : dict or None
        Value of ``trust_``: how well network and guide label held-out recordings; None without a guide.
    guesses : LabelRuns or None
        A guide's class indices of the samples that windows without labels may be drawn from, ``-1`` elsewhere; None if
        the network labels these windows itself.
    details : LabelDetails
        Weights and soft labels of the labeled samples, where given.
    source : Pool or None
        Labeled recordings of an earlier customer.
    source_fades : bool, default=True
        Whether the weight of the source's labels falls to 0 at the beginning of the training.
    sampling_rate : float or None
        Samples per second: the estimator's, else that of the recordings; None if unknown.
    """

    recordings: Recordings
    labels: LabelRuns
    classes: np.ndarray
    statistics: SegmentStatistics
    summary: SignalSummary
    n_features: int
    feature_names: np.ndarray | None
    background: int | None = 0
    class_names: Mapping[int, str] | None = None
    occurrences: Occurrences | None = None
    pools: Mapping[str, Pool] = field(default_factory=dict)
    validation: Pool | None = None
    normalization: str | None = None
    moments: tuple[np.ndarray, np.ndarray] | None = None
    trust: dict[str, Any] | None = None
    guesses: LabelRuns | None = None
    details: LabelDetails = field(default_factory=LabelDetails)
    source: Pool | None = None
    source_fades: bool = True
    sampling_rate: float | None = None

    @property
    def has_labels(self) -> bool:
        """Whether a sample of the recordings is labeled; a fit with a source or an earlier model may have none."""
        return bool(self.labels.labeled.any())

    @property
    def taught(self) -> LabelRuns:
        """The labels of the labeled windows: those of the recordings, or of the source if the recordings have none."""
        return self.labels if self.source is None or self.has_labels else self.source.labels

    @cached_property
    def targets(self) -> LabelRuns:
        """The labels as codes, ``-1`` where unlabeled; see `encode`."""
        return self.encode(self.labels)

    def encode(self, labels: LabelRuns) -> LabelRuns:
        """Return labels as codes, which a network learns: class indices, and first halves where occurrences touch."""
        indices = labels.encode(self.classes)
        return indices if self.occurrences is None else self.occurrences.encode(indices)

    @property
    def n_codes(self) -> int:
        """Number of codes, C: the number of classes if no labeled occurrences touch."""
        return len(self.codes)

    @property
    def codes(self) -> np.ndarray:
        """Names of the codes, shape (C,): classes, and ``-2 - class`` for the first half of a class."""
        return name_codes(self.classes, self.occurrences)

    @cached_property
    def shares(self) -> np.ndarray:
        """The share of each code among the labeled samples, by their weights, shape (C,).

        With few labels, those of the source count too. Without any label, the shares are equal.
        """
        taught = choose_taught(self.labels, self.source, self.background)
        if not taught.labeled.any():
            return np.full(self.n_codes, 1 / self.n_codes)
        weights = self.details.weights if taught is self.labels else None
        return share_classes(self.encode(taught), self.n_codes, weights)

    def weigh(self, class_weight: Any) -> np.ndarray | None:
        """Return the weight of each code in the labeled loss, shape (C,); both halves of a class have its weight."""
        if self.occurrences is None:
            return weigh_classes(class_weight, self.shares, self.classes)
        weights = weigh_classes(class_weight, self.occurrences.merge(self.shares), self.classes)
        return None if weights is None else weights[self.occurrences.owner]

    def hold_out(self, share: float, seed: int) -> Problem:
        """Return the problem without a share of its labeled recordings, which become the ``validation``."""
        kept, held = choose_held_out(self.labels, share, seed)
        validation = Pool(self.recordings.select(held.tolist()), self.labels.select(held), self.details.select(held))
        rest = Pool(self.recordings.select(kept.tolist()), self.labels.select(kept), self.details.select(kept))
        return replace(self._replace_pool(rest, self.classes), validation=validation)

    def split_labeled(self, *, alike: bool = False) -> tuple[Problem, Problem] | None:
        """Return two problems, each with half of the labeled recordings; one recording is halved in time.

        Neighbors often come from one person or machine, so they stay together. Pools and validation are left out. The
        result is None if a half would have fewer than two classes. With ``alike``, both halves have the classes,
        lengths and occurrences of the whole problem, so that they train networks with the same outputs.

        Examples
        --------
        >>> labels = [[0] * 20 + [1] * 30, -1, [1] * 20 + [0] * 30]
        >>> first, second = read_problem(np.zeros((3, 50)), labels, who="FixMatchSegmenter").split_labeled()
        >>> first.labels.value.tolist(), second.labels.value.tolist()
        ([0, 1], [1, 0])
        """
        parts = []
        for kept, labels in halve_labels(self.labels):
            classes = np.unique(labels.value[labels.value >= 0])
            if len(classes) < 2:
                return None
            pool = Pool(self.recordings.select(kept.tolist()), labels, self.details.select(kept))
            part = self._replace_pool(pool, self.classes if alike else classes)
            if alike:
                part = replace(part, classes=self.classes, statistics=self.statistics, occurrences=self.occurrences)
            parts.append(replace(part, pools={}, validation=None))
        return parts[0], parts[1]

    def turn_to_source(self) -> Problem:
        """Return the problem of the source's recordings, labels and classes alone."""
        assert self.source is not None
        labels = self.source.labels
        own = replace(self, source=None, validation=None)
        return own._replace_pool(self.source, np.unique(labels.value[labels.value >= 0]))

    def _replace_pool(self, pool: Pool, classes: np.ndarray) -> Problem:
        """Return the problem with other recordings and labels of some of the classes."""
        taught = choose_taught(pool.labels, self.source, self.background)
        measured = measure_labels(pool.recordings, taught, classes, self.background)
        return replace(
            self, recordings=pool.recordings, labels=pool.labels, details=pool.details, classes=classes, **measured
        )


def measure_labels(
    recordings: Recordings, labels: LabelRuns, classes: np.ndarray, background: int | None
) -> dict[str, Any]:
    """Return statistics, summary and occurrences of labels, by the name of the field of `Problem`."""
    options: dict[str, Any] = {"classes": classes.tolist(), "background": background}
    each = measure_runs(labels, **options)  # with a length for each occurrence
    joined = labels.join()
    return {
        "statistics": each if joined is labels else measure_runs(joined, **options),
        "summary": summarize_signal(each, recordings.lengths, n_channels=recordings.n_channels),
        "occurrences": measure_occurrences(labels, **options),
    }


def name_codes(classes: np.ndarray, occurrences: Occurrences | None) -> np.ndarray:
    """Return the name of each code, by which models with other codes are compared: see `Problem.codes`.

    Examples
    --------
    >>> name_codes(np.array([0, 7]), None).tolist()
    [0, 7]
    """
    if occurrences is None:
        return classes
    return np.concatenate([classes, -2 - classes[occurrences.owner[len(classes) :]]])


def choose_held_out(labels: LabelRuns, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the recordings to keep, and of a random share of the labeled recordings.

    Each class stays in the recordings that are kept.

    Raises
    ------
    ValueError
        If too few recordings are labeled.

    Examples
    --------
    >>> labels = LabelRuns.from_constants(np.array([0, 1, 0, 1, -1]), np.full(5, 9))
    >>> kept, held = choose_held_out(labels, 0.5, seed=0)
    >>> len(kept), len(held), 4 in kept
    (3, 2, True)
    """
    labeled = np.flatnonzero(labels.labeled)
    if not len(labeled):
        raise ValueError(
            f"validation={share} holds out labeled recordings, but y has none; pass validation=(X_val, y_val)."
        )
    count = max(1, round(share * len(labeled)))
    known = labels.value >= 0
    classes, index = np.unique(labels.value[known], return_inverse=True)
    has = np.zeros((len(labels), len(classes)), dtype=bool)
    has[labels.recording[known], index] = True
    rng, most = np.random.default_rng((seed, 3)), 0
    for _ in range(_DRAWS):
        held: list[int] = []
        left = has.sum(0)
        for i in rng.permutation(labeled).tolist():
            if len(held) < count and (left - has[i] > 0).all():
                held.append(i)
                left = left - has[i]
        if len(held) == count:
            return np.setdiff1d(np.arange(len(labels)), held), np.sort(held)
        most = max(most, len(held))
    raise ValueError(
        f"validation={share:g} holds out {count} of {len(labeled)} labeled recordings, but only {most} can be held "
        f"out: each class {classes.tolist()} must stay in a training recording. Label more recordings, lower the "
        "share, or pass validation=(X_val, y_val)."
    )


def halve_labels(labels: LabelRuns) -> list[tuple[np.ndarray, LabelRuns]]:
    """Return the positions and the labels of the first and the second half of the labeled recordings.

    Each half has about as many labeled samples. One labeled recording is halved in time, so it is in both halves.

    Examples
    --------
    >>> for kept, half in halve_labels(LabelRuns.from_labels([np.array([0, 0, 1, 1, -1]), np.full(9, -1)])):
    ...     print(kept.tolist(), half.value.tolist(), half.size.tolist())
    [0] [0, -1] [2, 3]
    [0] [-1, 1, -1] [2, 2, 1]
    """
    counts = labels.count_samples()
    labeled = np.flatnonzero(counts)
    if len(labeled) > 1:
        done = np.cumsum(counts[labeled])
        cut = 1 + int(np.abs(2 * done[:-1] - done[-1]).argmin())
        return [(part, labels.select(part)) for part in np.split(labeled, [cut])]
    one = labels.select(labeled)
    known = np.where(one.value >= 0, one.size, 0)
    early = np.clip(known.sum() // 2 - (np.cumsum(known) - known), 0, known)  # samples of a run in the first half
    early_end = one.start + early
    halves = []
    for shown in ((one.value, np.full_like(one.value, -1)), (np.full_like(one.value, -1), one.value)):
        start, value = np.stack([one.start, early_end], axis=1), np.stack(shown, axis=1)
        filled = np.stack([early, one.size - early], axis=1) > 0
        halves.append(
            (labeled, LabelRuns.from_runs(one.lengths, np.zeros(filled.sum(), int), start[filled], value[filled]))
        )
    return halves


def read_problem(
    X: Any,
    y: Any,
    *,
    who: str,
    class_names: Mapping[int, str] | None = None,
    background: int | None = 0,
    sampling_rate: float | None = None,
    plain: bool = False,
    pools: Mapping[str, tuple[Any, Any]] | None = None,
    validation: tuple[Any, Any] | None = None,
    sample_weight: Any = None,
    source: tuple[Any, Any] | None = None,
    model_classes: np.ndarray | None = None,
) -> Problem:
    """Return the problem of a fit: ``X`` and ``y``, read, checked and measured without torch.

    Parameters
    ----------
    X, y
        Recordings and labels, in any accepted container.
    who : str
        Name of the estimator, for messages.
    class_names : mapping of int to str, or None
        Words of the model that the fit starts from: the same words get the same numbers.
    background : int or None
        The class that is not a segment.
    sampling_rate : float or None
        Samples per second, compared with the time stamps of the recordings.
    plain : bool
        Whether the network sees the raw values (``normalization=None``).
    pools : mapping of str to (X, y), or None
        Additional pools of labeled recordings, by the name of their argument.
    validation : (X, y), or None
        Labeled recordings that do not take part in the training.
    sample_weight : array-like or None
        Weights of the labeled samples, by sample or by recording.
    source : (X_old, y_old), or None
        Labeled recordings of an earlier customer, whose classes count too.
    model_classes : ndarray of int, or None
        Classes of the model that the fit starts from. They are the classes of a fit without any label.

    Raises
    ------
    ValueError, TypeError
        If an input is invalid; the message names the argument and the recording.

    Examples
    --------
    >>> problem = read_problem(np.zeros((2, 50)), [[0] * 20 + [1] * 30, -1], who="FixMatchSegmenter")
    >>> problem.classes.tolist(), problem.shares.tolist(), problem.labels.describe()["labeled_recordings"]
    ([0, 1], [0.4, 0.6], 1)
    """
    require_labels(y, who)
    known = class_names
    y, class_names = read_words(y, known)
    recordings = read_signals(X, sampling_rate=sampling_rate, plain=plain)
    labels, details = read_weighed_labels(y, recordings, sample_weight)
    rate = sampling_rate or recordings.sampling_rate
    earlier = None
    if source is not None:
        earlier, class_names = read_source(
            source, labels, recordings, class_names, known, background=background, rate=rate, who=who, plain=plain
        )
    taught = labels if earlier is None else LabelRuns.concatenate([labels, earlier.labels])
    if model_classes is not None and not (taught.value >= 0).any():
        classes, class_names = model_classes, known
    else:
        found = find_classes(taught.value, touching=bool(taught.touches.any()))
        classes = found if details.n_classes is None else np.arange(details.n_classes)
        lacking = np.setdiff1d(found, found if details.soft is None else details.soft.columns)
        if len(lacking):
            raise ValueError(
                f"source[1] has class {lacking[0]}, for which the soft labels in y have no column; set its samples to "
                "-1, or give y a column for it."
            )
        warn_of_lost_background(taught, found, background)
    warn_of_zeros(labels, background)
    warn_of_columns(recordings, labels)
    _warn_of_single_samples(labels, background)
    read_pool = partial(
        read_known_pool,
        class_names=class_names,
        recordings=recordings,
        classes=classes,
        who=who,
        sampling_rate=sampling_rate,
        plain=plain,
    )
    return Problem(
        recordings=recordings,
        labels=labels,
        details=details,
        classes=classes,
        **measure_labels(recordings, choose_taught(labels, earlier, background), classes, background),
        source=earlier,
        sampling_rate=None if rate is None else float(rate),
        n_features=_count_features(recordings),
        feature_names=_get_feature_names(X) if recordings.container == "array" else None,
        background=background,
        class_names=class_names,
        pools={name: read_pool(given, name) for name, given in (pools or {}).items()},
        validation=None if validation is None else read_pool(validation, "validation"),
    )


def _warn_of_single_samples(labels: LabelRuns, background: int | None) -> None:
    """Warn of occurrences that directly follow an occurrence of one sample, which has no second half."""
    after = np.append(False, labels.size[:-1] == 1)[: len(labels.value)]
    lost = int((labels.touches & after & (labels.value != background)).sum())
    if lost:
        warn(
            f"y: {lost} segments touch a segment of one sample before them, and are learned as one with it. Raise the "
            "sampling rate, or give such segments two samples."
        )


def _count_features(recordings: Recordings) -> int:
    """Return the number of features as scikit-learn counts them: columns of an array, else channels."""
    flat = recordings.container == "array" and len(recordings.sources[0].shape) == 1
    return int(recordings.lengths[0]) if flat else recordings.n_channels
