"""An onnxruntime of torch, so that the reader of exported models can be tested without an export."""

import types

import numpy as np
import torch

from sslts.segmenters._exporting import _Probabilities, describe_for_readers


class Session:
    """A session of onnxruntime whose network is that of a fitted segmenter; it notes the lengths of its inputs."""

    def __init__(self, segmenter, metadata=None):
        self.network = _Probabilities(segmenter.net_.teacher_.fold_norms())
        self.metadata, self.lengths = {**describe_for_readers(segmenter), **(metadata or {})}, []

    def get_modelmeta(self):
        return types.SimpleNamespace(custom_metadata_map=self.metadata)

    def run(self, names, inputs):
        self.lengths.append(inputs["signal"].shape[-1])
        with torch.no_grad():
            return [self.network(torch.from_numpy(np.ascontiguousarray(inputs["signal"]))).numpy()]


def make_onnxruntime(session):
    """Return a module that takes the place of onnxruntime and opens one session, whatever the path."""
    return types.SimpleNamespace(
        SessionOptions=types.SimpleNamespace, InferenceSession=lambda path, options, providers: session
    )
