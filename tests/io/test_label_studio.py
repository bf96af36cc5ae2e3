"""Label Studio: exports as they come, tasks as they must be, and what counts as looked at."""

import json

import numpy as np
import pandas as pd
import pytest

from sslts import Annotations, Recordings
from sslts.io import read_annotations, read_segments, write_annotations


@pytest.fixture
def recordings():
    X = np.random.default_rng(0).normal(size=(2, 1, 1000))
    return Recordings.from_arrays(X, names=["monday", "tuesday"], channel_names=["Hip X"], sampling_rate=100)


def region(start, end, label="step", **more):
    value = {"start": start, "end": end, "instant": False, "timeserieslabels": [label]}
    return {"type": "timeserieslabels", "value": value, "from_name": "label", "to_name": "ts", **more}


def export(folder, *tasks):
    path = folder / "export.json"
    path.write_text(json.dumps(list(tasks)))
    return path


def task(*answers, csv="/data/upload/1/6f2a91bc-monday.csv", **data):
    return {"id": 7, "data": {"csv": csv, **data}, "annotations": list(answers)}


def list_rows(annotations):
    return list(annotations.table.itertuples(index=False, name=None))


class TestReading:
    def test_ends_are_inclusive(self, recordings, tmp_path):
        path = export(tmp_path, task({"result": [region(50, 124)]}))
        assert list_rows(read_annotations(path, recordings)) == [("monday", 50, 125, "step")]
        path = export(tmp_path, task({"result": [region(0.5, 1.24), region(2, 2.99)]}))
        assert list_rows(read_annotations(path, recordings)) == [
            ("monday", 50, 125, "step"),
            ("monday", 200, 300, "step"),
        ]
        path = export(tmp_path, task({"result": [region(1, 2)]}))
        assert list_rows(read_annotations(path, recordings, unit="seconds")) == [("monday", 100, 201, "step")]

    def test_values_are_looked_up_on_an_inline_axis(self, recordings, tmp_path):
        series = {"time": [5.0, 5.5, 7.0, 8.0], "x": [1, 2, 3, 4]}
        path = export(tmp_path, task({"result": [region(5.5, 7)]}, ts=series, offset=10))
        annotations = read_annotations(path, recordings)
        assert list_rows(annotations) == [("monday", 11, 13, "step")]
        assert annotations.looked_at.values.tolist() == [["monday", 10, 14]]

    def test_what_was_looked_at(self, recordings, tmp_path):
        submitted, skipped = {"result": []}, {"result": [region(3, 4)], "was_cancelled": True}
        draft = {**task(csv="tuesday.csv"), "drafts": [{"result": [region(3, 4)]}]}
        annotations = read_annotations(export(tmp_path, task(submitted), draft), recordings)
        assert annotations.looked_at["recording"].tolist() == ["monday"]
        annotations = read_annotations(export(tmp_path, task(submitted), task(skipped, csv="tuesday.csv")), recordings)
        assert annotations.looked_at["recording"].tolist() == ["monday"]
        predicted = {**task(csv="tuesday.csv"), "predictions": [{"result": [region(3, 4)]}]}
        annotations = read_annotations(export(tmp_path, task(submitted), predicted), recordings)
        assert annotations.table.empty

    def test_an_unlabeled_region(self, recordings, tmp_path):
        path = export(tmp_path, task({"result": [region(50, 99), region(500, 999, "unlabeled")]}))
        annotations = read_annotations(path, recordings)
        assert annotations.looked_at.values.tolist() == [["monday", 0, 500]]

    def test_origin_and_lead_time_are_columns(self, recordings, tmp_path):
        path = export(tmp_path, task({"result": [region(50, 124, origin="manual")], "lead_time": 12.5}))
        table = read_segments(path, recordings)
        assert table["origin"].tolist() == ["manual"]
        assert table["lead_time"].tolist() == [12.5]
        assert table.columns.tolist() == ["recording", "start", "end", "label", "origin", "lead_time"]

    def test_json_min(self, recordings, tmp_path):
        values = [{"start": 50, "end": 124, "timeserieslabels": ["step"]}]
        path = export(tmp_path, {"id": 1, "csv": "monday.csv", "label": values, "lead_time": 3.0})
        assert list_rows(read_annotations(path, recordings)) == [("monday", 50, 125, "step")]

    def test_json_min_of_all_tasks(self, recordings, tmp_path):
        open_task = {"id": 2, "csv": "tuesday.csv", "annotation_id": None, "updated_at": None, "lead_time": None}
        empty = {"id": 1, "csv": "monday.csv", "annotation_id": 5, "updated_at": "2026-01-01", "lead_time": 3.0}
        annotations = read_annotations(export(tmp_path, empty, open_task), recordings)
        assert annotations.looked_at["recording"].tolist() == ["monday"]

    def test_an_export_names_predictions_by_number(self, recordings, tmp_path):
        corrected = {**task({"result": [region(50, 124)]}), "predictions": [12]}
        untouched = {**task(csv="tuesday.csv"), "predictions": [13]}
        annotations = read_annotations(export(tmp_path, corrected, untouched), recordings)
        assert list_rows(annotations) == [("monday", 50, 125, "step")]
        assert annotations.looked_at["recording"].tolist() == ["monday"]

    def test_the_last_of_several_annotations_counts(self, recordings, tmp_path):
        old = {"result": [region(1, 2)], "updated_at": "2026-01-01T00:00:00Z"}
        new = {"result": [region(3, 4)], "updated_at": "2026-01-02T00:00:00Z"}
        with pytest.warns(UserWarning, match="has 2 annotations; the last one counts"):
            annotations = read_annotations(export(tmp_path, task(new, old)), recordings)
        assert list_rows(annotations) == [("monday", 3, 5, "step")]

    def test_clock_times(self, tmp_path):
        starts = ["2026-03-02T08:00:00Z"]
        recordings = Recordings.from_arrays(np.zeros((1, 1000)), names=["monday"], sampling_rate=10, starts=starts)
        path = export(tmp_path, task({"result": [region("2026-03-02T08:00:01Z", "2026-03-02T08:00:02Z")]}))
        assert list_rows(read_annotations(path, recordings)) == [("monday", 10, 21, "step")]
        path = export(tmp_path, task({"result": [region("2026-03-02 08:00:01", "2026-03-02 08:00:02")]}))
        with pytest.raises(ValueError, match="pass timezone"):
            read_annotations(path, recordings)

    @pytest.mark.parametrize(
        ("tasks", "words"),
        [
            ([task({"result": [region(990, 1005)]})], r"export\.json, row 0: samples 990 to 1006 lie outside 'monday'"),
            ([task({"result": []}, csv="sunday.csv")], r"row 0 \(task 7\): no recording has the name 'sunday\.csv'"),
            ([{"data": {"n": 3}, "annotations": []}], "no recording has the name None"),
            ([3], "holds no list of tasks"),
        ],
    )
    def test_refused(self, recordings, tmp_path, tasks, words):
        with pytest.raises(ValueError, match=words):
            read_annotations(export(tmp_path, *tasks), recordings)

    def test_two_labels_of_a_region_and_no_json(self, recordings, tmp_path):
        both = region(1, 2)
        both["value"]["timeserieslabels"] = ["a", "b"]
        with pytest.raises(ValueError, match=r"a region has the labels \['a', 'b'\]"):
            read_annotations(export(tmp_path, task({"result": [both]})), recordings)
        (tmp_path / "a.json").write_text("{")
        with pytest.raises(ValueError, match=r"a\.json is no JSON"):
            read_annotations(tmp_path / "a.json", recordings)


