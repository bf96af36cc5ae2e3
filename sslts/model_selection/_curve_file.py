"""The file of a label-efficiency curve: a description of the study, and one row for each finished fit."""

from __future__ import annotations

import json
import os
from typing import Any

from sslts._files import check_place, replace_file

FORMAT = "sslts label efficiency curve, version 1"
COLUMNS = ("estimator", "labels", "unlabeled", "split", "score", "seconds")
KEY = COLUMNS[:4]


class CurveFile:
    """Rows of a curve, kept in a JSON file so that a stopped run can be resumed; ``path=None`` keeps them in memory.

    ``study`` describes data, splits, scoring and seed, which all rows share; ``estimators`` describes each estimator by
    name. Each write replaces the file completely or not at all. Raises `ValueError`, and leaves the file unchanged, if
    the file belongs to another study or is not a curve file.
    """

    def __init__(self, path: str | os.PathLike[str] | None, study: dict[str, str], estimators: dict[str, str]) -> None:
        self.path = None if path is None else check_place(path)
        self.study, self.estimators, self.rows = study, dict(estimators), list[dict[str, Any]]()
        if self.path is not None and self.path.exists():
            content = self._read()
            self._check_study(content)
            self.estimators = {**content["estimators"], **estimators}
            self.rows = [_rename_columns(row) for row in content["rows"]]

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Return the row of a fit, or None if the fit is not finished."""
        return next((row for row in self.rows if all(row[name] == key[name] for name in KEY)), None)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row and write the file."""
        self.rows.append(row)
        if self.path is None:
            return
        content = {"format": FORMAT, "study": self.study, "estimators": self.estimators, "rows": self.rows}
        replace_file(self.path, (json.dumps(content, indent=1) + "\n").encode())

    def _read(self) -> dict[str, Any]:
        """Return the content of the file; raise if it is not a curve file."""
        assert self.path is not None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"file={str(self.path)!r} is not a curve file ({error}); pass another path.") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"file={str(self.path)!r} is not a curve file ({FORMAT!r}); pass another path.")
        kinds = {"study": dict, "estimators": dict, "rows": list}
        whole = all(isinstance(content.get(name), kind) for name, kind in kinds.items())
        if not whole or not all(
            isinstance(row, dict) and {*COLUMNS} <= set(_rename_columns(row)) for row in content["rows"]
        ):
            raise ValueError(f"file={str(self.path)!r} is damaged: it lacks the study or the rows; pass another path.")
        return content

    def _check_study(self, content: dict[str, Any]) -> None:
        """Raise if the file has another study, or another estimator of the same name."""
        study = content["study"]
        changed = [name for name in self.study if study.get(name) != self.study[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"file={str(self.path)!r} belongs to another study: its {name} is {study.get(name)}, not "
                f"{self.study[name]}. Nothing was written; pass another path, or the arguments of that study."
            )
        for name, described in self.estimators.items():
            if content["estimators"].get(name, described) != described:
                raise ValueError(
                    f"file={str(self.path)!r} has another estimator called {name!r}: "
                    f"{content['estimators'][name]}, not {described}. Nothing was written; rename this estimator."
                )


def _rename_columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the current column names; files of earlier versions have "unlabelled"."""
    return {{"unlabelled": "unlabeled"}.get(name, name): value for name, value in row.items()}
