"""Who writes to whom where no mail is sent: what `local`, `preview` and the pictures show."""

from typing import Final

SENDER: Final = "Testmo Notifier <no-reply@sns.amazonaws.com>"
EMAIL_ADDRESS: Final = "qa@example.com"  # nobody's; what goes there is shown


def address_of(destination: str) -> str:
    """Whose mailbox an email destination stands for."""
    name = destination.partition(":")[2]
    return EMAIL_ADDRESS if name in ("", "default") else f"{name}@example.com"
