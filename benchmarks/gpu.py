"""Speed and memory on a GPU, compared with the authors' formulation: `python -m benchmarks.gpu --out FOLDER`.

First the results are compared with float64, then speed is measured. `--tiny` does all of it small on a CPU.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro

from benchmarks import gpu_tasks, gpu_work
from benchmarks.gpu_work import Case, Device, Form, Measured, measured
from benchmarks.scaling import weak_scaling
from universeg.base.atomic_write import atomic_write
from universeg.model import ModelConfig
from universeg.model.fast import on_gpu

TOLERANCE = {"fp32": 1e-4, "tf32": 1e-2, "bf16": 5e-2}  # of logits
# The goals: how many times faster than the authors' form, and milliseconds in bf16.
GOALS = {
    ("inference", 1, 1): (4.0, 0.9), ("inference", 1, 16): (4.0, 1.3), ("inference", 1, 64): (5.0, 2.5),
    ("inference", 8, 64): (7.0, None), ("training", 1, 16): (2.0, None), ("training", 1, 64): (3.0, None),
    ("training", 4, 32): (4.0, None), ("training", 64, 16): (None, 45.0),
}  # fmt: skip
LARGEST = ("training", 64, 16)  # too large for the authors' form, and profiled
TASKS, QUERIES, MOST_WAITING = 1500, 2000, 0.05  # a second; and the share of the time
AT_ONCE = (1, 16, 64)  # synthetic tasks
GROWTH = {"support": (1, 4, 16, 64), "size": (64, 128, 256), "batch": (1, 2, 4, 8)}


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    device: Device
    tiny: bool

    def cases(self) -> list[Case]:
        precisions = ("fp32",) if self.tiny else ("bf16", "tf32", "fp32")
        found = [Case(*goal, precision) for precision in precisions for goal in GOALS if goal != LARGEST]
        return [self.cut(case) for case in [*found, self.largest()]]

    def largest(self) -> Case:
        return self.cut(Case(*LARGEST, "fp32" if self.tiny else "bf16"))

    def cut(self, case: Case) -> Case:
        """The case, or a small one in its place."""
        return replace(case, batch=min(case.batch, 2), support=min(case.support, 3), size=16) if self.tiny else case


def main(out: Path, device: str = "cuda", tiny: bool = False, processes: tuple[int, ...] = ()) -> int:
    """Write report.md, profile.txt and growth.png to a folder; the status is 1 if a result differs from float64.

    Args:
        out: The folder.
        device: The GPU.
        tiny: Small sizes, on a CPU: a rehearsal that measures nothing of interest.
        processes: Numbers of processes for weak scaling. Default: 1, 2, 4 and so on up to the number of GPUs, or half
            of the CPU cores.
    """
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    place = Device("cpu", ModelConfig((4, 4))) if tiny else Device(device, ModelConfig())
    sizes, report = Sizes(place, tiny), Report(out / "report.md")
    name = "CPU, tiny sizes" if tiny else torch.cuda.get_device_name(place.name)
    report.say(f"{name}, torch {torch.__version__}, {os.cpu_count()} CPU cores\n")
    wrong = check_agreement(sizes, report)
    compare(sizes, report)
    augment(sizes, report)
    synthetic(sizes, report)
    gpu_work.profile(sizes.largest(), place, out / "profile.txt")
    grow(sizes, report, out / "growth.png", processes or default_processes(tiny))
    report.say(f"\n{time.monotonic() - began:.0f} seconds in all")
    return 1 if wrong else 0


class Report:
    """Lines on the screen and in a file, each as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_text("")

    def say(self, line: str) -> None:
        print(line, flush=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def check_agreement(sizes: Sizes, report: Report) -> list[str]:
    """The cases whose results differ too much from the authors' form in float64."""
    report.say("| compared with float64 | form | logits | gradients | fused steps |\n| --- | --- | ---: | ---: | --- |")
    wrong = []
    for precision in ("fp32",) if sizes.tiny else ("fp32", "tf32", "bf16"):
        case = Case("training", 2, 3, precision, 16 if sizes.tiny else 64)
        for form in ("ours", "equations"):
            with gpu_work.fast(form == "ours"):
                logits, gradients = gpu_work.agreement(case, sizes.device)
            used = "yes" if form == "ours" and _fused(sizes, precision) else "no"
            report.say(f"| {case} | {form} | {logits:.1e} | {gradients:.1e} | {used} |")
            if not logits <= TOLERANCE[precision]:
                wrong.append(str(case))
    report.say("\nDIFFERENT RESULTS: " + ", ".join(wrong) + "\n" if wrong else "")
    return wrong


def _fused(sizes: Sizes, precision: str) -> bool:
    """Whether fused steps run on this device, and agree with their plain twins."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    width = max(sizes.device.config.widths)
    return (
        sizes.device.is_gpu
        and on_gpu.fused_steps(torch.empty(0, device=sizes.device.name).device, dtype, width, True) is not None
    )


def compare(sizes: Sizes, report: Report) -> None:
    """One row for each case."""
    report.say(
        "| work | authors, ms | MB | equations, ms | MB | ours, ms | MB | times faster | goal | share of memory |\n"
        "| --- |" + " ---: |" * 9
    )
    goals = {sizes.cut(Case(*key, precision)): goal for key, goal in GOALS.items() for precision in TOLERANCE}
    for case in sizes.cases():
        forms: tuple[Form, ...] = ("authors", "equations", "ours")
        authors, equations, ours = (
            None
            if form == "authors" and case == sizes.largest() and not sizes.tiny
            else measured(case, form, sizes.device)
            for form in forms
        )
        goal = _goal(*goals[case]) if case.precision == "bf16" else "1 x"
        cells = [_cells(one) for one in (authors, equations, ours)]
        report.say(f"| {case} | {' | '.join(cells)} | {_ratio(authors, ours)} | {goal} | {_share(authors, ours)} |")


def _goal(times: float | None, ms: float | None) -> str:
    words = [f"{times:g} x" if times else "", f"{ms:g} ms" if ms else ""]
    return ", ".join(word for word in words if word)


def _cells(one: Measured | None) -> str:
    if one is None:
        return "- | -"
    return f"{one.ms:.2f} | {'-' if one.megabytes is None else f'{one.megabytes:.0f}'}"


def _ratio(authors: Measured | None, ours: Measured | None) -> str:
    return f"{authors.ms / ours.ms:.2f}" if authors and ours else "-"


def _share(authors: Measured | None, ours: Measured | None) -> str:
    return (
        f"{ours.megabytes / authors.megabytes:.2f}"
        if authors and ours and authors.megabytes and ours.megabytes
        else "-"
    )


def augment(sizes: Sizes, report: Report) -> None:
    """The time of the paper's augmentation on the device, and of the training step that it is for."""
    report.say("\n| augmentation of Table 4 | ms | training step, ms | share |\n| --- | ---: | ---: | ---: |")
    for case in dict.fromkeys(sizes.cut(replace(sizes.largest(), batch=batch, support=16)) for batch in (1, 4, 64)):
        ms = gpu_work.milliseconds(gpu_work.augmentation_of(case, sizes.device), sizes.device)
        step = measured(case, "ours", sizes.device)
        of_step = f"{step.ms:.2f} | {ms / step.ms:.0%}" if step else "- | -"
        report.say(f"| {case} | {ms:.2f} | {of_step} |")


def synthetic(sizes: Sizes, report: Report) -> None:
    """How fast tasks are made, and how fast a whole training run is."""
    loaders = 1 if sizes.tiny else max(1, (os.cpu_count() or 1) - 1)
    entries, side, seconds = (3, 16, 0.2) if sizes.tiny else (17, 128, 4.0)
    rate = gpu_tasks.tasks_per_second(loaders, entries, side, seconds)
    at_once = (1, 2) if sizes.tiny else AT_ONCE
    on_device = {tasks: gpu_tasks.tasks_per_second_on(sizes.device, tasks, entries, side, seconds) for tasks in at_once}
    with tempfile.TemporaryDirectory() as folder:
        queries, waiting = gpu_tasks.training_run(Path(folder) / "processes", sizes.device, 0.4, loaders, sizes.tiny)
        beside = gpu_tasks.training_run(Path(folder) / "at-once", sizes.device, 0.4, 1, sizes.tiny, at_once[1])
    report.say("\n| rate | measured | goal |\n| --- | ---: | ---: |")
    report.say(f"| synthetic tasks a second, {loaders} processes | {rate:.0f} | {TASKS} |")
    for tasks, (mix, without) in on_device.items():
        report.say(f"| the same, made on the device, T = {tasks} at once | {mix:.0f} | {TASKS} |")
        report.say(f"| the same without F0 and F0-driver | {without:.0f} | {TASKS} |")
    report.say(f"| queries learnt a second, N 2 to 32, all in | {queries:.0f} | {QUERIES} |")
    report.say(f"| share of the time that training waits for data | {waiting:.0%} | {MOST_WAITING:.0%} |")
    report.say(
        f"| queries a second, tasks made on the device, T = {at_once[1]} at once | {beside[0]:.0f} | {QUERIES} |"
    )
    report.say(f"| share of the time that it waits for data | {beside[1]:.0%} | {MOST_WAITING:.0%} |")


def default_processes(tiny: bool) -> tuple[int, ...]:
    """1, 2, 4 and so on: as many as there are GPUs, or half of the CPU cores."""
    gpus = torch.cuda.device_count()
    most = 2 if tiny else gpus if gpus > 1 else max(1, min(4, (os.cpu_count() or 1) // 2))
    return tuple(count for count in (1, 2, 4, 8) if count <= most)


def grow(sizes: Sizes, report: Report, path: Path, processes: Sequence[int]) -> None:
    """Plot how time grows with N, image size and batch, and the time of a step with the number of processes."""
    precision = "fp32" if sizes.tiny else "bf16"
    growth = {field: values[:2] if sizes.tiny else values for field, values in GROWTH.items()}
    start = Case("inference", 1, 16, precision)
    lines = dict[tuple[str, str, Form], list[Measured | None]]()
    for field, values in growth.items():
        for work in ("inference", "training"):
            for form in ("authors", "ours"):
                cases = [sizes.cut(replace(start, work=work, **{field: value})) for value in values]
                lines[field, work, form] = [measured(case, form, sizes.device) for case in cases]
    widths, support, side = ((4, 4), 2, 16) if sizes.tiny else ((64, 64, 64, 64), 4, 64)
    steps = weak_scaling(processes, widths, support, side, 3 if sizes.tiny else 10)
    report.say("\n| processes | ms per step | share of the speed of one |\n| ---: | ---: | ---: |")
    for count, ms in steps.items():
        report.say(f"| {count} | {ms:.1f} | {steps[min(steps)] / ms:.2f} |")
    _plot(growth, lines, steps, path)


def _plot(growth, lines, steps, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(growth) + 1, figsize=(16, 4), layout="constrained")
    for axis, (field, values) in zip(axes, growth.items(), strict=False):
        for work, marker in (("inference", "o-"), ("training", "s--")):
            for form, colour in (("authors", "tab:red"), ("ours", "tab:blue")):
                points = [(x, one.ms) for x, one in zip(values, lines[field, work, form], strict=True) if one]
                axis.loglog(*zip(*points, strict=True), marker, color=colour, label=f"{form}, {work}")
        axis.set_xlabel({"support": "support size N", "size": "pixels a side", "batch": "batch B"}[field])
        axis.set_xticks(values, [str(value) for value in values])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("milliseconds")
    axes[0].legend(fontsize="small")
    axes[-1].plot(list(steps), list(steps.values()), "o-")
    axes[-1].set(xlabel="processes, one episode each", ylim=(0, None), xticks=list(steps))
    axes[-1].grid(alpha=0.3)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=100)


if __name__ == "__main__":
    raise SystemExit(tyro.cli(main))
