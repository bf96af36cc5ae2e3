"""The examples of docs/contributing.md are files of the package: they are written into a copy of it, and used."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sslts

PAGE = Path(__file__).parents[1] / "docs" / "contributing.md"
BLOCK = re.compile(
    r"(?:<!-- (?P<kind>file|end of file|not run): (?P<place>[^>]*?) -->\n)?^```python\n(?P<code>.*?)^```",
    re.DOTALL | re.M,
)
START = """
import numpy as np

import sslts
from sslts import FixMatchSegmenter
from sslts.datasets import make_recordings
from sslts.networks import UNet

X, y = make_recordings(6, n_samples=300, random_state=0)
few = np.where(np.arange(6)[:, None] < 3, y, -1)
fast = {"max_steps": 2, "batch_size": 2, "network": UNet(width=2, depth=1), "random_state": 0}


def check_file(segmenter):
    segmenter.save("model.sslts")
    again = sslts.load("model.sslts")
    np.testing.assert_array_equal(again.predict_proba(X), segmenter.predict_proba(X))
    return again
"""
# What each example must do after the code of the page for its use.
CHECKS = {
    "sslts/augment/hum.py": """
assert check_file(FixMatchSegmenter(strong=view, **fast).fit(X, few)).strong == view
""",
    "sslts/thresholds/top_share.py": """
from sslts.thresholds import TopShareThreshold

segmenter = FixMatchSegmenter(threshold=TopShareThreshold(0.4), **fast).fit(X, few)
taus = [value for key, value in segmenter.net_.criterion_.state_dict().items() if key.endswith("tau")]
assert taus and 0 < taus[0] < 1
assert check_file(segmenter).threshold == TopShareThreshold(0.4)
""",
    "sslts/decoding/held.py": """
from sslts import StreamSegmenter

segmenter = check_file(FixMatchSegmenter(decoder=HeldArgmax(0.6), **fast).fit(X, few))
stream = StreamSegmenter(segmenter, location=0, scale=1)
stream.push(X[0][:200])
assert stream.get_state()
assert segmenter.predict(X).shape == X.shape
""",
    "sslts/metrics/worst.py": """
from sslts.metrics import class_iou, worst_iou_scorer

segmenter = FixMatchSegmenter(**fast).fit(X, few)
assert worst_iou_scorer(segmenter, X, y) == class_iou(y, segmenter.predict(X)).min()
assert interval.estimate == 0.5
""",
    "sslts/plotting/scores.py": """
from sslts.plotting import ScoreDisplay

display = ScoreDisplay.from_estimator(FixMatchSegmenter(**fast).fit(X, few), X)
assert display.figure_ is display.ax_.figure
""",
    "sslts/recordings/containers.py": """
from sslts.recordings import as_recordings


class Epochs:
    times, ch_names = np.arange(300) / 50, ["a", "b"]

    def get_data(self):
        return np.stack([X, X], 1)


Epochs.__module__ = "mne.epochs"
segmenter = FixMatchSegmenter(**fast).fit(Epochs(), few)
np.testing.assert_array_equal(segmenter.predict_proba(Epochs()), segmenter.predict_proba(np.stack([X, X], 1)))
assert as_recordings(Epochs()).channel_names == ("a", "b")
assert segmenter.n_features_in_ == 2
""",
    "sslts/segmenters/source.py": """
from sslts.segmenters import SourceSegmenter

segmenter = SourceSegmenter(**fast).fit(X, few, source=(X, y))
assert "source_loss" in segmenter.history_
assert check_file(segmenter).source_weight == 1
""",
    "sslts/persistence/_upgrades.py": """
from sslts.persistence import read_card, read_file

header, *_ = read_file(OLD)
assert header["author"] == ""
assert sslts.load(OLD).predict(X).shape == X.shape
check_file(FixMatchSegmenter(**fast).fit(X, few))
assert read_card("model.sslts")["file"]["format"] == 3
""",
    "sslts/adapters/audacity.py": """
from sslts.adapters.audacity import read_track, write_track
from sslts.segments import labels_to_segments

