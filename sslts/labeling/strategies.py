"""Strategies: which stretches to label next. Each is a parameter object with one method, `Strategy.choose`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import pairwise_distances

from sslts.labeling.pool import Pool, find_density
from sslts.labeling.turns import Turns
from sslts.recipes import Recipe, bounded

_MOST_CLUSTERS = 200
_LARGE = 5_000  # candidates; more are clustered in small batches
_ROWS_TOGETHER = 4096
_FAR = 1e9  # farther than any stretch
_FEWEST = 50  # candidates from which outliers are told
_ODD = 0.1  # share of the candidates that count as outliers


class Choice(NamedTuple):
    """A candidate, how useful its labels are, and why, in words."""

    candidate: int
    score: float
    reason: str


class Strategy(Recipe):
    """Base class of strategies: frozen dataclasses with the method `choose`.

    Examples
    --------
    A custom strategy, which takes the longest stretches first:

    >>> from dataclasses import dataclass
    >>> from sslts.labeling import Choice, Strategy
    >>> @dataclass(frozen=True)
    ... class Longest(Strategy):
    ...     def choose(self, pool, turns, n, rng):
    ...         size = pool.candidates.end - pool.candidates.start
    ...         return [Choice(k, float(size[k]), "it is long") for k in turns.follow(size, n)]
    """

    @property
    def whole(self) -> bool:
        """Whether the candidates are whole recordings."""
        return False

    @abstractmethod
    def choose(self, pool: Pool, turns: Turns, n: int, rng: np.random.Generator) -> list[Choice]:
        """Return `n` candidates of the pool, the most useful first.

        Parameters
        ----------
        pool : Pool
            Candidates and labeled stretches, their features, and the doubt of the model if there is one.
        turns : Turns
            Says which candidates may come next, so that choices spread over groups.
        n : int
            Number of candidates to choose; the pool has at least as many.
        rng : numpy.random.Generator
        """


@dataclass(frozen=True)
class RandomStretches(Strategy):
    """Draw stretches at random, from all groups in turn: what a choice has to be better than.

    Parameters
    ----------
    recordings : bool, default=False
        Draw whole recordings that have no label yet, in place of stretches.

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> from sslts.labeling import RandomStretches, suggest_stretches
    >>> X, _ = make_recordings(4, n_samples=400, random_state=0)
    >>> table = suggest_stretches(None, X, n=3, length=100, strategy=RandomStretches(), random_state=0)
    >>> table["recording"].nunique()
    3
    """

    recordings: bool = False

    @property
    def whole(self) -> bool:
        """Whether the candidates are whole recordings."""
        return self.recordings

    def choose(self, pool: Pool, turns: Turns, n: int, rng: np.random.Generator) -> list[Choice]:
        """Return `n` candidates in random order."""
        return [Choice(k, 0.0, "drawn at random") for k in turns.follow(rng.random(len(pool)), n)]


@dataclass(frozen=True)
class RepresentativeStretches(Strategy):
    """Choose stretches that stand for many others: the densest members of clusters that hold no labeled stretch.

    The candidates and the labeled stretches are clustered into as many clusters as there will be labeled stretches. In
    each cluster without labels, the largest first, the stretch with the nearest neighbors is chosen, so outliers are
    not. Needs no model.

    References
    ----------
    G. Hacohen, A. Dekel, D. Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets"
    (TypiClust), ICML 2022. X. Wang, L. Lian, S. X. Yu, "Unsupervised Selective Labeling", ECCV 2022.

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> from sslts.labeling import RepresentativeStretches, suggest_stretches
    >>> X, _ = make_recordings(4, n_samples=400, random_state=0)
    >>> table = suggest_stretches(None, X, n=2, length=100, strategy=RepresentativeStretches(), random_state=0)
    >>> table["reason"][0]
    '88 % of the unlabeled stretches are like it, and no labeled stretch is'
    """

    def choose(self, pool: Pool, turns: Turns, n: int, rng: np.random.Generator) -> list[Choice]:
        """Return `n` candidates, those of large clusters first."""
        features = np.concatenate([pool.features, pool.labeled_features])
        cluster = _cluster(features, len(pool.labeled) + n, rng)
        own, known = cluster[: len(pool)], np.bincount(cluster[len(pool) :], minlength=cluster.max() + 1)
        size = np.bincount(own, minlength=len(known))
        density = np.zeros(len(pool))
        for k in np.flatnonzero(size):
            density[own == k] = find_density(pool.features[own == k])
        chosen: list[Choice] = []
        while len(chosen) < n:
            allowed = turns.allowed
            there = np.bincount(own[allowed], minlength=len(known)) > 0
            k = min(np.flatnonzero(there), key=lambda k: (known[k], -size[k]))
            found = int(np.flatnonzero(allowed & (own == k))[density[allowed & (own == k)].argmax()])
            share = size[k] / len(pool)
            chosen.append(Choice(found, float(share / (1 + known[k])), _explain_cluster(share, int(known[k]))))
            known[k] += 1
            turns.take(found)
        return chosen


@dataclass(frozen=True)
class UncertainStretches(Strategy):
    """Choose stretches in which the model is unsure, far from what is labeled and from each other.

    Among the share of the candidates in which the model is least sure, without outliers, the candidate that is farthest
    from all labeled and chosen stretches comes next. Without a model, `first` chooses.

    Parameters
    ----------
    share : float, default=0.5
        Share of the candidates to choose from, those with the greatest mean doubt; above 0, at most 1.
    first : Strategy, default=RepresentativeStretches()
        Chooses as long as there is no model.

    References
    ----------
    S. Zhao, T. Heittola, T. Virtanen, "Active Learning for Sound Event Detection" (mismatch-first farthest-traversal),
    IEEE/ACM TASLP 28, 2020.

    Examples
    --------
    >>> from sslts.labeling import UncertainStretches
    >>> UncertainStretches(share=0.25).share
    0.25
    """

    share: float = bounded(0.5, most=1)
    first: Strategy = field(default_factory=RepresentativeStretches)

    def choose(self, pool: Pool, turns: Turns, n: int, rng: np.random.Generator) -> list[Choice]:
        """Return `n` candidates, each the farthest from the labeled ones and those before."""
        if pool.segmenter is None:
            return self.first.choose(pool, turns, n, rng)
        doubt, features = pool.doubt, pool.features
        density = find_density(features)
        odd = np.argsort(density, kind="stable")[: int(_ODD * len(pool)) if len(pool) >= _FEWEST else 0]
        wanted = np.argsort(-np.where(np.isin(np.arange(len(pool)), odd), -1.0, doubt), kind="stable")
        unsure = np.zeros(len(pool), dtype=bool)
        unsure[wanted[: max(round(self.share * len(pool)), n)]] = True
        distance = _measure_distance(features, pool.labeled_features, density)
        chosen: list[Choice] = []
        while len(chosen) < n:
            allowed = turns.allowed
            among = allowed & unsure if (allowed & unsure).any() else allowed
            k = int(np.flatnonzero(among)[distance[among].argmax()])
            chosen.append(Choice(k, float(doubt[k]), _explain_doubt(doubt[k])))
            distance = np.minimum(distance, np.linalg.norm(features - features[k], axis=1))
            turns.take(k)
        return chosen


@dataclass(frozen=True)
class CoveringStretches(Strategy):
    """Choose stretches that together show every pattern, also the rare ones.

    Each stretch is cut into pieces, and the pieces are clustered into patterns. The next stretch is the one that adds
    most to ``sum over patterns of weight * sqrt(number of labeled pieces)``: a pattern counts less the more of it is
    labeled. The weight of a pattern is its share of all pieces to the power `rarity`, times the mean doubt of the model
    in its pieces, if there is a model.

    Parameters
    ----------
    pieces : int, default=8
        Pieces of a stretch.
    patterns : int, default=64
        Number of patterns.
    rarity : float, default=0.25
        With 0.5, patterns are labeled in proportion to their frequency; with less, rare ones more often.
    doubt : float, default=1.0
        Power of the doubt in the weight; 0 ignores the model.

    References
    ----------
    K. Wei, R. Iyer, J. Bilmes, "Submodularity in Data Subset Selection and Active Learning", ICML 2015.

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> from sslts.labeling import CoveringStretches, suggest_stretches
    >>> X, _ = make_recordings(4, n_samples=400, random_state=0)
    >>> len(suggest_stretches(None, X, n=2, length=100, strategy=CoveringStretches(), random_state=0))
    2
    """

    pieces: int = bounded(8, 1, whole=True)
    patterns: int = bounded(64, 1, whole=True)
    rarity: float = bounded(0.25, most=1)
    doubt: float = bounded(1.0)

    def choose(self, pool: Pool, turns: Turns, n: int, rng: np.random.Generator) -> list[Choice]:
        """Return `n` candidates, each the one that adds most to those before."""
        amount, covered, weight = self._count_patterns(pool, rng)
        chosen: list[Choice] = []
        while len(chosen) < n:
            allowed = np.flatnonzero(turns.allowed)
            gain = (weight * (np.sqrt(covered + amount[allowed]) - np.sqrt(covered))).sum(1)
            k = int(allowed[gain.argmax()])
            chosen.append(Choice(k, float(gain.max()), _explain_patterns(amount[k], covered)))
            covered = covered + amount[k]
            turns.take(k)
        return chosen

    def _count_patterns(self, pool: Pool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pieces of each pattern in each candidate, (m, P), in the labels, (P,), and the weights, (P,)."""
        own, known = pool.candidates.cut(self.pieces), pool.labeled.cut(self.pieces)
        pattern = _cluster(pool.describe(own.join(known)), self.patterns, rng)
        n = int(pattern.max()) + 1
        amount = np.zeros((len(pool), n))
        np.add.at(amount, (np.repeat(np.arange(len(pool)), self.pieces), pattern[: len(own)]), 1.0)
        covered = np.bincount(pattern[len(own) :], minlength=n).astype(float)
        weight = ((amount.sum(0) + covered) / len(pattern)) ** self.rarity
        if pool.segmenter is not None and self.doubt:
            doubt = np.bincount(pattern[: len(own)], pool.measure_doubt(own), minlength=n)
            weight = weight * (doubt / np.maximum(amount.sum(0), 1)) ** self.doubt
        return amount, covered, weight


