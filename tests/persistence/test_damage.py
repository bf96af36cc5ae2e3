"""Every damaged or hostile file is refused with a PersistenceError, soon, by every reader of files."""

import copy
import io
import json
import os
import random
import shutil
import time
import warnings

import numpy as np
import pytest
import torch

import sslts
from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.persistence import PersistenceError, _messages, checkpoints, files, read_card
from sslts.persistence.__main__ import main
from sslts.segmenters import base
from sslts.training import SegmentationNet

X, Y = make_recordings(6, n_samples=200, random_state=0)
Y[3:] = -1
FAST = {
    **{"network": UNet(width=2, depth=1, kernel_size=3), "max_steps": 9, "batch_size": 2},
    **{"random_state": 0, "precision": "float32"},
}
NAN = {"$": "float", "value": "nan"}


class Crash(Exception):
    pass


def make_fixmatch():
    return FixMatchSegmenter(**FAST)


def make_rounds():
    return SelfTrainingSegmenter(SupervisedSegmenter(**FAST), n_rounds=2)


MAKE = {"model": make_fixmatch, "rounds model": make_rounds, "checkpoint": make_fixmatch, "rounds": make_rounds}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A file of each kind; the checkpoint lies inside a logging interval."""
    folder = tmp_path_factory.mktemp("originals")
    train = SegmentationNet.train_step

    def train_or_crash(self, *args, **kwargs):
        if self.step_ == 6:
            raise Crash
        return train(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_SAVE_EVERY", 3)
        patch.setattr(base, "_HISTORY_ROWS", 2)  # intervals of 5 steps
        make_fixmatch().fit(X, Y).save(folder / "model")
        make_rounds().fit(X, Y, checkpoint=folder / "rounds").save(folder / "rounds model")
        patch.setattr(SegmentationNet, "train_step", train_or_crash)
        with pytest.raises(Crash):
            make_fixmatch().fit(X, Y, checkpoint=folder / "checkpoint")
    return folder


@pytest.fixture(autouse=True)
def _long_intervals(monkeypatch):
    monkeypatch.setattr(base, "_HISTORY_ROWS", 2)


def read(kind, path):
    """Use a file as its kind is used."""
    if "model" in kind:
        segmenter = sslts.load(path)
        segmenter.predict_segments(X)
    else:
        segmenter = MAKE[kind]().fit(X, Y, checkpoint=path)
    return segmenter.predict_proba(X)


def rewrite(source, target, change):
    """Write a file with changed header and tensors, and with the right checksum."""
    header, tensors = files.read_file(source)
    header.pop("format")
    change(header, tensors)
    files.write_file(target, header, tensors)
    if source.name == "rounds":
        shutil.copy(f"{source}.2", f"{target}.2")


def put(*keys, value):
    """Return a change that puts a value into the header; ``items`` of encoded mappings are found by their keys."""

    def change(header, tensors):
        at = header
        for key in keys[:-1]:
            at = find(at, key)
        place = keys[-1]
        if isinstance(at, dict) and at.get("$") == "dict":
            at = next(item for item in at["items"] if item[0] == place)
            place = 1
        if value is DELETED:
            del at[place]
        else:
            at[place] = value

    return change


def find(at, key):
    if isinstance(at, dict) and at.get("$") == "dict":
        return next(value for name, value in at["items"] if name == key)
    return at[key]


def spoil(name, value):
    def change(header, tensors):
        (wanted,) = [tensor for tensor in tensors if tensor.endswith(name)][:1]
        tensors[wanted] = torch.full_like(tensors[wanted], value)

    return change


DELETED = object()
FITTED = "model", "fitted"
UNET = (*FITTED, "network_", "fields")
HOSTILE = {
    "model": {
        "a scalar that allocates": put(*FITTED, "x_", value={"$": "scalar", "dtype": "V", "value": 10**11}),
        "a scalar of a list": put(*FITTED, "x_", value={"$": "scalar", "dtype": "<f8", "value": [1, 2]}),
        "a number beyond its type": put(*FITTED, "x_", value={"$": "scalar", "dtype": "|u1", "value": 10**30}),
        "a table of one number": put(
            *FITTED, "history_", value={"$": "frame", "columns": [["a", 1.0]], "length": 10**12}
        ),
        "a table without columns": put(*FITTED, "x_", value={"$": "frame", "columns": [], "length": 10**12}),
        "a table of infinite length": put(*FITTED, "history_", "length", value=10**400),
        "text of a hundred million characters": put(
            *FITTED, "x_", value={"$": "objects", "dtype": "U100000000", "shape": [1], "items": ["a"]}
        ),
        "arrays of another length": put(
            *(*FITTED, "x_"),
            value={"$": "arrays", "flat": {"$": "array", "tensor": "model.classes_"}, "lengths": [1, 9]},
        ),
        "arrays without lengths": put(
            *FITTED, "x_", value={"$": "arrays", "flat": {"$": "array", "tensor": "model.classes_"}, "lengths": []}
        ),
        "a random state beyond its numbers": put(
            *("model", "params", "random_state"),
            value={
                "$": "random_state",
                "state": {
                    "$": "dict",
                    "items": [
                        ["state", {"$": "dict", "items": [["pos", 10**9], ["key", {"$": "tuple", "items": []}]]}]
                    ],
                },
            },
        ),
        "no steps": put("model", "params", "max_steps", value=0),
        "steps beyond a float": put("model", "params", "max_steps", value=10**400),
        "a decoder that is a number": put("model", "params", "decoder", value=0),
        "thousands of members": put(*UNET, "members", value=5000),
        "millions of members": put(*UNET, "members", value=10**7),
        "thousands of levels": put(*UNET, "depth", value=20_000),
        "more levels than atoms": put(*UNET, "depth", value=10**18),
        "a wide network": put(*UNET, "width", value=10**9),
        "a long kernel": put(*UNET, "kernel_size", value=10**18 + 1),
        "channels beyond torch": put(*FITTED, "n_channels_", value=10**400),
        "a decoder as the network": put(*FITTED, "network_", value={"$": "recipe", "class": "Argmax", "fields": {}}),
        "a number as the network": put(*FITTED, "network_", value=3),
        **{
            f"no {name}": put(*FITTED, name, value=DELETED)
            for name in ("window_length_", "channel_names_", "n_features_in_", "classes_", "statistics_", "net_")
        },
        "nothing fitted": put(*FITTED, value={}),
        "no segmenter": put("model", value=5),
        "a recipe in place of a segmenter": put("model", value={"$": "recipe", "class": "UNet", "fields": {}}),
        "NaN in the weights": spoil("student.head.weight", torch.nan),
        "infinity in the average": spoil("teacher.module.head.bias", torch.inf),
        "NaN in the statistics": spoil("teacher.module.stem.1.running_var", torch.nan),
        "a step that was never made": put(*FITTED, "net_", "step", value=10**9),
        "no history": put(*FITTED, "net_", "history", value=[]),
    },
    "rounds model": {
        "no labels": put(*FITTED, "labels_", value=DELETED),
        "labels that are no list": put(*FITTED, "labels_", value=3),
        "an inner segmenter that is not fitted": put(*FITTED, "segmenter_", "fitted", value={}),
        "other classes": put(*FITTED, "classes_", value={"$": "tuple", "items": [0, 1, 2]}),
        "no inner window": put(*FITTED, "segmenter_", "fitted", "window_length_", value=DELETED),
    },
    "checkpoint": {
        "NaN in the average": spoil("teacher.module.head.weight", torch.nan),
        "NaN in the optimizer": spoil("exp_avg", torch.nan),
        "a step beyond the end": put("state", "net", "step", value=10**9),
        "a step before its weights": put("state", "net", "step", value=5),
        "a step that is no number": put("state", "net", "step", value="6"),
        "no history": put("state", "net", "history", value=[]),
        "no net": put("state", "net", value=DELETED),
        "no optimizer": put("state", "optimizer", value=DELETED),
        "an optimizer without weights": put("state", "optimizer", "state", value={"$": "dict", "items": []}),
        "an optimizer with another rate": put("state", "optimizer", "param_groups", 0, "lr", value=1e9),
        "an optimizer without a setting": put("state", "optimizer", "param_groups", 0, "max_lr", value=None),
        "no generators": put("state", "generators", value=[]),
        "frozen weights of another network": put("state", "frozen", value=["tail"]),
        "losses that are numbers": put("state", "callbacks", "sslts_losses", "sums_", value=3),
        "no losses": put("state", "callbacks", "sslts_losses", "sums_", value={"$": "dict", "items": []}),
        "a method of a callback": put("state", "callbacks", "sslts_losses", "on_batch_end", value=3),
        "no callbacks": put("state", "callbacks", value={}),
        "another schedule": put("state", "callbacks", "sslts_schedule", "lr_scheduler_", "last_epoch", value=3),
        "no seed": put("seed", value=None),
        "a seed beyond torch": put("seed", value=10**400),
        "no identity": put("identity", value=DELETED),
        "an identity that is a list": put("identity", value=[]),
        "parameters without text": put("identity", "parameters", "lr", value=3),
        "no environment": put("environment", value=DELETED),
    },
    "rounds": {
        "no state": put("state", value=DELETED),
        "rounds that are numbers": put("state", 1, value=[1, 2]),
        "rounds without labels": put("state", 0, value=None),
        "too many rounds": lambda header, tensors: header["state"][1].append(header["state"][1][0]),
        "rounds in another order": lambda header, tensors: header["state"][1].reverse(),
        "labels of other classes": spoil("state.0", 7),
        "other labels than those given": spoil("state.0", 0),
    },
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, found in HOSTILE.items() for name in found])
def test_a_hostile_file_is_refused_soon(originals, tmp_path, kind, name):
    rewrite(originals / kind, tmp_path / "file", HOSTILE[kind][name])
    begun = time.monotonic()
    with pytest.raises(PersistenceError) as caught:
        read(kind, tmp_path / "file")
    assert time.monotonic() - begun < 5
    assert str(tmp_path / "file") in str(caught.value)
    assert str(caught.value).isprintable()
    assert "Exception raised from" not in str(caught.value)


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_same_files_without_a_change_are_read(originals, tmp_path, kind):
    rewrite(originals / kind, tmp_path / "file", lambda header, tensors: None)
    wanted = MAKE[kind]().fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(read(kind, tmp_path / "file"), wanted)


@pytest.mark.parametrize(
    "card", [[1], 3, None, json.loads("[" * 50 + "]" * 50), {"a": {"b": json.loads("[" * 300 + "]" * 300)}}]
)
def test_a_card_that_is_none_is_refused(originals, tmp_path, card):
    rewrite(originals / "model", tmp_path / "file", put("card", value=card))
    with pytest.raises(PersistenceError, match="its card can't be read"):
        read_card(tmp_path / "file")


def test_a_card_can_not_pretend_to_be_of_another_file(originals, tmp_path):
    rewrite(originals / "model", tmp_path / "file", put("card", "file", value={"kind": "rounds"}))
    assert read_card(tmp_path / "file")["file"]["kind"] == "model"


def test_nothing_of_a_file_reaches_the_terminal_raw(originals, tmp_path, capsys, monkeypatch):
    evil = "\x1b]0;owned\x07\x1b[2J\nestimator: Trusted\u202e"
    rewrite(originals / "model", tmp_path / "file", put("card", evil, value={evil: [evil]}))
    assert main([str(tmp_path / "file")]) == 0
    header, tensors = files.read_file(originals / "model")
    monkeypatch.setattr(files, "FORMAT", 99)
    files.write_file(tmp_path / "later", {**header, "format": 99, "sslts": evil}, tensors)
    monkeypatch.undo()
    assert main([str(tmp_path / "later")]) == 1
    rewrite(
        originals / "model", tmp_path / "foreign", put("model", "params", "weak", value={"$": "foreign", "name": evil})
    )
    with pytest.raises(PersistenceError) as caught:
        sslts.load(tmp_path / "foreign")
    rewrite(originals / "model", tmp_path / "foreign", put("model", "params", evil, value=3))
    with pytest.raises(PersistenceError) as unknown:
        sslts.load(tmp_path / "foreign")
    callbacks = [{"$": "foreign", "name": evil}]
    rewrite(originals / "model", tmp_path / "foreign", put("model", "params", "callbacks", value=callbacks))
    with pytest.warns(UserWarning, match="are left out") as warned:
        sslts.load(tmp_path / "foreign")
    out, err = capsys.readouterr()
    texts = [*out.split("\n"), *err.rstrip("\n").split("\n"), str(caught.value), str(unknown.value)]
    texts += [str(one.message) for one in warned]
    assert all(text.isprintable() for text in texts)
    assert "estimator: Trusted\\u202e" in out
    assert not any(text.startswith("estimator: Trusted") for text in texts)


def test_an_error_of_torch_comes_without_its_stack():
    error = RuntimeError(
        "Overflow when unpacking long\nException raised from unpackInt at :1 (most recent call first)\nf"
    )
    assert _messages.summarize(error) == "RuntimeError: Overflow when unpacking long"


def test_a_model_with_spoiled_weights_is_not_saved(tmp_path):
    segmenter = SupervisedSegmenter(**FAST).fit(X, Y)
    with torch.no_grad():
        next(segmenter.net_.teacher_.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match=r"front_end.norm.weight is not finite, because the training diverged"):
        segmenter.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "params", [{}, {"width": 3}, {"depth": 0}, {"depth": 3}, {"stem_stride": 8}, {"kernel_size": 1}, {"members": 3}]
)
def test_the_number_of_weights_is_known_without_building(params):
    network = UNet(**{"width": 2, "depth": 1, **params})
    assert network.count_tensors() == len(network(2, 3).state_dict())


# --- random damage -----------------------------------------------------------------------------------------------

VALUES = [
    *(None, True, False, 0, -1, 1, 2, 10**9, 10**400, 1e30, -1.5, "", "x", "\x1b[31m", [], [1], [[]], {}, NAN),
    {"$": "scalar", "dtype": "V", "value": 10**11},
    {"$": "tuple", "items": []},
    {"$": "frame", "columns": [["a", 1.0]], "length": 10**12},
    {"$": "dict", "items": [["a", 1]]},
    {"$": "recipe", "class": "UNet", "fields": {"members": 10**7}},
    {"$": "objects", "dtype": "U100000000", "shape": [1], "items": ["a"]},
]


def list_places(value, path=()):
    """Yield the path of every entry in a header."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from list_places(inner, (*path, key))


