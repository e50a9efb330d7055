"""`doctor` on the ways out: routes, webhooks, mailboxes, queues."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.channels.slack import transport as hooks
from testmo_notifier.delivery.deliver import FOR_ALARMS
from testmo_notifier.errors import ConfigurationError, PayloadRefused, Problem, Undelivered
from testmo_notifier.notices.routing import EVENT
from testmo_notifier.polling.mail import DESTINATION as OF_OUR_ADDRESS
from tools.ops import dead_letters, records, subscriptions, wiring
from tools.ops.account import Account
from tools.ops.advice import correct, next_step
from tools.ops.exit_status import Desk
from tools.ops.findings import Finding, bad, good
from tools.ops.subscriptions import ALARMS, CONFIRM, Subscription
from tools.ops.times import age, counted

if TYPE_CHECKING:
    import urllib3

ROUTES: Final = "layers/settings/python/testmo_notifier_settings/routes.toml"
PARAMETERS: Final = {"slack": "SlackSecretArn", "email": "EmailAddress"}
STORE_IT: Final = "make the secret of SlackSecretArn again, or deploy with the ARN of the one that there is"
EMPTY_POST: Final = "{}"  # a live webhook dislikes it (`no_text`, or another word about its form) and shows nothing
MANY_WAITING: Final = 500  # at one a second a webhook needs eight minutes for those
LATE_SECONDS: Final = 900
LOOKED_AT: Final = 100


def routes(desk: Desk) -> Iterable[Finding]:
    """Whether the routes reach somebody, and every channel that was paid for with a parameter has a route."""
    settings = desk.account.settings
    named = dict.fromkeys(name for route in wiring.routes() for name in route.destinations)
    reached = [name for name in wiring.routed(settings) if name != EVENT]
    has = [channel for channel in settings.channels if channel != EVENT]
    if not reached:
        words = (
            f"routes reach nobody: routes.toml names {', '.join(named)}, and this stack has {' and '.join(has)} only"
        )
        step = f'name "{has[0]}:default" in {ROUTES}, or set {PARAMETERS[other(has[0])]}; then deploy'
        yield bad("Routes", words, step)
        return
    yield good("Routes", f"digests go to {', '.join(reached)}")
    for channel in has:
        if not any(name.startswith(f"{channel}:") for name in reached):
            words = f"this stack has {channel}, and no route names a destination of it: nothing goes there"
            step = f'name "{channel}:default" in {ROUTES} and deploy, or deploy without {PARAMETERS[channel]}'
            yield bad("Routes", words, step)
    left_out = [name for name in named if name not in reached]
    if left_out:
        words = f"{', '.join(left_out)}: routed and left out, because this stack has no {other(has[0])}"
        yield good("Routes", words, f"if somebody waits for it: deploy with {PARAMETERS[other(has[0])]}")


def other(channel: str) -> str:
    """There are two."""
    return "email" if channel == "slack" else "slack"


def slack(desk: Desk) -> Iterable[Finding]:
    """Every webhook, and every routed destination that has none."""
    account = desk.account
    wanted = [name for name in wiring.routed(account.settings) if name.startswith("slack:")]
    if account.stack.slack_function is None:
        yield good("Slack", "this stack has none (SlackSecretArn is empty)")
        return
    try:
        webhooks, problems = account.webhooks_and_problems()
    except ConfigurationError as exc:
        webhooks, problems = {}, exc.problems
    yield from wrong_in_secret(problems, is_usable=bool(webhooks))
    pool = new_pool()
    for name, url in webhooks.items():
        destination = f"slack:{name}"
        finding = alive(pool, destination, url, account.slack_secret_arn)
        if destination not in wanted:
            use = "alarms go there" if destination == for_alarms(webhooks) else "no route of this checkout names it"
            finding = Finding(finding.area, finding.ok, f"{finding.words} ({use})", finding.next_step)
        yield finding
        failures = records.pace(account, destination).failures
        if failures and finding.ok:
            words = f"the last {counted(failures, 'post')} to {destination} failed for a passing reason"
            yield good("Slack", f"{words}; it answers now, what waits goes out by itself")
    no_webhook = next_step("no_webhook", secret=account.slack_secret_arn)
    for destination in wanted if webhooks else ():
        if destination.removeprefix("slack:") not in webhooks:
            yield bad("Slack", f"{destination} is routed and has no webhook in the secret", no_webhook)


def wrong_in_secret(problems: Sequence[Problem], *, is_usable: bool) -> Iterable[Finding]:
    """What is wrong with the secret, and what becomes of the messages meanwhile."""
    if is_usable:
        meanwhile = "What goes there is parked, the others are not held up"
    else:
        meanwhile = "Nothing goes to Slack until it is right; messages wait in the queue"
    for problem in problems:
        yield bad("Slack", f"{problem}. {meanwhile}", correct(problem) or STORE_IT)


def alive(pool: urllib3.PoolManager, destination: str, url: str, secret: str) -> Finding:
    """What an empty post says of a webhook. Nobody sees it."""
    try:
        hooks.post(pool, url, EMPTY_POST, now=wiring.utc_now())
    except PayloadRefused as exc:
        if exc.reason in hooks.REFUSED:
            return good("Slack", f"the webhook of {destination} is alive")
        return bad("Slack", f"the webhook of {destination}: {exc}", next_step(exc.reason, secret=secret))
    except Undelivered as exc:
        return bad("Slack", f"the webhook of {destination}: {exc}", next_step(exc.reason, secret=secret))
    return good("Slack", f"the webhook of {destination} answers ok, even to an empty message")


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
            yield good(
                "Mail", f"{subscription.endpoint} waits for {', '.join(idle)} (no route of this checkout names it)"
            )
    ops = subscriptions.listed(account, account.stack.outputs["OpsTopicArn"])
    for subscription in (s for s in (*found, *ops) if not s.is_confirmed):
        step = (
            f"confirm the link in AWS's mail (it may be in the spam folder): {CONFIRM}; `subscribe` sends it once more"
        )
        yield bad("Mail", f"{subscription.endpoint} has not confirmed", step)
    yield from ended(account, found, ops)
    for subscription in (s for s in (*found, *ops) if s.is_confirmed and s.protocol == "email" and not s.is_protected):
        words = f"{subscription.endpoint}: whoever follows the link under a mail ends this, a mail scanner, too"
        step = f"to protect it: unsubscribe, `subscribe` again, then {CONFIRM} instead of a click"
        yield good("Mail", words, "" if account.endpoint else step)  # an emulator confirms by itself
    takers = [s.endpoint for s in ops if s.is_confirmed]
    queue = account.stack.slack_queue.rpartition("/")[2]
    others = [endpoint for endpoint in takers if endpoint.rpartition(":")[2] != queue]
    yield from alarms(others, slack_for_alarms(account) if len(others) < len(takers) else "")


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


def slack_for_alarms(account: Account) -> str:
    """The destination in Slack that gets the alarms; empty where no webhook can be used."""
    try:
        return for_alarms(account.webhooks())
    except ConfigurationError:  # `slack` says what is wrong with the secret
        return ""


def for_alarms(names: Collection[str]) -> str:
    """The same for the webhooks that there are, as the Slack function chooses."""
    return next((f"slack:{name}" for name in (*FOR_ALARMS, *names) if name in names), "")


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
    waiting = dead_letters.depth(account, account.stack.slack_queue)
    oldest = oldest_seconds(account, account.stack.slack_queue)
    words = f"{counted(waiting, 'message')} on the way to Slack" + (f", the oldest for {age(oldest)}" if oldest else "")
    is_late = waiting > MANY_WAITING or (waiting > 0 and (oldest or 0) > LATE_SECONDS)
    step = "they go out by themselves; if the number stands still, the Slack function's log says why"
    yield bad("Queues", words, step) if is_late else good("Queues", words)
    for name, url in account.stack.dead_letter_queues.items():
        number = dead_letters.depth(account, url)
        if not number:
            yield good("Queues", f"no dead letters ({name})")
            continue
        found = dead_letters.look(account, name, limit=LOOKED_AT)
        reasons = sorted({f"{one.addressee or 'none of ours'}: {one.reason}" for one in found})
        since = min((one.sent_at for one in found), default=None)
        words = f"{counted(number, 'dead letter')} ({name}), {'; '.join(reasons)}" + told_since(since, wiring.utc_now())
        yield bad("Queues", words, f"fix that, then: testmo-notifier redrive --queue {name} --yes")


def told_since(since: datetime | None, now: datetime) -> str:
    """For how long."""
    return f"; the oldest for {age((now - since).total_seconds())}" if since else ""


def oldest_seconds(account: Account, url: str) -> float | None:
    """The age of a queue's oldest message as CloudWatch last saw it; SQS itself does not tell without receiving."""
    now = wiring.utc_now()
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
    return float(newest["Maximum"]) if newest else None
