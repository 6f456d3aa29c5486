"""How many threads to compute with: as many as there are free processors, so that a busy machine is not slowed down.

With more threads than free processors, each layer of a network waits for the slowest thread: on a machine whose two
processors are taken, two threads need many times as long as one.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STAT, QUOTA = Path("/proc/stat"), Path("/sys/fs/cgroup/cpu.max")
IDLE = (3, 4)  # columns of /proc/stat: idle, and waiting for a disk


@dataclass(frozen=True)
class Processors:
    """The time that this machine's processors have been idle so far, of those that this process may use."""

    allowed: int
    idle: float | None  # None where the system does not say it
    total: float = 0.0

    @classmethod
    def now(cls) -> Self:
        """As they are now."""
        allowed = _allowed()
        if not STAT.is_file():
            return cls(len(allowed), None)
        names = {f"cpu{number}" for number in allowed}
        rows = [line.split() for line in STAT.read_text().splitlines()]
        times = [[float(word) for word in row[1:9]] for row in rows if row and row[0] in names]
        return cls(len(allowed), sum(row[k] for row in times for k in IDLE), sum(map(sum, times)))

    def free_since(self, before: "Processors") -> int:
        """How many threads find a free processor, from how idle they were since `before`; this process used one."""
        most = max(1, min(self.allowed, _quota()))
        if self.idle is None or before.idle is None or self.total <= before.total:
            busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
            return max(1, min(most, round(self.allowed - busy)))
        share = (self.idle - before.idle) / (self.total - before.total)
        return max(1, min(most, round(share * self.allowed + 1)))


def _allowed() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _quota() -> int:
    """Processors that a container may use; a large number without a limit."""
    try:
        limit, period = QUOTA.read_text().split()
        return max(1, int(limit) // int(period))
    except (OSError, ValueError):  # no limit is written as "max"
        return 1 << 16
