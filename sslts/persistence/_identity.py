"""The identity of a run (data, parameters, start weights), and the differences between two runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from sslts._fingerprints import digest_arrays, list_weights
from sslts.annotations import LabelDetails, LabelRuns
from sslts.persistence._values import Encoder, get_import_path
from sslts.persistence.files import PersistenceError
from sslts.recordings import Recordings

_CHUNK = 1 << 22  # samples
_IDLE = frozenset({"verbose", "decoder", "sampling_rate", "warm_start"})  # no effect on training, or part of `start`


def identify_run(
    estimator: Any,
    recordings: Recordings,
    labels: LabelRuns,
    start: dict[str, Tensor] | None = None,
    pools: Mapping[str, Any] | None = None,
    held_out: float | None = None,
    details: LabelDetails | None = None,
) -> dict[str, Any]:
    """Return JSON values that are equal for two runs only if the runs have the same data, parameters and start.

    Parameters
    ----------
    estimator : estimator
    recordings : Recordings
        Every sample is read once.
    labels : LabelRuns
    start : dict of str to Tensor, or None
        Start weights of training; None means random weights.
    pools : mapping of str to object, or None
        Additional pools of recordings by name, each with ``recordings`` and ``labels``.
    held_out : float or None
        Share of the labeled recordings that is held out from training.
    details : LabelDetails or None
        Weights and soft labels of the labeled samples. Without any, the identity is that of a run of a version without
        them.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.recordings import as_recordings
    >>> data = as_recordings(np.zeros((3, 50))), LabelRuns.from_table(np.zeros((3, 50), dtype=int))
    >>> one, other = (identify_run(SupervisedSegmenter(lr=lr), *data) for lr in (0.1, 0.2))
    >>> one["recordings in X"], [name for name in one if one[name] != other[name]]
    (3, ['parameters'])
    """
    identity = {"estimator": type(estimator).__name__, **_identify_data(recordings, labels, "X", "y")}
    for name, pool in (pools or {}).items():
        identity |= _identify_data(pool.recordings, pool.labels, f"{name}[0]", f"{name}[1]")
    identity |= _identify_details(details or LabelDetails(), labels)
    if held_out is not None:
        identity["share for validation"] = held_out
    return identity | {
        "weights at the start": start and digest_arrays(value.cpu().float().numpy() for value in start.values()),
        "parameters": dict(_list_parameters(estimator)),
    }


def _identify_data(recordings: Recordings, labels: LabelRuns, X: str, y: str) -> dict[str, Any]:
    """Return the part of an identity that describes recordings and labels."""
    content = hashlib.sha256()
    for i, length in enumerate(recordings.lengths.tolist()):
        for first in range(0, length, _CHUNK):
            # The exact values that training reads, in one dtype, so that the dtype of the container does not matter.
            values = recordings.read(i, first, min(first + _CHUNK, length), exact=True).astype(np.float64)
            content.update(np.ascontiguousarray(values))
    return {
        f"recordings in {X}": len(recordings),
        f"channels in {X}": recordings.n_channels,
        f"lengths of the recordings in {X}": digest_arrays([recordings.lengths]),
        f"values in {X}": content.hexdigest(),
        f"labels in {y}": digest_arrays([labels.lengths, labels.first, labels.start, labels.value]),
    }


def _identify_details(details: LabelDetails, labels: LabelRuns) -> dict[str, Any]:
    """Return the part of an identity that describes weights and soft labels; empty without any."""
    names = {"weight": "weights in sample_weight", "soft": "soft labels in y"}
    found: dict[str, Any] = {names[name]: digest_arrays(values) for name, values in details.list_values(labels)}
    return found if details.n_classes is None else {**found, "classes of the soft labels": details.n_classes}


def _list_parameters(estimator: Any, prefix: str = "", idle: frozenset[str] = _IDLE | {"init"}) -> Iterator[Any]:
    """Yield name, fingerprint and text of each parameter that affects training, also of nested segmenters.

    Further fingerprints of the same value may follow: None is that of a file of a version without the parameter.
    """
    # An estimator around a segmenter may use its decoder; self-training uses it only to rank by agreement.
    inner = _IDLE if getattr(estimator, "rank", None) == "confidence" else _IDLE - {"decoder"}
    before = getattr(estimator, "_before", {})
    for name, value in estimator.get_params(deep=False).items():
        if name in idle:
            continue
        if hasattr(value, "_get_fitted") and name != "init":
            kind = [get_import_path(type(value)), digest_arrays(list_weights(value))]
            yield prefix + name, [_fingerprint(kind), type(value).__name__]
            yield from _list_parameters(value, f"{prefix}{name}__", inner)
        else:
            found, as_given = _fingerprint(value), _fingerprint(value, plain=False)
            others: list[str | None] = [as_given] if as_given != found else []
            if name in before and value == before[name]:
                others.append(None)
            yield prefix + name, [found, _shorten(repr(value)), *others]


def _fingerprint(value: Any, *, plain: bool = True) -> str:
    """Return a text that differs for different values of a parameter.

    With ``plain``, a number of NumPy has the fingerprint of the same number of Python.
    """
    encoder = Encoder()
    coded = encoder.encode(value, "value")
    text = json.dumps(_spell_plainly(coded) if plain else coded)
    arrays = (tensor.float().numpy() for tensor in encoder.tensors.values())
    return hashlib.sha256(text.encode()).hexdigest() + (digest_arrays(arrays) if encoder.tensors else "")


def _spell_plainly(coded: Any) -> Any:
    """Return an encoded value with numbers of Python in place of numbers of NumPy."""
    if isinstance(coded, list):
        return [_spell_plainly(one) for one in coded]
    if not isinstance(coded, dict):
        return coded
    if coded.get("$") == "scalar":
        plain = Encoder().encode(np.dtype(coded["dtype"]).type(coded["value"]).item(), "value")
        return _spell_plainly(plain)
    return {name: _spell_plainly(one) for name, one in coded.items()}


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def check_identity(here: dict[str, Any], there: dict[str, Any], path: Any) -> None:
    """Raise PersistenceError if two runs differ, with the list of the differences.

    Examples
    --------
    >>> check_identity({"parameters": {"lr": ["a", "0.1"]}}, {"parameters": {"lr": ["b", "0.2"]}}, "run.ckpt")
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: run.ckpt is the checkpoint of another run: lr=0.1 here, lr=0.2 there. ...
    """
    found = []
    for name in dict.fromkeys([*here, *there]):
        value, other = here.get(name), there.get(name)
        if name != "parameters" and value != other:
            shown = isinstance(value, int | float) or isinstance(other, int | float) or name == "estimator"
            found.append(f"{name}: {value} here, {other} there" if shown else f"the {name} differ")
    theirs = there.get("parameters", {})
    for name, (fingerprint, text, *as_given) in here["parameters"].items():
        other, their_text, *_ = theirs.get(name, (None, "missing"))
        if other not in (fingerprint, *as_given):  # earlier files hold the number as it was given
            both = f"{name}={text} here, {name}={their_text} there"
            found.append(both if text != their_text else f"{name} differs, though its text {text!r} is the same")
    if found:
        raise PersistenceError(
            f"{path} is the checkpoint of another run: {'; '.join(found)}. Pass another path as `checkpoint`, or "
            "delete the file to start again."
        )
