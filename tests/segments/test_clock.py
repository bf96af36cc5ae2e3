"""Counts by the clock: hours and days of the calendar, not of the recording."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sslts import Recordings
from sslts.segments import summarize

ZONE = "Europe/Berlin"


def make(starts, n=7200, rate=1.0):
    """Return recordings of ``n`` samples, and a segment of five samples at every tenth minute."""
    names = [f"m{i}" for i in range(len(starts))]
    recordings = Recordings.from_arrays([np.zeros(n)] * len(starts), names=names, sampling_rate=rate, starts=starts)
    begin = np.arange(300, n - 5, 600)
    table = pd.DataFrame(
        {
            "recording": np.repeat(names, len(begin)),
            "start": np.tile(begin, len(starts)),
            "end": np.tile(begin + 5, len(starts)),
            "label": "stroke",
        }
    )
    return recordings, table


def test_hours_are_those_of_the_clock():
    recordings, table = make(["2026-01-31 10:30"])
    found = summarize(table, recordings, period="1h", by=("period", "label"))
    assert found["period"].tolist() == list(pd.date_range("2026-01-31 10:00", periods=3, freq="1h"))
    assert found["time"].tolist() == [1800, 3600, 1800]
    assert found["count"].tolist() == [3, 6, 3]
    np.testing.assert_allclose(found["rate_per_hour"], 6)
    assert found["label"].tolist() == ["stroke"] * 3


def test_recordings_of_one_hour_are_pooled_by_their_exposure():
    recordings, table = make(["2026-01-31 10:00", "2026-01-31 11:00"])
    found = summarize(table, recordings, period="1h", by=("period", "label")).set_index("period")
    assert found["time"].tolist() == [3600, 7200, 3600]
    assert found["count"].tolist() == [6, 12, 6]
    each = summarize(table, recordings, period="1h")
    assert each["recording"].tolist() == ["m0", "m0", "m1", "m1"]


def test_an_hour_without_a_recording_has_no_row():
    recordings, table = make(["2026-01-31 00:00", "2026-01-31 09:00"])
    found = summarize(table, recordings, period="1h", by=("period", "label"))
    assert found["period"].dt.hour.tolist() == [0, 1, 9, 10]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_has_as_many_hours_as_the_clock_says(day, hours):
    start = pd.Timestamp(f"{day} 00:00", tz=ZONE)
    recordings, table = make([start], n=hours * 3600 + 60)
    days = summarize(table, recordings, period="1D", by=("period", "label"))
    assert days["time"].tolist() == [hours * 3600, 60]
    assert days["count"].tolist() == [hours * 6, 0]
    by_hour = summarize(table, recordings, period="1h", by=("period", "label"))
    assert len(by_hour) == hours + 1
    assert (by_hour["time"].iloc[:-1] == 3600).all()
    assert str(by_hour["period"].dt.tz) == ZONE


def test_a_segment_over_the_edge_is_counted_where_it_starts_and_its_length_divided():
    recordings, table = make(["2026-01-31 10:30"])
    table = table.iloc[:1].assign(start=1790, end=1830)
    found = summarize(table, recordings, period="1h", by=("period", "label"))
    assert found["count"].tolist() == [1, 0, 0]
    assert found["total_length"].tolist() == [10, 30, 0]


def test_periods_of_recordings_stay_as_they_are():
    recordings, table = make(["2026-01-31 10:30"])
    found = summarize(table, recordings, period=3600)
    assert found["period"].tolist() == [0, 1]
    assert found["recording"].tolist() == ["m0", "m0"]
    assert "rate_per_hour" not in found
    numbers = table.assign(recording=0, label=1)
    pd.testing.assert_frame_equal(
        summarize(numbers, [7200], period=3600, sampling_rate=1).drop(columns=["recording", "label"]),
        found.drop(columns=["recording", "label"]),
    )


class TestErrors:
    @pytest.mark.parametrize(
        ("starts", "match"),
        [
            (None, "period='1h' goes by the clock, which is not known"),
            (["2026-01-31", None], "recording 1 has no start"),
            ([pd.Timestamp("2026-01-31"), pd.Timestamp("2026-01-31", tz=ZONE)], "some starts have a time zone and"),
        ],
    )
    def test_an_unknown_clock_is_named(self, starts, match):
        recordings = Recordings.from_arrays([np.zeros(9)] * 2, sampling_rate=1)
        recordings = replace(recordings, starts=starts and tuple(start and pd.Timestamp(start) for start in starts))
        table = pd.DataFrame({"recording": [0], "start": [1], "end": [2], "label": [1]})
        with pytest.raises(ValueError, match=match):
            summarize(table, recordings, period="1h")

    @pytest.mark.parametrize("period", ["soon", "1ns"])
    def test_a_period_that_is_none_is_named(self, period):
        recordings, table = make(["2026-01-31 10:30"], n=100)
        with pytest.raises(ValueError, match=f"period='{period}'"):
            summarize(table.iloc[:0], recordings, period=period)

    def test_a_name_that_is_unknown_is_named_by_row(self):
        recordings, table = make(["2026-01-31 10:30"])
        with pytest.raises(ValueError, match=r"segments row 0: there is no recording 'x'; the names are \['m0'\]"):
            summarize(table.assign(recording="x"), recordings)


@pytest.mark.parametrize(
    ("start", "zone", "hours"),
    [("2022-03-27 05:00", "Asia/Beirut", 19), ("2026-11-01 00:30", "America/Havana", 24.5)],
    ids=["skipped", "twice"],
)
def test_a_midnight_may_be_skipped_or_come_twice(start, zone, hours):
    first = pd.Timestamp(start).tz_localize(zone, ambiguous=True)
    recordings, table = make([first], n=26 * 3600)
    days = summarize(table, recordings, period="1D", by=("period", "label"))
    assert days["time"].tolist() == [hours * 3600, (26 - hours) * 3600]
    assert summarize(table, recordings, period="1h", by=("period", "label"))["time"].sum() == 26 * 3600


@pytest.mark.parametrize(("period", "begin"), [("W", "2026-01-25"), ("MS", "2026-01-01"), ("QS", "2026-01-01")])
def test_weeks_and_months_begin_where_the_calendar_says(period, begin):
    recordings, table = make(["2026-01-31 22:00"], n=3600)
    found = summarize(table, recordings, period=period, by=("period", "label"))
    assert found["period"].tolist() == [pd.Timestamp(begin)]
    assert found["count"].tolist() == [6]


def test_labels_are_words_or_numbers_each_once():
    recordings, table = make(["2026-01-31 10:30"])
    assert summarize(table, recordings, labels=["stroke", "stroke"])["count"].tolist() == [12]
    table["label"] = [None, *table["label"][1:]]
    with pytest.raises(ValueError, match="segments row 0: label is (nan|None); give a word or a whole number"):
        summarize(table, recordings)


def test_the_clock_needs_a_sampling_rate():
    recordings, table = make(["2026-01-31 10:30"])
    without = Recordings.from_arrays([recordings.get(0)], names=["m0"], starts=recordings.starts)
    with pytest.raises(ValueError, match="period='1h' goes by the clock, but sampling_rate is None"):
        summarize(table, without, period="1h")
    assert len(summarize(table, without, period="1h", sampling_rate=1.0)) == 3
