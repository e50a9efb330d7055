"""A digest as a message of its channel. Pure: templates and values in, texts out.

Templates write the words, each channel's `rendering` builds the message and keeps its limits. A template that breaks,
or that does not end, never loses a message: the next one goes out instead, and `problems` names template and line. A
destination's own template comes first (`templates/slack/payments/slack_result.j2` is that of `slack:payments`), then
the team's, then the built-in one.

What passed again, what was closed and what is about several runs has its own names (`slack_recovered_header.j2`): a
team's `slack_header.j2`, which may know of failures alone, never announces a recovery as one. The built-in templates
tell all four.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Final

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jinja2.exceptions import TemplateSyntaxError, UndefinedError

from testmo_notifier.channels.bounds import Bounds, TemplateStopped
from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import without_marks
from testmo_notifier.channels.registry import CHANNELS, channel_of
from testmo_notifier.errors import Problem
from testmo_notifier.lean import dataclass
from testmo_notifier.model import AGAIN, CHANGED, FAILING, FOLDED, NEW, REASONS, Digest, Notification, Outgoing
from testmo_notifier.notices.context import MessageView, PartView, ResultView
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.routes import Options, fitting
from testmo_notifier.notices.several import several_view
from testmo_notifier.notices.view import NO_LINKS, Limits, message_view
from testmo_notifier.settings.people import People
from testmo_notifier.settings.team import Team
from testmo_notifier.text.shortening import one_line

HELP: Final = "docs/templates.md lists what there is"
SHORTEN_IT: Final = "make it say less"
NOBODY: Final = People()
AS_THE_STACK: Final = Options()
Environments = Mapping[str, Environment]  # by template


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of a destination as far as they are compiled: its `own` first, by name, then `built_in`."""

    built_in: Environments
    own: tuple[tuple[Mapping[str, Path], Environments], ...] = ()


def renderings() -> dict[str, Rendering]:
    """How each channel renders, by template."""
    every = [channel.rendering() for channel in CHANNELS.values()]
    return {name: rendering for rendering in every for name in rendering.max_weight}


def own_name(rendering: Rendering, name: str, about: str) -> str:
    """What a team calls its own template for a message of this kind: `slack_recovered_header.j2`."""
    channel, _, rest = name.partition("_")
    return name if about == FAILING or name in rendering.versatile else f"{channel}_{about}_{rest}"


def built_in_folders() -> list[Path]:
    """Where the built-in templates are."""
    return [channel.templates for channel in CHANNELS.values()]


