"""Headless Chromium, by Playwright, for the README's pictures and the tests of the inbox page.

Playwright's own browsers are not used: Debian's Chromium will do, and has its security updates.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--disable-dev-shm-usage",  # /dev/shm is tiny in containers
    "--font-render-hinting=none",
)
WINDOW: Final = (1200, 800)
ANSWER_SECONDS: Final = 60.0
LOOK_MS: Final = 20


class NoChromium(Exception):
    """There is none on this machine; says how to get one."""

    def __init__(self) -> None:
        super().__init__(
            "Chromium is not installed. On Debian and Ubuntu: apt-get install chromium fonts-lato fonts-inter; "
            "elsewhere Google Chrome will do. It has to be found on the PATH."
        )


class ChromiumFailed(Exception):
    """It did not do what it was told; says what."""


def find() -> str:
    """The program; raises `NoChromium`."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise NoChromium


class Chromium:
    """A browser with one page, in English; every `go` opens a new one, with a profile of its own."""

    page: Page

    def __init__(self) -> None:
        self._program = find()

    def __enter__(self) -> Self:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 - commands that need none start sooner

        self._error = Error
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(
                executable_path=self._program,
                args=list(FLAGS),
                chromium_sandbox=False,  # containers have none to offer; it shows our own page and nothing else
            )
        except Error as exc:
            self._playwright.stop()
            raise ChromiumFailed(f"Chromium does not start: {exc.message}") from exc
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()

    def go(
        self,
        url: str,
        *,
        window: tuple[int, int] = WINDOW,
        scale: float = 1,
        is_dark: bool = False,
        time_zone: str = "UTC",
    ) -> None:
        """Open a page in a window of this size; `scale` is how fine its pixels are."""
        for old in self._browser.contexts:
            old.close()
        context = self._browser.new_context(
            viewport={"width": window[0], "height": window[1]},
            device_scale_factor=scale,
            color_scheme="dark" if is_dark else "light",
            reduced_motion="reduce",
            locale="en-US",
            timezone_id=time_zone,
        )
        self.page = context.new_page()
        try:
            self.page.goto(url)
        except self._error as exc:
            raise ChromiumFailed(f"{url}: {exc.message}") from exc

    def ask(self, expression: str) -> Any:  # noqa: ANN401 - whatever JSON the page answers
        """The value of an expression in the page; a promise is waited for."""
        try:
            return self.page.evaluate(expression)
        except self._error as exc:
            raise ChromiumFailed(f"{expression}: {exc.message[:500]}") from exc

    def until(self, expression: str) -> None:
        """Wait until an expression holds in the page, also if the page is left meanwhile."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._holds(expression):
            if time.monotonic() > deadline:
                shown = str(self.ask("document.body.innerText"))
                raise ChromiumFailed(f"never became true: {expression}; the page says: {shown[:1000]}")
            self.page.wait_for_timeout(LOOK_MS)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.page.evaluate(expression))
        except self._error as exc:
            if "context was destroyed" in exc.message or "navigat" in exc.message:  # ask the next page
                return False
            raise ChromiumFailed(f"{expression}: {exc.message[:500]}") from exc

    def press(self, key: str) -> None:
        """Press and release a key, by the name scripts get for it (`j`, `ArrowDown`)."""
        self.page.keyboard.press(key)

    def picture(self, *, x: float, y: float, width: float, height: float) -> bytes:
        """A part of the page as PNG, in the page's own measure."""
        return self.page.screenshot(clip={"x": x, "y": y, "width": width, "height": height})
