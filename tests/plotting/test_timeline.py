"""Counts over time are those of `summarize`, at their times on the clock, and gaps stay empty."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import Annotations, Recordings, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.plotting import CountsOverTimeDisplay
from sslts.preprocessing import RecordingStandardizer
from sslts.segments import summarize

BERLIN = "Europe/Berlin"


def tabulate(periods, counts, times=3600.0, label=1, zone=BERLIN):
    return pd.DataFrame(
        {"period": pd.DatetimeIndex(periods).tz_localize(zone), "label": label, "count": counts, "time": times}
    )


def list_bars(ax):
    """Return the left end, right end and height of each bar of an axes."""
    return [
        (box.vertices[:, 0].min(), box.vertices[:, 0].max(), box.vertices[:, 1].max())
        for box in ax.collections[0].get_paths()
    ]


@pytest.fixture(scope="module")
def machine():
    """Return recordings of a machine with a clock, its labels, and the table of its segments."""
    X, y = make_recordings(5, n_samples=(900, 3000), n_classes=3, share=0.3, random_state=0)
    starts = pd.to_datetime(["2026-03-28 22:30", "2026-03-28 23:40", "2026-03-29 01:30", "2026-03-29 07:00"])
    starts = [*starts.tz_localize(BERLIN), pd.Timestamp("2026-03-29 09:15", tz=BERLIN)]
    return Recordings.from_arrays(X, sampling_rate=1, starts=starts), y, Annotations.from_labels(y).table


class TestRates:
    def test_rates_are_those_of_the_summary(self, machine, draw):
        recordings, _, segments = machine
        display = draw(CountsOverTimeDisplay.from_segments(segments, recordings))
        expected = summarize(segments, recordings, period="1h", by=("period", "label"))
        shown = display.rates.set_index(["period", "label"])[["count", "time", "rate_per_hour"]]
        wanted = expected.set_index(["period", "label"])[["count", "time", "rate_per_hour"]]
        pd.testing.assert_frame_equal(shown, wanted, check_dtype=False)
        assert len(display.axes_) == 3

    def test_a_summary_per_recording_is_added_up(self, machine):
        recordings, _, segments = machine
        each = CountsOverTimeDisplay.from_summary(summarize(segments, recordings, period="1h"))
        pd.testing.assert_frame_equal(each.rates, CountsOverTimeDisplay.from_segments(segments, recordings).rates)

    def test_from_estimator(self, machine, draw):
        recordings, y, _ = machine
        segmenter = SupervisedSegmenter(network=TINY, max_steps=2, random_state=0, sampling_rate=1).fit(recordings, y)
        display = draw(CountsOverTimeDisplay.from_estimator(segmenter, recordings, names={2: "step"}))
        table = summarize(
            segmenter.predict_segments(recordings), recordings, period="1h", by=("period", "label"), labels=[1, 2]
        )
        assert display.rates["count"].tolist() == table["count"].tolist()
        assert [ax.get_title(loc="left") for ax in display.axes_] == ["class 1", "step", ""]
        with pytest.raises(ValueError, match="names has the key 9"):
            CountsOverTimeDisplay.from_estimator(segmenter, recordings, names={9: "x"})

    def test_a_pipeline(self, machine):
        recordings, y, _ = machine
        segmenter = SupervisedSegmenter(network=TINY, max_steps=2, random_state=0, sampling_rate=1)
        piped = make_pipeline(RecordingStandardizer(), segmenter).fit(recordings, y)
        alone = CountsOverTimeDisplay.from_estimator(segmenter, piped[0].transform(recordings))
        pd.testing.assert_frame_equal(CountsOverTimeDisplay.from_estimator(piped, recordings).rates, alone.rates)

    def test_words_of_a_segmenter(self, machine):
        recordings, _, segments = machine
        words = segments.assign(label=segments["label"].map({1: "cycle", 2: "a $step$"}))
        annotations = Annotations.from_table(words, recordings)
        segmenter = SupervisedSegmenter(network=TINY, max_steps=2, random_state=0, sampling_rate=1)
        display = CountsOverTimeDisplay.from_estimator(segmenter.fit(recordings, annotations), recordings)
        assert {ax.get_title(loc="left") for ax in display.axes_[:-1]} == {"cycle", "a $step$"}
        assert not any(ax._left_title.get_parse_math() for ax in display.axes_[:-1])
        shown = CountsOverTimeDisplay.from_segments(words, recordings, labels=["cycle", "never"])
        assert [ax.get_title(loc="left") for ax in shown.axes_] == ["cycle", "never", ""]


class TestClock:
    def test_bars_are_at_their_hours_and_gaps_are_empty(self, draw):
        hours = ["2026-01-05 10:00", "2026-01-05 11:00", "2026-01-05 14:00"]
        display = draw(CountsOverTimeDisplay.from_summary(tabulate(hours, [6, 0, 3], [3600, 3600, 1800])))
        begins = date2num(pd.DatetimeIndex(hours).tz_localize(BERLIN))
        wanted = [(begin, begin + 1 / 24, rate) for begin, rate in zip(begins, [6, 0, 6], strict=True)]
        np.testing.assert_allclose(list_bars(display.ax_), wanted)
        np.testing.assert_allclose([height for *_, height in list_bars(display.axes_[-1])], [1, 1, 0.5])

    def test_little_recorded_time_is_lighter(self):
        hours = ["2026-01-05 10:00", "2026-01-05 11:00", "2026-01-05 12:00"]
        display = CountsOverTimeDisplay.from_summary(tabulate(hours, 5, [3600, 1800, 60]))
        opacity = display.ax_.collections[0].get_facecolor()[:, 3]
        assert (np.diff(opacity) < 0).all()
        assert opacity[-1] > 0.1

    @pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
    def test_days_on_which_the_clock_changes(self, day, hours, draw):
        display = draw(CountsOverTimeDisplay.from_summary(tabulate([day], [9], 3600.0 * hours), period="1D"))
        ((left, right, rate),) = list_bars(display.ax_)
        assert right - left == pytest.approx(hours / 24)
        assert rate == pytest.approx(9 / hours)

    def test_the_hour_that_comes_twice(self, draw):
        hours = pd.date_range("2026-10-25 01:00", periods=4, freq="1h", tz=BERLIN)
        display = draw(
            CountsOverTimeDisplay.from_summary(
                tabulate(hours.tz_localize(None), [1, 2, 3, 4], zone=None).assign(period=hours)
            )
        )
        left = [bar[0] for bar in list_bars(display.ax_)]
        np.testing.assert_allclose(np.diff(left), 1 / 24)
        assert display.axes_[-1].get_xlabel() == "time (Europe/Berlin)"

    def test_clocks_without_a_time_zone(self, draw):
        display = draw(CountsOverTimeDisplay.from_summary(tabulate(["2026-01-05 10:00"], [6], zone=None)))
        assert display.axes_[-1].get_xlabel() == "time"

    def test_the_recorded_time_of_many_machines(self):
        display = CountsOverTimeDisplay.from_summary(tabulate(["2026-01-05 10:00"] * 3, [1, 2, 3]))
        assert [bar[2] for bar in list_bars(display.axes_[-1])] == [3]
        assert display.rates["rate_per_hour"].tolist() == [2]


class TestRefused:
    def test_periods_that_are_not_of_the_clock(self, machine):
        recordings, _, segments = machine
        table = summarize(segments, recordings, period=60.0, by=("period", "label"))
        with pytest.raises(ValueError, match="which is no time of the clock"):
            CountsOverTimeDisplay(table)

    def test_another_period(self):
        table = tabulate(["2026-01-05 10:00", "2026-01-05 11:00"], [1, 2])
        with pytest.raises(ValueError, match="shorter than period='1D'; pass the period that summarize got"):
            CountsOverTimeDisplay(table, period="1D")

    def test_tables_without_counts(self, machine):
        recordings, _, segments = machine
        with pytest.raises(ValueError, match="name the classes to count"):
            CountsOverTimeDisplay.from_segments(segments[:0], recordings)
        with pytest.raises(ValueError, match="table has no column 'label'"):
            CountsOverTimeDisplay(summarize(segments, recordings, period="1h", by=("period",)))
        assert CountsOverTimeDisplay.from_segments(segments[:0], recordings, labels=[1]).rates["count"].sum() == 0

    def test_recordings_without_a_clock(self, machine):
        _, _, segments = machine
        with pytest.raises(ValueError, match="goes by the clock, which is not known"):
            CountsOverTimeDisplay.from_segments(segments, [3000] * 5)

    def test_names(self):
        with pytest.raises(ValueError, match="names has the key 'cycle', which is not an integer"):
            CountsOverTimeDisplay(tabulate(["2026-01-05"], [1]), names={"cycle": 1})


def test_an_axes_is_split(draw):
    figure, ax = plt.subplots()
    display = draw(CountsOverTimeDisplay(tabulate(["2026-01-05"], [1])).plot(ax=ax))
    assert display.figure_ is figure
    assert len(display.axes_) == 2
