"""Ctrl-C and SIGTERM as a polite request: the step under way is finished first."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, SIGINT and SIGTERM only leave a `reason`; a second Ctrl-C interrupts as usual.

    The former handlers come back at the end. Outside the main thread, where Python allows no handlers,
    nothing is installed.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.reason is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.reason = f"interrupted by {signal.Signals(number).name}"
