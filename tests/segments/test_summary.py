import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.segments import CountCalibration, labels_to_segments, summarize

recordings = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=30).map(np.array), min_size=1, max_size=3)
COLUMNS = [
    "time",
    "count",
    "total_length",
    "mean_length",
    "std_length",
    "occupancy",
    "mean_interval",
    "std_interval",
]
EXPECTED = ["expected_count", "count_low", "count_high"]
PLAIN = {k: CountCalibration() for k in (1, 2)}  # a score is a probability, errors are independent


class TestLaws:
    @settings(max_examples=30, deadline=None)
    @given(recordings, st.integers(1, 12))
    def test_periods_add_up_to_the_whole(self, labels, period):
        table, lengths = labels_to_segments(labels), [len(one) for one in labels]
        parts = summarize(table, lengths, period=period, labels=[1, 2])
        whole = summarize(table, lengths, labels=[1, 2])
        sums = parts.groupby(["recording", "label"])[["time", "count", "total_length"]].sum().reset_index()
        for name in ("time", "count", "total_length"):
            assert sums[name].tolist() == whole[name].tolist()

    @settings(max_examples=30, deadline=None)
    @given(recordings, st.integers(1, 12))
    def test_lengths_are_divided_among_periods_by_samples(self, labels, period):
        parts = summarize(labels_to_segments(labels), [len(one) for one in labels], period=period, labels=[1, 2])
        for row in parts.itertuples():
            piece = labels[row.recording][row.period * period : (row.period + 1) * period]
            assert row.total_length == (piece == row.label).sum()
            assert row.time == len(piece)
            assert row.occupancy == pytest.approx((piece == row.label).mean())

    @settings(max_examples=15, deadline=None)
    @given(recordings)
    def test_pooling_adds_up(self, labels):
        table, lengths = labels_to_segments(labels), [len(one) for one in labels]
        every = summarize(table, lengths, labels=[1, 2])
        for by in (["label"], ["recording"], []):
            pooled = summarize(table, lengths, labels=[1, 2], by=by)
            wanted = every.groupby(by)["count"].sum().tolist() if by else [every["count"].sum()]
            assert pooled["count"].tolist() == wanted
            assert list(pooled.columns) == [*by, *COLUMNS]


class TestFigures:
    table = labels_to_segments([[1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 2]])

    def test_by_hand(self):
        row = summarize(self.table, [12], labels=[1]).iloc[0]
        assert (row["count"], row["total_length"], row["mean_length"]) == (3, 7, pytest.approx(7 / 3))
        assert row["std_length"] == pytest.approx(np.std([2, 4, 1], ddof=1))
        assert row["occupancy"] == pytest.approx(7 / 12)
        assert (row["mean_interval"], row["std_interval"]) == (4.5, pytest.approx(np.std([4, 5], ddof=1)))

    def test_a_segment_in_two_periods_is_counted_in_the_period_of_its_start(self):
        found = summarize(self.table, [12], period=6, labels=[1])
        assert found["count"].tolist() == [2, 1]
        assert found["total_length"].tolist() == [4, 3]
        assert found["mean_length"].tolist() == [3, 1]
        assert found["mean_interval"].tolist() == [4, 5]

    def test_seconds(self):
        found = summarize(self.table, [12], period=3, labels=[1], sampling_rate=2)
        assert found["time"].tolist() == [3, 3]
        assert found["total_length"].tolist() == [2, 1.5]
        assert found["mean_interval"].tolist() == [2, 2.5]
        assert found["occupancy"].tolist() == pytest.approx([4 / 6, 3 / 6])

    def test_the_order_of_rows_does_not_matter(self):
        table = labels_to_segments([[1, 0, 1, 1, 0, 2], [2, 0, 1, 0, 1, 0]])
        pd.testing.assert_frame_equal(summarize(table.iloc[::-1], [6, 6], period=4), summarize(table, [6, 6], period=4))

    def test_only_the_given_labels_have_rows_and_missing_labels_have_zeros(self):
        found = summarize(self.table, [12], labels=[3, 2])
        assert found["label"].tolist() == [2, 3]
        assert found["count"].tolist() == [1, 0]
        assert np.isnan(found["mean_length"][1])

    def test_a_repeated_label_is_counted_once(self):
        options = {"by": ["recording", "label"], "period": 5}
        twice = summarize(self.table, [12], labels=[2, 1, 1], **options)
        pd.testing.assert_frame_equal(twice, summarize(self.table, [12], labels=[1, 2], **options))


