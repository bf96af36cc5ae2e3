"""
Count and measure heartbeats
============================

This example counts P, QRS and T waves, and measures the heart rate, its spread, and the length of each wave. The
electrocardiograms are synthetic (`make_heartbeats`): bell-shaped waves with breathing, noise and some beats without a P
wave. `load_ludb` loads recordings of real patients; the scripts in ``examples/benchmarks/`` use them. Eight labeled and
92 unlabeled recordings train a segmenter.

.. image:: /images/heartbeats.png
   :alt: An electrocardiogram with its waves, and counts against true counts of waves

Run it as ``python examples/plot_heartbeats.py``: about a minute on two cores. It prints counts and lengths for each
recording and each period of five seconds, and writes ``heartbeats.png``. Another machine may give slightly different
figures.
"""

# sphinx_gallery_thumbnail_path = 'images/heartbeats.png'

import matplotlib as mpl
import numpy as np

from sslts import FixMatchSegmenter
from sslts.calibration import calibrate_counts
from sslts.datasets import make_heartbeats
from sslts.decoding import DurationViterbi
from sslts.plotting import CountDisplay, SegmentationDisplay
from sslts.segments import labels_to_segments, summarize

mpl.use("Agg")
import matplotlib.pyplot as plt

mpl.rcParams["font.size"] = 11.5

RATE = 100  # samples per second
NAMES = {0: "background", 1: "P", 2: "QRS", 3: "T"}

X, y = make_heartbeats(160, random_state=0)
few = np.where(np.arange(100)[:, None] < 8, y[:100], -1)
segmenter = FixMatchSegmenter(decoder=DurationViterbi(), max_steps=300, sampling_rate=RATE, random_state=0, verbose=1)
segmenter.fit(X[:100], few)
calibration = calibrate_counts(segmenter, X[100:130], y[100:130])

X_new, y_new = X[130:], y[130:]
segments, lengths = segmenter.predict_segments(X_new), [X.shape[1]] * len(X_new)
options = {"labels": [1, 2, 3], "sampling_rate": RATE, "calibration": calibration}
summary = summarize(segments, lengths, **options)
true = summarize(labels_to_segments(y_new), lengths, labels=[1, 2, 3], sampling_rate=RATE)
summary["wave"], summary["true_count"] = summary["label"].map(NAMES), true["count"]
summary["inside"] = (summary["count_low"] <= true["count"]) & (true["count"] <= summary["count_high"])

columns = ["recording", "wave", "true_count", "count", "count_low", "count_high", "mean_length", "mean_interval"]
print(summary[columns].head(9).round(3).to_string(index=False))
rate = 60 / summary.loc[summary["label"] == 2, "mean_interval"]
print(f"\nHeart rates: {rate.min():.0f} to {rate.max():.0f} per minute, in {len(rate)} recordings.")
print("The interval of 90 % holds the true count of:", summary.groupby("wave")["inside"].mean().round(2).to_dict())
print("\nThe first recording, in periods of five seconds:")
columns = ["period", "label", "count", "mean_length", "mean_interval", "std_interval", "occupancy"]
print(
    summarize(segments, lengths, period=5, **options).query("recording == 0")[columns].round(3).to_string(index=False)
)

figure, axes = plt.subplots(2, 1, figsize=(8, 8), layout="constrained", height_ratios=[1, 1.1])
SegmentationDisplay.from_estimator(segmenter, X_new, y_new, stop=6 * RATE, names=NAMES, ax=axes[0])
CountDisplay.from_estimator(segmenter, X_new, y_new, names=NAMES, ax=axes[1])
figure.savefig("heartbeats.png", dpi=140)
print("\nPicture: heartbeats.png")
