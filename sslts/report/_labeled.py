"""The page on labeled recordings: the verdict first, then what to do next, then the details."""

from __future__ import annotations

from sslts.plotting import detached_figures
from sslts.report._advice import list_advice, make_list
from sslts.report._evaluation import Evaluation
from sslts.report._examples import show_typical, show_worst
from sslts.report._page import escape, make_page, sign_page
from sslts.report._scores import compare_with_annotator, compare_with_baselines, score_segmenter
from sslts.report._sections import (
    describe_fit,
    show_calibration,
    show_class_scores,
    show_counts_and_lengths,
    show_training,
)
from sslts.report._verdict import describe_annotators, describe_gains, describe_scores, make_score_table


def make_labeled_page(evaluation: Evaluation, *, title: str, day: str, n_worst: int, n_typical: int) -> str:
    """Return the page on a segmenter and labeled recordings."""
    scores, gains = score_segmenter(evaluation), compare_with_baselines(evaluation)
    ceiling = compare_with_annotator(evaluation)
    verdicts = "".join(describe_gains(*item) for item in gains.items())
    verdicts = verdicts or "<p>No baseline was given, so there is no comparison.</p>"
    if ceiling is not None:
        verdicts += describe_annotators(evaluation, ceiling)
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in evaluation.remarks)
    verdict = describe_scores(evaluation, scores) + verdicts + remarks + make_score_table(evaluation, scores)
    segmenter, names = evaluation.segmenter, evaluation.names
    fold = "<p>The figures are those of the first fit.</p>" if evaluation.n_folds else ""
    with detached_figures():
        sections = [
            ("verdict", "Verdict", verdict),
            ("next", "What next", make_list(list_advice(evaluation, scores, gains))),
            ("fit", "What was fitted", fold + describe_fit(segmenter)),
            ("classes", "Scores of each class", show_class_scores(evaluation)),
            ("counts", "Counts and lengths of segments", show_counts_and_lengths(evaluation)),
            ("typical", "Typical recordings", show_typical(evaluation, n_worst, n_typical)),
            ("worst", "Recordings whose segments match worst", show_worst(evaluation, n_worst)),
            ("calibration", "Are the probabilities calibrated?", show_calibration(evaluation)),
            ("training", "Training", fold + show_training(segmenter, names)),
        ]
    return make_page(title, _write_lead(evaluation, day), sections)


def _write_lead(evaluation: Evaluation, day: str) -> str:
    """Return the HTML lines that say what was evaluated, on what, and when."""
    known = sum(int((labels >= 0).sum()) for labels in evaluation.truth)
    words = f"{type(evaluation.segmenter).__name__}, evaluated on {len(evaluation.truth)} labeled recordings "
    words += f"({known:,} labeled samples)."
    if evaluation.n_folds:
        n_kinds = 1 + len(evaluation.baselines)
        words += (
            f" Cross-validated: each recording was labeled by a fit that did not see it. {evaluation.n_folds} folds of "
            f"{n_kinds} segmenter{'s' * (n_kinds > 1)} took {evaluation.n_folds * n_kinds} fits. A fit on all labels "
            "has more labels, so it should be rather better than this page says."
        )
    return f"<p>{escape(words)}</p>{sign_page(day)}"
