"""Growth of points to segments: a segmenter that learned from points says where the occurrences start and end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sslts._wrapping import find_attribute
from sslts.annotations import Annotations
from sslts.recordings import as_recordings

_LEAST = 1e-6  # probabilities below it do not outweigh a whole occurrence


def grow_points(segmenter: Any, points: pd.DataFrame, X: Any, *, looked_at: Any = None) -> Annotations:
    """Return annotations with the segments that a segmenter sees around points.

    Between two points, the first occurrence ends and the second begins where the product of the probabilities is
    greatest. Each point keeps its class, and no other occurrence appears. Fit on `Annotations.from_points`, grow the
    points, and fit again.

    Parameters
    ----------
    segmenter : fitted segmenter
        Its probabilities decide; it was fitted on the labels of the points.
    points : pandas.DataFrame
        ``recording, position, label``, as in `Annotations.from_points`.
    X : array-like
        The recordings.
    looked_at : sequence of recordings, pandas.DataFrame, or None, default=None
        What was looked at, as in `Annotations.from_points`; segments end there. None: the recordings with points.

    Returns
    -------
    Annotations

    Raises
    ------
    ValueError
        If a column is missing, or a label is not one of the classes of the segmenter.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sslts import Annotations, WindowFeatureSegmenter
    >>> from sslts.labeling import grow_points
    >>> x = np.random.default_rng(0).normal(0, 0.1, (1, 400))
    >>> for start in range(20, 400, 60):
    ...     x[0, start : start + 30] += 1
    >>> points = pd.DataFrame({"recording": 0, "position": range(35, 400, 60), "label": 1})
    >>> few = Annotations.from_points(points, x, length=20)
    >>> segmenter = WindowFeatureSegmenter(random_state=0).fit(x, few)
    >>> grow_points(segmenter, points, x).table[["start", "end"]].head(2).values.tolist()
    [[20, 50], [80, 110]]
    """
    recordings = as_recordings(X)
    background = find_attribute(segmenter, "background", 0)
    options = {"length": 1, "core": 0, "reach": 0, "looked_at": looked_at, "background": background}
    clicks = Annotations.from_points(points, recordings, **options).renumber(find_attribute(segmenter, "class_names_"))
    seen = Annotations.from_points(points, recordings, length=1, core=0, reach=0, looked_at=looked_at)
    stretches = replace(seen, names=None).looked_at.to_numpy()
    classes = np.asarray(find_attribute(segmenter, "classes_"))
    runs = clicks.runs
    is_point = runs.value >= 0
    if clicks.background is not None:
        is_point &= runs.value != clicks.background
    unknown = np.setdiff1d(runs.value[is_point], classes)
    if len(unknown):
        raise ValueError(f"points have the class {unknown[0]}, which the segmenter does not know: {classes.tolist()}.")
    column = np.flatnonzero(classes == background)
    owner, position = runs.recording[is_point], runs.start[is_point]
    code = np.searchsorted(classes, runs.value[is_point])
    start, end = position.copy(), position + 1
    for i in np.unique(owner).tolist():
        (proba,) = segmenter.predict_proba(recordings.list_items([i]))
        logs = np.cumsum(np.log(np.maximum(proba, _LEAST)), axis=0, dtype=np.float64)
        rows = np.flatnonzero(owner == i)
        sums = _Sums(np.concatenate([np.zeros((1, logs.shape[1])), logs]), column[0] if len(column) else None)
        ends = sums.find_ends(code[rows], position[rows], *_find_stretches(stretches, i, position[rows]))
        start[rows], end[rows] = ends
    table = clicks.table.assign(start=start, end=end)
    return Annotations.from_table(
        table, recordings, looked_at, background=clicks.background, class_names=clicks.class_names
    )


class _Sums:
    """Sums of logarithms of the probabilities of one recording up to each sample, (T + 1, K)."""

    def __init__(self, total: np.ndarray, background: int | None) -> None:
        self.total = total
        self.rest = None if background is None else total[:, background]

    def find_ends(
        self, code: np.ndarray, position: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return start and end of the occurrences at points, which lie in stretches from `low` to `high`."""
        start, end = low.copy(), high.copy()
        for k, (first, own) in enumerate(zip(position.tolist(), self.total.T[code], strict=True)):
            if self.rest is not None and (k == 0 or position[k - 1] < low[k]):
                start[k] += (self.rest - own)[low[k] : first + 1].argmax()
            if k + 1 < len(position) and position[k + 1] < high[k]:
                end[k], start[k + 1] = self._split(own, self.total[:, code[k + 1]], first + 1, int(position[k + 1]) + 1)
            elif self.rest is not None:
                end[k] = first + 1 + (own - self.rest)[first + 1 : high[k] + 1].argmax()
        return start, end

    def _split(self, own: np.ndarray, other: np.ndarray, low: int, high: int) -> tuple[int, int]:
        """Return where one occurrence ends, and where the next one begins, between two points."""
        if self.rest is None:
            end = low + int((own - other)[low:high].argmax())
            return end, end
        before, after = (own - self.rest)[low:high], (self.rest - other)[low:high]
        start = int((np.maximum.accumulate(before) + after).argmax())
        return low + int(before[: start + 1].argmax()), low + start


def _find_stretches(looked_at: np.ndarray, i: int, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the stretch that was looked at around each point of a recording."""
    own = looked_at[looked_at[:, 0] == i]
    k = np.searchsorted(own[:, 1], position, side="right") - 1
    return own[k, 1], own[k, 2]
