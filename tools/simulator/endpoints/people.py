"""How users answer."""

from __future__ import annotations

from collections.abc import Sequence

from tools.simulator import answers, views
from tools.simulator.answers import Answer, Json, Refused
from tools.simulator.listing import Ask, chosen, cut, project_of, single

_EXPANDS = ("groups", "roles", "users")


def current_user(ask: Ask) -> Answer:
    """GET /user: the owner of the token, bare."""
    return answers.as_json(views.current_user(ask.world.viewer))


def users(ask: Ask) -> Answer:
    """GET /users, for administrators."""
    _require_admin(ask)
    paging = ask.query.paging()
    asked = ask.query.expands(*_EXPANDS)
    ask.query.check()
    everybody = [user for user in ask.world.users.values() if not user.is_forgotten]
    rows, page = cut(everybody, paging)
    shown = [views.user(row) for row in rows]
    return page.answer(shown, expands=_expands(shown, asked))


def user(ask: Ask, user_id: int) -> Answer:
    """GET /users/{user_id}, for administrators."""
    _require_admin(ask)
    row = ask.world.users.get(user_id)
    if row is None or row.is_forgotten:
        raise Refused(answers.no_such("user", user_id))
    asked = ask.query.expands(*_EXPANDS)
    ask.query.check()
    shown = views.user(row)
    return single(shown, expands=_expands([shown], asked))


def project_users(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/users: names only, no administrator needed; everybody is in every project."""
    project_of(ask, project_id)
    paging = ask.query.paging()
    ask.query.check()
    rows, page = cut([user for user in ask.world.users.values() if not user.is_forgotten], paging)
    return page.answer(views.named(row) for row in rows)


def _require_admin(ask: Ask) -> None:
    if not ask.world.viewer.is_admin:
        raise Refused(answers.forbidden())


def _expands(rows: Sequence[Json], asked: Sequence[str]) -> dict[str, list[Json]]:
    roles = {row["role_id"] for row in rows}
    return chosen(
        asked,
        {
            "groups": list,
            "roles": lambda: [dict(role) for role in views.ROLES if role["id"] in roles],
            "users": list,  # who created a user is not known here
        },
    )
