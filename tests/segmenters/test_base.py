"""What holds for every estimator that trains a network."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator
from sktime.transformations.series.exponent import ExponentTransformer
from small import TINY, as_ragged

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.annotations import read_statistics
from sslts.augment import Compose, Jitter, RandAugment, SktimeTransformer
from sslts.datasets import make_recordings
from sslts.decoding import Hysteresis, prepare_decoder
from sslts.networks import UNet
from sslts.objectives import labeled_cross_entropy, squared_difference
from sslts.recipes import Recipe
from sslts.recordings import Recordings
from sslts.segmenters import SupervisedLoss
from sslts.thresholds import CurriculumThreshold, FixedThreshold, SelfAdaptiveThreshold
from sslts.training import Losses


def as_multiindex(X, y=None):
    n, t = X.shape
    index = pd.MultiIndex.from_product([range(n), range(t)], names=["instance", "time"])
    frame = pd.DataFrame({"x": X.ravel()}, index=index)
    return (frame, None) if y is None else (frame, pd.Series(y.ravel(), index=index))


# What all share is tried on one of them.
ON_ONE = pytest.mark.parametrize("make_segmenter", ["fixmatch"], indirect=True)


class TestScikitLearn:
    def test_check_estimator(self, make_segmenter):
        results = check_estimator(
            make_segmenter(max_steps=1, random_state=None),
            expected_failed_checks={"check_n_features_in_after_fitting": "predict takes recordings of any length"},
            on_skip=None,
        )
        assert sum(result["status"] == "passed" for result in results) >= 39

    def test_clone_of_a_fitted_one_is_unfitted_with_the_same_parameters(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        cloned = clone(fitted)
        assert not hasattr(cloned, "net_")
        assert cloned.get_params() == fitted.get_params()

    def test_pickle_of_a_fitted_one_predicts_the_same(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict_proba(partly[0]), fitted.predict_proba(partly[0]))
        again.set_params(warm_start=True).fit(*partly)  # and it can be trained on

    def test_nested_parameters_replace_and_do_not_mutate(self, make_segmenter):
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


@ON_ONE
class TestContainers:
    def test_array(self, make_segmenter, partly):
        X, y = partly
        fitted = make_segmenter().fit(X, y)
        assert fitted.predict(X).shape == X.shape
        proba = fitted.predict_proba(X)
        assert proba.dtype == np.float32
        assert proba.shape == (*X.shape, 2)
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
        assert (fitted.n_features_in_, fitted.n_channels_) == (600, 1)

    def test_every_container_gives_the_same_answer(self, make_segmenter, partly, tmp_path):
        import zarr

        X, y = partly
        wanted = make_segmenter().fit(X, y).predict_proba(X)
        frame, series = as_multiindex(X, y)
        np.save(tmp_path / "x.npy", X)
        for container, labels in [
            (X[:, None], y),
            (list(X), list(y)),
            ([x[None] for x in X], y),
            (frame, series),
            ([pd.DataFrame(x) for x in X], y),
            (pd.DataFrame({"x": [pd.Series(x) for x in X]}), y),
            (np.load(tmp_path / "x.npy", mmap_mode="r"), y),
            (zarr.array(X), y),
            (X.astype(np.float64), y.astype(float)),
        ]:
            fitted = make_segmenter().fit(container, labels)
            np.testing.assert_array_equal(np.stack(list(fitted.predict_proba(container))), wanted)

    def test_lists_come_back_as_lists(self, make_segmenter, partly):
        X, y = partly
        fitted = make_segmenter().fit(X, y)
        assert isinstance(fitted.predict(list(X)), list)
        assert isinstance(fitted.predict(as_multiindex(X)[0]), np.ndarray)

    def test_ragged(self, make_segmenter, partly):
        X, y = (as_ragged(a) for a in partly)
        fitted = make_segmenter().fit(X, y)
        assert [len(labels) for labels in fitted.predict(X)] == [len(x) for x in X]
        assert [p.shape for p in fitted.predict_proba(X)] == [(len(x), 2) for x in X]

    @pytest.mark.parametrize("length", [1, 7, 599, 601, 1900])
    def test_predict_takes_any_length(self, make_segmenter, partly, length):
        fitted = make_segmenter().fit(*partly)
        assert fitted.predict(np.zeros((2, length))).shape == (2, length)

    def test_a_recording_does_not_see_the_others(self, make_segmenter, partly):
        fitted = make_segmenter().fit(*partly)
        X = as_ragged(partly[0])
        alone = [fitted.predict_proba([x])[0] for x in X]
        for together, one in zip(fitted.predict_proba(X), alone, strict=True):
            np.testing.assert_allclose(together, one, atol=1e-2 if fitted.precision_ == "bfloat16" else 1e-5)

    def test_channels(self, make_segmenter, partly):
        X, y = partly
        X = np.stack([X, -X, np.zeros_like(X)], 1)
        fitted = make_segmenter().fit(X, y)
        assert (fitted.n_channels_, fitted.n_features_in_) == (3, 3)
        with pytest.raises(ValueError, match="X has 2 channels, .* was fitted with 3"):
            fitted.predict(X[:, :2])

    def test_the_input_stays_as_it_was(self, make_segmenter, partly):
        X, y = partly
        before = X.copy(), y.copy()
        make_segmenter().fit(X, y).predict(X)
        np.testing.assert_array_equal(X, before[0])
        np.testing.assert_array_equal(y, before[1])


class TestLabels:
    def test_stretches_inside_a_recording(self, make_segmenter, labeled):
        X, y = labeled
        y = y.copy()
        y[:, 200:] = -1
        assert make_segmenter().fit(X, y).predict(X).min() >= 0

    def test_classes_need_not_be_contiguous(self, make_segmenter, partly):
        X, y = partly
        y = np.where(y == 1, 255, np.where(y == 0, 7, y))
        fitted = make_segmenter(background=7).fit(X, y)
        assert fitted.classes_.tolist() == [7, 255]
        assert set(np.unique(fitted.predict(X))) <= {7, 255}

    @pytest.mark.parametrize("column", [False, True])
    def test_one_label_for_a_recording(self, make_segmenter, labeled, column):
        X, _ = labeled
        y = np.arange(12) % 3 - 1
        fitted = make_segmenter().fit(X, y[:, None] if column else y)
        assert fitted.classes_.tolist() == [0, 1]
        assert fitted.predict(X).shape == X.shape
        assert 0 <= fitted.score(X, y) <= 1

    def test_unlabeled_samples_never_count_in_the_score(self, make_segmenter, labeled):
        X, y = labeled
        fitted = make_segmenter().fit(X, y)
        half = y.copy()
        half[:, 300:] = -1
        predicted = fitted.predict(X)
        changed = np.where(half < 0, -1, y)
        from sslts.metrics import mean_iou

        assert fitted.score(X, half) == mean_iou(changed, predicted)

    def test_one_class_fits_predicts_it_and_warns(self, make_segmenter, labeled):
        X, y = labeled
        with pytest.warns(UserWarning, match="y has one class only") as caught:
            fitted = make_segmenter().fit(X, np.where(y == 0, 0, -1))
        assert {warning.filename for warning in caught} == {__file__}
        assert (fitted.predict(X) == 0).all()
        assert (fitted.predict_proba(X) == 1).all()

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

    def test_score_reads_recordings_once(self, make_segmenter, labeled, monkeypatch):
        fitted, reads = make_segmenter().fit(*labeled), []
        check = Recordings.check_finite
        monkeypatch.setattr(Recordings, "check_finite", lambda self, **kw: reads.append(self) or check(self, **kw))
        fitted.score(*labeled)
        assert len(reads) == 1

    def test_a_weight_for_an_unknown_class_is_refused(self, make_segmenter, partly):
        with pytest.raises(ValueError, match="class_weight names class 9"):
            make_segmenter(class_weight={9: 1.0}).fit(*partly)
        with pytest.raises(ValueError, match="class_weight names class '1', y has"):  # as keys of JSON are
            make_segmenter(class_weight={"1": 1.0, 5: 2.0}).fit(*partly)


class TestSegments:
    columns = ["recording", "start", "end", "length", "label", "score"]
    learning = {"max_steps": 30, "batch_size": 4, "network": UNet(width=8, depth=2)}  # so that segments are found

    def test_agree_with_the_labels(self, make_segmenter, partly):
        from sslts.segments import segments_to_labels

        X = as_ragged(partly[0])
        fitted = make_segmenter(**self.learning).fit(*partly)
        table = fitted.predict_segments(X)
        assert list(table.columns) == self.columns
        for found, labels in zip(segments_to_labels(table, [len(x) for x in X]), fitted.predict(X), strict=True):
            np.testing.assert_array_equal(found, labels)
        assert table["score"].between(0, 1).all()

    def test_seconds(self, make_segmenter, partly):
        table = make_segmenter(**self.learning, sampling_rate=50.0).fit(*partly).predict_segments(partly[0])
        assert list(table.columns) == [*self.columns, "start_time", "end_time", "duration"]
        np.testing.assert_allclose(table["duration"] * 50, table["length"])

    def test_none_found_is_an_empty_table(self, make_segmenter, labeled):
        X, y = labeled
        with pytest.warns(UserWarning, match="one class"):
            table = make_segmenter().fit(X, np.zeros_like(y)).predict_segments(X)
        assert table.empty
        assert list(table.columns) == self.columns
        assert table["start"].dtype == np.int64


@ON_ONE
class TestDefects:
    """Each is found before any training."""

    @pytest.fixture(autouse=True)
    def _no_training(self, monkeypatch):
        from sslts.training import SegmentationNet

        def refuse(*args, **kwargs):
            raise AssertionError("training began")

        monkeypatch.setattr(SegmentationNet, "train_step", refuse)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X, y: (np.where(np.arange(600) == 5, np.nan, X), y), "recording 0 has 1 NaN and 0 infinite"),
            (lambda X, y: (X, y[:, :-1]), "recording 0 has labels of shape .599.*has 600 samples"),
            (lambda X, y: (X, y[:-1]), "X has 12 recordings, y has 11"),
            (lambda X, y: (X, y + 0.5), "recording 0.* at sample 0; labels are integers"),
            (lambda X, y: (X, np.where(y < 0, "a", "b")), "recording 0.* is not numeric"),
            (lambda X, y: (X, y - 1), r"recording 4.* -2"),
            (lambda X, y: (X, np.full_like(y, -1)), "y has no labeled sample"),
            (lambda X, y: (X[:0], y[:0]), "0 sample"),
            (lambda X, y: ([*X[:-1], X[0][:0]], list(y)), "recording 11 has length zero"),
            (lambda X, y: (X, None), "requires y to be passed, but the target y is None"),
        ],
    )
    def test_data(self, make_segmenter, partly, change, message):
        with pytest.raises(ValueError, match=message):
            make_segmenter().fit(*change(*partly))

    @pytest.mark.parametrize(
        "network",
        [
            lambda c, k: torch.nn.Conv1d(c, k + 1, 1),
            lambda c, k: torch.nn.Conv1d(c, k, 3),
            lambda c, k: torch.nn.Conv1d(c, k, 2, stride=2),
            lambda c, k: torch.nn.Conv1d(c + 1, k, 1),
        ],
    )
    def test_a_network_of_the_wrong_shape(self, make_segmenter, partly, network):
        with pytest.raises(ValueError, match="network=.*(expected class scores of shape|cannot read signals)"):
            make_segmenter(network=network).fit(*partly)

    def test_a_network_that_is_none(self, make_segmenter, partly):
        with pytest.raises(ValueError, match="returned int, not a torch.nn.Module"):
            make_segmenter(network=lambda c, k: c + k).fit(*partly)

    @pytest.mark.parametrize("name", ["weak", "strong"])
    @pytest.mark.parametrize("view", [lambda x: x[..., 1:], lambda x: x.double()])
    def test_a_view_that_changes_shape_or_type(self, make_segmenter, partly, name, view):
        with pytest.raises(ValueError, match="it must keep shape and type"):
            make_segmenter(**{name: view}).fit(*partly)

    def test_missing_values_at_predict(self, make_segmenter, partly, monkeypatch):
        monkeypatch.undo()
        fitted = make_segmenter().fit(*partly)
        X = partly[0].copy()
        X[2, :3] = np.inf
        with pytest.raises(ValueError, match="recording 2 has 0 NaN and 3 infinite"):
            fitted.predict(X)


@ON_ONE
class TestNetwork:
    def test_a_module_class_is_a_network(self, make_segmenter, partly):
        fitted = make_segmenter(network=PlainNetwork).fit(*partly)
        assert fitted.predict(partly[0]).shape == partly[0].shape

    def test_the_stem_and_the_window_follow_the_signal(self, make_segmenter, labeled):
        X, y = labeled
        short = make_segmenter(network=UNet(width=4, depth=2)).fit(X, y)
        long = make_segmenter(network=UNet(width=4, depth=2)).fit(np.repeat(X, 4, -1), np.repeat(y, 4, -1))
        assert long.network_.stem_stride == 4 * short.network_.stem_stride
        assert long.window_length_ == 4 * short.window_length_

    @pytest.mark.parametrize("normalization", ["recording", "local", None])
    def test_normalization(self, make_segmenter, partly, normalization):
        X, y = partly
        fitted = make_segmenter(normalization=normalization).fit(X, y)
        moved = fitted.predict_proba(X * 8 + 32)
        same = np.allclose(moved, fitted.predict_proba(X), atol=0.05)
        assert same == (normalization is not None)


class PlainNetwork(torch.nn.Module):
    """As a user would write one: no stride, no receptive field."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.conv = torch.nn.Conv1d(n_channels, n_classes, 9, padding=4)

    def forward(self, x):
        return self.conv(x)


