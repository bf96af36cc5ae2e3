"""The skorch net: one student pass and one teacher pass a step, the averaged teacher, seeds, precision.

The net never asks which method it trains. An estimator hands it a criterion, a module that turns a `Batch` into
`Losses` with the help of a `Step`; everything else here is common to all methods.
"""

from __future__ import annotations

import contextlib
import math
import threading
import traceback
from collections.abc import Iterator, Sequence
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
from sslts.training.step import Batch, Step

_MAX_GRADIENT_NORM = 5.0


class _Steps:
    """An iterable of batches: the rest of a logging interval, until the net has made all its steps."""

    def __init__(self, dataset: WindowDataset, net: SegmentationNet) -> None:
        self.dataset, self.net = dataset, net

    def __iter__(self) -> Iterator[Batch]:
        done, every = self.net.step_, self.net.log_every
        return self.dataset.iterate(done, min(done - done % every + every, self.net.max_steps))


def build_module(network: Network, n_channels: int, n_classes: int, seed: int) -> nn.Module:
    """Build the network with weights that depend on ``seed`` alone; the global random state stays as it was.

    Raises
    ------
    ValueError
        If ``network`` returns no module, or one whose weights have no shape yet.

    Examples
    --------
    >>> def network(n_channels, n_classes):
    ...     return nn.Conv1d(n_channels, n_classes, 3, padding=1)
    >>> one, same, other = (build_module(network, 1, 2, seed).weight for seed in (0, 0, 1))
    >>> torch.equal(one, same), torch.equal(one, other)
    (True, False)
    """
    if is_shipped(network) and hasattr(network, "build"):
        return network.build(n_channels, n_classes, torch.Generator().manual_seed(seed))
    with seed_torch(seed):
        module = network(n_channels, n_classes)
    if not isinstance(module, nn.Module):
        raise ValueError(f"network={network!r} returned {type(module).__name__}, not a torch.nn.Module.")
    if any(map(is_lazy, chain(module.parameters(), module.buffers()))):
        raise ValueError(
            f"network={network!r} returned a module whose weights have no shape yet, as of nn.LazyConv1d; build it for "
            "n_channels and n_classes."
        )
    return module.float()  # whatever torch's default is


_GLOBAL_STATE = threading.RLock()  # torch has one global random state for all threads


