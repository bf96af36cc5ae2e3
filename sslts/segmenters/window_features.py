"""A classifier of window features: no network, fitted in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, NoReturn, Self

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sslts.decoding import Decoder
from sslts.features import WindowStatistics
from sslts.persistence import PersistenceError, Savable, build_forest, get_forest_state, is_forest
from sslts.preprocessing import PositiveNumber
from sslts.recipes import check_no_class, replace_nested, split_nested
from sslts.recordings import NormalizedRecordings, choose_normalization
from sslts.segmenters._classifying import (
    FeaturePredictor,
    choose_normalization_by_forest,
    choose_smoothing,
    choose_stride,
    draw_samples,
    read_features,
    stay_in_process,
)
from sslts.segmenters._predicting import PredictsRecordings
from sslts.segmenters._problem import Problem, name_codes, read_problem
from sslts.segmenters._saving import check_common, raise_unless
from sslts.segmenters._understanding import name_object, print_understanding
from sslts.segmenters._weighing import name_weights, weigh_rows
from sslts.segmenters.base import NetworkSegmenter, _draw_seed
from sslts.segmenters.parameters import ParameterizedEstimator, parameter

_NEEDED = {"classifier_", "scales_", "stride_", "smoothing_"}


class WindowFeatureSegmenter(Savable, PredictsRecordings, ParameterizedEstimator):
    """Segment signals by a scikit-learn classifier of window statistics, without a network.

    Each sample is described by statistics of the windows before, after and around it, at several scales: level, slope,
    curvature, spread, range and roughness of each channel; see `sslts.preprocessing.WindowFeatures`. A classifier with
    probabilities, by default a forest, labels each sample by these features. It is fitted in seconds, so try it first:
    a network has to be better.

    Only labeled samples are used. Unlabeled recordings are accepted and ignored; `SelfTrainingSegmenter` around this
    segmenter uses them.

    Parameters
    ----------
    classifier : scikit-learn classifier with ``predict_proba``, or None, default=None
        Classifier of the features of a sample. A clone is fitted. None means an ``ExtraTreesClassifier``.
    scales : sequence of int or None, default=None
        Samples of the windows on each side of a sample, in increasing order. None derives them from the labeled
        segments: powers of two up to several segments of typical length, and at most 1024.
    smoothing : int or None, default=None
        Number of samples on each side over which probabilities are averaged, 0 or more. None derives it from the
        labeled segments: 1/16 of the shortest class.
    max_samples : int, default=60000
        Largest number of labeled samples that the classifier is fitted on, about; 100 or more. They are drawn at equal
        distances, so that every segment takes part, and rare classes more densely.
    decoder : Decoder, default=DurationViterbi()
        Turns probabilities into labels in ``predict``; has no effect on training. The default uses the lengths and the
        order of the labeled segments.
    normalization : {"auto", "recording", "local"} or None, default="auto"
        How each channel is shifted and scaled: by mean and standard deviation of the whole recording ("recording"), by
        mean and standard deviation around each sample ("local"), or not at all (None). "auto" takes "recording", or
        None if it is clearly better on held-out labeled recordings, of which there must be 8 or more.
    window_length : int or None, default=None
        Samples of the sliding window of ``normalization="local"``, 8 or more. None derives it from the labeled
        segments.
    background : int or None, default=0
        Class that makes no segments; None if every class makes segments.
    sampling_rate : float or None, default=None
        Samples per second, above 0; adds times in seconds to `predict_segments`.
    n_jobs : int or None, default=None
        Number of threads of `fit` and of predictions; None means 1, -1 all cores. The result does not depend on it.
    random_state : int, RandomState or None, default=None
        Seed of the drawn samples, and of a classifier without a ``random_state`` of its own. With an int, two fits give
        the same model.
    verbose : int, default=0
        1 or more prints one line about recordings, labels, scales and classifier at the beginning of `fit`, and shows a
        progress bar in `predict`.

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
    classifier_ : classifier or None
        The fitted classifier, whose classes are ``classes_``, or codes if occurrences touch; None if ``y`` has one
        class only.
    scales_ : tuple of int
        Scales of the features, in samples.
    stride_ : int
        The classifier is asked at every ``stride_``-th sample; probabilities between are interpolated.
    smoothing_ : int
        Samples on each side over which probabilities are averaged.
    window_length_ : int
        Samples of the sliding window of ``normalization="local"``.
    normalization_ : str or None
        The normalization of the fit, "auto" resolved; later changes of the parameter do not affect predictions.
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

    References
    ----------
    Geurts, Ernst & Wehenkel 2006, "Extremely randomized trees".

    Examples
    --------
    >>> from sslts import WindowFeatureSegmenter
    >>> from sslts.datasets import make_recordings
    >>> X, y = make_recordings(8, n_samples=400, random_state=0)
    >>> y[4:] = -1
    >>> segmenter = WindowFeatureSegmenter(random_state=0).fit(X, y)
    >>> segmenter.predict(X).shape
    (8, 400)

    Another classifier, with a scaler before it:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    >>> WindowFeatureSegmenter(classifier=linear, scales=(1, 8, 32)).fit(X, y).predict_proba(X).shape
    (8, 400, 2)
    """

    _learned: ClassVar[str] = "classifier_"

    classifier: Any = parameter(HasMethods("fit"), None, default=None, kw_only=False)
    scales: Sequence[int] | None = parameter("array-like", None, default=None)
    smoothing: int | None = parameter(Interval(Integral, 0, None, closed="left"), None, default=None)
    max_samples: int = parameter(Interval(Integral, 100, None, closed="left"), default=60_000)
    decoder: Decoder = parameter(HasMethods("start"), default=NetworkSegmenter.decoder)
    normalization: str | None = parameter(StrOptions({"auto", "recording", "local"}), None, default="auto")
    window_length: int | None = parameter(Interval(Integral, 8, None, closed="left"), None, default=None)
    background: int | None = parameter(Interval(Integral, 0, None, closed="left"), None, default=0)
    sampling_rate: float | None = parameter(PositiveNumber(), None, default=None)
    n_jobs: int | None = parameter(Integral, None, default=None)
    random_state: Any = parameter("random_state", default=None)
    verbose: int = parameter("verbose", default=0)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, including parameters of the classifier, such as ``classifier__max_depth=8``.

        Parameters
        ----------
        **params : dict
            ``name=value``. If ``classifier`` is None, its parameters are set on the default classifier.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        _, nested = split_nested(params)
        if "classifier" in nested and params.get("classifier", self.classifier) is None:
            params["classifier"] = _make_classifier()
        if "decoder" in nested:  # a recipe is replaced, never changed
            kept = {name: value for name, value in params.items() if not name.startswith("decoder__")}
            params = kept | {"decoder": replace_nested(kept.get("decoder", self.decoder), "decoder", nested["decoder"])}
        return super().set_params(**params)

    def fit(self, X: Any, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Fit the classifier on the labeled samples.

        Parameters
        ----------
        X : array-like of shape (n, T) or (n, C, T), list of (T_i,) or (C, T_i), or sktime Panel
            Recordings; time is the last axis. Recordings without a label are ignored.
        y : array-like of int, shape (n, T), (n,) or (n, 1), list of (T_i,), or Annotations
            Labels; ``-1`` marks unlabeled samples, classes are integers >= 0. Or words: "background" for background,
            None, NaN or -1 where unlabeled; ``predict`` then returns words. From `sslts.Annotations`, the segmenter
            also learns where occurrences begin that touch the one before. Or soft labels, float of shape (n, T, K)
            or list of (T_i, K): probabilities that sum to one within 0.001, NaN for all classes where unlabeled. The
            classifier gets each sample once per possible class, weighted by the probability of the class. ``classes_``
            is then 0 to K - 1.
        sample_weight : array-like of shape (n,) or (n, T), list of (T_i,), or None, default=None
            Weights of the labeled samples, 0 or more, for the ``fit`` of the classifier; only their ratios count. A
            sample of weight 0 counts as unlabeled: a class without other samples does not exist.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, such as a classifier without probabilities, or weights or soft
            labels for a classifier whose ``fit`` has no ``sample_weight``. Nothing is fitted in
            this case, and an earlier fit is kept.
        TypeError
            If the type of `X` is not supported.
        OSError
            If a recording can't be read.
        """
        self._validate_params()
        check_no_class(self.decoder, "decoder")
        _check_classifier(self.classifier)
        if self.scales is not None:
            WindowStatistics(self.scales)  # raises if they are invalid
        problem = read_problem(
            X,
            y,
            who=type(self).__name__,
            background=self.background,
            sampling_rate=self.sampling_rate,
            plain=self.normalization is None,
            sample_weight=sample_weight,
        )
        if self.classifier is not None and (problem.details or problem.details.n_classes):
            name_weights(self.classifier)  # raises if the classifier takes no weights
        return self._fit_problem(problem, _draw_seed(self.random_state))

    def _fit_problem(self, problem: Problem, seed: int) -> Self:
        """Fit on a problem that was read and checked."""
        given = self.scales
        features = WindowStatistics.for_signal(problem.summary) if given is None else WindowStatistics(given)
        if self.verbose:
            self._print_understanding(problem, features)
        window_length = self.window_length or problem.summary.choose_window_length(1, 1)
        normalization = self.normalization
        if normalization == "auto":
            normalization = choose_normalization_by_forest(problem, features, seed)
        seen = NormalizedRecordings(problem.recordings, choose_normalization(normalization, window_length))
        classifier = self._fit_classifier(problem, features, seen, seed)
        named = {
            "class_names_": problem.class_names,
            "feature_names_in_": problem.feature_names,
            "occurrences_": problem.occurrences,
        }
        fitted = {
            **{name: value for name, value in named.items() if value is not None},
            "n_features_in_": problem.n_features,
            "n_channels_": problem.recordings.n_channels,
            "channel_names_": problem.recordings.channel_names,
            "classes_": problem.classes,
            "statistics_": problem.statistics,
            "training_set_": problem.labels.describe(),
            "normalization_": normalization,
            "window_length_": window_length,
            "scales_": features.scales,
            "stride_": choose_stride(problem.summary),
            "smoothing_": choose_smoothing(problem.summary) if self.smoothing is None else int(self.smoothing),
            "classifier_": classifier,
        }
        kept = {name: value for name, value in vars(self).items() if name not in named}
        self.__dict__ = {**kept, **fitted}  # at once: an interruption leaves no mixture with an earlier fit
        return self

    def _print_understanding(self, problem: Problem, features: WindowStatistics) -> None:
        """Print what the fit understood, before the classifier is fitted."""
        classifier = _make_classifier() if self.classifier is None else self.classifier
        print_understanding(
            problem.recordings,
            problem.labels,
            f"scales of {min(features.scales)} to {max(features.scales)} samples",
            name_object(classifier),
            background=self.background,
            class_names=problem.class_names,
            sampling_rate=self.sampling_rate,
        )

    def _fit_classifier(
        self, problem: Problem, features: WindowStatistics, seen: NormalizedRecordings, seed: int
    ) -> Any:
        """Return the fitted classifier; None if there is only one class."""
        n_codes = problem.n_codes
        if n_codes == 1:
            return None
        recording, position, label = draw_samples(problem.targets, n_codes, self.max_samples, seed)
        rows = read_features(features, seen, recording, position)
        rows, label, weight = weigh_rows(problem, rows, recording, position, label)
        classifier = _make_classifier() if self.classifier is None else clone(self.classifier)
        known = classifier.get_params()
        seeds = [name for name in known if name.rpartition("__")[2] == "random_state" and known[name] is None]
        threads = {} if "n_jobs" not in known or self.n_jobs is None else {"n_jobs": self.n_jobs}
        classifier.set_params(**dict.fromkeys(seeds, seed), **threads)
        weights = {} if weight is None else {name_weights(classifier): weight}
        with stay_in_process():
            classifier.fit(rows, _number_outputs(problem.classes, n_codes)[label], **weights)
        # In predictions, threads take rows; threads that add up trees in any order would change the last bits.
        return classifier.set_params(n_jobs=None) if "n_jobs" in known else classifier

    def export_onnx(self, path: str | PathLike[str]) -> NoReturn:  # noqa: ARG002
        """Raise TypeError: there is no network to export.

        Raises
        ------
        TypeError
            Always. `save` writes window features and their classifier.
        """
        raise TypeError(
            f"{type(self).__name__} has no network to export to ONNX; export a segmenter that trains one, such as "
            "FixMatchSegmenter, or use save and sslts.load."
        )

    def _get_predictor(self) -> FeaturePredictor:
        return FeaturePredictor(
            WindowStatistics(self.scales_),
            self.classifier_,
            n_classes=len(name_codes(self.classes_, getattr(self, "occurrences_", None))),
            stride=self.stride_,
            half=self.smoothing_,
            n_channels=self.n_channels_,
            n_jobs=self.n_jobs,
        )

    def _get_fitted(self) -> dict[str, Any]:
        fitted = super()._get_fitted()
        classifier = fitted.get("classifier_")
        if classifier is None:
            return fitted
        if not is_forest(classifier):
            raise TypeError(
                f"classifier={type(classifier).__name__} can't be saved: a file without pickle can hold an "
                "ExtraTreesClassifier or a RandomForestClassifier. Fit with such a classifier, or store the segmenter "
                "with joblib.dump and load it only from places that you trust."
            )
        return {**fitted, "classifier_": get_forest_state(classifier)}

    def _set_fitted(self, fitted: dict[str, Any]) -> None:
        if not fitted:  # an unfitted segmenter, such as the parameter of `SelfTrainingSegmenter`
            return
        self._validate_params()
        kind = type(self).__name__
        right = check_common(fitted, kind, _NEEDED)
        right |= {name: isinstance(fitted[name], int) for name in ("stride_", "smoothing_")}
        right["stride_"] = right["stride_"] and fitted["stride_"] > 0
        right["smoothing_"] = right["smoothing_"] and fitted["smoothing_"] >= 0
        right["scales_"] = isinstance(fitted["scales_"], tuple)
        raise_unless(right, kind)
        try:
            features = WindowStatistics(fitted["scales_"])
        except ValueError as error:
            raise PersistenceError(f"scales_ of the {kind} in the file can't be right.") from error
        if fitted["classifier_"] is not None:
            n_features = len(features.list_names(fitted["n_channels_"]))
            n_codes = len(name_codes(fitted["classes_"], fitted.get("occurrences_")))
            forest = build_forest(
                fitted["classifier_"], n_features=n_features, classes=_number_outputs(fitted["classes_"], n_codes)
            )
            fitted = {**fitted, "classifier_": forest}
        elif len(fitted["classes_"]) > 1:
            raise PersistenceError(f"the file lacks the classifier; the {kind} can't be read.")
        super()._set_fitted(fitted)


def _number_outputs(classes: np.ndarray, n_codes: int) -> np.ndarray:
    """Return the classes of a classifier, (C,): the classes of the labels, or numbers if occurrences touch."""
    return classes if n_codes == len(classes) else np.arange(n_codes)


def _make_classifier() -> ExtraTreesClassifier:
    """Return the default classifier, which is not fitted."""
    return ExtraTreesClassifier(n_estimators=60, min_samples_leaf=5, max_features="sqrt")


def _check_classifier(classifier: Any) -> None:
    """Raise ValueError if a classifier is a class, or has no probabilities."""
    if isinstance(classifier, type):
        raise ValueError(f"classifier={classifier.__name__} is a class; pass an instance, {classifier.__name__}().")
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"classifier={classifier!r} has no predict_proba; pass a classifier with probabilities, such as "
            "ExtraTreesClassifier, or wrap it in sklearn.calibration.CalibratedClassifierCV."
        )
