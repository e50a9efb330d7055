"""Checks a team's templates: their names, their syntax, and what they do with every sample there is."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, TemplateSyntaxError, meta, nodes

from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import plain_environment
from testmo_notifier.channels.registry import CHANNELS, channel_of
from testmo_notifier.channels.render import HELP, Renderer, built_in_folders, own_name, renderings
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.model import FAILING, FINISHED, FOLDED, RECOVERED
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.routes_file import parse_routes
from testmo_notifier.settings.team import AS_UTF_8, not_utf_8
from tools.settings.remarks import LEADS_NOWHERE, TAKE_IT_OUT, Remark
from tools.settings.samples import Sample, samples

UTC: Final = ZoneInfo("UTC")
CONTEXT: Final = frozenset({"message", "result", "super", "self", "caller", "varargs", "kwargs", "loop"})
AS_JINJA: Final = "write it as Jinja has it (https://jinja.palletsprojects.com/en/stable/templates/)"
WITH_RESULT: Final = ("_result.j2", "_tests.j2", "_run.j2")  # what is written for one result, test or run
LINKS: Final = IssueLinks({4: "https://example.atlassian.net/browse/{display_id}"})


@dataclass(frozen=True, slots=True)
class Source:
    """A template of the team: its name below the folder, and what it is made of."""

    name: str
    path: Path
    tree: nodes.Template


def problems(
    folder: Path, routed: Collection[str] = (), *, with_samples: Iterable[tuple[str, Sample]] | None = None
) -> list[Remark]:
    """Everything that is wrong with the templates in a folder; none there is fine.

    `routed` are the destinations of the routes, as far as these are known.
    """
    shown = (path for path in folder.rglob("*") if not path.name.startswith("."))
    paths = sorted(path for path in shown if path.suffix == ".j2" or not path.is_dir())
    found: list[Remark] = []
    if folder.exists() and not folder.is_dir():
        found.append(Remark.of(folder, None, "is no folder", "put the templates into one"))
    sources: list[Source] = []
    for path in paths:
        if not path.is_file():
            text = "is no file, so that nothing reads it" if path.exists() else LEADS_NOWHERE
            found.append(Remark.of(path, None, text, TAKE_IT_OUT))
        elif path.suffix == ".j2":
            try:
                sources.append(read(path, str(path.relative_to(folder).as_posix())))
            except TemplateSyntaxError as exc:
                found.append(Remark.of(path, exc.lineno, str(exc.message).rstrip("."), AS_JINJA))
            except UnicodeDecodeError as exc:
                found.append(Remark.of(path, 1, not_utf_8(exc), AS_UTF_8))
            except OSError as exc:
                found.append(Remark.of(path, 1, f"cannot be read ({exc.strerror})", TAKE_IT_OUT))
        elif path.suffix != ".md":
            step = f"let a template's name end in .j2, like {next(iter(own_names()))}"
            found.append(Remark.of(path, 1, "is not read by anything", step))
    found += unused(sources, routed)
    for source in sources:
        found += unknown_names(source)
        found += unknown_blocks(source)
    known = {(problem.file, problem.line) for problem in found}
    own = dict.fromkeys(filter(None, (destination_of(source.name) for source in sources)))
    rendered = render_problems(folder, own, with_samples or samples().items()) if sources else []
    found += [problem for problem in rendered if (problem.file, problem.line) not in known]
    return sorted(found, key=lambda problem: (problem.file, problem.line))


def read(path: Path, name: str) -> Source:
    """Parse and compile a template; raises `TemplateSyntaxError` with the line, for unknown filters too."""
    environment = environment_of(name)
    text = path.read_text("utf-8-sig")
    try:
        environment.compile(text, name, str(path))
        return Source(name, path, environment.parse(text, name, str(path)))
    except RecursionError as exc:
        raise TemplateSyntaxError("brackets or blocks are nested too deeply", 1) from exc


def own_names() -> dict[str, Rendering]:
    """Every name that a team's own template may have."""
    kinds, every = (FAILING, RECOVERED, FINISHED, FOLDED), renderings().items()
    return {own_name(rendering, name, about): rendering for about in kinds for name, rendering in every}


def environment_of(name: str) -> Environment:
    """The environment that a template of this name is written for."""
    by_name = {channel.name: channel.rendering() for channel in CHANNELS.values()}
    name = name.rpartition("/")[2]
    own = own_names().get(name) or by_name.get(name.partition("_")[0])
    make = own.environment if own else plain_environment
    return make(FileSystemLoader([]), UTC, None)