class TransposedHead(torch.nn.Module):
    """Its output layer has the classes on the second axis."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.conv = torch.nn.Conv1d(n_channels, 4, 9, padding=4)
        self.head = torch.nn.ConvTranspose1d(4, n_classes, 1)

    def forward(self, x):
        return self.head(self.conv(x).relu())


class PairedHead(PlainNetwork):
    """Its output layer has two rows for each class."""

    def __init__(self, n_channels, n_classes):
        super().__init__(n_channels, 4)
        self.head = torch.nn.Conv1d(4, 2 * n_classes, 1)

    def forward(self, x):
        return self.head(self.conv(x).relu()).unflatten(1, (-1, 2)).amax(2)


def test_the_normalisation_is_that_of_the_training(make_segmenter, partly):
    X, y = partly
    segmenter = make_segmenter().fit(50 * X, y)
    before = segmenter.predict_proba(50 * X)
    segmenter.set_params(normalization=None)
    np.testing.assert_array_equal(segmenter.predict_proba(50 * X), before)
    assert segmenter.normalization_ == "recording"


def test_another_background_after_the_fit_reaches_the_decoder_too(make_segmenter, labeled):
    X, y = labeled
    y = np.where(y == 0, 3, y)
    options = {"decoder": Hysteresis(onset=0.6, offset=0.4), "max_steps": 20}
    wanted = make_segmenter(background=3, **options).fit(X, y)
    changed = copy.deepcopy(wanted).set_params(background=0)
    assert not changed.predict_segments(X).equals(wanted.predict_segments(X))
    changed.set_params(background=3)
    pd.testing.assert_frame_equal(changed.predict_segments(X), wanted.predict_segments(X))
    assert prepare_decoder(changed.decoder, read_statistics(changed)).statistics.background == 3
    changed.set_params(background=1)
    assert prepare_decoder(changed.decoder, read_statistics(changed)).statistics.background == 1


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

    def test_init_with_another_class_whatever_the_order_of_the_weights(self, make_segmenter, labeled):
        X, y = labeled
        options = {"network": TransposedHead, "max_steps": 1}
        first = make_segmenter(**options).fit(X, y)
        second = make_segmenter(init=first, lr=1e-12, **options, random_state=5).fit(X, np.where(y == 1, 7, 0))
        change = (second.net_.module_.head.weight - first.net_.teacher_.module.head.weight).abs().amax((0, 2))
        assert change[0] < 1e-6 < change[1]
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        assert make_segmenter(init=first, **options).fit(X, third).predict_proba(X).shape[-1] == 3

    def test_init_of_weights_without_an_axis_of_classes_starts_them_anew(self, make_segmenter, labeled):
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

    @pytest.mark.parametrize(
        ("later", "message"),
        [
            ({"sampling_rate": 100}, "sampling_rate=250, this fit has 100, so its patterns have another length"),
            ({"sampling_rate": 250, "normalization": None}, "normalization='recording', this fit has None"),
        ],
    )
    def test_init_of_signals_of_another_rate_or_unit_is_warned_of(self, make_segmenter, partly, later, message):
        first = make_segmenter(max_steps=1, sampling_rate=250).fit(*partly)
        with pytest.warns(UserWarning, match=message) as caught:
            make_segmenter(max_steps=1, init=first, **later).fit(*partly)
        assert [warning.filename for warning in caught] == [__file__]

    def test_warm_start_with_another_normalization_is_warned_of(self, make_segmenter, partly):
        segmenter = make_segmenter(max_steps=1, warm_start=True).fit(*partly)
        with pytest.warns(UserWarning, match="warm_start: .*normalization='recording', this fit has 'local'") as caught:
            segmenter.set_params(normalization="local").fit(*partly)
        assert [warning.filename for warning in caught] == [__file__]

    @pytest.mark.parametrize("rate", [None, 250, 250.5])
    def test_init_of_the_same_rate_is_not(self, make_segmenter, partly, rate):
        first = make_segmenter(max_steps=1, sampling_rate=250).fit(*partly)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make_segmenter(max_steps=1, sampling_rate=rate, init=first).fit(*partly)

    def test_a_class_that_is_forgotten_is_warned_of(self, make_segmenter, labeled):
        X, y = labeled
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        first = make_segmenter(max_steps=1).fit(X, third)
        with pytest.warns(UserWarning, match=r"knows the classes \[0, 1, 2\], y has \[0, 1\]: 2 will not be predicted"):
            make_segmenter(max_steps=1, init=first).fit(X, y)

    def test_another_network_with_other_classes_is_refused_too(self, make_segmenter, labeled):
        X, y = labeled
        fitted = make_segmenter().fit(X, y)
        third = np.where(y == 1, 1 + (np.arange(600) > 300), 0)
        with pytest.raises(ValueError, match="init: the model to start from has a network of other sizes"):
            make_segmenter(init=fitted, network=TINY.replace(width=12)).fit(X, third)

    def test_warm_start_with_another_class_or_another_network(self, make_segmenter, labeled):
        X, y = labeled
        segmenter = make_segmenter(warm_start=True).fit(X, y)
        segmenter.fit(X, np.where(y == 1, 1 + (np.arange(600) > 300), 0))
        assert segmenter.predict_proba(X).shape[-1] == 3
        with pytest.raises(ValueError, match="warm_start: the model to start from has a network of other sizes"):
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
        segmenter.set_params(class_weight=None, max_steps=1, lr=1e-12).fit(X, y)  # which goes on from it
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

    def test_warm_start_goes_on(self, make_segmenter, partly):
        X, y = partly
        segmenter = make_segmenter(max_steps=8, warm_start=True).fit(X, y)
        before = [p.clone() for p in segmenter.net_.teacher_.parameters()]
        segmenter.set_params(max_steps=1, lr=1e-12).fit(X, y)
        for p, q in zip(before, segmenter.net_.teacher_.parameters(), strict=True):
            torch.testing.assert_close(p, q)


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
        fitted = make_segmenter(max_steps=130, lr=1e-2).fit(*partly)
        history = fitted.history_
        assert {"step", "lr", "loss", "labeled_loss", "unlabeled_loss", "mask_rate", "seconds"} <= set(history)
        assert history["step"].iloc[-1] == 130
        assert len(history) <= 65
        assert history["step"].is_monotonic_increasing
        assert history["seconds"].is_monotonic_increasing
        assert history["loss"].iloc[-3:].mean() < history["loss"].iloc[:3].mean()

    def test_silence(self, make_segmenter, partly, capfd):
        make_segmenter().fit(*partly).predict(partly[0])
        out, err = capfd.readouterr()
        assert out == err == ""

    def test_progress(self, make_segmenter, partly, capfd):
        make_segmenter(verbose=1, max_steps=20).fit(*partly).predict(partly[0])
        shown = capfd.readouterr().err
        assert "20/20" in shown
        assert "loss=" in shown
        assert "predict" in shown

    def test_callbacks_fire_as_skorch_documents_them(self, make_segmenter, partly):
        from skorch.callbacks import Callback, EarlyStopping

        class Count(Callback):
            seen = ()

            def on_epoch_end(self, net, **kwargs):
                self.seen = (*self.seen, net.step_)

        count, quick = Count(), {"max_steps": 120, "network": PlainNetwork, "strong": None, "window_length": 64}
        make_segmenter(**quick, callbacks=[count]).fit(*partly)
        assert count.seen == tuple(range(2, 121, 2))
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
        with pytest.raises(FloatingPointError, match=r"stopped being finite at step \d+"):
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


class TestOutputLayer:
    def test_it_starts_from_the_rows_of_the_same_classes(self):
        X, y = make_recordings(8, n_samples=400, random_state=0)
        model = SupervisedSegmenter(network=TINY, max_steps=60, batch_size=8, random_state=0).fit(X, y)
        other = np.where(y == 1, 1, 2)  # the pattern is called the same, the rest is not
        later = SupervisedSegmenter(network=TINY, max_steps=1, batch_size=8, lr=1e-12, init=model, random_state=1)
        head, old = later.fit(X, other).net_.teacher_.module.head.weight, model.net_.teacher_.module.head.weight
        torch.testing.assert_close(head[0], old[1])
        assert not torch.allclose(head[1], old[0])


class DeepRecipe(Recipe):
    """A network with a field called as one of `UNet`'s, and a stride of its own."""

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


