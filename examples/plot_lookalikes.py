"""
A hard synthetic task
=====================

A pattern recurs in a thousand recordings among look-alikes, drift and noise. Every recording has its own tempo, shape
and noise. Ten recordings are labeled, 990 are not. A person would need practice to find the pattern, and all fits make
many errors. Four fits are compared: a forest of window features and a network on the ten labels alone, the network with
the unlabeled recordings, and the network with all thousand labels.

.. image:: /images/lookalikes.png
   :alt: A test recording with the segments of each fit, the lengths of all occurrences, and segment F1 of four fits

Run it as ``python examples/plot_lookalikes.py``: about two minutes on two cores. It prints a table and writes
``lookalikes.png``.
"""

# sphinx_gallery_thumbnail_path = 'images/lookalikes.png'

from __future__ import annotations

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sslts import FixMatchSegmenter, SupervisedSegmenter, WindowFeatureSegmenter, metrics
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.segments import labels_to_segments

N_LABELED, MAX_STEPS = 10, 400

# %%
# The recordings. ``y`` holds a label for each sample: 1 inside the pattern, 0 outside, and -1 if unlabeled.

X, y = make_recordings(1000, n_samples=1000, noise=0.4, random_state=0)
X_test, y_test = make_recordings(200, n_samples=1000, noise=0.4, random_state=1)
y_few = y.copy()
y_few[N_LABELED:] = -1

# %%
# The forest is fitted in seconds; it is what one tries first. Then three fits of one network, with the same number of
# steps: labels alone, FixMatch, and all labels as the upper limit. The network is half as wide as the default, so that
# all fits take two minutes.

network = {"network": UNet(width=8), "max_steps": MAX_STEPS, "random_state": 0, "verbose": int(sys.stderr.isatty())}
fits = {
    f"{N_LABELED} labels, window features": (WindowFeatureSegmenter(random_state=0), y_few),
    f"{N_LABELED} labels, network": (SupervisedSegmenter(**network), y_few),
    f"{N_LABELED} labels and {len(X) - N_LABELED} unlabeled": (FixMatchSegmenter(**network), y_few),
    f"all {len(X)} labels": (SupervisedSegmenter(**network), y),
}
predictions, rows = {}, {}
for name, (segmenter, labels) in fits.items():
    begun = time.perf_counter()
    segmenter.fit(X, labels)
    predicted = predictions[name] = segmenter.predict(X_test)
    counts, lengths = metrics.count_error(y_test, predicted), metrics.duration_error(y_test, predicted)
    rows[name] = {
        "mean IoU": metrics.mean_iou(y_test, predicted),
        "segment F1": metrics.segment_f1(y_test, predicted),
        "exact counts": counts.exact,
        "count error": counts.mae,
        "length error": lengths.mae,
        "seconds": time.perf_counter() - begun,
    }
table = pd.DataFrame(rows).T
print(f"{len(X_test)} test recordings; errors are mean absolute errors, lengths are in samples\n")
digits = {"mean IoU": 3, "segment F1": 3, "exact counts": 2, "count error": 2, "length error": 1, "seconds": 0}
print(table.round(digits).to_string())

# %%
# A recording with typical errors of labels alone, and the lengths of all occurrences.

_, alone, matched, _ = predictions.values()
gain = [
    metrics.mean_iou(y_test[i : i + 1], matched[i : i + 1]) - metrics.mean_iou(y_test[i : i + 1], alone[i : i + 1])
    for i in range(len(y_test))
]
shown = int(np.argsort(gain)[int(0.9 * len(gain))])

INK, TRUTH, COLORS = "#333333", "#1b9e77", ("#66a61e", "#d95f02", "#7570b3", "#888888")
figure = plt.figure(figsize=(8, 7.5), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[3, 2])
signal_ax, rows_ax = top.subplots(2, 1, sharex=True, height_ratios=[3, 1.4])
signal_ax.plot(X_test[shown], color=INK, linewidth=0.8)
for start, end in labels_to_segments(y_test[shown])[["start", "end"]].to_numpy():
    signal_ax.axvspan(start, end, color=TRUTH, alpha=0.25, linewidth=0)
signal_ax.set_title(f"Test recording {shown}: the truth, and what each fit finds", loc="left")
signal_ax.set_yticks([])
signal_ax.margins(x=0)
bars = {"truth": (y_test[shown], TRUTH)}
bars |= {name: (p[shown], c) for (name, p), c in zip(list(predictions.items())[:3], COLORS, strict=False)}
for row, (labels, color) in enumerate(bars.values()):
    spans = labels_to_segments(labels)[["start", "length"]].to_numpy()
    rows_ax.broken_barh([tuple(span) for span in spans], (row - 0.35, 0.7), color=color)
rows_ax.set_yticks(range(len(bars)), bars)
rows_ax.invert_yaxis()
rows_ax.set_xlabel("sample")

length_ax, score_ax = bottom.subplots(1, 2, width_ratios=[3, 2])
edges = np.arange(0, 92, 4)
length_ax.hist(labels_to_segments(y_test)["length"], edges, color=TRUTH, alpha=0.3, label="truth")
for predicted, color in zip(predictions.values(), COLORS, strict=True):
    found = labels_to_segments(predicted)["length"]
    length_ax.hist(found, edges, histtype="step", color=color, linewidth=1.6, label=f"{len(found)} found")
length_ax.set(title="Lengths of all occurrences", xlabel="length (samples)", ylabel="occurrences")
length_ax.legend(fontsize=9.5, frameon=False, loc="upper right")
score_ax.barh(range(4), table["segment F1"], color=COLORS)
for row, value in enumerate(table["segment F1"]):
    score_ax.text(value, row, f" {value:.3f}", va="center")
score_ax.set_yticks(range(4), table.index)
score_ax.set(title="Segment F1 at IoU 0.5", xlim=(0, 1.1))
score_ax.invert_yaxis()
for ax in (signal_ax, rows_ax, length_ax, score_ax):
    ax.spines[["top", "right"]].set_visible(False)

target = Path("lookalikes.png")
figure.savefig(target, dpi=140)
print(f"\nThe picture is in {target.resolve()}")
