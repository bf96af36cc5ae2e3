"""How an estimator declares its parameters: once, as fields of a class.

A subclass of `ParameterizedEstimator` becomes a keyword-only dataclass when it is made. Its constructor only stores
what it is given, as scikit-learn asks, and has an explicit signature. A field that is declared with `parameter` says
what values are allowed. The documentation of inherited parameters and attributes is taken over from the base class.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, ClassVar, TypeVar, dataclass_transform

from sklearn.base import BaseEstimator

T = TypeVar("T")
_SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_SHARED = ("Parameters", "Attributes")  # sections that a subclass inherits entry by entry


def parameter(*constraints: Any, default: T, kw_only: bool = True) -> T:
    """Return a field that declares a parameter of an estimator.

    Parameters
    ----------
    *constraints
        What the parameter may be, as scikit-learn's ``_parameter_constraints`` list it; none allow everything.
    default : object
        An immutable value.
    kw_only : bool, default=True
        Whether the parameter is passed by name only.

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
    """Base class of estimators whose parameters are fields.

    Raises
    ------
    TypeError
        When a subclass is made whose constructor takes ``**kwargs`` or ``*args``, or whose field has no default.

    Examples
    --------
    A subclass adds a parameter in one line:

    >>> from sslts import SupervisedSegmenter
    >>> class PatientSegmenter(SupervisedSegmenter):
    ...     patience: int = 5
    >>> PatientSegmenter(max_steps=400).get_params()["patience"]
    5
    """

    _constraints: ClassVar[dict[str, list[Any]]] = {}
    _generated_init: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        doc = vars(cls).get("__doc__")
        own_init = "__init__" in vars(cls)
        cls._generated_init = not own_init and super(cls, cls)._generated_init
        if not own_init:
            _check_fields(cls)
        dataclasses.dataclass(init=cls._generated_init, kw_only=True, eq=False, repr=False)(cls)
        _check_constructor(cls)
        own = {field.name: field.metadata.get("constraints") for field in dataclasses.fields(cls)}
        inherited = super(cls, cls)._constraints
        cls._constraints = {**inherited, **{name: found for name, found in own.items() if found is not None}}
        inherited_doc = next((base.__doc__ for base in cls.__mro__[1:] if base.__doc__), "")
        cls.__doc__ = _inherit_sections(doc, inherited_doc) if doc else None

    @property
    def _parameter_constraints(self) -> dict[str, list[Any]]:
        """Return what each parameter may be, for scikit-learn's validation."""
        return self._constraints


def _check_fields(cls: type[ParameterizedEstimator]) -> None:
    """Raise if a field has no default, or if the inherited constructor is written by hand and lacks the field."""
    for name in (name for name, kind in inspect.get_annotations(cls).items() if "ClassVar" not in str(kind)):
        if not cls._generated_init:
            raise TypeError(
                f"{cls.__name__}.{name} is a field that the inherited, hand-written __init__ lacks. Declare "
                "the parameters of the base class as fields too, or write an __init__."
            )
        if name not in vars(cls):
            raise TypeError(
                f"{cls.__name__}.{name} has no default. A field of an estimator is a parameter and needs one; annotate "
                "anything else with ClassVar, or not at all."
            )


def _check_constructor(cls: type) -> None:
    for each in inspect.signature(cls.__init__).parameters.values():  # type: ignore[misc]
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            stars = "**" if each.kind == each.VAR_KEYWORD else "*"
            raise TypeError(
                f"{cls.__name__}.__init__ takes {stars}{each.name}. scikit-learn's get_params can't see what it holds, "
                "so clone would drop it. Declare each parameter as a field of the class, with a default."
            )


def _split_sections(doc: str) -> list[tuple[str, str]]:
    """Return the sections of a numpydoc docstring as pairs of title and text; the first has no title."""
    marks = [*_SECTION.finditer(doc)]
    stops = [*(mark.start() for mark in marks), len(doc)]
    return [
        ("", doc[: stops[0]]),
        *((mark["title"], doc[mark.end() : stop]) for mark, stop in zip(marks, stops[1:], strict=True)),
    ]


def _list_entries(text: str) -> dict[tuple[str, ...], str]:
    """Return the entries of a section of parameters, by the names that each describes."""
    entries = re.split(r"^(?=\S)", text.strip("\n") + "\n", flags=re.MULTILINE)
    return {tuple(re.split(r",\s*", entry.split(" : ")[0].strip())): entry for entry in entries if entry.strip()}


def _inherit_sections(doc: str, inherited: str) -> str:
    """Return a docstring whose sections of parameters and attributes also hold the inherited entries."""
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
