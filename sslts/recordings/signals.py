"""Signals as every entry point reads them: one reader, so that a guard on one path is on all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sslts.recordings._clocks import warn_of_other_rate
from sslts.recordings._values import LARGEST, LARGEST_PLAIN, as_float, as_real, describe_unfit
from sslts.recordings.containers import as_recordings, check_channel_names
from sslts.recordings.recordings import Recordings


@dataclass(frozen=True)
class Channels:
    """The channels that a fit saw, which later recordings have to match.

    Parameters
    ----------
    number : int
    names : tuple or None
        Names of the channels, where they have some.
    who : str
        What was fitted, as errors call it.

    Examples
    --------
    >>> Channels(2, ("x", "y"), "FixMatchSegmenter").number
    2
    """

    number: int
    names: tuple[Any, ...] | None
    who: str


def read_signals(
    X: Any,
    *,
    fitted: Channels | None = None,
    sampling_rate: float | None = None,
    missing: bool = False,
    plain: bool = False,
    name: str = "X",
) -> Recordings:
    """Read and check recordings: container, channels, values, and the clock that they come with.

    Parameters
    ----------
    X : array-like
        Recordings, in any container that `as_recordings` takes.
    fitted : Channels or None
        The channels that the recordings have to match; None in a fit.
    sampling_rate : float or None
        Samples per second, compared with the recordings' clocks.
    missing : bool
        Whether NaN and infinite values are allowed.
    plain : bool
        Whether the network sees the values as they are, so that their squares have to fit into float32.
    name : str
        What errors call the argument.

    Returns
    -------
    Recordings

    Raises
    ------
    ValueError, TypeError
        If the container, the channels or the values are unusable; the message names the recording.

    Examples
    --------
    >>> read_signals(np.zeros((4, 100))).n_channels
    1
    >>> read_signals(np.zeros((4, 2, 100)), fitted=Channels(1, None, "FixMatchSegmenter"))
    Traceback (most recent call last):
    ...
    ValueError: X has 2 channels, FixMatchSegmenter was fitted with 1; pass recordings of the same channels ...
    """
    recordings = as_recordings(X, name=name)
    if fitted is not None:
        recordings.check_channels(fitted.number, fitted.who)
        check_channel_names(recordings.channel_names, fitted.names, name, f"{fitted.who} was fitted on")
    recordings.check_finite(missing=missing, plain=plain)
    warn_of_other_rate(recordings.times, sampling_rate, recordings.name)
    return recordings


def read_chunk(chunk: ArrayLike, n_channels: int, *, first: int, plain: bool = False) -> np.ndarray:
    """Read and check the next samples of a stream.

    Parameters
    ----------
    chunk : array-like of shape (t,) or (C, t)
        Any number of samples; ``(t,)`` of one channel.
    n_channels : int
        Channels that the stream has.
    first : int
        Position of the chunk's first sample in the stream, for errors.
    plain : bool
        As in `read_signals`.

    Returns
    -------
    ndarray of float32 or float64, shape (C, t)

    Raises
    ------
    ValueError, TypeError
        If the chunk has another number of channels, is not numeric, or holds values that are masked, NaN, infinite or
        too large for float32.

    Examples
    --------
    >>> read_chunk([1.0, 2.0], n_channels=1, first=100).shape
    (1, 2)
    """
    known = isinstance(chunk, (list, tuple, np.ma.MaskedArray))  # anything else may be a buffer of numbers
    x = np.asarray(as_real(chunk if known else np.asarray(chunk), "chunk"))
    x = x[None] if x.ndim == 1 and n_channels == 1 else x
    if x.ndim != 2 or len(x) != n_channels:
        raise ValueError(f"chunk has shape {x.shape}; pass ({n_channels}, t), time last.")
    broken = ~np.isfinite(x)
    if broken.any():
        at = first + int(broken.any(axis=0).argmax())
        raise ValueError(
            f"chunk holds {int(broken.sum())} NaN, masked or infinite values, the first at sample {at}; fill them."
        )
    with np.errstate(over="ignore"):  # too large values are named below
        x = as_float(x)
    if (np.abs(x) > (LARGEST_PLAIN if plain else LARGEST)).any():
        raise ValueError(f"chunk, from sample {first} on, {describe_unfit(x)}")
    return x
