import array
import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from small import every_other

from sslts import StreamSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, DurationViterbi, Hysteresis
from sslts.metrics import mean_iou_scorer
from sslts.networks import UNet
from sslts.prediction import stream as stream_module
from sslts.preprocessing import RecordingStandardizer

DECODERS = {
    "argmax": Argmax(),
    "hysteresis": Hysteresis(onset=0.4, offset=0.3, min_length=9, min_gap=5, pad=2),
    "durations": DurationViterbi(max_latency=60),
}
NORMALIZATIONS = ["recording", "training", "local", None]


def standardize(X):
    return (X - X.mean(-1, keepdims=True)) / X.std(-1, keepdims=True)


def fit(normalization, n_channels=1):
    X, y = make_recordings(6, n_samples=700, n_channels=n_channels, random_state=0)
    X = standardize(X)
    network = UNet(width=8, depth=2, stem_stride=2)
    options = {
        "window_length": 128,
        "lr": 1e-2,
        "max_steps": 80,
        "batch_size": 8,
        "random_state": 0,
        "sampling_rate": 20,
        "precision": "float32",
    }
    return SupervisedSegmenter(network=network, normalization=normalization, **options).fit(X, y)


@pytest.fixture(scope="module")
def fitted():
    return {normalization: fit(normalization) for normalization in NORMALIZATIONS}


def make_stream(segmenter, x, **options):
    if segmenter.normalization == "recording":
        options |= {"location": x.mean(-1), "scale": x.std(-1)}
    return StreamSegmenter(segmenter, **options)


def run(stream, x, cuts):
    parts = [stream.push(chunk) for chunk in np.split(x, sorted(cuts), axis=-1)]
    return pd.concat([*parts, stream.flush()], ignore_index=True)


SIGNAL = standardize(make_recordings(1, n_samples=900, random_state=5)[0][0])


class TestEqualsOffline:
    @pytest.mark.parametrize("decoder", DECODERS)
    @pytest.mark.parametrize("normalization", every_other(NORMALIZATIONS))
    def test_the_segments_equal_those_of_the_whole_signal(self, fitted, normalization, decoder):
        segmenter = fitted[normalization].set_params(decoder=DECODERS[decoder])
        offline = segmenter.predict_segments(SIGNAL[None])
        assert len(offline) > 3
        stream = make_stream(segmenter, SIGNAL)
        for cuts in ([], [1, 5, 5, 333, 600], list(range(100, 900, 100))):
            pd.testing.assert_frame_equal(run(stream, SIGNAL, cuts), offline, atol=1e-5)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(0, 900), max_size=8), st.integers(1, 900), st.sampled_from([1, 30, 200]))
    def test_the_cuts_between_chunks_do_not_matter(self, fitted, cuts, length, block):
        segmenter = fitted["recording"].set_params(decoder=DECODERS["hysteresis"])
        x = SIGNAL[:length]
        offline = segmenter.predict_segments(x[None]) if x.std() > 0 else None
        if offline is not None:
            found = run(make_stream(segmenter, x, block=block), x, [cut for cut in cuts if cut <= length])
            pd.testing.assert_frame_equal(found, offline, atol=1e-5)

    def test_several_channels(self):
        segmenter = fit("local", n_channels=3)
        x = make_recordings(1, n_samples=900, n_channels=3, random_state=5)[0][0]
        offline = segmenter.predict_segments(x[None])
        pd.testing.assert_frame_equal(run(make_stream(segmenter, x), x, [100, 250, 700]), offline, atol=1e-5)

    @pytest.mark.parametrize("stride", [1, 3])
    def test_chunks_of_many_blocks(self, stride):
        """The custom network has a stride that is not a power of two, and a chunk needs several passes."""

        class Coarse(torch.nn.Module):
            def __init__(self, n_channels, n_classes):
                super().__init__()
                self.conv = torch.nn.Conv1d(n_channels, n_classes, stride, stride)
                self.stride, self.receptive_field = stride, stride

            def forward(self, x):
                length = x.shape[-1]
                found = self.conv(torch.nn.functional.pad(x, (0, -length % stride)))
                return found.repeat_interleave(stride, -1)[..., :length]

        X, y = make_recordings(4, n_samples=300, random_state=0)
        options = {"normalization": None, "max_steps": 5, "batch_size": 2, "precision": "float32", "random_state": 0}
        segmenter = SupervisedSegmenter(network=Coarse, **options).fit(X, y)
        x = np.tile(X.ravel(), 60)
        assert len(x) > 1 << 16
        offline = segmenter.predict_segments(x[None])
        assert len(offline) > 50
        for block in (None, 1):
            pd.testing.assert_frame_equal(run(StreamSegmenter(segmenter, block=block), x, []), offline, atol=1e-5)

    def test_a_long_chunk_goes_through_the_network_in_one_pass(self, fitted, monkeypatch):
        asked = []
        predict = stream_module._predict_batch
        monkeypatch.setattr(stream_module, "_predict_batch", lambda net, x: asked.append(x) or predict(net, x))
        stream = make_stream(fitted[None].set_params(decoder=Argmax()), SIGNAL, block=32)
        stream.push(np.tile(SIGNAL, 10))
        assert len(asked) == 1

    def test_a_flush_starts_a_new_stream(self, fitted):
        segmenter = fitted[None].set_params(decoder=Argmax())
        stream = make_stream(segmenter, SIGNAL)
        first, second = (run(stream, SIGNAL, cuts) for cuts in ([200], [300, 301]))
        pd.testing.assert_frame_equal(first, second, atol=1e-5)


