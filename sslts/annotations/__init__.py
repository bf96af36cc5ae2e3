"""The labels that users pass as ``y``.

Labels are integers, one per sample; ``-1`` marks an unlabeled sample. The right reader depends on what the caller has
beside the labels:

==========================  ================  ====================================================================
The caller has              Use               Result
==========================  ================  ====================================================================
`Recordings`                `as_labels`       one checked array per recording, as long as the recording
`Recordings`                `as_label_runs`   the same as `LabelRuns`, which need little memory
`Recordings`                `list_labels`     one item per recording, reordered to an index, but not read or checked
``X`` of a pipeline         `follow_index`    the result of `list_labels`, or ``y`` unchanged if it has no index
lengths of the recordings   `spread_labels`   one checked array per recording, as long as the recording
only labels                 `check_labels`    one checked array per recording; one dimension means one recording
only labels                 `read_labels`     one checked array per recording; one dimension means one label each
labels of one recording     `check_integers`  one checked array
truth and prediction        `pair_labels`     two lists, each with one checked array per recording
truth and prediction        `pool_labels`     two arrays with all recordings end to end, and the offsets
truth and prediction        `number_alike`    the same number for the same word in both, before they are read
truth and prediction        `find_touching`   where segments of one class touch in these arrays
==========================  ================  ====================================================================

`read_words` replaces words by numbers in any container, before the labels are read; `number_like` uses the numbers of
a fitted estimator, `number_columns` also reads the words of columns of probabilities, and `write_words` and
`spell_labels` are the way back. `read_weighed_labels` is `as_label_runs` for soft labels and weights too: it also
returns `LabelDetails`. `count_votes` makes soft labels from the labels of several annotators. `require_labels` raises
if there are no labels. `return_labels` puts the result of `read_labels` back into the user's container. `align_labels`,
`order_labels` and `sort_times` only reorder labels on a pandas index. `read_into_memory` only reads a lazy array.
`name_columns` returns the class of each column of probabilities.

``annotations.py`` holds segments that may touch, ``rows.py`` reads and checks the rows of their tables, and
``occurrences.py`` splits occurrences that touch into halves. ``reading.py`` reads labels of recordings, ``arrays.py``
labels without recordings, ``wording.py`` labels that are words, ``alignment.py`` reorders labels on a pandas index,
``pairing.py`` pairs truth and prediction, ``runs.py`` holds labels as runs of equal labels, ``weighing.py`` reads
weights and soft labels, ``details.py`` holds them, ``votes.py`` counts votes, ``classes.py`` finds and weighs classes,
``columns.py`` finds channels that are no signal, and ``statistics.py`` measures segments.
"""

from sslts.annotations._words import name_labels, number_words
from sslts.annotations.alignment import (
    align_labels,
    check_same_rows,
    follow_order,
    is_default_index,
    order_labels,
    sort_times,
)
from sslts.annotations.annotations import Annotations
from sslts.annotations.arrays import (
    check_integers,
    check_labels,
    is_flat,
    name_columns,
    read_into_memory,
    read_labels,
    return_labels,
)
from sslts.annotations.classes import (
    check_names,
    find_classes,
    isolate_class,
    name_classes,
    share_classes,
    warn_of_lost_background,
    warn_of_zeros,
    weigh_classes,
)
from sslts.annotations.columns import warn_of_columns
from sslts.annotations.details import LabelDetails, SampleWeights, SoftLabels
from sslts.annotations.occurrences import Occurrences, measure_occurrences
from sslts.annotations.pairing import (
    find_touching,
    number_alike,
    number_columns,
    pair_annotations,
    pair_labels,
    pool_labels,
    spread_labels,
)
from sslts.annotations.pools import Pool, choose_taught, read_known_pool, read_source
from sslts.annotations.predicting import number_like, predict_annotations, predict_like, predict_table
from sslts.annotations.reading import as_label_runs, as_labels, follow_index, list_labels, require_labels
from sslts.annotations.rows import check_rows, count_touching, number_recordings, read_columns, read_table
from sslts.annotations.runs import LabelRuns
from sslts.annotations.statistics import (
    SegmentStatistics,
    SignalSummary,
    measure_runs,
    measure_segments,
    read_statistics,
    summarize_signal,
)
from sslts.annotations.votes import count_votes
from sslts.annotations.weighing import read_weighed_labels
from sslts.annotations.wording import find_words, read_words, spell_labels, write_words

__all__ = [
    "Annotations",
    "LabelDetails",
    "LabelRuns",
    "Occurrences",
    "Pool",
    "SampleWeights",
    "SegmentStatistics",
    "SignalSummary",
    "SoftLabels",
    "align_labels",
    "as_label_runs",
    "as_labels",
    "check_integers",
    "check_labels",
    "check_names",
    "check_rows",
    "check_same_rows",
    "choose_taught",
    "count_touching",
    "count_votes",
    "find_classes",
    "find_touching",
    "find_words",
    "follow_index",
    "follow_order",
    "is_default_index",
    "is_flat",
    "isolate_class",
    "list_labels",
    "measure_occurrences",
    "measure_runs",
    "measure_segments",
    "name_classes",
    "name_columns",
    "name_labels",
    "number_alike",
    "number_columns",
    "number_like",
    "number_recordings",
    "number_words",
    "order_labels",
    "pair_annotations",
    "pair_labels",
    "pool_labels",
    "predict_annotations",
    "predict_like",
    "predict_table",
    "read_columns",
    "read_into_memory",
    "read_known_pool",
    "read_labels",
    "read_source",
    "read_statistics",
    "read_table",
    "read_weighed_labels",
    "read_words",
    "require_labels",
    "return_labels",
    "share_classes",
    "sort_times",
    "spell_labels",
    "spread_labels",
    "summarize_signal",
    "warn_of_columns",
    "warn_of_lost_background",
    "warn_of_zeros",
    "weigh_classes",
    "write_words",
]
