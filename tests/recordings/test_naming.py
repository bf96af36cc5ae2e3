"""Recordings carry names, a sampling rate and clock times from the files to the tables of segments."""

import re

import numpy as np
import pandas as pd
import pytest

from sslts import Annotations, Recordings, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.metrics import calibration_scorer, segment_f1, segment_f1_scorer
from sslts.model_selection import label_efficiency_curve, tune_decoder
from sslts.prediction import StreamSegmenter
from sslts.preprocessing import FillGaps, RecordingStandardizer
from sslts.recordings import select_rows
from sslts.segments import (
    clip_segments,
    count_segments,
    filter_segments,
    merge_segments,
    number_segments,
    shift_segments,
    summarize,
)

X = [np.arange(5.0), np.arange(3.0), np.arange(4.0)]


class TestFromArrays:
    def test_holds_what_is_given(self):
        found = Recordings.from_arrays(
            X, names=["a", "b", "c"], channel_names=["flow"], sampling_rate=2, starts=["2026-01-31 12:00", None, None]
        )
        assert (found.names, found.channel_names, found.sampling_rate) == (("a", "b", "c"), ("flow",), 2)
        assert found.starts == (pd.Timestamp("2026-01-31 12:00"), None, None)
        assert found.lengths.tolist() == [5, 3, 4]

    def test_finds_names_rate_and_clock_in_tables(self):
        clock = pd.date_range("2026-03-29 01:00", periods=4, freq="250ms", tz="Europe/Berlin")
        frame = pd.DataFrame({"hip": 0.0, "wrist": 1.0}, index=clock)
        found = Recordings.from_arrays([frame, frame])
        assert found.sampling_rate == pytest.approx(4)
        assert found.starts == (clock[0], clock[0])
        assert found.channel_names == ("hip", "wrist")
        assert Recordings.from_arrays(pd.Series(X, index=["x", "y", "z"])).names == ("x", "y", "z")

    def test_a_selection_keeps_them(self):
        found = Recordings.from_arrays(X, names=["a", "b", "c"], starts=pd.date_range("2026", periods=3))
        assert found[[2, 0]].names == ("c", "a")
        assert found[1:].starts == found.starts[1:]
        assert found[-1].lengths.tolist() == [4]
        again = Recordings.from_arrays(found, sampling_rate=9)
        assert (again.names, again.sampling_rate) == (found.names, 9)

    def test_a_transformer_keeps_them(self):
        found = Recordings.from_arrays(X, names=["a", "b", "c"], sampling_rate=2, starts=["2026"] * 3)
        for transformer in (FillGaps(), RecordingStandardizer()):
            made = transformer.fit_transform(found)
            assert (made.names, made.sampling_rate, made.starts) == (found.names, 2, found.starts)

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"names": ["a"]}, "names has 1 entries, X has 3 recordings"),
            ({"names": "abc"}, "names='abc'; give a list"),
            ({"names": ["a", "b", "a"]}, r"names\[2\] is 'a', as is names\[0\]"),
            ({"names": ["a", "b", 3]}, r"names\[2\] is 3; give a text"),
            ({"channel_names": ["x", "y"]}, "channel_names has 2 names, X has 1 channels"),
            ({"sampling_rate": 0}, "sampling_rate"),
            ({"sampling_rate": True}, "sampling_rate=True; give samples per second"),
            (
                {"starts": ["2026-01-31", pd.Timestamp("2026-02-01", tz="Europe/Berlin"), None]},
                "recording 1 begins at 2026-02-01 .*, with a time zone, recording 0 at 2026-01-31 .*, without one; .*"
                r"tz_localize\('Europe/Berlin'\), or none",
            ),
            (
                {"starts": [pd.Timestamp("2026-02-01", tz="UTC"), "2026-01-31", None], "names": ["a", "b", "c"]},
                "recording 'a' begins .*, recording 'b' at",
            ),
            ({"starts": ["2026", 1.7e9, None]}, r"starts\[1\] is 1700000000.0; give a date with a time, or None"),
            ({"starts": ["2026", "soon", None]}, r"starts\[1\] is 'soon'; give a date with a time, or None"),
        ],
    )
    def test_what_is_wrong_is_named(self, options, match):
        with pytest.raises(ValueError, match=match):
            Recordings.from_arrays(X, **options)


