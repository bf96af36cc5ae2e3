"""Fingerprints of data, weights and estimators: equal for equal content, also in another process.

There are two digests, because files of two formats hold them. A change of a digest would make its existing files
belong to another study or fit, so neither digest can replace the other:

* `digest_arrays`, with 64 hexadecimal digits, is for checkpoints of a fit or a stream. It covers the shapes and the
  bytes of arrays in memory.
* `fingerprint`, with 12 hexadecimal digits, is for files of label-efficiency curves. It covers recordings, labels and
  groups in every accepted form, also their dtype, and reads lazy arrays row by row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from sslts._wrapping import find_owner
from sslts.recordings import adopt, is_lazy


def digest_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Return the digest of a sequence of arrays, as checkpoint files store it: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def list_weights(estimator: Any) -> list[Any]:
    """Return the classes and the weights that predict of a fitted segmenter as arrays; empty if it is not fitted."""
    owner = find_owner(estimator, "normalization_")
    return [] if owner is None else [owner.classes_, *owner._get_predictor().list_weights()]


def strip_addresses(text: str) -> str:
    """Return the repr of an object without its memory address, which differs between processes."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def describe_estimator(estimator: Any) -> str:
    """Return the class and the parameters of an estimator as text that is the same in every process."""
    before = getattr(estimator, "_before", {})
    params = [
        f"{name}={_describe_value(value)}"
        for name, value in sorted(estimator.get_params(deep=False).items())
        # Files of versions without the parameter describe the same estimator.
        if not (name in before and value == before[name])
    ]
    return f"{type(estimator).__name__}({', '.join(params)}{_describe_start(estimator)})"


def _describe_start(estimator: Any) -> str:
    """Return a text with the fingerprint of the fitted weights that a clone keeps; empty without such weights."""
    kept = estimator if isinstance(estimator, FrozenEstimator) else getattr(estimator, "init", None)
    weights = list_weights(kept)
    return f", weights of init: {fingerprint(*weights)}" if weights else ""


def _describe_value(value: Any) -> str:
    """Return a parameter's value as text that is the same in every process."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        return describe_estimator(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_describe_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_describe_value(item)}' for name, item in value.items())}}}"
    if isinstance(value, np.random.RandomState):
        return f"RandomState({fingerprint(*value.get_state())})"
    if isinstance(value, np.random.Generator):
        return f"Generator({fingerprint(repr(value.bit_generator.state))})"
    return strip_addresses(repr(value))


def describe_scoring(scoring: Any) -> str:
    """Return the name of a scoring function, or a description of another scoring object, the same in every process."""
    name = getattr(scoring, "__name__", None)
    return name if callable(scoring) and isinstance(name, str) else _describe_value(scoring)


def fingerprint(*values: Any) -> str:
    """Return the digest of arrays, lists of arrays and groups, as curve files store it: 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for value in values:
        _update_digest(digest, value)
    return digest.hexdigest()[:12]


def _read_rows(table: Any) -> Iterator[Any]:
    """Yield the rows one at a time, because they may be in a file; yield the whole if there is only one axis."""
    if len(table.shape) > 1:
        yield from (table[i] for i in range(table.shape[0]))
    else:
        yield table[:] if table.shape else table


def _update_digest(digest: Any, value: Any) -> None:
    """Add a value to the digest."""
    if hasattr(value, "list_touching"):
        value = [*value.list_labels(), value.list_touching()]
    if hasattr(value, "list_items"):  # recordings
        value = [value.get(i) for i in range(len(value))]
    value = adopt(value)
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if value is None or isinstance(value, str):
        digest.update(repr(value).encode())
    elif (isinstance(value, np.ndarray) and value.dtype != object) or is_lazy(value):
        digest.update(f"{tuple(value.shape)}{getattr(value, 'dtype', '')}".encode())
        for row in _read_rows(value):
            digest.update(np.ascontiguousarray(row).tobytes())
    elif hasattr(value, "__iter__"):
        digest.update(b"[")
        for item in value:
            _update_digest(digest, item)
        digest.update(b"]")
    else:
        digest.update(f"{type(value).__name__}{np.asarray(value).tolist()!r}".encode())
