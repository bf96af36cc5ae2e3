"""The learning rate rises and falls within the steps there are."""

import numpy as np
import pytest
import torch

from sslts.callbacks import make_schedule


def test_the_schedule_rises_and_falls():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    policy = make_schedule(0.1, 100).policy(optimizer)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        policy.step()
    assert max(rates) == pytest.approx(0.1, rel=1e-3)
    assert np.argmax(rates) == pytest.approx(10, abs=2)
    assert rates[-1] < 1e-3


@pytest.mark.parametrize("max_steps", [1, 2, 3])
def test_the_schedule_of_the_shortest_fits(max_steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    policy = make_schedule(0.1, max_steps).policy(optimizer)
    for _ in range(max_steps):
        optimizer.step()
        policy.step()
