"""docs/runbook.md, read as whoever follows it reads it: sections, steps, and what is to be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import boto3
from botocore import xform_name

from tests.support.template import ROOT
from tools.lib.aws import CONFIG, Aws

TEXT = (ROOT / "docs" / "runbook.md").read_text("utf-8")
CODE = re.compile(r"```sh\n(?P<block>.*?)```|`(?P<inline>(?:testmo-notifier [a-z]|aws [a-z])[^`]*)`", re.DOTALL)
STEP = re.compile(r"^(\d+)\. ", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """A step, or the sentence that says when it is fixed."""

    text: str

    @cached_property
    def words(self) -> str:
        """The text with its lines joined."""
        return " ".join(self.text.split())

    @cached_property
    def commands(self) -> list[str]:
        """What is to be typed, in order."""
        return [commandline(found["block"] or found["inline"]) for found in CODE.finditer(self.text)]


@dataclass(frozen=True)
class Section:
    """One section: what it is about, what to do, and when it is over."""

    title: str
    text: str

    @property
    def alarms(self) -> set[str]:
        return set(re.findall(r"`(\w+Alarm)`", self.text.partition("**")[0]))

    @property
    def steps(self) -> list[Passage]:
        """The numbered steps; they are numbered from 1 without a gap."""
        todo = self.text.partition("\n**Do**\n")[2].partition("\n**Fixed when**")[0]
        numbers = list(map(int, STEP.findall(todo)))
        assert numbers == list(range(1, len(numbers) + 1)), self.title
        return [Passage(text) for text in STEP.split(todo)[2::2]]

    @property
    def fixed(self) -> Passage:
        return Passage(self.text.partition("\n**Fixed when**")[2])


def sections(text: str = TEXT) -> dict[str, Section]:
    """Every section by its title; the introduction has none."""
    titles, bodies = (part := re.split(r"^## (.+)\n", text, flags=re.MULTILINE))[1::2], part[2::2]
    return {title: Section(title, body) for title, body in zip(titles, bodies, strict=True)}


def introduction() -> Passage:
    return Passage(TEXT.partition("\n## ")[0])


def commandline(code: str) -> str:
    """Code as one line, as a shell joins it."""
    return re.sub(r"\s*\\?\n\s*", " ", code.strip())


class Follower:
    """Somebody who follows one section step by step. At the end, every step was read and every command typed."""

    def __init__(self, title: str, run: Callable[[str], Any], *, section: Section | None = None) -> None:
        self.section = section or sections()[title]
        self._run = run
        self._passages = [*self.section.steps, self.section.fixed]
        self._here = -1
        self._typed: list[list[str]] = [[] for _ in self._passages]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            assert self._here == len(self._passages) - 1, f"{self.section.title}: not followed to its end"
            for passage, typed in zip(self._passages, self._typed, strict=True):
                assert [one for one in passage.commands if one not in typed] == [], f"{self.section.title}: left out"

    def step(self, *words: str) -> Passage:
        """Go on to the next step, which says this."""
        self._here += 1
        here = self._passages[self._here]
        assert here is not self._passages[-1], f"{self.section.title} has only {self._here} steps"
        assert [one for one in words if one not in here.words] == [], here.words
        return here

    def fixed(self, *words: str) -> Passage:
        """Go on to the sentence that says when it is over."""
        self._here += 1
        here = self._passages[self._here]
        assert here is self._passages[-1], f"{self.section.title} has more steps: {here.words}"
        assert here.words, f"{self.section.title} does not say when it is fixed"
        assert [one for one in words if one not in here.words] == [], here.words
        return here

    def type(self, *, number: int = 0, extra: str = "", **values: str) -> Any:  # noqa: ANN401 - what the command said
        """Type a command of this step, with its capitals replaced by what they stand for."""
        command = self._passages[self._here].commands[number]
        self._typed[self._here].append(command)
        line = command
        for name, value in values.items():
            assert re.search(rf"\b{name}\b", line), f"{command} has no {name}"
            line = re.sub(rf"\b{name}\b", value, line)
        return self._run(f"{line} {extra}".strip())


# What is pasted goes in by a pipe; the `aws` command behind it reads it from there.
PASTED: Final = re.compile(r'read -rs SECRET && printf %s "\$SECRET" \| (aws .* file:///dev/stdin); unset SECRET')


class Cli:
    """The `aws` command as far as the runbook needs it: names and parameters are checked against AWS's own models."""

    def __init__(self, aws: Aws) -> None:
        self.pasted = ""
        self._session = boto3.Session(aws.access_key_id, aws.secret_access_key, region_name=aws.region)
        self._endpoint = aws.endpoint

    def shell(self, line: str) -> str:
        """A line of a shell: `&&`, one level of `$(…)`, a pasted secret, `aws …`; what the last command printed."""
        pasted = PASTED.fullmatch(line)
        if pasted:
            assert self.pasted, "nothing was pasted"
            return self.shell(pasted[1])
        line = re.sub(r'"?\$\((.*?)\)"?', lambda found: shlex.quote(self.shell(found[1])), line)
        printed = ""
        for part in line.split(" && "):
            match shlex.split(part):
                case ["aws", service, operation, *words]:
                    printed = self._call(service, operation, words)
                case other:
                    raise AssertionError(f"nobody knows how to run {other}")
        return printed

    def _call(self, service: str, operation: str, words: list[str]) -> str:
        client: Any = self._session.client(service, endpoint_url=self._endpoint, config=CONFIG)  # type: ignore[call-overload]
        if (service, operation) == ("logs", "tail"):  # the command line's own; AWS's interface has no such call
            group, since, form = words[0], words[words.index("--since") + 1], words[words.index("--format") + 1]
            assert re.fullmatch(r"\d+m", since)
            assert form == "short"
            events = client.filter_log_events(logGroupName=group)["events"]
            return "\n".join(event["message"] for event in events)
        method = operation.replace("-", "_")
        members = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[method]
        ).input_shape.members
        names = {xform_name(name, "-"): name for name in members}
        given: dict[str, Any] = {}
        query = ""
        rest = iter(words)
        for word in rest:
            flag = word.removeprefix("--")
            if flag in ("query", "output"):
                value = next(rest)
                query = value if flag == "query" else query
            elif members[names[flag.removeprefix("no-")]].type_name == "boolean":
                given[names[flag.removeprefix("no-")]] = not flag.startswith("no-")
            else:
                given[names[flag]] = self._value(next(rest))
        answer: Any = getattr(client, method)(**given)
        for name in query.split(".") if query else ():
            answer = answer[name]
        return str(answer)

    def _value(self, word: str) -> str:
        return self.pasted if word == "file:///dev/stdin" else word
