"""The bodies Testmo sends: JSON as PHP writes it, and the errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; the server adds `Date` and `Content-Length`."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request ends here with an error answer; raised by what an endpoint calls, caught by the API."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def as_json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    r"""An answer in PHP's way of writing JSON: no spaces, `\/` for a slash, `\u…` for what is not ASCII."""
    text = json.dumps(value, separators=(",", ":")).replace("/", "\\/")
    return Answer(status, text.encode(), {"Content-Type": "application/json", **(headers or {})})


def as_html(text: str, *, status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """A page for people, as proxies and login walls send it."""
    return Answer(status, text.encode(), {"Content-Type": "text/html; charset=UTF-8", **(headers or {})})


def error(status: int, message: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    """An error without field errors."""
    return as_json({"message": message}, status=status, headers=headers)


def invalid(errors: Mapping[str, str]) -> Answer:
    """422: field → complaint. The message repeats the first complaint."""
    message = next(iter(errors.values()))
    return as_json({"message": message, "errors": {name: [text] for name, text in errors.items()}}, status=422)


def unauthenticated() -> Answer:
    """401: no token, or not the right one."""
    return error(401, "Unauthenticated.")


def forbidden() -> Answer:
    """403: the token's user lacks the right."""
    return error(403, "This action is unauthorized.")


def no_such(thing: str, id_: int) -> Answer:
    """404 for an object that does not exist, or not any more."""
    return error(404, f"The {thing} with ID {id_} does not exist.")


def no_such_route(path: str) -> Answer:
    """404 for a path that no endpoint has."""
    return error(404, f"The route {path.lstrip('/')} could not be found.")


def wrong_method(method: str, path: str) -> Answer:
    """405: everything here is read-only."""
    text = f"The {method} method is not supported for route {path.lstrip('/')}. Supported methods: GET, HEAD."
    return error(405, text, headers={"Allow": "GET, HEAD"})


def too_many(seconds: int | None) -> Answer:
    """429; without a number there is no Retry-After, and a client shall wait 60 seconds."""
    return error(429, "Too Many Attempts.", headers=retry_after(seconds))


def retry_after(seconds: int | None) -> Mapping[str, str]:
    """The header, where there is a number."""
    return {} if seconds is None else {"Retry-After": str(seconds)}
