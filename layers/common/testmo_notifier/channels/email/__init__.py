"""Mail by SNS."""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel

SECONDS_BETWEEN_MAILS: Final = 0.2  # SNS suspends an email subscription that gets more than 10 a second
EMAIL: Final = Channel(package=__name__, title="Mail", parameter="EmailAddress", seconds_between=SECONDS_BETWEEN_MAILS)
