"""Save and load segmenters that train a network."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import nn

from sslts.annotations import Occurrences, SegmentStatistics
from sslts.networks import Network
from sslts.persistence import (
    PersistenceError,
    Savable,
    check_device,
    check_sizes,
    find_spoiled,
    get_net_state,
    is_count,
    set_net_state,
)
from sslts.prediction import NetPredictor
from sslts.segmenters._problem import name_codes
from sslts.training import SegmentationNet, build_module, choose_device, choose_precision, float32_default

_COMMON = {
    *("classes_", "n_channels_", "n_features_in_", "channel_names_", "window_length_", "normalization_", "statistics_"),
    "training_set_",
}
_NEEDED = {"recipe_", "network_", "history_", "device_", "precision_", "net_"}


@dataclass(frozen=True)
class Blueprint:
    """The values from which a net is built, besides the parameters of its estimator.

    ``codes`` are the names of the network's outputs; see `Problem.codes`. ``network`` is the recipe adapted to the
    signal. ``device`` and ``precision`` are resolved, never "auto".
    """

    network: Network
    n_channels: int
    codes: np.ndarray
    device: str
    precision: str
    seed: int


class SavableNetwork(Savable):
    """Mixin that saves and loads estimators with a ``net_``.

    A file holds the state of the net. Loading builds a new net and restores that state.
    """

    _learned: ClassVar[str] = "net_"
    classes_: Any
    n_channels_: int
    network_: Network
    normalization: str | None
    device: str
    device_: str
    precision: str
    precision_: str
    net_: SegmentationNet
    _validate_params: Callable[[], None]  # of scikit-learn

    @abstractmethod
    def _make_criterion(self, class_weight: torch.Tensor | None, shares: torch.Tensor) -> nn.Module:
        """Return the criterion; see `NetworkSegmenter._make_criterion`."""

    def _copy_for_criterion(self, known: Mapping[str, Any]) -> Self:
        """Return a shallow copy with attributes of this fit; a labeled loss that is a module is copied.

        The estimator itself stays as it is until the first step, and its labeled loss keeps no statistics of a fit.
        """
        copied = copy.copy(self)
        vars(copied).update(known)
        if isinstance(loss := getattr(copied, "labeled_loss", None), nn.Module):
            vars(copied)["labeled_loss"] = copy.deepcopy(loss)
        return copied

    @abstractmethod
    def _build_net(
        self, blueprint: Blueprint, module: nn.Module, criterion: nn.Module, *, idle: bool = False
    ) -> SegmentationNet:
        """Return an initialized net; with ``idle``, its optimizer is built when training begins."""

    def _get_predictor(self) -> NetPredictor:
        return NetPredictor(self.net_)

    def _get_fitted(self) -> dict[str, Any]:
        getattr(self, "history_", None)  # made from the net when it is first read
        fitted = super()._get_fitted()
        if not fitted:
            return {}
        for module in (self.net_.module_, self.net_.teacher_):
            if spoiled := find_spoiled(module):
                raise ValueError(
                    f"{type(self).__name__}: the weight {spoiled} is not finite, because the training diverged; fit "
                    "again with a lower lr before you save."
                )
        names = fitted.get("channel_names_")
        if not all(isinstance(name, (str, int, float)) for name in names or ()):
            fitted["channel_names_"] = None  # a file can't hold other names, such as dates
        return {**fitted, "net_": get_net_state(self.net_)}

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        if not fitted:  # an unfitted segmenter, such as the parameter of `SelfTrainingSegmenter`
            return
        self._validate_params()
        _check_fitted(fitted, type(self).__name__)
        state, history = fitted.pop("net_"), fitted.pop("history_")
        super()._set_fitted(fitted)
        self.__dict__["history_"] = history
        if self.device != "auto":
            check_device(self.device)
        codes, weights = name_codes(self.classes_, getattr(self, "occurrences_", None)), state["weights"]
        n_codes = len(codes)
        blueprint = self._make_blueprint(
            self.network_, self.n_channels_, codes, state["seed"], before=torch.device(self.device_)
        )
        self.device_, self.precision_ = blueprint.device, blueprint.precision
        with float32_default():
            check_sizes(self.network_, self.n_channels_, n_codes, weights["student"])
        module = build_module(self.network_, self.n_channels_, n_codes, state["seed"])
        # Weights and shares are placeholders: the saved state of the criterion holds the values of the fit.
        class_weight = torch.ones(n_codes, dtype=torch.float32) if "class_weight" in weights["criterion"] else None
        with float32_default():
            copied = self._copy_for_criterion({})
            criterion = copied._make_criterion(class_weight, torch.full((n_codes,), 1 / n_codes))
        if _list_shapes(criterion.state_dict()) != _list_shapes(weights["criterion"]):
            # A parameter was changed after the fit, such as the threshold, so the saved state does not fit. Predictions
            # do not need the criterion and a new fit builds its own, so the criterion built here is kept.
            state = {**state, "weights": {**weights, "criterion": criterion.state_dict()}}
        self.net_ = self._build_net(blueprint, module, criterion, idle=True)
        set_net_state(self.net_, state)

    def _make_blueprint(
        self, network: Network, n_channels: int, codes: np.ndarray, seed: int, *, before: torch.device | None = None
    ) -> Blueprint:
        """Return the blueprint, with "auto" resolved on this machine.

        ``before`` is the device on which a loaded model was fitted; on the same kind of device, its precision is kept.
        """
        device = choose_device(self.device)
        stays = before is not None and device.type == before.type
        precision = self.precision_ if stays else choose_precision(self.precision, device)
        return Blueprint(network, n_channels, codes, str(device), precision, seed)


def _check_fitted(fitted: Mapping[str, Any], kind: str) -> None:
    """Raise PersistenceError if a file lacks a fitted attribute that predictions need, or if it can't be right."""
    right = check_common(fitted, kind, _NEEDED)
    history = fitted["history_"]
    right["history_"] = isinstance(history, pd.DataFrame) and history["step"].tolist() == [
        row["step"] for row in fitted["net_"]["history"]
    ]
    right["precision_"] = fitted["precision_"] in ("float32", "bfloat16")
    raise_unless(right, kind)


