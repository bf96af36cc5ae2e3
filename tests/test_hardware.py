"""The hardware's flags decide, unless the user does."""

import pytest
import torch

from sslts.hardware import choose_device, choose_precision


@pytest.mark.parametrize(
    ("avx512", "amx", "wanted"), [(True, False, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")]
)
def test_precision_follows_the_flags(monkeypatch, avx512, amx, wanted):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose_precision("auto", torch.device("cpu")) == wanted
    assert choose_precision("float32", torch.device("cpu")) == "float32"


def test_a_device_that_was_asked_for_is_taken():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_named(device):
    with pytest.raises(ValueError, match=f"device='{device}' is not here"):
        choose_device(device)
