"""Rule 20: what is held is told when its cause ends, exactly, and as it is then. Rule 21: what is silenced, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest

from testmo_notifier.adapters.items import control_from
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import (
    FAILING,
    FINISHED,
    FOLDED,
    RECOVERED,
    Digest,
    Notification,
    Outgoing,
    Silence,
    Silenced,
)
from testmo_notifier.poll import poll
from tests.flow.test_routes import follow
from tests.support.factories import START
from tests.support.fakes import FakeMailboxes
from tests.support.story import Story, playing
from tools.simulator.model import Run

FAILED, BLOCKED, PASSED = 3, 5, 2


class Recording:
    """A renderer that keeps what it rendered."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.problems = renderer.problems
        self.seen: list[Outgoing] = []

    def notification(self, outgoing: Outgoing) -> Notification:
        self.seen.append(outgoing)
        return self._renderer.notification(outgoing)


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        yield story


def calm(text: str, route: str = "", to: str = "slack:default") -> str:
    """A file with one route, and the options of where that leads."""
    return f'[[routes]]\nto = ["{to}"]\n{route}\n[destinations."{to}"]\n{text}\n'


def begin(story: Story, text: str, boxes: FakeMailboxes | None = None) -> Run:
    """Poll by these routes, with a run that is watched."""
    follow(story, text)
    story.settings["mailboxes"] = boxes
    return story.add_run_and_poll()


def tell_one_and_hold_one(story: Story) -> None:
    """A failure is told, and the next one of its run comes a minute later: that is held for 15."""
    run = begin(story, calm('at_most_every = "15m"'))
    for number in (1, 2):
        story.fail_and_poll(run, number)


def told(story: Story, destination: str = "slack:default") -> list[Digest]:
    """What went there."""
    seen: list[Outgoing] = story.renderer.seen  # type: ignore[attr-defined]
    return [one.digest for one in seen if one.destination == destination]


def hour(hours: float) -> str:
    """A time of day, so many hours after the beginning."""
    return (START + timedelta(hours=hours)).strftime("%H:%M")


def test_what_comes_in_the_quiet_is_told_in_one_message_when_that_ends(story: Story) -> None:
    follow(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}'))
    run, other = story.add_run(), story.add_run("Nightly")
    story.poll()
    story.fail_and_poll(run, 1)
    story.save(run, 2)
    story.save(other, 1, BLOCKED)
    story.wait_and_poll(2)
    assert (told(story), story.total) == ([], 3)

    story.wait_and_poll(58)
    [digest] = told(story)
    assert (digest.about, digest.total, digest.counts) == (FOLDED, 3, {"Failed": 2, "Blocked": 1})
    story.wait_and_poll(3)
    assert len(told(story)) == 1


def test_the_log_says_how_many_messages_a_poll_held_and_why(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}'))
    other, silenced = story.add_run("Nightly"), story.add_run("Weekly")
    match = {"run": ("Weekly",)}
    story.store.put_silence(Silence("s1", story.time + timedelta(hours=2), "Ada", "a deploy", story.time, match))
    story.wait_and_poll()
    for one in (run, other, silenced):
        story.save(one, 1)
    story.save(run, 2)
    said = [story.wait_and_poll().to_json().get("held") for _ in range(2)]

    assert said == [{"quiet": 2, "silence": 1}, None]


def test_one_run_alone_is_told_as_ever(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}'))
    for number in (1, 2, 3):
        story.fail_and_poll(run, number)
    story.wait_and_poll(60)
    [digest] = told(story)
    assert (digest.run_id, digest.total, len(digest.results)) == (run.id, 3, 3)


ASKING = 'notify = ["new", "again", "recovered", "finished"]'


