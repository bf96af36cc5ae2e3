"""The start of training: random weights, or the weights of a fitted model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

from sslts._notices import shorten, warn
from sslts._wrapping import find_fitted, find_rate
from sslts.annotations import Occurrences, SegmentStatistics, SignalSummary
from sslts.networks import Network
from sslts.persistence import PersistenceError, load
from sslts.recipes import is_shipped
from sslts.recordings import Channels, Recordings
from sslts.segmenters._problem import Problem, name_codes
from sslts.training import build_module

_FIXES = {"init": "init=None", "warm_start": "warm_start=False", "source": "source=None"}


@dataclass(frozen=True)
class Start:
    """A start from random weights. `ModelStart` is a start from a fitted model."""

    weights: dict[str, Tensor] | None = None
    moments: tuple[np.ndarray, np.ndarray] | None = None
    name: str = ""

    def adapt(self, network: Network, summary: SignalSummary) -> Network:
        """Return the network recipe, adapted to the signal if the recipe has ``for_signal``."""
        adapt: Callable[[SignalSummary], Network] | None = getattr(network, "for_signal", None)
        return network if adapt is None else adapt(summary)

    def prefer_normalization(self, name: str | None) -> str | None:
        """Return the normalization that a fit with ``normalization=name`` should have; "auto" if it has to choose."""
        return name

    def warn_of_changes(self, *, sampling_rate: float | None, normalization: str | None, classes: np.ndarray) -> None:
        """Warn if this fit differs from the fit of the model so much that its weights help less.

        Raises
        ------
        ValueError
            If a model from elsewhere has another sampling rate.
        """

    def complete(self, problem: Problem) -> Problem:
        """Return the problem, without any label with the lengths of segments that the model learned."""
        return problem

    def load_into(self, module: nn.Module, network: Network, n_channels: int, codes: np.ndarray) -> bool:  # noqa: ARG002
        """Copy the weights into ``module`` and return whether every weight was copied."""
        return False


@dataclass(frozen=True, kw_only=True)
class ModelStart(Start):
    """A start from the averaged weights of a fitted model.

    Parameters
    ----------
    recipe, adapted : Network
        The network recipe of the model, as it was passed and as it was adapted to the model's signals.
    weights : dict of str to Tensor
    classes : ndarray of int, shape (K,)
    codes : ndarray of int, shape (C,), or None
        Names of the network's outputs; see `Problem.codes`. None: the classes.
    sampling_rate, normalization, moments
        Values of the model's fit.
    statistics, occurrences
        Values of the model's fit, for a fit without labels.
    name : {"init", "warm_start", "source"}
        The parameter that requests the start, for messages.
    """

    recipe: Network
    adapted: Network
    weights: dict[str, Tensor]
    classes: np.ndarray
    codes: np.ndarray | None = None
    sampling_rate: float | None = None
    normalization: str | None = None
    moments: tuple[np.ndarray, np.ndarray] | None = None
    statistics: SegmentStatistics | None = None
    occurrences: Occurrences | None = None
    name: str = "init"

    @classmethod
    def from_fitted(cls, fitted: Any, name: str) -> ModelStart:
        """Return the start from a fitted segmenter that trains a network."""
        occurrences = getattr(fitted, "occurrences_", None)
        return cls(
            recipe=fitted.recipe_,
            adapted=fitted.network_,
            weights=fitted.net_.teacher_.module.state_dict(),
            classes=fitted.classes_,
            codes=name_codes(fitted.classes_, occurrences),
            sampling_rate=find_rate(fitted),
            normalization=fitted.normalization_,
            moments=getattr(fitted, "moments_", None),
            statistics=fitted.statistics_,
            occurrences=occurrences,
            name=name,
        )

    def has_codes(self, codes: np.ndarray) -> bool:
        """Return whether the outputs of the model's network have these codes."""
        return bool(np.array_equal(self._outputs, codes))

    @property
    def _outputs(self) -> np.ndarray:
        return self.classes if self.codes is None else self.codes

    def adapt(self, network: Network, summary: SignalSummary) -> Network:
        return self.adapted if self.recipe == network else super().adapt(network, summary)

    def prefer_normalization(self, name: str | None) -> str | None:
        return self.normalization if name == "auto" else name

    def warn_of_changes(self, *, sampling_rate: float | None, normalization: str | None, classes: np.ndarray) -> None:
        model, here, there = f"{self.name}: the model to start from", sampling_rate, self.sampling_rate
        if here and there and not math.isclose(here, there, rel_tol=0.01):
            told = (
                f"{model} was fitted with sampling_rate={float(there):g}, this fit has {float(here):g}, so the "
                "patterns differ in length (in samples). Resample the recordings, for example with "
                f"sslts.io.read_recordings(..., sampling_rate={float(there):g}, resample=True), or start from a model "
                f"fitted with sampling_rate={float(here):g}."
            )
            if self.name != "warm_start":
                raise ValueError(told)
            warn(told)
        if normalization != self.normalization:
            warn(
                f"{model} was fitted with normalization={self.normalization!r}, this fit has {normalization!r}, so the "
                "signals differ in location and scale. Pass the same `normalization`."
            )
        lost = sorted(set(self.classes.tolist()) - set(classes.tolist()))
        if lost:
            warn(
                f"{model} knows the classes {shorten(self.classes.tolist())}, y has {shorten(classes.tolist())}: "
                f"{', '.join(map(str, lost))} will no longer be predicted. Add labeled recordings that contain the "
                "missing classes, such as some of the model's own recordings."
            )

    def complete(self, problem: Problem) -> Problem:
        if problem.has_labels or problem.source is not None or self.statistics is None:
            return problem
        return replace(problem, statistics=self.statistics, occurrences=self.occurrences)

    def load_into(self, module: nn.Module, network: Network, n_channels: int, codes: np.ndarray) -> bool:
        """Copy the weights into ``module`` and return whether every weight was copied.

        In the output layer, the weights of codes that the model does not have stay random.

        Raises
        ------
        ValueError
            If the model has a different network.
        """
        same = self.has_codes(codes)
        output = {} if same else _find_output_axes(network, module, n_channels, len(codes))
        own, found = module.state_dict(), dict(self.weights)
        fix = f"pass the same `network`, or {_FIXES[self.name]}"
        if set(found) != set(own):
            raise ValueError(f"{self.name}: the model to start from has a different network; {fix}.")
        found |= {name: self._choose_rows(name, own[name].clone(), axis, codes) for name, axis in output.items()}
        for name, value in found.items():
            if value.shape != own[name].shape:
                raise ValueError(
                    f"{self.name}: the model to start from has a network of a different size ({name} is "
                    f"{tuple(value.shape)}, not {tuple(own[name].shape)}); {fix}."
                )
        module.load_state_dict(found)
        return same

    def _choose_rows(self, name: str, new: Tensor, axis: int | None, codes: np.ndarray) -> Tensor:
        """Return weights of the output layer: the model's rows for its own codes, new rows for other codes."""
        old = self.weights[name]
        if axis is None:
            return new
        if old.shape != (*new.shape[:axis], len(self._outputs), *new.shape[axis + 1 :]):
            return old
        _, rows, old_rows = np.intersect1d(codes, self._outputs, return_indices=True)
        kept = old.index_select(axis, torch.from_numpy(old_rows).to(old.device)).to(new)
        return new.index_copy_(axis, torch.from_numpy(rows).to(new.device), kept)


