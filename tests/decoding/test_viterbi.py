import itertools
import pickle
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.annotations import measure_segments
from sslts.decoding import Argmax, DurationViterbi, _evidence, _segmentation, decode, fit_durations
from sslts.decoding._model import choose_weight, rate_transitions
from sslts.decoding.durations import _index_lengths


def simulate(n, n_classes=3, sharpness=1.5, seed=0, longest=25):
    """Return labels in segments of random lengths, and noisy probabilities of these labels."""
    rng = np.random.default_rng(seed)
    labels, k = [], 0
    while len(labels) < n:
        k = (k + int(rng.integers(1, n_classes))) % n_classes
        labels += [k] * int(rng.integers(6, longest))
    labels = np.array(labels[:n])
    score = rng.normal(size=(n, n_classes))
    score[np.arange(n), labels] += sharpness
    power = np.exp(score - score.max(1, keepdims=True))
    return labels, power / power.sum(1, keepdims=True)


def proba_of(p):
    return np.stack([1 - p, p], axis=1)


def measure(proba):
    return _evidence.measure_evidence([proba])[0]


def search(recipe, proba):
    """Return the best score of all labelings that change only where the probabilities do, by the definition."""
    scanner = recipe._scanner
    logs = scanner.weight * np.log(np.maximum(proba, 1e-6))
    statistics = recipe.statistics
    durations = [fit_durations(*both) for both in zip(statistics.lengths, statistics.cut, strict=True)]
    edges = [*_evidence.find_pieces(measure(proba), scanner.weight), len(proba)]

    def score(labels):
        bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
        total = logs[np.arange(len(labels)), labels].sum()
        for start, end in itertools.pairwise(bounds):
            cut = int(start == 0) + int(end == len(labels))
            rate = (durations[labels[start]].rate_lengths, durations[labels[start]].rate_parts, np.zeros_like)[cut]
            total += rate(np.array([end - start]))[0]
            total += scanner.model.transition[labels[start - 1], labels[start]] if start else 0
        return total

    choices = itertools.product(range(proba.shape[1]), repeat=len(edges) - 1)
    return max(score(np.repeat(labels, np.diff(edges))) for labels in choices), score


