import numpy as np
import pytest

from sslts.datasets import make_heartbeats
from sslts.segments import labels_to_segments


def test_a_seed_gives_the_same_patients():
    first, second = make_heartbeats(3, random_state=4), make_heartbeats(3, random_state=4)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], make_heartbeats(3, random_state=5)[0])


def test_every_beat_has_a_qrs_complex_and_nine_of_ten_a_p_wave():
    _, y = make_heartbeats(100, random_state=0)
    counts = labels_to_segments(y)["label"].value_counts()
    assert 0.85 < counts[1] / counts[2] < 0.95
    assert abs(counts[3] / counts[2] - 1) < 0.03  # cut at the edges of recordings


def test_the_rate_of_the_heart_does_not_depend_on_that_of_the_samples():
    X, slow = make_heartbeats(20, sampling_rate=100, random_state=0)
    _, fast = make_heartbeats(20, sampling_rate=400, random_state=0)
    assert (X.shape, X.dtype, fast.shape) == ((20, 1500), np.float32, (20, 6000))
    beats = [labels_to_segments(y)["label"].eq(2).sum() / 20 / 15 * 60 for y in (slow, fast)]
    assert beats == pytest.approx([70, 70], abs=12)


def test_the_r_wave_is_the_highest_place_of_a_beat():
    X, y = make_heartbeats(20, random_state=0)
    assert np.mean([labels[x.argmax()] == 2 for x, labels in zip(X, y, strict=True)]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_recordings": 0}, "n_recordings=0; give an integer >= 1"),
        ({"n_recordings": True}, "n_recordings=True; give an integer"),
        ({"seconds": 1}, "seconds=1; give a finite number >= 2"),
        ({"sampling_rate": float("nan")}, "sampling_rate=nan; give a finite number >= 50"),
        ({"sampling_rate": "100"}, "sampling_rate='100'; give"),
        ({"random_state": -1}, "random_state=-1"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_heartbeats(**arguments)
