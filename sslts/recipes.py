"""Recipes: immutable, callable parameter objects, like the kernels of ``GaussianProcessRegressor``.

A recipe is a frozen dataclass. Two recipes with equal fields are equal, and a recipe holds no state. It has
``get_params``, so it can be the default of a constructor's parameter and be tuned by nested names (``network__width``).
A segmenter's ``set_params`` replaces a recipe by a changed copy; no code mutates a recipe.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from numbers import Integral, Number, Real
from typing import Any, ClassVar, NamedTuple, Self

__all__ = [
    "Recipe",
    "bounded",
    "check_no_class",
    "check_order",
    "is_ours",
    "is_shipped",
    "replace_nested",
    "split_nested",
]


class _Bounds(NamedTuple):
    """The allowed range of a number: ``least <= number <= most``, or ``< most`` if `most` is not ``included``."""

    least: float
    most: float
    included: bool
    whole: bool

    def find_fault(self, value: Any) -> str | None:
        """Return the fix for an error message, such as "give a number from 0 to 1"; None if `value` is allowed."""
        number: Any = value if isinstance(value, Integral if self.whole else Real) else math.nan
        if self.least <= number <= self.most and (self.included or number < self.most) and not isinstance(value, bool):
            return None
        kind = "a whole number" if self.whole else "a number"
        if self.most == math.inf:
            return f"give {kind} of {self.least} or more"
        return f"give {kind} from {self.least} to {'' if self.included else 'below '}{self.most}"


def bounded(
    default: Any, least: float = 0, most: float = math.inf, *, included: bool = True, whole: bool = False
) -> Any:
    """Return a dataclass field whose number is checked when a recipe is made.

    A subclass inherits the check together with the field. A subclass that declares the field again, without `bounded`,
    has no check.

    Parameters
    ----------
    default : number or None
        Default value of the field. The value None is never checked.
    least, most : float
        Smallest and largest allowed number.
    included : bool
        Whether `most` itself is allowed.
    whole : bool
        Whether only whole numbers are allowed.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Fade(Recipe):
    ...     share: float = bounded(0.1, most=1)
    >>> Fade(share=2)
    Traceback (most recent call last):
    ValueError: Fade: share=2; give a number from 0 to 1.
    """
    return dataclasses.field(default=default, metadata={"bounds": _Bounds(least, most, included, whole)})


class Recipe:
    """Base class of all parameter objects; subclasses are frozen dataclasses.

    A field that is added later may change a default: ``_before`` holds the value that files and pickles without the
    field mean.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> UNet(width=16).get_params()["width"]
    16
    >>> UNet(width=16).replace(width=8) == UNet(width=8)
    True
    """

    _before: ClassVar[Mapping[str, Any]] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**self._before, **state})

    def __post_init__(self) -> None:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        for field in fields:
            value = getattr(self, field.name)  # the caller may change a list or dict later, so it is copied
            if type(value) is list:
                object.__setattr__(self, field.name, tuple(value))
            elif type(value) is dict:
                object.__setattr__(self, field.name, dict(value))
        for field in fields:
            value, bounds = getattr(self, field.name), field.metadata.get("bounds")
            fault = None if value is None or bounds is None else bounds.find_fault(value)
            if fault:
                raise ValueError(f"{type(self).__name__}: {field.name}={value!r}; {fault}.")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the fields by name; with ``deep`` also the fields of nested recipes, as ``outer__inner``.

        The recipes in a tuple are numbered: ``steps__0__magnitude``.
        """
        params: dict[str, Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            params[field.name] = value
            if deep:
                params.update(_list_nested(field.name, value))
        return params

    def replace(self, **params: Any) -> Self:
        """Return a copy with changed fields; a nested field is named ``outer__inner``, in a tuple ``steps__0__inner``.

        Raises
        ------
        ValueError
            If this recipe has no field of a given name.
        """
        changes, nested = split_nested(params)
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        for name in [*changes, *nested]:
            if name not in names:
                has = ", ".join(names) or "no parameters"
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {has}.")
        for name, inner in nested.items():
            changes[name] = replace_nested(changes.get(name, getattr(self, name)), name, inner)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def __sklearn_clone__(self) -> Self:
        return self  # a recipe is immutable, so it needs no copy


def check_no_class(value: Any, name: str) -> None:
    """Raise ValueError if ``value`` is a recipe class instead of an instance.

    Parameters
    ----------
    value : object
        The value of a parameter.
    name : str
        Name of the parameter, for the error.

    Examples
    --------
    >>> from sslts.augment import Jitter
    >>> check_no_class(Jitter, "strong")
    Traceback (most recent call last):
    ValueError: strong=Jitter is a class; pass an instance, Jitter().
    """
    if isinstance(value, type) and issubclass(value, Recipe):
        raise ValueError(f"{name}={value.__name__} is a class; pass an instance, {value.__name__}().")


def check_order(recipe: Recipe, low: str, high: str) -> None:
    """Raise ValueError if the value of the field ``low`` is above the value of the field ``high``.

    Parameters
    ----------
    recipe : Recipe
    low, high : str
        Names of two fields.

    Examples
    --------
    >>> from sslts.augment import Rescale
    >>> Rescale(low=2.0, high=1.0)
    Traceback (most recent call last):
    ValueError: Rescale: low=2.0 is above high=1.0; exchange them.
    """
    least, most = getattr(recipe, low), getattr(recipe, high)
    if least > most:
        raise ValueError(f"{type(recipe).__name__}: {low}={least!r} is above {high}={most!r}; exchange them.")


def is_shipped(value: Any) -> bool:
    """Return whether a value holds only recipes of this package and plain values, at every level of nesting.

    Any other object may have side effects, such as drawing from a global random state.

    Parameters
    ----------
    value : object

    Examples
    --------
    >>> from sslts.augment import Compose, Jitter
    >>> is_shipped((0.95, None, Compose((Jitter(),)))), is_shipped(Compose((Jitter(), abs)))
    (True, False)
    """
    if value is None or isinstance(value, (str, Number)):
        return True
    if isinstance(value, (tuple, list)):
        return all(map(is_shipped, value))
    if not isinstance(value, Recipe) or not is_ours(type(value)):
        return False
    return all(map(is_shipped, value.get_params(deep=False).values()))


def is_ours(kind: type) -> bool:
    """Return whether this package defines the class ``kind``.

    Parameters
    ----------
    kind : type

    Examples
    --------
    >>> is_ours(Recipe), is_ours(int)
    (True, False)
    """
    return kind.__module__.partition(".")[0] == __package__


def split_nested(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split parameters into plain parameters, and nested parameters grouped by their outer name.

    Parameters
    ----------
    params : dict

    Returns
    -------
    plain : dict
    nested : dict of str to dict

    Examples
    --------
    >>> split_nested({"a": 1, "b__c": 2})
    ({'a': 1}, {'b': {'c': 2}})
    """
    plain: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in params.items():
        outer, _, inner = name.partition("__")
        if inner:
            nested.setdefault(outer, {})[inner] = value
        else:
            plain[outer] = value
    return plain, nested


def _list_nested(name: str, value: Any) -> dict[str, Any]:
    """Return the parameters of ``value``, or of the items of a tuple, each prefixed by ``name__``."""
    if isinstance(value, Recipe) or _has_params(value):
        return {f"{name}__{inner}": deep for inner, deep in value.get_params().items()}
    if isinstance(value, tuple):
        items = [_list_nested(str(i), item) for i, item in enumerate(value)]
        return {f"{name}__{inner}": deep for item in items for inner, deep in item.items()}
    return {}


def _has_params(value: Any) -> bool:
    """Return whether ``value`` is not a recipe but has parameters, like estimators of scikit-learn and sktime."""
    return not isinstance(value, (Recipe, type)) and hasattr(value, "get_params") and hasattr(value, "set_params")


def _is_named(item: Any) -> bool:
    """Return whether ``item`` is a pair ``(name, object)``, as callbacks may be."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def replace_nested(value: Any, name: str, params: dict[str, Any]) -> Any:
    """Return ``value``, a recipe or a tuple or list of recipes, with changed parameters.

    An item of a tuple or list is addressed by its number, or by its name if it is a pair ``(name, object)``.

    Parameters
    ----------
    value : Recipe, object with ``set_params``, tuple or list
    name : str
        Name of the parameter that holds `value`, for the error.
    params : dict
        New values by nested name, without the prefix ``name__``.

    Raises
    ------
    ValueError
        If an item does not exist, or an object has no parameters.

    Examples
    --------
    >>> from sslts.augment import Jitter, Scale
    >>> replace_nested((Jitter(), Scale()), "steps", {"0__magnitude": 3})[0]
    Jitter(magnitude=3, p=1.0)
    """
    if isinstance(value, (tuple, list)):
        names = [item[0] if _is_named(item) else None for item in value]
        items = [item[1] if _is_named(item) else item for item in value]
        places = {str(i): i for i in range(len(items))} | {key: i for i, key in enumerate(names) if key}
        plain, nested = split_nested(params)
        for key in [*plain, *nested]:
            if key not in places:
                known = f", or named {', '.join(filter(None, names))}" if any(names) else ""
                raise ValueError(f"{name} has no item {key!r}; its {len(items)} items are numbered from 0{known}.")
        for key, item in plain.items():
            if _is_named(item):
                names[places[key]], items[places[key]] = item
            else:
                items[places[key]] = item
        for key, inner in nested.items():
            items[places[key]] = replace_nested(items[places[key]], f"{name}__{key}", inner)
        return type(value)((key, item) if key else item for key, item in zip(names, items, strict=True))
    if _has_params(value):  # other objects may hold the same transformer or callback, so a copy is changed
        copied = copy.deepcopy(value)
        copied.set_params(**params)  # skorch's callbacks return None here
        return copied
    if not isinstance(value, Recipe):
        raise ValueError(
            f"{name}={value!r} has no nested parameters {sorted(params)}; pass a parameter object to {name} first."
        )
    return value.replace(**params)
