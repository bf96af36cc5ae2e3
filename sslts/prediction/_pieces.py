"""Overlapping pieces of a long recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """A piece of a recording: samples ``[start, stop)`` are read, ``[keep_start, keep_stop)`` are kept."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def cut_pieces(length: int, *, core: int, halo: int) -> list[Piece]:
    """Return pieces whose kept parts cover a recording without overlap.

    A piece reads ``halo`` more samples on both sides than it keeps. If ``halo`` covers the network's receptive field,
    and ``core`` and ``halo`` are multiples of its stride, the kept parts equal one pass over the whole recording.

    Examples
    --------
    >>> [(p.start, p.stop, p.keep_start, p.keep_stop) for p in cut_pieces(10, core=4, halo=2)]
    [(0, 6, 0, 4), (2, 10, 4, 10)]
    """
    if length <= core + 2 * halo:
        return [Piece(0, length, 0, length)]
    pieces = []
    for keep_start in range(0, length, core):
        keep_stop = min(keep_start + core, length)
        if length - keep_stop <= halo:  # the rest is read anyway, so keep it too
            keep_stop = length
        pieces.append(Piece(max(keep_start - halo, 0), min(keep_stop + halo, length), keep_start, keep_stop))
        if keep_stop == length:
            break
    return pieces
