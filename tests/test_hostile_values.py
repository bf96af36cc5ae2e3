"""Laws of values and containers: the same data give the same bits in every container, and masked values are unknown."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from small import TINY, every_other
from strategies import (
    CONTAINERS,
    MASKED,
    ClosedSource,
    containers,
    draw_labels,
    draw_masks,
    draw_signals,
    fill,
    masked_containers,
)

from sslts import StreamSegmenter, SupervisedSegmenter
from sslts.annotations import as_label_runs, measure_segments
from sslts.datasets import make_recordings
from sslts.metrics import bootstrap_interval, mean_iou, segment_f1
from sslts.model_selection import LabeledKFold, mask_labels
from sslts.preprocessing import ButterworthFilter, FillGaps, RecordingStandardizer
from sslts.recordings import NormalizedRecordings, as_recordings
from sslts.segments import labels_to_segments

X, Y = make_recordings(6, n_samples=120, segment_length=12, random_state=0)
X = np.rint(1000 * X).astype(np.float32)
FAST = {"network": TINY, "max_steps": 2, "batch_size": 2, "random_state": 0}
MASK = np.zeros(X.shape, dtype=bool)
MASK[:, 30:35] = True

pytestmark = pytest.mark.filterwarnings(
    "ignore:y has one class only", "ignore:The PyTorch API of nested", "ignore:.*are rounded to float64"
)
often = settings(max_examples=120, suppress_health_check=[HealthCheck.filter_too_much])


def as_bits(results):
    """Return results as one array; a table of recordings keeps its container."""
    rows = results.to_numpy() if isinstance(results, pd.DataFrame) else results
    return np.stack([np.asarray(one) for one in rows])


@pytest.fixture(scope="module")
def fitted():
    return SupervisedSegmenter(**FAST).fit(X, Y)


# --- the same data in another container --------------------------------------------------------------------------


@often
@given(name=containers, values=draw_signals(), normalization=st.sampled_from(["recording", "local", None]))
def test_a_normalized_signal_does_not_depend_on_the_container(name, values, normalization):
    assume(normalization is not None or np.abs(values).max() < 1e12)  # the largest allowed value
    held, wanted = (
        NormalizedRecordings(as_recordings(one), normalization, width=15) for one in (fill(name, values), values)
    )
    for i in range(len(values)):
        np.testing.assert_array_equal(held.read(i), wanted.read(i))


@often
@given(values=draw_signals(), normalization=st.sampled_from(["recording", "local"]))
def test_only_equal_values_become_zeros(values, normalization):
    seen = NormalizedRecordings(as_recordings(values), normalization, width=2 * values.shape[1])
    for i, one in enumerate(values):
        assert np.isfinite(seen.read(i)).all()
        assert seen.read(i).any() == (one.min() < one.max())


@often
@given(name=containers, values=draw_signals())
def test_transformers_do_not_depend_on_the_container(name, values):
    for transformer in (RecordingStandardizer(), FillGaps(), ButterworthFilter(high=0.2)):
        held = fill(name, values)
        found, wanted = (transformer.fit(one).transform(one) for one in (held, values))
        if not isinstance(transformer, RecordingStandardizer):  # these keep float32 or float64
            found, wanted = as_bits(found).astype(np.float32), as_bits(wanted).astype(np.float32)
        np.testing.assert_allclose(as_bits(found), as_bits(wanted), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", every_other(CONTAINERS))
def test_fit_and_predict_do_not_depend_on_the_container(name, fitted):
    values = np.clip(X, 0, 1) if np.dtype(name if name in np.sctypeDict else "f8").itemsize < 4 else X
    values = np.abs(values) if name.startswith("uint") else values
    given = CONTAINERS[name](values)
    np.testing.assert_array_equal(as_bits(fitted.predict_proba(given)), fitted.predict_proba(values))
    again = SupervisedSegmenter(**FAST).fit(given, Y)
    wanted = SupervisedSegmenter(**FAST).fit(values, Y)
    np.testing.assert_array_equal(again.predict_proba(X), wanted.predict_proba(X))


@often
@given(name=containers, labels=draw_labels(lowest=0), predicted=draw_labels(lowest=0))
def test_labels_do_not_depend_on_the_container(name, labels, predicted):
    held = fill(name, labels)
    for metric in (mean_iou, segment_f1):
        assert metric(held, predicted) == metric(labels, predicted)
        assert metric(predicted, held) == metric(predicted, labels)
    pd.testing.assert_frame_equal(labels_to_segments(held), labels_to_segments(labels))
    assert repr(measure_segments(held)) == repr(measure_segments(labels))
    signals = as_recordings(np.zeros(labels.shape))
    np.testing.assert_array_equal(as_label_runs(held, signals).value, as_label_runs(labels, signals).value)
    few, wanted = (mask_labels(one, n_labeled=2, random_state=0) for one in (held, labels))
    np.testing.assert_array_equal(np.stack([np.asarray(one) for one in np.asarray(few).tolist()]), wanted)


@pytest.mark.parametrize("name", every_other(CONTAINERS))
def test_a_fit_does_not_depend_on_the_container_of_labels(name, fitted):
    held = CONTAINERS[name](Y)
    np.testing.assert_array_equal(SupervisedSegmenter(**FAST).fit(X, held).predict_proba(X), fitted.predict_proba(X))
    assert fitted.score(X, held) == fitted.score(X, Y)
    for (train, test), (train_, test_) in zip(LabeledKFold(2).split(X, held), LabeledKFold(2).split(X, Y), strict=True):
        np.testing.assert_array_equal(train, train_)
        np.testing.assert_array_equal(test, test_)


# --- masked values -----------------------------------------------------------------------------------------------


@often
@given(name=masked_containers, mask=draw_masks(), dtype=st.sampled_from([np.float32, np.int16, np.float64, np.int64]))
def test_masked_values_are_filled_like_nan(name, mask, dtype):
    values = np.rint(100 * np.random.default_rng(0).normal(size=mask.shape)).astype(dtype)
    found, wanted = (
        as_bits(FillGaps().fit_transform(one)) for one in (MASKED[name](values, mask), np.where(mask, np.nan, values))
    )
    np.testing.assert_array_equal(found.astype(np.float32), wanted.astype(np.float32))


@pytest.mark.parametrize("name", MASKED)
def test_masked_values_of_a_signal_are_refused(name, fitted):
    held = MASKED[name](X, MASK)
    plain = SupervisedSegmenter(normalization=None, **FAST).fit(X, Y)
    for call in (
        lambda: SupervisedSegmenter(**FAST).fit(held, Y),
        lambda: fitted.predict(held),
        lambda: plain.predict(held),
        lambda: fitted.score(held, Y),
        lambda: RecordingStandardizer().fit(held).transform(held),
    ):
        with pytest.raises(ValueError, match=r"X: recording \d.* 5 NaN and 0 infinite values.*FillGaps"):
            call()
    first = held.iloc[0] if hasattr(held, "iloc") else held[0]
    with pytest.raises(ValueError, match="chunk holds 5 NaN, masked or infinite values, the first at sample 30"):
        StreamSegmenter(plain).push(first)


@pytest.mark.parametrize("name", MASKED)
def test_masked_labels_are_refused_everywhere(name, fitted):
    held = MASKED[name](Y, MASK)
    for call in (
        lambda: SupervisedSegmenter(**FAST).fit(X, held),
        lambda: fitted.score(X, held),
        lambda: mean_iou(held, Y),
        lambda: mean_iou(Y, held),
        lambda: segment_f1(held, Y),
        lambda: bootstrap_interval(mean_iou, held, Y, n_resamples=3),
        lambda: labels_to_segments(held),
        lambda: measure_segments(held),
        lambda: mask_labels(held, n_labeled=2),
        lambda: list(LabeledKFold(2).split(X, held)),
    ):
        with pytest.raises(ValueError, match=r"\[0\].* holds nan at sample 30, a missing or masked value"):
            call()


@example(top=255, dtype="uint8")
@given(dtype=st.sampled_from(["uint8", "uint16", "uint32"]), top=st.none())
@settings(max_examples=5)
def test_the_greatest_unsigned_label_is_warned_of_in_every_container(dtype, top):
    top = np.iinfo(dtype).max
    labels = np.where(MASK, -1, Y).astype(dtype)
    held = [labels, list(labels), np.asfortranarray(labels), pd.DataFrame(labels), CONTAINERS["lazy"](labels)]
    held += [CONTAINERS["list of lazy"](labels), CONTAINERS["memory-map"](labels), pd.Series(list(labels))]
    for one in held:
        for call in (
            lambda one=one: as_label_runs(one, as_recordings(X)),
            lambda one=one: mean_iou(one, Y),
            lambda one=one: labels_to_segments(one),
            lambda one=one: mask_labels(one, n_labeled=2),
        ):
            with pytest.warns(UserWarning, match=f"has a class {top}, which is what -1 becomes"):
                call()


def test_a_closed_data_set_is_an_oserror(fitted):
    plain = SupervisedSegmenter(normalization=None, **FAST).fit(X, Y)
    closed = ClosedSource()
    for call in (
        lambda: fitted.predict(closed),
        lambda: fitted.predict([closed]),
        lambda: SupervisedSegmenter(**FAST).fit(closed, Y),
        lambda: SupervisedSegmenter(**FAST).fit(X, closed),
        lambda: SupervisedSegmenter(**FAST).fit(X, [*Y[:5], closed]),
        lambda: fitted.score(X, closed),
        lambda: mean_iou(closed, Y),
        lambda: mask_labels(closed, n_labeled=2),
        lambda: list(LabeledKFold(2).split(closed, Y)),
        lambda: RecordingStandardizer().fit(closed),
        lambda: StreamSegmenter(plain).push(closed),
    ):
        with pytest.raises(OSError, match="can't be read: not a data set.*still open"):
            call()


# --- numbers that mean "no value" --------------------------------------------------------------------------------


def put(values, code, count=1, start=17):
    spoiled = values.astype(np.float64)
    spoiled[0, start : start + count] = code
    return spoiled


@pytest.mark.parametrize(
    "name", every_other(["array", "list", "float32", "int32", "memory-map", "list of lazy", "tensor", "frame"])
)
@pytest.mark.parametrize("code", [999999, -9999])
@pytest.mark.parametrize("normalization", ["recording", "local", None])
def test_a_code_is_warned_of_and_can_be_filled(name, code, normalization):
    clean = np.rint(X / 50)
    held = CONTAINERS[name](put(clean, code))
    segmenter = SupervisedSegmenter(normalization=normalization, **FAST).fit(clean, Y)
    match = rf"X: recording 0 has the value {code} at sample 17, .*FillGaps\(missing={code}\)"
    with pytest.warns(UserWarning, match=match):
        segmenter.predict(held)
    with pytest.warns(UserWarning, match=match):
        RecordingStandardizer().fit_transform(held)
    stream = StreamSegmenter(segmenter, **({"location": 0, "scale": 20} if normalization == "recording" else {}))
    with pytest.warns(UserWarning, match=f"chunk: the stream has the value {code} at sample 17"):
        list(map(stream.push, np.array_split(put(clean, code)[0], 9)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled = FillGaps(missing=code).fit_transform(held)
        assert np.abs(as_bits(filled)).max() < 1000
        segmenter.predict(filled)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    size=st.integers(40, 3000),
    codes=st.lists(st.sampled_from([999999.0, -9999.0, 1e30, -32768.0, 888888.0]), min_size=1, max_size=2, unique=True),
    share=st.sampled_from([0.0, 0.05, 0.3]),
    channel=st.integers(0, 1),
)
@example(seed=132, size=132, codes=[1e30], share=0.3, channel=0)  # at the first, the middle and the last sample
def test_codes_are_found_and_clean_signals_are_not_warned_of(seed, size, codes, share, channel):
    rng = np.random.default_rng(seed)
    shapes = [
        rng.normal(size=size),
        np.sin(np.arange(size) / 7) ** 15,
        np.cumsum(rng.normal(size=size)) / 10,
        np.repeat(rng.integers(0, 3, size=-(-size // 5)), 5)[:size],
        rng.standard_t(3, size=size),
        np.arange(size) / size,
    ]
    x = np.stack([shapes[i] for i in rng.integers(0, len(shapes), size=2)]).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_recordings([x]).check_finite()
    order = rng.permutation(size)
    for k, code in enumerate(codes):
        x[channel, order[k :: len(codes)][: max(int(share * size / len(codes) ** 3), 1)]] = code
    with pytest.warns(UserWarning, match=f"X: channel {channel} of recording 0 has the value"):
        as_recordings([x]).check_finite()
    with pytest.warns(UserWarning, match=f"X: channel {channel} of recording 0 has the value"):
        NormalizedRecordings(as_recordings([CONTAINERS["lazy"](x)]), "recording").read(0)


@pytest.mark.parametrize("missing", [-99.9, [-99.9, np.nan], (1e300, -99.9), np.array([-99.9])])
@pytest.mark.parametrize("dtype", ["float32", "float64", "object", "float32 in float64"])
def test_codes_are_filled_as_every_dtype_rounds_them(missing, dtype):
    x = np.array([[0.0, -99.9, 2.0, np.nan, 4.0]])
    x = x.astype(np.float32).astype(np.float64) if dtype == "float32 in float64" else x.astype(dtype)
    np.testing.assert_array_equal(FillGaps(missing=missing).fit_transform(x), [[0, 1, 2, 3, 4]])


def test_codes_beyond_float32_are_filled():
    top = np.finfo(np.float64).max
    np.testing.assert_array_equal(FillGaps(missing=top).fit_transform([[0.0, top, 2.0]]), [[0, 1, 2]])
    low = np.iinfo(np.int64).min
    np.testing.assert_array_equal(FillGaps(missing=low).fit_transform(np.array([[0, low, 2]])), [[0, 1, 2]])


@pytest.mark.parametrize("missing", ["x", ["x"], [None, "y"]])
def test_codes_that_are_no_numbers_are_refused(missing):
    with pytest.raises(ValueError, match="missing"):
        FillGaps(missing=missing).fit(X)


def test_integers_that_can_not_be_returned_exactly_are_warned_of():
    far = X.astype(np.int64) + 2**60
    for transformer in (FillGaps(), ButterworthFilter(high=0.2)):
        with pytest.warns(UserWarning, match=r"X: recording 0 holds integers beyond 2\*\*52, which are rounded"):
            transformer.fit_transform(far)
    local = SupervisedSegmenter(normalization="local", **FAST).fit(far, Y)
    with pytest.raises(ValueError, match=r"chunk, beginning at sample 0, holds integers beyond 2\*\*53"):
        StreamSegmenter(local).push(far[0])
