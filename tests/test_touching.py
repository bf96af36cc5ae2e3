"""The benchmark of occurrences that touch: its signals, its protocol, and the table of its page."""

import sys
from pathlib import Path

import numpy as np
import pytest

from sslts import Annotations

BENCHMARKS = Path(__file__).parents[1] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import touching

        yield touching
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("name", ["regular", "irregular", "pauses", "three"])
def test_cycles_touch_without_a_gap_only(benchmark, name):
    X, table = benchmark.make_cycles(benchmark.KINDS[name], 4, 0, seed=0)
    annotations = Annotations.from_table(table, X)
    assert annotations.n_touching > 0
    assert {len(x) for x in X} == {benchmark.N_SAMPLES}
    apart, rows = benchmark.make_cycles(benchmark.KINDS[name], 4, 20, seed=0)
    assert Annotations.from_table(rows, apart).n_touching == 0


def test_lengths_differ_by_a_factor_of_two(benchmark):
    _, table = benchmark.make_cycles(benchmark.KINDS["irregular"], 10, 0, seed=0)
    whole = table[(table["start"] > 0) & (table["end"] < benchmark.N_SAMPLES)]
    sizes = (whole["end"] - whole["start"]).groupby(whole["recording"])
    assert (sizes.max() / sizes.min()).between(1.7, 2.3).all()


def test_counts_are_compared_by_recording_and_class(benchmark):
    truth = Annotations.from_labels([[0, 1, 0, 1, 0, 2], [0, 1, 0, 0, 0, 0]])
    found = Annotations.from_labels([[0, 1, 0, 0, 0, 2], [0, 1, 0, 2, 0, 0]])
    assert benchmark.measure_counts(truth, found) == pytest.approx(2 / 4)


def test_a_run_has_its_key_and_its_figures(benchmark):
    key = {"kind": "regular", "method": "forest", "gap": False, "split": 0, "steps": 0}
    row = benchmark.run(key, None)
    assert key.items() <= row.items()
    assert row["segment_f1"] > 0.95
    assert row["count_error"] < 0.02
    assert "| without a pause, of nearly equal length | window features | 1 |" in benchmark.write_table([row])


def test_the_page_has_the_table_of_the_results(benchmark):
    results = benchmark.read_results(benchmark.RESULTS)
    if not results:
        pytest.skip("the benchmark has no results yet")
    assert benchmark.write_table(results) in benchmark.PAGE.read_text()
    assert np.isfinite([row["segment_f1"] for row in results]).all()
