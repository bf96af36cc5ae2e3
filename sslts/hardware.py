"""What ``"auto"`` means for device and precision; decided from the hardware's flags, never by timing."""

from __future__ import annotations

import torch


def choose_device(device: str) -> torch.device:
    """Return the device that ``"auto"`` means: CUDA where there is one, then MPS, else the CPU.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


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
        pays = device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return "bfloat16" if pays else "float32"
