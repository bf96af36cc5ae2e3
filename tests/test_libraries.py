"""Containers of other libraries give what NumPy's arrays give, as recordings, labels, weights and tables."""

import importlib

import numpy as np
import pandas as pd
import pytest
from small import every_other

from sslts import Annotations, Recordings, metrics, preprocessing
from sslts import WindowFeatureSegmenter as Features
from sslts import segments as tables
from sslts.annotations import as_labels, read_weighed_labels, read_words
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.model_selection import LabeledKFold, label_efficiency_curve, mask_labels
from sslts.recordings import as_recordings, is_lazy, select_rows

X, Y = make_recordings(6, n_samples=200, random_state=0)
Y[4] = -1
NAMES = np.array(["background", "walk", None], dtype=object)  # the last is the word of -1
WORDS = NAMES[Y]
TEXT = np.where(Y < 0, "-1", WORDS).astype(str)
N = len(X)


def load(library):
    return pytest.importorskip(library, exc_type=ImportError)


def make_columns(values):
    return {str(j): values[:, j].tolist() for j in range(values.shape[1])}


def write_text(values):
    """Return text, with "-1" for None, from words; numbers unchanged."""
    if values.dtype.kind not in "OU":
        return values
    return np.array([word or "-1" for word in values.flat]).reshape(values.shape)


def store(values, path):
    """Return a data set of HDF5; text is held as bytes."""
    h5py = load("h5py")
    file = h5py.File(path / "values.h5", "a")
    text, values = values.dtype.kind in "OU", write_text(values)
    options = {"dtype": h5py.string_dtype()} if text else {}
    return file.create_dataset(f"v{len(file)}", data=values.astype(object) if text else values, **options)


def store_zarr(values, path):
    return load("zarr").array(write_text(values))


