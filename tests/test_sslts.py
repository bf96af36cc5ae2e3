"""The public names, and that importing them is cheap."""

import subprocess
import sys

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
