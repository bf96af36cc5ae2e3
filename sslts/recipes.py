"""Parameter objects: immutable, callable recipes, as kernels are for ``GaussianProcessRegressor``.

A recipe is a frozen dataclass. It is equal by value, holds no state, and answers ``get_params``, so that it can be the
default of a constructor's parameter and be tuned by nested names (``network__width``). A segmenter's ``set_params``
replaces a recipe by a changed one; nothing ever mutates it.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from numbers import Integral, Number, Real
from typing import Any, ClassVar, NamedTuple, Self


class Bounds(NamedTuple):
    """Which numbers a field of a recipe may be: from ``least`` to ``most``, or to below it if that is not ``included``.

    Examples
    --------
    >>> Bounds(most=1).find_fault(1.5), Bounds(whole=True).find_fault(3)
    ('give a number from 0 to 1', None)
    """

    least: float = 0
    most: float = math.inf
    included: bool = True
    whole: bool = False

    def find_fault(self, value: Any) -> str | None:
        """Return what should be given instead of ``value``; None if it will do."""
        number: Any = value if isinstance(value, Integral if self.whole else Real) else math.nan
        if self.least <= number <= self.most and (self.included or number < self.most) and value is not True:
            return None
        what = "a whole number" if self.whole else "a number"
        if self.most == math.inf:
            return f"give {what} of {self.least} or more"
        return f"give {what} from {self.least} to {'' if self.included else 'below '}{self.most}"


def bounded(
    default: Any, least: float = 0, most: float = math.inf, *, included: bool = True, whole: bool = False
) -> Any:
    """Return a field of a recipe whose numbers are checked; the arguments are those of `Bounds`.

    Parameters
    ----------
    default : number or None
        None is always allowed if it is the default.
    least, most : float
    included : bool
        Whether `most` itself is allowed.
    whole : bool
        Whether only whole numbers are.

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
    return dataclasses.field(default=default, metadata={"bounds": Bounds(least, most, included, whole)})


class Recipe:
    """Base class of all parameter objects; subclasses are frozen dataclasses.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> UNet(width=16).get_params()["width"]
    16
    >>> UNet(width=16).replace(width=8) == UNet(width=8)
    True
    """

    _bounds: ClassVar[Mapping[str, Bounds]] = {}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)  # what its giver may change later is copied
            if type(value) is list:
                object.__setattr__(self, field.name, tuple(value))
            elif type(value) is dict:
                object.__setattr__(self, field.name, dict(value))
        bounds = {field.name: field.metadata.get("bounds") for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        if is_ours(type(self)):  # fields of the same names may mean something else elsewhere
            bounds |= self._bounds
        for name, one in bounds.items():
            value = getattr(self, name, None)
            fault = None if value is None or one is None else one.find_fault(value)
            if fault:
                raise ValueError(f"{type(self).__name__}: {name}={value!r}; {fault}.")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the fields by name; with ``deep`` also those of nested recipes, as ``outer__inner``.

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
            If a name is no field of this recipe.
        """
        changes, nested = split_nested(params)
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        for name in [*changes, *nested]:
            if name not in names:
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(names)}.")
        for name, inner in nested.items():
            changes[name] = replace_nested(changes.get(name, getattr(self, name)), name, inner)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def __sklearn_clone__(self) -> Self:
        return self  # immutable, so a clone is itself


def check_no_class(value: Any, name: str) -> None:
    """Refuse the class of a recipe where an instance belongs; ``name`` is what an error calls it.

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
    """Raise ValueError if the field ``low`` is above the field ``high``.

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
    """Return whether a value is made of this package's recipes and of plain values, all the way down.

    What is not may do as it likes, as to draw from global random states.

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
    """Return whether a class is this package's.

    Examples
    --------
    >>> is_ours(Bounds), is_ours(int)
    (True, False)
    """
    return kind.__module__.partition(".")[0] == __package__


def split_nested(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split parameters into plain ones and, by the name of what they belong to, nested ones.

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
    if isinstance(value, Recipe) or _has_params(value):
        return {f"{name}__{inner}": deep for inner, deep in value.get_params().items()}
    if isinstance(value, tuple):
        items = [_list_nested(str(i), item) for i, item in enumerate(value)]
        return {f"{name}__{inner}": deep for item in items for inner, deep in item.items()}
    return {}


def _has_params(value: Any) -> bool:
    """Return whether a value that is no recipe has parameters, as scikit-learn's and sktime's estimators have."""
    return not isinstance(value, (Recipe, type)) and hasattr(value, "get_params") and hasattr(value, "set_params")


def _is_named(item: Any) -> bool:
    """Return whether an item is a pair of its name and itself, as callbacks may be."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def replace_nested(value: Any, name: str, params: dict[str, Any]) -> Any:
    """Return the recipe, or the tuple or list of recipes, with ``params`` changed; ``name`` is what an error calls it.

    Items go by their numbers, or by the names that they come with.

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
    if _has_params(value):  # a transformer as a view, a callback: others may hold it
        copied = copy.deepcopy(value)
        copied.set_params(**params)  # which skorch's callbacks do not return
        return copied
    if not isinstance(value, Recipe):
        raise ValueError(
            f"{name}={value!r} has no nested parameters {sorted(params)}; pass a parameter object to {name} first."
        )
    return value.replace(**params)
