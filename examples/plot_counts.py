"""
Count and measure occurrences
=============================

This example counts occurrences, measures their lengths, and computes an interval for each count. Ten labeled and ninety
unlabeled recordings train a segmenter. Forty other recordings calibrate its counts, and forty more test them.

.. image:: /images/counts.png
   :alt: A recording with its segments, counts against true counts, and the lengths of all occurrences

Run it as ``python examples/plot_counts.py``: about a minute on two cores. It prints a summary per recording and per
period with the interval of each count, and writes ``counts.png``. Another machine may give slightly different figures.
"""

# sphinx_gallery_thumbnail_path = 'images/counts.png'

import matplotlib as mpl
import numpy as np

from sslts import FixMatchSegmenter
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.decoding import DurationViterbi
from sslts.plotting import CountDisplay, DurationDisplay, SegmentationDisplay
from sslts.segments import labels_to_segments, summarize

mpl.use("Agg")
import matplotlib.pyplot as plt

mpl.rcParams["font.size"] = 11.5

RATE = 50  # samples per second

X, y = make_recordings(180, n_samples=1500, random_state=0)
few = np.where(np.arange(100)[:, None] < 10, y[:100], -1)
segmenter = FixMatchSegmenter(decoder=DurationViterbi(), max_steps=400, sampling_rate=RATE, random_state=0, verbose=1)
segmenter.fit(X[:100], few)

# Forty labeled recordings calibrate the scores of segments for counts.
calibration = calibrate_counts(segmenter, X[100:140], y[100:140])
X_new, y_new = X[140:], y[140:]
found = segmenter.predict_segments(X_new)
lengths = [X_new.shape[1]] * len(X_new)
options = {"labels": [1], "sampling_rate": RATE, "calibration": calibration}
summary = summarize(found, lengths, **options)
true = summarize(labels_to_segments(y_new), lengths, labels=[1], sampling_rate=RATE)
inside = (summary["count_low"] <= true["count"]) & (true["count"] <= summary["count_high"])

columns = ["recording", "count", "expected_count", "count_low", "count_high", "mean_length", "occupancy"]
print(summary[columns].assign(true_count=true["count"]).head(8).round(2).to_string(index=False))
print(f"\nThe interval of 90 % holds the true count of {inside.mean():.0%} of {len(inside)} recordings.")
print("\nThe first recording, in periods of ten seconds:")
print(summarize(found, lengths, period=10, **options).query("recording == 0").round(2).to_string(index=False))

figure, axes = plt.subplot_mosaic(
    [["signal", "signal"], ["counts", "durations"]], figsize=(8, 7.5), layout="constrained", height_ratios=[1, 1.2]
)
SegmentationDisplay.from_estimator(segmenter, X_new, y_new, names={0: "rest", 1: "pattern"}, ax=axes["signal"])
CountDisplay.from_estimator(segmenter, X_new, y_new, names={1: "pattern"}, ax=axes["counts"])
DurationDisplay.from_estimator(segmenter, X_new, y_new, names={1: "pattern"}, ax=axes["durations"])
figure.savefig("counts.png", dpi=140)
print("\nPicture: counts.png")
