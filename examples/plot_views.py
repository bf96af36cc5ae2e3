"""
Compare views
=============

This example shows every view of `sslts.augment` on one signal and its labels. Views that move time also move labels.
Views that change values, and `AddOther`, do not change the labels. `CutMix` also mixes labels. Gray samples are not
valid: they come from outside the window.

Run it as ``python examples/plot_views.py``: a second. It writes ``views.png``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from sslts import augment
from sslts.datasets import make_recordings
from sslts.preprocessing import RecordingStandardizer

# %%
# Two recordings; some views mix the second into the first. `ChannelDropout` needs several channels, so it gets slopes.

X, y = make_recordings(2, n_samples=400, noise=0.1, random_state=3)
X = RecordingStandardizer().fit_transform(X)
with_slope = np.stack([X, 4 * np.gradient(X, axis=1)], 1)

# %%
# One of each view, up to full magnitude.

views = {
    "the signal": augment.Compose(()),
    "Shift": augment.Shift(0.3),
    "Rescale": augment.Rescale(0.5, 2.0),
    "TimeWarp": augment.TimeWarp(10, n_knots=8),
    "WindowWarp": augment.WindowWarp(10, share=0.3),
    "Reverse": augment.Reverse(p=1.0),
    "Jitter": augment.Jitter(10),
    "Scale": augment.Scale(10),
    "MagnitudeWarp": augment.MagnitudeWarp(10),
    "BaselineDrift": augment.BaselineDrift(10),
    "SineNoise": augment.SineNoise(10),
    "MainsNoise": augment.MainsNoise(10),
    "StretchNoise": augment.StretchNoise(10),
    "CutOut": augment.CutOut(10),
    "FrequencyMask": augment.FrequencyMask(10),
    "Smooth": augment.Smooth(10, width=15),
    "RandomFilter": augment.RandomFilter(10),
    "SignFlip": augment.SignFlip(10, p=1.0),
    "ChannelDropout": augment.ChannelDropout(10),
    "a function, torch.tanh": augment.ValueFunction(torch.tanh),
    "CutMix": augment.CutMix(p=1.0, low=0.4),
    "AddOther": augment.AddOther(10),
    "SomeOf (2 of 3)": augment.SomeOf((augment.Jitter(), augment.Reverse(p=1.0), augment.Rescale()), n=2),
    "RandAugment, the default": augment.RandAugment(),
}

# %%
# ``transform`` takes and returns arrays, so views work with any other library too.

figure, axes = plt.subplots(len(views) // 4, 4, figsize=(8, 10), layout="constrained", sharex=True)
for ax, (name, view) in zip(axes.flat, views.items(), strict=True):
    signals = with_slope if name == "ChannelDropout" else X
    seen, labels = view.transform(signals, y, random_state=229)
    ax.plot(np.where(labels[0] < 0, np.nan, seen[0]).T, color="#333333", linewidth=0.8)
    for value, color in ((1, "#1b9e77"), (-1, "#999999")):
        ax.fill_between(
            np.arange(len(labels[0])), 0, 1, where=labels[0] == value, color=color, alpha=0.3, linewidth=0,
            transform=ax.get_xaxis_transform(),
        )  # fmt: skip
    ax.set_title(name, loc="left", fontsize=9.5)
    ax.set_yticks([])
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.margins(x=0)
target = Path("views.png")
figure.savefig(target, dpi=140)
print(f"The picture is in {target.resolve()}")
