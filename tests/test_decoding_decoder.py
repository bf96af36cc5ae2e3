"""Decoding in one go and piece by piece agree."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sslts.decoding import Argmax


@given(st.lists(st.integers(0, 30), max_size=5), st.integers(2, 4))
def test_a_stream_and_a_file_agree(sizes, n_classes):
    proba = np.random.default_rng(0).random((sum(sizes), n_classes))
    decoding = Argmax().start()
    parts = [decoding.push(part) for part in np.split(proba, np.cumsum(sizes)[:-1])] if sizes else []
    streamed = np.concatenate([*parts, decoding.flush()])
    np.testing.assert_array_equal(streamed, Argmax()(proba))
    np.testing.assert_array_equal(streamed, proba.argmax(1))
