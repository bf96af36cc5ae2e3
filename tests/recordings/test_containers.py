"""Hostile and odd recordings: every row of the table of `X` in docs/input.md does what the row says."""

import pickle
import re
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hostile import (
    RNG,
    TIMES,
    Code,
    X,
    Y,
    check_probabilities,
    check_refusal,
    hold_code,
    list_documented_rows,
    make_segmenter,
    put_on_index,
    read_rows,
)
from strategies import CONTAINERS, MASKED, ClosedSource

from sslts import Recordings
from sslts.decoding import Argmax
from sslts.preprocessing import FillGaps
from sslts.recordings import as_recordings

ROWS = read_rows("X")
PLAIN = "values above 1e12 with `normalization=None`"
LAZY_MASK = "masked values of a file, a memory-map or a delayed array"
NO_VALUE = "one value, such as 999999, far from all others of its recording"
ONE_CELL = "recordings so short that a batch of one window is a single cell of the network"


def spoil(value, dtype=np.float64):
    """Return the recordings with one value changed."""
    changed = X.astype(dtype)
    changed[1, 2] = value
    return changed


class Loud(np.ndarray):
    """A subclass whose methods must not be called."""

    def astype(self, *args, **kwargs):
        raise AssertionError("a method of a subclass was called")

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
    "nested tensors": lambda: [torch.nested.nested_tensor([torch.tensor(x) for x in X], layout=torch.jagged)],
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
def test_predictions_equal_those_of_the_plain_array(row, wanted):
    for container in SAME[row]():
        fitted = make_segmenter().fit(container, Y)
        np.testing.assert_array_equal(np.stack(list(fitted.predict_proba(container))), wanted)


FINITE = {
    "float16": lambda: (X.astype(np.float16), Y),
    "integers": lambda: ((X * 9).astype(np.int32), Y),
    "booleans": lambda: (X > 0, Y),
    "float64 or integers with a large offset": lambda: ((X * 1000).astype(np.int64) + 10**12, Y),
    "integers beyond 2**53": lambda: ((X * 1000).astype(np.int64) + 2**60, Y),
    "constant recordings, whose values are all equal": lambda: (np.full((4, 40), 7e8), Y),
    "recordings of one sample": lambda: (X[:, :1], Y[:, :1]),
    "recordings shorter than a window": lambda: (
        [x[: 3 + i] for i, x in enumerate(X)],
        [np.arange(3 + i) % 2 for i in range(4)],
    ),
}


@pytest.mark.parametrize("row", FINITE)
def test_odd_input_gives_probabilities(row):
    check_probabilities(*FINITE[row]())


