"""Labels on an index are put in its order, whatever container holds them; else a warning says that they are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import as_label_runs, as_labels, check_same_rows, pair_labels
from sslts.model_selection import LabeledKFold
from sslts.recordings import as_recordings

Y = np.arange(24).reshape(4, 6) % 5
X = Y.astype(float)
CLOCK = pd.date_range("2026-01-01", periods=6, freq="s")


def make_index(kind, n):
    return {
        "default": pd.RangeIndex(n),
        "numbers": pd.Index(np.arange(n) * 7 + 3),
        "names": pd.Index([f"r{i}" for i in range(n)]),
        "times": pd.date_range("2026-01-01", periods=n, freq="s"),
        "periods": pd.period_range("2026-01-01", periods=n, freq="s"),
    }[kind]


KINDS = st.sampled_from(["default", "numbers", "names", "times", "periods"])


@given(st.sampled_from(["default", "numbers", "names"]), KINDS, st.permutations(range(4)), st.permutations(range(6)))
def test_rows_and_columns_of_a_table_may_be_in_any_order(rows, columns, order, other):
    signals = pd.DataFrame(X, make_index(rows, 4), make_index(columns, 6))
    labels = pd.DataFrame(Y, signals.index, signals.columns).iloc[order, other]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(as_labels(labels, as_recordings(signals)), Y)
        np.testing.assert_array_equal(
            as_label_runs(labels, as_recordings(signals)).value, as_label_runs(Y, as_recordings(X)).value
        )
        true, pred = pair_labels(labels, pd.DataFrame(Y, signals.index, signals.columns))
    np.testing.assert_array_equal(true, pred)


@given(st.permutations(range(6)), KINDS)
def test_series_in_a_list_may_be_in_any_order(order, kind):
    times = make_index(kind, 6)
    labels = [pd.Series(one, times).iloc[order] for one in Y]
    predicted = [pd.Series(one, times) for one in Y]
    for like in (predicted, pd.DataFrame(Y, columns=times)):
        true, pred = pair_labels(labels, like)
        np.testing.assert_array_equal(true, pred)
    np.testing.assert_array_equal(as_labels(labels, as_recordings(pd.DataFrame(X, columns=times))), Y)


def test_labels_on_a_multi_index_follow_the_times_of_a_list():
    table = pd.Series(Y.ravel(), pd.MultiIndex.from_product([list("abcd"), CLOCK]))
    signals = [pd.Series(x, CLOCK) for x in X]
    np.testing.assert_array_equal(
        as_labels(table[::-1].sort_index(level=0, sort_remaining=False), as_recordings(signals)), Y
    )
    nested = pd.DataFrame({"x": signals}, index=list("abcd"))
    np.testing.assert_array_equal(as_labels(table.loc[list("dbca")], as_recordings(nested)), Y)


@pytest.mark.parametrize("change", [lambda y: y.iloc[::-1], lambda y: y[y.columns[::-1]]], ids=["rows", "columns"])
def test_an_order_without_a_counterpart_is_warned_of(change):
    labels = change(pd.DataFrame(Y, columns=CLOCK))
    for call in (lambda: as_labels(labels, as_recordings(X)), lambda: pair_labels(labels, Y)):
        with pytest.warns(UserWarning, match="index that is not in order.*taken by position.*as an array") as caught:
            call()
        assert len(caught) == 1


def test_labels_of_other_times_are_refused():
    labels = pd.DataFrame(Y, columns=CLOCK + pd.Timedelta("1h"))
    with pytest.raises(ValueError, match="has no label at 2026-01-01"):
        as_labels(labels, as_recordings(pd.DataFrame(X, columns=CLOCK)))
    named = pd.DataFrame(Y, columns=list("uvwxyz"))  # names that say nothing of the columns of X
    np.testing.assert_array_equal(as_labels(named, as_recordings(pd.DataFrame(X, columns=list("abcdef")))), Y)


def test_splitters_refuse_rows_in_another_order():
    signals, labels = pd.DataFrame(X, list("abcd")), pd.DataFrame(Y, list("abcd"))
    check_same_rows(labels, signals)
    with pytest.raises(ValueError, match=r"another order than X.* pass y\.loc\[X\.index\]"):
        list(LabeledKFold(2).split(signals, labels.iloc[::-1]))
    with pytest.raises(ValueError, match="another index than X"):
        check_same_rows(labels.set_axis(list("efgh")), signals)


class TestFixes:
    """Messages name the fix, and are short."""

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.eye(5, dtype=int)[Y], r"one-hot labels, pass labels\.argmax\(-1\)"),
            (np.moveaxis(np.eye(5)[Y], -1, 1), r"one-hot labels, pass labels\.argmax\(-2\)"),
            (dict(enumerate(Y)), r"y is a dictionary; .*list\(y\.values\(\)\)"),
            ([[0, 1]] * 4, r"np\.repeat\(labels, m\), \(0, 6 - 2 \* m\), constant_values=-1"),
        ],
    )
    def test_labels(self, labels, message):
        with pytest.raises(ValueError, match=message) as caught:
            as_labels(labels, as_recordings(X))
        assert len(str(caught.value)) < 400

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.eye(5)[Y], r"one-hot labels, pass y_true\.argmax\(-1\)"),
            (np.full((4, 6, 2), 0.5), r"probabilities, pass y_true\.argmax\(-1\)"),
            (Y[..., None], r"y_true\[\.\.\., 0\]"),
            (dict(enumerate(Y)), r"list\(y_true\.values\(\)\)"),
            ([[0, 1]] * 4, "epoch of m samples"),
        ],
    )
    def test_metrics(self, labels, message):
        with pytest.raises(ValueError, match=message):
            pair_labels(labels, Y)
