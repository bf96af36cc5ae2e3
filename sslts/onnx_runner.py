"""A reader of the files of ``export_onnx``: finds segments with NumPy and onnxruntime, without torch.

This file imports nothing else of this package, so that it can be copied beside a model onto a machine that has NumPy
and onnxruntime only. `OnnxSegmenter` does what ``predict_segments`` of the exported segmenter does: it normalizes the
signal, runs the network over pieces that overlap, decodes the probabilities and joins labels to segments. A signal of
any length needs the memory of one piece and of the samples whose labels are not final.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["OnnxSegmenter", "Segment"]

FORMAT = 1  # of the metadata; a reader refuses files of a later format
_PIECE = 1 << 17  # samples of a long signal that a pass of the network keeps
_STRETCH = 1 << 22  # samples in memory at a time when a signal is measured
_OTHER_READER = "take the onnx_runner.py of the sslts that wrote the file."
_LARGEST, _LARGEST_PLAIN = float(np.finfo(np.float32).max), 1e12  # with and without normalization


class Segment(NamedTuple):
    """A segment ``[start, end)`` in samples, its label, and the mean probability of the label inside.

    Examples
    --------
    >>> Segment(start=3, end=9, label="step", score=0.9).end
    9
    """

    start: int
    end: int
    label: int | str
    score: float


class OnnxSegmenter:
    """A segmenter in a file of ``export_onnx``.

    Parameters
    ----------
    path : path-like
        The file.
    threads : int or None, default=None
        Threads of onnxruntime; None takes one for each core.

    Attributes
    ----------
    classes : ndarray of int, shape (K,)
        The classes, in the order of the probabilities.
    labels : list
        The name of each class: its word, or its number if the segmenter was fitted on numbers.
    background : int or None
        The class that makes no segments.
    n_channels : int
        Number of channels.
    channel_names : list or None
        Names of the channels.
    sampling_rate : float or None
        Samples per second.
    stride, receptive_field : int or None
        The network may be run over pieces that begin at multiples of ``stride``, with ``receptive_field`` more samples
        on both sides. None: only over whole signals.
    normalization, decoder : dict
        How the signal is scaled, and how probabilities become labels, with what was learned in the fit.
    fingerprint : str
        Digest of classes and weights; files of one fitted model share it.

    Raises
    ------
    ImportError
        If onnxruntime is not installed.
    ValueError
        If the file was not written by ``export_onnx``, or by a later version that this reader does not know.

    Examples
    --------
    >>> model = OnnxSegmenter("model.onnx")  # doctest: +SKIP
    >>> model.predict_segments(signal)[0]  # doctest: +SKIP
    Segment(start=41, end=67, label=1, score=0.93)
    """

    def __init__(self, path: Any, *, threads: int | None = None) -> None:
        self._session = _open_session(path, threads)
        told = _read_metadata(self._session.get_modelmeta().custom_metadata_map, path)
        self.classes = np.array(told["classes"])
        self.labels = told["class_names"] or told["classes"]
        self.background = told["background"]
        self.n_channels, self.channel_names = told["n_channels"], told["channel_names"]
        self.sampling_rate = told["sampling_rate"]
        self.stride, self.receptive_field = told["stride"], told["receptive_field"]
        self.normalization, self.decoder = told["normalization"], told["decoder"]
        self.fingerprint = told["fingerprint"]
        self._scaling = _make_scaling(self.normalization)
        self._owner = np.array(self.decoder.get("owner", range(len(self.classes))))
        _make_decoding(self.decoder)  # raises if the decoder is unknown

    def predict_proba(self, signal: Any) -> np.ndarray:
        """Return the probability of each class at each sample, (T, K), float32.

        Parameters
        ----------
        signal : array-like of shape (C, T), or (T,) for one channel
            One recording. It is read in stretches, so it may be a memory-map or a dataset of HDF5.

        Returns
        -------
        ndarray of float32, shape (T, K)

        Raises
        ------
        ValueError, TypeError
            If the signal has other channels, no samples, or values that are not finite real numbers.
        """
        return np.concatenate([self._merge(part) for part in self._iterate_proba(signal)])

    def predict_segments(self, signal: Any) -> list[Segment]:
        """Return the segments of one recording, without the background, in order.

        Parameters
        ----------
        signal : array-like of shape (C, T), or (T,) for one channel
            One recording; see `predict_proba`.

        Returns
        -------
        list of Segment
            The segments that ``predict_segments`` of the exported segmenter finds with ``precision="float32"``.

        Raises
        ------
        ValueError, TypeError
            As in `predict_proba`.
        """
        decoding, growing, found = _make_decoding(self.decoder), _Growing(self._owner, len(self.classes)), []
        part = np.empty((0, len(self.classes)), dtype=np.float32)
        for codes_proba in self._iterate_proba(signal):
            part = self._merge(codes_proba)
            found += growing.push(part, decoding.push(codes_proba))
        found += growing.push(part[:0], decoding.flush(), end=True)
        return [
            Segment(start, end, self.labels[k], score)
            for k, start, end, score in found
            if self.classes[k] != self.background
        ]

    def _merge(self, proba: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes (t, K) from those of the network's outputs."""
        n = len(self.classes)
        merged = proba[:, :n].copy()
        merged[:, self._owner[n:]] += proba[:, n:]
        return merged

    def _iterate_proba(self, signal: Any) -> Iterator[np.ndarray]:
        """Yield the probabilities (t, outputs) of consecutive samples."""
        reader = _Reader(signal, self.n_channels, _LARGEST if self.normalization["kind"] else _LARGEST_PLAIN)
        self._scaling.measure(reader)
        for start, stop, keep_start, keep_stop in self._cut(reader.length):
            x = self._scaling.read(reader, start, stop)
            proba = self._session.run(None, {"signal": x[None]})[0][0].T[keep_start - start : keep_stop - start]
            if np.isnan(proba).any():
                raise FloatingPointError("The network returns NaN; fit the segmenter again, and export it again.")
            yield np.ascontiguousarray(proba)

    def _cut(self, length: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the start and the stop of what is read for each piece, and of what is kept of it."""
        if self.stride is None or self.receptive_field is None:
            yield 0, length, 0, length
            return
        halo = -(-self.receptive_field // self.stride) * self.stride
        core, kept = max(_PIECE // self.stride * self.stride, self.stride), 0
        if length <= core + 2 * halo:
            core = length
        while kept < length:
            stop = kept + core if length - kept - core > halo else length
            yield max(kept - halo, 0), min(stop + halo, length), kept, stop
            kept = stop


def _open_session(path: Any, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "OnnxSegmenter needs onnxruntime, which is not installed; run: pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _read_metadata(texts: Mapping[str, str], path: Any) -> dict[str, Any]:
    """Return the values of the metadata by name; raise ValueError if this reader can't know what they mean."""
    told = {name.removeprefix("sslts."): json.loads(text) for name, text in texts.items() if name.startswith("sslts.")}
    if "format" not in told:
        raise ValueError(f"{path} holds no metadata of sslts; write it with segmenter.export_onnx(path).")
    if told["format"] > FORMAT:
        raise ValueError(
            f"{path} has format {told['format']}, this reader knows formats up to {FORMAT}; take the onnx_runner.py of "
            f"sslts {told.get('version')}."
        )
    return told


class _Reader:
    """A signal (C, T) that is read in stretches and checked."""

    def __init__(self, signal: Any, n_channels: int, largest: float) -> None:
        self.signal = signal if hasattr(signal, "shape") else np.asarray(signal)
        self.n_channels, self.largest = n_channels, largest
        shape = tuple(self.signal.shape)
        if len(shape) != 2 - (n_channels == 1 and len(shape) == 1) or (len(shape) == 2 and shape[0] != n_channels):
            raise ValueError(f"signal has shape {shape}; pass one recording ({n_channels}, T): channels, then time.")
        self.length = shape[-1]
        if not self.length:
            raise ValueError("signal has no samples; pass at least one.")

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the samples ``[start, stop)``, (C, t), float64."""
        given = np.ma.asanyarray(self.signal[..., start:stop])
        if given.dtype.kind not in "fiub":
            raise TypeError(f"signal has the type {given.dtype}; pass real numbers.")
        x = np.ma.filled(given.astype(np.float64), np.nan).reshape(self.n_channels, -1)
        if not (np.abs(x) <= self.largest).all():  # NaN too
            channel, at = np.argwhere(~(np.abs(x) <= self.largest))[0].tolist()
            raise ValueError(
                f"signal holds {x[channel, at]} in channel {channel} at sample {start + at}; fill or cut out NaN and "
                f"infinite values, and keep others below {self.largest:.3g}."
            )
        return x


# --- normalization ----------------------------------------------------------------------------------------------------


class _AsGiven:
    """No normalization; base class of the others, which shift and scale each channel."""

    def measure(self, reader: _Reader) -> None:
        """Take what is needed of the whole signal."""

    def read(self, reader: _Reader, start: int, stop: int) -> np.ndarray:
        """Return the normalized samples ``[start, stop)``, (C, t), float32."""
        return reader.read(start, stop).astype(np.float32)


class _Fixed(_AsGiven):
    """One location and one scale for each channel."""

    def __init__(self, location: Any, scale: Any) -> None:
        self.location, self.scale = np.array(location)[:, None], np.array(scale)[:, None]

    def read(self, reader: _Reader, start: int, stop: int) -> np.ndarray:
        return ((reader.read(start, stop) - self.location) / self.scale).astype(np.float32)


class _Whole(_Fixed):
    """Mean 0 and standard deviation 1 over the recording; a constant channel becomes 0."""

    def __init__(self) -> None:
        pass

    def measure(self, reader: _Reader) -> None:
        count, center, squares = 0, np.zeros(1), np.zeros(1)
        low, high = np.full(1, np.inf), np.full(1, -np.inf)
        for start in range(0, reader.length, _STRETCH):
            part = reader.read(start, min(start + _STRETCH, reader.length))
            low, high = np.minimum(low, part.min(-1)), np.maximum(high, part.max(-1))
            mean = part[:, 0] + (part - part[:, :1]).mean(-1)
            moved, total = mean - center, count + part.shape[-1]
            squares = squares + ((part - mean[:, None]) ** 2).sum(-1) + moved**2 * (count * part.shape[-1] / total)
            center, count = center + moved * (part.shape[-1] / total), total
        scale = np.sqrt(squares / count)
        super().__init__(center, np.where((high > low) & (scale > 0), scale, np.inf))


class _Local(_AsGiven):
    """Mean 0 and standard deviation 1 over a window of ``2 * margin + 1`` samples around each sample."""

    def __init__(self, width: int) -> None:
        self.margin = max(width // 2, 1)

    def read(self, reader: _Reader, start: int, stop: int) -> np.ndarray:
        before = min(self.margin, start)
        x = reader.read(start - before, min(stop + self.margin, reader.length))
        return self._standardize(x)[:, before : before + stop - start]

    def _standardize(self, x: np.ndarray) -> np.ndarray:
        """Return a standardized signal; a window consists of the end of one block and the beginning of the next."""
        half, length = self.margin, x.shape[-1]
        size = 2 * half + 1
        n_blocks = -(-(length + size - 1) // size)
        padding = half, n_blocks * size - half - length
        blocks = np.pad(x, ((0, 0), padding), mode="edge").reshape(len(x), n_blocks, size)
        valid = np.pad(np.ones(length), padding).reshape(n_blocks, size)
        origin = blocks[..., -1:]
        ends, begins = (blocks - origin) * valid, (blocks[:, 1:] - origin[:, :-1]) * valid[1:]
        first = np.arange(length) - half
        low, high = np.maximum(first, 0), np.minimum(first + size, length)
        mean = _sum_windows(ends, begins)[:, :length] / (high - low)
        variance = _sum_windows(ends**2, begins**2)[:, :length] / (high - low) - mean**2
        changes = np.pad(np.cumsum(np.diff(x) != 0, axis=-1), ((0, 0), (1, 0)))
        varies = (changes[:, high - 1] > changes[:, low]) & (variance > 0)
        centered = x - np.repeat(origin[..., 0], size, axis=-1)[:, :length] - mean
        return np.where(varies, centered / np.sqrt(np.where(varies, variance, 1.0)), 0.0).astype(np.float32)


def _sum_windows(ends: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return, for each sample, the sum of its block from there on and of the next block before there."""
    total = np.empty(ends.shape)
    np.cumsum(ends[..., ::-1], axis=-1, out=total[..., ::-1])
    total[:, :-1, 1:] += np.cumsum(begins[..., :-1], axis=-1)
    return total.reshape(len(total), -1)


def _make_scaling(told: Mapping[str, Any]) -> _AsGiven:
    kind = told["kind"]
    if kind == "training":
        return _Fixed(told["location"], told["scale"])
    if kind == "local":
        return _Local(told["width"])
    if kind not in (None, "recording"):
        raise ValueError(
            f"normalization {kind!r} is unknown; take the onnx_runner.py of the sslts that wrote the file."
        )
    return _AsGiven() if kind is None else _Whole()


# --- decoding: probabilities (t, K) go in, labels come out as soon as they are final ---------------------------------


class _Decoding(Protocol):
    def __init__(self, told: Mapping[str, Any]) -> None: ...
    def push(self, proba: np.ndarray) -> np.ndarray: ...
    def flush(self) -> np.ndarray: ...


def _make_decoding(told: Mapping[str, Any]) -> _Decoding:
    """Return a new decoding of one recording."""
    known: dict[str, type[_Decoding]] = {
        "Argmax": _Argmax,
        "Hysteresis": _Hysteresis,
        "DurationViterbi": _Viterbi,
        "OccurrenceDecoder": _Halves,
    }
    if told["kind"] not in known:
        raise ValueError(f"decoder {told['kind']!r} is unknown, this reader knows {', '.join(known)}; {_OTHER_READER}")
    return known[told["kind"]](told)


class _Argmax:
    def __init__(self, told: Mapping[str, Any]) -> None:
        pass

    def push(self, proba: np.ndarray) -> np.ndarray:
        return proba.argmax(-1)

    def flush(self) -> np.ndarray:
        return np.empty(0, dtype=np.int64)


class _Halves:
    """Labels of one decoder, inside of which another decoder tells the two halves of an occurrence apart."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.owner = np.array(told["owner"])
        self.labels, self.codes = _make_decoding(told["labels"]), _make_decoding(told["splitter"])
        self.n_classes = told["n_classes"]
        self.proba = np.empty((0, len(self.owner)), dtype=np.float32)
        self.known = np.empty(0, dtype=np.int64)

    def push(self, proba: np.ndarray) -> np.ndarray:
        self.proba = np.concatenate([self.proba, proba])
        merged = proba[:, : self.n_classes].copy()
        merged[:, self.owner[self.n_classes :]] += proba[:, self.n_classes :]
        return self._split(self.labels.push(merged))

    def flush(self) -> np.ndarray:
        found = self._split(self.labels.flush())
        return np.concatenate([found, self._agree(self.codes.flush())])

    def _split(self, labels: np.ndarray) -> np.ndarray:
        own = self.owner == labels[:, None]
        inside = np.where(own, self.proba[: len(labels)], 0) + 1e-9 * own
        self.proba, self.known = self.proba[len(labels) :].copy(), np.concatenate([self.known, labels])
        return self._agree(self.codes.push(inside / inside.sum(1, keepdims=True)))

    def _agree(self, codes: np.ndarray) -> np.ndarray:
        labels, self.known = self.known[: len(codes)], self.known[len(codes) :]
        return np.where(self.owner[codes] == labels, codes, labels)


class _Hysteresis:
    """Two thresholds for each class, gaps that are filled, short segments that are dropped, and padding."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.background = told["background"]
        rules = [
            tuple(rule[name] for name in ("onset", "offset", "min_length", "min_gap", "pad")) for rule in told["rules"]
        ]
        self.stations: list[list[Any]] = [
            [_Switch(onset, offset), _Filter([gap, 0], 1, spare_edges=True), _Filter([0, least], 0), _Padding(pad)]
            for onset, offset, least, gap, pad in rules
        ]
        least = [0 if k == self.background else rule[2] for k, rule in enumerate(rules)]
        self.last: Any = _Merger(least) if self.background is None else _Filter(least, self.background)
        self.claims = [np.empty(0, dtype=np.int64) for _ in rules]
        self.proba = np.empty((0, len(rules)))

    def push(self, proba: np.ndarray) -> np.ndarray:
        self.proba = np.concatenate([self.proba, proba])
        for k, stations in enumerate(self.stations):
            bits = proba[:, k]
            for station in stations:
                bits = station.push(bits)
            self.claims[k] = np.concatenate([self.claims[k], bits])
        return self.last.push(self._combine())

    def flush(self) -> np.ndarray:
        for k, stations in enumerate(self.stations):
            bits = np.empty(0)
            for station in stations:
                bits = np.concatenate([station.push(bits), station.flush()])
            self.claims[k] = np.concatenate([self.claims[k], bits.astype(np.int64)])
        return np.concatenate([self.last.push(self._combine()), self.last.flush()])

    def _combine(self) -> np.ndarray:
        """Return the labels of the samples that every class has decided."""
        n = min(len(bits) for bits in self.claims)
        claimed = np.stack([bits[:n] for bits in self.claims], axis=1).astype(bool)
        proba, self.proba, self.claims = self.proba[:n], self.proba[n:], [bits[n:] for bits in self.claims]
        if self.background is not None:
            claimed[:, self.background] = False
        labels = np.where(claimed, proba, -1.0).argmax(1)
        free = ~claimed.any(1)
        labels[free] = proba[free].argmax(1) if self.background is None else self.background
        return labels


class _Switch:
    """1 from a value of at least ``onset`` on, 0 from a value below ``offset`` on."""

    def __init__(self, onset: float, offset: float) -> None:
        self.onset, self.offset, self.on = onset, offset, 0

    def push(self, p: np.ndarray) -> np.ndarray:
        event = np.where(p >= self.onset, 1, np.where(p < self.offset, 0, -1))
        last = np.maximum.accumulate(np.where(event >= 0, np.arange(len(p)), -1))
        bits = np.where(last >= 0, event[last], self.on).astype(np.int64)
        self.on = int(bits[-1]) if len(bits) else self.on
        return bits

    def flush(self) -> np.ndarray:
        return np.empty(0, dtype=np.int64)


class _Filter:
    """Replaces each run of value v shorter than ``least[v]``; with ``spare_edges`` not the first and the last run."""

    def __init__(self, least: list[int], replacement: int, *, spare_edges: bool = False) -> None:
        self.least, self.replacement, self.spare_edges = np.array(least), replacement, spare_edges
        self.held = np.empty(0, dtype=np.int64)
        self.spared = -1 if spare_edges else None  # value of the run that goes on and stays; -1: any

    def push(self, values: np.ndarray) -> np.ndarray:
        if not len(values):
            return np.empty(0, dtype=np.int64)
        values = np.concatenate([self.held, values]).astype(np.int64)
        starts, ends, found = _find_runs(values)
        short = ends - starts < self.least[found]
        if self.spared is not None and self.spared in (-1, found[0]):
            short[0] = False
        out = np.repeat(np.where(short, self.replacement, found), ends - starts)
        if short[-1]:
            self.held, self.spared = values[starts[-1] :], None
            return out[: starts[-1]]
        self.held, self.spared = values[:0], int(found[-1])
        return out

    def flush(self) -> np.ndarray:
        held, self.held = self.held, self.held[:0]
        return held if self.spare_edges else np.full_like(held, self.replacement)


class _Merger:
    """Gives each run of value v that is shorter than ``least[v]`` the label before it, at the start the label after."""

    def __init__(self, least: list[int]) -> None:
        self.least, self.held, self.value = np.array(least), np.empty(0, dtype=np.int64), -1

    def push(self, values: np.ndarray) -> np.ndarray:
        values = np.concatenate([self.held, values]).astype(np.int64)
        if not len(values):
            return values
        starts, ends, found = _find_runs(values)
        long = ends - starts >= self.least[found]
        if self.value < 0:
            enough = long | (ends >= self.least[found[0]])
            enough[-1] = long[-1]
            first = int(enough.argmax())
            if not enough[first]:
                self.held = values
                return values[:0]
            self.value = int(found[first] if long[first] else found[0])
        last = np.maximum.accumulate(np.where(long, np.arange(len(found)), -1))
        given = np.where(last >= 0, found[last], self.value)
        self.value = int(given[-1])
        n = len(values) if given[-1] == found[-1] else starts[-1]
        self.held = values[n:]
        return np.repeat(given, ends - starts)[:n]

    def flush(self) -> np.ndarray:
        held, self.held = self.held, self.held[:0]
        return np.full_like(held, held[0] if self.value < 0 else self.value) if len(held) else held


class _Padding:
    """1 within ``pad`` samples of a 1."""

    def __init__(self, pad: int) -> None:
        self.pad, self.seen = pad, np.zeros(pad, dtype=np.int64)

    def push(self, bits: np.ndarray) -> np.ndarray:
        self.seen = np.concatenate([self.seen, bits])
        n = max(len(self.seen) - 2 * self.pad, 0)
        total = np.concatenate([[0], np.cumsum(self.seen)])
        out = total[2 * self.pad + 1 : 2 * self.pad + 1 + n] > total[:n]
        self.seen = self.seen[n:]
        return out.astype(np.int64)

    def flush(self) -> np.ndarray:
        return self.push(np.zeros(self.pad, dtype=np.int64))


def _find_runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start, end and value of the runs of equal values."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])[: len(values)])
    return starts, np.append(starts[1:], len(values))[: len(starts)], values[starts]


_SMALLEST = 1e-6  # probability in place of smaller ones
_UNIT = 2.0**-20  # of evidence, so that sums are exact
_DOUBTFUL = (0.3, 0.6, 1.0)  # margins at which a segment may begin or end, besides changes of the best class
_GAP = 0.5  # weight of the samples within which such places are one
_SURE = 6.0  # weighted margin of a run that is certainly kept
_STEP = 1 / 64  # of the grid of log-lengths
_WINDOW = 128  # pieces back to which every start is tried; of the starts before, the best is kept


class _Start(NamedTuple):
    """For each class, the score of a segment that is open at the first sample, its samples before, and whether cut."""

    score: np.ndarray
    lasted: np.ndarray
    cut: np.ndarray


class _Chain(NamedTuple):
    """Stretches from the samples ``steps`` to ``stop``, and whether the chain begins and ends at a sure change."""

    steps: list[int]
    stop: int
    sure_start: bool
    sure_stop: bool


class _Viterbi:
    """The best segmentation, given ratings of lengths and neighbors; see ``sslts.decoding.DurationViterbi``.

    A stretch between two sure changes is decided as soon as the second change is certain, a longer one in steps of half
    the latency.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.transition = np.array([[-np.inf if one is None else one for one in row] for row in told["transition"]])
        self.k = len(self.transition)
        self.whole = np.frombuffer(base64.b64decode(told["lengths"]), dtype="<f8").reshape(self.k, -1)
        self.part = np.minimum(np.maximum.accumulate(self.whole[:, ::-1], axis=1)[:, ::-1], 0)
        self.weight, self.hop = told["weight"], told["hop"]
        self.is_soft = np.isinf(self.transition).sum() == self.k  # only then is a change certain
        self.label, self.margin = np.zeros(0, dtype=np.int64), np.zeros(1)
        self.total = np.zeros((self.k, 1))
        self.start = _Start(np.zeros(self.k), np.zeros(self.k, dtype=np.int64), np.ones(self.k, dtype=bool))
        self.carried = 0.0  # margin of the first pending run before the first pending sample

    def push(self, proba: np.ndarray) -> np.ndarray:
        if len(proba):
            logs = np.log(np.maximum(np.asarray(proba, dtype=np.float32).T, np.float32(_SMALLEST)))
            least = np.full((1, logs.shape[1]), np.log(_SMALLEST), dtype=np.float32)
            second, best = np.sort(np.concatenate([logs, least]), axis=0)[-2:]
            self.label = np.concatenate([self.label, logs.argmax(0)])
            self.margin = np.append(self.margin, self.margin[-1] + _accumulate(best - second))
            self.total = np.concatenate([self.total, self.total[:, -1:] + _accumulate(logs)], axis=1)
        return self._advance(ended=False)

    def flush(self) -> np.ndarray:
        return self._advance(ended=True)

    def _advance(self, *, ended: bool) -> np.ndarray:
        """Return the labels that are final now, and forget their samples."""
        labels = self.label.copy()
        chains, done = self._plan(*self._find_changes(), ended=ended)
        for chain in chains:
            self._decide(chain, labels, ended=ended)
        if done:
            self.carried = self._find_carried(done)
            self.label = self.label[done:].copy()
            self.margin, self.total = (
                self.margin[done:] - self.margin[done],
                self.total[:, done:] - self.total[:, done, None],
            )
        return labels[:done]

    def _find_carried(self, at: int) -> float:
        """Return the margin of the run around a position, up to the position."""
        if at == len(self.label):
            return 0.0
        begun = int(_find_runs(self.label[: at + 1])[0][-1])
        return float(self.margin[at] - self.margin[begun]) + (self.carried if begun == 0 else 0.0)

    def _find_changes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the first sample of each run, the runs that begin at a sure change, and when each change is known."""
        starts, ends, _ = _find_runs(self.label)
        need = np.ceil(_SURE / self.weight / _UNIT) * _UNIT
        begun = self.margin[starts]
        margin = self.margin[ends] - begun
        margin[:1] += self.carried
        sure = (margin >= need) & self.is_soft
        change = np.flatnonzero(sure[1:] & sure[:-1]) + 1
        return starts, change, np.searchsorted(self.margin, begun[change] + need, side="left")

    def _plan(
        self, starts: np.ndarray, change: np.ndarray, known: np.ndarray, *, ended: bool
    ) -> tuple[list[_Chain], int]:
        """Return the chains that need a decision, and the number of samples that are decided by them."""
        n, reach, is_fresh = len(self.label), 2 * self.hop, not self.start.lasted.any()
        bounds = np.append(0, starts[change])
        single = np.diff(np.append(0, change)) == 1  # one run between two sure changes needs no decision
        single[:1] &= is_fresh
        late = np.append(np.flatnonzero(known > bounds[:-1] + reach), len(change))
        chains, i = [], 0
        while True:
            j = int(late[np.searchsorted(late, i)])  # the next stretch that is longer than the latency, or the last one
            for m in (np.flatnonzero(~single[i:j]) + i).tolist():
                chains.append(_Chain([int(bounds[m])], int(bounds[m + 1]), m > 0, True))
            steps, following = [int(bounds[j])], j + 1
            while True:
                s = steps[-1]
                following += int(np.searchsorted(bounds[following:], s, side="right"))
                if following < len(bounds) and known[following - 1] <= s + reach:
                    chains.append(_Chain(steps, int(bounds[following]), j > 0, True))
                    break
                if s + reach > n:
                    is_sure = j > 0 or (is_fresh and not self.start.cut.any())
                    if s < n and not (ended and is_sure and len(steps) == 1 and starts[-1] == s):
                        chains.append(_Chain(steps, n, j > 0, False))
                    return chains, n if ended else s
                steps.append(s + self.hop)
            i = following

    def _decide(self, chain: _Chain, labels: np.ndarray, *, ended: bool) -> None:
        """Write the labels of a chain."""
        start = self.start
        if chain.sure_start:  # a new segment of the most probable class
            score = np.full(self.k, -np.inf)
            score[self.label[chain.steps[0]]] = 0.0
            start = _Start(score, np.zeros(self.k, dtype=np.int64), np.zeros(self.k, dtype=bool))
        *forced, last = chain.steps
        for s in forced:
            begins, found = self._find_best(s, s + 2 * self.hop, start, -1)
            labels[s : s + self.hop] = np.repeat(found, np.diff(begins))[: self.hop]
            start = self._restart(begins, found, start)
        if chain.sure_stop or ended:
            end = int(self.label[chain.stop - 1]) if chain.sure_stop else -1
            begins, found = self._find_best(last, chain.stop, start, end)
            labels[last : chain.stop] = np.repeat(found, np.diff(begins))
        else:
            self.start = start

    def _restart(self, begins: np.ndarray, found: np.ndarray, start: _Start) -> _Start:
        """Return the start of the next stretch: the segment of the last decided sample goes on or ends there."""
        i = int(np.searchsorted(begins[:-1], self.hop, side="left")) - 1
        k, first = int(found[i]), int(begins[i])
        cut = i == 0 and bool(start.cut[k])
        lasted = self.hop - first + (int(start.lasted[k]) if i == 0 else 0)
        score = self.transition[k] + (self.part if cut else self.whole)[k, self._index(lasted)]
        score[k] = 0.0
        mine = np.arange(self.k) == k
        return _Start(score, np.where(mine, lasted, 0), mine & cut)

    def _index(self, lengths: Any) -> np.ndarray:
        """Return the grid points of lengths."""
        found = np.rint(np.log(np.maximum(lengths, 1)) / _STEP).astype(np.int64)
        return np.minimum(found, self.whole.shape[1] - 1)

    def _rate(self, lengths: np.ndarray, cut: np.ndarray, *, is_open: bool) -> np.ndarray:
        """Return the ratings (K,) of a segment of each class, which may be cut at its start or open at its end."""
        grid, k = self._index(lengths), np.arange(self.k)
        rating = np.where(cut | is_open, self.part[k, grid], self.whole[k, grid])
        return np.where(cut & is_open, 0.0, rating)

    def _find_edges(self, begin: int, stop: int) -> np.ndarray:
        """Return where a stretch may change, from 0 to its length."""
        margin, label = np.diff(self.margin[begin : stop + 1]), self.label[begin:stop]
        doubt = (margin[:, None] < _DOUBTFUL).sum(1)
        is_run = label[1:] != label[:-1]
        at = np.flatnonzero(is_run | (doubt[1:] != doubt[:-1]))
        cell = at // max(int(_GAP / self.weight), 1)
        keep = is_run[at]
        keep[1:] |= cell[1:] != cell[:-1]
        keep[:1] = True
        return np.concatenate([[0], at[keep] + 1, [stop - begin]])

    def _find_best(self, begin: int, stop: int, start: _Start, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of the best segments of a stretch, from 0, and their classes; end=-1: the last goes on."""
        edges = self._find_edges(begin, stop)
        most = len(edges) - 1
        total = (self.total[:, begin + edges] - self.total[:, begin, None]) * self.weight
        entry = np.full((self.k, most + 1), -np.inf)  # score at the start of a segment, less the evidence up to it
        entry[:, 0] = start.score
        came, before = np.zeros((2, self.k, most + 1), dtype=np.int64)
        oldest = np.zeros(self.k, dtype=np.int64)  # best start before the window
        for j in range(1, most + 1):
            low, is_open = max(0, j - _WINDOW), j == most and end < 0
            scores = (self.part if is_open else self.whole)[:, self._index(edges[j] - edges[low:j])]
            if low == 0:
                scores[:, 0] = self._rate(edges[j] + start.lasted, start.cut, is_open=is_open)
            scores += entry[:, low:j]
            pick, score = scores.argmax(1) + low, scores.max(1)
            if low:
                self._take_oldest(oldest, low - 1, edges, j, entry, start, pick, score, is_open=is_open)
            came[:, j] = pick
            score += total[:, j]
            entering = score[:, None] + self.transition
            before[:, j], entry[:, j] = entering.argmax(0), entering.max(0) - total[:, j]
        return _trace(came, before, edges, end if end >= 0 else int(score.argmax()))

    def _take_oldest(
        self, oldest: np.ndarray, newest: int, edges: np.ndarray, j: int, entry: np.ndarray, start: _Start,
        pick: np.ndarray, score: np.ndarray, *, is_open: bool,
    ) -> None:  # fmt: skip
        """Let the start that leaves the window compete with the kept one, and both with the starts in the window."""
        k, older = np.arange(self.k), []
        for first in (oldest, np.full(self.k, newest)):
            size = edges[j] - edges[first] + (first == 0) * start.lasted
            older.append(entry[k, first] + self._rate(size, (first == 0) & start.cut, is_open=is_open))
        oldest[older[1] > older[0]] = newest
        best = np.maximum(*older)
        better = best > score
        pick[better], score[better] = oldest[better], best[better]


def _accumulate(values: np.ndarray) -> np.ndarray:
    """Return exact running sums of values along the last axis, in multiples of the unit."""
    return np.cumsum(np.rint(values.astype(np.float64) / _UNIT), axis=-1) * _UNIT


def _trace(came: np.ndarray, before: np.ndarray, edges: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds and the classes of segments, from the last class back to the first piece."""
    stop, bounds, found = len(edges) - 1, [edges[-1]], []
    while stop:
        first = int(came[k, stop])
        bounds.append(edges[first])
        found.append(k)
        k, stop = int(before[k, first]), first
    return np.array(bounds[::-1]), np.array(found[::-1])


class _Growing:
    """Segments from labels that arrive in parts; codes from K on begin a new occurrence of their owner's class."""

    def __init__(self, owner: np.ndarray, n_classes: int) -> None:
        self.owner, self.n_classes = owner, n_classes
        self.pending = np.empty((0, n_classes), dtype=np.float32)  # of the samples without a final label
        self.code, self.labeled = -1, 0
        self.start, self.total = 0, 0.0  # of the open segment

    def push(self, proba: np.ndarray, codes: np.ndarray, *, end: bool = False) -> list[tuple[int, int, int, float]]:
        """Take more probabilities and the next labels; return class index, start, end and score of what ended."""
        pending = np.concatenate([self.pending, proba])
        self.pending = pending[len(codes) :].copy()
        last = np.append(self.code, codes)[:-1]
        labels = self.owner[codes]
        changed = (last < 0) | (labels != self.owner[last]) | ((codes >= self.n_classes) & (codes != last))
        begin = np.flatnonzero(changed)
        own = pending[np.arange(len(codes)), labels].astype(np.float64)
        self.total += own[: begin[0] if len(begin) else len(codes)].sum()
        closed = []
        for first, stop in zip(begin.tolist(), [*begin[1:].tolist(), len(codes)], strict=False):
            closed += self._close(self.labeled + first)
            self.start, self.total, self.code = self.labeled + first, float(own[first:stop].sum()), int(codes[first])
        self.labeled += len(codes)
        self.code = int(codes[-1]) if len(codes) else self.code
        return closed + (self._close(self.labeled) if end else [])

    def _close(self, end: int) -> list[tuple[int, int, int, float]]:
        if self.code < 0:
            return []
        return [(int(self.owner[self.code]), self.start, end, self.total / (end - self.start))]
