"""Every guard at every entry point: all entry points raise or warn alike for the same hostile input.

`GUARDS` are hostile inputs, `ENTRY_POINTS` are the ways into the package. Each pair is a test, unless the entry point
does not take the hostile part. A guard says what it expects everywhere (`default`), and names the exceptions: entry
points with another right behavior, and the reason. An entry point that is added here meets every guard; a guard that is
added here meets every entry point.
"""

import contextlib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier
from small import TINY, every_other
from strategies import CONTAINERS, MASKED, ClosedSource

from sslts import (
    Annotations,
    Recordings,
    SelfTrainingSegmenter,
    StreamSegmenter,
    SupervisedSegmenter,
    WindowFeatureSegmenter,
)
from sslts.adapters.sktime import SupervisedDetector, labels_to_events
from sslts.annotations import measure_segments
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.metrics import bootstrap_interval, mean_iou, mean_iou_scorer, segment_f1
from sslts.model_selection import LabeledKFold, compare_decoders, mask_labels
from sslts.plotting import (
    CountDisplay,
    CountsOverTimeDisplay,
    DurationDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
)
from sslts.preprocessing import ButterworthFilter, FillGaps, RecordingStandardizer, WindowFeatures
from sslts.report import write_cross_validated_report, write_production_report, write_report
from sslts.segments import labels_to_segments

N, T = 6, 120
X, Y = make_recordings(N, n_samples=T, segment_length=12, random_state=0)
DATED = Recordings.from_arrays(X, sampling_rate=100, starts=pd.date_range("2026-01-01", periods=N, freq="1D"))
X2 = np.stack([X, -X], axis=1)
FAST = {"network": TINY, "max_steps": 2, "batch_size": 2, "random_state": 0, "sampling_rate": 100}
FOREST = {"classifier": ExtraTreesClassifier(3), "scales": (1, 4), "random_state": 0, "sampling_rate": 100}


# --- the expected behavior of a pair ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Raises:
    """The call raises, with the argument and the place in the message."""

    kind: type[Exception]
    match: str

    def check(self, call):
        with pytest.raises(self.kind, match=self.match):
            call()


@dataclass(frozen=True)
class Warns:
    """The call works, and warns."""

    match: str

    def check(self, call):
        with pytest.warns(UserWarning, match=self.match):
            call()


