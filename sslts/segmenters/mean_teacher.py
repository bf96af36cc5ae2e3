"""Mean Teacher (Tarvainen & Valpola 2017): agree with the average of oneself.

The whole algorithm is `MeanTeacherLoss.forward`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from sslts.augment import RandAugment, Rescale, apply_view
from sslts.decoding import Argmax, Decoder
from sslts.networks import Network, UNet
from sslts.objectives import (
    average_weighted,
    describe_pseudo_labels,
    find_boundaries,
    labeled_cross_entropy,
    rise_smoothly,
    squared_difference,
)
from sslts.recipes import Bounds, Recipe
from sslts.segmenters.base import NetworkSegmenter
from sslts.training import Batch, Losses, Step


@dataclass(frozen=True)
class UniformConsistency(Recipe):
    """Every valid sample counts the same (Tarvainen & Valpola 2017).

    Examples
    --------
    >>> import torch
    >>> UniformConsistency()(torch.ones(1, 3), torch.rand(1, 2, 3), torch.ones(1, 3).bool()).item()
    1.0
    """

    def __call__(self, cost: Tensor, proba: Tensor, valid: Tensor) -> Tensor:  # noqa: ARG002
        """Return the consistency loss from the cost (B, T), the teacher's probabilities (B, K, T) and validity."""
        return average_weighted(cost, valid.to(cost.dtype))


@dataclass(frozen=True)
class BoundaryConsistency(Recipe):
    """Weigh the inside of segments and their boundaries apart (after arXiv:2609.16489).

    Away from the teacher's boundaries a sample counts if the teacher is confident; near them it counts by how confident
    the teacher is. Each of the two terms is normalised by its own weight.

    Parameters
    ----------
    width : int
        Samples on either side of a change of the teacher's label that are near.
    tau : float
        Confidence from which a sample away from a boundary counts.
    weight : float
        Of the boundary term.

    Examples
    --------
    >>> import torch
    >>> proba = torch.tensor([[[0.9, 0.9, 0.2, 0.2], [0.1, 0.1, 0.8, 0.8]]])
    >>> cost = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    >>> BoundaryConsistency(width=1)(cost, proba, torch.ones(1, 4).bool()).item()
    1.0
    """

    width: int = 4
    tau: float = 0.8
    weight: float = 1.0

    _bounds: ClassVar[Mapping[str, Bounds]] = {
        "width": Bounds(1, whole=True),
        "tau": Bounds(most=1),
        "weight": Bounds(),
    }

    def __call__(self, cost: Tensor, proba: Tensor, valid: Tensor) -> Tensor:
        """Return the consistency loss from the cost (B, T), the teacher's probabilities (B, K, T) and validity."""
        near, confidence = find_boundaries(proba, self.width, valid), proba.amax(1)
        region = average_weighted(cost, (valid & ~near & (confidence >= self.tau)).to(cost.dtype))
        return region + self.weight * average_weighted(cost, valid * near * confidence)


