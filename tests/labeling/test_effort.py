"""Clicks of an annotator who draws segments, or corrects those that a model drew."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.labeling import Clicks


def make(*segments):
    return pd.DataFrame(segments, columns=["start", "end", "label"])


TRUE = make((10, 20, 1), (50, 60, 2))


@pytest.mark.parametrize(
    ("found", "clicks"),
    [
        (TRUE, 0),
        (make((10, 21, 1), (49, 60, 2)), 0),  # within the tolerance
        (make((10, 25, 1), (50, 60, 2)), 1),  # a wrong end
        (make((5, 25, 1), (50, 60, 2)), 2),
        (make((10, 20, 2), (50, 60, 2)), 2),  # a wrong class
        (make((5, 25, 2), (50, 60, 2)), 3),  # not more than to delete it and draw anew
        (make((50, 60, 2)), 2),  # a missed segment
        (make((10, 20, 1), (30, 40, 1), (50, 60, 2)), 1),  # a false segment
        (make((10, 60, 1)), 3),  # two segments found as one: an end, and one to draw
        (make(), 4),
    ],
)
def test_corrections_are_the_fewest_clicks(found, clicks):
    assert Clicks().count_corrected(TRUE, found) == clicks


def test_drawing_costs_two_clicks_a_segment():
    assert Clicks().count_drawn(TRUE) == 4
    assert Clicks(draw=1).count_drawn(TRUE) == 2


segments = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(1, 3)), max_size=6).map(
    lambda rows: make(*((40 * k + start, 40 * k + start + size, label) for k, (start, size, label) in enumerate(rows)))
)


@given(true=segments, found=segments)
def test_corrections_never_cost_more_than_starting_anew(true, found):
    cost = Clicks()
    clicks = cost.count_corrected(true, found)
    assert 0 <= clicks <= cost.count_drawn(true) + cost.delete * len(found)
    assert cost.count_corrected(true, true) == 0
    assert clicks >= cost.draw * max(len(true) - len(found), 0)


def test_wrong_costs_are_refused():
    with pytest.raises(ValueError, match="Clicks: draw=-1; give a number of 0 or more"):
        Clicks(draw=-1)
    assert np.isinf(Clicks(label=np.inf).label)
