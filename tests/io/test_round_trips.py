"""What is written is what is read: exactly, for every format that goes both ways."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts import Annotations, Recordings
from sslts.io import _label_studio, read_annotations, read_segments, write_annotations

NAMES = ["monday", "tuesday", "site/wednesday"]
WORDS = st.sampled_from(["step", "turn", "Größe 2", "a,b"])


@st.composite
def draw_annotations(draw, *, numbers=True, lengths=(60, 40, 25)):
    """Return recordings, and annotations that may touch, with stretches that nobody looked at."""
    rate = draw(st.sampled_from([1, 50, 127.3, 250, 44_100]))
    starts = [pd.Timestamp("2026-03-02 08:00", tz="UTC") + pd.Timedelta(days=i) for i in range(3)]
    arrays = [np.zeros((1, n)) for n in lengths]
    recordings = Recordings.from_arrays(arrays, names=NAMES, sampling_rate=rate, starts=starts)
    label = draw(st.sampled_from([st.integers(1, 3), WORDS])) if numbers else WORDS
    rows, looked_at = [], []
    for name, n in zip(NAMES, lengths, strict=True):
        cuts = sorted(draw(st.sets(st.integers(0, n), max_size=8)))
        kinds = draw(st.lists(st.sampled_from(["segment", "background", "gone"]), min_size=9, max_size=9))
        for start, end, kind in zip(cuts[:-1], cuts[1:], kinds, strict=False):
            if kind != "gone":
                looked_at.append((name, start, end))
            if kind == "segment":
                rows.append((name, start, end, draw(label)))
    table = pd.DataFrame(rows, columns=["recording", "start", "end", "label"])
    seen = pd.DataFrame(looked_at, columns=["recording", "start", "end"])
    return recordings, Annotations.from_table(table, recordings, seen)


def assert_same(read, annotations):
    pd.testing.assert_frame_equal(read.table, annotations.table, check_dtype=False)
    assert [x.tolist() for x in read.list_labels()] == [x.tolist() for x in _list_words(annotations, read)]
    assert read.list_touching().tolist() == annotations.list_touching().tolist()


def _list_words(annotations, other):
    """Return labels with the numbers that other annotations give to the words."""
    return annotations.renumber(other.class_names).list_labels() if other.class_names else annotations.list_labels()


@settings(deadline=None, max_examples=40)
@given(drawn=draw_annotations(), kind=st.sampled_from([".csv", ".tsv", ".parquet"]), unit=st.sampled_from(
    [None, "samples", "seconds", "clock"]
))  # fmt: skip
def test_tables(drawn, kind, unit):
    recordings, annotations = drawn
    if kind == ".parquet":
        pytest.importorskip("pyarrow")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"labels{kind}")
        write_annotations(annotations, path, recordings=recordings, unit=unit)
        assert_same(read_annotations(path, recordings), annotations)


@settings(deadline=None, max_examples=40)
@given(drawn=draw_annotations())
def test_audacity(drawn):
    recordings, annotations = drawn
    with tempfile.TemporaryDirectory() as folder:
        write_annotations(annotations, folder, recordings=recordings, format="audacity")
        paths = [Path(folder, f"{name}.txt") for name in NAMES]
        read = read_annotations(paths, recordings)
    assert_same(read, annotations)


@settings(deadline=None, max_examples=60)
@given(
    drawn=draw_annotations(),
    unit=st.sampled_from([None, "samples", "seconds"]),
    inline=st.booleans(),
    points=st.sampled_from([7, 20, 100_000]),
)
def test_label_studio(drawn, unit, inline, points):
    recordings, annotations = drawn
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_label_studio, "MAX_POINTS", points)
        path = Path(folder, "tasks.json")
        rate = recordings.sampling_rate if unit == "seconds" else None
        write_annotations(
            annotations, path, recordings=recordings if inline else None, unit=unit, sampling_rate=rate
        )  # fmt: skip
        assert_same(read_annotations(path, recordings), annotations)


@settings(deadline=None, max_examples=30)
@given(drawn=draw_annotations(numbers=False))
def test_wfdb(drawn):
    pytest.importorskip("wfdb")
    recordings, annotations = drawn
    with tempfile.TemporaryDirectory() as folder:
        write_annotations(annotations, folder, recordings=recordings, format="wfdb")
        read = read_annotations([Path(folder, f"{name}.atr") for name in NAMES], recordings)
    assert_same(read, annotations)


def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    recordings = Recordings.from_arrays(np.zeros((1, 50)), names=["a"], sampling_rate=10, starts=["2026-03-02T08:00Z"])
    table = pd.DataFrame({"recording": ["a"], "start": [3], "end": [9], "label": ["step"]})
    for unit in ("samples", "seconds", "clock"):
        write_annotations(table, tmp_path / "a.xlsx", recordings=recordings, unit=unit)
        pd.testing.assert_frame_equal(read_annotations(tmp_path / "a.xlsx", recordings).table, table, check_dtype=False)


@settings(deadline=None, max_examples=40)
@given(drawn=draw_annotations(), kind=st.sampled_from([".csv", ".json"]))
def test_predictions_keep_their_scores(drawn, kind):
    recordings, annotations = drawn
    table = annotations.table
    table = table.assign(score=np.linspace(0.25, 1, len(table)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"found{kind}")
        write_annotations(table, path, recordings=recordings)
        if kind == ".csv" and table.empty:
            return
        read = read_segments(path, recordings)
    if len(table):
        pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert list(read.columns[:4]) == ["recording", "start", "end", "label"]


def test_annotations_of_recordings_without_names(tmp_path):
    X = np.zeros((3, 50))
    table = pd.DataFrame({"recording": [0, 2], "start": [3, 9], "end": [9, 50], "label": [1, 2]})
    annotations = Annotations.from_table(table, X)
    for name in ("a.csv", "a.json"):
        write_annotations(annotations, tmp_path / name)
        read = read_annotations(tmp_path / name, X)
        pd.testing.assert_frame_equal(read.table, annotations.table, check_dtype=False)
        pd.testing.assert_frame_equal(read.looked_at, annotations.looked_at, check_dtype=False)
