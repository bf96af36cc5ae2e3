"""Segments of many files on workers of dask: the same bytes as one process, also if workers are killed."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import ExtraTreesClassifier
from small import TINY
from worker_processes import kill_one, list_processes, start_workers, wait_until

from sslts import SupervisedSegmenter, WindowFeatureSegmenter
from sslts.command import main
from sslts.datasets import make_recordings
from sslts.prediction import segment_files

pytestmark = pytest.mark.cluster
N, PARTS = 600, 60
X, Y = make_recordings(20, n_samples=2000, random_state=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "net.sslts"
    SupervisedSegmenter(network=TINY, max_steps=5, sampling_rate=100, random_state=0).fit(X, Y).save(path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    place = tmp_path_factory.mktemp("nights")
    for i in range(N):
        np.save(place / f"{i}.npy", (X[i % 20] + 0.01 * i).astype(np.float32))
    return place


@pytest.fixture(scope="module")
def alone(model, files, tmp_path_factory):
    """Return what one process writes."""
    return list_bytes(run(model, files, tmp_path_factory.mktemp("alone") / "found", workers=1).folder)


def run(model, files, folder, **options):
    return segment_files(model, files, folder, batch_size=N // PARTS, progress=False, **options)


def list_bytes(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def list_finished(folder):
    return list(Path(folder, "recordings").glob("*/*.parquet"))


def start_and_wait(pool, folder, call):
    """Begin a run in a thread, and wait until some of its parts are finished."""
    begun = pool.submit(call)
    wait_until(lambda: len(list_finished(folder)) >= 3 or begun.done())
    assert len(list_finished(folder)) < PARTS // 2
    return begun


def test_two_workers_write_the_same_bytes(model, files, alone, workers, tmp_path):
    found = run(model, files, tmp_path / "found", executor=workers.get_executor())
    assert (found.recordings, found.parts, found.skipped) == (N, PARTS, 0)
    assert list_bytes(tmp_path / "found") == alone


def test_processes_of_this_machine_write_the_same_bytes(model, files, alone, tmp_path):
    run(model, files, tmp_path / "found", workers=2)
    assert list_bytes(tmp_path / "found") == alone


def test_a_killed_worker_loses_nothing_and_doubles_nothing(model, files, alone, workers, tmp_path):
    folder = tmp_path / "found"
    with ThreadPoolExecutor(1) as pool:
        begun = start_and_wait(pool, folder, lambda: run(model, files, folder, executor=workers.get_executor()))
        killed = kill_one(workers)
        found = begun.result(timeout=300)
    assert found.parts == PARTS
    assert list_bytes(folder) == alone
    assert pd.read_parquet(folder / "recordings")["recording"].is_unique
    wait_until(lambda: len(list_processes(workers)) == 2)
    assert killed not in list_processes(workers)


def test_a_killed_process_of_this_machine_is_replaced(model, files, alone, tmp_path):
    folder = tmp_path / "found"

    def list_children():
        return {int(p) for p in Path(f"/proc/{os.getpid()}/task").glob("*/children") for p in p.read_text().split()}

    before = list_children()
    with ThreadPoolExecutor(1) as pool:
        begun = start_and_wait(pool, folder, lambda: run(model, files, folder, workers=2))
        own = [p for p in list_children() - before if b"LokyProcess" in Path(f"/proc/{p}/cmdline").read_bytes()]
        os.kill(own[0], 9)
        assert begun.result(timeout=300).parts == PARTS
    assert list_bytes(folder) == alone


def test_a_lost_scheduler_is_an_error_and_the_rest_is_done_later(model, files, alone, tmp_path):
    folder = tmp_path / "found"
    with start_workers(1) as client, ThreadPoolExecutor(1) as pool:
        begun = start_and_wait(pool, folder, lambda: run(model, files, folder, executor=client.get_executor()))
        client.cluster.close()
        with pytest.raises((RuntimeError, OSError)):
            begun.result(timeout=120)
    done = len(list_finished(folder))
    assert 0 < done < PARTS
    assert run(model, files, folder, workers=1).skipped == done
    assert list_bytes(folder) == alone


def test_the_command_takes_a_scheduler(model, files, alone, workers, tmp_path):
    options = ["--scheduler", workers.scheduler.address, "-o", tmp_path / "found"]
    done = CliRunner().invoke(main, list(map(str, ["predict", model, f"{files}/*.npy", *options])))
    assert done.exit_code == 0, done.output
    assert f"in {N:,} recordings of {N:,} files; 60 parts in" in done.output
    assert list_bytes(tmp_path / "found")["segments/0000/part-0000000.parquet"]


def read_memory():
    """Return the resident memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_twenty_thousand_recordings_and_a_client_that_does_not_grow(workers, tmp_path):
    short, labels = make_recordings(8, n_samples=40, segment_length=8, random_state=0)
    forest = WindowFeatureSegmenter(ExtraTreesClassifier(2, max_depth=3), scales=(1, 4), random_state=0)
    forest.fit(short, labels)
    place = tmp_path / "in"
    place.mkdir()
    for i in range(20_000):
        np.save(place / f"{i}.npy", short[i % 8].astype(np.float32))
    paths = [str(place / f"{i}.npy") for i in range(20_000)]
    options = {"executor": workers.get_executor(), "batch_size": 50, "progress": False}
    segment_files(forest, paths[:2_000], tmp_path / "warm", **options)
    before = read_memory()
    found = segment_files(forest, paths, tmp_path / "found", **options)
    assert (found.recordings, found.failed, found.parts) == (20_000, 0, 400)
    assert read_memory() - before < 40
    listed = found.read_recordings()
    assert listed["file"].tolist() == paths
    assert listed["segments"].sum() == len(found.read_segments())
