"""FixMatch (Sohn et al. 2020, arXiv:2001.07685) for signals; an image of the paper is a time step here.

The whole algorithm is in `FixMatchLoss.forward`.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from torch import Tensor, nn

from sslts.augment import RandAugment, apply_view
from sslts.losses import LabeledLoss
from sslts.objectives import describe_pseudo_labels, labeled_cross_entropy, pseudo_label_cross_entropy, rise
from sslts.persistence import Checkpoint
from sslts.segmenters._guiding import find_guesses, make_baseline, warn_of_distrust
from sslts.segmenters._problem import Problem
from sslts.segmenters._start import Start
from sslts.segmenters.base import NetworkSegmenter
from sslts.segmenters.parameters import parameter
from sslts.thresholds import Threshold, ThresholdModule, build_threshold
from sslts.training import Batch, Losses, Step

# Early in training, the teacher is confident without reason, and the student never unlearns such pseudo-labels. So the
# unlabeled loss has no weight in the first fifth of training; the weight then rises until three fifths.
_RAMP = (0.2, 0.6)


class FixMatchLoss(nn.Module):
    """The FixMatch loss of a batch, with the equations of the paper.

    Three details differ from the paper. The views can move samples in time, so the strong view also moves the teacher's
    probabilities, and the threshold is applied to the moved probabilities. The teacher is an average of the student.
    The weight of the unlabeled loss rises during training.

    Parameters
    ----------
    weak : augmenter, callable or None
        Weak view of all windows; see `sslts.augment`.
    strong : augmenter, callable, list of these, or None
        Strong view, applied on top of the weak view; a list gives several strong views of each unlabeled window.
    threshold : ThresholdModule
        Decides which pseudo-labels count; see `sslts.thresholds.build_threshold`.
    lambda_u : float
        Weight of the unlabeled loss.
    class_weight : Tensor of shape (K,), or None
        Weights of the classes in the labeled loss.
    labeled_loss : callable, default=labeled_cross_entropy
        ``(logits, labels, class_weight) -> scalar``.

    Examples
    --------
    At the end of training, with an untrained student and a teacher that is confident in three of four samples:

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
        self,
        *,
        weak: Any,
        strong: Any,
        threshold: ThresholdModule,
        lambda_u: float,
        class_weight: Tensor | None,
        labeled_loss: LabeledLoss = labeled_cross_entropy,
    ) -> None:
        super().__init__()
        self.weak, self.strong = weak, list(strong) if isinstance(strong, (list, tuple)) else [strong]
        if not self.strong:
            raise ValueError(f"strong={strong!r} holds no view; pass at least one view, or None for no strong view.")
        self.threshold, self.lambda_u, self.labeled_loss = threshold, lambda_u, labeled_loss
        self.register_buffer("class_weight", class_weight)

    def forward(self, batch: Batch, step: Step) -> Losses:
        """Return the loss of ``B`` labeled and ``mu B`` unlabeled windows."""
        # Labeled: the same views as below, so that the student meets each kind of input with true labels too.
        known = apply_view(self.weak, batch.labeled, step.generator)
        labeled = apply_view(self.strong[0], known, step.generator)
        if step.progress < _RAMP[0]:  # pseudo-labels would have no weight, so they are not made
            (labeled_logits,) = step.student(labeled.x)
            labeled_loss = labeled.measure_loss(self.labeled_loss, labeled_logits, self.class_weight)
            return Losses(labeled_loss, labeled_loss)

        # Unlabeled: q_b = p_m(y | alpha(u_b)), the teacher's answer to the weak view, moves along with A(u_b).
        # With a guide, q_b is the guide's label, with certainty.
        weak = apply_view(self.weak, batch.unlabeled, step.generator)
        proba = weak.target if batch.guided else step.teacher(weak.x)
        checked = (step.teacher(known.x), known.target >= 0) if self.threshold.needs_labeled else None
        self.threshold.observe(proba, weak.valid, labeled=checked)
        weak = weak.replace(target=self.threshold.align(proba))
        views = [apply_view(strong, weak, step.generator) for strong in self.strong]

        # One pass of the student over everything.
        labeled_logits, *logits = step.student(labeled.x, *(view.x for view in views))

        # Eq. (3), l_s: cross-entropy with the labels. Eq. (4), l_u: cross-entropy with arg max q_b where
        # max q_b >= tau, averaged over all mu B windows. The loss is l_s + lambda_u l_u.
        weights = [self.threshold(view.target) for view in views]
        labeled_loss = labeled.measure_loss(self.labeled_loss, labeled_logits, self.class_weight)
        seen = list(zip(logits, views, weights, strict=True))
        terms = [pseudo_label_cross_entropy(logit, view.target, weight, view.valid) for logit, view, weight in seen]
        penalties = [self.threshold.penalize(logit, weight * view.valid) for logit, view, weight in seen]
        ramp = rise(step.progress, *_RAMP)
        unlabeled_loss = ramp * torch.stack(terms).mean()
        loss = labeled_loss + self.lambda_u * unlabeled_loss + ramp * torch.stack(penalties).mean()
        mask_rate, shares = describe_pseudo_labels(views[0].target, weights[0], views[0].valid)
        return Losses(loss, labeled_loss, unlabeled_loss, mask_rate, shares)


