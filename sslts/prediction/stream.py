"""Segment a signal while it comes in."""

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
from sslts._notices import warn
from sslts._wrapping import find_fitted, find_owner
from sslts.annotations import read_statistics
from sslts.decoding import prepare_decoder
from sslts.prediction.parts import _find_halo, _predict_batch
from sslts.recordings import choose_normalization, read_chunk
from sslts.segments import Closed, GrowingSegments, make_table

_SAMPLES_TOGETHER = 1 << 16  # at most, that the network is asked about at once, if a chunk holds so many


class StreamSegmenter:
    """Give a signal piece by piece, and get each segment as soon as it is over and final.

    The segments are those of ``segmenter.predict_segments`` on the whole signal, up to the rounding of the network's
    arithmetic: about 1e-5 of a probability in float32, 1e-3 in bfloat16. Memory does not grow. `get_state`
    and `set_state` carry what is remembered from one process to another.

    Parameters
    ----------
    segmenter : fitted segmenter
        Or a search around one. Its network has to name its ``stride`` and ``receptive_field``, as `UNet` does, and its
        decoder has to have a bounded latency: `Argmax`, `Hysteresis`, or `DurationViterbi` with a ``max_latency``. Of a
        pipeline, pass the last step, and transform the chunks.
    location, scale : float or array-like of shape (C,), default=None
        What is subtracted from the signal, and what it is divided by, with ``normalization="recording"``: mean and
        standard deviation of the whole are not known in a stream. Measure them on earlier recordings.
    block : int or None, default=None
        Samples for which the network runs at once. Fewer answer earlier, and cost more: each run reads a receptive
        field more on both sides. None: as many as that.

    Raises
    ------
    ValueError
        If the segmenter can't run on a stream, or `location` and `scale` don't fit it.

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
                "step of the pipeline (pipe[-1]), and push chunks that are transformed."
            )
        # A copy, as a later fit gives the segmenter another net, with other classes, and takes nothing from this one.
        self.segmenter = segmenter = copy.copy(find_fitted(segmenter))
        module = segmenter.net_.teacher_.module
        stride, reach = getattr(module, "stride", None), getattr(module, "receptive_field", None)
        if stride is None or reach is None:
            raise ValueError(
                f"network={segmenter.network!r} does not name its stride and receptive_field, so that nobody knows how "
                "much of a stream it has to see; give its module these attributes, or take UNet."
            )
        self.decoder = prepare_decoder(segmenter.decoder, read_statistics(segmenter))
        if getattr(self.decoder, "latency", None) is None:
            raise ValueError(
                f"decoder={segmenter.decoder!r} decides when the recording has ended; give it a max_latency, or take "
                "another decoder."
            )
        self.stride, self.halo = int(stride), _find_halo(stride, reach)
        if block is not None and (not isinstance(block, Integral) or block < 1):
            raise ValueError(f"block={block!r}; give a whole number of samples, 1 or more.")
        self.block = -(-int(block or self.halo) // self.stride) * self.stride
        self.normalization = choose_normalization(segmenter.normalization_, segmenter.window_length_)
        self.location, self.scale = self._read_moments(location, scale)
        self._begin()

    def _read_moments(self, location: ArrayLike | None, scale: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
        n_channels = self.segmenter.n_channels_
        given = [name for name, value in (("location", location), ("scale", scale)) if value is not None]
        if self.normalization.measures and len(given) < 2:
            raise ValueError(
                'normalization="recording" needs location and scale of the whole recording, which a stream does not '
                'have; pass both (as of earlier recordings), or fit with normalization="local".'
            )
        if given and not self.normalization.measures:
            raise ValueError(f"{given[0]} is of no use with normalization={self.segmenter.normalization_!r}; drop it.")
        moments = []
        for name, value in (("location", location), ("scale", scale)):
            values = np.asarray((0.0 if name == "location" else 1.0) if value is None else value, dtype=np.float64)
            known = value is None or values.size == n_channels
            if values.ndim > 1 or not known or not np.isfinite(values).all():
                raise ValueError(f"{name}={value!r}; give a finite number for each of {n_channels} channels.")
            moments.append(np.broadcast_to(values, n_channels))
        if (moments[1] <= 0).any():
            raise ValueError(f"scale={scale!r}; give numbers above 0.")
        return moments[0], moments[1]

    def _begin(self) -> None:
        self.decoding = self.decoder.start()
        self.x = np.empty((self.segmenter.n_channels_, 0), dtype=np.float32)  # from `first` on
        self.first = 0
        self.done = 0  # samples of which the probabilities are known
        self.growing = GrowingSegments(len(self.segmenter.classes_))

    @property
    def seen(self) -> int:
        """Samples that were pushed since the stream began."""
        return self.first + self.x.shape[1]

    @property
    def labeled(self) -> int:
        """Samples of which the labels are final."""
        return self.growing.labeled

    @property
    def labelled(self) -> int:
        """Deprecated name of `labeled`."""
        warn("StreamSegmenter.labelled is called labeled now; this name goes with the next version.", FutureWarning)
        return self.labeled

    @property
    def latency(self) -> int:
        """Samples after which a label is final at the latest; a segment is given out when the label after it is."""
        return self.block + self.halo + self.normalization.margin + self.decoder.latency

    def push(self, chunk: ArrayLike) -> pd.DataFrame:
        """Take the next samples; return the segments that are over.

        Parameters
        ----------
        chunk : array-like of shape (t,) or (C, t)
            Any number of samples, none too.

        Returns
        -------
        pandas.DataFrame
            The columns of ``predict_segments``; positions count from the first sample of the stream.

        Raises
        ------
        ValueError, TypeError
            If the chunk has another number of channels, is not numeric, or holds values that are masked, NaN, infinite
            or too large for float32. It is not taken then; the stream can go on.
        """
        x = read_chunk(chunk, self.segmenter.n_channels_, first=self.seen, plain=self.normalization.plain)
        if x.shape[1]:  # nothing, as a list, would be float64
            self.x = np.concatenate([self.x, x], axis=1)
        tables = [self._tabulate(self.growing.push(self.growing.proba[:0], np.empty(0, dtype=np.int64)))]
        end = self.seen
        while end - self.normalization.margin - self.halo - self.done >= self.block:
            ready = (end - self.normalization.margin - self.halo - self.done) // self.block * self.block
            stop = self.done + min(ready, max(self.block, _SAMPLES_TOGETHER // self.block * self.block))
            tables.append(self._advance(stop, stop + self.halo))
        return _join(tables)

    def flush(self) -> pd.DataFrame:
        """End the stream; return the segments that were still open. What is pushed next begins another stream.

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
        """Return all that is remembered between two pieces, as arrays of numbers by name.

        Any format that holds named arrays can keep it; nothing has to be pickled.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        NotImplementedError
            If the decoder is not one of this package and offers no state.

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
            f"decoding.{name}": value for name, value in self._ask_decoding(self.decoding, "get_state")().items()
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `get_state` was called, on a stream of the same segmenter with the same parameters.

        Parameters
        ----------
        state : mapping of str to array

        Raises
        ------
        ValueError
            If it is the state of a stream with other parameters, of another segmenter or decoder, or lacks a part. The
            stream stays as it was then.
        """
        state = dict(state)  # of a file, each entry is read once
        self._check_origin(state)
        decoding, growing = self.decoder.start(), GrowingSegments(len(self.segmenter.classes_))
        try:
            x, first, done = np.array(state["x"]), int(state["first"]), int(state["done"])
            growing.set_state(_select("segments.", state))
            self._ask_decoding(decoding, "set_state")(_select("decoding.", state))
        except KeyError as error:
            raise ValueError(f"state has no {error}; give all of what get_state returned.") from error
        self.x, self.first, self.done, self.growing, self.decoding = x, first, done, growing, decoding

    def _ask_decoding(self, decoding: Any, name: str) -> Any:
        found = getattr(decoding, name, None)
        if found is None:
            raise NotImplementedError(
                f"decoder={self.segmenter.decoder!r} keeps no state: what its start() returns has no {name}. Give it "
                "get_state and set_state, as sslts.decoding.Decoding describes them."
            )
        return found

    def _check_origin(self, state: Mapping[str, np.ndarray]) -> None:
        for name, own in self._get_fixed().items():
            if name in state and np.array_equal(np.asarray(state[name]), own):
                continue
            if name in state and name in self._origin:
                raise ValueError(
                    f"state is of a stream with other {name}; make this one of the same segmenter, with its decoder as "
                    "it was."
                )
            given = np.asarray(state[name]).tolist() if name in state else "nothing"
            here = "another" if name in self._origin else own.tolist()
            raise ValueError(f"state has {name}={given}, this stream has {here}; make it with the same.")

    @cached_property
    def _origin(self) -> dict[str, np.ndarray]:
        """What a state belongs to beside the parameters, as 32 bytes each."""
        return {
            "weights": _digest_text(digest_arrays(list_weights(self.segmenter))),
            "normalization": _digest_text(repr(self.segmenter.normalization_)),
            "decoder": _digest_text(strip_addresses(repr(self.decoder))),  # addresses change with the process
        }

    def _get_fixed(self) -> dict[str, np.ndarray]:
        """Return the parameters that a state belongs to."""
        values = {
            "block": self.block,
            "halo": self.halo,
            "margin": self.normalization.margin,
            "classes": self.segmenter.classes_,
        }
        values |= {"location": self.location, "scale": self.scale, **self._origin}
        return {name: np.asarray(value) for name, value in values.items()}

    def _advance(self, stop: int, seen: int) -> pd.DataFrame:
        """Ask the network about samples ``done`` to ``stop``, of which those up to ``seen`` can matter."""
        begin = max(self.done - self.halo, 0)
        proba = _predict_batch(self.segmenter.net_, [self._normalize(begin, seen)])[0]
        fresh = proba[self.done - begin : stop - begin]
        self.done = stop
        keep = max(stop - self.halo - self.normalization.margin, 0)
        self.x, self.first = self.x[:, max(keep - self.first, 0) :].copy(), max(keep, self.first)
        return self._tabulate(self.growing.push(fresh, self.decoding.push(fresh)))

    def _normalize(self, start: int, stop: int) -> np.ndarray:
        margin = self.normalization.margin
        before = max(start - margin, self.first)
        x = self.x[:, before - self.first : stop + margin - self.first]
        return self.normalization.apply(x, (self.location, self.scale))[:, start - before : stop - before]

    def _tabulate(self, closed: Closed) -> pd.DataFrame:
        segmenter = self.segmenter
        label = segmenter.classes_[closed.class_index]
        found = make_table(
            np.zeros_like(closed.start), closed.start, closed.end, label, closed.score, segmenter.sampling_rate
        )
        background = segmenter.background
        return found if background is None else found[label != background].reset_index(drop=True)


def _digest_text(text: str) -> np.ndarray:
    """Return 32 bytes that tell a text from others."""
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint8)


def _select(prefix: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)}


def _join(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
