"""Training that starts from a fitted model: an earlier customer's, or the estimator's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sslts.networks import Network

if TYPE_CHECKING:
    from sslts.segmenters.base import NetworkSegmenter


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


def read_start(segmenter: NetworkSegmenter, n_channels: int) -> Start:
    """Return what training can start from.

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
    check_is_fitted(segmenter, "net_")
    if segmenter.n_channels_ != n_channels:
        raise ValueError(
            f"init was fitted on {segmenter.n_channels_} channels, X has {n_channels}; "
            "pass init=None or recordings of the same channels."
        )
    weights = segmenter.net_.teacher_.module.state_dict()
    return Start(segmenter.recipe_, segmenter.network_, weights, len(segmenter.classes_))


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
        raise ValueError("init has another network; pass the same `network`, or init=None.")
    same = {name: value for name, value in start.weights.items() if value.shape == own[name].shape}
    for name in set(own) - set(same):
        sizes = tuple(own[name].shape), tuple(start.weights[name].shape)
        if sizes != ((n_classes, *sizes[0][1:]), (start.n_classes, *sizes[0][1:])):
            raise ValueError(
                f"init has a network of other sizes ({name} is {sizes[1]}, not {sizes[0]}); pass the same `network`, "
                "or init=None."
            )
    module.load_state_dict(same, strict=False)
