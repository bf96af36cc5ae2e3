"""A seed determines a fit bit for bit, whatever runs at the same time."""

import threading

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from small import SEGMENTERS

from sslts.augment import RandAugment, ValueFunction
from sslts.networks import FeatureDropout, UNet
from sslts.recipes import Recipe, is_shipped
from sslts.training import build_module, seed_torch

DROPPING = UNet(width=8, depth=2, dropout=0.3, feature_dropout=0.3)


class ForeignNetwork(torch.nn.Module):
    """A network that draws weights and dropout from torch's global state."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv1d(n_channels, 8, 9, padding=4), torch.nn.Dropout(0.5), torch.nn.Conv1d(8, n_classes, 1)
        )

    def forward(self, x):
        return self.layers(x)


def fit_and_predict(kind, X, y, seed, network=DROPPING):
    torch.set_num_threads(1)
    segmenter = SEGMENTERS[kind](max_steps=5, batch_size=2, network=network, random_state=seed)
    return segmenter.fit(X, y).predict_proba(X)


def compare(backend, tasks, n_jobs):
    wanted = [fit_and_predict(*task) for task in tasks]
    with parallel_config(backend=backend, n_jobs=n_jobs):
        found = Parallel()(delayed(fit_and_predict)(*task) for task in tasks)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fits_in_threads_do_not_affect_each_other(partly):
    compare("threading", [(kind, *partly, 0) for kind in SEGMENTERS], n_jobs=4)


def test_fits_of_a_custom_network_in_threads_do_not_affect_each_other(partly):
    compare("threading", [("fixmatch", *partly, seed, ForeignNetwork) for seed in range(3)], n_jobs=3)


@pytest.mark.slow
def test_other_processes_give_the_same_model(partly):
    compare("loky", [(kind, *partly, 0) for kind in ("fixmatch", "supervised")], n_jobs=2)


def test_threads_do_not_change_the_global_states(partly):
    before = torch.get_rng_state()
    fits = [threading.Thread(target=fit_and_predict, args=("supervised", *partly, 0, ForeignNetwork)) for _ in "ab"]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_fit_of_this_package_does_not_touch_the_global_state(partly, dropout, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("torch's global random state was seeded or read")

    for name in ("manual_seed", "get_rng_state", "set_rng_state"):
        monkeypatch.setattr(torch.random, name, fail)
    before = torch.default_generator.get_state()
    fit_and_predict("fixmatch", *partly, 0, DROPPING.replace(dropout=dropout, feature_dropout=dropout))
    assert torch.equal(before, torch.default_generator.get_state())


def test_a_seed_gives_the_same_weights_as_torch():
    with seed_torch(5):
        wanted = DROPPING(2, 3)
    found = build_module(DROPPING, 2, 3, 5)
    for (name, p), q in zip(wanted.state_dict().items(), found.state_dict().values(), strict=True):
        assert torch.equal(p, q), name
        assert p.stride() == q.stride(), name


def test_every_network_of_this_package_draws_weights_from_its_generator():
    recipes = [value for value in vars(__import__("sslts.networks").networks).values() if isinstance(value, type)]
    recipes = [recipe for recipe in recipes if issubclass(recipe, Recipe) and recipe is not Recipe]
    assert recipes
    for recipe in recipes:
        torch.manual_seed(0)
        before = torch.get_rng_state()
        built = [recipe().build(1, 2, torch.Generator().manual_seed(3)).state_dict() for _ in range(2)]
        assert torch.equal(before, torch.get_rng_state())
        assert all(torch.equal(a, b) for a, b in zip(*(state.values() for state in built), strict=True))


class TestDropout:
    def test_it_equals_the_dropout_of_torch(self):
        x = torch.randn(5, 7, 1, 11)
        dropout = FeatureDropout(0.4)
        dropout.generator = torch.Generator().manual_seed(1)
        with seed_torch(1):
            wanted = torch.nn.functional.dropout2d(x, 0.4)
        assert torch.equal(dropout(x), wanted)

    def test_networks_drop_in_training_and_not_in_prediction(self, partly):
        net = SEGMENTERS["supervised"](max_steps=2, network=DROPPING, random_state=0).fit(*partly).net_
        x = torch.randn(2, 1, 64)
        assert not torch.equal(net.module_.train()(x), net.module_(x))
        assert torch.equal(net.teacher_.module(x), net.teacher_.module(x))


@pytest.mark.parametrize(
    ("value", "shipped"),
    [
        (0.95, True),
        (RandAugment(), True),
        ([RandAugment(), None], True),
        (ForeignNetwork, False),
        (ValueFunction(torch.neg), False),
        (RandAugment(mix=torch.neg), False),
    ],
)
def test_is_shipped(value, shipped):
    assert is_shipped(value) == shipped
