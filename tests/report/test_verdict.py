import datetime
import re

import numpy as np
import pytest
from pages import Threshold, list_anchors, make_steps, read_figures, read_section

from sslts import metrics
from sslts.report import write_report
from sslts.report._scores import Gain
from sslts.report._verdict import describe_gains

pytestmark = pytest.mark.usefixtures("no_pictures")

DAY = datetime.date(2020, 2, 3)


def make_gains(*ends):
    """Return differences with the given intervals of count error, segment F1 and mean IoU."""
    return {
        name: Gain(0.5, 0.5, metrics.Interval(sum(pair) / 2, *pair), sign)
        for (name, sign), pair in zip((("count error", -1), ("segment F1", 1), ("mean IoU", 1)), ends, strict=True)
    }


LESS, SAME, MORE = (-0.2, -0.1), (-0.1, 0.1), (0.1, 0.2)


@pytest.mark.parametrize(
    ("counts", "segments", "kind"),
    [
        (LESS, SAME, "better"),
        (SAME, MORE, "better"),
        (MORE, SAME, "worse"),
        (MORE, MORE, "level"),
        (SAME, SAME, "level"),
    ],
)
def test_the_verdict_is_on_counts_and_segments(counts, segments, kind):
    assert f'class="verdict {kind}"' in describe_gains("baseline", make_gains(counts, segments, LESS))


def test_a_disagreement_of_scores_is_said_and_explained():
    text = describe_gains("forest", make_gains(SAME, MORE, SAME))
    assert "✓ Better than the forest in segment F1." in text
    wanted = "The scores disagree: segment F1 is better, count error and mean IoU are not clearly different."
    assert wanted in text
    assert "More segments match. Their number is not clearly closer" in text
    assert "the share of right samples hardly shows it" in text


def test_scores_that_agree_are_not_said_to_disagree():
    assert "disagree" not in describe_gains("forest", make_gains(LESS, MORE, MORE))
    assert "disagree" not in describe_gains("forest", make_gains(SAME, SAME, SAME))


def test_better_and_worse_have_a_word_and_a_class():
    text = describe_gains("forest", make_gains(MORE, MORE, SAME))
    figures = read_figures(text)
    assert figures["scores/count error/verdict on forest"] == "✗ worse"
    assert figures["scores/segment F1/verdict on forest"] == "✓ better"
    assert figures["scores/mean IoU/verdict on forest"] == "≈ no clear difference"
    assert re.findall(r'<td class="(\w+)"', text) == ["worse", "better", "level"]
    assert "Better than the forest in segment F1, worse in count error" in text


@pytest.fixture(scope="module")
def steps():
    X, y = make_steps(12)
    return Threshold().fit(X, y), X, y


def write(steps, folder, **options):
    segmenter, X, y = steps
    place = folder / "report.html"
    return write_report(segmenter, X, options.pop("y", y), place, date=DAY, **options).read_text(encoding="utf-8")


def test_the_verdict_leads_and_the_order_of_scores_is_counts_segments_samples(steps, tmp_path):
    _, X, y = steps
    page = write(steps, tmp_path, baseline=Threshold(level=2.0).fit(X, y), n_worst=0, n_typical=0)
    assert list_anchors(page)[:3] == ["verdict", "next", "fit"]
    text = read_section(page, "verdict")
    assert text.index("Counts: off by 0.00") < text.index("Segments: F1 is 1.00") < text.index("Better than")
    scores = [name.split("/")[1] for name in read_figures(page) if name.startswith("scores/")]
    assert list(dict.fromkeys(scores)) == ["count error", "segment F1", "mean IoU"]
    assert page.index("Better than the baseline") < page.index("<nav")


