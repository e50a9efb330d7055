"""Every channel keeps its limits and its word, whatever a digest holds: those registered, and the recipe's toy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import CHANNELS, channel_of, queued
from testmo_notifier.channels.render import Renderer
from testmo_notifier.errors import DeliveryDelayed
from testmo_notifier.model import (
    AGAIN,
    FAILING,
    FINISHED,
    FOLDED,
    PASSED_SINCE,
    REASONS,
    RECOVERED,
    Digest,
    Mention,
    Notification,
    QueuedMessage,
    Silenced,
)
from testmo_notifier.text.notes import note_text
from testmo_notifier.text.shortening import one_line
from tests.support.factories import make_digest, make_named, make_outgoing
from tests.support.toy import TOY
from tools.settings.samples import NAMES, samples

pytestmark = pytest.mark.usefixtures("toy")
EVERY = (*CHANNELS.values(), TOY)
QUEUED = (*queued(), TOY)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MAX_PUBLISH_BYTES = 256 * 1024  # SNS, attributes included
MAX_SUBJECT_CHARS = 99
CALLERS = {"user", "usergroup", "broadcast", "channel", "team"}  # elements of rich text that notify somebody
TYPED = (
    "<!here> <!channel> <@U012AB3CD> <#C012AB3CD> @here @channel",
    "*b* _i_ ~s~ `c` ```block``` :x: > quote & < > &lt; {{ 7 * 7 }} {% for %}",
    "\u202ebackwards\u202c \u200b\u200d\ufeff \ufdd0\ufddc\ufddf\U000f0041",
    "\x00\x1b[31mred\x1b[0m\r\nInjected: header\ttab\x07",
    "\ud800 lone surrogate",
    "👩\u200d👩\u200d👧\u200d👦" * 200,
    "a&<>" * 5_000,
    "",
    "   ",
)


def everywhere(typed: str, about: str = FAILING, *, is_apart: bool = True) -> Digest:
    """A digest in which a text stands wherever somebody may type one, for fifty tests, as `notices.digest` takes it."""
    note, raw, typed = note_text(escape(typed), 500), typed, one_line(typed, 100)
    results = [
        make_named(
            n,
            case_name=typed,
            status=typed,
            created_by_name=typed,
            assignee=typed,
            note=f"{n if is_apart else ''}{note}",
            reason=REASONS[n % len(REASONS)] if is_apart else AGAIN,
            streak=3,
            since=NOW,
        )
        for n in range(1, 51)
    ]
    words = dict.fromkeys(("run_name", "project_name", "milestone", "configuration"), typed)
    mentions = (Mention(raw), Mention(raw, 7), Mention(raw, is_group=True))
    return make_digest(results, total=5_000, about=about, mentions=mentions, routes=(typed,), **words)


def everywhere_held(typed: str) -> Digest:
    """The same of what was held: some of it has passed since, some is silenced."""
    digest = everywhere(typed)
    results = (*digest.results[:25], *(replace(one, reason=PASSED_SINCE) for one in digest.results[25:]))
    held = replace(digest, results=results, held_since=NOW, passed_since=25, omitted=digest.total - 25)
    return replace(held, silenced=(Silenced(3, typed, NOW), Silenced(4, typed, NOW)))


def everywhere_folded(typed: str, *, is_apart: bool = True) -> Digest:
    """The same of many runs, whose causes are equal or each its own."""
    parts = []
    for run in range(45):
        part = replace(everywhere_held(typed), run_id=run, run_url=f"https://example.testmo.net/runs/view/{run}")
        results = [replace(one, note=f"{run if is_apart else ''}{one.note}") for one in part.results[:6]]
        rest = (replace(everywhere(typed, RECOVERED), results=()), replace(everywhere(typed, FINISHED), results=()))
        parts.append(replace(part, results=tuple(results), parts=rest))
    facts: dict[str, Any] = dict.fromkeys(("run_name", "run_url"), "") | {"run_id": 0, "results": (), "about": FOLDED}
    counts = {status: 45 * n for status, n in parts[0].counts.items()}
    whole = replace(everywhere(typed), counts=counts, total=45 * 5_000, omitted=45 * 4_994, parts=tuple(parts))
    return replace(whole, **facts)


def in_folders(digest: Digest, typed: str) -> Digest:
    """The same, the tests of each run in a folder of its own."""
    name = one_line(typed, 80) or None
    parts = [
        replace(part, results=tuple(replace(one, folder_id=part.run_id, folder=name) for one in part.results))
        for part in digest.parts
    ]
    return replace(digest, parts=tuple(parts))


def calls(part: object) -> Iterator[object]:
    """Whatever in a payload notifies somebody: an element, or mrkdwn that does."""
    if isinstance(part, dict):
        if part.get("type") in CALLERS:
            yield part
        if part.get("type") in (None, "mrkdwn") and re.search(r"<(!(?!date)|@|#)", str(part.get("text", ""))):
            yield part["text"]
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from calls(inner)


def hostile() -> Iterator[tuple[str, Digest]]:
    for number, typed in enumerate(TYPED):
        yield f"typed {number}", everywhere(typed)
        yield f"typed {number}, the same", everywhere(typed, is_apart=False)
        yield f"typed {number}, recovered", everywhere(typed, RECOVERED)
        yield f"typed {number}, finished", everywhere(typed, FINISHED)
        yield f"typed {number}, held", everywhere_held(typed)
        yield f"typed {number}, folded", everywhere_folded(typed)
        yield f"typed {number}, folded, the same", everywhere_folded(typed, is_apart=False)
        yield f"typed {number}, folded, in folders", in_folders(everywhere_folded(typed), typed)
    yield from ((name, sample.digest) for name, sample in samples(NAMES).items())


HOSTILE = dict(hostile())


def render(channel: Channel, digest: Digest, overrides: Path | None = None) -> Notification:
    return Renderer(ZoneInfo("UTC"), overrides).notification(make_outgoing(digest, channel.default))


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("channel", EVERY, ids=lambda channel: channel.name)
def test_a_hostile_digest_is_a_message_within_the_limits_that_calls_nobody(channel: Channel, case: str) -> None:
    told = render(channel, HOSTILE[case])

    assert told.channel == channel.name
    assert told.message.strip()
    assert len(told.message.encode("utf-8", "surrogatepass")) + 4_096 <= MAX_PUBLISH_BYTES
    assert len(told.subject) <= MAX_SUBJECT_CHARS
    assert not any(category(char) == "Cc" for char in told.subject)
    if channel.is_queued:
        assert list(calls(json.loads(told.message))) == []
        assert channel.transport().problem(told.message) is None


@pytest.mark.parametrize("channel", EVERY, ids=lambda channel: channel.name)
def test_a_channel_knows_its_own_destinations_and_no_others(channel: Channel) -> None:
    assert channel_of(channel.default) is channel
    others = [other for other in CHANNELS.values() if other is not channel]
    assert not any(other.takes(channel.default) for other in others)
    for wrong in ("", channel.name + ":", f"{channel.name}:Upper", f"{channel.name}:a b", f"{channel.name}:x\n"):
        assert not channel.takes(wrong)


@pytest.mark.parametrize("channel", EVERY, ids=lambda channel: channel.name)
def test_a_channels_templates_are_the_files_in_its_folder(channel: Channel) -> None:
    assert {path.name for path in channel.templates.glob("*")} == set(channel.rendering().max_weight)


@pytest.mark.parametrize(
    "channel", [one for one in EVERY if one.rendering().max_weight], ids=lambda channel: channel.name
)
def test_a_template_that_breaks_loses_no_message(channel: Channel, tmp_path: Path) -> None:
    for name in channel.rendering().max_weight:
        (tmp_path / name).write_text("{{ 1 / 0 }}", "utf-8")

    digest = make_digest([make_named()])
    assert render(channel, digest, tmp_path).message == render(channel, digest).message


@pytest.mark.parametrize("channel", QUEUED, ids=lambda channel: channel.name)
def test_a_refused_message_has_a_plainer_form_that_is_a_message_too(channel: Channel) -> None:
    transport, told = channel.transport(), render(channel, HOSTILE["typed 1"])
    plainer = transport.plainer(told.message)

    assert transport.problem(plainer) is None
    assert transport.plainer(plainer) == plainer


@pytest.mark.parametrize("body", ["", "hello", "[]", "{}", "null", "[" * 100_000, '{"text": 5}', '{"text": ""}'])
@pytest.mark.parametrize("channel", QUEUED, ids=lambda channel: channel.name)
def test_what_is_no_message_has_a_reason_and_is_no_alarm(channel: Channel, body: str) -> None:
    transport = channel.transport()

    assert transport.problem(body)
    assert transport.alarm(QueuedMessage("q", "h", 1, body)) is None


@pytest.mark.parametrize("secret", ["", "{}", "[]", "nonsense XsecretX", '{"Bad Name": "XsecretX"}', '{"a": 5}'])
@pytest.mark.parametrize("channel", QUEUED, ids=lambda channel: channel.name)
def test_a_wrong_secret_gives_problems_that_quote_nothing_of_it(channel: Channel, secret: str) -> None:
    addresses, problems = channel.transport().read_secret(secret)

    assert not addresses
    assert "XsecretX" not in " ".join(problems)
    assert all(problem.text and problem.next_step for problem in problems)


@pytest.mark.parametrize("channel", QUEUED, ids=lambda channel: channel.name)
def test_an_address_that_nobody_answers_means_try_again(channel: Channel) -> None:
    transport = channel.transport()
    with pytest.raises(DeliveryDelayed):
        transport.post(new_pool(), "http://127.0.0.1:1/", transport.test_message("hello"), NOW)


@pytest.mark.parametrize("channel", QUEUED, ids=lambda channel: channel.name)
def test_a_test_message_is_a_message_that_says_what_it_is_for(channel: Channel) -> None:
    made = channel.transport().test_message("[TEST] hello")

    assert channel.transport().problem(made) is None
    assert "[TEST] hello" in json.dumps(json.loads(made), ensure_ascii=False)


@pytest.mark.parametrize("channel", QUEUED, ids=lambda channel: channel.name)
def test_alarms_try_every_destination_once(channel: Channel) -> None:
    order = channel.transport().for_alarms({"b": "", "default": "", "a": ""})

    assert sorted(order) == ["a", "b", "default"]
    assert channel.transport().for_alarms({}) == []