def test_clocks_of_other_rates_are_refused():
    clocks = [pd.date_range("2026-01-31", periods=9, freq=freq) for freq in ("100ms", "100ms", "50ms")]
    signals = [pd.Series(np.zeros(9), clock) for clock in clocks]
    with pytest.raises(ValueError, match="recording 2 has times 0.05 s apart, recording 0 0.1 s: .*Resample"):
        Recordings.from_arrays(signals)
    assert Recordings.from_arrays(signals, sampling_rate=10).sampling_rate == 10
    assert Recordings.from_arrays(signals[:2]).sampling_rate == pytest.approx(10)
    with pytest.warns(UserWarning, match="X: recording 2 has times 0.05 s apart, recording 0 0.1 s"):
        WindowFeatureSegmenter(random_state=0).fit(signals, [np.arange(9) % 2] * 3)


def test_clocks_that_are_rounded_have_the_same_rate():
    start = pd.Timestamp("2026-01-31")
    exact = [start + pd.to_timedelta((np.arange(400) + shift) / 400, unit="s") for shift in (0, 0.5)]
    signals = [pd.Series(np.zeros(400), clock.round("ms")) for clock in exact]
    assert Recordings.from_arrays(signals, sampling_rate=None).names is None


@pytest.fixture(scope="module")
def factory():
    """Return recordings with names and a clock over a change to summer time, and strokes that touch, in words."""
    signals, truth = make_recordings(8, n_samples=600, gap=0, share=0.4, random_state=0)
    names = [f"day {i}.csv" for i in range(8)]
    starts = pd.date_range("2026-03-29 00:30", periods=8, freq="1h", tz="Europe/Berlin")
    recordings = Recordings.from_arrays(list(signals), names=names, sampling_rate=0.5, starts=starts)
    table = truth.table.assign(label="stroke")
    return recordings, table.assign(recording=[names[i] for i in table["recording"]])


@pytest.fixture(scope="module")
def fitted(factory):
    recordings, table = factory
    return WindowFeatureSegmenter(random_state=0).fit(recordings, Annotations.from_table(table, recordings))


