"""Mail by SNS."""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel

SECONDS_BETWEEN_MAILS: Final = 0.2  # SNS suspends an email subscription that gets more than 10 a second
MAILS_PER_POLL: Final = 100  # 20 of its 60 seconds: what is not mail must not wait for the rest
EMAIL: Final = Channel(
    package=__name__,
    title="Mail",
    parameter="EmailAddress",
    is_subscribed=True,
    max_per_poll=MAILS_PER_POLL,
    seconds_between=SECONDS_BETWEEN_MAILS,
)