@dataclass(frozen=True)
class Works:
    """The call works without a warning about the input; ``why`` gives the reason."""

    why: str

    def check(self, call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        about = [str(one.message) for one in caught if re.match(r"[Xy]\b|y_true|chunk", str(one.message))]
        assert not about, about


@dataclass(frozen=True)
class Absent:
    """The entry point does not take the hostile part of the input, such as labels; there is nothing to test."""

    why: str


Expected = Raises | Warns | Works | Absent


@dataclass(frozen=True)
class Guard:
    """A hostile input: changed recordings and labels, and the expected behavior."""

    change: Callable[[], tuple[Any, Any]]
    default: Expected
    at: Mapping[str, Expected] = field(default_factory=dict)
    fitted: str = "arrays"  # the key in FITTED_ON of the data that the segmenter was fitted on
    around: Callable[[], Any] = contextlib.nullcontext  # the state of torch and the process around the call


# --- the ways into the package -----------------------------------------------------------------------------------


def as_frames(values, names=("acc", "gyro"), index=None):
    return [pd.DataFrame(x.T, columns=list(names), index=index) for x in values]


def as_series(values, index):
    return [pd.Series(x, index=index) for x in values]


CLOCK = pd.date_range("2026-01-01", periods=T, freq="10ms")  # 100 samples a second
TORN = pd.date_range("2026-01-01", periods=T + 50, freq="10ms").delete(range(40, 90))
ODD = ("$\\foo$", "\x1b[31m_a\n")  # names of channels
FITTED_ON = {
    "arrays": X,
    "two channels": X2,
    "frames": as_frames(X2),
    "clock": as_series(X, CLOCK),
    "odd frames": as_frames(X2, ODD),
}


@pytest.fixture(scope="module")
def models():
    """Return a segmenter, a detector and a segmenter by window features for each container, fitted once."""
    mpl.use("Agg")
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in FITTED_ON.items():
            segmenter = SupervisedSegmenter(normalization=None, **FAST).fit(data, Y)
            series = (
                data[0] if isinstance(data[0], pd.DataFrame | pd.Series) else pd.DataFrame(np.atleast_2d(data[0]).T)
            )
            detector = SupervisedDetector(**FAST).fit(series, pd.Series(Y[0], index=series.index))
            found[name] = segmenter, detector, WindowFeatureSegmenter(normalization=None, **FOREST).fit(data, Y)
    return found


def push(model, X, y):
    StreamSegmenter(model).push(next(iter(X.to_numpy() if isinstance(X, pd.DataFrame) else X)))


def ask_detector(model, X, y, method):
    first = next(iter(X))
    series = first if hasattr(first, "index") else pd.DataFrame(np.atleast_2d(np.asarray(first)).T)
    if method == "fit":
        return SupervisedDetector(**FAST).fit(series, np.asarray(next(iter(y))))
    return getattr(model, method)(series)


def choose_out(X, tail=()):
    """Return an array for results: the memory of a guard that passes a view of it, else a new array."""
    if getattr(X, "base", None) is not None and X.base.shape == (N, T, 2):
        return X.base if tail else X.base.view(np.int64)[..., 0]
    return np.zeros((N, T, *tail), dtype=np.float32 if tail else np.int64)


ENTRY_POINTS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "fit": lambda model, X, y, folder: SupervisedSegmenter(**FAST).fit(X, y),
    "fit of self-training": lambda model, X, y, folder: SelfTrainingSegmenter(SupervisedSegmenter(**FAST)).fit(X, y),
    "fit of window features": lambda model, X, y, folder: WindowFeatureSegmenter(**FOREST).fit(X, y),
    "predict": lambda model, X, y, folder: model[0].predict(X),
    "predict of window features": lambda model, X, y, folder: model[2].predict(X),
    "predict_proba": lambda model, X, y, folder: model[0].predict_proba(X),
    "predict into an array": lambda model, X, y, folder: model[0].predict(X, out=choose_out(X)),
    "predict_proba into an array": lambda model, X, y, folder: model[0].predict_proba(X, out=choose_out(X, (2,))),
    "predict_segments": lambda model, X, y, folder: model[0].predict_segments(X),
    "score": lambda model, X, y, folder: model[0].score(X, y),
    "scorer": lambda model, X, y, folder: mean_iou_scorer(model[0], X, y),
    "stream": lambda model, X, y, folder: push(model[0], X, y),
    "standardizer": lambda model, X, y, folder: RecordingStandardizer().fit(FITTED_ON[model[-1]]).transform(X),
    "filter": lambda model, X, y, folder: (
        ButterworthFilter(high=20, sampling_rate=100).fit(FITTED_ON[model[-1]]).transform(X)
    ),
    "gap filler": lambda model, X, y, folder: FillGaps().fit(FITTED_ON[model[-1]]).transform(X),
    "window features": lambda model, X, y, folder: WindowFeatures(scales=(1, 4)).fit(FITTED_ON[model[-1]]).transform(X),
    "detector's fit": lambda model, X, y, folder: ask_detector(model[1], X, y, "fit"),
    "detector's predict": lambda model, X, y, folder: ask_detector(model[1], X, y, "predict"),
    "report": lambda model, X, y, folder: write_report(model[0], X, y, folder / "r.html", n_worst=0, n_typical=0),
    "cross-validated report": lambda model, X, y, folder: write_cross_validated_report(
        WindowFeatureSegmenter(**FOREST), X, y, folder / "r.html", cv=2, n_worst=0, n_typical=0
    ),
    "production report": lambda model, X, y, folder: write_production_report(
        model[0], X, folder / "r.html", n_doubtful=0
    ),
    "segmentation display": lambda model, X, y, folder: SegmentationDisplay.from_estimator(model[0], X, y),
    "count display": lambda model, X, y, folder: CountDisplay.from_estimator(model[0], X, y),
    "calibration": lambda model, X, y, folder: calibrate_counts(model[0], X, y),
    "comparison of decoders": lambda model, X, y, folder: compare_decoders(model[0], X, y, [model[0].decoder]),
    "metric of samples": lambda model, X, y, folder: mean_iou(y, Y),
    "metric of segments": lambda model, X, y, folder: segment_f1(y, Y),
    "bootstrap": lambda model, X, y, folder: bootstrap_interval(mean_iou, y, Y, n_resamples=3),
    "table of segments": lambda model, X, y, folder: labels_to_segments(y),
    "lengths of segments": lambda model, X, y, folder: measure_segments(y),
    "table of events": lambda model, X, y, folder: labels_to_events(
        y, pd.MultiIndex.from_product([range(N), range(T)])
    ),
    "splitter": lambda model, X, y, folder: list(LabeledKFold(2).split(X, y)),
    "mask_labels": lambda model, X, y, folder: mask_labels(y, n_labeled=2),
}

# --- the guards --------------------------------------------------------------------------------------------------

