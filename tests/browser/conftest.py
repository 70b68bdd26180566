"""A browser in which any error, any request to elsewhere and any breach of the page's policy fails the test.

`make test-browser` installs what these tests need; without it they are skipped with the reason.
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
    """Open a trace (as JSON), HTML text or an address: `opened(trace, width=360, color_scheme="dark")`."""
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
        page.on("console", lambda message: wrong.append(message.text) if _is_wrong(message) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on(
            "request", lambda request: None if request.url.startswith(address) else wrong.append(request.url)
        )
        page.goto(address)
        return page

    yield show
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def server() -> Iterator[ToyServer]:
    """A server of the live page with a toy model."""
    with ToyServer() as toy:
        yield toy


@pytest.fixture(scope="session")
def screens() -> Path:
    """The folder for screenshots of the page, which git ignores."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    return SCREENS


def _is_wrong(message: Any) -> bool:
    """Whether a console message is an error; the browser's own line about a refused request is none."""
    return message.type in ("error", "warning") and "status of 422" not in message.text


def _file(what: dict[str, Any] | str, folder: Path) -> str:
    page = what if isinstance(what, str) else attention_page(trace_from_json(what))
    path = folder / f"page{len(list(folder.iterdir()))}.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()
