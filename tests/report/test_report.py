import copy
import os
import re
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from pages import read_figures
from sklearn.pipeline import make_pipeline
from small import TINY

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SupervisedSegmenter, WindowFeatureSegmenter, metrics
from sslts.datasets import make_recordings
from sslts.decoding import Argmax
from sslts.networks import UNet
from sslts.preprocessing import FillGaps, RecordingStandardizer
from sslts.report import write_cross_validated_report, write_report
from sslts.report._sections import describe_transfer, describe_trust
from sslts.report._stretches import N_RUNS, find_worst_stretch

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


@pytest.mark.slow  # two processes of their own
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
    pairs = list(zip(truth, segmenter.predict(X), strict=True))
    f1 = metrics.event_scores(*zip(*pairs, strict=True), by=("recording",))["f1"]
    iou = [metrics.mean_iou([t], [p]) for t, p in pairs]
    worst = np.lexsort((iou, f1))[:2]
    wanted = [f"Recording {i + 1}: .*; segment F1 {f1[i]:.3f}, mean IoU {iou[i]:.3f}$" for i in worst]
    shown = re.findall(r"<figcaption>(Recording [^<]+)</figcaption>", html)
    assert all(map(re.match, wanted, shown[-2:]))
    assert len({one.split(":")[0] for one in shown}) == len(shown) == 5  # three typical ones first


def test_a_long_recording_shows_the_stretch_with_most_errors():
    truth = np.arange(100_000) // 50 % 2
    predicted = truth.copy()
    predicted[30_000:31_000] = 1 - predicted[30_000:31_000]
    truth[60_000:70_000] = -1
    wrong = (truth >= 0) & (truth != predicted)
    start, stop = find_worst_stretch(wrong, truth, predicted)
    assert start <= 30_000 < 31_000 <= stop
    assert N_RUNS * 0.9 <= len(np.flatnonzero(np.diff(truth[start:stop]))) <= N_RUNS * 1.1
    assert find_worst_stretch(wrong[:5000], truth[:5000]) == (0, 5000)


def test_the_page_has_a_dark_theme_and_a_print_layout(written):
    html = written[4]
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert "#010203" not in html
    assert html.count("currentColor") > 50


def test_names_are_escaped(written):
    assert "&lt;P&gt; &amp; co" in written[4]
    assert "<P>" not in written[4]


def read_pictures(html):
    """Return the text in the pictures of a page, which must be well-formed."""
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)]
    return ["".join(element.itertext()) for one in pictures for element in one.iter() if element.tag.endswith("}text")]


ODD_NAMES = {
    "$5 and $6": "$5 and $6",
    "$\\foo$": "$\\foo$",
    "\\$x$": "\\$x$",
    "_wave": "_wave",
    "a\ud800": "a\\ud800",
    "\x00\x1b[31m": "\\x00\\x1b[31m",
    "two\nlines": "two lines",
    "\u202eevaw": "\\u202eevaw",
    "<script>alert('1')</script>": "<script>alert('1')</script>",
    'id="a" url(#b) #000000': 'id="a" url(#b) #000000',
    "]]> --> &amp;": "]]> --> &amp;",
    1000 * "x": 23 * "x" + "…" + 24 * "x",
    "\u6ce2\u5f62": "\u6ce2\u5f62",
}


