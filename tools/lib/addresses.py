"""Who writes to whom where no mail is sent: what `local`, `preview` and the pictures show."""

from typing import Final

SENDER: Final = "Testmo Notifier <no-reply@sns.amazonaws.com>"
EMAIL_ADDRESS: Final = "qa@example.com"  # nobody's; what goes there is shown
