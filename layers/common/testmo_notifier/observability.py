"""How the end of a poll and of a delivery reads in logs and metrics; POWERTOOLS_… variables say whose these are.

A metric costs 30 cents a month, so there is one for what an alarm of the template reads, and for nothing else: the log
lines have all the other numbers, and docs/metrics.md says how to ask for them. Every metric has the dimension `service`
(`<stack>-poller`, `<stack>-slack`), so that two stacks in one Region do not answer for each other. A run, a test or an
address is never a dimension: each value would be a metric of its own. What is counted only when it happens costs only
in the hours in which it happened.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit, SchemaValidationError

from testmo_notifier import errors

if TYPE_CHECKING:  # each function does without what the other one reports
    from testmo_notifier.delivery.deliver import Outcome
    from testmo_notifier.model import Notification
    from testmo_notifier.polling.report import Report

POLL_FAILED: Final = "PollFailed"  # `troubles.TOKEN`, without which the Slack function starts
WAITING: Final = ("paced", "in_trouble", "in_progress", "out_of_time")  # returned without an attempt

ACKNOWLEDGED: Final = {"duplicate": "delivered before, acknowledged", "skipped": "not posted on purpose, acknowledged"}


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
            logger.warning("delivered as text alone, the first form was refused", extra=fields)
        case "delivered":
            logger.info("delivered", extra=fields)
        case "duplicate" | "skipped":
            logger.info(ACKNOWLEDGED[outcome.end], extra=fields)
        case "parked" if isinstance(outcome.error, errors.DestinationGone):
            count(metrics, "DestinationGone")
            logger.error("%s is gone: fix its address in the secret, then re-drive", message.destination, extra=fields)
        case "parked":
            logger.error("parked, it would never be taken", extra=fields)
        case "returned" if outcome.reason in WAITING:
            logger.info("back to the queue, its turn comes later", extra=fields)
        case "returned" if outcome.reason == "throttled":
            logger.warning("back to the queue, a pause was asked for", extra=fields)
        case "returned":
            if outcome.error is not None and not isinstance(outcome.error, errors.Undelivered):
                fields |= {"error": type(outcome.error).__name__, "where": where(outcome.error)}
            logger.warning("back to the queue, tried again later", extra=fields)


def waited(outcome: Outcome, metrics: Metrics, now: datetime) -> dict[str, object]:
    """How long a message that was delivered, or goes back to the queue, has been in it since it was published.

    Of those that go back it is counted: SQS's own age of the oldest message leaves out what was received three times,
    just what is not taken.
    """
    if outcome.end not in ("delivered", "returned") or outcome.message.sent_at is None:
        return {}
    seconds = max(0.0, (now - outcome.message.sent_at).total_seconds())
    if outcome.end != "delivered":
        count(metrics, "WaitingSeconds", seconds, unit=MetricUnit.Seconds)
    return {"waited_seconds": seconds}


def report_published(notification: Notification, logger: Logger) -> None:
    """The line that leads from a poll to a message: the queue's function logs the same `notification_id`."""
    fields = {
        "notification_id": notification.id,
        "destination": notification.destination,
        "run_id": notification.run_id,
        "project_id": notification.project_id,
    }
    logger.info("published", extra=fields)


def observed(poll: Callable[[], Report], logger: Logger, metrics: Metrics) -> Report:
    """Poll, and log and count how that went."""
    try:
        report = poll()
    except Exception as exc:
        report_failed_poll(exc, logger)
        raise
    report_poll(report, logger, metrics)
    return report


def report_poll(report: Report, logger: Logger, metrics: Metrics) -> None:
    """The one summary line of a poll, and what alarms count of it."""
    if report.looked:
        count(metrics, "PollSucceeded")
    if report.status != "busy":
        count(metrics, "LagSeconds", round(report.lag_seconds), unit=MetricUnit.Seconds)
    for name, number in (
        ("MalformedRows", report.malformed),
        ("Throttled", report.throttled),
        ("Invisible", report.invisible),
        ("SettingsProblems", report.settings_problems),
        ("TemplateErrors", report.template_errors),
        ("Unsubscribed", report.without_mail),
    ):
        if number or name in report.over:
            count(metrics, name, number)
    flush(metrics)
    if POLL_FAILED in report.over:
        count_by(POLL_FAILED, 0, reason="token")
    log = logger.info if report.status == "ok" and not report.problems else logger.warning
    log("poll", extra=report.to_json())


def report_failed_poll(error: Exception, logger: Logger) -> None:
    """A poll that could watch nothing. The words of our own errors are fit to be read; others could quote anything."""
    reason = failure(error)
    if reason == "token":
        count_by(POLL_FAILED, reason=reason)
    fields: dict[str, object] = {"error": type(error).__name__, "reason": reason, "where": where(error)}
    if isinstance(error, errors.NotifierError):
        fields["words"] = str(error)
    logger.error("poll failed", extra=fields)


def failure(error: Exception) -> str:
    """Why a poll failed: token, forbidden, unreadable, configuration or error."""
    match error:
        case errors.TokenRefused():
            return "token"
        case errors.PollFailed():
            return error.reason
        case errors.ConfigurationError():
            return "configuration"
    return "error"


def send_heartbeat(ping: Callable[[], str | None], logger: Logger, *, is_told: bool) -> None:
    """Tell the outside watch; it is the last to call where nobody `is_told` of an alarm."""
    if not is_told:
        logger.warning("the heartbeat is held back: no address gets mail and there is no Slack")
        return
    unheard = ping()
    if unheard is not None:  # the outside watch will say so itself; the poll is none the worse
        logger.warning("the heartbeat was not heard", extra={"reason": unheard})
