"""Method 1, Pseudo-Label (Lee 2013): the network's own labels, made anew at every update.

The whole algorithm is `PseudoLabelLoss.forward`.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import HasMethods, Interval
from torch import Tensor, nn

from sslts.augment import RandAugment, Rescale, apply_view
from sslts.decoding import Argmax, Decoder
from sslts.networks import Network, UNet
from sslts.objectives import (
    check_ramp,
    describe_pseudo_labels,
    labeled_cross_entropy,
    pseudo_label_cross_entropy,
    rise,
)
from sslts.segmenters.base import NetworkSegmenter
from sslts.thresholds import Threshold, ThresholdModule, build_threshold
from sslts.training import Batch, Losses, Step


class PseudoLabelLoss(nn.Module):
    """The loss of a batch, with the paper's equations.

    Examples
    --------
    Half way up the ramp, with a network that knows nothing:

    >>> import torch
    >>> from sslts.augment import Tracks
    >>> options = dict(weak=None, strong=None, threshold=build_threshold(0.0, torch.ones(2) / 2), class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 2), torch.tensor([[0, 1]]), torch.ones(1, 2).bool())
    >>> step = Step(lambda *views: [torch.zeros(1, 2, 2)] * len(views), None, torch.Generator(), progress=0.5)
    >>> found = PseudoLabelLoss(**options, alpha=3.0, ramp=(0.25, 0.75))(Batch(windows, windows.hide_labels()), step)
    >>> [round(value.item(), 4) for value in (found.labeled_loss, found.unlabeled_loss, found.loss)]
    [0.6931, 0.6931, 1.7329]
    """

    class_weight: Tensor | None

    def __init__(
        self,
        *,
        weak: Any,
        strong: Any,
        threshold: ThresholdModule,
        alpha: float,
        ramp: tuple[float, float],
        class_weight: Tensor | None,
    ) -> None:
        super().__init__()
        self.weak, self.strong = weak, strong
        self.threshold, self.alpha, self.ramp = threshold, alpha, ramp
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labelled and ``mu B`` unlabelled windows."""
        known = apply_view(self.weak, batch.labeled, step.generator)
        labeled = apply_view(self.strong, known, step.generator)
        unlabeled = apply_view(self.weak, batch.unlabeled, step.generator)

        # Eq. (14): the pseudo-label is the class of which the network itself, as it is now, is surest. A threshold that
        # compares with labelled windows sees the same view of them.
        compared = [known.x] if self.threshold.needs_labeled else []
        labeled_logits, logits, *others = step.student(labeled.x, unlabeled.x, *compared)
        proba = logits.detach().softmax(1)
        answer = (others[0].detach().softmax(1), known.target >= 0) if others else None
        self.threshold.observe(proba, unlabeled.valid, labeled=answer)
        proba = self.threshold.align(proba)
        weight = self.threshold(proba)

        # Eq. (15): the loss is l_s + alpha(t) l_u; eq. (16): alpha is 0 until T1, and rises to alpha_f at T2.
        labeled_loss = labeled_cross_entropy(labeled_logits, labeled.target, self.class_weight)
        unlabeled_loss = pseudo_label_cross_entropy(logits, proba, weight, unlabeled.valid)
        ramp = rise(step.progress, *self.ramp)
        loss = labeled_loss + self.alpha * ramp * unlabeled_loss
        loss = loss + ramp * self.threshold.penalize(logits, weight * unlabeled.valid)
        mask_rate, shares = describe_pseudo_labels(proba, weight, unlabeled.valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class PseudoLabelSegmenter(NetworkSegmenter):
    """Learn from the network's own labels of unlabelled windows, with a weight that rises.

    Parameters
    ----------
    threshold : float, Threshold or None, default=None
        Confidence from which a pseudo-label counts; None believes all, as the paper does.
    alpha : float
        Final weight of the unlabelled loss.
    ramp : (float, float)
        The paper's T1 and T2 as shares of the training: ``alpha`` is 0 until the first, rises in a line, and is whole
        from the second on.
    mu : float
        Unlabelled windows for each labelled one.
    weak : augmenter, callable or None
        Geometric view of all windows; see `sslts.augment`.
    strong : augmenter, callable or None
        View that also warps time, changes values and mixes recordings, applied to the weak view of the labelled
        windows.
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
        Decay of the averaged weights that predict; 0 predicts with the last ones. Pseudo-labels are the network's own,
        as in the paper.
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
    FixMatchSegmenter : Labels a weak view and learns a strong one, from an averaged teacher.

    References
    ----------
    Lee 2013, "Pseudo-Label: the simple and efficient semi-supervised learning method for deep neural networks".

    Examples
    --------
    >>> from sslts import PseudoLabelSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1
    >>> PseudoLabelSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (8, 400)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkSegmenter._parameter_constraints,
        "threshold": [Interval(Real, 0, 1, closed="both"), HasMethods("build"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "ramp": [tuple, list],
        "mu": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        threshold: float | Threshold | None = None,
        alpha: float = 3.0,
        ramp: tuple[float, float] = (0.1, 0.6),
        mu: float = 1.0,
        weak: Any = Rescale(),  # noqa: B008 (immutable)
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
        self.threshold = threshold
        self.alpha = alpha
        self.ramp = ramp
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

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:
        return PseudoLabelLoss(
            weak=self.weak,
            strong=self.strong,
            threshold=build_threshold(0.0 if self.threshold is None else self.threshold, shares),
            alpha=self.alpha,
            ramp=check_ramp(self.ramp),
            class_weight=class_weight,
        )