@pytest.mark.parametrize(
    "option",
    [
        f'quiet = {{ from = "{hour(0.05)}", to = "{hour(1)}" }}',
        f'digest_at = ["{hour(0.05)}", "{hour(1)}"]',
        'at_most_every = "55m"',
    ],
)
def test_of_one_run_one_message_tells_what_fails_what_passed_again_and_that_it_is_over(
    story: Story, option: str
) -> None:
    run = begin(story, calm(option, ASKING))
    story.save(run, 1)
    story.wait_and_poll(4)
    assert [(digest.total, digest.parts) for digest in told(story)] == [(1, ())]

    story.save(run, 1, PASSED)
    story.save(run, 2)
    story.fail_and_poll(run, 3)
    story.save(run, 3, PASSED)
    story.world.close_run(run)
    story.wait_and_poll(12)
    assert len(told(story)) == 1

    story.wait_and_poll(45)
    [digest] = told(story)[1:]
    assert (digest.about, digest.counts, digest.passed_since) == (FAILING, {"Failed": 1}, 1)
    assert [(part.about, part.total) for part in digest.parts] == [(RECOVERED, 1), (FINISHED, 1)]
    assert story.topic.notifications[-1].reasons == ("new", "recovered", "finished")
    assert story.store.sent(run.id)[-1].keys == digest.keys
    story.wait_and_poll(60)
    assert (len(told(story)), story.store.held_until(None)) == (2, ([], []))


def test_what_passed_meanwhile_is_said_so(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}'))
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    story.save(run, 1, PASSED)
    story.wait_and_poll(60)
    [digest] = told(story)
    assert (digest.total, digest.passed_since) == (1, 1)


@pytest.mark.parametrize("option", [f'digest_at = "{hour(0.5)}"', 'at_most_every = "25m"'])
def test_what_passed_before_a_time_or_in_a_pause_is_said_so(story: Story, option: str) -> None:
    run = begin(story, calm(option))
    story.fail_and_poll(run, 3)
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    story.save(run, 1, PASSED)
    story.wait_and_poll(30)
    assert sum(digest.total for digest in told(story)) == 2
    assert told(story)[-1].passed_since == 1


def test_statuses_that_are_excepted_go_at_once(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}\nquiet_except = ["Blocked"]'))
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}]
    story.wait_and_poll(60)
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}, {"Failed": 1}]


def test_news_of_a_run_come_at_most_so_often(story: Story) -> None:
    follow(story, calm('at_most_every = "15m"'))
    run, other = story.add_run(), story.add_run("Nightly")
    story.poll()
    for number in (1, 2, 3):
        story.fail_and_poll(run, number)
    story.fail_and_poll(other, 1)
    assert [(digest.run_id, digest.total) for digest in told(story)] == [(run.id, 1), (other.id, 1)]
    story.wait_and_poll(15)
    assert [(digest.run_id, digest.total) for digest in told(story)][2:] == [(run.id, 2)]
    story.save(run, 4)
    story.wait_and_poll(3)
    assert len(told(story)) == 3
    story.wait_and_poll(15)
    assert [(digest.run_id, digest.total) for digest in told(story)][3:] == [(run.id, 1)]
    story.wait_and_poll(30)
    story.fail_and_poll(run, 5)
    assert [(digest.run_id, digest.total) for digest in told(story)][4:] == [(run.id, 1)]
    assert story.store.held_until(None) != ([], [])
    story.wait_and_poll(20)
    assert story.store.held_until(None) == ([], [])


def test_news_are_collected_for_the_times_of_a_destination(story: Story) -> None:
    run = begin(story, calm(f'digest_at = ["{hour(0.5)}", "{hour(1)}"]'))
    story.fail_and_poll(run, 1)
    story.save(run, 2)
    story.wait_and_poll(27)
    assert told(story) == []
    story.wait_and_poll(3)
    story.fail_and_poll(run, 3)
    assert [digest.total for digest in told(story)] == [2]
    story.wait_and_poll(30)
    assert [digest.total for digest in told(story)] == [2, 1]


