"""Keeps docs/commands.md true: what each command's `--help` says stands in it word by word."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tools.lib.processes import ROOT
from tools.maintain.pages import renewed
from tools.ops.commands import COMMANDS

PAGE: Final[Path] = ROOT / "docs" / "commands.md"
WIDTH: Final = 100


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


def commands_page() -> str:
    """The page with every help as it is now."""
    parts = {f"help of {name}": f"```text\n{help_of(name)}\n```" for name in every_command()}
    return renewed(PAGE.read_text("utf-8"), parts)


if __name__ == "__main__":
    PAGE.write_text(commands_page(), "utf-8")