REFUSED = {
    "float64 beyond float32's range": lambda: [(spoil(1e300), Y), (list(spoil(-1e39)), Y)],
    "values all closer to 0 than float32 can hold": lambda: [
        (X.astype(np.float64) * 1e-300, Y),
        (X.astype(np.float64) * 1e-45, Y),
    ],
    "NaN": lambda: [(spoil(np.nan), Y), (list(spoil(np.nan, np.float16)), Y)],
    "infinite values": lambda: [(spoil(np.inf), Y), (spoil(-np.inf, np.float32), Y)],
    "NaN only at the ends of rows": lambda: [(np.where(np.arange(40) < [[40], [30], [20], [40]], X, np.nan), Y)],
    "a Panel on an index of three levels": lambda: [
        (pd.DataFrame({"x": X.ravel()}, pd.MultiIndex.from_product([[0, 1], [0, 1], range(40)])), Y)
    ],
    "a column of dates in a table of signals": lambda: [([pd.DataFrame({"x": x, "at": TIMES}) for x in X], Y)],
    "a `DataArray` whose dimensions leave open where time is": lambda: [
        (pytest.importorskip("xarray").DataArray(X.T, dims=("time", "sample")), Y)
    ],
    "masked values": lambda: [(np.ma.masked_equal(spoil(99), 99), Y), (list(np.ma.masked_equal(spoil(99), 99)), Y)],
    "pandas' NA, or None": lambda: [
        (pd.DataFrame(spoil(np.nan)).astype("Float64"), Y),
        (pd.DataFrame(X).astype(object).mask(spoil(99) == 99, pd.NA), Y),
        (spoil(None, object), Y),
        ([pd.Series(x, dtype="Float64") for x in spoil(np.nan)], Y),
    ],
    "objects that are not numbers": lambda: [
        (spoil(Code(), object), Y),
        (list(spoil(Code(), object)), Y),
        (spoil("1.0", object), Y),
    ],
    "an object instead of a recording": lambda: [([X[0], Code()], Y[:2]), (hold_code(), Y)],
    "text": lambda: [(X.astype(str), Y), (list(X.astype(bytes)), Y)],
    "dates and durations": lambda: [(X.astype("M8[s]"), Y), (list(X.astype("m8[s]")), Y)],
    "complex numbers": lambda: [(X + 1j, Y)],
    "sparse matrices": lambda: [(scipy.sparse.csr_array(X), Y)],
    "`numpy.matrix`": lambda: [(np.matrix(X), Y)],
    "generators, dictionaries, text, None": lambda: [((x for x in X), Y), (dict(enumerate(X)), Y), ("x", Y), (None, Y)],
    "no recording": lambda: [(X[:0], Y[:0]), ([], [])],
    "a recording without samples": lambda: [([X[0], X[1, :0]], [Y[0], Y[1, :0]])],
    "one dimension": lambda: [(X[0], Y[0]), (pd.Series(X[0]), Y[0]), (torch.tensor(X[0]), Y[0])],
    "four dimensions": lambda: [(X[None, None], Y[:1])],
    "another number of channels than in the first recording": lambda: [([X[0], X[:2]], Y[:2])],
    "data frames whose channel names differ from the names of the first frame": lambda: [
        ([pd.DataFrame({"a": x, name: x}) for x, name in zip(X, "bbcb", strict=True)], Y)
    ],
    "nested lists with rows of different lengths": lambda: [([[X[0].tolist(), X[0, :3].tolist()]], Y[:1])],
}


def test_values_that_the_network_cannot_square(tmp_path):
    """In float32 the variance would be infinite and the prediction NaN."""
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
            with pytest.raises(ValueError, match=r"X: recording \d, at samples 0 to 40, has values up to .*" + message):
                use(large)
        assert np.isfinite(make_segmenter().fit(large, Y).predict_proba(large)).all()
    assert np.isfinite(make_segmenter().fit(X * 1e14, Y).predict_proba(X * 1e14)).all()


def test_masked_values_of_a_file():
    """Row: masked values of a file, a memory-map or a delayed array"""
    mask = spoil(99) == 99
    for name in ("lazy", "list of lazy", "delayed", "list of masked arrays over memory-maps"):
        with pytest.raises(ValueError, match=re.escape(ROWS[LAZY_MASK][1][0])):
            make_segmenter(max_steps=50).fit(MASKED[name](X, mask), Y)


def test_a_closed_file():
    """Row: a data set of a closed file"""
    for held in (ClosedSource(), [X[0], ClosedSource(), *X[2:]]):
        with pytest.raises(OSError, match=ROWS["a data set of a closed file"][1][0]):
            make_segmenter().fit(held, Y)


def test_a_number_that_means_no_value():
    """Row: one value, such as 999999, far from all others of its recording"""
    spoiled = X.copy()
    spoiled[1, 3] = 999999
    for held in (spoiled, list(spoiled), pd.DataFrame(spoiled), CONTAINERS["lazy"](spoiled)):
        with pytest.warns(UserWarning, match=ROWS[NO_VALUE][1][0]):
            make_segmenter().fit(X, Y).predict(held)


def test_a_single_cell_is_refused():
    segmenter = make_segmenter(batch_size=1)
    with pytest.raises(ValueError, match=ROWS[ONE_CELL][1][0]):
        segmenter.fit(X[:, :2], Y[:, :2])
    assert not hasattr(segmenter, "net_")


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("row", REFUSED)
def test_the_message_says_what_is_wrong(row):
    for signals, labels in REFUSED[row]():
        check_refusal(signals, labels, ROWS[row])


