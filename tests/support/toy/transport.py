"""How a message of the toy leaves the queue: a post to an address of a secret like `{"default": "http://…"}`."""
# ruff: noqa: ARG001 - the arguments that `channels.channel.Transport` names

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from testmo_notifier.adapters.http import send
from testmo_notifier.channels.channel import NAME, Transport
from testmo_notifier.config import json_object
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, Problem, Unreadable, WrongValue

if TYPE_CHECKING:
    import urllib3


def read_secret(secret: str) -> tuple[dict[str, str], list[Problem]]:
    try:
        pairs = json_object(secret)
    except WrongValue as exc:
        return {}, [exc.problem]
    good = {
        name: address
        for name, address in pairs.items()
        if re.fullmatch(NAME, name) and isinstance(address, str) and address.startswith("http")
    }
    wrong = [n for n, name in enumerate(pairs, 1) if name not in good]
    return good, [Problem(f"entry {n} is no name with an address", 'give "name": "http://…"') for n in wrong]


def post(pool: urllib3.PoolManager, address: str, payload: str, now: datetime) -> None:
    ask(pool, "POST", address, payload)


def probe(pool: urllib3.PoolManager, address: str, now: datetime) -> str:
    ask(pool, "GET", address)
    return "is alive"


def ask(pool: urllib3.PoolManager, method: str, address: str, payload: str = "") -> None:
    try:
        answer = send(pool, method, address, headers={}, body=payload.encode(), max_bytes=1_000, cut=True)
    except Unreadable as exc:
        raise DeliveryDelayed(f"Toy could not be reached: {exc}", reason="no_answer") from exc
    if answer.status == 404:
        raise DestinationGone("Toy answered 404", reason="http_404")
    if answer.status != 200:
        raise DeliveryDelayed(f"Toy answered {answer.status}", reason=f"http_{answer.status}")


def problem(body: str) -> str | None:
    try:
        words = json_object(body).get("words")
    except ValueError:
        words = None
    return None if words and isinstance(words, str) else "the body is not a toy's (a JSON object with words)"


def test_message(text: str) -> str:
    return json.dumps({"words": text})


TRANSPORT: Final = Transport(
    read_secret=read_secret, post=post, probe=probe, problem=problem, test_message=test_message
)
