"""What a channel declares about itself. All else asks for it here; only `polling/mail.py` knows mail by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from testmo_notifier.lean import dataclass

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    import urllib3
    from jinja2 import BaseLoader

    from testmo_notifier.channels.bounds import Bounds
    from testmo_notifier.channels.notation import TemplateEnvironment
    from testmo_notifier.channels.render import Renderer
    from testmo_notifier.errors import Problem
    from testmo_notifier.model import Digest, Outgoing, QueuedMessage

NAME: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
A_SECOND: Final = timedelta(seconds=1)  # between two messages to one place, where a channel says nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How a channel makes a message of a digest.

    message(renderer, outgoing): the subject (empty where there is none) and the message.
    environment: what its templates are written for. weighed(name, text): what a reader gets to see of a rendered text,
    and how much it is. `max_weight` has its templates by file name, and how much the text of each may be. `versatile`
    are those whose words fit whatever a message is about; of the others a team has one for each kind of message.
    aside(digest, reasons): what the transport is told beside the message, where its destinations may have a state.
    """

    message: Callable[[Renderer, Outgoing], tuple[str, str]]
    environment: Callable[[BaseLoader, tzinfo, Bounds | None], TemplateEnvironment]
    max_weight: Mapping[str, int] = field(default_factory=dict, hash=False)
    versatile: frozenset[str] = frozenset()
    weighed: Callable[[str, str], tuple[str, int]] = lambda _, text: (text, len(text))
    aside: Callable[[Digest, Sequence[str]], Mapping[str, object]] = lambda _digest, _reasons: {}


ChangeState = Callable[[Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], Any]]], Any]


class Conversation(Protocol):
    """A destination with a state: what it is told of one run belongs together, and one place shows how the run is.

    Both calls may be made again after a crash, and by several invocations at once; they raise what `Transport.post`
    does. `DeliveryDelayed` with a reason of `errors.OURS` says nothing of the destination.
    """

    @property
    def gate(self) -> str:
        """The pace that edits keep: they are few, and none of them is news."""

    def tell(self, payload: str) -> None:
        """Post one message where it belongs."""

    def is_shown(self) -> bool:
        """Whether that place shows what was told."""

    def show(self) -> None:
        """Make that place show what was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How a channel's messages leave the queue, with its own words for errors. Five functions it must have.

    read_secret(secret): the good addresses of a secret by destination name, and what is wrong with the others; quotes
    none. post(pool, address, payload, now): returns if it was delivered; else `DeliveryDelayed`, `PayloadRefused` (in
    this form) or `DestinationGone`. probe(pool, address, now): whether an address is alive, in words, without showing
    anything; raises what `post` does. problem(body): why a body is none of this channel's. test_message(text): a
    message that says nothing but this.

    kind(address): what an address is called, in a word. place(address): where it leads; posts to one place keep one
    pace, `post_spacing` apart, by whatever names and tokens they come. plainer(body): the form that is tried when the
    first one is refused. alarm(message): what is to be posted of an alarm, None where the message is none.
    for_alarms(names): the destinations in the order in which alarms try them. conversation(pool, address, message,
    change, now): how a message is told where the destination has a state, which `change` changes; None where it has
    none. `edit_spacing`: how far apart its edits are.
    """

    read_secret: Callable[[str], tuple[dict[str, str], list[Problem]]]
    post: Callable[[urllib3.PoolManager, str, str, datetime], None]
    probe: Callable[[urllib3.PoolManager, str, datetime], str]
    problem: Callable[[str], str | None]
    test_message: Callable[[str], str]
    kind: Callable[[str], str] = lambda _address: "address"
    place: Callable[[str], str] = lambda address: address
    plainer: Callable[[str], str] = lambda body: body
    alarm: Callable[[QueuedMessage], QueuedMessage | None] = lambda _message: None
    for_alarms: Callable[[Collection[str]], list[str]] = list
    conversation: Callable[
        [urllib3.PoolManager, str, QueuedMessage, ChangeState, Callable[[], datetime]], Conversation | None
    ] = lambda *_: None
    post_spacing: timedelta = A_SECOND
    edit_spacing: timedelta = A_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way out. Its folder has `rendering.py`, `templates/` and, where the queue delivers it, `transport.py`.

    `parameter` is the one in template.yaml that switches it on. `max_per_poll` (None: all there are) and
    `seconds_between` are its limits: how many messages one poll publishes for each of its destinations, and how far
    apart. The rest waits in its outbox. `calls_people`: it can notify those whom a route mentions. `is_subscribed`:
    people subscribe an address of theirs to the topic, and can end that. `others` are further destinations of what
    programs read, and what the attribute `channel` of their messages says instead of the name.
    """

    package: str
    title: str
    parameter: str = ""
    is_for_people: bool = True
    is_queued: bool = False
    calls_people: bool = False
    is_subscribed: bool = False
    max_per_poll: int | None = None
    seconds_between: float = 0.0
    others: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """What destinations begin with: the name of its folder."""
        return self.package.rpartition(".")[2]

    @property
    def default(self) -> str:
        """The destination that needs no name. What programs read has no other."""
        return f"{self.name}:default" if self.is_for_people else self.name

    def takes(self, destination: str) -> bool:
        """Whether this is a destination of it."""
        known = re.fullmatch(f"{self.name}:{NAME}" if self.is_for_people else self.name, destination)
        return bool(known) or destination in self.others

    def attribute(self, destination: str) -> str:
        """What the attribute `channel` of its messages says, by which subscriptions filter."""
        return self.others.get(destination, self.name)

    @property
    def secret_variable(self) -> str:
        """The environment variable with the ARN of its secret."""
        return f"{self.name.upper()}_SECRET_ARN"

    @property
    def templates(self) -> Path:
        """The folder of its built-in templates."""
        return Path(str(import_module(self.package).__file__)).parent / "templates"

    def rendering(self) -> Rendering:
        """Loaded when it is asked for: Jinja takes its time, and what takes from the queue renders nothing."""
        made: Rendering = import_module(f"{self.package}.rendering").RENDERING
        return made

    def transport(self) -> Transport:
        """The same: the poller posts nothing."""
        made: Transport = import_module(f"{self.package}.transport").TRANSPORT
        return made
