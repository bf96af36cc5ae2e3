"""Recordings and labels are read, checked and measured before a fit changes anything."""

import inspect
import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from small import ON_ONE, TINY, as_multiindex, as_ragged

from sslts import SupervisedSegmenter
from sslts.datasets import make_recordings
from sslts.segmenters._problem import read_problem


@ON_ONE
class TestContainers:
    def test_every_container_gives_the_same_answer(self, make_segmenter, partly, tmp_path):
        import zarr

        X, y = partly
        wanted = make_segmenter().fit(X, y).predict_proba(X)
        frame, series = as_multiindex(X, y)
        np.save(tmp_path / "x.npy", X)
        for container, labels in [
            (X[:, None], y),
            (list(X), list(y)),
            ([x[None] for x in X], y),
            (frame, series),
            ([pd.DataFrame(x) for x in X], y),
            (pd.DataFrame({"x": [pd.Series(x) for x in X]}), y),
            (np.load(tmp_path / "x.npy", mmap_mode="r"), y),
            (zarr.array(X), y),
            (X.astype(np.float64), y.astype(float)),
        ]:
            fitted = make_segmenter().fit(container, labels)
            np.testing.assert_array_equal(np.stack(list(fitted.predict_proba(container))), wanted)

    def test_ragged(self, make_segmenter, partly):
        X, y = (as_ragged(a) for a in partly)
        fitted = make_segmenter().fit(X, y)
        assert [len(labels) for labels in fitted.predict(X)] == [len(x) for x in X]
        assert [p.shape for p in fitted.predict_proba(X)] == [(len(x), 2) for x in X]

    def test_the_input_stays_as_it_was(self, make_segmenter, partly):
        X, y = partly
        before = X.copy(), y.copy()
        make_segmenter().fit(X, y).predict(X)
        np.testing.assert_array_equal(X, before[0])
        np.testing.assert_array_equal(y, before[1])


class TestLabels:
    def test_labels_of_a_part_of_a_recording(self, make_segmenter, labeled):
        X, y = labeled
        y = y.copy()
        y[:, 200:] = -1
        assert make_segmenter().fit(X, y).predict(X).min() >= 0

    def test_classes_need_not_be_contiguous(self, make_segmenter, partly):
        X, y = partly
        y = np.where(y == 1, 255, np.where(y == 0, 7, y))
        fitted = make_segmenter(background=7).fit(X, y)
        assert fitted.classes_.tolist() == [7, 255]
        assert set(np.unique(fitted.predict(X))) <= {7, 255}

    @pytest.mark.parametrize("column", [False, True])
    def test_one_label_for_a_recording(self, make_segmenter, labeled, column):
        X, _ = labeled
        y = np.arange(12) % 3 - 1
        fitted = make_segmenter().fit(X, y[:, None] if column else y)
        assert fitted.classes_.tolist() == [0, 1]
        assert fitted.predict(X).shape == X.shape
        assert 0 <= fitted.score(X, y) <= 1

    def test_one_class_fits_predicts_it_and_warns(self, make_segmenter, labeled):
        X, y = labeled
        with pytest.warns(UserWarning, match="y has one class only") as caught:
            fitted = make_segmenter().fit(X, np.where(y == 0, 0, -1))
        assert {warning.filename for warning in caught} == {__file__}
        assert (fitted.predict(X) == 0).all()
        assert (fitted.predict_proba(X) == 1).all()


