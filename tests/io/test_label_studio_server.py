"""A real Label Studio: tasks that are imported, corrected in a browser and exported come back exactly as corrected."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from labeling_server import CHROMIUM, read_interface

from sslts import Annotations, Recordings
from sslts.io import read_annotations, read_segments, write_annotations

pytestmark = [pytest.mark.server, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]

NAMES = ["corrected", "agreed", "skipped", "draft", "untouched"]
FOUND = [(50, 125, "step", 0.9), (150, 200, "turn", 0.8), (300, 375, "step", 0.7)]


@pytest.fixture(scope="module")
def interface():
    """Return the labeling interface of the guide, with the channels of these recordings."""
    return read_interface(["hip_x", "knee"])


def draw(n_samples, seed=0):
    """Return two channels with a gap."""
    t = np.arange(n_samples) / 50
    x = np.stack([np.sin(t) + np.random.default_rng(seed).normal(scale=0.1, size=n_samples), 100 * np.cos(2 * t)])
    x[:, 230:260] = np.nan
    return x


def make_recordings(*arrays, **more):
    return Recordings.from_arrays(arrays, channel_names=["Hip X", "Knee"], **more)


def tabulate(rows):
    return pd.DataFrame(rows, columns=["recording", "start", "end", "label", "score"])


def list_rows(table, *columns):
    return list(table[["recording", "start", "end", *columns]].itertuples(index=False, name=None))


def test_corrections_come_back(label_studio, interface, tmp_path):
    X = make_recordings(*(draw(400, seed) for seed in range(5)), names=NAMES, sampling_rate=50)
    found = tabulate([(name, *row) for name in NAMES for row in FOUND])
    write_annotations(found, tmp_path / "tasks.json", recordings=X)
    project = label_studio.make_project(interface)
    assert label_studio.import_tasks(project, tmp_path / "tasks.json")["prediction_count"] == 5
    picture = os.environ.get("SSLTS_PICTURE", tmp_path / "corrected.png")
    corrections = [
        ("show",),
        ("move", 0, "end", 2.0),
        ("relabel", 1, "1"),
        ("delete", 2),
        ("draw", "2", 6.2, 7.0),
        ("draw", "3", 4.2, 5.4),
        ("photograph", picture),
        ("submit",),
    ]
    postponed = [("delete", 0), ("postpone",)]
    label_studio.correct(project, [corrections, [("submit",)], [("skip",)], postponed])
    assert Path(picture).stat().st_size > 10_000

    wanted = [("corrected", 50, 101, "step"), ("corrected", 150, 200, "step"), ("corrected", 310, 351, "turn")]
    wanted += [("agreed", *row[:3]) for row in FOUND]
    for kind in ("JSON", "JSON_MIN"):
        for all_tasks in (True, False):
            export = tmp_path / f"{kind}_{all_tasks}.json"
            label_studio.export(project, export, kind, all_tasks=all_tasks)
            annotations = read_annotations(export, X)
            assert list_rows(annotations.table, "label") == wanted
            assert list_rows(annotations.looked_at) == [
                ("corrected", 0, 210),
                ("corrected", 271, 400),
                ("agreed", 0, 400),
            ]
    labels = annotations.list_labels()
    assert (labels[0][210:271] == -1).all()
    assert all((y == -1).all() for y in labels[2:])

    segments = read_segments(tmp_path / "JSON_True.json", X)
    assert list_rows(segments, "label") == wanted
    assert segments["origin"].tolist() == ["prediction-changed"] * 2 + ["manual"] + ["prediction"] * 3
    assert (segments["lead_time"] > 0).all()
    assert segments["score"].tolist()[3:] == [0.9, 0.8, 0.7]


def test_the_index_without_a_rate(label_studio, interface, tmp_path):
    X = make_recordings(draw(400), draw(300))
    write_annotations(tabulate([(0, *row) for row in FOUND]), tmp_path / "tasks.json", recordings=X)
    project = label_studio.make_project(interface)
    label_studio.import_tasks(project, tmp_path / "tasks.json")
    corrections = [("show",), ("move", 1, "start", 170), ("draw", "2", 380, 395), ("submit",)]
    label_studio.correct(project, [corrections, [("show",), ("draw", "1", 7, 20), ("submit",)]])
    label_studio.export(project, tmp_path / "export.json")
    wanted = [(0, 50, 125, "step"), (0, 170, 200, "turn"), (0, 300, 375, "step"), (0, 380, 396, "turn")]
    assert list_rows(read_annotations(tmp_path / "export.json", X).table, "label") == [*wanted, (1, 7, 21, "step")]


def test_a_long_recording_and_channels_without_values(label_studio, interface, tmp_path):
    dark, half = draw(400), draw(400)
    dark[:], half[0] = np.nan, np.nan
    X = make_recordings(draw(150_000), dark, half, names=["long", "dark", "half"], sampling_rate=44_100)
    rows = [("long", 50_000, 60_000, "step"), ("long", 99_000, 101_000, "turn"), ("long", 149_000, 150_000, "step")]
    rows += [("dark", 0, 20, "turn"), ("half", 399, 400, "step")]
    write_annotations(tabulate([(*row, 0.5) for row in rows]), tmp_path / "tasks.json", recordings=X)
    project = label_studio.make_project(interface)
    assert label_studio.import_tasks(project, tmp_path / "tasks.json")["task_count"] == 4
    label_studio.correct(project, [[("submit",)]] * 4)
    label_studio.export(project, tmp_path / "export.json")
    annotations = read_annotations(tmp_path / "export.json", X)
    assert list_rows(annotations.table, "label") == rows
    assert list_rows(annotations.looked_at) == [("long", 0, 150_000), ("dark", 0, 400), ("half", 0, 400)]


def test_annotations_are_submitted(label_studio, interface, tmp_path):
    X = make_recordings(*(draw(400, seed) for seed in range(3)), names=["one", "empty", "open"], sampling_rate=50)
    table = pd.DataFrame({"recording": "one", "start": [50, 310], "end": [125, 400], "label": ["step", "turn"]})
    seen = pd.DataFrame({"recording": ["one", "one", "empty"], "start": [0, 200, 0], "end": [150, 400, 400]})
    annotations = Annotations.from_table(table, X, seen)
    write_annotations(annotations, tmp_path / "tasks.json", recordings=X)
    project = label_studio.make_project(interface)
    assert label_studio.import_tasks(project, tmp_path / "tasks.json")["annotation_count"] == 2
    label_studio.export(project, tmp_path / "export.json", all_tasks=True)
    read = read_annotations(tmp_path / "export.json", X)
    assert list_rows(read.table, "label") == list_rows(table, "label")
    assert list_rows(read.looked_at) == list_rows(seen)