def test_many_runs_at_once_are_one_message(story: Story) -> None:
    follow(story, calm("fold = 2"))
    runs = [story.add_run(f"Run {number}") for number in range(4)]
    story.poll()
    for run in runs[:2]:
        story.save(run, 1)
    story.wait_and_poll()
    assert sorted(digest.run_id for digest in told(story)) == sorted(run.id for run in runs[:2])
    for run in runs:
        story.save(run, 2)
    story.wait_and_poll()
    [digest] = told(story)[2:]
    assert (digest.about, digest.total, len(digest.parts)) == (FOLDED, 4, 4)


def test_a_silence_holds_what_it_matches_and_tells_it_once_at_its_end(story: Story) -> None:
    follow(story, calm(""))
    run, other = story.add_run(), story.add_run("Nightly")
    story.poll()
    silence = Silence("s1", story.time + timedelta(hours=1), "Ada", "a deploy", story.time, {"run": ("Nightly",)})
    story.store.put_silence(silence)
    for one in (run, other):
        story.save(one, 1)
        story.save(one, 2)
    story.wait_and_poll()
    story.save(other, 1, PASSED)
    story.wait_and_poll(30)
    assert [digest.run_id for digest in told(story)] == [run.id]
    story.wait_and_poll(31)
    assert [(digest.run_id, digest.total, digest.passed_since) for digest in told(story)[1:]] == [(other.id, 1, 1)]


def test_what_was_held_says_what_is_silenced_when_it_is_told(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}'))
    end = story.time + timedelta(hours=2)
    story.store.put_silence(Silence("s1", end, "Ada", "a deploy", story.time, {"status": (BLOCKED,)}))
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.save(run, 3, BLOCKED)
    story.wait_and_poll()
    story.save(run, 3, PASSED)
    story.wait_and_poll()
    story.wait_and_poll(59)
    assert [(digest.total, digest.silenced) for digest in told(story)] == [(1, (Silenced(1, "Ada", end),))]
    story.wait_and_poll(61)
    assert [(digest.total, digest.silenced) for digest in told(story)[1:]] == [(1, ())]


def test_options_that_change_release_what_they_held(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(5)}" }}'))
    story.save(run, 1)
    story.wait_and_poll(3)
    assert told(story) == []
    follow(story, calm(""))
    story.wait_and_poll()
    assert [digest.total for digest in told(story)] == [1]


def test_a_quiet_or_a_pause_that_is_made_shorter_ends_sooner(story: Story) -> None:
    rooms = '[[routes]]\nto = ["slack:default", "slack:payments"]\n[destinations."slack:default"]\n'
    quiet, pause = 'quiet = {{ from = "{}", to = "{}" }}\n', '[destinations."slack:payments"]\nat_most_every = "{}"\n'
    run = begin(story, rooms + quiet.format(hour(-1), hour(5)) + pause.format("60m"))
    for number in (1, 2):
        story.fail_and_poll(run, number)
    follow(story, rooms + quiet.format(hour(-1), hour(0.5)) + pause.format("10m"))
    story.wait_and_poll(9)
    assert (told(story), [digest.total for digest in told(story, "slack:payments")]) == ([], [1])
    story.wait_and_poll(3)
    assert (told(story), [digest.total for digest in told(story, "slack:payments")]) == ([], [1, 1])
    story.wait_and_poll(18)
    assert [digest.total for digest in told(story)] == [2]


def test_where_nothing_can_be_held_nobody_looks_for_it_and_nothing_is_kept_of_it(story: Story) -> None:
    run = begin(story, calm("lines = 10"))
    story.save(run, 1)
    with patch.object(story.store, "held_of", wraps=story.store.held_of) as looked:
        story.wait_and_poll()
    assert (looked.call_count, control_from(story.store.items["CONTROL"]).watching.held_by) == (0, None)
    assert [digest.total for digest in told(story)] == [1]


