"""Segment a signal while it arrives."""

from __future__ import annotations

import copy
import hashlib
import operator
import threading
from collections.abc import Mapping
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sslts._fingerprints import digest_arrays, list_weights, strip_addresses
from sslts._notices import shorten, warn
from sslts._states import LAST_SAMPLE, read_numbers, read_whole
from sslts._wrapping import find_fitted, find_owner
from sslts.annotations import name_labels
from sslts.prediction.parts import _find_halo, _predict_batch
from sslts.recordings import Channels, CodeWatch, read_chunk
from sslts.segments import Closed, GrowingSegments, make_table

_SAMPLES_TOGETHER = 1 << 16  # largest input of the network in one pass, for long chunks


class StreamSegmenter:
    """A segmenter of a stream: takes a signal chunk by chunk and returns each segment as soon as it is final.

    The segments equal ``segmenter.predict_segments`` on the whole signal, up to rounding of the network's probabilities
    (about 1e-5 in float32, 1e-3 in bfloat16). The memory does not grow with the signal. `get_state` and `set_state`
    move a stream to another process. `push_gap` continues after lost samples.

    A stream takes its chunks in order, so it belongs to one thread at a time: a call during another call raises
    RuntimeError. Streams of one segmenter in several threads are independent of each other.

    Parameters
    ----------
    segmenter : fitted segmenter
        A segmenter, or a search around a segmenter. Its network must have the attributes ``stride`` and
        ``receptive_field``, like `UNet`, and its decoder must have a bounded latency: `Argmax`, `Hysteresis`, or
        `DurationViterbi` with a ``max_latency``. For a pipeline, pass its last step and push transformed chunks.
    location, scale : float or array-like of shape (C,), default=None
        Mean and standard deviation of the signal; required if the segmenter has ``normalization="recording"``, because
        a stream can't measure the whole signal. Measure them on earlier recordings. ``scale`` is above 0.
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
        self.predictor = segmenter._get_predictor()
        stride, reach = self.predictor.stride, self.predictor.reach
        if stride is None or reach is None:
            raise ValueError(
                f"network={segmenter.network!r} builds a module without stride and receptive_field, so it is unknown "
                "how many samples it needs; set these attributes on the module, or use UNet."
            )
        self.decoder = segmenter._code_decoder
        if getattr(self.decoder, "latency", None) is None:
            raise ValueError(
                f"decoder={segmenter.decoder!r} needs the whole recording; give it a max_latency, or use another "
                "decoder."
            )
        self.stride, self.halo = int(stride), _find_halo(stride, reach)
        if block is not None and (isinstance(block, bool) or not isinstance(block, Integral) or block < 1):
            raise ValueError(f"block={shorten(block)}; pass a whole number of samples, 1 or more.")
        self.block = -(-int(block or self.halo) // self.stride) * self.stride
        self.normalization = segmenter._normalization
        self.location, self.scale = self._read_moments(location, scale)
        self._guard = _Guard()
        self._ready: list[pd.DataFrame] = []  # segments that are final, but not returned yet
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

    def _begin(self, offset: int = 0) -> None:
        """Start a new stream, or a new piece of the stream at position ``offset``."""
        self.offset = offset  # all other positions count from there
        self.decoding = self.decoder.start()
        self.x = np.empty((self.segmenter.n_channels_, 0), dtype=np.float32)  # starts at sample `first`
        self.first = 0
        self.done = 0  # samples with known probabilities
        self.growing = GrowingSegments(len(self.segmenter.classes_), self.segmenter._occurrences)
        self.watch = CodeWatch()

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy has a decoding and an open segment of its own; a pickle of an earlier version has no offset.
        self.__dict__.update(
            {"offset": 0, "watch": CodeWatch(), **state, "_ready": list(state.get("_ready", ())), "_guard": _Guard()}
        )
        self.decoding, self.growing = copy.deepcopy(self.decoding), copy.deepcopy(self.growing)

    @property
    def seen(self) -> int:
        """Position of the next sample: the number of samples since the start of the stream, lost ones included."""
        return self.offset + self.first + self.x.shape[1]

    @property
    def labeled(self) -> int:
        """Position up to which labels are final."""
        return self.offset + self.growing.labeled

    @property
    def labelled(self) -> int:
        """Deprecated name of `labeled`."""
        warn("StreamSegmenter.labelled will be removed in the next version; use labeled.", FutureWarning)
        return self.labeled

    @property
    def latency(self) -> int:
        """Largest delay of a final label, in samples. A segment is returned when the label after it is final."""
        return self.block + self.halo + self.normalization.margin + self.decoder.latency

    def push(self, chunk: ArrayLike, start: int | None = None) -> pd.DataFrame:
        """Process the next samples and return the segments that became final.

        Parameters
        ----------
        chunk : array-like of shape (t,) or (C, t), table of t rows, or Recordings
            Any number of samples, including zero, or `sslts.Recordings` of one recording. The columns of a table are
            channels, with the names of the fit.
        start : int or None, default=None
            Position of the chunk's first sample in the stream, which has to be `seen`: a chunk that was delivered
            twice, late or after a loss is refused. None: the chunk is taken as the next one.

        Returns
        -------
        pandas.DataFrame
            The columns of ``predict_segments``; positions count from the start of the stream.

        Raises
        ------
        ValueError, TypeError
            If the chunk does not start at `start`, has a different number of channels, is not numeric, or contains
            values that are masked, NaN, infinite or too large for float32. The chunk is ignored in this case, and the
            stream can continue.
        RuntimeError
            If another thread is using the stream. The chunk is ignored in this case.
        FloatingPointError
            If the network returns NaN. The chunk was taken: continue with the next chunk.

        Examples
        --------
        >>> from sslts import StreamSegmenter, SupervisedSegmenter
        >>> from sslts.datasets import make_recordings
        >>> X, y = make_recordings(4, n_samples=600, random_state=0)
        >>> stream = StreamSegmenter(SupervisedSegmenter(normalization=None, max_steps=2, random_state=0).fit(X, y))
        >>> _ = stream.push(X[0][:100], start=0)
        >>> stream.push(X[0][150:], start=150)
        Traceback (most recent call last):
        ...
        ValueError: start=150, but the next sample of the stream is 100: 50 samples are missing. Push them first, or ...
        """
        with self._guard:
            start = self.seen if start is None else _read_count("start", start)
            x = self._read(chunk, start)
            self._check_start(start, x.shape[1])
            if x.shape[1]:  # an empty list would change the dtype to float64
                self.x = np.concatenate([self.x, x], axis=1)
                code = self.watch.look(self.x, self.offset + self.first)
                if code is not None:
                    warn(code.describe("chunk", "the stream", len(x)))
            end, before = self.first + self.x.shape[1], self.done
            while end - self.normalization.margin - self.halo - self.done >= self.block:
                ready = (end - self.normalization.margin - self.halo - self.done) // self.block * self.block
                stop = self.done + min(ready, max(self.block, _SAMPLES_TOGETHER // self.block * self.block))
                self._advance(stop, stop + self.halo)
            if self.done > before:
                self.x = self.x.copy()  # a view would keep all samples in memory
            return self._take_ready()

    def _read(self, chunk: ArrayLike, start: int) -> np.ndarray:
        """Return a chunk (C, t) whose first sample is at ``start``; raise if it is not of the fitted channels."""
        segmenter = self.segmenter
        return read_chunk(
            chunk,
            segmenter.n_channels_,
            first=start,
            plain=self.normalization.plain,
            fitted=Channels(segmenter.n_channels_, segmenter.channel_names_, type(segmenter).__name__),
            sampling_rate=segmenter.sampling_rate,
        )

    def _check_start(self, start: int, size: int) -> None:
        """Raise ValueError if a chunk of ``size`` samples that begins at sample ``start`` is not the next one."""
        if start == self.seen:
            return
        what = f"start={start}, but the next sample of the stream is {self.seen}: "
        if start > self.seen:
            lost = start - self.seen
            raise ValueError(
                f"{what}{lost} samples are missing. Push them first, or call push_gap({lost}) if they are lost."
            )
        twice = self.seen - start
        if size > twice:
            raise ValueError(
                f"{what}the first {twice} samples of the chunk were pushed before. Push chunk[..., {twice}:] with "
                f"start={self.seen}."
            )
        raise ValueError(f"{what}the chunk was pushed before, or a gap was pushed in its place. Leave it out.")

    def push_gap(self, n: int) -> pd.DataFrame:
        """Continue after a loss of ``n`` samples; return the segments that were still open.

        A gap is as if the signal ended before it and began again after it: an open segment ends at the gap, nothing is
        predicted inside the gap, and neither the network nor the decoder looks across it. Positions count on.

        Parameters
        ----------
        n : int
            Number of lost samples, 0 or more. 0 changes nothing.

        Returns
        -------
        pandas.DataFrame
            The columns of ``predict_segments``.

        Raises
        ------
        ValueError
            If `n` is not a whole number of 0 or more.
        RuntimeError
            If another thread is using the stream.

        Examples
        --------
        >>> from sslts import StreamSegmenter, SupervisedSegmenter
        >>> from sslts.datasets import make_recordings
        >>> X, y = make_recordings(4, n_samples=600, random_state=0)
        >>> stream = StreamSegmenter(SupervisedSegmenter(normalization=None, max_steps=2, random_state=0).fit(X, y))
        >>> parts = [stream.push(X[0][:300], start=0)]
        >>> parts.append(stream.push_gap(50))
        >>> parts += [stream.push(X[0][350:], start=350), stream.flush()]
        """
        with self._guard:
            n, seen = _read_count("n", n), self.seen
            if seen + n > LAST_SAMPLE:
                raise ValueError(f"n={n}; positions above {LAST_SAMPLE} are not supported.")
            if n:
                self._finish()
                self._begin(seen + n)
            return self._take_ready()

    def flush(self) -> pd.DataFrame:
        """End the stream and return the segments that were still open. The next `push` starts a new stream.

        Returns
        -------
        pandas.DataFrame
            The columns of ``predict_segments``.

        Raises
        ------
        RuntimeError
            If another thread is using the stream.
        """
        with self._guard:
            self._finish()
            self._begin()
            return self._take_ready()

    def _finish(self) -> None:
        """Predict the remaining samples and close the open segment."""
        end = self.first + self.x.shape[1]
        if end > self.done:
            self._advance(end, end)
        self._keep(self.growing.push(self.growing.proba[:0], self.decoding.flush(), end=True))

    def _take_ready(self) -> pd.DataFrame:
        """Return the segments that are final and were not returned before."""
        tables, self._ready = self._ready, []
        return _join([self._tabulate(_NOTHING), *tables])

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
        RuntimeError
            If another thread is using the stream, or if segments of a call that raised an error wait to be returned.

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
        with self._guard:
            if self._ready:
                raise RuntimeError("Segments of a push that failed were not returned yet; push an empty chunk first.")
            decoding = self._get_state_method(self.decoding, "get_state")()
            state = {name: np.asarray(getattr(self, name)) for name in _POSITIONS}
            state |= self._get_fixed()
            state |= {f"segments.{name}": value for name, value in self.growing.get_state().items()}
            state |= {f"decoding.{name}": value for name, value in decoding.items()}
            return {**state, "seal": _seal(state)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a state of `get_state`, made by a stream of the same segmenter with the same parameters.

        Parameters
        ----------
        state : mapping of str to array
            A state that `get_state` returned.

        Raises
        ------
        ValueError
            If the state belongs to a stream with other parameters, another segmenter or another decoder, if a part is
            missing, or if a part is damaged. The stream is unchanged in this case.
        RuntimeError
            If another thread is using the stream.
        """
        with self._guard:
            state = dict(state)  # read each entry of a file only once
            self._check_origin(state)
            try:
                found = self._read_state(state)
            except KeyError as error:
                raise ValueError(f"state has no {error}; pass everything that get_state returned.") from error
            self.__dict__.update(found, _ready=[])

    def _read_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes of a stream in a state; raise ValueError if they are damaged."""
        sealed = "seal" in state or "offset" in state  # not in version 0.1
        n_channels, n_classes = self.segmenter.n_channels_, len(self.segmenter.classes_)
        x = read_numbers(state, "x", (n_channels, None))
        x = np.array(read_chunk(x, n_channels, first=0, plain=self.normalization.plain))
        first, done = (read_whole(state, name, 0, LAST_SAMPLE) for name in ("first", "done"))
        offset = read_whole(state, "offset", 0, LAST_SAMPLE) if sealed else 0
        kept = max(done - self.halo - self.normalization.margin, 0)
        if done % self.block or first != kept or done > first + x.shape[1]:
            raise ValueError(
                f"state has first={first}, done={done} and {x.shape[1]} samples in x, which do not fit together; pass "
                "everything that get_state returned, unchanged."
            )
        growing = GrowingSegments(n_classes, self.segmenter._occurrences)
        growing.set_state(_select("segments.", state))
        waiting = done - growing.labeled
        if len(growing.proba) != waiting:
            raise ValueError(
                f"state has done={done} and segments.labeled={growing.labeled}, but {len(growing.proba)} samples in "
                "segments.proba; pass everything that get_state returned, unchanged."
            )
        self._try_decoding(_select("decoding.", state), waiting)
        if sealed and not np.array_equal(np.asarray(state["seal"]), _seal(state)):
            raise ValueError("state was changed after get_state returned it; pass it unchanged.")
        decoding = self.decoder.start()
        self._get_state_method(decoding, "set_state")(_select("decoding.", state))
        return {"x": x, "first": first, "done": done, "offset": offset, "growing": growing, "decoding": decoding}

    def _try_decoding(self, state: Mapping[str, Any], waiting: int) -> None:
        """Raise ValueError if a decoding with this state does not return labels for the ``waiting`` samples."""
        decoding = self.decoder.start()
        restore = self._get_state_method(decoding, "set_state")
        try:
            restore(state)
            labels = np.asarray(decoding.flush())
        except KeyError:
            raise
        except Exception as error:  # decoders raise errors of many types
            raise ValueError(f"state of the decoder is damaged: {error}") from error
        if labels.shape != (waiting,) or not np.isin(labels, range(self._n_labels)).all():
            raise ValueError(
                f"state of the decoder holds labels for {len(labels)} samples, {waiting} samples wait for a label; "
                "pass everything that get_state returned, unchanged."
            )

    @property
    def _n_labels(self) -> int:
        """Number of different labels of the decoding."""
        occurrences = self.segmenter._occurrences
        return len(self.segmenter.classes_) if occurrences is None else occurrences.n_codes

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
            "normalization": _digest_text(self._describe_normalization()),
            "decoder": _digest_text(strip_addresses(repr(self.decoder))),  # addresses differ between processes
        }

    def _describe_normalization(self) -> str:
        name = self.segmenter.normalization_
        return repr(self.normalization if name == "training" else name)  # states of earlier versions hold the name

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

    def _advance(self, stop: int, seen: int) -> None:
        """Predict samples ``done`` to ``stop`` and keep the segments that end; the network reads up to ``seen``."""
        begin = max(self.done - self.halo, 0)
        proba = _predict_batch(self.predictor, [self._normalize(begin, seen)])[0]
        fresh = proba[self.done - begin : stop - begin]
        self.done = stop
        keep = max(stop - self.halo - self.normalization.margin, 0)
        self.x, self.first = self.x[:, max(keep - self.first, 0) :], max(keep, self.first)
        self._keep(self.growing.push(self.segmenter._merge(fresh), self.decoding.push(fresh)))

    def _normalize(self, start: int, stop: int) -> np.ndarray:
        """Return the normalized samples ``[start, stop)``."""
        margin = self.normalization.margin
        before = max(start - margin, self.first)
        x = self.x[:, before - self.first : stop + margin - self.first]
        return self.normalization.apply(x, (self.location, self.scale))[:, start - before : stop - before]

    def _keep(self, closed: Closed) -> None:
        """Keep segments until the end of the call."""
        if len(closed.class_index):
            self._ready.append(self._tabulate(closed))

    def _tabulate(self, closed: Closed) -> pd.DataFrame:
        """Return the table of segments, without background."""
        segmenter = self.segmenter
        label, start, end = segmenter.classes_[closed.class_index], closed.start + self.offset, closed.end + self.offset
        found = make_table(np.zeros_like(start), start, end, label, closed.score, segmenter.sampling_rate)
        background = segmenter.background
        found = found if background is None else found[label != background].reset_index(drop=True)
        return found.assign(label=name_labels(found["label"].to_numpy(), getattr(segmenter, "class_names_", None)))


_POSITIONS = ("x", "first", "done", "offset")
_NOTHING = Closed(*(np.empty(0, dtype) for dtype in (np.int64, np.int64, np.int64, np.float64)))


class _Guard:
    """A context that refuses to be entered while it is in use; a copy is not in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "This StreamSegmenter is in use by another thread; a stream takes its chunks in order, one call at a "
                "time. Make a stream for each signal, or push the chunks of one signal from one thread."
            )

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(self), ()


def _read_count(name: str, value: Any) -> int:
    """Return a whole number of at least 0; raise ValueError if the argument ``name`` is something else."""
    try:
        count = -1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        count = -1
    if count < 0:
        raise ValueError(f"{name}={value!r}; pass a whole number of samples, 0 or more.")
    return count


def _seal(state: Mapping[str, Any]) -> np.ndarray:
    """Return a fingerprint of the positions, samples and decisions in a state, whatever their dtype and shape."""
    digest = hashlib.sha256()
    for name in sorted(name for name in state if name in _POSITIONS or name.startswith(("segments.", "decoding."))):
        values = np.asarray(state[name])
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values, np.int64 if values.dtype.kind in "iu" else np.float64).tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint8)


def _digest_text(text: str) -> np.ndarray:
    """Return a fingerprint of a text, as an array of 32 bytes."""
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint8)


def _select(prefix: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)}


def _join(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
