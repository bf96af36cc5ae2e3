"""Resolve device and precision ``"auto"`` from the flags of the hardware, never by timing."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import torch

_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNKNOWN = 1 << 33  # bytes assumed if the size of the memory is unknown


def choose_device(device: str) -> torch.device:
    """Return the torch device; ``"auto"`` takes CUDA if available, then MPS, then the CPU.

    Raises
    ------
    ValueError
        If this machine does not have the device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if device != "auto":
        absence = explain_absence(device)
        if absence:
            raise ValueError(
                f"device={device!r} is not available ({absence}); pass 'auto', 'cpu', or a device that torch finds on "
                "this machine."
            )
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def explain_absence(device: str) -> str | None:
    """Return torch's reason why a device is not available on this machine, or None if it is available.

    Examples
    --------
    >>> explain_absence("cpu") is None, explain_absence("abacus") is None
    (True, False)
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return None


def choose_precision(precision: str, device: torch.device) -> str:
    """Return the precision; ``"auto"`` takes bfloat16 if the hardware computes it faster, else float32.

    Examples
    --------
    >>> choose_precision("float32", torch.device("cpu"))
    'float32'
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        pays = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        pays = device.type == "cpu" and _computes_bfloat16_fast()
    return "bfloat16" if pays else "float32"


def _computes_bfloat16_fast() -> bool:
    """Return whether this CPU multiplies faster in bfloat16 than in float32.

    CPUs with AMX do. With AVX-512 BF16 only, AMD's CPUs are twice as fast in bfloat16 as in float32, and Intel's CPUs
    are half as fast: they rely on AMX, which a virtual machine may hide.
    """
    if torch.cpu._is_amx_tile_supported():
        return True
    return torch.cpu._is_avx512_bf16_supported() and "Intel" not in _name_vendor()


def _name_vendor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the vendor of the CPU as the operating system names it; empty if unknown."""
    if cpuinfo.exists():
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
        return next((line for line in text.splitlines() if line.startswith("vendor_id")), "")
    return platform.processor()


def _find_memory(device: torch.device) -> int:
    """Return the memory of a device in bytes: free memory of a GPU, total memory of the machine or container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return _UNKNOWN
    return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), _find_container_limit())


def _find_container_limit() -> int:
    """Return the memory limit of the container in bytes, from control groups of version 1 or 2."""
    for file in _CONTAINER_LIMITS:
        try:
            return int(Path(file).read_text(encoding="ascii"))
        except (OSError, ValueError):  # the file is missing, or it contains "max"
            continue
    return sys.maxsize
