"""Training starts from random weights, from another fitted model, or from the previous fit."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from small import ON_ONE, TINY, PlainNetwork

from sslts import SelfTrainingSegmenter, SupervisedSegmenter
from sslts.annotations import SignalSummary
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.recordings import as_recordings
from sslts.segmenters._start import ModelStart, Start, read_start
from sslts.training import build_module

ONE = as_recordings(np.zeros((2, 9)))  # recordings with one channel


class TransposedHead(torch.nn.Module):
    """A network whose output weights have the classes on the second axis."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.conv = torch.nn.Conv1d(n_channels, 4, 9, padding=4)
        self.head = torch.nn.ConvTranspose1d(4, n_classes, 1)

    def forward(self, x):
        return self.head(self.conv(x).relu())


class PairedHead(PlainNetwork):
    """A network whose output layer has two rows per class."""

    def __init__(self, n_channels, n_classes):
        super().__init__(n_channels, 4)
        self.head = torch.nn.Conv1d(4, 2 * n_classes, 1)

    def forward(self, x):
        return self.head(self.conv(x).relu()).unflatten(1, (-1, 2)).amax(2)


@ON_ONE
class TestStart:
    def test_init_gives_the_weights(self, make_segmenter, partly):
        X, y = partly
        first = make_segmenter(max_steps=8).fit(X, y)
        second = make_segmenter(max_steps=1, lr=1e-12, random_state=5, init=first).fit(X, y)
        for p, q in zip(first.net_.teacher_.parameters(), second.net_.teacher_.parameters(), strict=True):
            torch.testing.assert_close(p, q)

    def test_init_of_another_signal_keeps_its_network(self, make_segmenter, partly):
        X, y = partly
        first = make_segmenter().fit(X, y)
        second = make_segmenter(init=first).fit(np.repeat(X, 8, -1), np.repeat(y, 8, -1))
        assert second.network_ == first.network_

    def test_init_with_other_classes_renews_the_output_layer(self, make_segmenter, labeled):
        X, y = labeled
        first = make_segmenter().fit(X, y)
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        assert make_segmenter(init=first).fit(X, third).predict_proba(X).shape[-1] == 3

    def test_init_with_another_class_for_every_layout_of_the_output_weights(self, make_segmenter, labeled):
        X, y = labeled
        options = {"network": TransposedHead, "max_steps": 1}
        first = make_segmenter(**options).fit(X, y)
        second = make_segmenter(init=first, lr=1e-12, **options, random_state=5).fit(X, np.where(y == 1, 7, 0))
        change = (second.net_.module_.head.weight - first.net_.teacher_.module.head.weight).abs().amax((0, 2))
        assert change[0] < 1e-6 < change[1]
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        assert make_segmenter(init=first, **options).fit(X, third).predict_proba(X).shape[-1] == 3

    def test_output_weights_without_a_class_axis_start_at_random(self, make_segmenter, labeled):
        X, y = labeled
        first = make_segmenter(network=PairedHead, max_steps=1).fit(X, y)
        second = make_segmenter(network=PairedHead, max_steps=1, lr=1e-12, init=first, random_state=5)
        second.fit(X, np.where(y == 1, 7, 0))
        head, earlier = second.net_.module_.head.weight, first.net_.teacher_.module.head.weight
        assert ((head - earlier).abs().amax((1, 2)) > 1e-6).all()

    def test_init_must_be_fitted_and_of_the_same_channels_and_network(self, make_segmenter, partly):
        X, y = partly
        with pytest.raises(NotFittedError):
            make_segmenter(init=make_segmenter()).fit(X, y)
        fitted = make_segmenter().fit(X, y)
        with pytest.raises(ValueError, match="init: the model to start from was fitted on 1 channels, X has 2"):
            make_segmenter(init=fitted).fit(np.stack([X, X], 1), y)
        with pytest.raises(ValueError, match="init: the model to start from has"):
            make_segmenter(init=fitted, network=TINY.replace(width=12)).fit(X, y)

    def test_init_with_another_rate_is_refused(self, make_segmenter, partly):
        first = make_segmenter(max_steps=1, sampling_rate=250).fit(*partly)
        with pytest.raises(ValueError, match="init: .*sampling_rate=250, this fit has 100, so the patterns differ"):
            make_segmenter(max_steps=1, init=first, sampling_rate=100).fit(*partly)

    def test_init_with_another_normalization_warns(self, make_segmenter, partly):
        first = make_segmenter(max_steps=1).fit(*partly)
        with pytest.warns(UserWarning, match="normalization='recording', this fit has None") as caught:
            make_segmenter(max_steps=1, init=first, normalization=None).fit(*partly)
        assert [warning.filename for warning in caught] == [__file__]

    def test_warm_start_with_another_normalization_warns(self, make_segmenter, partly):
        segmenter = make_segmenter(max_steps=1, warm_start=True).fit(*partly)
        with pytest.warns(UserWarning, match="warm_start: .*normalization='recording', this fit has 'local'") as caught:
            segmenter.set_params(normalization="local").fit(*partly)
        assert [warning.filename for warning in caught] == [__file__]

    @pytest.mark.parametrize("rate", [None, 250, 250.5])
    def test_init_of_the_same_rate_gives_no_warning(self, make_segmenter, partly, rate):
        first = make_segmenter(max_steps=1, sampling_rate=250).fit(*partly)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make_segmenter(max_steps=1, sampling_rate=rate, init=first).fit(*partly)

    def test_a_class_that_the_fit_forgets_gives_a_warning(self, make_segmenter, labeled):
        X, y = labeled
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        first = make_segmenter(max_steps=1).fit(X, third)
        with pytest.warns(
            UserWarning, match=r"knows the classes \[0, 1, 2\], y has \[0, 1\]: 2 will no longer be predicted"
        ):
            make_segmenter(max_steps=1, init=first).fit(X, y)

    def test_another_network_with_other_classes_is_refused_too(self, make_segmenter, labeled):
        X, y = labeled
        fitted = make_segmenter().fit(X, y)
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        with pytest.raises(ValueError, match="init: the model to start from has a network of a different size"):
            make_segmenter(init=fitted, network=TINY.replace(width=12)).fit(X, third)

    def test_warm_start_with_another_class_or_another_network(self, make_segmenter, labeled):
        X, y = labeled
        segmenter = make_segmenter(warm_start=True).fit(X, y)
        segmenter.fit(X, np.where(y == 1, 1 + (np.arange(600) > 300), 0))
        assert segmenter.predict_proba(X).shape[-1] == 3
        with pytest.raises(ValueError, match="warm_start: the model to start from has a network of a different size"):
            segmenter.set_params(network__width=12).fit(X, y)

    def test_a_fit_that_is_refused_leaves_the_earlier_model_as_it_was(self, make_segmenter, labeled):
        X, y = labeled
        segmenter = make_segmenter(warm_start=True).fit(X, y)
        before, weights = segmenter.predict_proba(X), [p.clone() for p in segmenter.net_.teacher_.parameters()]
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        with pytest.raises(ValueError, match="class_weight"):
            segmenter.set_params(class_weight={9: 1.0}).fit(X, third)
        assert segmenter.classes_.tolist() == [0, 1]
        np.testing.assert_array_equal(segmenter.predict_proba(X), before)
        segmenter.set_params(class_weight=None, max_steps=1, lr=1e-12).fit(X, y)  # continues from the earlier model
        for p, q in zip(weights, segmenter.net_.teacher_.parameters(), strict=True):
            torch.testing.assert_close(p, q)

    def test_a_clone_keeps_the_fitted_model_it_starts_from(self, make_segmenter, partly):
        first = make_segmenter().fit(*partly)
        assert clone(make_segmenter(init=first)).fit(*partly).init is first

    def test_the_average_does_not_forget_a_model_of_these_classes(self, make_segmenter, partly):
        X, y = partly
        first = make_segmenter().fit(X, y)
        before = [p.clone() for p in first.net_.teacher_.module.parameters()]
        later = make_segmenter(init=first, max_steps=1, ema_decay=0.75).fit(X, y)
        for begun, student, teacher in zip(
            before, later.net_.module_.parameters(), later.net_.teacher_.module.parameters(), strict=True
        ):
            torch.testing.assert_close(teacher, 0.75 * begun + 0.25 * student)

    def test_the_average_forgets_the_random_weights_of_a_new_class(self, make_segmenter, labeled):
        X, y = labeled
        first, third = make_segmenter().fit(X, y), y.copy()
        third[0, :9] = 2
        later = make_segmenter(init=first, max_steps=1).fit(X, third).net_
        torch.testing.assert_close(later.teacher_.module.head.weight, later.module_.head.weight)

    def test_warm_start_continues(self, make_segmenter, partly):
        X, y = partly
        segmenter = make_segmenter(max_steps=8, warm_start=True).fit(X, y)
        before = [p.clone() for p in segmenter.net_.teacher_.parameters()]
        segmenter.set_params(max_steps=1, lr=1e-12).fit(X, y)
        for p, q in zip(before, segmenter.net_.teacher_.parameters(), strict=True):
            torch.testing.assert_close(p, q)


