"""Results are never written over samples that are still to be read, or over other results."""

import mmap
from multiprocessing import shared_memory

import numpy as np
import pandas as pd
import pytest
import torch
import xarray
import zarr
from hypothesis import given
from hypothesis import strategies as st
from small import TINY

from sslts import SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.recordings import _overlap
from sslts.recordings._overlap import find_overlap, overlaps_itself

N, T = 3, 200
X = np.round(100 * make_recordings(N, n_samples=T, segment_length=20, random_state=0)[0]).astype(np.int64)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_recordings(4, n_samples=200, segment_length=20, random_state=0)
    return SupervisedSegmenter(max_steps=1, network=TINY, normalization="local", random_state=0).fit(X, y)


def open_map(path, mode="r+", offset=0, shape=(N, T)):
    return np.memmap(path, np.int64, mode, offset=offset, shape=shape)


def share_array(path):
    x = X.copy()
    return x, x


def share_backwards(path):
    x = X.copy()
    return x, x[:, ::-1]


def share_bytes_of_another_dtype(path):
    x = X.astype(np.float64)
    return x, x.view(np.int64)


def share_a_little(path):
    buffer = np.zeros(2 * N * T - 1, dtype=np.int64)
    return buffer[: N * T].reshape(N, T), buffer[-N * T :].reshape(N, T)


def share_through_a_frame(path):
    x = X.copy()
    return pd.DataFrame(x, copy=False), x


def share_through_a_panel(path):
    index = pd.MultiIndex.from_product([range(N), range(T)])
    x = X.ravel().copy()
    return pd.DataFrame({"a": x}, index=index, copy=False), x.reshape(N, T)


def share_through_a_tensor(path):
    x = torch.tensor(X)
    return x, x.numpy()


def share_through_xarray(path):
    x = X.copy()
    return xarray.DataArray(x, dims=("trial", "time")), x


def share_with_xarray(path):
    x = X.copy()
    return x, xarray.DataArray(x, dims=("trial", "time"))


def share_through_a_lazy_object(path):
    class Scaled:
        def __init__(self, held):
            self.held, self.shape, self.dtype = held, held.shape, np.dtype(float)

        def __getitem__(self, key):
            return 2.0 * self.held[key]

    x = X.copy()
    return Scaled(x), x


def share_map(path):
    X.tofile(path)
    x = open_map(path)
    return x, x


def share_file(path):
    X.tofile(path)
    return open_map(path, "r"), open_map(path)


def share_file_by_another_name(path):
    X.tofile(path)
    (path.parent / "link").symlink_to(path)
    return open_map(path, "r"), open_map(path.parent / "link")


def share_the_end_of_a_file(path):
    np.concatenate([X, X]).tofile(path)
    return open_map(path, "r"), open_map(path, offset=8 * (N * T - 1))


def share_file_with_a_private_map(path):
    X.tofile(path)
    return open_map(path, "c"), open_map(path)


def share_file_through_a_plain_view(path):
    X.tofile(path)
    return np.asarray(open_map(path, "r"))[:], np.asarray(open_map(path))


def share_mmap(path):
    X.tofile(path)
    with path.open("r+b") as file:
        maps = [mmap.mmap(file.fileno(), 0) for _ in range(2)]
    return tuple(np.frombuffer(one, dtype=np.int64).reshape(N, T) for one in maps)


def share_stored_array(path):
    zarr.create_array(str(path), shape=(N, T), dtype="i8")[:] = X
    return zarr.open_array(path, mode="r"), zarr.open_array(path, mode="r+")


def share_stored_array_of_a_group(path):
    zarr.open_group(path, mode="w").create_array("a/x", shape=(N, T), dtype="i8")[:] = X
    return zarr.open_array(path / "a", path="x", mode="r"), zarr.open_group(path)["a/x"]


def share_stored_array_in_memory(path):
    store = zarr.storage.MemoryStore()
    zarr.create_array(store, name="x", shape=(N, T), dtype="i8")[:] = X
    return zarr.open_array(store, path="x", mode="r"), zarr.open_array(store, path="x", mode="r+")


SHARED = [value for name, value in list(globals().items()) if name.startswith("share_")]


def check_refusal(fitted, x, out):
    before = [np.array(one) for one in out]
    with pytest.raises(ValueError, match=r"^out(\[\d\])? shares (memory|a part of a file or store) with X"):
        fitted.predict(x, out=out)
    np.testing.assert_array_equal([np.array(one) for one in out], before)


@pytest.mark.parametrize("make", SHARED, ids=lambda make: make.__name__)
def test_samples_are_not_overwritten(fitted, make, tmp_path):
    check_refusal(fitted, *make(tmp_path / "x"))


AS_LISTS = [make for make in SHARED if not any(name in make.__name__ for name in ("lazy", "frame", "panel", "stored"))]


@pytest.mark.parametrize("make", AS_LISTS, ids=lambda make: make.__name__)
def test_samples_of_one_recording_in_a_list_are_not_overwritten(fitted, make, tmp_path):
    x, out = make(tmp_path / "x")
    check_refusal(fitted, [x[i] for i in range(N)], [out[i] for i in range(N)])


def test_probabilities_are_guarded_too(fitted):
    buffer = np.zeros((N, T, 2))
    with pytest.raises(ValueError, match="out shares memory with X; its samples would be overwritten before they are"):
        fitted.predict_proba(buffer[..., 0], out=buffer)
    with pytest.raises(ValueError, match=r"out\[2\] shares memory with X: recording 1; .* a copy of X"):
        fitted.predict_proba([X[0], buffer[2, :, 1], X[1]], out=list(buffer))