class TestExact:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 7), st.sampled_from([0.3, 1.0, 3.0]), st.sampled_from([0, 1]))
    def test_no_other_labeling_has_a_better_score(self, seed, n, weight, smoothing):
        rng = np.random.default_rng(seed)
        seen = [np.repeat(rng.integers(0, 3, 8), rng.integers(1, 4, 8)) for _ in range(3)]
        recipe = DurationViterbi(
            weight=weight, smoothing=smoothing, max_latency=None, statistics=measure_segments(seen, classes=range(3))
        )
        proba = rng.dirichlet(np.full(3, 0.7), n)
        best, score = search(recipe, proba)
        with patch.object(_evidence, "_SURE", 1e9):
            assert score(recipe(proba)) == pytest.approx(best, abs=1e-4)

    def test_segments_begin_where_the_most_probable_class_changes_or_becomes_doubtful(self):
        labels, proba = simulate(3000, sharpness=1.0)
        found = DurationViterbi(statistics=measure_segments([labels[:1000]]))(proba)
        first, second = np.sort(np.log(proba), axis=1)[:, :-3:-1].T
        doubt = sum((first - second < level).astype(int) for level in _evidence._DOUBTFUL)
        changes = np.flatnonzero(np.diff(found))
        assert changes.size
        assert (np.diff(proba.argmax(1))[changes].astype(bool) | np.diff(doubt)[changes].astype(bool)).all()

    def test_a_doubtful_segment_gets_its_usual_length(self):
        """The most probable class shows two samples of a segment that is six samples long."""
        recipe = DurationViterbi(statistics=measure_segments([np.repeat([0, 1] * 9 + [0], [30, 6] * 9 + [30])]))
        p = np.full(66, 0.05)
        p[30:36] = [0.42, 0.47, 0.65, 0.65, 0.47, 0.42]
        assert proba_of(p).argmax(1).sum() == 2
        assert 4 <= recipe(proba_of(p)).sum() <= 6

    @pytest.mark.parametrize("sharpness", [0.5, 1.5, 3.0])
    def test_changes_that_are_certainly_kept_change_nothing(self, sharpness):
        """Cutting a recording there is a way to be fast; the labels are those of one long stretch."""
        labels, proba = simulate(3000, sharpness=sharpness)
        recipe = DurationViterbi(max_latency=None, statistics=measure_segments([labels[:1000]]))
        found = recipe(proba)
        with patch.object(_evidence, "_SURE", 1e9):
            assert np.mean(recipe.replace()(proba) == found) > 0.999

    @pytest.mark.parametrize("window", [4, 32])
    def test_few_starts_are_enough(self, window):
        """Of the starts before a window, only the best of each class is kept."""
        labels, proba = simulate(2000, sharpness=1.0)
        recipe = DurationViterbi(max_latency=None, statistics=measure_segments([labels[:1000]]))
        found = recipe(proba)
        with patch.object(_segmentation, "_WINDOW", window):
            assert np.mean(recipe(proba) == found) > 0.9

    def test_recordings_decoded_together_have_the_labels_of_each_alone(self):
        labels, proba = simulate(900)
        recipe = DurationViterbi(statistics=measure_segments([labels]))
        parts = np.split(proba, [1, 300, 300, 320, 777])
        for found, part in zip(recipe.decode_many(parts), parts, strict=True):
            np.testing.assert_array_equal(found, recipe(part))

    def test_it_is_more_accurate_than_argmax(self):
        labels, proba = simulate(3000, sharpness=1.0)
        recipe = DurationViterbi(statistics=measure_segments([labels[:1000]]))
        assert np.mean(proba.argmax(1) == labels) < 0.7
        assert np.mean(recipe(proba) == labels) > 0.85

    def test_transitions_that_never_occur_are_forbidden_without_smoothing(self):
        seen = [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0]
        proba = np.random.default_rng(0).dirichlet(np.ones(3), 400)
        for recipe in (DurationViterbi(smoothing=0), DurationViterbi(forbidden=((0, 2), (1, 0), (2, 1)))):
            found = recipe.for_segments(measure_segments([seen]))(proba)
            before, after = found[:-1], found[1:]
            moved = before != after
            assert moved.any()
            assert ((before[moved] + 1) % 3 == after[moved]).all()

    def test_transitions_that_never_occur_are_unlikely_not_impossible(self):
        seen = measure_segments([np.repeat([0, 1, 0, 2] * 9, 20)])
        truth = np.repeat([0, 1, 2, 0], 20)
        recipe = DurationViterbi(statistics=seen)
        for sure, kept in ((0.99, True), (0.36, False)):
            proba = np.full((80, 3), (1 - sure) / 2)
            proba[np.arange(80), truth] = sure
            assert (recipe(proba).tolist() == truth.tolist()) == kept

    def test_probabilities_may_be_zero(self):
        recipe = DurationViterbi(statistics=measure_segments([[0, 0, 1, 1, 0, 0]]))
        assert recipe(np.eye(2)[[0, 0, 0, 1, 1, 0, 0]]).tolist() == [0, 0, 0, 1, 1, 0, 0]

    def test_one_class(self):
        recipe = DurationViterbi(statistics=measure_segments([[4, 4, 4]]))
        assert recipe(np.ones((5, 1))).tolist() == [0] * 5

    def test_no_samples_have_no_labels(self):
        recipe = DurationViterbi(statistics=measure_segments([[0, 1, 0]]))
        for one in (recipe, recipe.replace(max_latency=10)):
            assert one(np.empty((0, 2))).tolist() == []
            assert one.start().flush().tolist() == []


