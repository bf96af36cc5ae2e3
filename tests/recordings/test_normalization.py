"""What a sample becomes does not depend on how a recording is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.recordings import NormalizedRecordings, as_recordings, standardize_locally


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


def test_local_normalisation_is_that_of_the_stretch_around():
    x = make((1, 60))
    out = standardize_locally(x, 11)
    part = x[0, 25:36]
    assert out[0, 30] == pytest.approx((x[0, 30] - part.mean()) / part.std(), rel=1e-5)
    part = x[0, :6]  # cut at the end, not padded
    assert out[0, 0] == pytest.approx((x[0, 0] - part.mean()) / part.std(), rel=1e-5)


class TestALargeOffset:
    """float32 has seven digits: what float64 and int64 hold beyond is not lost before the offset is."""

    @pytest.mark.parametrize("dtype", [np.float64, np.int64])
    @pytest.mark.parametrize("normalization", ["recording", "local"])
    def test_it_does_not_matter(self, normalization, dtype):
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

    def test_nor_does_what_its_rounding_leaves_of_a_constant(self):
        x = np.array([[1e8, 1e8 + 8, 1e8 + 16]], dtype=np.float32)  # neighbours among float32's numbers
        for normalization in ("recording", "local"):
            assert not NormalizedRecordings(as_recordings(x), normalization, width=50).read(0).any()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_what_lies_far_away_in_time_does_not_matter(self, dtype):
        """A sensor that comes off half way leaves the first half as it was."""
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
def test_a_glitch_has_no_say_where_it_is_not_in_the_stretch(glitch):
    x = np.random.default_rng(0).normal(size=(1, 900)).astype(np.float32)
    spoilt = x.copy()
    spoilt[0, 50] = glitch
    np.testing.assert_allclose(standardize_locally(spoilt, 101)[:, 101:], standardize_locally(x, 101)[:, 101:])


def standardize_slowly(x, width):
    """Each sample in its own stretch, from a value in it."""
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
def test_a_jump_has_no_say_where_it_is_not_in_the_stretch(length, width, jump, at, seed):
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
