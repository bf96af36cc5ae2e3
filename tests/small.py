"""Small data and fast estimators that several test files share."""

import numpy as np
import torch

from sslts import FixMatchSegmenter, MeanTeacherSegmenter, PseudoLabelSegmenter, SupervisedSegmenter
from sslts.augment import Tracks
from sslts.networks import UNet
from sslts.training import Step

TINY = UNet(width=4, depth=1)
SEGMENTERS = {
    "fixmatch": FixMatchSegmenter,
    "mean_teacher": MeanTeacherSegmenter,
    "pseudo_label": PseudoLabelSegmenter,
    "supervised": SupervisedSegmenter,
}


def as_ragged(X):
    """Return recordings of different lengths."""
    return [x[..., : 600 - 37 * (i % 5)] for i, x in enumerate(np.asarray(X))]


class Models:
    """A student and a teacher, and what they were asked."""

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
    """Return tracks whose signal says which label and which position a sample has."""
    g = torch.Generator().manual_seed(seed)
    target = torch.randint(0, n_classes, (batch, length), generator=g)
    x = torch.stack([target.float(), torch.arange(length).float().expand(batch, length)], 1)
    return Tracks(x, target, torch.ones(batch, length).bool())
