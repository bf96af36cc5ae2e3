"""Augmenters made of other augmenters, and the function that applies a view."""

from __future__ import annotations

from dataclasses import dataclass, field

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
from sslts.recipes import bounded


def apply_view(view: _View, tracks: Tracks, generator: Generator) -> Tracks:
    """Return the tracks after a view, which is an augmenter, a function, an sktime transformer or None.

    Parameters
    ----------
    view : Augmenter, callable, sktime transformer or None
        A plain function takes the signals ``x`` (B, C, T). None returns the tracks unchanged.
    tracks : Tracks
    generator : torch.Generator

    Raises
    ------
    ValueError
        If the view does not return `Tracks`, or changes the shape or the type of the signals, or the shape of target,
        validity, weights or soft labels.

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
    for name in ("target", "valid", "weight", "soft"):
        shape, wanted = (tuple(getattr(getattr(batch, name), "shape", ())) for batch in (seen, tracks))
        if wanted and not shape:
            raise ValueError(
                f"augmenter {view!r} returned Tracks without the {name} of its input; change signals by "
                "tracks.replace(x=...), and move time by tracks.resample(...)."
            )
        if shape != wanted:
            raise ValueError(f"augmenter {view!r} turned {name} of shape {wanted} into {shape}; it must keep shape.")
    if not isinstance(seen.x, Tensor) or seen.x.shape != tracks.x.shape or seen.x.dtype != tracks.x.dtype:
        got = f"{tuple(seen.x.shape)} {seen.x.dtype}" if isinstance(seen.x, Tensor) else type(seen.x).__name__
        raise ValueError(
            f"augmenter {view!r} turned signals of shape {tuple(tracks.x.shape)} {tracks.x.dtype} into {got}; "
            "it must keep shape and type."
        )
    if seen.target.ndim == 2:  # losses look at labels only, so a sample that is not valid must be unlabeled
        return seen.replace(target=torch.where(seen.valid, seen.target, -1))
    return seen


@dataclass(frozen=True)
class Compose(Augmenter):
    """View that applies several views one after another.

    Successive views that move time are fused into one resampling. A view that reads more of the tracks than their
    length, such as `Rescale`, starts a new resampling, because it needs the result of the views before it.

    Parameters
    ----------
    steps : tuple of views

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
                    tracks, moving = _apply_moves(tracks, moving, generator), []
                moving.append(step)
                continue
            tracks = apply_view(step, _apply_moves(tracks, moving, generator), generator)
            moving = []
        return _apply_moves(tracks, moving, generator)


def _check_steps(view: Compose | SomeOf) -> None:
    """Raise ValueError if the steps of ``view`` are not a tuple."""
    if not isinstance(view.steps, tuple):
        raise ValueError(
            f"{type(view).__name__}: steps={view.steps!r} must be a tuple of views; pass one view as (Jitter(),)."
        )


def _apply_moves(tracks: Tracks, steps: list[TimeAugmenter], generator: Generator) -> Tracks:
    """Return the tracks after all ``steps``, with one resampling."""
    if not steps:
        return tracks
    position = _make_grid(tracks)
    for step in reversed(steps):  # output positions are known, so the map of the last step comes first
        shape = tuple(position.shape)
        position = step.locate_some(tracks, position, generator)
        if tuple(position.shape) != shape:
            raise ValueError(f"augmenter {step!r} located {shape} samples at {tuple(position.shape)} positions.")
    return tracks.resample(position)


@dataclass(frozen=True)
class SomeOf(Augmenter):
    """View that applies a random subset of several views to each recording, in their order.

    Parameters
    ----------
    steps : tuple of views
    n : int or (int, int)
        Number of views for a recording, or the smallest and the largest number.

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
            raise ValueError(f"SomeOf: n={self.n!r} must be a number of steps, 0 or more, or a pair (least, most).")

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
    """Return a random order of ``n`` steps for each recording, as ranks (B, n)."""
    luck = torch.rand((len(tracks.x), n), dtype=torch.float32, generator=generator, device=tracks.x.device)
    return luck.argsort(1).argsort(1)


def _make_default_warp() -> TimeWarp:
    return TimeWarp(p=0.5)


@dataclass(frozen=True)
class RandAugment(Augmenter):
    """View that warps time, changes values by ``n`` random augmenters, and mixes recordings.

    The ``n`` augmenters are drawn anew for each recording, and all have the same magnitude. Each augmenter processes
    all recordings that drew it in one call. Source: Cubuk et al. 2020; the strong view of FixMatch is of this kind
    (Sohn et al. 2020, section 2.3).

    Parameters
    ----------
    n : int
        Number of ``changes`` that are applied to a recording.
    magnitude : float
        From 0 (no change of values) to 10 (strongest).
    warp : view or None
        The first step; by default `TimeWarp` of every second recording. It has its own magnitude, because it also moves
        the labels.
    mix : view or None
        The last step; by default `CutMix`.
    changes : tuple of ValueAugmenter
        Augmenters to draw from. Their own ``magnitude`` is not used.

    Examples
    --------
    >>> import torch
    >>> tracks = Tracks(torch.rand(4, 1, 50), torch.rand(4, 3, 50), torch.ones(4, 50).bool())
    >>> view = RandAugment(n=2, magnitude=9)(tracks, torch.Generator().manual_seed(0))
    >>> view.x.shape, view.target.shape
    (torch.Size([4, 1, 50]), torch.Size([4, 3, 50]))
    """

    n: int = bounded(3, whole=True)
    magnitude: float = bounded(5.0)
    warp: Augmenter | None = field(default_factory=_make_default_warp)
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

    def __post_init__(self) -> None:
        super().__post_init__()
        for k, change in enumerate(self.changes):
            if not isinstance(change, ValueAugmenter):
                raise ValueError(
                    f"RandAugment: changes[{k}]={change!r} is not a ValueAugmenter; pass other views before "
                    "or after it, in a Compose."
                )

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        tracks = apply_view(self.warp, tracks, generator)
        drawn = _draw_ranks(tracks, len(self.changes), generator) < self.n
        strengths = _draw_strengths(self.changes, tracks.x, generator) * drawn.T * (self.magnitude / 10)
        tracks = _change_values(tracks, self.changes, strengths, generator)
        return apply_view(self.mix, tracks, generator)
