"""The effort of an annotator, in clicks: drawing segments, or correcting those that a model drew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from sslts.recipes import Recipe, bounded


@dataclass(frozen=True)
class Clicks(Recipe):
    """Clicks of an annotator for each segment; to accept a right segment costs nothing.

    Parameters
    ----------
    draw : float, default=2
        To draw a segment: a click at its start and one at its end.
    boundary : float, default=1
        To move a wrong start or end.
    label : float, default=2
        To change the class.
    delete : float, default=1
        To delete a segment that is none.
    tolerance : float, default=0.1
        A start or end is right if it is off by at most this share of the true segment's length.

    Examples
    --------
    Two true segments; the model found the first one with a wrong end, and a false one:

    >>> import pandas as pd
    >>> from sslts.labeling import Clicks
    >>> true = pd.DataFrame({"start": [10, 50], "end": [20, 60], "label": [1, 1]})
    >>> found = pd.DataFrame({"start": [10, 80], "end": [26, 90], "label": [1, 1]})
    >>> Clicks().count_drawn(true), Clicks().count_corrected(true, found)
    (4.0, 4.0)
    """

    draw: float = bounded(2)
    boundary: float = bounded(1)
    label: float = bounded(2)
    delete: float = bounded(1)
    tolerance: float = bounded(0.1)

    def count_drawn(self, true: pd.DataFrame) -> float:
        """Return the clicks that draw the segments of one stretch: ``start, end, label``."""
        return float(self.draw * len(true))

    def count_corrected(self, true: pd.DataFrame, found: pd.DataFrame) -> float:
        """Return the fewest clicks that turn the segments which a model found in one stretch into the true ones."""
        if not (len(true) and len(found)):
            return float(self.draw * len(true) + self.delete * len(found))
        start, end = (np.subtract.outer(true[name].to_numpy(), found[name].to_numpy()) for name in ("start", "end"))
        slack = self.tolerance * (true["end"] - true["start"]).to_numpy()[:, None]
        other = true["label"].to_numpy()[:, None] != found["label"].to_numpy()[None]
        wrong = (np.abs(start) > slack).astype(float) + (np.abs(end) > slack)
        apart = np.less_equal.outer(true["end"].to_numpy(), found["start"].to_numpy()) | np.greater_equal.outer(
            true["start"].to_numpy(), found["end"].to_numpy()
        )
        anew = self.draw + self.delete
        cost = np.where(apart, anew, np.minimum(self.boundary * wrong + self.label * other, anew))
        rows, columns = linear_sum_assignment(cost)
        left = self.draw * (len(true) - len(rows)) + self.delete * (len(found) - len(columns))
        return float(cost[rows, columns].sum() + left)
