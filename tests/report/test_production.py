import datetime

import numpy as np
import pytest
from pages import Threshold, list_anchors, make_steps, read_figures, read_section
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import SupervisedSegmenter
from sslts.calibration import calibrate_counts
from sslts.preprocessing import FillGaps
from sslts.report import write_production_report
from sslts.segments import CountCalibration

pytestmark = pytest.mark.usefixtures("no_pictures")

DAY = datetime.date(2020, 2, 3)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_steps(20)
    return Threshold(sampling_rate=2.0).fit(X, y), X


def write(fitted, folder, X=None, **options):
    segmenter, usual = fitted
    options = {"n_doubtful": 0, "date": DAY} | options
    place = folder / "run.html"
    return write_production_report(segmenter, usual[:8] if X is None else X, place, **options).read_text("utf-8")


def test_counts_are_given_per_recording_and_per_hour(fitted, tmp_path):
    page = write(fitted, tmp_path, names={1: "wave"}, recording_names=[f"{i}.csv" for i in range(8)])
    assert list_anchors(page)[:2] == ["verdict", "next"]
    assert "Found: 24 segments of wave (180 per hour)" in page
    figures = read_figures(page)
    assert figures["recordings/3.csv (recording 3)/wave"] == "3"
    assert figures["recordings/3.csv (recording 3)/wave per hour"] == "180"
    assert figures["counts/wave/mean length (s)"] == "6"
    assert "can't say whether the numbers are right" in page


def test_usual_recordings_are_called_usual(fitted, tmp_path):
    page = write(fitted, tmp_path, reference=fitted[1])
    assert "✓ Nothing unusual." in page
    assert read_figures(page)["drift/class 1/verdict"] == "✓ usual"
    assert "No recording is unusual" in read_section(page, "drift")


def test_doubtful_recordings_are_named_and_plotted_first(fitted, tmp_path):
    X = fitted[1][:8].copy()
    X[5, 5:115] = 0.52
    page = write(fitted, tmp_path, X, n_doubtful=2)
    assert "! Look first: the segmenter is unsure in 1 of 8 recordings" in page
    assert read_figures(page)["recordings/Recording 5/remark"] == "! doubtful"
    assert "Look at the doubtful recordings : Recording 5." in read_section(page, "next")
    doubtful = read_section(page, "doubtful")
    assert "Recording 5: confidence 0.5" in doubtful
    assert doubtful.count("confidence") == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x * 30, "spread"),
        (lambda x: x + 100, "level of 100 against 0.0"),
        (lambda x: np.zeros_like(x), "0 segments of class 1 where the training lets expect 3"),
        (lambda x: np.full_like(x, 0.51), "confidence 0.52 against"),
    ],
)
def test_recordings_unlike_the_training_are_named_with_the_reason(fitted, tmp_path, change, words):
    rng = np.random.default_rng(0)
    usual = fitted[1] + 0.02 * rng.normal(size=fitted[1].shape)
    X = usual[:8].copy()
    X[2] = change(X[2])
    page = write(fitted, tmp_path, X, reference=usual)
    drift = read_section(page, "drift")
    assert "Recording 2: " in drift
    assert words in drift
    assert "Recording 3" not in drift
    assert "unusual" in read_figures(page)["recordings/Recording 2/remark"]
    assert "Check the unusual recordings : Recording 2." in read_section(page, "next")


def test_classes_unlike_the_labels_of_the_fit_are_named(fitted, tmp_path):
    X = np.zeros((4, 120))
    page = write(fitted, tmp_path, X)
    assert "class 1 does not occur; it holds 30.0% of the labels of the fit" in page
    X[:, 10:110] = 1
    page = write(fitted, tmp_path, X)
    assert "class 1 holds 83.3% of the time, and 30.0% of the labels of the fit" in page
    assert "class 1 lasts 50 s in the median; in the labels of the fit, 6 to 6 s is usual" in page


def test_a_calibration_gives_intervals(fitted, tmp_path):
    calibration = {1: CountCalibration(residuals=(1.0,) * 60)}
    page = write(fitted, tmp_path, calibration=calibration)
    figures = read_figures(page)
    assert " to " in figures["recordings/Recording 0/class 1, expected (90% interval)"]
    assert " to " in figures["counts/class 1/expected, 90% interval"]
    assert "Calibrate the counts" not in page
    few = write(fitted, tmp_path, calibration={1: CountCalibration(residuals=(1.0,) * 20)})
    assert "no interval" in read_figures(few)["counts/class 1/expected, 90% interval"]


def test_what_is_missing_is_asked_for(fitted, tmp_path):
    words = read_section(write(fitted, tmp_path), "next")
    assert "pass the recordings of the fit as reference=" in words
    assert "calibration=calibrate_counts" in words


def test_a_network_and_a_pipeline_have_a_page(tmp_path):
    X, y = make_steps(6)
    network = SupervisedSegmenter(max_steps=2, network=TINY, random_state=0).fit(X, y)
    pipeline = make_pipeline(FillGaps(), SupervisedSegmenter(max_steps=2, network=TINY, random_state=0)).fit(X, y)
    with np.errstate(all="ignore"):
        calibration = calibrate_counts(network, X, y) if network.predict(X).any() else None
    pages = [
        write_production_report(
            model, X, tmp_path / "run.html", reference=X, calibration=calibration, level=0.5, date=DAY, n_doubtful=1
        ).read_text()
        for model in (network, pipeline)
    ]
    first, second = map(read_figures, pages)
    shared = [name for name in first if name.startswith("recordings/")]
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}
    assert "per 1,000 samples" in pages[0]


def test_the_same_input_gives_the_same_page(fitted, tmp_path):
    pages = {write(fitted, tmp_path, reference=fitted[1], n_doubtful=2) for _ in range(2)}
    assert len(pages) == 1


def test_long_runs_list_the_least_sure_recordings(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("sslts.report._production._MOST_ROWS", 3)
    figures = read_figures(write(fitted, tmp_path))
    assert sum(name.startswith("recordings/") and name.endswith("/confidence") for name in figures) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 1.0}, "level=1.0; give a share above 0 and below 1"),
        ({"least_confidence": "high"}, "least_confidence='high'; give a share"),
        ({"n_doubtful": -1}, "n_doubtful=-1; give an int of 0 or more"),
        ({"calibration": {}}, "calibration has no entry for class 1; pass the result of calibrate_counts"),
        ({"calibration": 3}, "calibration is a int; pass the result of calibrate_counts"),
        ({"recording_names": ["a"]}, "recording_names has 1 names, X has 8 recordings"),
        ({"names": {9: "x"}}, "names has the key 9"),
        ({"title": 3}, "title is a int; give a text"),
    ],
)
def test_options_are_checked_before_the_prediction(fitted, tmp_path, monkeypatch, options, words):
    monkeypatch.setattr(Threshold, "predict_proba", None)
    with pytest.raises((ValueError, TypeError), match=words):
        write(fitted, tmp_path, **options)


def test_an_error_about_the_reference_says_so(tmp_path):
    X, y = make_steps(4)
    network = SupervisedSegmenter(max_steps=2, network=TINY, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="fitted with 1") as caught:
        write_production_report(network, X, tmp_path / "run.html", reference=np.zeros((3, 2, 50)))
    assert any("about reference" in note for note in caught.value.__notes__)


def test_an_unfitted_segmenter_is_refused(tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="segmenter: there is no fitted segmenter"):
        write_production_report(SupervisedSegmenter(), np.zeros((2, 50)), tmp_path / "run.html")