def test_a_pause_goes_on_whatever_else_changes(story: Story) -> None:
    tell_one_and_hold_one(story)
    follow(story, calm('at_most_every = "15m"\nfold = 9'))
    story.wait_and_poll(12)
    assert [digest.total for digest in told(story)] == [1]
    story.wait_and_poll(3)
    assert [digest.total for digest in told(story)] == [1, 1]


def test_what_is_held_for_a_destination_that_no_route_names_goes_to_those_that_catch_all(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(5)}" }}', to="slack:payments"))
    story.fail_and_poll(run, 1)
    follow(story, calm(""))
    story.wait_and_poll()
    assert (told(story, "slack:payments"), len(told(story))) == ([], 1)


def test_somebody_who_drains_is_told_what_is_held(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(5)}" }}'))
    story.fail_and_poll(run, 1)
    poll(story.setup(), drain=True)
    assert [digest.total for digest in told(story)] == [1]
    assert story.store.held_until(None) == ([], [])


def test_somebody_who_drains_is_told_what_is_silenced(story: Story) -> None:
    run = begin(story, calm(""))
    story.store.put_silence(Silence("s1", story.time + timedelta(hours=1), "Ada", "a deploy", story.time))
    story.fail_and_poll(run, 1)
    assert told(story) == []
    poll(story.setup(), drain=True)
    assert [(digest.total, digest.silenced) for digest in told(story)] == [(1, ())]


def test_who_drains_leaves_no_pace_behind_that_an_older_version_would_not_take_away(story: Story) -> None:
    tell_one_and_hold_one(story)
    poll(story.setup(), drain=True)
    assert ([digest.total for digest in told(story)], story.store.held_until(None)) == ([1, 1], ([], []))


def test_a_silence_that_somebody_ends_before_its_time_is_told_then(story: Story) -> None:
    run = begin(story, calm(""))
    silence = Silence("s1", story.time + timedelta(hours=9), "Ada", "a deploy", story.time)
    story.store.put_silence(silence)
    story.save(run, 1)
    story.wait_and_poll(2)
    assert told(story) == []
    story.store.put_silence(replace(silence, until=story.time))
    story.wait_and_poll()
    assert [digest.total for digest in told(story)] == [1]


def test_a_run_is_read_on_while_its_messages_cannot_leave(story: Story) -> None:
    run = begin(story, calm(""))
    story.topic.refused = {"slack:default"}
    for number in range(1, 5):
        story.save(run, number)
        report = story.wait_and_poll()
    assert (report.pending, story.total) == (1, 4)  # programs hear of all of it meanwhile
    story.topic.refused = set()
    story.wait_and_poll(2)
    assert [digest.total for digest in told(story)][-2:] == [1, 3]


def test_what_went_to_a_mailbox_before_its_end_was_seen_is_told_to_those_that_catch_all(story: Story) -> None:
    rest = '[[routes]]\ncatch_all = true\nto = ["slack:default"]\n'
    boxes = FakeMailboxes(routed=["email:qa"])
    run = begin(story, '[[routes]]\nmatch = { run = "Rel*" }\nto = ["email:qa"]\n' + rest, boxes)
    story.fail_and_poll(run, 1)
    assert (len(told(story, "email:qa")), told(story)) == (1, [])
    boxes.now_lost = {"email:qa"}
    story.wait_and_poll(65)
    assert [digest.total for digest in told(story)] == [1]
    assert story.store.held_until(None) == ([], [])


def test_what_is_held_on_purpose_is_not_late(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(5)}" }}'))
    story.save(run, 1)
    reports = [story.wait_and_poll() for _ in range(90)]
    assert {(report.status, report.lag_seconds, report.pending) for report in reports} == {("ok", 0.0, 0)}
    assert told(story) == []


