"""A third pool of recordings: a custom method in one file, without a change to the loop, the base class or files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from segmenters.source import SourceFixMatchSegmenter
from sklearn.base import clone
from small import TINY

import sslts
from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.persistence import PersistenceError
from sslts.recordings import AsGiven, NormalizedRecordings
from sslts.segmenters._problem import read_problem
from sslts.training import WindowDataset

FAST = {"network": TINY, "max_steps": 6, "batch_size": 2, "random_state": 0, "precision": "float32"}


@pytest.fixture(scope="module")
def target():
    X, y = make_recordings(6, n_samples=300, random_state=0)
    y[1:] = -1
    return X, y


@pytest.fixture(scope="module")
def source():
    """Return recordings of another sensor, upside down and longer."""
    X, y = make_recordings(5, n_samples=400, random_state=1)
    return -X, y


def test_it_takes_fewer_than_sixty_lines():
    assert len(Path(__file__).with_name("source.py").read_text().splitlines()) < 60


def test_the_source_takes_part_in_the_loss(target, source):
    segmenter = SourceFixMatchSegmenter(**FAST).fit(*target, source=source)
    assert segmenter.history_["source_loss"].notna().all()
    other = SourceFixMatchSegmenter(**FAST).fit(*target, source=(-source[0], source[1]))
    assert not np.array_equal(segmenter.predict_proba(target[0]), other.predict_proba(target[0]))


def test_without_a_source_the_history_is_that_of_fixmatch(target):
    own, plain = (kind(**FAST).fit(*target).history_ for kind in (SourceFixMatchSegmenter, FixMatchSegmenter))
    assert list(own.columns) == list(plain.columns)


def test_the_other_pools_are_the_same_with_a_source(target, source):
    """A third pool is drawn after the two other pools, so the windows of the two other pools stay the same."""
    found = []
    for pools in ({}, {"source": source}):
        problem = read_problem(*target, who="FixMatchSegmenter", pools=pools)
        segmenter = FixMatchSegmenter(**FAST)
        dataset = segmenter._make_dataset(problem, 64, device=torch.device("cpu"), seed=0)
        found.append(dataset.draw(3))
    (alone, together) = found
    assert torch.equal(alone.labeled.x, together.labeled.x)
    assert torch.equal(alone.unlabeled.x, together.unlabeled.x)
    assert set(together.others) == {"source"}
    assert (together.others["source"].target >= 0).any()


def test_a_pool_that_is_read_by_windows_gives_the_same_batches(target, source, tmp_path):
    np.save(tmp_path / "source.npy", source[0])
    mapped = np.load(tmp_path / "source.npy", mmap_mode="r")
    batches = []
    for X in (source[0], mapped):
        problem = read_problem(*target, who="FixMatchSegmenter", plain=True, pools={"source": (X, source[1])})
        dataset = FixMatchSegmenter(normalization=None, **FAST)._make_dataset(
            problem, 64, device=torch.device("cpu"), seed=0
        )
        batches.append(list(dataset.iterate(0, 3)))
        assert dataset.holds == (X is not mapped)
    for held, read in zip(*batches, strict=True):
        assert torch.equal(held.others["source"].x, read.others["source"].x)
        assert torch.equal(held.labeled.x, read.labeled.x)


def test_it_clones_saves_and_loads(target, source, tmp_path):
    segmenter = clone(SourceFixMatchSegmenter(source_weight=0.5, **FAST)).fit(*target, source=source)
    segmenter.save(tmp_path / "model.sslts")
    again = sslts.load(tmp_path / "model.sslts", objects=[SourceFixMatchSegmenter])
    assert again.source_weight == 0.5
    np.testing.assert_array_equal(again.predict_proba(target[0]), segmenter.predict_proba(target[0]))


def test_its_runs_are_resumed_and_those_of_another_source_refused(target, source, tmp_path):
    path = tmp_path / "run.ckpt"
    wanted = SourceFixMatchSegmenter(**FAST).fit(*target, source=source, checkpoint=path)
    again = SourceFixMatchSegmenter(**FAST).fit(*target, source=source, checkpoint=path)
    np.testing.assert_array_equal(again.predict_proba(target[0]), wanted.predict_proba(target[0]))
    with pytest.raises(PersistenceError, match=r"the values in source\[0\] differ"):
        SourceFixMatchSegmenter(**FAST).fit(*target, source=(2 * source[0], source[1]), checkpoint=path)
    with pytest.raises(PersistenceError, match="another run"):
        SourceFixMatchSegmenter(**FAST).fit(*target, checkpoint=path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, None].repeat(2, 1), y), r"source\[0\] has 2 channels"),
        (lambda X, y: (X, y + 5), r"source\[1\] has class 5, which y does not have"),
        (lambda X, y: (X, np.full_like(y, -1)), r"source\[1\] has no labeled sample"),
        (lambda X, y: (np.where(X > 0, np.nan, X), y), r"source\[0\]: recording \d has \d+ NaN"),
        (lambda X, y: (X, y[:, :-1]), r"source\[1\]: recording 0 has labels of shape"),
    ],
)
def test_an_unusable_source_is_named(target, source, change, message):
    with pytest.raises(ValueError, match=message):
        SourceFixMatchSegmenter(**FAST).fit(*target, source=change(*source))


def test_a_data_set_may_hold_several_pools(target):
    problem = read_problem(*target, who="FixMatchSegmenter")
    seen = NormalizedRecordings(problem.recordings, AsGiven())
    sizes = {"window_length": 16, "n_unlabeled": 0, "n_classes": 2, "device": torch.device("cpu"), "seed": 0}
    others = {name: WindowDataset(seen, problem.targets, batch_size=n, **sizes) for n, name in ((1, "a"), (3, "b"))}
    batch = WindowDataset(seen, problem.targets, batch_size=2, others=others, **sizes).draw(0)
    assert [len(batch.others[name].x) for name in ("a", "b")] == [1, 3]
