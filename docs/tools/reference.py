"""Pages of the reference, one for every public name, and the list of public names for `conf.py` and the tests.

The public names are read from the package, so that no name is forgotten: the names in ``__all__`` of a module or, if a
module has no ``__all__``, the functions and classes that the module defines itself.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import sslts

# The first page of the reference: groups of modules in the order of a reader's work, with a line on each. A module that
# is in no group stands in the last group, with the first sentence of its docstring.
GROUPS = {
    "Fit, predict, count": {
        "sslts": "The names that most programs need: the estimators, recordings, annotations, streams and `load`.",
        "sslts.segmenters": "The estimators: networks with and without unlabeled recordings, and window features.",
        "sslts.io": "Read recordings and annotations from files; write segments for annotation tools.",
        "sslts.segments": "Tables of segments: counts, lengths, summaries, and conversion from labels and back.",
        "sslts.metrics": "Scores of samples, segments, counts and lengths; scorers for scikit-learn.",
        "sslts.plotting": "Plots of recordings, counts, lengths and trainings.",
        "sslts.report": "HTML reports: how good a segmenter is, and what to do next.",
        "sslts.calibration": "Intervals of counts, from labeled recordings.",
        "sslts.labeling": "Choose the stretches to label next; simulate what labels gain.",
        "sslts.model_selection": "Splitters for few labels, label-efficiency curves, choice of a decoder.",
        "sslts.preprocessing": "Transformers before a segmenter: fill gaps, filter, standardize.",
        "sslts.datasets": "Synthetic recordings with known labels, and the electrocardiograms of LUDB.",
        "sslts.persistence": "Files of fitted segmenters and of interrupted fits.",
        "sslts.adapters.sktime": "The estimators as detectors of sktime.",
        "sslts.onnx_runner": "Predictions from an exported model with onnxruntime, without torch.",
        "sslts.command": "The command `sslts`, for use from Python.",
    },
    "Parameters of a segmenter": {
        "sslts.decoding": "Decoders turn probabilities into labels: the parameter ``decoder``.",
        "sslts.networks": "Networks: the parameter ``network``.",
        "sslts.augment": "Views change training windows: the parameters ``weak`` and ``strong``.",
        "sslts.thresholds": "Thresholds decide which pseudo-labels count: the parameter ``threshold``.",
        "sslts.losses": "Losses of labeled samples: the parameter ``labeled_loss``.",
    },
    "Extend the package": {
        "sslts.objectives": "Parts of training losses, for a custom objective.",
        "sslts.training": "The training loop: batches, steps, losses, averaged weights.",
        "sslts.recipes": "Base class of parameter objects, such as networks and views.",
        "sslts.recordings": "How ``X`` is read and checked.",
        "sslts.annotations": "How ``y`` is read and checked.",
        "sslts.prediction": "Predictions for recordings of any length, many files, and streams.",
        "sslts.features": "The statistics of windows that `WindowFeatureSegmenter` uses.",
    },
}
_LISTED = {path for group in GROUPS.values() for path in group}  # some of them are not attributes of `sslts`


class Name(NamedTuple):
    """A public name: the module that documents it, and its value."""

    module: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """Return the full name."""
        return f"{self.module}.{self.name}"


def list_modules() -> list[str]:
    """Return the names of the public modules: the package, its public modules, and every adapter."""
    adapters = importlib.import_module("sslts.adapters")
    found = [f"sslts.{name}" for name in sslts._MODULES]
    found += [info.name for info in pkgutil.iter_modules(adapters.__path__, "sslts.adapters.")]
    return ["sslts", *sorted({*found, *_LISTED} - {"sslts"})]


def list_names(module: ModuleType) -> list[str]:
    """Return the public names of a module."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not name.startswith("_")]
    defined = {
        name: value
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module.__name__
    }
    return [name for name in defined if not name.startswith("_")]


def collect_names() -> list[Name]:
    """Return every public name once, with its shortest path."""
    found: dict[int, Name] = {}
    for path in list_modules():
        module = importlib.import_module(path)
        for name in list_names(module):
            value = getattr(module, name)
            found.setdefault(id(value), Name(path, name, value))
    return list(found.values())


def list_methods(cls: type) -> list[str]:
    """Return the public methods and properties that this package defines for a class, in the order of the source."""
    found: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.split(".")[0] != "sslts":
            continue
        for name, value in vars(base).items():
            kind = isinstance(value, (classmethod, staticmethod, property)) or inspect.isfunction(value)
            if kind and not name.startswith("_") and (inspect.getdoc(getattr(cls, name)) or ""):
                found[name] = None
    if "__call__" in vars(cls) and vars(cls)["__call__"].__doc__:
        found["__call__"] = None
    return list(found)


def summarize(value: Any) -> str:
    """Return the first sentence of a docstring."""
    paragraph = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
    return paragraph.split(". ")[0].rstrip(".") + "."


def write_page(name: Name) -> str:
    """Return the page of one name."""
    lines = [name.name, "=" * len(name.name), "", f".. currentmodule:: {name.module}", ""]
    if inspect.isclass(name.value):
        lines += [f".. autoclass:: {name.name}"]
        if methods := list_methods(name.value):
            lines += [f"   :members: {', '.join(methods)}", "   :member-order: bysource"]
    else:
        lines += [f".. auto{'function' if inspect.isroutine(name.value) else 'data'}:: {name.name}"]
    return "\n".join([*lines, "", f".. minigallery:: {name.path}", "   :add-heading: Examples in the gallery", ""])


def write_module(path: str, names: list[Name]) -> str:
    """Return the page of a module: its docstring and a table of its names."""
    lines = [
        path,
        "=" * len(path),
        "",
        f".. automodule:: {path}",
        "",
        ".. list-table::",
        "   :width: 100%",
        "   :widths: 40 60",
        "",
    ]
    for name in names:
        role = "class" if inspect.isclass(name.value) else "func" if inspect.isroutine(name.value) else "data"
        lines += [f"   * - :py:{role}:`~{name.path}`", f"     - {summarize(name.value)}"]
    lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {name.path}" for name in names), ""]
    return "\n".join(lines)


def write_index(paths: list[str]) -> str:
    """Return the first page of the reference: a line on each module, by groups."""
    lines = ["Reference", "=========", "", "Every public name, by module. The search finds names too.", ""]
    last = {path: summarize(importlib.import_module(path)) for path in paths if path not in _LISTED}
    for title, group in GROUPS.items():
        group = {**group, **last} if title == list(GROUPS)[-1] else group
        lines += [title, "-" * len(title), "", ".. list-table::", "   :width: 100%", "   :widths: 30 70", ""]
        shown = [path for path in group if path in paths]
        for path in shown:
            lines += [f"   * - :doc:`{path} <module-{path}>`", f"     - {group[path]}"]
        lines += ["", ".. toctree::", "   :hidden:", "", *(f"   module-{path}" for path in shown), ""]
    return "\n".join(lines)


def write_pages(folder: Path) -> None:
    """Write the reference into a folder. Unchanged pages keep their date; pages of removed names are deleted."""
    names = collect_names()
    modules = [path for path in list_modules() if any(name.module == path for name in names)]
    pages = {name.path: write_page(name) for name in names}
    pages |= {f"module-{path}": write_module(path, [n for n in names if n.module == path]) for path in modules}
    pages["index"] = write_index(modules)
    folder.mkdir(exist_ok=True)
    for stale in {page.stem for page in folder.glob("*.rst")} - set(pages):
        (folder / f"{stale}.rst").unlink()
    for title, text in pages.items():
        page = folder / f"{title}.rst"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)
