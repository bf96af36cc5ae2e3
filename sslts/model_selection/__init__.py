"""Model selection with few labels: hide labels, split recordings, compute label-efficiency curves, choose decoders.

Recordings and labels are arrays (in memory or lazy) or lists, also ragged lists, because scikit-learn indexes ``X`` by
recording. A DataFrame in sktime's ``pd-multiindex`` format has one row per sample, so the splitters raise; convert it
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