class FixMatchSegmenter(NetworkSegmenter):
    """Segment signals from few labels and many unlabeled recordings.

    A teacher, the average of the network's weights over training, labels a weak view of unlabeled windows. Where the
    teacher is confident, the network learns to predict the same label from a strong view (Sohn et al. 2020).

    Pseudo-labels of a bad teacher do harm. So a fit first compares the network with window features on recordings that
    they did not see. If the window features are clearly better, they are the teacher.

    Parameters
    ----------
    threshold : float or Threshold, default=0.8
        Smallest confidence at which a pseudo-label of the teacher counts, from 0 to 1. A higher threshold gives fewer
        and more reliable pseudo-labels. The paper's 0.95 is meant for one label per image; with one label per time
        step, it would exclude the boundaries of segments.
    lambda_u : float, default=1.0
        Weight of the unlabeled loss, 0 or more; 0 trains on labeled samples only. Lower it if the fit warns that a
        class vanished from the pseudo-labels.
    mu : float, default=1.0
        Unlabeled windows per labeled window, above 0. More unlabeled windows cost more time per step.
    strong : augmenter, callable, list of these, or None, default=RandAugment()
        Strong view, applied on top of the weak view: also warps time, changes values and mixes recordings. A list gives
        several strong views of each unlabeled window.
    guide : {"auto"} or None, default="auto"
        Whether window features may be the teacher. "auto" compares them with the network on held-out labels, and takes
        them if they are clearly better (see Notes); ``threshold`` then has no effect. With None, and with fewer than
        100 steps, the network is the teacher.
    ema_decay : float, default=0.99
        Decay of the averaged weights that teach and predict, from 0 to below 1; 0 makes the student its own teacher, as
        in the paper.

    Attributes
    ----------
    trust_ : dict
        ``network`` and ``window_features``, each with its ``mean_iou`` and ``log_loss`` on the labeled recordings that
        it did not see, and ``agreement``, the mean IoU of the labels that fits on both halves give to unlabeled
        recordings (NaN if not compared); and ``guided``, whether the window features were the teacher. Absent if
        ``guide`` is None.

    See Also
    --------
    SupervisedSegmenter : The same network, trained without unlabeled samples.
    WindowFeatureSegmenter : The window features, without a network.

    Notes
    -----
    The loss of a step is ``L_labeled + lambda_u * L_unlabeled``. ``L_labeled`` is the mean cross-entropy over labeled
    samples. ``L_unlabeled`` is the cross-entropy between the pseudo-labels of the weak view and the predictions for
    the strong view; it is zero where the teacher's confidence is below the threshold, and is averaged over all valid
    unlabeled samples. Unlabeled windows are drawn from all recordings, including labeled recordings. ``L_unlabeled``
    has no weight in the first fifth of the steps and full weight after three fifths, so that the teacher learns the
    labels before its pseudo-labels are used.

    ``guide="auto"`` fits the network, for 200 steps, and a `WindowFeatureSegmenter` on each half of the labeled
    recordings. Each is scored by the mean of two mean IoUs: with the labels of the other half, and between the labels
    of both fits on unlabeled recordings. The features are better if they score 0.04 more and have a lower log loss on
    the other half, or if they have less than half of the errors and agree more. Then they are fitted on all labels, and
    their decoded labels are the pseudo-labels.

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
    >>> y[2:] = -1  # two labeled recordings
    >>> segmenter = FixMatchSegmenter(max_steps=2, random_state=0).fit(X, y)
    >>> segmenter.predict(X).shape
    (8, 400)
    >>> list(segmenter.predict_segments(X).columns)
    ['recording', 'start', 'end', 'length', 'label', 'score']
    """

    _before: ClassVar[Mapping[str, Any]] = {"guide": None}

    threshold: float | Threshold = parameter(Interval(Real, 0, 1, closed="both"), HasMethods("build"), default=0.8)
    lambda_u: float = parameter(Interval(Real, 0, None, closed="left"), default=1.0)
    mu: float = parameter(Interval(Real, 0, None, closed="neither"), default=1.0)
    strong: Any = parameter(callable, HasMethods("fit_transform"), list, tuple, None, default=RandAugment())
    guide: str | None = parameter(StrOptions({"auto"}), None, default="auto")

    def _guide(self, problem: Problem, start: Start, seed: int) -> Problem:
        usable = self.guide is not None and self.lambda_u > 0
        return find_guesses(self, problem, start, seed) if usable else problem

    def _fit_problem(self, problem: Problem, start: Start, seed: int, saver: Checkpoint | None = None) -> None:
        super()._fit_problem(problem, start, seed, saver)
        if self.lambda_u > 0:
            warn_of_distrust(self)

    def _make_trial(self, max_steps: int) -> NetworkSegmenter:
        """Return a segmenter with the same parameters that learns from labels alone."""
        return make_baseline(self, max_steps)

    def _make_criterion(self, class_weight: Tensor | None, shares: Tensor) -> nn.Module:
        return FixMatchLoss(
            weak=self.weak,
            strong=self.strong,
            threshold=build_threshold(self.threshold, shares),
            lambda_u=self.lambda_u,
            class_weight=class_weight,
            labeled_loss=self.labeled_loss,
        )
