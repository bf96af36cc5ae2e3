"""Measure the package: number of lines and files, sizes of functions, and public names outside of ``__all__``.

``python docs/tools/measure_house.py`` prints the figures of this checkout; with a folder as argument, it prints the
figures of the package in the folder. ``--visits`` prints instead the files that X and y visit in ``fit``, and that X
visits in ``predict_segments``.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import sys
import tokenize
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def count_code(text: str) -> set[int]:
    """Return the numbers of the lines with code, which is neither comment nor docstring."""
    lines: set[int] = set()
    docs = {line for node in find_docstrings(ast.parse(text)) for line in range(node.lineno, node.end_lineno + 1)}
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return lines - docs


def find_docstrings(tree: ast.Module) -> list[Any]:
    """Return the nodes of all docstrings of a module."""
    found = []
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(node, ast.Module | ast.ClassDef | Function) and body and isinstance(body[0], ast.Expr)
        if documented and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            found.append(body[0].value)
    return found


def list_offered(tree: ast.Module) -> list[str]:
    """Return the names in ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets):
            return [element.value for element in node.value.elts]  # type: ignore[attr-defined]
    return []


def measure(package: Path) -> dict[str, Any]:
    """Return the figures of a package by title."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(package.rglob("*.py"))}
    code = {path: count_code(path.read_text()) for path in trees}
    docs = {
        path: sum(node.end_lineno - node.lineno + 1 for node in find_docstrings(tree)) for path, tree in trees.items()
    }
    offered = {name for tree in trees.values() for name in list_offered(tree)}
    public, lengths, unoffered_docs = [], [], 0
    for path, tree in trees.items():
        parts = path.relative_to(package).with_suffix("").parts
        hidden = any(part.startswith("_") and part != "__init__" for part in parts)
        for node in ast.walk(tree):
            if isinstance(node, Function):
                lengths.append(len(code[path] & set(range(node.lineno, node.end_lineno + 1))))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_") and not hidden:
                public.append(node.name)
                if node.name not in offered:
                    unoffered_docs += len((ast.get_docstring(node) or "").splitlines())
    lengths.sort()
    sizes = [len(lines) for lines in code.values()]
    loose = [path for path in package.glob("*.py") if path.stem != "__init__"]
    return {
        "files": len(trees),
        "lines of code": sum(map(len, code.values())),
        "lines of docstrings": sum(docs.values()),
        "code a file, median / longest": f"{statistics.median(sizes):g} / {max(sizes)}",
        "loose modules": len(loose),
        "loose modules that are public": sum(not path.stem.startswith("_") for path in loose),
        "public-looking functions and classes": len(public),
        "of these offered nowhere": sum(name not in offered for name in public),
        "their docstring lines": unoffered_docs,
        "code a function, median / 99 % / longest": " / ".join(str(lengths[int(q * len(lengths))]) for q in (0.5, 0.99))
        + f" / {lengths[-1]}",
    }


def trace_visits(package: Path) -> None:
    """Print the files that recordings and labels visit, in order, with the number of visits."""
    sys.path.insert(0, str(package.parent))
    import sslts
    from sslts.datasets import make_recordings
    from sslts.networks import UNet

    X, y = make_recordings(1, n_samples=400, random_state=0)
    kinds = ("Recordings", "LabelRuns", "NormalizedRecordings", "Problem", "SegmentStatistics")

    def carries(frame: Any) -> bool:
        """Return whether an argument of a call is the data, or a value made from the data."""
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        values = [frame.f_locals.get(name) for name in names]
        return any(value is X or value is y or type(value).__name__ in kinds for value in values)

    visited: list[str] = []

    def watch(frame: Any, event: str, _: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(package) and carries(frame):
            visited.append(str(file.relative_to(package)))

    segmenter = sslts.FixMatchSegmenter(network=UNet(width=2, depth=1), max_steps=1, batch_size=2, random_state=0)
    calls = {"fit(X, y)": lambda: segmenter.fit(X, y), "predict_segments(X)": lambda: segmenter.predict_segments(X)}
    for title, call in calls.items():
        visited.clear()
        sys.setprofile(watch)
        call()
        sys.setprofile(None)
        rooms = [room for room, _ in groupby(file.split("/")[0].removesuffix(".py") for file in visited)]
        files = [file for file, _ in groupby(visited)]
        print(
            f"{title}: {len(set(rooms))} rooms entered {len(rooms)} times, {len(set(files))} files {len(files)} times"
        )
        for room in dict.fromkeys(rooms):
            inside = [file for file in dict.fromkeys(files) if file.split("/")[0].removesuffix(".py") == room]
            print(f"  {room} ({rooms.count(room)}): {', '.join(f'{file} {files.count(file)}' for file in inside)}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--visits", action="store_true")
    given = parser.parse_args()
    if given.visits:
        trace_visits(given.folder.resolve() / "sslts")
        return
    for title, figure in measure(given.folder / "sslts").items():
        print(f"{title}: {figure}")


if __name__ == "__main__":
    main()
