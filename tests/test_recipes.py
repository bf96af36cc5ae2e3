"""Parameter objects are values: immutable, equal by value, replaced and never mutated."""

import dataclasses
import functools
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sslts.augment import (
    AddOther,
    Augmenter,
    BaselineDrift,
    Compose,
    CutMix,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    MainsNoise,
    NumpyFunction,
    RandAugment,
    RandomFilter,
    Rescale,
    Reverse,
    Shift,
    Smooth,
    TimeWarp,
    WindowWarp,
)
from sslts.decoding import Argmax, Hysteresis
from sslts.networks import UNet
from sslts.recipes import bounded, replace_nested, split_nested
from sslts.thresholds import CurriculumThreshold, FixedThreshold, RelativeThreshold, SelfAdaptiveThreshold

RECIPES = [UNet(), RandAugment(), Rescale(), CutMix(), FixedThreshold()]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: type(r).__name__)
class TestEveryRecipe:
    def test_is_immutable(self, recipe):
        name = dataclasses.fields(recipe)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(recipe, name, 1)

    def test_is_equal_and_hashable_by_value(self, recipe):
        assert recipe == type(recipe)(**recipe.get_params(deep=False))
        assert hash(recipe) == hash(type(recipe)())

    def test_is_callable_clones_and_pickles(self, recipe):
        assert callable(recipe)
        assert clone(recipe) == recipe
        assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_nested_parameters_are_named_with_two_underscores():
    assert RandAugment().get_params()["mix__p"] == CutMix().p
    assert "mix__p" not in RandAugment().get_params(deep=False)


def test_replace_reaches_nested_fields_and_leaves_the_original():
    view = RandAugment()
    changed = view.replace(magnitude=9, mix__p=0.25)
    assert (changed.magnitude, changed.mix.p) == (9, 0.25)
    assert view == RandAugment()


def test_replace_names_an_unknown_parameter():
    with pytest.raises(ValueError, match="UNet has no parameter 'wdith'"):
        UNet().replace(wdith=3)
    with pytest.raises(ValueError, match="Argmax has no parameter 'tau'; it has no parameters"):
        Argmax().replace(tau=0.5)


def test_replace_nested_asks_for_a_parameter_object():
    with pytest.raises(ValueError, match="pass a parameter object to threshold first"):
        replace_nested(0.95, "threshold", {"tau": 0.8})


def test_split_nested():
    assert split_nested({"a": 1, "b__c": 2, "b__d__e": 3}) == ({"a": 1}, {"b": {"c": 2, "d__e": 3}})


class TestTuples:
    view = Compose((Rescale(), RandAugment()))

    def test_items_are_numbered(self):
        assert self.view.get_params()["steps__1__mix__p"] == 0.5

    def test_items_are_reached_by_their_number(self):
        changed = self.view.replace(steps__0__low=0.5, steps__1__mix__p=0.25)
        assert changed == Compose((Rescale(0.5), RandAugment(mix=CutMix(0.25))))
        assert self.view == Compose((Rescale(), RandAugment()))

    def test_an_item_is_replaced(self):
        assert self.view.replace(steps__1=Jitter()).steps == (Rescale(), Jitter())

    def test_every_parameter_can_be_set_to_its_value(self):
        assert self.view.replace(**self.view.get_params()) == self.view

    @pytest.mark.parametrize("name", ["steps__2__p", "steps__first", "steps__-1"])
    def test_an_unknown_item_is_an_error(self, name):
        with pytest.raises(ValueError, match="steps has no item .* its 2 items are numbered from 0"):
            self.view.replace(**{name: 1})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UNet(width=0), "UNet: width=0; give a whole number of 1 or more"),
        (lambda: UNet(depth=1.5), "depth=1.5; give a whole number of 0 or more"),
        (lambda: UNet(dropout=1.0), "dropout=1.0; give a number from 0 to below 1"),
        (lambda: UNet().replace(members=0), "members=0"),
        (lambda: Jitter(p=2), "Jitter: p=2; give a number from 0 to 1"),
        (lambda: RandAugment(magnitude=-1), "magnitude=-1; give a number of 0 or more"),
        (lambda: FixedThreshold("high"), "tau='high'; give a number from 0 to 1"),
        (lambda: FixedThreshold(float("nan")), "tau=nan"),
    ],
)
def test_a_number_out_of_bounds_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


