"""Votes of annotators are shares of classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import as_label_runs, count_votes, read_weighed_labels
from sslts.recordings import as_recordings


@given(seed=st.integers(0, 2**16), n_annotators=st.integers(1, 5), ragged=st.booleans())
def test_shares(seed, n_annotators, ragged):
    rng = np.random.default_rng(seed)
    lengths = (7, 4) if ragged else (7, 7)
    given_labels = [[rng.integers(-1, 3, size=size) for size in lengths] for _ in range(n_annotators)]
    found = count_votes(given_labels if ragged else [np.stack(one) for one in given_labels], n_classes=3)
    assert isinstance(found, list) == ragged
    for i, size in enumerate(lengths):
        for t in range(size):
            votes = [one[i][t] for one in given_labels if one[i][t] >= 0]
            wanted = [votes.count(k) / len(votes) for k in range(3)] if votes else [np.nan] * 3
            np.testing.assert_allclose(found[i][t], wanted, rtol=1e-6)


@given(seed=st.integers(0, 2**16), times=st.integers(1, 4))
def test_annotators_of_one_mind_give_their_labels(seed, times):
    labels = np.random.default_rng(seed).integers(-1, 3, size=(2, 9))
    labels[0, :3] = 0, 1, 2
    recordings = as_recordings(np.zeros((2, 9)))
    runs, details = read_weighed_labels(count_votes([labels] * times), recordings)
    assert not details
    wanted = as_label_runs(labels, recordings)
    np.testing.assert_array_equal(np.stack(runs.to_labels()), np.stack(wanted.to_labels()))


@pytest.mark.parametrize(
    ("annotators", "options", "message"),
    [
        ([], {}, r"annotators is not a list with the labels of each annotator; pass \[y_first, y_second\]"),
        (None, {}, "annotators is not a list"),
        ([[[0, 1]], [[0, 1], [1, 1]]], {}, r"annotators\[1\] labeled other recordings than annotators\[0\]"),
        ([[[0, 1]], [[0, 1, 1]]], {}, r"annotators\[1\] labeled other recordings than annotators\[0\]"),
        ([[[0, 1]], [[0, 3]]], {"n_classes": 2}, "a label 3, but n_classes=2; give n_classes=4 or more"),
        ([[[0, 1]], [[0, 0.5]]], {}, r"annotators\[1\]\[0\] holds 0.5 at sample 1"),
    ],
)
def test_wrong_votes_are_named(annotators, options, message):
    with pytest.raises(ValueError, match=message):
        count_votes(annotators, **options)


def test_without_any_vote_there_are_two_classes():
    assert np.isnan(count_votes([[[-1, -1]]])).all()
    assert count_votes([[[-1, -1]]]).shape == (1, 2, 2)