class TestLatency:
    def test_local_normalization_waits_for_half_a_window(self, fitted):
        plain, local = (make_stream(fitted[name].set_params(decoder=Argmax()), SIGNAL) for name in (None, "local"))
        assert local.latency - plain.latency == fitted["local"].window_length_ // 2

    @pytest.mark.parametrize("decoder", DECODERS)
    @pytest.mark.parametrize("normalization", NORMALIZATIONS)
    def test_labels_are_final_after_the_stated_latency(self, fitted, normalization, decoder):
        segmenter = fitted[normalization].set_params(decoder=DECODERS[decoder])
        stream = make_stream(segmenter, SIGNAL, block=16)
        for seen, chunk in enumerate(np.split(SIGNAL, 90), start=1):
            stream.push(chunk)
            assert stream.labeled > 10 * seen - stream.latency

    def test_memory_does_not_grow(self, fitted):
        segmenter = fitted["local"].set_params(decoder=DECODERS["durations"])
        stream = make_stream(segmenter, SIGNAL)
        sizes = []
        for _ in range(6):
            stream.push(SIGNAL)
            sizes.append(len(pickle.dumps({**vars(stream), "segmenter": None})))
        assert max(sizes[1:]) < 1.2 * sizes[0]

    def test_no_segments_give_an_empty_table_with_the_right_columns(self, fitted):
        segmenter = fitted[None].set_params(decoder=Argmax())
        stream = make_stream(segmenter, SIGNAL)
        for found in (stream.push(SIGNAL[:0]), stream.flush()):
            wanted = segmenter.predict_segments(SIGNAL[None]).iloc[:0]
            pd.testing.assert_frame_equal(found, wanted)


class TestState:
    @pytest.mark.parametrize("decoder", DECODERS)
    @pytest.mark.parametrize("cut", [0, 3, 333, 555, 900])
    def test_another_stream_continues_from_a_file(self, fitted, decoder, cut, tmp_path):
        segmenter = fitted["recording"].set_params(decoder=DECODERS[decoder])
        stream = make_stream(segmenter, SIGNAL)
        before = stream.push(SIGNAL[:cut])
        np.savez(tmp_path / "state.npz", **stream.get_state())
        restored = make_stream(segmenter, SIGNAL)
        with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
            restored.set_state(state)
        assert restored.seen == cut
        found = pd.concat([before, restored.push(SIGNAL[cut:]), restored.flush()], ignore_index=True)
        pd.testing.assert_frame_equal(found, segmenter.predict_segments(SIGNAL[None]), atol=1e-5)

    def test_a_stream_can_be_pickled(self, fitted):
        segmenter = fitted["recording"].set_params(decoder=DECODERS["durations"])
        stream = make_stream(segmenter, SIGNAL)
        before = stream.push(SIGNAL[:555])
        restored = pickle.loads(pickle.dumps(stream))
        found = pd.concat([before, restored.push(SIGNAL[555:]), restored.flush()], ignore_index=True)
        pd.testing.assert_frame_equal(found, segmenter.predict_segments(SIGNAL[None]), atol=1e-5)

    def test_a_state_of_another_stream_is_refused(self, fitted):
        segmenter = fitted[None].set_params(decoder=Argmax())
        state = make_stream(segmenter, SIGNAL, block=16).get_state()
        with pytest.raises(
            ValueError, match="state has block=16, this stream has 64; pass a state of a stream with the same block"
        ):
            make_stream(segmenter, SIGNAL, block=64).set_state(state)
        with pytest.raises(ValueError, match="state has block=nothing"):
            make_stream(segmenter, SIGNAL).set_state({})

    def test_a_state_of_another_decoder_is_refused(self, fitted):
        state = make_stream(fitted[None].set_params(decoder=Hysteresis(onset=0.6)), SIGNAL).get_state()
        other = make_stream(fitted[None].set_params(decoder=Hysteresis(onset=0.7)), SIGNAL)
        with pytest.raises(
            ValueError, match="state belongs to a stream with different decoder; make this stream from the same"
        ):
            other.set_state(state)

    def test_a_state_of_other_weights_is_refused(self, fitted):
        segmenter = fitted[None].set_params(decoder=Argmax())
        X, y = make_recordings(2, n_samples=200, random_state=0)
        other = clone(segmenter).set_params(max_steps=1).fit(X, y)
        assert other.classes_.tolist() == segmenter.classes_.tolist()
        with pytest.raises(ValueError, match="state belongs to a stream with different weights"):
            make_stream(other, SIGNAL).set_state(make_stream(segmenter, SIGNAL).get_state())

    @pytest.mark.parametrize("key", ["x", "done", "weights", "segments.total", "decoding.label", "decoding.score"])
    def test_a_state_with_a_missing_part_is_refused_and_the_stream_continues(self, fitted, key):
        segmenter = fitted[None].set_params(decoder=DECODERS["durations"])
        stream = make_stream(segmenter, SIGNAL)
        parts = [stream.push(SIGNAL[:400])]
        state = stream.get_state()
        del state[key]
        with pytest.raises(
            ValueError, match=f"state has (no ')?{key.removeprefix('segments.').removeprefix('decoding.')}"
        ):
            stream.set_state(state)
        parts += [stream.push(SIGNAL[400:]), stream.flush()]
        offline = segmenter.predict_segments(SIGNAL[None])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), offline, atol=1e-5)


