"""FixMatch (Sohn et al. 2020, arXiv:2001.07685) for signals: a sample of the paper is a time step here.

The whole algorithm is `FixMatchLoss.forward`.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import HasMethods, Interval
from torch import Tensor, nn

from sslts.augment import RandAugment, Rescale, apply_view
from sslts.decoding import Argmax, Decoder
from sslts.networks import Network, UNet
from sslts.objectives import describe_pseudo_labels, labeled_cross_entropy, pseudo_label_cross_entropy, rise
from sslts.segmenters.base import NetworkSegmenter
from sslts.thresholds import Threshold, ThresholdModule, build_threshold
from sslts.training import Batch, Losses, Step

# Until the teacher knows what the labels teach, its confidence means nothing, and what it says early is never unlearnt:
# unlabelled samples have no weight in the first fifth of the training, and full weight after three fifths.
RAMP = (0.2, 0.6)


class FixMatchLoss(nn.Module):
    """The loss of a batch, with the paper's equations.

    Where signals differ from the paper: views move time, so the teacher's probabilities are moved along with the strong
    view, and the threshold is applied to what arrived; the teacher is an average of the student; the weight of the
    pseudo-labels rises with the training.

    Examples
    --------
    At the end of a training, with a student that knows nothing and a teacher that is sure of three samples out of four:

    >>> from sslts.augment import Tracks
    >>> threshold = build_threshold(0.8, shares=torch.tensor([0.5, 0.5]))
    >>> loss = FixMatchLoss(weak=None, strong=None, threshold=threshold, lambda_u=1.0, class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 4), torch.tensor([[0, 0, 1, -1]]), torch.ones(1, 4).bool())
    >>> proba = torch.tensor([[[0.9, 0.9, 0.6, 0.1], [0.1, 0.1, 0.4, 0.9]]])
    >>> step = Step(lambda *views: [torch.zeros(1, 2, 4)] * len(views), lambda x: proba, torch.Generator(), 1.0)
    >>> found = loss(Batch(windows, windows.hide_labels()), step)
    >>> [round(value.item(), 4) for value in (found.labeled_loss, found.unlabeled_loss, found.mask_rate)]
    [0.6931, 0.5199, 0.75]
    """

    class_weight: Tensor | None

    def __init__(
        self, *, weak: Any, strong: Any, threshold: ThresholdModule, lambda_u: float, class_weight: Tensor | None
    ) -> None:
        super().__init__()
        self.weak, self.strong = weak, list(strong) if isinstance(strong, (list, tuple)) else [strong]
        if not self.strong:
            raise ValueError(f"strong={strong!r} holds no view; pass at least one, or None for none.")
        self.threshold, self.lambda_u = threshold, lambda_u
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labelled and ``mu B`` unlabelled windows."""
        # Labelled: the same views as below, so that the student meets each kind of input with true labels too.
        known = apply_view(self.weak, batch.labeled, step.generator)
        labeled = apply_view(self.strong[0], known, step.generator)
        if step.progress < RAMP[0]:  # pseudo-labels would have no weight, so they are not made
            (labeled_logits,) = step.student(labeled.x)
            labeled_loss = labeled_cross_entropy(labeled_logits, labeled.target, self.class_weight)
            return Losses(labeled_loss, labeled_loss)

        # Unlabelled: q_b = p_m(y | alpha(u_b)), the teacher's answer to the weak view, moves along with A(u_b).
        weak = apply_view(self.weak, batch.unlabeled, step.generator)
        proba = step.teacher(weak.x)
        answer = (step.teacher(known.x), known.target >= 0) if self.threshold.needs_labeled else None
        self.threshold.observe(proba, weak.valid, labeled=answer)
        weak = weak.replace(target=self.threshold.align(proba))
        views = [apply_view(strong, weak, step.generator) for strong in self.strong]

        # One pass of the student over everything.
        labeled_logits, *logits = step.student(labeled.x, *(view.x for view in views))

        # Eq. (3), l_s: cross-entropy with the labels. Eq. (4), l_u: cross-entropy with arg max q_b where
        # max q_b >= tau, averaged over all mu B windows. The loss is l_s + lambda_u l_u.
        weights = [self.threshold(view.target) for view in views]
        labeled_loss = labeled_cross_entropy(labeled_logits, labeled.target, self.class_weight)
        seen = list(zip(logits, views, weights, strict=True))
        terms = [pseudo_label_cross_entropy(answer, view.target, weight, view.valid) for answer, view, weight in seen]
        penalties = [self.threshold.penalize(answer, weight * view.valid) for answer, view, weight in seen]
        ramp = rise(step.progress, *RAMP)
        unlabeled_loss = ramp * torch.stack(terms).mean()
        loss = labeled_loss + self.lambda_u * unlabeled_loss + ramp * torch.stack(penalties).mean()
        mask_rate, shares = describe_pseudo_labels(views[0].target, weights[0], views[0].valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class FixMatchSegmenter(NetworkSegmenter):
    """Segment signals from few labels and many unlabelled recordings.

    A teacher, the average of the network over its training, labels a weak view of unlabelled windows; where it is
    confident, the network has to give the same answer to a strong view (Sohn et al. 2020).

    Parameters
    ----------
    threshold : float or Threshold, default=0.8
        Confidence from which the teacher is believed. The paper's 0.95 suits one label for an image; of a dense
        labelling it would drop the boundaries.
    lambda_u : float
        Weight of the unlabelled loss.
    mu : float
        Unlabelled windows for each labelled one.
    weak : augmenter, callable or None
        Geometric view; see `sslts.augment`.
    strong : augmenter, callable, list of these, or None
        View that also warps time, changes values and mixes recordings, applied to the weak view; a list makes several
        views.
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
        Decay of the averaged weights, which teach and predict; 0 makes the student its own teacher, as in the paper.
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
    SupervisedSegmenter : The same without unlabelled samples.

    Notes
    -----
    The loss of a step is ``L_labelled + lambda_u * L_unlabelled``: the mean cross-entropy over labelled samples, and
    the cross-entropy between the pseudo-label of the weak view and the answer to the strong view, zero below the
    threshold, averaged over all valid unlabelled samples. Unlabelled windows are drawn from every recording, the
    labelled ones too. ``L_unlabelled`` has no weight in the first fifth of the steps and full weight after three
    fifths, so that the teacher has learnt the labels before it is believed.

    References
    ----------
    Sohn et al. 2020, "FixMatch: simplifying semi-supervised learning with consistency and confidence",
    arXiv:2001.07685. French et al. 2020, "Semi-supervised semantic segmentation needs strong, varied perturbations",
    for CutMix. Tarvainen & Valpola 2017, "Mean teachers are better role models", for the averaged teacher.

    Examples
    --------
    >>> from sslts import FixMatchSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1  # two labelled recordings
    >>> segmenter = FixMatchSegmenter(max_steps=2, random_state=0).fit(X, y)
    >>> segmenter.predict(X).shape
    (8, 400)
    >>> list(segmenter.predict_segments(X).columns)
    ['recording', 'start', 'end', 'length', 'label', 'score']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkSegmenter._parameter_constraints,
        "threshold": [Interval(Real, 0, 1, closed="both"), HasMethods("build")],
        "lambda_u": [Interval(Real, 0, None, closed="left")],
        "mu": [Interval(Real, 0, None, closed="neither")],
        "strong": [callable, HasMethods("fit_transform"), list, tuple, None],
    }

    def __init__(
        self,
        *,
        threshold: float | Threshold = 0.8,
        lambda_u: float = 1.0,
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
        self.lambda_u = lambda_u
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
        return FixMatchLoss(
            weak=self.weak,
            strong=self.strong,
            threshold=build_threshold(self.threshold, shares),
            lambda_u=self.lambda_u,
            class_weight=class_weight,
        )
