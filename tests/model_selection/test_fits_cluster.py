"""Many fits on workers of dask: the scores of one process, to the bit, one thread a worker, data sent once."""

import contextlib
import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from lost_scheduler import make_curve
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from small import TINY
from worker_processes import wait_until

from sslts import FixMatchSegmenter, Recordings, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.io import read_recordings
from sslts.labeling import CoveringStretches, RandomStretches, simulate_labeling
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import label_efficiency_curve
from sslts.recordings import as_recordings

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
FAST = {"max_steps": 4, "batch_size": 2, "network": TINY, "random_state": 0}
GRID = {"threshold": [0.6, 0.95], "lambda_u": [0.5, 1.0]}


@pytest.fixture
def on_workers(workers):
    """Return a context in which joblib sends its calls to the workers."""
    return lambda **options: joblib.parallel_config(backend="dask", **options)


@pytest.fixture
def half(labeled):
    X, y = labeled
    return X, np.where(np.arange(600) < 300, y, -1)


def compare(function, context):
    """Return the table that a function makes here, and the one that it makes in a context."""
    here = function()
    with context:
        there = function()
    return here, there


@pytest.mark.parametrize("search", ["grid", "halving"])
def test_searches(search, half, on_workers):
    def fit():
        cv = KFold(2)
        made = (
            GridSearchCV(FixMatchSegmenter(**FAST), GRID, cv=cv, scoring=mean_iou_scorer)
            if search == "grid"
            else HalvingGridSearchCV(
                FixMatchSegmenter(**FAST), GRID, cv=cv, scoring=mean_iou_scorer, random_state=0, min_resources=6
            )
        )
        return made.fit(*half)

    here, there = compare(fit, on_workers(scatter=list(half)))
    for name in ("mean_test_score", "split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(here.cv_results_[name], there.cv_results_[name])
    assert here.best_params_ == there.best_params_
    np.testing.assert_array_equal(here.predict_proba(half[0]), there.predict_proba(half[0]))


def test_a_curve(labeled, on_workers, tmp_path):
    estimators = {
        "labels alone": SupervisedSegmenter(**FAST),
        "FixMatch": FixMatchSegmenter(**FAST),
        "features": WindowFeatureSegmenter(ExtraTreesClassifier(3), scales=(1, 4), random_state=0),
    }
    files = iter([tmp_path / "here.json", tmp_path / "there.json"])

    def make():
        options = {"n_labeled": [2, 4], "cv": 2, "random_state": 0, "file": next(files)}
        return label_efficiency_curve(estimators, *labeled, **options)

    here, there = compare(make, on_workers())
    pd.testing.assert_frame_equal(here.drop(columns="seconds"), there.drop(columns="seconds"))


def test_a_simulation_of_labeling(labeled, on_workers):
    X, y = labeled
    strategies = {"random": RandomStretches(), "covering": CoveringStretches()}

    def simulate():
        options = {"test": (X[8:], y[8:]), "rounds": 2, "budget": 2, "length": 200, "random_state": 0}
        return simulate_labeling(SupervisedSegmenter(**FAST), X[:8], y[:8], strategies, **options)

    here, there = compare(simulate, on_workers())
    pd.testing.assert_frame_equal(here.drop(columns="fit_seconds"), there.drop(columns="fit_seconds"))


def test_the_runner_of_the_benchmarks(workers, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    workers.run(lambda place: sys.path.insert(0, place), str(ROOT / "examples" / "benchmarks"))
    field = importlib.import_module("field")
    base = ["field.py", "--sets", "short", "--labeled", "few", "--splits", "0", "1", "--methods", "forest"]
    base += ["--params", "scales=(1, 4)", "max_samples=500"]
    figures = []
    for name, options in [("here", []), ("there", ["--scheduler", workers.scheduler.address])]:
        path = tmp_path / f"{name}.json"
        monkeypatch.setattr(sys, "argv", [*base, *options, "--results", str(path)])
        field.main()
        rows = sorted(json.loads(path.read_text()), key=lambda row: (row["split"], row["decoder"]))
        figures.append([{k: v for k, v in row.items() if "seconds" not in k} for row in rows])
    assert len(figures[0]) == 4
    assert figures[0] == figures[1]
    monkeypatch.setattr(field, "run_keys", None)
    field.main()  # every run is stored


class Spy(SupervisedSegmenter):
    """A segmenter whose score is the number of threads that torch and the numeric libraries use in a fit."""

    def score(self, X, y):
        from threadpoolctl import threadpool_info

        return max(torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info()))


def test_a_worker_uses_one_thread(labeled, on_workers):
    with on_workers():
        found = label_efficiency_curve(Spy(**FAST), *labeled, n_labeled=[2], cv=4, random_state=0)
    assert found["score"].tolist() == [1] * 4


class Counted(Recordings):
    """Recordings that count how often they are pickled."""

    times = 0

    def __getstate__(self):
        Counted.times += 1
        return vars(self)


@pytest.mark.parametrize("options", [{}, {"scatter": []}])
def test_data_is_sent_once(labeled, on_workers, options):
    X, y = labeled
    recordings = Counted(**vars(Recordings.from_arrays(X)))
    assert sys.getsizeof(recordings) > X.nbytes
    Counted.times = 0
    forest = WindowFeatureSegmenter(ExtraTreesClassifier(2), scales=(1, 4), random_state=0)
    with on_workers(**{name: [recordings, y] for name in options}):
        assert len(label_efficiency_curve(forest, recordings, y, n_labeled=[2], cv=4, random_state=0)) == 4
    assert Counted.times == 1


def test_a_simulation_sends_its_data_once_a_round(labeled, on_workers):
    X, y = labeled
    forest = WindowFeatureSegmenter(ExtraTreesClassifier(2), scales=(1, 4), random_state=0)
    options = {"test": (X[8:], y[8:]), "rounds": 1, "budget": 1, "length": 200, "ceiling": False, "random_state": 0}
    times = []
    for n in (1, 4):
        recordings = Counted(**vars(Recordings.from_arrays(X[:8])))
        Counted.times = 0
        with on_workers():
            simulate_labeling(forest, recordings, y[:8], {str(i): RandomStretches() for i in range(n)}, **options)
        times.append(Counted.times)
    assert times[0] == times[1] > 0


def test_recordings_may_be_opened_from_a_path(labeled, on_workers, tmp_path):
    X, y = labeled
    for i, x in enumerate(X):
        np.save(tmp_path / f"{i:02d}.npy", x)
    lazy = read_recordings(tmp_path / "*.npy")
    assert as_recordings(lazy).is_lazy(0)
    options = {"n_labeled": [2], "cv": 2, "random_state": 0}
    here, there = compare(lambda: label_efficiency_curve(SupervisedSegmenter(**FAST), lazy, y, **options), on_workers())
    pd.testing.assert_frame_equal(here.drop(columns="seconds"), there.drop(columns="seconds"))


def test_a_curve_survives_the_loss_of_the_scheduler(tmp_path):
    file, address_file = tmp_path / "curve.json", tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:

        def start(*command):
            process = subprocess.Popen([sys.executable, *map(str, command)], **quiet)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        options = ("--scheduler-file", address_file)
        scheduler = start("-m", "distributed.cli.dask_scheduler", *options, "--port", 0, "--no-dashboard")
        wait_until(lambda: address_file.exists() and address_file.read_text())
        address = json.loads(address_file.read_text())["address"]
        start("-m", "distributed.cli.dask_worker", address, "--nthreads", 1, "--nworkers", 2, "--no-dashboard")
        client = start(ROOT / "tests" / "lost_scheduler.py", address, file)
        wait_until(lambda: file.exists() and len(json.loads(file.read_text())["rows"]) >= 2)
        scheduler.send_signal(signal.SIGKILL)
        assert client.wait(timeout=120) == 1  # an error, not an end without the rest
    rows = json.loads(file.read_text())["rows"]
    assert 2 <= len(rows) < 16
    resumed = make_curve(file)
    assert json.loads(file.read_text())["rows"][: len(rows)] == rows
    pd.testing.assert_frame_equal(resumed.drop(columns="seconds"), make_curve(None).drop(columns="seconds"))
