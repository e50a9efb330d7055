"""What an answer of Testmo means: JSON, a pause, or the error that says what to do.

Every documented status code ends as one of `errors`; the words name the path below `/api/v1` and what Testmo said,
never the token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from math import inf
from typing import Final

from testmo_notifier.adapters.http import Answer, retry_after_seconds
from testmo_notifier.errors import Invisible, RequestRejected, Throttled, TokenRefused, Unreadable
from testmo_notifier.text.shortening import one_line

DEFAULT_WAIT_SECONDS: Final = 60.0  # "if absent wait at least 60 seconds", docs.testmo.com, error handling
MAX_WORDS: Final = 200  # characters of what Testmo says that an error quotes
MAX_DIGITS: Final = 20  # of a number of 64 bits, with its sign


def asked_for_a_pause(path: str, answer: Answer, now: datetime) -> Throttled | None:
    """The pause that a 429 asks for, said or not, and a 503 that says how long (maintenance)."""
    if answer.status not in (429, 503):
        return None
    seconds = retry_after_seconds(answer, now)
    if answer.status == 429:  # noqa: PLR2004 - an HTTP status
        words = f"Testmo asked for fewer requests (429 on {path})"
        return Throttled(words, retry_after_seconds=DEFAULT_WAIT_SECONDS if seconds is None else seconds)
    if seconds is None:
        return None
    return Throttled(f"Testmo asked for a pause (503 on {path})", retry_after_seconds=seconds)


def checked(path: str, answer: Answer, token: str) -> Mapping[str, object]:
    """The JSON object of a good answer, or the error that says what to do about a bad one.

    Only Testmo's own words decide about a token, a right, a request, or whether something exists. All its errors are
    JSON with a `message` (docs.testmo.com, error handling); a proxy, a firewall or a bot check answers in other words.
    """
    body, words = read_json(answer.body)
    said = harmless(words, token)
    said = f": Testmo says {said!r}" if said else ""
    match answer.status:
        case 200 if body is not None:
            return body
        case 200:
            looks = "HTML instead of JSON" if answer.body.lstrip()[:1] == b"<" else "no complete JSON"
            raise Unreadable(f"{path} answered with {looks} (a login page, a proxy, a cut connection?)")
        case 400 | 401 | 403 | 404 | 405 | 422 if body is None or "message" not in body:
            raise Unreadable(
                f"{path} answered with {answer.status}, but not in Testmo's words (a proxy, a firewall, a bot check?)"
            )
        case 401:
            raise TokenRefused(
                f"Testmo refuses the token (401 on {path}): it was revoked, or belongs to a user who is gone. "
                "Make a new one (profile, API access) and store it in the secret"
            )
        case 403:
            raise Invisible(f"{path} is not visible to the token's user (403){said}", status=403)
        case 404 if "The route" in words:
            raise RequestRejected(f"{path} is not known at this address (404): is TestmoUrl a Testmo instance?{said}")
        case 404:
            words = f"{path} is not there (404): deleted, or not visible to the token's user{said}"
            raise Invisible(words, status=404)
        case 400 | 405 | 422:
            errors = body.get("errors") if body else None  # by the parameters that it does not like
            fields = tuple(harmless(str(name), token) for name in errors) if isinstance(errors, dict) else ()
            about = f" because of {', '.join(fields)[:MAX_WORDS]}" if fields else ""
            raise RequestRejected(f"{path} was rejected ({answer.status}){about}{said}", fields=fields)
        case status if 300 <= status < 400:  # noqa: PLR2004 - the redirects
            raise Unreadable(f"{path} answered with a redirect ({status}): is TestmoUrl your instance's own address?")
        case status:
            raise Unreadable(f"{path} answered with {status}{said}")


def harmless(words: str, token: str) -> str:
    """What Testmo said, short, on one line and without the token."""
    return one_line(words.replace(token, "***"), MAX_WORDS)


def read_json(content: bytes) -> tuple[Mapping[str, object] | None, str]:
    """A body as a JSON object (None when it is none) and its `message`. A character may be cut in two: see `light`.

    What one row holds must not hide the others: control characters in a string are taken, and a number of thousands of
    digits is no number, which Python says of the whole body.
    """
    text = content.decode("utf-8-sig", "replace")
    try:
        try:
            body = json.loads(text, strict=False)
        except ValueError:
            body = json.loads(text, strict=False, parse_int=whole_number)
    except (ValueError, RecursionError):
        return None, ""
    if not isinstance(body, dict):
        return None, ""
    message = body.get("message")
    return body, message if isinstance(message, str) else ""


def whole_number(digits: str) -> float:
    """A whole number of JSON; one that is longer than any in Testmo's database becomes one that is not whole."""
    return int(digits) if len(digits) <= MAX_DIGITS else inf
