"""Old import paths, which work for one more version and warn.

Remove an entry when the version after the move is released, and this module when its table is empty.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Removed modules, each with the modules that now define its names.
_MODULES = {
    "averaging": ("training",),
    "batches": ("training", "training.batches"),
    "callbacks": ("training",),
    "classes": ("annotations",),
    "clocks": ("recordings", "recordings._clocks"),
    "decoding.predicting": ("decoding",),
    "decoding.statistics": ("annotations",),
    "decoding.tuning": ("model_selection",),
    "hardware": ("training", "training.hardware"),
    "labels": ("annotations",),
    "matching": ("metrics", "annotations", "metrics._matching"),
    "model_selection.labels": ("annotations", "model_selection"),
    "normalization": ("recordings", "recordings.normalization"),
    "notices": ("_notices",),
    "outputs": ("recordings", "_files"),
    "persistence.registry": ("persistence._values",),
    "segments.labels": ("annotations", "recordings", "_runs"),
    "sources": ("recordings", "recordings.sources"),
    "streaming": ("prediction",),
    "values": ("recordings", "recordings._values"),
    "windows": ("annotations", "training", "prediction._pieces"),
    "wrapping": ("_wrapping", "_fingerprints"),
}


def find_moved(old: str, moved: dict[str, str], name: str) -> Any:
    """Return an object that has moved out of the module `old`, and warn; for the ``__getattr__`` of modules.

    Parameters
    ----------
    old : str
        Full name of the module.
    moved : dict of str to str
        The new module of each name.
    name : str

    Raises
    ------
    AttributeError
        If the name has not moved.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     found = find_moved("sslts.decoding", {"tune_decoder": "sslts.model_selection"}, "tune_decoder")
    >>> str(caught[0].message)
    'sslts.decoding.tune_decoder has moved; import it from sslts.model_selection.'
    """
    if name not in moved:
        raise AttributeError(f"module {old!r} has no attribute {name!r}")
    from sslts._notices import warn

    warn(f"{old}.{name} has moved; import it from {moved[name]}.", FutureWarning)
    return getattr(import_module(moved[name]), name)


class _MovedModules(MetaPathFinder, Loader):
    """Finder of removed modules: creates empty modules that look up each name in its new module."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        package, _, old = fullname.partition(".")
        return ModuleSpec(fullname, self) if package == "sslts" and old in _MODULES else None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__

        def find(name: str) -> Any:
            for new in _MODULES[old.partition(".")[2]]:
                full = f"sslts.{new}"
                for held in (name, f"_{name}"):
                    if not name.startswith("_") and hasattr(import_module(full), held):
                        if held == name:
                            return find_moved(old, {name: full}, name)
                        from sslts._notices import warn

                        warn(f"{old}.{name} is now internal and will be removed.", FutureWarning)
                        return getattr(import_module(full), held)
            raise AttributeError(f"module {old!r} has no attribute {name!r}")

        module.__getattr__ = find  # type: ignore[method-assign]


def install() -> None:
    """Make the removed modules importable.

    Examples
    --------
    >>> install()  # as `import sslts` does
    >>> sum(isinstance(finder, _MovedModules) for finder in sys.meta_path)
    1
    """
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(_MovedModules())
