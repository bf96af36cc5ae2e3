"""The example of a server: streams of several connections, refused samples, health and version."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import TINY

import sslts
from sslts import SupervisedSegmenter
from sslts.datasets import make_recordings

testing = pytest.importorskip("fastapi.testclient", reason="the extra serve is not installed")
EXAMPLE = Path(__file__).parents[1] / "docs/examples/server.py"


@pytest.fixture(scope="module")
def segmenter():
    X, y = make_recordings(6, n_samples=600, random_state=0)
    return SupervisedSegmenter(
        network=TINY, max_steps=60, batch_size=4, normalization="training", precision="float32", sampling_rate=50,
        random_state=0,
    ).fit(np.stack([X, -X], axis=1), y)  # fmt: skip


@pytest.fixture
def client(segmenter, tmp_path, monkeypatch):
    segmenter.save(tmp_path / "model.sslts")
    monkeypatch.setenv("MODEL", str(tmp_path / "model.sslts"))
    with testing.TestClient(runpy.run_path(str(EXAMPLE))["app"]) as client:
        yield client


def make_signal(seed):
    x = np.concatenate(list(make_recordings(3, n_samples=600, random_state=seed)[0]))
    return np.stack([x, -x])


def push(socket, samples):
    socket.send_bytes(samples.T.astype("<f4").tobytes())
    return socket.receive_json()


def finish(socket):
    socket.send_text("end")
    return socket.receive_json()["segments"]


def test_each_connection_gets_the_segments_of_its_own_stream(client, segmenter):
    signals = [make_signal(seed) for seed in (1, 2)]
    found = [[], []]
    with client.websocket_connect("/stream") as one, client.websocket_connect("/stream") as other:
        for start in range(0, 1800, 450):
            for signal, socket, segments in zip(signals, (one, other), found, strict=True):
                answer = push(socket, signal[:, start : start + 450])
                assert answer["seen"] == start + 450
                segments += answer["segments"]
        for socket, segments in zip((one, other), found, strict=True):
            segments += finish(socket)
    for signal, segments in zip(signals, found, strict=True):
        wanted = segmenter.predict_segments([signal])
        assert len(wanted) > 5
        pd.testing.assert_frame_equal(pd.DataFrame(segments), wanted, check_dtype=False, atol=1e-4)


def test_refused_samples_do_not_end_the_stream(client):
    signal = make_signal(1)
    with client.websocket_connect("/stream") as socket:
        push(socket, signal[:, :100])
        assert "1 NaN" in push(socket, np.array([[np.nan], [1.0]]))["error"]
        socket.send_bytes(b"\0" * 10)
        assert "error" in socket.receive_json()
        assert push(socket, signal[:, 100:200])["seen"] == 200


def test_health_and_version(client):
    assert client.get("/health").json() == {"status": "ok"}
    told = {"sslts": sslts.__version__, "estimator": "SupervisedSegmenter", "classes": [0, 1], "channels": 2}
    assert client.get("/version").json() == told


def test_a_model_that_can_not_stream_is_refused_at_the_start(segmenter, tmp_path, monkeypatch):
    X, y = make_recordings(2, n_samples=300, random_state=0)
    SupervisedSegmenter(network=TINY, max_steps=2, normalization="recording").fit(X, y).save(tmp_path / "model.sslts")
    monkeypatch.setenv("MODEL", str(tmp_path / "model.sslts"))
    with (
        pytest.raises(ValueError, match="needs location and scale"),
        testing.TestClient(runpy.run_path(str(EXAMPLE))["app"]),
    ):
        pass
