"""A real Slurm cluster of one node on this machine, for tests: munged, slurmctld and slurmd in a temporary folder.

Debian and Ubuntu: apt-get install slurm-wlm munge. Nothing outside the folder is read or written, and accounting is
off. Run as the user who runs the tests.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")
SECONDS = 60  # until the node is ready
MEMORY_MB = 16_000  # that jobs may request in total; Slurm does not enforce it here

CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmdParameters=config_overrides
KillWait=2
MinJobAge=300
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """The programs that are not installed, as a reason to skip a test; empty if all are there."""
    absent = [name for name in PROGRAMS if program(name) is None]
    return f"{', '.join(absent)} not installed: apt-get install slurm-wlm munge" if absent else ""


def program(name: str) -> str | None:
    """The path of a program; the daemons are in /usr/sbin, which is not on every user's PATH."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


class Cluster:
    """The running cluster; use it as a context manager. `env` is the environment for Slurm's commands."""

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]
        ports = dict(zip(("ctld_port", "slurmd_port"), free_ports(2), strict=True))
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        user = pwd.getpwuid(os.getuid()).pw_name
        values = {"host": self.host, "folder": folder, "user": user, "cpus": cpus, "memory": MEMORY_MB, **ports}
        (folder / "slurm.conf").write_text(CONFIG.format(**values))
        # Within a job, Snakemake removes SLURM_CONF from the environment; this srun sets it again.
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {program("srun")} "$@"\n')
        srun.chmod(0o755)
        path = f"{srun.parent}:{os.environ['PATH']}"
        self.env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            key = self.folder / "munge" / "key"
            key.write_bytes(secrets.token_bytes(128))
            key.chmod(0o600)
            (self.folder / "munge").chmod(0o700)
            options = (
                f"--key-file={key}",
                f"--socket={self.folder}/munge.socket",
                f"--pid-file={self.folder}/munge.pid",
            )
            more = (f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge/seed", "--num-threads=2")
            self._start(started, "munged", "--foreground", "--force", *options, *more)
            self._start(started, "slurmctld", "-D", "-c")
            self._start(started, "slurmd", "-D", "-N", self.host)
            self._wait_for_node()
            self._exit = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.run("scancel", "--signal=KILL", "--user", str(os.getuid()), check=False)
        self._exit.close()

    def run(self, *words: str, check: bool = True) -> str:
        """The output of one of Slurm's commands."""
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def jobs(self) -> list[str]:
        """The numbers of the jobs that wait or run."""
        return self.run("squeue", "--noheader", "--format=%A").split()

    def logs(self) -> str:
        """The ends of the daemons' logs, for messages."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)

    def _start(self, started: ExitStack, name: str, *options: str) -> None:
        path = program(name)
        assert path is not None, missing()
        out = started.enter_context((self.folder / f"{name}.out.log").open("w"))
        process = subprocess.Popen([path, *options], env=self.env, stdout=out, stderr=out, cwd=self.folder)
        started.callback(_stop, process)

    def _wait_for_node(self) -> None:
        end = time.monotonic() + SECONDS
        state = ""
        while time.monotonic() < end:
            state = self.run("sinfo", "--noheader", "--format=%t", check=False).strip()
            if state == "idle":
                return
            time.sleep(0.2)
        raise AssertionError(f"the node is not ready after {SECONDS} s but {state!r}\n{self.logs()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nothing listens on."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
