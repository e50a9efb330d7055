"""The ping to a dead man's switch outside of AWS: it calls somebody when it hears nothing for a while.

Its address is a credential (whoever knows it can pretend that all is well), so it comes from a secret and is
never quoted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from testmo_notifier.adapters.http import send
from testmo_notifier.errors import ConfigurationError, Unreadable

if TYPE_CHECKING:
    import urllib3

READ_SECONDS: Final = 5.0  # for the watch to answer: a poll waits for it at its very end
MAX_BYTES: Final = 1_024  # the answer is of no interest


def ping(pool: urllib3.PoolManager, address: Callable[[], str]) -> str | None:
    """GET the address once; None when that was heard, else why not, in words without the address. Never raises."""
    try:
        answer = send(pool, "GET", address(), headers={}, read_seconds=READ_SECONDS, max_bytes=MAX_BYTES, cut=True)
    except (ConfigurationError, Unreadable) as exc:
        return str(exc)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the poll before it was a good one
        return f"unexpected {type(exc).__name__}"
    return None if answer.status // 100 == 2 else f"the answer was {answer.status}"  # noqa: PLR2004 - an HTTP status
