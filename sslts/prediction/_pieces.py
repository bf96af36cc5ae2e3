"""Cut a long recording into pieces that overlap."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """A piece of a recording: read ``[start, stop)``, keep ``[keep_start, keep_stop)``.

    Examples
    --------
    >>> import numpy as np
    >>> piece = Piece(start=2, stop=10, keep_start=4, keep_stop=8)
    >>> read = np.arange(20)[piece.start : piece.stop]
    >>> read[piece.keep_start - piece.start : piece.keep_stop - piece.start].tolist()
    [4, 5, 6, 7]
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def cut_pieces(length: int, *, core: int, halo: int) -> list[Piece]:
    """Cut a recording into pieces whose kept parts tile it.

    A piece reads ``halo`` samples more on both sides than it keeps. When ``halo`` covers the network's receptive field
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
        if length - keep_stop <= halo:  # the rest is read anyway, so it is kept too
            keep_stop = length
        pieces.append(Piece(max(keep_start - halo, 0), min(keep_stop + halo, length), keep_start, keep_stop))
        if keep_stop == length:
            break
    return pieces