class TestOutputLayer:
    def test_it_starts_from_the_rows_of_the_same_classes(self):
        X, y = make_recordings(8, n_samples=400, random_state=0)
        model = SupervisedSegmenter(network=TINY, max_steps=60, batch_size=8, random_state=0).fit(X, y)
        other = np.where(y == 1, 1, 2)  # the pattern keeps its class, the background does not
        later = SupervisedSegmenter(network=TINY, max_steps=1, batch_size=8, lr=1e-12, init=model, random_state=1)
        head, old = later.fit(X, other).net_.teacher_.module.head.weight, model.net_.teacher_.module.head.weight
        torch.testing.assert_close(head[0], old[1])
        assert not torch.allclose(head[1], old[0])


SUMMARY = SignalSummary(1, 2, segment_length=40.0, shortest_segment=40.0, recording_length=5000)
TWO = np.array([0, 1])


class TestRandomStart:
    def test_it_adapts_recipes_that_can_be_adapted(self):
        assert Start().adapt(UNet(), SUMMARY) == UNet().for_signal(SUMMARY)
        assert Start().adapt(UNet(), SUMMARY).stem_stride == 4
        assert Start().adapt(PlainNetwork, SUMMARY) is PlainNetwork

    def test_it_loads_and_warns_of_nothing(self):
        module = build_module(TINY, 1, 2, seed=0)
        before = {name: value.clone() for name, value in module.state_dict().items()}
        assert Start().load_into(module, TINY, 1, TWO) is False
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
        assert Start().weights is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Start().warn_of_changes(sampling_rate=9.0, normalization=None, classes=TWO)