def test_a_module_in_place_of_what_makes_one_is_named():
    X, y = make_recordings(4, n_samples=300, random_state=0)
    with pytest.raises(ValueError, match=r"network is a module, Conv1d; pass what makes one .* Conv1d\(...\)"):
        SupervisedSegmenter(network=torch.nn.Conv1d(1, 2, 3, padding=1), max_steps=1).fit(X, y)


def test_a_class_in_place_of_an_instance_is_named():
    X, y = make_recordings(4, n_samples=300, random_state=0)
    with pytest.raises(ValueError, match=r"network=UNet is a class; pass an instance, UNet\(\)"):
        SupervisedSegmenter(network=UNet).fit(X, y)
    with pytest.raises(TypeError, match=r"RandAugment is a class, not a view; pass an instance, RandAugment\(\)"):
        SupervisedSegmenter(strong=RandAugment).fit(X, y)


def test_a_transformer_as_a_view_has_nested_parameters_and_others_keep_theirs():
    transformer = ExponentTransformer(power=2)
    segmenter = FixMatchSegmenter(strong=transformer)
    segmenter.set_params(**segmenter.get_params())
    assert segmenter.set_params(strong__power=3).strong.power == 3
    assert transformer.power == 2


def test_a_transformer_inside_of_a_view_has_nested_parameters_too():
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


