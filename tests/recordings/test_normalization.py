"""A normalized sample does not depend on where a reading starts and stops, nor on distant samples."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.recordings import (
    AsGiven,
    Local,
    NormalizedRecordings,
    TrainingSet,
    WholeRecording,
    as_recordings,
    choose_normalization,
    measure_moments,
    measure_training_set,
    standardize_locally,
)


def make(shape, seed=0):
    return np.random.default_rng(seed).normal(3, 2, size=shape)


@pytest.mark.parametrize("normalization", ["recording", "local", None])
@given(start=st.integers(0, 99), size=st.integers(1, 100))
def test_reading_does_not_depend_on_the_cut(normalization, start, size):
    seen = NormalizedRecordings(as_recordings(make((1, 2, 100))), normalization, width=15)
    stop = min(start + size, 100)
    np.testing.assert_allclose(seen.read(0, start, stop), seen.read(0)[:, start:stop], atol=1e-5)


@pytest.mark.parametrize("normalization", ["recording", "local", None])
def test_a_pass_over_a_recording_gives_all_of_it(normalization, monkeypatch):
    monkeypatch.setattr("sslts.recordings.normalization._STRETCH", 64)
    seen = NormalizedRecordings(as_recordings(make((1, 2, 100))), normalization, width=15)
    starts, parts = zip(*seen.read_through(0), strict=True)
    assert starts == (0, 32, 64, 96)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), seen.read(0), atol=1e-5)


def test_local_normalization_uses_the_window_around_a_sample():
    x = make((1, 60))
    out = standardize_locally(x, 11)
    part = x[0, 25:36]
    assert out[0, 30] == pytest.approx((x[0, 30] - part.mean()) / part.std(), rel=1e-5)
    part = x[0, :6]  # cut at the end, not padded
    assert out[0, 0] == pytest.approx((x[0, 0] - part.mean()) / part.std(), rel=1e-5)


class TestALargeOffset:
    """float32 has seven digits; the other digits of float64 and int64 are kept until the offset is subtracted."""

    @pytest.mark.parametrize("dtype", [np.float64, np.int64])
    @pytest.mark.parametrize("normalization", ["recording", "local"])
    def test_the_offset_does_not_matter(self, normalization, dtype):
        x = np.round(1000 * make((1, 400))).astype(dtype)
        seen, moved = (
            NormalizedRecordings(as_recordings(given), normalization, width=50).read(0) for given in (x, x + 10**12)
        )
        np.testing.assert_allclose(moved, seen, atol=1e-3)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("normalization", ["recording", "local"])
    def test_a_constant_is_constant(self, normalization, dtype):
        x = np.full((1, 400), 0.1 + 1e7, dtype=dtype)
        assert not NormalizedRecordings(as_recordings(x), normalization, width=50).read(0).any()

    @pytest.mark.parametrize("normalization", ["recording", "local"])
    def test_only_equal_values_are_constant_in_every_dtype(self, normalization):
        x = np.full(1000, 1e8)
        x[500:504] += 8  # the neighboring number of float32
        seen = [
            NormalizedRecordings(as_recordings(x[None].astype(dtype)), normalization, width=50).read(0)
            for dtype in (np.float64, np.float32, np.int64, np.uint64, np.int32, np.longdouble, object)
        ]
        assert seen[0].max() > 3
        for other in seen[1:]:
            np.testing.assert_array_equal(other, seen[0])

    @pytest.mark.parametrize("offset", [2**53 - 500, 2**60, -(2**62), 2**63 - 20_000])
    @pytest.mark.parametrize("normalization", ["recording", "local"])
    def test_integers_beyond_float64_lose_nothing(self, normalization, offset):
        x = np.round(980 * make((1, 2, 400))).astype(np.int64)
        first = x[..., :1]
        moved = offset + x
        held = [moved, list(moved), moved.tolist(), moved.astype(object)]
        for container in [*held, moved.astype(np.uint64)] if offset > 0 else held:
            seen, wanted = (
                NormalizedRecordings(as_recordings(one), normalization, width=50) for one in (container, x - first)
            )
            np.testing.assert_allclose(seen.read(0), wanted.read(0), atol=1e-6)
            np.testing.assert_array_equal(seen.read(0, 100, 200), seen.read(0)[:, 100:200])

    @pytest.mark.parametrize("code", [-(2**63), 2**63 - 1, 2**60])
    @pytest.mark.parametrize("dtype", [np.int64, np.float64])
    def test_a_huge_first_sample_does_not_silence_the_others(self, code, dtype):
        x = np.round(980 * make((1, 400))).astype(dtype)
        spoiled = x.copy()
        spoiled[0, :100] = code
        for cut in (0, 90):
            seen, wanted = (NormalizedRecordings(as_recordings(one), "local", width=20) for one in (spoiled, x))
            seen.read(0, cut, 100)
            np.testing.assert_allclose(seen.read(0, 150, 300), wanted.read(0, 150, 300), atol=1e-6)

    def test_integers_that_span_all_of_int64(self):
        x = np.array([[-(2**63), 2**63 - 1] * 20])
        seen = NormalizedRecordings(as_recordings(x), "recording").read(0)
        np.testing.assert_allclose(seen, [[-1, 1] * 20])

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_distant_samples_do_not_matter(self, dtype):
        """A sensor that comes off in the middle of a recording does not change the first half."""
        x = np.random.default_rng(0).normal(0, 0.1, 4000).astype(dtype)
        x[2500:] = 2e6
        seen = NormalizedRecordings(as_recordings(x[None]), "local", width=50)
        np.testing.assert_allclose(seen.read(0)[:, 500:1500], seen.read(0, 500, 1500), atol=1e-4)
        assert seen.read(0)[:, :2000].std() == pytest.approx(1, abs=0.05)
        assert not seen.read(0)[:, 2600:].any()

    @pytest.mark.parametrize("normalization", ["recording", "local", None])
    def test_a_file_with_values_beyond_float32_is_refused(self, normalization, tmp_path):
        x = np.memmap(tmp_path / "x", "float64", "w+", shape=(1, 400))
        x[0, 50] = 1e300
        with pytest.raises(ValueError, match=r"X: recording 0, at samples .* 1e\+300, out of the range of float32"):
            NormalizedRecordings(as_recordings(x), normalization, width=50).read(0)


@pytest.mark.parametrize("glitch", [1e8, 1e30])
def test_a_glitch_influences_only_windows_that_contain_it(glitch):
    x = np.random.default_rng(0).normal(size=(1, 900)).astype(np.float32)
    spoilt = x.copy()
    spoilt[0, 50] = glitch
    np.testing.assert_allclose(standardize_locally(spoilt, 101)[:, 101:], standardize_locally(x, 101)[:, 101:])


def standardize_slowly(x, width):
    """Return each sample standardized in its own window, relative to a value in the window."""
    out = np.empty(x.shape)
    for t in range(x.shape[-1]):
        part = x[:, max(t - width // 2, 0) : t + width // 2 + 1]
        part = (part - x[:, [t]]).astype(np.float64)
        out[:, t] = -part.mean(-1) / part.std(-1)
    return out


@given(
    length=st.integers(2, 90),
    width=st.integers(2, 200),
    jump=st.sampled_from([0, 1e6, -1e9]),
    at=st.integers(0, 90),
    seed=st.integers(0, 99),
)
def test_a_jump_influences_only_windows_that_contain_it(length, width, jump, at, seed):
    x = np.random.default_rng(seed).normal(size=(2, length))
    x[0, :at] += jump
    np.testing.assert_allclose(standardize_locally(x, width), standardize_slowly(x, width), rtol=1e-6, atol=1e-6)


def test_where_a_reading_starts_does_not_matter_after_a_jump():
    z = np.random.default_rng(0).normal(0, 0.01, 2000)
    z[:300] += 1e6
    seen = NormalizedRecordings(as_recordings(z[None]), "local", width=64)
    whole = seen.read(0)
    for size in (1, 97, 1000):
        parts = [seen.read(0, start, min(start + size, 2000)) for start in range(0, 2000, size)]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(whole, standardize_slowly(z[None], 64), rtol=1e-6, atol=1e-6)


class TestValues:
    """The four normalizations are values with the same methods."""

    @pytest.mark.parametrize(
        ("normalization", "margin", "measures", "absolute", "plain"),
        [
            (WholeRecording(), 0, True, False, False),
            (TrainingSet((1.0,), (2.0,)), 0, False, True, False),
            (Local(0), 1, False, False, False),
            (Local(10), 5, False, False, False),
            (Local(11), 5, False, False, False),
            (AsGiven(), 0, False, True, True),
        ],
        ids=repr,
    )
    def test_properties(self, normalization, margin, measures, absolute, plain):
        assert (normalization.margin, normalization.measures) == (margin, measures)
        assert (normalization.absolute, normalization.plain) == (absolute, plain)

    @pytest.mark.parametrize("make", [WholeRecording, lambda: TrainingSet((1.0,), (2.0,)), lambda: Local(7), AsGiven])
    def test_they_are_equal_by_value_and_can_be_pickled(self, make):
        assert make() == make() == pickle.loads(pickle.dumps(make()))
        assert len({make(), make()}) == 1
        assert len({make(), WholeRecording(), TrainingSet((1.0,), (2.0,)), Local(7), Local(9), AsGiven()}) == 5

    def test_names(self):
        assert choose_normalization("recording", 64) == WholeRecording()
        assert choose_normalization("local", 64) == Local(64)
        assert choose_normalization(None, 64) == AsGiven()
        assert choose_normalization("training", 64, (np.zeros(1), np.ones(1))) == TrainingSet((0.0,), (1.0,))

    def test_the_training_set_needs_moments(self):
        with pytest.raises(ValueError, match="needs the location and scale of the channels: pass moments"):
            choose_normalization("training", 64)

    @pytest.mark.parametrize("name", ["", "Recording", "global", 0, False, "None"])
    def test_unknown_names_are_refused(self, name):
        message = rf'normalization={name!r} is unknown; pass "recording", "training", "local" or None'
        with pytest.raises(ValueError, match=message):
            choose_normalization(name, 64)
        with pytest.raises(ValueError, match=message):
            NormalizedRecordings(as_recordings(make((1, 20))), name, width=5)


@given(
    width=st.integers(0, 50),
    length=st.integers(1, 80),
    at=st.integers(0, 79),
    value=st.sampled_from([0.0, 3.0, -1e8, 1e30]),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_a_sample_beyond_the_margin_never_changes_the_result(width, length, at, value, dtype, seed):
    local = Local(width)
    x = make((2, length), seed).astype(dtype)
    changed = x.copy()
    changed[:, min(at, length - 1)] = value
    beyond = np.abs(np.arange(length) - min(at, length - 1)) > local.margin
    np.testing.assert_array_equal(local.apply(changed)[:, beyond], local.apply(x)[:, beyond])


@pytest.mark.parametrize("width", [0, 2, 3, 10, 11])
def test_a_sample_within_the_margin_changes_the_result(width):
    local, x = Local(width), make((1, 60))
    changed = x.copy()
    changed[:, 30] += 100
    within = np.abs(np.arange(60) - 30) <= local.margin
    np.testing.assert_array_equal(local.apply(changed)[0] != local.apply(x)[0], within)


@pytest.mark.parametrize("name", ["recording", "local", None])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_reading_a_recording_equals_applying_the_normalization(name, dtype):
    recordings = as_recordings((100 * make((3, 2, 90))).astype(dtype))
    normalization = choose_normalization(name, 15)
    for i in range(3):
        x = recordings.read(i, exact=not normalization.plain)
        applied = normalization.apply(x, measure_moments([x]) if normalization.measures else None)
        assert applied.dtype == np.float32
        for seen in (NormalizedRecordings(recordings, normalization), NormalizedRecordings(recordings, name, width=15)):
            np.testing.assert_array_equal(seen.read(i), applied)


def test_a_training_set_has_mean_0_and_standard_deviation_1_together():
    recordings = as_recordings([1e7 + make((2, 300)), 1e7 + 3 + 5 * make((2, 400), seed=1)])
    seen = NormalizedRecordings(recordings, TrainingSet(*map(tuple, measure_training_set(recordings))))
    together = np.concatenate([seen.read(0), seen.read(1)], axis=1)
    np.testing.assert_allclose(together.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(together.std(-1), 1, atol=1e-5)
    assert abs(seen.read(1).std() / seen.read(0).std() - 5) < 0.5  # the difference between the recordings stays
    np.testing.assert_array_equal(seen.read(1, 30, 50), seen.read(1)[:, 30:50])


def test_constant_channels_of_a_training_set_are_zero():
    recordings = as_recordings(np.full((3, 1, 20), 7.0))
    seen = NormalizedRecordings(recordings, TrainingSet(*map(tuple, measure_training_set(recordings))))
    assert not seen.read(2).any()


def test_whole_recordings_have_mean_0_and_standard_deviation_1():
    seen = NormalizedRecordings(as_recordings([make((2, 300)), make((2, 400), seed=1)]), WholeRecording())
    for i in range(2):
        np.testing.assert_allclose(seen.read(i).mean(-1), 0, atol=1e-5)
        np.testing.assert_allclose(seen.read(i).std(-1), 1, atol=1e-5)


def test_values_as_given_are_not_copied():
    x = make((1, 20)).astype(np.float32)
    assert AsGiven().apply(x) is x
