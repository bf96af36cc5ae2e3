"""Arrays, sound, WFDB, EDF, HDF5 and zarr: each is read when it is sliced."""

import datetime
import pickle

import numpy as np
import pandas as pd
import pytest

from sslts import FixMatchSegmenter
from sslts.io import read_recordings

X = np.random.default_rng(0).normal(size=(2, 400)).round(3)


def check(recordings, values=X, tolerance=1e-12):
    """Check values, and that a stretch is the stretch of the whole."""
    assert recordings.is_lazy(0)
    np.testing.assert_allclose(recordings.get(0), values, atol=tolerance)
    np.testing.assert_allclose(recordings.read(0, 13, 57), values[:, 13:57], atol=tolerance + 1e-6)
    source = pickle.loads(pickle.dumps(recordings.sources[0]))
    np.testing.assert_allclose(source[:, 13:57], values[:, 13:57], atol=tolerance)
    assert source[:, 5:5].shape == (len(values), 0)
    np.testing.assert_allclose(source[0, 7], values[0, 7], atol=tolerance)
    np.testing.assert_allclose(source[..., :], values, atol=tolerance)
    return recordings


class TestNumpy:
    def test_npy(self, tmp_path):
        np.save(tmp_path / "a.npy", X)
        check(read_recordings(tmp_path, sampling_rate=10))

    def test_npz(self, tmp_path):
        np.savez_compressed(tmp_path / "a.npz", signals=X, labels=np.zeros(400), fs=50.0)
        assert check(read_recordings(tmp_path)).sampling_rate == 50

    def test_one_channel_and_many_recordings(self, tmp_path):
        np.save(tmp_path / "a.npy", X[0])
        check(read_recordings(tmp_path), X[:1])
        np.save(tmp_path / "a.npy", np.stack([X, X + 1]))
        recordings = check(read_recordings(tmp_path))
        assert recordings.names == ("a/0", "a/1")
        np.testing.assert_allclose(recordings.get(1), X + 1)

    def test_a_key(self, tmp_path):
        np.savez(tmp_path / "a.npz", left=X, right=X + 1)
        with pytest.raises(ValueError, match=r"a\.npz has the arrays \['left', 'right'\]; pass key"):
            read_recordings(tmp_path)
        with pytest.raises(ValueError, match=r"a\.npz has no array 'up'"):
            read_recordings(tmp_path, key="up")
        check(read_recordings(tmp_path, key="right"), X + 1)

    def test_refused(self, tmp_path):
        for array, words in [
            (np.zeros((2, 0)), "is empty"),
            (np.array(["a"]), "write real numbers"),
            (np.array([None, 1]), "a.npy"),
            (np.float64(1), "has shape"),
        ]:
            np.save(tmp_path / "a.npy", array, allow_pickle=True)
            with pytest.raises(ValueError, match=words):
                read_recordings(tmp_path)
        np.save(tmp_path / "a.npy", X)
        with pytest.raises(ValueError, match="its channels have no names"):
            read_recordings(tmp_path, channels=["x"])


class TestSound:
    def test_wav_is_read_by_stretches(self, tmp_path):
        soundfile = pytest.importorskip("soundfile")
        sound = np.clip(X / 4, -1, 1)
        for subtype, tolerance in [("PCM_16", 1e-4), ("PCM_24", 1e-6), ("FLOAT", 1e-7), ("DOUBLE", 0)]:
            soundfile.write(tmp_path / "a.wav", sound.T, 8000, subtype=subtype)
            assert check(read_recordings(tmp_path), sound, tolerance).sampling_rate == 8000

    def test_another_rate_is_refused_or_resampled(self, tmp_path):
        soundfile = pytest.importorskip("soundfile")
        soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
        with pytest.raises(ValueError, match="8000 samples per second, sampling_rate is 4000; pass .* resample=True"):
            read_recordings(tmp_path, sampling_rate=4000)
        assert read_recordings(tmp_path, sampling_rate=4000, resample=True).lengths.tolist() == [400]


class TestWfdb:
    @pytest.fixture
    def folder(self, tmp_path):
        wfdb = pytest.importorskip("wfdb")
        begin = datetime.datetime(2026, 3, 2, 8)
        for name in ("r1", "r2"):
            wfdb.wrsamp(
                name, fs=250, units=["mV", "mV"], sig_name=["I", "II"], p_signal=X.T, fmt=["16", "16"],
                write_dir=str(tmp_path), base_time=begin.time(), base_date=begin.date(),
            )  # fmt: skip
        return tmp_path

    def test_records(self, folder):
        recordings = check(read_recordings(folder), tolerance=1e-3)
        assert recordings.names == ("r1", "r2")
        assert recordings.channel_names == ("I", "II")
        assert recordings.sampling_rate == 250
        assert recordings.starts[0] == pd.Timestamp("2026-03-02 08:00")

    def test_a_record_by_its_name(self, folder):
        recordings = check(read_recordings(folder / "r1", channels="II"), X[1:], tolerance=1e-3)
        assert recordings.channel_names == ("II",)

    def test_a_missing_file_of_samples(self, folder):
        (folder / "r2.dat").unlink()
        with pytest.warns(UserWarning, match=r"1 of 2 files could not be read:\n  .*r2\.hea: .*r2\.dat"):
            assert read_recordings(folder, on_error="warn").names == ("r1",)


