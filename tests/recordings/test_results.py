"""Predictions are written into the user's arrays, and results written before an error are kept."""

import shutil

import numpy as np
import pytest
import zarr
from small import TINY

from sslts import SelfTrainingSegmenter, SupervisedSegmenter
from sslts.networks import UNet
from sslts.recordings import Output, as_recordings


@pytest.fixture(scope="module")
def fitted(labeled):
    X, y = labeled
    network = UNet(width=4, depth=2, stem_stride=2)
    options = {"normalization": None, "precision": "float32", "random_state": 0}
    return SupervisedSegmenter(max_steps=20, network=network, **options).fit(X, y)


def make_memmap(shape, dtype, path):
    return np.lib.format.open_memmap(path / f"out-{len(shape)}.npy", mode="w+", dtype=dtype, shape=shape)


def make_zarr(shape, dtype, path):
    return zarr.create_array(str(path / f"out-{len(shape)}.zarr"), shape=shape, dtype=dtype, chunks=(5,) * len(shape))


@pytest.mark.parametrize("make", [make_memmap, make_zarr, lambda shape, dtype, path: np.zeros(shape, dtype)])
class TestGiven:
    def test_one_array_for_all(self, fitted, labeled, make, tmp_path):
        X = labeled[0][:3]
        proba, labels = make((3, 600, 2), "f4", tmp_path), make((3, 600), "i1", tmp_path)
        assert fitted.predict_proba(X, out=proba) is proba
        assert fitted.predict(X, out=labels) is labels
        np.testing.assert_array_equal(proba[:], fitted.predict_proba(X))
        np.testing.assert_array_equal(labels[:], fitted.predict(X))

    def test_one_array_for_each(self, fitted, labeled, make, tmp_path):
        X = [labeled[0][0], labeled[0][1][:77]]
        out = []
        for x in X:
            (tmp_path / str(len(x))).mkdir()
            out.append(make((len(x), 2), "f8", tmp_path / str(len(x))))
        assert fitted.predict_proba(X, out) is out
        for given, wanted in zip(out, fitted.predict_proba(X), strict=True):
            np.testing.assert_array_equal(given[:], wanted)


def test_a_memmap_is_on_disk(fitted, labeled, tmp_path):
    out = make_memmap((12, 600), "i8", tmp_path)
    fitted.predict(labeled[0], out)
    np.testing.assert_array_equal(np.load(tmp_path / "out-2.npy"), fitted.predict(labeled[0]))


def test_self_training_writes_into_given_arrays(labeled):
    X, y = labeled
    segmenter = SelfTrainingSegmenter(SupervisedSegmenter(max_steps=1, network=TINY, random_state=0), n_rounds=1).fit(
        X, y
    )
    out = np.zeros((12, 600), dtype=int)
    assert segmenter.predict(X, out=out) is out
    assert segmenter.predict_proba(X, out=(proba := np.zeros((12, 600, 2)))) is proba


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.zeros((3, 599, 2)), r"out has shape \(3, 599, 2\); the result has \(3, 600, 2\)"),
        ([np.zeros((600, 2))] * 2, "out has 2 arrays, X has 3 recordings"),
        ([np.zeros((600, 2)), np.zeros((600, 3)), None], r"out\[1\] has shape \(600, 3\)"),
        (np.zeros((3, 600, 2), dtype=int), "out has dtype int64, which can't hold the result; use float32"),
        (read_only(np.zeros((3, 600, 2))), "out is not writable"),
        ("file.npy", "out is a str; pass an array"),
    ],
)
def test_unsuitable_arrays_are_refused_before_anything_is_read(fitted, labeled, out, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict_proba(labeled[0][:3], out)


def test_labels_must_fit_into_the_dtype(labeled):
    X, y = labeled
    fitted = SupervisedSegmenter(max_steps=1, network=TINY, random_state=0).fit(X, y * 200)
    with pytest.raises(ValueError, match="out has dtype int8, which can't hold the result"):
        fitted.predict(X, np.zeros(y.shape, dtype=np.int8))
    assert fitted.predict(X, np.zeros(y.shape, dtype=np.uint8)).max() <= 200


def test_files_opened_for_reading_are_refused(fitted, labeled, tmp_path):
    make_memmap((12, 600), "i8", tmp_path), make_zarr((12, 600), "i8", tmp_path)
    for out in (np.load(tmp_path / "out-2.npy", mmap_mode="r"), zarr.open_array(tmp_path / "out-2.zarr", mode="r")):
        with pytest.raises(ValueError, match=r"out is not writable; open it for writing \(mode='r\+'"):
            fitted.predict(labeled[0], out)


def test_one_array_for_recordings_of_different_lengths_is_refused(fitted):
    with pytest.raises(ValueError, match="out is one array, but the recordings differ in length; pass a list"):
        fitted.predict([np.zeros(30), np.zeros(40)], np.zeros((2, 40), dtype=int))


def test_a_failed_write_is_named():
    class Full:
        shape, dtype = (1, 3), np.dtype(int)

        def __setitem__(self, key, values):
            raise RuntimeError("no space left on device")

    output = Output(as_recordings([[1.0, 2.0, 3.0]]), (), np.int64, Full())
    with pytest.raises(OSError, match="out: samples 0 to 2 of recording 0 could not be written: no space left"):
        output.write(0, 0, np.array([1, 2]))


def test_a_deleted_zarr_array_raises_and_earlier_results_are_kept(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("sslts.prediction.parts._PREDICT_SAMPLES", 1024)
    x = np.random.default_rng(0).normal(size=(1, 20_000)).astype("f4")
    X = zarr.create_array(str(tmp_path / "x.zarr"), shape=x.shape, dtype="f4", chunks=(1, 512))
    X[:] = x
    wanted = fitted.predict_proba(x)
    seen = []

    class Watch(np.ndarray):
        def __setitem__(self, key, values):
            super().__setitem__(key, values)
            seen.append(key)
            if len(seen) == 4:
                shutil.rmtree(tmp_path / "x.zarr")

    out = np.full((1, 20_000, 2), -1.0).view(Watch)
    with pytest.raises(
        OSError, match="X: recording 0 could not be read at samples .*: the zarr array is gone"
    ) as error:
        fitted.predict_proba(X, out)
    assert error.value.__notes__ == [
        "out holds the results of 0 of 1 recordings, and of samples 0 to 4096 of recording 0."
    ]
    np.testing.assert_allclose(out[0, :4096], wanted[0, :4096], atol=1e-5)
    assert (out[0, 4096:] == -1).all()


def test_one_array_for_two_recordings_is_refused(fitted, labeled):
    X = list(labeled[0][:3])
    twice = np.zeros(600, dtype=np.int64)
    for out in ([twice] * 3, [twice, np.zeros(600, dtype=np.int64), twice[:]]):
        with pytest.raises(ValueError, match=r"out\[[12]\] is the same array as out\[0\]"):
            fitted.predict(X, out=out)
    fitted.predict(X, out=list(np.zeros((3, 600), dtype=np.int64)))
