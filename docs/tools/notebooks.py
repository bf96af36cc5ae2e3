"""Reader of the pages: Python blocks become cells, which run when the site is built and show their output.

The pages stay plain Markdown, which GitHub shows as it is. MyST-NB calls `read_page` and runs the cells of a page one
after another in a new folder. A block behind ``<!-- not run: the reason -->`` is shown only. On a page with files of
``examples/make_files.py``, the commands run too.
"""

from __future__ import annotations

import re
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
MAKE_FILES = "examples/make_files.py"
KERNEL = {
    "kernelspec": {"name": "python3", "display_name": "Python 3"},
    "language_info": {"name": "python", "pygments_lexer": "python"},
}
BLOCK = re.compile(
    r"^(?P<mark><!-- (not run|file|end of file): [^>]*-->\s*)?```(?P<language>\S*)\n(?P<code>.*?)^```\n",
    re.DOTALL | re.MULTILINE,
)
LONG_FIT = re.compile(
    r"\b(FixMatch|Supervised|MeanTeacher|PseudoLabel|SemiSupervised|SoftTarget)Segmenter(\((?![^()]*max_steps)|})"
)
NOTE = (
    "\n\n*The outputs on this page are from very short trainings: 10 small steps instead of 1,200, so that the site is "
    "built in minutes. They show what the code prints, not how good a fit is.*\n"
)
HIDDEN = {"tags": ["remove-cell"]}
SILENT = {"tags": ["remove-input"]}


def read_page(text: str) -> NotebookNode:
    """Return a page as a notebook. A page without code that runs has one cell of text, and needs no kernel."""
    commands = f"python {MAKE_FILES}" in text
    cells, sources, at = [], [], 0
    for block in BLOCK.finditer(text):
        runs = block["language"] == "python" or (commands and block["language"] == "sh")
        if block["mark"] or not runs:
            continue
        stop = block.start() if block["language"] == "python" else block.end()
        cells.append(new_markdown_cell(text[at:stop]))
        cells.append(_make_cell(block["language"], block["code"]))
        sources += [text.count("\n", 0, at), text.count("\n", 0, block.start()) + 1]
        at = block.end()
    cells.append(new_markdown_cell(text[at:]))
    sources.append(text.count("\n", 0, at))
    tools, first = Path(__file__).parent, ["prepare.py"]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    if LONG_FIT.search(code) and ".fit(" in code:
        title, rest = cells[0].source.split("\n", 1)
        cells[0].source = f"{title}{NOTE}{rest}"
        first.append("brief.py")
    if len(cells) == 1:
        return new_notebook(cells=cells, metadata={"source_map": sources})
    hidden = [new_code_cell((tools / name).read_text(), metadata=HIDDEN) for name in first]
    return new_notebook(cells=[*hidden, *cells], metadata={**KERNEL, "source_map": [0] * len(hidden) + sources})


def _make_cell(language: str, code: str) -> NotebookNode:
    """Return a cell of Python, or a cell that runs the commands of a block and shows what they print."""
    if language == "python":
        return new_code_cell(code.rstrip("\n"))
    lines = [
        line.replace(MAKE_FILES, str(ROOT / MAKE_FILES)) for line in code.replace("\\\n", " ").splitlines() if line
    ]
    return new_code_cell("\n".join(f"run_command({line!r})" for line in lines), metadata=SILENT)


def list_quiet_pages() -> list[str]:
    """Return the patterns of the pages without code that runs, for ``nb_execution_excludepatterns``."""
    pages = (ROOT / "docs").rglob("*.md")
    return [str(page) for page in pages if len(read_page(page.read_text()).cells) == 1]