class TestBoundedLatency:
    labels, proba = simulate(600, sharpness=1.0)
    recipe = DurationViterbi(max_latency=None, statistics=measure_segments([labels]))

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.integers(0, 600), max_size=6), st.sampled_from([2, 7, 40, 200, None, "learned"]))
    def test_a_stream_gives_the_same_however_it_is_cut(self, cuts, latency):
        recipe = self.recipe.replace(max_latency=latency)
        decoding = recipe.start()
        parts = [decoding.push(chunk) for chunk in np.split(self.proba, sorted(cuts))]
        np.testing.assert_array_equal(np.concatenate([*parts, decoding.flush()]), decode(recipe, self.proba))

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 500), st.integers(1, 300), st.sampled_from([7, 40, 200, None]), st.sampled_from([1.0, 4.0]))
    def test_a_stream_equals_the_file_at_every_end(self, begin, length, latency, sharpness):
        proba = simulate(800, sharpness=sharpness)[1][begin : begin + length]
        recipe = self.recipe.replace(max_latency=latency)
        decoding = recipe.start()
        parts = [decoding.push(proba[at : at + 7]) for at in range(0, length, 7)]
        (together,) = recipe.decode_many([proba])
        np.testing.assert_array_equal(np.concatenate([*parts, decoding.flush()]), together)

    @pytest.mark.parametrize("latency", [2, 9, 50])
    def test_a_label_is_final_after_the_stated_latency(self, latency):
        decoding, final = self.recipe.replace(max_latency=latency).start(), 0
        for seen, row in enumerate(self.proba, start=1):
            final += len(decoding.push(row[None]))
            assert final >= seen - latency

    def test_a_long_latency_gives_the_exact_result(self):
        exact = self.recipe(self.proba)
        for latency in (300, 5000):
            np.testing.assert_array_equal(self.recipe.replace(max_latency=latency)(self.proba), exact)

    def test_forbidden_transitions_stay_forbidden(self):
        seen = measure_segments([[0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0]])
        found = DurationViterbi(max_latency=4, smoothing=0, statistics=seen)(self.proba)
        before, after = found[:-1], found[1:]
        assert ((before == after) | ((before + 1) % 3 == after)).all()

    def test_a_segment_longer_than_all_labeled_segments_is_kept(self):
        proba = np.concatenate([self.proba, np.tile([0.9, 0.05, 0.05], (3000, 1)), self.proba])
        found = self.recipe.replace(max_latency=60)(proba)
        assert (found[620:3580] == 0).all()
        np.testing.assert_array_equal(found[3700:], self.recipe(proba)[3700:])

    @pytest.mark.parametrize("cells", [1, 1000, 1 << 24])  # one row, some rows, all at once
    @pytest.mark.parametrize("latency", [2, 9, 50, None])
    def test_recordings_decoded_together_have_the_labels_of_each_alone(self, monkeypatch, latency, cells):
        monkeypatch.setattr(_segmentation, "_BATCH_CELLS", cells)
        recipe = self.recipe.replace(max_latency=latency)
        parts = np.split(self.proba, [1, 60, 60, 75, 125, 180, 182, 310])
        for found, part in zip(recipe.decode_many(parts), parts, strict=True):
            np.testing.assert_array_equal(found, recipe(part))
        assert recipe.decode_many([]) == []

    def test_memory_does_not_grow(self):
        decoding = self.recipe.replace(max_latency=40).start()
        for _ in range(5):
            decoding.push(self.proba)
        assert len(decoding.evidence.label) < 40

    def test_a_certain_recording_has_its_labels_at_once(self):
        """Labels are final when the next change is certain, long before the latency."""
        labels = np.repeat([0, 1, 0, 1, 0], 50)
        proba = np.eye(2)[labels] * 0.98 + 0.01
        decoding = DurationViterbi(max_latency=5000, statistics=measure_segments([labels])).start()
        assert len(decoding.push(proba[:170])) == 150
        assert np.concatenate([decoding.push(proba[170:]), decoding.flush()]).tolist() == [1] * 50 + [0] * 50

    def test_the_learned_latency_is_finite_and_changes_little(self):
        exact = self.recipe(self.proba)
        recipe = self.recipe.replace(max_latency="learned")
        assert 40 < recipe.latency < 100
        assert np.mean(recipe(self.proba) == exact) > 0.98


