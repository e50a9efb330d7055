"""Keeps docs/commands.md true: what each command's `--help` says stands in it word by word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from tools.lib.processes import ROOT
from tools.ops.commands import COMMANDS

PAGE: Final[Path] = ROOT / "docs" / "commands.md"
WIDTH: Final = 100
BLOCK: Final = re.compile(r"(<!-- help: ([a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def every_command() -> dict[str, click.Command]:
    """By what is typed; one that consists of others comes before these."""
    found: dict[str, click.Command] = {}
    for command in COMMANDS:
        found[command.name or ""] = command
        if isinstance(command, click.Group):
            found |= {f"{command.name} {name}": one for name, one in command.commands.items()}
    return found


def help_of(name: str) -> str:
    """What `testmo-notifier <name> --help` prints, at a fixed width."""
    command = every_command()[name]
    context = click.Context(
        command,
        info_name=f"testmo-notifier {name}",
        **{**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH},
    )
    return command.get_help(context)


def renewed(text: str) -> str:
    """The page with every help as it is now; a command without a place in it is an error."""
    missing = every_command().keys() - {found[2] for found in BLOCK.finditer(text)}
    if missing:
        raise ValueError(f"{PAGE.name} does not tell of {', '.join(sorted(missing))}")
    return BLOCK.sub(lambda found: f"{found[1]}```text\n{help_of(found[2])}\n```\n{found[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
