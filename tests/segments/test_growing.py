"""Segments found from labels that arrive in parts."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sslts.segments import GrowingSegments, labels_to_segments

CUTS = st.lists(st.integers(0, 30), max_size=5).map(sorted)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), CUTS, CUTS)
def test_segments_equal_those_of_the_whole_recording(labels, ahead, decided):
    labels = np.array(labels)
    n = len(labels)
    proba = np.random.default_rng(0).dirichlet([1, 1, 1], n)
    growing, seen, done, found = GrowingSegments(3), 0, 0, []
    for until, known in [*zip(decided, ahead, strict=False), (n, n)]:
        until = max(min(until, n), done)
        known = max(min(known, n), until, seen)  # probabilities arrive before the labels
        closed = growing.push(proba[seen:known], labels[done:until])
        found.append(pd.DataFrame(closed._asdict()))
        seen, done = known, until
    found.append(pd.DataFrame(growing.push(proba[:0], labels[:0], end=True)._asdict()))
    wanted = labels_to_segments([labels], background=None, proba=[proba])
    table = pd.concat(found, ignore_index=True)
    assert table["class_index"].tolist() == wanted["label"].tolist()
    for name in ("start", "end"):
        assert table[name].tolist() == wanted[name].tolist()
    np.testing.assert_allclose(table["score"], wanted["score"])


def test_only_probabilities_without_labels_are_kept():
    growing = GrowingSegments(2)
    growing.push(np.ones((1000, 2)), np.zeros(990, dtype=int))
    assert growing.proba.shape == (10, 2)
    assert growing.proba.base is None
