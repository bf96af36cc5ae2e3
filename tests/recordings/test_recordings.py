"""Every container of X becomes the same recordings; every defect is named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import as_labels
from sslts.recordings import Recordings, as_recordings


@pytest.fixture
def panel():
    return np.random.default_rng(0).normal(size=(3, 2, 7))


def as_multiindex(panel):
    n, c, t = panel.shape
    index = pd.MultiIndex.from_product([range(n), range(t)], names=["instance", "time"])
    return pd.DataFrame(panel.transpose(0, 2, 1).reshape(n * t, c), index=index)


def as_nested(panel):
    return pd.DataFrame({f"c{c}": [pd.Series(x[c]) for x in panel] for c in range(panel.shape[1])})


def as_zarr(panel):
    import zarr

    return zarr.array(panel)


def as_memmap(panel, path):
    np.save(path, panel)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("kind", ["array", "list", "object", "df-list", "multiindex", "nested", "zarr", "memmap"])
def test_every_container_reads_the_same(panel, kind, tmp_path):
    objects = np.empty(3, dtype=object)
    objects[:] = list(panel)
    X = {
        "array": lambda: panel,
        "list": lambda: list(panel),
        "object": lambda: objects,
        "df-list": lambda: [pd.DataFrame(x.T) for x in panel],
        "multiindex": lambda: as_multiindex(panel),
        "nested": lambda: as_nested(panel),
        "zarr": lambda: as_zarr(panel),
        "memmap": lambda: as_memmap(panel, tmp_path / "x.npy"),
    }[kind]()
    recordings = as_recordings(X)
    assert (len(recordings), recordings.n_channels, recordings.lengths.tolist()) == (3, 2, [7, 7, 7])
    for i in range(3):
        np.testing.assert_array_equal(recordings.read(i, 2, 5), panel[i, :, 2:5].astype(np.float32))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 3))
def test_ragged_lists_keep_lengths_and_channels(lengths, n_channels):
    X = [np.ones((n_channels, t)) for t in lengths]
    recordings = as_recordings(X)
    assert recordings.lengths.tolist() == lengths
    assert recordings.n_channels == n_channels
    assert recordings.read(0).shape == (n_channels, lengths[0])


def test_nothing_is_changed_in_place(panel):
    before = panel.copy()
    as_recordings(panel).read(0)[:] = 0
    np.testing.assert_array_equal(panel, before)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int16", "uint8", "bool"])
def test_any_real_dtype(dtype):
    X = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    assert as_recordings(X).read(1).tolist() == [[1.0, 0.0, 1.0]]


class TestPack:
    def test_array_in_array_out(self):
        assert as_recordings(np.zeros((2, 3))).pack([np.zeros(3), np.ones(3)]).shape == (2, 3)

    def test_list_in_list_out_even_of_equal_lengths(self):
        assert isinstance(as_recordings([np.zeros(3), np.zeros(3)]).pack([np.zeros(3)] * 2), list)

    def test_panel_in_array_out_if_equal(self, panel):
        assert isinstance(as_recordings(as_multiindex(panel)).pack([np.zeros(7)] * 3), np.ndarray)
        ragged = as_recordings([pd.DataFrame(np.zeros((t, 1))) for t in (2, 3)])
        assert isinstance(ragged.pack([np.zeros(2), np.zeros(3)]), list)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "holds no recording"),
        (np.zeros((0, 5)), "0 sample"),
        (np.zeros((2, 0)), "it holds no sample|0 feature"),
        ([np.zeros(3), np.zeros(0)], "recording 1 has length zero"),
        ([np.zeros((2, 3)), np.zeros((1, 3))], "recording 1 has 1 channels, recording 0 has 2"),
        ([np.zeros((2, 2, 3))], "recording 0 has shape"),
        ([np.array(["a", "b"])], "recording 0 has dtype"),
        (np.zeros((2, 2, 2, 2)), "expected"),
        (np.zeros(5), "Reshape|expected"),
    ],
)
def test_defects_of_containers_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        as_recordings(X)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "recording 1 has 2 NaN and 0 infinite"),
        (np.inf, "0 NaN and 2 inf"),
        (1e300, "values of 1e.300, out of the range"),
        (1e-300, "values of 1e-300"),
    ],
)
def test_values_that_are_not_finite_are_counted(value, message):
    X = np.zeros((3, 10))
    X[1, 4:6] = value
    with pytest.raises(ValueError, match=message):
        as_recordings(X).check_finite()


def test_masked_values_are_missing():
    X = np.ma.masked_equal(np.array([[1.0, 2.0], [3.0, 9.0]]), 9.0)
    with pytest.raises(ValueError, match="recording 1 has 1 NaN"):
        as_recordings(X).check_finite()


@pytest.mark.parametrize(("dtype", "exact"), [("int16", "float32"), ("float32", "float32"), ("int32", "float64")])
def test_exact_reading_keeps_values_that_float32_can_not_hold(dtype, exact):
    recordings = as_recordings(np.arange(6, dtype=dtype).reshape(2, 3))
    assert recordings.read(0).dtype == np.float32
    assert recordings.read(0, exact=True).dtype == exact
    assert recordings.get(1).dtype == dtype
    assert recordings.get(1).tolist() == [3, 4, 5]


def test_rows_of_instances_are_gathered_in_order_of_appearance():
    index = pd.MultiIndex.from_tuples([("b", 0), ("a", 0), ("b", 1), ("a", 1), ("b", 2)])
    X, y = pd.DataFrame({"x": np.arange(5.0)}, index), pd.Series(np.arange(5), index)
    recordings = as_recordings(X)
    assert [recordings.get(i).tolist() for i in range(2)] == [[[0.0, 2.0, 4.0]], [[1.0, 3.0]]]
    apart = [pd.Series([4, 2, 0], [2, 1, 0]), pd.Series([1, 3])]
    for labeled in (y, y[::-1], apart):
        assert [labels.tolist() for labels in as_labels(labeled, recordings)] == [[0, 2, 4], [1, 3]]
    with pytest.raises(TypeError, match=r"X must be sorted monotonically.*X\.sort_index"):
        as_recordings(X.iloc[::-1])
    with pytest.raises(TypeError, match="X must have unique column indices"):
        as_recordings(pd.concat([X, X], axis=1))


def test_an_array_without_dtype_is_read_by_stretches():
    class Table:
        shape = (2, 30)

        def __getitem__(self, key):
            return np.arange(60.0).reshape(2, 30)[key]

    recordings = as_recordings(Table())
    recordings.check_finite()
    assert recordings.is_lazy(0)
    assert recordings.read(1, 3, 5).tolist() == [[33.0, 34.0]]


def test_the_repr_says_how_much_there_is():
    assert repr(Recordings.from_arrays([np.zeros(5)])) == "Recordings(1 recording of 1 channel, 5 samples)"
    X = Recordings.from_arrays(np.zeros((2, 3, 500)), sampling_rate=50)
    assert repr(X) == "Recordings(2 recordings of 3 channels, 1,000 samples, 50 per second)"
