"""The training loop: a skorch net that minimizes one criterion.

The net does not know which method it trains. An estimator gives it a criterion that computes `Losses` from a `Batch`
and a `Step`; everything else in this package is common to all methods.
"""

from sslts.training.averaging import AveragedModule
from sslts.training.batches import WindowDataset
from sslts.training.callbacks import LossRecorder, StepBar, make_schedule
from sslts.training.hardware import choose_device, choose_precision, explain_absence
from sslts.training.net import SegmentationNet, build_module, seed_torch
from sslts.training.states import float32_default, neutral_torch
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
    "float32_default",
    "make_schedule",
    "neutral_torch",
    "seed_torch",
]
