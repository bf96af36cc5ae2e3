import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.annotations import measure_segments
from sslts.decoding import Hysteresis, decode, hysteresis


def decode_slowly(recipe, proba, background=0):
    """Return the labels by the definition, sample by sample."""
    n, n_classes = proba.shape
    claimed = np.zeros((n, n_classes), dtype=bool)
    for k in range(n_classes):
        if k == background:
            continue
        onset, offset, shortest, gap, pad = (
            recipe.pick(name, k) for name in ("onset", "offset", "min_length", "min_gap", "pad")
        )
        on, bits = False, []
        for p in proba[:, k]:
            on = p >= onset or (on and p >= offset)
            bits.append(on)
        stretches = runs(bits)
        merged = stretches[:1]
        for start, end in stretches[1:]:
            if start - merged[-1][1] < gap:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        for start, end in merged:
            if end - start >= shortest:
                claimed[max(0, start - int(pad)) : end + int(pad), k] = True
    labels = []
    for claims, p in zip(claimed, proba, strict=True):
        candidates = np.flatnonzero(claims)
        if len(candidates):
            labels.append(candidates[p[candidates].argmax()])
        else:
            labels.append(p.argmax() if background is None else background)
    labels = np.array(labels)
    short = [
        (start, end)
        for k in range(n_classes)
        for start, end in runs(labels == k)
        if k != background and end - start < recipe.pick("min_length", k)
    ]
    if background is None:
        return merge_into_neighbors(labels, sorted(short), recipe.pick("min_length", labels[0]))
    for start, end in short:
        labels[start:end] = background
    return labels


def merge_into_neighbors(labels, short, shortest_first):
    first = labels[0]
    begun = 0  # end of the short runs at the start
    for start, end in short:
        if start == begun and begun < shortest_first:
            begun = end
    if begun < shortest_first and begun < len(labels):
        first = labels[begun]
    for start, end in short:
        labels[start:end] = first if start < begun else labels[start - 1]
    return labels


