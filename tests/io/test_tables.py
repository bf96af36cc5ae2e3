"""Tables of signals: columns, separators, missing values, and what is refused."""

import gzip

import numpy as np
import pandas as pd
import pytest

from sslts.io import read_recordings


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_a_recording_with_its_name_channels_and_rate(tmp_path):
    write(tmp_path, "b.csv", "time,x,y\n0.0,1,2.5\n0.01,3,4\n0.02,5,6\n")
    write(tmp_path, "a.csv", "time,y,x\n0.0,1,2\n0.01,3,4\n")
    recordings = read_recordings(tmp_path / "*.csv")
    assert recordings.names == ("a", "b")
    assert recordings.channel_names == ("y", "x")
    assert recordings.sampling_rate == 100
    assert recordings.lengths.tolist() == [2, 3]
    np.testing.assert_array_equal(recordings.read(1), np.float32([[2.5, 4, 6], [1, 3, 5]]))


def test_formats_of_tables_hold_the_same(tmp_path):
    table = pd.DataFrame({"x": [1.5, np.nan, 3.0], "y": [4.0, 5.0, 6.0]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    table.to_csv(tmp_path / "a.csv.gz", index=False)
    table.to_csv(tmp_path / "a.csv.zip", index=False)
    names = ["a.csv", "a.tsv", "a.csv.gz", "a.csv.zip"]
    if pytest.importorskip("pyarrow"):
        table.to_parquet(tmp_path / "a.parquet")
        names.append("a.parquet")
    if pytest.importorskip("openpyxl"):
        table.to_excel(tmp_path / "a.xlsx", index=False)
        names.append("a.xlsx")
    for name in names:
        read = read_recordings(tmp_path / name, sampling_rate=10)
        np.testing.assert_array_equal(read.get(0), table.to_numpy().T, err_msg=name)
        assert read.channel_names == ("x", "y")
        assert read.names == ("a",)


def test_a_sheet_is_chosen_by_key(tmp_path):
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"x": [1, 2]}).to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"x": [3, 4]}).to_excel(book, sheet_name="second", index=False)
    assert read_recordings(tmp_path / "a.xlsx", key="second").get(0).tolist() == [[3, 4]]


def test_a_file_of_numbers_alone_has_no_names(tmp_path):
    path = write(tmp_path, "a.csv", "1,2\n3,4\n")
    recordings = read_recordings(path)
    assert recordings.channel_names is None
    assert recordings.get(0).tolist() == [[1, 3], [2, 4]]


def test_separator_and_decimal_mark(tmp_path):
    path = write(tmp_path, "a.csv", "x;y\n1,5;2\n2,5;3\n")
    assert read_recordings(path, decimal=",").get(0).tolist() == [[1.5, 2.5], [2, 3]]
    with pytest.raises(ValueError, match=r"a.csv, row 0 \(line 2\), column 'x': '1,5' is no number.*decimal=','"):
        read_recordings(path)


def test_another_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes("größe\n1\n2\n".encode("latin-1"))
    with pytest.raises(ValueError, match="a.csv is not in utf-8; pass encoding"):
        read_recordings(tmp_path / "a.csv")
    assert read_recordings(tmp_path / "a.csv", encoding="latin-1").channel_names == ("größe",)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    (tmp_path / "a.csv").write_bytes("time,x\n0,1\n1,2\n".encode("utf-8-sig"))
    assert read_recordings(tmp_path / "a.csv").sampling_rate == 1


def test_channels_are_chosen(tmp_path):
    path = write(tmp_path, "a.csv", "x,note,y\n1,good,2\n3,bad,4\n")
    assert read_recordings(path, channels=["y", "x"]).get(0).tolist() == [[2, 4], [1, 3]]
    assert read_recordings(path, channels="y").channel_names == ("y",)


