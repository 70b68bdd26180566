"""Memory of the training device: how much is free, how much a step takes, and whether an error says it ran out."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import torch

_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out.

    A GPU raises torch.OutOfMemoryError, or a RuntimeError from one of its libraries; torch on the CPU raises a
    RuntimeError; Python and numpy raise a MemoryError.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error).lower() for message in _MESSAGES)


def release_unused(device: torch.device) -> None:
    """Release memory that nothing refers to any more, including what torch's CUDA allocator caches."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def free_bytes(device: torch.device) -> int:
    """Return the memory that is free: of the GPU, or of the machine and of our control group, if it has a limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(_free_on_machine(), _free_in_control_group())


class PeakMemory:
    """The peak memory use on a device since this object was created.

    On the CPU this is the process's resident memory. The peak is reset where Linux allows it; elsewhere an earlier
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
        """Return by how much the peak exceeds the memory in use at the beginning."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return max(_resident_peak_bytes() - self._before, 0)


def _free_on_machine() -> int:
    """Return what Linux calls available; elsewhere, half of the machine's memory."""
    file = Path("/proc/meminfo")
    if file.is_file():
        return _kibibytes(file, "MemAvailable")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _free_in_control_group(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return what is left of a container's limit (control groups, version 2), or a very large number without one."""
    try:
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return 2**62


def _reset_resident_peak() -> bool:
    """Reset the process's peak memory; return False where that is not possible."""
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
    """Read a line `name: number kB` of a Linux status file, and return it in bytes."""
    lines = file.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