TABLES = ("table of segments", "lengths of segments", "table of events")
LABELS_ALONE = ("metric of samples", "metric of segments", "bootstrap", "mask_labels", *TABLES)
SIGNALS_ALONE = (
    *(
        "predict",
        "predict of window features",
        "predict into an array",
        "predict_proba",
        "predict_proba into an array",
        "predict_segments",
        "production report",
        "stream",
        "standardizer",
        "window features",
        "filter",
        "gap filler",
    ),
    "detector's predict",
)
FITS = ("fit", "fit of self-training", "fit of window features", "cross-validated report", "detector's fit")

NO_SIGNALS = Absent("no signals are passed, or none are read")
NO_LABELS = Absent("no labels are passed")
ONE_ITEM = Absent("one recording is passed, without the container")
FIRST_FIT = Works("it is the first fit: there is nothing to compare with")
NO_PARTNER = Absent("there are neither signals nor other labels to compare with")
NO_MASKS = Absent("sktime takes pandas objects, which hold NaN instead of masked values")
NO_NAMES = Absent("a chunk is an array, without names and clock")


def at(names, expected):
    return dict.fromkeys(names, expected)


SIGNAL = at((*LABELS_ALONE, "splitter"), NO_SIGNALS)
LABEL = at(SIGNALS_ALONE, NO_LABELS)


def spoil(values, value):
    """Put a value at sample 17 of the first recording."""
    spoiled = np.array(values, dtype=object if isinstance(value, str) else float)
    spoiled[0, 17] = value
    return spoiled


MASK = np.zeros((N, T), dtype=bool)
MASK[:, 30:35] = True


