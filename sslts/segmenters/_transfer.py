"""A fit for the next customer: candidates from an earlier customer's model and labels, and the choice between them.

The earlier customer is the source, the new one the target. `CANDIDATES` lists the ways to a model. Each way is tried
with half of the target's labels and judged on the other half. Without any label, a guard takes the way that changes
most, unless its predictions are less credible than those of the old model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from sslts._notices import warn
from sslts._wrapping import check_completed
from sslts.segmenters._domains import draw_windows, measure_distance, renew_statistics
from sslts.segmenters._problem import Problem
from sslts.segmenters._scoring import Score, score_held_out
from sslts.segmenters._start import ModelStart, Start

if TYPE_CHECKING:
    from sslts.persistence import Checkpoint
    from sslts.segmenters.base import NetworkSegmenter

_TRIAL_STEPS = 200  # at most, of a fit that is only judged
_FEWEST_STEPS = 100  # after fewer steps, a trial says nothing
_MOST_LABELED = 1 << 22  # labeled samples; with more labels, the adapted weights need no comparison
_MARGIN = 0.02  # of mean IoU, by which a way has to beat the first one
# A trial has half of the labels, few steps and no pseudo-labels, so it shows less than a way with training will reach.
_MARGIN_UNTRAINED = 0.05
_ALIKE = 0.007  # distance of BatchNorm statistics below which the labels of the source teach to the end
_LESS_CREDIBLE = 0.02  # of the mean confidence, or of the shares of classes, at which a guess is refused


class Way(NamedTuple):
    """A way to a model: what is trained, and what is made of the weights.

    ``trains`` says whether weights are trained, ``starts`` whether they start from the old model and learn from the
    source too, ``averages`` whether the result is the mean of old and trained weights, ``renews`` whether BatchNorm
    statistics are measured anew on the target.
    """

    words: str
    trains: bool = True
    starts: bool = True
    averages: bool = False
    renews: bool = False


CANDIDATES = {
    "averaged": Way("the mean of the old weights and the adapted weights", averages=True, renews=True),
    "adapted": Way("the old weights, adapted to the new recordings"),
    "renewed": Way("the old model with the statistics of the new recordings", trains=False, renews=True),
    "old": Way("the old model as it is", trains=False),
    "new": Way("a fit from nothing on the new labels", starts=False),
}


def start_from_source(segmenter: NetworkSegmenter, problem: Problem, seed: int) -> ModelStart:
    """Return the start from a model fitted on the labels of the source alone."""
    own = problem.turn_to_source()
    model = segmenter._make_trial(segmenter.max_steps)
    weights = segmenter.class_weight
    if not isinstance(weights, dict) or set(weights) <= set(own.classes.tolist()):
        model.class_weight = weights
    model._fit_problem(model._choose_normalization(own, Start(), seed), Start(), seed)
    check_completed(model)
    return ModelStart.from_fitted(model, "source")


def fit_next(
    segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, saver: Checkpoint | None
) -> None:
    """Fit by the best way, and say in ``transfer_`` which way it was and why."""
    if not (problem.has_labels or start.has_codes(problem.codes)):
        raise ValueError(
            f"y has no labeled sample, and the model in init has the classes {start.classes.tolist()}, source[1] "
            f"has {problem.classes.tolist()} (or other segments that touch). Label recordings, or leave init out."
        )
    choose = _choose if problem.has_labels else _guess
    chosen, told = choose(segmenter, problem, start, seed, saver)
    words = "the weights of an interrupted fit" if segmenter.net_.interrupted_ else CANDIDATES[chosen].words
    segmenter.transfer_ = {"chosen": chosen, "words": words, **told}


def _choose(
    segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, saver: Checkpoint | None
) -> tuple[str, dict[str, Any]]:
    """Fit by the way that is judged best on held-out labels."""
    ways, distance = _list_ways(problem, start), np.nan
    if problem.source is not None and _is_worth_trials(segmenter, problem):
        old = segmenter._make_trial(1)
        _finish(old, problem, start, seed, None, CANDIDATES["old"])
        distance = measure_distance(old, problem, seed)
        problem = replace(problem, source_fades=not distance < _ALIKE)
    scores = _judge(segmenter, problem, start, seed, ways)
    chosen, margin = choose_way(scores) if scores else (_find_default(segmenter, problem, ways), np.nan)
    _finish(segmenter, problem, start, seed, saver, CANDIDATES[chosen])
    told = {"margin": margin, "scores": {name: score._asdict() for name, score in scores.items()}}
    return chosen, told | {"distance": distance, "source_fades": problem.source_fades}


def _list_ways(problem: Problem, start: ModelStart) -> dict[str, Way]:
    """Return the ways that are open: with other classes, the old model can't predict and its weights have no mean."""
    same = start.has_codes(problem.codes)
    return {name: way for name, way in CANDIDATES.items() if same or (way.trains and not way.averages)}


