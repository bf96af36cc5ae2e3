"""A network, view or callback that does not fit is found before training."""

import pytest
import torch
from small import ON_ONE, PlainNetwork

from sslts import FixMatchSegmenter, SupervisedSegmenter
from sslts.augment import RandAugment
from sslts.datasets import make_recordings
from sslts.decoding import Hysteresis
from sslts.networks import UNet
from sslts.thresholds import FixedThreshold


@ON_ONE
@pytest.mark.usefixtures("no_training")
class TestDefects:
    """Each defect is found before training."""

    @pytest.mark.parametrize(
        "network",
        [
            lambda c, k: torch.nn.Conv1d(c, k + 1, 1),
            lambda c, k: torch.nn.Conv1d(c, k, 3),
            lambda c, k: torch.nn.Conv1d(c, k, 2, stride=2),
            lambda c, k: torch.nn.Conv1d(c + 1, k, 1),
        ],
    )
    def test_a_network_of_the_wrong_shape(self, make_segmenter, partly, network):
        with pytest.raises(ValueError, match="network=.*(expected logits of shape|cannot read signals)"):
            make_segmenter(network=network).fit(*partly)

    def test_a_network_that_returns_no_module(self, make_segmenter, partly):
        with pytest.raises(ValueError, match="returned int; return a torch.nn.Module"):
            make_segmenter(network=lambda c, k: c + k).fit(*partly)

    @pytest.mark.parametrize("name", ["weak", "strong"])
    @pytest.mark.parametrize("view", [lambda x: x[..., 1:], lambda x: x.double()])
    def test_a_view_that_changes_shape_or_type(self, make_segmenter, partly, name, view):
        with pytest.raises(ValueError, match="it must keep shape and type"):
            make_segmenter(**{name: view}).fit(*partly)


@ON_ONE
class TestNetwork:
    def test_a_module_class_is_a_network(self, make_segmenter, partly):
        fitted = make_segmenter(network=PlainNetwork).fit(*partly)
        assert fitted.predict(partly[0]).shape == partly[0].shape


def test_a_module_instance_as_network_is_refused():
    X, y = make_recordings(4, n_samples=300, random_state=0)
    with pytest.raises(ValueError, match=r"network is a module instance, Conv1d; pass a function .* Conv1d\(...\)"):
        SupervisedSegmenter(network=torch.nn.Conv1d(1, 2, 3, padding=1), max_steps=1).fit(X, y)


def test_a_class_of_a_network_or_view_is_refused():
    X, y = make_recordings(4, n_samples=300, random_state=0)
    with pytest.raises(ValueError, match=r"network=UNet is a class; pass an instance, UNet\(\)"):
        SupervisedSegmenter(network=UNet).fit(X, y)
    with pytest.raises(TypeError, match=r"RandAugment is a class, not a view; pass an instance, RandAugment\(\)"):
        SupervisedSegmenter(strong=RandAugment).fit(X, y)


class TestClasses:
    @pytest.mark.parametrize(("name", "value"), [("decoder", Hysteresis), ("threshold", FixedThreshold)])
    def test_a_class_of_a_decoder_or_threshold_is_refused(self, partly, name, value):
        with pytest.raises(ValueError, match=rf"{name}={value.__name__} is a class; pass an instance"):
            FixMatchSegmenter(**{name: value}, max_steps=1).fit(*partly)


class TestReceptiveField:
    def test_a_receptive_field_that_is_too_small(self, make_segmenter, partly):
        def network(n_channels, n_classes):
            module = torch.nn.Conv1d(n_channels, n_classes, 51, padding=25)
            module.stride, module.receptive_field = 1, 10
            return module

        with pytest.raises(ValueError, match="has receptive_field=10, but its output changes with samples 25 away"):
            make_segmenter(network=network).fit(*partly)

    @pytest.mark.parametrize("padding", [(200, 0), (0, 200)], ids=["behind", "ahead"])
    def test_a_receptive_field_on_one_side(self, partly, padding):
        class Aside(torch.nn.Module):
            stride, receptive_field = 1, 20

            def __init__(self, n_channels, n_classes):
                super().__init__()
                self.conv = torch.nn.Conv1d(n_channels, n_classes, 201)

            def forward(self, x):
                return self.conv(torch.nn.functional.pad(x, padding))

        with pytest.raises(ValueError, match="receptive_field=20, but its output changes with samples 200 away"):
            SupervisedSegmenter(network=Aside, max_steps=2, batch_size=2, random_state=0).fit(*partly)


class TestLengthsAndShapes:
    @pytest.mark.parametrize("error", [ValueError, AssertionError, IndexError])
    def test_a_network_that_refuses_a_length_is_reported(self, partly, error):
        class Even(PlainNetwork):
            def forward(self, x):
                if x.shape[-1] % 2:
                    raise error("even lengths only")
                return super().forward(x)

        with pytest.raises(ValueError, match="network=.*Even.* cannot read signals of shape.*even lengths only"):
            SupervisedSegmenter(network=Even, max_steps=2, batch_size=2, random_state=0).fit(*partly)

    def test_a_network_with_lazy_weights_is_refused(self, partly):
        with pytest.raises(ValueError, match=r"network=.*weights have no shape yet, such as nn\.LazyConv1d"):
            SupervisedSegmenter(network=lambda _, k: torch.nn.LazyConv1d(k, 3, padding=1)).fit(*partly)