FULL = [[0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0, 0] * 3]


def hide_rims(labels, classes, width=1):
    """Return labels in which samples around each boundary of some classes are unlabeled."""
    labels = np.array(labels)
    hidden = labels.copy()
    for i, row in enumerate(labels):
        for at in np.flatnonzero(np.diff(row)):
            if {*row[at : at + 2]} & {*classes}:
                hidden[i, max(at + 1 - width, 0) : at + 1 + width] = -1
    return hidden


def make_long(labels, factor=10):
    return np.repeat(np.array(labels), factor, axis=1)


class TestUnseenTransitions:
    """A transition that was not seen is unlikely only where the labels could show it."""

    def simulate_proba(self, labels, sure=0.9):
        n_classes = labels.max() + 1
        proba = np.full((len(labels), n_classes), (1 - sure) / (n_classes - 1))
        proba[np.arange(len(labels)), labels] = sure
        return proba

    @pytest.mark.parametrize("latency", [None, 60])
    @pytest.mark.parametrize("hidden", [(0, 1, 2), (2,), (1, 2), (0,)])
    def test_a_class_between_unlabeled_samples_is_predicted(self, hidden, latency):
        truth = make_long(FULL)
        statistics = measure_segments(hide_rims(truth, hidden, width=3))
        recipe = DurationViterbi(max_latency=latency, statistics=statistics)
        found = recipe(self.simulate_proba(truth[0]))
        assert np.mean(found == truth[0]) > 0.99

    @pytest.mark.parametrize("seen", [0, 1, 2])
    def test_stretches_labeled_here_and_there(self, seen):
        """A few labeled transitions into a class say little of the many that are hidden."""
        truth = make_long(FULL)
        labels = np.full_like(truth, -1)
        for at in range(3, truth.shape[1], 10):
            labels[0, at : at + 4] = truth[0, at : at + 4]
        rows = [labels[0], *([truth[0, 85:115]] * seen)]  # 2, 0 is seen, but neither 0, 1 nor 1, 2
        found = DurationViterbi(statistics=measure_segments(rows))(self.simulate_proba(truth[0]))
        assert np.mean(found == truth[0]) > 0.99

    def test_what_the_labels_could_show_is_unlikely(self):
        """Each end of class 1 is seen, and class 0 never follows it."""
        truth = make_long(FULL)
        labels = hide_rims(truth, (), width=3)
        labels[0, ::140] = -1  # in the middle of segments of class 0
        rating = rate_transitions(measure_segments(labels), smoothing=1.0)
        assert rating[1, 0] < -1.5 < -0.5 < rating[1, 2]
        assert np.isneginf(rate_transitions(measure_segments(truth), smoothing=0.0)[1, 0])

    def test_hidden_transitions_are_as_likely_as_chance(self):
        labels = [[0] * 9 + [-1] + [1] * 9 + [-1] + [2] * 9 + [-1] + [0] * 9]
        rating = rate_transitions(measure_segments(labels), smoothing=1.0)
        np.testing.assert_allclose(rating[~np.eye(3, dtype=bool)], 0, atol=0.3)

    def test_a_forbidden_pair_stays_forbidden(self):
        labels = [[0] * 9 + [-1] + [1] * 9 + [-1] + [2] * 9 + [-1] + [0] * 9]
        recipe = DurationViterbi(forbidden=((0, 2),), statistics=measure_segments(labels))
        assert np.isneginf(recipe._scanner.model.transition[0, 2])

    @given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), min_size=1, max_size=4))
    def test_a_rating_is_never_positive_and_finite_with_smoothing(self, rows):
        statistics = measure_segments([np.repeat(row, 3) for row in rows])
        rating = rate_transitions(statistics, smoothing=1.0)
        others = ~np.eye(len(rating), dtype=bool)
        assert np.isneginf(np.diagonal(rating)).all()
        assert (np.isfinite(rating[others]) & (rating[others] <= 0)).all()

    def test_one_label_for_each_recording_shows_no_transition(self):
        statistics = measure_segments([[k] * 50 for k in (0, 1, 2) * 3])
        truth = make_long(FULL, 25)
        found = DurationViterbi(statistics=statistics)(self.simulate_proba(truth[0]))
        assert np.mean(found == truth[0]) > 0.99

    def test_segments_longer_than_all_labeled_ones_and_a_class_with_one_example(self):
        truth = np.repeat([[0, 1, 0, 2, 0, 1, 0]], [100, 80, 100, 80, 100, 80, 100], axis=1)
        recipe = DurationViterbi(statistics=measure_segments(truth))
        for factor in (0.25, 0.5, 3, 10, 60):
            longer = np.repeat([0, 1, 0, 2, 0], [100, int(80 * factor), 100, int(80 * factor), 100])
            found = recipe(self.simulate_proba(longer))
            assert np.mean(found == longer) > 0.99, factor

    def test_pieces_of_long_segments_are_no_short_segments(self):
        """One short segment is whole; the others are cut by unlabeled samples, and longer than it."""
        row = [0] * 50 + [1] * 5 + [0] * 50 + [-1] * 9 + [1] * 80 + [-1] * 9
        statistics = measure_segments([row] + [[0] * 30 + [-1] * 9 + [1] * 90 + [-1] * 9 + [0] * 30] * 4)
        whole = DurationViterbi(statistics=statistics)._scanner.model.whole[1]
        assert whole[_index_lengths([80, 120])].min() > whole[_index_lengths([1, 5, 10])].max()

    def test_statistics_without_hidden_neighbors_are_taken(self):
        """As files of earlier versions hold them."""
        statistics = replace(measure_segments(FULL), hidden_before=(), hidden_after=())
        assert DurationViterbi(statistics=statistics) != DurationViterbi(statistics=measure_segments(FULL))
        proba = simulate(200)[1]
        assert (
            DurationViterbi(statistics=statistics)(proba).tolist()
            == DurationViterbi().for_segments(measure_segments(FULL))(proba).tolist()
        )


