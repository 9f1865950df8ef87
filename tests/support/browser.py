"""A headless Chromium for tests of pages; tests are skipped where it is missing."""

import atexit
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@cache
def start_playwright() -> Any:
    """Start the one driver that a process can have; skip the test if it is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    started = api.sync_playwright().start()
    atexit.register(started.stop)
    return started


@contextmanager
def start_chromium() -> "Iterator[Browser]":
    """Start Chromium with WebGL in software; skip the test if there is none."""
    playwright = start_playwright()
    own = playwright.chromium.executable_path
    found = own if Path(own).exists() else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: `playwright install chromium`, or the system's package")
    browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
    yield browser
    browser.close()


class Visit:
    """A page in a tab of its own, and what went wrong in it."""

    def __init__(
        self,
        browser: "Browser",
        address: str,
        size: tuple[int, int] = (1280, 720),
        script: str = "",
    ) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        if script:
            context.add_init_script(script)
        self.page: Page = context.new_page()
        self.page.set_default_timeout(120_000)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.evaluate("tcpformer.ready")

    def _note(self, line: "ConsoleMessage") -> None:
        if line.type == "error":
            self.problems.append(line.text)

    def run(self, script: str) -> object:
        """Evaluate the body of an async function."""
        return self.page.evaluate(f"async () => {{ {script} }}")

    def close(self) -> None:
        self.page.context.close()
