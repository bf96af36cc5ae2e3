"""Recipes for torch modules that map signals ``(B, C, T)`` to logits ``(B, K, T)``, for any T.

Any callable ``(n_channels, n_classes) -> torch.nn.Module`` is a network. A module may offer more than ``forward``:

``stride``
    The output at a sample depends on the position of the sample only modulo ``stride``. Pieces of a recording start at
    multiples of it, and training windows of a derived length are multiples of it.
``receptive_field``
    Number of samples on each side that can influence an output. With ``stride`` and ``receptive_field``, a long
    recording is predicted in pieces with the same result as in one pass.
``takes_lengths``
    If True, ``forward(x, lengths)`` treats each signal as if it ended after ``lengths[i]`` samples; zeros follow there.
    Recordings of different lengths then share a batch.
``fold_norms()``
    Returns a copy for evaluation with the same outputs and fewer operations; prediction uses the copy.

No layer here computes statistics over unbounded time at inference.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from sslts.annotations import SignalSummary
from sslts.recipes import Recipe, bounded

__all__ = [
    "Ensemble",
    "FeatureDropout",
    "LocalStatistics",
    "Network",
    "UNet",
    "UNetModule",
    "count_parameters",
    "draw_weights",
]

Network = Callable[[int, int], nn.Module]

# Rule for the default stem stride, documented in docs/guide/defaults.md.
_CELLS_PER_SEGMENT = 10
_MAX_STEM_STRIDE = 16
# In standard deviations of a recording: weaker variation is noise. Lower values cost six points of segment F1 on water.
_FAINT, _FAINTEST = 3e-2, 1e-2  # least spread that slopes are divided by; least spread of a logarithm
_FRONT_END_CELLS = (2, 8, 32)  # scales of the front end, in cells of the finest level


@dataclass(frozen=True)
class UNet(Recipe):
    """Recipe for a residual U-Net that decodes to the stride of its stem and interpolates to every sample.

    Source: Ronneberger et al. 2015, with the residual blocks of He et al. 2016.

    Parameters
    ----------
    width : int, default=16
        Number of channels after the stem, 1 or more; it doubles at each level up to ``8 * width``. A wider network
        learns finer differences if many recordings are labeled; the time of a step grows faster than the width. Use 8
        if prediction is too slow.
    depth : int, default=5
        Number of levels below the stem, 0 or more; each level halves the time resolution. A deeper network sees a
        longer context. Raise it if classes are told apart by something far from the sample.
    kernel_size : int, default=5
        Length of the convolutions in cells of their level, an odd number from 1. Longer convolutions see more context
        and cost more time. The default rarely needs a change.
    stem_stride : int or None, default=None
        Samples per cell of the finest level, a power of two from 1. A larger stride is faster, but boundaries become
        coarser. None derives 1 to 16 from the labels: the class with the shortest segments has segments of at least 10
        cells in the median (`for_signal`).
    dropout : float, default=0.0
        Probability that a channel of the deepest features is dropped in training, from 0 to below 1. Try 0.5 if the
        network learns the labeled recordings by heart: `valid_loss` rises.
    feature_dropout : float, default=0.0
        Probability that a channel of the encoder's features is dropped in training, from 0 to below 1, at every level,
        in a random half of the recordings of a batch. UniMatch uses 0.5 (Yang et al. 2023, section 3.2), in a separate
        pass; here the recordings with dropped channels share the pass with the others. 0 costs no time.
    members : int, default=1
        Number of networks that are trained side by side, 1 or more. Each network sees every ``members``-th window of a
        batch, so a step costs as much as with one network. Teacher and prediction use the mean of their probabilities
        (`Ensemble`). 2 makes results depend less on the seed; prediction and files cost twice as much.
    front_end : bool or "alternate", default=True
        Whether the network also sees slopes and spreads of the signal at three scales (`LocalStatistics`). With
        "alternate", every second of the ``members`` sees them, beginning with the second, so that the members make
        different errors. Compare with False if you fit without unlabeled recordings: on some signals the labels alone
        are then used better. A step without it takes up to a tenth less time.

    Examples
    --------
    >>> import torch
    >>> module = UNet(width=8, depth=2, stem_stride=2)(n_channels=3, n_classes=4)
    >>> module(torch.zeros(1, 3, 101)).shape
    torch.Size([1, 4, 101])
    """

    _before: ClassVar[Mapping[str, Any]] = {"front_end": False}

    width: int = bounded(16, 1, whole=True)
    depth: int = bounded(5, whole=True)
    kernel_size: int = bounded(5, 1, whole=True)
    stem_stride: int | None = bounded(None, 1, whole=True)
    dropout: float = bounded(0.0, most=1, included=False)
    feature_dropout: float = bounded(0.0, most=1, included=False)
    members: int = bounded(1, 1, whole=True)
    front_end: bool | str = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.front_end, bool) and self.front_end != "alternate":
            raise ValueError(f'UNet: front_end={self.front_end!r}; give True, False or "alternate".')
        if self.front_end == "alternate" and self.members < 2:
            raise ValueError(f'UNet: front_end="alternate" needs two members or more, not members={self.members}.')
        if self.kernel_size % 2 == 0:
            raise ValueError(f"UNet: kernel_size={self.kernel_size} is even; give an odd number.")

    def __call__(self, n_channels: int, n_classes: int) -> nn.Module:
        """Return the module, with random weights from torch's global random state."""
        modules = [
            UNetModule(
                n_channels,
                n_classes,
                width=self.width,
                depth=self.depth,
                kernel_size=self.kernel_size,
                stem_stride=self.stem_stride or 1,
                dropout=self.dropout,
                feature_dropout=self.feature_dropout,
                front_end=has_front_end,
            )
            for has_front_end in self._list_front_ends()
        ]
        return modules[0] if self.members == 1 else Ensemble(modules)

    def build(self, n_channels: int, n_classes: int, generator: torch.Generator) -> nn.Module:
        """Return the module, with random weights from ``generator`` only."""
        with torch.device("meta"):  # no random numbers are drawn on this device
            module = self(n_channels, n_classes)
        # `to_empty` would do the same and import sympy, which takes a second.
        module._apply(lambda t: torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device="cpu"))
        return draw_weights(module.float(), generator)

    def count_tensors(self) -> int:
        """Return the number of tensors in the state of a module, without building it.

        Examples
        --------
        >>> network = UNet(width=4, depth=2, members=2)
        >>> network.count_tensors() == len(network(1, 2).state_dict())
        True
        """
        norm, shortcut, head = 5, 1, 2
        stages = len(_split_stride(self.stem_stride or 1)) + self.depth  # of the stem, and between the levels
        block = 2 * (1 + norm)
        member = stages * (1 + norm) + (self.depth + 1) * block + self.depth * (block + shortcut) + head
        return self.members * member + norm * sum(self._list_front_ends())

    def _list_front_ends(self) -> list[bool]:
        """Return for each member whether it has a front end."""
        if self.front_end == "alternate":
            return [i % 2 == 1 for i in range(self.members)]
        return [bool(self.front_end)] * self.members

    def for_signal(self, summary: SignalSummary) -> UNet:
        """Return this recipe with a stem stride that fits the class with the shortest segments.

        A stem stride that was given stays.
        """
        if self.stem_stride is not None:
            return self
        cell = max(summary.shortest_segment / _CELLS_PER_SEGMENT, 1.0)
        return self.replace(stem_stride=min(2 ** int(math.log2(cell)), _MAX_STEM_STRIDE))


