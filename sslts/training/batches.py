"""Batches of training windows, from recordings in memory or read from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sslts.annotations import LabelDetails, LabelRuns
from sslts.augment import Tracks
from sslts.recordings import NormalizedRecordings
from sslts.training.hardware import _find_memory
from sslts.training.step import Batch
from sslts.training.windows import WindowSampler


class _HeldWindows:
    """Windows of recordings that are held on the device as one flat tensor; one index operation gathers a batch.

    Only the recordings ``wanted`` are held.
    """

    def __init__(
        self, recordings: NormalizedRecordings, wanted: np.ndarray, window_length: int, device: torch.device
    ) -> None:
        lengths = recordings.recordings.lengths
        used = np.zeros_like(lengths)
        used[wanted] = lengths[wanted]
        offsets = np.cumsum(used) - used
        flat = np.empty((int(used.sum()), recordings.recordings.n_channels), dtype=np.float32)
        for i, offset in zip(wanted.tolist(), offsets[wanted].tolist(), strict=True):
            for start, x in recordings.read_through(i):
                flat[offset + start : offset + start + x.shape[-1]] = x.T
        self.device, self.x = device, torch.as_tensor(flat, device=device)
        self.lengths, self.offsets = (torch.as_tensor(values, device=device) for values in (lengths, offsets))
        self.step = torch.arange(window_length, device=device)

    def cut(self, recording: np.ndarray, start: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the signals (B, C, T) of windows, and a mask (B, T) of the samples inside the recording."""
        which, first = _send(recording, self.device), _send(start, self.device)
        position = first[:, None] + self.step
        valid = position < self.lengths[which, None]
        flat = (self.offsets[which, None] + position).clamp(max=len(self.x) - 1)
        return self.x[flat].transpose(1, 2).contiguous() * valid[:, None], valid


