"""Labels of files on the samples of recordings: names, units, time zones, rounding, and rows that do not fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sslts._notices import shorten
from sslts.io._files import find_stem
from sslts.io._labels import LabelOptions, Labels
from sslts.recordings import Recordings

_ROUNDING = 2  # samples by which a rounded end may lie outside its recording
_SUFFIX = re.compile(r"(\.[A-Za-z][A-Za-z0-9]{0,7})?(\.(gz|bz2|zip|xz|zst))?$")
_PART = re.compile(r"#\d+$")
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # the prefix of files that were uploaded to Label Studio
_SHIFTS = [pd.Timedelta(minutes=30 * k) for k in range(-28, 29) if k]


class Place(NamedTuple):
    """Where the samples of a name stand: a whole recording, or a stretch of a file that was joined or cut.

    ``offset`` is the number of samples of the file before the stretch.
    """

    recording: int
    file: str | None
    start: int
    offset: int
    length: int

    def measure(self, sample: float) -> float:
        """Return by how much a sample of the file lies outside the stretch."""
        return max(self.offset - sample, sample - (self.offset + self.length - 1), 0.0)

    def intersect(self, start: int, end: int) -> tuple[int, int, int]:
        """Return the recording, and the part of it that samples ``start:end`` of the file are; -1 is the end."""
        stop = self.offset + self.length
        first, last = max(start, self.offset), stop if end < 0 else min(end, stop)
        shift = self.start - self.offset
        return self.recording, first + shift, max(first, last) + shift


@dataclass(frozen=True, eq=False)
class Placer:
    """Recordings on whose samples the labels of files are placed."""

    recordings: Recordings
    sampling_rate: float | None

    @cached_property
    def names(self) -> list[str]:
        """Names of the recordings; their numbers as text if they have none."""
        return list_names(self.recordings)

    @cached_property
    def _by_name(self) -> dict[str, list[Place]]:
        """Places by the names of recordings and files: full, and without the number of a part, folder, or suffix."""
        found: dict[str, dict[Place, None]] = {}
        wholes: dict[Place, str] = {}
        for name, place in self._list_places():
            wholes[place] = whole = name if self.recordings.files else _PART.sub("", name)
            last = whole.rsplit("/", 1)[-1]
            for key in (name, whole, last, _SUFFIX.sub("", whole), _SUFFIX.sub("", last)):
                found.setdefault(key, {})[place] = None
        for name, places in found.items():  # a full name precedes the same name in a folder
            found[name] = {place: None for place in places if wholes[place] == name} or places
        return {key: list(places) for key, places in found.items()}

    def _list_places(self) -> Iterator[tuple[str, Place]]:
        """Yield the names of files and of recordings; a name that is both is that of the file."""
        files = self.recordings.files or ()
        own = {part.file for parts in files for part in parts}
        for i, parts in enumerate(files):
            for part in parts:
                yield part.file, Place(i, *part)
        for i, name in enumerate(self.names):
            if name not in own:
                yield name, self.get_whole(i)

    def get_whole(self, i: int) -> Place:
        """Return a recording as a place."""
        return Place(i, None, 0, 0, int(self.recordings.lengths[i]))

    @cached_property
    def _found(self) -> dict[str, list[Place]]:
        return {}

    def find(self, name: Any) -> list[Place]:
        """Return the places that a file calls ``name``, perhaps with folder, suffix, or the prefix of an upload."""
        text = str(name)
        if text not in self._found:
            self._found[text] = self._look_up(text)
        return self._found[text]

    def _look_up(self, name: str) -> list[Place]:
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
            if not is_one(some):
                raise ValueError(f"{labels.name_row(k)}: {self._describe_several(some)}")
        factor = 1.0 if labels.unit == "samples" else self._get_rate(labels)
        start, end = (table[c].to_numpy(np.float64) * factor for c in ("start", "end"))
        if labels.unit == "samples":
            _check_whole(labels, start, end)
        start, end = np.round(start), np.round(end)
        chosen = [self._choose(labels, k, some, start[k], options) for k, some in enumerate(candidates)]
        recording, first, offset, length = (
            np.array([getattr(place, name) for place in chosen], dtype=np.int64)
            for name in ("recording", "start", "offset", "length")
        )
        stop = offset + length
        if labels.unit == "samples":
            end = np.where(end < 0, stop, end)
        else:
            end = np.where((end > stop) & (end <= stop + self._get_slack(labels)), stop, end)
        shift = first - offset
        return self._finish(labels, table, recording, start + shift, end + shift, options)

    def _choose(self, labels: Labels, k: int, places: list[Place], start: float, options: LabelOptions) -> Place:
        """Return the stretch of a file in which a segment begins."""
        nearest = min(places, key=lambda place: place.measure(start))
        allowed = 0 if labels.unit == "samples" else _ROUNDING
        if nearest.file is None or options.clip or nearest.measure(start) <= allowed:
            return nearest
        total = max(place.offset + place.length for place in places)
        where = "in a pause of" if 0 <= start < total else f"outside the {total} samples of"
        raise ValueError(
            f"{labels.name_row(k)}: it begins at sample {int(start)}, {where} the file {nearest.file!r}; correct or "
            "remove the row, and check unit and sampling rate."
        )

    def _list_candidates(self, labels: Labels, k: int, options: LabelOptions) -> list[Place]:
        """Return the places to which a row may belong."""
        name = labels.table["recording"].iloc[k]
        name = options.recording if is_missing(name) else name
        if name is None:
            return self.guess(labels)
        found = self.find(name)
        if not found:
            known = [name for name, _ in self._list_places()]
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"{labels.name_row(k)}: there is no recording {name!r}. {hint}The names are "
                f"{shorten(known)}. Correct the name, or pass columns={{'recording': None}} to place "
                "clock times by the clocks alone."
            )
        return found

    def guess(self, labels: Labels) -> list[Place]:
        """Return the places that a file without names may be about: those of its own name, or all recordings."""
        return self.find(find_stem(labels.path)) or [self.get_whole(i) for i in range(len(self.recordings))]

    def find_stretches(self, labels: Labels, table: pd.DataFrame, options: LabelOptions) -> np.ndarray:
        """Return what a file says was looked at, (m, 3): recording, start, end.

        If it does not say, it is what the rows name. ``table`` holds the segments with positions of recordings.
        """
        if labels.looked_at is None:
            return self._look_at_named(labels, table, options)
        stretches: list[tuple[int, int, int]] = []
        for name, start, end in labels.looked_at[["recording", "start", "end"]].itertuples(index=False):
            given = options.recording if name is None else name
            found = self.guess(labels) if given is None else self.find(given)
            if not is_one(found):
                raise ValueError(f"{labels.path}: {self._describe_several(found)}")
            stretches += [place.intersect(int(start), int(end)) for place in found]
        return _pack(stretches)

    def _look_at_named(self, labels: Labels, table: pd.DataFrame, options: LabelOptions) -> np.ndarray:
        """Return the whole files and recordings that rows name; the whole recording of a row without a name."""
        named = labels.table["recording"].reset_index(drop=True)[table.index]
        places: dict[Place, None] = {}
        for name, i in dict.fromkeys(zip(named, table["recording"], strict=True)):
            given = options.recording if is_missing(name) else name
            found = self.guess(labels) if given is None else self.find(given)
            places.update(dict.fromkeys(found if is_one(found) else [self.get_whole(int(i))]))
        return _pack([place.intersect(place.offset, -1) for place in places])

    def _describe_several(self, some: list[Place]) -> str:
        named = shorten([self.names[place.recording] for place in some])
        if not some:
            return f"there is no such recording; the names are {shorten(self.names)}. Pass recording."
        if len({self.names[place.recording].split("#")[0] for place in some}) == 1:
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
        self, labels: Labels, table: pd.DataFrame, candidates: list[list[Place]], options: LabelOptions
    ) -> pd.DataFrame:
        rate = self._get_rate(labels)
        starts = self._list_starts(labels)
        recording = np.zeros(len(table), dtype=np.int64)
        bounds = np.zeros((len(table), 2))
        for k, (begin, end) in enumerate(zip(table["start"], table["end"], strict=True)):
            some = candidates[k]
            fits = [place for place in some if self._contains(place, starts[place.recording], begin, end, rate)]
            if not fits and options.clip and is_one(some):
                fits = [place for place in some if starts[place.recording] is not None]
            if not fits or not is_one(fits):
                raise ValueError(f"{labels.name_row(k)}: {self._describe_clock(fits, some, starts, begin, end)}")
            place = min(fits, key=lambda place: _measure_clock(place, starts[place.recording], begin, rate))
            first = starts[place.recording]
            recording[k], bounds[k] = place.recording, [_count(begin, first, rate), _count(end, first, rate)]
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

    def _contains(self, place: Place, first: pd.Timestamp | None, begin: Any, end: Any, rate: float) -> bool:
        """Return whether a segment begins in the place, and ends in its recording."""
        if first is None:
            return False
        near = _measure_clock(place, first, begin, rate) <= _ROUNDING
        return near and _count(end, first, rate) <= int(self.recordings.lengths[place.recording]) + _ROUNDING

    def _describe_clock(self, fits: list[Place], some: list[Place], starts: Any, begin: Any, end: Any) -> str:
        if fits:
            named = shorten([self.names[place.recording] for place in fits])
            return f"it lies in several recordings, {named}; add a column with the name."
        rate = self.sampling_rate or 1.0
        shift = next(
            (s for s in _SHIFTS if any(self._contains(p, starts[p.recording], begin + s, end + s, rate) for p in some)),
            None,
        )
        hint = ""
        if shift is not None:
            hours = shift / pd.Timedelta(hours=1)
            hint = f" {hours:+g} hours would fit: are the labels in another time zone? Pass timezone."
        there = self._describe_place(some[0], starts, rate) if is_one(some) else "no recording covers it"
        return f"{begin} to {end} lies outside its recording ({there}); correct or remove the row.{hint}"

    def _describe_place(self, place: Place, starts: Any, rate: float) -> str:
        """Return when a file, or a recording, begins."""
        first = starts[place.recording]
        name = self.names[place.recording] if place.file is None else place.file
        if first is None:
            return f"{name!r} has no clock"
        return f"{name!r} begins at {first + pd.Timedelta(seconds=(place.start - place.offset) / rate)}"

    def _get_slack(self, labels: Labels) -> float:
        """Return by how many samples a segment may go beyond the end of its file; it is cut there."""
        return _ROUNDING + labels.slack * (self.sampling_rate or 1.0)

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
            slack = self._get_slack(labels)
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


def list_names(recordings: Recordings) -> list[str]:
    """Return the names of recordings; their keys in a pandas index, or their numbers, as text if they have none.

    Examples
    --------
    >>> list_names(Recordings.from_arrays(np.zeros((2, 5))))
    ['0', '1']
    """
    if recordings.names is not None:
        return list(recordings.names)
    keys = range(len(recordings)) if recordings.instances is None else recordings.instances
    return list(map(str, keys))


def is_one(places: Sequence[Place]) -> bool:
    """Return whether places are one recording, or the stretches of one file."""
    return len(places) == 1 or (bool(places) and places[0].file is not None and len({p.file for p in places}) == 1)


def is_missing(name: Any) -> bool:
    """Return whether a row names no recording."""
    return name is None or name is pd.NA or name != name


def _pack(stretches: list[tuple[int, int, int]]) -> np.ndarray:
    """Return stretches (m, 3), without empty ones."""
    return np.array([row for row in stretches if row[1] < row[2]], dtype=np.int64).reshape(-1, 3)


def _measure_clock(place: Place, first: pd.Timestamp | None, begin: Any, rate: float) -> float:
    """Return by how many samples a time lies outside a place."""
    return place.measure(_count(begin, first, rate) - place.start + place.offset)


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
