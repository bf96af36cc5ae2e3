"""The laws of weights and soft labels hold for every segmenter, in searches, in files and in runs that continue."""

import numpy as np
import pytest
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import SEGMENTERS, TINY, as_ragged

import sslts
from sslts import SelfTrainingSegmenter, SemiSupervisedSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.annotations import LabelDetails, LabelRuns, SampleWeights, SoftLabels, count_votes
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, DurationViterbi, Hysteresis
from sslts.losses import Dice, Focal
from sslts.persistence import PersistenceError
from sslts.preprocessing import RecordingStandardizer
from sslts.segmenters._weighing import add_pseudo_labels
from sslts.training import Losses, WindowDataset

X, Y = make_recordings(8, n_samples=300, segment_length=24, random_state=0)
Y = np.where(np.arange(8)[:, None] < 5, Y, -1)
FAST = {"max_steps": 3, "batch_size": 2, "network": TINY, "random_state": 0, "normalization": "recording"}


def learn_labels(batch, step):
    labeled = step.strong(step.weak(batch.labeled))
    loss = step.labeled_loss(*step.student(labeled.x), labeled)
    return Losses(loss, loss)


NETWORKS = {name: cls(**FAST) for name, cls in SEGMENTERS.items()}
NETWORKS["objective"] = SemiSupervisedSegmenter(objective=learn_labels, **FAST)
FOREST = WindowFeatureSegmenter(scales=(1, 4, 16), normalization="recording", random_state=0)
EVERY = {
    **NETWORKS,
    "features": FOREST,
    "pipeline of features": clone(FOREST).set_params(
        classifier=make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    ),
    "rounds of a network": SelfTrainingSegmenter(NETWORKS["supervised"], threshold=0.5),
    "rounds by agreement": SelfTrainingSegmenter(NETWORKS["supervised"], shares=(0.5, 1.0), rank="agreement"),
    "rounds of features": SelfTrainingSegmenter(FOREST, shares=(0.5, 1.0)),
}
# One of each kind stands for all in the fast suite.
ONE_OF_EACH = ("fixmatch", "features", "rounds of a network")
each = pytest.mark.parametrize(
    "segmenter",
    [
        pytest.param(segmenter, id=name, marks=() if name in ONE_OF_EACH else pytest.mark.slow)
        for name, segmenter in EVERY.items()
    ],
)
each_network = pytest.mark.parametrize("segmenter", NETWORKS.values(), ids=NETWORKS)


def fit(segmenter, y, sample_weight=None, X=X, **options):
    """Return the probabilities of a fitted clone."""
    given_options = {} if sample_weight is None else {"sample_weight": sample_weight}
    return np.concatenate(list(clone(segmenter).fit(X, y, **given_options, **options).predict_proba(X)))


def draw(seed, *shape):
    return np.random.default_rng(seed).uniform(0.2, 3.0, size=shape)


def soften(y, certainty=0.7, n_classes=2):
    """Return soft labels with this probability of the label more than of the others."""
    soft = certainty * (y[..., None] == np.arange(n_classes)) + (1 - certainty) / n_classes
    return np.where(y[..., None] < 0, np.nan, soft)


@each
class TestWeights:
    def test_equal_weights_give_the_same_model(self, segmenter):
        wanted = fit(segmenter, Y)
        np.testing.assert_array_equal(fit(segmenter, Y, np.full(8, 2.5)), wanted)
        np.testing.assert_array_equal(fit(segmenter, Y, np.where(Y < 0, 7.0, 0.3)), wanted)

    def test_a_weight_of_zero_gives_the_model_of_the_label_minus_one(self, segmenter):
        kept = np.random.default_rng(0).random(Y.shape) < 0.7
        np.testing.assert_array_equal(fit(segmenter, Y, kept), fit(segmenter, np.where(kept, Y, -1)))

    def test_a_whole_recording_of_weight_zero_is_unlabeled(self, segmenter):
        kept = np.arange(8) != 1
        np.testing.assert_array_equal(fit(segmenter, Y, kept), fit(segmenter, np.where(kept[:, None], Y, -1)))

    def test_only_ratios_count_and_they_do(self, segmenter):
        weights = draw(1, *Y.shape)
        found = fit(segmenter, Y, weights)
        np.testing.assert_array_equal(fit(segmenter, Y, 8 * weights), found)
        np.testing.assert_array_equal(fit(segmenter, Y, np.where(Y < 0, 99.0, weights)), found)
        assert np.abs(found - fit(segmenter, Y)).max() > 1e-6

    def test_weights_of_recordings_are_weights_of_their_samples(self, segmenter):
        weights = draw(2, 8)
        by_sample = np.repeat(weights[:, None], 300, axis=1)
        np.testing.assert_array_equal(fit(segmenter, Y, weights), fit(segmenter, Y, by_sample))

    def test_recordings_of_different_lengths(self, segmenter):
        weights = draw(3, *Y.shape)
        rows = as_ragged(np.arange(2400).reshape(8, 300))
        ragged = [[row[: len(r)] for row, r in zip(a, rows, strict=True)] for a in (X, Y, weights)]
        found = fit(segmenter, ragged[1], ragged[2], X=ragged[0])
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(
            fit(segmenter, ragged[1], [2.0] * 8, X=ragged[0]), fit(segmenter, ragged[1], X=ragged[0])
        )


