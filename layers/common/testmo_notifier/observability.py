"""Logs and metrics: who makes them, and how the end of a delivery reads in them.

No metric has a run, a reason or an address as a dimension: each value would cost as much as a metric of its own. They
are fields of the log lines.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, SchemaValidationError

from testmo_notifier.errors import DestinationGone, NotifierError, Undelivered
from testmo_notifier.summary import Summary

if TYPE_CHECKING:
    from testmo_notifier.deliver import Outcome

WAITING = ("paced", "in_trouble", "in_progress", "out_of_time")  # returned without an attempt


def new_logger() -> Logger:
    """Structured logs; service and level come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL."""
    return Logger()


def new_metrics() -> Metrics:
    """Metrics as log lines; namespace and service come from POWERTOOLS_METRICS_NAMESPACE and …_SERVICE_NAME."""
    return Metrics()


def count(metrics: Metrics, name: str, number: int = 1) -> None:
    """Add to a counter."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)


def flush(metrics: Metrics) -> None:
    """Write the metrics out, if there are any; never fails what was counted."""
    if metrics.metric_set:
        with suppress(SchemaValidationError):  # no namespace: the variable is missing, the messages are delivered
            metrics.flush_metrics()


def where(error: BaseException) -> list[str]:
    """The frames of an error without its words, which may quote anything."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]


def report(outcome: Outcome, logger: Logger, metrics: Metrics) -> None:
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
    match outcome.end:
        case "delivered":
            count(metrics, "Delivered")
            if outcome.text_only:
                count(metrics, "TextOnly")
                logger.warning("delivered as text alone, Slack refused the blocks", extra=fields)
            else:
                logger.info("delivered", extra=fields)
        case "duplicate":
            logger.info("delivered before, acknowledged", extra=fields)
        case "parked":
            count(metrics, "DeliveryFailed")
            if isinstance(outcome.error, DestinationGone):
                count(metrics, "DestinationGone")
                logger.error("%s is gone: mend its webhook, then re-drive", message.destination, extra=fields)
            else:
                logger.error("parked, Slack would never take it", extra=fields)
        case "returned" if outcome.reason in WAITING:
            logger.info("back to the queue, its turn comes later", extra=fields)
        case "returned":
            count(metrics, "Throttled" if outcome.reason == "throttled" else "DeliveryFailed")
            if outcome.error is not None and not isinstance(outcome.error, Undelivered):
                fields |= {"error": type(outcome.error).__name__, "where": where(outcome.error)}
            logger.warning("back to the queue, tried again later", extra=fields)


def report_poll(summary: Summary, logger: Logger, metrics: Metrics) -> None:
    """The one summary line of a poll, and its counts."""
    count(metrics, "PollSucceeded" if summary.status in ("ok", "partial") else "PollSkipped")
    for name, number in (
        ("NewFailing", summary.new_failing),
        ("Published", summary.published),
        ("Requests", summary.requests),
        ("RunsLeft", summary.runs_left),
        ("MalformedRows", summary.malformed),
    ):
        count(metrics, name, number)
    flush(metrics)
    log = logger.info if summary.status == "ok" and not summary.problems else logger.warning
    log("poll", extra=summary.to_json())


def report_failed_poll(error: NotifierError, logger: Logger, metrics: Metrics) -> None:
    """A poll that could watch nothing."""
    count(metrics, "PollFailed")
    flush(metrics)
    logger.error("poll failed", extra={"error": type(error).__name__, "words": str(error), "where": where(error)})
