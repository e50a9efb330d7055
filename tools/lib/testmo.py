"""A Testmo as a command asks it: with a token that does not change meanwhile, and a person's patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.adapters.testmo import Testmo
from testmo_notifier.polling.rate_limit import RateLimit
from tools.lib.stamps import utc_now

SECONDS: Final = 300.0  # a person waits for it, no Lambda's time-out


def connector(url: str, token: str) -> Callable[[RateLimit], Testmo]:
    """Makes a Testmo behind a rate limit."""
    pool = new_pool()
    return lambda rate_limit: Testmo(url=url, token=lambda **_: token, pool=pool, rate_limit=rate_limit, now=utc_now)


def new_rate_limit(per_minute: int, spent: Mapping[int, int] | None = None) -> RateLimit:
    """So many requests a minute, together with what the poller `spent` within this one."""
    deadline = time.monotonic() + SECONDS
    return RateLimit(
        per_minute,
        spent=spent or {},
        now=time.time,
        sleep=time.sleep,
        seconds_left=lambda: deadline - time.monotonic(),
    )


def connected(url: str, token: str, per_minute: int, spent: Mapping[int, int] | None = None) -> Testmo:
    """A Testmo that is asked no more often than that."""
    return connector(url, token)(new_rate_limit(per_minute, spent))
