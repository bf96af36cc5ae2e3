"""A custom objective trains a network without a subclass."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import check_estimator
from small import ODD_CHECKS, TINY, PlainNetwork

import sslts
from sslts import SemiSupervisedSegmenter, SupervisedSegmenter
from sslts.augment import Reverse
from sslts.metrics import mean_iou_scorer
from sslts.objectives import labeled_cross_entropy
from sslts.persistence import PersistenceError
from sslts.segmenters import ObjectiveLoss, SupervisedLoss
from sslts.training import Losses

FAST = {"max_steps": 3, "batch_size": 2, "network": TINY, "precision": "float32", "random_state": 0}


def learn_labels(batch, step):
    """The objective of `SupervisedSegmenter`."""
    labeled = step.strong(step.weak(batch.labeled))
    (logits,) = step.student(labeled.x)
    loss = step.labeled_loss(logits, labeled)
    return Losses(loss, loss)


def minimize_entropy(batch, step):
    labeled, unlabeled = step.strong(step.weak(batch.labeled)), step.weak(batch.unlabeled)
    logits, guesses = step.student(labeled.x, unlabeled.x)
    labeled_loss = step.labeled_loss(logits, labeled.target)
    entropy = -(guesses.softmax(1) * guesses.log_softmax(1)).sum(1)[unlabeled.valid].mean()
    return Losses(labeled_loss + 0.1 * entropy, labeled_loss, entropy, others={"entropy": entropy, "odd": entropy * 2})


class CountingObjective(torch.nn.Module):
    """An objective with statistics: the number of its steps, and the mean of the teacher's confidence."""

    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("confidence", torch.tensor(0.0))

    def forward(self, batch, step):
        self.steps += 1
        self.confidence.copy_(step.teacher(batch.unlabeled.x).amax(1).mean())
        return learn_labels(batch, step)


class TestObjective:
    def test_a_function(self, partly):
        X, y = partly
        fitted = SemiSupervisedSegmenter(objective=minimize_entropy, **FAST).fit(X, y)
        assert fitted.predict(X).shape == X.shape
        assert np.isfinite(fitted.history_[["loss", "labeled_loss", "unlabeled_loss"]]).all(axis=None)

    def test_the_objective_of_another_method_gives_the_same_model(self, partly):
        X, y = partly
        options = {**FAST, "weak": None, "strong": None, "class_weight": {1: 3.0}}
        wanted = SupervisedSegmenter(**options).fit(X, y).predict_proba(X)
        found = SemiSupervisedSegmenter(objective=learn_labels, **options).fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(found, wanted)

    def test_a_module_is_copied_so_that_the_parameter_stays_as_it_was(self, partly):
        objective = CountingObjective()
        segmenter = SemiSupervisedSegmenter(objective=objective, **FAST)
        for _ in range(2):
            fitted = segmenter.fit(*partly)
            assert fitted.objective is objective
            assert fitted.net_.criterion_.objective.steps == 3  # the check before training does not count
            assert 0 < fitted.net_.criterion_.objective.confidence < 1
        assert objective.steps == 0

    def test_none_is_refused_before_training(self, partly):
        segmenter = SemiSupervisedSegmenter(**FAST)
        with pytest.raises(ValueError, match=r"objective is None; pass a callable \(batch, step\) -> .*Losses"):
            segmenter.fit(*partly)
        assert not hasattr(segmenter, "net_")

    def test_something_that_is_not_callable_is_refused(self, partly):
        with pytest.raises(ValueError, match="The 'objective' parameter"):
            SemiSupervisedSegmenter(objective="entropy", **FAST).fit(*partly)

    @pytest.mark.parametrize(("value", "name"), [(torch.tensor(1.0), "Tensor"), (None, "NoneType"), ((1, 2), "tuple")])
    @pytest.mark.usefixtures("no_training")
    def test_a_wrong_type_of_the_result_is_named_before_training(self, partly, value, name):
        segmenter = SemiSupervisedSegmenter(objective=lambda batch, step: value, **FAST)
        with pytest.raises(ValueError, match=f"objective=.* returned {name}; return sslts.training.Losses"):
            segmenter.fit(*partly)

    def test_an_objective_that_draws_from_the_global_state_is_seeded(self, partly):
        def objective(batch, step):
            (logits,) = step.student(batch.labeled.x + 0.3 * torch.randn_like(batch.labeled.x))
            loss = step.labeled_loss(logits, batch.labeled.target)
            return Losses(loss, loss)

        segmenter = SemiSupervisedSegmenter(objective=objective, **FAST)
        before = torch.get_rng_state()
        first = segmenter.fit(*partly).predict_proba(partly[0])
        assert torch.equal(before, torch.get_rng_state())
        torch.rand(1)
        np.testing.assert_array_equal(clone(segmenter).fit(*partly).predict_proba(partly[0]), first)


