"""The training loop: a skorch net that descends one criterion.

The net never asks which method it trains. An estimator hands it a criterion that turns a `Batch` into `Losses` with
the help of a `Step`; everything else here is common to all methods.
"""

from sslts.training.averaging import AveragedModule
from sslts.training.batches import WindowDataset
from sslts.training.callbacks import LossRecorder, StepBar, make_schedule
from sslts.training.hardware import choose_device, choose_precision, explain_absence
from sslts.training.net import SegmentationNet, build_module, seed_torch
from sslts.training.step import Batch, Losses, Step
from sslts.training.windows import WindowSampler

__all__ = [
    "AveragedModule",
    "Batch",
    "LossRecorder",
    "Losses",
    "SegmentationNet",
    "Step",
    "StepBar",
    "WindowDataset",
    "WindowSampler",
    "build_module",
    "choose_device",
    "choose_precision",
    "explain_absence",
    "make_schedule",
    "seed_torch",
]
