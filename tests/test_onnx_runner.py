"""The reader of exported models finds the segments of the segmenter, with code of its own."""

import ast
import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx_files import Session, make_onnxruntime
from small import TINY, PlainNetwork

from sslts import Annotations, SupervisedSegmenter, onnx_runner
from sslts.annotations import LabelRuns, measure_occurrences, measure_segments
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, DurationViterbi, Hysteresis, OccurrenceDecoder, decode, describe_decoder
from sslts.onnx_runner import OnnxSegmenter, Segment, _make_decoding
from sslts.prediction._pieces import cut_pieces

LENGTHS = (5, 31, 600, 5003)


@pytest.fixture(scope="module")
def data():
    """Return two channels of recordings with two classes of segments."""
    X, y = make_recordings(6, n_samples=600, segment_length=24, random_state=0)
    late = np.arange(600) >= 300
    return np.stack([X, np.where(late, -X, X) * 3 + 50], axis=1), np.where(late & (y == 1), 2, y)


@pytest.fixture(scope="module")
def fitted(data):
    return SupervisedSegmenter(
        network=TINY, max_steps=60, batch_size=4, precision="float32", normalization="recording", random_state=0
    ).fit(*data)


@pytest.fixture(scope="module")
def adapt(fitted, data):
    """Return a function that returns the same fitted segmenter with other attributes: a fit takes seconds."""
    moments = data[0].mean((0, 2)).astype(float), data[0].std((0, 2)).astype(float)

    def adapt_one(**attributes):
        adapted = copy.copy(fitted)
        vars(adapted).update({"moments_": moments, "normalization_": "recording", **attributes})
        return adapted

    return adapt_one


@pytest.fixture
def open_model(monkeypatch):
    """Return a function that opens the reader of a segmenter, whose network is run by torch."""

    def open_one(segmenter, **metadata):
        session = Session(segmenter, {f"sslts.{name}": json.dumps(value) for name, value in metadata.items()})
        monkeypatch.setitem(sys.modules, "onnxruntime", make_onnxruntime(session))
        return OnnxSegmenter("model.onnx", threads=1)

    return open_one


def stretch(X, length):
    """Return a recording of a length."""
    return np.tile(np.concatenate(list(X), axis=1), 2)[:, :length]


def check_equal(segmenter, model, recording):
    table = segmenter.predict_segments([recording])
    found = model.predict_segments(recording)
    assert [(s.start, s.end, s.label) for s in found] == list(
        table[["start", "end", "label"]].itertuples(index=False, name=None)
    )
    np.testing.assert_allclose([s.score for s in found], table["score"], atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(recording), segmenter.predict_proba([recording])[0], atol=1e-5)
    return len(found)


