"""Any input gives a documented error before training, or probabilities for every sample of every recording."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from small import SEGMENTERS

from sslts.decoding import Argmax, Hysteresis
from sslts.networks import UNet

DOCS = (Path(__file__).parent.parent / "docs" / "input.md").read_text()
# Messages of the tables, where each number matches any number.
DOCUMENTED = [
    re.compile(re.sub(r"\d+", r"\\d+", re.escape(message)))
    for message in re.findall(r"\| refused[^|]*\| `(.*)` \|$", DOCS, flags=re.MULTILINE)
]
NETWORK = UNet(width=4, depth=1)


def draw_values(draw, shape):
    """Return float64 values (C, T) of a common kind of signal, sometimes with missing values."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(
        st.sampled_from(["noise", "constant", "channel constant", "steps", "spike", "sine", "trend", "missing"])
    )
    x = rng.normal(size=shape)
    if kind == "constant":
        x[:] = x.flat[0]
    elif kind == "channel constant":
        x[0] = x.flat[0]
    elif kind == "steps":
        x = np.round(x)
    elif kind == "spike":
        x[:] = 0
        x.flat[rng.integers(x.size)] = 1
    elif kind == "sine":
        x = np.sin(np.arange(shape[-1]) / 3) + np.zeros(shape)
    elif kind == "trend":
        x = np.cumsum(x + 1, -1)
    elif kind == "missing" and draw(st.integers(0, 3)) == 0:
        x.flat[rng.integers(x.size)] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    exponent = draw(st.sampled_from([0, 0, 0, 3, -3, 9, -9, 20, -20, 37, -37, 300, -300]))
    return x * 10.0**exponent + draw(st.sampled_from([0, 0, 0, 1, 1e4, -1e8]))


def convert(x, dtype):
    """Return the values in a dtype; values out of range of an integer dtype are clipped."""
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        x = np.clip(np.nan_to_num(x), limits.min, limits.max // 2)
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(dtype)


@st.composite
def panels(draw):
    """Draw recordings in a container, and their lengths."""
    n, n_channels = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    ragged = draw(st.booleans())
    longest = draw(st.sampled_from([1, 2, 3, 7, 16, 33, 64, 100]))
    lengths = [draw(st.integers(1, longest)) for _ in range(n)] if ragged else [longest] * n
    dtype = draw(st.sampled_from(["f4", "f8", "f8", ">f4", "f2", "i2", "i8", "u1", "?", "O"]))
    X = [convert(draw_values(draw, (n_channels, length)), dtype) for length in lengths]
    return pack(X, draw(st.sampled_from(["list", "array", "flat", "panel", "frames", "reversed"]))), lengths


def pack(X, container):
    if container in ("array", "reversed") and len({x.shape for x in X}) == 1:
        return np.stack(X)[..., ::-1] if container == "reversed" else np.stack(X)
    if container == "flat" and len(X[0]) == 1:
        return np.concatenate(X) if len({x.shape for x in X}) == 1 else [x[0] for x in X]
    if container == "panel":
        index = [(i, t) for i, x in enumerate(X) for t in range(x.shape[1])]
        return pd.DataFrame(np.concatenate(X, axis=1).T, index=pd.MultiIndex.from_tuples(index))
    return [pd.DataFrame(x.T) for x in X] if container == "frames" else X


@st.composite
def labelings(draw, lengths):
    """Draw labels of recordings, mostly valid: one per sample, in runs, or one per recording."""
    classes = draw(st.sampled_from([[0], [0, 1], [1, 2], [0, 7, 255], [0, 1, 2, 3, 4], [10**12, 3]]))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))  # of unlabeled recordings
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()) and draw(st.booleans()):
        y = [rng.choice([*classes, -1]) for _ in lengths]
        return np.array(y) if draw(st.booleans()) else y
    run = draw(st.sampled_from([1, 3, 20]))
    y = []
    for length in lengths:
        labels = np.repeat(rng.choice([*classes, -1], size=length), run)[:length]
        y.append(np.full(length, -1) if rng.random() < share else labels)
    return spoil(draw, y)


def spoil(draw, y):
    """Return the labels in some dtype, sometimes with a defect."""
    defect = draw(st.sampled_from([None] * 7 + ["short", "nan", "half", "low", "text", "fewer"]))
    y = [labels.astype(draw(st.sampled_from(["i8", "i8", "f8", "O"]))) for labels in y]
    if defect == "short":
        y[0] = y[0][:-1] if len(y[0]) > 2 else np.zeros(len(y[0]) + 2)
    elif defect == "fewer":
        y = [*y, y[0]]
    elif defect:
        value = {"nan": np.nan, "half": 0.5, "low": -3, "text": "1"}[defect]
        y[-1] = y[-1].astype(object)
        y[-1][0] = value
    if len({len(labels) for labels in y}) == 1 and draw(st.booleans()):
        return np.stack(y)
    return y


@st.composite
def cases(draw):
    X, lengths = draw(panels())
    segmenter = SEGMENTERS[draw(st.sampled_from(sorted(SEGMENTERS)))](
        network=NETWORK,
        max_steps=draw(st.integers(1, 2)),
        batch_size=draw(st.integers(1, 3)),
        normalization=draw(st.sampled_from(["recording", "recording", "local", None])),
        window_length=draw(st.sampled_from([None, None, 8, 24])),
        background=draw(st.sampled_from([0, None, 7])),
        class_weight=draw(st.sampled_from([None, "balanced"])),
        decoder=draw(st.sampled_from([Argmax(), Hysteresis()])),
        random_state=0,
    )
    return segmenter, X, draw(labelings(lengths)), lengths


def check(case):
    segmenter, X, y, lengths = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "y has one class only")
        warnings.filterwarnings("ignore", "y has no sample of the background")
        try:
            segmenter.fit(X, y)
        except (ValueError, TypeError) as error:
            assert any(message.search(str(error)) for message in DOCUMENTED), error  # noqa: PT017
            assert not hasattr(segmenter, "net_")
            event("refused")
            return
        event("trained")
        found = list(segmenter.predict_proba(X))
        labels = list(segmenter.predict(X))
        segments = segmenter.predict_segments(X)
    for length, proba, one in zip(lengths, found, labels, strict=True):
        assert proba.shape == (length, len(segmenter.classes_))
        assert proba.dtype == np.float32
        assert np.isfinite(proba).all()
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-4)
        assert one.shape == (length,)
        assert set(one) <= set(segmenter.classes_)
    assert (segments["end"].to_numpy() <= np.array(lengths)[segments["recording"]]).all()


# NumPy draws the values from a drawn seed, so hypothesis' checks of size and speed do not apply.
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@settings(FUZZ, max_examples=25, derandomize=True)
@given(cases())
def test_an_error_or_probabilities(case):
    check(case)


@pytest.mark.slow
@settings(FUZZ, max_examples=2000)
@given(cases())
def test_an_error_or_probabilities_2000_times(case):
    check(case)
