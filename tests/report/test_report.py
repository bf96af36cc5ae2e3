import copy
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter, metrics
from sslts.datasets import make_recordings
from sslts.decoding import DurationViterbi
from sslts.networks import UNet
from sslts.preprocessing import RecordingStandardizer
from sslts.report import write_report
from sslts.report.report import _N_RUNS, _find_worst_stretch

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    X, y = make_recordings(16, n_samples=500, n_classes=3, random_state=0)
    few = y.copy()
    few[4:8] = -1
    options = {
        "max_steps": 60,
        "random_state": 0,
        "sampling_rate": 100,
        "network": UNet(8, 2),
        "batch_size": 8,
        "lr": 1e-2,
    }
    segmenter = FixMatchSegmenter(**options).fit(X[:8], few[:8])
    baseline = SupervisedSegmenter(**options).fit(X[:8], few[:8])
    truth = y[8:].copy()
    truth[0] = -1
    truth[1, 100:200] = -1
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(segmenter, X[8:], truth, path, baseline, names={1: "<P> & co"}, n_worst=2)
    return segmenter, baseline, X[9:], truth[1:], path.read_text(encoding="utf-8"), path


def read_figures(html):
    """Return the text of each table cell by its identifier."""
    found = re.findall(r'<td data-figure="([^"]+)">([^<]*)</td>', html)
    return {name.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"): text for name, text in found}


def check_figures(figures, written):
    segmenter, baseline, X, truth, *_ = written
    predicted, base = segmenter.predict(X), baseline.predict(X)
    assert figures["scores/mean IoU/value"] == f"{metrics.mean_iou(truth, predicted):.3f}"
    assert figures["scores/mean IoU/baseline"] == f"{metrics.mean_iou(truth, base):.3f}"
    assert figures["scores/count error/value"] == f"{metrics.count_error(truth, predicted).mae:.3f}"
    assert figures["classes/<P> & co/IoU"] == f"{metrics.class_iou(truth, predicted)[1]:.3f}"
    assert figures["fit/with labels/"] == "4"
    assert figures["fit/labeled samples/"] == "2,000"
    error = metrics.expected_calibration_error(truth, segmenter.predict_proba(X))
    assert figures["calibration/expected calibration error/"] == f"{error:.3f}"
    alone = [np.where(one == 2, 1, np.minimum(one, 0)) for one in (truth, predicted)]
    assert figures["counts/class 2/exact counts"] == f"{metrics.count_error(*alone).exact:.0%}"


def test_the_figures_agree_with_the_metrics(written):
    check_figures(read_figures(written[4]), written)


def test_the_page_needs_no_internet(written):
    html = written[4]
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"|url\(([^)]+)\)", html)
    assert addresses
    assert all(one.startswith("#") for pair in addresses for one in pair if one)
    assert "<script" not in html


