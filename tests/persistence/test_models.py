"""A saved model comes back bit for bit; a damaged, foreign or unknown file is refused."""

import functools
import json
import os
import pickle
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping
from small import SEGMENTERS, TINY, PlainNetwork, every_other

import sslts
from sslts import SelfTrainingSegmenter, StreamSegmenter, SupervisedSegmenter, _files
from sslts._wrapping import find_fitted
from sslts.annotations import measure_segments
from sslts.augment import Augmenter, Compose, NumpyFunction, ValueFunction
from sslts.decoding import DurationViterbi, Hysteresis
from sslts.metrics import mean_iou_scorer
from sslts.model_selection import tune_decoder
from sslts.networks import UNet
from sslts.persistence import PersistenceError, files, read_card
from sslts.persistence.__main__ import main
from sslts.persistence._values import Decoder, Encoder, _list_classes
from sslts.preprocessing import RecordingStandardizer
from sslts.recipes import Recipe
from sslts.thresholds import (
    CurriculumThreshold,
    FixedThreshold,
    RelativeThreshold,
    SelfAdaptiveThreshold,
    SoftThreshold,
    Threshold,
)

THRESHOLDS = [
    0.9,
    np.float64(0.9),
    FixedThreshold(0.7, alignment="labeled"),
    CurriculumThreshold(0.6),
    SelfAdaptiveThreshold(fairness=0.01, alignment="uniform"),
    SoftThreshold(alignment="uniform"),
    RelativeThreshold(0.8, alignment="labeled"),
]
OTHER_THRESHOLDS = [
    cls()
    for cls in _list_classes().values()
    if issubclass(cls, Threshold) and cls is not Threshold and cls not in set(map(type, THRESHOLDS))
]


@dataclass(frozen=True)
class OwnRecipe(Recipe):
    size: int = 5

    def __call__(self, n_channels, n_classes):
        return torch.nn.Conv1d(n_channels, n_classes, self.size, padding=self.size // 2)


@dataclass(frozen=True)
class OwnView(Augmenter):
    factor: float = 2.0

    def __call__(self, tracks, generator):
        return tracks.replace(x=self.factor * tracks.x)


class Opaque:
    def __call__(self, x):
        return -x


class Watch(Callback):
    """A callback that evaluates other recordings during training."""

    def __init__(self, X, y):
        self.X, self.y = X, y


def turn(x):
    return -x


def fit(kind="fixmatch", data=None, **params):
    fast = {"max_steps": 2, "batch_size": 2, "network": TINY, "random_state": 0}
    return SEGMENTERS[kind](**{**fast, **params}).fit(*data)


def reload(segmenter, tmp_path, **options):
    segmenter.save(tmp_path / "model.sslts")
    return sslts.load(tmp_path / "model.sslts", **options)


def assert_same(again, segmenter, X):
    assert type(again) is type(segmenter)
    assert again.get_params() == segmenter.get_params()
    np.testing.assert_array_equal(again.predict_proba(X), segmenter.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), segmenter.predict(X))
    pd.testing.assert_frame_equal(again.predict_segments(X), segmenter.predict_segments(X))
    pd.testing.assert_frame_equal(again.history_, segmenter.history_)
    np.testing.assert_array_equal(again.classes_, segmenter.classes_)


def pass_through(value):
    encoder = Encoder()
    coded = json.loads(json.dumps(encoder.encode(value, "x"), allow_nan=False))
    return Decoder(encoder.tensors).decode(coded)


