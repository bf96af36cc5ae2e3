"""Behavior that all estimators share: parameters, training, history."""

import pickle
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator
from sktime.transformations.series.exponent import ExponentTransformer
from small import ODD_CHECKS, ON_ONE, TINY, PlainNetwork

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.augment import Compose, Jitter, RandAugment, SktimeTransformer
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.recipes import Recipe
from sslts.thresholds import CurriculumThreshold, FixedThreshold, SelfAdaptiveThreshold


class TestScikitLearn:
    def test_check_estimator(self, make_segmenter):
        results = check_estimator(
            make_segmenter(max_steps=1, random_state=None),
            expected_failed_checks=ODD_CHECKS,
            on_skip=None,
        )
        assert sum(result["status"] == "passed" for result in results) >= 39

    def test_a_clone_is_unfitted_with_the_same_parameters(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        cloned = clone(fitted)
        assert not hasattr(cloned, "net_")
        assert cloned.get_params() == fitted.get_params()

    def test_a_pickled_segmenter_predicts_the_same(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict_proba(partly[0]), fitted.predict_proba(partly[0]))
        again.set_params(warm_start=True).fit(*partly)  # the copy can be trained

    def test_nested_parameters_replace_objects_and_do_not_mutate_them(self, make_segmenter):
        segmenter = make_segmenter(network=TINY, strong=RandAugment())
        segmenter.set_params(network__width=16, strong__magnitude=9, strong__mix__p=0.1)
        assert segmenter.network == TINY.replace(width=16)
        assert (segmenter.strong.magnitude, segmenter.strong.mix.p) == (9, 0.1)
        assert TINY.width == 4
        assert type(segmenter)().network == UNet()

    def test_a_plain_and_a_nested_parameter_together(self, make_segmenter):
        segmenter = make_segmenter().set_params(network=UNet(), network__width=4)
        assert segmenter.network == UNet(width=4)

    @pytest.mark.parametrize("name", ["nope", "nope__width", "network__nope"])
    def test_unknown_parameters_are_named(self, make_segmenter, name):
        with pytest.raises(ValueError, match="nope"):
            make_segmenter().set_params(**{name: 1})

    @pytest.mark.parametrize(
        "params",
        [
            {"max_steps": 0},
            {"lr": -1.0},
            {"normalization": "zscore"},
            {"precision": "half"},
            {"ema_decay": 1.0},
            {"network": 3},
            {"batch_size": 2.5},
            {"class_weight": "even"},
            {"window_length": 2},
        ],
    )
    def test_parameters_are_checked_at_fit(self, make_segmenter, partly, params):
        name = next(iter(params))
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            make_segmenter(**params).fit(*partly)

    def test_not_fitted(self, make_segmenter, partly):
        for method in ("predict", "predict_proba", "predict_segments"):
            with pytest.raises(NotFittedError):
                getattr(make_segmenter(), method)(partly[0])


class TestNestedParameters:
    def test_all_parameters_are_set_or_none(self):
        segmenter = FixMatchSegmenter(lr=0.1)
        with pytest.raises(ValueError, match="foo"):
            segmenter.set_params(lr=0.5, network__foo=1)
        assert segmenter.lr == 0.1

    def test_nested_parameters_of_a_threshold_that_is_a_number(self):
        segmenter = FixMatchSegmenter(threshold=0.7).set_params(threshold__alignment="labeled")
        assert segmenter.threshold == FixedThreshold(0.7, alignment="labeled")
        assert FixMatchSegmenter().set_params(threshold=0.9, threshold__alignment=None).threshold == FixedThreshold(0.9)


def test_a_transformer_as_a_view_has_nested_parameters_and_is_not_mutated():
    transformer = ExponentTransformer(power=2)
    segmenter = FixMatchSegmenter(strong=transformer)
    segmenter.set_params(**segmenter.get_params())
    assert segmenter.set_params(strong__power=3).strong.power == 3
    assert transformer.power == 2


def test_a_transformer_inside_a_view_has_nested_parameters():
    transformer = ExponentTransformer(power=2)
    segmenter = FixMatchSegmenter(strong=Compose((Jitter(), transformer)))
    assert segmenter.get_params()["strong__steps__1__power"] == 2
    assert segmenter.set_params(strong__steps__1__power=3).strong.steps[1].power == 3
    assert transformer.power == 2
    segmenter = FixMatchSegmenter(strong=SktimeTransformer(transformer)).set_params(strong__transformer__power=4)
    assert segmenter.strong.transformer.power == 4


def test_a_parameter_of_the_model_to_start_from_is_set_on_a_copy():
    earlier = SupervisedSegmenter()
    segmenter = SupervisedSegmenter(init=earlier).set_params(init__background=7)
    assert (segmenter.init.background, earlier.background) == (7, 0)


class TestClassWeights:
    @pytest.mark.parametrize(
        ("class_weight", "wanted"), [(None, None), ({1: 5.0}, [1.0, 5.0]), ({0: 1, 1: 2}, [1.0, 2.0])]
    )
    def test_class_weights_reach_the_loss(self, make_segmenter, partly, class_weight, wanted):
        found = make_segmenter(class_weight=class_weight).fit(*partly).net_.criterion_.class_weight
        assert (found if found is None else found.tolist()) == wanted

    def test_balanced_weights_are_the_inverse_of_the_shares(self, make_segmenter, partly):
        found = make_segmenter(class_weight="balanced").fit(*partly).net_.criterion_.class_weight
        shares = np.array([(partly[1] == k).sum() / (partly[1] >= 0).sum() for k in (0, 1)])
        np.testing.assert_allclose(found, 1 / (2 * shares), rtol=1e-5)

    def test_a_weight_for_an_unknown_class_is_refused(self, make_segmenter, partly):
        with pytest.raises(ValueError, match="class_weight names class 9"):
            make_segmenter(class_weight={9: 1.0}).fit(*partly)
        with pytest.raises(ValueError, match="class_weight names class '1', but y has only"):  # keys of JSON are text
            make_segmenter(class_weight={"1": 1.0, 5: 2.0}).fit(*partly)


@ON_ONE
class TestSignal:
    def test_the_stem_and_the_window_follow_the_signal(self, make_segmenter, labeled):
        X, y = labeled
        short = make_segmenter(network=UNet(width=4, depth=2)).fit(X, y)
        long = make_segmenter(network=UNet(width=4, depth=2)).fit(np.repeat(X, 4, -1), np.repeat(y, 4, -1))
        assert long.network_.stem_stride == 4 * short.network_.stem_stride
        assert long.window_length_ == 4 * short.window_length_

    @pytest.mark.parametrize("normalization", ["recording", "training", "local", None])
    def test_normalization(self, make_segmenter, partly, normalization):
        X, y = partly
        fitted = make_segmenter(normalization=normalization).fit(X, y)
        moved = fitted.predict_proba(X * 8 + 32)
        same = np.allclose(moved, fitted.predict_proba(X), atol=0.05)
        assert same == (normalization in ("recording", "local"))

    def test_units_are_kept_only_if_they_help(self, make_segmenter, labeled):
        def fit(X, y, **params):
            return make_segmenter(normalization="auto", **params).fit(X, y)

        rng = np.random.default_rng(0)
        levels = rng.integers(0, 2, 12)  # one class for each recording, seen in its level only
        X = np.array([3000 + 20 * (level + 0.1 * rng.normal(size=200)) for level in levels])
        y = np.repeat(levels[:, None], 200, axis=1)
        found = fit(X, y, background=None)
        assert found.normalization_ == "training"
        np.testing.assert_allclose(np.ravel(found.moments_), [X.mean(), X.std()])
        again = fit(X[:2], y[:2], background=None, init=found)
        np.testing.assert_array_equal(again.moments_, found.moments_)  # the weights expect them
        assert fit(X[:6], y[:6], background=None).normalization_ == "recording"  # too few to choose
        chosen = fit(*labeled)
        assert (chosen.normalization_, chosen.moments_) == ("recording", None)
        plain = make_segmenter(normalization="recording").fit(*labeled)
        np.testing.assert_array_equal(chosen.predict_proba(labeled[0]), plain.predict_proba(labeled[0]))


class TestWindow:
    def test_a_window_is_not_longer_than_the_longest_recording(self, make_segmenter, partly):
        X, y = partly
        fitted = make_segmenter(max_steps=1, window_length=10**7).fit(X, y)
        stride = fitted.net_.module_.stride
        assert fitted.window_length_ == -(-X.shape[1] // stride) * stride


class DeepRecipe(Recipe):
    """A network with a field of the same name as a field of `UNet`, and another stride."""

    depth = 12

    def __call__(self, n_channels, n_classes):
        module = torch.nn.Sequential(torch.nn.Conv1d(n_channels, n_classes, 9, padding=4))
        module.stride = 6
        return module


def test_the_window_is_a_multiple_of_the_modules_stride():
    X, y = make_recordings(4, n_samples=300, random_state=0)
    fitted = SupervisedSegmenter(network=DeepRecipe(), max_steps=1, batch_size=4).fit(X, y)
    assert fitted.window_length_ % 6 == 0
    assert fitted.window_length_ <= 306


class TestTraining:
    def test_the_seed_decides_bit_for_bit_whatever_ran_before(self, make_segmenter, partly):
        X, y = partly
        first = make_segmenter().fit(X, y).predict_proba(X)
        torch.manual_seed(99)
        np.random.seed(99)  # noqa: NPY002
        make_segmenter(random_state=1).fit(X, y)
        np.testing.assert_array_equal(make_segmenter().fit(X, y).predict_proba(X), first)

    @pytest.mark.parametrize("random_state", [0, None])
    def test_global_random_states_stay(self, make_segmenter, partly, random_state):
        torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
        make_segmenter(random_state=random_state).fit(*partly).predict(partly[0])
        assert torch.equal(torch_state, torch.get_rng_state())
        assert all(np.array_equal(a, b) for a, b in zip(numpy_state, np.random.get_state(), strict=True))  # noqa: NPY002

    def test_history(self, make_segmenter, partly):
        fitted = make_segmenter(max_steps=90, lr=1e-2).fit(*partly)
        history = fitted.history_
        assert {"step", "lr", "loss", "labeled_loss", "unlabeled_loss", "mask_rate", "seconds"} <= set(history)
        assert history["step"].iloc[-1] == 90
        assert len(history) == 45
        assert history["step"].is_monotonic_increasing
        assert history["seconds"].is_monotonic_increasing
        assert history["loss"].iloc[-3:].mean() < history["loss"].iloc[:3].mean()

    def test_silence(self, make_segmenter, partly, capfd):
        make_segmenter().fit(*partly).predict(partly[0])
        out, err = capfd.readouterr()
        assert out == err == ""

    def test_progress_in_a_terminal_is_a_bar_with_the_name_of_the_class(
        self, make_segmenter, partly, capfd, monkeypatch
    ):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        segmenter = make_segmenter(verbose=1, max_steps=20).fit(*partly)
        segmenter.predict(partly[0])
        shown, name = capfd.readouterr().err, type(segmenter).__name__
        assert "20/20" in shown
        assert "loss=" in shown
        assert f"{name}: 100%" in shown
        assert f"{name}: predict" in shown

    def test_progress_in_a_file_is_a_line_for_each_stage(self, make_segmenter, partly, capfd):
        name = type(make_segmenter(verbose=1, max_steps=20).fit(*partly)).__name__
        assert capfd.readouterr().err.splitlines() == [f"{name}: step 0 of 20", f"{name}: 20 steps done"]

    def test_callbacks_fire_as_skorch_documents_them(self, make_segmenter, partly):
        from skorch.callbacks import Callback, EarlyStopping

        class Count(Callback):
            seen = ()

            def on_epoch_end(self, net, **kwargs):
                self.seen = (*self.seen, net.step_)

        count, quick = Count(), {"max_steps": 90, "network": PlainNetwork, "strong": None, "window_length": 64}
        make_segmenter(**quick, callbacks=[count]).fit(*partly)
        assert count.seen == tuple(range(2, 91, 2))
        stop = EarlyStopping(monitor="labeled_loss", patience=3, threshold=1e9, threshold_mode="abs", sink=str)
        assert make_segmenter(**quick, callbacks=[stop]).fit(*partly).net_.step_ == 8

    def test_interruption_leaves_a_usable_estimator(self, make_segmenter, partly):
        from skorch.callbacks import Callback

        class Interrupt(Callback):
            def on_batch_end(self, net, **kwargs):
                if net.step_ == 3:
                    raise KeyboardInterrupt

        fitted = make_segmenter(max_steps=50, callbacks=[Interrupt()]).fit(*partly)
        assert fitted.predict(partly[0]).shape == partly[0].shape
        assert fitted.net_.step_ == 3

    def test_a_loss_that_is_not_finite_ends_the_fit_and_leaves_the_last_weights(self, make_segmenter, partly):
        X, y = partly
        calls = []

        def poison(x):
            calls.append(1)
            return x * float("nan") if len(calls) > 12 else x

        segmenter = make_segmenter(max_steps=50, strong=poison)
        with pytest.raises(FloatingPointError, match=r"The loss is not finite at step \d+"):
            segmenter.fit(X, y)
        assert segmenter.net_.step_ > 2
        proba = segmenter.predict_proba(X)
        assert np.isfinite(proba).all()
        assert all(p.isfinite().all() for p in segmenter.net_.module_.parameters())

    def test_averaging(self, make_segmenter, partly):
        last = make_segmenter(ema_decay=0.0).fit(*partly).net_
        for p, q in zip(last.module_.parameters(), last.teacher_.module.parameters(), strict=True):
            torch.testing.assert_close(p, q)
        slow = make_segmenter(ema_decay=0.999, max_steps=10).fit(*partly).net_
        assert any(
            not torch.allclose(p, q)
            for p, q in zip(slow.module_.parameters(), slow.teacher_.module.parameters(), strict=True)
        )

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_precision(self, make_segmenter, partly, precision):
        seen = set()

        class Watched(PlainNetwork):
            def forward(self, x):
                found = super().forward(x)
                seen.add((found.dtype, self.training))
                return found

        fitted = make_segmenter(precision=precision, network=Watched).fit(*partly)
        assert fitted.precision_ == precision
        assert {dtype for dtype, training in seen if training} == {getattr(torch, precision)}
        seen.clear()
        assert fitted.predict_proba(partly[0]).dtype == np.float32
        assert seen == {(getattr(torch, precision), False)}
        assert {weight.dtype for weight in fitted.net_.module_.parameters()} == {torch.float32}

    @pytest.mark.slow
    def test_compile(self, make_segmenter, partly):
        fitted = make_segmenter(compile=True).fit(*partly)
        assert fitted.predict(partly[0]).shape == partly[0].shape

    def test_device(self, make_segmenter, partly):
        assert make_segmenter(device="cpu").fit(*partly).device_ == "cpu"

    def test_the_history_has_shares_before_the_first_pseudo_label(self, partly):
        fitted = FixMatchSegmenter(network=TINY, max_steps=1, random_state=0).fit(*partly)
        assert fitted.history_[["share_0", "share_1"]].isna().all(axis=None)

    @pytest.mark.parametrize("threshold", [0.5, SelfAdaptiveThreshold(alignment="uniform"), CurriculumThreshold()])
    def test_torchs_default_type_does_not_matter(self, partly, threshold):
        options = {"network": TINY, "max_steps": 6, "precision": "float32", "random_state": 0}
        segmenter = FixMatchSegmenter(**options, threshold=threshold)
        wanted = segmenter.fit(*partly).predict_proba(partly[0])
        torch.set_default_dtype(torch.float64)
        try:
            found = clone(segmenter).fit(*partly).predict_proba(partly[0])
        finally:
            torch.set_default_dtype(torch.float32)
        np.testing.assert_array_equal(found, wanted)


def test_a_network_may_have_an_infinite_buffer(make_segmenter, partly):
    class Masked(PlainNetwork):
        def __init__(self, n_channels, n_classes):
            super().__init__(n_channels, n_classes)
            self.register_buffer("floor", torch.tensor(float("-inf")))

        def forward(self, x):
            return torch.maximum(super().forward(x), self.floor)

    segmenter = make_segmenter(network=Masked, max_steps=5).fit(*partly)
    assert np.isfinite(segmenter.predict_proba(partly[0])).all()
