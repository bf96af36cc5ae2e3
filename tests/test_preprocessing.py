"""Transformers keep the length of recordings and the kind of container."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from sslts.preprocessing import ButterworthFilter, FillGaps, RecordingStandardizer

TRANSFORMERS = [
    RecordingStandardizer(),
    ButterworthFilter(low=1, high=20, sampling_rate=100),
    ButterworthFilter(),
    FillGaps(),
]


def make(shape, seed=0):
    return np.random.default_rng(seed).normal(3, 2, size=shape)


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

    def test_panel_in_array_out(self, transformer):
        out = clone(transformer).fit_transform([pd.DataFrame(make((80, 2))), pd.DataFrame(make((80, 2)))])
        assert out.shape == (2, 2, 80)

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
            "panel": ([pd.DataFrame(x)], [[[0, 1, 2, 3]]]),
            "masked": (np.ma.masked_invalid(x[None]), [[0, 1, 2, 3]]),
            "frame": (pd.DataFrame(x[None]).convert_dtypes(), [[0, 1, 2, 3]]),
            "objects": (np.array([[0, None, pd.NA, 3]], dtype=object), [[0, 1, 2, 3]]),
        }[kind]
        out = FillGaps().fit_transform(X)
        assert type(out) is (list if kind in ("list", "ragged") else np.ndarray)
        for got, want in zip(out, wanted, strict=True):
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