GUARDS = {
    "NaN in a signal": Guard(
        lambda: (spoil(X, np.nan), Y),
        Raises(ValueError, "X: recording 0 has 1 NaN .*FillGaps"),
        SIGNAL
        | {
            "stream": Raises(ValueError, "chunk holds 1 NaN.* the first at sample 17"),
            "gap filler": Works("it fills them"),
        },
    ),
    "text in a signal": Guard(
        lambda: (spoil(X, "x"), Y),
        Raises(TypeError, r"X.* holds a str at \(0, 17\)"),
        SIGNAL
        | {"stream": Raises(TypeError, r"chunk holds a str at \(17,\)")}
        | at(("detector's fit", "detector's predict"), Raises(TypeError, "X: recording 0 has the text 'x' in row 17")),
    ),
    "a number beyond float32": Guard(
        lambda: (spoil(X, 1e300), Y),
        Raises(ValueError, r"X: recording 0 has values of 1e\+300, out of the range of float32"),
        SIGNAL | {"stream": Raises(ValueError, r"chunk, beginning at sample 0, has values of 1e\+300")},
    ),
    "complex numbers": Guard(
        lambda: (X + 0j, Y),
        Raises(ValueError, "Complex data not supported"),
        SIGNAL
        | {"stream": Raises(ValueError, "chunk has dtype complex64; expected real numbers")}
        | at(("detector's fit", "detector's predict"), Raises(ValueError, "recording 0 has dtype complex64")),
    ),
    "time first": Guard(
        lambda: (X2.transpose(0, 2, 1), Y),
        Raises(ValueError, "X has 120 channels, .* was fitted with 2.* time must be the last axis"),
        SIGNAL
        | at((*FITS, "report"), Raises(ValueError, "its signal has 2 samples.* time must be the last axis"))
        | {"stream": Raises(ValueError, r"chunk has shape \(120, 2\); pass \(2, t\), time last")},
        fitted="two channels",
    ),
    "other channels": Guard(
        lambda: (X, Y),
        Raises(ValueError, "X has 1 channels, .* was fitted with 2"),
        SIGNAL | at(FITS, FIRST_FIT) | {"stream": Raises(ValueError, r"chunk has shape \(120,\); pass \(2, t\)")},
        fitted="two channels",
    ),
    "channels in another order": Guard(
        lambda: ([frame[["gyro", "acc"]] for frame in as_frames(X2)], Y),
        Raises(
            ValueError, r"channels \['gyro', 'acc'\], .* was fitted on \['acc', 'gyro'\]; pass them in the same order"
        ),
        SIGNAL
        | at(FITS, FIRST_FIT)
        | {"stream": Raises(ValueError, r"chunk has the channels \['gyro', 'acc'\], .*in the same order")},
        fitted="frames",
    ),
    "channels of other names": Guard(
        lambda: (as_frames(X2, ("acc", "temperature")), Y),
        Raises(ValueError, r"\['acc', 'temperature'\], .* was fitted on \['acc', 'gyro'\]; .*rename them"),
        SIGNAL
        | at(FITS, FIRST_FIT)
        | {"stream": Raises(ValueError, r"chunk has the channels \['acc', 'temperature'\], .*rename them")},
        fitted="frames",
    ),
    "channels that differ between recordings": Guard(
        lambda: ([X2[0], X2[1, :1], *X2[2:]], Y),
        Raises(ValueError, "X: recording 1 has 1 channels, recording 0 has 2"),
        SIGNAL
        | {"stream": Absent("a stream is one recording")}
        | at(("detector's fit", "detector's predict"), Absent("the series is one recording")),
        fitted="two channels",
    ),
    "a clock of another rate": Guard(
        lambda: (as_series(X, pd.date_range("2026-01-01", periods=T, freq="4ms")), Y),
        Warns("X: recording 0 has times .*250 samples per second, but sampling_rate=100"),
        SIGNAL
        | {"stream": Warns("chunk has times .*250 samples per second, but sampling_rate=100")}
        | at(("standardizer", "gap filler", "window features"), Works("it has no sampling rate to compare with")),
        fitted="clock",
    ),
    "a clock with a gap": Guard(
        lambda: (as_series(X, pd.date_range("2026-01-01", periods=T + 50, freq="10ms").delete(range(40, 90))), Y),
        Warns("X: recording 0 has uneven times: sample 40 .* leaves a gap"),
        SIGNAL | {"stream": Warns("chunk has uneven times: sample 40 .* leaves a gap")},
        fitted="clock",
    ),
    "a clock of periods with a gap": Guard(
        lambda: (as_series(X, TORN.to_period("10ms")), Y),
        Warns("X: recording 0 has uneven times: sample 40 .* leaves a gap"),
        SIGNAL
        | {"stream": Warns("chunk has uneven times: sample 40 .* leaves a gap")}
        | at(("detector's fit", "detector's predict"), Warns("uneven times: sample 40")),
        fitted="clock",
    ),
    "a Panel whose clock has a gap": Guard(
        lambda: (pd.DataFrame({"v": X.ravel()}, pd.MultiIndex.from_product([range(N), TORN])), Y),
        Warns("X: recording 0 has uneven times: sample 40 .* leaves a gap"),
        SIGNAL
        | {"stream": ONE_ITEM}
        | {"splitter": NO_SIGNALS}
        | at(("detector's fit", "detector's predict"), Absent("the series of the test is one recording")),
        fitted="clock",
    ),
    "time first in a list": Guard(
        lambda: (list(np.zeros((N, 120, 3)) + X[:, :, None]), [0, 1] * 3),
        Raises(ValueError, "X has 120 channels, .* was fitted with 1"),
        SIGNAL
        | at(FITS[:-1], Warns("X: recording 0 is taken as 120 channels of 3 samples"))
        | {"stream": Raises(ValueError, r"chunk has shape \(120, 3\); pass \(1, t\), time last")}
        | {"report": Raises(ValueError, "fitted with 1")}
        | at(("detector's fit", "detector's predict"), Absent("time runs down the rows of sktime's series")),
    ),
    "padded rows": Guard(
        lambda: (np.where(np.arange(T) < 100 - 10 * np.arange(N)[:, None] % 30, X, np.nan), Y),
        Raises(ValueError, "X: recording 0 .* all at its ends, so it looks padded.*"),
        SIGNAL
        | {
            "stream": Raises(ValueError, "chunk holds 20 NaN"),
            "gap filler": Warns("X: recording 0, like 5 others, .* looks padded"),
        },
    ),
    "a dictionary of recordings": Guard(
        lambda: (dict(enumerate(X)), Y),
        Raises(TypeError, r"X is a dictionary; .*pass list\(X\.values\(\)\)"),
        SIGNAL | at(("stream", "detector's fit", "detector's predict"), ONE_ITEM),
    ),
    "a channel of labels": Guard(
        lambda: (np.stack([X, Y], axis=1), Y),
        Works("only a fit compares signals with labels"),
        SIGNAL | at(FITS, Warns("X: channel 1 has one value for each class of the labels")),
        fitted="two channels",
    ),
    "a channel of times": Guard(
        lambda: (np.stack([X, np.tile(np.arange(T) / 100, (N, 1))], axis=1), Y),
        Works("what a fit warned of is not said again"),
        SIGNAL | at(FITS, Warns("X: channel 1 rises evenly")),
        fitted="two channels",
    ),
    "a clock that runs backwards": Guard(
        lambda: (as_series(X, CLOCK[[1, 0, *range(2, T)]]), Y),
        Warns("X: recording 0 has uneven times: sample 1 .* is not later"),
        SIGNAL
        | {"stream": Warns("chunk has uneven times: sample 1 .* is not later")}
        | at(("detector's fit", "detector's predict"), Raises(TypeError, "must be in an sktime compatible format")),
        fitted="clock",
    ),
    "one recording without a list": Guard(
        lambda: (X[0], Y[0]),
        Raises(ValueError, r"X has shape \(120,\); expected .*for one recording, pass \[X\]"),
        at(("metric of samples", "metric of segments", "bootstrap"), Raises(ValueError, "1 recordings, y_pred has 6"))
        | {"stream": Raises(ValueError, r"chunk has shape \(\)")}
        | at(("detector's fit", "detector's predict"), Absent("a series of sktime is one recording"))
        | at(("splitter", "mask_labels"), Works("labels of shape (n,) are one for each recording"))
        | at(TABLES, Absent("labels of shape (T,) are one recording")),
    ),
    "an empty recording": Guard(
        lambda: ([X[0][:0], *X[1:]], [Y[0][:0], *Y[1:]]),
        Raises(ValueError, "X: recording 0 has length zero .*drop it"),
        at(("metric of samples", "metric of segments", "bootstrap"), Raises(ValueError, r"\[0\] has 0 samples"))
        | {"stream": Works("a chunk may be empty")}
        | at(("splitter", "mask_labels"), Works("a recording without samples is a recording without labels"))
        | at(TABLES[:2], Works("a recording without samples is one without segments"))
        | {"table of events": Absent("the index of the Panel has samples of each recording")},
    ),
    "no recording": Guard(
        lambda: ([], []),
        Raises(ValueError, "X holds no recording .*pass at least one"),
        at(("metric of samples", "metric of segments", "bootstrap"), Raises(ValueError, "y_true has 0 recordings"))
        | at(("splitter", "mask_labels"), Raises(ValueError, "y holds no recording; pass at least one"))
        | at(("stream", "detector's fit", "detector's predict"), Absent("one recording is passed"))
        | at(TABLES, Absent("an empty table is the table of no recording")),
    ),
    "channels with odd names": Guard(
        lambda: (as_frames(X2, ODD), Y),
        Works("names are shown as they are written"),
        SIGNAL,
        fitted="odd frames",
    ),
    "channels with odd names in another order": Guard(
        lambda: (as_frames(X2[:, ::-1], ODD[::-1]), Y),
        Raises(ValueError, r"channels \['\\x1b\[31m_a\\n', '\$\\\\foo\$'\], .*pass them in the same order"),
        SIGNAL | at(FITS, FIRST_FIT) | {"stream": NO_NAMES},
        fitted="odd frames",
    ),
    "NaN in labels": Guard(
        lambda: (X, spoil(Y, np.nan)),
        Raises(ValueError, r"\[0\].* holds nan at sample 17, a missing or masked value"),
        LABEL,
    ),
    "text in labels": Guard(
        lambda: (X, spoil(Y, "x")),
        Raises(ValueError, r"\[0\].* (is not numeric|holds the number 0 at sample 0, but other labels are words)"),
        LABEL | at(("detector's fit",), Raises(ValueError, "y holds words, but sktime's detectors")),
    ),
    "fractions in labels": Guard(
        lambda: (X, spoil(Y, 0.5)), Raises(ValueError, r"\[0\].* holds 0.5 at sample 17"), LABEL
    ),
    "labels below -1": Guard(
        lambda: (X, spoil(Y, -2)), Raises(ValueError, r"\[0\].* holds -2(.0)? at sample 17"), LABEL
    ),
    "labels of another length": Guard(
        lambda: (X, Y[:, :-1]),
        Raises(ValueError, r"labels of shape \(119,\), its signal has 120 samples"),
        LABEL
        | at(
            ("scorer", "count display", "metric of samples", "metric of segments", "bootstrap"),
            Raises(ValueError, r"y_true\[0\] has 119 samples, y_pred\[0\] has 120"),
        )
        | at(("calibration", "comparison of decoders"), Raises(ValueError, r"y\[0\] has 119 samples, X\[0\] has 120"))
        | at(("splitter", "mask_labels"), Absent("no signals are read whose length could differ"))
        | at(TABLES, NO_PARTNER),
    ),
    "labels of fewer recordings": Guard(
        lambda: (X, Y[:-1]),
        Raises(ValueError, "X has 6 recordings, y has 5"),
        LABEL
        | at(
            ("scorer", "count display", "metric of samples", "metric of segments", "bootstrap"),
            Raises(ValueError, "y_true has 5 recordings, y_pred has 6"),
        )
        | at(("calibration", "comparison of decoders"), Raises(ValueError, "y has 5 recordings, X has 6"))
        | {"detector's fit": Absent("the series is one recording")}
        | {"mask_labels": NO_SIGNALS}
        | at(TABLES, NO_PARTNER),
    ),
    "no labeled sample": Guard(
        lambda: (X, np.full_like(Y, -1)),
        Raises(ValueError, "y has no labeled sample: every label is -1"),
        LABEL
        | at(("score", "scorer", "metric of samples", "metric of segments"), Warns("y_true is all -1"))
        | {
            "report": Raises(ValueError, "y has 0 labeled recordings; give at least two"),
            "cross-validated report": Raises(ValueError, "y has 0 labeled recordings; cross-validation needs at least"),
            "segmentation display": Works("unlabeled samples are drawn as such"),
            "count display": Works("an empty picture"),
            "bootstrap": Raises(ValueError, "at least two recordings with labels"),
            "splitter": Raises(ValueError, "y has no labeled recording to test: every label is -1"),
            "mask_labels": Raises(ValueError, "y has no label to keep: every label is -1"),
        }
        | at(TABLES, Works("labels without segments give an empty table"))
        | {"lengths of segments": Raises(ValueError, "labels has no labeled sample: every label is -1")},
    ),
    **{
        f"masked values in a signal: {name}": Guard(
            lambda name=name: (MASKED[name](X, MASK), Y),
            Raises(ValueError, r"X: recording 0.* has 5 NaN .*FillGaps"),
            SIGNAL
            | at(FITS[:-1], Raises(ValueError, r"X: recording \d.* has 5 NaN .*FillGaps"))
            | at(("detector's fit", "detector's predict"), NO_MASKS)
            | {
                "stream": Raises(ValueError, "chunk holds 5 NaN, masked or infinite values, the first at sample 30"),
                "gap filler": Works("it fills them"),
            },
        )
        for name in ("masked array", "list of masked arrays over memory-maps", "lazy", "delayed", "sub-class")
    },
    **{
        f"masked labels: {name}": Guard(
            lambda name=name: (X, MASKED[name](Y, MASK)),
            Raises(ValueError, r"\[0\].* holds nan at sample 30, a missing or masked value"),
            LABEL | {"detector's fit": NO_MASKS},
        )
        for name in ("masked array", "list of masked arrays over memory-maps", "lazy", "delayed", "sub-class")
    },
    "-1 in labels of an unsigned type": Guard(
        lambda: (X, np.where(MASK, -1, Y).astype(np.uint8)),
        Warns("has a class 255, which is what -1 becomes in an unsigned dtype"),
        LABEL | {"comparison of decoders": Raises(ValueError, "y has class 255, but the segmenter has the classes")},
    ),
    "labels in a tensor with gradient": Guard(
        lambda: (X, CONTAINERS["tensor with gradient"](Y)),
        Works("the values are the labels"),
        LABEL | {"detector's fit": Absent("sktime takes pandas objects")},
    ),
    "a signal in a nested tensor": Guard(
        lambda: (CONTAINERS["nested tensor"](X), Y),
        Works("it is a list of tensors"),
        SIGNAL | at(("detector's fit", "detector's predict"), Absent("sktime takes pandas objects")),
    ),
    "a closed data set as signal": Guard(
        lambda: (ClosedSource(), Y),
        Raises(OSError, "X can't be read: not a data set.* still open"),
        at(LABELS_ALONE, NO_SIGNALS)
        | {"stream": Absent("a data set of many recordings is no chunk")}
        | at(("detector's fit", "detector's predict"), Absent("sktime takes pandas objects")),
    ),
    "a closed data set as labels": Guard(
        lambda: (X, ClosedSource()),
        Raises(OSError, "(y|y_true|labels) can't be read: not a data set.* still open"),
        LABEL | {"detector's fit": Absent("sktime takes pandas objects")},
    ),
    "a number that means no value": Guard(
        lambda: (spoil(X, 999999), Y),
        Warns(r"X: recording 0 has the value 999999 at sample 17.*FillGaps\(missing=999999\)"),
        SIGNAL
        | {
            "stream": Warns(r"chunk: the stream has the value 999999 at sample 17.*FillGaps\(missing=999999\)"),
            "gap filler": Works("it may be there to fill it; the next step warns"),
        },
    ),
    "integers beyond 2**53": Guard(
        lambda: (np.rint(1000 * X).astype(np.int64) + 2**60, Y),
        Raises(ValueError, "with normalization=None, the largest allowed value is"),
        SIGNAL
        | at(FITS, Works("a sample is subtracted before they are rounded"))
        | {
            "standardizer": Works("a sample is subtracted before they are rounded"),
            "window features": Works("a sample is subtracted before they are rounded"),
            "detector's predict": Works("a sample is subtracted before they are rounded"),
        }
        | at(("filter", "gap filler"), Warns(r"X: recording 0 holds integers beyond 2\*\*52, which are rounded"))
        | {"stream": Raises(ValueError, "the largest allowed value is")},
    ),
    "one-hot labels": Guard(
        lambda: (X, np.eye(2, dtype=int)[Y]),
        Raises(ValueError, r"one-hot labels, pass (labels|y|y_true)\.argmax\(-1\)"),
        LABEL,
    ),
    "labels in a dictionary": Guard(
        lambda: (X, dict(enumerate(Y))),
        Raises(ValueError, r"(y|y_true|labels) is a dictionary; .*list\((y|y_true|labels)\.values\(\)\)"),
        LABEL | {"detector's fit": ONE_ITEM},
    ),
    "one label for each epoch": Guard(
        lambda: (list(X), [[0, 1, 0, 1]] * N),
        Raises(ValueError, "epoch of m samples, pass np.pad"),
        LABEL
        | at(("splitter", "mask_labels"), NO_SIGNALS)
        | at(TABLES, NO_PARTNER)
        | {"detector's fit": Raises(ValueError, "epoch of m samples, pass np.pad")},
    ),
    "rows of labels in another order": Guard(
        lambda: (pd.DataFrame(X, list("abcdef")), pd.DataFrame(Y, list("abcdef")).iloc[[3, 0, 5, 1, 4, 2]]),
        Works("labels are put in the order of the names"),
        LABEL
        | at(LABELS_ALONE[:3], Warns("y_true has an index that is not in order"))
        | {
            "mask_labels": Works("the table that is returned has the same index"),
            "splitter": Raises(ValueError, r"another order than X, .*pass y\.loc\[X\.index\]"),
            "detector's fit": ONE_ITEM,
            "detector's predict": ONE_ITEM,
        },
    ),
    "results that would overwrite the signals": Guard(
        lambda: (np.stack([X, X], axis=-1).astype(np.float64)[..., 0], Y),
        Works("nothing is written into an array that the caller passes"),
        at(
            ("predict into an array", "predict_proba into an array"),
            Raises(ValueError, "out shares memory with X; its samples would be overwritten before they are read"),
        ),
    ),
    "labels on an index in another order": Guard(
        lambda: (as_series(X, CLOCK), [pd.Series(y, index=CLOCK)[::-1] for y in Y]),
        Works("labels are put in the order of their samples"),
        LABEL
        | at(
            (*LABELS_ALONE, "splitter"), Absent("without recordings there is no order to follow; labels go by position")
        )
        | {"detector's fit": Absent("sktime's labels are checked by the adapter's own tests")},
        fitted="clock",
    ),
}

