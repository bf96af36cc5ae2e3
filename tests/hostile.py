"""Odd and hostile input that the tests of recordings and of labels share, and the tables of docs/input.md."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sslts import FixMatchSegmenter
from sslts.networks import UNet

PAGE = (Path(__file__).parents[1] / "docs" / "input.md").read_text()
TIMES = pd.date_range("2026-01-01", periods=40, freq="s")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 40)).astype(np.float32)
Y = (np.abs(X) > 1).astype(np.int64)


def read_rows(argument):
    """Return the rows of the table of ``X`` or ``y``: what happens, and the messages, for each name."""
    section = PAGE.partition(f"## `{argument}`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]*) \| ([^|]*) \| ?([^|]*)\|$", section, flags=re.MULTILINE)[1:]  # without the head
    return {name: (outcome, re.findall(r"`(.*)`", message)) for name, outcome, message in rows}


def list_documented_rows(*tests):
    """Return the rows that the docstrings of tests name, as ``Row: name``."""
    docs = [test.__doc__ or "" for test in tests]
    return {doc.removeprefix("Row: ") for doc in docs if doc.startswith("Row: ")}


def make_segmenter(**params):
    return FixMatchSegmenter(
        **{"network": UNet(width=4, depth=1), "max_steps": 2, "batch_size": 2, "random_state": 0, **params}
    )


class Code:
    """An object that records calls of its methods."""

    ran = []

    def __float__(self):
        Code.ran.append("float")
        return 1.0

    def __array__(self, *args, **kwargs):
        Code.ran.append("array")
        return X[0]

    def __len__(self):
        Code.ran.append("len")
        return 40

    def __getitem__(self, i):
        Code.ran.append("getitem")
        return 0.0

    def __reduce__(self):
        Code.ran.append("reduce")
        return (print, ("pwned",))

    def __call__(self, *args):
        Code.ran.append("call")


def put_on_index(values, first):
    index = pd.MultiIndex.from_product([range(len(values)), range(first, first + values.shape[1])])
    return pd.DataFrame({"value": values.ravel()}, index)


def list_on_times(rows, times):
    return [pd.Series(row, times) for row in rows]


def hold_code(rows=X):
    """Return an object array of three rows and an object whose methods must not be called."""
    held = np.array([None, Code(), None, None], dtype=object)
    for i in (0, 2, 3):
        held[i] = rows[i]
    return held


def check_probabilities(signals, labels):
    """Check that a segmenter that is fitted on odd input gives probabilities for every sample."""
    fitted = make_segmenter().fit(signals, labels)
    for x, proba in zip(signals, fitted.predict_proba(signals), strict=True):
        assert proba.shape == (len(x), len(fitted.classes_))
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
    assert set(fitted.classes_) <= {0, 1}
    fitted.predict_segments(signals)


def check_refusal(signals, labels, row):
    """Check that a fit is refused with the message of a row, before anything is trained and without running code."""
    outcome, messages = row
    assert outcome.startswith("refused")
    Code.ran.clear()
    segmenter = make_segmenter()
    with pytest.raises((ValueError, TypeError), match=re.escape(messages[0])):
        segmenter.fit(signals, labels)
    assert not hasattr(segmenter, "net_")
    assert Code.ran == []
