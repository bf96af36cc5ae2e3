"""How a segmenter that trains a network goes to a file and comes back."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from sslts.networks import Network
from sslts.persistence import Savable, check_device, check_sizes, get_net_state, set_net_state
from sslts.training import SegmentationNet, build_module, choose_device, choose_precision


@dataclass(frozen=True)
class Blueprint:
    """What a net is built from, besides the parameters of its estimator.

    Parameters
    ----------
    network : Network
        The recipe, adapted to the signal.
    n_channels : int
    classes : ndarray of int, shape (K,)
    device, precision : str
        The choice of "auto".
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.networks import UNet
    >>> Blueprint(UNet(), 1, np.array([0, 1]), device="cpu", precision="float32", seed=0).device
    'cpu'
    """

    network: Network
    n_channels: int
    classes: np.ndarray
    device: str
    precision: str
    seed: int


class SavableNetwork(Savable):
    """Mixin of estimators with a ``net_``; a file holds its state, and the net is built anew around it.

    Examples
    --------
    >>> import pathlib, tempfile, sslts
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = sslts.SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     segmenter.save(pathlib.Path(folder) / "model.sslts")
    ...     again = sslts.load(pathlib.Path(folder) / "model.sslts")
    >>> isinstance(again, SavableNetwork), again.net_ is segmenter.net_, again.net_.step_
    (True, False, 2)
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
        """Return the criterion, as `NetworkSegmenter` asks for."""

    @abstractmethod
    def _build_net(self, blueprint: Blueprint, module: nn.Module, criterion: nn.Module) -> SegmentationNet:
        """Return an initialized net."""

    def _get_fitted(self) -> dict[str, Any]:
        fitted = super()._get_fitted()
        if not fitted:
            return {}
        names = fitted.get("channel_names_")
        if not all(isinstance(name, (str, int, float)) for name in names or ()):
            fitted["channel_names_"] = None  # as dates, for which a file has no word
        return {**fitted, "net_": get_net_state(self.net_)}

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        if not fitted:  # as the segmenter that self-training clones
            return
        state = fitted.pop("net_")
        super()._set_fitted(fitted)
        if self.device != "auto":
            check_device(self.device)
        n_classes, weights = len(self.classes_), state["weights"]
        blueprint = self._draw_blueprint(
            self.network_, self.n_channels_, self.classes_, state["seed"], before=torch.device(self.device_)
        )
        self.device_, self.precision_ = blueprint.device, blueprint.precision
        check_sizes(self.network_, self.n_channels_, n_classes, weights["student"])
        module = build_module(self.network_, self.n_channels_, n_classes, state["seed"])
        # The state of the criterion holds what the labels showed of the classes.
        class_weight = torch.ones(n_classes) if "class_weight" in weights["criterion"] else None
        criterion = self._make_criterion(class_weight, torch.full((n_classes,), 1 / n_classes))
        if _list_shapes(criterion.state_dict()) != _list_shapes(weights["criterion"]):
            # Parameters were set after the fit, such as another threshold. No prediction reads the criterion, and
            # training begins with a new one, so the new one of these parameters replaces the trained one.
            state = {**state, "weights": {**weights, "criterion": criterion.state_dict()}}
        self.net_ = self._build_net(blueprint, module, criterion)
        set_net_state(self.net_, state)

    def _draw_blueprint(
        self, network: Network, n_channels: int, classes: np.ndarray, seed: int, *, before: torch.device | None = None
    ) -> Blueprint:
        """Decide what "auto" means here.

        On the kind of device on which a loaded model was fitted, ``before``, its precision stays.
        """
        device = choose_device(self.device)
        stays = before is not None and device.type == before.type
        precision = self.precision_ if stays else choose_precision(self.precision, device)
        return Blueprint(network, n_channels, classes, str(device), precision, seed)


def _list_shapes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
