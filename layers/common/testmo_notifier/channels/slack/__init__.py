"""Slack through incoming webhooks and bots.

The poller makes a message: `rendering`, whose templates write in `notation`, which `blocks` turns into Block Kit;
`mentions` writes whom it calls. The queue's function posts it: `transport` sends it to a webhook or a bot of the
`secret`, and `answers` reads what Slack says; an alarm becomes one of `alarms`. A bot calls the `web_api`, and has a
`thread` for each run: its parent is a `run_message`, to which each message brings a `run_entry`.
"""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel

# Five minutes of what a webhook takes, one a second: the queue never runs dry between two polls. More is of no use: a
# run whose message waits in its outbox tells all that comes meanwhile in one.
MESSAGES_PER_POLL: Final = 300
SLACK: Final = Channel(
    package=__name__,
    title="Slack",
    parameter="SlackSecretArn",
    is_queued=True,
    calls_people=True,
    max_per_poll=MESSAGES_PER_POLL,
)
