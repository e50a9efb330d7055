"""A bot's messages on the page: parents, threads and edits, live."""

from __future__ import annotations

import json

import pytest

from tests.inbox.conftest import arrived, call, section
from tests.inbox.test_page import CONTRASTS, choose
from tools.inbox.receiver import Inbox
from tools.maintain.chromium import Chromium

LINES = """[...document.querySelectorAll('%s')].map(article =>
    [...article.querySelectorAll(':scope > .words > :not(.sender):not(.thread)')]
        .map(one => one.textContent).join(' | '))"""
CHANNEL_LINES = LINES % "#channel > .message"
THREAD_LINES = LINES % ".thread .message"
SUMMARIES = "[...document.querySelectorAll('.thread:not([hidden]) > summary')].map(one => one.textContent)"
ROWS = "[...document.querySelectorAll('#list li')].map(row => row.querySelector('.row-title').textContent)"


def post(inbox: Inbox, text: str, ts: str = "", *, is_broadcast: bool = False) -> str:
    """A message, or a reply to that one."""
    return call(inbox, "chat.postMessage", text=text, thread_ts=ts, reply_broadcast=is_broadcast)


def edit(inbox: Inbox, ts: str, text: str) -> None:
    assert call(inbox, "chat.update", ts=ts, text=text, blocks=[]) == ts


def shows(browser: Chromium, expression: str, wanted: list[str]) -> None:
    browser.until(f"JSON.stringify({expression}) === JSON.stringify({json.dumps(wanted)})")


