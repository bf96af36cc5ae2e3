"""The code on the pages runs, and the examples do what they say."""

import importlib.util
import os
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sklearn.ensemble import ExtraTreesClassifier

import sslts
from sslts import augment
from sslts.command import main as command
from sslts.datasets import make_recordings
from sslts.networks import UNet
from sslts.segmenters import NetworkSegmenter, WindowFeatureSegmenter

ROOT = Path(__file__).parent.parent


PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)]
BLOCK = re.compile(
    r"(<!-- not run: (?P<reason>[^>]*) -->\s*)?^```(?P<language>\S*)\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
MAKE_FILES = "examples/make_files.py"
LANGUAGES = {"python", "sh", "text", "toml", "{toctree}", "{eval-rst}"}


def name_page(page):
    return str(page.relative_to(ROOT))


def read_code(page):
    """Return the Python code of a page, without blocks that are marked ``<!-- not run: reason -->``.

    On pages whose files are made by ``examples/make_files.py``, commands become code too.
    """
    text = page.read_text()
    languages = {"python", "sh"} if f"python {MAKE_FILES}" in text else {"python"}
    blocks = [match for match in BLOCK.finditer(text) if match["language"] in languages and not match["reason"]]
    return "\n".join(
        match["code"] if match["language"] == "python" else read_commands(match["code"]) for match in blocks
    )


def read_commands(code):
    """Return code that runs the commands of a block in this process."""
    lines = [shlex.split(line) for line in code.replace("\\\n", " ").splitlines() if line]
    assert all(line[:2] == ["python", MAKE_FILES] or line[0] == "sslts" for line in lines)
    return "\n".join(
        f"make_files({line[2]!r})" if line[0] == "python" else f"run_sslts({line[1:]!r})" for line in lines
    )


def run_sslts(arguments):
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output


def make_files(name):
    runpy.run_path(str(ROOT / MAKE_FILES))["MAKERS"][name]()


@pytest.fixture
def _quickly(monkeypatch):
    """Train a small network for two steps, and few trees, whatever parameters a page passes."""
    fit = NetworkSegmenter.fit

    def fit_quickly(self, *args, **kwargs):
        asked = {name: getattr(self, name) for name in ("max_steps", "batch_size", "network")}
        self.max_steps, self.batch_size = min(self.max_steps, 2), min(self.batch_size, 2)
        self.network = self.network.replace(width=2, depth=1) if isinstance(self.network, UNet) else self.network
        try:
            return fit(self, *args, **kwargs)
        finally:
            vars(self).update(asked)

    fit_classifier = WindowFeatureSegmenter.fit

    def fit_trees(self, *args, **kwargs):
        asked = {name: getattr(self, name) for name in ("classifier", "normalization")}
        if self.classifier is None:
            self.classifier = ExtraTreesClassifier(4, min_samples_leaf=5, random_state=0)
        self.normalization = "recording" if self.normalization == "auto" else self.normalization
        try:
            return fit_classifier(self, *args, **kwargs)
        finally:
            vars(self).update(asked)

    monkeypatch.setattr(NetworkSegmenter, "fit", fit_quickly)
    monkeypatch.setattr(WindowFeatureSegmenter, "fit", fit_trees)


# tests/test_contributing.py writes the examples of docs/contributing.md into the package.
LONG = ("choose_parameters.md", "deploy.md", "factory.md", "label_next.md", "label_studio.md")
ALONE = [
    pytest.param(page, marks=pytest.mark.slow if page.name in LONG else ())
    for page in PAGES
    if read_code(page) and page.name != "contributing.md"
]


@pytest.mark.usefixtures("_quickly", "no_pictures")
@pytest.mark.parametrize("page", ALONE, ids=name_page)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    """A page's blocks run in order, with synthetic recordings as ``X``, ``y``, ``patients`` and so on."""
    monkeypatch.chdir(tmp_path)
    X, y = make_recordings(9, n_samples=300, random_state=0)
    own = {"X": X, "y": np.where(np.arange(9)[:, None] < 6, y, -1), "patients": np.arange(9) // 2, "np": np}
    own |= {"make_files": make_files, "run_sslts": run_sslts}
    own |= {"X_new": X, "X_test": X, "y_test": y, "X_validation": X, "y_validation": y, "lengths": [300] * 9}
    exec(compile(read_code(page), name_page(page), "exec"), own)


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_every_block_names_a_known_language(page):
    """No test would run a block in an unknown language."""
    assert {match["language"] for match in BLOCK.finditer(page.read_text())} <= LANGUAGES
    assert page.read_text().count("```") == 2 * len(BLOCK.findall(page.read_text()))


def exists(target):
    """Return whether a file exists, or the build of the site will make it: a gallery page for each example."""
    if target.parent.name == "auto_examples":
        return target.name == "index.rst" or (ROOT / "examples" / f"{target.stem}.py").exists()
    return target.exists() or target.resolve() == ROOT / "docs" / "api" / "index.rst"


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_links_lead_to_files(page):
    """Links work on GitHub too; Sphinx checks the anchors."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path = target.split("#")[0]
        if path and not re.match(r"[a-z]+:", target):
            assert exists(page.parent / path), f"{name_page(page)} links to {target}"


def test_every_page_is_in_the_site():
    listed = {
        (page.parent / f"{entry}.md").resolve()
        for page in PAGES
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), flags=re.DOTALL)
        for entry in re.findall(r"^[^:\s].*$", tree, flags=re.MULTILINE)
    }
    assert {page.resolve() for page in PAGES} - listed == {ROOT / "README.md", ROOT / "docs" / "index.md"}


class TestReference:
    @pytest.fixture
    def reference(self, monkeypatch):
        monkeypatch.syspath_prepend(ROOT / "docs" / "tools")
        return importlib.import_module("reference")

    def test_nothing_public_is_missing(self, reference, tmp_path):
        """Every name in an ``__all__`` of the package has a page, and every module that `sslts` offers has a page."""
        reference.write_pages(tmp_path / "api")
        documented = {id(name.value) for name in reference.collect_names()}
        for info in pkgutil.walk_packages(sslts.__path__, "sslts."):
            module = importlib.import_module(info.name)
            for name in getattr(module, "__all__", []):
                assert id(getattr(module, name)) in documented, f"{info.name}.{name} is in no page of the reference"
        pages = {page.stem for page in (tmp_path / "api").glob("*.rst")}
        assert {name.path for name in reference.collect_names()} <= pages
        assert {f"module-sslts.{name}" for name in sslts._MODULES} <= pages

    def test_a_class_comes_with_its_methods(self, reference):
        assert {"fit", "predict", "predict_proba", "predict_segments", "score"} <= set(
            reference.list_methods(sslts.FixMatchSegmenter)
        )
        assert "get_metadata_routing" not in reference.list_methods(sslts.FixMatchSegmenter)

    def test_pages_of_names_that_are_gone_are_removed(self, reference, tmp_path):
        (tmp_path / "sslts.gone.rst").write_text("")
        reference.write_pages(tmp_path)
        assert not (tmp_path / "sslts.gone.rst").exists()


class TestPages:
    """The site shows what the blocks of a page print: they become the cells of a notebook."""

    TEXT = (
        "# Title\n\nWords.\n\n```python\n1 + 1\n```\n\n<!-- not run: it takes an hour -->\n```python\nwait()\n```\n\n"
        "```text\nshown\n```\nThe end.\n"
    )

    @pytest.fixture
    def read(self, monkeypatch):
        pytest.importorskip("nbformat", reason="the extra `docs` is not installed")
        monkeypatch.syspath_prepend(ROOT / "docs" / "tools")
        return importlib.import_module("notebooks").read_page

    def test_python_runs_and_the_rest_is_text(self, read):
        kinds = [(cell.cell_type, cell.source) for cell in read(self.TEXT).cells[1:]]
        assert [kind for kind, _ in kinds] == ["markdown", "code", "markdown"]
        assert kinds[1][1] == "1 + 1"
        assert "wait()" in kinds[2][1]
        assert "shown" in kinds[2][1]

    def test_a_page_without_code_that_runs_needs_no_kernel(self, read):
        page = read("# Title\n\n```sh\nls\n```\n")
        assert [cell.cell_type for cell in page.cells] == ["markdown"]
        assert "kernelspec" not in page.metadata

    def test_commands_on_made_files_run_and_stay_visible(self, read):
        page = read(f"# Title\n\n```sh\npython {MAKE_FILES} ward\nsslts info \\\n  m.sslts\n```\n")
        assert "sslts info" in page.cells[1].source
        assert page.cells[2].source.splitlines()[1].split() == ["run_command('sslts", "info", "m.sslts')"]
        assert page.cells[2].metadata["tags"] == ["remove-input"]

    def test_a_page_says_that_its_networks_train_briefly(self, read):
        long = self.TEXT.replace("1 + 1", "FixMatchSegmenter(random_state=0).fit(X, y)")
        short = self.TEXT.replace("1 + 1", "FixMatchSegmenter(max_steps=20).fit(X, y)")
        first = [read(text).cells for text in (long, short)]
        assert "10 small steps" in first[0][2].source
        assert not any("10 small steps" in cell.source for cell in first[1])


@pytest.mark.parametrize("picture", ["way", "layers"])
def test_pictures_are_drawn_from_what_is_enforced(picture, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "tools")
    drawn = getattr(importlib.import_module("draw_pictures"), f"draw_{picture}")()
    committed = (ROOT / "docs" / "images" / f"{picture}.svg").read_text()
    assert drawn == committed, "setup.cfg or the drawing changed: run `python docs/tools/draw_pictures.py`"


def run_example(name, folder):
    """Return the printed text of an example that writes its picture to ``folder``."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))  # threads that wait for a core cost most
    threads = max((os.cpu_count() or 1) // beside, 1)
    return subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"OMP_NUM_THREADS": str(threads), **os.environ, "MPLBACKEND": "Agg"},
    ).stdout


@pytest.mark.slow
def test_quickstart_example(tmp_path):
    printed = run_example("plot_quickstart.py", tmp_path)
    assert "Waves in the first five of 40 test patients" in printed
    table = printed.partition("All test patients")[2].splitlines()[2:5]
    exact = {line.split("  ")[0]: int(line.split("%")[0].split()[-1]) for line in table}
    assert exact["network, FixMatch"] > exact["network, labels alone"]
    assert min(exact.values()) > 50
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "written"),
    [
        ("plot_follow_file.py", "the same as in the whole: True", "follow_file.png"),
        ("plot_lookalikes.py", "990 unlabeled", "lookalikes.png"),
        ("plot_counts.py", "holds the true count", "counts.png"),
        ("plot_heartbeats.py", "Heart rates", "heartbeats.png"),
        ("plot_decoders.py", "Chosen for counts", "decoders.png"),
        ("plot_labeling.py", "Round 3: 1 of 4 stretches show faults", "labeling.png"),
        ("plot_report.py", "Report: report.html", "report.html"),
    ],
)
def test_example(name, words, written, tmp_path):
    assert words in run_example(name, tmp_path)
    assert (tmp_path / written).stat().st_size > 10_000


