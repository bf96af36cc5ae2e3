"""Callbacks of the training: record of losses, progress bar, schedule of the learning rate."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from skorch.callbacks import Callback, LRScheduler

if TYPE_CHECKING:
    from torch import Tensor

    from sslts.training.step import Losses

_SCALARS = ("loss", "labeled_loss", "unlabeled_loss", "mask_rate")


class LossRecorder(Callback):
    """Callback that averages the parts of the loss over a logging interval and records them in the net's history.

    Parameters
    ----------
    classes : sequence of int, default=()
        Class of each output of the network, for the names of the columns ``share_<class>``. Shares of one class add up.
    pseudo : bool, default=False
        Whether the method makes pseudo-labels. If True, the history has their shares from the first interval on, NaN
        before the first pseudo-label.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y)
    >>> segmenter.net_.history[:, "step"]  # every segmenter has this callback
    [1, 2]
    """

    def __init__(self, classes: Sequence[int] = (), *, pseudo: bool = False) -> None:
        self.classes, self.pseudo = tuple(classes), pseudo

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        self.seconds_, self._clock = 0.0, time.perf_counter()  # the clock belongs to this process and is not saved
        self.reported_: list[str] = []  # columns that the criterion adds to the history
        self._clear()

    def _clear(self) -> None:
        self.sums_: dict[str, Tensor] = {}
        self.counts_: dict[str, int] = {}

    def on_batch_end(self, net: Any, losses: Losses | None = None, **kwargs: Any) -> None:  # noqa: ARG002, D102
        assert losses is not None
        values = losses.list_scalars() | ({} if losses.shares is None else {"shares": losses.shares})
        for name, value in values.items():
            self.sums_[name] = self.sums_.get(name, 0) + value.detach()
            self.counts_[name] = self.counts_.get(name, 0) + 1
        now = time.perf_counter()
        self.seconds_, self._clock = self.seconds_ + now - self._clock, now

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        self.reported_ += [name for name in self.sums_ if name not in {*_SCALARS, "shares", *self.reported_}]
        for name in [*_SCALARS, *self.reported_]:
            total = self.sums_.get(name)
            net.history.record(name, math.nan if total is None else float(total) / self.counts_[name])
        self._record_train_loss(net.history)
        self._record_shares(net.history)
        net.history.record("step", net.step_)
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])
        net.history.record("seconds", self.seconds_)
        self._clear()

    def _record_shares(self, history: Any) -> None:
        """Record each share as a single number, because loggers can't store arrays."""
        total = self.sums_.get("shares")
        if total is None and not self.pseudo:
            return
        shares = [math.nan] * len(self.classes) if total is None else (total / self.counts_["shares"]).tolist()
        for k in dict.fromkeys(self.classes):
            own = [share for other, share in zip(self.classes, shares, strict=True) if other == k]
            history.record(f"share_{k}", sum(own))

    @staticmethod
    def _record_train_loss(history: Any) -> None:
        """Record the loss under the names that skorch's callbacks monitor by default."""
        loss = history[-1, "loss"]
        best = min((epoch["train_loss"] for epoch in history[:-1] if "train_loss" in epoch), default=math.inf)
        history.record("train_loss", loss)
        history.record("train_loss_best", loss < best)


class StepBar(Callback):
    """Callback that shows one progress bar for the whole fit, with loss and mask rate.

    ``verbose=1`` adds it to the callbacks of a segmenter. Where stderr is no terminal, such as in a log file, it prints
    one line when the training begins and one when it ends.

    Parameters
    ----------
    title : str, default="fit"
        What is trained, such as the name of the estimator.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, verbose=1, random_state=0).fit(X, y)  # the bar is on stderr
    4 recordings of 1 channel, 1,600 samples, 4 labeled (100.0% of the samples): ...
    >>> any(isinstance(callback, StepBar) for _, callback in segmenter.net_.callbacks_)
    True
    """

    def __init__(self, title: str = "fit") -> None:
        self.title = title

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        from tqdm.auto import tqdm  # installed with skorch

        lines = not sys.stderr.isatty() and "ipykernel" not in sys.modules  # a notebook shows a bar
        if lines:
            print(f"{self.title}: step {net.step_} of {net.max_steps}", file=sys.stderr, flush=True)  # noqa: T201
        self.bar_ = tqdm(total=net.max_steps, desc=self.title, unit="step", initial=net.step_, disable=lines)

    def on_batch_end(self, net: Any, losses: Losses | None = None, **kwargs: Any) -> None:  # noqa: ARG002, D102
        self.bar_.update(1)
        if losses is not None and net.step_ % 10 == 0:
            shown = {"loss": f"{losses.loss.item():.3f}"}
            if losses.mask_rate is not None:
                shown["mask_rate"] = f"{losses.mask_rate.item():.2f}"
            self.bar_.set_postfix(shown, refresh=False)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        if self.bar_.disable:
            print(f"{self.title}: {net.step_} steps done", file=sys.stderr, flush=True)  # noqa: T201
        self.bar_.close()
        self.bar_ = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "bar_": None}  # an open bar can't be copied


def make_schedule(lr: float, max_steps: int) -> LRScheduler:
    """Return a one-cycle schedule: a short warm-up, then a cosine to zero (Smith & Topin 2019).

    Examples
    --------
    >>> rates = make_schedule(lr=0.1, max_steps=100).simulate(100, 0.1)
    >>> round(float(max(rates)), 3), int(rates.argmax()), bool(rates[-1] < 1e-3)
    (0.1, 10, True)
    """
    return LRScheduler(
        partial(
            torch.optim.lr_scheduler.OneCycleLR,
            max_lr=lr,
            total_steps=int(max_steps) + 1,  # torch takes no NumPy integer
            pct_start=max(min(0.1, 200 / max_steps), 1 / max_steps),
        ),
        step_every="batch",
        event_name=None,
    )
