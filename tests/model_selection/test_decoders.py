import numpy as np
import pytest

from sslts.annotations import measure_segments
from sslts.decoding import Argmax, DurationViterbi, Hysteresis
from sslts.metrics import count_error, mean_iou
from sslts.model_selection import compare_decoders, suggest_decoders, tune_decoder


class Fitted:
    """A stand-in for a fitted segmenter; X holds the probabilities."""

    def __init__(self, labels, background=0):
        self.classes_ = np.unique(labels)
        self.background = background
        self.statistics_ = measure_segments(labels, background=background)

    def predict_proba(self, X):
        return X


@pytest.fixture
def problem():
    """Return flickering segments of 20 samples and short false alarms, which argmax counts wrong."""
    rng = np.random.default_rng(0)
    X, y = [], []
    for _ in range(8):
        labels = np.zeros(400, dtype=int)
        for k, start in zip((3, 5, 3, 5), (40, 130, 220, 310), strict=True):
            labels[start : start + 20] = k
        p = np.full((400, 3), 0.04)
        p[np.arange(400), np.searchsorted([0, 3, 5], labels)] = 0.92
        for start in (45, 135, 225, 315):
            p[start + 5] = [0.55, 0.225, 0.225]
        for start in rng.integers(350, 395, 2):
            p[start] = [0.3, 0.6, 0.1]
        X.append(p)
        y.append(labels)
    return Fitted(y), X, y


class TestCompare:
    def test_a_row_for_each_decoder_with_a_score_for_each_class(self, problem):
        segmenter, X, y = problem
        decoders = [Argmax(), Hysteresis(min_gap=3, min_length=5)]
        table = compare_decoders(segmenter, X, y, decoders)
        assert table["decoder"].tolist() == decoders
        assert table["score"].iloc[1] == 0 > table["score"].iloc[0]
        assert list(table.columns) == ["decoder", "score", "mean_iou", "score_3", "score_5"]
        classes = segmenter.classes_
        found = [classes[p.argmax(1)] for p in X]
        assert table["score"].iloc[0] == -count_error(y, found).mae
        assert table["mean_iou"].iloc[0] == mean_iou(y, found)
        assert table[["score_3", "score_5"]].iloc[0].mean() == pytest.approx(table["score"].iloc[0])

    @pytest.mark.parametrize("scoring", ["count", "duration", "segment_f1", mean_iou])
    def test_greater_is_better_for_every_scoring(self, problem, scoring):
        segmenter, X, y = problem
        table = compare_decoders(segmenter, X, y, [Argmax(), Hysteresis(min_gap=3, min_length=5)], scoring)
        assert table["score"].iloc[1] > table["score"].iloc[0]

    def test_unlabeled_stretches_do_not_matter(self, problem):
        segmenter, X, y = problem
        y = [np.where(np.arange(400) < 340, labels, -1) for labels in y]
        assert compare_decoders(segmenter, X, y, [Argmax()])["score"].iloc[0] == pytest.approx(-2)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda y: [np.full(400, -1)] * 8, "every label is -1"),
            (lambda y: [*y[:-1], np.full(400, 9)], r"y has class 9, but the segmenter has the classes \[0, 3, 5\]"),
            (lambda y: y[:-1], "y has 7 recordings, X has 8"),
        ],
    )
    def test_bad_labels_are_refused(self, problem, change, message):
        segmenter, X, y = problem
        with pytest.raises(ValueError, match=message):
            compare_decoders(segmenter, X, change(y), [Argmax()])

    def test_an_unknown_scoring_is_refused(self, problem):
        with pytest.raises(ValueError, match=r"scoring='counts'; give one of \['count', 'duration', 'segment_f1'\]"):
            compare_decoders(*problem, [Argmax()], "counts")


class TestTune:
    def test_it_finds_a_decoder_that_counts_right(self, problem):
        segmenter, X, y = problem
        decoder = tune_decoder(segmenter, X, y, "count")
        assert not isinstance(decoder, Argmax)
        assert compare_decoders(segmenter, X, y, [decoder])["score"].iloc[0] == 0

    def test_a_decoder_that_costs_mean_iou_is_not_chosen(self, problem):
        segmenter, X, y = problem
        nothing_found = Hysteresis(onset=1.0)
        fewer = [labels * (np.arange(400) < 30) for labels in y]
        assert tune_decoder(segmenter, X, y, "count", decoders=[nothing_found]) == Argmax()
        assert tune_decoder(segmenter, X, fewer, "count", decoders=[nothing_found]) == nothing_found

    def test_each_class_gets_its_own_settings(self):
        # Class 1 lasts 4 samples and class 2 lasts 40, so no single minimum length suits both.
        labels = np.zeros(300, dtype=int)
        p = np.full((300, 3), 0.02)
        p[:, 0] = 0.96
        for start in (20, 60, 100):
            labels[start : start + 4] = 1
            p[start : start + 4] = [0.1, 0.85, 0.05]
        for start in (150, 230):
            labels[start : start + 40] = 2
            p[start : start + 40] = [0.1, 0.05, 0.85]
        p[130:136] = [0.3, 0.1, 0.6]
        decoder = tune_decoder(Fitted([labels]), [p] * 2, [labels] * 2, "count")
        assert compare_decoders(Fitted([labels]), [p], [labels], [decoder])["score"].iloc[0] == 0

    def test_an_allowed_loss_above_one_is_refused(self, problem):
        with pytest.raises(ValueError, match="max_iou_loss=2; give a share"):
            tune_decoder(*problem, max_iou_loss=2)


def test_suggestions_follow_the_shortest_labeled_segments():
    decoders = suggest_decoders(measure_segments([[0] * 9 + [1] * 30 + [0] * 9 + [1] * 20 + [0] * 5]))
    lengths = {decoder.min_length[1] for decoder in decoders if isinstance(decoder, Hysteresis)}
    assert lengths == {0, 8, 14}
    assert any(isinstance(decoder, DurationViterbi) for decoder in decoders)
