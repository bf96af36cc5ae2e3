"""Signs of an unhealthy training in the history of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sslts._wrapping import find_fitted

_LEAST_ROWS = 8  # of a history, so that its quarters have two rows each
_FEW_STEPS = 100
_FALLING = 0.7  # mean loss of the last quarter of the steps, as a share of the quarter before
_RISEN = 1.1  # loss on held-out recordings at the end, in units of the lowest
_HARDLY = 0.02  # share of unlabeled samples that are believed
_LOST = 0.1  # share of a class among the believed samples, as a share of its share of the labels


def find_signs(segmenter: Any, names: dict[int, str]) -> list[tuple[str, str]]:
    """Return signs of an unhealthy training, each with its fix; empty if the segmenter is not trained in steps."""
    fitted = find_fitted(segmenter)
    history = getattr(fitted, "history_", None)
    if history is None or not len(history):
        return []
    signs = [
        _check_loss(history),
        _check_held_out(history),
        _check_belief(history),
        *_check_shares(history, fitted.statistics_, names),
    ]
    return [sign for sign in signs if sign]


def _check_loss(history: pd.DataFrame) -> tuple[str, str] | None:
    loss = history["labeled_loss"].to_numpy(dtype=np.float64)
    if not np.isfinite(loss[-1]):
        return "Repair the training", "the loss is not finite at the end. Lower lr, and look for extreme values in X."
    steps = int(history["step"].max())
    if steps < _FEW_STEPS:
        return "Train longer", f"the fit had {steps} steps. Raise max_steps; the default is 1200."
    if len(loss) < _LEAST_ROWS:
        return None
    *_, before, last = (float(np.nanmean(part)) for part in np.array_split(loss, 4))
    if last < _FALLING * before:
        return (
            "Train longer",
            f"the loss on labels still falls: {last:.3g} in the last quarter of the steps, {before:.3g} in the quarter "
            "before. Raise max_steps.",
        )
    return None


def _check_held_out(history: pd.DataFrame) -> tuple[str, str] | None:
    loss = history["valid_loss"] if "valid_loss" in history else pd.Series(dtype=float)
    if not np.isfinite(loss).any() or not loss.iloc[-1] > _RISEN * loss.min():
        return None
    step = int(history["step"].iloc[int(np.nanargmin(loss))])
    return (
        "Stop earlier",
        f"the loss on held-out recordings was lowest at step {step:,}, {loss.min():.3g}, and is {loss.iloc[-1]:.3g} at "
        "the end. Lower max_steps, or pass skorch's EarlyStopping as a callback that monitors valid_loss.",
    )


def _check_belief(history: pd.DataFrame) -> tuple[str, str] | None:
    rate = history["mask_rate"].dropna() if "mask_rate" in history else pd.Series(dtype=float)
    if not len(rate) or not rate.iloc[-1] < _HARDLY:
        return None
    return (
        "Let the unlabeled recordings take part",
        f"only {rate.iloc[-1]:.1%} of their samples had a pseudo-label at the end of the training (mask rate). Lower "
        "the threshold, train longer, or label more.",
    )


def _check_shares(history: pd.DataFrame, statistics: Any, names: dict[int, str]) -> list[tuple[str, str]]:
    """Return a sign for each class that nearly vanished from the pseudo-labels."""
    labeled = share_labels(statistics)
    columns = {k: history[f"share_{k}"].dropna() for k in labeled if f"share_{k}" in history}
    signs = []
    for k, column in columns.items():
        if len(column) and np.isfinite(column.iloc[-1]) and column.iloc[-1] < _LOST * labeled[k]:
            signs.append(
                (
                    f"Keep {names.get(k, f'class {k}')} from being forgotten",
                    f"it holds {column.iloc[-1]:.2%} of the pseudo-labels at the end of the training, and "
                    f"{labeled[k]:.1%} of your labels. If the labeled recordings are typical of the others, try "
                    "threshold=FixedThreshold(0.8, alignment='labeled').",
                )
            )
    return signs


def share_labels(statistics: Any) -> dict[int, float]:
    """Return the share of each class among the labeled samples of a fit."""
    samples = [sum(whole) + sum(cut) for whole, cut in zip(statistics.lengths, statistics.cut, strict=True)]
    total = max(sum(samples), 1)
    return {k: n / total for k, n in zip(statistics.classes, samples, strict=True)}
