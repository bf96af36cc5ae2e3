"""The detectors fit into sktime: its test suite, tables of events, indices and pipelines."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sktime.datatypes import convert_to
from sktime.detection.compose import DetectorPipeline
from sktime.transformations.detrend import Detrender
from sktime.transformations.difference import Differencer
from sktime.transformations.exponent import ExponentTransformer
from sktime.utils.estimator_checks import check_estimator
from small import TINY, every_other

from sslts import Annotations, FixMatchSegmenter, SupervisedSegmenter
from sslts.adapters import sktime as adapters
from sslts.adapters.sktime import (
    FixMatchDetector,
    RecordingTransformer,
    SelfTrainingDetector,
    SupervisedDetector,
    WindowFeatureDetector,
    events_to_labels,
    labels_to_events,
)
from sslts.adapters.sktime.events import _iterate_instances, _read_labels
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.metrics import calibration_scorer, count_scorer, mean_iou_scorer
from sslts.networks import UNet
from sslts.preprocessing import ButterworthFilter, FillGaps, RecordingStandardizer

DETECTORS = [
    adapters.FixMatchDetector,
    adapters.SupervisedDetector,
    adapters.PseudoLabelDetector,
    adapters.SelfTrainingDetector,
    adapters.MeanTeacherDetector,
    adapters.WindowFeatureDetector,
]
FAST = {"network": TINY, "max_steps": 3, "batch_size": 2, "random_state": 0}
INDICES = {
    "RangeIndex": pd.RangeIndex(600),
    "shifted": pd.RangeIndex(7, 1207, 2),
    "DatetimeIndex": pd.date_range("2026-01-01", periods=600, freq="s"),
    "PeriodIndex": pd.period_range("2026-01", periods=600, freq="h"),
}


def make_detector(detector, **params):
    if detector is SelfTrainingDetector:
        return detector(SupervisedSegmenter(**FAST, **params))
    if detector is WindowFeatureDetector:
        return detector(ExtraTreesClassifier(5), random_state=0, **params)
    return detector(**FAST, **params)


def make_panel(X, ids=None):
    index = pd.MultiIndex.from_product([ids or range(len(X)), range(X.shape[1])], names=["instance", "time"])
    return pd.DataFrame({"x": X.ravel()}, index=index)


@pytest.fixture
def series(labeled):
    """Return a series and labels of its first two thirds."""
    X, y = labeled
    y = y[0].copy()
    y[400:] = -1
    return pd.Series(X[0]), y


@pytest.mark.filterwarnings("ignore:y is None")  # sktime's tests pass no y
@pytest.mark.parametrize(
    "detector",
    [
        pytest.param(one, marks=() if one in (FixMatchDetector, WindowFeatureDetector) else pytest.mark.slow)
        for one in DETECTORS
    ],
)
def test_the_suite_of_sktime(detector):
    results = check_estimator(detector, verbose=False)
    assert len(results) > 80
    assert {key: value for key, value in results.items() if value != "PASSED"} == {}


def test_the_suite_of_sktime_on_the_transformer():
    results = check_estimator(RecordingTransformer, verbose=False)
    assert {key: value for key, value in results.items() if value != "PASSED"} == {}


class TestEvents:
    @given(st.lists(st.integers(-1, 3), min_size=1, max_size=30))
    def test_labels_survive_conversion_to_events(self, labels):
        events = labels_to_events(labels)
        assert isinstance(events.index, pd.RangeIndex)
        np.testing.assert_array_equal(events_to_labels(events, len(labels)), labels)

    @settings(max_examples=30)
    @given(st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=9), min_size=1, max_size=4))
    def test_labels_of_a_panel_survive_conversion_to_events(self, labels):
        rows = [(f"i{-i}", t) for i, one in enumerate(labels) for t in range(len(one))]
        index = pd.MultiIndex.from_tuples(rows, names=["instance", "time"])
        for y in (labels_to_events(labels, index), pd.Series(np.concatenate(labels), index=index), labels):
            assert [list(one) for one in _read_labels(y, index)] == labels
        tables = [labels_to_events(one) for one in labels]
        assert [list(one) for one in _read_labels(tables, index)] == labels

    def test_events_that_name_no_instance_are_refused(self):
        index = pd.MultiIndex.from_product([range(4), range(6)])
        with pytest.raises(ValueError, match="does not name the instance of X of each event"):
            _read_labels(labels_to_events([0, 0, 1, 1, 0, 0]), index)
        named = labels_to_events([0, 0, 1, 1, 0, 0]).set_axis([2, 2, 2])
        assert [labels[0] for labels in _read_labels(named, index)] == [-1, -1, 0, -1]

    def test_one_label_per_instance(self):
        index = pd.MultiIndex.from_product([["b", "a"], range(3)])
        assert [list(one) for one in _read_labels(pd.Series({"a": 2}), index)] == [[-1], [2]]

    @pytest.mark.parametrize(
        ("ilocs", "labels", "message"),
        [
            ([(0, 3), (2, 5)], [0, 1], "overlaps"),
            ([(0, 3), (3, 9)], [0, 1], "row 1 .* lies outside"),
            ([(0, 3), (3, 5)], [0, 0.5], "row 1: label is 0.5"),
            ([(0, 3), (3, 5)], [0, np.nan], "row 1: label is nan"),
            ([(0, 3), (3, 5)], [0, -2], "row 1 .* below -1"),
            ([(0, 3), (3, 4.5)], [0, 1], "row 1: end is 4.5"),
        ],
    )
    def test_defects_are_named(self, ilocs, labels, message):
        intervals = pd.IntervalIndex.from_tuples(ilocs, closed="left")
        with pytest.raises(ValueError, match=message):
            events_to_labels(pd.DataFrame({"ilocs": intervals, "labels": labels}), 5)

    def test_other_tables_are_refused(self):
        right = pd.DataFrame({"ilocs": pd.IntervalIndex.from_tuples([(0, 3)]), "labels": [0]})
        with pytest.raises(ValueError, match="closed on the right"):
            events_to_labels(right, 5)
        with pytest.raises(ValueError, match="no 'labels'"):
            events_to_labels(right[["ilocs"]], 5)
        with pytest.raises(ValueError, match="holds int"):
            events_to_labels(pd.DataFrame({"ilocs": [3], "labels": [0]}), 5)

    def test_events_may_be_indexed_by_intervals_or_hold_them_as_objects(self):
        intervals = pd.IntervalIndex.from_tuples([(1, 3)], closed="left")
        objects = pd.DataFrame({"ilocs": np.array(list(intervals), dtype=object), "labels": [2]})
        for events in (pd.Series([2], index=intervals), objects):
            assert events_to_labels(events, 4).tolist() == [-1, 2, 2, -1]

    def test_an_empty_table_labels_no_time_step(self):
        empty = labels_to_events(np.full(4, -1))
        assert (len(empty), list(empty.columns)) == (0, ["ilocs", "labels"])
        assert events_to_labels(empty, 3).tolist() == [-1] * 3
        assert events_to_labels(empty, 3, fill=0).tolist() == [0] * 3

    def test_defects_of_a_panel_name_the_instance(self):
        index = pd.MultiIndex.from_product([["b", "a"], range(3)])
        intervals = pd.IntervalIndex.from_tuples([(0, 2), (1, 3)], closed="left")
        tables = [labels_to_events([0, 0, 0]), pd.DataFrame({"ilocs": intervals, "labels": [0, 1]})]
        for y in (tables, pd.concat(tables, keys=["b", "a"])):
            with pytest.raises(ValueError, match=r"row \('a', 1\) \(recording 1.*overlaps row \('a', 0\)"):
                _read_labels(y, index)
        with pytest.raises(ValueError, match="X has 2 instances, y has 1"):
            _read_labels(tables[:1], index)
        with pytest.raises(ValueError, match="y names instance 'c', but X does not"):
            _read_labels(pd.concat(tables, keys=["b", "c"]), index)

    def test_positions_are_not_times(self):
        times = pd.IntervalIndex.from_breaks(pd.date_range("2026-01-01", periods=3), closed="left")
        for ilocs in (times, np.array(list(times), dtype=object)):
            with pytest.raises(ValueError, match="holds intervals of datetime64.*; ilocs are positions"):
                events_to_labels(pd.DataFrame({"ilocs": ilocs, "labels": [0, 1]}), 5)

    def test_rows_of_an_instance_must_be_contiguous(self):
        with pytest.raises(ValueError, match="rows of instance 'a' are not contiguous"):
            list(_iterate_instances(pd.MultiIndex.from_tuples([("a", 0), ("b", 0), ("a", 1)])))


@pytest.mark.parametrize("detector", DETECTORS)
class TestEveryDetector:
    def test_predictions_equal_the_segmenters(self, detector, series):
        x, y = series
        fitted = make_detector(detector).fit(x, labels_to_events(y))
        plain = fitted._make_segmenter().fit(x.to_numpy()[None], y[None])
        labels = plain.predict(x.to_numpy()[None])[0]
        np.testing.assert_array_equal(fitted.transform(x)["labels"], labels)
        np.testing.assert_array_equal(events_to_labels(fitted.predict(x), 600), labels)
        np.testing.assert_array_equal(fitted.transform_scores(x), plain.predict_proba(x.to_numpy()[None])[0])
        assert fitted.score(x, labels_to_events(y)) == plain.score(x.to_numpy()[None], y[None])

    def test_parameters_equal_the_segmenters(self, detector):
        made = make_detector(detector)
        assert made.get_params(deep=False).keys() == made._segmenter_class().get_params(deep=False).keys()
        holds_estimator = detector in (SelfTrainingDetector, WindowFeatureDetector)  # which is cloned too
        assert clone(made).get_params() == made.get_params() or holds_estimator
        with pytest.raises((ValueError, TypeError), match="nope"):
            made.set_params(nope=1)
        with pytest.raises(TypeError, match="nope"):
            detector(nope=1)


class TestOutput:
    @pytest.mark.parametrize("kind", INDICES)
    def test_the_index_is_kept(self, kind, series):
        x, y = series
        x.index = INDICES[kind]
        fitted = make_detector(FixMatchDetector).fit(x, labels_to_events(y))
        for table in (fitted.transform(x), fitted.fit_transform(x, labels_to_events(y)), fitted.transform_scores(x)):
            pd.testing.assert_index_equal(table.index, x.index)
        assert fitted.predict(x).equals(fitted.fit(x.to_numpy(), labels_to_events(y)).predict(x.to_numpy()))

    def test_tables_agree_with_each_other(self, series):
        x, y = series
        fitted = make_detector(FixMatchDetector).set_params(max_steps=90, decoder=Argmax()).fit(x, labels_to_events(y))
        events, points, scores = fitted.predict(x), fitted.predict_points(x), fitted.predict_scores(x)
        labels, proba = fitted.transform(x)["labels"].to_numpy(), fitted.transform_scores(x)
        intervals = pd.IntervalIndex(events["ilocs"])
        assert (intervals.left[0], intervals.right[-1]) == (0, 600)  # the first and the last step
        np.testing.assert_array_equal(intervals.right[:-1], intervals.left[1:])
        assert 0 in events["labels"].to_numpy()
        assert fitted.predict_segments(x).equals(events)
        np.testing.assert_array_equal(points["ilocs"], np.r_[0, 1 + np.flatnonzero(np.diff(labels))])
        np.testing.assert_array_equal(points["labels"], labels[points["ilocs"]])
        pd.testing.assert_index_equal(scores.index, events.index)
        for interval, label, score in zip(intervals, events["labels"], scores["scores"], strict=True):
            inside = proba[label].to_numpy()[interval.left : interval.right]
            assert score == pytest.approx(inside.mean(), rel=1e-5)

    def test_a_series_of_one_step(self, series):
        x, y = series
        fitted = make_detector(FixMatchDetector).fit(x, labels_to_events(y))
        assert fitted.predict(x[:1])["ilocs"].tolist() == [pd.Interval(0, 1, closed="left")]

    def test_channels(self, series):
        x, y = series
        frame = pd.DataFrame({"a": x, "b": -x})
        fitted = make_detector(FixMatchDetector).fit(frame, labels_to_events(y))
        assert fitted.segmenter_.n_channels_ == 2
        assert fitted.transform(frame).shape == (600, 1)


class TestPanel:
    IDS = ["b", "a", "c"]

    @pytest.fixture
    def panel(self, labeled):
        X, y = labeled
        return make_panel(X[:3], self.IDS), y[:3]

    def test_events_and_labels_give_the_same_model(self, panel):
        X, y = panel
        events = labels_to_events(y, X.index)
        dense = pd.Series(y.ravel(), index=X.index)
        wanted = FixMatchSegmenter(**FAST).fit(list(X["x"].to_numpy().reshape(3, -1)), list(y))
        wanted = np.concatenate(wanted.predict(list(X["x"].to_numpy().reshape(3, -1))))
        for labels in (events, events[::-1], dense, list(y), [labels_to_events(one) for one in y]):
            fitted = make_detector(FixMatchDetector).fit(X, labels)
            np.testing.assert_array_equal(fitted.transform(X)["labels"], wanted)
        for table in (fitted.predict(X), fitted.predict_points(X), fitted.predict_scores(X)):
            assert table.index.names == ["instance", "event"]
            assert table.index.get_level_values(0).unique().tolist() == self.IDS
        pd.testing.assert_index_equal(fitted.transform(X).index, X.index)
        pd.testing.assert_index_equal(fitted.transform_scores(X).index, X.index)
        assert fitted.score(X, events) == fitted.score(X, dense)

    def test_instances_without_events_are_unlabeled(self, panel):
        X, y = panel
        events = labels_to_events(y, X.index).loc[["a"]]
        fitted = make_detector(FixMatchDetector).fit(X, events)
        assert fitted.segmenter_.training_set_["labeled_recordings"] == 1

    @pytest.mark.parametrize("kind", ["numpy3D", "df-list", "nested_univ"])
    def test_containers(self, panel, kind):
        X, y = panel
        wanted = make_detector(FixMatchDetector).fit(X, list(y)).transform(X)["labels"].to_numpy()
        other = convert_to(X, kind, as_scitype="Panel")
        got = make_detector(FixMatchDetector).fit(other, list(y)).transform(other)["labels"].to_numpy()
        np.testing.assert_array_equal(got, wanted)

    def test_unequal_lengths(self, panel):
        X, y = panel
        short = X.drop(index=[("a", t) for t in range(500, 600)])
        fitted = make_detector(FixMatchDetector).fit(short, [y[0], y[1][:500], y[2]])
        assert len(fitted.transform(short)) == 1700

    def test_defects_are_named(self, panel):
        X, y = panel
        with pytest.raises(ValueError, match="y names instance 'z'"):
            make_detector(FixMatchDetector).fit(X, pd.Series({"z": 1}))
        with pytest.raises(ValueError, match="X has 3 instances, y has 2"):
            make_detector(FixMatchDetector).fit(X, list(y[:2]))
        with pytest.raises(ValueError, match="a different index than X"):
            make_detector(FixMatchDetector).fit(X, [pd.Series(one, index=range(1, 601)) for one in y])


class TestPipelines:
    @pytest.mark.parametrize("transformer", [Detrender(), ExponentTransformer(), StandardScaler()], ids=repr)
    def test_behind_a_transformer(self, transformer, series):
        x, y = series
        x.index = INDICES["DatetimeIndex"]
        x += 10
        events = labels_to_events(y)
        pipeline = (transformer * make_detector(FixMatchDetector)).fit(x, events)
        labels = pipeline.transform(x)["labels"]
        pd.testing.assert_index_equal(labels.index, x.index)
        np.testing.assert_array_equal(events_to_labels(pipeline.predict(x), 600), labels)
        assert pipeline.predict_points(x)["ilocs"][0] == 0
        assert len(pipeline.predict_scores(x)) == len(pipeline.predict_segments(x))
        assert 0 <= pipeline.score(x, events) <= 1
        assert pipeline.transform_scores(x).shape == (600, 2)

    @pytest.mark.parametrize(
        "transformer",
        [RecordingStandardizer(), ButterworthFilter(high=0.2), FillGaps()],
        ids=lambda t: type(t).__name__,
    )
    def test_transformers_of_preprocessing_work_over_time(self, transformer):
        X, y = make_recordings(2, n_samples=300, n_channels=9, random_state=0)
        if isinstance(transformer, FillGaps):
            X[:, 3, 10:13] = np.nan
        wanted = transformer.fit_transform(X)
        series, events = pd.DataFrame(X[0].T), labels_to_events(y[0])
        pipeline = (transformer * make_detector(SupervisedDetector)).fit(series, events)
        np.testing.assert_allclose(pipeline._transform(series).to_numpy().T, wanted[0], rtol=1e-6)
        both = make_pipeline(transformer, RecordingStandardizer()) * make_detector(SupervisedDetector)
        seen = both.fit(series, events)._transform(series).to_numpy()
        np.testing.assert_allclose(seen.mean(0), 0, atol=1e-5)
        panel = pd.concat([pd.DataFrame(x.T) for x in X], keys=["b", "a"])
        longer = transformer * (ExponentTransformer(power=1, offset=0) * make_detector(SupervisedDetector))
        np.testing.assert_allclose(
            longer.fit(panel, list(y))._transform(panel).to_numpy(), np.concatenate(wanted, axis=1).T, rtol=1e-6
        )

    def test_behind_two_transformers_and_for_panels(self, labeled):
        X, y = labeled
        panel = make_panel(X[:3])
        pipeline = ExponentTransformer() * (ExponentTransformer(power=1) * make_detector(FixMatchDetector))
        assert [name for name, _ in pipeline.steps_][-1] == "FixMatchDetector"
        assert len(pipeline.fit(panel, list(y[:3])).transform(panel)) == 1800

    def test_behind_a_pipeline_of_transformers(self, series):
        x, y = series
        both = (Detrender() * ExponentTransformer(power=1)) * make_detector(FixMatchDetector)
        assert len(both.fit(x, labels_to_events(y)).transform(x)) == 600
        plain = make_pipeline(FillGaps(), "passthrough") * make_detector(FixMatchDetector)
        assert len(plain.fit(x, labels_to_events(y)).transform(x)) == 600

    def test_in_the_pipeline_of_sktime(self, series):
        x, y = series
        pipeline = DetectorPipeline([ExponentTransformer(), make_detector(FixMatchDetector)]).fit(
            x, labels_to_events(y)
        )
        assert len(pipeline.transform(x)) == 600

    def test_a_transformer_that_drops_steps_is_refused(self, series):
        x, y = series
        with pytest.raises(ValueError, match="turned 600 time steps into 599"):
            (Differencer(na_handling="drop_na") * make_detector(FixMatchDetector)).fit(x, labels_to_events(y))

    def test_grid_search_over_instances(self, labeled):
        X, y = labeled
        grid = {"threshold": [0.5, 0.9], "network__width": [4, 8]}
        search = GridSearchCV(make_detector(FixMatchDetector), grid, cv=2, error_score="raise")
        search.fit([pd.DataFrame(x) for x in X[:4]], [labels_to_events(one) for one in y[:4]])
        assert search.best_estimator_.network.width == search.best_params_["network__width"]
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    @pytest.mark.parametrize(
        ("wrap", "scorer"),
        every_other(
            product(
                [lambda one: one, lambda one: ExponentTransformer(power=1) * one],
                [mean_iou_scorer, count_scorer, calibration_scorer],
            )
        ),
    )
    @pytest.mark.parametrize("detector", [FixMatchDetector, pytest.param(SelfTrainingDetector, marks=pytest.mark.slow)])
    def test_scorers_give_detectors_the_scores_of_segmenters(self, labeled, scorer, wrap, detector):
        X, y = (2 * part[:4, :300] for part in labeled)  # labels 0 and 2
        frames, events = [pd.DataFrame(x) for x in X], [labels_to_events(one) for one in y]
        plain = make_detector(detector, background=2, precision="float32")
        scores = cross_val_score(wrap(plain), frames, events, cv=2, scoring=scorer, error_score="raise")
        wanted = cross_val_score(plain._make_segmenter(), X, y, cv=2, scoring=scorer, error_score="raise")
        np.testing.assert_allclose(scores, wanted, rtol=1e-5)  # the detector predicts one series at a time

    def test_scorers_accept_a_search(self, labeled):
        X, y = (part[:4] for part in labeled)
        frames, events = [pd.DataFrame(x) for x in X], [labels_to_events(one) for one in y]
        search = GridSearchCV(make_detector(FixMatchDetector), {"lambda_u": [1.0]}, scoring=count_scorer, cv=2)
        search.fit(frames, events)
        assert count_scorer(search, frames, events) == search.score(frames, events) <= 0

    def test_grid_search_over_stretches_of_one_series(self, series):
        x, y = series
        pipeline = Detrender() * make_detector(FixMatchDetector)
        grid = {"FixMatchDetector__lambda_u": [0.0, 1.0]}
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(x, pd.Series(y))
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class TestTimesAndNames:
    def test_other_channels_are_refused(self, labeled):
        X, y = labeled
        frame = pd.DataFrame({"hip": X[0], "wrist": X[1]})
        fitted = make_detector(SupervisedDetector).fit(frame, labels_to_events(y[0]))
        with pytest.raises(ValueError, match=r"\['wrist', 'hip'\], SupervisedDetector was fitted on \['hip'"):
            fitted.predict(frame[["wrist", "hip"]])
        fitted.fit(frame[["wrist", "hip"]], labels_to_events(y[0]))

    def test_channels_without_names_match_any_names(self, labeled):
        X, y = (part[:4] for part in labeled)
        cube, panel = np.stack([X, X], 1), pd.concat([pd.DataFrame({"a": x, "b": x}) for x in X], keys=range(4))
        for first, second in ((cube, panel), (panel, cube)):
            fitted = make_detector(SupervisedDetector).fit(first, list(y))
            assert len(fitted.transform(second)) == 2400

    def test_channel_names_come_from_the_last_fit(self, labeled):
        X, y = labeled
        frame = pd.DataFrame({"hip": X[0], "wrist": X[1]})
        other = frame[["wrist", "hip"]]
        fitted = make_detector(SupervisedDetector).fit(frame, labels_to_events(y[0]))
        with pytest.warns(UserWarning, match="y is None"):
            assert len(fitted.fit(other).transform(other)) == 600

    @pytest.mark.parametrize("detector", [SupervisedDetector, SelfTrainingDetector])
    def test_a_wrong_sampling_rate_is_warned_of(self, series, detector):
        x, y = series
        x.index = pd.date_range("2026-01-01", periods=600, freq="s")
        with pytest.warns(UserWarning, match="1 samples per second, but sampling_rate=250") as caught:
            make_detector(detector, sampling_rate=250).fit(x, labels_to_events(y))
        assert {warning.filename for warning in caught} == {__file__}


class TestUnfitted:
    def test_without_labels_everything_is_background(self, series):
        x, _ = series
        with pytest.warns(UserWarning, match="y is None: every time step will be predicted as 0; pass labels to train"):
            fitted = make_detector(FixMatchDetector).fit(x)
        assert fitted.predict(x)["labels"].tolist() == [0]
        assert (fitted.transform_scores(x) == 1).all(axis=None)

    def test_update_is_refused(self, series):
        x, y = series
        with pytest.raises(NotImplementedError, match="fit on old and new recordings together"):
            make_detector(FixMatchDetector).fit(x, labels_to_events(y)).update(x)

    @pytest.mark.parametrize("detector", [one for one in DETECTORS if hasattr(one(), "warm_start")])
    def test_a_warm_start_continues_the_previous_fit(self, detector, series):
        x, y = series
        first, second = np.where(np.arange(600) < 200, y, -1), y
        plain = detector(**FAST, warm_start=True)._make_segmenter()
        for labels in (first, second):
            plain.fit(x.to_numpy()[None], labels[None])
        warm, cold = (detector(**FAST, warm_start=warm) for warm in (True, False))
        for one in (warm, cold):
            one.fit(x, labels_to_events(first)).fit(x, labels_to_events(second))
        wanted = plain.predict_proba(x.to_numpy()[None])[0]
        np.testing.assert_array_equal(warm.transform_scores(x), wanted)
        assert not np.array_equal(cold.transform_scores(x), wanted)

    def test_a_warm_start_without_a_fitted_segmenter_trains_anew(self, series):
        x, y = series
        detector = make_detector(FixMatchDetector, warm_start=True)
        with pytest.warns(UserWarning, match="y is None"):
            detector.fit(x)
        fresh = make_detector(FixMatchDetector).fit(x, labels_to_events(y))
        for again in (
            detector.fit(x, labels_to_events(y)),
            detector.set_params(lambda_u=1.0).fit(x, labels_to_events(y)),
        ):
            pd.testing.assert_frame_equal(again.transform_scores(x), fresh.transform_scores(x))

    def test_the_training_data_is_not_kept(self, series):
        x, y = series
        fitted = make_detector(FixMatchDetector).fit(x, labels_to_events(y))
        assert fitted._X is None
        assert fitted._y is None

    def test_set_params_replaces_objects_without_changing_them(self):
        detector = FixMatchDetector(network=TINY)
        detector.set_params(network__width=16, threshold=0.5)
        assert (detector.network, detector.threshold, TINY.width) == (UNet(width=16, depth=1), 0.5, 4)

    def test_the_initial_model_stays_fitted_in_clones(self, series):
        x, y = series
        start = FixMatchSegmenter(**FAST).fit(x.to_numpy()[None], y[None])
        detector = make_detector(FixMatchDetector, init=start)
        for copy in (detector.clone(), clone(detector)):
            assert copy.init is start
            copy.fit(x, labels_to_events(y))


def test_annotations_become_labels_with_a_warning():
    X = make_panel(np.random.default_rng(0).standard_normal((2, 60)))
    rows = [(0, 10, 20, 1), (0, 20, 30, 1), (1, 5, 9, 1)]
    annotations = Annotations.from_table(pd.DataFrame(rows, columns=["recording", "start", "end", "label"]), X)
    with pytest.warns(UserWarning, match="1 segments touch the one before"):
        found = WindowFeatureDetector(random_state=0).fit(X, annotations)
    with pytest.warns(UserWarning, match="1 segments touch the one before"):
        labels = annotations.to_labels()
    same = WindowFeatureDetector(random_state=0).fit(X, labels)
    pd.testing.assert_frame_equal(found.predict(X), same.predict(X))
