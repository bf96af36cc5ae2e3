"""`Recordings`: signals that are read by stretches. Time is the last axis everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sslts.recordings._values import LARGEST, LARGEST_PLAIN, as_float, describe_unfit, fits_float32, measure_range
from sslts.recordings.sources import Rows, cut_stretches, is_lazy, read_source

_Container = Literal["array", "list", "panel"]


@dataclass(frozen=True, eq=False)
class Recordings:
    """A collection of recordings that are read by stretches.

    Parameters
    ----------
    sources : sequence of array-like
        One per recording, of shape ``(T_i,)`` or ``(C, T_i)``; sliced only when read.
    lengths : ndarray of int64, shape (n,)
        Samples of each recording.
    n_channels : int
        Channels, the same in every recording.
    container : {"array", "list", "panel"}
        What the user passed, which decides what a prediction is returned as.
    index : pandas.MultiIndex or None
        That of a ``pd-multiindex``, instance and time, on which labels may be given.
    name : str
        What errors call the argument.
    channel_names : tuple or None
        The columns of a Panel.
    times : sequence of pandas.Index or None, or None
        The index of each recording of a list, None of one that has none, on which labels may be given. None: no
        recording has one.
    instances : pandas.Index or None
        The names of the recordings, of containers of pandas that have names for them.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.recordings import as_recordings
    >>> recordings = as_recordings([np.arange(5.0), np.arange(3.0)])
    >>> recordings.lengths.tolist(), recordings.n_channels
    ([5, 3], 1)
    >>> recordings.read(0, 1, 3)
    array([[1., 2.]], dtype=float32)
    """

    sources: Sequence[Any]
    lengths: np.ndarray
    n_channels: int
    container: _Container
    index: pd.MultiIndex | None = None
    name: str = "X"
    channel_names: tuple[Any, ...] | None = None
    times: Sequence[pd.Index | None] | None = None
    instances: pd.Index | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def is_lazy(self, i: int) -> bool:
        """Return whether recording ``i`` is read from elsewhere than memory, stretch by stretch."""
        return is_lazy(self.sources[i])

    def read(
        self,
        i: int,
        start: int = 0,
        stop: int | None = None,
        *,
        missing: bool = False,
        exact: bool = False,
        plain: bool = False,
    ) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``.

        With ``exact``, float64 if float32 can't hold what the source can: a signal with a large offset is to be told
        from that offset before it is rounded.

        Raises
        ------
        OSError
            If what the recording is read from is gone or broken.
        ValueError
            If values that are not in memory, so that `check_finite` has not seen them, are NaN, infinite or too large;
            ``missing`` and ``plain`` are as there.
        """
        length = int(self.lengths[i])
        stop = length if stop is None else min(stop, length)
        source = self.sources[i]
        try:
            given = read_source(source, start, stop)
        except Exception as error:  # of whatever kind: files, archives and networks have their own
            raise OSError(
                f"{self.name}: recording {i} could not be read at samples {start} to {stop}: {error}. Look whether its "
                "file is still there and whole."
            ) from error
        with np.errstate(over="ignore"):  # what is beyond float32's range is named by check_finite, or below
            part = (as_float(given) if exact else given.astype(np.float32)).reshape(self.n_channels, -1)
        if is_lazy(source):
            fits = np.abs(part) <= (LARGEST_PLAIN if plain else LARGEST)  # which NaN does not
            if not (fits | ~np.isfinite(given.reshape(part.shape)) if missing else fits).all():
                values = given.astype(np.float64).reshape(part.shape)
                unfit = describe_unfit(np.nan_to_num(values, posinf=0, neginf=0) if missing else values)
                raise ValueError(f"{self.name}: recording {i}, at samples {start} to {stop}, {unfit}")
        return part

    def get(self, i: int) -> np.ndarray:
        """Return recording ``i`` as it was given, in its own type: ``(T_i,)`` or ``(C, T_i)``."""
        return read_source(self.sources[i], 0, int(self.lengths[i]))

    def select(self, kept: Sequence[int]) -> Recordings:
        """Return some of the recordings, in this order, without the common index of a ``pd-multiindex``."""
        times = None if self.times is None else [self.times[i] for i in kept]
        sources = [self.sources[i] for i in kept]
        return replace(self, sources=sources, lengths=self.lengths[list(kept)], index=None, times=times, instances=None)

    def read_through(self, i: int) -> Iterator[np.ndarray]:
        """Yield recording ``i``, exactly, in stretches that fit into memory, however long it is."""
        for start, stop in cut_stretches(int(self.lengths[i])):
            yield self.read(i, start, stop, exact=True)

    def check_finite(self, *, missing: bool = False, plain: bool = False) -> None:
        """Raise ValueError that names the first recording that float32 can't hold, and what is wrong with it.

        Recordings that are not in memory are not read for this: `read` looks at what it reads of them.

        Parameters
        ----------
        missing : bool
            Whether NaN and infinite values are allowed.
        plain : bool
            Whether the network will see the values as they are, so that their squares have to fit as well.
        """
        for first, low, high in self._measure_ranges():
            fits = fits_float32(low, high, largest=LARGEST_PLAIN) if plain else fits_float32(low, high)
            if not fits.all():
                for i in first + np.flatnonzero(~fits.all(-1)):
                    self._refuse(int(i), missing)

    def _measure_ranges(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield ``(first, low, high)``: the range (n, C) of the recordings from ``first`` on, but of small integers."""
        if isinstance(self.sources, Rows):
            if self.is_lazy(0):
                return
            dtype = self.sources.array.dtype
            if dtype.kind != "f" and dtype.itemsize < 8:
                return
            stretches = list(cut_stretches(len(self), width=int(self.lengths[0]) * self.n_channels))
            if len(stretches) < len(self):
                for first, last in stretches:
                    block = np.asarray(self.sources.array[first:last])
                    yield first, *measure_range(block.reshape(len(block), self.n_channels, -1))
                return
        for i, length in enumerate(self.lengths):
            if self.is_lazy(i):
                continue
            values = np.asarray(self.sources[i][..., :]).reshape(1, self.n_channels, -1)
            ranges = [measure_range(values[..., start:stop]) for start, stop in cut_stretches(int(length))]
            low, high = (np.stack(bounds) for bounds in zip(*ranges, strict=True))
            yield i, low.min(0), high.max(0)

    def _refuse(self, i: int, missing: bool) -> None:
        values = np.asarray(self.sources[i][..., :], dtype=np.float64).reshape(self.n_channels, -1)
        if missing:
            values = np.where(np.isfinite(values), values, 0.0)
            if fits_float32(*measure_range(values)).all():
                return
        raise ValueError(f"{self.name}: recording {i} {describe_unfit(values)}")

    def check_channels(self, wanted: int, who: str) -> None:
        """Raise ValueError if there are others than the ``wanted`` channels, with which ``who`` was fitted."""
        if self.n_channels != wanted:
            turned = (self.lengths == wanted).all()
            raise ValueError(
                f"{self.name} has {self.n_channels} channels, {who} was fitted with {wanted}; pass recordings of the "
                f"same channels in the same order.{self.hint_axes(self.n_channels) if turned else ''}"
            )

    def hint_axes(self, length: int) -> str:
        """Say how to turn recordings round if their axis of channels is as long as time should be, else nothing."""
        if length != self.n_channels or length == 1:
            return ""
        turned = f"{self.name}.transpose(0, 2, 1)" if self.container == "array" else "recording.T of each"
        return f" Its other axis has {length}: time is the last axis, pass {turned}."

    def has_equal_lengths(self) -> bool:
        """Return whether all recordings have the same length."""
        return bool((self.lengths == self.lengths[0]).all())

    def packs_to_array(self) -> bool:
        """Return whether one result per recording is returned as one array."""
        return self.container == "array" or (self.container == "panel" and self.has_equal_lengths())

    def pack(self, arrays: Sequence[np.ndarray]) -> Any:
        """Return one result per recording in the form of the container that the user passed."""
        return np.stack(arrays) if self.packs_to_array() else list(arrays)