class TestNothingToLearn:
    @pytest.mark.parametrize("labels", [[[0] * 9], [[0] * 9, [1] * 9], [[-1, -1, 1, 1, -1]]])
    def test_it_is_argmax(self, labels):
        assert DurationViterbi().for_segments(measure_segments(labels)) == Argmax()

    @pytest.mark.parametrize("labels", [[[0, 1]], [[-1, 0, -1], [1, 1]], [[0, 1, 0]]])
    def test_little_is_enough(self, labels):
        assert isinstance(DurationViterbi().for_segments(measure_segments(labels)), DurationViterbi)


class TestWeight:
    def test_samples_of_long_segments_count_less(self):
        long, short = (np.repeat([0, 1, 0, 2, 0], size) for size in (80, 4))
        assert choose_weight(measure_segments([long])) == pytest.approx(0.1)
        assert choose_weight(measure_segments([short])) == 1

    def test_the_shortest_class_decides_and_the_background_does_not(self):
        labels = np.repeat([0, 1, 0, 2, 0], [2, 16, 2, 400, 2])
        assert choose_weight(measure_segments([labels])) == 0.5

    def test_a_typical_segment_costs_nothing_however_rare_its_class_is(self):
        """The network's probabilities contain the frequency of a class; counting it twice would drop short segments."""
        rare = np.repeat([0, 1] * 20 + [0, 2, 0], [*([200, 6] * 20), 200, 6, 200])
        recipe = DurationViterbi(statistics=measure_segments([rare]))
        proba = np.tile([0.98, 0.01, 0.01], (406, 1))
        proba[200:206] = [0.45, 0.0, 0.55]
        assert recipe(proba)[200:206].tolist() == [2] * 6


@pytest.mark.parametrize("latency", [None, 20])
def test_more_classes_than_a_byte_can_number(latency):
    n_classes = 130
    labels = np.repeat(np.arange(n_classes), 3)
    proba = np.full((len(labels), n_classes), 0.01 / (n_classes - 1))
    proba[np.arange(len(labels)), labels] = 0.99
    recipe = DurationViterbi(max_latency=latency, statistics=measure_segments([labels]))
    np.testing.assert_array_equal(recipe(proba), labels)


