"""`doctor` on the ways out: webhooks, mailboxes, queues."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import queued
from testmo_notifier.delivery.pacing import gate_of
from testmo_notifier.errors import ConfigurationError, Problem, Undelivered
from testmo_notifier.polling.mail import DESTINATION as OF_OUR_ADDRESS
from tools.lib import sqs
from tools.lib.stamps import utc_now
from tools.ops import dead_letters, records, subscriptions, wiring
from tools.ops.account import Account
from tools.ops.advice import correct, next_step, wrong
from tools.ops.check_routes import ROUTES
from tools.ops.exit_status import Desk
from tools.ops.findings import Finding, bad, good
from tools.ops.subscriptions import ALARMS, CONFIRM, Subscription
from tools.ops.times import age, counted

if TYPE_CHECKING:
    import urllib3

MANY_WAITING: Final = 500  # at one a second a webhook needs eight minutes for those
LATE: Final = timedelta(minutes=15)
LOOKED_AT: Final = 100


def queued_channels(desk: Desk) -> Iterable[Finding]:
    """Every channel that the queue delivers."""
    for channel in queued():
        yield from queued_channel(desk, channel)


def queued_channel(desk: Desk, channel: Channel) -> Iterable[Finding]:
    """Every address, and every routed destination that has none."""
    account, area = desk.account, channel.title
    wanted = [name for name in wiring.routed(account.settings) if channel.takes(name)]
    arn = account.secret_arn(channel)
    if not arn:
        yield good(area, f"this stack has none ({channel.parameter} is empty)")
        return
    try:
        addresses, problems = account.addresses_and_problems(channel)
    except ConfigurationError as exc:
        addresses, problems = {}, exc.problems
    yield from wrong_in_secret(channel, problems, is_usable=bool(addresses))
    pool = new_pool()
    for name, address in addresses.items():
        destination = f"{channel.name}:{name}"
        finding = alive(pool, channel, destination, address, arn)
        if destination not in wanted:
            takes_alarms = destination == for_alarms(channel, addresses)
            use = "alarms go there" if takes_alarms else "no route of this checkout names it"
            step = "" if takes_alarms else name_it(destination, "take it out of the secret")
            finding = Finding(finding.area, finding.ok, f"{finding.words} ({use})", finding.next_step or step)
        yield finding
        failures = records.pace(account, gate_of(destination, addresses, channel.transport().place)).failures
        if failures and finding.ok:
            words = f"the last {counted(failures, 'post')} to {destination} failed for a passing reason"
            yield good(area, f"{words}; it answers now, what waits goes out by itself")
    no_webhook = next_step("no_webhook", channel=channel.name, secret=arn)
    for destination in wanted if addresses else ():
        if destination.partition(":")[2] not in addresses:
            yield bad(area, f"{destination} is routed and has no webhook in the secret", no_webhook)


def name_it(destination: str, otherwise: str) -> str:
    """The step for a destination that is there, and to which nothing goes."""
    return f'if somebody waits for it: add "{destination}" to a route in {ROUTES} and deploy; else {otherwise}'


def wrong_in_secret(channel: Channel, problems: Sequence[Problem], *, is_usable: bool) -> Iterable[Finding]:
    """What is wrong with the secret, and what becomes of the messages meanwhile."""
    if is_usable:
        meanwhile = "What goes there is parked, the others are not held up"
    else:
        meanwhile = f"Nothing goes to {channel.title} until it is right; messages wait in the queue"
    store_it = f"make the secret of {channel.parameter} again, or deploy with the ARN of the one that there is"
    for problem in problems:
        otherwise = "" if problem.secret else f"; else {store_it}"
        yield bad(channel.title, f"{wrong(problem)}. {meanwhile}", f"{correct(problem)}{otherwise}")


def alive(pool: urllib3.PoolManager, channel: Channel, destination: str, address: str, secret: str) -> Finding:
    """What a post that nobody sees says of a webhook."""
    about = f"the {channel.transport().kind(address)} of {destination}"
    try:
        words = channel.transport().probe(pool, address, utc_now())
    except Undelivered as exc:
        return bad(channel.title, f"{about}: {exc}", next_step(exc.reason, channel=channel.name, secret=secret))
    return good(channel.title, f"{about} {words}")


def mail(desk: Desk) -> Iterable[Finding]:
    """Every routed destination needs a confirmed mailbox, and so do the alarms."""
    account = desk.account
    found = [s for s in subscriptions.listed(account, account.stack.topic) if s.protocol == "email"]
    ours = account.stack.parameters.get("EmailAddress", "").casefold()
    is_ours_cut_off = bool(ours) and ours not in {s.endpoint.casefold() for s in found if s.is_confirmed}
    for destination in (name for name in wiring.routed(account.settings) if name.startswith("email:")):
        takers = [s.endpoint for s in found if s.takes("email", destination)]
        if takers:
            yield good("Mail", f"{destination} goes to {', '.join(takers)}")
        elif destination != OF_OUR_ADDRESS or not is_ours_cut_off:  # or it is said below, by the address
            step = f"testmo-notifier subscribe {destination} somebody@example.com, then click the link in AWS's mail"
            yield bad("Mail", f"{destination} is routed and has no confirmed subscription", step)
    routed = wiring.routed(account.settings)
    for subscription in found:
        idle = [name for name in subscription.destinations or () if name not in routed]
        if idle and subscription.is_confirmed:
            words = f"{subscription.endpoint} waits for {', '.join(idle)} (no route of this checkout names it)"
            yield good("Mail", words, name_it(idle[0], "end that subscription in SNS"))
    ops = subscriptions.listed(account, account.stack.outputs["OpsTopicArn"])
    for subscription in (s for s in (*found, *ops) if not s.is_confirmed):
        step = (
            f"confirm the link in AWS's mail (it may be in the spam folder): {CONFIRM}; `subscribe` sends it once more"
        )
        yield bad("Mail", f"{subscription.endpoint} has not confirmed", step)
    yield from ended(account, found, ops)
    exposed = [s.endpoint for s in (*found, *ops) if s.is_confirmed and s.protocol == "email" and not s.is_protected]
    for endpoint in dict.fromkeys(exposed):
        words = f"{endpoint}: whoever follows the link under a mail unsubscribes it, even a mail scanner"
        step = f"to protect it: unsubscribe, `subscribe` again, then {CONFIRM} instead of a click"
        yield good("Mail", words, "" if account.endpoint else step)  # an emulator confirms by itself
    takers = [s.endpoint for s in ops if s.is_confirmed]
    queue = account.stack.slack_queue.rpartition("/")[2]
    others = [endpoint for endpoint in takers if endpoint.rpartition(":")[2] != queue]
    yield from alarms(others, queued_for_alarms(account) if len(others) < len(takers) else "")


def alarms(others: Sequence[str], slack_destination: str) -> Iterable[Finding]:
    """Whom the alarms reach. Slack is told of all but those about Slack itself: these need a way of their own."""
    step = "set OpsEmailAddress or EmailAddress and confirm, or subscribe your pager to OpsTopicArn"
    told = [*others, slack_destination] if slack_destination else others
    if not told:
        yield bad("Mail", "nobody is told of alarms", step)
        return
    yield good("Mail", f"alarms go to {', '.join(told)}")
    if not others:
        words = (
            "what goes wrong with Slack itself is not watched: no alarm about it can reach anybody without a mailbox"
        )
        yield bad("Mail", words, step)


def queued_for_alarms(account: Account) -> str:
    """The destination behind the queue that gets the alarms; empty where no address can be used."""
    for channel in queued():
        try:
            if account.secret_arn(channel):  # the first channel that the stack has takes them
                return for_alarms(channel, account.addresses(channel))
        except ConfigurationError:  # `queued_channel` says what is wrong with the secret
            return ""
    return ""


def for_alarms(channel: Channel, names: Collection[str]) -> str:
    """The same for the addresses that there are, as the function chooses."""
    return next((f"{channel.name}:{name}" for name in channel.transport().for_alarms(names)), "")


def ended(account: Account, mail: Sequence[Subscription], ops: Sequence[Subscription]) -> Iterable[Finding]:
    """Addresses of the parameters that are not even subscribed: somebody followed the link under a mail."""
    given = {name: account.stack.parameters.get(name, "") for name in ("EmailAddress", "OpsEmailAddress")}
    alarms = "OpsEmailAddress" if given["OpsEmailAddress"] else "EmailAddress"
    for name, what, destination, subscribed in (
        ("EmailAddress", "notifications", OF_OUR_ADDRESS, mail),
        (alarms, "alarms", ALARMS, ops),
    ):
        address = given[name]
        if address and address.casefold() not in {s.endpoint.casefold() for s in subscribed}:
            step = f"testmo-notifier subscribe {destination} {address}, then {CONFIRM}"
            words = f"{name} ({address}) is not subscribed any more and gets no {what}"
            yield bad("Mail", words, f'{step}; docs/runbook.md, "An address gets no mail"')


def queues(desk: Desk) -> Iterable[Finding]:
    """How much waits, for how long, and what is dead."""
    account = desk.account
    waiting = sqs.depth(account.sqs, account.stack.slack_queue)
    oldest = oldest_age(account, account.stack.slack_queue)
    words = f"{counted(waiting, 'message')} on the way to {account.queue_leads_to}"
    words += f", the oldest for {age(oldest)}" if oldest else ""
    is_late = waiting > MANY_WAITING or (waiting > 0 and oldest is not None and oldest > LATE)
    step = "they go out by themselves; if the number stands still, the Slack function's log says why"
    yield bad("Queues", words, step) if is_late else good("Queues", words)
    for name, url in account.stack.dead_letter_queues.items():
        number = sqs.depth(account.sqs, url)
        if not number:
            yield good("Queues", f"no dead letters ({name})")
            continue
        found = dead_letters.look(account, name, limit=LOOKED_AT)
        reasons = sorted({f"{one.addressee or 'none of ours'}: {one.reason}" for one in found})
        words = f"{counted(number, 'dead letter')} ({name}), {'; '.join(reasons)}"
        words += f"; the oldest for {age(utc_now() - min(one.sent_at for one in found))}" if found else ""
        yield bad("Queues", words, f"fix that, then: testmo-notifier redrive --queue {name} --yes")


def oldest_age(account: Account, url: str) -> timedelta | None:
    """The age of a queue's oldest message as CloudWatch last saw it; SQS itself does not tell without receiving."""
    now = utc_now()
    points = account.cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": url.rpartition("/")[2]}],
        StartTime=now - timedelta(minutes=15),
        EndTime=now,
        Period=300,
        Statistics=["Maximum"],
    ).get("Datapoints", [])
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return timedelta(seconds=newest["Maximum"]) if newest else None
