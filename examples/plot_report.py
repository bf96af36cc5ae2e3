"""
Write a report
==============

The report says how good a segmenter is, whether the unlabeled recordings helped, and what to do next. Ten labeled and
ninety unlabeled recordings train FixMatch. The ten labeled recordings alone train two baselines: the same network, and
a forest of window features. Sixty other recordings test all three.

.. image:: /images/report.png
   :alt: The top of the page: counts and segments in words, and better or worse for each score

Run it as ``python examples/plot_report.py``: about two minutes on two cores. It writes ``report.html``.
"""

# sphinx_gallery_thumbnail_path = 'images/report.png'

import numpy as np

from sslts import FixMatchSegmenter, SupervisedSegmenter, WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.report import write_report

X, y = make_recordings(160, n_samples=1500, random_state=0)
few = np.where(np.arange(100)[:, None] < 10, y[:100], -1)
options = {"max_steps": 500, "sampling_rate": 50, "random_state": 0, "verbose": 1}
segmenter = FixMatchSegmenter(**options).fit(X[:100], few)
baselines = {
    "network on labels alone": SupervisedSegmenter(**options).fit(X[:100], few),
    "forest of window features": WindowFeatureSegmenter(sampling_rate=50, random_state=0).fit(X[:100], few),
}

path = write_report(
    segmenter,
    X[100:],
    y[100:],
    "report.html",
    baselines,
    names={0: "rest", 1: "pattern"},
    recording_names=[f"recording_{i}.csv" for i in range(100, 160)],
    title="Ten labeled recordings",
)
print(f"Report: {path}")
