"""Groups of recordings: whose recording each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def check_groups(groups: Sequence[Any] | np.ndarray | None, n: int, name: str = "groups") -> np.ndarray | None:
    """Return the groups as an array that can be sorted: their own values, or numbers for what has no order.

    All that is missing, None or NaN, is one group.

    Parameters
    ----------
    groups : array-like or None
    n : int
        Number of recordings.
    name : str
        What an error calls the groups.

    Raises
    ------
    ValueError
        If there is not one for each recording.

    Examples
    --------
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
        raise ValueError(f"{name} has shape {array.shape}, y has {n} recordings; give one group for each.")
    return pd.factorize(array, use_na_sentinel=False)[0] if _has_no_order(array) else array


def _has_no_order(array: np.ndarray) -> bool:
    if pd.isna(array).any():  # NaN equals nothing
        return True
    try:
        np.sort(array)
    except TypeError:  # numbers among names, say
        return True
    return False
