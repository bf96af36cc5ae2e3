"""TextGrid files of Praat, by the library praatio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sslts._notices import shorten
from sslts.io._files import require
from sslts.io._labels import LabelOptions, Labels, look_at_whole, make_labels


def read_textgrid(path: Path, options: LabelOptions) -> Labels:
    """Return the intervals of one tier that have a text."""
    textgrid = require("praatio.textgrid", "praat", "reading TextGrid")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, duplicateNamesMode="rename")
    tier = _choose_tier(grid, textgrid.IntervalTier, options.tier, path)
    rows = [(None, float(item.start), float(item.end), item.label.strip(), k) for k, item in enumerate(tier.entries)]
    return make_labels(path, rows, "seconds", look_at_whole())


def _choose_tier(grid: Any, kind: type, wanted: str | None, path: Path) -> Any:
    tiers = {name: grid.getTier(name) for name in grid.tierNames}
    intervals = [name for name, tier in tiers.items() if isinstance(tier, kind)]
    if wanted is not None and wanted not in intervals:
        raise ValueError(f"{path} has no tier of intervals {wanted!r}; it has {shorten(intervals)}. Pass tier.")
    if wanted is None and len(intervals) != 1:
        raise ValueError(
            f"{path} has {len(intervals)} tiers of intervals, {shorten(intervals)}; pass tier with one name."
        )
    return tiers[wanted if wanted is not None else intervals[0]]
