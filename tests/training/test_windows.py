"""Length and position of training windows, and pieces of long recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslts.annotations import LabelRuns, SignalSummary, measure_segments, summarize_signal
from sslts.prediction._pieces import cut_pieces
from sslts.training import WindowSampler


def summarize(*labels, background=0):
    statistics = measure_segments([np.asarray(y) for y in labels], background=background)
    return summarize_signal(statistics, np.array([len(y) for y in labels]), n_channels=1)


class TestSummary:
    def test_the_background_is_not_a_segment(self):
        assert summarize([0] * 50 + [1] * 4 + [0] * 50).segment_length == 4

    def test_without_background_every_class_makes_segments(self):
        assert summarize([0] * 9 + [1] * 4 + [0] * 6 + [1] * 2, background=None).segment_length == 5.0

    def test_the_shortest_kind_counts_by_its_median(self):
        y = ([0] * 5 + [1] * 30) * 9 + [0] * 5 + [2] * 6 + [0] + [2] * 8 + [0]
        assert summarize(y).shortest_segment == 7

    def test_cut_segments_count_only_if_no_segment_is_complete(self):
        assert summarize([1, 1, 0, 1, 1, 1, 1, 0, 1, -1]).segment_length == 4
        assert summarize([0, 1, 1, 1, -1, -1]).segment_length == 3

    def test_nothing_but_background(self):
        assert summarize([0] * 40).segment_length == 40

    def test_unlabeled_recordings_do_not_matter(self):
        y = [0, 1, 1, 0]
        assert summarize(y).segment_length == summarize(y, [-1] * 99).segment_length


class TestWindowLength:
    @pytest.mark.parametrize("stride", [1, 4, 16])
    def test_is_a_multiple_and_scales_with_the_pattern(self, stride):
        length = SignalSummary(1, 2, 10.0 * stride, 10.0 * stride, 10**6).choose_window_length(stride, 16 * stride)
        assert length == 960 * stride

    def test_is_no_longer_than_the_median_recording(self):
        assert SignalSummary(1, 2, 30.0, 30.0, 2500).choose_window_length(4, 64) <= 2500 + 32

    def test_is_positive_for_the_shortest_recording(self):
        assert SignalSummary(1, 2, 1.0, 1.0, 1).choose_window_length(1, 16) == 16


class TestSampler:
    def test_labeled_windows_hold_a_labeled_sample(self):
        rng = np.random.default_rng(0)
        labels = [np.full(300, -1) for _ in range(20)]
        labels[7][100:110] = 1
        labels[9][290:] = 0
        sampler = WindowSampler(LabelRuns.from_labels(labels), 40, 2)
        recording, start = sampler.draw_labeled(500, rng)
        assert set(recording) == {7, 9}
        assert all((labels[i][s : s + 40] >= 0).any() for i, s in zip(recording, start, strict=True))
        assert (start >= 0).all()
        assert (start <= 260).all()

    def test_a_rare_pattern_is_in_every_fourth_window_of_two_classes(self):
        labels = [np.zeros(100_000, dtype=int)]
        labels[0][50_000:50_100] = 1
        sampler = WindowSampler(LabelRuns.from_labels(labels), 500, 2)
        _, start = sampler.draw_labeled(2000, np.random.default_rng(0))
        share = np.mean([(labels[0][s : s + 500] == 1).any() for s in start])
        assert 0.2 < share < 0.35  # half of the windows are drawn by class, half of these for the pattern

    def test_unlabeled_windows_come_from_all_recordings_in_proportion_to_their_length(self):
        lengths = np.array([100, 300, 50])
        sampler = WindowSampler(LabelRuns.from_constants(np.zeros(3, dtype=int), lengths), 80, 1)
        recording, start = sampler.draw_unlabeled(9000, np.random.default_rng(0))
        np.testing.assert_allclose(np.bincount(recording) / 9000, lengths / 450, atol=0.02)
        assert (start[recording == 2] == 0).all()  # shorter than a window
        assert start[recording == 1].max() == 220

    def test_a_class_that_is_absent_is_not_drawn(self):
        sampler = WindowSampler(LabelRuns.from_labels([np.zeros(50, dtype=int)]), 10, 3)
        assert len(sampler.draw_labeled(10, np.random.default_rng(0))[0]) == 10


@given(st.integers(1, 500), st.integers(1, 8), st.integers(0, 6), st.integers(1, 5))
def test_pieces_tile_the_recording_and_read_the_halo(length, core, halo, stride):
    core, halo = core * stride, halo * stride
    pieces = cut_pieces(length, core=core, halo=halo)
    kept = np.concatenate([np.arange(p.keep_start, p.keep_stop) for p in pieces])
    np.testing.assert_array_equal(kept, np.arange(length))
    for p in pieces:
        assert p.start == max(p.keep_start - halo, 0)
        assert p.stop == min(p.keep_stop + halo, length)
        assert p.start % stride == 0
