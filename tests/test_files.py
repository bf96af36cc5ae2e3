"""Files are written completely or not at all."""

import os
import stat

import pytest

from sslts import _files
from sslts._files import LONGEST_NAME, check_place, escape, remove_leftovers, replace_file, shorten_name

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs permissions and locks")


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

    @pytest.mark.parametrize("name", ["new/", "new/.", ""])
    def test_the_name_of_a_folder_is_refused(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(IsADirectoryError, match="names a folder; give the path of a file in it"):
            check_place(name)

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

    @POSIX
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
    def test_the_temporary_file_never_has_more_permissions_than_the_file(self, tmp_path, monkeypatch, mode):
        seen = []

        def look(step):
            real = getattr(os, step)

            def wrapped(*args, **kwargs):
                seen.extend(stat.S_IMODE(one.stat().st_mode) for one in tmp_path.glob(".*.tmp"))
                return real(*args, **kwargs)

            monkeypatch.setattr(os, step, wrapped)

        (tmp_path / "notes").write_bytes(b"one")
        (tmp_path / "notes").chmod(mode)
        for step in ("fsync", "replace", "fstat", "fchown", "fchmod"):
            look(step)
        replace_file(tmp_path / "notes", b"two")
        assert seen
        assert all(found | mode == mode for found in seen)
        assert stat.S_IMODE((tmp_path / "notes").stat().st_mode) == mode

    @POSIX
    def test_a_new_file_has_the_permissions_of_the_umask(self, tmp_path):
        before = os.umask(0o027)
        try:
            replace_file(tmp_path / "notes", b"one")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "notes").stat().st_mode) == 0o640

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
    def test_an_existing_file_keeps_its_owner(self, tmp_path):
        (tmp_path / "notes").write_bytes(b"one")
        os.chown(tmp_path / "notes", 12345, 23456)
        replace_file(tmp_path / "notes", b"two")
        found = (tmp_path / "notes").stat()
        assert (found.st_uid, found.st_gid) == (12345, 23456)

    @POSIX
    def test_another_group_does_not_get_the_permissions_of_the_group(self, tmp_path, monkeypatch):
        def refuse(*args):
            raise PermissionError

        (tmp_path / "notes").write_bytes(b"one")
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(tmp_path / "notes", 12345, 23456)
        (tmp_path / "notes").chmod(0o664)
        monkeypatch.setattr(os, "fchown", refuse)
        replace_file(tmp_path / "notes", b"two")
        assert stat.S_IMODE((tmp_path / "notes").stat().st_mode) == 0o644

    @POSIX
    def test_a_name_that_was_taken_for_a_leftover_is_given_up(self, tmp_path, monkeypatch):
        calls = []

        def lose(descriptor, path, real=_files._lock):
            calls.append(path)
            if len(calls) == 1:
                path.unlink()  # as another process might, before the lock
            return real(descriptor, path)

        monkeypatch.setattr(_files, "_lock", lose)
        replace_file(tmp_path / "notes", b"one")
        assert (tmp_path / "notes").read_bytes() == b"one"
        assert len(set(calls)) == 2
        assert os.listdir(tmp_path) == ["notes"]


class TestRemoveLeftovers:
    NAME = ".notes.0123abcd.tmp"

    def test_the_next_write_removes_the_file_of_a_killed_process(self, tmp_path):
        (tmp_path / self.NAME).touch()
        (tmp_path / ".other.0123abcd.tmp").touch()
        replace_file(tmp_path / "notes", b"one")
        assert sorted(os.listdir(tmp_path)) == [".other.0123abcd.tmp", "notes"]

    @POSIX
    def test_the_file_of_a_living_process_is_kept(self, tmp_path):
        import fcntl

        with open(tmp_path / self.NAME, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            remove_leftovers(tmp_path / "notes")
            assert os.listdir(tmp_path) == [self.NAME]
        remove_leftovers(tmp_path / "notes")
        assert os.listdir(tmp_path) == []

    @POSIX
    def test_links_folders_and_pipes_are_kept(self, tmp_path):
        (tmp_path / "mine").touch()
        (tmp_path / self.NAME).symlink_to(tmp_path / "mine")
        (tmp_path / ".notes.11111111.tmp").mkdir()
        os.mkfifo(tmp_path / ".notes.22222222.tmp")
        remove_leftovers(tmp_path / "notes")
        assert len(os.listdir(tmp_path)) == 4

    def test_a_folder_that_is_missing_is_no_error(self, tmp_path):
        remove_leftovers(tmp_path / "nowhere" / "notes")


def test_escaped_text_has_no_control_characters():
    assert escape("a\x1b[31m\n\u202e\ud800 é\\") == "a\\x1b[31m\\n\\u202e\\ud800 é\\"
    assert escape(escape("\x07")) == escape("\x07")
