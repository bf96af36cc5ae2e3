"""Fit in processes that are killed at random moments, and compare with an uninterrupted fit.

``python tests/persistence/killed_fits.py fixmatch 50`` kills 50 processes, one after the other, with SIGKILL. It prints
the number of killed processes, and exits with an error if a checkpoint is ever unreadable, lost or older than before,
or if the final weights differ.
"""

import hashlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # imported by the first optimizer step: once here instead of in each process

import sslts
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.persistence import checkpoints, read_card
from sslts.thresholds import SelfAdaptiveThreshold

NETWORK = UNet(width=4, depth=1, dropout=0.2, feature_dropout=0.2)
FAST = {"network": NETWORK, "batch_size": 2, "max_steps": 48, "random_state": 0, "precision": "float32"}


def make(kind):
    if kind == "fixmatch":
        return sslts.FixMatchSegmenter(threshold=SelfAdaptiveThreshold(0.01, alignment="labeled"), **FAST)
    inner = sslts.SupervisedSegmenter(**{**FAST, "max_steps": 24})
    return sslts.SelfTrainingSegmenter(inner, shares=(0.5, 1.0), rank="agreement")


def fit(kind, path):
    """Fit, and write a digest of the trained weights next to the checkpoint."""
    torch.set_num_threads(1)
    checkpoints._SAVE_EVERY = 3  # some kills happen during writing
    X, y = make_recordings(6, n_samples=200, random_state=0)
    y[2:] = -1
    segmenter = make(kind).fit(X, y, checkpoint=path)
    digest = hashlib.sha256(segmenter.history_.drop(columns="seconds", errors="ignore").to_csv().encode())
    net = getattr(segmenter, "segmenter_", segmenter).net_
    for module in (net.module_, net.teacher_, net.criterion_):
        for value in module.state_dict().values():
            digest.update(value.numpy().tobytes())
    path.with_name("digest").write_text(digest.hexdigest())


def start(kind, path):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            fit(kind, path)
            code = 0
        finally:
            os._exit(code)
    return pid


def wait(pid, seconds):
    """Return whether the process ended within that time; raise if it failed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.001)
    return False


def finish(kind, path):
    _, status = os.waitpid(start(kind, path), 0)
    assert status == 0, "a fit failed"
    return path.with_name("digest").read_text()


def read_position(path):
    """Return round and step of a checkpoint, after checking the whole file."""
    card = read_card(path)
    inner = path.with_name(f"{path.name}.{card.get('rounds')}")
    return card.get("rounds", 0), card["step"] if "step" in card else read_card(inner)["step"] if inner.exists() else 0


def kill_many(kind, n_kills, folder, seed=0):
    rng = np.random.default_rng(seed)
    begun = time.monotonic()
    wanted = finish(kind, folder / "whole")
    duration = time.monotonic() - begun
    path, position, kills, finished = folder / "run", (-1, -1), 0, 0
    while kills < n_kills:
        pid = start(kind, path)
        if wait(pid, rng.uniform(0, duration)):
            assert path.with_name("digest").read_text() == wanted, "the weights differ"
            finished += 1
            for file in folder.glob("run*"):
                file.unlink()
            position = (-1, -1)
            continue
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        kills += 1
        now = read_position(path) if path.exists() else (-1, -1)
        assert now >= position, f"the checkpoint fell back from {position} to {now}"
        position = now
    assert finish(kind, path) == wanted, "the weights differ"
    assert finish(kind, path) == wanted, "the finished run is another one"
    return kills, finished + 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        found = kill_many(sys.argv[1], int(sys.argv[2]), Path(name), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    print("killed {} times, finished {} times, all alike".format(*found))  # noqa: T201