def test_date_and_version_are_on_the_page(steps, tmp_path):
    from sslts import __version__

    page = write(steps, tmp_path, n_worst=0, n_typical=0)
    assert page.count("2020-02-03") == 1
    assert f"Written on 2020-02-03 by sslts {__version__}" in page
    assert page == write(steps, tmp_path, n_worst=0, n_typical=0)
    with pytest.raises(TypeError, match=r"date is a str; give a datetime\.date"):
        write_report(*steps, tmp_path / "report.html", date="2020-02-03")


def test_recordings_have_their_names(steps, tmp_path):
    names = [f"<{i}>.csv" for i in range(11)] + [500 * "x"]
    page = write(steps, tmp_path, recording_names=names, n_worst=12, n_typical=0)
    assert "&lt;3&gt;.csv (recording 3): 3 segments predicted, 3 true" in page
    assert f"{23 * 'x'}…{24 * 'x'} (recording 11): " in page
    assert 60 * "x" not in page


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a"], "recording_names has 1 names, X has 12 recordings; give one text for each"),
        ("a.csv", "recording_names is a str; give a list with a text for each recording"),
        ([*map(str, range(11)), 11], r"recording_names\[11\] is a int; give a text, such as the name of a file"),
    ],
)
def test_names_of_recordings_are_checked(steps, tmp_path, names, words):
    with pytest.raises((ValueError, TypeError), match=words):
        write(steps, tmp_path, recording_names=names)


def test_typical_recordings_are_around_the_median_and_not_among_the_worst(steps, tmp_path):
    y = steps[2]
    truth = y.copy()
    for i in range(12):  # the first miss most, so that the order is known
        truth[i, 100 : 112 - i] = 1
        truth[i, 1 : 2 * (12 - i) : 2] = 1
    page = write(steps, tmp_path, y=truth, n_worst=2, n_typical=3)
    shown = re.findall(r"<figcaption>Recording (\d+):", page)
    assert shown == ["5", "6", "7", "0", "1"]
    everything = write(steps, tmp_path, n_worst=12)
    assert "All recordings are among the worst below" in read_section(everything, "typical")


def shift(labels, n):
    return np.roll(labels, n, axis=1)


def test_a_second_annotator_is_the_ceiling(steps, tmp_path):
    _, X, y = steps
    worse = Threshold(level=2.0).fit(X, y)
    page = write((worse, X, y), tmp_path, y_second=shift(y, 2), n_worst=0, n_typical=0)
    figures = read_figures(page)
    agreed = metrics.annotator_agreement(y, shift(y, 2))
    assert figures["scores/segment F1/second annotator"] == f"{agreed['segment_f1']:.3f}"
    assert figures["scores/mean IoU/second annotator"] == f"{agreed['mean_iou']:.3f}"
    assert f"kappa of the two is {agreed['kappa']:.2f}" in page
    assert "agrees with the labels less than a second annotator does: it can still improve" in page


def test_a_segmenter_as_good_as_the_second_annotator_is_as_good_as_the_labels_show(steps, tmp_path):
    _, _, y = steps
    second = y.copy()
    second[:, 60:] = -1
    page = write(steps, tmp_path, y_second=second, n_worst=0, n_typical=0)
    assert "as well as a second annotator does" in page


def test_a_second_annotator_needs_recordings_that_both_labeled(steps, tmp_path):
    second = np.full_like(steps[2], -1)
    second[0] = 0
    with pytest.raises(ValueError, match="y_second labels 1 recordings that y labels too; give at least two"):
        write(steps, tmp_path, y_second=second)


def test_baselines_need_names_that_differ_where_shown(steps, tmp_path):
    given = {f"{60 * 'a'}{x}{60 * 'b'}": steps[0] for x in "xy"}
    with pytest.raises(ValueError, match="baseline shows two segmenters as"):
        write(steps, tmp_path, baseline=given)


def test_recordings_without_a_segment_have_a_verdict(steps, tmp_path):
    segmenter, X, y = steps
    page = write((segmenter, np.zeros_like(X), np.zeros_like(y)), tmp_path, n_worst=1)
    assert "There is no segment, neither in the labels nor in the predictions" in page
