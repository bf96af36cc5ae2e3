"""Label-efficiency curves: which labels each estimator gets, how a file is resumed, and which input is refused."""

import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from small import TINY

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter
from sslts._fingerprints import describe_estimator, fingerprint
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.losses import Focal
from sslts.metrics import mean_iou, mean_iou_scorer, segment_f1
from sslts.model_selection import LabeledGroupKFold, gap_closed, label_efficiency_curve
from sslts.networks import UNet
from sslts.preprocessing import FillGaps

DATA = Path(__file__).parents[1] / "data"


def weigh(estimator, X, y, w=1):
    return float(w)


class Weigh:
    def __call__(self, estimator, X, y):
        return 2.0


GROUPS = np.repeat(np.arange(8), 2)
X = np.arange(16)[:, None] + np.zeros((16, 6))
Y = np.where(np.arange(16)[:, None] < 12, np.array([0, 0, 1, 1, 0, -1]), -1)  # the last two groups have no labels


class Spy(BaseEstimator):
    """An estimator that remembers the recordings of its fit, and scores by the number of labels."""

    seen: list = []

    def __init__(self, bonus=0.0, broken_after=None):
        self.bonus = bonus
        self.broken_after = broken_after

    def fit(self, X, y):
        if self.broken_after is not None and len(Spy.seen) >= self.broken_after:
            raise KeyboardInterrupt
        rows = np.array([int(x[0]) for x in X])
        self.labeled_ = rows[[(labels >= 0).any() for labels in y]]
        Spy.seen.append((rows, self.labeled_))
        return self

    def predict(self, X):
        return np.zeros((len(X), 6), int)

    def score(self, X, y):
        assert not set(self.labeled_) & {int(x[0]) for x in X}
        assert all((labels >= 0).any() for labels in y)
        return 0.5 + self.bonus + len(self.labeled_) / 100


@pytest.fixture(autouse=True)
def forget():
    Spy.seen = []


def make_curve(**options):
    options = {"n_labeled": [1, 3], "groups": GROUPS, "cv": 3, "random_state": 0, **options}
    return label_efficiency_curve(options.pop("estimators", {"a": Spy()}), X, Y, **options)


def test_a_row_for_each_fit():
    curve = make_curve(estimators={"a": Spy(), "b": Spy(bonus=0.1)}, n_unlabeled=[0, 2])
    assert list(curve.columns) == ["estimator", "labels", "unlabeled", "split", "score", "seconds"]
    assert len(curve) == 2 * 2 * 2 * 3 == len(Spy.seen)
    np.testing.assert_allclose(curve["score"], 0.5 + curve["labels"] * 0.02 + 0.1 * (curve["estimator"] == "b"))
    assert (curve["seconds"] >= 0).all()


def test_whole_groups_are_labeled_and_more_labels_include_the_fewer():
    make_curve()
    for (_, few), (_, more) in zip(Spy.seen[::2], Spy.seen[1::2], strict=True):
        assert (len(few), len(more)) == (2, 6)
        assert set(few) < set(more)
        assert set(np.bincount(GROUPS[more])) <= {0, 2}


def test_recordings_with_a_missing_group_form_one_group():
    groups = np.where(GROUPS == 3, np.nan, GROUPS)
    make_curve(groups=groups)
    rows_of = [rows for rows, _ in Spy.seen]
    Spy.seen.clear()
    make_curve()
    for rows, (wanted, _) in zip(rows_of, Spy.seen, strict=True):
        assert len(rows) == len(wanted)
    assert any({6, 7} <= set(rows) for rows in rows_of)


def test_all_other_recordings_are_unlabeled_by_default():
    assert set(make_curve()["unlabeled"]) == {5, 3}  # of 8 groups 2 are tested
    for rows, labeled in Spy.seen:
        assert len(rows) == 12
        assert {12, 13, 14, 15} <= set(rows) - set(labeled)
    assert set(make_curve(n_unlabeled=1)["unlabeled"]) == {1}
    assert {len(rows) for rows, _ in Spy.seen[6:]} == {4, 8}


def test_without_groups_recordings_are_counted():
    curve = make_curve(groups=None, n_labeled=[2], cv=2)
    assert {len(labeled) for _, labeled in Spy.seen} == {2}
    assert set(curve["unlabeled"]) == {11}


