"""The command line: `regard VERB …`, or `python -m regard VERB …`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from regard.cli import main as run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit status is 0 for done, 2 for a mistake of the user's, 130 after Ctrl-C."""
    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
