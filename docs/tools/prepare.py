"""The first cell of every page that runs: the reader's own recordings, which a page may use, and how outputs look."""

import os
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import sklearn
from matplotlib_inline.backend_inline import set_matplotlib_formats

with warnings.catch_warnings():  # tqdm misses widgets, which a page can't show
    warnings.simplefilter("ignore")
    import tqdm.auto  # noqa: F401

import sslts.plotting
from sslts.datasets import make_heartbeats

mpl.rcParams.update({"font.size": 12, "savefig.dpi": 100, "figure.dpi": 100})
set_matplotlib_formats("png")
pd.set_option("display.max_rows", 8, "display.precision", 3, "display.width", 100)
sklearn.set_config(display="text")
warnings.filterwarnings("ignore", message=".*mask_rate|.*pseudo-label")  # short fits
np.set_printoptions(precision=3, threshold=20, suppress=True)
for name in sslts.plotting.__all__:  # a display shows its figure, not its name
    if name.endswith("Display"):
        getattr(sslts.plotting, name)._ipython_display_ = str  # shows nothing more


def run_command(line):
    """Run a command in the page's folder, and print what it prints."""
    program = {"sslts": [sys.executable, "-m", "sslts"], "python": [sys.executable]}
    first, rest = line.split(" ", 1)
    command = " ".join(program[first]) + " " + rest
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"})
    print(done.stdout + done.stderr, end="")
    done.check_returncode()


# "X and y are your own recordings and labels": here, electrocardiograms of 24 patients, 8 of them labeled.
X, y_true = make_heartbeats(24, random_state=0)
y = np.where(np.arange(24)[:, None] < 8, y_true, -1)
patients = np.arange(24) // 2
X_new, y_new = make_heartbeats(6, random_state=1)
X_test, y_test = make_heartbeats(12, random_state=2)
X_validation, y_validation = make_heartbeats(12, random_state=3)
lengths = [len(x) for x in X_new]