class TestRoundTrip:
    @pytest.mark.parametrize("kind", SEGMENTERS)
    def test_every_estimator(self, partly, tmp_path, kind):
        X, y = partly
        segmenter = fit(kind, partly, class_weight="balanced", sampling_rate=100.0)
        again = reload(segmenter, tmp_path)
        assert_same(again, segmenter, X)
        assert again.predict([X[0][:100], X[1]])[0].shape == (100,)
        names = {name for name in vars(segmenter) if name.endswith("_")}
        assert {name for name in vars(again) if name.endswith("_")} == names
        assert again.statistics_ == segmenter.statistics_
        assert again.training_set_ == segmenter.training_set_
        assert again.net_.step_ == 2
        for a, b in zip(again.net_.module_.parameters(), segmenter.net_.module_.parameters(), strict=True):
            assert torch.equal(a, b)
            assert a.stride() == b.stride()
        again.set_params(warm_start=True).fit(X, y)  # the loaded segmenter can be trained

    @pytest.mark.parametrize(
        "params",
        [
            pytest.param({}, marks=pytest.mark.slow),
            pytest.param({"shares": (0.5, 1.0)}, marks=pytest.mark.slow),
            {"shares": [1.0], "rank": "agreement"},
            {"segmenter": None},
        ],
        ids=["threshold", "shares", "agreement", "default"],
    )
    def test_self_training(self, partly, tmp_path, params, monkeypatch):
        inner = SupervisedSegmenter(max_steps=2, batch_size=2, network=TINY, random_state=0)
        segmenter = SelfTrainingSegmenter(**{"segmenter": inner, **params})
        if segmenter.segmenter is None:
            monkeypatch.setattr(SelfTrainingSegmenter, "_get_base", lambda self: inner)
        segmenter.fit(*partly)
        again = reload(segmenter, tmp_path)
        assert again.get_params(deep=False).keys() == segmenter.get_params(deep=False).keys()
        if params.get("segmenter", inner) is not None:
            again.segmenter = segmenter.segmenter  # estimators are compared by identity
        assert_same(again, segmenter, partly[0])
        assert again.segmenter_.get_params() == segmenter.segmenter_.get_params()
        assert all(map(np.array_equal, again.labels_, segmenter.labels_))

    @pytest.mark.parametrize("threshold", [*THRESHOLDS, *OTHER_THRESHOLDS], ids=repr)
    def test_every_threshold_with_its_statistics(self, partly, tmp_path, threshold):
        segmenter = fit("pseudo_label", partly, threshold=threshold)
        again = reload(segmenter, tmp_path)
        assert_same(again, segmenter, partly[0])
        wanted = segmenter.net_.criterion_.state_dict()
        for name, value in again.net_.criterion_.state_dict().items():
            assert torch.equal(value, wanted.pop(name))
        assert not wanted

    @pytest.mark.parametrize(
        ("before", "after"),
        every_other(
            product(
                [FixedThreshold(), SelfAdaptiveThreshold()],
                [FixedThreshold(0.5), SelfAdaptiveThreshold(), CurriculumThreshold()],
            )
        ),
    )
    def test_a_threshold_that_was_set_after_the_fit(self, partly, tmp_path, before, after):
        segmenter = fit("fixmatch", partly, threshold=before).set_params(threshold=after)
        again = reload(segmenter, tmp_path)
        assert_same(again, segmenter, partly[0])
        assert_same(reload(again, tmp_path), segmenter, partly[0])
        again.fit(*partly)

    def test_decoders_with_and_without_statistics(self, partly, labeled, tmp_path):
        X, _ = partly
        segmenter = fit("supervised", partly)
        for decoder in (
            Hysteresis(onset={1: 0.6}, offset=0.2, min_length={1: 5}),
            Hysteresis(statistics=segmenter.statistics_),
            DurationViterbi(weight=0.5, forbidden=((0, 0),), statistics=measure_segments([[0, 1, 1, 0]])),
            tune_decoder(segmenter, *labeled, "count"),
        ):
            segmenter.set_params(decoder=decoder)
            assert_same(reload(segmenter, tmp_path), segmenter, X)

    def test_the_model_it_started_from(self, partly, tmp_path):
        first = fit("supervised", partly)
        segmenter = fit("supervised", partly, init=first)
        again = reload(segmenter, tmp_path)
        np.testing.assert_array_equal(again.init.predict_proba(partly[0]), first.predict_proba(partly[0]))
        again.init = first
        assert_same(again, segmenter, partly[0])
        again.fit(*partly)

    def test_a_file_does_not_grow_with_the_models_before_the_one_it_started_from(self, partly, tmp_path):
        segmenter, sizes = None, []
        for _ in range(4):
            segmenter = fit("supervised", partly, init=segmenter)
            segmenter.save(tmp_path / "model.sslts")
            sizes.append((tmp_path / "model.sslts").stat().st_size)
        assert sizes[1] > 1.5 * sizes[0]
        assert sizes[3] < 1.1 * sizes[1]
        again = sslts.load(tmp_path / "model.sslts")
        assert again.init.init is None
        np.testing.assert_array_equal(again.init.predict_proba(partly[0]), segmenter.init.predict_proba(partly[0]))

    def test_the_order_of_channels_is_checked_as_before(self, labeled, tmp_path):
        X, y = labeled
        index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[1])])
        frame = pd.DataFrame({"a": X.ravel(), "b": X[::-1].ravel()}, index)
        segmenter = fit("supervised", (frame, y))
        again = reload(segmenter, tmp_path)
        assert_same(again, segmenter, frame)
        for model in (segmenter, again):
            with pytest.raises(ValueError, match=r"X has the channels \['b', 'a'\]"):
                model.predict(frame[["b", "a"]])
        dates = pd.to_datetime(["2026-01-01", "2026-01-02"])  # names that a file can not hold
        assert reload(fit("supervised", (frame.set_axis(dates, axis=1), y)), tmp_path).channel_names_ is None

    @pytest.mark.parametrize("normalization", ["training", "local", None])
    def test_other_settings(self, labeled, tmp_path, normalization):
        X, y = labeled
        frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(X.shape[1])])
        labels = np.where(y == 1, 255, 7)
        segmenter = fit(
            "supervised", (frame, labels), normalization=normalization, background=7, class_weight={7: 1.0, 255: 2.5}
        )
        segmenter.set_params(normalization="recording")  # for the next fit
        again = reload(segmenter, tmp_path)
        assert read_card(tmp_path / "model.sslts")["normalization"] == normalization
        assert_same(again, segmenter, frame)
        assert again.feature_names_in_.tolist() == list(frame.columns)

    def test_networks_with_dropout_and_random_states(self, partly, tmp_path):
        state = np.random.RandomState(4)
        segmenter = fit("supervised", partly, network=UNet(width=4, depth=1, stem_stride=2, dropout=0.2))
        segmenter.set_params(random_state=state)
        again = reload(segmenter, tmp_path)
        assert again.random_state.randint(1000) == state.randint(1000)
        again.random_state = state
        assert_same(again, segmenter, partly[0])

    def test_streams_of_a_loaded_model(self, partly, tmp_path):
        segmenter = fit("supervised", partly)
        streams = [StreamSegmenter(one, location=0, scale=1) for one in (segmenter, reload(segmenter, tmp_path))]
        found = [pd.concat([stream.push(partly[0][0]), stream.flush()]) for stream in streams]
        pd.testing.assert_frame_equal(*found)

    def test_saving_twice_gives_the_same_file(self, partly, tmp_path):
        segmenter = fit("supervised", partly)
        segmenter.save(tmp_path / "a")
        sslts.load(tmp_path / "a").save(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_a_segmenter_that_is_not_fitted_is_not_saved(self, tmp_path):
        for segmenter in (SupervisedSegmenter(), SelfTrainingSegmenter()):
            with pytest.raises(NotFittedError):
                segmenter.save(tmp_path / "model.sslts")
        assert list(tmp_path.iterdir()) == []

    def test_without_pickle(self, partly, tmp_path, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("something was pickled")

        segmenter = fit("fixmatch", partly)
        for module, name in ((pickle, "dumps"), (pickle, "loads"), (torch, "save"), (torch, "load")):
            monkeypatch.setattr(module, name, fail)
        reload(segmenter, tmp_path)
        assert b"pickle" not in (tmp_path / "model.sslts").read_bytes()


class TestValues:
    FIELDS = {
        "ValueFunction": {"function": None},
        "NumpyFunction": {"function": None, "p": 0.5},
        "SktimeTransformer": {"transformer": None},
    }

    def test_every_recipe_that_ships_is_registered(self):
        for module in pkgutil.walk_packages(sslts.__path__, "sslts."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
        known = set(_list_classes().values())

        def visit(cls):
            for one in cls.__subclasses__():
                ours = one.__module__.startswith("sslts.") and not one.__module__.startswith("sslts.labeling.")
                if ours and not getattr(one, "__abstractmethods__", None):  # no model holds a strategy of labeling
                    assert one in known, one
                visit(one)

        visit(Recipe)
        assert {cls.__name__ for cls in known} == set(_list_classes())

    @pytest.mark.parametrize("name", [n for n, cls in _list_classes().items() if issubclass(cls, Recipe)])
    def test_every_recipe_comes_back_equal(self, name):
        recipe = _list_classes()[name](**self.FIELDS.get(name, {}))
        assert pass_through(recipe) == recipe
        for field, value in recipe.get_params(deep=False).items():
            if type(value) is float and 0 < value < 1:
                changed = recipe.replace(**{field: np.nextafter(value, 1)})
                assert pass_through(changed) == changed

    @settings(max_examples=40)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.lists(inner).map(tuple)
                | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers(), st.text()), inner)
            ),
        )
    )
    def test_plain_values_come_back_equal_and_of_their_type(self, value):
        again = pass_through(value)
        assert again == value
        assert repr(again) == repr(value)

    @pytest.mark.parametrize("dtype", ["?", "i1", "u1", "<i2", ">i4", "i8", "f2", ">f4", "f8", "u4", "U3", "O"])
    @pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
    def test_arrays(self, dtype, shape):
        array = np.arange(int(np.prod(shape))).reshape(shape).astype("U3" if dtype == "O" else dtype).astype(dtype)
        again = pass_through(array)
        np.testing.assert_array_equal(again, array)
        assert again.dtype == array.dtype.newbyteorder("=")
        assert again.shape == shape

    def test_views_and_shared_memory(self):
        base = torch.arange(12.0).reshape(3, 4)
        values = [base, base.T, base[:, 1], base]
        assert all(map(torch.equal, pass_through(values), values))
        array = np.arange(12.0).reshape(3, 4)
        assert all(map(np.array_equal, pass_through([array.T, array[::2]]), [array.T, array[::2]]))

    def test_special_numbers_and_lists_of_arrays(self):
        assert pass_through([np.inf, -np.inf, -0.0, np.float32(0.1), np.int64(3)]) == [
            np.inf,
            -np.inf,
            0,
            np.float32(0.1),
            3,
        ]
        assert np.isnan(pass_through(np.nan))
        ragged = [np.arange(3), np.arange(0), np.arange(5)]
        assert all(map(np.array_equal, pass_through(ragged), ragged))
        assert pass_through({3, 1}) == {1, 3}

    def test_a_value_that_a_file_cannot_hold_is_named(self):
        with pytest.raises(TypeError, match="x is an array of complex128"):
            pass_through(np.zeros(2, dtype=complex))


