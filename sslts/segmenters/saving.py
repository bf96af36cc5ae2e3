"""How a segmenter that trains a network goes to a file and comes back."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from sslts.hardware import choose_device, choose_precision
from sslts.networks import Network
from sslts.persistence.models import Savable
from sslts.persistence.nets import check_device, check_sizes, get_net_state, set_net_state
from sslts.training import SegmentationNet, build_module


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
    def _build_net(self, module: nn.Module, criterion: nn.Module, seed: int) -> SegmentationNet:
        """Return an initialised net."""

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
        self._choose_hardware(torch.device(self.device_))
        n_classes, weights = len(self.classes_), state["weights"]
        check_sizes(self.network_, self.n_channels_, n_classes, weights["student"])
        module = build_module(self.network_, self.n_channels_, n_classes, state["seed"])
        # What the labels said of the classes is in the criterion's own state.
        class_weight = torch.ones(n_classes) if "class_weight" in weights["criterion"] else None
        criterion = self._make_criterion(class_weight, torch.full((n_classes,), 1 / n_classes))
        if _list_shapes(criterion.state_dict()) != _list_shapes(weights["criterion"]):
            # Parameters were set after the fit, as another threshold. No prediction reads it, and training begins with
            # a new one; so the new one of these parameters stands for what was trained.
            state = {**state, "weights": {**weights, "criterion": criterion.state_dict()}}
        self.net_ = self._build_net(module, criterion, state["seed"])
        set_net_state(self.net_, state)

    def _choose_hardware(self, before: torch.device | None = None) -> None:
        """Decide what "auto" means here; on the kind of device that the model was fitted on, precision stays."""
        device = choose_device(self.device)
        if before is None or device.type != before.type:
            self.precision_ = choose_precision(self.precision, device)
        self.device_ = str(device)


def _list_shapes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
