"""A fitted network is exported to ONNX, and the file answers as torch does."""

import copy
import importlib.util
import io
import json
import os
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from small import LUDB, TINY, PlainNetwork, needs_ludb

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.datasets import load_ludb, make_recordings
from sslts.decoding import Argmax, Decoder, DurationViterbi, Hysteresis
from sslts.networks import UNet
from sslts.onnx_runner import OnnxSegmenter
from sslts.segmenters import _exporting
from sslts.segmenters._exporting import describe_for_readers

LENGTHS = (5, 6, 31, 1000, 100_003)
FAST = {"network": TINY, "max_steps": 2, "batch_size": 2, "precision": "float32", "random_state": 0}


@pytest.fixture(scope="module")
def fitted(labeled):
    return SupervisedSegmenter(**FAST, normalization="training", sampling_rate=100).fit(*labeled)


@pytest.fixture
def without_export(monkeypatch):
    """Skip the export itself, which takes ten seconds."""
    monkeypatch.setattr(_exporting, "find_spec", lambda name: object())
    monkeypatch.setattr(_exporting, "_export", lambda network, n_channels, metadata, recipe: b"exported")


@dataclass(frozen=True)
class OwnDecoder(Decoder):
    def start(self):
        return Argmax().start()


class TestRefusals:
    def test_an_unfitted_segmenter(self, tmp_path):
        with pytest.raises(NotFittedError):
            FixMatchSegmenter().export_onnx(tmp_path / "model.onnx")

    def test_missing_packages_are_named_with_the_extra(self, fitted, tmp_path, monkeypatch):
        monkeypatch.setattr(_exporting, "find_spec", lambda name: None if name == "onnxscript" else object())
        with pytest.raises(ImportError, match=r"export_onnx needs onnxscript: run pip install 'sslts\[onnx\]'"):
            fitted.export_onnx(tmp_path / "model.onnx")
        assert list(tmp_path.iterdir()) == []

    def test_a_custom_decoder(self, fitted, tmp_path, without_export):
        with pytest.raises(ValueError, match=r"decoder=OwnDecoder\(\) has code of its own"):
            copy.copy(fitted).set_params(decoder=OwnDecoder()).export_onnx(tmp_path / "model.onnx")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_does_not_exist(self, fitted, tmp_path, without_export):
        with pytest.raises(FileNotFoundError, match="create the folder first"):
            fitted.export_onnx(tmp_path / "missing" / "model.onnx")

    def test_window_features(self, tmp_path):
        with pytest.raises(TypeError, match="WindowFeatureSegmenter has no network to export"):
            WindowFeatureSegmenter().export_onnx(tmp_path / "model.onnx")

    def test_self_training_with_window_features(self, labeled, tmp_path):
        features = WindowFeatureSegmenter(
            classifier=ExtraTreesClassifier(3), scales=(1, 4), normalization="recording", random_state=0
        )
        segmenter = SelfTrainingSegmenter(features, n_rounds=1).fit(*labeled)
        with pytest.raises(TypeError, match="WindowFeatureSegmenter has no network to export"):
            segmenter.export_onnx(tmp_path / "model.onnx")


