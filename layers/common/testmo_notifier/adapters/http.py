"""The one place that speaks HTTP, for Testmo and for the channels.

No redirect is followed (a token or a message must not travel to another host), nothing is retried here (the
callers know what a second try may cost), every wait is bounded, also the whole of those for a body that drips, and
no error quotes an address: a webhook's path is a credential, and urllib3's own messages carry it.

`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are used as most programs do, on an engineer's machine and in Lambda alike.

Whom TLS trusts is read once: urllib3 by itself reads some hundred certificates anew for every connection.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, unquote, urlencode, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # stubs lack one

import urllib3

from testmo_notifier.errors import ConfigurationError, Problem, TooHeavy, Unreadable
from testmo_notifier.lean import dataclass

if TYPE_CHECKING:
    from testmo_notifier.adapters.light import Lightened

CONNECT_SECONDS: Final = 3.0  # to open a connection to Testmo or to a channel
READ_SECONDS: Final = 10.0  # for the answer, unless less is left of the time of a poll
QUERY_SAFE: Final = ",:"  # a query may hold them as they are (RFC 3986, 3.4), and the shorter it is the better
PIECE_BYTES: Final = 64 * 1024  # of a body that are read at a time
MAX_BODY_BYTES: Final = 32 * 1024 * 1024  # of what is kept of it, see adapters/light.py
HEAVY_BYTES: Final = 1024 * 1024  # from here on a body is looked at; one that is still coming then is no drip
MAX_RETRY_AFTER_SECONDS: Final = 3_600.0  # a longer wait is taken as this: better one more question than a lost day


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end. `headers` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


ORIGIN: Final = re.compile(r"([^/?#]*//[^/?#]*)(.*)", re.DOTALL)  # scheme, host and port of an address, and the rest
SIZE: Final[Mapping[str, Any]] = {"num_pools": 4, "maxsize": 16, "retries": False}
WORDS: Final = (
    (urllib3.exceptions.LocationParseError, "the address is not valid: check it"),
    (urllib3.exceptions.NameResolutionError, "the host's name is not known (DNS): check the address and the network"),
    (urllib3.exceptions.NewConnectionError, "there is no way to the host: check the network"),
    (urllib3.exceptions.ConnectTimeoutError, "no connection in time: check the network, and whether it wants a proxy"),
    (urllib3.exceptions.TimeoutError, "no answer came in time"),
    (urllib3.exceptions.ProtocolError, "the answer broke off"),
)
# https://www.openssl.org/docs/man3.0/man3/X509_STORE_CTX_get_error.html
UNTRUSTED: Final[Mapping[int, str]] = {
    9: "it is not valid yet: is this machine's clock right?",
    10: "it has expired",
    18: "it is self-signed",
    19: "its issuer is not known here: does a proxy open the connections of this network?",
    20: "its issuer is not known here: does a proxy open the connections of this network?",
    62: "it belongs to another host",
}


def new_pool(proxies: Mapping[str, str] | None = None) -> urllib3.PoolManager:
    """A connection pool for a handful of threads that talk to one or two hosts.

    `proxies` are addresses by scheme, and under `no` the hosts that need none; None reads them from the environment.
    Raises `ConfigurationError` for one that is no address.
    """
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # its warnings quote whole addresses, and one is a secret
    return Pool(getproxies_environment() if proxies is None else proxies)


class Trust:
    """The TLS of all connections of a pool."""

    def __init__(self) -> None:
        self.context = urllib3.util.create_urllib3_context()
        self._lock = Lock()
        self._is_read = False

    def read(self) -> None:
        """Read whom this machine trusts, unless it was read before."""
        with self._lock:
            if not self._is_read:
                self.context.load_default_certs()
                self._is_read = True


class Pool(urllib3.PoolManager):
    """Connections with one TLS context, of which some may go through a proxy."""

    def __init__(self, proxies: Mapping[str, str]) -> None:
        self._trust = Trust()
        super().__init__(**SIZE, ssl_context=self._trust.context)
        self._direct: dict[str, urllib3.HTTPConnectionPool] = {}  # by the origin of what is asked, without its path
        self._none_for = {"no": proxies.get("no", "")}
        self._by_scheme = {
            scheme: through_proxy(f"{scheme.upper()}_PROXY", proxies[scheme], self._trust.context)
            for scheme in ("https", "http")
            if proxies.get(scheme)
        }

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # noqa: ANN401, FBT001, FBT002 - urllib3's signature, whose stubs know more of it
        """Ask directly, or through the proxy of the address's scheme."""
        found = ORIGIN.match(url)
        if found is None:
            raise urllib3.exceptions.LocationParseError("it")
        origin, target = found.groups()
        direct = self._direct.get(origin)
        if direct is None:
            proxy = self._proxy_for(origin)
            if proxy:
                return proxy.urlopen(method, url, redirect, **kw)
            direct = self._direct[origin] = self.connection_from_url(origin)
        # As PoolManager would ask, which looks at the whole address and for its connections anew each time.
        target = target if target.startswith("/") else f"/{target}"
        return direct.urlopen(method, target, redirect=False, assert_same_host=False, **kw)

    def _proxy_for(self, origin: str) -> urllib3.ProxyManager | None:
        """The proxy between us and a host, if there is one."""
        try:
            parts = urlsplit(origin)
        except ValueError as exc:
            raise urllib3.exceptions.LocationParseError("it") from exc
        proxy = self._by_scheme.get(parts.scheme)
        if proxy:
            host = parts.hostname or ""
            is_here = host in ("localhost", "::1") or host.startswith("127.")  # through a proxy it would be the proxy's
            if is_here or proxy_bypass_environment(parts.netloc, self._none_for):
                proxy = None
        if parts.scheme == "https" or proxy:  # a proxy may be asked by TLS, too
            self._trust.read()
        return proxy

    def clear(self) -> None:
        """Forget every connection."""
        self._direct.clear()
        super().clear()
        for proxy in self._by_scheme.values():
            proxy.clear()


