"""The rules of the package: imports go through a room's face, and a name that no face offers starts with ``_``."""

import ast
import importlib
from pathlib import Path

import pytest

import sslts

PACKAGE = Path(sslts.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
NAMED_IN_FILES = {"KeepCheckpoints"}  # checkpoints hold the name, so it can't get an underscore
OPEN = {"adapters"}  # a folder of rooms, not a room


def name_module(path):
    return ".".join(("sslts", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def list_imports(path):
    """Return the modules of this package that a file imports from, wherever in the file."""
    found = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return [module for module in found if module.startswith("sslts.")]


@pytest.mark.parametrize("path", FILES, ids=name_module)
def test_other_rooms_are_entered_by_their_faces(path):
    own = path.relative_to(PACKAGE).parts[0]
    for module in list_imports(path):
        _, room, *inside = module.split(".")
        assert room == own or room not in ROOMS or not inside, f"{name_module(path)} imports from {module}"


@pytest.mark.parametrize("path", FILES, ids=name_module)
def test_what_no_face_offers_is_private_by_its_name(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if any(part.startswith("_") and part != "__init__" for part in parts):
        return
    face = "sslts." + ".".join(parts[:2] if parts[0] in OPEN else parts[:1])
    offered = getattr(importlib.import_module(face.removesuffix(".__init__")), "__all__", ())
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            if node.name in NAMED_IN_FILES:
                continue
            assert node.name in offered, f"{name_module(path)}.{node.name} is offered by no face, and looks public"


@pytest.mark.parametrize("room", [*ROOMS, "sslts"])
def test_a_face_offers_each_name_once_and_has_it(room):
    module = importlib.import_module("sslts" if room == "sslts" else f"sslts.{room}")
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert all(hasattr(module, name) for name in names)


def test_a_room_says_what_it_is_for():
    for room in ROOMS:
        assert importlib.import_module(f"sslts.{room}").__doc__, room