@pytest.mark.parametrize(
    ("evening", "told_at"),
    [
        ("2026-10-24T19:00:00+00:00", "2026-10-25T07:00:00+00:00"),
        ("2026-03-28T19:00:00+00:00", "2026-03-29T06:00:00+00:00"),
    ],
    ids=["clocks go back", "clocks go forward"],
)
def test_a_night_in_which_the_clocks_change_ends_by_the_clocks_of_the_destination(evening: str, told_at: str) -> None:
    with playing() as story:
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        story.time = datetime.fromisoformat(evening)
        run = begin(story, calm('time_zone = "Europe/Berlin"\nquiet = { from = "18:00", to = "08:00" }'))
        story.fail_and_poll(run, 1)
        story.time = datetime.fromisoformat(told_at) - timedelta(minutes=1)
        story.poll()
        assert told(story) == []
        story.wait_and_poll()
        assert [digest.total for digest in told(story)] == [1]


def test_what_is_held_for_a_destination_that_is_gone_waits_where_nobody_else_is_reached(story: Story) -> None:
    boxes = FakeMailboxes(routed=["email:old"])
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(5)}" }}', to="email:old"), boxes)
    story.fail_and_poll(run, 1)

    follow(story, '[[routes]]\nto = ["email:new"]\n')
    boxes.routed, boxes.now_lost = ["email:new"], {"email:new", "email:old"}
    report = story.wait_and_poll(3)
    assert (told(story, "email:old"), told(story, "email:new"), report.pending) == ([], [], 1)
    boxes.now_lost = set()
    story.wait_and_poll(70)
    assert [digest.total for digest in told(story, "email:new")] == [1]
    assert story.store.held_until(None) == ([], [])


def test_a_copy_of_mail_that_nobody_got_outlives_a_time_in_which_nobody_is_reached(story: Story) -> None:
    rest = '[[routes]]\ncatch_all = true\nto = ["email:rest"]\n'
    boxes = FakeMailboxes(routed=["email:qa", "email:rest"])
    run = begin(story, '[[routes]]\nmatch = { run = "Rel*" }\nto = ["email:qa"]\n' + rest, boxes)
    story.fail_and_poll(run, 1)
    boxes.now_lost = {"email:qa", "email:rest"}
    story.wait_and_poll(65)
    boxes.now_lost = {"email:rest"}
    story.wait_and_poll(70)
    assert [digest.total for digest in told(story, "email:qa")] == [1, 1]  # once to nobody
    assert story.store.held_until(None) == ([], [])


def test_a_drain_leaves_held_what_nobody_would_get(story: Story) -> None:
    run = begin(story, '[[routes]]\nto = ["email:qa"]\n', FakeMailboxes(routed=["email:qa"], lost={"email:qa"}))
    story.fail_and_poll(run, 1)
    poll(story.setup(), drain=True)
    keys, envelopes = story.store.held_until(None)
    assert ([key.cause for key in keys], envelopes, told(story, "email:qa")) == (["unreachable"], [], [])


def test_what_waits_for_days_because_nobody_is_reached_is_true_when_it_is_told(story: Story) -> None:
    boxes = FakeMailboxes(routed=["email:qa"], lost={"email:qa"})
    run = begin(story, '[[routes]]\nto = ["email:qa"]\n', boxes)
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    story.save(run, 1, PASSED)
    story.wait_and_poll(3)
    boxes.now_lost = set()
    story.wait_and_poll(70)
    assert [(digest.total, digest.passed_since) for digest in told(story, "email:qa")] == [(1, 1)]


def test_what_a_later_version_holds_or_sealed_keeps_no_poll_from_its_work(story: Story) -> None:
    run = begin(story, calm(""))
    strange = {"sk": {"S": "HELD#slack:default#moon"}, "pk": {"S": f"RUN#{run.id}"}, "news": {"B": b"?"}}
    story.store.items[f"RUN#{run.id}/HELD#slack:default#moon"] = strange
    sealed = {"pk": {"S": "ENVELOPE#x"}, "sk": {"S": "OUTBOX"}, "pending": {"S": "2"}, "outbox": {"B": b"?"}}
    story.store.items["ENVELOPE#x/OUTBOX"] = sealed
    silence = Silence("s1", story.time + timedelta(hours=1), "Ada", "a deploy", story.time, {"run": ("Nightly",)})
    story.store.put_silence(silence)
    story.save(run, 1)
    report = story.wait_and_poll()
    assert (report.status, [digest.total for digest in told(story)]) == ("ok", [1])
    assert story.store.items["ENVELOPE#x/OUTBOX"] == sealed


