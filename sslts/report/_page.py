"""Parts of an HTML page: tables, figures and sections. All text is escaped here."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from sslts import __version__
from sslts._text import clean_lines
from sslts.report._svg import draw_svg

_KINDS = {"✓": "better", "✗": "worse", "!": "worse", "≈": "level"}  # classes of cells that begin with a mark


def escape(text: Any) -> str:
    """Return text as HTML, without characters that a file or a browser can't take."""
    return html.escape(clean_lines(text))


def make_table(
    table: pd.DataFrame, caption: str, name: str, formats: dict[str, str], words: dict[str, str] | None = None
) -> str:
    """Return a table whose first column is the index and whose cells carry identifiers ``name/row/column``.

    ``words`` replaces names of rows and columns on the page, but not in the identifiers, which programs read.
    """

    def show(label: Any) -> str:
        return escape((words or {}).get(str(label), str(label)))

    head = "".join(f'<th scope="col">{show(column)}</th>' for column in ["", *table.columns])
    rows = []
    for label, row in table.iterrows():
        cells = ""
        for column, value in row.items():
            figure, shown = f"{name}/{label}/{column}", _format_value(value, formats.get(str(column), "{}"))
            kind = next((f' class="{kind}"' for mark, kind in _KINDS.items() if shown.startswith(mark)), "")
            cells += f'<td{kind} data-figure="{escape(figure)}">{shown}</td>'
        rows.append(f'<tr><th scope="row">{show(label)}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _format_value(value: Any, form: str) -> str:
    """Return the formatted value, or a dash for NaN."""
    return "–" if isinstance(value, float) and value != value else escape(form.format(value))


def make_figure(figure: Any, caption: str) -> str:
    """Return a Matplotlib figure as inline SVG in the colors of the page; text stays selectable."""
    svg = draw_svg(figure).replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def sign_page(day: str) -> str:
    """Return the line with the date and the version of this package."""
    return f'<p class="signature">Written on {escape(day)} by sslts {escape(__version__)}.</p>'


def make_page(title: str, lead: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """Return the HTML page made of sections ``(anchor, heading, HTML)``; links to all stand below the first."""
    css = (files("sslts.report") / "page.css").read_text(encoding="utf-8")
    links = "".join(f'<li><a href="#{anchor}">{escape(heading)}</a></li>' for anchor, heading, _ in sections[1:])
    first, *others = (
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(heading)}</h2>{content}</section>'
        for anchor, heading, content in sections
    )
    nav = f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{css}</style></head><body>'
        f'<a class="skip" href="#main">Skip to the results</a><header><h1>{escape(title)}</h1>{lead}</header>'
        f'<main id="main">{first}{nav}{"".join(others)}</main></body></html>\n'
    )