def _cluster(features: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the number of the cluster of each row, in at most `n` clusters."""
    n_clusters = min(n, _MOST_CLUSTERS, len(np.unique(features, axis=0)))
    kind: Any = MiniBatchKMeans if len(features) > _LARGE else KMeans
    return kind(n_clusters, n_init=3, random_state=int(rng.integers(2**31))).fit_predict(features)


def _measure_distance(features: np.ndarray, labeled: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Return the distance of each row to the nearest labeled one; without any, the densest rows are the farthest."""
    if not len(labeled):
        return density / density.max() * _FAR
    parts = np.array_split(features, 1 + len(features) // _ROWS_TOGETHER)
    return np.concatenate([pairwise_distances(part, labeled).min(1) for part in parts])


def _explain_cluster(share: float, known: int) -> str:
    labeled = "no labeled stretch is" if not known else f"{known} labeled stretches are"
    return f"{100 * share:.0f} % of the unlabeled stretches are like it, and {labeled}"


def _explain_doubt(doubt: float) -> str:
    return f"the model is unsure (mean probability of its answer {1 - doubt:.2f}), and it differs from what is labeled"


def _explain_patterns(amount: np.ndarray, covered: np.ndarray) -> str:
    shown, new = amount > 0, (amount > 0) & (covered == 0)
    return f"it shows {int(shown.sum())} patterns, and {int(new.sum())} of them are not labeled yet"