def check_common(fitted: Mapping[str, Any], kind: str, needed: set[str]) -> dict[str, bool]:
    """Return whether each fitted attribute that all segmenters have can be right, by name.

    Raises
    ------
    PersistenceError
        If the file lacks one of these attributes, or one of the attributes ``needed``.
    """
    if missing := (_COMMON | needed) - set(fitted):
        raise PersistenceError(f"the file lacks {', '.join(sorted(missing))}; the {kind} can't be read.")
    classes, names, n_channels = fitted["classes_"], fitted["channel_names_"], fitted["n_channels_"]
    features, n_features = fitted.get("feature_names_in_"), fitted["n_features_in_"]
    raise_unless({"classes_": are_classes(classes)}, kind)
    return {
        "n_channels_": is_count(n_channels) and n_channels > 0,
        "n_features_in_": is_count(n_features) and n_features > 0,
        "window_length_": is_count(fitted["window_length_"]) and fitted["window_length_"] > 0,
        "channel_names_": names is None or (isinstance(names, tuple) and len(names) == n_channels),
        "feature_names_in_": features is None or (isinstance(features, np.ndarray) and features.shape == (n_features,)),
        "normalization_": fitted["normalization_"] in (None, "recording", "training", "local"),
        "moments_": _are_moments(fitted.get("moments_"), fitted["normalization_"], n_channels),
        "statistics_": _are_statistics(fitted["statistics_"], classes.tolist()),
        "class_names_": _are_class_names(fitted.get("class_names_")),
        "occurrences_": _are_occurrences(fitted.get("occurrences_"), len(classes)),
        "sampling_rate_": _is_rate(fitted.get("sampling_rate_")),
        "transfer_": _is_transfer(fitted.get("transfer_")),
        "trust_": _is_trust(fitted.get("trust_")),
        "training_set_": is_summary(fitted["training_set_"]),
    }


