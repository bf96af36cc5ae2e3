"""xarray is read by its dimensions, polars and Arrow are read as pandas is."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import TINY

from sslts import SupervisedSegmenter
from sslts.annotations import as_labels
from sslts.datasets import make_recordings
from sslts.metrics import mean_iou
from sslts.model_selection import mask_labels
from sslts.recordings import as_recordings

X, Y = make_recordings(4, n_samples=90, segment_length=12, random_state=0)
X2 = np.stack([X, -X], axis=1)


def make_segmenter():
    return SupervisedSegmenter(network=TINY, max_steps=2, random_state=0)


class TestXarray:
    @pytest.fixture(autouse=True)
    def xarray(self):
        self.xarray = pytest.importorskip("xarray")

    @pytest.mark.parametrize("time", ["time", "t", "Time", "timestamp", "time_s", "time [s]", "sample"])
    @pytest.mark.parametrize("turned", [False, True])
    def test_time_is_where_its_name_says(self, time, turned):
        arrays = [self.xarray.DataArray(values, dims=("trial", time)) for values in (X, Y)]
        signals, labels = [one.T for one in arrays] if turned else arrays
        wanted = make_segmenter().fit(X, Y)
        fitted = make_segmenter().fit(signals, labels)
        np.testing.assert_array_equal(fitted.predict_proba(signals), wanted.predict_proba(X))
        assert fitted.score(signals, labels) == wanted.score(X, Y)
        assert mean_iou(labels, labels.isel(trial=slice(None))) == 1
        masked = mask_labels(labels, n_labeled=2, random_state=0)
        assert masked.dims == labels.dims
        np.testing.assert_array_equal(masked.transpose("trial", time), mask_labels(Y, n_labeled=2, random_state=0))

    @given(st.permutations(["recording", "channel", "time"]))
    def test_every_order_of_dimensions_gives_the_same_recordings(self, order):
        xarray = pytest.importorskip("xarray")
        signals = xarray.DataArray(X2, dims=("recording", "channel", "time")).transpose(*order)
        read = as_recordings(signals)
        for i, x in enumerate(X2):
            np.testing.assert_array_equal(read.read(i), x.astype(np.float32))

    def test_items_of_a_list_are_read_by_name_too(self):
        items = [self.xarray.DataArray(x.T, dims=("time", "lead"), coords={"lead": ["I", "II"]}) for x in X2]
        read = as_recordings(items)
        assert read.channel_names == ("I", "II")
        np.testing.assert_array_equal(read.read(1), X2[1].astype(np.float32))
        with pytest.raises(ValueError, match="pass them in the same order"):
            as_recordings([items[0], items[1].isel(lead=[1, 0])])

    def test_a_dimension_with_dates_is_time(self):
        clock = pd.date_range("2026-01-01", periods=90, freq="s")
        signals = self.xarray.DataArray(X.T, dims=("a", "b"), coords={"a": clock})
        assert as_recordings(signals).lengths.tolist() == [90] * 4

    @pytest.mark.parametrize(
        ("dims", "shape", "message"),
        [
            (("channel", "time"), (4, 90), r"one recording with channels; pass \[X\]"),
            (("time", "sample"), (90, 4), "leaves open where time is; rename"),
            (("time", "trial_time"), (90, 4), "leaves open where time is"),
            (("trial", "channel"), (4, 90), "leaves open where time is"),
            (("time", "a", "b"), (90, 4, 2), "leaves open where channels is"),
        ],
    )
    def test_an_open_meaning_is_refused(self, dims, shape, message):
        with pytest.raises(ValueError, match=message):
            as_recordings(self.xarray.DataArray(np.zeros(shape), dims=dims))

    def test_names_that_say_nothing_leave_the_positions(self):
        assert as_recordings(self.xarray.DataArray(X2)).n_channels == 2

    def test_labels_follow_their_coordinates(self):
        signals = self.xarray.DataArray(X, dims=("trial", "time"), coords={"trial": list("abcd"), "time": range(90)})
        labels = signals.copy(data=Y).isel(trial=[2, 0, 3, 1], time=slice(None, None, -1))
        np.testing.assert_array_equal(as_labels(labels, as_recordings(signals)), Y)
        assert mean_iou(labels, signals.copy(data=Y)) == 1
        single = [labels.sel(trial=name) for name in "abcd"]
        np.testing.assert_array_equal(as_labels(single, as_recordings(signals)), Y)

    def test_a_dataset_is_refused_with_a_fix(self):
        with pytest.raises(TypeError, match=r"X is a Dataset; .*X\.to_dataarray"):
            make_segmenter().fit(self.xarray.Dataset({"v": (("trial", "time"), X)}), Y)

    def test_gaps_and_rates_of_a_coordinate(self):
        torn = pd.date_range("2026-01-01", periods=100, freq="s").delete(range(40, 50))
        signals = self.xarray.DataArray(X.T, dims=("time", "trial"), coords={"time": torn})
        with pytest.warns(UserWarning, match="leaves a gap") as caught:
            make_segmenter().set_params(sampling_rate=50).fit(signals, Y)
        assert any("1 samples per second, but sampling_rate=50" in str(one.message) for one in caught)


def make_kind(kind, values):
    library, _, name = kind.partition(".")
    module = pytest.importorskip(library)
    if name in ("DataFrame", "table"):
        return getattr(module, name)({"v": values})
    return module.chunked_array([values]) if name == "chunked_array" else getattr(module, name)(values)


@pytest.mark.parametrize(
    "kind", ["polars.Series", "polars.DataFrame", "pyarrow.array", "pyarrow.chunked_array", "pyarrow.table"]
)
def test_columns_and_tables_of_polars_and_arrow(kind):
    signals, labels = ([make_kind(kind, one) for one in values] for values in (X, Y))
    wanted = make_segmenter().fit(list(X), list(Y))
    fitted = make_segmenter().fit(signals, labels)
    for found, proba in zip(fitted.predict_proba(signals), wanted.predict_proba(list(X)), strict=True):
        np.testing.assert_array_equal(found, proba)
    assert mean_iou(labels, list(Y)) == 1
    assert fitted.channel_names_ == (("v",) if kind in ("polars.DataFrame", "pyarrow.table") else None)


def test_missing_values_of_arrow_are_missing():
    pyarrow = pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="recording 0 has 1 NaN"):
        make_segmenter().fit([pyarrow.array([1, None, *range(88)])], [Y[0]])


def test_columns_of_polars_are_compared_by_name():
    polars = pytest.importorskip("polars")
    frames = [polars.DataFrame({"a": x, "b": -x}) for x in X]
    fitted = make_segmenter().fit(frames, Y)
    with pytest.raises(ValueError, match="pass them in the same order"):
        fitted.predict([frame.select("b", "a") for frame in frames])
