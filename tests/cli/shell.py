"""Running the command line in this process, as a shell would: text in, status and text out."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from regard import cli


class Answer(NamedTuple):
    """What a command left: its exit status, standard output and standard error."""

    status: int
    out: str
    err: str


Shell = Callable[..., Answer]


def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """`run("translate", "runs/demo", stdin=b"...")`."""

    def run(*arguments: object, stdin: bytes = b"") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as left:  # argparse leaves by itself
            status = int(left.code or 0)
        return Answer(status, *capsys.readouterr())

    return run


def check_refused(answer: Answer, *words: str) -> None:
    """One line on standard error that holds these words, nothing on standard output, status 2."""
    assert answer.status == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("regard")
    assert answer.err.count("\n") == 1, answer.err
    assert answer.err.endswith("\n")
    assert [word for word in words if word not in answer.err] == [], answer.err
