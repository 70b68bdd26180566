from __future__ import annotations

import pytest

from tests.cli.shell import Shell, shell
from tests.trained import Trained, trained


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return shell(capsys, monkeypatch)
