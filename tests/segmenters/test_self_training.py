"""Self-training labels the reliable samples and refits from scratch."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from small import ODD_CHECKS, TINY, as_ragged

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.metrics import mean_iou_scorer
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer
from sslts.segmenters.self_training import KeepCheckpoints, _measure_agreement

# Large enough to be sure of some samples only
FAST = SupervisedSegmenter(max_steps=12, batch_size=4, network=UNet(width=8, depth=2), random_state=0)


@pytest.fixture
def mixed(partly):
    """Return recordings: three with all labels, one with some labels, the others unlabeled."""
    X, y = partly
    y = y.copy()
    y[3, 200:] = -1
    return X, y


class TestByThreshold:
    def test_exactly_the_confident_unlabeled_samples_get_the_predicted_label(self, mixed):
        X, y = mixed
        first = clone(FAST).fit(X, y)
        proba = first.predict_proba(X)
        found = SelfTrainingSegmenter(FAST, threshold=0.6).fit(X, y)
        believed = (y < 0) & (proba.max(-1) >= 0.6)
        wanted = np.where(believed, first.classes_[proba.argmax(-1)], y)
        np.testing.assert_array_equal(np.stack(found.labels_), wanted)
        assert found.history_["believed"].tolist() == pytest.approx([believed.sum() / (y < 0).sum()])

    def test_the_last_segmenter_is_fitted_from_scratch_on_these_labels(self, mixed):
        X, y = mixed
        found = SelfTrainingSegmenter(FAST, threshold=0.6).fit(X, y)
        again = clone(FAST).fit(X, np.stack(found.labels_))
        np.testing.assert_array_equal(found.predict_proba(X), again.predict_proba(X))

    def test_rounds(self, mixed):
        found = SelfTrainingSegmenter(FAST, threshold=0.6, n_rounds=2).fit(*mixed)
        assert found.history_["round"].tolist() == [1, 2]

    def test_a_threshold_above_every_confidence_accepts_nothing(self, mixed):
        X, y = mixed
        found = SelfTrainingSegmenter(FAST, threshold=1.0).fit(X, y)
        np.testing.assert_array_equal(found.predict_proba(X), clone(FAST).fit(X, y).predict_proba(X))


class TestByShare:
    def test_the_most_confident_share_of_samples_is_accepted(self, mixed):
        X, y = mixed
        proba = clone(FAST).fit(X, y).predict_proba(X)
        found = SelfTrainingSegmenter(FAST, shares=(0.3,)).fit(X, y)
        believed = (np.stack(found.labels_) >= 0) & (y < 0)
        sure = proba.max(-1)
        assert believed.sum() == round(0.3 * (y < 0).sum())
        assert sure[believed].min() >= sure[(y < 0) & ~believed].max()

    def test_a_round_for_each_share(self, mixed):
        found = SelfTrainingSegmenter(FAST, shares=(0.2, 0.6, 1.0)).fit(*mixed)
        assert found.history_["believed"].tolist() == pytest.approx([0.2, 0.6, 1.0], abs=1e-3)
        assert all((labels >= 0).all() for labels in found.labels_)


def test_a_segmenter_without_checkpoints_is_refused(mixed, tmp_path):
    pipeline = make_pipeline(RecordingStandardizer(), FAST)
    with pytest.raises(ValueError, match="checkpoint: the fit of Pipeline does not accept a checkpoint"):
        SelfTrainingSegmenter(pipeline).fit(*mixed, checkpoint=tmp_path / "run")


class TestByAgreement:
    def test_whole_recordings_are_accepted_best_agreement_first(self, mixed):
        X, y = mixed
        found = SelfTrainingSegmenter(FAST, shares=(0.5,), rank="agreement").fit(X, y)
        done = [(labels >= 0).all() for labels in found.labels_]
        assert done[:3] == [True] * 3
        assert sum(done[3:]) == 5  # half of nine
        assert all((labels >= 0).all() or (labels == y[i]).all() for i, labels in enumerate(found.labels_))

    def test_labels_of_a_round_are_kept_in_the_next(self, mixed):
        X, y = mixed
        first = SelfTrainingSegmenter(FAST, shares=(0.5,), rank="agreement").fit(X, y)
        second = SelfTrainingSegmenter(FAST, shares=(0.5, 1.0), rank="agreement").fit(X, y)
        for before, after in zip(first.labels_, second.labels_, strict=True):
            assert (after >= 0).all()
            np.testing.assert_array_equal(after[before >= 0], before[before >= 0])
        again = SelfTrainingSegmenter(FAST, shares=(0.5, 0.6), rank="agreement").fit(X, y)
        kept = [i for i, labels in enumerate(first.labels_) if (labels >= 0).all()]
        assert all((again.labels_[i] >= 0).all() for i in kept)
        assert again.history_["believed"].tolist() == pytest.approx([5 / 9, 6 / 9], abs=0.05)

    def test_earlier_weights_are_not_kept(self, mixed):
        found = SelfTrainingSegmenter(FAST, shares=(0.5,), rank="agreement").fit(*mixed)
        (keeper,) = (one for _, one in found.net_.callbacks_ if isinstance(one, KeepCheckpoints))
        assert keeper.checkpoints_ == []

    def test_agreement_is_the_mean_iou_with_earlier_weights(self, mixed):
        X, y = mixed
        keeper = KeepCheckpoints(3)
        segmenter = clone(FAST).set_params(callbacks=[keeper], max_steps=80, lr=1e-2).fit(X, y)
        before = segmenter.predict_proba(X)
        assert len(keeper.checkpoints_) == 3
        agreement = _measure_agreement(segmenter, keeper.checkpoints_, segmenter._read(X))
        assert agreement.shape == (12,)
        assert ((agreement >= 0) & (agreement <= 1)).all()
        assert (agreement < 1).any()
        np.testing.assert_array_equal(segmenter.predict_proba(X), before)
        np.testing.assert_array_equal(
            _measure_agreement(segmenter, [segmenter.net_.teacher_.state_dict()], segmenter._read(X)), np.ones(12)
        )

    @pytest.mark.parametrize("max_steps", [1, 2, 3])
    def test_the_end_of_a_short_training_is_not_a_checkpoint(self, mixed, max_steps):
        keeper = KeepCheckpoints(3)
        clone(FAST).set_params(callbacks=[keeper], max_steps=max_steps).fit(*mixed)
        assert [int(weights["n_averaged"]) for weights in keeper.checkpoints_] == list(range(1, max_steps))

    def test_the_fitted_segmenter_keeps_its_own_callbacks(self, mixed):
        assert SelfTrainingSegmenter(FAST, shares=(1.0,), rank="agreement").fit(*mixed).segmenter_.callbacks is None


class TestAsAnEstimator:
    @pytest.mark.parametrize(
        "params",
        [
            {
                "threshold": 0.5,
                "segmenter": WindowFeatureSegmenter(ExtraTreesClassifier(2), scales=(1, 8), normalization="recording"),
            },
            pytest.param({"threshold": 0.5}, marks=pytest.mark.slow),
            pytest.param({"shares": (0.5, 1.0)}, marks=pytest.mark.slow),
            pytest.param({"shares": (1.0,), "rank": "agreement"}, marks=pytest.mark.slow),
        ],
    )
    def test_check_estimator(self, params):
        network = clone(FAST).set_params(max_steps=1, batch_size=2, network=TINY)
        check_estimator(
            SelfTrainingSegmenter(**{"segmenter": network, **params}),
            expected_failed_checks=ODD_CHECKS,
            on_skip=None,
        )

    def test_ragged_recordings(self, mixed):
        X, y = mixed
        found = SelfTrainingSegmenter(FAST, shares=(1.0,)).fit(as_ragged(X), as_ragged(y))
        assert [len(labels) for labels in found.predict(as_ragged(X))] == [len(x) for x in as_ragged(X)]

    def test_all_methods_of_a_segmenter(self, mixed):
        X, y = mixed
        found = SelfTrainingSegmenter(FAST, shares=(1.0,)).fit(X, y)
        assert found.predict(X).shape == X.shape
        assert set(found.predict_segments(X).columns) >= {"recording", "start", "end", "label", "score"}
        assert 0 <= found.score(X, y) <= 1
        assert found.n_features_in_ == X.shape[1]
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).predict(X), found.predict(X))

    def test_the_inner_segmenter_is_tuned_by_nested_names_and_never_fitted(self, mixed):
        outer = SelfTrainingSegmenter(clone(FAST), shares=(1.0,))
        search = GridSearchCV(
            outer, {"segmenter__network__width": [4, 8]}, scoring=mean_iou_scorer, cv=KFold(2), error_score="raise"
        )
        X, y = mixed
        search.fit(np.r_[X[:4], X[:4]], np.r_[y[:4], y[:4]])
        assert search.best_params_["segmenter__network__width"] in (4, 8)
        assert not hasattr(outer.segmenter, "net_")

    def test_the_inner_segmenter_may_be_of_any_method(self, mixed):
        inner = FixMatchSegmenter(max_steps=3, batch_size=4, network=TINY, random_state=0)
        SelfTrainingSegmenter(inner, shares=(1.0,)).fit(*mixed)

    def test_without_unlabeled_samples_nothing_is_accepted(self, labeled):
        assert SelfTrainingSegmenter(FAST).fit(*labeled).history_["believed"].tolist() == [0.0]

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"shares": ()}, "pass one number per round"),
            ({"shares": (0.5, 1.2)}, "at most 1"),
            ({"rank": "agreement"}, "pass the share of each round"),
            ({"threshold": 2.0}, "The 'threshold' parameter"),
            ({"n_rounds": 0}, "The 'n_rounds' parameter"),
        ],
    )
    def test_parameters_are_checked(self, mixed, params, message):
        with pytest.raises(ValueError, match=message):
            SelfTrainingSegmenter(FAST, **params).fit(*mixed)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_recordings(6, n_samples=300, random_state=0)
    few = np.where(np.arange(6)[:, None] < 3, y, -1)
    return SelfTrainingSegmenter(clone(FAST).set_params(max_steps=2, sampling_rate=10)).fit(X, few), X, few


class TestLikeOtherSegmenters:
    """Self-training can be used in place of other segmenters."""

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_words_keep_the_numbers_of_the_model_to_start_from(self, partly):
        X, y = partly
        both = np.array(["background", "turn", "walk"])
        start = clone(FAST).fit(X[:4], both[np.where(y[:4] == 1, [[1], [2], [1], [2]], 0)])
        words = np.where(y == 1, "walk", np.where(y == 0, "background", "-1"))  # "turn" does not occur
        segmenter = SelfTrainingSegmenter(clone(FAST).set_params(init=start, max_steps=1)).fit(X, words)
        assert start.class_names_ == {0: "background", 1: "turn", 2: "walk"}
        assert segmenter.classes_.tolist() == [0, 2]
        assert set(np.unique(segmenter.predict(X))) <= {"background", "walk"}

    def test_it_has_the_attributes_of_its_segmenter(self, fitted):
        segmenter, _, _ = fitted
        for name in ("n_channels_", "window_length_", "net_", "statistics_", "sampling_rate", "background"):
            assert getattr(segmenter, name) == getattr(segmenter.segmenter_, name)
        assert not hasattr(SelfTrainingSegmenter(), "net_")

    def test_another_segmenter_can_start_from_it(self, fitted):
        segmenter, X, y = fitted
        later = clone(FAST).set_params(init=segmenter, max_steps=1, lr=1e-12).fit(X, y)
        np.testing.assert_allclose(later.predict_proba(X), segmenter.predict_proba(X), atol=1e-2)

    def test_the_default_can_be_tuned_by_nested_names(self):
        segmenter = SelfTrainingSegmenter().set_params(segmenter__max_steps=3, segmenter__network__width=4)
        assert segmenter.segmenter.max_steps == 3
        assert segmenter.segmenter.network.width == 4
        with pytest.raises(ValueError, match="Invalid parameter"):
            SelfTrainingSegmenter().set_params(nonsense=3)


def test_the_inner_segmenter_may_be_a_pipeline(mixed):
    X, y = mixed
    pipeline = make_pipeline(RecordingStandardizer(), clone(FAST).set_params(decoder=Argmax()))
    found = SelfTrainingSegmenter(pipeline, threshold=0.6).fit(X, y)
    np.testing.assert_array_equal(found.predict(X), found.predict_proba(X).argmax(-1))
