import datetime

import numpy as np
import pytest
from pages import Threshold, list_anchors, make_steps, read_figures, read_firsts, read_section
from sklearn.model_selection import ShuffleSplit

from sslts import metrics
from sslts.model_selection import LabeledKFold
from sslts.report import write_cross_validated_report

pytestmark = pytest.mark.usefixtures("no_pictures")

DAY = datetime.date(2020, 2, 3)


class Watched(Threshold):
    """A segmenter that notes whether it predicted recordings whose labels it was fitted on."""

    predicted: list = []

    def predict_proba(self, X):
        Watched.predicted.append((self, set(read_firsts(X))))
        return super().predict_proba(X)


@pytest.fixture
def few():
    X, y = make_steps(10)
    y[6:] = -1
    Watched.predicted.clear()
    Threshold.fits.clear()
    return X, y


def write(X, y, folder, segmenter=None, **options):
    place = folder / "report.html"
    options = {"n_worst": 0, "n_typical": 0, "date": DAY} | options
    return write_cross_validated_report(segmenter or Watched(), X, y, place, **options).read_text(encoding="utf-8")


def test_labeled_recordings_are_held_out_and_unlabeled_ones_always_trained_on(few, tmp_path):
    X, y = few
    write(X, y, tmp_path)
    names = read_firsts(X)
    assert len(Threshold.fits) == 5
    tested = []
    for fitted in Threshold.fits:
        assert set(names[6:]) <= fitted.seen_
        held = [asked for model, asked in Watched.predicted if model is fitted and not asked <= set(names[6:])]
        assert held
        assert all(not asked & fitted.seen_ for asked in held)
        tested += [name for asked in held for name in asked]
    assert sorted(set(tested)) == sorted(names[:6])


def test_the_page_is_that_of_a_report_and_says_what_it_cost(few, tmp_path):
    X, y = few
    page = write(X, y, tmp_path, baseline=Threshold(level=0.3), cv=3)
    assert list_anchors(page)[:2] == ["verdict", "next"]
    assert "3 folds of 2 segmenters took 6 fits" in page
    assert len(Threshold.fits) == 6
    assert read_figures(page)["scores/segment F1/value"] == "1.000"
    assert "only 6 recordings are labeled for the fit" in read_section(page, "next")
    assert "Label next" in page


def test_held_out_predictions_are_pooled(few, tmp_path):
    X, y = few
    X[2] = X[2, 0]
    found = Threshold().fit(X, y).predict(X)
    figures = read_figures(write(X, y, tmp_path))
    assert figures["scores/mean IoU/value"] == f"{metrics.mean_iou(y, found):.3f}"


def test_groups_are_never_on_both_sides(few, tmp_path):
    X, y = few
    groups = np.arange(10) // 2
    write(X, y, tmp_path, groups=groups)
    for fitted, asked in Watched.predicted:
        rows = [i for i in range(6) if -i in asked]
        assert not {-i for i in range(10) if groups[i] in groups[rows]} & fitted.labeled_


def test_a_given_segmenter_is_not_changed(few, tmp_path):
    segmenter = Threshold()
    write(*few, tmp_path, segmenter)
    assert not hasattr(segmenter, "classes_")


def test_the_folds_are_as_many_as_all_classes_allow(few, tmp_path):
    X, y = few
    y[2:6][y[2:6] == 1] = 0  # two recordings have the class
    write(X, y, tmp_path)
    assert len(Threshold.fits) == 2


def test_the_same_input_gives_the_same_page(few, tmp_path):
    assert write(*few, tmp_path) == write(*few, tmp_path)


@pytest.mark.parametrize(
    ("n_labeled", "options", "words"),
    [
        (1, {}, "y has 1 labeled recordings; cross-validation needs at least two. Label another one"),
        (0, {}, "y has 0 labeled recordings"),
        (6, {"groups": np.zeros(10)}, "groups has 1 labeled groups; cross-validation needs at least two"),
        (6, {"cv": 7}, "n_splits=7, but there are 6 labeled recordings"),
        (6, {"cv": "five"}, "cv='five'; give a number of folds or a splitter"),
        (6, {"cv": ShuffleSplit(9, random_state=0)}, "cv tests recording .* more than once"),
        (6, {"n_typical": -1}, "n_typical=-1; give an int of 0 or more"),
        (6, {"names": {7: "x"}}, "names has the key 7"),
    ],
)
def test_unusable_input_is_refused_before_the_first_fit(few, tmp_path, n_labeled, options, words):
    X, y = few
    y[n_labeled:] = -1
    with pytest.raises(ValueError, match=words):
        write(X, y, tmp_path, **options)
    assert not Threshold.fits


def test_a_splitter_may_be_passed(few, tmp_path):
    write(*few, tmp_path, cv=LabeledKFold(2, shuffle=True, random_state=0))
    assert len(Threshold.fits) == 2


def test_recordings_of_any_length_are_taken(few, tmp_path):
    X, y = few
    ragged = [x[: 120 - i] for i, x in enumerate(X)], [labels[: 120 - i] for i, labels in enumerate(y)]
    assert read_figures(write(*ragged, tmp_path))["scores/segment F1/value"] == "1.000"
