"""The one way to speak HTTP, against a server that misbehaves byte by byte.

No redirect is followed (Slack delivery), no address is quoted (SECURITY.md).
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
import urllib3

from testmo_notifier.adapters.http import Answer, distrust, new_pool, retry_after_seconds, send, server_date
from testmo_notifier.errors import ConfigurationError, TooHeavy, Unreadable

OK = b"HTTP/1.1 200 OK\r\n"
SECRET = "XsecretX"
GZIPPED = gzip.compress(b'{"a":1}' * 1000)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class RawServer:
    """Says the same bytes to every request; then hangs up, or with `close=False` waits for the next one."""

    def __init__(self, answer: bytes, *, close: bool) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self._close = close
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/services/{SECRET}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(ConnectionError):
                while request := connection.recv(65_536):
                    self.requests.append(request)
                    connection.sendall(self._answer)
                    if self._close:
                        break

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class Hasty:
    """A clock on which every look takes ten seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 10
        return self.seconds


@contextmanager
def serving(answer: bytes, *, close: bool = True) -> Iterator[RawServer]:
    server = RawServer(answer, close=close)
    try:
        yield server
    finally:
        server.stop()


def get(
    server: RawServer, *, max_bytes: int = 10_000, read_seconds: float = 5.0, cut: bool = False, light: bool = False
) -> Answer:
    pool = new_pool()
    how = {"max_bytes": max_bytes, "read_seconds": read_seconds, "cut": cut, "light": light}
    try:
        return send(pool, "GET", server.url, headers={}, fields={}, **how)  # type: ignore[arg-type]  # of many types
    finally:
        pool.clear()


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (OK + b"\r\nuntil the end", b"until the end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED, b'{"a":1}' * 1000),
    ],
    ids=["length", "empty", "until-close", "chunked", "gzip"],
)
def test_a_complete_answer_is_read_to_its_end(raw: bytes, body: bytes) -> None:
    with serving(raw) as server:
        assert get(server).body == body


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: 100\r\n\r\nabc",
        OK + b"Content-Length: 100\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED[:-9],
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        OK + b"X: " + b"x" * 100_000 + b"\r\n\r\nabc",
    ],
    ids=["short", "no-body", "cut-chunk", "no-last-chunk", "short-gzip", "nothing", "not-http", "huge-head"],
)
def test_an_answer_that_breaks_off_is_unreadable(raw: bytes) -> None:
    with serving(raw) as server, pytest.raises(Unreadable, match="the answer broke off"):
        get(server)


def test_a_body_that_is_not_what_its_header_says_is_unreadable() -> None:
    with (
        serving(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc") as server,
        pytest.raises(Unreadable, match="the request failed"),
    ):
        get(server)


def test_more_than_was_announced_is_not_read_and_spoils_no_later_answer() -> None:
    pool = new_pool()
    wrong = b"HTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n"
    with serving(OK + b"Content-Length: 3\r\n\r\nabc" + wrong, close=False) as server:
        answers = [send(pool, "GET", server.url, headers={}) for _ in range(3)]
        pool.clear()

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"abc")] * 3


@pytest.mark.parametrize("status", [b"103 Early Hints", b"101 Switching Protocols", b"199 Miscellaneous"])
def test_what_comes_before_an_answer_is_none_and_its_rest_answers_no_later_request(status: bytes) -> None:
    """Python passes over a 100 alone. The answer itself comes later, when the next request may be on its way."""
    with serving(b"HTTP/1.1 %s\r\nLink: </page.css>\r\n\r\n" % status, close=False) as server:
        pool = new_pool()
        try:
            for _ in range(2):
                with pytest.raises(Unreadable, match=rf"only the first part of one \({status.decode()[:3]}\)"):
                    send(pool, "GET", server.url, headers={})
        finally:
            pool.clear()
    assert (server.connections, len(server.requests)) == (2, 2)


def test_an_answer_larger_than_allowed_is_unreadable() -> None:
    with serving(OK + b"Content-Length: 11\r\n\r\n12345678901") as server:
        with pytest.raises(Unreadable, match="the answer is larger than 10 bytes"):
            get(server, max_bytes=10)
        assert get(server, max_bytes=11).body == b"12345678901"
        assert get(server, max_bytes=10, cut=True).body == b"1234567890"


def test_a_small_answer_that_unpacks_to_a_huge_one_is_unreadable() -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    with (
        serving(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb) as server,
        pytest.raises(Unreadable, match="the answer is larger than 10000 bytes"),
    ):
        get(server)


