"""What every estimator that trains a network has in common; a subclass says which criterion to descend."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_feature_names
from skorch.callbacks import LRScheduler
from torch import Tensor, nn

from sslts.annotations import as_label_runs, check_given
from sslts.batches import WindowDataset
from sslts.callbacks import LossRecorder, StepBar, make_schedule
from sslts.classes import find_classes, share_classes, warn_of_lost_background, weigh_classes
from sslts.clocks import warn_of_other_rate
from sslts.decoding import Decoder
from sslts.decoding.statistics import measure_runs
from sslts.labels import LabelRuns
from sslts.networks import Network
from sslts.notices import warn
from sslts.persistence.checkpoints import Checkpoint, open_checkpoint
from sslts.recipes import check_no_class, is_ours, is_shipped, replace_nested, split_nested
from sslts.recordings import Recordings, as_recordings
from sslts.segmenters.predicting import PredictsRecordings
from sslts.segmenters.probing import check_callbacks, check_instance, check_reach, check_shapes, read_size
from sslts.segmenters.saving import SavableNetwork
from sslts.segmenters.start import (
    Start,
    find_output,
    load_weights,
    read_start,
    warn_of_lost_classes,
    warn_of_other_signals,
)
from sslts.thresholds import as_threshold
from sslts.training import SegmentationNet, Step, build_module
from sslts.windows import SignalSummary, summarize_signal

HISTORY_ROWS = 60


class NetworkSegmenter(SavableNetwork, PredictsRecordings, BaseEstimator, ABC):
    """Base class of estimators that train one network.

    Subclasses define ``__init__``, with ``mu`` if they use unlabelled windows, and `_make_criterion`.

    Examples
    --------
    A criterion of one's own, with the parameters of `SupervisedSegmenter`:

    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.training import Losses
    >>> class SmoothLoss(nn.CrossEntropyLoss):
    ...     def forward(self, batch, step):
    ...         loss = super().forward(*step.student(batch.labeled.x), batch.labeled.target)
    ...         return Losses(loss, loss)
    >>> class SmoothSegmenter(SupervisedSegmenter):
    ...     def _make_criterion(self, class_weight, shares):
    ...         return SmoothLoss(class_weight, ignore_index=-1, label_smoothing=0.1)
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> SmoothSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (4, 400)
    """

    network: Network
    decoder: Decoder
    normalization: str | None
    window_length: int | None
    batch_size: int
    max_steps: int
    lr: float
    weight_decay: float
    ema_decay: float
    class_weight: Any
    background: int | None
    sampling_rate: float | None
    precision: str
    compile: bool
    device: str
    callbacks: Any
    init: Any
    warm_start: bool
    random_state: Any
    verbose: int

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "weak": [callable, HasMethods("fit_transform"), None],
        "strong": [callable, HasMethods("fit_transform"), None],
        "network": [callable],
        "decoder": [HasMethods("start")],
        "normalization": [StrOptions({"recording", "local"}), None],
        "window_length": [Interval(Integral, 8, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "background": [Interval(Integral, 0, None, closed="left"), None],
        "sampling_rate": [Interval(Real, 0, None, closed="neither"), None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "device": [str],
        "callbacks": [list, None],
        "init": [HasMethods("predict_proba"), None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:
        """Return the criterion: called with a `Batch` and a `Step`, it returns `Losses`.

        ``class_weight`` and ``shares``, the classes' shares of the labelled samples, have shape (K,).
        """

    def _count_unlabeled(self) -> int:
        """Return how many unlabelled windows a batch has: ``mu`` for each labelled one, none for who has no ``mu``."""
        mu = getattr(self, "mu", 0)
        return max(1, round(mu * self.batch_size)) if mu else 0

    def set_params(self, **params: Any) -> Self:
        """Set parameters; one of a nested parameter object replaces the object by a changed one.

        Parameters
        ----------
        **params : dict
            ``name=value``, or ``network__width=16`` for a field of a parameter object.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        plain, nested = split_nested(params)
        names = self._get_param_names()
        for name, inner in nested.items():
            if name not in names:
                raise ValueError(f"Invalid parameter {name!r} for {type(self).__name__}; it has {names}.")
            value = plain.get(name, getattr(self, name))
            if name == "threshold":
                value = as_threshold(value)  # a number is the tau of one
            plain[name] = replace_nested(value, name, inner)
        return super().set_params(**plain)  # none of them, if one could not be made

    def __sklearn_clone__(self) -> Self:
        cloned = super().__sklearn_clone__()
        cloned.init = self.init  # a fitted model that is only read; its clone would not be fitted
        return cloned

    def fit(self, X: Any, y: Any, *, checkpoint: str | PathLike[str] | None = None) -> Self:
        """Train on labelled and unlabelled samples.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, C, T), list of (T_i,) or (C, T_i), or sktime Panel
            Recordings; time is the last axis.
        y : array-like of int, shape (n, T), (n,) or (n, 1), or list of (T_i,)
            Labels; ``-1`` marks unlabelled samples, classes are integers >= 0.
        checkpoint : path-like or None, default=None
            File to which the run is saved every 50 steps, without pickle. If it exists, training goes on from there,
            and ends, bit for bit, as if it had never been interrupted; that of a finished run is fitted at once.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input or a parameter is unusable, or `checkpoint` is no checkpoint of this data and these parameters
            (`sslts.persistence.PersistenceError`); nothing has been trained then, and what an earlier fit found stays.
        TypeError
            If `X` is of a kind that holds no numbers.
        sklearn.exceptions.NotFittedError
            If `init` is not fitted.
        OSError
            If a recording can't be read, or the checkpoint not be written.
        FloatingPointError
            If the loss stops being finite. The weights are those of the step before, and `predict` works.
        """
        before = dict(self.__dict__)
        try:
            net, dataset = self._prepare(X, y, checkpoint)
        except BaseException:  # a fit that is refused leaves what an earlier one found
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        self.net_ = net
        try:
            net.partial_fit(dataset)
        finally:
            self.history_ = _make_history(net, self.classes_, pseudo=bool(self._count_unlabeled()))
        return self

    def _prepare(self, X: Any, y: Any, checkpoint: str | PathLike[str] | None) -> tuple[SegmentationNet, WindowDataset]:
        """Read and check what was passed, and derive from it all that stays the same while the net is trained."""
        self._validate_params()
        self._check_instances()
        check_given(y, type(self).__name__)
        recordings = as_recordings(X)
        labels = as_label_runs(y, recordings)
        recordings.check_finite(plain=self.normalization is None)
        warn_of_other_rate(recordings.times, self.sampling_rate, recordings.name)
        start = self._find_start(recordings.n_channels)
        self.normalization_ = self.normalization
        weights = None if start is None else start.weights
        saver = open_checkpoint(checkpoint, self, recordings, labels, weights)
        self._read_features(X, recordings)
        self.classes_ = find_classes(labels.value)
        warn_of_lost_background(labels, self.classes_, self.background)
        if start is not None:
            warn_of_lost_classes(start, self.classes_)
        self.training_set_ = labels.describe()
        self.statistics_ = measure_runs(labels, classes=self.classes_.tolist(), background=self.background)
        labels = labels.encode(self.classes_)
        summary = self._summarize(recordings, labels)
        self.recipe_ = self.network
        self.network_ = self._adapt_network(summary, start)
        self._choose_hardware()
        net = self._make_net(labels, start, saver)
        self.window_length_ = self._choose_window_length(net, summary, int(recordings.lengths.max()))
        dataset = WindowDataset(
            self._normalize(recordings),
            labels,
            window_length=self.window_length_,
            batch_size=self.batch_size,
            n_unlabeled=self._count_unlabeled(),
            n_classes=len(self.classes_),
            device=torch.device(net.device),
            seed=net.seed + 1,
        )
        self._check_network(net, dataset)
        return net, dataset

    def _check_instances(self) -> None:
        check_instance(self.network)
        for name in ("decoder", "threshold"):
            check_no_class(getattr(self, name, None), name)

    def _read_features(self, X: Any, recordings: Recordings) -> None:
        self.__dict__.pop("feature_names_in_", None)
        if recordings.container == "array":
            _check_feature_names(self, X, reset=True)
        self.n_channels_, self.channel_names_ = recordings.n_channels, recordings.channel_names
        self.n_features_in_ = _count_features(X, recordings)

    def _choose_window_length(self, net: SegmentationNet, summary: SignalSummary, longest: int) -> int:
        stem, stride = (read_size(net.module_, name) for name in ("stem_stride", "stride"))
        chosen = self.window_length or summary.choose_window_length(stem, stride)
        return min(chosen, -(-longest // stride) * stride)  # what is beyond would be padding

    def _find_start(self, n_channels: int) -> Start | None:
        """Return what training starts from, if anything: the own weights, or those of ``init``."""
        if self.warm_start and hasattr(self, "net_"):
            start = read_start(self, n_channels, "warm_start")
        elif self.init is not None:
            start = read_start(self.init, n_channels)
        else:
            return None
        warn_of_other_signals(start, sampling_rate=self.sampling_rate, normalization=self.normalization)
        return start

    def _summarize(self, recordings: Recordings, labels: LabelRuns) -> SignalSummary:
        """Measure what is derived from the signal."""
        index = np.flatnonzero(self.classes_ == self.background)
        return summarize_signal(
            labels,
            n_channels=recordings.n_channels,
            n_classes=len(self.classes_),
            background=int(index[0]) if len(index) else None,
        )

    def _adapt_network(self, summary: SignalSummary, start: Start | None) -> Network:
        if start is not None and start.recipe == self.network:
            return start.adapted  # its weights fit no other stride
        adapt: Callable[[SignalSummary], Network] | None = getattr(self.network, "for_signal", None)
        return self.network if adapt is None else adapt(summary)

    def _make_net(self, labels: LabelRuns, start: Start | None, saver: Checkpoint | None) -> SegmentationNet:
        seed = _draw_seed(self.random_state)
        if saver is not None and saver.seed is not None:
            seed = saver.seed
        n_classes = len(self.classes_)
        shares = share_classes(labels, n_classes)
        weights = weigh_classes(self.class_weight, shares, self.classes_)
        criterion = self._make_criterion(
            None if weights is None else torch.from_numpy(weights), torch.from_numpy(shares).float()
        )
        module = build_module(self.network_, self.n_channels_, n_classes, seed)
        same = start is not None and np.array_equal(start.classes, self.classes_)
        if start is not None:
            output = None if same else find_output(self.network_, module, self.n_channels_, n_classes)
            load_weights(module, start, self.classes_, output)
        # A new class begins at random, which the average has to forget.
        return self._build_net(module, criterion, seed, saver, started=same)

    def _build_net(
        self,
        module: nn.Module,
        criterion: nn.Module,
        seed: int,
        saver: Checkpoint | None = None,
        *,
        started: bool = False,
    ) -> SegmentationNet:
        net = SegmentationNet(
            module=_Given(module),
            criterion=_Given(criterion),
            ema_decay=self.ema_decay,
            max_steps=self.max_steps,
            log_every=max(1, math.ceil(self.max_steps / HISTORY_ROWS)),
            precision=self.precision_,
            foreign=self._is_foreign(criterion),
            seed=seed,
            started=started,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=self.device_ != "mps",
            lr=self.lr,
            callbacks=self._make_callbacks(saver),
            callbacks__print_log=None,
            callbacks__train_loss=None,
            callbacks__valid_loss=None,
            compile=self.compile,
            compile__dynamic=False,  # the windows of a fit are equally long
            device=self.device_,
            verbose=0,
        )
        net.initialize()
        return net

    def _is_foreign(self, criterion: nn.Module) -> bool:
        """Return whether what takes part in a step is not all of this package: it may draw from global random states.

        That is the criterion, the network, and what the views and each method's own parameters are.
        """
        apart = NetworkSegmenter._parameter_constraints.keys() - {"weak", "strong"}
        own = [getattr(self, name) for name in self._get_param_names() if name not in apart]
        return not (is_ours(type(criterion)) and is_shipped([self.network_, *own]))

    def _make_callbacks(self, saver: Checkpoint | None) -> list[Any]:
        pseudo = bool(self._count_unlabeled())
        found: list[Any] = [("sslts_losses", LossRecorder(self.classes_.tolist(), pseudo=pseudo))]
        own = check_callbacks(self.callbacks or [])
        kinds = [callback if isinstance(callback, type) else type(callback) for callback in own]
        if not any(issubclass(kind, LRScheduler) for kind in kinds):  # whose schedule replaces the one cycle
            found.append(("sslts_schedule", make_schedule(self.lr, self.max_steps)))
        if any(getattr(callback, "load_best", False) and not getattr(callback, "f_teacher", None) for callback in own):
            warn(
                "callbacks: load_best=True brings back the network that learns, and its average, which predicts, stays "
                "that of the last step. Checkpoint(load_best=True, f_teacher='teacher.pt') brings back both."
            )
        found += self.callbacks or []
        if saver is not None:
            found.append(("sslts_checkpoint", saver))  # behind those whose state it keeps
        if self.verbose:
            found.append(("sslts_bar", StepBar()))
        return found

    @torch.no_grad()
    def _check_network(self, net: SegmentationNet, dataset: WindowDataset) -> None:
        """Run network and views once on a batch, so that what does not fit is found before training."""
        (batch,) = dataset.iterate(0, 1)
        length = batch.labeled.x.shape[-1]
        cells = len(batch.labeled.x) * math.ceil(length / read_size(net.module_, "stride"))
        if cells < 2:  # BatchNorm has no variance then
            raise ValueError(
                f"batch_size={self.batch_size} with windows of {length} samples leaves the network one cell to learn "
                "from at once; raise batch_size or window_length."
            )
        net._set_training(False)
        with net.isolate():
            check_shapes(net.module_, batch.labeled.x[:1], len(self.classes_), self.network)
            if not is_shipped(self.network):
                check_reach(net.module_, batch.labeled.x[:1], self.network)
        generator = torch.Generator(net.device).manual_seed(0)
        criterion = copy.deepcopy(net.criterion_)  # whose statistics are thrown away
        with net.isolate(), torch.enable_grad():  # which an objective may ask for, as that of an adversarial view
            criterion(batch, Step(net.ask_student, net.ask_teacher, generator, progress=1.0))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags


class _Given:
    """A factory that hands over a module once, and does not keep it: the net would be pickled with it twice."""

    def __init__(self, module: nn.Module) -> None:
        self._module: nn.Module | None = module

    def __call__(self) -> nn.Module:
        module, self._module = self._module, None
        assert module is not None, "a fitted net is not initialised again; fit the segmenter"
        return module


def _draw_seed(random_state: Any) -> int:
    """Return a seed; None draws fresh entropy, so that numpy's global state is left alone."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 8))
    return int(check_random_state(random_state).randint(2**31 - 8))


def _count_features(X: Any, recordings: Recordings) -> int:
    if recordings.container != "array":
        return recordings.n_channels
    shape = getattr(X, "shape", None) or np.shape(X)
    return int(shape[1])


def _make_history(net: SegmentationNet, classes: np.ndarray, *, pseudo: bool) -> pd.DataFrame:
    """Return one row for each logging interval; of who makes pseudo-labels, with the shares of the classes."""
    columns = ["step", "lr", "loss", "labeled_loss", "unlabeled_loss", "mask_rate", "seconds"]
    shares = [f"share_{k}" for k in classes]
    if pseudo or any(shares[0] in epoch for epoch in net.history):
        columns += shares
    rows = [epoch for epoch in net.history if "step" in epoch]  # not an interval that was interrupted
    return pd.DataFrame([{name: epoch.get(name, math.nan) for name in columns} for epoch in rows], columns=columns)
