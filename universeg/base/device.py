"""Where the network computes, and with which precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from numpy.typing import NDArray

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Compute:
    """A device, and the precision of the convolutions on it. Weights and losses are always float32."""

    device: torch.device
    precision: torch.dtype

    @classmethod
    def chosen(cls, device: str, precision: Precision = "float32") -> Self:
        """The device and precision with these names; `auto` takes the faster one. Raises as `device_named` does."""
        found = device_named(device)
        if precision == "auto":
            precision = "bfloat16" if _is_faster_in_bfloat16(found) else "float32"
        return cls(found, torch.bfloat16 if precision == "bfloat16" else torch.float32)

    def autocast(self) -> torch.autocast:
        """A context in which convolutions compute in the chosen precision."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)


def device_named(name: str) -> torch.device:
    """The device cpu, cuda, cuda:1, mps and so on; auto is a GPU if there is one, else the CPU.

    Raises ValueError if the device cannot be used on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # AssertionError: PyTorch was built without CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} cannot be used here ({reason}); try --device cpu") from error


def sent(values: NDArray[Any], device: torch.device) -> torch.Tensor:
    """The values on a device. A GPU copies them after its work so far, and this process does not wait for that."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _is_faster_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32: on GPUs that have it, on CPUs with AMX, on AMD CPUs with avx512_bf16.

    Measured with avx512_bf16 and without AMX: on AMD 1.4 to 1.8 times faster than float32, on Intel 1.5 times slower.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    cpu: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older versions of PyTorch
    fast_vectors = cpu.get("avx512_bf16", False) and "AMD" in cpu.get("cpu_name", "")
    return bool(cpu.get("amx_bf16", False) or fast_vectors)
