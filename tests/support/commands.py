"""The commands of docs/deploy.md and of the examples in docs/ci as data."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from botocore import xform_name

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = DOCS / "deploy.md"
CI: Final = DOCS / "ci"
SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
FENCE: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: Path = PAGE) -> dict[str, str]:
    """Each section's text by its heading."""
    parts = SECTION.split(page.read_text("utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(text: str) -> Iterator[list[str]]:
    """Every command of the console blocks, as words; pipes and `&&` separate commands."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in split(line):
                if word in ("|", "&&", ";"):
                    yield words
                    words = []
                else:
                    words.append(word)
            if words:
                yield words


def split(line: str) -> list[str]:
    """The words of a line, without its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def documented(section: str) -> list[list[str]]:
    """The commands of a section."""
    return list(commands(sections()[section]))


def examples() -> Iterator[str]:
    """What the jobs of both examples run, GitHub's first."""
    github = yaml.safe_load((CI / "github-actions.yml").read_text("utf-8"))["jobs"]
    yield from (step["run"] for job in github.values() for step in job["steps"] if "run" in step)
    gitlab = yaml.safe_load((CI / "gitlab-ci.yml").read_text("utf-8"))
    yield from (line for job in ("test", "deploy") for line in gitlab[job]["script"])


def every_command() -> list[list[str]]:
    """Of the page and the examples: the program without its folder. Assignments are left out."""
    found = [words for section in sections() for words in documented(section)]
    found += commands("".join(f"```console\n{line.rstrip()}\n```\n" for line in examples()))
    bare = [words for words in found if not re.match(r"[A-Z_]+=", words[0])]
    return [[words[0].rpartition("/")[2], *words[1:]] for words in bare]


def options(words: list[str]) -> dict[str, str | bool]:
    """The options of an AWS command; `--no-x` is False, one without a value is True."""
    found: dict[str, str | bool] = {}
    rest = words[3:]
    while rest:
        name = rest.pop(0)
        assert name.startswith("--"), f"{name} in {words}"
        if rest and not rest[0].startswith("--"):
            found[name[2:]] = rest.pop(0)
        else:
            found[name[2:].removeprefix("no-")] = not name.startswith("--no-")
    return found


def run(client: Any, words: list[str], values: Mapping[str, str]) -> None:  # noqa: ANN401 - any client
    """Do what an AWS command says, by the call it stands for."""
    operation = "".join(part.capitalize() for part in words[2].split("-"))
    members = client.meta.service_model.operation_model(operation).input_shape.members
    given = {
        next(one for one in members if xform_name(one, "-") == name): value for name, value in options(words).items()
    }
    getattr(client, words[2].replace("-", "_"))(
        **{name: values.get(value, value) if isinstance(value, str) else value for name, value in given.items()}
    )
