"""Self-training: fit, label the reliable samples, refit from scratch; in rounds."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from sslts._notices import warn
from sslts._ranks import may_print
from sslts._wrapping import check_completed, find_attribute, find_fitted, find_owner, forget_start
from sslts.annotations import (
    Annotations,
    LabelDetails,
    LabelRuns,
    as_label_runs,
    read_weighed_labels,
    read_words,
    require_labels,
    share_classes,
)
from sslts.metrics import mean_iou_each
from sslts.persistence import PersistenceError, Savable, SavedRounds
from sslts.recordings import Recordings, as_recordings
from sslts.segmenters._problem import Pool, choose_held_out
from sslts.segmenters._saving import are_classes, is_summary
from sslts.segmenters._start import read_model
from sslts.segmenters._understanding import (
    FEWEST_STEPS,
    count,
    name_all,
    name_object,
    print_understanding,
    warn_of_shares,
)
from sslts.segmenters._validation import read_share
from sslts.segmenters._weighing import add_pseudo_labels
from sslts.segmenters.parameters import ParameterizedEstimator, parameter
from sslts.segmenters.supervised import SupervisedSegmenter

_N_CHECKPOINTS = 3


class SelfTrainingSegmenter(Savable, ParameterizedEstimator):
    """Segment signals by a segmenter that is refitted on its own pseudo-labels, in rounds.

    Each round predicts labels for the unlabeled samples, accepts some of these pseudo-labels, and fits a new segmenter
    on labels and pseudo-labels. Three published methods choose the accepted pseudo-labels:

    * ``threshold``: all samples with a high confidence (Yarowsky 1995; Lee 2013 in rounds);
    * ``shares=(0.2, 0.4, 0.6, 0.8, 1.0)``: one round per share, each with that share of the samples, the most confident
      samples first (Curriculum Labeling, Cascante-Bonilla et al. 2021);
    * ``shares=(0.5, 1.0), rank="agreement"``: whole recordings, in the order of how well the predictions of earlier
      checkpoints agree with the final predictions; a recording keeps its pseudo-labels in later rounds (ST++, Yang et
      al. 2022).

    Parameters
    ----------
    segmenter : estimator or None, default=None
        Segmenter that is fitted from scratch in each round: any estimator of this package. None means
        `SupervisedSegmenter`.
    threshold : float, default=0.95
        Smallest confidence of an accepted pseudo-label, from 0 to 1; used only if ``shares`` is None.
    n_rounds : int, default=1
        Number of rounds with pseudo-labels, 1 or more; used only if ``shares`` is None.
    shares : sequence of float or None, default=None
        Share of the unlabeled samples or recordings accepted in each round, each above 0 and at most 1. None accepts by
        ``threshold``.
    rank : {"confidence", "agreement"}, default="confidence"
        Order in which ``shares`` accepts: samples by confidence, or recordings by the agreement of checkpoints.
    verbose : int, default=0
        1 or more prints one line about recordings, labels and rounds at the beginning of `fit`, and one per round.

    Attributes
    ----------
    segmenter_ : estimator
        The segmenter of the last round, which predicts.
    classes_ : ndarray of int, shape (K,)
        The classes in ``y``, in increasing order.
    labels_ : list of ndarray of int, shape (T_i,)
        Labels of the last round: given labels, accepted pseudo-labels, and ``-1``.
    history_ : DataFrame
        One row per round: ``round``, ``believed`` (accepted share of the unlabeled samples) and ``share_<class>``
        (share of each class among the accepted pseudo-labels).
    training_set_ : dict
        Number of recordings and samples, and how many of them have given labels.

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

    def fit(
        self,
        X: Any,
        y: Any = None,  # None is refused, in the name of the class
        *,
        sample_weight: Any = None,
        validation: Any = None,
        checkpoint: str | PathLike[str] | None = None,
    ) -> Self:
        """Fit the segmenter and refit it on pseudo-labels, in rounds.

        Parameters
        ----------
        X : array-like
            Recordings, in a form that the segmenter accepts.
        y : array-like of int
            Labels; ``-1`` marks unlabeled samples. Or words, or soft labels (n, T, K), if the segmenter accepts them.
        sample_weight : array-like of shape (n,) or (n, T), list of (T_i,), or None, default=None
            Weights of the labeled samples, 0 or more, passed to the fit of each round. A pseudo-label weighs as much as
            a labeled sample on average. A sample of weight 0 counts as unlabeled.
        validation : (X_val, y_val), float or None, default=None
            Held-out labeled recordings, passed to the fit of each round: recordings and labels, or the share of the
            labeled recordings in `X` to hold out. The share is chosen once, by the segmenter's ``random_state``; the
            recordings in it take no part in any round.
        checkpoint : path-like or None, default=None
            File to which each round is saved; the fit of a round is saved next to it, as ``<checkpoint>.<round>``. If
            the file exists, training continues from it and ends, bit for bit, like an uninterrupted run.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is invalid, or if the segmenter's ``fit`` raises it.
        KeyboardInterrupt
            If Ctrl-C is pressed. The interrupted round does not count, and an earlier fit is kept.
        """
        self._validate_params()
        shares = self._check_shares()
        require_labels(y, type(self).__name__)
        recordings = as_recordings(X)
        earlier = read_model(getattr(self.segmenter, "init", None))
        y, class_names = read_words(y, find_attribute(earlier, "class_names_"))
        y = _join_touching(y)
        runs, details = read_weighed_labels(y, recordings, sample_weight)
        given = runs.to_labels()
        part = read_share(validation)
        if part is None and validation is not None:
            validation = validation[0], read_words(validation[1], class_names, name="validation[1]")[0]
        if part is not None:
            kept, held = choose_held_out(runs, part, self._draw_seed())
            validation = recordings.select(held.tolist()), [given[i] for i in held]
            X = recordings = recordings.select(kept.tolist())
            y, details = [given[i] for i in kept], details.select(kept)
            given = y
        if may_print(self.verbose):
            self._print_understanding(recordings, LabelRuns.from_labels(given), class_names)
        pools = {} if validation is None or checkpoint is None else {"validation": _read_pool(*validation)}
        saved = SavedRounds(checkpoint, self, recordings, given, pools, n_rounds=len(shares), details=details)
        fit = partial(self._fit_once, X, given=given, details=details, validation=validation)
        first = y if sample_weight is None and not (details or details.n_classes) else given
        segmenter, keeper = fit(first if saved.labels is None else saved.labels, checkpoint=saved.find_checkpoint())
        for number, share in list(enumerate(shares, start=1))[len(saved.rows) :]:
            unlabeled = [labels < 0 for labels in given]
            guessed, believed = self._label_more(
                segmenter, keeper, recordings, unlabeled, share=share, before=saved.labels or given
            )
            row = _describe_round(number, unlabeled, believed, guessed, segmenter.classes_)
            if may_print(self.verbose):
                print(f"round {number}: {row['believed']:.1%} of unlabeled samples have a pseudo-label")  # noqa: T201
            labels = [np.where(mask, guess, old) for mask, guess, old in zip(believed, guessed, given, strict=True)]
            saved.save(labels, row)
            segmenter, keeper = fit(labels, checkpoint=saved.find_checkpoint())
        if keeper is not None:
            keeper.checkpoints_.clear()
        if class_names is not None:
            _name_classes(segmenter, class_names)
        fitted = {
            "segmenter_": segmenter,
            "classes_": segmenter.classes_,
            "labels_": saved.labels,
            "history_": pd.DataFrame(saved.rows),
            "training_set_": LabelRuns.from_labels(given).describe(),  # pseudo-labels do not count as labels
            "segmenter": _shorten_chain(self.segmenter),
        }
        self.__dict__.update(fitted)  # at once: an interruption leaves no mixture with an earlier fit
        self._warn_of_rounds(LabelRuns.from_labels(given), class_names)
        return self

    def _label_more(
        self,
        segmenter: Any,
        keeper: KeepCheckpoints | None,
        recordings: Recordings,
        unlabeled: list[np.ndarray],
        *,
        share: float | None,
        before: list[np.ndarray],
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the guessed labels of a round, and the masks of the samples whose guesses are accepted.

        ``before`` holds the labels of the round before, ``unlabeled`` the samples without a given label.
        """
        guessed, confidence = _guess(segmenter, recordings)
        if share is None:
            return guessed, [mask & (sure >= self.threshold) for mask, sure in zip(unlabeled, confidence, strict=True)]
        if keeper is None:
            return guessed, _choose_samples(unlabeled, confidence, share)
        agreement = _measure_agreement(segmenter, keeper.checkpoints_, recordings)
        keeper.checkpoints_.clear()  # the net keeps the callback: free its memory
        return _keep_labels(guessed, before), _choose_recordings(unlabeled, before, agreement, share)

    def _print_understanding(self, recordings: Recordings, labels: LabelRuns, words: Mapping[int, str] | None) -> None:
        """Print what the fit understood, before its first round."""
        print_understanding(
            recordings,
            labels,
            f"{count(len(self._check_shares()), 'round')} of pseudo-labels",
            name_object(find_owner(self._get_base(), "background") or self._get_base()),
            background=self.background,
            class_names=words,
            sampling_rate=self.sampling_rate,
        )

    def _warn_of_rounds(self, labels: LabelRuns, words: Mapping[int, str] | None) -> None:
        """Warn if no round accepted a pseudo-label, or if the last round accepted hardly any of a labeled class."""
        n_steps = getattr(find_attribute(self.segmenter_, "net_"), "step_", FEWEST_STEPS)
        if n_steps < FEWEST_STEPS or labels.count_samples().sum() == labels.lengths.sum():
            return
        who, last = type(self).__name__, self.history_.iloc[-1]
        if self.shares is None and not self.history_["believed"].any():
            warn(
                f"{who}: no unlabeled sample had a pseudo-label in any round: no prediction was as confident as the "
                "threshold demands. So the unlabeled recordings took no part. Label more recordings, or lower "
                f"threshold={self.threshold!r}."
            )
        found = last[[f"share_{k}" for k in self.classes_]].to_numpy(dtype=np.float64)
        labeled = share_classes(labels.encode(self.classes_), len(self.classes_))
        name = "threshold" if self.shares is None else "shares"
        fix = f"accept more pseudo-labels than with {name}={getattr(self, name)!r}"
        warn_of_shares(who, found, labeled, name_all(self.classes_, self.background, words), fix)

    def _draw_seed(self) -> int:
        """Return the seed that chooses the recordings to hold out; it is the same when a fit is resumed."""
        random_state = copy.deepcopy(find_attribute(self._get_base(), "random_state"))
        return 0 if random_state is None else int(check_random_state(random_state).randint(2**31))

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including parameters of the segmenter, such as ``segmenter__max_steps=400``.

        Parameters
        ----------
        **params : dict
            ``name=value``. If ``segmenter`` is None, its parameters are set on a new `SupervisedSegmenter`.

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
        """Return the label of each sample, from the ``predict`` of the last segmenter."""
        return self._get_segmenter().predict(X, **_pass_on(out))

    def predict_proba(self, X: Any, out: Any = None) -> Any:
        """Return the probability of each class at each sample, from the ``predict_proba`` of the last segmenter."""
        return self._get_segmenter().predict_proba(X, **_pass_on(out))

    def predict_segments(self, X: Any) -> pd.DataFrame:
        """Return a table of all segments, from the ``predict_segments`` of the last segmenter."""
        return self._get_segmenter().predict_segments(X)

    def score(self, X: Any, y: Any) -> float:
        """Return the mean IoU over the classes present, computed on labeled samples only."""
        return self._get_segmenter().score(X, y)

    def export_onnx(self, path: str | PathLike[str]) -> None:
        """Write the network of the last segmenter to a file of ONNX; see ``export_onnx`` of the segmenter.

        Raises
        ------
        TypeError
            If the segmenter has no network.
        """
        segmenter = self._get_segmenter()
        if not hasattr(segmenter, "export_onnx"):
            raise TypeError(
                f"segmenter: {type(segmenter).__name__} has no network to export; pass one that trains one."
            )
        segmenter.export_onnx(path)

    @property
    def background(self) -> int | None:
        """The class that makes no segments, from the segmenter."""
        return find_attribute(self._get_base(), "background", 0)

    @property
    def sampling_rate(self) -> float | None:
        """Samples per second, from the segmenter."""
        return find_attribute(self._get_base(), "sampling_rate")

    @property
    def n_features_in_(self) -> int:
        """Number of features in ``fit``, as scikit-learn counts them."""
        return self._get_segmenter().n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Column names of the table passed to ``fit``, if it had any."""
        names: np.ndarray = self._get_segmenter().feature_names_in_
        return names

    @property
    def class_names_(self) -> dict[int, str]:
        """The word of each class, if the labels were words."""
        owner = find_owner(self._get_segmenter(), "class_names_")
        if owner is None:
            raise AttributeError(f"this {type(self).__name__} was fitted on numbers: it has no class_names_.")
        names: dict[int, str] = owner.class_names_
        return names

    @property
    def n_channels_(self) -> int:
        """Number of channels in ``fit``."""
        return self._get_segmenter().n_channels_

    @property
    def window_length_(self) -> int:
        """Samples in a training window of the last segmenter."""
        return self._get_segmenter().window_length_

    @property
    def net_(self) -> Any:
        """The skorch net of the last segmenter."""
        return self._get_segmenter().net_

    @property
    def statistics_(self) -> Any:
        """Lengths and neighbors of the segments on which the last segmenter was fitted, for decoders."""
        return self._get_segmenter().statistics_

    @property
    def decoder_(self) -> Any:
        """The decoder of the last segmenter, with what it learned from the labeled segments."""
        return self._get_segmenter().decoder_

    def _get_base(self) -> Any:
        """Return the unfitted segmenter of each round."""
        return SupervisedSegmenter() if self.segmenter is None else self.segmenter

    def _get_segmenter(self) -> Any:
        check_is_fitted(self, "segmenter_")
        return self.segmenter_

    def _check_shares(self) -> list[float | None]:
        """Return the share of each round, None for a round by threshold; raise if the shares are invalid."""
        if self.shares is None:
            if self.rank == "agreement":
                raise ValueError(
                    "rank='agreement' needs shares; pass the share of each round, such as shares=(0.5, 1.0)."
                )
            return [None] * self.n_rounds
        shares = [float(share) for share in self.shares]
        if not shares or any(not 0 < share <= 1 for share in shares):
            raise ValueError(f"shares={self.shares!r}; pass one number per round, above 0 and at most 1.")
        return list(shares)

    def _fit_once(
        self,
        X: Any,
        y: Any,
        *,
        given: list[np.ndarray],
        details: LabelDetails,
        validation: Any = None,
        checkpoint: PathLike[str] | None = None,
    ) -> tuple[Any, KeepCheckpoints | None]:
        segmenter, weights = clone(self._get_base()), None
        if details or details.n_classes:
            y, weights = add_pseudo_labels(y, given, details)
        passed = {"checkpoint": checkpoint, "validation": validation, "sample_weight": weights}
        options = {name: value for name, value in passed.items() if value is not None}  # others have no such arguments
        for name in options:
            if name not in inspect.signature(segmenter.fit).parameters:
                raise ValueError(
                    f"{name}: the fit of {type(segmenter).__name__} does not accept a {name}; pass a segmenter of this "
                    f"package{'' if name == 'sample_weight' else ' that trains a network'}, or no {name}."
                )
        if self.shares is None or self.rank == "confidence":
            segmenter.fit(X, y, **options)
            check_completed(segmenter)
            return segmenter, None
        if not hasattr(segmenter, "callbacks"):
            raise ValueError(
                f"rank='agreement' needs callbacks during training, but {type(segmenter).__name__} has no parameter "
                "callbacks; pass a segmenter of this package that trains a network, or rank='confidence'."
            )
        keeper = KeepCheckpoints(_N_CHECKPOINTS)
        callbacks = segmenter.callbacks
        segmenter.set_params(callbacks=[*(callbacks or []), keeper]).fit(X, y, **options)
        check_completed(segmenter)
        return segmenter.set_params(callbacks=callbacks), keeper

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        if fitted:
            self._validate_params()
            if missing := {"segmenter_", "classes_", "labels_", "history_", "training_set_"} - set(fitted):
                raise PersistenceError(
                    f"the file lacks {', '.join(sorted(missing))}; the {type(self).__name__} can't be read."
                )
            classes, labels, history = fitted["classes_"], fitted["labels_"], fitted["history_"]
            right = {
                "segmenter_": np.array_equal(classes, find_fitted(fitted["segmenter_"], "segmenter_").classes_),
                "classes_": are_classes(classes),
                "labels_": isinstance(labels, list) and all(map(_are_labels, labels)),
                "history_": isinstance(history, pd.DataFrame) and {"round", "believed"} <= set(history.columns),
                "training_set_": is_summary(fitted["training_set_"]),
            }
            for name, is_right in right.items():
                if not is_right:
                    raise PersistenceError(f"{name} of the {type(self).__name__} in the file can't be right.")
        super()._set_fitted(fitted)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "segmenter_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._get_base())
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags


def _join_touching(y: Any) -> Any:
    """Return labels per sample in place of annotations, because rounds exchange labels; warn if segments touch."""
    if not isinstance(y, Annotations):
        return y
    if y.n_touching:
        warn(
            f"SelfTrainingSegmenter labels samples between its rounds, so {y.n_touching} segments that touch the one "
            "before are learned as one with it. To keep them apart, fit FixMatchSegmenter."
        )
    return y.list_labels()


def _name_classes(segmenter: Any, class_names: dict[int, str]) -> None:
    """Give a segmenter that was fitted on numbers their words, so that it predicts words."""
    owner = find_owner(segmenter, "normalization_")
    if owner is not None:
        owner.class_names_ = class_names


def _shorten_chain(segmenter: Any) -> Any:
    """Return the unfitted segmenter; the model that it starts from no longer holds the model before."""
    init = getattr(segmenter, "init", None)
    if init is None or (start := forget_start(init)) is init:
        return segmenter
    segmenter = copy.copy(segmenter)
    segmenter.init = start
    return segmenter


def _read_pool(X: Any, y: Any) -> Pool:
    """Return the held-out recordings and their labels, for the identity of a run."""
    recordings = as_recordings(X)
    return Pool(recordings, as_label_runs(y, recordings, name="validation[1]"))


def _pass_on(out: Any) -> dict[str, Any]:
    return {} if out is None else {"out": out}  # a pipeline has no such argument


def _are_labels(values: Any) -> bool:
    whole = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iu"
    return whole and bool((values >= -1).all())


class KeepCheckpoints(Callback):
    """Callback that keeps the averaged weights at ``n`` equally spaced moments before the end of training.

    The class is internal, but its name is part of the identity of the checkpoints with ``rank="agreement"``.
    ``checkpoints_`` lists the weights, the oldest first; ``moments_`` holds the logging intervals at whose end they are
    taken.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.checkpoints_: list[dict[str, Any]] = []

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        self.checkpoints_ = []
        moments = {math.ceil(net.max_epochs * k / (self.n + 1)) for k in range(1, self.n + 1)}
        self.moments_ = moments - {net.max_epochs}  # in a short training, the last moment may be the end

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        if len(net.history) in self.moments_:
            state = net.teacher_.state_dict()
            self.checkpoints_.append({name: value.detach().clone() for name, value in state.items()})


def _measure_agreement(segmenter: Any, checkpoints: list[dict[str, Any]], recordings: Recordings) -> np.ndarray:
    """Return the mean IoU between final prediction and checkpoint predictions of each recording (ST++).

    The weights of the segmenter are restored afterwards.
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
    """Return the most probable class of each sample, and its probability."""
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
    """Return the guessed labels, but keep the labels of the previous round where it had labels."""
    return [np.where(labels >= 0, labels, guess) for guess, labels in zip(guessed, before, strict=True)]


def _choose_recordings(
    unlabeled: list[np.ndarray], before: list[np.ndarray], agreement: np.ndarray, share: float
) -> list[np.ndarray]:
    """Return the masks of all unlabeled samples in the ``share`` of recordings with the best agreement.

    Recordings labeled in the previous round come first.
    """
    candidates = np.flatnonzero([mask.any() for mask in unlabeled])
    labeled = np.array([(labels >= 0).all() for labels in before])
    count = math.ceil(share * len(candidates))
    order = np.lexsort((-agreement[candidates], ~labeled[candidates]))
    best = set(candidates[order[:count]].tolist())
    return [mask & (i in best) for i, mask in enumerate(unlabeled)]


def _spread(unlabeled: list[np.ndarray], chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Yield one mask per recording from a mask of the pooled unlabeled samples."""
    offset = 0
    for mask in unlabeled:
        believed = np.zeros(len(mask), dtype=bool)
        believed[mask] = chosen[offset : offset + mask.sum()]
        offset += int(mask.sum())
        yield believed


def _describe_round(
    number: int, unlabeled: list[np.ndarray], believed: list[np.ndarray], guessed: list[np.ndarray], classes: np.ndarray
) -> dict[str, Any]:
    """Return the row of a round in the history."""
    n_open = sum(int(mask.sum()) for mask in unlabeled)
    labels = np.concatenate([guess[mask] for guess, mask in zip(guessed, believed, strict=True)])
    shares = {f"share_{k}": float((labels == k).mean()) if len(labels) else math.nan for k in classes}
    return {"round": number, "believed": len(labels) / n_open if n_open else 0.0, **shares}