@each
class TestSoftLabels:
    @pytest.mark.parametrize("mark", [np.nan, -1.0])
    def test_certain_soft_labels_give_the_model_of_the_labels(self, segmenter, mark):
        soft = np.where(Y[..., None] < 0, mark, np.eye(2)[Y])
        np.testing.assert_array_equal(fit(segmenter, soft), fit(segmenter, Y))

    def test_they_change_the_model(self, segmenter):
        assert np.abs(fit(segmenter, soften(Y, 0.5)) - fit(segmenter, Y)).max() > 1e-5

    def test_weights_and_soft_labels_go_together(self, segmenter):
        soft, weights = soften(Y), draw(4, 8)
        found = fit(segmenter, soft, weights)
        np.testing.assert_array_equal(fit(segmenter, soft, 2 * weights), found)
        np.testing.assert_array_equal(
            fit(segmenter, soft, np.arange(8) != 1),
            fit(segmenter, np.where((np.arange(8) != 1)[:, None, None], soft, np.nan)),
        )

    def test_every_container_gives_the_same_model(self, segmenter):
        soft = soften(Y, 0.5)  # 0.75 and 0.25
        wanted = fit(segmenter, soft)
        for form in (soft.astype(np.float32), torch.tensor(soft), [*soft[:5], -1, -1, -1], [*soft[:5], *Y[5:]]):
            np.testing.assert_array_equal(fit(segmenter, form), wanted)

    @pytest.mark.parametrize("certainty", [1.0, 0.5])
    def test_a_class_without_most_votes_is_predicted_as_the_others(self, segmenter, certainty):
        fitted = clone(segmenter).fit(X, soften(Y, certainty, n_classes=3))
        assert fitted.classes_.tolist() == [0, 1, 2]
        for decoder in (Argmax(), Hysteresis(), DurationViterbi()):
            if "decoder" in fitted.get_params():
                fitted.set_params(decoder=decoder)
            assert set(np.unique(fitted.predict(X))) <= {0, 1, 2}
        assert fitted.predict_proba(X).shape == (8, 300, 3)
        fitted.predict_segments(X)


@pytest.mark.parametrize(
    "segmenter", [SupervisedSegmenter(**{**FAST, "max_steps": 150}), FOREST], ids=["network", "features"]
)
def test_doubt_is_learned(segmenter):
    certain, doubtful = (fit(segmenter, y).max(1).mean() for y in (Y, soften(Y, 0.5)))
    assert doubtful < certain - 0.05


@given(seed=st.integers(0, 2**16), n_annotators=st.integers(1, 3))
@settings(max_examples=15)
def test_votes_of_one_mind_are_labels(seed, n_annotators):
    labels = np.where(np.random.default_rng(seed).random(Y.shape) < 0.2, -1, Y)
    votes = count_votes([labels] * n_annotators)
    np.testing.assert_array_equal(fit(FOREST, votes), fit(FOREST, labels))


