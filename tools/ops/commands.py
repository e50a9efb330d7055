"""The commands for whoever operates a stack: names, flags and help. What they do is imported when they are called."""
# ruff: noqa: PLC0415 - so that `--help` and `local` do not wait for it

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tools.lib.asked import CONTEXT, Command, Family
from tools.ops.times import Moment

if TYPE_CHECKING:
    from tools.ops.exit_status import Desk

STATUSES: Final = (
    "Ends with status 0 if all is well or done, 1 if something is wrong or was not done, 2 if it was called wrongly."
)

Body = Callable[..., Callable[["Desk"], int]]
Operated = TypeVar("Operated", bound=Callable[..., Any])


def on_a_stack(
    *examples: tuple[str, str], name: str | None = None, family: click.Group | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of it, or of one of a family."""
    make = family.command if family else click.command
    return make(name, cls=Command, epilog=STATUSES, context_settings=CONTEXT, examples=list(examples))


def option_number(flag: str, words: str) -> Callable[[Operated], Operated]:
    """One of Testmo's ids."""
    return click.option(flag, type=click.IntRange(1), metavar="ID", help=words)


def option_since(what: str) -> Callable[[Operated], Operated]:
    """A moment."""
    return click.option("--since", type=Moment(), help=f"{what} since then: 2026-11-23T09:00Z, or 2h ago.")


def option_yes(shown: str) -> Callable[[Operated], Operated]:
    """What a command only shows as long as nobody says it."""
    return click.option("--yes", "apply", is_flag=True, help=f"Do it; without, only show {shown}.")


def operated(body: Body) -> Callable[..., None]:
    """Add the flags that say which stack, and run what the command returns to its exit status."""

    @click.option("--stack-name", metavar="NAME", help="Default: samconfig.toml's; at AWS_ENDPOINT_URL the local one.")
    @click.option("--region", metavar="REGION", help="Default: the environment's, samconfig.toml's or the profile's.")
    @click.option("--profile", metavar="PROFILE", help="A profile of your AWS configuration.")
    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON on standard output.")
    @wraps(body)
    def run(*, stack_name: str | None, region: str | None, profile: str | None, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
        from tools.ops.exit_status import run_to_exit_status

        sys.exit(
            run_to_exit_status(
                lambda: body(**given), stack_name=stack_name, region=region, profile=profile, as_json=as_json
            )
        )

    return run


@on_a_stack(
    ("testmo-notifier doctor", "everything, of the stack in samconfig.toml"),
    ("testmo-notifier doctor --stack-name notifier-payments --region eu-central-1", "another stack, somewhere else"),
)
@operated
def doctor() -> Callable[[Desk], int]:
    """Find out what is wrong and how to fix it.

    Looks at everything, shows nothing in Slack, changes nothing.
    """
    from tools.ops import doctor as command

    return command.doctor


@on_a_stack(
    ("testmo-notifier send-test", "to every destination that the routes name"),
    ("testmo-notifier send-test --destination slack:payments", "to one of them"),
)
@click.option(
    "--destination",
    "destinations",
    metavar="NAME",
    multiple=True,
    help="Like slack:payments; default: all routed ones.",
)
@click.option("--direct", is_flag=True, help="Post to Slack from here, without topic, queue and function.")
@click.option(
    "--wait", type=click.FloatRange(1, 900), default=60.0, show_default=True, help="Seconds for Slack to answer."
)
@operated
def send_test(*, destinations: tuple[str, ...], direct: bool, wait: float) -> Callable[[Desk], int]:
    """Send a message marked [TEST], and report what became of it.

    It takes the way that real ones take: topic, queue, function, webhook. Of mail, accepted by SNS is all that can be
    known.
    """
    from tools.ops import send_test as command

    return lambda desk: command.send_test(desk, destinations, direct=direct, wait_seconds=wait)


@on_a_stack(
    ("testmo-notifier subscribe email:payments ada@example.com", "one more mailbox"),
    ("testmo-notifier subscribe --list", "who gets what, and who has not confirmed"),
)
@click.argument("destination", required=False)
@click.argument("address", required=False)
@click.option("--list", "as_list", is_flag=True, help="Show who gets what by mail, and who has not confirmed.")
@click.option("--confirm", metavar="LINK", help="Confirm by the link in AWS's mail, so that no mail can end it.")
@operated
def subscribe(
    *, destination: str | None, address: str | None, as_list: bool, confirm: str | None
) -> Callable[[Desk], int]:
    """Send mail to another address, too.

    DESTINATION is email:<name>, as routes.toml names it, or alarms. AWS writes to ADDRESS; nothing goes there until
    the link in that mail is confirmed. Running it again does no harm.

    A click on that link confirms as well, but then the link under every mail ends the subscription without asking, and
    mail scanners follow it. What --confirm confirms can be ended in this AWS account alone.
    """
    from tools.ops import subscriptions as command

    ways = (as_list, confirm is not None, bool(destination or address))
    if sum(ways) != 1 or bool(destination) != bool(address):
        raise click.UsageError("give a destination and an address, or --confirm LINK alone, or --list alone")
    if confirm is not None:
        return lambda desk: command.confirm(desk, confirm)
    return command.show if as_list else lambda desk: command.subscribe(desk, destination or "", address or "")


@on_a_stack(
    ("testmo-notifier status", "for people"),
    ("testmo-notifier status --json | jq .lag_seconds", "for programs"),
)
@operated
def status() -> Callable[[Desk], int]:
    """Show what is watched and how far it is.

    Runs, cursors, lag, throttle, outboxes, queues, out of the stack's own state; Testmo is not asked.
    """
    from tools.ops import status as command

    return command.status


@on_a_stack(
    ("testmo-notifier rewind --since 2h", "what would be announced again"),
    ("testmo-notifier rewind --since 2026-11-23T09:00Z --project 3 --yes", "do it, for one project"),
    ("testmo-notifier rewind --since 2h --destination slack:payments", "for one destination that was left out"),
)
@option_number("--run", "One run; alone, from its beginning.")
@option_since("What is failing")
@option_number("--project", "With --since: only the runs of this project.")
@click.option("--destination", metavar="NAME", help="For this one alone, like slack:payments.")
@option_yes("what would be announced again")
@operated
def rewind(
    *, run: int | None, since: datetime | None, project: int | None, destination: str | None, apply: bool
) -> Callable[[Desk], int]:
    """Announce again what is failing since a moment.

    For when a channel was misrouted, say. Without --yes nothing moves, and what would be announced is shown.

    The next polls find those results new and announce them on every channel, under new ids, at most 100 mails a
    poll, and one message a second to a Slack channel. Nothing is lost by it, and whoever was told before is told twice.

    With --destination nobody else is: the next poll tells that destination what the routes of this checkout send there.
    """
    from tools.ops import rewind as command

    return lambda desk: command.rewind(
        desk, run=run, since=since, project=project, destination=destination, apply=apply
    )


@on_a_stack(
    ("testmo-notifier redrive", "what is dead, and why"),
    ("testmo-notifier redrive --queue slack --yes", "back to work with it"),
)
@click.option(
    "--queue",
    type=click.Choice(["all", "slack", "subscription"]),
    default="all",
    show_default=True,
    help="Whose dead letters.",
)
@option_yes("what is there and why")
@operated
def redrive(*, queue: str, apply: bool) -> Callable[[Desk], int]:
    """Bring dead letters back to work.

    When the cause is fixed. Without --yes nothing moves, and the messages are shown with their reasons.

    Slack's go to the Slack queue (what Slack had already is not sent twice), mail to the topic once more. It may be
    stopped and run again at any time.
    """
    from tools.ops import redrive as command

    queues = ("slack", "subscription") if queue == "all" else (queue,)
    return lambda desk: (command.apply if apply else command.plan)(desk, queues)


@on_a_stack(("testmo-notifier pause", "before a migration of Testmo, say"))
@operated
def pause() -> Callable[[Desk], int]:
    """Stop the polls.

    Nothing is lost: after `resume` everything is announced that happened meanwhile.
    """
    from tools.ops import schedule as command

    return lambda desk: command.switch(desk, "DISABLED")


@on_a_stack(("testmo-notifier resume", "when it is over"))
@operated
def resume() -> Callable[[Desk], int]:
    """Let the polls go on."""
    from tools.ops import schedule as command

    return lambda desk: command.switch(desk, "ENABLED")


@on_a_stack(
    ("testmo-notifier drain", "before an older version is deployed"),
    ("testmo-notifier drain --cancel", "when you stay"),
)
@click.option("--cancel", "is_cancelled", is_flag=True, help="Let polls read again at once.")
@operated
def drain(*, is_cancelled: bool) -> Callable[[Desk], int]:
    """Prepare the way back to an older version.

    Has the poller hand over what waits, without reading, until everything committed is told, and says what to do next.

    Meanwhile, and for 15 minutes from then on, no poll reads anything; after that they go on by themselves. Nothing is
    lost by it, only late.
    """
    from tools.ops import drain as command

    return command.cancel if is_cancelled else command.drain


@on_a_stack(
    ("testmo-notifier deliveries --result 538", "was this failure told, and to whom?"),
    ("testmo-notifier deliveries --since 1d --run 12", "everything of a run since yesterday"),
)
@option_number("--result", "A result of Testmo: did we tell of it?")
@option_since("What was published")
@option_number("--run", "Of this run only; quicker, too.")
@operated
def deliveries(*, result: int | None, since: datetime | None, run: int | None) -> Callable[[Desk], int]:
    """Did we tell them?

    What was published in the last 30 days, and whether Slack took it. Of mail and events, accepted by SNS is all that
    can be known.

    With --result, also why it was told to none of the other destinations, by the routes of this checkout: that reads
    the result from Testmo.
    """
    from tools.ops import deliveries as command

    return lambda desk: command.deliveries(desk, result=result, since=since, run=run)


@on_a_stack(
    ("testmo-notifier dry-run", "with the state of the stack"),
    (
        "TESTMO_URL=https://example.testmo.net TESTMO_TOKEN=… testmo-notifier dry-run --from-environment",
        "before anything is deployed",
    ),
)
@click.option(
    "--from-environment",
    is_flag=True,
    help="Without a stack: TESTMO_URL, TESTMO_TOKEN and what `local` takes; no state.",
)
@operated
def dry_run(*, from_environment: bool) -> Callable[[Desk], int]:
    """Show what a poll would send now.

    Polls and renders with the stack's settings and state, publishes nothing, moves nothing.

    Routes, issue links and templates are those of this checkout: what `sam deploy` would deploy.
    """
    from tools.ops import dry_run as command

    return lambda desk: command.dry_run(desk, from_environment=from_environment)


@on_a_stack(
    ("testmo-notifier people", "with the settings and the token of the stack"),
    ("TESTMO_URL=https://example.testmo.net TESTMO_TOKEN=… testmo-notifier people", "before anything is deployed"),
)
@click.option(
    "--from-environment",
    is_flag=True,
    help="Without a stack: TESTMO_URL and TESTMO_TOKEN. So it is where both are set and no stack is named.",
)
@operated
def people(*, from_environment: bool) -> Callable[[Desk], int]:
    """List who works in Testmo, and who has no entry in people.toml.

    With lines to paste there. All users where the token is a site administrator's, else those of the projects that it
    may see, or whom the latest results name.
    """
    from tools.ops import people as command

    flags = click.get_current_context().params
    is_named = any(flags[name] for name in ("stack_name", "region", "profile"))
    is_set = all(os.environ.get(name, "").strip() for name in ("TESTMO_URL", "TESTMO_TOKEN"))
    return lambda desk: command.people(desk, from_environment=from_environment or (is_set and not is_named))


@click.group(
    cls=Family,
    epilog=STATUSES,
    context_settings=CONTEXT,
    examples=[
        ("testmo-notifier silence list", "who hears nothing of what, and until when"),
        ("testmo-notifier silence add --for 2h --match project=Shop --reason migration", "two hours without the shop"),
    ],
)
def silence() -> None:
    """Mute matching results for a while.

    What a silence matches is held for every destination, and told in one message when it ends: how many failed, what
    is still failing, how many passed since. Events for programs go on.
    """


@on_a_stack(
    (
        "testmo-notifier silence add --for 2h --match project=Shop --match 'run=*payment*' --reason migration",
        "only payment runs of the shop",
    ),
    (
        "testmo-notifier silence add --until 16:00 --match tag=nightly --match tag=weekly --reason SHOP-123",
        "runs with one tag or the other",
    ),
    name="add",
    family=silence,
)
@click.option("--for", "duration", metavar="TIME", help="How long: 30m, 2h, 1d12h; 7 days at most.")
@click.option(
    "--until", metavar="WHEN", help="Or its end: 16:00, 2026-11-27T16:00 (in the stack's TimeZone), or with an offset."
)
@click.option(
    "--match",
    metavar="KEY=VALUE",
    multiple=True,
    help="What, by the keys of routes.toml. Each key has to hold; one that is repeated means any of its values. A "
    "number is an id, unless in quotes.",
)
@click.option("--exclude", metavar="KEY=VALUE", multiple=True, help="What not: any of these suffices.")
@click.option("--reason", metavar="TEXT", default="", help="Why; others read it.")
@click.option("--author", metavar="NAME", default="", help="Who wants it; default: your name on this machine.")
@click.option(
    "--yes", "is_meant", is_flag=True, help="Needed if it would silence everything: no --match, or one like project=*."
)
@operated
def silence_add(**flags: Any) -> Callable[[Desk], int]:  # noqa: ANN401 - click's
    """Hold back what it matches, until it ends.

    Keys: project, run, milestone, configuration, tag, and of a result status, assignee, tester, issue, test, folder.
    Names are compared without case; * and ? are special. What is not known of a result matches nothing.
    """
    from tools.lib.stamps import utc_now
    from tools.ops import silence as command
    from tools.ops.silence_asked import Asked, look_over

    look_over(Asked(**flags), utc_now())
    return lambda desk: command.add(desk, Asked(**flags))


@on_a_stack(
    ("testmo-notifier silence list", "all that are on, and those that are not told yet"), name="list", family=silence
)
@operated
def silence_list() -> Callable[[Desk], int]:
    """List who silenced what, until when, and how much is held."""
    from tools.ops import silence as command

    return command.show


@on_a_stack(
    ("testmo-notifier silence end 5f3a1c", "the one that `list` shows under this id"), name="end", family=silence
)
@click.argument("key", metavar="ID")
@operated
def silence_end(*, key: str) -> Callable[[Desk], int]:
    """End one now. What it held is told next, unless a destination is quiet."""
    from tools.ops import silence as command

    return lambda desk: command.end(desk, key)


COMMANDS: Final = (
    *(doctor, status, send_test, deliveries, dry_run, people),
    *(subscribe, silence, redrive, rewind, pause, resume, drain),
)