class _ReadWindows:
    """Windows of recordings that are not held; the windows of each batch are read when needed."""

    def __init__(self, recordings: NormalizedRecordings, window_length: int) -> None:
        self.recordings, self.window_length = recordings, window_length

    def cut(self, recording: np.ndarray, start: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the signals (B, C, T) of windows, and a mask (B, T) of the samples inside the recording."""
        source = self.recordings.recordings
        stop = np.minimum(start + self.window_length, source.lengths[recording])
        x = np.zeros((len(recording), source.n_channels, self.window_length), dtype=np.float32)
        for row, i, first, last in zip(x, recording, start, stop, strict=True):
            row[:, : last - first] = self.recordings.read(int(i), int(first), int(last))
        return torch.from_numpy(x), torch.from_numpy(np.arange(self.window_length) < (stop - start)[:, None])


class WindowDataset(Dataset):
    """A data set of all recordings, from which batches of windows are drawn.

    Recordings in memory that fit twice into the memory of the device are held there as one flat tensor. For other
    recordings, the windows of a batch are read while the previous step runs. Both ways give the same batches: a batch
    depends only on the seed and the number of the step.

    Parameters
    ----------
    recordings : NormalizedRecordings
        The normalized signals.
    labels : LabelRuns
        Class indices, ``-1`` where unlabeled.
    window_length : int
        Samples in a window.
    batch_size : int
        Labeled windows in a batch.
    n_unlabeled : int
        Unlabeled windows in a batch.
    n_classes : int
        Number of classes.
    device : torch.device
        Device of the batches.
    seed : int
        Seed of the random positions of the windows.
    others : mapping of str to WindowDataset, or None, default=None
        Additional pools of recordings; each batch also contains labeled windows of each pool.
    guesses : LabelRuns or None, default=None
        A guide's class indices, ``-1`` where it has none. Unlabeled windows are drawn where it has some and hold
        them as probabilities of 0 and 1.
    details : LabelDetails, default=LabelDetails()
        Weights and soft labels of the labeled samples, where given.
    taught_by : str or None, default=None
        The pool in ``others`` whose windows are the labeled windows of each batch, for recordings without any label.

    Examples
    --------
    >>> from sslts.recordings import as_recordings
    >>> seen = NormalizedRecordings(as_recordings(np.arange(40.0).reshape(2, 20)), None, width=0)
    >>> labels = LabelRuns.from_constants(np.array([1, -1]), np.array([20, 20]))
    >>> sizes = dict(window_length=8, batch_size=2, n_unlabeled=3, n_classes=2)
    >>> dataset = WindowDataset(seen, labels, **sizes, device=torch.device("cpu"), seed=0)
    >>> batch = dataset.draw(step=5)
    >>> batch.labeled.target.unique().tolist(), batch.unlabeled.target.unique().tolist(), batch.unlabeled.x.shape
    ([1], [-1], torch.Size([3, 1, 8]))
    >>> torch.equal(batch.unlabeled.x, next(dataset.iterate(5, 6)).unlabeled.x)
    True
    """

    def __init__(
        self,
        recordings: NormalizedRecordings,
        labels: LabelRuns,
        *,
        window_length: int,
        batch_size: int,
        n_unlabeled: int,
        n_classes: int,
        device: torch.device,
        seed: int,
        others: Mapping[str, WindowDataset] | None = None,
        guesses: LabelRuns | None = None,
        details: LabelDetails = LabelDetails(),  # noqa: B008
        taught_by: str | None = None,
    ) -> None:
        self.others, self.details, self.taught_by = others or {}, details, taught_by
        self.labels, self.guesses, self.window_length = labels, guesses, window_length
        self.batch_size, self.n_unlabeled = batch_size, n_unlabeled
        self.n_classes, self.device, self.seed = n_classes, device, seed
        self.sampler = WindowSampler(labels, window_length, n_classes, among=guesses)
        wanted = np.arange(len(labels)) if n_unlabeled else np.flatnonzero(labels.labeled)
        self.recordings, self.wanted = recordings, wanted
        pools = [self, *self.others.values()]
        # All pools are held or none: the windows of a batch must be in one memory.
        together = _fits([(one.recordings, one.wanted) for one in pools], device)
        for one in pools:
            one._choose_windows(together)

    def _choose_windows(self, holds: bool) -> None:
        """Hold the recordings on the device, or read windows from them."""
        self.holds = holds
        self.windows: _HeldWindows | _ReadWindows = (
            _HeldWindows(self.recordings, self.wanted, self.window_length, self.device)
            if holds
            else _ReadWindows(self.recordings, self.window_length)
        )

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, recording: np.ndarray, start: np.ndarray, *, labels: bool = True) -> Tracks:
        """Return the windows at ``start`` (B,) of ``recording`` (B,); with ``labels=False``, all targets are -1."""
        x, valid = self.windows.cut(recording, start)
        if not labels:
            return Tracks(x, torch.full_like(valid, -1, dtype=torch.int64), valid)
        details = self.details.cut(recording, start, self.window_length)
        return Tracks(
            x,
            _send(self.labels.cut(recording, start, self.window_length), valid.device),
            valid,
            **{name: _send(values, valid.device) for name, values in details.items()},
        )

    def draw(self, step: int) -> Batch:
        """Return the batch of a step, on the device if the recordings are held there, else in host memory."""
        rng = np.random.default_rng((self.seed, step))
        teacher = self if self.taught_by is None else self.others[self.taught_by]
        labeled = teacher._draw_labeled(rng)
        unlabeled = self._draw_unlabeled(rng)
        others = {name: other._draw_labeled(rng) for name, other in self.others.items() if name != self.taught_by}
        return Batch(labeled, unlabeled, others, guided=self.guesses is not None)

    def _draw_labeled(self, rng: np.random.Generator) -> Tracks:
        return self.gather(*self.sampler.draw_labeled(self.batch_size, rng))

    def _draw_unlabeled(self, rng: np.random.Generator) -> Tracks:
        recording, start = self.sampler.draw_unlabeled(self.n_unlabeled, rng)
        windows = self.gather(recording, start, labels=False)
        if self.guesses is None:
            return windows
        target = _send(self.guesses.cut(recording, start, self.window_length), windows.valid.device)
        return windows.replace(target=target).make_certain(self.n_classes)

    def iterate(self, first: int, last: int) -> Iterator[Batch]:
        """Yield the batches of steps ``first`` to ``last`` on the device, reading the next batch in the background."""
        if self.holds or first >= last:
            yield from (self.draw(step) for step in range(first, last))
            return
        with ThreadPoolExecutor(1, thread_name_prefix="sslts-windows") as reader:
            coming = reader.submit(self._draw_pinned, first)
            for step in range(first + 1, last + 1):
                batch = coming.result()
                if step < last:
                    coming = reader.submit(self._draw_pinned, step)
                yield batch.map_tensors(lambda values: values.to(self.device, non_blocking=True))

    def _draw_pinned(self, step: int) -> Batch:
        batch = self.draw(step)
        return batch.map_tensors(Tensor.pin_memory) if self.device.type == "cuda" else batch


def _fits(pools: Sequence[tuple[NormalizedRecordings, np.ndarray]], device: torch.device) -> bool:
    """Return whether the wanted recordings are in memory and a copy leaves half of the device's memory free."""
    size = 0
    for seen, wanted in pools:
        given = seen.recordings
        if any(given.is_lazy(int(i)) for i in wanted):
            return False
        size += 4 * given.n_channels * int(given.lengths[wanted].sum())
    return size <= _find_memory(device) // 2


def _send(values: np.ndarray, device: torch.device) -> Tensor:
    """Return an array as a tensor on the device, without waiting for the transfer."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
