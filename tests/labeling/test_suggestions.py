"""Suggested stretches are unlabeled, apart, spread over groups, and each error names the argument and the fix."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from sslts import Annotations, Recordings, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.labeling import (
    CoveringStretches,
    RandomStretches,
    RepresentativeStretches,
    UncertainStretches,
    suggest_stretches,
)
from sslts.networks import UNet

EVERY = [
    CoveringStretches(),
    RandomStretches(),
    RandomStretches(recordings=True),
    RepresentativeStretches(),
    UncertainStretches(),
]


@pytest.fixture(scope="module")
def fitted():
    """Return recordings, labels of a part of them, and a segmenter fitted on these."""
    X, y = make_recordings(10, n_samples=600, random_state=0)
    y = y.copy()
    y[2:] = -1
    y[1, 300:] = -1
    return X, y, WindowFeatureSegmenter(random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def network(fitted):
    """Return a fitted network, whose features describe stretches."""
    X, y, _ = fitted
    return SupervisedSegmenter(network=UNet(width=4, depth=2), max_steps=3, random_state=0).fit(X, y)


@pytest.mark.parametrize("strategy", EVERY)
def test_stretches_are_unlabeled_and_apart(fitted, network, strategy):
    X, y, forest = fitted
    for segmenter in (None, forest, network):
        table = suggest_stretches(segmenter, X, y, n=6, length=100, strategy=strategy, random_state=0)
        assert table.columns.tolist() == ["recording", "start", "end", "score", "reason"]
        assert len(table) == 6
        taken = np.zeros(y.shape, dtype=bool)
        for i, start, end in table[["recording", "start", "end"]].to_numpy(dtype=int):
            assert 0 <= start < end <= 600
            assert (y[i, start:end] == -1).all()
            assert not taken[i, start:end].any()
            taken[i, start:end] = True


@pytest.mark.parametrize("strategy", EVERY)
def test_the_same_seed_gives_the_same_stretches(fitted, strategy):
    X, y, forest = fitted
    one, other = (suggest_stretches(forest, X, y, n=4, length=100, strategy=strategy, random_state=3) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


@given(
    seed=st.integers(0, 999),
    n=st.integers(1, 12),
    length=st.integers(5, 80),
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_any_lengths_give_stretches_inside_their_recordings(seed, n, length, lengths):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=size) for size in lengths]
    y = [rng.choice([-1, 0, 1], size=size, p=[0.8, 0.1, 0.1]) for size in lengths]
    try:
        table = suggest_stretches(None, X, y, n=n, length=length, random_state=seed)
    except ValueError as error:
        assert "ask for at most" in str(error) or "longest recording" in str(error)  # noqa: PT017
        return
    for i, start, end in table[["recording", "start", "end"]].to_numpy(dtype=int):
        assert 0 <= start < end <= lengths[i]
        assert (y[i][start:end] == -1).all()


def test_groups_come_in_turn():
    X, _ = make_recordings(12, n_samples=300, random_state=0)
    groups = np.repeat(["a", "b", "c"], 4)
    for strategy in EVERY:
        table = suggest_stretches(None, X, n=3, length=100, groups=groups, strategy=strategy, random_state=0)
        assert set(groups[table["recording"]]) == {"a", "b", "c"}


def test_labeled_groups_come_last():
    X, y = make_recordings(6, n_samples=300, random_state=0)
    y[1:] = -1
    groups = np.repeat(["a", "b"], 3)
    table = suggest_stretches(None, X, y, n=1, length=100, groups=groups, strategy=RandomStretches(), random_state=0)
    assert groups[table["recording"][0]] == "b"


def test_leads_of_one_moment_count_once():
    """Three leads of one patient: three stretches show three moments."""
    x = np.random.default_rng(0).normal(size=(3, 300))
    for strategy in (RandomStretches(), RepresentativeStretches()):
        table = suggest_stretches(None, x, n=3, length=100, groups=[7, 7, 7], strategy=strategy, random_state=0)
        assert sorted(round(start / 100) for start in table["start"]) == [0, 1, 2]


def test_an_outlier_is_not_representative():
    X, _ = make_recordings(10, n_samples=300, random_state=0)
    X[4] = 1e4 * np.random.default_rng(0).normal(size=300) ** 3
    table = suggest_stretches(None, X, n=2, length=300, strategy=RepresentativeStretches(), random_state=0)
    assert 4 not in table["recording"].tolist()


def test_representative_stretches_show_every_kind():
    """Signals of two frequencies, one of them rare, give one stretch of each."""
    t = np.arange(400)
    rng = np.random.default_rng(0)
    X = np.stack([np.sin(t * (0.05 if i < 16 else 0.8)) + rng.normal(0, 0.1, 400) for i in range(20)])
    table = suggest_stretches(None, X, n=2, length=400, strategy=RepresentativeStretches(), random_state=0)
    assert sorted(i >= 16 for i in table["recording"]) == [False, True]


def test_a_stretch_is_centered_on_doubt():
    """The model is unsure in 50 samples of a recording: a stretch holds them all."""

    class Doubtful:
        classes_, background = np.array([0, 1]), 0

        def predict_proba(self, X):
            proba = np.tile(np.array([0.99, 0.01], dtype=np.float32), (len(X), 1000, 1))
            proba[:, 480:530] = 0.5
            return proba

    X = np.random.default_rng(0).normal(size=(3, 1000))
    table = suggest_stretches(Doubtful(), X, n=1, length=100, random_state=0)
    assert table["start"][0] <= 480
    assert table["end"][0] >= 530


def test_ends_are_put_where_nothing_happens():
    """A burst in the middle of quiet samples is not cut by the end of a stretch."""
    x = np.random.default_rng(0).normal(0, 0.01, size=(1, 400))
    x[0, 80:120] += np.sin(np.arange(40))
    for seed in range(8):
        table = suggest_stretches(None, x, n=1, length=100, strategy=RandomStretches(), random_state=seed)
        for end in (table["start"][0], table["end"][0]):
            assert not 80 < end < 120


def test_names_and_annotations_are_understood(fitted):
    X, y, forest = fitted
    named = Recordings.from_arrays(X, names=[f"day {i}" for i in range(10)])
    table = suggest_stretches(forest, named, Annotations.from_labels(y), n=3, length=100, random_state=0)
    plain = suggest_stretches(forest, X, y, n=3, length=100, random_state=0)
    assert table["recording"].tolist() == [f"day {i}" for i in plain["recording"]]
    truth = Annotations.from_table(pd.DataFrame(columns=["recording", "start", "end", "label"]), named, table)
    assert truth.looked_at["recording"].nunique() == plain["recording"].nunique()


def test_words_are_understood(fitted):
    X, y, _ = fitted
    words = np.array(["background", "step", None], dtype=object)[y]
    table = suggest_stretches(None, X, words, n=3, length=100, random_state=0)
    pd.testing.assert_frame_equal(table, suggest_stretches(None, X, y, n=3, length=100, random_state=0))


def test_the_default_length_holds_several_occurrences(fitted):
    X, y, forest = fitted
    table = suggest_stretches(forest, X, y, n=3, random_state=0)
    typical = np.median([len(run) for run in _find_runs(y[:1])])
    assert (table["end"] - table["start"] >= 5 * typical).all()


def _find_runs(y):
    labels = y.ravel()
    return [run for run in np.split(labels, np.flatnonzero(np.diff(labels)) + 1) if run[0] > 0]


class TestErrors:
    def test_more_than_is_unlabeled(self, fitted):
        X, y, _ = fitted
        with pytest.raises(ValueError, match=r"n=500, but there are 51 unlabeled stretches of about 100 samples; ask"):
            suggest_stretches(None, X, y, n=500, length=100)

    def test_no_recording_is_left(self, fitted):
        X, y, _ = fitted
        with pytest.raises(ValueError, match="n=9, but there are 8 recordings without labels; ask for at most 8."):
            suggest_stretches(None, X, y, n=9, strategy=RandomStretches(recordings=True))

    def test_groups_of_another_length(self, fitted):
        X, y, _ = fitted
        with pytest.raises(ValueError, match=r"groups has shape \(2,\), X has 10 recordings; give one group for each"):
            suggest_stretches(None, X, y, n=1, groups=[0, 1])

    def test_other_channels(self, fitted):
        X, _, forest = fitted
        with pytest.raises(ValueError, match="2 channels, WindowFeatureSegmenter was fitted with 1"):
            suggest_stretches(forest, np.stack([X, X], axis=1), n=1)

    def test_longer_than_every_recording(self, fitted):
        X, y, _ = fitted
        with pytest.raises(ValueError, match="length=601, but the longest recording has 600 samples; give at most 600"):
            suggest_stretches(None, X, y, n=1, length=601)

    @pytest.mark.parametrize(
        ("argument", "value"), [("n", 0), ("n", 2.5), ("n", True), ("length", 0), ("length", "10")]
    )
    def test_wrong_numbers(self, fitted, argument, value):
        with pytest.raises(ValueError, match=f"{argument}={value!r}; give the"):
            suggest_stretches(None, fitted[0], **{"n": 1, argument: value})

    def test_a_strategy_that_is_none(self, fitted):
        with pytest.raises(TypeError, match=r"strategy='random'; pass one of RandomStretches\(\)"):
            suggest_stretches(None, fitted[0], n=1, strategy="random")
        with pytest.raises(ValueError, match="strategy=RandomStretches is a class"):
            suggest_stretches(None, fitted[0], n=1, strategy=RandomStretches)

    def test_a_segmenter_that_is_not_fitted(self, fitted):
        with pytest.raises(NotFittedError):
            suggest_stretches(WindowFeatureSegmenter(), fitted[0], n=1)
        with pytest.raises(TypeError, match="segmenter is a int without predict_proba; pass a fitted segmenter"):
            suggest_stretches(3, fitted[0], n=1)
