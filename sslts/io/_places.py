"""Labels of files on the samples of recordings: names, units, time zones, rounding, and rows that do not fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.io._files import find_stem
from sslts.io._labels import LabelOptions, Labels
from sslts.recordings import Recordings

_ROUNDING = 2  # samples by which a rounded end may lie outside its recording
_SUFFIX = re.compile(r"(\.[A-Za-z][A-Za-z0-9]{0,7})?(\.(gz|bz2|zip|xz|zst))?$")
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # the prefix of files that were uploaded to Label Studio
_SHIFTS = [pd.Timedelta(minutes=30 * k) for k in range(-28, 29) if k]


@dataclass(frozen=True, eq=False)
class Placer:
    """Recordings on whose samples the labels of files are placed."""

    recordings: Recordings
    sampling_rate: float | None

    @cached_property
    def names(self) -> list[str]:
        """Names of the recordings; their numbers as text if they have none."""
        found = self.recordings.names
        if found is None and self.recordings.instances is not None:
            found = tuple(map(str, self.recordings.instances))
        return list(map(str, range(len(self.recordings)))) if found is None else list(found)

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        """Positions of recordings by their names: full, and without the number of a part, the folder, or the suffix."""
        found: dict[str, dict[int, None]] = {}
        for i, name in enumerate(self.names):
            whole = re.sub(r"#\d+$", "", name)
            last = whole.rsplit("/", 1)[-1]
            for key in (name, whole, last, _SUFFIX.sub("", whole), _SUFFIX.sub("", last)):
                found.setdefault(key, {})[i] = None
        for name, positions in found.items():  # a full name precedes the same name in a folder
            own = {i: None for i in positions if re.sub(r"#\d+$", "", self.names[i]) == name}
            found[name] = own or positions
        return {key: list(positions) for key, positions in found.items()}

    @cached_property
    def _found(self) -> dict[str, list[int]]:
        return {}

    def find(self, name: Any) -> list[int]:
        """Return the recordings that a file calls ``name``, perhaps with folder, suffix, or the prefix of an upload."""
        text = str(name)
        if text not in self._found:
            self._found[text] = self._look_up(text)
        return self._found[text]

    def _look_up(self, name: str) -> list[int]:
        text = name.replace("\\", "/").strip()
        if text in self._by_name:
            return self._by_name[text]
        text = text.split("?d=", 1)[-1].split("?", 1)[0]
        stem = _SUFFIX.sub("", text)
        tails = ["/".join(stem.split("/")[k:]) for k in range(stem.count("/") + 1)]
        for key in (text, *tails, text.rsplit("/", 1)[-1], _UPLOAD.sub("", tails[-1])):
            if key in self._by_name:
                return self._by_name[key]
        return []

    def place(self, labels: Labels, options: LabelOptions) -> pd.DataFrame:
        """Return the segments with positions of recordings, and starts and ends in samples.

        Raises
        ------
        ValueError
            If a row does not fit; the message names file, row and fix.
        """
        table = labels.table.reset_index(drop=True)
        candidates = [self._list_candidates(labels, k, options) for k in range(len(table))]
        if labels.unit == "clock":
            return self._place_clock(labels, table, candidates, options)
        for k, some in enumerate(candidates):
            if len(some) != 1:
                raise ValueError(f"{labels.name_row(k)}: {self._describe_several(some)}")
        recording = np.array([some[0] for some in candidates], dtype=np.int64)
        factor = 1.0 if labels.unit == "samples" else self._get_rate(labels)
        start, end = (table[c].to_numpy(np.float64) * factor for c in ("start", "end"))
        if labels.unit == "samples":
            end = np.where(end < 0, self.recordings.lengths[recording], end)
            _check_whole(labels, start, end)
        return self._finish(labels, table, recording, np.round(start), np.round(end), options)

    def _list_candidates(self, labels: Labels, k: int, options: LabelOptions) -> list[int]:
        """Return the recordings to which a row may belong."""
        name = labels.table["recording"].iloc[k]
        if name is None or name is pd.NA or name != name:
            name = options.recording
        if name is None:
            return self.guess(labels)
        found = self.find(name)
        if not found:
            near = difflib.get_close_matches(str(name), self.names, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"{labels.name_row(k)}: there is no recording {name!r}; {hint}The names are "
                f"{shorten(self.names)}. Correct the name, or pass columns={{'recording': None}} to place "
                "clock times by the clocks alone. Files that were joined have the name of the first; pass join=False "
                "to keep them apart."
            )
        return found

    def guess(self, labels: Labels) -> list[int]:
        """Return the recordings that a file without names may be about: one of its own name, or all."""
        return self.find(find_stem(labels.path)) or list(range(len(self.recordings)))

    def find_stretches(self, labels: Labels, options: LabelOptions) -> np.ndarray | None:
        """Return what a file says was looked at, (m, 3): recording, start, end; None if it does not say."""
        if labels.looked_at is None:
            return None
        stretches = []
        for name, start, end in labels.looked_at[["recording", "start", "end"]].itertuples(index=False):
            given = options.recording if name is None else name
            found = self.guess(labels) if given is None else self.find(given)
            if len(found) != 1:
                raise ValueError(f"{labels.path}: {self._describe_several(found)}")
            length = int(self.recordings.lengths[found[0]])
            stretches.append((found[0], int(start), length if end < 0 else min(int(end), length)))
        return np.array(stretches, dtype=np.int64).reshape(-1, 3)

    def _describe_several(self, some: list[int]) -> str:
        named = shorten([self.names[i] for i in some])
        if not some:
            return f"there is no such recording; the names are {shorten(self.names)}. Pass recording."
        if len({self.names[i].split("#")[0] for i in some}) == 1:
            return f"its file was cut at pauses into {named}; write clock times."
        return f"the recording is unknown, it may be any of {named}; add a column with its name, or pass recording."

    def _get_rate(self, labels: Labels) -> float:
        if self.sampling_rate is None:
            raise ValueError(
                f"{labels.path} is in seconds, and the recordings have no sampling rate; pass sampling_rate to "
                "read_recordings, or unit='samples'."
            )
        return self.sampling_rate

    def _place_clock(
        self, labels: Labels, table: pd.DataFrame, candidates: list[list[int]], options: LabelOptions
    ) -> pd.DataFrame:
        rate = self._get_rate(labels)
        starts = self._list_starts(labels)
        recording = np.zeros(len(table), dtype=np.int64)
        bounds = np.zeros((len(table), 2))
        for k, (begin, end) in enumerate(zip(table["start"], table["end"], strict=True)):
            fits = [i for i in candidates[k] if self._contains(i, starts[i], begin, end, rate)]
            if not fits and options.clip and len(candidates[k]) == 1:
                fits = candidates[k]
            if len(fits) != 1:
                raise ValueError(
                    f"{labels.name_row(k)}: {self._describe_clock(fits, candidates[k], starts, begin, end)}"
                )
            recording[k] = fits[0]
            bounds[k] = [_count(begin, starts[fits[0]], rate), _count(end, starts[fits[0]], rate)]
        return self._finish(labels, table, recording, bounds[:, 0], bounds[:, 1], options)

    def _list_starts(self, labels: Labels) -> Sequence[pd.Timestamp | None]:
        """Return the clocks of the recordings; raise if they cannot be compared with those of the labels."""
        starts = self.recordings.starts
        known = [start for start in starts or () if start is not None]
        if starts is None or not known:
            raise ValueError(
                f"{labels.path} has clock times, and the recordings have no clock; read them with a column of times."
            )
        for column in ("start", "end"):
            aware = labels.table[column].dt.tz is not None if len(labels.table) else None
            if aware is not None and any((start.tz is not None) != aware for start in known):
                which = ("the labels", "the recordings") if aware else ("the recordings", "the labels")
                reader = "read_recordings" if aware else "read_annotations"
                raise ValueError(
                    f"{labels.name_row(0)}: {which[0]} have a time zone, {which[1]} have none; pass timezone to "
                    f"{reader}."
                )
        return starts

    def _contains(self, i: int, first: pd.Timestamp | None, begin: Any, end: Any, rate: float) -> bool:
        if first is None:
            return False
        inside = _count(begin, first, rate) >= -_ROUNDING
        return inside and _count(end, first, rate) <= int(self.recordings.lengths[i]) + _ROUNDING

    def _describe_clock(self, fits: list[int], some: list[int], starts: Any, begin: Any, end: Any) -> str:
        if fits:
            return (
                f"it lies in several recordings, {shorten([self.names[i] for i in fits])}; add a column with the name."
            )
        rate = self.sampling_rate or 1.0
        shift = next(
            (s for s in _SHIFTS if any(self._contains(i, starts[i], begin + s, end + s, rate) for i in some)), None
        )
        hint = ""
        if shift is not None:
            hours = shift / pd.Timedelta(hours=1)
            hint = f" {hours:+g} hours would fit: are the labels in another time zone? Pass timezone."
        there = f"{self.names[some[0]]!r} begins at {starts[some[0]]}" if len(some) == 1 else "no recording covers it"
        return f"{begin} to {end} lies outside its recording ({there}); correct or remove the row.{hint}"

    def _finish(
        self,
        labels: Labels,
        table: pd.DataFrame,
        recording: np.ndarray,
        start: np.ndarray,
        end: np.ndarray,
        options: LabelOptions,
    ) -> pd.DataFrame:
        """Return the table with checked samples; rounded ends are moved into the recording."""
        lengths = self.recordings.lengths[recording]
        if options.clip:
            start, end = np.clip(start, 0, lengths), np.clip(end, 0, lengths)
            kept = end > start
            table, recording, start, end, lengths = table[kept], recording[kept], start[kept], end[kept], lengths[kept]
        if labels.unit != "samples":
            slack = _ROUNDING + labels.slack * (self.sampling_rate or 1.0)
            start = np.where((start < 0) & (start >= -_ROUNDING), 0, start)
            end = np.where((end > lengths) & (end <= lengths + slack), lengths, end)
        for k in np.flatnonzero((start < 0) | (end > lengths))[:1]:
            raise ValueError(
                f"{labels.name_row(k)}: samples {int(start[k])} to {int(end[k])} lie outside "
                f"{self.names[recording[k]]!r} of {int(lengths[k])} samples; correct or remove the row, and check "
                "unit and sampling rate."
            )
        for k in np.flatnonzero(end <= start)[:1]:
            raise ValueError(
                f"{labels.name_row(k)}: it ends at or before its start (samples {int(start[k])} to {int(end[k])}); "
                "correct or remove the row."
            )
        return table.assign(recording=recording, start=start.astype(np.int64), end=end.astype(np.int64))


def _count(time: pd.Timestamp, first: pd.Timestamp | None, rate: float) -> int:
    assert first is not None
    return round((time - first) / pd.Timedelta(seconds=1) * rate)


def _check_whole(labels: Labels, start: np.ndarray, end: np.ndarray) -> None:
    for k in np.flatnonzero((start != np.round(start)) | (end != np.round(end)))[:1]:
        raise ValueError(
            f"{labels.name_row(k)}: {start[k]:g} to {end[k]:g} are no whole samples; round them, or pass "
            "unit='seconds'."
        )


def check_apart(labels: Sequence[Labels], table: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise if two segments share samples; the message names both rows. ``source`` is the position in ``labels``."""
    order = np.lexsort((table["end"], table["start"], table["recording"]))
    recording, start, end = (table[c].to_numpy()[order] for c in ("recording", "start", "end"))
    clash = (recording[1:] == recording[:-1]) & (start[1:] < end[:-1])
    for k in np.flatnonzero(clash)[:1]:
        first, second = (table.iloc[order[j]] for j in (k, k + 1))
        here, there = (labels[one["source"]].name_row(int(one["place"])) for one in (second, first))
        raise ValueError(
            f"{here}: {second['label']!r} overlaps {first['label']!r} of {there} in {names[recording[k]]!r}; a sample "
            "has one label: clip or remove one of the rows."
        )
