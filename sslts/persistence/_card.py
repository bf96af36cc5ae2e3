"""The model card: a description of a file that can be read without loading the model."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from importlib.metadata import version
from os import PathLike
from typing import Any

from sslts._files import escape
from sslts._wrapping import find_attribute, find_rate
from sslts.persistence._messages import Place, name_place
from sslts.persistence.files import PersistenceError, read_file

_DEEPEST = 20  # lists and mappings within each other
_PACKAGES = ("torch", "numpy", "scikit-learn", "skorch")


@functools.cache
def list_versions() -> dict[str, Any]:
    """Return the versions of this package and of its dependencies, as entries of a header."""
    found = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    return {"sslts": version("sslts"), "versions": found}


def compare_versions(header: Mapping[str, Any]) -> str:
    """Return the versions in a header that differ from the versions here, as text; empty if none differs.

    Only the first two numbers of Python's version count: the third changes no result.

    Examples
    --------
    >>> here = list_versions()
    >>> compare_versions(here)
    ''
    >>> compare_versions({**here, "sslts": "99.0"}).startswith("sslts 99.0 there, ")
    True
    """
    here, there = list_versions(), header.get("versions")
    there = there if isinstance(there, Mapping) else {}
    pairs = [("sslts", here["sslts"], header.get("sslts"))]
    pairs += [(name, own, there.get(name)) for name, own in here["versions"].items()]
    differ = [
        f"{name} {'unknown' if other is None else _shorten(other)} there, {own} here"
        for name, own, other in pairs
        if _keep_numbers(name, own) != _keep_numbers(name, other)
    ]
    return "; ".join(differ)


def _keep_numbers(name: str, version: Any) -> Any:
    return version.split(".")[:2] if name == "python" and isinstance(version, str) else version


def _shorten(version: Any) -> str:
    """Return a version as text that a terminal can show."""
    return ascii(version)[:40].strip("'")


def describe_model(segmenter: Any) -> dict[str, Any]:
    """Return the model card of a fitted segmenter: JSON values by title."""
    inner = getattr(segmenter, "segmenter_", segmenter)
    card: dict[str, Any] = {"estimator": type(segmenter).__name__, "classes": inner.classes_.tolist()}
    if inner is not segmenter:
        card["segmenter"] = type(inner).__name__
        card["rounds"] = len(segmenter.history_)
    for title, name in (
        ("background", "background"),
        ("channels", "n_channels_"),
        ("window length", "window_length_"),
        ("normalization", "normalization_"),
        ("sampling rate", "sampling_rate"),
        ("network", "network_"),
        ("scales", "scales_"),
        ("decoder", "decoder"),
        ("precision", "precision_"),
    ):
        if hasattr(inner, name):
            value = getattr(inner, name)
            card[title] = value if value is None or isinstance(value, (int, float, str)) else repr(value)
    if card.get("sampling rate", 0) is None:
        card["sampling rate"] = find_rate(inner)
    classifier = getattr(inner, "classifier_", None)
    if classifier is not None:
        card["classifier"] = repr(classifier)
    card["training set"] = find_attribute(segmenter, "training_set_")  # only the outer segmenter knows the given labels
    net = getattr(inner, "net_", None)
    if net is not None:
        card["weights"] = sum(p.numel() for p in net.module_.parameters())
        card["steps"] = net.step_
        rows = inner.history_.tail(1).to_dict("records")
        card["end of training"] = {str(k): _round(v) for row in rows for k, v in row.items() if v == v}
    given = dict(sorted(inner.get_params(deep=False).items()))
    init = given.pop("init", None)  # the model of another customer: do not show its parameters
    card["parameters"] = {name: repr(value) for name, value in given.items()}
    card["parameters"]["init"] = str(init) if isinstance(init, (str, PathLike)) else _name_model(init)
    return card


def _name_model(init: Any) -> str | None:
    return None if init is None else f"a fitted {type(init).__name__}"


def _round(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else int(value)


def read_card(path: Place) -> dict[str, Any]:
    """Return the model card of a file. The whole file is checked, but the model is not built.

    Parameters
    ----------
    path : path-like, or binary file object
        A file from ``save``, or a checkpoint. A file object is read from its position on.

    Returns
    -------
    dict
        ``file`` (kind, format, version of this package), ``versions`` of other packages, and the entries of the model.

    Raises
    ------
    PersistenceError
        If the file is damaged, has an unknown format, or is a folder, a pipe or a device.
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.persistence import read_card
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y).save(pathlib.Path(folder) / "model.sslts")
    ...     card = read_card(pathlib.Path(folder) / "model.sslts")
    >>> card["file"]["kind"], card["estimator"], card["training set"]["labeled_samples"]
    ('model', 'SupervisedSegmenter', 3200)
    """
    header, _ = read_file(path)
    about = {"kind": header.get("kind"), "format": header["format"], "sslts": header.get("sslts")}
    own = {"file": about, "versions": header.get("versions")}
    card = header.get("card", {})
    if not isinstance(card, dict) or _measure_depth([own, card]) > _DEEPEST:
        raise PersistenceError(f"{name_place(path)} is damaged: its card can't be read.")
    return own | card | own  # the card can't replace what the file says of itself


def _measure_depth(value: Any) -> int:
    """Return how many lists and mappings lie within each other, at most one more than `_DEEPEST`."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth


def format_card(card: dict[str, Any]) -> str:
    """Return a card as text, one entry per line, nested entries indented.

    Control characters and line breaks in an entry, which a terminal would carry out, are escaped.

    Examples
    --------
    >>> print(format_card({"classes": [0, 1], "training set": {"samples": 400}}))
    classes: 0, 1
    training set:
      samples: 400
    """
    lines = []
    for title, value in card.items():
        if isinstance(value, dict):
            lines += [escape(f"{title}:"), *(f"  {line}" for line in format_card(value).splitlines())]
        else:
            lines.append(escape(f"{title}: {', '.join(map(str, value)) if isinstance(value, list) else value}"))
    return "\n".join(lines)
