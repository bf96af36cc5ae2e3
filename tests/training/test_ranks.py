"""Several processes that share one fit: they end at the weights of one process, and only the first one writes."""

import contextlib
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import rank_fits
import torch
from rank_fits import FITS, fit_half, list_state, run
from torch import distributed as dist
from torch.nn import functional as F

from sslts.training import ranks

N_RANKS = 2


def find_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Run all fits on two ranks of one thread; return the folder of their results, and what they printed."""
    folder = tmp_path_factory.mktemp("ranks")
    fit_half(folder / "alone.ckpt")
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_port()), "WORLD_SIZE": str(N_RANKS)}
    place |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, rank_fits.__file__, folder],
            env={**os.environ, **place, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(N_RANKS)
    ]
    outputs = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0] * N_RANKS, outputs
    return folder, outputs


def read(folder, name):
    """Return the state of a fit, after a look whether all ranks have the same one, to the bit."""
    first, *others = [dict(np.load(folder / f"{name}.{rank}.npz")) for rank in range(N_RANKS)]
    for other in others:
        for key, value in first.items():
            np.testing.assert_array_equal(other[key], value, err_msg=key)
    return first


def assert_close(found, wanted, atol):
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=atol, err_msg=key)


@pytest.mark.cluster
class TestTwoRanks:
    @pytest.mark.parametrize("name", FITS)
    def test_the_fit_is_that_of_one_process(self, shared, name):
        folder, _ = shared
        assert_close(read(folder, name), list_state(run(name)), atol=2e-5)

    def test_a_checkpoint_of_one_process_continues_on_two_ranks(self, shared):
        folder, _ = shared
        assert_close(read(folder, "continued"), list_state(run("fixmatch")), atol=2e-5)

    def test_a_checkpoint_of_two_ranks_continues_in_one_process(self, shared):
        folder, _ = shared
        with pytest.warns(UserWarning, match="2 ranks"):
            continued = run("fixmatch", checkpoint=folder / "shared.ckpt")
        assert_close(list_state(continued), list_state(run("fixmatch")), atol=2e-5)

    def test_only_the_first_rank_writes_and_prints(self, shared):
        folder, ((first, first_bar), (second, second_bar)) = shared
        assert [path.name for path in folder.glob("of_rank_*")] == ["of_rank_0.ckpt"]
        assert first.splitlines()[0].startswith("12 recordings")
        assert "step 0 of 4" in first_bar
        assert second == "rank 1 is done\n"
        assert "step" not in second_bar

    def test_without_a_seed_all_ranks_take_that_of_the_first(self, shared):
        folder, _ = shared
        assert len(read(folder, "unseeded"))

    def test_all_ranks_refuse_what_they_cannot_share(self, shared):
        folder, _ = shared
        errors = [(folder / f"errors.{rank}.txt").read_text() for rank in range(N_RANKS)]
        assert errors[0] == errors[1]
        other_data, few_windows, ensemble = errors[0].splitlines()
        assert "fit different things" in other_data
        assert "raise batch_size or mu" in few_windows
        assert "members=1" in ensemble


@pytest.fixture
def group():
    """A process group of this process alone."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 40), (6, 5, 1, 40)])
@pytest.mark.usefixtures("group")
def test_joint_batch_norm_is_that_of_torch(shape, affine):
    x, pull = torch.randn((2, *shape), generator=torch.Generator().manual_seed(0))
    found = []
    for joint in (contextlib.nullcontext(), ranks._JointLayers(6, slice(6))):
        signal = (10 + 3 * x).requires_grad_()
        weights = [torch.arange(1.0, 6).requires_grad_(), torch.ones(5, requires_grad=True)] if affine else []
        running = torch.zeros(5), torch.ones(5)
        with joint:
            out = F.batch_norm(signal, *running, *(weights or [None, None]), True, 0.1, 1e-5)
        out.backward(pull)
        found.append([out.detach(), *running, *[t.grad for t in (signal, *weights)]])
    for own, wanted in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("group")
def test_a_step_of_a_group_of_one_shares_nothing(monkeypatch):
    monkeypatch.setattr(ranks, "_fill", None)
    assert run("mean teacher").net_.step_ == 4
