"""A digest as a message of its channel. Pure: templates and values in, texts out.

Templates write the words, each channel's `rendering` builds the message and keeps its limits. A template that breaks,
or that does not end, never loses a message: the built-in text goes out instead, and `problems` names template and line.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from datetime import tzinfo
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jinja2.exceptions import TemplateSyntaxError, UndefinedError

from testmo_notifier.channels.bounds import Bounds, TemplateStopped
from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import without_marks
from testmo_notifier.channels.registry import CHANNELS, channel_of
from testmo_notifier.errors import Problem
from testmo_notifier.model import Digest, Notification, Outgoing
from testmo_notifier.notices.context import MessageView, ResultView
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.text import one_line
from testmo_notifier.notices.view import NO_LINKS, Limits, message_view


def renderings() -> dict[str, Rendering]:
    """How each channel renders, by template."""
    every = [channel.rendering() for channel in CHANNELS.values()]
    return {name: rendering for rendering in every for name in rendering.max_weight}


def built_in_folders() -> list[Path]:
    """Where the built-in templates are."""
    return [channel.templates for channel in CHANNELS.values()]


class Renderer:
    """Renders digests. `overrides` is a folder of a team's own templates; `problems` fills when one breaks."""

    def __init__(
        self,
        time_zone: tzinfo,
        overrides: Path | None = None,
        links: IssueLinks = NO_LINKS,
        clock: Callable[[], float] = lambda: 0.0,  # in seconds; without one a team's templates have steps alone
        *,
        built_in: Sequence[Path] | None = None,
    ) -> None:
        self.problems: list[Problem] = []
        self.links = links
        self._overrides = overrides
        self._bounds = Bounds(clock)
        self._stopped: dict[str, Problem] = {}  # what did not end, and how that was told: it is not tried again
        self._renderings = renderings()
        there = FileSystemLoader(built_in_folders() if built_in is None else built_in)
        self._built_in = self._environments(ChoiceLoader([there]), time_zone)
        # A team's template may say {% extends "built_in/email_body.j2" %} and change one block of it.
        own = [FileSystemLoader(overrides, encoding="utf-8-sig")] if overrides else []
        loader = ChoiceLoader([*own, there, PrefixLoader({"built_in": there})])
        self._own = self._environments(loader, time_zone, self._bounds)

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
        subject, message = channel.rendering().message(self, outgoing)
        return Notification(
            id=outgoing.id,
            destination=outgoing.destination,
            channel=channel.attribute(outgoing.destination),
            subject=subject,
            message=message,
            run_id=outgoing.digest.run_id,
            project_id=outgoing.digest.project_id,
            statuses=tuple(outgoing.digest.counts),
        )

    def view(self, digest: Digest, limits: Limits, *, with_links: bool = False) -> MessageView:
        """A digest as templates see it."""
        return without_marks(message_view(digest, limits, self.links if with_links else NO_LINKS))

    def text(self, name: str, view: MessageView, result: ResultView | None = None) -> str:
        """A text by the team's template, else by the built-in one, else without any."""
        rendering = self._renderings[name]
        for environment in self._ways(name):
            try:
                self._bounds.renew()
                template = environment.get_template(name)
                text = template.render(message=view, result=result).strip("\n")
                words, length = weighed(rendering, name, text)
            except Exception as exc:  # noqa: BLE001 - a template can raise whatever Python can, and must lose nothing
                self.problems.append(template_problem(name, exc))
                if isinstance(exc, TemplateStopped):
                    self._stopped[name] = self.problems[-1]
                    self._bounds.begin()  # the others have their own time
                continue
            if words.strip() and length <= rendering.max_weight[name]:
                return text
            heavy = f"gave {length} characters, more than {rendering.max_weight[name]}"
            size = heavy if words.strip() else "gave no text"
            self.problems.append(Problem(f"{name} {size}", text=size, file=name))
        return last_resort(view, result)

    def _ways(self, name: str) -> Iterator[Environment]:
        """The team's, if it has a template of this name that is worth a try; then the one that is always there."""
        if self._overrides and (self._overrides / name).is_file():
            if name in self._stopped:
                self.problems.append(self._stopped[name])
            else:
                yield self._own[name]
        yield self._built_in[name]

    def _environments(self, loader: BaseLoader, zone: tzinfo, bounds: Bounds | None = None) -> dict[str, Environment]:
        """One for each notation, by template."""
        made = {rendering: rendering.environment(loader, zone, bounds) for rendering in set(self._renderings.values())}
        return {name: made[rendering] for name, rendering in self._renderings.items()}


def weighed(rendering: Rendering, name: str, text: str) -> tuple[str, int]:
    """What a reader gets to see of a text, and how much it is."""
    if len(text) > 10 * rendering.max_weight[name]:  # far too much, and not worth the reading
        return text, len(text)
    return rendering.weighed(name, text)


def template_problem(name: str, exc: Exception) -> Problem:
    """Template, line and what is wrong."""
    line = exc.lineno if isinstance(exc, TemplateSyntaxError) else None
    for frame in traceback.extract_tb(exc.__traceback__):
        if frame.filename.endswith(".j2"):
            name, line = Path(frame.filename).name, frame.lineno
    text = f"{type(exc).__name__}: {one_line(str(exc), 200)}"
    words = f"{name}, line {line or '?'}: {text}"
    if isinstance(exc, UndefinedError):  # of these Jinja's own words are enough
        text = one_line(str(exc), 200)
    return Problem(words, text=text, file=name, line=line or 1)


def last_resort(view: MessageView, result: ResultView | None) -> str:
    """What goes out when even a built-in template breaks."""
    if result is not None:
        return f"{result.symbol} {result.status}: {result.name}"
    counts = ", ".join(f"{count.n} {count.word}" for count in view.counts)
    return f"{counts}: {view.run.name}"