def test_a_silence_whose_id_would_not_fit_a_key_holds_nothing(story: Story) -> None:
    run = begin(story, calm(""))
    story.store.put_silence(Silence("SHOP#1", story.time + timedelta(hours=1), "Ada", "a deploy", story.time))
    story.fail_and_poll(run, 1)
    assert [digest.total for digest in told(story)] == [1]


def test_what_goes_to_others_in_the_end_is_not_told_where_it_was_told_when_it_was_found(story: Story) -> None:
    quiet = f'\n[destinations."email:qa"]\nquiet = {{ from = "{hour(-1)}", to = "{hour(5)}" }}\n'
    blocked = '[[routes]]\nmatch = { status = "Blocked" }\nto = ["email:qa"]\n'
    both = '[[routes]]\nmatch = { status = "Failed" }\nto = ["slack:default", "email:qa"]\n'
    rest = '[[routes]]\ncatch_all = true\nto = ["slack:default"]\n'
    run = begin(story, blocked + both + rest + quiet)
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    assert [digest.counts for digest in told(story)] == [{"Failed": 1}]
    follow(story, rest)
    story.wait_and_poll()
    assert [digest.counts for digest in told(story)] == [{"Failed": 1}, {"Blocked": 1}]
    assert story.store.held_until(None) == ([], [])


@pytest.mark.parametrize("cause", ["quiet", "pause", "silence"])
def test_that_a_run_is_over_is_not_told_of_one_that_was_opened_again(story: Story, cause: str) -> None:
    """What is told is true when it is told: that the run is over, too."""
    option = {"quiet": f'quiet = {{ from = "{hour(0.05)}", to = "{hour(1)}" }}', "pause": 'at_most_every = "55m"'}
    run = begin(story, calm(option.get(cause, ""), ASKING))
    story.save(run, 1)
    story.wait_and_poll(4)
    if cause == "silence":
        story.store.put_silence(Silence("s1", story.time + timedelta(hours=1), "Ada", "a deploy", story.time))
    story.world.close_run(run)
    story.wait_and_poll(10)
    assert [held.end is not None for held in story.store.held_of(run.id)] == [True]

    story.world.reopen_run(run)
    story.wait_and_poll(7)  # in which it is read
    story.save(run, 2)
    story.wait_and_poll(60)
    assert [(digest.about, digest.total, digest.parts) for digest in told(story)] == [(FAILING, 1, ())] * 2

    story.world.close_run(run)
    story.wait_and_poll(70)
    assert [(digest.about, digest.total) for digest in told(story)[2:]] == [(FINISHED, 2)]


def test_a_run_that_was_opened_again_is_read_at_once(story: Story) -> None:
    """What is held says that it is over, and may be due before its turn comes."""
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(2)}" }}', ASKING))
    story.world.close_run(run)
    story.wait_and_poll(10)
    assert [held.end is not None for held in story.store.held_of(run.id)] == [True]

    story.world.reopen_run(run)
    story.wait_and_poll()
    assert [held.is_empty for held in story.store.held_of(run.id)] == [True]


def test_a_silence_of_a_whole_run_holds_what_passes_in_it_and_that_it_is_over(story: Story) -> None:
    run = begin(story, calm("", ASKING))
    story.fail_and_poll(run, 1)
    story.store.put_silence(
        Silence("s1", story.time + timedelta(hours=1), "Ada", "a deploy", story.time, {"run": (run.name,)})
    )
    story.save(run, 1, PASSED)
    story.save(run, 2)
    story.wait_and_poll(2)
    story.world.close_run(run)
    story.wait_and_poll(10)
    assert len(told(story)) == 1

    story.wait_and_poll(60)
    [digest] = told(story)[1:]
    assert (digest.about, digest.total) == (FAILING, 1)
    assert [(part.about, part.total) for part in digest.parts] == [(RECOVERED, 1), (FINISHED, 1)]


