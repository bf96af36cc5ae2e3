"""The first cell of every page that runs: the reader's own recordings, which a page may use, and how outputs look."""

import runpy
import shlex
import warnings
from unittest import mock

import matplotlib as mpl
import numpy as np
import pandas as pd
import sklearn.base
from click.testing import CliRunner
from matplotlib_inline.backend_inline import set_matplotlib_formats

with warnings.catch_warnings():  # tqdm misses widgets, which a page can't show
    warnings.simplefilter("ignore")
    import tqdm.auto  # noqa: F401

import sslts.metrics
import sslts.plotting
from sslts.command import main as command
from sslts.datasets import make_heartbeats

mpl.rcParams.update({"font.size": 12, "savefig.dpi": 100, "figure.dpi": 100})
set_matplotlib_formats("png")
pd.set_option("display.max_rows", 8, "display.precision", 3, "display.width", 100)
sklearn.set_config(display="text")
warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\n"  # without paths
warnings.simplefilter("ignore", FutureWarning)
warnings.filterwarnings("ignore", message=".*mask_rate|.*pseudo-label")  # short fits
np.set_printoptions(precision=3, threshold=20, suppress=True)
sklearn.base.BaseEstimator._ipython_display_ = str  # a fit shows nothing, its representation is a page long
for name in sslts.plotting.__all__:  # a display shows its figure, not its name
    if name.endswith("Display"):
        getattr(sslts.plotting, name)._ipython_display_ = str


def show_fields(value, printer, cycle):  # noqa: ARG001
    """Print a named tuple with three digits of each number, as IPython's printers do."""
    numbers = (f"{name}={number:.3f}" for name, number in value._asdict().items())
    printer.text(f"{type(value).__name__}({', '.join(numbers)})")


if "get_ipython" in globals():  # three digits of a number
    plain = get_ipython().display_formatter.formatters["text/plain"]  # noqa: F821
    plain.float_precision = "%.3f"
    for kind in (sslts.metrics.CountError, sslts.metrics.DurationError, sslts.metrics.Interval):
        plain.for_type(kind, show_fields)


def run_command(line):
    """Run a command in the page's folder, in this process, and print what it prints."""
    program, *arguments = shlex.split(line)
    if program == "python":
        with mock.patch("sys.argv", arguments):
            runpy.run_path(arguments[0], run_name="__main__")
        return
    done = CliRunner().invoke(command, arguments, env={"COLUMNS": "100"}, catch_exceptions=False)
    print(done.output, end="")
    if done.exit_code:
        raise RuntimeError(f"`{line}` ended with the exit code {done.exit_code}")


# "X and y are your own recordings and labels": here, electrocardiograms of 24 patients, 8 of them labeled.
X, y_true = make_heartbeats(24, random_state=0)
y = np.where(np.arange(24)[:, None] < 8, y_true, -1)
patients = np.arange(24) // 2
X_new, y_new = make_heartbeats(6, random_state=1)
X_test, y_test = make_heartbeats(12, random_state=2)
X_validation, y_validation = make_heartbeats(12, random_state=3)
lengths = [len(x) for x in X_new]
