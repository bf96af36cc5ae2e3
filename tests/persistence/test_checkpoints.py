"""An interrupted run ends like an uninterrupted run; a checkpoint of another run is refused."""

import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, Freezer, LRScheduler, TrainEndCheckpoint
from small import SEGMENTERS

import sslts
from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts.annotations import LabelRuns
from sslts.datasets import make_recordings
from sslts.decoding import Hysteresis
from sslts.networks import UNet
from sslts.persistence import PersistenceError, checkpoints, files, read_card
from sslts.persistence._identity import identify_run
from sslts.recordings import as_recordings
from sslts.segmenters import base
from sslts.thresholds import (
    CurriculumThreshold,
    FixedThreshold,
    RelativeThreshold,
    SelfAdaptiveThreshold,
    SoftThreshold,
)
from sslts.training import SegmentationNet

STEPS = 11
SMALL = UNet(width=4, depth=1, dropout=0.2)


class Crash(Exception):
    pass


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Save every 3 steps and log every 4, so that some checkpoints are inside a logging interval, some at its end."""
    monkeypatch.setattr(checkpoints, "_SAVE_EVERY", 3)
    monkeypatch.setattr(base, "_HISTORY_ROWS", 3)


@pytest.fixture(scope="module")
def labeled():
    return make_recordings(6, n_samples=200, segment_length=12, random_state=0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


def make(kind="fixmatch", **params):
    fast = {"max_steps": STEPS, "batch_size": 2, "network": SMALL, "random_state": 0}
    return SEGMENTERS[kind](**{**fast, **params})


def crash(segmenter, data, path, step, monkeypatch):
    """Run a fit that fails before a step."""
    with monkeypatch.context() as patch:
        train = SegmentationNet.train_step

        def train_or_crash(self, *args, **kwargs):
            if self.step_ == step:
                raise Crash
            return train(self, *args, **kwargs)

        patch.setattr(SegmentationNet, "train_step", train_or_crash)
        with pytest.raises(Crash):
            segmenter.fit(*data, checkpoint=path)


def assert_same(a, b):
    for name in ("module_", "teacher_", "criterion_"):
        wanted = getattr(b.net_, name).state_dict()
        found = getattr(a.net_, name).state_dict()
        assert list(found) == list(wanted)
        assert all(map(torch.equal, found.values(), wanted.values())), name
    columns = [name for name in b.history_ if name != "seconds"]
    pd.testing.assert_frame_equal(a.history_[columns], b.history_[columns])
    assert a.history_["seconds"].is_monotonic_increasing
    assert a.net_.step_ == b.net_.step_


class TestContinuing:
    @pytest.mark.parametrize("kind", SEGMENTERS)
    def test_every_estimator_from_every_kind_of_moment(self, partly, path, monkeypatch, kind):
        whole = make(kind).fit(*partly)
        for step in (0, 2, 3, 4, 7, 10) if kind == "fixmatch" else (4, 7):
            crash(make(kind), partly, path, step, monkeypatch)
            assert read_card(path)["step"] == step // 3 * 3
            assert_same(make(kind).fit(*partly, checkpoint=path), whole)
            path.unlink()

    def test_the_time_between_two_parts_of_a_run_does_not_count(self, partly, path, monkeypatch):
        crash(make(), partly, path, 7, monkeypatch)
        before = time.perf_counter
        monkeypatch.setattr(time, "perf_counter", lambda: before() + 86_400)
        assert make().fit(*partly, checkpoint=path).history_["seconds"].iloc[-1] < 3600

    def test_frozen_weights_stay_frozen(self, partly, path, monkeypatch):
        def frozen():
            return make(callbacks=[Freezer("head*")])

        crash(frozen(), partly, path, 7, monkeypatch)
        assert_same(frozen().fit(*partly, checkpoint=path), frozen().fit(*partly))

    def test_several_interruptions(self, partly, path, monkeypatch):
        for step in (4, 5, 7, 9, 10):
            crash(make(), partly, path, step, monkeypatch)
        assert_same(make().fit(*partly, checkpoint=path), make().fit(*partly))

    @pytest.mark.parametrize(
        "threshold",
        [
            pytest.param(FixedThreshold(0.5, alignment="labeled"), marks=pytest.mark.slow),
            CurriculumThreshold(0.6),
            SelfAdaptiveThreshold(0.01),
            pytest.param(SoftThreshold(alignment="uniform"), marks=pytest.mark.slow),
            pytest.param(RelativeThreshold(), marks=pytest.mark.slow),
        ],
        ids=lambda threshold: type(threshold).__name__,
    )
    def test_running_statistics_of_thresholds(self, partly, path, monkeypatch, threshold):
        kind = {"kind": "pseudo_label", "threshold": threshold, "ramp": (0.0, 0.1)}
        crash(make(**kind), partly, path, 8, monkeypatch)
        assert_same(make(**kind).fit(*partly, checkpoint=path), make(**kind).fit(*partly))

    def test_saving_does_not_change_the_fit(self, partly, path):
        assert_same(make().fit(*partly, checkpoint=path), make().fit(*partly))

    def test_foreign_networks_and_views_that_draw_from_global_states(self, partly, path, monkeypatch):
        class Dropping(torch.nn.Sequential):
            def __init__(self, n_channels, n_classes):
                super().__init__(torch.nn.Dropout(0.3), torch.nn.Conv1d(n_channels, n_classes, 5, padding=2))

        def make_foreign():
            return make(network=Dropping, strong=lambda x: x + torch.randn_like(x))

        whole = make_foreign().fit(*partly)
        crash(make_foreign(), partly, path, 8, monkeypatch)
        torch.manual_seed(5)
        assert_same(make_foreign().fit(*partly, checkpoint=path), whole)

    def test_callbacks_keep_their_state(self, partly, path, monkeypatch):
        def make_stopped():
            stop = EarlyStopping(monitor="loss", patience=2, threshold=1e9, threshold_mode="abs", sink=str)
            decay = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
            return make("supervised", max_steps=60, callbacks=[stop, decay])

        monkeypatch.setattr(base, "_HISTORY_ROWS", 15)  # intervals of 4 steps
        whole = make_stopped().fit(*partly)
        assert whole.net_.step_ == 12
        crash(make_stopped(), partly, path, 7, monkeypatch)
        assert_same(make_stopped().fit(*partly, checkpoint=path), whole)

    def test_without_a_seed_the_run_keeps_its_random_seed(self, partly, path, monkeypatch):
        monkeypatch.setattr(base, "_draw_seed", lambda random_state: 17)
        whole = make(random_state=None).fit(*partly)
        crash(make(random_state=None), partly, path, 5, monkeypatch)
        monkeypatch.setattr(base, "_draw_seed", lambda random_state: 99)
        assert_same(make(random_state=None).fit(*partly, checkpoint=path), whole)

    def test_a_random_state_that_is_an_object(self, partly, path, monkeypatch):
        crash(make(random_state=np.random.RandomState(3)), partly, path, 5, monkeypatch)
        again = make(random_state=np.random.RandomState(3)).fit(*partly, checkpoint=path)
        assert_same(again, make(random_state=np.random.RandomState(3)).fit(*partly))

    def test_another_container_and_parameters_without_effect_on_training(self, partly, path, monkeypatch, capfd):
        X, y = partly
        crash(make(), partly, path, 7, monkeypatch)
        other = make(verbose=1, decoder=Hysteresis(min_length=3), sampling_rate=50.0)
        assert_same(other.fit(list(X), list(y), checkpoint=path), make().fit(X, y))
        assert "11 steps done" in capfd.readouterr().err
        assert other.decoder == Hysteresis(min_length=3)

    def test_a_run_with_a_start_model(self, partly, path, monkeypatch):
        first = make("supervised", random_state=1).fit(*partly)
        crash(make(init=first), partly, path, 7, monkeypatch)
        assert_same(make(init=first).fit(*partly, checkpoint=path), make(init=first).fit(*partly))

    def test_warm_start_with_more_labels(self, labeled, partly, path, monkeypatch, tmp_path):
        def start():
            return make("supervised", warm_start=True).fit(*partly)

        whole = start()
        before = [p.clone() for p in whole.net_.teacher_.parameters()]
        whole.set_params(max_steps=1, lr=1e-12).fit(*labeled)  # more labels, and the same start weights
        for p, q in zip(before, whole.net_.teacher_.parameters(), strict=True):
            torch.testing.assert_close(p, q)
        assert whole.training_set_["labeled_recordings"] == 6
        interrupted = start()
        interrupted.save(tmp_path / "first")
        crash(interrupted, labeled, path, 7, monkeypatch)
        assert_same(sslts.load(tmp_path / "first").fit(*labeled, checkpoint=path), start().fit(*labeled))

    def test_ctrl_c_leaves_a_usable_estimator_and_a_checkpoint(self, partly, path, monkeypatch):
        train = SegmentationNet.train_step

        def interrupt(self, *args, **kwargs):
            if self.step_ == 7:
                raise KeyboardInterrupt
            return train(self, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(SegmentationNet, "train_step", interrupt)
            stopped = make().fit(*partly, checkpoint=path)
        assert stopped.net_.step_ == 7
        assert stopped.predict(partly[0]).shape == partly[0].shape
        assert_same(make().fit(*partly, checkpoint=path), make().fit(*partly))

    def test_an_environment_with_other_rounding_gives_a_warning(self, partly, path, monkeypatch):
        crash(make(), partly, path, 5, monkeypatch)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
        with pytest.warns(UserWarning, match=r"started with torch .* 1 threads.* continues with .* 7 threads"):
            make().fit(*partly, checkpoint=path)


class TestFinished:
    def test_it_is_loaded_without_training(self, partly, path, monkeypatch):
        whole = make().fit(*partly, checkpoint=path)
        written = path.stat().st_mtime_ns

        def fail(*args, **kwargs):
            raise AssertionError("a step was made")

        monkeypatch.setattr(SegmentationNet, "train_step", fail)
        again = make().fit(*partly, checkpoint=path)
        assert_same(again, whole)
        np.testing.assert_array_equal(again.predict_proba(partly[0]), whole.predict_proba(partly[0]))
        assert path.stat().st_mtime_ns == written

    def test_the_fitted_estimator_pickles_and_is_small(self, partly, path):
        whole = make().fit(*partly, checkpoint=path)
        make().fit(*partly, checkpoint=path)
        size = len(pickle.dumps(whole))
        assert size < len(pickle.dumps(make().fit(*partly))) + 5000


class TestRefusing:
    @pytest.fixture
    def begun(self, partly, path, monkeypatch):
        crash(make(), partly, path, 5, monkeypatch)
        return path

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"max_steps": 12}, "max_steps=12 here, max_steps=11 there"),
            ({"lr": 0.1, "mu": 2.0}, r"mu=2\.0 here, mu=1\.0 there; lr=0\.1 here|lr=0\.1 here.*mu=2\.0 here"),
            ({"strong": None}, r"strong=None here, strong=RandAugment"),
            ({"network": UNet(width=3, depth=1)}, r"network=UNet\(width=3.* here, network=UNet\(width=4"),
            ({"random_state": 1}, "random_state=1 here, random_state=0 there"),
            ({"precision": "bfloat16"}, "precision='bfloat16' here"),
            ({"callbacks": [EarlyStopping()]}, "callbacks="),
        ],
    )
    def test_other_parameters_are_named(self, partly, begun, params, message):
        before = begun.read_bytes()
        with pytest.raises(PersistenceError, match=f"run.ckpt is the checkpoint of another run: .*({message})"):
            make(**params).fit(*partly, checkpoint=begun)
        assert begun.read_bytes() == before

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X, y: (X[:-1], y[:-1]), "recordings in X: 5 here, 6 there"),
            (lambda X, y: (np.stack([X, X], 1), y), "channels in X: 2 here, 1 there"),
            (lambda X, y: (X[:, :-1], y[:, :-1]), "the lengths of the recordings in X differ"),
            (lambda X, y: (np.where(X[3, 5] == X, X[3, 5] + 1e-4, X), y), "the values in X differ"),
            (lambda X, y: (X[::-1], y), "the values in X differ"),
            (lambda X, y: (X, np.where(np.arange(200) == 7, 1 - abs(y), y)), "the labels in y differ"),
        ],
    )
    def test_other_data_is_named(self, partly, begun, change, message):
        with pytest.raises(PersistenceError, match=f"another run: .*{message}"):
            make().fit(*change(*partly), checkpoint=begun)

    def test_data_that_differ_by_less_than_float32_resolves(self, partly, path):
        X, y = partly
        far = np.asarray(X, dtype=np.float64) + 1e9
        make().fit(far, y, checkpoint=path)
        with pytest.raises(PersistenceError, match="the values in X differ"):
            make().fit(far - 2 * X, y, checkpoint=path)

    def test_the_same_data_in_any_container_and_type(self, partly, tmp_path):
        X, y = (np.round(partly[0]) + 0.0).astype(np.float32), LabelRuns.from_table(partly[1])
        np.save(tmp_path / "x.npy", X)
        others = [list(X), X.astype(np.float64), X.astype(np.int16), X[:, None], np.load(tmp_path / "x.npy", "r")]
        wanted = identify_run(make(), as_recordings(X), y)
        assert all(identify_run(make(), as_recordings(other), y) == wanted for other in others)

    def test_another_estimator_and_another_start(self, partly, begun):
        with pytest.raises(PersistenceError, match="estimator: SupervisedSegmenter here, FixMatchSegmenter there"):
            make("supervised").fit(*partly, checkpoint=begun)
        first = make("supervised").fit(*partly)
        with pytest.raises(PersistenceError, match="the weights at the start differ"):
            make(init=first).fit(*partly, checkpoint=begun)

    def test_a_refusal_leaves_a_fitted_model_as_it_is(self, partly, begun):
        fitted = make("supervised").fit(*partly)
        wanted = fitted.predict_proba(partly[0])
        with pytest.raises(PersistenceError):
            fitted.fit(*partly, checkpoint=begun)
        np.testing.assert_array_equal(fitted.predict_proba(partly[0]), wanted)

    def test_models_are_no_checkpoints_and_checkpoints_are_no_models(self, partly, begun, tmp_path):
        with pytest.raises(PersistenceError, match="is a 'checkpoint' file"):
            sslts.load(begun)
        make("supervised").fit(*partly).save(tmp_path / "model")
        with pytest.raises(PersistenceError, match="is a 'model' file"):
            make().fit(*partly, checkpoint=tmp_path / "model")

    def test_other_files_are_refused_and_kept(self, partly, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(PersistenceError, match="notes.txt is not a file of sslts"):
            make().fit(*partly, checkpoint=tmp_path / "notes.txt")
        assert (tmp_path / "notes.txt").read_text() == "mine"

    def test_a_damaged_checkpoint(self, partly, begun):
        data = bytearray(begun.read_bytes())
        data[-5] ^= 4
        begun.write_bytes(data)
        with pytest.raises(PersistenceError, match="run.ckpt is damaged"):
            make().fit(*partly, checkpoint=begun)


class TestWriting:
    @pytest.mark.parametrize("wrap", [lambda segmenter: segmenter, SelfTrainingSegmenter])
    def test_a_folder_that_is_missing_is_found_before_every_sample_is_read(self, partly, tmp_path, monkeypatch, wrap):
        monkeypatch.setattr(checkpoints, "identify_run", None)
        segmenter = wrap(make())
        with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
            segmenter.fit(*partly, checkpoint=tmp_path / "nowhere" / "run.ckpt")
        assert not hasattr(segmenter, "net_")
        assert not hasattr(segmenter, "segmenter_")

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_the_last_checkpoint_is_kept_if_writing_the_next_one_fails(self, partly, path, monkeypatch, step):
        real, calls = getattr(os, step), []

        def fail_later(*args):
            calls.append(1)
            if len(calls) > 4:
                raise OSError(28, "No space left on device")
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(files.os, step, fail_later)
            with pytest.raises(OSError, match="No space left"):
                make().fit(*partly, checkpoint=path)
        assert 0 < read_card(path)["step"] < STEPS
        assert_same(make().fit(*partly, checkpoint=path), make().fit(*partly))

    def test_a_run_is_saved_every_50_steps_inside_long_intervals(self, partly, path, monkeypatch):
        monkeypatch.undo()
        monkeypatch.setattr(base, "_HISTORY_ROWS", 1)
        found = []
        monkeypatch.setattr(checkpoints.Checkpoint, "_save", lambda self, net: found.append(net.step_))
        make("supervised", max_steps=120, network=UNet(width=2, depth=1)).fit(*partly, checkpoint=path)
        assert found == [0, 50, 100, 120]

    def test_without_pickle(self, partly, path, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("something was pickled")

        for module, name in ((pickle, "dumps"), (pickle, "loads"), (torch, "save"), (torch, "load")):
            monkeypatch.setattr(module, name, fail)
        crash(make(), partly, path, 5, monkeypatch)
        make().fit(*partly, checkpoint=path)

    def test_history_that_a_file_cannot_hold_is_named(self, partly, path):
        class Record(Callback):
            def on_epoch_end(self, net, **kwargs):
                net.history.record("odd", object())

        with pytest.raises(TypeError, match="history holds builtins.object"):
            make(callbacks=[Record()]).fit(*partly, checkpoint=path)

    def test_leftovers_of_killed_processes_are_removed_at_the_start(self, partly, path):
        leftover = path.with_name(".run.ckpt.0a1b2c3d.tmp")
        leftover.touch()
        make("supervised").fit(*partly, checkpoint=path)
        assert [file.name for file in path.parent.iterdir()] == ["run.ckpt"]

    def test_the_card(self, partly, path):
        make().fit(*partly, checkpoint=str(path))
        card = read_card(path)
        assert card["file"]["kind"] == "checkpoint"
        assert (card["estimator"], card["step"], card["of"]) == ("FixMatchSegmenter", STEPS, STEPS)


class TestSelfTraining:
    def make(self, **params):
        inner = make("supervised")
        return SelfTrainingSegmenter(**{"segmenter": inner, "shares": (0.5, 1.0), "rank": "agreement", **params})

    @pytest.mark.parametrize(
        ("fit", "params"),
        [
            (0, {}),
            pytest.param(1, {}, marks=pytest.mark.slow),
            (2, {"shares": None, "rank": "confidence", "n_rounds": 2}),
        ],
    )
    def test_it_continues_in_the_interrupted_round(self, partly, path, monkeypatch, fit, params):
        whole = self.make(**params).fit(*partly)
        fits = []
        train = SegmentationNet.partial_fit

        def count(self, *args, **kwargs):
            fits.append(1)
            return train(self, *args, **kwargs)

        monkeypatch.setattr(SegmentationNet, "partial_fit", count)

        def train_or_crash(self, *args, real=SegmentationNet.train_step, **kwargs):
            if len(fits) == fit + 1 and self.step_ == 7:
                raise Crash
            return real(self, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(SegmentationNet, "train_step", train_or_crash)
            with pytest.raises(Crash):
                self.make(**params).fit(*partly, checkpoint=path)
        assert read_card(path)["rounds"] == fit
        fits.clear()
        again = self.make(**params).fit(*partly, checkpoint=path)
        assert len(fits) == 3 - fit
        assert_same(again.segmenter_, whole.segmenter_)
        pd.testing.assert_frame_equal(again.history_, whole.history_)
        assert all(map(np.array_equal, again.labels_, whole.labels_))
        assert {file.name for file in path.parent.iterdir()} == {"run.ckpt", "run.ckpt.2"}

    def test_a_finished_run_is_loaded_without_training(self, partly, path, monkeypatch):
        whole = self.make().fit(*partly, checkpoint=path)
        monkeypatch.setattr(SegmentationNet, "train_step", None)
        again = self.make().fit(*partly, checkpoint=path)
        assert_same(again.segmenter_, whole.segmenter_)
        pd.testing.assert_frame_equal(again.history_, whole.history_)

    def test_another_run_is_refused_and_named(self, partly, path):
        X, y = partly
        self.make().fit(X, y, checkpoint=path)
        with pytest.raises(PersistenceError, match="another run: threshold=0.5 here, threshold=0.95 there"):
            self.make(threshold=0.5).fit(X, y, checkpoint=path)
        for params, message in (
            ({"lr": 0.1}, r"segmenter__lr=0\.1 here, segmenter__lr=0\.002 there"),
            ({"decoder": Hysteresis()}, "segmenter__decoder=Hysteresis"),  # the agreement of checkpoints depends on it
            ({"init": make("supervised").fit(X, y)}, "segmenter__init=Supervised.* here, segmenter__init=None"),
        ):
            with pytest.raises(PersistenceError, match=f"another run: {message}"):
                self.make(segmenter=make("supervised", **params)).fit(X, y, checkpoint=path)
        with pytest.raises(PersistenceError, match="another run: segmenter=FixMatchSegmenter here, segmenter=Su"):
            self.make(segmenter=make()).fit(X, y, checkpoint=path)
        with pytest.raises(PersistenceError, match="the values in X differ"):
            self.make().fit(-X, y, checkpoint=path)

    def test_parameters_without_effect_on_training_may_change(self, partly, path):
        fits = {"shares": None, "rank": "confidence"}
        whole = self.make(**fits).fit(*partly, checkpoint=path)
        inner = make("supervised", verbose=1, decoder=Hysteresis(), sampling_rate=50.0)
        again = self.make(segmenter=inner, verbose=1, **fits).fit(*partly, checkpoint=path)
        assert_same(again.segmenter_, whole.segmenter_)

    def test_a_difference_without_a_visible_text_is_named(self, partly, path):
        inits = [make("supervised", random_state=seed).fit(*partly).set_params(random_state=0) for seed in (0, 1)]
        one, other = (self.make(segmenter=make("supervised", init=init)) for init in inits)
        one.fit(*partly, checkpoint=path)
        with pytest.raises(
            PersistenceError, match="another run: segmenter__init differs, though its text 'SupervisedSegmenter"
        ):
            other.fit(*partly, checkpoint=path)

    @pytest.mark.parametrize(
        "fit", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)]
    )
    @pytest.mark.parametrize("params", [{}, {"shares": None, "rank": "confidence", "n_rounds": 2}])
    def test_ctrl_c_stops_it_inside_a_round(self, partly, path, monkeypatch, fit, params):
        whole = self.make(**params).fit(*partly)
        fits = []
        train, step = SegmentationNet.partial_fit, SegmentationNet.train_step

        def count(self, *args, **kwargs):
            fits.append(1)
            return train(self, *args, **kwargs)

        def interrupt(self, *args, **kwargs):
            if len(fits) == fit + 1 and self.step_ == 7:
                raise KeyboardInterrupt
            return step(self, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(SegmentationNet, "partial_fit", count)
            patch.setattr(SegmentationNet, "train_step", interrupt)
            with pytest.raises(KeyboardInterrupt):
                self.make(**params).fit(*partly, checkpoint=path)
        assert read_card(path)["rounds"] == fit
        assert {file.name for file in path.parent.iterdir()} == {"run.ckpt", f"run.ckpt.{fit}"}
        again = self.make(**params).fit(*partly, checkpoint=path)
        assert_same(again.segmenter_, whole.segmenter_)
        assert all(map(np.array_equal, again.labels_, whole.labels_))


def kill(kind, n):
    script = Path(__file__).with_name("killed_fits.py")
    run = subprocess.run([sys.executable, script, kind, str(n)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert re.match(rf"killed {n} times, finished \d+ times, all alike", run.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
class TestKilling:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["fixmatch", "self_training"])
    def test_fifty_times_in_a_row(self, kind):
        kill(kind, 50)


def test_the_signature_is_that_of_scikit_learn():
    assert FixMatchSegmenter().get_metadata_routing() is not None
    names = ("sample_weight", "validation", "checkpoint", "source")
    assert SupervisedSegmenter.fit.__kwdefaults__ == dict.fromkeys(names)


def test_a_finished_run_is_fitted_at_once_with_callbacks_that_look_at_its_last_batch(tmp_path):
    X, y = make_recordings(4, n_samples=300, random_state=0)
    probas = []
    for _ in range(2):
        callbacks = [TrainEndCheckpoint(dirname=str(tmp_path / "end"))]
        segmenter = SupervisedSegmenter(network=SMALL, max_steps=4, batch_size=2, callbacks=callbacks, random_state=0)
        probas.append(segmenter.fit(X, y, checkpoint=tmp_path / "run.ckpt").predict_proba(X))
    np.testing.assert_array_equal(*probas)
