"""The one place that speaks HTTP, for Testmo and for Slack.

No redirect is followed (a token or a message must not travel to another host), nothing is retried here (the
callers know what a second try may cost), every wait is bounded, also the whole of those for a body that drips, and
no error quotes an address: a webhook's path is a credential, and urllib3's own messages carry it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Final

import urllib3

from testmo_notifier.adapters.light import Lightened
from testmo_notifier.errors import TooHeavy, Unreadable

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0
PIECE_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 32 * 1024 * 1024  # of what is kept of it, see adapters/light.py
HEAVY_BYTES: Final = 1024 * 1024  # from here on a body is looked at; one that is still coming then is no drip
MIN_YEAR, MAX_YEAR = 1971, 8999  # a clock outside of them is broken, and reckoning with its dates would overflow
MAX_RETRY_AFTER_SECONDS: Final = 3_600.0  # a longer wait is taken as this: better one more question than a lost day


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end. `headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def new_pool() -> urllib3.PoolManager:
    """A connection pool for a handful of threads that talk to one or two hosts."""
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # its warnings quote whole addresses, and one is a secret
    return urllib3.PoolManager(num_pools=4, maxsize=4, retries=False)


def send(  # noqa: PLR0913 - what a request is made of, and how its answer is read
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    read_seconds: float = READ_SECONDS,
    max_bytes: int = MAX_BODY_BYTES,
    cut: bool = False,
    light: bool = False,
) -> Answer:
    """Send one request and read the whole answer; `fields` become the query, `light` shortens the long strings of JSON.

    Raises `Unreadable` when no complete answer came: no connection, a time-out, a reset, a body shorter than
    announced, larger than `max_bytes` (with `cut` it is cut there instead) or still dripping when the time to connect
    and to answer is over; `TooHeavy` where fewer rows would do.
    """
    ends_at = monotonic() + CONNECT_SECONDS + read_seconds
    try:
        response = pool.request(
            method,
            url,
            headers=dict(headers),
            **({"body": body} if fields is None else {"fields": dict(fields)}),
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            content = bytearray()
            received = 0
            lightened: Lightened | None = None
            while len(content) <= max_bytes and (piece := response.read1(PIECE_BYTES)):
                received += len(piece)
                content += lightened.feed(piece) if lightened else piece
                if light and lightened is None and received >= HEAVY_BYTES:  # looking at every string takes its time
                    lightened = Lightened()
                    content = bytearray(lightened.feed(bytes(content)))
                if monotonic() > ends_at:
                    kind = TooHeavy if received >= HEAVY_BYTES else Unreadable
                    raise kind("no complete answer came in time")
            content += lightened.finish() if lightened else b""
            if len(content) > max_bytes and not cut:
                raise TooHeavy(f"the answer is larger than {max_bytes} bytes")
            if len(content) > max_bytes:
                response.close()  # the rest stays unread: this connection cannot be used again
            else:
                response.release_conn()
        except BaseException:
            response.close()  # half-read: this connection cannot be used again
            raise
    except urllib3.exceptions.HTTPError as exc:
        raise Unreadable(reason(exc)) from None  # the chained text would quote the address
    except OSError as exc:
        raise Unreadable(f"the connection failed ({type(exc).__name__})") from None
    return Answer(
        response.status, bytes(content[:max_bytes]), {name.lower(): value for name, value in response.headers.items()}
    )


def reason(exc: urllib3.exceptions.HTTPError) -> str:
    """What went wrong, in words that hold neither host nor path."""
    if isinstance(exc, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.NewConnectionError):
        return "no connection could be made"
    if isinstance(exc, urllib3.exceptions.TimeoutError):
        return "no answer came in time"
    if isinstance(exc, urllib3.exceptions.SSLError):
        return "the TLS certificate or handshake was not accepted"
    if isinstance(exc, urllib3.exceptions.IncompleteRead | urllib3.exceptions.ProtocolError):
        return "the answer broke off"
    return f"the request failed ({type(exc).__name__})"


def retry_after_seconds(answer: Answer, now: datetime) -> float | None:
    """The `Retry-After` of an answer in seconds from now, None where it is absent or makes no sense."""
    raw = answer.headers.get("retry-after", "").strip()
    try:
        if raw.isascii() and raw.isdigit():
            return min(float(raw), MAX_RETRY_AFTER_SECONDS)
        moment = parsedate_to_datetime(raw)
    except (ValueError, OverflowError):
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def server_date(answer: Answer) -> datetime | None:
    """The answer's `Date` (whole seconds), None without a usable one."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if MIN_YEAR <= moment.year <= MAX_YEAR else None
