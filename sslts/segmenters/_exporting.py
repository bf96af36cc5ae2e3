"""Export a fitted network to a file of ONNX, with everything that a reader without torch needs to know."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sslts._files import check_place, replace_file
from sslts._fingerprints import digest_arrays, list_weights
from sslts._notices import shorten
from sslts._wrapping import find_rate
from sslts.decoding import describe_decoder
from sslts.networks import Network
from sslts.onnx_runner import FORMAT
from sslts.prediction import NetPredictor
from sslts.recordings import Local, Normalization, TrainingSet
from sslts.training import SegmentationNet, float32_default, neutral_torch

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_LARGEST_DIFFERENCE = 1e-4  # of a probability, between torch and the file
_LEAST_LENGTH = 5  # samples
_LONG_ENOUGH = 255  # samples, for custom networks without a stride that accept no shorter signals


class ExportsOnnx:
    """Mixin that exports the network of an estimator with a ``net_``."""

    _learned: ClassVar[str]
    net_: SegmentationNet
    n_channels_: int
    network: Network

    def export_onnx(self, path: str | PathLike[str]) -> None:
        """Write the network and what a reader needs to know to a file of ONNX, for programs without torch.

        The network takes ``signal``, normalized recordings (n, C, T), and returns ``probabilities`` (n, K, T), for any
        n and T. Names that begin with ``sslts.`` in the metadata of the file hold JSON: classes, class names,
        background, channels, sampling rate, stride, receptive field, normalization, decoder, and a fingerprint of the
        weights. `sslts.onnx_runner.OnnxSegmenter` reads all of it, and finds the segments of ``predict_segments``.
        The arithmetic is float32, whatever ``precision_`` is.

        Parameters
        ----------
        path : path-like
            An existing file is replaced once the new file is complete; it keeps its permissions.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the segmenter is not fitted.
        ImportError
            If a package of the extra ``onnx`` is missing.
        ValueError
            If ``decoder`` is a custom one, or torch can't export ``network``, or the exported network gives other
            probabilities than torch. Nothing is written in this case.
        OSError
            If the folder does not exist or can't be written.

        Examples
        --------
        >>> from sslts import SupervisedSegmenter
        >>> from sslts.datasets import make_recordings
        >>> X, y = make_recordings(4, n_samples=400, random_state=0)
        >>> segmenter = SupervisedSegmenter(max_steps=2, random_state=0).fit(X, y)
        >>> segmenter.export_onnx("model.onnx")  # doctest: +SKIP
        """
        check_is_fitted(self, self._learned)
        if missing := [name for name in _NEEDED if find_spec(name) is None]:
            raise ImportError(f"export_onnx needs {', '.join(missing)}: run pip install 'sslts[onnx]'.")
        place, metadata = check_place(path), describe_for_readers(self)
        with neutral_torch(), float32_default():
            network = _Probabilities(self.net_.teacher_.fold_norms())
            replace_file(place, _export(network, self.n_channels_, metadata, self.network))


class _Probabilities(nn.Module):
    """A network on the CPU, with softmax after it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).cpu().float().eval()

    def forward(self, signal: Tensor) -> Tensor:
        return self.network(signal).float().softmax(1)


def describe_for_readers(segmenter: Any) -> dict[str, str]:
    """Return the metadata of a file: JSON by name."""
    predictor = NetPredictor(segmenter.net_)
    words, names = getattr(segmenter, "class_names_", None), segmenter.channel_names_
    told = {
        "format": FORMAT,
        "version": version("sslts"),
        "fingerprint": digest_arrays(list_weights(segmenter)),
        "classes": segmenter.classes_.tolist(),
        "class_names": None if words is None else [words[k] for k in segmenter.classes_.tolist()],
        "background": segmenter.background,
        "n_channels": segmenter.n_channels_,
        "channel_names": None if names is None else [str(name) for name in names],
        "sampling_rate": find_rate(segmenter),
        "stride": predictor.stride,
        "receptive_field": predictor.reach,
        "normalization": _describe_normalization(segmenter._normalization),
        "decoder": describe_decoder(segmenter._code_decoder, len(segmenter.classes_)),
    }
    return {f"sslts.{name}": json.dumps(_simplify(value)) for name, value in told.items()}


def _simplify(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _describe_normalization(normalization: Normalization) -> dict[str, Any]:
    if isinstance(normalization, Local):
        return {"kind": "local", "width": normalization.width}
    if isinstance(normalization, TrainingSet):
        return {"kind": "training", "location": normalization.location, "scale": normalization.scale}
    return {"kind": "recording" if normalization.measures else None}


def _export(network: _Probabilities, n_channels: int, metadata: dict[str, str], recipe: Any) -> bytes:
    """Return the bytes of a file; raise ValueError if its network does not do what the network does."""
    stride = int(getattr(network.network, "stride", None) or 1)
    generator = torch.Generator().manual_seed(0)
    example = torch.randn((2, n_channels, 4 * stride + _LONG_ENOUGH), generator=generator)
    free = torch.export.Dim.DYNAMIC  # a named Dim fails where a length is filled up to a multiple of the stride
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network, (example,), dynamo=True, verbose=False, dynamic_shapes={"signal": {0: free, 2: free}},
                input_names=["signal"], output_names=["probabilities"],
            )  # fmt: skip
    except Exception as error:  # torch raises errors of many types
        raise ValueError(
            f"network={shorten(recipe)}: torch can't export its module to ONNX for any length: {_summarize(error)}. "
            "Change the module's forward, or use UNet."
        ) from error
    assert program is not None
    content = _tidy(program.model_proto, metadata)
    for length in (_LEAST_LENGTH, stride, 3 * stride + 1, 10 * stride + _LONG_ENOUGH + 1):
        _check_equal(network, content, torch.randn((3, n_channels, length), generator=generator), recipe)
    return content


def _tidy(model: Any, metadata: dict[str, str]) -> bytes:
    """Return a model's bytes with metadata, names for its axes, and without traces of the export, such as paths."""
    import onnx

    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *model.functions):
        part.doc_string = ""
        part.ClearField("metadata_props")
    graph.ClearField("value_info")
    for one in (graph.input[0], graph.output[0]):
        axes = one.type.tensor_type.shape.dim
        axes[0].dim_param, axes[2].dim_param = "batch", "time"
    onnx.helper.set_model_props(model, metadata)
    return bytes(model.SerializeToString())


def _check_equal(network: nn.Module, content: bytes, signal: Tensor, recipe: Any) -> None:
    """Raise ValueError if a file answers a signal otherwise than the network, which may refuse short signals."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        with torch.no_grad():
            wanted = network(signal).numpy()
    except RuntimeError:  # too short: torch would raise in a prediction too
        return
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        found = session.run(None, {"signal": signal.numpy()})[0]
    except Exception as error:  # errors of onnxruntime have no common type
        raise ValueError(
            f"network={shorten(recipe)}: onnxruntime can't run the exported module on signals of shape "
            f"{tuple(signal.shape)}: {_summarize(error)}. Its forward may be made for one length only."
        ) from error
    if found.shape != wanted.shape or not np.abs(found - wanted).max() <= _LARGEST_DIFFERENCE:
        raise ValueError(
            f"network={shorten(recipe)}: the exported module gives other probabilities than torch on signals of shape "
            f"{tuple(signal.shape)}. Its forward may be made for one length only, or may draw random numbers."
        )


def _summarize(error: Exception) -> str:
    """Return the beginning of an error's message in one line."""
    return " ".join(str(error).split())[:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Return a context without the notes of torch's exporter, which concern its own code."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