class TestWrappers:
    def test_a_search_gives_its_best_estimator(self, fitted):
        segmenter = fitted[None].set_params(decoder=Argmax())
        X, y = make_recordings(4, n_samples=200, random_state=0)
        search = GridSearchCV(clone(segmenter), {"max_steps": [2]}, cv=2, scoring=mean_iou_scorer).fit(X, y)
        assert make_stream(segmenter, SIGNAL).segmenter.net_ is segmenter.net_
        assert StreamSegmenter(search).segmenter.net_ is search.best_estimator_.net_

    def test_a_pipeline_is_refused(self, fitted):
        pipe = make_pipeline(RecordingStandardizer(), fitted[None])
        with pytest.raises(ValueError, match=r"the transformers of this Pipeline can't run on a stream; pass the last"):
            StreamSegmenter(pipe)

    def test_an_unfitted_segmenter_is_refused(self):
        with pytest.raises(NotFittedError, match="segmenter: there is no fitted segmenter"):
            StreamSegmenter(SupervisedSegmenter())


class TestErrors:
    @pytest.mark.parametrize(
        ("chunk", "message"),
        [
            (np.zeros((2, 5)), r"chunk has shape \(2, 5\); pass \(1, t\), time last"),
            (np.array(["a"]), "chunk has dtype <U1; expected real numbers"),
            ([0.0, np.nan, np.inf], "chunk holds 2 NaN, masked or infinite values, the first at sample 11"),
            (
                np.ma.masked_greater([1.0, 99.0], 50),
                "chunk holds 1 NaN, masked or infinite values, the first at sample 11",
            ),
            ([1.0, None], "chunk holds 1 NaN, masked or infinite values"),
            ([1.0, 1e39], r"chunk, beginning at sample 10, has values of 1e\+39, out of the range of float32"),
            (
                [1.0, -1e13],
                r"chunk, beginning at sample 10, has values up to 1e\+13; with normalization=None, the largest allowed "
                r"value is 1e\+12",
            ),
        ],
    )
    def test_an_invalid_chunk_is_refused_and_the_stream_continues(self, fitted, chunk, message):
        segmenter = fitted[None].set_params(decoder=Argmax())
        stream = make_stream(segmenter, SIGNAL)
        parts = [stream.push(SIGNAL[:10])]
        with pytest.raises(ValueError, match=message):
            stream.push(chunk)
        parts += [stream.push(SIGNAL[10:]), stream.flush()]
        offline = segmenter.predict_segments(SIGNAL[None])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), offline, atol=1e-5)

    @pytest.mark.parametrize(
        ("normalization", "options", "message"),
        [
            ("recording", {}, 'normalization="recording" needs location and scale'),
            ("recording", {"location": 0.0}, 'normalization="recording" needs location and scale'),
            (
                "recording",
                {"location": [0.0, 1.0], "scale": 1.0},
                r"location=\[0.0, 1.0\]; pass one finite number per channel",
            ),
            ("recording", {"location": 0.0, "scale": 0.0}, "scale=0.0; pass numbers above 0"),
            ("local", {"scale": 1.0}, "scale has no effect with normalization='local'"),
            (None, {"block": 0}, "block=0; pass a whole number of samples"),
            (None, {"block": 10.5}, "block=10.5; pass a whole number of samples"),
        ],
    )
    def test_invalid_parameters_are_refused(self, fitted, normalization, options, message):
        segmenter = fitted[normalization].set_params(decoder=Argmax())
        with pytest.raises(ValueError, match=message):
            StreamSegmenter(segmenter, **options)

    def test_one_number_for_two_channels_is_refused(self):
        segmenter = fit("recording", n_channels=2)
        with pytest.raises(ValueError, match=r"location=0\.5; pass one finite number per channel \(2 channels\)"):
            StreamSegmenter(segmenter, location=0.5, scale=1.0)

    def test_a_decoder_that_waits_for_the_end_is_refused(self, fitted):
        with pytest.raises(ValueError, match=r"decoder=DurationViterbi\(.* give it a max_latency"):
            StreamSegmenter(fitted[None].set_params(decoder=DurationViterbi(max_latency=None)))

    def test_the_default_decoder_runs_on_a_stream(self, fitted):
        segmenter = fitted[None].set_params(decoder=DurationViterbi())
        stream = StreamSegmenter(segmenter)
        assert stream.decoder == segmenter.decoder_
        assert stream.latency > segmenter.decoder_.latency > 0

    def test_a_network_of_unknown_receptive_field_is_refused(self):
        X, y = make_recordings(2, n_samples=200, random_state=0)

        def network(n_channels, n_classes):
            return torch.nn.Conv1d(n_channels, n_classes, 3, padding=1)

        segmenter = SupervisedSegmenter(network=network, max_steps=1, normalization=None, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="builds a module without stride and receptive_field"):
            StreamSegmenter(segmenter)


