"""Occurrences that touch become codes: the first and the second half of each occurrence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import LabelRuns, measure_occurrences

runs_of_one = st.lists(st.tuples(st.integers(0, 2), st.integers(2, 9)), min_size=2, max_size=12)


def make_runs(runs):
    values, sizes = np.array(runs).T
    start = np.cumsum(sizes) - sizes
    return LabelRuns.from_runs(np.array([sizes.sum()]), np.zeros(len(runs), int), start, values)


@given(runs_of_one)
def test_the_codes_hold_the_labels_and_where_occurrences_begin(runs):
    labels = make_runs(runs)
    found = measure_occurrences(labels, [0, 1, 2], background=0)
    touches = [i for i in range(1, len(runs)) if runs[i][0] == runs[i - 1][0] != 0]
    if not touches:
        assert found is None
        return
    codes = found.encode(labels).to_labels()[0]
    np.testing.assert_array_equal(found.owner[codes], labels.to_labels()[0])
    whole = [i for i in touches if i < len(runs) - 1]  # the last one is cut, so its halves are guessed
    starts = found.find_starts(codes).tolist()
    assert {labels.start[i] for i in whole} <= set(starts) <= {labels.start[i] for i in touches}


@given(runs_of_one, st.integers(1, 60))
def test_starts_do_not_depend_on_how_codes_arrive(runs, cut):
    labels = make_runs(runs)
    found = measure_occurrences(labels, [0, 1, 2], background=0)
    if found is None:
        return
    codes = found.encode(labels).to_labels()[0]
    cut = min(cut, len(codes) - 1)
    parts = found.find_starts(codes[:cut]), cut + found.find_starts(codes[cut:], before=int(codes[cut - 1]))
    np.testing.assert_array_equal(np.concatenate(parts), found.find_starts(codes))


def test_only_classes_that_touch_have_two_codes():
    found = measure_occurrences(make_runs([(0, 5), (1, 8), (1, 6), (0, 5), (2, 4), (0, 3)]), [0, 1, 2], background=0)
    assert found.sizes == (0, 7, 0)
    assert (found.n_codes, found.owner.tolist()) == (4, [0, 1, 2, 1])
    assert found.statistics.background == 0


def test_probabilities_of_both_halves_add_up():
    found = measure_occurrences(make_runs([(1, 8), (1, 6), (2, 4), (2, 4)]), [1, 2], background=None)
    proba = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, 5)).astype(np.float32)
    merged = found.merge(proba)
    np.testing.assert_allclose(merged, np.stack([proba[..., 0] + proba[..., 2], proba[..., 1] + proba[..., 3]], -1))


def test_an_occurrence_that_is_cut_has_the_typical_length():
    labels = make_runs([(1, 4), (1, 10), (1, 10), (0, 3), (1, 10), (1, 2)])
    codes = measure_occurrences(labels, [0, 1], background=0).encode(labels).to_labels()[0]
    assert codes[:4].tolist() == [1] * 4  # the end of an occurrence
    assert codes[-2:].tolist() == [2] * 2  # the beginning of one
    assert codes[4:14].tolist() == [2] * 5 + [1] * 5
