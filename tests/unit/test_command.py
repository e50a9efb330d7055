"""The command as a new user meets it: its version, its help, the Tab key, and how little it waits for."""

from __future__ import annotations

import errno
import io
import os
import shlex
import socket
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner, Result

from testmo_notifier.version import VERSION
from tests.support.template import ROOT, TEMPLATE
from tools.cli import AUDIENCES, main
from tools.lib.asked import Command
from tools.lib.version import compared, version
from tools.settings.samples import NAMES
from tools.simulator.scenarios import SCENARIOS


def ask(*words: str, **environ: str) -> Result:
    return CliRunner().invoke(main, list(words), env=environ, prog_name="testmo-notifier")


# ----- One version, told everywhere -------------------------------------------------------------------------


def test_the_version_is_the_same_in_the_command_the_layer_and_the_template() -> None:
    assert ask("--version").stdout == f"testmo-notifier {version()}\n"
    assert version() == VERSION, "layers/common/testmo_notifier/version.py"
    assert TEMPLATE["Outputs"]["Version"]["Value"] == VERSION, "template.yaml, Outputs"


def test_a_stack_of_another_version_is_told_with_both() -> None:
    assert compared("1.1.0", "1.1.0") == "1.1.0"
    assert compared("1.0.1", "1.1.0") == "1.0.1; this command is 1.1.0"
    assert compared(None, "1.1.0") == "1.0.0 (its output Version is missing); this command is 1.1.0"


# ----- Ctrl-C ------------------------------------------------------------------------------------------------


def of_a_class_that_was_being_made() -> RuntimeError:
    """What Python 3.11 makes of Ctrl-C in the middle of `__set_name__`, as while a module is imported."""
    error = RuntimeError("Error calling __set_name__ on 'Unknown' instance '__dataclass_fields__' in 'Count'")
    error.__cause__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), of_a_class_that_was_being_made()])
@pytest.mark.parametrize("module", ["tools.settings.check.problems", "tools.settings.preview.chosen"])
def test_ctrl_c_ends_every_command_with_the_status_that_shells_expect(
    error: BaseException, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, interrupted)
    done = ask(module.split(".")[2])
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "stopped\n")


def test_other_errors_are_no_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Error calling __set_name__")

    monkeypatch.setattr("tools.settings.check.problems", broken)
    assert isinstance(ask("check").exception, RuntimeError)


