import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import measure_segments
from sslts.decoding import Argmax, Hysteresis, decode, decode_recordings, prepare_decoder


def test_argmax_takes_the_most_probable_class():
    proba = np.array([[0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    labels = Argmax()(proba)
    assert labels.tolist() == [1, 0, 1]
    assert labels.dtype == np.int64


def test_argmax_is_final_at_once():
    decoding = Argmax().start()
    assert decoding.push(np.array([[0.2, 0.8]])).tolist() == [1]
    assert decoding.flush().tolist() == []
    assert Argmax().latency == 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.integers(2, 4))
def test_a_stream_and_a_file_agree(sizes, n_classes):
    proba = np.random.default_rng(0).random((sum(sizes), n_classes))
    decoding = Argmax().start()
    parts = [decoding.push(part) for part in np.split(proba, np.cumsum(sizes)[:-1])]
    np.testing.assert_array_equal(np.concatenate([*parts, decoding.flush()]), Argmax()(proba))


class Countdown:
    """A custom decoder with only ``start``, ``push`` and ``flush``."""

    def start(self):
        return self

    def push(self, proba):
        self.n = len(proba)
        return np.empty(0, dtype=np.int64)

    def flush(self):
        return np.arange(self.n)[::-1]


class TestCustomDecoder:
    def test_it_only_needs_start(self):
        assert decode(Countdown(), np.zeros((3, 2))).tolist() == [2, 1, 0]

    def test_it_is_not_adapted(self):
        decoder = Countdown()
        assert prepare_decoder(decoder, measure_segments([[0, 1]])) is decoder


def test_hysteresis_is_adapted_to_the_statistics():
    statistics = measure_segments([[0, 1]])
    assert prepare_decoder(Hysteresis(), statistics).statistics == statistics


class Together(Argmax):
    def decode_many(self, probas):
        self.groups.append(len(probas))
        return [self(proba) for proba in probas]

    groups: list = []


@pytest.mark.parametrize(("samples", "groups"), [(1 << 12, [2, 2, 1]), (10, [5])])
def test_recordings_are_decoded_together_in_groups(samples, groups):
    Together.groups.clear()
    proba = np.tile([0.2, 0.8], (samples, 1))
    found = list(decode_recordings(Together(), ((i, proba) for i in (3, 1, 4, 0, 2))))
    assert Together.groups == groups
    assert [i for i, _, _ in found] == [3, 1, 4, 0, 2]
    assert all((indices == 1).all() and indices.shape == (samples,) for _, _, indices in found)