def test_estimators_get_the_same_recordings_and_labels():
    make_curve(estimators={"a": Spy(), "b": Spy()})
    for (rows, labeled), (rows_too, labeled_too) in zip(Spy.seen[::2], Spy.seen[1::2], strict=True):
        np.testing.assert_array_equal(rows, rows_too)
        np.testing.assert_array_equal(labeled, labeled_too)


class Spoiler(Spy):
    def fit(self, X, y):
        super().fit(X, y)
        y[:] = -1
        return self


def test_an_estimator_that_changes_its_labels_does_not_change_those_of_others():
    make_curve(estimators={"a": Spoiler(), "b": Spy()})
    labeled = [found.tolist() for _, found in Spy.seen]
    assert labeled[::2] == labeled[1::2]
    assert all(labeled)


def test_scoring_and_splitter_are_used():
    curve = make_curve(scoring=mean_iou_scorer, cv=LabeledGroupKFold(2))
    assert len(curve) == 4
    np.testing.assert_allclose(curve["score"], 0.3)  # all background: 3 of 5 samples, and no sample of class 1


def test_recordings_and_labels_in_zarr_arrays(labeled):
    X, y = labeled
    estimators = {
        "a": SupervisedSegmenter(max_steps=2, batch_size=2, random_state=0, network=TINY),
        "b": make_pipeline(FillGaps(), SupervisedSegmenter(max_steps=2, batch_size=2, random_state=0, network=TINY)),
    }
    for scoring in (None, mean_iou_scorer):
        options = {"n_labeled": [2, 3], "cv": 1, "random_state": 0, "scoring": scoring}
        wanted = label_efficiency_curve(estimators, X, y, **options).drop(columns="seconds")
        found = label_efficiency_curve(estimators, zarr.array(X), zarr.array(y), **options).drop(columns="seconds")
        pd.testing.assert_frame_equal(found, wanted)
    assert fingerprint(zarr.array(X), [zarr.array(y[0])]) == fingerprint(X, [y[0]])


class InterruptOnce(Callback):
    done = False

    def on_batch_end(self, net, **kwargs):
        if net.step_ == 2 and not InterruptOnce.done:
            InterruptOnce.done = True
            raise KeyboardInterrupt


@pytest.mark.parametrize("wrap", [lambda one: one, SelfTrainingSegmenter, lambda one: make_pipeline(FillGaps(), one)])
def test_ctrl_c_stops_the_run_and_an_interrupted_fit_has_no_row(labeled, tmp_path, monkeypatch, wrap):
    X, y = labeled
    fast = {"max_steps": 4, "batch_size": 2, "random_state": 0, "network": TINY}
    estimators = {"a": SupervisedSegmenter(**fast), "b": wrap(SupervisedSegmenter(callbacks=[InterruptOnce()], **fast))}
    options = {"n_labeled": [2, 3], "cv": 1, "random_state": 0, "file": tmp_path / "curve.json"}
    monkeypatch.setattr(InterruptOnce, "done", False)
    with pytest.raises(KeyboardInterrupt):
        label_efficiency_curve(estimators, X, y, **options)
    assert [row["estimator"] for row in json.loads((tmp_path / "curve.json").read_text())["rows"]] == ["a"]
    resumed = label_efficiency_curve(estimators, X, y, **options).drop(columns="seconds")
    whole = label_efficiency_curve(estimators, X, y, **{**options, "file": None}).drop(columns="seconds")
    pd.testing.assert_frame_equal(resumed, whole)


def test_a_repeated_number_of_labels_is_fitted_once():
    assert make_curve(n_labeled=[3, 1, 3])["labels"].drop_duplicates().tolist() == [3, 1]
    assert len(make_curve(n_labeled=[3, 1, 3])) == len(make_curve(n_labeled=[3, 1]))