@pytest.mark.parametrize(("match", "exclude"), [({"status": ("Failed",)}, {}), ({}, {"status": ("Failed",)})])
def test_a_silence_of_some_results_holds_neither_what_passes_nor_the_end_of_their_run(
    story: Story, match: dict[str, tuple[str, ...]], exclude: dict[str, tuple[str, ...]]
) -> None:
    run = begin(story, calm("", ASKING))
    story.fail_and_poll(run, 1)
    end = story.time + timedelta(hours=1)
    story.store.put_silence(Silence("s1", end, "Ada", "a deploy", story.time, match, exclude))
    story.save(run, 1, PASSED)
    story.wait_and_poll(2)
    story.world.close_run(run)
    story.wait_and_poll(10)
    assert [digest.about for digest in told(story)] == [FAILING, RECOVERED, FINISHED]


@pytest.mark.parametrize(
    ("longer", "is_held"),
    [
        ({"test": ("Release 4.2 case 1",)}, True),  # the same again
        ({"run": ("Release*",)}, True),  # the whole run
        ({"project": ("Shop",), "status": ("Failed",)}, False),  # some of it, and nobody knows which
        ({"run": ("Nightly",)}, False),
    ],
)
def test_what_a_silence_held_moves_on_to_a_longer_one_that_holds_all_of_it(
    story: Story,
    longer: dict[str, tuple[str, ...]],
    is_held: bool,  # noqa: FBT001 - a case
) -> None:
    run = begin(story, calm(""))
    story.poll()  # which learns the names of the cases
    half, end = (story.time + timedelta(minutes=minutes) for minutes in (30, 60))
    story.store.put_silence(Silence("s1", half, "Ada", "a deploy", story.time, {"test": ("Release 4.2 case 1",)}))
    story.save(run, 1)
    story.wait_and_poll(2)
    assert told(story) == []

    story.store.put_silence(Silence("s2", end, "Ada", "it takes longer", story.time, longer))
    story.wait_and_poll(40)
    assert [digest.total for digest in told(story)] == ([] if is_held else [1])

    story.wait_and_poll(30)
    assert [digest.total for digest in told(story)] == [1]


def test_a_silence_of_a_whole_run_holds_what_the_quiet_held_of_it(story: Story) -> None:
    run = begin(story, calm(f'quiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}'))
    other = story.add_run("Nightly")
    story.save(run, 1)
    story.save(other, 1)
    story.wait_and_poll(2)
    end = story.time + timedelta(hours=2)
    story.store.put_silence(Silence("s1", end, "Ada", "a deploy", story.time, {"run": (run.id,)}))

    story.wait_and_poll(70)
    assert [digest.run_id for digest in told(story)] == [other.id]
    story.wait_and_poll(60)
    assert [digest.run_id for digest in told(story)] == [other.id, run.id]


def test_what_passed_is_said_so_where_no_route_takes_the_run_any_more(story: Story) -> None:
    """It was told, or held, when one did."""
    night = f'[destinations."slack:release"]\nquiet = {{ from = "{hour(-1)}", to = "{hour(1)}" }}\n'
    release = '[[routes]]\nmatch = { run = "Release*" }\nto = ["slack:release"]\n'
    run = begin(story, f'{release}[[routes]]\ncatch_all = true\nto = ["slack:default"]\n{night}')
    story.save(run, 1)
    story.fail_and_poll(run, 2)

    run.name = "Postponed"
    story.save(run, 1, PASSED)
    story.wait_and_poll(60)
    [digest] = told(story, "slack:release")
    assert (digest.total, digest.passed_since) == (1, 1)
