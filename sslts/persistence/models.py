"""Fitted segmenters to files and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.utils.validation import check_is_fitted

from sslts._notices import warn
from sslts.persistence._card import describe_model, list_versions
from sslts.persistence._values import Decoder, Encoder, get_import_path, list_foreign
from sslts.persistence.files import PersistenceError, read_file, write_file


class Savable:
    """Mixin of estimators that can be saved: parameters, and what `fit` found.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> class Counter(Savable, BaseEstimator):
    ...     def fit(self, X, y):
    ...         self.classes_, self.counts_ = np.unique(y, return_counts=True)
    ...         return self
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Counter().fit(None, [0, 1, 1]).save(pathlib.Path(folder) / "model.sslts")
    ...     again = load(pathlib.Path(folder) / "model.sslts", objects=[Counter])
    >>> again.counts_
    array([1, 2])
    """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted segmenter to one file, which `sslts.load` reads.

        Parameters
        ----------
        path : path-like
            What is there is replaced when the new file is complete.

        Warns
        -----
        UserWarning
            If a callback is left out because it holds arrays, as recordings that it watches.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the segmenter is not fitted.
        TypeError
            If it holds a fitted estimator from elsewhere, as a search, of which a file can hold the parameters alone.
        OSError
            If the folder is missing or can't be written.

        Examples
        --------
        >>> import pathlib, tempfile, sslts
        >>> from sslts.datasets import make_recordings
        >>> X, y = make_recordings(8, n_samples=400, random_state=0)
        >>> segmenter = sslts.SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     segmenter.save(pathlib.Path(folder) / "model.sslts")
        ...     again = sslts.load(pathlib.Path(folder) / "model.sslts")
        >>> bool((again.predict_proba(X) == segmenter.predict_proba(X)).all())
        True
        """
        check_is_fitted(self)
        encoder = Encoder()
        model = encoder.encode(self, "model")
        _refuse_lost(encoder.lost)
        if encoder.dropped:
            warn(
                f"callbacks={', '.join(encoder.dropped)} are left out of the file, which is to hold no recordings, and "
                "they hold arrays; training alone needs them."
            )
        header = {"kind": "model", **list_versions(), "card": describe_model(self), "model": model}
        write_file(path, header, encoder.tensors)

    def _get_fitted(self) -> dict[str, Any]:
        """Return what `fit` found, by name; nothing if it is not fitted."""
        found = sorted(vars(self).items())
        return {name: value for name, value in found if name.endswith("_") and not name.startswith("_")}

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        """Take over what `_get_fitted` returned."""
        for name, value in fitted.items():
            if not name.isidentifier() or not name.endswith("_") or name.startswith("_") or hasattr(type(self), name):
                raise PersistenceError(f"the file names {name!r}, which is no attribute of a {type(self).__name__}.")
            setattr(self, name, value)


def load(
    path: str | os.PathLike[str],
    *,
    objects: Mapping[str, Any] | Iterable[Any] | None = None,
    device: str | None = None,
) -> Any:
    """Return the segmenter that `save` wrote: fitted, with the same parameters and, bit for bit, the same answers.

    Nothing in the file is executed. What does not ship with this package, as a network or an augmenter of your own, is
    only named there, by its import path; pass it in if you trust the file to use it.

    Parameters
    ----------
    path : path-like
    objects : dict of str to object, or iterable of classes and functions
        What the file names: ``{"mypackage.MyNet": MyNet}``, or ``[MyNet]`` where the name is still its import path. A
        class is called with the parameters in the file. Callbacks that are not passed in are left out, with a warning.
    device : str or None, default=None
        Replaces the parameter ``device``, as ``"cpu"`` for a model that was fitted with ``device="cuda"``.

    Returns
    -------
    estimator

    Raises
    ------
    PersistenceError
        If the file is damaged, of another kind or format, or names what was not passed in. It is a ``ValueError``.
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> import pathlib, tempfile, torch, sslts
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> class MyNet(torch.nn.Conv1d):
    ...     def __init__(self, n_channels, n_classes):
    ...         super().__init__(n_channels, n_classes, 9, padding=4)
    >>> segmenter = sslts.SupervisedSegmenter(network=MyNet, max_steps=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     segmenter.save(pathlib.Path(folder) / "model.sslts")
    ...     again = sslts.load(pathlib.Path(folder) / "model.sslts", objects=[MyNet])
    >>> again.network is MyNet
    True
    """
    header, tensors = read_file(path, "model")
    if objects is not None and not isinstance(objects, Mapping):
        objects = {get_import_path(value): value for value in objects}
    try:
        model = _drop_callbacks(header["model"], set(objects or {}))
        _refuse_foreign(model, set(objects or {}))
        return Decoder(tensors, objects, device).decode(model)
    except PersistenceError as error:
        raise PersistenceError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, RecursionError) as error:
        raise PersistenceError(f"{path} can't be read: {type(error).__name__}: {error}") from error


def _refuse_lost(lost: Mapping[str, Any]) -> None:
    for path, value in lost.items():
        kind = type(value).__name__
        raise TypeError(
            f"{path} is a fitted {kind}, of which a file can hold the parameters alone: what it learnt would be lost. "
            f"Save, or pass as `init`, the segmenter in it, which sslts.wrapping.find_fitted returns"
            f"{' (its best_estimator_)' if hasattr(value, 'best_estimator_') else ''}."
        )


def _refuse_foreign(coded: Any, known: set[str]) -> None:
    missing = sorted(set(list_foreign(coded)) - known)
    if missing:
        wanted = ", ".join(f"{name!r}: ..." for name in missing)
        raise PersistenceError(
            f"it names what does not ship with sslts: {', '.join(missing)}. Nothing is imported because a file says "
            f"so; if you trust it, pass objects={{{wanted}}}."
        )


def _drop_callbacks(coded: Any, known: set[str]) -> Any:
    """Return the encoded value without callbacks that name unknown objects: only training needs them."""
    if isinstance(coded, list):
        return [_drop_callbacks(one, known) for one in coded]
    if not isinstance(coded, dict):
        return coded
    coded = {name: _drop_callbacks(one, known) for name, one in coded.items()}
    if coded.get("$") == "segmenter" and isinstance(coded["params"].get("callbacks"), list):
        callbacks = coded["params"]["callbacks"]
        kept = [one for one in callbacks if set(list_foreign(one)) <= known]
        if len(kept) < len(callbacks):
            left = sorted({name for one in callbacks if one not in kept for name in list_foreign(one)} - known)
            warn(f"callbacks={', '.join(left)} are left out; pass them as `objects` to train on with them.")
            coded["params"]["callbacks"] = kept or None
    return coded
