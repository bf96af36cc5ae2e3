"""The guide of pseudo-labels: window features, if they label held-out recordings better than the network does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from sslts._notices import warn
from sslts._ranks import may_print
from sslts._runs import find_runs
from sslts._wrapping import check_completed
from sslts.annotations import LabelRuns
from sslts.metrics import class_iou
from sslts.segmenters._predicting import PredictsRecordings
from sslts.segmenters._problem import Problem
from sslts.segmenters._scoring import UNKNOWN, Score, score_held_out
from sslts.segmenters._start import Start
from sslts.segmenters._understanding import take_end
from sslts.segmenters.base import TRIAL, NetworkSegmenter
from sslts.segmenters.supervised import SupervisedSegmenter
from sslts.segmenters.window_features import WindowFeatureSegmenter

_MOST_LABELED = 1 << 22  # labeled samples; with more labels, the network needs no guide
_MARGIN = 0.04  # of mean IoU and agreement; FixMatch itself gains some points over labels alone
_COMPARED = 1 << 18  # unlabeled samples that two fits label to see whether they agree
_HARDLY_ANY = 0.05  # share of samples with a pseudo-label
_STEPS = 200  # at most, of a network in the comparison
_FEWEST_STEPS = 100  # after fewer steps of the fit, a network says nothing about its method
Fit = Callable[[Problem], PredictsRecordings]


def find_guesses(segmenter: NetworkSegmenter, problem: Problem, start: Start, seed: int) -> Problem:
    """Return the problem with ``trust``, and with ``guesses`` if window features are better than the network.

    The network, without pseudo-labels, and window features are fitted on each half of the labeled recordings. Each fit
    labels the other half, and unlabeled recordings. If the window features win, their decoded labels become the
    pseudo-labels.
    """

    def fit_network(seen: Problem) -> PredictsRecordings:
        network = segmenter._make_trial(min(segmenter.max_steps, _STEPS))
        network._fit_net(seen, start, seed)
        check_completed(network)  # Ctrl-C ends the whole fit
        return network

    def fit_features(seen: Problem) -> PredictsRecordings:
        guide = WindowFeatureSegmenter(
            decoder=segmenter.decoder,
            normalization=None if seen.normalization == "training" else seen.normalization,
            background=segmenter.background,
            n_jobs=torch.get_num_threads(),
        )
        return guide._fit_problem(seen, seed)

    enough = segmenter.max_steps >= _FEWEST_STEPS and _needs_guide(problem)
    if enough and may_print(segmenter.verbose):
        print(f"{type(segmenter).__name__}: the network and window features are compared on held-out labels")  # noqa: T201
    network, features = compare(problem, seed, fit_network, fit_features) if enough else (UNKNOWN, UNKNOWN)
    guided = _is_better_teacher(features, network)
    guesses = None
    if guided:
        most = segmenter.max_steps * segmenter._count_unlabeled() * problem.summary.choose_window_length(1, 1)
        guesses = guess_labels(fit_features(problem), problem, most, seed)
    if enough and may_print(segmenter.verbose):
        print(f"{type(segmenter).__name__}: {'window features' if guided else 'the network'} will label")  # noqa: T201
    trust = {"network": network._asdict(), "window_features": features._asdict(), "guided": guided}
    return replace(problem, trust=trust, guesses=guesses)


def _is_better_teacher(features: Score, network: Score) -> bool:
    """Return whether window features are clearly better: by four points, or with half of the network's errors.

    In the first case their log loss must be lower too, in the second their agreement higher.
    """
    by_points = features.level - network.level > _MARGIN and features.log_loss < network.log_loss
    by_half = 1 - features.level < (1 - network.level) / 2 and features.agreement > network.agreement
    return bool(by_points or by_half)


def _needs_guide(problem: Problem) -> bool:
    """Return whether there are few labels and unlabeled samples, of a size that window features can compute with."""
    n_labeled = problem.labels.count_samples().sum()
    if n_labeled > _MOST_LABELED or n_labeled == problem.recordings.lengths.sum():
        return False
    if problem.normalization == "training":  # the window features see the values as they are
        try:
            problem.recordings.check_finite(plain=True)
        except ValueError:
            return False
    return True


def make_baseline(segmenter: NetworkSegmenter, max_steps: int) -> SupervisedSegmenter:
    """Return an unfitted segmenter with the same parameters that learns from labels alone."""
    shared = {name: getattr(segmenter, name) for name in SupervisedSegmenter._get_param_names()}
    strong = segmenter._get_first_strong()
    return SupervisedSegmenter(**{**shared, **TRIAL, "strong": strong, "max_steps": max_steps})


def warn_of_distrust(segmenter: NetworkSegmenter) -> None:
    """Warn if hardly any unlabeled sample had a pseudo-label at the end of a fit of enough steps."""
    if segmenter.net_.step_ < _FEWEST_STEPS:
        return
    rate = take_end(segmenter.history_)["mask_rate"].mean()
    if rate < _HARDLY_ANY:
        warn(
            f"{type(segmenter).__name__}: {rate:.1%} of the unlabeled samples had a pseudo-label at the end of the "
            "training: the teacher was rarely as confident as the threshold demands. So the unlabeled recordings "
            f"hardly took part. Label more recordings, or lower threshold={segmenter.threshold!r}."
        )


def compare(problem: Problem, seed: int, *fits: Fit) -> list[Score]:
    """Return the score of each kind of fit, fitted on each half of the labeled recordings.

    Mean IoU and log loss are those of the half that a fit did not see, mean of both. NaN says that the labels do not
    suffice for a comparison.
    """
    halves = problem.split_labeled()
    if halves is None:
        return [UNKNOWN] * len(fits)
    scores = []
    for fit in fits:
        both = [fit(half) for half in halves]
        held = Score(
            *np.mean([score_held_out(*pair) for pair in zip(both, halves[::-1], strict=True)], axis=0).tolist()
        )
        scores.append(held._replace(agreement=_measure_agreement(both, problem, seed)))
    return scores


def _measure_agreement(both: Sequence[PredictsRecordings], problem: Problem, seed: int) -> float:
    """Return the mean IoU of the labels that two fitted segmenters give to unlabeled samples; NaN without any.

    A class that neither finds counts as 0, so that two fits do not agree by finding nothing.
    """
    found: list[dict[int, list[np.ndarray]]] = [{}, {}]
    for segmenter, labels in zip(both, found, strict=True):
        for i, part in _label_some(segmenter, problem, _COMPARED, seed):
            labels.setdefault(i, []).append(segmenter._name_labels(part))
    first, second = [], []
    for i in found[0].keys() & found[1].keys():
        one, other = (np.concatenate(labels[i]) for labels in found)
        size = min(len(one), len(other))
        given = problem.labels.cut(np.array([i]), np.array([0]), size)[0]
        first.append(np.where(given < 0, one[:size], -1))
        second.append(other[:size])
    if not any((labels >= 0).any() for labels in first):
        return np.nan
    return float(class_iou(first, second).reindex(problem.classes, fill_value=0.0).mean())


def guess_labels(guide: PredictsRecordings, problem: Problem, most: int, seed: int) -> LabelRuns:
    """Return the codes of the samples of all recordings: of their labels, and elsewhere of the guide's labels.

    The guide labels about ``most`` samples of recordings drawn at random; all other samples are -1.
    """
    lengths = problem.recordings.lengths
    runs: list[list[tuple[int, int]]] = [[] for _ in lengths]
    for i, labels in _label_some(guide, problem, most, seed):
        starts, ends, values = find_runs(labels)
        runs[i] += zip(values.tolist(), (ends - starts).tolist(), strict=True)
    rests = lengths - [sum(size for _, size in row) for row in runs]
    found = LabelRuns.from_stretches([*row, (-1, rest)] for row, rest in zip(runs, rests.tolist(), strict=True))
    return problem.targets.fill(found)


def _label_some(
    segmenter: PredictsRecordings, problem: Problem, most: int, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of a recording and the codes of its next samples.

    The recordings are drawn at random from those that are not labeled throughout. About ``most`` samples are labeled.
    """
    lengths = problem.recordings.lengths
    order = np.random.default_rng((seed, 7)).permutation(len(lengths))
    order = order[(problem.labels.count_samples() < lengths)[order]]
    chosen = order[np.cumsum(lengths[order]) - lengths[order] < most]
    done = 0
    for part, _, labels in segmenter._iterate_labels(problem.recordings.select(chosen.tolist())):
        yield int(chosen[part.recording]), labels
        done += len(labels)
        if done >= most:
            return
