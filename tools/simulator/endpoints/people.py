"""How users answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.simulator import answers, views
from tools.simulator.answers import Answer, Refused
from tools.simulator.listing import Ask, Sources, listed, project_of, single
from tools.simulator.model import User


def current_user(ask: Ask) -> Answer:
    """GET /user: the owner of the token, bare."""
    return answers.as_json(views.current_user(ask.world.viewer))


def users(ask: Ask) -> Answer:
    """GET /users, for administrators."""
    _require_admin(ask)
    return listed(ask, _everybody(ask), views.user, _expands)


def user(ask: Ask, user_id: int) -> Answer:
    """GET /users/{user_id}, for administrators."""
    _require_admin(ask)
    row = ask.world.users.get(user_id)
    if row is None or row.is_forgotten:
        raise Refused(answers.no_such("user", user_id))
    return single(ask, row, views.user, _expands)


def project_users(ask: Ask, project_id: int) -> Answer:
    """GET /projects/{project_id}/users: names only, no administrator needed; everybody is in every project."""
    project_of(ask, project_id)
    return listed(ask, _everybody(ask), views.named)


def _everybody(ask: Ask) -> Iterator[User]:
    return (user for user in ask.world.users.values() if not user.is_forgotten)


def _require_admin(ask: Ask) -> None:
    if not ask.world.viewer.is_admin:
        raise Refused(answers.forbidden())


def _expands(_: Ask, rows: Sequence[User]) -> Sources:
    roles = {views.user(row)["role_id"] for row in rows}
    return {
        "groups": list,
        "roles": lambda: [dict(role) for role in views.ROLES if role["id"] in roles],
        "users": list,  # who created a user is not known here
    }