def test_windows_are_refused_whatever_overlaps(fitted):
    out = np.zeros(2 * T, dtype=np.int64)
    with pytest.raises(ValueError, match=r"out\[2\] shares memory with out\[1\]; pass arrays that do not overlap"):
        fitted.predict(X, out=[np.zeros(T, dtype=np.int64), out[:T], out[T - 1 : -1]])
    with pytest.raises(ValueError, match=r"out\[1\] is the same array as out\[0\]"):
        fitted.predict(X, out=[out[:T], out[:T], out[T:]])
    windows = np.lib.stride_tricks.sliding_window_view(out, T, writeable=True)[:N]
    with pytest.raises(ValueError, match=r"out has several elements at one place in memory; pass an array from np.emp"):
        fitted.predict(X, out=windows)


def test_results_in_one_file_are_refused(fitted, tmp_path):
    X.tofile(tmp_path / "x")
    out = [open_map(tmp_path / "x", offset=8 * k, shape=(T,)) for k in (0, T, T + 9)]
    with pytest.raises(ValueError, match=r"out\[2\] shares a part of a file or store with out\[1\]"):
        fitted.predict(X, out=out)


def test_shared_memory_of_processes_is_one_memory(fitted):
    first = shared_memory.SharedMemory(create=True, size=X.nbytes)
    second = shared_memory.SharedMemory(name=first.name)
    x, out = (np.ndarray((N, T), np.int64, buffer=one.buf) for one in (first, second))
    x[:] = X
    try:
        with pytest.raises(ValueError, match="out shares a part of a file or store with X"):
            fitted.predict(x, out=out)
    finally:
        del x, out
        first.close(), second.close(), first.unlink()


def split_channels(path):
    both = np.stack([X, np.zeros_like(X)], axis=1)
    return both[:, 0], both[:, 1]


def split_rows(path):
    both = np.concatenate([X, np.zeros_like(X)])
    return both[:N], both[N:]


def split_file(path):
    np.concatenate([X, X]).tofile(path)
    return open_map(path, "r"), open_map(path, offset=X.nbytes)


def split_columns_of_a_file(path):
    np.stack([X, X], axis=1).tofile(path)
    return open_map(path, "r", shape=(N, 2, T))[:, 0], open_map(path, shape=(N, 2, T))[:, 1]


def split_private_map(path):
    """Changes of a private map do not reach the file."""
    X.tofile(path)
    return open_map(path, "r"), open_map(path, "c")


def split_group(path):
    group = zarr.open_group(path, mode="w")
    for name in "ab":
        group.create_array(name, shape=(N, T), dtype="i8")[:] = X
    return group["a"], group["b"]


def split_xarray(path):
    both = np.concatenate([X, np.zeros_like(X)])
    return xarray.DataArray(both[:N], dims=("trial", "time")), both[N:]


SEPARATE = [value for name, value in list(globals().items()) if name.startswith("split_")]


@pytest.mark.parametrize("make", SEPARATE, ids=lambda make: make.__name__)
def test_neighbors_that_share_no_byte_are_accepted(fitted, make, tmp_path):
    x, out = make(tmp_path / "x")
    fitted.predict(x, out=out)
    np.testing.assert_array_equal(out[:], fitted.predict(X))


@pytest.mark.parametrize("make", [share_file, share_the_end_of_a_file, share_file_with_a_private_map, split_file])
def test_files_are_known_without_a_list_of_maps(make, tmp_path, monkeypatch):
    """As on systems other than Linux."""
    x, out = make(tmp_path / "x")
    wanted = find_overlap([out], [x])
    monkeypatch.setattr(_overlap, "_MAPS", tmp_path / "missing")
    found = find_overlap([out], [x])
    assert (found is None) == (wanted is None) == (make is split_file)


BUFFER = np.zeros(60, dtype=np.int64)
CUTS = st.tuples(st.integers(0, 50), st.integers(1, 20), st.sampled_from([1, 2, 3, -1, -2, -5]))


def cut(start, length, step):
    return BUFFER[start : start + length][::step]


@given(st.lists(CUTS, max_size=3), st.lists(CUTS, max_size=4))
def test_an_overlap_is_found_where_bytes_are_shared(results, sources):
    results, sources = ([cut(*one) for one in some] for some in (results, sources))
    pairs = [(a, b) for i, a in enumerate(results) for b in (*results[:i], *sources)]
    found = find_overlap(results, sources)
    assert (found is not None) == any(np.shares_memory(a, b) for a, b in pairs)
    if found is not None:
        other = (results if found.with_result else sources)[found.other]
        assert np.shares_memory(results[found.result], other)


@given(st.permutations(range(3)), st.lists(st.sampled_from([1, 2, -1]), min_size=3, max_size=3))
def test_views_by_slices_and_axes_do_not_overlap_themselves(axes, steps):
    view = np.zeros((4, 5, 6))[tuple(slice(None, None, step) for step in steps)].transpose(axes)
    assert not overlaps_itself(view)
    assert overlaps_itself(np.broadcast_to(view[:1], (2, *view.shape[1:])))


def test_many_recordings_take_little_time(fitted):
    sources, results = list(np.zeros((20_000, 5))), list(np.zeros((20_000, 5)))
    assert find_overlap(results, sources) is None
    assert find_overlap(results, sources[:1] * 20_000) is None
    assert find_overlap([*results, sources[7]], sources)[:2] == (20_000, 7)