class TestForeignObjects:
    NAMED = f"{PlainNetwork.__module__}.PlainNetwork"

    def test_a_network_is_refused_and_named_unless_it_is_passed(self, partly, tmp_path):
        segmenter = fit("supervised", partly, network=PlainNetwork)
        segmenter.save(tmp_path / "model.sslts")
        with pytest.raises(PersistenceError, match=rf"{self.NAMED}.*pass objects=\{{'{self.NAMED}': \.\.\.\}}"):
            sslts.load(tmp_path / "model.sslts")
        for objects in ({self.NAMED: PlainNetwork}, [PlainNetwork]):
            assert_same(sslts.load(tmp_path / "model.sslts", objects=objects), segmenter, partly[0])

    def test_nothing_is_imported_because_a_file_says_so(self, partly, tmp_path):
        module = tmp_path / "trap.py"
        module.write_text(
            "import pathlib, torch\npathlib.Path(__file__).with_suffix('.sprung').touch()\n"
            "class Net(torch.nn.Conv1d):\n    def __init__(self, c, k): super().__init__(c, k, 1)\n"
        )
        sys.path.insert(0, str(tmp_path))
        try:
            fit("supervised", partly, network=import_module("trap").Net).save(tmp_path / "model.sslts")
            (tmp_path / "trap.sprung").unlink()
            del sys.modules["trap"]
            with pytest.raises(PersistenceError, match=r"trap\.Net"):
                sslts.load(tmp_path / "model.sslts")
            read_card(tmp_path / "model.sslts")
        finally:
            sys.path.remove(str(tmp_path))
        assert not (tmp_path / "trap.sprung").exists()
        assert "trap" not in sys.modules

    def test_own_recipes_and_views_are_built_from_their_fields(self, partly, tmp_path):
        segmenter = fit("fixmatch", partly, network=OwnRecipe(7), weak=None, strong=[OwnView(1.5), turn])
        again = reload(segmenter, tmp_path, objects=[OwnRecipe, OwnView, turn])
        assert again.network == OwnRecipe(7)
        assert_same(again, segmenter, partly[0])
        with pytest.raises(PersistenceError, match="OwnRecipe.*OwnView.*turn"):
            sslts.load(tmp_path / "model.sslts")

    def test_functions_partials_transformers_and_opaque_objects(self, partly, tmp_path):
        from sktime.transformations.series.exponent import ExponentTransformer

        add, opaque = functools.partial(np.add, 1.0), Opaque()
        one, other = (lambda x: 1 * x), (lambda x: x)
        view = Compose(
            (ValueFunction(opaque), ValueFunction(one), other, NumpyFunction(add), ExponentTransformer(power=1))
        )
        segmenter = fit("supervised", partly, strong=view)
        segmenter.save(tmp_path / "model.sslts")
        with pytest.raises(PersistenceError) as caught:
            sslts.load(tmp_path / "model.sslts")
        missing = sorted(set(str(caught.value).split("'")[1::2]))
        assert len(missing) == 5
        lambdas = f"{one.__module__}.{one.__qualname__}"
        objects = {
            f"{__name__}.Opaque": opaque,
            lambdas: one,
            f"{lambdas}#2": other,
            "sktime.transformations.series.exponent.ExponentTransformer": ExponentTransformer,
        }
        (add_name,) = set(missing) - set(objects)  # the path that NumPy gives the function
        objects[add_name] = np.add
        again = sslts.load(tmp_path / "model.sslts", objects=objects)
        assert again.strong.steps[:3] == view.steps[:3]
        assert again.strong.steps[3].function.args == (1.0,)
        assert again.strong.steps[4].get_params() == view.steps[4].get_params()

    def test_callbacks_are_rebuilt_or_left_out_with_a_warning(self, partly, tmp_path):
        segmenter = fit("supervised", partly, callbacks=[EarlyStopping(monitor="loss", patience=3, sink=turn)])
        with pytest.warns(UserWarning, match="callbacks=skorch.callbacks.training.EarlyStopping, .*turn are left out"):
            again = reload(segmenter, tmp_path)
        assert again.callbacks is None
        again = reload(segmenter, tmp_path, objects=[EarlyStopping, turn])
        assert again.callbacks[0].patience == 3
        np.testing.assert_array_equal(again.predict_proba(partly[0]), segmenter.predict_proba(partly[0]))

    def test_no_file_holds_the_recordings_that_a_callback_watches(self, partly, tmp_path):
        watching = Watch(*partly)
        segmenter = fit("supervised", partly, callbacks=[("watch", watching), EarlyStopping(monitor="loss", sink=turn)])
        with pytest.warns(UserWarning, match=r"callbacks=\S+\.Watch are left out of the file"):
            again = reload(segmenter, tmp_path, objects=[EarlyStopping, turn])
        assert [type(one) for one in again.callbacks] == [EarlyStopping]
        assert segmenter.callbacks[0][1] is watching
        size = (tmp_path / "model.sslts").stat().st_size
        reload(segmenter.set_params(callbacks=None), tmp_path)
        assert size - (tmp_path / "model.sslts").stat().st_size < 2000

    def test_a_fitted_search_is_refused_with_a_fix(self, labeled, tmp_path):
        inner = SupervisedSegmenter(max_steps=1, batch_size=2, network=TINY, random_state=0)
        search = GridSearchCV(inner, {"lr": [1e-3]}, scoring=mean_iou_scorer, cv=KFold(2))
        rounds = SelfTrainingSegmenter(search).fit(*labeled)
        with pytest.raises(TypeError, match=r"model.segmenter_ is a fitted GridSearchCV.*its best_estimator_"):
            rounds.save(tmp_path / "model.sslts")
        later = fit("supervised", labeled, init=rounds.segmenter_)
        with pytest.raises(TypeError, match=r"model.params.init is a fitted GridSearchCV.*or pass it as `init`"):
            later.save(tmp_path / "model.sslts")
        assert not list(tmp_path.iterdir())
        again = reload(later.set_params(init=find_fitted(rounds)), tmp_path)
        np.testing.assert_array_equal(again.init.predict_proba(labeled[0]), rounds.predict_proba(labeled[0]))
        with pytest.raises(
            TypeError, match=r"is a fitted StandardScaler.*segmenter inside the search or pipeline, or pass"
        ):
            fit("supervised", labeled, init=make_pipeline(StandardScaler(), inner).fit(*labeled)).save(tmp_path / "m")

    def test_a_fitted_pipeline_comes_back_fitted(self, partly, tmp_path):
        inner = SupervisedSegmenter(max_steps=1, batch_size=2, network=TINY, random_state=0)
        segmenter = SelfTrainingSegmenter(make_pipeline(RecordingStandardizer(), inner)).fit(*partly)
        again = reload(segmenter, tmp_path, objects=[Pipeline, RecordingStandardizer])
        np.testing.assert_array_equal(again.predict_proba(partly[0]), segmenter.predict_proba(partly[0]))

    def test_a_custom_estimator(self, partly, tmp_path):
        class Mine(SupervisedSegmenter):
            pass

        segmenter = Mine(max_steps=2, batch_size=2, network=TINY, random_state=0).fit(*partly)
        with pytest.raises(PersistenceError, match="Mine"):
            reload(segmenter, tmp_path)
        assert_same(reload(segmenter, tmp_path, objects=[Mine]), segmenter, partly[0])


