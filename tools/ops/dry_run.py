"""`dry-run`: one poll with the stack's own settings and state; publishes nothing, moves nothing."""

from __future__ import annotations

import os
from typing import Final

from testmo_notifier.channels.registry import CHANNELS
from testmo_notifier.config import PollerSettings, VariableReader, testmo_token
from testmo_notifier.model import Control
from testmo_notifier.poll import poll
from tools.lib.overlay import Nothing, Overlay
from tools.ops import records, wiring
from tools.ops.exit_status import FINE, WRONG, Desk
from tools.ops.times import counted
from tools.settings import preview as previewing

NOT_NEEDED: Final = {"TESTMO_SECRET_ARN": "-", "TABLE_NAME": "-", "TOPIC_ARN": "-", "CHANNELS": ",".join(CHANNELS)}


def dry_run(desk: Desk, *, from_environment: bool) -> int:
    """Show what a poll would send now; wrong if it could not read everything."""
    if from_environment:
        settings, token = of_environment()
        overlay = Overlay(Nothing(), Control())
    else:
        settings, token = desk.account.settings, desk.account.token()
        overlay = Overlay(records.store(desk.account), records.control(desk.account)[0])
    desk.progress.note(f"reading {settings.testmo_url}")
    summary = poll(wiring.setup(settings, token, overlay, overlay))
    desk.out.heading(f"A poll now: {summary.words}", {})
    for problem in summary.problems:
        desk.out.problem(problem)
    heard = [told for told in overlay.published if not told.only_shows]
    shown = [previewing.Preview(f"run {told.run_id}", told.destination, told) for told in heard]
    previewing.tell(shown, desk.out)
    is_ok = summary.status == "ok" and not summary.hidden
    desk.out.verdict(f"{counted(len(shown), 'message')} would go out; nothing was sent, nothing moved", is_ok=is_ok)
    told = [{"destination": one.words, **one.as_json()} for one in shown]
    desk.answer({"ok": is_ok, "summary": summary.to_json(), "messages": told})
    return FINE if is_ok else WRONG


def of_environment() -> tuple[PollerSettings, str]:
    """What `local` would take from the environment, and the token; raises `ConfigurationError`."""
    env = VariableReader(os.environ)
    token = env.read("TESTMO_TOKEN", testmo_token) or ""
    env.raise_problems()
    return PollerSettings.from_env({**os.environ, **NOT_NEEDED}), token
