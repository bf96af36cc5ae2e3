"""Method 2, self-training: fit, label what is reliable, refit from scratch; in rounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from sslts._wrapping import check_completed, find_attribute
from sslts.annotations import LabelRuns, as_labels, require_labels
from sslts.metrics import mean_iou_each
from sslts.persistence import Savable, SavedRounds
from sslts.recordings import Recordings, as_recordings
from sslts.segmenters.parameters import ParameterizedEstimator, parameter
from sslts.segmenters.supervised import SupervisedSegmenter

_N_CHECKPOINTS = 3


class SelfTrainingSegmenter(Savable, ParameterizedEstimator):
    """Label unlabeled samples by a fitted segmenter, and fit a new one on them; in rounds.

    Three published ways to choose what is believed:

    * by ``threshold``: every sample of which the segmenter is confident (Yarowsky 1995; Lee 2013 in rounds);
    * ``shares=(0.2, 0.4, 0.6, 0.8, 1.0)``: a round for each share, of the samples of highest confidence (Curriculum
      Labeling, Cascante-Bonilla et al. 2021);
    * ``shares=(0.5, 1.0), rank="agreement"``: whole recordings, those first on which the checkpoints of the training
      agree best with its end, and those that were labeled in a round keep their labels in the next (ST++, Yang et
      al. 2022).

    Parameters
    ----------
    segmenter : estimator or None
        What is fitted in each round, from scratch; None means `SupervisedSegmenter`. Any estimator of this package.
    threshold : float
        Confidence from which a sample is believed; used without ``shares``.
    n_rounds : int
        How often pseudo-labels are made and learnt; used without ``shares``.
    shares : sequence of float or None
        The share of unlabeled samples, or of recordings, that is believed in each round.
    rank : {"confidence", "agreement"}
        What the share is taken of: samples by confidence, or recordings by the agreement of checkpoints.
    verbose : int
        1 prints a line for each round.

    Attributes
    ----------
    segmenter_ : estimator
        The last one, which predicts.
    classes_ : ndarray of int, shape (K,)
    labels_ : list of ndarray of int, shape (T_i,)
        What the last round was fitted on: given labels, pseudo-labels, ``-1``.
    history_ : DataFrame
        A row for each round: ``round, believed`` (share of the unlabeled samples), and ``share_<class>``.
    training_set_ : dict
        How many recordings and samples there were, and how many of them with given labels.

    References
    ----------
    Lee 2013, "Pseudo-Label". Cascante-Bonilla et al. 2021, "Curriculum Labeling: revisiting pseudo-labeling for
    semi-supervised learning". Yang et al. 2022, "ST++: make self-training work better for semi-supervised semantic
    segmentation".

    Examples
    --------
    >>> from sslts import SelfTrainingSegmenter, SupervisedSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[2:] = -1
    >>> segmenter = SelfTrainingSegmenter(SupervisedSegmenter(max_steps=2, random_state=0), shares=(0.5, 1.0)).fit(X, y)
    >>> segmenter.history_["believed"].tolist()
    [0.5, 1.0]
    """

    segmenter: Any = parameter(HasMethods(["fit", "predict_proba"]), None, default=None, kw_only=False)
    threshold: float = parameter(Interval(Real, 0, 1, closed="both"), default=0.95)
    n_rounds: int = parameter(Interval(Integral, 1, None, closed="left"), default=1)
    shares: Sequence[float] | None = parameter("array-like", None, default=None)
    rank: str = parameter(StrOptions({"confidence", "agreement"}), default="confidence")
    verbose: int = parameter("verbose", default=0)

    def fit(self, X: Any, y: Any, *, checkpoint: str | PathLike[str] | None = None) -> Self:
        """Fit, and refit on pseudo-labels, in rounds.

        Parameters
        ----------
        X : array-like
            Recordings, as the segmenter takes them.
        y : array-like of int
            Labels; ``-1`` marks unlabeled samples.
        checkpoint : path-like or None, default=None
            File to which each round is saved; the fit of a round is saved beside it, as ``<checkpoint>.<round>``. If it
            exists, training goes on from there, and ends, bit for bit, as if it had never been interrupted.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is unusable, or as the segmenter's ``fit``.
        KeyboardInterrupt
            At Ctrl-C: a round that is cut short is not done, and what it believes is not learnt.
        """
        self._validate_params()
        shares = self._check_shares()
        require_labels(y, type(self).__name__)
        recordings = as_recordings(X)
        given = as_labels(y, recordings)
        saved = SavedRounds(checkpoint, self, recordings, given)
        segmenter, keeper = self._fit_once(X, y if saved.labels is None else saved.labels, saved.find_checkpoint())
        for number, share in list(enumerate(shares, start=1))[len(saved.rows) :]:
            guessed, confidence = _guess(segmenter, recordings)
            unlabeled = [labels < 0 for labels in given]
            if share is None:
                believed = [mask & (sure >= self.threshold) for mask, sure in zip(unlabeled, confidence, strict=True)]
            elif keeper is None:
                believed = _choose_samples(unlabeled, confidence, share)
            else:
                agreement = _measure_agreement(segmenter, keeper.checkpoints_, recordings)
                guessed = _keep_labels(guessed, saved.labels or given)
                believed = _choose_recordings(unlabeled, saved.labels or given, agreement, share)
                keeper.checkpoints_.clear()  # the segmenter's net keeps the callback
            row = _describe_round(number, unlabeled, believed, guessed, segmenter.classes_)
            if self.verbose:
                print(f"round {number}: {row['believed']:.1%} of the unlabeled samples are believed")  # noqa: T201
            labels = [np.where(mask, guess, old) for mask, guess, old in zip(believed, guessed, given, strict=True)]
            saved.save(labels, row)
            segmenter, keeper = self._fit_once(X, labels, saved.find_checkpoint())
        if keeper is not None:
            keeper.checkpoints_.clear()
        self.segmenter_ = segmenter
        self.classes_ = segmenter.classes_
        self.labels_, self.history_ = saved.labels, pd.DataFrame(saved.rows)
        self.training_set_ = LabelRuns.from_labels(given).describe()  # pseudo-labels are nobody's word
        return self

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the segmenter too, as ``segmenter__max_steps=400``.

        Parameters
        ----------
        **params : dict
            ``name=value``; a parameter of the segmenter is set on what ``segmenter=None`` stands for if there is none.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        if params.get("segmenter", self.segmenter) is None and any(name.startswith("segmenter__") for name in params):
            params["segmenter"] = SupervisedSegmenter()
        return super().set_params(**params)

    def predict(self, X: Any, out: Any = None) -> Any:
        """Return the label of each sample, as the last segmenter's ``predict``."""
        return self._get_segmenter().predict(X, **_pass_on(out))

    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Return the probability of each class at each sample, as the last segmenter's ``predict_proba``."""
        return self._get_segmenter().predict_proba(X, **_pass_on(out))

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return every occurrence, as the last segmenter's ``predict_segments``."""
        return self._get_segmenter().predict_segments(X)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, on labeled samples only."""
        return self._get_segmenter().score(X, y)

    @property
    def background(self) -> int | None:
        """The segmenter's class that is not a segment."""
        return find_attribute(self._get_base(), "background", 0)

    @property
    def sampling_rate(self) -> float | None:
        """The segmenter's samples per second."""
        return find_attribute(self._get_base(), "sampling_rate")

    @property
    def n_features_in_(self) -> int:
        """Features in ``fit``, as scikit-learn counts them."""
        return self._get_segmenter().n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns of a table in ``fit``, if it had them."""
        names: np.ndarray = self._get_segmenter().feature_names_in_
        return names

    @property
    def n_channels_(self) -> int:
        """Channels in ``fit``."""
        return self._get_segmenter().n_channels_

    @property
    def window_length_(self) -> int:
        """Samples of the last segmenter's training windows."""
        return self._get_segmenter().window_length_

    @property
    def net_(self) -> Any:
        """The last segmenter's skorch net."""
        return self._get_segmenter().net_

    @property
    def statistics_(self) -> Any:
        """Lengths and neighbours of the segments that the last segmenter was fitted on, for decoders."""
        return self._get_segmenter().statistics_

    def _get_base(self) -> Any:
        return SupervisedSegmenter() if self.segmenter is None else self.segmenter

    def _get_segmenter(self) -> Any:
        check_is_fitted(self, "segmenter_")
        return self.segmenter_

    def _check_shares(self) -> list[float | None]:
        if self.shares is None:
            if self.rank == "agreement":
                raise ValueError(
                    "rank='agreement' ranks whole recordings; pass the share of each round, as (0.5, 1.0)."
                )
            return [None] * self.n_rounds
        shares = [float(share) for share in self.shares]
        if not shares or any(not 0 < share <= 1 for share in shares):
            raise ValueError(f"shares={self.shares!r} must be numbers above 0, at most 1, one for each round.")
        return list(shares)

    def _fit_once(self, X: Any, y: Any, checkpoint: PathLike[str] | None) -> tuple[Any, _KeepCheckpoints | None]:
        segmenter = clone(self._get_base())
        options = {} if checkpoint is None else {"checkpoint": checkpoint}  # which segmenters from elsewhere lack
        if options and hasattr(segmenter, "steps"):
            raise ValueError(
                f"checkpoint: the fit of {type(segmenter).__name__} takes none; pass a segmenter of this package, or "
                "no checkpoint."
            )
        if self.shares is None or self.rank == "confidence":
            segmenter.fit(X, y, **options)
            check_completed(segmenter)
            return segmenter, None
        if not hasattr(segmenter, "callbacks"):
            raise ValueError(
                f"rank='agreement' looks at the training, and {type(segmenter).__name__} takes no callbacks; pass a "
                "segmenter of this package itself, or rank='confidence'."
            )
        keeper = _KeepCheckpoints(_N_CHECKPOINTS)
        callbacks = segmenter.callbacks
        segmenter.set_params(callbacks=[*(callbacks or []), keeper]).fit(X, y, **options)
        check_completed(segmenter)
        return segmenter.set_params(callbacks=callbacks), keeper

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "segmenter_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._get_base())
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags


