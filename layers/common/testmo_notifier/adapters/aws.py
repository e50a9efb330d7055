"""How we talk to AWS: every client states time-outs and attempts, because botocore's own changed in November 2026."""

from __future__ import annotations

from typing import Final

from botocore.config import Config

from testmo_notifier.version import VERSION

CONNECT_SECONDS: Final = 2
READ_SECONDS: Final = 5
ATTEMPTS: Final = 3
USER_AGENT: Final = (
    f"testmo-notifier/{VERSION}"  # stands in CloudTrail; botocore would make up its own for each call anew
)


def client_config() -> Config:
    """The configuration of every boto3 client here."""
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent=USER_AGENT,
    )