def read_model(init: Any) -> Any:
    """Return the model that ``init`` names: the model of a file, else ``init`` itself.

    Raises
    ------
    ValueError
        If the file is no model.
    OSError
        If the file can't be opened.
    """
    if not isinstance(init, (str, PathLike)):
        return init
    try:
        return load(init)
    except PersistenceError as error:
        raise ValueError(f"init: {error} Pass a file that `save` wrote, or a fitted segmenter.") from error
    except FileNotFoundError:
        raise FileNotFoundError(f"init: there is no file {str(init)!r}; pass the file of a saved model.") from None


def read_start(segmenter: Any, recordings: Recordings, name: str = "init") -> ModelStart:
    """Return the start from a fitted segmenter.

    Parameters
    ----------
    segmenter : fitted segmenter
        A segmenter, or an estimator that wraps a segmenter.
    recordings : Recordings
        The new recordings, whose channels must match.
    name : {"init", "warm_start"}
        The parameter that requests the start, for messages.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the segmenter is not fitted.
    ValueError
        If the segmenter has no network, or was fitted on a different number of channels, or on channels with other
        names.
    """
    try:
        fitted = find_fitted(segmenter, name)
    except NotFittedError as error:
        raise NotFittedError(
            f"{error} The searches of scikit-learn clone the values of a grid, and a clone is not fitted: in a grid, "
            "wrap the segmenter in sklearn.frozen.FrozenEstimator."
        ) from None
    if not hasattr(fitted, "network_"):
        raise ValueError(
            f"{name}: a {type(fitted).__name__} has no network to start from; pass a fitted segmenter that trains a "
            f"network, or {_FIXES[name]}."
        )
    n_channels = recordings.n_channels
    if fitted.n_channels_ != n_channels:
        named = "" if fitted.channel_names_ is None else f" ({', '.join(map(str, fitted.channel_names_))})"
        raise ValueError(
            f"{name}: the model to start from was fitted on {fitted.n_channels_} channels{named}, X has {n_channels}; "
            f"pass {_FIXES[name]}, or recordings with the same channels."
        )
    own = Channels(n_channels, recordings.channel_names, name)
    order = own.find_order(fitted.channel_names_) if name == "init" else None
    start = ModelStart.from_fitted(fitted, name)
    if order is None:
        Channels(n_channels, fitted.channel_names_, f"{name}: the model to start from").check_names(recordings)
        return start
    return replace(
        start,
        weights=_reorder_weights(fitted, order, name),
        moments=start.moments and (start.moments[0][order], start.moments[1][order]),
    )


