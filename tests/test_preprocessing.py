"""Transformers keep length and container; what a sample becomes does not depend on how a recording is cut."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from sslts.preprocessing import (
    ButterworthFilter,
    NormalizedRecordings,
    RecordingStandardizer,
    standardize_locally,
)
from sslts.recordings import as_recordings

TRANSFORMERS = [RecordingStandardizer(), ButterworthFilter(low=1, high=20, sampling_rate=100), ButterworthFilter()]


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

    def test_recordings_do_not_see_each_other(self, transformer):
        X = make((4, 120))
        together = clone(transformer).fit_transform(X)
        alone = clone(transformer).fit_transform(X[2:3])
        np.testing.assert_array_equal(together[2:3], alone)

    def test_the_input_stays_as_it_was(self, transformer):
        X = make((4, 120))
        before = X.copy()
        clone(transformer).fit_transform(X)
        np.testing.assert_array_equal(X, before)

    def test_other_channels_are_refused(self, transformer):
        fitted = clone(transformer).fit(make((4, 2, 60)))
        with pytest.raises(ValueError, match=r"X has 3 channels, .* was fitted with 2"):
            fitted.transform(make((4, 3, 60)))

    def test_missing_values_are_named(self, transformer):
        X = make((4, 60))
        X[3, 5] = np.nan
        with pytest.raises(ValueError, match="recording 3 has 1 NaN"):
            clone(transformer).fit(X)


def test_standardizer_works_over_time():
    out = RecordingStandardizer().fit_transform(make((5, 3, 500)))
    np.testing.assert_allclose(out.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(-1), 1, atol=1e-5)


def test_a_constant_recording_becomes_zero():
    assert (RecordingStandardizer().fit_transform(np.full((1, 9), 7.3)) == 0).all()


def test_butterworth_removes_what_lies_outside_and_moves_nothing():
    t = np.arange(2000) / 250
    wanted = np.sin(2 * np.pi * 10 * t)
    x = wanted + 5 + np.sin(2 * np.pi * 100 * t)
    out = ButterworthFilter(low=1, high=40, sampling_rate=250).fit_transform(x[None])[0]
    np.testing.assert_allclose(out[500:-500], wanted[500:-500], atol=0.05)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"high": 60, "sampling_rate": 100}, "high=60 Hz must be below half of sampling_rate=100"),
        ({"low": 20, "high": 10, "sampling_rate": 100}, "low=20 must be below high=10"),
        ({"low": -1}, "'low' parameter"),
    ],
)
def test_impossible_filters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        ButterworthFilter(**params).fit(make((2, 60)))


@pytest.mark.parametrize("normalization", ["recording", "local", None])
@given(start=st.integers(0, 99), size=st.integers(1, 100))
def test_reading_does_not_depend_on_the_cut(normalization, start, size):
    seen = NormalizedRecordings(as_recordings(make((1, 2, 100))), normalization, width=15)
    stop = min(start + size, 100)
    np.testing.assert_allclose(seen.read(0, start, stop), seen.read(0)[:, start:stop], atol=1e-5)


def test_local_normalisation_is_that_of_the_stretch_around():
    x = make((1, 60))
    out = standardize_locally(x, 11)
    part = x[0, 25:36]
    assert out[0, 30] == pytest.approx((x[0, 30] - part.mean()) / part.std(), rel=1e-5)
    part = x[0, :6]  # cut at the end, not padded
    assert out[0, 0] == pytest.approx((x[0, 0] - part.mean()) / part.std(), rel=1e-5)
