"""Headless Chromium, spoken to through a pipe (the DevTools protocol): no driver, no library, no port.

https://chromedevtools.github.io/devtools-protocol. It ends when the pipe closes, so it never outlives us.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # containers have none to offer; it shows our own page and nothing else
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # /dev/shm is tiny in containers
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--lang=en-US",
    "--remote-debugging-pipe",
)
# The protocol's pipe is file descriptors 3 and 4; a shell gives it our two ends.
TO_THREE_AND_FOUR: Final = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null'
ANSWER_SECONDS: Final = 60.0
LEFT: Final = ("navigated", "execution context", "Execution context")  # how errors say that a page was left


class NoChromium(Exception):
    """There is none on this machine; says how to get one."""

    def __init__(self) -> None:
        super().__init__(
            "Chromium is not installed. On Debian and Ubuntu: apt-get install chromium fonts-lato fonts-inter; "
            "elsewhere Google Chrome will do. It has to be found on the PATH."
        )


class ChromiumFailed(Exception):
    """It did not do what it was told; says what."""


class PageGone(ChromiumFailed):
    """The page was left while it thought about an answer."""


def find() -> str:
    """The program; raises `NoChromium`."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise NoChromium


class Chromium:
    """A browser with one page, in English and UTC, with a profile of its own that is gone afterwards."""

    def __init__(self) -> None:
        self._program = find()
        self._profile = tempfile.TemporaryDirectory(prefix="testmo-notifier-", ignore_cleanup_errors=True)
        self._calls = 0
        self._session: str | None = None
        self._received = b""

    def __enter__(self) -> Self:
        home = self._profile.name
        self._process = subprocess.Popen(  # noqa: S603 - a browser found on the PATH, arguments of our own
            ["/bin/sh", "-c", TO_THREE_AND_FOUR, self._program, *FLAGS, f"--user-data-dir={home}/profile"],
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._open_page()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def go(self, url: str) -> None:
        """Open a page."""
        error = self.call("Page.navigate", url=url).get("errorText")
        if error:
            raise ChromiumFailed(f"{url}: {error}")

    def resize(self, width: int, height: int, *, scale: float = 1) -> None:
        """Take a window of this size, in the page's own measure; `scale` is how fine its pixels are."""
        screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **screen)

    def dark(self, is_dark: bool) -> None:  # noqa: FBT001 - the name is the question
        """Prefer a dark page, or a light one; no motion either way."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, still])

    def ask(self, expression: str) -> Any:  # noqa: ANN401 - whatever JSON the page answers
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ChromiumFailed(f"{expression}: {json.dumps(answer['exceptionDetails'])[:500]}")
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression holds in the page."""
        deadline = time.monotonic() + ANSWER_SECONDS
        look = f"new Promise(done => setTimeout(() => done(Boolean({expression})), 20))"
        while not self._holds(look):
            if time.monotonic() > deadline:
                shown = self.ask("document.body.innerText")
                raise ChromiumFailed(f"never became true: {expression}; the page says: {str(shown)[:1000]}")

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.ask(expression))
        except PageGone:  # ask the next one
            return False

    def press(self, key: str) -> None:
        """Press and release a key, by the name scripts get for it (`j`, `ArrowDown`)."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def picture(self, *, x: float, y: float, width: float, height: float) -> bytes:
        """A part of the page as PNG, in the page's own measure."""
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"])

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One call of the protocol."""
        self._calls += 1
        message: dict[str, object] = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - a pipe by construction
        try:
            stdin.write(json.dumps(message).encode() + b"\0")
            stdin.flush()
        except OSError as exc:
            raise ChromiumFailed(f"Chromium ended before {method}") from exc
        while True:
            answer = self._read(method)
            if answer.get("id") == self._calls:
                break
        if "error" in answer:
            if any(word in answer["error"].get("message", "") for word in LEFT):
                raise PageGone(f"{method}: {answer['error']}")
            raise ChromiumFailed(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _open_page(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.resize(1200, 800)
        self.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        self.call("Emulation.setLocaleOverride", locale="en-US")
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.dark(is_dark=False)

    def _read(self, method: str) -> Mapping[str, Any]:
        """The next message: an answer, or an event that nobody asked for."""
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - a pipe by construction
        deadline = time.monotonic() + ANSWER_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\0" not in self._received:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ChromiumFailed(f"{method}: no answer within {ANSWER_SECONDS:.0f} s")
                piece = os.read(stdout.fileno(), 1 << 16)
                if not piece:
                    raise ChromiumFailed(f"{method}: Chromium ended; try `{Path(self._program).name} --version`")
                self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        answer: Mapping[str, Any] = json.loads(message)
        return answer
