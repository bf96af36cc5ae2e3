"""Where models are written to and read from: paths, pipes, devices, folders and file objects; and who may read them."""

import contextlib
import io
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest
from small import TINY

import sslts
from sslts import SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.persistence import PersistenceError, read_card

X, Y = make_recordings(4, n_samples=200, random_state=0)
POSIX = pytest.mark.skipif(os.name != "posix", reason="nodes and modes of POSIX")


@pytest.fixture(scope="module")
def segmenter():
    return SupervisedSegmenter(network=TINY, max_steps=2, batch_size=2, random_state=0).fit(X, Y)


def assert_same(again, segmenter):
    np.testing.assert_array_equal(again.predict_proba(X), segmenter.predict_proba(X))


class Writer:
    """An object with `write` alone, which takes at most 1000 bytes at once."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data[:1000])
        return min(len(data), 1000)


class Reader:
    """An object with `read` alone, which gives at most 1000 bytes at once."""

    def __init__(self, data):
        self.data = data

    def read(self, size):
        size = min(size, 1000)
        found, self.data = self.data[:size], self.data[size:]
        return found


class TestFileObjects:
    def test_a_buffer_holds_what_a_path_holds(self, segmenter, tmp_path):
        buffer = io.BytesIO()
        assert segmenter.save(buffer) is None
        segmenter.save(tmp_path / "model")
        assert buffer.getvalue() == (tmp_path / "model").read_bytes()
        assert_same(sslts.load(io.BytesIO(buffer.getvalue())), segmenter)
        assert read_card(io.BytesIO(buffer.getvalue())) == read_card(tmp_path / "model")

    def test_models_are_written_and_read_at_the_position(self, segmenter):
        other = SupervisedSegmenter(network=TINY, max_steps=3, batch_size=2, random_state=1).fit(X, Y)
        buffer = io.BytesIO()
        buffer.write(b"two models")
        segmenter.save(buffer)
        other.save(buffer)
        buffer.seek(len(b"two models"))
        assert_same(sslts.load(buffer), segmenter)
        assert_same(sslts.load(buffer), other)
        with pytest.raises(PersistenceError, match=r"is read from its position: call seek\(0\)"):
            sslts.load(buffer)

    @pytest.mark.parametrize("buffering", [-1, 0])
    def test_open_files(self, segmenter, tmp_path, buffering):
        with open(tmp_path / "model", "wb", buffering=buffering) as file:
            segmenter.save(file)
            assert_same(sslts.load(tmp_path / "model"), segmenter)  # flushed
            assert not file.closed
        with open(tmp_path / "model", "rb", buffering=buffering) as file:
            assert_same(sslts.load(file), segmenter)
            assert not file.closed
            file.seek(3)
            with pytest.raises(PersistenceError, match=f"{tmp_path}/model is not a file of sslts"):
                sslts.load(file)

    def test_temporary_files(self, segmenter):
        with tempfile.NamedTemporaryFile() as file:
            segmenter.save(file)
            file.seek(0)
            assert_same(sslts.load(file), segmenter)

    def test_objects_with_read_or_write_alone(self, segmenter):
        writer = Writer()
        segmenter.save(writer)
        assert_same(sslts.load(Reader(writer.data)), segmenter)

    def test_text_files_and_other_objects_are_refused(self, segmenter, tmp_path):
        with open(tmp_path / "text", "w") as file, pytest.raises(TypeError, match="is open for text; .*mode='wb'"):
            segmenter.save(file)
        with open(tmp_path / "text") as file, pytest.raises(TypeError, match="is open for text; .*mode='rb'"):
            sslts.load(file)
        for wrong in (3, None, [1]):
            with pytest.raises(TypeError, match="path is a .*; pass a path or a binary file object"):
                segmenter.save(wrong)
            with pytest.raises(TypeError, match="path is a .*; pass a path or a binary file object"):
                sslts.load(wrong)

    @POSIX
    def test_an_open_pipe_is_read_to_the_end_of_the_model(self, segmenter):
        buffer = io.BytesIO()
        segmenter.save(buffer)
        end, start = os.pipe()
        with os.fdopen(end, "rb") as reader, os.fdopen(start, "wb") as writer:
            thread = threading.Thread(target=lambda: (writer.write(buffer.getvalue()), writer.flush()))
            thread.start()
            assert_same(sslts.load(reader), segmenter)  # though the pipe stays open
            thread.join()

    def test_paths_of_bytes(self, segmenter, tmp_path):
        path = os.fsencode(tmp_path / "model")
        segmenter.save(path)
        assert_same(sslts.load(path), segmenter)


@POSIX
class TestNodes:
    @pytest.mark.parametrize("read", [sslts.load, read_card], ids=["load", "read_card"])
    def test_pipes_devices_and_folders_are_refused_at_once(self, tmp_path, read):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", "/dev/zero", "/dev/null"):
            with pytest.raises(PersistenceError, match="is not a regular file"):
                read(path)
        with pytest.raises(PersistenceError, match="is a folder") as caught:
            read(tmp_path)
        assert isinstance(caught.value, IsADirectoryError)  # as `open` says it

    @pytest.mark.parametrize(
        "start",
        [
            b"\x0a" + bytes(7) + b"no json here",
            (50_000_000).to_bytes(8, "little"),
            (60).to_bytes(8, "little") + b'{"__metadata__":{"sslts":"{}"}}'.ljust(60),
        ],
    )
    def test_a_huge_file_of_another_kind_is_refused_by_its_first_bytes(self, tmp_path, start):
        with open(tmp_path / "big", "wb") as file:
            file.write(start)
            file.truncate(200 << 30)  # sparse
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        with pytest.raises(PersistenceError, match="big is not a file of sslts"):
            sslts.load(tmp_path / "big")
        assert time.monotonic() - begun < 3
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes

    def test_a_model_with_a_long_tail_is_refused_by_its_sizes(self, segmenter, tmp_path):
        segmenter.save(tmp_path / "big")
        size = os.path.getsize(tmp_path / "big")
        os.truncate(tmp_path / "big", 200 << 30)
        with pytest.raises(PersistenceError, match=f"it has {200 << 30} bytes, its header describes {size}"):
            sslts.load(tmp_path / "big")

    @pytest.mark.parametrize("name", ["new/", "new/.", "new/..", ""])
    def test_a_path_that_names_a_folder_is_not_written(self, segmenter, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(IsADirectoryError, match="names a folder; give the path of a file in it"):
            segmenter.save(name)
        assert os.listdir(tmp_path) == []


def start_saving(segmenter, path, n, read=False):
    """Return the process that saves a segmenter ``n`` times; it ends with 0 if no save or load failed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for _ in range(n):
                segmenter.save(path)
                if read:
                    sslts.load(path)
            code = 0
        finally:
            os._exit(code)
    return pid


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
class TestKilling:
    @pytest.mark.parametrize("comes_by", ["save", pytest.param("load", marks=pytest.mark.slow)])
    def test_nothing_is_left_when_the_next_save_or_load_comes_by(self, segmenter, tmp_path, comes_by):
        segmenter.save(tmp_path / "model")
        (tmp_path / "model").chmod(0o600)
        seen = set()
        for i in range(20):
            pid = start_saving(segmenter, tmp_path / "model", 10_000)
            until = time.monotonic() + 0.02 + 0.001 * i
            while time.monotonic() < until:  # permissions at every moment
                for entry in os.scandir(tmp_path):
                    with contextlib.suppress(FileNotFoundError):
                        seen.add(stat.S_IMODE(entry.stat().st_mode))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        (tmp_path / ".model.0123abcd.tmp").touch()  # also if no kill came in time
        if comes_by == "save":
            segmenter.save(tmp_path / "model")
        else:
            assert_same(sslts.load(tmp_path / "model"), segmenter)
        assert sorted(os.listdir(tmp_path)) == ["model"]
        assert seen == {0o600}
        assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o600

    def test_many_processes_write_one_path_and_do_not_disturb_each_other(self, segmenter, tmp_path):
        started = [start_saving(segmenter, tmp_path / "model", 15, read=True) for _ in range(3)]
        assert [os.waitpid(pid, 0)[1] for pid in started] == [0] * 3
        assert os.listdir(tmp_path) == ["model"]


@pytest.mark.slow  # a process of its own
def test_a_prediction_imports_no_optimizer(segmenter, tmp_path):
    segmenter.save(tmp_path / "model")
    script = (
        "import sys, numpy as np, sslts; sslts.load(sys.argv[1]).predict(np.zeros((1, 50)) + np.arange(50));"
        "print([name for name in sys.modules if name.split('.')[0] == 'sympy' or name.startswith('torch._dynamo')])"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path / "model"], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_a_loaded_segmenter_trains_on_like_the_one_that_was_saved(segmenter, tmp_path):
    segmenter.save(tmp_path / "model")
    again = sslts.load(tmp_path / "model")
    assert "optimizer_" not in vars(again.net_)
    fits = [one.set_params(warm_start=True, max_steps=4).fit(X, Y) for one in (again, sslts.load(tmp_path / "model"))]
    assert_same(*fits)
    fresh = SupervisedSegmenter(network=TINY, max_steps=4, batch_size=2, random_state=0, init=segmenter).fit(X, Y)
    assert_same(fits[0], fresh)
    idle = sslts.load(tmp_path / "model").net_
    idle.set_params(lr=0.5)
    assert idle.optimizer_.param_groups[0]["lr"] == 0.5
