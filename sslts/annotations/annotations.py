"""The class `Annotations`: segments of recordings, which may touch, and the stretches that were looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sslts._notices import shorten, warn
from sslts.annotations._points import spread_points
from sslts.annotations._words import choose_words, extend_words, name_labels, number_new_words, number_words
from sslts.annotations.arrays import read_labels
from sslts.annotations.rows import check_rows, number_recordings, read_columns, read_table
from sslts.annotations.runs import LabelRuns
from sslts.annotations.wording import read_words
from sslts.recordings import adopt, as_recordings, find_names


@dataclass(frozen=True, eq=False)
class Annotations:
    """Labels as segments: what dense labels say, and in addition where occurrences that touch begin.

    Labels per sample show two occurrences of a class, one directly after the other, as one segment. Annotations keep
    them apart: a segmenter that is fitted on annotations learns where one occurrence ends and the next begins. Pass
    annotations wherever labels are passed as ``y``. Make them with `from_table` or `from_labels`.

    Parameters
    ----------
    runs : LabelRuns
        Labels of all recordings: runs of classes, of background, and of -1 where nobody looked.
    background : int or None, default=0
        The class of samples that were looked at and lie in no segment; None if every such sample lies in a segment.
    names : tuple or None, default=None
        Name of each recording; None if recordings are numbered.
    class_names : dict of int to str, or None, default=None
        The word of each class; None if labels are numbers.

    Examples
    --------
    Three occurrences, of which the first two touch; the second recording was not looked at:

    >>> import numpy as np, pandas as pd
    >>> from sslts import Annotations
    >>> X = np.zeros((2, 12))
    >>> table = pd.DataFrame({"recording": [0, 0, 0], "start": [1, 4, 9], "end": [4, 7, 11], "label": [1, 1, 1]})
    >>> annotations = Annotations.from_table(table, X)
    >>> len(annotations), len(annotations.table), annotations.n_touching
    (2, 3, 1)
    >>> annotations[[1]].looked_at
    Empty DataFrame
    Columns: [recording, start, end]
    Index: []
    """

    runs: LabelRuns
    background: int | None = 0
    names: tuple[Any, ...] | None = None
    class_names: Mapping[int, str] | None = None

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,
        recordings: Any,
        looked_at: Any = None,
        *,
        background: int | None = 0,
        class_names: Mapping[int, str] | None = None,
    ) -> Annotations:
        """Return the annotations in a table of segments.

        Parameters
        ----------
        table : pandas.DataFrame, or a table of polars or Arrow
            One row per occurrence, in any order: ``recording`` (name if the recordings have names, or number from 0),
            ``start`` and ``end`` in samples (the end is exclusive), and ``label``, an integer of 0 or more or a word.
            Other columns are ignored, so a table of `predict_segments` can be passed.
        recordings : array-like
            The recordings ``X`` that the table is about, in any container that `fit` takes.
        looked_at : sequence of recordings, table, or None, default=None
            What was looked at: recordings as a whole, by number or name, or stretches in a table with the columns
            ``recording, start, end``. Samples outside the segments are background there, and unlabeled (-1) elsewhere.
            None: the recordings that the table names, as a whole. The samples of a row are always labeled.
        background : int or None, default=0
            The class of samples that were looked at and lie in no segment. None: they are unlabeled.
        class_names : dict of int to str, default=None
            The class of each word. None: the words in their order, numbered from 1; "background" is class 0. Labels
            that are numbers need no names.

        Returns
        -------
        Annotations

        Raises
        ------
        ValueError
            If a column is missing, or a row names an unknown recording, ends at or before its start, lies outside its
            recording, overlaps another row, or has a label below 0. The message names the row.
        TypeError
            If `table` is not a table, or the type of `recordings` is not supported.

        Examples
        --------
        Only samples 0 to 100 of the second recording were looked at:

        >>> import numpy as np, pandas as pd
        >>> from sslts import Annotations
        >>> table = pd.DataFrame({"recording": [1], "start": [20], "end": [50], "label": [1]})
        >>> looked_at = pd.DataFrame({"recording": [1], "start": [0], "end": [100]})
        >>> annotations = Annotations.from_table(table, np.zeros((2, 500)), looked_at)
        >>> [(labels >= 0).sum().item() for labels in annotations.to_labels()]
        [0, 100]
        """
        seen = as_recordings(recordings, name="recordings")
        found = seen.names or find_names(seen)
        names = None if found is None else tuple(found)
        table = read_table(table, "table")
        words = choose_words(table, class_names)
        runs = _read_runs(number_words(table, words), looked_at, seen.lengths, names, background)
        return cls(runs, background, names, words)

    @classmethod
    def from_labels(cls, y: Any, *, background: int | None = 0) -> Annotations:
        """Return annotations whose segments are the runs of equal labels; such segments do not touch.

        Parameters
        ----------
        y : array-like of int, shape (n, T), or list of (T_i,)
            Labels, or words; -1 marks samples that were not looked at.
        background : int or None, default=0
            The class that makes no segments; None if every class makes segments.

        Examples
        --------
        >>> from sslts import Annotations
        >>> Annotations.from_labels([[0, 1, 1, -1, -1]]).table
           recording  start  end  label
        0          0      1    3      1
        """
        if isinstance(y, Annotations):
            return y
        labels, words = read_words(y)
        return cls(LabelRuns.from_labels(read_labels(labels)), background, None, words)

    @classmethod
    def from_points(
        cls,
        points: pd.DataFrame,
        recordings: Any,
        *,
        length: float | Mapping[Any, float],
        core: float = 0.5,
        reach: float = 0.75,
        looked_at: Any = None,
        background: int | None = 0,
        class_names: Mapping[int, str] | None = None,
    ) -> Annotations:
        """Return annotations from one point somewhere inside each occurrence, which is one click in place of two.

        The samples next to a point are labeled. Those farther away, in which the occurrence may start or end, are
        unlabeled. Beyond them, what was looked at is background.

        Parameters
        ----------
        points : pandas.DataFrame
            One row per occurrence, in any order: ``recording`` and ``label`` as in `from_table`, and ``position``, a
            sample inside the occurrence.
        recordings : array-like
            The recordings ``X``.
        length : float, or mapping of label to float
            Usual length of an occurrence in samples; a mapping has one for each label.
        core : float, default=0.5
            Number of labeled samples around a point, as a share of `length`. Where points are nearer than that, each
            gets the samples up to the middle between them.
        reach : float, default=0.75
            Samples up to this share of `length` away from a point are unlabeled, unless they are labeled.
        looked_at, background, class_names
            See `from_table`.

        Returns
        -------
        Annotations

        Raises
        ------
        ValueError
            If a column is missing, `length` lacks a label or is not above 0, a point lies outside its recording, or two
            points are at one sample.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from sslts import Annotations
        >>> points = pd.DataFrame({"recording": [0], "position": [10], "label": [1]})
        >>> Annotations.from_points(points, np.zeros((1, 20)), length=8).to_labels()[0].tolist()
        [0, 0, 0, 0, -1, -1, -1, -1, 1, 1, 1, 1, 1, -1, -1, -1, -1, 0, 0, 0]
        """
        if "position" not in points:
            raise ValueError("points has no column 'position'; give the columns recording, position and label.")
        seen = as_recordings(recordings, name="recordings")
        table = points.assign(start=points["position"], end=points["position"] + 1)
        nothing = pd.DataFrame({"recording": [], "start": [], "end": []}, dtype=np.int64)
        clicks = cls.from_table(table, seen, nothing, background=None, class_names=class_names)
        words = clicks.class_names
        known = cls.from_table(clicks.table, seen, looked_at, class_names=words).looked_at
        number = clicks.runs.recording[clicks.runs.value >= 0]
        segments, rest = spread_points(clicks.table, number, seen.lengths, known, length=length, core=core, reach=reach)
        return cls.from_table(segments, seen, rest, background=background, class_names=words)

    def replace_segments(self, table: pd.DataFrame, *, background: int | None = 0) -> Annotations:
        """Return annotations of the same recordings with other segments, such as those that a segmenter found.

        Parameters
        ----------
        table : pandas.DataFrame
            Segments in the form of `predict_segments`; all recordings count as looked at.
        background : int or None, default=0
            The class of samples in no segment.

        Examples
        --------
        >>> import pandas as pd
        >>> from sslts import Annotations
        >>> table = pd.DataFrame({"recording": [0, 0], "start": [1, 2], "end": [2, 4], "label": [1, 1]})
        >>> Annotations.from_labels([[0, 1, 1, 1]]).replace_segments(table).n_touching
        1
        """
        table = read_table(table, "table")
        words = extend_words(table, self.class_names)
        everything = range(len(self))
        runs = _read_runs(number_words(table, words), everything, self.runs.lengths, self.names, background)
        return Annotations(runs, background, self.names, words)

    def replace_labels(self, labels: Sequence[np.ndarray]) -> Annotations:
        """Return annotations of the same recordings with other labels, one array (T_i,) per recording.

        Where segments touch in these annotations, they stay apart if both sides still have one label.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from sslts import Annotations
        >>> table = pd.DataFrame({"recording": [0, 0], "start": [1, 2], "end": [2, 4], "label": [1, 1]})
        >>> Annotations.from_table(table, [np.zeros(5)]).replace_labels([np.array([-1, 1, 1, 1, -1])]).n_touching
        1
        """
        runs = LabelRuns.from_labels(labels).split(self.list_touching())
        return replace(self, runs=runs)

    def keep_stretches(self, stretches: pd.DataFrame) -> Annotations:
        """Return annotations in which only some stretches are labeled, as if nobody had looked at the rest.

        Parameters
        ----------
        stretches : pandas.DataFrame
            ``recording, start, end``, such as the table of `sslts.labeling.suggest_stretches`.

        Raises
        ------
        ValueError
            If a column is missing, or a row lies outside its recording.

        Examples
        --------
        >>> import pandas as pd
        >>> from sslts import Annotations
        >>> stretch = pd.DataFrame({"recording": [0], "start": [1], "end": [3]})
        >>> Annotations.from_labels([[0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]).keep_stretches(stretch).list_labels()
        [array([-1,  1,  1, -1, -1]), array([-1, -1, -1, -1, -1])]
        """
        nowhere = np.empty(0, dtype=np.int64)
        labels = self.list_labels()
        hidden = [np.full_like(one, -1) for one in labels]
        for i, start, end in _read_stretches(stretches, nowhere, self.runs.lengths, self.names).tolist():
            hidden[i][start:end] = labels[i][start:end]
        return self.replace_labels(hidden)

    def ignore(self, classes: Sequence[Any]) -> Annotations:
        """Return annotations in which the segments of some classes are unlabeled, as if nobody had looked at them.

        Parameters
        ----------
        classes : sequence of int or str
            Classes, or their words.

        Raises
        ------
        ValueError
            If there is no such class.

        Examples
        --------
        >>> from sslts import Annotations
        >>> Annotations.from_labels([[0, 1, 2, 0]]).ignore([2]).list_labels()
        [array([ 0,  1, -1,  0])]
        """
        number = {word: k for k, word in (self.class_names or {}).items()}
        wanted = [number.get(given, given) for given in classes]
        unknown = [given for given, k in zip(classes, wanted, strict=True) if k not in self.classes.tolist()]
        if unknown:
            known = [(self.class_names or {}).get(k, k) for k in self.classes.tolist()]
            raise ValueError(
                f"classes has {unknown[0]!r}, but the annotations have {shorten(known)}; choose one of these."
            )
        hidden = [np.where(np.isin(labels, wanted), -1, labels) for labels in self.list_labels()]
        return self.replace_labels(hidden)

    def renumber(self, class_names: Mapping[int, str] | None) -> Annotations:
        """Return the annotations with the class numbers that other annotations give to the same words.

        Words that the others do not have get further numbers. Nothing changes if either has no words.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from sslts import Annotations
        >>> table = pd.DataFrame({"recording": [0], "start": [1], "end": [2], "label": ["walk"]})
        >>> Annotations.from_table(table, [np.zeros(5)]).renumber({0: "background", 7: "walk"}).classes.tolist()
        [0, 7]
        """
        if class_names is None or self.class_names is None or dict(class_names) == dict(self.class_names):
            return self
        words = number_new_words(self.class_names.values(), class_names)
        number = {word: k for k, word in words.items()}
        changes = {k: number[word] for k, word in self.class_names.items()}
        value = np.array([changes.get(k, k) for k in self.runs.value.tolist()], dtype=np.int64)
        background = self.background if self.background is None else changes.get(self.background, self.background)
        return replace(self, runs=replace(self.runs, value=value), background=background, class_names=words)

    @classmethod
    def concatenate(cls, parts: Sequence[Annotations]) -> Annotations:
        """Return the annotations of the recordings of several collections, one after another.

        Parameters
        ----------
        parts : sequence of Annotations
            With one background; the result has names if each part has names. Words keep their meaning.

        Examples
        --------
        >>> from sslts import Annotations
        >>> len(Annotations.concatenate([Annotations.from_labels([[0, 1]]), Annotations.from_labels([[1, 1, 0]])]))
        2
        """
        joined: list[Annotations] = []
        words = None
        for part in parts:
            joined.append(part.renumber(words))
            words = joined[-1].class_names or words
        runs = LabelRuns.concatenate([part.runs for part in joined])
        names = [part.names for part in parts]
        named = None if None in names else tuple(name for part in names if part for name in part)
        return replace(joined[0], runs=runs, names=named, class_names=words)

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def shape(self) -> tuple[int]:
        """Number of recordings, as a tuple: scikit-learn selects from objects with a shape."""
        return (len(self),)

    def __getitem__(self, kept: Any) -> Annotations:
        """Return the annotations of some recordings: a number, a slice, or an array of numbers or booleans."""
        chosen = np.atleast_1d(np.arange(len(self))[kept[0] if isinstance(kept, tuple) else kept])
        names = None if self.names is None else tuple(self.names[i] for i in chosen)
        return replace(self, runs=self.runs.select(chosen), names=names)

    def __repr__(self) -> str:
        facts = self.runs.describe()
        return (
            f"Annotations({len(self.table)} segments in {facts['labeled_recordings']} of {len(self)} recordings, "
            f"{self.n_touching} of them touch the one before)"
        )

    @property
    def table(self) -> pd.DataFrame:
        """The segments, sorted by recording and start: ``recording, start, end, label``, with names and words."""
        runs = self.runs
        kept = (runs.value >= 0) & (True if self.background is None else runs.value != self.background)
        return self._tabulate(runs, kept).assign(label=name_labels(runs.value[kept], self.class_names))

    @property
    def looked_at(self) -> pd.DataFrame:
        """The stretches that are labeled: ``recording, start, end``."""
        value = np.where(self.runs.value < 0, -1, 0)
        runs = LabelRuns(self.runs.lengths, self.runs.first, self.runs.start, value).join()
        return self._tabulate(runs, runs.value >= 0)

    def _tabulate(self, runs: LabelRuns, kept: np.ndarray) -> pd.DataFrame:
        number = runs.recording[kept]
        recording = number if self.names is None else pd.Index(self.names).take(number.tolist())
        start = runs.start[kept]
        return pd.DataFrame({"recording": recording, "start": start, "end": start + runs.size[kept]})

    @property
    def classes(self) -> np.ndarray:
        """The classes, sorted, background included if it occurs."""
        return np.unique(self.runs.value[self.runs.value >= 0])

    @property
    def n_touching(self) -> int:
        """Number of segments that begin where a segment of their own class ends."""
        touches = self.runs.touches
        return int((touches if self.background is None else touches & (self.runs.value != self.background)).sum())

    def to_labels(self) -> list[np.ndarray]:
        """Return one label per sample, one array (T_i,) per recording; -1 where nobody looked.

        Warns
        -----
        UserWarning
            If segments touch: labels show them as one segment.

        Examples
        --------
        >>> import numpy as np
        >>> from sslts import Annotations
        >>> [labels.tolist() for labels in Annotations.from_labels([[0, 1, 1, -1]]).to_labels()]
        [[0, 1, 1, -1]]
        """
        if self.n_touching:
            warn(
                f"{self.n_touching} segments touch the one before; labels per sample show them as one segment. Pass "
                "the annotations themselves to fit and to metrics."
            )
        return self.list_labels()

    def list_labels(self) -> list[np.ndarray]:
        """Return one label per sample like `to_labels`, without a warning.

        Examples
        --------
        >>> from sslts import Annotations
        >>> Annotations.from_labels([[0, 1, 1, -1]]).list_labels()[0].tolist()
        [0, 1, 1, -1]
        """
        return self.runs.to_labels()

    def list_touching(self) -> np.ndarray:
        """Return the samples at which a segment follows one of its class, counted over all recordings end to end.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from sslts import Annotations
        >>> table = pd.DataFrame({"recording": [0, 0], "start": [1, 2], "end": [2, 4], "label": [1, 1]})
        >>> Annotations.from_table(table, [np.zeros(5)]).list_touching().tolist()
        [2]
        """
        before = np.cumsum(self.runs.lengths) - self.runs.lengths
        return (before[self.runs.recording] + self.runs.start)[self.runs.touches]


def _read_runs(
    table: pd.DataFrame, looked_at: Any, lengths: np.ndarray, names: tuple[Any, ...] | None, background: int | None
) -> LabelRuns:
    """Return the runs of segments, of the background between them, and of unlabeled samples."""
    numbered = _number(table, names, "table")
    columns = read_columns(numbered, argument="table")
    check_rows(numbered, columns, lengths, argument="table", of="recordings")
    recording, start, _, label = columns
    if (label < 0).any():
        row = numbered.index[int(np.argmax(label < 0))]
        raise ValueError(f"table row {row} has label -1; leave the row out and say what was looked at in looked_at.")
    stretches = _read_stretches(looked_at, recording, lengths, names)
    stretches = stretches[np.lexsort((stretches[:, 1], stretches[:, 0]))]
    own = np.split(stretches[:, 1:], np.searchsorted(stretches[:, 0], np.arange(1, len(lengths))))
    beside = -1 if background is None else background
    rest = LabelRuns.from_stretches(
        _fill_between(seen, length, beside) for seen, length in zip(own, lengths.tolist(), strict=True)
    )
    order = np.lexsort((start, recording))
    given = (column[order] for column in columns)
    return _lay_over(rest, *given)


def _number(table: Any, names: tuple[Any, ...] | None, argument: str) -> pd.DataFrame:
    """Return a table whose column ``recording`` holds numbers in place of names."""
    if names is None or not isinstance(table, pd.DataFrame) or "recording" not in table:
        return table
    if pd.api.types.is_integer_dtype(table["recording"]) and all(isinstance(name, str) for name in names):
        return table  # numbers in place of names
    return number_recordings(table, names, argument=argument)


def _read_stretches(
    looked_at: Any, recording: np.ndarray, lengths: np.ndarray, names: tuple[Any, ...] | None
) -> np.ndarray:
    """Return the stretches that were looked at, (m, 3): recording, start, end."""
    looked_at = adopt(looked_at)
    if isinstance(looked_at, pd.DataFrame):
        numbered = _number(looked_at, names, "looked_at")
        columns = read_columns(numbered, ("recording", "start", "end"), argument="looked_at")
        unlabeled = np.zeros(len(numbered), dtype=np.int64)
        check_rows(numbered, [*columns, unlabeled], lengths, apart=False, argument="looked_at", of="recordings")
        return np.stack(columns, axis=1)
    whole = np.unique(recording) if looked_at is None else _find_recordings(looked_at, len(lengths), names)
    return np.stack([whole, np.zeros_like(whole), lengths[whole]], axis=1)


def _find_recordings(looked_at: Any, n: int, names: tuple[Any, ...] | None) -> np.ndarray:
    """Return the numbers of recordings that are given by number or by name."""
    if isinstance(looked_at, str) or not isinstance(looked_at, Iterable):
        raise ValueError(f"looked_at={shorten(looked_at)}; give a list of recordings, or a table of stretches.")
    if isinstance(looked_at, np.ndarray) and looked_at.ndim != 1:
        raise ValueError(f"looked_at has shape {looked_at.shape}; give stretches in a table with named columns.")
    known = {} if names is None else {name: i for i, name in enumerate(names)}
    found = []
    for one in looked_at:
        if one in known:
            found.append(known[one])
        elif isinstance(one, Integral) and not isinstance(one, bool | np.bool_) and 0 <= int(one) < n:
            found.append(int(one))
        else:
            wanted = f"0 to {n - 1}" if names is None else f"0 to {n - 1}, or names such as {names[0]!r}"
            raise ValueError(f"looked_at names the recording {one!r}; recordings are {wanted}.")
    return np.unique(np.array(found, dtype=np.int64))


def _fill_between(stretches: np.ndarray, length: int, background: int) -> list[tuple[int, int]]:
    """Return the background and unlabeled stretches of one recording, as (label, samples); by start."""
    found, done = [], 0
    for start, end in stretches.tolist():
        begin = max(start, done)
        if end > done:
            found += [(-1, begin - done), (background, end - begin)]
            done = end
    return [*found, (-1, length - done)]


def _lay_over(
    runs: LabelRuns, recording: np.ndarray, start: np.ndarray, end: np.ndarray, label: np.ndarray
) -> LabelRuns:
    """Return the runs with segments, in order, laid over them; each segment is a run of its own."""
    offset = np.cumsum(runs.lengths) - runs.lengths
    begin, stop, below = offset[recording] + start, offset[recording] + end, offset[runs.recording] + runs.start
    position = np.unique(np.concatenate([below, begin, stop[stop < runs.lengths.sum()]]))
    value = runs.value[np.searchsorted(below, position, side="right") - 1]
    segment = np.searchsorted(begin, position, side="right") - 1
    inside = (segment >= 0) & (position < np.append(stop, 0)[segment])
    value = np.where(inside, np.append(label, 0)[segment], value)
    kept = ~inside | (position == np.append(begin, -1)[segment])
    position, value = position[kept], value[kept]
    owner = np.searchsorted(offset, position, side="right") - 1
    return LabelRuns.from_runs(runs.lengths, owner, position - offset[owner], value)