SAME = Works("each call computes in a neutral state; tests/test_states.py compares the bits")
GUARDS |= {
    f"{name} around the call": Guard(lambda: (X, Y), SAME, around=around)
    for name, around in {
        "inference mode": torch.inference_mode,
        "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        "a default device without data": lambda: torch.device("meta"),
        "errors of NumPy": lambda: np.errstate(all="raise"),
    }.items()
}


def list_pairs(guards, entries):
    """Return the names of each guard and of each entry point that takes its input."""
    expected = {
        (name, entry): guard.at.get(entry, guard.default) for name, guard in guards.items() for entry in entries
    }
    return [pair for pair, found in expected.items() if not isinstance(found, Absent)]


@pytest.mark.parametrize(("guard", "entry"), every_other(list_pairs(GUARDS, ENTRY_POINTS)))
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_pictures")
def test_a_guard_holds_at_every_entry_point(guard, entry, models, tmp_path):
    case = GUARDS[guard]
    expected = case.at.get(entry, case.default)
    signals, labels = case.change()

    def call():
        with case.around():
            ENTRY_POINTS[entry]((*models[case.fitted], case.fitted), signals, labels, tmp_path)

    expected.check(call)


def test_no_exception_names_an_entry_point_that_is_gone():
    for name, guard in GUARDS.items():
        assert set(guard.at) <= set(ENTRY_POINTS), name
    for name, guard in NAME_GUARDS.items():
        assert set(guard.at) <= set(NAME_ENTRY_POINTS), name