def _pass_on(out: Any) -> dict[str, Any]:
    return {} if out is None else {"out": out}  # which a pipeline does not know


class _KeepCheckpoints(Callback):
    """Keep the averaged weights at ``n`` equally spaced moments before the end of a training.

    Parameters
    ----------
    n : int

    Attributes
    ----------
    checkpoints_ : list of dict of str to Tensor
        The oldest first.
    moments_ : set of int
        The logging intervals at whose end they are taken.

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> keeper = _KeepCheckpoints(3)
    >>> segmenter = SupervisedSegmenter(max_steps=8, callbacks=[keeper], random_state=0).fit(X, y)
    >>> sorted(keeper.moments_), [int(weights["n_averaged"]) for weights in keeper.checkpoints_]
    ([2, 4, 6], [2, 4, 6])
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.checkpoints_: list[dict[str, Any]] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.checkpoints_ = []
        moments = {math.ceil(net.max_epochs * k / (self.n + 1)) for k in range(1, self.n + 1)}
        self.moments_ = moments - {net.max_epochs}  # the end of a short training is not before its end

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if len(net.history) in self.moments_:
            state = net.teacher_.state_dict()
            self.checkpoints_.append({name: value.detach().clone() for name, value in state.items()})


def _measure_agreement(segmenter: Any, checkpoints: list[dict[str, Any]], recordings: Recordings) -> np.ndarray:
    """Return for each recording the mean IoU between the last prediction and those of earlier checkpoints (ST++).

    Parameters
    ----------
    segmenter : fitted segmenter
        Its weights are the same afterwards.
    checkpoints : list of dict of str to Tensor
        Of a `_KeepCheckpoints`.
    recordings : Recordings

    Returns
    -------
    ndarray of float, shape (n,)

    Examples
    --------
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(4, n_samples=400, random_state=0)
    >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y)
    >>> end = segmenter.net_.teacher_.state_dict()
    >>> _measure_agreement(segmenter, [end, end], as_recordings(X)).tolist()  # each recording's, of the end with itself
    [1.0, 1.0, 1.0, 1.0]
    """
    final = list(segmenter.predict(recordings))
    teacher = segmenter.net_.teacher_
    last = {name: value.detach().clone() for name, value in teacher.state_dict().items()}
    agreement = np.zeros(len(recordings))
    try:
        for state in checkpoints:
            teacher.load_state_dict(state)
            agreement += mean_iou_each(final, list(segmenter.predict(recordings)))
    finally:
        teacher.load_state_dict(last)
    return agreement / max(len(checkpoints), 1)


def _guess(segmenter: Any, recordings: Recordings) -> tuple[list[np.ndarray], list[np.ndarray]]:
    proba = list(segmenter.predict_proba(recordings))
    return [segmenter.classes_[p.argmax(-1)] for p in proba], [p.max(-1) for p in proba]


def _choose_samples(unlabeled: list[np.ndarray], confidence: list[np.ndarray], share: float) -> list[np.ndarray]:
    """Return the masks of the most confident ``share`` of all unlabeled samples."""
    pooled = np.concatenate([sure[mask] for mask, sure in zip(unlabeled, confidence, strict=True)])
    count = round(share * len(pooled))
    chosen = np.zeros(len(pooled), dtype=bool)
    chosen[np.argsort(-pooled, kind="stable")[:count]] = True
    return list(_spread(unlabeled, chosen))


def _keep_labels(guessed: list[np.ndarray], before: list[np.ndarray]) -> list[np.ndarray]:
    """Return what is guessed, but where the round before had labels, these."""
    return [np.where(labels >= 0, labels, guess) for guess, labels in zip(guessed, before, strict=True)]


def _choose_recordings(
    unlabeled: list[np.ndarray], before: list[np.ndarray], agreement: np.ndarray, share: float
) -> list[np.ndarray]:
    """Return the masks of all unlabeled samples in the ``share`` of recordings that agree best.

    Those that the round before has labeled come first.
    """
    candidates = np.flatnonzero([mask.any() for mask in unlabeled])
    labeled = np.array([(labels >= 0).all() for labels in before])
    count = math.ceil(share * len(candidates))
    order = np.lexsort((-agreement[candidates], ~labeled[candidates]))
    best = set(candidates[order[:count]].tolist())
    return [mask & (i in best) for i, mask in enumerate(unlabeled)]


def _spread(unlabeled: list[np.ndarray], chosen: np.ndarray) -> Iterator[np.ndarray]:
    offset = 0
    for mask in unlabeled:
        believed = np.zeros(len(mask), dtype=bool)
        believed[mask] = chosen[offset : offset + mask.sum()]
        offset += int(mask.sum())
        yield believed


def _describe_round(
    number: int, unlabeled: list[np.ndarray], believed: list[np.ndarray], guessed: list[np.ndarray], classes: np.ndarray
) -> dict[str, Any]:
    n_open = sum(int(mask.sum()) for mask in unlabeled)
    labels = np.concatenate([guess[mask] for guess, mask in zip(guessed, believed, strict=True)])
    shares = {f"share_{k}": float((labels == k).mean()) if len(labels) else math.nan for k in classes}
    return {"round": number, "believed": len(labels) / n_open if n_open else 0.0, **shares}