class Renderer:
    """Renders digests. `overrides` is a folder of a team's own templates; `problems` fills when one breaks.

    `people` are those who can be called in Slack, `options` what destinations are told in their own way, `lines` how
    many tests a message of this one names, where it says so.
    """

    def __init__(
        self,
        time_zone: tzinfo,
        overrides: Path | None = None,
        links: IssueLinks = NO_LINKS,
        clock: Callable[[], float] = lambda: 0.0,  # in seconds; without one a team's templates have steps alone
        *,
        people: People = NOBODY,
        options: Mapping[str, Options] | None = None,
        built_in: Sequence[Path] | None = None,
    ) -> None:
        self.problems: list[Problem] = []
        self.links = links
        self.people = people
        self.lines: int | None = None
        self._time_zone = time_zone
        self._overrides = overrides
        self._options = options or {}
        self._bounds = Bounds(clock)
        self._stopped: dict[str, Problem] = {}  # what did not end, and how that was told: it is not tried again
        self._renderings = renderings()
        self._there = FileSystemLoader(built_in_folders() if built_in is None else built_in)
        self._known: dict[tuple[Path | None, tzinfo], Templates] = {}
        self._templates = self._templates_for(None, time_zone)

    @classmethod
    def of(cls, team: Team, time_zone: tzinfo, clock: Callable[[], float]) -> Renderer:
        """With everything that a team says of its messages."""
        options = team.routes.options
        return cls(time_zone, team.templates, team.links, clock, people=team.people, options=options)

    def for_one_poll(self) -> Renderer:
        """The same, with its templates as they are compiled by now, that knows of no problem yet."""
        fresh = copy(self)
        fresh.problems, fresh._stopped = [], {}  # noqa: SLF001 - its own
        return fresh

    def notification(self, outgoing: Outgoing) -> Notification:
        """One digest for one destination; raises `ValueError` for a destination of no channel."""
        channel = channel_of(outgoing.destination)
        if channel is None:
            raise ValueError(f"{outgoing.destination} is no destination of any channel")
        self._bounds.begin()
        subject, message = channel.rendering().message(self._for(outgoing.destination), outgoing)
        return Notification(
            id=outgoing.id,
            destination=outgoing.destination,
            channel=channel.attribute(outgoing.destination),
            subject=subject,
            message=message,
            run_id=outgoing.digest.run_id,
            project_id=outgoing.digest.project_id,
            statuses=statuses(outgoing.digest),
            reasons=reasons(outgoing.digest),
            routes=fitting(outgoing.digest.routes),
            aside=channel.rendering().aside(outgoing.digest, reasons(outgoing.digest)),
        )

    def view(self, digest: Digest, limits: Limits, *, with_links: bool = False) -> MessageView:
        """A digest as templates see it. What no built-in one prints is there for those of a team alone."""
        make = several_view if digest.about == FOLDED else message_view
        limits = replace(limits, each=any(files for files, _ in self._templates.own))
        return without_marks(make(digest, limits, self.links if with_links else NO_LINKS))

    def has_own(self, name: str, about: str) -> bool:
        """Whether the destination or its team has a template of its own in place of a built-in one."""
        own = own_name(self._renderings[name], name, about)
        return any(own in files for files, _ in self._templates.own)

    def text(self, name: str, view: MessageView, result: ResultView | PartView | None = None) -> str:
        """A text by the destination's or the team's template, else by the built-in one, else without any."""
        return self.own_text(name, view, result)[0]

    def own_text(self, name: str, view: MessageView, result: ResultView | PartView | None = None) -> tuple[str, bool]:
        """The same, and whether it is not the built-in one."""
        rendering = self._renderings[name]
        for environment, template, path in self._tries(name, own_name(rendering, name, view.about)):
            try:
                self._bounds.renew()
                text = environment.get_template(template).render(message=view, result=result).strip("\n")
                words, length = weighed(rendering, name, text)
            except Exception as exc:  # noqa: BLE001 - a template can raise whatever Python can, and must lose nothing
                self.problems.append(template_problem(path, exc, self._overrides))
                if isinstance(exc, TemplateStopped):
                    self._stopped[path] = self.problems[-1]
                    self._bounds.begin()  # the others have their own time
                continue
            is_own = environment is not self._templates.built_in[name]
            if words.strip() and (length <= rendering.max_weight[name] or not is_own):  # ours is tried with less
                return text, is_own
            heavy = f"gave {length} characters, more than {rendering.max_weight[name]}"
            size, next_step = (heavy, SHORTEN_IT) if words.strip() else ("gave no text", "write some")
            self.problems.append(Problem(size, next_step, file=path))
        return last_resort(view, result), False

    def _tries(self, name: str, own: str) -> Iterator[tuple[Environment, str, str]]:
        """Environment, name and path: the own ones that are worth a try, then the one that is always there."""
        for files, environments in self._templates.own:
            if path := files.get(own):
                shown = relative(path, self._overrides)
                if shown in self._stopped:
                    self.problems.append(self._stopped[shown])
                else:
                    yield environments[name], own, shown
        yield self._templates.built_in[name], name, name

    def _for(self, destination: str) -> Renderer:
        """The same for one destination: its time, its lines, its own templates."""
        options = self._options.get(destination, AS_THE_STACK)
        channel, _, name = destination.partition(":")
        folder = self._overrides / channel / name if self._overrides and name else None
        if folder and not folder.is_dir():
            folder = None
        if folder is None and options == AS_THE_STACK:
            return self
        mine = copy(self)
        mine.lines = options.lines
        mine._templates = self._templates_for(folder, options.time_zone or self._time_zone)  # noqa: SLF001 - its own
        return mine

    def _templates_for(self, folder: Path | None, zone: tzinfo) -> Templates:
        """What is compiled once for all destinations of the same folder and time."""
        if (folder, zone) not in self._known:
            made = self._templates_for(None, zone) if folder else Templates(self._environments([self._there], zone))
            if first := folder or self._overrides:
                folders = [one for one in (folder, self._overrides) if one]
                # A team's template may say {% extends "built_in/email_body.j2" %} and change one block of it.
                there = [self._there, PrefixLoader({"built_in": self._there})]
                loaders = [*(FileSystemLoader(one, encoding="utf-8-sig") for one in folders), *there]
                files = {path.name: path for path in first.glob("*.j2") if path.is_file()}
                made = Templates(made.built_in, ((files, self._environments(loaders, zone, self._bounds)), *made.own))
            self._known[folder, zone] = made
        return self._known[folder, zone]

    def _environments(
        self, loaders: Sequence[BaseLoader], zone: tzinfo, bounds: Bounds | None = None
    ) -> dict[str, Environment]:
        """One for each notation, by template."""
        loader = ChoiceLoader(loaders)
        made = {rendering: rendering.environment(loader, zone, bounds) for rendering in set(self._renderings.values())}
        return {name: made[rendering] for name, rendering in self._renderings.items()}


