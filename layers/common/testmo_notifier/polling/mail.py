"""Whether our own addresses still get mail.

SNS puts a link that ends the subscription under every mail, and tells nobody when it was followed: mail scanners and
people who share a mailbox do. So the poller looks hourly. What it finds is an alarm; that alarm has to reach somebody
whom the loss has not cut off, so mail to the other address goes out where the alarms' own one is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from testmo_notifier.channels.email import EMAIL
from testmo_notifier.channels.registry import channel_of, queued
from testmo_notifier.config import PollerSettings
from testmo_notifier.errors import Unlisted, Unpublished, unexpected
from testmo_notifier.model import Mailbox, MailCheck, Notification
from testmo_notifier.notices.routes import Routes, destinations
from testmo_notifier.polling.report import Report

if TYPE_CHECKING:
    from testmo_notifier.polling.setup import Setup
    from testmo_notifier.ports import Mailboxes, Topic

SECONDS: Final = 30  # what has to be left of the time to look at the mailboxes: AWS says nothing for 24, at worst
INTERVAL: Final = timedelta(hours=1)  # how often it is looked at who is subscribed
INTERVAL_OF_LOST: Final = timedelta(minutes=5)  # what waits for somebody's click goes out soon after it
NOTIFICATIONS: Final = "notifications"
ALARMS: Final = "alarms"
RUNBOOK: Final = 'docs/runbook.md, "An address gets no mail"'
DESTINATION: Final = EMAIL.default  # what EmailAddress is subscribed to, and what is said of that says it all
UNHEARD: Final = (
    "has no confirmed subscription{since}: what it would get goes to the routes that catch all, or waits where they"
    " reach nobody either, until somebody confirms `testmo-notifier subscribe {name} ADDRESS`"
)


def of_stack(settings: PollerSettings, routes: Routes) -> tuple[tuple[Mailbox, ...], tuple[str, ...]]:
    """The mailboxes of a stack, and the destinations of its routes that go out by mail."""
    topics = {"topic_arn": settings.topic_arn, "ops_topic_arn": settings.ops_topic_arn}
    boxes = mailboxes(settings.email_address, settings.ops_email_address, **topics)
    return boxes, mail_destinations(destinations(routes, settings.channels))


def mailboxes(email: str, ops_email: str, *, topic_arn: str, ops_topic_arn: str) -> tuple[Mailbox, ...]:
    """The mailboxes of a stack, by the parameters that name them. `ops_email` is the other one where it has none."""
    boxes = [Mailbox("EmailAddress", email, topic_arn, NOTIFICATIONS)] if email else []
    if ops_email and ops_topic_arn:
        name = "EmailAddress (for alarms)" if ops_email == email else "OpsEmailAddress"
        boxes.append(Mailbox(name, ops_email, ops_topic_arn, ALARMS))
    return tuple(boxes)


def mail_destinations(names: Iterable[str]) -> tuple[str, ...]:
    """Those that go out by mail."""
    return tuple(one for one in names if (channel := channel_of(one)) and channel.is_subscribed)


def is_anybody_told(expected: Sequence[Mailbox], unsubscribed: int, channels: Sequence[str]) -> bool:
    """Whether an alarm reaches anybody: OpsTopic has the queue, too."""
    return any(channel.name in channels for channel in queued()) or not expected or unsubscribed < len(expected)


def before_anything_is_sent(setup: Setup, check: MailCheck | None) -> MailCheck | None:
    """Look at destinations that are new: what is published for a mailbox that nobody confirmed, nobody gets.

    Like every look it may take seconds, and raises nothing.
    """
    boxes, now = setup.mailboxes, setup.now()
    if boxes is None or frozenset(boxes.routed) <= (check.of if check else frozenset()):
        return check
    was_asked = check is not None and check.problem and not is_due(check, now)  # AWS did not tell
    return check if was_asked or setup.seconds_left() < SECONDS else look(check, boxes, setup.topic, now=now)


def look_after(setup: Setup, check: MailCheck | None, report: Report, waiting: Iterable[str] = ()) -> MailCheck | None:
    """Say which of our addresses get no mail; look once an hour. Something is `waiting` for these destinations."""
    boxes, now = setup.mailboxes, setup.now()
    left = mail_destinations(waiting)
    if boxes is None or not (boxes.expected or boxes.routed or left):
        return check
    if is_due(check, now) and setup.seconds_left() >= SECONDS:
        check = look(check, boxes, setup.topic, now=now, waiting=left)
    if check is not None:
        report.unsubscribed = sum(box.name in check.lost for box in boxes.expected)
        report.unlisted = bool(check.problem)
        named = dict.fromkeys((*boxes.routed, *left))
        unheard = [name for name in named if name in check.lost and name != DESTINATION]
        report.unheard = len(unheard)
        report.problems += problems(check, boxes.expected)
        report.problems += [f"{name} {UNHEARD.format(name=name, since=since(check, name))}" for name in unheard]
    return check


def look(
    before: MailCheck | None, boxes: Mailboxes, topic: Topic, *, now: datetime, waiting: Iterable[str] = ()
) -> MailCheck:
    """Ask AWS who is subscribed. Where the alarms' own mailbox is lost, tell the other one. Ends no poll.

    It is about the destinations of the routes, and about those that no route names any more and something waits for.
    """
    of = frozenset((*boxes.routed, *waiting))
    try:
        lost = boxes.lost(of)
        told = before.told & lost if before else frozenset[str]()  # who is subscribed again and lost anew is told anew
        first = {name: before.since.get(name, before.at) for name in before.lost} if before else {}
        check = MailCheck(now, lost, told, of=of, since={name: first.get(name, now) for name in lost})
        return tell(check, boxes.expected, topic)
    except Unlisted as exc:
        return not_found(before, str(exc), at=now)
    except Exception as exc:  # noqa: BLE001 - the poll before it was a good one
        return not_found(before, unexpected(exc), at=now)


def tell(check: MailCheck, expected: Sequence[Mailbox], topic: Topic) -> MailCheck:
    """Publish the notice, if there is one, and keep of whom it told."""
    new = notice(check, expected)
    if new is None:
        return check
    names, notification = new
    try:
        topic.publish(notification)
    except Unpublished as exc:  # told at the next look
        return replace(check, problem=str(exc))
    return replace(check, told=check.told | names)


def copied(boxes: Mailboxes | None, instead: Sequence[str], routes: Routes) -> tuple[str, ...]:
    """The mailboxes of routes of which somebody else is told if it turns out that nobody got mail there.

    None, where somebody is told of everything anyway.
    """
    told = {one for route in routes.routes if route.is_for_all and not route.catch_all for one in route.destinations}
    others = {name: [one for one in instead if one != name] for name in (boxes.routed if boxes else ())}
    return tuple(name for name, some in others.items() if some and not told.intersection(some))


def next_look(check: MailCheck | None, now: datetime) -> datetime:
    """Our clock when the mailboxes are looked at again, at the latest."""
    return (check.at if check else now) + INTERVAL


def unreachable(check: MailCheck | None) -> frozenset[str]:
    """The destinations that nobody got mail of, as far as the last look knows, whether or not a route names them."""
    return frozenset(mail_destinations(check.lost)) if check else frozenset()


def is_due(check: MailCheck | None, now: datetime) -> bool:
    """Whether it is time to look again."""
    interval = INTERVAL_OF_LOST if check and check.lost else INTERVAL
    return check is None or now - check.at >= interval


def not_found(before: MailCheck | None, problem: str, *, at: datetime) -> MailCheck:
    """What holds when AWS did not tell: what held before."""
    return replace(before, at=at, problem=problem) if before else MailCheck(at, problem=problem)


def problems(check: MailCheck, expected: Sequence[Mailbox]) -> list[str]:
    """In words, without the address: logs are read by many."""
    words = [
        f"{box.name} has no confirmed subscription{since(check, box.name)} and gets no {box.gets}: see {RUNBOOK}"
        for box in expected
        if box.name in check.lost
    ]
    return [*words, *([f"{check.problem}; it is asked again in an hour"] if check.problem else [])]


def since(check: MailCheck, name: str) -> str:
    """Which look found it lost first, as far as that is known."""
    moment = check.since.get(name)
    return f" since the look at {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def notice(check: MailCheck, expected: Sequence[Mailbox]) -> tuple[frozenset[str], Notification] | None:
    """The mail to the address that lives, about the one for alarms that does not, once for each loss."""
    is_reached = any(box.gets == NOTIFICATIONS and box.name not in check.lost for box in expected)
    cut_off = [box for box in expected if box.gets == ALARMS and box.name in check.lost - check.told]
    if not is_reached or not cut_off:
        return None
    words = [
        f"{cut_off[0].name} gets no alarms: its subscription is gone, or was never confirmed.",
        "",
        "If the notifier itself stops, nobody there will be told. Mail scanners and people who share a mailbox end a",
        "subscription by the link that AWS puts under every mail.",
        "",
        f"What to do: {RUNBOOK}.",
    ]
    mail = Notification(
        id=f"mailbox-{check.at:%Y%m%d%H%M%S}",
        destination=DESTINATION,
        channel=EMAIL.name,
        subject="Testmo Notifier: alarms reach nobody by mail",
        message="\n".join(words) + "\n",
        run_id=0,
        project_id=0,
        statuses=("Alarm",),
    )
    return frozenset(box.name for box in cut_off), mail
