"""The file of a label-efficiency curve: which study it is of, and a row for each fit that is done."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from sslts.outputs import check_place, replace_file
from sslts.sources import is_lazy
from sslts.wrapping import list_weights, strip_addresses

FORMAT = "sslts label efficiency curve, version 1"
COLUMNS = ("estimator", "labels", "unlabelled", "split", "score", "seconds")
KEY = COLUMNS[:4]


class CurveFile:
    """Rows of a curve on disk, from which a run that was stopped goes on.

    Each write replaces the file completely or not at all.

    Parameters
    ----------
    path : path-like or None
        None keeps rows in memory alone.
    study : dict of str to str
        What all rows have in common: data, splits, scoring, seed.
    estimators : dict of str to str
        What each name stands for.

    Raises
    ------
    ValueError
        If the file is not of this study, or no curve's file at all. It is left as it is.
    OSError
        If its folder is missing, or it is a folder itself.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> row = {"estimator": "mine", "labels": 5, "unlabelled": 100, "split": 0, "score": 0.75, "seconds": 60.0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "curve.json"
    ...     CurveFile(path, {"seed": "0"}, {"mine": "FixMatchSegmenter()"}).add(row)
    ...     again = CurveFile(path, {"seed": "0"}, {"mine": "FixMatchSegmenter()"})
    >>> again.find(row)["score"], again.find({**row, "split": 1})
    (0.75, None)
    """

    def __init__(self, path: str | os.PathLike[str] | None, study: dict[str, str], estimators: dict[str, str]) -> None:
        self.path = None if path is None else check_place(path)
        self.study, self.estimators, self.rows = study, dict(estimators), list[dict[str, Any]]()
        if self.path is not None and self.path.exists():
            content = self._read()
            self._compare(content)
            self.estimators = {**content["estimators"], **estimators}
            self.rows = content["rows"]

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Return the row of a fit, or None if it is not done."""
        return next((row for row in self.rows if all(row[name] == key[name] for name in KEY)), None)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row, and write the file."""
        self.rows.append(row)
        if self.path is None:
            return
        content = {"format": FORMAT, "study": self.study, "estimators": self.estimators, "rows": self.rows}
        replace_file(self.path, (json.dumps(content, indent=1) + "\n").encode())

    def _read(self) -> dict[str, Any]:
        assert self.path is not None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"file={str(self.path)!r} is no file of a curve ({error}); pass another path.") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"file={str(self.path)!r} is no file of a curve ({FORMAT!r}); pass another path.")
        return content

    def _compare(self, content: dict[str, Any]) -> None:
        there = content["study"]
        other = [name for name in self.study if there.get(name) != self.study[name]]
        if other:
            name = other[0]
            raise ValueError(
                f"file={str(self.path)!r} belongs to another study: its {name} is {there.get(name)}, not "
                f"{self.study[name]}. Nothing was written; pass another path, or what that study was made with."
            )
        for name, described in self.estimators.items():
            if content["estimators"].get(name, described) != described:
                raise ValueError(
                    f"file={str(self.path)!r} has another estimator called {name!r}: "
                    f"{content['estimators'][name]}, not {described}. Nothing was written; rename one of them."
                )


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
