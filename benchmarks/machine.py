"""What the figures were measured on, in one line, and how much of it others took meanwhile."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from regard.kernels.dtypes import cpu_bfloat16_units

TOO_HIGH = 0.05  # of all cores, taken by others: from here on a figure is not to be trusted
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """CPU, cores, threads, units for bfloat16, versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return (
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"bfloat16 units: {cpu_bfloat16_units() or 'none'}, torch {torch.__version__}, {_numba()}"
        f"Python {platform.python_version()}"
    )


def _numba() -> str:
    try:
        return f"numba {version('numba')}, "
    except PackageNotFoundError:
        return ""


class ForeignCpu:
    """The share of all cores that other processes took since this was made: not this one, not what it started.

    What a hypervisor stole counts as foreign. Not a number where there is no /proc (it is Linux's).
    """

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.perf_counter(), _busy_s(), _own_s()

    def share(self) -> float:
        """From 0 to 1."""
        passed = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        foreign = (_busy_s() - self._busy) - (_own_s() - self._own)
        return min(max(foreign / passed, 0.0), 1.0) if passed else 0.0


def _busy_s() -> float:
    """Seconds that all cores together worked since the machine started."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return float("nan")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * _TICK_S


def _own_s() -> float:
    """Seconds that this process and its descendants worked; those that have ended counted by their parents."""
    parents, seconds = {}, {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        process = int(file.parent.name)
        parents[process] = int(fields[1])
        seconds[process] = sum(map(int, fields[11:15])) * _TICK_S
    return sum(used for process, used in seconds.items() if _descends(process, parents))


def _descends(process: int, parents: dict[int, int]) -> bool:
    while process and process != os.getpid():
        process = parents.get(process, 0)
    return process == os.getpid()