class TestExpectedCount:
    labels = [[0, 1, 0, 1, 0, 1]]

    def make(self, *scores):
        return labels_to_segments(self.labels).assign(score=scores)

    def test_there_is_none_without_a_calibration(self):
        assert list(summarize(self.make(0.9, 0.9, 0.2), [6])) == ["recording", "period", "label", *COLUMNS]

    def test_scores_are_probabilities_by_default(self):
        row = summarize(self.make(0.9, 0.9, 0.2), [6], calibration=PLAIN).iloc[0]
        assert row["count"] == 3
        assert row["expected_count"] == pytest.approx(2.0)
        reach = 1.6449 * np.sqrt(0.09 + 0.09 + 0.16 + 0.01)
        assert (row["count_low"], row["count_high"]) == (np.ceil(2 - reach), np.floor(2 + reach))

    def test_scores_of_one_give_an_interval_of_one_number(self):
        row = summarize(self.make(1.0, 1.0, 1.0), [6], calibration=PLAIN).iloc[0]
        assert (row["count_low"], row["count_high"]) == (3, 3)

    def test_a_calibration_changes_expected_counts_and_intervals(self):
        doubt = {1: CountCalibration(slope=0.0, intercept=0.0, missed=0.5, residuals=(2.0,) * 20)}
        row = summarize(self.make(0.9, 0.9, 0.2), [6], calibration=doubt).iloc[0]
        assert row["expected_count"] == pytest.approx(3 * 0.5 * 1.5)
        reach = 2 * np.sqrt(3 * (0.25 * 1.5**2 + 0.5 * 0.5 * 1.5) + 0.01)
        assert row["count_high"] == np.floor(2.25 + reach)
        assert row["count_low"] == 0

    def test_labels_that_are_not_counted_need_no_calibration(self):
        table = labels_to_segments([[0, 1, 0, 2]]).assign(score=0.9)
        options = {"labels": [1], "calibration": {1: CountCalibration()}}
        pd.testing.assert_frame_equal(
            summarize(table, [4], **options), summarize(table[table["label"] == 1], [4], **options)
        )

    def test_a_higher_level_is_wider(self):
        table = self.make(0.6, 0.6, 0.6)
        narrow, wide = (summarize(table, [6], calibration=PLAIN, level=level).iloc[0] for level in (0.3, 0.99))
        assert wide["count_low"] < narrow["count_low"] <= narrow["count_high"] < wide["count_high"]

    def test_without_scores_expected_counts_are_nan(self):
        found = summarize(labels_to_segments([[0, 1], [0, 0]]), [2, 2], calibration=PLAIN)
        assert np.isnan(found["expected_count"][0])
        assert found["expected_count"][1] == 0

    def test_a_segment_without_a_score_makes_only_its_own_row_nan(self):
        table = labels_to_segments([[0, 1, 0, 1], [0, 1, 0, 2]]).assign(score=[0.5, np.nan, 0.5, 0.25])
        found = summarize(table, [4, 4], calibration=PLAIN)
        assert found.loc[0, EXPECTED].isna().all()
        assert found["expected_count"][1:].tolist() == [0, 0.5, 0.25]
        pooled = summarize(table, [4, 4], by=["label"], calibration=PLAIN)
        assert pooled.loc[0, EXPECTED].isna().all()
        assert pooled["expected_count"][1] == 0.25


class TestEmpty:
    def test_no_segments_give_an_empty_table_with_the_right_columns(self):
        found = summarize(labels_to_segments([[0, 0]]), [2], calibration={})
        assert list(found.columns) == ["recording", "period", "label", *COLUMNS, *EXPECTED]
        assert found.empty
        assert found["count"].dtype == np.int64
        assert found.drop(columns=["recording", "period", "label", "count"]).dtypes.eq(np.float64).all()

    def test_given_labels_have_rows_of_zeros(self):
        found = summarize(labels_to_segments([[0, 0], [0]]), [2, 1], labels=[1], calibration=PLAIN)
        assert found["count"].tolist() == [0, 0]
        assert found["count_high"].tolist() == [0, 0]


class TestErrors:
    table = labels_to_segments([[0, 1, 1, 0]])

    @pytest.mark.parametrize(
        ("change", "options", "message"),
        [
            ({}, {"period": 0}, "period=0 is shorter than a sample"),
            ({}, {"period": -3}, "period=-3"),
            ({}, {"period": 0.01, "sampling_rate": 10}, "period=0.01 is shorter than a sample"),
            ({}, {"period": np.nan}, "period=nan"),
            ({}, {"period": "1h"}, "period='1h' goes by the clock, which is not known; pass Recordings.from_arrays"),
            ({}, {"period": pd.Timedelta("1h")}, "goes by the clock, which is not known"),
            ({}, {"level": 1.0}, "level=1.0; give a share"),
            ({}, {"by": ["patient"]}, r"by=\['patient'\]; give a sequence"),
            (
                {},
                {"calibration": {2: CountCalibration()}},
                r"calibration has no entry for label 1, only for \[2\]; give one entry",
            ),
            (
                {},
                {"labels": [1, 2], "calibration": {1: CountCalibration()}},
                r"calibration has no entry for label 2, only for \[1\]; give one entry",
            ),
            ({"end": 9}, {}, r"segments row 0 .* lies outside its recording"),
            ({"end": 1}, {}, r"segments row 0 .* ends at or before its start"),
            ({"recording": 4}, {}, r"segments row 0 .* names an unknown recording"),
        ],
    )
    def test_invalid_arguments_are_refused(self, change, options, message):
        with pytest.raises(ValueError, match=message):
            summarize(self.table.assign(**change), [4], **options)


