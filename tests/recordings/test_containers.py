"""Hostile and odd input: every row of the tables in docs/input.md does what the row says."""

import pickle
import re
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from sslts import FixMatchSegmenter
from sslts.annotations import as_label_runs, as_labels
from sslts.networks import UNet
from sslts.preprocessing import FillGaps
from sslts.recordings import as_recordings

TABLES = (Path(__file__).parents[2] / "docs" / "input.md").read_text()
ROWS = {
    name: (outcome, re.findall(r"`(.*)`", message))
    for name, outcome, message in re.findall(r"^\| ([^|]*) \| ([^|]*) \| ?([^|]*)\|$", TABLES, flags=re.MULTILINE)
    if name not in ("recordings", "labels")
}
PLAIN = "values above 1e12 with `normalization=None`"
ONE_CELL = "recordings so short that a batch of one window is one cell of the network"
TIMES = pd.date_range("2026-01-01", periods=40, freq="s")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 40)).astype(np.float32)
Y = (np.abs(X) > 1).astype(np.int64)


def make_segmenter(**params):
    return FixMatchSegmenter(
        **{"network": UNet(width=4, depth=1), "max_steps": 2, "batch_size": 2, "random_state": 0, **params}
    )


def spoil(value, dtype=np.float64):
    """Return the recordings with one value changed."""
    changed = X.astype(dtype)
    changed[1, 2] = value
    return changed


class Code:
    """An object that knows when one of its methods is called."""

    ran = []

    def __float__(self):
        Code.ran.append("float")
        return 1.0

    def __array__(self, *args, **kwargs):
        Code.ran.append("array")
        return X[0]

    def __len__(self):
        Code.ran.append("len")
        return 40

    def __getitem__(self, i):
        Code.ran.append("getitem")
        return 0.0

    def __reduce__(self):
        Code.ran.append("reduce")
        return (print, ("pwned",))

    def __call__(self, *args):
        Code.ran.append("call")


class Loud(np.ndarray):
    """A sub-class that must not be asked anything."""

    def astype(self, *args, **kwargs):
        raise AssertionError("a sub-class' own method was called")

    __array_function__ = None


@pytest.fixture(scope="module")
def wanted():
    return make_segmenter().fit(X, Y).predict_proba(X)


SAME = {
    "read-only": lambda: [read_only(X)],
    "not contiguous, Fortran order, reversed, broadcast": lambda: [
        np.asfortranarray(X),
        X[:, ::-1].copy()[:, ::-1],
        np.repeat(X, 2, axis=1)[:, ::2],
        list(X.T.copy().T),
    ],
    "big-endian": lambda: [X.astype(">f4"), list(X.astype(">f8"))],
    "float64": lambda: [X.astype(np.float64)],
    "long double": lambda: [X.astype(np.longdouble)],
    "sub-classes of arrays": lambda: [[x.view(Loud) for x in X], X.view(np.memmap)],
    "masked arrays without a masked value": lambda: [np.ma.masked_array(X), [np.ma.masked_array(x) for x in X]],
    "objects that all are numbers": lambda: [X.astype(object), [x.astype(object) for x in X]],
    "nested lists of numbers": lambda: [X.tolist(), tuple(map(tuple, X.tolist()))],
    "tensors, or a list of them": lambda: [
        torch.tensor(X),
        [torch.tensor(x) for x in X],
        torch.tensor(X, requires_grad=True),
        [torch.tensor(x, requires_grad=True) for x in X],
    ],
    "a data frame, a row for each recording": lambda: [pd.DataFrame(X)],
    "an array in each cell of a Series or a data frame": lambda: [
        pd.Series(list(X)),
        pd.DataFrame({"signal": list(X)}),
        pd.DataFrame({"signal": [pd.Series(x) for x in X]}),
    ],
    "pandas' own dtypes": lambda: [pd.DataFrame(X).astype("Float32"), [pd.Series(x, dtype="Float64") for x in X]],
}


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("row", SAME)
def test_the_answer_is_that_of_the_plain_array(row, wanted):
    for container in SAME[row]():
        fitted = make_segmenter().fit(container, Y)
        np.testing.assert_array_equal(np.stack(list(fitted.predict_proba(container))), wanted)


