"""Save fitted segmenters to files, and load them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.utils.validation import check_is_fitted

from sslts._files import escape, remove_leftovers
from sslts._notices import warn
from sslts.persistence._card import compare_versions, describe_model, list_versions
from sslts.persistence._messages import DAMAGES, Place, is_path, name_place, shorten, summarize
from sslts.persistence._values import Decoder, Encoder, get_import_path, list_foreign
from sslts.persistence.files import PersistenceError, read_file, write_file
from sslts.training import neutral_torch


class Savable:
    """Mixin that saves an estimator: its parameters and its fitted attributes.

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

    def save(self, path: Place) -> None:
        """Write the fitted segmenter to one file; `sslts.load` reads it.

        Parameters
        ----------
        path : path-like, or binary file object
            An existing file is replaced once the new file is complete; it keeps its permissions. A file object, such as
            ``io.BytesIO()`` or ``open(path, "wb")``, gets all bytes at its position, and stays open.

        Warns
        -----
        UserWarning
            If a callback is left out because it holds arrays, such as recordings that it evaluates.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the segmenter is not fitted.
        TypeError
            If the segmenter contains a fitted estimator of another package, such as a search, because a file can hold
            only the parameters of such an estimator. Forests of scikit-learn are the exception.
        ValueError
            If a weight is not finite, as after a training that diverged.
        OSError
            If the folder does not exist or can't be written.

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
                f"callbacks={', '.join(encoder.dropped)} are left out of the file, because they hold arrays and a file "
                "must not hold recordings; only training needs them."
            )
        header = {"kind": "model", **list_versions(), "card": describe_model(self), "model": model}
        write_file(path, header, encoder.tensors)

    def _get_fitted(self) -> dict[str, Any]:
        """Return the fitted attributes by name, or an empty dict if the estimator is not fitted."""
        found = sorted(vars(self).items())
        return {name: value for name, value in found if name.endswith("_") and not name.startswith("_")}

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        """Set the fitted attributes that `_get_fitted` returned."""
        for name, value in fitted.items():
            if not name.isidentifier() or not name.endswith("_") or name.startswith("_") or hasattr(type(self), name):
                raise PersistenceError(
                    f"the file names {name!r}, which is not a fitted attribute of {type(self).__name__}."
                )
            setattr(self, name, value)


def load(
    path: Place,
    *,
    objects: Mapping[str, Any] | Iterable[Any] | None = None,
    device: str | None = None,
) -> Any:
    """Return a saved segmenter: fitted, with the same parameters and, bit for bit, the same predictions.

    No code in the file is executed. Objects from outside this package, such as a custom network, are only named in the
    file, by their import path. Pass these objects if you trust the file.

    Parameters
    ----------
    path : path-like, or binary file object
        A file object, such as ``io.BytesIO(data)`` or ``open(path, "rb")``, is read from its position to the end of the
        model, and stays open.
    objects : dict of str to object, or iterable of classes and functions
        The objects named in the file: ``{"mypackage.MyNet": MyNet}``, or ``[MyNet]`` if the import path is unchanged. A
        class is called with the parameters in the file. Callbacks that are not passed are left out, with a warning.
    device : str or None, default=None
        New value of the parameter ``device``, such as ``"cpu"`` for a model that was fitted with ``device="cuda"``.

    Returns
    -------
    estimator

    Warns
    -----
    UserWarning
        If the file was saved with another version of this package, Python, torch, NumPy, scikit-learn or skorch.

    Raises
    ------
    PersistenceError
        If the file is damaged, has another kind or format, is a folder, a pipe or a device, or names an object that was
        not passed. This is a ``ValueError``.
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

    A model in memory, as from a database:

    >>> import io
    >>> buffer = io.BytesIO()
    >>> segmenter.save(buffer)
    >>> sslts.load(io.BytesIO(buffer.getvalue()), objects=[MyNet]).classes_
    array([0, 1])
    """
    if is_path(path):
        remove_leftovers(path)
    header, tensors = read_file(path, "model")
    if differ := compare_versions(header):
        warn(
            f"{path} was saved with other versions ({differ}): its predictions may differ. Compare some of them with "
            "predictions of the earlier versions; then save the model again."
        )
    if objects is not None and not isinstance(objects, Mapping):
        objects = {get_import_path(value): value for value in objects}
    try:
        model = _drop_callbacks(header["model"], set(objects or {}))
        _refuse_foreign(model, set(objects or {}))
        with neutral_torch():
            segmenter = Decoder(tensors, objects, device).decode(model)
        if not isinstance(segmenter, Savable):
            raise PersistenceError(f"the file holds a {type(segmenter).__name__}, not a segmenter.")
        check_is_fitted(segmenter)
        return segmenter
    except PersistenceError as error:
        raise PersistenceError(f"{name_place(path)}: {error}") from error
    except DAMAGES as error:
        raise PersistenceError(f"{name_place(path)} can't be read: {summarize(error)}") from error


def _refuse_lost(lost: Mapping[str, Any]) -> None:
    """Raise TypeError if a fitted estimator of another package would lose its fitted attributes."""
    for path, value in lost.items():
        kind = type(value).__name__
        raise TypeError(
            f"{path} is a fitted {kind}; a file can hold its parameters, but not its fitted attributes. Save the "
            "segmenter inside the search or pipeline"
            f"{' (its best_estimator_)' if hasattr(value, 'best_estimator_') else ''}, or pass it as `init`."
        )


def _refuse_foreign(coded: Any, known: set[str]) -> None:
    """Raise PersistenceError if the file names objects that were not passed."""
    missing = sorted(set(list_foreign(coded)) - known)
    if missing:
        wanted = ", ".join(f"{name!r}: ..." for name in missing)
        raise PersistenceError(
            f"the file names objects from outside sslts: {', '.join(missing)}. A file cannot import objects; if you "
            f"trust the file, pass objects={{{wanted}}}."
        )


def _drop_callbacks(coded: Any, known: set[str]) -> Any:
    """Return the encoded value without callbacks of unknown objects, which only training needs."""
    if isinstance(coded, list):
        return [_drop_callbacks(one, known) for one in coded]
    if not isinstance(coded, dict):
        return coded
    coded = {name: _drop_callbacks(one, known) for name, one in coded.items()}
    if coded.get("$") == "segmenter" and isinstance(coded["params"].get("callbacks"), list):
        callbacks = coded["params"]["callbacks"]
        unknown = [set(list_foreign(one)) - known for one in callbacks]
        kept = [one for one, missing in zip(callbacks, unknown, strict=True) if not missing]
        if len(kept) < len(callbacks):
            left = shorten(escape(", ".join(sorted(set().union(*unknown)))), 1000)
            warn(f"callbacks={left} are left out; pass them as `objects` to keep them.")
            coded["params"]["callbacks"] = kept or None
    return coded