class TestRefused:
    def test_text_in_a_signal(self, tmp_path):
        path = write(tmp_path, "a.csv", "x,y\n1,2\n3,off\n")
        with pytest.raises(
            ValueError, match=r"a\.csv, row 1 \(line 3\), column 'y': 'off' is no number; correct it, or leave"
        ):
            read_recordings(path)

    def test_an_empty_file(self, tmp_path):
        for text in ("", "x,y\n"):
            path = write(tmp_path, "a.csv", text)
            with pytest.raises(ValueError, match="a.csv is empty: .*; remove the file"):
                read_recordings(path)

    def test_a_column_that_is_missing_in_some_files(self, tmp_path):
        for name in "abc":
            write(tmp_path, f"{name}.csv", "x,y\n1,2\n")
        path = write(tmp_path, "d.csv", "x,z\n1,2\n")
        with pytest.raises(ValueError, match=r"d\.csv has no column 'y', which a\.csv has; pass channels=\['x'\]"):
            read_recordings(tmp_path)
        with pytest.raises(ValueError, match=r"d\.csv has no column 'y'; it has \['x', 'z'\]"):
            read_recordings(tmp_path, channels=["y"])
        with pytest.warns(UserWarning, match=f"1 of 4 files could not be read:\n  {path}"):
            assert len(read_recordings(tmp_path, on_error="warn")) == 3

    def test_a_missing_column_of_times(self, tmp_path):
        path = write(tmp_path, "a.csv", "x\n1\n2\n")
        with pytest.raises(ValueError, match=r"a\.csv has no column 'clock'; it has \['x'\]. Pass time"):
            read_recordings(path, time="clock")

    def test_a_row_that_is_too_long(self, tmp_path):
        with pytest.raises(ValueError, match=r"a\.csv"):
            read_recordings(write(tmp_path, "a.csv", "x,y\n1,2\n1,2,3\n"))

    def test_an_unknown_suffix(self, tmp_path):
        with pytest.raises(ValueError, match=r"a\.mat: the suffix '.mat' is unknown"):
            read_recordings(write(tmp_path, "a.mat", "x"))


def test_a_compressed_file_is_read_by_its_inner_suffix(tmp_path):
    with gzip.open(tmp_path / "a.tsv.gz", "wt") as file:
        file.write("x\ty\n1\t2\n")
    assert read_recordings(tmp_path).channel_names == ("x", "y")


class TestIndex:
    """pandas writes its index too, as a first column without a name."""

    def test_numbers_of_rows_are_no_channel(self, tmp_path):
        pd.DataFrame({"x": [1.5, 2.5]}).to_csv(tmp_path / "a.csv")
        assert read_recordings(tmp_path / "a.csv").channel_names == ("x",)

    def test_an_index_of_times_is_the_clock(self, tmp_path):
        times = pd.date_range("2026-03-02", periods=4, freq="20ms", tz="UTC")
        table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}, index=times)
        table.to_csv(tmp_path / "a.csv")
        names = ["a.csv"]
        if pytest.importorskip("pyarrow"):
            table.to_parquet(tmp_path / "a.parquet")
            names.append("a.parquet")
        if pytest.importorskip("openpyxl"):
            table.tz_localize(None).to_excel(tmp_path / "a.xlsx")
            names.append("a.xlsx")
        for name in names:
            recordings = read_recordings(tmp_path / name)
            assert recordings.sampling_rate == 50
            assert recordings.starts[0].tz_localize(None) == pd.Timestamp("2026-03-02")
            assert recordings.channel_names == ("x",)


class TestColumnsOfTimes:
    def test_a_column_that_rises_like_a_time_is_warned_of(self, tmp_path):
        table = pd.DataFrame({"Zeit": np.arange(50) / 10, "x": np.sin(np.arange(50))})
        table.to_csv(tmp_path / "a.csv", index=False)
        with pytest.warns(UserWarning, match=r"a\.csv: the column 'Zeit' rises as steadily .* pass time='Zeit'"):
            assert read_recordings(tmp_path / "a.csv").channel_names == ("Zeit", "x")

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("options", [{"time": "Zeit"}, {"time": False}, {"channels": ["Zeit", "x"]}])
    def test_who_says_what_the_columns_are_is_not_warned(self, tmp_path, options):
        table = pd.DataFrame({"Zeit": np.arange(50) / 10, "x": np.sin(np.arange(50))})
        table.to_csv(tmp_path / "a.csv", index=False)
        read_recordings(tmp_path / "a.csv", **options)

    @pytest.mark.parametrize("value", ["2026-03-02 08:00:00", "02.03.2026 08:00", "08:00:00.5"])
    def test_dates_in_another_column_name_the_fix(self, tmp_path, value):
        (tmp_path / "a.csv").write_text(f"Zeit,x\n{value},1\n")
        with pytest.raises(ValueError, match="if the column holds the times, pass time='Zeit'"):
            read_recordings(tmp_path / "a.csv")