FINITE = {
    "float16": lambda: (X.astype(np.float16), Y),
    "integers": lambda: ((X * 9).astype(np.int32), Y),
    "booleans": lambda: (X > 0, Y),
    "float64 or integers with a large offset": lambda: ((X * 1000).astype(np.int64) + 10**12, Y),
    "constant recordings": lambda: (np.full((4, 40), 7e8), Y),
    "recordings of one sample": lambda: (X[:, :1], Y[:, :1]),
    "recordings shorter than a window": lambda: (
        [x[: 3 + i] for i, x in enumerate(X)],
        [np.arange(3 + i) % 2 for i in range(4)],
    ),
    "int64, int8, uint8": lambda: (X, Y.astype(np.uint8)),
    "floats with whole values": lambda: (X, Y.astype(np.float32) - 1 + (np.arange(40) > 3)),
    "booleans as labels": lambda: (X, Y.astype(bool)),
    "one label for each recording": lambda: (X, np.array([0, 1, -1, 1])),
    "one label for some recordings, labels for each sample of others": lambda: (X, [Y[0], 1, -1, Y[3]]),
}


@pytest.mark.parametrize("row", FINITE)
def test_odd_input_gives_probabilities(row):
    signals, labels = FINITE[row]()
    fitted = make_segmenter().fit(signals, labels)
    for x, proba in zip(signals, fitted.predict_proba(signals), strict=True):
        assert proba.shape == (len(x), len(fitted.classes_))
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
    assert set(fitted.classes_) <= {0, 1}
    fitted.predict_segments(signals)


