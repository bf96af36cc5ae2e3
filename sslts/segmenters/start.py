"""Training that starts from a fitted model: an earlier customer's, or the estimator's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

from sslts.networks import Network
from sslts.training import build_module
from sslts.wrapping import find_fitted

_SAME = "pass the same `network`, or"
_MENDS = {"init": "init=None", "warm_start": "warm_start=False"}


@dataclass(frozen=True)
class Start:
    """What a fitted model hands over: its network's recipe, as given and as adapted, its averaged weights and its
    classes.

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
    return Start(fitted.recipe_, fitted.network_, weights, fitted.classes_, name)


def find_output(network: Network, module: nn.Module, n_channels: int, n_classes: int) -> set[str]:
    """Return the names of the weights of the output layer: those of other shapes in a network of one class more.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> sorted(find_output(UNet(width=4, depth=1), UNet(width=4, depth=1)(1, 2), n_channels=1, n_classes=2))
    ['head.bias', 'head.weight']
    """
    own, twin = module.state_dict(), build_module(network, n_channels, n_classes + 1, seed=0).state_dict()
    return {name for name, value in twin.items() if name in own and value.shape != own[name].shape}


def load_weights(module: nn.Module, start: Start, classes: np.ndarray, output: Collection[str] = ()) -> None:
    """Copy the weights into ``module``; of other classes, those of the output layer stay as they are.

    Parameters
    ----------
    module : torch.nn.Module
    start : Start
    classes : ndarray of int, shape (K,)
        What the module's scores are of.
    output : collection of str
        Names of the output layer's weights, whose first axis is the classes; needed where classes differ.

    Raises
    ------
    ValueError
        If the weights are those of another network.

    Examples
    --------
    >>> import torch
    >>> earlier, later = nn.Conv1d(1, 2, 1), nn.Conv1d(1, 2, 1)
    >>> start = Start(None, None, earlier.state_dict(), classes=np.array([0, 1]))
    >>> load_weights(later, start, np.array([1, 2]), output=["weight", "bias"])
    >>> bool(later.weight[0] == earlier.weight[1]), bool(later.weight[1] == earlier.weight[0])  # class 1; 2 is new
    (True, False)
    """
    own = module.state_dict()
    mend = f"{_SAME} {_MENDS[start.name]}"
    if set(start.weights) != set(own):
        raise ValueError(f"{start.name}: the model to start from has another network; {mend}.")
    found = dict(start.weights)
    _, rows, old_rows = np.intersect1d(classes, start.classes, return_indices=True)
    for name in output:
        if found[name].shape == (len(start.classes), *own[name].shape[1:]):
            found[name] = own[name].clone()
            found[name][rows] = start.weights[name][old_rows].to(found[name])
    for name, value in found.items():
        if value.shape != own[name].shape:
            raise ValueError(
                f"{start.name}: the model to start from has a network of other sizes ({name} is {tuple(value.shape)}, "
                f"not {tuple(own[name].shape)}); {mend}."
            )
    module.load_state_dict(found)
