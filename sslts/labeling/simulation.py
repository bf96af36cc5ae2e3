"""Simulation of labeling: an annotator with known truth labels what a strategy suggests, and a segmenter learns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.metrics import check_scoring

from sslts._fingerprints import describe_estimator, describe_scoring, fingerprint
from sslts._studies import StudyFile
from sslts._text import clean_text
from sslts.labeling._drawing import Draw, Row
from sslts.labeling.effort import Clicks
from sslts.labeling.strategies import Strategy
from sslts.labeling.suggestions import check_strategy

EVERYTHING = "all labels"


class _LabelingFile(StudyFile):
    """The file of a simulation."""

    title, kind = "sslts labeling simulation, version 1", "simulation"
    member, plural = "strategy", "strategies"
    columns = (
        *("strategy", "draw", "round", "stretches", "samples", "seconds", "segments", "clicks", "corrections", "score"),
        *("fit_seconds", "labeled"),
    )
    key = columns[:3]


def simulate_labeling(
    segmenter: Any,
    X: Any,
    y: Any,
    strategy: Strategy | Mapping[str, Strategy] | None = None,
    *,
    rounds: int,
    budget: int | Sequence[int],
    test: tuple[Any, Any] | None = None,
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
    rounds : int
        Number of rounds.
    budget : int or sequence of int
        Stretches that are labeled in each round; a sequence has one number for each round.
    test : (X_test, y_test), default=None
        Recordings that are never labeled, with their labels, for the scores. None: in each draw, another third of the
        groups of ``X``.
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
        One row for each fit, with the effort so far: ``strategy, draw, round, stretches, samples, seconds, segments,
        clicks, corrections, score, fit_seconds``. ``seconds`` are those of the labeled signal, NaN without a sampling
        rate. ``clicks`` draws all segments by hand; ``corrections`` corrects what the segmenter of the round before
        found, from the second round on.

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
    if test is not None and (not isinstance(test, tuple) or len(test) != 2):
        raise ValueError("test must be a pair (X_test, y_test) of recordings and labels that are never labeled.")
    check_scoring(segmenter, scoring)
    options = {"scoring": scoring, "cost": Clicks() if cost is None else cost, "length": length, "groups": groups}
    seeds = np.random.default_rng(random_state).integers(2**31 - 1, size=draws).tolist()
    played = [Draw.from_arrays(segmenter, X, y, test, **options, seed=seed) for seed in seeds]
    for one in named.values():
        played[0].check_budget(one, sum(each))
    study = {
        "data": fingerprint(X, y, groups, *(test or ())),
        "segmenter": describe_estimator(segmenter),
        "scoring": describe_scoring(scoring),
        "labeling": repr((length, options["cost"])),
        "random_state": repr(random_state),
    }
    members = {**{name: repr(one) for name, one in named.items()}, EVERYTHING: EVERYTHING}
    study_file = _LabelingFile(file, study, members)
    models: dict[tuple[str, int], Any] = {}
    stages = _list_stages(named, draws, rounds, ceiling)
    for stage in stages:
        calls = (
            delayed(_finish)(
                played[key["draw"]],
                key,
                named.get(key["strategy"]),
                each[key["round"] - 1],
                study_file.find({**key, "round": key["round"] - 1}),
                models.get((key["strategy"], key["draw"])),
            )
            for key in stage
            if study_file.find(key) is None
        )
        for row, model in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls):
            models[row["strategy"], row["draw"]] = model
            study_file.add(row)
            if verbose:
                done = ", ".join(f"{name} {clean_text(row[name])}" for name in study_file.key)
                print(done, f"{row['score']:.4f}", flush=True)  # noqa: T201
    order = {name: k for k, name in enumerate([*named, EVERYTHING])}
    keys = sorted(chain(*stages), key=lambda key: (order[key["strategy"]], key["draw"], key["round"]))
    return pd.DataFrame([study_file.find(key) for key in keys], columns=list(study_file.columns[:-1]))


def _list_stages(named: Iterable[str], draws: int, rounds: int, ceiling: bool) -> list[list[Row]]:
    """Return the keys of the fits that do not need each other: those on all labels, then those of each round."""
    stages = [[{"strategy": EVERYTHING, "draw": draw, "round": 0} for draw in range(draws)]] if ceiling else []
    for number in range(1, rounds + 1):
        stages.append([{"strategy": name, "draw": draw, "round": number} for name in named for draw in range(draws)])
    return stages


def _finish(
    draw: Draw, key: Row, strategy: Strategy | None, budget: int, before: Row | None, model: Any
) -> tuple[Row, Any]:
    """Return the row of a fit, and its segmenter; without a strategy, the fit is on all labels."""
    return draw.fit_everything(key) if strategy is None else draw.play(strategy, budget, key, before, model)


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