REFUSED = {
    "float64 beyond float32's range": lambda: [(spoil(1e300), Y), (list(spoil(-1e39)), Y)],
    "values all closer to 0 than float32 can hold": lambda: [
        (X.astype(np.float64) * 1e-300, Y),
        (X.astype(np.float64) * 1e-45, Y),
    ],
    "NaN": lambda: [(spoil(np.nan), Y), (list(spoil(np.nan, np.float16)), Y)],
    "infinite values": lambda: [(spoil(np.inf), Y), (spoil(-np.inf, np.float32), Y)],
    "masked values": lambda: [(np.ma.masked_equal(spoil(99), 99), Y), (list(np.ma.masked_equal(spoil(99), 99)), Y)],
    "pandas' NA, or None": lambda: [
        (pd.DataFrame(spoil(np.nan)).astype("Float64"), Y),
        (pd.DataFrame(X).astype(object).mask(spoil(99) == 99, pd.NA), Y),
        (spoil(None, object), Y),
        ([pd.Series(x, dtype="Float64") for x in spoil(np.nan)], Y),
    ],
    "objects that are no numbers": lambda: [
        (spoil(Code(), object), Y),
        (list(spoil(Code(), object)), Y),
        (spoil("1.0", object), Y),
    ],
    "an object in place of a recording": lambda: [([X[0], Code()], Y[:2]), (hold_code(), Y)],
    "text": lambda: [(X.astype(str), Y), (list(X.astype(bytes)), Y)],
    "dates and durations": lambda: [(X.astype("M8[s]"), Y), (list(X.astype("m8[s]")), Y)],
    "complex numbers": lambda: [(X + 1j, Y)],
    "sparse matrices": lambda: [(scipy.sparse.csr_array(X), Y)],
    "`numpy.matrix`": lambda: [(np.matrix(X), Y)],
    "generators, dictionaries, text, None": lambda: [((x for x in X), Y), (dict(enumerate(X)), Y), ("x", Y), (None, Y)],
    "no recording": lambda: [(X[:0], Y[:0]), ([], [])],
    "a recording of no sample": lambda: [([X[0], X[1, :0]], [Y[0], Y[1, :0]])],
    "one dimension": lambda: [(X[0], Y[0]), (pd.Series(X[0]), Y[0]), (torch.tensor(X[0]), Y[0])],
    "four dimensions": lambda: [(X[None, None], Y[:1])],
    "other channels than the first recording": lambda: [([X[0], X[:2]], Y[:2])],
    "data frames of several channels with other names than the first": lambda: [
        ([pd.DataFrame({"a": x, name: x}) for x, name in zip(X, "bbcb", strict=True)], Y)
    ],
    "nested lists with rows of different lengths": lambda: [([[X[0].tolist(), X[0, :3].tolist()]], Y[:1])],
    "NaN, NA, None or masked labels": lambda: [
        (X, spoil_label(np.nan, np.float64)),
        (X, spoil_label(None, object)),
        (X, [pd.Series(y, dtype="Int64").mask(y == 99) for y in spoil_label(99)]),
        (X, np.ma.masked_equal(spoil_label(99), 99)),
    ],
    "fractions": lambda: [(X, spoil_label(0.5, np.float64))],
    "labels below -1": lambda: [(X, spoil_label(-2)), (X, list(spoil_label(-2, np.int8)))],
    "labels beyond int64": lambda: [(X, spoil_label(2**63, np.uint64)), (X, spoil_label(1e30, np.float64))],
    "text as labels": lambda: [(X, Y.astype(str)), (X, Y.astype(str).astype(object))],
    "complex labels": lambda: [(X, Y + 0j)],
    "objects as labels": lambda: [(X, spoil_label(Code(), object)), (X, [[0] * 39 + [Code()]] * 4), (X, hold_code(Y))],
    "another length than the recording": lambda: [(X, Y[:, :-1]), (list(X), [y[:-1] for y in Y])],
    "time not on the last axis of `X`": lambda: [
        (X[:, :, None], Y),
        (np.stack([X, X, X], axis=2), Y),
        ([np.stack([x, x, x], axis=1) for x in X], list(Y)),
    ],
    "another number of recordings": lambda: [(X, Y[:3]), (list(X), list(Y[:3]))],
    "a Series on another index than `X`": lambda: [
        (put_on_index(X, 0), put_on_index(Y, 1)["value"]),
    ],
    "a list of Series on other indices than the recordings of `X`": lambda: [
        (list_on_times(X, TIMES), list_on_times(Y, TIMES + pd.Timedelta("1s"))),
        ([pd.DataFrame({"a": x}, TIMES) for x in X], list_on_times(Y, TIMES[[*range(39), 38]])),
    ],
    "a single value": lambda: [(X, 1), (X, "1")],
    "nothing but -1": lambda: [(X, np.full_like(Y, -1)), (X, [-1] * 4)],
    "None": lambda: [(X, None)],
    "more than 1000 classes": lambda: [(np.zeros((10, 1000)), np.arange(10_000).reshape(10, 1000))],
}


def put_on_index(values, first):
    index = pd.MultiIndex.from_product([range(len(values)), range(first, first + values.shape[1])])
    return pd.DataFrame({"value": values.ravel()}, index)


def list_on_times(rows, times):
    return [pd.Series(row, times) for row in rows]


def spoil_label(value, dtype=np.int64):
    changed = Y.astype(dtype)
    changed[1, 2] = value
    return changed


def hold_code(rows=X):
    """Return an object array of three rows and an object, which is not asked anything."""
    held = np.array([None, Code(), None, None], dtype=object)
    for i in (0, 2, 3):
        held[i] = rows[i]
    return held