class TestStep:
    """An objective reaches the views and the labeled loss of its estimator through the step."""

    def make(self, objective, **options):
        return ObjectiveLoss(objective, **{"weak": None, "strong": None, "class_weight": None, **options})

    def test_the_views(self, batch, models):
        seen = {}

        def objective(batch, step):
            seen["weak"], seen["strong"] = step.weak(batch.unlabeled), step.strong(batch.unlabeled)
            return learn_labels(batch, step)

        self.make(objective, weak=torch.neg, strong=Reverse(p=1.0))(batch, models.at(1.0))
        torch.testing.assert_close(seen["weak"].x, -batch.unlabeled.x * batch.unlabeled.valid[:, None])
        torch.testing.assert_close(seen["strong"].x[1], batch.unlabeled.x[1].flip(-1))
        assert torch.equal(seen["strong"].valid[1], batch.unlabeled.valid[1].flip(-1))

    def test_without_views_the_windows_stay_as_they_are(self, batch, models):
        def objective(batch, step):
            assert step.weak(batch.unlabeled) is batch.unlabeled
            assert step.strong(batch.unlabeled) is batch.unlabeled
            return learn_labels(batch, step)

        self.make(objective)(batch, models.at(1.0))

    def test_the_rest_of_the_step_stays_as_it_was(self, batch, models):
        given = models.at(0.25)

        def objective(batch, step):
            assert step.progress == 0.25
            assert (step.student, step.teacher, step.generator) == (given.student, given.teacher, given.generator)
            return learn_labels(batch, step)

        self.make(objective)(batch, given)

    def test_the_labeled_loss_with_the_class_weights(self, batch, models):
        weights = torch.tensor([1.0, 5.0, 0.5])
        found = self.make(learn_labels, class_weight=weights)(batch, models.at(1.0)).loss
        wanted = labeled_cross_entropy(models.network(batch.labeled.x), batch.labeled.target, weights)
        torch.testing.assert_close(found, wanted)
        assert (found - labeled_cross_entropy(models.network(batch.labeled.x), batch.labeled.target)).abs() > 1e-3

    def test_a_custom_labeled_loss(self, batch, models):
        def labeled_loss(logits, labels, class_weight):
            assert class_weight is None
            return 7 * labeled_cross_entropy(logits, labels)

        plain = self.make(learn_labels)(batch, models.at(1.0)).loss
        torch.testing.assert_close(
            self.make(learn_labels, labeled_loss=labeled_loss)(batch, models.at(1.0)).loss, 7 * plain
        )

    def test_the_loss_is_that_of_the_same_objective_as_a_class(self, batch, models):
        options = {"weak": Reverse(p=1.0), "strong": torch.neg, "class_weight": torch.tensor([1.0, 5.0, 0.5])}
        found = self.make(learn_labels, **options)(batch, models.at(1.0)).loss
        torch.testing.assert_close(found, SupervisedLoss(**options)(batch, models.at(1.0)).loss)

    def test_the_class_weights_of_the_estimator_reach_the_objective(self, partly):
        seen = []

        def labeled_loss(logits, labels, class_weight):
            seen.append(class_weight.tolist())
            return labeled_cross_entropy(logits, labels, class_weight)

        SemiSupervisedSegmenter(
            objective=learn_labels, class_weight={0: 1.0, 1: 4.0}, labeled_loss=labeled_loss, **FAST
        ).fit(*partly)
        assert seen
        assert all(weights == [1.0, 4.0] for weights in seen)


class TestHistory:
    def test_other_scalars_become_columns(self, partly):
        history = SemiSupervisedSegmenter(objective=minimize_entropy, **FAST).fit(*partly).history_
        np.testing.assert_allclose(history["entropy"], history["unlabeled_loss"], rtol=1e-6)
        np.testing.assert_allclose(history["odd"], 2 * history["entropy"], rtol=1e-6)
        assert list(history.columns)[-2:] == ["entropy", "odd"]

    def test_a_scalar_of_some_steps_is_nan_in_the_other_intervals(self, partly):
        def objective(batch, step):
            losses = learn_labels(batch, step)
            late = {"late": losses.loss} if step.progress >= 0.5 else {}
            return Losses(losses.loss, losses.labeled_loss, others=late)

        segmenter = SemiSupervisedSegmenter(objective=objective, **{**FAST, "max_steps": 4}).fit(*partly)
        assert segmenter.history_["late"].isna().tolist() == [True, True, False, False]


