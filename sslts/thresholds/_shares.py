"""Shares of classes, and means, over samples."""

from __future__ import annotations

import torch
from torch import Tensor


def expect_shares(name: str, value: str, n_classes: int, prior: Tensor | None, *, optional: bool = False) -> Tensor:
    """Return the shares (K,) that the classes are expected to have.

    Parameters
    ----------
    name : str
        Of the parameter that asks, for the error.
    value : {"uniform", "labeled"}
    n_classes : int
    prior : Tensor or None, shape (n_classes,)
        Shares among the labeled samples, for "labeled".
    optional : bool
        Whether the parameter may be None too, for the error.

    Raises
    ------
    ValueError
        If ``value`` is neither, or "labeled" without a prior.

    Examples
    --------
    >>> expect_shares("alignment", "uniform", 2, None)
    tensor([0.5000, 0.5000])
    """
    if value not in ("uniform", "labeled"):
        raise ValueError(f"{name}={value!r} must be 'uniform', 'labeled'{' or None' if optional else ''}.")
    if value == "uniform":
        return torch.full((n_classes,), 1 / n_classes, dtype=torch.float32)
    if prior is None:
        raise ValueError(f"{name}='labeled' needs the classes' shares: build(n_classes, prior=shares).")
    return prior.float()


def average_samples(proba: Tensor, valid: Tensor) -> Tensor:
    """Return the mean (K,) of probabilities (B, K, T) over valid samples.

    Examples
    --------
    >>> proba = torch.tensor([[[0.75, 0.25, 0.0], [0.25, 0.75, 1.0]]])
    >>> average_samples(proba, torch.tensor([[True, True, False]])).tolist()
    [0.5, 0.5]
    """
    return (proba * valid[:, None]).sum((0, 2)).float() / valid.sum().clamp(min=1)


def average_values(values: Tensor, valid: Tensor) -> Tensor:
    """Return the mean of values (B, T) over valid samples; zero where there is none.

    Examples
    --------
    >>> average_values(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[True, True, False]])).item()
    2.0
    """
    return average_samples(values[:, None], valid)[0]


def compare_shares(share: Tensor, expected: Tensor) -> Tensor:
    """Return the shares (K,) over what is expected, so that equal expectations leave them as they are.

    Examples
    --------
    >>> compare_shares(torch.tensor([0.5, 0.5]), torch.tensor([0.75, 0.25])).tolist()
    [0.3333333432674408, 1.0]
    """
    return share / (len(share) * expected).clamp(min=1e-6)


def count_classes(label: Tensor, weight: Tensor, n_classes: int, total: Tensor | None = None) -> Tensor:
    """Return the share (K,) of each class among samples (B, T) of some weight, or of a total of weights.

    Examples
    --------
    >>> count_classes(torch.tensor([[0, 1, 1]]), torch.tensor([[1.0, 1.0, 0.0]]), 2).tolist()
    [0.5, 0.5]
    """
    count = weight.new_zeros(n_classes).index_add_(0, label.flatten(), weight.flatten())
    return count / (weight.sum() if total is None else total).clamp(min=1)
