"""Checkpoints: the complete state of a training run, saved regularly, from which the run can continue."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from sslts._files import check_place, escape, remove_leftovers
from sslts._notices import warn
from sslts._ranks import count_ranks, is_first_rank
from sslts.annotations import LabelDetails, LabelRuns
from sslts.persistence._card import compare_versions, list_versions
from sslts.persistence._identity import check_identity, identify_run
from sslts.persistence._messages import DAMAGES, name_place, shorten, summarize
from sslts.persistence._nets import get_net_state, set_net_state
from sslts.persistence._runs import check_callback, check_frozen, check_optimizer, check_position, check_rounds
from sslts.persistence._values import Decoder, Encoder, is_count, list_foreign
from sslts.persistence.files import PersistenceError, read_file, write_file
from sslts.recordings import Recordings
from sslts.training import SegmentationNet

_SAVE_EVERY = 50  # steps
_SEEDS = 2**31


class Checkpoint(Callback):
    """A skorch callback that saves a run every 50 steps, and restores a saved run before training.

    It must come after the other callbacks, because it saves their state: every attribute with a name ending in ``_``
    that is a number, an array, a container of these, or has a ``state_dict``.

    Parameters
    ----------
    path : path-like
        File of the checkpoint; need not exist.
    identity : dict
        Result of `identify_run`.

    Raises
    ------
    PersistenceError
        If the file is not a checkpoint, is damaged, or belongs to another run.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.recordings import as_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0)
    >>> identity = identify_run(segmenter, as_recordings(X), LabelRuns.from_table(y))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.ckpt"
    ...     before, _ = Checkpoint(path, identity), segmenter.fit(X, y, checkpoint=path)
    ...     after = Checkpoint(path, identity)
    >>> before.seed, after.seed == segmenter.net_.seed
    (None, True)
    """

    def __init__(self, path: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self.path, self.identity = path, identity
        self.seed: int | None = None  # seed of the saved run
        remove_leftovers(path)
        self._saved: tuple[dict[str, Any], dict[str, Any]] | None = None
        if os.path.lexists(path):
            header, tensors = read_file(path, "checkpoint")
            with _reading(path):
                check_identity(identity, header["identity"], path)
                if not (is_count(header["seed"]) and header["seed"] < _SEEDS):
                    raise ValueError("its seed is not a number from the start of a run")
                if not isinstance(header["environment"], str):
                    raise ValueError("it does not describe its environment")
                self.seed = header["seed"]
            self._saved = header, tensors

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        if self._saved is None:
            self._save(net)  # raises before training if the run can't be saved
            return
        header, tensors = self._saved
        self._saved = None
        there, here = shorten(escape(header["environment"]), 200), _describe_environment(net)
        versions = compare_versions(header)
        if header["environment"] != here or versions:
            more = f" (other versions: {versions})" if versions else ""
            warn(
                f"{self.path} was started with {there} and continues with {here}{more}: the weights may differ in the "
                "last bits from an uninterrupted run. For the same bits, start again with another path."
            )
        with _reading(self.path):
            _set_run_state(net, header["state"], tensors)

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        if net.step_ % _SAVE_EVERY == 0 and net.step_ % net.log_every and net.step_ < net.max_steps:
            self._save(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        # The last step of a logging interval is saved after the interval is in the history.
        if net.step_ % _SAVE_EVERY == 0 or net.step_ == net.max_steps:
            self._save(net)

    def _save(self, net: SegmentationNet) -> None:
        encoder = Encoder()
        header = {
            "kind": "checkpoint",
            **list_versions(),
            "card": {"estimator": self.identity["estimator"], "step": net.step_, "of": net.max_steps},
            "identity": self.identity,
            "environment": _describe_environment(net),
            "seed": net.seed,
            "state": _get_run_state(net, encoder),
        }
        if is_first_rank():
            write_file(self.path, header, encoder.tensors)


def open_checkpoint(
    path: str | os.PathLike[str] | None,
    estimator: Any,
    recordings: Recordings,
    labels: LabelRuns,
    start: dict[str, torch.Tensor] | None,
    pools: Mapping[str, Any] | None = None,
    held_out: float | None = None,
    details: LabelDetails | None = None,
) -> Checkpoint | None:
    """Return the checkpoint of a fit, or None without a path. For the parameters, see `identify_run`.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.recordings import as_recordings
    >>> data = as_recordings(np.zeros((3, 50))), LabelRuns.from_table(np.zeros((3, 50), dtype=int))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saver = open_checkpoint(Path(folder) / "run.ckpt", SupervisedSegmenter(), *data, start=None)
    >>> saver.identity["recordings in X"], open_checkpoint(None, SupervisedSegmenter(), *data, start=None)
    (3, None)
    """
    if path is None:
        return None
    check_place(path)  # before reading every sample
    return Checkpoint(path, identify_run(estimator, recordings, labels, start, pools, held_out, details))


def _describe_environment(net: SegmentationNet) -> str:
    """Return the settings that affect the rounding of weights."""
    threads = torch.get_num_threads()
    ranks = "" if count_ranks() == 1 else f", {count_ranks()} ranks"
    kind = torch.device(net.device).type
    return f"torch {torch.__version__}, {net.precision}, {threads} threads, device {kind}{ranks}"


def _get_run_state(net: SegmentationNet, encoder: Encoder) -> dict[str, Any]:
    """Return everything on which the next step depends, encoded."""
    state = {
        "net": get_net_state(net),
        "optimizer": net.optimizer_.state_dict(),
        "generators": [net.generator_.get_state(), net.dropout_generator_.get_state()],
        "frozen": [name for name, weight in net.module_.named_parameters() if not weight.requires_grad],
    }
    coded = {name: encoder.encode(value, name) for name, value in state.items()}
    if foreign := sorted(set(list_foreign(coded))):
        raise TypeError(f"the history holds {', '.join(foreign)}, which a checkpoint can't hold; record numbers.")
    coded["callbacks"] = {
        name: _get_callback_state(callback, encoder, f"callbacks.{name}")
        for name, callback in net.callbacks_
        if not isinstance(callback, Checkpoint)
    }
    return coded


def _get_callback_state(callback: Any, encoder: Encoder, path: str) -> dict[str, Any]:
    """Return the state of a callback by attribute, encoded."""
    found = {}
    for name, value in vars(callback).items():
        if not name.endswith("_"):
            continue
        is_module = hasattr(value, "load_state_dict") and not isinstance(value, type)
        coded = encoder.encode(value.state_dict() if is_module else value, f"{path}.{name}")
        if not set(list_foreign(coded)):  # other state, such as a progress bar, is not saved
            found[name] = coded
        elif is_module:
            raise TypeError(f"{type(callback).__name__}.{name} does not fit into a checkpoint; omit this callback.")
    return found


@contextlib.contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Return a context that turns every error from a damaged checkpoint into a PersistenceError."""
    try:
        yield
    except DAMAGES as error:
        name, known = name_place(path), isinstance(error, PersistenceError)
        if known and str(error).startswith(name):
            raise
        fault = str(error).rstrip(".") if known else summarize(error)
        raise PersistenceError(
            f"{name} is damaged: {fault}. Pass another path as `checkpoint`, or delete the file to start again."
        ) from error


