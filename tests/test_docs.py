"""The code in the docs runs, and the examples do what they say."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def read_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", ["quickstart.md", "views.md"])
def test_pages(page):
    code = "\n".join(read_blocks(ROOT / "docs" / page))
    exec(compile(code, page, "exec"), {})


@pytest.mark.parametrize("page", ["README.md", "docs/counts.md"])
def test_pages_about_the_users_own_recordings(page):
    setup = """
from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
import functools, numpy as np
X, y = make_recordings(9, n_samples=300, random_state=0)
X_new, X_test, y_test, patients = X, X, y, np.arange(9) // 3
lengths, X_validation, y_validation = [300] * 9, X, y
"""
    code = "\n".join(read_blocks(ROOT / page))
    fast = "functools.partial(FixMatchSegmenter, max_steps=2, batch_size=2, network=UNet(width=4))"
    code = code.replace("FixMatchSegmenter(", "Fast(").replace(
        "from sslts import FixMatchSegmenter\n", f"Fast = {fast}\n"
    )
    exec(compile(setup + code, page, "exec"), {})


def run_example(name, folder):
    """Return what an example prints; it writes its picture into ``folder``."""
    return subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg"},
    ).stdout


@pytest.mark.slow
def test_quickstart_example(tmp_path):
    assert "990 unlabelled" in run_example("plot_quickstart.py", tmp_path)
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "written"),
    [
        ("plot_counts.py", "holds the true count", "counts.png"),
        ("plot_heartbeats.py", "Heart rates", "heartbeats.png"),
        ("plot_decoders.py", "Chosen for counts", "decoders.png"),
        ("plot_report.py", "Report: report.html", "report.html"),
    ],
)
def test_example(name, words, written, tmp_path):
    assert words in run_example(name, tmp_path)
    assert (tmp_path / written).stat().st_size > 10_000


def test_views_example(tmp_path):
    run_example("plot_views.py", tmp_path)
    assert (tmp_path / "views.png").stat().st_size > 10_000


@pytest.fixture
def load_benchmark(monkeypatch):
    """Return a function that imports a benchmark as a script of its folder would be."""
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    return importlib.import_module


class TestBenchmarks:
    def test_every_method_can_be_run(self, load_benchmark):
        runs = load_benchmark("runs")
        for method in runs.METHODS:
            segmenter = runs.make_segmenter(method, steps=3, seed=1, sampling_rate=100)
            inner = getattr(segmenter, "segmenter", segmenter)
            assert (inner.max_steps, inner.random_state, inner.sampling_rate) == (3, 1, 100)

    def test_a_run_that_stands_is_found(self, load_benchmark, tmp_path):
        runs, path = load_benchmark("runs"), tmp_path / "results.json"
        key = {"seed": 0, "params": {"lambda_u": "3"}}
        assert not runs.stands(path, key)
        runs.add_results(path, [{**key, "score": 1.0}])
        runs.add_results(path, [{**key, "seed": 1, "score": 2.0}])
        assert runs.stands(path, key)
        assert not runs.stands(path, {**key, "params": {}})
        assert [result["seed"] for result in runs.read_results(path)] == [0, 1]

    def test_a_kind_is_run_from_data_to_figures(self, load_benchmark):
        kinds = load_benchmark("kinds")
        key = {
            "kind": "channels",
            "method": "fixmatch",
            "steps": 2,
            "seed": 0,
            "params": {"network": "networks.UNet(4)"},
        }
        result = kinds.run(key)
        assert 0 <= result["mean_iou"] <= 1
        assert "three channels" in kinds.make_table([{**result, "params": {}, "method": m} for m in kinds.METHODS])

    def test_the_page_is_made_from_the_committed_results(self, load_benchmark):
        page = (ROOT / "docs" / "benchmarks.md").read_text()
        ludb, kinds = load_benchmark("ludb"), load_benchmark("kinds")
        assert ludb.make_tables(ludb.read_results(ludb.RESULTS)) in page
        assert kinds.make_table(kinds.read_results(kinds.RESULTS)) in page
        decoders = load_benchmark("decoders")
        assert decoders.make_table(decoders.read_results(decoders.RESULTS)) in page
