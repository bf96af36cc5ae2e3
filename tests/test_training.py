"""The average follows, and seeds leave no trace."""

import pytest
import torch

from sslts.training import AveragedModule, seed_torch


def test_the_average_warms_up_and_includes_batch_statistics():
    module = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    averaged = AveragedModule(module, decay=0.99)
    wanted = None
    for step in range(20):
        module[0].weight.data.fill_(float(step))
        module[1].running_mean.fill_(float(step))
        averaged.update_parameters(module)
        decay = min(0.99, (1 + step) / (10 + step))
        wanted = float(step) if step == 0 else wanted * decay + step * (1 - decay)
    assert averaged.module[0].weight.item() == pytest.approx(wanted)
    assert averaged.module[1].running_mean.item() == pytest.approx(wanted)
    assert not averaged.train().module[1].training


def test_seeding_restores_the_global_state():
    before = torch.get_rng_state()
    with seed_torch(3):
        first = torch.rand(1)
    with seed_torch(3):
        assert torch.rand(1) == first
    assert torch.equal(before, torch.get_rng_state())
