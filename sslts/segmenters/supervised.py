"""The honest baseline: labelled samples only, with the same network, views, steps and averaging."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from sslts.augment import RandAugment, Rescale, apply_view
from sslts.decoding import Argmax, Decoder
from sslts.networks import Network, UNet
from sslts.objectives import labeled_cross_entropy
from sslts.segmenters.base import NetworkSegmenter
from sslts.training import Batch, Losses, Step


class SupervisedLoss(nn.Module):
    """The mean cross-entropy over labelled samples, on the strong view of the weak view.

    Examples
    --------
    >>> import torch
    >>> from sslts.augment import Tracks
    >>> loss = SupervisedLoss(weak=None, strong=None, class_weight=None)
    >>> windows = Tracks(torch.zeros(1, 1, 3), torch.tensor([[0, 1, -1]]), torch.ones(1, 3).bool())
    >>> step = Step(lambda x: (torch.zeros(1, 2, 3),), None, torch.Generator(), progress=0.5)
    >>> round(loss(Batch(windows, windows.hide_labels()), step).loss.item(), 4)  # log 2
    0.6931
    """

    class_weight: Tensor | None

    def __init__(self, *, weak: Any, strong: Any, class_weight: Tensor | None) -> None:
        super().__init__()
        self.weak, self.strong = weak, strong
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:  # noqa: D102
        labeled = apply_view(self.strong, apply_view(self.weak, batch.labeled, step.generator), step.generator)
        (logits,) = step.student(labeled.x)
        loss = labeled_cross_entropy(logits, labeled.target, self.class_weight)
        return Losses(loss, loss)


class SupervisedSegmenter(NetworkSegmenter):
    """Segment signals by what labelled samples alone teach.

    The same network, views, number of steps and averaging of weights as `FixMatchSegmenter`, without unlabelled
    samples: the baseline that semi-supervision has to beat.

    Parameters
    ----------
    weak : augmenter, callable or None
        Geometric view; see `sslts.augment`.
    strong : augmenter, callable or None
        View that also warps time, changes values and mixes recordings, applied to the weak view.
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
        Decay of the averaged weights that predict; 0 predicts with the last ones.
    class_weight : dict, "balanced" or None
        Weights of the classes in the loss.
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
        Model to start from.
    warm_start : bool
        Whether `fit` starts from the weights of the previous `fit`.
    random_state : int, RandomState or None
        Seed of weights, windows and views.
    verbose : int
        1 shows a progress bar, in `fit` and in `predict`.

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
        A row for each logging interval.
    device_, precision_ : str
        What "auto" came to.

    Examples
    --------
    >>> from sslts import SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[4:] = -1
    >>> SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y).predict(X).shape
    (8, 400)
    """

    def __init__(
        self,
        *,
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
        return SupervisedLoss(weak=self.weak, strong=self.strong, class_weight=class_weight)