@pytest.mark.parametrize("first", range(0, len(ODD_NAMES), 3))
def test_names_are_shown_as_they_are_written(written, tmp_path, first):
    segmenter, _, X, truth, *_ = written
    names = dict(enumerate(list(ODD_NAMES)[first : first + 3]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = write_report(
            segmenter, X, truth, tmp_path / "report.html", names=names, title=names[0], n_worst=1, n_typical=0
        )
    page = path.read_text(encoding="utf-8")
    texts = read_pictures(page)
    for k, name in names.items():
        shown = ODD_NAMES[name]
        assert f"classes/{shown}/IoU" in read_figures(page)
        assert texts.count(shown) >= 2  # the training, the recording
        assert (k == 0) != any(text.startswith(f"{shown}: ") for text in texts)  # the counts
    assert unescape(re.search("<h1>(.*?)</h1>", page)[1]) == ODD_NAMES[names[0]]


def test_a_report_leaves_the_backend_and_the_settings_of_matplotlib(written, tmp_path, monkeypatch):
    segmenter, _, X, truth, *_ = written
    monkeypatch.setattr("matplotlib.pyplot.figure", None)
    before = dict(mpl.rcParams)
    write_report(segmenter, X, truth, tmp_path / "report.html", n_worst=1, n_typical=0)
    assert dict(mpl.rcParams) == before


def test_reports_may_be_written_in_threads(written, tmp_path):
    segmenter, _, X, truth, *_ = written

    def write(i):
        return write_report(segmenter, X, truth, tmp_path / f"{i}.html", n_worst=1, n_typical=1).read_bytes()

    wanted, before = write("first"), dict(mpl.rcParams)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(write, range(2))) == 2 * [wanted]
    assert dict(mpl.rcParams) == before


def test_the_look_of_text_does_not_depend_on_the_settings(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    with mpl.rc_context({"text.usetex": True, "svg.fonttype": "path", "text.color": "red", "axes.labelcolor": "red"}):
        page = write_report(segmenter, X, truth, tmp_path / "report.html", n_worst=1, n_typical=0).read_text(
            encoding="utf-8"
        )
    assert "true count" in read_pictures(page)
    assert "#ff0000" not in page


@pytest.mark.usefixtures("no_pictures")
def test_a_class_that_was_not_fitted_has_its_rows(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    truth = truth.copy()
    truth[1:, 200:230] = 9
    page = write_report(segmenter, X, truth, tmp_path / "report.html", names={9: "rare"}, n_worst=1, n_typical=0)
    figures = read_figures(page.read_text(encoding="utf-8"))
    assert figures["classes/rare/IoU"] == "0.000"
    assert float(figures["counts/rare/count bias"]) < 0


@pytest.mark.usefixtures("no_pictures")
def test_a_class_that_does_not_occur_has_its_row_of_counts(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    truth = np.where(truth == 2, 0, truth)
    figures = read_figures(write_report(segmenter, X, truth, tmp_path / "r.html", n_worst=1, n_typical=0).read_text())
    assert float(figures["counts/class 2/count bias"]) >= 0
    assert figures["counts/class 2/length error (s)"] == "–"


def test_recordings_of_one_class_have_a_report(written, tmp_path):
    X = written[2]
    y = np.zeros(X.shape, dtype=int)
    segmenter = SupervisedSegmenter(max_steps=2, network=TINY, random_state=0).fit(X, y)
    figures = read_figures(write_report(segmenter, X, y, tmp_path / "report.html", n_worst=1, n_typical=0).read_text())
    assert figures["classes/class 0/IoU"] == "1.000"
    assert not any(name.startswith("counts/") for name in figures)


@pytest.mark.parametrize(
    "value", [np.nan, *(pytest.param(value, marks=pytest.mark.slow) for value in (np.inf, -np.inf))]
)
def test_figures_that_are_not_finite(written, tmp_path, value):
    segmenter, _, X, truth, *_ = written
    broken = copy.deepcopy(segmenter)
    broken.history_.loc[:, ["loss", "labeled_loss", "unlabeled_loss", "mask_rate", "share_1"]] = value
    piped = make_pipeline(FillGaps(), broken)
    gaps = np.where(np.arange(X.shape[1]) < 30, value, X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = write_report(piped, gaps, truth, tmp_path / "report.html", n_worst=len(X)).read_text(encoding="utf-8")
    assert len(read_pictures(page)) > 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"title": None}, "title is a NoneType; give a text"),
        ({"title": b"report"}, "title is a bytes; give a text"),
        ({"n_worst": -1}, "n_worst=-1; give an int of 0 or more"),
        ({"n_worst": 1.5}, "n_worst=1.5; give an int of 0 or more"),
        ({"names": {1: "wave", 2: "wave"}}, "both class 1 and class 2 as 'wave'"),
        ({"names": {1: "class 2"}}, "both class 1 and class 2 as 'class 2'"),
    ],
)
def test_options_are_checked_before_the_prediction(written, tmp_path, monkeypatch, options, words):
    segmenter, _, X, truth, *_ = written
    monkeypatch.setattr(type(segmenter), "predict_proba", None)
    with pytest.raises((ValueError, TypeError), match=words):
        write_report(segmenter, X, truth, tmp_path / "report.html", **options)


@pytest.mark.usefixtures("no_pictures")
def test_parameters_are_escaped(written, tmp_path):
    segmenter, _, X, truth, *_ = written

    class Odd(Argmax):
        def __repr__(self):
            return "<b>\x1b[31m\ud800"

    odd = copy.deepcopy(segmenter).set_params(decoder=Odd())
    with pytest.warns(UserWarning, match=re.escape("decoder <b>\\x1b[31m\\ud800, the baseline")):
        path = write_report(odd, X, truth, tmp_path / "report.html", segmenter, n_worst=0, n_typical=0)
    assert path.read_text(encoding="utf-8").count("&lt;b&gt;\\x1b[31m\\ud800") == 2


def test_a_folder_with_an_odd_name_is_named_with_escapes(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"/\\x1b\[31m is not a folder"):
        write_report(None, None, None, tmp_path / "\x1b[31m" / "report.html")


def test_channels_have_the_names_of_the_frame(written, tmp_path):
    X, truth = written[2:4]
    frames = [pd.DataFrame({"$a$ and $b$": x, "_c": -x}) for x in X]
    segmenter = SupervisedSegmenter(max_steps=2, network=TINY, random_state=0).fit(frames, truth)
    page = write_report(segmenter, frames, truth, tmp_path / "report.html", n_worst=1, n_typical=0)
    assert {"$a$ and $b$", "_c"} <= set(read_pictures(page.read_text(encoding="utf-8")))


@pytest.mark.usefixtures("no_pictures")
def test_a_failed_write_keeps_the_old_report(written, tmp_path, monkeypatch):
    segmenter, _, X, truth, *_ = written
    path = write_report(segmenter, X, truth, tmp_path / "report.html", n_worst=0, n_typical=0)
    before = path.read_text()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_report(segmenter, X, truth, path, n_worst=0, title="Another")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == before


@pytest.mark.usefixtures("no_pictures")
def test_the_name_of_a_report_may_be_long(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    assert write_report(segmenter, X, truth, tmp_path / f"{245 * 'r'}.html", n_worst=0, n_typical=0).is_file()


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


@pytest.mark.usefixtures("no_pictures")
def test_several_baselines_are_compared_by_name(written, tmp_path):
    segmenter, baseline, X, truth, *_ = written
    given = {"labels alone": baseline, "window <features>": segmenter}
    html = write_report(segmenter, X, truth, tmp_path / "report.html", given, n_worst=0, n_typical=0).read_text(
        encoding="utf-8"
    )
    figures = read_figures(html)
    assert next(name for name in figures if name.startswith("scores/")).startswith("scores/count error/")
    error = metrics.count_error(truth, baseline.predict(X)).mae
    assert figures["scores/count error/labels alone"] == f"{error:.3f}"
    assert figures["scores/segment F1/difference from window <features>"] == "+0.000"
    assert "No clear difference from the window &lt;features&gt; in counts and segments: it may be chance" in html
    assert html.count('<div class="verdict') == 2
    with pytest.raises(TypeError, match="baseline has the name 1, a int; name each segmenter by a text"):
        write_report(segmenter, X, truth, tmp_path / "report.html", {1: baseline})


KNOWN = {"mean_iou": 0.66, "log_loss": 0.7, "agreement": 0.39}


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        ({"network": KNOWN, "window_features": KNOWN, "guided": True}, ["not believed", "0.66", "0.39"]),
        ({"network": KNOWN, "window_features": KNOWN, "guided": False}, ["The network labeled", "0.66", "0.39"]),
        ({"network": KNOWN | {"mean_iou": np.nan}, "window_features": KNOWN, "guided": False}, ["with nothing"]),
    ],
)
def test_a_report_says_who_labeled_the_unlabeled_recordings(trust, words):
    text = describe_trust(SimpleNamespace(trust_=trust))
    assert all(word in text for word in words)


