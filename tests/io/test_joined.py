"""Labels that name a file are found after the file was joined with others, or cut at a pause."""

import json

import numpy as np
import pandas as pd
import pytest

from sslts.io import read_annotations, read_recordings, read_segments, write_annotations
from sslts.preprocessing import FillGaps
from sslts.recordings import FilePart

RATE = 10


def write_file(folder, name, begin, n=50, drop=()):
    times = pd.date_range(f"2026-03-02 {begin}", periods=n, freq="100ms")
    table = pd.DataFrame({"time": times, "x": np.arange(n, dtype=float)})
    table.drop(index=list(drop)).to_csv(folder / name, index=False)


@pytest.fixture
def joined(tmp_path):
    """Return recordings of the files a, b and c, one after another with a gap of 3 samples before c, and of d."""
    for name, begin in [("a", "08:00:00"), ("b", "08:00:05"), ("c", "08:00:10.3"), ("d", "09:00:00")]:
        write_file(tmp_path, f"{name}.csv", begin)
    return read_recordings(tmp_path / "?.csv", max_gap=1)


@pytest.fixture
def cut(tmp_path):
    """Return recordings of the file a, which was cut at samples 30 to 60 of 100."""
    write_file(tmp_path, "a.csv", "08:00:00", 100, drop=range(30, 60))
    return read_recordings(tmp_path / "a.csv", max_gap=1)


def read(folder, recordings, text, **options):
    path = folder / "labels" / "labels.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("file,start,end,label\n" + text)
    return read_annotations(path, recordings, **options)


def list_rows(annotations):
    return list(annotations.table.itertuples(index=False, name=None))


def list_seen(annotations):
    return list(annotations.looked_at.itertuples(index=False, name=None))


class TestJoined:
    def test_recordings_know_their_files(self, joined):
        assert joined.names == ("a..c", "d")
        parts = (FilePart("a", 0, 0, 50), FilePart("b", 50, 0, 50), FilePart("c", 103, 0, 50))
        assert joined.files == (parts, (FilePart("d", 0, 0, 50),))
        assert joined[1:].files == joined.files[1:]
        assert FillGaps().fit_transform(joined).files == joined.files

    @pytest.mark.parametrize(
        "row",
        ["c.csv,7,12,x", "c,0.7,1.2,x", "data/c.csv,2026-03-02 08:00:11.0,2026-03-02 08:00:11.5,x", "a..c,110,115,x"],
    )
    def test_a_label_that_names_a_later_file(self, tmp_path, joined, row):
        assert list_rows(read(tmp_path, joined, row)) == [("a..c", 110, 115, "x")]

    def test_files_that_are_not_named_are_unlabeled(self, tmp_path, joined):
        assert list_seen(read(tmp_path, joined, "b.csv,7,12,x")) == [("a..c", 50, 100)]
        assert list_seen(read(tmp_path, joined, "a.csv,7,12,x")) == [("a..c", 0, 50)]
        assert list_seen(read(tmp_path, joined, "a..c,7,12,x")) == [("a..c", 0, 153)]
        assert list_seen(read(tmp_path, joined, "a,7,12,x", looked_at=["b.csv", "d"])) == [
            ("a..c", 7, 12),
            ("a..c", 50, 100),
            ("d", 0, 50),
        ]

    def test_an_unlabeled_stretch_of_a_file(self, tmp_path, joined):
        annotations = read(tmp_path, joined, "b.csv,7,12,x\nb.csv,30,-1,unlabeled")
        assert list_seen(annotations) == [("a..c", 50, 80)]

    def test_a_segment_that_ends_in_the_next_file(self, tmp_path, joined):
        assert list_rows(read(tmp_path, joined, "a.csv,4.5,5.5,x")) == [("a..c", 45, 55, "x")]
        row = "a.csv,2026-03-02 08:00:04.5,2026-03-02 08:00:05.5,x"
        assert list_rows(read(tmp_path, joined, row)) == [("a..c", 45, 55, "x")]

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("b.csv,60,70,x", "begins at sample 60, outside the 50 samples of the file 'b'"),
            ("b.csv,-2,3,x", "begins at sample -2, outside the 50 samples"),
            ("d.csv,6.0,7.0,x", "begins at sample 60, outside the 50 samples of the file 'd'"),
            ("c.csv,40,60,x", "samples 143 to 163 lie outside 'a..c' of 153 samples"),
            (
                "b,2026-03-02 08:00:02,2026-03-02 08:00:03,x",
                "outside its recording \\('b' begins at 2026-03-02 08:00:05\\)",
            ),
            ("e.csv,1,2,x", r"no recording 'e.csv'\. The names are \['a', 'b', 'c', 'd', \.\.\.\]"),
        ],
    )
    def test_a_label_outside_its_file_is_refused(self, tmp_path, joined, row, words):
        with pytest.raises(ValueError, match=rf"labels\.csv, row 0 \(line 2\): .*{words}"):
            read(tmp_path, joined, row)

    def test_tracks_of_files(self, tmp_path, joined):
        folder = tmp_path / "tracks"
        folder.mkdir()
        (folder / "b.txt").write_text("1.0\t2.0\tx\n")
        (folder / "c.txt").write_text("")
        annotations = read_annotations(folder, joined)
        assert list_rows(annotations) == [("a..c", 60, 70, "x")]
        assert list_seen(annotations) == [("a..c", 50, 100), ("a..c", 103, 153)]

    def test_epochs_of_files(self, tmp_path, joined):
        folder = tmp_path / "epochs"
        folder.mkdir()
        for name in "ab":
            (folder / f"{name}.txt").write_text("rest\nwalk\nwalk\n")
        annotations = read_annotations(folder, joined, epoch=2)  # the last epoch goes beyond the file
        assert list_rows(annotations) == [
            ("a..c", 0, 20, "rest"),
            ("a..c", 20, 50, "walk"),
            ("a..c", 50, 70, "rest"),
            ("a..c", 70, 100, "walk"),
        ]

    @pytest.mark.parametrize("bounds", [(1.0, 1.9), ("2026-03-02 08:00:06", "2026-03-02 08:00:06.9")])
    def test_tasks_of_files(self, tmp_path, joined, bounds):
        region = {"start": bounds[0], "end": bounds[1], "timeserieslabels": ["x"]}
        task = {"data": {"csv": "/upload/b.csv"}, "annotations": [{"result": [{"value": region}]}]}
        (tmp_path / "export.json").write_text(json.dumps([task]))
        annotations = read_annotations(tmp_path / "export.json", joined)
        assert list_rows(annotations) == [("a..c", 60, 70, "x")]
        assert list_seen(annotations) == [("a..c", 50, 100)]

    @pytest.mark.parametrize("name", ["labels.csv", "tasks.json", "tracks"])
    def test_annotations_come_back(self, tmp_path, joined, name):
        annotations = read(tmp_path, joined, "b.csv,7,12,x\nc.csv,9,20,y\nd.csv,1,3,x")
        format = "audacity" if name == "tracks" else None
        write_annotations(annotations, tmp_path / name, recordings=joined, format=format)
        back = read_annotations(tmp_path / name, joined)
        assert list_rows(back) == list_rows(annotations)
        if name != "tasks.json":  # whole tasks are submitted
            assert list_seen(back) == list_seen(annotations)

    def test_segments_that_were_found_come_back(self, tmp_path, joined):
        found = pd.DataFrame({"recording": ["a..c"], "start": [110], "end": [120], "label": ["x"], "score": [0.5]})
        write_annotations(found, tmp_path / "found.csv", recordings=joined)
        pd.testing.assert_frame_equal(read_segments(tmp_path / "found.csv", joined), found, check_dtype=False)

    def test_resampled_files(self, tmp_path, joined):
        fast = read_recordings(tmp_path / "?.csv", max_gap=1, sampling_rate=20, resample=True)
        assert fast.files[0][2] == FilePart("c", 206, 0, 100)
        assert list_rows(read(tmp_path, fast, "c.csv,0.7,1.2,x")) == [("a..c", 220, 230, "x")]

    def test_files_of_several_folders(self, tmp_path):
        for folder in ("p", "q"):
            (tmp_path / folder).mkdir()
            write_file(tmp_path / folder, "a.csv", "08:00:00")
            write_file(tmp_path / folder, "b.csv", "08:00:05")
        recordings = read_recordings(tmp_path / "*" / "*.csv")
        assert recordings.names == ("p/a..b", "q/a..b")
        assert list_rows(read(tmp_path, recordings, "q/b.csv,1,2,x")) == [("q/a..b", 51, 52, "x")]
        with pytest.raises(ValueError, match=r"it may be any of \['p/a..b', 'q/a..b'\]"):
            read(tmp_path, recordings, "b.csv,1,2,x")


