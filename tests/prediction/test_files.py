"""Segments of many files: parts are complete or absent, skipped when they are finished, and never of two runs."""

import errno
import json
import os
import pickle
import shutil
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import make_pipeline

from sslts import Annotations, Recordings, WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.io import read_recordings
from sslts.prediction import _executing, _parts, segment_files
from sslts.preprocessing import FillGaps, RecordingStandardizer

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.filterwarnings("ignore:.* files failed")
N = 7
FOREST = {"classifier": ExtraTreesClassifier(3), "scales": (1, 4), "random_state": 0, "sampling_rate": 100}
X, Y = make_recordings(N, n_samples=300, random_state=0)


@pytest.fixture(scope="module")
def segmenter():
    return WindowFeatureSegmenter(**FOREST).fit(X, Y)


@pytest.fixture(scope="module")
def other():
    return WindowFeatureSegmenter(**{**FOREST, "random_state": 1}).fit(X, Y)


@pytest.fixture
def files(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for i, x in enumerate(X):
        pd.DataFrame({"time": np.arange(300) / 100, "force": x}).to_csv(place / f"press {i}.csv", index=False)
    return place


@pytest.fixture
def run(segmenter, files, tmp_path):
    def run(model=segmenter, paths=f"{files}/*.csv", folder=tmp_path / "found", **options):
        return segment_files(model, paths, folder, **{"workers": 1, "batch_size": 2, "progress": False, **options})

    return run


def list_bytes(folder):
    """Return the content of all files of a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Broken(Executor):
    """An executor that finishes some batches, and fails on the others."""

    def __init__(self, error, good=1):
        self.error, self.left = error, good

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.left -= 1
        if self.left < 0:
            future.set_exception(self.error)
        else:
            future.set_result(fn(*args, **kwargs))
        return future


class TestTables:
    def test_the_rows_are_those_of_the_segmenter(self, run, segmenter, files):
        found = run()
        table = found.read_segments()
        expected = segmenter.predict_segments(read_recordings(files))
        assert len(table) == found.segments == len(expected) > N
        assert table["recording"].map(lambda path: Path(path).stem).tolist() == expected["recording"].tolist()
        for name in ("start", "end", "length", "score", "start_time", "end_time", "duration"):
            np.testing.assert_array_equal(table[name], expected[name])
        assert table["label"].tolist() == expected["label"].map(str).tolist()
        assert set(table["n_samples"]) == {300}
        assert table["model"].unique().tolist() == [json.loads((found.folder / "run.json").read_text())["model"]]
        listed = found.read_recordings()
        assert listed["segments"].sum() == len(table)
        assert listed["sampling_rate"].unique().tolist() == [100]
        assert pd.read_parquet(found.folder / "segments")["start"].tolist() == table["start"].tolist()

    def test_an_empty_result_has_the_same_schema(self, run, tmp_path):
        flat = [np.zeros(50)] * 3
        empty = run(paths=flat, folder=tmp_path / "empty")
        assert (empty.segments, empty.recordings) == (0, 3)
        assert empty.read_segments().dtypes.equals(run().read_segments().dtypes)
        assert pd.read_parquet(tmp_path / "empty" / "segments").empty

    def test_words_names_clocks_and_time_zones(self, tmp_path):
        starts = ["2026-03-01 12:00", None, pd.Timestamp("2026-03-01 12:00", tz="Europe/Berlin")]
        names = ["a", "b", "c"]
        words = Annotations.from_labels(np.where(Y[:3], "stroke", "background"))
        fitted = WindowFeatureSegmenter(**FOREST).fit(X[:3], words)
        zoned = [Recordings.from_arrays(X[[i]], names=[n], sampling_rate=100, starts=[s])
                 for i, (n, s) in enumerate(zip(names, starts, strict=True))]  # fmt: skip
        tables = [
            segment_files(fitted, one, tmp_path / name, workers=1).read_segments()
            for one, name in zip(zoned, names, strict=True)
        ]
        assert all(set(table["label"]) == {"stroke"} and len(table["time_zone"].unique()) == 1 for table in tables)
        assert [table["time_zone"].iloc[0] for table in tables][2] == "Europe/Berlin"
        first = [table["start_clock"].iloc[0] for table in tables]
        seconds = [pd.Timedelta(seconds=table["start_time"].iloc[0]) for table in tables]
        assert first[0] == pd.Timestamp("2026-03-01 12:00") + seconds[0]
        assert pd.isna(first[1])
        assert first[2] == pd.Timestamp("2026-03-01 11:00") + seconds[2]  # in UTC

    def test_several_recordings_in_a_file_keep_its_path(self, run, files):
        np.save(files / "cube.npy", X[:2, None])
        found = run(paths=[files / "cube.npy"])
        assert found.read_recordings()["recording"].tolist() == [f"{files}/cube.npy/0", f"{files}/cube.npy/1"]
        assert set(found.read_recordings()["file"]) == {f"{files}/cube.npy"}

    def test_relative_paths_are_names_as_they_are(self, run, files, monkeypatch):
        monkeypatch.chdir(files)
        assert run(paths="press 1.csv").read_recordings()["recording"].tolist() == ["press 1.csv"]

    def test_gaps_are_filled_by_a_transformer(self, run, files, segmenter):
        table = pd.read_csv(files / "press 3.csv")
        table.drop(index=[50, 51]).to_csv(files / "press 3.csv", index=False)
        assert run().read_errors()["file"].tolist() == [f"{files}/press 3.csv"]
        found = run(folder=files.parent / "filled", transformer=FillGaps())
        assert found.failed == 0
        filled = FillGaps().fit_transform(read_recordings(files))
        assert found.read_segments()["start"].tolist() == segmenter.predict_segments(filled)["start"].tolist()


class TestExecutors:
    def test_threads_write_the_same_bytes(self, run, tmp_path):
        run()
        with ThreadPoolExecutor(2) as pool:
            run(folder=tmp_path / "threads", executor=pool)
        assert list_bytes(tmp_path / "found") == list_bytes(tmp_path / "threads")

    def test_shares_together_are_the_whole(self, run, tmp_path):
        run()
        shares = [run(folder=tmp_path / "shares", share=(k, 3)) for k in range(3)]
        assert [one.parts for one in shares] == [2, 1, 1]
        assert list_bytes(tmp_path / "found") == list_bytes(tmp_path / "shares")

    def test_the_function_is_picklable(self):
        assert pickle.loads(pickle.dumps(segment_files)) is segment_files

    def test_a_batch_that_kills_its_workers_does_not_stop_the_others(self, run):
        with pytest.raises(RuntimeError, match=r"2 parts were not finished\. Part 2: Exception: killed"):
            run(executor=Broken(Exception("killed"), good=2))
        assert run().skipped == 2

    def test_an_executor_that_is_gone_ends_the_run(self, run):
        class Gone(Executor):
            def submit(self, fn, /, *args, **kwargs):
                future = Future()
                future.cancel()
                return future

        with pytest.raises(RuntimeError, match="its scheduler or its workers are gone"):
            run(executor=Gone())

    def test_few_batches_are_held_at_a_time(self, run, monkeypatch):
        class Lazy(Executor):
            most, held = 0, []

            def submit(self, fn, /, *args, **kwargs):
                future = Future()
                self.held.append((future, fn, args))
                self.most = max(self.most, len(self.held))
                if len(self.held) == 2:  # the third would never be submitted
                    for one, function, given in self.held:
                        one.set_result(function(*given))
                    self.held.clear()
                return future

        monkeypatch.setattr("sslts.prediction.files._PENDING", 2)
        lazy = Lazy()
        assert run(executor=lazy, batch_size=1, paths=[str(i) for i in range(8)]).failed == 8
        assert lazy.most == 2


class TestResuming:
    def test_finished_parts_are_skipped_and_not_touched(self, run, monkeypatch):
        first = run()
        before = list_bytes(first.folder)
        monkeypatch.setattr("sslts.io.recordings._read_files", None)  # nothing may be read
        again = run()
        assert (again.skipped, again.segments, again.files) == (4, first.segments, N)
        assert list_bytes(first.folder) == before

    def test_an_interrupted_run_continues(self, run, tmp_path, monkeypatch):
        whole = list_bytes(run(folder=tmp_path / "whole").folder)
        real = _executing.finish_batch

        def stop(work, batch):
            if batch.number == 2:
                raise KeyboardInterrupt
            return real(work, batch)

        with monkeypatch.context() as patch:
            patch.setattr(_executing, "finish_batch", stop)
            with pytest.raises(KeyboardInterrupt):
                run()
        assert run().skipped == 2
        assert list_bytes(tmp_path / "found") == whole

    def test_a_changed_file_makes_its_part_anew(self, run, files):
        before = run().read_segments()
        table = pd.read_csv(files / "press 2.csv")
        table.assign(force=0.0).to_csv(files / "press 2.csv", index=False)
        again = run()
        assert again.skipped == 3
        changed = before["recording"] == f"{files}/press 2.csv"
        assert changed.any()
        pd.testing.assert_frame_equal(again.read_segments(), before[~changed].reset_index(drop=True))

    def test_changed_arrays_make_their_part_anew(self, run, tmp_path):
        values = X.copy()
        run(paths=values, folder=tmp_path / "arrays")
        values[5] = 0
        assert run(paths=values, folder=tmp_path / "arrays").skipped == 3

    def test_files_at_the_end_of_the_list_are_added(self, run, files):
        run()
        for name in ("press 7.csv", "press 8.csv"):
            shutil.copy(files / "press 0.csv", files / name)
        again = run()
        assert (again.parts, again.skipped, again.recordings) == (5, 3, 9)

    def test_the_size_of_parts_is_that_of_the_folder(self, run):
        run(batch_size=3)
        assert run(batch_size=None).parts == 3

    @pytest.mark.parametrize("kind", ["segments", "recordings"])
    @pytest.mark.parametrize("damage", ["removed", "cut short", "emptied", "of another part"])
    def test_a_damaged_part_is_made_anew(self, run, kind, damage):
        found = run()
        before = list_bytes(found.folder)
        parts = sorted((found.folder / kind).rglob("*.parquet"))
        if damage == "removed":
            parts[1].unlink()
        elif damage == "of another part":
            shutil.copy(parts[0], parts[1])
        else:
            os.truncate(parts[1], 0 if damage == "emptied" else 900)
        assert run().skipped == 3
        assert list_bytes(found.folder) == before

    def test_temporary_files_of_killed_workers_are_removed(self, run):
        found = run()
        left = found.folder / "segments" / "0000" / ".part-0000001.parquet.0123abcd.tmp"
        left.write_bytes(b"half")
        run()
        assert not left.exists()


class TestOtherRuns:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"reading": {"channels": "force"}}, "its reading is {}, not {'channels': 'force'}"),
            ({"transformer": RecordingStandardizer()}, r"its transformer is None, not RecordingStandardizer\(\)"),
            ({"batch_size": 3}, "its batch_size is 2, not 3"),
            ({"paths": X[:3]}, "a run over 7 other files"),
        ],
    )
    def test_other_options_are_refused_and_nothing_is_lost(self, run, change, words):
        before = list_bytes(run().folder)
        with pytest.raises(ValueError, match=words):
            run(**change)
        assert list_bytes(run().folder) == before

    def test_another_model_is_refused_or_replaces_the_parts(self, run, other, tmp_path):
        before = list_bytes(run().folder)
        with pytest.raises(ValueError, match="belongs to another run: its model is .* pass another folder, or replace"):
            run(other)
        assert list_bytes(tmp_path / "found") == before
        run(other, replace=True)
        run(other, folder=tmp_path / "new")
        assert list_bytes(tmp_path / "found") == list_bytes(tmp_path / "new")
        assert run(other).skipped == 4

    def test_a_shorter_list_is_refused_or_replaces_the_parts(self, run, files):
        found = run()
        paths = sorted(map(str, files.iterdir()))[:3]
        with pytest.raises(ValueError, match="a list may only get longer at its end"):
            run(paths=paths)
        assert run(paths=paths, replace=True).skipped == 1
        assert len(found.read_recordings()) == 3

    def test_two_equal_runs_at_once_leave_one_result(self, run, tmp_path):
        with ThreadPoolExecutor(2) as pool:
            for found in [pool.submit(run) for _ in range(2)]:
                assert found.result().parts == 4
        run(folder=tmp_path / "alone")
        assert list_bytes(tmp_path / "found") == list_bytes(tmp_path / "alone")

    def test_of_two_other_runs_at_once_one_is_refused(self, run, other, tmp_path):
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(run), pool.submit(run, other)]
            errors = [one.exception() for one in both]
        assert sum(error is None for error in errors) == 1
        assert "belongs to another run" in str(next(filter(None, errors)))
        assert len(set(pd.read_parquet(tmp_path / "found" / "segments")["model"])) == 1

    def test_a_model_that_was_replaced_in_the_folder(self, run, other):
        found = run()
        other.save(found.folder / "model.sslts")
        assert run().skipped == 4  # the model of the run is written again
        assert len(set(found.read_segments()["model"])) == 1

    def test_a_folder_of_something_else(self, run, tmp_path):
        place = tmp_path / "odd"
        place.mkdir()
        (place / "run.json").write_text("{}")
        with pytest.raises(ValueError, match=r"run\.json is no description of segments of files"):
            run(folder=place)
        (tmp_path / "file").write_text("")
        with pytest.raises(NotADirectoryError, match="is a file; pass another path"):
            run(folder=tmp_path / "file")

    def test_parts_without_their_description(self, run):
        found = run()
        (found.folder / "run.json").unlink()
        with pytest.raises(ValueError, match=r"holds parts, and its run\.json is missing"):
            run()
        assert run(replace=True).skipped == 4


class TestErrors:
    def test_a_file_that_can_not_be_read_is_a_row(self, run, files):
        (files / "press 1.csv").write_text("time,force\n0,high\n")
        paths = [*sorted(map(str, files.iterdir())), f"{files}/no.csv"]
        with pytest.warns(UserWarning, match="2 of 8 files failed; read_errors"):
            found = run(paths=paths)
        errors = found.read_errors()
        assert errors["file"].tolist() == [f"{files}/press 1.csv", f"{files}/no.csv"]
        assert "high" in errors["error"][0]
        assert "FileNotFoundError" in errors["error"][1]
        assert (found.recordings, found.failed) == (6, 2)
        listed = found.read_recordings()
        assert listed["file"].tolist() == paths
        assert listed.loc[listed["error"].notna(), ["n_samples", "segments"]].isna().all(axis=None)

    def test_a_file_that_does_not_fit_the_model_is_a_row(self, run, files):
        table = pd.read_csv(files / "press 0.csv")
        table.assign(flow=1.0).to_csv(files / "press 0.csv", index=False)
        table.assign(time=table["time"] * 2).to_csv(files / "press 4.csv", index=False)
        errors = run().read_errors()
        assert errors["file"].tolist() == [f"{files}/press 0.csv", f"{files}/press 4.csv"]
        assert "2 channels" in errors["error"][0]
        assert "'resample': True" in errors["error"][1]

    def test_failed_files_are_tried_again_when_they_change_or_on_demand(self, run, files):
        good = (files / "press 1.csv").read_bytes()
        (files / "press 1.csv").write_text("time,force\n0,high\n")
        assert run().failed == 1
        assert run().skipped == 4
        assert run(retry=True).skipped == 3
        (files / "press 1.csv").write_bytes(good)
        again = run()
        assert (again.failed, again.skipped) == (0, 3)

    def test_a_missing_library_is_no_fault_of_the_files(self, run, monkeypatch):
        def lack(*_, **__):
            raise ImportError("needs a library")

        monkeypatch.setattr("sslts.prediction._batches.read_recordings", lack)
        with pytest.raises(ImportError, match="needs a library"):
            run()

    @pytest.mark.parametrize("pooled", [False, True])
    @pytest.mark.parametrize("place", [1, 2])  # the first or the second file of a part
    def test_a_full_disk_ends_the_run_and_keeps_the_parts(self, run, tmp_path, monkeypatch, place, pooled):
        whole = list_bytes(run(folder=tmp_path / "whole").folder)
        written = []
        real = _parts.replace_file

        def fill(path, *parts, **options):
            written.append(path)
            if len(written) > 3 + place:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            real(path, *parts, **options)

        with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
            patch.setattr(_parts, "replace_file", fill)
            with pytest.raises(OSError, match="No space left") as caught:
                run(executor=pool if pooled else None)
        assert "Finished parts are kept" in caught.value.__notes__[0]
        assert run().skipped == 2
        assert list_bytes(tmp_path / "found") == whole

    def test_wrong_arguments_leave_no_folder(self, run, segmenter, files, tmp_path):
        for change, error, words in [
            (
                {"model": make_pipeline(FillGaps(), segmenter)},
                TypeError,
                "model is a Pipeline; pass a fitted segmenter",
            ),
            ({"model": tmp_path / "no.sslts"}, FileNotFoundError, "no.sslts"),
            ({"model": files / "press 0.csv"}, ValueError, "press 0.csv"),
            ({"paths": []}, ValueError, "paths is an empty list"),
            ({"paths": f"{files}/*.edf"}, FileNotFoundError, "there is no file"),
            ({"reading": {"join": True}}, ValueError, "reading has the argument 'join'; known are time,"),
            ({"paths": X, "reading": {"key": 1}}, ValueError, "reading says how files are read"),
            ({"transformer": FillGaps}, TypeError, "pass a transformer, such as"),
            ({"batch_size": 0}, ValueError, "batch_size=0; give a whole number"),
            ({"workers": 0}, ValueError, "workers=0; give a whole number"),
            ({"share": (2, 2)}, ValueError, r"share=\(2, 2\); give \(k, n\)"),
        ]:
            with pytest.raises(error, match=words):
                run(**change)
            assert not (tmp_path / "found").exists(), change

    def test_a_path_that_is_given_twice_is_one_file(self, run, files):
        paths = [files / "press 0.csv"] * 2
        assert run(paths=paths).files == 1
