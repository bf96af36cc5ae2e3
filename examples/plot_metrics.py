"""
Compare metrics on six errors
=============================

This example scores six typical errors in one recording with each metric. IoU (intersection over union) is nearly the
same if an occurrence is split in two, or if a short false occurrence is added. These errors change the count, but other
errors do not. So report at least one metric of samples and one metric of segments.

Run it as ``python examples/plot_metrics.py``: a second. It prints a table and writes ``metrics.png``.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sslts import metrics
from sslts.segments import labels_to_segments, segments_to_labels

# %%
# The truth: eight occurrences of 40 samples. Each error changes one thing.

start = np.arange(40, 840, 100)
table = pd.DataFrame({"recording": 0, "start": start, "end": start + 40, "label": 1})


def make(segments: pd.DataFrame) -> np.ndarray:
    """Return the labels of a table."""
    return segments_to_labels(segments, [860])[0]


truth = make(table)
holes = truth.copy()
holes[start[::2] + 20] = 0
blips = truth.copy()
blips[start[:-1, None] + 70 + np.arange(3)] = 1
merged = table.assign(end=np.where(table.index == 2, table["end"] + 100, table["end"])).drop(3)
answers = {
    "the truth": truth,
    "every start 8 samples late": make(table.assign(start=table["start"] + 8)),
    "all of it 30 samples late": make(table.assign(start=table["start"] + 30, end=table["end"] + 30)),
    "two missed": make(table.drop([2, 5])),
    "two merged into one": make(merged),
    "a hole of 1 sample in every second": holes,
    "seven false ones of 3 samples": blips,
}

# %%
# The scores by metrics of samples, segments, counts and lengths. For segment F1, an occurrence is found at an IoU of
# 0.5; for event F1, if it starts and ends within 10 samples.

rows = {}
for name, found in answers.items():
    counts = metrics.count_error([truth], [found])
    with warnings.catch_warnings(action="ignore"):  # without a matched pair there is no length
        lengths = metrics.duration_error([truth], [found])
    rows[name] = {
        "mean IoU": metrics.mean_iou([truth], [found]),
        "segment F1": metrics.segment_f1([truth], [found]),
        "event F1": metrics.event_f1([truth], [found], onset_tolerance=10, offset_tolerance=10),
        "count error": counts.bias,
        "length error": lengths.bias,
    }
scores = pd.DataFrame(rows).T
print(scores.round(2).to_string())

# %%
# A dark cell is a large error by this metric.

figure, (left, right) = plt.subplots(2, 1, figsize=(8, 7), layout="constrained")
for row, found in enumerate(answers.values()):
    spans = labels_to_segments(found)[["start", "length"]].to_numpy()
    left.broken_barh([tuple(span) for span in spans], (row - 0.3, 0.6), color="#888888" if row == 0 else "#7570b3")
left.set_yticks(range(len(answers)), answers)
left.set_ylim(len(answers) - 0.5, -0.5)
left.set_xlabel("sample")
left.spines[["top", "right"]].set_visible(False)
grave = scores.to_numpy(copy=True)
grave[:, :3] = 1 - grave[:, :3]
grave[:, 3:] = np.minimum(np.abs(grave[:, 3:]) / [4, 10], 1)
right.imshow(grave, cmap="Purples", vmin=0, vmax=1.2, aspect="auto")
for (row, column), value in np.ndenumerate(scores.to_numpy()):
    shown = f"{value:.2f}" if column < 3 else "none" if np.isnan(value) else f"{value:+.0f}" if value else "0"
    color = "white" if grave[row, column] > 0.6 else "#333333"
    right.text(column, row, shown, ha="center", va="center", color=color)
right.set_xticks(range(scores.shape[1]), [name.replace(" ", "\n", 1) for name in scores.columns])
right.xaxis.tick_top()
right.set_yticks(range(len(answers)), answers)
target = Path("metrics.png")
figure.savefig(target, dpi=140)
print(f"\nThe picture is in {target.resolve()}")
