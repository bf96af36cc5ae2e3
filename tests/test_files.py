"""Files are written completely or not at all."""

import os
import stat

import pytest

from sslts._files import LONGEST_NAME, check_place, replace_file, shorten_name


class TestCheckPlace:
    def test_the_path_is_resolved(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert check_place("notes") == (tmp_path / "notes").resolve()

    def test_links_are_followed(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "notes")
        assert check_place(tmp_path / "link") == (tmp_path / "notes").resolve()

    def test_a_missing_folder_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="nowhere is not a folder, so notes can't be written there"):
            check_place(tmp_path / "nowhere" / "notes")

    def test_a_folder_is_refused(self, tmp_path):
        with pytest.raises(IsADirectoryError, match="is a folder; give the path of a file in it"):
            check_place(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_is_refused(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="pipe is not a regular file and would be replaced by one; give another path"):
            check_place(tmp_path / "pipe")


class TestShortenName:
    def test_short_names_are_kept(self):
        assert shorten_name("notes.html") == "notes.html"

    @pytest.mark.parametrize("name", ["r" * LONGEST_NAME, "ä" * (LONGEST_NAME // 2)])
    def test_long_names_become_a_hash(self, name):
        assert len(shorten_name(name)) == 64
        assert shorten_name(name) != shorten_name(name[::-1] + "1")

    def test_bytes_are_counted(self):
        assert shorten_name("ä" * (LONGEST_NAME // 2 - 1)).startswith("ä")


class TestReplaceFile:
    def test_parts_are_joined(self, tmp_path):
        replace_file(tmp_path / "notes", b"one ", memoryview(b"two"))
        assert (tmp_path / "notes").read_bytes() == b"one two"
        assert os.listdir(tmp_path) == ["notes"]

    def test_a_long_name_is_written(self, tmp_path):
        replace_file(tmp_path / ("r" * 255), b"one")
        assert (tmp_path / ("r" * 255)).read_bytes() == b"one"

    @pytest.mark.skipif(os.name != "posix", reason="needs permissions")
    def test_an_existing_file_keeps_its_permissions(self, tmp_path):
        (tmp_path / "notes").write_bytes(b"one")
        (tmp_path / "notes").chmod(0o640)
        replace_file(tmp_path / "notes", b"two")
        assert (tmp_path / "notes").read_bytes() == b"two"
        assert stat.S_IMODE((tmp_path / "notes").stat().st_mode) == 0o640

    @pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
    def test_after_an_error_the_existing_file_is_unchanged(self, tmp_path, monkeypatch, error):
        def fail(*args):
            raise error("no space left on device")

        (tmp_path / "notes").write_bytes(b"one")
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(error, match="no space left"):
            replace_file(tmp_path / "notes", b"two")
        assert (tmp_path / "notes").read_bytes() == b"one"
        assert os.listdir(tmp_path) == ["notes"]