def damage(header, places, rng):
    """Delete, repeat, exchange or replace a random entry of a header."""
    path = rng.choice(places)
    at, what = header, rng.random()
    for key in path[:-1]:
        at = at[key]
    if what < 0.25:
        del at[path[-1]]
    elif what < 0.3 and isinstance(at, list):
        at.insert(path[-1], copy.deepcopy(at[path[-1]]))
    elif what < 0.35:
        other = header
        for key in rng.choice(places):
            other = other[key]
        at[path[-1]] = copy.deepcopy(other)
    else:
        at[path[-1]] = copy.deepcopy(rng.choice(VALUES))


@pytest.mark.parametrize(("kind", "n"), [("model", 40), ("rounds model", 15), ("checkpoint", 15), ("rounds", 8)])
def test_random_damage_is_refused_or_harmless(originals, tmp_path, kind, n):
    """A file whose header was changed anywhere gives a PersistenceError, or predictions, and nothing else."""
    header, tensors = files.read_file(originals / kind)
    header.pop("format")
    # An entry of the weights is as good as any other, and there are many.
    places = [path for path in list_places(header) for _ in range(1 if "items" in path[4:] else 5)]
    rng, wanted = random.Random(0), MAKE[kind]().fit(X, Y).predict_proba(X)
    refused = []
    for _ in range(n):
        changed = copy.deepcopy(header)
        damage(changed, places, rng)
        try:
            files.write_file(tmp_path / "file", changed, tensors)
        except (ValueError, TypeError):  # no header at all
            continue
        if kind == "rounds":
            shutil.copy(originals / "rounds.2", tmp_path / "file.2")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read_card(tmp_path / "file")
                found = read(kind, tmp_path / "file")
            if kind == "checkpoint":  # the same run, or none
                np.testing.assert_array_equal(found, wanted)
        except PersistenceError as error:
            refused.append(str(error))
    assert n / 3 < len(refused)
    assert all(message.isprintable() and len(message) < 4000 for message in refused)


def test_a_file_object_is_checked_as_a_path_is(originals):
    data = (originals / "model").read_bytes()
    for size in (0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(PersistenceError, match="the BytesIO object"):
            sslts.load(io.BytesIO(data[:size]))
    changed = bytearray(data)
    changed[-5] ^= 4
    with pytest.raises(PersistenceError, match="the BytesIO object is damaged: its checksum"):
        sslts.load(io.BytesIO(changed))