def test_values_that_the_network_cannot_square(tmp_path):
    """In float32 their variance would be infinite, and the answer nan."""
    message = re.escape(ROWS[PLAIN][1][0])
    with pytest.raises(ValueError, match=message):
        make_segmenter(normalization=None).fit(X * 1e14, Y)
    with pytest.raises(ValueError, match=message):
        make_segmenter(normalization=None).fit((X * 1e18).astype(np.int64), Y)
    fitted = make_segmenter(normalization=None).fit(X * 1e11, Y)
    with pytest.raises(ValueError, match=message):
        fitted.predict(X * 1e14)
    assert np.isfinite(fitted.predict_proba(X * 1e11)).all()
    for name, dtype in (("f4", np.float32), ("f8", np.float64)):  # a file is read when its windows are drawn
        np.save(tmp_path / name, (X * 1e14).astype(dtype))
        large = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        for use in (lambda given: make_segmenter(normalization=None).fit(given, Y), fitted.predict):
            with pytest.raises(ValueError, match=r"X: recording \d, at samples 0 to 40, has values of .*" + message):
                use(large)
        assert np.isfinite(make_segmenter().fit(large, Y).predict_proba(large)).all()
    assert np.isfinite(make_segmenter().fit(X * 1e14, Y).predict_proba(X * 1e14)).all()


def test_one_cell_is_too_little_to_learn_from():
    segmenter = make_segmenter(batch_size=1)
    with pytest.raises(ValueError, match=ROWS[ONE_CELL][1][0]):
        segmenter.fit(X[:, :2], Y[:, :2])
    assert not hasattr(segmenter, "net_")


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("row", REFUSED)
def test_the_message_says_what_is_wrong(row):
    outcome, message = ROWS[row][0], ROWS[row][1][0]
    assert outcome.startswith("refused")
    for signals, labels in REFUSED[row]():
        Code.ran.clear()
        segmenter = make_segmenter()
        with pytest.raises((ValueError, TypeError), match=re.escape(message)):
            segmenter.fit(signals, labels)
        assert not hasattr(segmenter, "net_")
        assert Code.ran == []


