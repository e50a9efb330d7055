"""The page in a real browser: what a person sees of a message, live, by keyboard, by day and by night."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.inbox.conftest import arrived, post, section
from tools.inbox.receiver import Inbox
from tools.maintain.chromium import Chromium
from tools.maintain.pictures import START
from tools.settings.rehearsal import rehearse

# The contrast of each kind of text to what lies behind it, https://www.w3.org/TR/WCAG21/#contrast-minimum.
CONTRASTS = """(() => {
    const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (element) => {
        const ground = getComputedStyle(element).backgroundColor;
        return /, 0\\)|\\/ 0\\)|color\\(/.test(ground) ? behind(element.parentElement) : ground;
    };
    const found = {};
    for (const selector of %s) {
        const element = document.querySelector(selector);
        const pair = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
        found[selector] = (pair[0] + 0.05) / (pair[1] + 0.05);
    }
    return found;
})()"""


def choose(browser: Chromium, number: int) -> None:
    browser.ask(f"document.querySelector('#list a[href=\"#{number}\"]').click()")


def test_a_release_day_is_shown_with_names_links_dates_and_quotes(browser: Chromium, inbox: Inbox) -> None:
    sent = rehearse("release-day", start=START)
    for one in sent:
        inbox.show(one.notification.channel, one.notification.message, subject=one.notification.subject)
    arrived(browser, len(sent))

    first = browser.ask("document.querySelector('.message').innerText")
    for words in ("1 failed: Release 4.2 regression", "Login with an expired password", "Ada Lovelace", "SHOP-123"):
        assert words in first
    assert "Today 2:03 PM" in first
    links = browser.ask("[...document.querySelectorAll('.message a')].map(link => link.href)")
    assert "https://example.testmo.net/runs/view/1?test_id=6" in links
    quote = browser.ask("document.querySelector('.message blockquote').innerText")
    assert quote.startswith("Login page shows a blank screen")
    assert browser.ask("[...document.querySelectorAll('#filters span')].map(span => span.textContent)") == [
        "15", "5", "5", "5",
    ]  # fmt: skip

    choose(browser, 2)
    mail = browser.ask("document.querySelector('.mail').innerText")
    assert mail.startswith("[Testmo] 1 failed: Release 4.2 regression")
    assert "qa@example.com" in mail
    assert browser.ask("document.querySelector('.mail .body a').href") == "https://example.testmo.net/runs/view/1"

    choose(browser, 3)
    event = json.loads(browser.ask("document.querySelector('.event .json').innerText"))
    assert event == json.loads(sent[2].notification.message)


def test_hostile_text_is_only_text(browser: Chromium, inbox: Inbox) -> None:
    trap = "<img src=x onerror='window.trapped = 1'><script>window.trapped = 1</script>"
    for one in rehearse("hostile-text", start=START):
        inbox.show(one.notification.channel, one.notification.message, subject=one.notification.subject)
    inbox.show_slack({"text": trap, "blocks": [{"type": trap}, {"type": "header", "text": {"text": trap}}]})
    inbox.show_slack({"text": "x", **section(f"{trap} <data:text/html,{trap}|x> *{trap}* `{trap}`")})
    inbox.show_slack({"text": "*_~" * 5_000 + "x" * 5_000})
    inbox.show_mail(subject=trap, sender=trap, to=trap, body=f"{trap} javascript:alert(1) " + "x" * 5_000)
    inbox.show_event(json.dumps({"run": {"name": trap}, "counts": {trap: trap}}))
    inbox.show_event(trap)
    arrived(browser, 9)

    for number in range(1, 10):
        choose(browser, number)
        assert browser.ask("document.querySelectorAll('main script, main iframe, main [onerror]').length") == 0
        assert browser.ask("[...document.querySelectorAll('main img')].every(img => img.src.endsWith('/icon.svg'))")
        assert browser.ask("[...document.querySelectorAll('main a')].every(a => /^https?:/.test(a.href))")
        for pane in ("html", "#pane", "#reader"):  # nothing sticks out
            size = f"(pane => pane.scrollWidth - pane.clientWidth)(document.querySelector('{pane}'))"
            assert browser.ask(size) <= 0
    assert browser.ask("typeof window.trapped") == "undefined"
    assert browser.ask("document.getElementById('state').textContent") == "Live"


def test_even_a_mistake_of_ours_would_run_no_script(browser: Chromium) -> None:
    """The policy is a second wall: HTML from text is refused by the browser itself."""
    refused = browser.ask(
        "(() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } })()"
    )
    assert refused == "TypeError"


def test_what_arrives_is_shown_without_a_reload_and_told_to_screen_readers(browser: Chromium, inbox: Inbox) -> None:
    assert browser.ask("document.getElementById('empty').hidden") is False

    post(inbox, section("first"))
    arrived(browser, 1)
    inbox.show_mail(subject="a mail", sender="a", to="b", body="c")
    arrived(browser, 2)

    assert browser.ask("document.querySelector('.message.is-selected').innerText").endswith("first")
    assert browser.ask("document.getElementById('news').textContent") == "New in Mail: a mail"
    assert browser.ask("document.querySelectorAll('#list .is-new').length") == 1
    assert browser.ask("document.title") == "(1) Inbox · Testmo Notifier"


def test_a_reader_of_an_older_message_is_not_interrupted(browser: Chromium, inbox: Inbox) -> None:
    post(inbox, section("first"))
    post(inbox, section("second"))
    arrived(browser, 2)
    choose(browser, 1)

    post(inbox, section("third"))
    arrived(browser, 3)

    assert browser.ask("location.hash") == "#1"
    choose(browser, 3)
    post(inbox, section("fourth"))
    browser.until("location.hash === '#4'")


def test_it_survives_an_inbox_that_ends_and_comes_back(chromium: Chromium) -> None:
    with Inbox(0) as inbox:
        port = urlsplit(inbox.url).port or 0
        inbox.show_slack(section("before"))
        chromium.go(inbox.url)
        arrived(chromium, 1)
    chromium.until("document.getElementById('state').dataset.is === 'lost'")
    assert "before" in chromium.ask("document.querySelector('.message').innerText")

    with Inbox(port) as inbox:
        inbox.show_slack(section("after"))
        chromium.until("document.querySelector('.message')?.innerText.endsWith('after')")
        assert chromium.ask("document.querySelectorAll('#list li').length") == 1
        chromium.go("about:blank")


def test_the_keyboard_reaches_everything(browser: Chromium, inbox: Inbox) -> None:
    for number in (1, 2, 3):
        post(inbox, section(f"message {number}"))
    inbox.show_event("{}")
    arrived(browser, 4)

    def after(*keys: str) -> str:
        for key in keys:
            browser.press(key)
        return str(browser.ask("document.activeElement.getAttribute('href') + ' ' + location.hash"))

    assert after("Home") == "#4 #4"
    assert after("j") == "#3 #3"
    assert after("ArrowDown", "j", "j") == "#1 #1"  # and no further
    assert after("k") == "#2 #2"
    assert after("4") == "#4 #4"  # events alone
    assert browser.ask("document.querySelectorAll('#list li:not([hidden])').length") == 1
    browser.press("1")
    browser.press("?")
    assert browser.ask("document.getElementById('help').open")
    assert browser.ask("document.activeElement.textContent") == "Close"
    focus = browser.ask("getComputedStyle(document.activeElement).outlineStyle")
    assert focus == "solid"


def test_the_list_is_one_stop_of_the_tab_key(browser: Chromium, inbox: Inbox) -> None:
    for number in (1, 2, 3):
        post(inbox, section(f"message {number} <https://example.com/{number}|x>"))
    arrived(browser, 3)
    stops = "[...document.querySelectorAll('#list a')].filter(a => a.tabIndex === 0).map(a => a.hash)"
    here = "document.activeElement.id || document.activeElement.getAttribute('href')"

    assert browser.ask(stops) == ["#3"]
    browser.ask("document.getElementById('help-button').focus()")
    browser.press("Tab")
    assert browser.ask(here) == "#3"
    browser.press("ArrowDown")
    assert browser.ask(here) == "#2"
    assert browser.ask(stops) == ["#2"]
    browser.press("Tab")
    assert browser.ask(here) == "https://example.com/1"  # past the other rows, into the messages
    browser.press("Shift+Tab")
    assert browser.ask(here) == "#2"
    browser.press("3")  # no mail is there
    inbox.show_mail(subject="first mail", sender="a", to="b", body="c")
    arrived(browser, 4)
    assert browser.ask(stops) == ["#4"]


def test_a_mail_shows_the_link_to_unsubscribe_as_what_aws_adds(browser: Chromium, inbox: Inbox) -> None:
    inbox.show_mail(subject="a", sender="b", to="qa@example.com", body="the body")
    arrived(browser, 1)

    added = browser.ask("document.querySelector('.mail .appended').innerText")
    assert "unsubscribe.html?SubscriptionArn=…&Endpoint=qa@example.com" in added
    assert "Added by AWS, not by Testmo Notifier." in added
    assert browser.ask("document.querySelector('.mail .body').innerText") == "the body"
    assert browser.ask("document.querySelectorAll('.appended a').length") == 0


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_text_is_readable_by_day_and_by_night(browser: Chromium, inbox: Inbox, is_dark: bool) -> None:  # noqa: FBT001 - a parameter
    browser.go(inbox.url, is_dark=is_dark)
    blocks = [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}]}]
    post(inbox, {"text": "x", "blocks": [*section("<https://example.com|x> `x` <!here> y")["blocks"], *blocks]})
    inbox.show_mail(subject="a", sender="b", to="c", body="d https://example.com")
    inbox.show_event('{"schema": 1, "id": "x"}')
    arrived(browser, 3)
    slack = [".words p", ".words a", ".words code", ".mention", ".context", ".stamp", ".day", ".badge"]
    frame = [".kind-slack", ".kind-email", ".kind-event", ".row-snippet", ".row time", ".state", ".filters button"]
    seen = browser.ask(CONTRASTS % json.dumps([*slack, *frame, ".filters button:nth-child(2)"]))
    choose(browser, 2)
    seen |= browser.ask(
        CONTRASTS % json.dumps([".mail h2", ".mail a", ".facts dt", ".appended p", ".appended figcaption"])
    )
    choose(browser, 3)
    seen |= browser.ask(CONTRASTS % json.dumps([".json .key", ".json .string", ".json .literal"]))

    assert {selector: round(contrast, 1) for selector, contrast in seen.items() if contrast < 4.5} == {}


def test_nothing_is_loaded_from_elsewhere(browser: Chromium, inbox: Inbox) -> None:
    post(inbox, section("<https://example.com/picture.png|x>"))
    arrived(browser, 1)

    loaded = browser.ask("performance.getEntriesByType('resource').map(entry => entry.name)")

    assert loaded
    assert all(name.startswith(inbox.url) for name in loaded)


def test_a_narrow_window_has_list_and_message_below_each_other(browser: Chromium, inbox: Inbox) -> None:
    post(inbox, section("x" * 500))
    arrived(browser, 1)
    browser.go(inbox.url, window=(390, 800))
    arrived(browser, 1)

    assert browser.ask("document.getElementById('pane').getBoundingClientRect().width") == 390
    assert browser.ask("document.documentElement.scrollWidth") == 390