class TestMemory:
    """Input is copied at most once, as float32, and never changed."""

    @pytest.fixture
    def long(self, request):
        rng = np.random.default_rng(0)
        signals = (100 * rng.normal(size=(64, 12_500))).astype(request.param)
        labels = np.repeat(rng.integers(-1, 2, size=(64, 125)), 100, axis=1).astype(np.int8)
        return signals, labels

    @pytest.mark.parametrize(
        ("long", "normalization"),
        [
            ("<f4", "recording"),
            ("<f8", "local"),
            ("<i2", None),
            pytest.param("<f4", "local", marks=pytest.mark.slow),
            pytest.param("<f8", "recording", marks=pytest.mark.slow),
        ],
        indirect=["long"],
    )
    def test_one_copy_at_most(self, long, normalization):
        signals, labels = long
        one_copy = 4 * signals.size
        # On the noise of an untrained network the default decoder is slow, so it has one case.
        own = {} if signals.dtype == np.float32 and normalization == "recording" else {"decoder": Argmax()}
        segmenter = make_segmenter(normalization=normalization, window_length=256, **own)
        segmenter.fit(signals[:, :500], labels[:, :500]).predict(signals[:, :500])  # imports on first use
        tracemalloc.start()
        segmenter.fit(signals, labels)
        _, fitting = tracemalloc.get_traced_memory()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        answer = segmenter.predict(signals)
        _, predicting = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fitting < 1.8 * one_copy
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

    @pytest.mark.parametrize("kind", [pytest.param("array", marks=pytest.mark.slow), "list"])
    def test_many_recordings_are_accepted(self, kind):
        signals = RNG.normal(size=(self.N, 4)).astype(np.float32)
        labels = np.where(np.arange(self.N)[:, None] < 100, signals > 0, -1)
        if kind == "list":
            signals, labels = list(signals), list(labels)
        fitted = make_segmenter(background=None).fit(signals, labels)
        assert len(fitted.predict(signals)) == self.N
        assert fitted.predict_segments(signals)["recording"].nunique() == self.N

    def test_a_defect_in_the_last_recording_is_found(self):
        signals = np.zeros((self.N, 4))
        signals[-1, 2] = np.nan
        with pytest.raises(ValueError, match=f"recording {self.N - 1} has 1 NaN"):
            as_recordings(signals).check_finite()


def test_one_dimension_is_refused_with_a_fix():
    for use in (make_segmenter().fit, FillGaps().fit):
        with pytest.raises(ValueError, match=r"X has shape \(40,\).*Reshape your data: .* pass \[X\]") as error:
            use(pd.Series(X[0]), Y[0])
        assert "reshape(-1, 1)" not in str(error.value)


def test_channels_on_the_last_axis_are_refused_with_a_fix():
    for transform in (lambda three: three, list):
        three = np.stack([X, X, X], axis=1)
        fix = r"recording\.T for each recording" if transform is list else r"X\.transpose\(0, 2, 1\)"
        fitted = make_segmenter().fit(transform(three), Y)
        filler = FillGaps().fit(transform(three))
        for use in (fitted.predict, filler.transform):
            message = f"X has 40 channels, .* with 3; .*Its other axis has length 40; .*{fix}"
            with pytest.raises(ValueError, match=message):
                use(transform(three.transpose(0, 2, 1)))
            with pytest.raises(ValueError, match=r"X has 2 channels, .* with 3; .* same order\.$"):
                use(transform(three[:, :2]))


