"""Every network call of both functions, counted and named, and the one of them at which an invocation is killed.

boto3 and our own adapters meet in one place: urllib3's `urlopen`. Whatever a function does to the world passes there,
each attempt of a retry included, also from a worker thread.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

from tests.flow.power import PowerCut

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")
Side = Literal["before", "after"]
READS: Final = re.compile(
    r"Testmo GET |DynamoDB (Get|BatchGet)Item |DynamoDB Query|SNS (Get|List)|secretsmanager GetSecretValue"
)


@dataclass(frozen=True, slots=True)
class Strike:
    """Kill whoever makes this call of the story, counted from 0: before it is sent, or before its answer is seen."""

    at: int
    side: Side


@dataclass(frozen=True, slots=True)
class Effect:
    """A call that was answered, by a name that says to whom, what, and about what."""

    name: str
    status: int

    @property
    def is_accepted(self) -> bool:
        return self.status == 200


class Network:
    """What stands between the functions and the world. Calls that no invocation makes are let through."""

    def __init__(self, strike: Strike | None = None) -> None:
        self.strike = strike
        self.hosts: dict[int, str] = {}  # port → whose it is; any other port is AWS
        self.effects: list[str] = []  # of all invocations so far
        self.firsts: list[int] = []  # the first one of each invocation
        self.posts_taken: list[bool] = []  # of each post to Slack, whether it was
        self.struck: list[Effect] | None = None  # what the killed invocation did, once there is one
        self._invocation: list[Effect] = []
        self._is_running = False
        self._is_dead = False

    def invoke(self, work: Callable[[], T]) -> T | None:
        """Run one invocation of a function; None if it was killed."""
        self._invocation, self._is_running, self._is_dead = [], True, False
        self.firsts.append(len(self.effects))
        try:
            answer = work()
        except PowerCut:
            return None
        else:
            assert not self._is_dead, "somebody caught the kill"
            return answer
        finally:
            workers = [thread.name for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]
            assert workers == [], "a worker outlived its invocation"
            self._is_running = False

    def every_strike(self) -> list[Strike]:
        """A strike for each state the world can be left in by a kill at any call so far, on either side of it.

        After a call is before the next one of the same invocation: in between a process does nothing others could see.
        Nor is there anything to see of a call that only reads: what is left is what the one before it left.
        """
        before = (Strike(at, "before") for at in self.firsts)
        after = (Strike(at, "after") for at, name in enumerate(self.effects) if not READS.match(name))
        return sorted({*before, *after}, key=lambda strike: (strike.at, strike.side == "after"))

    def urlopen(
        self,
        send: Callable[..., BaseHTTPResponse],
        port: int,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401 - urllib3's own
    ) -> BaseHTTPResponse:
        """One call: what urllib3 does by `send`, or the end of the invocation."""
        if not self._is_running:
            return send(method, url, **options)
        if self._is_dead:
            raise PowerCut
        name = self._name(port, method, url, options)
        number = len(self.effects)
        self.effects.append(name)
        if self.strike == Strike(number, "before"):
            self._kill()
        response = send(method, url, **options)
        self._invocation.append(Effect(name, response.status))
        if name.startswith("Slack"):
            self.posts_taken.append(self._invocation[-1].is_accepted)
        if self.strike == Strike(number, "after"):
            response.drain_conn()
            response.release_conn()
            self._kill()
        return response

    def _kill(self) -> None:
        self._is_dead, self.struck = True, self._invocation
        raise PowerCut

    def _name(self, port: int, method: str, url: str, options: Mapping[str, Any]) -> str:
        path = urlsplit(url).path
        host = self.hosts.get(port)
        if host == "Slack":
            return f"Slack {method} {path.split('/')[3]}"
        if host is not None:
            return f"{host} {method} {path}"
        return aws_name(options["headers"], options["body"])


def aws_name(headers: Mapping[str, Any], body: Any) -> str:  # noqa: ANN401 - bytes or text, as botocore likes
    """The name of a call to AWS."""
    text = body.decode() if isinstance(body, bytes) else str(body)
    target = headers.get("X-Amz-Target")
    if target is None:  # SNS speaks forms
        form = {name: values[0] for name, values in parse_qs(text).items()}
        if not form["Action"].startswith("Publish"):
            return f"SNS {form['Action']}"
        to, runs = attributes(form, "destination"), attributes(form, "run_id")
        return f"SNS {form['Action']} {','.join(to)} of run {','.join(dict.fromkeys(runs))}"
    service, operation = (target.decode() if isinstance(target, bytes) else target).split(".")
    return " ".join(filter(None, [service.partition("_")[0], operation, subject(json.loads(text))]))


def attributes(form: Mapping[str, str], wanted: str) -> list[str]:
    """What an attribute says, of each message of a form."""
    names = [name for name, value in form.items() if name.endswith(".Name") and value == wanted]
    return [form[name.replace(".Name", ".Value.StringValue")] for name in names]


def subject(request: Mapping[str, Any]) -> str:
    """The item that a call to DynamoDB is about; empty for any other service."""
    if "TransactItems" in request:
        return subject(request["TransactItems"][0]["Put"])
    if "RequestItems" in request:
        return ", ".join(subject({"Key": key}) for table in request["RequestItems"].values() for key in table["Keys"])
    key = request.get("Item") or request.get("Key")
    if key is None:
        return str(request.get("IndexName", ""))
    pk = str(key["pk"]["S"])
    return pk if pk.startswith("DELIVERY#") else f"{pk}/{key['sk']['S']}"  # a delivery's second key is a hash