class TestFile:
    def test_a_stopped_run_is_resumed(self, tmp_path):
        path = tmp_path / "curve.json"
        with pytest.raises(KeyboardInterrupt):
            make_curve(estimators={"a": Spy(broken_after=4)}, file=path)
        kept = json.loads(path.read_text())
        assert len(kept["rows"]) == 4
        Spy.seen = Spy.seen[:0]
        kept["estimators"]["a"] = kept["estimators"]["a"].replace("broken_after=4", "broken_after=None")
        path.write_text(json.dumps(kept))
        resumed = make_curve(file=path)
        assert len(Spy.seen) == 2
        pd.testing.assert_frame_equal(resumed.drop(columns="seconds"), make_curve().drop(columns="seconds"))
        Spy.seen = []
        pd.testing.assert_frame_equal(make_curve(file=path), resumed)
        assert not Spy.seen

    def test_a_symbolic_link_is_kept(self, tmp_path):
        path = tmp_path / "curve.json"
        path.symlink_to(tmp_path / "elsewhere.json")
        make_curve(file=path)
        assert path.is_symlink()
        assert sorted(one.name for one in tmp_path.iterdir()) == ["curve.json", "elsewhere.json"]

    def test_labels_and_estimators_can_be_added(self, tmp_path):
        path = tmp_path / "curve.json"
        make_curve(file=path)
        more = make_curve(file=path, n_labeled=[1, 3, 4], estimators={"a": Spy(), "b": Spy(bonus=1.0)})
        assert len(Spy.seen) == 6 + 3 + 9
        assert len(more) == 18
        assert len(make_curve(file=path)) == 6

    def test_a_file_with_the_former_name_of_a_column_is_read(self, tmp_path):
        path = tmp_path / "curve.json"
        wanted = make_curve(file=path)
        content = path.read_text()
        assert content.count('"unlabeled"') == len(wanted)
        path.write_text(content.replace('"unlabeled"', '"unlabelled"'))
        Spy.seen = []
        pd.testing.assert_frame_equal(make_curve(file=path), wanted)
        assert not Spy.seen
        more = make_curve(file=path, n_labeled=[1, 3, 4])
        assert len(Spy.seen) == len(more) - len(wanted) == 3
        assert [list(row) for row in json.loads(path.read_text())["rows"]] == [list(wanted.columns)] * len(more)

    def test_a_file_of_an_earlier_version_is_continued(self, tmp_path):
        path = tmp_path / "curve.json"
        shutil.copy(DATA / "curve_0.1.0.json", path)
        recordings, labels = make_recordings(8, n_samples=200, random_state=0)
        fast = {"max_steps": 2, "batch_size": 2, "random_state": 0, "precision": "float32"}
        old = {"network": UNet(width=2, depth=1, front_end=False), "normalization": "recording", "decoder": Argmax()}
        old["guide"] = None
        segmenter = FixMatchSegmenter(**fast, **old)  # the defaults of 0.1.0
        options = {"cv": 2, "random_state": 0, "file": path}
        found = label_efficiency_curve({"fixmatch": segmenter}, recordings, labels, n_labeled=[2], **options)
        assert found["score"].tolist() == [row["score"] for row in json.loads(path.read_text())["rows"]]
        assert path.read_bytes() == (DATA / "curve_0.1.0.json").read_bytes()
        other = clone(segmenter).set_params(labeled_loss=Focal())
        with pytest.raises(ValueError, match="another estimator called 'fixmatch'"):
            label_efficiency_curve({"fixmatch": other}, recordings, labels, n_labeled=[2], **options)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"random_state": 1}, "belongs to another study"),
            ({"cv": 2}, "its splits is"),
            ({"groups": np.arange(16)}, "its data is"),
            ({"scoring": mean_iou_scorer}, "its scoring is None"),
            ({"estimators": {"a": Spy(bonus=2.0)}}, "another estimator called 'a'"),
        ],
    )
    def test_another_study_is_refused(self, tmp_path, options, words):
        path = tmp_path / "curve.json"
        make_curve(file=path)
        before, Spy.seen = path.read_bytes(), []
        with pytest.raises(ValueError, match=words):
            make_curve(file=path, **options)
        assert path.read_bytes() == before
        assert not Spy.seen
        assert [p.name for p in tmp_path.iterdir()] == ["curve.json"]

    def test_estimators_with_other_start_weights_differ(self, labeled, tmp_path):
        X, y = labeled
        fast = {"max_steps": 1, "batch_size": 2, "network": TINY}
        first, other = (SupervisedSegmenter(random_state=seed, **fast).fit(X, y) for seed in (0, 1))
        other.set_params(random_state=0)  # only the weights differ
        options = {"n_labeled": [2], "cv": 1, "random_state": 0, "file": tmp_path / "curve.json"}

        def draw(init, **params):
            return label_efficiency_curve({"a": SupervisedSegmenter(init=init, **fast, **params)}, X, y, **options)

        wanted = draw(first)
        pd.testing.assert_frame_equal(draw(first), wanted)
        with pytest.raises(ValueError, match="another estimator called 'a'"):
            draw(other)
        assert describe_estimator(FrozenEstimator(first)) != describe_estimator(FrozenEstimator(other))

    def test_estimators_with_other_random_states_differ(self):
        one, same, other = (describe_estimator(Spy(bonus=np.random.RandomState(seed))) for seed in (0, 0, 1))
        assert one == same != other
        one, same, other = (describe_estimator(Spy(bonus=np.random.default_rng(seed))) for seed in (0, 0, 1))
        assert one == same != other

    @pytest.mark.parametrize("scoring", [functools.partial(weigh, w=2), Weigh()])
    def test_the_description_of_scoring_has_no_memory_address(self, tmp_path, scoring):
        make_curve(file=tmp_path / "curve.json", scoring=scoring)
        assert " at 0x" not in (tmp_path / "curve.json").read_text()

    @pytest.mark.parametrize(
        "scoring", [lambda e, X, y: 1.0, functools.partial(lambda e, X, y, w: w, w=2), make_scorer(lambda t, p: 1.0)]
    )
    def test_a_lambda_is_refused_with_a_file(self, tmp_path, scoring):
        with pytest.raises(
            ValueError, match=r"scoring=.*<lambda>.* with a file.*Pass a named function, or make_scorer"
        ):
            make_curve(file=tmp_path / "curve.json", scoring=scoring)
        assert not Spy.seen
        assert not list(tmp_path.iterdir())
        make_curve(scoring=lambda e, X, y: 1.0)

    @pytest.mark.parametrize("content", [b"", b"estimator,labels\n", b"[1, 2]", b"{}", b"\xff\xfe\x00"])
    def test_a_file_that_is_not_a_curve_is_refused(self, tmp_path, content):
        path = tmp_path / "mine.csv"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a curve file"):
            make_curve(file=path)
        assert path.read_bytes() == content

    def test_an_impossible_path_is_refused_before_the_first_fit(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
            make_curve(file=tmp_path / "nowhere" / "curve.json")
        with pytest.raises(IsADirectoryError, match="is a folder; give the path of a file in it"):
            make_curve(file=tmp_path)
        assert not Spy.seen

    def test_a_file_needs_a_seed(self, tmp_path):
        with pytest.raises(ValueError, match="random_state=None with a file"):
            make_curve(file=tmp_path / "curve.json", random_state=None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_labeled": [5]}, "n_labeled=5 in the training part of split 0: n_labeled=5, but y has 4 groups"),
        ({"n_unlabeled": 9}, "n_unlabeled=9, but split 0 has 5 unlabeled groups for training with n_labeled=1"),
        ({"n_labeled": [0]}, "n_labeled must be whole numbers, 1 or more, got 0"),
        ({"n_labeled": []}, "n_labeled must be whole numbers"),
        ({"groups": [1, 2]}, r"groups has shape \(2,\), y has 16"),
        ({"cv": KFold(2), "groups": None, "n_labeled": [7]}, "split 0: n_labeled=7, but y has 4 recordings"),
        ({"scoring": "mean_iou"}, "mean_iou"),
        (
            {"scoring": {"iou": mean_iou_scorer}},
            "scoring is a dict; pass one scorer, and make a curve and a file for each",
        ),
        ({"scoring": [mean_iou_scorer]}, "scoring is a list"),
        ({"scoring": mean_iou}, r"scoring=mean_iou is a metric, .*, or SegmentationScorer\(mean_iou\)"),
        ({"scoring": functools.partial(segment_f1, iou=0.3)}, r"scoring=functools.partial\(.* is a metric"),
    ],
)
def test_bad_input_is_refused_before_the_first_fit(options, words):
    with pytest.raises(ValueError, match=words):
        make_curve(**options)
    assert not Spy.seen


