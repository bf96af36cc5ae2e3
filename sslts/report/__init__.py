"""An HTML report on a fitted segmenter.

``report.py`` computes the figures; ``_page.py`` and ``page.css`` lay out the page.
"""

from sslts.report.report import write_report

__all__ = ["write_report"]
