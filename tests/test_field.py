"""The field benchmark: its loader, its splits, its figures and its page."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from sslts import metrics

ROOT = Path(__file__).parents[1]


@pytest.fixture
def load_benchmark(monkeypatch):
    """Return a function that imports a benchmark as a script of its folder does."""
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    return importlib.import_module


@pytest.fixture
def folder(tmp_path):
    """A folder with one set: nine recordings of three days, two channels."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(200, 300, 9)
    labels = np.concatenate([np.repeat([0, 1, 0, 2, 0], 60)[:n] for n in lengths])
    arrays = {
        "signals": (100 * (labels[:, None] + rng.normal(0, 0.1, (len(labels), 2)))).astype(np.int16),
        "scale": np.array([0.01, 0.02]),
        "labels": labels.astype(np.int8),
        "lengths": lengths,
        "unit": np.repeat([7, 8, 9], 3),
        "classes": np.array(["none", "a", "b"]),
    }
    (tmp_path / "water").mkdir()
    np.savez(tmp_path / "water" / "water.npz", **arrays)
    return tmp_path


class TestLoader:
    def test_signals_have_channels_first_and_their_scale(self, load_benchmark, folder):
        arrays = load_benchmark("field_data").load_arrays(folder / "water" / "water.npz")
        assert arrays.X[0].shape == (2, len(arrays.y[0]))
        assert arrays.X[0].dtype == np.float32
        np.testing.assert_allclose(arrays.X[0][1] / 2, arrays.X[0][0], atol=0.5)
        assert arrays.classes == ("none", "a", "b")
        assert arrays.second is None

    def test_a_second_annotator_is_read(self, load_benchmark, folder):
        path = folder / "water" / "water.npz"
        with np.load(path) as data:
            np.savez(path, **data, second=data["labels"])
        arrays = load_benchmark("field_data").load_arrays(path)
        np.testing.assert_array_equal(np.concatenate(arrays.second), np.concatenate(arrays.y))
        agreement = load_benchmark("field").measure_agreement
        load_benchmark("field").load.cache_clear()
        with pytest.raises(ValueError, match="12 labeled units are wanted, but only 2 units are for training"):
            agreement("water", folder, 0)

    @pytest.mark.parametrize("missing", ["labels", "unit"])
    def test_a_missing_array_is_named(self, load_benchmark, folder, missing):
        path = folder / "water" / "water.npz"
        with np.load(path) as data:
            np.savez(path, **{name: data[name] for name in data if name != missing})
        with pytest.raises(ValueError, match=rf"lacks the arrays \['{missing}'\]"):
            load_benchmark("field_data").load_arrays(path)

    def test_lengths_that_do_not_add_up_are_refused(self, load_benchmark, folder):
        path = folder / "water" / "water.npz"
        with np.load(path) as data:
            np.savez(path, **{**data, "lengths": data["lengths"] + 1})
        with pytest.raises(ValueError, match="these must agree"):
            load_benchmark("field_data").load_arrays(path)

    def test_synthetic_kinds_need_no_folder(self, load_benchmark):
        data = load_benchmark("field_data")
        arrays = data.SETS["touching"].load(None)
        assert len(arrays.X) == len(np.unique(arrays.unit)) == data.N_SYNTHETIC
        joined = np.concatenate(arrays.y)
        assert ((joined[:-1] == 1) & (joined[1:] == 2)).any()  # strokes touch
        with pytest.raises(ValueError, match="name it with --data FOLDER"):
            data.SETS["tug"].load(None)


class TestSplit:
    def test_no_unit_is_in_two_parts(self, load_benchmark):
        data = load_benchmark("field_data")
        for split in range(3):
            parts = data.split_units(np.repeat(np.arange(15), 4), split, 2, data.SETS["tug"])
            assert [len(part) for part in parts] == [2, 8, 5]
            assert len(np.unique(np.concatenate(parts))) == 15

    def test_a_unit_in_the_test_and_in_training_is_refused(self, load_benchmark):
        data = load_benchmark("field_data")
        with pytest.raises(ValueError, match=r"The units \[4\] are in the test and in training"):
            data.check_split(data.Split(np.array([3, 4]), np.array([5]), np.array([4, 6])))

    def test_more_labeled_units_than_there_are_are_refused(self, load_benchmark):
        data = load_benchmark("field_data")
        with pytest.raises(ValueError, match="9 labeled units are wanted, but only 4 units are for training"):
            data.split_units(np.arange(6), 0, 9, data.SETS["tug"])

    def test_all_units_of_training_are_labeled_for_the_ceiling(self, load_benchmark):
        data = load_benchmark("field_data")
        parts = data.split_units(np.arange(9), 0, None, data.SETS["tug"])
        assert [len(part) for part in parts] == [6, 0, 3]

    def test_a_class_that_no_labeled_unit_holds_is_named(self, load_benchmark):
        data = load_benchmark("field_data")
        y = [np.array([0, 1, 1]), np.array([0, 2, -1])]
        arrays = data.Arrays([np.zeros((1, 3))] * 2, y, np.array([5, 6]), ("none", "tap", "shower"))
        assert data.find_missing(arrays, np.array([5])) == ["shower"]
        assert data.find_missing(arrays, np.array([5, 6])) == []