class TestWriting:
    def test_tasks_are_as_label_studio_takes_them(self, tmp_path):
        x = np.arange(250_000.0)
        x[[5, 6]] = np.nan
        X = Recordings.from_arrays([x], names=["day"], channel_names=["Hip X"], sampling_rate=50)
        table = pd.DataFrame(
            {"recording": "day", "start": [10, 99_990], "end": [20, 100_010], "label": ["a", "b"], "score": [0.5, 1.0]}
        )
        write_annotations(table, tmp_path / "tasks.json", recordings=X)
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        assert [t["data"]["offset"] for t in tasks] == [0, 100_000, 200_000]
        for t in tasks:
            assert set(t) == {"data", "predictions"}
            assert len(t["predictions"]) == 1
            assert list(t["data"]["ts"]) == ["time", "hip_x"]
            assert len(t["data"]["ts"]["time"]) <= 100_000
        assert tasks[0]["data"]["ts"]["hip_x"][4:8] == [4, None, None, 7]
        assert tasks[1]["data"]["ts"]["time"][0] == 2000.0
        first = tasks[0]["predictions"][0]
        assert first["score"] == 0.75
        assert [r["value"] for r in first["result"]] == [
            {"start": 0.2, "end": 0.38, "instant": False, "timeserieslabels": ["a"]},
            {"start": 1999.8, "end": 1999.98, "instant": False, "timeserieslabels": ["b"]},
        ]
        assert [r["score"] for r in first["result"]] == [0.5, 1.0]
        assert "score" not in tasks[2]["predictions"][0]
        pd.testing.assert_frame_equal(read_segments(tmp_path / "tasks.json", X), table, check_dtype=False)

    def test_a_channel_without_values_has_one(self, tmp_path):
        X = Recordings.from_arrays([np.stack([np.arange(4.0), np.full(4, np.nan)])], channel_names=["hip", "knee"])
        table = pd.DataFrame({"recording": [0], "start": [1], "end": [2], "label": [1]})
        write_annotations(table, tmp_path / "tasks.json", recordings=X)
        (only,) = json.loads((tmp_path / "tasks.json").read_text())
        assert only["data"]["ts"]["knee"] == [0, None, None, None]  # without it the page of the task stays blank
        assert only["data"]["ts"]["hip"] == [0, 1, 2, 3]

    def test_annotations_are_submitted_and_the_rest_is_left_open(self, recordings, tmp_path):
        table = pd.DataFrame({"recording": ["monday"], "start": [3], "end": [9], "label": ["step"]})
        write_annotations(Annotations.from_table(table, recordings), tmp_path / "a.json", recordings=recordings)
        tasks = json.loads((tmp_path / "a.json").read_text())
        assert [len(t["annotations"]) for t in tasks] == [1, 0]

    def test_the_index_without_a_rate(self, tmp_path):
        table = pd.DataFrame({"recording": [0], "start": [3], "end": [9], "label": [1]})
        write_annotations(table, tmp_path / "a.json", recordings=np.zeros((1, 20)))
        (only,) = json.loads((tmp_path / "a.json").read_text())
        assert only["data"]["ts"]["time"] == list(range(20))
        assert only["annotations"][0]["result"][0]["value"]["end"] == 8

    def test_regions_of_people_are_joined_at_a_cut(self, recordings, tmp_path):
        tasks = [
            task({"result": [region(90, 99)]}, recording="monday", offset=0, stop=100),
            task({"result": [region(0, 19)]}, recording="monday", offset=100, stop=1000),
        ]
        assert list_rows(read_annotations(export(tmp_path, *tasks), recordings)) == [("monday", 90, 120, "step")]

    def test_stretches_are_the_tasks(self, recordings, tmp_path):
        rows = [("tuesday", 0, 60, "turn", 0.5), ("monday", 90, 120, "step", 0.9), ("monday", 140, 190, "step", 0.75)]
        found = pd.DataFrame(rows, columns=["recording", "start", "end", "label", "score"])
        stretches = pd.DataFrame({"recording": ["tuesday", "monday", "monday"], "start": [50, 100, 500]})
        stretches["end"] = [250, 150, 600]
        write_annotations(found, tmp_path / "tasks.json", recordings=recordings, stretches=stretches)
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        keys = ("recording", "offset", "stop", "unit")
        assert [[t["data"][key] for key in keys] for t in tasks] == [[*row, "seconds"] for row in stretches.values]
        for t in tasks:
            begin, end = t["data"]["offset"], t["data"]["stop"]
            assert t["data"]["ts"]["time"] == (np.arange(begin, end) / 100).tolist()
        assert tasks[1]["data"]["ts"]["hip_x"][7] == recordings.read(0)[0, 107]
        scores = [t["predictions"][0]["score"] for t in tasks]
        assert scores == sorted(scores)
        assert 0 <= scores[0] < scores[2] < 1
        assert [r["value"]["end"] for r in tasks[1]["predictions"][0]["result"]] == [1.19, 1.49]
        assert [r["score"] for r in tasks[1]["predictions"][0]["result"]] == [0.9, 0.75]
        assert tasks[2]["predictions"][0]["result"] == []

        submitted = [{**t, "annotations": [{"result": t["predictions"][0]["result"]}]} for t in (tasks[1], tasks[2])]
        left = {**tasks[0], "annotations": []}
        annotations = read_annotations(export(tmp_path, *submitted, left), recordings)
        assert list_rows(annotations) == [("monday", 100, 120, "step"), ("monday", 140, 150, "step")]
        assert annotations.looked_at.values.tolist() == [["monday", 100, 150], ["monday", 500, 600]]
        assert (annotations.list_labels()[1] == -1).all()

    def test_stretches_next_to_each_other_are_joined(self, recordings, tmp_path):
        found = pd.DataFrame({"recording": [0], "start": [90], "end": [120], "label": ["step"], "score": [0.9]})
        stretches = pd.DataFrame({"recording": [0, 0], "start": [100, 0], "end": [200, 100]})
        write_annotations(found, tmp_path / "tasks.json", recordings=recordings, stretches=stretches)
        table = read_segments(tmp_path / "tasks.json", recordings)
        assert table[["recording", "start", "end"]].values.tolist() == [["monday", 90, 120]]

    def test_tasks_without_segments(self, recordings, tmp_path):
        write_annotations(None, tmp_path / "tasks.json", recordings=recordings)
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        assert [t["predictions"][0]["result"] for t in tasks] == [[], []]
        with pytest.raises(ValueError, match="table is None; pass recordings"):
            write_annotations(None, tmp_path / "tasks.json")

    def test_a_long_stretch_is_cut(self, tmp_path):
        X = Recordings.from_arrays([np.arange(250_000.0)], names=["day"], sampling_rate=50)
        found = pd.DataFrame({"recording": "day", "start": [110_000], "end": [110_020], "label": ["a"], "score": [0.5]})
        stretches = pd.DataFrame({"recording": ["day", "day"], "start": [10_000, 240_000], "end": [230_000, 240_100]})
        write_annotations(found, tmp_path / "tasks.json", recordings=X, stretches=stretches)
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        cuts = [(10_000, 110_000), (110_000, 210_000), (210_000, 230_000), (240_000, 240_100)]
        assert [(t["data"]["offset"], t["data"]["stop"]) for t in tasks] == cuts
        assert [t["predictions"][0]["score"] for t in tasks] == [0, 0.25, 0.5, 0.75]
        assert [len(t["predictions"][0]["result"]) for t in tasks] == [0, 1, 0, 0]

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            (("sunday", 0, 10), r"stretches row 1 \(recording 'sunday', \[0, 10\)\) lies in no recording"),
            ((2, 0, 10), "stretches row 1 .* lies in no recording"),
            ((-1, 0, 10), "stretches row 1 .* lies in no recording"),
            (("monday", -1, 10), "stretches row 1 .* lies in no recording"),
            (("monday", 990, 1001), "stretches row 1 .* lies in no recording"),
            (("monday", 10, 10), "stretches row 1 .* lies in no recording"),
        ],
    )
    def test_wrong_stretches(self, recordings, tmp_path, row, words):
        table = pd.DataFrame({"recording": ["monday"], "start": [3], "end": [9], "label": ["step"]})
        stretches = pd.DataFrame([("monday", 0, 10), row], columns=["recording", "start", "end"])
        with pytest.raises(ValueError, match=words):
            write_annotations(table, tmp_path / "a.json", recordings=recordings, stretches=stretches)
        assert not list(tmp_path.iterdir())

    def test_stretches_need_their_columns_recordings_and_label_studio(self, recordings, tmp_path):
        table = pd.DataFrame({"recording": ["monday"], "start": [3], "end": [9], "label": ["step"]})
        stretches = table[["recording", "start", "end"]]
        with pytest.raises(ValueError, match="stretches has no column 'end'; pass recording, start and end"):
            write_annotations(
                table, tmp_path / "a.json", recordings=recordings, stretches=stretches.drop(columns="end")
            )
        for name, options in {"a.json": {}, "a.csv": {"recordings": recordings}}.items():
            with pytest.raises(ValueError, match="stretches makes tasks of Label Studio; pass recordings"):
                write_annotations(table, tmp_path / name, stretches=stretches, **options)
        assert not list(tmp_path.iterdir())

    def test_clock_times_are_refused(self, recordings, tmp_path):
        table = pd.DataFrame({"recording": ["monday"], "start": [3], "end": [9], "label": ["step"]})
        with pytest.raises(ValueError, match="Label Studio takes numbers"):
            write_annotations(table, tmp_path / "a.json", recordings=recordings, unit="clock")