@pytest.fixture(scope="module")
def saved(labeled, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.sslts"
    fit("supervised", labeled, network=UNet(width=2, depth=1, kernel_size=3)).save(path)
    return path


def rewrite(source, target, change):
    """Write a file with a changed header and a correct checksum."""
    header, tensors = files.read_file(source)
    header.pop("format")
    change(header)
    files.write_file(target, header, tensors)


def test_a_class_in_place_of_an_instance_is_refused(partly, tmp_path):
    segmenter = fit("supervised", partly, strong=Opaque())
    segmenter.save(tmp_path / "model.sslts")
    with pytest.raises(PersistenceError, match="holds the class; pass an instance"):
        sslts.load(tmp_path / "model.sslts", objects=[Opaque])
    again = sslts.load(tmp_path / "model.sslts", objects=[Opaque()])
    np.testing.assert_array_equal(again.predict(partly[0]), segmenter.predict(partly[0]))


def test_a_model_loaded_in_inference_mode_predicts(partly, tmp_path):
    segmenter = fit("supervised", partly)
    segmenter.save(tmp_path / "model.sslts")
    with torch.inference_mode():
        again, copied = sslts.load(tmp_path / "model.sslts"), pickle.loads(pickle.dumps(segmenter))
        inside = again.predict_proba(partly[0])
    for found in (inside, again.predict_proba(partly[0]), copied.predict_proba(partly[0])):
        np.testing.assert_array_equal(found, segmenter.predict_proba(partly[0]))


class TestDamage:
    def test_every_kind_of_flipped_bit(self, saved, tmp_path):
        data = saved.read_bytes()
        target = tmp_path / "flipped"
        rng = np.random.default_rng(0)
        places = np.unique(np.r_[:120, rng.integers(len(data), size=200), len(data) - 1])
        for place in places:
            changed = bytearray(data)
            changed[place] ^= 1 << int(rng.integers(8))
            target.write_bytes(changed)
            with pytest.raises(PersistenceError, match="flipped"):
                sslts.load(target)

    def test_truncated_and_padded(self, saved, tmp_path):
        data = saved.read_bytes()
        target = tmp_path / "cut"
        for size in (0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1):
            target.write_bytes(data[:size])
            with pytest.raises(PersistenceError, match="cut"):
                sslts.load(target)
        target.write_bytes(data + b"\0")
        with pytest.raises(PersistenceError, match="damaged"):
            sslts.load(target)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            pickle.dumps({"a": 1}),
            (2**63).to_bytes(8, "little") + b"{}",
            (200_000_000).to_bytes(8, "little") + b"{}",
            (2).to_bytes(8, "little") + b"[]",
            (2).to_bytes(8, "little") + b"{}",
            (40).to_bytes(8, "little") + b"[" * 40,
            (20000).to_bytes(8, "little") + b"[" * 20000,
            (25).to_bytes(8, "little") + b'{"__metadata__":{"a":"b"}}'[:25],
        ],
        ids=["empty", "pickle", "oversized", "large", "list", "bare", "nested", "deep", "cut"],
    )
    def test_a_file_of_another_kind_is_refused(self, tmp_path, data):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(PersistenceError, match="other is not a file of sslts"):
            sslts.load(tmp_path / "other")

    def test_a_safetensors_file_from_elsewhere(self, tmp_path):
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(2)}, tmp_path / "weights.safetensors")
        with pytest.raises(PersistenceError, match="weights.safetensors is not a file of sslts"):
            sslts.load(tmp_path / "weights.safetensors")

    @pytest.mark.parametrize("version", [0, files.FORMAT + 1, "1", None])
    def test_another_format_names_the_version_that_wrote_it(self, saved, tmp_path, monkeypatch, version):
        header, tensors = files.read_file(saved)
        header.pop("format")
        monkeypatch.setattr(files, "FORMAT", version)
        files.write_file(tmp_path / "new", {**header, "sslts": "9.9"}, tensors)
        monkeypatch.undo()
        with pytest.raises(PersistenceError, match=f"has format {version!r}, written by sslts 9.9"):
            sslts.load(tmp_path / "new")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda h: h.update(kind="checkpoint"), "is a 'checkpoint' file"),
            (lambda h: h.pop("model"), "can't be read"),
            (lambda h: h["model"].update({"class": "NewSegmenter"}), "names 'NewSegmenter', which this version"),
            (lambda h: h["model"].update({"class": "UNet"}), "can't be"),
            (lambda h: h["model"]["params"].update(power=3), "SupervisedSegmenter can't be built.*power"),
            (
                lambda h: h["model"]["fitted"]["network_"]["fields"].update(width=10**7),
                "weights in the file do not fit UNet",
            ),
            (lambda h: h["model"]["params"]["network"].update({"$": "eval"}), "kind 'eval'"),
            (lambda h: h["model"]["params"]["network"].update({"$": []}), r"kind \[\]"),
            (lambda h: h["model"]["fitted"].update(fit=3), "names 'fit', which is not a fitted attribute"),
            (lambda h: h["model"]["fitted"].update(__class_=3), "not a fitted attribute"),
            (lambda h: h["model"]["fitted"].pop("net_"), "can't be read"),
            (lambda h: h["model"]["fitted"]["classes_"].update(tensor="none"), "can't be read"),
        ],
    )
    def test_invalid_headers_are_refused(self, saved, tmp_path, change, message):
        rewrite(saved, tmp_path / "odd", change)
        with pytest.raises(PersistenceError, match=message):
            sslts.load(tmp_path / "odd")

    def test_a_missing_file_is_an_os_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            sslts.load(tmp_path / "none")


