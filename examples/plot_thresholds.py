"""
Compare thresholds
==================

A teacher is certain of the background, fairly certain of one pattern and uncertain of a rarer pattern. Every threshold
of `sslts.thresholds` gets three hundred batches of its probabilities, and then gives each sample a weight.

Run it as ``python examples/plot_thresholds.py``: a second. It writes ``thresholds.png``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from sslts.thresholds import (
    CurriculumThreshold,
    FixedThreshold,
    RelativeThreshold,
    SelfAdaptiveThreshold,
    SoftThreshold,
)

# %%
# The teacher's probabilities of three classes: bumps in the logits, with noise. The last class has lower bumps.


def make_probabilities(generator: torch.Generator) -> torch.Tensor:
    """Return probabilities (1, 3, 400)."""
    time = torch.arange(400.0)
    logits = torch.zeros(3, 400)
    logits[0] = 3.5
    for center in (60, 140, 300):
        logits[1] += 7.5 * torch.exp(-(((time - center) / 18) ** 4))
    logits[2] += 5.2 * torch.exp(-(((time - 220) / 18) ** 4))
    noise = torch.nn.functional.avg_pool1d(torch.randn(1, 3, 400, generator=generator), 9, stride=1, padding=4)
    return (logits + 1.2 * noise).softmax(1)


generator = torch.Generator().manual_seed(0)
thresholds = {
    "0.8": FixedThreshold(0.8),
    "0.95": FixedThreshold(0.95),
    "CurriculumThreshold(0.95)": CurriculumThreshold(0.95),
    "SelfAdaptiveThreshold()": SelfAdaptiveThreshold(),
    "SoftThreshold()": SoftThreshold(),
    "RelativeThreshold(0.9)": RelativeThreshold(0.9),
}
modules = {name: threshold.build(n_classes=3) for name, threshold in thresholds.items()}

# %%
# The training calls ``observe`` with each batch. A fixed threshold keeps no statistics.

valid = torch.ones(1, 400).bool()
for _ in range(300):
    proba = make_probabilities(generator)
    for module in modules.values():
        module.observe(proba, valid, labeled=(proba, valid))

# %%
# The weights. The teacher is never certain at boundaries. A high threshold drops them, and the whole rarer class.

COLORS = ("#888888", "#1b9e77", "#d95f02")
figure, axes = plt.subplots(
    len(modules) + 1, 1, figsize=(8, 8), layout="constrained", sharex=True, height_ratios=[3] + [1] * len(modules)
)
for k, color in enumerate(COLORS):
    axes[0].plot(proba[0, k], color=color, label=f"class {k}")
axes[0].set_title("The teacher's probabilities", loc="left")
axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
label = proba.argmax(1)[0].numpy()
for ax, (name, module) in zip(axes[1:], modules.items(), strict=True):
    weight = module(proba)[0].numpy()
    for k, color in enumerate(COLORS):
        ax.fill_between(np.arange(400), 0, np.where(label == k, weight, 0), color=color, alpha=0.7, step="mid", lw=0)
    ax.set_title(f"{name}: {weight.mean():.0%} believed", loc="left", fontsize=10)
    ax.set(ylim=(0, 1), yticks=[])
for ax in axes:
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.margins(x=0)
axes[-1].set_xlabel("sample")
target = Path("thresholds.png")
figure.savefig(target, dpi=140)
print(f"The picture is in {target.resolve()}")
