"""Whom to believe."""

import torch

from sslts.thresholds import FixedThreshold, as_threshold


def test_a_sample_is_believed_from_the_threshold_on():
    proba = torch.tensor([[[0.95, 0.9499, 0.02], [0.05, 0.0501, 0.98]]])
    assert FixedThreshold(0.95).build(2)(proba).tolist() == [[1.0, 0.0, 1.0]]


def test_a_number_is_a_fixed_threshold():
    assert as_threshold(0.7) == FixedThreshold(0.7)
    assert as_threshold(FixedThreshold(0.7)) == FixedThreshold(0.7)
