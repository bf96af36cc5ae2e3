"""A fit for the next customer: an earlier customer's labels and model take part, and held-out labels choose the way."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from small import TINY, PlainNetwork

from sslts import Annotations, FixMatchSegmenter, Recordings, SupervisedSegmenter, load
from sslts.datasets import make_recordings
from sslts.persistence import PersistenceError
from sslts.segmenters import _transfer
from sslts.segmenters._domains import renew_statistics
from sslts.segmenters._scoring import Score
from sslts.segmenters._transfer import CANDIDATES, choose_way
from sslts.training import Losses

FAST = {"network": TINY, "max_steps": 3, "batch_size": 4, "random_state": 0, "precision": "float32"}
KINDS = [FixMatchSegmenter, SupervisedSegmenter]


@pytest.fixture(scope="module")
def target():
    X, y = make_recordings(6, n_samples=300, random_state=0)
    y[2:] = -1
    return X, y


@pytest.fixture(scope="module")
def source():
    """Return recordings of another sensor: another gain and offset, and longer."""
    X, y = make_recordings(5, n_samples=400, random_state=1)
    return 3 * X + 1, y


@pytest.fixture(scope="module")
def old(source):
    return SupervisedSegmenter(**FAST | {"max_steps": 30}).fit(*source)


@pytest.fixture
def short_trials(monkeypatch):
    """Let a fit of three steps try all ways."""
    monkeypatch.setattr(_transfer, "_FEWEST_STEPS", 3)


@pytest.mark.parametrize("kind", KINDS)
class TestSource:
    def test_its_labels_take_part_in_the_loss(self, kind, target, source):
        fitted = kind(**FAST).fit(*target, source=source)
        other = kind(**FAST).fit(*target, source=(source[0], 1 - source[1]))
        assert fitted.history_["source_loss"].iloc[0] > 0
        assert not np.array_equal(fitted.predict_proba(target[0]), other.predict_proba(target[0]))

    def test_the_same_seed_gives_the_same_bits(self, kind, target, source):
        one, two = (kind(**FAST).fit(*target, source=source).predict_proba(target[0]) for _ in range(2))
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", KINDS)
class TestWithoutLabels:
    @pytest.fixture
    def nothing(self, target):
        return np.full(len(target[0]), -1)

    def test_the_ways_are_told_and_saved(self, kind, target, nothing, source, old, tmp_path):
        with pytest.warns(UserWarning, match="y has no labeled sample, so nothing could be judged"):
            fitted = kind(**FAST, init=old).fit(target[0], nothing, source=source)
        learns = kind is not SupervisedSegmenter
        assert set(fitted.transfer_["guard"]) == {"old", "renewed"} | ({"averaged"} if learns else set())
        assert fitted.transfer_["chosen"] in fitted.transfer_["guard"]
        assert (len(fitted.history_) > 0) == (fitted.transfer_["chosen"] == "averaged")
        fitted.save(tmp_path / "model.sslts")
        again = load(tmp_path / "model.sslts")
        np.testing.assert_array_equal(again.predict(target[0]), fitted.predict(target[0]))
        assert again.transfer_["chosen"] == fitted.transfer_["chosen"]

    def test_shares_that_move_away_from_those_of_the_source_are_not_believed(
        self, kind, target, nothing, source, old, monkeypatch
    ):
        told = []

        def describe(fitted, problem):
            told.append(fitted)  # the last one is the old model
            share = 0.4 if len(told) == (2 if kind is SupervisedSegmenter else 3) else 0.0
            return {"confidence": 0.9, "shares": np.array([1 - share, share])}

        monkeypatch.setattr(_transfer, "_describe_predictions", describe)
        with pytest.warns(UserWarning, match="keeps the old model as it is"):
            fitted = kind(**FAST, init=old).fit(target[0], nothing, source=source)
        assert fitted.transfer_["chosen"] == "old"
        np.testing.assert_array_equal(fitted.predict_proba(target[0]), old.predict_proba(target[0]))

    def test_without_source_nothing_is_trained(self, kind, target, nothing, old):
        with pytest.warns(UserWarning, match="By the confidence"):
            fitted = kind(**FAST, init=old).fit(target[0], nothing)
        assert fitted.transfer_["chosen"] in ("renewed", "old")
        assert len(fitted.history_) == 0


@pytest.mark.usefixtures("short_trials")
class TestChoice:
    def test_every_way_is_scored_on_held_out_labels(self, target, source, old):
        chosen = FixMatchSegmenter(**FAST, init=old).fit(*target, source=source)
        assert set(chosen.transfer_["scores"]) == set(CANDIDATES)
        assert all(0 <= score["mean_iou"] <= 1 for score in chosen.transfer_["scores"].values())
        assert chosen.transfer_["words"] == CANDIDATES[chosen.transfer_["chosen"]].words

    def test_the_way_of_the_first_score_is_kept_unless_another_is_clearly_better(self):
        scores = {"averaged": Score(0.70, 0.2), "old": Score(0.71, 0.2), "new": Score(0.60, 0.2)}
        assert choose_way(scores) == ("averaged", 0.0)
        name, margin = choose_way(scores | {"new": Score(0.80, 0.2)})
        assert name == "new"
        assert margin == pytest.approx(0.1)

    @pytest.mark.parametrize(("score", "chosen"), [(0.74, "averaged"), (0.76, "old")])
    def test_a_way_without_training_has_to_be_better_by_more(self, score, chosen):
        assert choose_way({"averaged": Score(0.70, 0.2), "old": Score(score, 0.2)})[0] == chosen

    def test_the_old_model_as_it_is_predicts_the_same_bits(self, target, source, old, monkeypatch):
        monkeypatch.setattr("sslts.segmenters._transfer.choose_way", lambda scores: ("old", 0.1))
        fitted = SupervisedSegmenter(**FAST, init=old).fit(*target, source=source)
        np.testing.assert_array_equal(fitted.predict_proba(target[0]), old.predict_proba(target[0]))

    @pytest.mark.parametrize("name", ["averaged", "adapted", "renewed", "new"])
    def test_every_way_predicts_and_is_saved(self, name, target, source, old, tmp_path, monkeypatch):
        monkeypatch.setattr("sslts.segmenters._transfer._judge", lambda *_: {name: Score(0.5, 0.5)})
        fitted = SupervisedSegmenter(**FAST, init=old).fit(*target, source=source)
        fitted.save(tmp_path / "model.sslts")
        again = load(tmp_path / "model.sslts").predict_proba(target[0])
        np.testing.assert_array_equal(again, fitted.predict_proba(target[0]))

    def test_with_a_class_that_the_old_model_lacks_its_weights_start_but_do_not_predict(self, target, source, old):
        y = np.where((target[1] == 1) & (np.arange(300) > 150), 2, target[1])
        fitted = SupervisedSegmenter(**FAST, init=old).fit(target[0], y, source=source)
        assert set(fitted.transfer_["scores"]) == {"adapted", "new"}
        assert fitted.classes_.tolist() == [0, 1, 2]

    def test_a_half_of_the_labels_may_lack_a_class_of_the_old_model(self, target, source):
        three = np.where((source[1] == 1) & (np.arange(400) > 200), 2, source[1])
        y = np.where((target[1] == 1) & (np.arange(300) > 150) & (np.arange(6) == 1)[:, None], 2, target[1])
        old = SupervisedSegmenter(**FAST).fit(source[0], three)
        fitted = SupervisedSegmenter(**FAST, init=old).fit(target[0], y)
        assert set(fitted.transfer_["scores"]) == set(CANDIDATES)

    def test_a_class_of_the_new_customer_alone_keeps_the_old_model_from_predicting(self, target, source):
        y = np.where(target[1] == 1, 1 + (np.arange(300) > 150), target[1])
        fitted = SupervisedSegmenter(**FAST).fit(target[0], y, source=source)
        assert set(fitted.transfer_["scores"]) == {"adapted", "new"}

    def test_foreign_code_draws_the_same_random_numbers(self, target, source):
        class Loss(torch.nn.Module):
            def forward(self, batch, step):
                logits = step.student(batch.labeled.x)[0]
                loss = torch.nn.functional.cross_entropy(logits, batch.labeled.target, ignore_index=-1)
                return Losses(loss * (1 + torch.rand(())), loss)

        class Own(SupervisedSegmenter):
            def _make_criterion(self, class_weight, shares):
                return Loss()

        one, two = (Own(**FAST).fit(*target, source=source).predict_proba(target[0]) for _ in range(2))
        np.testing.assert_array_equal(one, two)

    def test_the_statistics_for_predictions_are_those_of_the_target(self, target, source):
        """BatchNorm of the first layer sees the raw values, because nothing is normalized."""
        options = FAST | {
            "normalization": None,
            "ema_decay": 0.0,
            "max_steps": 20,
            "network": TINY.replace(front_end=False),
        }
        alone = SupervisedSegmenter(**options).fit(*target)
        shifted = SupervisedSegmenter(**options, init=alone).fit(*target, source=(source[0] + 50, source[1]))
        mean = shifted.net_.module_.stem[1].running_mean
        assert mean.abs().max() < 10

    def test_new_statistics_are_the_means_over_the_batches(self):
        norm = torch.nn.BatchNorm1d(1).eval()
        renew_statistics(norm, iter([torch.full((2, 1, 4), 1.0), torch.full((2, 1, 4), 3.0)]))
        assert norm.running_mean.item() == 2
        assert norm.momentum == 0.1


@pytest.mark.usefixtures("short_trials")
class TestDistance:
    """Labels of a source that is like the target teach to the end, those of another one at the beginning only."""

    @pytest.mark.parametrize("is_alike", [True, False])
    def test_it_decides_how_long_the_source_teaches(self, target, source, old, is_alike):
        X_old = source[0] if is_alike else np.sign(source[0])
        fitted = FixMatchSegmenter(**FAST | {"max_steps": 20}, init=old).fit(*target, source=(X_old, source[1]))
        told = fitted.transfer_
        assert (told["distance"] < _transfer._ALIKE) == is_alike
        assert told["source_fades"] != is_alike
        assert np.isnan(fitted.history_["source_loss"].iloc[-1]) != is_alike

    def test_it_is_zero_for_the_same_recordings_and_symmetric(self, target, source, old, monkeypatch):
        found = []
        measure = _transfer.measure_distance
        monkeypatch.setattr(_transfer, "measure_distance", lambda *args: found.append(measure(*args)) or found[-1])
        labeled = make_recordings(6, n_samples=300, random_state=0)
        flipped = np.sign(labeled[0]), labeled[1]
        for one, other in ((labeled, labeled), (labeled, flipped), (flipped, labeled)):
            SupervisedSegmenter(**FAST, init=old).fit(*one, source=other)
        assert found[0] == 0
        assert found[1] == pytest.approx(found[2])
        assert found[1] > 0

    def test_a_network_without_batch_norm_has_none(self, target, source):
        options = {"network": PlainNetwork, "window_length": 64, "strong": None}
        fitted = SupervisedSegmenter(**FAST | options).fit(*target, source=source)
        assert np.isnan(fitted.transfer_["distance"])
        assert fitted.transfer_["source_fades"]


class TestMatching:
    def test_channels_of_the_source_are_found_by_name(self, target, source):
        X = np.stack([target[0], -target[0]], 1)
        Z = np.stack([source[0], -source[0], np.zeros_like(source[0])], 1)
        named = Recordings.from_arrays(X, channel_names=["a", "b"])
        same = Recordings.from_arrays(Z[:, :2], channel_names=["a", "b"])
        moved = Recordings.from_arrays(Z[:, [2, 1, 0]], channel_names=["c", "b", "a"])
        one, two = (SupervisedSegmenter(**FAST).fit(named, target[1], source=(Z, source[1])) for Z in (same, moved))
        np.testing.assert_array_equal(one.predict_proba(named), two.predict_proba(named))

    @pytest.mark.parametrize("front_end", [False, True])
    def test_channels_of_the_model_are_found_by_name(self, target, front_end):
        X = np.stack([target[0], np.abs(target[0])], 1)
        options = FAST | {"network": TINY.replace(front_end=front_end)}
        old = SupervisedSegmenter(**options).fit(Recordings.from_arrays(X, channel_names=["a", "b"]), target[1])
        moved = Recordings.from_arrays(X[:, ::-1], channel_names=["b", "a"])
        with pytest.warns(UserWarning, match="no labeled sample"):
            fitted = SupervisedSegmenter(**options, init=old).fit(moved, np.full(6, -1))
        if fitted.transfer_["chosen"] == "old":
            np.testing.assert_allclose(fitted.predict_proba(moved), old.predict_proba(X), atol=1e-5)
        assert fitted.channel_names_ == ("b", "a")

    def test_words_are_matched(self, target, source):
        words = np.array([-1, "background", "cycle"], dtype=object)
        y, y_old = words[target[1] + 1], words[source[1] + 1]
        fitted = SupervisedSegmenter(**FAST).fit(target[0], y, source=(source[0], y_old))
        assert set(fitted.class_names_.values()) == {"background", "cycle"}
        with pytest.raises(ValueError, match=r"source\[1\] holds words, y holds numbers"):
            SupervisedSegmenter(**FAST).fit(*target, source=(source[0], y_old))
        with pytest.raises(ValueError, match=r"source\[1\] holds numbers, y holds words"):
            SupervisedSegmenter(**FAST).fit(target[0], y, source=source)

    def test_without_labels_the_words_are_those_of_the_model(self, target, source):
        words = np.array(["background", "cycle"], dtype=object)
        old = SupervisedSegmenter(**FAST).fit(source[0], words[source[1]])
        for more in ({}, {"source": (source[0], words[source[1]])}):
            with pytest.warns(UserWarning, match="no labeled sample"):
                fitted = SupervisedSegmenter(**FAST, init=old).fit(target[0], np.full(6, -1), **more)
            assert fitted.class_names_ == {0: "background", 1: "cycle"}

    def test_a_class_of_the_source_alone_is_learned_with_a_warning_and_can_be_ignored(self, target, source):
        more = np.where((source[1] == 1) & (np.arange(400) > 200), 7, source[1])
        with pytest.warns(UserWarning, match=r"classes 7, which y does not have .* Annotations.ignore\(\[7\]\)"):
            fitted = SupervisedSegmenter(**FAST).fit(*target, source=(source[0], more))
        assert fitted.classes_.tolist() == [0, 1, 7]
        ignored = Annotations.from_labels(more).ignore([7])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fitted = SupervisedSegmenter(**FAST).fit(*target, source=(source[0], ignored))
        assert fitted.classes_.tolist() == [0, 1]


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X, y: X, r"source is not a pair; pass source=\(X, y\)"),
            (lambda X, y: (X, None), r"source\[1\] is None"),
            (lambda X, y: (X, np.full_like(y, -1)), r"source\[1\] has no labeled sample"),
            (lambda X, y: (np.stack([X, X], 1), y), r"source\[0\] has 2 channels"),
            (lambda X, y: (X, np.where(y == 1, 5, y)), r"source\[1\] has the classes \[0, 5\], y has \[0, 1\]"),
            (lambda X, y: (Recordings.from_arrays(X, sampling_rate=50), y), r"source\[0\] has 50 .* X has 100"),
        ],
    )
    def test_a_source_that_does_not_fit_is_refused_before_the_training(self, target, source, change, message):
        segmenter = SupervisedSegmenter(**FAST, sampling_rate=100)
        with pytest.raises(ValueError, match=message):
            segmenter.fit(*target, source=change(*source))
        assert not hasattr(segmenter, "classes_")

    def test_without_labels_the_old_model_has_to_know_the_classes(self, target, source, old):
        three = np.where((source[1] == 1) & (np.arange(400) > 200), 2, source[1])
        with pytest.raises(ValueError, match=r"init has the classes \[0, 1\], source\[1\] has \[0, 1, 2\]"):
            SupervisedSegmenter(**FAST, init=old).fit(target[0], np.full(6, -1), source=(source[0], three))

    def test_without_labels_a_warm_start_and_a_share_for_validation_are_refused(self, target, source, old):
        again = SupervisedSegmenter(**FAST, warm_start=True).fit(*target)
        with pytest.raises(ValueError, match="y has no labeled sample"):
            again.fit(target[0], np.full(6, -1))
        with pytest.raises(ValueError, match="which warm_start=True needs"):
            again.fit(target[0], np.full(6, -1), source=source)
        with pytest.raises(ValueError, match="validation=0.5 holds out labeled recordings, but y has none"):
            SupervisedSegmenter(**FAST, init=old).fit(target[0], np.full(6, -1), validation=0.5)

    def test_soft_labels_need_a_column_for_each_class_of_the_source(self, target, source):
        soft = [0.8 * np.eye(2)[np.maximum(labels, 0)] + 0.1 for labels in target[1]]
        three = np.where((source[1] == 1) & (np.arange(400) > 200), 2, source[1])
        with pytest.raises(ValueError, match=r"source\[1\] has class 2, for which the soft labels in y have no"):
            SupervisedSegmenter(**FAST).fit(target[0], soft, source=(source[0], three))

    def test_a_model_fitted_on_recordings_knows_their_rate(self, target, source, tmp_path):
        fast = Recordings.from_arrays(source[0], sampling_rate=200)
        SupervisedSegmenter(**FAST).fit(fast, source[1]).save(tmp_path / "old.sslts")
        segmenter = SupervisedSegmenter(**FAST, init=tmp_path / "old.sslts")
        assert load(tmp_path / "old.sslts").sampling_rate_ == 200
        with pytest.raises(ValueError, match=r"fitted with sampling_rate=200, this fit has 100, .*resample=True"):
            segmenter.fit(Recordings.from_arrays(target[0], sampling_rate=100), target[1])

    def test_a_path_that_is_no_model_is_refused(self, target, tmp_path):
        path = tmp_path / "old.sslts"
        with pytest.raises(FileNotFoundError, match="init: there is no file"):
            SupervisedSegmenter(**FAST, init=path).fit(*target)
        path.write_text("no model")
        with pytest.raises(ValueError, match=r"init: .*old.sslts.* Pass a file that `save` wrote"):
            SupervisedSegmenter(**FAST, init=str(path)).fit(*target)

    def test_an_unknown_class_can_not_be_ignored(self):
        annotations = Annotations.from_table(
            pd.DataFrame({"recording": [0], "start": [1], "end": [2], "label": ["walk"]}), [np.zeros(5)]
        )
        assert (annotations.ignore(["walk"]).list_labels()[0] == [0, -1, 0, 0, 0]).all()
        with pytest.raises(ValueError, match=r"classes has 'run', but the annotations have \['background', 'walk'\]"):
            annotations.ignore(["run"])


class TestFiles:
    def test_a_path_starts_like_the_model(self, target, old, tmp_path):
        path = tmp_path / "old.sslts"
        old.save(path)
        one, two = (SupervisedSegmenter(**FAST, init=init).fit(*target) for init in (old, path))
        np.testing.assert_array_equal(one.predict_proba(target[0]), two.predict_proba(target[0]))
        two.save(tmp_path / "new.sslts")
        assert load(tmp_path / "new.sslts").init == str(path)

    def test_a_checkpoint_of_another_source_is_refused(self, target, source, tmp_path):
        path = tmp_path / "run.sslts"
        one = SupervisedSegmenter(**FAST).fit(*target, source=source, checkpoint=path)
        again = SupervisedSegmenter(**FAST).fit(*target, source=source, checkpoint=path)
        np.testing.assert_array_equal(one.predict_proba(target[0]), again.predict_proba(target[0]))
        with pytest.raises(PersistenceError, match="source"):
            SupervisedSegmenter(**FAST).fit(*target, source=(-source[0], source[1]), checkpoint=path)
