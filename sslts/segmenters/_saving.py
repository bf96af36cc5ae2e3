"""Save and load segmenters that train a network."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from sslts.networks import Network
from sslts.persistence import Savable, check_device, check_sizes, get_net_state, set_net_state
from sslts.training import SegmentationNet, build_module, choose_device, choose_precision, float32_default


@dataclass(frozen=True)
class Blueprint:
    """The values from which a net is built, besides the parameters of its estimator.

    ``network`` is the recipe adapted to the signal. ``device`` and ``precision`` are resolved, never "auto".
    """

    network: Network
    n_channels: int
    classes: np.ndarray
    device: str
    precision: str
    seed: int


class SavableNetwork(Savable):
    """Mixin that saves and loads estimators with a ``net_``.

    A file holds the state of the net. Loading builds a new net and restores that state.
    """

    classes_: Any
    n_channels_: int
    network_: Network
    normalization: str | None
    device: str
    device_: str
    precision: str
    precision_: str
    net_: SegmentationNet

    @abstractmethod
    def _make_criterion(self, class_weight: torch.Tensor | None, shares: torch.Tensor) -> nn.Module:
        """Return the criterion; see `NetworkSegmenter._make_criterion`."""

    @abstractmethod
    def _build_net(self, blueprint: Blueprint, module: nn.Module, criterion: nn.Module) -> SegmentationNet:
        """Return an initialized net."""

    def _get_fitted(self) -> dict[str, Any]:
        getattr(self, "history_", None)  # made from the net when it is first read
        fitted = super()._get_fitted()
        if not fitted:
            return {}
        names = fitted.get("channel_names_")
        if not all(isinstance(name, (str, int, float)) for name in names or ()):
            fitted["channel_names_"] = None  # a file can not hold other names, such as dates
        return {**fitted, "net_": get_net_state(self.net_)}

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        if not fitted:  # an unfitted segmenter, such as the parameter of `SelfTrainingSegmenter`
            return
        state, history = fitted.pop("net_"), fitted.pop("history_", None)
        super()._set_fitted(fitted)
        if history is not None:
            self.__dict__["history_"] = history
        if self.device != "auto":
            check_device(self.device)
        n_classes, weights = len(self.classes_), state["weights"]
        blueprint = self._make_blueprint(
            self.network_, self.n_channels_, self.classes_, state["seed"], before=torch.device(self.device_)
        )
        self.device_, self.precision_ = blueprint.device, blueprint.precision
        check_sizes(self.network_, self.n_channels_, n_classes, weights["student"])
        module = build_module(self.network_, self.n_channels_, n_classes, state["seed"])
        # Weights and shares are placeholders: the saved state of the criterion holds the values of the fit.
        class_weight = torch.ones(n_classes, dtype=torch.float32) if "class_weight" in weights["criterion"] else None
        with float32_default():
            criterion = self._make_criterion(class_weight, torch.full((n_classes,), 1 / n_classes))
        if _list_shapes(criterion.state_dict()) != _list_shapes(weights["criterion"]):
            # A parameter was changed after the fit, such as the threshold, so the saved state does not fit. Predictions
            # do not need the criterion and a new fit builds its own, so the criterion built here is kept.
            state = {**state, "weights": {**weights, "criterion": criterion.state_dict()}}
        self.net_ = self._build_net(blueprint, module, criterion)
        set_net_state(self.net_, state)

    def _make_blueprint(
        self, network: Network, n_channels: int, classes: np.ndarray, seed: int, *, before: torch.device | None = None
    ) -> Blueprint:
        """Return the blueprint, with "auto" resolved on this machine.

        ``before`` is the device on which a loaded model was fitted; on the same kind of device, its precision is kept.
        """
        device = choose_device(self.device)
        stays = before is not None and device.type == before.type
        precision = self.precision_ if stays else choose_precision(self.precision, device)
        return Blueprint(network, n_channels, classes, str(device), precision, seed)


def _list_shapes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
