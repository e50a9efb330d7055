"""`send-test`: a message marked [TEST] on the way that real ones take, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.topic import Topic
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import CHANNELS, channel_of, for_people, queued
from testmo_notifier.delivery.pacing import gate_of
from testmo_notifier.errors import ConfigurationError, Undelivered
from testmo_notifier.model import TEST_PREFIX, Notification, QueuedMessage
from testmo_notifier.notices.routes import is_for_people
from tools.lib import sqs
from tools.lib.stamps import utc_now
from tools.ops import dead_letters, records, subscriptions, wiring
from tools.ops.account import Account
from tools.ops.advice import next_step
from tools.ops.exit_status import FINE, WRONG, Desk, WrongUsage
from tools.ops.findings import Finding, bad, good

TEXT: Final = "[TEST] Testmo Notifier says hello. Nothing failed; somebody ran `testmo-notifier send-test`."
LOOK_SECONDS: Final = 0.3
SAY_SECONDS: Final = 10.0
LOOKED_AT: Final = 200  # dead letters among which ours is searched


def send_test(desk: Desk, wanted: Sequence[str], *, direct: bool, wait_seconds: float) -> int:
    """Send to the wanted destinations, by default to all that the routes name."""
    settings = desk.account.settings
    every = [name for name in wiring.routed(settings) if is_for_people(name)]
    chosen = list(dict.fromkeys(wanted)) or ([name for name in every if is_queued(name)] if direct else every)
    refuse_nonsense(chosen, settings.channels, direct=direct)
    refuse_unknown(desk.account, chosen, every)
    arrivals: list[Finding] = []
    for destination in chosen:
        channel = CHANNELS[destination.partition(":")[0]]
        if not channel.is_queued:
            arrival = by_mail(desk.account, destination)
        elif direct:
            arrival = at_once(desk.account, channel, destination)
        else:
            arrival = by_queue(desk, channel, destination, wait_seconds)
        arrivals.append(arrival)
        desk.out.verdict(f"{destination}: {arrival.words}", is_ok=arrival.ok, next_step=arrival.next_step)
    is_fine = all(arrival.ok for arrival in arrivals)
    desk.answer({"ok": is_fine, "sent": [arrival.as_json("destination") for arrival in arrivals]})
    return FINE if is_fine else WRONG


def refuse_nonsense(chosen: Sequence[str], channels: Sequence[str], *, direct: bool) -> None:
    """Raise `WrongUsage` for what cannot be sent to."""
    if not chosen:
        raise WrongUsage("the routes name no destination on a channel of this stack: see routes.toml")
    for destination in chosen:
        name, _, rest = destination.partition(":")
        channel = CHANNELS.get(name)
        if channel is None or not channel.is_for_people or not rest:
            forms = " or ".join(f"{one.name}:<name>" for one in for_people())
            raise WrongUsage(f"{destination!r} is no destination: give {forms}")
        if name not in channels:
            raise WrongUsage(f"this stack has no {name}: deploy it with {channel.parameter} first")
        if direct and not channel.is_queued:
            titles = ", ".join(one.title for one in queued())
            raise WrongUsage(f"--direct is for {titles}: {channel.title.lower()} always goes through SNS")


def refuse_unknown(account: Account, chosen: Sequence[str], routed: Sequence[str]) -> None:
    """Raise `WrongUsage` for a name that neither a route nor the stack itself knows, with those that there are."""
    if set(chosen) <= set(routed):
        return
    known = list(routed)
    for channel in queued():
        try:
            known += [f"{channel.name}:{name}" for name in account.addresses(channel)]
        except ConfigurationError:  # the secret is wrong, or these credentials may not read it: then it is tried
            known += [name for name in chosen if channel.takes(name)]
    mail = [s for s in subscriptions.listed(account, account.stack.topic) if s.protocol == "email"]
    known += [name for name in chosen if any(s.takes("email", name) for s in mail)]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise WrongUsage(
            f"no route of this checkout and nothing in the stack is called {', '.join(unknown)}: "
            f"there are {', '.join(dict.fromkeys(known))}"
        )


def is_queued(destination: str) -> bool:
    """Whether the queue delivers it."""
    channel = channel_of(destination)
    return channel is not None and channel.is_queued


def notification(destination: str) -> Notification:
    """The test message; each has an id of its own, so none is taken for one that was delivered."""
    channel = CHANNELS[destination.partition(":")[0]]
    return Notification(
        id=f"{TEST_PREFIX}{uuid4().hex}",
        destination=destination,
        channel=channel.name,
        subject="" if channel.is_queued else "[TEST] Testmo Notifier",
        message=channel.transport().test_message(TEXT) if channel.is_queued else f"{TEXT}\n",
        run_id=0,
        project_id=0,
        statuses=("Test",),
    )


def by_mail(account: Account, destination: str) -> Finding:
    """Publish; whether a mail arrives nobody tells us."""
    Topic(account.sns, account.stack.topic).publish(notification(destination))
    to = [s for s in subscriptions.listed(account, account.stack.topic) if s.protocol == "email"]
    confirmed = [s.endpoint for s in to if s.takes("email", destination)]
    if not confirmed:
        words = "accepted by SNS, but no confirmed subscription takes it"
        return bad(destination, words, f"testmo-notifier subscribe {destination} <address>")
    words = f"accepted by SNS for {', '.join(confirmed)}: that is all that can be known; look into the mailbox"
    return good(destination, words)


def at_once(account: Account, channel: Channel, destination: str) -> Finding:
    """Post with the function's own code, without topic, queue and function in between."""
    url = account.addresses(channel).get(destination.partition(":")[2])
    if url is None:
        return bad(destination, "the secret holds no webhook for it", next_step("no_webhook", channel=channel.name))
    try:
        deliver_at_once(channel, url, notification(destination))
    except Undelivered as exc:
        return bad(destination, str(exc), next_step(exc.reason, channel=channel.name))
    return good(destination, f"{channel.title} took it (200 ok)")


