"""Memory of the device that trains: how much is free, how much a step takes, and when it was not enough."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import torch

_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was not enough.

    A GPU raises torch.OutOfMemoryError, or a RuntimeError from one of its libraries; torch on the CPU a
    RuntimeError; Python and numpy a MemoryError.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)


def let_go(device: torch.device) -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def free_bytes(device: torch.device) -> int:
    """Memory that can still be taken: of the GPU, or of the machine and, where one is set, of our control group."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(_free_in_machine(), _free_in_group())


class PeakMemory:
    """The most memory taken on a device since this object was made.

    On the CPU it is the process's resident memory: the peak is reset where Linux lets us, elsewhere an earlier
    peak can hide some of the increase.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
            return
        self._before = _resident_bytes("VmRSS") if _reset_resident_peak() else _resident_peak_bytes()

    def increase_bytes(self) -> int:
        """How far the peak lies above what was taken at the beginning."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return max(_resident_peak_bytes() - self._before, 0)


def _free_in_machine() -> int:
    """What Linux calls available; elsewhere half of all there is."""
    file = Path("/proc/meminfo")
    if file.is_file():
        return _kibibytes(file, "MemAvailable")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _free_in_group(group: Path = Path("/sys/fs/cgroup")) -> int:
    """The rest of a container's limit, as control groups of version 2 tell it; a very large number where none is."""
    try:
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return 2**62


def _reset_resident_peak() -> bool:
    """Forget the process's peak memory; False where that is not possible."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident_peak_bytes() -> int:
    if Path("/proc/self/status").is_file():
        return _resident_bytes("VmHWM")
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _resident_bytes(name: str) -> int:
    return _kibibytes(Path("/proc/self/status"), name)


def _kibibytes(file: Path, name: str) -> int:
    """A line `name: number kB` of a file of Linux, in bytes."""
    lines = file.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
