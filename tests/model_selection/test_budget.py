"""The number of labels that reach a score, and the gain from more labels, on curves with a known answer."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslts.model_selection import labels_needed, suggest_budget, summarize_scores
from sslts.model_selection.scores import _draw_means

LABELS = (1, 2, 4, 8, 16)


def make_curve(law, *, labels=LABELS, n_splits=4, noise=0.01, seed=0, name="a"):
    rng = np.random.default_rng(seed)
    rows = [(name, n, s, law(n) + noise * rng.normal()) for s in range(n_splits) for n in labels]
    return pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])


def power(n):
    return 0.9 - 0.4 * n**-0.7


class TestLabelsNeeded:
    @given(st.floats(1.0, 16.0))
    @settings(max_examples=30)
    def test_the_number_is_where_the_curve_crosses(self, n):
        curve = make_curve(lambda n: 0.5 + 0.1 * math.log(n), noise=0)
        assert labels_needed(curve, 0.5 + 0.1 * math.log(n)).labels == pytest.approx(n, rel=1e-6)

    @given(st.floats(0.3, 1.0), st.integers(0, 50))
    @settings(max_examples=20)
    def test_the_interval_holds_the_number_and_a_higher_target_needs_at_least_as_many(self, target, seed):
        curve = make_curve(power, seed=seed)
        needed, more = (labels_needed(curve, t) for t in (target, target + 0.05))
        assert needed.low <= needed.labels <= needed.high
        assert needed.labels <= more.labels

    def test_a_target_above_the_curve_needs_infinitely_many(self):
        assert labels_needed(make_curve(power), 0.95) == (math.inf, math.inf, math.inf)

    def test_a_target_below_the_curve_needs_the_fewest_labels(self):
        assert labels_needed(make_curve(power), 0.1) == (1, 1, 1)

    def test_a_dip_of_the_curve_is_taken_as_noise(self):
        curve = make_curve(lambda n: {1: 0.5, 2: 0.7, 4: 0.68, 8: 0.8, 16: 0.9}[n], noise=0)
        assert 2 <= labels_needed(curve, 0.69).labels <= 4

    def test_the_interval_has_the_stated_coverage(self):
        true = 4.0
        hits = [
            low <= true * 1.001 and true <= high * 1.001
            for _, low, high in (
                labels_needed(make_curve(power, seed=seed, noise=0.02), power(true), confidence=0.8)
                for seed in range(60)
            )
        ]
        assert 0.65 <= np.mean(hits) <= 0.95

    def test_more_splits_narrow_the_interval(self):
        few, many = (labels_needed(make_curve(power, n_splits=n, noise=0.02), 0.75) for n in (3, 30))
        assert many.high / many.low < few.high / few.low


class TestSuggestBudget:
    def test_a_power_law_is_extrapolated(self):
        table = suggest_budget(make_curve(power, noise=0), n_steps=3)
        assert table["labels"].tolist() == [16, 26, 36, 46]
        np.testing.assert_allclose(table["score"], [power(n) for n in (16, 26, 36, 46)], atol=1e-3)
        np.testing.assert_allclose(table["gain"][1:], np.diff(table["score"]))

    @given(st.integers(0, 50))
    @settings(max_examples=8)
    def test_intervals_hold_the_score_gains_shrink_and_no_score_is_above_the_best(self, seed):
        table = suggest_budget(make_curve(power, seed=seed), n_steps=3)
        for name in ("score", "gain"):
            low, high = ("low", "high") if name == "score" else ("gain_low", "gain_high")
            part = table[[low, name, high]].dropna().to_numpy()
            assert (np.diff(part, axis=1) >= -1e-12).all()
        assert (table["gain"].dropna() >= -1e-9).all()
        assert (np.diff(table["gain"].dropna()) <= 1e-9).all()
        assert table["high"].max() <= 1 + 1e-6

    def test_the_truth_lies_in_the_interval(self):
        hits = []
        for seed in range(12):
            table = suggest_budget(make_curve(power, seed=seed), n_steps=1)
            hits.append(table["low"][1] <= power(26) <= table["high"][1])
        assert np.mean(hits) >= 0.75

    def test_a_negated_error_stays_below_zero(self):
        curve = make_curve(lambda n: -2.0 * n**-0.3, noise=0.3)
        curve["score"] = curve["score"].clip(upper=-0.01)
        table = suggest_budget(curve, step=100)
        assert table["score"].is_monotonic_increasing
        assert table[["score", "high"]].max(axis=None) <= 1e-6


class TestBadInput:
    CURVE = make_curve(power)

    @pytest.mark.parametrize("function", [lambda c, **o: labels_needed(c, 0.7, **o), suggest_budget])
    @pytest.mark.parametrize(
        ("change", "options", "words"),
        [
            (lambda c: c.drop(columns="score"), {}, "no column 'score'"),
            (lambda c: c, {"estimator": "b"}, r"'b' is not in the curve; give one of \['a'\]"),
            (lambda c: pd.concat([c, c.assign(estimator="b")]), {}, "choose one, such as estimator='a'"),
            (lambda c: c[c["split"] == 0], {}, "one split"),
            (lambda c: c.iloc[1:], {}, "lacks scores of 'a'"),
            (lambda c: pd.concat([c, c]), {}, "several scores of 'a'"),
            (lambda c: c.iloc[:0], {}, "empty"),
            (lambda c: c, {"confidence": 95}, "confidence must be between 0 and 1"),
        ],
    )
    def test_the_message_names_the_problem(self, function, change, options, words):
        with pytest.raises(ValueError, match=words):
            function(change(self.CURVE), **options)

    def test_a_target_that_is_not_finite_is_refused(self):
        with pytest.raises(ValueError, match="target must be a finite score"):
            labels_needed(self.CURVE, math.nan)

    @pytest.mark.parametrize(
        ("options", "words"), [({"step": 0}, "step"), ({"n_steps": 0}, "n_steps"), ({"best": 0.5}, "raise best")]
    )
    def test_an_option_out_of_range_is_refused(self, options, words):
        with pytest.raises(ValueError, match=words):
            suggest_budget(self.CURVE, **options)

    def test_a_score_above_1_needs_a_best(self):
        with pytest.raises(ValueError, match=r"best=1.0, but the curve has a score of 8\d\.\d+; raise best"):
            suggest_budget(make_curve(lambda n: 100 * power(n)))

    def test_a_curve_with_too_few_numbers_of_labels_is_refused(self):
        with pytest.raises(ValueError, match="has 2 numbers of labels; a power law needs three"):
            suggest_budget(self.CURVE[self.CURVE["labels"] <= 2])


def test_draws_have_the_interval_of_students_t():
    scores = np.random.default_rng(0).normal(size=(5, 2))
    drawn = _draw_means(scores, 200_000, np.random.default_rng(1))
    expected = summarize_scores(pd.DataFrame(scores, columns=[1, 2]), 0.9)
    np.testing.assert_allclose(np.percentile(drawn, 5, axis=0), expected["low"], atol=0.02)
    np.testing.assert_allclose(np.percentile(drawn, 95, axis=0), expected["high"], atol=0.02)


def test_a_score_of_every_split_is_reached_despite_rounding():
    """The mean of three scores of 0.7 is a little less than 0.7."""
    rows = [("a", n, split, score) for n, score in ((1, 0.5), (2, 0.6), (4, 0.7)) for split in range(3)]
    curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
    assert labels_needed(curve, 0.7) == pytest.approx((4, 4, 4))
