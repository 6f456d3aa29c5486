"""Kill stages, whole builds, training and prediction at random moments, and continue with the same command.

    python tests/kills.py --kills 200 --seed 1

Each round starts a command, ends it with SIGKILL after a random time, and checks that every file under its final name
is whole. Then it runs the same command again to its end. A round fails if a file is damaged after the kill, if the
second run fails, or if its results differ by one byte from those of a run that was not killed.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

UNFINISHED = ("*.part", "*.part/*", "*.tmp")  # names that no reader takes for a result
PYTHON = [sys.executable, "-m"]
# Several processes share the machine, and one thread gives the same sums everywhere.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


@dataclass
class Job:
    """A command, the folder as it is before the command, and what a run that is not killed leaves in it."""

    name: str
    command: Sequence[str]  # `{}` is the folder
    before: Path
    exact: Sequence[str]  # patterns of results that are always the same bytes
    changing: Sequence[str] = ()  # patterns of files that change while the command runs: logs, the best weights so far
    seconds: float = 0.0
    reference: dict[str, str] = field(default_factory=dict)  # relative path -> digest

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        words = [word.replace("{}", str(folder)) for word in self.command]
        log = (folder.parent / "log.txt").open("wb")
        with log:
            return subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=log, start_new_session=True)

    def measure(self, folder: Path) -> None:
        """Run once without a kill. The folder must be the same in every run, because some results name it."""
        renew(folder, self.before)
        begun = time.monotonic()
        status = self.start(folder).wait()
        assert status == 0, f"{self.name}: {(folder.parent / 'log.txt').read_text()}"
        self.seconds, self.reference = time.monotonic() - begun, self.results(folder)
        assert self.reference, f"{self.name}: no results"

    def results(self, folder: Path) -> dict[str, str]:
        """The digest of each result; a file under another name is an error, unless it is unfinished or changing."""
        found = dict[str, str]()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            if (self.before / name).is_file() or any(fnmatch(name, pattern) for pattern in UNFINISHED):
                continue
            if any(fnmatch(name, pattern) for pattern in self.exact):
                found[name] = digest_of(path)
            else:
                assert any(fnmatch(name, pattern) for pattern in self.changing), f"{self.name}: unknown file {name}"
        return found


def digest_of(path: Path) -> str:
    """A digest of the bytes; of a checkpoint one of its values, since equal values can be pickled to other bytes."""
    if path.suffix != ".pt":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import torch

    def plain(value: object) -> object:
        if isinstance(value, torch.Tensor):
            return value.tolist()
        return {key: plain(part) for key, part in value.items()} if isinstance(value, dict) else value

    return hashlib.sha256(repr(plain(torch.load(path, weights_only=True))).encode()).hexdigest()


@dataclass(frozen=True)
class Round:
    """One round and what was wrong with it; empty if nothing."""

    number: int
    job: str
    after: float  # seconds, until the kill
    was_running: bool
    problem: str = ""


def one_round(job: Job, number: int, seconds: float, work: Path) -> Round:
    """Kill the job after some seconds, check, continue, and check again."""
    folder = work / "folder"
    renew(folder, job.before)
    process = job.start(folder)
    time.sleep(seconds)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    try:
        damaged = [name for name, digest in job.results(folder).items() if digest != job.reference.get(name)]
        assert not damaged, f"after the kill, these differ from the files of an undisturbed run: {damaged}"
        status = job.start(folder).wait()
        assert status == 0, f"the second run failed: {(work / 'log.txt').read_text()[-2000:]}"
        found = job.results(folder)
        different = sorted(name for name in job.reference.keys() | found if found.get(name) != job.reference.get(name))
        assert not different, f"at the end, these differ from the files of an undisturbed run: {different}"
    except AssertionError as error:
        return Round(number, job.name, seconds, was_running, str(error))
    return Round(number, job.name, seconds, was_running)


def renew(folder: Path, before: Path) -> None:
    """Make the folder a copy of another one."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder, symlinks=True)


def rounds(seed: int, numbers: range, names: Sequence[str] = ()) -> Iterator[Round]:
    """Rounds of all jobs in turn, or of the named ones; the time of a kill depends on the seed and the number."""
    from killed_jobs import jobs

    from universeg.base.rng import rng_for

    with TemporaryDirectory() as folder:
        work = Path(folder)
        chosen = list(jobs(work, names))
        for number in numbers:
            job = chosen[number % len(chosen)]
            share = float(rng_for("kill", seed, number).uniform(0, 1.05))
            yield one_round(job, number, share * job.seconds, work)


def main(kills: int = 200, seed: int = 0, jobs: tuple[str, ...] = ()) -> None:
    """Kill and continue, and show what failed.

    Args:
        kills: Number of rounds. All jobs take turns.
        seed: Another seed gives other moments.
        jobs: Names of jobs. Default: all.
    """
    from rich.console import Console
    from rich.progress import track

    console, running, failed = Console(stderr=True), Counter[str](), 0
    for found in track(rounds(seed, range(kills), jobs), "killing", kills, console=console):
        running[found.job] += found.was_running
        if found.problem:
            failed += 1
            lines = (f"FAILED {found.job}, killed after {found.after:.2f} s (round {found.number})", found.problem)
            console.print(*lines, sep="\n", markup=False, highlight=False, soft_wrap=True)
    shares = ", ".join(f"{name} {count}" for name, count in running.items())
    console.print(f"{kills} rounds, of which so many were killed while they ran: {shares}; {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    tyro.cli(main)