def deliver_at_once(channel: Channel, address: str, told: Notification) -> None:
    """As the function does; a test is about no run, so that nothing is kept of it."""
    transport, pool = channel.transport(), new_pool()
    message = QueuedMessage("", "", 1, told.message, id=told.id, destination=told.destination)
    conversation = transport.conversation(pool, address, message, lambda decide: decide({})[1], utc_now)
    if conversation is None:
        transport.post(pool, address, told.message, utc_now())
    else:
        conversation.tell(told.message)


def by_queue(desk: Desk, channel: Channel, destination: str, wait_seconds: float) -> Finding:
    """Publish, then wait for the record of its delivery, or find it among the dead letters."""
    account, told = desk.account, notification(destination)
    Topic(account.sns, account.stack.topic).publish(told)
    began = said = time.monotonic()
    while time.monotonic() < began + wait_seconds:
        delivery = records.delivery(account, destination, told.id)
        if delivery is not None:
            form = "" if delivery.form == "blocks" else "; it refused the blocks and took the text"
            return good(destination, f"{channel.title} took it (200 ok) at {delivery.at}{form}")
        parked = parked_as(account, told.id)
        if parked is not None:
            words = f"parked in the dead-letter queue ({parked}); the letter is removed"
            return bad(destination, words, next_step(parked, channel=channel.name))
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            desk.progress.note(f"{destination}: on its way for {said - began:.0f} s")
        time.sleep(LOOK_SECONDS)
    return still_waiting(account, destination, wait_seconds)


def parked_as(account: Account, notification_id: str) -> str | None:
    """Why our message is a dead letter; None if it is none. It is taken out: a test must not be re-driven."""
    url = account.stack.dead_letter_queues["slack"]
    if not sqs.depth(account.sqs, url):
        return None
    others: list[dead_letters.DeadLetter] = []
    try:
        for one in dead_letters.take(account, "slack", url, limit=LOOKED_AT):
            if one.value("id") == notification_id:
                account.sqs.delete_message(QueueUrl=url, ReceiptHandle=one.handle)
                return one.reason
            others.append(one)
    finally:
        for one in others:
            sqs.put_back(account.sqs, url, one.handle)
    return None


def gate(account: Account, destination: str) -> str:
    """Whose pace its posts keep."""
    channel = CHANNELS[destination.partition(":")[0]]
    try:
        return gate_of(destination, account.addresses(channel), channel.transport().place)
    except ConfigurationError:  # these credentials may not read the secret
        return destination


def still_waiting(account: Account, destination: str, waited: float) -> Finding:
    """It is neither delivered nor parked."""
    failures = records.pace(account, gate(account, destination)).failures
    words = f"not delivered after {waited:.0f} s; it stays in the queue and goes out as soon as it can"
    if failures:
        words += f" (the last {failures} posts to this webhook failed for a passing reason)"
    return bad(destination, words, "testmo-notifier doctor; the log of the stack's function says why")
