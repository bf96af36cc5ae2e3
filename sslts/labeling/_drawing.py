"""One draw of a simulation of labeling: an annotator who knows the truth, and a segmenter that learns from it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import check_scoring

from sslts._wrapping import check_completed, find_attribute
from sslts.annotations import Annotations, read_words
from sslts.labeling.effort import Clicks
from sslts.labeling.strategies import Strategy
from sslts.labeling.suggestions import count_stretches, number_groups, suggest_stretches
from sslts.recordings import Recordings, as_recordings

Stretch = tuple[int, int, int]  # recording, start, end
Row = dict[str, Any]
_TEST_SHARE = 3  # one in so many groups is kept for the test


@dataclass(frozen=True, eq=False)
class Draw:
    """What all rounds of a draw share.

    Parameters
    ----------
    segmenter : segmenter
        Cloned for each fit.
    recordings : Recordings
        Recordings to label.
    truth : Annotations
        Their labels.
    test : (X_test, y_test)
        Recordings that are scored.
    scoring : callable, str or None
    cost : Clicks
    length : int or None
        Length of a stretch.
    group : ndarray of int, shape (n,)
    seed : int
    """

    segmenter: Any
    recordings: Recordings
    truth: Annotations
    test: tuple[Any, Any]
    scoring: Any
    cost: Clicks
    length: int | None
    group: np.ndarray
    seed: int

    def __sizeof__(self) -> int:
        """Return the size in memory, by which joblib and dask decide what is sent to workers once."""
        return object.__sizeof__(self) + sys.getsizeof(self.recordings) + sys.getsizeof(self.test[0])

    @classmethod
    def from_arrays(
        cls,
        segmenter: Any,
        X: Any,
        y: Any,
        test: Any,
        *,
        scoring: Any,
        cost: Clicks,
        length: int | None,
        groups: Any,
        seed: int,
    ) -> Self:
        """Return a draw; without `test`, a third of the groups is kept for the test."""
        recordings = as_recordings(X)
        truth = Annotations.from_labels(y, background=find_attribute(segmenter, "background", 0))
        if len(truth) != len(recordings) or (truth.runs.lengths != recordings.lengths).any():
            raise ValueError(f"y has {len(truth)} recordings or other lengths than X, which has {len(recordings)}.")
        group = number_groups(groups, len(recordings))
        if test is None:
            kept, tested = _split_groups(group, seed)
            test = recordings.select(tested), _list_labels(truth[tested])
            recordings, truth, group = recordings.select(kept), truth[kept], group[kept]
        elif truth.class_names is not None:
            test = test[0], _number_words(test[1], truth.class_names)
        return cls(segmenter, recordings, truth, test, scoring, cost, length, group, seed)

    def hide(self, stretches: Sequence[Stretch]) -> Any:
        """Return the labels of some stretches; all others are -1."""
        table = pd.DataFrame(stretches, columns=["recording", "start", "end"])
        return _list_labels(replace(self.truth, names=None).keep_stretches(table))

    def mark_bought(self, stretches: Sequence[Stretch], *, whole: bool) -> list[np.ndarray]:
        """Return labels that are -1 where labels can be bought: nobody knows them, or they were not bought yet."""
        found = [np.full(length, -1) for length in self.recordings.lengths.tolist()]
        for i, start, end in stretches:
            found[i][start:end] = 0
        for seen, labels in zip(found, self.truth.list_labels(), strict=True):
            unknown = labels < 0
            seen[unknown & (unknown.all() or not whole)] = 0
        return found

    def check_budget(self, strategy: Strategy, total: int) -> None:
        """Raise ValueError if all rounds together need more stretches than there are."""
        free = self.mark_bought([], whole=strategy.whole)
        most, length = count_stretches(self.recordings, free, length=self.length, strategy=strategy)
        if total > most:
            unit = "recordings" if strategy.whole else f"stretches of about {length} samples"
            raise ValueError(
                f"the budget of all rounds is {total} stretches, but only {most} unlabeled {unit} are there; pass a "
                "smaller budget, fewer rounds, or a smaller length."
            )

    def fit_everything(self, key: Row) -> tuple[Row, None]:
        """Return the row of a fit on all labels."""
        stretches = [(i, 0, length) for i, length in enumerate(self.recordings.lengths.tolist())]
        row, _ = self._fit(key, stretches)
        return {**row, **self._measure_effort(stretches, None), "labeled": []}, None

    def play(
        self, strategy: Strategy, budget: int, key: Row, before: Mapping[str, Any] | None, model: Any
    ) -> tuple[Row, Any]:
        """Return the row of a round, and the segmenter that was fitted in it.

        ``before`` is the row of the round before, ``model`` its segmenter; None if the run was resumed.
        """
        stretches: list[Stretch] = [] if before is None else [tuple(one) for one in before["labeled"]]
        if before is not None and model is None:
            model, _ = self._train(stretches)
        table = suggest_stretches(
            model,
            replace(self.recordings, names=None),
            self.mark_bought(stretches, whole=strategy.whole),
            n=budget,
            length=self.length,
            groups=self.group,
            strategy=strategy,
            random_state=np.random.default_rng([self.seed, key["round"]]),
        )
        new = [(i, start, end) for i, start, end in table[["recording", "start", "end"]].values.tolist()]
        effort = self._measure_effort(new, model)
        if before is not None:
            effort = {name: before[name] + value for name, value in effort.items()}
        row, fitted = self._fit(key, [*stretches, *new])
        return {**row, **effort, "labeled": [*stretches, *new]}, fitted

    def _fit(self, key: Row, stretches: Sequence[Stretch]) -> tuple[Row, Any]:
        """Return the key, score and seconds of a fit, and the segmenter."""
        segmenter, seconds = self._train(stretches)
        score = check_scoring(segmenter, self.scoring)(segmenter, *self.test)
        return {**key, "score": float(score), "fit_seconds": round(seconds, 3)}, segmenter

    def _train(self, stretches: Sequence[Stretch]) -> tuple[Any, float]:
        """Return a segmenter that is fitted on the labels of some stretches, and the seconds of the fit."""
        segmenter = clone(self.segmenter)
        seeded = {name: self.seed for name in segmenter.get_params() if name.rpartition("__")[2] == "random_state"}
        segmenter.set_params(**seeded)
        labels = self.hide(stretches)
        started = time.perf_counter()
        segmenter.fit(self.recordings, labels)
        seconds = time.perf_counter() - started
        check_completed(segmenter)  # an interrupted fit must not write its score to the file
        return segmenter, seconds

    def _measure_effort(self, stretches: Sequence[Stretch], model: Any) -> dict[str, float]:
        """Return the effort of labeling stretches; without a model, corrections are drawn by hand too."""
        true = _find_segments(self.truth, stretches)
        clicks = [self.cost.count_drawn(one) for one in true]
        corrections = clicks
        if model is not None:
            which = sorted({i for i, _, _ in stretches})
            own = [(which.index(i), start, end) for i, start, end in stretches]
            pairs = zip(true, _find_segments(self._predict(model, which), own), strict=True)
            corrections = [self.cost.count_corrected(one, other) for one, other in pairs]
        samples = int(sum(end - start for _, start, end in stretches))
        rate = self.recordings.sampling_rate or find_attribute(self.segmenter, "sampling_rate")
        return {
            "stretches": len(stretches),
            "samples": samples,
            "seconds": float("nan") if rate is None else samples / float(rate),
            "segments": int(sum(map(len, true))),
            "clicks": float(sum(clicks)),
            "corrections": float(sum(corrections)),
        }

    def _predict(self, model: Any, which: list[int]) -> Annotations:
        """Return what a model finds in some recordings."""
        recordings = replace(self.recordings.select(which), names=None)
        table = model.predict_segments(recordings)
        arrays = [np.empty(length) for length in recordings.lengths.tolist()]
        background = self.truth.background
        found = Annotations.from_table(table, arrays, looked_at=range(len(which)), background=background)
        return found.renumber(self.truth.class_names)


def _split_groups(group: np.ndarray, seed: int) -> tuple[list[int], list[int]]:
    """Return the recordings to label and those to test, with groups kept together."""
    order = np.random.default_rng(seed).permutation(np.unique(group))
    tested = np.isin(group, order[: max(round(len(order) / _TEST_SHARE), 1)])
    if tested.all():
        raise ValueError("X has one group, so none is left to label; pass test=(X_test, y_test).")
    return np.flatnonzero(~tested).tolist(), np.flatnonzero(tested).tolist()


def _list_labels(annotations: Annotations) -> Any:
    """Return annotations as one array per recording, if that loses nothing."""
    return annotations if annotations.n_touching else annotations.list_labels()


def _number_words(y: Any, class_names: Any) -> Any:
    return y.renumber(class_names) if isinstance(y, Annotations) else read_words(y, class_names)[0]


def _find_segments(annotations: Annotations, stretches: Sequence[Stretch]) -> list[pd.DataFrame]:
    """Return the segments in each stretch, cut at its ends."""
    table = replace(annotations, names=None, class_names=None).table
    rows_of = dict(iter(table.groupby("recording")))
    found = []
    for i, low, high in stretches:
        rows = rows_of.get(i, table.iloc[:0])
        rows = rows[(rows["start"] < high) & (rows["end"] > low)]
        found.append(rows.assign(start=rows["start"].clip(lower=low), end=rows["end"].clip(upper=high)))
    return found