class TestModelStart:
    def make(self, network=TINY, classes=TWO, **options):
        weights = build_module(network, 1, len(classes), seed=0).state_dict()
        return ModelStart(recipe=network, adapted=network, weights=weights, classes=np.asarray(classes), **options)

    def test_the_same_recipe_stays_adapted_to_the_signals_of_the_model(self):
        start = ModelStart(recipe=UNet(), adapted=UNet(stem_stride=16), weights={}, classes=TWO)
        assert start.adapt(UNet(), SUMMARY).stem_stride == 16
        assert start.adapt(UNet(width=12), SUMMARY) == UNet(width=12).for_signal(SUMMARY)

    def test_the_same_classes_give_every_weight(self):
        start, module = self.make(), build_module(TINY, 1, 2, seed=5)
        assert start.load_into(module, TINY, 1, TWO) is True
        assert all(torch.equal(value, start.weights[name]) for name, value in module.state_dict().items())

    @pytest.mark.parametrize("network", [TINY, PlainNetwork, TransposedHead])
    def test_other_classes_give_the_rows_that_they_share(self, network):
        start, module = self.make(network, [0, 1]), build_module(network, 1, 3, seed=5)
        before = {name: value.clone() for name, value in module.state_dict().items()}
        assert start.load_into(module, network, 1, np.array([1, 4, 9])) is False
        changed = [name for name, value in module.state_dict().items() if value.shape != start.weights[name].shape]
        assert changed
        for name, value in module.state_dict().items():
            if name not in changed:
                assert torch.equal(value, start.weights[name])
                continue
            axis = value.shape.index(3)
            found, random, old = (one.movedim(axis, 0) for one in (value, before[name], start.weights[name]))
            assert torch.equal(found[0], old[1])
            assert torch.equal(found[1:], random[1:])

    @pytest.mark.parametrize(("name", "fix"), [("init", "init=None"), ("warm_start", "warm_start=False")])
    def test_another_network_is_refused_with_a_fix(self, name, fix):
        start = self.make(name=name)
        with pytest.raises(ValueError, match=f"{name}: the model to start from has a different network; .* {fix}"):
            start.load_into(build_module(PlainNetwork, 1, 2, seed=0), PlainNetwork, 1, TWO)
        wider = TINY.replace(width=12)
        with pytest.raises(ValueError, match=rf"{name}: .* a network of a different size \(.*, not \(.*; .* {fix}"):
            start.load_into(build_module(wider, 1, 2, seed=0), wider, 1, TWO)

    def test_the_weights_of_the_model_are_not_changed(self):
        start, module = self.make(), build_module(TINY, 1, 3, seed=5)
        before = {name: value.clone() for name, value in start.weights.items()}
        start.load_into(module, TINY, 1, np.array([0, 1, 2]))
        with torch.no_grad():
            for weight in module.parameters():
                weight.add_(1)
        assert all(torch.equal(value, before[name]) for name, value in start.weights.items())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"normalization": None}, "normalization='recording', this fit has None.* Pass the same `normalization`"),
            ({"classes": np.array([1])}, r"the classes \[0, 1\], y has \[1\]: 0 will no longer be predicted"),
        ],
    )
    def test_changes_give_a_warning(self, change, message):
        start = self.make(sampling_rate=250.0, normalization="recording")
        same = {"sampling_rate": 250.0, "normalization": "recording", "classes": TWO}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            start.warn_of_changes(**same)
            start.warn_of_changes(**{**same, "sampling_rate": None, "classes": np.array([0, 1, 2])})
        with pytest.warns(UserWarning, match=f"init: the model to start from .*{message}") as caught:
            start.warn_of_changes(**{**same, **change})
        assert len(caught) == 1

    def test_another_sampling_rate_is_refused(self):
        start = self.make(sampling_rate=250.0, normalization="recording")
        message = r"sampling_rate=250, this fit has 100.*resample=True.* start from a model fitted with .*=100"
        with pytest.raises(ValueError, match=message):
            start.warn_of_changes(sampling_rate=100.0, normalization="recording", classes=TWO)