@pytest.mark.parametrize(("words", "step"), [(("simulator", "--port"), "--port"), (("preview", "--page"), "--page")])
def test_a_port_that_is_taken_is_told_with_the_way_to_a_free_one(words: tuple[str, str], step: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = ask(*words, str(port))
    assert done.exit_code == 1
    assert f"cannot listen on port {port} (Address already in use): {step} 0 takes any free one" in done.stderr


# ----- Where nothing can be written --------------------------------------------------------------------------


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


WRITING = [["--version"], ["--help"], ["check"], ["check", "--json"], ["preview"], ["route"], ["completion", "bash"]]


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_a_full_disk_is_told_in_a_sentence_and_no_traceback(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", FullDisk())
        with pytest.raises(SystemExit) as ended:
            main(words, prog_name="testmo-notifier")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "The system refused to read or write: No space left on device\n"


def test_whoever_closed_the_output_is_answered_by_the_exit_status_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)  # as Python has it after `>&-`
        with pytest.raises(SystemExit) as ended:
            main(["check", "--json"], prog_name="testmo-notifier")
    assert (ended.value.code, capsys.readouterr().err) == (0, "")


# ----- Help ------------------------------------------------------------------------------------------------


def test_help_lists_every_command_once_under_the_heading_of_its_audience() -> None:
    listed = [name for names in AUDIENCES.values() for name in names]
    assert sorted(listed) == sorted(main.commands)

    said = ask("--help").stdout

    for heading, names in AUDIENCES.items():
        section = said.partition(f"{heading}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if line[2] != " "] == list(names)
    assert "..." not in said.partition("[ARGS]...")[2], "no sentence is cut"


def every_command(group: click.Group, above: str = "") -> dict[str, click.Command]:
    """By what is typed."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        found[f"{above}{name}"] = command
        if isinstance(command, click.Group):
            found |= every_command(command, f"{above}{name} ")
    return found


@pytest.mark.parametrize("name", sorted(every_command(main)))
def test_every_command_has_examples_that_it_takes(name: str) -> None:
    command, names = every_command(main)[name], name.split()
    assert isinstance(command, Command)
    assert command.examples
    said = ask(*names, "--help").stdout
    for typed, purpose in command.examples:
        assert f"$ {typed}" in said
        assert " ".join(purpose.split()) in " ".join(said.split())
        words = shlex.split(typed.strip("'").removeprefix("eval ").strip('"$()'))
        words = words[words.index("testmo-notifier") :]  # what is before it sets variables
        own = words[: next((n for n, word in enumerate(words) if word in ("|", ">")), None)]
        assert own[: len(names) + 1] == ["testmo-notifier", *names]
        given = [word if not word.startswith("../") else str(ROOT) for word in own[len(names) + 1 :]]
        command.make_context(names[-1], given)


def test_help_names_what_can_be_chosen() -> None:
    assert f"[{'|'.join(SCENARIOS)}]" in ask("simulator", "--help").stdout
    assert f"[{'|'.join(SCENARIOS)}]" in ask("local", "--help").stdout
    assert "all|slack|email|event" in ask("preview", "--help").stdout
    assert all(name in ask("preview", "--help").stdout for name in NAMES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulator", "--scenario", "nope"], "'nope' is not one of 'default', 'release-day'"),
        (["preview", "--channel", "sms"], "'sms' is not one of 'all', 'slack', 'email', 'event'"),
        (["local", "--scenario", "nope"], "--scenario is 'nope': give one of default, release-day"),
        (["completion", "cmd"], "'cmd' is not one of 'bash', 'zsh', 'fish'"),
        (["docter"], "No such command 'docter'"),
    ],
)
def test_a_slip_of_the_fingers_is_told_with_what_there_is(words: list[str], said: str) -> None:
    result = ask(*words)
    assert result.exit_code == 2
    assert said in result.stderr


# ----- The Tab key -----------------------------------------------------------------------------------------


def completed(line: str) -> list[str]:
    """What the shell is told to offer for the last word of a line."""
    words = line.split(" ")
    given = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TESTMO_NOTIFIER_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", "from tools.cli import main; main(prog_name='testmo-notifier')"],
        cwd=ROOT, env=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("testmo-notifier do", ["doctor"]),
        ("testmo-notifier send-test --di", ["--direct"]),
        ("testmo-notifier local --scenario re", ["release-day"]),
        ("testmo-notifier preview --sample h", ["held", "hostile", "huge"]),
        ("testmo-notifier redrive --queue s", ["slack", "subscription"]),
    ],
)
def test_the_tab_key_completes_commands_flags_and_names(line: str, offered: list[str]) -> None:
    assert [word for word in completed(line) if word != "--destination"] == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    said = ask("completion", shell)
    assert said.exit_code == 0
    assert "testmo-notifier" in said.stdout
    assert f"_TESTMO_NOTIFIER_COMPLETE={shell}_complete" in said.stdout


# ----- How little it waits for -----------------------------------------------------------------------------

AWS = ("boto3", "botocore", "aws_lambda_powertools", "mypy_boto3")
SCREEN = ("rich", "jinja2", "yaml", "urllib3")
LOOK = (
    "import sys, contextlib, io\n"
    "from tools.cli import main\n"
    "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
    "    main(sys.argv[1:])\n"
    "print(sorted({name.partition('.')[0] for name in sys.modules}))"
)


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--help"], AWS + SCREEN),
        (["--version"], AWS + SCREEN),
        (["doctor", "--help"], AWS + SCREEN),
        (["local", "--help"], AWS + SCREEN),
        (["preview", "--help"], AWS + SCREEN),
        (["simulator", "--help"], AWS + SCREEN),
        (["check"], (*AWS, "urllib3")),
        (["preview"], (*AWS, "urllib3")),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_no_aws_waits_for_none(words: list[str], unwanted: tuple[str, ...]) -> None:
    """The clients of AWS take longer to import than everything else together."""
    done = subprocess.run([sys.executable, "-c", LOOK, *words], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert [name for name in unwanted if f"'{name}'" in done.stdout] == []