def _find_default(segmenter: NetworkSegmenter, problem: Problem, ways: dict[str, Way]) -> str:
    """Return the way of a fit that is too short, or has too few or enough labels, for a comparison."""
    return next(iter(ways)) if _is_worth_trials(segmenter, problem) else "adapted"


def _is_worth_trials(segmenter: NetworkSegmenter, problem: Problem) -> bool:
    """Return whether the fit is long enough, and the labels are few enough, to compare customers and ways."""
    few = problem.labels.count_samples().sum() <= _MOST_LABELED
    return bool(few and segmenter.max_steps >= _FEWEST_STEPS)


def choose_way(scores: dict[str, Score]) -> tuple[str, float]:
    """Return the chosen way, and by how much its mean IoU is above that of the first way.

    The first way is kept unless another way is clearly better. A way without training has to be better by more.

    Examples
    --------
    >>> choose_way({"averaged": Score(0.7, 0.3), "old": Score(0.71, 0.3), "new": Score(0.6, 0.3)})
    ('averaged', 0.0)
    """
    first = next(iter(scores))
    above = {name: score.mean_iou - scores[first].mean_iou for name, score in scores.items()}
    better = [name for name in above if above[name] > (_MARGIN if CANDIDATES[name].trains else _MARGIN_UNTRAINED)]
    chosen = max(better, key=above.__getitem__, default=first)
    return chosen, float(above[chosen])


def _judge(
    segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, ways: dict[str, Way]
) -> dict[str, Score]:
    """Return the score of each way on the half of the labels that it did not see, mean of both halves."""
    halves = problem.split_labeled(alike=True) if _is_worth_trials(segmenter, problem) else None
    if halves is None:
        return {}
    found: dict[str, list[Score]] = {name: [] for name in ways}
    for seen, hidden in (halves, halves[::-1]):
        for name, fitted in _try_ways(segmenter, problem, replace(seen, pools=problem.pools), start, seed, ways):
            found[name].append(score_held_out(fitted, hidden))
    return {name: _average_scores(scores) for name, scores in found.items()}


def _average_scores(scores: list[Score]) -> Score:
    return Score(*(float(np.mean([score[i] for score in scores])) for i in (0, 1)))


def _try_ways(
    segmenter: NetworkSegmenter,
    problem: Problem,
    seen: Problem,
    start: ModelStart,
    seed: int,
    ways: dict[str, Way],
) -> Iterator[tuple[str, NetworkSegmenter]]:
    """Yield a fitted segmenter for each way; ways that differ only after the training share one fit."""
    trained: dict[tuple[bool, bool], tuple[NetworkSegmenter, dict[str, Tensor]]] = {}
    for name, way in ways.items():
        kind = way.trains, way.starts
        if kind not in trained:
            trial = segmenter._make_trial(min(segmenter.max_steps, _TRIAL_STEPS))
            _train(trial, seen, start, seed, None, way)
            check_completed(trial)  # Ctrl-C ends the whole fit
            trained[kind] = trial, copy.deepcopy(trial.net_.teacher_.module.state_dict())
        fitted, weights = trained[kind]
        fitted.net_.teacher_.module.load_state_dict(weights)
        _change_weights(fitted, problem, start, seed, way)
        yield name, fitted


def _finish(
    segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, saver: Checkpoint | None, way: Way
) -> None:
    _train(segmenter, problem, start, seed, saver, way)
    if not segmenter.net_.interrupted_:
        _change_weights(segmenter, problem, start, seed, way)


