"""Where the network computes, and how precisely."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Compute:
    """A device, and the precision of its convolutions; weights and losses are float32 in any case."""

    device: torch.device
    precision: torch.dtype

    @classmethod
    def chosen(cls, device: str, precision: Precision = "float32") -> Self:
        """What a user asked for; raises ValueError for a device that is not there."""
        where = device_named(device)
        if precision == "auto":
            precision = "bfloat16" if _is_faster_in_bfloat16(where) else "float32"
        return cls(where, torch.bfloat16 if precision == "bfloat16" else torch.float32)

    def autocast(self) -> torch.autocast:
        """Within it, convolutions compute in the chosen precision."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)


def device_named(name: str) -> torch.device:
    """cpu, cuda, cuda:1, mps ...; auto is a GPU if there is one. Raises ValueError for one that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # AssertionError: PyTorch was built without CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} cannot be used here ({reason}); try --device cpu") from error


def _is_faster_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware computes faster with it: GPUs, matrices of a CPU (AMX), AMD's vectors but not Intel's.

    Measured with avx512_bf16 alone: on AMD 1.4 to 1.8 times faster than float32, on Intel 1.5 times slower.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of PyTorch cannot tell
    vectors = able.get("avx512_bf16", False) and "AMD" in able.get("cpu_name", "")
    return bool(able.get("amx_bf16", False) or vectors)
