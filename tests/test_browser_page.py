"""The example page in a real browser finds the segments that the reader in Python finds."""

import base64
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from labeling_server import CHROMIUM, make_environment
from test_onnx_runner import DECODERS, make_proba

from sslts import SupervisedSegmenter
from sslts.annotations import measure_segments
from sslts.datasets import make_recordings
from sslts.decoding import Hysteresis, decode, describe_decoder
from sslts.networks import UNet
from sslts.onnx_runner import OnnxSegmenter
from sslts.recordings import choose_normalization

PAGE = Path(__file__).parents[1] / "examples/browser"
CACHE = Path(os.environ.get("SSLTS_BROWSER") or Path.home() / ".cache/sslts-tests/browser")
VISITOR = Path(__file__).with_name("page_visitor.py")
PLAYWRIGHT = ("playwright==1.65.2",)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm"),
    pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no onnxruntime"),
]


def install_page(folder):
    """Copy the page to a folder, with the packages of its lock file, which are installed once."""
    modules, lock = CACHE / "page", (PAGE / "package-lock.json").read_text()
    if not (modules / "done").exists() or (modules / "done").read_text() != lock:
        modules.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PAGE / name, modules)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=modules, check=True)
        (modules / "done").write_text(lock)
    for path in PAGE.glob("*.*"):
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(modules / "node_modules")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Return a function that drops files onto the page with a model, and returns what the page showed."""

    def visit_page(files, model=None, cases=()):
        folder = tmp_path_factory.mktemp("page")
        install_page(folder)
        if model is not None:
            shutil.copy(model, folder / "model.onnx")
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        orders = {"address": address, "chromium": CHROMIUM, "files": files, "cases": list(cases)}
        try:
            python = make_environment(CACHE / "playwright", PLAYWRIGHT)
            done = subprocess.run(
                [python, "-I", VISITOR], input=json.dumps(orders), text=True, capture_output=True, timeout=600
            )
        finally:
            server.shutdown()
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout)
        assert found["errors"] == []
        assert found["strangers"] == []  # the page asks no other host
        return found

    return visit_page


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the file of a model of two channels with words."""
    X, y = make_recordings(10, n_samples=800, random_state=0)
    segmenter = SupervisedSegmenter(
        network=UNet(width=8, depth=3), max_steps=60, normalization="local", precision="float32", sampling_rate=50,
        random_state=0,
    )  # fmt: skip
    frames = [pd.DataFrame({"hip": x, "wrist": 100 - 2 * x}) for x in X]
    segmenter.fit(frames, list(np.array(["background", "step"], dtype=object)[y]))
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    segmenter.export_onnx(path)
    return path


@pytest.fixture(scope="module")
def recording():
    """Return a recording of which the page needs three pieces."""
    x = np.concatenate(list(make_recordings(100, n_samples=800, random_state=7)[0]))
    return np.stack([x, 100 - 2 * x])


def write_csv(recording, names=("time", "wrist", "hip"), **options):
    times = np.arange(recording.shape[1]) / 50
    table = pd.DataFrame(dict(zip(names, (times, recording[1], recording[0]), strict=True)))
    return table.to_csv(index=False, **options)


def change_decoder(path, decoder, folder):
    """Return a copy of a model with another decoder."""
    import onnx

    loaded = onnx.load(path)
    for entry in loaded.metadata_props:
        if entry.key == "sslts.decoder":
            entry.value = json.dumps(describe_decoder(decoder, 2))
    onnx.save(loaded, folder / "other.onnx")
    return folder / "other.onnx"


def check_table(text, model, recording):
    """Check that a downloaded table is that of the reader in Python."""
    found, wanted = pd.read_csv(StringIO(text)), OnnxSegmenter(model).predict_segments(recording)
    assert list(found[["start", "end", "label"]].itertuples(index=False, name=None)) == [s[:3] for s in wanted]
    np.testing.assert_allclose(found["score"], [s.score for s in wanted], atol=1e-5)
    np.testing.assert_allclose(found["duration"], (found["end"] - found["start"]) / 50)
    return found


