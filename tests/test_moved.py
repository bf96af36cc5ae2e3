"""Old import paths: they return the same objects as the new paths, and warn."""

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

from sslts._moved import _MODULES

# Old module, name, new module; at least one name of every old module.
MOVED = [
    ("averaging", "AveragedModule", "training"),
    ("batches", "Batch", "training"),
    ("batches", "Losses", "training"),
    ("batches", "WindowDataset", "training"),
    ("callbacks", "LossRecorder", "training"),
    ("classes", "weigh_classes", "annotations"),
    ("clocks", "check_sampling_rate", "recordings"),
    ("decoding.predicting", "predict_both", "decoding"),
    ("decoding.statistics", "SegmentStatistics", "annotations"),
    ("decoding.statistics", "measure_segments", "annotations"),
    ("decoding.tuning", "tune_decoder", "model_selection"),
    ("hardware", "choose_device", "training"),
    ("labels", "LabelRuns", "annotations"),
    ("matching", "match_segments", "metrics"),
    ("matching", "pair_labels", "annotations"),
    ("model_selection.labels", "read_labels", "annotations"),
    ("model_selection.labels", "mask_labels", "model_selection"),
    ("normalization", "standardize_locally", "recordings"),
    ("notices", "warn", "_notices"),
    ("outputs", "Output", "recordings"),
    ("persistence.registry", "get_import_path", "persistence._values"),
    ("segments.labels", "check_labels", "annotations"),
    ("segments.labels", "check_sampling_rate", "recordings"),
    ("segments.labels", "find_runs", "_runs"),
    ("sources", "read_source", "recordings"),
    ("streaming", "StreamSegmenter", "prediction"),
    ("values", "as_real", "recordings"),
    ("windows", "SignalSummary", "annotations"),
    ("windows", "WindowSampler", "training"),
    ("wrapping", "find_fitted", "_wrapping"),
    ("wrapping", "fingerprint", "_fingerprints"),
]
# Names that moved out of rooms that still exist.
MOVED_NAMES = [
    *[("decoding", name, "model_selection") for name in ("compare_decoders", "suggest_decoders", "tune_decoder")],
    *[
        ("segments", name, "annotations")
        for name in ("align_labels", "check_integers", "check_labels", "is_flat", "order_labels", "sort_times")
    ],
    ("segments", "check_sampling_rate", "recordings"),
]


def test_every_old_module_is_tested():
    assert {old for old, _, _ in MOVED} == set(_MODULES)


@pytest.mark.parametrize("old", _MODULES)
def test_an_old_module_is_importable_and_its_new_modules_exist(old):
    module = import_module(f"sslts.{old}")
    assert module.__name__ == f"sslts.{old}"
    assert [import_module(f"sslts.{new}").__name__ for new in _MODULES[old]]


@pytest.mark.parametrize(("old", "name", "new"), [*MOVED, *MOVED_NAMES])
def test_an_old_path_returns_the_same_object_and_warns_once(old, name, new):
    module, wanted = import_module(f"sslts.{old}"), getattr(import_module(f"sslts.{new}"), name)
    with pytest.warns(FutureWarning) as caught:
        assert getattr(module, name) is wanted
    assert [str(one.message) for one in caught] == [f"sslts.{old}.{name} has moved; import it from sslts.{new}."]
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("old", "name", "new"), [*MOVED, *MOVED_NAMES])
def test_an_import_statement_shows_one_warning(old, name, new):
    found = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        exec(f"from sslts.{old} import {name}", found)
    assert found[name] is getattr(import_module(f"sslts.{new}"), name)
    assert [one.category for one in caught] == [FutureWarning]


def test_a_name_that_became_private_is_found():
    from sslts.persistence._values import _find_class

    assert import_module("sslts.persistence.registry").find_class is _find_class


@pytest.mark.parametrize("old", [*_MODULES, "decoding", "segments"])
def test_an_unknown_name_is_refused_by_the_name_of_the_module(old):
    with pytest.raises(AttributeError, match=f"module 'sslts.{old}' has no attribute 'no_such_name'"):
        import_module(f"sslts.{old}").no_such_name  # noqa: B018
    with pytest.raises(ImportError, match=f"cannot import name 'no_such_name' from 'sslts.{old}'"):
        exec(f"from sslts.{old} import no_such_name", {})


def test_an_unknown_module_is_refused():
    with pytest.raises(ModuleNotFoundError, match=r"sslts\.no_such_module"):
        import_module("sslts.no_such_module")


def test_the_package_imports_no_old_module():
    code = f"import sys, sslts; print(sorted(name for name in {list(_MODULES)} if f'sslts.{{name}}' in sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
