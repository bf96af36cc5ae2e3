"""Sealed files with a wrong content: a PersistenceError and the earlier model, or the same bits; never a wrong run."""

import copy
import re

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sslts
from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.persistence import PersistenceError, read_file, write_file
from sslts.persistence._card import compare_versions, list_versions
from sslts.training import SegmentationNet

X, Y = make_recordings(4, n_samples=200, random_state=0)
Y[3] = -1
FAST = {"network": UNet(width=2, depth=1), "batch_size": 2, "window_length": 16, "random_state": 0, "max_steps": 110}
HOSTILE = [None, True, "x", -1, 10**9, 1e308, [], {}]


def make():
    return FixMatchSegmenter(**FAST, precision="float32")


def list_paths(coded, path=()):
    """Yield the place of each value in JSON, and of the first two values of each list."""
    if path:
        yield path
    items = coded.items() if isinstance(coded, dict) else enumerate(coded[:2]) if isinstance(coded, list) else ()
    for key, value in items:
        yield from list_paths(value, (*path, key))


def change(coded, path, value):
    """Return JSON with a value replaced, or deleted if the value is "delete"."""
    coded = copy.deepcopy(coded)
    at = coded
    for key in path[:-1]:
        at = at[key]
    if value == "delete":
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return coded


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of 101 of 110 steps, saved after step 100 in the middle of a logging interval, and its true end."""
    path, train_step = tmp_path_factory.mktemp("runs") / "run", SegmentationNet.train_step

    def limited(net, *args, **kwargs):
        if net.step_ > 100:
            raise RuntimeError("the power is gone")
        return train_step(net, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentationNet, "train_step", limited)
        with pytest.raises(RuntimeError, match="the power is gone"):
            make().fit(X, Y, checkpoint=path)
    return path.parent, *read_file(path, "checkpoint"), make().fit(X, Y).predict_proba(X)


@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_entry_is_refused_or_changes_nothing(begun, data):
    folder, header, tensors, wanted = begun
    parts = ("state", "seed", "environment", "identity", "versions", "sslts")
    path = data.draw(st.sampled_from([path for path in list_paths(header) if path[0] in parts]))
    value = data.draw(st.sampled_from(["delete", *HOSTILE]))
    check(folder, change(header, path, value), tensors, wanted)


@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_tensor_is_refused(begun, data):
    folder, header, tensors, wanted = begun
    name, tensors = data.draw(st.sampled_from(sorted(tensors))), dict(tensors)
    kind = data.draw(st.sampled_from(["delete", "shape", "nan"]))
    if kind == "delete":
        del tensors[name]
    elif kind == "shape" or not tensors[name].is_floating_point():
        tensors[name] = torch.zeros(3)
    else:
        tensors[name] = torch.full_like(tensors[name], float("nan"))
    check(folder, header, tensors, wanted)


def check(folder, header, tensors, wanted):
    """Check that a changed checkpoint is refused, or that its run ends like the true run."""
    write_file(folder / "changed", header, tensors)
    segmenter = make()
    try:
        segmenter.fit(X, Y, checkpoint=folder / "changed")
    except PersistenceError as error:
        assert not hasattr(segmenter, "net_")
        assert str(error).count("changed") == 1  # noqa: PT017
    else:
        np.testing.assert_array_equal(segmenter.predict_proba(X), wanted)


def test_the_state_of_one_weight_may_not_be_missing(begun):
    folder, header, tensors, _ = begun
    path = next(p for p in list_paths(header) if p[:2] == ("state", "optimizer") and len(p) == 7)
    write_file(folder / "changed", change(header, path, "delete"), tensors)
    with pytest.raises(PersistenceError, match="its optimizer does not fit its step"):
        make().fit(X, Y, checkpoint=folder / "changed")


@pytest.mark.parametrize("value", ["delete", None, "x", 3, [], [[1], [2], [3]], {"$": "scalar"}])
def test_rounds_with_a_wrong_content_are_refused(value, tmp_path):
    segmenter = SelfTrainingSegmenter(SupervisedSegmenter(**{**FAST, "max_steps": 2}))
    segmenter.fit(X, Y, checkpoint=tmp_path / "run")
    header, tensors = read_file(tmp_path / "run", "rounds")
    write_file(tmp_path / "run", change(header, ("state",), value), tensors)
    before = dict(vars(segmenter))
    with pytest.raises(PersistenceError, match="run"):
        segmenter.fit(X, Y, checkpoint=tmp_path / "run")
    assert vars(segmenter) == before


class TestVersions:
    CHANGES = [
        (("sslts",), "99.0"),
        (("versions", "numpy"), "1.0"),
        (("versions", "skorch"), "0.1"),
        (("versions", "torch"), "1.0"),
        (("versions", "python"), "3.4.1"),
        (("versions",), "delete"),
        (("sslts",), "delete"),
    ]

    @pytest.mark.parametrize(("path", "value"), CHANGES)
    def test_a_run_of_another_version_continues_with_a_warning(self, begun, path, value):
        folder, header, tensors, wanted = begun
        write_file(folder / "changed", change(header, path, value), tensors)
        with pytest.warns(UserWarning, match=f"changed was started with .*{self.name(path)} .* there, .* here"):
            segmenter = make().fit(X, Y, checkpoint=folder / "changed")
        np.testing.assert_array_equal(segmenter.predict_proba(X), wanted)

    @pytest.mark.parametrize(("path", "value"), CHANGES)
    def test_a_model_of_another_version_is_loaded_with_a_warning(self, tmp_path, path, value):
        SupervisedSegmenter(**{**FAST, "max_steps": 1}).fit(X, Y).save(tmp_path / "model")
        header, tensors = read_file(tmp_path / "model")
        write_file(tmp_path / "model", change(header, path, value), tensors)
        with pytest.warns(UserWarning, match=f"model was saved with other versions .*{self.name(path)} .* there"):
            sslts.load(tmp_path / "model")

    @staticmethod
    def name(path):
        return {"versions": "numpy"}.get(path[-1], path[-1])

    def test_the_same_versions_are_not_mentioned(self):
        here = list_versions()
        major, minor, _ = here["versions"]["python"].split(".", 2)
        patched = {**here, "versions": {**here["versions"], "python": f"{major}.{minor}.99"}}
        assert compare_versions(here) == compare_versions(patched) == ""

    def test_a_version_from_a_stranger_is_shown_in_one_short_line(self):
        text = compare_versions({**list_versions(), "sslts": "\x1b[31m\n" * 50})
        assert len(text) < 100
        assert re.fullmatch(r"[ -~]+", text)
