"""Weights and soft labels of every container are read alike; every defect is named; the tables of docs/input.md."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from hostile import X, Y, check_probabilities, list_documented_rows, make_segmenter, read_rows
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from strategies import CONTAINERS, LazySource, MaskedSource, fill

from sslts import SemiSupervisedSegmenter, WindowFeatureSegmenter
from sslts.annotations import LabelRuns, as_label_runs, read_weighed_labels
from sslts.recordings import as_recordings
from sslts.training import Losses

RECORDINGS = as_recordings(X)
SOFT = np.where(Y[..., None] == np.arange(2), 0.75, 0.25)
PARTLY = np.where(np.arange(40) < 30, Y, -1)


def same_runs(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("first", "start", "value"))


def read_weights(weights, labels=PARTLY):
    """Return the labels (n, T) and the weights (n, T) that a fit sees; None for equal weights."""
    runs, details = read_weighed_labels(labels, RECORDINGS, weights)
    found = np.stack(runs.to_labels())
    if details.weights is None:
        return found, None
    return found, details.weights.cut(np.arange(4), np.zeros(4, dtype=int), 40)


def read_soft(y):
    runs, details = read_weighed_labels(y, RECORDINGS)
    soft = None if details.soft is None else details.soft.cut(np.arange(4), np.zeros(4, dtype=int), 40)
    return np.stack(runs.to_labels()), soft


@st.composite
def draw_weights(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return rng.integers(0, draw(st.sampled_from([2, 4, 100])), size=(4, 40))


class TestWeights:
    @given(name=st.sampled_from(list(CONTAINERS)), weights=draw_weights())
    def test_every_container_holds_the_same_weights(self, name, weights):
        if "bool" in name:
            weights = np.minimum(weights, 1)
        if weights[PARTLY >= 0].any():
            wanted, found = read_weights(weights), read_weights(fill(name, weights))
            np.testing.assert_array_equal(found[0], wanted[0])
            np.testing.assert_array_equal(found[1], wanted[1])

    @given(weights=draw_weights())
    def test_a_weight_of_zero_is_the_label_minus_one(self, weights):
        wanted = as_label_runs(np.where(weights > 0, PARTLY, -1), RECORDINGS)
        if wanted.labeled.any():
            assert same_runs(read_weighed_labels(PARTLY, RECORDINGS, weights)[0], wanted)

    @given(weights=draw_weights(), seed=st.integers(0, 99))
    def test_weights_of_unlabeled_samples_have_no_effect(self, weights, seed):
        others = np.where(PARTLY < 0, np.random.default_rng(seed).integers(0, 999, size=(4, 40)), weights)
        if weights[PARTLY >= 0].any():
            (labels, one), (same, other) = read_weights(weights), read_weights(others)
            np.testing.assert_array_equal(labels, same)
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_array_equal(one[labels >= 0], other[labels >= 0])

    @given(weights=draw_weights(), scale=st.sampled_from([2.0**-30, 0.1, 3.0, 1e200, 1e-200]))
    def test_only_ratios_count(self, weights, scale):
        if weights[PARTLY >= 0].any():
            (_, one), (_, other) = read_weights(weights), read_weights(weights * scale)
            assert (one is None) == (other is None)
            if one is not None:
                np.testing.assert_allclose(one, other, rtol=1e-6)
                assert one.max() >= 1

    @given(value=st.floats(1e-300, 1e300), by_sample=st.booleans())
    def test_equal_weights_are_left_out(self, value, by_sample):
        labels, weights = read_weights(np.full((4, 40) if by_sample else 4, value))
        assert weights is None
        np.testing.assert_array_equal(labels, PARTLY)

    @pytest.mark.parametrize("form", [list, np.array, torch.tensor, lambda w: np.array(w)[:, None], pd.Series])
    def test_one_weight_for_each_recording(self, form):
        """Row: one for each recording, shape (n,) or (n, 1)"""
        labels, weights = read_weights(form([1.0, 2.0, 0.0, 4.0]))
        assert (labels[2] == -1).all()
        assert [row.tolist() for row in np.unique(weights, axis=1).T] == [[0.25, 0.5, 0.0, 1.0]]

    def test_weights_by_sample(self):
        """Row: one for each sample, shape (n, T), or a list of (T_i,)"""
        given_weights = np.arange(1.0, 161.0).reshape(4, 40)
        for form in (given_weights, list(given_weights), [given_weights[0], *given_weights[1:].tolist()]):
            np.testing.assert_allclose(read_weights(form)[1], given_weights / 150)  # 150: the last labeled sample

    def test_other_types(self):
        """Row: integers, booleans, tensors, nested lists"""
        weights = np.arange(160).reshape(4, 40) % 3 > 0
        for form in (weights, weights.astype(np.int8), torch.from_numpy(weights), weights.tolist()):
            np.testing.assert_array_equal(read_weights(form)[0], np.where(weights, PARTLY, -1))

    def test_weights_follow_the_names_of_recordings(self):
        """Row: a Series on the names of the recordings of `X`, in another order"""
        names = pd.Index(["a", "b", "c", "d"])
        recordings = as_recordings(pd.DataFrame(X, names))
        weights = pd.Series([1.0, 2.0, 3.0, 4.0], names)
        _, details = read_weighed_labels(pd.DataFrame(Y, names), recordings, weights[::-1])
        np.testing.assert_allclose(details.weights.cut(np.arange(4), np.zeros(4, int), 1)[:, 0], weights / 4)

    def test_weights_follow_the_times_of_samples(self):
        times = pd.date_range("2026-01-01", periods=40, freq="s")
        recordings = as_recordings([pd.Series(x, times) for x in X])
        weights = [pd.Series(np.arange(1.0, 41.0), times)[::-1]] * 4
        _, details = read_weighed_labels(list(Y), recordings, weights)
        np.testing.assert_allclose(details.weights.read(2, 0, 40), np.arange(1, 41) / 40)

    def test_arrays_are_not_copied(self):
        weights = np.random.default_rng(0).random((4, 40))
        _, details = read_weighed_labels(PARTLY, RECORDINGS, weights)
        assert all(np.shares_memory(row, weights) for row in details.weights.values)

    def test_touching_runs_of_one_class_stay_apart(self):
        labels = LabelRuns(np.array([6]), np.array([0, 3]), np.array([0, 2, 4]), np.array([1, 1, 0]))
        from sslts.annotations.weighing import _hide_weightless

        hidden = _hide_weightless(labels, [np.array([1, 1, 1, 0, 0, 1])])
        assert hidden.start.tolist() == [0, 2, 3, 5]
        assert hidden.value.tolist() == [1, 1, -1, 0]


class TestSoftLabels:
    def test_soft_labels(self, partly_soft):
        """Row: soft labels: floats of shape (n, T, K) that sum to one within 0.001"""
        labels, soft = read_soft(partly_soft)
        np.testing.assert_array_equal(labels, PARTLY)
        np.testing.assert_allclose(np.moveaxis(soft, 1, -1), np.nan_to_num(partly_soft), rtol=1e-6)
        check_probabilities(X, SOFT)

    @pytest.fixture
    def partly_soft(self):
        return np.where(PARTLY[..., None] < 0, np.nan, SOFT)

    @pytest.mark.parametrize("mark", [np.nan, -1.0])
    def test_unlabeled(self, mark):
        """Row: soft labels of a sample that are all NaN, or all -1"""
        labels, soft = read_soft(np.where(PARTLY[..., None] < 0, mark, SOFT))
        np.testing.assert_array_equal(labels, PARTLY)
        assert (soft.sum(1)[PARTLY < 0] == 0).all()

    @pytest.mark.parametrize(
        "hold",
        [
            list,
            lambda y: y.tolist(),
            torch.tensor,
            lambda y: [torch.tensor(one) for one in y],
            LazySource,
            lambda y: MaskedSource(np.nan_to_num(y), np.isnan(y)),
            lambda y: np.ma.masked_invalid(y),
            lambda y: [pd.DataFrame(one) for one in y],
            lambda y: pd.Series(list(y)),
            np.float16,
            np.float32,
            np.asfortranarray,
        ],
    )
    def test_every_container_holds_the_same_soft_labels(self, partly_soft, hold):
        wanted, found = read_soft(partly_soft), read_soft(hold(partly_soft))
        np.testing.assert_array_equal(found[0], wanted[0])
        np.testing.assert_array_equal(found[1], wanted[1])  # 0.25 and 0.75 are exact

    def test_mixed_with_integers(self, partly_soft):
        """Row: a list of soft labels (T, K) and of integer labels, such as -1 for a recording"""
        labels, soft = read_soft([partly_soft[0], -1, PARTLY[2], 1])
        np.testing.assert_array_equal(labels, [PARTLY[0], [-1] * 40, PARTLY[2], [1] * 40])
        np.testing.assert_array_equal(soft[2], PARTLY[2] == np.arange(2)[:, None])
        check_probabilities(X, [SOFT[0], -1, Y[2], 1])

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_certain_soft_labels(self, dtype):
        """Row: soft labels that are 0 and 1"""
        labels, details = read_weighed_labels(np.eye(2, dtype=dtype)[Y], RECORDINGS)
        assert same_runs(labels, as_label_runs(Y, RECORDINGS))
        assert not details
        assert details.n_classes is None
        wanted = make_segmenter().fit(X, Y).predict_proba(X)
        np.testing.assert_array_equal(make_segmenter().fit(X, np.eye(2)[Y]).predict_proba(X), wanted)

    def test_arrays_are_not_copied(self):
        _, details = read_weighed_labels(SOFT, RECORDINGS)
        assert all(np.shares_memory(one, SOFT) for one in details.soft.values)

    def test_a_class_without_most_votes_is_a_class(self):
        wide = np.concatenate([0.8 * SOFT, np.full((4, 40, 1), 0.2)], axis=-1)
        assert read_weighed_labels(wide, RECORDINGS)[1].n_classes == 3
        fitted = make_segmenter().fit(X, wide)
        assert fitted.classes_.tolist() == [0, 1, 2]
        assert fitted.predict_proba(X).shape == (4, 40, 3)

    def test_recordings_of_one_sample(self):
        labels, details = read_weighed_labels(np.array([[[0.25, 0.75]]]), as_recordings([np.zeros(1)]))
        assert labels.value.tolist() == [1]
        assert details.soft.read(0, 0, 1).tolist() == [[0.25, 0.75]]

    @given(seed=st.integers(0, 2**16), n_classes=st.integers(2, 6), dtype=st.sampled_from([np.float32, np.float64]))
    def test_the_label_is_the_most_probable_class(self, seed, n_classes, dtype):
        proba = np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=(4, 40)).astype(dtype)
        labels, soft = read_soft(proba)
        np.testing.assert_array_equal(labels, proba.argmax(-1))
        np.testing.assert_allclose(soft, np.moveaxis(proba, -1, 1), rtol=1e-5, atol=1e-7)


def spoil(row, n_classes=2):
    soft = list(SOFT.copy())
    soft[1][2] = row
    return soft


WRONG = {
    "soft labels that do not sum to one": lambda: [spoil([0.5, 0.25]), np.stack(spoil([0.5, 0.25]))],
    "negative soft labels": lambda: [spoil([1.25, -0.25]), torch.tensor(np.stack(spoil([1.25, -0.25])))],
    "soft labels that are NaN for some classes": lambda: [spoil([1.0, np.nan])],
    "soft labels of recordings with different numbers of classes": lambda: [
        [SOFT[0], np.full((40, 3), 1 / 3), *SOFT[2:]]
    ],
}
WRONG_WEIGHTS = {
    "negative weights": lambda: [np.where(np.arange(4)[:, None] == 1, -1.0, np.ones((4, 40))), [1.0, -1.0, 1.0, 1.0]],
    "NaN or infinite weights, for unlabeled samples too": lambda: [[1, np.nan, 1, 1], [1, np.inf, 1, 1]],
    "weights of another length than the recording": lambda: [np.ones((4, 39)), [np.ones(39)] * 4],
    "weights for another number of recordings": lambda: [np.ones(3), np.ones((3, 40))],
    "0 for every labeled sample": lambda: [np.zeros(4), np.where(PARTLY < 0, 1, 0)],
    "a single number": lambda: [2.0, np.float32(2), "2"],
    "text": lambda: [["a", "b", "c", "d"], [["a"] * 40] * 4],
}
ROWS, WEIGHT_ROWS = read_rows("y"), read_rows("sample_weight")


@pytest.mark.parametrize("row", WRONG)
def test_wrong_soft_labels_are_named(row):
    outcome, messages = ROWS[row]
    assert outcome.startswith("refused")
    for soft in WRONG[row]():
        segmenter = make_segmenter()
        with pytest.raises(ValueError, match=re.escape(messages[0])):
            segmenter.fit(X, soft)
        assert not hasattr(segmenter, "net_")


@pytest.mark.parametrize("row", WRONG_WEIGHTS)
def test_wrong_weights_are_named(row):
    outcome, messages = WEIGHT_ROWS[row]
    assert outcome.startswith("refused")
    for weights in WRONG_WEIGHTS[row]():
        segmenter = make_segmenter()
        with pytest.raises(ValueError, match=re.escape(messages[0])):
            segmenter.fit(X, PARTLY, sample_weight=weights)
        assert not hasattr(segmenter, "net_")


@pytest.mark.parametrize(("scale", "hint"), [(3.0, "or see sslts.annotations.count_votes"), (0.5, "sum to 0.5")])
def test_votes_are_pointed_to_their_shares(scale, hint):
    with pytest.raises(ValueError, match=hint):
        read_weighed_labels(scale * SOFT, RECORDINGS)


def test_a_class_beyond_the_columns_is_named():
    with pytest.raises(ValueError, match=r"y\[3\] \(recording 3\) has class 5, but the soft labels .* classes 0 to 1"):
        read_weighed_labels([*SOFT[:3], 5], RECORDINGS)


def test_too_many_classes_are_refused():
    with pytest.raises(ValueError, match="soft labels of 1001 classes; at most 1000 are allowed"):
        read_weighed_labels(np.full((1, 3, 1001), 1 / 1001), as_recordings(np.zeros((1, 3))))


class TestRefusedUses:
    def test_a_loss_without_weights(self):
        """Row: weights for a `labeled_loss` of your own without the parameter `sample_weight`"""

        def loss(logits, labels, class_weight):
            return logits.mean()

        message = re.escape(WEIGHT_ROWS[self.test_a_loss_without_weights.__doc__.removeprefix("Row: ")][1][0])
        with pytest.raises(ValueError, match=f"{message}.*; add sample_weight=None to it"):
            make_segmenter(labeled_loss=loss).fit(X, Y, sample_weight=[1, 2, 3, 4])
        with pytest.raises(ValueError, match="has no parameter soft_labels"):
            make_segmenter(labeled_loss=loss).fit(X, SOFT)
        make_segmenter(labeled_loss=loss).fit(X, Y, sample_weight=[3, 3, 3, 3])  # equal weights need no parameter

    def test_an_objective_that_ignores_weights(self):
        """Row: weights for a criterion or an objective that does not use them"""

        def objective(batch, step):
            loss = step.labeled_loss(*step.student(batch.labeled.x), batch.labeled.target)
            return Losses(loss, loss)

        message = WEIGHT_ROWS[self.test_an_objective_that_ignores_weights.__doc__.removeprefix("Row: ")][1][0]
        params = {name: getattr(make_segmenter(), name) for name in ("network", "max_steps", "batch_size")}
        segmenter = SemiSupervisedSegmenter(objective=objective, **params)
        with pytest.raises(ValueError, match=f"{message}.*step.labeled_loss\\(logits, labeled\\)"):
            segmenter.fit(X, Y, sample_weight=[1, 2, 3, 4])
        with pytest.raises(ValueError, match="does not use the soft_labels"):
            segmenter.fit(X, SOFT)

    def test_a_classifier_without_weights(self):
        """Row: weights or soft labels for a `classifier` whose `fit` has no `sample_weight`"""
        message = WEIGHT_ROWS[self.test_a_classifier_without_weights.__doc__.removeprefix("Row: ")][1][0]
        segmenter = WindowFeatureSegmenter(classifier=KNeighborsClassifier(), scales=(1, 4))
        for labels, weights in ((Y, [1, 2, 3, 4]), (SOFT, None)):
            with pytest.raises(ValueError, match=message):
                segmenter.fit(X, labels, sample_weight=weights)
        segmenter.fit(X, Y, sample_weight=[2, 2, 2, 2])


# The laws of the rows without a message are above, and for whole estimators in tests/segmenters/test_weights.py.
LAWS = {"0 for a labeled sample", "any weight for an unlabeled sample"}


def test_every_row_is_a_test():
    tests = [*vars(TestWeights).values(), *vars(TestRefusedUses).values()]
    assert {*WRONG_WEIGHTS} | LAWS | list_documented_rows(*tests) == set(WEIGHT_ROWS)
    soft = {name for name in ROWS if "soft labels" in name}
    assert {*WRONG} | list_documented_rows(*vars(TestSoftLabels).values()) == soft
