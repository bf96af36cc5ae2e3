"""Transformers keep the length of recordings and the kind of container."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.features import WindowStatistics
from sslts.networks import UNet
from sslts.preprocessing import ButterworthFilter, FillGaps, RecordingStandardizer, WindowFeatures
from sslts.recordings import Recordings, as_recordings

TRANSFORMERS = [
    RecordingStandardizer(),
    ButterworthFilter(low=1, high=20, sampling_rate=100),
    ButterworthFilter(),
    FillGaps(),
]


def make(shape, seed=0):
    return np.random.default_rng(seed).normal(3, 2, size=shape)


CLOCK = pd.date_range("2026-01-01", periods=80, freq="10ms", tz="UTC")
NAMES = ["force", "speed"]


def make_rows(names):
    index = pd.MultiIndex.from_product([names, CLOCK[:40]], names=["file", "time"])
    return pd.DataFrame(make((80, 2)), index, NAMES)


def make_data_array():
    xarray = pytest.importorskip("xarray")
    dims = ("time", "trial", "channel")
    return xarray.DataArray(make((80, 2, 2)), dims=dims, coords={"time": CLOCK.tz_localize(None), "channel": NAMES})


CONTAINERS = {
    "frame": lambda: pd.DataFrame(make((2, 80)), index=["b", "a"], columns=CLOCK),
    "list of Series": lambda: [pd.Series(make(80), CLOCK, name="v"), pd.Series(make(60), CLOCK[:60])],
    "list of frames": lambda: [pd.DataFrame(make((size, 2)), CLOCK[:size], NAMES) for size in (80, 80)],
    "ragged frames": lambda: [pd.DataFrame(make((size, 2)), CLOCK[:size], NAMES) for size in (80, 60)],
    "multi-index": lambda: make_rows(["b", "a"]),
    "rows of instances mixed": lambda: make_rows(["b", "a"]).iloc[np.arange(80).reshape(2, 40).T.ravel()],
    "nested": lambda: pd.DataFrame({name: [pd.Series(make(80), CLOCK)] * 2 for name in NAMES}, index=["b", "a"]),
    "cells": lambda: pd.DataFrame({name: [make(80), make(60)] for name in NAMES}, index=["b", "a"]),
    "objects": lambda: pd.Series([make(80), make(60)], index=["b", "a"], name="v"),
    "recordings": lambda: as_recordings([pd.Series(make(80), CLOCK), pd.Series(make(60), CLOCK[:60])]),
    "xarray": make_data_array,
    "list of xarray": lambda: [make_data_array().isel(trial=i, drop=True) for i in range(2)],
    "polars": lambda: [pytest.importorskip("polars").DataFrame(dict(zip(NAMES, make((2, 80)), strict=True)))] * 2,
    "Arrow": lambda: [pytest.importorskip("pyarrow").table(dict(zip(NAMES, make((2, 80)), strict=True)))] * 2,
    "columns of Arrow": lambda: [pytest.importorskip("pyarrow").array(make(80))] * 2,
}


def check_same_container(out, given):
    """Check that type, index, names and clock are those of the given container."""
    if not type(given).__module__.startswith("pyarrow"):  # which has a class for each type of number
        assert type(out) is type(given)
    if isinstance(given, list):
        for one, other in zip(out, given, strict=True):
            check_same_container(one, other)
    elif isinstance(given, pd.DataFrame):
        pd.testing.assert_index_equal(out.index, given.index)
        pd.testing.assert_index_equal(out.columns, given.columns)
        if isinstance(given.iloc[0, 0], (pd.Series, np.ndarray)):
            for one, other in zip(out.to_numpy().ravel(), given.to_numpy().ravel(), strict=True):
                check_same_container(one, other)
    elif isinstance(given, pd.Series):
        pd.testing.assert_index_equal(out.index, given.index)
        assert out.name == given.name
    elif type(given).__module__.startswith("xarray"):
        assert out.dims == given.dims
        assert out.coords.equals(given.coords)
    elif hasattr(given, "column_names"):
        assert out.column_names == given.column_names
    elif hasattr(given, "iter_columns"):
        assert out.columns == given.columns


@pytest.mark.parametrize("index", [list("abcdef"), range(6)], ids=["names", "default"])
def test_labels_on_an_index_keep_their_order_behind_transformers(index):
    X, y = make_recordings(6, n_samples=200, random_state=0)
    signals, labels = pd.DataFrame(X, index), pd.DataFrame(y, index)
    if index == range(6):
        signals, labels = signals.reset_index(drop=True), labels.reset_index(drop=True)
    other = labels.iloc[[3, 0, 5, 1, 4, 2]][labels.columns[::-1]]
    pipeline = make_pipeline(
        FillGaps(),
        ButterworthFilter(high=0.4),
        RecordingStandardizer(),
        SupervisedSegmenter(max_steps=2, random_state=0),
    )
    wanted = clone(pipeline).fit(X, y)
    np.testing.assert_array_equal(pipeline.fit(signals, other).predict_proba(X), wanted.predict_proba(X))
    assert pipeline.score(signals, other) == wanted.score(X, y)


def test_the_clock_is_compared_behind_a_transformer():
    X, y = make_recordings(2, n_samples=80, segment_length=12, random_state=0)
    pipeline = make_pipeline(FillGaps(), SupervisedSegmenter(max_steps=1, sampling_rate=50))
    with pytest.warns(UserWarning, match="100 samples per second, but sampling_rate=50"):
        pipeline.fit([pd.Series(x, CLOCK) for x in X], list(y))


def test_an_array_with_padded_rows_is_warned_of():
    x = make((3, 60))
    x[0, 40:] = x[2, 50:] = np.nan
    with pytest.warns(UserWarning, match=r"recording 0, like 1 others, .*looks padded.* Pass a list: k = ~np.isnan"):
        FillGaps().fit_transform(x)
    x[1, 10] = np.nan  # a gap within a row
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FillGaps().fit_transform(x)


def test_rates_and_cutoffs_may_be_fractions():
    x = make((2, 300))
    exact = ButterworthFilter(high=Fraction(10), sampling_rate=Fraction(30000, 1001)).fit_transform(x)
    np.testing.assert_allclose(exact, ButterworthFilter(high=10, sampling_rate=30000 / 1001).fit_transform(x))


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)
class TestEveryTransformer:
    @pytest.mark.parametrize("shape", [(4, 120), (4, 2, 120)])
    def test_array_in_array_out(self, transformer, shape):
        out = clone(transformer).fit_transform(make(shape))
        assert isinstance(out, np.ndarray)
        assert out.shape == shape

    def test_list_in_list_out(self, transformer):
        X = [make(80), make(120)]
        assert [x.shape for x in clone(transformer).fit_transform(X)] == [(80,), (120,)]
        X = [make((2, 80)), make((2, 120))]
        assert [x.shape for x in clone(transformer).fit_transform(X)] == [(2, 80), (2, 120)]

    @pytest.mark.parametrize("kind", CONTAINERS)
    def test_the_container_its_index_and_its_names_stay(self, transformer, kind):
        given = CONTAINERS[kind]()
        out = clone(transformer).fit_transform(given)
        check_same_container(out, given)
        wanted = clone(transformer).fit_transform([as_recordings(given).read(i) for i in range(2)])
        for i, one in enumerate(wanted):
            np.testing.assert_allclose(as_recordings(out).read(i), one, rtol=1e-5, atol=1e-5)

    def test_each_recording_is_transformed_separately(self, transformer):
        X = make((4, 120))
        together = clone(transformer).fit_transform(X)
        alone = clone(transformer).fit_transform(X[2:3])
        np.testing.assert_array_equal(together[2:3], alone)

    def test_the_input_is_not_changed(self, transformer):
        X = make((4, 120))
        before = X.copy()
        clone(transformer).fit_transform(X)
        np.testing.assert_array_equal(X, before)

    def test_other_channels_are_refused(self, transformer):
        fitted = clone(transformer).fit(make((4, 2, 60)))
        with pytest.raises(ValueError, match=r"X has 3 channels, .* was fitted with 2"):
            fitted.transform(make((4, 3, 60)))

    def test_missing_values_are_named(self, transformer):
        if isinstance(transformer, FillGaps):
            pytest.skip("FillGaps fills missing values")
        X = make((4, 60))
        X[3, 5] = np.nan
        with pytest.raises(ValueError, match="recording 3 has 1 NaN"):
            clone(transformer).fit(X)

    def test_check_estimator(self, transformer):
        check_estimator(
            clone(transformer),
            expected_failed_checks={"check_n_features_in_after_fitting": "transform takes recordings of any length"},
            on_skip=None,
        )


class TestFillGaps:
    nan = np.nan
    x = np.array([nan, 1, nan, nan, nan, 5, np.inf, 7, nan])

    @pytest.mark.parametrize(
        ("method", "max_length", "wanted"),
        [
            ("linear", None, [1, 1, 2, 3, 4, 5, 6, 7, 7]),
            ("hold", None, [1, 1, 1, 1, 1, 5, 5, 7, 7]),
            ("linear", 2, [1, 1, nan, nan, nan, 5, 6, 7, 7]),
            ("hold", 3, [1, 1, 1, 1, 1, 5, 5, 7, 7]),
        ],
    )
    def test_methods(self, method, max_length, wanted):
        out = FillGaps(method=method, max_length=max_length).fit_transform(self.x[None])
        np.testing.assert_array_equal(out[0], wanted)

    @pytest.mark.parametrize("kind", ["array", "channels", "list", "ragged", "panel", "masked", "frame", "objects"])
    def test_every_container(self, kind):
        x = np.array([0, np.nan, 2, 3.0])
        X, wanted = {
            "array": (np.stack([x, x]), [[0, 1, 2, 3]] * 2),
            "channels": (np.stack([x, x])[None], [[[0, 1, 2, 3]] * 2]),
            "list": ([x, x], [[0, 1, 2, 3]] * 2),
            "ragged": ([x, x[:3]], [[0, 1, 2, 3], [0, 1, 2]]),
            "panel": ([pd.DataFrame(x)], [[[0], [1], [2], [3]]]),
            "masked": (np.ma.masked_invalid(x[None]), [[0, 1, 2, 3]]),
            "frame": (pd.DataFrame(x[None]).convert_dtypes(), [[0, 1, 2, 3]]),
            "objects": (np.array([[0, None, pd.NA, 3]], dtype=object), [[0, 1, 2, 3]]),
        }[kind]
        out = FillGaps().fit_transform(X)
        assert type(out) is {"list": list, "ragged": list, "panel": list, "frame": pd.DataFrame}.get(kind, np.ndarray)
        for got, want in zip(out.to_numpy() if kind == "frame" else out, wanted, strict=True):
            np.testing.assert_array_equal(got, want)

    @given(
        x=st.lists(
            st.one_of(st.floats(-1e3, 1e3, width=32, allow_subnormal=False), st.just(np.nan)), min_size=1, max_size=40
        ),
        method=st.sampled_from(["linear", "hold"]),
        max_length=st.one_of(st.none(), st.integers(1, 5)),
    )
    def test_known_values_stay_and_filled_ones_lie_between(self, x, method, max_length):
        x = np.array(x, dtype=np.float32)
        known = np.isfinite(x)
        if max_length is None and not known.any():
            return
        (out,) = FillGaps(method=method, max_length=max_length).fit_transform(x[None])
        np.testing.assert_array_equal(out[known], x[known])
        filled = np.isfinite(out)
        assert filled.all() or max_length is not None
        if known.any():
            assert (out[filled] >= x[known].min()).all()
            assert (out[filled] <= x[known].max()).all()

    def test_a_channel_without_finite_values_is_named(self):
        X = np.zeros((3, 2, 9))
        X[2, 1] = np.nan
        with pytest.raises(ValueError, match="channel 1 of recording 2 has no finite value"):
            FillGaps().fit_transform(X)
        assert np.isnan(FillGaps(max_length=4).fit_transform(X)[2, 1]).all()

    def test_values_out_of_range_are_not_filled(self):
        with pytest.raises(ValueError, match="recording 0 has values of 1e.300, out of the range of float32"):
            FillGaps().fit(np.array([[np.nan, 1e300, 0.0]]))


def test_standardizer_works_over_time():
    out = RecordingStandardizer().fit_transform(make((5, 3, 500)))
    np.testing.assert_allclose(out.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(-1), 1, atol=1e-5)


def test_a_constant_recording_becomes_zero():
    assert (RecordingStandardizer().fit_transform(np.full((1, 9), 7.3)) == 0).all()


def test_butterworth_removes_other_frequencies_without_a_delay():
    t = np.arange(2000) / 250
    wanted = np.sin(2 * np.pi * 10 * t)
    x = wanted + 5 + np.sin(2 * np.pi * 100 * t)
    out = ButterworthFilter(low=1, high=40, sampling_rate=250).fit_transform(x[None])[0]
    np.testing.assert_allclose(out[500:-500], wanted[500:-500], atol=0.05)


def test_butterworth_gives_equal_results_for_batches_and_single_recordings(monkeypatch):
    monkeypatch.setattr("sslts.preprocessing._SAMPLES_TOGETHER", 150)
    rng = np.random.default_rng(0)
    X = [rng.normal(size=size).astype(dtype) for size in (60, 60, 60, 50, 60) for dtype in (np.float32, np.float64)]
    transformer = ButterworthFilter(low=1, high=40, sampling_rate=250)
    for x, out in zip(X, transformer.fit_transform(X), strict=True):
        alone = transformer.fit_transform([x])[0]
        assert out.dtype == alone.dtype
        np.testing.assert_array_equal(out, alone)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"high": 60, "sampling_rate": 100}, "high=60 Hz; give a cutoff below half of sampling_rate=100"),
        ({"low": 20, "high": 10, "sampling_rate": 100}, "low=20 is not below high=10"),
        ({"low": -1}, "'low' parameter"),
    ],
)
def test_impossible_filters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        ButterworthFilter(**params).fit(make((2, 60)))


def test_a_large_offset_does_not_matter():
    x = make((2, 400))
    np.testing.assert_allclose(
        RecordingStandardizer().fit_transform(x + 1e8), RecordingStandardizer().fit_transform(x), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.int64])
def test_a_channel_that_varies_little_for_its_offset_is_not_constant(dtype):
    x = np.full(1_000_000, 1e5)
    x[500_000:500_040] += 1
    assert RecordingStandardizer().fit_transform(x.astype(dtype)[None]).max() == pytest.approx(158.1, abs=0.1)


@pytest.mark.parametrize("transformer", [RecordingStandardizer(), FillGaps()])
def test_a_file_with_values_beyond_float32_is_refused(transformer, tmp_path):
    x = np.memmap(tmp_path / "x", "float64", "w+", shape=(1, 400))
    x[0, 50] = 1e300
    with pytest.raises(ValueError, match="out of the range of float32"):
        transformer.fit_transform(x)


def test_a_file_with_gaps_can_be_filled(tmp_path):
    x = np.memmap(tmp_path / "x", "float64", "w+", shape=(1, 400))
    x[0, 50:60] = np.nan, *[np.inf] * 9
    assert not FillGaps().fit_transform(x).any()


@pytest.mark.parametrize("transformer", [FillGaps(), ButterworthFilter(high=0.2)])
def test_a_large_offset_costs_no_precision(transformer):
    x = np.sin(np.arange(600).reshape(2, 300) / 5)
    np.testing.assert_allclose(transformer.fit_transform(1e8 + x) - 1e8, transformer.fit_transform(x), atol=1e-5)
    assert transformer.fit_transform(x.astype(np.float32)).dtype == np.float32


def test_channels_in_a_different_order_are_refused():
    frames = [pd.DataFrame(make((30, 2), i), columns=["force", "vibration"]) for i in range(2)]
    fitted = RecordingStandardizer().fit(frames)
    with pytest.raises(ValueError, match="pass them in the same order"):
        fitted.transform([frame[["vibration", "force"]] for frame in frames])


def test_filling_most_of_a_recording_is_warned_of():
    x = np.full((1, 100), np.nan)
    x[0, ::10] = 1.0
    with pytest.warns(UserWarning, match="90% of recording 0 is missing") as caught:
        FillGaps().fit(x).transform(x)
    assert [warning.filename for warning in caught] == [__file__]  # not scikit-learn's file, which wraps transform


def test_channels_on_the_last_axis_are_warned_of():
    with pytest.warns(UserWarning, match=r"500 channels of 2 samples.*X\.transpose\(0, 2, 1\)"):
        RecordingStandardizer().fit(make((4, 500, 2)))


class TestWindowFeatures:
    def test_check_estimator(self):
        check_estimator(
            WindowFeatures(scales=(1, 4)),
            expected_failed_checks={"check_n_features_in_after_fitting": "transform takes recordings of any length"},
            on_skip=None,
        )

    @pytest.mark.parametrize("kind", CONTAINERS)
    def test_every_container_gets_the_features_as_channels(self, kind):
        given = CONTAINERS[kind]()
        read = as_recordings(given)
        transformer = WindowFeatures(scales=(1, 4)).fit(given)
        out = as_recordings(transformer.transform(given))
        assert out.n_channels == len(transformer.get_feature_names_out())
        assert out.lengths.tolist() == read.lengths.tolist()
        for i in range(len(read)):
            wanted = WindowStatistics((1, 4))(read.read(i))
            np.testing.assert_allclose(out.read(i), wanted, rtol=1e-4, atol=1e-4)

    def test_tables_keep_their_index_and_name_the_features(self):
        index = pd.date_range("2026-01-01", periods=30, freq="s")
        frames = [pd.DataFrame(make((30, 2)), index, ["acc", "gyro"]) for _ in range(2)]
        transformer = WindowFeatures(scales=(2,)).fit(frames)
        out = transformer.transform(frames)
        assert out[0].index.equals(index)
        assert out[0].columns.tolist() == transformer.get_feature_names_out().tolist()
        assert out[0].columns[:2].tolist() == ["acc, value", "gyro, value"]
        panel = pd.concat(frames, keys=["b", "a"])
        assert transformer.transform(panel).index.equals(panel.index)

    def test_recordings_stay_recordings(self):
        out = WindowFeatures(scales=(2,)).fit_transform(as_recordings(make((3, 2, 40))))
        assert isinstance(out, Recordings)
        assert out.read(1).shape == (out.n_channels, 40)

    @pytest.mark.parametrize("scales", [(), (0,), (3, 1), "ab", 5])
    def test_scales_that_are_no_lengths_are_refused(self, scales):
        with pytest.raises(ValueError, match="scales"):
            WindowFeatures(scales=scales).fit(make((2, 40)))

    def test_names_of_another_number_of_channels_are_refused(self):
        with pytest.raises(ValueError, match="input_features has 3 names; give one for each of 2 channels"):
            WindowFeatures().fit(make((2, 2, 40))).get_feature_names_out(["a", "b", "c"])
        with pytest.raises(NotFittedError):
            WindowFeatures().get_feature_names_out()

    def test_a_segmenter_sees_them_as_channels(self):
        X, y = make_recordings(4, n_samples=200, random_state=0)
        network = UNet(width=4, depth=1)
        segmenter = FixMatchSegmenter(network=network, max_steps=2, batch_size=2, random_state=0)
        pipeline = make_pipeline(RecordingStandardizer(), WindowFeatures(scales=(2, 8)), segmenter).fit(X, y)
        assert pipeline.predict(X).shape == (4, 200)
        assert segmenter.get_params() == pipeline[-1].get_params()
        assert pipeline[-1].n_channels_ == len(pipeline[1].get_feature_names_out())
