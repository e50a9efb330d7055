"""What each answer of a webhook means (rule 11, Slack delivery), over real HTTP; what is not quoted (SECURITY.md)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from testmo_notifier.adapters.http import new_pool, send
from testmo_notifier.channels.slack.transport import post
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, PayloadRefused, Undelivered
from tests.support.fakes import FakeSlack, SlackAnswer

if TYPE_CHECKING:
    import urllib3

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PAYLOAD = '{"text": "3 failed ✖", "blocks": [], "unfurl_links": false}'


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    pool = new_pool()
    yield pool
    pool.clear()


def test_the_payload_is_posted_to_the_byte(slack: FakeSlack, pool: urllib3.PoolManager) -> None:
    post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert slack.posts[0].body == PAYLOAD.encode()
    assert slack.posts[0].headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("body", [b"ok", b'{"ok":true}', b'{"ok": true, "warning": "something"}\n'])
def test_slacks_yes_is_a_word_or_as_a_workflows_webhook_says_it_json(
    slack: FakeSlack, pool: urllib3.PoolManager, body: bytes
) -> None:
    slack.always(SlackAnswer(200, body))

    post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert len(slack.posts) == 1


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        # our fault: the form or the size of the message
        (SlackAnswer(400, b"invalid_payload"), PayloadRefused, "invalid_payload"),
        (SlackAnswer(400, b"invalid_blocks"), PayloadRefused, "invalid_blocks"),
        (SlackAnswer(400, b"invalid_blocks_format"), PayloadRefused, "invalid_blocks_format"),
        (SlackAnswer(400, b"msg_blocks_too_long"), PayloadRefused, "msg_blocks_too_long"),
        (SlackAnswer(400, b"too_many_attachments"), PayloadRefused, "too_many_attachments"),
        (SlackAnswer(400, b"no_text"), PayloadRefused, "no_text"),
        (SlackAnswer(400, b"invalid_attachments"), PayloadRefused, "invalid_attachments"),
        (
            SlackAnswer(400, b"missing_text_or_fallback_or_attachments"),
            PayloadRefused,
            "missing_text_or_fallback_or_attachments",
        ),
        # a word of Slack's that nobody listed, and too much of it
        (SlackAnswer(400, b"some_new_word"), PayloadRefused, "some_new_word"),
        (SlackAnswer(400, b"some_new_word\n"), PayloadRefused, "some_new_word"),
        (SlackAnswer(400, b"unheard"), PayloadRefused, "unheard"),
        (SlackAnswer(403, b"some_new_word"), PayloadRefused, "some_new_word"),
        (SlackAnswer(422, b'{"ok":false,"error":"some_new_word"}'), PayloadRefused, "some_new_word"),
        (SlackAnswer(499, b'{"ok":false,"error":"some_new_word"}'), PayloadRefused, "some_new_word"),
        (SlackAnswer(400, b'{"ok": false, "error": "denied"}'), PayloadRefused, "denied"),
        (SlackAnswer(200, b'{"ok":false,"error":"invalid_blocks_format"}'), PayloadRefused, "invalid_blocks_format"),
        (
            SlackAnswer(200, b'{"ok":false,"error":"some_new_word","response_metadata":"' + b"x" * 20_000 + b'"}'),
            PayloadRefused,
            "some_new_word",
        ),
        (SlackAnswer(413, b"<html>Request Entity Too Large</html>"), PayloadRefused, "http_413"),
        (SlackAnswer(413, b""), PayloadRefused, "http_413"),
        # the webhook, its app, channel or workspace is no more; the word decides, whatever the status
        (SlackAnswer(404, b"no_service"), DestinationGone, "no_service"),
        (SlackAnswer(403, b"no_service"), DestinationGone, "no_service"),
        (SlackAnswer(200, b"no_service"), DestinationGone, "no_service"),
        (SlackAnswer(404, b"no_service_id"), DestinationGone, "no_service_id"),
        (SlackAnswer(404, b"no_active_hooks"), DestinationGone, "no_active_hooks"),
        (SlackAnswer(403, b"invalid_token"), DestinationGone, "invalid_token"),
        (SlackAnswer(404, b"no_team"), DestinationGone, "no_team"),
        (SlackAnswer(403, b"team_disabled"), DestinationGone, "team_disabled"),
        (SlackAnswer(404, b"channel_not_found"), DestinationGone, "channel_not_found"),
        (SlackAnswer(410, b"channel_is_archived"), DestinationGone, "channel_is_archived"),
        (SlackAnswer(404, b"user_not_found"), DestinationGone, "user_not_found"),
        (SlackAnswer(403, b"action_prohibited"), DestinationGone, "action_prohibited"),
        (SlackAnswer(403, b"posting_to_general_channel_denied"), DestinationGone, "posting_to_general_channel_denied"),
        (SlackAnswer(403, b'{"ok":false,"error":"invalid_token"}'), DestinationGone, "invalid_token"),
        (SlackAnswer(404, b"<html>not here</html>"), DestinationGone, "http_404"),
        (SlackAnswer(410, b""), DestinationGone, "http_410"),
        (SlackAnswer(404, b"<" * 100_000), DestinationGone, "http_404"),  # a long page is cut, its status counts
        # passing, or nothing we know
        (SlackAnswer(500, b"rollup_error"), DeliveryDelayed, "rollup_error"),
        (SlackAnswer(503, b"<html>" + b"x" * 100_000), DeliveryDelayed, "http_503"),
        (SlackAnswer(503, b"", {"Retry-After": "soon"}), DeliveryDelayed, "http_503"),
        (SlackAnswer(500, b"", {"Retry-After": "7"}), DeliveryDelayed, "http_500"),
        (SlackAnswer(400, b'{"error":"invalid_blocks"}'), PayloadRefused, "invalid_blocks"),
        (SlackAnswer(400, b'{"ok":true,"error":"invalid_blocks"}'), DeliveryDelayed, "http_400"),
        (SlackAnswer(400, b"\xef\xbb\xbfinvalid_blocks"), PayloadRefused, "invalid_blocks"),
        (SlackAnswer(302, b"", {"Location": "/elsewhere"}), DeliveryDelayed, "http_302"),
        (SlackAnswer(307, b"", {"Location": "/elsewhere"}), DeliveryDelayed, "http_307"),
        (SlackAnswer(200, b"okay, got it"), DeliveryDelayed, "http_200"),
        (SlackAnswer(200, b""), DeliveryDelayed, "http_200"),
        (SlackAnswer(201, b"ok"), DeliveryDelayed, "http_201"),
        (SlackAnswer(403, b"blocked by your company's proxy"), DeliveryDelayed, "http_403"),
        (SlackAnswer(418, b"teapot"), DeliveryDelayed, "teapot"),  # all of Slack's words have an underscore
        (SlackAnswer(403, b"forbidden"), DeliveryDelayed, "forbidden"),
        (SlackAnswer(403, b"<html>no_text</html>"), DeliveryDelayed, "http_403"),
        (SlackAnswer(403, b'{"error":"access_denied"}'), DeliveryDelayed, "http_403"),
        (SlackAnswer(401, b""), DeliveryDelayed, "http_401"),
        (SlackAnswer(400, b"<html>Bad Request</html>"), DeliveryDelayed, "http_400"),
        (SlackAnswer(407, b"<html>log in to the proxy</html>"), DeliveryDelayed, "http_407"),
        (SlackAnswer(407, b"proxy_login"), DeliveryDelayed, "proxy_login"),
        (SlackAnswer(408, b'{"ok":false,"error":"timed_out"}'), DeliveryDelayed, "timed_out"),
        (SlackAnswer(451, b"[" * 60_000), DeliveryDelayed, "http_451"),
        # Slack's own trouble, whatever the status
        (SlackAnswer(500, b"some_new_word"), DeliveryDelayed, "some_new_word"),
        (SlackAnswer(503, b'{"ok":false,"error":"some_new_word"}'), DeliveryDelayed, "some_new_word"),
        (SlackAnswer(200, b'{"ok":false,"error":"internal_error"}'), DeliveryDelayed, "internal_error"),
        (SlackAnswer(400, b"fatal_error"), DeliveryDelayed, "fatal_error"),
        (SlackAnswer(200, b'{"ok":"true"}'), DeliveryDelayed, "http_200"),
        (SlackAnswer(200, b'{"ok":1}'), DeliveryDelayed, "http_200"),
        (SlackAnswer(200, b'"ok"'), DeliveryDelayed, "http_200"),
        (SlackAnswer(202, b'{"ok":true}'), DeliveryDelayed, "http_202"),
        (SlackAnswer(200, b'{"ok":false,"error":["no_text"]}'), DeliveryDelayed, "http_200"),
        (SlackAnswer(hang_up=True), DeliveryDelayed, "no_answer"),
        (SlackAnswer(200, b"ok", {"Content-Encoding": "gzip"}), DeliveryDelayed, "no_answer"),
    ],
)
def test_each_answer_has_one_meaning_and_one_reason(
    slack: FakeSlack, pool: urllib3.PoolManager, answer: SlackAnswer, error: type[Undelivered], reason: str
) -> None:
    slack.always(answer)

    with pytest.raises(Undelivered) as caught:
        post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert type(caught.value) is error
    assert caught.value.reason == reason
    assert slack.SECRET not in repr(caught.value) + str(caught.value)
    assert len(slack.posts) == 1  # neither repeated nor sent to where a redirect points


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("Mon, 23 Nov 2026 12:00:20 GMT", 20), ("999999", 3_600), ("0", 0)]
)
@pytest.mark.parametrize("body", [b"", b"service_unavailable", b"<html>maintenance</html>"])
def test_a_503_that_says_how_long_to_wait_is_a_pause_as_a_429_is(
    slack: FakeSlack, pool: urllib3.PoolManager, body: bytes, value: str, seconds: float
) -> None:
    slack.always(SlackAnswer(503, body, {"Retry-After": value}))

    with pytest.raises(DeliveryDelayed) as caught:
        post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert (caught.value.reason, caught.value.retry_after_seconds) == ("throttled", seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:20 GMT"}, 20),
        ({"Retry-After": "999999"}, 3_600),  # better one more question than a lost day
        ({"Retry-After": "soon"}, 30),
        ({}, 30),
    ],
)
def test_429_says_how_long_to_wait_whatever_its_body(
    slack: FakeSlack, pool: urllib3.PoolManager, headers: dict[str, str], seconds: float
) -> None:
    slack.always(SlackAnswer(429, b"no_service" if headers else b"<html>" * 10_000, headers))

    with pytest.raises(DeliveryDelayed) as caught:
        post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert caught.value.retry_after_seconds == seconds
    assert caught.value.reason == "throttled"


@pytest.mark.parametrize("status", [200, 400, 429])
def test_a_word_that_asks_for_a_pause_is_a_429(slack: FakeSlack, pool: urllib3.PoolManager, status: int) -> None:
    slack.always(SlackAnswer(status, b'{"ok":false,"error":"ratelimited"}', {"Retry-After": "7"}))

    with pytest.raises(DeliveryDelayed) as caught:
        post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert (caught.value.reason, caught.value.retry_after_seconds) == ("throttled", 7)


def test_a_webhook_that_does_not_answer_is_given_up_in_time(
    slack: FakeSlack, pool: urllib3.PoolManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testmo_notifier.channels.slack.answers.send", partial(send, read_seconds=0.05))
    slack.always(SlackAnswer(hang=True))

    with pytest.raises(DeliveryDelayed, match="no answer came in time"):
        post(pool, slack.webhook(), PAYLOAD, now=NOW)


def test_a_refused_connection_is_passing(pool: urllib3.PoolManager) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/services/T000/B000/{FakeSlack.SECRET}"

        with pytest.raises(DeliveryDelayed) as caught:
            post(pool, url, PAYLOAD, now=NOW)

    assert caught.value.reason == "no_answer"
    assert FakeSlack.SECRET not in str(caught.value)


def test_a_body_that_is_no_error_word_is_quoted_nowhere(slack: FakeSlack, pool: urllib3.PoolManager) -> None:
    """A proxy's error page may repeat the address it was asked for."""
    slack.always(SlackAnswer(502, json.dumps({"url": slack.webhook()}).encode()))

    with pytest.raises(DeliveryDelayed) as caught:
        post(pool, slack.webhook(), PAYLOAD, now=NOW)

    assert str(caught.value) == "Slack answered 502 (http_502)"
