"""Training that starts from a fitted model: an earlier customer's, or the estimator's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

from sslts.networks import Network
from sslts.wrapping import find_fitted

_SAME = "pass the same `network`, or"
_MENDS = {"init": "init=None", "warm_start": "warm_start=False"}


@dataclass(frozen=True)
class Start:
    """What a fitted model hands over: its network's recipe, as given and as adapted, and its averaged weights.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> Start(UNet(), UNet(stem_stride=4), weights={}, n_classes=2).adapted.stem_stride
    4
    """

    recipe: Network
    adapted: Network
    weights: dict[str, Tensor]
    n_classes: int
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
    >>> read_start(SupervisedSegmenter(max_steps=1).fit(X, y), n_channels=1).n_classes
    2
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
    return Start(fitted.recipe_, fitted.network_, weights, len(fitted.classes_), name)


def load_weights(module: nn.Module, start: Start, n_classes: int) -> None:
    """Copy the weights into ``module``; with another number of classes, those of the output layer stay new.

    Raises
    ------
    ValueError
        If the weights are those of another network.

    Examples
    --------
    >>> earlier, later = nn.Conv1d(1, 2, 1), nn.Conv1d(1, 2, 1)
    >>> load_weights(later, Start(None, None, earlier.state_dict(), n_classes=2), n_classes=2)
    >>> bool((later.weight == earlier.weight).all())
    True
    """
    own = module.state_dict()
    if set(start.weights) != set(own):
        raise ValueError(f"{start.name}: the model to start from has another network; {_SAME} {_MENDS[start.name]}.")
    same = {name: value for name, value in start.weights.items() if value.shape == own[name].shape}
    for name in set(own) - set(same):
        sizes = tuple(own[name].shape), tuple(start.weights[name].shape)
        if sizes != ((n_classes, *sizes[0][1:]), (start.n_classes, *sizes[0][1:])):
            raise ValueError(
                f"{start.name}: the model to start from has a network of other sizes ({name} is {sizes[1]}, not "
                f"{sizes[0]}); {_SAME} {_MENDS[start.name]}."
            )
    module.load_state_dict(same, strict=False)
