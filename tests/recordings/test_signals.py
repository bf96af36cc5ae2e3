"""Every entry point reads signals with the same checks: channels, values and clock."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sslts.recordings import Channels, as_recordings, read_chunk, read_signals

NAMED = Channels(2, ("x", "y"), "FixMatchSegmenter")
UNNAMED = Channels(2, None, "FixMatchSegmenter")


def make_frames(*names):
    values = np.random.default_rng(0).normal(size=(3, 50, len(names)))
    return [pd.DataFrame(one, columns=list(names)) for one in values]


def make_series(freq):
    times = pd.date_range("2026-03-02", periods=50, freq=freq)
    return [pd.Series(x, times) for x in np.random.default_rng(0).normal(size=(2, 50))]


class TestChannels:
    def test_channels_of_the_fit_are_accepted(self):
        recordings = read_signals(make_frames("x", "y"), fitted=NAMED)
        assert (len(recordings), recordings.n_channels, recordings.channel_names) == (3, 2, ("x", "y"))

    def test_channels_are_compared_only_after_a_fit(self):
        assert read_signals(np.zeros((2, 5, 30))).n_channels == 5

    @pytest.mark.parametrize("fitted", [NAMED, UNNAMED])
    def test_another_number_of_channels_is_refused(self, fitted):
        message = (
            r"X has 3 channels, FixMatchSegmenter was fitted with 2; .* with the same channels in the same order\.$"
        )
        with pytest.raises(ValueError, match=message):
            read_signals(make_frames("x", "y", "z"), fitted=fitted)

    def test_swapped_axes_are_named(self):
        with pytest.raises(ValueError, match=r"time must be the last axis: pass X\.transpose\(0, 2, 1\)\.$"):
            read_signals(np.zeros((3, 50, 2)), fitted=Channels(2, None, "FixMatchSegmenter"), missing=True)

    def test_names_in_another_order_are_refused(self):
        message = (
            r"X has the channels \['y', 'x'\], FixMatchSegmenter was fitted on \['x', 'y'\]; .* the same order, .*"
        )
        with pytest.raises(ValueError, match=message + r"frame\[\['x', 'y'\]\]\.$"):
            read_signals(make_frames("y", "x"), fitted=NAMED)

    def test_other_names_are_refused(self):
        message = r"X has the channels \['x', 'z'\], FixMatchSegmenter was fitted on \['x', 'y'\]; .*rename them, .*"
        with pytest.raises(ValueError, match=message + r"frame\.set_axis\(\['x', 'y'\], axis=1\)\.$"):
            read_signals(make_frames("x", "z"), fitted=NAMED)

    def test_names_in_one_order_are_refused_even_if_they_are_numbers(self):
        with pytest.raises(ValueError, match="pass them in the same order"):
            read_signals(make_frames(1, 0), fitted=Channels(2, (0, 1), "FixMatchSegmenter"))

    @pytest.mark.parametrize(
        ("X", "fitted"),
        [
            (np.zeros((3, 2, 50)), NAMED),
            (make_frames("a", "b"), UNNAMED),
            (make_frames(0, 1), NAMED),
            (make_frames("x", 1), NAMED),
            (make_frames("a"), Channels(1, ("x",), "FixMatchSegmenter")),
        ],
        ids=["no names", "no names in fit", "numbers", "a number", "one channel"],
    )
    def test_channels_without_comparable_names_are_accepted(self, X, fitted):
        assert read_signals(X, fitted=fitted).n_channels == fitted.number

    def test_channels_are_checked_before_values(self):
        with pytest.raises(ValueError, match="X has 1 channels"):
            read_signals([[np.nan, 1.0]], fitted=UNNAMED)

    def test_channels_are_equal_by_value(self):
        assert Channels(2, ("x", "y"), "FixMatchSegmenter") == NAMED != UNNAMED


class TestClock:
    def test_another_sampling_rate_is_warned_of(self):
        message = "X: recording 0 has times 0.008 s apart, 125 samples per second, but sampling_rate=250"
        with pytest.warns(UserWarning, match=message) as caught:
            read_signals(make_series("8ms"), sampling_rate=250)
        assert caught[0].filename == __file__

    @pytest.mark.parametrize("sampling_rate", [125, 125.5, None])
    def test_the_rate_of_the_clock_is_accepted(self, sampling_rate):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_signals(make_series("8ms"), sampling_rate=sampling_rate)

    def test_signals_without_clock_are_not_compared(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_signals(np.zeros((2, 50)), sampling_rate=250)

    def test_the_name_of_the_argument_is_in_the_message(self):
        with pytest.warns(UserWarning, match="unlabeled: recording 0 has times"):
            read_signals(make_series("8ms"), sampling_rate=250, name="unlabeled")


class TestValues:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_missing_values_are_refused_unless_they_are_allowed(self, value):
        X = np.ones((3, 20))
        X[1, 4] = value
        with pytest.raises(ValueError, match="X: recording 1 has . NaN and . infinite values"):
            read_signals(X)
        assert not np.isfinite(read_signals(X, missing=True).read(1, 4, 5, missing=True)).any()

    def test_values_beyond_float32_are_refused_beside_missing_values(self):
        with pytest.raises(ValueError, match=r"X: recording 0 has values of 1e\+300, out of the range of float32"):
            read_signals([[np.nan, 1e300]], missing=True)

    def test_values_must_be_smaller_without_normalization(self):
        read_signals([[0.0, 1e12]], plain=True)
        read_signals([[0.0, 2e12]])
        message = (
            r"X: recording 0 has values up to 2e\+12; with normalization=None, the largest allowed value is 1e\+12"
        )
        with pytest.raises(ValueError, match=message):
            read_signals([[0.0, 2e12]], plain=True)

    def test_values_that_would_be_rounded_to_zero_are_refused(self):
        with pytest.raises(ValueError, match="recording 1 has values of 1e-300, out of the range of float32"):
            read_signals([[0.0, 1.0], [0.0, 1e-300]])

    def test_the_name_of_the_argument_is_in_the_message(self):
        with pytest.raises(ValueError, match="unlabeled: recording 0 has 1 NaN"):
            read_signals([[np.nan, 1.0]], name="unlabeled")

    def test_recordings_are_checked_again(self):
        recordings = as_recordings([[np.nan, 1.0]])
        assert read_signals(recordings, missing=True) is recordings
        with pytest.raises(ValueError, match="recording 0 has 1 NaN"):
            read_signals(recordings)


class TestChunk:
    @pytest.mark.parametrize(
        ("chunk", "n_channels", "shape"),
        [
            ([1.0, 2.0], 1, (1, 2)),
            (np.zeros((1, 3)), 1, (1, 3)),
            ([[1, 2, 3], [4, 5, 6]], 2, (2, 3)),
            (np.zeros((2, 0)), 2, (2, 0)),
            (memoryview(np.zeros(4)), 1, (1, 4)),
        ],
    )
    def test_chunks_have_an_axis_of_channels(self, chunk, n_channels, shape):
        assert read_chunk(chunk, n_channels, first=0).shape == shape

    @pytest.mark.parametrize(("dtype", "wanted"), [("i2", "f4"), ("f4", "f4"), ("i8", "f8"), ("f8", "f8")])
    def test_values_keep_their_digits(self, dtype, wanted):
        assert read_chunk(np.ones(3, dtype=dtype), 1, first=0).dtype == wanted

    @pytest.mark.parametrize(
        ("chunk", "n_channels"), [(np.zeros(4), 2), (np.zeros((3, 4)), 2), (np.zeros((1, 1, 4)), 1)]
    )
    def test_another_shape_is_refused(self, chunk, n_channels):
        with pytest.raises(ValueError, match=rf"chunk has shape \(.*\); pass \({n_channels}, t\), time last"):
            read_chunk(chunk, n_channels, first=0)

    @pytest.mark.parametrize(
        ("chunk", "count", "at"),
        [
            ([[0.0, np.nan, 0.0, np.nan]], 2, 101),
            ([[0.0, 0.0, np.inf], [-np.inf, 0.0, 0.0]], 2, 100),
            (np.ma.masked_equal([[0.0, 0.0, 9.0]], 9.0), 1, 102),
            ([0.0, None], 1, 101),
        ],
        ids=["NaN", "infinite", "masked", "None"],
    )
    def test_missing_values_are_refused_with_their_position_in_the_stream(self, chunk, count, at):
        message = f"chunk holds {count} NaN, masked or infinite values, the first at sample {at}; fill them"
        with pytest.raises(ValueError, match=message):
            read_chunk(chunk, np.atleast_2d(chunk).shape[0], first=100)

    def test_too_large_values_are_refused_with_their_position_in_the_stream(self):
        with pytest.raises(ValueError, match=r"chunk, beginning at sample 100, has values of 1e\+39, out of the range"):
            read_chunk([0.0, 1e39], 1, first=100)

    def test_values_must_be_smaller_without_normalization(self):
        assert read_chunk([2e12], 1, first=100).tolist() == [[2e12]]
        message = r"chunk, beginning at sample 100, has values up to 2e\+12; with normalization=None"
        with pytest.raises(ValueError, match=message):
            read_chunk([2e12], 1, first=100, plain=True)

    @pytest.mark.parametrize("chunk", [["a", "b"], [object()]])
    def test_other_values_than_numbers_are_refused(self, chunk):
        with pytest.raises((TypeError, ValueError), match="chunk"):
            read_chunk(chunk, 1, first=0)


class TestTablesInAStream:
    """A table that is pushed has time down its rows, and names; an array has time last."""

    table = make_frames("x", "y")[0]

    def test_rows_are_samples(self):
        for rows in (50, 2, 1):  # 2 rows of 2 channels: the shape alone does not tell
            found = read_chunk(self.table[:rows], 2, first=0, fitted=NAMED)
            np.testing.assert_array_equal(found, self.table[:rows].to_numpy().T)

    def test_names_are_those_of_the_fit(self):
        with pytest.raises(ValueError, match=r"chunk has the channels \['y', 'x'\], .*pass them in the same order"):
            read_chunk(self.table[["y", "x"]], 2, first=0, fitted=NAMED)
        with pytest.raises(ValueError, match="chunk has the channels .*rename them"):
            read_chunk(self.table.set_axis(["x", "z"], axis=1), 2, first=0, fitted=NAMED)
        assert read_chunk(self.table[["y", "x"]], 2, first=0, fitted=UNNAMED).shape == (2, 50)

    @pytest.mark.parametrize("library", ["polars", "xarray"])
    def test_other_libraries(self, library):
        module, values = pytest.importorskip(library), self.table.to_numpy()
        table = (
            module.DataFrame(dict(self.table))
            if library == "polars"
            else module.DataArray(values, dims=("time", "channel"), coords={"channel": ["x", "y"]})
        )
        np.testing.assert_array_equal(read_chunk(table, 2, first=0, fitted=NAMED), values.T)

    def test_the_clock_of_a_chunk(self):
        torn = self.table.set_axis(pd.date_range("2026", periods=60, freq="10ms").delete(range(20, 30)))
        with pytest.warns(UserWarning, match="chunk has uneven times: sample 20"):
            read_chunk(torn, 2, first=0, fitted=NAMED)
        with pytest.warns(UserWarning, match="chunk has times 0.01 s apart, .*sampling_rate=50"):
            read_chunk(torn[:20], 2, first=0, fitted=NAMED, sampling_rate=50)