def test_a_reply_stands_in_the_thread_of_its_parent_which_counts_them(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    post(inbox, "first news", parent)
    shows(browser, SUMMARIES, ["1 reply Last reply today at 2:03 PM"])
    post(inbox, "second news", parent)

    shows(browser, SUMMARIES, ["2 replies Last reply today at 2:03 PM"])
    assert browser.ask(CHANNEL_LINES) == ["1 failed"]
    assert browser.ask(THREAD_LINES) == ["first news", "second news"]
    assert browser.ask(ROWS) == ["second news", "first news", "1 failed"]


def test_a_thread_is_closed_until_somebody_looks_at_one_of_its_replies(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    arrived(browser, 1)
    choose(browser, 1)
    inbox.show_event("{}")
    arrived(browser, 2)
    choose(browser, 2)
    post(inbox, "news", parent)
    arrived(browser, 3)
    is_open = "document.querySelector('.thread').open"
    assert browser.ask(is_open) is False

    choose(browser, 3)

    assert browser.ask(is_open) is True
    assert browser.ask("document.querySelector('.thread .is-selected').innerText").endswith("news")


def test_an_edit_shows_the_newest_state_in_its_old_place_and_says_so(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    post(inbox, "news", parent)
    post(inbox, "another run")
    arrived(browser, 3)
    choose(browser, 2)

    news = browser.ask("document.querySelectorAll('#list .is-new').length")
    edit(inbox, parent, "2 failed")
    shows(browser, CHANNEL_LINES, ["2 failed | (edited)", "another run"])
    edit(inbox, parent, "all passed")

    shows(browser, CHANNEL_LINES, ["all passed | (edited)", "another run"])
    assert browser.ask(THREAD_LINES) == ["news"]
    assert browser.ask("document.querySelector('.thread').open") is True  # who reads a thread goes on reading
    assert browser.ask("location.hash") == "#2"
    assert browser.ask(ROWS) == ["another run", "news", "all passed"]
    assert browser.ask("document.querySelectorAll('#list .is-new').length") == news  # an edit is no news
    browser.go(inbox.url)
    shows(browser, CHANNEL_LINES, ["all passed | (edited)", "another run"])  # and for who comes later


def test_a_broadcast_reply_stands_in_the_channel_too_and_names_its_thread(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    post(inbox, "news", parent, is_broadcast=True)

    shows(browser, CHANNEL_LINES, ["1 failed", "replied to a thread: 1 failed | news"])
    assert browser.ask(THREAD_LINES) == ["Also sent to the channel | news"]
    edit(inbox, parent, "2 failed")
    shows(browser, CHANNEL_LINES, ["2 failed | (edited)", "replied to a thread: 2 failed | news"])
    browser.ask("document.querySelector('.above a').click()")
    assert browser.ask("location.hash") == "#1"


def test_a_deleted_parent_leaves_its_place_and_its_thread(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    reply = post(inbox, "news", parent, is_broadcast=True)
    arrived(browser, 2)

    call(inbox, "chat.delete", ts=parent)

    gone = "This message was deleted."
    shows(browser, CHANNEL_LINES, [gone, "replied to a thread: a deleted message | news"])
    assert browser.ask(SUMMARIES) == ["1 reply Last reply today at 2:03 PM"]
    assert browser.ask(ROWS) == ["news", gone]
    call(inbox, "chat.delete", ts=reply)  # the last one below it
    arrived(browser, 0)
    assert browser.ask(CHANNEL_LINES) == []


def test_a_deleted_message_without_replies_is_gone(browser: Chromium, inbox: Inbox) -> None:
    post(inbox, "first")
    second = post(inbox, "second")
    arrived(browser, 2)

    call(inbox, "chat.delete", ts=second)

    arrived(browser, 1)
    assert browser.ask(CHANNEL_LINES) == ["first"]
    assert browser.ask("document.querySelector('.message.is-selected').innerText").endswith("first")
    browser.go(inbox.url)
    arrived(browser, 1)


def test_a_reader_can_delete_a_bots_message_as_in_slack(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    post(inbox, "news", parent)
    arrived(browser, 2)

    browser.ask("document.querySelector('#channel > .message .delete').click()")

    shows(browser, CHANNEL_LINES, ["This message was deleted."])
    assert [one.ts for one in inbox.workspace.messages if one.is_deleted] == [parent]
    inbox.show_slack({"text": "from a webhook"})  # nobody can delete that through a bot
    arrived(browser, 3)
    assert browser.ask("document.querySelectorAll('#channel > .message:last-child .delete').length") == 0


def test_equal_times_in_two_channels_are_two_messages(browser: Chromium, inbox: Inbox) -> None:
    for name in ("payments", "default"):
        channel = inbox.bot_of(name)["channel"]
        parent = call(inbox, "chat.postMessage", channel=channel, text=f"of {name}")
        call(inbox, "chat.update", channel=channel, ts=parent, text=f"still of {name}")

    shows(browser, CHANNEL_LINES, ["still of payments | (edited)", "still of default | (edited)"])
    assert browser.ask("[...document.querySelectorAll('.where')].map(one => one.textContent)") == [
        "in payments",
        "in default",
    ]


def test_a_reply_whose_parent_is_not_kept_any_more_stands_alone(browser: Chromium, inbox: Inbox) -> None:
    parent = post(inbox, "1 failed")
    for _ in range(500):
        inbox.show_event("{}")
    post(inbox, "news", parent)
    browser.go(inbox.url)

    shows(browser, CHANNEL_LINES, ["replied to a thread | news"])


@pytest.mark.parametrize("is_dark", [False, True])
def test_threads_are_readable_by_day_and_by_night(browser: Chromium, inbox: Inbox, is_dark: bool) -> None:  # noqa: FBT001 - a parameter
    browser.go(inbox.url, is_dark=is_dark)
    for _ in range(2):
        parent = post(inbox, "1 failed")
        edit(inbox, parent, "2 failed")
        post(inbox, "news", parent, is_broadcast=True)
    call(inbox, "chat.delete", ts=parent)
    arrived(browser, 4)
    browser.until("document.querySelector('.deleted')")

    parts = [".thread .number", ".thread .last", ".edited", ".above", ".above a", ".deleted", ".where"]
    seen = browser.ask(CONTRASTS % json.dumps(parts))

    assert {selector: round(contrast, 1) for selector, contrast in seen.items() if contrast < 4.5} == {}


def test_a_thread_fits_into_a_narrow_window(browser: Chromium, inbox: Inbox) -> None:
    parent = call(inbox, "chat.postMessage", **section("y" * 500))
    call(inbox, "chat.postMessage", thread_ts=parent, **section("x" * 500))
    browser.go(inbox.url, window=(360, 740))
    arrived(browser, 2)

    assert browser.ask("document.querySelector('.thread').open") is True
    for pane in ("html", "#pane", "#reader", ".thread"):
        size = f"(pane => pane.scrollWidth - pane.clientWidth)(document.querySelector('{pane}'))"
        assert browser.ask(size) <= 0
