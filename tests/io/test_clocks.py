"""Columns of times: rates, grids, joining, cutting, time zones, and clocks that do not fit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.io import read_recordings
from sslts.io._clocks import find_nearest


def write(folder, name, begin="2026-03-02 08:00", n=50, freq="100ms", tz=None, drop=(), first=0):
    times = pd.date_range(begin, periods=n, freq=freq, tz=tz)
    table = pd.DataFrame({"time": times, "x": np.arange(first, first + n, dtype=float)})
    table.drop(index=list(drop)).to_csv(folder / name, index=False)
    return folder / name


def test_a_clock_gives_rate_and_start(tmp_path):
    recordings = read_recordings(write(tmp_path, "a.csv"))
    assert recordings.sampling_rate == 10
    assert recordings.starts == (pd.Timestamp("2026-03-02 08:00"),)
    assert recordings.get(0).tolist() == [list(range(50))]


def test_missing_rows_are_nan(tmp_path):
    recordings = read_recordings(write(tmp_path, "a.csv", drop=[10, 11, 30]))
    x = recordings.get(0)[0]
    assert len(x) == 50
    assert np.flatnonzero(np.isnan(x)).tolist() == [10, 11, 30]
    assert x[31] == 31


def test_files_that_follow_are_joined(tmp_path):
    write(tmp_path, "b.csv", "2026-03-02 08:00:05", first=50)
    write(tmp_path, "a.csv")
    write(tmp_path, "c.csv", "2026-03-02 08:00:10.3", first=103, n=10)
    joined = read_recordings(tmp_path)
    assert joined.names == ("a..b", "c")
    assert joined.get(0).tolist() == [list(range(100))]
    joined = read_recordings(tmp_path, max_gap=1)
    assert joined.names == ("a..c",)
    assert joined.get(0)[0, 99:104].tolist()[0] == 99
    assert np.isnan(joined.get(0)[0, 100:103]).all()
    assert joined.get(0)[0, 103] == 103
    assert read_recordings(tmp_path, join=False).names == ("a", "b", "c")


def test_folders_are_not_joined(tmp_path):
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "a.csv")
    assert read_recordings(tmp_path / "*" / "*.csv").names == ("p/a", "q/a")


def test_a_pause_cuts(tmp_path):
    path = write(tmp_path, "a.csv", drop=[*range(10, 30), 40])
    recordings = read_recordings(path, max_gap="1s")
    assert recordings.names == ("a", "a#2")
    assert recordings.lengths.tolist() == [10, 20]
    assert recordings.starts[1] == pd.Timestamp("2026-03-02 08:00:03")
    assert np.flatnonzero(np.isnan(recordings.get(1)[0])).tolist() == [10]


def test_time_zones(tmp_path):
    aware = read_recordings(write(tmp_path, "a.csv", tz="Europe/Berlin"))
    assert aware.starts == (pd.Timestamp("2026-03-02 08:00", tz="Europe/Berlin"),)
    told = read_recordings(write(tmp_path, "b.csv"), timezone="Europe/Berlin")
    assert told.starts == aware.starts
    with pytest.raises(ValueError, match=r"[ab]\.csv: only one of its clock and that of [ab]\.csv has a time zone"):
        read_recordings([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_an_hour_that_occurs_twice_needs_its_offset(tmp_path):
    path = write(tmp_path, "a.csv", "2026-10-25 02:30", freq="1min")
    with pytest.raises(ValueError, match=r"a\.csv, column 'time': the times are not unique .* offset from UTC"):
        read_recordings(path, timezone="Europe/Berlin")


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)])
def test_unix_times_are_a_clock(tmp_path, unit, factor):
    times = 1_772_438_400 * factor + np.arange(5) * factor
    pd.DataFrame({"timestamp": times, "x": range(5)}).to_csv(tmp_path / "a.csv", index=False)
    recordings = read_recordings(tmp_path / "a.csv")
    assert recordings.starts == (pd.Timestamp("2026-03-02 08:00", tz="UTC"),)
    assert recordings.sampling_rate == 1


def test_seconds_are_no_clock_and_are_not_joined(tmp_path):
    for name in ("a.csv", "b.csv"):
        pd.DataFrame({"time": np.arange(5) / 128, "x": range(5)}).round(6).to_csv(tmp_path / name, index=False)
    recordings = read_recordings(tmp_path)
    assert recordings.starts is None
    assert recordings.sampling_rate == pytest.approx(128, rel=1e-3)
    assert len(recordings) == 2


def test_another_format_of_times(tmp_path):
    (tmp_path / "a.csv").write_text("time;x\n02.03.2026 08:00:00;1\n02.03.2026 08:00:01;2\n")
    with pytest.raises(ValueError, match=r"row 0 \(line 2\): '02.03.2026 08:00:00' is no time; .*time_format"):
        read_recordings(tmp_path / "a.csv")
    read = read_recordings(tmp_path / "a.csv", time_format="%d.%m.%Y %H:%M:%S")
    assert read.starts == (pd.Timestamp("2026-03-02 08:00"),)


def test_rounded_and_drifting_clocks(tmp_path):
    at = np.round(np.arange(5000) / 128, 3)  # milliseconds
    pd.DataFrame({"time": at, "x": range(5000)}).to_csv(tmp_path / "a.csv", index=False)
    recordings = read_recordings(tmp_path / "a.csv")
    assert recordings.sampling_rate == 128
    assert recordings.get(0).tolist() == [list(range(5000))]
    drift = np.arange(50_000) / 100 * (1 + 1e-4)
    pd.DataFrame({"time": drift, "x": range(50_000)}).to_csv(tmp_path / "a.csv", index=False)
    recordings = read_recordings(tmp_path / "a.csv", sampling_rate=100)
    assert abs(recordings.get(0)[0, 50_000] - 49_995) <= 1  # the grid keeps to the clock
    assert np.isnan(recordings.get(0)).sum() == 0


class TestRefused:
    def test_clocks_that_jump_back_or_stand_still(self, tmp_path):
        table = pd.read_csv(write(tmp_path, "a.csv"))
        back = table.assign(time=[*table["time"][:20], *table["time"][10:40]])
        back.to_csv(tmp_path / "a.csv", index=False)
        with pytest.raises(ValueError, match=r"a\.csv, row 20 \(line 22\): the clock jumps back \(.*08:00:01.9"):
            read_recordings(tmp_path / "a.csv")
        table.loc[[0, *range(50)]].to_csv(tmp_path / "a.csv", index=False)
        with pytest.raises(ValueError, match=r"a\.csv, row 1 \(line 3\): the clock repeats the time before"):
            read_recordings(tmp_path / "a.csv")

    def test_a_clock_that_jumps_by_years(self, tmp_path):
        table = pd.read_csv(write(tmp_path, "a.csv"))
        table.loc[:9, "time"] = pd.date_range("1970-01-01", periods=10, freq="100ms").astype(str)
        table.to_csv(tmp_path / "a.csv", index=False)
        with pytest.raises(
            ValueError, match=r"a\.csv, row 10 \(line 12\): the clock jumps by .* seconds; pass max_gap"
        ):
            read_recordings(tmp_path / "a.csv")
        assert read_recordings(tmp_path / "a.csv", max_gap=60).lengths.tolist() == [10, 40]

    def test_clocks_that_overlap(self, tmp_path):
        write(tmp_path, "a.csv")
        write(tmp_path, "b.csv", "2026-03-02 08:00:04")
        with pytest.raises(ValueError, match=r"b\.csv, row 0 \(line 2\): the clock begins at .* overlaps a\.csv"):
            read_recordings(tmp_path)
        assert len(read_recordings(tmp_path, join=False)) == 2

    def test_a_rate_that_differs(self, tmp_path):
        write(tmp_path, "a.csv")
        write(tmp_path, "b.csv", "2026-03-03")
        path = write(tmp_path, "c.csv", "2026-03-04", freq="50ms", n=100)
        with pytest.raises(ValueError, match=r"c\.csv has 20 samples per second, other files have 10; pass .*resample"):
            read_recordings(tmp_path)
        with pytest.raises(ValueError, match="10 samples per second, sampling_rate is 20"):
            read_recordings(tmp_path / "a.csv", sampling_rate=20)
        recordings = read_recordings(tmp_path, sampling_rate=10, resample=True)
        assert recordings.lengths.tolist() == [50, 50, 50]
        np.testing.assert_allclose(recordings.get(2)[0, 10:40], np.arange(20, 80, 2), atol=0.5)
        with pytest.warns(UserWarning, match="c.csv"):
            assert read_recordings([tmp_path / "a.csv", tmp_path / "b.csv", path], on_error="warn").names == ("a", "b")

    def test_a_missing_time(self, tmp_path):
        (tmp_path / "a.csv").write_text("time,x\n2026-03-02 08:00:00,1\n,2\n2026-03-02 08:00:02,3\n")
        with pytest.raises(ValueError, match=r"a\.csv, column 'time', row 1 \(line 3\): the time is missing"):
            read_recordings(tmp_path / "a.csv")

    @pytest.mark.parametrize("max_gap", [0, -1, float("nan")])
    def test_a_useless_pause(self, tmp_path, max_gap):
        with pytest.raises(ValueError, match="max_gap="):
            read_recordings(write(tmp_path, "a.csv"), max_gap=max_gap)


@settings(deadline=None)
@given(kept=st.lists(st.booleans(), min_size=2, max_size=60), jitter=st.floats(0, 0.3), seed=st.integers(0, 99))
def test_rows_come_to_their_point_of_the_grid(kept, jitter, seed):
    kept[0] = kept[-1] = True
    at = np.flatnonzero(kept)
    noise = np.random.default_rng(seed).uniform(-jitter, jitter, len(at))
    noise[[0, -1]] = 0
    times = np.round((at + noise) * 1e9).astype(np.int64)
    found = find_nearest(times, 1e9, len(kept))
    expected = np.full(len(kept), -1)
    expected[at] = np.arange(len(at))
    assert (np.arange(len(kept)) if found is None else found).tolist() == expected.tolist()
