"""List prices of us-east-1 in dollars, in one place, with what is free in an account that uses nothing else.

Looked up: DynamoDB 2026-08 (AWS's page, on demand); Lambda, SNS, Scheduler, Secrets Manager 2026-09-15 (AWS's lists);
SQS, CloudWatch, logs: AWS's pages, 2026-11. https://aws.amazon.com/pricing/ has today's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOURS: Final = 730  # of a month, as AWS's calculator has it
POLLS: Final = HOURS * 60  # one a minute


@dataclass(frozen=True, slots=True)
class Price:
    """Of one unit; `free` units a month cost nothing."""

    dollars: float
    free: float = 0.0

    def of(self, units: float) -> float:
        """The list price."""
        return units * self.dollars

    def beyond_free(self, units: float) -> float:
        """What is left with the free tier."""
        return max(0.0, units - self.free) * self.dollars


LAMBDA_REQUEST: Final = Price(0.20e-6, 1e6)
LAMBDA_GB_SECOND: Final = Price(0.0000166667, 400_000)
DYNAMODB_READ: Final = Price(0.125e-6)  # on demand has no free tier but for storage
DYNAMODB_WRITE: Final = Price(0.625e-6)
SNS_PUBLISH: Final = Price(0.50e-6, 1e6)
SNS_MAIL: Final = Price(2e-5, 1_000)
SQS_REQUEST: Final = Price(0.40e-6, 1e6)
SCHEDULE: Final = Price(1e-6, 14e6)
SECRET: Final = Price(0.40)
SECRET_CALL: Final = Price(5e-6)
LOG_GB: Final = Price(0.50, 5)
METRIC: Final = Price(0.30, 10)
ALARM_METRIC: Final = Price(0.10, 10)
DASHBOARD: Final = Price(3.00, 3)