class TestSegments:
    @pytest.mark.parametrize("normalization", ["recording", "training", "local", None])
    def test_they_are_those_of_the_segmenter(self, data, adapt, open_model, normalization):
        segmenter = adapt(normalization_=normalization)
        model, recordings = open_model(segmenter), [stretch(data[0], length) for length in LENGTHS]
        if normalization is None:  # the network was trained on normalized recordings
            recordings = [(x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True) for x in recordings]
        assert sum(check_equal(segmenter, model, recording) for recording in recordings) > 10

    @pytest.mark.parametrize(
        "decoder", [Argmax(), Hysteresis(onset=0.4, offset=0.3, min_length=4, pad=1), DurationViterbi(max_latency=40)]
    )
    def test_with_every_decoder(self, data, adapt, open_model, decoder):
        segmenter = adapt(decoder=decoder)
        assert check_equal(segmenter, open_model(segmenter), stretch(data[0], 3000)) > 5

    @pytest.mark.parametrize("normalization", ["recording", "local"])
    def test_a_long_signal_is_read_in_pieces(self, data, adapt, open_model, monkeypatch, normalization):
        monkeypatch.setattr(onnx_runner, "_PIECE", 300)
        monkeypatch.setattr(onnx_runner, "_STRETCH", 1000)
        segmenter = adapt(normalization_=normalization)
        model = open_model(segmenter)
        assert check_equal(segmenter, model, stretch(data[0], 5003)) > 10
        assert max(model._session.lengths) <= 300 + 3 * (model.receptive_field + model.stride)

    def test_pieces_are_those_of_the_package(self, adapt, open_model, monkeypatch):
        monkeypatch.setattr(onnx_runner, "_PIECE", 40)
        model = open_model(adapt(normalization_="local"))
        halo = -(-model.receptive_field // model.stride) * model.stride
        for length in range(1, 400, 7):
            wanted = [(p.start, p.stop, p.keep_start, p.keep_stop) for p in cut_pieces(length, core=40, halo=halo)]
            assert list(model._cut(length)) == wanted

    def test_a_file_on_disk_is_never_whole_in_memory(self, data, adapt, open_model, monkeypatch, tmp_path):
        recording = stretch(data[0], 5003)
        np.save(tmp_path / "signal.npy", recording)
        monkeypatch.setattr(onnx_runner, "_PIECE", 300)
        model = open_model(adapt(normalization_="local"))
        read = []
        inner = onnx_runner._Reader.read
        monkeypatch.setattr(
            onnx_runner._Reader, "read", lambda *given: read.append(given[2] - given[1]) or inner(*given)
        )
        found = model.predict_segments(np.load(tmp_path / "signal.npy", mmap_mode="r"))
        assert found == model.predict_segments(recording)
        assert max(read) < 2500

    def test_words(self, data, adapt, open_model):
        words = {0: "background", 1: "step", 2: "turn"}
        segmenter = adapt(class_names_=words, sampling_rate=50)
        model = open_model(segmenter)
        assert check_equal(segmenter, model, data[0][0]) > 0
        assert (model.labels, model.sampling_rate) == (["background", "step", "turn"], 50)

    def test_without_a_background_every_sample_is_in_a_segment(self, data, adapt, open_model):
        segmenter = adapt(background=None)
        model = open_model(segmenter)
        check_equal(segmenter, model, data[0][0])
        assert sum(s.end - s.start for s in model.predict_segments(data[0][0])) == 600

    def test_occurrences_that_touch(self, open_model):
        X, y = make_recordings(8, n_samples=600, segment_length=40, gap=0, random_state=0)
        annotations = y if isinstance(y, Annotations) else Annotations.from_labels(y)
        segmenter = SupervisedSegmenter(
            network=TINY, max_steps=40, batch_size=4, precision="float32", normalization="local", random_state=0
        ).fit(X, annotations)
        assert segmenter.occurrences_.n_codes == 3
        model = open_model(segmenter)
        assert sum(check_equal(segmenter, model, x) for x in X) > 8

    def test_a_network_without_a_stride_sees_whole_signals(self, data, adapt, open_model):
        segmenter = SupervisedSegmenter(
            network=PlainNetwork, max_steps=2, precision="float32", normalization="local", random_state=0
        ).fit(*data)
        model = open_model(segmenter)
        assert model.stride is None
        check_equal(segmenter, model, stretch(data[0], 5003))
        assert set(model._session.lengths) == {5003}


def make_proba(seed, n, n_classes, noise):
    """Return probabilities of segments in noise, and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, n_classes, n), rng.integers(1, 40, n))[:n]
    logits = np.eye(n_classes)[labels] * 3 + rng.normal(0, noise, (n, n_classes))
    logits = np.stack([np.convolve(one, np.ones(9) / 9, "same") for one in logits.T], axis=1)
    proba = np.exp(2 * logits)
    return (proba / proba.sum(1, keepdims=True)).astype(np.float32), labels


DECODERS = {
    "argmax": Argmax(),
    "viterbi": DurationViterbi(),
    "viterbi, short latency": DurationViterbi(max_latency=20),
    "viterbi, no latency": DurationViterbi(max_latency=None, weight=0.02),
    "viterbi, forbidden": DurationViterbi(forbidden=((0, 1),)),
    "hysteresis": Hysteresis(min_length=8, min_gap=4, pad=2),
    "hysteresis, per class": Hysteresis(onset=0.5, offset=0.3, min_length={1: 20}, min_gap=30, pad=3),
}


class TestDecoders:
    @pytest.mark.parametrize("background", [0, None])
    @pytest.mark.parametrize("name", DECODERS)
    def test_labels_are_those_of_the_package(self, name, background):
        for seed in range(3):
            proba, labels = make_proba(seed, 2000, 3 + seed, noise=(0.3, 1, 3)[seed])
            decoder, statistics = DECODERS[name], measure_segments([labels[:1500]], background=background)
            decoder = decoder.for_segments(statistics) if hasattr(decoder, "for_segments") else decoder
            self.check_equal(decoder, proba, chunks=(1, 9))

    def test_halves_of_occurrences(self):
        sizes, values = [7, 20, 22, 18, 30, 20, 21, 19, 20, 9], [0, 1, 1, 1, 0, 1, 1, 1, 1, 0]
        starts = np.cumsum([0, *sizes[:-1]])
        runs = LabelRuns.from_runs(np.array([sum(sizes)]), np.zeros(10, int), starts, np.array(values))
        occurrences = measure_occurrences(runs, [0, 1], background=0)
        rng = np.random.default_rng(0)
        logits = np.eye(3)[occurrences.encode(runs).to_labels()[0]] * 3 + rng.normal(0, 1, (sum(sizes), 3))
        proba = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
        for inner in (Argmax(), Hysteresis(min_length=4)):
            self.check_equal(OccurrenceDecoder(inner, occurrences), proba, n_classes=2, chunks=(1, 7, 50))

    @staticmethod
    def check_equal(decoder, proba, *, n_classes=None, chunks):
        wanted = decode(decoder, proba)
        told = json.loads(json.dumps(describe_decoder(decoder, n_classes or proba.shape[1])))
        for n in chunks:
            decoding = _make_decoding(told)
            parts = [decoding.push(part) for part in np.array_split(proba, n)]
            assert np.array_equal(np.concatenate([*parts, decoding.flush()]), wanted)

    @pytest.mark.parametrize("name", [name for name in DECODERS if "no latency" not in name])
    def test_labels_wait_no_longer_than_the_latency(self, name):
        proba, labels = make_proba(0, 3000, 3, noise=1)
        decoder, statistics = DECODERS[name], measure_segments([labels[:1500]])
        decoder = decoder.for_segments(statistics) if hasattr(decoder, "for_segments") else decoder
        decoding, seen, final = _make_decoding(describe_decoder(decoder, 3)), 0, 0
        for part in np.array_split(proba, 60):
            seen, final = seen + len(part), final + len(decoding.push(part))
            assert seen - final <= decoder.latency


class TestErrors:
    @pytest.fixture
    def model(self, adapt, open_model):
        return open_model(adapt(normalization_="local"))

    @pytest.mark.parametrize("shape", [(600,), (1, 600), (3, 600), (1, 2, 600)])
    def test_channels(self, model, shape):
        with pytest.raises(ValueError, match=r"signal has shape .*; pass one recording \(2, T\)"):
            model.predict_segments(np.zeros(shape))

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
    def test_values(self, model, data, value):
        signal = data[0][0].astype(np.float64)
        signal[1, 77] = value
        with pytest.raises(ValueError, match="in channel 1 at sample 77; fill or cut out NaN"):
            model.predict_segments(signal)

    def test_masked_values(self, model, data):
        signal = np.ma.masked_array(data[0][0])
        signal[0, 5] = np.ma.masked
        with pytest.raises(ValueError, match="holds nan in channel 0 at sample 5"):
            model.predict_segments(signal)

    def test_large_values_without_normalization(self, adapt, open_model, data):
        with pytest.raises(ValueError, match=r"keep others below 1e\+12"):
            open_model(adapt(normalization_=None)).predict_segments(data[0][0] * 1e13)

    def test_text(self, model):
        with pytest.raises(TypeError, match="pass real numbers"):
            model.predict_segments(np.full((2, 50), "a"))

    def test_no_samples(self, model):
        with pytest.raises(ValueError, match="signal has no samples"):
            model.predict_segments(np.zeros((2, 0)))

    def test_a_network_that_returns_nan(self, adapt, open_model, data):
        model = open_model(adapt(normalization_="local"))
        model._session.run = lambda names, inputs: [np.full((1, 3, inputs["signal"].shape[-1]), np.nan)]
        with pytest.raises(FloatingPointError, match="returns NaN"):
            model.predict_segments(data[0][0])

    def test_an_unknown_decoder(self, adapt, open_model):
        with pytest.raises(ValueError, match="decoder 'Beam' is unknown, this reader knows Argmax, Hysteresis"):
            open_model(adapt(normalization_="local"), decoder={"kind": "Beam"})

    def test_an_unknown_normalization(self, adapt, open_model):
        with pytest.raises(ValueError, match="normalization 'median' is unknown"):
            open_model(adapt(normalization_="local"), normalization={"kind": "median"})

    def test_a_later_format(self, adapt, open_model):
        with pytest.raises(ValueError, match=r"model.onnx has format 2, .* take the onnx_runner.py of sslts 0"):
            open_model(adapt(normalization_="local"), format=2)

    def test_a_model_of_another_program(self, model, monkeypatch):
        session = model._session
        session.metadata = {"producer": "someone"}
        monkeypatch.setitem(sys.modules, "onnxruntime", make_onnxruntime(session))
        with pytest.raises(ValueError, match=r"model.onnx holds no metadata of sslts; write it with"):
            OnnxSegmenter("model.onnx")

    def test_without_onnxruntime(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ImportError, match="pip install onnxruntime"):
            OnnxSegmenter("model.onnx")


def test_the_file_can_be_copied_to_a_machine_with_numpy_only(tmp_path):
    source = Path(onnx_runner.__file__)
    imported = [
        node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
    shutil.copy(source, tmp_path / "reader.py")
    code = "import sys, reader; print({'torch', 'scipy', 'pandas', 'sslts', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_segment_is_a_tuple():
    assert Segment(1, 3, "step", 0.5) == (1, 3, "step", 0.5)
