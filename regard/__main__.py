"""The command line: `regard VERB …`, or `python -m regard VERB …`."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from regard.cli import main as run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit status is 0 for success, 2 for a mistake of the user, 130 after Ctrl-C.

    Without arguments, run those of the process, and end it.
    """
    if arguments is not None:
        return run(arguments)
    status = run(sys.argv[1:])
    if all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        _exit(status)
    return status


def _exit(status: int) -> None:
    """End the process without taking every module apart, which takes a quarter of a second with torch."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a closed pipe; the verb has reported what matters
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
