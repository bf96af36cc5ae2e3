"""Semi-supervised segmentation of one-dimensional signals.

Names are imported when they are first used: ``import sslts`` loads neither torch nor skorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sslts import _forks as _forks  # before anything imports torch
from sslts._moved import install

if TYPE_CHECKING:
    from sslts.annotations import Annotations as Annotations
    from sslts.persistence import load as load
    from sslts.prediction import StreamSegmenter as StreamSegmenter
    from sslts.recordings import Recordings as Recordings
    from sslts.segmenters import FixMatchSegmenter as FixMatchSegmenter
    from sslts.segmenters import MeanTeacherSegmenter as MeanTeacherSegmenter
    from sslts.segmenters import PseudoLabelSegmenter as PseudoLabelSegmenter
    from sslts.segmenters import SelfTrainingSegmenter as SelfTrainingSegmenter
    from sslts.segmenters import SemiSupervisedSegmenter as SemiSupervisedSegmenter
    from sslts.segmenters import SupervisedSegmenter as SupervisedSegmenter
    from sslts.segmenters import WindowFeatureSegmenter as WindowFeatureSegmenter

__version__ = "0.2.0"
install()

_NAMES = {
    "Annotations": "sslts.annotations",
    "FixMatchSegmenter": "sslts.segmenters",
    "MeanTeacherSegmenter": "sslts.segmenters",
    "PseudoLabelSegmenter": "sslts.segmenters",
    "Recordings": "sslts.recordings",
    "SelfTrainingSegmenter": "sslts.segmenters",
    "SemiSupervisedSegmenter": "sslts.segmenters",
    "StreamSegmenter": "sslts.prediction",
    "SupervisedSegmenter": "sslts.segmenters",
    "WindowFeatureSegmenter": "sslts.segmenters",
    "load": "sslts.persistence",
}
_MODULES = (
    "augment",
    "calibration",
    "command",
    "datasets",
    "decoding",
    "io",
    "labeling",
    "losses",
    "metrics",
    "model_selection",
    "networks",
    "objectives",
    "onnx_runner",
    "persistence",
    "plotting",
    "preprocessing",
    "report",
    "segmenters",
    "segments",
    "thresholds",
)

__all__ = [
    "Annotations",
    "FixMatchSegmenter",
    "MeanTeacherSegmenter",
    "PseudoLabelSegmenter",
    "Recordings",
    "SelfTrainingSegmenter",
    "SemiSupervisedSegmenter",
    "StreamSegmenter",
    "SupervisedSegmenter",
    "WindowFeatureSegmenter",
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
