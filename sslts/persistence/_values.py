"""Encode Python values as JSON and tensors, and decode them, for a fixed list of kinds.

A value that JSON does not support is written as ``{"$": kind, ...}``. An object of this package is written as the name
of its class and its fields. Any other object, such as a custom network, is written as its import path. That path is
never imported: the caller passes the object to `load`.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from importlib import import_module
from numbers import Integral
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.utils import get_tags
from torch import Tensor

from sslts.annotations import Occurrences, SegmentStatistics
from sslts.persistence.files import PersistenceError
from sslts.recipes import Recipe

FORESTS = (ExtraTreesClassifier, RandomForestClassifier)  # classifiers of scikit-learn that a file can hold
_PLAIN = {bool, int, str}
_TENSOR_TYPES = "?bBhHiIlLqQefd"  # the dtypes that NumPy and safetensors share
_NUMBERS_AND_TEXT = (bool, int, float, str)
_SHORT_TEXT = 1024  # bytes of an item in an array of text, whatever the items are


class Encoder:
    """Encoder of values as JSON. Arrays go to ``tensors``, objects from outside this package to ``foreign``.

    A foreign estimator is written without its fitted attributes; ``lost`` lists the fitted foreign estimators. A
    callback that holds arrays is not written, because the arrays are recordings that it evaluates; ``dropped`` lists
    the import paths of these callbacks.

    Examples
    --------
    >>> import numpy as np
    >>> encoder = Encoder()
    >>> encoder.encode({"tau": 0.5, "counts": np.zeros(2)}, "model")
    {'$': 'dict', 'items': [['tau', 0.5], ['counts', {'$': 'array', 'tensor': 'model.counts'}]]}
    >>> list(encoder.tensors)
    ['model.counts']
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.foreign: dict[str, Any] = {}
        self.lost: dict[str, Any] = {}  # fitted estimators by path
        self.dropped: list[str] = []  # callbacks
        self._storages: set[int] = set()

    def encode(self, value: Any, path: str) -> Any:
        """Return ``value`` as JSON; its tensors are named after ``path``."""
        if value is None or type(value) in _PLAIN or (type(value) is float and math.isfinite(value)):
            return value
        for kinds, encode in _ENCODERS:
            if isinstance(value, kinds):
                return encode(self, value, path)
        if hasattr(value, "_get_fitted"):
            return self._encode_segmenter(value, path)
        return self._encode_foreign(value, path)

    def _encode_items(self, values: Iterable[Any], path: str) -> list[Any]:
        return [self.encode(value, f"{path}.{i}") for i, value in enumerate(values)]

    def _encode_fields(self, fields: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {name: self.encode(value, f"{path}.{name}") for name, value in fields.items()}

    def _encode_list(self, value: list[Any], path: str) -> Any:
        kinds = {x.dtype.char if isinstance(x, np.ndarray) and x.ndim == 1 else "" for x in value}
        if len(value) > 1 and len(kinds) == 1 and kinds <= set(_TENSOR_TYPES):  # one tensor for all arrays
            lengths = [len(x) for x in value]
            return {"$": "arrays", "flat": self.encode(np.concatenate(value), path), "lengths": lengths}
        return self._encode_items(value, path)

    def _encode_mapping(self, value: Mapping[Any, Any], path: str) -> Any:
        items = [[self.encode(key, path), self.encode(one, f"{path}.{key}")] for key, one in value.items()]
        return {"$": "dict", "items": items}

    def _encode_array(self, value: np.ndarray, path: str) -> Any:
        if value.dtype.char not in _TENSOR_TYPES:
            if value.dtype.kind not in "OU":
                raise TypeError(f"{path} is an array of {value.dtype}, which a file can't hold; pass numbers or text.")
            return {
                "$": "objects",
                "dtype": value.dtype.str,
                "shape": list(value.shape),
                "items": value.ravel().tolist(),
            }
        native = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
        return {"$": "array", "tensor": self._keep(torch.from_numpy(native.reshape(value.shape).copy()), path)}

    def _encode_tensor(self, value: Tensor, path: str) -> Any:
        return {"$": "tensor", "tensor": self._keep(value.detach(), path)}

    def _keep(self, tensor: Tensor, path: str) -> str:
        """Store a tensor that shares no memory with another tensor, and return its name."""
        tensor = tensor.cpu().contiguous()
        whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        if not whole or tensor.untyped_storage().data_ptr() in self._storages:
            tensor = tensor.clone()
        self._storages.add(tensor.untyped_storage().data_ptr())
        name = path
        while name in self.tensors:
            name += "'"
        self.tensors[name] = tensor
        return name

    def _encode_frame(self, value: pd.DataFrame, path: str) -> Any:
        columns = [[name, self.encode(value[name].to_numpy(), f"{path}.{name}")] for name in value.columns]
        return {"$": "frame", "columns": columns, "length": len(value)}

    def _encode_random_state(self, value: np.random.RandomState, path: str) -> Any:
        return {"$": "random_state", "state": self.encode(value.get_state(legacy=False), path)}

    def _encode_recipe(self, value: Any, path: str) -> Any:
        name = _get_name(type(value))
        if name is None:
            return self._encode_foreign(value, path)
        return {"$": "recipe", "class": name, "fields": self._encode_fields(_list_fields(value), path)}

    def _encode_partial(self, value: functools.partial[Any], path: str) -> Any:
        parts = {"function": value.func, "arguments": value.args, "keywords": value.keywords}
        return {"$": "partial", **self._encode_fields(parts, path)}

    def _encode_segmenter(self, value: Any, path: str) -> Any:
        name = _get_name(type(value))
        which = {"class": name} if name else {"foreign": self._note(type(value))}
        given = value.get_params(deep=False)
        if getattr(given.get("init"), "init", None) is not None:  # leave out the start model of the start model
            given["init"] = copy.copy(given["init"])
            given["init"].init = None
        callbacks = given.get("callbacks") or []
        kept = [one for one in callbacks if not self._drops(one)]
        if len(kept) < len(callbacks):
            given["callbacks"] = kept or None
        params = self._encode_fields(given, f"{path}.params")
        return {"$": "segmenter", **which, "params": params, "fitted": self._encode_fields(value._get_fitted(), path)}

    def _drops(self, callback: Any) -> bool:
        """Return whether a callback is left out of the file, because it holds arrays."""
        trial = Encoder()
        trial.encode(callback, "callback")
        if trial.tensors:
            self.dropped.append(get_import_path(callback[1] if isinstance(callback, tuple) else callback))
        return bool(trial.tensors)

    def _encode_foreign(self, value: Any, path: str) -> Any:
        if isinstance(value, type) or not (dataclasses.is_dataclass(value) or hasattr(value, "get_params")):
            kind = {} if hasattr(value, "__qualname__") else {"instance": True}
            return {"$": "foreign", "name": self._note(value), **kind}
        if _has_learnt(value):
            self.lost[path] = value
        fields = self._encode_fields(_list_fields(value), path)
        return {"$": "foreign", "name": self._note(type(value)), "fields": fields}

    def _note(self, value: Any) -> str:
        """Return the import path of a foreign object, with a number if another object has the same path."""
        path, number = get_import_path(value), 2
        name = path
        while name in self.foreign and self.foreign[name] is not value:
            name, number = f"{path}#{number}", number + 1
        self.foreign[name] = value
        return name


_ENCODERS: list[tuple[Any, Callable[[Encoder, Any, str], Any]]] = [
    (np.generic, lambda _self, x, _path: {"$": "scalar", "dtype": x.dtype.str, "value": _spell(x.item())}),
    (float, lambda _self, x, _path: {"$": "float", "value": repr(x)}),
    (Fraction, lambda _self, x, _path: {"$": "fraction", "value": [x.numerator, x.denominator]}),
    (tuple, lambda self, x, path: {"$": "tuple", "items": self._encode_items(x, path)}),
    (list, Encoder._encode_list),
    ((set, frozenset), lambda self, x, path: {"$": "set", "items": self._encode_items(sorted(x, key=repr), path)}),
    (Mapping, Encoder._encode_mapping),
    (np.ndarray, Encoder._encode_array),
    (Tensor, Encoder._encode_tensor),
    (pd.DataFrame, Encoder._encode_frame),
    (np.random.RandomState, Encoder._encode_random_state),
    ((Recipe, SegmentStatistics, Occurrences, *FORESTS), Encoder._encode_recipe),
    (functools.partial, Encoder._encode_partial),
    (PurePath, lambda _self, x, _path: str(x)),
]


def _spell(value: Any) -> Any:
    """Return a float as text, which JSON stores exactly; other values unchanged."""
    return repr(value) if isinstance(value, float) else value


def _list_fields(value: Any) -> dict[str, Any]:
    """Return the constructor arguments of a dataclass or an estimator, without new fields at the value of old files."""
    if dataclasses.is_dataclass(value):
        before = getattr(value, "_before", {})
        given = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return {name: one for name, one in given.items() if not (name in before and one == before[name])}
    return value.get_params(deep=False)


def _has_learnt(value: Any) -> bool:
    """Return whether ``value`` is a fitted estimator, unlike a callback or a transformer that needs no fit."""
    found = {name for name in vars(value) if name.endswith("_") and not name.startswith("_")} - set(_list_fields(value))
    if not hasattr(value, "fit") or not found:
        return False
    return not hasattr(value, "__sklearn_tags__") or get_tags(value).requires_fit


def get_import_path(value: Any) -> str:
    """Return ``module.name`` of a class or function; for another object, ``module.name`` of its class."""
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(named, '__module__', None) or type(named).__module__}.{named.__qualname__}"


