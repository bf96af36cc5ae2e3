"""Simulation of labeling: an annotator with known truth labels what a strategy suggests, and a segmenter learns."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import check_scoring

from sslts._fingerprints import describe_estimator, describe_scoring, fingerprint
from sslts._studies import StudyFile
from sslts._text import clean_text
from sslts._wrapping import check_completed, find_attribute
from sslts.annotations import Annotations, find_words, read_words
from sslts.labeling.effort import Clicks
from sslts.labeling.strategies import Strategy
from sslts.labeling.suggestions import check_strategy, number_groups, suggest_stretches
from sslts.recordings import Recordings, as_recordings

EVERYTHING = "all labels"
_Stretch = tuple[int, int, int]  # recording, start, end


class _LabelingFile(StudyFile):
    """The file of a simulation."""

    title, kind = "sslts labeling simulation, version 1", "simulation"
    member, plural = "strategy", "strategies"
    columns = (
        *("strategy", "draw", "round", "stretches", "samples", "segments", "clicks", "corrections", "score"),
        *("seconds", "labeled"),
    )
    key = columns[:3]


@dataclass(frozen=True, eq=False)
class _Task:
    """What all fits of a simulation share."""

    segmenter: Any
    recordings: Recordings
    truth: Annotations
    test: tuple[Any, Any]
    scoring: Any
    cost: Clicks
    length: int | None
    group: np.ndarray

    def hide(self, stretches: Sequence[_Stretch]) -> Any:
        """Return the labels of some stretches; all others are -1."""
        table = pd.DataFrame(stretches, columns=["recording", "start", "end"])
        hidden = replace(self.truth, names=None).keep_stretches(table)
        return hidden if hidden.n_touching else hidden.list_labels()


def simulate_labeling(
    segmenter: Any,
    X: Any,
    y: Any,
    strategy: Strategy | Mapping[str, Strategy] | None = None,
    *,
    test: tuple[Any, Any],
    rounds: int,
    budget: int | Sequence[int],
    length: int | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    cost: Clicks | None = None,
    scoring: Any = None,
    draws: int = 1,
    ceiling: bool = True,
    n_jobs: int | None = None,
    random_state: int | None = None,
    file: str | os.PathLike[str] | None = None,
    verbose: int = 0,
) -> pd.DataFrame:
    """Return what labels bought in each round, if an annotator labels the stretches that a strategy suggests.

    In each round, `suggest_stretches` chooses stretches by the segmenter of the round before, none in the first round;
    their true labels are added; the segmenter is fitted anew on all stretches so far, with everything else unlabeled,
    and is scored on the test recordings.

    Parameters
    ----------
    segmenter : segmenter
        Cloned for each fit. Its ``random_state`` is drawn anew for each draw if it has one.
    X : array-like
        Recordings to label.
    y : array-like or Annotations
        True labels of all recordings, which the segmenter sees only where they are bought. Samples labeled -1 are never
        bought.
    strategy : Strategy, or mapping of str to Strategy, default=None
        Strategies by name; a single one is named by its class. None: the default of `suggest_stretches`.
    test : (X_test, y_test)
        Recordings that are never labeled, with their labels, for the scores.
    rounds : int
        Number of rounds.
    budget : int or sequence of int
        Stretches that are labeled in each round; a sequence has one number for each round.
    length, groups
        See `suggest_stretches`.
    cost : Clicks, default=None
        Counts the clicks of the annotator. None: ``Clicks()``.
    scoring : callable or str, default=None
        One scorer, ``scorer(segmenter, X, y) -> float``. None: the segmenter's ``score``.
    draws : int, default=1
        Number of repetitions with other random numbers.
    ceiling : bool, default=True
        Whether each draw also fits on all labels, as a row with the strategy "all labels".
    n_jobs : int, default=None
        Number of fits at a time, each in its own process.
    random_state : int, default=None
        Seed of draws.
    file : path-like, default=None
        JSON file to which each row is written as soon as its fit is finished; a stopped run can be resumed, also with
        more rounds, draws or strategies. Needs `random_state`.
    verbose : int, default=0
        1 prints a line for each fit.

    Returns
    -------
    pandas.DataFrame
        One row for each fit, with the effort so far: ``strategy, draw, round, stretches, samples, segments, clicks,
        corrections, score, seconds``. ``clicks`` draws all segments by hand; ``corrections`` corrects what the
        segmenter of the round before found, from the second round on. ``seconds`` is the time of the fit.

    Raises
    ------
    ValueError
        If the budget of all rounds is larger than what is unlabeled, `groups` has another length, or `file` belongs to
        another study.
    TypeError
        If `strategy` is not a strategy.

    See Also
    --------
    sslts.plotting.LabelingDisplay : Draws the table.

    Examples
    --------
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.labeling import RandomStretches, simulate_labeling
    >>> X, y = make_recordings(12, n_samples=400, random_state=0)
    >>> segmenter = WindowFeatureSegmenter(random_state=0)
    >>> table = simulate_labeling(
    ...     segmenter, X[:8], y[:8], RandomStretches(), test=(X[8:], y[8:]), rounds=2, budget=2, random_state=0
    ... )
    >>> table[["strategy", "round", "stretches"]].values.tolist()
    [['RandomStretches', 1, 2], ['RandomStretches', 2, 4], ['all labels', 0, 8]]
    """
    if file is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state={random_state!r} with a file: pass an int, so that a resumed run draws the same numbers."
        )
    named = _name_strategies(strategy)
    for name, value in {"rounds": rounds, "draws": draws}.items():
        _check_count(value, name)
    each = _list_budgets(budget, rounds)
    task = _make_task(segmenter, X, y, test, scoring, Clicks() if cost is None else cost, length, groups)
    study = {
        "data": fingerprint(X, y, groups, *test),
        "segmenter": describe_estimator(segmenter),
        "scoring": describe_scoring(scoring),
        "labeling": repr((length, task.cost)),
        "random_state": repr(random_state),
    }
    members = {**{name: repr(one) for name, one in named.items()}, EVERYTHING: EVERYTHING}
    study_file = _LabelingFile(file, study, members)
    seeds = np.random.default_rng(random_state).integers(2**31 - 1, size=draws).tolist()
    models: dict[tuple[str, int], Any] = {}

    def run(calls: Iterator[Any]) -> None:
        for row, model in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls):
            models[row["strategy"], row["draw"]] = model
            study_file.add(row)
            if verbose:
                print(", ".join(f"{k} {clean_text(row[k])}" for k in study_file.key), f"{row['score']:.4f}", flush=True)  # noqa: T201

    keys: list[dict[str, Any]] = []
    if ceiling:
        wanted: list[dict[str, Any]] = [{"strategy": EVERYTHING, "draw": draw, "round": 0} for draw in range(draws)]
        run(delayed(_fit_everything)(task, key, seeds[key["draw"]]) for key in wanted if study_file.find(key) is None)
        keys += wanted
    for number in range(1, rounds + 1):
        wanted = [{"strategy": name, "draw": draw, "round": number} for name in named for draw in range(draws)]
        missing = [key for key in wanted if study_file.find(key) is None]
        run(
            delayed(_play_round)(
                task,
                named[key["strategy"]],
                key,
                each[number - 1],
                study_file.find({**key, "round": number - 1}),
                models.get((key["strategy"], key["draw"])),
                seeds[key["draw"]],
            )
            for key in missing
        )
        keys += wanted
    order = {name: k for k, name in enumerate([*named, EVERYTHING])}
    keys.sort(key=lambda key: (order[key["strategy"]], key["draw"], key["round"]))
    return pd.DataFrame([study_file.find(key) for key in keys], columns=list(study_file.columns[:-1]))


def _check_count(value: Any, name: str) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}={value!r}; give a whole number, 1 or more.")


def _list_budgets(budget: Any, rounds: int) -> list[int]:
    """Return the number of stretches of each round."""
    each = [budget] * rounds if isinstance(budget, Integral) else list(budget)
    if len(each) != rounds:
        raise ValueError(f"budget has {len(each)} numbers, rounds={rounds}; give one number, or one for each round.")
    for one in each:
        _check_count(one, "budget")
    return [int(one) for one in each]


def _name_strategies(strategy: Any) -> dict[str, Strategy]:
    """Return strategies by name."""
    named = dict(strategy) if isinstance(strategy, Mapping) else {None: strategy}
    checked = {name: check_strategy(one) for name, one in named.items()}
    found = {type(one).__name__ if name is None else name: one for name, one in checked.items()}
    wrong = [name for name in found if not isinstance(name, str) or name == EVERYTHING]
    if wrong or not found:
        raise ValueError(f"strategy has the name {wrong[0]!r}; give another text." if wrong else "strategy is empty.")
    return found


def _make_task(
    segmenter: Any,
    X: Any,
    y: Any,
    test: Any,
    scoring: Any,
    cost: Clicks,
    length: int | None,
    groups: Any,
) -> _Task:
    if not isinstance(test, tuple) or len(test) != 2:
        raise ValueError("test must be a pair (X_test, y_test) of recordings and labels that are never labeled.")
    check_scoring(segmenter, scoring)
    recordings = as_recordings(X)
    background = find_attribute(segmenter, "background", 0)
    words = None if isinstance(y, Annotations) else find_words(y)
    given = y if isinstance(y, Annotations) else read_words(y)[0]
    truth = given if isinstance(given, Annotations) else Annotations.from_labels(given, background=background)
    if len(truth) != len(recordings) or (truth.runs.lengths != recordings.lengths).any():
        raise ValueError(f"y has {len(truth)} recordings or other lengths than X, which has {len(recordings)}.")
    if words is not None or truth.class_names is not None:
        y_test = test[1]
        class_names = truth.class_names or read_words(y)[1]
        known = isinstance(y_test, Annotations)
        numbered = y_test.renumber(class_names) if known else read_words(y_test, class_names)[0]
        test = test[0], numbered
    group_of = number_groups(groups, len(recordings))
    return _Task(segmenter, recordings, truth, test, scoring, cost, length, group_of)


def _fit_everything(task: _Task, key: dict[str, Any], seed: int) -> tuple[dict[str, Any], None]:
    lengths = task.recordings.lengths.tolist()
    stretches = [(i, 0, length) for i, length in enumerate(lengths)]
    row, _ = _fit(task, key, stretches, seed)
    return {**row, "labeled": [], **_measure_effort(task, stretches, None)}, None


def _play_round(
    task: _Task,
    strategy: Strategy,
    key: dict[str, Any],
    budget: int,
    before: dict[str, Any] | None,
    model: Any,
    seed: int,
) -> tuple[dict[str, Any], Any]:
    """Return the row of a round, and the segmenter that was fitted in it."""
    stretches: list[_Stretch] = [] if before is None else [tuple(one) for one in before["labeled"]]
    if before is not None and model is None:  # the run was resumed
        model = _fit(task, key, stretches, seed)[1]
    rng = np.random.default_rng([seed, key["round"]])
    looked_at = [np.full(length, -1) for length in task.recordings.lengths.tolist()]
    for i, start, end in stretches:
        looked_at[i][start:end] = 0
    for seen, labels in zip(looked_at, task.truth.list_labels(), strict=True):  # what nobody knows can't be bought
        unknown = labels < 0
        seen[unknown & (unknown.all() or not strategy.whole)] = 0
    table = suggest_stretches(
        model,
        task.recordings,
        looked_at,
        n=budget,
        length=task.length,
        groups=task.group,
        strategy=strategy,
        random_state=rng,
    )
    number = {name: i for i, name in enumerate(task.recordings.names or range(len(task.recordings)))}
    new = [(number[i], start, end) for i, start, end in table[["recording", "start", "end"]].values.tolist()]
    effort = _measure_effort(task, new, model)
    if before is not None:
        effort = {name: before[name] + value for name, value in effort.items()}
    row, fitted = _fit(task, key, [*stretches, *new], seed)
    return {**row, "labeled": [*stretches, *new], **effort}, fitted


def _fit(task: _Task, key: dict[str, Any], stretches: Sequence[_Stretch], seed: int) -> tuple[dict[str, Any], Any]:
    """Return the key, score and seconds of a fit, and the segmenter."""
    segmenter = clone(task.segmenter)
    seeded = {name: seed for name in segmenter.get_params() if name.rpartition("__")[2] == "random_state"}
    segmenter.set_params(**seeded)
    labels = task.hide(stretches)
    started = time.perf_counter()
    segmenter.fit(task.recordings, labels)
    seconds = time.perf_counter() - started
    check_completed(segmenter)  # an interrupted fit must not write its score to the file
    score = check_scoring(segmenter, task.scoring)(segmenter, *task.test)
    return {**key, "score": float(score), "seconds": round(seconds, 3)}, segmenter


def _measure_effort(task: _Task, stretches: Sequence[_Stretch], model: Any) -> dict[str, float]:
    """Return the effort of labeling stretches; without a model, corrections are drawn by hand too."""
    true = _find_segments(task.truth, stretches)
    clicks = [task.cost.count_drawn(one) for one in true]
    corrections = clicks
    if model is not None:
        which = sorted({i for i, _, _ in stretches})
        found = Annotations.from_labels(np.zeros((0, 0))) if not which else _predict(task, model, which)
        own = [(which.index(i), start, end) for i, start, end in stretches]
        pairs = zip(true, _find_segments(found, own), strict=True)
        corrections = [task.cost.count_corrected(one, other) for one, other in pairs]
    return {
        "stretches": len(stretches),
        "samples": int(sum(end - start for _, start, end in stretches)),
        "segments": int(sum(map(len, true))),
        "clicks": float(sum(clicks)),
        "corrections": float(sum(corrections)),
    }


def _predict(task: _Task, model: Any, which: list[int]) -> Annotations:
    """Return what a model finds in some recordings."""
    recordings = task.recordings.select(which)
    table = model.predict_segments(recordings)
    if recordings.names is not None:
        table = table.assign(recording=pd.Index(recordings.names).get_indexer(pd.Index(table["recording"])))
    arrays = [np.empty(length) for length in recordings.lengths.tolist()]
    return Annotations.from_table(table, arrays, looked_at=range(len(which)), background=task.truth.background)


def _find_segments(annotations: Annotations, stretches: Sequence[_Stretch]) -> list[pd.DataFrame]:
    """Return the segments in each stretch, cut at its ends."""
    runs = annotations.runs
    kept = runs.value >= 0
    if annotations.background is not None:
        kept &= runs.value != annotations.background
    recording, start, label = runs.recording[kept], runs.start[kept], runs.value[kept]
    end = start + runs.size[kept]
    found = []
    for i, low, high in stretches:
        rows = (recording == i) & (start < high) & (end > low)
        found.append(
            pd.DataFrame({"start": start[rows].clip(low), "end": end[rows].clip(max=high), "label": label[rows]})
        )
    return found
