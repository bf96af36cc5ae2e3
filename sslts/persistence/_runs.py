"""Checks of the state of a run that a checkpoint holds, before any of it is used.

A checksum finds damage, but not a file that was written by other hands. Each function raises ValueError, which the
reader turns into a `PersistenceError`.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sslts.networks import Ensemble
from sslts.persistence._values import is_count
from sslts.training import LossRecorder, SegmentationNet

_SCHEDULE = "sslts_schedule"
_MOVING = {"last_epoch", "_step_count", "_last_lr", "_get_lr_called_within_step"}  # what a schedule changes as it goes
_NEEDED = {"last_epoch", "total_steps", "base_lrs", "_schedule_phases", "_step_count", "_last_lr"}
_RECORDED = ("loss", "labeled_loss", "unlabeled_loss", "mask_rate", "lr", "seconds")


def check_position(net: SegmentationNet, state: Mapping[str, Any]) -> None:
    """Raise ValueError if seed, step and history can't be those of an interrupted training of the net."""
    step, rows, every = state["step"], state["history"], net.log_every
    if state["seed"] != net.seed:
        raise ValueError("its seeds differ")
    if not is_count(step) or step > net.max_steps:
        raise ValueError(f"it is at step {step!r} of {net.max_steps}")
    n_rows = math.ceil(step / every) if step == net.max_steps else step // every
    steps = [min((i + 1) * every, net.max_steps) for i in range(n_rows)]
    if not isinstance(rows, list) or [row["step"] for row in rows] != steps:
        raise ValueError(f"its history does not lead to its step {step}")
    for row in rows:
        shares = [value for name, value in row.items() if name.startswith("share_")]
        losses = [row[name] for name in ("train_loss",) if name in row]
        if not all(_is_number(value) for value in [*(row[name] for name in _RECORDED), *shares, *losses]):
            raise ValueError(f"its history has no number at step {row['step']}")


def check_frozen(net: SegmentationNet, frozen: Any) -> None:
    """Raise ValueError if the file names a frozen weight that the net does not have."""
    if not isinstance(frozen, list) or not set(frozen) <= {name for name, _ in net.module_.named_parameters()}:
        raise ValueError("it names a frozen weight that the network does not have")


def check_optimizer(net: SegmentationNet, state: Mapping[str, Any]) -> None:
    """Raise ValueError if a state can't be that of the optimizer of the net, whose step is set.

    The schedule of the package determines the rate of each step, so any other rate is refused. With other callbacks,
    which may change settings, only the kind of each setting is compared.
    """
    own = net.optimizer_.state_dict()["param_groups"]
    standard = {name for name, _ in net._default_callbacks}
    ours = all(name.startswith("sslts_") or name in standard for name, _ in net.callbacks_)
    schedule = dict(net.callbacks_).get(_SCHEDULE)
    if ours and schedule is not None:
        own = _foretell(schedule.lr_scheduler_, net.step_)
    groups = state["param_groups"]
    if len(groups) != len(own):
        raise ValueError("its optimizer has other weights")
    for group, mine in zip(groups, own, strict=True):
        for name, value in mine.items():
            if value is None or isinstance(value, bool):  # a choice of kernels: another machine or version has others
                right = group.get(name) is None or isinstance(group[name], bool)
            else:
                right = _is_like(group[name], value, equal=ours or name == "params")
            if not right:
                raise ValueError(f"its optimizer has {name}={group[name]!r}")
        if not (group["lr"] >= 0 and all(0 <= beta < 1 for beta in group["betas"])):
            raise ValueError("its optimizer has a rate below 0")
    weights = dict(enumerate(weight for group in net.optimizer_.param_groups for weight in group["params"]))
    # Every weight has moments, unless a custom network, a callback or a member without windows left it out.
    every = ours and not net.foreign and not isinstance(net.module_, Ensemble)
    if (set(state["state"]) != (set(weights) if net.step_ else set())) if every else (state["state"] and not net.step_):
        raise ValueError("its optimizer does not fit its step")
    for number, values in state["state"].items():
        _check_moments(values, weights[number].shape, net.step_, every=every)


def _check_moments(values: Mapping[str, Any], shape: torch.Size, step: int, *, every: bool) -> None:
    """Raise ValueError if these are not the moments of a weight; with ``every``, it changed in every step."""
    if not isinstance(values["step"], Tensor) or not (step if every else 1) <= float(values["step"]) <= step:
        raise ValueError("its optimizer has made another number of steps")
    for name in ("exp_avg", "exp_avg_sq"):
        moment = values[name]
        if moment.shape != shape or not moment.is_floating_point() or not torch.isfinite(moment).all():
            raise ValueError("its optimizer has moments of another size, or not finite")
    if bool((values["exp_avg_sq"] < 0).any()):
        raise ValueError("its optimizer has a negative moment")