class TestNetworks:
    @pytest.mark.parametrize("loss", [Focal(), Dice(), Dice(cross_entropy=0.0)], ids=repr)
    @each_network
    def test_every_shipped_loss_takes_them(self, segmenter, loss):
        segmenter = clone(segmenter).set_params(labeled_loss=loss, class_weight="balanced")
        bare = fit(segmenter, Y)
        assert np.abs(fit(segmenter, Y, draw(1, *Y.shape)) - bare).max() > 1e-6
        assert np.abs(fit(segmenter, soften(Y)) - bare).max() > 1e-6

    @each_network
    def test_nearly_certain_soft_labels_give_nearly_the_same_model(self, segmenter):
        np.testing.assert_allclose(fit(segmenter, soften(Y, 1 - 1e-6)), fit(segmenter, Y), atol=1e-3)

    def test_a_loss_of_the_user_gets_them_by_name(self):
        seen = set()

        def loss(logits, labels, class_weight, sample_weight=None, soft_labels=None):
            seen.add((sample_weight is not None, soft_labels is not None))
            return Dice()(logits, labels, class_weight, sample_weight, soft_labels)

        segmenter = SupervisedSegmenter(**FAST).set_params(labeled_loss=loss)
        fit(segmenter, Y)
        assert seen == {(False, False)}
        fit(segmenter, Y, draw(0, 8))
        fit(segmenter, soften(Y))
        fit(segmenter, soften(Y), draw(0, 8))
        assert seen == {(False, False), (True, False), (False, True), (True, True)}

    def test_without_weights_there_is_no_tensor(self, monkeypatch):
        drawn = []
        draw_batch = WindowDataset.draw

        def keep(self, step):
            drawn.append(draw_batch(self, step))
            return drawn[-1]

        monkeypatch.setattr(WindowDataset, "draw", keep)
        fit(NETWORKS["fixmatch"], Y)
        fit(NETWORKS["fixmatch"], Y, np.full(8, 3.0))
        assert all(batch.labeled.weight is batch.labeled.soft is None for batch in drawn)
        fit(NETWORKS["fixmatch"], soften(Y), draw(0, 8))
        assert drawn[-1].labeled.weight.shape == drawn[-1].labeled.target.shape
        assert drawn[-1].labeled.soft.sum(1)[drawn[-1].labeled.target >= 0].allclose(torch.tensor(1.0))
        assert drawn[-1].unlabeled.weight is drawn[-1].unlabeled.soft is None

    def test_balanced_class_weights_follow_the_weights(self):
        weights = np.where(Y == 1, 4.0, 1.0)
        segmenter = SupervisedSegmenter(**FAST, class_weight="balanced").fit(X, Y, sample_weight=weights)
        count = np.array([(Y == 0).sum(), 4.0 * (Y == 1).sum()])
        np.testing.assert_allclose(segmenter.net_.criterion_.class_weight, count.sum() / (2 * count), rtol=1e-5)

    @pytest.mark.parametrize("y", [Y, soften(Y)], ids=["labels", "soft labels"])
    def test_the_loss_of_held_out_recordings_is_weighed(self, y):
        losses = []
        for weights in (None, np.full(8, 2.0), draw(0, *Y.shape)):
            fitted = SupervisedSegmenter(**FAST).fit(X, y, sample_weight=weights, validation=0.4)
            losses.append(fitted.history_["valid_loss"].to_numpy())
        assert np.isfinite(losses).all()
        np.testing.assert_array_equal(losses[0], losses[1])
        assert (losses[0] != losses[2]).any()

    def test_a_guide_sees_them(self):
        segmenter = clone(NETWORKS["fixmatch"]).set_params(max_steps=100)
        fitted = clone(segmenter).fit(X, soften(Y, 0.6, n_classes=3), sample_weight=draw(0, 8))
        assert set(fitted.trust_) == {"network", "window_features", "guided"}
        assert np.isfinite(fitted.trust_["network"]["mean_iou"])

    def test_a_saved_model_predicts_the_same(self, tmp_path):
        fitted = SupervisedSegmenter(**FAST).fit(X, soften(Y, 0.6, n_classes=3), sample_weight=draw(0, 8))
        fitted.save(tmp_path / "model.sslts")
        np.testing.assert_array_equal(sslts.load(tmp_path / "model.sslts").predict_proba(X), fitted.predict_proba(X))


class TestCheckpoints:
    @pytest.mark.parametrize("name", ["supervised", "rounds of a network"])
    def test_other_weights_or_soft_labels_are_other_data(self, name, tmp_path):
        segmenter, path = EVERY[name], tmp_path / "run.ckpt"
        weights = draw(0, *Y.shape)
        wanted = fit(segmenter, Y, weights, checkpoint=path)
        np.testing.assert_array_equal(fit(segmenter, Y, 2 * weights, checkpoint=path), wanted)
        for other in (None, np.full(8, 2.0), draw(1, *Y.shape)):
            with pytest.raises(PersistenceError, match="the weights in sample_weight differ"):
                fit(segmenter, Y, other, checkpoint=path)
        with pytest.raises(PersistenceError, match="the soft labels in y differ"):
            fit(segmenter, soften(Y), weights, checkpoint=path)

    def test_a_run_without_weights_continues_with_equal_weights(self, tmp_path):
        path = tmp_path / "run.ckpt"
        wanted = fit(NETWORKS["supervised"], Y, checkpoint=path)
        np.testing.assert_array_equal(fit(NETWORKS["supervised"], Y, np.ones(8), checkpoint=path), wanted)
        with pytest.raises(PersistenceError, match="the soft labels in y differ"):
            fit(NETWORKS["supervised"], soften(Y), checkpoint=path)


