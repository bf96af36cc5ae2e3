"""The decoder of occurrences keeps another decoder's labels and says where occurrences begin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import LabelRuns, measure_occurrences
from sslts.decoding import Argmax, DurationViterbi, Hysteresis, OccurrenceDecoder, decode

SIZES = [7, 20, 22, 18, 30, 20, 21, 19, 20, 9]
VALUES = [0, 1, 1, 1, 0, 1, 1, 1, 1, 0]
RUNS = LabelRuns.from_runs(np.array([sum(SIZES)]), np.zeros(10, int), np.cumsum([0, *SIZES[:-1]]), np.array(VALUES))
OCCURRENCES = measure_occurrences(RUNS, [0, 1], background=0)


def make_decoder(inner=None):
    return OccurrenceDecoder(Argmax() if inner is None else inner, OCCURRENCES)


def make_proba(seed, noise):
    rng = np.random.default_rng(seed)
    logits = np.eye(3)[OCCURRENCES.encode(RUNS).to_labels()[0]] * 3 + rng.normal(0, noise, (sum(SIZES), 3))
    return (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)


def test_every_occurrence_is_found_in_noise():
    codes = decode(make_decoder(), make_proba(0, 1.0))
    starts = OCCURRENCES.find_starts(codes)
    expected = RUNS.start[RUNS.touches]
    assert len(starts) == len(expected)
    assert np.abs(starts - expected).max() <= 3


@pytest.mark.parametrize("inner", [Argmax(), Hysteresis(min_length=4)])
@given(seed=st.integers(0, 99), noise=st.floats(0.1, 4))
def test_the_labels_are_those_of_the_inner_decoder(inner, seed, noise):
    from sslts.annotations import measure_runs

    inner = inner.for_segments(measure_runs(RUNS.join())) if hasattr(inner, "for_segments") else inner
    proba = make_proba(seed, noise)
    codes = decode(make_decoder(inner), proba)
    np.testing.assert_array_equal(OCCURRENCES.owner[codes], decode(inner, OCCURRENCES.merge(proba)))


@given(st.integers(0, 99), st.lists(st.integers(0, sum(SIZES)), max_size=5))
def test_a_stream_gives_the_same_however_it_is_cut(seed, cuts):
    proba = make_proba(seed, 2.0)
    decoder, found = make_decoder(), []
    decoding = decoder.start()
    for part in np.split(proba, sorted(cuts)):
        found.append(decoding.push(part))
        state = decoding.get_state()
        decoding = decoder.start()
        decoding.set_state(state)
        late = len(proba) - sum(map(len, found))
        assert late >= 0
    found.append(decoding.flush())
    np.testing.assert_array_equal(np.concatenate(found), decode(decoder, proba))


def test_recordings_decoded_together_have_the_codes_of_each_alone():
    probas = [make_proba(seed, 2.0)[: 60 + 20 * seed] for seed in range(5)]
    for together, proba in zip(make_decoder().decode_many(probas), probas, strict=True):
        np.testing.assert_array_equal(together, decode(make_decoder(), proba))


def test_the_latency_is_that_of_both_decoders():
    decoder = make_decoder(Hysteresis(min_length=4))
    assert decoder.latency > make_decoder().latency > 0
    assert make_decoder(DurationViterbi(max_latency=None)).latency is None