def _foretell(schedule: Any, step: int) -> list[dict[str, Any]]:
    """Return the settings of the optimizer after ``step`` steps of a schedule that has not begun."""
    schedule = copy.deepcopy(schedule)  # with the optimizer
    schedule.last_epoch = step
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that rates are asked for outside of a step
        rates = schedule.get_lr()
    groups: list[dict[str, Any]] = schedule.optimizer.state_dict()["param_groups"]
    return [{**group, "lr": rate} for group, rate in zip(groups, rates, strict=True)]


def check_callback(net: SegmentationNet, name: str, callback: Any, found: Mapping[str, Any]) -> None:
    """Raise ValueError if a state can't be that of a callback. The state of callbacks from outside is their own."""
    for attribute in found:
        if not attribute.isidentifier() or not attribute.endswith("_") or attribute.startswith("_"):
            raise ValueError(f"it names {attribute!r}, which is no state of a callback")
        if callable(getattr(type(callback), attribute, None)):
            raise ValueError(f"it names {attribute!r}, which is a method of a callback")
    if isinstance(callback, LossRecorder):
        _check_losses(net, found)
    elif name == _SCHEDULE:
        state, own = found["lr_scheduler_"], callback.lr_scheduler_.state_dict()
        both = _NEEDED | (set(state) & set(own))  # another version of torch keeps other details
        same = all(_is_like(state[key], own[key], equal=key not in _MOVING) for key in both)
        methods = any(callable(getattr(type(callback.lr_scheduler_), key, None)) for key in state)
        if not same or methods or state["last_epoch"] != net.step_ or not is_count(found["batch_idx_"]):
            raise ValueError("its schedule is not that of this run")


def _check_losses(net: SegmentationNet, found: Mapping[str, Any]) -> None:
    """Raise ValueError if these can't be the sums of the losses since the last row of the history."""
    sums, counts, begun = found["sums_"], found["counts_"], net.step_ % net.log_every
    if net.step_ == net.max_steps:
        begun = 0
    if not _is_number(found["seconds_"]) or not all(isinstance(name, str) for name in found.get("reported_", [])):
        raise ValueError("its losses have no time or no names")
    if set(sums) != set(counts) or counts.get("loss", 0) != begun or (sums and not begun):
        raise ValueError("its losses do not fit its step")
    for name, total in sums.items():
        if not isinstance(total, Tensor) or (total.ndim != 0) != (name == "shares"):
            raise ValueError(f"its losses hold no number {name!r}")
        if not is_count(counts[name]) or not 0 < counts[name] <= begun:
            raise ValueError("its losses do not fit its step")
    n_classes = len(dict(net.callbacks_)["sslts_losses"].classes)
    if "shares" in sums and sums["shares"].shape != (n_classes,):
        raise ValueError("its losses have shares of other classes")


def check_rounds(rows: Any, labels: Any, given: Sequence[np.ndarray], n_rounds: int | None) -> None:
    """Raise ValueError if these can't be the finished rounds of a self-training, and the labels for the next one."""
    if not isinstance(rows, list) or (n_rounds is not None and len(rows) > n_rounds):
        raise ValueError("it has more rounds than the run")
    for number, row in enumerate(rows, start=1):
        if type(row["round"]) is not int or row["round"] != number or not all(map(_is_number, row.values())):
            raise ValueError(f"its row of round {number} is not one of a history")
        if not 0 <= row["believed"] <= 1:
            raise ValueError(f"it believes a share of {row['believed']} in round {number}")
    if labels is None or not rows:
        if labels is not None or rows:
            raise ValueError("it has rounds without labels, or labels without rounds")
        return
    classes = np.unique(np.concatenate([np.asarray(one) for one in given]))
    if not isinstance(labels, list) or len(labels) != len(given):
        raise ValueError("it has labels of other recordings")
    for own, one in zip(labels, given, strict=True):
        if not (isinstance(own, np.ndarray) and own.dtype.kind in "iu" and own.shape == np.shape(one)):
            raise ValueError("it has labels of other recordings")
        if not (np.array_equal(own[one >= 0], one[one >= 0]) and np.isin(own[own != -1], classes).all()):
            raise ValueError("it has other labels than those that were given")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_like(value: Any, own: Any, *, equal: bool) -> bool:
    """Return whether a value is of the kind of another one and, with ``equal``, equal but for rounding."""
    if isinstance(own, (list, tuple)):
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(own)
            and all(_is_like(one, other, equal=equal) for one, other in zip(value, own, strict=True))
        )
    if isinstance(own, dict):
        return (
            isinstance(value, dict)
            and set(value) == set(own)
            and all(_is_like(value[name], other, equal=equal) for name, other in own.items())
        )
    if _is_number(own):
        return _is_number(value) and math.isfinite(value) and (not equal or math.isclose(value, own, rel_tol=1e-9))
    if isinstance(own, Tensor):
        return isinstance(value, Tensor) and value.shape == own.shape
    return type(value) is type(own) and bool(value == own)
