"""Matplotlib figures as SVG for a page, without pyplot and without a change of Matplotlib's global settings."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from typing import Any

_INK = "#010203"  # replaced by the text color of the page, light or dark
_INKS = re.compile(rf"{_INK}|#333333|#000000")
_TAG = re.compile(r"<[^>]*>")  # attributes hold no ">": it is escaped
_RARE = re.compile("[\u0590-\u1fff\u2c00-\U0010ffff]")  # Matplotlib's font may lack it, the browser's has it
_LOCK = threading.Lock()  # threads share Matplotlib's parser of mathematics, which sets powers of ten on an axis


def draw_svg(figure: Any) -> str:
    """Return a figure as an ``<svg>`` element in the colors of the page; text stays selectable."""
    with _LOCK:
        text = _draw(figure)
    svg = _TAG.sub(lambda tag: _INKS.sub("currentColor", tag[0]), text[text.index("<svg") :])
    return make_ids_unique(svg)


def make_ids_unique(svg: str) -> str:
    """Replace the ids in an SVG, because all figures of a page share one namespace.

    An id is a hash of the figure and a number in order of appearance: Matplotlib's ids may be random.
    """
    ids = dict.fromkeys(name for tag in _TAG.findall(svg) for name in re.findall(r'\bid="([^"]*)"', tag))
    numbers = {name: str(i) for i, name in enumerate(ids)}
    prefix = f"f{hashlib.sha256(_rename(svg, numbers).encode()).hexdigest()[:10]}"
    return _rename(svg, {name: f"{prefix}-{number}" for name, number in numbers.items()})


def _rename(svg: str, names: dict[str, str]) -> str:
    """Replace ids and references to ids, in tags only: text may look like either."""

    def replace(found: re.Match[str]) -> str:
        return found[1] + names.get(found[2], found[2])

    return _TAG.sub(lambda tag: re.sub(r'(\bid="|href="#|url\(#)([^")]*)', replace, tag[0]), svg)


def _draw(figure: Any) -> str:
    """Return a figure as an SVG file."""
    from matplotlib.backend_bases import FigureCanvasBase
    from matplotlib.backends.backend_svg import RendererSVG

    class TextRenderer(RendererSVG):
        """A renderer that writes text as text, whatever the global setting is."""

        def draw_text(self, *args: Any, **options: Any) -> None:
            draw = getattr(self, "_draw_text_as_text", super().draw_text)
            draw(*args, **options)

        def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> Any:
            """Measure text, without a warning of glyphs that the browser will draw."""
            return super().get_text_width_height_descent(s if ismath else _RARE.sub("W", s), prop, ismath)

    class Canvas(FigureCanvasBase):
        """A canvas that lets the layout measure text with the renderer that draws it."""

        def get_renderer(self) -> Any:
            return renderer

    _color_text(figure)
    figure.set_dpi(72)  # of SVG
    width, height = 72 * figure.get_size_inches()
    file = io.StringIO()
    renderer = TextRenderer(width, height, file, metadata={"Date": None})
    Canvas(figure)
    figure.draw(renderer)
    renderer.finalize()
    return file.getvalue()


def _color_text(figure: Any) -> None:
    """Give text and axes the color of the page's text, and take the background away."""
    from matplotlib.text import Text

    figure.patch.set_visible(False)
    for ax in figure.axes:
        ax.patch.set_visible(False)
        ax.spines[:].set_edgecolor(_INK)
        ax.tick_params(which="both", color=_INK, labelcolor=_INK)
    for text in figure.findobj(Text):
        text.set(color=_INK, usetex=False)
