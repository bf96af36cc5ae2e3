"""One page about a fitted segmenter: ``report.py`` gathers the figures, ``page.py`` and ``page.css`` show them."""

from sslts.report.report import write_report

__all__ = ["write_report"]
