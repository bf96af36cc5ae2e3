"""Pieces of an HTML page: tables, figures, sections. Every text is escaped here."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from contextlib import contextmanager
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

INK = "#010203"  # drawn in this colour, and replaced by that of the page's text, light or dark


def make_table(table: pd.DataFrame, caption: str, name: str, formats: dict[str, str]) -> str:
    """Return a table; its index is the first column, each cell names its figure.

    Examples
    --------
    >>> make_table(pd.DataFrame({"F1": [0.5]}, index=["P"]), "Waves", "waves", {"F1": "{:.2f}"}).count("<td")
    1
    """
    head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in ["", *table.columns])
    rows = []
    for label, row in table.iterrows():
        cells = ""
        for column, value in row.items():
            figure, shown = f"{name}/{label}/{column}", _show(value, formats.get(str(column), "{}"))
            cells += f'<td data-figure="{escape(figure)}">{shown}</td>'
        rows.append(f'<tr><th scope="row">{escape(str(label))}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _show(value: Any, form: str) -> str:
    return "–" if isinstance(value, float) and value != value else escape(form.format(value))


def make_figure(figure: Any, caption: str) -> str:
    """Return a figure as SVG that takes the page's colours; its text stays text.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> make_figure(Figure(), "Nothing yet").endswith("<figcaption>Nothing yet</figcaption></figure>")
    True
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sslts"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    svg = text.getvalue()[text.getvalue().index("<svg") :]
    svg = re.sub(rf"{INK}|#333333|#000000", "currentColor", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
    return f"<figure>{_make_ids_unique(svg)}<figcaption>{escape(caption)}</figcaption></figure>"


def _make_ids_unique(svg: str) -> str:
    """Give the marks and clips of each figure names of their own: all figures share one page."""
    mark = f"f{hashlib.sha256(svg.encode()).hexdigest()[:10]}-"
    svg = re.sub(r'\bid="', f'id="{mark}', svg)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{mark}", svg)


@contextmanager
def draw_for_page() -> Any:
    """Draw in the page's ink while the context lasts, without a window.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> with draw_for_page():
    ...     mpl.rcParams["text.color"] == INK
    True
    """
    import matplotlib as mpl

    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    settings: dict[Any, Any] = {"backend": "Agg", **dict.fromkeys(names, INK)}
    with mpl.rc_context(settings):
        yield


def make_page(title: str, lead: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """Return the page from sections of anchor, heading and HTML.

    Examples
    --------
    >>> page = make_page("A & B", "", [("counts", "Counts", "<p>12</p>")])
    >>> "<h1>A &amp; B</h1>" in page, '<a href="#counts">Counts</a>' in page
    (True, True)
    """
    css = (files("sslts.report") / "page.css").read_text(encoding="utf-8")
    links = "".join(f'<li><a href="#{anchor}">{escape(heading)}</a></li>' for anchor, heading, _ in sections)
    body = "".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(heading)}</h2>{content}</section>'
        for anchor, heading, content in sections
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{css}</style></head><body>'
        f'<a class="skip" href="#main">Skip to the figures</a><header><h1>{escape(title)}</h1>{lead}'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header><main id="main">{body}</main></body></html>\n'
    )
