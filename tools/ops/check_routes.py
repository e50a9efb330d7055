"""`doctor` on the routes: whether each of them reaches somebody, on this stack, as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import CHANNELS, channel_of, for_people
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.routes import is_for_people
from tools.ops import subscriptions, wiring
from tools.ops.account import Account
from tools.ops.advice import next_step
from tools.ops.exit_status import Desk
from tools.ops.findings import Finding, bad, good
from tools.ops.subscriptions import Subscription

ROUTES: Final = "layers/settings/python/testmo_notifier_settings/routes.toml"


def routes(desk: Desk) -> Iterable[Finding]:
    """Whether the routes reach somebody, and every channel that was paid for with a parameter has a route."""
    settings = desk.account.settings
    named = dict.fromkeys(name for route in wiring.routes().routes for name in route.destinations)
    reached = [name for name in wiring.routed(settings) if is_for_people(name)]
    has = [channel.name for channel in for_people() if channel.name in settings.channels]
    lacks = [channel for channel in for_people() if channel.name not in has]
    if not reached:
        words = (
            f"routes reach nobody: routes.toml names {', '.join(named)}, and this stack has {' and '.join(has)} only"
        )
        step = f'name "{has[0]}:default" in {ROUTES}, or set {parameters(lacks)}; then deploy'
        yield bad("Routes", words, step)
        return
    yield good("Routes", f"digests go to {', '.join(reached)}")
    for channel in has:
        if not any(name.startswith(f"{channel}:") for name in reached):
            words = f"this stack has {channel}, and no route names a destination of it: nothing goes there"
            step = f'name "{channel}:default" in {ROUTES} and deploy, or deploy without {CHANNELS[channel].parameter}'
            yield bad("Routes", words, step)
    left_out = [name for name in named if name not in reached]
    if left_out:
        names = " and no ".join(channel.name for channel in lacks)
        words = f"{', '.join(left_out)}: routed and left out, because this stack has no {names}"
        yield good("Routes", words, f"if somebody waits for it: deploy with {parameters(lacks)}")


def parameters(channels: Sequence[Channel]) -> str:
    """What switches them on."""
    return " or ".join(channel.parameter for channel in channels)


def each_route(desk: Desk) -> Iterable[Finding]:
    """Every route that reaches nobody, though others may: what it takes is told nowhere by it."""
    account = desk.account
    if not any(is_for_people(name) for name in wiring.routed(account.settings)):
        return  # `routes` says so, once for all
    mail = [one for one in subscriptions.listed(account, account.stack.topic) if one.protocol == "email"]
    for route in wiring.routes().routes:
        lacks = {name: lack for name in route.destinations if (lack := lacking(account, name, mail))}
        if len(lacks) == len(route.destinations):
            why = "; ".join(f"{name}: {words}" for name, (words, _) in lacks.items())
            step = next(step for _, step in lacks.values())
            words = f"{wiring.title(route)} reaches nobody ({why})"
            yield bad("Routes", words, f"{step}; or name another destination in {ROUTES} and deploy")


def lacking(account: Account, destination: str, mail: Iterable[Subscription]) -> tuple[str, str] | None:
    """What keeps messages from arriving at a destination, and what helps; None where nothing does, as far as we see."""
    channel = channel_of(destination)
    if channel is None or not channel.is_for_people:
        return None  # programs subscribe as they like
    if channel.name not in account.settings.channels:
        return f"this stack has no {channel.name}", f"deploy with {channel.parameter}"
    if not channel.is_queued:
        is_taken = any(one.takes(channel.name, destination) for one in mail)
        step = f"testmo-notifier subscribe {destination} somebody@example.com, then confirm the link in AWS's mail"
        return None if is_taken else ("no confirmed subscription", step)
    try:
        is_known = destination.partition(":")[2] in account.addresses(channel)
    except ConfigurationError:  # what is wrong with the secret is a finding of its own
        return None
    step = next_step("no_webhook", channel=channel.name, secret=account.secret_arn(channel))
    return None if is_known else ("no webhook of that name in the secret", step)
