"""The processes that share one fit, as ``torch.distributed`` counts them: ranks."""

from __future__ import annotations

from typing import Any

import torch.distributed as dist


def count_ranks() -> int:
    """Return the number of processes in torch's process group; 1 without a group.

    Examples
    --------
    >>> count_ranks()
    1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first_rank() -> bool:
    """Return whether this process is the one that writes files and prints.

    Examples
    --------
    >>> is_first_rank()
    True
    """
    return count_ranks() == 1 or dist.get_rank() == 0


def may_print(verbose: int) -> bool:
    """Return whether this process prints: with ``verbose``, the first rank.

    Examples
    --------
    >>> may_print(1), may_print(0)
    (True, False)
    """
    return bool(verbose) and is_first_rank()


def gather_values(value: Any) -> list[Any]:
    """Return the value of each rank; every rank has to call this.

    Examples
    --------
    >>> gather_values(3)
    [3]
    """
    found = [value] * count_ranks()
    if len(found) > 1:
        dist.all_gather_object(found, value)
    return found
