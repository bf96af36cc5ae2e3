"""Declare each parameter of an estimator once, as a field of its class.

A subclass of `ParameterizedEstimator` automatically becomes a keyword-only dataclass. Its constructor has an explicit
signature and only stores its arguments, as scikit-learn requires. A field declared with `parameter` lists the allowed
values. The documentation of inherited parameters and attributes is copied from the base class.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import itertools
import re
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, InvalidParameterError

T = TypeVar("T")
_SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_SHARED = ("Parameters", "Attributes")  # sections whose entries a subclass inherits
# What to pass, in place of scikit-learn's words for a constraint.
_WORDS = {
    "an object implementing 'start'": "a decoder, such as sslts.decoding.DurationViterbi()",
    "an object implementing 'build'": "a threshold, such as sslts.thresholds.FixedThreshold(0.95)",
    "an object implementing 'fit_transform'": "a transformer with fit_transform",
    "an object implementing 'fit' and 'predict_proba'": "an estimator with fit and predict_proba",
    "an object implementing 'predict_proba', an instance of 'str', an instance of 'os.PathLike'": (
        "a fitted segmenter, the path of a saved model"
    ),
    "an object implementing 'predict_proba'": "a fitted segmenter",
    "an object implementing 'fit'": "an estimator with fit",
}


def parameter(*constraints: Any, default: T, kw_only: bool = True) -> T:
    """Return a dataclass field that declares a parameter of an estimator.

    Parameters
    ----------
    *constraints
        Allowed values, in the form of scikit-learn's ``_parameter_constraints``: types, None,
        ``sklearn.utils._param_validation`` objects. Without constraints, every value is allowed.
    default : object
        Default value, which must be immutable.
    kw_only : bool, default=True
        Whether the parameter can only be passed by name.

    Returns
    -------
    dataclasses.Field

    Examples
    --------
    >>> from sklearn.utils._param_validation import StrOptions
    >>> class Picker(ParameterizedEstimator):
    ...     order: str = parameter(StrOptions({"first", "last"}), default="first")
    >>> Picker(order="last")
    Picker(order='last')
    """
    metadata = {"constraints": list(constraints)} if constraints else {}
    return dataclasses.field(default=default, kw_only=kw_only, metadata=metadata)


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(parameter, dataclasses.field))
class ParameterizedEstimator(BaseEstimator):
    """Base class of estimators whose parameters are dataclass fields.

    Raises
    ------
    TypeError
        When a subclass is defined, if its constructor takes ``*args`` or ``**kwargs``, if a field has no default, or if
        a field is missing from an inherited hand-written constructor.

    Examples
    --------
    A subclass adds a parameter in one line:

    >>> from sslts import SupervisedSegmenter
    >>> class PatientSegmenter(SupervisedSegmenter):
    ...     patience: int = 5
    >>> PatientSegmenter(max_steps=400).get_params()["patience"]
    5
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    _generated_init: ClassVar[bool] = True
    # Values of added parameters in files, pickles, checkpoints and curves of versions that lack them. A subclass adds
    # its own to those of its base.
    _before: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        doc = vars(cls).get("__doc__")
        own_init = any("__init__" in vars(base) for base in _list_new_bases(cls))
        cls._generated_init = not own_init and super(cls, cls)._generated_init
        if not own_init:
            _check_fields(cls)
        dataclasses.dataclass(init=cls._generated_init, kw_only=True, eq=False, repr=False)(cls)
        if cls._generated_init:
            _resolve_annotations(cls)
        _check_constructor(cls)
        cls._before = {**super(cls, cls)._before, **vars(cls).get("_before", {})}
        own = {field.name: field.metadata.get("constraints") for field in dataclasses.fields(cls)}
        # A class body may still extend the constraints by hand, as scikit-learn's own estimators do.
        inherited = cls._parameter_constraints
        cls._parameter_constraints = {**inherited, **{name: found for name, found in own.items() if found is not None}}
        inherited_doc = next((base.__doc__ for base in cls.__mro__[1:] if base.__doc__), "")
        cls.__doc__ = _inherit_sections(doc, inherited_doc) if doc else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**self._before, **state})

    def _validate_params(self) -> None:
        """Raise if a parameter is invalid; True and False are no numbers."""
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            raise InvalidParameterError(_say_what_to_pass(str(error))) from None
        for name, constraints in self._parameter_constraints.items():
            value = getattr(self, name)
            if isinstance(value, bool) and all(isinstance(one, Interval) or one is None for one in constraints):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must be a number. Got {value!r} instead."
                )


