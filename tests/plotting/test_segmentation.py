import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from small import TINY

from sslts import Annotations, FixMatchSegmenter, Recordings, WindowFeatureSegmenter
from sslts.annotations import predict_annotations
from sslts.datasets import make_recordings
from sslts.plotting import CountDisplay, DurationDisplay, SegmentationDisplay
from sslts.plotting._style import POINTS


class TestSegmentationDisplay:
    def test_from_estimator(self, fitted, draw):
        segmenter, X, y = fitted
        display = draw(SegmentationDisplay.from_estimator(segmenter, X, y, recording=2, start=100, stop=300))
        assert len(display.axes_) == 3
        assert display.ax_.get_xlim() == (2.0, 6.0)
        assert display.axes_[-1].get_xlabel() == "seconds"
        np.testing.assert_array_equal(display.y_pred, segmenter.predict(X)[2, 100:300])

    @pytest.mark.parametrize("names", [{"cycle": 1}, {0: "rest", 7: "cycle"}])
    def test_names_of_unknown_classes_are_refused(self, fitted, names):
        segmenter, X, y = fitted
        with pytest.raises(
            ValueError,
            match=r"names has the key ('cycle'|7), which is not one of the classes \[0, 1, 2\]; give {class: ",
        ):
            SegmentationDisplay.from_estimator(segmenter, X, y, names=names)
        SegmentationDisplay.from_predictions(X[0], y_true=y[0] * 0, names={0: "rest", 7: "cycle"})
        with pytest.raises(ValueError, match="names has the key 'cycle', which is not an integer; give {class: "):
            SegmentationDisplay.from_predictions(X[0], y_true=y[0], names={"cycle": 1})

    def test_channels_have_the_names_of_the_recordings_or_of_the_fit(self, draw):
        signals, y = make_recordings(3, n_samples=200, n_channels=2, random_state=0)
        recordings = Recordings.from_arrays(signals, channel_names=["force", "position"])
        segmenter = WindowFeatureSegmenter(random_state=0).fit(recordings, y)
        displays = [
            SegmentationDisplay.from_estimator(segmenter, recordings),
            SegmentationDisplay.from_estimator(segmenter, signals),
            SegmentationDisplay.from_predictions(recordings[[1]], y_true=y[1]),
        ]
        for display in displays:
            assert [label.get_text() for label in draw(display).ax_.get_yticklabels()] == ["force", "position"]
        with pytest.raises(ValueError, match=r"x has 3 recordings; pass one, such as x\[\[0\]\]"):
            SegmentationDisplay.from_predictions(recordings, y_true=y[0])

    def test_channels_have_the_names_of_the_frame(self, draw):
        x = np.random.default_rng(0).normal(size=(2, 50))
        frame = pd.DataFrame(x.T, columns=["$a$ $b$", "_c" + 50 * "d"])
        shown = ["$a$ $b$", "_c" + 9 * "d" + "…" + 12 * "d"]
        for given in (frame, frame.T):
            display = draw(SegmentationDisplay.from_predictions(given, y_true=np.zeros(50, dtype=int)))
            assert [text.get_text() for text in display.ax_.get_yticklabels()] == shown
            np.testing.assert_array_equal(display.x, x)
        assert draw(SegmentationDisplay.from_predictions(frame[["$a$ $b$"]])).ax_.get_ylabel() == "$a$ $b$"
        numbered = draw(SegmentationDisplay.from_predictions(x))
        assert [text.get_text() for text in numbered.ax_.get_yticklabels()] == ["0", "1"]
        with pytest.raises(ValueError, match="channel_names has 1 names, x has 2 channels; give one for each"):
            SegmentationDisplay.from_predictions(x, channel_names=["a"])

    def test_from_estimator_names_the_channels(self, fitted, draw):
        _, X, y = fitted
        frames = [pd.DataFrame({"acc": x, "gyro": -x}) for x in X]
        segmenter = FixMatchSegmenter(max_steps=2, network=TINY, random_state=0).fit(frames, y)
        display = draw(SegmentationDisplay.from_estimator(segmenter, frames))
        assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["acc", "gyro"]

    def test_values_that_are_not_finite_are_left_out(self, draw):
        x = np.stack([np.sin(np.arange(50.0)), np.full(50, np.nan)])
        x[0, 3:9] = np.inf
        assert np.isfinite(draw(SegmentationDisplay.from_predictions(x)).ax_.get_ylim()).all()

    def test_a_class_of_the_labels_alone_is_in_the_legend(self, draw):
        display = draw(SegmentationDisplay.from_predictions(np.zeros(3), y_true=[0, 1, 9], classes=[0, 1]))
        assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "1", "9"]

    def test_a_class_that_is_called_unlabeled(self, draw):
        display = draw(SegmentationDisplay.from_predictions(np.zeros(3), y_true=[0, 1, -1], names={1: "unlabeled"}))
        assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "unlabeled", "-1"]

    @pytest.mark.parametrize(("factor", "label"), [(1000, "channel, each scaled"), (3, "channel")])
    def test_channels_of_different_units_are_rescaled(self, factor, label, draw):
        x = np.sin(np.arange(300) / 9)
        display = draw(SegmentationDisplay.from_predictions(np.stack([factor * x, x, 0 * x])))
        assert display.ax_.get_ylabel() == label
        heights = [np.ptp(line.get_ydata()) for line in display.ax_.lines]
        assert heights[0] / heights[1] == pytest.approx(1 if factor == 1000 else 3)

    def test_bands_of_many_segments_are_thinned(self, draw):
        y = np.arange(40_000) // 2 % 2
        y[:10_000] = -1
        display = draw(SegmentationDisplay.from_predictions(np.zeros(40_000), y_true=y))
        bars = display.axes_[1].collections
        assert sum(len(one.get_paths()) for one in bars) <= POINTS // 2
        assert bars[0].get_hatch() == "////"
        np.testing.assert_array_equal(bars[0].get_paths()[0].vertices[:, 0].max(), 10_000)

    def test_unlabeled_stretches_are_hatched(self, draw):
        display = draw(SegmentationDisplay.from_predictions(np.zeros(6), y_true=[0, 0, 1, -1, -1, 1]))
        assert [c.get_hatch() for c in display.axes_[1].collections] == ["////", None, None]
        assert display.ax_.get_legend().get_texts()[-1].get_text() == "unlabeled"

    @pytest.mark.parametrize("y_true", [None, [0, 0, 1, 1, 1, 0, -1, -1, -1], [0, 0, 5, 5, 5, 0, 0, 0, 0]])
    def test_columns_without_names_are_the_classes_from_0_on(self, y_true, draw):
        proba = np.linspace([0.2, 0.3, 0.5], [0.1, 0.6, 0.3], 9)
        display = draw(SegmentationDisplay.from_predictions(np.zeros(9), y_true=y_true, proba=proba))
        lines = display.axes_[-1].get_lines()
        for line, column in zip(lines, proba[:, 1:].T, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), column)

    @pytest.mark.parametrize("n_channels", [1, 2, 12])
    def test_a_long_recording_of_many_channels_is_thinned(self, n_channels, draw):
        x = np.random.default_rng(0).normal(size=(n_channels, 100_000))
        x[0, 54_321] = 99
        display = draw(SegmentationDisplay.from_predictions(x, y_pred=np.arange(100_000) // 9_000 % 10))
        lines = display.ax_.get_lines()
        assert len(lines) == n_channels
        assert all(len(line.get_xdata()) <= POINTS for line in lines)
        assert 54_321 in lines[0].get_xdata()

    def test_a_given_axes_is_split(self, fitted, draw):
        segmenter, X, y = fitted
        figure, (left, right) = plt.subplots(1, 2)
        display = draw(SegmentationDisplay.from_estimator(segmenter, X, y, ax=left))
        assert display.figure_ is figure
        assert right.axison
        with pytest.raises(ValueError, match="ax is not in a grid"):
            SegmentationDisplay.from_estimator(segmenter, X, y, ax=plt.figure().add_axes((0, 0, 1, 1)))

    @pytest.mark.parametrize(("start", "stop", "limits"), [(-100, None, (300, 400)), (-900, -350, (0, 50))])
    def test_a_stretch_counted_from_the_end_is_drawn_at_its_position(self, fitted, draw, start, stop, limits):
        segmenter, X, y = fitted
        display = draw(SegmentationDisplay.from_estimator(segmenter, X, y, start=start, stop=stop))
        assert display.ax_.get_xlim() == tuple(at / 50 for at in limits)
        drawn = display.ax_.get_lines()[0].get_xdata()
        assert (drawn[0], drawn[-1]) == (limits[0] / 50, (limits[1] - 1) / 50)

    def test_labels_of_a_different_length_are_refused(self):
        with pytest.raises(ValueError, match="y_pred has 3 samples, x has 4"):
            SegmentationDisplay.from_predictions(np.zeros(4), y_pred=[0, 1, 0])
        with pytest.raises(ValueError, match="start=4, stop=None select no sample of 4"):
            SegmentationDisplay.from_predictions(np.zeros(4), start=4)

    def test_labels_of_other_recordings_are_not_read(self, fitted):
        segmenter, X, y = fitted
        labels = [*y[:2], None, None, None, y[5]]
        for i in (0, -1):
            display = SegmentationDisplay.from_estimator(segmenter, X, labels, recording=i)
            np.testing.assert_array_equal(display.y_true, y[i])

    def test_an_unknown_recording_is_refused(self, fitted):
        with pytest.raises(ValueError, match="recording=9 is not in X; give a number from 0 to 5"):
            SegmentationDisplay.from_estimator(*fitted, recording=9)


class TestTouching:
    annotations = Annotations.from_table(
        pd.DataFrame({"recording": 0, "start": [1, 3, 6], "end": [3, 6, 8], "label": 1}), [np.zeros(10)]
    )

    def find_ticks(self, display):
        from matplotlib.collections import LineCollection

        return [
            [segment[0, 0] for segment in each.get_segments()]
            for each in display.axes_[1].collections
            if isinstance(each, LineCollection)
        ]

    def test_a_tick_is_between_segments_that_touch(self):
        display = SegmentationDisplay.from_predictions(np.zeros(10), y_true=self.annotations, y_pred=[1] * 10)
        assert self.find_ticks(display) == [[3, 6]]

    def test_ticks_are_where_they_are_in_the_recording(self):
        options = {"start": 2, "stop": 5, "sampling_rate": 10}
        display = SegmentationDisplay.from_predictions(np.zeros(10), y_true=self.annotations, **options)
        np.testing.assert_allclose(self.find_ticks(display), [[0.3]])

    def test_segments_of_a_segmenter(self):
        X, y = make_recordings(6, n_samples=500, gap=0, share=0.5, random_state=0)
        segmenter = WindowFeatureSegmenter(random_state=0).fit(X, y)
        display = SegmentationDisplay.from_estimator(segmenter, X, y, recording=2)
        found = predict_annotations(segmenter, X[2:3], y[[2]])
        assert self.find_ticks(display) == [y[[2]].list_touching().tolist(), found.list_touching().tolist()]
        counts = CountDisplay.from_estimator(segmenter, X, y)
        assert counts.true.to_numpy().sum() == len(y.table)
        assert counts.predicted.to_numpy().sum() == len(segmenter.predict_segments(X))
        lengths = DurationDisplay.from_estimator(segmenter, X, y).true["length"]
        assert lengths.tolist() == (y.table["end"] - y.table["start"]).tolist()
