"""What to do about a channel's words, word by word, and about a secret that is wrong.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from testmo_notifier.errors import Problem

NEW_WEBHOOK: Final = (
    "make a new incoming webhook in Slack, store it in the Slack secret, then: testmo-notifier redrive --yes"
)
ANEW: Final = "install the app anew, store its bot token in the Slack secret, then: testmo-notifier redrive --yes"
CORRECT_THEM: Final = "testmo-notifier check names every mistake in the files here; then: sam build && sam deploy"
STORED_IN: Final = "the Slack secret"
UNKNOWN: Final = "look at https://slack-status.com, and whether the Slack function's log has it tried again or parked"
SLACK: Final[Mapping[str, str]] = {
    "action_prohibited": "an admin of the workspace has restricted posting: ask for the app to be allowed",
    "channel_is_archived": "unarchive the channel, or make a webhook for another one and store it in the Slack secret",
    "channel_not_found": f"the channel is gone, or closed to the bot (invite it, correct its id): else {NEW_WEBHOOK}",
    "invalid_token": f"the webhook's address is not complete or was revoked: {NEW_WEBHOOK}",
    "no_active_hooks": f"the webhook was disabled: {NEW_WEBHOOK}",
    "no_service": f"the webhook was removed or its app uninstalled: {NEW_WEBHOOK}",
    "no_service_id": f"the webhook's address is not complete: {NEW_WEBHOOK}",
    "no_team": f"the workspace is gone: {NEW_WEBHOOK}",
    "no_webhook": "add the name with its webhook to the Slack secret, or take the destination out of routes.toml",
    "posting_to_general_channel_denied": "an admin restricted that channel: allow the app, or choose another channel",
    "team_disabled": "the workspace is disabled: ask its owner",
    "user_not_found": f"the person who made the webhook is gone: {NEW_WEBHOOK}",
    "account_inactive": f"the bot or its app was removed: {ANEW}",
    "invalid_auth": f"Slack does not know the token: {ANEW}",
    "is_archived": "unarchive the channel or store another id in the Slack secret, then: testmo-notifier redrive --yes",
    "missing_scope": f"give the app the bot scope chat:write, then {ANEW}",
    "not_in_channel": "invite the bot to the channel (/invite in Slack), then: testmo-notifier redrive --yes",
    "restricted_action": "an admin of the workspace has restricted posting: ask for the app to be allowed",
    "token_expired": f"token rotation is on: switch it off for the app, then {ANEW}",
    "token_revoked": f"the token was revoked: {ANEW}",
    "throttled": "Slack asks for fewer messages; they wait in the queue and go out by themselves",
    "http_413": "something between here and Slack refuses what is larger than it likes: ask who runs that proxy",
    "no_answer": "Slack could not be reached from here: check the network, and https://slack-status.com",
}


BY_CHANNEL: Final[Mapping[str, Mapping[str, str]]] = {
    "slack": {**SLACK, "http_404": NEW_WEBHOOK, "http_410": NEW_WEBHOOK, "": UNKNOWN}
}
IN_GENERAL: Final = "look at its secret and its service's own status page; the log of the stack's function says more"


def next_step(reason: str, *, channel: str, secret: str = "") -> str:
    """The next step for a reason; names the secret where somebody may have to store something in it."""
    known = BY_CHANNEL.get(channel, {})
    step = known.get(reason) or known.get("", IN_GENERAL)
    return step.replace(STORED_IN, f"{STORED_IN} ({secret})") if secret else step


def store(arn: str) -> str:
    """How to store a new value in a secret: pasted, so that it gets into no history, file or list of processes."""
    put = f"aws secretsmanager put-secret-value --secret-id {arn} --secret-string file:///dev/stdin"
    return f'read -rs SECRET && printf %s "$SECRET" | {put}; unset SECRET'


def correct(problem: Problem) -> str:
    """The next step for a wrong setting; of one in a secret also how it gets there."""
    stored = f"; no deploy is needed: {store(problem.secret)}" if problem.secret else ""
    return f"{problem.next_step}{stored}"


def wrong(problem: Problem) -> str:
    """What is wrong, and where, for those who print the next step by itself."""
    return problem.removesuffix(problem.next_step).rstrip(":; ")