def delay(values, path):
    array = importlib.import_module("dask.array") if load("dask") else None
    return array.from_array(values, chunks=tuple(max(1, size // 2) for size in values.shape))


def label_axes(values, path, names=("trial", "channel", "time")):
    dims = {1: ("time",), 2: ("trial", "time"), 3: names}[values.ndim]
    return load("xarray").DataArray(values, dims=dims).transpose(*dims[::-1])


WHOLE = {
    "pandas": lambda values, path: pd.DataFrame(values),
    "polars": lambda values, path: load("polars").DataFrame(make_columns(values)),
    "polars lists": lambda values, path: load("polars").Series(values.tolist()),
    "pyarrow": lambda values, path: load("pyarrow").table(make_columns(values)),
    "pyarrow lists": lambda values, path: load("pyarrow").array(values.tolist()),
    "xarray": label_axes,
    "xarray of dask": lambda values, path: label_axes(delay(values, path), path),
    "h5py": store,
    "zarr": store_zarr,
    "dask": delay,
}
ONE = {
    "pandas.Series": lambda values, path: pd.Series(values),
    "pandas.DataFrame": lambda values, path: pd.DataFrame({"v": values}),
    "pandas.Index": lambda values, path: pd.Index(values),
    "polars.Series": lambda values, path: load("polars").Series(values.tolist()),
    "polars.DataFrame": lambda values, path: load("polars").DataFrame({"v": values.tolist()}),
    "pyarrow.array": lambda values, path: load("pyarrow").array(values.tolist()),
    "pyarrow.dictionary": lambda values, path: load("pyarrow").array(values.tolist()).dictionary_encode(),
    "pyarrow.table": lambda values, path: load("pyarrow").table({"v": values.tolist()}),
    "xarray": label_axes,
    "xarray of dask": lambda values, path: label_axes(delay(values, path), path),
    "h5py": store,
    "zarr": store_zarr,
    "dask": delay,
}


def list_each(make):
    return lambda values, path: [make(one, path) for one in values]


CONTAINERS = {f"whole {name}": make for name, make in WHOLE.items()}
CONTAINERS |= {f"list of {name}": list_each(make) for name, make in ONE.items()}
LAZY = ("h5py", "zarr", "dask")
TEXTS = {
    "text": lambda values, path: values,
    "bytes": lambda values, path: np.char.encode(values),
    "objects of bytes": lambda values, path: np.char.encode(values).astype(object),
    "StringDType": lambda values, path: values.astype(np.dtypes.StringDType()),
    "memory-map": lambda values, path: map_file(values, path / "text"),
    "memory-map of bytes": lambda values, path: map_file(np.char.encode(values), path / "bytes"),
    "bytes of HDF5": lambda values, path: store(np.char.encode(values), path),
    "asstr of HDF5": lambda values, path: store(values, path).asstr(),
    "a list of them": lambda values, path: [store(one, path).asstr() for one in values],
}


def map_file(values, path):
    mapped = np.memmap(path, values.dtype, "w+", shape=values.shape)
    mapped[...] = values
    return mapped


def predict(given):
    """Return predictions that are right wherever there is a label."""
    return np.abs(Y) if given is Y else np.where(Y, "walk", "background")


def read_numbers(y):
    return np.stack(as_labels(read_words(y)[0], as_recordings(X)))


@pytest.mark.parametrize("given", [Y, WORDS], ids=["numbers", "words"])
@pytest.mark.parametrize("kind", CONTAINERS)
class TestLabels:
    def test_are_those_of_the_array(self, kind, given, tmp_path):
        y = CONTAINERS[kind](given, tmp_path)
        np.testing.assert_array_equal(read_numbers(y), Y)
        assert metrics.mean_iou(y, predict(given)) == 1
        found, wanted = Annotations.from_labels(y), Annotations.from_labels(given)
        pd.testing.assert_frame_equal(found.table, wanted.table)
        assert found.class_names == wanted.class_names

    def test_are_masked_and_split(self, kind, given, tmp_path):
        y = CONTAINERS[kind](given, tmp_path)
        np.testing.assert_array_equal(
            read_numbers(mask_labels(y, n_labeled=3, random_state=0)), mask_labels(Y, n_labeled=3, random_state=0)
        )
        if kind.startswith("whole xarray"):
            with pytest.raises(ValueError, match=r"y has the dimensions .*pass y.transpose\('trial', 'time'\)"):
                next(LabeledKFold(2).split(X, y))
            return
        for found, wanted in zip(LabeledKFold(2).split(X, y), LabeledKFold(2).split(X, Y), strict=True):
            np.testing.assert_array_equal(np.concatenate(found), np.concatenate(wanted))


@pytest.mark.parametrize("kind", TEXTS)
def test_text_of_every_kind(kind, tmp_path):
    y = TEXTS[kind](TEXT, tmp_path)
    np.testing.assert_array_equal(read_numbers(y), Y)
    np.testing.assert_array_equal(read_numbers(select_rows(y, np.arange(N))), Y)
    assert metrics.mean_iou(y, predict(WORDS)) == 1
    assert metrics.mean_iou(y, TEXTS[kind](predict(WORDS), tmp_path)) == 1


def test_one_word_for_each_recording(tmp_path):
    whole = np.array(["walk", "background", "-1", "walk", "walk", "walk"])
    for make in (lambda values, path: np.char.encode(values), store, store_zarr, delay):
        labels = as_labels(read_words(make(whole, tmp_path))[0], as_recordings(X))
        assert [one[0].item() for one in labels] == [1, 0, -1, 1, 1, 1]
    assert read_words([b"walk", None])[0] == [1, -1]


def test_bytes_that_are_no_text_are_named():
    with pytest.raises(ValueError, match="y holds .*which is no text in UTF-8; decode it"):
        read_words(np.array([[b"\xff", b"walk"]]))


@pytest.mark.parametrize("kind", CONTAINERS)
def test_weights_are_those_of_the_array(kind, tmp_path):
    weights = np.random.default_rng(0).random(Y.shape)
    found, wanted = (
        read_weighed_labels(Y, as_recordings(X), one)[1].weights
        for one in (CONTAINERS[kind](weights, tmp_path), list(weights))
    )
    for i in range(N):
        np.testing.assert_array_equal(found.read(i, 0, 200), wanted.read(i, 0, 200))


@pytest.mark.parametrize("make", [store, store_zarr, delay, lambda values, path: [store(one, path) for one in values]])
def test_soft_labels_of_files(make, tmp_path):
    soft = np.random.default_rng(0).dirichlet([1, 1, 1], size=Y.shape)
    found, wanted = (read_weighed_labels(one, as_recordings(X))[1].soft for one in (make(soft, tmp_path), soft))
    np.testing.assert_array_equal(found.read(3, 0, 200), wanted.read(3, 0, 200))


def test_soft_labels_of_xarray_are_refused_with_a_fix(tmp_path):
    soft = label_axes(np.full((N, 200, 2), 0.5), tmp_path, ("trial", "time", "class"))
    with pytest.raises(ValueError, match="y has the dimensions .*pass soft labels as an array"):
        read_weighed_labels(soft, as_recordings(X))


def test_lazy_labels_follow_their_coordinates(tmp_path):
    names = list("abcdef")
    signals = label_axes(X, tmp_path).assign_coords(trial=names, time=np.arange(200))
    order = {"trial": [2, 0, 3, 1, 5, 4], "time": slice(None, None, -1)}
    load("dask")
    for given in (Y, WORDS):
        labels = signals.copy(data=given.T).isel(order).chunk()
        numbers = as_labels(read_words(labels)[0], as_recordings(signals))
        np.testing.assert_array_equal(numbers, Y)
        assert metrics.mean_iou(labels, signals.copy(data=predict(given).T)) == 1
        single = [labels.sel(trial=name) for name in names]
        np.testing.assert_array_equal(as_labels(read_words(single)[0], as_recordings(signals)), Y)


@pytest.fixture(scope="module")
def wanted():
    fitted = Features(random_state=0).fit(X, Y)
    return fitted, fitted.predict_proba(X), fitted.predict_segments(X)


@pytest.mark.parametrize("kind", every_other(CONTAINERS))
class TestRecordings:
    def test_a_model_is_that_of_the_array(self, kind, tmp_path, wanted):
        signals = CONTAINERS[kind](X, tmp_path)
        fitted = Features(random_state=0).fit(signals, Y)
        np.testing.assert_array_equal(np.stack(list(fitted.predict_proba(signals))), wanted[1])
        pd.testing.assert_frame_equal(fitted.predict_segments(signals), wanted[2])
        named = Recordings.from_arrays(signals, names=list("abcdef"), sampling_rate=50)
        np.testing.assert_array_equal(fitted.predict_proba(named), wanted[1])

    @pytest.mark.parametrize("transformer", [preprocessing.FillGaps(), preprocessing.RecordingStandardizer()])
    def test_transformers_return_what_they_were_given(self, kind, transformer, tmp_path):
        signals = CONTAINERS[kind](X, tmp_path)
        found = transformer.fit(signals).transform(signals)
        if not kind.endswith((*LAZY, "Index")) or "xarray" in kind:
            assert type(found) is type(signals)
            assert not isinstance(found, list) or type(found[0]).__module__ == type(signals[0]).__module__
        for i, x in enumerate(transformer.fit_transform(X)):
            np.testing.assert_array_equal(as_recordings(found).get(i).reshape(-1), x)


@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [
        ("polars.Series", "polars", "DataFrame"),
        ("polars.DataFrame", "polars", "DataFrame"),
        ("pyarrow.array", "pyarrow", "Table"),
        ("pyarrow.table", "pyarrow", "Table"),
        ("xarray", "xarray", "DataArray"),
    ],
)
def test_new_channels_are_columns_of_the_same_library(kind, module, name, tmp_path):
    found = preprocessing.WindowFeatures().fit_transform([ONE[kind](x, tmp_path) for x in X])
    wanted = preprocessing.WindowFeatures().fit_transform(X)
    assert isinstance(found[0], getattr(load(module), name))
    read = as_recordings(found)
    assert read.channel_names is not None
    np.testing.assert_array_equal(read.get(2), wanted[2])


def test_new_channels_of_xarray_keep_its_coordinates(tmp_path):
    signals = label_axes(X, tmp_path).assign_coords(trial=list("abcdef"))
    found = preprocessing.WindowFeatures().fit_transform(signals)
    assert found.dims == ("trial", "channel", "time")
    assert found["trial"].values.tolist() == list("abcdef")


@pytest.mark.parametrize("kind", ["h5py", "zarr", "dask", "polars", "pyarrow"])
@pytest.mark.parametrize("given", [pytest.param(Y, marks=pytest.mark.slow), WORDS], ids=["numbers", "words"])
def test_tools_select_recordings_and_labels(kind, given, tmp_path):
    signals, labels = WHOLE[kind](X, tmp_path), WHOLE[kind](given, tmp_path)
    fitted = Features(random_state=0).fit(X, given)
    assert calibrate_counts(fitted, signals, labels, cv=2) == calibrate_counts(fitted, X, given, cv=2)
    options = {"n_labeled": [2], "cv": 2, "random_state": 0}
    found, wanted = (
        label_efficiency_curve(Features(random_state=0), *pair, **options).drop(columns="seconds")
        for pair in ((signals, labels), (X, given))
    )
    pd.testing.assert_frame_equal(found, wanted)


def test_a_lazy_array_of_xarray_is_read_by_stretches(tmp_path):
    assert is_lazy(label_axes(delay(X, tmp_path), tmp_path))


TABLE = pd.DataFrame({"recording": [0, 0, 2], "start": [1, 9, 3], "end": [9, 20, 7], "label": ["walk", "walk", "run"]})
TABLES = {
    "polars": lambda table: load("polars").DataFrame(table.to_dict("list")),
    "pyarrow": lambda table: load("pyarrow").Table.from_pandas(table),
    "pyarrow.RecordBatch": lambda table: load("pyarrow").RecordBatch.from_pandas(table),
}
FUNCTIONS = {
    "merge_segments": tables.merge_segments,
    "filter_segments": lambda table: tables.filter_segments(table, min_length=8, labels="walk"),
    "clip_segments": lambda table: tables.clip_segments(table, 5, 15),
    "shift_segments": lambda table: tables.shift_segments(table, 5),
    "count_segments": tables.count_segments,
    "summarize": lambda table: tables.summarize(table, [200] * N),
}


@pytest.mark.parametrize("kind", TABLES)
class TestTables:
    def test_annotations(self, kind):
        looked_at = pd.DataFrame({"recording": [0, 2], "start": [0, 0], "end": [30, 200]})
        found = Annotations.from_table(TABLES[kind](TABLE), X, TABLES[kind](looked_at))
        wanted = Annotations.from_table(TABLE, X, looked_at)
        pd.testing.assert_frame_equal(found.table, wanted.table)
        pd.testing.assert_frame_equal(found.looked_at, wanted.looked_at)
        pd.testing.assert_frame_equal(found.replace_segments(TABLES[kind](TABLE)).table, wanted.table)

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_functions_of_segments(self, kind, name):
        pd.testing.assert_frame_equal(FUNCTIONS[name](TABLES[kind](TABLE)), FUNCTIONS[name](TABLE))

    def test_labels_of_segments(self, kind):
        numbers = TABLE.assign(label=[1, 2, 1])
        found = tables.segments_to_labels(TABLES[kind](numbers), [200] * N)
        np.testing.assert_array_equal(found, tables.segments_to_labels(numbers, [200] * N))


REFUSED = {
    "polars.LazyFrame": (
        lambda path: load("polars").DataFrame({"a": [1.0]}).lazy(),
        r"LazyFrame; .*{}\.collect\(\)",
    ),
    "xarray.Dataset": (lambda path: load("xarray").Dataset({"v": ("time", X[0])}), r"Dataset; .*{}\.to_dataarray"),
    "pyarrow reader": (
        lambda path: load("pyarrow").table({"a": [1.0]}).to_reader(),
        r"RecordBatchR.*{}\.read_all",
    ),
    "h5py.File": (lambda path: store(X, path).file, r"File; .*one of its arrays, or a list of them"),
    "zarr.Group": (lambda path: load("zarr").group(), r"Group; .*one of its arrays, or a list of them"),
    "dask of unknown length": (
        lambda path: delay(X, path)[delay(X[:, 0], path) > 0],
        r"unknown length; pass {}\.comp",
    ),
    "dask.delayed": (lambda path: load("dask").delayed(X), r"dask \w+; .*{}\.compute\(\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_read_yet_is_refused_with_a_fix(kind, tmp_path):
    make, message = REFUSED[kind]
    item = make(tmp_path)
    for read, name in (
        (as_recordings, "X"),
        (lambda one: as_recordings([one]), r"X\[0\]"),
        (lambda one: as_labels(one, as_recordings(X)), "y"),
        (lambda one: metrics.mean_iou(one, Y), "y_true"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"{name} (is a|has an) {message.format(name)}"):
            read(item)


def test_text_in_a_column_names_column_and_row():
    for make in (pd.DataFrame, lambda columns: load("polars").DataFrame(columns)):
        table = make({"a": [1.0, 2.0], "state": ["on", "off"]})
        with pytest.raises(TypeError, match="X: recording 1 has the text 'on' in row 0 of the column 'state'"):
            as_recordings([make({"a": [1.0, 2.0], "state": [0.0, 1.0]}), table])


def test_no_recording_names_the_argument():
    none = Recordings.from_arrays(X)[:0]
    fitted = Features(random_state=0).fit(X, Y)
    for predict in (fitted.predict, fitted.predict_proba, fitted.predict_segments):
        with pytest.raises(ValueError, match=r"X holds no recording \(0 sample\(s\)\)"):
            predict(none)
    with pytest.raises(ValueError, match="X is a table of shape"):
        fitted.predict(pd.DataFrame())
