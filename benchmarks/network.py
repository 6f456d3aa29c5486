"""Time and memory of the network, compared with the form in the paper: `python benchmarks/network.py --help`."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.progress import track
from tiled import Tiled
from torch import Tensor

from universeg.base.atomic_write import atomic_write
from universeg.base.rng import seed_for
from universeg.model import UniverSeg

Work = Literal["inference", "training"]
FORMS = {"tiled": lambda model: Tiled(model.config, dict(model.named_parameters())), "ours": lambda model: model}


@dataclass(frozen=True)
class Case:
    """What is computed: a forward pass (inference), or a forward pass and its gradients (training)."""

    work: Work
    support: int = 16
    size: int = 128
    batch: int = 1


GOALS = (Case("inference", 64), Case("training", 16), Case("inference", 1), Case("training", 1))
# What each plot varies, for inference and training: a field of the case, and its values.
GROWTH = {"support": (1, 2, 4, 8, 16, 32, 64), "size": (64, 128, 256), "batch": (1, 2, 4)}


@dataclass(frozen=True)
class Machine:
    device: str
    precision: Literal["float32", "bfloat16"]
    threads: int

    def autocast(self):
        return torch.autocast(self.device, torch.bfloat16) if self.precision == "bfloat16" else nullcontext()


def main(
    device: str = "cpu",
    precision: Literal["float32", "bfloat16"] = "float32",
    threads: int = 1,
    rounds: int = 5,
    plot: Path | None = None,
) -> None:
    """Print time and peak memory of both forms.

    With --plot, also measure how they grow with the size of the input, and write a plot; on a CPU this takes half an
    hour. In each round, the two forms are measured one after the other; the ratio is the median over the rounds. On a
    CPU, time is CPU time, because other programs on the machine change it less, and memory is the growth of a process
    of its own. On a GPU, time is wall-clock time, and memory is what torch has allocated on the GPU.
    """
    machine = Machine(device, precision, threads)
    print(f"{torch.get_num_threads() if threads == 0 else threads} threads, {_name(device)}, {precision}\n")
    _table([_measured(case, machine, rounds) for case in track(GOALS, "goals", console=Console(stderr=True))])
    if plot:
        cases = [
            replace(Case(work), **{field: value})
            for work in ("inference", "training")
            for field, values in GROWTH.items()
            for value in values
        ]
        found = [_measured(case, machine, 1) for case in track(cases, "growth", console=Console(stderr=True))]
        print()
        _table(found)
        _plot(found, plot, f"{_name(device)}, {precision}")


@dataclass(frozen=True)
class Measured:
    case: Case
    seconds: dict[str, float]
    ratio: float  # time of the tiled form divided by ours
    megabytes: dict[str, float]


def _measured(case: Case, machine: Machine, rounds: int) -> Measured:
    runs = {form: _run(form, case, machine) for form in FORMS}
    for run in runs.values():
        run()
    seconds = [{form: _seconds(run, machine) for form, run in runs.items()} for _ in range(rounds)]
    times = {form: median(turn[form] for turn in seconds) for form in FORMS}
    del runs
    megabytes = {form: _peak(form, case, machine) / 1e6 for form in FORMS}
    return Measured(case, times, median(turn["tiled"] / turn["ours"] for turn in seconds), megabytes)


def _run(form: str, case: Case, machine: Machine) -> Callable[[], None]:
    """A function that does one pass of a form of the network; weights and inputs are ready."""
    torch.set_num_threads(machine.threads)
    torch.backends.cudnn.benchmark = True
    model = UniverSeg().to(machine.device)
    network, inputs = FORMS[form](model), _inputs(case, machine.device)

    def infer() -> None:
        with torch.inference_mode(), machine.autocast():
            network(*inputs)

    def train() -> None:
        model.zero_grad(set_to_none=True)
        with machine.autocast():
            logits = network(*inputs)
        logits.float().square().mean().backward()

    return infer if case.work == "inference" else train


def _inputs(case: Case, device: str) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed_for("benchmark"))
    images = torch.rand(case.batch, case.support + 1, 1, case.size, case.size, generator=generator).to(device)
    return images[:, 0], images[:, 1:], (images[:, 1:] > 0.5).float()


def _seconds(run: Callable[[], None], machine: Machine) -> float:
    if machine.device == "cpu":
        begin = time.process_time()
        run()
        return time.process_time() - begin
    torch.cuda.synchronize()
    begin = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def _peak(form: str, case: Case, machine: Machine) -> float:
    """Peak bytes of a pass, without weights, inputs and libraries; measured in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_own_peak, (form, case, machine))


def _own_peak(form: str, case: Case, machine: Machine) -> float:
    _run(form, replace(case, support=1, size=16), machine)()  # loads libraries, which are not counted
    run = _run(form, case, machine)
    if machine.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak memory of the process (VmHWM)
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _name(device: str) -> str:
    if device != "cpu":
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "CPU")


def _table(found: Sequence[Measured]) -> None:
    print("| work | B | N | size | tiled, s | ours, s | times faster | tiled, MB | ours, MB | share of memory |")
    print("| --- |" + " ---: |" * 9)
    for one in found:
        case, seconds, megabytes = one.case, one.seconds, one.megabytes
        print(
            f"| {case.work} | {case.batch} | {case.support} | {case.size} | {seconds['tiled']:.3f} |"
            f" {seconds['ours']:.3f} | {one.ratio:.1f} | {megabytes['tiled']:.0f} | {megabytes['ours']:.0f} |"
            f" {megabytes['ours'] / megabytes['tiled']:.2f} |",
            flush=True,
        )


def _plot(found: Sequence[Measured], path: Path, title: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(GROWTH), figsize=(12, 6.5), layout="constrained")
    for column, (field, values) in enumerate(GROWTH.items()):
        for work, marker in (("inference", "o-"), ("training", "s--")):
            lines = list(_of(found, work, field, values))
            for form, colour in (("tiled", "tab:red"), ("ours", "tab:blue")):
                label = f"{form}, {work}"
                axes[0, column].loglog(values, [one.seconds[form] for one in lines], marker, color=colour, label=label)
                axes[1, column].loglog(values, [one.megabytes[form] for one in lines], marker, color=colour)
        axes[1, column].set_xlabel({"support": "support size N", "size": "pixels a side", "batch": "batch B"}[field])
        for axis in axes[:, column]:
            axis.set_xticks(values, [str(value) for value in values])
            axis.minorticks_off()
            axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("peak memory, MB")
    axes[0, 0].legend(fontsize="small")
    figure.suptitle(f"{title}; default: N = 16, 128 pixels, B = 1")
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=110)


def _of(found: Sequence[Measured], work: str, field: str, values: Sequence[int]) -> Iterator[Measured]:
    by_case = {one.case: one for one in found}
    return (by_case[replace(Case(work), **{field: value})] for value in values)


if __name__ == "__main__":
    tyro.cli(main)
