import functools
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import LUDB, needs_ludb

from sslts.datasets import load_ludb
from sslts.datasets.ludb import _label_samples, _parse_waves

wfdb = pytest.importorskip("wfdb")

N_SAMPLES = 2000
MARKS = {  # record, lead -> symbols and samples
    (1, "i"): ("(p)(N)(t)", [400, 420, 440, 500, 520, 540, 700, 750, 801]),
    (1, "v1"): ("N)(t)N()", [500, 560, 700, 750, 800, 1200, 1202, 1250]),
    (3, "i"): ("(N)(t(p)(N)", [300, 320, 340, 500, 550, 700, 720, 740, 800, 820, 840]),
    (3, "v1"): ("(N)", [900, 920, 940]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder in PhysioNet's layout with two records of two leads."""
    root = tmp_path_factory.mktemp("ludb")
    data = root / "data"
    data.mkdir()
    rng = np.random.default_rng(0)
    for record in (1, 3):
        wave = np.sin(np.arange(N_SAMPLES)[:, None] / 40) + 0.1 * rng.standard_normal((N_SAMPLES, 2)) + [1, -1]
        wfdb.wrsamp(str(record), 500, ["mV", "mV"], ["i", "v1"], wave, fmt=["16", "16"], write_dir=str(data))
        for lead in ("i", "v1"):
            symbols, samples = MARKS[record, lead]
            wfdb.wrann(str(record), "x", np.array(samples), list(symbols), fs=500, write_dir=str(data))
            (data / f"{record}.x").rename(data / f"{record}.{lead}")
    return root


def spans(labels):
    """Return the runs of equal labels as (label, first, last)."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts, stops = np.r_[0, edges], np.r_[edges, len(labels)]
    return [(int(labels[a]), int(a), int(b) - 1) for a, b in zip(starts, stops, strict=True)]


class TestWhatIsReturned:
    def test_it_unpacks_in_the_order_of_its_fields(self, folder):
        X, y, groups, class_names = loaded = load_ludb(folder)
        assert loaded._fields == ("X", "y", "groups", "class_names")
        assert X.shape == y.shape == (4, N_SAMPLES // 2)
        assert (X.dtype, y.dtype, groups.dtype) == (np.float32, np.int64, np.int64)
        assert class_names == ("background", "P", "QRS", "T")

    def test_rows_go_patient_by_patient_and_groups_name_the_patient(self, folder):
        loaded = load_ludb(folder)
        assert loaded.groups.tolist() == [1, 1, 3, 3]
        np.testing.assert_array_equal(load_ludb(folder, leads=["v1"]).X, loaded.X[1::2])
        np.testing.assert_array_equal(load_ludb(folder, records=[3]).y, loaded.y[2:])

    def test_leads_and_records_come_in_the_order_asked_for(self, folder):
        loaded = load_ludb(folder)
        swapped = load_ludb(str(folder), leads=("V1", "i"), records=[3, 1])
        np.testing.assert_array_equal(swapped.X, loaded.X[[3, 2, 1, 0]])
        assert swapped.groups.tolist() == [3, 3, 1, 1]

    def test_the_data_folder_is_accepted_too(self, folder):
        np.testing.assert_array_equal(load_ludb(folder / "data").X, load_ludb(folder).X)

    def test_the_original_rate_without_filter_returns_the_file_in_millivolt(self, folder):
        X = load_ludb(folder, sampling_rate=500, bandpass=None).X
        expected = wfdb.rdrecord(str(folder / "data" / "1")).p_signal.T.astype(np.float32)
        np.testing.assert_array_equal(X[:2], expected)

    def test_the_bandpass_removes_offset_and_fast_oscillations(self, folder):
        raw, filtered = load_ludb(folder, bandpass=None).X, load_ludb(folder).X
        assert np.abs(raw.mean(axis=1)).min() > 0.5
        assert np.abs(filtered.mean(axis=1)).max() < 0.1
        power = np.abs(np.fft.rfft(filtered)) ** 2
        assert power[:, np.fft.rfftfreq(1000, 1 / 250) > 60].sum() < 1e-3 * power.sum()


class TestLabels:
    def test_a_wave_includes_onset_and_offset_and_samples_outside_are_unlabeled(self, folder):
        y = load_ludb(folder, sampling_rate=500).y
        assert spans(y[0]) == [
            (-1, 0, 399),
            (1, 400, 440),
            (0, 441, 499),
            (2, 500, 540),
            (0, 541, 699),
            (3, 700, 801),
            (-1, 802, 1999),
        ]

    def test_a_qrs_without_onset_starts_at_its_peak(self, folder):
        y = load_ludb(folder, sampling_rate=500).y
        assert spans(y[1])[1:-1] == [(2, 500, 560), (0, 561, 699), (3, 700, 800), (0, 801, 1199), (2, 1200, 1250)]

    def test_samples_around_garbled_marks_are_unlabeled(self, folder):
        y = load_ludb(folder, sampling_rate=500).y
        assert spans(y[2])[1:-1] == [(2, 300, 340), (-1, 341, 699), (1, 700, 740), (0, 741, 799), (2, 800, 840)]

    @pytest.mark.parametrize("sampling_rate", [100, 250, 360, 1000])
    def test_resampled_labels_are_those_of_the_nearest_sample(self, folder, sampling_rate):
        original = load_ludb(folder, sampling_rate=500, bandpass=None).y
        X, y, *_ = load_ludb(folder, sampling_rate=sampling_rate, bandpass=None)
        assert X.shape[1] == y.shape[1] == N_SAMPLES * sampling_rate // 500
        nearest = np.rint(np.arange(y.shape[1]) * 500 / sampling_rate).astype(int).clip(max=N_SAMPLES - 1)
        np.testing.assert_array_equal(y, original[:, nearest])

    @given(st.lists(st.sampled_from(["(p)", "(N)", "(t)", "N)", "N()"]), max_size=8), st.integers(1, 9))
    def test_clean_marks_give_one_wave_each_without_unlabeled_gaps(self, waves, step):
        symbols = "".join(waves)
        samples = step * (1 + np.arange(len(symbols)))
        labels = _label_samples(symbols, samples, step * (len(symbols) + 2))
        found = _parse_waves(symbols, samples)
        assert len(found) == len(waves)
        assert not any(garbled for *_, garbled in found)
        known = np.flatnonzero(labels >= 0)
        if waves:
            np.testing.assert_array_equal(known, np.arange(samples[0], samples[-1] + 1))
        else:
            assert known.size == 0

    @given(st.text("()pNt", max_size=30))
    def test_any_marks_can_be_read_and_waves_follow_one_another(self, symbols):
        samples = 3 * np.arange(len(symbols))
        found = _parse_waves(symbols, samples)
        assert all(first < last for _, first, last, _ in found)
        assert all(a[2] < b[1] for a, b in pairwise(found))
        labels = _label_samples(symbols, samples, 100)
        assert all((labels[first : last + 1] == label).all() for label, first, last, _ in found)


class TestSemisegecgProtocol:
    def test_samples_outside_the_span_are_held_and_labeled_background(self, folder):
        masked = load_ludb(folder)
        held = load_ludb(folder, protocol="semisegecg")
        for x, y, held_x, held_y in zip(masked.X, masked.y, held.X, held.y, strict=True):
            first, last = np.flatnonzero(y >= 0)[[0, -1]]
            np.testing.assert_array_equal(held_x[first : last + 1], x[first : last + 1])
            assert (held_x[:first] == x[first]).all()
            assert (held_x[last:] == x[last]).all()
            np.testing.assert_array_equal(held_y, np.where(y < 0, 0, y))


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"protocol": "other"}, "protocol"),
            ({"leads": "ii"}, "leads='ii'; give \"all\" or a list"),
            ({"leads": ["i", "v9"]}, "v9"),
            ({"leads": []}, "leads"),
            ({"records": [1, 2]}, r"\[2\] not among"),
            ({"records": []}, "records"),
            ({"sampling_rate": 0}, "sampling_rate"),
            ({"sampling_rate": 60}, "bandpass"),
            ({"bandpass": (40, 1)}, "bandpass"),
            ({"bandpass": (1,)}, "bandpass"),
        ],
    )
    def test_a_wrong_argument_is_named(self, folder, arguments, message):
        with pytest.raises(ValueError, match=message):
            load_ludb(folder, **arguments)

    def test_a_folder_without_records_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no WFDB records"):
            load_ludb(tmp_path)

    def test_a_missing_annotation_is_named(self, folder, tmp_path):
        shutil.copytree(folder / "data", tmp_path / "data")
        (tmp_path / "data" / "3.v1").unlink()
        with pytest.raises(FileNotFoundError, match="record 3, lead v1"):
            load_ludb(tmp_path)

    @pytest.mark.parametrize(("module", "path"), [("wfdb", "given"), ("pooch", None)])
    def test_a_missing_extra_says_what_to_install(self, folder, monkeypatch, module, path):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=f"pip install {module}"):
            load_ludb(folder if path else None)


def test_importing_the_datasets_loads_nothing_heavy():
    code = (
        "import sslts.datasets, sys;"
        "print([m for m in ('torch', 'skorch', 'sklearn', 'pandas', 'wfdb', 'pooch', 'tqdm') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.fixture(scope="module")
def marks():
    """Return the marks of each lead of each record, reading each header only once."""
    leads = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wfdb.io.record, "rdheader", functools.cache(wfdb.io.record.rdheader))
        return {(n, lead): wfdb.rdann(str(LUDB / "data" / str(n)), lead) for n in range(1, 201) for lead in leads}


@needs_ludb
class TestTheWholeDatabase:
    def test_every_wave_is_found(self, marks):
        counts, without_onset, garbled = {1: 0, 2: 0, 3: 0}, [], []
        for lead, mark in marks.items():
            symbol_at = dict(zip(mark.sample, mark.symbol, strict=True))
            waves = _parse_waves(mark.symbol, mark.sample)
            for label, first, *_ in waves:
                counts[label] += 1
                without_onset += [lead] * (symbol_at[first] == "N")
            if len(waves) < sum(symbol in "pNt" for symbol in mark.symbol):
                garbled.append(lead)
        # LUDB has 21,965 QRS peaks; the last peak of record 8 in v5 lies outside its onset and offset marks.
        assert counts == {1: 16_796, 2: 21_964, 3: 19_650}
        assert (len(without_onset), len(set(without_onset))) == (121, 26)
        assert garbled == [(8, "v5"), (116, "v1"), (116, "v2"), (116, "v4"), (198, "v2")]

    def test_the_classes_have_their_known_shares(self, marks):
        labels = {lead: _label_samples(mark.symbol, mark.sample, 5000) for lead, mark in marks.items()}
        y = np.stack(list(labels.values()))
        shares = [100 * float((y == label).mean()) for label in (-1, 0, 1, 2, 3)]
        assert shares == pytest.approx([26.9, 42.2, 6.9, 9.2, 14.8], abs=0.06)
        with_p = {record for (record, _), row in labels.items() if (row == 1).any()}
        assert len(with_p) == 200 - 24

    def test_loading_gives_every_lead_of_a_record(self):
        X, y, groups, _ = load_ludb(LUDB, records=[1, 200, 7])
        assert X.shape == y.shape == (36, 2500)
        assert groups.tolist() == [1] * 12 + [200] * 12 + [7] * 12
        assert np.isfinite(X).all()
