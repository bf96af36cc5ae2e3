"""From recordings to probabilities, with a fitted net."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from sslts.preprocessing import NormalizedRecordings
from sslts.training import SegmentationNet
from sslts.windows import cut_pieces

PREDICT_SAMPLES = 1 << 17  # samples in one forward pass


@torch.no_grad()
def predict_recordings(net: SegmentationNet, recordings: NormalizedRecordings) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(i, proba)`` for each recording, ``proba`` float32 of shape (T_i, K), from the averaged weights.

    Long recordings are cut into pieces that overlap by the receptive field, so that the result is that of one pass. A
    network that names no ``stride`` and ``receptive_field`` reads each recording at once.
    """
    module = net.teacher_.module
    stride, reach = getattr(module, "stride", None), getattr(module, "receptive_field", None)
    lengths = recordings.recordings.lengths
    core, halo = int(lengths.max()), 0
    if stride is not None and reach is not None:
        halo = find_halo(stride, reach)
        core = max(PREDICT_SAMPLES // stride * stride, stride)
    for group in _group_by_length(lengths, core + 2 * halo):
        if len(group) == 1 and lengths[group[0]] > core + 2 * halo:
            yield group[0], _predict_long(net, recordings, group[0], core=core, halo=halo)
            continue
        x = np.stack([recordings.read(i) for i in group])
        yield from zip(group, predict_batch(net, x), strict=True)


def find_halo(stride: int, receptive_field: int) -> int:
    """Return by how much pieces overlap so that their middles are those of one pass: a multiple of the stride.

    Examples
    --------
    >>> find_halo(8, 100)
    104
    """
    return -(-receptive_field // stride) * stride


def _group_by_length(lengths: np.ndarray, longest: int) -> Iterator[list[int]]:
    """Yield indices of equally long recordings that fit into one pass together; long ones come alone."""
    order = np.argsort(lengths, kind="stable")
    different, first_of = np.unique(lengths[order], return_index=True)
    for length, same in zip(different, np.split(order, first_of[1:]), strict=True):
        size = max(PREDICT_SAMPLES // int(length), 1) if length <= longest else 1
        for first in range(0, len(same), size):
            yield same[first : first + size].tolist()


def _predict_long(
    net: SegmentationNet, recordings: NormalizedRecordings, i: int, *, core: int, halo: int
) -> np.ndarray:
    parts = []
    for piece in cut_pieces(i, int(recordings.recordings.lengths[i]), core=core, halo=halo):
        proba = predict_batch(net, recordings.read(i, piece.start, piece.stop)[None])[0]
        parts.append(proba[piece.keep_start - piece.start : piece.keep_stop - piece.start])
    return np.concatenate(parts)


def predict_batch(net: SegmentationNet, x: np.ndarray) -> np.ndarray:
    """Return the probabilities (B, T, K), float32, of signals (B, C, T) in one pass."""
    proba = net.ask_teacher(torch.as_tensor(x, device=net.device))
    return proba.transpose(1, 2).contiguous().cpu().numpy()
