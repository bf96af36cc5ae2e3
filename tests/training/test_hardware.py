"""The flags of the hardware choose device and precision, unless the user does."""

import platform

import pytest
import torch

from sslts.training import choose_device, choose_precision, hardware


@pytest.mark.parametrize(
    ("avx512", "amx", "vendor", "wanted"),
    [
        (True, False, "AuthenticAMD", "bfloat16"),
        (True, False, "GenuineIntel", "float32"),  # half as fast as float32
        (True, True, "GenuineIntel", "bfloat16"),
        (True, False, "", "bfloat16"),
        (False, False, "AuthenticAMD", "float32"),
    ],
)
def test_precision_follows_the_flags(monkeypatch, avx512, amx, vendor, wanted):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(hardware, "_name_vendor", lambda: vendor)
    assert choose_precision("auto", torch.device("cpu")) == wanted
    assert choose_precision("float32", torch.device("cpu")) == "float32"
    assert choose_precision("bfloat16", torch.device("cpu")) == "bfloat16"


@pytest.mark.parametrize(("limit", "wanted"), [("4096\n", 4096), ("max\n", None)])
def test_memory_is_limited_by_the_container(tmp_path, monkeypatch, limit, wanted):
    monkeypatch.setattr(hardware, "_CONTAINER_LIMITS", ())
    machine = hardware._find_memory(torch.device("cpu"))
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(hardware, "_CONTAINER_LIMITS", (tmp_path / "absent", tmp_path / "memory.max"))
    assert hardware._find_memory(torch.device("cpu")) == (wanted or machine)


def test_the_vendor_is_read_from_the_operating_system(tmp_path, monkeypatch):
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 207\n")
    assert "GenuineIntel" in hardware._name_vendor(told)
    told.write_text("processor\t: 0\nCPU implementer\t: 0x41\n")  # an ARM processor
    assert hardware._name_vendor(told) == ""
    monkeypatch.setattr(platform, "processor", lambda: "Intel64 Family 6 Model 207 Stepping 2, GenuineIntel")
    assert "Intel" in hardware._name_vendor(tmp_path / "absent")


def test_a_named_device_is_used():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_available_is_refused(device):
    with pytest.raises(ValueError, match=f"device='{device}' is not available"):
        choose_device(device)
