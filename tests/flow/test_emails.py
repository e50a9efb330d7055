"""People whom people.toml names by email: found with one request an hour, and never at the cost of a message."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testmo_notifier.model import Mention
from testmo_notifier.notices.routes import Route, Routes
from testmo_notifier.polling.emails import FORBIDDEN, Emails
from testmo_notifier.settings.people import People, parse_people
from tests.support.story import Story

BY_EMAIL = '[people]\n"Ada.Lovelace@example.com" = "U0000000ADA"\n'
MENTIONING = Routes((Route(("slack:default",), mention=("assignee",)),))


@pytest.fixture
def people(story: Story) -> People:
    ours = parse_people(BY_EMAIL)
    story.settings["emails"] = Emails(ours, MENTIONING)
    story.world.add_user("Ada Lovelace")
    story.add_run()
    return ours


ADA = Mention("Ada Lovelace", 2)


def test_somebody_named_by_email_is_found_by_id_and_asked_for_once_an_hour(story: Story, people: People) -> None:
    assert people.slack_id(ADA) is None
    assert story.poll().problems == []
    assert people.slack_id(ADA) == "U0000000ADA"
    assert people.slack_id(Mention("Grace Hopper", 3)) is None
    story.wait_and_poll(58)
    assert len(story.requests("/users")) == 1
    story.wait_and_poll(2)
    assert len(story.requests("/users")) == 2


@pytest.mark.parametrize(
    "emails",
    [
        lambda: Emails(parse_people('[people]\n"Ada Lovelace" = "U0000000ADA"\n'), MENTIONING),
        lambda: Emails(parse_people(BY_EMAIL), Routes((Route(("slack:default",)),))),
    ],
)
def test_nobody_is_asked_for_where_it_makes_no_difference(story: Story, emails: Callable[[], Emails]) -> None:
    story.settings["emails"] = emails()
    story.poll()
    assert story.requests("/users") == []


def test_a_token_that_may_not_ask_is_told_in_every_poll_and_nothing_else_suffers(story: Story, people: People) -> None:
    story.world.viewer.is_admin = False
    story.poll()
    (run,) = story.world.runs.values()
    story.wait()
    story.save(run)
    report = story.poll()
    assert (report.status, report.problems, report.settings_problems) == ("ok", [FORBIDDEN], 0)
    assert (report.new_failing, report.published) == (1, 3)
    assert len(story.requests("/users")) == 1
    assert people.slack_id(ADA) is None
    story.world.viewer.is_admin = True
    assert story.wait_and_poll(60).problems == []
    assert people.slack_id(ADA) == "U0000000ADA"


def test_whom_testmo_told_of_is_known_while_it_does_not_answer(story: Story, people: People) -> None:
    story.poll()
    story.testmo.faults.add("500", path="/users", times=None)
    report = story.wait_and_poll(60)
    assert report.problems[0].startswith("people.toml names people by email, and Testmo's users could not be read: /us")
    assert people.slack_id(ADA) == "U0000000ADA"


def test_who_has_another_address_now_is_somebody_else(story: Story, people: People) -> None:
    story.poll()
    story.world.users[2].email = "ada@example.com"
    story.wait_and_poll(60)
    assert people.slack_id(ADA) is None
