"""The file of a label-efficiency curve: which study it is of, and a row for each fit that is done."""

from __future__ import annotations

import json
import os
from typing import Any

from sslts._files import check_place, replace_file

FORMAT = "sslts label efficiency curve, version 1"
COLUMNS = ("estimator", "labels", "unlabeled", "split", "score", "seconds")
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
    >>> row = {"estimator": "mine", "labels": 5, "unlabeled": 100, "split": 0, "score": 0.75, "seconds": 60.0}
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
            self.rows = [_rename_columns(row) for row in content["rows"]]

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


def _rename_columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with today's names of its columns; before version 0.2 one was called "unlabelled"."""
    return {{"unlabelled": "unlabeled"}.get(name, name): value for name, value in row.items()}