class TestTheWayOfNames:
    def test_segments_speak_in_names_words_and_clock_times(self, factory, fitted):
        recordings, _ = factory
        found = fitted.predict_segments(recordings)
        assert set(found["recording"]) <= set(recordings.names)
        assert set(found["label"]) == {"stroke"}
        number = [recordings.names.index(name) for name in found["recording"]]
        expected = pd.Series([recordings.starts[i] for i in number]) + pd.to_timedelta(found["start"] * 2, unit="s")
        pd.testing.assert_series_equal(found["start_clock"], expected, check_names=False, check_dtype=False)
        assert (found["end_clock"] - found["start_clock"]).dt.total_seconds().tolist() == found["duration"].tolist()
        assert str(found["start_clock"].dt.tz) == "Europe/Berlin"

    def test_streams_speak_in_words(self, factory):
        recordings, table = factory
        segmenter = WindowFeatureSegmenter(normalization="local", random_state=0)
        segmenter.fit(recordings, Annotations.from_table(table, recordings))
        stream, signal = StreamSegmenter(segmenter), recordings.get(0)
        parts = [stream.push(signal[:350]), stream.push(signal[350:]), stream.flush()]
        found = pd.concat([part for part in parts if len(part)], ignore_index=True)
        whole = segmenter.predict_segments([signal])
        assert set(whole["label"]) == {"stroke"}
        pd.testing.assert_frame_equal(found[["start", "end", "label"]], whole[["start", "end", "label"]])

    def test_numbers_come_back_and_unknown_names_and_words_are_named(self, factory, fitted):
        recordings, _ = factory
        found = fitted.predict_segments(recordings)
        numbers = number_segments(found, recordings, fitted.class_names_)
        assert [recordings.names[i] for i in numbers["recording"]] == found["recording"].tolist()
        assert set(numbers["label"]) == {1}
        for column, wrong, match in (
            ("recording", "day 99.csv", "table row 0: there is no recording 'day 99.csv'"),
            ("label", "walk", "table row 0: label is 'walk'; the words are"),
        ):
            with pytest.raises(ValueError, match=match):
                number_segments(found.assign(**{column: wrong}), recordings, fitted.class_names_)

    def test_tables_of_names_and_words_can_be_changed(self, factory, fitted):
        recordings, _ = factory
        found = fitted.predict_segments(recordings)
        merged = merge_segments(found, 5)
        assert len(merged) < len(found)
        since = merged["start_clock"] + pd.to_timedelta(merged["duration"], unit="s")
        assert (since == merged["end_clock"]).all()
        day = recordings.names[1]
        own = filter_segments(found, labels="stroke", recordings={day})
        assert own["start"].tolist() == found["start"][found["recording"] == day].tolist()
        assert filter_segments(found, labels=["walk"]).empty
        moved = shift_segments(own, {day: 10})
        assert (moved["start_clock"] - own["start_clock"]).dt.total_seconds().tolist() == [20.0] * len(own)
        with pytest.raises(ValueError, match="offset has no entry for recording day 1"):
            shift_segments(own, {"day 0.csv": 10})
        late = clip_segments(own, 300, 600)
        assert late["start_clock"].min() >= recordings.starts[1] + pd.Timedelta(600, unit="s")
        counts = count_segments(found)
        assert counts.loc[day, "stroke"] == len(own)
        with pytest.raises(ValueError, match="n_recordings=8, but segments names its recordings"):
            count_segments(found, n_recordings=8)

    def test_arrays_speak_in_numbers(self, factory, fitted):
        recordings, _ = factory
        found = fitted.predict_segments([recordings.get(i) for i in range(8)])
        assert found["recording"].dtype == np.int64
        assert "start_clock" not in found

    def test_scores_compare_words(self, factory, fitted):
        recordings, table = factory
        truth = Annotations.from_table(table, recordings)
        assert segment_f1_scorer(fitted, recordings, truth) > 0.9
        more = pd.concat([table, pd.DataFrame([(recordings.names[1], 0, 1, "a rare word")], columns=table.columns)])
        other = Annotations.from_table(more, recordings)
        assert other.class_names == {0: "background", 1: "a rare word", 2: "stroke"}
        assert segment_f1(truth, other, average=None)[1] > 0.9
        assert fitted.score(recordings, other) > 0.5

    def test_truth_needs_no_names_and_may_number_words_otherwise(self, factory, fitted):
        recordings, table = factory
        truth = Annotations.from_table(table, recordings)
        score = segment_f1_scorer(fitted, recordings, truth)
        number = [recordings.names.index(name) for name in table["recording"]]
        signals = [recordings.get(i) for i in range(8)]
        nameless = Annotations.from_table(table.assign(recording=number, label=1), signals)
        assert segment_f1_scorer(fitted, recordings, nameless) == score
        seven = Annotations.from_table(table, recordings, class_names={0: "background", 7: "stroke"})
        other = WindowFeatureSegmenter(random_state=0).fit(recordings, seven)
        numbered = Annotations.from_table(table.assign(recording=number, label=7), signals)
        assert segment_f1_scorer(other, recordings, numbered) == score

    def test_counts_of_words_are_calibrated_by_words(self, factory, fitted):
        recordings, table = factory
        other = Annotations.from_table(table, recordings, class_names={0: "background", 7: "stroke"})
        calibration = calibrate_counts(fitted, recordings, other)
        assert list(calibration) == ["stroke"]
        assert list(calibrate_counts(fitted, recordings, other, cv=2)) == ["stroke"]
        found = fitted.predict_segments(recordings)
        options = {"calibration": calibration, "level": 0.8}
        total = summarize(found, recordings, by=("label",), **options)
        assert abs(total["expected_count"].item() - len(table)) < 2
        assert summarize(found[:0], recordings, labels=["stroke"], **options)["count"].tolist() == [0] * 8
        with pytest.raises(ValueError, match="calibration has no entry for label 'other', only for"):
            summarize(found, recordings, labels=["stroke", "other"], **options)

    def test_displays_and_scorers_follow_the_numbers_of_the_model(self, factory, fitted):
        from sslts.plotting import CountDisplay

        recordings, table = factory
        truth = Annotations.from_table(table, recordings)
        other = Annotations.from_table(table, recordings, class_names={0: "background", 7: "stroke"})
        assert calibration_scorer(fitted, recordings, other) == calibration_scorer(fitted, recordings, truth)
        legend = CountDisplay.from_estimator(fitted, recordings, other).ax_.get_legend()
        assert "stroke" in legend.texts[0].get_text()
        assert tune_decoder(fitted, recordings, other) == tune_decoder(fitted, recordings, truth)

    def test_the_rate_of_the_segmenter_is_enough_for_the_clock(self, factory):
        recordings, table = factory
        segmenter = WindowFeatureSegmenter(sampling_rate=0.5, random_state=0)
        segmenter.fit(recordings, Annotations.from_table(table, recordings))
        clocked = Recordings.from_arrays([recordings.get(0)], starts=["2026-01-31"])
        found = segmenter.predict_segments(clocked)
        assert found["start_clock"][0] == pd.Timestamp("2026-01-31") + pd.Timedelta(found["start_time"][0], unit="s")
        with pytest.warns(UserWarning, match="X has 5 samples per second, but sampling_rate=0.5"):
            segmenter.predict(Recordings.from_arrays([recordings.get(0)], sampling_rate=5))

    def test_folds_of_recordings_and_learning_curves(self, factory):
        recordings, table = factory
        truth = Annotations.from_table(table, recordings)
        assert select_rows(recordings, np.array([2, 0])).names == (recordings.names[2], recordings.names[0])
        segmenter = WindowFeatureSegmenter(random_state=0)
        curve = label_efficiency_curve({"trees": segmenter}, recordings, truth, n_labeled=[2], cv=2, random_state=0)
        assert (curve["score"] > 0.5).all()

    def test_held_out_annotations_have_the_same_words(self, factory):
        recordings, table = factory
        truth = Annotations.from_table(table, recordings)
        other = Annotations.from_table(table, recordings, class_names={0: "background", 5: "stroke"})
        segmenter = SupervisedSegmenter(max_steps=1, random_state=0)
        segmenter.fit(recordings, truth, validation=(recordings[:2], other[:2]))
        assert segmenter.class_names_ == {0: "background", 1: "stroke"}
        assert segmenter.classes_.tolist() == [0, 1]

    def test_a_model_to_start_from_gives_its_words_their_numbers(self, factory):
        recordings, table = factory
        first = SupervisedSegmenter(max_steps=1, random_state=0)
        first.fit(recordings, Annotations.from_table(table, recordings))
        rare = pd.DataFrame([(recordings.names[1], 0, 2, "a rare word")], columns=table.columns)
        more = Annotations.from_table(pd.concat([table, rare]), recordings)
        second = SupervisedSegmenter(max_steps=1, random_state=0, init=first).fit(recordings, more)
        assert second.class_names_ == {0: "background", 1: "stroke", 2: "a rare word"}
        again = SupervisedSegmenter(max_steps=1, random_state=0, warm_start=True)
        again.fit(recordings, Annotations.from_table(table, recordings)).fit(recordings, more)
        assert again.class_names_ == second.class_names_


