"""Streams that lose samples, get them twice, are used by several threads, or continue from a damaged state."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import TINY

from sslts import StreamSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, Decoder, DurationViterbi, Hysteresis
from sslts.prediction import stream as stream_module
from sslts.segments import shift_segments

DECODERS = {
    "argmax": Argmax(),
    "hysteresis": Hysteresis(onset=0.4, offset=0.3, min_length=9, min_gap=5, pad=2),
    "durations": DurationViterbi(max_latency=60),
}
X, Y = make_recordings(6, n_samples=600, segment_length=24, random_state=0)
SIGNAL = X.ravel()[:1500]


@pytest.fixture(scope="module", params=DECODERS)
def segmenter(request):
    options = {"max_steps": 60, "batch_size": 8, "lr": 1e-2, "random_state": 0, "sampling_rate": 20}
    fitted = SupervisedSegmenter(network=TINY, normalization="local", window_length=64, **options).fit(X, Y)
    return fitted.set_params(decoder=DECODERS[request.param])


def push_all(stream, chunks):
    return pd.concat([*(stream.push(chunk) for chunk in chunks), stream.flush()], ignore_index=True)


def predict_pieces(segmenter, pieces):
    """Return the segments of pieces that begin at known samples, each predicted alone."""
    tables = [shift_segments(segmenter.predict_segments([piece]), begin) for begin, piece in pieces]
    return pd.concat(tables, ignore_index=True).assign(recording=0)


class TestPositions:
    def test_the_next_chunk_is_taken(self, segmenter):
        stream = StreamSegmenter(segmenter)
        parts = [stream.push(SIGNAL[at : at + 100], start=at) for at in range(0, 1500, 100)]
        parts += [stream.push([], start=np.int32(1500)), stream.flush()]
        plain = push_all(StreamSegmenter(segmenter), [SIGNAL])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), plain, atol=1e-5)
        stream.push(SIGNAL[:10], start=0)  # a flush starts a new stream

    @pytest.mark.parametrize(
        ("start", "size", "message"),
        [
            (
                130,
                50,
                r"start=130, but the next sample of the stream is 100: 30 samples are missing. .* push_gap\(30\)",
            ),
            (90, 50, r"the first 10 samples of the chunk were pushed before. Push chunk\[\.\.\., 10:\] with start=100"),
            (
                50,
                50,
                "start=50, but .* is 100: the chunk was pushed before, or a gap was pushed in its place. Leave it o",
            ),
            (0, 0, "the chunk was pushed before"),
            (-1, 50, "start=-1; pass a whole number of samples, 0 or more"),
            (100.0, 50, "start=100.0; pass a whole number"),
            (True, 50, "start=True; pass a whole number"),
            ("100", 50, "start='100'; pass a whole number"),
        ],
    )
    def test_a_chunk_that_is_not_next_is_refused_and_the_stream_continues(self, segmenter, start, size, message):
        stream = StreamSegmenter(segmenter)
        parts = [stream.push(SIGNAL[:100], start=0)]
        with pytest.raises(ValueError, match=message):
            stream.push(SIGNAL[:size], start=start)
        parts += [stream.push(SIGNAL[100:], start=100), stream.flush()]
        plain = push_all(StreamSegmenter(segmenter), [SIGNAL])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), plain, atol=1e-5)

    def test_the_fixes_in_the_messages_work(self, segmenter):
        stream = StreamSegmenter(segmenter)
        parts = [stream.push(SIGNAL[:100], start=0), stream.push(SIGNAL[90:300][..., 10:], start=100)]
        parts += [stream.push_gap(30), stream.push(SIGNAL[330:], start=330), stream.flush()]
        wanted = predict_pieces(segmenter, [(0, SIGNAL[:300]), (330, SIGNAL[330:])])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), wanted, atol=1e-5)


LENGTHS = st.integers(1, 400)


class TestGaps:
    @settings(max_examples=6)
    @given(
        st.lists(st.tuples(LENGTHS, st.integers(1, 10**9)), min_size=1, max_size=4),
        st.integers(1, 500),
        st.booleans(),
    )
    def test_the_pieces_around_gaps_are_predicted_alone(self, segmenter, pieces, size, restart):
        stream, parts, alone, at = StreamSegmenter(segmenter), [], [], 0
        for number, (length, gap) in enumerate(pieces):
            piece = SIGNAL[100 * number : 100 * number + length]
            alone.append((at, piece))
            for begin in range(0, length, size):
                parts.append(stream.push(piece[begin : begin + size], start=at + begin))
                if restart:
                    state, stream = stream.get_state(), StreamSegmenter(segmenter)
                    stream.set_state(state)
            at += length + gap
            parts.append(stream.push_gap(gap))
            assert stream.seen == stream.labeled == at
        assert not len(stream.flush())
        wanted = predict_pieces(segmenter, alone)
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), wanted, atol=1e-5)
        assert stream.seen == 0

    def test_the_open_segment_ends_at_the_gap(self, segmenter):
        stream = StreamSegmenter(segmenter)
        inside = int(segmenter.predict_segments([SIGNAL])["start"][2]) + 5
        parts = [stream.push(SIGNAL[:inside]), stream.push_gap(7)]
        assert (pd.concat(parts)["end"] <= inside).all()
        assert not len(stream.push_gap(3))
        assert stream.seen == inside + 10

    def test_no_lost_sample_is_no_gap(self, segmenter):
        stream = StreamSegmenter(segmenter)
        parts = [stream.push(SIGNAL[:200]), stream.push_gap(0), stream.push(SIGNAL[200:], start=200), stream.flush()]
        plain = push_all(StreamSegmenter(segmenter), [SIGNAL])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), plain, atol=1e-5)

    def test_a_stream_may_begin_with_a_gap(self, segmenter):
        stream = StreamSegmenter(segmenter)
        parts = [stream.push_gap(10**12), stream.push(SIGNAL, start=10**12), stream.flush()]
        wanted = predict_pieces(segmenter, [(10**12, SIGNAL)])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), wanted, atol=1e-5)

    @pytest.mark.parametrize("n", [-1, 1.5, np.nan, True, None, "3", 10**30])
    def test_other_gaps_are_refused(self, segmenter, n):
        stream = StreamSegmenter(segmenter)
        stream.push(SIGNAL[:50])
        with pytest.raises(ValueError, match=f"n={n!r}; "):
            stream.push_gap(n)
        assert stream.seen == 50


class TestThreads:
    def test_a_call_during_another_call_is_refused(self, segmenter, monkeypatch):
        stream, predict = StreamSegmenter(segmenter), stream_module._predict_batch
        inside, go_on = threading.Event(), threading.Event()

        def wait(*given):
            inside.set()
            assert go_on.wait(60)
            return predict(*given)

        monkeypatch.setattr(stream_module, "_predict_batch", wait)
        with ThreadPoolExecutor() as pool:
            first = pool.submit(stream.push, SIGNAL)
            assert inside.wait(60)
            state = StreamSegmenter(segmenter).get_state()
            calls = [lambda: stream.push(SIGNAL), stream.flush, lambda: stream.push_gap(1), stream.get_state]
            for call in [*calls, lambda: stream.set_state(state)]:
                with pytest.raises(
                    RuntimeError, match="StreamSegmenter is in use by another thread; .* Make a stream "
                ):
                    call()
            go_on.set()
            parts = [first.result(), stream.flush()]
        found = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(found, push_all(StreamSegmenter(segmenter), [SIGNAL]), atol=1e-5)

    def test_samples_of_threads_are_taken_whole_or_refused(self, segmenter):
        stream, errors, taken = StreamSegmenter(segmenter), [], []

        def push(x):
            for _ in range(30):
                try:
                    stream.push(x)
                    taken.append(len(x))
                except RuntimeError as error:
                    errors.append(str(error))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(push, X[:4, :100]))
        assert stream.seen == sum(taken)
        assert all("in use by another thread" in error for error in errors)

    def test_a_stream_may_move_from_thread_to_thread(self, segmenter):
        stream, parts = StreamSegmenter(segmenter), []
        for chunk in np.array_split(SIGNAL, 5):
            with ThreadPoolExecutor(1) as pool:
                parts.append(pool.submit(stream.push, chunk).result())
        found = pd.concat([*parts, stream.flush()], ignore_index=True)
        pd.testing.assert_frame_equal(found, push_all(StreamSegmenter(segmenter), [SIGNAL]), atol=1e-5)

    def test_streams_of_one_segmenter_are_independent(self, segmenter):
        wanted = [segmenter.predict_segments([x]) for x in X]
        streams = [StreamSegmenter(segmenter) for _ in X]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda i: push_all(streams[i], np.array_split(X[i], 20)), range(len(X))))
        for one, table in zip(wanted, found, strict=True):
            pd.testing.assert_frame_equal(table, one, atol=1e-5)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_a_copy_is_a_stream_of_its_own(segmenter, duplicate):
    stream = StreamSegmenter(segmenter)
    parts = [stream.push(SIGNAL[:700])]
    other = duplicate(stream)
    other.push(X[3]), other.push_gap(5)
    parts += [stream.push(SIGNAL[700:]), stream.flush()]
    found = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(found, push_all(StreamSegmenter(segmenter), [SIGNAL]), atol=1e-5)


def list_damages(value):
    """Return arrays that are not the given part of a state; one number in another shape is the same number."""
    damages = [np.array("text"), np.array(None), np.array([[["x"]]]), np.full(value.shape, np.nan), np.array({})]
    damages += [np.stack([value, value]), value.astype(complex)]
    if value.ndim:
        damages.append(value[None, ..., None])
    if value.size and value.ndim:
        damages += [np.concatenate([value, value], axis=-1), value[..., 1:]]
    if value.size and value.dtype.kind in "iu":
        value = value.astype(np.int64)
        damages += [value + 0.5, value + 1, value - 1, np.full_like(value, -5), np.full_like(value, 10**9)]
    elif value.size:
        damages += [np.full_like(value, np.inf), np.full_like(value, 1e30), value + 0.25, value - 1e6]
    return damages


class TestDamagedStates:
    @pytest.mark.parametrize("cut", [0, 40, 333, 1200])
    def test_every_damage_of_every_part_is_refused(self, segmenter, cut):
        stream = StreamSegmenter(segmenter)
        stream.push(X[1][:100]), stream.push_gap(9)
        parts = [stream.push(SIGNAL[:cut])]
        state = stream.get_state()
        for name, value in state.items():
            for damage in list_damages(value):
                if damage.shape == value.shape and np.array_equal(damage, value):
                    continue
                with pytest.raises(ValueError, match=r"^state "):
                    stream.set_state({**state, name: damage})
            with pytest.raises(ValueError, match="^state has (no|nothing)|nothing"):
                stream.set_state({key: state[key] for key in state if key != name})
        parts += [stream.push(SIGNAL[cut:]), stream.flush()]
        wanted = predict_pieces(segmenter, [(109, SIGNAL)])
        found = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(found[found["start"] >= 109].reset_index(drop=True), wanted, atol=1e-5)

    def test_positions_that_do_not_fit_are_named(self, segmenter):
        stream = StreamSegmenter(segmenter)
        stream.push(SIGNAL)
        state = stream.get_state()
        for name in ("first", "done"):
            with pytest.raises(ValueError, match="state has first=.*, done=.* samples in x, which do not fit together"):
                stream.set_state({**state, name: np.asarray(10**9)})
        with pytest.raises(ValueError, match=r"state has nan in x; pass everything that get_state returned, unchanged"):
            stream.set_state({**state, "x": state["x"] * np.nan})
        with pytest.raises(ValueError, match=r"state has x of shape \(3, \d+\), which should be \(1, t\)"):
            stream.set_state({**state, "x": np.repeat(state["x"], 3, axis=0)})

    def test_a_change_within_the_known_ranges_is_refused(self, segmenter):
        stream = StreamSegmenter(segmenter)
        stream.push(SIGNAL)
        state = stream.get_state()
        with pytest.raises(ValueError, match="state was changed after get_state returned it; pass it unchanged"):
            stream.set_state({**state, "offset": np.asarray(5)})

    def test_a_state_of_the_first_version_is_taken(self, segmenter):
        stream, other = StreamSegmenter(segmenter), StreamSegmenter(segmenter)
        parts = [stream.push(SIGNAL[:700])]
        state = stream.get_state()
        del state["offset"], state["seal"]
        state["segments.labelled"] = state.pop("segments.labeled")
        other.set_state(state)
        parts += [other.push(SIGNAL[700:], start=700), other.flush()]
        plain = push_all(StreamSegmenter(segmenter), [SIGNAL])
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), plain, atol=1e-5)

    @pytest.mark.parametrize(
        "convert", [np.asarray, lambda value: value.tolist(), lambda value: value.astype(value.dtype.newbyteorder())]
    )
    def test_formats_may_change_the_type_of_numbers(self, segmenter, convert):
        stream, other = StreamSegmenter(segmenter), StreamSegmenter(segmenter)
        stream.push(SIGNAL)
        state = stream.get_state()
        other.set_state({name: convert(value) if value.ndim < 2 else value for name, value in state.items()})
        assert other.seen == 1500

    def test_other_entries_of_a_file_are_left_alone(self, segmenter):
        stream = StreamSegmenter(segmenter)
        stream.set_state({**stream.get_state(), "sensor": np.array("hip")})


HOSTILE = {
    "float64": lambda x: x.astype(np.float64),
    "int16": lambda x: x.astype(np.int16),
    "big-endian": lambda x: x.astype(">f8"),
    "Fortran order": lambda x: np.asfortranarray(x[None]),
    "reversed": lambda x: x[::-1].copy()[::-1],
    "strided": lambda x: np.repeat(x, 2)[::2],
    "list": lambda x: x.tolist(),
    "Series": lambda x: pd.Series(x, index=range(50, 50 + len(x))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_chunks_of_other_containers_are_the_same_signal(segmenter, name):
    signal = np.round(100 * SIGNAL).astype(np.float32)
    chunks = [HOSTILE[name](chunk) for chunk in np.array_split(signal, 7)]
    wanted = push_all(StreamSegmenter(segmenter), [signal])
    stream = StreamSegmenter(segmenter)
    parts = [table for chunk in chunks for table in (stream.push(chunk), stream.push(np.empty((1, 0), dtype=np.int8)))]
    found = pd.concat([*parts, stream.flush()], ignore_index=True)
    pd.testing.assert_frame_equal(found, wanted, atol=1e-5)


def test_a_chunk_is_neither_changed_nor_kept(segmenter):
    chunk = SIGNAL.copy()
    chunk.flags.writeable = False
    stream = StreamSegmenter(segmenter)
    parts = [stream.push(chunk)]
    chunk.flags.writeable = True
    chunk[:] = 1e9
    found = pd.concat([*parts, stream.flush()], ignore_index=True)
    pd.testing.assert_frame_equal(found, push_all(StreamSegmenter(segmenter), [SIGNAL]), atol=1e-5)


@pytest.mark.parametrize("chunk", [np.zeros((0, 5)), np.zeros(()), np.zeros((1, 1, 5)), np.zeros((5, 1))])
def test_chunks_without_the_channel_are_refused(segmenter, chunk):
    with pytest.raises(ValueError, match=r"chunk has shape .*; pass \(1, t\), time last"):
        StreamSegmenter(segmenter).push(chunk)


def test_an_error_of_the_network_loses_nothing(segmenter, monkeypatch):
    stream, predict, calls = StreamSegmenter(segmenter, block=64), stream_module._predict_batch, []

    def fail(*given):
        calls.append(1)
        if len(calls) == 3:
            raise FloatingPointError("The fitted network returns NaN")
        return predict(*given)

    monkeypatch.setattr(stream_module, "_SAMPLES_TOGETHER", 64)
    monkeypatch.setattr(stream_module, "_predict_batch", fail)
    with pytest.raises(FloatingPointError):
        stream.push(SIGNAL[:1000])
    assert stream.seen == 1000
    parts = [stream.push(SIGNAL[1000:], start=1000), stream.flush()]
    monkeypatch.undo()
    found = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(found, push_all(StreamSegmenter(segmenter), [SIGNAL]), atol=1e-5)


def test_a_custom_decoder_with_a_state_is_checked_by_its_labels():
    class Held(Decoder):
        latency = 5

        def start(self):
            return HeldDecoding()

    class HeldDecoding:
        def __init__(self):
            self.labels = np.empty(0, dtype=np.int64)

        def push(self, proba):
            labels = np.concatenate([self.labels, proba.argmax(1)])
            n = max(len(labels) - 5, 0)
            self.labels = labels[n:]
            return labels[:n]

        def flush(self):
            return self.labels

        def get_state(self):
            return {"labels": self.labels}

        def set_state(self, state):
            self.labels = np.array(state["labels"])

    fitted = SupervisedSegmenter(network=TINY, normalization=None, max_steps=2, random_state=0, decoder=Held()).fit(
        X, Y
    )
    stream = StreamSegmenter(fitted)
    stream.push(SIGNAL)
    state = stream.get_state()
    stream.set_state(state)
    for labels, message in ((np.zeros(4, int), "labels for 4 samples, 5 samples wait"), (np.full(5, 9), "5 samples")):
        with pytest.raises(ValueError, match=f"state of the decoder holds .*{message}"):
            stream.set_state({**state, "decoding.labels": labels})
