"""The reader of signals for every entry point (fit, predict, adapters), so that all make the same checks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sslts._notices import warn
from sslts.recordings._clocks import RATE_TOLERANCE, warn_of_other_rate, warn_of_uneven_times
from sslts.recordings._foreign import adopt
from sslts.recordings._values import LARGEST, LARGEST_PLAIN, as_float, as_real, describe_unfit, read_array, unpack
from sslts.recordings.containers import _check_channel_names, _describe_item, as_recordings
from sslts.recordings.recordings import Recordings
from sslts.recordings.sources import _PickedChannels


@dataclass(frozen=True)
class Channels:
    """The channels of the recordings in a fit; later recordings must match them.

    Parameters
    ----------
    number : int
        Number of channels.
    names : tuple or None
        Names of the channels; None if they have no names.
    who : str
        Name of the fitted estimator in error messages.

    Examples
    --------
    >>> Channels(2, ("x", "y"), "FixMatchSegmenter").number
    2
    """

    number: int
    names: tuple[Any, ...] | None
    who: str

    def check_names(self, recordings: Recordings) -> None:
        """Raise ValueError if the channels of recordings have other names, or the same names in another order."""
        _check_channel_names(recordings.channel_names, self.names, recordings.name, f"{self.who} was fitted on")

    def find_order(self, names: tuple[Any, ...] | None) -> list[int] | None:
        """Return the position of each channel among channels that have ``names``; None to keep all as they are.

        Examples
        --------
        >>> Channels(2, ("x", "y"), "X").find_order(("y", "z", "x"))
        [2, 0]
        """
        if self.names is None or names is None or names == self.names or len(set(names)) < len(names):
            return None
        return [names.index(name) for name in self.names] if set(self.names) <= set(names) else None

    def pick_from(self, recordings: Recordings) -> Recordings:
        """Return recordings with these channels in this order, found by name.

        Recordings whose channels have no names, or whose names are not these, are returned as they are.
        """
        order = self.find_order(recordings.channel_names)
        if order is None:
            return recordings
        sources = [_PickedChannels(source, order) for source in recordings.sources]
        return replace(recordings, sources=sources, n_channels=len(order), channel_names=self.names)


def read_signals(
    X: Any,
    *,
    fitted: Channels | None = None,
    sampling_rate: float | None = None,
    missing: bool = False,
    plain: bool = False,
    name: str = "X",
    by_name: bool = False,
) -> Recordings:
    """Return checked recordings; warn if their clock disagrees with the sampling rate.

    Container, number and names of channels, and values are checked.

    Parameters
    ----------
    X : array-like
        Recordings, in any container that `as_recordings` takes.
    fitted : Channels or None
        The channels that the recordings must match; None in a fit.
    sampling_rate : float or None
        Samples per second, compared with the time stamps of the recordings; None is not compared.
    missing : bool
        Whether NaN and infinite values are allowed.
    plain : bool
        Whether the network sees the values without normalization, so that their squares must fit into float32.
    name : str
        Name of the argument in error messages.
    by_name : bool
        Whether the fitted channels are picked by name from channels in another order, or from more channels.

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
    ValueError: X has 2 channels, FixMatchSegmenter was fitted with 1; pass recordings with the same channels ...
    """
    recordings = as_recordings(X, name=name)
    if fitted is not None and by_name:
        recordings = fitted.pick_from(recordings)
    if fitted is not None:
        recordings.check_channels(fitted.number, fitted.who)
        fitted.check_names(recordings)
    recordings.check_finite(missing=missing, plain=plain)
    warn_of_other_rate(recordings.times, sampling_rate, recordings.name)
    _warn_of_known_rate(recordings, sampling_rate)
    return recordings


def _warn_of_known_rate(recordings: Recordings, sampling_rate: float | None) -> None:
    """Warn if recordings without time stamps know another sampling rate."""
    known = recordings.sampling_rate
    if recordings.times is not None or known is None or sampling_rate is None:
        return
    if not math.isclose(known, sampling_rate, rel_tol=RATE_TOLERANCE):
        warn(
            f"{recordings.name} has {known:g} samples per second, but sampling_rate={sampling_rate:g}: times and "
            "durations in seconds will be wrong. Pass the sampling rate of the recordings, or resample them."
        )


def read_chunk(
    chunk: ArrayLike,
    n_channels: int,
    *,
    first: int,
    plain: bool = False,
    fitted: Channels | None = None,
    sampling_rate: float | None = None,
) -> np.ndarray:
    """Return the next samples of a stream, checked.

    Parameters
    ----------
    chunk : array-like of shape (t,) or (C, t), table of t rows, or Recordings
        Any number of samples, or one recording; ``(t,)`` only if the stream has one channel. A table, or an array of
        xarray, is read by the names of its columns or dimensions.
    n_channels : int
        Number of channels of the stream.
    first : int
        Position of the chunk's first sample in the stream, for error messages.
    plain, fitted, sampling_rate
        See `read_signals`.

    Returns
    -------
    ndarray of float32 or float64, shape (C, t)

    Raises
    ------
    ValueError, TypeError
        If the chunk has the wrong number of channels, is not numeric, or holds values that are masked, NaN, infinite
        or too large for float32.

    Examples
    --------
    >>> read_chunk([1.0, 2.0], n_channels=1, first=100).shape
    (1, 2)
    """
    given = chunk
    if isinstance(given, Recordings):
        if len(given) != 1:
            raise ValueError(f"chunk holds {len(given)} recordings, a stream is one; push recordings[i].")
        chunk = given.get(0)
    item = _describe_item(adopt(unpack(chunk, "chunk")), "chunk")
    names = given.channel_names if isinstance(given, Recordings) else item.names
    if fitted is not None:
        _check_channel_names(names, fitted.names, "chunk", f"{fitted.who} was fitted on")
    if item.times is not None:
        warn_of_uneven_times([item.times], "chunk")
        warn_of_other_rate([item.times], sampling_rate, "chunk")
    chunk = item.source
    x = np.asarray(as_real(chunk if isinstance(chunk, (list, tuple)) else read_array(chunk, "chunk"), "chunk"))
    x = x[None] if x.ndim == 1 and n_channels == 1 else x
    if x.ndim != 2 or len(x) != n_channels:
        raise ValueError(f"chunk has shape {x.shape}; pass ({n_channels}, t), time last.")
    broken = ~np.isfinite(x)
    if broken.any():
        at = first + int(broken.any(axis=0).argmax())
        raise ValueError(
            f"chunk holds {int(broken.sum())} NaN, masked or infinite values, the first at sample {at}; fill them."
        )
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8 and not plain and (np.abs(x.astype(np.float64)) > 2.0**53).any():
        raise ValueError(
            f"chunk, beginning at sample {first}, holds integers beyond 2**53, which float64 would round; subtract a "
            "constant from chunks and location."
        )
    with np.errstate(over="ignore"):  # values that are too large raise below
        x = as_float(x)
    if (np.abs(x) > (LARGEST_PLAIN if plain else LARGEST)).any():
        raise ValueError(f"chunk, beginning at sample {first}, {describe_unfit(x)}")
    return x
