"""
Choose a decoder for counts
===========================

A decoder turns the probabilities of a trained segmenter into labels. `Argmax` takes the most probable class of each
sample: it splits occurrences and adds short false occurrences. A decoder that knows the lengths of occurrences avoids
both errors. A change of the decoder needs no further training.

.. image:: /images/decoders.png
   :alt: One recording and the labels of three decoders for the same probabilities

Run it as ``python examples/plot_decoders.py``: about a minute on two cores. It prints the scores of each decoder and
writes ``decoders.png``. Another machine may give slightly different figures.
"""

# sphinx_gallery_thumbnail_path = 'images/decoders.png'

import matplotlib as mpl
import numpy as np

from sslts import SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.decoding import Argmax, DurationViterbi, Hysteresis
from sslts.metrics import count_error, mean_iou, segment_f1
from sslts.model_selection import compare_decoders, tune_decoder
from sslts.plotting import SegmentationDisplay

mpl.use("Agg")
import matplotlib.pyplot as plt

mpl.rcParams["font.size"] = 11.5

X, y = make_recordings(100, n_samples=1500, n_classes=3, segment_length=60, random_state=0)
segmenter = SupervisedSegmenter(max_steps=400, random_state=0, verbose=1).fit(X[:20], y[:20])

# Recordings 20 to 59 choose the decoder, and recordings 60 to 99 test it.
decoders = [Argmax(), Hysteresis(min_length=20, min_gap=10), DurationViterbi()]
print(compare_decoders(segmenter, X[20:60], y[20:60], decoders, "count").round(3).to_string(index=False))
tuned = tune_decoder(segmenter, X[20:60], y[20:60], "count")
print(f"\nChosen for counts: {tuned.replace(statistics=None) if hasattr(tuned, 'statistics') else tuned}\n")

chosen = {"most probable class": Argmax(), "learned durations": DurationViterbi(), "chosen for counts": tuned}
X_test, y_test = X[60:], y[60:]
predicted = {}
for name, decoder in chosen.items():
    predicted[name] = segmenter.set_params(decoder=decoder).predict(X_test)
    print(
        f"{name:<22}mean IoU {mean_iou(y_test, predicted[name]):.3f}  "
        f"segment F1 {segment_f1(y_test, predicted[name]):.3f}  "
        f"count error {count_error(y_test, predicted[name]).mae:.2f}  "
        f"exact counts {count_error(y_test, predicted[name]).exact:.0%}"
    )

differ = np.mean(predicted["most probable class"] != predicted["learned durations"], axis=1).argmax()
figure, axes = plt.subplots(len(chosen), 1, figsize=(8, 8), layout="constrained")
for ax, (name, labels) in zip(axes, predicted.items(), strict=True):
    SegmentationDisplay.from_predictions(X_test[differ], y_true=y_test[differ], y_pred=labels[differ], ax=ax)
    figure.axes[-2].set_title(name, loc="right")
figure.savefig("decoders.png", dpi=140)
print("\nPicture: decoders.png")
