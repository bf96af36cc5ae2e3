"""The life of a fit: the earlier model stays until the first step, and an interruption leaves a whole estimator."""

import contextlib
import copy
import gc
import os
import pickle
import subprocess
import sys
import textwrap
import weakref
from unittest import mock

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback
from small import TINY

import sslts
from sslts import FixMatchSegmenter, SelfTrainingSegmenter, StreamSegmenter, SupervisedSegmenter
from sslts.adapters.sktime import SupervisedDetector
from sslts.augment import Jitter
from sslts.datasets import make_recordings
from sslts.persistence import PersistenceError

X, Y = make_recordings(4, n_samples=200, random_state=0)
OTHER = X[:, ::-1].copy()
FAST = {"network": TINY, "max_steps": 4, "batch_size": 2, "random_state": 0}


def make(**params):
    return SupervisedSegmenter(**{**FAST, **params})


class Raise(Callback):
    """Raise an error at one moment of the training."""

    def __init__(self, moment, error):
        self.moment, self.error = moment, error

    def __getattribute__(self, name):
        if name.startswith("on_") and name == object.__getattribute__(self, "moment"):
            error = object.__getattribute__(self, "error")

            def fail(*args, **kwargs):
                raise error

            return fail
        return super().__getattribute__(name)


class Net(torch.nn.Conv1d):
    size = 5

    def __init__(self, n_channels, n_classes):
        super().__init__(n_channels, n_classes, Net.size, padding=Net.size // 2)


def describe(segmenter):
    """Return the fitted attributes by identity, and a prediction."""
    held = {name: id(value) for name, value in vars(segmenter).items() if name.endswith("_") and name != "history_"}
    return held, segmenter.history_.to_csv(), segmenter.predict_proba(X).tolist()


class TestBeforeTheFirstStep:
    @pytest.mark.parametrize("moment", ["on_train_begin", "on_epoch_begin", "on_batch_begin", "on_grad_computed"])
    @pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt, FloatingPointError])
    def test_an_error_leaves_the_earlier_model(self, moment, error):
        segmenter, unfitted = make().fit(X, Y), make()
        before = describe(segmenter)
        for one in (segmenter, unfitted):
            with pytest.raises(error):
                one.set_params(callbacks=[Raise(moment, error())]).fit(OTHER, Y)
        assert describe(segmenter) == before
        assert not [name for name in vars(unfitted) if name.endswith("_")]
        assert not hasattr(unfitted, "history_")

    def test_a_loss_that_is_not_finite_at_once(self):
        segmenter = make().fit(X, Y)
        before = describe(segmenter)
        with pytest.raises(FloatingPointError, match="step 1 "):
            segmenter.set_params(strong=lambda x: x * float("nan")).fit(X, Y)
        assert describe(segmenter) == before

    def test_a_disk_that_is_full_at_the_first_checkpoint(self, tmp_path, monkeypatch):
        segmenter = make().fit(X, Y)
        before = describe(segmenter)

        def refuse(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("sslts.persistence.files.replace_file", refuse)
        with pytest.raises(OSError, match="No space left"):
            segmenter.fit(OTHER, Y, checkpoint=tmp_path / "run")
        assert describe(segmenter) == before

    def test_a_checkpoint_of_a_network_that_has_changed(self, tmp_path, monkeypatch):
        make(network=Net).fit(X, Y, checkpoint=tmp_path / "run")
        monkeypatch.setattr(Net, "size", 9)
        segmenter = make(network=Net).fit(X, Y)
        before = describe(segmenter)
        with pytest.raises(
            PersistenceError,
            match=r"run is damaged: .* size mismatch for weight: .* 5\]\) from checkpoint, .* 9\]\)",
        ):
            segmenter.fit(X, Y, checkpoint=tmp_path / "run")
        assert describe(segmenter) == before

    def test_names_of_an_earlier_table_go_with_the_first_step(self):
        import pandas as pd

        frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(X.shape[1])])
        segmenter = make().fit(frame, Y)
        assert hasattr(segmenter, "feature_names_in_")
        assert not hasattr(segmenter.fit(X, Y), "feature_names_in_")


