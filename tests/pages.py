"""Reading of reports, and a segmenter that costs nothing to fit."""

import re
from html import unescape

import numpy as np
from sklearn.base import BaseEstimator

from sslts.annotations import measure_segments
from sslts.recordings import as_recordings


def read_figures(html):
    """Return the text of each table cell by its identifier."""
    found = re.findall(r'<td[^>]* data-figure="([^"]+)">([^<]*)</td>', html)
    return {unescape(name): text for name, text in found}


def read_section(html, anchor):
    """Return the text of a section, without pictures."""
    section = re.search(rf'<h2 id="{anchor}">(.*?)</section>', html, flags=re.DOTALL)[1]
    section = re.sub(r"<svg.*?</svg>", "", section, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", section)))


def list_anchors(html):
    """Return the sections of a page, in their order."""
    return re.findall(r'<h2 id="([^"]+)">', html)


def read_firsts(X):
    """Return the first sample of each recording, in thousandths."""
    recordings = as_recordings(X)
    return [round(1000 * float(recordings.read(i)[0, 0])) for i in range(len(recordings))]


class Threshold(BaseEstimator):
    """A segmenter that calls everything above a level a segment, and keeps what it was fitted on in ``fits``."""

    fits: list = []

    def __init__(self, level=0.5, background=0, sampling_rate=None):
        self.level = level
        self.background = background
        self.sampling_rate = sampling_rate

    def fit(self, X, y):
        self.classes_ = np.unique(np.concatenate(y))
        self.classes_ = self.classes_[self.classes_ >= 0]
        self.statistics_ = measure_segments(y)
        self.normalization_, self.window_length_ = None, 8
        labeled = [i for i, labels in enumerate(y) if (np.asarray(labels) >= 0).any()]
        self.training_set_ = {"recordings": len(X), "labeled_recordings": len(labeled)}
        firsts = read_firsts(X)
        self.seen_, self.labeled_ = set(firsts), {firsts[i] for i in labeled}
        Threshold.fits.append(self)
        return self

    def predict_proba(self, X):
        recordings = as_recordings(X)
        signals = [recordings.read(i)[0].astype(float) for i in range(len(recordings))]
        above = [1 / (1 + np.exp(-8 * (x - self.level))) for x in signals]
        return [np.stack([1 - p, p], axis=1) for p in above]

    def predict(self, X):
        return [np.argmax(proba, axis=1) for proba in self.predict_proba(X)]


def make_steps(n=6, n_samples=120, seed=0):
    """Return recordings of zeros with three stretches of ones, and their labels; first samples tell them apart."""
    rng = np.random.default_rng(seed)
    y = np.zeros((n, n_samples), dtype=int)
    for labels in y:
        for start in (20, 50, 80):
            at = start + rng.integers(0, 8)
            labels[at : at + 12] = 1
    X = y + 0.0
    X[:, 0] = -np.arange(n) / 1000
    return X, y
