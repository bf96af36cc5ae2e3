"""Training that starts from a fitted model: an earlier customer's, or the estimator's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

from sslts.networks import Network
from sslts.notices import warn
from sslts.training import build_module
from sslts.wrapping import find_fitted

_SAME = "pass the same `network`, or"
_MENDS = {"init": "init=None", "warm_start": "warm_start=False"}


@dataclass(frozen=True)
class Start:
    """What a fitted model hands over: its network's recipe, as given and as adapted, its averaged weights, its classes,
    and of which signals it was fitted. ``name`` is the parameter that asks for it.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> Start(UNet(), UNet(stem_stride=4), weights={}, classes=np.array([0, 1])).adapted.stem_stride
    4
    """

    recipe: Network
    adapted: Network
    weights: dict[str, Tensor]
    classes: np.ndarray
    sampling_rate: float | None = None
    normalization: str | None = None
    name: str = "init"


def read_start(segmenter: Any, n_channels: int, name: str = "init") -> Start:
    """Return what training can start from; ``name`` is the parameter that asks for it.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the segmenter is not fitted.
    ValueError
        If it was fitted on another number of channels.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> read_start(SupervisedSegmenter(max_steps=1).fit(X, y), n_channels=1).classes
    array([0, 1])
    """
    try:
        fitted = find_fitted(segmenter, name)
    except NotFittedError as error:
        raise NotFittedError(
            f"{error} scikit-learn's searches make unfitted copies of the values of a grid: there, wrap it in "
            "sklearn.frozen.FrozenEstimator."
        ) from None
    if fitted.n_channels_ != n_channels:
        raise ValueError(
            f"{name}: the model to start from was fitted on {fitted.n_channels_} channels, X has {n_channels}; "
            f"pass {_MENDS[name]}, or recordings of the same channels."
        )
    weights = fitted.net_.teacher_.module.state_dict()
    return Start(
        fitted.recipe_,
        fitted.network_,
        weights,
        fitted.classes_,
        sampling_rate=fitted.sampling_rate,
        normalization=fitted.normalization_,
        name=name,
    )


def warn_of_other_signals(start: Start, *, sampling_rate: float | None, normalization: str | None) -> None:
    """Warn if the model to start from learnt from signals of another rate or unit, in which patterns look otherwise.

    Parameters
    ----------
    start : Start
    sampling_rate, normalization
        Of the fit that starts from it; a rate that is None on either side is not compared.

    Examples
    --------
    >>> start = Start(None, None, {}, classes=np.array([0, 1]), sampling_rate=250, normalization="recording")
    >>> warn_of_other_signals(start, sampling_rate=250, normalization="recording")
    """
    mine, its = sampling_rate, start.sampling_rate
    if mine and its and not math.isclose(mine, its, rel_tol=0.01):
        warn(
            f"{start.name}: the model to start from was fitted with sampling_rate={its:g}, this fit has {mine:g}, so "
            "its patterns have another length in samples. Resample the recordings, as with scipy.signal.resample_poly, "
            "or start from a model of that rate."
        )
    if normalization != start.normalization:
        warn(
            f"{start.name}: the model to start from was fitted with normalization={start.normalization!r}, this fit "
            f"has {normalization!r}, so it sees signals of another location and scale. Pass the same `normalization`."
        )


def warn_of_lost_classes(start: Start, classes: np.ndarray) -> None:
    """Warn if the model to start from knows classes that ``y`` does not hold: they are forgotten.

    Examples
    --------
    >>> warn_of_lost_classes(Start(None, None, {}, classes=np.array([0, 1])), np.array([0, 1, 2]))
    """
    lost = sorted(set(start.classes.tolist()) - set(classes.tolist()))
    if lost:
        warn(
            f"{start.name}: the model to start from knows the classes {start.classes.tolist()}, y holds "
            f"{classes.tolist()}: {', '.join(map(str, lost))} will not be predicted any more. Pass labelled recordings "
            "that hold an occurrence along, as some of the earlier ones."
        )


def find_output(network: Network, module: nn.Module, n_channels: int, n_classes: int) -> dict[str, int | None]:
    """Return the weights of the output layer, and along which axis they list the classes.

    They are those that have another shape in a network of one class more. The axis is None where it is not one with an
    entry for each class.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> find_output(UNet(width=4, depth=1), UNet(width=4, depth=1)(1, 2), n_channels=1, n_classes=2)
    {'head.weight': 0, 'head.bias': 0}
    """
    own, twin = module.state_dict(), build_module(network, n_channels, n_classes + 1, seed=0).state_dict()
    found: dict[str, int | None] = {}
    for name, other in twin.items():
        if name in own and own[name].shape != other.shape:
            sizes = list(zip(own[name].shape, other.shape, strict=False))
            grown = [axis for axis, (here, there) in enumerate(sizes) if here != there]
            found[name] = grown[0] if [sizes[axis] for axis in grown] == [(n_classes, n_classes + 1)] else None
    return found


def load_weights(
    module: nn.Module, start: Start, classes: np.ndarray, output: Mapping[str, int | None] | None = None
) -> None:
    """Copy the weights into ``module``; in the output layer, those of other classes stay as they are.

    Parameters
    ----------
    module : torch.nn.Module
    start : Start
    classes : ndarray of int, shape (K,)
        What the module's scores are of.
    output : dict of str to int, or None
        What `find_output` returned; needed where classes differ. Weights without an axis of classes stay as they are.

    Raises
    ------
    ValueError
        If the weights are those of another network.

    Examples
    --------
    >>> earlier, later = nn.Conv1d(1, 2, 1), nn.Conv1d(1, 2, 1)
    >>> start = Start(None, None, earlier.state_dict(), classes=np.array([0, 1]))
    >>> load_weights(later, start, np.array([1, 2]), output={"weight": 0, "bias": 0})
    >>> bool(later.weight[0] == earlier.weight[1]), bool(later.weight[1] == earlier.weight[0])  # class 1; 2 is new
    (True, False)
    """
    own = module.state_dict()
    mend = f"{_SAME} {_MENDS[start.name]}"
    if set(start.weights) != set(own):
        raise ValueError(f"{start.name}: the model to start from has another network; {mend}.")
    found = dict(start.weights)
    _, rows, old_rows = np.intersect1d(classes, start.classes, return_indices=True)
    for name, axis in (output or {}).items():
        old, new = start.weights[name], own[name].clone()
        if axis is None:
            found[name] = new
        elif old.shape == (*new.shape[:axis], len(start.classes), *new.shape[axis + 1 :]):
            kept = old.index_select(axis, torch.from_numpy(old_rows).to(old.device)).to(new)
            found[name] = new.index_copy_(axis, torch.from_numpy(rows).to(new.device), kept)
    for name, value in found.items():
        if value.shape != own[name].shape:
            raise ValueError(
                f"{start.name}: the model to start from has a network of other sizes ({name} is {tuple(value.shape)}, "
                f"not {tuple(own[name].shape)}); {mend}."
            )
    module.load_state_dict(found)