class TestFigures:
    def test_they_are_those_of_the_metrics_where_both_have_them(self, load_benchmark):
        rng = np.random.default_rng(0)
        truth = [np.repeat(rng.integers(-1, 3, 30), 10) for _ in range(5)]
        predicted = [np.where(rng.random(300) < 0.9, np.maximum(t, 0), rng.integers(0, 3, 300)) for t in truth]
        found = load_benchmark("field_figures").measure(truth, predicted)
        assert found["mean_iou"] == metrics.mean_iou(truth, predicted)
        assert found["segment_f1"] == pytest.approx(metrics.segment_f1(truth, predicted, average="micro"))
        f1 = 2 * found["precision"] * found["recall"] / (found["precision"] + found["recall"])
        assert f1 == pytest.approx(found["segment_f1"])

    def test_counts_are_of_classes_that_a_recording_has(self, load_benchmark):
        truth = [np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1, 0, 0, 0, 0])]
        predicted = [np.array([0, 1, 0, 1, 0, 0]), np.array([0, 1, 0, 2, 0, 0])]
        found = load_benchmark("field_figures").measure(truth, predicted)
        assert found["exact"] == pytest.approx(2 / 3)  # the second recording has no class 2
        assert found["count_error"] == pytest.approx(2 / 4)
        assert found["length_error"] == 0

    def test_a_prediction_outside_the_labels_does_not_count(self, load_benchmark):
        truth = [np.array([0, 1, 1, 0, -1, -1, -1])]
        predicted = [np.array([0, 1, 1, 0, 2, 0, 2])]
        assert load_benchmark("field_figures").measure(truth, predicted)["count_error"] == 0


def test_a_draw_is_run_from_data_to_the_tables(load_benchmark, folder, tmp_path, monkeypatch):
    field, data, page = (load_benchmark(name) for name in ("field", "field_data", "field_page"))
    monkeypatch.setitem(data.SETS, "water", data.Kind("a test", data._read("water"), "days", 1))
    field.load.cache_clear()
    rows = []
    for method, subset, size in (
        ("supervised", "test", "few"),
        ("forest", "test", "few"),
        ("forest", "validation", "few"),
        ("supervised", "test", "all"),
    ):
        for decoder in field.DECODERS:
            key = {"set": "water", "method": method, "split": 0, "labeled": size, "subset": subset}
            key |= {"steps": 0 if method == "forest" else 2, "params": {}, "decoder": decoder}
            rows.append(field.run(key, folder, tmp_path / "models"))
            assert 0 <= rows[-1]["mean_iou"] <= 1
    assert [row["n_unlabeled"] for row in rows] == [1] * 6 + [0] * 2
    assert len(list((tmp_path / "models").glob("*.sslts"))) == 3  # a model serves both decoders and both subsets
    frame = page.pd.DataFrame([row for row in rows if row["subset"] == "test"]).assign(is_earlier=False)
    usual = frame[frame["decoder"] == "default"]
    table = page.make_main_table(usual)
    assert "| water: a test | 1 of 2 days | 1 |" in table
    assert page.MARK not in table
    assert "window features" in page.make_decoder_table(frame)
    assert page.make_detail_table(frame).count("\n| water") == 3
    both = page.pd.concat([usual, usual.assign(is_earlier=True)])
    assert "| water | labels alone | 1 |" in page.make_change_table(both)
    assert page.MARK in page.make_main_table(usual.assign(is_earlier=True))


def test_the_page_shows_the_committed_results(load_benchmark):
    field, pages = load_benchmark("field"), load_benchmark("field_page")
    page = (ROOT / "docs" / "field.md").read_text()
    for name, table in pages.make_tables(field.read_results(field.RESULTS)).items():
        assert f"<!-- {name}: begin -->\n\n{table}\n\n<!-- {name}: end -->" in page