def is_count(value: Any) -> bool:
    """Return whether a decoded value is a whole number of 0 or more.

    Examples
    --------
    >>> [is_count(value) for value in (3, np.int64(3), -1, True, 1.0, "1")]
    [True, True, False, False, False, False]
    """
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0


def list_foreign(coded: Any) -> Iterator[str]:
    """Yield the names of all foreign objects in an encoded value."""
    if isinstance(coded, list):
        for one in coded:
            yield from list_foreign(one)
    elif isinstance(coded, dict):
        if coded.get("$") == "foreign":
            yield coded["name"]
        elif coded.get("$") == "segmenter" and "foreign" in coded:
            yield coded["foreign"]
        for one in coded.values():
            yield from list_foreign(one)


class Decoder:
    """Decoder of the values that `Encoder` wrote.

    Parameters
    ----------
    tensors : dict of str to Tensor
    objects : dict of str to object
        Foreign classes, functions and objects, by their names in the file.
    device : str or None
        New parameter ``device`` of every segmenter; None keeps the saved device.

    Examples
    --------
    >>> encoder = Encoder()
    >>> coded = encoder.encode({"tau": 0.5, "counts": np.zeros(2), "strong": abs}, "model")
    >>> Decoder(encoder.tensors, {"builtins.abs": abs}).decode(coded)
    {'tau': 0.5, 'counts': array([0., 0.]), 'strong': <built-in function abs>}
    >>> Decoder(encoder.tensors).decode(coded)
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: the file names 'builtins.abs', which is not in `objects`; ...
    """

    def __init__(
        self, tensors: dict[str, Tensor], objects: Mapping[str, Any] | None = None, device: str | None = None
    ) -> None:
        self.tensors, self.objects, self.device = tensors, objects or {}, device

    def decode(self, coded: Any) -> Any:
        """Return the decoded value.

        Raises
        ------
        PersistenceError
            If this version does not know the kind of the value, or if a foreign object was not passed.
        """
        if isinstance(coded, list):
            return [self.decode(one) for one in coded]
        if not isinstance(coded, dict):
            return coded
        kind = coded.get("$")
        decode = _DECODERS.get(kind) if isinstance(kind, str) else None
        if decode is None:
            raise PersistenceError(f"the file holds a value of kind {kind!r}, which this version does not know.")
        return decode(self, coded)

    def _decode_fields(self, coded: dict[str, Any]) -> dict[str, Any]:
        return {name: self.decode(value) for name, value in coded.items()}

    def _decode_scalar(self, coded: dict[str, Any]) -> np.generic:
        dtype, value = np.dtype(coded["dtype"]), coded["value"]
        if dtype.kind not in "biufU" or not isinstance(value, _NUMBERS_AND_TEXT):
            raise PersistenceError("the file holds a number of an unknown type.")
        number: np.generic = dtype.type(value)
        return number

    def _decode_arrays(self, coded: dict[str, Any]) -> list[np.ndarray]:
        flat, lengths = self.decode(coded["flat"]), coded["lengths"]
        if not (isinstance(flat, np.ndarray) and flat.ndim == 1 and all(map(is_count, lengths))):
            raise PersistenceError("the file holds arrays without lengths.")
        if sum(lengths) != len(flat):
            raise PersistenceError(f"the file holds arrays of {sum(lengths)} values in a tensor of {len(flat)}.")
        return np.split(flat, np.cumsum(lengths)[:-1])

    def _decode_objects(self, coded: dict[str, Any]) -> np.ndarray:
        items, dtype = coded["items"], np.dtype(coded["dtype"])
        if any(not isinstance(x, (*_NUMBERS_AND_TEXT, type(None))) for x in items) or dtype.kind not in "OU":
            raise PersistenceError("the file holds an array with objects other than text and numbers.")
        longest = 4 * max((len(x) for x in items if isinstance(x, str)), default=0)
        if dtype.itemsize > max(longest, _SHORT_TEXT):  # NumPy would allocate it for each item
            raise PersistenceError(f"the file holds an array of text with {dtype.itemsize // 4} characters each.")
        return np.array(items, dtype=dtype).reshape(coded["shape"])

    def _decode_frame(self, coded: dict[str, Any]) -> pd.DataFrame:
        columns, length = {name: self.decode(values) for name, values in coded["columns"]}, coded["length"]
        whole = all(isinstance(values, np.ndarray) and values.shape == (length,) for values in columns.values())
        if not (is_count(length) and whole and (columns or not length)):
            raise PersistenceError("the file holds a table whose columns do not have its length.")
        return pd.DataFrame(columns, index=pd.RangeIndex(length), columns=list(columns))

    def _decode_random_state(self, coded: dict[str, Any]) -> np.random.RandomState:
        state, found = np.random.RandomState(), self.decode(coded["state"])
        if not 0 <= found["state"]["pos"] <= len(found["state"]["key"]):  # NumPy would read beyond the key
            raise PersistenceError("the file holds a random state with a position outside of its numbers.")
        state.set_state(found)
        return state

    def _decode_recipe(self, coded: dict[str, Any]) -> Any:
        cls = _find_class(coded["class"])
        if hasattr(cls, "_get_fitted"):
            raise PersistenceError(f"{cls.__name__} can't be a recipe.")
        return _call(cls, self._decode_fields(coded["fields"]), coded["class"])

    def _decode_partial(self, coded: dict[str, Any]) -> functools.partial[Any]:
        arguments, keywords = self.decode(coded["arguments"]), self.decode(coded["keywords"])
        return functools.partial(self.decode(coded["function"]), *arguments, **keywords)

    def _decode_segmenter(self, coded: dict[str, Any]) -> Any:
        cls = self._find(coded["foreign"]) if "foreign" in coded else _find_class(coded["class"])
        params = self._decode_fields(coded["params"])
        if self.device is not None and "device" in params:
            params["device"] = self.device
        segmenter = _call(cls, params, cls.__name__)
        segmenter._set_fitted(self._decode_fields(coded["fitted"]))
        return segmenter

    def _decode_foreign(self, coded: dict[str, Any]) -> Any:
        found = self._find(coded["name"])
        if coded.get("instance") and isinstance(found, type):
            raise PersistenceError(
                f"the file names an instance of {coded['name']}, but `objects` holds the class; pass an instance with "
                "the saved parameters."
            )
        return _call(found, self._decode_fields(coded["fields"]), coded["name"]) if "fields" in coded else found

    def _find(self, name: str) -> Any:
        try:
            return self.objects[name]
        except KeyError:
            raise PersistenceError(f"the file names {name!r}, which is not in `objects`; pass it.") from None


