"""Configuration of Sphinx. Build with ``sphinx-build -W docs docs/_build``."""

import sslts

project = "sslts"
author = "The sslts developers"
copyright = "2026, the sslts developers"
release = sslts.__version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
html_theme = "furo"
exclude_patterns = ["_build"]
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