segments = labels_to_segments(y[:1], sampling_rate=50)
write_track(segments, "track.txt")
assert read_track("track.txt")["label"].tolist() == segments["label"].tolist()
""",
}


def read_examples():
    """Return, for each file that the page adds or extends, the kind of block, its code and the code that uses it."""
    examples = {}
    for section in re.split(r"^##+ ", PAGE.read_text(), flags=re.MULTILINE):
        blocks = list(BLOCK.finditer(section))
        used = "".join(block["code"] for block in blocks if block["kind"] is None)
        for block in blocks:
            if block["kind"] in ("file", "end of file"):
                examples[block["place"]] = block["kind"], block["code"], used
    return examples


EXAMPLES = read_examples()


def list_offered(code):
    """Return the public functions, classes and values of a file."""
    names = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return sorted(name for name in names if not name.startswith("_"))


def add_to_face(face, module, names):
    """Add names to a face: their import where ruff sorts it, and their places in ``__all__``."""
    lines = face.read_text().split("\n")
    imports = [i for i, line in enumerate(lines) if line.startswith("from sslts.")]
    later = [i for i in imports if lines[i].split()[1] > module]
    at = later[0] if later else next(i for i in range(imports[-1], len(lines)) if not lines[i].strip())
    lines.insert(at, f"from {module} import {', '.join(names)}")
    text = "\n".join(lines)
    before = re.search(r"^__all__ = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)[1]
    offered = sorted(ast.literal_eval(f"[{before}]") + names)
    face.write_text(text.replace(before, "".join(f'    "{name}",\n' for name in offered), 1))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a folder with a copy of the package that has all examples."""
    folder = tmp_path_factory.mktemp("copy")
    package = Path(sslts.__file__).parent
    shutil.copytree(package, folder / "sslts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(package.parent / name, folder)
    for place, (kind, code, _) in EXAMPLES.items():
        path = folder / place
        if kind == "end of file":
            path.write_text(f"{path.read_text().rstrip()}\n\n\n{code}")
            continue
        assert not path.exists(), f"{place} is in the package: name another file in docs/contributing.md"
        path.write_text(code)
        if path.parent.name != "adapters":
            add_to_face(path.parent / "__init__.py", place.removesuffix(".py").replace("/", "."), list_offered(code))
    return folder


def run_in(folder, *command):
    kept = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_example_is_used():
    assert set(CHECKS) == set(EXAMPLES)


def test_the_examples_work_in_the_package(copy):
    """All run in one process, because its imports take longer than the examples."""
    old = PAGE.parents[1] / "tests" / "data" / "fixmatch_format_1.sslts"
    parts = {}
    for place, (kind, code, used) in EXAMPLES.items():
        offered = ""
        if kind == "file":
            room = place.removesuffix(".py").replace("/", ".")
            room = room if "adapters" in place else room.rpartition(".")[0]
            offered = f"import {room} as room\nassert set({list_offered(code)}) <= set(room.__all__)\n"
        parts[place] = f"{START}\nOLD = {str(old)!r}\n{offered}{used}{CHECKS[place]}"
    (copy / "parts.json").write_text(json.dumps(parts))
    (copy / "use.py").write_text(
        "import json, pathlib, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "for place, code in json.loads(pathlib.Path('parts.json').read_text()).items():\n"
        "    print('using', place, flush=True)\n"
        "    exec(compile(code, '<use of ' + place + '>', 'exec'), {'__name__': 'use'})\n"
    )
    run_in(copy, sys.executable, "use.py")


@pytest.mark.parametrize(
    "tool", [("ruff", "check", "--no-cache", "sslts"), ("lint-imports", "--no-cache")], ids="-".join
)
def test_the_examples_pass_the_checks(copy, tool):
    """The tools are in the extra ``dev``, and the tests only need the extra ``test``."""
    path = Path(sys.executable).with_name(tool[0])
    if not path.exists():
        pytest.skip(f"{tool[0]} is not installed")
    run_in(copy, path, *tool[1:])