class TestFiles:
    def test_a_function_is_passed_to_load(self, partly, tmp_path):
        segmenter = SemiSupervisedSegmenter(objective=minimize_entropy, mu=2.0, **FAST).fit(*partly)
        segmenter.save(tmp_path / "model.sslts")
        with pytest.raises(PersistenceError, match=r"minimize_entropy': \.\.\."):
            sslts.load(tmp_path / "model.sslts")
        again = sslts.load(tmp_path / "model.sslts", objects=[minimize_entropy])
        assert again.get_params() == segmenter.get_params()
        np.testing.assert_array_equal(again.predict_proba(partly[0]), segmenter.predict_proba(partly[0]))
        assert again.set_params(warm_start=True, max_steps=1).fit(*partly).net_.step_ == 1

    def test_statistics_of_a_module_come_back(self, partly, tmp_path):
        objective = CountingObjective()
        segmenter = SemiSupervisedSegmenter(objective=objective, **FAST).fit(*partly)
        segmenter.save(tmp_path / "model.sslts")
        again = sslts.load(tmp_path / "model.sslts", objects=[CountingObjective()])
        wanted, found = segmenter.net_.criterion_.objective, again.net_.criterion_.objective
        assert (found.steps, found.confidence) == (wanted.steps, wanted.confidence)
        assert again.objective.steps == 0

    def test_a_checkpoint_continues_a_run(self, partly, tmp_path):
        segmenter = SemiSupervisedSegmenter(objective=CountingObjective(), **FAST)
        whole = segmenter.fit(*partly, checkpoint=tmp_path / "run").predict_proba(partly[0])
        again = clone(segmenter).fit(*partly, checkpoint=tmp_path / "run")
        np.testing.assert_array_equal(again.predict_proba(partly[0]), whole)
        assert again.net_.criterion_.objective.steps == 3
        with pytest.raises(PersistenceError, match="another run: objective="):
            clone(segmenter).set_params(objective=learn_labels).fit(*partly, checkpoint=tmp_path / "run")

    def test_pickle(self, partly):
        fitted = SemiSupervisedSegmenter(objective=CountingObjective(), **FAST).fit(*partly)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict_proba(partly[0]), fitted.predict_proba(partly[0]))


class TestScikitLearn:
    def test_check_estimator(self):
        results = check_estimator(
            SemiSupervisedSegmenter(
                objective=learn_labels,
                normalization="recording",
                **{**FAST, "max_steps": 1, "random_state": None},
            ),
            expected_failed_checks=ODD_CHECKS,
            on_skip=None,
        )
        assert sum(result["status"] == "passed" for result in results) >= 39

    def test_a_clone_keeps_a_function_and_copies_a_module(self):
        assert clone(SemiSupervisedSegmenter(objective=minimize_entropy)).objective is minimize_entropy
        assert isinstance(clone(SemiSupervisedSegmenter(objective=CountingObjective())).objective, CountingObjective)

    def test_the_default_has_no_objective(self):
        assert SemiSupervisedSegmenter().get_params(deep=False)["objective"] is None

    def test_a_grid_over_mu(self, labeled):
        X, y = labeled
        y = np.where(np.arange(600) < 300, y, -1)
        segmenter = SemiSupervisedSegmenter(objective=minimize_entropy, **FAST)
        grid = {"mu": [0.5, 2.0], "network__width": [4]}
        search = GridSearchCV(segmenter, grid, cv=KFold(2), scoring=mean_iou_scorer, error_score="raise").fit(X, y)
        assert search.best_estimator_.mu == search.best_params_["mu"]

    @pytest.mark.parametrize(("mu", "wanted"), [(0.5, 1), (1.0, 2), (3.0, 6)])
    def test_mu_is_the_ratio_of_unlabeled_windows(self, partly, mu, wanted):
        seen = set()

        def objective(batch, step):
            seen.add((len(batch.labeled.x), len(batch.unlabeled.x)))
            return learn_labels(batch, step)

        SemiSupervisedSegmenter(objective=objective, mu=mu, **FAST).fit(*partly)
        assert seen == {(2, wanted)}

    @pytest.mark.parametrize("mu", [0, -1.0])
    def test_mu_is_above_zero(self, partly, mu):
        with pytest.raises(ValueError, match="The 'mu' parameter of SemiSupervisedSegmenter"):
            SemiSupervisedSegmenter(objective=learn_labels, mu=mu, **FAST).fit(*partly)

    def test_a_custom_network(self, partly):
        options = {**FAST, "network": PlainNetwork}
        fitted = SemiSupervisedSegmenter(objective=minimize_entropy, **options).fit(*partly)
        assert fitted.predict(partly[0]).shape == partly[0].shape
