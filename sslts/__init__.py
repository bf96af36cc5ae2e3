"""Semi-supervised segmentation of one-dimensional signals.

Names are imported when they are first used: ``import sslts`` loads neither torch nor skorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sslts.persistence.models import load as load
    from sslts.segmenters.fixmatch import FixMatchSegmenter as FixMatchSegmenter
    from sslts.segmenters.mean_teacher import MeanTeacherSegmenter as MeanTeacherSegmenter
    from sslts.segmenters.pseudo_label import PseudoLabelSegmenter as PseudoLabelSegmenter
    from sslts.segmenters.self_training import SelfTrainingSegmenter as SelfTrainingSegmenter
    from sslts.segmenters.supervised import SupervisedSegmenter as SupervisedSegmenter
    from sslts.streaming import StreamSegmenter as StreamSegmenter

__version__ = "0.1.0"

_NAMES = {
    "FixMatchSegmenter": "sslts.segmenters.fixmatch",
    "MeanTeacherSegmenter": "sslts.segmenters.mean_teacher",
    "PseudoLabelSegmenter": "sslts.segmenters.pseudo_label",
    "SelfTrainingSegmenter": "sslts.segmenters.self_training",
    "StreamSegmenter": "sslts.streaming",
    "SupervisedSegmenter": "sslts.segmenters.supervised",
    "load": "sslts.persistence.models",
}
_MODULES = (
    "augment",
    "calibration",
    "datasets",
    "decoding",
    "metrics",
    "model_selection",
    "networks",
    "objectives",
    "persistence",
    "plotting",
    "preprocessing",
    "report",
    "segmenters",
    "segments",
    "thresholds",
)

__all__ = [
    "FixMatchSegmenter",
    "MeanTeacherSegmenter",
    "PseudoLabelSegmenter",
    "SelfTrainingSegmenter",
    "StreamSegmenter",
    "SupervisedSegmenter",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    if name in _MODULES:
        return import_module(f"sslts.{name}")
    raise AttributeError(f"module 'sslts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
