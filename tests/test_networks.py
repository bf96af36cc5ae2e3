"""The U-Net takes any length, predicts every sample, and states its stride and receptive field correctly."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from sslts.annotations import SignalSummary
from sslts.networks import Ensemble, LocalStatistics, UNet, UNetModule, count_parameters, draw_weights
from sslts.persistence._values import Encoder
from sslts.prediction.parts import _find_halo

SMALL = UNet(width=4, depth=2, kernel_size=3)
ALIKE, UNLIKE = SMALL.replace(members=2), SMALL.replace(members=2, front_end="alternate")


def build(recipe, n_channels=1, n_classes=3, seed=0):
    torch.manual_seed(seed)
    module = recipe(n_channels, n_classes)
    for layer in module.modules():  # statistics of a trained network, not the identity
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.bias.data.normal_()
    return module.eval()


@settings(max_examples=25)
@given(st.integers(1, 200), st.integers(1, 3), st.sampled_from([1, 2, 4, 8]))
def test_any_length_and_any_number_of_channels(length, n_channels, stem_stride):
    module = build(SMALL.replace(stem_stride=stem_stride), n_channels)
    assert module(torch.zeros(2, n_channels, length)).shape == (2, 3, length)


@pytest.mark.parametrize("recipe", [SMALL, SMALL.replace(stem_stride=4), SMALL.replace(stem_stride=16, kernel_size=5)])
def test_the_receptive_field_is_not_understated(recipe):
    module = build(recipe)
    length = 6 * (module.receptive_field // module.stride + 1) * module.stride
    x = torch.randn(1, 1, length, dtype=torch.double, requires_grad=True)
    center = length // 2
    module.double()(x)[0, :, center].sum().backward()
    seen = x.grad[0, 0].nonzero().flatten()
    assert center - seen.min() <= module.receptive_field
    assert seen.max() - center <= module.receptive_field


@pytest.mark.parametrize("stem_stride", [1, 4, 16])
def test_moving_the_input_by_the_stride_moves_the_output(stem_stride):
    module = build(SMALL.replace(stem_stride=stem_stride))
    x = torch.randn(1, 1, 40 * module.stride)
    reach = module.receptive_field
    moved = module(x.roll(module.stride, -1))[..., reach + module.stride : -reach]
    torch.testing.assert_close(moved, module(x)[..., reach : -reach - module.stride], atol=1e-5, rtol=1e-4)


def test_the_stem_follows_the_shortest_segment():
    def stem(length):
        return UNet().for_signal(SignalSummary(1, 2, length, length, 10**5)).stem_stride

    assert [stem(n) for n in (1, 8, 19, 28, 60, 120, 300, 9999)] == [1, 1, 1, 2, 4, 8, 16, 16]


def test_a_given_stem_stride_is_kept():
    assert UNet(stem_stride=2).for_signal(SignalSummary(1, 2, 300, 300, 10**5)).stem_stride == 2


def test_a_stem_must_be_a_power_of_two():
    with pytest.raises(ValueError, match="stem_stride=3 must be a power of two"):
        UNet(stem_stride=3)(1, 2)


@pytest.mark.parametrize("recipe", [SMALL, SMALL.replace(stem_stride=8, kernel_size=5), ALIKE, UNLIKE])
@pytest.mark.parametrize("length", [1, 333])
def test_folded_norms_change_no_output(recipe, length):
    module = build(recipe, n_channels=2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    folded, x = module.fold_norms(), torch.randn(2, 2, length)
    norms = {name for name, layer in folded.named_modules() if isinstance(layer, torch.nn.BatchNorm2d)}
    assert all(name.endswith("front_end.norm") for name in norms)  # no convolution comes before it
    torch.testing.assert_close(folded(x), module(x), atol=1e-5, rtol=1e-4)
    assert (folded.stride, folded.receptive_field) == (module.stride, module.receptive_field)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_folding_a_network_in_training_returns_a_network_for_evaluation():
    module, x = build(SMALL), torch.randn(1, 1, 64)
    folded = module.train().fold_norms()
    torch.testing.assert_close(folded(x), module.eval()(x), atol=1e-5, rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=4),
    st.integers(0, 100),
    st.sampled_from([SMALL, SMALL.replace(stem_stride=4), SMALL.replace(stem_stride=16), ALIKE, UNLIKE]),
)
def test_with_lengths_each_signal_is_predicted_as_if_alone(lengths, more, recipe):
    module = build(recipe)
    module = module.fold_norms() if more % 2 else module
    x = torch.zeros(len(lengths), 1, max(lengths) + more)
    for row, length in zip(x, lengths, strict=True):
        row[:, :length] = torch.randn(1, length)
    answers = module(x, lengths)
    assert answers.shape == (len(lengths), 3, x.shape[-1])
    for row, answer, length in zip(x, answers, lengths, strict=True):
        torch.testing.assert_close(answer[:, :length], module(row[None, :, :length])[0], atol=1e-5, rtol=1e-4)


def test_a_subclass_with_its_own_forward_takes_no_lengths():
    class Own(UNetModule):
        def forward(self, x):
            return super().forward(x.abs())

    assert SMALL(1, 2).takes_lengths
    assert not Own(1, 2, width=4, depth=1, kernel_size=3, stem_stride=1, dropout=0.0).takes_lengths


def test_a_wider_network_has_more_weights():
    assert count_parameters(build(UNet(width=8))) < count_parameters(build(UNet(width=16)))


class TestMembers:
    recipe = SMALL.replace(stem_stride=2, members=3)

    def test_in_evaluation_the_output_is_the_mean_of_their_probabilities(self):
        module, x = build(self.recipe), torch.randn(2, 1, 40)
        mean = torch.stack([member(x).softmax(1) for member in module.members]).mean(0)
        torch.testing.assert_close(module(x).softmax(1), mean)
        torch.testing.assert_close(module(x).exp(), mean)  # log probabilities

    @pytest.mark.parametrize("n_windows", [1, 2, 3, 8])
    def test_in_training_each_window_goes_to_one_member(self, n_windows):
        module, x = build(self.recipe), torch.randn(n_windows, 1, 40)
        for member in module.members:  # BatchNorm would make windows depend on each other
            member.eval()
        module.training = True
        answers = module(x)
        for i in range(n_windows):
            torch.testing.assert_close(answers[i], module.members[i % 3](x[i : i + 1])[0])

    def test_they_start_from_different_weights(self):
        first, second, _ = self.recipe.build(1, 3, torch.Generator().manual_seed(0)).members
        assert not torch.equal(first.head.weight, second.head.weight)

    def test_custom_networks_can_be_members(self):
        class Plain(torch.nn.Conv1d):
            stem_stride, stride, receptive_field = 1, 1, 1

        ensemble = Ensemble([Plain(1, 2, 3, padding=1) for _ in range(2)]).eval()
        ensemble.stride, x = 1, torch.randn(1, 1, 20)
        torch.testing.assert_close(ensemble.fold_norms()(x), ensemble(x))
        assert not ensemble.takes_lengths

    def test_one_member_makes_no_ensemble(self):
        assert not isinstance(SMALL(1, 2), Ensemble)
        with pytest.raises(ValueError, match="members=0; give a whole number of 1 or more"):
            SMALL.replace(members=0)

    def test_pieces_of_a_recording_give_the_same_as_one_pass(self):
        module = build(self.recipe)
        x = torch.randn(1, 1, 40 * module.stride)
        reach = _find_halo(module.stride, module.receptive_field)
        part = module(x[..., module.stride :])
        torch.testing.assert_close(part[..., reach:], module(x)[..., module.stride + reach :], atol=1e-5, rtol=1e-4)


class TestFeatureDropout:
    def record(self, module, x):
        """Return the inputs of the decoder's blocks: the deepest features and the skips of each level."""
        seen = []
        for block in module.decoder:
            block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        with torch.no_grad():
            module(x)
        return seen

    def find_dropped(self, features):
        """Return a mask (B, C) of the channels that are zero at every sample."""
        return (features == 0).flatten(2).all(-1)

    def test_whole_channels_are_dropped_in_about_half_of_the_recordings(self):
        x = torch.randn(200, 1, 64, generator=torch.Generator().manual_seed(0))
        plain, dropping = (build(SMALL.replace(feature_dropout=p)).train() for p in (0.0, 0.5))
        before, after = self.record(plain, x)[0], self.record(dropping, x)[0]  # the two deepest levels
        same = (before == after).flatten(2).all(-1)
        dropped = self.find_dropped(after) & ~self.find_dropped(before)
        scaled = torch.isclose(after, 2 * before).flatten(2).all(-1)
        assert (same | dropped | scaled).all()
        untouched = same.all(1)
        assert 0.4 < untouched.float().mean() < 0.6
        alive = ~self.find_dropped(before)[~untouched]
        assert 0.45 < dropped[~untouched][alive].float().mean() < 0.55

    def test_the_same_recordings_are_changed_at_every_level(self):
        x = torch.randn(64, 1, 64, generator=torch.Generator().manual_seed(0))
        module = build(SMALL.replace(feature_dropout=1 - 1e-6)).train()
        deepest, finest = (self.find_dropped(features) for features in self.record(module, x))
        skips = finest[:, :4]  # the other channels come from the decoder
        assert torch.equal(deepest.all(1), skips.all(1))
        assert 0.3 < deepest.all(1).float().mean() < 0.7

    def test_it_is_off_in_evaluation_and_has_no_weights(self):
        x = torch.randn(4, 1, 64)
        plain, dropping = (build(SMALL.replace(feature_dropout=p)) for p in (0.0, 0.5))
        torch.testing.assert_close(plain(x), dropping(x))
        assert plain.state_dict().keys() == dropping.state_dict().keys()


