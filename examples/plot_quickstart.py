"""
Two labeled patients
====================

There are electrocardiograms of a hundred patients, fifteen seconds each. In two of them, the P waves, QRS complexes
and T waves are labeled; ninety-eight are unlabeled. The example finds and counts the waves of forty further patients.

.. image:: /images/quickstart.png
   :alt: An electrocardiogram with its true and its predicted waves

Run it as ``python examples/plot_quickstart.py``: one to two minutes on two cores. It prints two tables and
writes ``quickstart.png``. Another machine may give slightly different figures, because it rounds in another order.
"""

# sphinx_gallery_thumbnail_path = 'images/quickstart.png'

from __future__ import annotations

import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from sslts import FixMatchSegmenter, SupervisedSegmenter, WindowFeatureSegmenter, metrics
from sslts.datasets import make_heartbeats
from sslts.segments import count_segments, labels_to_segments

mpl.use("Agg")
import matplotlib.pyplot as plt

RATE = 100  # samples per second
WAVES = {1: "P", 2: "QRS", 3: "T"}

# %%
# The recordings. ``y`` has a label for each sample: 0 between waves, 1, 2 and 3 in the waves, and -1 if unlabeled.

X, y = make_heartbeats(140, random_state=0)
X_test, y_test = X[100:], y[100:]
X, y = X[:100], y[:100]
y[2:] = -1  # two labeled patients

# %%
# Three fits. A forest of window features takes a second or two. A network learns from the two labeled patients alone,
# and with FixMatch also from the 98 unlabeled ones.

network = {"sampling_rate": RATE, "max_steps": 250, "random_state": 0}
fits = {
    "forest of window features": WindowFeatureSegmenter(sampling_rate=RATE, random_state=0),
    "network, labels alone": SupervisedSegmenter(**network),
    "network, FixMatch": FixMatchSegmenter(**network),
}
found, rows = {}, {}
for name, segmenter in fits.items():
    begun = time.perf_counter()
    segmenter.fit(X, y)
    found[name] = segmenter.predict(X_test)
    counts = metrics.count_error(y_test, found[name])
    rows[name] = {
        "exact counts": f"{counts.exact:.0%}",
        "count error": round(counts.mae, 2),
        "segment F1": round(metrics.segment_f1(y_test, found[name]), 3),
        "mean IoU": round(metrics.mean_iou(y_test, found[name]), 3),
    }
    print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)

# %%
# Counts first: waves in the first test patients, the truth beside what each fit finds.


def count(labels: np.ndarray) -> pd.DataFrame:
    """Return the number of waves of each kind, a row for each patient."""
    return count_segments(labels_to_segments(labels), n_recordings=len(labels), labels=list(WAVES)).rename(
        columns=WAVES
    )


table = pd.concat({"truth": count(y_test), **{name: count(labels) for name, labels in found.items()}}, axis=1)
print(f"\nWaves in the first five of {len(X_test)} test patients:\n{table.head().to_string()}")
print(f"\nAll test patients; a count is that of one kind of wave in one patient:\n{pd.DataFrame(rows).T.to_string()}")

# %%
# Six seconds of a typical test patient: what FixMatch gains over labels alone, in mean IoU, is the median there.


def score_each(name: str) -> np.ndarray:
    """Return the mean IoU of each test patient."""
    return np.array([metrics.mean_iou(y_test[[i]], found[name][[i]]) for i in range(len(y_test))])


gain = score_each("network, FixMatch") - score_each("network, labels alone")
shown, seconds = int(np.argsort(gain)[len(gain) // 2]), 6
INK, COLORS = "#333333", {1: "#d62728", 2: "#1f77b4", 3: "#2ca02c"}
figure, (signal_ax, rows_ax, score_ax) = plt.subplots(
    3, 1, figsize=(8, 6.4), layout="constrained", height_ratios=[2.2, 1.3, 1]
)
signal_ax.plot(np.arange(seconds * RATE) / RATE, X_test[shown, : seconds * RATE], color=INK, linewidth=1)
signal_ax.set(ylabel="millivolts", xlim=(0, seconds), xticklabels=[])
signal_ax.set_title(
    "A test patient: the signal, the true waves, and the waves that each fit finds", loc="left", fontsize=11
)
bands = {"truth": y_test, **found}
for row, labels in enumerate(bands.values()):
    for segment in labels_to_segments(labels[shown, : seconds * RATE]).itertuples():
        span = (segment.start / RATE, segment.length / RATE)
        rows_ax.broken_barh([span], (row - 0.35, 0.7), color=COLORS[segment.label])
rows_ax.set_yticks(range(len(bands)), bands)
rows_ax.set(xlim=(0, seconds), xlabel="seconds")
rows_ax.invert_yaxis()
for k, name in WAVES.items():
    signal_ax.plot([], color=COLORS[k], linewidth=6, label=name)
signal_ax.legend(loc="upper right", ncols=3, frameon=True, fontsize=10)
shares = [float(row["exact counts"].rstrip("%")) for row in rows.values()]
score_ax.barh(range(len(rows)), shares, color="#7a9cc6")
for row, share in enumerate(shares):
    score_ax.text(share, row, f" {share:.0f} %", va="center")
score_ax.set_yticks(range(len(rows)), rows)
score_ax.set(xlim=(0, 100), xlabel="exact counts of waves in 40 test patients, in percent")
score_ax.invert_yaxis()
for ax in (signal_ax, rows_ax, score_ax):
    ax.spines[["top", "right"]].set_visible(False)

target = Path("quickstart.png")
figure.savefig(target, dpi=150)
print(f"\nThe picture is in {target.resolve()}")
