"""Draw the data flow and the layers of the package, ``images/way.svg`` and ``images/layers.svg``.

``python docs/tools/draw_pictures.py`` writes both. The layers are read from the contract in ``setup.cfg`` that
import-linter checks, so the picture shows the enforced layers; a test compares it with the committed picture. Boxes
have a background of their own, so that the pictures can be read on light and dark pages.
"""

from __future__ import annotations

import configparser
from html import escape
from pathlib import Path

DOCS = Path(__file__).parent.parent
INK, LINE = "#1f2933", "#7b8794"
GROUNDS = {"data": "#dbeafe", "view": "#fde68a", "model": "#c7e9c0", "answer": "#fbcfe8", "plain": "#e5e7eb"}
STYLE = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"


def draw_box(x: float, y: float, width: float, text: str, *, ground: str = "plain", below: str = "") -> str:
    """Return a box with a word and a smaller second line; the box is 30 high, or 44 with a second line."""
    height, middle = (44, x + width / 2) if below else (30, x + width / 2)
    small = f'<text x="{middle}" y="{y + 34}" font-size="11" fill="{INK}" text-anchor="middle">{escape(below)}</text>'
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{GROUNDS[ground]}" stroke="{LINE}"/>'
        f'<text x="{middle}" y="{y + 19}" font-size="13" font-weight="600" fill="{INK}" text-anchor="middle">'
        f"{escape(text)}</text>{small if below else ''}"
    )


def draw_arrow(*points: tuple[float, float]) -> str:
    """Return a line with an arrowhead at its end."""
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.6" marker-end="url(#head)"/>'


def wrap(width: int, height: int, title: str, parts: list[str]) -> str:
    """Return the SVG picture made of ``parts``."""
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L10,5 L0,10 z" fill="{LINE}"/></marker>'
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" style="{STYLE}">',
        f"<title>{escape(title)}</title>",
        f"<defs>{head}</defs>",
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def draw_way() -> str:
    """Return the picture of the data flow: training above, prediction below."""
    label = f'<text x="{{}}" y="{{}}" font-size="12" fill="{LINE}">{{}}</text>'
    training = [
        label.format(10, 20, "fit"),
        draw_box(10, 80, 110, "recordings", ground="data", below="X, y"),
        draw_box(150, 80, 100, "windows", ground="data"),
        draw_box(280, 80, 110, "weak view", ground="view"),
        draw_box(420, 30, 110, "strong view", ground="view", below="labeled"),
        draw_box(560, 30, 110, "network", ground="model"),
        draw_box(700, 30, 120, "cross-entropy", ground="answer"),
        draw_box(420, 150, 110, "teacher", ground="model", below="unlabeled"),
        draw_box(560, 150, 110, "threshold", ground="answer"),
        draw_box(420, 220, 110, "strong view", ground="view", below="unlabeled"),
        draw_box(560, 220, 110, "network", ground="model"),
        draw_box(700, 190, 120, "objective", ground="answer"),
        draw_box(850, 100, 70, "step", ground="model", below="average"),
        draw_arrow((120, 95), (150, 95)),
        draw_arrow((250, 95), (280, 95)),
        draw_arrow((390, 88), (405, 88), (405, 50), (420, 50)),
        draw_arrow((530, 47), (560, 47)),
        draw_arrow((670, 47), (700, 47)),
        draw_arrow((390, 102), (405, 102), (405, 165), (420, 165)),
        draw_arrow((405, 165), (405, 240), (420, 240)),
        draw_arrow((530, 165), (560, 165)),
        draw_arrow((530, 237), (560, 237)),
        draw_arrow((670, 165), (685, 165), (685, 200), (700, 200)),
        draw_arrow((670, 237), (685, 237), (685, 210), (700, 210)),
        draw_arrow((820, 47), (885, 47), (885, 100)),
        draw_arrow((820, 205), (885, 205), (885, 144)),
    ]
    names = [
        ("recordings", "data", "X", 100),
        ("network", "model", "pieces, stitched", 120),
        ("probabilities", "answer", "predict_proba", 120),
        ("decoder", "model", "predict", 110),
        ("segments", "answer", "predict_segments", 130),
        ("counts, lengths", "answer", "summarize", 130),
    ]
    x, predicting = 10, [label.format(10, 315, "predict")]
    for i, (name, ground, below, width) in enumerate(names):
        predicting.append(draw_box(x, 325, width, name, ground=ground, below=below))
        if i:
            predicting.append(draw_arrow((x - 30, 347), (x, 347)))
        x += width + 30
    return wrap(930, 385, "The data flow through fit and predict", training + predicting)


def read_layers() -> list[list[str]]:
    """Return the layers of the contract, the highest first."""
    config = configparser.ConfigParser()
    config.read(DOCS.parent / "setup.cfg")
    lines = config["importlinter:contract:layers"]["layers"].split("\n")
    return [[name.strip().removeprefix("sslts.") for name in line.split("|")] for line in lines if line.strip()]


def draw_layers() -> str:
    """Return the picture of the layers; imports go downwards only."""
    parts, y, width = [], 10.0, 980
    for layer in read_layers():
        for first in range(0, len(layer), 8):
            row = layer[first : first + 8]
            each = (width - 10 * (len(row) - 1)) / len(row)
            for i, name in enumerate(row):
                parts.append(
                    draw_box(round(50 + i * (each + 10), 1), y, round(each, 1), name, ground=find_ground(name))
                )
            y += 36
        y += 12
    arrow = draw_arrow((24, 14), (24, y - 16))
    note = f'<text x="14" y="{y / 2}" font-size="12" fill="{LINE}" transform="rotate(-90 14 {y / 2})" '
    note += 'text-anchor="middle">imports</text>'
    return wrap(
        width + 60,
        round(y),
        "The layers of sslts; a module imports only from layers below its own",
        [arrow, note, *parts],
    )


def find_ground(name: str) -> str:
    """Return the color of a module, by its part in the data flow."""
    parts = {
        "data": ("recordings", "annotations", "datasets"),
        "view": ("augment", "preprocessing"),
        "model": ("networks", "training", "segmenters", "losses", "objectives", "thresholds"),
        "answer": ("segments", "metrics", "decoding", "prediction", "calibration"),
    }
    return next((ground for ground, names in parts.items() if name in names), "plain")


if __name__ == "__main__":
    (DOCS / "images" / "way.svg").write_text(draw_way())
    (DOCS / "images" / "layers.svg").write_text(draw_layers())
