"""Upgrades of headers, each from one file format to the next.

To change the format, add one function to `UPGRADES`: the format that files are written in follows from the table. An
upgrade changes the JSON header alone, and needs no other part of the package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

Header = dict[str, Any]


def _name_labeled_loss(header: Header) -> Header:
    """Add the labeled loss: format 1 did not store it, and always used the cross-entropy."""
    loss = {"$": "recipe", "class": "CrossEntropy", "fields": {"label_smoothing": 0.0}}
    for segmenter in _find_segmenters(header.get("model")):
        if "class" in segmenter and "network" in segmenter["params"]:  # a constructor of a user may lack the parameter
            segmenter["params"]["labeled_loss"] = loss
    parameters = header.get("identity", {}).get("parameters", {})
    digest = hashlib.sha256(json.dumps(loss).encode()).hexdigest()
    for name in [name for name in parameters if name.rpartition("__")[2] == "network"]:
        parameters[f"{name.removesuffix('network')}labeled_loss"] = [digest, "CrossEntropy(label_smoothing=0.0)"]
    return header


def _find_segmenters(coded: Any) -> Iterator[Header]:
    """Yield all segmenters in an encoded value, outer segmenters first."""
    if isinstance(coded, dict):
        if coded.get("$") == "segmenter":
            yield coded
        for value in coded.values():
            yield from _find_segmenters(value)
    elif isinstance(coded, list):
        for value in coded:
            yield from _find_segmenters(value)


# For each format, the function that turns its header into a header of the next format.
UPGRADES: dict[int, Callable[[Header], Header]] = {1: _name_labeled_loss}
