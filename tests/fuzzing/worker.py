"""Trials in a child process: a crash or a hang of a library costs one trial, and the next one gets a new process."""

import faulthandler
import logging
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from fuzzing.mutations import mutate
from fuzzing.trials import Trial, judged, trials
from universeg.base.rng import rng_for

SECONDS = 60  # of processor time, for one trial; wall time would fail healthy trials on a busy machine
WALL_SECONDS = 400  # for one trial, so that one that waits for ever ends too
MEMORY = 1 << 30  # bytes that a trial may use beyond those in use before it; its files have a few kilobytes
HARD_MEMORY = 4 << 30  # bytes of address space beyond those in use, so that the machine survives what is found
START_S = 120  # until the libraries are imported


@dataclass(frozen=True)
class Outcome:
    """The end of one round."""

    number: int
    trial: str
    damage: str
    what: str  # result, message, failure
    reason: str = ""  # of a failure


def outcomes(seed: int, numbers: Iterable[int], damaged: bool = True, keep: Path | None = None) -> Iterator[Outcome]:
    """The outcome of each round, in a process beside this one. Files of failures are kept in `keep`."""
    worker = None
    base = Path(tempfile.mkdtemp(prefix="fuzz"))
    try:
        for number in numbers:
            worker = worker or _Worker(base)
            outcome = worker.outcome(seed, number, damaged)
            if outcome.what == "failure" and keep is not None and worker.folder.exists():
                shutil.copytree(worker.folder, keep / f"{seed}-{number}", dirs_exist_ok=True)
            yield outcome
            if not worker.alive:
                worker = worker.end()
    finally:
        if worker is not None:
            worker.end()
        shutil.rmtree(base, ignore_errors=True)


class _Worker:
    """A child process that runs trials one after the other."""

    def __init__(self, base: Path) -> None:
        self.folder, self.alive = base / "trial", True
        self._told = base / "stderr"
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, self.folder, self._told), daemon=True)
        self._process.start()
        there.close()
        if not self._here.poll(START_S) or self._here.recv() != "ready":
            raise RuntimeError(f"the process for trials does not start: {self._words()}")

    def outcome(self, seed: int, number: int, damaged: bool) -> Outcome:
        self._here.send((seed, number, damaged))
        name, damage = "", ""
        try:
            if self._answers():
                name, damage = self._here.recv()
                if self._answers():
                    return Outcome(number, name, damage, *self._here.recv())
            reason = f"takes more than {SECONDS} s of processor time, or {WALL_SECONDS} s"
        except EOFError:
            self._process.join(10)
            reason = f"the process ends with exit code {self._process.exitcode}: {self._words()}"
        self.alive = False
        return Outcome(number, name, damage, "failure", reason)

    def _answers(self) -> bool:
        """Wait for the next message; False if its time is over."""
        latest, most = time.monotonic() + WALL_SECONDS, self._processor_seconds() + SECONDS
        while not self._here.poll(1):
            if time.monotonic() > latest or self._processor_seconds() > most:
                return False
        return True

    def _processor_seconds(self) -> float:
        """Processor time of all threads of the child so far; 0 once it is gone."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return 0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._here.close()

    def _words(self) -> str:
        return self._told.read_text(errors="replace")[-2000:] if self._told.exists() else ""


def _serve(there: Connection, folder: Path, told: Path) -> None:
    """Run trials as requested. What C libraries print goes to the file `told`."""
    file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 2)
    faulthandler.enable()
    logging.raiseExceptions = False
    import torch

    torch.set_num_threads(1)
    every = list(trials())
    limit = _memory("VmSize") + HARD_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    there.send("ready")
    while True:
        seed, number, damaged = there.recv()
        one = every[number % len(every)]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        damage = _prepare(one, folder, seed, number) if damaged else (one.write(folder), "none")[1]
        there.send((one.name, damage))
        there.send(_run(one, folder, told))


def _prepare(one: Trial, folder: Path, seed: int, number: int) -> str:
    """Write the files of a trial and damage one of them; says what was done."""
    rng = rng_for("fuzz", seed, number)
    one.write(folder)
    files = sorted(path for path in folder.glob(one.targets) if path.is_file())
    others = sorted(path for path in folder.rglob("*") if path.is_file())
    path, other = files[rng.integers(len(files))], others[rng.integers(len(others))]
    data, what = mutate(path.read_bytes(), path.name, rng, other.read_bytes())
    path.write_bytes(data)
    return f"{path.relative_to(folder)}: {what}"


def _run(one: Trial, folder: Path, told: Path) -> tuple[str, str]:
    before, quiet = _memory("VmRSS"), told.stat().st_size
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM, the largest resident size, starts anew
    try:
        what, reason = ("result" if judged(one, folder) else "message"), ""
    except Exception:  # noqa: BLE001
        what, reason = "failure", traceback.format_exc(limit=-6)  # the end of the stack shows the place
    used = _memory("VmHWM") - before
    if what != "failure" and used > MEMORY:
        what, reason = "failure", f"uses {used >> 20} MB"
    printed = told.read_bytes()[quiet:].decode(errors="replace")
    if what != "failure" and printed.strip():
        what, reason = "failure", f"a library prints: {printed[:300]}"
    return what, reason


def _memory(field: str) -> int:
    """Bytes of this process, by a field of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10
    return 0
