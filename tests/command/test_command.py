"""The command does with files what the functions do, says what is wrong in one message, and leaves no half file."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sslts
from sslts.command import main
from sslts.datasets import make_recordings
from sslts.io import read_annotations, read_recordings, read_segments
from sslts.labeling import CoveringStretches, suggest_stretches
from sslts.segments import summarize


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of tables of a machine with a clock, of which three are labeled, and a fitted model."""
    place = tmp_path_factory.mktemp("machine")
    X, truth = make_recordings(8, n_samples=800, gap=0, share=0.4, random_state=0)
    rows = []
    for i, x in enumerate(X):
        clock = pd.date_range("2026-03-01 20:30", periods=800, freq="1s") + pd.Timedelta(hours=i)
        table = pd.DataFrame({"time": clock, "force": x})
        if i == 4:
            table = table.drop(index=[100, 101])  # a short gap
        table.to_csv(place / f"press {i}.csv", index=False)
        for start, end in truth[i].table[["start", "end"]].to_numpy() if i < 3 else ():
            rows.append((f"press {i}.csv", clock[start], clock[end - 1] + pd.Timedelta(seconds=1), "stroke"))
    pd.DataFrame(rows, columns=["file", "start", "end", "event"]).to_csv(place / "labels.csv", index=False)
    done = run(
        "fit", place / "press*.csv", "-a", place / "labels.csv", "--method", "window-features", "-o", model(place)
    )
    assert "8 recordings of 1 channel, 1.8 h, 3 labeled (37.5% of the samples): background, stroke (" in done.output
    assert "classes background, stroke" in done.output
    return place


def model(place):
    return place / "cycles.sslts"


def run(*arguments, code=0):
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == code, done.output
    return done


def read(place):
    from sslts.preprocessing import FillGaps

    return FillGaps().fit_transform(read_recordings(place / "press*.csv"))


class TestFit:
    def test_the_model_is_that_of_the_functions(self, folder):
        recordings = read(folder)
        annotations = read_annotations(folder / "labels.csv", recordings)
        fitted = sslts.WindowFeatureSegmenter(sampling_rate=1.0, random_state=0).fit(recordings, annotations)
        found = sslts.load(model(folder)).predict_segments(recordings)
        pd.testing.assert_frame_equal(found, fitted.predict_segments(recordings))

    def test_a_network_takes_steps(self, folder, tmp_path):
        options = ("--method", "supervised", "--steps", 2, "-o", tmp_path / "net.sslts")
        run("fit", folder / "press*.csv", "-a", folder / "labels.csv", *options)
        first = sslts.load(tmp_path / "net.sslts")
        assert first.net_.step_ == 2
        options = ("--init", tmp_path / "net.sslts", "--method", "supervised", "--steps", 2)
        run("fit", folder / "press*.csv", "-a", folder / "labels.csv", *options, "-o", tmp_path / "next.sslts")
        assert sslts.load(tmp_path / "next.sslts").transfer_["chosen"] == "adapted"

    def test_steps_are_refused_without_a_network(self, folder, tmp_path):
        options = ("--method", "window-features", "--steps", 2, "-o", tmp_path / "x.sslts")
        done = run("fit", folder / "press*.csv", "-a", folder / "labels.csv", *options, code=2)
        assert "--method window-features takes no steps" in done.output


class TestPredict:
    def test_the_table_is_that_of_the_functions(self, folder, tmp_path):
        done = run("predict", model(folder), folder / "press*.csv", "-o", tmp_path / "found.csv")
        found, recordings = pd.read_csv(tmp_path / "found.csv"), read(folder)
        expected = sslts.load(model(folder)).predict_segments(recordings)
        assert found[["recording", "start", "end", "label"]].equals(expected[["recording", "start", "end", "label"]])
        assert pd.to_datetime(found["start_clock"]).tolist() == expected["start_clock"].tolist()
        assert f"stroke: {len(expected)}" in done.output

    @pytest.mark.parametrize("suffix", [".csv", ".parquet"])
    def test_counts_go_by_the_clock(self, folder, tmp_path, suffix):
        path = tmp_path / f"counts{suffix}"
        run("predict", model(folder), folder / "press*.csv", "--per", "1h", "-o", path)
        counts = pd.read_csv(path, parse_dates=["period"]) if suffix == ".csv" else pd.read_parquet(path)
        recordings = read(folder)
        found = sslts.load(model(folder)).predict_segments(recordings)
        expected = summarize(found, recordings, period="1h", by=("period", "label"))
        assert counts["count"].tolist() == expected["count"].tolist()
        assert counts["period"].tolist() == expected["period"].tolist()
        np.testing.assert_allclose(counts["rate_per_hour"], expected["rate_per_hour"])

    def test_tasks_of_label_studio(self, folder, tmp_path):
        run("predict", model(folder), folder / "press*.csv", "--format", "label-studio", "-o", tmp_path / "tasks.json")
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        assert len(tasks) == 8
        assert all(task["predictions"] for task in tasks)

    def test_tracks_of_audacity(self, folder, tmp_path):
        for _ in range(2):  # a folder that is there is filled again
            run("predict", model(folder), folder / "press*.csv", "--format", "audacity", "-o", tmp_path / "tracks")
        assert len(list((tmp_path / "tracks").iterdir())) == 8


