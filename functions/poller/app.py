"""The poller: one scheduled invocation is one poll. Wires the parts, calls `poll`, logs what it did."""
# ruff: noqa: INP001 - Lambda loads app.py as a file; a package would only make its path longer

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from testmo_notifier.importing import uncollected

with uncollected():
    from aws_lambda_powertools import Logger, Metrics

    import testmo_notifier_settings
    from testmo_notifier.adapters.heartbeat import ping
    from testmo_notifier.adapters.http import new_pool
    from testmo_notifier.adapters.machine import Machine
    from testmo_notifier.adapters.mailboxes import Mailboxes
    from testmo_notifier.adapters.secrets import Secret
    from testmo_notifier.adapters.store import Store
    from testmo_notifier.adapters.testmo import Testmo
    from testmo_notifier.adapters.topic import Topic
    from testmo_notifier.channels.late import LateRenderer, lasting_renderer
    from testmo_notifier.config import PollerSettings, heartbeat_url, testmo_token
    from testmo_notifier.observability import observed, report_failed_poll, report_published, say_that_we_live
    from testmo_notifier.poll import Parts, poll
    from testmo_notifier.polling.emails import Emails
    from testmo_notifier.polling.mail import is_anybody_told, of_stack
    from testmo_notifier.settings.team import Team

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: LambdaContext) -> dict[str, object]:
    """Poll once; the answer is the summary that is also logged. `{"drain": true}` is `testmo-notifier drain`."""
    drain = event.get("drain") if isinstance(event, dict) else None
    return _service().run(context, drain=drain if isinstance(drain, bool) else None)


class Service:
    """Everything that outlives an invocation."""

    def __init__(self, settings: PollerSettings, machine: Machine) -> None:
        self.logger, self.metrics, self.pool = Logger(), Metrics(), new_pool()
        dynamodb, sns, secrets = machine.client("dynamodb"), machine.client("sns"), machine.secrets()
        team = Team.at_work(Path(testmo_notifier_settings.__file__).parent, settings.channels)
        token = Secret(secrets, settings.testmo_secret_arn, testmo_token)
        mailboxes = Mailboxes(sns, *of_stack(settings, team.routes), topic_arn=settings.topic_arn)
        watch = Secret(secrets, settings.heartbeat_secret_arn, heartbeat_url)
        self.ping = partial(ping, self.pool, watch.get) if settings.heartbeat_secret_arn else None
        self.is_told = partial(is_anybody_told, mailboxes.expected, channels=settings.channels)
        self.renderer = cache(partial(lasting_renderer, team, settings.time_zone, machine.thread_time))
        self.store = partial(Store, dynamodb, settings.table_name)
        self.parts = partial(
            Parts.of,
            settings,
            team,
            connect=partial(Testmo, url=settings.testmo_url, token=token, pool=self.pool, now=machine.now),
            topic=Topic(sns, settings.topic_arn, published=partial(report_published, logger=self.logger)),
            mailboxes=mailboxes,
            emails=Emails(team.people, team.routes),
            names_completed={},
            gone_out=set(),
            now=machine.now,
            sleep=machine.sleep,
            shuffle=machine.shuffle,
            executor=machine.executor,
        )

    def run(self, context: LambdaContext, *, drain: bool | None = None) -> dict[str, object]:
        """Poll with what this invocation has left of its time."""
        self.pool.clear()  # connections that slept with the function may be dead
        self.logger.append_keys(request_id=context.aws_request_id)
        parts = self.parts(
            store=self.store(holder=context.aws_request_id),
            renderer=LateRenderer(self.renderer),
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
        report = observed(lambda: poll(parts, drain=drain), self.logger, self.metrics)
        if self.ping and report.looked:
            say_that_we_live(self.ping, self.logger, is_told=self.is_told(report.unsubscribed))
        return report.to_json()


@cache
def _service() -> Service:
    machine = Machine()
    try:
        return Service(PollerSettings.from_env(machine.environ), machine)
    except Exception as exc:
        report_failed_poll(exc, Logger())
        raise
