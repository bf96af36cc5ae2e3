"""Annotations of every format: what they mean, and rows that are refused with file, row and fix."""

import numpy as np
import pandas as pd
import pytest

from sslts import Recordings
from sslts.io import read_annotations, read_segments

RATE = 100
STARTS = [pd.Timestamp("2026-03-02 08:00", tz="UTC"), pd.Timestamp("2026-03-02 10:00", tz="UTC")]


@pytest.fixture
def recordings():
    arrays = [np.zeros((1, 1000)), np.zeros((1, 500))]
    return Recordings.from_arrays(arrays, names=["monday", "tuesday"], sampling_rate=RATE, starts=STARTS)


def write(folder, text, name="labels.csv"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def list_rows(annotations):
    return list(annotations.table.itertuples(index=False, name=None))


def list_seen(annotations):
    return list(annotations.looked_at.itertuples(index=False, name=None))


EXPECTED = [("monday", 50, 125, "step"), ("tuesday", 20, 40, "turn")]


class TestUnits:
    @pytest.mark.parametrize(
        "text",
        [
            "recording,start,end,label\nmonday,50,125,step\ntuesday,20,40,turn\n",
            "file,start,end,event\nmonday.csv,0.5,1.25,step\ntuesday.csv,0.2,0.4,turn\n",
            "Filename;Onset;Duration;Description\nx/monday.edf;0.5;0.75;step\nx/tuesday.edf;0.2;0.2;turn\n",
            "file,start_time,end_time,label\nmonday,0.5,1.25,step\ntuesday,0.2,0.4,turn\n",
            "start,end,label\n2026-03-02T08:00:00.5Z,2026-03-02T08:00:01.25Z,step\n"
            "2026-03-02 11:00:00.2+01:00,2026-03-02 11:00:00.4+01:00,turn\n",
        ],
    )
    def test_samples_seconds_and_clock_times(self, recordings, tmp_path, text):
        annotations = read_annotations(write(tmp_path, text), recordings)
        assert list_rows(annotations) == EXPECTED
        assert list_seen(annotations) == [("monday", 0, 1000), ("tuesday", 0, 500)]

    def test_a_told_unit_and_told_columns(self, recordings, tmp_path):
        path = write(tmp_path, "who,a,b,what\nmonday,1,2,step\n")
        columns = {"recording": "who", "start": "a", "end": "b", "label": "what"}
        assert list_rows(read_annotations(path, recordings, columns=columns)) == [("monday", 1, 2, "step")]
        read = read_annotations(path, recordings, columns=columns, unit="seconds")
        assert list_rows(read) == [("monday", 100, 200, "step")]
        with pytest.raises(ValueError, match="columns has 'begin'; its keys are"):
            read_annotations(path, recordings, columns={"begin": "a"})
        with pytest.raises(ValueError, match="unit='s'; give 'samples', 'seconds' or 'clock'"):
            read_annotations(path, recordings, unit="s")

    def test_naive_clock_times_need_a_time_zone(self, recordings, tmp_path):
        path = write(tmp_path, "start,end,label\n2026-03-02 09:00:00.5,2026-03-02 09:00:01.25,step\n")
        with pytest.raises(
            ValueError, match=r"labels\.csv, row 0 \(line 2\): the recordings have a time zone, the labels"
        ):
            read_annotations(path, recordings)
        read = read_annotations(path, recordings, timezone="Europe/Berlin")
        assert list_rows(read) == EXPECTED[:1]

    def test_another_time_zone_is_guessed(self, recordings, tmp_path):
        path = write(tmp_path, "file,start,end,label\nmonday,2026-03-02T09:00:00.5Z,2026-03-02T09:00:01Z,step\n")
        with pytest.raises(ValueError, match=r"row 0 \(line 2\): .* outside .*-1 hours would fit: .* Pass timezone"):
            read_annotations(path, recordings)


class TestNames:
    def test_a_file_without_names_belongs_to_its_own_name_or_the_only_recording(self, recordings, tmp_path):
        path = write(tmp_path, "start,end,label\n50,125,step\n", "monday.csv")
        assert list_rows(read_annotations(path, recordings)) == EXPECTED[:1]
        path = write(tmp_path, "start,end,label\n50,125,step\n", "other.csv")
        assert list_rows(read_annotations(path, recordings[[0]])) == EXPECTED[:1]
        assert list_rows(read_annotations(path, recordings, recording="monday.wav")) == EXPECTED[:1]
        with pytest.raises(
            ValueError, match=r"other\.csv, row 0 \(line 2\): the recording is unknown, .*pass recording"
        ):
            read_annotations(path, recordings)

    @pytest.mark.parametrize(
        "name", ["a", "a.csv", "x/a.csv", "x\\a", "/data/upload/1/6f2a91bc-a.csv", "s3://b/a.csv?sig=1"]
    )
    @pytest.mark.parametrize("own", ["a", "a.csv", "site/a", "site/a.wav"])
    def test_folders_suffixes_and_uploads_do_not_matter(self, tmp_path, name, own):
        recordings = Recordings.from_arrays(np.zeros((2, 500)), names=[own, "b.1"], sampling_rate=RATE)
        path = write(tmp_path, f"file,start,end,label\n{name},1,2,x\nb.1,1,2,x\n")
        assert read_annotations(path, recordings).table["recording"].tolist() == [own, "b.1"]

    def test_a_name_that_fits_twice(self, tmp_path):
        recordings = Recordings.from_arrays(np.zeros((2, 500)), names=["p/a", "q/a"], sampling_rate=RATE)
        with pytest.raises(
            ValueError, match=r"row 0 \(line 2\): the recording is unknown, it may be any of \['p/a', 'q/a'\]"
        ):
            read_annotations(write(tmp_path, "file,start,end,label\na,1,2,x\n"), recordings)
        path = write(tmp_path, "file,start,end,label\n/x/q/a.csv,1,2,x\n")
        assert list_rows(read_annotations(path, recordings)) == [("q/a", 1, 2, "x")]

    def test_an_unknown_file(self, recordings, tmp_path):
        path = write(tmp_path, "file,start,end,label\nmonday,1,2,a\nmondax,1,2,a\n")
        with pytest.raises(
            ValueError, match=r"labels\.csv, row 1 \(line 3\): there is no recording 'mondax'. Did you mean 'mon"
        ):
            read_annotations(path, recordings)

    def test_parts_that_do_not_say_their_file_take_clock_times_alone(self, tmp_path):
        starts = ["2026-03-02 08:00", "2026-03-02 08:00:03"]
        parts = Recordings.from_arrays(np.zeros((2, 20)), names=["a", "a#2"], sampling_rate=10, starts=starts)
        path = write(tmp_path, "file,start,end,label\na,2026-03-02 08:00:03.5,2026-03-02 08:00:04,x\n")
        assert list_rows(read_annotations(path, parts)) == [("a#2", 5, 10, "x")]
        with pytest.raises(ValueError, match=r"cut at pauses into \['a', 'a#2'\]; write clock times"):
            read_annotations(write(tmp_path, "file,start,end,label\na,3,4,x\n"), parts)


class TestLookedAt:
    def test_unlabeled_regions_become_minus_one(self, recordings, tmp_path):
        path = write(tmp_path, "file,start,end,label\nmonday,50,125,step\nmonday,300,1000,Unlabeled\n")
        annotations = read_annotations(path, recordings)
        assert list_seen(annotations) == [("monday", 0, 300)]
        assert list_rows(annotations) == EXPECTED[:1]
        path = write(tmp_path, "file,start,end,label\nmonday,50,125,step\nmonday,300,1000,noise\n")
        assert list_seen(read_annotations(path, recordings, unlabeled="noise")) == [("monday", 0, 300)]
        path = write(tmp_path, "file,start,end,label\nmonday,50,125,1\nmonday,300,1000,-1\n")
        assert list_rows(read_annotations(path, recordings)) == [("monday", 50, 125, 1)]

    def test_the_user_may_say_it(self, recordings, tmp_path):
        path = write(tmp_path, "file,start,end,label\nmonday,50,125,step\n")
        read = read_annotations(path, recordings, looked_at=["monday", "tuesday.csv"])
        assert list_seen(read) == [("monday", 0, 1000), ("tuesday", 0, 500)]
        stretch = pd.DataFrame({"recording": ["monday"], "start": [0], "end": [200]})
        assert list_seen(read_annotations(path, recordings, looked_at=stretch)) == [("monday", 0, 200)]
        with pytest.raises(ValueError, match="looked_at names 'sunday'"):
            read_annotations(path, recordings, looked_at=["sunday"])
        with pytest.raises(ValueError, match="give a list of recordings"):
            read_annotations(path, recordings, looked_at="monday")


class TestRefused:
    @pytest.mark.parametrize(
        ("row", "words"),
        [
            (
                "monday,900,1100,a",
                r"row 1 \(line 3\): samples 900 to 1100 lie outside 'monday' of 1000 samples; correct",
            ),
            ("monday,-5,10,a", "samples -5 to 10 lie outside"),
            ("monday,70,70,a", "it ends at or before its start"),
            ("monday,,70,a", r"row 1 \(line 3\), column 'start': the value is missing; correct or remove the row"),
            ("monday,x,70,a", r"row 1 \(line 3\), column 'start': 'x' is no number"),
            ("monday,60,70,", r"row 1 \(line 3\): the label is missing; write one"),
            (
                "monday,20,70,b",
                r"row 1 \(line 3\): 'b' overlaps 'a' of .*row 0 \(line 2\) in 'monday'; a sample has one",
            ),
            ("monday,40.5,70,a", r"row 1 .*no whole samples; round them"),
        ],
    )
    def test_rows(self, recordings, tmp_path, row, words):
        path = write(tmp_path, f"file,start,end,label\nmonday,10,30,a\n{row}\n")
        with pytest.raises(ValueError, match=words):
            read_annotations(path, recordings, unit="samples")

    def test_a_missing_column(self, recordings, tmp_path):
        with pytest.raises(ValueError, match=r"labels\.csv has no column for label; .*columns={'label'"):
            read_annotations(write(tmp_path, "file,start,end,kind\nmonday,1,2,a\n"), recordings)

    def test_no_rate_and_no_clock(self, tmp_path):
        path = write(tmp_path, "start,end,label\n0.5,1.5,a\n")
        with pytest.raises(ValueError, match=r"labels\.csv is in seconds, .*pass sampling_rate"):
            read_annotations(path, [np.zeros(500)])
        assert len(read_annotations(path, [np.zeros(500)], sampling_rate=100).table) == 1
        path = write(tmp_path, "start,end,label\n2026-03-02 08:00,2026-03-02 08:01,a\n")
        with pytest.raises(ValueError, match="the recordings have no clock"):
            read_annotations(path, [np.zeros(500)], sampling_rate=100)

    def test_another_rate(self, recordings, tmp_path):
        with pytest.raises(ValueError, match="the recordings have 100; leave sampling_rate out"):
            read_annotations(write(tmp_path, "start,end,label\n"), recordings, sampling_rate=50)

    def test_formats(self, recordings, tmp_path):
        with pytest.raises(ValueError, match="format='xml'; give one of"):
            read_annotations(write(tmp_path, "start,end,label\n"), recordings, format="xml")
        with pytest.raises(ValueError, match=r"the suffix '.xml' is unknown; pass format"):
            read_annotations(write(tmp_path, "", "a.xml"), recordings)

    def test_broken_files_are_named_together(self, recordings, tmp_path):
        write(tmp_path, "0.5\t1.25\tstep\n", "tracks/monday.txt")
        write(tmp_path, "broken", "tracks/tuesday.txt")
        with pytest.raises(ValueError, match=r"1 of 2 files(.|\n)*tuesday\.txt, row 0 \(line 1\)"):
            read_annotations(tmp_path / "tracks", recordings)
        with pytest.warns(UserWarning, match=r"tuesday\.txt"):
            read = read_annotations(tmp_path / "tracks", recordings, on_error="warn")
        assert list_rows(read) == EXPECTED[:1]


def test_rounded_ends_are_moved_and_far_ones_are_cut_on_demand(recordings, tmp_path):
    read = read_annotations(write(tmp_path, "file,start,end,label\nmonday,-0.01,10.02,a\n"), recordings)
    assert list_rows(read) == [("monday", 0, 1000, "a")]
    path = write(tmp_path, "file,start,end,label\nmonday,9.5,12.0,a\nmonday,12.0,13.0,b\n")
    assert list_rows(read_annotations(path, recordings, clip=True)) == [("monday", 950, 1000, "a")]


class TestAudacity:
    def test_tracks(self, recordings, tmp_path):
        write(tmp_path, "0.5\t1.25\tstep\n\\\t100\t200\n", "tracks/monday.txt")
        write(tmp_path, "", "tracks/tuesday.txt")
        annotations = read_annotations(tmp_path / "tracks", recordings)
        assert list_rows(annotations) == EXPECTED[:1]
        assert list_seen(annotations) == [("monday", 0, 1000), ("tuesday", 0, 500)]


class TestEpochs:
    def test_one_label_each_30_seconds(self, tmp_path):
        night = Recordings.from_arrays([np.zeros(1000)], names=["night"], sampling_rate=2)
        path = write(tmp_path, "W\nW\nN1\nN1\nW\n", "night.txt")
        annotations = read_annotations(path, night, epoch=30)
        assert list_rows(annotations) == [("night", 0, 120, "W"), ("night", 120, 240, "N1"), ("night", 240, 300, "W")]
        assert list_seen(annotations) == [("night", 0, 300)]
        path = write(tmp_path, "epoch,stage\n0,1\n1,1\n2,-1\n3,2\n", "stages.csv")
        assert list_rows(read_annotations(path, night, epoch=30)) == [("night", 0, 120, 1), ("night", 180, 240, 2)]

    def test_the_last_epoch_is_cut_and_more_are_refused(self, tmp_path):
        night = Recordings.from_arrays([np.zeros(100)], names=["night"], sampling_rate=2)
        assert list_rows(read_annotations(write(tmp_path, "W\nN\n", "n.txt"), night, epoch=30))[-1][2] == 100
        with pytest.raises(ValueError, match=r"n\.txt, row 2 \(line 3\): samples 0 to 180 lie outside"):
            read_annotations(write(tmp_path, "W\nW\nW\nN\n", "n.txt"), night, epoch=30)
        with pytest.raises(ValueError, match="needs epoch"):
            read_annotations(tmp_path / "n.txt", night, format="epochs")
        with pytest.raises(ValueError, match="epoch=0"):
            read_annotations(tmp_path / "n.txt", night, epoch=0)


class TestPraat:
    @pytest.fixture
    def grid(self, tmp_path):
        textgrid = pytest.importorskip("praatio.textgrid")
        grid = textgrid.Textgrid()
        grid.addTier(textgrid.IntervalTier("steps", [(0.5, 1.25, "step"), (1.25, 2, "step")], 0, 10))
        grid.addTier(textgrid.PointTier("clicks", [(0.5, "click")], 0, 10))
        grid.save(str(tmp_path / "monday.TextGrid"), format="short_textgrid", includeBlankSpaces=True)
        return tmp_path / "monday.TextGrid"

    def test_intervals(self, recordings, grid):
        annotations = read_annotations(grid, recordings)
        assert list_rows(annotations) == [("monday", 50, 125, "step"), ("monday", 125, 200, "step")]
        assert annotations.n_touching == 1
        with pytest.raises(ValueError, match="has no tier of intervals 'clicks'"):
            read_annotations(grid, recordings, tier="clicks")


class TestEdf:
    def test_annotations_with_a_duration(self, recordings, tmp_path):
        edfio = pytest.importorskip("edfio")
        items = [edfio.EdfAnnotation(0.5, 0.75, "step"), edfio.EdfAnnotation(3, None, "lights off")]
        signals = [edfio.EdfSignal(np.zeros(1000), 100, label="x", physical_range=(-1, 1))]
        edfio.Edf(signals, annotations=items).write(tmp_path / "monday.edf")
        with pytest.warns(UserWarning, match="1 annotations without a duration are left out"):
            assert list_rows(read_annotations(tmp_path / "monday.edf", recordings)) == EXPECTED[:1]


class TestWfdb:
    @staticmethod
    def write(folder, *marks):
        wfdb = pytest.importorskip("wfdb")
        samples, symbols, notes = (list(column) for column in zip(*marks, strict=True))
        wfdb.wrann("monday", "atr", np.array(samples), symbols, aux_note=notes, fs=100, write_dir=str(folder))
        return folder / "monday.atr"

    def test_waves_between_brackets(self, recordings, tmp_path):
        path = self.write(
            tmp_path, (50, "(", ""), (60, "N", ""), (124, ")", ""), (200, "(", ""), (210, "p", ""), (220, ")", "")
        )
        assert list_rows(read_annotations(path, recordings)) == [("monday", 50, 125, "N"), ("monday", 200, 221, "p")]

    def test_rhythms_last_until_the_next(self, recordings, tmp_path):
        path = self.write(tmp_path, (20, "+", "(N"), (50, "N", ""), (300, "+", "(AFIB"))
        annotations = read_annotations(path, recordings)
        assert list_rows(annotations) == [("monday", 20, 300, "N"), ("monday", 300, 1000, "AFIB")]
        assert list_seen(annotations) == [("monday", 20, 1000)]

    def test_beats_and_lone_brackets_are_refused(self, recordings, tmp_path):
        with pytest.raises(ValueError, match=r"monday\.atr holds instants"):
            read_annotations(self.write(tmp_path, (50, "N", ""), (90, "N", "")), recordings)
        with pytest.raises(ValueError, match=r"monday\.atr, row 1 \(sample 90\): a bracket has no partner"):
            read_annotations(self.write(tmp_path, (50, "(", ""), (90, "(", "")), recordings)


def test_segments_keep_scores(recordings, tmp_path):
    path = write(tmp_path, "recording,start,end,label,score\nmonday,50,125,step,0.5\n")
    assert read_segments(path, recordings)["score"].tolist() == [0.5]


def test_a_table_without_rows_says_nothing(recordings, tmp_path):
    annotations = read_annotations(write(tmp_path, "file,start,end,label\n"), recordings)
    assert annotations.table.empty
    assert annotations.looked_at.empty
    with pytest.raises(ValueError, match=r"labels\.csv is empty"):
        read_annotations(write(tmp_path, ""), recordings)
