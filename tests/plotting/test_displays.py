import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import FixMatchSegmenter, MeanTeacherSegmenter
from sslts._runs import find_runs
from sslts.calibration import calibrate_counts
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import compare_decoders
from sslts.networks import UNet
from sslts.plotting import (
    CountDisplay,
    DurationDisplay,
    LabelEfficiencyDisplay,
    ReliabilityDisplay,
    SegmentationDisplay,
    TrainingHistoryDisplay,
)
from sslts.plotting._style import POINTS, color_classes, thin_curve, thin_runs
from sslts.preprocessing import RecordingStandardizer
from sslts.thresholds import CurriculumThreshold, FixedThreshold, RelativeThreshold

# It finds segments of every class
FAST = {"max_steps": 8, "batch_size": 4, "lr": 1e-2, "network": UNet(width=8, depth=2), "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    with mpl.rc_context({"backend": "Agg"}):
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def partly():
    """Return recordings, labels for half of them, and all labels."""
    X, y = make_recordings(6, n_samples=400, n_classes=3, random_state=0)
    few = y.copy()
    few[3:] = -1
    return X, few, y


@pytest.fixture(scope="module")
def fitted(partly):
    X, few, y = partly
    return FixMatchSegmenter(**FAST, sampling_rate=50).fit(X, few), X, y


def draw(display):
    display.figure_.canvas.draw()
    return display


class TestThinCurve:
    @given(st.lists(st.floats(-100, 100), min_size=1, max_size=300), st.integers(2, 60))
    def test_no_peak_is_lost(self, values, points):
        x = np.array(values)
        at, thin = thin_curve(x, points)
        assert thin.max() == x.max()
        assert thin.min() == x.min()
        assert (np.diff(at) >= 0).all()
        np.testing.assert_array_equal(x[at], thin)
        assert len(thin) <= max(points, 2)

    def test_what_is_missing_is_no_trouble(self):
        x = np.r_[np.full(50, np.nan), np.arange(50.0)]
        assert np.nanmax(thin_curve(x, 20)[1]) == 49


class TestThinRuns:
    @given(st.lists(st.integers(-1, 3), min_size=1, max_size=200), st.integers(1, 40))
    def test_each_column_shows_one_of_its_labels(self, values, columns):
        y = np.array(values)
        starts, ends, shown = thin_runs(y, columns)
        runs = find_runs(y)
        if len(runs[0]) <= columns:
            assert all(map(np.array_equal, (starts, ends, shown), runs))
            return
        assert len(starts) <= columns
        drawn = np.repeat(shown, ends - starts)
        edges = np.linspace(0, y.size, columns + 1).astype(int)
        for start, stop in itertools.pairwise(edges):
            assert (drawn[start:stop] == drawn[start]).all()
            assert drawn[start] in y[start:stop]

    @pytest.mark.parametrize("period", [3, 50, 64])
    def test_labels_are_seen_as_often_as_they_occur(self, period):
        y = (np.arange(100_000) % period < period // 3).astype(int)
        starts, ends, shown = thin_runs(y, columns=1000)
        assert (ends - starts)[shown == 1].sum() / y.size == pytest.approx(y.mean(), abs=0.05)


def test_classes_differ_in_colour_and_the_background_is_grey():
    colors = color_classes(np.arange(11), 0)
    assert len(set(colors.values())) == 11
    assert color_classes(np.array([-1, 4, 7]), 7)[7] == colors[0]


@pytest.mark.parametrize("display", [CountDisplay, DurationDisplay])
def test_names_are_of_classes(display):
    y = np.array([[0, 1, 1, 0, 1]])
    with pytest.raises(ValueError, match="names has the key 'cycle', which is no class"):
        display.from_predictions(y, y, names={"cycle": 1})


class TestSegmentationDisplay:
    def test_from_estimator(self, fitted):
        segmenter, X, y = fitted
        display = draw(SegmentationDisplay.from_estimator(segmenter, X, y, recording=2, start=100, stop=300))
        assert len(display.axes_) == 3
        assert display.ax_.get_xlim() == (2.0, 6.0)
        assert display.axes_[-1].get_xlabel() == "seconds"
        np.testing.assert_array_equal(display.y_pred, segmenter.predict(X)[2, 100:300])

    @pytest.mark.parametrize("names", [{"cycle": 1}, {0: "rest", 7: "cycle"}])
    def test_names_of_what_is_no_class_are_refused(self, fitted, names):
        segmenter, X, y = fitted
        with pytest.raises(ValueError, match=r"names has the key ('cycle'|7), .* there are \[0, 1, 2\]; give {class: "):
            SegmentationDisplay.from_estimator(segmenter, X, y, names=names)
        SegmentationDisplay.from_predictions(X[0], y_true=y[0] * 0, names={0: "rest", 7: "cycle"})
        with pytest.raises(ValueError, match="names has the key 'cycle', which is no class; give {class: "):
            SegmentationDisplay.from_predictions(X[0], y_true=y[0], names={"cycle": 1})

    @pytest.mark.parametrize(("factor", "label"), [(1000, "channel, each scaled"), (3, "channel")])
    def test_channels_of_other_units_are_seen(self, factor, label):
        x = np.sin(np.arange(300) / 9)
        display = draw(SegmentationDisplay.from_predictions(np.stack([factor * x, x, 0 * x])))
        assert display.ax_.get_ylabel() == label
        heights = [np.ptp(line.get_ydata()) for line in display.ax_.lines]
        assert heights[0] / heights[1] == pytest.approx(1 if factor == 1000 else 3)

    def test_bands_of_many_segments_are_thinned(self):
        y = np.arange(40_000) // 2 % 2
        y[:10_000] = -1
        display = draw(SegmentationDisplay.from_predictions(np.zeros(40_000), y_true=y))
        bars = display.axes_[1].collections
        assert sum(len(one.get_paths()) for one in bars) <= POINTS // 2
        assert bars[0].get_hatch() == "////"
        np.testing.assert_array_equal(bars[0].get_paths()[0].vertices[:, 0].max(), 10_000)

    def test_unlabeled_stretches_are_hatched(self):
        display = draw(SegmentationDisplay.from_predictions(np.zeros(6), y_true=[0, 0, 1, -1, -1, 1]))
        assert [c.get_hatch() for c in display.axes_[1].collections] == ["////", None, None]
        assert display.ax_.get_legend().get_texts()[-1].get_text() == "unlabeled"

    @pytest.mark.parametrize("y_true", [None, [0, 0, 1, 1, 1, 0, -1, -1, -1], [0, 0, 5, 5, 5, 0, 0, 0, 0]])
    def test_columns_without_names_are_the_classes_from_0_on(self, y_true):
        proba = np.linspace([0.2, 0.3, 0.5], [0.1, 0.6, 0.3], 9)
        display = draw(SegmentationDisplay.from_predictions(np.zeros(9), y_true=y_true, proba=proba))
        lines = display.axes_[-1].get_lines()
        for line, column in zip(lines, proba[:, 1:].T, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), column)

    @pytest.mark.parametrize("n_channels", [1, 2, 12])
    def test_a_long_recording_of_many_channels_is_thinned(self, n_channels):
        x = np.random.default_rng(0).normal(size=(n_channels, 100_000))
        x[0, 54_321] = 99
        display = draw(SegmentationDisplay.from_predictions(x, y_pred=np.arange(100_000) // 9_000 % 10))
        lines = display.ax_.get_lines()
        assert len(lines) == n_channels
        assert all(len(line.get_xdata()) <= POINTS for line in lines)
        assert 54_321 in lines[0].get_xdata()

    def test_in_the_place_of_an_axes(self, fitted):
        segmenter, X, y = fitted
        figure, (left, right) = plt.subplots(1, 2)
        display = draw(SegmentationDisplay.from_estimator(segmenter, X, y, ax=left))
        assert display.figure_ is figure
        assert right.axison
        with pytest.raises(ValueError, match="ax has no place in a grid"):
            SegmentationDisplay.from_estimator(segmenter, X, y, ax=plt.figure().add_axes((0, 0, 1, 1)))

    @pytest.mark.parametrize(("start", "stop", "limits"), [(-100, None, (300, 400)), (-900, -350, (0, 50))])
    def test_a_stretch_from_the_end_is_drawn_where_it_is(self, fitted, start, stop, limits):
        segmenter, X, y = fitted
        display = draw(SegmentationDisplay.from_estimator(segmenter, X, y, start=start, stop=stop))
        assert display.ax_.get_xlim() == tuple(at / 50 for at in limits)
        drawn = display.ax_.get_lines()[0].get_xdata()
        assert (drawn[0], drawn[-1]) == (limits[0] / 50, (limits[1] - 1) / 50)

    def test_labels_of_another_length_are_refused(self):
        with pytest.raises(ValueError, match="y_pred has 3 samples, x has 4"):
            SegmentationDisplay.from_predictions(np.zeros(4), y_pred=[0, 1, 0])
        with pytest.raises(ValueError, match="hold no sample of a recording of 4"):
            SegmentationDisplay.from_predictions(np.zeros(4), start=4)


class TestTrainingHistoryDisplay:
    def test_pseudo_labels_are_judged_where_the_truth_is_known(self, fitted):
        segmenter, X, y = fitted
        display = draw(TrainingHistoryDisplay.from_estimator(segmenter, X, y))
        assert display.axes_[-1].get_xlabel() == "right among the believed pseudo-labels, at the end"
        sure = segmenter.predict_proba(X).max(-1) >= segmenter.threshold
        said = segmenter.predict(X)
        for k, share in display.accuracy.items():
            mine = sure & (said == k)
            assert share == pytest.approx((y[mine] == k).mean()) if mine.any() else np.isnan(share)

    @pytest.mark.parametrize(
        "threshold",
        [
            RelativeThreshold(0.9),
            CurriculumThreshold(0.95, expected="labeled"),
            FixedThreshold(0.4, alignment="uniform"),
            FixedThreshold(0.4),
        ],
    )
    def test_the_threshold_is_asked_as_training_left_it(self, partly, threshold):
        X, few, y = partly
        segmenter = FixMatchSegmenter(**FAST, threshold=threshold).fit(X, few)
        module = segmenter.net_.criterion_.threshold
        proba = module.align(torch.from_numpy(segmenter.predict_proba(X).transpose(0, 2, 1)))
        said, believed = proba.argmax(1).numpy(), module(proba).numpy() > 0
        wanted = [(y == said)[believed & (said == k)].mean() for k in range(3) if (believed & (said == k)).any()]
        assert wanted
        found = TrainingHistoryDisplay.from_estimator(segmenter, X, y).accuracy
        np.testing.assert_allclose(found.dropna(), wanted)

    def test_a_method_without_a_threshold_believes_all(self, partly):
        X, few, y = partly
        segmenter = MeanTeacherSegmenter(max_steps=2, batch_size=2, network=TINY, random_state=0).fit(X, few)
        said = segmenter.predict(X)
        wanted = [(y == said)[said == k].mean() for k in np.unique(said)]
        found = TrainingHistoryDisplay.from_estimator(segmenter, X, y).accuracy
        np.testing.assert_allclose(found.dropna(), wanted)

    def test_a_baseline_has_losses_only(self):
        history = pd.DataFrame(
            {"step": [1, 2], "loss": [1.0, 0.5], "labeled_loss": [1.0, 0.5], "mask_rate": [np.nan, np.nan]}
        )
        assert len(draw(TrainingHistoryDisplay(history).plot()).axes_) == 1


class TestDurationDisplay:
    def test_a_panel_for_each_class(self, fitted):
        segmenter, X, y = fitted
        display = draw(DurationDisplay.from_estimator(segmenter, X, y, names={1: "step"}))
        assert len(display.axes_) == 2
        assert display.axes_[0].get_title(loc="left") == "step"
        assert display.axes_[-1].get_xlabel() == "duration (s)"

    def test_predictions_in_unlabeled_stretches_are_left_out(self):
        display = DurationDisplay.from_predictions([[0, 1, 1, 0, -1, -1]], [[0, 1, 1, 0, 1, 0]])
        assert display.predicted["length"].tolist() == display.true["length"].tolist() == [2]

    def test_lengths_that_nobody_knows_are_left_out(self):
        true, said = [[0, 1, 1, -1, -1, 0], [1, 1, 1, 0, 1, -1]], [[0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]]
        display = DurationDisplay.from_predictions(true, said)
        assert display.true[["recording", "length"]].to_numpy().tolist() == [[1, 3]]  # the edge of a recording is known
        assert display.predicted[["recording", "length"]].to_numpy().tolist() == [[1, 4]]

    def test_nothing_to_show(self):
        draw(DurationDisplay.from_predictions(None, [[0, 0]]))


class TestCountDisplay:
    def test_counts_and_the_share_that_is_exact(self):
        true, pred = [[0, 1, 0, 1], [1, 0, 2, 0], [-1, -1, -1, -1]], [[0, 1, 1, 1], [1, 0, 2, 0], [1, 0, 1, 0]]
        display = draw(CountDisplay.from_predictions(true, pred, names={1: "P"}))
        assert display.true.to_numpy().tolist() == [[2, 0], [1, 1]]
        assert display.predicted.to_numpy().tolist() == [[1, 0], [1, 1]]
        assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["P: 50% exact", "2: 100% exact"]

    def test_from_estimator(self, fitted):
        draw(CountDisplay.from_estimator(*fitted))


class TestReliabilityDisplay:
    def test_from_estimator(self, fitted):
        display = draw(ReliabilityDisplay.from_estimator(*fitted, name="FixMatch", n_bins=5))
        assert display.curve["count"].sum() == 6 * 400
        assert "FixMatch (ECE " in display.ax_.get_legend().get_texts()[1].get_text()


class TestLabelEfficiency:
    def make_curve(self, n_splits=3):
        rows = [("labels alone", n, s, 0.9 - 0.4 / n + 0.01 * s) for n in (1, 4, 16) for s in range(n_splits)]
        rows += [("FixMatch", n, s, 0.9 - 0.2 / n + 0.01 * s) for n in (1, 4, 16) for s in range(n_splits)]
        return pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])

    def test_the_ceiling_is_the_baseline_at_its_most_labels(self):
        display = draw(LabelEfficiencyDisplay(self.make_curve(), baseline="labels alone").plot())
        assert display.ceiling_ == pytest.approx(0.9 - 0.4 / 16 + 0.01)
        dashed = [line for line in display.ax_.lines if line.get_linestyle() == "--"]
        assert [line.get_ydata()[0] for line in dashed] == [display.ceiling_]

    def test_the_gap_is_drawn_below_without_the_ceiling_itself(self):
        display = draw(LabelEfficiencyDisplay(self.make_curve(), baseline="labels alone").plot())
        assert len(display.axes_) == 2
        curve = display.axes_[1].lines[0]
        assert len(curve.get_xdata()) == 2
        np.testing.assert_allclose(curve.get_ydata(), display.gap_["gap"])
        assert 0.5 < display.gap_["gap"][0] < 0.6

    def test_intervals_are_students(self):
        display = draw(LabelEfficiencyDisplay(self.make_curve(), confidence=0.9).plot())
        bar = display.ax_.collections[0].get_segments()[0]
        assert np.diff(bar[:, 1])[0] == pytest.approx(2 * 2.92 * 0.01 / np.sqrt(3), rel=1e-3)

    def test_no_baseline_no_gap(self):
        display = draw(LabelEfficiencyDisplay(self.make_curve()).plot())
        assert (len(display.axes_), display.ceiling_, display.gap_) == (1, None, None)

    def test_who_shares_no_labels_with_the_baseline_has_no_gap(self):
        curve = self.make_curve()
        curve.loc[curve["estimator"] == "FixMatch", "labels"] += 1
        display = draw(LabelEfficiencyDisplay(curve, baseline="labels alone").plot())
        assert (len(display.axes_), len(display.gap_)) == (1, 0)
        assert display.ceiling_ is not None

    @pytest.mark.parametrize("baseline", [None, "labels alone"])
    def test_an_empty_curve(self, baseline):
        with pytest.raises(ValueError, match="curve is empty"):
            LabelEfficiencyDisplay(self.make_curve().head(0), baseline=baseline).plot()

    def test_one_split_has_a_curve_without_intervals(self):
        display = draw(LabelEfficiencyDisplay(self.make_curve(1), baseline="labels alone").plot())
        assert np.isfinite(display.ax_.lines[0].get_ydata()).all()

    def test_in_the_place_of_an_axes(self):
        figure, (left, _) = plt.subplots(1, 2)
        assert LabelEfficiencyDisplay(self.make_curve(), baseline="labels alone").plot(left).figure_ is figure

    def test_from_estimators(self):
        X, y = make_recordings(6, n_samples=300, random_state=0)
        estimators = {
            name: FixMatchSegmenter(max_steps=2, batch_size=2, network=TINY, lambda_u=w)
            for name, w in (("a", 0.0), ("b", 1.0))
        }
        options = {"n_labeled": [1, 2], "cv": 2, "random_state": 0, "baseline": "a"}
        display = draw(LabelEfficiencyDisplay.from_estimator(estimators, X, y, **options))
        assert len(display.curve) == 8
        assert display.gap_["estimator"].tolist() == ["b"]

    @pytest.mark.parametrize(
        ("options", "words"), [({"baseline": "c"}, "not in the curve"), ({"confidence": 2}, "0 and 1")]
    )
    def test_bad_input(self, options, words):
        with pytest.raises(ValueError, match=words):
            LabelEfficiencyDisplay(self.make_curve(), **options).plot()


class TestWhateverIsPassed:
    """Displays take what estimators take: any container, any form of labels, any wrapper around a segmenter."""

    @staticmethod
    def containers(X, y):
        index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[1])])
        times = pd.date_range("2026-01-01", periods=X.shape[1], freq="20ms")
        return {
            "list": (list(X), list(y)),
            "frame": (pd.DataFrame(X), pd.DataFrame(y)),
            "df-list": ([pd.DataFrame({"x": x}) for x in X], y),
            "nested_univ": (pd.DataFrame({"x": [pd.Series(x) for x in X]}), y),
            "pd-multiindex": (pd.DataFrame({"x": X.ravel()}, index), pd.Series(y.ravel(), index)[::-1]),
            "named": (pd.DataFrame(X, list("fedcba")), pd.DataFrame(y, list("fedcba")).sort_index()),
            "series": ([pd.Series(x, times) for x in X], [pd.Series(one, times)[::-1] for one in y]),
        }

    @pytest.mark.parametrize("kind", ["list", "frame", "named", "df-list", "nested_univ", "pd-multiindex", "series"])
    def test_containers(self, fitted, kind):
        segmenter, X, y = fitted
        given, labels = self.containers(X, y)[kind]
        wanted, found = (CountDisplay.from_estimator(segmenter, *pair) for pair in ((X, y), (given, labels)))
        pd.testing.assert_frame_equal(found.true, wanted.true)
        pd.testing.assert_frame_equal(found.predicted, wanted.predicted)
        np.testing.assert_array_equal(
            SegmentationDisplay.from_estimator(segmenter, given, labels, recording=2).y_true, y[2]
        )
        assert len(DurationDisplay.from_estimator(segmenter, given, labels).true) > 0
        error = ReliabilityDisplay.from_estimator(segmenter, given, labels).error
        assert error == ReliabilityDisplay.from_estimator(segmenter, X, y).error
        for judge in (mean_iou_scorer, calibrate_counts, lambda *of: compare_decoders(*of, [Argmax()])["score"][0]):
            assert judge(segmenter, given, labels) == judge(segmenter, X, y)

    @pytest.mark.parametrize("labels", [[0, 1, 2, -1, 0, 1], np.array([[0], [1], [2], [-1], [0], [1]])])
    def test_one_label_for_a_recording(self, fitted, labels):
        segmenter, X, _ = fitted
        assert CountDisplay.from_estimator(segmenter, X, labels).true.to_numpy().sum() == 3
        assert DurationDisplay.from_estimator(segmenter, X, labels).true["length"].tolist() == [400] * 3
        assert set(SegmentationDisplay.from_estimator(segmenter, X, labels, recording=1).y_true) == {1}

    def test_wrappers(self, fitted):
        _, X, y = fitted
        segmenter = FixMatchSegmenter(max_steps=2, network=TINY, random_state=0, sampling_rate=50, background=None)
        wrapped = make_pipeline(RecordingStandardizer(), segmenter).fit(X, y)
        display = SegmentationDisplay.from_estimator(wrapped, X, y)
        assert (display.background, display.sampling_rate) == (None, 50)
        assert 0 in CountDisplay.from_estimator(wrapped, X, y).true.columns
        assert "duration" in DurationDisplay.from_estimator(wrapped, X, y).true
        assert len(TrainingHistoryDisplay.from_estimator(wrapped, X, y).history) == 2

    def test_labels_of_other_recordings_are_not_read(self, fitted):
        segmenter, X, y = fitted
        labels = [*y[:2], None, None, None, y[5]]
        for i in (0, -1):
            display = SegmentationDisplay.from_estimator(segmenter, X, labels, recording=i)
            np.testing.assert_array_equal(display.y_true, y[i])

    def test_no_such_recording(self, fitted):
        with pytest.raises(ValueError, match="recording=9; X has the recordings 0 to 5"):
            SegmentationDisplay.from_estimator(*fitted, recording=9)
