"""The plot of what labels bought: a line for each strategy, the level of all labels, a legible axis."""

import pandas as pd
import pytest

from sslts.plotting import LabelingDisplay


def make_table(effort=(10, 20, 30), ceiling=True):
    rows = [
        (name, draw, number, clicks, score + draw / 100)
        for name, score in (("random", 0.5), ("_covering$", 0.7))
        for draw in (0, 1)
        for number, clicks in enumerate(effort, 1)
    ]
    rows += [("all labels", 0, 0, 900, 0.9)] if ceiling else []
    return pd.DataFrame(rows, columns=["strategy", "draw", "round", "clicks", "score"])


def test_each_strategy_is_a_line_of_means():
    display = LabelingDisplay(make_table()).plot()
    first, second, level = display.ax_.lines
    assert first.get_xdata().tolist() == [10, 20, 30]
    assert first.get_ydata() == pytest.approx([0.505] * 3)
    assert second.get_ydata() == pytest.approx([0.705] * 3)
    assert set(level.get_ydata()) == {display.ceiling_} == {0.9}
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["random", "_covering$", "all labels"]


@pytest.mark.parametrize(("effort", "scale"), [((10, 20, 30), "linear"), ((0, 5, 30), "log"), ((10, 100), "log")])
def test_the_axis_is_logarithmic_if_it_holds_a_decade(effort, scale):
    """Labels of a part of a decade would overlap."""
    display = LabelingDisplay(make_table(effort, ceiling=False)).plot()
    assert display.ax_.get_xscale() == scale
    assert display.ceiling_ is None


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (make_table(), {"effort": "hours"}, "effort='hours'; give one of 'clicks'"),
        (make_table(), {"effort": "samples"}, "table has no column 'samples'"),
        (make_table()[:0], {}, "table is empty; pass the table of sslts.labeling.simulate_labeling"),
    ],
)
def test_wrong_tables(table, options, words):
    with pytest.raises(ValueError, match=words):
        LabelingDisplay(table, **options).plot()
