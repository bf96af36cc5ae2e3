"""Messages of the command name options of the command, and say what a user can do about common mistakes."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sslts
from sslts.command import main
from sslts.command._messages import _OPTIONS, translate
from sslts.datasets import make_recordings
from sslts.io import read_annotations, read_recordings, write_annotations

PACKAGE = Path(sslts.__file__).parent
SOURCES = sorted((PACKAGE / "io").glob("*.py"))
OWN = {"recordings", "path", "paths_or_pattern", "table", "on_error", "looked_at", "progress"}
# Values that only Python can pass; the options of the command are checked before.
PYTHON_ONLY = ("format='epochs' needs", "unit={}; give", "on_error={}; give", "looked_at={}", "format={}")


def read_text(node):
    if isinstance(node, ast.JoinedStr):
        return "".join(read_text(value) for value in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


def list_messages():
    """Return the texts in the source of `sslts.io` that are no documentation."""
    found = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        nodes = list(ast.walk(tree))
        parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts | documentation:
                found.add(read_text(node))
    return sorted(text for text in found if " " in text)


def list_arguments():
    functions = (read_recordings, read_annotations, write_annotations)
    return {name for function in functions for name in inspect.signature(function).parameters} - OWN


@pytest.mark.parametrize("message", list_messages())
def test_messages_name_options(message):
    if message.startswith(PYTHON_ONLY):
        return
    names = "|".join(list_arguments())
    left = re.search(
        rf"(?<!--column )(?<![-\w])({names})=|\b[Pp]ass ({names})\b|read_(recordings|annotations)", translate(message)
    )
    assert not left, translate(message)


def list_options():
    return {option for command in main.commands.values() for p in command.params for option in p.opts}


def test_options_in_messages_exist():
    assert set(_OPTIONS.values()) <= list_options()
    for message in list_messages():
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", translate(message)))
        assert named <= list_options(), message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Pass on_error='warn' to leave them out.", "Pass --skip-broken to leave them out."),
        ("pass sampling_rate=12.5 and resample=True, or", "pass --sampling-rate 12.5 and --resample, or"),
        ("pass time_format='%d.%m.%Y %H:%M'.", 'pass --time-format "%d.%m.%Y %H:%M".'),
        ("Pass columns={'start': the name of the column}.", "Pass --column start=NAME."),
        ("pass columns={'recording': None} to", "pass --column recording= to"),
        ("in another time zone? Pass timezone.", "in another time zone? Pass --timezone."),
        ("--per 1h goes by the clock", "--per 1h goes by the clock"),
        ("row 3: the start=5 of a file", "row 3: the start=5 of a file"),
    ],
)
def test_arguments_become_options(message, expected):
    assert translate(message) == expected


def run(*arguments, code=0):
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Return a folder with files without a clock, whose column of times has an unusual name, labels and a model."""
    place = tmp_path_factory.mktemp("machine")
    X, truth = make_recordings(4, n_samples=600, share=0.4, random_state=0)
    rows = []
    for i, x in enumerate(X):
        pd.DataFrame({"Zeit": np.arange(600) / 10, "force": x}).to_csv(place / f"press{i}.csv", index=False)
        stretches = truth[i].table if hasattr(truth[i], "table") else None
        edges = np.flatnonzero(np.diff(np.r_[0, truth[i], 0])).reshape(-1, 2) if stretches is None else ()
        rows += [(f"press{i}.csv", a, b, "stroke") for a, b in edges] if i < 2 else []
    pd.DataFrame(rows, columns=["Datei", "start", "end", "label"]).to_csv(place / "labels.csv", index=False)
    run(*fit(place), "--time", "Zeit", "--column", "recording=Datei")
    return place


def fit(place, *files, output="model.sslts"):
    files = files or (place / "press*.csv",)
    return ("fit", *files, "-a", place / "labels.csv", "--method", "window-features", "-o", place / output)


