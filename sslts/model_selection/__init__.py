"""How many labels are enough: hide labels, split recordings, draw the curve of scores over labels, plan the next ones.

scikit-learn cuts ``X`` by its first axis or item, so everything here takes arrays, in memory or not, and lists, ragged
ones too. A frame in sktime's ``pd-multiindex`` has rows of samples, not of recordings, and is refused; convert it
first.
"""

from sslts.model_selection.budget import LabelsNeeded, labels_needed, suggest_budget
from sslts.model_selection.curve import label_efficiency_curve
from sslts.model_selection.decoders import compare_decoders, suggest_decoders, tune_decoder
from sslts.model_selection.gap import gap_closed
from sslts.model_selection.groups import check_groups
from sslts.model_selection.masking import mask_labels
from sslts.model_selection.scores import check_confidence, choose_scores, summarize_scores
from sslts.model_selection.splitters import LabeledGroupKFold, LabeledKFold, LabeledShuffleSplit

__all__ = [
    "LabeledGroupKFold",
    "LabeledKFold",
    "LabeledShuffleSplit",
    "LabelsNeeded",
    "check_confidence",
    "check_groups",
    "choose_scores",
    "compare_decoders",
    "gap_closed",
    "label_efficiency_curve",
    "labels_needed",
    "mask_labels",
    "suggest_budget",
    "suggest_decoders",
    "summarize_scores",
    "tune_decoder",
]
