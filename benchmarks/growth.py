"""Simulate a build of all datasets on many cores: `python -m benchmarks.growth --plot docs/growth.png`.

The jobs and what each waits for are those of the workflow (`snakemake --dag`, all datasets). The time of a job is from
the measured costs of its format (pipeline/report/costs.json). Where a manifest has no size or no number of scans, the
median of the datasets that have one is assumed, for volumes and for pictures; --times-larger shows what it would
change. Downloads share one connection, one after the other. Waiting in the queue of a cluster is not simulated.
"""

import heapq
import re
import subprocess
import sys
import tempfile
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import tyro

from pipeline.config import Config
from pipeline.manifest import expected_counts
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.forecast import costs_of, forecast, has_volumes, masks_per_scan, measured_costs, records_per_scan

ROOT = Path(__file__).parent.parent
MB = 1_000_000


@dataclass
class Job:
    """One job of the workflow."""

    rule: str
    dataset: str = ""
    needs: list[int] = field(default_factory=list)
    seconds: float = 0.0  # of one core
    megabytes: float = 0.0  # of a download


@dataclass(frozen=True)
class Size:
    """The size of one dataset, known or assumed."""

    megabytes: float
    scans: float
    masks: float
    records: float


def jobs_of_workflow(chunks: int) -> list[Job]:
    """All jobs, numbered by their place in the list."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        text = f"root: {folder}/data\ndatasets: all\nmirror: http://localhost/mirror\nchunks: {chunks}\n"
        config.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--configfile", str(config), "--dag"]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    jobs = dict[int, Job]()
    for number, label in re.findall(r'^\s*(\d+)\[label = "([^"]*)"', found.stdout, re.MULTILINE):
        dataset = re.search(r"dataset: ([\w-]+)", label)
        jobs[int(number)] = Job(label.split("\\n")[0], dataset[1] if dataset else "")
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", found.stdout, re.MULTILINE):
        jobs[int(after)].needs.append(int(before))
    assert sorted(jobs) == list(range(len(jobs)))
    named = [jobs[number] for number in sorted(jobs)]
    for job in named:  # the drawing names the dataset only at the first job of a dataset
        job.dataset = "" if job.rule in ("all", "catalogue", "gallery") else job.dataset or _dataset_before(named, job)
    return named


def _dataset_before(jobs: Sequence[Job], job: Job) -> str:
    while not job.dataset:
        job = jobs[job.needs[0]]
    return job.dataset


def sizes(manifests: Mapping[str, Manifest], times_larger: float) -> tuple[dict[str, Size], int]:
    """The size of every dataset, and how many of them have an assumed size."""
    config = Config(root=Path("none"))
    known = {name: forecast(one, config) for name, one in manifests.items() if not one.generator}
    complete = [name for name, one in known.items() if one.build_hours is not None]
    per_scan, counts = defaultdict[bool, list[float]](list), [expected_counts.scans(one) for one in manifests.values()]
    for name in complete:
        scans = expected_counts.scans(manifests[name]) or 1
        per_scan[_has_volumes(manifests[name])].append(known[name].download_bytes / MB / scans)
    usual = {volumes: median(values) * times_larger for volumes, values in per_scan.items()}
    usual_scans = median(count for count in counts if count)
    found, assumed = {}, 0
    for name in known:
        manifest = manifests[name]
        scans = expected_counts.scans(manifest) or usual_scans
        is_known = known[name].download_bytes and not known[name].unknown_files
        megabytes = known[name].download_bytes / MB if is_known else usual[_has_volumes(manifest)] * scans
        assumed += not is_known
        groups = manifest.main_groups
        share = scans / len(groups)
        of_groups = [(group, group.expect.scans or share) for group in groups]
        masks = sum(masks_per_scan(group) * count for group, count in of_groups)
        records = sum(records_per_scan(group) * count for group, count in of_groups)
        found[name] = Size(megabytes, scans, masks, records)
    return found, assumed


def _has_volumes(manifest: Manifest) -> bool:
    return any(map(has_volumes, manifest.main_groups))


def set_times(jobs: Sequence[Job], manifests: Mapping[str, Manifest], found: Mapping[str, Size], chunks: int) -> None:
    """The seconds of each job, and the megabytes of each download."""
    for job in jobs:
        size = found.get(job.dataset)
        if job.rule == "fetch" and size is not None:
            job.megabytes = size.megabytes
        if job.rule != "all":
            job.seconds = measured_costs()["stages"]["start_s"] + _work(job, size, manifests, chunks)


def _work(job: Job, size: Size | None, manifests: Mapping[str, Manifest], chunks: int) -> float:
    """The seconds of a job after its start."""
    stages, synthetic = measured_costs()["stages"], Config().synthetic
    if job.rule == "synthetic":
        return synthetic.tasks * synthetic.subjects * stages["synthetic_per_picture_s"] / chunks
    if job.rule == "unpack" and size is not None:
        return stages["unpack_per_mb_s"] * size.megabytes
    if job.rule == "store" and size is not None:
        return stages["merge_per_record_s"] * size.records
    if job.rule != "shard" or size is None:
        return 0.0
    costs = costs_of(manifests[job.dataset])
    files = size.megabytes / costs["packed"]
    return (costs["per_mb_s"] * files + costs["per_scan_s"] * size.scans + costs["per_mask_s"] * size.masks) / chunks


def simulate(jobs: Sequence[Job], cores: int, megabits: float = 0) -> float:
    """Hours until the last job ends. Downloads take the connection and no core; with 0 megabits they take no time."""
    waits = [len(job.needs) for job in jobs]
    after = defaultdict[int, list[int]](list)
    for number, job in enumerate(jobs):
        for before in job.needs:
            after[before].append(number)
    ready, running = deque(number for number, count in enumerate(waits) if not count), list[tuple[float, int]]()
    now, free, connection = 0.0, cores, 0.0
    while ready or running:
        while ready and free:
            job = jobs[number := ready.popleft()]
            if job.rule == "fetch":
                connection = max(connection, now) + (job.megabytes * 8 / megabits if megabits else 0.0)
            else:
                free -= 1
            heapq.heappush(running, (connection if job.rule == "fetch" else now + job.seconds, number))
        now, number = heapq.heappop(running)
        free += jobs[number].rule != "fetch"
        for following in after[number]:
            waits[following] -= 1
        ready.extend(following for following in after[number] if not waits[following])
    return now / 3600


def critical_path(jobs: Sequence[Job]) -> list[Job]:
    """The chain of jobs that takes longest, with as many cores as can be used and no downloads."""
    ends, last = dict[int, float](), dict[int, int]()

    def end(number: int) -> float:
        if number not in ends:
            needs = jobs[number].needs
            if needs:
                last[number] = max(needs, key=end)
            ends[number] = jobs[number].seconds + (end(last[number]) if needs else 0)
        return ends[number]

    number = max(range(len(jobs)), key=end)
    chain = [number]
    while chain[-1] in last:
        chain.append(last[chain[-1]])
    return [jobs[number] for number in reversed(chain)]


def main(
    cores: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000),
    chunks: tuple[int, ...] = (8, 64),
    megabits: float = 1000,
    times_larger: float = 1,
    plot: Path | None = None,
) -> None:
    """Print a table, and draw it.

    Args:
        cores: Numbers of cores.
        chunks: Numbers of chunks (the setting `chunks`).
        megabits: The speed of the connection in megabits per second.
        times_larger: Assume that scans of unknown size are so many times larger.
        plot: A picture to write.
    """
    manifests = load_manifests(ROOT / "dataset_manifests")
    found, assumed = sizes(manifests, times_larger)
    scans, volume = sum(size.scans for size in found.values()), sum(size.megabytes for size in found.values())
    network = volume * 8 / megabits / 3600
    print(f"{len(found)} datasets, {scans:.0f} scans, {volume / 1000:.0f} GB, {assumed} datasets of assumed size;")
    print(f"the download alone takes {network:.1f} h at {megabits:g} Mbit/s\n")
    print("| chunks | jobs | cores | hours without downloads | hours with downloads | of the cores used |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    curves, notes = {}, []
    for count in chunks:
        jobs = jobs_of_workflow(count)
        set_times(jobs, manifests, found, count)
        total = sum(job.seconds for job in jobs) / 3600
        curves[count] = [simulate(jobs, number) for number in cores]
        for number, hours in zip(cores, curves[count], strict=True):
            cells = f"{hours:.2f} | {simulate(jobs, number, megabits):.2f} | {100 * total / hours / number:.0f} %"
            print(f"| {count} | {len(jobs)} | {number} | {cells} |")
        notes.append(f"{count} chunks: {total:.2f} core hours; {_longest(jobs)}")
    print("\n" + "\n".join(notes))
    if plot is not None:
        draw(plot, cores, curves, network)


def _longest(jobs: Sequence[Job]) -> str:
    """The critical path and the largest job, for people."""
    path, largest = critical_path(jobs), max(jobs, key=lambda job: job.seconds)
    chain = ", ".join(f"{job.rule} {job.seconds:.0f} s" for job in path if job.seconds)
    where = next(job.dataset for job in path if job.dataset)
    return (
        f"critical path {sum(job.seconds for job in path):.0f} s, of {where} ({chain}); largest job: {largest.rule} of"
        f" {largest.dataset}, {largest.seconds:.0f} s"
    )


def draw(path: Path, cores: Sequence[int], curves: Mapping[int, Sequence[float]], network: float) -> None:
    """Hours over cores, with the ideal and the time of the download."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for chunks, hours in curves.items():
        axes.loglog(cores, hours, marker="o", label=f"{chunks} chunks")
    first = next(iter(curves.values()))[0]
    axes.loglog(cores, [first / count for count in cores], "k:", label="ideal")
    axes.axhline(network, color="gray", linestyle="--", label="download alone, 1 Gbit/s")
    axes.set(xlabel="cores", ylabel="hours")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    tyro.cli(main)