class TestLabels:
    @pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.uint64, np.float64, bool])
    def test_dtypes_teach_the_same(self, dtype, wanted):
        np.testing.assert_array_equal(make_segmenter().fit(X, Y.astype(dtype)).predict_proba(X), wanted)

    def test_gaps(self):
        """Row: classes with gaps, as 0, 7, 255"""
        fitted = make_segmenter().fit(X, np.array([0, 7, 255])[np.digitize(X, [-0.5, 0.5])].astype(np.uint8))
        assert fitted.classes_.tolist() == [0, 7, 255]
        assert set(np.unique(fitted.predict(X))) <= {0, 7, 255}
        assert fitted.predict_proba(X).shape == (4, 40, 3)

    def test_minus_one_without_a_sign(self):
        """Row: a class that is the greatest value of an unsigned type, as 255 of uint8"""
        message = ROWS["a class that is the greatest value of an unsigned type, as 255 of uint8"][1][0]
        recordings, wrapped = as_recordings(X), np.where(X > 1, -1, Y)
        for labels in (wrapped.astype(np.uint8), list(wrapped.astype(np.uint8)), [np.uint8(255)] * 4):
            for read in (as_labels, as_label_runs):
                with pytest.warns(UserWarning, match=message + r".*np\.where\(y == 255, -1, y\.astype\(int\)\)"):
                    read(labels, recordings)
        with pytest.warns(UserWarning, match="y has a class 65535"):
            make_segmenter().fit(X, wrapped.astype(np.uint16))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for labels in (Y * 255, (Y * 254).astype(np.uint8), list((Y * 255).astype(np.uint16))):
                as_label_runs(labels, recordings)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.float16, np.float64, np.longdouble])
    def test_whole_arrays_of_any_dtype(self, dtype):
        labels = Y.astype(dtype) - (dtype(0).dtype.kind == "f")
        np.testing.assert_array_equal(as_labels(labels, as_recordings(X)), labels.astype(np.int64))
        runs = as_label_runs(labels, as_recordings(X))
        assert runs.value.dtype == np.int64
        np.testing.assert_array_equal(runs.value, as_label_runs(list(labels), as_recordings(X)).value)

    def test_a_class_that_nobody_labeled(self):
        """Row: a class that occurs only where `y` is -1"""
        truth = np.where(X > 1, 2, Y)
        fitted = make_segmenter().fit(X, np.where(truth == 2, -1, truth))
        assert fitted.classes_.tolist() == [0, 1]
        assert fitted.score(X, truth) < fitted.score(X, np.where(truth == 2, -1, truth))

    def test_another_order(self, wanted):
        """Row: a Series on the index of `X`, in another order"""
        frame, series = put_on_index(X, 0), put_on_index(Y, 0)["value"]
        fitted = make_segmenter().fit(frame, series[::-1])
        np.testing.assert_array_equal(fitted.predict_proba(frame), wanted)
        assert fitted.score(frame, series[::-1]) == fitted.score(X, Y)

    def test_a_list_in_another_order(self):
        """Row: a list of Series on the indices of the recordings of `X`, in another order"""
        for times in (TIMES, pd.RangeIndex(40), pd.RangeIndex(7, 47)):
            labels = [one[::-1] for one in list_on_times(Y, times)]
            for signals in (list_on_times(X, times), [pd.DataFrame({"a": x}, times) for x in X]):
                np.testing.assert_array_equal(as_labels(labels, as_recordings(signals)), Y)
                runs = as_label_runs(labels, as_recordings(signals))
                np.testing.assert_array_equal(runs.value, as_label_runs(Y, as_recordings(X)).value)

    def test_a_list_without_times(self):
        """Row: a list of Series on an index that merely counts"""
        counted = pd.RangeIndex(40)
        for own, other in ((TIMES, counted), (counted, TIMES), (counted + 7, counted)):
            np.testing.assert_array_equal(as_labels(list_on_times(Y, own), as_recordings(list_on_times(X, other))), Y)
        np.testing.assert_array_equal(as_labels(list_on_times(Y, TIMES), as_recordings(list(X))), Y)
        mixed = [X[0], *list_on_times(X[1:], TIMES)]
        np.testing.assert_array_equal(as_labels([Y[0], *list_on_times(Y[1:], TIMES)], as_recordings(mixed)), Y)

    def test_names_of_instances(self):
        """Row: a Series on the names of the recordings of `X`, in another order"""
        frame = put_on_index(X, 0)
        names = frame.index.droplevel(1).unique()
        labels = pd.Series([0, 1, -1, 1], names)
        read = [row[0] for row in as_labels(labels.iloc[[2, 0, 3, 1]], as_recordings(frame))]
        assert read == [0, 1, -1, 1]
        unnamed = pd.Series([0, 1, -1, 1])
        assert [row[0] for row in as_labels(unnamed, as_recordings(frame))] == [0, 1, -1, 1]

    def test_nothing_around_the_segments(self):
        """Row: segments alone, with nothing labeled around them"""
        y = np.full_like(Y, -1)
        y[:, 5:9], y[:, 20:25] = 1, 2
        with pytest.warns(UserWarning, match="around each labeled segment nothing is labeled") as caught:
            fitted = make_segmenter().fit(X, y)
        assert caught[0].filename == __file__
        assert set(np.unique(fitted.predict(X))) <= {1, 2}

    def test_one_class(self):
        """Row: one class only"""
        with pytest.warns(UserWarning, match="one class only"):
            fitted = make_segmenter().fit(X, np.where(Y == 1, 1, -1))
        assert (fitted.predict(X) == 1).all()


