"""What processes cost: CPU time, with all that is below them, and memory."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True)
class CpuTime:
    """Seconds of CPU that a process and all its descendants, living or gone, have used."""

    own: float
    below: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read it from the kernel, complete as long as no process starts or ends meanwhile.

        A process that has ended is in the figures of the one that waited for it, with all that it had waited for
        itself. So nothing is counted twice, and only what outlives its parent is missed.
        """
        process = psutil.Process(pid)
        times = process.cpu_times()
        below = times.children_user + times.children_system
        try:
            for child in process.children(recursive=True):
                below += sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            # It is now in the figures of the one that waited for it.
            return cls.of(pid)
        return cls(own=times.user + times.system, below=below)

    @property
    def total(self) -> float:
        """Both together."""
        return self.own + self.below

    def __sub__(self, other: Self) -> "CpuTime":
        """Return what was used between two readings."""
        return CpuTime(own=self.own - other.own, below=self.below - other.below)


@dataclass(frozen=True)
class Memory:
    """Bytes of a process: all that it has in memory, and the same with its share only of what others have too."""

    resident: int
    proportional: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Read it from the kernel."""
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        sizes = {name: int(size) * 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
        return cls(resident=sizes["Rss"], proportional=sizes["Pss"])
