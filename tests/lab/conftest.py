from __future__ import annotations

import pytest

from tests.trained import Trained, trained


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory)
