"""Window features are the teacher of FixMatch where they label held-out recordings better than the network."""

import pickle
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier
from small import TINY

import sslts
from sslts import FixMatchSegmenter, WindowFeatureSegmenter
from sslts._fingerprints import describe_estimator
from sslts.annotations import LabelRuns
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.persistence import checkpoints
from sslts.segmenters import _guiding
from sslts.segmenters._guiding import compare, guess_labels
from sslts.segmenters._problem import halve_labels, read_problem
from sslts.segmenters._scoring import Score
from sslts.training import SegmentationNet


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Compare after five steps, with few trees."""
    monkeypatch.setattr(_guiding, "_STEPS", 5)
    monkeypatch.setattr(_guiding, "_FEWEST_STEPS", 6)
    few = ExtraTreesClassifier(10, min_samples_leaf=5, random_state=0)
    monkeypatch.setattr(_guiding, "WindowFeatureSegmenter", partial(WindowFeatureSegmenter, few))


def make(**params):
    fast = {"max_steps": 8, "batch_size": 2, "network": TINY, "random_state": 0, "normalization": "recording"}
    return FixMatchSegmenter(**{**fast, **params})


UNTAUGHT = {"lr": 1e-9}  # a network that learns nothing is worse than any other teacher


@pytest.fixture
def problem(partly):
    return read_problem(*partly, who="FixMatchSegmenter")


def test_a_bad_network_learns_from_window_features(partly):
    X, y = partly
    fitted = make(**UNTAUGHT).fit(X, y)
    assert fitted.trust_["guided"]
    assert fitted.trust_["window_features"]["mean_iou"] > fitted.trust_["network"]["mean_iou"] + 0.05
    assert fitted.history_["mask_rate"].iloc[-1] > 0.9  # the guide labels every sample


def test_a_fit_says_that_it_compares(partly, capsys):
    make(**UNTAUGHT, verbose=1).fit(*partly)
    shown = capsys.readouterr().out
    assert "FixMatchSegmenter: the network and window features are compared on held-out labels" in shown
    assert "FixMatchSegmenter: window features will label" in shown


def test_pseudo_labels_of_a_guide_teach_what_it_knows(labeled, partly, monkeypatch):
    X, y = partly
    truth = LabelRuns.from_table(labeled[1])
    monkeypatch.setattr(_guiding, "compare", lambda *_: (Score(0.2, 1.0), Score(0.9, 0.1)))
    monkeypatch.setattr(_guiding, "guess_labels", lambda *_: truth)
    taught = make(max_steps=150, lr=1e-2).fit(X, y).score(X[4:], labeled[1][4:])
    alone = make(max_steps=150, lr=1e-2, guide=None).fit(X, y).score(X[4:], labeled[1][4:])
    assert taught > alone


@pytest.mark.parametrize(
    "scores",
    [
        (Score(0.5, 0.9), Score(0.53, 0.1)),
        (Score(0.5, 0.3), Score(0.9, 0.4)),
        (Score(0.9, 0.1), Score(0.2, 0.2)),
        (Score(0.5, 0.3, agreement=0.9), Score(0.9, 0.1, agreement=0.5)),
        (Score(0.74, 0.03, agreement=0.69), Score(0.86, 0.04, agreement=0.66)),  # six occurrences are labeled
        (Score(0.99, 0.01, agreement=0.98), Score(0.99, 0.02, agreement=0.985)),
        (Score(np.nan, np.nan), Score(np.nan, np.nan)),
    ],
)
def test_a_network_that_is_about_as_good_stays_the_teacher(partly, monkeypatch, scores):
    monkeypatch.setattr(_guiding, "compare", lambda *_: scores)
    with_guide, alone = make().fit(*partly), make(guide=None).fit(*partly)
    assert not with_guide.trust_["guided"]
    np.testing.assert_array_equal(with_guide.predict_proba(partly[0]), alone.predict_proba(partly[0]))


@pytest.mark.parametrize(
    "scores",
    [
        (Score(0.66, 0.7, agreement=0.4), Score(0.64, 0.6, agreement=0.6)),  # the labeled recordings are alike
        (Score(0.99, 0.004, agreement=0.94), Score(0.99, 0.014, agreement=0.995)),  # a tenth of the errors
        (Score(0.5, 0.4), Score(0.6, 0.3)),
    ],
)
def test_a_network_that_is_good_on_labeled_recordings_only_is_not_the_teacher(partly, monkeypatch, scores):
    monkeypatch.setattr(_guiding, "compare", lambda *_: scores)
    assert make().fit(*partly).trust_["guided"]


@pytest.mark.parametrize("params", [{"guide": None}, {"lambda_u": 0.0}])
def test_without_a_guide_nothing_is_compared(partly, monkeypatch, params):
    monkeypatch.setattr(_guiding, "compare", lambda *_: pytest.fail("compared"))
    assert not hasattr(make(**params).fit(*partly), "trust_")


def test_a_short_fit_compares_nothing(partly):
    fitted = make(max_steps=5).fit(*partly)
    assert not fitted.trust_["guided"]
    assert np.isnan(fitted.trust_["network"]["mean_iou"])


@pytest.mark.parametrize("factor", [1.0, 1e30])
def test_values_of_any_size_can_be_fitted(partly, factor):
    X, y = partly
    fitted = make(**UNTAUGHT, normalization="training").fit(X * factor, y)
    assert fitted.trust_["guided"] == (factor == 1.0)


def test_labels_of_all_samples_need_no_guide(labeled, monkeypatch):
    monkeypatch.setattr(_guiding, "compare", lambda *_: pytest.fail("compared"))
    assert not make().fit(*labeled).trust_["guided"]


def test_a_second_fit_without_a_guide_forgets_the_first(partly):
    fitted = make(max_steps=3).fit(*partly)
    assert not hasattr(fitted.set_params(guide=None).fit(*partly), "trust_")


def test_two_fits_with_a_guide_are_equal(partly):
    first, second = (make(**UNTAUGHT).fit(*partly).predict_proba(partly[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_guided_segmenter_keeps_its_trust_in_files_and_pickles(partly, tmp_path):
    fitted = make(**UNTAUGHT).fit(*partly)
    fitted.save(tmp_path / "model.sslts")
    for copied in (sslts.load(tmp_path / "model.sslts"), pickle.loads(pickle.dumps(fitted))):
        assert copied.trust_ == fitted.trust_
        np.testing.assert_array_equal(copied.predict(partly[0]), fitted.predict(partly[0]))


def test_a_file_of_a_comparison_without_agreement_is_read(partly, tmp_path):
    fitted = make(max_steps=3).fit(*partly)
    score = {"mean_iou": 0.6, "log_loss": 0.5}
    fitted.trust_ = {"network": score, "window_features": score, "guided": False}
    fitted.save(tmp_path / "model.sslts")
    assert sslts.load(tmp_path / "model.sslts").trust_ == fitted.trust_


def test_files_and_pickles_of_earlier_versions_have_no_guide(partly):
    fitted = make(max_steps=3).fit(*partly)
    state = {name: value for name, value in fitted.__getstate__().items() if name not in ("guide", "trust_")}
    old = FixMatchSegmenter.__new__(FixMatchSegmenter)
    old.__setstate__(state)
    assert old.guide is None
    with_none, before = (describe_estimator(make(guide=guide)) for guide in (None, "auto"))
    assert "guide" not in with_none
    assert "guide='auto'" in before


def test_an_interrupted_run_with_a_guide_ends_like_an_uninterrupted_run(partly, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_SAVE_EVERY", 3)

    class Crash(Exception):
        pass

    whole = make(**UNTAUGHT).fit(*partly)
    train = SegmentationNet.train_step

    def train_or_crash(self, *args, **kwargs):
        if self.step_ == 7:  # networks of the comparison have 5 steps
            raise Crash
        return train(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationNet, "train_step", train_or_crash)
        with pytest.raises(Crash):
            make(**UNTAUGHT).fit(*partly, checkpoint=tmp_path / "run.ckpt")
    again = make(**UNTAUGHT).fit(*partly, checkpoint=tmp_path / "run.ckpt")
    np.testing.assert_array_equal(again.predict_proba(partly[0]), whole.predict_proba(partly[0]))


def test_a_run_continues_only_with_the_same_guide(partly, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_SAVE_EVERY", 3)
    for here, there in (("auto", None), (None, "auto")):
        path = tmp_path / f"{there}.ckpt"
        make(guide=there).fit(*partly, checkpoint=path)
        with pytest.raises(sslts.persistence.PersistenceError, match=f"guide={here!r} here, guide={there!r} there"):
            make(guide=here).fit(*partly, checkpoint=path)


def test_ctrl_c_in_the_comparison_ends_the_fit(partly, monkeypatch):
    fitted = make(max_steps=3).fit(*partly)
    before = fitted.predict_proba(partly[0])
    train = SegmentationNet.train_step

    def train_or_interrupt(self, *args, **kwargs):
        if self.step_ == 2:
            raise KeyboardInterrupt
        return train(self, *args, **kwargs)

    monkeypatch.setattr(SegmentationNet, "train_step", train_or_interrupt)
    with pytest.raises(KeyboardInterrupt):
        fitted.set_params(max_steps=8).fit(*partly)
    np.testing.assert_array_equal(fitted.predict_proba(partly[0]), before)


@pytest.mark.parametrize(
    "params", [{"strong": [None, None]}, {"normalization": None}, {"normalization": "training"}, {"background": None}]
)
def test_a_guide_works_with_every_parameter(partly, params):
    assert make(**UNTAUGHT, **params).fit(*partly).trust_["guided"]


def test_a_guide_works_with_a_class_weight_of_a_class_that_a_half_lacks(partly):
    X, y = partly
    y = y.copy()
    y[3] = np.where(y[3] == 1, 2, y[3])
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    assert make(**UNTAUGHT, class_weight=weights).fit(X, y).trust_["guided"]


def test_a_fit_without_pseudo_labels_warns(partly):
    with pytest.warns(UserWarning, match="0.0% of the unlabeled samples had a pseudo-label"):
        make(threshold=1.0, guide=None).fit(*partly)


def test_one_labeled_recording_is_compared_in_halves(labeled):
    X, y = labeled
    y = y.copy()
    y[1:] = -1
    assert make(**UNTAUGHT).fit(X, y).trust_["guided"]


def test_labels_without_a_second_class_in_each_half_are_not_compared():
    X, y = make_recordings(3, n_samples=200, random_state=0)
    y = np.full_like(y, -1)
    y[0], y[1] = 0, 1
    problem = read_problem(X, y, who="FixMatchSegmenter")
    assert problem.split_labeled() is None
    assert np.isnan(compare(problem, 0, lambda _: pytest.fail("fitted"))).all()


class Constant:
    """A fit that answers every sample with the first class, and is in doubt."""

    decoder_ = Argmax()

    def __init__(self, part):
        self.part, self.classes_ = part, part.classes

    def predict_proba(self, recordings):
        return [np.full((n, 2), 0.5) for n in recordings.lengths]

    def _name_labels(self, codes):
        return self.classes_[codes]

    def _iterate_labels(self, recordings):
        for i, n in enumerate(recordings.lengths.tolist()):
            yield SimpleNamespace(recording=i), 0, np.zeros(n, dtype=np.int64)


def test_a_comparison_scores_recordings_that_were_not_seen(problem):
    seen = []

    class Doubtful(Constant):
        def predict_proba(self, recordings):
            assert all(one is not other for one in recordings.sources for other in self.part.recordings.sources)
            seen.append(recordings)
            return super().predict_proba(recordings)

    (score,) = compare(problem, 0, Doubtful)
    assert 0 < score.mean_iou < 1
    assert score.log_loss == pytest.approx(np.log(2))
    assert len(seen) == 2


@pytest.mark.parametrize(("flips", "agreement"), [(False, 0.5), (True, 0.0)])  # nothing finds the second class
def test_fits_on_two_halves_are_compared_on_unlabeled_samples(partly, problem, flips, agreement):
    made, labeled = [], []

    class Constant2(Constant):
        def _iterate_labels(self, recordings):
            made.append(self)
            for part, start, labels in super()._iterate_labels(recordings):
                labeled.append(recordings.lengths.tolist())
                yield part, start, labels + (flips and len(made) == 2)

    (score,) = compare(problem, 0, Constant2)
    assert score.agreement == agreement
    assert len(labeled) == 2 * (len(partly[0]) - 4)  # four recordings are labeled throughout


def test_given_labels_do_not_count_as_agreement(labeled):
    X, y = labeled
    y = y.copy()
    y[:, 300:] = -1
    problem = read_problem(X, y, who="FixMatchSegmenter")

    class Memory(Constant):
        def _iterate_labels(self, recordings):
            for part, start, labels in super()._iterate_labels(recordings):
                labels[: 300 if len(self.part.labels) else 0] = self.part.labels.value[0] >= 0
                yield part, start, labels

    (score,) = compare(problem, 0, Memory)
    assert score.agreement == 0.5


def test_labels_of_all_samples_leave_the_agreement_unknown(labeled):
    (score,) = compare(read_problem(*labeled, who="FixMatchSegmenter"), 0, Constant)
    assert np.isfinite(score.mean_iou)
    assert np.isnan(score.agreement)


def test_a_guide_labels_every_sample_and_keeps_the_given_labels(partly, problem):
    X, y = partly
    guide = WindowFeatureSegmenter(random_state=0).fit(X, y)
    found = guess_labels(guide, problem, 10**9, seed=0)
    for i, labels in enumerate(found.to_labels()):
        expected = y[i] if i < 4 else guide.predict(X[i : i + 1])[0]
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("most", [1, 700, 2000])
def test_a_guide_reads_no_more_than_training_uses(partly, problem, most):
    guide = WindowFeatureSegmenter(random_state=0).fit(*partly)
    found = guess_labels(guide, problem, most, seed=0)
    guessed = found.count_samples()[4:].sum()
    assert guessed <= most + 600  # whole recordings
    np.testing.assert_array_equal(found.count_samples()[:4], 600)


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(-1, 2), min_size=1, max_size=12), min_size=1, max_size=5))
def test_halves_hold_each_labeled_sample_once(lists):
    labels = LabelRuns.from_labels([np.array(one) for one in lists])
    if not labels.labeled.any():
        return
    halves = halve_labels(labels)
    total = sum(half.count_samples().sum() for _, half in halves)
    assert total == labels.count_samples().sum()
    for kept, half in halves:
        for i, found in zip(kept, half.to_labels(), strict=True):
            given_labels = np.array(lists[i])
            np.testing.assert_array_equal(found[found >= 0], given_labels[found >= 0])
