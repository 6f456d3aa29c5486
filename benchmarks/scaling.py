"""Weak scaling: `python -m benchmarks.scaling --processes 1 2`; a GPU or a CPU thread for each."""

import os
import socket
import time
from collections.abc import Sequence
from statistics import median

import torch
import tyro
from torch import distributed, multiprocessing

from universeg.base.device import Compute
from universeg.model import ModelConfig, UniverSeg
from universeg.training.gradient_exchange import GradientExchange
from universeg.training.gradients import Gradients

WARM_UP = 2


def main(
    processes: tuple[int, ...] = (1, 2),
    widths: tuple[int, ...] = (64, 64, 64, 64),
    support_size: int = 4,
    size: int = 64,
    steps: int = 10,
) -> None:
    """Print the time of a step for each number of processes. Each learns from one episode, so the ideal is no change.

    On a CPU the processes compute with one thread each, and exchange gradients through gloo; on GPUs through nccl.
    """
    print("| processes | ms per step | share of the speed of one |\n| ---: | ---: | ---: |")
    found = weak_scaling(processes, widths, support_size, size, steps)
    for count, ms in found.items():
        print(f"| {count} | {ms:.1f} | {next(iter(found.values())) / ms:.2f} |", flush=True)


def weak_scaling(
    processes: Sequence[int], widths: tuple[int, ...], support_size: int, size: int, steps: int
) -> dict[int, float]:
    """The median milliseconds of a step, for each number of processes."""
    results = {}
    for count in processes:
        queue = multiprocessing.get_context("spawn").SimpleQueue()
        job = count, _free_port(), widths, support_size, size, steps, queue
        multiprocessing.spawn(_learn, job, nprocs=count)
        results[count] = queue.get()
    return results


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _learn(rank, world_size, port, widths, support_size, size, steps, queue) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    gpus = torch.cuda.device_count() >= world_size
    device = torch.device("cuda", rank) if gpus else torch.device("cpu")
    if world_size > 1:
        distributed.init_process_group("nccl" if gpus else "gloo", rank=rank, world_size=world_size)
    model = UniverSeg(ModelConfig(widths)).to(device)
    gradients = Gradients(model, Compute(device, torch.float32), 0.0, graphs=False)
    exchange = GradientExchange(model, world_size)
    images = torch.rand(1, support_size + 1, 1, size, size, generator=torch.Generator().manual_seed(rank)).to(device)
    masks = (images > 0.5).float()
    times = []
    for _ in range(WARM_UP + steps):
        began = time.perf_counter()
        model.zero_grad(set_to_none=True)
        losses, _ = gradients((images[:, 0], masks[:, 0], images[:, 1:], masks[:, 1:]), 1)
        exchange.finish()
        losses.tolist()  # waits for a GPU
        times.append(time.perf_counter() - began)
    if world_size > 1:
        distributed.destroy_process_group()
    if rank == 0:
        queue.put(1000 * median(times[WARM_UP:]))


if __name__ == "__main__":
    tyro.cli(main)
