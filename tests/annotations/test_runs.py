"""Runs hold the same labels as arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sslts._runs import find_runs
from sslts.annotations import LabelRuns

LABELS = st.lists(st.lists(st.integers(-1, 2), min_size=1, max_size=12), min_size=1, max_size=5).map(
    lambda y: [np.array(one) for one in y]
)


@given(LABELS)
def test_runs_match_the_labels_of_each_recording(labels):
    runs = LabelRuns.from_labels(labels)
    assert runs.lengths.tolist() == [len(y) for y in labels]
    for i, y in enumerate(labels):
        starts, ends, values = find_runs(y)
        mine = runs.recording == i
        assert mine.nonzero()[0].tolist() == list(range(*runs.first[i : i + 2]))
        for found, wanted in ((runs.start, starts), (runs.size, ends - starts), (runs.value, values)):
            assert found[mine].tolist() == wanted.tolist()
    assert runs.labeled.tolist() == [bool((y >= 0).any()) for y in labels]
    assert runs.count_samples().tolist() == [int((y >= 0).sum()) for y in labels]


@given(LABELS, st.data())
def test_runs_do_not_depend_on_the_stretches(labels, data):
    cut = [np.split(y, sorted(data.draw(st.sets(st.integers(1, max(len(y) - 1, 1)))) - {len(y)})) for y in labels]
    whole, parts = LabelRuns.from_labels(labels), LabelRuns.from_parts(cut)
    for name in ("lengths", "first", "start", "value"):
        assert getattr(whole, name).tolist() == getattr(parts, name).tolist()


@given(LABELS, st.integers(1, 20), st.data())
def test_cut_equals_slicing(labels, length, data):
    recording = np.array(data.draw(st.lists(st.integers(0, len(labels) - 1), min_size=1, max_size=6)))
    start = np.array([data.draw(st.integers(0, len(labels[i]) - 1)) for i in recording])
    found = LabelRuns.from_labels(labels).cut(recording, start, length)
    for row, i, s in zip(found, recording, start, strict=True):
        wanted = labels[i][s : s + length].tolist()
        assert row.tolist() == wanted + [-1] * (length - len(wanted))


@given(st.lists(st.lists(st.integers(-1, 2), min_size=3, max_size=3), min_size=1, max_size=4))
def test_a_table_is_a_list_of_its_rows(labels):
    table, rows = LabelRuns.from_table(np.array(labels)), LabelRuns.from_labels(map(np.array, labels))
    for name in ("lengths", "first", "start", "value"):
        assert getattr(table, name).tolist() == getattr(rows, name).tolist()


@given(LABELS)
def test_neighbors_end_at_the_ends_of_a_recording(labels):
    before, after = LabelRuns.from_labels(labels).neighbors
    wanted = [[-1, *find_runs(y)[2], -1] for y in labels]
    assert before.tolist() == [int(k) for values in wanted for k in values[:-2]]
    assert after.tolist() == [int(k) for values in wanted for k in values[2:]]


def test_one_label_for_a_long_recording_takes_no_memory():
    runs = LabelRuns.from_constants(np.array([2, -1]), np.array([10, 10**12]))
    assert runs.size.tolist() == [10, 10**12]
    assert runs.cut(np.array([1, 0]), np.array([10**11, 8]), 3).tolist() == [[-1, -1, -1], [2, 2, -1]]


def test_encode_replaces_labels_by_indices():
    assert LabelRuns.from_labels([np.array([7, -1, 0])]).encode(np.array([0, 7])).value.tolist() == [1, -1, 0]


def test_empty_recordings_have_no_runs():
    assert len(LabelRuns.from_labels([])) == 0
    runs = LabelRuns.from_labels([np.array([], dtype=int), np.array([0, 1]), np.array([], dtype=int)])
    assert (runs.size.tolist(), runs.labeled.tolist()) == ([1, 1], [False, True, False])
    assert [one.tolist() for one in runs.neighbors] == [[-1, 0], [1, -1]]
