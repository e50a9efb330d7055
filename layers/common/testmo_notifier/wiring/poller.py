"""What the poller runs on: the adapters of one stack as the setup of a poll."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import testmo_notifier_settings
from testmo_notifier.adapters.heartbeat import ping
from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.machine import Machine
from testmo_notifier.adapters.mailboxes import Mailboxes
from testmo_notifier.adapters.secrets import read_secret
from testmo_notifier.adapters.store import Store
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.adapters.topic import Topic
from testmo_notifier.config import PollerSettings, heartbeat_url, testmo_token
from testmo_notifier.errors import Problem
from testmo_notifier.model import Notification, Outgoing
from testmo_notifier.polling.emails import Emails
from testmo_notifier.polling.mail import is_anybody_told, of_stack
from testmo_notifier.polling.setup import Setup
from testmo_notifier.settings.team import Team

if TYPE_CHECKING:
    from testmo_notifier.channels.render import Renderer


class Poller:
    """Everything that outlives an invocation. `ping` is None without a watch from outside."""

    def __init__(
        self, settings: PollerSettings, machine: Machine, *, published: Callable[[Notification], None]
    ) -> None:
        dynamodb, sns = machine.client("dynamodb"), machine.client("sns")
        secret = partial(read_secret, machine.secrets())
        team = Team.at_work(Path(testmo_notifier_settings.__file__).parent, settings.channels)
        token = partial(secret, settings.testmo_secret_arn, testmo_token)
        mailboxes = Mailboxes(sns, *of_stack(settings, team.routes), topic_arn=settings.topic_arn)
        watch = partial(secret, settings.heartbeat_secret_arn, heartbeat_url)
        self._instance = machine.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.pool = new_pool()
        self.ping = partial(ping, self.pool, watch) if settings.heartbeat_secret_arn else None
        self.is_told = partial(is_anybody_told, mailboxes.expected, channels=settings.channels)
        self._renderer = cache(partial(lasting_renderer, team, settings.time_zone, machine.thread_time))
        self._store = partial(Store, dynamodb, settings.table_name)
        self._setup = partial(
            Setup.of,
            settings,
            team,
            connect=partial(Testmo, url=settings.testmo_url, token=token, pool=self.pool, now=machine.now),
            topic=Topic(sns, settings.topic_arn, published=published),
            mailboxes=mailboxes,
            emails=Emails(team.people, team.routes),
            names_completed={},
            gone_out=set(),
            now=machine.now,
            sleep=machine.sleep,
            shuffle=machine.shuffle,
            executor=machine.executor,
        )

    def setup(self, request_id: str, seconds_left: Callable[[], float]) -> Setup:
        """That of one poll."""
        self.pool.clear()  # connections that slept with the function may be dead
        # Lambda may deliver one event to two instances at once, and the request id is that of the event.
        holder = f"{request_id} {self._instance}".strip()
        store, renderer = self._store(holder=holder), LateRenderer(self._renderer)
        return self._setup(store=store, renderer=renderer, seconds_left=seconds_left)


def lasting_renderer(team: Team, time_zone: tzinfo, clock: Callable[[], float]) -> Renderer:
    """The one that keeps what is compiled."""
    from testmo_notifier.channels.render import Renderer  # noqa: PLC0415 - this is what is late

    return Renderer.of(team, time_zone, clock)


class LateRenderer:
    """A renderer of one poll that is made with its first message, by `lasting`, which gives the same each time.

    Most polls have none, and start without Jinja and all templates.
    """

    def __init__(self, lasting: Callable[[], Renderer]) -> None:
        self._lasting = lasting

    @cached_property
    def _renderer(self) -> Renderer:
        return self._lasting().for_one_poll()

    @property
    def problems(self) -> Sequence[Problem]:
        """What was wrong with templates so far."""
        return self._renderer.problems if "_renderer" in vars(self) else ()

    def notification(self, outgoing: Outgoing) -> Notification:
        """One digest for one destination."""
        return self._renderer.notification(outgoing)