def _are_moments(value: Any, normalization: str | None, n_channels: int) -> bool:
    """Return whether a decoded value is location and scale of the channels; only "training" has them."""
    if normalization != "training":
        return value is None
    pair = isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, np.ndarray) for part in value)
    if not pair or any(part.shape != (n_channels,) or part.dtype != np.float64 for part in value):
        return False
    return bool(np.isfinite(value).all() and (value[1] > 0).all())


def _is_rate(value: Any) -> bool:
    """Return whether a decoded value is a sampling rate; None: unknown."""
    return value is None or (isinstance(value, float) and 0 < value < math.inf)


def _is_trust(value: Any) -> bool:
    """Return whether a decoded value describes a guide; None stands for a method or a file without one."""
    if value is None:
        return True
    if not isinstance(value, dict) or set(value) != {"network", "window_features", "guided"}:
        return False
    scores = [value["network"], value["window_features"]]
    names = {"mean_iou", "log_loss"}  # earlier versions measured no agreement
    shaped = all(isinstance(score, dict) and set(score) in (names, {*names, "agreement"}) for score in scores)
    right = shaped and all(isinstance(number, float) for score in scores for number in score.values())
    return right and isinstance(value["guided"], bool)


def _is_transfer(value: Any) -> bool:
    """Return whether a decoded value describes the choice of a fit with an earlier customer; None: a fit without."""
    if value is None:
        return True
    if not isinstance(value, dict) or not {"chosen", "words", "margin", "scores"} <= set(value):
        return False
    named = isinstance(value["chosen"], str) and isinstance(value["words"], str)
    scores = value["scores"]
    return named and isinstance(scores, dict) and all(isinstance(score, dict) for score in scores.values())


def raise_unless(right: Mapping[str, bool], kind: str) -> None:
    """Raise PersistenceError for the first attribute that is not right."""
    for name, is_right in right.items():
        if not is_right:
            raise PersistenceError(f"{name} of the {kind} in the file can't be right.")


def are_classes(values: Any) -> bool:
    """Return whether a decoded value is an array of classes: whole numbers of 0 or more, in increasing order."""
    whole = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iu" and len(values) > 0
    return whole and bool(values[0] >= 0 and (values[1:] > values[:-1]).all())


def is_summary(value: Any) -> bool:
    """Return whether a decoded value describes a training set: numbers of recordings and samples."""
    return isinstance(value, dict) and all(map(is_count, value.values()))


def _are_class_names(value: Any) -> bool:
    """Return whether a decoded value names classes by words; None stands for a model whose classes are numbers."""
    if value is None:
        return True
    right = isinstance(value, dict) and all(is_count(k) and isinstance(word, str) for k, word in value.items())
    return right and len(set(value.values())) == len(value)


def _are_occurrences(value: Any, n_classes: int) -> bool:
    """Return whether a decoded value tells occurrences that touch apart; None stands for a model without any."""
    if value is None:
        return True
    if not isinstance(value, Occurrences) or not _are_counts(value.sizes) or len(value.sizes) != n_classes:
        return False
    return any(value.sizes) and _are_statistics(value.statistics, list(range(value.n_codes)))


def _are_statistics(value: Any, classes: list[int]) -> bool:
    """Return whether a decoded value is statistics of segments of these classes."""
    if not isinstance(value, SegmentStatistics) or list(value.classes) != classes:
        return False
    tables = value.lengths, value.cut, value.transitions
    hidden = value.hidden_before, value.hidden_after  # files of version 0.1.0 hold none
    if not all(_are_counts(row) and len(row) in (0, len(classes)) for row in hidden):
        return False
    return all(len(table) == len(classes) and all(map(_are_counts, table)) for table in tables) and all(
        len(row) == len(classes) for row in value.transitions
    )


def _are_counts(row: Sequence[Any]) -> bool:
    return isinstance(row, tuple) and all(map(is_count, row))


def _list_shapes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