def test_predict_compares_channel_names_with_fit():
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
        """Row: a long, narrow table, such as one recording with a row per sample"""
        long = RNG.normal(size=(400, 3))
        message = re.escape(ROWS["a long, narrow table, such as one recording with a row per sample"][1][0])
        for table, fix in ((long, r"\[X.T\]"), (torch.tensor(long), r"\[X.T\]"), (pd.DataFrame(long), r"\[X\]")):
            with pytest.warns(UserWarning, match=f"{message}.*one recording, pass {fix}, with its labels in a list"):
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
        """Row: a Panel that lacks samples, such as one that was split by rows"""
        frame = put_on_index(X, 0)
        torn = frame.drop((frame.index[40][0], 6))
        with pytest.warns(UserWarning, match="recording 1 lacks samples before time 7.*list of recordings"):
            assert as_recordings(torn).lengths.tolist() == [40, 39, 40, 40]
        assert as_recordings(frame[frame.index.get_level_values(1) % 2 == 0]).lengths.tolist() == [20] * 4

    def test_uneven_times(self):
        """Row: a list of Series on times that lack samples, repeat, or run backwards"""
        times = pd.date_range("2026-01-01", periods=41, freq="s", tz="UTC").delete(3)
        message = r"recording 1 has uneven times: sample 3 \(.*\) leaves a gap after the sample before it"
        with pytest.warns(UserWarning, match=message):
            make_segmenter().fit([X[0], pd.Series(X[1], times)], list(Y[:2]))

    def test_another_rate(self):
        """Row: times whose rate differs from `sampling_rate`"""
        with pytest.warns(
            UserWarning, match="recording 0 has times 1 s apart, 1 samples per second, but sampling_rate=250"
        ):
            make_segmenter(sampling_rate=250).fit([pd.Series(x, TIMES) for x in X], list(Y))

    def test_several_rates(self):
        """Row: a list of Series on times of different rates"""
        clocks = [TIMES, pd.date_range("2026-01-01", periods=40, freq="500ms")]
        signals = [pd.Series(x, clock) for x, clock in zip(X[:2], clocks, strict=True)]
        message = ROWS["a list of Series on times of different rates"][1][0]
        with pytest.warns(UserWarning, match=message):
            make_segmenter().fit(signals, list(Y[:2]))
        with pytest.raises(ValueError, match=message):
            Recordings.from_arrays(signals)

    def test_channels_on_the_last_axis(self):
        """Row: an array (n, T, C) of few channels, whose last axis is not time"""
        with pytest.warns(UserWarning, match=r"500 channels of 2 samples.*pass X\.transpose\(0, 2, 1\)"):
            as_recordings(RNG.normal(size=(4, 500, 2)))

    def test_channels_on_the_last_axis_in_a_list(self):
        """Row: a list of recordings (T, C)"""
        message = re.escape(ROWS["a list of recordings (T, C)"][1][0])
        with pytest.warns(UserWarning, match=f"X: {message}.*recording.T"):
            make_segmenter().fit(list(RNG.normal(size=(4, 400, 3))), [0, 1, 0, 1])

    def test_dimensions(self, wanted):
        """Row: an xarray `DataArray`"""
        signals = pytest.importorskip("xarray").DataArray(X.T, dims=("time", "trial"))
        np.testing.assert_array_equal(make_segmenter().fit(signals, Y).predict_proba(signals), wanted)

    def test_columns(self, wanted):
        """Row: tables and columns of polars and Arrow"""
        polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
        for make in (lambda x: polars.DataFrame({"a": x}), pyarrow.array, lambda x: pyarrow.table({"a": x})):
            found = make_segmenter().fit([make(x) for x in X], Y).predict_proba([make(x) for x in X])
            np.testing.assert_array_equal(np.stack(found), wanted)

    def test_a_channel_of_labels(self):
        """Row: a channel that has one value for each class of `y`"""
        message = ROWS["a channel that has one value for each class of `y`"][1][0]
        with pytest.warns(UserWarning, match=f"channel 1 {message}"):
            make_segmenter().fit(np.stack([X, Y], axis=1), Y)

    def test_a_channel_of_times(self):
        """Row: a channel that rises evenly, beside others"""
        message = ROWS["a channel that rises evenly, beside others"][1][0]
        with pytest.warns(UserWarning, match=f"channel 1 {message}"):
            make_segmenter().fit(np.stack([X, np.tile(np.arange(40.0), (4, 1))], axis=1), Y)

    def test_cells_of_several_channels(self):
        frame = pd.DataFrame({"a": list(X), "b": list(-X)})
        recordings = as_recordings(frame)
        assert (recordings.n_channels, recordings.channel_names) == (2, ("a", "b"))
        np.testing.assert_array_equal(recordings.read(2), np.stack([X[2], -X[2]]).astype(np.float32))
        frame["b"] = [x[: 9 + i] for i, x in enumerate(X)]
        with pytest.raises(ValueError, match=r"X: recording 0 has channels of \[40, 9\] samples"):
            as_recordings(frame)