class TestRounds:
    def test_pseudo_labels_weigh_as_much_as_labels_on_average(self):
        given_labels, weights = [np.array([0, 1, -1]), np.array([-1, -1])], [np.array([1.0, 3.0, 9.0]), np.ones(2)]
        details = LabelDetails(SampleWeights(weights, 4.0))
        labels, found = add_pseudo_labels([np.array([0, 1, 1]), np.array([0, -1])], given_labels, details)
        assert [one.tolist() for one in labels] == [[0, 1, 1], [0, -1]]
        assert [one.tolist() for one in found] == [[0.25, 0.75, 0.5], [0.5, 0.5]]

    def test_pseudo_labels_are_certain(self):
        given_labels, soft = [np.array([0, -1, -1]), np.array([-1, -1])], [np.array([[0.75, 0.25]] * 3), None]
        details = LabelDetails(soft=SoftLabels(soft, LabelRuns.from_labels(given_labels), np.arange(2)))
        labels, weights = add_pseudo_labels([np.array([0, 1, -1]), np.array([0, -1])], given_labels, details)
        np.testing.assert_array_equal(labels[0], [[0.75, 0.25], [0, 1], [np.nan, np.nan]])
        assert labels[1].tolist() == [0, -1]
        assert weights is None

    def test_a_segmenter_without_weights_is_refused(self):
        pipeline = make_pipeline(RecordingStandardizer(), NETWORKS["supervised"])
        with pytest.raises(ValueError, match="sample_weight: the fit of Pipeline does not accept a sample_weight"):
            SelfTrainingSegmenter(pipeline).fit(X, Y, sample_weight=draw(0, 8))


class TestScikitLearn:
    @pytest.fixture(params=["array", "list"])
    def data(self, request):
        weights = draw(0, *Y.shape)
        rows = X[:5], Y[:5], weights[:5]
        return rows if request.param == "array" else tuple(list(one) for one in rows)

    @pytest.fixture
    def seen(self, monkeypatch):
        """Return the weights that fits get, one entry per fit."""
        found, inner = [], SupervisedSegmenter.fit

        def keep(self, X, y, *, sample_weight=None, validation=None, checkpoint=None):
            found.append(None if sample_weight is None else np.array(sample_weight))
            return inner(self, X, y, sample_weight=sample_weight, validation=validation, checkpoint=checkpoint)

        monkeypatch.setattr(SupervisedSegmenter, "fit", keep)
        return found

    def test_a_search_splits_the_weights(self, data, seen):
        X, y, weights = data
        search = GridSearchCV(NETWORKS["supervised"], {"lr": [1e-3]}, cv=KFold(5), error_score="raise")
        search.fit(X, y, sample_weight=weights)
        for fold, got in enumerate(seen[:5]):
            np.testing.assert_array_equal(got, np.delete(np.array(weights), fold, axis=0))
        np.testing.assert_array_equal(seen[5], weights)

    def test_metadata_routing(self, data, seen):
        X, y, weights = data
        with sklearn.config_context(enable_metadata_routing=True):
            segmenter = SupervisedSegmenter(**FAST).set_fit_request(sample_weight=True)
            search = GridSearchCV(segmenter, {"lr": [1e-3]}, cv=KFold(5), error_score="raise")
            search.fit(X, y, sample_weight=weights)
            for fold, got in enumerate(seen[:5]):
                np.testing.assert_array_equal(got, np.delete(np.array(weights), fold, axis=0))
            seen.clear()
            cross_validate(segmenter, X, y, cv=KFold(5), params={"sample_weight": weights}, error_score="raise")
            for fold, got in enumerate(seen):
                np.testing.assert_array_equal(got, np.delete(np.array(weights), fold, axis=0))
            seen.clear()
            make_pipeline(RecordingStandardizer(), segmenter).fit(X, y, sample_weight=weights)
            np.testing.assert_array_equal(seen[0], weights)
            with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
                GridSearchCV(SupervisedSegmenter(**FAST), {"lr": [1e-3]}).fit(X, y, sample_weight=weights)

    def test_a_pipeline_passes_them_to_its_step(self, data, seen):
        X, y, weights = data
        pipeline = make_pipeline(RecordingStandardizer(), NETWORKS["supervised"])
        pipeline.fit(X, y, supervisedsegmenter__sample_weight=weights)
        np.testing.assert_array_equal(seen[0], weights)

    @pytest.mark.parametrize("name", ["features", "rounds of features"])
    def test_other_segmenters_ask_for_them_too(self, data, name):
        X, y, weights = data
        with sklearn.config_context(enable_metadata_routing=True):
            segmenter = clone(EVERY[name]).set_fit_request(sample_weight=True)
            found = cross_validate(segmenter, X, y, cv=2, params={"sample_weight": weights}, error_score="raise")
        assert np.isfinite(found["test_score"]).all()
