"""Groups of recordings, such as patients or machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def check_groups(
    groups: Sequence[Any] | np.ndarray | None, n: int, name: str = "groups", of: str = "y"
) -> np.ndarray | None:
    """Return the group of each recording as an array that can be sorted, or None.

    Values that cannot be sorted are replaced by integers. All missing values (None or NaN) form one group.

    Parameters
    ----------
    groups : array-like or None
        Group of each recording.
    n : int
        Number of recordings.
    name, of : str, default="groups", "y"
        Names of the argument, and of the argument with the recordings, in the error message.

    Returns
    -------
    ndarray of shape (n,) or None

    Raises
    ------
    ValueError
        If the number of groups is not `n`.

    Examples
    --------
    >>> import numpy as np
    >>> from sslts.model_selection import check_groups
    >>> check_groups([7, 7, 9], 3)
    array([7, 7, 9])
    >>> check_groups([None, "b", None], 3)
    array([0, 1, 0])
    >>> check_groups([2.5, np.nan, np.nan], 3)
    array([0, 1, 1])
    >>> check_groups([7, 7], 3)
    Traceback (most recent call last):
    ...
    ValueError: groups has shape (2,), y has 3 recordings; give one group for each.
    """
    if groups is None:
        return None
    array = np.asarray(groups)
    if array.shape != (n,):
        raise ValueError(f"{name} has shape {array.shape}, {of} has {n} recordings; give one group for each.")
    return array if _is_sortable(array) else pd.factorize(array, use_na_sentinel=False)[0]


def _is_sortable(array: np.ndarray) -> bool:
    """Return whether the values can be sorted and compared."""
    if pd.isna(array).any():  # NaN does not equal itself
        return False
    try:
        np.sort(array)
    except TypeError:  # for example numbers among strings
        return False
    return True
