from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.datasets import make_recordings


def runs(labels):
    """Return the segments as (class, start, length)."""
    edges = np.r_[0, np.flatnonzero(np.diff(labels)) + 1, len(labels)]
    return [(labels[a], a, b - a) for a, b in pairwise(edges) if labels[a]]


class TestShapes:
    def test_one_channel_has_no_channel_axis(self):
        X, y = make_recordings(5, n_samples=300, random_state=0)
        assert (X.shape, X.dtype) == ((5, 300), np.float32)
        assert (y.shape, y.dtype) == ((5, 300), np.int64)

    def test_several_channels(self):
        X, y = make_recordings(5, n_samples=300, n_channels=3, random_state=0)
        assert (X.shape, y.shape) == ((5, 3, 300), (5, 300))

    @pytest.mark.parametrize("n_channels", [1, 2])
    def test_a_pair_gives_lists_of_lengths_between_the_two(self, n_channels):
        X, y = make_recordings(50, n_samples=(100, 110), n_channels=n_channels, random_state=0)
        assert isinstance(X, list)
        assert isinstance(y, list)
        lengths = [len(labels) for labels in y]
        assert (min(lengths), max(lengths)) == (100, 110)
        assert [x.shape for x in X] == [(n,) if n_channels == 1 else (n_channels, n) for n in lengths]

    def test_a_pair_of_equal_lengths_gives_lists_too(self):
        X, _ = make_recordings(2, n_samples=(100, 100), random_state=0)
        assert isinstance(X, list)

    @settings(max_examples=40)
    @given(
        n_recordings=st.integers(1, 4),
        n_samples=st.integers(60, 400),
        n_channels=st.integers(1, 3),
        n_classes=st.integers(2, 5),
        segment_length=st.integers(24, 37),
        share=st.floats(0.001, 0.6),
        variability=st.floats(0, 1),
        seed=st.integers(0, 2**32),
    )
    def test_valid_arguments_give_finite_signals_and_labels_in_range(
        self, n_recordings, n_samples, n_channels, n_classes, segment_length, share, variability, seed
    ):
        X, y = make_recordings(
            n_recordings,
            n_samples=n_samples,
            n_channels=n_channels,
            n_classes=n_classes,
            segment_length=segment_length,
            share=share,
            variability=variability,
            random_state=seed,
        )
        assert np.isfinite(X).all()
        assert y.shape == (n_recordings, n_samples)
        assert 0 <= y.min() <= y.max() < n_classes
        for labels in y:
            for _, start, length in runs(labels):
                assert length <= np.ceil(1.6 * segment_length)
                if start > 0 and start + length < n_samples:
                    assert length >= np.floor(0.6 * segment_length)


class TestContent:
    @pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.6])
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_patterns_cover_the_requested_share(self, share, n_classes):
        _, y = make_recordings(400, share=share, n_classes=n_classes, random_state=0)
        assert (y > 0).mean() == pytest.approx(share, rel=0.15)

    def test_the_share_does_not_drift_along_the_recording(self):
        _, y = make_recordings(2000, n_samples=800, random_state=0)
        np.testing.assert_allclose((y > 0).reshape(2000, 8, 100).mean(axis=(0, 2)), 0.2, rtol=0.12)

    def test_every_class_has_its_share(self):
        _, y = make_recordings(200, n_classes=4, random_state=0)
        counts = np.bincount(y.ravel(), minlength=4)[1:]
        assert counts.min() > 0.8 * counts.max()

    def test_pattern_lengths_vary_around_the_segment_length(self):
        _, y = make_recordings(100, segment_length=50, random_state=0)
        whole = [n for labels in y for _, start, n in runs(labels) if 0 < start < 2000 - n]
        assert 30 <= min(whole) < 40
        assert 60 < max(whole) <= 80
        assert np.mean(whole) == pytest.approx(50, rel=0.15)

    def test_the_background_contains_look_alikes(self):
        # Without look-alikes a noiseless background would be smooth.
        X, y = make_recordings(50, noise=0, variability=0, random_state=0)
        bend = np.abs(np.diff(X, n=2))
        assert (bend[y[:, 1:-1] == 0] > np.median(bend[y[:, 1:-1] > 0])).mean() > 0.02

    def test_without_variability_recordings_have_the_same_gain_and_offset(self):
        spread = {v: make_recordings(100, variability=v, random_state=0)[0].std(axis=1) for v in (0, 1)}
        assert spread[0].std() / spread[0].mean() < 0.4 < spread[1].std() / spread[1].mean()

    def test_noise_has_the_requested_level(self):
        clean, y = make_recordings(20, noise=0, variability=0, random_state=0)
        noisy, same = make_recordings(20, noise=0.5, variability=0, random_state=0)
        np.testing.assert_array_equal(y, same)
        assert (noisy - clean).std() == pytest.approx(0.5, rel=0.05)

    def test_channels_share_the_events_and_not_the_noise(self):
        X, _ = make_recordings(20, n_channels=2, noise=0, random_state=0)
        noisy, _ = make_recordings(20, n_channels=2, noise=3, random_state=0)

        def correlation(X):
            return np.mean([np.corrcoef(np.diff(x))[0, 1] for x in X])

        assert correlation(X) > 0.9
        assert abs(correlation(noisy)) < 0.2


class TestRandomness:
    @pytest.mark.parametrize("n_samples", [300, (200, 300)])
    def test_the_same_seed_gives_identical_arrays(self, n_samples):
        first, again = (make_recordings(4, n_samples=n_samples, n_channels=2, random_state=7) for _ in range(2))
        for a, b in zip(first, again, strict=True):
            assert all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))

    def test_other_seeds_give_other_recordings(self):
        assert not np.array_equal(*(make_recordings(2, random_state=seed)[0] for seed in (0, 1)))
        assert not np.array_equal(*(make_recordings(2)[0] for _ in range(2)))

    @pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
    def test_generators_are_used_and_move_on(self, make):
        state = make(3)
        first, second = make_recordings(2, random_state=state)[0], make_recordings(2, random_state=state)[0]
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(first, make_recordings(2, random_state=make(3))[0])

    @pytest.mark.parametrize("random_state", [None, 0])
    def test_the_global_state_stays_as_it_was(self, random_state):
        np.random.seed(5)  # noqa: NPY002
        expected = np.random.uniform()  # noqa: NPY002
        np.random.seed(5)  # noqa: NPY002
        make_recordings(2, random_state=random_state)
        assert np.random.uniform() == expected  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_recordings": 0}, "n_recordings=0; give an integer >= 1"),
        ({"n_recordings": 2.5}, "n_recordings"),
        ({"n_channels": 0}, "n_channels"),
        ({"n_classes": 1}, "n_classes=1; give an integer >= 2"),
        ({"segment_length": 7}, "segment_length=7; give an integer >= 8"),
        ({"segment_length": 14, "n_classes": 5}, "segment_length=14; give an integer >= 15"),
        ({"share": 0}, r"share=0; give a number in \(0, 0.6\]"),
        ({"share": 0.7}, "share"),
        ({"share": float("nan")}, "share"),
        ({"noise": -1}, "noise"),
        ({"variability": 1.5}, "variability"),
        ({"n_samples": 50}, "n_samples=50 is shorter than the longest patterns"),
        ({"n_samples": (50, 200)}, "is shorter than the longest patterns"),
        ({"n_samples": (300, 200)}, "low <= high"),
        ({"n_samples": (300,)}, "pair"),
        ({"n_samples": 200.0}, "n_samples"),
        ({"random_state": "seed"}, "random_state"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_recordings(**arguments)