@contextlib.contextmanager
def seed_torch(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Run with torch's global random state seeded, that of ``device`` too, and restore it; one thread at a time.

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
    with _GLOBAL_STATE, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if device.type == "cpu":
            yield
            return
        module = torch.get_device_module(device.type)
        current = module.device(device) if device.type == "cuda" else contextlib.nullcontext()  # of several GPUs
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


def _is_on_purpose(error: KeyboardInterrupt) -> bool:
    """Return whether a callback raised it itself, at the end of an interval: so skorch's end a training too.

    Ctrl-C while such a callback works is raised deeper, and those of this package end none.
    """
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_code.co_name == "on_epoch_end" and not frame.f_globals["__name__"].startswith("sslts.")


class SegmentationNet(NeuralNet):
    """A skorch net that trains on windows; an "epoch" is one logging interval.

    Parameters
    ----------
    module, criterion : callable
        As in skorch. The criterion is called with a `Batch` and a `Step` and returns `Losses`.
    ema_decay : float
        Decay of the averaged weights; 0 makes the student its own teacher.
    max_steps, log_every : int
        Steps in all, and in one logging interval.
    precision : {"float32", "bfloat16"}
        Type of the convolutions' arithmetic (autocast); weights and losses are float32.
    foreign : bool
        Whether the network or a view may draw from torch's global random state; each step seeds it then.
    seed : int
    started : bool, default=False
        Whether the module comes with the weights of an earlier training, all of them: its average begins with these.
    others
        As in skorch.

    Attributes
    ----------
    interrupted_ : bool
        Whether the last training was ended by Ctrl-C, of which skorch makes an ordinary end. An end that a callback
        decides on in ``on_epoch_end``, as `skorch.callbacks.EarlyStopping`, is none.

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

    interrupted_ = False  # before a training

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
        **kwargs: Any,  # skorch's own parameters, which it takes as such
    ) -> None:
        self.ema_decay = ema_decay
        self.max_steps = max_steps
        self.log_every = log_every
        self.precision = precision
        self.foreign = foreign
        self.seed = seed
        self.started = started
        epochs = math.ceil(max_steps / log_every)
        super().__init__(module, criterion, max_epochs=epochs, train_split=None, predict_nonlinearity=None, **kwargs)

    def initialize_module(self) -> SegmentationNet:
        """Build the student, and its average."""
        super().initialize_module()
        self.teacher_ = AveragedModule(self.module_, self.ema_decay, warm_up=not self.started)
        return self

    def initialize_criterion(self) -> SegmentationNet:
        """Build the criterion, the counter of steps and the generators of views and of dropout."""
        super().initialize_criterion()
        self.step_ = 0
        self.generator_ = torch.Generator(self.device).manual_seed(self.seed)
        self.dropout_generator_ = torch.Generator(self.device).manual_seed(self.seed + 2)
        for layer in self.module_.modules():
            if isinstance(layer, FeatureDropout):
                layer.generator = self.dropout_generator_
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("generator_", "dropout_generator_"):  # of a device that may be absent where the net is loaded
            state.pop(name, None)
        return state

    def torch_compile(self, module: Any, name: str) -> Any:
        """Compile the networks; the criterion calls them, and is compiled by none."""
        return module if name == "criterion" else super().torch_compile(module, name)

    def get_all_learnable_params(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the student's parameters; the teacher only follows."""
        return self.module_.named_parameters()

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> Any:
        """Run the logging intervals that are left: all, or those behind a checkpoint."""
        if epochs is None:
            epochs = 0 if self.step_ >= self.max_steps else self.max_epochs - self.step_ // self.log_every
        self.interrupted_ = False
        try:
            return super().fit_loop(X, y, epochs=epochs, **fit_params)
        except KeyboardInterrupt as error:
            self.interrupted_ = not _is_on_purpose(error)
            raise

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return whole batches, indexed at once; of what is not trained on, those of skorch."""
        return _Steps(dataset, self) if training else super().get_iterator(dataset, training=False)

    def autocast(self) -> Any:
        """Return the context in which the network computes."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    def ask_student(self, *views: Tensor) -> tuple[Tensor, ...]:
        """Return the student's scores of each batch of signals, from one pass; BatchNorm sees them together."""
        with self.autocast():
            logits = self.module_(torch.cat(views) if len(views) > 1 else views[0])
        return logits.float().split([len(view) for view in views])

    def isolate(self) -> Any:
        """Return the context in which views and networks draw random numbers."""
        if not self.foreign:
            return contextlib.nullcontext()
        seed = torch.randint(2**31, (), generator=self.generator_, device=self.generator_.device)
        return seed_torch(int(seed), self.device)

    def ask_teacher(self, x: Tensor) -> Tensor:
        """Return the averaged network's probabilities, float32; BatchNorm uses its averaged statistics."""
        return self._ask(self.teacher_, x)

    @property
    def takes_lengths(self) -> bool:
        """Whether `answer` does: a network that says so."""
        return bool(getattr(self.teacher_.module, "takes_lengths", False))

    def answer(self, x: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """Return what `ask_teacher` does, faster, of weights that do not change from one call to the next.

        The network is not the compiled one, which would be compiled anew for each length.
        """
        given = () if lengths is None else (lengths,)
        return self._ask(self.teacher_.fold_norms(), x, *given)

    @torch.no_grad()
    def _ask(self, module: nn.Module, *given: Any) -> Tensor:
        with self.autocast():
            logits = module(*given)
        return logits.float().softmax(1)

    def evaluation_step(self, batch: Any, training: bool = False) -> Tensor:  # noqa: ARG002
        """Return the averaged network's probabilities (B, K, T) of a batch of skorch's: what `predict_proba` joins."""
        x, _ = unpack_data(batch)
        return self.ask_teacher(to_tensor(x, self.device).float())

    def predict(self, X: Any) -> np.ndarray:
        """Return class indices (n, T) of signals (n, C, T) as the network sees them, normalised.

        For callbacks that look at other recordings while the net is trained. A fitted segmenter's ``predict`` takes
        recordings as they are, of any length, and returns its classes.
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
        """Save what skorch saves; safetensors' format takes contiguous weights alone."""
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
        """Make one forward and backward pass; raise before a step that would spoil the weights."""
        if not self.module_.training:  # setting it is a walk over all layers
            self._set_training(True)
        progress = self.step_ / self.max_steps
        with self.isolate():
            losses = self.criterion_(batch, Step(self.ask_student, self.ask_teacher, self.generator_, progress))
        losses.loss.backward()
        norm = nn.utils.clip_grad_norm_(self.optimizer_.param_groups[0]["params"], _MAX_GRADIENT_NORM)
        loss = losses.loss.detach().cpu()  # where a step waits for the device: what follows, skorch too, need not again
        if not torch.isfinite(loss + norm.cpu()):
            raise FloatingPointError(
                f"The loss stopped being finite at step {self.step_ + 1} (loss {loss.item()}, gradient norm "
                f"{norm.item()}). The weights are those of the step before. Lower lr, or look at what the network or "
                "the augmenters return."
            )
        return {"loss": loss, "losses": losses, "y_pred": None}

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Make one step of the optimiser, and let the average follow."""
        step = super().train_step(batch, **fit_params)
        self.teacher_.update_parameters(self.module_, self.step_)
        self.step_ += 1
        return step