class TestFile:
    def test_it_is_complete_or_absent(self, fitted, tmp_path, without_export, monkeypatch):
        path = tmp_path / "model.onnx"
        fitted.export_onnx(path)
        assert path.read_bytes() == b"exported"

        def fail(*args):
            raise OSError("no space")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="no space"):
            fitted.export_onnx(path)
        assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
        assert path.read_bytes() == b"exported"

    def test_self_training_exports_its_last_segmenter(self, labeled, tmp_path, without_export, monkeypatch):
        segmenter = SelfTrainingSegmenter(SupervisedSegmenter(**FAST), n_rounds=1).fit(*labeled)
        told = []
        monkeypatch.setattr(_exporting, "_export", lambda network, n, metadata, recipe: told.append(metadata) or b"")
        segmenter.export_onnx(tmp_path / "model.onnx")
        assert told == [describe_for_readers(segmenter.segmenter_)]

    def test_it_says_what_a_reader_needs(self, fitted):
        told = {name: json.loads(text) for name, text in describe_for_readers(fitted).items()}
        module = fitted.net_.teacher_.module
        assert (told["sslts.stride"], told["sslts.receptive_field"]) == (module.stride, module.receptive_field)
        assert (told["sslts.classes"], told["sslts.class_names"], told["sslts.background"]) == ([0, 1], None, 0)
        assert (told["sslts.sampling_rate"], told["sslts.n_channels"]) == (100, 1)
        location, scale = fitted.moments_
        assert told["sslts.normalization"] == {"kind": "training", "location": [*location], "scale": [*scale]}
        assert told["sslts.decoder"]["kind"] == "DurationViterbi"
        assert told["sslts.decoder"]["latency"] == fitted.decoder_.latency

    def test_the_fingerprint_follows_the_weights(self, fitted, labeled):
        again = SupervisedSegmenter(**{**FAST, "random_state": 1}, normalization="training").fit(*labeled)
        found = {describe_for_readers(one)["sslts.fingerprint"] for one in (fitted, copy.copy(fitted), again)}
        assert len(found) == 2

    def test_channel_names_and_words_are_kept(self, labeled):
        import pandas as pd

        frames = [pd.DataFrame({"hip": x, "wrist": -x}) for x in labeled[0]]
        words = np.array(["background", "step"], dtype=object)[labeled[1]]
        told = describe_for_readers(SupervisedSegmenter(**FAST, normalization="local").fit(frames, list(words)))
        assert json.loads(told["sslts.channel_names"]) == ["hip", "wrist"]
        assert json.loads(told["sslts.class_names"]) == ["background", "step"]


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Return two segmenters of two channels, one with an ensemble, and their files; an export takes ten seconds."""
    X, y = make_recordings(8, n_samples=600, random_state=0)
    X, folder = np.stack([X, 100 - X], axis=1), tmp_path_factory.mktemp("onnx")
    found = {}
    for name, network in (
        ("unet", UNet(width=8, depth=3)),
        ("ensemble", UNet(width=4, depth=2, stem_stride=4, members=2, front_end="alternate")),
    ):
        segmenter = SupervisedSegmenter(
            network=network, max_steps=40, precision="float32", normalization="recording", random_state=0
        ).fit(X, y)
        segmenter.export_onnx(folder / f"{name}.onnx")
        found[name] = segmenter, folder / f"{name}.onnx"
    return found


def check_segments(segmenter, model, recording):
    """Check that the segments are equal, and return their number."""
    table, found = segmenter.predict_segments([recording]), model.predict_segments(recording)
    wanted = table[["start", "end", "label"]].itertuples(index=False, name=None)
    assert [(s.start, s.end, s.label) for s in found] == list(wanted)
    np.testing.assert_allclose([s.score for s in found], table["score"], atol=1e-5)
    return len(found)


@pytest.mark.onnx
class TestParity:
    @pytest.mark.parametrize("name", ["unet", "ensemble"])
    def test_probabilities_are_those_of_torch_at_every_length(self, exported, name):
        import onnxruntime

        segmenter, path = exported[name]
        session, network = onnxruntime.InferenceSession(str(path)), segmenter.net_.teacher_.fold_norms()
        generator = torch.Generator().manual_seed(0)
        for length in LENGTHS:
            for n in (1, 3) if length < 10_000 else (1,):
                x = torch.randn((n, 2, length), generator=generator)
                with torch.no_grad():
                    wanted = network(x).softmax(1).numpy()
                found = session.run(["probabilities"], {"signal": x.numpy()})[0]
                np.testing.assert_allclose(found, wanted, atol=1e-5)

    @pytest.mark.parametrize("name", ["unet", "ensemble"])
    def test_segments_are_those_of_torch(self, exported, name):
        segmenter, path = exported[name]
        model, recordings = OnnxSegmenter(path), make_recordings(4, n_samples=5003, random_state=5)[0]
        assert sum(check_segments(segmenter, model, np.stack([x, 100 - x])) for x in recordings) > 40

    def test_the_file_keeps_no_trace_of_the_machine(self, exported):
        content = exported["unet"][1].read_bytes()
        assert b"site-packages" not in content
        assert os.path.dirname(_exporting.__file__).encode() not in content

    def test_axes_have_names(self, exported):
        import onnx

        model = onnx.load(io.BytesIO(exported["ensemble"][1].read_bytes()))
        onnx.checker.check_model(model)
        for one, n in ((model.graph.input[0], 2), (model.graph.output[0], 2)):
            axes = one.type.tensor_type.shape.dim
            assert (axes[0].dim_param, axes[1].dim_value, axes[2].dim_param) == ("batch", n, "time")

    @needs_ludb
    def test_segments_of_electrocardiograms(self, tmp_path):
        X, y, *_ = load_ludb(LUDB, leads=["ii"], records=range(1, 26))
        segmenter = SupervisedSegmenter(
            network=UNet(width=8, depth=3), normalization="local", max_steps=60, precision="float32", random_state=0
        ).fit(X[:15], y[:15])
        long = np.resize(np.concatenate(list(X)), 300_003)
        for decoder in (DurationViterbi(), Hysteresis(min_length=4, pad=1), Argmax()):
            segmenter.set_params(decoder=decoder).export_onnx(tmp_path / "model.onnx")
            model = OnnxSegmenter(tmp_path / "model.onnx", threads=1)
            assert sum(check_segments(segmenter, model, x) for x in [*X[15:], long]) > 200


class FixedLength(PlainNetwork):
    """A network whose forward turns the length of a signal into a constant."""

    def forward(self, x):
        return super().forward(x) + torch.linspace(0, 1, int(x.shape[-1]))


class Sorting(PlainNetwork):
    """A network with an operation that ONNX does not have."""

    def forward(self, x):
        return super().forward(x) + torch.linalg.eigvalsh(x @ x.transpose(1, 2))[..., :1]


@pytest.mark.onnx
class TestCustomNetworks:
    def test_one_without_a_stride_is_exported(self, labeled, tmp_path):
        segmenter = SupervisedSegmenter(**{**FAST, "network": PlainNetwork}, normalization="local").fit(*labeled)
        segmenter.export_onnx(tmp_path / "model.onnx")
        check_segments(segmenter, OnnxSegmenter(tmp_path / "model.onnx"), labeled[0][0])

    @pytest.mark.parametrize("network", [Sorting, FixedLength])
    def test_one_that_torch_can_not_export_is_refused(self, labeled, tmp_path, network):
        segmenter = SupervisedSegmenter(**{**FAST, "network": network}, normalization="local").fit(*labeled)
        with pytest.raises(ValueError, match=f"network=.*{network.__name__}.*can't export its module to ONNX"):
            segmenter.export_onnx(tmp_path / "model.onnx")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("onnx") is not None, reason="onnx is installed")
def test_without_the_extra_the_package_to_install_is_named(fitted, tmp_path):
    with pytest.raises(ImportError, match=r"sslts\[onnx\]"):
        fitted.export_onnx(tmp_path / "model.onnx")