def unused(sources: list[Source], routed: Collection[str]) -> Iterator[Remark]:
    """Templates that no message uses, most likely by a slip in the name, or in that of the destination's folder."""
    used = {name for source in sources for name in meta.find_referenced_templates(source.tree)}
    known = own_names()
    for source in sources:
        destination = destination_of(source.name)
        if source.name in used or source.name.rpartition("/")[2] in used:
            continue
        if destination and source.path.name in templates_of(destination):
            if routed and destination not in routed:
                words = f"no route names {destination}, so nothing uses this: routes.toml has {', '.join(routed)}"
                yield Remark.warning(source.path, 1, words)
        elif source.name not in known:
            yield Remark.of(source.path, 1, "no message uses a template of this name", f"use one of {', '.join(known)}")


def routed(routes: Path) -> tuple[str, ...]:
    """The destinations that a team's routes name; none where they cannot be read, which is told elsewhere."""
    try:
        return tuple(destinations(parse_routes(routes.read_text("utf-8-sig")), tuple(CHANNELS)))
    except (OSError, UnicodeDecodeError, ConfigurationError):
        return ()


def destination_of(name: str) -> str | None:
    """Whose own template it is by its folder: `slack/payments/…` is that of `slack:payments`."""
    channel, _, rest = name.partition("/")
    folder, slash, _ = rest.partition("/")
    destination = f"{channel}:{folder}"
    return destination if slash and channel_of(destination) else None


def templates_of(destination: str) -> set[str]:
    """The names that a destination's own templates may have."""
    channel = channel_of(destination)
    return {name for name, rendering in own_names().items() if channel and rendering == channel.rendering()}


def unknown_names(source: Source) -> Iterator[Remark]:
    """Names that do not exist, also where no sample leads to them."""
    environment = environment_of(source.name)
    allowed = CONTEXT | environment.globals.keys()
    unknown = meta.find_undeclared_variables(source.tree) - allowed
    for name in source.tree.find_all(nodes.Name):
        if name.name in unknown and name.ctx == "load":
            unknown.discard(name.name)
            step = f"use message or result, {HELP}"
            yield Remark.of(source.path, name.lineno, f"{name.name!r} is not known", step)


def unknown_blocks(source: Source) -> Iterator[Remark]:
    """Blocks that the built-in template does not have, and which are therefore never written."""
    for parent in source.tree.find_all(nodes.Extends):
        name = parent.template.value if isinstance(parent.template, nodes.Const) else ""
        path = built_in(str(name).removeprefix("built_in/"))
        if not str(name).startswith("built_in/") or path is None:
            continue
        known = {block.name for block in read(path, path.name).tree.find_all(nodes.Block)}
        own = list(source.tree.find_all(nodes.Block))
        # A block within a block that is written is written too.
        inner = {block.name for outer in own if outer.name in known for block in outer.find_all(nodes.Block)}
        for block in own:
            if block.name not in known | inner:
                there = ", ".join(sorted(known))
                words = f"block {block.name!r} is never shown: {name} has {there}"
                yield Remark.warning(source.path, block.lineno, words)


def built_in(name: str) -> Path | None:
    """The built-in template of a name; None where there is none."""
    paths = (folder / name for folder in built_in_folders())
    return next((path for path in paths if path.is_file()), None)


def render_problems(folder: Path, own: Iterable[str], every: Iterable[tuple[str, Sample]]) -> Iterator[Remark]:
    """What goes wrong with the samples, each problem with the first sample that shows it."""
    told: set[tuple[str, str]] = set()
    for name, sample in every:
        renderer = Renderer(UTC, folder, LINKS, time.thread_time)
        for destination in dict.fromkeys((*(channel.default for channel in CHANNELS.values()), *own)):
            renderer.notification(sample.outgoing(destination))
        for problem in dict.fromkeys(renderer.problems):
            text, step = explained(problem, line_of(folder / problem.file, problem.line))
            kind = (f"{problem.file}:{problem.line}", re.sub(r"\d+", "", text))
            if kind not in told:
                told.add(kind)
                text = f"{text} (with the sample {name!r}: {sample.words})"
                yield Remark.of(folder / problem.file, problem.line or 1, text, step)


def line_of(path: Path, number: int) -> str:
    """A line of a template, as far as there is one to read."""
    lines = path.read_text("utf-8-sig", "replace").split("\n") if path.is_file() else []
    return lines[number - 1] if 0 < number <= len(lines) else ""


def explained(problem: Problem, line: str) -> tuple[str, str]:
    """A template's problem and what to do, for whoever wrote it: Jinja speaks of Python's objects."""
    text = re.sub(r"'[\w.]*?(\w+) object' has no attribute ('\w+')", r"\1 has no field \2", problem.text)
    if re.search(r"NoneType' object has no attribute '(astimezone|timestamp)'", text):
        return "the filter `when` got no moment", "ask {% if result.at %} first"
    if text.startswith("'None' has no attribute"):
        if "result" not in line or problem.file.endswith(WITH_RESULT):
            return text, "ask {% if … %} first, docs/templates.md says what may be None"
        there = "result is there in slack_result.j2 and slack_tests.j2 alone"
        return f"{text}, because {there}", "go through message.results elsewhere"
    return text, problem.next_step
