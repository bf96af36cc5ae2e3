"""A curve on a cluster of dask; a test kills the scheduler meanwhile. ``python lost_scheduler.py ADDRESS FILE``."""

import sys

import joblib

from sslts import SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.model_selection import label_efficiency_curve
from sslts.networks import UNet


def make_curve(file, steps=150):
    X, y = make_recordings(12, n_samples=600, segment_length=24, random_state=0)
    segmenter = SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=steps, batch_size=2, random_state=0)
    return label_efficiency_curve(segmenter, X, y, n_labeled=[1, 2, 3, 4], cv=4, random_state=0, file=file)


if __name__ == "__main__":
    from distributed import Client  # the tests import this file where dask may be missing

    address, file = sys.argv[1:]
    with Client(address), joblib.parallel_config(backend="dask"):
        make_curve(file)