class TestWriting:
    def test_a_missing_folder_is_named(self, labeled, tmp_path):
        with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
            files.write_file(tmp_path / "nowhere" / "model.sslts", {"kind": "model"}, {})

    @pytest.mark.parametrize("step", ["write", "fsync", "replace"])
    def test_an_existing_file_is_kept_if_writing_fails(self, tmp_path, monkeypatch, step):
        path = tmp_path / "model.sslts"
        files.write_file(path, {"kind": "model", "n": 1}, {})

        def fail(*args, **kwargs):
            raise OSError(28, "No space left on device")

        if step == "write":
            monkeypatch.setattr(_files, "open", fail, raising=False)
        else:
            monkeypatch.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space left"):
            files.write_file(path, {"kind": "model", "n": 2}, {})
        monkeypatch.undo()
        assert files.read_file(path)[0]["n"] == 1
        assert [p.name for p in tmp_path.iterdir()] == ["model.sslts"]

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real" / "model.sslts")
        files.write_file(tmp_path / "link", {"kind": "model"}, {})
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real" / "model.sslts").is_file()

    def test_leftovers_of_killed_processes_are_removed(self, tmp_path):
        others = {".other.12345678.tmp", ".run.ckpt.12345678.tmp", ".run.my notes.tmp", "run"}
        for name in (".run.12345678.tmp", *others):
            (tmp_path / name).touch()
        _files.remove_leftovers(tmp_path / "run")
        assert {p.name for p in tmp_path.iterdir()} == others

    @pytest.mark.skipif(os.name != "posix", reason="pipes and modes of POSIX")
    def test_a_pipe_is_not_replaced_and_a_mode_is_kept(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="is not a regular file"):
            files.write_file(tmp_path / "pipe", {"kind": "model"}, {})
        assert (tmp_path / "pipe").is_fifo()
        files.write_file(tmp_path / "model.sslts", {"kind": "model"}, {})
        (tmp_path / "model.sslts").chmod(0o600)
        files.write_file(tmp_path / "model.sslts", {"kind": "model"}, {})
        assert (tmp_path / "model.sslts").stat().st_mode & 0o777 == 0o600


