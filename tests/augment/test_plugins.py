"""Functions and transformers of other libraries are reproducible views and keep the global random states."""

import functools
import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sktime.transformations.augmenter import WhiteNoiseAugmenter
from sktime.transformations.series.exponent import ExponentTransformer

from sslts import FixMatchSegmenter
from sslts.augment import Compose, NumpyFunction, Reverse, SktimeTransformer, Tracks, ValueFunction, apply_view
from sslts.augment.plugins import _as_augmenter, _seed_global_states
from sslts.datasets import make_recordings
from sslts.networks import UNet


def add_noise(x):
    """Draw from the global random states, as other libraries do."""
    return x + random.gauss(0, 1) + np.random.normal(size=x.shape)  # noqa: NPY002


def get_numpy_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002


@pytest.fixture
def tracks():
    x = torch.rand(8, 2, 30, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(8, 30).bool()
    valid[:, 25:] = False
    return Tracks(x * valid[:, None], torch.zeros(8, 30).long(), valid)


@pytest.mark.parametrize("view", [NumpyFunction(add_noise), SktimeTransformer(WhiteNoiseAugmenter())])
class TestForeignViews:
    def test_the_generator_decides(self, view, tracks):
        a, b, c = (view(tracks, torch.Generator().manual_seed(s)).x for s in (0, 0, 1))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)

    def test_the_global_random_states_do_not_change(self, view, tracks):
        before = random.getstate(), get_numpy_state(), torch.get_rng_state()
        view(tracks, torch.Generator().manual_seed(0))
        assert random.getstate() == before[0]
        assert get_numpy_state() == before[1]
        assert torch.equal(torch.get_rng_state(), before[2])

    def test_changes_values_only_and_padding_stays_zero(self, view, tracks):
        seen = view(tracks, torch.Generator().manual_seed(0))
        assert (seen.x[..., :25] != tracks.x[..., :25]).any()
        assert (seen.x[..., 25:] == 0).all()
        assert seen.target is tracks.target
        assert seen.x.dtype == torch.float32


def test_every_kind_of_view_becomes_an_augmenter():
    assert _as_augmenter(None) is None
    assert _as_augmenter(Reverse()) == Reverse()
    assert isinstance(_as_augmenter(torch.neg), ValueFunction)
    assert isinstance(_as_augmenter(ExponentTransformer()), SktimeTransformer)
    with pytest.raises(TypeError, match="'jitter' is not a view"):
        _as_augmenter("jitter")


def test_an_sktime_transformer_works_in_a_composition(tracks):
    seen = Compose((Reverse(p=1.0), ExponentTransformer(power=2)))(tracks, torch.Generator().manual_seed(0))
    torch.testing.assert_close(seen.x, tracks.x.flip(-1).square() * seen.valid[:, None])


def test_a_numpy_function_is_called_with_probability_p(tracks):
    seen = NumpyFunction(lambda x: x + 1, p=0.5)(tracks, torch.Generator().manual_seed(0))
    changed = (seen.x != tracks.x).flatten(1).any(1)
    assert changed.any()
    assert not changed.all()


@pytest.mark.parametrize("function", [lambda x: x[:, 1:], lambda x: x[0], lambda x: np.r_[x, x]])
def test_a_changed_shape_is_refused(function, tracks):
    with pytest.raises(ValueError, match=r"\(8, 2, 30\) into .* arrays of shape .* it must keep shape"):
        apply_view(NumpyFunction(function), tracks, torch.Generator().manual_seed(0))


def test_a_segmenter_takes_an_sktime_transformer_as_its_strong_view():
    X, y = make_recordings(6, n_samples=300, random_state=0)
    y[2:] = -1
    segmenter = FixMatchSegmenter(
        strong=WhiteNoiseAugmenter(), network=UNet(width=4, depth=2), max_steps=2, random_state=0
    )
    a, b = (segmenter.fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_an_augmenter_of_audiomentations_is_a_view(tracks):
    audiomentations = pytest.importorskip("audiomentations")
    view = NumpyFunction(functools.partial(audiomentations.AddGaussianNoise(p=1.0), sample_rate=250))
    a, b, c = (view(tracks, torch.Generator().manual_seed(s)).x for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert (a[..., :25] != tracks.x[..., :25]).any(-1).all()
    composed = audiomentations.Compose([audiomentations.Gain(p=1.0), audiomentations.PolarityInversion(p=1.0)])
    seen = Compose((Reverse(p=1.0), NumpyFunction(functools.partial(composed, sample_rate=250))))
    turned = seen(tracks, torch.Generator().manual_seed(0)).x * tracks.x.flip(-1)
    assert (turned <= 0).all()


def test_two_threads_do_not_mix_their_global_states():
    def draw(seed):
        with _seed_global_states(torch.Generator().manual_seed(seed)):
            first = random.random()
            time.sleep(0.01)  # the other thread gets a turn
            return first, random.random(), np.random.random()  # noqa: NPY002

    alone = [draw(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(4))) == alone


def test_a_function_may_change_its_input():
    tracks = Tracks(torch.ones(2, 1, 3), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    assert (apply_view(lambda x: x.mul_(2), tracks, torch.Generator()).x == 2).all()
    assert (tracks.x == 1).all()


@pytest.mark.parametrize("view", [NumpyFunction(lambda x: np.add(x, 100, out=x)), ValueFunction(lambda x: x.add_(100))])
def test_a_function_that_works_in_place_does_not_change_the_batch(view, tracks):
    before = tracks.x.clone()
    seen = view(tracks, torch.Generator())
    assert torch.equal(tracks.x, before)
    assert not seen.x[~tracks.valid[:, None].expand_as(seen.x)].any()
