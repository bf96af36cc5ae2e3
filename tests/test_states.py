"""States of torch and the process around a call: the same bits in every state, and the state is left as it was."""

import contextlib
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from small import TINY, PlainNetwork, every_other
from torch.utils._python_dispatch import TorchDispatchMode

import sslts
from sslts import (
    FixMatchSegmenter,
    MeanTeacherSegmenter,
    SelfTrainingSegmenter,
    StreamSegmenter,
    SupervisedSegmenter,
    augment,
    losses,
    thresholds,
)
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.recipes import Recipe
from sslts.thresholds import SelfAdaptiveThreshold
from sslts.training import float32_default, neutral_torch

X, Y = make_recordings(4, n_samples=120, segment_length=12, random_state=0)
Y[2:] = -1
FAST = {"network": TINY, "max_steps": 3, "batch_size": 2, "random_state": 0, "normalization": None}


@contextlib.contextmanager
def changed(change, restore):
    change()
    try:
        yield
    finally:
        restore()


def set_type(kind):
    return changed(lambda: torch.set_default_dtype(kind), lambda: torch.set_default_dtype(torch.float32))


def set_device(name):
    return changed(lambda: torch.set_default_device(name), lambda: torch.set_default_device(None))


def switch_autocast():
    return changed(lambda: torch.set_autocast_enabled("cpu", True), lambda: torch.set_autocast_enabled("cpu", False))


@contextlib.contextmanager
def start_autocast_and_use_it(enabled):
    """Enter an autocast whose cache already holds weights of somebody else."""
    layer = torch.nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        layer(torch.zeros(1, 3))
        yield


def quietly(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a device that this machine does not have
        return make()


STATES = {
    "autocast to bfloat16": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "autocast that is off": lambda: torch.autocast("cpu", enabled=False),
    "autocast of another device": lambda: quietly(lambda: torch.autocast("cuda")),
    "autocast without a cache": lambda: torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False),
    "autocast in use": lambda: start_autocast_and_use_it(True),
    "autocast in use that is off": lambda: start_autocast_and_use_it(False),
    "autocast by a switch": switch_autocast,
    "no gradients": torch.no_grad,
    "gradients": torch.enable_grad,
    "inference mode": torch.inference_mode,
    "anomaly detection": lambda: quietly(lambda: torch.autograd.detect_anomaly(check_nan=False)),
    "deterministic algorithms": lambda: changed(
        lambda: torch.use_deterministic_algorithms(True), lambda: torch.use_deterministic_algorithms(False)
    ),
    "saved tensors on the CPU": torch.autograd.graph.save_on_cpu,
    "default type bfloat16": lambda: set_type(torch.bfloat16),
    "default type float16": lambda: set_type(torch.float16),
    "default type float64": lambda: set_type(torch.float64),
    "default device cpu": lambda: set_device("cpu"),
    "default device meta": lambda: set_device("meta"),
    "device meta in a context": lambda: torch.device("meta"),
    "errors of NumPy": lambda: np.errstate(all="raise"),
    "another seed": lambda: changed(lambda: torch.manual_seed(7), lambda: torch.manual_seed(0)),
}
OF_THREADS = {name for name in STATES if not name.startswith(("default type", "deterministic", "another"))}


def view(x):
    """Return a custom view, which draws from torch's global random state in the default type."""
    return x + 0.01 * torch.randn(x.shape)


SEGMENTERS = {
    "bfloat16": lambda: SupervisedSegmenter(**FAST, precision="bfloat16"),
    "float32": lambda: FixMatchSegmenter(
        **FAST, precision="float32", threshold=SelfAdaptiveThreshold(alignment="labeled")
    ),
    "custom network": lambda: MeanTeacherSegmenter(**{**FAST, "network": PlainNetwork}, class_weight="balanced"),
    "custom view": lambda: SupervisedSegmenter(**FAST, strong=view),
    "rounds": lambda: SelfTrainingSegmenter(SupervisedSegmenter(**{**FAST, "max_steps": 2})),
    "validation": lambda: SupervisedSegmenter(**FAST),
}


def fit(name):
    options = {"validation": (X[:1], Y[:1])} if name == "validation" else {}
    return SEGMENTERS[name]().fit(X, Y, **options)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Each segmenter, fitted in the plain state, with its file."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for name in SEGMENTERS:
        model = fit(name)
        model.save(folder / name)
        found[name] = model, folder / name
    return found


def ask_stream(model, path):
    stream = StreamSegmenter(model)
    return [*(stream.push(chunk) for chunk in np.array_split(X[0], 5)), stream.flush()]


def save_and_load(model, path):
    model.save(f"{path}.again")
    return sslts.load(f"{path}.again", objects=[PlainNetwork, view]).predict(X)