def _reorder_weights(fitted: Any, order: Sequence[int], name: str) -> dict[str, Tensor]:
    """Return the weights of a fitted segmenter for channels in another order.

    An axis of a weight that grows with the number of channels lists the channels once, or several times, as the
    networks of this package do.

    Raises
    ------
    ValueError
        If the axes of a custom network list something else.
    """
    n_channels, codes = len(order), name_codes(fitted.classes_, getattr(fitted, "occurrences_", None))
    weights: dict[str, Tensor] = fitted.net_.teacher_.module.state_dict()
    wider = build_module(fitted.network_, n_channels + 1, len(codes), seed=0).state_dict()
    changed = {}
    for weight, value in weights.items():
        axes = [a for a, (one, more) in enumerate(zip(value.shape, wider[weight].shape, strict=True)) if one != more]
        for axis in axes:
            size = value.shape[axis]
            known = size == n_channels or is_shipped(fitted.network_)
            if not known or size % n_channels or wider[weight].shape[axis] != size // n_channels * (n_channels + 1):
                raise ValueError(
                    f"{name}: the model to start from has the channels {list(fitted.channel_names_)} in another order "
                    f"than X, and {weight} of its network does not list them; pass the channels in that order."
                )
            places = torch.arange(size, device=value.device).view(-1, n_channels)[:, order].flatten()
            value = value.index_select(axis, places)
        changed[weight] = value
    return changed


def _find_output_axes(network: Network, module: nn.Module, n_channels: int, n_classes: int) -> Mapping[str, int | None]:
    """Return the names of the output layer's weights, each with the axis that lists the classes.

    The output layer is found by building the network for one more class: its weights change their shape. The axis is
    None if no single axis has one entry per class.
    """
    own, twin = module.state_dict(), build_module(network, n_channels, n_classes + 1, seed=0).state_dict()
    found: dict[str, int | None] = {}
    for name, other in twin.items():
        if name in own and own[name].shape != other.shape:
            sizes = list(zip(own[name].shape, other.shape, strict=False))
            grown = [axis for axis, (here, there) in enumerate(sizes) if here != there]
            found[name] = grown[0] if [sizes[axis] for axis in grown] == [(n_classes, n_classes + 1)] else None
    return found
