"""Labels are hidden by units: as many units as asked for keep their labels, and every class keeps one."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from sslts._runs import find_runs
from sslts.model_selection import mask_labels

UNITS = ("recording", "window", "segment", "sample")


@st.composite
def draw_labels(draw):
    """Return ragged recordings of three classes and -1, with at least one label."""
    lengths = draw(st.lists(st.integers(3, 30), min_size=2, max_size=6))
    y = [np.array(draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))) for n in lengths]
    y[0][0] = 1
    return y


def count_units(y, unit, length=5):
    """Return the number of units with labels, from the definition."""
    if unit == "recording":
        return sum((labels >= 0).any() for labels in y)
    if unit == "segment":
        return sum((find_runs(labels)[2] >= 0).sum() for labels in y)
    if unit == "sample":
        return sum((labels >= 0).sum() for labels in y)
    return sum((labels[at : at + length] >= 0).any() for labels in y for at in range(0, len(labels), length))


@given(draw_labels(), st.sampled_from(UNITS), st.data(), st.integers(0, 99))
def test_the_asked_number_of_units_keep_their_labels(y, unit, data, seed):
    before = [labels.copy() for labels in y]
    n = data.draw(st.integers(1, count_units(y, unit)))
    options = {"window_length": 5} if unit == "window" else {}
    few = mask_labels(y, n_labeled=n, unit=unit, stratify=False, random_state=seed, **options)
    for labels, kept, old in zip(y, few, before, strict=True):
        np.testing.assert_array_equal(labels, old)
        np.testing.assert_array_equal(kept[kept >= 0], labels[kept >= 0])
    assert count_units(few, unit) == n


@given(draw_labels(), st.sampled_from(UNITS), st.integers(0, 99))
def test_more_labels_include_the_fewer(y, unit, seed):
    total = count_units(y, unit)
    options = {"unit": unit, "random_state": seed, "window_length": 5}
    every = mask_labels(y, n_labeled=total, **options)
    for labels, kept in zip(y, every, strict=True):
        np.testing.assert_array_equal(labels, kept)
    classes = {k for labels in y for k in labels.tolist() if k >= 0}
    earlier = None
    for n in range(min(len(classes), total), total + 1):  # this many units always hold every class
        few = np.concatenate(mask_labels(y, n_labeled=n, **options))
        assert set(few[few >= 0]) == classes
        if earlier is not None:
            assert (few[earlier >= 0] == earlier[earlier >= 0]).all()
        earlier = few


@given(draw_labels(), st.floats(0.01, 1.0), st.integers(0, 99))
def test_a_fraction_counts_only_units_with_labels(y, fraction, seed):
    few = mask_labels(y, fraction=fraction, unit="sample", stratify=False, random_state=seed)
    total = count_units(y, "sample")
    assert count_units(few, "sample") == max(1, round(fraction * total))


@given(st.integers(1, 5), st.integers(0, 20))
def test_groups_are_labeled_as_a_whole(n, seed):
    y, groups = np.tile([0, 1, 0], (15, 1)), np.arange(15) // 3
    few = mask_labels(y, n_labeled=n, groups=groups, random_state=seed)
    kept = (few >= 0).all(axis=1)
    assert set(np.bincount(groups[kept], minlength=5)) <= {0, 3}
    assert len(set(groups[kept])) == n


@given(st.integers(1, 12), st.integers(0, 20))
def test_smaller_units_come_from_all_groups_in_turn(n, seed):
    y, groups = np.tile([0, 1, 0, 1], (6, 1)), np.array([0, 0, 0, 1, 2, 2])
    few = mask_labels(y, n_labeled=n, unit="sample", groups=groups, stratify=False, random_state=seed)
    counts = np.bincount(groups, weights=(few >= 0).sum(axis=1))
    assert counts.max() - counts.min() <= 1


def test_strata_are_labeled_in_proportion():
    y, hospital = np.tile([0, 1], (40, 1)), np.repeat(["a", "b"], [30, 10])
    for n in (4, 8, 20):
        few = mask_labels(y, n_labeled=n, stratify=hospital, random_state=0)
        assert (few[hospital == "b"] >= 0).any(axis=1).sum() == n // 4


def test_a_rare_class_keeps_a_label():
    y = np.zeros((50, 20), int)
    y[:, 5:9] = 1
    y[31, 15:] = 2
    for seed in range(5):
        few = mask_labels(y, n_labeled=2, random_state=seed)
        assert (few[31] >= 0).all()
        assert (few >= 0).any(axis=1).sum() == 2


@pytest.mark.parametrize("unit", ["recording", "window", "segment"])
def test_successive_recordings_of_one_class_are_separate_units(unit):
    y = [[1, 1], [1, 1], [-1, -1], [1, 1], [2, 2]]
    for seed in range(9):
        kept = [(one >= 0).any() for one in mask_labels(y, n_labeled=2, unit=unit, window_length=2, random_state=seed)]
        assert sum(kept[:4]) == kept[4] == 1


def test_random_state_decides_which_labels_are_kept():
    y = np.tile([0, 1], (30, 1))
    first, again, other = (mask_labels(y, n_labeled=5, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert mask_labels(y, n_labeled=5, random_state=np.random.RandomState(0)).shape == y.shape


class TestContainers:
    def test_an_array_stays_an_array(self):
        assert mask_labels(np.zeros((3, 4), int), n_labeled=1).shape == (3, 4)

    def test_a_list_stays_a_list(self):
        few = mask_labels([np.zeros(3, int), np.zeros(5, int)], n_labeled=1)
        assert [len(labels) for labels in few] == [3, 5]

    def test_one_label_per_recording(self):
        few = mask_labels(np.array([0, 1, 0, 1]), n_labeled=2, random_state=0)
        assert few.shape == (4,)
        assert sorted(few.tolist()) == [-1, -1, 0, 1]

    def test_a_series_of_a_panel_keeps_its_index(self):
        index = pd.MultiIndex.from_product([["b", "a"], range(3)])
        y = pd.Series([0, 1, 0, 1, 0, 1], index=index)
        few = mask_labels(y, n_labeled=1, random_state=0)
        pd.testing.assert_index_equal(few.index, index)
        assert (few >= 0).groupby(level=0).sum().tolist() in ([0, 3], [3, 0])
        assert (few[few >= 0] == y[few >= 0]).all()


class TestBadInput:
    Y = np.array([[0, 1, 1], [0, 1, 0], [-1, -1, -1]])

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"n_labeled": 3}, "n_labeled=3, but y has 2 recordings with labels"),
            ({"n_labeled": 3, "groups": [0, 0, 1]}, "has 1 groups with labels"),
            ({"n_labeled": 7, "unit": "sample"}, "has 6 samples with labels"),
            ({"n_labeled": 0}, "1 or more"),
            ({"n_labeled": 1.5}, "whole number"),
            ({"fraction": 1.1}, "at most 1"),
            ({"fraction": 0}, "above 0"),
            ({}, "either n_labeled or fraction"),
            ({"n_labeled": 1, "fraction": 0.5}, "either n_labeled or fraction"),
            ({"n_labeled": 1, "unit": "patient"}, "unit must be one of"),
            ({"n_labeled": 1, "groups": [0, 1]}, r"groups has shape \(2,\), y has 3 recordings"),
            ({"n_labeled": 1, "stratify": [0, 1]}, r"stratify has shape \(2,\), y has 3"),
            ({"n_labeled": 1, "unit": "window", "window_length": 0}, "window_length"),
            (
                {"n_labeled": 1, "unit": "segment"},
                r"no choice of 1 segments .* all classes \[0, 1\]; the fewest found are 2",
            ),
        ],
    )
    def test_the_message_names_the_problem(self, options, words):
        with pytest.raises(ValueError, match=words):
            mask_labels(self.Y, **options)

    def test_labels_that_are_all_unlabeled_are_refused(self):
        with pytest.raises(ValueError, match="y has no label to keep: every label is -1"):
            mask_labels(np.full((2, 3), -1), n_labeled=1)

    @pytest.mark.parametrize("y", [None, [], [[0, 0.5]], [[-2, 0]]])
    def test_values_that_are_not_labels_are_refused(self, y):
        with pytest.raises(ValueError, match=r"y (is None|holds no)|y\[0\] holds"):
            mask_labels(y, n_labeled=1)


class TestFewUnitsThatHoldEveryClass:
    """Units with the most classes come first; if these are too many units, another choice is searched."""

    Y = np.array([[1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 6, 6], [2, 3, 4, 5, 2, 3]])

    @pytest.mark.parametrize("seed", range(4))
    def test_two_units_that_hold_all_are_found_although_a_third_holds_more(self, seed):
        few = mask_labels(self.Y, n_labeled=2, random_state=seed)
        assert (few >= 0).any(axis=1).tolist() == [True, True, False]

    def test_an_impossible_number_is_refused_with_the_fewest(self):
        with pytest.raises(
            ValueError, match=r"found no choice of 1 recordings .*\[1, 2, 3, 4, 5, 6\]; the fewest found are 2"
        ):
            mask_labels(self.Y, n_labeled=1, random_state=0)

    def test_the_search_is_exact(self):
        rng = np.random.default_rng(0)
        for seed in range(30):
            held = rng.random((7, 6)) < 0.35
            held[np.arange(6), np.arange(6)] = True
            y = [np.flatnonzero(row) if row.any() else np.array([-1]) for row in held]
            size = min(k for k in range(1, 8) for rows in combinations(held, k) if np.any(rows, axis=0).all())
            kept = mask_labels(y, n_labeled=size, random_state=seed)
            assert len(np.unique(np.concatenate(kept)[np.concatenate(kept) >= 0])) == 6
            if size > 1:
                with pytest.raises(ValueError, match=f"the fewest found are {size}"):
                    mask_labels(y, n_labeled=size - 1, random_state=seed)

    def test_many_units_take_little_time(self):
        y = np.random.default_rng(0).integers(12, size=(3000, 4))
        with pytest.raises(ValueError, match="found no choice of 2 recordings"):
            mask_labels(y, n_labeled=2, random_state=0)
        assert (mask_labels(y, n_labeled=3, random_state=0) >= 0).any(axis=1).sum() == 3


@pytest.mark.parametrize("unit", UNITS)
def test_labels_in_a_zarr_array(unit):
    y = np.tile([0, 0, 1, 1, 0, 0], (5, 1))
    options = {"n_labeled": 3, "unit": unit, "random_state": 0}
    wanted = mask_labels(y, **options)
    np.testing.assert_array_equal(mask_labels(zarr.array(y), **options), wanted)
    rows = mask_labels([zarr.array(row) for row in y], **options)
    np.testing.assert_array_equal(np.stack(rows), wanted)


def test_a_numpy_bool_is_taken_as_a_bool():
    y = np.tile([0, 0, 1, 1, 0, 0], (5, 1))
    for truth in (True, False):
        few = mask_labels(y, n_labeled=2, stratify=np.bool_(truth), random_state=0)
        np.testing.assert_array_equal(few, mask_labels(y, n_labeled=2, stratify=truth, random_state=0))


@pytest.mark.parametrize("unit", ["recording", "segment"])
def test_groups_that_cannot_be_sorted(unit):
    y = np.tile([0, 0, 1, 1, 0, 0], (4, 1))
    groups = np.array([None, "b", 3, None], dtype=object)
    options = {"n_labeled": 2, "unit": unit, "random_state": 0}
    wanted = mask_labels(y, groups=[0, 1, 2, 0], **options)
    np.testing.assert_array_equal(mask_labels(y, groups=groups, **options), wanted)


def test_missing_values_form_one_group_and_one_stratum():
    y = np.tile([0, 0, 1, 1, 0, 0], (6, 1))
    for missing in (np.array([2.0, 2, 5, 5, np.nan, np.nan]), np.array([2, 2, 5, 5, None, None], dtype=object)):
        few = mask_labels(y, n_labeled=3, groups=missing, random_state=0)
        np.testing.assert_array_equal(few, y)
        strata = mask_labels(y, n_labeled=3, stratify=missing, random_state=0)
        np.testing.assert_array_equal((strata >= 0).any(1).reshape(3, 2).sum(1), 1)
