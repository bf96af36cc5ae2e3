"""Tasks of Label Studio as JSON, read and written by hand.

Starts and ends are values of the time axis of a task: its inline column of times, or the index. The end is inclusive.
``offset`` in the data of a task is the number of samples before its first point.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import warn
from sslts._text import spells_number
from sslts.io._clocks import TIME_NAMES, parse_stamps
from sslts.io._labels import LabelOptions, Labels, Unit
from sslts.io._places import Place, Placer, is_one

MAX_POINTS = 100_000
_TAGS = ("timeserieslabels", "labels")
_MARK = "sslts-"
_COLUMNS = ["recording", "start", "end", "label", "row", "origin", "lead_time", "score", "id"]


def read_tasks(path: Path, options: LabelOptions, placer: Placer) -> Labels:
    """Return the regions of a JSON or JSON-MIN export, or of a file of predictions.

    An annotation that was submitted, even without regions, says that its task was looked at. Skipped tasks and drafts
    are unlabeled. A file in which no task has annotations yet is read by its predictions.
    """
    tasks = _load(path)
    predicted = not any(_is_annotated(task) for task in tasks)
    unit = options.unit or _guess_unit(tasks)
    rows: list[dict[str, Any]] = []
    looked_at = []
    for k, task in enumerate(tasks):
        axis = _Axis(task, unit, options, placer, f"{path}, row {k} (task {task.get('id', k)})")
        answer = _choose_answer(task, predicted, f"{path}, row {k}")
        if answer is None:
            continue
        looked_at.append((axis.name, axis.offset, axis.end))
        rows.extend({**region, "row": k} for region in _list_regions(answer, axis))
    table = _join_regions(pd.DataFrame(rows, columns=_COLUMNS), {stretch[2] for stretch in looked_at})
    stretches = pd.DataFrame(looked_at, columns=["recording", "start", "end"])
    return Labels(path, table.drop(columns="id"), "samples", stretches)


def _guess_unit(tasks: list[dict[str, Any]]) -> Unit:
    """Return the unit of tasks that do not say it: samples if all values are whole, else seconds."""
    values = [
        region["value"][key]
        for task in tasks
        for answer in [*(task.get("annotations") or ()), *(task.get("predictions") or ())]
        if isinstance(answer, dict)  # an export holds the predictions as their numbers
        for region in answer.get("result") or ()
        for key in ("start", "end")
        if key in (region.get("value") or ())
    ]
    whole = all(not isinstance(value, str) and float(value).is_integer() for value in values)
    return "samples" if whole else "seconds"


def _load(path: Path) -> list[dict[str, Any]]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON ({error}); export the project as JSON.") from error
    tasks = [tasks] if isinstance(tasks, dict) else tasks
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"{path} holds no list of tasks; export the project as JSON.")
    return [task if "data" in task else _expand_task(task) for task in tasks]


def _expand_task(task: dict[str, Any]) -> dict[str, Any]:
    """Return a task of a JSON-MIN export in the form of a JSON export."""
    tags = {key: value for key, value in task.items() if _holds_regions(value)}
    regions = [{"type": "timeserieslabels", "value": region} for value in tags.values() for region in value]
    answer: dict[str, Any] = {
        "result": regions,
        **{key: task[key] for key in ("lead_time", "updated_at") if key in task},
    }
    data = {key: value for key, value in task.items() if key not in tags}
    annotated = task.get("annotation_id", 0) is not None  # "all tasks" exports tasks without annotation, too
    return {"id": task.get("id"), "data": data, "annotations": [answer] if annotated else []}


def _holds_regions(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and "start" in v for v in value)


def _is_annotated(task: Mapping[str, Any]) -> bool:
    return bool("annotations" in task or "completions" in task)


def _choose_answer(task: Mapping[str, Any], predicted: bool, place: str) -> Mapping[str, Any] | None:
    """Return the last submitted annotation of a task; None if it was skipped, or not annotated."""
    if predicted:
        return (task.get("predictions") or [None])[-1]
    given = task.get("annotations") or task.get("completions") or []
    done = [item for item in given if isinstance(item, dict) and not item.get("was_cancelled")]
    if len(done) > 1:
        warn(f"{place} has {len(done)} annotations; the last one counts. Remove the others to choose another.")
    return max(done, key=lambda item: str(item.get("updated_at") or ""), default=None) if done else None


class _Axis:
    """The time axis of a task: which recording it is about, and which sample a value of the axis is."""

    def __init__(self, task: Mapping[str, Any], unit: Unit, options: LabelOptions, placer: Placer, place: str) -> None:
        self.data, self.options, self.placer, self.place = task.get("data") or {}, options, placer, place
        self.unit = self.data.get("unit", unit)
        self.home, self.name = self._find_recording()
        self.offset = int(self.data.get("offset") or 0)
        series: dict[str, list[Any]] = next((value for value in self.data.values() if _is_series(value)), {})
        time = next((column for column in series if column.lower() in TIME_NAMES), None)
        values = [] if time is None else series[time]
        numeric = bool(values) and all(isinstance(value, (int, float)) for value in values)
        self.times = np.asarray(values, dtype=np.float64) if numeric else None
        n_points = len(next(iter(series.values()))) if series else 0
        self.end = self.offset + n_points if n_points else int(self.data.get("stop") or -1)

    def _find_recording(self) -> tuple[Place, str]:
        named = self.options.recording or self.data.get("recording")
        texts = [named] if named is not None else [value for value in self.data.values() if isinstance(value, str)]
        for text in texts:
            found = self.placer.find(text)
            if is_one(found):
                return found[0], self._name(found[0])
        if not texts and len(self.placer.names) == 1:
            return self.placer.get_whole(0), self.placer.names[0]
        raise ValueError(
            f"{self.place}: no recording has the name {texts[0] if texts else None!r}; write 'recording' into the data "
            "of the task, or pass recording."
        )

    def _name(self, place: Place) -> str:
        return self.placer.names[place.recording] if place.file is None else place.file

    def find_sample(self, value: Any) -> int:
        """Return the sample at a value of the axis."""
        if isinstance(value, str) and not spells_number(value):
            return self._find_stamp(value)
        number = float(value)
        if self.times is not None:
            return self.offset + int(np.abs(self.times - number).argmin())
        return self.offset + round(number if self.unit == "samples" else number * self._get_rate())

    def _get_rate(self) -> float:
        if self.placer.sampling_rate is None:
            raise ValueError(
                f"{self.place} is in seconds, and the recordings have no sampling rate; pass it to read_recordings."
            )
        return self.placer.sampling_rate

    def _find_stamp(self, value: str) -> int:
        starts = self.placer.recordings.starts
        first = None if starts is None else starts[self.home.recording]
        if first is None:
            raise ValueError(f"{self.place}: {value!r} is a clock time, and the recording has no clock.")
        options = self.options
        stamp = parse_stamps(pd.Series([value]), options.table.time_format, options.timezone, self.place, None).iloc[0]
        if (stamp.tz is None) != (first.tz is None):
            raise ValueError(f"{self.place}: only one of {value!r} and the recording has a time zone; pass timezone.")
        before = self.home.start - self.home.offset  # samples of the recording before the file
        return round((stamp - first) / pd.Timedelta(seconds=1) * self._get_rate()) - before


def _is_series(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(column, list) for column in value.values())


def _list_regions(answer: Mapping[str, Any], axis: _Axis) -> Iterator[dict[str, Any]]:
    """Yield the segments of an annotation."""
    for region in answer.get("result") or []:
        value = region.get("value") or {}
        names = next((value[tag] for tag in _TAGS if tag in value), None)
        if names is None or "start" not in value:
            continue
        if len(names) != 1:
            raise ValueError(
                f"{axis.place}: a region has the labels {names}; a segment has one label: remove the others."
            )
        yield {
            "recording": axis.name,
            "start": axis.find_sample(value["start"]),
            "end": axis.find_sample(value["end"]) + 1,
            "label": str(names[0]),
            "origin": region.get("origin"),
            "lead_time": answer.get("lead_time"),
            "score": region.get("score"),
            "id": region.get("id"),
        }


def _join_regions(table: pd.DataFrame, cuts: set[int]) -> pd.DataFrame:
    """Return the regions with those joined that were cut where one task ends and the next begins."""
    table = table.sort_values(["recording", "start"], kind="stable").reset_index(drop=True)
    kept: list[dict[str, Any]] = []
    for values in table.itertuples(index=False, name=None):
        row = dict(zip(_COLUMNS, values, strict=True))
        last = kept[-1] if kept else None
        if last is not None and _continues(last, row, cuts):
            last["end"] = row["end"]
        else:
            kept.append(row)
    return pd.DataFrame(kept, columns=_COLUMNS)


def _continues(last: Mapping[str, Any], row: Mapping[str, Any], cuts: set[int]) -> bool:
    same = last["recording"] == row["recording"] and last["label"] == row["label"] and last["row"] != row["row"]
    if not same or last["end"] != row["start"] or row["start"] not in cuts:
        return False
    ours = [str(one["id"]).startswith(_MARK) for one in (last, row)]
    return not all(ours) or last["id"] == row["id"]


def format_tasks(
    table: pd.DataFrame,
    names: list[str],
    lengths: list[int | None],
    read: Any,
    *,
    rate: float | None,
    predicted: bool,
    looked_at: set[str] | None,
    model_version: str,
    stretches: Sequence[tuple[int, int, int]] | None = None,
) -> bytes:
    """Return tasks with their regions.

    Parameters
    ----------
    table : pandas.DataFrame
        ``recording`` (name), ``start``, ``end``, ``label`` and perhaps ``score``, in samples.
    names, lengths : list
        Name and number of samples of each recording; None if unknown.
    read : callable or None
        ``read(i, start, stop)`` returns a stretch of a recording as columns; None leaves the signals out.
    rate : float or None
        Samples per second of the time axis; None takes the index.
    predicted : bool
        Whether the regions are predictions; otherwise they are annotations.
    looked_at : set of str or None
        Recordings that were looked at; None is all.
    model_version : str
        Name of the model, which Label Studio shows.
    stretches : sequence of (recording, start, end) or None
        What the tasks show, the most useful first; None is all recordings. The score of a task grows with its rank from
        0 to below 1, so that the tool's "uncertainty sampling", which shows the lowest score first, keeps this order.
    """
    tasks = []
    rows = dict(iter(table.groupby("recording", sort=False)))
    shown = [(i, 0, length) for i, length in enumerate(lengths)] if stretches is None else stretches
    parts = list(_cut_stretches(shown))
    for rank, (i, begin, stop) in enumerate(parts):
        own = rows.get(names[i], table.iloc[:0])
        data: dict[str, Any] = {
            "recording": names[i],
            "offset": begin,
            "unit": "samples" if rate is None else "seconds",
        }
        if stop is not None:
            data["stop"] = stop
        if read is not None and stop is not None:
            data["ts"] = _make_series(read(i, begin, stop), begin, stop, rate)
        regions = list(_make_regions(own, begin, stop, rate, read is not None, i))
        seen = looked_at is None or names[i] in looked_at
        score = None if stretches is None else rank / len(parts)  # the tool's checks refuse scores above 1
        tasks.append({"data": data, **_make_answer(regions, predicted, seen, model_version, score)})
    return json.dumps(tasks, ensure_ascii=False, allow_nan=False).encode()


def _cut_stretches(shown: Iterable[tuple[int, int, int | None]]) -> Iterator[tuple[int, int, int | None]]:
    """Yield stretches in parts that the tool can show."""
    for i, start, end in shown:
        for begin in range(start, start + 1 if end is None else end, MAX_POINTS):
            yield i, begin, None if end is None else min(begin + MAX_POINTS, end)


def _make_series(columns: Mapping[str, np.ndarray], begin: int, stop: int, rate: float | None) -> dict[str, Any]:
    """Return the time axis and the channels of a stretch, null for gaps."""
    index = np.arange(begin, stop)
    series: dict[str, Any] = {"time": (index if rate is None else index / rate).tolist()}
    for name, values in columns.items():
        key = "".join(c if c.isalnum() else "_" for c in str(name).lower()) or "channel"
        while key in series:
            key += "_"
        series[key] = [float(str(v)) if math.isfinite(v) else None for v in values]  # 0.1 of float32 is 0.1
        if not np.isfinite(values).any():
            series[key][0] = 0.0  # the page of a task stays blank if a channel has no value at all
    return series


def _make_regions(
    table: pd.DataFrame, begin: int, stop: int | None, rate: float | None, inline: bool, number: int
) -> Iterator[dict[str, Any]]:
    """Yield the part of each segment that lies in a task, with an inclusive end, in units of the time axis."""
    zero = 0 if inline else begin  # without an inline axis, values count from the first point of the task
    scores = table["score"] if "score" in table else [None] * len(table)
    parts = zip(table["start"], table["end"], table["label"], scores, strict=True)
    for k, (start, end, label, score) in enumerate(parts):
        first, last = max(int(start), begin), (int(end) if stop is None else min(int(end), stop)) - 1
        if first > last:
            continue
        ends = [first - zero, last - zero]
        value = {"start": ends[0], "end": ends[1]} if rate is None else {"start": ends[0] / rate, "end": ends[1] / rate}
        yield {
            "id": f"{_MARK}{number}-{k}",
            "from_name": "label",
            "to_name": "ts",
            "type": "timeserieslabels",
            "value": {**value, "instant": False, "timeserieslabels": [str(label)]},
            **({} if score is None or not math.isfinite(score) else {"score": float(score)}),
        }


def _make_answer(
    regions: list[dict[str, Any]], predicted: bool, seen: bool, model_version: str, score: float | None
) -> dict[str, Any]:
    if not predicted:
        return {"annotations": [{"result": regions, "was_cancelled": False}] if seen else []}
    scores = [region["score"] for region in regions if "score" in region]
    if score is None and scores:
        score = float(np.mean(scores))
    given = {} if score is None else {"score": score}
    return {"predictions": [{"model_version": model_version, **given, "result": regions}]}
