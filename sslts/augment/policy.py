"""Augmenters made of augmenters, and how a view is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Generator, Tensor

from sslts.augment.mix import CutMix
from sslts.augment.plugins import _as_augmenter, _View
from sslts.augment.time import TimeAugmenter, TimeWarp, _make_grid
from sslts.augment.tracks import Augmenter, Tracks
from sslts.augment.value import (
    BaselineDrift,
    CutOut,
    Jitter,
    MagnitudeWarp,
    Scale,
    SineNoise,
    Smooth,
    StretchNoise,
    ValueAugmenter,
    _change_values,
    _draw_strengths,
)
from sslts.recipes import Bounds


def apply_view(view: _View, tracks: Tracks, generator: Generator) -> Tracks:
    """Apply an augmenter, a plain function of the signals ``x`` (B, C, T), an sktime transformer, or nothing.

    Raises
    ------
    ValueError
        If the view returns no tracks, or changes the shape or the type of the signals, or the shape of what belongs to
        them.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks, apply_view
    >>> tracks = Tracks(torch.ones(1, 1, 2), torch.zeros(1, 2).long(), torch.ones(1, 2).bool())
    >>> apply_view(lambda x: 2 * x, tracks, torch.Generator()).x.tolist()
    [[[2.0, 2.0]]]
    """
    augmenter = _as_augmenter(view)
    if augmenter is None:
        return tracks
    seen = augmenter(tracks, generator)
    if not isinstance(seen, Tracks):
        raise ValueError(f"augmenter {view!r} returned {type(seen).__name__}, not Tracks.")
    for name in ("target", "valid"):
        shape, wanted = (tuple(getattr(one, name).shape) for one in (seen, tracks))
        if shape != wanted:
            raise ValueError(f"augmenter {view!r} turned {name} of shape {wanted} into {shape}; it must keep it.")
    if not isinstance(seen.x, Tensor) or seen.x.shape != tracks.x.shape or seen.x.dtype != tracks.x.dtype:
        got = f"{tuple(seen.x.shape)} {seen.x.dtype}" if isinstance(seen.x, Tensor) else type(seen.x).__name__
        raise ValueError(
            f"augmenter {view!r} turned signals of shape {tuple(tracks.x.shape)} {tracks.x.dtype} into {got}; "
            "it must keep shape and type."
        )
    if seen.target.ndim == 2:  # a label of what is not valid would count: losses look at labels alone
        return seen.replace(target=torch.where(seen.valid, seen.target, -1))
    return seen


@dataclass(frozen=True)
class Compose(Augmenter):
    """Apply views one after the other; successive ones that move time are fused into one resampling.

    A view that looks at what is valid, as `Rescale` does, has to see what those before it left: it begins another.

    Parameters
    ----------
    steps : tuple of augmenters

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Jitter, Rescale, Shift
    >>> view = Compose((Rescale(), Shift(), Jitter()))
    >>> tracks = Tracks(torch.rand(2, 1, 50), torch.zeros(2, 50).long(), torch.ones(2, 50).bool())
    >>> view(tracks, torch.Generator().manual_seed(0)).x.shape
    torch.Size([2, 1, 50])
    """

    steps: tuple[_View, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_steps(self)

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        moving: list[TimeAugmenter] = []
        for step in self.steps:
            if isinstance(step, TimeAugmenter):
                if step.looks_at_tracks():
                    tracks, moving = _move(tracks, moving, generator), []
                moving.append(step)
                continue
            tracks = apply_view(step, _move(tracks, moving, generator), generator)
            moving = []
        return _move(tracks, moving, generator)


def _check_steps(view: Compose | SomeOf) -> None:
    if not isinstance(view.steps, tuple):
        raise ValueError(
            f"{type(view).__name__}: steps={view.steps!r} must be a tuple of views; of one, as (Jitter(),)."
        )


def _move(tracks: Tracks, steps: list[TimeAugmenter], generator: Generator) -> Tracks:
    if not steps:
        return tracks
    position = _make_grid(tracks)
    for step in reversed(steps):  # the last one's output is what we want, so its map comes first
        shape = tuple(position.shape)
        position = step.locate_some(tracks, position, generator)
        if tuple(position.shape) != shape:
            raise ValueError(f"augmenter {step!r} located {shape} samples at {tuple(position.shape)} positions.")
    return tracks.resample(position)


@dataclass(frozen=True)
class SomeOf(Augmenter):
    """Apply some of the views, drawn for each recording, in their order.

    Parameters
    ----------
    steps : tuple of augmenters
    n : int or (int, int)
        How many of them a recording gets, or the least and the most.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Jitter, Reverse, TimeWarp
    >>> view = SomeOf((TimeWarp(), Reverse(p=1.0), Jitter()), n=(1, 2))
    >>> tracks = Tracks(torch.rand(4, 1, 50), torch.zeros(4, 50).long(), torch.ones(4, 50).bool())
    >>> view(tracks, torch.Generator().manual_seed(0)).x.shape
    torch.Size([4, 1, 50])
    """

    steps: tuple[_View, ...] = ()
    n: int | tuple[int, int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_steps(self)
        least, most = self._get_range()
        if not 0 <= least <= most:
            raise ValueError(f"SomeOf: n={self.n!r} must be a number of steps, 0 or more, or the least and the most.")

    def _get_range(self) -> tuple[int, int]:
        least, most = self.n if isinstance(self.n, (tuple, list)) else (self.n, self.n)
        return int(least), int(most)

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        batch, device = len(tracks.x), tracks.x.device
        least, most = self._get_range()
        wanted = torch.randint(least, most + 1, (batch, 1), generator=generator, device=device)
        rank = _draw_ranks(tracks, len(self.steps), generator)
        for step, drawn in zip(self.steps, (rank < wanted).unbind(1), strict=True):
            tracks = apply_view(step, tracks, generator).where(drawn, tracks)
        return tracks


def _draw_ranks(tracks: Tracks, n: int, generator: Generator) -> Tensor:
    """Return a random order (B, n) of ``n`` steps for each recording."""
    luck = torch.rand((len(tracks.x), n), dtype=torch.float32, generator=generator, device=tracks.x.device)
    return luck.argsort(1).argsort(1)


def _warp_half() -> TimeWarp:
    return TimeWarp(p=0.5)


@dataclass(frozen=True)
class RandAugment(Augmenter):
    """Warp time, change the values in ``n`` ways drawn for each recording, all of one magnitude, and mix recordings.

    Source: Cubuk et al. 2020 for the policy; the strong view of FixMatch (Sohn et al. 2020, section 2.3) is of this
    kind. A change works on all recordings that drew it at once.

    Parameters
    ----------
    n : int
        How many of ``changes`` are applied to a recording.
    magnitude : float
        From 0 to 10.
    warp : augmenter or None
        What comes first; by default `TimeWarp` of every second recording. It has a magnitude of its own, as it changes
        where the labels are.
    mix : augmenter or None
        What comes last; by default `CutMix`.
    changes : tuple of ValueAugmenter
        What is drawn from. Their own magnitude is not used.

    Examples
    --------
    >>> import torch
    >>> tracks = Tracks(torch.rand(4, 1, 50), torch.rand(4, 3, 50), torch.ones(4, 50).bool())
    >>> view = RandAugment(n=2, magnitude=9)(tracks, torch.Generator().manual_seed(0))
    >>> view.x.shape, view.target.shape
    (torch.Size([4, 1, 50]), torch.Size([4, 3, 50]))
    """

    n: int = 3
    magnitude: float = 5.0
    warp: Augmenter | None = field(default_factory=_warp_half)
    mix: Augmenter | None = field(default_factory=CutMix)
    changes: tuple[ValueAugmenter, ...] = (
        Jitter(),
        Scale(),
        MagnitudeWarp(),
        BaselineDrift(),
        SineNoise(),
        StretchNoise(),
        CutOut(),
        Smooth(),
    )

    _bounds: ClassVar[Mapping[str, Bounds]] = {"n": Bounds(whole=True), "magnitude": Bounds()}

    def __post_init__(self) -> None:
        super().__post_init__()
        for k, change in enumerate(self.changes):
            if not isinstance(change, ValueAugmenter):
                raise ValueError(
                    f"RandAugment: changes[{k}]={change!r} is no ValueAugmenter; other views go before or "
                    "behind it, in a Compose."
                )

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        tracks = apply_view(self.warp, tracks, generator)
        drawn = _draw_ranks(tracks, len(self.changes), generator) < self.n
        strengths = _draw_strengths(self.changes, tracks.x, generator) * drawn.T * (self.magnitude / 10)
        tracks = _change_values(tracks, self.changes, strengths, generator)
        return apply_view(self.mix, tracks, generator)
