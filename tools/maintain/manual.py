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
BLOCK: Final = re.compile(r"(<!-- help: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def help_of(name: str) -> str:
    """What `testmo-notifier <name> --help` prints, at a fixed width."""
    command = {command.name: command for command in COMMANDS}[name]
    context = click.Context(
        command,
        info_name=f"testmo-notifier {name}",
        **{**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH},
    )
    return command.get_help(context)


def renewed(text: str) -> str:
    """The page with every help as it is now; a command without a place in it is an error."""
    missing = {command.name for command in COMMANDS} - {found[2] for found in BLOCK.finditer(text)}
    if missing:
        raise ValueError(f"{PAGE.name} does not tell of {', '.join(sorted(map(str, missing)))}")
    return BLOCK.sub(lambda found: f"{found[1]}```text\n{help_of(found[2])}\n```\n{found[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