class TestSuggest:
    NAMES = ["recording", "start", "end", "score", "reason"]

    def suggest(self, folder, output, *options, code=0, head=None):
        head = [model(folder)] if head is None else head
        return run("suggest", *head, folder / "press*.csv", *options, "-o", output, code=code)

    @pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".xlsx"])
    def test_the_table_is_that_of_the_functions(self, folder, tmp_path, suffix):
        path, labels = tmp_path / f"next{suffix}", folder / "labels.csv"
        done = self.suggest(folder, path, "-a", labels, "-n", 5, "--length", 100, "--strategy", "covering")
        assert "; 5 stretches to label. Written to" in done.output
        readers = {".csv": pd.read_csv, ".tsv": pd.read_table, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}
        table, recordings = readers[suffix](path), read(folder)
        segmenter, y = sslts.load(model(folder)), read_annotations(labels, recordings)
        options = {"n": 5, "length": 100, "strategy": CoveringStretches(), "random_state": 0}
        expected = suggest_stretches(segmenter, recordings, y, **options)
        assert table.columns.tolist() == self.NAMES
        pd.testing.assert_frame_equal(table, expected, check_dtype=False)
        assert not set(table["recording"]) & set(y.looked_at["recording"])

    def test_tasks_are_the_stretches_with_what_the_model_finds(self, folder, tmp_path):
        for name in ("next.csv", "tasks.json"):
            self.suggest(folder, tmp_path / name, "-a", folder / "labels.csv", "-n", 4, "--length", 100, "--seed", 3)
        table, tasks = pd.read_csv(tmp_path / "next.csv"), json.loads((tmp_path / "tasks.json").read_text())
        stretches = [[task["data"][key] for key in ("recording", "offset", "stop")] for task in tasks]
        assert stretches == table[self.NAMES[:3]].values.tolist()
        assert [len(task["data"]["ts"]["force"]) for task in tasks] == (table["end"] - table["start"]).tolist()
        assert [task["predictions"][0]["score"] for task in tasks] == [0, 0.25, 0.5, 0.75]
        recordings = read(folder)
        found = sslts.load(model(folder)).predict_segments(recordings)
        expected = set()
        for name, start, end in stretches:
            own = found[(found["recording"] == name) & (found["start"] < end) & (found["end"] > start)]
            cut = zip(own["start"].clip(lower=start), own["end"].clip(upper=end), own["label"], strict=True)
            expected |= {(name, *row) for row in cut}
        read_back = read_segments(tmp_path / "tasks.json", recordings)
        rows = read_back[["recording", "start", "end", "label"]]
        assert set(rows.itertuples(index=False, name=None)) == expected

    def test_a_cold_start(self, folder, tmp_path):
        table, tasks = tmp_path / "next.csv", tmp_path / "tasks.json"
        for path in (table, tasks):
            self.suggest(folder, path, "-n", 3, head=["--no-model"])
        found = pd.read_csv(table)
        assert found[self.NAMES].equals(suggest_stretches(None, read(folder), n=3, random_state=0))
        read_tasks = json.loads(tasks.read_text())
        assert [task["data"]["recording"] for task in read_tasks] == found["recording"].tolist()
        assert all(task["predictions"][0]["result"] == [] for task in read_tasks)

    def test_a_pattern_groups_files(self, folder, tmp_path):
        path = tmp_path / "next.csv"
        self.suggest(folder, path, "-n", 4, "--length", 100, "--groups", "[0-3]|[4-7]", head=["--no-model"])
        assert pd.read_csv(path)["recording"].nunique() == 4
        self.suggest(folder, path, "-n", 2, "--length", 100, "--groups", "press", head=["--no-model"])
        recordings = read(folder)
        expected = suggest_stretches(None, recordings, n=2, length=100, groups=["press"] * 8, random_state=0)
        assert pd.read_csv(path)[self.NAMES].equals(expected)

    @pytest.mark.parametrize(
        ("options", "words", "code"),
        [
            (["-n", "5000"], r"-n 5000, but there are \d+ unlabeled stretches .* or give a smaller --length", 1),
            (["-n", "0"], "Invalid value for '-n'", 2),
            (["--length", "0"], "Invalid value for '--length'", 2),
            (["--length", "801"], "--length 801: the longest recording has 800 s; give at most that", 2),
            (["--length", "10", "--no-time"], "--length 10 is in seconds, .* give --sampling-rate", 2),
            (["--groups", "machine"], r"--groups machine is not in the name 'press 0'", 2),
            (["--groups", "("], r"--groups \(: .*give a regular expression", 2),
            (["--strategy", "clever"], "Invalid value for '--strategy'", 2),
            (["--channels", "force,force2"], "--channels", 1),
            (["-a", "no.csv"], r"no\.csv", 1),
        ],
    )
    def test_what_is_wrong_names_the_option_and_no_file_is_written(self, folder, tmp_path, options, words, code):
        for name in ("next.csv", "tasks.json"):
            done = self.suggest(folder, tmp_path / name, *options, code=code)
            assert re.search(words, " ".join(done.output.split())), done.output
            assert "Traceback" not in done.output
        assert not list(tmp_path.iterdir())

    def test_a_model_of_other_channels(self, folder, tmp_path):
        table = pd.read_csv(folder / "press 0.csv")
        (tmp_path / "two").mkdir()
        table.assign(flow=0.0).to_csv(tmp_path / "two" / "press 0.csv", index=False)
        done = run("suggest", model(folder), tmp_path / "two", "-n", 1, "-o", tmp_path / "x.csv", code=1)
        assert "was fitted with 1; pass recordings with the same channels" in done.output
        assert not (tmp_path / "x.csv").exists()

    @pytest.mark.parametrize("arguments", [[], ["cycles.sslts"], ["--no-model"]])
    def test_files_are_missing(self, tmp_path, arguments):
        done = run("suggest", *arguments, "-o", tmp_path / "x.csv", code=2)
        assert "give a MODEL and FILES, or --no-model and FILES" in done.output

    def test_other_suffixes_are_refused_before_the_files_are_read(self, tmp_path):
        done = run("suggest", tmp_path / "no.sslts", "no.csv", "-o", tmp_path / "next.pdf", code=2)
        assert "the suffix is '.pdf'; give .json, .csv, .tsv, .parquet or .xlsx" in done.output


