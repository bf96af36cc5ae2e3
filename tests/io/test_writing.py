"""Writing: formats, targets, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from sslts import Recordings
from sslts.io import write_annotations

TABLE = pd.DataFrame({"recording": ["a", "b"], "start": [50, 20], "end": [125, 40], "label": ["step", "turn"]})


def test_a_table_of_predictions_is_written_as_it_is(tmp_path):
    found = TABLE.assign(score=[0.5, 0.25], start_time=[0.5, 0.2])
    write_annotations(found, tmp_path / "found.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "found.csv"), found, check_dtype=False)


def test_seconds_and_clock_times(tmp_path):
    recordings = Recordings.from_arrays(
        np.zeros((2, 500)), names=["a", "b"], sampling_rate=100, starts=["2026-03-02", "2026-03-03"]
    )
    write_annotations(TABLE, tmp_path / "s.csv", unit="seconds", sampling_rate=100)
    assert pd.read_csv(tmp_path / "s.csv")["end_time"].tolist() == [1.25, 0.4]
    write_annotations(TABLE, tmp_path / "c.csv", unit="clock", recordings=recordings)
    assert pd.read_csv(tmp_path / "c.csv")["start_clock"].tolist() == [
        "2026-03-02T00:00:00.500000",
        "2026-03-03T00:00:00.200000",
    ]


def test_a_track_for_each_recording(tmp_path):
    write_annotations(TABLE, tmp_path / "tracks", format="audacity", sampling_rate=100)
    assert (tmp_path / "tracks" / "a.txt").read_text() == "0.500000\t1.250000\tstep\n"
    assert (tmp_path / "tracks" / "b.txt").read_text() == "0.200000\t0.400000\tturn\n"
    write_annotations(TABLE[:1], tmp_path / "one.txt", sampling_rate=100)
    assert (tmp_path / "one.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "a.xml"}, "the suffix '.xml' of path is unknown; give format, one of"),
        ({"path": "a.csv", "format": "xml"}, "format='xml' is unknown"),
        ({"path": "a.csv", "unit": "s"}, "unit='s'; give"),
        ({"path": "a.csv", "unit": "seconds"}, "pass sampling_rate"),
        ({"path": "a.csv", "unit": "clock", "sampling_rate": 100}, "pass recordings that were read with times"),
        ({"path": "a.txt", "sampling_rate": 100}, "is one file, and the table has 2 recordings; pass a folder"),
    ],
)
def test_refused(tmp_path, arguments, words):
    arguments["path"] = tmp_path / arguments["path"]
    with pytest.raises(ValueError, match=words):
        write_annotations(TABLE, **arguments)


def test_no_table(tmp_path):
    with pytest.raises(TypeError, match="table is a list"):
        write_annotations([1], tmp_path / "a.csv")
    with pytest.raises(ValueError, match="table has no column 'end'"):
        write_annotations(TABLE.drop(columns="end"), tmp_path / "a.csv")


def test_a_name_does_not_lead_out_of_the_folder(tmp_path):
    table = TABLE.assign(recording=["../a", "b"])
    with pytest.raises(ValueError, match=r"the name '\.\./a' leads out of"):
        write_annotations(table, tmp_path / "tracks", format="audacity", sampling_rate=100)
    assert not (tmp_path / "a.txt").exists()


def test_a_recording_that_is_not_there(tmp_path):
    recordings = Recordings.from_arrays(np.zeros((1, 500)), names=["a"], sampling_rate=100)
    with pytest.raises(ValueError, match=r"table row 1: there is no recording 'b'; the names are \['a'\]"):
        write_annotations(TABLE, tmp_path / "a.json", recordings=recordings)


def test_the_format_may_be_told(tmp_path):
    write_annotations(TABLE, tmp_path / "found", format="csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "found"), TABLE, check_dtype=False)


def test_the_only_recording_of_a_table_may_be_one_file(tmp_path):
    recordings = Recordings.from_arrays(np.zeros((2, 500)), names=["a", "b"], sampling_rate=100)
    write_annotations(TABLE[:1], tmp_path / "a.txt", recordings=recordings)
    assert (tmp_path / "a.txt").read_text() == "0.500000\t1.250000\tstep\n"