@pytest.mark.parametrize("name", ["views", "metrics", "thresholds"])
def test_quick_example(name, tmp_path, monkeypatch):
    """These examples run inside the test, because the imports of a new process take longer than the examples."""
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "Agg"}):
        runpy.run_path(str(ROOT / "examples" / f"plot_{name}.py"), run_name="__main__")
    plt.close("all")
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


VIEWS = [name for name in augment.__all__ if isinstance(vars(augment)[name], type) and name not in {"Tracks"}]
VIEWS = [name for name in VIEWS if not getattr(vars(augment)[name], "__abstractmethods__", None)]


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_explained_and_shown(name):
    assert f"`{name}`" in (ROOT / "docs" / "guide" / "views.md").read_text()
    if name not in {"NumpyFunction", "SktimeTransformer"}:  # they wrap a function
        assert f"augment.{name}(" in (ROOT / "examples" / "plot_views.py").read_text()


@pytest.fixture
def load_benchmark(monkeypatch):
    """Return a function that imports a benchmark as a script of its folder does."""
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    return importlib.import_module


class TestBenchmarks:
    def test_every_method_can_be_run(self, load_benchmark):
        runs = load_benchmark("runs")
        for method in runs.METHODS:
            segmenter = runs.make_segmenter(method, steps=3, seed=1, sampling_rate=100)
            inner = getattr(segmenter, "segmenter", segmenter)
            assert (inner.random_state, inner.sampling_rate) == (1, 100)
            assert getattr(inner, "max_steps", 3) == 3

    def test_a_stored_run_is_found(self, load_benchmark, tmp_path):
        runs, path = load_benchmark("runs"), tmp_path / "results.json"
        key = {"seed": 0, "params": {"lambda_u": "3"}}
        assert not runs.has_run(path, key)
        runs.add_results(path, [{**key, "score": 1.0}])
        runs.add_results(path, [{**key, "seed": 1, "score": 2.0}])
        assert runs.has_run(path, key)
        assert not runs.has_run(path, {**key, "params": {}})
        assert [result["seed"] for result in runs.read_results(path)] == [0, 1]

    def test_a_kind_is_run_from_data_to_figures(self, load_benchmark):
        kinds = load_benchmark("kinds")
        key = {
            "kind": "channels",
            "method": "fixmatch",
            "steps": 2,
            "seed": 0,
            "params": {"network": "networks.UNet(4)"},
        }
        result = kinds.run(key)
        assert 0 <= result["mean_iou"] <= 1
        assert "three channels" in kinds.make_table([{**result, "params": {}, "method": m} for m in kinds.METHODS])

    def test_the_views_in_numpy_do_the_same(self, load_benchmark):
        bench = load_benchmark("augment")
        tracks = bench.make_batch(2000, 150)
        tracks.valid[:1000, 130:] = False
        place = torch.arange(150).expand(2000, 150)
        target = torch.where(tracks.valid, place, -1)
        tracks = tracks.replace(x=(3 * tracks.x + 1) * tracks.valid[:, None], target=target)
        seen = bench.VIEW(tracks, torch.Generator().manual_seed(0))
        arrays = tracks.x.numpy(), tracks.target.numpy(), tracks.valid.numpy()
        found = bench.augment_batch(*arrays, np.random.default_rng(0))
        for theirs, ours in zip(found, (seen.x, seen.target, seen.valid), strict=True):
            for power in (1, 2):
                a, b = (np.mean(np.asarray(values, dtype=float) ** power) for values in (theirs, ours))
                assert a == pytest.approx(b, rel=0.1)

    @pytest.mark.parametrize("k", range(8))
    def test_each_change_in_numpy_is_as_large(self, load_benchmark, k):
        bench = load_benchmark("augment")
        x = torch.randn(400, 1, 150, generator=torch.Generator().manual_seed(1)).cumsum(-1)
        x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
        strength = torch.linspace(0, 1, 400)
        ours = bench.VIEW.changes[k].change(x, strength[:, None, None], torch.Generator().manual_seed(0))
        rng, rows = np.random.default_rng(0), zip(x.numpy(), strength.tolist(), strict=True)
        theirs = np.stack([bench.CHANGES[k](row, s, rng) for row, s in rows])
        a, b = (np.square(np.asarray(seen) - x.numpy()).mean() for seen in (theirs, ours))
        assert a == pytest.approx(b, rel=0.2)

    @pytest.mark.slow
    def test_the_benchmark_of_a_gpu_runs_on_a_cpu_too(self, load_benchmark, monkeypatch, tmp_path):
        speed, gpu = load_benchmark("speed"), load_benchmark("gpu")
        for module in (speed, gpu):
            monkeypatch.setattr(module, "NETWORK", UNet(width=2, depth=1, stem_stride=4))
            monkeypatch.setattr(module, "WINDOW", 64)
            monkeypatch.setattr(module, "make_data", lambda: (X[:, :400], y[:, :400]))
        X, y = make_recordings(10, n_samples=400, random_state=0)
        monkeypatch.setattr(speed.base, "_HISTORY_ROWS", speed.base._HISTORY_ROWS)
        path = tmp_path / "gpu.json"
        gpu.main(f"--device cpu --steps 3 --rounds 1 --samples 3000 --results {path}".split())
        step, waiting, predict, batch, accuracy = speed.read_results(path)
        assert set(step["bfloat16"]["milliseconds"]) == {"fit", "bare loop"}
        assert waiting["skipped"].startswith("only CUDA")
        assert predict["float32"]["million_samples_per_second"]["predict"] > 0
        assert batch["largest"] == 64
        assert accuracy["skipped"] == "no --data"

    def test_the_benchmark_of_a_gpu_compares_fits_over_seeds(self, load_benchmark):
        scores = {"cpu float32": [0.8, 0.9], "cuda float32": [0.81, 0.93]}
        found = load_benchmark("gpu").compare_scores(scores)["cuda float32"]
        assert found == {"difference": 0.02, "standard_error": 0.01}

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_the_benchmark_of_a_gpu_is_refused_without_one(self, load_benchmark):
        with pytest.raises(SystemExit, match="finds no CUDA device here.*pass --device cpu"):
            load_benchmark("gpu").main([])

    def test_every_condition_of_the_study_is_run_once(self, load_benchmark):
        conditions = load_benchmark("study_conditions")
        listed = conditions.list_conditions([1, 2, 3, 4, 5, 6])
        keys = [str(condition.key()) for condition in listed]
        assert len(set(keys)) == len(keys) <= 200
        by_part = [condition for part in range(1, 7) for condition in conditions.list_conditions([part])]
        assert {str(condition.key()) for condition in by_part} == set(keys)
        assert all(condition in listed for split in (0, 1) for condition in conditions.list_core(split))

    def test_a_condition_of_the_study_is_run_from_data_to_figures(self, load_benchmark, monkeypatch):
        study, conditions = load_benchmark("study"), load_benchmark("study_conditions")
        monkeypatch.setattr(study, "STEPS", 8)
        where = {"data": "sensor", "labeled": 1, "start": "pooled"}
        result = study.run(conditions.Condition("fixmatch", 0, **where), study.Ludb(None))
        assert 0 <= result["test"]["mean_iou"] <= 1
        assert 0 <= result["mask_rate"] <= 1
        assert result["watch"][-1]["step"] == 8
        assert load_benchmark("study_tables").Results([result]).find(**where) == {0: result}

    def test_labels_are_corrupted_as_the_study_says(self, load_benchmark):
        data = load_benchmark("study_data")
        y = np.tile(np.repeat([0, 1, 0, 2, 0, 3, -1], 40), (50, 1))
        rng = np.random.default_rng(0)
        wrong = data.confuse_waves(y, 0.2, rng)
        assert ((y > 0) == (wrong > 0)).all()
        assert 0.1 < (wrong != y)[y > 0].mean() < 0.3
        shifted = data.shift_boundaries(y, 20.0, rng)
        assert ((shifted < 0) == (y < 0)).all()
        changes = [np.flatnonzero(np.diff(labels)) for labels in shifted]
        assert {len(at) for at in changes} == {6}
        assert 1.5 < np.std([at[:5] - [39, 79, 119, 159, 199] for at in changes]) < 2.5  # 20 ms are two samples

    def test_the_study_page_shows_the_committed_results(self, load_benchmark):
        page = (ROOT / "docs" / "study.md").read_text()
        study, tables, pages = (load_benchmark(name) for name in ("study", "study_tables", "study_page"))
        runs = study.read_results(study.RESULTS)
        assert pages.describe_runs(runs) in page
        for name, table in pages.make_tables(runs).items():
            assert f"<!-- study {name}: begin -->\n\n{table}\n" in page
        assert set(tables.TABLES) == set(pages.make_tables(runs))

    def test_the_benchmark_pages_show_the_committed_results(self, load_benchmark):
        page = (ROOT / "docs" / "benchmarks.md").read_text()
        ludb, kinds = load_benchmark("ludb"), load_benchmark("kinds")
        assert ludb.make_tables(ludb.read_results(ludb.RESULTS)) in page
        assert ludb.make_tables(ludb.read_results(ludb.EARLIER)) in page
        assert kinds.make_table(kinds.read_results(kinds.RESULTS)) in page
        bench = load_benchmark("augment")
        assert bench.make_table(bench.read_results(bench.RESULTS)) in page
        decoders = load_benchmark("decoders")
        assert decoders.make_table(decoders.read_results(decoders.RESULTS)) in page
        speed = load_benchmark("speed")
        assert speed.make_tables(speed.read_results(speed.RESULTS)) in (ROOT / "docs" / "speed.md").read_text()

    def test_the_speed_page_shows_the_committed_results_of_onnxruntime(self, load_benchmark):
        pytest.importorskip("onnxruntime")
        bench = load_benchmark("onnx_speed")
        assert bench.make_table(bench.read_results(bench.RESULTS)) in (ROOT / "docs" / "speed.md").read_text()