class TestMemory:
    """What is passed is copied at most once, as float32, and never changed."""

    @pytest.fixture(params=["<f4", "<f8", "<i2"])
    def long(self, request):
        rng = np.random.default_rng(0)
        signals = (100 * rng.normal(size=(64, 12_500))).astype(request.param)
        labels = np.repeat(rng.integers(-1, 2, size=(64, 125)), 100, axis=1).astype(np.int8)
        return signals, labels

    @pytest.mark.parametrize("normalization", ["recording", "local", None])
    def test_one_copy_at_most(self, long, normalization):
        signals, labels = long
        one_copy = 4 * signals.size
        segmenter = make_segmenter(normalization=normalization, window_length=256)
        segmenter.fit(signals[:, :500], labels[:, :500]).predict(signals[:, :500])  # what is imported on first use
        tracemalloc.start()
        segmenter.fit(signals, labels)
        _, fitting = tracemalloc.get_traced_memory()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        answer = segmenter.predict(signals)
        _, predicting = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fitting < 1.75 * one_copy
        assert predicting - before - answer.nbytes < 0.75 * one_copy

    @pytest.mark.parametrize("kind", ["array", "list", "frame"])
    def test_nothing_is_changed(self, kind, make_segmenter):
        signals, labels = X.copy(), Y.copy()
        if kind == "frame":
            index = pd.MultiIndex.from_product([range(4), range(40)])
            passed = pd.DataFrame(signals.ravel(), index=index), pd.Series(labels.ravel(), index=index)
        else:
            passed = (signals, labels) if kind == "array" else (list(signals), list(labels))
        before = pickle.dumps(passed)
        fitted = make_segmenter(max_steps=2, batch_size=2).fit(*passed)
        fitted.predict(passed[0])
        fitted.predict_segments(passed[0])
        fitted.score(*passed)
        FillGaps().fit_transform(passed[0])
        assert pickle.dumps(passed) == before


class TestVeryManyRecordings:
    """Row: very many recordings"""

    N = 5_000

    @pytest.mark.parametrize("kind", ["array", "list"])
    def test_they_are_taken(self, kind):
        signals = RNG.normal(size=(self.N, 4)).astype(np.float32)
        labels = np.where(np.arange(self.N)[:, None] < 100, signals > 0, -1)
        if kind == "list":
            signals, labels = list(signals), list(labels)
        fitted = make_segmenter(background=None).fit(signals, labels)
        assert len(fitted.predict(signals)) == self.N
        assert fitted.predict_segments(signals)["recording"].nunique() == self.N

    def test_a_defect_in_the_last_one_is_found(self):
        signals = np.zeros((self.N, 4))
        signals[-1, 2] = np.nan
        with pytest.raises(ValueError, match=f"recording {self.N - 1} has 1 NaN"):
            as_recordings(signals).check_finite()


def test_one_dimension_is_named_with_its_mend():
    for use in (make_segmenter().fit, FillGaps().fit):
        with pytest.raises(ValueError, match=r"X has shape \(40,\).*Reshape your data: .* is \[X\]") as error:
            use(pd.Series(X[0]), Y[0])
        assert "reshape(-1, 1)" not in str(error.value)


def test_channels_on_the_last_axis_are_named_with_their_mend():
    for transform in (lambda three: three, list):
        three = np.stack([X, X, X], axis=1)
        mend = r"recording\.T of each" if transform is list else r"X\.transpose\(0, 2, 1\)"
        fitted = make_segmenter().fit(transform(three), Y)
        filler = FillGaps().fit(transform(three))
        for use in (fitted.predict, filler.transform):
            with pytest.raises(ValueError, match=f"X has 40 channels, .* with 3; .*Its other axis has 40: .*{mend}"):
                use(transform(three.transpose(0, 2, 1)))
            with pytest.raises(ValueError, match=r"X has 2 channels, .* with 3; .* same order\.$"):
                use(transform(three[:, :2]))


def test_channels_are_those_of_fit_by_name():
    def frames(*names):
        return [pd.DataFrame(dict(zip(names, (x, -x), strict=False))) for x in X]

    fitted = make_segmenter().fit(frames("a", "b"), Y)
    with pytest.raises(ValueError, match=r"X has the channels \['a', 'temperature'\], FixMatchSegmenter was fitted"):
        fitted.predict(frames("a", "temperature"))
    for unnamed in (frames(0, 1), [np.stack([x, -x]) for x in X]):
        np.testing.assert_array_equal(fitted.predict(unnamed), fitted.predict(frames("a", "b")))
    make_segmenter().fit(frames("a"), Y).predict(frames("b"))