class TestCard:
    def test_it_holds_nothing_of_the_start_model(self, partly, tmp_path):
        """The parameters of the start model may belong to another customer."""
        first = fit("supervised", partly, weight_decay=0.0123456789123)
        later = fit("supervised", partly, init=fit("supervised", partly, init=first))
        later.save(tmp_path / "model.sslts")
        assert read_card(tmp_path / "model.sslts")["parameters"]["init"] == "a fitted SupervisedSegmenter"
        assert b"0.0123456789123" not in (tmp_path / "model.sslts").read_bytes()

    def test_it_describes_the_model(self, partly, tmp_path):
        fit("fixmatch", partly, network=PlainNetwork).save(tmp_path / "model.sslts")
        card = read_card(tmp_path / "model.sslts")  # needs no objects
        assert card["file"] == {"kind": "model", "format": files.FORMAT, "sslts": sslts.__version__}
        assert card["estimator"] == "FixMatchSegmenter"
        assert card["classes"] == [0, 1]
        assert card["training set"]["labeled_recordings"] == 4
        assert card["parameters"]["max_steps"] == "2"
        assert card["versions"]["torch"] == version("torch")

    @pytest.mark.slow
    def test_the_command_prints_it_and_loads_no_model(self, saved):
        out = subprocess.run(
            [sys.executable, "-m", "sslts.persistence", str(saved)], capture_output=True, text=True, check=True
        )
        assert "estimator: SupervisedSegmenter" in out.stdout
        assert "classes: 0, 1" in out.stdout

    def test_the_command_names_what_it_cannot_read(self, saved, tmp_path, capsys):
        assert main([str(saved), str(tmp_path / "none")]) == 1
        out, err = capsys.readouterr()
        assert "SupervisedSegmenter" in out
        assert err.startswith("error: ")
        assert "none" in err

    def test_of_self_training(self, partly, tmp_path):
        inner = SupervisedSegmenter(max_steps=1, batch_size=2, network=TINY, random_state=0)
        SelfTrainingSegmenter(inner).fit(*partly).save(tmp_path / "m")
        card = read_card(tmp_path / "m")
        assert (card["estimator"], card["segmenter"], card["rounds"]) == (
            "SelfTrainingSegmenter",
            "SupervisedSegmenter",
            1,
        )
        wanted = {"recordings": 12, "labeled_recordings": 4, "samples": 12 * 600, "labeled_samples": 4 * 600}
        assert card["training set"] == wanted
        assert sslts.load(tmp_path / "m").training_set_ == wanted


def test_a_model_for_a_device_that_is_not_available(partly, tmp_path):
    segmenter = fit("supervised", partly)
    segmenter.device = "cuda:7"
    segmenter.save(tmp_path / "m")
    with pytest.raises(PersistenceError, match="device='cpu'"):
        sslts.load(tmp_path / "m")
    again = sslts.load(tmp_path / "m", device="cpu")
    np.testing.assert_array_equal(again.predict_proba(partly[0]), segmenter.predict_proba(partly[0]))
