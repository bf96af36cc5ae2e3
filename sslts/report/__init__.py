"""HTML reports on a segmenter: on labeled recordings, by cross-validation, and on recordings without labels.

``report.py`` and ``cross_validated.py`` gather an `Evaluation` (``_evaluation.py``), from which ``_labeled.py`` makes
the page: ``_scores.py`` computes scores and differences, ``_verdict.py`` says what they mean, ``_advice.py`` and
``_health.py`` say what to do next, ``_sections.py`` and ``_examples.py`` show the rest. ``production.py``
needs no labels: ``_profiles.py`` describes recordings, ``_run.py`` and ``_drift.py`` compare them with the training,
``_production.py`` makes the page. ``_options.py`` checks arguments; ``_stretches.py`` chooses what a plot shows;
``_page.py``, ``_svg.py`` and ``page.css`` lay out pages.
"""

from sslts.report.cross_validated import write_cross_validated_report
from sslts.report.production import write_production_report
from sslts.report.report import write_report

__all__ = ["write_cross_validated_report", "write_production_report", "write_report"]