def _say_what_to_pass(message: str) -> str:
    """Return a message of scikit-learn with the objects of this package in place of their methods.

    Examples
    --------
    >>> _say_what_to_pass("The 'init' parameter must be an object implementing 'predict_proba' or None.")
    "The 'init' parameter must be a fitted segmenter or None."
    """
    for words, plain in _WORDS.items():
        message = message.replace(words, plain)
    return message


def _list_new_bases(cls: type) -> list[type]:
    """Return the class and its mixins before the next estimator in the order of method resolution."""
    rest = iter(cls.__mro__[1:])
    return [cls, *itertools.takewhile(lambda base: not issubclass(base, BaseEstimator), rest)]


def _check_fields(cls: type[ParameterizedEstimator]) -> None:
    """Raise if a field has no default, or if an inherited hand-written constructor does not have the field."""
    for name in (name for name, kind in inspect.get_annotations(cls).items() if "ClassVar" not in str(kind)):
        if not cls._generated_init:
            raise TypeError(
                f"{cls.__name__}.{name} is a field, but the inherited, hand-written __init__ does not have it. Declare "
                "the parameters of the base class as fields too, or write an __init__."
            )
        if name not in vars(cls):
            raise TypeError(
                f"{cls.__name__}.{name} has no default. A field is a parameter and needs a default; annotate other "
                "attributes with ClassVar, or leave them without an annotation."
            )


def _resolve_annotations(cls: type) -> None:
    """Replace type names in the constructor by the types, because the module of a subclass may not know the names."""
    with contextlib.suppress(Exception):  # a type that can't be looked up stays a name
        hints, init = get_type_hints(cls), cls.__init__  # type: ignore[misc]
        init.__annotations__ = {name: hints.get(name, kind) for name, kind in init.__annotations__.items()}


def _check_constructor(cls: type) -> None:
    """Raise if the constructor takes ``*args`` or ``**kwargs``."""
    for each in inspect.signature(cls.__init__).parameters.values():  # type: ignore[misc]
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            stars = "**" if each.kind == each.VAR_KEYWORD else "*"
            raise TypeError(
                f"{cls.__name__}.__init__ takes {stars}{each.name}. scikit-learn's get_params can't see these "
                "arguments, so clone would drop them. Declare each parameter as a field of the class, with a default."
            )


def _split_sections(doc: str) -> list[tuple[str, str]]:
    """Return the sections of a numpydoc docstring as pairs of title and text; the first title is empty."""
    marks = [*_SECTION.finditer(doc)]
    stops = [*(mark.start() for mark in marks), len(doc)]
    return [
        ("", doc[: stops[0]]),
        *((mark["title"], doc[mark.end() : stop]) for mark, stop in zip(marks, stops[1:], strict=True)),
    ]


def _list_entries(text: str) -> dict[tuple[str, ...], str]:
    """Return the entries of a Parameters or Attributes section, by the names that each entry describes."""
    entries = re.split(r"^(?=\S)", text.strip("\n") + "\n", flags=re.MULTILINE)
    return {tuple(re.split(r",\s*", entry.split(" : ")[0].strip())): entry for entry in entries if entry.strip()}


def _inherit_sections(doc: str, inherited: str) -> str:
    """Return the docstring, with the inherited entries added to its Parameters and Attributes sections."""
    own, base = dict(_split_sections(inspect.cleandoc(doc))), dict(_split_sections(inspect.cleandoc(inherited)))
    merged: dict[str, str] = {"": own.pop("").rstrip("\n")}
    for title in _SHARED:
        mine = _list_entries(own.pop(title, ""))
        known = {name for names in mine for name in names}
        theirs = {names: text for names, text in _list_entries(base.get(title, "")).items() if not known & set(names)}
        if mine or theirs:
            merged[title] = "".join([*mine.values(), *theirs.values()]).rstrip("\n")
    merged |= {title: text.rstrip("\n") for title, text in own.items()}
    parts = [f"{title}\n{'-' * len(title)}\n{text}" if title else text for title, text in merged.items()]
    return "\n\n".join(parts) + "\n"
