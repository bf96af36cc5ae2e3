"""Segment a signal while it arrives."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sslts._fingerprints import digest_arrays, list_weights, strip_addresses
from sslts._notices import shorten, warn
from sslts._wrapping import find_fitted, find_owner
from sslts.annotations import read_statistics
from sslts.decoding import prepare_decoder
from sslts.prediction.parts import _find_halo, _predict_batch
from sslts.recordings import Channels, choose_normalization, read_chunk
from sslts.segments import Closed, GrowingSegments, make_table

_SAMPLES_TOGETHER = 1 << 16  # largest input of the network in one pass, for long chunks


class StreamSegmenter:
    """A segmenter of a stream: takes a signal chunk by chunk and returns each segment as soon as it is final.

    The segments equal ``segmenter.predict_segments`` on the whole signal, up to rounding of the network's probabilities
    (about 1e-5 in float32, 1e-3 in bfloat16). The memory does not grow with the signal. `get_state` and `set_state`
    move a stream to another process.

    Parameters
    ----------
    segmenter : fitted segmenter
        A segmenter, or a search around a segmenter. Its network must have the attributes ``stride`` and
        ``receptive_field``, like `UNet`, and its decoder must have a bounded latency: `Argmax`, `Hysteresis`, or
        `DurationViterbi` with a ``max_latency``. For a pipeline, pass its last step and push transformed chunks.
    location, scale : float or array-like of shape (C,), default=None
        Mean and standard deviation of the signal; required if the segmenter has ``normalization="recording"``, because
        a stream can not measure the whole signal. Measure them on earlier recordings. ``scale`` is above 0.
    block : int or None, default=None
        Samples in each run of the network, 1 or more. Smaller blocks give earlier results and cost more time, because
        each run also reads a receptive field on both sides. None takes the length of one receptive field.

    Raises
    ------
    ValueError
        If the segmenter can't run on a stream, or if `location`, `scale` or `block` is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts import StreamSegmenter, SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=600, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=30, precision="float32", random_state=0).fit(X, y)
    >>> stream = StreamSegmenter(segmenter, location=X[0].mean(), scale=X[0].std())
    >>> parts = [stream.push(chunk) for chunk in np.array_split(X[0], 7)]
    >>> found = pd.concat([*parts, stream.flush()])
    >>> found["start"].tolist() == segmenter.predict_segments(X[:1])["start"].tolist()
    True
    """

    def __init__(
        self,
        segmenter: Any,
        *,
        location: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        block: int | None = None,
    ) -> None:
        if find_owner(segmenter, "steps") is not None:
            raise ValueError(
                f"segmenter: the transformers of this {type(segmenter).__name__} can't run on a stream; pass the last "
                "step of the pipeline (pipe[-1]) and push transformed chunks."
            )
        # A shallow copy keeps this net and these classes when the segmenter is fitted again.
        self.segmenter = segmenter = copy.copy(find_fitted(segmenter))
        module = segmenter.net_.teacher_.module
        stride, reach = getattr(module, "stride", None), getattr(module, "receptive_field", None)
        if stride is None or reach is None:
            raise ValueError(
                f"network={segmenter.network!r} builds a module without stride and receptive_field, so it is unknown "
                "how many samples it needs; set these attributes on the module, or use UNet."
            )
        self.decoder = prepare_decoder(segmenter.decoder, read_statistics(segmenter))
        if getattr(self.decoder, "latency", None) is None:
            raise ValueError(
                f"decoder={segmenter.decoder!r} needs the whole recording; give it a max_latency, or use another "
                "decoder."
            )
        self.stride, self.halo = int(stride), _find_halo(stride, reach)
        if block is not None and (not isinstance(block, Integral) or block < 1):
            raise ValueError(f"block={shorten(block)}; pass a whole number of samples, 1 or more.")
        self.block = -(-int(block or self.halo) // self.stride) * self.stride
        self.normalization = choose_normalization(segmenter.normalization_, segmenter.window_length_)
        self.location, self.scale = self._read_moments(location, scale)
        self._begin()

    def _read_moments(self, location: ArrayLike | None, scale: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
        """Return location and scale of each channel; raise if they do not fit the normalization."""
        n_channels = self.segmenter.n_channels_
        given = [name for name, value in (("location", location), ("scale", scale)) if value is not None]
        if self.normalization.measures and len(given) < 2:
            raise ValueError(
                'normalization="recording" needs location and scale of the whole recording, which a stream does not '
                'know; pass both (measured on earlier recordings), or fit with normalization="local".'
            )
        if given and not self.normalization.measures:
            raise ValueError(f"{given[0]} has no effect with normalization={self.segmenter.normalization_!r}; omit it.")
        moments = []
        for name, value in (("location", location), ("scale", scale)):
            values = np.asarray((0.0 if name == "location" else 1.0) if value is None else value, dtype=np.float64)
            known = value is None or values.size == n_channels
            if values.ndim > 1 or not known or not np.isfinite(values).all():
                raise ValueError(
                    f"{name}={shorten(value)}; pass one finite number per channel ({n_channels} channels)."
                )
            moments.append(np.broadcast_to(values, n_channels))
        if (moments[1] <= 0).any():
            raise ValueError(f"scale={shorten(scale)}; pass numbers above 0.")
        return moments[0], moments[1]

    def _begin(self) -> None:
        """Start a new stream."""
        self.decoding = self.decoder.start()
        self.x = np.empty((self.segmenter.n_channels_, 0), dtype=np.float32)  # starts at sample `first`
        self.first = 0
        self.done = 0  # samples with known probabilities
        self.growing = GrowingSegments(len(self.segmenter.classes_))

    @property
    def seen(self) -> int:
        """Number of samples pushed since the start of the stream."""
        return self.first + self.x.shape[1]

    @property
    def labeled(self) -> int:
        """Number of samples with final labels."""
        return self.growing.labeled

    @property
    def labelled(self) -> int:
        """Deprecated name of `labeled`."""
        warn("StreamSegmenter.labelled will be removed in the next version; use labeled.", FutureWarning)
        return self.labeled

    @property
    def latency(self) -> int:
        """Largest delay of a final label, in samples. A segment is returned when the label after it is final."""
        return self.block + self.halo + self.normalization.margin + self.decoder.latency

    def push(self, chunk: ArrayLike) -> pd.DataFrame:
        """Process the next samples and return the segments that became final.

        Parameters
        ----------
        chunk : array-like of shape (t,) or (C, t), or table of t rows
            Any number of samples, including zero. The columns of a table are channels, with the names of the fit.

        Returns
        -------
        pandas.DataFrame
            The columns of ``predict_segments``; positions count from the start of the stream.

        Raises
        ------
        ValueError, TypeError
            If the chunk has a different number of channels, is not numeric, or contains values that are masked, NaN,
            infinite or too large for float32. The chunk is ignored in this case, and the stream can continue.
        """
        segmenter = self.segmenter
        x = read_chunk(
            chunk,
            segmenter.n_channels_,
            first=self.seen,
            plain=self.normalization.plain,
            fitted=Channels(segmenter.n_channels_, segmenter.channel_names_, type(segmenter).__name__),
            sampling_rate=segmenter.sampling_rate,
        )
        if x.shape[1]:  # an empty list would change the dtype to float64
            self.x = np.concatenate([self.x, x], axis=1)
        tables = [self._tabulate(self.growing.push(self.growing.proba[:0], np.empty(0, dtype=np.int64)))]
        end = self.seen
        while end - self.normalization.margin - self.halo - self.done >= self.block:
            ready = (end - self.normalization.margin - self.halo - self.done) // self.block * self.block
            stop = self.done + min(ready, max(self.block, _SAMPLES_TOGETHER // self.block * self.block))
            tables.append(self._advance(stop, stop + self.halo))
        return _join(tables)

    def flush(self) -> pd.DataFrame:
        """End the stream and return the segments that were still open. The next `push` starts a new stream.

        Returns
        -------
        pandas.DataFrame
            The columns of ``predict_segments``.
        """
        end = self.seen
        tables = [self._advance(end, end)] if end > self.done else []
        tables.append(self._tabulate(self.growing.push(self.growing.proba[:0], self.decoding.flush(), end=True)))
        self._begin()
        return _join(tables)

    def get_state(self) -> dict[str, np.ndarray]:
        """Return the state of the stream, as numeric arrays by name.

        Any file format for named arrays can store the state, without pickle.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        NotImplementedError
            If a custom decoder has no ``get_state``.

        Examples
        --------
        >>> from sslts import StreamSegmenter, SupervisedSegmenter
        >>> from sslts.datasets import make_recordings
        >>> X, y = make_recordings(4, n_samples=600, random_state=0)
        >>> segmenter = SupervisedSegmenter(normalization=None, max_steps=2, random_state=0).fit(X, y)
        >>> stream = StreamSegmenter(segmenter)
        >>> _ = stream.push(X[0])
        >>> np.savez("stream.npz", **stream.get_state())  # doctest: +SKIP
        >>> other = StreamSegmenter(segmenter)  # perhaps in another process
        >>> other.set_state(np.load("stream.npz"))  # doctest: +SKIP
        >>> other.set_state(stream.get_state())
        >>> other.seen
        600
        """
        state = {"x": self.x, "first": np.asarray(self.first), "done": np.asarray(self.done), **self._get_fixed()}
        state |= {f"segments.{name}": value for name, value in self.growing.get_state().items()}
        return state | {
            f"decoding.{name}": value for name, value in self._get_state_method(self.decoding, "get_state")().items()
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a state of `get_state`, made by a stream of the same segmenter with the same parameters.

        Parameters
        ----------
        state : mapping of str to array
            A state that `get_state` returned.

        Raises
        ------
        ValueError
            If the state belongs to a stream with other parameters, another segmenter or another decoder, or if a part
            is missing. The stream is unchanged in this case.
        """
        state = dict(state)  # read each entry of a file only once
        self._check_origin(state)
        decoding, growing = self.decoder.start(), GrowingSegments(len(self.segmenter.classes_))
        try:
            x, first, done = np.array(state["x"]), int(state["first"]), int(state["done"])
            growing.set_state(_select("segments.", state))
            self._get_state_method(decoding, "set_state")(_select("decoding.", state))
        except KeyError as error:
            raise ValueError(f"state has no {error}; pass everything that get_state returned.") from error
        self.x, self.first, self.done, self.growing, self.decoding = x, first, done, growing, decoding

    def _get_state_method(self, decoding: Any, name: str) -> Any:
        """Return the method ``name`` of a decoding; raise if the decoder has no state."""
        found = getattr(decoding, name, None)
        if found is None:
            raise NotImplementedError(
                f"decoder={self.segmenter.decoder!r} has no state: the object that its start() returns has no {name}. "
                "Add get_state and set_state, as described in sslts.decoding.Decoding."
            )
        return found

    def _check_origin(self, state: Mapping[str, np.ndarray]) -> None:
        """Raise if the state belongs to a stream with another segmenter or other parameters."""
        for name, own in self._get_fixed().items():
            if name in state and np.array_equal(np.asarray(state[name]), own):
                continue
            if name in state and name in self._origin:
                raise ValueError(
                    f"state belongs to a stream with different {name}; make this stream from the same segmenter "
                    "with the same decoder."
                )
            given = np.asarray(state[name]).tolist() if name in state else "nothing"
            here = "another" if name in self._origin else own.tolist()
            raise ValueError(
                f"state has {name}={given}, this stream has {here}; pass a state of a stream with the same {name}."
            )

    @cached_property
    def _origin(self) -> dict[str, np.ndarray]:
        """Fingerprints (32 bytes each) of the weights, the normalization and the decoder of the stream."""
        return {
            "weights": _digest_text(digest_arrays(list_weights(self.segmenter))),
            "normalization": _digest_text(repr(self.segmenter.normalization_)),
            "decoder": _digest_text(strip_addresses(repr(self.decoder))),  # addresses differ between processes
        }

    def _get_fixed(self) -> dict[str, np.ndarray]:
        """Return the parameters and fingerprints that a state must share with the stream."""
        values = {
            "block": self.block,
            "halo": self.halo,
            "margin": self.normalization.margin,
            "classes": self.segmenter.classes_,
        }
        values |= {"location": self.location, "scale": self.scale, **self._origin}
        return {name: np.asarray(value) for name, value in values.items()}

    def _advance(self, stop: int, seen: int) -> pd.DataFrame:
        """Return the segments after predicting samples ``done`` to ``stop``; the network reads up to ``seen``."""
        begin = max(self.done - self.halo, 0)
        proba = _predict_batch(self.segmenter.net_, [self._normalize(begin, seen)])[0]
        fresh = proba[self.done - begin : stop - begin]
        self.done = stop
        keep = max(stop - self.halo - self.normalization.margin, 0)
        self.x, self.first = self.x[:, max(keep - self.first, 0) :].copy(), max(keep, self.first)
        return self._tabulate(self.growing.push(fresh, self.decoding.push(fresh)))

    def _normalize(self, start: int, stop: int) -> np.ndarray:
        """Return the normalized samples ``[start, stop)``."""
        margin = self.normalization.margin
        before = max(start - margin, self.first)
        x = self.x[:, before - self.first : stop + margin - self.first]
        return self.normalization.apply(x, (self.location, self.scale))[:, start - before : stop - before]

    def _tabulate(self, closed: Closed) -> pd.DataFrame:
        """Return the table of segments, without background."""
        segmenter = self.segmenter
        label = segmenter.classes_[closed.class_index]
        found = make_table(
            np.zeros_like(closed.start), closed.start, closed.end, label, closed.score, segmenter.sampling_rate
        )
        background = segmenter.background
        return found if background is None else found[label != background].reset_index(drop=True)


def _digest_text(text: str) -> np.ndarray:
    """Return a fingerprint of a text, as an array of 32 bytes."""
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint8)


def _select(prefix: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)}


def _join(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