class TestTables:
    def test_times_as_rows(self, wanted):
        """Row: a data frame on an index of times"""
        for index in (pd.date_range("2026-01-01", periods=4), pd.to_timedelta(range(4), "s")):
            with pytest.warns(UserWarning, match=r"4 rows are taken as 4 recordings of 40 samples.*pass \[X\]"):
                fitted = make_segmenter().fit(pd.DataFrame(X, index), Y)
            np.testing.assert_array_equal(fitted.predict_proba(X), wanted)

    def test_samples_as_rows(self):
        """Row: a table of many rows and few columns, as one recording written down over time"""
        long = RNG.normal(size=(400, 3))
        message = re.escape(ROWS["a table of many rows and few columns, as one recording written down over time"][1][0])
        for table, mend in ((long, r"\[X.T\]"), (torch.tensor(long), r"\[X.T\]"), (pd.DataFrame(long), r"\[X\]")):
            with pytest.warns(UserWarning, match=f"{message}.*one recording, pass {mend}, and labels alike"):
                assert len(as_recordings(table)) == 400
        with pytest.warns(UserWarning, match=r"taken as 400 recordings of 1 sample\. If") as caught:
            make_segmenter().fit(long[:, :1], np.arange(400) % 2)
        assert len([w for w in caught if "are taken as" in str(w.message)]) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            as_recordings([long.T])
            as_recordings(RNG.normal(size=(400, 8)))
            as_recordings(RNG.normal(size=(400, 2, 3)))

    def test_missing_samples(self):
        """Row: a Panel that lacks samples, as one that was split by rows"""
        frame = put_on_index(X, 0)
        torn = frame.drop((frame.index[40][0], 6))
        with pytest.warns(UserWarning, match="recording 1 lacks samples before time 7.*list of recordings"):
            assert as_recordings(torn).lengths.tolist() == [40, 39, 40, 40]
        assert as_recordings(frame[frame.index.get_level_values(1) % 2 == 0]).lengths.tolist() == [20] * 4

    def test_uneven_times(self):
        """Row: a list of Series on times that lack samples, repeat, or run backwards"""
        times = pd.date_range("2026-01-01", periods=41, freq="s", tz="UTC").delete(3)
        message = re.escape("recording 1 is on times of which one does not follow at once on the one before (sample 3")
        with pytest.warns(UserWarning, match=message):
            make_segmenter().fit([X[0], pd.Series(X[1], times)], list(Y[:2]))

    def test_another_rate(self):
        """Row: times of another rate than `sampling_rate`"""
        with pytest.warns(
            UserWarning, match="recording 0 is on times 1 s apart, 1 samples a second, and sampling_rate=250"
        ):
            make_segmenter(sampling_rate=250).fit([pd.Series(x, TIMES) for x in X], list(Y))

    def test_channels_on_the_last_axis(self):
        """Row: an array (n, T, C) of few channels, time not last"""
        with pytest.warns(UserWarning, match=r"500 channels of 2 samples.*pass X\.transpose\(0, 2, 1\)"):
            as_recordings(RNG.normal(size=(4, 500, 2)))

    def test_cells_of_several_channels(self):
        frame = pd.DataFrame({"a": list(X), "b": list(-X)})
        recordings = as_recordings(frame)
        assert (recordings.n_channels, recordings.channel_names) == (2, ("a", "b"))
        np.testing.assert_array_equal(recordings.read(2), np.stack([X[2], -X[2]]).astype(np.float32))
        frame["b"] = [x[: 9 + i] for i, x in enumerate(X)]
        with pytest.raises(ValueError, match=r"X: recording 0 has channels of \[40, 9\] samples"):
            as_recordings(frame)


def test_every_row_is_a_test():
    tests = (*vars(TestLabels).values(), *vars(TestTables).values(), TestVeryManyRecordings)
    docs = [value.__doc__ or "" for value in tests]
    tested = {*SAME, *FINITE, *REFUSED, ONE_CELL, PLAIN} | {
        doc.removeprefix("Row: ") for doc in docs if doc.startswith("Row: ")
    }
    assert tested == set(ROWS)
