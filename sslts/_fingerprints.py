"""Fingerprints of data, weights and estimators: equal for equal content, in this process and the next."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from sslts._wrapping import find_owner
from sslts.recordings import is_lazy


def digest_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Return 64 digits that tell arrays, in their order, from others.

    Examples
    --------
    >>> digest_arrays([np.zeros(2)]) == digest_arrays([np.zeros(2)]) != digest_arrays([np.zeros((2, 1))])
    True
    """
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()


def list_weights(estimator: Any) -> list[Any]:
    """Return what another segmenter may start from, classes and averaged weights, as arrays; none if it is not fitted.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter
    >>> list_weights(FixMatchSegmenter())
    []
    """
    owner = find_owner(estimator, "network_")
    if owner is None:
        return []
    return [
        owner.classes_,
        *(value.cpu().float().numpy() for value in owner.net_.teacher_.module.state_dict().values()),
    ]


def strip_addresses(text: str) -> str:
    """Return the text of an object without its place in memory, which is another in the next process.

    Examples
    --------
    >>> strip_addresses("<function f at 0x7f00a1>")
    '<function f>'
    """
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def describe_estimator(estimator: Any) -> str:
    """Return class and parameters as text that is the same in the next process.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> describe_estimator(DummyClassifier(random_state=1))
    "DummyClassifier(constant=None, random_state=1, strategy='prior')"
    """
    params = [f"{name}={_describe(value)}" for name, value in sorted(estimator.get_params(deep=False).items())]
    return f"{type(estimator).__name__}({', '.join(params)}{_describe_start(estimator)})"


def _describe_start(estimator: Any) -> str:
    """Return the fingerprint of a fitted model that a clone keeps: all other ones are fitted anew."""
    kept = estimator if isinstance(estimator, FrozenEstimator) else getattr(estimator, "init", None)
    weights = list_weights(kept)
    return f", weights of init: {fingerprint(*weights)}" if weights else ""


def _describe(value: Any) -> str:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return describe_estimator(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_describe, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_describe(one)}' for name, one in value.items())}}}"
    if isinstance(value, np.random.RandomState):
        return f"RandomState({fingerprint(*value.get_state())})"
    if isinstance(value, np.random.Generator):
        return f"Generator({fingerprint(repr(value.bit_generator.state))})"
    return strip_addresses(repr(value))


def describe_scoring(scoring: Any) -> str:
    """Return the name of a function, or what else a score is made of, as text that is the same in the next process.

    Examples
    --------
    >>> import functools
    >>> describe_scoring(len), describe_scoring(functools.partial(round, ndigits=2))
    ('len', 'functools.partial(<built-in function round>, ndigits=2)')
    """
    name = getattr(scoring, "__name__", None)
    return name if callable(scoring) and isinstance(name, str) else _describe(scoring)


def fingerprint(*values: Any) -> str:
    """Return twelve digits that tell arrays, lists of arrays and groups from others.

    Examples
    --------
    >>> fingerprint(np.zeros(3)) == fingerprint(np.zeros(3)), fingerprint(np.zeros(3)) == fingerprint(np.ones(3))
    (True, False)
    """
    digest = hashlib.sha256()
    for value in values:
        _feed(digest, value)
    return digest.hexdigest()[:12]


def _read_rows(table: Any) -> Iterator[Any]:
    """Yield the rows one at a time, as they may lie in a file; of what has none, the whole."""
    if len(table.shape) > 1:
        yield from (table[i] for i in range(table.shape[0]))
    else:
        yield table[:] if table.shape else table


def _feed(digest: Any, value: Any) -> None:
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
            _feed(digest, item)
        digest.update(b"]")
    else:
        digest.update(f"{type(value).__name__}{np.asarray(value).tolist()!r}".encode())
