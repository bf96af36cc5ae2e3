"""The download is tested with a downloader that does not use the network."""

import hashlib
import logging
import shutil
import threading
from pathlib import Path

import pytest

from sslts.datasets import _download, load_ludb
from sslts.datasets._download import fetch_ludb

pooch = pytest.importorskip("pooch")

FILES = [f"data/{record}.{ending}" for record in (1, 2) for ending in ("hea", "dat", "i", "ii")]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return PhysioNet as a local folder, with an empty cache; `site.asked` lists the fetched files."""
    site = Site(tmp_path / "site")
    sums = site.root / "SHA256SUMS.txt"
    for name in FILES:
        (site.root / name).write_text(f"content of {name}")
    sums.write_text("".join(f"{sha256(site.root / name)} {name}\n" for name in FILES))
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", site.send)
    monkeypatch.setattr(_download, "_SUM_OF_SUMS", f"sha256:{sha256(sums)}")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits between its attempts
    monkeypatch.setenv("SSLTS_DATA_DIR", str(tmp_path / "cache"))
    return site


class Site:
    def __init__(self, root):
        self.root, self.asked, self.lock = root, [], threading.Lock()
        (root / "data").mkdir(parents=True)

    def send(self, url, output_file, *args, **kwargs):
        name = url.removeprefix("https://physionet.org/files/ludb/1.0.1/")
        with self.lock:
            self.asked.append(name)
        if not (self.root / name).is_file():
            raise ConnectionError(f"no route to {name}")
        shutil.copyfile(self.root / name, output_file)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_everything_in_the_list_of_sums_is_fetched_once(site, tmp_path):
    folder = fetch_ludb()
    assert folder == tmp_path / "cache" / "ludb-1.0.1"
    assert all((folder / name).read_bytes() == (site.root / name).read_bytes() for name in FILES)
    assert sorted(site.asked) == sorted(["SHA256SUMS.txt", *FILES])
    site.asked.clear()
    fetch_ludb()
    assert site.asked == []


def test_only_what_the_records_and_leads_need_is_fetched(site):
    fetch_ludb(records=[2], leads=["II"])
    assert sorted(site.asked) == ["SHA256SUMS.txt", "data/2.dat", "data/2.hea", "data/2.ii"]


def test_a_damaged_file_in_the_cache_is_fetched_again(site):
    folder = fetch_ludb()
    (folder / FILES[0]).write_text("damaged")
    site.asked.clear()
    fetch_ludb()
    assert site.asked == [FILES[0]]


@pytest.mark.parametrize("arguments", [{"records": [3]}, {"leads": ["v9"]}])
def test_unknown_records_and_leads_are_refused(site, arguments):
    with pytest.raises(ValueError, match="no records or leads"):
        fetch_ludb(**arguments)


@pytest.mark.parametrize("name", ["SHA256SUMS.txt", FILES[3]])
def test_an_unreachable_file_is_named_with_the_fix(site, name):
    (site.root / name).unlink()
    with pytest.raises(OSError, match=r"(?s)Could not download .*" + name + r".*pass its folder: load_ludb\(path="):
        load_ludb()


@pytest.mark.parametrize("name", ["SHA256SUMS.txt", FILES[3]])
def test_a_file_that_does_not_match_its_sum_is_refused(site, name):
    (site.root / name).write_text("not what it was")
    with pytest.raises(OSError, match=r"(?s)Could not download .*" + name):
        load_ludb()


def test_pooch_keeps_its_logging_level(site):
    logger = pooch.get_logger()
    before = logger.level
    fetch_ludb()
    assert logger.level == before != logging.WARNING


def test_a_download_shows_its_progress(site, capsys):
    fetch_ludb()
    assert "LUDB: 100%" in capsys.readouterr().err
    fetch_ludb()
    assert capsys.readouterr().err == ""
