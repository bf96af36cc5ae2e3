"""The skorch net: passes of student and teacher, the averaged teacher, seeds and precision.

The net does not know which method it trains. An estimator gives it a criterion, a module that computes `Losses` from a
`Batch` and a `Step`; everything else in this file is common to all methods.
"""

from __future__ import annotations

import contextlib
import math
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.dataset import unpack_data
from skorch.utils import to_tensor
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sslts.networks import FeatureDropout, Network
from sslts.recipes import is_shipped
from sslts.training.averaging import AveragedModule
from sslts.training.batches import WindowDataset
from sslts.training.ranks import _check_ranks, _run_pass, _sum_gradients
from sslts.training.states import _GlobalState, _is_retyped, float32_default, neutral_torch
from sslts.training.step import Batch, Step

_MAX_GRADIENT_NORM = 5.0


class _Steps:
    """The batches of the current logging interval that are left, at most up to the last step of training."""

    def __init__(self, dataset: WindowDataset, net: SegmentationNet) -> None:
        self.dataset, self.net = dataset, net

    def __iter__(self) -> Iterator[Batch]:
        done, every = self.net.step_, self.net.log_every
        return self.dataset.iterate(done, min(done - done % every + every, self.net.max_steps))


def build_module(network: Network, n_channels: int, n_classes: int, seed: int) -> nn.Module:
    """Return a new module whose weights depend only on ``seed``; the global random state is unchanged.

    Raises
    ------
    ValueError
        If ``network`` does not return a module, or if the weights of the module have no shape yet.

    Examples
    --------
    >>> def network(n_channels, n_classes):
    ...     return nn.Conv1d(n_channels, n_classes, 3, padding=1)
    >>> one, same, other = (build_module(network, 1, 2, seed).weight for seed in (0, 0, 1))
    >>> torch.equal(one, same), torch.equal(one, other)
    (True, False)
    """
    if is_shipped(network) and hasattr(network, "build"):
        with float32_default():
            return network.build(n_channels, n_classes, torch.Generator().manual_seed(seed))
    with seed_torch(seed):
        module = network(n_channels, n_classes)
    if not isinstance(module, nn.Module):
        raise ValueError(f"network={network!r} returned {type(module).__name__}; return a torch.nn.Module.")
    if any(map(is_lazy, chain(module.parameters(), module.buffers()))):
        raise ValueError(
            f"network={network!r} returned a module whose weights have no shape yet, such as nn.LazyConv1d; use layers "
            "with sizes from n_channels and n_classes."
        )
    return module.float()  # independent of torch's default dtype