def through_proxy(name: str, raw: str, tls: ssl.SSLContext) -> urllib3.ProxyManager:
    """Connections through one proxy; raises `ConfigurationError`, which does not quote it: it may hold a password."""
    try:
        parts = urlsplit(raw if "://" in raw else f"http://{raw}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        return urllib3.ProxyManager(
            parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
            proxy_headers=urllib3.make_headers(proxy_basic_auth=user),
            ssl_context=tls,
            proxy_ssl_context=tls,
            **SIZE,
        )
    except (ValueError, urllib3.exceptions.HTTPError):
        next_step = "give one like http://proxy.example.com:3128, or unset it"
        raise ConfigurationError([Problem(f"{name} is not the address of an HTTP proxy", next_step)]) from None


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
        response = pool.urlopen(
            method,
            f"{url}?{urlencode(fields, safe=QUERY_SAFE, quote_via=quoted)}" if fields else url,
            headers=dict(headers),
            body=body,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            if response.status < 200:  # noqa: PLR2004 - what comes before an answer (103), where Python stops, too
                raise Unreadable(f"an answer came that is only the first part of one ({response.status})")
            content = whole(response, ends_at=ends_at, max_bytes=max_bytes, cut=cut, light=light)
        except BaseException:
            response.close()  # half-read: the next request on this connection would get the rest for its answer
            raise
    except urllib3.exceptions.HTTPError as exc:
        raise Unreadable(reason(exc)) from None  # the chained text would quote the address
    except OSError as exc:
        raise Unreadable(f"the connection failed ({type(exc).__name__}): check the network") from None
    return Answer(response.status, content, {name.lower(): value for name, value in response.headers.items()})


@lru_cache  # from one request to the next little changes but the page
def quoted(text: str, *how: Any) -> str:  # noqa: ANN401 - as `urlencode` asks it
    """A name or a value of a query."""
    return quote_plus(text, *how)


def whole(response: urllib3.BaseHTTPResponse, *, ends_at: float, max_bytes: int, cut: bool, light: bool) -> bytes:
    """The body of an answer, read to its end or to `max_bytes`; then its connection is free, or closed."""
    content, received = bytearray(), 0
    lightened: Lightened | None = None
    while len(content) <= max_bytes and (piece := response.read1(PIECE_BYTES)):
        received += len(piece)
        content += lightened.feed(piece) if lightened else piece
        if light and lightened is None and received >= HEAVY_BYTES:  # looking at every string takes its time
            from testmo_notifier.adapters.light import Lightened  # noqa: PLC0415 - hardly any answer is so large

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
    return bytes(content[:max_bytes])


def reason(exc: urllib3.exceptions.HTTPError) -> str:
    """What went wrong, in words that hold neither host nor path."""
    if isinstance(exc, urllib3.exceptions.ProxyError):
        return f"the proxy of HTTPS_PROXY or HTTP_PROXY {refusal(exc.original_error)}: correct it, or unset it"
    if isinstance(exc, urllib3.exceptions.SSLError):
        return f"the TLS certificate or handshake was not accepted{distrust(exc)}"
    if isinstance(exc, urllib3.exceptions.NewConnectionError) and isinstance(exc.__cause__, ConnectionRefusedError):
        return "no connection could be made, it was refused: check address and port, and any firewall on the way"
    return next((words for kind, words in WORDS if isinstance(exc, kind)), f"the request failed ({type(exc).__name__})")


def refusal(exc: Exception) -> str:
    """What a proxy did."""
    if told := re.search(r"Tunnel connection failed: (\d{3})", str(exc)):
        return f"answered {told[1]}" + (", it wants a user and a password" if told[1] == "407" else "")
    if isinstance(exc, urllib3.exceptions.NameResolutionError):
        return "has a name that is not known (DNS)"
    return "could not be reached"


def distrust(exc: urllib3.exceptions.SSLError) -> str:
    """Why a certificate is not trusted; empty where it is something else. OpenSSL's own words may name the host."""
    inner = next((arg for arg in exc.args if isinstance(arg, ssl.SSLCertVerificationError)), None)
    return f" ({UNTRUSTED[inner.verify_code]})" if inner and inner.verify_code in UNTRUSTED else ""


def retry_after_seconds(answer: Answer, now: datetime) -> float | None:
    """The `Retry-After` of an answer in seconds from now, None where it is absent or makes no sense.

    A moment is one of the server's clock, as its `Date` shows that, unless it is over by then: ours may be wrong. Some
    servers write parts of a second.
    """
    raw = answer.headers.get("retry-after", "").strip()
    try:
        if re.fullmatch(r"\d+(\.\d+)?", raw, re.ASCII):
            return min(float(raw), MAX_RETRY_AFTER_SECONDS)
        moment = parsedate_to_datetime(raw)
    except (ValueError, OverflowError):
        return None
    moment, their_now = moment.replace(tzinfo=moment.tzinfo or UTC), server_date(answer)
    seconds = (moment - (their_now if their_now and their_now <= moment else now)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def server_date(answer: Answer) -> datetime | None:
    """The answer's `Date` (whole seconds), None without a usable one."""
    return moment_of(answer.headers.get("date", ""))


@lru_cache  # many answers have the same
def moment_of(date: str) -> datetime | None:
    """A moment as headers have it, None where it is none."""
    from testmo_notifier.model import YEARS  # noqa: PLC0415 - the Slack function starts without

    try:
        moment = parsedate_to_datetime(date)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS else None