class TestWords:
    rows = pd.DataFrame({"recording": [0, 0], "start": [0, 2], "end": [2, 4], "label": ["walk", "turn"]})

    def test_words_are_numbered_in_their_order(self):
        found = Annotations.from_table(self.rows, X)
        assert found.class_names == {0: "background", 1: "turn", 2: "walk"}
        assert found.runs.value[:2].tolist() == [2, 1]
        assert found.table["label"].tolist() == ["walk", "turn"]

    def test_background_is_a_word_too(self):
        found = Annotations.from_table(self.rows.assign(label=["background", "turn"]), X, looked_at=[])
        assert found.list_labels()[0].tolist() == [0, 0, 1, 1, -1]

    @pytest.mark.parametrize(
        ("class_names", "match"),
        [
            ({1: "walk"}, "table row 1: label is 'turn'; the words are"),
            ({1: "walk", 2: "walk"}, "one word for two classes"),
            ({"walk": 1}, "class_names has the class 'walk'"),
            (["walk"], "class_names="),
        ],
    )
    def test_what_is_wrong_is_named(self, class_names, match):
        with pytest.raises(ValueError, match=match):
            Annotations.from_table(self.rows, X, class_names=class_names)


class TestShownNames:
    def test_plots_and_reports_show_words_and_files(self, factory, fitted, tmp_path):
        from sslts.plotting import CountDisplay, SegmentationDisplay
        from sslts.report import write_production_report, write_report

        recordings, table = factory
        truth = Annotations.from_table(table, recordings)
        assert "stroke" in CountDisplay.from_estimator(fitted, recordings, truth).ax_.get_legend().texts[0].get_text()
        display = SegmentationDisplay.from_estimator(fitted, recordings, truth, recording=1)
        assert display.names == {0: "background", 1: "stroke"}
        calibration = calibrate_counts(fitted, recordings, truth)
        run = write_production_report(fitted, recordings, tmp_path / "c.html", calibration=calibration, level=0.8)
        assert "stroke" in run.read_text()
        page = write_report(fitted, recordings, truth, tmp_path / "a.html", n_worst=1, n_typical=1).read_text()
        assert "stroke" in page
        assert re.search(r"day \d.csv", page)
        assert "day 1.csv" in write_production_report(fitted, recordings, tmp_path / "b.html").read_text()