class TestEdf:
    @pytest.mark.parametrize("kind", ["edf", "bdf"])
    def test_signals_of_one_rate(self, tmp_path, kind):
        edfio = pytest.importorskip("edfio")
        signal, whole = (edfio.EdfSignal, edfio.Edf) if kind == "edf" else (edfio.BdfSignal, edfio.Bdf)
        signals = [signal(x, 100, label=label, physical_range=(-5, 5)) for x, label in zip(X, "ab", strict=True)]
        start = edfio.Recording(startdate=datetime.date(2026, 3, 2))
        signals.append(signal(np.zeros(4), 1, label="slow", physical_range=(-5, 5)))
        whole(signals, recording=start, starttime=datetime.time(8)).write(tmp_path / f"a.{kind}")
        with pytest.raises(ValueError, match="several sampling rates"):
            read_recordings(tmp_path)
        recordings = check(read_recordings(tmp_path, channels=["a", "b"]), tolerance=1e-3)
        assert recordings.sampling_rate == 100
        assert recordings.starts == (pd.Timestamp("2026-03-02 08:00"),)
        with pytest.raises(ValueError, match=f"a.{kind} has no channel 'c'"):
            read_recordings(tmp_path, channels=["a", "c"])


class TestTrees:
    @pytest.fixture(params=["hdf5", "zarr"])
    def store(self, request, tmp_path):
        """Return a function that makes a root group, and the path of the store."""
        if request.param == "hdf5":
            h5py = pytest.importorskip("h5py")
            return lambda: h5py.File(tmp_path / "a.h5", "w"), tmp_path / "a.h5"
        zarr = pytest.importorskip("zarr")
        return lambda: zarr.open_group(str(tmp_path / "a.zarr"), mode="w"), tmp_path / "a.zarr"

    @staticmethod
    def fill(group, **arrays):
        for name, values in arrays.items():
            group.create_dataset(name, data=values, shape=values.shape) if hasattr(group, "visit") else (
                group.create_array(name, data=values)
            )

    @staticmethod
    def close(root):
        if hasattr(root, "close"):
            root.close()

    def test_one_array_with_names_and_a_rate(self, store):
        make, path = store
        root = make()
        self.fill(root, signals=X)
        root.attrs["sampling_rate"] = 50
        root.attrs["channel_names"] = ["x", "y"]
        self.close(root)
        recordings = check(read_recordings(path))
        assert recordings.sampling_rate == 50
        assert recordings.channel_names == ("x", "y")
        assert recordings.names == ("a",)

    def test_arrays_are_channels(self, store):
        make, path = store
        root = make()
        self.fill(root, y=X[1], x=X[0])
        self.close(root)
        recordings = check(read_recordings(path, channels=["x", "y"]))
        assert recordings.channel_names == ("x", "y")
        with pytest.raises(ValueError, match="has no array 'z'"):
            read_recordings(path, channels=["x", "z"])

    def test_groups_are_recordings(self, store):
        make, path = store
        root = make()
        for name in ("monday", "tuesday"):
            self.fill(root.create_group(name), signals=X)
        self.close(root)
        assert check(read_recordings(path)).names == ("a/monday", "a/tuesday")
        assert check(read_recordings(path, key="tuesday")).names == ("a",)
        assert check(read_recordings(path, key="tuesday/signals")).names == ("a",)
        with pytest.raises(ValueError, match="has no array or group 'sunday'"):
            read_recordings(path, key="sunday")

    def test_several_shapes_need_a_key(self, store):
        make, path = store
        root = make()
        self.fill(root, signals=np.stack([X, X]), labels=np.zeros(7))
        self.close(root)
        with pytest.raises(ValueError, match="arrays of several shapes, .*; pass key"):
            read_recordings(path)
        assert check(read_recordings(path, key="signals")).names == ("a/0", "a/1")

    def test_an_empty_store(self, store):
        make, path = store
        self.close(make())
        with pytest.raises(ValueError, match="is empty"):
            read_recordings(path)

    def test_a_zarr_array(self, tmp_path):
        zarr = pytest.importorskip("zarr")
        array = zarr.open_array(str(tmp_path / "b.zarr"), mode="w", shape=X.shape, dtype=X.dtype)
        array[:] = X
        check(read_recordings(tmp_path / "b.zarr"))


def test_a_fit_reads_lazy_files(tmp_path):
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", X[0] + i)
    recordings = read_recordings(tmp_path, sampling_rate=10)
    y = np.where(np.arange(3)[:, None] < 2, np.arange(400) // 50 % 2, -1)
    segmenter = FixMatchSegmenter(max_steps=2, batch_size=2, random_state=0, guide=None).fit(recordings, y)
    assert set(segmenter.predict_segments(recordings)["recording"]) <= {"0", "1", "2"}


def test_a_column_of_times_is_refused_where_there_are_no_columns(tmp_path):
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ValueError, match=r"a\.npy: time='t', and the format has no columns; leave it out"):
        read_recordings(tmp_path, time="t")


def test_an_array_of_times_beside_the_signals(tmp_path):
    clock = 1_772_438_400 + np.arange(400) / 50
    np.savez(tmp_path / "a.npz", x=X, time=clock)
    recordings = check(read_recordings(tmp_path / "a.npz"))
    assert recordings.sampling_rate == 50
    assert recordings.starts == (pd.Timestamp("2026-03-02 08:00", tz="UTC"),)
    assert read_recordings(tmp_path / "a.npz", time=False).sampling_rate is None
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["signals"], file["when"] = X, clock
    assert check(read_recordings(tmp_path / "b.h5", time="when")).sampling_rate == 50
    with pytest.raises(ValueError, match=r"b\.h5 has no array 't'; it has \['signals', 'when'\]"):
        read_recordings(tmp_path / "b.h5", time="t")
    np.savez(tmp_path / "a.npz", x=X, time=np.delete(clock, 30))
    with pytest.raises(ValueError, match=r"time has shape \(399,\), and a has 400 samples"):
        read_recordings(tmp_path / "a.npz")
