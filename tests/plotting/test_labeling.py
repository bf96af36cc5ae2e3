import numpy as np
import pandas as pd
import pytest

from sslts import WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.labeling import RandomStretches
from sslts.plotting import LabelingDisplay


def make_table(n_draws=3, ceiling=True):
    rows = [
        (name, d, r, 40.0 * r, 20.0 * r, 0.9 - gain / r + 0.01 * d)
        for name, gain in (("random", 0.4), ("_uncertain$", 0.2))
        for d in range(n_draws)
        for r in (1, 2, 3)
    ]
    if ceiling:
        rows += [("all labels", d, 0, 900.0, 900.0, 0.95) for d in range(n_draws)]
    return pd.DataFrame(rows, columns=["strategy", "draw", "round", "clicks", "corrections", "score"])


def test_each_strategy_is_a_line_and_all_labels_a_dashed_one(draw):
    display = draw(LabelingDisplay(make_table()).plot())
    assert display.ceiling_ == pytest.approx(0.95)
    *curves, level = display.ax_.lines
    assert [line.get_xdata().tolist() for line in curves] == [[40, 80, 120]] * 2
    assert curves[1].get_ydata().tolist() == pytest.approx([0.71, 0.81, 0.9 - 0.2 / 3 + 0.01])
    assert level.get_linestyle() == "--"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["random", "_uncertain$", "all labels"]


def test_the_effort_is_chosen_and_named(draw):
    display = draw(LabelingDisplay(make_table(), effort="corrections").plot())
    assert display.ax_.lines[0].get_xdata().tolist() == [20, 40, 60]
    assert display.ax_.get_xlabel() == "clicks of an annotator who corrects"


def test_intervals_follow_students_t(draw):
    display = draw(LabelingDisplay(make_table(), confidence=0.9).plot())
    bar = display.ax_.collections[0].get_segments()[0]
    assert np.diff(bar[:, 1])[0] == pytest.approx(2 * 2.92 * 0.01 / np.sqrt(3), rel=1e-3)


def test_without_all_labels_or_with_one_draw(draw):
    assert draw(LabelingDisplay(make_table(1, ceiling=False)).plot()).ceiling_ is None


@pytest.mark.parametrize(("most", "scale"), [(3.0, "linear"), (40.0, "log")])
def test_the_axis_is_logarithmic_if_it_holds_a_decade(draw, most, scale):
    """Labels of a part of a decade would overlap."""
    table = make_table(ceiling=False)
    shown = draw(LabelingDisplay(table.assign(clicks=table["round"].map({1: 1.0, 2: 2.0, 3: most}))).plot())
    assert shown.ax_.get_xscale() == scale


def test_from_an_estimator(draw):
    X, y = make_recordings(8, n_samples=400, random_state=0)
    display = LabelingDisplay.from_estimator(
        WindowFeatureSegmenter(random_state=0),
        X[:6],
        y[:6],
        RandomStretches(),
        test=(X[6:], y[6:]),
        rounds=2,
        budget=2,
        length=100,
        random_state=0,
    )
    draw(display)
    assert len(display.ax_.lines[0].get_xdata()) == 2


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (make_table(), {"effort": "hours"}, "effort='hours'; give one of 'clicks'"),
        (make_table().drop(columns="round"), {}, "table has no column 'round'; pass the table of"),
        (make_table().iloc[:0], {}, "table is empty; pass the table of"),
        (make_table(), {"confidence": 2}, "confidence must be between 0 and 1"),
    ],
)
def test_wrong_tables(table, options, message):
    with pytest.raises(ValueError, match=message):
        LabelingDisplay(table, **options).plot()
