"""Parameter objects are values: immutable, equal by value, replaced and never mutated."""

import dataclasses
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sslts.augment import Augmenter, Compose, CutMix, Jitter, RandAugment, Rescale
from sslts.decoding import Hysteresis
from sslts.networks import UNet
from sslts.recipes import replace_nested, split_nested
from sslts.thresholds import FixedThreshold

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

    def test_every_name_can_be_set_to_what_it_is(self):
        assert self.view.replace(**self.view.get_params()) == self.view

    @pytest.mark.parametrize("name", ["steps__2__p", "steps__first", "steps__-1"])
    def test_another_number_is_an_error(self, name):
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
def test_what_can_not_be_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_of_numpy_are_numbers():
    assert UNet(width=np.int64(8), dropout=np.float32(0.5)) == UNet(width=8, dropout=0.5)


def test_fields_of_ones_own_are_ones_own():
    @dataclasses.dataclass(frozen=True)
    class Own(Augmenter):
        magnitude: tuple = (0.5, 2.0)
        p: float = -3

        def __call__(self, tracks, generator):
            return tracks

    assert Own().replace(p=-4).p == -4


def test_a_number_of_any_size_is_a_number():
    assert UNet(stem_stride=10**400).stem_stride == 10**400


def test_what_was_given_may_change_and_the_recipe_stays():
    onset, steps = {1: 0.7}, [Jitter()]
    decoder, view = Hysteresis(onset=onset), Compose(steps)
    onset[1], steps[:] = 9.0, []
    assert decoder == Hysteresis(onset={1: 0.7})
    assert view == Compose((Jitter(),))
    assert view.get_params()["steps__0__magnitude"] == Jitter().magnitude
