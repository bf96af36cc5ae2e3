"""Training on and prediction of recordings that do not fit into memory."""

import tracemalloc

import numpy as np
import pytest
import torch
import zarr
from small import TINY

from sslts import FixMatchSegmenter, SupervisedSegmenter


class Generated:
    """A recording whose samples are computed when they are read."""

    def __init__(self, length, n_channels=None):
        self.shape = (length,) if n_channels is None else (n_channels, length)
        self.read = 0

    def __getitem__(self, key):
        t = np.arange(*(key if len(self.shape) == 1 else key[1]).indices(self.shape[-1]))
        self.read += len(t)
        x = np.sin(t / 7) + np.sin(t / 90)
        return x if len(self.shape) == 1 else np.stack([x] * self.shape[0])


def make(**options):
    defaults = {"network": TINY, "max_steps": 6, "batch_size": 4, "window_length": 128, "random_state": 0}
    return FixMatchSegmenter(**{**defaults, "precision": "float32", **options})


@pytest.fixture
def lazily(tmp_path):
    def convert(kind, X):
        if kind == "memmap":
            np.save(tmp_path / "x.npy", X)
            return np.load(tmp_path / "x.npy", mmap_mode="r")
        if kind == "zarr":
            array = zarr.create_array(str(tmp_path / "x.zarr"), shape=X.shape, dtype=X.dtype, chunks=(1, 100))
            array[:] = X
            return array
        return [convert("zarr" if i % 2 else "memmap", x) for i, x in enumerate(X[:, None])] if kind == "list" else X

    return convert


@pytest.mark.parametrize("normalization", ["recording", None])
@pytest.mark.parametrize("kind", ["memmap", "zarr"])
def test_training_from_files_equals_training_from_memory(partly, lazily, kind, normalization):
    X, y = partly
    weights = [
        make(normalization=normalization).fit(given, y).net_.teacher_.state_dict() for given in (X, lazily(kind, X))
    ]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_a_list_may_hold_files_and_arrays(partly, tmp_path):
    X, y = partly
    np.save(tmp_path / "x.npy", X[0])
    array = zarr.create_array(str(tmp_path / "x.zarr"), shape=X[1].shape, dtype=X.dtype, chunks=(100,))
    array[:] = X[1]
    mixed = [np.load(tmp_path / "x.npy", mmap_mode="r"), array, *X[2:]]
    held, read = make().fit(list(X), list(y)), make().fit(mixed, list(y))
    for one, other in zip(held.predict(list(X)), read.predict(mixed), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_channels", [None, 2])
def test_memory_does_not_depend_on_number_and_length_of_unlabeled_recordings(labeled, n_channels):
    X, y = labeled
    X = X[:2] if n_channels is None else np.stack([X[:2]] * 2, axis=1)
    unlabeled = [Generated(10**10, n_channels) for _ in range(1000)]
    tracemalloc.start()
    fitted = make(normalization="local", max_steps=10).fit([*X, *unlabeled], [*y[:2], *[-1] * 1000])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
    # Windows with their margins, and one sample per recording for its dtype.
    assert 0 < sum(x.read for x in unlabeled) <= 11 * 4 * 3 * 128 + 1000
    assert fitted.training_set_["samples"] == 1200 + 10**13


def test_labels_may_be_in_a_file(partly, tmp_path):
    X, y = partly
    np.save(tmp_path / "y.npy", y.astype(np.int8))
    array = zarr.create_array(str(tmp_path / "y.zarr"), shape=y.shape, dtype="i1", chunks=(1, 100))
    array[:] = y
    wanted = make().fit(X, y).predict(X)
    for labels in (np.load(tmp_path / "y.npy", mmap_mode="r"), array, [array[i] for i in range(len(y))]):
        np.testing.assert_array_equal(make().fit(X, labels).predict(X), wanted)


def test_an_invalid_value_in_a_file_is_located(partly, lazily):
    X, y = partly
    X = X.copy()
    X[1, 300] = np.nan
    with pytest.raises(ValueError, match="X: recording 1, at samples 0 to 600, has 1 NaN and 0 infinite values"):
        make().fit(lazily("memmap", X), y)
    fitted = make(normalization=None).fit(X[2:], y[2:])
    with pytest.raises(ValueError, match="X: recording 1, at samples 0 to 600, has 1 NaN"):
        fitted.predict(lazily("memmap", X))


def test_a_file_that_was_removed_is_named(partly, lazily, tmp_path):
    import shutil

    X, y = partly
    array = lazily("zarr", X)
    shutil.rmtree(tmp_path / "x.zarr")
    with pytest.raises(OSError, match=r"X: recording \d+ could not be read at samples .*: the zarr array is gone"):
        make().fit(array, y)


def test_the_number_of_threads_is_not_changed(partly):
    X, y = partly
    for threads in (1, 2):
        torch.set_num_threads(threads)
        fitted = SupervisedSegmenter(network=TINY, max_steps=2, random_state=0).fit(X, y)
        fitted.predict_segments([Generated(3000)])
        assert torch.get_num_threads() == threads
    torch.set_num_threads(1)