ENTRY_POINTS = {
    "predict": lambda model, path: model.predict(X),
    "predict_proba": lambda model, path: model.predict_proba(list(X)),
    "predict_segments": lambda model, path: model.predict_segments(X),
    "score": lambda model, path: model.score(X[:2], Y[:2]),
    "load": lambda model, path: sslts.load(path, objects=[PlainNetwork, view]).predict_proba(X),
    "save": save_and_load,
    "stream": ask_stream,
    "net": lambda model, path: model.net_.predict_proba(X[:, None].astype("float32")),
}


def read_state():
    """Return what torch tells of its state."""
    kinds = ("cpu", "cuda", "mps", "xpu")
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_anomaly_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_cache_enabled(),
        [(torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds],
        torch.get_num_threads(),
        torch.get_rng_state().tolist() if torch.get_default_device().type == "cpu" else None,
        np.geterr(),
    )


def assert_equal(found, wanted):
    if isinstance(wanted, list):
        for one, other in zip(found, wanted, strict=True):
            assert_equal(one, other)
    elif hasattr(wanted, "equals"):
        assert wanted.equals(found)
    else:
        np.testing.assert_array_equal(found, wanted)


DIFFERENT = ("autocast in use that is off", "inference mode", "default type bfloat16", "default device meta")


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *((state, kind) for state in STATES for kind in ("bfloat16", "custom network")),
        *((state, kind) for state in DIFFERENT for kind in ("float32", "custom view", "rounds", "validation")),
    ],
)
def test_a_fit_gives_the_same_bits_in_every_state(state, kind, fitted):
    with STATES[state]():
        before = read_state()
        model = fit(kind)
        assert read_state() == before
    assert_equal(model.predict_proba(X), fitted[kind][0].predict_proba(X))
    net = getattr(model, "segmenter_", model).net_
    assert not any(weight.is_inference() or weight.is_meta for weight in net.module_.parameters())


@pytest.fixture(scope="module")
def answers(fitted):
    """What two of the models answer in the plain state; the custom network has no stride for a stream."""
    asked = [(kind, name) for kind in ("bfloat16", "custom network") for name in ENTRY_POINTS]
    asked.remove(("custom network", "stream"))
    return {(kind, name): ENTRY_POINTS[name](*fitted[kind]) for kind, name in asked}


@pytest.mark.parametrize("state", every_other(STATES))
def test_a_fitted_model_answers_the_same_in_every_state(state, fitted, answers):
    for (kind, name), wanted in answers.items():
        with STATES[state]():
            before = read_state()
            found = ENTRY_POINTS[name](*fitted[kind])
            assert read_state() == before, name
        assert_equal(found, wanted)


@pytest.mark.parametrize("state", every_other(sorted(OF_THREADS)))
def test_a_fit_in_a_state_trains_on(state, fitted):
    """A model that was fitted or loaded in a state starts another fit outside it."""
    with STATES[state]():
        loaded = sslts.load(fitted["float32"][1])
    later = FixMatchSegmenter(**FAST, precision="float32", init=loaded).fit(X, Y)
    wanted = FixMatchSegmenter(**FAST, precision="float32", init=fitted["float32"][0]).fit(X, Y)
    assert_equal(later.predict_proba(X), wanted.predict_proba(X))
    pickle.loads(pickle.dumps(loaded)).predict(X)


def test_threads_with_custom_networks_do_not_disturb_the_default_type():
    wanted = fit("custom network").predict_proba(X)
    with set_type(torch.float64), ThreadPoolExecutor(3) as pool:
        for model in pool.map(fit, ["custom network"] * 4):
            assert_equal(model.predict_proba(X), wanted)
        assert torch.get_default_dtype() == torch.float64


def test_the_neutral_state_ends_with_its_block():
    with STATES["inference mode"](), STATES["autocast to float16"](), set_device("meta"):
        before = read_state()
        with neutral_torch(gradients=True):
            assert torch.empty(0).device.type == "cpu"
            assert torch.is_grad_enabled()
            assert not torch.is_inference_mode_enabled()
            assert not torch.is_autocast_enabled("cpu")
        assert read_state() == before
        with pytest.raises(ZeroDivisionError), neutral_torch(), float32_default():
            1 / 0  # noqa: B018
        assert read_state() == before


