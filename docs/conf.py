"""Configuration of Sphinx. Build with ``sphinx-build -W docs docs/_build/html``."""

import os
import sys
import tempfile
import warnings
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "tools"), str(DOCS.parent)]

import matplotlib as mpl  # noqa: E402
import sslts  # noqa: E402
from notebooks import list_quiet_pages  # noqa: E402
from reference import write_pages  # noqa: E402

project = "sslts"
author = "The sslts developers"
copyright = "2026, the sslts developers"
release = version = sslts.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "links",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.md5"]
default_role = "literal"  # `links.py` links public names in code type
myst_heading_anchors = 3

# The Python blocks of the pages run, and their output is shown: `tools/notebooks.py`.
nb_custom_formats = {".md": ["notebooks.read_page", {}, False]}
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 240
nb_execution_raise_on_error = True
# The blocks of one page are files of a checkout; tests/test_contributing.py runs them.
nb_execution_excludepatterns = [*list_quiet_pages(), "contributing.md"]
nb_merge_streams = True
# The kernels take their settings from here, not from the user's own configuration.
_ipython = tempfile.TemporaryDirectory()  # removed at the end of the build
os.environ["IPYTHONDIR"] = _ipython.name
settings = Path(os.environ["IPYTHONDIR"], "profile_default", "ipython_kernel_config.py")
settings.parent.mkdir()
settings.write_text("c.IPKernelApp.log_level = 'ERROR'")
copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = (
    ":not(.cell_output) > div.highlight > pre, :not(.cell_output) div.highlight-sh pre"
)

numpydoc_show_class_members = False
autodoc_typehints = "none"  # the numpydoc sections state the types
autodoc_preserve_defaults = True
smartquotes = False  # docstrings quote parameters: {"recording", "local"}
write_pages(DOCS / "api")

# The build runs examples that take a second; others show their committed picture.
mpl.use("Agg")
warnings.filterwarnings("ignore", category=UserWarning, message=".*non-interactive.*")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_(views|metrics|thresholds)\.py",
    "ignore_pattern": r"benchmarks|make_files",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("sslts",),
    "reference_url": {"sslts": None},
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "remove_config_comments": True,
}

html_theme = "furo"
html_title = "sslts"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

# ``sphinx-build -b linkcheck docs docs/_build/links`` needs the network.
linkcheck_timeout = 20
linkcheck_anchors = False
