"""The public names, and that importing them is cheap."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sslts


def test_import_loads_neither_torch_nor_skorch():
    code = (
        "import sys, sslts; print([name for name in ('torch', 'skorch', 'sktime', 'sklearn') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sslts.__dir__())
def test_every_name_is_found(name):
    assert getattr(sslts, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        sslts.nope  # noqa: B018


def test_the_version_is_written_once_in_each_place():
    root = Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (\S+)$", (root / "CITATION.cff").read_text(), flags=re.MULTILINE)
    newest = re.search(r"^## \[(\S+)\]", (root / "docs" / "changelog.md").read_text(), flags=re.MULTILINE)
    assert {sslts.__version__, project["version"], cited[1], newest[1]} == {sslts.__version__}