def test_every_row_is_a_test():
    documented = list_documented_rows(
        *vars(TestTables).values(),
        TestVeryManyRecordings,
        test_masked_values_of_a_file,
        test_a_closed_file,
        test_a_number_that_means_no_value,
    )
    assert {*SAME, *FINITE, *REFUSED, ONE_CELL, PLAIN} | documented == set(ROWS)


class TestFixes:
    """Containers that can't be read name the line that mends them, and the line works."""

    @pytest.mark.parametrize("n_channels", [3, 5, 12])
    @pytest.mark.parametrize("kind", ["array", "list", "frames"])
    def test_time_first(self, n_channels, kind):
        values = RNG.normal(size=(4, 400, n_channels))
        given = {"array": values, "list": list(values), "frames": [pd.DataFrame(x.T) for x in values]}[kind]
        fix = {"array": r"X\.transpose\(0, 2, 1\)", "list": r"recording\.T", "frames": r"table\.T"}[kind]
        with pytest.warns(UserWarning, match=f"taken as 400 channels of {n_channels} samples.*{fix}"):
            make_segmenter().fit(given, [0, 1, 0, 1])

    def test_time_first_in_a_ragged_list(self):
        with pytest.raises(ValueError, match=r"recording 1 has 350 channels, .*if it is the first, pass recording\.T"):
            as_recordings([np.zeros((400, 3)), np.zeros((350, 3))])

    def test_an_axis_of_one_channel(self):
        with pytest.raises(ValueError, match=r"time must be the last axis: pass X\[\.\.\., 0\]"):
            make_segmenter().fit(X[..., None], Y)

    def test_a_dictionary(self):
        with pytest.raises(TypeError, match=r"X is a dictionary; .*pass list\(X\.values\(\)\)") as caught:
            as_recordings(dict(enumerate(X)))
        assert len(str(caught.value)) < 300

    def test_three_levels(self):
        index = pd.MultiIndex.from_product([["a", "b"], range(2), range(40)])
        frame = pd.DataFrame({"x": X.ravel()}, index)
        with pytest.raises(
            ValueError, match=r"3 levels, expected \(instance, time\)\. Join the outer levels"
        ) as caught:
            as_recordings(frame)
        names = {"X": frame, "pd": pd}
        exec(re.search(r"X\.index = .*\]\)", str(caught.value))[0], names)
        assert as_recordings(names["X"]).lengths.tolist() == [40] * 4

    @pytest.mark.parametrize("n_channels", [1, 2])
    @pytest.mark.parametrize("frame", [False, True])
    def test_padded_rows(self, n_channels, frame):
        ends = [40, 25, 30, 40]
        x = np.where(np.arange(40) < np.array(ends)[:, None], X, np.nan)
        if n_channels == 2:
            x = np.stack([x, -x], axis=1)
        given = pd.DataFrame(x) if frame and n_channels == 1 else x
        with pytest.raises(ValueError, match="recording 1 has .*looks padded. Pass a list: ") as caught:
            make_segmenter().fit(given, Y)
        names = {"X": given, "y": Y, "np": np}
        exec(re.search(r"Pass a list: (.*)\. Fill gaps", str(caught.value))[1], names)
        signals, labels = list(names["X"]), list(names["y"])
        assert as_recordings(signals).lengths.tolist() == ends
        assert [len(one) for one in labels] == ends
        with pytest.raises(ValueError, match=r"recording 1 .*looks padded. Cut it, .*recording\[\.\.\., 0:25\]"):
            as_recordings(list(x)).check_finite()

    def test_gaps_are_not_padding(self):
        x = spoil(np.nan)
        x[1, 30:] = np.nan
        with pytest.raises(ValueError, match="recording 1 has 11 NaN and 0 infinite values. Fill them"):
            make_segmenter().fit(x, Y)
