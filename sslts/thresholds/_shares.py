"""Class shares and means over samples."""

from __future__ import annotations

import torch
from torch import Tensor


def expect_shares(name: str, value: str, n_classes: int, prior: Tensor | None, *, optional: bool = False) -> Tensor:
    """Return the expected class shares (K,): equal shares for "uniform", the ``prior`` for "labeled".

    Raise ValueError if ``value`` is unknown, or is "labeled" and the prior is missing. The error calls the parameter
    ``name``, and says with ``optional`` that None is allowed too.
    """
    if value not in ("uniform", "labeled"):
        raise ValueError(f"{name}={value!r} must be 'uniform', 'labeled'{' or None' if optional else ''}.")
    if value == "uniform":
        return torch.full((n_classes,), 1 / n_classes, dtype=torch.float32)
    if prior is None:
        raise ValueError(f"{name}='labeled' needs the classes' shares; pass them as build(n_classes, prior=shares).")
    return prior.float()


def average_samples(proba: Tensor, valid: Tensor) -> Tensor:
    """Return the mean (K,) of probabilities (B, K, T) over valid samples."""
    return (proba * valid[:, None]).sum((0, 2)).float() / valid.sum().clamp(min=1)


def average_values(values: Tensor, valid: Tensor) -> Tensor:
    """Return the mean of values (B, T) over valid samples; zero if no sample is valid."""
    return average_samples(values[:, None], valid)[0]


def compare_shares(share: Tensor, expected: Tensor) -> Tensor:
    """Return the shares (K,) divided by K times the expected shares; uniform expected shares change nothing."""
    return share / (len(share) * expected).clamp(min=1e-6)


def count_classes(label: Tensor, weight: Tensor, n_classes: int, total: Tensor | None = None) -> Tensor:
    """Return the weight (K,) of the samples (B, T) of each class, divided by ``total`` or the sum of all weights."""
    count = weight.new_zeros(n_classes).index_add_(0, label.flatten(), weight.flatten())
    return count / (weight.sum() if total is None else total).clamp(min=1)
