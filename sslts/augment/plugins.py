"""Views made from other code: plain functions, NumPy functions of one recording, sktime transformers."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from sslts.augment._draws import draw_mask
from sslts.augment.tracks import Augmenter, Tracks
from sslts.recipes import bounded

_View = Augmenter | Callable[[Tensor], Tensor] | Any | None


@dataclass(frozen=True)
class ValueFunction(Augmenter):
    """View that applies a plain function to the signals (B, C, T) and does not move time.

    A plain function that is passed as a view is wrapped in this class.

    Parameters
    ----------
    function : callable
        Takes a Tensor and returns a Tensor of the same shape and type.

    Examples
    --------
    >>> import torch
    >>> tracks = Tracks(torch.ones(2, 1, 3), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    >>> ValueFunction(torch.neg)(tracks, torch.Generator()).x[0].tolist()
    [[-1.0, -1.0, -1.0]]
    """

    function: Callable[[Tensor], Tensor]

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: ARG002, D102
        x = self.function(tracks.x.clone())  # the function may work in place
        fits = isinstance(x, Tensor) and x.shape == tracks.x.shape
        return tracks.replace(x=x * tracks.valid[:, None] if fits else x)  # padding stays 0


@dataclass(frozen=True)
class NumpyFunction(Augmenter):
    """View that applies a NumPy function to each recording (C, T), for libraries such as audiomentations.

    The function runs on the CPU, once for each recording of the batch, so it is slow. Such libraries draw from the
    global random states of Python and NumPy. The view seeds both states from the generator, and restores them after the
    call.

    Parameters
    ----------
    function : callable
        Takes a float32 array (C, T) and returns an array of the same shape; it changes values only.
    p : float
        Probability that a recording is changed.

    Examples
    --------
    An augmenter of audiomentations needs the sampling rate::

        NumpyFunction(functools.partial(AddGaussianNoise(p=1.0), sample_rate=250))

    >>> import numpy as np, torch
    >>> tracks = Tracks(torch.zeros(2, 1, 3), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    >>> view = NumpyFunction(lambda x: x + np.random.normal(size=x.shape))
    >>> a, b = (view(tracks, torch.Generator().manual_seed(0)).x for _ in range(2))
    >>> torch.equal(a, b)
    True
    """

    function: Callable[[np.ndarray], np.ndarray]
    p: float = bounded(1.0, most=1)

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        like = torch.empty(0, device=generator.device)
        chosen = draw_mask(self.p, (len(tracks.x),), like, generator).tolist()
        with _seed_global_states(generator):
            found = [
                np.asarray(self.function(x)) if change else x
                for x, change in zip(_copy_signals(tracks), chosen, strict=True)
            ]
        return _replace_signals(self, tracks, found)


@dataclass(frozen=True)
class SktimeTransformer(Augmenter):
    """View that applies an sktime transformer of series, as in ``sktime.transformations.augmenter``.

    An sktime transformer that is passed as a view is wrapped in this class. A copy of the transformer sees each channel
    of each recording alone, because most transformers expect one channel; this is slow. The ``random_state`` of the
    copy is drawn from the generator, because a fixed state would change every batch in the same way.

    Parameters
    ----------
    transformer : sktime transformer
        It needs no fitting, keeps the length and changes values only.

    Examples
    --------
    >>> import torch
    >>> from sktime.transformations.series.exponent import ExponentTransformer
    >>> tracks = Tracks(torch.full((2, 1, 3), 2.0), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    >>> SktimeTransformer(ExponentTransformer(power=2))(tracks, torch.Generator().manual_seed(0)).x[0].tolist()
    [[4.0, 4.0, 4.0]]
    """

    transformer: Any

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        shape = tuple(tracks.x.shape[:2])
        seeds = torch.randint(2**31, shape, generator=generator, device=generator.device).tolist()
        with _seed_global_states(generator):
            changed = [
                [self._change_channel(channel, seed) for channel, seed in zip(x, row, strict=True)]
                for x, row in zip(_copy_signals(tracks), seeds, strict=True)
            ]
        return _replace_signals(self, tracks, changed)

    def _change_channel(self, channel: np.ndarray, seed: int) -> np.ndarray:
        copy = self.transformer.clone().set_random_state(seed)
        return np.asarray(copy.fit_transform(channel[:, None]))[:, 0]


def _as_augmenter(view: _View) -> Augmenter | None:
    """Return the augmenter for a view, None for no view; raise TypeError for any other object."""
    if view is None or isinstance(view, Augmenter):
        return view
    if isinstance(view, type):
        raise TypeError(f"{view.__name__} is a class, not a view; pass an instance, {view.__name__}().")
    if hasattr(view, "fit_transform") and hasattr(view, "get_tag"):
        return SktimeTransformer(view)
    if callable(view):
        return ValueFunction(view)
    raise TypeError(
        f"{view!r} is not a view; pass an augmenter of sslts.augment, a function of signals (B, C, T), an sktime "
        "transformer, or None."
    )


class _GlobalStates:
    """The lock on the global random states of Python and NumPy, which all threads share."""

    lock = threading.RLock()

    @classmethod
    def renew(cls) -> None:
        """Make a new lock: in a forked child, no thread is left that could release the old lock."""
        cls.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_GlobalStates.renew)


@contextlib.contextmanager
def _seed_global_states(generator: Generator) -> Iterator[None]:
    """Seed the global random states of Python and NumPy from ``generator`` inside the block, then restore them.

    One number is drawn from the generator. Only one thread at a time is inside the block; other threads wait.
    """
    seed = int(torch.randint(2**32, (1,), generator=generator, device=generator.device))
    with _GlobalStates.lock:
        states = random.getstate(), np.random.get_state()  # noqa: NPY002 (other libraries draw from it)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def _copy_signals(tracks: Tracks) -> np.ndarray:
    return tracks.x.cpu().numpy().copy()  # other code may work in place


def _replace_signals(view: Augmenter, tracks: Tracks, found: Any) -> Tracks:
    """Return tracks with the arrays ``found`` as signals; raise ValueError if their shape has changed."""
    shapes = {np.shape(x) for x in found}
    if len(found) != len(tracks.x) or shapes != {tuple(tracks.x.shape[1:])}:
        raise ValueError(
            f"augmenter {view!r} turned signals of shape {tuple(tracks.x.shape)} into {len(found)} arrays of shape "
            f"{sorted(shapes)}; it must keep shape and type."
        )
    x = torch.as_tensor(np.stack([np.asarray(x) for x in found]), dtype=tracks.x.dtype, device=tracks.x.device)
    return tracks.replace(x=x * tracks.valid[:, None])
