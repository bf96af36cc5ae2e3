"""How far two customers are apart for a network: the statistics of BatchNorm on the recordings of each."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from sslts.recordings import NormalizedRecordings, choose_normalization
from sslts.segmenters._problem import Problem
from sslts.training import WindowDataset

if TYPE_CHECKING:
    from sslts.segmenters.base import NetworkSegmenter

_BATCHES, _BATCH_SIZE = 40, 16  # windows from which BatchNorm statistics are measured
_LEAST_SHARE = 0.2  # of a domain's samples, in a half of its recordings


@torch.no_grad()
def renew_statistics(module: nn.Module, batches: Iterator[Tensor]) -> None:
    """Replace the running statistics of BatchNorm layers by those of some signals (B, C, T).

    Source: Li et al. 2017, "Revisiting batch normalization for practical domain adaptation", arXiv:1603.04779.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(1)
    >>> renew_statistics(norm.eval(), iter([torch.ones(2, 1, 4), 3 * torch.ones(2, 1, 4)]))
    >>> norm.running_mean.item(), norm.training
    (2.0, False)
    """
    norms = _list_norms(module)
    known = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    try:
        for x in batches:
            module(x)
    finally:
        for layer, momentum in zip(norms, known, strict=True):
            layer.momentum = momentum
            layer.eval()


def measure_distance(old: NetworkSegmenter, problem: Problem, seed: int) -> float:
    """Return how far apart target and source are for the old model, 0 if no more than by chance.

    It is the symmetric divergence (Jeffreys) between the normal distributions that BatchNorm takes its inputs for, one
    from the windows of each domain, in the mean over channels and layers. Few recordings differ by chance, so the
    divergence of two random halves, with recordings of both domains, is subtracted. The result is NaN if the network
    has no BatchNorm, or if a domain has no two halves, because one recording has almost all samples.
    """
    domains = problem, problem.turn_to_source()
    pairs = [(one, np.random.default_rng((seed, 9)).permutation(len(one.recordings)) % 2 == 0) for one in domains]
    shares = [one.recordings.lengths[half].sum() / one.recordings.lengths.sum() for one, half in pairs]
    if not all(_LEAST_SHARE < share < 1 - _LEAST_SHARE for share in shares):
        return np.nan

    def measure(*parts: tuple[Problem, np.ndarray | None]) -> nn.Module:
        module = copy.deepcopy(old.net_.teacher_.module)
        renew_statistics(module, chain.from_iterable(draw_windows(old, one, seed, among) for one, among in parts))
        return module

    apart = _diverge(*(measure((one, None)) for one in domains))
    chance = _diverge(measure(*pairs), measure(*((one, ~half) for one, half in pairs)))
    # Means of n and of m recordings differ by chance as 1 / n + 1 / m, those of the halves as 4 / (n + m).
    n, m = (len(one.recordings) for one in domains)
    return float(np.maximum(apart - chance * (n + m) ** 2 / (4 * n * m), 0.0))  # NaN stays NaN


def _diverge(one: nn.Module, other: nn.Module) -> float:
    """Return the mean divergence of the running statistics of two networks' BatchNorm layers; NaN without any."""
    found = []
    for first, second in zip(_list_norms(one), _list_norms(other), strict=True):
        v, w = first.running_var + first.eps, second.running_var + second.eps
        moved = (first.running_mean - second.running_mean).square() * (1 / v + 1 / w)
        found.append(float((moved + v / w + w / v - 2).mean() / 4))
    return float(np.mean(found)) if found else np.nan


def _list_norms(module: nn.Module) -> list[Any]:
    """Return the BatchNorm layers with running statistics."""
    found = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    return [layer for layer in found if layer.running_mean is not None]


def draw_windows(
    segmenter: NetworkSegmenter, problem: Problem, seed: int, among: np.ndarray | None = None
) -> Iterator[Tensor]:
    """Yield batches (B, C, T) of windows of the recordings, or only of those that are True in ``among`` (n,)."""
    length = segmenter.window_length_
    normalization = choose_normalization(segmenter.normalization_, length, segmenter.moments_)
    dataset = WindowDataset(
        NormalizedRecordings(problem.recordings, normalization),
        problem.targets,
        window_length=length,
        batch_size=0,
        n_unlabeled=_BATCH_SIZE,
        n_classes=problem.n_codes,
        device=torch.device(segmenter.device_),
        seed=seed + 3,
    )
    for step in range(_BATCHES):
        recording, start = dataset.sampler.draw_unlabeled(_BATCH_SIZE, np.random.default_rng((seed + 3, step)))
        if among is not None:
            recording, start = recording[among[recording]], start[among[recording]]
        if len(recording):
            yield dataset.gather(recording, start, labels=False).x.to(segmenter.device_)
