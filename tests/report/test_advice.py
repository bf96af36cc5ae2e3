import re

import numpy as np
import pandas as pd
import pytest
from pages import Threshold, make_steps, read_section

from sslts.annotations import measure_segments
from sslts.decoding import Argmax, DurationViterbi
from sslts.report import write_report
from sslts.report._health import find_signs

pytestmark = pytest.mark.usefixtures("no_pictures")


def make_fit(**columns):
    """Return a fit whose history has 40 rows with the given columns."""
    fitted = Threshold()
    fitted.normalization_ = None
    fitted.statistics_ = measure_segments([[0, 0, 0, 1, 1, 0, 0, 2, 2, 0]])
    steps = np.arange(30, 1201, 30)
    table = {"step": steps, "labeled_loss": np.linspace(1, 0.9, 40), **columns}
    fitted.history_ = pd.DataFrame(table)
    return fitted


@pytest.mark.parametrize(
    ("columns", "order", "reason"),
    [
        ({"labeled_loss": np.r_[np.ones(39), np.nan]}, "Repair the training", "Lower lr"),
        ({"labeled_loss": 0.9 ** np.arange(40)}, "Train longer", "still falls"),
        ({"step": np.arange(40)}, "Train longer", "the fit had 39 steps"),
        ({"valid_loss": np.r_[np.full(9, 2.0), np.linspace(1, 1.5, 31)]}, "Stop earlier", "lowest at step 300"),
        ({"mask_rate": np.full(40, 0.001)}, "Let the unlabeled recordings take part", "only 0.1%"),
        ({"share_2": np.linspace(0.2, 0.001, 40)}, "Keep rare from being forgotten", "0.10% of the pseudo-labels"),
    ],
)
def test_an_unhealthy_training_has_a_sign_and_a_fix(columns, order, reason):
    ((found, words),) = find_signs(make_fit(**columns), {2: "rare"})
    assert found == order
    assert reason in words


def test_a_healthy_training_has_no_sign():
    shares = {"share_0": np.full(40, 0.6), "share_1": np.full(40, 0.2), "share_2": np.full(40, 0.2)}
    assert find_signs(make_fit(mask_rate=np.full(40, 0.9), **shares), {}) == []


def advise(segmenter, X, y, folder, **options):
    page = write_report(segmenter, X, y, folder / "report.html", n_worst=0, n_typical=0, **options)
    return read_section(page.read_text(encoding="utf-8"), "next")


@pytest.fixture
def steps():
    X, y = make_steps(12)
    return Threshold().fit(X, y), X, y


def test_doubtful_unlabeled_stretches_are_to_be_labeled_next(steps, tmp_path):
    segmenter, X, y = steps
    y[6:] = -1
    X[9, 10:100] = 0.5
    X[7, 10:40] = 0.5
    words = advise(segmenter, X, y, tmp_path, recording_names=[f"{i}.csv" for i in range(12)])
    assert "Label next" in words
    assert "9.csv (recording 9), samples 0 to 120" in words
    assert "7.csv" in words
    assert "1.csv" not in words


def test_few_labels_of_the_fit_call_for_more(steps, tmp_path):
    assert "only 12 recordings are labeled for the fit" in advise(*steps, tmp_path)


def test_a_class_that_is_never_found_is_named(steps, tmp_path):
    _, X, y = steps
    never = Threshold(level=2.0).fit(X, y)
    words = advise(never, X, y, tmp_path, names={1: "wave"})
    assert "Label more wave : none of its 36 true segments is found" in words


def test_a_class_that_the_fit_did_not_know_is_named(steps, tmp_path):
    segmenter, X, y = steps
    y[:, 100:105] = 5
    assert "Label odd for the fit" in advise(segmenter, X, y, tmp_path, names={5: "odd"})


def test_a_better_baseline_is_to_be_taken(steps, tmp_path):
    segmenter, X, y = steps
    never = Threshold(level=2.0).fit(X, y)
    assert "Take the baseline" in advise(never, X, y, tmp_path, baseline=segmenter)
    assert "Consider the baseline" in advise(segmenter, X, y, tmp_path, baseline=segmenter)
    assert "Compare : no baseline was given" in advise(segmenter, X, y, tmp_path)


def test_counts_that_are_off_although_segments_match_are_to_be_calibrated(steps, tmp_path):
    segmenter, X, y = steps
    X[:, 110] = 1.0  # a false segment in each recording
    words = advise(segmenter, X, y, tmp_path)
    assert "Calibrate the counts : segments match (F1 0.86), but counts are off by 1.00 of 3.0 segments" in words
    assert "Reduce the false segments : 12 segments are false, 0 are missed" in words


def test_the_worst_recordings_are_named(steps, tmp_path):
    segmenter, X, y = steps
    X[4] = 0
    words = advise(segmenter, X, y, tmp_path, recording_names=[f"{i}.csv" for i in range(12)])
    assert "segments match worst in 4.csv (recording 4). Check their labels" in words


def test_another_decoder_is_advised_where_it_counts_better(steps, tmp_path):
    segmenter, X, y = steps
    X = X + 0.45 * np.random.default_rng(0).normal(size=X.shape)
    segmenter.decoder = Argmax()
    words = advise(segmenter, X, y, tmp_path)
    assert re.search(r"Try another decoder : with DurationViterbi.* would be 0\.\d+ instead of 1\d", words), words
    segmenter.decoder = DurationViterbi()
    assert "another decoder" not in advise(segmenter, X, y, tmp_path)


def test_few_recordings_are_said_to_judge_with_care(steps, tmp_path):
    segmenter, X, y = steps
    assert "Judge with care : the intervals rest on 4 labeled recordings" in advise(segmenter, X[:4], y[:4], tmp_path)
    assert "rest on 6 labeled groups" in advise(segmenter, X, y, tmp_path, groups=np.arange(12) // 2)
