"""Logs and metrics: who makes them, and how the end of a poll and of a delivery reads in them.

Every metric has the dimension `service` (`<stack>-poller`, `<stack>-slack`), so that two stacks in one Region do not
answer for each other; some have a `reason` or a `kind` out of a short list. A run, a test or an address is never a
dimension: each value would cost as much as a metric of its own. They are fields of the log lines. What is counted
only when it happens costs only in the hours in which it happened.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit, SchemaValidationError

from testmo_notifier.errors import (
    ConfigurationError,
    DestinationGone,
    NotifierError,
    PollFailed,
    TokenRefused,
    Undelivered,
)

if TYPE_CHECKING:  # each function does without what the other one reports
    from testmo_notifier.delivery.deliver import Outcome
    from testmo_notifier.model import Notification
    from testmo_notifier.polling.report import Report

WAITING: Final = ("paced", "in_trouble", "in_progress", "out_of_time")  # returned without an attempt

# The kinds of trouble with a delivery, and what each is called in the log; anything else is Slack's own word: `other`.
FAILURES: Final = {
    "unreachable": ("no_answer",),
    "secret": ("secret_unreadable",),
    "table": ("table_unavailable", "table_contended"),
    "error": ("unexpected", "not_parked"),
}
ACKNOWLEDGED: Final = {
    "duplicate": "delivered before, acknowledged",
    "skipped": "an alarm that is not for Slack, acknowledged",
}


def new_logger() -> Logger:
    """Structured logs; service and level come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL."""
    return Logger()


def new_metrics() -> Metrics:
    """Metrics as log lines; namespace and service come from POWERTOOLS_METRICS_NAMESPACE and …_SERVICE_NAME."""
    return Metrics()


def count(metrics: Metrics, name: str, number: float = 1, *, unit: MetricUnit = MetricUnit.Count) -> None:
    """Add to a metric of this service."""
    metrics.add_metric(name=name, unit=unit, value=number)


def count_by(name: str, number: int = 1, /, **dimensions: str) -> None:
    """Count under more dimensions than the service; a line of its own, because a line has one set of them."""
    with (
        suppress(SchemaValidationError),  # as in `flush`
        single_metric(name=name, unit=MetricUnit.Count, value=number) as metric,
    ):
        for dimension, value in dimensions.items():
            metric.add_dimension(dimension, value)


def flush(metrics: Metrics) -> None:
    """Write the metrics out, if there are any; never fails what was counted."""
    if metrics.metric_set:
        with suppress(SchemaValidationError):  # no namespace: the variable is missing, the messages are delivered
            metrics.flush_metrics()


def where(error: BaseException) -> list[str]:
    """The frames of an error without its words, which may quote anything."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]


def report(outcome: Outcome, logger: Logger, metrics: Metrics, *, now: datetime) -> None:
    """Log and count how one message ended."""
    message = outcome.message
    fields: dict[str, object] = {
        "destination": message.destination,
        "notification_id": message.id,
        "run_id": message.run_id,
        "receives": message.receives,
        "end": outcome.end,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "seconds": outcome.seconds,
    }
    fields |= waited(outcome, metrics, now)
    match outcome.end:
        case "delivered" if outcome.text_only:
            count_by("Delivered", kind="slack")
            count(metrics, "TextOnly")
            logger.warning("delivered as text alone, Slack refused the blocks", extra=fields)
        case "delivered":
            count_by("Delivered", kind="slack")
            logger.info("delivered", extra=fields)
        case "duplicate" | "skipped":
            logger.info(ACKNOWLEDGED[outcome.end], extra=fields)
        case "parked" if isinstance(outcome.error, DestinationGone):
            count_by("DeliveryFailed", kind="slack", reason="gone")
            count(metrics, "DestinationGone")
            logger.error("%s is gone: mend its webhook, then re-drive", message.destination, extra=fields)
        case "parked":
            count_by("DeliveryFailed", kind="slack", reason="refused")
            logger.error("parked, Slack would never take it", extra=fields)
        case "returned" if outcome.reason in WAITING:
            logger.info("back to the queue, its turn comes later", extra=fields)
        case "returned" if outcome.reason == "throttled":
            count(metrics, "Throttled")
            logger.warning("back to the queue, Slack asks for a pause", extra=fields)
        case "returned":
            count_by("DeliveryFailed", kind="slack", reason=kind_of_trouble(outcome.reason))
            if outcome.error is not None and not isinstance(outcome.error, Undelivered):
                fields |= {"error": type(outcome.error).__name__, "where": where(outcome.error)}
            logger.warning("back to the queue, tried again later", extra=fields)


