"""`testmo-notifier preview`: what messages look like, with the settings of this folder. Publishes and moves nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.text import Text

from testmo_notifier.channels.registry import CHANNELS, channel_of
from testmo_notifier.channels.render import Renderer
from testmo_notifier.config import VariableReader, time_zone
from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.model import Notification
from testmo_notifier.notices.routes import is_for_people
from testmo_notifier.settings.issues_file import parse_issue_links
from testmo_notifier.settings.team import text_of
from testmo_notifier.text.cleaning import printable
from tools.lib import blocks
from tools.lib.addresses import EMAIL_ADDRESS
from tools.lib.terminal import Terminal
from tools.settings.check import read_team
from tools.settings.samples import NAMES, Sample, samples

BUILDER: Final = "https://app.slack.com/block-kit-builder/#"


@dataclass(frozen=True, slots=True)
class Preview:
    """One message, rendered. `sample` is its name, `words` what it is an example of."""

    sample: str
    words: str
    notification: Notification

    @property
    def content(self) -> dict[str, object]:
        """What is JSON as it is; anything else, like a mail, as subject and body."""
        told = self.notification
        if not is_json(told.message):
            return {"subject": told.subject, "body": told.message}
        content: dict[str, object] = json.loads(told.message)
        return content

    @property
    def builder(self) -> str | None:
        """Where Slack itself shows the blocks; None where there are none."""
        found = {name: self.content[name] for name in ("blocks", "attachments") if self.content.get(name)}
        return builder_url(found) if found else None

    def as_json(self) -> dict[str, object]:
        """Everything, for programs."""
        told = {"sample": self.sample, "about": self.words, "channel": self.notification.channel}
        return {**told, "content": self.content, "block_kit_builder": self.builder}


def is_json(text: str) -> bool:
    """Whether a message is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def builder_url(found: object) -> str:
    """Slack's Block Kit Builder with these blocks and attachments in it."""
    return BUILDER + quote(json.dumps(found, ensure_ascii=False, separators=(",", ":")), safe="")


def renderer(folder: Path, environ: Mapping[str, str]) -> Renderer:
    """The poller's renderer with a team's settings; raises `ConfigurationError`."""
    env = VariableReader(environ)
    zone = env.read("TIME_ZONE", time_zone, default="UTC")
    env.raise_problems()
    assert zone is not None  # noqa: S101 - else there was a problem
    path = folder / "issues.toml"
    if path.exists() and (folder / "routes.toml").exists():
        return Renderer.of(read_team(folder.joinpath), zone, time.thread_time)
    links = parse_issue_links(text_of(path), path.name)
    return Renderer(zone, folder / "templates", links, time.thread_time)


def destinations(destination: str | None, channel: str) -> list[str]:
    """The one that is asked for, else those of the channels; raises `ConfigurationError` for what is none."""
    if destination is None:
        return [one.default for one in CHANNELS.values() if channel in (one.name, "all")]
    if channel_of(destination) is None:
        known = ", ".join(one.default for one in CHANNELS.values())
        raise ConfigurationError([Problem(f"{destination!r} is no destination", f"give {known}, slack:payments, …")])
    if channel not in (destination.partition(":")[0], "all"):
        raise ConfigurationError([Problem(f"{destination} is not of the channel {channel}", "leave out --channel")])
    return [destination]


def chosen(names: Sequence[str]) -> dict[str, Sample]:
    """The samples of these names; all of them for `all`, the realistic one for none."""
    return samples(NAMES if "all" in names else names or NAMES[:1])


def render(shown: Mapping[str, Sample], destinations: Sequence[str], maker: Renderer) -> list[Preview]:
    """Every sample for every destination; programs hear of every run by itself."""
    return [
        Preview(name, sample.words, maker.notification(sample.outgoing(destination)))
        for name, sample in shown.items()
        for destination in destinations
        if is_for_people(destination) or sample.digest.held_since is None  # nothing is held for programs
    ]


def tell(previews: Iterable[Preview], terminal: Terminal, *, with_builder: bool = False) -> None:
    """Print messages as their readers would see them; with a link of thousands of characters only when asked."""
    for preview in previews:
        channel = channel_of(preview.notification.destination)
        title = f"{channel.title if channel else ''}{f' to {EMAIL_ADDRESS}' if preview.notification.subject else ''}"
        terminal.message(f"{title}  ({preview.sample}: {preview.words})", list(lines(preview)))
        if with_builder and preview.builder:
            terminal.note(f"in Slack's own renderer: {preview.builder}")


def lines(preview: Preview) -> list[Text]:
    """A message line by line."""
    told = preview.notification
    if preview.builder:
        return blocks.lines(preview.content)
    if not is_json(told.message):
        return [Text(printable(told.subject), "bold"), Text(), *map(Text, printable(told.message).splitlines())]
    pretty = json.dumps(preview.content, indent=2, ensure_ascii=False)
    return [Text(line) for line in printable(pretty).splitlines()]