def test_an_estimator_without_score_needs_a_scorer():
    class Mute(BaseEstimator):
        fit, predict = Spy.fit, Spy.predict

    with pytest.raises(TypeError, match="score"):
        make_curve(estimators={"a": Spy(), "b": Mute()})
    assert not Spy.seen


class TestGap:
    def make(self, few, many, own):
        rows = [("base", n, s, score + 0.01 * s) for n, score in ((2, few), (50, many)) for s in range(3)]
        rows += [("own", 2, s, own + 0.01 * s) for s in range(3)]
        return pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])

    @pytest.mark.parametrize(("own", "closed"), [(0.6, 0.0), (0.9, 1.0), (0.7, 1 / 3), (0.5, -1 / 3)])
    def test_it_is_the_closed_share_of_the_gap(self, own, closed):
        table = gap_closed(self.make(0.6, 0.9, own), baseline="base")
        assert table["gap"].tolist() == pytest.approx([closed])
        assert table["gain"].tolist() == pytest.approx([own - 0.6])
        assert table["low"][0] == pytest.approx(closed)  # all splits agree
        assert table["high"][0] == pytest.approx(closed)

    def test_without_a_gap_the_share_is_nan(self):
        assert gap_closed(self.make(0.9, 0.9, 0.9), baseline="base")["gap"].isna().all()

    @pytest.mark.parametrize(
        ("base", "ceiling", "known"), [([0.6, 0.68], [0.63, 0.64], False), ([0.6, 0.66], [0.63, 0.65], True)]
    )
    def test_resamples_without_a_gap_leave_the_bounds_open(self, base, ceiling, known):
        rows = [("own", 2, s, score) for s, score in enumerate([0.63, 0.67])]
        rows += [("base", n, s, scores[s]) for n, scores in ((2, base), (50, ceiling)) for s in (0, 1)]
        curve = pd.DataFrame(rows, columns=["estimator", "labels", "split", "score"])
        found = gap_closed(curve, baseline="base").iloc[0]
        assert np.isfinite(found["gap"]) == known
        assert found[["low", "high"]].isna().all()

    def test_one_split_has_no_interval(self):
        curve = self.make(0.6, 0.9, 0.7)
        table = gap_closed(curve[curve["split"] == 0], baseline="base")
        assert table["gap"].notna().all()
        assert table["low"].isna().all()

    def test_a_missing_baseline_is_refused(self):
        with pytest.raises(ValueError, match="'nope' is not in the curve; give one of"):
            gap_closed(self.make(0, 1, 0), baseline="nope")
        with pytest.raises(ValueError, match="curve is empty"):
            gap_closed(self.make(0, 1, 0).head(0), baseline="base")

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("apart", ["labels", "split"])
    def test_an_estimator_that_shares_no_fit_with_the_baseline_is_left_out(self, apart):
        curve = self.make(0.6, 0.9, 0.7)
        stranger = curve[curve["estimator"] == "own"].assign(estimator="stranger")
        stranger[apart] += 1000
        wanted = gap_closed(curve, baseline="base")
        pd.testing.assert_frame_equal(gap_closed(pd.concat([curve, stranger]), baseline="base"), wanted)


