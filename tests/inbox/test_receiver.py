"""The inbox over HTTP: what Slack would answer to a webhook, and what the page asks for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.inbox.conftest import Ask, call, post, request
from tools.inbox.entries import MAX_ENTRIES
from tools.inbox.receiver import FILES, WEBHOOK_PATH, Inbox, Message

AT = datetime(2026, 11, 23, 14, 3, tzinfo=UTC)


def test_a_message_is_answered_as_slack_does_and_handed_on() -> None:
    arrived: list[Message] = []
    with Inbox(0, arrived=arrived.append, now=lambda: AT) as inbox:
        assert post(inbox, {"text": "hello"}) == (200, b"ok")
        assert list(inbox.messages) == arrived == [Message({"text": "hello"}, AT)]


def test_several_webhooks_have_names_of_their_own() -> None:
    arrived: list[Message] = []
    with Inbox(0, arrived=arrived.append, now=lambda: AT) as inbox:
        assert request(inbox.url, f"{WEBHOOK_PATH}/payments", method="POST", body=b'{"text": "hello"}')[0] == 200
    assert arrived == [Message({"text": "hello"}, AT, "payments")]


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/services/T1/B1/gone", b'{"text": "x"}', (404, b"no_service")),
        (f"{WEBHOOK_PATH}/payments/more", b'{"text": "x"}', (404, b"no_service")),
        (WEBHOOK_PATH, b"{", (400, b"invalid_payload")),
        (WEBHOOK_PATH, b'["text"]', (400, b"invalid_payload")),
        # Python would read it, a browser could not
        (WEBHOOK_PATH, b'{"text": "x", "n": NaN}', (400, b"invalid_payload")),
        # deeper than any parser goes
        (WEBHOOK_PATH, b'{"text": ' + b"[" * 100_000, (400, b"invalid_payload")),
        (WEBHOOK_PATH, b'{"text": "' + b"x" * 1_000_000 + b'"}', (400, b"invalid_payload")),
        (WEBHOOK_PATH, b'{"blocks": []}', (400, b"no_text")),
    ],
)
def test_what_slack_refuses_is_refused_in_its_words(
    ask: Ask, inbox: Inbox, path: str, body: bytes, answer: tuple[int, bytes]
) -> None:
    status, _, said = ask(path, method="POST", body=body)

    assert (status, said) == answer
    assert not inbox.messages


def test_the_page_gets_slack_messages_mail_and_events_in_the_order_they_arrived(ask: Ask, inbox: Inbox) -> None:
    post(inbox, {"text": "hello"})
    inbox.show_mail(subject="[Testmo] 1 failed", sender="a@example.com", to="qa@example.com", body="body")
    inbox.show_event('{"schema": 1}')

    told = json.loads(ask("/entries?after=0")[2])

    at = "2026-11-23T14:03:00+00:00"
    assert told["now"] == at
    assert told["entries"] == [
        {"number": 1, "changed": 1, "kind": "slack", "at": at, "payload": {"text": "hello"}},
        {
            "number": 2,
            "changed": 2,
            "kind": "email",
            "at": at,
            "subject": "[Testmo] 1 failed",
            "sender": "a@example.com",
            "to": "qa@example.com",
            "body": "body",
        },
        {"number": 3, "changed": 3, "kind": "event", "at": at, "body": '{"schema": 1}'},
    ]
    assert [entry["number"] for entry in json.loads(ask("/entries?after=2")[2])["entries"]] == [3]


def test_a_bots_message_that_is_edited_or_deleted_is_the_same_one_and_comes_again(ask: Ask, inbox: Inbox) -> None:
    def after(number: int) -> list[tuple[object, ...]]:
        entries = json.loads(ask(f"/entries?after={number}")[2])["entries"]
        return [
            (one["number"], one["changed"], one["payload"]["text"], one["post"]["is_edited"], one["post"]["is_deleted"])
            for one in entries
        ]

    ts = call(inbox, "chat.postMessage", text="1 failed")
    call(inbox, "chat.postMessage", text="the news", thread_ts=ts)
    assert after(0) == [(1, 1, "1 failed", False, False), (2, 2, "the news", False, False)]

    call(inbox, "chat.update", ts=ts, text="2 failed")
    assert after(2) == [(1, 3, "2 failed", True, False)]

    call(inbox, "chat.delete", ts=ts)
    assert after(3) == [(1, 4, "2 failed", True, True)]
    assert len(inbox.entries.after(0)) == 2


def test_the_page_is_told_where_a_bots_message_stands(ask: Ask, inbox: Inbox) -> None:
    channel = inbox.bot_of("payments")["channel"]
    ts = call(inbox, "chat.postMessage", text="1 failed", channel=channel)
    reply = call(inbox, "chat.postMessage", text="news", channel=channel, thread_ts=ts, reply_broadcast=True)

    parent, news = (entry["post"] for entry in json.loads(ask("/entries?after=0")[2])["entries"])

    is_as_it_was = {"is_edited": False, "is_deleted": False}
    where = {"channel": channel, "name": "payments"}
    assert parent == {**where, "ts": ts, "thread_ts": "", "is_broadcast": False, **is_as_it_was}
    assert news == {**where, "ts": reply, "thread_ts": ts, "is_broadcast": True, **is_as_it_was}


def test_a_call_that_slack_refuses_shows_nothing(inbox: Inbox) -> None:
    assert call(inbox, "chat.update", ts="1.0", text="x") == "message_not_found"
    assert call(inbox, "chat.delete", ts="1.0") == "message_not_found"
    assert call(inbox, "chat.postMessage") == "no_text"

    assert inbox.entries.after(0) == []


def test_a_question_that_waits_is_answered_when_something_arrives(ask: Ask, inbox: Inbox) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, "/entries?after=0&wait")
        post(inbox, {"text": "hello"})
        told = json.loads(waiting.result(timeout=30)[2])

    assert [entry["payload"] for entry in told["entries"]] == [{"text": "hello"}]


def test_a_page_of_another_inbox_is_answered_at_once(ask: Ask, inbox: Inbox) -> None:
    """Its numbers mean nothing here; it finds out by the session and starts anew."""
    post(inbox, {"text": "hello"})

    told = json.loads(ask("/entries?after=1&session=another&wait")[2])

    assert (told["entries"], told["session"]) == ([], inbox.entries.session)


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 5_000])
def test_a_number_that_is_none_asks_for_everything(ask: Ask, inbox: Inbox, after: str) -> None:
    post(inbox, {"text": "hello"})

    assert len(json.loads(ask(f"/entries?after={after}")[2])["entries"]) == 1


def test_an_inbox_that_closes_lets_everybody_go_who_waits() -> None:
    with ThreadPoolExecutor(1) as pool, Inbox(0) as inbox:
        connected = request(inbox.url, "/entries?after=0")
        waiting = pool.submit(request, inbox.url, "/entries?after=0&wait")
        inbox.entries.close()
        told = json.loads(waiting.result(timeout=30)[2])

    assert connected[0] == 200
    assert told["entries"] == []


def test_only_the_last_ones_are_kept(ask: Ask, inbox: Inbox) -> None:
    for number in range(MAX_ENTRIES + 7):
        inbox.show_event(f'{{"n": {number}}}')

    entries = json.loads(ask("/entries?after=0")[2])["entries"]

    assert len(entries) == MAX_ENTRIES
    assert (entries[0]["number"], entries[-1]["number"]) == (8, MAX_ENTRIES + 7)


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:8377", "127.0.0.1", "127.0.0.1:1"])
def test_a_name_that_is_not_ours_is_turned_away(ask: Ask, inbox: Inbox, host: str) -> None:
    """A web page elsewhere may point its own name at 127.0.0.1; it must read nothing and post nothing."""
    post(inbox, {"text": "hello"})

    for method, path in [("GET", "/"), ("GET", "/entries"), ("GET", "/messages.json"), ("POST", WEBHOOK_PATH)]:
        status, _, body = ask(path, method=method, body=b'{"text": "x"}' if method == "POST" else None, host=host)
        assert (status, b"hello" in body) == (421, False)
    assert len(inbox.messages) == 1


def test_localhost_is_a_name_of_ours(ask: Ask, inbox: Inbox) -> None:
    port = inbox.url.rpartition(":")[2]
    assert ask("/", host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("path", FILES)
def test_every_file_of_the_page_comes_with_a_strict_policy(ask: Ask, path: str) -> None:
    status, headers, body = ask(path)

    assert (status, bool(body), headers["X-Content-Type-Options"]) == (200, True, "nosniff")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/inbox.py", "/../receiver.py", "/%2e%2e/receiver.py", "/page/inbox.html"])
def test_no_other_file_is_served(ask: Ask, path: str) -> None:
    assert ask(path)[0] == 404


def test_the_page_holds_no_script_or_style_of_its_own_and_names_nobody_else(ask: Ask) -> None:
    for path in FILES:
        text = ask(path)[2].decode()
        addresses = [line for line in text.splitlines() if "src=" in line or "href=" in line or "url(" in line]
        assert not [line for line in addresses if "//" in line]
    page = ask("/")[2].decode()
    assert page.count("<script") == page.count('<script type="module" src="/inbox.js"></script>') == 1
    assert "<style" not in page
    assert " style=" not in page


def test_other_methods_change_nothing(ask: Ask) -> None:
    assert ask("/", method="DELETE")[0] == 405
