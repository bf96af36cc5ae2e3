"""Fits that `tests/training/test_ranks.py` runs in one process and in processes that share them.

As a script, ``python rank_fits.py FOLDER`` is one of these processes, as torchrun would start it.
"""

import os
import sys
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sslts import FixMatchSegmenter, MeanTeacherSegmenter, SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.persistence import checkpoints
from sslts.thresholds import CurriculumThreshold
from sslts.training import Losses, SegmentationNet

TINY = UNet(width=4, depth=2, dropout=0.2, feature_dropout=0.2)
OPTIONS = {"network": TINY, "batch_size": 8, "max_steps": 20, "random_state": 0, "precision": "float32"}


class ForeignNetwork(nn.Module):
    """A custom network with dropout and BatchNorm without weights, in a layout of its own."""

    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.first = nn.Conv1d(n_channels, 8, 5, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(8, affine=False, momentum=None)
        self.last = nn.Conv1d(8, n_classes, 5, padding=2)

    def forward(self, x):
        return self.last(F.dropout(self.norm(self.first(x)).relu(), 0.3, self.training))


class AdversarialLoss(nn.CrossEntropyLoss):
    """Cross-entropy of windows that were moved along the gradient with respect to the signal."""

    def forward(self, batch, step):
        x = batch.labeled.x.clone().requires_grad_()
        loss = super().forward(*step.student(x), batch.labeled.target)
        (gradient,) = torch.autograd.grad(loss, x)
        loss = super().forward(*step.student(x.detach() + 0.1 * gradient.sign()), batch.labeled.target)
        return Losses(loss, loss)


class AdversarialSegmenter(SupervisedSegmenter):
    """A method with a criterion of its own."""

    def _make_criterion(self, class_weight, shares):
        return AdversarialLoss(class_weight, ignore_index=-1)


def make_data(seed=0):
    """Return recordings of which a third is labeled."""
    X, y = make_recordings(12, n_samples=400, random_state=seed)
    y[4:] = -1
    return X, y


FEW = {"max_steps": 4}  # rounding grows from step to step, fastest behind a sign or a threshold
FITS = {
    "fixmatch": lambda: FixMatchSegmenter(threshold=CurriculumThreshold(0.6), guide=None, mu=2, **OPTIONS),
    "source": lambda: SupervisedSegmenter(**OPTIONS),
    "mean teacher": lambda: MeanTeacherSegmenter(**OPTIONS | FEW),
    "odd batch": lambda: FixMatchSegmenter(guide=None, mu=2, **OPTIONS | FEW | {"batch_size": 5}),
    "custom network": lambda: SupervisedSegmenter(**OPTIONS | FEW | {"network": ForeignNetwork}),
    "adversarial": lambda: AdversarialSegmenter(**OPTIONS | FEW),
}


def run(name, **options):
    """Return a fitted segmenter."""
    if name == "source":
        options["source"] = make_recordings(4, n_samples=400, random_state=9)
    return FITS[name]().fit(*make_data(), **options)


def list_state(segmenter):
    """Return weights, statistics and the state of the criterion as arrays."""
    net = segmenter.net_
    modules = {"student": net.module_, "teacher": net.teacher_, "criterion": net.criterion_}
    found = {f"{kind}.{name}": t.numpy() for kind, m in modules.items() for name, t in m.state_dict().items()}
    rows = segmenter.history_[["loss", "labeled_loss", "unlabeled_loss", "mask_rate"]]
    return found | {"history": rows.to_numpy()}


def fit_half(path):
    """Stop a fit in its 14th step; its checkpoint was written after the 10th."""
    whole, checkpoints._SAVE_EVERY = SegmentationNet.train_step, 5

    def interrupt(net, *args, **kwargs):
        if net.step_ == 13:
            raise KeyboardInterrupt
        return whole(net, *args, **kwargs)

    SegmentationNet.train_step = interrupt
    try:
        run("fixmatch", checkpoint=path)
    finally:
        SegmentationNet.train_step, checkpoints._SAVE_EVERY = whole, 50


def catch(function):
    """Return the message of an error."""
    try:
        function()
    except ValueError as error:
        return str(error)
    return ""


def main(folder):
    """Run all fits as one of the ranks."""
    torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=120))
    rank = torch.distributed.get_rank()
    for name in FITS:
        np.savez(folder / f"{name}.{rank}.npz", **list_state(run(name)))
    unseeded = SupervisedSegmenter(**OPTIONS | FEW | {"random_state": None, "verbose": 1})
    np.savez(folder / f"unseeded.{rank}.npz", **list_state(unseeded.fit(*make_data())))
    np.savez(folder / f"continued.{rank}.npz", **list_state(run("fixmatch", checkpoint=folder / "alone.ckpt")))
    run("fixmatch", checkpoint=folder / f"of_rank_{rank}.ckpt")
    fit_half(folder / "shared.ckpt")
    ensemble = UNet(width=4, depth=1, members=2)
    wrong = [
        lambda: SupervisedSegmenter(**OPTIONS).fit(*make_data(seed=rank)),
        lambda: SupervisedSegmenter(**OPTIONS | {"batch_size": 1}).fit(*make_data()),
        lambda: SupervisedSegmenter(**OPTIONS | {"network": ensemble}).fit(*make_data()),
    ]
    (folder / f"errors.{rank}.txt").write_text("\n".join(catch(function) for function in wrong))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
    print(f"rank {os.environ['RANK']} is done")  # noqa: T201