def test_an_even_kernel_size_is_refused():
    with pytest.raises(ValueError, match="UNet: kernel_size=4 is even; give an odd number"):
        UNet(kernel_size=4)


def test_weights_of_an_unknown_layer_are_refused():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.Linear(2, 2))
    with pytest.raises(TypeError, match="cannot draw the weights of a Linear, only of Conv2d and BatchNorm2d"):
        draw_weights(module, torch.Generator())


class TestLocalStatistics:
    """The front end of a network: slopes and spreads of the windows around each sample."""

    SCALES = (1, 4, 8)

    def measure(self, x, lengths=None):
        return LocalStatistics(x.shape[1], self.SCALES).eval()(x, lengths)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 60), st.integers(1, 3), st.integers(0, 99), st.sampled_from([1e-2, 1.0, 1e4]))
    def test_they_are_the_statistics_of_their_windows(self, length, n_channels, seed, size):
        x = size * torch.randn(2, n_channels, length, generator=torch.Generator().manual_seed(seed))
        found = self.measure(x).detach().numpy()
        padded = np.pad(x.numpy().astype(float), ((0, 0), (0, 0), (8, 8)), mode="edge")
        windows = {n: sliding_window_view(padded, 2 * n, -1)[..., 8 - n : 8 - n + length, :] for n in self.SCALES}
        spread = {n: window.std(-1) for n, window in windows.items()}
        slopes = [window[..., n:].mean(-1) - window[..., :n].mean(-1) for n, window in windows.items()]
        wanted = [x, *(slope / np.sqrt(spread[8] ** 2 + 9e-4) for slope in slopes)]
        wanted += [np.log(one**2 + 1e-4) / 2 for one in spread.values()]
        np.testing.assert_allclose(found, np.concatenate(wanted, axis=1), rtol=2e-3, atol=2e-3)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 80), st.integers(20, 60))
    def test_they_have_the_same_bits_in_any_piece(self, start, size):
        x, reach = torch.randn(1, 2, 200), self.SCALES[-1]
        begin, stop = start + reach, start + reach + size
        piece = self.measure(x[..., start : stop + reach])[..., reach:-reach]
        assert torch.equal(piece, self.measure(x)[..., begin:stop])

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(1, 50), min_size=1, max_size=4), st.integers(0, 20))
    def test_with_lengths_each_signal_is_measured_as_if_alone(self, lengths, more):
        x = torch.randn(len(lengths), 2, max(lengths) + more)
        for i, length in enumerate(lengths):
            x[i, :, length:] = 0
        found = self.measure(x, lengths)
        for i, length in enumerate(lengths):
            assert torch.equal(found[i, :, :length], self.measure(x[i : i + 1, :, :length])[0])
            assert not found[i, :, length:].any()

    def test_slopes_do_not_depend_on_the_size_of_a_pattern(self):
        x = torch.randn(1, 1, 100)
        small, large = (self.measure(size * x)[:, 1:4] for size in (100, 10_000))
        torch.testing.assert_close(small, large, atol=1e-4, rtol=1e-3)

    def test_a_constant_signal_has_finite_statistics(self):
        found = self.measure(torch.full((1, 1, 50), 7.0))
        assert not found[:, 1:4].any()
        assert torch.isfinite(found).all()

    def test_a_network_without_them_has_the_weights_of_before(self):
        plain, full = (set(UNet(front_end=on)(1, 2).state_dict()) for on in (False, True))
        assert {name.partition(".")[0] for name in full - plain} == {"front_end"}
        assert plain < full
        assert UNet(front_end=True)(1, 2).receptive_field > UNet(front_end=False)(1, 2).receptive_field

    def test_recipes_of_files_and_pickles_without_the_field_have_none(self):
        assert "front_end" not in json.dumps(Encoder().encode(UNet(front_end=False), "network"))
        old = {name: value for name, value in vars(UNet()).items() if name != "front_end"}
        network = UNet.__new__(UNet)
        network.__setstate__(old)
        assert network == UNet(front_end=False)

    def test_other_values_are_refused(self):
        with pytest.raises(ValueError, match="UNet: front_end=2; give True, False or"):
            UNet(front_end=2)
        with pytest.raises(ValueError, match="needs two members or more, not members=1"):
            UNet(front_end="alternate")

    def test_every_second_member_has_a_front_end(self):
        module = UNet(members=3, front_end="alternate")(1, 2)
        assert [member.front_end is not None for member in module.members] == [False, True, False]
        assert module.receptive_field == UNet(front_end=True)(1, 2).receptive_field