def test_every_exception_says_why():
    guards = [*GUARDS.values(), *NAME_GUARDS.values()]
    reasons = [one.why for guard in guards for one in guard.at.values() if isinstance(one, Works | Absent)]
    assert all(len(why) > 10 for why in reasons)


# --- names of classes ----------------------------------------------------------------------------------------------

NAME_ENTRY_POINTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "report": lambda model, names, folder: write_report(
        model, X, Y, folder / "r.html", names=names, n_worst=1, n_typical=0
    ),
    "count display": lambda model, names, folder: CountDisplay.from_estimator(model, X, Y, names=names),
    "count display of labels": lambda model, names, folder: CountDisplay.from_predictions(Y, Y, names=names),
    "duration display": lambda model, names, folder: DurationDisplay.from_estimator(model, X, Y, names=names),
    "duration display of labels": lambda model, names, folder: DurationDisplay.from_predictions(Y, Y, names=names),
    "segmentation display": lambda model, names, folder: SegmentationDisplay.from_estimator(model, X, Y, names=names),
    "segmentation display of labels": lambda model, names, folder: SegmentationDisplay.from_predictions(
        X[0], y_true=Y[0], names=names
    ),
    "history display": lambda model, names, folder: TrainingHistoryDisplay.from_estimator(model, names=names),
    "display over time": lambda model, names, folder: CountsOverTimeDisplay.from_estimator(model, DATED, names=names),
    "display over time of labels": lambda model, names, folder: CountsOverTimeDisplay.from_segments(
        Annotations.from_labels(Y).table, DATED, names=names
    ),
}
OF_LABELS = [name for name in NAME_ENTRY_POINTS if name.endswith("of labels")]
OTHERS_EXIST = at(OF_LABELS, Works("other recordings may have the class"))