class FindType(TorchDispatchMode):
    """Note which lines of this package compute in the default type, which is float16."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else [out]:
            if torch.is_tensor(one) and one.dtype == torch.float16:
                lines = [frame for frame in traceback.extract_stack() if "sslts" in frame.filename]
                self.found.add(f"{lines[-1].filename}:{lines[-1].lineno}")
        return out


def list_recipes(room, kind):
    """Return an instance of each recipe of a room that needs no arguments."""
    found = [value for name in room.__all__ if isinstance(value := getattr(room, name), type)]
    for one in found:
        if issubclass(one, kind) and not inspect.isabstract(one):
            with contextlib.suppress(TypeError):
                yield one()


RECIPES = [
    *({"strong": one} for one in list_recipes(augment, Recipe)),
    *({"threshold": one} for one in list_recipes(thresholds, Recipe)),
    *({"labeled_loss": one} for one in list_recipes(losses, Recipe)),
    {"labeled_loss": losses.CrossEntropy(label_smoothing=0.1)},
    {"network": UNet(width=4, depth=2, members=2, dropout=0.1, feature_dropout=0.5, stem_stride=2)},
    {"normalization": "local", "class_weight": "balanced"},
]


@pytest.mark.parametrize("params", every_other(RECIPES), ids=str)
@pytest.mark.filterwarnings("ignore")
def test_nothing_of_this_package_computes_in_the_default_type(params):
    kinds = [FixMatchSegmenter] if "threshold" in params else [FixMatchSegmenter, SupervisedSegmenter]
    for kind in kinds:
        with set_type(torch.float16), FindType() as watch:
            kind(**{**FAST, "precision": "float32", **params}).fit(np.stack([X, -X], axis=1), Y)
        assert not watch.found


# --- forked children -------------------------------------------------------------------------------------------------


@pytest.fixture
def two_threads():
    """Use two threads of torch in this process, so that a child that uses them too would wait without end."""
    torch.set_num_threads(2)
    torch.ones(1 << 20).exp_().sum()
    yield
    torch.set_num_threads(1)


def send(queue, work):
    queue.put(work())


def run_forked(work):
    """Return the result of a call in a forked child; fail if it takes too long."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=send, args=(queue, work))
    child.start()
    try:
        return queue.get(timeout=60)
    finally:
        child.join(10)
        alive = child.is_alive()
        child.kill()
        assert not alive


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestForks:
    @pytest.mark.parametrize("name", ["predict", "predict_proba", "predict_segments", "score", "load", "stream"])
    def test_a_forked_child_predicts(self, name, fitted, two_threads):
        model, path = fitted["float32"]
        big = np.tile(X, 100)
        model.predict(big)
        torch.set_num_threads(1)
        wanted = ENTRY_POINTS[name](model, path)
        torch.set_num_threads(2)
        assert_equal(run_forked(lambda: ENTRY_POINTS[name](model, path)), wanted)

    @pytest.mark.parametrize("kind", ["bfloat16", "custom network", "rounds"])
    def test_a_forked_child_fits(self, kind, two_threads):
        torch.set_num_threads(1)  # as in the child: the number of threads may change the last bits
        wanted = fit(kind).predict_proba(X)
        torch.set_num_threads(2)
        fit(kind)
        assert_equal(run_forked(lambda: fit(kind).predict_proba(X)), wanted)

    def test_a_child_of_a_child(self, fitted, two_threads):
        model, _ = fitted["bfloat16"]
        assert_equal(run_forked(lambda: run_forked(lambda: model.predict(X))), model.predict(X))

    def test_a_pool_of_forked_children(self, fitted, two_threads):
        model, _ = fitted["bfloat16"]
        model.predict(np.tile(X, 100))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for found in pool.map_async(model.predict, [X] * 4).get(timeout=60):
                assert_equal(found, model.predict(X))

    def test_a_lock_of_another_thread_does_not_stop_a_child(self, fitted):
        model, _ = fitted["custom network"]
        with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stack:
            pool.submit(stack.enter_context, float32_default()).result()
            try:
                assert_equal(run_forked(lambda: fit("custom network").predict(X)), model.predict(X))
            finally:
                pool.submit(stack.close).result()

    def test_the_parent_keeps_its_threads(self, fitted, two_threads):
        run_forked(lambda: fitted["bfloat16"][0].predict(X))
        assert torch.get_num_threads() == 2


@pytest.mark.slow  # a process of its own
def test_texts_are_read_with_an_encoding_that_is_named():
    code = """
        from sslts import SupervisedSegmenter
        from sslts.datasets import make_recordings
        from sslts.networks import UNet
        X, y = make_recordings(2, n_samples=200, random_state=0)
        SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=1, random_state=0).fit(X, y).predict(X)
    """
    options = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning"]
    subprocess.run([sys.executable, *options, "-c", textwrap.dedent(code)], check=True)


def test_recordings_are_made_whatever_numpy_does_with_errors():
    with np.errstate(all="raise"):
        found, _ = make_recordings(2, n_samples=200, random_state=0)
    np.testing.assert_array_equal(found, make_recordings(2, n_samples=200, random_state=0)[0])
