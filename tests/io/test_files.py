"""Paths, patterns, names, and files that cannot be read."""

import sys

import numpy as np
import pytest

from sslts.io import read_recordings
from sslts.io._files import require


@pytest.fixture
def folder(tmp_path):
    for i in range(12):
        np.save(tmp_path / f"f{i}.npy", np.arange(20.0) + i)
    return tmp_path


def test_a_folder_a_pattern_and_a_list_name_files_in_natural_order(folder):
    names = tuple(f"f{i}" for i in range(12))
    assert read_recordings(folder).names == names
    assert read_recordings(str(folder / "*.npy")).names == names
    assert read_recordings([folder / "f3.npy", str(folder / "f1*.npy")]).names == ("f3", "f1", "f10", "f11")


def test_hidden_and_other_files_of_a_folder_are_left(folder):
    for name in (".hidden.npy", "~$lock.xlsx", "notes.md"):
        (folder / name).write_text("")
    assert len(read_recordings(folder)) == 12


def test_equal_names_get_their_folders(folder):
    for name in ("p", "q"):
        (folder / name).mkdir()
        np.save(folder / name / "f.npy", np.zeros(9))
    assert read_recordings(folder / "?" / "f.npy").names == ("p/f", "q/f")
    assert read_recordings(folder / "**" / "*.npy").names[-2:] == ("p/f", "q/f")


def test_paths_that_name_nothing(folder):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*g\.npy; check the path or the pattern"):
        read_recordings(folder / "g.npy")
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no file that can be read"):
        read_recordings(folder / "empty")
    with pytest.raises(ValueError, match="empty list"):
        read_recordings([])
    with pytest.raises(TypeError, match="holds a int"):
        read_recordings([3])


class TestOnError:
    def test_all_broken_files_are_named_and_the_rest_is_there(self, folder):
        for i in (2, 5):
            (folder / f"f{i}.npy").write_bytes(b"broken")
        with pytest.raises(
            ValueError, match=r"2 of 12 files could not be read:(.|\n)*f2\.npy(.|\n)*f5\.npy.*(.|\n)*warn"
        ):
            read_recordings(folder)
        with pytest.warns(UserWarning, match=r"2 of 12 files(.|\n)*f2\.npy(.|\n)*f5\.npy"):
            recordings = read_recordings(folder, on_error="warn")
        assert recordings.names == tuple(f"f{i}" for i in range(12) if i not in (2, 5))

    def test_many_are_counted(self, folder):
        for i in range(11):
            (folder / f"f{i}.npy").write_bytes(b"broken")
        with pytest.warns(UserWarning, match=r"and 1 more"):
            assert len(read_recordings(folder, on_error="warn")) == 1

    def test_nothing_left_raises(self, folder):
        (folder / "f1.npy").write_bytes(b"broken")
        with pytest.raises(ValueError, match=r"f1\.npy"):
            read_recordings(folder / "f1.npy", on_error="warn")

    def test_another_value(self, folder):
        with pytest.raises(ValueError, match="on_error='skip'; give 'raise' or 'warn'"):
            read_recordings(folder, on_error="skip")


def test_a_file_that_goes_later_is_named(folder):
    recordings = read_recordings(folder)
    (folder / "f3.npy").unlink()
    assert recordings.read(2).shape == (1, 20)
    with pytest.raises(OSError, match=r"f3\.npy"):
        recordings.read(3)


def test_a_bar_is_shown_on_demand(folder, capsys):
    read_recordings(folder, progress=True)
    assert "read" in capsys.readouterr().err
    read_recordings(folder)
    assert capsys.readouterr().err == ""


def test_a_missing_library_comes_with_the_command_that_installs_it(folder, monkeypatch):
    (folder / "a.h5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="reading HDF5 needs h5py; install it with: pip install h5py"):
        read_recordings(folder / "a.h5")
    with pytest.raises(ImportError, match="pip install no_such_library .extra 'none'"):
        require("no_such_library", "none", "nothing")
