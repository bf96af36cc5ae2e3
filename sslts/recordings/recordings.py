"""The class `Recordings`: signals that are read one stretch at a time. Time is the last axis everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts.recordings._codes import N_SAMPLES, find_code, pick_samples, pick_suspects
from sslts.recordings._values import (
    LARGEST,
    LARGEST_PLAIN,
    as_float,
    describe_unfit,
    find_padding,
    fits_float32,
    measure_range,
)
from sslts.recordings.sources import Rows, cut_stretches, is_lazy, read_source

_Container = Literal["array", "list", "panel"]
_WIDE = (np.dtype(np.int64), np.dtype(np.uint64))
_LARGE, _BEGIN = 2.0**52, 64  # a large sample; samples of each stretch that are looked at
_PROBES = 8  # further places that are looked at if the first samples are huge
_TOGETHER = 1 << 12  # values of each channel that are held for each recording: about a thousand recordings


class FilePart(NamedTuple):
    """Where a stretch of a file stands in a recording.

    Parameters
    ----------
    file : str
        Name of the file.
    start : int
        First sample of the stretch in the recording.
    offset : int
        Samples of the file before the stretch.
    length : int
        Samples of the stretch.

    Examples
    --------
    >>> from sslts.recordings import FilePart
    >>> FilePart("tuesday", start=500, offset=0, length=200)
    FilePart(file='tuesday', start=500, offset=0, length=200)
    """

    file: str
    start: int
    offset: int
    length: int


@dataclass(frozen=True, eq=False, repr=False)
class Recordings:
    """A collection of recordings that are read one stretch at a time.

    Pass it wherever recordings are passed as ``X``. Make it with `from_arrays`.

    Parameters
    ----------
    sources : sequence of array-like
        One source per recording, of shape ``(T_i,)`` or ``(C, T_i)``; it is sliced only when it is read.
    lengths : ndarray of int64, shape (n,)
        Number of samples of each recording.
    n_channels : int
        Number of channels, the same in every recording.
    container : {"array", "list", "panel"}
        Kind of container that the user passed; predictions are returned in the same kind.
    index : pandas.MultiIndex or None
        The index (instance, time) of a ``pd-multiindex``; labels may be given on it.
    name : str
        Name of the argument in error messages.
    channel_names : tuple or None
        The columns of a Panel, or the coordinate of the channels.
    times : sequence of pandas.Index or None, or None
        The index of each recording of a list, or None for a recording without an index; labels may be given on these
        indices. The columns of a table with a row for each recording. None if no recording has an index.
    instances : pandas.Index or None
        Names of the recordings, if the container is a pandas object that names them.
    missing : tuple of float
        Numbers that mean that there is no value; they are read as NaN.
    names : tuple of str or None
        Name of each recording, such as its file; tables of segments then hold names in place of numbers.
    sampling_rate : float or None
        Samples per second.
    starts : tuple of pandas.Timestamp or None, or None
        Time of the first sample of each recording; tables of segments then hold clock times too.
    files : tuple of tuple of FilePart, or None
        The files in each recording, if files were joined or cut; labels may name these files.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts import Recordings
    >>> recordings = Recordings.from_arrays([np.arange(5.0), np.arange(3.0)], names=["a.csv", "b.csv"])
    >>> recordings.lengths.tolist(), recordings.n_channels, recordings.names
    ([5, 3], 1, ('a.csv', 'b.csv'))
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
    missing: tuple[float, ...] = ()
    names: tuple[str, ...] | None = None
    sampling_rate: float | None = None
    starts: tuple[pd.Timestamp | None, ...] | None = None
    files: tuple[tuple[FilePart, ...], ...] | None = None

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        *,
        names: Sequence[str] | None = None,
        channel_names: Sequence[Any] | None = None,
        sampling_rate: float | None = None,
        starts: Sequence[Any] | None = None,
    ) -> Recordings:
        """Return recordings with names, a sampling rate and clock times.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, C, T), list of (T_i,) or (C, T_i), or another container that `fit` takes
            The signals. Arrays of files, such as memory-maps and zarr arrays, are read when they are needed.
        names : sequence of str of length n, default=None
            Name of each recording, such as its file; all different. None: those of a pandas index of text, else the
            recordings are numbered.
        channel_names : sequence of length C, default=None
            Names of the channels. None: the columns of tables, if `X` holds tables.
        sampling_rate : float or None, default=None
            Samples per second. None: that of the clocks in `X`, if they have one.
        starts : sequence of length n of datetime-like or None, default=None
            Time of the first sample of each recording. None: that of the clocks in `X`.

        Returns
        -------
        Recordings

        Raises
        ------
        ValueError
            If names, channels or starts differ from `X` in number, a name occurs twice, or a value is invalid.
        TypeError
            If the type of `X` is not supported.

        Examples
        --------
        >>> import numpy as np
        >>> from sslts import Recordings
        >>> Recordings.from_arrays(np.zeros((1, 50)), sampling_rate=10, starts=["2026-01-31 12:00"]).starts
        (Timestamp('2026-01-31 12:00:00'),)
        """
        from sslts.recordings import as_recordings, name_recordings  # the readers of containers make this class

        return name_recordings(as_recordings(X), names, channel_names, sampling_rate, starts)

    def __len__(self) -> int:
        return len(self.lengths)

    def __sizeof__(self) -> int:
        """Return the size in memory, by which joblib and dask decide what is sent to workers once."""
        sources = [self.sources.array] if isinstance(self.sources, Rows) else self.sources
        held = (source for source in sources if not is_lazy(source))
        return object.__sizeof__(self) + sum(int(getattr(source, "nbytes", 0)) for source in held)

    def __repr__(self) -> str:
        n, channels = len(self), self.n_channels
        facts = [
            f"{n:,} recording{'s' * (n != 1)} of {channels} channel{'s' * (channels != 1)}",
            f"{int(self.lengths.sum()):,} samples",
        ]
        if self.sampling_rate is not None:
            facts.append(f"{self.sampling_rate:g} per second")
        return f"Recordings({', '.join(facts)})"

    @property
    def shape(self) -> tuple[int]:
        """Number of recordings, as a tuple: scikit-learn selects from objects with a shape."""
        return (len(self),)

    def __getitem__(self, kept: Any) -> Recordings:
        """Return some of the recordings: a number, a slice, or an array of numbers or booleans."""
        chosen = np.atleast_1d(np.arange(len(self))[kept[0] if isinstance(kept, tuple) else kept])
        return self.select(chosen.tolist())

    def is_lazy(self, i: int) -> bool:
        """Return whether recording ``i`` is not in memory (a file or a zarr array) and read one stretch at a time."""
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
        relative: bool = False,
    ) -> np.ndarray:
        """Return samples ``start:stop`` of recording ``i``: float32, shape ``(C, stop - start)``.

        With ``exact``, return float64 if float32 can't hold every value of the source's dtype: the large offset of a
        signal must be subtracted before values are rounded to float32. With ``relative``, channels beyond 2**52 are
        returned minus one of their samples, because float64 would round integers.

        Raises
        ------
        OSError
            If the source can't be read, for example because its file was deleted.
        ValueError
            If the source is not in memory, so that `check_finite` skipped it, and values are NaN, infinite or too
            large; ``missing`` and ``plain`` are the parameters of `check_finite`.
        """
        length = int(self.lengths[i])
        stop = length if stop is None else min(stop, length)
        source = self.sources[i]
        try:
            given = read_source(source, start, stop)
            origin = self._get_origin(i, given if start == 0 else None) if relative and given.itemsize > 2 else None
        except Exception as error:  # files, archives and remote stores raise errors of many types
            raise OSError(
                f"{self.name}: recording {i} could not be read at samples {start} to {stop}: {error}. Check that its "
                "file still exists and is complete."
            ) from error
        if self.missing:
            given = _blank(given, self.missing)
        if origin is not None:
            given = _subtract(given, origin)
        with np.errstate(over="ignore"):  # values out of range raise in check_finite, or below
            part = (as_float(given) if exact else given.astype(np.float32)).reshape(self.n_channels, -1)
        if is_lazy(source):
            fits = np.abs(part) <= (LARGEST_PLAIN if plain else LARGEST)  # False for NaN
            if not (fits | ~np.isfinite(given.reshape(part.shape)) if missing else fits).all():
                values = given.astype(np.float64).reshape(part.shape)
                unfit = describe_unfit(np.nan_to_num(values, posinf=0, neginf=0) if missing else values)
                raise ValueError(f"{self.name}: recording {i}, at samples {start} to {stop}, {unfit}")
        return part

    def get(self, i: int) -> np.ndarray:
        """Return recording ``i`` as it was given, in its own dtype: ``(T_i,)`` or ``(C, T_i)``."""
        return read_source(self.sources[i], 0, int(self.lengths[i]))

    def select(self, kept: Sequence[int]) -> Recordings:
        """Return the recordings at positions ``kept``, in that order, without ``index`` and ``instances``."""
        times = None if self.times is None else [self.times[i] for i in kept]
        sources = [self.sources[i] for i in kept]
        names = None if self.names is None else tuple(self.names[i] for i in kept)
        starts = None if self.starts is None else tuple(self.starts[i] for i in kept)
        files = None if self.files is None else tuple(self.files[i] for i in kept)
        chosen = replace(self, sources=sources, lengths=self.lengths[list(kept)], index=None, times=times)
        return replace(chosen, instances=None, names=names, starts=starts, files=files)

    def list_items(self, kept: Sequence[int]) -> list[Any]:
        """Return some of the recordings as a list, with the names of their channels and their clocks.

        Examples
        --------
        >>> from sslts.recordings import as_recordings
        >>> recordings = as_recordings([pd.DataFrame({"hip": [1.0, 2.0], "wrist": [3.0, 4.0]})])
        >>> recordings.list_items([0])[0].columns.tolist()
        ['hip', 'wrist']
        """
        return [self._wrap(self.sources[i], None if self.times is None else self.times[i]) for i in kept]

    def _wrap(self, source: Any, times: pd.Index | None) -> Any:
        if (self.channel_names is None and times is None) or (is_lazy(source) and not isinstance(source, np.ndarray)):
            return source
        source = np.asarray(source[..., :])
        if self.channel_names is not None:
            return pd.DataFrame(np.atleast_2d(source).T, index=times, columns=list(self.channel_names))
        return pd.Series(source, index=times) if source.ndim == 1 else pd.DataFrame(source.T, index=times)

    def _get_origin(self, i: int, given: np.ndarray | None = None) -> np.ndarray:
        """Return what `read` subtracts from each channel of recording ``i``, (C,) or (): a sample, or 0 if it is small.

        It is the smallest one of some samples, so that a single huge value in a small signal is not subtracted.
        ``given`` are samples from the first on that are in memory.
        """
        if i not in self._origins:
            length = int(self.lengths[i])
            size = 1 if self.is_lazy(i) else min(_BEGIN, length)  # a source on disk is read as little as possible
            enough = given is not None and given.shape[-1] >= size
            first = given[..., :size] if given is not None and enough else read_source(self.sources[i], 0, size)
            origin = _find_least(first)
            if (np.abs(origin.astype(np.float64)) > _LARGE).any():
                starts = [(length - size) * k // _PROBES for k in range(1, _PROBES + 1)]
                parts = [read_source(self.sources[i], start, start + size) for start in starts]
                origin = _find_least(np.concatenate([first, *parts], axis=-1))
            self._origins[i] = np.where(np.abs(origin.astype(np.float64)) > _LARGE, origin, origin.dtype.type(0))
        return self._origins[i]

    @cached_property
    def _origins(self) -> dict[int, np.ndarray]:
        return {}

    @cached_property
    def _warned(self) -> set[str]:
        return set()

    def read_through(self, i: int, *, relative: bool = True) -> Iterator[np.ndarray]:
        """Yield recording ``i`` in stretches that fit into memory.

        Each is as `read` returns it with ``exact=True`` and ``relative``.
        """
        for start, stop in cut_stretches(int(self.lengths[i])):
            part = self.read(i, start, stop, exact=True, relative=relative)
            self.warn_of_code(part, i, start)
            yield part

    def warn_of_code(self, x: np.ndarray, i: int, start: int) -> None:
        """Warn, once, if the samples (C, t) of a lazy recording hold a number that seems to mean "no value".

        `check_finite` warns of recordings in memory.

        Parameters
        ----------
        x : ndarray, shape (C, t)
            Samples of recording ``i``, the first at sample ``start``.
        """
        if "code" not in self._warned and self.is_lazy(i):
            code = find_code(x, start)
            if code is not None:
                self._warned.add("code")
                warn(code.describe(self.name, f"recording {i}", self.n_channels))

    def warn_of_rounding(self, i: int) -> None:
        """Warn, once, if recording ``i`` holds integers beyond 2**52, which can't be returned exactly."""
        if "rounding" in self._warned or np.dtype(getattr(self.sources[i], "dtype", float)) not in _WIDE:
            return
        if self._get_origin(i).any():
            self._warned.add("rounding")
            warn(
                f"{self.name}: recording {i} holds integers beyond 2**52, which are rounded to float64. Subtract a "
                "constant from the recordings first, such as their first value."
            )

    def check_finite(self, *, missing: bool = False, plain: bool = False) -> None:
        """Raise ValueError for the first recording whose values float32 can't hold; the message gives the problem.

        Warn if a recording holds a number that seems to mean "no value", unless missing values are allowed. Recordings
        that are not in memory are skipped: `read` checks the samples that it reads from them.

        Parameters
        ----------
        missing : bool
            Whether NaN and infinite values are allowed.
        plain : bool
            Whether the network sees the values without normalization, so that their squares must fit into float32.
        """
        suspects: list[int] = []
        for which, low, high, samples in self._measure_ranges():
            fits = fits_float32(low, high, largest=LARGEST_PLAIN) if plain else fits_float32(low, high)
            if not fits.all():
                for i in which[~fits.all(-1)]:
                    self._raise_unfit(int(i), missing)
            if not missing:
                suspects.extend(which[pick_suspects(low, high, samples, self.lengths[which, None]).any(-1)].tolist())
        self._warn_of_codes(suspects)

    def _warn_of_codes(self, suspects: list[int]) -> None:
        """Warn of the first recording in memory that holds a code, once."""
        for i in suspects if "code" not in self._warned else ():
            code = find_code(np.asarray(self.sources[i][..., :]).reshape(self.n_channels, -1))
            if code is not None:
                self._warned.add("code")
                warn(code.describe(self.name, f"recording {i}", self.n_channels))
                return

    def _measure_ranges(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield ``(which, low, high, samples)`` of n recordings at the positions ``which``.

        Minimum and maximum are (n, C), some samples of each channel (n, C, m). Lazy recordings are skipped.
        """
        if isinstance(self.sources, Rows):
            if self.is_lazy(0):
                return
            stretches = list(cut_stretches(len(self), width=int(self.lengths[0]) * self.n_channels))
            if len(stretches) < len(self):
                for first, last in stretches:
                    block = np.asarray(self.sources.array[first:last]).reshape(last - first, self.n_channels, -1)
                    yield np.arange(first, last), *measure_range(block), pick_samples(block)
                return
        there = np.array([i for i in range(len(self)) if not self.is_lazy(i)], dtype=np.int64)
        for start, stop in cut_stretches(len(there), width=_TOGETHER * self.n_channels):
            yield self._measure_each(there[start:stop])

    def _measure_each(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the same for recordings that are measured one by one; samples end with NaN."""
        low, high = np.empty((2, len(which), self.n_channels))
        samples = np.full((len(which), self.n_channels, N_SAMPLES), np.nan)
        for row, i in enumerate(which.tolist()):
            values = np.asarray(self.sources[i][..., :]).reshape(self.n_channels, -1)
            low[row], high[row] = measure_range(values)
            some = pick_samples(values)
            samples[row, :, : some.shape[-1]] = some
        return which, low, high, samples

    def _raise_unfit(self, i: int, missing: bool) -> None:
        """Raise ValueError that describes recording ``i``, unless its only defects are allowed missing values."""
        values = np.asarray(self.sources[i][..., :], dtype=np.float64).reshape(self.n_channels, -1)
        values = _blank(values, self.missing)
        if missing:
            values = np.where(np.isfinite(values), values, 0.0)
            if fits_float32(*measure_range(values)).all():
                return
        if (kept := find_padding(values)) is not None:
            raise ValueError(
                f"{self.name}: recording {i} has {int(np.isnan(values).sum())} NaN and 0 infinite values, all at its "
                f"ends, so it looks padded. {self.hint_padding(*kept)} Fill gaps with sslts.preprocessing.FillGaps."
            )
        raise ValueError(f"{self.name}: recording {i} {describe_unfit(values)}")

    def hint_padding(self, start: int, end: int) -> str:
        """Return how to pass recordings that are padded with NaN; samples ``start:end`` of one of them hold values."""
        name = self.name
        if self.container != "array":
            return f"Cut it, and its labels: recording[..., {start}:{end}]."
        if len(self.sources[0].shape) == 1:
            cut = f"k = ~np.isnan({name}); {name}, y = ([a[i] for a, i in zip(A, k)] for A in ({name}, y))"
        else:
            cut = (
                f"k = ~np.isnan({name}[:, 0]); {name} = [x[:, i] for x, i in zip({name}, k)]; "
                "y = [a[i] for a, i in zip(y, k)]"
            )
        table = f"{name} = np.asarray({name}); " if self.instances is not None else ""
        return f"Pass a list: {table}{cut}."

    def check_channels(self, wanted: int, who: str) -> None:
        """Raise ValueError if the number of channels is not ``wanted``; ``who`` names the fitted estimator."""
        if self.n_channels != wanted:
            swapped = (self.lengths == wanted).all()
            raise ValueError(
                f"{self.name} has {self.n_channels} channels, {who} was fitted with {wanted}; pass recordings with "
                f"the same channels in the same order.{self.hint_axes(self.n_channels) if swapped else ''}"
            )

    def hint_axes(self, length: int) -> str:
        """Return how to swap the axes, for the end of a message, if there are ``length`` channels; else an empty text.

        ``length`` is the number of samples that the time axis should have.
        """
        if length != self.n_channels or length == 1:
            return ""
        if (self.lengths == 1).all():
            swapped = f"{self.name}[..., 0]" if self.container == "array" else "recording[:, 0] for each recording"
            return f" Its other axis has length {length}; time must be the last axis: pass {swapped}."
        swapped = f"{self.name}.transpose(0, 2, 1)" if self.container == "array" else "recording.T for each recording"
        return f" Its other axis has length {length}; time must be the last axis: pass {swapped}."

    def has_equal_lengths(self) -> bool:
        """Return whether all recordings have the same length."""
        return bool((self.lengths == self.lengths[0]).all())

    def packs_to_array(self) -> bool:
        """Return whether `pack` returns one array, rather than a list with one array per recording."""
        return self.container == "array" or (self.container == "panel" and self.has_equal_lengths())

    def pack(self, arrays: Sequence[np.ndarray]) -> Any:
        """Return one result per recording in the same kind of container that the user passed."""
        return np.stack(arrays) if self.packs_to_array() else list(arrays)


def _blank(values: np.ndarray, missing: tuple[float, ...]) -> np.ndarray:
    """Return values as float with NaN in place of the given numbers, also as float32 rounds them."""
    if not missing:
        return values
    values = as_float(values)
    with np.errstate(over="ignore"):
        rounded = np.asarray(missing, dtype=np.float32).astype(np.float64)
    gone = np.isin(values, np.concatenate([np.asarray(missing, dtype=np.float64), rounded]))
    return np.where(gone, values.dtype.type(np.nan), values)


def _subtract(values: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return values (C, t) or (t,) minus the origin of each channel, as float64; unchanged if all origins are 0."""
    if not origin.any():
        return values
    origin = origin[..., None]
    if values.dtype.kind == "f":
        return (values.astype(np.result_type(values, np.float64)) - origin).astype(np.float64)
    rounded = values.astype(np.float64) - origin.astype(np.float64)
    with np.errstate(over="ignore"):
        exact = (values - origin).astype(np.int64)  # wraps around where the difference does not fit
    return np.where(np.abs(rounded) < 2.0**62, exact.astype(np.float64), rounded)


def _find_least(x: np.ndarray) -> np.ndarray:
    """Return the sample (C,) or () of the smallest magnitude of each channel of ``x``, (C, t) or (t,)."""
    at = np.abs(x.astype(np.float64)).argmin(-1, keepdims=True)
    return np.take_along_axis(x, at, axis=-1)[..., 0]
