"""`testmo-notifier route`: which findings are meant, and the routes of a folder that are asked about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from testmo_notifier.channels.registry import for_people
from testmo_notifier.errors import ConfigurationError, Invisible, Problem
from testmo_notifier.notices.routes import destinations
from tools.settings import preview, preview_run, route_findings
from tools.settings.check import read_team
from tools.settings.route import Explained, Finding, explain


def explained(
    folder: Path,
    environ: Mapping[str, str],
    names: Sequence[str],
    run_ids: Sequence[int],
    results: Sequence[tuple[int | None, int]],
) -> list[Explained]:
    """Everything that was asked for; raises `ConfigurationError`, and `NotifierError` where Testmo does not answer."""
    team = read_team(folder.joinpath)
    reachable = destinations(team.routes, tuple(channel.name for channel in for_people()))
    found = findings(environ, names, run_ids, results, with_folders="folder" in team.routes.asked)
    if (run_ids or results) and team.people.has_emails:
        with suppress(Invisible):  # only a site administrator may read addresses: nobody is found by one then
            team.people.learn(preview_run.Access.from_env(environ).connect().users())
    return [explain(finding, team.routes, reachable, team.people) for finding in found]


def findings(
    environ: Mapping[str, str],
    names: Sequence[str],
    run_ids: Sequence[int],
    results: Sequence[tuple[int | None, int]],
    *,
    with_folders: bool,
) -> list[Finding]:
    """What is meant: real results, the failing ones of real runs, or samples."""
    if not run_ids and not results:
        return [one for sample in preview.chosen(names).values() for one in route_findings.of_digest(sample.digest)]
    if names:
        text = "--sample shows what is built in, --run and --result read your Testmo"
        raise ConfigurationError([Problem(text, "give one of them")])
    wanted: dict[int, set[int]] = {run_id: set() for run_id in run_ids}
    for run_id, result in results:
        if run_id is None and len(run_ids) != 1:
            next_step = f"give --result RUN/{result}, or one --run"
            raise ConfigurationError([Problem(f"nothing says of which run result {result} is", next_step)])
        wanted.setdefault(run_id or run_ids[0], set()).add(result)
    access = preview_run.Access.from_env(environ)
    return [
        one
        for run_id, ids in wanted.items()
        for one in route_findings.of_run(access, run_id, ids, with_folders=with_folders)
    ]
