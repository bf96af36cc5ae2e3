"""Features of stretches from the network of a fitted segmenter."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sslts._runs import group_by_length
from sslts.recordings import NormalizedRecordings, Recordings
from sslts.training import SegmentationNet

_SAMPLES_TOGETHER = 1 << 17


class EmbedsStretches:
    """Mixin that describes stretches by the deepest features of a fitted network."""

    net_: SegmentationNet

    def embed(self, X: Any, recording: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray | None:
        """Return features of stretches: the mean and the spread over time of the network's deepest features.

        Stretches with near features look alike to the network. All stretches are read in the median of their lengths,
        around their centers.

        Parameters
        ----------
        X : array-like
            Recordings, in any container that `fit` takes.
        recording, start, end : ndarray of int, shape (m,)
            The stretches: number of the recording, first sample, and the sample after the last.

        Returns
        -------
        ndarray of float32, shape (m, F), or None
            None if the network has no ``encode``, as a custom network may.

        Examples
        --------
        >>> import numpy as np
        >>> from sslts import SupervisedSegmenter
        >>> from sslts.datasets import make_recordings
        >>> from sslts.networks import UNet
        >>> X, y = make_recordings(4, n_samples=400, random_state=0)
        >>> segmenter = SupervisedSegmenter(network=UNet(width=4, depth=1), max_steps=1, random_state=0).fit(X, y)
        >>> segmenter.embed(X, np.array([0, 3]), np.array([0, 100]), np.array([100, 200])).shape
        (2, 16)
        """
        recordings: Recordings = self._read(X)  # type: ignore[attr-defined]
        seen: NormalizedRecordings = self._normalize(recordings)  # type: ignore[attr-defined]
        lengths = recordings.lengths[recording]
        size = np.minimum(int(np.median(end - start)) if len(start) else 1, lengths)
        begin = np.clip((start + end - size) // 2, 0, lengths - size)
        found: dict[int, np.ndarray] = {}
        for length, rows in group_by_length(size, np.arange(len(size)), _SAMPLES_TOGETHER):
            x = np.stack([seen.read(int(recording[k]), int(begin[k]), int(begin[k]) + length) for k in rows])
            features = self.net_.embed(torch.as_tensor(x, device=self.net_.device))
            if features is None:
                return None
            found.update(zip(rows, features.cpu().numpy(), strict=True))
        return np.stack([found[k] for k in range(len(size))]) if found else np.empty((0, 0), dtype=np.float32)
