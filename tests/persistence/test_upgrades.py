"""Files of earlier formats are read; tests/data holds files that were written in them."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import sslts
from sslts.datasets import make_recordings
from sslts.decoding import DurationViterbi
from sslts.losses import CrossEntropy, Focal
from sslts.networks import UNet
from sslts.persistence import PersistenceError, _upgrades, files, read_card
from sslts.thresholds import SoftThreshold

DATA = Path(__file__).parents[1] / "data"
ANSWERS = np.load(DATA / "format_1_answers.npz")
FAST = {
    "network": UNet(width=2, depth=1, front_end=False),
    "normalization": "recording",
    "batch_size": 2,
    "random_state": 0,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def recordings():
    """The recordings that the files of format 1 were fitted on."""
    X, y = make_recordings(4, n_samples=200, random_state=0)
    y[2:] = -1
    return X, y


def test_files_are_written_in_the_format_after_the_last_upgrade():
    assert sorted(_upgrades.UPGRADES) == list(range(1, files.FORMAT))


def test_a_model_of_format_1_answers_as_it_did(recordings):
    segmenter = sslts.load(DATA / "fixmatch_format_1.sslts")
    np.testing.assert_allclose(segmenter.predict_proba(recordings[0]), ANSWERS["fixmatch"], atol=1e-5)
    # The defaults of the decoder are others now; the file keeps its own.
    decoder = DurationViterbi(weight=1.0, smoothing=0.0, max_latency=50)
    assert (segmenter.threshold, segmenter.decoder) == (SoftThreshold(), decoder)
    assert segmenter.labeled_loss == CrossEntropy()
    assert segmenter.sampling_rate == 50
    assert "end_time" in segmenter.predict_segments(recordings[0])


def test_segmenters_within_a_model_of_format_1_are_upgraded_too(recordings):
    segmenter = sslts.load(DATA / "self_training_format_1.sslts")
    np.testing.assert_allclose(segmenter.predict_proba(recordings[0]), ANSWERS["self_training"], atol=1e-5)
    assert segmenter.segmenter.labeled_loss == segmenter.segmenter_.labeled_loss == CrossEntropy()


def test_a_model_of_format_1_is_saved_in_the_present_one(recordings, tmp_path):
    segmenter = sslts.load(DATA / "fixmatch_format_1.sslts")
    segmenter.save(tmp_path / "model.sslts")
    assert read_card(DATA / "fixmatch_format_1.sslts")["file"]["format"] == 1
    assert read_card(tmp_path / "model.sslts")["file"]["format"] == files.FORMAT
    again = sslts.load(tmp_path / "model.sslts")
    np.testing.assert_array_equal(again.predict_proba(recordings[0]), segmenter.predict_proba(recordings[0]))


def test_a_run_of_format_1_continues(recordings, tmp_path):
    path = tmp_path / "run.ckpt"
    shutil.copy(DATA / "supervised_format_1.ckpt", path)
    segmenter = sslts.SupervisedSegmenter(max_steps=60, **FAST)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*the weights may differ in the last bits")  # another machine
        segmenter.fit(*recordings, checkpoint=path)
    assert len(segmenter.history_) == 60
    np.testing.assert_allclose(segmenter.predict_proba(recordings[0]), ANSWERS["supervised"], atol=1e-3)


def test_a_run_of_format_1_had_the_cross_entropy(recordings, tmp_path):
    path = tmp_path / "run.ckpt"
    shutil.copy(DATA / "supervised_format_1.ckpt", path)
    segmenter = sslts.SupervisedSegmenter(max_steps=60, labeled_loss=Focal(), **FAST)
    with pytest.raises(PersistenceError, match=r"another run: labeled_loss=Focal\(gamma=2.0\) here.*CrossEntropy"):
        segmenter.fit(*recordings, checkpoint=path)


@pytest.mark.parametrize("format", [0, files.FORMAT + 1, True, "1", None])
def test_another_format_is_refused(format, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", format)
    files.write_file(tmp_path / "odd", {"kind": "model"}, {})
    monkeypatch.undo()
    with pytest.raises(PersistenceError, match=f"has format .*; this version reads formats 1 to {files.FORMAT}"):
        files.read_file(tmp_path / "odd")


def test_an_upgrade_that_meets_nonsense_says_that_the_file_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", 1)
    files.write_file(
        tmp_path / "odd",
        {"kind": "model", "model": {"$": "segmenter", "class": "FixMatchSegmenter", "params": None}},
        {},
    )
    monkeypatch.undo()
    with pytest.raises(PersistenceError, match="is damaged"):
        files.read_file(tmp_path / "odd")
