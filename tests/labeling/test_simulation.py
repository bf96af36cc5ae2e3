"""The simulation buys the labels that a strategy suggests, counts the effort, and can be resumed."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from sslts import Annotations, Recordings, WindowFeatureSegmenter
from sslts.datasets import make_recordings
from sslts.labeling import Clicks, RandomStretches, RepresentativeStretches, UncertainStretches, simulate_labeling
from sslts.metrics import SegmentationScorer, segment_f1

FOREST = ExtraTreesClassifier(8, min_samples_leaf=5)
X, Y = make_recordings(16, n_samples=400, random_state=0)
TEST = X[10:], Y[10:]


def simulate(strategy=None, y=Y[:10], **options):
    options = {"rounds": 3, "budget": 2, "length": 100, "random_state": 0, "test": TEST, **options}
    return simulate_labeling(WindowFeatureSegmenter(FOREST, random_state=0), X[:10], y, strategy, **options)


def test_more_labels_score_more_and_cost_more():
    table = simulate({"random": RandomStretches(), "uncertain": UncertainStretches()}, draws=2)
    assert len(table) == 2 * 2 * 3 + 2
    for _, rows in table[table["round"] > 0].groupby(["strategy", "draw"]):
        assert rows["stretches"].tolist() == [2, 4, 6]
        for effort in ("samples", "clicks", "segments"):
            assert rows[effort].is_monotonic_increasing
    means = table.groupby("round")["score"].mean()
    assert means[3] > means[1]
    everything = table[table["strategy"] == "all labels"]
    assert (everything["samples"] == 4000).all()
    assert (everything["clicks"] == 2 * everything["segments"]).all()


def test_the_first_round_draws_and_later_rounds_correct():
    table = simulate(RandomStretches(), budget=10, ceiling=False)
    assert table["corrections"][0] == table["clicks"][0]
    assert table["corrections"][2] < table["clicks"][2]


def test_a_right_model_leaves_nothing_to_correct():
    """A segmenter that knows the truth is accepted without a click."""

    class Oracle(WindowFeatureSegmenter):
        def predict_segments(self, recordings):
            rows = []
            for i in range(len(recordings)):
                k = next(k for k in range(10) if np.array_equal(X[k], recordings.get(i)))
                rows.append(Annotations.from_labels(Y[[k]]).table.assign(recording=i))
            return pd.concat(rows)

    table = simulate_labeling(
        Oracle(FOREST, random_state=0), X[:10], Y[:10], RandomStretches(), test=TEST, rounds=2, budget=2, random_state=0
    )
    assert table["corrections"][1] == table["corrections"][0] == table["clicks"][0]


def test_a_stopped_run_goes_on(tmp_path):
    whole = simulate(UncertainStretches(), draws=2)
    file = tmp_path / "run.json"
    simulate(UncertainStretches(), file=file, rounds=2)
    resumed = simulate(UncertainStretches(), file=file, draws=2)
    columns = whole.columns.drop("fit_seconds").tolist()
    pd.testing.assert_frame_equal(resumed[columns], whole[columns])
    assert len(json.loads(file.read_text())["rows"]) == 8


def test_a_file_of_another_study_is_refused(tmp_path):
    file = tmp_path / "run.json"
    simulate(RandomStretches(), file=file, rounds=1)
    with pytest.raises(ValueError, match="belongs to another study: its labeling is"):
        simulate(RandomStretches(), file=file, rounds=1, length=50)
    simulate({"a": RandomStretches()}, file=file, rounds=1)
    with pytest.raises(ValueError, match="has another strategy called 'a'"):
        simulate({"a": RepresentativeStretches()}, file=file, rounds=1)


@pytest.mark.slow  # processes take seconds to start
def test_processes_give_the_same_table():
    one, two = (simulate(RandomStretches(), draws=2, rounds=2, n_jobs=n) for n in (1, 2))
    columns = one.columns.drop("fit_seconds").tolist()
    pd.testing.assert_frame_equal(one[columns], two[columns])


def test_whole_recordings_and_rounds_of_different_size():
    table = simulate(RandomStretches(recordings=True), budget=(1, 3), rounds=2, ceiling=False)
    assert table["samples"].tolist() == [400, 1600]


def test_unknown_samples_are_never_bought():
    y = Y[:10].copy()
    y[:, :200] = -1
    table = simulate(RandomStretches(), y, budget=10, rounds=2, ceiling=False)
    assert table["samples"].iloc[-1] <= 2000
    y[0] = -1
    table = simulate(RandomStretches(recordings=True), y, budget=9, rounds=1, ceiling=False)
    assert table["samples"].tolist() == [9 * 400]
    with pytest.raises(ValueError, match="budget of all rounds is 25 stretches, but only 18 unlabeled stretches of"):
        simulate(RandomStretches(), y, budget=25, rounds=1, ceiling=False)


def test_words_names_annotations_and_a_scorer():
    words = np.array(["background", "step"], dtype=object)
    named = Recordings.from_arrays(X[:10], names=[f"day {i}" for i in range(10)])
    plain = simulate(UncertainStretches(), rounds=2)
    table = simulate_labeling(
        WindowFeatureSegmenter(FOREST, random_state=0),
        named,
        words[Y[:10]],
        UncertainStretches(),
        test=(X[10:], words[Y[10:]]),
        rounds=2,
        budget=2,
        length=100,
        random_state=0,
    )
    columns = plain.columns.drop("fit_seconds").tolist()
    pd.testing.assert_frame_equal(table[columns], plain[columns])
    touching = Annotations.from_labels(Y[:10])
    scored = simulate(RandomStretches(), touching, rounds=1, scoring=SegmentationScorer(segment_f1))
    assert scored["score"].between(0, 1).all()


class TestErrors:
    def test_numbers(self):
        with pytest.raises(ValueError, match="rounds=0; give a whole number, 1 or more"):
            simulate(rounds=0)
        with pytest.raises(ValueError, match="budget has 2 numbers, rounds=3; give one number, or one for each"):
            simulate(budget=(1, 2))
        with pytest.raises(ValueError, match="budget=-1; give a whole number"):
            simulate(budget=-1)

    def test_groups_and_length(self):
        with pytest.raises(ValueError, match=r"groups has shape \(3,\), X has 10 recordings"):
            simulate(groups=[0, 1, 2])
        with pytest.raises(ValueError, match="length=500, but the longest recording has 400 samples"):
            simulate(length=500, ceiling=False)

    def test_a_file_needs_a_seed(self, tmp_path):
        with pytest.raises(ValueError, match="random_state=None with a file: pass an int"):
            simulate(random_state=None, file=tmp_path / "run.json")

    def test_names(self):
        with pytest.raises(ValueError, match="strategy has the name 'all labels'; give another text"):
            simulate({"all labels": RandomStretches()})
        with pytest.raises(ValueError, match="strategy is empty"):
            simulate({})

    def test_test_and_labels(self):
        with pytest.raises(ValueError, match="test must be a pair"):
            simulate(test=X)
        with pytest.raises(ValueError, match="y has 3 recordings or other lengths than X, which has 10"):
            simulate(y=Y[:3])

    def test_costs(self):
        assert simulate(RandomStretches(), rounds=1, cost=Clicks(draw=5))["clicks"][0] % 5 == 0


def test_without_a_test_set_a_third_of_the_groups_is_kept():
    groups = np.repeat(["a", "b", "c", "d", "e"], 2)
    table = simulate(RandomStretches(), test=None, groups=groups, budget=1, draws=2)
    everything = table[table["strategy"] == "all labels"]
    assert (everything["samples"] == 400 * 6).all()
    with pytest.raises(ValueError, match="X has one group, so none is left to label; pass test="):
        simulate(test=None, groups=[0] * 10)


def test_seconds_are_known_with_a_rate():
    named = Recordings.from_arrays(X[:10], sampling_rate=50)
    table = simulate_labeling(
        WindowFeatureSegmenter(FOREST), named, Y[:10], test=TEST, rounds=1, budget=2, length=100, random_state=0
    )
    assert table["seconds"].tolist() == (table["samples"] / 50).tolist()
    assert simulate(RandomStretches(), rounds=1)["seconds"].isna().all()


def test_a_budget_beyond_what_is_unlabeled_is_refused_before_the_first_fit(tmp_path):
    file = tmp_path / "run.json"
    with pytest.raises(ValueError, match="is 60 stretches, but only 40 unlabeled stretches of about 100 samples"):
        simulate(RandomStretches(), budget=20, file=file)
    assert not file.exists()