def _train(
    segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, saver: Checkpoint | None, way: Way
) -> None:
    """Fit the segmenter on a problem by a way, up to `_change_weights`."""
    if way.starts:
        segmenter._fit_net(problem, start, seed, saver, trains=way.trains)
    else:
        own = segmenter._choose_normalization(replace(problem, source=None), Start(), seed)
        segmenter._fit_alone(own, Start(), seed, saver)


def _change_weights(segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, way: Way) -> None:
    """Average the weights of a fitted segmenter with those of the old model, and renew its BatchNorm statistics."""
    if not (way.averages or way.renews):
        return
    module = copy.deepcopy(segmenter.net_.teacher_.module)  # an interruption leaves the model as it is
    if way.averages:
        own, old = module.state_dict(), start.weights or {}
        module.load_state_dict({name: _average(own[name], old[name]) for name in own})
    if way.renews:
        renew_statistics(module, draw_windows(segmenter, problem, seed))
    segmenter.net_.teacher_.module.load_state_dict(module.state_dict())


def _average(own: Tensor, old: Tensor) -> Tensor:
    """Return the mean of two tensors of floats; of other tensors, such as counts, the first."""
    return (own + old.to(own)) / 2 if own.is_floating_point() else own


def _guess(
    segmenter: NetworkSegmenter, problem: Problem, start: ModelStart, seed: int, saver: Checkpoint | None
) -> tuple[str, dict[str, Any]]:
    """Fit without labels: the way that changes most, unless its predictions are less credible than the old model's.

    The ways are: the mean of the old weights and weights adapted by labels of the source and pseudo-labels of the
    target; the target's statistics; no change.
    """
    ways = ["renewed", "old"]
    if problem.source is not None and segmenter._count_unlabeled():  # else there is nothing to learn from
        ways.insert(0, "averaged")
    facts = {}
    for name in ways:
        trains = CANDIDATES[name].trains
        fitted = segmenter if trains else segmenter._make_trial(1)
        _finish(fitted, problem, start, seed, saver if trains else None, CANDIDATES[name])
        facts[name] = _describe_predictions(fitted, problem)
        if fitted.net_.interrupted_:
            break
    why, doubt = _measure_doubt(facts, problem)
    most = doubt.get("old", np.inf) + _LESS_CREDIBLE
    chosen = next(name for name in doubt if doubt[name] <= most)
    if not CANDIDATES[chosen].trains:
        _finish(segmenter, problem, start, seed, None, CANDIDATES[chosen])
    warn(
        f"{type(segmenter).__name__}: y has no labeled sample, so nothing could be judged. By the {why}, the fit keeps "
        f"{CANDIDATES[chosen].words}. Label two recordings to let the fit judge."
    )
    guard = {
        name: {"confidence": fact["confidence"], "shares": fact["shares"].tolist()} for name, fact in facts.items()
    }
    return chosen, {"margin": np.nan, "scores": {}, "guard": guard}


def _measure_doubt(facts: dict[str, dict[str, Any]], problem: Problem) -> tuple[str, dict[str, float]]:
    """Return what is measured, and how little credible the predictions of each way are by it.

    It is the distance of the shares of their classes from those of the source's labels, or, without a source, the
    confidence that they lack.
    """
    if problem.source is None:
        return "confidence of the predictions", {name: -fact["confidence"] for name, fact in facts.items()}
    given = _share_labels(problem)
    away = {name: float(np.abs(fact["shares"] - given).sum()) for name, fact in facts.items()}
    return "shares of the predicted classes", away


def _share_labels(problem: Problem) -> np.ndarray:
    """Return the share of each class among the labels of the source, shape (K,)."""
    assert problem.source is not None
    labels = problem.source.labels
    counts = [int(labels.size[labels.value == k].sum()) for k in problem.classes]
    return np.array(counts) / sum(counts)


def _describe_predictions(fitted: NetworkSegmenter, problem: Problem) -> dict[str, Any]:
    """Return the mean confidence, and the share of each class, of predictions on at most about 2**20 samples."""
    total, confidence, counts = 0, 0.0, np.zeros(len(problem.classes))
    for part in fitted._iterate_parts(problem.recordings):
        proba = fitted._merge(part.proba)
        counts += np.bincount(proba.argmax(1), minlength=len(counts))
        confidence, total = confidence + float(proba.max(1).sum()), total + len(proba)
        if total >= 1 << 20:
            break
    return {"confidence": confidence / total, "shares": counts / total}
