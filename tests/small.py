"""Small data, fast estimators and custom networks that several test files share."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sslts import FixMatchSegmenter, MeanTeacherSegmenter, PseudoLabelSegmenter, SupervisedSegmenter
from sslts.augment import Tracks
from sslts.networks import UNet
from sslts.training import Step

LUDB = Path(os.environ.get("SSLTS_LUDB") or Path(__file__).parents[2] / "shared" / "data" / "ludb-1.0.1")
needs_ludb = pytest.mark.skipif(not (LUDB / "data").is_dir(), reason="LUDB isn't here (set SSLTS_LUDB to its folder)")
TINY = UNet(width=4, depth=1)
SEGMENTERS = {
    "fixmatch": FixMatchSegmenter,
    "mean_teacher": MeanTeacherSegmenter,
    "pseudo_label": PseudoLabelSegmenter,
    "supervised": SupervisedSegmenter,
}

# Checks of scikit-learn that do not hold for recordings.
ODD_CHECKS = {
    "check_n_features_in_after_fitting": "predict takes recordings of any length",
    "check_sample_weights_shape": "weights have the shape of the labels, (n, T), if each sample has its own",
    "check_sample_weight_equivalence_on_dense_data": "a recording that is given twice is drawn twice as often",
}


def every_other(cases):
    """Return the cases of a test; every second one is slow, because half of them finds what holds for all."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow if i % 2 else ())
        for i, case in enumerate(cases)
    ]


# Behavior that all segmenters share is tested on one of them.
ON_ONE = pytest.mark.parametrize("make_segmenter", ["fixmatch"], indirect=True)


def as_ragged(X):
    """Return recordings of different lengths."""
    return [x[..., : 600 - 37 * (i % 5)] for i, x in enumerate(np.asarray(X))]


def as_multiindex(X, y=None):
    """Return recordings, and their labels, in tables with an index of instance and time."""
    n, t = X.shape
    index = pd.MultiIndex.from_product([range(n), range(t)], names=["instance", "time"])
    frame = pd.DataFrame({"x": X.ravel()}, index=index)
    return (frame, None) if y is None else (frame, pd.Series(y.ravel(), index=index))


class PlainNetwork(torch.nn.Module):
    """A custom network without stride and receptive field."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.conv = torch.nn.Conv1d(n_channels, n_classes, 9, padding=4)

    def forward(self, x):
        return self.conv(x)


class Models:
    """A student and a teacher that record their passes."""

    def __init__(self):
        torch.manual_seed(0)
        self.network, self.average = torch.nn.Conv1d(1, 3, 3, padding=1), torch.nn.Conv1d(1, 3, 3, padding=1)
        self.passes = []

    def student(self, *views):
        self.passes.append("student")
        return self.network(torch.cat(views)).split([len(view) for view in views])

    @torch.no_grad()
    def teacher(self, x):
        self.passes.append("teacher")
        return (3 * self.average(x)).softmax(1)

    def at(self, progress):
        return Step(self.student, self.teacher, torch.Generator(), progress)


def make_tracks(n_classes=3, batch=2, length=30, seed=0):
    """Return tracks whose signal encodes label and position of each sample."""
    g = torch.Generator().manual_seed(seed)
    target = torch.randint(0, n_classes, (batch, length), generator=g)
    x = torch.stack([target.float(), torch.arange(length).float().expand(batch, length)], 1)
    return Tracks(x, target, torch.ones(batch, length).bool())
