from sslts.plotting import ReliabilityDisplay


class TestReliabilityDisplay:
    def test_from_estimator(self, fitted, draw):
        display = draw(ReliabilityDisplay.from_estimator(*fitted, name="FixMatch", n_bins=5))
        assert display.curve["count"].sum() == 6 * 400
        assert "FixMatch (ECE " in display.ax_.get_legend().get_texts()[1].get_text()
