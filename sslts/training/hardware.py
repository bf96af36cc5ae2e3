"""What ``"auto"`` means for device and precision; decided from the hardware's flags, never by timing."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import torch

_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_UNKNOWN = 1 << 33  # bytes that are taken for granted where nothing says how much memory there is


def choose_device(device: str) -> torch.device:
    """Return the device that ``"auto"`` means: CUDA where there is one, then MPS, else the CPU.

    Raises
    ------
    ValueError
        If this machine has no such device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if device != "auto":
        absence = explain_absence(device)
        if absence:
            raise ValueError(
                f"device={device!r} is not here ({absence}); pass 'auto', 'cpu', or a device that torch finds on this "
                "machine."
            )
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def explain_absence(device: str) -> str | None:
    """Return why this machine has no such device, in torch's words; None if it has.

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
    """Return what ``"auto"`` means: bfloat16 where the hardware's flags say that it pays, else float32.

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
    """Return whether products in bfloat16 take this processor less time than in float32.

    AMX is made for them. Of AVX-512 BF16, AMD's processors make twice as many products a second as of float32, Intel's
    half as many: they have AMX for it, which a virtual machine may hide.
    """
    if torch.cpu._is_amx_tile_supported():
        return True
    return torch.cpu._is_avx512_bf16_supported() and "Intel" not in _name_vendor()


def _name_vendor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return who made the processor, in the words of the operating system; empty where it does not tell."""
    if cpuinfo.exists():
        return next((line for line in cpuinfo.read_text().splitlines() if line.startswith("vendor_id")), "")
    return platform.processor()


def _find_memory(device: torch.device) -> int:
    """Return the bytes of memory that a device has: of a GPU those that are free, of a CPU all that
    the machine has, or the container.

    Examples
    --------
    >>> _find_memory(torch.device("cpu")) > 0
    True
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return _UNKNOWN
    return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), _find_container_limit())


def _find_container_limit() -> int:
    """Return the bytes that the process's container may use, of control groups of either version."""
    for file in _CONTAINER_LIMITS:
        try:
            return int(Path(file).read_text())
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return sys.maxsize
