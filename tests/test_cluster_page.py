"""The recipes of the guide to clusters run as scripts: on workers, as shares of an array, as two tuning processes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from worker_processes import start_workers

import sslts
from sslts import FixMatchSegmenter, WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.prediction import segment_files

pytestmark = pytest.mark.cluster
PAGE = Path(__file__).parents[1] / "docs" / "howto" / "cluster.md"
SCRIPTS = dict(
    re.findall(
        r"<!-- not run: [^>]*; file: (\S+) -->\n```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with forty nights, a model and the scripts of the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    X, y = make_recordings(40, n_samples=200, random_state=0)
    Path("nights").mkdir()
    for i, x in enumerate(X):
        np.save(f"nights/{i:03d}.npy", x)
    WindowFeatureSegmenter(scales=(1, 4), sampling_rate=100, random_state=0).fit(X[:10], y[:10]).save("model.sslts")
    for name, code in SCRIPTS.items():
        Path(name).write_text(code)
    return tmp_path


def start(name, *arguments, **environment):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen([sys.executable, name, *arguments], env=environment, stdout=subprocess.PIPE, text=True)


def finish(process):
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0
    return output


def list_bytes(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_page_has_these_scripts():
    assert sorted(SCRIPTS) == ["big_fit.py", "night.py", "search.py", "share.py", "tune.py"]


def test_a_night_on_a_scheduler(folder):
    with start_workers(2) as client:
        printed = finish(start("night.py", client.scheduler.address))
    assert "in 40 recordings of 40 files; 40 parts" in printed
    segment_files("model.sslts", "nights/*.npy", "alone", workers=1)
    assert list_bytes(folder / "found") == list_bytes(folder / "alone")


def test_shares_of_an_array_of_jobs(folder):
    jobs = [start("share.py", SLURM_ARRAY_TASK_ID=str(k), SLURM_ARRAY_TASK_COUNT="2") for k in range(2)]
    assert [len(re.findall("; 2 parts in", finish(job))) for job in jobs] == [1, 1]
    segment_files("model.sslts", "nights/*.npy", "alone", workers=1, batch_size=10)
    assert list_bytes(folder / "found") == list_bytes(folder / "alone")


def test_a_search_and_a_curve(folder):
    printed = finish(start("search.py"))
    assert "threshold" in printed
    assert len(json.loads(Path("curve.json").read_text())["rows"]) == 4


def test_two_processes_tune_one_study(folder):
    optuna = pytest.importorskip("optuna")
    for process in [start("tune.py") for _ in range(2)]:
        finish(process)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend("study.log"))
    trials = optuna.load_study(study_name="fixmatch", storage=storage).trials
    assert 8 <= len(trials) <= 9
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in trials)
    assert len({trial.params["threshold"] for trial in trials}) == len(trials)
    begun = sorted(trial.datetime_start for trial in trials)
    ended = sorted(trial.datetime_complete for trial in trials)
    assert any(start < end for start, end in zip(begun[1:], ended, strict=False))  # two ran at a time


def test_two_processes_share_a_fit(folder):
    finish(start("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "big_fit.py"))
    assert Path("run.ckpt").is_file()
    X, y = make_recordings(12, n_samples=1000, random_state=0)
    y[4:] = -1
    alone = FixMatchSegmenter(network=UNet(width=32), max_steps=20, random_state=0).fit(X, y)
    shared = sslts.load("model.sslts")
    # Rounding, in bfloat16 on some machines, grows from step to step.
    np.testing.assert_allclose(shared.history_["loss"][:2], alone.history_["loss"][:2], atol=0.01)