def runs(bits):
    """Return [start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, np.asarray(bits, dtype=int), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def draw_proba(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 1.0, (n, n_classes)), axis=0) * rng.uniform(0.2, 1.0)
    power = np.exp(walk - walk.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)


STAGES = measure_segments([[0, 1, 2]], background=None)
STAGES_AND_REST = measure_segments([[0, 1, 2]], background=1)


@st.composite
def recipes(draw):
    onset = draw(st.sampled_from([0.4, 0.6, 0.9]))
    lengths = st.one_of(st.integers(0, 6), st.sampled_from([0.3, 2.4, 2.5, 4.6]))
    return Hysteresis(
        onset=onset,
        offset=draw(st.sampled_from([0.1, 0.3, onset])),
        min_length=draw(st.one_of(lengths, st.fixed_dictionaries({0: lengths, 1: lengths, 2: lengths}))),
        min_gap=draw(lengths),
        pad={1: draw(st.integers(0, 3)), 2: draw(st.integers(0, 3))},
    )


class TestDefinition:
    @settings(max_examples=150, deadline=None)
    @given(recipes(), st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 4))
    def test_labels_follow_the_definition(self, recipe, seed, n, n_classes):
        proba = draw_proba(seed, n, n_classes)
        np.testing.assert_array_equal(recipe(proba), decode_slowly(recipe, proba))

    @settings(max_examples=150, deadline=None)
    @given(recipes(), st.integers(0, 10_000), st.integers(1, 60))
    def test_without_a_background_every_sample_gets_a_class(self, recipe, seed, n):
        proba, recipe = draw_proba(seed, n, 3), recipe.replace(statistics=STAGES)
        np.testing.assert_array_equal(recipe(proba), decode_slowly(recipe, proba, background=None))

    @settings(max_examples=100, deadline=None)
    @given(recipes(), st.integers(0, 10_000), st.integers(1, 80))
    def test_without_a_background_only_a_short_recording_is_a_short_segment(self, recipe, seed, n):
        recipe = recipe.replace(statistics=STAGES)
        labels = recipe(draw_proba(seed, n, 3))
        for k in set(labels.tolist()):
            lengths = [end - start for start, end in runs(labels == k)]
            assert min(lengths) >= recipe.pick("min_length", k) or lengths == [n]

    @settings(max_examples=120, deadline=None)
    @given(recipes(), st.sampled_from([None, STAGES]), st.integers(0, 10_000), st.lists(st.integers(0, 80), max_size=8))
    def test_a_stream_gives_the_same_however_it_is_cut(self, recipe, statistics, seed, cuts):
        proba, recipe = draw_proba(seed, 80, 3), recipe.replace(statistics=statistics)
        decoding, parts = recipe.start(), []
        for chunk in np.split(proba, sorted(cuts)):
            parts.append(decoding.push(chunk))
            state, decoding = decoding.get_state(), recipe.start()
            decoding.set_state(state)
        np.testing.assert_array_equal(np.concatenate([*parts, decoding.flush()]), decode(recipe, proba))

    @settings(max_examples=40, deadline=None)
    @given(recipes(), st.sampled_from([None, STAGES]), st.integers(0, 10_000))
    def test_a_label_is_final_after_the_stated_latency(self, recipe, statistics, seed):
        recipe = recipe.replace(statistics=statistics)
        decoding, final = recipe.start(), 0
        for seen, row in enumerate(draw_proba(seed, 200, 3), start=1):
            final += len(decoding.push(row[None]))
            assert final >= seen - recipe.latency


class TestTogether:
    @settings(max_examples=150, deadline=None)
    @given(
        recipes(),
        st.sampled_from([None, STAGES, STAGES_AND_REST, measure_segments([[0, 1, 2]], background=9)]),
        st.integers(0, 10_000),
        st.lists(st.integers(0, 40), max_size=8),
        st.dictionaries(st.sampled_from(["min_gap", "pad", "min_length"]), st.sampled_from([3, 30, 200, {1: 50}])),
    )
    def test_recordings_decoded_together_have_the_labels_of_each_alone(self, recipe, statistics, seed, lengths, wide):
        recipe = recipe.replace(statistics=statistics, **wide)
        probas = np.split(draw_proba(seed, sum(lengths) + 10, 3), np.cumsum(lengths, dtype=int))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hysteresis, "_BATCH_CELLS", (3, 200, 1 << 20)[seed % 3])
            found = recipe.decode_many(probas)
        for labels, proba in zip(found, probas, strict=True):
            assert labels.dtype == np.int64
            np.testing.assert_array_equal(labels, recipe(proba))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
    def test_thresholds_compare_alike_together_and_alone(self, dtype):
        """0.7 in single precision is below 0.7 in double precision; the comparison must use single precision."""
        proba = np.array([[0.3, 0.7], [0.3, 0.7], [0.7, 0.3]], dtype=dtype)
        recipe = Hysteresis(onset=0.7)
        for found in recipe.decode_many([proba, proba]):
            assert found.tolist() == recipe(proba).tolist()

    def test_no_samples_have_no_labels(self):
        assert Hysteresis().decode_many([]) == []
        assert [found.tolist() for found in Hysteresis().decode_many([np.empty((0, 2))] * 2)] == [[], []]


class TestParameters:
    proba = np.array([[0.3, 0.7], [0.45, 0.55], [0.7, 0.3], [0.45, 0.55], [0.3, 0.7], [0.9, 0.1]])

    def test_two_thresholds(self):
        assert Hysteresis(onset=0.6, offset=0.5)(self.proba).tolist() == [1, 1, 0, 0, 1, 0]
        assert Hysteresis(onset=0.6, offset=0.3)(self.proba).tolist() == [1, 1, 1, 1, 1, 0]

    def test_a_dictionary_sets_a_parameter_per_class(self):
        assert Hysteresis(min_length={1: 3}, offset=0.5)(self.proba).tolist() == [0] * 6
        assert Hysteresis(min_length={2: 3}, offset=0.5)(self.proba).tolist() == [1, 1, 0, 0, 1, 0]

    def test_lengths_in_seconds(self):
        in_samples, in_seconds = Hysteresis(min_gap=4), Hysteresis(min_gap=0.4, sampling_rate=10)
        assert in_seconds(self.proba).tolist() == in_samples(self.proba).tolist()
        assert in_seconds.latency == in_samples.latency == 4

    @pytest.mark.parametrize(("seconds", "samples"), [(0.021, 3), (0.024, 3), (0.025, 3), (0.03, 3), (0.07, 7)])
    def test_the_least_length_is_the_least_whole_number_of_samples(self, seconds, samples):
        """Rounding errors of the product do not matter: 0.07 * 100 is slightly more than 7."""
        runs_and_gaps = np.r_[0, [1] * (samples - 1), [0] * 20, [1] * samples, 0]
        only_long = np.r_[[0] * (samples + 20), [1] * samples, 0]
        found = Hysteresis(min_length=seconds, sampling_rate=100)(np.eye(2)[runs_and_gaps])
        assert found.tolist() == only_long.tolist()
        found = Hysteresis(min_gap=seconds, sampling_rate=100)(np.eye(2)[1 - runs_and_gaps])
        assert found.tolist() == (1 - only_long).tolist()

    @pytest.mark.parametrize(("pad", "samples"), [(0.0, 0), (0.014, 1), (0.016, 2), (0.07, 7)])
    def test_padding_is_the_nearest_whole_number_of_samples(self, pad, samples):
        found = Hysteresis(pad=pad, sampling_rate=100)(np.eye(2)[[0] * 20 + [1] + [0] * 20])
        assert found.sum() == 1 + 2 * samples

    def test_classes_and_background_come_from_the_labels(self):
        recipe = Hysteresis(min_length={5: 3}, offset=0.5).for_segments(measure_segments([[5, 7]], background=7))
        assert recipe(self.proba[:, ::-1]).tolist() == [1] * 6

    @pytest.mark.parametrize("background", [None, 0])
    def test_without_a_background_short_segments_take_the_label_of_a_neighbor(self, background):
        """The same holds if the default background is not a class."""
        stages = measure_segments([[5, 6, 7, 5]], background=background)
        recipe = Hysteresis(min_length=20, offset=0.1).for_segments(stages)
        assert recipe(np.eye(3)[[0] * 25 + [1] * 5 + [0] * 30]).tolist() == [0] * 60
        assert recipe(np.eye(3)[[0] * 25 + [1] * 5 + [2] * 30]).tolist() == [0] * 30 + [2] * 30
        assert recipe(np.eye(3)[[1] * 5 + [0] * 30 + [2] * 19]).tolist() == [0] * 54
        assert recipe(np.eye(3)[([1] * 5 + [2] * 5) * 4 + [0] * 20]).tolist() == [1] * 40 + [0] * 20
        assert recipe(np.eye(3)[[1] * 5 + [2] * 5]).tolist() == [1] * 10

    def test_no_samples_have_no_labels(self):
        assert Hysteresis()(np.empty((0, 2))).tolist() == []
        assert Hysteresis().start().flush().tolist() == []

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"onset": 1.2}, r"onset=1.2; give a number from 0 to 1"),
            ({"min_length": -1}, r"min_length=-1; give a finite number of at least 0"),
            ({"min_gap": {2: float("nan")}}, r"min_gap\[2\]=nan"),
            ({"onset": 0.3}, r"offset=0.4 is above onset=0.3; .* Lower offset"),
            ({"onset": {1: 0.2}}, r"offset=0.4 is above onset=0.2 of class 1"),
            ({"sampling_rate": 0}, r"sampling_rate=0"),
        ],
    )
    def test_values_out_of_range_are_refused(self, params, message):
        with pytest.raises(ValueError, match=message):
            Hysteresis(**params)

    def test_an_unknown_class_is_refused(self):
        with pytest.raises(ValueError, match=r"pad names class 9, which is not one of the classes \[0, 1\]"):
            Hysteresis(pad={9: 1}).for_segments(measure_segments([[0, 1]]))
        with pytest.raises(ValueError, match=r"pad names class '1', which is not one of"):  # as keys of JSON are
            Hysteresis(pad={"1": 1}).for_segments(measure_segments([[0, 1]]))

    def test_another_number_of_classes_is_refused(self):
        recipe = Hysteresis().for_segments(measure_segments([[0, 1]]))
        with pytest.raises(ValueError, match="proba has 3 columns, but the decoder was adapted to 2 classes; give one"):
            recipe(np.ones((4, 3)) / 3)
        with pytest.raises(ValueError, match="proba has 3 columns, but the decoder was adapted to 2 classes; give one"):
            recipe.decode_many([np.ones((4, 2)) / 2, np.ones((4, 3)) / 3])


@pytest.mark.parametrize("params", [{"min_length": 0.6}, {"min_gap": {1: 0.2}}, {"pad": 0.5}])
def test_a_fraction_of_a_sample_without_a_sampling_rate_is_warned_of(params):
    with pytest.warns(
        UserWarning, match="is less than one sample. If it is in seconds, pass sampling_rate to the decoder"
    ):
        Hysteresis(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Hysteresis(**params, sampling_rate=100)
