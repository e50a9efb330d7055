"""What alarms, runbook and SECURITY.md tell somebody to type can be typed."""

from __future__ import annotations

import re

import click
import pytest

from tests.support.alarms import ALARMS
from tests.support.template import ROOT
from tools.cli import main

TEXTS = [
    (ROOT / "docs" / "runbook.md").read_text(),
    (ROOT / "SECURITY.md").read_text(),
    *(alarm["AlarmDescription"] for alarm in ALARMS.values()),
]
COMMANDS = sorted({command for text in TEXTS for command in re.findall(r"testmo-notifier ([a-z][^`\n]*)[`\n]", text)})


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_exists_with_the_options_it_is_given(line: str) -> None:
    command: click.Command = main
    words = line.split()
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert COMMANDS