def test_ids_do_not_depend_on_the_process():
    run = [sys.executable, "-c", "from sslts.report import _svg; print(_svg.make_ids_unique('<g id=\"a\"/>'))"]
    pages = {
        subprocess.run(
            run, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(pages) == 1


def test_ids_of_figures_are_unique(written):
    ids = re.findall(r'\bid="([^"]+)"', written[4])
    assert len(ids) == len(set(ids))


def test_the_worst_recordings_have_their_numbers_in_x(written):
    segmenter, _, X, truth, html, _ = written
    scores = [metrics.mean_iou([t], [p]) for t, p in zip(truth, segmenter.predict(X), strict=True)]
    first, second = np.argsort(scores)[:2]
    wanted = [f"Recording {i + 1}, mean IoU {scores[i]:.3f}" for i in (first, second)]
    assert re.findall(r"<figcaption>(Recording [^<]+)</figcaption>", html) == wanted


def test_a_long_recording_shows_the_stretch_with_most_errors():
    truth = np.arange(100_000) // 50 % 2
    predicted = truth.copy()
    predicted[30_000:31_000] = 1 - predicted[30_000:31_000]
    truth[60_000:70_000] = -1
    start, stop = _find_worst_stretch(truth, predicted)
    assert start <= 30_000 < 31_000 <= stop
    assert _N_RUNS * 0.9 <= len(np.flatnonzero(np.diff(truth[start:stop]))) <= _N_RUNS * 1.1
    assert _find_worst_stretch(truth[:5000], predicted[:5000]) == (0, 5000)


def test_the_page_has_a_dark_theme_and_a_print_layout(written):
    html = written[4]
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert "#010203" not in html
    assert html.count("currentColor") > 50


def test_names_are_escaped(written):
    assert "&lt;P&gt; &amp; co" in written[4]
    assert "<P>" not in written[4]


def test_a_failed_write_keeps_the_old_report(written, tmp_path, monkeypatch):
    segmenter, _, X, truth, *_ = written
    path = write_report(segmenter, X, truth, tmp_path / "report.html", n_worst=0)
    before = path.read_text()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_report(segmenter, X, truth, path, n_worst=0, title="Another")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == before


def test_the_name_of_a_report_may_be_long(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    assert write_report(segmenter, X, truth, tmp_path / f"{245 * 'r'}.html", n_worst=0).is_file()


def test_one_labeled_recording_is_too_few(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    with pytest.raises(ValueError, match="y has 1 labeled recordings; give at least two"):
        write_report(segmenter, X[:1], truth[:1], tmp_path / "report.html")


def test_names_of_unknown_classes_are_refused(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    with pytest.raises(ValueError, match="names has the key 'P', which is not one of the classes"):
        write_report(segmenter, X, truth, tmp_path / "report.html", names={"P": 1})
    assert not list(tmp_path.iterdir())


def test_an_impossible_path_is_refused_before_prediction(written, tmp_path):
    X, truth = written[2:4]
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        write_report(None, X, truth, tmp_path / "nowhere" / "report.html")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_report(None, X, truth, tmp_path)


def test_a_missing_baseline_is_stated(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    html = write_report(segmenter, X, truth, tmp_path / "report.html", n_worst=0).read_text(encoding="utf-8")
    assert "No baseline was given" in html
    assert "scores/mean IoU/baseline" not in read_figures(html)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_browser_shows_the_figures(written, tmp_path):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = subprocess.run([*command, written[5].as_uri()], capture_output=True, text=True, timeout=120, check=True)
    figures = read_figures(shown.stdout)
    assert len(figures) > 20
    check_figures(figures, written)


def test_a_pipeline_and_labels_on_an_index(tmp_path):
    X, y = make_recordings(6, n_samples=300, random_state=0)
    index = pd.MultiIndex.from_product([range(6), range(300)])
    fitted = make_pipeline(RecordingStandardizer(), SupervisedSegmenter(max_steps=2, random_state=0, network=TINY)).fit(
        X, y
    )
    given = pd.DataFrame({"x": X.ravel()}, index), pd.Series(y.ravel(), index)[::-1]
    pages = [write_report(fitted, *pair, tmp_path / "report.html", n_worst=1).read_text() for pair in (given, (X, y))]
    figures, wanted = map(read_figures, pages)
    assert figures == wanted
    assert figures["scores/mean IoU/value"] == f"{metrics.mean_iou(y, fitted.predict(X)):.3f}"


def test_groups_are_read_by_position(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    groups = np.arange(7) // 2
    series = pd.Series(groups, index=[6, 5, 4, 3, 2, 1, 0])
    pages = [
        write_report(segmenter, X, truth, tmp_path / "report.html", groups=given, n_worst=0).read_text(encoding="utf-8")
        for given in (groups, series, list(groups))
    ]
    figures, *others = map(read_figures, pages)
    assert others == [figures, figures]
    with pytest.raises(ValueError, match=r"groups has shape \(3,\), y has 7 recordings"):
        write_report(segmenter, X, truth, tmp_path / "report.html", groups=series[:3])


def test_pseudo_labels_are_not_counted_as_labels(labeled, partly, tmp_path):
    fast = SupervisedSegmenter(max_steps=2, batch_size=2, network=TINY, random_state=0)
    segmenter = SelfTrainingSegmenter(fast, threshold=0.0).fit(*partly)
    assert segmenter.segmenter_.training_set_["labeled_recordings"] == 12
    html = write_report(segmenter, *labeled, tmp_path / "report.html", n_worst=0).read_text(encoding="utf-8")
    assert "labeled recordings</th>" in html
    assert read_figures(html)["fit/with labels/"] == "4"


def test_different_decoders_of_segmenter_and_baseline_are_warned_of(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    other = copy.deepcopy(segmenter).set_params(decoder=DurationViterbi())
    with pytest.warns(UserWarning, match="part of the difference may come from the decoders"):
        path = write_report(segmenter, X, truth, tmp_path / "report.html", other, n_worst=1)
    assert "<p>The segmenter uses the decoder Argmax()," in path.read_text(encoding="utf-8")