def test_a_lazy_array_without_dtype_has_a_fingerprint():
    class Table:
        def __init__(self, values):
            self.values, self.shape = values, values.shape

        def __getitem__(self, key):
            return self.values[key]

    one, other = np.arange(6.0).reshape(2, 3), np.arange(1.0, 7.0).reshape(2, 3)
    assert fingerprint(Table(one)) == fingerprint(Table(one.copy())) != fingerprint(Table(other))


def test_names_that_a_table_or_a_file_can_not_hold_are_refused_before_the_first_fit(tmp_path):
    options = {"n_labeled": [1], "cv": 2, "random_state": 0}
    Spy.seen = []
    for name, file in (("a\ud800", None), (1.0, tmp_path / "curve.json"), (("a", 1), tmp_path / "curve.json")):
        with pytest.raises(ValueError, match="estimators has the name .*; give a"):
            label_efficiency_curve({name: Spy()}, X, Y, file=file, **options)
    assert not Spy.seen
    assert not list(tmp_path.iterdir())
    assert set(label_efficiency_curve({1.0: Spy(), 2.0: Spy()}, X, Y, **options)["estimator"]) == {1.0, 2.0}


def test_a_line_of_progress_has_no_control_characters(capsys):
    label_efficiency_curve({"\x1b[31mred\n": Spy()}, X, Y, n_labeled=[1], cv=2, random_state=0, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == 2 * ["estimator \\x1b[31mred"]
