"""Warnings about the times of recordings: missing samples and a wrong sampling rate."""

import re
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from sslts import FixMatchSegmenter, load
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.recordings import as_recordings, check_sampling_rate, read_signals
from sslts.recordings._clocks import warn_of_other_rate

BEGIN = pd.Timestamp("2026-03-02", tz="UTC")


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([0, 1, 2, 10, 11], r"recording 1 has uneven times: sample 3 \(.*\) leaves a gap after the sample"),
        ([0, 1, 1, 2, 3], r"sample 2 \(.*\) is not later than the sample before it"),
        ([4, 3, 2, 1, 0], "is not later than"),
        ([0.0, 1.1, 1.9, 3.2, 4.0], None),  # a clock that jitters
    ],
)
def test_uneven_times_are_warned_of(seconds, message):
    even = pd.Series(np.zeros(5), pd.date_range(BEGIN, periods=5, freq="s"))
    other = pd.Series(np.zeros(5), BEGIN + pd.to_timedelta(seconds, unit="s"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        as_recordings([even, other])
    assert len(caught) == (message is not None)
    for warning in caught:
        assert re.search(message, str(warning.message))


@pytest.mark.parametrize(
    ("times", "found"),
    [
        (pd.date_range(BEGIN, periods=50, freq="4ms"), None),
        (pd.timedelta_range(0, periods=50, freq="4ms"), None),
        (pd.date_range("2026-03-02", periods=50, freq="4ms").as_unit("ms"), None),
        (BEGIN + pd.to_timedelta(np.arange(50) * 0.00399, unit="s"), None),  # a clock that runs fast
        (BEGIN + pd.to_timedelta(np.r_[np.arange(50), np.arange(500, 550)] * 0.004, unit="s"), None),  # a gap
        (pd.RangeIndex(50), None),
        (pd.Index(np.arange(50) / 125), None),  # numbers have no unit
        (pd.date_range(BEGIN, periods=1, freq="1s"), None),
        (pd.DatetimeIndex([BEGIN] * 3), None),  # a stopped clock has no rate
        (None, None),
        (pd.date_range(BEGIN, periods=50, freq="8ms"), "0.008 s apart, 125 samples per second, but sampling_rate=250"),
        (pd.timedelta_range(0, periods=50, freq="1s").as_unit("s"), "1 s apart, 1 samples per second"),
    ],
)
def test_a_sampling_rate_that_disagrees_with_the_clock_is_warned_of(times, found):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_other_rate([None, times], 250, "X")
        warn_of_other_rate([None, times], None, "X")
        warn_of_other_rate(None, 250, "X")
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == (found is not None)
    assert all(found in message and message.startswith("X: recording 1 has times") for message in messages)


@pytest.mark.parametrize("rounded", ["ms", "us"])
def test_rounded_times_keep_their_rate(rounded):
    """360 samples a second are 2.78 ms apart, so whole milliseconds between them are 2 or 3."""
    times = (BEGIN + pd.to_timedelta(np.arange(500) / 360, unit="s")).round(rounded)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_rate([times], 360, "X")


def test_fit_and_predict_compare_sampling_rate_and_clock():
    X, y = make_recordings(4, n_samples=200, random_state=0)
    on_clock = [pd.Series(x, pd.date_range(BEGIN, periods=200, freq="10ms")) for x in X]
    params = {"network": UNet(width=4, depth=1), "max_steps": 2, "random_state": 0}
    message = "X: recording 0 has times 0.01 s apart, 100 samples per second, but sampling_rate=50"
    with pytest.warns(UserWarning, match=message) as caught:
        wrong = FixMatchSegmenter(sampling_rate=50, **params).fit(on_clock, list(y))
    assert [warning.filename for warning in caught if message in str(warning.message)] == [__file__]
    with pytest.warns(UserWarning, match=message) as caught:
        wrong.predict_segments(on_clock)
    assert [warning.filename for warning in caught if message in str(warning.message)] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        right = FixMatchSegmenter(sampling_rate=100, **params).fit(on_clock, list(y))
        right.predict(on_clock)


@pytest.mark.parametrize("rate", [0, -1, np.inf, np.nan])
def test_a_sampling_rate_is_positive_and_finite(rate):
    with pytest.raises(ValueError, match="sampling_rate"):
        check_sampling_rate(rate)


CLOCKS = {
    "dates": pd.date_range(BEGIN, periods=110, freq="10ms"),
    "durations": pd.timedelta_range(0, periods=110, freq="10ms"),
    "periods": pd.period_range("2026-03-02", periods=110, freq="10ms"),
    "seconds": pd.Index(np.arange(110) / 100),
    "numbers": pd.Index(np.arange(110)),
}
VALUES = np.random.default_rng(0).normal(size=(2, 100))
PLACES = {
    "list of Series": lambda clock: [pd.Series(x, clock) for x in VALUES],
    "list of frames": lambda clock: [pd.DataFrame({"a": x}, clock) for x in VALUES],
    "columns of a table": lambda clock: pd.DataFrame(VALUES, columns=clock),
    "nested": lambda clock: pd.DataFrame({"a": [pd.Series(x, clock) for x in VALUES]}),
    "objects": lambda clock: pd.Series([pd.Series(x, clock) for x in VALUES]),
    "multi-index": lambda clock: pd.DataFrame({"a": VALUES.ravel()}, pd.MultiIndex.from_product([range(2), clock])),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", CLOCKS)
def test_gaps_and_rates_on_every_index_of_every_container(kind, place):
    if kind in ("seconds", "durations") and place == "multi-index":
        pytest.skip("sktime refuses this index")
    if kind in ("seconds", "durations") and place == "multi-index":
        pytest.skip("sktime accepts no such index")
    whole, torn = CLOCKS[kind][:100], CLOCKS[kind].delete(range(40, 50))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_signals(PLACES[place](whole), sampling_rate=100)
    with pytest.warns(UserWarning, match="recording 0 (has uneven times|lacks samples)"):
        read_signals(PLACES[place](torn), sampling_rate=100)
    if kind not in ("seconds", "numbers"):  # which have no unit
        with pytest.warns(UserWarning, match="100 samples per second, but sampling_rate=250"):
            read_signals(PLACES[place](whole), sampling_rate=250)


def test_a_fraction_is_a_rate():
    X, y = make_recordings(4, n_samples=200, random_state=0)
    params = {"network": UNet(width=4, depth=1), "max_steps": 2, "random_state": 0}
    rates = (Fraction(30000, 1001), 30000 / 1001)
    tables = [FixMatchSegmenter(sampling_rate=rate, **params).fit(X, y).predict_segments(X) for rate in rates]
    pd.testing.assert_frame_equal(*tables)
    assert check_sampling_rate(Fraction(1, 2)) == 0.5
    with pytest.raises(ValueError, match="'sampling_rate' parameter"):
        FixMatchSegmenter(sampling_rate=Fraction(-1)).fit(X, y)


def test_a_fraction_is_saved(tmp_path):
    X, y = make_recordings(2, n_samples=200, random_state=0)
    rate = Fraction(30000, 1001)
    FixMatchSegmenter(network=UNet(width=4, depth=1), max_steps=1, sampling_rate=rate).fit(X, y).save(tmp_path / "m")
    assert load(tmp_path / "m").sampling_rate == rate