def _set_run_state(net: SegmentationNet, coded: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Set the state of a net and its callbacks to a saved state.

    The state of a net that was refused is undefined; the estimator does not keep such a net.
    """
    decoder = Decoder(tensors)
    state = decoder.decode(coded["net"])
    check_position(net, state)
    set_net_state(net, state)
    frozen = decoder.decode(coded.get("frozen", []))
    check_frozen(net, frozen)
    for name, weight in net.module_.named_parameters():
        weight.requires_grad_(name not in frozen)
    optimizer = decoder.decode(coded["optimizer"])
    check_optimizer(net, optimizer)
    net.optimizer_.load_state_dict(optimizer)
    for parameter, values in net.optimizer_.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:  # fused kernels need the same memory layout
                values[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)
    for generator, state in zip(
        (net.generator_, net.dropout_generator_), decoder.decode(coded["generators"]), strict=True
    ):
        generator.set_state(state)
    here = Decoder({name: tensor.to(net.device) for name, tensor in tensors.items() if name.startswith("callbacks.")})
    for name, callback in net.callbacks_:
        found = {attribute: here.decode(value) for attribute, value in coded["callbacks"].get(name, {}).items()}
        check_callback(net, name, callback, found)
        for attribute, value in found.items():
            load_state = getattr(getattr(callback, attribute, None), "load_state_dict", None)
            if load_state is not None:
                load_state(value)
            else:
                setattr(callback, attribute, value)


class SavedRounds:
    """The finished rounds of a self-training: a file with the labels of the next round, and a checkpoint per fit.

    Parameters
    ----------
    path : path-like or None
        File of the rounds; None saves nothing.
    estimator, recordings, labels, pools, details
        As in `identify_run`.
    n_rounds : int or None, default=None
        Number of rounds of the run; None accepts any number.

    Attributes
    ----------
    labels : list of ndarray, or None
        Labels for the fit of the current round; None before the first round is finished.
    rows : list of dict
        Description of each finished round.

    Raises
    ------
    PersistenceError
        If the file is not a file of rounds, is damaged, or belongs to another run.

    Examples
    --------
    >>> import tempfile
    >>> from sslts import SelfTrainingSegmenter
    >>> from sslts.recordings import as_recordings
    >>> run = SelfTrainingSegmenter(), as_recordings(np.zeros((1, 3))), [np.array([0, 1, -1])]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     SavedRounds(Path(folder) / "run.ckpt", *run).save([np.array([0, 1, 1])], {"round": 1, "believed": 1.0})
    ...     again = SavedRounds(Path(folder) / "run.ckpt", *run)
    ...     print(again.find_checkpoint().name)
    run.ckpt.1
    >>> again.labels, again.rows
    ([array([0, 1, 1])], [{'round': 1, 'believed': 1.0}])
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        estimator: Any,
        recordings: Recordings,
        labels: Sequence[np.ndarray],
        pools: Mapping[str, Any] | None = None,
        *,
        n_rounds: int | None = None,
        details: LabelDetails | None = None,
    ) -> None:
        self.path = path
        self.labels: list[np.ndarray] | None = None
        self.rows: list[dict[str, Any]] = []
        if path is None:
            return
        check_place(path)  # before reading every sample
        self.identity = identify_run(estimator, recordings, LabelRuns.from_labels(labels), pools=pools, details=details)
        remove_leftovers(path)
        if os.path.lexists(path):
            header, tensors = read_file(path, "rounds")
            with _reading(path):
                check_identity(self.identity, header["identity"], path)
                self.labels, self.rows = Decoder(tensors).decode(header["state"])
                check_rounds(self.rows, self.labels, labels, n_rounds)
        else:
            self._write()

    def find_checkpoint(self) -> Path | None:
        """Return the path of the checkpoint of the current round, or None if nothing is saved."""
        return None if self.path is None else self._name(len(self.rows))

    def save(self, labels: list[np.ndarray], row: dict[str, Any]) -> None:
        """Save a finished round: the labels for the next fit and the description of the round."""
        self.labels = labels
        self.rows.append(row)
        if self.path is not None:
            self._write()
            if is_first_rank():
                self._name(len(self.rows) - 1).unlink(missing_ok=True)

    def _name(self, number: int) -> Path:
        return Path(f"{os.fsdecode(self.path)}.{number}")  # type: ignore[arg-type]

    def _write(self) -> None:
        encoder = Encoder()
        state = encoder.encode([self.labels, self.rows], "state")
        card = {"estimator": self.identity["estimator"], "rounds": len(self.rows)}
        header = {"kind": "rounds", **list_versions(), "card": card, "identity": self.identity, "state": state}
        if is_first_rank():
            write_file(self.path, header, encoder.tensors)  # type: ignore[arg-type]