_DECODERS: dict[str, Callable[[Decoder, dict[str, Any]], Any]] = {
    "scalar": Decoder._decode_scalar,
    "float": lambda _, coded: float(coded["value"]),
    "fraction": lambda _, coded: Fraction(*map(int, coded["value"])),
    "tuple": lambda self, coded: tuple(self.decode(one) for one in coded["items"]),
    "set": lambda self, coded: {self.decode(one) for one in coded["items"]},
    "dict": lambda self, coded: {self.decode(key): self.decode(one) for key, one in coded["items"]},
    "array": lambda self, coded: self.tensors[coded["tensor"]].numpy(),
    "tensor": lambda self, coded: self.tensors[coded["tensor"]],
    "arrays": Decoder._decode_arrays,
    "objects": Decoder._decode_objects,
    "frame": Decoder._decode_frame,
    "random_state": Decoder._decode_random_state,
    "recipe": Decoder._decode_recipe,
    "partial": Decoder._decode_partial,
    "segmenter": Decoder._decode_segmenter,
    "foreign": Decoder._decode_foreign,
}


def _call(cls: Callable[..., Any], fields: dict[str, Any], name: str) -> Any:
    try:
        return cls(**{**getattr(cls, "_before", {}), **fields})
    except TypeError as error:
        raise PersistenceError(f"{name} can't be built from the fields in the file: {error}.") from error