@pytest.mark.parametrize("raw", [b"", OK, OK + b"Content-Length: 100\r\n\r\nabc"], ids=["silence", "head", "body"])
def test_a_server_that_falls_silent_is_not_waited_for(raw: bytes) -> None:
    with (
        serving(raw, close=False) as server,
        pytest.raises(Unreadable, match="no answer came in time"),
    ):
        get(server, read_seconds=0.05)


def test_no_connection_is_said_without_an_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pool = new_pool()

    with pytest.raises(Unreadable) as caught:
        send(pool, "GET", f"http://127.0.0.1:{port}/services/{SECRET}", headers={})

    assert str(caught.value) == (
        "no connection could be made, it was refused: check address and port, and any firewall on the way"
    )


@pytest.mark.parametrize(("rest", "asked"), [("", b"/"), ("?a=b", b"/?a=b"), ("/a b?c#d", b"/a%20b?c"), ("#d", b"/")])
def test_what_is_asked_of_a_host_is_a_path_and_a_query(rest: str, asked: bytes) -> None:
    with serving(OK + b"Content-Length: 0\r\n\r\n") as server:
        ask(server.url.removesuffix(f"/services/{SECRET}") + rest)
    (request,) = server.requests
    assert request.startswith(b"GET " + asked + b" HTTP/1.1\r\n")


def test_connections_are_used_again_until_they_are_forgotten() -> None:
    pool = new_pool({})
    with serving(OK + b"Content-Length: 0\r\n\r\n", close=False) as server:
        for path in ("/a", "/b"):
            send(pool, "GET", server.url + path, headers={})
        used_again = server.connections
        pool.clear()
        send(pool, "GET", server.url, headers={})
        del pool  # closes what is left, whatever came of it: the server waits for that
    assert (used_again, server.connections) == (1, 2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_never_followed(status: int) -> None:
    with serving(OK + b"Content-Length: 0\r\n\r\n") as elsewhere:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        with serving(head.encode()) as server:
            assert get(server).status == status
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [413, 429, 500, 503])
def test_nothing_is_sent_twice(status: int) -> None:
    with serving(f"HTTP/1.1 {status} No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".encode()) as server:
        assert get(server).status == status
        assert len(server.requests) == 1


def test_no_error_quotes_the_address_which_is_a_credential() -> None:
    for raw in (
        b"",
        b"garbage\r\n\r\n",
        OK + b"Content-Length: 9\r\n\r\n",
        OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
    ):
        with serving(raw) as server, pytest.raises(Unreadable) as caught:
            get(server)
        assert SECRET not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_no_log_line_of_urllib3_quotes_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with serving(OK + b"Content-Le") as server:  # a warning of urllib3, with the address in it
        answer = get(server)

    assert (answer.status, answer.body) == (200, b"")  # for the callers to judge: neither `ok` nor JSON
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("99999999", 3600.0),
        ("9" * 500, 3600.0),
        ("Mon, 23 Nov 2026 09:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 10:01:00 +0100", 60.0),
        ("Mon, 23 Nov 2026 08:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2099 08:00:00 GMT", 3600.0),
        ("", None),
        ("-5", None),
        ("1.5", 1.5),  # not by the book, and sent by many
        ("0.129", 0.129),
        ("1,5", None),
        ("inf", None),
        ("nan", None),
        ("1e3", None),
        ("soon", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("Mon, 23 Nov 99999 08:00:00 GMT", None),
        ("Mon, 23 Nov 99999999999999999999 08:00:00 GMT", None),  # an OverflowError of its own
        ("Mon, 23 Nov 2026 99999999999999999999:00:00 GMT", None),
        ("Mon, 23 Nov 2026 08:00:00 +9999", None),
        ("٣", None),
    ],
)
def test_a_retry_after_is_a_bounded_number_of_seconds_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(Answer(429, b"", {"retry-after": value}), NOW) == seconds