class TestASecondInterruption:
    @pytest.mark.parametrize("fitted", [False, True])
    @pytest.mark.parametrize("second", ["on_train_end", "sslts.segmenters.base._make_history"])
    def test_net_and_history_agree(self, fitted, second, tmp_path):
        segmenter = make().fit(OTHER, Y) if fitted else make()
        callbacks = [Raise("on_batch_end", KeyboardInterrupt())]
        place = second if "." in second else "sslts.segmenters.base._find_nothing"
        if second == "on_train_end":
            callbacks.append(Raise(second, KeyboardInterrupt()))
        segmenter.set_params(callbacks=callbacks)
        patched = mock.patch(place, side_effect=KeyboardInterrupt, create="." not in second)
        with patched, contextlib.suppress(KeyboardInterrupt):
            segmenter.fit(X, Y)
        assert segmenter.net_.step_ == 1
        assert len(segmenter.history_) == len([row for row in segmenter.net_.history if "step" in row])
        segmenter.set_params(callbacks=None).predict(X)
        segmenter.save(tmp_path / "model")
        np.testing.assert_array_equal(sslts.load(tmp_path / "model").predict(X), segmenter.predict(X))

    @pytest.mark.slow  # a process of its own
    @pytest.mark.skipif(os.name != "posix", reason="sends signals")
    def test_two_signals_at_random_moments(self, tmp_path):
        code = """
            import os, random, signal, sys, threading, time
            import numpy as np
            from sslts import SupervisedSegmenter
            from sslts.datasets import make_recordings
            from sslts.networks import UNet
            X, y = make_recordings(4, n_samples=200, random_state=0)
            rng = random.Random(int(sys.argv[1]))
            for _ in range(3):
                model = SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=2, batch_size=2, random_state=0)
                model.fit(X[:, ::-1].copy(), y).set_params(max_steps=3000)
                first, gap = rng.uniform(0.02, 0.6), rng.choice([0, 0.0003, 0.001, 0.003, 0.01])
                def press():
                    time.sleep(first)
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(gap)
                    os.kill(os.getpid(), signal.SIGINT)
                    done.set()
                done, thread = threading.Event(), threading.Thread(target=press)
                thread.start()
                for _ in range(3):
                    try:
                        if not done.is_set():
                            model.fit(X, y)
                        thread.join()
                        time.sleep(0.01)
                        break
                    except KeyboardInterrupt:
                        pass
                thread.join()
                rows = [row["step"] for row in model.net_.history if "step" in row]
                assert model.history_["step"].tolist() == rows
                model.predict(X)
                model.save(sys.argv[2])
        """
        command = [sys.executable, "-c", textwrap.dedent(code), "0", str(tmp_path / "model")]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)

    def test_self_training_changes_at_once(self):
        segmenter = SelfTrainingSegmenter(make(max_steps=2)).fit(X, np.where(np.arange(4)[:, None] < 2, Y, -1))
        before = dict(vars(segmenter))
        interrupted = mock.patch("sslts.segmenters.self_training._shorten_chain", side_effect=KeyboardInterrupt)
        with interrupted, pytest.raises(KeyboardInterrupt):
            segmenter.fit(OTHER, Y)
        assert vars(segmenter) == before


