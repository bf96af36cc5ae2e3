from sslts.plotting import DurationDisplay


class TestDurationDisplay:
    def test_each_class_has_an_axes(self, fitted, draw):
        segmenter, X, y = fitted
        display = draw(DurationDisplay.from_estimator(segmenter, X, y, names={1: "step"}))
        assert len(display.axes_) == 2
        assert display.axes_[0].get_title(loc="left") == "step"
        assert display.axes_[-1].get_xlabel() == "duration (s)"

    def test_predictions_in_unlabeled_stretches_are_left_out(self):
        display = DurationDisplay.from_predictions([[0, 1, 1, 0, -1, -1]], [[0, 1, 1, 0, 1, 0]])
        assert display.predicted["length"].tolist() == display.true["length"].tolist() == [2]

    def test_segments_of_unknown_length_are_left_out(self):
        true, said = [[0, 1, 1, -1, -1, 0], [1, 1, 1, 0, 1, -1]], [[0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]]
        display = DurationDisplay.from_predictions(true, said)
        assert display.true[["recording", "length"]].to_numpy().tolist() == [[1, 3]]  # the edge of a recording is known
        assert display.predicted[["recording", "length"]].to_numpy().tolist() == [[1, 4]]

    def test_no_segment_can_be_plotted(self, draw):
        draw(DurationDisplay.from_predictions(None, [[0, 0]]))
