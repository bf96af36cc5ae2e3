"""How many labels are enough: hide labels, split recordings, draw the curve of scores over labels, plan the next ones.

scikit-learn cuts ``X`` by its first axis or item, so everything here takes arrays, in memory or not, and lists, ragged
ones too. A frame in sktime's ``pd-multiindex`` has rows of samples, not of recordings, and is refused; convert it
first.
"""

from sslts.model_selection.budget import LabelsNeeded, labels_needed, suggest_budget
from sslts.model_selection.curve import label_efficiency_curve
from sslts.model_selection.gap import gap_closed
from sslts.model_selection.masking import mask_labels
from sslts.model_selection.splitters import LabeledGroupKFold, LabeledKFold, LabeledShuffleSplit

__all__ = [
    "LabeledGroupKFold",
    "LabeledKFold",
    "LabeledShuffleSplit",
    "LabelsNeeded",
    "gap_closed",
    "label_efficiency_curve",
    "labels_needed",
    "mask_labels",
    "suggest_budget",
]