class TestNames:
    def test_named_columns_of_time_do_not_bind_the_length(self):
        X, y = make_recordings(4, n_samples=300, random_state=0)
        frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(300)])
        fitted = SupervisedSegmenter(network=TINY, max_steps=1, batch_size=4).fit(frame, y)
        assert fitted.predict(frame.iloc[:, :200]).shape == (4, 200)
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(frame.iloc[:, ::-1])
        assert not hasattr(fitted.fit(list(X), y), "feature_names_in_")

    def test_channels_in_another_order_or_of_other_names_are_refused(self):
        X, y = make_recordings(4, n_samples=300, random_state=0)
        frames = [pd.DataFrame({"a": x, "b": -x}) for x in X]
        fitted = SupervisedSegmenter(network=TINY, max_steps=1, batch_size=4).fit(frames, y)
        with pytest.raises(ValueError, match=r"X has the channels \['c', 'b'\].* rename them, as frame.set_axis"):
            fitted.predict([frame.rename(columns={"a": "c"}) for frame in frames])
        with pytest.raises(ValueError, match=r"X has the channels \['b', 'a'\], SupervisedSegmenter was fitted on"):
            fitted.predict([frame[["b", "a"]] for frame in frames])
        with pytest.raises(ValueError, match=r"X: recording 1 has the channels \['b', 'a'\], recording 0 \['a', 'b'\]"):
            fitted.fit([frames[0], frames[1][["b", "a"]], *frames[2:]], y)


