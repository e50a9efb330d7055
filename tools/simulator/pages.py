"""The few pages of the web interface that links lead to: the login, and a run with its tests."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import parse_qs

from tools.lib.stamps import iso
from tools.simulator import answers
from tools.simulator.answers import Answer
from tools.simulator.counters import latest_of_each_test
from tools.simulator.model import Run
from tools.simulator.world import World

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Log in - Testmo</title></head>"
    '<body><form action="/auth/login" method="post"></form></body></html>'
)
_RUN = re.compile(r"/runs/view/([0-9]{1,18})")


def answer(world: World, target: str) -> Answer:
    """`/auth/login`, and `/runs/view/<run>?test_id=<test>`, where notifications link to; else a 404."""
    path, _, query = target.partition("?")
    if path == "/auth/login":
        return answers.as_html(LOGIN_PAGE, status=200)
    found = _RUN.fullmatch(path)
    with world.lock:
        run = world.runs.get(int(found[1])) if found else None
        if run is None:
            return answers.no_such_route(path)
        return answers.as_html(_run_page(world, run, parse_qs(query).get("test_id", [""])[0]), status=200)


def _run_page(world: World, run: Run, test_id: str) -> str:
    latest = latest_of_each_test(world.results_of(run))
    rows = []
    for test in world.tests_of(run):
        result = latest.get(test.id)
        status = world.statuses.get(result.status_id if result else 1)
        who = f"{world.users[result.created_by].name}, {iso(result.created_at)}" if result else ""
        cells = (world.cases[test.case_id].name, status.name if status else "?", who)
        marked = ' style="background:#ffd"' if str(test.id) == test_id else ""
        rows.append(f"<tr{marked}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        if marked and result and result.note:
            # As text, not as HTML: a note is written by others.
            rows.append(f'<tr{marked}><td colspan="3"><pre>{escape(result.note)}</pre></td></tr>')
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{escape(run.name)}</title></head>'
        f"<body><h1>{escape(run.name)}</h1><p>This is the simulator, not Testmo.</p>"
        f"<table>{''.join(rows)}</table></body></html>"
    )
