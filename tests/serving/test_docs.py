"""The commands of docs/serving.md and of the help, run as they stand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import regard
from regard.serving import Limits
from tests.serving.conftest import Start

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
COMMANDS = re.findall(r"^curl (?:.*\\\n)*.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_commands_of_the_page_succeed(start: Start, translator: regard.Translator) -> None:
    address = start(translator).address
    assert len(COMMANDS) > 8
    for command in COMMANDS:
        here = command.replace("http://127.0.0.1:8000", address)
        done = subprocess.run(
            here.replace("curl", "curl --silent --show-error --fail-with-body --noproxy '*'", 1),
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        if "stream" in command:
            assert "done" in json.loads(done.stdout.strip().split("\n\n")[-1].removeprefix("data: "))
        elif "metrics" not in command:
            assert json.loads(done.stdout)


def test_the_page_documents_the_limits() -> None:
    text, usual = PAGE.read_text(encoding="utf-8"), Limits()
    for row in (
        f"| {usual.num_texts} (`--max-texts`)",
        f"| {usual.num_characters}, {usual.num_tokens} (",
        f"| {usual.beam} (`--max-beam`)",
        f"| {usual.body_size:,} (`--max-body`)",
        f"| {usual.queue_size} (`--queue`)",
        f"| {usual.timeout_s:g} (`--timeout`)",
        f"{1000 * usual.wait_s:g} ms (`--wait`)",
        f"{usual.batch_size} at once (`--batch-size`)",
    ):
        assert row in text, row