# Modules with classes of this package. Names avoid an import here: some of these modules are in a higher layer.
_HOMES = (
    "sslts.networks",
    "sslts.augment",
    "sslts.losses",
    "sslts.thresholds",
    "sslts.features",
    "sslts.decoding",
    "sslts.annotations",
    "sslts.segmenters",
)
_OTHERS = {"Occurrences", "SegmentStatistics"}  # not recipes, but also built from their fields


@functools.cache
def _list_classes() -> dict[str, type]:
    """Return the classes that a file can name, by name: of this package, and the forests of scikit-learn."""
    found: dict[str, type] = {cls.__name__: cls for cls in FORESTS}
    for home in _HOMES:
        for name, value in vars(import_module(home)).items():
            if not isinstance(value, type) or inspect.isabstract(value) or value is Recipe or name != value.__name__:
                continue
            if issubclass(value, Recipe) or hasattr(value, "_get_fitted") or name in _OTHERS:
                found[name] = value
    return found


def _find_class(name: str) -> type:
    """Return a class of this package by name; raise PersistenceError if this version does not have it."""
    found = _list_classes().get(name)
    if found is None:
        raise PersistenceError(f"the file names {name!r}, which this version of sslts does not have.")
    return found


def _get_name(cls: type) -> str | None:
    """Return the name of a class of this package, or None for any other class."""
    return cls.__name__ if _list_classes().get(cls.__name__) is cls else None
