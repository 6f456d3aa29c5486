"""What benchmarks/gpu.py measures: passes of the network in several forms, and their agreement."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import Literal

import torch
from torch import Tensor

from benchmarks.tiled import Tiled
from universeg.base.device import Compute
from universeg.base.rng import rng_for, seed_for
from universeg.model import ModelConfig, UniverSeg
from universeg.model.fast import on_gpu
from universeg.training.augment import Augmentation, AugmentConfig
from universeg.training.gradients import Gradients, Inputs

Form = Literal["authors", "equations", "ours"]  # tiled; ours without what is in model/fast; ours
Precision = Literal["bf16", "tf32", "fp32"]
WARM_UP = 5  # calls: more than a shape needs to be recorded
SECONDS = 0.2  # of repetitions


@dataclass(frozen=True)
class Case:
    """A forward pass (inference), or a forward pass and the gradients of the loss (training)."""

    work: Literal["inference", "training"]
    batch: int
    support: int
    precision: Precision = "bf16"
    size: int = 128

    def __str__(self) -> str:
        return f"{self.work} B={self.batch} N={self.support} {self.size} px {self.precision}"


@dataclass(frozen=True)
class Device:
    name: str
    config: ModelConfig

    @property
    def is_gpu(self) -> bool:
        return self.name.startswith("cuda")

    def compute(self, precision: Precision) -> Compute:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        return Compute(torch.device(self.name), torch.bfloat16 if precision == "bf16" else torch.float32)


@dataclass(frozen=True)
class Measured:
    ms: float
    megabytes: float | None  # None where torch does not count them


def measured(case: Case, form: Form, device: Device) -> Measured | None:
    """None if the memory is not enough."""
    try:
        with fast(form == "ours"):
            run = pass_of(case, form, device)
            ms = milliseconds(run, device)
        with fast(form == "ours", graphs=False):  # what a graph holds is not counted: it is the same once more
            return Measured(ms, peak(run if form == "authors" else pass_of(case, form, device), device))
    except torch.OutOfMemoryError:
        return None
    finally:
        run = None
        if device.is_gpu:
            torch.cuda.empty_cache()


@contextmanager
def fast(on: bool, graphs: bool = True) -> Iterator[None]:
    """With or without the fused steps, and CUDA graphs."""
    before = replace(on_gpu.settings)
    on_gpu.settings.fused, on_gpu.settings.graphs = on, on and graphs
    try:
        yield
    finally:
        on_gpu.settings.fused, on_gpu.settings.graphs = before.fused, before.graphs


def pass_of(case: Case, form: Form, device: Device) -> Callable[[], object]:
    """A function that does one pass; weights and inputs are ready."""
    compute, model = device.compute(case.precision), UniverSeg(device.config).to(device.name)
    inputs = episodes(case, device)
    network = Tiled(model.config, dict(model.named_parameters())) if form == "authors" else model
    if case.work == "training":
        graphs = form == "ours" and device.is_gpu and on_gpu.settings.graphs
        gradients = Gradients(network, compute, 0.0, graphs)

        def learn() -> Tensor:
            model.zero_grad(set_to_none=True)
            return gradients(inputs, 1)[0]

        return learn
    query, _, images, masks = inputs
    model.eval()

    def infer() -> Tensor:
        with torch.inference_mode(), compute.autocast():
            return network(query, images, masks)

    return infer


def episodes(case: Case, device: Device) -> Inputs:
    """Random images; masks are where they are bright."""
    generator = torch.Generator().manual_seed(seed_for("benchmark"))
    images = torch.rand(case.batch, case.support + 1, 1, case.size, case.size, generator=generator).to(device.name)
    masks = (images > 0.5).float()
    return images[:, 0], masks[:, 0], images[:, 1:], masks[:, 1:]


def augmentation_of(case: Case, device: Device) -> Callable[[], object]:
    """A function that augments the episodes of a case as the paper does, with new random numbers in each call."""
    query, truth, images, masks = episodes(case, device)
    images, masks = torch.cat([query[:, None], images], 1), torch.cat([truth[:, None], masks], 1)
    augmentation, calls = Augmentation(AugmentConfig().rows), count()

    def augment() -> object:
        call = next(calls)
        return augmentation(images, masks, [rng_for("benchmark", call, item) for item in range(case.batch)])

    return augment


def milliseconds(run: Callable[[], object], device: Device) -> float:
    """The median time of a pass after warm-up: of the GPU's own clock, or of this process on a CPU."""
    for _ in range(WARM_UP if device.is_gpu else 1):
        run()
    times, began = list[float](), time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < (SECONDS if device.is_gpu else 0):
        times.append(_once(run, device))
    return median(times)


def _once(run: Callable[[], object], device: Device) -> float:
    if not device.is_gpu:
        before = time.process_time()
        run()
        return 1000 * (time.process_time() - before)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end)


def peak(run: Callable[[], object], device: Device) -> float | None:
    """Megabytes that a pass allocates at most."""
    if not device.is_gpu:
        return None
    run()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def agreement(case: Case, device: Device) -> tuple[float, float]:
    """||difference|| / ||authors' form in float64||: of the logits, and the largest of the gradients of the weights."""
    query, truth, images, masks = episodes(case, device)
    results = []
    for exact in (True, False):
        compute = device.compute(case.precision)
        model = UniverSeg(device.config, seed=1).to(device.name, torch.float64 if exact else torch.float32)
        network = Tiled(model.config, dict(model.named_parameters())) if exact else model
        values = [value.double() if exact else value for value in (query, images, masks)]
        with nullcontext() if exact else compute.autocast():
            logits = network(*values)
        (logits.double().sigmoid() - truth.double()).square().mean().backward()
        results.append((logits.double(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}))
    (wanted, wanted_gradients), (found, gradients) = results
    differences = [_relative(gradients[name], wanted_gradients[name]) for name in gradients]
    return _relative(found, wanted), max(differences)


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found.detach().double() - wanted.detach()).norm() / wanted.detach().norm())


def profile(case: Case, device: Device, path: Path) -> None:
    """Write the operations and kernels of a pass that take the most time."""
    run = pass_of(case, "ours", device)
    for _ in range(2):
        run()
    activities = [torch.profiler.ProfilerActivity.CPU, *([torch.profiler.ProfilerActivity.CUDA] * device.is_gpu)]
    with torch.profiler.profile(activities=activities) as found:
        run()
        if device.is_gpu:
            torch.cuda.synchronize()
    key = "self_device_time_total" if device.is_gpu else "self_cpu_time_total"
    path.write_text(f"{case}\n{found.key_averages().table(sort_by=key, row_limit=25)}\n")
