"""`people`: who works in Testmo, and who of them has an entry in people.toml."""

from __future__ import annotations

import json
from collections.abc import Iterable

from testmo_notifier.model import Mention, User
from testmo_notifier.notices.matching import plain
from testmo_notifier.settings.people import People, parse_people
from testmo_notifier.settings.team import PEOPLE, text_of
from testmo_notifier.text.cleaning import printable
from testmo_notifier.text.shortening import one_line
from tools.lib.testmo import connected
from tools.ops import dry_run, records, wiring
from tools.ops.exit_status import FINE, Desk
from tools.ops.times import counted
from tools.settings.check_names import is_somebody
from tools.settings.users import Seen, seen


def people(desk: Desk, *, from_environment: bool) -> int:
    """List them; asking is all it does."""
    ours = parse_people(text_of(wiring.settings_file(PEOPLE)))
    if from_environment:
        settings, token = dry_run.of_environment()
        spent = {}
    else:
        settings, token = desk.account.settings, desk.account.token()
        spent = dict(records.control(desk.account)[0].budget.requests)
    desk.progress.note(f"asking {settings.testmo_url}")
    found = seen(connected(settings.testmo_url, token, settings.requests_per_minute, spent))
    entries = {user.id: slack_id(ours, user) for user in found.users}
    missing = [user for user in found.users if not entries[user.id]]
    tell(desk, found, entries, missing)
    keys: list[int | str] = [*ours.by_id, *ours.by_name]
    strangers = [str(one) for one in keys if not is_somebody(one, found.users)]
    for one in strangers:
        desk.out.problem(f"people.toml has an entry for {one}, who is not among {found.where}")
    for name, ids in shared_names(ours, found.users).items():
        what = f"people.toml has one entry for {name}, and {len(ids)} users are called so"
        desk.out.problem(f"{what}: give each a line with its id ({', '.join(map(str, ids))}) instead")
    desk.out.verdict(
        f"{len(found.users) - len(missing)} of {counted(len(found.users), 'user')} have an entry in people.toml",
        is_ok=True,
    )
    told = [{"id": u.id, "name": u.name, "email": u.email, "slack": entries[u.id]} for u in found.users]
    lines = [line(user) for user in missing]
    desk.answer({"ok": True, "where": found.where, "people": told, "missing": lines, "strangers": strangers})
    return FINE


def slack_id(ours: People, user: User) -> str | None:
    """The Slack member of a user, by the id, the name or the address."""
    return ours.slack_id(Mention(user.name, user.id)) or ours.by_name.get(plain(user.email) or "-")


def shared_names(ours: People, users: Iterable[User]) -> dict[str, list[int]]:
    """The entries by name that several users would be called by, with the ids of these."""
    called: dict[str, tuple[str, list[int]]] = {}
    for user in users:
        if user.id not in ours.by_id and plain(user.name) in ours.by_name:
            called.setdefault(plain(user.name), (shown_name(user), []))[1].append(user.id)
    return {name: ids for name, ids in called.values() if len(ids) > 1}


def tell(desk: Desk, found: Seen, entries: dict[int, str | None], missing: list[User]) -> None:
    """The users, and lines for those that have no entry: an id stays right when somebody is renamed."""
    shown = {
        str(user.id): "  ".join(filter(None, (shown_name(user), user.email, entries[user.id] or "no entry")))
        for user in found.users
    }
    desk.out.heading(f"{counted(len(found.users), 'user')}: {found.where}", shown)
    if missing:
        desk.out.gap()
        desk.out.note("for [people] of people.toml; Slack shows the id in a member's profile (⋮, Copy member ID):")
        for user in missing:
            desk.out.note(line(user))


def line(user: User) -> str:
    """A line to paste."""
    return f"{user.id} = {json.dumps('U…', ensure_ascii=False)}  # {shown_name(user)}"


def shown_name(user: User) -> str:
    """A name on one line, without what a terminal would obey."""
    return printable(one_line(user.name, 100))
