"""Choose how the network computes on a GPU: from a graph or not, with fused steps or by its equations."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from subprocess import SubprocessError
from types import ModuleType

import torch
from torch import Tensor, nn

from universeg.model.fast import plain
from universeg.model.fast.graphs import Compute, InferenceGraphs

MOST_FEATURES = 128  # that a program of a fused step holds in registers
# ||difference|| / ||plain step in float64||, for results and gradients. float32 may be TF32: it rounds to 10 bits, and
# bfloat16 to 7.
TOLERANCE = {torch.float32: 3e-3, torch.bfloat16: 2e-2, torch.float16: 3e-3}


@dataclass
class Settings:
    """What may be used. Turn something off to compare, or to look for a mistake."""

    fused: bool = True
    graphs: bool = True


settings = Settings()
_graphs = InferenceGraphs()
InLargerSteps = Callable[[ModuleType, Tensor, Tensor, Tensor], Tensor]


def logits(
    network: nn.Module,
    by_equations: Compute,
    in_larger_steps: InLargerSteps | None,
    features: int,
    inputs: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """The logits of the network. `in_larger_steps` takes the module of the steps first; None if they do not fit it."""
    query, images, masks = inputs
    compute = by_equations
    needs_gradient = torch.is_grad_enabled() and any(value.requires_grad for value in (images, masks))
    if settings.fused and in_larger_steps and features <= MOST_FEATURES and not needs_gradient:
        steps = fused_steps(query.device, _dtype(query), features, torch.is_grad_enabled())
        if steps:
            compute = partial(in_larger_steps, steps)
    return _graphs(network, compute, inputs) if settings.graphs else compute(*inputs)


def _dtype(query: Tensor) -> torch.dtype:
    kind = query.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype


@cache
def fused_steps(device: torch.device, dtype: torch.dtype, features: int, gradients: bool) -> ModuleType | None:
    """The module with the fused steps, if they work on this device: each is compared with its plain twin.

    None if Triton is not installed, or if a step fails, which is told once. The first use compiles the kernels, which
    takes some seconds; Triton keeps them on the disk.
    """
    if dtype not in TOLERANCE:
        return None
    try:
        from triton.errors import TritonError

        from universeg.model.fast import fused
    except ImportError:
        return None
    try:
        worst = worst_difference(fused, device, dtype, features, gradients)
    except (RuntimeError, OSError, SubprocessError, TritonError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        warnings.warn(f"the fused steps do not run on {device}, so the network is slower: {reason}", stacklevel=2)
        return None
    if not worst <= TOLERANCE[dtype]:  # also if it is not a number
        warnings.warn(
            f"the fused steps are not used on {device}: they differ by {worst:.1e} of the plain ones", stacklevel=2
        )
        return None
    return fused


def worst_difference(
    steps: ModuleType, device: torch.device, dtype: torch.dtype, features: int, gradients: bool
) -> float:
    """The largest ||difference|| / ||plain|| of any result of the steps, and with `gradients` of any gradient.

    The plain steps compute in float64.
    """
    with torch.inference_mode(False), torch.set_grad_enabled(gradients), torch.autocast(device.type, enabled=False):
        calls = examples(device, dtype, features)
        return max(difference(getattr(steps, name), getattr(plain, name), args) for name, args in calls)


def examples(
    device: torch.device, dtype: torch.dtype, features: int
) -> Iterator[tuple[str, tuple[Tensor | bool, ...]]]:
    """Names of steps, and arguments for them. Rounding cannot change which pixel of a window is largest, or a sign."""
    generator, rows, batch, f = torch.Generator().manual_seed(0), 6, 2, features

    def some(*shape: int, sd: float = 1.0) -> Tensor:
        return (sd * torch.randn(shape, generator=generator)).to(device, dtype)

    def apart(high: int, wide: int) -> Tensor:
        """One of 16, 8, -8 and -16 at each pixel, each once in a window, and a little noise."""
        b, c, y, x = torch.meshgrid(*map(torch.arange, (batch, f, high, wide)), indexing="ij")
        levels = torch.tensor([16.0, -8.0, 8.0, -16.0])[(b + c + 2 * y + x + x // 2 + y // 2) % 4]
        return levels.to(device, dtype) + some(batch, f, high, wide, sd=0.1)

    kernels = some(f, 2, 3, 3, sd=0.25), some(f, f, 3, 3, sd=0.4 / f**0.5)
    yield "first_block", (some(rows, 2, 16, 24), *kernels, apart(16, 24))
    yield "finish", (some(rows, f, 16, 24), apart(16, 24), True)
    yield "finish", (some(rows, f, 8, 12), apart(8, 12), False)
    yield "enlarge_and_join", (some(rows, f, 8, 12), some(rows, f, 16, 24))


def difference(step: Callable[..., object], twin: Callable[..., object], args: tuple[Tensor | bool, ...]) -> float:
    """The largest ||difference|| / ||result of the twin in float64|| of any result, and of any gradient if enabled."""
    exact = tuple(value.double() if isinstance(value, Tensor) else value for value in args)
    pairs = zip(_results(step, args), _results(twin, exact), strict=True)
    return max(float((one.double() - other).norm() / other.norm()) for one, other in pairs)


def _results(step: Callable[..., object], args: tuple[Tensor | bool, ...]) -> list[Tensor]:
    """The results of a step, and the gradients of the sum of their products with fixed numbers."""
    learnt = [value.requires_grad_() for value in args if isinstance(value, Tensor) and value.shape[1] != 2]
    given = step(*args)
    results = [value for value in (given if isinstance(given, tuple) else (given,)) if value is not None]
    if not torch.is_grad_enabled():
        return results
    weighed = torch.stack([(value.double() * _weights(value)).sum() for value in results]).sum()
    return [value.detach() for value in results] + list(torch.autograd.grad(weighed, learnt))


def _weights(value: Tensor) -> Tensor:
    return torch.arange(value.numel(), device=value.device, dtype=torch.float64).cos().view(value.shape)
