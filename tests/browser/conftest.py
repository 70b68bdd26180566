"""A browser that fails a test for any error, any request to elsewhere and any breach of the page's own policy.

`make test-browser` installs what these tests need; without it they are skipped and say why.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regard.explain import attention_page, trace_from_json
from tests.browser.server import ToyServer

SCREENS = Path(__file__).parents[2] / ".browser" / "screens"
QUIET = [  # nothing of the browser's own goes to the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000  # machines that are busy
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
Open = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Python package playwright: make test-browser"
    )
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium (as root)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a trace (as JSON), or HTML text, or an address: `opened(trace, width=360, color_scheme="dark")`."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def show(what: dict[str, Any] | str, *, width: int = 1366, height: int = 900, **options: Any) -> Any:
        address = (
            what if isinstance(what, str) and what.startswith("http://127.0.0.1") else _file(what, tmp_path)
        )
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda told: wrong.append(told.text) if _is_wrong(told) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda asked: None if asked.url.startswith(address) else wrong.append(asked.url))
        page.goto(address)
        return page

    yield show
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def server() -> Iterator[ToyServer]:
    """A served page whose model one can foresee."""
    with ToyServer() as toy:
        yield toy


@pytest.fixture(scope="session")
def screens() -> Path:
    """Where pictures of the page are left for people to look at; ignored by git."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    return SCREENS


def _is_wrong(told: Any) -> bool:
    """Anything but the browser's own line about a refusal, which the page tells the reader."""
    return told.type in ("error", "warning") and "status of 422" not in told.text


def _file(what: dict[str, Any] | str, folder: Path) -> str:
    page = what if isinstance(what, str) else attention_page(trace_from_json(what))
    path = folder / f"page{len(list(folder.iterdir()))}.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()
