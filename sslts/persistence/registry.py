"""The classes that files name: every estimator and parameter object that ships, by the name of its class."""

from __future__ import annotations

import functools
import inspect
from importlib import import_module

from sslts.persistence.files import PersistenceError
from sslts.recipes import Recipe

# Named, not imported: the estimators lie above this module. A new recipe in one of these is found by itself.
HOMES = ("sslts.networks", "sslts.augment", "sslts.thresholds", "sslts.decoding", "sslts.segmenters")
_OTHERS = {"SegmentStatistics"}  # what the labels showed: no recipe, but built from fields as one


@functools.cache
def list_classes() -> dict[str, type]:
    """Return the classes by name.

    Examples
    --------
    >>> list_classes()["UNet"].__module__
    'sslts.networks'
    """
    found: dict[str, type] = {}
    for home in HOMES:
        for name, value in vars(import_module(home)).items():
            if not isinstance(value, type) or inspect.isabstract(value) or value is Recipe or name != value.__name__:
                continue
            if issubclass(value, Recipe) or hasattr(value, "_get_fitted") or name in _OTHERS:
                found[name] = value
    return found


def find_class(name: str) -> type:
    """Return a class that ships.

    Raises
    ------
    PersistenceError
        If this version has none of that name.

    Examples
    --------
    >>> find_class("UNet")
    <class 'sslts.networks.UNet'>
    >>> find_class("VNet")
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: the file names 'VNet', which this version of sslts does not have.
    """
    found = list_classes().get(name)
    if found is None:
        raise PersistenceError(f"the file names {name!r}, which this version of sslts does not have.")
    return found


def get_name(cls: type) -> str | None:
    """Return the name of a class that ships, None for any other.

    Examples
    --------
    >>> from sslts.networks import UNet
    >>> class MyNet(UNet):
    ...     pass
    >>> get_name(UNet), get_name(MyNet)
    ('UNet', None)
    """
    return cls.__name__ if list_classes().get(cls.__name__) is cls else None
