"""The poller: one scheduled invocation is one poll. Calls `poll` with what `Poller` wires, logs what it did."""
# ruff: noqa: INP001 - Lambda loads app.py as a file; a package would only make its path longer

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from testmo_notifier.importing import quick_imports, uncollected

with quick_imports():
    from aws_lambda_powertools import Logger, Metrics

    from testmo_notifier.adapters.machine import Machine
    from testmo_notifier.config import PollerSettings
    from testmo_notifier.observability import observed, report_failed_poll, report_published, send_heartbeat
    from testmo_notifier.poll import poll
    from testmo_notifier.wiring.poller import Poller

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: object, context: LambdaContext) -> dict[str, object]:
    """Poll once; the answer is the summary that is also logged. `{"drain": true}` is `testmo-notifier drain`."""
    drain = event.get("drain") if isinstance(event, dict) else None
    return _service().run(context, drain=drain if isinstance(drain, bool) else None)


class Service:
    """Everything that outlives an invocation."""

    def __init__(self, settings: PollerSettings, machine: Machine) -> None:
        self.logger, self.metrics = Logger(), Metrics()
        self.poller = Poller(settings, machine, published=partial(report_published, logger=self.logger))

    def run(self, context: LambdaContext, *, drain: bool | None = None) -> dict[str, object]:
        """Poll with what this invocation has left of its time."""
        self.logger.append_keys(request_id=context.aws_request_id)
        setup = self.poller.setup(context.aws_request_id, lambda: context.get_remaining_time_in_millis() / 1000)
        report = observed(lambda: poll(setup, drain=drain), self.logger, self.metrics)
        if self.poller.ping and report.looked:
            send_heartbeat(self.poller.ping, self.logger, is_told=self.poller.is_told(report.unsubscribed))
        return report.to_json()


@cache
def _service() -> Service:
    machine = Machine()
    try:
        with uncollected():  # its clients stay, too
            return Service(PollerSettings.from_env(machine.environ), machine)
    except Exception as exc:
        report_failed_poll(exc, Logger())
        raise
