"""The loop with a real Label Studio: a model suggests, somebody corrects in a browser, and the next model learns."""

import json
import os
import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from labeling_server import CHROMIUM, read_interface

import sslts
from sslts.command import main
from sslts.io import read_annotations, read_recordings

pytestmark = [pytest.mark.server, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]

MAKE_WARD = Path(__file__).parents[2] / "examples/make_files.py"
N, CORRECTED = 6, 4
RATE = 50


def run(*arguments):
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output


def fit(model, *annotations):
    named = [text for path in annotations for text in ("-a", path)]
    run("fit", "ward", *named, "--method", "window-features", "-o", model)
    return sslts.load(model)


def find_segments(truth, task):
    """Return the true segments in a task, in samples of the recording."""
    name, begin, end = (task["data"][key] for key in ("recording", "offset", "stop"))
    table = truth.table[truth.table["recording"] == name]
    cut = [(max(start, begin), min(stop, end)) for start, stop in table[["start", "end"]].to_numpy().tolist()]
    return [(start, stop) for start, stop in cut if start < stop]


def correct(truth, task):
    """Return what somebody does who knows the truth: wrong regions are deleted, and missing ones are drawn."""
    found = [
        (round(region["value"]["start"] * RATE), round(region["value"]["end"] * RATE) + 1)
        for region in task["predictions"][0]["result"]
    ]
    true, begin = find_segments(truth, task), task["data"]["offset"]
    kept = [one for one in true if any(max(abs(one[0] - a), abs(one[1] - b)) <= 1 for a, b in found)]
    wrong = [k for k, (a, b) in enumerate(found) if not any(max(abs(c - a), abs(d - b)) <= 1 for c, d in kept)]
    steps = [("show",), *(("delete", k) for k in reversed(wrong))]
    for start, end in true:
        if (start, end) not in kept:
            ends = [start / RATE, (end - 1) / RATE]
            steps.append(("draw", "1", *(reversed(ends) if start == begin else ends)))  # the mouse starts inside
    return steps


@pytest.fixture
def _ward(tmp_path, monkeypatch):
    """Work in a folder with the records of the guide."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(MAKE_WARD))["make_ward"]()


@pytest.fixture
def interface():
    return read_interface(["chest", "belly"], ["cough", "unlabeled"])


@pytest.mark.usefixtures("_ward")
def test_the_next_model_learns_from_what_was_corrected(label_studio, interface):
    Path("labels.json").write_text(json.dumps(json.loads(Path("export.json").read_text())[:1]))
    X = read_recordings("ward")
    truth = read_annotations("truth.json", X)
    first = fit("first.sslts", "labels.json")
    run("suggest", "first.sslts", "ward", "-a", "labels.json", "-n", N, "-o", "tasks.json")
    tasks = json.loads(Path("tasks.json").read_text())
    assert len(tasks) == N

    Path("reversed.json").write_text(json.dumps(tasks[::-1]))  # the order is that of the scores, not of the file
    project = label_studio.make_project(interface, sampling="Uncertainty sampling")
    label_studio.import_tasks(project, "reversed.json")
    orders = []
    for k, task in enumerate(tasks[:CORRECTED]):
        picture = os.environ.get("SSLTS_PICTURE", "suggested.png") if k == 0 else f"{k}.png"
        known = {name: task["data"][name] for name in ("recording", "offset", "stop")}
        orders.append([("expect", known), *correct(truth, task), ("photograph", picture), ("submit",)])
    label_studio.correct(project, orders)
    label_studio.export(project, "corrected.json", all_tasks=True)

    before, after = (read_annotations(files, X) for files in ("labels.json", ["labels.json", "corrected.json"]))
    shown = {(task["data"]["recording"], task["data"]["offset"], task["data"]["stop"]) for task in tasks[:CORRECTED]}
    seen = set(after.looked_at.itertuples(index=False, name=None))
    assert seen == shown | set(before.looked_at.itertuples(index=False, name=None))
    for task in tasks[:CORRECTED]:
        own = after.table[after.table["recording"] == task["data"]["recording"]]
        inside = own[(own["end"] > task["data"]["offset"]) & (own["start"] < task["data"]["stop"])]
        drawn, true = inside[["start", "end"]].to_numpy(), np.array(find_segments(truth, task)).reshape(-1, 2)
        np.testing.assert_allclose(drawn, true, atol=2)  # a pixel of the browser

    second = fit("second.sslts", "labels.json", "corrected.json")
    labeled = set(after.looked_at["recording"])
    rest = [i for i, name in enumerate(X.names) if name not in labeled]
    scores = [model.score(X.select(rest), truth[rest]) for model in (first, second)]
    print(f"{len(rest)} recordings that nobody labeled: {scores[0]:.3f}, then {scores[1]:.3f}")  # noqa: T201
    assert scores[1] >= scores[0]


@pytest.mark.usefixtures("_ward")
def test_first_labels_without_a_model(label_studio, interface):
    run("suggest", "--no-model", "ward", "-n", 3, "--length", 6, "-o", "tasks.json")
    tasks = json.loads(Path("tasks.json").read_text())
    project = label_studio.make_project(interface)
    label_studio.import_tasks(project, "tasks.json")
    X = read_recordings("ward")
    truth = read_annotations("truth.json", X)
    known = [{name: task["data"][name] for name in ("recording", "offset", "stop")} for task in tasks]
    drawn = correct(truth, tasks[0])
    assert len(drawn) > 1
    label_studio.correct(
        project, [[("expect", known[0]), *drawn, ("submit",)], [("expect", known[1]), ("submit",)], [("skip",)]]
    )
    label_studio.export(project, "export.json", all_tasks=True)
    labels = read_annotations("export.json", X)
    assert set(labels.looked_at.itertuples(index=False, name=None)) == {tuple(one.values()) for one in known[:2]}
    true = np.array(find_segments(truth, tasks[0]))
    np.testing.assert_allclose(labels.table[["start", "end"]].to_numpy(), true, atol=2)
