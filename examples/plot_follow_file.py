"""
Follow a file as it grows
=========================

A logger appends samples to a file, and a stream finds each segment as soon as it is over. Half way, the program saves
the state of the stream to a file, and a new stream continues from it. The segments equal those that
``predict_segments`` finds in the whole signal.

.. image:: /images/follow_file.png
   :alt: A signal, its segments, and the delay after which each segment was known

Run it as ``python examples/plot_follow_file.py``: about ten seconds. It writes ``follow_file.png``.
"""

# sphinx_gallery_thumbnail_path = 'images/follow_file.png'

import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from sslts import FixMatchSegmenter, StreamSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet

mpl.use("Agg")
import matplotlib.pyplot as plt

RATE = 100

X, y = make_recordings(20, n_samples=1000, random_state=0)
y[10:] = -1
network = UNet(width=16, depth=2, stem_stride=2)
segmenter = FixMatchSegmenter(
    network=network, normalization="local", window_length=256, max_steps=200, sampling_rate=RATE, random_state=0
).fit(X, y)
signal = make_recordings(1, n_samples=4000, random_state=1)[0][0].astype(np.float32)


def follow(path, stream):
    """Push the new samples of the file; return the finished segments, with the time at which each was known."""
    written = path.stat().st_size // signal.itemsize
    chunk = np.fromfile(path, dtype=signal.dtype, offset=stream.seen * signal.itemsize, count=written - stream.seen)
    return stream.push(chunk).assign(known=written / RATE)


found, stream = [], StreamSegmenter(segmenter, block=32)
with tempfile.TemporaryDirectory() as folder:
    path, state = Path(folder) / "signal.f32", Path(folder) / "stream.npz"
    path.touch()
    for i, samples in enumerate(np.array_split(signal, 100)):
        with path.open("ab") as logger:
            samples.tofile(logger)
        found.append(follow(path, stream))
        if i == 50:
            np.savez(state, **stream.get_state())  # arrays by name, without pickle
            stream = StreamSegmenter(segmenter, block=32)  # like another program with the same segmenter
            with np.load(state) as kept:
                stream.set_state(kept)
found.append(stream.flush().assign(known=len(signal) / RATE))
table = pd.concat(found, ignore_index=True)

whole = segmenter.predict_segments(signal[None])
same = table[["start", "end", "label"]].equals(whole[["start", "end", "label"]])
late = table["known"] - table["end_time"]
print(table.head().round(2).to_string(index=False))
print(f"\n{len(table)} segments; the same as in the whole: {same}.")
print(f"Delay after the end of a segment: mean {late.mean():.1f} s, at most {late.max():.1f} s.")
print(f"Limit: {stream.latency / RATE:.1f} s, plus one sample and the time between two reads of the file.")

figure, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained", sharex=True, height_ratios=[2, 1])
axes[0].plot(np.arange(len(signal)) / RATE, signal, lw=0.6, color="0.3")
for row in table.itertuples():
    axes[0].axvspan(row.start_time, row.end_time, color=f"C{row.label}", alpha=0.3, lw=0)
axes[0].set(ylabel="signal", title="Segments found while the file grew")
axes[1].stem(table["end_time"], late, basefmt=" ", markerfmt=".")
axes[1].axvline(51 * len(signal) / 100 / RATE, color="0.6", ls="--")
axes[1].set(xlabel="time (s)", ylabel="known after (s)", ylim=(0, None))
figure.savefig("follow_file.png", dpi=140)
print("\nPicture: follow_file.png")