def test_a_moment_to_come_back_at_is_one_of_the_servers_clock() -> None:
    """Ours is ten minutes slow here, and would wait ten minutes too long."""
    headers = {"retry-after": "Mon, 23 Nov 2026 09:11:00 GMT", "date": "Mon, 23 Nov 2026 09:10:00 GMT"}
    assert retry_after_seconds(Answer(429, b"", headers), NOW) == 60.0


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Mon, 23 Nov 2026 09:00:00 GMT", NOW),
        ("Mon, 23 Nov 2026 10:00:00 +0100", NOW),
        ("Mon, 23 Nov 2026 09:00:00 -0000", NOW),
        ("Fri, 31 Dec 9999 23:59:59 -0100", None),  # another zone's first day of a year that Python does not know
        ("Mon, 01 Jan 1900 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),  # what adds five minutes to it overflows
        ("Mon, 23 Nov 99999999999999999999 08:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_servers_date_is_in_utc_or_nothing(value: str, moment: datetime | None) -> None:
    assert server_date(Answer(200, b"", {"date": value})) == moment


LONG = b'{"note":"' + b"words \\\\ \\u00e4 " * 600_000 + b'","end":1}'  # 9 MB
LONG_GZIPPED = gzip.compress(LONG)


@pytest.mark.parametrize(
    "raw",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG,
        OK + b"\r\n" + LONG,
        OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(LONG) + LONG + b"\r\n0\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(LONG_GZIPPED) + LONG_GZIPPED,
    ],
    ids=["length", "until-close", "chunked", "gzip"],
)
def test_a_body_is_made_light_however_it_comes(raw: bytes) -> None:
    with serving(raw) as server:
        body = get(server, max_bytes=6_500_000, light=True).body

    assert 6_200_000 < len(body) < 6_300_000
    assert json.loads(body)["end"] == 1


def test_a_body_of_less_than_a_megabyte_keeps_its_longest_string_whole() -> None:
    body = b'{"note":"' + b"x" * 900_000 + b'"}'

    with serving(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body) as server:
        assert get(server, max_bytes=2_000_000, light=True).body == body


def test_once_six_megabytes_of_a_body_were_kept_32_kilobytes_of_each_end_of_a_long_text_are() -> None:
    first, second = "word " * (6 * 1024 * 1024 // 5), "".join(f"word {number}, " for number in range(20_000))
    body = json.dumps([first, second]).encode()

    with serving(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body) as server:
        whole, cut = json.loads(get(server, max_bytes=6_500_000, light=True).body)
    begins, _, ends = cut.partition("[…]")

    assert whole == first
    assert 32_768 <= len(begins) <= 32_780
    assert 32_750 <= len(ends) <= 32_768
    assert second.startswith(begins)
    assert second.endswith(ends)


@pytest.mark.parametrize("length", [len(LONG) // 2, len(LONG) - 1, 20])
def test_a_long_body_that_ends_too_early_does_not_become_a_whole_one(length: int) -> None:
    with serving(OK + b"Content-Length: %d\r\n\r\n" % length + LONG[:length]) as server:
        body = get(server, max_bytes=6_500_000, light=True).body

    with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
        json.loads(body)


def test_a_heavy_body_whose_time_is_over_is_told_from_a_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testmo_notifier.adapters.http.monotonic", Hasty())
    monkeypatch.setattr("testmo_notifier.adapters.http.HEAVY_BYTES", 1_000)
    with serving(OK + b"Content-Length: 9999\r\n\r\n" + b"x" * 9999) as server, pytest.raises(TooHeavy):
        get(server)


def test_a_body_that_drips_is_given_up_when_the_time_for_an_answer_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read time-out alone starts anew with every byte."""
    monkeypatch.setattr("testmo_notifier.adapters.http.monotonic", Hasty())
    with serving(OK + b"Content-Length: 500\r\n\r\n" + b"x" * 100, close=False) as server:
        pool = new_pool()
        with pytest.raises(Unreadable, match="no complete answer came in time") as caught:
            send(pool, "GET", server.url, headers={}, read_seconds=5)
        pool.clear()
    assert type(caught.value) is Unreadable, "fewer rows would drip as well"


# ----- What keeps an answer from coming, told apart ---------------------------------------------------------


def ask(url: str, proxies: dict[str, str] | None = None) -> Answer:
    pool = new_pool(proxies or {})
    try:
        return send(pool, "GET", url, headers={}, read_seconds=5)
    finally:
        pool.clear()


def test_a_name_that_nobody_knows_a_host_without_a_way_and_one_that_is_silent_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error, words in (
        (socket.gaierror(-2, "Name or service not known"), "the host's name is not known (DNS): check the address"),
        (OSError(101, "Network is unreachable"), "there is no way to the host: check the network"),
        (TimeoutError(), "no connection in time: check the network, and whether it wants a proxy"),
        (ConnectionRefusedError(), "no connection could be made, it was refused: check address and port"),
    ):

        def fail(*_: object, error: OSError = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
        with pytest.raises(Unreadable) as caught:
            ask(f"https://example.testmo.net/services/{SECRET}")
        assert str(caught.value).startswith(words)
        assert "testmo.net" not in str(caught.value)


@pytest.mark.parametrize("host", ["shop..testmo.net", "x" * 300 + ".net", "example.testmo.net\u200b"])
def test_what_cannot_be_the_name_of_a_host_is_told(host: str) -> None:
    with pytest.raises(Unreadable) as caught:
        ask(f"https://{host}/services/{SECRET}")
    assert str(caught.value) == "the address is not valid: check it"


def test_what_speaks_no_tls_is_told() -> None:
    with (
        serving(b"HTTP/1.1 400 Bad\r\n\r\n") as server,
        pytest.raises(Unreadable, match="TLS certificate or handshake"),
    ):
        ask(server.url.replace("http://", "https://"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, " (it is not valid yet: is this machine's clock right?)"),
        (10, " (it has expired)"),
        (18, " (it is self-signed)"),
        (19, " (its issuer is not known here: does a proxy open the connections of this network?)"),
        (20, " (its issuer is not known here: does a proxy open the connections of this network?)"),
        (62, " (it belongs to another host)"),
        (0, ""),
    ],
)
def test_a_certificate_that_is_not_trusted_says_why_and_names_no_host(code: int, words: str) -> None:
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed: Hostname mismatch for 'example.testmo.net'")
    inner.verify_code = code
    assert distrust(urllib3.exceptions.SSLError(inner)) == words


# ----- Proxies ---------------------------------------------------------------------------------------------

PROXIED = OK + b"Content-Length: 2\r\n\r\nhi"
USER = "Basic YWRhOnAgcEA="  # ada, p p@


def test_the_proxy_of_the_environment_is_asked_with_its_user_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(PROXIED) as proxy:
        address = proxy.url.removeprefix("http://").partition("/")[0]
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:p%20p%40@{address}")
        monkeypatch.delenv("http_proxy", raising=False)
        pool = new_pool()
        answer = send(pool, "GET", "http://example.testmo.net/api", headers={"Authorization": "Bearer x"})
        pool.clear()
    assert answer.body == b"hi"
    (request,) = proxy.requests
    assert request.startswith(b"GET http://example.testmo.net/api HTTP/1.1\r\n")
    assert f"Proxy-Authorization: {USER}".lower().encode() in request.lower()


def test_https_goes_through_a_tunnel_and_the_proxy_sees_nothing_of_the_request() -> None:
    refusing = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with serving(refusing) as proxy:
        with pytest.raises(
            Unreadable, match="the proxy of HTTPS_PROXY or HTTP_PROXY answered 403: correct it, or unset"
        ):
            ask(f"https://example.testmo.net/services/{SECRET}", {"https": proxy.url})
        (request,) = proxy.requests
    assert request.startswith(b"CONNECT example.testmo.net:443 ")
    assert SECRET.encode() not in request


def test_a_proxy_that_wants_a_password_and_one_that_is_not_there_are_told_apart() -> None:
    with serving(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n") as proxy:
        address = proxy.url
        with pytest.raises(Unreadable, match="answered 407, it wants a user and a password"):
            ask("https://example.testmo.net/", {"https": address})
    with pytest.raises(Unreadable, match="HTTP_PROXY could not be reached: correct it, or unset it"):
        ask("https://example.testmo.net/", {"https": address})


def test_what_is_on_this_machine_and_what_no_proxy_names_is_asked_directly() -> None:
    nobody = "http://127.0.0.1:1"
    with serving(PROXIED) as server:
        for host in ("127.0.0.1", "localhost"):
            url = server.url.replace("127.0.0.1", host)
            assert ask(url, {"http": nobody, "https": nobody}).body == b"hi"
    with pytest.raises(Unreadable, match="the proxy of"):
        ask("http://example.invalid/", {"http": nobody})
    for exempt in ("example.invalid", ".invalid", "other.example, example.invalid", "*"):
        with pytest.raises(Unreadable) as caught:
            ask("http://example.invalid/", {"http": nobody, "no": exempt})
        assert "the proxy of" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", ["::", "socks5://proxy:1080", "http://", "http://proxy:0", "http://proxy:99999", "http://[::1"]
)
def test_a_proxy_that_is_no_address_is_a_setting_to_correct_and_is_not_quoted(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        new_pool({"https": wrong})
    (problem,) = caught.value.problems
    assert problem == (
        "HTTPS_PROXY is not the address of an HTTP proxy: give one like http://proxy.example.com:3128, or unset it"
    )