class TestCut:
    def test_recordings_know_their_parts(self, cut):
        assert cut.names == ("a", "a#2")
        assert cut.files == ((FilePart("a", 0, 0, 30),), (FilePart("a", 0, 60, 40),))

    @pytest.mark.parametrize(
        "row", ["a.csv,70,75,x", "a,7.0,7.5,x", "a.csv,2026-03-02 08:00:07,2026-03-02 08:00:07.5,x", "a#2,10,15,x"]
    )
    def test_a_label_that_names_the_file(self, tmp_path, cut, row):
        assert list_rows(read(tmp_path, cut, row)) == [("a#2", 10, 15, "x")]

    def test_all_parts_were_looked_at(self, tmp_path, cut):
        assert list_seen(read(tmp_path, cut, "a.csv,70,75,x")) == [("a", 0, 30), ("a#2", 0, 40)]
        assert list_seen(read(tmp_path, cut, "a#2,10,15,x")) == [("a#2", 0, 40)]
        assert list_seen(read(tmp_path, cut[1:], "a.csv,70,75,x")) == [("a#2", 0, 40)]

    def test_a_label_in_a_pause_is_refused(self, tmp_path, cut):
        with pytest.raises(ValueError, match="begins at sample 40, in a pause of the file 'a'"):
            read(tmp_path, cut, "a.csv,40,70,x")
        with pytest.raises(ValueError, match=r"'a' begins at 2026-03-02 08:00:00"):
            read(tmp_path, cut, "a,2026-03-02 08:00:04,2026-03-02 08:00:05,x")
        with pytest.raises(ValueError, match="samples 20 to 70 lie outside 'a' of 30 samples"):
            read(tmp_path, cut, "a.csv,20,70,x")

    def test_a_part_that_goes_on_in_the_next_file(self, tmp_path, cut):
        write_file(tmp_path, "b.csv", "08:00:10", 40, drop=range(10, 30))
        recordings = read_recordings(tmp_path / "?.csv", max_gap=1)
        assert recordings.names == ("a", "a#2..b", "b#2")
        rows = "a.csv,65,70,x\nb.csv,5,8,x\nb.csv,31,35,y\n"
        assert list_rows(read(tmp_path, recordings, rows)) == [
            ("a#2..b", 5, 10, "x"),
            ("a#2..b", 45, 48, "x"),
            ("b#2", 1, 5, "y"),
        ]