def test_an_empty_chunk_changes_nothing(fitted):
    segmenter = fitted["local"].set_params(decoder=Argmax())
    rng = np.random.default_rng(0)
    x = (1000 + 6e-5 * rng.integers(2, size=900)).astype(np.float32)  # constant except for rounding
    x[500:560] += SIGNAL[500:560].astype(np.float32)
    plain, idle = StreamSegmenter(segmenter), StreamSegmenter(segmenter)
    idle.push([])
    pd.testing.assert_frame_equal(run(idle, x, [300]), run(plain, x, [300]))


def test_a_stream_with_a_large_offset(fitted):
    segmenter = fitted["local"].set_params(decoder=Argmax())
    found, moved = (run(StreamSegmenter(segmenter), SIGNAL.astype(np.float64) + offset, [300]) for offset in (0, 1e8))
    pd.testing.assert_frame_equal(moved, found, atol=1e-3)


def test_the_state_of_a_decoder_without_a_repr_does_not_depend_on_its_address(fitted):
    class Foreign:
        latency = 0

        def start(self):
            return Argmax().start()

    streams = [make_stream(fitted[None].set_params(decoder=Foreign()), SIGNAL) for _ in range(2)]
    streams[0].push(SIGNAL[:300])
    streams[1].set_state(streams[0].get_state())
    assert streams[1].seen == 300


def test_a_chunk_may_be_any_buffer_of_numbers(fitted):
    segmenter = fitted[None].set_params(decoder=Argmax())
    wanted = run(StreamSegmenter(segmenter), SIGNAL, [])
    stream = StreamSegmenter(segmenter)
    parts = [stream.push(array.array("d", SIGNAL.tolist())), stream.flush()]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), wanted)


def test_a_stream_keeps_the_model_it_was_made_with():
    segmenter = fit(None)
    stream, wanted = StreamSegmenter(segmenter), StreamSegmenter(copy.deepcopy(segmenter))
    parts = [[one.push(SIGNAL[..., :400])] for one in (stream, wanted)]
    X, y = make_recordings(6, n_samples=700, random_state=9)
    segmenter.set_params(network=UNet(width=4, depth=3), sampling_rate=None, max_steps=2).fit(X, 3 * y)
    for one, found in zip((stream, wanted), parts, strict=True):
        found += [one.push(SIGNAL[..., 400:]), one.flush()]
    pd.testing.assert_frame_equal(*(pd.concat(found) for found in parts))
    with pytest.raises(ValueError, match="state"):
        StreamSegmenter(segmenter).set_state(stream.get_state())


def test_a_decoder_without_a_state_is_refused():
    class Sure:
        latency = 0

        def start(self):
            return self

        def push(self, proba):
            return proba.argmax(1)

        def flush(self):
            return np.empty(0, dtype=np.int64)

    segmenter = copy.copy(fit(None)).set_params(decoder=Sure())
    stream = StreamSegmenter(segmenter)
    with pytest.raises(NotImplementedError, match="has no state: the object that its start"):
        stream.get_state()