class TestMistakes:
    def test_counts_per_hour_without_a_clock(self, machine, tmp_path):
        command = ("predict", machine / "model.sslts", machine / "press*.csv", "--time", "Zeit")
        output = run(*command, "--per", "1h", "-o", tmp_path / "counts.csv", code=2)
        assert "--per 1h goes by the clock, and press0 has none. Name the column of dates with --time COLUMN" in output
        assert not (tmp_path / "counts.csv").exists()
        run(*command, "--per", "30", "-o", tmp_path / "counts.csv")
        counts = pd.read_csv(tmp_path / "counts.csv")
        assert counts[["recording", "period"]].drop_duplicates().shape[0] == 8
        assert counts["time"].eq(30).all()

    def test_seconds_without_a_rate(self, machine, tmp_path):
        command = ("predict", machine / "model.sslts", machine / "press*.csv", "--channels", "force")
        output = run(*command, "--per", "30", "-o", tmp_path / "counts.csv", code=2)
        assert "give --sampling-rate" in output

    def test_a_column_of_times_with_an_unusual_name(self, machine, tmp_path):
        output = run(*fit(machine, output="other.sslts"), "--column", "recording=Datei")
        assert "the column 'Zeit' rises as steadily as a time, and is read as a channel" in output
        assert "pass --time Zeit; else pass --channels" in output
        dates = pd.date_range("2026-03-01", periods=50, freq="1s")
        pd.DataFrame({"Zeit": dates, "force": 0.5}).to_csv(tmp_path / "a.csv", index=False)
        output = run(*fit(machine, tmp_path / "a.csv", output="other.sslts"), code=1)
        assert "if the column holds the times, pass --time Zeit" in output

    def test_a_table_of_labels_with_unusual_names(self, machine, tmp_path):
        (tmp_path / "labels.csv").write_text("Datei,von,bis,was\npress0.csv,1,5,stroke\n")
        command = ("fit", machine / "press*.csv", "--time", "Zeit", "-a", tmp_path / "labels.csv")
        output = run(*command, "-o", tmp_path / "m.sslts", code=1)
        assert "Pass --column start=NAME" in output

    def test_labels_outside_their_file(self, machine, tmp_path):
        (tmp_path / "labels.csv").write_text("file,start,end,label\npress0.csv,10,20,x\npress1.csv,590,610,x\n")
        command = ("fit", machine / "press*.csv", "--time", "Zeit", "-a", tmp_path / "labels.csv")
        output = run(*command, "-o", tmp_path / "m.sslts", code=1)
        assert "labels.csv, row 1 (line 3): samples 590 to 610 lie outside 'press1' of 600 samples" in output
        assert not (tmp_path / "m.sslts").exists()

    def test_a_broken_file_names_the_option_that_leaves_it_out(self, machine, tmp_path):
        (tmp_path / "broken.csv").write_text("Zeit,force\n0.0,1\n0.1,off\n")
        command = (
            "predict",
            machine / "model.sslts",
            machine / "press*.csv",
            tmp_path / "broken.csv",
            "--time",
            "Zeit",
        )
        output = run(*command, "-o", tmp_path / "found.csv", code=1)
        assert "Pass --skip-broken to leave them out" in output

    def test_another_way_to_write_numbers_and_dates(self, machine, tmp_path):
        lines = [f"02.03.2026 08:00:{k // 10:02d}.{k % 10};{k % 7},5" for k in range(200)]
        (tmp_path / "a.csv").write_text("\n".join(["time;force", *lines]))
        options = ("-o", tmp_path / "found.csv")
        output = run("predict", machine / "model.sslts", tmp_path / "a.csv", *options, code=1)
        assert "--decimal ," in output
        output = run("predict", machine / "model.sslts", tmp_path / "a.csv", "--decimal", ",", *options, code=1)
        assert '--time-format "%d.%m.%Y %H:%M:%S"' in output
        options = ("--decimal", ",", "--time-format", "%d.%m.%Y %H:%M:%S.%f", "--per", "1h", *options)
        run("predict", machine / "model.sslts", tmp_path / "a.csv", *options)

    def test_another_rate_than_that_of_the_model(self, machine, tmp_path):
        pd.DataFrame({"time": np.arange(200) / 20, "force": 0.5}).to_csv(tmp_path / "a.csv", index=False)
        command = ("predict", machine / "model.sslts", tmp_path / "a.csv", "-o", tmp_path / "found.csv")
        assert "add --sampling-rate 10 --resample" in run(*command, code=1)
        run(*command, "--sampling-rate", "10", "--resample")

    def test_a_column_without_its_role(self, machine):
        assert "such as --column start=from" in run(*fit(machine), "--column", "Datei", code=2)