class TestOthers:
    def test_a_report_with_and_without_annotations(self, folder, tmp_path):
        run("report", model(folder), folder / "press*.csv", "-a", folder / "labels.csv", "-o", tmp_path / "a.html")
        assert "true segments are found" in (tmp_path / "a.html").read_text()
        run("report", model(folder), folder / "press*.csv", "--title", "March", "-o", tmp_path / "b.html")
        assert "<title>March</title>" in (tmp_path / "b.html").read_text()

    def test_a_model_is_described(self, folder):
        assert "estimator: WindowFeatureSegmenter" in run("info", model(folder)).output
        card = json.loads(run("info", "--json", model(folder)).output)
        assert card["classes"] == [0, 1]

    def test_annotations_are_converted_and_come_back(self, folder, tmp_path):
        files = folder / "press*.csv"
        run("convert", folder / "labels.csv", files, "-o", tmp_path / "tasks.json")
        run("convert", tmp_path / "tasks.json", files, "--unit", "samples", "-o", tmp_path / "labels.csv")
        recordings = read(folder)
        first, second = (read_annotations(path / "labels.csv", recordings) for path in (folder, tmp_path))
        assert first.table.equals(second.table)


class TestMessages:
    @pytest.mark.parametrize(
        "command", [(), ("fit",), ("predict",), ("suggest",), ("report",), ("info",), ("convert",)]
    )
    def test_help_shows_an_example(self, command):
        text = run(*command, "--help").output
        assert re.search(r"^ *Example:\n +sslts ", text, re.MULTILINE)
        assert "\\b" not in text

    def test_what_is_wrong_is_one_message_and_no_file(self, folder, tmp_path):
        path = tmp_path / "found.csv"
        done = run("predict", model(folder), folder / "nothing.csv", "-o", path, code=1)
        assert "there is no file" in done.output
        assert "Traceback" not in done.output
        done = run("predict", model(folder), folder / "press*.csv", "--channels", "flow", "-o", path, code=1)
        assert "flow" in done.output
        done = run("predict", folder / "labels.csv", folder / "press*.csv", "-o", path, code=1)
        assert "labels.csv" in done.output
        done = run("predict", model(folder), folder / "press*.csv", "-o", tmp_path / "no" / "found.csv", code=1)
        assert "create the folder first" in done.output
        done = run("predict", model(folder), folder / "press*.csv", "--per", "soon", "-o", path, code=1)
        assert "--per soon is no period of the clock" in done.output
        done = run(
            "predict", model(folder), folder / "press*.csv", "--per", "1h", "--format", "audacity", "-o", path, code=2
        )
        assert "--per writes a table of counts" in done.output
        options = ("--per", "1h", "-o", tmp_path / "counts.json")
        done = run("predict", model(folder), folder / "press*.csv", *options, code=2)
        assert "the suffix is '.json'; give .csv, .tsv, .parquet or .xlsx" in done.output
        assert not path.exists()

    def test_a_broken_file_may_be_left_out(self, folder, tmp_path):
        (tmp_path / "a.csv").write_text((folder / "press 0.csv").read_text())
        (tmp_path / "b.csv").write_text("time,force\n2026-03-01 20:30,high\n")
        output = tmp_path / "found.csv"
        run("predict", model(folder), tmp_path / "*.csv", "-o", output, code=1)
        done = run("predict", model(folder), tmp_path / "*.csv", "--skip-broken", "-o", output)
        assert "Warning: " in done.output
        assert "b.csv" in done.output
        assert set(pd.read_csv(output)["recording"]) == {"a"}

    def test_the_module_is_the_command(self):
        done = subprocess.run([sys.executable, "-m", "sslts", "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == f"sslts, version {sslts.__version__}"