class TestRecipe:
    recipe = DurationViterbi(statistics=measure_segments([[0, 0, 1, 1, 0, 0]]))
    proba = np.eye(2)[[0, 0, 0, 1, 1, 0, 0]]

    def test_decoding_does_not_change_the_recipe(self):
        used, new = self.recipe.replace(weight=2.0), self.recipe.replace(weight=2.0)
        used(self.proba)
        assert used == new
        assert repr(used) == repr(new)
        assert pickle.dumps(used) == pickle.dumps(new)
        assert used.get_params() == new.get_params()

    def test_it_can_be_pickled(self):
        again = pickle.loads(pickle.dumps(self.recipe))
        assert again == self.recipe
        assert again(self.proba).tolist() == self.recipe(self.proba).tolist()

    def test_a_replaced_recipe_decodes_with_its_new_values(self):
        self.recipe(self.proba)
        seen = measure_segments([[0] * 9 + [1] * 2 + [0] * 9])
        other = self.recipe.replace(statistics=seen, weight=0.3)
        new = DurationViterbi(statistics=seen, weight=0.3)
        proba = simulate(200, 2)[1]
        assert other(proba).tolist() == new(proba).tolist()


class TestParameters:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"weight": 0}, "weight=0; give a number above 0, or None"),
            ({"max_latency": "learnt"}, "max_latency='learnt'; give a number, 'learned' or None"),
            ({"smoothing": -1}, "smoothing=-1"),
            ({"max_latency": 1}, "max_latency=1 is less than two samples"),
            ({"max_latency": 1.9}, "max_latency=1.9 is less than two samples"),
            ({"max_latency": 0.001, "sampling_rate": 250}, "max_latency=0.001 is less than two samples"),
            ({"sampling_rate": -1}, "sampling_rate=-1"),
        ],
    )
    def test_values_out_of_range_are_refused(self, params, message):
        with pytest.raises(ValueError, match=message):
            DurationViterbi(**params)

    def test_without_statistics_the_error_says_how_to_pass_them(self):
        with pytest.raises(ValueError, match=r"pass it to a segmenter as `decoder`, or call for_segments"):
            DurationViterbi().start()

    def test_an_unknown_class_is_refused(self):
        with pytest.raises(ValueError, match=r"forbidden names class 9, which is not one of the classes \[0, 1\]"):
            DurationViterbi(forbidden=((0, 9),)).for_segments(measure_segments([[0, 1]]))

    @pytest.mark.parametrize("latency", [None, 10])
    @pytest.mark.parametrize(
        ("proba", "message"),
        [
            (np.ones((9, 1)), "proba has 1 columns, but the decoder was adapted to 2 classes; give one"),
            (np.ones((9, 3)) / 3, "proba has 3 columns, but the decoder was adapted to 2 classes"),
            (np.ones(9), r"proba has shape \(9,\); give \(T, K\)"),
        ],
    )
    def test_probabilities_of_other_classes_are_refused(self, latency, proba, message):
        recipe = DurationViterbi(max_latency=latency, statistics=measure_segments([[0, 1, 0]]))
        with pytest.raises(ValueError, match=message):
            recipe(proba)
        with pytest.raises(ValueError, match=message):
            recipe.decode_many([proba])

    def test_latency_in_seconds(self):
        assert DurationViterbi(max_latency=0.5, sampling_rate=250).latency == 125
        assert DurationViterbi(max_latency=None).latency is None
        assert DurationViterbi().latency is None  # not learned yet
        assert DurationViterbi(statistics=measure_segments([np.repeat([0, 1, 0], 50)])).latency == 100

    def test_latency_is_the_last_whole_sample_within_it(self):
        assert DurationViterbi(max_latency=7.9).latency == 7
        assert DurationViterbi(max_latency=0.035, sampling_rate=100).latency == 3
        assert (
            DurationViterbi(max_latency=0.29, sampling_rate=100).latency == 29
        )  # the product is slightly less than 29