def test_periods_of_a_fractional_number_of_samples_do_not_drift():
    """A period of 1.5 s at 3 Hz is 4.5 samples, so two periods are nine samples."""
    table = labels_to_segments([[0, 1] * 90])
    found = summarize(table, [180], period=1.5, sampling_rate=3)
    assert len(found) == 40
    assert found["time"].sum() == pytest.approx(60)
    assert set((found["time"] * 3).round(6)) == {4, 5}
    assert (table["start"].to_numpy() < 4.5).sum() == found["count"].iloc[0]


class TestClock:
    table = labels_to_segments([[0, 1, 1, 0, 0, 1]], sampling_rate=100)

    def test_a_sampling_rate_that_disagrees_with_the_table_is_refused(self):
        with pytest.raises(ValueError, match="sampling_rate=250, but .* of segments give 100 samples per second"):
            summarize(self.table, [6], sampling_rate=250)
        assert summarize(self.table, [6], sampling_rate=100)["time"].tolist() == [0.06]

    def test_a_period_without_a_sampling_rate_is_warned_of_if_the_table_has_times(self):
        with pytest.warns(UserWarning, match="period=3 is in samples. Pass sampling_rate=100"):
            summarize(self.table, [6], period=3)

    def test_times_that_do_not_start_at_zero_are_ignored(self):
        summarize(self.table.assign(end_time=self.table["end_time"] + 1000.0), [6], sampling_rate=250)


def test_a_period_longer_than_all_recordings_is_one_period():
    table = labels_to_segments([[0, 1, 1, 0, 1, 1]])
    found, wanted = (summarize(table, [6], period=period) for period in (1e20, 6))
    pd.testing.assert_frame_equal(found, wanted)


class TestPooledRecordings:
    table = labels_to_segments([[0, 1, 1, 0, 1, 1]] * 40, proba=[np.full((6, 2), 0.5)] * 40)
    curve = CountCalibration(residuals=(1.0,) * 60)

    def find_width(self, n, curve=curve, by=("label",)):
        rows = self.table[self.table["recording"] < n]
        found = summarize(rows, [6] * n, by=by, calibration={1: curve}, level=0.9)
        return float((found["count_high"] - found["count_low"]).max())

    def test_recordings_share_the_error_of_the_calibration(self):
        independent = self.find_width(40, CountCalibration())
        few, many = (self.find_width(40, CountCalibration(residuals=(1.0,) * n)) for n in (50, 10_000))
        assert few > 1.2 * independent
        assert many == pytest.approx(independent, abs=1)

    def test_few_recordings_give_no_interval_of_a_sum(self):
        found = summarize(
            self.table, [6] * 40, by=("label",), calibration={1: CountCalibration(residuals=(1.0,) * 49)}, level=0.9
        )
        assert found[["count_low", "count_high"]].isna().all(axis=None)
        assert found["expected_count"].notna().all()

    def test_the_interval_of_one_recording_does_not_depend_on_the_columns(self):
        assert self.find_width(1) == self.find_width(1, by=("recording", "label")) == self.find_width(1, by=())

    def test_the_sum_is_less_certain_than_a_part(self):
        assert self.find_width(1) < self.find_width(10) < self.find_width(40)

    def test_periods_of_one_recording_are_no_pool(self):
        by_period = summarize(self.table, [6] * 40, period=3, by=("recording", "label"), calibration={1: self.curve})
        whole = summarize(self.table, [6] * 40, by=("recording", "label"), calibration={1: self.curve})
        pd.testing.assert_frame_equal(by_period[EXPECTED], whole[EXPECTED])

    def test_two_labels_of_one_recording_are_independent(self):
        table = labels_to_segments([[0, 1, 0, 2]], proba=[np.full((4, 3), 0.5)])
        found = summarize(table, [4], by=(), calibration=dict.fromkeys((1, 2), CountCalibration(residuals=(4.0,) * 20)))
        reach = 4 * np.sqrt(2 * (0.25 + 0.01))
        assert found["count_high"].item() == np.floor(1 + reach)