class MeanTeacherLoss(nn.Module):
    """The loss of a batch, with the paper's terms.

    Examples
    --------
    At the end of a training, with a student that knows nothing and a teacher that is sure of itself:

    >>> from sslts.augment import Tracks
    >>> options = dict(weak=None, strong=None, consistency=UniformConsistency(), ramp_up=0.4, class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 2), torch.tensor([[0, 1]]), torch.ones(1, 2).bool())
    >>> proba = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> step = Step(lambda *views: [torch.zeros(1, 2, 2)] * len(views), lambda x: proba, torch.Generator(), 1.0)
    >>> found = MeanTeacherLoss(**options, lambda_u=10.0)(Batch(windows, windows.hide_labels()), step)
    >>> [round(value.item(), 4) for value in (found.labeled_loss, found.unlabeled_loss, found.loss)]
    [0.6931, 0.25, 3.1931]
    """

    class_weight: Tensor | None

    def __init__(
        self,
        *,
        weak: Any,
        strong: Any,
        consistency: Any,
        lambda_u: float,
        ramp_up: float,
        class_weight: Tensor | None,
    ) -> None:
        super().__init__()
        self.weak, self.strong = weak, strong
        self.consistency, self.lambda_u, self.ramp_up = consistency, lambda_u, ramp_up
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labelled and ``mu B`` unlabelled windows."""
        known = apply_view(self.weak, batch.labeled, step.generator)
        labeled = apply_view(self.strong, known, step.generator)

        # f(x, theta', eta'): the teacher's answer to its own view moves along with the student's.
        weak = apply_view(self.weak, batch.unlabeled, step.generator)
        proba = step.teacher(weak.x)
        view = apply_view(self.strong, weak.replace(target=proba), step.generator)
        labeled_logits, logits = step.student(labeled.x, view.x)

        # J(theta) = E || f(x, theta', eta') - f(x, theta, eta) ||^2, with a weight that ramps up.
        labeled_loss = labeled_cross_entropy(labeled_logits, labeled.target, self.class_weight)
        unlabeled_loss = self.consistency(squared_difference(logits, view.target), view.target, view.valid)
        loss = labeled_loss + self.lambda_u * rise_smoothly(step.progress, self.ramp_up) * unlabeled_loss
        mask_rate, shares = describe_pseudo_labels(view.target, torch.ones_like(view.x[:, 0]), view.valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class MeanTeacherSegmenter(NetworkSegmenter):
    """Learn to agree with the averaged network about unlabelled windows.

    Parameters
    ----------
    lambda_u : float
        Final weight of the consistency loss, a mean squared difference of probabilities.
    ramp_up : float
        Share of the training in which that weight rises, as ``exp(-5 (1 - t)^2)``; 0 gives it whole from the start.
    consistency : UniformConsistency, BoundaryConsistency or callable
        How samples are weighed: ``(cost (B, T), proba (B, K, T), valid (B, T)) -> scalar``.
    mu : float
        Unlabelled windows for each labelled one.
    weak : augmenter, callable or None
        Geometric view, which the teacher sees; see `sslts.augment`.
    strong : augmenter, callable or None
        View that also warps time, changes values and mixes recordings, applied to the weak view; the student's.
    network : callable, default=UNet()
        ``(n_channels, n_classes) -> torch.nn.Module`` mapping (B, C, T) to (B, K, T).
    decoder : Decoder, default=Argmax()
        From probabilities to labels.
    normalization : {"recording", "local"} or None, default="recording"
        Location and scale of each channel: of the whole recording, of the stretch around each sample, or as given.
    window_length : int or None, default=None
        Samples of a training window, at most the longest recording; None derives it from the labelled segments.
    batch_size : int
        Labelled windows in a batch.
    max_steps : int
        Steps of the optimiser.
    lr, weight_decay : float
        Of AdamW; the rate follows one cycle.
    ema_decay : float
        Decay of the averaged weights, which teach and predict, as in the paper; 0 makes the student its own teacher.
    class_weight : dict, "balanced" or None
        Weights of the classes in the labelled loss.
    background : int or None, default=0
        The class that is not a segment.
    sampling_rate : float or None
        Samples per second; adds times to `predict_segments`.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network; "auto" takes bfloat16 where the hardware's flags say that it pays.
    compile : bool
        Whether torch compiles the network for the training.
    device : str, default="auto"
        As torch names it; "auto" takes CUDA where there is one.
    callbacks : list of skorch callbacks or None
        An epoch is one logging interval.
    init : fitted segmenter or None
        Model to start from, as of an earlier customer.
    warm_start : bool
        Whether `fit` starts from the weights of the previous `fit`.
    random_state : int, RandomState or None
        Seed of weights, windows and views.
    verbose : int
        1 shows a progress bar: in `fit` with loss and mask rate, in `predict` of samples.

    Attributes
    ----------
    classes_ : ndarray of int, shape (K,)
    n_features_in_ : int
        ``X.shape[1]`` of an array, else the number of channels.
    n_channels_ : int
    channel_names_ : tuple or None
        Of tables, whose channels have names.
    window_length_ : int
    normalization_ : str or None
        That of the training, whatever `normalization` was set to since.
    statistics_ : SegmentStatistics
        Lengths and neighbours of the labelled segments, for the decoder.
    training_set_ : dict
        How many recordings and samples there were, and how many of them with labels.
    recipe_, network_ : callable
        The network's recipe as it was given, and adapted to the signal.
    net_ : SegmentationNet
        The fitted skorch net.
    history_ : DataFrame
        A row for each logging interval: ``step, lr, loss, labeled_loss, unlabeled_loss, mask_rate, seconds``, and
        ``share_<class>``, the share of each class among the believed pseudo-labels; NaN before there are any.
    device_, precision_ : str
        What "auto" came to.

    See Also
    --------
    FixMatchSegmenter : Asks for the teacher's hard label where it is confident.

    References
    ----------
    Tarvainen & Valpola 2017, "Mean teachers are better role models: weight-averaged consistency targets improve
    semi-supervised deep learning results", arXiv:1703.01780.

    Examples
    --------
    >>> from sslts import MeanTeacherSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1
    >>> MeanTeacherSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (8, 400)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkSegmenter._parameter_constraints,
        "lambda_u": [Interval(Real, 0, None, closed="left")],
        "ramp_up": [Interval(Real, 0, 1, closed="both")],
        "consistency": [callable],
        "mu": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        lambda_u: float = 10.0,
        ramp_up: float = 0.4,
        consistency: Any = UniformConsistency(),
        mu: float = 1.0,
        weak: Any = Rescale(),  # noqa: B008
        strong: Any = RandAugment(),  # noqa: B008
        network: Network = UNet(),  # noqa: B008
        decoder: Decoder = Argmax(),  # noqa: B008
        normalization: str | None = "recording",
        window_length: int | None = None,
        batch_size: int = 16,
        max_steps: int = 1200,
        lr: float = 2e-3,
        weight_decay: float = 0.05,
        ema_decay: float = 0.99,
        class_weight: Any = None,
        background: int | None = 0,
        sampling_rate: float | None = None,
        precision: str = "auto",
        compile: bool = False,
        device: str = "auto",
        callbacks: list[Any] | None = None,
        init: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.lambda_u = lambda_u
        self.ramp_up = ramp_up
        self.consistency = consistency
        self.mu = mu
        self.weak = weak
        self.strong = strong
        self.network = network
        self.decoder = decoder
        self.normalization = normalization
        self.window_length = window_length
        self.batch_size = batch_size
        self.max_steps = max_steps
        self.lr = lr
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.class_weight = class_weight
        self.background = background
        self.sampling_rate = sampling_rate
        self.precision = precision
        self.compile = compile
        self.device = device
        self.callbacks = callbacks
        self.init = init
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:  # noqa: ARG002
        return MeanTeacherLoss(
            weak=self.weak,
            strong=self.strong,
            consistency=self.consistency,
            lambda_u=self.lambda_u,
            ramp_up=self.ramp_up,
            class_weight=class_weight,
        )
