from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import regard
from regard.serving import create_app
from tests.trained import Trained, trained

HERE = "http://127.0.0.1"  # what requests must be sent to


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory)


@pytest.fixture(scope="session")
def translator(models: Trained) -> regard.Translator:
    return regard.load(models.attention)


@pytest.fixture
def client(translator: regard.Translator) -> Iterator[TestClient]:
    with TestClient(create_app(translator), base_url=HERE) as client:
        yield client
