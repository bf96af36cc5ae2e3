"""The base class of estimators that train one network; a subclass defines the criterion."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from skorch.callbacks import LRScheduler
from torch import Tensor, nn

from sslts._forks import is_forked
from sslts._notices import warn
from sslts._ranks import gather_values, may_print
from sslts._wrapping import find_attribute, forget_start
from sslts.augment import RandAugment, Rescale
from sslts.decoding import Decoder, DurationViterbi
from sslts.features import WindowStatistics
from sslts.losses import CrossEntropy, LabeledLoss
from sslts.networks import Network, UNet
from sslts.persistence import Checkpoint, open_checkpoint
from sslts.preprocessing import PositiveNumber
from sslts.recipes import check_no_class, is_ours, is_shipped, replace_nested, split_nested
from sslts.recordings import NormalizedRecordings, choose_normalization, measure_training_set
from sslts.segmenters._classifying import choose_normalization_by_forest
from sslts.segmenters._embedding import EmbedsStretches
from sslts.segmenters._exporting import ExportsOnnx
from sslts.segmenters._losses import check_details_count, check_labeled_loss, watch_details
from sslts.segmenters._predicting import PredictsRecordings
from sslts.segmenters._probing import check_callbacks, check_instance, check_receptive_field, check_shapes, read_size
from sslts.segmenters._problem import Problem, read_problem
from sslts.segmenters._saving import Blueprint, SavableNetwork
from sslts.segmenters._source import SOURCE, SourceLoss, SourceOnlyLoss
from sslts.segmenters._start import ModelStart, Start, read_model, read_start
from sslts.segmenters._transfer import fit_next, start_from_source
from sslts.segmenters._understanding import (
    FEWEST_STEPS,
    count_weights,
    name_object,
    print_understanding,
    take_end,
    warn_of_vanished_classes,
)
from sslts.segmenters._validation import COLUMN as VALID_LOSS
from sslts.segmenters._validation import ValidationLoss, check_monitors, read_share
from sslts.segmenters.parameters import ParameterizedEstimator, parameter
from sslts.thresholds import as_threshold
from sslts.training import (
    Losses,
    LossRecorder,
    SegmentationNet,
    Step,
    StepBar,
    WindowDataset,
    build_module,
    float32_default,
    make_schedule,
    neutral_torch,
)

_HISTORY_ROWS = 60
TRIAL: Mapping[str, Any] = {  # parameters of a fit that is only compared
    "callbacks": None,
    "class_weight": None,  # it may name a class that a half lacks
    "compile": False,
    "init": None,
    "verbose": 0,
    "warm_start": False,
}
_VALIDATION = "sslts_validation"
_COLUMNS = ("step", "lr", "loss", "labeled_loss", "unlabeled_loss", "mask_rate", "seconds")


class NetworkSegmenter(SavableNetwork, PredictsRecordings, EmbedsStretches, ExportsOnnx, ParameterizedEstimator, ABC):
    """Base class of estimators that train one network.

    A subclass declares its own parameters as fields and defines `_make_criterion`. A subclass that uses unlabeled
    windows declares ``mu``, the number of unlabeled windows per labeled window.

    Parameters
    ----------
    weak : augmenter, callable or None, default=Rescale()
        Weak view: a geometric change of each window; see `sslts.augment`. None leaves the windows as they are.
    strong : augmenter, callable or None, default=RandAugment()
        Strong view, applied on top of the weak view: also warps time, changes values and mixes recordings.
    labeled_loss : callable, default=CrossEntropy()
        Loss of labeled samples: a recipe of `sslts.losses`, or ``(logits, labels, class_weight) -> scalar``. A function
        needs a parameter ``sample_weight`` or ``soft_labels`` if `fit` gets weights or soft labels.
    network : callable, default=UNet()
        ``(n_channels, n_classes) -> torch.nn.Module`` that maps signals (B, C, T) to logits (B, K, T). Pass a narrower
        one, such as ``UNet(width=8)``, if training or prediction is too slow.
    decoder : Decoder, default=DurationViterbi()
        Turns probabilities into labels in ``predict``; has no effect on training. The default uses the lengths and the
        order of the labeled segments; `Argmax` takes the most probable class of each sample, without delay in streams.
    normalization : {"auto", "recording", "training", "local"} or None, default="auto"
        How each channel is shifted and scaled: by mean and standard deviation of the whole recording ("recording"), of
        all recordings of the fit together ("training"), or around each sample ("local"), or not at all (None). "auto"
        is "recording", but "training" if a small forest labels held-out labeled recordings clearly better with it: the
        size of the values then means something, such as a flow. It needs eight labeled recordings. Pass "local" if gain
        or offset drifts within a recording, and None if you scaled the signals yourself.
    window_length : int or None, default=None
        Samples in a training window, 8 or more; at most the longest recording is used. Longer windows show more
        context and cost more time. None derives the length from the labeled segments. Raise it if only something far
        from a sample tells its class.
    batch_size : int, default=16
        Labeled windows in a batch, 1 or more. Larger batches give less noisy steps and cost more time and memory.
    max_steps : int, default=1200
        Optimizer steps, 1 or more. Training time grows in proportion.
    lr : float, default=2e-3
        Peak learning rate of AdamW, above 0; the rate follows one cycle. Lower it if the loss is not finite.
    weight_decay : float, default=0.05
        Weight decay of AdamW, 0 or more. It rarely needs a change.
    ema_decay : float, default=0.99
        Decay of the averaged weights that predict, from 0 to below 1. The default averages over about the last 100
        steps, and rarely needs a change; 0 uses the last weights.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the labeled loss, each 0 or more. "balanced" weighs classes inversely to their share
        of the labeled samples; None weighs all samples equally. Try "balanced" if occurrences of a rare class are
        missed; more false ones are then found.
    background : int or None, default=0
        Class that makes no segments; None if every class makes segments.
    sampling_rate : float or None, default=None
        Samples per second, above 0; adds times in seconds to `predict_segments`.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the network's arithmetic; "auto" takes bfloat16 if the hardware computes it faster.
    compile : bool, default=False
        Whether torch compiles the network for training. It is meant for a GPU, and the first step takes minutes.
    device : str, default="auto"
        Name of a torch device; "auto" takes CUDA if available, then MPS, then the CPU.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; an epoch of skorch is one logging interval.
    init : fitted segmenter, path-like or None, default=None
        A fitted model to start from, or the file of one, such as an earlier customer's. None starts from random
        weights.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the previous `fit`.
    random_state : int, RandomState or None, default=None
        Seed of weights, windows and views. With an int, two fits on the same machine give the same model.
    verbose : int, default=0
        1 or more prints one line about recordings, labels, windows and network at the beginning of `fit`, and shows a
        progress bar in `fit` and in `predict`.

    Attributes
    ----------
    classes_ : ndarray of int, shape (K,)
        The classes in ``y``, in increasing order.
    n_features_in_ : int
        ``X.shape[1]`` if ``X`` is an array, else the number of channels.
    n_channels_ : int
        Channels of the recordings.
    channel_names_ : tuple or None
        Names of the channels, if ``X`` has any.
    window_length_ : int
        Samples in a training window.
    normalization_ : str or None
        Value of ``normalization`` at the time of the fit, "auto" resolved; later changes of the parameter do not affect
        predictions.
    moments_ : (location, scale) or None
        Location and scale of the channels, (C,) each, if ``normalization_`` is "training".
    statistics_ : SegmentStatistics
        Lengths and neighbors of the labeled segments, for decoders.
    decoder_ : Decoder
        ``decoder`` with what it learned from the labeled segments; `Argmax` if the labels teach the default nothing.
    class_names_ : dict of int to str
        The word of each class; only if `y` holds words.
    occurrences_ : Occurrences
        How occurrences that touch are told apart; only if `y` holds such occurrences.
    training_set_ : dict
        Number of recordings and samples, and how many of them are labeled.
    sampling_rate_ : float
        Samples per second of the fit: the parameter, else the rate of `Recordings`. Absent if unknown.
    transfer_ : dict
        How a fit with ``init`` or ``source`` came to its weights: ``chosen`` (a key of ``scores``), ``words``,
        ``margin`` (by how much its mean IoU is above that of the first way), ``scores`` (``mean_iou`` and ``log_loss``
        of each way on held-out labels), ``distance`` (between the two customers, 0: alike; NaN if unknown),
        ``source_fades`` (whether the labels of the source taught at the beginning only), and, for a fit without labels,
        ``guard`` (mean ``confidence`` and ``shares`` of the predicted classes of each way).
    recipe_, network_ : callable
        The network recipe as it was passed, and adapted to the signal.
    net_ : SegmentationNet
        The fitted skorch net.
    history_ : DataFrame
        One row per logging interval: ``step, lr, loss, labeled_loss, unlabeled_loss, mask_rate, seconds``, and every
        other value that the criterion reports. Methods with pseudo-labels add ``share_<class>``, the share of each
        class among the accepted pseudo-labels. A fit with ``validation`` adds ``valid_loss``. Missing values are NaN.
    device_, precision_ : str
        The device and the precision of the fit.

    Examples
    --------
    A custom criterion with the parameters of `SupervisedSegmenter` and one more:

    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> from sslts.training import Losses
    >>> class SmoothLoss(nn.CrossEntropyLoss):
    ...     def forward(self, batch, step):
    ...         loss = super().forward(*step.student(batch.labeled.x), batch.labeled.target)
    ...         return Losses(loss, loss)
    >>> class SmoothSegmenter(SupervisedSegmenter):
    ...     smoothing: float = 0.1
    ...
    ...     def _make_criterion(self, class_weight, shares):
    ...         return SmoothLoss(class_weight, ignore_index=-1, label_smoothing=self.smoothing)
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> SmoothSegmenter(smoothing=0.2, max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (4, 400)
    """

    _before: ClassVar[Mapping[str, Any]] = {"labeled_loss": CrossEntropy()}

    weak: Any = parameter(callable, HasMethods("fit_transform"), None, default=Rescale())
    strong: Any = parameter(callable, HasMethods("fit_transform"), None, default=RandAugment())
    labeled_loss: LabeledLoss = parameter(callable, default=CrossEntropy())
    network: Network = parameter(callable, default=UNet())
    decoder: Decoder = parameter(HasMethods("start"), default=DurationViterbi())
    normalization: str | None = parameter(StrOptions({"auto", "recording", "training", "local"}), None, default="auto")
    window_length: int | None = parameter(Interval(Integral, 8, None, closed="left"), None, default=None)
    batch_size: int = parameter(Interval(Integral, 1, None, closed="left"), default=16)
    max_steps: int = parameter(Interval(Integral, 1, None, closed="left"), default=1200)
    lr: float = parameter(Interval(Real, 0, None, closed="neither"), default=2e-3)
    weight_decay: float = parameter(Interval(Real, 0, None, closed="left"), default=0.05)
    ema_decay: float = parameter(Interval(Real, 0, 1, closed="left"), default=0.99)
    class_weight: Any = parameter(StrOptions({"balanced"}), dict, None, default=None)
    background: int | None = parameter(Interval(Integral, 0, None, closed="left"), None, default=0)
    sampling_rate: float | None = parameter(PositiveNumber(), None, default=None)
    precision: str = parameter(StrOptions({"auto", "float32", "bfloat16"}), default="auto")
    compile: bool = parameter("boolean", default=False)
    device: str = parameter(str, default="auto")
    callbacks: list[Any] | None = parameter(list, None, default=None)
    init: Any = parameter(HasMethods("predict_proba"), str, PathLike, None, default=None)
    warm_start: bool = parameter("boolean", default=False)
    random_state: Any = parameter("random_state", default=None)
    verbose: int = parameter("verbose", default=0)

    @abstractmethod
    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:
        """Return the criterion: a module that turns a `Batch` and a `Step` into `Losses`.

        ``class_weight`` (K,) or None holds the weights of the classes, ``shares`` (K,) their shares of the labeled
        samples. The method is called on a shallow copy that has the fitted attributes of this fit, such as
        ``classes_`` and ``n_channels_``, but no ``net_`` and ``window_length_``; ``labeled_loss`` is a copy too.
        """

    def _count_unlabeled(self) -> int:
        """Return the number of unlabeled windows in a batch: ``mu`` per labeled window, 0 without a ``mu``."""
        mu = getattr(self, "mu", 0)
        return max(1, round(mu * self.batch_size)) if mu else 0

    def set_params(self, **params: Any) -> Self:
        """Set parameters. A nested parameter replaces the parameter object that holds it.

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
            If a name is unknown. No parameter is changed in this case.
        """
        plain, nested = split_nested(params)
        names = self._get_param_names()
        for name, inner in nested.items():
            if name not in names:
                raise ValueError(f"Invalid parameter {name!r} for {type(self).__name__}; it has {names}.")
            value = plain.get(name, getattr(self, name))
            if name == "threshold":
                value = as_threshold(value)  # a number means a FixedThreshold
            plain[name] = replace_nested(value, name, inner)
        return super().set_params(**plain)  # sets all parameters, or no parameter if a name is invalid

    def __sklearn_clone__(self) -> Self:
        cloned = super().__sklearn_clone__()
        cloned.init = self.init  # a clone of the fitted model would not be fitted
        return cloned

    def fit(
        self,
        X: Any,
        y: Any = None,  # None is refused, in the name of the class
        *,
        sample_weight: Any = None,
        validation: Any = None,
        checkpoint: str | PathLike[str] | None = None,
        source: Any = None,
    ) -> Self:
        """Train on labeled and unlabeled samples.

        With ``init`` or `source`, several ways to a model for the new recordings are tried on halves of the labels, and
        the best one is taken; see ``transfer_``. Trials take at most 200 steps each, four in all.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, C, T), list of (T_i,) or (C, T_i), or sktime Panel
            Recordings; time is the last axis.
        y : array-like of int, shape (n, T), (n,) or (n, 1), list of (T_i,), or Annotations
            Labels; ``-1`` marks unlabeled samples, classes are integers >= 0. Or words: "background" for background,
            None, NaN or -1 where unlabeled; ``predict`` then returns words. From `sslts.Annotations`, the segmenter
            also learns where occurrences begin that touch the one before. Or soft labels, float of shape (n, T, K)
            or list of (T_i, K): probabilities that sum to one within 0.001, NaN for all classes where unlabeled. The
            loss compares with all probabilities; lengths of segments and shares of classes are those of the most
            probable class. ``classes_`` is then 0 to K - 1.
        sample_weight : array-like of shape (n,) or (n, T), list of (T_i,), or None, default=None
            Weights of the labeled samples in the labeled loss and in the shares of classes, 0 or more; only their
            ratios count. A sample of weight 0 counts as unlabeled everywhere: a class without other samples does not
            exist. Weights of unlabeled samples have no effect.
        validation : (X_val, y_val), float or None, default=None
            Held-out labeled recordings for callbacks such as ``skorch.callbacks.EarlyStopping``: recordings and labels,
            or the share of the labeled recordings in `X` to hold out, above 0 and below 1. The share is chosen by
            `random_state`, in whole recordings, which are then not trained on. The labeled loss of the averaged
            network on them is recorded at the end of each logging interval, as ``valid_loss``.
        checkpoint : path-like or None, default=None
            File to which the run is saved every 50 steps, without pickle. If the file exists, training continues from
            it and ends, bit for bit, like an uninterrupted run; a finished run is loaded without training. Trials with
            `source` or ``init`` are repeated.
        source : (X_old, y_old) or None, default=None
            Labeled recordings of an earlier customer, in the same containers as `X` and `y`. Their labels take part in
            the labeled loss: to the end if the recordings of both customers are alike for the old model, else at the
            beginning. Channels are matched by name if they have names. Without ``init``, a model is first fitted
            on them. With `source` or ``init``, `y` may be unlabeled throughout; ``transfer_`` then holds a guess. It
            needs a training only with `source`, and in a method that learns from unlabeled recordings; in other cases
            callbacks, `validation` and `checkpoint` have no effect.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, or if `checkpoint` belongs to other data or other parameters
            (`sslts.persistence.PersistenceError`). Nothing is trained in this case, and an earlier fit is kept.
        TypeError
            If the type of `X` is not supported.
        sklearn.exceptions.NotFittedError
            If `init` is not fitted.
        OSError
            If a recording can't be read, or the checkpoint can't be written.
        FloatingPointError
            If the loss is not finite. The weights of the previous step are kept, and `predict` works; before the first
            step, the earlier fit is kept.
        """
        return self._fit(X, y, sample_weight=sample_weight, validation=validation, checkpoint=checkpoint, source=source)

    def _fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        validation: Any = None,
        checkpoint: str | PathLike[str] | None = None,
        pools: Mapping[str, tuple[Any, Any]] | None = None,
        source: Any = None,
    ) -> Self:
        """Fit like `fit`, with additional pools of labeled recordings: ``(X, y)`` by the name of their argument.

        The criterion sees the windows of a pool as ``batch.others[name]``. The estimator does not change before
        everything is checked and the first step is done.
        """
        with neutral_torch(gradients=True):
            return self._fit_neutrally(
                X,
                y,
                sample_weight=sample_weight,
                validation=validation,
                checkpoint=checkpoint,
                pools=pools,
                source=source,
            )

    def _fit_neutrally(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any,
        validation: Any,
        checkpoint: str | PathLike[str] | None,
        pools: Mapping[str, tuple[Any, Any]] | None,
        source: Any,
    ) -> Self:
        self._validate_params()
        self._check_instances()
        share = read_share(validation)
        again = self.warm_start and hasattr(self, "net_")
        model = self if again else read_model(self.init)
        problem = read_problem(
            X,
            y,
            who=type(self).__name__,
            class_names=find_attribute(model, "class_names_"),
            source=source,
            model_classes=None if again else find_attribute(model, "classes_"),
            background=self.background,
            sampling_rate=self.sampling_rate,
            plain=self.normalization is None,
            pools=pools,
            validation=validation if share is None else None,
            sample_weight=sample_weight,
        )
        if again and not problem.has_labels:
            raise ValueError("y has no labeled sample, which warm_start=True needs; pass the earlier model as init.")
        start = self._find_start(problem, model, again=again)
        problem = start.complete(problem)
        others = {"validation": problem.validation, "source": problem.source}
        held = {name: pool for name, pool in others.items() if pool is not None}
        saver = open_checkpoint(
            checkpoint,
            self,
            problem.recordings,
            problem.labels,
            start.weights,
            pools={**problem.pools, **held},
            held_out=share,
            details=problem.details,
        )
        seed = _draw_seed(self.random_state)
        if saver is not None and saver.seed is not None:
            seed = saver.seed
        seed = gather_values(seed)[0]  # no rank is behind this line before all have opened the checkpoint
        check_monitors(check_callbacks(self.callbacks or []), validated=validation is not None)
        if share is not None:
            problem = problem.hold_out(share, seed)
        if problem.source is not None and start.weights is None:
            start = start_from_source(self, problem, seed)
        self._fit_problem(self._choose_normalization(problem, start, seed), start, seed, saver)
        return self

    def _fit_problem(self, problem: Problem, start: Start, seed: int, saver: Checkpoint | None = None) -> None:
        """Fit on a problem whose normalization is chosen."""
        if may_print(self.verbose):
            self._print_understanding(problem, start, seed)
        if isinstance(start, ModelStart) and start.name != "warm_start":
            fit_next(self, problem, start, seed, saver)
        else:
            self._fit_alone(problem, start, seed, saver)

    def _fit_alone(self, problem: Problem, start: Start, seed: int, saver: Checkpoint | None = None) -> None:
        """Fit without an earlier customer."""
        self._fit_net(self._guide(problem, start, seed), start, seed, saver)

    def _fit_net(
        self, problem: Problem, start: Start, seed: int, saver: Checkpoint | None = None, *, trains: bool = True
    ) -> None:
        """Build the net and train it; without ``trains``, keep it with its first weights."""
        network = start.adapt(self.network, problem.summary)
        blueprint = self._make_blueprint(network, problem.recordings.n_channels, problem.codes, seed)
        watcher = self._make_watcher(problem) if trains else None
        net = self._make_net(blueprint, problem, start, saver, watcher)
        window_length = self._choose_window_length(net.module_, problem)
        fitted = self._list_fitted(problem, blueprint, window_length, net)
        if not trains:
            self._keep(fitted)
            return
        if watcher is not None:
            self._let_watch(watcher, problem, window_length)
        dataset = self._make_dataset(problem, window_length, device=torch.device(net.device), seed=seed + 1)
        self._check_network(net, dataset)
        self._train(net, dataset, lambda: self._keep(fitted))
        self._warn_of_vanished_classes(problem)

    def _make_trial(self, max_steps: int) -> NetworkSegmenter:
        """Return an unfitted segmenter for a comparison: the same parameters, other steps, no callbacks."""
        given = self.get_params(deep=False)
        return type(self)(**{**given, **TRIAL, "max_steps": max_steps})

    def _print_understanding(self, problem: Problem, start: Start, seed: int) -> None:
        """Print what the fit understood, before its first step."""
        network, n_channels = start.adapt(self.network, problem.summary), problem.recordings.n_channels
        blueprint = self._make_blueprint(network, n_channels, problem.codes, seed)
        module = build_module(network, n_channels, problem.n_codes, seed)
        print_understanding(
            problem.recordings,
            problem.labels,
            f"windows of {self._choose_window_length(module, problem):,} samples",
            f"{name_object(network)} with {count_weights(module)}",
            blueprint.device,
            blueprint.precision,
            background=self.background,
            class_names=problem.class_names,
            sampling_rate=self.sampling_rate,
        )

    def _warn_of_vanished_classes(self, problem: Problem) -> None:
        """Warn after a fit of enough steps if a labeled class has hardly any pseudo-labels."""
        unused = not self._count_unlabeled() or getattr(self, "lambda_u", 1) == 0
        if unused or self.net_.interrupted_ or self.net_.step_ < FEWEST_STEPS:
            return
        fix = "train on the labels alone, with SupervisedSegmenter"
        if hasattr(self, "threshold"):
            guided = problem.guesses is not None
            fix = "pass guide=None" if guided else "pass threshold=CurriculumThreshold(0.95, expected='labeled')"
        warn_of_vanished_classes(type(self).__name__, take_end(self.history_), problem, fix)

    def _guide(self, problem: Problem, start: Start, seed: int) -> Problem:  # noqa: ARG002
        """Return the problem, in methods that have a guide with its guesses of the unlabeled samples."""
        return problem

    def _train(self, net: SegmentationNet, dataset: WindowDataset, keep: Callable[[], None]) -> None:
        """Train the net, and keep it from its first step on; until then the estimator is as it was.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C ends the training before its first step.
        """
        net.keep_ = keep
        try:
            net.partial_fit(dataset)
        except RuntimeError as error:
            if is_forked() and "fork" in str(error):
                raise RuntimeError(
                    f"fit in a forked process: {error} Start the process with multiprocessing.get_context('spawn') or "
                    "joblib's loky."
                ) from error
            raise
        finally:
            kept, net.keep_ = net.keep_ is None, None
            for _, callback in net.callbacks_:
                if isinstance(callback, LRScheduler):  # its scheduler holds the optimizer, and is made anew by each fit
                    vars(callback).pop("lr_scheduler_", None)
            self.__dict__.pop("history_", None)  # made anew from the net
        if not kept:
            raise KeyboardInterrupt

    def _keep(self, fitted: dict[str, Any]) -> None:
        """Replace all fitted attributes at once: an interruption finds the earlier model or this model, never half."""
        optional = {"class_names_", "feature_names_in_", "occurrences_", "sampling_rate_", "trust_"}
        gone = optional | {"history_", "transfer_"}  # made after the fit
        init = None if self.init is None else forget_start(self.init)
        kept = {name: value for name, value in vars(self).items() if name not in gone}
        self.__dict__ = {**kept, "init": init, **fitted}

    @cached_property
    def history_(self) -> pd.DataFrame:
        """The training history; see the attributes of the class."""
        try:
            net = self.net_
        except AttributeError:
            raise AttributeError(f"{type(self).__name__} has no history_ before it is fitted.") from None
        return _make_history(net, self.classes_, pseudo=bool(self._count_unlabeled()))

    def _check_instances(self) -> None:
        """Raise if a parameter is a class that should be an instance."""
        check_instance(self.network)
        for name in ("decoder", "threshold", "labeled_loss"):
            check_no_class(getattr(self, name, None), name)

    def _find_start(self, problem: Problem, model: Any, *, again: bool) -> Start:
        """Return the start of training: the weights of the previous fit, the weights of ``init``, or random weights."""
        start: Start = Start()
        if model is not None:
            start = read_start(model, problem.recordings, "warm_start" if again else "init")
        wanted = start.prefer_normalization(self.normalization)
        start.warn_of_changes(sampling_rate=problem.sampling_rate, normalization=wanted, classes=problem.classes)
        return start

    def _choose_normalization(self, problem: Problem, start: Start, seed: int) -> Problem:
        """Return the problem with its normalization, "auto" resolved; a model to start from brings its own."""
        name = start.prefer_normalization(self.normalization)
        if name == "auto":
            features = WindowStatistics.for_signal(problem.summary)
            name = choose_normalization_by_forest(problem, features, seed) or "training"  # the network needs a scale
        if name is None and self.normalization == "auto":  # not checked by `read_problem`
            problem.recordings.check_finite(plain=True)
        moments = None
        if name == "training":
            moments = start.moments or measure_training_set(problem.recordings)
        return replace(problem, normalization=name, moments=moments)

    def _make_net(
        self,
        blueprint: Blueprint,
        problem: Problem,
        start: Start,
        saver: Checkpoint | None,
        watcher: ValidationLoss | None,
    ) -> SegmentationNet:
        n_channels = blueprint.n_channels
        with float32_default():
            known = self._list_known(problem, blueprint)
            copied, weights = self._copy_for_criterion(known), self._weigh_classes(problem)
            criterion = copied._make_criterion(weights, torch.from_numpy(problem.shares).float())
            if problem.source is not None:
                criterion = self._add_source(criterion, problem, copied.labeled_loss, weights)
        module = build_module(blueprint.network, n_channels, problem.n_codes, blueprint.seed)
        # The weights of a new class start at random; the average has to forget them.
        started = start.load_into(module, blueprint.network, n_channels, problem.codes)
        return self._build_net(blueprint, module, criterion, saver, watcher, started=started)

    def _add_source(
        self, criterion: nn.Module, problem: Problem, labeled_loss: LabeledLoss, class_weight: Tensor | None
    ) -> nn.Module:
        if not problem.has_labels:
            return SourceOnlyLoss(criterion)
        return SourceLoss(
            criterion,
            weak=self.weak,
            strong=self._get_first_strong(),
            class_weight=class_weight,
            labeled_loss=labeled_loss,
            fades=problem.source_fades,
        )

    def _get_first_strong(self) -> Any:
        """Return the strong view, or the first one of several."""
        return self.strong[0] if isinstance(self.strong, (list, tuple)) else self.strong

    def _weigh_classes(self, problem: Problem) -> Tensor | None:
        weights = problem.weigh(self.class_weight)
        return None if weights is None else torch.from_numpy(weights)

    def _make_watcher(self, problem: Problem) -> ValidationLoss | None:
        """Return the callback that measures the loss on the held-out recordings, or None without such recordings."""
        if problem.validation is None:
            return None
        return ValidationLoss(copy.deepcopy(self.labeled_loss), self._weigh_classes(problem))

    def _let_watch(self, watcher: ValidationLoss, problem: Problem, window_length: int) -> None:
        """Give the held-out recordings that have labels to the callback."""
        assert problem.validation is not None
        pool = problem.validation
        labeled = np.flatnonzero(pool.labels.labeled)
        normalization = choose_normalization(problem.normalization, window_length, problem.moments)
        watcher.watch(
            NormalizedRecordings(pool.recordings.select(labeled.tolist()), normalization),
            problem.encode(pool.labels.select(labeled)),
            pool.details.select(labeled).encode(problem.classes),
        )

    def _build_net(
        self,
        blueprint: Blueprint,
        module: nn.Module,
        criterion: nn.Module,
        saver: Checkpoint | None = None,
        watcher: ValidationLoss | None = None,
        *,
        started: bool = False,
        idle: bool = False,
    ) -> SegmentationNet:
        net = SegmentationNet(
            module=_ModuleFactory(module),
            criterion=_ModuleFactory(criterion),
            ema_decay=self.ema_decay,
            max_steps=self.max_steps,
            log_every=max(1, math.ceil(self.max_steps / _HISTORY_ROWS)),
            precision=blueprint.precision,
            foreign=self._is_foreign(blueprint.network, criterion),
            seed=blueprint.seed,
            started=started,
            idle=idle,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=blueprint.device != "mps",
            lr=self.lr,
            callbacks=self._make_callbacks(blueprint.codes, saver, watcher),
            callbacks__print_log=None,
            callbacks__train_loss=None,
            callbacks__valid_loss=None,
            compile=self.compile,
            compile__dynamic=False,  # the windows of a fit are equally long
            device=blueprint.device,
            verbose=0,
        )
        net.initialize()
        return net

    def _is_foreign(self, network: Network, criterion: nn.Module) -> bool:
        """Return whether a step runs code from outside this package, which may draw from global random states.

        A step runs the criterion, the network, the views, the labeled loss and the method's own parameters.
        """
        shared = set(NetworkSegmenter._parameter_constraints) - {"weak", "strong", "labeled_loss"}
        own = [getattr(self, name) for name in self._get_param_names() if name not in shared]
        inner = criterion.criterion if isinstance(criterion, SourceLoss) else criterion
        return not (is_ours(type(inner)) and is_shipped([network, *own]))

    def _make_callbacks(self, codes: np.ndarray, saver: Checkpoint | None, watcher: ValidationLoss | None) -> list[Any]:
        pseudo = bool(self._count_unlabeled())
        classes = np.where(codes < 0, -2 - codes, codes)
        found: list[Any] = [("sslts_losses", LossRecorder(classes.tolist(), pseudo=pseudo))]
        if watcher is not None:
            found.append((_VALIDATION, watcher))  # before the callbacks that monitor its loss
        own = check_callbacks(self.callbacks or [])
        kinds = [callback if isinstance(callback, type) else type(callback) for callback in own]
        if not any(issubclass(kind, LRScheduler) for kind in kinds):  # a custom schedule replaces the default
            found.append(("sslts_schedule", make_schedule(self.lr, self.max_steps)))
        if any(getattr(callback, "load_best", False) and not getattr(callback, "f_teacher", None) for callback in own):
            warn(
                "callbacks: load_best=True restores the student, but predictions use the averaged weights, which stay "
                "at the last step. Pass Checkpoint(load_best=True, f_teacher='teacher.pt') to restore both."
            )
        found += self.callbacks or []
        if saver is not None:
            found.append(("sslts_checkpoint", saver))  # after the callbacks whose state it saves
        if may_print(self.verbose):
            found.append(("sslts_bar", StepBar(type(self).__name__)))
        return found

    def _choose_window_length(self, module: nn.Module, problem: Problem) -> int:
        stem, stride = (read_size(module, name) for name in ("stem_stride", "stride"))
        longest = int(problem.recordings.lengths.max())
        chosen = self.window_length or problem.summary.choose_window_length(stem, stride)
        return min(chosen, -(-longest // stride) * stride)  # a longer window would contain padding

    def _make_dataset(self, problem: Problem, window_length: int, *, device: torch.device, seed: int) -> WindowDataset:
        """Return the data set of the training loop: windows of the recordings and of each additional pool."""
        normalization = choose_normalization(problem.normalization, window_length, problem.moments)
        sizes: dict[str, Any] = {
            "window_length": window_length,
            "batch_size": self.batch_size,
            "n_classes": problem.n_codes,
            "device": device,
            "seed": seed,
        }
        pools = problem.pools if problem.source is None else {**problem.pools, SOURCE: problem.source}
        others = {
            name: WindowDataset(
                NormalizedRecordings(pool.recordings, normalization),
                problem.encode(pool.labels),
                n_unlabeled=0,
                **sizes,
            )
            for name, pool in pools.items()
        }
        seen = NormalizedRecordings(problem.recordings, normalization)
        return WindowDataset(
            seen,
            problem.targets,
            n_unlabeled=self._count_unlabeled(),
            others=others,
            guesses=problem.guesses,
            details=problem.details.encode(problem.classes),
            taught_by=None if problem.has_labels else SOURCE,
            **sizes,
        )

    @torch.no_grad()
    def _check_network(self, net: SegmentationNet, dataset: WindowDataset) -> None:
        """Raise if network, views or criterion fail on a first batch, before training starts."""
        (batch,) = dataset.iterate(0, 1)
        length = batch.labeled.x.shape[-1]
        cells = len(batch.labeled.x) * math.ceil(length / read_size(net.module_, "stride"))
        if cells < 2:  # BatchNorm can't compute a variance
            raise ValueError(
                f"batch_size={self.batch_size} with windows of {length} samples gives the network one cell per batch; "
                "raise batch_size or window_length."
            )
        net._set_training(False)
        with net.isolate():
            check_shapes(net.module_, batch.labeled.x[:1], dataset.n_classes, self.network)
            if not is_shipped(self.network):
                check_receptive_field(net.module_, batch.labeled.x[:1], self.network)
        generator = torch.Generator(net.device).manual_seed(0)
        criterion = copy.deepcopy(net.criterion_)  # a copy, so that its statistics stay unchanged
        with net.isolate(), torch.enable_grad():  # a criterion may need gradients, such as an adversarial one
            check_labeled_loss(self.labeled_loss, batch, dataset.n_classes, getattr(criterion, "class_weight", None))
            batch = watch_details(batch)
            step = Step(net.ask_student, net.ask_teacher, generator, progress=1.0, apart=net.ask_apart)
            losses = criterion(batch, step)
            if not isinstance(losses, Losses):
                raise ValueError(
                    f"{type(criterion).__name__} returned a {type(losses).__name__}; return sslts.training.Losses."
                )
            losses.check(type(criterion).__name__, dataset.n_classes)
            check_details_count(losses.loss, batch, type(criterion).__name__)

    def _list_fitted(
        self, problem: Problem, blueprint: Blueprint, window_length: int, net: SegmentationNet
    ) -> dict[str, Any]:
        """Return the fitted attributes by name."""
        return self._list_known(problem, blueprint) | {"window_length_": window_length, "net_": net}

    def _list_known(self, problem: Problem, blueprint: Blueprint) -> dict[str, Any]:
        """Return the fitted attributes that are known before a net is made."""
        named = {
            "feature_names_in_": problem.feature_names,
            "class_names_": problem.class_names,
            "occurrences_": problem.occurrences,
            "sampling_rate_": problem.sampling_rate,
            "trust_": problem.trust,
        }
        return {name: value for name, value in named.items() if value is not None} | {
            "n_features_in_": problem.n_features,
            "n_channels_": problem.recordings.n_channels,
            "channel_names_": problem.recordings.channel_names,
            "classes_": problem.classes,
            "statistics_": problem.statistics,
            "training_set_": problem.labels.describe(),
            "normalization_": problem.normalization,
            "moments_": problem.moments,
            "recipe_": self.network,
            "network_": blueprint.network,
            "device_": blueprint.device,
            "precision_": blueprint.precision,
        }


class _ModuleFactory:
    """A factory that returns its module once and forgets it; else the net would be pickled with two copies of it."""

    def __init__(self, module: nn.Module) -> None:
        self._module: nn.Module | None = module

    def __call__(self) -> nn.Module:
        module, self._module = self._module, None
        assert module is not None, "a fitted net can't be initialized again; fit the segmenter"
        return module


_Given = _ModuleFactory  # the name in pickles of version 0.1


def _draw_seed(random_state: Any) -> int:
    """Return a seed; None draws a fresh seed without using NumPy's global state."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 8))
    return int(check_random_state(random_state).randint(2**31 - 8))


def _make_history(net: SegmentationNet, classes: np.ndarray, *, pseudo: bool) -> pd.DataFrame:
    """Return one row per logging interval, with a column for every value that the losses report."""
    rows = [epoch for epoch in net.history if "step" in epoch]  # skips an interrupted interval
    columns, shares = list(_COLUMNS), [f"share_{k}" for k in classes]
    if pseudo or any(shares[0] in epoch for epoch in rows):
        columns += shares
    reported = getattr(dict(net.callbacks_).get("sslts_losses"), "reported_", ())
    columns += [name for name in reported if name not in columns]
    if _VALIDATION in dict(net.callbacks_):
        columns.append(VALID_LOSS)
    return pd.DataFrame([{name: epoch.get(name, math.nan) for name in columns} for epoch in rows], columns=columns)