SHARE, BELOW_ONE, SIZE = "a number from 0 to 1", "a number from 0 to below 1", "a number of 0 or more"
COUNT, COUNT_FROM_ZERO = "a whole number of 1 or more", "a whole number of 0 or more"
BOUNDS = {
    AddOther: {"magnitude": SIZE, "p": SHARE},
    BaselineDrift: {"magnitude": SIZE, "p": SHARE, "n_knots": COUNT},
    CurriculumThreshold: {"tau": SHARE},
    CutMix: {"p": SHARE, "low": SHARE, "high": SHARE},
    FixedThreshold: {"tau": SHARE, "alignment_limit": "a number of 1 or more"},
    FrequencyMask: {"magnitude": SIZE, "p": SHARE, "share": SHARE},
    MagnitudeWarp: {"n_knots": COUNT},
    MainsNoise: {"frequency": "a number from 0 to below 0.5", "n_harmonics": COUNT},
    RandAugment: {"n": COUNT_FROM_ZERO, "magnitude": SIZE},
    RandomFilter: {"n_taps": COUNT},
    RelativeThreshold: {"tau": SHARE},
    Rescale: {"p": SHARE},
    Reverse: {"p": SHARE},
    SelfAdaptiveThreshold: {"fairness": SIZE},
    Shift: {"share": SHARE, "p": SHARE},
    Smooth: {"width": COUNT},
    TimeWarp: {"magnitude": SIZE, "p": SHARE, "n_knots": COUNT},
    UNet: {
        "width": COUNT,
        "depth": COUNT_FROM_ZERO,
        "kernel_size": COUNT,
        "stem_stride": COUNT,
        "dropout": BELOW_ONE,
        "feature_dropout": BELOW_ONE,
        "members": COUNT,
    },
    WindowWarp: {"magnitude": SIZE, "p": SHARE, "share": SHARE},
    functools.partial(NumpyFunction, np.negative): {"p": SHARE},
}
OUTSIDE = {SHARE: (-0.1, 1.1), BELOW_ONE: (-0.1, 1.0), SIZE: (-0.1,), COUNT: (0, 1.5), COUNT_FROM_ZERO: (-1, 0.5)}


@pytest.mark.parametrize(
    ("make", "name", "allowed"), [(make, name, allowed) for make, of in BOUNDS.items() for name, allowed in of.items()]
)
def test_every_bound(make, name, allowed):
    for value in (*OUTSIDE.get(allowed, (-0.1, 0.5)), "many", True, float("nan")):
        with pytest.raises(ValueError, match=f"{name}={value!r}; give {allowed}"):
            make(**{name: value})


def test_numpy_numbers_are_accepted():
    assert UNet(width=np.int64(8), dropout=np.float32(0.5)) == UNet(width=8, dropout=0.5)


def test_a_plain_field_of_a_custom_recipe_is_unchecked():
    @dataclasses.dataclass(frozen=True)
    class Custom(Augmenter):
        magnitude: tuple = (0.5, 2.0)
        p: float = -3

        def __call__(self, tracks, generator):
            return tracks

    assert Custom().replace(p=-4).p == -4


def test_a_subclass_that_declares_a_field_again_is_unchecked():
    @dataclasses.dataclass(frozen=True)
    class Custom(Jitter):
        p: float = -3

    assert Custom().replace(p=-4).p == -4
    with pytest.raises(ValueError, match="Custom: magnitude=-1; give a number of 0 or more"):
        Custom(magnitude=-1)  # the inherited field keeps its bounds


class TestBoundsOfACustomRecipe:
    @dataclasses.dataclass(frozen=True)
    class Fade(Augmenter):
        n_steps: int = bounded(4, 1, whole=True)
        share: float | None = bounded(None, most=1, included=False)
        comment: str = "not a number"

        def __call__(self, tracks, generator):
            return tracks

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"n_steps": 0}, "Fade: n_steps=0; give a whole number of 1 or more"),
            ({"n_steps": 1.5}, "Fade: n_steps=1.5; give a whole number of 1 or more"),
            ({"n_steps": True}, "Fade: n_steps=True; give a whole number of 1 or more"),
            ({"share": 1}, "Fade: share=1; give a number from 0 to below 1"),
            ({"share": -0.1}, "Fade: share=-0.1; give a number from 0 to below 1"),
        ],
    )
    def test_a_number_out_of_bounds_is_refused(self, params, message):
        with pytest.raises(ValueError, match=message):
            self.Fade(**params)
        with pytest.raises(ValueError, match=message):
            self.Fade().replace(**params)

    def test_other_numbers_and_none_are_accepted(self):
        assert self.Fade(1, 0.99).replace(share=None) == self.Fade(n_steps=1)

    def test_a_subclass_inherits_the_bounds(self):
        @dataclasses.dataclass(frozen=True)
        class Slow(self.Fade):
            seconds: float = 1.0

        assert Slow(seconds=-1).seconds == -1
        with pytest.raises(ValueError, match="Slow: share=2; give a number from 0 to below 1"):
            Slow(share=2)


def test_a_huge_integer_is_accepted():
    assert UNet(stem_stride=10**400).stem_stride == 10**400


def test_a_recipe_copies_its_lists_and_dicts():
    onset, steps = {1: 0.7}, [Jitter()]
    decoder, view = Hysteresis(onset=onset), Compose(steps)
    onset[1], steps[:] = 9.0, []
    assert decoder == Hysteresis(onset={1: 0.7})
    assert view == Compose((Jitter(),))
    assert view.get_params()["steps__0__magnitude"] == Jitter().magnitude
