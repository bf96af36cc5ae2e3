"""Files of studies of many fits: a description of the study, and one row for each finished fit."""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

from sslts._files import check_place, replace_file


class StudyFile:
    """Rows of a study, kept in a JSON file so that a stopped run can be resumed; ``path=None`` keeps them in memory.

    ``study`` describes data, scoring and seed, which all rows share; ``members`` describes what the study compares,
    such as estimators, by name. Each write replaces the file completely or not at all. Raises `ValueError`, and leaves
    the file unchanged, if the file belongs to another study or is of another kind.
    """

    title: ClassVar[str]  # first line of the file
    kind: ClassVar[str]  # for messages, such as "curve"
    member: ClassVar[str]  # what the study compares, such as "estimator"
    plural: ClassVar[str]  # of `member`: its name in the file
    columns: ClassVar[tuple[str, ...]]
    key: ClassVar[tuple[str, ...]]  # the columns that name a fit
    renamed: ClassVar[dict[str, str]] = {}  # columns of earlier versions

    def __init__(self, path: str | os.PathLike[str] | None, study: dict[str, str], members: dict[str, str]) -> None:
        self.path = None if path is None else check_place(path)
        self.study, self.members, self.rows = study, dict(members), list[dict[str, Any]]()
        if self.path is not None and self.path.exists():
            content = self._read()
            self._check_study(content)
            self.members = {**content[self.plural], **members}
            self.rows = [self._rename_columns(row) for row in content["rows"]]

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Return the row of a fit, or None if the fit is not finished."""
        return next((row for row in self.rows if all(row[name] == key[name] for name in self.key)), None)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row and write the file."""
        self.rows.append(row)
        if self.path is None:
            return
        content = {"format": self.title, "study": self.study, self.plural: self.members, "rows": self.rows}
        replace_file(self.path, (json.dumps(content, indent=1) + "\n").encode())

    def _read(self) -> dict[str, Any]:
        """Return the content of the file; raise if it is of another kind."""
        assert self.path is not None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"file={str(self.path)!r} is not a {self.kind} file ({error}); pass another path."
            ) from error
        if not isinstance(content, dict) or content.get("format") != self.title:
            raise ValueError(f"file={str(self.path)!r} is not a {self.kind} file ({self.title!r}); pass another path.")
        kinds = {"study": dict, self.plural: dict, "rows": list}
        whole = all(isinstance(content.get(name), kind) for name, kind in kinds.items())
        if not whole or not all(
            isinstance(row, dict) and {*self.columns} <= set(self._rename_columns(row)) for row in content["rows"]
        ):
            raise ValueError(f"file={str(self.path)!r} is damaged: it lacks the study or the rows; pass another path.")
        return content

    def _check_study(self, content: dict[str, Any]) -> None:
        """Raise if the file has another study, or another member of the same name."""
        study = content["study"]
        changed = [name for name in self.study if study.get(name) != self.study[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"file={str(self.path)!r} belongs to another study: its {name} is {study.get(name)}, not "
                f"{self.study[name]}. Nothing was written; pass another path, or the arguments of that study."
            )
        for name, described in self.members.items():
            if content[self.plural].get(name, described) != described:
                raise ValueError(
                    f"file={str(self.path)!r} has another {self.member} called {name!r}: "
                    f"{content[self.plural][name]}, not {described}. Nothing was written; rename this {self.member}."
                )

    def _rename_columns(self, row: dict[str, Any]) -> dict[str, Any]:
        return {self.renamed.get(name, name): value for name, value in row.items()}
