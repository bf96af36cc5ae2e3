"""
Choose what to label next
=========================

A press makes strokes, and a few strokes are faulty. Faults come in short series, so most stretches contain none. At
first, nothing is labeled. In each of three rounds, a strategy suggests four stretches of eight seconds. The stretches
get their true labels, and the next model learns from them.

A strategy helps most with rare classes. After three rounds, `CoveringStretches`, which looks for every pattern, scores
higher than random stretches. `UncertainStretches`, the default, is not clearly better than random stretches here. If
every stretch contains all classes, random stretches are about as good as chosen stretches.

.. image:: /images/labeling.png
   :alt: Suggested stretches on recordings with their true classes, and scores against clicks of three strategies

Run it as ``python examples/plot_labeling.py``: half a minute on one core. It prints what each round bought, and writes
``labeling.png``.
"""

# sphinx_gallery_thumbnail_path = 'images/labeling.png'

import matplotlib as mpl
import numpy as np
import pandas as pd

from sslts import WindowFeatureSegmenter
from sslts.labeling import CoveringStretches, RandomStretches, UncertainStretches, simulate_labeling, suggest_stretches
from sslts.plotting import LabelingDisplay

mpl.use("Agg")
import matplotlib.pyplot as plt

RATE, N, STROKE, SERIES = 50, 4000, 60, 350
ROUNDS, BUDGET, LENGTH = 3, 4, 400
COLORS = {1: "#9ecae1", 2: "#d95f02"}


def make_press(rng):
    """Return a signal and its labels: strokes (1), and in some recordings a series of faulty strokes (2)."""
    x, y = rng.normal(0, 0.15, N), np.zeros(N, dtype=int)
    begin = rng.integers(0, N - SERIES) if rng.random() < 0.6 else N
    gain, t = rng.uniform(0.7, 1.4), np.linspace(0, 1, STROKE)
    start = int(rng.integers(0, 120))
    while start + STROKE <= N:
        faulty = begin <= start < begin + SERIES
        shape = np.sin(np.pi * t) + faulty * 0.4 * np.sin(8 * np.pi * t)
        x[start : start + STROKE] += gain * rng.uniform(0.8, 1.2) * shape
        y[start : start + STROKE] = 2 if faulty else 1
        start += STROKE + int(rng.integers(20, 120))
    return x.astype(np.float32), y


rng = np.random.default_rng(0)
X, y = map(np.stack, zip(*[make_press(rng) for _ in range(24)], strict=True))
X, y, test = X[:16], y[:16], (X[16:], y[16:])
segmenter = WindowFeatureSegmenter(sampling_rate=RATE, random_state=0)
print(f"Faulty strokes fill {(y == 2).mean():.1%} of the time, and other strokes {(y == 1).mean():.0%}.")

# The loop by hand: suggest, label, fit.
known, model, rounds = np.full_like(y, -1), None, []
for number in range(ROUNDS):
    table = suggest_stretches(
        model, X, known, n=BUDGET, length=LENGTH, strategy=CoveringStretches(), random_state=number
    )
    for i, start, end in table[["recording", "start", "end"]].to_numpy():
        known[i, start:end] = y[i, start:end]  # an annotator would look at the stretch
    model = WindowFeatureSegmenter(sampling_rate=RATE, random_state=0).fit(X, known)
    rounds.append(table.assign(round=number + 1))
    faults = sum((y[i, start:end] == 2).any() for i, start, end in table[["recording", "start", "end"]].to_numpy())
    print(f"Round {number + 1}: {faults} of {BUDGET} stretches show faults; score {model.score(*test):.2f}")
suggested = pd.concat(rounds)

# The same with other strategies and other random numbers.
strategies = {"random": RandomStretches(), "uncertain": UncertainStretches(), "covering": CoveringStretches()}
options = {"rounds": ROUNDS, "budget": BUDGET, "length": LENGTH, "draws": 6, "random_state": 0}
effort = simulate_labeling(segmenter, X, y, strategies, test=test, ceiling=False, **options)
print(effort.groupby(["strategy", "round"], sort=False)[["clicks", "corrections", "score"]].mean().round(2))

mpl.rcParams["font.size"] = 11
figure, axes = plt.subplot_mosaic(
    [[0], [1], [2], ["scores"]], figsize=(7.6, 7.5), layout="constrained", height_ratios=[1, 1, 1, 3]
)
shown = suggested.assign(fault=[(y[i, a:b] == 2).any() for i, a, b in suggested[["recording", "start", "end"]].values])
shown = shown.sort_values(["fault", "round"], ascending=[False, True]).drop_duplicates("recording").head(3)
time = np.arange(N) / RATE
for k, i in enumerate(shown["recording"]):
    axes[k].plot(time, X[i], color="#555555", lw=0.6)
    low, high = axes[k].get_ylim()
    for label, color in COLORS.items():
        axes[k].fill_between(time, low, high, where=y[i] == label, color=color, alpha=0.6, lw=0)
    for row in suggested[suggested["recording"] == i].itertuples():
        axes[k].axvspan(row.start / RATE, row.end / RATE, fill=False, ec="black", lw=1.5)
        axes[k].text(
            row.start / RATE,
            high,
            f" round {row.round}",
            va="bottom",
        )
    axes[k].set(xlim=(0, N / RATE), ylim=(low, high), yticks=[], ylabel=f"no. {i}")
    axes[k].spines[["top", "right", "left"]].set_visible(False)
axes[2].set_xlabel("seconds")
axes[0].set_title(
    "Suggested stretches of three recordings; strokes are blue, faulty ones orange", loc="left", fontsize=11, pad=20
)
LabelingDisplay(effort).plot(ax=axes["scores"]).ax_.get_legend().set_loc("upper left")
axes["scores"].set_title("What each round bought: means and 95 % intervals of six draws", loc="left", fontsize=11)
figure.savefig("labeling.png", dpi=140)
print("Picture: labeling.png")