@ON_ONE
@pytest.mark.usefixtures("no_training")
class TestDefects:
    """Each defect is found before training."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X, y: (np.where(np.arange(600) == 5, np.nan, X), y), "recording 0 has 1 NaN and 0 infinite"),
            (lambda X, y: (X, y[:, :-1]), "recording 0 has labels of shape .599.*has 600 samples"),
            (lambda X, y: (X, y[:-1]), "X has 12 recordings, y has 11"),
            (lambda X, y: (X, y + 0.5), "recording 0.* at sample 0; labels are integers"),
            (lambda X, y: (X, y.astype(str)), "recording 0.* is not numeric"),
            (lambda X, y: (X, [np.where(y[0] < 1, "a", "b"), *y[1:]]), "recording 1.* holds the number"),
            (lambda X, y: (X, y - 1), r"recording 4.* -2"),
            (lambda X, y: (X, np.full_like(y, -1)), "y has no labeled sample"),
            (lambda X, y: (X[:0], y[:0]), "0 sample"),
            (lambda X, y: ([*X[:-1], X[0][:0]], list(y)), "recording 11 has length zero"),
            (lambda X, y: (X, None), "requires y to be passed, but the target y is None"),
        ],
    )
    def test_data(self, make_segmenter, partly, change, message):
        with pytest.raises(ValueError, match=message):
            make_segmenter().fit(*change(*partly))


class TestNames:
    def test_named_columns_of_time_do_not_bind_the_length(self):
        X, y = make_recordings(4, n_samples=300, random_state=0)
        frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(300)])
        fitted = SupervisedSegmenter(network=TINY, max_steps=1, batch_size=4).fit(frame, y)
        assert fitted.predict(frame.iloc[:, :200]).shape == (4, 200)
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(frame.iloc[:, ::-1])
        assert not hasattr(fitted.fit(list(X), y), "feature_names_in_")

    def test_channels_in_another_order_or_of_other_names_are_refused(self):
        X, y = make_recordings(4, n_samples=300, random_state=0)
        frames = [pd.DataFrame({"a": x, "b": -x}) for x in X]
        fitted = SupervisedSegmenter(network=TINY, max_steps=1, batch_size=4).fit(frames, y)
        message = r"X has the channels \['c', 'b'\].* rename them, for example frame.set_axis"
        with pytest.raises(ValueError, match=message):
            fitted.predict([frame.rename(columns={"a": "c"}) for frame in frames])
        with pytest.raises(ValueError, match=r"X has the channels \['b', 'a'\], SupervisedSegmenter was fitted on"):
            fitted.predict([frame[["b", "a"]] for frame in frames])
        message = r"X: recording 1 has the channels \['b', 'a'\], recording 0 has \['a', 'b'\]"
        with pytest.raises(ValueError, match=message):
            fitted.fit([frames[0], frames[1][["b", "a"]], *frames[2:]], y)


class TestReadProblem:
    """Reading input needs no torch and no estimator."""

    def read(self, X, y, **options):
        return read_problem(X, y, who="FixMatchSegmenter", **options)

    def test_it_holds_recordings_and_labels(self, partly):
        X, y = partly
        problem = self.read(X, y)
        assert (len(problem.recordings), problem.recordings.n_channels) == (12, 1)
        np.testing.assert_array_equal(problem.recordings.lengths, np.full(12, 600))
        assert problem.labels.describe() == {
            "recordings": 12,
            "labeled_recordings": 4,
            "samples": 12 * 600,
            "labeled_samples": 4 * 600,
        }

    def test_classes_and_shares_are_those_of_labeled_samples(self):
        y = [[3] * 30 + [7] * 10 + [-1] * 10, -1]
        problem = self.read(np.zeros((2, 50)), y, background=3)
        assert problem.classes.tolist() == [3, 7]
        np.testing.assert_allclose(problem.shares, [0.75, 0.25])

    def test_targets_are_class_indices(self):
        problem = self.read(np.zeros((2, 4)), [[7, 7, 3, -1], [-1, -1, -1, -1]], background=3)
        targets = problem.targets.cut(np.array([0, 1]), np.array([0, 0]), 4)
        assert targets.tolist() == [[1, 1, 0, -1], [-1, -1, -1, -1]]
        assert problem.targets is problem.targets  # computed once

    def test_statistics_and_summary_are_measured_without_the_background(self):
        y = [[0] * 20 + [1] * 5 + [0] * 25, [0] * 10 + [1] * 7 + [0] * 33]
        problem = self.read(np.zeros((2, 50)), y)
        assert problem.statistics.background == 0
        assert problem.summary.segment_length == 6
        assert problem.summary.recording_length == 50
        assert (problem.summary.n_channels, problem.summary.n_classes) == (1, 2)

    def test_features_are_counted_as_scikit_learn_does(self):
        X, y = np.zeros((2, 50)), [0, 1]
        frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(50)])
        named = self.read(frame, y)
        assert (named.n_features, list(named.feature_names)) == (50, list(frame.columns))
        assert (self.read(X, y).n_features, self.read(X, y).feature_names) == (50, None)
        assert self.read(list(X), y).n_features == 1
        assert self.read(np.zeros((2, 3, 50)), y).n_features == 3
        assert self.read(X.tolist(), y).n_features == self.read(list(X), y).n_features

    def test_it_can_not_be_changed(self):
        problem = self.read(np.zeros((2, 50)), [0, 1])
        with pytest.raises(FrozenInstanceError):
            problem.classes = np.array([0])

    @pytest.mark.parametrize(
        ("X", "y", "message"),
        [
            (np.full((2, 50), np.nan), [0, 1], "X: recording 0 .* NaN"),
            (np.zeros((2, 50)), [0, 1, 1], "X has 2 recordings, y has 3"),
            (np.zeros((2, 50)), [-1, -1], "y has no labeled sample"),
            (np.zeros((2, 50)), None, "FixMatchSegmenter requires y to be passed"),
        ],
    )
    def test_invalid_input_is_refused(self, X, y, message):
        with pytest.raises(ValueError, match=message):
            self.read(X, y)

    def test_plain_values_have_a_smaller_range(self):
        X = np.full((2, 50), 1e13)
        self.read(X, [0, 1])
        with pytest.raises(ValueError, match="normalization=None"):
            self.read(X, [0, 1], plain=True)

    def test_a_lost_background_gives_a_warning(self):
        X, y = np.zeros((2, 50)), [[-1] * 10 + [3] * 10 + [-1] * 30, [-1] * 20 + [7] * 10 + [-1] * 20]
        with pytest.warns(UserWarning, match="y has no sample of the background=0"):
            self.read(X, y, background=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.read(X, y, background=None)

    def test_another_sampling_rate_than_that_of_the_time_stamps_gives_a_warning(self):
        frame = pd.DataFrame(np.zeros(50), index=pd.to_timedelta(np.arange(50) / 100, unit="s"))
        with pytest.warns(UserWarning, match="sampling_rate=250"):
            self.read([frame], [[0] * 20 + [1] * 30], sampling_rate=250)

    def test_pools_have_their_own_recordings_and_the_classes_of_the_problem(self):
        pools = {"old": (np.zeros((3, 9)), [1, 1, 0])}
        problem = self.read(np.zeros((2, 50)), [0, 1], pools=pools)
        assert list(problem.pools) == ["old"]
        assert problem.pools["old"].recordings.lengths.tolist() == [9, 9, 9]
        assert len(problem.recordings) == 2
        assert self.read(np.zeros((2, 50)), [0, 1]).pools == {}

    def test_a_fit_reads_its_problem_without_torch(self):
        code = (
            "import sys; import sklearn, pandas\n"
            "sys.modules['torch'] = sys.modules['skorch'] = None\n"
            "from importlib.util import module_from_spec, spec_from_file_location as find\n"
            "spec = find('problem', sys.argv[1]); module = module_from_spec(spec); sys.modules['problem'] = module\n"
            "spec.loader.exec_module(module)\n"
            "print(module.read_problem([[0.0] * 9] * 2, [0, 1], who='FixMatchSegmenter').classes.tolist())"
        )
        command = [sys.executable, "-c", code, inspect.getfile(read_problem)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.stdout == "[0, 1]\n", run.stderr
