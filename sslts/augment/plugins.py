"""Views that come from elsewhere: plain functions, NumPy augmenters of one recording, sktime transformers."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from sslts.augment._draws import draw_chance
from sslts.augment.tracks import Augmenter, Tracks

_View = Augmenter | Callable[[Tensor], Tensor] | Any | None


@dataclass(frozen=True)
class ValueFunction(Augmenter):
    """A plain function of the signals (B, C, T), which leaves time alone; what a bare function in a view becomes.

    Parameters
    ----------
    function : callable
        From a Tensor to a Tensor of the same shape and type.

    Examples
    --------
    >>> import torch
    >>> tracks = Tracks(torch.ones(2, 1, 3), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    >>> ValueFunction(torch.neg)(tracks, torch.Generator()).x[0].tolist()
    [[-1.0, -1.0, -1.0]]
    """

    function: Callable[[Tensor], Tensor]

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: ARG002, D102
        x = self.function(tracks.x.clone())  # a function may change what it is given
        fits = isinstance(x, Tensor) and x.shape == tracks.x.shape
        return tracks.replace(x=x * tracks.valid[:, None] if fits else x)  # padding is no signal, and stays 0


@dataclass(frozen=True)
class NumpyFunction(Augmenter):
    """A function of one recording's NumPy array (C, T), as those of audiomentations and its kind.

    It is called once for each recording of the batch, so it is slow; and on the CPU. The global random states of
    Python and NumPy, from which such libraries draw, are seeded from the generator meanwhile and restored.

    Parameters
    ----------
    function : callable
        From float32 (C, T) to an array of the same shape; changes values only.
    p : float
        Probability with which a recording is changed.

    Examples
    --------
    An augmenter of audiomentations is called with its sampling rate::

        NumpyFunction(functools.partial(AddGaussianNoise(p=1.0), sample_rate=250))

    >>> import numpy as np, torch
    >>> tracks = Tracks(torch.zeros(2, 1, 3), torch.zeros(2, 3).long(), torch.ones(2, 3).bool())
    >>> view = NumpyFunction(lambda x: x + np.random.normal(size=x.shape))
    >>> a, b = (view(tracks, torch.Generator().manual_seed(0)).x for _ in range(2))
    >>> torch.equal(a, b)
    True
    """

    function: Callable[[np.ndarray], np.ndarray]
    p: float = 1.0

    def __call__(self, tracks: Tracks, generator: Generator) -> Tracks:  # noqa: D102
        like = torch.empty(0, device=generator.device)
        chosen = draw_chance(self.p, (len(tracks.x),), like, generator).tolist()
        with _seed_foreign(generator):
            found = [
                np.asarray(self.function(x)) if change else x
                for x, change in zip(_copy_signals(tracks), chosen, strict=True)
            ]
        return _return_arrays(self, tracks, found)


@dataclass(frozen=True)
class SktimeTransformer(Augmenter):
    """An sktime transformer of series that needs no fitting, as ``sktime.transformations.augmenter``'s.

    It has to keep the length and changes values only. It is what an sktime transformer in a view becomes. A copy of it
    sees each channel of each recording alone, as most of them expect; so it is slow. The copy's ``random_state`` is
    drawn from the generator, since a fixed one would change every batch in the same way.

    Parameters
    ----------
    transformer : sktime transformer

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
        with _seed_foreign(generator):
            changed = [
                [self._change_channel(channel, seed) for channel, seed in zip(x, row, strict=True)]
                for x, row in zip(_copy_signals(tracks), seeds, strict=True)
            ]
        return _return_arrays(self, tracks, changed)

    def _change_channel(self, channel: np.ndarray, seed: int) -> np.ndarray:
        copy = self.transformer.clone().set_random_state(seed)
        return np.asarray(copy.fit_transform(channel[:, None]))[:, 0]


def _as_augmenter(view: _View) -> Augmenter | None:
    """Return an augmenter for whatever may stand as a view.

    Raises
    ------
    TypeError
        If it is neither an augmenter, nor an sktime transformer, nor callable.

    Examples
    --------
    >>> _as_augmenter(None) is None
    True
    """
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


_GLOBAL_STATES = threading.RLock()  # there is one of each for all threads


@contextlib.contextmanager
def _seed_foreign(generator: Generator) -> Iterator[None]:
    """Run with Python's and NumPy's global random states seeded from ``generator``, and restore them.

    Only one thread at a time runs so; another one waits.

    Parameters
    ----------
    generator : torch.Generator
        It goes on by one number.

    Examples
    --------
    >>> import random, torch
    >>> before, drawn = random.getstate(), []
    >>> for _ in range(2):
    ...     with _seed_foreign(torch.Generator().manual_seed(0)):
    ...         drawn.append((random.random(), np.random.random()))
    >>> drawn[0] == drawn[1], random.getstate() == before
    (True, True)
    """
    seed = int(torch.randint(2**32, (1,), generator=generator, device=generator.device))
    with _GLOBAL_STATES:
        states = random.getstate(), np.random.get_state()  # noqa: NPY002 (foreign code draws from it)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def _copy_signals(tracks: Tracks) -> np.ndarray:
    return tracks.x.cpu().numpy().copy()  # foreign code may change what it is given


def _return_arrays(view: Augmenter, tracks: Tracks, found: Any) -> Tracks:
    shapes = {np.shape(x) for x in found}
    if len(found) != len(tracks.x) or shapes != {tuple(tracks.x.shape[1:])}:
        raise ValueError(
            f"augmenter {view!r} turned signals of shape {tuple(tracks.x.shape)} into {len(found)} of "
            f"{sorted(shapes)}; it must keep shape and type."
        )
    x = torch.as_tensor(np.stack([np.asarray(x) for x in found]), dtype=tracks.x.dtype, device=tracks.x.device)
    return tracks.replace(x=x * tracks.valid[:, None])