def _make_conv(inside: int, outside: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    # Signals are (B, C, 1, T): on CPUs, two-dimensional channels-last kernels are about three times faster than
    # one-dimensional kernels.
    padding = (0, (kernel_size - stride + 1) // 2)
    return nn.Conv2d(inside, outside, (1, kernel_size), stride=(1, stride), padding=padding, bias=False)


class _Padding:
    """The padding behind each signal of a batch, at any time resolution.

    ``ends`` (B, 1) are the lengths of the signals, in samples; None if all signals are ``total`` samples long.
    """

    def __init__(self, ends: Tensor | None, total: int) -> None:
        self.ends, self.total = ends, total

    @classmethod
    def from_lengths(cls, lengths: Sequence[int] | None, x: Tensor, stride: int) -> _Padding:
        """Return the padding of signals ``x``, whose ``lengths`` are rounded up to multiples of ``stride``."""
        total = x.shape[-1]
        ends = [-(-length // stride) * stride for length in lengths or ()]
        if all(end == total for end in ends):
            return cls(None, total)
        return cls(torch.tensor(ends, device=x.device)[:, None], total)

    def clear(self, y: Tensor) -> Tensor:
        """Return features (B, C, 1, T) with zeros in the padding."""
        if self.ends is None:
            return y
        inside = torch.arange(y.shape[-1], device=y.device) < self._count_cells(y)
        return y * inside[:, None, None].to(y.dtype)

    def repeat_last(self, y: Tensor) -> Tensor:
        """Return signals or logits (B, K, T) with the last value of each in its padding."""
        if self.ends is None:
            return y
        index = torch.arange(y.shape[-1], device=y.device).minimum(self._count_cells(y) - 1)
        return y.gather(-1, index[:, None].expand_as(y))

    def _count_cells(self, y: Tensor) -> Tensor:
        """Return the number of cells (B, 1) of each signal, at the time resolution of ``y``."""
        assert self.ends is not None
        return self.ends // (self.total // y.shape[-1])


class _Block(nn.Module):
    """A residual block: two convolutions and a shortcut."""

    def __init__(self, inside: int, outside: int, kernel_size: int) -> None:
        super().__init__()
        self.conv1 = _make_conv(inside, outside, kernel_size)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = _make_conv(outside, outside, kernel_size)
        self.norm2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Identity() if inside == outside else _make_conv(inside, outside, 1)

    def forward(self, x: Tensor, padding: _Padding) -> Tensor:
        y = padding.clear(F.relu(self.norm1(self.conv1(x)), inplace=True))
        return padding.clear(F.relu(self.norm2(self.conv2(y)) + self.shortcut(x), inplace=True))


class FeatureDropout(nn.Module):
    """Layer that drops whole channels of (B, C, 1, T) in training, like ``torch.nn.Dropout2d`` with a generator.

    Parameters
    ----------
    p : float
        Probability that a channel is dropped.

    Attributes
    ----------
    generator : torch.Generator or None
        Set by the training loop; None draws from torch's global random state. It belongs to one training, so copies and
        files do not keep it.

    Examples
    --------
    >>> import torch
    >>> dropout = FeatureDropout(0.5)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> dropped = dropout(torch.ones(1, 400, 1, 2))
    >>> dropped.unique().tolist(), bool((dropped[..., 0] == dropped[..., 1]).all())
    ([0.0, 2.0], True)
    >>> dropout.eval()(torch.ones(1, 1, 1, 2)).tolist()
    [[[[1.0, 1.0]]]]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with some channels zero and the others scaled by ``1 / (1 - p)``."""
        if not (self.training and self.p):
            return x
        kept = x.new_empty((*x.shape[:2], 1, 1)).bernoulli_(1 - self.p, generator=self.generator)
        return x * kept.div_(1 - self.p)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "generator": None}


def draw_weights(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw the weights of a module of convolutions and batch norms from ``generator``, and return the module.

    The weights are drawn as torch's constructors draw them.

    Parameters
    ----------
    module : torch.nn.Module
        It is changed in place.
    generator : torch.Generator

    Raises
    ------
    TypeError
        If another kind of layer has weights.

    Examples
    --------
    >>> import torch
    >>> with torch.random.fork_rng():
    ...     wanted = torch.manual_seed(0) and torch.nn.Conv2d(2, 3, 1)
    >>> torch.equal(draw_weights(torch.nn.Conv2d(2, 3, 1), torch.Generator().manual_seed(0)).weight, wanted.weight)
    True
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            # Random numbers drawn in place would depend on the memory format of the weights, so they are copied.
            drawn = torch.empty_like(layer.weight, memory_format=torch.contiguous_format)
            layer.weight.data.copy_(nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator))
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        elif any(True for _ in layer.parameters(recurse=False)) or any(True for _ in layer.buffers(recurse=False)):
            raise TypeError(
                f"draw_weights cannot draw the weights of a {type(layer).__name__}, only of Conv2d and BatchNorm2d; "
                "draw them in the network's own `build`."
            )
    return module


class LocalStatistics(nn.Module):
    """Layer that adds statistics of the windows around each sample to a signal, as further channels.

    At each scale of ``n`` samples, there are two statistics of a channel. The slope is the difference between the means
    of the ``n`` samples before and after the sample, divided by the spread at the largest scale. The other statistic is
    the logarithm of the spread, the standard deviation of these ``2 n`` samples. So the network sees velocity, local
    energy and amplitudes of any order without learning them, and a pattern has the same slopes at any size.

    A window of ``2 n`` samples is joined from its halves (Chan, Golub & LeVeque 1979), so a statistic has the same bits
    wherever a reading starts or stops. At the ends of a signal, the first and the last value are repeated.

    Parameters
    ----------
    n_channels : int
    scales : sequence of int
        Powers of two, in increasing order, in samples.

    Attributes
    ----------
    n_outputs : int
        Channels of the output: the signal's own channels come first.
    reach : int
        Samples on each side that influence a statistic.

    Examples
    --------
    >>> import torch
    >>> layer = LocalStatistics(n_channels=1, scales=[1, 4]).eval()
    >>> layer(torch.zeros(2, 1, 30)).shape
    torch.Size([2, 5, 30])
    """

    def __init__(self, n_channels: int, scales: Sequence[int]) -> None:
        super().__init__()
        self.scales = tuple(scales)
        n_statistics = 2 * len(self.scales) * n_channels
        self.n_outputs, self.reach = n_channels + n_statistics, self.scales[-1]
        self.norm = nn.BatchNorm2d(n_statistics)

    def forward(self, x: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """Return signals (B, C', T) with their statistics; zeros follow after ``lengths`` samples."""
        padding = _Padding.from_lengths(lengths, x, stride=1)
        statistics = self.norm(_measure_locally(padding.repeat_last(x), self.scales)[:, :, None])
        return torch.cat([x, padding.clear(statistics)[:, :, 0]], 1)


def _measure_locally(x: Tensor, scales: Sequence[int]) -> Tensor:
    """Return slopes and logarithms of spreads (B, 2 S C, T) of signals (B, C, T), at S scales."""
    length, widest = x.shape[-1], scales[-1]
    mean = F.pad(x, (widest, widest), mode="replicate")
    variance = torch.zeros_like(mean)
    slopes, variances, size = [], [], 1
    for scale in scales:
        while size < scale:  # windows of twice the size, by their first sample
            step = mean[..., size:] - mean[..., :-size]
            mean = (mean[..., size:] + mean[..., :-size]) / 2
            variance = (variance[..., size:] + variance[..., :-size]) / 2 + step * step / 4
            size *= 2
        before, after = slice(widest - size, widest - size + length), slice(widest, widest + length)
        slope = mean[..., after] - mean[..., before]
        slopes.append(slope)
        variances.append((variance[..., after] + variance[..., before]) / 2 + slope * slope / 4)
    spread = torch.sqrt(variances[-1] + _FAINT**2)
    return torch.cat([*(slope / spread for slope in slopes), *(torch.log(v + _FAINTEST**2) / 2 for v in variances)], 1)


class UNetModule(nn.Module):
    """Module that `UNet` builds; ``stride`` and ``receptive_field`` are in samples.

    Examples
    --------
    >>> import torch
    >>> from sslts.networks import UNet
    >>> module = UNet(width=4, depth=2, stem_stride=2)(n_channels=1, n_classes=3)
    >>> module.stride, module(torch.zeros(1, 1, 50)).shape
    (8, torch.Size([1, 3, 50]))
    """

    def __init__(
        self,
        n_channels: int,
        n_classes: int,
        *,
        width: int,
        depth: int,
        kernel_size: int,
        stem_stride: int,
        dropout: float,
        feature_dropout: float = 0.0,
        front_end: bool = False,
    ) -> None:
        super().__init__()
        self.stem_stride, self.stride = stem_stride, stem_stride * 2**depth
        scales = [stem_stride * cells for cells in _FRONT_END_CELLS]
        self.front_end = LocalStatistics(n_channels, scales) if front_end else None
        widths = [min(width * 2**level, 8 * width) for level in range(depth + 1)]
        strides = _split_stride(stem_stride)
        stem: list[nn.Module] = []
        reach, cell, inside = 0, 1, n_channels
        if self.front_end is not None:
            reach, inside = self.front_end.reach, self.front_end.n_outputs
        for stride in strides:
            size = kernel_size + stride - 1  # odd for stride 1, else even: cells stay centered
            stem += [_make_conv(inside, width, size, stride), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            reach += size * cell
            cell, inside = cell * stride, width
        self.stem = nn.Sequential(*stem)
        self.down = nn.ModuleList(
            nn.Sequential(
                _make_conv(widths[i], widths[i + 1], 2, 2), nn.BatchNorm2d(widths[i + 1]), nn.ReLU(inplace=True)
            )
            for i in range(depth)
        )
        self.encoder = nn.ModuleList(_Block(w, w, kernel_size) for w in widths)
        self.decoder = nn.ModuleList(
            _Block(widths[i] + widths[i + 1], widths[i], kernel_size) for i in reversed(range(depth))
        )
        self.dropout, self.feature_dropout = FeatureDropout(dropout), FeatureDropout(feature_dropout)
        self.head = nn.Conv2d(width, n_classes, 1)
        # Each level has two blocks (the deepest level has one) of two convolutions; a convolution sees half a kernel on
        # each side. Pooling, and interpolation from cells to samples, add the rest.
        levels = sum(2 ** (i + (i < depth)) for i in range(depth + 1))
        self.receptive_field = reach + stem_stride * ((kernel_size - 1) * levels + 2 ** (depth + 1) + 1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """Return logits (B, K, T), float32, of signals (B, C, T), or of their first ``lengths`` samples."""
        length = x.shape[-1]
        skips, padding = self._encode(x, lengths)
        if self.training and self.feature_dropout.p:
            skips = self._drop_features(skips)
        y = self.dropout(skips.pop())
        for block in self.decoder:
            y = F.interpolate(y, scale_factor=(1, 2), mode="nearest")
            y = block(torch.cat([skips.pop(), y], 1), padding)
        logits = padding.repeat_last(self.head(y)[:, :, 0].float())
        if self.stem_stride > 1:
            logits = F.interpolate(logits, scale_factor=self.stem_stride, mode="linear", align_corners=False)
        return logits[..., :length]

    def encode(self, x: Tensor) -> Tensor:
        """Return the features of the deepest level, (B, C', T / stride), of signals (B, C, T)."""
        return self._encode(x, None)[0][-1][:, :, 0]

    def _encode(self, x: Tensor, lengths: Sequence[int] | None) -> tuple[list[Tensor], _Padding]:
        """Return the features of all levels, the finest first, and where padding follows."""
        if self.front_end is not None:
            x = self.front_end(x, lengths)
        x = F.pad(x, (0, -x.shape[-1] % self.stride))[:, :, None]
        x = x.contiguous(memory_format=torch.channels_last)
        padding = _Padding.from_lengths(lengths, x, self.stride)
        for layer in self.stem:
            x = padding.clear(layer(x)) if isinstance(layer, nn.ReLU) else layer(x)
        skips = [self.encoder[0](x, padding)]
        for down, block in zip(self.down, self.encoder[1:], strict=True):
            skips.append(block(padding.clear(down(skips[-1])), padding))
        return skips, padding

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "front_end" not in self._modules:  # a pickle of version 0.1 has none
            self.__dict__.setdefault("front_end", None)

    @property
    def takes_lengths(self) -> bool:
        """Whether `forward` takes ``lengths``; the `forward` of a subclass may not."""
        return "lengths" in inspect.signature(self.forward).parameters

    def fold_norms(self) -> UNetModule:
        """Return a copy for evaluation, with each BatchNorm folded into the convolution registered before it."""
        folded = copy.deepcopy(self).eval()
        for parent in list(folded.modules()):
            for (before, conv), (name, norm) in pairwise(parent.named_children()):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(parent, before, fuse_conv_bn_eval(conv, norm))
                    setattr(parent, name, nn.Identity())
        return folded

    def _drop_features(self, features: list[Tensor]) -> list[Tensor]:
        """Return the features of all levels, with channels dropped in about half of the recordings."""
        chosen = features[0].new_empty((len(features[0]), 1, 1, 1)).bernoulli_(generator=self.feature_dropout.generator)
        return [torch.where(chosen > 0, self.feature_dropout(x), x) for x in features]


class Ensemble(nn.Module):
    """Networks that split each training batch and average their probabilities in evaluation.

    In training, member ``i`` of ``n`` gets the windows ``i, i + n, ...`` of a batch; in evaluation every member gets
    all windows. Members have different initial weights and see different windows, so their errors differ, and their
    mean has a smaller error than each member (Lakshminarayanan et al. 2017, "Deep ensembles").

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Networks with the same ``stride`` and ``stem_stride``.

    Examples
    --------
    >>> import torch
    >>> ensemble = Ensemble([UNet(width=4, depth=1)(1, 2) for _ in range(2)]).eval()
    >>> ensemble(torch.zeros(1, 1, 10)).shape
    torch.Size([1, 2, 10])
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.stem_stride = members[0].stem_stride
        self.stride = members[0].stride
        reaches: list[Any] = [member.receptive_field for member in members]
        self.receptive_field = max(reaches)

    @property
    def takes_lengths(self) -> bool:
        """Whether `forward` of every member takes ``lengths``."""
        return all(getattr(member, "takes_lengths", False) for member in self.members)

    def fold_norms(self) -> Ensemble:
        """Return an ensemble for evaluation; members with ``fold_norms`` are folded."""
        members: list[Any] = list(self.members)
        folded = [member.fold_norms() if hasattr(member, "fold_norms") else member for member in members]
        return Ensemble(folded).eval()

    def encode(self, x: Tensor) -> Tensor:
        """Return the features of the deepest level of all members, (B, C', T / stride), of signals (B, C, T)."""
        members: list[Any] = list(self.members)
        return torch.cat([member.encode(x) for member in members], 1)

    def forward(self, x: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """Return logits (B, K, T) of signals (B, C, T).

        In training, each signal has the logits of one member; in evaluation, the logs of the mean probabilities.
        """
        n = len(self.members)
        if not self.training:
            given = () if lengths is None else (lengths,)
            answers = torch.stack([member(x, *given).float().log_softmax(1) for member in self.members])
            return answers.logsumexp(0) - math.log(n)
        parts = [member(x[i::n]) for i, member in enumerate(self.members) if i < len(x)]
        answers = parts[0].new_empty((len(x), *parts[0].shape[1:]))
        for i, part in enumerate(parts):
            answers[i::n] = part
        return answers


def _split_stride(stride: int) -> list[int]:
    """Return the strides of the stages of a stem, at most 4 each: 16 -> [4, 4], 8 -> [4, 2], 1 -> [1]."""
    if stride < 1 or stride & (stride - 1):
        raise ValueError(f"stem_stride={stride} must be a power of two, 1 or more.")
    stages = []
    while stride > 4:
        stages.append(4)
        stride //= 4
    return [*stages, stride]


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable weights.

    Parameters
    ----------
    module : torch.nn.Module

    Examples
    --------
    >>> count_parameters(torch.nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
