"""Estimators declare their parameters as fields: one declaration gives signature, constraints and documentation."""

import inspect
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar, get_type_hints

import pytest
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError, StrOptions
from small import SEGMENTERS

from sslts import FixMatchSegmenter, SelfTrainingSegmenter, SemiSupervisedSegmenter, SupervisedSegmenter
from sslts._fingerprints import describe_estimator
from sslts.augment import RandAugment, Rescale
from sslts.networks import UNet
from sslts.segmenters import NetworkSegmenter, ParameterizedEstimator, parameter

ALL = [*SEGMENTERS.values(), SemiSupervisedSegmenter, SelfTrainingSegmenter]
SHARED = set(inspect.signature(NetworkSegmenter).parameters)


class Picker(ParameterizedEstimator):
    """A small estimator.

    Parameters
    ----------
    order : str
        Order of the picks.

    Attributes
    ----------
    picked_ : list
        The picks.
    """

    order: str = parameter(StrOptions({"first", "last"}), default="first")
    size: int = 3


def list_entries(doc, section):
    """Return the names that a section of a numpydoc docstring describes, with repetitions."""
    text = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", inspect.cleandoc(doc), re.M | re.S)[1]
    heads = [line.split(" : ")[0] for line in text.splitlines() if re.match(r"\S+(, \S+)* : |\S+$", line)]
    return [name.strip() for head in heads for name in head.split(",")]