class TestReadStart:
    @pytest.fixture(scope="class")
    def fitted(self, labeled):
        return SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=1, sampling_rate=9.0, random_state=0).fit(
            *labeled
        )

    @pytest.mark.parametrize("name", ["init", "warm_start"])
    def test_it_holds_what_the_model_offers(self, fitted, name):
        start = read_start(fitted, ONE, name)
        assert (start.recipe, start.adapted) == (UNet(width=4, depth=1), fitted.network_)
        assert (start.sampling_rate, start.normalization, start.name) == (9.0, "recording", name)
        assert start.classes.tolist() == [0, 1]
        teacher = fitted.net_.teacher_.module.state_dict()
        assert all(torch.equal(value, teacher[name]) for name, value in start.weights.items())

    def test_the_model_may_be_inside_another_estimator(self, fitted, labeled):
        outer = SelfTrainingSegmenter(clone(fitted)).fit(*labeled)
        weights = read_start(outer, ONE).weights
        assert all(torch.equal(weights[name], value) for name, value in outer.net_.teacher_.module.state_dict().items())

    def test_a_model_that_is_not_fitted_is_refused(self):
        with pytest.raises(NotFittedError, match=r"init.* wrap the segmenter in sklearn\.frozen\.FrozenEstimator"):
            read_start(SupervisedSegmenter(), ONE)

    @pytest.mark.parametrize(("name", "fix"), [("init", "init=None"), ("warm_start", "warm_start=False")])
    def test_another_number_of_channels_is_refused_with_a_fix(self, fitted, name, fix):
        with pytest.raises(
            ValueError, match=f"{name}: .* was fitted on 1 channels, X has 3; pass {fix}, or recordings"
        ):
            read_start(fitted, as_recordings(np.zeros((2, 3, 9))), name)