def test_the_comparison_of_an_earlier_version_is_described():
    score = {"mean_iou": 0.66, "log_loss": 0.7}
    text = describe_trust(SimpleNamespace(trust_={"network": score, "window_features": score, "guided": True}))
    assert "0.66" in text
    assert "nan" not in text


def test_a_guess_without_labels_is_named():
    guard = {"averaged": {"confidence": 0.912, "shares": [1.0]}, "old": {"confidence": 0.9, "shares": [1.0]}}
    told = {"chosen": "averaged", "words": "the mean", "margin": np.nan, "scores": {}, "guard": guard}
    text = describe_transfer(SimpleNamespace(transfer_=told))
    assert "No label could judge this guess" in text
    assert "averaged 0.91, old 0.90" in text


@pytest.mark.parametrize(("fades", "words"), [(True, "differ, so"), (False, "are alike, so the old labels taught to")])
def test_the_distance_of_two_customers_is_said(fades, words):
    told = {"chosen": "averaged", "words": "the mean", "margin": 0.0, "scores": {}}
    text = describe_transfer(SimpleNamespace(transfer_={**told, "distance": 0.0042, "source_fades": fades}))
    assert words in text
    assert "distance 0.004" in text
    assert "distance" not in describe_transfer(SimpleNamespace(transfer_=told))  # a file of an earlier version