def test_a_dropped_file_is_segmented(visit, model, recording, tmp_path):
    short = recording[:, :1500]
    picture = os.environ.get("SSLTS_PICTURE") or str(tmp_path / "page.png")
    other = change_decoder(model, Hysteresis(onset=0.5, min_length=5, pad=1), tmp_path)
    files = [
        {"name": "long.csv", "text": write_csv(recording)},
        {"name": "german.csv", "text": write_csv(short, sep=";")},
        {"name": "walk.csv", "text": write_csv(short), "picture": picture},
        {"name": "other.onnx", "bytes": base64.b64encode(other.read_bytes()).decode()},
        {"name": "walk.csv", "text": write_csv(short)},
    ]
    found = visit(files, model)
    fingerprint = OnnxSegmenter(model).fingerprint[:12]
    assert found["model"] == f"model.onnx: 2 channels (hip, wrist), 50 samples per second, fingerprint {fingerprint}."
    long, german, walk, _, changed = found["files"]
    table = check_table(long["csv"], model, recording)
    assert len(table) > 200
    assert long["rows"] == 100  # the page shows the first hundred
    label, count, mean = long["counts"][0].split("\t")
    assert (label, int(count), float(mean)) == ("step", len(table), pytest.approx(table["duration"].mean(), abs=1e-3))
    check_table(german["csv"], model, short)
    check_table(walk["csv"], model, short)
    assert walk["drawn"] > 20
    check_table(changed["csv"], other, short)
    assert Path(picture).stat().st_size > 10_000


def test_bad_files_are_explained(visit, model, recording):
    short = recording[:, :300]
    holes = write_csv(short).splitlines()
    holes[7] = "0.12,,3.5"
    files = [
        {"name": "narrow.csv", "text": "hip\n1\n2\n"},
        {"name": "holes.csv", "text": "\n".join(holes)},
        {"name": "empty.csv", "text": ""},
        {"name": "words.csv", "text": "hip,wrist\n1,2\n3,high\n"},
        {"name": "short.csv", "text": write_csv(short[:, :5])},
    ]
    *bad, good = visit(files, model)["files"]
    assert [one["status"] for one in bad] == [
        "narrow.csv: The file has 1 columns (hip); the model needs 2 named hip, wrist, and at most one of times before "
        "them.",
        'holes.csv: Row 8 has "" in column wrist; fill or cut out missing values.',
        "empty.csv: The file is empty.",
        'words.csv: Row 3 has "high" in column wrist; fill or cut out missing values.',
    ]
    assert not good["failed"]


def test_without_a_model_the_page_asks_for_one(visit):
    found = visit([{"name": "walk.csv", "text": "1\n2\n"}])
    assert found["model"].startswith("No model.onnx beside this page")
    assert "put model.onnx beside this page" in found["files"][0]["status"]


def test_decoders_and_windows_of_the_page_are_those_of_the_package(visit):
    cases, wanted = [], []
    for name in DECODERS:
        for seed in range(4):
            proba, labels = make_proba(seed, 2000, 2 + seed, noise=(0.3, 1, 3, 1)[seed])
            statistics = measure_segments([labels[:1500]], background=None if seed % 2 else 0)
            decoder = DECODERS[name]
            decoder = decoder.for_segments(statistics) if hasattr(decoder, "for_segments") else decoder
            cases.append({"told": describe_decoder(decoder, proba.shape[1]), "proba": proba.T.tolist()})
            wanted.append(decode(decoder, proba).tolist())
    signal = np.random.default_rng(0).normal(size=3000).cumsum() + 1e5
    signal[500:800] = signal[500]
    for width in (3, 64, 501, 9000):
        cases.append({"signal": signal.tolist(), "normalization": {"kind": "local", "width": width}})
        wanted.append(choose_normalization("local", width).apply(signal[None])[0].tolist())
    found = visit([], cases=cases)["decoded"]
    for one, other, case in zip(found, wanted, cases, strict=True):
        if "told" in case:
            assert one == other, case["told"]["kind"]
        else:
            np.testing.assert_allclose(one, other, atol=1e-5)