class TestChainsOfStarts:
    def test_no_model_before_the_last_is_held(self):
        first = make(max_steps=2).fit(X, Y)
        gone, sizes = weakref.ref(first.net_), []
        chain = first
        for _ in range(4):
            chain = make(max_steps=2, init=chain).fit(X, Y)
            sizes.append(len(pickle.dumps(chain)))
        del first
        gc.collect()
        assert gone() is None
        assert max(sizes) < 1.05 * sizes[0]
        assert chain.init.init is None

    @pytest.mark.parametrize("wrap", [lambda model: model, FrozenEstimator])
    def test_a_fit_is_repeated_with_the_same_start(self, wrap):
        second = make(init=make(normalization=None).fit(X, Y), normalization=None).fit(OTHER, Y)
        third = make(init=wrap(second), normalization=None, max_steps=2)
        wanted = third.fit(X, Y).predict_proba(X)
        assert second.init is not None
        for again in (third, clone(third), copy.deepcopy(third), pickle.loads(pickle.dumps(third))):
            np.testing.assert_array_equal(again.get_params()["init"].predict_proba(X), second.predict_proba(X))
            np.testing.assert_array_equal(again.fit(X, Y).predict_proba(X), wanted)

    def test_a_start_without_a_start_stays_the_same_object(self):
        first = make().fit(X, Y)
        assert make(init=first).fit(X, Y).init is first

    @pytest.mark.parametrize("kind", ["rounds", "detector"])
    def test_chains_of_other_estimators(self, kind):
        def build(init):
            if kind == "rounds":
                return SelfTrainingSegmenter(make(max_steps=2, init=init)).fit(X, Y)
            return SupervisedDetector(**FAST, init=init).fit(X[0][:, None], Y[0]).segmenter_

        chain, sizes = None, []
        for _ in range(5):
            chain = build(chain)
            sizes.append(len(pickle.dumps(chain)))
        assert sizes[4] < 1.05 * sizes[2]


class TestHashes:
    @pytest.mark.parametrize("estimator", [make(), FixMatchSegmenter(**FAST), SelfTrainingSegmenter(make(max_steps=2))])
    def test_joblib_hashes_a_fitted_segmenter(self, estimator, tmp_path):
        fitted = clone(estimator).fit(X, Y)
        assert joblib.hash(fitted) == joblib.hash(fitted)
        other = clone(estimator).fit(OTHER, Y)
        assert joblib.hash(fitted) != joblib.hash(other)
        count = joblib.Memory(tmp_path, verbose=0).cache(lambda model: model.predict(X).sum())
        assert count(fitted) == count(fitted) == fitted.predict(X).sum()


class TestNumbers:
    @pytest.mark.parametrize(
        "name",
        ["window_length", "batch_size", "max_steps", "lr", "ema_decay", "background", "sampling_rate", "mu"],
    )
    @pytest.mark.parametrize("value", [True, False])
    @pytest.mark.usefixtures("no_training")
    def test_true_and_false_are_no_numbers(self, name, value):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            FixMatchSegmenter(**{**FAST, name: value}).fit(X, Y)

    @pytest.mark.parametrize("value", [True, False])
    def test_nor_in_recipes_rounds_and_streams(self, value):
        with pytest.raises(ValueError, match="'n_rounds' parameter"):
            SelfTrainingSegmenter(make(), n_rounds=value).fit(X, Y)
        with pytest.raises(ValueError, match="Jitter: magnitude="):
            Jitter(magnitude=value)
        with pytest.raises(ValueError, match="block="):
            StreamSegmenter(make(normalization=None).fit(X, Y), block=value)

    @pytest.mark.parametrize("weights", [{0: 0.0, 1: 0.0}, {0: 0, 1: -0.0}])
    @pytest.mark.usefixtures("no_training")
    def test_weights_that_are_all_zero_are_refused(self, weights):
        with pytest.raises(ValueError, match="class_weight=.* gives every class of y a weight of 0"):
            make(class_weight=weights).fit(X, Y)

    def test_a_number_of_numpy_belongs_to_the_same_run(self, tmp_path):
        path = tmp_path / "run"
        wanted = make(random_state=0, lr=1e-3).fit(X, Y, checkpoint=path).predict_proba(X)
        again = make(random_state=np.int64(0), lr=np.float64(1e-3), max_steps=np.int32(4))
        np.testing.assert_array_equal(again.fit(X, Y, checkpoint=path).predict_proba(X), wanted)
        make(random_state=np.int64(1)).fit(X, Y, checkpoint=tmp_path / "other")
        make(random_state=1).fit(X, Y, checkpoint=tmp_path / "other")
        with pytest.raises(PersistenceError, match="random_state"):
            make(random_state=np.int64(0)).fit(X, Y, checkpoint=tmp_path / "other")