@pytest.mark.usefixtures("no_pictures")
def test_a_missing_baseline_is_stated(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    html = write_report(segmenter, X, truth, tmp_path / "report.html", n_worst=0, n_typical=0).read_text(
        encoding="utf-8"
    )
    assert "No baseline was given" in html
    assert "scores/mean IoU/baseline" not in read_figures(html)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_browser_shows_the_figures(written, tmp_path):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = subprocess.run([*command, written[5].as_uri()], capture_output=True, text=True, timeout=120, check=True)
    figures = read_figures(shown.stdout)
    assert len(figures) > 20
    check_figures(figures, written)


@pytest.mark.usefixtures("no_pictures")
def test_a_pipeline_and_labels_on_an_index(tmp_path):
    X, y = make_recordings(6, n_samples=300, random_state=0)
    index = pd.MultiIndex.from_product([range(6), range(300)])
    fitted = make_pipeline(RecordingStandardizer(), SupervisedSegmenter(max_steps=2, random_state=0, network=TINY)).fit(
        X, y
    )
    given = pd.DataFrame({"x": X.ravel()}, index), pd.Series(y.ravel(), index)[::-1]
    pages = [
        write_report(fitted, *pair, tmp_path / "report.html", n_worst=1, n_typical=0).read_text()
        for pair in (given, (X, y))
    ]
    figures, wanted = map(read_figures, pages)
    assert figures == wanted
    assert figures["scores/mean IoU/value"] == f"{metrics.mean_iou(y, fitted.predict(X)):.3f}"


@pytest.mark.usefixtures("no_pictures")
def test_groups_are_read_by_position(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    groups = np.arange(7) // 2
    series = pd.Series(groups, index=[6, 5, 4, 3, 2, 1, 0])
    pages = [
        write_report(segmenter, X, truth, tmp_path / "report.html", groups=given, n_worst=0, n_typical=0).read_text(
            encoding="utf-8"
        )
        for given in (groups, series, list(groups))
    ]
    figures, *others = map(read_figures, pages)
    assert others == [figures, figures]
    with pytest.raises(ValueError, match=r"groups has shape \(3,\), y has 7 recordings"):
        write_report(segmenter, X, truth, tmp_path / "report.html", groups=series[:3])


@pytest.mark.usefixtures("no_pictures")
def test_pseudo_labels_are_not_counted_as_labels(labeled, partly, tmp_path):
    fast = SupervisedSegmenter(max_steps=2, batch_size=2, network=TINY, random_state=0)
    segmenter = SelfTrainingSegmenter(fast, threshold=0.0).fit(*partly)
    assert segmenter.segmenter_.training_set_["labeled_recordings"] == 12
    html = write_report(segmenter, *labeled, tmp_path / "report.html", n_worst=0, n_typical=0).read_text(
        encoding="utf-8"
    )
    assert "labeled recordings</th>" in html
    assert read_figures(html)["fit/with labels/"] == "4"


@pytest.mark.usefixtures("no_pictures")
def test_different_decoders_of_segmenter_and_baseline_are_warned_of(written, tmp_path):
    segmenter, _, X, truth, *_ = written
    other = copy.deepcopy(segmenter).set_params(decoder=Argmax())
    with pytest.warns(UserWarning, match="part of the difference may come from the decoders"):
        path = write_report(segmenter, X, truth, tmp_path / "report.html", other, n_worst=1, n_typical=0)
    assert "<p>The segmenter uses the decoder DurationViterbi(" in path.read_text(encoding="utf-8")


class TestTouching:
    @pytest.mark.usefixtures("no_pictures")
    def test_segments_that_touch_are_judged_apart(self, tmp_path):
        X, y = make_recordings(12, n_samples=600, gap=0, share=0.4, random_state=0)
        make = lambda: WindowFeatureSegmenter(random_state=0)  # noqa: E731
        apart, joined = make().fit(X[:6], y[:6]), make().fit(X[:6], y[:6].list_labels())
        options = {"n_worst": 1, "n_typical": 0}
        page = write_report(apart, X[6:], y[6:], tmp_path / "a.html", {"joined": joined}, **options).read_text()
        n = len(y[6:].table)
        assert re.search(rf"of the {n} true segments are found", page)
        assert "✓ better" in page
        page = write_cross_validated_report(make(), X, y, tmp_path / "b.html", cv=3, **options).read_text()
        assert re.search(rf"of the {len(y.table)} true segments are found", page)
