from sslts.plotting import CountDisplay


class TestCountDisplay:
    def test_counts_and_the_share_of_exact_counts(self, draw):
        true, pred = [[0, 1, 0, 1], [1, 0, 2, 0], [-1, -1, -1, -1]], [[0, 1, 1, 1], [1, 0, 2, 0], [1, 0, 1, 0]]
        display = draw(CountDisplay.from_predictions(true, pred, names={1: "P"}))
        assert display.true.to_numpy().tolist() == [[2, 0], [1, 1]]
        assert display.predicted.to_numpy().tolist() == [[1, 0], [1, 1]]
        assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["P: 50% exact", "2: 100% exact"]

    def test_from_estimator(self, fitted, draw):
        draw(CountDisplay.from_estimator(*fitted))
