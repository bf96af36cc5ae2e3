"""Definitions of metrics, written out one segment at a time, and drawn labels that several test files share."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal, assert_series_equal

quiet = pytest.mark.filterwarnings("ignore:.*result is nan or empty")


@st.composite
def draw_pairs(draw, lowest=-1, max_size=12):
    """Draw ragged labels with unlabeled samples, and a prediction."""
    sizes = draw(st.lists(st.integers(0, max_size), min_size=1, max_size=4).filter(lambda sizes: sizes != [1]))
    label = st.integers(lowest, 2)
    true = [draw(st.lists(label, min_size=n, max_size=n)) for n in sizes]
    pred = [draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)) for n in sizes]
    return [np.array(one, dtype=int) for one in true], [np.array(one, dtype=int) for one in pred]


def assert_same(one, other):
    """Assert that two results of a metric are equal; NaN equals NaN."""
    if isinstance(one, pd.DataFrame):
        assert_frame_equal(one, other)
    elif isinstance(one, pd.Series):
        assert_series_equal(one, other)
    else:
        assert_allclose(one, other, rtol=1e-12)


def list_segments(labels, background):
    """Return (start, end, class, whether it touches an unlabeled sample) of each segment."""
    found, start = [], 0
    for t in range(1, len(labels) + 1):
        if t == len(labels) or labels[t] != labels[start]:
            if labels[start] >= 0 and labels[start] != background:
                touches = (start > 0 and labels[start - 1] == -1) or (t < len(labels) and labels[t] == -1)
                found.append((start, t, labels[start], touches))
            start = t
    return found


def list_both(true, pred, background):
    """Return the segments of each recording in the truth and in the prediction, cut to the labeled stretches."""
    cut = [np.where(one < 0, -1, other) for one, other in zip(true, pred, strict=True)]
    return [list_segments(one, background) for one in true], [list_segments(one, background) for one in cut]


def compute_iou(one, other):
    """Return the intersection over union of two segments, whatever their classes."""
    shared = len(set(range(one[0], one[1])) & set(range(other[0], other[1])))
    return shared / len(set(range(one[0], one[1])) | set(range(other[0], other[1])))


def search_matching(true, pred, iou):
    """Return the pairs and the total IoU of the best of all one-to-one matchings: most pairs, then greatest IoU."""
    edges = [(a, b) for a in true for b in pred if a[2] == b[2] and compute_iou(a, b) >= iou]
    best, best_key = [], (0, 0.0)
    for size in range(1, min(len(true), len(pred)) + 1):
        for chosen in combinations(edges, size):
            if len({a for a, _ in chosen}) == size == len({b for _, b in chosen}):
                key = (size, sum(compute_iou(a, b) for a, b in chosen))
                if key > best_key:
                    best, best_key = list(chosen), key
    return best, best_key[1]
