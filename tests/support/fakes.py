"""Stand-ins for what is on the other side, real enough to be spoken to over loopback."""

from __future__ import annotations

import json
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from testmo_notifier.model import Mailbox
from testmo_notifier.polling.mail import mailboxes


@dataclass(frozen=True)
class SlackAnswer:
    """What the fake Slack says to one post. `hang` never answers, `hang_up` ends the connection without a word."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    hang_up: bool = False


@dataclass(frozen=True)
class SlackPost:
    """A post that arrived: to which webhook, with what."""

    webhook: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def payload(self) -> dict[str, Any]:
        """The posted JSON object."""
        payload: dict[str, Any] = json.loads(self.body)
        return payload


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base class's signature
        """Clients may leave before they have heard everything; any other error is a bug of this fake."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class FakeSlack:
    """Incoming webhooks on loopback: takes everything with 200 `ok`, unless told otherwise."""

    SECRET = "XsecretWebhookTokenX"  # the part of every webhook's path that must not show up anywhere

    def __init__(self) -> None:
        self.posts: list[SlackPost] = []
        self._answers: dict[str, deque[SlackAnswer]] = defaultdict(deque)
        self._always: dict[str, SlackAnswer] = {}
        self._closing = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake._take(self)

            do_GET = do_POST  # noqa: N815 - the base class's name; a followed redirect would come as a GET

            def log_message(self, *_: object) -> None:
                """Not on the test's output."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def webhook(self, name: str = "default") -> str:
        """The address of a webhook."""
        return f"http://127.0.0.1:{self._server.server_port}/services/T000/{name}/{self.SECRET}"

    def answer(self, *answers: SlackAnswer, webhook: str = "default") -> None:
        """Answer the next posts to a webhook like this, one by one; then as always."""
        self._answers[webhook].extend(answers)

    def always(self, answer: SlackAnswer, *, webhook: str = "default") -> None:
        """Answer every post to a webhook like this from now on."""
        self._always[webhook] = answer

    def recover(self) -> None:
        """Take everything again, whatever was planned."""
        self._answers.clear()
        self._always.clear()

    def texts(self, webhook: str = "default") -> list[str]:
        """The texts that a webhook was sent, refused ones included."""
        return [post.payload["text"] for post in self.posts if post.webhook == webhook]

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        webhook = request.path.split("/")[3] if request.path.count("/") > 2 else request.path
        body = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        self.posts.append(SlackPost(webhook, body, dict(request.headers)))
        waiting = self._answers[webhook]
        answer = waiting.popleft() if waiting else self._always.get(webhook, SlackAnswer())
        if answer.hang:
            self._closing.wait()
        if answer.hang or answer.hang_up:
            request.close_connection = True
            return
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(answer.body)))
        request.end_headers()
        request.wfile.write(answer.body)


@dataclass
class FakeLambdaContext:
    """The part of Lambda's context that is used; time does not run out by itself."""

    remaining_ms: int = 60_000
    aws_request_id: str = "req-1"
    function_name: str = "slack"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:slack"

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may still run."""
        return self.remaining_ms


class FakeMailboxes:
    """Mailboxes of a stack with mail alone, some of them lost; `error` is what AWS answers instead."""

    def __init__(
        self,
        *,
        lost: Iterable[str] = (),
        ops: str = "ops@example.com",
        error: Exception | None = None,
        routed: Sequence[str] = (),
    ) -> None:
        self.expected: Sequence[Mailbox] = mailboxes(
            "qa@example.com", ops, topic_arn="arn:aws:sns:x:0:topic", ops_topic_arn="arn:aws:sns:x:0:ops"
        )
        self.routed: Sequence[str] = routed
        self.now_lost = set(lost)
        self.error = error
        self.looks = 0

    def lost(self, destinations: Collection[str]) -> frozenset[str]:
        self.looks += 1
        if self.error:
            raise self.error
        return frozenset(name for name in self.now_lost if not name.startswith("email:") or name in destinations)
