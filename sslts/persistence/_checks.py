"""Check the content of checkpoints: a file with a right checksum can still hold an impossible state."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from sslts.persistence.files import PersistenceError
from sslts.training import SegmentationNet

_NUMBERS = ("step", "lr", "loss", "labeled_loss", "unlabeled_loss", "mask_rate", "seconds", "train_loss", "valid_loss")
_SCHEDULED = ("lr", "initial_lr", "max_lr", "min_lr", "betas", "max_momentum", "base_momentum")


@contextlib.contextmanager
def refuse_damage(path: Any) -> Iterator[None]:
    """Turn every error about the content of a file into a PersistenceError that names the file.

    Examples
    --------
    >>> with refuse_damage("run.ckpt"):
    ...     {}["seed"]
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: run.ckpt does not fit this fit: KeyError: 'seed'. Pass another path ...
    """
    fix = "Pass another path as `checkpoint`, or delete the file to start again."
    try:
        yield
    except PersistenceError as error:
        raise error if os.fspath(path) in str(error) else PersistenceError(f"{path}: {error} {fix}") from error
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError, AssertionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise PersistenceError(f"{path} does not fit this fit: {type(error).__name__}: {reason}. {fix}") from error


def require(condition: bool, fault: str) -> None:
    """Raise PersistenceError with the description of a fault if a condition does not hold.

    Examples
    --------
    >>> require(1 < 2, "1 is not below 2")
    """
    if not condition:
        raise PersistenceError(f"{fault}.")


def check_rounds(state: Any, given: Sequence[np.ndarray]) -> tuple[list[np.ndarray] | None, list[dict[str, Any]]]:
    """Return labels and rows of saved rounds; raise if they can't belong to the given labels.

    Examples
    --------
    >>> check_rounds([[np.array([0, 1])], [{"round": 1}]], [np.array([0, -1])])[1]
    Traceback (most recent call last):
    ...
    sslts.persistence.files.PersistenceError: its labels have other classes.
    """
    labels, rows = state
    require(isinstance(rows, list) and all(isinstance(row, dict) for row in rows), "it holds no list of rounds")
    require((labels is None) == (not rows), "its rounds have no labels")
    if labels is not None:
        require(isinstance(labels, list) and len(labels) == len(given), "its labels are of other recordings")
        for one, own in zip(labels, given, strict=True):
            require(isinstance(one, np.ndarray) and one.shape == own.shape, "its labels have other lengths")
            require(one.dtype.kind == "i", "its labels are no integers")
        classes = {-1, *np.unique(np.concatenate(given)).tolist()}
        require(set(np.unique(np.concatenate(labels)).tolist()) <= classes, "its labels have other classes")
    return labels, rows


def check_net_state(net: SegmentationNet, state: Mapping[str, Any]) -> None:
    """Raise if weights, steps or history of a saved state are impossible for a net."""
    step, rows = state["step"], state["history"]
    require(type(step) is int and 0 <= step <= net.max_steps, f"it has {step!r} steps of {net.max_steps}")
    require(state["seed"] == net.seed, "its seed differs")
    require(len(rows) in (step // net.log_every, -(-step // net.log_every)), "its history has another length")
    for i, row in enumerate(rows):
        wanted = min((i + 1) * net.log_every, net.max_steps)
        require(row["step"] == wanted, f"row {i} of its history has step {row['step']!r}, not {wanted}")
        for name, value in row.items():
            require(isinstance(name, str), f"row {i} of its history has the name {name!r}")
            known = name in _NUMBERS or name.startswith("share_")
            require(not known or isinstance(value, int | float), f"row {i} of its history has {name}={value!r}")
    for name, module in {"student": net.module_, "teacher": net.teacher_, "criterion": net.criterion_}.items():
        own: Any = getattr(module, "_orig_mod", module)
        weights = {key for key, _ in own.named_parameters()}
        for key, value in own.state_dict().items():
            found = state["weights"][name][key]
            sizes = f"{tuple(found.shape)} in the file, {tuple(value.shape)} in the network"
            require(found.shape == value.shape, f"the sizes of the weights {key} of its {name} differ: {sizes}")
            bad = ~found.isfinite() if key in weights else found.isnan()
            require(bool(value.isnan().any()) or not bool(bad.any()), f"its {name} has NaN or infinity in {key}")


def check_optimizer(net: SegmentationNet, found: Mapping[str, Any], step: int, frozen: Sequence[str]) -> None:
    """Raise if a saved state of the optimizer after ``step`` steps is impossible for a net."""
    for group, other in zip(net.optimizer_.state_dict()["param_groups"], found["param_groups"], strict=True):
        require(set(group) == set(other), "its optimizer has other settings")
        for name, value in group.items():
            same = name in _SCHEDULED or other[name] == value
            require(_is_alike(other[name], value) and same, f"its optimizer has an impossible {name}")
        rate, most = other["lr"], group.get("max_lr", math.inf)
        require(0 <= rate <= 1.001 * most, f"its learning rate is {rate!r}")
        require(all(0 <= beta < 1 for beta in other["betas"]), "its optimizer has impossible betas")
    shapes = [weight.shape for weight in net.optimizer_.param_groups[0]["params"]]
    if step and not net.foreign:  # custom networks may leave weights unused
        names = [name for name, _ in net.module_.named_parameters()]
        used = {i for i, name in enumerate(names) if name not in frozen}
        require(set(found["state"]) >= used, "its optimizer lacks the state of some weights")
    for i, values in found["state"].items():
        require(set(values) == {"step", "exp_avg", "exp_avg_sq"}, "its optimizer has another state")
        for name, value in values.items():
            fits = torch.is_tensor(value) and value.shape == (() if name == "step" else shapes[i])
            possible = fits and bool(value.isfinite().all()) and (name == "exp_avg" or bool((value >= 0).all()))
            require(possible, f"its optimizer has an impossible {name}")


def check_callbacks(net: SegmentationNet, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise if the saved state of this package's callbacks is impossible; custom callbacks may keep anything."""
    for name, own in found.items():
        require(all(key.endswith("_") and not key.startswith("__") for key in own), f"{name} has an unknown attribute")
    step, losses = net.step_, found["sslts_losses"]
    require(isinstance(losses["seconds_"], float) and 0 <= losses["seconds_"] < math.inf, "its time is impossible")
    require(all(isinstance(name, str) for name in losses.get("reported_", ())), "its columns have no names")
    left = step % net.log_every if step < net.max_steps else 0  # steps since the last logging interval
    sums, counts = losses["sums_"], losses["counts_"]
    require(set(sums) == set(counts) and bool(sums) == bool(left), "its losses are incomplete")
    shapes = {"shares": (len(dict(net.callbacks_)["sslts_losses"].classes),)}
    for name, one in sums.items():
        fits = torch.is_tensor(one) and one.shape == shapes.get(name, ()) and not bool(one.isnan().any())
        require(fits, f"its losses have an impossible {name}")
    require(all(type(one) is int and 0 < one <= left for one in counts.values()), "its losses have impossible counts")
    schedule = dict(net.callbacks_).get("sslts_schedule")
    if schedule is not None:
        saved = found["sslts_schedule"]["lr_scheduler_"]
        own = schedule.lr_scheduler_.state_dict()
        require(set(saved) == set(own), "its schedule has other settings")
        for name, value in own.items():
            same = name in ("last_epoch", "_step_count", "_last_lr") or saved[name] == value
            require(_is_alike(saved[name], value) and same, f"its schedule has an impossible {name}")
        require(saved["last_epoch"] == step, f"its schedule is at step {saved['last_epoch']}, the run at {step}")


def _is_alike(new: Any, old: Any) -> bool:
    """Return whether a value is of the kind of the value that it replaces.

    Examples
    --------
    >>> _is_alike(1, 0.5), _is_alike("1", 0.5), _is_alike([0.1], [0.2]), _is_alike(True, 1)
    (True, False, True, False)
    """
    if isinstance(old, bool) or isinstance(new, bool) or old is None or new is None:
        return type(new) is type(old)
    if isinstance(old, int | float):
        return isinstance(new, int | float) and math.isfinite(new)
    if isinstance(old, list | tuple):
        same = type(new) is type(old) and len(new) == len(old)
        return same and all(_is_alike(*two) for two in zip(new, old, strict=True))
    return isinstance(new, type(old))