class TestSignature:
    @pytest.mark.parametrize("cls", ALL)
    def test_it_is_explicit(self, cls):
        kinds = {each.kind for each in inspect.signature(cls).parameters.values()}
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        assert list(inspect.signature(cls).parameters) == list(dict.fromkeys(inspect.signature(cls).parameters))
        assert set(cls().get_params(deep=False)) == set(inspect.signature(cls).parameters)

    @pytest.mark.parametrize("cls", [*SEGMENTERS.values(), SemiSupervisedSegmenter])
    def test_parameters_of_networks_are_keyword_only(self, cls):
        assert {each.kind for each in inspect.signature(cls).parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
        assert set(inspect.signature(cls).parameters) >= SHARED
        with pytest.raises(TypeError, match="positional"):
            cls(0.9)

    def test_defaults_and_types_are_visible(self):
        shown, types = inspect.signature(FixMatchSegmenter).parameters, get_type_hints(FixMatchSegmenter)
        assert (shown["threshold"].default, shown["max_steps"].default) == (0.8, 1200)
        assert shown["network"].default == UNet()
        assert (types["max_steps"], types["lambda_u"]) == (int, float)
        assert types["window_length"] == int | None
        assert shown["batch_size"].annotation is int
        assert set(types) >= set(shown)

    def test_a_redeclared_parameter_keeps_its_place_and_changes_its_default(self):
        assert list(inspect.signature(FixMatchSegmenter).parameters)[:2] == ["weak", "strong"]
        assert (FixMatchSegmenter().weak, FixMatchSegmenter().strong) == (Rescale(), RandAugment())

    def test_the_constructor_only_stores(self):
        view = object()
        assert FixMatchSegmenter(strong=view, max_steps=-3).strong is view

    def test_a_positional_parameter(self):
        inner = SupervisedSegmenter()
        assert SelfTrainingSegmenter(inner).segmenter is inner
        assert SelfTrainingSegmenter(segmenter=inner).segmenter is inner
        with pytest.raises(TypeError, match="positional"):
            SelfTrainingSegmenter(inner, 0.9)

    def test_the_repr_names_what_differs_from_the_default(self):
        assert repr(SupervisedSegmenter(max_steps=3)) == "SupervisedSegmenter(max_steps=3)"

    def test_estimators_are_compared_by_identity(self):
        assert SupervisedSegmenter() != SupervisedSegmenter()
        assert len({SupervisedSegmenter(), SupervisedSegmenter()}) == 2


class TestDocumentation:
    @pytest.mark.parametrize("cls", ALL)
    def test_every_parameter_is_described_once(self, cls):
        described = list_entries(cls.__doc__, "Parameters")
        assert sorted(described) == sorted(inspect.signature(cls).parameters)

    @pytest.mark.parametrize("cls", [*SEGMENTERS.values(), SemiSupervisedSegmenter])
    def test_every_shared_attribute_is_described_once(self, cls):
        described = list_entries(cls.__doc__, "Attributes")
        shared = list_entries(NetworkSegmenter.__doc__, "Attributes")
        assert {"classes_", "net_", "network_", "precision_", "history_"} <= set(shared)
        own = {"trust_"} if cls is SEGMENTERS["fixmatch"] else set()
        assert set(described) == set(shared) | own
        assert len(described) == len(set(described))

    def test_the_own_description_of_a_parameter_replaces_the_inherited_one(self):
        (threshold,) = re.findall(r"^ema_decay : .*?(?=^\S)", inspect.cleandoc(FixMatchSegmenter.__doc__), re.M | re.S)
        assert "its own teacher" in threshold
        assert "its own teacher" not in SupervisedSegmenter.__doc__

    def test_sections_stay_in_the_order_of_numpydoc(self):
        titles = re.findall(r"^(\w[\w ]+)\n-{3,}$", inspect.cleandoc(FixMatchSegmenter.__doc__), re.M)
        assert titles == ["Parameters", "Attributes", "See Also", "Notes", "References", "Examples"]

    def test_a_subclass_inherits_entries_and_not_the_summary(self):
        class Own(Picker):
            """A picker with a limit.

            Parameters
            ----------
            limit : int
                Largest pick.
            """

            limit: int = 9

        assert Own.__doc__.startswith("A picker with a limit.\n\nParameters\n")
        assert list_entries(Own.__doc__, "Parameters") == ["limit", "order"]
        assert list_entries(Own.__doc__, "Attributes") == ["picked_"]

    def test_a_subclass_without_a_docstring_gets_none_of_the_dataclass(self):
        class Own(Picker):
            limit: int = 9

        assert Own.__doc__ is None

    @pytest.mark.slow  # a process of its own
    def test_estimators_can_be_defined_without_docstrings(self):
        """``python -OO`` strips docstrings. skorch does not import then, so the module is loaded from its file."""
        code = (
            "import sys; from importlib.util import module_from_spec, spec_from_file_location as find\n"
            "spec = find('parameters', sys.argv[1]); module = module_from_spec(spec); spec.loader.exec_module(module)\n"
            "class Outer(module.ParameterizedEstimator):\n    'A docstring.'\n    size: int = 3\n"
            "class Inner(Outer):\n    'Another docstring.'\n    depth: int = 4\n"
            "print(Inner.__doc__, Inner(size=2).get_params())"
        )
        command = [sys.executable, "-OO", "-c", code, inspect.getfile(ParameterizedEstimator)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.stdout == "None {'depth': 4, 'size': 2}\n", run.stderr


class Patient(SupervisedSegmenter):
    patience: int = parameter(StrOptions({"low"}), int, default=5)


@dataclass(kw_only=True, eq=False, repr=False)
class Decorated(SupervisedSegmenter):
    patience: int = parameter(StrOptions({"low"}), int, default=5)


class Further(Patient):
    hope: float = 0.5


@pytest.mark.parametrize("cls", [Patient, Decorated, Further])
class TestSubclassing:
    def test_a_parameter_takes_one_line(self, cls):
        segmenter = cls(patience=7, max_steps=400)
        assert segmenter.get_params()["patience"] == 7
        assert set(inspect.signature(cls).parameters) >= {*SHARED, "patience"}
        again = clone(segmenter)
        assert (type(again), again.patience, again.max_steps) == (cls, 7, 400)
        assert again.set_params(patience=9).patience == 9
        assert cls().patience == 5
        assert cls() != cls()
        assert repr(segmenter).startswith(cls.__name__)

    def test_the_constraints_see_it(self, cls):
        cls(patience="low")._validate_params()
        with pytest.raises(InvalidParameterError, match=f"The 'patience' parameter of {cls.__name__} must be"):
            cls(patience="high")._validate_params()
        with pytest.raises(InvalidParameterError, match="The 'max_steps' parameter"):
            cls(max_steps=0)._validate_params()

    def test_the_base_class_stays_as_it_was(self, cls):
        assert "patience" not in SupervisedSegmenter().get_params()
        assert "patience" not in SupervisedSegmenter._parameter_constraints


class TestConstraints:
    def test_a_redeclared_default_inherits_them(self):
        class Own(Picker):
            order: str = "last"

        assert Own().order == "last"
        with pytest.raises(InvalidParameterError, match="The 'order' parameter of Own"):
            Own(order="middle")._validate_params()

    def test_redeclared_constraints_replace_them(self):
        class Own(Picker):
            order: str = parameter(StrOptions({"middle"}), default="middle")

        Own()._validate_params()
        with pytest.raises(InvalidParameterError, match="The 'order' parameter of Own"):
            Own(order="first")._validate_params()
        Picker(order="first")._validate_params()

    def test_a_field_without_constraints_accepts_everything(self):
        Picker(size="large")._validate_params()


class TestRefusals:
    def test_a_constructor_with_keyword_arguments_is_refused(self):
        with pytest.raises(TypeError, match=r"Own.__init__ takes \*\*more\..* can't see .* clone would drop"):

            class Own(Picker):
                def __init__(self, *, size=3, **more):
                    super().__init__(size=size, **more)

    def test_a_constructor_with_positional_arguments_is_refused(self):
        with pytest.raises(TypeError, match=r"Own.__init__ takes \*more\..* can't see .* clone would drop"):

            class Own(Picker):
                def __init__(self, *more, size=3):
                    super().__init__(size=size)

    def test_a_field_without_a_default_is_refused(self):
        with pytest.raises(TypeError, match=r"Own.limit has no default\. .*annotate other attributes with ClassVar"):

            class Own(Picker):
                limit: int

    def test_other_annotations_are_no_parameters(self):
        class Own(Picker):
            limit: ClassVar[int] = 3
            other = 5

        assert set(Own().get_params()) == {"order", "size"}

    def test_a_class_that_is_refused_leaves_the_base_class_as_it_was(self):
        with pytest.raises(TypeError, match="has no default"):

            class Own(Picker):
                limit: int

        assert set(Picker().get_params()) == {"order", "size"}


class Handmade(SupervisedSegmenter):
    """A segmenter with a hand-written constructor."""

    def __init__(self, *, patience=5, max_steps=40):
        super().__init__(max_steps=max_steps)
        self.patience = patience


class TestHandWrittenConstructor:
    def test_it_defines_the_parameters(self):
        segmenter = Handmade(patience=7)
        assert segmenter.get_params(deep=False) == {"patience": 7, "max_steps": 40}
        assert segmenter.batch_size == SupervisedSegmenter().batch_size
        assert clone(segmenter).patience == 7
        assert segmenter.set_params(max_steps=3).max_steps == 3

    def test_inherited_constraints_hold(self, labeled):
        with pytest.raises(InvalidParameterError, match="The 'max_steps' parameter of Handmade"):
            Handmade(max_steps=0).fit(*labeled)

    def test_a_subclass_without_fields_inherits_it(self):
        class Own(Handmade):
            def describe(self):
                return self.patience

        assert Own(patience=2).describe() == 2
        assert clone(Own(patience=2)).patience == 2

    def test_a_field_of_a_subclass_is_refused(self):
        with pytest.raises(TypeError, match=r"Own.hope is a field, but the inherited, hand-written __init__ does not"):

            class Own(Handmade):
                hope: float = 0.5

    def test_a_subclass_may_write_its_own(self):
        class Own(Handmade):
            def __init__(self, *, hope=0.5, patience=5):
                super().__init__(patience=patience)
                self.hope = hope

        assert Own(hope=1.0).get_params(deep=False) == {"hope": 1.0, "patience": 5}


def test_a_constructor_knows_its_types_in_any_module():
    """The fields are declared in another module than the subclass."""
    for cls in (FixMatchSegmenter, SelfTrainingSegmenter):
        hints = get_type_hints(cls.__init__)
        assert all(not isinstance(kind, str) for kind in hints.values())
        assert set(cls().get_params(deep=False)) <= set(hints)


def test_a_subclass_adds_its_parameters_of_later_versions_to_those_of_its_base():
    class Older(ParameterizedEstimator):
        _before: ClassVar = {"first": 1}
        first: int = 2

    class Newer(Older):
        _before: ClassVar = {"second": 3}
        second: int = 4

    old = Newer.__new__(Newer)
    old.__setstate__({})
    assert (old.first, old.second) == (1, 3)
    assert Older._before == {"first": 1}
    assert describe_estimator(Newer(first=1, second=3)) == "Newer()"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"decoder": "best"}, r"must be a decoder, such as sslts.decoding.DurationViterbi\(\)\. Got 'best'"),
        ({"threshold": "high"}, r"or a threshold, such as sslts.thresholds.FixedThreshold\(0.95\)"),
        ({"init": 3}, "must be a fitted segmenter, the path of a saved model or None"),
        ({"weak": "noise"}, "a callable, a transformer with fit_transform or None"),
    ],
)
def test_a_wrong_object_is_answered_by_one_to_pass(wrong, message):
    with pytest.raises(InvalidParameterError, match=message):
        FixMatchSegmenter(**wrong).fit([[0.0, 1.0]], [[0, 1]])


@pytest.mark.parametrize("estimator", ALL)
def test_a_fit_without_labels_names_the_class(estimator):
    with pytest.raises(ValueError, match=f"{estimator.__name__} requires y to be passed.*-1 where it is unlabeled"):
        estimator().fit([[0.0, 1.0]])
