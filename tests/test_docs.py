"""The code in the docs runs, and the examples do what they say."""

import importlib.util
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


def test_readme():
    setup = """
from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
import functools, numpy as np
X, y = make_recordings(9, n_samples=300, random_state=0)
X_new, X_test, y_test, patients = X, X, y, np.arange(9) // 3
"""
    code = "\n".join(read_blocks(ROOT / "README.md"))
    fast = "functools.partial(FixMatchSegmenter, max_steps=2, batch_size=2, network=UNet(width=4))"
    code = code.replace("FixMatchSegmenter(", "Fast(").replace(
        "from sslts import FixMatchSegmenter\n", f"Fast = {fast}\n"
    )
    exec(compile(setup + code, "README.md", "exec"), {})


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


def test_views_example(tmp_path):
    run_example("plot_views.py", tmp_path)
    assert (tmp_path / "views.png").stat().st_size > 10_000


@pytest.fixture
def benchmark():
    path = ROOT / "examples" / "benchmarks" / "ludb.py"
    spec = importlib.util.spec_from_file_location("ludb_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_runs_every_method(benchmark):
    for method in benchmark.METHODS:
        segmenter = benchmark.make_segmenter(method, steps=3, seed=1)
        inner = getattr(segmenter, "segmenter", segmenter)
        assert (inner.max_steps, inner.random_state) == (3, 1)


def test_the_benchmark_page_is_made_from_the_committed_results(benchmark):
    tables = benchmark.make_tables(benchmark.read_results(benchmark.RESULTS))
    assert tables in (ROOT / "docs" / "benchmarks.md").read_text()