def kind_of_trouble(reason: str) -> str:
    """One of a few words for the many that Slack and AWS have."""
    return next((kind for kind, reasons in FAILURES.items() if reason in reasons), "other")


def waited(outcome: Outcome, metrics: Metrics, now: datetime) -> dict[str, object]:
    """How long a message that goes back to the queue has been in it.

    SQS's own age of the oldest message leaves out what was received three times: just what Slack does not take.
    """
    if outcome.end != "returned" or outcome.message.sent_at is None:
        return {}
    seconds = max(0.0, (now - outcome.message.sent_at).total_seconds())
    count(metrics, "WaitingSeconds", seconds, unit=MetricUnit.Seconds)
    return {"waited_seconds": seconds}


def report_published(notification: Notification, logger: Logger) -> None:
    """The line that leads from a poll to a message: the Slack function logs the same `notification_id`."""
    fields = {
        "notification_id": notification.id,
        "destination": notification.destination,
        "run_id": notification.run_id,
        "project_id": notification.project_id,
    }
    logger.info("published", extra=fields)


def report_poll(report: Report, logger: Logger, metrics: Metrics) -> None:
    """The one summary line of a poll, and its counts."""
    from testmo_notifier.polling.troubles import TOKEN  # noqa: PLC0415 - the Slack function starts without

    if report.status == "busy":
        count(metrics, "PollBusy")
    else:
        count(metrics, "PollSucceeded" if report.looked else "PollWaiting")
        count(metrics, "LagSeconds", round(report.lag_seconds), unit=MetricUnit.Seconds)
        count(metrics, "Pending", report.pending)
        count(metrics, "Requests", report.requests)
    if report.looked:
        count(metrics, "RunsOpen", report.runs_open)
        count(metrics, "RunsRead", report.runs_read)
        count(metrics, "SkewSeconds", abs(report.skew_seconds), unit=MetricUnit.Seconds)
    for name, number in (
        ("RunsLeft", report.runs_left),
        ("Results", report.results),
        ("NewFailing", report.new_failing),
        ("Published", report.published),
        ("SweptFound", report.swept),
        ("MalformedRows", report.malformed),
        ("Throttled", report.throttled),
        ("Invisible", report.invisible),
        ("SettingsProblems", report.settings_problems),
        ("TemplateErrors", report.template_errors),
        ("Unsubscribed", report.unsubscribed),
    ):
        if number or name in report.over:
            count(metrics, name, number)
    flush(metrics)
    if TOKEN in report.over:
        count_by(TOKEN, 0, reason="token")
    log = logger.info if report.status == "ok" and not report.problems else logger.warning
    log("poll", extra=report.to_json())


def report_failed_poll(error: Exception, logger: Logger) -> None:
    """A poll that could watch nothing. The words of our own errors are fit to be read; others could quote anything."""
    count_by("PollFailed", reason=failure(error))
    fields: dict[str, object] = {"error": type(error).__name__, "reason": failure(error), "where": where(error)}
    if isinstance(error, NotifierError):
        fields["words"] = str(error)
    logger.error("poll failed", extra=fields)


def failure(error: Exception) -> str:
    """Why a poll failed: token, forbidden, unreadable, configuration or error."""
    match error:
        case TokenRefused():
            return "token"
        case PollFailed():
            return error.reason
        case ConfigurationError():
            return "configuration"
    return "error"


def report_unheard_heartbeat(reason: str, logger: Logger, metrics: Metrics) -> None:
    """The outside watch could not be told that we live. It will say so itself; the poll is none the worse."""
    count(metrics, "HeartbeatFailed")
    flush(metrics)
    logger.warning("the heartbeat was not heard", extra={"reason": reason})


def report_held_back_heartbeat(logger: Logger) -> None:
    """Nobody would be told of an alarm: the outside watch is made to call instead."""
    logger.warning("the heartbeat is held back: no address gets mail and there is no Slack")