def reasons(digest: Digest) -> tuple[str, ...]:
    """Why the results of a digest are told, for filters: none of them is missing, whoever is not named in it."""
    if digest.about == FOLDED:
        return digest.reasons
    if digest.about != FAILING:
        return tuple(one.about for one in (digest, *digest.parts))
    found = {*digest.reasons, *(result.reason for result in digest.results), *(one.about for one in digest.parts)}
    if digest.omitted and not digest.reasons and found - {""}:
        found |= {NEW, AGAIN, CHANGED}
    return tuple(reason for reason in REASONS if reason in found)


def statuses(digest: Digest) -> tuple[str, ...]:
    """Which statuses a digest tells of, for filters."""
    rest = (status for part in digest.parts for status in statuses(part))
    return tuple(dict.fromkeys((*digest.counts, *rest)))


def weighed(rendering: Rendering, name: str, text: str) -> tuple[str, int]:
    """What a reader gets to see of a text, and how much it is."""
    if len(text) > 10 * rendering.max_weight[name]:  # far too much, and not worth the reading
        return text, len(text)
    return rendering.weighed(name, text)


def relative(path: Path, folder: Path | None) -> str:
    """A template as its team knows it: `slack/payments/slack_result.j2`."""
    return path.relative_to(folder).as_posix() if folder and path.is_relative_to(folder) else path.name


def template_problem(name: str, exc: Exception, overrides: Path | None) -> Problem:
    """Template, line and what is wrong."""
    line = exc.lineno if isinstance(exc, TemplateSyntaxError) else None
    for frame in traceback.extract_tb(exc.__traceback__):
        if frame.filename.endswith(".j2"):
            name, line = relative(Path(frame.filename), overrides), frame.lineno
    kind = "" if isinstance(exc, UndefinedError) else f"{type(exc).__name__}: "  # of these Jinja's words are enough
    return Problem(f"{kind}{one_line(str(exc), 200).rstrip('.')}", HELP, file=name, line=line or 1)


def last_resort(view: MessageView, result: ResultView | PartView | None) -> str:
    """What goes out when even a built-in template breaks."""
    if isinstance(result, PartView):
        return ", ".join((f"{result.symbol} {result.name}", *(f"{count.n} {count.word}" for count in result.counts)))
    if result is not None:
        return f"{result.symbol} {result.status}: {result.name}"
    counts = ", ".join(f"{count.n} {count.word}" for count in view.counts)
    return f"{view.news or counts}: {view.run.name}"