class TestSettings:
    def test_a_window_is_not_longer_than_the_longest_recording(self, make_segmenter, partly):
        X, y = partly
        fitted = make_segmenter(max_steps=1, window_length=10**7).fit(X, y)
        stride = fitted.net_.module_.stride
        assert fitted.window_length_ == -(-X.shape[1] // stride) * stride

    @pytest.mark.parametrize(("name", "value"), [("decoder", Hysteresis), ("threshold", FixedThreshold)])
    def test_a_class_instead_of_an_instance_is_refused(self, partly, name, value):
        with pytest.raises(ValueError, match=rf"{name}={value.__name__} is a class; pass an instance"):
            FixMatchSegmenter(**{name: value}, max_steps=1).fit(*partly)

    def test_all_parameters_are_set_or_none(self):
        segmenter = FixMatchSegmenter(lr=0.1)
        with pytest.raises(ValueError, match="foo"):
            segmenter.set_params(lr=0.5, network__foo=1)
        assert segmenter.lr == 0.1

    def test_the_parts_of_a_threshold_that_is_a_number(self):
        segmenter = FixMatchSegmenter(threshold=0.7).set_params(threshold__alignment="labeled")
        assert segmenter.threshold == FixedThreshold(0.7, alignment="labeled")
        assert FixMatchSegmenter().set_params(threshold=0.9, threshold__alignment=None).threshold == FixedThreshold(0.9)

    def test_shares_are_in_the_history_before_there_are_any(self, partly):
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

    def test_a_receptive_field_that_is_named_too_small(self, make_segmenter, partly):
        def network(n_channels, n_classes):
            module = torch.nn.Conv1d(n_channels, n_classes, 51, padding=25)
            module.stride, module.receptive_field = 1, 10
            return module

        with pytest.raises(ValueError, match="names receptive_field=10, and its output changes with samples 25 away"):
            make_segmenter(network=network).fit(*partly)

    @pytest.mark.parametrize("padding", [(200, 0), (0, 200)], ids=["behind", "ahead"])
    def test_a_receptive_field_to_either_side(self, partly, padding):
        class Aside(torch.nn.Module):
            stride, receptive_field = 1, 20

            def __init__(self, n_channels, n_classes):
                super().__init__()
                self.conv = torch.nn.Conv1d(n_channels, n_classes, 201)

            def forward(self, x):
                return self.conv(torch.nn.functional.pad(x, padding))

        with pytest.raises(ValueError, match="receptive_field=20, and its output changes with samples 200 away"):
            SupervisedSegmenter(network=Aside, max_steps=2, batch_size=2, random_state=0).fit(*partly)

    @pytest.mark.parametrize("error", [ValueError, AssertionError, IndexError])
    def test_a_network_that_refuses_a_length_is_named(self, partly, error):
        class Even(PlainNetwork):
            def forward(self, x):
                if x.shape[-1] % 2:
                    raise error("even lengths only")
                return super().forward(x)

        with pytest.raises(ValueError, match="network=.*Even.* cannot read signals of shape.*even lengths only"):
            SupervisedSegmenter(network=Even, max_steps=2, batch_size=2, random_state=0).fit(*partly)

    def test_a_network_without_shapes_is_named(self, partly):
        with pytest.raises(ValueError, match=r"network=.*weights have no shape yet, as of nn\.LazyConv1d"):
            SupervisedSegmenter(network=lambda _, k: torch.nn.LazyConv1d(k, 3, padding=1)).fit(*partly)


class Adversarial(torch.nn.Module):
    """The direction in which the answer changes most (Miyato et al. 2018), as an objective of one's own."""

    def forward(self, batch, step):
        x = batch.unlabeled.x
        nudge = (1e-2 * torch.randn(x.shape, generator=step.generator)).requires_grad_()
        plain, nudged = step.student(x, x + nudge)
        distance = torch.nn.functional.kl_div(nudged.log_softmax(1), plain.detach().softmax(1), reduction="batchmean")
        (gradient,) = torch.autograd.grad(distance, nudge)
        labeled, worst = step.student(batch.labeled.x, x + gradient / gradient.norm())
        loss = labeled_cross_entropy(labeled, batch.labeled.target)
        unlabeled = squared_difference(worst, plain.detach().softmax(1)).mean()
        return Losses(loss + unlabeled, loss, unlabeled)


class Drawing(torch.nn.Module):
    """An objective that draws from torch's global random state."""

    def forward(self, batch, step):
        x = batch.labeled.x
        loss = labeled_cross_entropy(*step.student(x + 0.3 * torch.randn_like(x)), batch.labeled.target)
        return Losses(loss, loss)


class Middle(SupervisedSegmenter):
    """An estimator of one's own, with a third view."""

    def __init__(self, *, medium=None, network=TINY, max_steps=3, batch_size=2, random_state=0, mu=1.0):
        super().__init__(network=network, max_steps=max_steps, batch_size=batch_size, random_state=random_state)
        self.medium, self.mu = medium, mu

    def _make_criterion(self, class_weight, shares):
        return SupervisedLoss(weak=self.medium, strong=None, class_weight=class_weight)


class TestOwnObjective:
    def test_it_may_ask_for_gradients_of_its_own(self, partly):
        class Own(Middle):
            def _make_criterion(self, class_weight, shares):
                return Adversarial()

        history = Own().fit(*partly).history_
        assert np.isfinite(history["loss"]).all()
        assert (history["unlabeled_loss"] > 0).all()

    @pytest.mark.parametrize("own", ["view", "objective"])
    def test_what_it_draws_from_the_global_state_is_seeded(self, partly, own):
        class Own(Middle):
            def _make_criterion(self, class_weight, shares):
                return Drawing()

        def fit():
            make = Own if own == "objective" else Middle
            return make(medium=lambda x: x + 0.3 * torch.randn_like(x)).fit(*partly).predict_proba(partly[0])

        before = torch.get_rng_state()
        first = fit()
        assert torch.equal(before, torch.get_rng_state())
        torch.rand(1)
        np.testing.assert_array_equal(first, fit())


def test_an_infinite_buffer_of_a_network_is_no_harm(make_segmenter, partly):
    class Masked(PlainNetwork):
        def __init__(self, n_channels, n_classes):
            super().__init__(n_channels, n_classes)
            self.register_buffer("floor", torch.tensor(float("-inf")))

        def forward(self, x):
            return torch.maximum(super().forward(x), self.floor)

    segmenter = make_segmenter(network=Masked, max_steps=5).fit(*partly)
    assert np.isfinite(segmenter.predict_proba(partly[0])).all()