@contextlib.contextmanager
def seed_torch(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Return a context that seeds torch's global random states (CPU and ``device``) and restores them at its end.

    The default type is float32 in the context. One thread at a time enters the context.

    Examples
    --------
    >>> before, drawn = torch.get_rng_state(), []
    >>> for seed in (0, 0, 1):
    ...     with seed_torch(seed):
    ...         drawn.append(torch.rand(3).tolist())
    >>> drawn[0] == drawn[1], drawn[0] == drawn[2], torch.equal(torch.get_rng_state(), before)
    (True, False, True)
    """
    device = torch.device(device)
    with _GlobalState.lock, float32_default(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if device.type == "cpu":
            yield
            return
        module = torch.get_device_module(device.type)
        current = module.device(device) if device.type == "cuda" else contextlib.nullcontext()  # one of many GPUs
        with current:
            state = module.get_rng_state()
            module.manual_seed(seed)
        try:
            yield
        finally:
            with current:
                module.set_rng_state(state)


def _make_contiguous(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:  # noqa: ARG001
    for name, value in state.items():
        state[name] = value.contiguous()


@contextlib.contextmanager
def _forget_statistics(module: nn.Module) -> Iterator[None]:
    """Return a context in which normalization layers do not update their running statistics.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(1)
    >>> with _forget_statistics(norm):
    ...     out = norm(torch.tensor([[[1.0, 3.0]]]))
    >>> norm.running_mean.item(), out.flatten().round().tolist()
    (0.0, [-1.0, 1.0])
    """
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._NormBase)]
    known = [(layer.momentum, _copy(layer.num_batches_tracked)) for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, (momentum, n_batches) in zip(norms, known, strict=True):
            layer.momentum = momentum
            if layer.num_batches_tracked is not None and n_batches is not None:
                layer.num_batches_tracked.copy_(n_batches)


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone()


def _is_early_stop(error: KeyboardInterrupt) -> bool:
    """Return whether a callback raised the error in ``on_epoch_end`` to stop training, as skorch's callbacks do.

    A Ctrl-C while a callback runs is raised deeper in the call stack. Callbacks of this package never stop training.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_code.co_name == "on_epoch_end" and not frame.f_globals["__name__"].startswith("sslts.")


class SegmentationNet(NeuralNet):
    """A skorch net that trains on windows; an epoch of skorch is one logging interval.

    Parameters
    ----------
    module, criterion : callable
        As in skorch. The criterion takes a `Batch` and a `Step` and returns `Losses`.
    ema_decay : float
        Decay of the averaged weights; 0 makes the student its own teacher.
    max_steps, log_every : int
        Steps in total, and steps in one logging interval.
    precision : {"float32", "bfloat16"}
        Precision of the convolutions (autocast); weights and losses are float32.
    foreign : bool
        Whether the network or a view may draw from torch's global random state; if so, each step seeds that state.
    seed : int
        Seed of views, dropout and, with ``foreign``, of each step.
    started : bool, default=False
        Whether all weights of the module come from an earlier training; the average then starts at full strength.
    idle : bool, default=False
        Whether the net may never train, as one that was loaded to predict. Its optimizer is built at the first use of
        ``optimizer_``, because torch's optimizers import a compiler, which takes longer than everything else.
    **kwargs
        Other parameters of ``skorch.NeuralNet``.

    Attributes
    ----------
    interrupted_ : bool
        Whether Ctrl-C ended the last training. An early stop by a callback, such as `skorch.callbacks.EarlyStopping`,
        is not an interruption.

    Examples
    --------
    >>> from sslts.augment import Tracks
    >>> from sslts.networks import UNet
    >>> from sslts.segmenters import SupervisedLoss
    >>> net = SegmentationNet(
    ...     lambda: build_module(UNet(width=4, depth=1), 1, 2, seed=0),
    ...     lambda: SupervisedLoss(weak=None, strong=None, class_weight=None),
    ...     **dict(ema_decay=0.9, max_steps=5, log_every=5, precision="float32", foreign=False, seed=0),
    ... ).initialize()
    >>> windows = Tracks(torch.zeros(2, 1, 32), torch.ones(2, 32).long(), torch.ones(2, 32).bool())
    >>> losses = [net.train_step(Batch(windows, windows.hide_labels()))["loss"].item() for _ in range(5)]
    >>> net.step_, losses[-1] < losses[0]
    (5, True)
    """

    interrupted_ = False  # before the first training
    keep_: Callable[[], None] | None = None  # called once when the net is trained: after its first step

    def __init__(
        self,
        module: Any,
        criterion: Any,
        *,
        ema_decay: float,
        max_steps: int,
        log_every: int,
        precision: str,
        foreign: bool,
        seed: int,
        started: bool = False,
        idle: bool = False,
        **kwargs: Any,  # skorch finds its own parameters in **kwargs
    ) -> None:
        self.ema_decay = ema_decay
        self.max_steps = max_steps
        self.log_every = log_every
        self.precision = precision
        self.foreign = foreign
        self.seed = seed
        self.started = started
        self.idle = idle
        epochs = math.ceil(max_steps / log_every)
        super().__init__(module, criterion, max_epochs=epochs, train_split=None, predict_nonlinearity=None, **kwargs)

    def initialize_module(self) -> SegmentationNet:
        """Build the student and its average."""
        super().initialize_module()
        self.teacher_ = AveragedModule(self.module_, self.ema_decay, warm_up=not self.started)
        return self

    def initialize_criterion(self) -> SegmentationNet:
        """Build the criterion, the step counter and the random generators of views and dropout."""
        super().initialize_criterion()
        self.step_ = 0
        self.generator_ = torch.Generator(self.device).manual_seed(self.seed)
        self.dropout_generator_ = torch.Generator(self.device).manual_seed(self.seed + 2)
        for layer in self.module_.modules():
            if isinstance(layer, FeatureDropout):
                layer.generator = self.dropout_generator_
        return self

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> SegmentationNet:
        """Build the optimizer; for a net with ``idle``, at the first use of ``optimizer_``."""
        if not self.idle:
            return super().initialize_optimizer(*args, **kwargs)
        self._register_attribute("optimizer_", None)  # what setting an optimizer does
        return self

    def __getattr__(self, name: str) -> Any:
        """Build the optimizer of an idle net. Called only for attributes that do not exist."""
        if name != "optimizer_" or not vars(self).get("idle") or "teacher_" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.idle = False
        self.initialize_optimizer()
        return self.optimizer_

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("generator_", "dropout_generator_", "keep_"):  # the device may not exist where the net is loaded
            state.pop(name, None)
        return state

    def torch_compile(self, module: Any, name: str) -> Any:
        """Return the compiled module; the criterion is returned as it is."""
        return module if name == "criterion" else super().torch_compile(module, name)

    def get_all_learnable_params(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters of the student; the teacher is not trained."""
        return self.module_.named_parameters()

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any:
        """Run the remaining logging intervals: all intervals, or the intervals after a checkpoint."""
        if epochs is None:
            epochs = 0 if self.step_ >= self.max_steps else self.max_epochs - self.step_ // self.log_every
        self.interrupted_ = False
        try:
            _check_ranks(self, X)
            self._report_trained()
            return super().fit_loop(X, y, epochs=epochs, **fit_params)
        except KeyboardInterrupt as error:
            self.interrupted_ = not _is_early_stop(error)
            raise

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator of `Batch` for training, else the iterator of skorch."""
        if training:
            return _Steps(dataset, self)
        iterator = super().get_iterator(dataset, training=False)
        iterator.generator = torch.Generator()  # else it draws from torch's global random state
        return iterator

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities (n, K, T) of normalized signals (n, C, T), as `predict` takes them."""
        with neutral_torch():
            return super().predict_proba(X)

    def autocast(self) -> Any:
        """Return the autocast context of the network's passes."""
        kind = torch.device(self.device).type
        # Inside an outer autocast, torch would keep cached copies of the weights beyond a step that changes them.
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.precision == "bfloat16", cache_enabled=False)

    def ask_student(self, *views: Tensor) -> tuple[Tensor, ...]:
        """Return the student's logits for each batch of signals, from one pass with joint BatchNorm statistics."""
        logits = self._ask_module(torch.cat(views) if len(views) > 1 else views[0])
        return logits.split([len(view) for view in views])

    def ask_apart(self, x: Tensor) -> Tensor:
        """Return the student's logits for signals of another domain.

        BatchNorm normalizes them by their own statistics, and does not remember these: predictions use the statistics
        of the other passes only.
        """
        with _forget_statistics(self.module_):
            return self._ask_module(x)

    def _ask_module(self, x: Tensor) -> Tensor:
        """Return the student's logits, float32; in training, each rank computes its rows."""
        with self.autocast():
            logits = _run_pass(self.module_, x, shares=self.module_.training)
        return logits.float()

    def isolate(self) -> Any:
        """Return a context that seeds the global random states if the step runs foreign code."""
        if not self.foreign:
            return contextlib.nullcontext()
        seed = torch.randint(2**31, (), generator=self.generator_, device=self.generator_.device)
        return seed_torch(int(seed), self.device)

    def ask_teacher(self, x: Tensor) -> Tensor:
        """Return the probabilities of the averaged network, float32; BatchNorm uses its averaged statistics."""
        return self._ask(self.teacher_, x)

    @property
    def takes_lengths(self) -> bool:
        """Whether the network accepts ``lengths`` in `answer`."""
        return bool(getattr(self.teacher_.module, "takes_lengths", False))

    def answer(self, x: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """Return the same as `ask_teacher`, faster if the weights do not change between calls.

        The network is not compiled, because each new length would compile it again.
        """
        given = () if lengths is None else (lengths,)
        with neutral_torch(), self._isolate_type():
            return self._ask(self.teacher_.fold_norms(), x, *given)

    @torch.no_grad()
    def embed(self, x: Tensor) -> Tensor | None:
        """Return mean and spread over time of the network's deepest features, (B, F), float32, of signals (B, C, T).

        None if the network has no ``encode``.
        """
        encode: Any = getattr(self.teacher_.fold_norms(), "encode", None)
        if encode is None:
            return None
        with neutral_torch(), self._isolate_type(), self.autocast():
            features = encode(x).float()
        return torch.cat([features.mean(-1), features.std(-1, correction=0)], 1)

    def _isolate_type(self) -> Any:
        """Return a context for code that may depend on torch's default type: networks from outside this package."""
        return float32_default() if self.foreign and _is_retyped() else contextlib.nullcontext()

    @torch.no_grad()
    def _ask(self, module: Callable[..., Tensor], *given: Any) -> Tensor:
        """Return the class probabilities of a module, float32."""
        with self.autocast():
            logits = module(*given)
        return logits.float().softmax(1)

    def evaluation_step(self, batch: Any, training: bool = False) -> Tensor:  # noqa: ARG002
        """Return the probabilities (B, K, T) of the averaged network for one skorch batch of `predict_proba`."""
        x, _ = unpack_data(batch)
        with neutral_torch(), self._isolate_type():
            return self.ask_teacher(to_tensor(x, self.device).float())

    def predict(self, X: Any) -> np.ndarray:
        """Return the class indices (n, T) of normalized signals (n, C, T).

        This method is meant for callbacks that evaluate other recordings during training. The ``predict`` of a fitted
        segmenter takes raw recordings of any length and returns classes.
        """
        return self.predict_proba(X).argmax(1)

    def save_params(
        self,
        f_params: Any = None,
        f_optimizer: Any = None,
        f_criterion: Any = None,
        f_history: Any = None,
        use_safetensors: bool = False,
        **kwargs: Any,
    ) -> None:
        """Save the same as skorch, with contiguous weights, as the safetensors format requires."""
        given = f_params, f_optimizer, f_criterion, f_history, use_safetensors
        names = [name for name in ("module_", "criterion_", "teacher_") if use_safetensors and hasattr(self, name)]
        modules = [getattr(self, name) for name in names]
        hooks = [module.register_state_dict_post_hook(_make_contiguous) for module in modules]
        try:
            super().save_params(*given, **kwargs)
        finally:
            for hook in hooks:
                hook.remove()

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:  # noqa: ARG002
        """Run one forward and backward pass, and raise if the loss or its gradient is not finite."""
        if not self.module_.training:  # setting the mode visits every layer
            self._set_training(True)
        progress = self.step_ / self.max_steps
        teacher = partial(self._ask, partial(_run_pass, self.teacher_))
        with self.isolate():
            step = Step(self.ask_student, teacher, self.generator_, progress, apart=self.ask_apart)
            losses = self.criterion_(batch, step)
        losses.loss.backward()
        weights = self.optimizer_.param_groups[0]["params"]
        _sum_gradients(weights)
        norm = nn.utils.clip_grad_norm_(weights, _MAX_GRADIENT_NORM)
        loss = losses.loss.detach().cpu()  # the one place where a step waits for the device
        if not torch.isfinite(loss + norm.cpu()):
            raise FloatingPointError(
                f"The loss is not finite at step {self.step_ + 1} (loss {loss.item()}, gradient norm {norm.item()}). "
                "The weights of the previous step are kept. Lower lr, or check the outputs of the network and of the "
                "views."
            )
        return {"loss": loss, "losses": losses, "y_pred": None}

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Run one optimizer step and update the average."""
        step = super().train_step(batch, **fit_params)
        self.teacher_.update_parameters(self.module_, self.step_)
        self.step_ += 1
        self._report_trained()
        return step

    def _report_trained(self) -> None:
        """Call ``keep_`` once, as soon as a step is done."""
        if self.step_ and self.keep_ is not None:
            self.keep_()
            self.keep_ = None
