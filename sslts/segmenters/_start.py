"""The start of a training: from random weights, or from a fitted model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

from sslts._notices import warn
from sslts._wrapping import find_fitted
from sslts.annotations import SignalSummary
from sslts.networks import Network
from sslts.training import build_module

_FIXES = {"init": "init=None", "warm_start": "warm_start=False"}


@dataclass(frozen=True)
class Start:
    """A start from random weights; `ModelStart` is one from a fitted model.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> summary = SignalSummary(1, 2, segment_length=40.0, shortest_segment=40.0, recording_length=5000)
    >>> Start().adapt(UNet(), summary).stem_stride
    4
    """

    weights: dict[str, Tensor] | None = None

    def adapt(self, network: Network, summary: SignalSummary) -> Network:
        """Return the network's recipe, adapted to the signal if it offers that."""
        adapt: Callable[[SignalSummary], Network] | None = getattr(network, "for_signal", None)
        return network if adapt is None else adapt(summary)

    def warn_of_changes(self, *, sampling_rate: float | None, normalization: str | None, classes: np.ndarray) -> None:
        """Warn if the fit that starts here differs from the model's own in a way that spoils the start."""

    def load_into(self, module: nn.Module, network: Network, n_channels: int, classes: np.ndarray) -> bool:  # noqa: ARG002
        """Copy the weights into a module; return whether all of its weights are from the start."""
        return False


@dataclass(frozen=True, kw_only=True)
class ModelStart(Start):
    """A start from the averaged weights of a fitted model.

    Parameters
    ----------
    recipe, adapted : Network
        The network's recipe as it was given, and as it was adapted to the model's signals.
    weights : dict of str to Tensor
    classes : ndarray of int, shape (K,)
    sampling_rate, normalization
        Those of the model's fit.
    name : {"init", "warm_start"}
        The parameter that asks for the start.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> start = ModelStart(recipe=UNet(), adapted=UNet(stem_stride=4), weights={}, classes=np.array([0, 1]))
    >>> start.adapt(UNet(), None).stem_stride  # the weights fit no other stride
    4
    """

    recipe: Network
    adapted: Network
    weights: dict[str, Tensor]
    classes: np.ndarray
    sampling_rate: float | None = None
    normalization: str | None = None
    name: str = "init"

    def adapt(self, network: Network, summary: SignalSummary) -> Network:
        return self.adapted if self.recipe == network else super().adapt(network, summary)

    def warn_of_changes(self, *, sampling_rate: float | None, normalization: str | None, classes: np.ndarray) -> None:
        model, here, there = f"{self.name}: the model to start from", sampling_rate, self.sampling_rate
        if here and there and not math.isclose(here, there, rel_tol=0.01):
            warn(
                f"{model} was fitted with sampling_rate={there:g}, this fit has {here:g}, so its patterns have another "
                "length in samples. Resample the recordings, for example with scipy.signal.resample_poly, or start "
                "from a model of that rate."
            )
        if normalization != self.normalization:
            warn(
                f"{model} was fitted with normalization={self.normalization!r}, this fit has {normalization!r}, so its "
                "signals have another location and scale. Pass the same `normalization`."
            )
        lost = sorted(set(self.classes.tolist()) - set(classes.tolist()))
        if lost:
            warn(
                f"{model} knows the classes {self.classes.tolist()}, y has {classes.tolist()}: "
                f"{', '.join(map(str, lost))} will not be predicted any more. Pass labeled recordings that hold an "
                "occurrence along, such as some of the earlier ones."
            )

    def load_into(self, module: nn.Module, network: Network, n_channels: int, classes: np.ndarray) -> bool:
        """Copy the weights into a module; return whether all of its weights are from the start.

        In the output layer, the weights of classes that the model does not have stay random.

        Raises
        ------
        ValueError
            If the weights are those of another network.
        """
        same = np.array_equal(self.classes, classes)
        output = {} if same else _find_output(network, module, n_channels, len(classes))
        own, found = module.state_dict(), dict(self.weights)
        fix = f"pass the same `network`, or {_FIXES[self.name]}"
        if set(found) != set(own):
            raise ValueError(f"{self.name}: the model to start from has another network; {fix}.")
        found |= {name: self._choose_rows(name, own[name].clone(), axis, classes) for name, axis in output.items()}
        for name, value in found.items():
            if value.shape != own[name].shape:
                raise ValueError(
                    f"{self.name}: the model to start from has a network of other sizes ({name} is "
                    f"{tuple(value.shape)}, not {tuple(own[name].shape)}); {fix}."
                )
        module.load_state_dict(found)
        return same

    def _choose_rows(self, name: str, new: Tensor, axis: int | None, classes: np.ndarray) -> Tensor:
        """Return weights of the output layer: the model's rows for the classes that it has, else the new ones."""
        old = self.weights[name]
        if axis is None:
            return new
        if old.shape != (*new.shape[:axis], len(self.classes), *new.shape[axis + 1 :]):
            return old
        _, rows, old_rows = np.intersect1d(classes, self.classes, return_indices=True)
        kept = old.index_select(axis, torch.from_numpy(old_rows).to(old.device)).to(new)
        return new.index_copy_(axis, torch.from_numpy(rows).to(new.device), kept)


def read_start(segmenter: Any, n_channels: int, name: str = "init") -> ModelStart:
    """Return the start that a fitted segmenter offers.

    Parameters
    ----------
    segmenter : fitted segmenter
        Or an estimator around one.
    n_channels : int
        Channels of the new recordings.
    name : {"init", "warm_start"}
        The parameter that asks for the start.

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
            f"pass {_FIXES[name]}, or recordings of the same channels."
        )
    return ModelStart(
        recipe=fitted.recipe_,
        adapted=fitted.network_,
        weights=fitted.net_.teacher_.module.state_dict(),
        classes=fitted.classes_,
        sampling_rate=fitted.sampling_rate,
        normalization=fitted.normalization_,
        name=name,
    )


def _find_output(network: Network, module: nn.Module, n_channels: int, n_classes: int) -> Mapping[str, int | None]:
    """Return the weights of the output layer, and the axis along which each lists the classes.

    They are the weights that have another shape in a network of one class more. The axis is None where there is not
    one axis with an entry for each class.
    """
    own, twin = module.state_dict(), build_module(network, n_channels, n_classes + 1, seed=0).state_dict()
    found: dict[str, int | None] = {}
    for name, other in twin.items():
        if name in own and own[name].shape != other.shape:
            sizes = list(zip(own[name].shape, other.shape, strict=False))
            grown = [axis for axis, (here, there) in enumerate(sizes) if here != there]
            found[name] = grown[0] if [sizes[axis] for axis in grown] == [(n_classes, n_classes + 1)] else None
    return found