@dataclass(frozen=True)
class NameGuard:
    """Hostile names of the classes 0 and 1, and what is expected."""

    names: Any
    default: Expected
    at: Mapping[str, Expected] = field(default_factory=dict)


SAME = Raises(ValueError, "both class 0 and class 1 as .*; give each class a name of its own")
NO_TEXT = Raises(ValueError, "names has .* for class 1; give a text that is not empty")
SHOWN = Works("names are shown on one line, with escapes and without a middle")

NAME_GUARDS = {
    "one name for two classes": NameGuard({0: "wave", 1: "wave"}, SAME),
    "names that look the same": NameGuard({0: "caf\xe9", 1: "cafe\u0301"}, SAME),
    "names that differ in white space": NameGuard({0: "a wave", 1: "a\n wave "}, SAME),
    "long names that differ in the middle": NameGuard({0: 99 * "a" + "b" + 99 * "a", 1: 199 * "a"}, SAME),
    "the number of a class without a name": NameGuard(
        {1: "0"},
        SAME,
        at(("duration display", "duration display of labels"), Absent("the background has no segments"))
        | at(("count display", "count display of labels"), Absent("the background is not counted"))
        | at(("display over time", "display over time of labels"), Absent("the background is not counted"))
        | {"report": Works("the report shows it as class 0")}
        | {"history display": Absent("this training has no pseudo-labels, so it shows no class")},
    ),
    "the report's name of a class without a name": NameGuard(
        {1: "class 0"}, Works("the other class is shown as 0, or not at all"), {"report": SAME}
    ),
    "a class that does not exist": NameGuard({7: "wave"}, Raises(ValueError, "the key 7, which is not"), OTHERS_EXIST),
    "a key that is text": NameGuard({"wave": 1}, Raises(ValueError, "names has the key 'wave', which is not")),
    "a key that is a float": NameGuard({1.0: "wave"}, Raises(ValueError, "names has the key 1.0, which is not")),
    "a list": NameGuard(["rest", "wave"], Raises(ValueError, 'names is a list; give {class: "name"}')),
    "a Series": NameGuard(pd.Series(["rest"]), Raises(ValueError, 'names is a Series; give {class: "name"}')),
    "a number as name": NameGuard({1: 5}, NO_TEXT),
    "None as name": NameGuard({1: None}, NO_TEXT),
    "bytes as name": NameGuard({1: b"wave"}, NO_TEXT),
    "an empty name": NameGuard({1: ""}, NO_TEXT),
    "a name of white space": NameGuard({1: " \n"}, NO_TEXT),
    "a key of NumPy": NameGuard({np.int8(1): "wave"}, Works("it is an integer")),
    "bad mathematics": NameGuard({1: "$\\foo$"}, SHOWN),
    "two dollars": NameGuard({1: "$5 and $6"}, SHOWN),
    "an underscore": NameGuard({1: "_wave"}, SHOWN),
    "a surrogate": NameGuard({1: "a\ud800"}, SHOWN),
    "control characters": NameGuard({1: "\x00\x1b[31m"}, SHOWN),
    "line breaks": NameGuard({1: "a\r\nb\u2028c"}, SHOWN),
    "marks of direction": NameGuard({1: "\u202eevaw"}, SHOWN),
    "a page": NameGuard({1: "<script>alert('&quot;')</script>]]>-->"}, SHOWN),
    "a long name": NameGuard({1: 10_000 * "wave "}, SHOWN),
}


@pytest.mark.parametrize(("guard", "entry"), every_other(list_pairs(NAME_GUARDS, NAME_ENTRY_POINTS)))
@pytest.mark.filterwarnings("ignore")
def test_a_guard_of_names_holds_at_every_entry_point(guard, entry, models, tmp_path):
    case = NAME_GUARDS[guard]
    expected = case.at.get(entry, case.default)
    expected.check(lambda: NAME_ENTRY_POINTS[entry](models["arrays"][0], case.names, tmp_path))
    if isinstance(expected, Raises):
        assert not list(tmp_path.iterdir())


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
