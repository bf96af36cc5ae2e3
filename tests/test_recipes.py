"""Parameter objects are values: immutable, equal by value, replaced and never mutated."""

import dataclasses
import pickle

import pytest
from sklearn.base import clone

from sslts.augment import CutMix, RandAugment, Rescale
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
